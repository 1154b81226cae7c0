//! Events: a record is reserved in the ring buffer, filled in place, and submitted.

use super::Lower;
use super::mem::{Base, Pad, Place};
use crate::ir::{Cc, Helper, Section, Size, Value};
use crate::manifest::{Action, bss};
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
        let bytes = values.iter().map(|e| e.ty.stored_size()).sum();
        self.record(action, bytes, |l, place| {
            let mut at = 0;
            for (part, e) in parts.iter().zip(values) {
                match part {
                    Part::Word(v) => l.store_word(place.at(at), *v),
                    Part::Place(from) => l.copy(place.at(at), *from, e.ty.stored_size()),
                    Part::Memory(e) => l.store(e, &e.ty, place.at(at), Pad::Any),
                }
                at += e.ty.stored_size();
            }
        });
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
                let flags = l.b.iconst(0);
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
