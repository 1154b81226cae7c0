//! `kprobe` and `kretprobe`.

use super::{Provider, Request, Resolved, Target, is_glob};
use crate::diag::Diagnostic;
use crate::hir::Context;

pub(super) const KPROBE: Provider = Provider {
    name: "kprobe",
    aliases: &["k"],
    probetype: "kprobe",
    syntax: "kprobe:FUNCTION\nkprobe:FUNCTION+OFFSET\nkprobe:MODULE:FUNCTION",
    doc: "Fires when a kernel function is entered; its arguments are `arg0` and so on. Patterns with `*` take several.",
    example: "kprobe:vfs_read { @[comm] = count(); } interval:ms:200 { exit(); }",
    expand: |r| expand(r, false),
};

pub(super) const KRETPROBE: Provider = Provider {
    name: "kretprobe",
    aliases: &["kr"],
    probetype: "kretprobe",
    syntax: "kretprobe:FUNCTION\nkretprobe:MODULE:FUNCTION",
    doc: "Fires when a kernel function returns; what it returned is `retval`.",
    example: "kretprobe:vfs_read { @ = hist(retval); } interval:ms:200 { exit(); }",
    expand: |r| expand(r, true),
};

fn expand(r: &Request<'_>, ret: bool) -> Result<Vec<Resolved>, Diagnostic> {
    let (module, spec) = match r.parts.as_slice() {
        [f] if !f.is_empty() => (None, f),
        [m, f] if !f.is_empty() => (Some(m.as_str()), f),
        _ => return Err(r.bad_syntax()),
    };
    let context = if ret { Context::Return { user: false } } else { Context::Entry { user: false } };
    if is_glob(spec) {
        let found = r.kernel.functions(module, spec).map_err(|e| r.refused(&format!("kernel functions `{spec}`"), e))?;
        if found.is_empty() {
            return Err(Diagnostic::error(r.span, format!("no kernel function matches `{spec}`")));
        }
        let all = found.into_iter().map(|f| {
            let name = format!("{}:{}", r.provider.name, f.name);
            r.resolved(name, Target::Kprobe { function: f.name, offset: 0, ret }, context.clone())
        });
        return Ok(all.collect());
    }
    let (function, offset) = match spec.split_once('+') {
        None => (spec.as_str(), 0),
        Some(_) if ret => {
            return Err(Diagnostic::error(r.span, "a return probe has no offset").help("a function returns as a whole: leave out the `+`"));
        }
        Some((f, o)) => (f, crate::parse::parse_number(o).map_err(|_| r.bad_syntax())?),
    };
    let found = r.kernel.function(module, function).map_err(|e| r.refused(&format!("kernel function `{function}`"), e))?;
    let written = module.map_or(String::new(), |m| format!("{m}:"));
    let name = format!("{}:{written}{spec}", r.provider.name);
    Ok(vec![r.resolved(name, Target::Kprobe { function: found.name, offset, ret }, context)])
}
