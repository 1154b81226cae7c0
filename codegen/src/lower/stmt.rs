//! Statements.

use super::mem::Pad;
use super::{Home, Lower};
use crate::ir::{Section, Size};
use crate::manifest::{Action, bss};
use lang::hir::{Stmt, StmtKind, VarId};

impl Lower<'_, '_> {
    pub(super) fn stmts(&mut self, list: &[Stmt]) {
        for s in list {
            self.b.set_span(Some(s.span));
            self.scoped(|l| l.stmt(s));
        }
    }

    fn stmt(&mut self, s: &Stmt) {
        match &s.kind {
            StmtKind::Expr(e) => {
                if super::in_register(&e.ty) {
                    self.scalar(e);
                } else {
                    self.in_memory(e);
                }
            }
            StmtKind::SetVar { var, value } => match self.vars.get(var).copied() {
                Some(Home::Memory(place)) => {
                    let ty = self.probe.vars[var.0 as usize].clone();
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
            StmtKind::Return => self.leave(),
            StmtKind::Break => {
                if let Some((end, _)) = self.loops.last().copied() {
                    self.b.jump(end);
                }
            }
            StmtKind::Continue => {
                if let Some((_, next)) = self.loops.last().copied() {
                    self.b.jump(next);
                }
            }
        }
    }

    fn if_stmt(&mut self, condition: &lang::hir::Expr, then: &[Stmt], otherwise: &[Stmt]) {
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

    fn while_stmt(&mut self, condition: &lang::hir::Expr, body: &[Stmt]) {
        let (head, inside, next) = (self.b.block(), self.b.block(), self.b.block());
        self.b.jump(head);
        self.b.switch_to(head);
        self.condition(condition, inside, next);
        self.b.seal(inside);
        self.b.switch_to(inside);
        self.loops.push((next, head));
        self.stmts(body);
        self.loops.pop();
        self.b.jump(head);
        self.b.seal(head);
        self.b.seal(next);
        self.b.switch_to(next);
    }

    fn unroll(&mut self, count: u32, body: &[Stmt]) {
        let end = self.b.block();
        for _ in 0..count {
            let next = self.b.block();
            self.loops.push((end, next));
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
        StmtKind::While { body, .. } | StmtKind::Unroll { body, .. } => vec![body],
        _ => return,
    };
    for stmt in lists.into_iter().flatten() {
        match &stmt.kind {
            StmtKind::SetVar { var, .. } => seen.push(*var),
            other => inner_assignments(other, seen),
        }
    }
}
