//! `uprobe` and `uretprobe`.

use super::{Provider, Request, Resolved, Target, is_glob};
use crate::diag::Diagnostic;
use crate::hir::Context;
use crate::kernel::UserBinary;

pub(super) const UPROBE: Provider = Provider {
    name: "uprobe",
    aliases: &["u"],
    probetype: "uprobe",
    syntax: "uprobe:BINARY:FUNCTION\nuprobe:BINARY:FUNCTION+OFFSET\nuprobe:BINARY:OFFSET",
    doc: "Fires when a function of a program or library is entered; its arguments are `arg0` and so on. BINARY is a path, a command on $PATH, or a library's short name such as `libc`.",
    example: "uprobe:libc:malloc { @[comm] = count(); } interval:ms:200 { exit(); }",
    expand: |r| expand(r, false),
};

pub(super) const URETPROBE: Provider = Provider {
    name: "uretprobe",
    aliases: &["ur"],
    probetype: "uretprobe",
    syntax: "uretprobe:BINARY:FUNCTION",
    doc: "Fires when a function of a program or library returns; what it returned is `retval`.",
    example: "uretprobe:libc:malloc { @ = count(); } interval:ms:200 { exit(); }",
    expand: |r| expand(r, true),
};

fn expand(r: &Request<'_>, ret: bool) -> Result<Vec<Resolved>, Diagnostic> {
    let (binary, spec) = match r.parts.as_slice() {
        [b, rest @ ..] if !rest.is_empty() && !b.is_empty() => (b, rest.join(":")),
        _ => return Err(r.bad_syntax()),
    };
    if spec.is_empty() {
        return Err(r.bad_syntax());
    }
    let context = if ret { Context::Return { user: true } } else { Context::Entry { user: true } };
    let make = |path: &str, symbol: &str, shown: &str, file_offset: u64| {
        let name = format!("{}:{path}:{shown}", r.provider.name);
        let target = Target::Uprobe { path: path.into(), file_offset, symbol: symbol.into(), ret };
        r.resolved(name, target, context.clone())
    };
    if let Ok(address) = crate::parse::parse_number(&spec) {
        return at_address(r, binary, address).map(|(path, offset)| vec![make(&path, "", &spec, offset)]);
    }
    // A symbol may itself hold a `+` (C++ operators), so the whole is tried first.
    let whole = r.kernel.user_binary(binary, Some(&spec));
    let (found, offset) = match (whole, spec.rsplit_once('+')) {
        (Ok(found), _) => (found, 0),
        (Err(_), Some((symbol, o))) if !ret && crate::parse::parse_number(o).is_ok() => {
            let offset = crate::parse::parse_number(o).map_err(|_| r.bad_syntax())?;
            let found =
                r.kernel.user_binary(binary, Some(symbol)).map_err(|e| r.refused(&format!("function `{symbol}` in `{binary}`"), e))?;
            (found, offset)
        }
        (Err(e), _) => return Err(missing(r, binary, &spec, e)),
    };
    check_offset(r, &found, offset)?;
    let glob = is_glob(&spec);
    Ok(found.symbols.iter().map(|s| make(&found.path, &s.name, if glob { &s.name } else { &spec }, s.file_offset + offset)).collect())
}

/// The file offset of a virtual address.
fn at_address(r: &Request<'_>, binary: &str, address: u64) -> Result<(String, u64), Diagnostic> {
    let found = r.kernel.user_binary(binary, Some("*")).map_err(|e| r.refused(&format!("binary `{binary}`"), e))?;
    let inside = found.symbols.iter().find(|s| address >= s.address && address < s.address + s.size);
    match inside {
        Some(s) => Ok((found.path, s.file_offset + (address - s.address))),
        None => Err(Diagnostic::error(r.span, format!("no function of `{}` is at {address:#x}", found.path))),
    }
}

fn missing(r: &Request<'_>, binary: &str, symbol: &str, error: crate::kernel::KernelError) -> Diagnostic {
    match r.kernel.user_binary(binary, None) {
        Err(e) => r.refused(&format!("program or library `{binary}`"), e),
        Ok(found) => r.refused(&format!("function `{symbol}` in `{}`", found.path), error),
    }
}

fn check_offset(r: &Request<'_>, found: &UserBinary, offset: u64) -> Result<(), Diagnostic> {
    match found.symbols.first() {
        None => Err(Diagnostic::error(r.span, format!("no function of `{}` matches", found.path))),
        Some(s) if offset > 0 && offset >= s.size => Err(Diagnostic::error(r.span, format!("`{}` is only {} bytes long", s.name, s.size))
            .help("the offset must lie within the function")),
        Some(_) => Ok(()),
    }
}
