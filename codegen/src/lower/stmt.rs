//! Statements.

use super::mem::Pad;
use super::{Exits, Home, Lower};
use crate::ir::build::Var;
use crate::ir::{Block, Cc, Section, Size};
use crate::manifest::{Action, bss};
use lang::hir::{Stmt, StmtKind, VarId};

impl<'s> Lower<'s, '_> {
    pub(super) fn stmts(&mut self, list: &'s [Stmt]) {
        for s in list {
            self.b.set_span(Some(s.span));
            self.scoped(|l| l.stmt(s));
        }
    }

    fn stmt(&mut self, s: &'s Stmt) {
        match &s.kind {
            StmtKind::Expr(e) => {
                if super::in_register(&e.ty) {
                    self.scalar(e);
                } else {
                    self.in_memory(e);
                }
            }
            StmtKind::SetVar { var, value } => match self.vars.get(var).copied() {
                Some(Home::Memory(place)) if super::in_register(&self.code.vars[var.0 as usize]) => {
                    let v = self.scalar(value);
                    self.store_word(place, v);
                }
                Some(Home::Memory(place)) => {
                    let ty = self.code.vars[var.0 as usize].clone();
                    let temp = self.temp(ty.stored_size());
                    // The value may be made of the variable itself.
                    self.store(value, &ty, temp, Pad::Zero);
                    self.copy(place, temp, ty.stored_size());
                }
                _ => {
                    let v = self.scalar(value);
                    self.set_var(*var, v);
                }
            },
            StmtKind::SetMap { map, key, value } => self.map_set(*map, key.as_ref(), value),
            StmtKind::Aggregate { map, key, agg, value } => self.aggregate(*map, key.as_ref(), *agg, value.as_ref()),
            StmtKind::If { condition, then, otherwise } => self.if_stmt(condition, then, otherwise),
            StmtKind::While { condition, body } => self.while_stmt(condition, body),
            StmtKind::Unroll { count, body } => self.unroll(*count, body),
            StmtKind::Emit { action, values } => self.emit(action.clone(), values),
            StmtKind::Exit { code } => {
                let code = self.scalar(code);
                self.emit_words(Action::Exit, &[code]);
                let at = self.b.global(Section::Bss, bss::STOP);
                let one = self.b.iconst(1);
                self.b.store(Size::B8, at, 0, one);
                self.leave();
            }
            StmtKind::Delete { map, key } => {
                self.map_delete(*map, key.as_ref());
            }
            StmtKind::Return(None) => self.leave(),
            StmtKind::Return(Some(value)) => {
                let v = self.scalar(value);
                self.leave_with(v);
            }
            StmtKind::Block(list) => self.stmts(list),
            StmtKind::ForRange { var, start, end, body } => self.for_range(*var, start, end, body),
            StmtKind::ForMap { map, var, body } => self.for_map(*map, *var, body),
            StmtKind::Break => match self.loops.last().copied() {
                Some(Exits::Blocks(end, _)) => self.b.jump(end),
                Some(Exits::Body) => {
                    let one = self.b.iconst(1);
                    self.b.ret(one);
                }
                None => {}
            },
            StmtKind::Continue => match self.loops.last().copied() {
                Some(Exits::Blocks(_, next)) => self.b.jump(next),
                Some(Exits::Body) => {
                    let zero = self.b.iconst(0);
                    self.b.ret(zero);
                }
                None => {}
            },
        }
    }

    fn if_stmt(&mut self, condition: &'s lang::hir::Expr, then: &'s [Stmt], otherwise: &'s [Stmt]) {
        let (yes, no, next) = (self.b.block(), self.b.block(), self.b.block());
        self.condition(condition, yes, no);
        for (block, list) in [(yes, then), (no, otherwise)] {
            self.b.seal(block);
            self.b.switch_to(block);
            self.stmts(list);
            self.b.jump(next);
        }
        self.b.seal(next);
        self.b.switch_to(next);
    }

    fn while_stmt(&mut self, condition: &'s lang::hir::Expr, body: &'s [Stmt]) {
        let (head, inside, next) = (self.b.block(), self.b.block(), self.b.block());
        let rounds = self.rounds_to_count();
        self.b.jump(head);
        self.b.switch_to(head);
        if let Some(rounds) = rounds {
            self.count_round(rounds, next);
        }
        self.condition(condition, inside, next);
        self.b.seal(inside);
        self.b.switch_to(inside);
        self.loops.push(Exits::Blocks(next, head));
        self.stmts(body);
        self.loops.pop();
        self.b.jump(head);
        self.b.seal(head);
        self.b.seal(next);
        self.b.switch_to(next);
    }

    /// Kernels before 6.8 don't follow how the condition depends on a variable that the body reaches through the area, and take each
    /// round for the one before: an endless loop. A register that counts the rounds tells them apart.
    fn rounds_to_count(&mut self) -> Option<Var> {
        if self.depth == 0 || self.shared.kernel >= (6, 8) {
            return None;
        }
        let (rounds, zero) = (self.b.var(), self.b.iconst(0));
        self.b.def(rounds, zero);
        Some(rounds)
    }

    /// One more round. That the number is compared makes the verifier look at it; no program gets as far as the limit.
    fn count_round(&mut self, rounds: Var, out: Block) {
        let n = self.b.get(rounds);
        let more = self.b.add_imm(n, 1);
        self.b.def(rounds, more);
        let (limit, go) = (self.b.iconst(i64::from(i32::MAX)), self.b.block());
        self.b.branch(Cc::Ult, n, limit, go, out);
        self.b.seal(go);
        self.b.switch_to(go);
    }

    fn unroll(&mut self, count: u32, body: &'s [Stmt]) {
        if self.rolled.contains(&body.as_ptr()) {
            return self.turns_of(count, body);
        }
        let end = self.b.block();
        for _ in 0..count {
            let next = self.b.block();
            self.loops.push(Exits::Blocks(end, next));
            self.stmts(body);
            self.loops.pop();
            self.b.jump(next);
            self.b.seal(next);
            self.b.switch_to(next);
        }
        self.b.jump(end);
        self.b.seal(end);
        self.b.switch_to(end);
    }
}

/// Variables whose first assignment is on every path: a statement of the action itself, with none in an inner block before.
pub(super) fn surely_assigned(body: &[Stmt], out: &mut Vec<VarId>) {
    let mut seen: Vec<VarId> = Vec::new();
    for s in body {
        match &s.kind {
            StmtKind::SetVar { var, .. } => {
                if !seen.contains(var) {
                    out.push(*var);
                    seen.push(*var);
                }
            }
            other => inner_assignments(other, &mut seen),
        }
    }
}

fn inner_assignments(s: &StmtKind, seen: &mut Vec<VarId>) {
    let lists: Vec<&[Stmt]> = match s {
        StmtKind::If { then, otherwise, .. } => vec![then, otherwise],
        StmtKind::While { body, .. } | StmtKind::Unroll { body, .. } | StmtKind::Block(body) => vec![body],
        _ => return,
    };
    for stmt in lists.into_iter().flatten() {
        match &stmt.kind {
            StmtKind::SetVar { var, .. } => seen.push(*var),
            other => inner_assignments(other, seen),
        }
    }
}
