//! The text form of the IR: what `-d ir` shows and what the filetests are written in.
//!
//! ```text
//! license "GPL"
//! bss 64
//! rodata 68656c6c6f00
//! map at_x kind 1 key 8 value 8 entries 4096 flags 0
//!
//! raw_tp begin_1 {
//! slot s0 16
//! b0(v0):
//!     v1 = const 5
//!     v2 = slot s0+8
//!     v3 = map m0
//!     v4 = global bss+48
//!     v5 = load.8 v0+16
//!     v6 = load.s4 v0+24
//!     v7 = add v5, v6
//!     v8 = zext.8 v7
//!     v9 = bswap.16 v8
//!     v10 = ult v8, v9
//!     store.8 v2+0, v7
//!     atomic_add.8 v4+0, v1
//!     zero v2+0, 8
//!     copy v4+8, v2+0, 8
//!     v11 = call map_lookup_elem(v3, v2)
//!     branch ne v11, v1, b1(v10), b2
//! b1(v12):
//!     return v12
//! b2:
//!     jump b1(v1)
//! }
//! ```
//!
//! The word before a function's name is its [`ProgramKind`]; `m0` is the first map. Helpers without a known name are
//! written `helper_N`. `#` starts a comment. Spans are not part of the text.

pub use super::parse::{ParseError, parse_function, parse_module};
use super::{BinOp, Block, Cc, Function, Helper, Module, Op, Section, Size, Target, Term, Value};
use crate::manifest::ProgramKind;
use std::fmt::{self, Display, Formatter};

/// Name of each program kind in the text form, and the prefix of its ELF section.
pub(crate) const KINDS: &[(&str, ProgramKind)] = &[
    ("raw_tp", ProgramKind::RawTracepoint),
    ("tracepoint", ProgramKind::Tracepoint),
    ("kprobe", ProgramKind::Kprobe),
    ("perf_event", ProgramKind::PerfEvent),
    ("iter", ProgramKind::Iter),
    ("fentry", ProgramKind::Fentry),
    ("fexit", ProgramKind::Fexit),
    ("tp_btf", ProgramKind::TypedTracepoint),
];

/// Name of each arithmetic operation.
pub(crate) const BIN_OPS: &[(&str, BinOp)] = &[
    ("add", BinOp::Add),
    ("sub", BinOp::Sub),
    ("mul", BinOp::Mul),
    ("udiv", BinOp::UDiv),
    ("umod", BinOp::UMod),
    ("and", BinOp::And),
    ("or", BinOp::Or),
    ("xor", BinOp::Xor),
    ("shl", BinOp::Shl),
    ("lshr", BinOp::LShr),
    ("ashr", BinOp::AShr),
];

/// Name of each comparison.
pub(crate) const CCS: &[(&str, Cc)] = &[
    ("eq", Cc::Eq),
    ("ne", Cc::Ne),
    ("ult", Cc::Ult),
    ("ule", Cc::Ule),
    ("ugt", Cc::Ugt),
    ("uge", Cc::Uge),
    ("slt", Cc::Slt),
    ("sle", Cc::Sle),
    ("sgt", Cc::Sgt),
    ("sge", Cc::Sge),
];

fn name_of<T: PartialEq>(table: &[(&'static str, T)], item: &T) -> &'static str {
    table.iter().find(|(_, x)| x == item).map_or("?", |(name, _)| name)
}

impl Size {
    /// How many bytes.
    pub fn bytes(self) -> u32 {
        match self {
            Size::B1 => 1,
            Size::B2 => 2,
            Size::B4 => 4,
            Size::B8 => 8,
        }
    }

    /// The size of so many bytes, if there is one.
    pub fn from_bytes(bytes: u32) -> Option<Size> {
        [Size::B1, Size::B2, Size::B4, Size::B8].into_iter().find(|s| s.bytes() == bytes)
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

impl Display for Block {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "b{}", self.0)
    }
}

impl Display for BinOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(BIN_OPS, self))
    }
}

impl Display for Cc {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(CCS, self))
    }
}

impl Display for Section {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Section::Bss => "bss",
            Section::Rodata => "rodata",
        })
    }
}

impl Display for Helper {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "helper_{}", self.0),
        }
    }
}

impl Display for ProgramKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(KINDS, self))
    }
}

/// Values with commas between them.
struct List<'a>(&'a [Value]);

impl Display for List<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, v) in self.0.iter().enumerate() {
            write!(f, "{}{v}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl Display for Target {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.args.is_empty() {
            return write!(f, "{}", self.block);
        }
        write!(f, "{}({})", self.block, List(&self.args))
    }
}

impl Display for Op {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Op::Const(x) => write!(f, "const {x}"),
            Op::Bin(op, a, b) => write!(f, "{op} {a}, {b}"),
            Op::Ext { signed, bits, value } => {
                write!(f, "{}ext.{bits} {value}", if *signed { "s" } else { "z" })
            }
            Op::Bswap { bits, value } => write!(f, "bswap.{bits} {value}"),
            Op::Cmp(cc, a, b) => write!(f, "{cc} {a}, {b}"),
            Op::SlotAddr(slot, offset) => write!(f, "slot s{}{offset:+}", slot.0),
            Op::Map(m) => write!(f, "map m{}", m.0),
            Op::Global(section, offset) => write!(f, "global {section}+{offset}"),
            Op::Load { size, signed, ptr, offset } => {
                write!(f, "load.{}{} {ptr}{offset:+}", if *signed { "s" } else { "" }, size.bytes())
            }
            Op::Store { size, ptr, offset, value } => {
                write!(f, "store.{} {ptr}{offset:+}, {value}", size.bytes())
            }
            Op::AtomicAdd { size, ptr, offset, value } => {
                write!(f, "atomic_add.{} {ptr}{offset:+}, {value}", size.bytes())
            }
            Op::Zero { ptr, offset, len } => write!(f, "zero {ptr}{offset:+}, {len}"),
            Op::Copy { dst, dst_offset, src, src_offset, len } => {
                write!(f, "copy {dst}{dst_offset:+}, {src}{src_offset:+}, {len}")
            }
            Op::Call { helper, args } => write!(f, "call {helper}({})", List(args)),
            Op::CallSub { sub, args } => write!(f, "callsub f{sub}({})", List(args)),
            Op::CallKernel { id, args } => write!(f, "callkernel {id}({})", List(args)),
            Op::KernelVar(id) => write!(f, "kernelvar {id}"),
            Op::FuncAddr(sub) => write!(f, "func f{sub}"),
        }
    }
}

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Term::Jump(t) => write!(f, "jump {t}"),
            Term::Branch { cc, a, b, yes, no } => write!(f, "branch {cc} {a}, {b}, {yes}, {no}"),
            Term::Return(v) => write!(f, "return {v}"),
        }
    }
}

/// The body alone, from the slots to the last block; [`parse_function`] reads it.
impl Display for Function {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, bytes) in self.slots.iter().enumerate() {
            writeln!(f, "slot s{i} {bytes}")?;
        }
        for (i, block) in self.blocks.iter().enumerate() {
            write!(f, "b{i}")?;
            if !block.params.is_empty() {
                write!(f, "({})", List(&block.params))?;
            }
            writeln!(f, ":")?;
            for inst in &block.insts {
                match inst.result {
                    Some(v) => writeln!(f, "    {v} = {}", inst.op)?,
                    None => writeln!(f, "    {}", inst.op)?,
                }
            }
            if let Some(term) = &block.term {
                writeln!(f, "    {term}")?;
            }
        }
        Ok(())
    }
}

/// The whole module; [`parse_module`] reads it.
impl Display for Module {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.license.is_empty() {
            writeln!(f, "license {:?}", self.license)?;
        }
        if self.bss_size != 0 {
            writeln!(f, "bss {}", self.bss_size)?;
        }
        if !self.rodata.is_empty() {
            write!(f, "rodata ")?;
            self.rodata.iter().try_for_each(|b| write!(f, "{b:02x}"))?;
            writeln!(f)?;
        }
        for m in &self.maps {
            writeln!(
                f,
                "map {} kind {} key {} value {} entries {} flags {}",
                m.name, m.kind, m.key_size, m.value_size, m.max_entries, m.flags
            )?;
        }
        for (kind, function) in &self.functions {
            write!(f, "\n{kind} {} {{\n{function}}}\n", function.name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &str = "\
license \"GPL\"
bss 64
rodata 68656c6c6f00
map at_x kind 1 key 8 value 8 entries 4096 flags 0

raw_tp begin_1 {
slot s0 16
b0(v0):
    v1 = const -5
    v2 = slot s0+8
    v3 = map m0
    v4 = global bss+48
    v5 = load.8 v0+16
    v6 = load.s4 v0-24
    v7 = ashr v5, v6
    v8 = zext.8 v7
    v9 = bswap.16 v8
    v10 = ult v8, v9
    store.8 v2+0, v7
    atomic_add.8 v4+0, v1
    zero v2+0, 8
    copy v4+8, v2+0, 8
    v11 = call map_lookup_elem(v3, v2)
    v13 = call helper_9999()
    branch ne v11, v1, b1(v10), b2
b1(v12):
    return v12
b2:
    jump b1(v1)
}

perf_event p {
b0(v0):
    return v0
}
";

    #[test]
    fn text_round_trips() {
        let module = parse_module(MODULE).unwrap();
        assert_eq!(module.to_string(), MODULE);
        assert_eq!(module.functions[0].1.values, 14);
    }

    #[test]
    fn mistakes_name_their_line() {
        for (text, line, what) in [
            ("bss x\n", 1, "number"),
            ("raw_tp f {\nb0(v0):\n    v1 = frob v0\n}\n", 3, "frob"),
            ("raw_tp f {\nb1(v0):\n return v0\n}\n", 2, "b0"),
            ("raw_tp f {\nb0(v0):\n return v0\n", 3, "}"),
            ("raw_tp f {\nb0(v0):\n return v0 v1\n}\n", 3, "end of line"),
            ("map m kind 1\n", 1, "key"),
            ("raw_tp f {\nb0(v0):\n store.3 v0+0, v0\n}\n", 3, "size"),
        ] {
            let e = parse_module(text).unwrap_err();
            assert_eq!(e.line, line, "{text}: {e}");
            assert!(e.message.contains(what), "{text}: {e}");
        }
    }
}
