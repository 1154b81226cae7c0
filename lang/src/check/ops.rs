//! Operators, casts, and the conversions that a script leaves unwritten.

use super::names::natural;
use super::state::is_flexible;
use super::{Checker, join};
use crate::ast::{self, BinOp, UnOp};
use crate::diag::Diagnostic;
use crate::features;
use crate::hir::{Expr, ExprKind};
use crate::source::Span;
use crate::types::{AddrSpace, Agg, Int, Type};

impl Checker<'_> {
    /// Makes `e` a value of type `ty`; it is known to fit (see `join`).
    pub(super) fn coerce(&mut self, e: Expr, ty: &Type) -> Expr {
        if e.ty == *ty || e.ty == Type::Void || *ty == Type::Void {
            return e;
        }
        let span = e.span;
        if let (ExprKind::Tuple(_), Type::Named(from), Type::Named(to)) = (&e.kind, &e.ty, ty)
            && from.iter().map(|m| &m.0).ne(to.iter().map(|m| &m.0))
        {
            return self.reordered(e, ty);
        }
        match (e.kind, ty) {
            (ExprKind::Tuple(members), Type::Named(types)) if members.len() == types.len() => {
                let members = members.into_iter().zip(types).map(|(m, t)| self.coerce(m, &t.1)).collect();
                Expr { ty: ty.clone(), kind: ExprKind::Tuple(members), span }
            }
            (ExprKind::Block(stmts, value), _) => {
                let value = self.coerce(*value, ty);
                Expr { ty: value.ty.clone(), kind: ExprKind::Block(stmts, Box::new(value)), span }
            }
            (ExprKind::Tuple(members), Type::Tuple(types)) if members.len() == types.len() => {
                let members = members.into_iter().zip(types).map(|(m, t)| self.coerce(m, t)).collect();
                Expr { ty: ty.clone(), kind: ExprKind::Tuple(members), span }
            }
            (ExprKind::Str(text), Type::Str(_)) => Expr { ty: ty.clone(), kind: ExprKind::Str(text), span },
            (ExprKind::Int(n), Type::Int(i)) => Expr::int(fit(n, *i), ty.clone(), span),
            (kind, _) => Expr { ty: ty.clone(), kind: ExprKind::Cast(Box::new(Expr { ty: e.ty, kind, span })), span },
        }
    }

    /// A record whose members stand in another order than the type has them. They are computed in the order of the script.
    fn reordered(&mut self, e: Expr, ty: &Type) -> Expr {
        let (Type::Named(from), Type::Named(to), span) = (e.ty.clone(), ty, e.span) else { return e };
        if e.changes() {
            return Expr { ty: ty.clone(), kind: ExprKind::Cast(Box::new(e)), span };
        }
        let member = |i: usize, base: &Expr| match &base.kind {
            ExprKind::Tuple(members) => members[i].clone(),
            _ => Expr { ty: from[i].1.clone(), kind: ExprKind::Member { base: Box::new(base.clone()), index: i as u32 }, span },
        };
        let members = to
            .iter()
            .map(|(name, t)| match from.iter().position(|f| f.0 == *name) {
                Some(i) => {
                    let m = member(i, &e);
                    self.coerce(m, t)
                }
                None => Expr { ty: t.clone(), kind: ExprKind::Error, span },
            })
            .collect();
        Expr { ty: ty.clone(), kind: ExprKind::Tuple(members), span }
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
        self.wants(&features::TOTAL, e.span);
        let ty = match agg {
            Agg::Count => Type::U64,
            Agg::Sum(i) | Agg::Min(i) | Agg::Max(i) | Agg::Avg(i) => Type::Int(Int { bits: 64, signed: i.signed }),
            Agg::Stats(_) | Agg::Hist { .. } | Agg::LHist { .. } | Agg::TSeries { .. } => {
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
        if op == UnOp::AddrOf {
            return self.address_of(operand, span);
        }
        let e = self.expr(operand);
        let e = self.value_of_agg(e);
        if e.ty == Type::Void {
            return Expr { ty: Type::Void, kind: ExprKind::Error, span };
        }
        match (op, &e.ty) {
            (UnOp::Not, t) if t.is_scalar() && e.constant().is_some() => Expr::int(i64::from(e.constant() == Some(0)), Type::Bool, span),
            (UnOp::Not, t) if t.is_scalar() => Expr { ty: Type::Bool, kind: ExprKind::Not(Box::new(e)), span },
            (UnOp::Neg, Type::Int(_) | Type::Bool | Type::Enum { .. }) => match e.constant() {
                Some(n) if matches!(e.kind, ExprKind::Int(_)) => natural(n.wrapping_neg(), span),
                Some(n) if is_signed(&e) => typed(n.wrapping_neg(), Type::I64, span),
                Some(n) => typed(fit(n.wrapping_neg(), own_width(&e)), Type::U64, span),
                None if is_signed(&e) => Expr { ty: Type::I64, kind: ExprKind::Neg(Box::new(e)), span },
                None => {
                    let width = own_width(&e);
                    in_width(Expr { ty: Type::U64, kind: ExprKind::Neg(Box::new(e)), span }, width)
                }
            },
            (UnOp::BitNot, Type::Int(_) | Type::Bool | Type::Enum { .. }) => match e.constant() {
                Some(n) if matches!(e.kind, ExprKind::Int(_)) => Expr::int(!n, Type::U64, span),
                Some(n) => typed(fit(!n, own_width(&e)), Type::U64, span),
                None => {
                    let width = own_width(&e);
                    in_width(Expr { ty: Type::U64, kind: ExprKind::BitNot(Box::new(e)), span }, width)
                }
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

    /// `&$x`
    fn address_of(&mut self, operand: &ast::Expr, span: Span) -> Expr {
        match &operand.kind {
            ast::ExprKind::Var(name) => {
                let e = self.var(name, operand.span);
                let ExprKind::Var(var) = e.kind else { return e };
                Expr { ty: Type::ptr(e.ty, AddrSpace::Kernel), kind: ExprKind::AddrVar(var), span }
            }
            ast::ExprKind::Map { name, keys: None } => {
                let map = self.map(name, operand.span);
                let ty = Type::ptr(Type::Void, AddrSpace::Kernel);
                Expr { ty, kind: ExprKind::AddrMap(map), span }
            }
            _ => {
                let d = Diagnostic::error(span, "only a variable or a map has an address");
                self.error(d.help("put the value in a variable first: `$x = ...; &$x`"))
            }
        }
    }

    pub(super) fn binary(&mut self, op: BinOp, a: Expr, b: Expr, span: Span) -> Expr {
        let (a, b) = (self.value_of_agg(a), self.value_of_agg(b));
        let error = Expr { ty: Type::Void, kind: ExprKind::Error, span };
        if matches!(op, BinOp::And | BinOp::Or) {
            let (a, b) = (self.condition(a), self.condition(b));
            match (op, a.constant()) {
                (BinOp::And, Some(0)) => return Expr::int(0, Type::Bool, span),
                (BinOp::Or, Some(n)) if n != 0 => return Expr::int(1, Type::Bool, span),
                (_, Some(_)) if b.constant().is_some() => return Expr::int(i64::from(b.constant() != Some(0)), Type::Bool, span),
                _ => {}
            }
            let (a, b) = (Box::new(a), Box::new(b));
            let kind = if op == BinOp::And { ExprKind::And(a, b) } else { ExprKind::Or(a, b) };
            return Expr { ty: Type::Bool, kind, span };
        }
        if a.ty == Type::Void || b.ty == Type::Void {
            // What is known of a comparison is its type.
            return if op.is_comparison() { Expr { ty: Type::Bool, ..error } } else { error };
        }
        match (&a.ty, &b.ty) {
            (x, y) if x.is_scalar() && y.is_scalar() => self.arithmetic(op, a, b, span),
            (Type::Str(_), Type::Str(_)) if matches!(op, BinOp::Eq | BinOp::Ne) && both_texts(&a, &b).is_some() => {
                let same = both_texts(&a, &b) == Some(true);
                Expr::int(i64::from(same == (op == BinOp::Eq)), Type::Bool, span)
            }
            (Type::Str(_), Type::Str(_)) if text_order(op, &a, &b).is_some() => {
                Expr::int(i64::from(text_order(op, &a, &b) == Some(true)), Type::Bool, span)
            }
            (Type::Named(x), Type::Named(_)) if matches!(op, BinOp::Eq | BinOp::Ne) && join::types(&a.ty, &b.ty).is_some() => {
                // Members are compared in the order of the left one.
                let to = Type::Named(x.iter().map(|(n, _)| (n.clone(), member_type(&b.ty, n))).collect());
                let b = self.coerce(b, &to);
                self.same(op, a, b, span)
            }
            (Type::Str(_), Type::Array { elem, .. }) | (Type::Array { elem, .. }, Type::Str(_))
                if elem.int().is_some_and(|i| i.bits == 8) && matches!(op, BinOp::Eq | BinOp::Ne) =>
            {
                let a = self.as_string(a);
                let b = self.as_string(b);
                self.same(op, a, b, span)
            }
            (Type::Buf(_), Type::Buf(_)) | (Type::Inet, Type::Inet) | (Type::Mac, Type::Mac) if matches!(op, BinOp::Eq | BinOp::Ne) => {
                self.same(op, a, b, span)
            }
            (Type::Array { elem, len }, Type::Array { elem: f, len: m })
                if matches!(op, BinOp::Eq | BinOp::Ne) && len == m && elem.c_size() == f.c_size() =>
            {
                self.same(op, a, b, span)
            }
            (Type::Str(_), Type::Str(_)) | (Type::Array { .. }, Type::Array { .. }) | (Type::Tuple(_), Type::Tuple(_))
                if matches!(op, BinOp::Eq | BinOp::Ne) && join::types(&a.ty, &b.ty).is_some() =>
            {
                self.same(op, a, b, span)
            }
            (x, y) => {
                let (x, y) = (join::shown(x), join::shown(y));
                let d = Diagnostic::error(span, format!("`{}` does not go with a {x} and a {y}", op.symbol()))
                    .other(a.span, format!("`{x}`"))
                    .other(b.span, format!("`{y}`"));
                let strings = x == "string" || y == "string";
                let d = if strings && op == BinOp::Add { d.help("strings are put together by `str_concat($a, $b)`") } else { d };
                self.tell(d);
                error
            }
        }
    }

    fn same(&self, op: BinOp, a: Expr, b: Expr, span: Span) -> Expr {
        let kind = ExprKind::Same { negate: op == BinOp::Ne, a: Box::new(a), b: Box::new(b) };
        Expr { ty: Type::Bool, kind, span }
    }

    /// An array of bytes as a string.
    pub(super) fn as_string(&mut self, e: Expr) -> Expr {
        let span = e.span;
        match &e.ty {
            Type::Array { len, .. } => {
                let ty = Type::Str((*len).max(1));
                match e.kind {
                    ExprKind::ReadBytes { ptr } => Expr { ty, kind: ExprKind::ReadStr { ptr, limit: None }, span },
                    _ => Expr { ty, kind: ExprKind::Relabel(Box::new(e)), span },
                }
            }
            _ => e,
        }
    }

    fn arithmetic(&mut self, op: BinOp, a: Expr, b: Expr, span: Span) -> Expr {
        if let (Type::Ptr { to, .. }, BinOp::Add | BinOp::Sub, Type::Int(_) | Type::Enum { .. }) = (&a.ty, op, &b.ty) {
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
        match exact(op, &a, &b) {
            Some(Some(n)) => match i64::try_from(n) {
                Ok(n) => return natural(n, span),
                Err(_) => return Expr::int(n as u64 as i64, Type::U64, span),
            },
            Some(None) => {
                let d = Diagnostic::error(span, format!("`{}` of these two numbers overflows 64 bits", op.symbol()));
                return self.error(d.help("a cast makes it wrap: `(uint64)...`"));
            }
            None => {}
        }
        if let (Some(x), Some(y)) = (a.constant(), b.constant()) {
            let cast = matches!(a.kind, ExprKind::Cast(_)) || matches!(b.kind, ExprKind::Cast(_));
            match fold(op, x, y, signed) {
                // Literals make literals; what was cast to a type keeps it.
                Some(n) if !op.is_comparison() && is_literal(&a) && is_literal(&b) && (signed || n >= 0) => return natural(n, span),
                Some(n) if cast && !op.is_comparison() => return typed(n, result, span),
                Some(n) => return Expr::int(n, result, span),
                // The program does as it does with a value that it gets to know while it runs.
                None if cast => {}
                None => {
                    self.tell(Diagnostic::error(span, "this divides by zero"));
                    return Expr { ty: Type::Void, kind: ExprKind::Error, span };
                }
            }
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
        let condition = self.expr(c);
        let condition = self.condition(condition);
        match self.decided(c, &condition) {
            Some(Some(true)) => return self.operand(a),
            Some(Some(false)) => return self.operand(b),
            Some(None) => return Expr { ty: Type::Void, kind: ExprKind::Error, span },
            None => {}
        }
        let (a, b) = (self.operand(a), self.operand(b));
        self.choose(condition, a, b, span)
    }

    /// One of two values by a condition.
    pub(super) fn choose(&mut self, c: Expr, a: Expr, b: Expr, span: Span) -> Expr {
        let joined = if is_flexible(&a) && !is_flexible(&b) {
            join::assigned(&b.ty, false, &a.ty, true)
        } else {
            join::assigned(&a.ty, is_flexible(&a), &b.ty, is_flexible(&b))
        };
        let Some(ty) = joined else {
            let d = Diagnostic::error(span, "the two sides have different types")
                .other(a.span, format!("`{}`", join::shown(&a.ty)))
                .other(b.span, format!("`{}`", join::shown(&b.ty)));
            self.tell(d.help("both sides of `? :`, and both blocks of an `if` with a value, have one type"));
            return Expr { ty: Type::Void, kind: ExprKind::Error, span };
        };
        let (a, b) = (self.coerce(a, &ty), self.coerce(b, &ty));
        Expr { ty, kind: ExprKind::Ternary(Box::new(c), Box::new(a), Box::new(b)), span }
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

/// The unsigned integer of an operand's width.
fn own_width(e: &Expr) -> Int {
    Int { bits: e.ty.int().map_or(64, |i| i.bits), signed: false }
}

/// A word of which only the bits of a width count.
fn in_width(e: Expr, width: Int) -> Expr {
    let (ty, span) = (e.ty.clone(), e.span);
    let cast = |e: Expr, ty: Type| Expr { ty, kind: ExprKind::Cast(Box::new(e)), span };
    if width.bits == 64 { e } else { cast(cast(e, Type::Int(width)), ty) }
}

/// The number that a literal, or what literals were folded to, stands for.
fn literal_number(e: &Expr) -> Option<i128> {
    match e.kind {
        ExprKind::Int(n) if e.ty == Type::U64 && n < 0 => Some(i128::from(n as u64)),
        ExprKind::Int(n) if is_literal(e) => Some(i128::from(n)),
        _ => None,
    }
}

/// What two literals make, exactly; `Some(None)`: no integer of 64 bits.
fn exact(op: BinOp, a: &Expr, b: &Expr) -> Option<Option<i128>> {
    let (a, b) = (literal_number(a)?, literal_number(b)?);
    let n = match op {
        BinOp::Add => a.checked_add(b),
        BinOp::Sub => a.checked_sub(b),
        BinOp::Mul => a.checked_mul(b),
        BinOp::Shl if (0..64).contains(&b) => a.checked_mul(1 << b),
        BinOp::Shl => None,
        _ => return None,
    };
    Some(n.filter(|n| (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(n)))
}

/// How texts that are known compare; bytes count.
fn text_order(op: BinOp, a: &Expr, b: &Expr) -> Option<bool> {
    let (ExprKind::Str(a), ExprKind::Str(b)) = (&a.kind, &b.kind) else { return None };
    Some(match op {
        BinOp::Lt => a < b,
        BinOp::Le => a <= b,
        BinOp::Gt => a > b,
        BinOp::Ge => a >= b,
        _ => return None,
    })
}

fn is_signed(e: &Expr) -> bool {
    e.ty.int().is_some_and(|i| i.signed)
}

/// A literal, or what literals were folded to: its type is the smallest that holds it.
fn is_literal(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Int(n) if natural(n, e.span).ty == e.ty)
}

/// A constant that has been cast: its type is what it is, and gives way to no other.
pub(super) fn typed(n: i64, ty: Type, span: Span) -> Expr {
    Expr { ty: ty.clone(), kind: ExprKind::Cast(Box::new(Expr::int(n, ty, span))), span }
}

/// Whether two texts that are known are the same.
fn both_texts(a: &Expr, b: &Expr) -> Option<bool> {
    match (&a.kind, &b.kind) {
        (ExprKind::Str(x), ExprKind::Str(y)) => Some(x == y),
        _ => None,
    }
}

/// The type of a record's member; `Void` if it has none of that name.
fn member_type(ty: &Type, name: &str) -> Type {
    match ty {
        Type::Named(members) => members.iter().find(|m| m.0 == name).map_or(Type::Void, |m| m.1.clone()),
        _ => Type::Void,
    }
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
