//! Values in memory: temporary areas, and evaluation straight into a place.

use super::{Home, Lower};
use crate::ir::{Helper, Size, Slot, Value};
use crate::manifest::Action;
use lang::builtins::Op as Builtin;
use lang::hir::{Expr, ExprKind};
use lang::types::{AddrSpace, Type};

/// An address: a base and a constant offset.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub base: Base,
    pub offset: i32,
}

/// What an address is counted from. Stack slots and scratch are named, not held in registers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Base {
    Value(Value),
    Slot(Slot),
    Scratch,
}

/// How the bytes after a string's end must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pad {
    /// Zero: the bytes are compared or are a key.
    Zero,
    /// Whatever: the reader stops at the NUL.
    Any,
}

/// Stack bytes that temporaries may take; the rest is for spilled registers.
const SLOT_BUDGET: u32 = 288;
/// Longest copy that is unrolled; a helper does longer ones.
const INLINE_COPY: u32 = 256;
/// `TASK_COMM_LEN` (include/linux/sched.h).
const COMM: u32 = 16;

impl Place {
    pub fn at(self, offset: u32) -> Place {
        Place { base: self.base, offset: self.offset + offset as i32 }
    }
}

impl Lower<'_, '_> {
    /// The base address as a value.
    pub(super) fn base(&mut self, place: Place) -> Value {
        match place.base {
            Base::Value(v) => v,
            Base::Slot(s) => self.b.slot_addr(s),
            Base::Scratch => match self.scratch_base {
                Some(v) => v,
                // The first attempt, which only finds out that scratch is wanted.
                None => self.b.iconst(0),
            },
        }
    }

    /// The address as a value.
    pub(super) fn address_of(&mut self, place: Place) -> Value {
        let base = self.base(place);
        if place.offset == 0 { base } else { self.b.add_imm(base, i64::from(place.offset)) }
    }

    /// Memory until the end of the statement.
    pub(super) fn temp(&mut self, bytes: u32) -> Place {
        let bytes = bytes.next_multiple_of(8).max(8);
        let limit = self.shared.program.config.on_stack_limit;
        if bytes <= limit {
            if let Some(i) = self.free_slots.iter().position(|(n, _)| *n == bytes) {
                let (n, slot) = self.free_slots.swap_remove(i);
                self.taken.push((n, slot));
                return Place { base: Base::Slot(slot), offset: 0 };
            }
            if self.slot_bytes + bytes <= SLOT_BUDGET {
                self.slot_bytes += bytes;
                let slot = self.b.slot(bytes);
                self.taken.push((bytes, slot));
                return Place { base: Base::Slot(slot), offset: 0 };
            }
        }
        self.scratch_area(bytes)
    }

    /// Memory until the end of the program.
    pub(super) fn permanent(&mut self, bytes: u32) -> Place {
        let bytes = bytes.next_multiple_of(8).max(8);
        if bytes <= self.shared.program.config.on_stack_limit && self.slot_bytes + bytes <= SLOT_BUDGET / 2 {
            self.slot_bytes += bytes;
            return Place { base: Base::Slot(self.b.slot(bytes)), offset: 0 };
        }
        self.scratch_area(bytes)
    }

    fn scratch_area(&mut self, bytes: u32) -> Place {
        self.wants_scratch = true;
        let offset = self.scratch_now;
        self.scratch_now += bytes;
        self.scratch_top = self.scratch_top.max(self.scratch_now);
        Place { base: Base::Scratch, offset: offset as i32 }
    }

    /// Runs a statement and gives its temporaries back.
    pub(super) fn scoped(&mut self, f: impl FnOnce(&mut Self)) {
        let scratch = self.scratch_now;
        let taken = std::mem::take(&mut self.taken);
        f(self);
        self.free_slots.append(&mut self.taken);
        self.taken = taken;
        self.scratch_now = scratch;
    }

    pub(super) fn zero(&mut self, place: Place, bytes: u32) {
        if bytes > 0 {
            let base = self.base(place);
            self.b.zero(base, place.offset, bytes.next_multiple_of(8));
        }
    }

    pub(super) fn store_word(&mut self, place: Place, value: Value) {
        let base = self.base(place);
        self.b.store(Size::B8, base, place.offset, value);
    }

    pub(super) fn load_word(&mut self, place: Place) -> Value {
        let base = self.base(place);
        self.b.load(Size::B8, base, place.offset)
    }

    /// Copies whole words.
    pub(super) fn copy(&mut self, dst: Place, src: Place, bytes: u32) {
        let bytes = bytes.next_multiple_of(8);
        if bytes <= INLINE_COPY {
            let (d, s) = (self.base(dst), self.base(src));
            self.b.copy(d, dst.offset, s, src.offset, bytes);
        } else {
            let (d, s) = (self.address_of(dst), self.address_of(src));
            let n = self.b.iconst(i64::from(bytes));
            self.b.call(Helper::PROBE_READ_KERNEL, &[d, n, s]);
        }
    }

    /// Evaluates `e` into memory as a value of type `ty`, which is `e`'s type or one that holds it.
    pub(super) fn store(&mut self, e: &Expr, ty: &Type, dst: Place, pad: Pad) {
        if super::in_register(&e.ty) {
            let v = self.scalar(e);
            self.store_word(dst, v);
            return;
        }
        match (&e.kind, ty) {
            (ExprKind::Tuple(members), Type::Tuple(types)) => {
                let mut at = 0;
                for (m, t) in members.iter().zip(types) {
                    self.store(m, t, dst.at(at), pad);
                    at += t.stored_size();
                }
            }
            (ExprKind::Ternary(c, a, b), _) => {
                let (yes, no, next) = (self.b.block(), self.b.block(), self.b.block());
                self.condition(c, yes, no);
                for (block, e) in [(yes, a), (no, b)] {
                    self.b.seal(block);
                    self.b.switch_to(block);
                    self.store(e, ty, dst, pad);
                    self.b.jump(next);
                }
                self.b.seal(next);
                self.b.switch_to(next);
            }
            (ExprKind::Cast(inner), Type::Str(_)) => self.store(inner, ty, dst, pad),
            (ExprKind::Cast(inner), Type::Tuple(types)) => self.store_wider_tuple(inner, types, dst, pad),
            (_, Type::Str(size)) => self.store_str(e, *size, dst, pad),
            _ => self.store_bytes(e, ty, dst),
        }
    }

    fn store_wider_tuple(&mut self, inner: &Expr, types: &[Type], dst: Place, pad: Pad) {
        let src = self.in_memory(inner);
        let Type::Tuple(from) = &inner.ty else { return };
        let (mut s, mut d) = (0, 0);
        for (f, t) in from.iter().zip(types) {
            self.copy(dst.at(d), src.at(s), f.stored_size());
            if pad == Pad::Zero && t.stored_size() > f.stored_size() {
                self.zero(dst.at(d + f.stored_size()), t.stored_size() - f.stored_size());
            }
            s += f.stored_size();
            d += t.stored_size();
        }
    }

    fn store_str(&mut self, e: &Expr, size: u32, dst: Place, pad: Pad) {
        let whole = size.next_multiple_of(8);
        let own = e.ty.stored_size().min(whole);
        match &e.kind {
            ExprKind::Str(text) => self.store_literal(text, whole, dst, pad),
            ExprKind::Builtin(Builtin::Comm) => {
                // Before 6.2 the helper leaves what was there behind the NUL.
                self.zero(dst, if pad == Pad::Zero { whole.max(COMM) } else { COMM });
                let at = self.address_of(dst);
                let n = self.b.iconst(i64::from(COMM));
                self.b.call(Helper::GET_CURRENT_COMM, &[at, n]);
            }
            ExprKind::ReadStr { ptr, limit } => {
                if pad == Pad::Zero {
                    self.zero(dst, whole);
                }
                let Type::Str(most) = e.ty else { return };
                self.read_string(ptr, limit.as_deref(), most.min(size), dst);
            }
            ExprKind::CtxBytes(offset) => {
                if pad == Pad::Zero {
                    self.zero(dst, whole);
                }
                let at = self.address_of(dst);
                let n = self.b.iconst(i64::from(own.min(size)));
                let ctx = self.b.ctx();
                let from = self.b.add_imm(ctx, i64::from(*offset));
                self.b.call(Helper::PROBE_READ_KERNEL_STR, &[at, n, from]);
            }
            ExprKind::MapGet { map, key } => self.map_get_into(*map, key.as_deref(), dst, own, whole, pad),
            _ => {
                let src = self.in_memory(e);
                self.copy(dst, src, own);
                if pad == Pad::Zero && whole > own {
                    self.zero(dst.at(own), whole - own);
                }
            }
        }
    }

    fn store_literal(&mut self, text: &[u8], whole: u32, dst: Place, pad: Pad) {
        let words = (text.len() as u32 / 8 + 1) * 8;
        for at in (0..words.min(whole)).step_by(8) {
            let value = self.b.iconst(word(text, at as usize));
            self.store_word(dst.at(at), value);
        }
        if pad == Pad::Zero && whole > words {
            self.zero(dst.at(words), whole - words);
        }
    }

    /// Everything in memory that is neither a string nor made of parts.
    fn store_bytes(&mut self, e: &Expr, ty: &Type, dst: Place) {
        let bytes = ty.stored_size();
        match &e.kind {
            ExprKind::MapGet { map, key } => self.map_get_into(*map, key.as_deref(), dst, bytes, bytes, Pad::Zero),
            ExprKind::CtxBytes(offset) => self.copy_from_context(*offset, e.ty.c_size(), dst),
            ExprKind::ReadBytes { ptr } => {
                self.zero(dst, bytes);
                let from = self.scalar(ptr);
                let helper = self.read_helper(&ptr.ty, false);
                let at = self.address_of(dst);
                let n = self.b.iconst(i64::from(e.ty.c_size()));
                self.read_memory(helper, at, n, from);
            }
            ExprKind::Builtin(Builtin::Ustack) => {
                let id = self.stack_id(&e.ty);
                self.store_word(dst, id);
                let pid = self.pid();
                self.store_word(dst.at(8), pid);
            }
            ExprKind::Builtin(Builtin::Func) => {
                let ip = self.instruction_pointer();
                self.store_word(dst, ip);
                let pid = self.pid();
                self.store_word(dst.at(8), pid);
            }
            ExprKind::Usym(address) => {
                let v = self.scalar(address);
                self.store_word(dst, v);
                let pid = self.pid();
                self.store_word(dst.at(8), pid);
            }
            ExprKind::Error => self.zero(dst, bytes),
            _ => {
                let src = self.in_memory(e);
                self.copy(dst, src, bytes);
            }
        }
    }

    /// The place of a value in memory, with zeros behind strings.
    pub(super) fn in_memory(&mut self, e: &Expr) -> Place {
        match &e.kind {
            ExprKind::Var(v) => match self.vars.get(v) {
                Some(Home::Memory(place)) => *place,
                _ => self.evaluated(e),
            },
            ExprKind::Member { base, index } => {
                let place = self.in_memory(base);
                let Type::Tuple(types) = &base.ty else { return place };
                place.at(types[..*index as usize].iter().map(Type::stored_size).sum())
            }
            _ => self.evaluated(e),
        }
    }

    fn evaluated(&mut self, e: &Expr) -> Place {
        let place = self.temp(e.ty.stored_size());
        self.store(e, &e.ty, place, Pad::Zero);
        place
    }

    /// `probe_read*_str` of at most `most` bytes.
    fn read_string(&mut self, ptr: &Expr, limit: Option<&Expr>, most: u32, dst: Place) {
        let from = self.scalar(ptr);
        let helper = self.read_helper(&ptr.ty, true);
        let n = match limit {
            None => self.b.iconst(i64::from(most)),
            Some(l) => self.clamped(l, most),
        };
        let at = self.address_of(dst);
        // Whatever was there must not show through when nothing can be read.
        let zero = self.b.iconst(0);
        self.store_word(dst, zero);
        self.read_memory(helper, at, n, from);
    }

    /// Calls a read helper; with `-k` a failure is told.
    pub(super) fn read_memory(&mut self, helper: Helper, at: Value, n: Value, from: Value) {
        let ret = self.b.call(helper, &[at, n, from]);
        if self.shared.program.config.check_reads {
            let what = format!("Failed to {}: the memory can't be read", helper.name().unwrap_or("read memory"));
            let span = self.b.span().unwrap_or_default();
            self.when_negative(ret, |l| l.emit_words(Action::Warning { what, span }, &[ret]));
        }
    }

    /// A length between 1 and `most`, in a form that the verifier can follow.
    fn clamped(&mut self, limit: &Expr, most: u32) -> Value {
        let v = self.scalar(limit);
        let var = self.b.var();
        let top = self.b.iconst(i64::from(most));
        self.either(
            crate::ir::Cc::Ugt,
            v,
            top,
            |l| {
                let m = l.b.iconst(i64::from(most));
                l.b.def(var, m);
            },
            |l| l.b.def(var, v),
        );
        let n = self.b.get(var);
        // The mask repeats the bound where registers were spilled in between.
        let mask = i64::from((most + 1).next_power_of_two() - 1);
        let masked = self.bin_imm(crate::ir::BinOp::And, n, mask);
        let var = self.b.var();
        let top = self.b.iconst(i64::from(most));
        self.either(
            crate::ir::Cc::Ugt,
            masked,
            top,
            |l| {
                let m = l.b.iconst(i64::from(most));
                l.b.def(var, m);
            },
            |l| l.b.def(var, masked),
        );
        self.b.get(var)
    }

    /// The helper that reads what a pointer of this type points to.
    pub(super) fn read_helper(&self, ty: &Type, string: bool) -> Helper {
        let space = match ty {
            Type::Ptr { space, .. } => *space,
            _ => AddrSpace::Unknown,
        };
        let space = match space {
            AddrSpace::Unknown if self.in_user_code() => AddrSpace::User,
            s => s,
        };
        match (space, string) {
            (AddrSpace::User, true) => Helper::PROBE_READ_USER_STR,
            (AddrSpace::User, false) => Helper::PROBE_READ_USER,
            // On x86-64 this one tells user from kernel addresses by their value.
            (AddrSpace::Unknown, true) => Helper::PROBE_READ_STR,
            (AddrSpace::Unknown, false) => Helper::PROBE_READ,
            (_, true) => Helper::PROBE_READ_KERNEL_STR,
            (_, false) => Helper::PROBE_READ_KERNEL,
        }
    }
}

/// Eight bytes of a text from `at`, zeros behind its end, as the little-endian word that they are in memory.
pub(super) fn word(text: &[u8], at: usize) -> i64 {
    let mut bytes = [0u8; 8];
    for (i, b) in bytes.iter_mut().enumerate() {
        *b = text.get(at + i).copied().unwrap_or(0);
    }
    i64::from_le_bytes(bytes)
}
