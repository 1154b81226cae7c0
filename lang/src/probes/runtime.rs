//! Probes that the runtime fires itself besides `begin` and `end`: signals, tests, benchmarks.

use super::{Needs, Provider, Request, Resolved, Target};
use crate::diag::Diagnostic;
use crate::hir::Context;

pub(super) const SELF: Provider = Provider {
    name: "self",
    aliases: &[],
    probetype: "self",
    syntax: "self:signal:SIGUSR1",
    doc: "Fires when beetrace itself gets a signal.",
    example: "self:signal:SIGUSR1 { print(\"signal\"); } interval:ms:100 { exit(); }",
    options: "",
    needs: Needs::Nothing,
    expand: |r| match r.parts.as_slice() {
        [kind, signal] if kind == "signal" && signal == "SIGUSR1" => {
            Ok(vec![r.resolved(format!("self:signal:{signal}"), Target::Signal { signal: signal.clone() }, Context::None)])
        }
        [kind, signal] if kind == "signal" => {
            Err(Diagnostic::error(r.span, format!("`{signal}` can't be used here")).help("the signal is SIGUSR1"))
        }
        _ => Err(r.bad_syntax()),
    },
};

pub(super) const TEST: Provider = Provider {
    name: "test",
    aliases: &[],
    probetype: "test",
    syntax: "test:NAME",
    doc: "Runs with `--test` only: passes if it returns 0 and tells no error. Its output is shown when it fails.",
    example: "test:sum { return 1 + 1 != 2; } BEGIN { exit(); }",
    options: "--test",
    needs: Needs::Nothing,
    expand: |r| named(r, |name| Target::Test { name }),
};

pub(super) const BENCH: Provider = Provider {
    name: "bench",
    aliases: &[],
    probetype: "bench",
    syntax: "bench:NAME",
    doc: "Runs with `--bench` only: over and over, and the average time of a run is printed.",
    example: "bench:count { @ = count(); } BEGIN { exit(); }",
    options: "--bench",
    needs: Needs::Nothing,
    expand: |r| named(r, |name| Target::Bench { name }),
};

fn named(r: &Request<'_>, target: impl Fn(String) -> Target) -> Result<Vec<Resolved>, Diagnostic> {
    match r.parts.as_slice() {
        [name] if !name.is_empty() => Ok(vec![r.resolved(format!("{}:{name}", r.provider.name), target(name.clone()), Context::None)]),
        _ => Err(r.bad_syntax()),
    }
}
