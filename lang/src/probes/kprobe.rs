//! `kprobe` and `kretprobe`.

use super::{Named, Needs, Provider, Request, Resolved, Target, is_glob};
use crate::diag::Diagnostic;
use crate::hir::Context;

pub(super) const KPROBE: Provider = Provider {
    name: "kprobe",
    aliases: &["k"],
    probetype: "kprobe",
    syntax: "kprobe:FUNCTION\nkprobe:FUNCTION+OFFSET\nkprobe:MODULE:FUNCTION\nkprobe:ADDRESS",
    doc: "Fires when a kernel function is entered; its arguments are `arg0` and so on. Patterns with `*` take several. Functions of one \
          name are all taken; an address, which needs `--unsafe`, takes one of them.",
    example: "kprobe:vfs_read { @[comm] = count(); } interval:ms:200 { exit(); }",
    options: "",
    needs: Needs::Kprobes,
    expand: |r| expand(r, false),
};

pub(super) const KRETPROBE: Provider = Provider {
    name: "kretprobe",
    aliases: &["kr"],
    probetype: "kretprobe",
    syntax: "kretprobe:FUNCTION\nkretprobe:MODULE:FUNCTION",
    doc: "Fires when a kernel function returns; what it returned is `retval`.",
    example: "kretprobe:vfs_read { @ = hist(retval); } interval:ms:200 { exit(); }",
    options: "",
    needs: Needs::Kprobes,
    expand: |r| expand(r, true),
};

fn expand(r: &Request<'_>, ret: bool) -> Result<Vec<Resolved>, Diagnostic> {
    let (module, spec) = match r.parts.as_slice() {
        [f] if !f.is_empty() => (None, f),
        [m, f] if !f.is_empty() => (Some(m.as_str()), f),
        _ => return Err(r.bad_syntax()),
    };
    let context = if ret { Context::Return { user: false } } else { Context::Entry { user: false, args: Vec::new() } };
    if is_glob(spec) || module.is_some_and(is_glob) {
        return matching(r, module, spec, ret, &context);
    }
    let (function, offset) = match spec.split_once('+') {
        None => (spec.as_str(), 0),
        Some(_) if ret => {
            return Err(Diagnostic::error(r.span, "a return probe has no offset").help("a function returns as a whole: leave out the `+`"));
        }
        Some((f, o)) => (f, crate::parse::parse_number(o).map_err(|_| r.bad_syntax())?),
    };
    let written = module.map_or(String::new(), |m| format!("{m}:"));
    let name = format!("{}:{written}{spec}", r.provider.name);
    if function.starts_with(|c: char| c.is_ascii_digit()) {
        let address = crate::parse::parse_number(function).map_err(|_| r.bad_syntax())?;
        let by = Named::Address(if r.allow_unsafe { address.wrapping_add(offset) } else { return Err(unsafe_address(r)) });
        return Ok(vec![r.resolved(name, Target::Kprobe { function: String::new(), module: None, offset: 0, ret, by }, context)]);
    }
    let found = r.kernel.function(module, function).map_err(|e| r.refused(&format!("kernel function `{function}`"), e))?;
    let module = module.map(String::from);
    Ok(vec![r.resolved(name, Target::Kprobe { function: found.name, module, offset, ret, by: Named::Once }, context)])
}

fn unsafe_address(r: &Request<'_>) -> Diagnostic {
    Diagnostic::error(r.span, "a kprobe on an address needs `--unsafe`")
        .help("the kernel can't tell whether a function begins there; name the function, or start with `beetrace --unsafe`")
}

/// All functions that patterns match. Those of one name are one attach point, unless the script says of which module they are to be.
fn matching(r: &Request<'_>, module: Option<&str>, spec: &str, ret: bool, context: &Context) -> Result<Vec<Resolved>, Diagnostic> {
    let found = r.kernel.functions(module, spec).map_err(|e| r.refused(&format!("kernel functions `{spec}`"), e))?;
    if found.is_empty() {
        return Err(Diagnostic::empty_pattern(r.span, format!("no kernel function matches `{spec}`")));
    }
    let mut out: Vec<Resolved> = Vec::with_capacity(found.len());
    for f in found {
        let written = module.map_or(String::new(), |_| format!("{}:", f.module));
        let name = format!("{}:{written}{}", r.provider.name, f.name);
        if let Some(Target::Kprobe { by, .. }) = out.last_mut().filter(|o| o.attach.name == name).map(|o| &mut o.attach.target) {
            *by = Named::Often;
            continue;
        }
        let target = Target::Kprobe { function: f.name, module: module.map(|_| f.module), offset: 0, ret, by: Named::Once };
        out.push(r.resolved(name, target, context.clone()));
    }
    Ok(out)
}
