//! Instruction selection: IR to machine instructions with virtual registers.
//!
//! - Constants, addresses and maps ("leaves") are emitted where they are used, never kept over a call. Within a block
//!   and between calls, wide ones are kept: a wide load is two slots.
//! - A slot's address is never needed for an access to it: r10 serves.
//! - Critical edges are split, for the allocator puts moves on edges.
//! - Comparisons were fused into branches by `opt`; here `and` joins them (`BPF_JSET`).

use crate::error::{Error, MAX_STACK};
use crate::frame::{self, Frame};
use crate::ir::cfg::{predecessors, reverse_postorder};
use crate::ir::{BinOp, Block, Cc, Function, Op, Target, Term, Value};
use crate::vcode::{Cond, MInst, Reg, VBlock, VCode};
use lang::source::Span;
use operands::Kept;
use std::collections::HashMap;

mod insts;
mod operands;

/// Selects instructions for a function that [`crate::ir::verify`] accepts.
pub fn select(f: &Function) -> Result<VCode, Error> {
    let frame = frame::layout(f);
    if frame.bytes > MAX_STACK {
        return Err(Error::Stack { function: f.name.clone(), bytes: frame.bytes });
    }
    let mut s = Selector::new(f, frame);
    let order = reverse_postorder(f);
    let edges = s.plan(&order);
    for (b, block_edges) in order.iter().zip(edges) {
        s.block(*b, &block_edges);
    }
    Ok(s.code)
}

/// The blocks to be put on the edges of a branch: the target that each edge block jumps to.
type Edges = [Option<Target>; 2];

struct Selector<'a> {
    f: &'a Function,
    code: VCode,
    /// The operation that defines each value, by number.
    defs: Vec<Option<&'a Op>>,
    /// Offset of each slot from the frame pointer.
    slots: Vec<i32>,
    /// `and`s that a branch tests, by value number.
    tested: Vec<bool>,
    /// Number of each IR block in the machine code; those of its edge blocks follow.
    numbers: Vec<u32>,
    /// Wide constants and addresses that are in a register since the last call.
    kept: HashMap<Kept, Reg>,
    out: VBlock,
    span: Option<Span>,
}

impl<'a> Selector<'a> {
    fn new(f: &'a Function, frame: Frame) -> Self {
        let mut defs = vec![None; f.values as usize];
        for inst in f.blocks.iter().flat_map(|b| &b.insts) {
            if let Some(v) = inst.result {
                defs[v.0 as usize] = Some(&inst.op);
            }
        }
        let code = VCode { name: f.name.clone(), blocks: Vec::new(), vregs: f.values, slots: frame.bytes, frame: frame.bytes };
        let mut s = Selector {
            f,
            code,
            defs,
            slots: frame.offsets,
            tested: vec![false; f.values as usize],
            numbers: vec![0; f.blocks.len()],
            kept: HashMap::new(),
            out: VBlock::default(),
            span: None,
        };
        s.find_tests();
        s
    }

    /// Marks `and`s whose only reader is the branch that ends their block and compares them with 0.
    fn find_tests(&mut self) {
        let uses = self.f.use_counts();
        for block in &self.f.blocks {
            let Some(Term::Branch { cc: Cc::Eq | Cc::Ne, a, b, .. }) = &block.term else {
                continue;
            };
            if self.constant(*b) == Some(0)
                && uses[a.0 as usize] == 1
                && matches!(self.defs[a.0 as usize], Some(Op::Bin(BinOp::And, ..)))
                && block.insts.iter().any(|i| i.result == Some(*a))
            {
                self.tested[a.0 as usize] = true;
            }
        }
    }

    /// Numbers the blocks and decides which edges get a block of their own.
    fn plan(&mut self, order: &[Block]) -> Vec<Edges> {
        let preds = predecessors(self.f);
        let mut number = 0;
        let mut edges = Vec::with_capacity(order.len());
        for b in order {
            self.numbers[b.0 as usize] = number;
            let mut block_edges = [None, None];
            if let Some(Term::Branch { yes, no, .. }) = &self.f.blocks[b.0 as usize].term {
                for (edge, t) in block_edges.iter_mut().zip([yes, no]) {
                    if preds[t.block.0 as usize].len() > 1 || !t.args.is_empty() {
                        *edge = Some(t.clone());
                    }
                }
            }
            number += 1 + block_edges.iter().flatten().count() as u32;
            edges.push(block_edges);
        }
        edges
    }

    fn block(&mut self, b: Block, edges: &Edges) {
        let data = &self.f.blocks[b.0 as usize];
        self.kept.clear();
        if b == Block(0) {
            self.push(MInst::Args { dsts: data.params.iter().map(|p| Reg::virt(p.0)).collect() });
        } else {
            self.out.params = data.params.iter().map(|p| Reg::virt(p.0)).collect();
        }
        for inst in &data.insts {
            self.span = inst.span;
            self.inst(inst);
        }
        // A terminator has no place of its own: it belongs to what was before it.
        self.term(b, data.term.as_ref(), edges);
        self.finish_block();
        for t in edges.iter().flatten() {
            self.kept.clear();
            self.jump(t);
            self.finish_block();
        }
    }

    fn finish_block(&mut self) {
        self.code.blocks.push(std::mem::take(&mut self.out));
    }

    fn push(&mut self, inst: MInst) {
        self.out.insts.push((inst, self.span));
    }

    fn jump(&mut self, t: &Target) {
        self.out.args = t.args.iter().map(|a| self.reg(*a)).collect();
        self.out.succs = vec![self.numbers[t.block.0 as usize]];
        self.push(MInst::Jump);
    }

    fn term(&mut self, b: Block, term: Option<&Term>, edges: &Edges) {
        match term {
            Some(Term::Jump(t)) => self.jump(t),
            Some(Term::Branch { cc, a, b: right, yes, no }) => {
                let (cond, left, right, swap) = self.condition(*cc, *a, *right);
                let (a, b_src) = (self.reg(left), self.src(right));
                // An edge block's number follows that of its branch's block.
                let mut next = self.numbers[b.0 as usize] + 1;
                let mut succs: Vec<u32> = [yes, no]
                    .into_iter()
                    .zip(edges)
                    .map(|(t, edge)| match edge {
                        Some(_) => {
                            next += 1;
                            next - 1
                        }
                        None => self.numbers[t.block.0 as usize],
                    })
                    .collect();
                if swap {
                    succs.reverse();
                }
                self.out.succs = succs;
                self.push(MInst::Branch { cond, a, b: b_src });
            }
            Some(Term::Return(v)) => {
                let value = self.reg(*v);
                self.push(MInst::Ret { value });
            }
            // Excluded by the IR's invariants.
            None => {}
        }
    }

    /// The condition of a branch, its operands, and whether the sides change places.
    fn condition(&self, cc: Cc, a: Value, b: Value) -> (Cond, Value, Value, bool) {
        if let Some(Op::Bin(_, x, y)) = self.def(a).filter(|_| self.tested[a.0 as usize]) {
            let (x, y) = if self.constant(*x).is_some() { (*y, *x) } else { (*x, *y) };
            return (Cond::Test, x, y, cc == Cc::Eq);
        }
        let (cc, a, b) = self.ordered(cc, a, b);
        (Cond::Cc(cc), a, b, false)
    }
}
