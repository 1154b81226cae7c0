//! The object's own type information: what libbpf and aya-obj need to read map definitions from `.maps`.
//!
//! The format is that of Documentation/bpf/btf.rst. Each map is a variable of an anonymous struct whose members are
//! pointers to arrays; the length of the array is the value of the attribute (libbpf's convention, `__uint` in
//! its bpf_helpers.h).

use crate::ir::MapDef;
use std::collections::HashMap;

/// Bytes of one map's definition in `.maps`: a pointer for each attribute.
pub(crate) fn definition_size(map: &MapDef) -> u32 {
    8 * attributes(map).count() as u32
}

/// The attributes that are not 0, which is what a missing one means.
fn attributes(map: &MapDef) -> impl Iterator<Item = (&'static str, u32)> {
    [
        ("type", map.kind),
        ("key_size", map.key_size),
        ("value_size", map.value_size),
        ("max_entries", map.max_entries),
        ("map_flags", map.flags),
    ]
    .into_iter()
    .filter(|(_, n)| *n != 0)
}

/// The contents of `.BTF` for these maps, which lie in `.maps` one after the other.
pub(crate) fn maps_btf(maps: &[MapDef]) -> Vec<u8> {
    let mut b = Btf { types: Vec::new(), strings: vec![0], offsets: HashMap::new(), count: 0, numbers: HashMap::new() };
    let int = b.int();
    let mut entries = Vec::new();
    let mut at = 0;
    for map in maps {
        let members: Vec<(&str, u32)> = attributes(map).map(|(name, n)| (name, b.number(int, n))).collect();
        let size = definition_size(map);
        let definition = b.structure(&members, size);
        let variable = b.variable(&map.name, definition);
        entries.push((variable, at, size));
        at += size;
    }
    b.section(".maps", &entries, at);
    b.finish()
}

/// Type information for a program's functions, as `BPF_BTF_LOAD` takes it: the n-th function is type `n + FIRST_FUNCTION`. The
/// kernel asks for it where a function's address is taken; prototypes say no more than that a number is returned.
pub fn functions_btf(names: &[String]) -> Vec<u8> {
    let mut b = Btf { types: Vec::new(), strings: vec![0], offsets: HashMap::new(), count: 0, numbers: HashMap::new() };
    let int = b.int();
    let proto = b.add("", kind::FUNC_PROTO, 0, int, &[]);
    for name in names {
        // BTF_FUNC_STATIC
        b.add(name, kind::FUNC, 0, proto, &[]);
    }
    b.finish()
}

/// Number of the first function's type in [`functions_btf`].
pub const FIRST_FUNCTION: u32 = 3;

/// `BTF_KIND_*` of include/uapi/linux/btf.h.
mod kind {
    pub const INT: u32 = 1;
    pub const PTR: u32 = 2;
    pub const ARRAY: u32 = 3;
    pub const STRUCT: u32 = 4;
    pub const FUNC: u32 = 12;
    pub const FUNC_PROTO: u32 = 13;
    pub const VAR: u32 = 14;
    pub const DATASEC: u32 = 15;
}

struct Btf {
    types: Vec<u8>,
    strings: Vec<u8>,
    offsets: HashMap<String, u32>,
    count: u32,
    /// Pointers to arrays of so many elements.
    numbers: HashMap<u32, u32>,
}

impl Btf {
    fn words(&mut self, words: &[u32]) {
        self.types.extend(words.iter().flat_map(|w| w.to_le_bytes()));
    }

    fn string(&mut self, s: &str) -> u32 {
        if let Some(at) = self.offsets.get(s) {
            return *at;
        }
        let at = self.strings.len() as u32;
        self.strings.extend(s.bytes().chain([0]));
        self.offsets.insert(s.to_string(), at);
        at
    }

    /// Adds `struct btf_type` and what follows it; the number of the type.
    fn add(&mut self, name: &str, kind: u32, vlen: usize, size_or_type: u32, rest: &[u32]) -> u32 {
        let name = if name.is_empty() { 0 } else { self.string(name) };
        self.words(&[name, kind << 24 | vlen as u32, size_or_type]);
        self.words(rest);
        self.count += 1;
        self.count
    }

    fn int(&mut self) -> u32 {
        // BTF_INT_SIGNED, offset 0, 32 bits.
        self.add("int", kind::INT, 0, 4, &[1 << 24 | 32])
    }

    fn number(&mut self, int: u32, n: u32) -> u32 {
        if let Some(id) = self.numbers.get(&n) {
            return *id;
        }
        let array = self.add("", kind::ARRAY, 0, 0, &[int, int, n]);
        let pointer = self.add("", kind::PTR, 0, array, &[]);
        self.numbers.insert(n, pointer);
        pointer
    }

    fn structure(&mut self, members: &[(&str, u32)], size: u32) -> u32 {
        let mut rest = Vec::new();
        for (i, (name, ty)) in members.iter().enumerate() {
            rest.extend([self.string(name), *ty, 64 * i as u32]);
        }
        self.add("", kind::STRUCT, members.len(), size, &rest)
    }

    fn variable(&mut self, name: &str, ty: u32) -> u32 {
        // BTF_VAR_GLOBAL_ALLOCATED
        self.add(name, kind::VAR, 0, ty, &[1])
    }

    fn section(&mut self, name: &str, entries: &[(u32, u32, u32)], size: u32) -> u32 {
        let rest: Vec<u32> = entries.iter().flat_map(|(ty, at, size)| [*ty, *at, *size]).collect();
        self.add(name, kind::DATASEC, entries.len(), size, &rest)
    }

    fn finish(self) -> Vec<u8> {
        const HEADER: u32 = 24;
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        let mut out = vec![0x9f, 0xeb, 1, 0];
        for word in [HEADER, 0, types, types, strings] {
            out.extend(word.to_le_bytes());
        }
        out.extend(self.types);
        out.extend(self.strings);
        out
    }
}
