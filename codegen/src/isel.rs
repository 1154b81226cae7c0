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
use crate::ir::{BinOp, Block, Cc, Function, Inst, Op, Section, Size, Target, Term, Value};
use crate::vcode::{Base, Cond, MInst, Reg, Src, VBlock, VCode};
use lang::source::Span;
use std::collections::HashMap;

/// Selects instructions for a function that [`crate::ir::verify`] accepts.
pub fn select(f: &Function) -> Result<VCode, Error> {
    let frame = frame::layout(f);
    if frame.bytes > MAX_STACK {
        return Err(Error::Stack {
            function: f.name.clone(),
            bytes: frame.bytes,
        });
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

/// What is kept in a register within a block.
#[derive(PartialEq, Eq, Hash)]
enum Kept {
    Wide(i64),
    Global(Section, u32),
}

struct Selector<'a> {
    f: &'a Function,
    code: VCode,
    /// The operation that defines each value, by number.
    defs: Vec<Option<&'a Op>>,
    /// Offset of each slot from the frame pointer.
    slots: Vec<i32>,
    /// `and`s that a branch tests, by value number.
    tested: Vec<bool>,
    /// Number of each IR block in the machine code.
    numbers: Vec<u32>,
    /// Edge blocks' numbers follow their block's.
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
        let code = VCode {
            name: f.name.clone(),
            blocks: Vec::new(),
            vregs: f.values,
            frame: frame.bytes,
        };
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
            let Some(Term::Branch {
                cc: Cc::Eq | Cc::Ne,
                a,
                b,
                ..
            }) = &block.term
            else {
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
            self.push(MInst::Args {
                dst: Reg::virt(data.params[0].0),
            });
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

    fn fresh(&mut self) -> Reg {
        self.code.vregs += 1;
        Reg::virt(self.code.vregs - 1)
    }

    fn def(&self, v: Value) -> Option<&'a Op> {
        self.defs[v.0 as usize]
    }

    fn constant(&self, v: Value) -> Option<i64> {
        match self.def(v) {
            Some(Op::Const(c)) => Some(*c),
            _ => None,
        }
    }

    /// The value in a register; leaves are emitted.
    fn reg(&mut self, v: Value) -> Reg {
        match self.def(v) {
            Some(Op::Const(c)) => self.constant_reg(*c),
            Some(Op::SlotAddr(slot, offset)) => {
                let dst = self.fresh();
                let offset = self.slots[slot.0 as usize].saturating_add(*offset);
                self.push(MInst::FrameAddr { dst, offset });
                dst
            }
            Some(Op::Map(map)) => {
                let dst = self.fresh();
                self.push(MInst::Map { dst, map: *map });
                dst
            }
            Some(Op::Global(section, offset)) => self.global(*section, *offset),
            _ => Reg::virt(v.0),
        }
    }

    fn constant_reg(&mut self, c: i64) -> Reg {
        if let Ok(imm) = i32::try_from(c) {
            let dst = self.fresh();
            self.push(MInst::MovImm { dst, imm });
            return dst;
        }
        if let Some(r) = self.kept.get(&Kept::Wide(c)) {
            return *r;
        }
        let dst = self.fresh();
        self.push(MInst::Wide { dst, value: c });
        self.kept.insert(Kept::Wide(c), dst);
        dst
    }

    fn global(&mut self, section: Section, offset: u32) -> Reg {
        if let Some(r) = self.kept.get(&Kept::Global(section, offset)) {
            return *r;
        }
        let dst = self.fresh();
        self.push(MInst::Global {
            dst,
            section,
            offset,
        });
        self.kept.insert(Kept::Global(section, offset), dst);
        dst
    }

    /// The value as a second operand.
    fn src(&mut self, v: Value) -> Src {
        match self.constant(v).and_then(|c| i32::try_from(c).ok()) {
            Some(imm) => Src::Imm(imm),
            None => Src::Reg(self.reg(v)),
        }
    }

    /// An address for accesses to `len` bytes at `ptr + offset`, each of them within reach of a 16-bit offset.
    fn address(&mut self, ptr: Value, offset: i32, len: u32) -> (Base, i16) {
        let reach = |at: i64| {
            let end = at + i64::from(len);
            i16::try_from(at)
                .ok()
                .filter(|_| i16::try_from(end).is_ok())
        };
        match self.def(ptr) {
            Some(Op::SlotAddr(slot, start)) => {
                let at =
                    i64::from(self.slots[slot.0 as usize]) + i64::from(*start) + i64::from(offset);
                if let Some(at) = reach(at) {
                    return (Base::Frame, at);
                }
            }
            Some(Op::Global(section, start)) => {
                // One base serves all of a section that is within reach of it.
                let at = i64::from(*start) + i64::from(offset);
                let base = at.max(0) as u32 & !0x3fff;
                if let Some(at) = reach(at - i64::from(base)) {
                    return (Base::Reg(self.global(*section, base)), at);
                }
            }
            _ => {}
        }
        let ptr = self.reg(ptr);
        if let Some(at) = reach(offset.into()) {
            return (Base::Reg(ptr), at);
        }
        let dst = self.fresh();
        self.push(MInst::Alu {
            op: BinOp::Add,
            dst,
            a: ptr,
            b: Src::Imm(offset),
        });
        (Base::Reg(dst), 0)
    }

    fn inst(&mut self, inst: &Inst) {
        let dst = inst.result.map_or(Reg::virt(0), |v| Reg::virt(v.0));
        match &inst.op {
            Op::Const(_) | Op::SlotAddr(..) | Op::Map(_) | Op::Global(..) => {}
            Op::Bin(op, a, b) => {
                if !inst.result.is_some_and(|v| self.tested[v.0 as usize]) {
                    self.bin(dst, *op, *a, *b);
                }
            }
            Op::Ext {
                signed,
                bits,
                value,
            } => self.ext(dst, *signed, *bits, *value),
            Op::Bswap { bits, value } => {
                let a = self.reg(*value);
                self.push(MInst::Swap {
                    bits: *bits,
                    dst,
                    a,
                });
            }
            Op::Cmp(cc, a, b) => {
                let (cc, a, b) = self.ordered(*cc, *a, *b);
                let (a, b) = (self.reg(a), self.src(b));
                self.push(MInst::Set { cc, dst, a, b });
            }
            Op::Load {
                size,
                signed,
                ptr,
                offset,
            } => self.load(dst, *size, *signed, *ptr, *offset),
            Op::Store {
                size,
                ptr,
                offset,
                value,
            } => {
                let (base, offset) = self.address(*ptr, *offset, size.bytes());
                let src = self.store_src(*size, *value);
                self.push(MInst::Store {
                    size: *size,
                    base,
                    offset,
                    src,
                });
            }
            Op::AtomicAdd {
                size,
                ptr,
                offset,
                value,
            } => {
                let (base, offset) = self.address(*ptr, *offset, size.bytes());
                let src = self.reg(*value);
                self.push(MInst::AtomicAdd {
                    size: *size,
                    base,
                    offset,
                    src,
                });
            }
            Op::Zero { ptr, offset, len } => self.zero(*ptr, *offset, *len),
            Op::Copy {
                dst,
                dst_offset,
                src,
                src_offset,
                len,
            } => {
                self.copy((*dst, *dst_offset), (*src, *src_offset), *len);
            }
            Op::Call { helper, args } => {
                let args = args.iter().map(|a| self.reg(*a)).collect();
                self.push(MInst::Call {
                    helper: *helper,
                    args,
                    dst,
                });
                self.kept.clear();
            }
        }
    }

    /// The same comparison with a constant, if there is one, on the right.
    fn ordered(&self, cc: Cc, a: Value, b: Value) -> (Cc, Value, Value) {
        if self.constant(a).is_some() && self.constant(b).is_none() {
            (cc.swapped(), b, a)
        } else {
            (cc, a, b)
        }
    }

    fn bin(&mut self, dst: Reg, op: BinOp, a: Value, b: Value) {
        let (a, b) = if op.is_commutative() && self.constant(a).is_some() {
            (b, a)
        } else {
            (a, b)
        };
        if op == BinOp::Sub && self.constant(a) == Some(0) {
            let a = self.reg(b);
            return self.push(MInst::Neg { dst, a });
        }
        let left = self.reg(a);
        let right = match (op, self.constant(b)) {
            // The verifier refuses constant shifts out of range; the machine uses six bits of others.
            (BinOp::Shl | BinOp::LShr | BinOp::AShr, Some(c)) => Src::Imm((c & 63) as i32),
            // ... and division by a constant 0.
            (BinOp::UDiv | BinOp::UMod, Some(0)) => Src::Reg(self.reg(b)),
            _ => self.src(b),
        };
        self.push(MInst::Alu {
            op,
            dst,
            a: left,
            b: right,
        });
    }

    fn ext(&mut self, dst: Reg, signed: bool, bits: u8, value: Value) {
        let src = self.reg(value);
        match (signed, bits) {
            (true, _) => self.sign_extend(dst, src, bits),
            (false, 32) => self.push(MInst::ZeroExt32 { dst, src }),
            (false, _) => {
                let mask = (1i32 << bits) - 1;
                self.push(MInst::Alu {
                    op: BinOp::And,
                    dst,
                    a: src,
                    b: Src::Imm(mask),
                });
            }
        }
    }

    fn sign_extend(&mut self, dst: Reg, a: Reg, bits: u8) {
        let by = Src::Imm(64 - i32::from(bits));
        let high = self.fresh();
        self.push(MInst::Alu {
            op: BinOp::Shl,
            dst: high,
            a,
            b: by,
        });
        self.push(MInst::Alu {
            op: BinOp::AShr,
            dst,
            a: high,
            b: by,
        });
    }

    fn load(&mut self, dst: Reg, size: Size, signed: bool, ptr: Value, offset: i32) {
        let (base, offset) = self.address(ptr, offset, size.bytes());
        if !signed || size == Size::B8 {
            return self.push(MInst::Load {
                size,
                dst,
                base,
                offset,
            });
        }
        let low = self.fresh();
        self.push(MInst::Load {
            size,
            dst: low,
            base,
            offset,
        });
        self.sign_extend(dst, low, (size.bytes() * 8) as u8);
    }

    /// What a store of `size` writes: constants as immediates where their low bytes allow.
    fn store_src(&mut self, size: Size, value: Value) -> Src {
        match (self.constant(value), size) {
            (Some(c), Size::B1) => Src::Imm((c as i8).into()),
            (Some(c), Size::B2) => Src::Imm((c as i16).into()),
            (Some(c), Size::B4) => Src::Imm(c as i32),
            _ => self.src(value),
        }
    }

    fn zero(&mut self, ptr: Value, offset: i32, len: u32) {
        let (base, offset) = self.address(ptr, offset, len);
        for at in (0..len).step_by(8) {
            // In reach: `address` looked at the last byte.
            let offset = offset.wrapping_add(at as i16);
            self.push(MInst::Store {
                size: Size::B8,
                base,
                offset,
                src: Src::Imm(0),
            });
        }
    }

    fn copy(&mut self, to: (Value, i32), from: (Value, i32), len: u32) {
        let (to, to_offset) = self.address(to.0, to.1, len);
        let (from, from_offset) = self.address(from.0, from.1, len);
        for at in (0..len).step_by(8) {
            let word = self.fresh();
            let offset = from_offset.wrapping_add(at as i16);
            self.push(MInst::Load {
                size: Size::B8,
                dst: word,
                base: from,
                offset,
            });
            let (offset, src) = (to_offset.wrapping_add(at as i16), Src::Reg(word));
            self.push(MInst::Store {
                size: Size::B8,
                base: to,
                offset,
                src,
            });
        }
    }

    fn jump(&mut self, t: &Target) {
        self.out.args = t.args.iter().map(|a| self.reg(*a)).collect();
        self.out.succs = vec![self.numbers[t.block.0 as usize]];
        self.push(MInst::Jump);
    }

    fn term(&mut self, b: Block, term: Option<&Term>, edges: &Edges) {
        match term {
            Some(Term::Jump(t)) => self.jump(t),
            Some(Term::Branch {
                cc,
                a,
                b: right,
                yes,
                no,
            }) => {
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
            let (x, y) = if self.constant(*x).is_some() {
                (*y, *x)
            } else {
                (*x, *y)
            };
            return (Cond::Test, x, y, cc == Cc::Eq);
        }
        let (cc, a, b) = self.ordered(cc, a, b);
        (Cond::Cc(cc), a, b, false)
    }
}
