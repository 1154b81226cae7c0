//! `uprobe` and `uretprobe`.

use super::{Needs, Provider, Request, Resolved, Target, is_glob};
use crate::diag::Diagnostic;
use crate::hir::Context;
use crate::kernel::{KernelError, UserBinary, UserSymbol};

pub(super) const UPROBE: Provider = Provider {
    name: "uprobe",
    aliases: &["u"],
    probetype: "uprobe",
    syntax: "uprobe:BINARY:FUNCTION\nuprobe:BINARY:FUNCTION+OFFSET\nuprobe:BINARY:OFFSET\nuprobe:BINARY@FILE:LINE\nuprobe:BINARY:cpp:FUNCTION",
    doc: "Fires when a function of a program or library is entered; its arguments are `arg0` and so on. BINARY is a path, a command on $PATH, or a library's short name such as `libc`.",
    example: "uprobe:libc:malloc { @[comm] = count(); } interval:ms:200 { exit(); }",
    options: "",
    needs: Needs::Nothing,
    expand: |r| expand(r, false),
};

pub(super) const URETPROBE: Provider = Provider {
    name: "uretprobe",
    aliases: &["ur"],
    probetype: "uretprobe",
    syntax: "uretprobe:BINARY:FUNCTION",
    doc: "Fires when a function of a program or library returns; what it returned is `retval`.",
    example: "uretprobe:libc:malloc { @ = count(); } interval:ms:200 { exit(); }",
    options: "",
    needs: Needs::Nothing,
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
    // `uprobe:BINARY@FILE:LINE[:COLUMN]`
    if let Some((binary, file)) = binary.rsplit_once('@')
        && !ret
    {
        return at_line(r, binary, file, &spec);
    }
    if is_glob(binary) || binary.is_empty() {
        let mut out = Vec::new();
        for path in super::binaries(r, binary)? {
            if let Ok(found) = r.kernel.user_binary(&path, Some(&spec)) {
                out.extend(found.symbols.iter().map(|s| {
                    let name = format!("{}:{path}:{}", r.provider.name, s.name);
                    let target = Target::Uprobe { path: found.path.clone(), file_offset: s.file_offset, symbol: s.name.clone(), ret };
                    let context = if ret { Context::Return { user: true } } else { Context::Entry { user: true, args: Vec::new() } };
                    r.resolved(name, target, context)
                }));
            }
        }
        if out.is_empty() {
            return Err(Diagnostic::empty_pattern(r.span, format!("no function matches `{spec}` in what `{binary}` stands for")));
        }
        return Ok(out);
    }
    let context = if ret { Context::Return { user: true } } else { Context::Entry { user: true, args: Vec::new() } };
    let make = |path: &str, symbol: &str, shown: &str, file_offset: u64| {
        let mut context = context.clone();
        if let Context::Entry { args, .. } = &mut context
            && r.uses_args
        {
            *args = r.kernel.user_prototype(path, symbol).unwrap_or_default();
        }
        // The path as it is written; a library by its short name has none.
        let written = if binary.contains('/') && !is_glob(binary) { binary.as_str() } else { path };
        let name = format!("{}:{written}:{shown}", r.provider.name);
        let target = Target::Uprobe { path: path.into(), file_offset, symbol: symbol.into(), ret };
        r.resolved(name, target, context)
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
    for s in &found.symbols {
        check_boundary(r, &found.path, s, offset)?;
    }
    let glob = is_glob(&spec) || spec.starts_with("cpp:");
    Ok(found.symbols.iter().map(|s| make(&found.path, &s.name, if glob { &s.name } else { &spec }, s.file_offset + offset)).collect())
}

/// Every place of the code that a line of a source file became.
fn at_line(r: &Request<'_>, binary: &str, file: &str, spec: &str) -> Result<Vec<Resolved>, Diagnostic> {
    let mut numbers = spec.split(':').map(|n| n.parse::<u32>().map_err(|_| r.bad_syntax()));
    let line = numbers.next().unwrap_or_else(|| Err(r.bad_syntax()))?;
    let column = numbers.next().transpose()?;
    let found = r
        .kernel
        .source_line(binary, file, line, column)
        .map_err(|e| r.refused(&format!("statement at `{file}:{spec}` in `{binary}`"), e))?;
    let all = found.1.into_iter().map(|file_offset| {
        let name = format!("uprobe:{binary}@{file}:{spec}");
        let target = Target::Uprobe { path: found.0.clone(), file_offset, symbol: String::new(), ret: false };
        r.resolved(name, target, Context::Entry { user: true, args: Vec::new() })
    });
    Ok(all.collect())
}

/// The file offset of a virtual address.
fn at_address(r: &Request<'_>, binary: &str, address: u64) -> Result<(String, u64), Diagnostic> {
    let found = match r.kernel.user_binary(binary, Some("*")) {
        Ok(found) => found,
        // A file of bare code: whoever allows everything knows what is there.
        Err(KernelError::Unavailable(_)) if r.allow_unsafe => return Ok((binary.to_string(), address)),
        Err(e) => return Err(r.refused(&format!("binary `{binary}`"), e)),
    };
    let inside = found.symbols.iter().find(|s| address >= s.address && address < s.address + s.size);
    match inside {
        Some(s) => {
            check_boundary(r, &found.path, s, address - s.address)?;
            Ok((found.path, s.file_offset + (address - s.address)))
        }
        None if r.allow_unsafe => Ok((found.path, address)),
        None => Err(Diagnostic::error(r.span, format!("no function of `{}` is at {address:#x}", found.path))),
    }
}

fn missing(r: &Request<'_>, binary: &str, symbol: &str, error: KernelError) -> Diagnostic {
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

/// A breakpoint in the middle of an instruction makes another instruction of it: the traced program goes astray.
fn check_boundary(r: &Request<'_>, path: &str, symbol: &UserSymbol, offset: u64) -> Result<(), Diagnostic> {
    if offset == 0 || r.allow_unsafe {
        return Ok(());
    }
    let Some(starts) = r.kernel.instructions(path, symbol.file_offset, offset) else { return Ok(()) };
    if starts.contains(&offset) {
        return Ok(());
    }
    let name = &symbol.name;
    let shown = |n: &u64| format!("`{name}+{n}`");
    let before = starts.iter().rfind(|s| **s < offset).map(shown);
    let after = starts.iter().find(|s| **s > offset).map(shown);
    let d = Diagnostic::error(r.span, format!("`{name}+{offset}` is in the middle of an instruction"))
        .label("a breakpoint there would crash the traced program");
    Err(match (before, after) {
        (Some(b), Some(a)) => d.help(format!("the instructions around it begin at {b} and {a}; `--unsafe` allows every place")),
        (b, _) => d.help(format!("what is behind {} can't be decoded; `--unsafe` allows every place", b.unwrap_or_else(|| shown(&0)))),
    })
}
