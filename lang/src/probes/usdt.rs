//! `usdt`: statically defined probes of programs and libraries.

use super::{Needs, Provider, Request, Resolved, Target};
use crate::diag::Diagnostic;
use crate::hir::Context;
use crate::kernel::KernelError;

pub(super) const USDT: Provider = Provider {
    name: "usdt",
    aliases: &["U"],
    probetype: "usdt",
    syntax: "usdt:BINARY:NAME\nusdt:BINARY:NAMESPACE:NAME\nusdt:*:NAME",
    doc: "Fires at a probe that the authors of a program or library have put there; its arguments are `arg0` and so on. `*` as the binary means all that the process of `-p` has mapped.",
    example: "usdt:libstdc++:libstdcxx:throw { @[comm] = count(); } interval:ms:200 { exit(); }",
    options: "",
    needs: Needs::Nothing,
    expand,
};

fn expand(r: &Request<'_>) -> Result<Vec<Resolved>, Diagnostic> {
    let (binary, namespace, name) = match r.parts.as_slice() {
        [b, name] => (b, "*", name.as_str()),
        [b, namespace, name] => (b, if namespace.is_empty() { "*" } else { namespace.as_str() }, name.as_str()),
        _ => return Err(r.bad_syntax()),
    };
    if name.is_empty() {
        return Err(r.bad_syntax());
    }
    let mut out = Vec::new();
    let mut problem = None;
    for path in super::binaries(r, binary)? {
        match r.kernel.usdt(&path, namespace, name) {
            Ok(probes) => {
                for p in probes {
                    let written = if binary.contains('/') && !super::is_glob(binary) { binary.as_str() } else { p.path.as_str() };
                    let full = format!("usdt:{written}:{}:{}", p.provider, p.name);
                    for l in p.locations {
                        let target = Target::Usdt { path: p.path.clone(), file_offset: l.file_offset, semaphore: l.semaphore };
                        out.push(r.resolved(full.clone(), target, Context::Usdt(l.args)));
                    }
                }
            }
            Err(e) => {
                problem.get_or_insert(e);
            }
        }
    }
    if out.is_empty() {
        let what = format!("USDT probe `{namespace}:{name}` in `{binary}`");
        return Err(r.refused(&what, problem.unwrap_or(KernelError::NotFound { near: Vec::new() })));
    }
    Ok(out)
}
