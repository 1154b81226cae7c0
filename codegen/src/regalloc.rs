//! Register allocation by the `regalloc2` crate.
//!
//! r0 to r9 are allocatable; r10 is the frame pointer and stays out. Calls take r1 to r5, answer in r0 and clobber r0
//! to r5. r6 to r9 cost nothing to use in BPF, but short-lived values are steered away from them, so that they are
//! free for what lives over calls. Spills are 8 bytes each, 8-byte aligned (the verifier tracks pointers nowhere
//! else), below the slots of the IR.

use crate::error::{Error, MAX_STACK};
use crate::ir::Size;
use crate::vcode::{Base, MInst, Placed, Reg, Role, Src, VBlock, VCode};
use regalloc2::checker::Checker;
use regalloc2::{
    Algorithm, Allocation, AllocationKind, Block, Edit, Function, Inst, InstOrEdit, InstRange, MachineEnv, Operand, OperandConstraint,
    OperandKind, OperandPos, Output, PReg, PRegSet, RegClass, RegallocOptions, VReg,
};

/// Gives every virtual register a real one, adding moves and spills.
pub fn allocate(code: VCode) -> Result<VCode, Error> {
    let adapter = Adapter::new(code);
    let env = machine();
    let options = RegallocOptions { algorithm: Algorithm::Ion, ..RegallocOptions::default() };
    let failed = |adapter: &Adapter, message: String| Error::Registers { function: adapter.code.name.clone(), message };
    let output = regalloc2::run(&adapter, &env, &options).map_err(|e| failed(&adapter, e.to_string()))?;
    if cfg!(debug_assertions) {
        let mut checker = Checker::new(&adapter, &env);
        checker.prepare(&output);
        checker.run().map_err(|e| failed(&adapter, format!("{e:?}")))?;
    }
    adapter.apply(&output)
}

fn preg(number: u8) -> PReg {
    PReg::new(number.into(), RegClass::Int)
}

fn vreg(r: Reg) -> VReg {
    VReg::new(r.as_virtual().unwrap_or(0) as usize, RegClass::Int)
}

fn set(numbers: std::ops::RangeInclusive<u8>) -> PRegSet {
    numbers.map(preg).collect()
}

fn machine() -> MachineEnv {
    let none = PRegSet::empty();
    MachineEnv {
        preferred_regs_by_class: [set(0..=5), none, none],
        non_preferred_regs_by_class: [set(6..=9), none, none],
        scratch_by_class: [None, None, None],
        fixed_stack_slots: Vec::new(),
    }
}

/// The code in the shape that the allocator wants: instructions numbered through, operands in one list.
struct Adapter {
    code: VCode,
    /// First instruction of each block, and one past the last of all.
    starts: Vec<usize>,
    operands: Vec<Operand>,
    /// First operand of each instruction, and one past the last of all.
    operand_starts: Vec<usize>,
    is_call: Vec<bool>,
    succs: Vec<Vec<Block>>,
    preds: Vec<Vec<Block>>,
    params: Vec<Vec<VReg>>,
    args: Vec<Vec<VReg>>,
    clobbers: PRegSet,
}

impl Adapter {
    fn new(mut code: VCode) -> Self {
        let mut starts = vec![0];
        let mut operands = Vec::new();
        let mut operand_starts = vec![0];
        let mut is_call = Vec::new();
        for block in &mut code.blocks {
            for (inst, _) in &mut block.insts {
                inst.for_each_reg(|r, role| operands.push(operand(*r, role)));
                operand_starts.push(operands.len());
                is_call.push(inst.is_call());
            }
            starts.push(is_call.len());
        }
        let block = |n: u32| Block::new(n as usize);
        let mut preds = vec![Vec::new(); code.blocks.len()];
        for (i, b) in code.blocks.iter().enumerate() {
            b.succs.iter().for_each(|s| preds[*s as usize].push(block(i as u32)));
        }
        let regs = |regs: &[Reg]| regs.iter().map(|r| vreg(*r)).collect();
        Adapter {
            starts,
            operands,
            operand_starts,
            is_call,
            succs: code.blocks.iter().map(|b| b.succs.iter().map(|s| block(*s)).collect()).collect(),
            preds,
            params: code.blocks.iter().map(|b| regs(&b.params)).collect(),
            args: code.blocks.iter().map(|b| regs(&b.args)).collect(),
            clobbers: set(1..=5),
            code,
        }
    }

    /// Puts the allocator's decisions into the code.
    fn apply(mut self, output: &Output) -> Result<VCode, Error> {
        let slots = self.code.slots;
        let frame = slots.saturating_add(8 * output.num_spillslots as u32);
        if frame > MAX_STACK {
            return Err(Error::Stack { function: self.code.name, bytes: frame });
        }
        let mut blocks = Vec::with_capacity(self.code.blocks.len());
        for b in 0..self.code.blocks.len() {
            let mut insts: Vec<Placed> = Vec::new();
            for item in output.block_insts_and_edits(&self, Block::new(b)) {
                match item {
                    InstOrEdit::Inst(at) => {
                        let (mut inst, span) = self.code.blocks[b].insts[at.index() - self.starts[b]].clone();
                        let mut allocs = output.inst_allocs(at).iter();
                        inst.for_each_reg(|r, _| *r = allocs.next().map_or(*r, |a| real(*a)));
                        insts.push((inst, span));
                    }
                    InstOrEdit::Edit(Edit::Move { from, to }) => {
                        let span = insts.last().and_then(|(_, span)| *span);
                        match mov(*from, *to, slots) {
                            Some(inst) => insts.push((inst, span)),
                            None => return Err(self.odd_move(*from, *to)),
                        }
                    }
                }
            }
            let succs = std::mem::take(&mut self.code.blocks[b].succs);
            blocks.push(VBlock { insts, succs, ..VBlock::default() });
        }
        Ok(VCode { name: self.code.name, blocks, vregs: 0, slots, frame })
    }

    fn odd_move(&self, from: Allocation, to: Allocation) -> Error {
        Error::Registers { function: self.code.name.clone(), message: format!("a move from {from} to {to}") }
    }
}

/// The register of an allocation. No operand may be on the stack: none allows it.
fn real(a: Allocation) -> Reg {
    Reg::real(a.as_reg().map_or(0, |r| r.hw_enc() as u8))
}

/// A move between registers, or of a spill; `None` for what the allocator never asks for.
fn mov(from: Allocation, to: Allocation, slots: u32) -> Option<MInst> {
    let offset = |a: Allocation| a.as_stack().map(|s| -(slots as i16) - 8 * (s.index() as i16 + 1));
    Some(match (from.kind(), to.kind()) {
        (AllocationKind::Reg, AllocationKind::Reg) => MInst::Mov { dst: real(to), src: real(from) },
        (AllocationKind::Stack, AllocationKind::Reg) => {
            MInst::Load { size: Size::B8, dst: real(to), base: Base::Frame, offset: offset(from)? }
        }
        (AllocationKind::Reg, AllocationKind::Stack) => {
            MInst::Store { size: Size::B8, base: Base::Frame, offset: offset(to)?, src: Src::Reg(real(from)) }
        }
        _ => return None,
    })
}

fn operand(r: Reg, role: Role) -> Operand {
    use OperandConstraint::{FixedReg, Reg as Any, Reuse};
    use OperandKind::{Def, Use};
    use OperandPos::{Early, Late};
    let (constraint, kind, pos) = match role {
        Role::Use => (Any, Use, Early),
        Role::UseFixed(n) => (FixedReg(preg(n)), Use, Early),
        Role::Def => (Any, Def, Late),
        Role::DefEarly => (Any, Def, Early),
        Role::DefFixed(n) => (FixedReg(preg(n)), Def, Late),
        Role::DefReuse => (Reuse(0), Def, Late),
    };
    Operand::new(vreg(r), constraint, kind, pos)
}

impl Function for Adapter {
    fn num_insts(&self) -> usize {
        self.is_call.len()
    }

    fn num_blocks(&self) -> usize {
        self.code.blocks.len()
    }

    fn entry_block(&self) -> Block {
        Block::new(0)
    }

    fn block_insns(&self, block: Block) -> InstRange {
        let b = block.index();
        InstRange::new(Inst::new(self.starts[b]), Inst::new(self.starts[b + 1]))
    }

    fn block_succs(&self, block: Block) -> &[Block] {
        &self.succs[block.index()]
    }

    fn block_preds(&self, block: Block) -> &[Block] {
        &self.preds[block.index()]
    }

    fn block_params(&self, block: Block) -> &[VReg] {
        &self.params[block.index()]
    }

    fn is_ret(&self, insn: Inst) -> bool {
        self.last_of(insn).is_some_and(|b| self.succs[b].is_empty())
    }

    fn is_branch(&self, insn: Inst) -> bool {
        self.last_of(insn).is_some_and(|b| !self.succs[b].is_empty())
    }

    fn branch_blockparams(&self, block: Block, _insn: Inst, _succ_idx: usize) -> &[VReg] {
        &self.args[block.index()]
    }

    fn inst_operands(&self, insn: Inst) -> &[Operand] {
        let i = insn.index();
        &self.operands[self.operand_starts[i]..self.operand_starts[i + 1]]
    }

    fn inst_clobbers(&self, insn: Inst) -> PRegSet {
        if self.is_call[insn.index()] { self.clobbers } else { PRegSet::empty() }
    }

    fn num_vregs(&self) -> usize {
        self.code.vregs as usize
    }

    fn spillslot_size(&self, _regclass: RegClass) -> usize {
        1
    }
}

impl Adapter {
    /// The block that an instruction is the last of.
    fn last_of(&self, insn: Inst) -> Option<usize> {
        let next = self.starts.partition_point(|s| *s <= insn.index());
        (self.starts.get(next) == Some(&(insn.index() + 1))).then(|| next - 1)
    }
}
