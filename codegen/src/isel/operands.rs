//! Values as operands: in registers, as immediates, as addresses.

use super::Selector;
use crate::ir::{BinOp, Cc, Op, Section, Value};
use crate::vcode::{Base, MInst, Reg, Src};

/// What is kept in a register within a block.
#[derive(PartialEq, Eq, Hash)]
pub(super) enum Kept {
    Wide(i64),
    Global(Section, u32),
}

impl<'a> Selector<'a> {
    pub(super) fn fresh(&mut self) -> Reg {
        self.code.vregs += 1;
        Reg::virt(self.code.vregs - 1)
    }

    pub(super) fn def(&self, v: Value) -> Option<&'a Op> {
        self.defs[v.0 as usize]
    }

    pub(super) fn constant(&self, v: Value) -> Option<i64> {
        match self.def(v) {
            Some(Op::Const(c)) => Some(*c),
            _ => None,
        }
    }

    /// The value in a register; leaves are emitted.
    pub(super) fn reg(&mut self, v: Value) -> Reg {
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
            Some(Op::KernelVar(id)) => {
                let dst = self.fresh();
                self.push(MInst::KernelVar { dst, id: *id });
                dst
            }
            Some(Op::FuncAddr(sub)) => {
                let dst = self.fresh();
                self.push(MInst::FuncAddr { dst, sub: *sub });
                dst
            }
            _ => Reg::virt(v.0),
        }
    }

    pub(super) fn constant_reg(&mut self, c: i64) -> Reg {
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

    pub(super) fn global(&mut self, section: Section, offset: u32) -> Reg {
        if let Some(r) = self.kept.get(&Kept::Global(section, offset)) {
            return *r;
        }
        let dst = self.fresh();
        self.push(MInst::Global { dst, section, offset });
        self.kept.insert(Kept::Global(section, offset), dst);
        dst
    }

    /// The value as a second operand.
    pub(super) fn src(&mut self, v: Value) -> Src {
        match self.constant(v).and_then(|c| i32::try_from(c).ok()) {
            Some(imm) => Src::Imm(imm),
            None => Src::Reg(self.reg(v)),
        }
    }

    /// An address for accesses to `len` bytes at `ptr + offset`, each of them within reach of a 16-bit offset.
    pub(super) fn address(&mut self, ptr: Value, offset: i32, len: u32) -> (Base, i16) {
        let reach = |at: i64| {
            let end = at + i64::from(len);
            i16::try_from(at).ok().filter(|_| i16::try_from(end).is_ok())
        };
        match self.def(ptr) {
            Some(Op::SlotAddr(slot, start)) => {
                let at = i64::from(self.slots[slot.0 as usize]) + i64::from(*start) + i64::from(offset);
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
        self.push(MInst::Alu { op: BinOp::Add, dst, a: ptr, b: Src::Imm(offset) });
        (Base::Reg(dst), 0)
    }

    /// The same comparison with a constant, if there is one, on the right.
    pub(super) fn ordered(&self, cc: Cc, a: Value, b: Value) -> (Cc, Value, Value) {
        if self.constant(a).is_some() && self.constant(b).is_none() { (cc.swapped(), b, a) } else { (cc, a, b) }
    }
}
