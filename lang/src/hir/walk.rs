//! Expressions from outside: constants, what is below, what has effects.

use super::{Expr, ExprKind};
use crate::source::Span;
use crate::types::Type;

impl Expr {
    /// An integer constant.
    pub fn int(value: i64, ty: Type, span: Span) -> Expr {
        Expr { ty, kind: ExprKind::Int(value), span }
    }

    /// The value, if it is a constant integer.
    pub fn constant(&self) -> Option<i64> {
        match &self.kind {
            ExprKind::Int(n) => Some(*n),
            ExprKind::Cast(inner) if inner.ty == self.ty => inner.constant(),
            _ => None,
        }
    }

    /// Calls `f` for this expression and every one below it that is not in a statement.
    pub fn walk(&self, f: &mut dyn FnMut(&Expr)) {
        f(self);
        match &self.kind {
            ExprKind::MapGet { key, .. } | ExprKind::AggGet { key, .. } | ExprKind::HasKey { key, .. } | ExprKind::Delete { key, .. } => {
                key.iter().for_each(|k| k.walk(f));
            }
            ExprKind::IncMap { key, .. } => key.iter().for_each(|k| k.walk(f)),
            ExprKind::Read { ptr: e, .. }
            | ExprKind::ReadBytes { ptr: e }
            | ExprKind::Element { base: e, .. }
            | ExprKind::Member { base: e, .. }
            | ExprKind::Part { base: e, .. }
            | ExprKind::Neg(e)
            | ExprKind::BitNot(e)
            | ExprKind::Not(e)
            | ExprKind::Cast(e)
            | ExprKind::Usym(e)
            | ExprKind::ToBytes(e)
            | ExprKind::FromBytes(e)
            | ExprKind::Relabel(e)
            | ExprKind::Block(_, e)
            | ExprKind::Find { key: e, .. } => e.walk(f),
            ExprKind::ReadStr { ptr, limit } => {
                ptr.walk(f);
                limit.iter().for_each(|l| l.walk(f));
            }
            ExprKind::Binary { a, b, .. } | ExprKind::Same { a, b, .. } | ExprKind::And(a, b) | ExprKind::Or(a, b) => {
                a.walk(f);
                b.walk(f);
            }
            ExprKind::ElementAt { base, index } | ExprKind::ElementPtr { array: base, index, .. } => {
                base.walk(f);
                index.walk(f);
            }
            ExprKind::Ternary(a, b, c) => {
                a.walk(f);
                b.walk(f);
                c.walk(f);
            }
            ExprKind::Tuple(list) | ExprKind::Call { args: list, .. } | ExprKind::CallFn { args: list, .. } => {
                list.iter().for_each(|e| e.walk(f));
            }
            ExprKind::Int(_)
            | ExprKind::Str(_)
            | ExprKind::Var(_)
            | ExprKind::Builtin(_)
            | ExprKind::Arg(_)
            | ExprKind::CtxLoad(_)
            | ExprKind::CtxAddr(_)
            | ExprKind::CtxBytes(_)
            | ExprKind::DataLoc { .. }
            | ExprKind::IncVar { .. }
            | ExprKind::AddrVar(_)
            | ExprKind::AddrMap(_)
            | ExprKind::Error => {}
        }
    }

    /// Whether the value of another expression may be another one after this.
    pub fn changes(&self) -> bool {
        let mut found = false;
        self.walk(&mut |e| {
            found |= matches!(
                e.kind,
                ExprKind::Block(..)
                    | ExprKind::Find { .. }
                    | ExprKind::CallFn { .. }
                    | ExprKind::IncVar { .. }
                    | ExprKind::IncMap { .. }
                    | ExprKind::Delete { .. }
            );
        });
        found
    }
}
