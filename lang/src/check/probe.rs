//! Attach points: resolved, and grouped so that those with the same context share one program.

use crate::ast;
use crate::builtins::{self, Op};
use crate::config::Config;
use crate::diag::{Diagnostic, Severity};
use crate::hir::Context;
use crate::kernel::Kernel;
use crate::probes::{self, AttachPoint, Resolved};
use crate::source::Span;

/// An action with attach points that share its code.
pub(super) struct Group<'a> {
    pub ast: &'a ast::Probe,
    pub points: Vec<Resolved>,
    pub context: Context,
    pub span: Span,
}

impl Group<'_> {
    pub fn attach(&self) -> Vec<AttachPoint> {
        self.points.iter().map(|p| p.attach.clone()).collect()
    }

    /// Whether the action uses a map.
    pub fn mentions(&self, map: &str) -> bool {
        mentions(self.ast, map)
    }
}

/// All groups of a script, in its order.
pub(super) fn groups<'a>(ast: &'a ast::Program, kernel: &dyn Kernel, config: &Config, diags: &mut Vec<Diagnostic>) -> Vec<Group<'a>> {
    let mut out: Vec<Group<'a>> = Vec::new();
    let mut total = 0usize;
    for item in &ast.items {
        let ast::Item::Probe(probe) = item else { continue };
        let first = out.len();
        let by_name = uses(probe, &[Op::Probe, Op::Probetype]);
        let uses_args = uses(probe, &[Op::Args]);
        let mut empty: Vec<Diagnostic> = Vec::new();
        for ap in &probe.attach {
            let ap = ast::AttachPoint { text: with_params(&ap.text, config), span: ap.span };
            let points = match probes::resolve(&ap, kernel, uses_args, config.allow_unsafe) {
                Ok(points) => points,
                Err(d) if d.is_empty_pattern => {
                    empty.push(d);
                    continue;
                }
                Err(d) => {
                    missing(d, config, diags);
                    continue;
                }
            };
            let kept = |p: &Resolved| {
                match p.attach.target {
                    probes::Target::Test { .. } if !config.test_mode => return false,
                    probes::Target::Bench { .. } if !config.bench_mode => return false,
                    _ => {}
                }
                let own = matches!(p.attach.target, probes::Target::Begin | probes::Target::End);
                own || config.probe_filter.as_ref().is_none_or(|f| f.is_match(&p.attach.name))
            };
            let points: Vec<Resolved> = points.into_iter().filter(kept).collect();
            total += points.len();
            if total > config.max_probes as usize {
                diags.push(too_many(ap.span, total, config));
                return out;
            }
            for point in points {
                add(&mut out, first, probe, point, by_name);
            }
        }
        let alone = out.len() == first;
        for d in empty {
            match alone {
                true => missing(d, config, diags),
                false => diags.push(Diagnostic { severity: Severity::Warning, ..d }),
            }
        }
        if out.len() > config.max_programs as usize {
            let d = Diagnostic::error(probe.span, format!("the script needs more than {} programs", config.max_programs));
            diags.push(d.help("raise `max_bpf_progs` in a config block, or take a narrower pattern"));
            return out;
        }
    }
    out
}

fn mentions(probe: &ast::Probe, map: &str) -> bool {
    let mut found = false;
    probe.walk(&mut |e| found |= matches!(&e.kind, ast::ExprKind::Map { name, .. } if name == map));
    found
}

/// The probes that have a map in common with one that is not there and is an error: what they assign is not known, and what
/// would be said of it leads astray.
pub(super) fn unsettled(ast: &ast::Program, groups: &[Group<'_>], diags: &[Diagnostic]) -> Vec<Span> {
    let probes = || ast.items.iter().filter_map(|i| if let ast::Item::Probe(p) = i { Some(p) } else { None });
    let told = |p: &ast::Probe| diags.iter().any(|d| d.severity == Severity::Error && p.span.contains(d.span));
    let mut maps = Vec::new();
    for lost in probes().filter(|p| told(p) && !groups.iter().any(|g| std::ptr::eq(g.ast, *p))) {
        lost.walk(&mut |e| {
            if let ast::ExprKind::Map { name, .. } = &e.kind {
                maps.push(name.clone());
            }
        });
    }
    probes().filter(|p| maps.iter().any(|m| mentions(p, m))).map(|p| p.span).collect()
}

/// A probe that is not there: by `missing_probes` an error, a warning, or nothing.
fn missing(mut d: Diagnostic, config: &Config, diags: &mut Vec<Diagnostic>) {
    use crate::config::MissingProbes::{Error, Ignore, Warn};
    match config.settings.missing_probes {
        Error => diags.push(d),
        Warn => {
            d.severity = Severity::Warning;
            diags.push(d);
        }
        Ignore => {}
    }
}

fn too_many(span: Span, total: usize, config: &Config) -> Diagnostic {
    Diagnostic::error(span, format!("the script has {total} attach points, more than {}", config.max_probes))
        .help("raise `max_probes` in a config block, or take a narrower pattern")
}

fn add<'a>(out: &mut Vec<Group<'a>>, first: usize, probe: &'a ast::Probe, point: Resolved, by_name: bool) {
    let same = out[first..].iter_mut().find(|g| !by_name && g.context == point.context && g.points[0].provider == point.provider);
    match same {
        Some(group) => group.points.push(point),
        None => {
            let span = probe.attach.iter().map(|a| a.span).reduce(Span::to).unwrap_or(probe.span);
            let context = point.context.clone();
            out.push(Group { ast: probe, points: vec![point], context, span });
        }
    }
}

/// Whether the predicate or the action names one of these builtins.
fn uses(probe: &ast::Probe, ops: &[Op]) -> bool {
    let mut found = false;
    probe.walk(&mut |e| {
        if let ast::ExprKind::Ident(name) | ast::ExprKind::Call { name, .. } = &e.kind {
            found |= builtins::find(name).is_some_and(|r| ops.contains(&r.op));
        }
    });
    found
}

/// Positional parameters may stand in attach points: `uprobe:$1:main`.
fn with_params(text: &str, config: &Config) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let digits = rest[at + 1..].len() - rest[at + 1..].trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: usize = rest[at + 1..at + 1 + digits].parse().unwrap_or(0);
        match number.checked_sub(1).and_then(|n| config.params.get(n)) {
            Some(value) => out.push_str(value),
            None => out.push_str(&rest[at..at + 1 + digits]),
        }
        rest = &rest[at + 1 + digits..];
    }
    out + rest
}
