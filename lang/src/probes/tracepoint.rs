//! `tracepoint` and `rawtracepoint`.

use super::{Needs, Provider, Request, Resolved, Target, is_glob};
use crate::diag::Diagnostic;
use crate::hir::Context;
use crate::kernel::KernelError;

pub(super) const TRACEPOINT: Provider = Provider {
    name: "tracepoint",
    aliases: &["t"],
    probetype: "tracepoint",
    syntax: "tracepoint:CATEGORY:EVENT",
    doc: "Fires at a kernel tracepoint; its fields are `args.NAME` (list them with `-lv`). Patterns with `*` take several.",
    example: "tracepoint:raw_syscalls:sys_enter { @[comm] = count(); } interval:ms:200 { exit(); }",
    options: "",
    needs: Needs::Nothing,
    expand: tracepoint,
};

pub(super) const RAW_TRACEPOINT: Provider = Provider {
    name: "rawtracepoint",
    aliases: &["rt"],
    probetype: "rawtracepoint",
    syntax: "rawtracepoint:EVENT\nrawtracepoint:MODULE:EVENT",
    doc: "Fires at a kernel tracepoint with the raw arguments, `arg0` and so on, or `args.NAME` where the kernel has BTF; cheaper than `tracepoint`.",
    example: "rawtracepoint:sys_enter { @[arg1] = count(); } interval:ms:200 { exit(); }",
    options: "",
    needs: Needs::Nothing,
    expand: raw_tracepoint,
};

fn tracepoint(r: &Request<'_>) -> Result<Vec<Resolved>, Diagnostic> {
    let [category, event] = r.parts.as_slice() else { return Err(r.bad_syntax()) };
    let names =
        if is_glob(category) || is_glob(event) { r.kernel.tracepoints(category, event) } else { vec![(category.clone(), event.clone())] };
    if names.is_empty() {
        return Err(Diagnostic::empty_pattern(r.span, format!("no tracepoint matches `{category}:{event}`"))
            .help("`beetrace -l 'tracepoint:*'` lists those of this kernel"));
    }
    let mut out = Vec::new();
    for (category, event) in names {
        let name = format!("tracepoint:{category}:{event}");
        // The format is read even when no field is used: it tells whether the tracepoint is there.
        let layout = r.kernel.tracepoint(&category, &event).map_err(|e| r.refused(&format!("tracepoint `{category}:{event}`"), e))?;
        let fields = if r.uses_args { layout.fields } else { Vec::new() };
        out.push(r.resolved(name, Target::Tracepoint { category, event }, Context::Tracepoint(fields)));
    }
    Ok(out)
}

fn raw_tracepoint(r: &Request<'_>) -> Result<Vec<Resolved>, Diagnostic> {
    let event = match r.parts.as_slice() {
        [event] | [_, event] if !event.is_empty() => event,
        _ => return Err(r.bad_syntax()),
    };
    if let [module, _] = r.parts.as_slice()
        && !is_glob(module)
        && !r.kernel.has_module(module)
    {
        return Err(r.refused(&format!("kernel module `{module}`"), KernelError::NotFound { near: Vec::new() }));
    }
    let names = if is_glob(event) { r.kernel.raw_tracepoints(event) } else { vec![event.clone()] };
    if names.is_empty() {
        return Err(Diagnostic::empty_pattern(r.span, format!("no raw tracepoint matches `{event}`"))
            .help("`beetrace -l 'rawtracepoint:*'` lists those of this kernel"));
    }
    let mut out = Vec::new();
    for event in names {
        let fields = match r.kernel.raw_tracepoint(&event) {
            Ok(fields) if r.uses_args => fields,
            Ok(_) => Vec::new(),
            Err(KernelError::Unavailable(_)) if !r.uses_args => Vec::new(),
            Err(e) => return Err(r.refused(&format!("raw tracepoint `{event}`"), e)),
        };
        let name = format!("rawtracepoint:{event}");
        out.push(r.resolved(name, Target::RawTracepoint { event }, Context::RawTracepoint(fields)));
    }
    Ok(out)
}
