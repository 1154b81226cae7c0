//! One IR instruction to machine instructions.

use super::Selector;
use crate::ir::{BinOp, Inst, Op, Size, Value};
use crate::vcode::{MInst, Reg, Src};

impl Selector<'_> {
    pub(super) fn inst(&mut self, inst: &Inst) {
        let dst = inst.result.map_or(Reg::virt(0), |v| Reg::virt(v.0));
        match &inst.op {
            // Emitted where they are used.
            Op::Const(_) | Op::SlotAddr(..) | Op::Map(_) | Op::Global(..) | Op::FuncAddr(_) | Op::KernelVar(_) => {}
            Op::Bin(op, a, b) => {
                if !inst.result.is_some_and(|v| self.tested[v.0 as usize]) {
                    self.bin(dst, *op, *a, *b);
                }
            }
            Op::Ext { signed, bits, value } => self.ext(dst, *signed, *bits, *value),
            Op::Bswap { bits, value } => {
                let a = self.reg(*value);
                self.push(MInst::Swap { bits: *bits, dst, a });
            }
            Op::Cmp(cc, a, b) => {
                let (cc, a, b) = self.ordered(*cc, *a, *b);
                let (a, b) = (self.reg(a), self.src(b));
                self.push(MInst::Set { cc, dst, a, b });
            }
            Op::Load { size, signed, ptr, offset } => self.load(dst, *size, *signed, *ptr, *offset),
            Op::Store { size, ptr, offset, value } => self.store(*size, *ptr, *offset, *value),
            Op::AtomicAdd { size, ptr, offset, value } => {
                let (base, offset) = self.address(*ptr, *offset, size.bytes());
                let src = self.reg(*value);
                self.push(MInst::AtomicAdd { size: *size, base, offset, src });
            }
            Op::Zero { ptr, offset, len } => self.zero(*ptr, *offset, *len),
            Op::Copy { dst, dst_offset, src, src_offset, len } => {
                self.copy((*dst, *dst_offset), (*src, *src_offset), *len);
            }
            Op::Call { helper, args } => {
                let args = args.iter().map(|a| self.reg(*a)).collect();
                self.push(MInst::Call { helper: *helper, args, dst });
                self.kept.clear();
            }
            Op::CallKernel { id, args } => {
                let args = args.iter().map(|a| self.reg(*a)).collect();
                self.push(MInst::CallKernel { id: *id, args, dst });
                self.kept.clear();
            }
            Op::CallSub { sub, args } => {
                let args = args.iter().map(|a| self.reg(*a)).collect();
                self.push(MInst::CallSub { sub: *sub, args, dst });
                self.kept.clear();
            }
        }
    }

    fn bin(&mut self, dst: Reg, op: BinOp, a: Value, b: Value) {
        let (a, b) = if op.is_commutative() && self.constant(a).is_some() { (b, a) } else { (a, b) };
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
        self.push(MInst::Alu { op, dst, a: left, b: right });
    }

    fn ext(&mut self, dst: Reg, signed: bool, bits: u8, value: Value) {
        let src = self.reg(value);
        match (signed, bits) {
            (true, _) => self.sign_extend(dst, src, bits),
            (false, 32) => self.push(MInst::ZeroExt32 { dst, src }),
            (false, _) => {
                let mask = (1i32 << bits) - 1;
                self.push(MInst::Alu { op: BinOp::And, dst, a: src, b: Src::Imm(mask) });
            }
        }
    }

    fn sign_extend(&mut self, dst: Reg, a: Reg, bits: u8) {
        let by = Src::Imm(64 - i32::from(bits));
        let high = self.fresh();
        self.push(MInst::Alu { op: BinOp::Shl, dst: high, a, b: by });
        self.push(MInst::Alu { op: BinOp::AShr, dst, a: high, b: by });
    }

    fn load(&mut self, dst: Reg, size: Size, signed: bool, ptr: Value, offset: i32) {
        let (base, offset) = self.address(ptr, offset, size.bytes());
        if !signed || size == Size::B8 {
            return self.push(MInst::Load { size, dst, base, offset });
        }
        let low = self.fresh();
        self.push(MInst::Load { size, dst: low, base, offset });
        self.sign_extend(dst, low, (size.bytes() * 8) as u8);
    }

    fn store(&mut self, size: Size, ptr: Value, offset: i32, value: Value) {
        let (base, offset) = self.address(ptr, offset, size.bytes());
        let src = self.store_src(size, value);
        self.push(MInst::Store { size, base, offset, src });
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
            self.push(MInst::Store { size: Size::B8, base, offset, src: Src::Imm(0) });
        }
    }

    fn copy(&mut self, to: (Value, i32), from: (Value, i32), len: u32) {
        let (to, to_offset) = self.address(to.0, to.1, len);
        let (from, from_offset) = self.address(from.0, from.1, len);
        for at in (0..len).step_by(8) {
            let word = self.fresh();
            let offset = from_offset.wrapping_add(at as i16);
            self.push(MInst::Load { size: Size::B8, dst: word, base: from, offset });
            let (offset, src) = (to_offset.wrapping_add(at as i16), Src::Reg(word));
            self.push(MInst::Store { size: Size::B8, base: to, offset, src });
        }
    }
}
