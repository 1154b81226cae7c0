//! Tree to HIR: names are resolved, types inferred, conversions written out.
//!
//! Types of maps and variables are found by running over the whole script until nothing changes any more; each
//! run builds the HIR anew, and only the last one keeps its diagnostics. A type that is not known yet is
//! `Type::Void`, which nobody complains about before the last run.

mod calls;
mod casts;
mod exprs;
mod fields;
mod functions;
mod join;
mod metrics;
mod names;
mod ops;
mod output;
mod outside;
mod printed;
mod probe;
mod state;
mod stmts;
mod strings;
mod typenames;

use crate::ast;
use crate::config::Config;
use crate::config::ScriptOption;
use crate::diag::Diagnostic;
use crate::features::Feature;
use crate::hir;
use crate::kernel::Kernel;
use crate::source::Span;
use crate::types::Type;
use probe::Group;
use state::{MapState, Scope, VarState};
use std::collections::HashSet;

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
    config.fit(kernel.version());
    let groups = probe::groups(ast, kernel, &config, &mut diags);
    let probes = ast.items.iter().any(|i| matches!(i, ast::Item::Probe(_)));
    if groups.is_empty() && probes && !crate::diag::has_errors(&diags) {
        let why = if config.probe_filter.is_some() { "none matches `--probe-filter`" } else { "none of the script's probes is here" };
        diags.push(Diagnostic::error(crate::source::Span::default(), "No probes to attach").help(why));
    }
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
        vars: vec![Vec::new(); groups.len() + ast.items.len()],
        metrics: vec![Vec::new(); groups.len() + ast.items.len()],
        metric_names: Vec::new(),
        group: 0,
        current: None,
        scopes: Vec::new(),
        closed: Vec::new(),
        whole: HashSet::new(),
        restart: false,
        functions: Vec::new(),
        returns: None,
        unread: false,
        inside: None,
        inner_calls: Vec::new(),
        options: Vec::new(),
        next_var: 0,
        loops: 0,
        last: false,
        changed: true,
        diags: Vec::new(),
    };
    checker.declare_functions(ast);
    checker.declare_maps(ast, &mut diags);
    let (probes, functions) = checker.run(&groups, ast);
    let unsettled = probe::unsettled(ast, &groups, &diags);
    for d in std::mem::take(&mut checker.diags) {
        if unsettled.iter().any(|s| s.contains(d.span)) {
            continue;
        }
        // One action is checked once for each of its contexts; what is wrong in all is said once.
        if !diags.contains(&d) {
            diags.push(d);
        }
    }
    let maps = checker.maps.iter().map(MapState::hir).collect();
    let options = std::mem::take(&mut checker.options);
    if !options.is_empty() || !config.named.is_empty() {
        unknown_options(&config, &options, &mut diags);
    }
    let mut program = hir::Program { probes, maps, config, functions, records: Default::default(), enums: Default::default(), options };
    printed::collect(&mut program, kernel);
    (program, diags)
}

/// Tells of named parameters that the script does not ask for.
fn unknown_options(config: &Config, options: &[ScriptOption], diags: &mut Vec<Diagnostic>) {
    for (name, _) in &config.named {
        if !options.iter().any(|o| o.name == *name) {
            let near = crate::diag::nearest(name, options.iter().map(|o| o.name.as_str()));
            let near: Vec<String> = near.into_iter().map(|n| format!("--{n}")).collect();
            let d = Diagnostic::error(crate::source::Span::default(), format!("the script has no parameter `--{name}`"));
            diags.push(d.suggest(&near, "`getopt(\"NAME\", DEFAULT)` asks for one"));
        }
    }
}

/// State of a check.
struct Checker<'a> {
    kernel: &'a dyn Kernel,
    config: &'a Config,
    maps: Vec<MapState>,
    /// Variables of each group.
    vars: Vec<Vec<VarState>>,
    /// Metrics that each group reads.
    metrics: Vec<Vec<&'static str>>,
    /// Names of metrics that stood bare, and whether no enumerator has them.
    metric_names: Vec<(&'static str, bool)>,
    /// The group being checked.
    group: usize,
    current: Option<&'a Group<'a>>,
    /// Names in the open blocks, outermost first.
    scopes: Vec<Scope>,
    /// Names of the blocks of this action that were left.
    closed: Vec<(String, hir::VarId)>,
    /// Variables, by group, that are read outside the block that assigns them: they belong to the whole action.
    whole: HashSet<(usize, String)>,
    /// A variable has moved to another scope: what is known of variables begins anew.
    restart: bool,
    /// The script's functions.
    functions: Vec<Signature>,
    /// What the function that is being checked returns.
    returns: Option<Type>,
    /// A statement of this action was not understood.
    unread: bool,
    /// The number of the function that is being checked.
    inside: Option<usize>,
    /// Calls of functions in functions: caller, callee, where.
    inner_calls: Vec<(usize, usize, Span)>,
    /// Named parameters that the script asks for.
    options: Vec<ScriptOption>,
    next_var: usize,
    /// Loops around the current statement.
    loops: usize,
    /// This run's result is kept.
    last: bool,
    /// Something was learnt in this run.
    changed: bool,
    diags: Vec<Diagnostic>,
}

/// A function of the script.
struct Signature {
    name: String,
    params: Vec<Type>,
    returns: Type,
}

impl<'a> Checker<'a> {
    fn run(&mut self, groups: &'a [Group<'a>], ast: &'a ast::Program) -> (Vec<hir::Probe>, Vec<hir::Function>) {
        let mut runs = 0;
        while self.changed && runs < MAX_RUNS {
            self.changed = false;
            if std::mem::take(&mut self.restart) {
                self.vars.iter_mut().for_each(Vec::clear);
            }
            self.all(groups);
            self.all_functions(ast, groups.len());
            runs += 1;
            if !self.changed {
                self.settle_unknown();
            }
        }
        self.last = true;
        let probes = self.all(groups);
        let functions = self.all_functions(ast, groups.len());
        self.recursion();
        self.never_assigned(groups);
        (probes, functions)
    }

    /// Learns the types of the script's functions.
    fn declare_functions(&mut self, ast: &ast::Program) {
        for item in &ast.items {
            let ast::Item::Function(f) = item else { continue };
            self.last = true;
            let params = f.params.iter().map(|p| self.type_name(&p.1).unwrap_or(Type::I64)).collect::<Vec<_>>();
            let returns = self.type_name(&f.returns).unwrap_or(Type::Void);
            if params.len() > 5 {
                self.tell(Diagnostic::error(f.name_span, "a function takes at most five arguments"));
            }
            if let Some(bad) = params.iter().chain([&returns]).find(|t| !t.is_scalar() && **t != Type::Void) {
                let d = Diagnostic::error(f.name_span, format!("a function can't take or return a {}", join::shown(bad)));
                self.tell(d.help("functions take and return integers and pointers; a macro takes everything"));
            }
            self.last = false;
            self.functions.push(Signature { name: f.name.clone(), params, returns });
        }
    }

    /// `let @m = hash(100);`
    fn declare_maps(&mut self, ast: &ast::Program, diags: &mut Vec<Diagnostic>) {
        for item in &ast.items {
            let ast::Item::MapDecl(m) = item else { continue };
            let kind = match m.kind.as_str() {
                "hash" => hir::MapKind::Hash,
                "lruhash" => hir::MapKind::LruHash,
                "percpuhash" => hir::MapKind::PerCpuHash,
                "percpulruhash" => hir::MapKind::PerCpuLruHash,
                other => {
                    let near = crate::diag::nearest(other, ["hash", "lruhash", "percpuhash", "percpulruhash"]);
                    let d = Diagnostic::error(m.span, format!("there is no kind of map `{other}`"));
                    diags.push(d.suggest(&near, "maps are `hash`, `lruhash`, `percpuhash` or `percpulruhash`"));
                    continue;
                }
            };
            if m.size == 0 || m.size > 1 << 28 {
                diags.push(Diagnostic::error(m.span, "a map has 1 to 268435456 entries"));
                continue;
            }
            let id = self.map(&m.name, m.span);
            let state = self.map_state(id);
            state.declared = Some((kind, m.size as u32));
        }
    }

    fn all_functions(&mut self, ast: &'a ast::Program, first: usize) -> Vec<hir::Function> {
        let mut out = Vec::new();
        let functions = ast.items.iter().filter_map(|i| if let ast::Item::Function(f) = i { Some(f) } else { None });
        for (i, f) in functions.enumerate() {
            self.group = first + i;
            self.current = None;
            self.unread = false;
            self.next_var = 0;
            self.loops = 0;
            self.closed.clear();
            self.scopes = vec![Scope::default()];
            let (params, returns) = (self.functions[i].params.clone(), self.functions[i].returns.clone());
            for ((name, _), ty) in f.params.iter().zip(&params) {
                self.declare_var(name, 0, Some(ty.clone()), f.name_span);
            }
            self.returns = Some(returns.clone());
            self.inside = Some(i);
            let body = self.block(&f.body);
            self.inside = None;
            self.returns = None;
            let vars = self.vars[self.group].iter().map(|v| v.ty.clone()).collect();
            out.push(hir::Function { name: f.name.clone(), params: params.len() as u32, returns, vars, body, span: f.name_span });
        }
        out
    }

    fn all(&mut self, groups: &'a [Group<'a>]) -> Vec<hir::Probe> {
        groups.iter().enumerate().map(|(i, g)| self.group(i, g)).collect()
    }

    fn group(&mut self, index: usize, group: &'a Group<'a>) -> hir::Probe {
        self.group = index;
        self.current = Some(group);
        self.unread = false;
        self.next_var = 0;
        self.loops = 0;
        self.closed.clear();
        self.scopes = vec![Scope::default()];
        let predicate = group.ast.predicate.as_ref().map(|p| {
            let e = self.expr(p);
            self.condition(e)
        });
        let body = self.block(&group.ast.body);
        let vars = self.vars[index].iter().map(|v| v.ty.clone()).collect();
        let metrics = self.metrics[index].iter().map(ToString::to_string).collect();
        hir::Probe { attach: group.attach(), context: group.context.clone(), predicate, body, vars, metrics, span: group.span }
    }

    /// Says so if the kernel can't do what is at a place.
    fn wants(&mut self, feature: &Feature, span: Span) {
        if feature.is_in(self.kernel) {
            return;
        }
        let ((major, minor), (here, there)) = (feature.since, self.kernel.version());
        let d = Diagnostic::error(span, format!("{} needs Linux {major}.{minor}; this is {here}.{there}", feature.what));
        self.tell(d.help(feature.instead));
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
