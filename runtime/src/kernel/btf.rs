//! A lazy reader of the kernel's BTF (Documentation/bpf/btf.rst): it indexes the types once and decodes only those that a
//! script names.

use lang::kernel::{Field, Layout};
use lang::types::{AddrSpace, Int, Type};
use std::cell::{Cell, OnceCell};
use std::collections::HashMap;

const PATH: &str = "/sys/kernel/btf/vmlinux";
const MAGIC: u16 = 0xeb9f;
/// Nesting of anonymous members, of typedefs and of pointers that is followed.
const MAX_DEPTH: u32 = 32;
/// A structure without a name is called by this and the number of its type.
const ANONYMOUS: &str = "anon#";

/// Kinds of types (include/uapi/linux/btf.h).
mod kind {
    pub const INT: u32 = 1;
    pub const PTR: u32 = 2;
    pub const ARRAY: u32 = 3;
    pub const STRUCT: u32 = 4;
    pub const UNION: u32 = 5;
    pub const ENUM: u32 = 6;
    pub const TYPEDEF: u32 = 8;
    pub const VOLATILE: u32 = 9;
    pub const CONST: u32 = 10;
    pub const RESTRICT: u32 = 11;
    pub const FUNC: u32 = 12;
    pub const FUNC_PROTO: u32 = 13;
    pub const VAR: u32 = 14;
    pub const DATASEC: u32 = 15;
    pub const DECL_TAG: u32 = 17;
    pub const TYPE_TAG: u32 = 18;
    pub const ENUM64: u32 = 19;
}

/// The BTF of the kernel.
pub(super) struct Btf {
    data: Vec<u8>,
    types: usize,
    strings: (usize, usize),
    /// Offset of each type; type 0 is `void`.
    index: Vec<u32>,
    /// Look-ups of functions so far: a listing asks for all of them.
    asked: Cell<u32>,
    /// Functions by the offset of their names, made when many were asked for.
    by_name: OnceCell<HashMap<String, u32>>,
}

/// Look-ups by name after which an index costs less.
const MANY: u32 = 16;

/// A type's fixed part.
#[derive(Clone, Copy)]
struct Head {
    name: u32,
    kind: u32,
    /// Number of members.
    len: u32,
    /// Of a structure: bit-field offsets are packed with sizes.
    flag: bool,
    /// Size, or the type that is referred to.
    size_or_type: u32,
    /// Where what follows begins.
    body: usize,
}

impl Btf {
    /// Reads the kernel's; `None` if it has none or is not understood.
    pub fn of_kernel() -> Option<Btf> {
        Btf::parse(std::fs::read(PATH).ok()?)
    }

    fn parse(data: Vec<u8>) -> Option<Btf> {
        let word = |at: usize| Some(u32::from_le_bytes(data.get(at..at + 4)?.try_into().ok()?) as usize);
        if data.get(..2)? != MAGIC.to_le_bytes() {
            return None;
        }
        let header = word(4)?;
        let (types, types_len) = (header + word(8)?, word(12)?);
        let (strings, strings_len) = (header + word(16)?, word(20)?);
        if types + types_len > data.len() || strings + strings_len > data.len() {
            return None;
        }
        let mut btf = Btf { data, types, strings: (strings, strings_len), index: vec![0], asked: Cell::new(0), by_name: OnceCell::new() };
        let mut at = 0;
        while at + 12 <= types_len {
            btf.index.push(at as u32);
            let head = btf.head_at(types + at)?;
            at += 12 + extra(&head);
        }
        Some(btf)
    }

    fn word(&self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(self.data.get(at..at + 4)?.try_into().ok()?))
    }

    fn head_at(&self, at: usize) -> Option<Head> {
        let info = self.word(at + 4)?;
        Some(Head {
            name: self.word(at)?,
            kind: info >> 24 & 0x1f,
            len: info & 0xffff,
            flag: info >> 31 != 0,
            size_or_type: self.word(at + 8)?,
            body: at + 12,
        })
    }

    fn head(&self, id: u32) -> Option<Head> {
        if id == 0 {
            return None;
        }
        self.head_at(self.types + *self.index.get(id as usize)? as usize)
    }

    fn heads(&self) -> impl Iterator<Item = (u32, Head)> {
        (1..self.index.len() as u32).filter_map(|id| Some((id, self.head(id)?)))
    }

    fn string(&self, offset: u32) -> &str {
        let start = self.strings.0 + offset as usize;
        let end = self.strings.0 + self.strings.1;
        let bytes = self.data.get(start..end).unwrap_or(&[]);
        let len = bytes.iter().position(|b| *b == 0).unwrap_or(0);
        std::str::from_utf8(&bytes[..len]).unwrap_or("")
    }

    /// The offset of a whole string, so that types are compared by number.
    fn offset_of(&self, name: &str) -> Option<u32> {
        let all = self.data.get(self.strings.0..self.strings.0 + self.strings.1)?;
        let mut needle = Vec::with_capacity(name.len() + 2);
        needle.push(0);
        needle.extend_from_slice(name.as_bytes());
        needle.push(0);
        memchr::memmem::find(all, &needle).map(|at| at as u32 + 1)
    }

    fn find(&self, name: &str, wanted: &[u32]) -> Option<(u32, Head)> {
        let offset = self.offset_of(name)?;
        self.heads().find(|(_, h)| h.name == offset && wanted.contains(&h.kind))
    }

    /// Layout of a structure, or of a union by its name with the prefix `union `.
    pub fn record(&self, name: &str) -> Option<Layout> {
        if let Some(id) = name.strip_prefix(ANONYMOUS) {
            let head = self.head(id.parse().ok()?)?;
            return Some(self.layout(&head));
        }
        let (plain, wanted) = match name.strip_prefix("union ") {
            Some(n) => (n, kind::UNION),
            None => (name, kind::STRUCT),
        };
        let found = self.find(plain, &[wanted]).or_else(|| {
            let (_, typedef) = self.find(plain, &[kind::TYPEDEF])?;
            let id = self.strip(typedef.size_or_type)?;
            Some((id, self.head(id)?))
        })?;
        Some(self.layout(&found.1))
    }

    fn layout(&self, head: &Head) -> Layout {
        let mut fields = Vec::new();
        self.members(head, 0, 0, &mut fields);
        Layout { size: head.size_or_type, fields }
    }

    fn members(&self, head: &Head, base: u32, depth: u32, out: &mut Vec<Field>) {
        if depth > MAX_DEPTH || !matches!(head.kind, kind::STRUCT | kind::UNION) {
            return;
        }
        for i in 0..head.len as usize {
            let at = head.body + i * 12;
            let (Some(name), Some(ty), Some(place)) = (self.word(at), self.word(at + 4), self.word(at + 8)) else { return };
            let (bit, size) = if head.flag { (place & 0xff_ffff, place >> 24) } else { (place, 0) };
            let offset = base + bit / 8;
            let name = self.string(name);
            if name.is_empty() {
                if let Some(inner) = self.strip(ty).and_then(|id| self.head(id)) {
                    self.members(&inner, offset, depth + 1, out);
                }
                continue;
            }
            let ty = self.ty(ty, 0);
            let (offset, bits) = match (size, &ty) {
                (0, _) => (offset, None),
                (n, t) => bit_field(base * 8 + bit, n, t.c_size()),
            };
            out.push(Field { name: name.into(), spelling: String::new(), ty, offset, bits, data_loc: None });
        }
    }

    /// The type behind typedefs and qualifiers.
    fn strip(&self, mut id: u32) -> Option<u32> {
        for _ in 0..MAX_DEPTH {
            let h = self.head(id)?;
            match h.kind {
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => id = h.size_or_type,
                _ => return Some(id),
            }
        }
        None
    }

    fn ty(&self, id: u32, depth: u32) -> Type {
        let Some((id, h)) = self.strip(id).and_then(|id| Some((id, self.head(id)?))) else { return Type::Void };
        if depth > MAX_DEPTH {
            return Type::Void;
        }
        match h.kind {
            kind::INT => {
                let encoding = self.word(h.body).unwrap_or(0);
                let bits = match h.size_or_type {
                    1 => 8,
                    2 => 16,
                    4 => 32,
                    8 => 64,
                    _ => return Type::Void,
                };
                // Strings are arrays of this.
                if self.string(h.name) == "char" {
                    return Type::Int(Int::I8);
                }
                if encoding >> 24 & 4 != 0 { Type::Bool } else { Type::Int(Int { bits, signed: encoding >> 24 & 1 != 0 }) }
            }
            kind::ENUM | kind::ENUM64 => {
                let int = Int { bits: (h.size_or_type.clamp(1, 8) * 8) as u8, signed: h.flag };
                match self.string(h.name) {
                    "" => Type::Int(int),
                    name => Type::Enum { name: name.into(), int },
                }
            }
            kind::PTR => Type::ptr(self.pointee(h.size_or_type, depth + 1), AddrSpace::Kernel),
            kind::ARRAY => {
                let (elem, len) = (self.word(h.body).unwrap_or(0), self.word(h.body + 8).unwrap_or(0));
                Type::Array { elem: Box::new(self.ty(elem, depth + 1)), len }
            }
            kind::STRUCT | kind::UNION => self.named(id, &h),
            _ => Type::Void,
        }
    }

    fn pointee(&self, id: u32, depth: u32) -> Type {
        if id == 0 { Type::Void } else { self.ty(id, depth) }
    }

    fn named(&self, id: u32, h: &Head) -> Type {
        let name = match self.string(h.name) {
            "" => format!("{ANONYMOUS}{id}"),
            name if h.kind == kind::UNION => format!("union {name}"),
            name => name.into(),
        };
        Type::Record { name, size: h.size_or_type }
    }

    fn parameters(&self, proto: &Head, skip: usize) -> Vec<Field> {
        let one = |i: usize| {
            let at = proto.body + i * 8;
            let (name, ty) = (self.word(at)?, self.word(at + 4)?);
            Some(Field {
                name: self.string(name).into(),
                spelling: String::new(),
                ty: self.ty(ty, 0),
                offset: (i - skip) as u32 * 8,
                bits: None,
                data_loc: None,
            })
        };
        (skip..proto.len as usize).filter_map(one).collect()
    }

    /// Parameters and return type of a function.
    pub fn prototype(&self, name: &str) -> Option<(Vec<Field>, Type)> {
        let func = self.function(name)?;
        let proto = self.head(func.size_or_type).filter(|h| h.kind == kind::FUNC_PROTO)?;
        Some((self.parameters(&proto, 0), self.ty(proto.size_or_type, 0)))
    }

    fn function(&self, name: &str) -> Option<Head> {
        self.asked.set(self.asked.get() + 1);
        if self.asked.get() < MANY {
            return self.find(name, &[kind::FUNC]).map(|f| f.1);
        }
        let all = self.by_name.get_or_init(|| {
            let functions = self.heads().filter(|(_, h)| h.kind == kind::FUNC);
            functions.map(|(id, h)| (self.string(h.name).to_string(), id)).collect()
        });
        self.head(*all.get(name)?)
    }

    /// Arguments of a raw tracepoint: those of `btf_trace_NAME` without the first.
    pub fn tracepoint_arguments(&self, event: &str) -> Option<Vec<Field>> {
        let (_, typedef) = self.find(&format!("btf_trace_{event}"), &[kind::TYPEDEF])?;
        let pointer = self.head(self.strip(typedef.size_or_type)?).filter(|h| h.kind == kind::PTR)?;
        let proto = self.head(self.strip(pointer.size_or_type)?).filter(|h| h.kind == kind::FUNC_PROTO)?;
        let mut args = self.parameters(&proto, 1);
        // The kernel's own traces of the arguments often have no names; `__probestub_NAME` has them.
        if args.iter().any(|a| a.name.is_empty())
            && let Some((named, _)) =
                self.prototype(&format!("__probestub_{event}")).or_else(|| self.prototype(&format!("__bpf_trace_{event}")))
        {
            for (a, n) in args.iter_mut().zip(named.into_iter().skip(1)) {
                a.name = n.name;
            }
        }
        Some(args)
    }

    /// Names of all raw tracepoints.
    pub fn tracepoints(&self) -> Vec<String> {
        let typedefs = self.heads().filter(|(_, h)| h.kind == kind::TYPEDEF);
        typedefs.filter_map(|(_, h)| self.string(h.name).strip_prefix("btf_trace_").map(str::to_string)).collect()
    }

    /// The value of an enumerator and its type.
    pub fn enumerator(&self, name: &str) -> Option<(i64, Type)> {
        let offset = self.offset_of(name)?;
        for (id, h) in self.heads() {
            let Some(step) = enumerator_size(&h) else { continue };
            for i in 0..h.len as usize {
                let at = h.body + i * step;
                if self.word(at)? == offset {
                    return Some((self.enumerator_value(&h, at)?, self.ty(id, 0)));
                }
            }
        }
        None
    }

    fn enumerator_value(&self, h: &Head, at: usize) -> Option<i64> {
        let low = self.word(at + 4)?;
        Some(match (h.kind, h.flag) {
            (kind::ENUM64, _) => (u64::from(self.word(at + 8)?) << 32 | u64::from(low)) as i64,
            (_, true) => i64::from(low as i32),
            (_, false) => i64::from(low),
        })
    }

    /// The enumerators of an enumeration.
    pub fn enumeration(&self, name: &str) -> Option<(Int, Vec<(String, i64)>)> {
        let (id, h) = self.find(name, &[kind::ENUM, kind::ENUM64])?;
        let step = enumerator_size(&h)?;
        let one = |i: usize| {
            let at = h.body + i * step;
            Some((self.string(self.word(at)?).to_string(), self.enumerator_value(&h, at)?))
        };
        Some((self.ty(id, 0).int()?, (0..h.len as usize).filter_map(one).collect()))
    }

    /// The number of a function that is marked as a kfunc.
    pub fn kfunc(&self, name: &str) -> Option<u32> {
        let (id, _) = self.find(name, &[kind::FUNC])?;
        let Some(tag) = self.offset_of("bpf_kfunc") else { return Some(id) };
        self.heads().any(|(_, h)| h.kind == kind::DECL_TAG && h.name == tag && h.size_or_type == id).then_some(id)
    }

    /// The number of a per-CPU variable: they are the variables that BTF has.
    pub fn percpu(&self, name: &str) -> Option<u32> {
        self.find(name, &[kind::VAR]).map(|f| f.0)
    }

    /// Kinds of iterators, by the functions that declare them.
    pub fn iterators(&self) -> Vec<String> {
        let functions = self.heads().filter(|(_, h)| h.kind == kind::FUNC);
        let mut out: Vec<String> =
            functions.filter_map(|(_, h)| Some(self.string(h.name).strip_prefix("bpf_iter_")?.to_string())).collect();
        out.retain(|n| self.find(&format!("bpf_iter__{n}"), &[kind::STRUCT]).is_some());
        out.sort();
        out.dedup();
        out
    }

    /// The number of a function, or of a raw tracepoint's `btf_trace_NAME`.
    pub fn function_id(&self, name: &str) -> Option<u32> {
        self.find(name, &[kind::FUNC, kind::TYPEDEF]).map(|f| f.0)
    }

    /// Names of all functions.
    pub fn functions(&self) -> Vec<String> {
        let mut out: Vec<String> =
            self.heads().filter(|(_, h)| h.kind == kind::FUNC).map(|(_, h)| self.string(h.name).to_string()).collect();
        out.sort();
        out.dedup();
        out
    }

    /// What a typedef stands for.
    pub fn typedef(&self, name: &str) -> Option<Type> {
        let (id, _) = self.find(name, &[kind::TYPEDEF])?;
        Some(self.ty(id, 0))
    }
}

/// Bytes of each enumerator of an enumeration; `None` if it is none.
fn enumerator_size(h: &Head) -> Option<usize> {
    match h.kind {
        kind::ENUM => Some(8),
        kind::ENUM64 => Some(12),
        _ => None,
    }
}

/// Bytes behind a type's fixed part.
fn extra(h: &Head) -> usize {
    let len = h.len as usize;
    match h.kind {
        kind::INT | kind::VAR | kind::DECL_TAG => 4,
        kind::ARRAY => 12,
        kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => len * 12,
        kind::ENUM | kind::FUNC_PROTO => len * 8,
        _ => 0,
    }
}

/// The unit that holds a bit-field, and the field's place in it.
fn bit_field(first: u32, count: u32, unit: u32) -> (u32, Option<(u8, u8)>) {
    let unit = unit.clamp(1, 8);
    let start = first / 8 / unit * unit;
    (start, Some(((first - start * 8) as u8, count as u8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> Option<Btf> {
        let btf = Btf::of_kernel();
        if btf.is_none() {
            crate::say::err("skipped: this kernel has no BTF\n");
        }
        btf
    }

    #[test]
    fn well_known_types_of_this_kernel() {
        let Some(btf) = host() else { return };
        let task = btf.record("task_struct").unwrap();
        let field = |n: &str| task.fields.iter().find(|f| f.name == n).unwrap_or_else(|| panic!("{n}"));
        assert_eq!(field("pid").ty, Type::Int(Int::I32));
        // `char` is unsigned in kernels since 6.2.
        assert!(matches!(&field("comm").ty, Type::Array { elem, len: 16 } if matches!(**elem, Type::Int(Int { bits: 8, .. }))));
        assert_eq!(field("real_parent").ty, Type::ptr(Type::record("task_struct", task.size), AddrSpace::Kernel));
        assert_eq!(btf.enumerator("BPF_MAP_TYPE_HASH").map(|e| e.0), Some(1));
        let (_, all) = btf.enumeration("bpf_map_type").unwrap();
        assert!(all.contains(&("BPF_MAP_TYPE_HASH".into(), 1)));
        assert!(matches!(btf.typedef("pid_t"), Some(Type::Int(Int::I32))));
        assert_eq!(btf.enumerator("NO_SUCH_ENUMERATOR"), None);
    }

    #[test]
    fn arguments_of_a_raw_tracepoint_of_this_kernel() {
        let Some(btf) = host() else { return };
        let args = btf.tracepoint_arguments("sys_enter").unwrap();
        assert_eq!(args.len(), 2);
        assert_eq!((args[1].name.as_str(), args[1].offset), ("id", 8));
        assert!(btf.tracepoints().iter().any(|t| t == "sched_switch"));
    }

    #[test]
    fn garbage_is_no_btf() {
        assert!(Btf::parse(vec![1, 2, 3]).is_none());
        assert!(Btf::parse(vec![0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).is_none());
    }
}
