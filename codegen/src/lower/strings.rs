//! Functions of strings and bytes, and those whose result lies in memory.

use super::mem::{Place, word};
use super::{Exits, Lower};
use crate::ir::{BinOp, Cc, Helper, Value};
use lang::builtins::Op;
use lang::hir::{Expr, ExprKind};
use lang::types::{AddrSpace, Type};

/// `TASK_COMM_LEN` (include/linux/sched.h).
const COMM: u32 = 16;

impl<'s> Lower<'s, '_> {
    /// The result of a function, evaluated into memory as a value of the call's type.
    pub(super) fn call_into(&mut self, op: Op, args: &'s [Expr], e: &'s Expr, dst: Place) {
        let bytes = e.ty.stored_size();
        match op {
            Op::Buf | Op::Words => self.buf(&args[0], &args[1], &e.ty, dst),
            Op::Syscall => self.syscall(&e.ty, dst),
            Op::StrConcat => self.str_concat(&args[0], &args[1], &e.ty, dst),
            Op::Ntop => self.ntop(&args[0], &args[1], dst),
            Op::Macaddr => self.macaddr(&args[0], dst),
            Op::CgroupPath => {
                let id = self.scalar(&args[0]);
                self.store_word(dst, id);
                let n = self.text_number(&args[1]);
                let n = self.b.iconst(n);
                self.store_word(dst.at(8), n);
            }
            Op::Strftime => {
                let ns = self.scalar(&args[0]);
                self.store_word(dst, ns);
                let n = self.text_number(&args[1]) << 8 | args[2].constant().unwrap_or(0);
                let n = self.b.iconst(n);
                self.store_word(dst.at(8), n);
            }
            Op::Strerror | Op::SignalName | Op::SyscallName => self.name_into(op, &args[0], dst, bytes),
            Op::Path => {
                self.zero(dst, bytes);
                let from = self.scalar(&args[0]);
                let at = self.address_of(dst);
                let n = self.b.iconst(i64::from(e.ty.c_size()));
                self.b.call(Helper::D_PATH, &[from, at, n]);
            }
            Op::Comm => self.comm_of(args, dst),
            Op::Join => self.join(&args[0], &e.ty, dst),
            _ => self.zero(dst, bytes),
        }
    }

    /// The name of a task by its id: empty if there is none.
    fn comm_of(&mut self, args: &'s [Expr], dst: Place) {
        let number = |i: usize| args[i].constant().unwrap_or(0);
        let (find, release, offset) = (number(1) as u32, number(2) as u32, number(3));
        self.zero(dst, COMM);
        let pid = self.scalar(&args[0]);
        let task = self.b.call_kernel(find, &[pid]);
        let zero = self.b.iconst(0);
        self.when(Cc::Ne, task, zero, |l| {
            let at = l.address_of(dst);
            let n = l.b.iconst(i64::from(COMM));
            let from = l.b.add_imm(task, offset);
            l.b.call(Helper::PROBE_READ_KERNEL_STR, &[at, n, from]);
            l.b.call_kernel(release, &[task]);
        });
    }

    fn text_number(&mut self, e: &'s Expr) -> i64 {
        match &e.kind {
            ExprKind::Str(text) => {
                let text = String::from_utf8_lossy(text).into_owned();
                self.shared.string(&text)
            }
            _ => 0,
        }
    }

    /// Bytes before the NUL: the helpers that read strings tell how many they read.
    pub(super) fn strlen(&mut self, e: &'s Expr) -> Value {
        let Type::Str(size) = e.ty else { return self.b.iconst(0) };
        let dst = self.temp(size + 8);
        let zero = self.b.iconst(0);
        let ret = match &e.kind {
            ExprKind::ReadStr { ptr, limit: None } => {
                let from = self.scalar(ptr);
                let helper = self.read_helper(&ptr.ty, true);
                let at = self.address_of(dst);
                let n = self.b.iconst(i64::from(size));
                self.b.call(helper, &[at, n, from])
            }
            _ => {
                let src = self.in_memory(e);
                let (at, from) = (self.address_of(dst), self.address_of(src));
                let n = self.b.iconst(i64::from(size));
                self.b.call(Helper::PROBE_READ_KERNEL_STR, &[at, n, from])
            }
        };
        let result = self.b.var();
        self.either(
            Cc::Sgt,
            ret,
            zero,
            |l| {
                let n = l.b.add_imm(ret, -1);
                l.b.def(result, n);
            },
            |l| {
                let zero = l.b.iconst(0);
                l.b.def(result, zero);
            },
        );
        self.b.get(result)
    }

    /// 0 if the first `n` bytes are the same, else 1.
    pub(super) fn strncmp(&mut self, a: &'s Expr, b: &'s Expr, n: i64) -> Value {
        let most = a.ty.c_size().max(b.ty.c_size());
        let n = (n.max(0) as u64).min(u64::from(most)) as u32;
        let (x, y) = (self.in_memory(a), self.in_memory(b));
        self.compare(x, a.ty.stored_size(), y, b.ty.stored_size(), n, |l, _, _| l.b.iconst(1))
    }

    /// 0, or the difference of the first two bytes that differ.
    pub(super) fn memcmp(&mut self, a: &'s Expr, b: &'s Expr, n: i64) -> Value {
        let x = self.comparable(a);
        let y = self.comparable(b);
        let n = n.max(0) as u32;
        self.compare(x, a.ty.stored_size().max(8), y, b.ty.stored_size().max(8), n, |l, p, q| {
            // In the order of memory the first byte weighs most.
            let (p, q) = (l.b.bswap(64, p), l.b.bswap(64, q));
            let result = l.b.var();
            let less = |n: i64| {
                move |l: &mut Self| {
                    let v = l.b.iconst(n);
                    l.b.def(result, v);
                }
            };
            l.either(Cc::Ult, p, q, less(-1), less(1));
            l.b.get(result)
        })
    }

    fn comparable(&mut self, e: &'s Expr) -> Place {
        if super::in_register(&e.ty) {
            let v = self.scalar(e);
            let place = self.temp(8);
            self.store_word(place, v);
            return place;
        }
        self.in_memory(e)
    }

    /// Compares `n` bytes by words; `differ` makes the result of the first two words that differ.
    fn compare(
        &mut self,
        x: Place,
        x_bytes: u32,
        y: Place,
        y_bytes: u32,
        n: u32,
        mut differ: impl FnMut(&mut Self, Value, Value) -> Value,
    ) -> Value {
        let result = self.b.var();
        let end = self.b.block();
        for at in (0..n).step_by(8) {
            let side = |l: &mut Self, place: Place, bytes: u32| {
                let v = if at < bytes { l.load_word(place.at(at)) } else { l.b.iconst(0) };
                let rest = n - at;
                if rest < 8 { l.bin_imm(BinOp::And, v, (1i64 << (8 * rest)) - 1) } else { v }
            };
            let (p, q) = (side(self, x, x_bytes), side(self, y, y_bytes));
            let (other, next) = (self.b.block(), self.b.block());
            self.b.branch(Cc::Ne, p, q, other, next);
            self.b.seal(other);
            self.b.switch_to(other);
            let v = differ(self, p, q);
            self.b.def(result, v);
            self.b.jump(end);
            self.b.seal(next);
            self.b.switch_to(next);
        }
        let zero = self.b.iconst(0);
        self.b.def(result, zero);
        self.b.jump(end);
        self.b.seal(end);
        self.b.switch_to(end);
        self.b.get(result)
    }

    /// Where a string holds another: every position is tried by a function that the kernel calls back.
    pub(super) fn strstr(&mut self, haystack: &'s Expr, needle: &'s Expr) -> Value {
        let (Type::Str(hay_size), Type::Str(needle_size)) = (&haystack.ty, &needle.ty) else { return self.b.iconst(-1) };
        let (hay_size, needle_size) = (*hay_size, *needle_size);
        if let ExprKind::Str(text) = &needle.kind
            && text.is_empty()
        {
            if haystack.changes() {
                self.in_memory(haystack);
            }
            return self.b.iconst(0);
        }
        let hay = self.held_in_scratch(haystack, &haystack.ty);
        let pin = self.held_in_scratch(needle, &needle.ty);
        let result = self.permanent_in_scratch(8);
        let length = self.permanent_in_scratch(8);
        let window = self.permanent_in_scratch(needle_size + 8);
        let none = self.b.iconst(-1);
        self.store_word(result, none);
        // The needle's bytes with its NUL, as a size for the helper.
        let size = {
            let (at, from) = (self.address_of(window), self.address_of(pin));
            let n = self.b.iconst(i64::from(needle_size));
            self.b.call(Helper::PROBE_READ_KERNEL_STR, &[at, n, from])
        };
        self.store_word(length, size);
        let words = needle_size.next_multiple_of(8);
        let found = self.b.var();
        let one = self.b.iconst(1);
        self.either(
            Cc::Sle,
            size,
            one,
            // Of an empty needle there is one everywhere.
            |l| {
                let zero = l.b.iconst(0);
                l.b.def(found, zero);
            },
            |l| {
                let sub = l.body(2, &[], |l| l.strstr_step(hay, hay_size, pin, window, length, result, words, needle_size));
                let turns = l.b.iconst(i64::from(hay_size));
                l.looped(turns, sub);
                let v = l.load_word(result);
                l.b.def(found, v);
            },
        );
        self.b.get(found)
    }

    #[allow(clippy::too_many_arguments, reason = "the places that the search works on")]
    fn strstr_step(
        &mut self,
        hay: Place,
        hay_size: u32,
        pin: Place,
        window: Place,
        length: Place,
        result: Place,
        words: u32,
        needle_size: u32,
    ) {
        let index = self.b.param(0);
        let index = self.b.ext(false, 32, index);
        let i = self.bin_imm(BinOp::And, index, i64::from(hay_size.next_power_of_two()) - 1);
        self.zero_large(window, words);
        let n = self.load_word(length);
        let mask = i64::from((needle_size + 1).next_power_of_two()) - 1;
        let n = self.bin_imm(BinOp::And, n, mask);
        let most = self.b.iconst(i64::from(needle_size));
        let stop = self.b.block();
        let go = self.b.block();
        self.b.branch(Cc::Ugt, n, most, stop, go);
        self.b.seal(go);
        self.b.switch_to(go);
        // A mask alone lets the verifier think of a byte behind the haystack, where its room is no power of two.
        let last = self.b.iconst(i64::from(hay_size));
        let inside = self.b.block();
        self.b.branch(Cc::Uge, i, last, stop, inside);
        self.b.seal(inside);
        self.b.switch_to(inside);
        let start = self.address_of(hay);
        let from = self.b.add(start, i);
        let at = self.address_of(window);
        self.b.call(Helper::PROBE_READ_KERNEL_STR, &[at, n, from]);
        let next = self.b.block();
        for w in (0..words).step_by(8) {
            let (p, q) = (self.load_word(window.at(w)), self.load_word(pin.at(w)));
            let same = self.b.block();
            self.b.branch(Cc::Eq, p, q, same, next);
            self.b.seal(same);
            self.b.switch_to(same);
        }
        self.store_word(result, index);
        let one = self.b.iconst(1);
        self.b.ret(one);
        self.b.seal(stop);
        self.b.switch_to(stop);
        let one = self.b.iconst(1);
        self.b.ret(one);
        self.b.seal(next);
        self.b.switch_to(next);
        // At the end of the haystack the search is over.
        let start = self.address_of(hay);
        let here = self.b.add(start, i);
        let c = self.b.load(crate::ir::Size::B1, here, 0);
        let zero = self.b.iconst(0);
        self.when(Cc::Eq, c, zero, |l| {
            let one = l.b.iconst(1);
            l.b.ret(one);
        });
    }

    /// Zeroes any number of words.
    pub(super) fn zero_large(&mut self, place: Place, bytes: u32) {
        self.zero(place, bytes);
    }

    /// `bpf_loop` over a body that does not leave the program.
    fn looped(&mut self, turns: Value, sub: u32) {
        let callback = self.b.func_addr(sub);
        let area = self.area_base();
        let flags = self.b.iconst(0);
        self.b.call(Helper::LOOP, &[turns, callback, area, flags]);
        debug_assert!(!matches!(self.loops.last(), Some(Exits::Body)) || self.depth > 0);
    }

    fn buf(&mut self, data: &'s Expr, length: &'s Expr, ty: &Type, dst: Place) {
        let (Type::Buf(room) | Type::Words { room, .. }) = *ty else { return };
        let n = match length.constant() {
            Some(n) => self.b.iconst(n.clamp(0, i64::from(room))),
            None => self.clamped(length, room),
        };
        self.zero(dst, 8 + room.next_multiple_of(8));
        self.store_word(dst, n);
        let (helper, from) = match &data.kind {
            _ if super::in_register(&data.ty) => {
                let from = self.scalar(data);
                (self.read_helper(&data.ty, false), from)
            }
            ExprKind::ReadBytes { ptr } | ExprKind::ReadStr { ptr, limit: None } => {
                let from = self.scalar(ptr);
                (self.read_helper(&ptr.ty, false), from)
            }
            ExprKind::Str(text) => {
                let bytes = (text.len() as u32).max(room).next_multiple_of(8);
                let place = self.temp(bytes);
                for at in (0..bytes).step_by(8) {
                    let value = self.b.iconst(word(text, at as usize));
                    self.store_word(place.at(at), value);
                }
                (Helper::PROBE_READ_KERNEL, self.address_of(place))
            }
            _ => {
                let place = self.in_memory(data);
                (Helper::PROBE_READ_KERNEL, self.address_of(place))
            }
        };
        let at = self.address_of(dst.at(8));
        self.read_memory(helper, at, n, from);
    }

    fn str_concat(&mut self, a: &'s Expr, b: &'s Expr, ty: &Type, dst: Place) {
        let Type::Str(size) = *ty else { return };
        let (first, second) = (a.ty.c_size(), b.ty.c_size());
        let span = first.next_power_of_two();
        let whole = self.scratch_area(span + second + 8);
        self.zero(whole, (span + second).next_multiple_of(8));
        let x = self.in_memory(a);
        let y = self.in_memory(b);
        let (at, from) = (self.address_of(whole), self.address_of(x));
        let n = self.b.iconst(i64::from(first));
        let got = self.b.call(Helper::PROBE_READ_KERNEL_STR, &[at, n, from]);
        // The NUL is overwritten.
        let end = self.b.var();
        let zero = self.b.iconst(0);
        self.either(
            Cc::Sgt,
            got,
            zero,
            |l| {
                let e = l.b.add_imm(got, -1);
                l.b.def(end, e);
            },
            |l| {
                let zero = l.b.iconst(0);
                l.b.def(end, zero);
            },
        );
        let end = self.b.get(end);
        let end = self.bin_imm(BinOp::And, end, i64::from(span) - 1);
        let at = self.address_of(whole);
        let at = self.b.add(at, end);
        let from = self.address_of(y);
        let n = self.b.iconst(i64::from(second));
        self.b.call(Helper::PROBE_READ_KERNEL_STR, &[at, n, from]);
        self.zero(dst, size.next_multiple_of(8));
        let (to, from) = (self.address_of(dst), self.address_of(whole));
        let n = self.b.iconst(i64::from(size.min(span + second)));
        self.b.call(Helper::PROBE_READ_KERNEL_STR, &[to, n, from]);
    }

    fn ntop(&mut self, family: &'s Expr, address: &'s Expr, dst: Place) {
        self.zero(dst, 24);
        let family = self.scalar(family);
        self.store_word(dst, family);
        if super::in_register(&address.ty) {
            let v = self.scalar(address);
            let v = self.b.ext(false, 32, v);
            self.store_word(dst.at(8), v);
            return;
        }
        let bytes = address.ty.c_size().min(16);
        match &address.kind {
            ExprKind::ReadBytes { ptr } | ExprKind::ReadStr { ptr, limit: None } => {
                let from = self.scalar(ptr);
                let helper = self.read_helper(&ptr.ty, false);
                let at = self.address_of(dst.at(8));
                let n = self.b.iconst(i64::from(bytes));
                self.read_memory(helper, at, n, from);
            }
            // Bytes, whatever strings do with NULs.
            ExprKind::CtxBytes(offset) => self.copy_from_context(*offset, bytes, dst.at(8)),
            _ => {
                let place = self.in_memory(address);
                self.copy_bytes(dst.at(8), place, bytes);
            }
        }
    }

    fn macaddr(&mut self, e: &'s Expr, dst: Place) {
        const BYTES: u32 = 6;
        self.zero(dst, 8);
        let (helper, from) = match &e.kind {
            _ if super::in_register(&e.ty) => {
                let from = self.scalar(e);
                (self.read_helper(&e.ty, false), from)
            }
            ExprKind::ReadBytes { ptr } | ExprKind::ReadStr { ptr, limit: None } => {
                let from = self.scalar(ptr);
                (self.read_helper(&ptr.ty, false), from)
            }
            ExprKind::CtxBytes(offset) => return self.copy_from_context(*offset, BYTES, dst),
            _ => {
                let place = self.in_memory(e);
                (Helper::PROBE_READ_KERNEL, self.address_of(place))
            }
        };
        let at = self.address_of(dst);
        let n = self.b.iconst(i64::from(BYTES));
        self.read_memory(helper, at, n, from);
    }

    /// The strings of an array that ends with NULL; those that are not there begin with 0xff, which no text does.
    fn join(&mut self, list: &'s Expr, ty: &Type, dst: Place) {
        let Type::Array { elem, len } = ty else { return };
        let size = elem.stored_size();
        let array = self.scalar(list);
        let user = Self::space_of(list) == AddrSpace::User || self.in_user_code();
        let (read, read_str) = if user {
            (Helper::PROBE_READ_USER, Helper::PROBE_READ_USER_STR)
        } else {
            (self.read_helper(&list.ty, false), self.read_helper(&list.ty, true))
        };
        let slot = self.temp(8);
        let absent = self.b.iconst(-1);
        for i in 0..*len {
            self.store_word(dst.at(i * size), absent);
        }
        let end = self.b.block();
        for i in 0..*len {
            let at = self.address_of(slot);
            let zero = self.b.iconst(0);
            self.store_word(slot, zero);
            let n = self.b.iconst(8);
            let from = self.b.add_imm(array, i64::from(i) * 8);
            self.b.call(read, &[at, n, from]);
            let p = self.load_word(slot);
            let next = self.b.block();
            let zero = self.b.iconst(0);
            self.b.branch(Cc::Eq, p, zero, end, next);
            self.b.seal(next);
            self.b.switch_to(next);
            let zero = self.b.iconst(0);
            self.store_word(dst.at(i * size), zero);
            let at = self.address_of(dst.at(i * size));
            let n = self.b.iconst(i64::from(elem.c_size()));
            self.b.call(read_str, &[at, n, p]);
        }
        self.b.jump(end);
        self.b.seal(end);
        self.b.switch_to(end);
    }
}
