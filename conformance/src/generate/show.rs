//! How values print.

use super::tree::{Ty, Val};
use std::fmt::Write;

/// Appends a value as `print()` shows it.
pub fn value(out: &mut String, ty: &Ty, v: &Val) {
    let list = |ty: &Ty| match ty {
        Ty::Tuple(m) | Ty::Record(m) => m.clone(),
        _ => Vec::new(),
    };
    let _ = match v {
        Val::Bool(b) => write!(out, "{b}"),
        Val::Int(n) if ty.signed() => write!(out, "{n}"),
        Val::Int(n) => write!(out, "{}", *n as u64),
        Val::Str(s) => write!(out, "{s}"),
        Val::Tuple(members) => {
            let record = matches!(ty, Ty::Record(_));
            out.push_str(if record { "{ " } else { "(" });
            for (i, (m, t)) in members.iter().zip(list(ty)).enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                if record {
                    let _ = write!(out, ".f{i} = ");
                }
                value(out, &t, m);
            }
            out.push_str(if record { " }" } else { ")" });
            Ok(())
        }
    };
}

/// Appends a value by a conversion of `printf`.
pub fn conversion(out: &mut String, conversion: &str, ty: &Ty, v: &Val) {
    let mut text = String::new();
    let number = if let Val::Int(n) = v { *n } else { 0 };
    let (flags, kind) = conversion.split_at(conversion.len() - 1);
    match kind {
        "d" => text = number.to_string(),
        "u" => text = (number as u64).to_string(),
        "x" => text = format!("{:x}", number as u64),
        _ => value(&mut text, ty, v),
    }
    let width: usize = flags.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0);
    let gap = " ".repeat(width.saturating_sub(text.len()));
    let left = flags.contains('-');
    let _ = if left { write!(out, "{text}{gap}") } else { write!(out, "{gap}{text}") };
}
