//! The object as aya-obj reads and links it.

use aya_obj::Object;
use aya_obj::generated::bpf_insn;
use codegen::ir::text::parse_module;
use codegen::{elf, manifest, opt};
use std::collections::HashSet;

const MODULE: &str = include_str!("object.ir");

fn object() -> elf::Object {
    let mut module = parse_module(MODULE).unwrap();
    module.functions.iter_mut().for_each(|(_, f)| opt::optimize(f));
    elf::write_object(&module, Some(b"{}")).unwrap()
}

/// Links with made-up descriptors: 100 + the index of the map in the order of names.
fn linked() -> (Object, Vec<String>) {
    let mut object = Object::parse(&object().elf).unwrap();
    let mut names: Vec<String> = object.maps.keys().cloned().collect();
    names.sort();
    let maps = object.maps.clone();
    let fds = names.iter().enumerate().map(|(i, n)| (n.as_str(), 100 + i as i32, &maps[n]));
    let text = HashSet::new();
    object.relocate_maps(fds, &text).unwrap();
    object.relocate_calls(&text).unwrap();
    (object, names)
}

fn code<'a>(object: &'a Object, program: &str) -> &'a [bpf_insn] {
    &object.functions[&object.programs[program].function_key()].instructions
}

#[test]
fn maps_are_what_was_asked_for() {
    let (object, names) = linked();
    assert_eq!(names, [".bss", ".rodata", "at_x", "ringbuf"]);
    let x = &object.maps["at_x"];
    assert_eq!((x.map_type(), x.key_size(), x.value_size(), x.max_entries()), (5, 16, 8, 4096));
    let ring = &object.maps["ringbuf"];
    assert_eq!((ring.map_type(), ring.key_size(), ring.value_size(), ring.max_entries()), (27, 0, 0, 65536));
    assert_eq!(object.maps[".bss"].value_size(), 128);
    assert_eq!(object.maps[".rodata"].data(), b"hello\0\0\0");
}

#[test]
fn programs_have_their_kinds() {
    use aya_obj::ProgramSection as S;
    let (object, _) = linked();
    let kind = |name: &str| object.programs[name].section.clone();
    assert!(matches!(kind("count_1"), S::RawTracePoint));
    assert!(matches!(kind("emit_2"), S::TracePoint));
    assert!(matches!(kind("p3"), S::PerfEvent));
    assert!(matches!(kind("p4"), S::PerfEvent));
    assert!(matches!(kind("k5"), S::KProbe));
    assert_eq!(object.license.to_str(), Ok("GPL"));
}

#[test]
fn wide_loads_are_linked() {
    let (object, names) = linked();
    let fd = |name: &str| 100 + names.iter().position(|n| n == name).unwrap() as i32;
    let wide: Vec<_> =
        code(&object, "count_1").windows(2).filter(|w| w[0].code == 0x18).map(|w| (w[0].src_reg(), w[0].imm, w[1].imm)).collect();
    // BPF_PSEUDO_MAP_FD is 1, BPF_PSEUDO_MAP_VALUE 2 with the offset in the second slot.
    assert!(wide.contains(&(1, fd("at_x"), 0)), "{wide:?}");
    assert!(wide.contains(&(2, fd(".bss"), 48)), "{wide:?}");
    let wide: Vec<_> = code(&object, "emit_2").iter().filter(|i| i.code == 0x18 && i.src_reg() == 2).collect();
    assert!(wide.iter().any(|i| i.imm == fd(".rodata")));
}

#[test]
fn both_programs_of_a_shared_section_are_whole() {
    let (object, _) = linked();
    for (name, value) in [("p3", 1), ("p4", 70000)] {
        let code = code(&object, name);
        let [.., set, exit] = code else { panic!("{name} is too short") };
        assert_eq!((set.imm, exit.code), (value, 0x95), "{name}");
    }
}

#[test]
fn the_manifest_has_its_section() {
    use object::{Object as _, ObjectSection as _};
    let bytes = object().elf;
    let file = object::File::parse(&*bytes).unwrap();
    assert_eq!(file.section_by_name(manifest::SECTION).unwrap().data().unwrap(), b"{}");
}
