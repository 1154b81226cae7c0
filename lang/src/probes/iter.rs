//! `iter`: the kernel's iterators over its objects (Documentation/bpf/bpf_iterators.rst).

use super::{Needs, Provider, Target};
use crate::diag::Diagnostic;
use crate::diag::nearest;
use crate::hir::Context;

pub(super) const ITER: Provider = Provider {
    name: "iter",
    aliases: &["it"],
    probetype: "iter",
    syntax: "iter:task\niter:task_file\niter:task_vma\niter:KIND:PIN",
    doc: "Fires once for each object of a kind: each task, each open file, each mapping. The object is in `ctx`. With a PIN the iterator stays, as a file below /sys/fs/bpf.",
    example: "iter:task { @tasks = count(); }",
    options: "",
    needs: Needs::Nothing,
    expand: |r| {
        let (kind, pin) = match r.parts.as_slice() {
            [kind] => (kind, None),
            [kind, pin] if !pin.is_empty() => (kind, Some(pin.clone())),
            _ => return Err(r.bad_syntax()),
        };
        let record = format!("bpf_iter__{kind}");
        let all = r.kernel.iterators();
        if !all.contains(kind) {
            let near = nearest(kind, all.iter().map(String::as_str));
            let d = Diagnostic::error(r.span, format!("this kernel has no iterator `{kind}`"));
            return Err(d.suggest(&near, "`beetrace -l 'iter:*'` lists those that it has"));
        }
        let name = pin.as_ref().map_or(format!("iter:{kind}"), |p| format!("iter:{kind}:{p}"));
        Ok(vec![r.resolved(name, Target::Iter { kind: kind.clone(), pin }, Context::Iter(record))])
    },
};
