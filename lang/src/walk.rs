//! Walks over the syntax tree.

use crate::ast::{Block, Expr, ExprKind, ForSource, Probe, StmtKind, TypeName, TypeNameKind, TypeOrExpr};

impl Probe {
    /// Calls `f` for every expression, outermost first.
    pub fn walk<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        if let Some(p) = &self.predicate {
            p.walk(f);
        }
        self.body.walk(f);
    }
}

impl Block {
    /// Calls `f` for every expression in the block, outermost first.
    pub fn walk<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        for stmt in &self.stmts {
            match &stmt.kind {
                StmtKind::Expr(e) | StmtKind::Discard(e) => e.walk(f),
                StmtKind::Assign { target, value, .. } => {
                    target.walk(f);
                    value.walk(f);
                }
                StmtKind::Let { value, ty, .. } => {
                    ty.iter().for_each(|t| t.walk(f));
                    value.iter().for_each(|e| e.walk(f));
                }
                StmtKind::While { condition, body } => {
                    condition.walk(f);
                    body.walk(f);
                }
                StmtKind::Unroll { count, body } => {
                    count.walk(f);
                    body.walk(f);
                }
                StmtKind::For { source, body, .. } => {
                    match source {
                        ForSource::Map(m) => m.walk(f),
                        ForSource::Range(a, b) => {
                            a.walk(f);
                            b.walk(f);
                        }
                    }
                    body.walk(f);
                }
                StmtKind::Return(e) => e.iter().for_each(|e| e.walk(f)),
                StmtKind::Break | StmtKind::Continue | StmtKind::Error => {}
            }
        }
        self.value.iter().for_each(|e| e.walk(f));
    }
}

impl TypeName {
    fn walk<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        if let TypeNameKind::Typeof(x) = &self.kind {
            x.walk(f);
        }
    }
}

impl TypeOrExpr {
    fn walk<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        match self {
            TypeOrExpr::Type(t) => t.walk(f),
            TypeOrExpr::Expr(e) => e.walk(f),
        }
    }
}

impl Expr {
    /// Calls `f` for this expression and every one below it, outermost first.
    pub fn walk<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        f(self);
        match &self.kind {
            ExprKind::Map { keys: Some(list), .. } | ExprKind::Tuple(list) | ExprKind::Call { args: list, .. } => {
                list.iter().for_each(|e| e.walk(f));
            }
            ExprKind::Record(list) => list.iter().for_each(|(_, e)| e.walk(f)),
            ExprKind::Unary(_, e)
            | ExprKind::IncDec { target: e, .. }
            | ExprKind::Field { base: e, .. }
            | ExprKind::TupleField(e, _)
            | ExprKind::Comptime(e) => e.walk(f),
            ExprKind::Cast(t, e) => {
                t.walk(f);
                e.walk(f);
            }
            ExprKind::Binary(_, a, b) | ExprKind::Index(a, b) => {
                a.walk(f);
                b.walk(f);
            }
            ExprKind::Ternary(a, b, c) => {
                a.walk(f);
                b.walk(f);
                c.walk(f);
            }
            ExprKind::Sizeof(x) | ExprKind::Offsetof(x, _) | ExprKind::Typeof(x) | ExprKind::Typeinfo(x) => x.walk(f),
            ExprKind::Block(b) => b.walk(f),
            ExprKind::If { condition, then, otherwise } => {
                condition.walk(f);
                then.walk(f);
                otherwise.iter().for_each(|b| b.walk(f));
            }
            ExprKind::Int(_)
            | ExprKind::Bool(_)
            | ExprKind::Str(_)
            | ExprKind::Ident(_)
            | ExprKind::Var(_)
            | ExprKind::Map { keys: None, .. }
            | ExprKind::Param(_)
            | ExprKind::ParamCount
            | ExprKind::Error => {}
        }
    }
}

/// A change of the tree in place. Each method changes its own node; the `children` methods go on below.
pub trait Rewrite {
    /// An expression.
    fn expr(&mut self, e: &mut Expr) {
        self.children(e);
    }

    /// A statement.
    fn stmt(&mut self, kind: &mut StmtKind) {
        self.stmt_children(kind);
    }

    /// A type.
    fn type_name(&mut self, t: &mut TypeName) {
        if let TypeNameKind::Typeof(x) = &mut t.kind {
            self.type_or_expr(x);
        }
    }

    /// A type or an expression.
    fn type_or_expr(&mut self, x: &mut TypeOrExpr) {
        match x {
            TypeOrExpr::Type(t) => self.type_name(t),
            TypeOrExpr::Expr(e) => self.expr(e),
        }
    }

    /// A block's statements and value.
    fn block(&mut self, block: &mut Block) {
        for s in &mut block.stmts {
            self.stmt(&mut s.kind);
        }
        if let Some(v) = &mut block.value {
            self.expr(v);
        }
    }

    /// What is below a statement.
    fn stmt_children(&mut self, kind: &mut StmtKind) {
        match kind {
            StmtKind::Expr(e) | StmtKind::Discard(e) => self.expr(e),
            StmtKind::Assign { target, value, .. } => {
                self.expr(target);
                self.expr(value);
            }
            StmtKind::Let { value, ty, .. } => {
                ty.iter_mut().for_each(|t| self.type_name(t));
                value.iter_mut().for_each(|e| self.expr(e));
            }
            StmtKind::While { condition: e, body } | StmtKind::Unroll { count: e, body } => {
                self.expr(e);
                self.block(body);
            }
            StmtKind::For { source, body, .. } => {
                match source {
                    ForSource::Map(m) => self.expr(m),
                    ForSource::Range(a, b) => {
                        self.expr(a);
                        self.expr(b);
                    }
                }
                self.block(body);
            }
            StmtKind::Return(e) => e.iter_mut().for_each(|e| self.expr(e)),
            StmtKind::Break | StmtKind::Continue | StmtKind::Error => {}
        }
    }

    /// What is below an expression.
    fn children(&mut self, e: &mut Expr) {
        match &mut e.kind {
            ExprKind::Map { keys: Some(list), .. } | ExprKind::Tuple(list) | ExprKind::Call { args: list, .. } => {
                list.iter_mut().for_each(|e| self.expr(e));
            }
            ExprKind::Record(list) => list.iter_mut().for_each(|(_, e)| self.expr(e)),
            ExprKind::Unary(_, e)
            | ExprKind::IncDec { target: e, .. }
            | ExprKind::Field { base: e, .. }
            | ExprKind::TupleField(e, _)
            | ExprKind::Comptime(e) => self.expr(e),
            ExprKind::Cast(t, e) => {
                self.type_name(t);
                self.expr(e);
            }
            ExprKind::Binary(_, a, b) | ExprKind::Index(a, b) => {
                self.expr(a);
                self.expr(b);
            }
            ExprKind::Ternary(a, b, c) => {
                self.expr(a);
                self.expr(b);
                self.expr(c);
            }
            ExprKind::Sizeof(x) | ExprKind::Offsetof(x, _) | ExprKind::Typeof(x) | ExprKind::Typeinfo(x) => self.type_or_expr(x),
            ExprKind::Block(b) => self.block(b),
            ExprKind::If { condition, then, otherwise } => {
                self.expr(condition);
                self.block(then);
                otherwise.iter_mut().for_each(|b| self.block(b));
            }
            ExprKind::Int(_)
            | ExprKind::Bool(_)
            | ExprKind::Str(_)
            | ExprKind::Ident(_)
            | ExprKind::Var(_)
            | ExprKind::Map { keys: None, .. }
            | ExprKind::Param(_)
            | ExprKind::ParamCount
            | ExprKind::Error => {}
        }
    }
}
