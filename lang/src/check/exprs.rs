//! Expressions.

use super::names::natural;
use super::state::Scope;
use super::{Checker, join};
use crate::action::MapId;
use crate::ast;
use crate::diag::Diagnostic;
use crate::hir::{Expr, ExprKind};
use crate::source::Span;
use crate::types::Type;

impl Checker<'_> {
    /// Checks an expression.
    pub(super) fn expr(&mut self, e: &ast::Expr) -> Expr {
        let span = e.span;
        let make = |ty: Type, kind: ExprKind| Expr { ty, kind, span };
        match &e.kind {
            ast::ExprKind::Int(n) if *n > i64::MAX as u64 => make(Type::U64, ExprKind::Int(*n as i64)),
            ast::ExprKind::Int(n) => natural(*n as i64, span),
            ast::ExprKind::Bool(b) => make(Type::Bool, ExprKind::Int(i64::from(*b))),
            ast::ExprKind::Str(text) => self.string(text, span),
            ast::ExprKind::Ident(name) => self.ident(name, span),
            ast::ExprKind::Var(name) => self.var(name, span),
            ast::ExprKind::Map { name, keys } => self.map_get(name, keys.as_deref(), span),
            ast::ExprKind::Param(n) => self.param(*n, span),
            ast::ExprKind::ParamCount => make(Type::I64, ExprKind::Int(self.config.params.len() as i64)),
            ast::ExprKind::Call { name, name_span, args } => self.call(name, *name_span, args, span),
            ast::ExprKind::Unary(op, x) => self.unary(*op, x, span),
            ast::ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.expr(a), self.expr(b));
                self.binary(*op, a, b, span)
            }
            ast::ExprKind::Ternary(c, a, b) => self.ternary(c, a, b, span),
            ast::ExprKind::IncDec { prefix, increment, target } => self.inc_dec(*prefix, *increment, target, span),
            ast::ExprKind::Field { base, name, name_span } => self.field(base, name, *name_span, span),
            ast::ExprKind::TupleField(base, index) => {
                let base = self.expr(base);
                self.member(base, *index, span)
            }
            ast::ExprKind::Index(base, index) => self.index(base, index, span),
            ast::ExprKind::Tuple(list) => self.tuple(list, span),
            ast::ExprKind::Record(list) => self.named_tuple(list, span),
            ast::ExprKind::Cast(ty, x) => self.cast(ty, x, span),
            ast::ExprKind::Sizeof(x) => self.sizeof(x, span),
            ast::ExprKind::Offsetof(x, path) => self.offsetof(x, path, span),
            ast::ExprKind::Typeinfo(x) => self.typeinfo(x, span),
            ast::ExprKind::Typeof(_) => {
                let d = Diagnostic::error(span, "a type is no value");
                self.error(d.help("`typeof` stands in casts, declarations, `sizeof`, and where a macro is given a type"))
            }
            ast::ExprKind::Comptime(x) => self.comptime(x),
            ast::ExprKind::Block(b) => self.block_value(b, span),
            ast::ExprKind::If { condition, then, otherwise } => self.if_value(condition, then, otherwise.as_ref(), span),
            ast::ExprKind::Error => make(Type::Void, ExprKind::Error),
        }
    }

    /// An expression whose value is needed: an aggregation gives its number, no value is a mistake.
    pub(super) fn operand(&mut self, e: &ast::Expr) -> Expr {
        let e = self.expr(e);
        self.value_of_agg(e)
    }

    pub(super) fn error(&mut self, d: Diagnostic) -> Expr {
        let span = d.span;
        self.tell(d);
        Expr { ty: Type::Void, kind: ExprKind::Error, span }
    }

    fn tuple(&mut self, list: &[ast::Expr], span: Span) -> Expr {
        let members: Vec<Expr> = list.iter().map(|m| self.operand(m)).collect();
        if members.iter().any(|m| m.ty == Type::Void) {
            return Expr { ty: Type::Void, kind: ExprKind::Error, span };
        }
        Expr { ty: Type::Tuple(members.iter().map(|m| m.ty.clone()).collect()), kind: ExprKind::Tuple(members), span }
    }

    fn named_tuple(&mut self, list: &[(String, ast::Expr)], span: Span) -> Expr {
        for (i, (name, e)) in list.iter().enumerate() {
            if list[..i].iter().any(|(n, _)| n == name) {
                let d = Diagnostic::error(e.span, format!("`{name}` stands twice in this record"));
                return self.error(d);
            }
        }
        let members: Vec<Expr> = list.iter().map(|(_, m)| self.operand(m)).collect();
        if members.iter().any(|m| m.ty == Type::Void) {
            return Expr { ty: Type::Void, kind: ExprKind::Error, span };
        }
        let types = list.iter().zip(&members).map(|((n, _), m)| (n.clone(), m.ty.clone())).collect();
        Expr { ty: Type::Named(types), kind: ExprKind::Tuple(members), span }
    }

    /// `comptime x`: a constant, or a mistake.
    fn comptime(&mut self, x: &ast::Expr) -> Expr {
        let e = self.expr(x);
        if e.ty != Type::Void && !matches!(e.kind, ExprKind::Int(_) | ExprKind::Str(_)) {
            let d = Diagnostic::error(e.span, "this is not known while the script is compiled");
            return self.error(d.help("`comptime` takes literals, `sizeof`, `typeinfo`, `probetype`, `is_str` and their like"));
        }
        e
    }

    /// `{ ...; value }`
    fn block_value(&mut self, b: &ast::Block, span: Span) -> Expr {
        let Some(value) = &b.value else {
            let stmts = self.block(b);
            let nothing = Expr { ty: Type::Void, kind: ExprKind::Error, span };
            return Expr { ty: Type::Void, kind: ExprKind::Block(stmts, Box::new(nothing)), span };
        };
        self.scopes.push(Scope::default());
        let mut stmts = Vec::new();
        for s in &b.stmts {
            self.stmt(s, &mut stmts);
        }
        let value = self.operand(value);
        self.close_scope();
        if stmts.is_empty() {
            return value;
        }
        Expr { ty: value.ty.clone(), kind: ExprKind::Block(stmts, Box::new(value)), span }
    }

    /// An `if` with a value. Of a condition that is constant only the branch that is taken is looked at.
    fn if_value(&mut self, condition: &ast::Expr, then: &ast::Block, otherwise: Option<&ast::Block>, span: Span) -> Expr {
        let c = self.operand(condition);
        let c = self.condition(c);
        if let Some(taken) = self.decided(condition, &c) {
            return match (taken, otherwise) {
                (Some(true), _) => self.block_value(then, span),
                (Some(false), Some(b)) => self.block_value(b, span),
                _ => Expr { ty: Type::Void, kind: ExprKind::Error, span },
            };
        }
        let a = self.block_value(then, span);
        let Some(otherwise) = otherwise else {
            let d = Diagnostic::error(span, "this `if` has a value only where its condition holds");
            return self.error(d.help("give it an `else { VALUE }`"));
        };
        let b = self.block_value(otherwise, span);
        self.choose(c, a, b, span)
    }

    /// What a constant condition says: `Some(None)` if it is to be constant and is not known yet.
    pub(super) fn decided(&self, ast: &ast::Expr, c: &Expr) -> Option<Option<bool>> {
        match c.constant() {
            Some(n) => Some(Some(n != 0)),
            None if matches!(ast.kind, ast::ExprKind::Comptime(_)) => Some(None),
            None => None,
        }
    }

    fn string(&mut self, text: &[u8], span: Span) -> Expr {
        if text.len() >= 16384 {
            return self.error(Diagnostic::error(span, format!("this string has {} bytes; 16383 are the most", text.len())));
        }
        let end = text.iter().position(|b| *b == 0).unwrap_or(text.len());
        Expr { ty: Type::Str(text.len() as u32 + 1), kind: ExprKind::Str(text[..end].to_vec()), span }
    }

    /// A map with its key, checked and learnt.
    pub(super) fn map_place(&mut self, name: &str, keys: Option<&[ast::Expr]>, span: Span) -> (MapId, Option<Expr>) {
        let map = self.map(name, span);
        let key = keys.map(|list| self.key(list, span));
        self.learn_key(map, key.as_ref(), span);
        let known = self.map_state(map).key.clone().flatten();
        let key = match (key, known) {
            (Some(k), Some(ty)) => Some(self.coerce(k, &ty)),
            (k, _) => k,
        };
        (map, key)
    }

    /// One key, or several as a tuple.
    pub(super) fn key(&mut self, list: &[ast::Expr], span: Span) -> Expr {
        let keys = list.iter().map(|k| {
            let e = self.operand(k);
            self.keyable(e)
        });
        let mut members: Vec<Expr> = keys.collect();
        match members.len() {
            0 => self.error(Diagnostic::error(span, "a key is missing between the brackets")),
            1 => members.remove(0),
            _ if members.iter().any(|m| m.ty == Type::Void) => Expr { ty: Type::Void, kind: ExprKind::Error, span },
            _ => {
                let span = members[0].span.to(members[members.len() - 1].span);
                Expr { ty: Type::Tuple(members.iter().map(|m| m.ty.clone()).collect()), kind: ExprKind::Tuple(members), span }
            }
        }
    }

    /// Literals of all sizes give one key type.
    fn keyable(&mut self, e: Expr) -> Expr {
        match &e.ty {
            Type::Agg(_) => {
                let d = Diagnostic::error(e.span, format!("a {} can't be a key", join::shown(&e.ty)));
                self.error(d)
            }
            _ => e,
        }
    }

    fn map_get(&mut self, name: &str, keys: Option<&[ast::Expr]>, span: Span) -> Expr {
        let (map, key) = self.map_place(name, keys, span);
        let ty = self.map_state(map).value.clone();
        Expr { ty, kind: ExprKind::MapGet { map, key: key.map(Box::new) }, span }
    }
}
