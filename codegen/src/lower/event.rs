//! Events: a record is reserved in the ring buffer, filled in place, and submitted.

use super::Lower;
use super::mem::{Base, Pad, Place};
use crate::ir::{Cc, Helper, Section, Size, Value};
use crate::manifest::{Action, bss};
use lang::action::Packing;
use lang::builtins::Op;
use lang::hir::{Expr, ExprKind};

/// A part of a record: a word that is computed already, or a value to be put there.
enum Part<'e> {
    Word(Value),
    Memory(&'e Expr),
    /// Evaluated already: what it does must not happen while a record is held.
    Place(Place),
}

impl<'s> Lower<'s, '_> {
    /// Sends the values of an action.
    pub(super) fn emit(&mut self, action: Action, values: &'s [Expr]) {
        // Words are computed before the record is taken, so that it is held for a short time, and so that a full
        // buffer changes nothing of what the expressions do.
        // What is behind the last one that changes anything may wait until then.
        let last = values.iter().rposition(Expr::changes).unwrap_or(0);
        let parts: Vec<Part<'_>> = values.iter().enumerate().map(|(i, e)| self.part_of(e, i < last)).collect();
        let mut packing = Packing::new();
        if action.has_format() && values.iter().any(|e| packing.next(&e.ty).is_some()) {
            return self.packed(action, &parts, values);
        }
        let bytes = values.iter().map(|e| e.ty.stored_size()).sum();
        self.record(action, bytes, |l, place| {
            let mut at = 0;
            for (part, e) in parts.iter().zip(values) {
                l.put(part, e, place.at(at));
                at += e.ty.stored_size();
            }
        });
    }

    fn put(&mut self, part: &Part<'s>, e: &'s Expr, place: Place) {
        match part {
            Part::Word(v) => self.store_word(place, *v),
            Part::Place(from) => self.copy(place, *from, e.ty.stored_size()),
            Part::Memory(e) => self.store(e, &e.ty, place, Pad::Any),
        }
    }

    /// Puts a record together in scratch memory, long strings behind everything else and one right behind the other, and sends the
    /// bytes that there are.
    fn packed(&mut self, action: Action, parts: &[Part<'s>], values: &'s [Expr]) {
        let mut packing = Packing::new();
        let sizes: Vec<Option<u32>> = values.iter().map(|e| packing.next(&e.ty)).collect();
        let fixed: u32 = values.iter().zip(&sizes).filter(|(_, s)| s.is_none()).map(|(e, _)| e.ty.stored_size()).sum();
        let most: u32 = sizes.iter().flatten().sum();
        // A word is zeroed where a string begins, which may be at the very end.
        let record = self.scratch_area((8 + fixed + most).next_multiple_of(8) + 8);
        let number = self.shared.action(action);
        let number = self.b.iconst(number);
        self.store_word(record, number);
        let mut at = 8;
        let all = || parts.iter().zip(values).zip(&sizes);
        for ((part, e), _) in all().filter(|(_, size)| size.is_none()) {
            self.put(part, e, record.at(at));
            at += e.ty.stored_size();
        }
        let mut end = self.b.iconst(i64::from(at));
        for ((part, e), size) in all() {
            let Some(size) = *size else { continue };
            let start = self.address_of(record);
            let start = self.b.add(start, end);
            let read = self.string_at(part, e, size, Place { base: Base::Value(start), offset: 0 });
            // What can't be read is empty.
            let length = self.b.var();
            let zero = self.b.iconst(0);
            self.either(
                Cc::Sgt,
                read,
                zero,
                |l| l.b.def(length, read),
                |l| {
                    let one = l.b.iconst(1);
                    l.b.def(length, one);
                },
            );
            let length = self.b.get(length);
            end = self.b.add(end, length);
        }
        let ring = self.shared.ring();
        let (ring, from, flags) = (self.b.map(ring), self.address_of(record), self.global_word(bss::AWAKE));
        let ret = self.b.call(Helper::RINGBUF_OUTPUT, &[ring, from, end, flags]);
        self.when_negative(ret, |l| l.count_loss(bss::LOST_EVENTS));
    }

    /// Puts a string of less than `most` bytes there; its length with the NUL, or what is not positive.
    fn string_at(&mut self, part: &Part<'s>, e: &'s Expr, most: u32, dst: Place) -> Value {
        if let (Part::Memory(_), ExprKind::ReadStr { ptr, limit }) = (part, &e.kind) {
            return self.read_string(ptr, limit.as_deref(), most, dst);
        }
        let from = match part {
            Part::Place(from) => *from,
            _ => self.in_memory(e),
        };
        let (at, n, from) = (self.address_of(dst), self.b.iconst(i64::from(most)), self.address_of(from));
        let zero = self.b.iconst(0);
        self.store_word(dst, zero);
        self.b.call(Helper::PROBE_READ_KERNEL_STR, &[at, n, from])
    }

    fn part_of(&mut self, e: &'s Expr, at_once: bool) -> Part<'s> {
        if super::in_register(&e.ty) {
            return Part::Word(self.scalar(e));
        }
        if at_once {
            return Part::Place(self.kept(e));
        }
        // At the end of an iteration a read of its context leaves the program.
        let mut statements = e.changes() || matches!(self.code.context, lang::hir::Context::Iter(_));
        e.walk(&mut |e| statements |= matches!(e.kind, ExprKind::Call { op: Op::Strstr | Op::Len, .. }));
        if statements { Part::Place(self.in_memory(e)) } else { Part::Memory(e) }
    }

    /// Sends words.
    pub(super) fn emit_words(&mut self, action: Action, words: &[Value]) {
        self.record(action, words.len() as u32 * 8, |l, place| {
            for (i, w) in words.iter().enumerate() {
                l.store_word(place.at(i as u32 * 8), *w);
            }
        });
    }

    /// Reserves a record, has it filled, submits it. A full buffer is counted.
    fn record(&mut self, action: Action, bytes: u32, fill: impl FnOnce(&mut Self, Place)) {
        let number = self.shared.action(action);
        let ring = self.shared.ring();
        let ring = self.b.map(ring);
        let (size, flags) = (self.b.iconst(i64::from(8 + bytes)), self.b.iconst(0));
        let record = self.b.call(Helper::RINGBUF_RESERVE, &[ring, size, flags]);
        let zero = self.b.iconst(0);
        self.either(
            Cc::Ne,
            record,
            zero,
            |l| {
                let place = Place { base: Base::Value(record), offset: 0 };
                let number = l.b.iconst(number);
                l.store_word(place, number);
                fill(l, place.at(8));
                let flags = l.global_word(bss::AWAKE);
                l.b.call(Helper::RINGBUF_SUBMIT, &[record, flags]);
            },
            |l| {
                l.count_loss(bss::LOST_EVENTS);
                l.long_way();
            },
        );
    }

    /// Before Linux 6.3 the verifier holds two states in which a record is held to be different, always (`refsafe` in
    /// kernel/bpf/verifier.c compares the numbers of the references), so that only one that it keeps behind the record spares it the
    /// other path; else sixteen records are 65,536 paths. It keeps one where two jumps and eight instructions lie behind the last
    /// (`is_state_visited`), which the lookout for a full buffer has to make up for: this path is hardly ever taken.
    fn long_way(&mut self) {
        if self.shared.kernel >= (6, 3) {
            return;
        }
        let at = self.b.global(Section::Bss, bss::LOST_EVENTS);
        let nothing = self.b.iconst(0);
        for _ in 0..3 {
            self.b.atomic_add(Size::B8, at, 0, nothing);
        }
    }
}
