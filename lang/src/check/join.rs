//! The type that holds values of two types.

use crate::types::{Agg, Int, Type};

/// A type's name for a message: sizes of strings are left out.
pub(super) fn shown(ty: &Type) -> String {
    match ty {
        Type::Str(_) => "string".into(),
        Type::Tuple(members) => {
            let list: Vec<String> = members.iter().map(shown).collect();
            format!("({})", list.join(", "))
        }
        Type::Named(members) => {
            let list: Vec<String> = members.iter().map(|(n, m)| format!("{n}={}", shown(m))).collect();
            format!("({})", list.join(", "))
        }
        other => other.to_string(),
    }
}

/// The type of a place that holds `old` (`Void`: nothing yet) when `new` is assigned too. What is flexible
/// comes from literals and adapts to the other's sign.
pub(super) fn assigned(old: &Type, old_flexible: bool, new: &Type, new_flexible: bool) -> Option<Type> {
    match (old, new) {
        (Type::Void, _) => Some(new.clone()),
        (Type::Int(a), Type::Int(b)) if old_flexible && !new_flexible => {
            Some(Type::Int(Int { bits: a.bits.max(b.bits), signed: b.signed }))
        }
        (Type::Int(a), Type::Int(b)) if new_flexible && !old_flexible => {
            Some(Type::Int(Int { bits: a.bits.max(b.bits), signed: a.signed }))
        }
        _ => types(old, new),
    }
}

/// The type that holds both, if there is one.
pub(super) fn types(a: &Type, b: &Type) -> Option<Type> {
    if a == b {
        return Some(a.clone());
    }
    Some(match (a, b) {
        (Type::Void, t) | (t, Type::Void) => t.clone(),
        (Type::Int(x), Type::Int(y)) => Type::Int(ints(*x, *y)),
        (Type::Bool, Type::Int(i)) | (Type::Int(i), Type::Bool) => Type::Int(*i),
        (Type::Str(x), Type::Str(y)) => Type::Str(*x.max(y)),
        (Type::Ptr { to, .. }, Type::Ptr { to: other, space }) => {
            // A pointer to nothing in particular takes the other's type.
            let to = match (&**to, &**other) {
                (Type::Void, t) | (t, Type::Void) => t.clone(),
                (t, u) if t == u => t.clone(),
                (Type::Record { name: x, .. }, Type::Record { name: y, .. }) if x == y => (**to).clone(),
                _ => Type::Void,
            };
            Type::ptr(to, *space)
        }
        (Type::Ptr { .. }, Type::Int(_)) | (Type::Int(_), Type::Ptr { .. }) => Type::U64,
        // Of an enumeration and anything else only the number is left.
        (Type::Enum { int: x, .. }, Type::Int(y)) | (Type::Int(x), Type::Enum { int: y, .. }) => Type::Int(ints(*x, *y)),
        (Type::Enum { int: x, .. }, Type::Enum { int: y, .. }) => Type::Int(ints(*x, *y)),
        (Type::Buf(x), Type::Buf(y)) => Type::Buf(*x.max(y)),
        (Type::KStack { limit: x, mode }, Type::KStack { limit: y, .. }) => Type::KStack { mode: *mode, limit: *x.max(y) },
        (Type::UStack { limit: x, mode }, Type::UStack { limit: y, .. }) => Type::UStack { mode: *mode, limit: *x.max(y) },
        (Type::Array { elem: p, len: 0 }, Type::Array { elem: q, .. }) if p == q => b.clone(),
        (Type::Array { elem: p, .. }, Type::Array { elem: q, len: 0 }) if p == q => a.clone(),
        (Type::Named(x), Type::Named(y)) if x.len() == y.len() => {
            let member = |(name, t): &(String, Type)| {
                let other = y.iter().find(|m| m.0 == *name)?;
                Some((name.clone(), types(t, &other.1)?))
            };
            Type::Named(x.iter().map(member).collect::<Option<Vec<_>>>()?)
        }
        (Type::Tuple(x), Type::Tuple(y)) if x.len() == y.len() => {
            Type::Tuple(x.iter().zip(y).map(|(p, q)| types(p, q)).collect::<Option<Vec<_>>>()?)
        }
        (Type::Agg(x), Type::Agg(y)) => Type::Agg(aggs(*x, *y)?),
        _ => return None,
    })
}

fn ints(a: Int, b: Int) -> Int {
    Int { bits: a.bits.max(b.bits), signed: a.signed || b.signed }
}

fn aggs(a: Agg, b: Agg) -> Option<Agg> {
    Some(match (a, b) {
        (Agg::Sum(x), Agg::Sum(y)) => Agg::Sum(ints(x, y)),
        (Agg::Min(x), Agg::Min(y)) => Agg::Min(ints(x, y)),
        (Agg::Max(x), Agg::Max(y)) => Agg::Max(ints(x, y)),
        (Agg::Avg(x), Agg::Avg(y)) => Agg::Avg(ints(x, y)),
        (Agg::Stats(x), Agg::Stats(y)) => Agg::Stats(ints(x, y)),
        (Agg::TSeries { interval, intervals, fold, signed }, Agg::TSeries { interval: i, intervals: n, fold: f, signed: s })
            if (interval, intervals, fold) == (i, n, f) =>
        {
            Agg::TSeries { interval, intervals, fold, signed: signed || s }
        }
        (x, y) if x == y => x,
        _ => return None,
    })
}
