//! Statements and assignments.

use super::{Checker, join};
use crate::ast::{self, BinOp};
use crate::builtins::{self, Kind, Op};
use crate::diag::Diagnostic;
use crate::hir::{Expr, ExprKind, Stmt, StmtKind};
use crate::source::Span;
use crate::types::{Agg, Int, Type};
use std::collections::HashMap;

/// Most turns of an unrolled loop.
const MAX_UNROLL: i64 = 100;

impl Checker<'_> {
    /// The statements of a block with a scope of its own.
    pub(super) fn block(&mut self, block: &ast::Block) -> Vec<Stmt> {
        self.scopes.push(HashMap::new());
        let mut out = Vec::new();
        for stmt in &block.stmts {
            self.stmt(stmt, &mut out);
        }
        self.scopes.pop();
        out
    }

    fn stmt(&mut self, stmt: &ast::Stmt, out: &mut Vec<Stmt>) {
        let span = stmt.span;
        let kind = match &stmt.kind {
            ast::StmtKind::Expr(e) => self.expr_stmt(e),
            ast::StmtKind::Discard(e) => Some(StmtKind::Expr(self.operand(e))),
            ast::StmtKind::Assign { target, op, value } => self.assign(target, *op, value, span),
            ast::StmtKind::Let { name, ty, value } => self.declare(name, ty.as_ref(), value.as_ref(), span),
            ast::StmtKind::If { condition, then, otherwise } => {
                let c = self.operand(condition);
                let condition = self.condition(c);
                let then = self.block(then);
                let otherwise = otherwise.as_ref().map(|b| self.block(b)).unwrap_or_default();
                Some(StmtKind::If { condition, then, otherwise })
            }
            ast::StmtKind::While { condition, body } => {
                let c = self.operand(condition);
                let condition = self.condition(c);
                let body = self.loop_body(body);
                Some(StmtKind::While { condition, body })
            }
            ast::StmtKind::Unroll { count, body } => self.unroll(count, body),
            ast::StmtKind::Block(b) => {
                let inner = self.block(b);
                out.extend(inner);
                None
            }
            ast::StmtKind::Return(value) => {
                if let Some(v) = value {
                    self.tell(Diagnostic::error(v.span, "a probe returns no value").help("write `return;`"));
                }
                Some(StmtKind::Return)
            }
            ast::StmtKind::Break => self.in_loop("break", StmtKind::Break, span),
            ast::StmtKind::Continue => self.in_loop("continue", StmtKind::Continue, span),
            ast::StmtKind::Error => None,
        };
        out.extend(kind.map(|kind| Stmt { kind, span }));
    }

    fn in_loop(&mut self, word: &str, kind: StmtKind, span: Span) -> Option<StmtKind> {
        if self.loops == 0 {
            self.tell(Diagnostic::error(span, format!("`{word}` stands in no loop")).help("to leave the action write `return`"));
            return None;
        }
        Some(kind)
    }

    fn loop_body(&mut self, body: &ast::Block) -> Vec<Stmt> {
        self.loops += 1;
        let body = self.block(body);
        self.loops -= 1;
        body
    }

    fn unroll(&mut self, count: &ast::Expr, body: &ast::Block) -> Option<StmtKind> {
        let n = self.constant_arg(count, "the number of turns");
        let body = self.loop_body(body);
        match n {
            Some(n @ 1..=MAX_UNROLL) => Some(StmtKind::Unroll { count: n as u32, body }),
            Some(_) => {
                self.tell(
                    Diagnostic::error(count.span, format!("a loop is unrolled 1 to {MAX_UNROLL} times")).help("use `while` for more"),
                );
                None
            }
            None => None,
        }
    }

    fn expr_stmt(&mut self, e: &ast::Expr) -> Option<StmtKind> {
        if let ast::ExprKind::Call { name, name_span, args } = &e.kind
            && builtins::find(name).is_none_or(|r| r.kind == Kind::Function)
        {
            let row = self.called(name, *name_span, args, e.span)?;
            return self.effect(row, args, e.span);
        }
        let checked = self.expr(e);
        let has_effect =
            matches!(checked.kind, ExprKind::IncVar { .. } | ExprKind::IncMap { .. } | ExprKind::Error | ExprKind::Ternary(..));
        if !has_effect {
            let d = Diagnostic::warning(e.span, "this value is not used").help("assign it, or print it with `print()`");
            self.tell(d);
        }
        Some(StmtKind::Expr(checked))
    }

    fn declare(&mut self, name: &str, ty: Option<&ast::TypeName>, value: Option<&ast::Expr>, span: Span) -> Option<StmtKind> {
        let value = value.map(|v| self.operand(v));
        let fixed = ty.and_then(|t| self.type_name(t));
        let scope = self.scopes.len() - 1;
        if self.scopes[scope].contains_key(name) {
            let d = Diagnostic::error(span, format!("`${name}` is declared already in this block"));
            self.tell(d.help(format!("to change it write `${name} = ...` without `let`")));
            return None;
        }
        let var = self.declare_var(name, scope, fixed, span);
        let value = match value {
            Some(v) => v,
            None => match self.var_type(var) {
                Type::Int(i) => Expr::int(0, Type::Int(i), span),
                Type::Str(n) => Expr { ty: Type::Str(n), kind: ExprKind::Str(Vec::new()), span },
                _ => return None,
            },
        };
        self.set_var(var, name, value)
    }

    fn set_var(&mut self, var: crate::hir::VarId, name: &str, value: Expr) -> Option<StmtKind> {
        if let Some(d) = no_value(&value) {
            self.tell(d);
            return None;
        }
        self.learn_var(var, name, &value);
        let ty = self.var_type(var);
        let value = self.coerce(value, &ty);
        Some(StmtKind::SetVar { var, value })
    }

    fn assign(&mut self, target: &ast::Expr, op: Option<BinOp>, value: &ast::Expr, span: Span) -> Option<StmtKind> {
        match &target.kind {
            ast::ExprKind::Var(name) => {
                let value = match op {
                    None => self.operand(value),
                    Some(op) => {
                        let (old, new) = (self.expr(target), self.operand(value));
                        self.binary(op, old, new, span)
                    }
                };
                // Older versions had no block scope: a variable belongs to the whole action.
                let var = self.find_var(name).unwrap_or_else(|| self.declare_var(name, 0, None, target.span));
                self.set_var(var, name, value)
            }
            ast::ExprKind::Map { name, keys } => self.assign_map(target, name, keys.as_deref(), op, value, span),
            _ => {
                let d = Diagnostic::error(target.span, "this can't be assigned to");
                let equal = d.help("only variables (`$x`) and maps (`@x`, `@x[KEY]`) can; to compare write `==`");
                self.tell(equal);
                None
            }
        }
    }

    fn assign_map(
        &mut self,
        target: &ast::Expr,
        name: &str,
        keys: Option<&[ast::Expr]>,
        op: Option<BinOp>,
        value: &ast::Expr,
        span: Span,
    ) -> Option<StmtKind> {
        if let (None, ast::ExprKind::Call { name: function, name_span, args }) = (op, &value.kind)
            && let Some(row) = builtins::find(function).filter(|r| r.kind == Kind::MapFunction)
        {
            let (map, key) = self.map_place(name, keys, target.span);
            self.map_state(map).assigned = true;
            self.called(function, *name_span, args, value.span)?;
            let (agg, number) = self.aggregation(row.op, function, args)?;
            let typed = Expr { ty: Type::Agg(agg), kind: ExprKind::Error, span: value.span };
            self.learn_value(map, &typed);
            let agg = match self.map_state(map).value {
                Type::Agg(joined) => joined,
                _ => agg,
            };
            return Some(StmtKind::Aggregate { map, key, agg, value: number });
        }
        let (map, key) = self.map_place(name, keys, target.span);
        self.map_state(map).assigned = true;
        let value = self.operand(value);
        let value = match op {
            None => value,
            Some(op) => {
                let ty = self.map_state(map).value.clone();
                let old = Expr { ty, kind: ExprKind::MapGet { map, key: key.clone().map(Box::new) }, span: target.span };
                if old.ty == Type::Void {
                    // `@x += 1` is where many a map begins.
                    let start = Expr::int(0, Type::I64, span);
                    self.binary(op, start, value, span)
                } else {
                    self.binary(op, old, value, span)
                }
            }
        };
        if let Some(d) = no_value(&value) {
            self.tell(d);
            return None;
        }
        self.learn_value(map, &value);
        let ty = self.map_state(map).value.clone();
        let value = self.coerce(value, &ty);
        Some(StmtKind::SetMap { map, key, value })
    }

    /// The aggregation that a call asks for, with the number that goes in.
    fn aggregation(&mut self, op: Op, name: &str, args: &[ast::Expr]) -> Option<(Agg, Option<Expr>)> {
        if op == Op::Count {
            return Some((Agg::Count, None));
        }
        let (value, int) = self.integer_arg(&args[0], name)?;
        let wide = Int { bits: 64, signed: int.signed };
        let agg = match op {
            Op::Sum => Agg::Sum(wide),
            Op::Min => Agg::Min(wide),
            Op::Max => Agg::Max(wide),
            Op::Avg => Agg::Avg(wide),
            Op::Stats => Agg::Stats(wide),
            Op::Hist => {
                let bits = args.get(1).map_or(Some(0), |a| self.constant_arg(a, "the number of bits"))?;
                if !(0..=5).contains(&bits) {
                    self.tell(Diagnostic::error(args[1].span, "each power of two is split in 2^k buckets, k from 0 to 5"));
                    return None;
                }
                Agg::Hist { bits: bits as u8 }
            }
            _ => self.lhist(args)?,
        };
        Some((agg, Some(value)))
    }

    fn lhist(&mut self, args: &[ast::Expr]) -> Option<Agg> {
        let min = self.constant_arg(&args[1], "the minimum")?;
        let max = self.constant_arg(&args[2], "the maximum")?;
        let step = self.constant_arg(&args[3], "the step")?;
        let agg = Agg::LHist { min, max, step };
        let d = if step < 1 {
            Diagnostic::error(args[3].span, "the step must be 1 or more")
        } else if min < 0 {
            Diagnostic::error(args[1].span, "the minimum must not be negative")
        } else if max <= min {
            Diagnostic::error(args[2].span, "the maximum must be above the minimum")
        } else if agg.buckets() > 1002 {
            Diagnostic::error(args[3].span, format!("this makes {} buckets; 1000 are the most", agg.buckets() - 2))
                .help("take a larger step")
        } else {
            return Some(agg);
        };
        self.tell(d);
        None
    }
}

/// The mistake of assigning what can't be stored.
fn no_value(e: &Expr) -> Option<Diagnostic> {
    match &e.ty {
        Type::Record(_) | Type::Agg(_) => Some(Diagnostic::error(e.span, format!("a {} can't be assigned", join::shown(&e.ty)))),
        _ => None,
    }
}
