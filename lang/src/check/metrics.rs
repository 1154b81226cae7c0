//! Host metrics: figures that the runtime writes before it fires a probe (see [`crate::metrics`]).

use super::Checker;
use super::state::Scope;
use crate::action::MapId;
use crate::ast;
use crate::diag::{Diagnostic, nearest};
use crate::features;
use crate::hir::{Expr, ExprKind, MapKind, Stmt, StmtKind};
use crate::metrics::{self, Set};
use crate::probes::Target;
use crate::source::Span;
use crate::types::Type;

impl Checker<'_> {
    /// The set that a name stands for where nothing of the script, the language or the kernel has it.
    pub(super) fn metrics_named(&self, e: &ast::Expr) -> Option<&'static Set> {
        match &e.kind {
            ast::ExprKind::Ident(name) if !self.is_value_name(name) => metrics::find(name),
            _ => None,
        }
    }

    /// `SET.FIELD`
    pub(super) fn metric(&mut self, set: &'static Set, name: &str, name_span: Span, span: Span) -> Expr {
        if set.rows.is_some() {
            let d = Diagnostic::error(span, format!("`{}` has many rows", set.name)).label("of which one?");
            return self.error(d.help(format!("go through them: `for ($x : {}) {{ print($x.{name}); }}`", set.name)));
        }
        let Some(field) = set.field(name) else {
            let names: Vec<&str> = set.fields.iter().map(|f| f.name).collect();
            let near = nearest(name, names.iter().copied());
            let d = Diagnostic::error(name_span, format!("`{}` has no figure `{name}`", set.name));
            return self.error(d.suggest(&near, &format!("it has {}", names.join(", "))));
        };
        if let Some(d) = self.not_filled(set, span) {
            return self.error(d);
        }
        let map = self.hidden(&set.field_map(name), None, field.ty(), None, span);
        Expr { ty: field.ty(), kind: ExprKind::MapGet { map, key: None }, span }
    }

    /// All figures of a single set as a record.
    pub(super) fn metrics_record(&mut self, set: &'static Set, span: Span) -> Expr {
        if set.rows.is_some() {
            let d = Diagnostic::error(span, format!("`{}` has many rows, and is no value", set.name));
            return self.error(d.help(format!("go through them: `for ($x : {}) {{ print($x); }}`", set.name)));
        }
        let members: Vec<Expr> = set.fields.iter().map(|f| self.metric(set, f.name, span, span)).collect();
        match members.iter().any(|m| m.ty == Type::Void) {
            true => Expr { ty: Type::Void, kind: ExprKind::Error, span },
            false => Expr { ty: set.record(), kind: ExprKind::Tuple(members), span },
        }
    }

    /// `for ($x : SET)`: a loop over the numbers of the rows, each of which begins with `$x = the row`.
    pub(super) fn metrics_loop(&mut self, set: &'static Set, var: &str, var_span: Span, span: Span, body: &ast::Block) -> Option<StmtKind> {
        let Some((_, most)) = set.rows else {
            let first = set.fields[0].name;
            let d = Diagnostic::error(span, format!("`{}` is one record, so there is nothing to go through", set.name));
            self.tell(d.help(format!("its figures are read by name: `{}.{first}`", set.name)));
            return None;
        };
        if let Some(d) = self.not_filled(set, span) {
            self.tell(d);
            return None;
        }
        self.wants(&features::METRIC_LOOP, span);
        let count = self.hidden(&set.count_map(), None, Type::U64, None, span);
        let table = self.hidden(set.name, Some(Type::U64), set.record(), Some((MapKind::Hash, most)), span);
        self.scopes.push(Scope::default());
        let scope = self.scopes.len() - 1;
        let row = self.declare_var("row number of the metric", scope, None, var_span);
        let number = Expr { ty: Type::U64, kind: ExprKind::Error, span: var_span };
        self.learn_var(row, "row", &number);
        let id = self.declare_var(var, scope, None, var_span);
        let key = Expr { ty: Type::U64, kind: ExprKind::Var(row), span: var_span };
        let value = Expr { ty: set.record(), kind: ExprKind::MapGet { map: table, key: Some(Box::new(key)) }, span: var_span };
        self.learn_var(id, var, &value);
        let mut stmts = vec![Stmt { kind: StmtKind::SetVar { var: id, value }, span: var_span }];
        stmts.extend(self.loop_body(body));
        self.close_scope();
        let end = Expr { ty: Type::U64, kind: ExprKind::MapGet { map: count, key: None }, span };
        Some(StmtKind::ForRange { var: row, start: Expr::int(0, Type::U64, span), end, body: stmts })
    }

    /// `len(SET)`: the number of its rows.
    pub(super) fn metrics_len(&mut self, set: &'static Set, span: Span) -> Option<Expr> {
        set.rows?;
        if let Some(d) = self.not_filled(set, span) {
            return Some(self.error(d));
        }
        let map = self.hidden(&set.count_map(), None, Type::U64, None, span);
        Some(Expr { ty: Type::U64, kind: ExprKind::MapGet { map, key: None }, span })
    }

    /// Why the runtime can't have filled a set here; else it is noted that the probe wants it.
    fn not_filled(&mut self, set: &'static Set, span: Span) -> Option<Diagnostic> {
        let fired = |t: &Target| matches!(t, Target::Begin | Target::End | Target::Interval { .. } | Target::Signal { .. });
        let Some(group) = self.current else {
            let d = Diagnostic::error(span, format!("`{}` can't be read in a function", set.name));
            return Some(d.help("read it in the probe and hand it over as an argument"));
        };
        if group.points.iter().all(|p| fired(&p.attach.target)) {
            if !self.metrics[self.group].contains(&set.name) {
                self.metrics[self.group].push(set.name);
            }
            return None;
        }
        let d = Diagnostic::error(span, format!("`{}` has no figures in a {} probe", set.name, self.provider()))
            .label("only in begin, interval, end and self");
        Some(d.help(format!(
            "the kernel fires this probe, and beetrace reads {} only before it fires one itself: \
             keep the figure in a map, `interval:s:1 {{ @x = ...; }}`",
            set.source.split(" (").next().unwrap_or("/proc")
        )))
    }

    /// A map of the runtime's.
    fn hidden(&mut self, name: &str, key: Option<Type>, value: Type, declared: Option<(MapKind, u32)>, span: Span) -> MapId {
        let id = self.map(name, span);
        let state = self.map_state(id);
        state.key = Some(key);
        state.value = value;
        state.assigned = true;
        state.declared = declared;
        id
    }
}
