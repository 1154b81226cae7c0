//! Machine instructions before they are encoded: made by `isel` with virtual registers, given real ones by `regalloc`,
//! encoded by `emit`.

use crate::ir::{BinOp, Cc, Helper, MapRef, Section, Size};
use lang::source::Span;
use std::fmt::{self, Display, Formatter};

/// A register: `r0` to `r10`, or a virtual one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reg(u32);

const VIRTUAL: u32 = 1 << 31;

impl Reg {
    /// A register of the machine.
    pub fn real(number: u8) -> Reg {
        Reg(number.into())
    }

    /// A virtual register.
    pub fn virt(number: u32) -> Reg {
        Reg(number | VIRTUAL)
    }

    /// The number of a virtual register.
    pub fn as_virtual(self) -> Option<u32> {
        (self.0 & VIRTUAL != 0).then_some(self.0 & !VIRTUAL)
    }

    /// The number of a real register. Only the allocator's output is asked; a virtual register there would be its bug.
    pub fn number(self) -> u8 {
        debug_assert!(self.as_virtual().is_none(), "{self} was not allocated");
        self.0 as u8
    }
}

/// A second operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Src {
    /// A register.
    Reg(Reg),
    /// An immediate, sign-extended to 64 bits.
    Imm(i32),
}

/// What an address is relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// A pointer.
    Reg(Reg),
    /// The frame pointer; the offset is negative.
    Frame,
}

/// The condition of a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cond {
    /// A comparison.
    Cc(Cc),
    /// `a & b` is not 0.
    Test,
}

/// A machine instruction. Where it goes next is the block's business ([`VBlock::succs`]).
#[derive(Clone, Debug, PartialEq)]
pub enum MInst {
    /// The start of the function: its parameters are in r1 and so on.
    Args { dsts: Vec<Reg> },
    /// `dst = src`
    Mov { dst: Reg, src: Reg },
    /// `dst = imm`
    MovImm { dst: Reg, imm: i32 },
    /// `dst = value`, two slots.
    Wide { dst: Reg, value: i64 },
    /// A map; two slots and a relocation.
    Map { dst: Reg, map: MapRef },
    /// Address of global data; two slots and a relocation.
    Global { dst: Reg, section: Section, offset: u32 },
    /// `dst = r10 + offset`
    FrameAddr { dst: Reg, offset: i32 },
    /// `dst = a op b`; `dst` and `a` are one register.
    Alu { op: BinOp, dst: Reg, a: Reg, b: Src },
    /// `dst = -a`; one register.
    Neg { dst: Reg, a: Reg },
    /// `dst = low 32 bits of src`
    ZeroExt32 { dst: Reg, src: Reg },
    /// `dst = low bits of a with their bytes swapped`; one register.
    Swap { bits: u8, dst: Reg, a: Reg },
    /// `dst = 1 if a cc b, else 0`; three slots with a jump inside.
    Set { cc: Cc, dst: Reg, a: Reg, b: Src },
    /// `dst = *(base + offset)`, zero-extended.
    Load { size: Size, dst: Reg, base: Base, offset: i16 },
    /// `*(base + offset) = src`
    Store { size: Size, base: Base, offset: i16, src: Src },
    /// `*(base + offset) += src`, atomically.
    AtomicAdd { size: Size, base: Base, offset: i16, src: Reg },
    /// The address of a function; two slots, completed when the functions are put together.
    FuncAddr { dst: Reg, sub: u32 },
    /// A helper call.
    Call { helper: Helper, args: Vec<Reg>, dst: Reg },
    /// A call of a function.
    CallSub { sub: u32, args: Vec<Reg>, dst: Reg },
    /// A call of a kernel function by its number in the kernel's BTF.
    CallKernel { id: u32, args: Vec<Reg>, dst: Reg },
    /// A variable of the kernel by its number in the kernel's BTF; two slots.
    KernelVar { dst: Reg, id: u32 },
    /// To the only successor.
    Jump,
    /// To the first successor if the condition holds, else to the second.
    Branch { cond: Cond, a: Reg, b: Src },
    /// The end; the value is in r0.
    Ret { value: Reg },
}

/// How an instruction uses a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads it.
    Use,
    /// Reads it from this register of the machine.
    UseFixed(u8),
    /// Writes it after all reads.
    Def,
    /// Writes it before the last read: it shares no register with what is read.
    DefEarly,
    /// Writes this register of the machine.
    DefFixed(u8),
    /// Writes the register that the first operand was read from.
    DefReuse,
}

impl MInst {
    /// Whether it calls something, which leaves nothing in r1 to r5.
    pub fn is_call(&self) -> bool {
        matches!(self, MInst::Call { .. } | MInst::CallSub { .. } | MInst::CallKernel { .. })
    }

    /// Calls `f` with every register and its role. The order is that of the allocator's operands, and for a two-address
    /// instruction the operand to be overwritten comes first.
    pub fn for_each_reg(&mut self, mut f: impl FnMut(&mut Reg, Role)) {
        match self {
            MInst::Args { dsts } => {
                for (i, dst) in dsts.iter_mut().enumerate() {
                    f(dst, Role::DefFixed(1 + i as u8));
                }
            }
            MInst::Mov { dst, src } | MInst::ZeroExt32 { dst, src } => {
                f(src, Role::Use);
                f(dst, Role::Def);
            }
            MInst::MovImm { dst, .. }
            | MInst::Wide { dst, .. }
            | MInst::Map { dst, .. }
            | MInst::FuncAddr { dst, .. }
            | MInst::KernelVar { dst, .. }
            | MInst::Global { dst, .. }
            | MInst::FrameAddr { dst, .. } => f(dst, Role::Def),
            MInst::Alu { dst, a, b, .. } => {
                f(a, Role::Use);
                src_reg(b, &mut f);
                f(dst, Role::DefReuse);
            }
            MInst::Neg { dst, a } | MInst::Swap { dst, a, .. } => {
                f(a, Role::Use);
                f(dst, Role::DefReuse);
            }
            MInst::Set { dst, a, b, .. } => {
                f(a, Role::Use);
                src_reg(b, &mut f);
                f(dst, Role::DefEarly);
            }
            MInst::Load { dst, base, .. } => {
                base_reg(base, &mut f);
                f(dst, Role::Def);
            }
            MInst::Store { base, src, .. } => {
                base_reg(base, &mut f);
                src_reg(src, &mut f);
            }
            MInst::AtomicAdd { base, src, .. } => {
                base_reg(base, &mut f);
                f(src, Role::Use);
            }
            MInst::Call { args, dst, .. } | MInst::CallSub { args, dst, .. } | MInst::CallKernel { args, dst, .. } => {
                for (i, arg) in args.iter_mut().enumerate() {
                    f(arg, Role::UseFixed(1 + i as u8));
                }
                f(dst, Role::DefFixed(0));
            }
            MInst::Jump => {}
            MInst::Branch { a, b, .. } => {
                f(a, Role::Use);
                src_reg(b, &mut f);
            }
            MInst::Ret { value } => f(value, Role::UseFixed(0)),
        }
    }
}

fn src_reg(src: &mut Src, f: &mut impl FnMut(&mut Reg, Role)) {
    if let Src::Reg(r) = src {
        f(r, Role::Use);
    }
}

fn base_reg(base: &mut Base, f: &mut impl FnMut(&mut Reg, Role)) {
    if let Base::Reg(r) = base {
        f(r, Role::Use);
    }
}

/// An instruction with its place in the script.
pub type Placed = (MInst, Option<Span>);

/// A block of machine code. The last instruction is its only jump.
#[derive(Clone, Debug, Default)]
pub struct VBlock {
    /// The instructions.
    pub insts: Vec<Placed>,
    /// Parameters; gone after allocation.
    pub params: Vec<Reg>,
    /// Arguments for the parameters of the only successor; gone after allocation.
    pub args: Vec<Reg>,
    /// Successors by number.
    pub succs: Vec<u32>,
}

/// A function in machine instructions.
#[derive(Clone, Debug, Default)]
pub struct VCode {
    /// The function's name.
    pub name: String,
    /// Blocks in the order in which they are to be emitted; the first is the entry.
    pub blocks: Vec<VBlock>,
    /// One past the highest virtual register.
    pub vregs: u32,
    /// Bytes of the IR's slots, a multiple of 8.
    pub slots: u32,
    /// Bytes of stack in use: the slots, and after allocation the spills below them.
    pub frame: u32,
}

impl Display for Reg {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.as_virtual() {
            Some(n) => write!(f, "x{n}"),
            None => write!(f, "r{}", self.0),
        }
    }
}

impl Display for Src {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Src::Reg(r) => write!(f, "{r}"),
            Src::Imm(i) => write!(f, "{i}"),
        }
    }
}

impl Display for Base {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Base::Reg(r) => write!(f, "{r}"),
            Base::Frame => write!(f, "r10"),
        }
    }
}

struct Regs<'a>(&'a [Reg]);

impl Display for Regs<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, r) in self.0.iter().enumerate() {
            write!(f, "{}{r}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl Display for MInst {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            MInst::Args { dsts } if dsts.len() == 1 => write!(f, "{} = ctx", dsts[0]),
            MInst::Args { dsts } => write!(f, "args {}", Regs(dsts)),
            MInst::FuncAddr { dst, sub } => write!(f, "{dst} = func f{sub}"),
            MInst::CallKernel { id, args, dst } => write!(f, "{dst} = call kernel#{id}({})", Regs(args)),
            MInst::KernelVar { dst, id } => write!(f, "{dst} = kernelvar {id}"),
            MInst::CallSub { sub, args, dst } => write!(f, "{dst} = call f{sub}({})", Regs(args)),
            MInst::Mov { dst, src } => write!(f, "{dst} = {src}"),
            MInst::MovImm { dst, imm } => write!(f, "{dst} = {imm}"),
            MInst::Wide { dst, value } => write!(f, "{dst} = {value:#x} ll"),
            MInst::Map { dst, map } => write!(f, "{dst} = map m{}", map.0),
            MInst::Global { dst, section, offset } => write!(f, "{dst} = global {section}+{offset}"),
            MInst::FrameAddr { dst, offset } => write!(f, "{dst} = r10{offset:+}"),
            MInst::Alu { op, dst, a, b } => write!(f, "{dst} = {op} {a}, {b}"),
            MInst::Neg { dst, a } => write!(f, "{dst} = neg {a}"),
            MInst::ZeroExt32 { dst, src } => write!(f, "{dst} = zext.32 {src}"),
            MInst::Swap { bits, dst, a } => write!(f, "{dst} = bswap.{bits} {a}"),
            MInst::Set { cc, dst, a, b } => write!(f, "{dst} = {cc} {a}, {b}"),
            MInst::Load { size, dst, base, offset } => {
                write!(f, "{dst} = load.{} {base}{offset:+}", size.bytes())
            }
            MInst::Store { size, base, offset, src } => {
                write!(f, "store.{} {base}{offset:+}, {src}", size.bytes())
            }
            MInst::AtomicAdd { size, base, offset, src } => {
                write!(f, "atomic_add.{} {base}{offset:+}, {src}", size.bytes())
            }
            MInst::Call { helper, args, dst } => write!(f, "{dst} = call {helper}({})", Regs(args)),
            MInst::Jump => write!(f, "jump"),
            MInst::Branch { cond: Cond::Cc(cc), a, b } => write!(f, "branch {cc} {a}, {b}"),
            MInst::Branch { cond: Cond::Test, a, b } => write!(f, "branch test {a}, {b}"),
            MInst::Ret { value } => write!(f, "return {value}"),
        }
    }
}

impl Display for VCode {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, block) in self.blocks.iter().enumerate() {
            write!(f, "b{i}")?;
            if !block.params.is_empty() {
                write!(f, "({})", Regs(&block.params))?;
            }
            writeln!(f, ":")?;
            for (n, (inst, _)) in block.insts.iter().enumerate() {
                write!(f, "    {inst}")?;
                if n + 1 == block.insts.len() {
                    for (i, s) in block.succs.iter().enumerate() {
                        write!(f, "{}b{s}", if i == 0 { " " } else { ", " })?;
                    }
                    if !block.args.is_empty() {
                        write!(f, "({})", Regs(&block.args))?;
                    }
                }
                writeln!(f)?;
            }
        }
        writeln!(f, "frame {}", self.frame)
    }
}
