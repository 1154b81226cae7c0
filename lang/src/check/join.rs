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
        (Type::Int(_), Type::Int(_)) if new_flexible && !old_flexible => Some(old.clone()),
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
        (Type::Ptr { .. }, Type::Ptr { space, .. }) => Type::ptr(Type::Void, *space),
        (Type::Ptr { .. }, Type::Int(_)) | (Type::Int(_), Type::Ptr { .. }) => Type::U64,
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
        (x, y) if x == y => x,
        _ => return None,
    })
}
