//! Conditions as control flow: no truth value is made where only a jump is wanted.

use super::Lower;
use super::mem::{Place, word};
use super::scalar::compare;
use crate::ir::{Block, Cc, Size, Value};
use lang::hir::{Expr, ExprKind};
use lang::types::Type;

impl<'s> Lower<'s, '_> {
    /// Goes to `yes` or `no`, both unsealed.
    pub(super) fn condition(&mut self, e: &'s Expr, yes: Block, no: Block) {
        let outer = self.b.span();
        self.b.set_span(Some(e.span));
        match &e.kind {
            ExprKind::Not(a) => self.condition(a, no, yes),
            ExprKind::And(a, b) => {
                let second = self.b.block();
                self.condition(a, second, no);
                self.b.seal(second);
                self.b.switch_to(second);
                self.condition(b, yes, no);
            }
            ExprKind::Or(a, b) => {
                let second = self.b.block();
                self.condition(a, yes, second);
                self.b.seal(second);
                self.b.switch_to(second);
                self.condition(b, yes, no);
            }
            ExprKind::Binary { op, a, b, signed } if op.is_comparison() => {
                let (x, y) = (self.scalar(a), self.scalar(b));
                self.b.branch(compare(*op, *signed), x, y, yes, no);
            }
            ExprKind::Same { negate, a, b } => {
                let (same, differ) = if *negate { (no, yes) } else { (yes, no) };
                self.same(a, b, same, differ);
            }
            _ => {
                let v = self.scalar(e);
                self.b.branch_nonzero(v, yes, no);
            }
        }
        self.b.set_span(outer);
    }

    /// A condition as 1 or 0.
    pub(super) fn truth(&mut self, e: &'s Expr) -> Value {
        let result = self.b.var();
        let (yes, no, next) = (self.b.block(), self.b.block(), self.b.block());
        self.condition(e, yes, no);
        for (block, n) in [(yes, 1), (no, 0)] {
            self.b.seal(block);
            self.b.switch_to(block);
            let v = self.b.iconst(n);
            self.b.def(result, v);
            self.b.jump(next);
        }
        self.b.seal(next);
        self.b.switch_to(next);
        self.b.get(result)
    }

    /// Compares two values in memory word by word; strings have zeros behind their end.
    fn same(&mut self, a: &'s Expr, b: &'s Expr, same: Block, differ: Block) {
        match (&a.kind, &b.kind) {
            (_, ExprKind::Str(text)) => self.same_as_literal(a, text, same, differ),
            (ExprKind::Str(text), _) => self.same_as_literal(b, text, same, differ),
            _ => {
                let x = if b.changes() { self.kept(a) } else { self.in_memory(a) };
                let y = self.in_memory(b);
                self.same_memory(x, &a.ty, y, &b.ty, same, differ);
            }
        }
    }

    fn same_as_literal(&mut self, e: &'s Expr, text: &[u8], same: Block, differ: Block) {
        if let ExprKind::Str(other) = &e.kind {
            self.b.jump(if other == text { same } else { differ });
            return;
        }
        let Type::Str(size) = e.ty else { return self.b.jump(differ) };
        if text.len() as u32 >= size {
            // They can't be the same, but what the operand does is done.
            if e.changes() {
                self.in_memory(e);
            }
            return self.b.jump(differ);
        }
        let words = text.len() / 8 + 1;
        let name = self.name_of_task(e);
        let place = if name.is_none() { Some(self.in_memory(e)) } else { None };
        for w in 0..words {
            let at = w as u32 * 8;
            let have = match (name, place) {
                (Some((task, comm)), _) => self.b.load(Size::B8, task, comm + at as i32),
                (_, Some(place)) => self.load_word(place.at(at)),
                _ => self.b.iconst(0),
            };
            let want = self.b.iconst(word(text, w * 8));
            let next = if w + 1 == words { same } else { self.b.block() };
            self.b.branch(Cc::Eq, have, want, next, differ);
            if w + 1 < words {
                self.b.seal(next);
                self.b.switch_to(next);
            }
        }
    }

    fn same_memory(&mut self, x: Place, a: &Type, y: Place, b: &Type, same: Block, differ: Block) {
        let (p, q) = (a.members(), b.members());
        if !p.is_empty() {
            let (mut i, mut j) = (0, 0);
            for (t, u) in p.into_iter().zip(q) {
                let next = self.b.block();
                self.same_memory(x.at(i), t, y.at(j), u, next, differ);
                self.b.seal(next);
                self.b.switch_to(next);
                i += t.stored_size();
                j += u.stored_size();
            }
            return self.b.jump(same);
        }
        let bytes = a.stored_size().min(b.stored_size());
        for at in (0..bytes).step_by(8) {
            let (p, q) = (self.load_word(x.at(at)), self.load_word(y.at(at)));
            let next = self.b.block();
            self.b.branch(Cc::Eq, p, q, next, differ);
            self.b.seal(next);
            self.b.switch_to(next);
        }
        // The longer string must end where the shorter one's buffer does.
        let longer = if a.stored_size() > bytes {
            Some(x)
        } else if b.stored_size() > bytes {
            Some(y)
        } else {
            None
        };
        match longer {
            Some(place) => {
                let rest = self.load_word(place.at(bytes));
                let zero = self.b.iconst(0);
                self.b.branch(Cc::Eq, rest, zero, same, differ);
            }
            None => self.b.jump(same),
        }
    }
}
