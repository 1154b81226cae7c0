//! Statements and assignments.

use super::state::Scope;
use super::{Checker, join};
use crate::ast::{self, BinOp};
use crate::builtins::{self, Kind, Op};
use crate::diag::Diagnostic;
use crate::features;
use crate::hir::{Expr, ExprKind, Stmt, StmtKind};
use crate::source::Span;
use crate::types::{Agg, Fold, Int, Type};

/// Most turns of an unrolled loop.
const MAX_UNROLL: i64 = 100;

impl Checker<'_> {
    /// The statements of a block with a scope of its own; a value at its end is one more of them.
    pub(super) fn block(&mut self, block: &ast::Block) -> Vec<Stmt> {
        self.scopes.push(Scope::default());
        let mut out = Vec::new();
        let mut ended = false;
        for stmt in &block.stmts {
            if std::mem::take(&mut ended) {
                self.unreachable(stmt.span);
            }
            self.stmt(stmt, &mut out);
            ended = matches!(
                out.last().map(|s| &s.kind),
                Some(StmtKind::Exit { .. } | StmtKind::Return(_) | StmtKind::Break | StmtKind::Continue)
            );
        }
        if let Some(value) = &block.value {
            if ended {
                self.unreachable(value.span);
            }
            let kind = self.expr_stmt(value);
            out.extend(kind.map(|kind| Stmt { kind, span: value.span }));
        }
        self.close_scope();
        out
    }

    fn unreachable(&mut self, span: Span) {
        self.tell(Diagnostic::warning(span, "Unreachable statement").help("what stands before it leaves the action or the loop"));
    }

    pub(super) fn stmt(&mut self, stmt: &ast::Stmt, out: &mut Vec<Stmt>) {
        let span = stmt.span;
        let kind = match &stmt.kind {
            ast::StmtKind::Expr(e) => self.expr_stmt(e),
            ast::StmtKind::Discard(e) => Some(StmtKind::Expr(self.operand(e))),
            ast::StmtKind::Assign { target, op, value } => self.assign(target, *op, value, span),
            ast::StmtKind::Let { name, ty, value } => self.declare(name, ty.as_ref(), value.as_ref(), span),
            ast::StmtKind::While { condition, body } => {
                let c = self.operand(condition);
                let condition = self.condition(c);
                let body = self.loop_body(body);
                Some(StmtKind::While { condition, body })
            }
            ast::StmtKind::Unroll { count, body } => self.unroll(count, body),
            ast::StmtKind::For { var, var_span, source, body } => self.for_loop(var, *var_span, source, body),
            ast::StmtKind::Return(value) => self.return_stmt(value.as_ref(), span),
            ast::StmtKind::Break => self.in_loop("break", StmtKind::Break, span),
            ast::StmtKind::Continue => self.in_loop("continue", StmtKind::Continue, span),
            ast::StmtKind::Error => {
                self.unread = true;
                None
            }
        };
        out.extend(kind.map(|kind| Stmt { kind, span }));
    }

    fn return_stmt(&mut self, value: Option<&ast::Expr>, span: Span) -> Option<StmtKind> {
        let value = value.map(|v| self.operand(v));
        let returns = self.returns.clone();
        match (value, returns) {
            (None, Some(ty)) if ty != Type::Void => {
                let d = Diagnostic::error(span, format!("the function returns a {}, and here nothing", join::shown(&ty)));
                self.tell(d.help("write `return VALUE;`"));
                None
            }
            (None, _) => Some(StmtKind::Return(None)),
            (Some(v), _) if v.ty == Type::Void => Some(StmtKind::Return(None)),
            (Some(v), Some(ty)) => {
                if join::types(&v.ty, &ty).is_none() {
                    let d = Diagnostic::error(
                        v.span,
                        format!("the function returns a {}, and this is a {}", join::shown(&ty), join::shown(&v.ty)),
                    );
                    self.tell(d);
                    return None;
                }
                let v = self.coerce(v, &ty);
                Some(StmtKind::Return(Some(v)))
            }
            (Some(v), None) if v.ty.is_scalar() => Some(StmtKind::Return(Some(v))),
            (Some(v), None) => {
                let d = Diagnostic::error(v.span, format!("a probe can't return a {}", join::shown(&v.ty)));
                self.tell(d.help("write `return;`"));
                None
            }
        }
    }

    fn for_loop(&mut self, var: &str, var_span: Span, source: &ast::ForSource, body: &ast::Block) -> Option<StmtKind> {
        match source {
            ast::ForSource::Map(m) => {
                if let Some(set) = self.metrics_named(m) {
                    return self.metrics_loop(set, var, var_span, m.span, body);
                }
                let ast::ExprKind::Map { name, keys: None } = &m.kind else {
                    let d = Diagnostic::error(m.span, "a loop goes over a map or a range");
                    self.tell(d.help(format!("write `for (${var} : @map)` or `for (${var} : 0..10)`")));
                    return None;
                };
                self.wants(&features::MAP_LOOP, m.span);
                let map = self.map(name, m.span);
                let state = self.map_state(map);
                let (key, value) = (state.key.clone(), state.value.clone());
                if key == Some(None) {
                    let d = Diagnostic::error(m.span, format!("`{name}` has no keys, so there is nothing to go through"));
                    self.tell(d);
                    return None;
                }
                let value = Expr { ty: value, kind: ExprKind::MapGet { map, key: None }, span: m.span };
                let value = self.value_of_agg(value).ty;
                let ty = match key.flatten() {
                    Some(key) if value != Type::Void => Type::Tuple(vec![key, value]),
                    _ => Type::Void,
                };
                self.scopes.push(Scope::default());
                let scope = self.scopes.len() - 1;
                let id = self.declare_var(var, scope, None, var_span);
                let pair = Expr { ty, kind: ExprKind::Error, span: var_span };
                self.learn_var(id, var, &pair);
                let body = self.loop_body(body);
                self.close_scope();
                Some(StmtKind::ForMap { map, var: id, body })
            }
            ast::ForSource::Range(a, b) => {
                let (start, end) = (self.range_end(a), self.range_end(b));
                if let (Some(Some(first)), Some(Some(last))) = (start.as_ref().map(Expr::constant), end.as_ref().map(Expr::constant))
                    && i128::from(last) - i128::from(first) > i128::from(crate::hir::MAX_ROUNDS)
                {
                    let d =
                        Diagnostic::error(a.span.to(b.span), format!("a loop over a range has at most {} rounds", crate::hir::MAX_ROUNDS));
                    self.tell(d.label(format!("{} rounds", i128::from(last) - i128::from(first))).help("put a second loop around it"));
                }
                self.scopes.push(Scope::default());
                let scope = self.scopes.len() - 1;
                let id = self.declare_var(var, scope, None, var_span);
                let number = Expr { ty: Type::I64, kind: ExprKind::Error, span: var_span };
                self.learn_var(id, var, &number);
                let body = self.loop_body(body);
                self.close_scope();
                Some(StmtKind::ForRange { var: id, start: start?, end: end?, body })
            }
        }
    }

    fn range_end(&mut self, e: &ast::Expr) -> Option<Expr> {
        let v = self.operand(e);
        match &v.ty {
            Type::Int(_) | Type::Enum { .. } | Type::Bool => Some(v),
            Type::Void => None,
            other => {
                let d = Diagnostic::error(v.span, format!("a range goes over integers, and this is a {}", join::shown(other)));
                self.tell(d);
                None
            }
        }
    }

    fn in_loop(&mut self, word: &str, kind: StmtKind, span: Span) -> Option<StmtKind> {
        if self.loops == 0 {
            self.tell(Diagnostic::error(span, format!("`{word}` stands in no loop")).help("to leave the action write `return`"));
            return None;
        }
        Some(kind)
    }

    pub(super) fn loop_body(&mut self, body: &ast::Block) -> Vec<Stmt> {
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

    /// An expression for its effect.
    fn expr_stmt(&mut self, e: &ast::Expr) -> Option<StmtKind> {
        match &e.kind {
            ast::ExprKind::Block(b) => return Some(StmtKind::Block(self.block(b))),
            ast::ExprKind::If { condition, then, otherwise } => return self.if_stmt(condition, then, otherwise.as_ref()),
            ast::ExprKind::Ternary(c, a, b) => {
                let condition = self.operand(c);
                let condition = self.condition(condition);
                let side = |me: &mut Self, e: &ast::Expr| me.expr_stmt(e).map(|kind| Stmt { kind, span: e.span });
                if let Some(taken) = self.decided(c, &condition) {
                    return self.expr_stmt(if taken? { a } else { b });
                }
                let then = side(self, a).into_iter().collect();
                let otherwise = side(self, b).into_iter().collect();
                return Some(StmtKind::If { condition, then, otherwise });
            }
            ast::ExprKind::Call { name, name_span, args }
                if !self.functions.iter().any(|f| f.name == *name) && builtins::find(name).is_none_or(|r| r.kind == Kind::Function) =>
            {
                let row = self.called(name, *name_span, args, e.span)?;
                return self.effect(row, args, e.span);
            }
            _ => {}
        }
        let checked = self.expr(e);
        let has_effect = matches!(
            checked.kind,
            ExprKind::IncVar { .. } | ExprKind::IncMap { .. } | ExprKind::Error | ExprKind::Ternary(..) | ExprKind::CallFn { .. }
        );
        // A literal alone is the value of a macro that is used as a statement, more often than not.
        if !has_effect && !matches!(checked.kind, ExprKind::Int(_)) {
            let d = Diagnostic::warning(e.span, "this value is not used").help("assign it, print it with `print()`, or write `_ = ...`");
            self.tell(d);
        }
        Some(StmtKind::Expr(checked))
    }

    fn if_stmt(&mut self, condition: &ast::Expr, then: &ast::Block, otherwise: Option<&ast::Block>) -> Option<StmtKind> {
        let c = self.operand(condition);
        let c = self.condition(c);
        if let Some(taken) = self.decided(condition, &c) {
            let list = match (taken?, otherwise) {
                (true, _) => self.block(then),
                (false, Some(b)) => self.block(b),
                (false, None) => Vec::new(),
            };
            return Some(StmtKind::Block(list));
        }
        let then = self.block(then);
        let otherwise = otherwise.map(|b| self.block(b)).unwrap_or_default();
        Some(StmtKind::If { condition: c, then, otherwise })
    }

    fn declare(&mut self, name: &str, ty: Option<&ast::TypeName>, value: Option<&ast::Expr>, span: Span) -> Option<StmtKind> {
        let value = value.map(|v| self.operand(v));
        let fixed = ty.and_then(|t| self.type_name(t));
        let scope = self.scopes.len() - 1;
        if self.scopes[scope].names.contains_key(name) {
            let d = Diagnostic::error(span, format!("`${name}` is declared already in this block"));
            self.tell(d.help(format!("to change it write `${name} = ...` without `let`")));
            return None;
        }
        let var = self.declare_var(name, scope, fixed, span);
        let value = match value {
            Some(v) => v,
            None => match self.var_type(var) {
                ty if ty.is_scalar() => Expr::int(0, ty, span),
                Type::Str(n) => Expr { ty: Type::Str(n), kind: ExprKind::Str(Vec::new()), span },
                Type::Void => return None,
                // Zeros, whatever it is.
                ty => Expr { ty, kind: ExprKind::Error, span },
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
                let var = match self.visible_var(name) {
                    Some(var) => var,
                    None => {
                        let scope = self.scope_of_new(name);
                        if scope + 1 < self.scopes.len() {
                            let d =
                                Diagnostic::warning(target.span, format!("`${name}` is assigned in an inner block and read outside of it"));
                            self.tell(d.help(format!("newer versions of bpftrace want it declared before: `let ${name};`")));
                        }
                        self.declare_var(name, scope, None, target.span)
                    }
                };
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
            let (agg, number) = self.aggregation(row.op, function, args, value.span)?;
            let typed = Expr { ty: Type::Agg(agg), kind: ExprKind::Error, span: value.span };
            self.learn_value(map, &typed);
            let agg = match self.map_state(map).value {
                Type::Agg(joined) => joined,
                _ => agg,
            };
            return Some(StmtKind::Aggregate { map, key, agg, value: number });
        }
        // `@ = { ...; avg($x) }`: the block's statements, then the aggregation.
        if let (None, ast::ExprKind::Block(b)) = (op, &value.kind)
            && let Some(last) = &b.value
            && matches!(&last.kind, ast::ExprKind::Call { name, .. } if builtins::find(name).is_some_and(|r| r.kind == Kind::MapFunction))
        {
            self.scopes.push(Scope::default());
            let mut list = Vec::new();
            for s in &b.stmts {
                self.stmt(s, &mut list);
            }
            let kind = self.assign_map(target, name, keys, None, last, span);
            list.extend(kind.map(|kind| Stmt { kind, span }));
            self.close_scope();
            return Some(StmtKind::Block(list));
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
    fn aggregation(&mut self, op: Op, name: &str, args: &[ast::Expr], span: Span) -> Option<(Agg, Option<Expr>)> {
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
            Op::Tseries => self.tseries(args, int.signed, span)?,
            _ => self.lhist(args)?,
        };
        Some((agg, Some(value)))
    }

    fn tseries(&mut self, args: &[ast::Expr], signed: bool, span: Span) -> Option<Agg> {
        if self.config.unstable.contains(&"unstable_tseries") {
            self.tell(Diagnostic::error(span, "`tseries` is switched off by `unstable_tseries=error`"));
            return None;
        }
        let interval = self.constant_arg(&args[1], "the interval")?;
        let intervals = self.constant_arg(&args[2], "the number of intervals")?;
        let fold = match args.get(3) {
            None => Fold::Last,
            Some(a) => match self.literal(a, "how values are put together")?.as_slice() {
                b"avg" => Fold::Avg,
                b"max" => Fold::Max,
                b"min" => Fold::Min,
                b"sum" => Fold::Sum,
                _ => {
                    self.tell(Diagnostic::error(a.span, "values are put together by `avg`, `max`, `min` or `sum`"));
                    return None;
                }
            },
        };
        if interval < 1 {
            self.tell(Diagnostic::error(args[1].span, "the interval must be 1 nanosecond or more"));
            return None;
        }
        if !(1..=1_000_000).contains(&intervals) {
            self.tell(Diagnostic::error(args[2].span, "the number of intervals must be from 1 to 1000000"));
            return None;
        }
        Some(Agg::TSeries { interval: interval as u64, intervals: intervals as u32, fold, signed })
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
        Type::Agg(_) => Some(Diagnostic::error(e.span, format!("a {} can't be assigned", join::shown(&e.ty)))),
        _ => None,
    }
}
