//! `fentry` and `fexit`: kernel functions by BPF trampolines, with arguments typed by BTF.

use super::{Needs, Provider, Request, Resolved, Target, is_glob};
use crate::diag::Diagnostic;
use crate::hir::Context;

pub(super) const FENTRY: Provider = Provider {
    name: "fentry",
    aliases: &["f", "kfunc"],
    probetype: "fentry",
    syntax: "fentry:FUNCTION\nfentry:MODULE:FUNCTION",
    doc: "Fires when a kernel function is entered, at next to no cost; its arguments are `args.NAME`, typed by BTF.",
    example: "fentry:vfs_read { @[comm] = count(); } interval:ms:200 { exit(); }",
    options: "",
    needs: Needs::Trampolines,
    expand: |r| expand(r, false),
};

pub(super) const FEXIT: Provider = Provider {
    name: "fexit",
    aliases: &["fr", "kretfunc"],
    probetype: "fexit",
    syntax: "fexit:FUNCTION\nfexit:MODULE:FUNCTION",
    doc: "Fires when a kernel function returns; what it returned is `retval`, and its arguments are still `args.NAME`.",
    example: "fexit:vfs_read { @ = hist(retval); } interval:ms:200 { exit(); }",
    options: "",
    needs: Needs::Trampolines,
    expand: |r| expand(r, true),
};

fn expand(r: &Request<'_>, ret: bool) -> Result<Vec<Resolved>, Diagnostic> {
    let (module, function) = match r.parts.as_slice() {
        [f] if !f.is_empty() => (None, f),
        [m, f] if !f.is_empty() => (Some(m.as_str()), f),
        _ => return Err(r.bad_syntax()),
    };
    let names: Vec<String> = if is_glob(function) {
        let found = r.kernel.functions(module, function).map_err(|e| r.refused(&format!("kernel functions `{function}`"), e))?;
        found.into_iter().map(|f| f.name).filter(|f| r.kernel.prototype(f).is_some()).collect()
    } else {
        vec![function.clone()]
    };
    let mut out = Vec::new();
    for f in names {
        let Some((args, returns)) = r.kernel.prototype(&f) else {
            let known = r.kernel.function(module, &f).map_err(|e| r.refused(&format!("kernel function `{f}`"), e))?;
            return Err(Diagnostic::error(r.span, format!("the kernel's BTF does not describe `{}`", known.name))
                .help(format!("write `kprobe:{f}`")));
        };
        let name = format!("{}:{}:{f}", r.provider.name, module.unwrap_or("vmlinux"));
        let target = Target::Fentry { function: f, ret };
        out.push(r.resolved(name, target, Context::Function { args, returns: ret.then_some(returns) }));
    }
    if out.is_empty() {
        return Err(Diagnostic::empty_pattern(r.span, format!("no kernel function matches `{function}`")));
    }
    Ok(out)
}
