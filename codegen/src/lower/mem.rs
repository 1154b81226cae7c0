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
    /// What loop bodies share with the program around them.
    Area,
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
pub(super) const SLOT_BUDGET: u32 = 288;
/// Longest copy that is unrolled; a helper does longer ones.
const INLINE_COPY: u32 = 256;
/// `TASK_COMM_LEN` (include/linux/sched.h).
const COMM: u32 = 16;

impl Place {
    pub fn at(self, offset: u32) -> Place {
        Place { base: self.base, offset: self.offset + offset as i32 }
    }
}

impl<'s> Lower<'s, '_> {
    /// The base address as a value.
    pub(super) fn base(&mut self, place: Place) -> Value {
        match place.base {
            Base::Value(v) => v,
            Base::Slot(s) => self.b.slot_addr(s),
            Base::Area => self.area_base(),
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
            if self.slot_bytes + bytes <= self.slot_budget {
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
        if bytes <= self.shared.program.config.on_stack_limit && self.slot_bytes + bytes <= self.slot_budget / 2 {
            self.slot_bytes += bytes;
            return Place { base: Base::Slot(self.b.slot(bytes)), offset: 0 };
        }
        self.scratch_area(bytes)
    }

    /// Scratch memory until the end of the program, which loop bodies reach too.
    pub(super) fn permanent_in_scratch(&mut self, bytes: u32) -> Place {
        self.scratch_area(bytes.next_multiple_of(8).max(8))
    }

    pub(super) fn scratch_area(&mut self, bytes: u32) -> Place {
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
    pub(super) fn store(&mut self, e: &'s Expr, ty: &Type, dst: Place, pad: Pad) {
        if super::in_register(&e.ty) {
            let v = self.scalar(e);
            self.store_word(dst, v);
            return;
        }
        match (&e.kind, ty) {
            (ExprKind::Tuple(members), Type::Named(types)) => {
                let mut at = 0;
                for (m, (_, t)) in members.iter().zip(types) {
                    self.store(m, t, dst.at(at), pad);
                    at += t.stored_size();
                }
            }
            (ExprKind::Block(stmts, value), _) => {
                self.stmts(stmts);
                self.store(value, ty, dst, pad);
            }
            (ExprKind::Call { op, args }, _) => {
                if e.ty.stored_size() == ty.stored_size() {
                    self.call_into(*op, args, e, dst);
                } else {
                    let own = self.temp(e.ty.stored_size());
                    self.call_into(*op, args, e, own);
                    let bytes = e.ty.stored_size().min(ty.stored_size());
                    self.copy(dst, own, bytes);
                    if pad == Pad::Zero && ty.stored_size() > bytes {
                        self.zero(dst.at(bytes), ty.stored_size() - bytes);
                    }
                }
            }
            (ExprKind::Relabel(inner), _) if e.ty.stored_size() == ty.stored_size() => self.relabel_into(inner, ty, dst),
            (ExprKind::ToBytes(inner), _) => self.store_as_bytes(inner, dst, ty.c_size()),
            (ExprKind::Part { base, offset, .. }, _) if e.ty.stored_size() == ty.stored_size() => {
                self.part_into(base, *offset, &e.ty, dst);
            }
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
            (ExprKind::Cast(inner), _) if !matches!(ty, Type::Tuple(_) | Type::Named(_)) => {
                let own = inner.ty.stored_size().min(ty.stored_size());
                let src = self.in_memory(inner);
                self.copy(dst, src, own);
                self.zero(dst.at(own), ty.stored_size() - own);
            }
            (ExprKind::Cast(inner), _) => {
                let src = self.in_memory(inner);
                self.widen(src, &inner.ty, dst, ty, pad);
            }
            (_, Type::Str(size)) => self.store_str(e, *size, dst, pad),
            _ => self.store_bytes(e, ty, dst),
        }
    }

    /// Copies a value of one type to where one of a type that holds it belongs: strings may be longer there, members of records
    /// stand in another order.
    fn widen(&mut self, src: Place, from: &Type, dst: Place, to: &Type, pad: Pad) {
        match (from, to) {
            _ if from == to => self.copy(dst, src, from.stored_size()),
            (Type::Tuple(f), Type::Tuple(t)) => {
                let (mut s, mut d) = (0, 0);
                for (f, t) in f.iter().zip(t) {
                    self.widen(src.at(s), f, dst.at(d), t, pad);
                    s += f.stored_size();
                    d += t.stored_size();
                }
            }
            (Type::Named(f), Type::Named(t)) => {
                let mut d = 0;
                for (name, t) in t {
                    if let Some(i) = f.iter().position(|m| m.0 == *name) {
                        let s = f[..i].iter().map(|m| m.1.stored_size()).sum();
                        self.widen(src.at(s), &f[i].1, dst.at(d), t, pad);
                    }
                    d += t.stored_size();
                }
            }
            _ => {
                let own = from.stored_size().min(to.stored_size());
                self.copy(dst, src, own);
                if pad == Pad::Zero && to.stored_size() > own {
                    self.zero(dst.at(own), to.stored_size() - own);
                }
            }
        }
    }

    fn store_str(&mut self, e: &'s Expr, size: u32, dst: Place, pad: Pad) {
        let whole = size.next_multiple_of(8);
        let own = e.ty.stored_size().min(whole);
        if let Some((task, at)) = self.name_of_task(e) {
            for word in (0..COMM.min(whole)).step_by(8) {
                let v = self.b.load(Size::B8, task, at + word as i32);
                self.store_word(dst.at(word), v);
            }
            if pad == Pad::Zero && whole > COMM {
                self.zero(dst.at(COMM), whole - COMM);
            }
            return;
        }
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
                let Type::Str(most) = e.ty else { return };
                if pad == Pad::Zero || size > most {
                    self.zero(dst, whole);
                }
                self.read_string(ptr, limit.as_deref(), most.min(size), dst);
            }
            ExprKind::CtxBytes(offset) => {
                if pad == Pad::Zero {
                    self.zero(dst, whole);
                }
                let at = self.address_of(dst);
                let n = self.b.iconst(i64::from(own.min(size)));
                let ctx = self.ctx();
                let from = self.b.add_imm(ctx, i64::from(*offset));
                self.b.call(Helper::PROBE_READ_KERNEL_STR, &[at, n, from]);
            }
            ExprKind::Error => self.zero(dst, whole),
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
    fn store_bytes(&mut self, e: &'s Expr, ty: &Type, dst: Place) {
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
            ExprKind::Var(_) | ExprKind::Member { .. } => {
                let src = self.in_memory(e);
                self.copy(dst, src, bytes);
            }
            _ => self.zero(dst, bytes),
        }
    }

    /// The place of a value in memory, with zeros behind strings.
    pub(super) fn in_memory(&mut self, e: &'s Expr) -> Place {
        match &e.kind {
            ExprKind::Var(v) => match self.vars.get(v) {
                Some(Home::Memory(place)) => *place,
                _ => self.evaluated(e),
            },
            ExprKind::Member { base, index } => {
                let place = self.in_memory(base);
                let before = *index as usize;
                place.at(base.ty.members().into_iter().take(before).map(Type::stored_size).sum())
            }
            _ => self.evaluated(e),
        }
    }

    /// As [`Self::in_memory`], but what follows does not change it: of a variable it is a copy.
    pub(super) fn kept(&mut self, e: &'s Expr) -> Place {
        match e.kind {
            ExprKind::Var(_) | ExprKind::Member { .. } => self.evaluated(e),
            _ => self.in_memory(e),
        }
    }

    fn evaluated(&mut self, e: &'s Expr) -> Place {
        let place = self.temp(e.ty.stored_size());
        self.store(e, &e.ty, place, Pad::Zero);
        place
    }

    /// Reads a string of less than `most` bytes; what the helper returned: its length with the NUL, or an error. Where the pointer leads to an array of `most`, one that fills it need not have a NUL.
    pub(super) fn read_string(&mut self, ptr: &'s Expr, limit: Option<&'s Expr>, most: u32, dst: Place) -> Value {
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
        let ret = self.read_memory(helper, at, n, from);
        let array = matches!(&ptr.ty, Type::Ptr { to, .. } if matches!(**to, Type::Array { len, .. } if len == most));
        if array && limit.is_none() {
            let all = self.b.iconst(i64::from(most));
            self.when(crate::ir::Cc::Eq, ret, all, |l| {
                let last = i64::from(most) - 1;
                let (at, from) = (l.address_of(dst.at(most - 1)), l.b.add_imm(from, last));
                let one = l.b.iconst(1);
                let helper = l.read_helper(&ptr.ty, false);
                l.read_memory(helper, at, one, from);
            });
        }
        ret
    }

    /// Calls a read helper; with `-k` a failure is told.
    pub(super) fn read_memory(&mut self, helper: Helper, at: Value, n: Value, from: Value) -> Value {
        let ret = self.b.call(helper, &[at, n, from]);
        if self.shared.program.config.check_reads {
            let (what, helper) = (String::new(), helper.name().map(str::to_string));
            let span = self.b.span().unwrap_or_default();
            self.when_negative(ret, |l| l.emit_words(Action::Warning { what, helper, span }, &[ret]));
        }
        ret
    }

    /// A length between 1 and `most`, in a form that the verifier can follow.
    pub(super) fn clamped(&mut self, limit: &'s Expr, most: u32) -> Value {
        let v = self.scalar(limit);
        self.at_most(v, most)
    }

    /// A number of bytes, `most` at the most, in a form that the verifier can follow.
    pub(super) fn at_most(&mut self, v: Value, most: u32) -> Value {
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
