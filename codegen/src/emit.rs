//! Encoding: machine instructions with real registers to BPF instructions, relocations and line records.
//!
//! Blocks are laid out as they come. A jump to what follows is left out, a block that only jumps is skipped, and a
//! branch is turned round if that saves its jump.

use crate::error::Error;
use crate::insn::{self, Insn, R10, class};
use crate::ir::{BinOp, Function, MapRef, Section, Size};
use crate::vcode::{Base, Cond, MInst, Reg, Src, VBlock, VCode};
use crate::{copies, isel, regalloc};
use lang::source::Span;

/// A function's code, to be linked.
#[derive(Clone, Debug, Default)]
pub struct Code {
    /// Instruction slots.
    pub insns: Vec<Insn>,
    /// Wide loads that the linker completes.
    pub relocs: Vec<Reloc>,
    /// `(index of the first instruction slot, place in the script)`, ascending; what has no place follows its predecessor.
    pub lines: Vec<(u32, Span)>,
    /// Bytes of stack used.
    pub frame: u32,
}

/// A wide load whose value the linker knows. The addend of global data is in the first slot's `imm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reloc {
    /// Index of its first slot.
    pub at: u32,
    /// What it loads.
    pub target: RelocTarget,
}

/// See [`Reloc`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelocTarget {
    /// A map.
    Map(MapRef),
    /// The start of a section of global data.
    Section(Section),
    /// A function of the module: its address (a wide load), or a call of it.
    Sub(u32),
}

/// The way from IR to code of one function that the IR's verifier accepts.
pub fn assemble(f: &Function) -> Result<Code, Error> {
    let mut code = regalloc::allocate(isel::select(f)?)?;
    copies::propagate(&mut code);
    emit(&code)
}

/// Encodes code with real registers.
pub fn emit(code: &VCode) -> Result<Code, Error> {
    let mut e = Emitter { out: Code { frame: code.frame, ..Code::default() }, fixups: Vec::new() };
    let order: Vec<usize> = (0..code.blocks.len()).filter(|b| *b == 0 || !is_skipped(code, *b)).collect();
    let mut starts = vec![None; code.blocks.len()];
    for (i, b) in order.iter().enumerate() {
        starts[*b] = Some(e.out.insns.len());
        let next = order.get(i + 1).map(|n| *n as u32);
        e.block(code, &code.blocks[*b], next);
    }
    for (at, target) in std::mem::take(&mut e.fixups) {
        let to = starts[target as usize].unwrap_or(0) as i64;
        let off = i16::try_from(to - at as i64 - 1);
        e.out.insns[at].off = off.map_err(|_| Error::Jump { function: code.name.clone() })?;
    }
    Ok(e.out)
}

/// Whether the block only jumps on, elsewhere than to itself.
fn is_skipped(code: &VCode, b: usize) -> bool {
    is_only_jump(&code.blocks[b]) && destination(code, b as u32) != b as u32
}

fn is_only_jump(block: &VBlock) -> bool {
    block.insts.iter().all(|(i, _)| match i {
        MInst::Jump => true,
        MInst::Mov { dst, src } => dst == src,
        _ => false,
    })
}

/// Where a jump to `b` ends up. A circle of empty blocks ends nowhere: the walk then stays at `b`.
fn destination(code: &VCode, b: u32) -> u32 {
    let mut at = b;
    for _ in 0..=code.blocks.len() {
        match code.blocks.get(at as usize) {
            Some(block) if is_only_jump(block) && at != 0 && block.succs.len() == 1 => at = block.succs[0],
            _ => return at,
        }
    }
    b
}

struct Emitter {
    out: Code,
    /// Jumps and the blocks that they go to.
    fixups: Vec<(usize, u32)>,
}

impl Emitter {
    fn block(&mut self, code: &VCode, block: &VBlock, next: Option<u32>) {
        for (inst, span) in &block.insts {
            if let Some(span) = span
                && self.out.lines.last().is_none_or(|(_, last)| last != span)
            {
                let at = self.out.insns.len() as u32;
                // Nothing was emitted for the last place: this one takes over.
                self.out.lines.pop_if(|(start, _)| *start == at);
                self.out.lines.push((at, *span));
            }
            match inst {
                MInst::Jump => self.jump(destination(code, block.succs[0]), next),
                MInst::Branch { cond, a, b } => {
                    let targets = [0, 1].map(|i| destination(code, block.succs[i]));
                    self.branch(*cond, *a, *b, targets, next);
                }
                other => self.inst(other),
            }
        }
    }

    fn jump(&mut self, to: u32, next: Option<u32>) {
        if Some(to) != next {
            self.fixups.push((self.out.insns.len(), to));
            self.push(Insn { code: class::JMP | insn::JA, ..Insn::default() });
        }
    }

    fn branch(&mut self, cond: Cond, a: Reg, b: Src, [yes, no]: [u32; 2], next: Option<u32>) {
        let (op, yes, no) = match cond {
            _ if yes == no => return self.jump(yes, next),
            Cond::Test => (insn::JSET, yes, no),
            Cond::Cc(cc) if Some(yes) == next => (insn::jump_op(cc.inverted()), no, yes),
            Cond::Cc(cc) => (insn::jump_op(cc), yes, no),
        };
        self.fixups.push((self.out.insns.len(), yes));
        self.with_src(class::JMP | op, a, b);
        self.jump(no, next);
    }

    fn push(&mut self, i: Insn) {
        self.out.insns.push(i);
    }

    /// An arithmetic or jump instruction with a second operand.
    fn with_src(&mut self, code: u8, dst: Reg, b: Src) {
        self.push(match b {
            Src::Reg(r) => Insn::alu_reg(code, dst.number(), r.number()),
            Src::Imm(imm) => Insn::alu_imm(code, dst.number(), imm),
        });
    }

    fn wide(&mut self, dst: Reg, low: i32, high: i32) {
        self.push(Insn { code: insn::LD_IMM64, dst: dst.number(), imm: low, ..Insn::default() });
        self.push(Insn { imm: high, ..Insn::default() });
    }

    fn relocated(&mut self, dst: Reg, target: RelocTarget, addend: i32) {
        self.out.relocs.push(Reloc { at: self.out.insns.len() as u32, target });
        self.wide(dst, addend, 0);
    }

    fn memory(&mut self, class: u8, mode: u8, size: Size, regs: (u8, u8), off: i16, imm: i32) {
        let code = class | mode | insn::size_bits(size);
        self.push(Insn { code, dst: regs.0, src: regs.1, off, imm });
    }

    fn inst(&mut self, inst: &MInst) {
        let alu = class::ALU64;
        match inst {
            MInst::Args { .. } | MInst::Jump | MInst::Branch { .. } => {}
            MInst::Mov { dst, src } => {
                if dst != src {
                    self.with_src(alu | insn::MOV, *dst, Src::Reg(*src));
                }
            }
            MInst::MovImm { dst, imm } => self.with_src(alu | insn::MOV, *dst, Src::Imm(*imm)),
            MInst::Wide { dst, value } => self.wide(*dst, *value as i32, (*value >> 32) as i32),
            MInst::Map { dst, map } => self.relocated(*dst, RelocTarget::Map(*map), 0),
            MInst::Global { dst, section, offset } => {
                self.relocated(*dst, RelocTarget::Section(*section), *offset as i32);
            }
            MInst::FrameAddr { dst, offset } => {
                self.with_src(alu | insn::MOV, *dst, Src::Reg(Reg::real(R10)));
                self.with_src(alu | insn::alu_op(BinOp::Add), *dst, Src::Imm(*offset));
            }
            MInst::Alu { op, dst, b, .. } => self.with_src(alu | insn::alu_op(*op), *dst, *b),
            MInst::Neg { dst, .. } => self.with_src(alu | insn::NEG, *dst, Src::Imm(0)),
            MInst::ZeroExt32 { dst, src } => self.with_src(class::ALU32 | insn::MOV, *dst, Src::Reg(*src)),
            MInst::Swap { bits, dst, .. } => {
                let code = class::ALU32 | insn::END | insn::X;
                self.push(Insn { code, dst: dst.number(), imm: (*bits).into(), ..Insn::default() });
            }
            MInst::Set { cc, dst, a, b } => {
                self.with_src(alu | insn::MOV, *dst, Src::Imm(1));
                self.with_src(class::JMP | insn::jump_op(*cc), *a, *b);
                if let Some(jump) = self.out.insns.last_mut() {
                    jump.off = 1;
                }
                self.with_src(alu | insn::MOV, *dst, Src::Imm(0));
            }
            MInst::Load { .. } | MInst::Store { .. } | MInst::AtomicAdd { .. } => self.access(inst),
            MInst::Call { helper, .. } => {
                self.push(Insn { code: class::JMP | insn::CALL, imm: helper.0 as i32, ..Insn::default() });
            }
            MInst::FuncAddr { dst, sub } => {
                self.relocated(*dst, RelocTarget::Sub(*sub), 0);
                if let [.., first, _] = self.out.insns.as_mut_slice() {
                    first.src = insn::PSEUDO_FUNC;
                }
            }
            MInst::CallKernel { id, .. } => {
                self.push(Insn { code: class::JMP | insn::CALL, src: insn::PSEUDO_KFUNC_CALL, imm: *id as i32, ..Insn::default() });
            }
            MInst::KernelVar { dst, id } => {
                self.push(Insn { code: insn::LD_IMM64, dst: dst.number(), src: insn::PSEUDO_BTF_ID, imm: *id as i32, ..Insn::default() });
                self.push(Insn::default());
            }
            MInst::CallSub { sub, .. } => {
                self.out.relocs.push(Reloc { at: self.out.insns.len() as u32, target: RelocTarget::Sub(*sub) });
                self.push(Insn { code: class::JMP | insn::CALL, src: insn::PSEUDO_CALL, ..Insn::default() });
            }
            MInst::Ret { .. } => self.push(Insn { code: class::JMP | insn::EXIT, ..Insn::default() }),
        }
    }

    fn access(&mut self, inst: &MInst) {
        match inst {
            MInst::Load { size, dst, base, offset } => {
                self.memory(class::LDX, insn::MEM, *size, (dst.number(), base_number(*base)), *offset, 0);
            }
            MInst::Store { size, base, offset, src: Src::Reg(r) } => {
                self.memory(class::STX, insn::MEM, *size, (base_number(*base), r.number()), *offset, 0);
            }
            MInst::Store { size, base, offset, src: Src::Imm(imm) } => {
                self.memory(class::ST, insn::MEM, *size, (base_number(*base), 0), *offset, *imm);
            }
            MInst::AtomicAdd { size, base, offset, src } => {
                self.memory(class::STX, insn::ATOMIC, *size, (base_number(*base), src.number()), *offset, 0);
            }
            _ => {}
        }
    }
}

fn base_number(base: Base) -> u8 {
    match base {
        Base::Reg(r) => r.number(),
        Base::Frame => R10,
    }
}
