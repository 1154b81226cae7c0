//! Casts.

use super::ops::{fit, typed};
use super::{Checker, join};
use crate::ast;
use crate::diag::Diagnostic;
use crate::hir::{Expr, ExprKind};
use crate::source::Span;
use crate::types::{Int, Type};

impl Checker<'_> {
    pub(super) fn cast(&mut self, name: &ast::TypeName, operand: &ast::Expr, span: Span) -> Expr {
        let e = self.expr(operand);
        let e = self.value_of_agg(e);
        let Some(ty) = self.type_name(name) else { return Expr { ty: Type::Void, kind: ExprKind::Error, span } };
        if e.ty == Type::Void {
            return Expr { ty, kind: ExprKind::Error, span };
        }
        self.cast_to(e, ty, span)
    }

    /// A checked value made one of another type.
    pub(super) fn cast_to(&mut self, e: Expr, ty: Type, span: Span) -> Expr {
        let make = |ty: Type, kind: ExprKind| Expr { ty, kind, span };
        match (&e.ty, &ty) {
            (Type::Int(_), to) if e.ty == *to && matches!(e.kind, ExprKind::Int(_)) => make(ty, ExprKind::Cast(Box::new(e))),
            (from, to) if from == to => e,
            (from, Type::Enum { name, int }) if from.is_scalar() => match e.constant() {
                Some(n) if !self.is_enumerator(name, n) => {
                    let d = Diagnostic::error(e.span, format!("`enum {name}` has no enumerator with the value {n}"));
                    self.error(d)
                }
                Some(n) => Expr::int(fit(n, *int), ty, span),
                None => make(ty, ExprKind::Cast(Box::new(e))),
            },
            (from, Type::Int(i)) if from.is_scalar() => match e.constant() {
                Some(n) => typed(fit(n, *i), ty, span),
                None => make(ty, ExprKind::Cast(Box::new(e))),
            },
            (from, Type::Bool) if from.is_scalar() => match e.constant() {
                Some(n) => Expr::int(i64::from(n != 0), Type::Bool, span),
                None => {
                    let not = make(Type::Bool, ExprKind::Not(Box::new(e)));
                    make(ty, ExprKind::Not(Box::new(not)))
                }
            },
            (from, Type::Ptr { .. }) if from.is_scalar() => self.cast_pointer(e, ty, span),
            // An array in memory, where it begins.
            (Type::Array { .. }, Type::Ptr { .. }) if matches!(e.kind, ExprKind::ReadBytes { .. }) => match e.kind {
                ExprKind::ReadBytes { ptr } => make(ty, ExprKind::Relabel(ptr)),
                _ => make(Type::Void, ExprKind::Error),
            },
            (Type::Int(_) | Type::Bool | Type::Enum { .. }, Type::Array { elem, len }) if elem.is_scalar() => {
                let (elem, len) = ((**elem).clone(), *len);
                self.cast_bytes(e, elem, len, span)
            }
            (Type::Array { .. }, Type::Int(i)) => {
                if e.ty.c_size() != u32::from(i.bits / 8) {
                    return self.misfit(&e, &ty, span);
                }
                make(ty, ExprKind::FromBytes(Box::new(e)))
            }
            (Type::Array { elem, .. }, Type::Str(n)) if elem.int().is_some_and(|i| i.bits == 8) => {
                let n = *n;
                let e = self.as_string(e);
                self.coerce(e, &Type::Str(n))
            }
            (Type::Array { elem, len }, Type::Array { elem: f, len: m }) if *m == 0 || len * elem.c_size() == m * f.c_size() => {
                let bytes = len * elem.c_size();
                let len = bytes / f.c_size().max(1);
                make(Type::Array { elem: f.clone(), len }, ExprKind::Relabel(Box::new(e)))
            }
            (Type::Str(n), Type::Array { elem, len }) if elem.int().is_some_and(|i| i.bits == 8) && (*len == 0 || len == n) => {
                let ty = Type::Array { elem: elem.clone(), len: *n };
                make(ty, ExprKind::Relabel(Box::new(e)))
            }
            (Type::Str(_), Type::Str(n)) => {
                let n = *n;
                self.coerce(e, &Type::Str(n))
            }
            (Type::Str(n), Type::Buf(m)) => {
                let size = Expr::int(i64::from((*n - 1).min(*m)), Type::U64, span);
                make(ty, ExprKind::Call { op: crate::builtins::Op::Buf, args: vec![e, size] })
            }
            (from, Type::Str(n)) if from.is_scalar() => {
                let ty = Type::Str(*n);
                make(ty, ExprKind::ReadStr { ptr: Box::new(e), limit: None })
            }
            (from, Type::Buf(n)) if from.is_scalar() => {
                let size = Expr::int(i64::from(*n), Type::U64, span);
                make(ty, ExprKind::Call { op: crate::builtins::Op::Buf, args: vec![e, size] })
            }
            (Type::Int(_), Type::Username | Type::Ksym) => make(ty, ExprKind::Cast(Box::new(e))),
            (Type::Int(_), Type::Usym) => make(ty, ExprKind::Usym(Box::new(e))),
            (Type::Ksym, Type::Int(_)) => make(ty, ExprKind::Cast(Box::new(e))),
            (from @ (Type::Tuple(_) | Type::Named(_)), to) if join::types(from, to).as_ref() == Some(to) => self.coerce(e, &ty),
            _ => self.misfit(&e, &ty, span),
        }
    }

    fn misfit(&mut self, e: &Expr, ty: &Type, span: Span) -> Expr {
        let d = Diagnostic::error(span, format!("a {} can't be made a {}", join::shown(&e.ty), join::shown(ty)));
        let sizes = matches!((&e.ty, ty), (Type::Array { .. }, _) | (_, Type::Array { .. }));
        self.error(if sizes { d.help("an array and an integer must have the same size in bytes") } else { d })
    }

    fn is_enumerator(&self, name: &str, value: i64) -> bool {
        self.kernel.enumeration(name).is_none_or(|(_, list)| list.iter().any(|v| v.1 == value))
    }

    /// A pointer keeps the memory that it points into, unless that is not known. An integer is an address without a sign, of
    /// its own width: as in bpftrace, `(uint8 *)-1` is 0xff.
    fn cast_pointer(&mut self, e: Expr, ty: Type, span: Span) -> Expr {
        let Type::Ptr { to, space } = ty else { return e };
        let e = match e.ty {
            Type::Int(i) if i.signed && i.bits < 64 => self.cast_to(e, Type::Int(Int { signed: false, ..i }), span),
            _ => e,
        };
        let space = match &e.ty {
            Type::Ptr { space, .. } => *space,
            _ => space,
        };
        let ty = Type::Ptr { to, space };
        match e.constant() {
            Some(n) => Expr::int(n, ty, span),
            None => Expr { ty, kind: ExprKind::Cast(Box::new(e)), span },
        }
    }

    /// `(uint8[8])x`; without a number as many elements as the integer has room for.
    fn cast_bytes(&mut self, e: Expr, elem: Type, len: u32, span: Span) -> Expr {
        let (from, size) = (e.ty.c_size(), elem.c_size().max(1));
        let literal = e.constant().is_some();
        let len = if len == 0 { from / size } else { len };
        let bytes = len * size;
        if bytes > 8 || bytes == 0 || (!literal && bytes != from) || (literal && bytes < from) {
            let ty = Type::Array { elem: Box::new(elem), len };
            return self.misfit(&e, &ty, span);
        }
        Expr { ty: Type::Array { elem: Box::new(elem), len }, kind: ExprKind::ToBytes(Box::new(e)), span }
    }
}
