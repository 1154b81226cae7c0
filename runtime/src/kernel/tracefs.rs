//! Tracepoints and their formats (Documentation/trace/events.rst).

use super::not_found;
use crate::sys::mount;
use glob_match::glob_match;
use lang::kernel::{DataLoc, Field, KernelError, Layout};
use lang::types::{AddrSpace, Int, Type};
use std::path::PathBuf;

fn events() -> Result<PathBuf, KernelError> {
    let dir = mount::tracefs().map_err(|e| KernelError::Unavailable(format!("tracefs is not mounted and can't be: {e}")))?;
    Ok(dir.join("events"))
}

/// The record of a tracepoint.
pub(super) fn format(category: &str, event: &str) -> Result<Layout, KernelError> {
    let dir = events()?;
    let plain = |n: &str| !n.is_empty() && !n.contains('/') && !n.starts_with('.');
    let path = dir.join(category).join(event).join("format");
    if plain(category) && plain(event) && path.exists() {
        let text =
            std::fs::read_to_string(&path).map_err(|e| KernelError::Unavailable(format!("{} can't be read: {e}", path.display())))?;
        return Ok(parse(&text, category));
    }
    let all: Vec<String> = list("*", "*").into_iter().map(|(c, e)| format!("{c}:{e}")).collect();
    Err(not_found(&format!("{category}:{event}"), all.iter().map(String::as_str)))
}

/// Tracepoints that match two globs.
pub(super) fn list(category: &str, event: &str) -> Vec<(String, String)> {
    let Ok(dir) = events() else { return Vec::new() };
    let text = dir.parent().and_then(|d| std::fs::read_to_string(d.join("available_events")).ok()).unwrap_or_default();
    let mut out: Vec<(String, String)> = text
        .lines()
        .filter_map(|l| l.split_once(':'))
        .filter(|(c, e)| glob_match(category, c) && glob_match(event, e))
        .map(|(c, e)| (c.to_string(), e.to_string()))
        .collect();
    out.sort();
    out.dedup();
    out
}

/// Takes a `format` file apart.
fn parse(text: &str, category: &str) -> Layout {
    let fields: Vec<Field> = text.lines().filter_map(|l| field(l.trim(), category)).collect();
    let size = fields.iter().map(|f| f.offset + f.ty.c_size()).max().unwrap_or(0);
    Layout { size, fields }
}

/// A line such as `field:unsigned short common_type; offset:0; size:2; signed:0;` (separated by tabs).
fn field(line: &str, category: &str) -> Option<Field> {
    let mut parts = line.split(';').map(str::trim);
    let declaration = parts.next()?.strip_prefix("field:")?;
    let (mut offset, mut size, mut signed) = (0, 0, false);
    for part in parts {
        match part.split_once(':') {
            Some(("offset", n)) => offset = n.parse().ok()?,
            Some(("size", n)) => size = n.parse::<u32>().ok()?,
            Some(("signed", n)) => signed = n == "1",
            _ => {}
        }
    }
    let (before, array) = match declaration.split_once('[') {
        Some((b, rest)) => (b.trim_end(), rest.strip_suffix(']')),
        None => (declaration, None),
    };
    let split = before.rfind(|c: char| !c.is_alphanumeric() && c != '_')? + 1;
    let (spelled, name) = (before[..split].trim(), &before[split..]);
    // `__data_loc char[] name` has its brackets in the middle.
    let (spelled, name, array) = match (array, declaration.rsplit_once(' ')) {
        (None, Some((ty, n))) if declaration.contains("[]") => (ty.trim_end_matches("[]").trim(), n, None),
        _ if declaration.starts_with("__data_loc") || declaration.starts_with("__rel_loc") => {
            let (ty, n) = declaration.rsplit_once(' ')?;
            (ty.trim_end_matches("[]").trim(), n, None)
        }
        _ => (spelled, name, array),
    };
    let data_loc = match spelled.split_whitespace().next() {
        Some("__data_loc") => Some(DataLoc::Record),
        Some("__rel_loc") => Some(DataLoc::Field),
        _ => None,
    };
    let ty = match (data_loc, array) {
        (Some(_), _) => Type::ptr(scalar(spelled, 1, signed, category), AddrSpace::Kernel),
        (None, Some(n)) => {
            let count = n.trim().parse().ok().filter(|n| *n > 0).unwrap_or(size);
            let each = size.checked_div(count).unwrap_or(1).max(1);
            Type::Array { elem: Box::new(scalar(spelled, each, signed, category)), len: size / each }
        }
        (None, None) => scalar(spelled, size, signed, category),
    };
    Some(Field { name: name.into(), spelling: declaration.into(), ty, offset, bits: None, data_loc })
}

fn scalar(spelled: &str, size: u32, signed: bool, category: &str) -> Type {
    if spelled.ends_with('*') {
        // Pointers among the arguments of system calls are the process's.
        let space = if category == "syscalls" { AddrSpace::User } else { AddrSpace::Kernel };
        return Type::ptr(pointee(spelled), space);
    }
    if let Some(name) = spelled.strip_prefix("enum ")
        && matches!(size, 1 | 2 | 4 | 8)
    {
        return Type::Enum { name: name.trim().into(), int: Int { bits: (size * 8) as u8, signed } };
    }
    if spelled.ends_with("bool") && size == 1 {
        return Type::Bool;
    }
    if size == 1 && spelled.split_whitespace().last() == Some("char") && !spelled.contains("unsigned") {
        return Type::Int(Int::I8);
    }
    match size {
        1 | 2 | 4 | 8 => Type::Int(Int { bits: (size * 8) as u8, signed }),
        n => Type::Array { elem: Box::new(Type::Int(Int::U8)), len: n },
    }
}

/// What a pointer among the fields points to, as far as its spelling tells.
fn pointee(spelled: &str) -> Type {
    let inner = spelled.trim_end_matches('*').trim();
    if inner.contains('*') {
        return if spelled.matches('*').count() == 2 { Type::ptr(pointee(&inner.replace('*', "")), AddrSpace::User) } else { Type::Void };
    }
    let words: Vec<&str> = inner.split_whitespace().filter(|w| *w != "const").collect();
    match words.as_slice() {
        ["struct", name] => Type::record(name, 0),
        ["union", name] => Type::record(&format!("union {name}"), 0),
        words if words.contains(&"char") => Type::Int(Int::I8),
        ["int"] => Type::Int(Int::I32),
        ["unsigned", "int"] => Type::Int(Int::U32),
        ["long"] => Type::I64,
        ["unsigned", "long"] | ["size_t"] => Type::U64,
        _ => Type::Void,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Field {
        field(line, "sched").unwrap_or_else(|| panic!("{line}"))
    }

    #[test]
    fn fields_of_every_kind() {
        let f = one("field:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;");
        assert_eq!((f.name.as_str(), f.ty), ("common_type", Type::Int(Int { bits: 16, signed: false })));
        let f = one("field:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;");
        assert!(matches!(f.ty, Type::Array { len: 16, .. }) && f.name == "prev_comm" && f.offset == 8);
        let f = one("field:__data_loc char[] filename;\toffset:8;\tsize:4;\tsigned:0;");
        assert!(f.name == "filename" && f.data_loc == Some(DataLoc::Record));
        let f = one("field:unsigned long args[6];\toffset:16;\tsize:48;\tsigned:0;");
        assert_eq!(f.ty, Type::Array { elem: Box::new(Type::U64), len: 6 });
        let f = field("field:const char * filename;\toffset:24;\tsize:8;\tsigned:0;", "syscalls").unwrap();
        assert_eq!(f.ty, Type::ptr(Type::Int(Int::I8), AddrSpace::User));
        let f = one("field:__rel_loc u8[] data;\toffset:12;\tsize:4;\tsigned:0;");
        assert_eq!((f.name.as_str(), f.data_loc), ("data", Some(DataLoc::Field)));
        let f = one("field:pid_t pid;\toffset:12;\tsize:4;\tsigned:1;");
        assert_eq!(f.ty, Type::Int(Int::I32));
        let f = one("field:char comm[TASK_COMM_LEN];\toffset:8;\tsize:16;\tsigned:0;");
        assert!(matches!(f.ty, Type::Array { len: 16, .. }), "{f:?}");
    }
}
