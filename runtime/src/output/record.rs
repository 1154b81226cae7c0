//! Structures, enumerations, and values with names.

use super::value::{Show, narrow, slice, string, word};
use lang::kernel::Field;
use lang::types::{Int, Type};
use std::io::Write as _;

/// The number of an enumeration's value: unsigned, whatever the enumeration is, as in bpftrace.
pub(super) fn number(value: u64, int: Int) -> u64 {
    narrow(value, Int { signed: false, ..int })
}

/// A value as it lies in C memory, widened to what is stored.
pub(super) fn widened(ty: &Type, raw: &[u8]) -> [u8; 8] {
    let mut stored = [0; 8];
    let n = raw.len().min(8);
    stored[..n].copy_from_slice(&raw[..n]);
    match ty.int() {
        Some(int) => narrow(u64::from_le_bytes(stored), int).to_le_bytes(),
        None => stored,
    }
}

/// A field's bytes, widened if it is a scalar. Bits are not extended by a sign, as in bpftrace.
pub(super) fn field_bytes<'a>(field: &Field, record: &'a [u8], widened_to: &'a mut [u8; 8]) -> &'a [u8] {
    let raw = slice(record, field.offset as usize, field.ty.c_size() as usize);
    if let Some((first, bits)) = field.bits {
        // Bits may lie beyond the type's own bytes.
        let unit = word_of(slice(record, field.offset as usize, 8));
        let mask = if bits >= 64 { u64::MAX } else { (1 << bits) - 1 };
        *widened_to = (unit.checked_shr(u32::from(first)).unwrap_or(0) & mask).to_le_bytes();
        return widened_to;
    }
    if field.ty.is_scalar() {
        *widened_to = widened(&field.ty, raw);
        return widened_to;
    }
    raw
}

/// Up to eight bytes as a number.
fn word_of(raw: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes[..raw.len().min(8)].copy_from_slice(&raw[..raw.len().min(8)]);
    u64::from_le_bytes(bytes)
}

/// Characters in an array, which print as a string.
pub(super) fn is_text(field: &Field) -> bool {
    matches!(&field.ty, Type::Array { elem, .. } if matches!(&**elem, Type::Int(i) if i.bits == 8))
        && field.spelling.trim_start_matches("const ").starts_with("char ")
}

impl Show<'_> {
    /// An enumerator's name, or the number if no enumerator has it.
    pub fn enumerator(&mut self, out: &mut Vec<u8>, name: &str, int: Int, value: u64) {
        let value = number(value, int);
        let known = self.manifest.enums.get(name).and_then(|e| e.iter().find(|(_, v)| number(*v as u64, int) == value));
        match known {
            Some((name, _)) => out.extend_from_slice(name.as_bytes()),
            None => {
                let _ = write!(out, "{value}");
            }
        }
    }

    /// A value as it lies in C memory, inside a structure or an array. Strings that fill their array were not cut.
    pub fn raw(&mut self, out: &mut Vec<u8>, ty: &Type, raw: &[u8]) {
        match ty {
            Type::Str(size) => out.extend_from_slice(string(raw, *size)),
            _ if ty.is_scalar() => self.value(out, ty, &widened(ty, raw)),
            _ => self.value(out, ty, raw),
        }
    }

    /// `{ .x = 0, .c = abc }` of a structure's bytes.
    pub fn record(&mut self, out: &mut Vec<u8>, name: &str, bytes: &[u8]) {
        let Some(layout) = self.manifest.records.get(name).filter(|l| !l.fields.is_empty()) else {
            out.extend_from_slice(b"{}");
            return;
        };
        for (i, field) in layout.fields.iter().enumerate() {
            self.name_of_member(out, i, &field.name);
            let mut wide = [0; 8];
            let raw = field_bytes(field, bytes, &mut wide);
            match &field.ty {
                _ if is_text(field) => out.extend_from_slice(string(raw, field.ty.c_size())),
                Type::Str(size) => out.extend_from_slice(string(raw, *size)),
                ty => self.value(out, ty, raw),
            }
        }
        out.extend_from_slice(b" }");
    }

    /// `{ .a = 1, .b = x }` of stored values.
    pub fn named(&mut self, out: &mut Vec<u8>, members: &[(String, Type)], bytes: &[u8]) {
        if members.is_empty() {
            out.extend_from_slice(b"{}");
            return;
        }
        let mut at = 0;
        for (i, (name, ty)) in members.iter().enumerate() {
            self.name_of_member(out, i, name);
            let size = ty.stored_size() as usize;
            self.value(out, ty, slice(bytes, at, size));
            at += size;
        }
        out.extend_from_slice(b" }");
    }

    fn name_of_member(&self, out: &mut Vec<u8>, i: usize, name: &str) {
        out.extend_from_slice(if i > 0 { b", ." } else { b"{ ." });
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b" = ");
    }
}

/// The number of a stored scalar as a conversion of `printf` takes it.
pub(super) fn scalar(ty: &Type, bytes: &[u8]) -> u64 {
    match ty {
        Type::Enum { int, .. } => number(word(bytes, 0), *int),
        _ => word(bytes, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{shown, words};
    use super::*;
    use codegen::manifest::Manifest;
    use lang::kernel::Layout;
    use lang::types::AddrSpace;

    fn field(name: &str, ty: Type, offset: u32) -> Field {
        Field { name: name.into(), spelling: String::new(), ty, offset, bits: None, data_loc: None }
    }

    fn array(elem: Type, len: u32) -> Type {
        Type::Array { elem: Box::new(elem), len }
    }

    fn int(bits: u8, signed: bool) -> Type {
        Type::Int(Int { bits, signed })
    }

    fn with(records: &[(&str, &[Field])]) -> Manifest {
        let mut m = Manifest::default();
        m.enums.insert("Foo".into(), vec![("A".into(), 1), ("B".into(), -2)]);
        for (name, fields) in records {
            m.records.insert(name.to_string(), Layout { size: 0, fields: fields.to_vec() });
        }
        m
    }

    // Expected texts are the oracle's, of the same bytes.

    #[test]
    fn bits_and_characters() {
        let mut x = field("x", int(32, true), 0);
        x.bits = Some((0, 3));
        let mut y = field("y", int(32, false), 0);
        y.bits = Some((3, 5));
        let m = with(&[("A", &[x, y, field("c", Type::Str(4), 1), field("z", int(32, true), 8)])]);
        let bytes = [0xff, 1, b'a', b'b', 0, b'c', b'd', 1, 2, 3, 1, 0];
        assert_eq!(shown(&m, &Type::record("A", 12), &bytes), "{ .x = 7, .y = 31, .c = \u{1}ab, .z = 66306 }");
    }

    #[test]
    fn bits_at_the_end_of_their_unit() {
        let mut low = field("low", int(64, true), 0);
        low.bits = Some((24, 40));
        let m = with(&[("A", &[low])]);
        assert_eq!(shown(&m, &Type::record("A", 8), &words(&[-1])), "{ .low = 1099511627775 }");
    }

    #[test]
    fn numbers_pointers_and_what_has_no_type() {
        let pointer = Type::ptr(Type::Void, AddrSpace::Kernel);
        let m = with(&[
            ("E", &[]),
            (
                "A",
                &[
                    field("ee", Type::record("E", 0), 0),
                    field("np", pointer, 0),
                    field("ll", int(64, true), 8),
                    field("sc", int(8, true), 16),
                    field("uc", int(8, false), 17),
                    field("b", Type::Bool, 18),
                    field("d", Type::Void, 24),
                    field("u", array(int(8, false), 3), 16),
                    field("none", array(int(32, true), 0), 16),
                ],
            ),
        ]);
        let bytes = [&words(&[0x0164_6300_6261_01ff, -7])[..], &[0x80, 0xff, 1, 0, 0, 0, 0, 0], &[0; 8]].concat();
        let want =
            "{ .ee = {}, .np = 0x1646300626101ff, .ll = -7, .sc = -128, .uc = 255, .b = true, .d = null, .u = [128,255,1], .none = [] }";
        assert_eq!(shown(&m, &Type::record("A", 32), &bytes), want);
    }

    #[test]
    fn what_lies_within() {
        let foo = Type::Enum { name: "Foo".into(), int: Int::I32 };
        let inner = [field("a", int(32, true), 0), field("b", foo.clone(), 4)];
        let mut comm = field("comm", array(int(8, false), 4), 0);
        comm.spelling = "char comm[4]".into();
        let s = [
            comm,
            field("ea", array(foo, 2), 0),
            field("arr", array(Type::record("I", 8), 2), 8),
            field("mm", array(Type::Str(3), 2), 24),
            field("n", array(array(Type::record("I", 8), 1), 2), 8),
        ];
        let m = with(&[("I", &inner), ("S", &s)]);
        let bytes = [&[1i32, 23356160, 5, 1, -6, -2].map(i32::to_le_bytes).concat()[..], b"\x01\0\0abc"].concat();
        let arr = "{ .a = 5, .b = A },{ .a = -6, .b = B }";
        let nested = "[{ .a = 5, .b = A }],[{ .a = -6, .b = B }]";
        let want = format!("{{ .comm = \u{1}, .ea = [A,23356160], .arr = [{arr}], .mm = [\u{1},abc], .n = [{nested}] }}");
        assert_eq!(shown(&m, &Type::record("S", 32), &bytes), want);
        let pair = Type::Tuple(vec![Type::record("I", 8), Type::I64]);
        assert_eq!(shown(&m, &pair, &words(&[1 << 32, 3])), "({ .a = 0, .b = A }, 3)");
        assert_eq!(shown(&m, &array(Type::Bool, 2), &[1, 0]), "[true,false]");
        assert_eq!(shown(&m, &Type::record("unknown", 8), &[]), "{}");
    }

    #[test]
    fn numbers_that_are_no_enumerators() {
        let foo = Type::Enum { name: "Foo".into(), int: Int::I32 };
        let m = with(&[]);
        assert_eq!(shown(&m, &foo, &words(&[-2])), "B");
        assert_eq!(shown(&m, &foo, &words(&[-3])), "4294967293");
        assert_eq!(shown(&m, &Type::Enum { name: "Bar".into(), int: Int::I64 }, &words(&[7])), "7");
    }
}
