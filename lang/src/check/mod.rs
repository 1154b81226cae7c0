//! Tree to HIR: names are resolved, types inferred, conversions written out.
//!
//! Types of maps and variables are found by running over the whole script until nothing changes any more; each
//! run builds the HIR anew, and only the last one keeps its diagnostics. A type that is not known yet is
//! `Type::Void`, which nobody complains about before the last run.

mod calls;
mod exprs;
mod fields;
mod join;
mod ops;
mod output;
mod probe;
mod state;
mod stmts;

use crate::ast;
use crate::config::Config;
use crate::diag::Diagnostic;
use crate::hir;
use crate::kernel::Kernel;
use probe::Group;
use state::{MapState, VarState};
use std::collections::HashMap;

/// Runs before it is given up that types settle; each run can only widen a type, so few are needed.
const MAX_RUNS: usize = 32;

/// Checks a script. The program is complete only if no diagnostic is an error.
pub fn check(ast: &ast::Program, kernel: &dyn Kernel, config: &Config) -> (hir::Program, Vec<Diagnostic>) {
    let mut config = config.clone();
    let mut diags = Vec::new();
    for item in &ast.items {
        if let ast::Item::Config(entries) = item {
            config.apply(entries, &mut diags);
        }
    }
    let groups = probe::groups(ast, kernel, &config, &mut diags);
    if groups.is_empty() && diags.is_empty() && !ast.items.iter().any(|i| matches!(i, ast::Item::Error)) {
        let span = crate::source::Span::default();
        diags.push(
            Diagnostic::error(span, "there is no probe in this script").help("write `PROBE { ACTION }`, for example `BEGIN { exit(); }`"),
        );
    }
    let mut checker = Checker {
        kernel,
        config: &config,
        maps: Vec::new(),
        vars: vec![Vec::new(); groups.len()],
        group: 0,
        current: None,
        scopes: Vec::new(),
        next_var: 0,
        loops: 0,
        last: false,
        changed: true,
        diags: Vec::new(),
    };
    let probes = checker.run(&groups);
    for d in std::mem::take(&mut checker.diags) {
        // One action is checked once for each of its contexts; what is wrong in all is said once.
        if !diags.contains(&d) {
            diags.push(d);
        }
    }
    let maps = checker.maps.iter().map(MapState::hir).collect();
    (hir::Program { probes, maps, config }, diags)
}

/// State of a check.
struct Checker<'a> {
    kernel: &'a dyn Kernel,
    config: &'a Config,
    maps: Vec<MapState>,
    /// Variables of each group.
    vars: Vec<Vec<VarState>>,
    /// The group being checked.
    group: usize,
    current: Option<&'a Group<'a>>,
    /// Names in the open blocks, outermost first.
    scopes: Vec<HashMap<String, hir::VarId>>,
    next_var: usize,
    /// Loops around the current statement.
    loops: usize,
    /// This run's result is kept.
    last: bool,
    /// Something was learnt in this run.
    changed: bool,
    diags: Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    fn run(&mut self, groups: &'a [Group<'a>]) -> Vec<hir::Probe> {
        let mut runs = 0;
        while self.changed && runs < MAX_RUNS {
            self.changed = false;
            self.all(groups);
            runs += 1;
            if !self.changed {
                self.settle_unknown();
            }
        }
        self.last = true;
        let probes = self.all(groups);
        self.never_assigned(groups);
        probes
    }

    fn all(&mut self, groups: &'a [Group<'a>]) -> Vec<hir::Probe> {
        groups.iter().enumerate().map(|(i, g)| self.group(i, g)).collect()
    }

    fn group(&mut self, index: usize, group: &'a Group<'a>) -> hir::Probe {
        self.group = index;
        self.current = Some(group);
        self.next_var = 0;
        self.loops = 0;
        self.scopes = vec![HashMap::new()];
        let predicate = group.ast.predicate.as_ref().map(|p| {
            let e = self.expr(p);
            self.condition(e)
        });
        let body = self.block(&group.ast.body);
        let vars = self.vars[index].iter().map(|v| v.ty.clone()).collect();
        hir::Probe { attach: group.attach(), context: group.context.clone(), predicate, body, vars, span: group.span }
    }

    /// Tells a diagnostic, if this is the run that counts.
    fn tell(&mut self, d: Diagnostic) {
        if self.last {
            self.diags.push(d);
        }
    }
}

#[cfg(test)]
mod tests;
