//! What an instruction reads, whether it has a result or effects, and where a terminator goes.

use super::{Block, Function, Op, Target, Term, Value};

impl Op {
    /// Calls `f` with every operand, in order.
    pub fn for_each_use(&self, mut f: impl FnMut(Value)) {
        // One list of operands for both directions: the mutable walk is the master.
        match self {
            Op::Call { args, .. } | Op::CallSub { args, .. } | Op::CallKernel { args, .. } => args.iter().copied().for_each(f),
            other => {
                let mut copy = other.clone();
                copy.for_each_use_mut(|v| f(*v));
            }
        }
    }

    /// Calls `f` with a reference to every operand, in order.
    pub fn for_each_use_mut(&mut self, mut f: impl FnMut(&mut Value)) {
        match self {
            Op::Const(_) | Op::SlotAddr(..) | Op::Map(_) | Op::Global(..) | Op::FuncAddr(_) | Op::KernelVar(_) => {}
            Op::Bin(_, a, b) | Op::Cmp(_, a, b) => {
                f(a);
                f(b);
            }
            Op::Ext { value, .. } | Op::Bswap { value, .. } => f(value),
            Op::Load { ptr, .. } | Op::Zero { ptr, .. } => f(ptr),
            Op::Store { ptr, value, .. } | Op::AtomicAdd { ptr, value, .. } => {
                f(ptr);
                f(value);
            }
            Op::Copy { dst, src, .. } => {
                f(dst);
                f(src);
            }
            Op::Call { args, .. } | Op::CallSub { args, .. } | Op::CallKernel { args, .. } => args.iter_mut().for_each(f),
        }
    }

    /// Whether the instruction defines a value.
    pub fn has_result(&self) -> bool {
        !matches!(self, Op::Store { .. } | Op::AtomicAdd { .. } | Op::Zero { .. } | Op::Copy { .. })
    }

    /// Whether the result depends on the operands alone and nothing else happens: such an instruction may be
    /// removed, repeated, moved to any place that its operands dominate, or shared.
    pub fn is_pure(&self) -> bool {
        match self {
            Op::Const(_)
            | Op::Bin(..)
            | Op::Ext { .. }
            | Op::Bswap { .. }
            | Op::Cmp(..)
            | Op::SlotAddr(..)
            | Op::Map(_)
            | Op::FuncAddr(_)
            | Op::KernelVar(_)
            | Op::Global(..) => true,
            Op::Load { .. }
            | Op::Store { .. }
            | Op::AtomicAdd { .. }
            | Op::Zero { .. }
            | Op::Copy { .. }
            | Op::Call { .. }
            | Op::CallSub { .. }
            | Op::CallKernel { .. } => false,
        }
    }

    /// Whether an instruction without a used result may be dropped. A load only reads: dropping it is safe.
    pub fn is_removable(&self) -> bool {
        match self {
            Op::Load { .. } => true,
            Op::Call { helper, .. } => helper.is_removable(),
            other => other.is_pure(),
        }
    }
}

impl Term {
    /// Calls `f` with every operand, the arguments of targets included.
    pub fn for_each_use(&self, mut f: impl FnMut(Value)) {
        match self {
            Term::Jump(t) => t.args.iter().copied().for_each(f),
            Term::Branch { a, b, yes, no, .. } => {
                f(*a);
                f(*b);
                yes.args.iter().chain(&no.args).copied().for_each(f);
            }
            Term::Return(v) => f(*v),
        }
    }

    /// Calls `f` with a reference to every operand, the arguments of targets included.
    pub fn for_each_use_mut(&mut self, mut f: impl FnMut(&mut Value)) {
        match self {
            Term::Jump(t) => t.args.iter_mut().for_each(f),
            Term::Branch { a, b, yes, no, .. } => {
                f(a);
                f(b);
                yes.args.iter_mut().chain(&mut no.args).for_each(f);
            }
            Term::Return(v) => f(v),
        }
    }

    /// The targets, at most two; a branch whose both sides are one block names it twice.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        let (first, second) = match self {
            Term::Jump(t) => (Some(t), None),
            Term::Branch { yes, no, .. } => (Some(yes), Some(no)),
            Term::Return(_) => (None, None),
        };
        first.into_iter().chain(second)
    }

    /// The targets, to be changed.
    pub fn targets_mut(&mut self) -> impl Iterator<Item = &mut Target> {
        let (first, second) = match self {
            Term::Jump(t) => (Some(t), None),
            Term::Branch { yes, no, .. } => (Some(yes), Some(no)),
            Term::Return(_) => (None, None),
        };
        first.into_iter().chain(second)
    }
}

impl Function {
    /// Calls `f` with a reference to every operand of every instruction and terminator.
    pub fn for_each_use_mut(&mut self, mut f: impl FnMut(&mut Value)) {
        for block in &mut self.blocks {
            for inst in &mut block.insts {
                inst.op.for_each_use_mut(&mut f);
            }
            if let Some(term) = &mut block.term {
                term.for_each_use_mut(&mut f);
            }
        }
    }

    /// How often each value is read, by value number.
    pub fn use_counts(&self) -> Vec<u32> {
        let mut counts = vec![0u32; self.values as usize];
        let mut count = |v: Value| counts[v.0 as usize] += 1;
        for block in &self.blocks {
            for inst in &block.insts {
                inst.op.for_each_use(&mut count);
            }
            if let Some(term) = &block.term {
                term.for_each_use(&mut count);
            }
        }
        counts
    }

    /// A value number that nothing uses yet.
    pub fn new_value(&mut self) -> Value {
        self.values += 1;
        Value(self.values - 1)
    }

    /// The blocks that `block` may go to.
    pub fn successors(&self, block: Block) -> impl Iterator<Item = Block> {
        self.blocks[block.0 as usize].term.iter().flat_map(|t| t.targets().map(|t| t.block))
    }
}
