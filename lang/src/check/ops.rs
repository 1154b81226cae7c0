//! Operators, casts, and the conversions that a script leaves unwritten.

use super::state::is_flexible;
use super::{Checker, join};
use crate::ast::{self, BinOp, UnOp};
use crate::diag::Diagnostic;
use crate::hir::{Expr, ExprKind};
use crate::source::Span;
use crate::types::{Agg, Int, Type};

impl Checker<'_> {
    /// Makes `e` a value of type `ty`; it is known to fit (see `join`).
    pub(super) fn coerce(&mut self, e: Expr, ty: &Type) -> Expr {
        if e.ty == *ty || e.ty == Type::Void || *ty == Type::Void {
            return e;
        }
        let span = e.span;
        match (e.kind, ty) {
            (ExprKind::Tuple(members), Type::Tuple(types)) if members.len() == types.len() => {
                let members = members.into_iter().zip(types).map(|(m, t)| self.coerce(m, t)).collect();
                Expr { ty: ty.clone(), kind: ExprKind::Tuple(members), span }
            }
            (ExprKind::Str(text), Type::Str(_)) => Expr { ty: ty.clone(), kind: ExprKind::Str(text), span },
            (ExprKind::Int(n), Type::Int(i)) => Expr::int(fit(n, *i), ty.clone(), span),
            (kind, _) => Expr { ty: ty.clone(), kind: ExprKind::Cast(Box::new(Expr { ty: e.ty, kind, span })), span },
        }
    }

    /// Makes an expression one that can be tested; tells if it can't.
    pub(super) fn condition(&mut self, e: Expr) -> Expr {
        let e = self.value_of_agg(e);
        if !e.ty.is_scalar() && e.ty != Type::Void {
            let d = Diagnostic::error(e.span, format!("a {} is neither true nor false", join::shown(&e.ty)));
            self.tell(d.help("compare it with something: `comm == \"dd\"`"));
            return Expr { kind: ExprKind::Error, ty: Type::Void, span: e.span };
        }
        e
    }

    /// The number of an aggregation, summed up over the CPUs; everything else stays.
    pub(super) fn value_of_agg(&mut self, e: Expr) -> Expr {
        let Type::Agg(agg) = e.ty else { return e };
        let ExprKind::MapGet { map, key } = e.kind else { return e };
        let ty = match agg {
            Agg::Count => Type::U64,
            Agg::Sum(i) | Agg::Min(i) | Agg::Max(i) | Agg::Avg(i) => Type::Int(Int { bits: 64, signed: i.signed }),
            Agg::Stats(_) | Agg::Hist { .. } | Agg::LHist { .. } => {
                let name = self.map_name(map);
                let what = join::shown(&Type::Agg(agg));
                let d = Diagnostic::error(e.span, format!("`{name}` is a {what}, which has no single value"));
                self.tell(d.help(format!("print it with `print({name})`")));
                Type::Void
            }
        };
        Expr { ty, kind: ExprKind::AggGet { map, key, agg }, span: e.span }
    }

    pub(super) fn unary(&mut self, op: UnOp, operand: &ast::Expr, span: Span) -> Expr {
        let e = self.expr(operand);
        let e = self.value_of_agg(e);
        if e.ty == Type::Void {
            return Expr { ty: Type::Void, kind: ExprKind::Error, span };
        }
        match (op, &e.ty) {
            (UnOp::Not, t) if t.is_scalar() => Expr { ty: Type::Bool, kind: ExprKind::Not(Box::new(e)), span },
            (UnOp::Neg, Type::Int(_) | Type::Bool) => match e.constant() {
                Some(n) => Expr::int(n.wrapping_neg(), Type::I64, span),
                None => Expr { ty: Type::I64, kind: ExprKind::Neg(Box::new(e)), span },
            },
            (UnOp::BitNot, Type::Int(_) | Type::Bool) => match e.constant() {
                Some(n) => Expr::int(!n, Type::U64, span),
                None => Expr { ty: Type::U64, kind: ExprKind::BitNot(Box::new(e)), span },
            },
            (UnOp::Deref, Type::Ptr { .. }) => self.read_through(e, span),
            (op, t) => {
                let sign = match op {
                    UnOp::Neg => "-",
                    UnOp::Not => "!",
                    UnOp::BitNot => "~",
                    UnOp::Deref => "*",
                    UnOp::AddrOf => "&",
                };
                let d = Diagnostic::error(span, format!("`{sign}` can't be applied to a {}", join::shown(t)));
                self.tell(if op == UnOp::Deref { d.help("cast the address to a pointer first: `*(uint64 *)arg0`") } else { d });
                Expr { ty: Type::Void, kind: ExprKind::Error, span }
            }
        }
    }

    pub(super) fn binary(&mut self, op: BinOp, a: Expr, b: Expr, span: Span) -> Expr {
        let (a, b) = (self.value_of_agg(a), self.value_of_agg(b));
        let error = Expr { ty: Type::Void, kind: ExprKind::Error, span };
        if matches!(op, BinOp::And | BinOp::Or) {
            let (a, b) = (Box::new(self.condition(a)), Box::new(self.condition(b)));
            let kind = if op == BinOp::And { ExprKind::And(a, b) } else { ExprKind::Or(a, b) };
            return Expr { ty: Type::Bool, kind, span };
        }
        if a.ty == Type::Void || b.ty == Type::Void {
            // What is known of a comparison is its type.
            return if op.is_comparison() { Expr { ty: Type::Bool, ..error } } else { error };
        }
        match (&a.ty, &b.ty) {
            (x, y) if x.is_scalar() && y.is_scalar() => self.arithmetic(op, a, b, span),
            (Type::Str(_), Type::Str(_)) | (Type::Array { .. }, Type::Array { .. }) | (Type::Tuple(_), Type::Tuple(_))
                if matches!(op, BinOp::Eq | BinOp::Ne) && join::types(&a.ty, &b.ty).is_some() =>
            {
                let kind = ExprKind::Same { negate: op == BinOp::Ne, a: Box::new(a), b: Box::new(b) };
                Expr { ty: Type::Bool, kind, span }
            }
            (x, y) => {
                let (x, y) = (join::shown(x), join::shown(y));
                let d = Diagnostic::error(span, format!("`{}` does not go with a {x} and a {y}", op.symbol()))
                    .other(a.span, format!("`{x}`"))
                    .other(b.span, format!("`{y}`"));
                let strings = x == "string" || y == "string";
                let d = if strings && op == BinOp::Add {
                    d.help("strings are put together by `printf`: `printf(\"%s%s\", $a, $b)`")
                } else {
                    d
                };
                self.tell(d);
                error
            }
        }
    }

    fn arithmetic(&mut self, op: BinOp, a: Expr, b: Expr, span: Span) -> Expr {
        if let (Type::Ptr { to, .. }, BinOp::Add | BinOp::Sub, Type::Int(_)) = (&a.ty, op, &b.ty) {
            let (ty, size) = (a.ty.clone(), self.pointee_size(to).max(1));
            let b = self.scaled(b, size);
            return Expr { ty, kind: ExprKind::Binary { op, a: Box::new(a), b: Box::new(b), signed: false }, span };
        }
        if let (Type::Int(_), BinOp::Add, Type::Ptr { .. }) = (&a.ty, op, &b.ty) {
            return self.arithmetic(op, b, a, span);
        }
        let signed = operand_sign(&a, &b);
        let result = if op.is_comparison() {
            Type::Bool
        } else if op == BinOp::Sub {
            Type::I64
        } else if matches!(op, BinOp::Shl | BinOp::Shr) {
            Type::Int(Int { bits: 64, signed: is_signed(&a) })
        } else {
            Type::Int(Int { bits: 64, signed })
        };
        // Division is by two's complement only where both operands are.
        let signed = match op {
            BinOp::Div | BinOp::Mod => is_signed(&a) && is_signed(&b),
            BinOp::Shr => is_signed(&a),
            _ => signed,
        };
        if let (Some(x), Some(y)) = (a.constant(), b.constant()) {
            return match fold(op, x, y, signed) {
                Some(n) => Expr::int(n, result, span),
                None => {
                    self.tell(Diagnostic::error(span, "this divides by zero"));
                    Expr { ty: Type::Void, kind: ExprKind::Error, span }
                }
            };
        }
        Expr { ty: result, kind: ExprKind::Binary { op, a: Box::new(a), b: Box::new(b), signed }, span }
    }

    /// `e * size`, for pointer arithmetic.
    pub(super) fn scaled(&mut self, e: Expr, size: u32) -> Expr {
        if size == 1 {
            return e;
        }
        let span = e.span;
        let size = Expr::int(i64::from(size), Type::I64, span);
        self.binary(BinOp::Mul, e, size, span)
    }

    pub(super) fn ternary(&mut self, c: &ast::Expr, a: &ast::Expr, b: &ast::Expr, span: Span) -> Expr {
        let c = self.expr(c);
        let c = self.condition(c);
        let (a, b) = (self.expr(a), self.expr(b));
        let (a, b) = (self.value_of_agg(a), self.value_of_agg(b));
        let joined = if is_flexible(&a) && !is_flexible(&b) {
            join::assigned(&b.ty, false, &a.ty, true)
        } else {
            join::assigned(&a.ty, is_flexible(&a), &b.ty, is_flexible(&b))
        };
        let Some(ty) = joined else {
            let d = Diagnostic::error(span, "the two sides of `? :` have different types")
                .other(a.span, format!("`{}`", join::shown(&a.ty)))
                .other(b.span, format!("`{}`", join::shown(&b.ty)));
            self.tell(d);
            return Expr { ty: Type::Void, kind: ExprKind::Error, span };
        };
        let (a, b) = (self.coerce(a, &ty), self.coerce(b, &ty));
        Expr { ty, kind: ExprKind::Ternary(Box::new(c), Box::new(a), Box::new(b)), span }
    }

    pub(super) fn cast(&mut self, name: &ast::TypeName, operand: &ast::Expr, span: Span) -> Expr {
        let e = self.expr(operand);
        let e = self.value_of_agg(e);
        let Some(ty) = self.type_name(name) else { return Expr { ty: Type::Void, kind: ExprKind::Error, span } };
        if e.ty == Type::Void {
            return Expr { ty, kind: ExprKind::Error, span };
        }
        match (&e.ty, &ty) {
            (from, Type::Int(i)) if from.is_scalar() => match e.constant() {
                Some(n) => Expr { ty: ty.clone(), kind: ExprKind::Cast(Box::new(Expr::int(fit(n, *i), ty, span))), span },
                None => Expr { ty, kind: ExprKind::Cast(Box::new(e)), span },
            },
            (from, Type::Bool) if from.is_scalar() => {
                let not = Expr { ty: Type::Bool, kind: ExprKind::Not(Box::new(e)), span };
                Expr { ty, kind: ExprKind::Not(Box::new(not)), span }
            }
            (from, Type::Ptr { .. }) if from.is_scalar() => Expr { ty, kind: ExprKind::Cast(Box::new(e)), span },
            (Type::Str(a), Type::Str(b)) if a <= b => Expr { ty, kind: ExprKind::Cast(Box::new(e)), span },
            (from, to) => {
                let d = Diagnostic::error(span, format!("a {} can't be cast to {}", join::shown(from), join::shown(to)));
                self.tell(d);
                Expr { ty: Type::Void, kind: ExprKind::Error, span }
            }
        }
    }
}

/// A constant cut down to an integer type, extended again by its sign.
pub(super) fn fit(n: i64, ty: Int) -> i64 {
    match (ty.bits, ty.signed) {
        (8, true) => i64::from(n as i8),
        (8, false) => i64::from(n as u8),
        (16, true) => i64::from(n as i16),
        (16, false) => i64::from(n as u16),
        (32, true) => i64::from(n as i32),
        (32, false) => i64::from(n as u32),
        _ => n,
    }
}

fn is_signed(e: &Expr) -> bool {
    matches!(&e.ty, Type::Int(i) if i.signed)
}

/// Whether two operands meet as signed numbers; a literal that is not negative takes the other's side.
fn operand_sign(a: &Expr, b: &Expr) -> bool {
    match (is_flexible(a), is_flexible(b)) {
        (true, false) => is_signed(b),
        (false, true) => is_signed(a),
        _ => is_signed(a) || is_signed(b),
    }
}

fn fold(op: BinOp, a: i64, b: i64, signed: bool) -> Option<i64> {
    let (ua, ub) = (a as u64, b as u64);
    let order = if signed { a.cmp(&b) } else { ua.cmp(&ub) };
    Some(match op {
        BinOp::Add => a.wrapping_add(b),
        BinOp::Sub => a.wrapping_sub(b),
        BinOp::Mul => a.wrapping_mul(b),
        BinOp::Div | BinOp::Mod if b == 0 => return None,
        BinOp::Div if signed => a.wrapping_div(b),
        BinOp::Div => (ua / ub) as i64,
        BinOp::Mod if signed => a.wrapping_rem(b),
        BinOp::Mod => (ua % ub) as i64,
        BinOp::BitAnd => a & b,
        BinOp::BitOr => a | b,
        BinOp::BitXor => a ^ b,
        BinOp::Shl => a.wrapping_shl(b as u32),
        BinOp::Shr if signed => a.wrapping_shr(b as u32),
        BinOp::Shr => ua.wrapping_shr(b as u32) as i64,
        BinOp::Eq => i64::from(a == b),
        BinOp::Ne => i64::from(a != b),
        BinOp::Lt => i64::from(order.is_lt()),
        BinOp::Le => i64::from(order.is_le()),
        BinOp::Gt => i64::from(order.is_gt()),
        BinOp::Ge => i64::from(order.is_ge()),
        BinOp::And | BinOp::Or => return None,
    })
}
