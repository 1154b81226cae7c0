//! The object: an ELF file that aya-obj, libbpf and bpftool read.
//!
//! | section | contents |
//! |---|---|
//! | `raw_tp/NAME`, `tracepoint/NAME`, `kprobe/NAME` | one program each, under the symbol `NAME` |
//! | `perf_event` | all programs of that kind: libbpf knows the name without a suffix alone |
//! | `license` | the licence, with its NUL |
//! | `.maps`, `.BTF` | the maps' definitions; see [`crate::btf`] |
//! | `.bss`, `.rodata` | global data, if there is any |
//! | `.beetrace` | the manifest, if given |
//!
//! Relocations are `R_BPF_64_64` without addends of their own: the addend is in the instruction's `imm`.

use crate::btf;
use crate::disasm::disassemble;
use crate::emit::{Code, RelocTarget, assemble};
use crate::error::Error;
use crate::ir::{Module, Section, verify};
use crate::manifest::{self, ProgramKind};
use lang::source::Span;
use object::write::{Object as Writer, Relocation, SectionId, StandardSegment, Symbol, SymbolId, SymbolSection};
use object::{Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind, SymbolScope, elf};

/// What [`write_object`] makes.
#[derive(Clone, Debug, Default)]
pub struct Object {
    /// The ELF file.
    pub elf: Vec<u8>,
    /// The programs, in the module's order.
    pub programs: Vec<Program>,
}

/// A program as it is in the object.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Its symbol.
    pub symbol: String,
    /// Its code before linking, with the line records. The functions that it reaches follow the program itself.
    pub code: Code,
    /// Where those functions begin (instruction slot), and their names.
    pub functions: Vec<(u32, String)>,
}

/// Puts the functions that a program reaches behind it, and completes its calls and addresses of them, which count
/// instruction slots from the next one.
fn link(mut code: Code, subs: &[Code]) -> (Code, Vec<(u32, u32)>) {
    let mut placed: Vec<(u32, u32)> = Vec::new();
    let mut next = 0;
    while next < code.relocs.len() {
        let reloc = code.relocs[next];
        let RelocTarget::Sub(sub) = reloc.target else {
            next += 1;
            continue;
        };
        let start = match placed.iter().find(|(_, s)| *s == sub) {
            Some((at, _)) => *at,
            None => {
                let at = code.insns.len() as u32;
                placed.push((at, sub));
                let part = &subs[sub as usize];
                code.insns.extend_from_slice(&part.insns);
                code.relocs.extend(part.relocs.iter().map(|r| crate::emit::Reloc { at: r.at + at, target: r.target }));
                code.lines.extend(part.lines.iter().map(|(l, s)| (l + at, *s)));
                code.frame = code.frame.max(part.frame);
                at
            }
        };
        code.insns[reloc.at as usize].imm = start as i32 - reloc.at as i32 - 1;
        code.relocs.remove(next);
    }
    (code, placed)
}

impl Program {
    /// `(index of the first instruction slot, place in the script)`, ascending.
    pub fn lines(&self) -> &[(u32, Span)] {
        &self.code.lines
    }
}

impl Object {
    /// All programs disassembled, for `-d asm` and golden files.
    pub fn listing(&self) -> String {
        self.programs
            .iter()
            .map(|p| format!("{}: # {} bytes of stack\n{}", p.symbol, p.code.frame, disassemble(&p.code.insns)))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// Compiles the functions of a module, which is verified first but not optimised, and writes the object.
/// `manifest_json` goes into its own section.
pub fn write_object(module: &Module, manifest_json: Option<&[u8]>) -> Result<Object, Error> {
    verify::verify_module(module)?;
    let mut w = ObjectWriter::new(module);
    let mut programs = Vec::with_capacity(module.functions.len());
    let subs = module.subs.iter().map(assemble).collect::<Result<Vec<Code>, Error>>()?;
    for (kind, f) in &module.functions {
        let (code, parts) = link(assemble(f)?, &subs);
        w.program(*kind, &f.name, &code)?;
        let functions = parts.into_iter().map(|(at, sub)| (at, module.subs[sub as usize].name.clone())).collect();
        programs.push(Program { symbol: f.name.clone(), code, functions });
    }
    if let Some(json) = manifest_json {
        w.section(manifest::SECTION, SectionKind::Metadata, json, 1);
    }
    let elf = w.elf.write().map_err(|e| Error::Elf(e.to_string()))?;
    Ok(Object { elf, programs })
}

struct ObjectWriter {
    elf: Writer<'static>,
    maps: Vec<SymbolId>,
    bss: Option<SymbolId>,
    rodata: Option<SymbolId>,
    /// The section that all programs of this kind share.
    perf_event: Option<SectionId>,
}

impl ObjectWriter {
    fn new(module: &Module) -> Self {
        let elf = Writer::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little);
        let mut w = ObjectWriter { elf, maps: Vec::new(), bss: None, rodata: None, perf_event: None };
        let mut license = module.license.clone().into_bytes();
        license.push(0);
        w.section("license", SectionKind::Data, &license, 1);
        w.define_maps(module);
        if module.bss_size != 0 {
            let id = w.section(manifest::BSS, SectionKind::UninitializedData, &[], 8);
            w.elf.append_section_bss(id, module.bss_size.into(), 8);
            w.bss = Some(w.elf.section_symbol(id));
        }
        if !module.rodata.is_empty() {
            let id = w.section(".rodata", SectionKind::ReadOnlyData, &module.rodata, 8);
            w.rodata = Some(w.elf.section_symbol(id));
        }
        w
    }

    fn section(&mut self, name: &str, kind: SectionKind, data: &[u8], align: u64) -> SectionId {
        let segment = self.elf.segment_name(StandardSegment::Data).to_vec();
        let id = self.elf.add_section(segment, name.as_bytes().to_vec(), kind);
        if !data.is_empty() {
            self.elf.append_section_data(id, data, align);
        }
        id
    }

    fn symbol(&mut self, name: &str, kind: SymbolKind, section: SectionId, at: u64, size: u64) -> SymbolId {
        self.elf.add_symbol(Symbol {
            name: name.as_bytes().to_vec(),
            value: at,
            size,
            kind,
            scope: SymbolScope::Dynamic,
            weak: false,
            section: SymbolSection::Section(section),
            flags: SymbolFlags::None,
        })
    }

    fn define_maps(&mut self, module: &Module) {
        if module.maps.is_empty() {
            return;
        }
        let sizes: Vec<u32> = module.maps.iter().map(btf::definition_size).collect();
        let bytes = vec![0; sizes.iter().sum::<u32>() as usize];
        let section = self.section(".maps", SectionKind::Data, &bytes, 8);
        let mut at = 0;
        for (map, size) in module.maps.iter().zip(sizes) {
            let symbol = self.symbol(&map.name, SymbolKind::Data, section, at, size.into());
            self.maps.push(symbol);
            at += u64::from(size);
        }
        self.section(".BTF", SectionKind::Metadata, &btf::maps_btf(&module.maps), 4);
    }

    fn program(&mut self, kind: ProgramKind, name: &str, code: &Code) -> Result<(), Error> {
        let section = self.program_section(kind, name);
        let bytes: Vec<u8> = code.insns.iter().flat_map(|i| i.to_bytes()).collect();
        let start = self.elf.append_section_data(section, &bytes, 8);
        self.symbol(name, SymbolKind::Text, section, start, bytes.len() as u64);
        for reloc in &code.relocs {
            let symbol = match reloc.target {
                RelocTarget::Map(m) => self.maps.get(m.0 as usize).copied(),
                RelocTarget::Section(Section::Bss) => self.bss,
                RelocTarget::Section(Section::Rodata) => self.rodata,
                // Completed by `link`.
                RelocTarget::Sub(_) => continue,
            };
            let Some(symbol) = symbol else {
                return Err(Error::Elf(format!("{name}: nothing to relocate against for {:?}", reloc.target)));
            };
            let offset = start + 8 * u64::from(reloc.at);
            let flags = RelocationFlags::Elf { r_type: elf::R_BPF_64_64 };
            self.elf.add_relocation(section, Relocation { offset, symbol, addend: 0, flags }).map_err(|e| Error::Elf(e.to_string()))?;
        }
        Ok(())
    }

    fn program_section(&mut self, kind: ProgramKind, name: &str) -> SectionId {
        if kind != ProgramKind::PerfEvent {
            return self.section(&format!("{kind}/{name}"), SectionKind::Text, &[], 8);
        }
        if let Some(id) = self.perf_event {
            return id;
        }
        let id = self.section(&kind.to_string(), SectionKind::Text, &[], 8);
        self.perf_event = Some(id);
        id
    }
}
