//! The IR: SSA with block parameters. Every value is a 64-bit word (a scalar or a pointer).
//!
//! Built by [`build::Builder`] (Braun et al., "Simple and Efficient Construction of SSA Form", CC 2013),
//! printed and parsed by [`text`], checked by [`verify`], changed by `crate::opt`, consumed by `crate::isel`.

use lang::source::Span;

pub mod build;
pub mod cfg;
pub mod helpers;
mod parse;
mod shorthand;
pub mod text;
pub mod verify;
mod visit;

/// An SSA value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub u32);

/// A basic block. Block 0 is the entry; its parameters are the function's: of a program the context pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Block(pub u32);

/// An area on the BPF stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u32);

/// Index into [`Module::maps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MapRef(pub u32);

/// A section of global data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Section {
    /// `.bss`: written by programs, shared with the runtime.
    Bss,
    /// `.rodata`: constants.
    Rodata,
}

/// A helper function by its number in `include/uapi/linux/bpf.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Helper(pub u32);

/// Two-operand arithmetic on 64 bits. Division and modulo are unsigned: x/0 = 0, x%0 = x.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the operations")]
pub enum BinOp {
    Add,
    Sub,
    Mul,
    UDiv,
    UMod,
    And,
    Or,
    Xor,
    Shl,
    LShr,
    AShr,
}

/// A comparison of 64-bit words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the comparisons")]
pub enum Cc {
    Eq,
    Ne,
    Ult,
    Ule,
    Ugt,
    Uge,
    Slt,
    Sle,
    Sgt,
    Sge,
}

/// Bytes of a memory access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the sizes in bytes")]
pub enum Size {
    B1,
    B2,
    B4,
    B8,
}

/// An instruction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A constant.
    Const(i64),
    /// `a op b`
    Bin(BinOp, Value, Value),
    /// The low `bits` (8, 16 or 32) of a value, sign- or zero-extended to 64.
    Ext { signed: bool, bits: u8, value: Value },
    /// Byte swap of the low `bits` (16, 32 or 64).
    Bswap { bits: u8, value: Value },
    /// 1 if the comparison holds, else 0.
    Cmp(Cc, Value, Value),
    /// Address of a stack slot plus an offset.
    SlotAddr(Slot, i32),
    /// The map itself, as helpers take it.
    Map(MapRef),
    /// Address of global data.
    Global(Section, u32),
    /// Load, zero-extended or sign-extended, from `ptr + offset`.
    Load { size: Size, signed: bool, ptr: Value, offset: i32 },
    /// Store of the low bytes of `value` to `ptr + offset`. No result.
    Store { size: Size, ptr: Value, offset: i32, value: Value },
    /// `*(u64 *)(ptr + offset) += value`, atomically. No result. (B4 or B8.)
    AtomicAdd { size: Size, ptr: Value, offset: i32, value: Value },
    /// Writes `len` zero bytes (a multiple of 8) at `ptr + offset`. No result.
    Zero { ptr: Value, offset: i32, len: u32 },
    /// Copies `len` bytes (a multiple of 8), areas that do not overlap. No result.
    Copy { dst: Value, dst_offset: i32, src: Value, src_offset: i32, len: u32 },
    /// A helper call with at most five arguments.
    Call { helper: Helper, args: Vec<Value> },
    /// A call of one of [`Module::subs`] with at most five arguments.
    CallSub { sub: u32, args: Vec<Value> },
    /// The address of one of [`Module::subs`], as helpers take it that call back.
    FuncAddr(u32),
    /// A call of a kernel function by its number in the kernel's BTF, with at most five arguments.
    CallKernel { id: u32, args: Vec<Value> },
    /// A variable of the kernel by its number in the kernel's BTF.
    KernelVar(u32),
}

/// How a block ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// Go to a block.
    Jump(Target),
    /// Go to `yes` if the comparison holds, else to `no`.
    Branch { cc: Cc, a: Value, b: Value, yes: Target, no: Target },
    /// Leave the program with a value.
    Return(Value),
}

/// A jump's block and the arguments for its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The block.
    pub block: Block,
    /// One argument for each of its parameters.
    pub args: Vec<Value>,
}

/// An instruction in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Inst {
    /// What it defines, if anything.
    pub result: Option<Value>,
    /// What it does.
    pub op: Op,
    /// The place in the script that it comes from.
    pub span: Option<Span>,
}

/// A block's contents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BlockData {
    /// Parameters.
    pub params: Vec<Value>,
    /// Instructions.
    pub insts: Vec<Inst>,
    /// The end; `None` only while it is being built.
    pub term: Option<Term>,
}

/// One program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Function {
    /// Its symbol.
    pub name: String,
    /// Blocks by number; block 0 is the entry.
    pub blocks: Vec<BlockData>,
    /// Bytes of each stack slot (a multiple of 8).
    pub slots: Vec<u32>,
    /// One past the highest value number.
    pub values: u32,
}

/// A map to be created with the object.
#[derive(Clone, Debug, PartialEq)]
pub struct MapDef {
    /// Symbol name.
    pub name: String,
    /// `BPF_MAP_TYPE_*` (include/uapi/linux/bpf.h).
    pub kind: u32,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// Capacity; bytes for a ring buffer.
    pub max_entries: u32,
    /// `BPF_F_*`
    pub flags: u32,
}

/// All programs of a script with their data.
#[derive(Clone, Debug, Default)]
pub struct Module {
    /// Programs with the kind that names their section.
    pub functions: Vec<(crate::manifest::ProgramKind, Function)>,
    /// Functions that programs call or hand to helpers; each program gets copies of those that it reaches.
    pub subs: Vec<Function>,
    /// Maps.
    pub maps: Vec<MapDef>,
    /// `.rodata`
    pub rodata: Vec<u8>,
    /// Bytes of `.bss`.
    pub bss_size: u32,
    /// `license`
    pub license: String,
}
