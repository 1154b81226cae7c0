//! `begin` and `end`, fired by the runtime.

use super::{Needs, Provider, Request, Resolved, Target};
use crate::diag::Diagnostic;
use crate::hir::Context;

pub(super) const BEGIN: Provider = Provider {
    name: "begin",
    aliases: &["BEGIN"],
    probetype: "special",
    syntax: "begin",
    doc: "Fires once, when all other probes are attached.",
    example: "BEGIN { printf(\"hello\\n\"); exit(); }",
    options: "",
    needs: Needs::Nothing,
    expand: |r| special(r, Target::Begin),
};

pub(super) const END: Provider = Provider {
    name: "end",
    aliases: &["END"],
    probetype: "special",
    syntax: "end",
    doc: "Fires once, when the script ends, before maps are printed.",
    example: "BEGIN { exit(); } END { printf(\"bye\\n\"); }",
    options: "",
    needs: Needs::Nothing,
    expand: |r| special(r, Target::End),
};

fn special(r: &Request<'_>, target: Target) -> Result<Vec<Resolved>, Diagnostic> {
    if !r.parts.is_empty() {
        return Err(r.bad_syntax());
    }
    Ok(vec![r.resolved(r.provider.name.into(), target, Context::None)])
}
