//! What is known of maps and variables while types are being inferred.

use super::probe::Group;
use super::{Checker, join};
use crate::action::MapId;
use crate::diag::{Diagnostic, nearest};
use crate::hir::{self, VarId};
use crate::source::Span;
use crate::types::{Agg, Type};
use std::collections::HashMap;

/// A map.
#[derive(Clone, Debug)]
pub(super) struct MapState {
    name: String,
    /// `None`: not seen with certainty; `Some(None)`: without keys.
    pub key: Option<Option<Type>>,
    pub key_span: Span,
    /// `Void`: not known.
    pub value: Type,
    /// Only literals were assigned: an unsigned type takes it over.
    flexible: bool,
    value_span: Span,
    pub assigned: bool,
    pub span: Span,
    /// By `let @m = kind(n)`.
    pub declared: Option<(hir::MapKind, u32)>,
}

/// A variable.
#[derive(Clone, Debug)]
pub(super) struct VarState {
    pub ty: Type,
    flexible: bool,
    /// Declared with a type, which stays.
    fixed: bool,
    /// Something was assigned, of a known type or not.
    assigned: bool,
    span: Span,
}

impl MapState {
    pub fn hir(&self) -> hir::Map {
        let value = if self.value == Type::Void { Type::I64 } else { self.value.clone() };
        hir::Map { name: self.name.clone(), key: self.key.clone().flatten(), value, span: self.span, declared: self.declared }
    }
}

/// The names of an open block.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    pub names: HashMap<String, VarId>,
}

/// Whether an expression is a literal that any integer type may take over.
pub(super) fn is_flexible(e: &hir::Expr) -> bool {
    matches!((&e.kind, &e.ty), (hir::ExprKind::Int(n), Type::Int(_)) if *n >= 0)
}

impl Checker<'_> {
    /// The map of that name, made at its first use.
    pub(super) fn map(&mut self, name: &str, span: Span) -> MapId {
        if let Some(i) = self.maps.iter().position(|m| m.name == name) {
            return MapId(i as u32);
        }
        self.changed = true;
        self.maps.push(MapState {
            name: name.into(),
            key: None,
            key_span: span,
            value: Type::Void,
            flexible: true,
            value_span: span,
            assigned: false,
            span,
            declared: None,
        });
        MapId(self.maps.len() as u32 - 1)
    }

    pub(super) fn map_state(&mut self, map: MapId) -> &mut MapState {
        &mut self.maps[map.0 as usize]
    }

    pub(super) fn map_name(&self, map: MapId) -> String {
        self.maps[map.0 as usize].name.clone()
    }

    /// Learns of a key; tells when it does not fit.
    pub(super) fn learn_key(&mut self, map: MapId, key: Option<&hir::Expr>, span: Span) {
        let state = self.map_state(map);
        let name = state.name.clone();
        let ty = key.map(|k| k.ty.clone());
        if ty == Some(Type::Void) {
            return;
        }
        let (old, old_span) = (state.key.clone(), state.key_span);
        let new = match (&old, &ty) {
            (None, _) => Some(ty.clone()),
            (Some(None), None) => Some(None),
            (Some(Some(a)), Some(b)) => join::types(a, b).map(Some),
            _ => None,
        };
        match new {
            Some(new) if old.as_ref() != Some(&new) => {
                if old.is_none() {
                    state.key_span = span;
                }
                state.key = Some(new);
                self.changed = true;
            }
            Some(_) => {}
            None => {
                let d = match (&old, &ty) {
                    (Some(None), Some(_)) => Diagnostic::error(span, format!("`{name}` has no keys elsewhere"))
                        .label("a key here")
                        .other(old_span, "no key here")
                        .help("a map is used either with keys or without: give one of the two another name"),
                    (Some(Some(_)), None) => Diagnostic::error(span, format!("`{name}` has keys elsewhere"))
                        .label("no key here")
                        .other(old_span, "a key here")
                        .help(format!("write `{name}[KEY]`")),
                    (Some(Some(a)), Some(b)) => Diagnostic::error(span, format!("the key of `{name}` changes its type"))
                        .label(format!("`{}` here", join::shown(b)))
                        .other(old_span, format!("`{}` here", join::shown(a)))
                        .help("a map's keys have one type: use a second map"),
                    _ => return,
                };
                self.tell(d);
            }
        }
    }

    /// Learns of a value that is assigned.
    pub(super) fn learn_value(&mut self, map: MapId, value: &hir::Expr) {
        let flexible = is_flexible(value);
        let state = self.map_state(map);
        state.assigned = true;
        if value.ty == Type::Void {
            return;
        }
        let old = state.value.clone();
        match join::assigned(&old, state.flexible, &value.ty, flexible) {
            Some(new) => {
                let changed = new != old;
                if old == Type::Void {
                    state.value_span = value.span;
                }
                state.flexible &= flexible;
                state.value = new;
                self.changed |= changed;
            }
            None => {
                let (name, before) = (state.name.clone(), state.value_span);
                if let (Type::Agg(Agg::TSeries { .. }), Type::Agg(Agg::TSeries { .. })) = (&old, &value.ty) {
                    let d = Diagnostic::error(value.span, format!("the arguments of `tseries` differ for `{name}`"))
                        .label("these here")
                        .other(before, "others here")
                        .help("interval, number of intervals and function are the same for all of a map: use a second map");
                    self.tell(d);
                    return;
                }
                let d = Diagnostic::error(value.span, format!("`{name}` changes its type"))
                    .label(format!("`{}` here", join::shown(&value.ty)))
                    .other(before, format!("`{}` here", join::shown(&old)))
                    .help("a map's values have one type: use a second map");
                self.tell(d);
            }
        }
    }

    /// When nothing is learnt any more, what is still unknown becomes an integer.
    pub(super) fn settle_unknown(&mut self) {
        // A map that nobody assigns comes first: the others' types may follow from it.
        let orphans = self.maps.iter().any(|m| m.value == Type::Void && !m.assigned);
        for v in self.vars.iter_mut().flatten().filter(|v| v.ty == Type::Void && !v.assigned) {
            v.ty = Type::I64;
            self.changed = true;
        }
        for m in &mut self.maps {
            if m.value == Type::Void && (!orphans || !m.assigned) {
                m.value = Type::I64;
                self.changed = true;
            }
        }
    }

    /// Warns of maps that are read and never assigned, naming the probe that should have done it.
    pub(super) fn never_assigned(&mut self, groups: &[Group<'_>]) {
        let names: Vec<String> = self.maps.iter().filter(|m| m.assigned).map(|m| m.name.clone()).collect();
        let mut found = Vec::new();
        for m in self.maps.iter().filter(|m| !m.assigned) {
            let half = groups
                .iter()
                .filter(|g| g.mentions(&m.name))
                .find_map(|g| g.points.iter().find_map(|p| stdlib::pairs::first_half(&p.attach.name)));
            let near = nearest(&m.name, names.iter().map(String::as_str));
            let key = if m.key.clone().flatten().is_some() { "[KEY]" } else { "" };
            if m.declared.is_some() && !groups.iter().any(|g| g.mentions(&m.name)) {
                found.push(Diagnostic::warning(m.span, format!("Unused map: {}", m.name)).help("take its declaration out"));
                continue;
            }
            let d = Diagnostic::warning(m.span, format!("`{}` is never assigned", m.name)).label("always 0");
            found.push(match half {
                Some(probe) => {
                    d.help(format!("the probe that begins the measurement is missing: `{probe} {{ {}{key} = nsecs; }}`", m.name))
                }
                None => d.suggest(&near, "assign it in another probe, or take it out"),
            });
        }
        self.diags.extend(found);
    }

    /// The variable of that name, if one is visible. Before 0.22 there was no block scope: a variable of a block that has been
    /// left is then one of the whole action, which takes effect in the next run.
    pub(super) fn find_var(&mut self, name: &str) -> Option<VarId> {
        if let Some(var) = self.visible_var(name) {
            return Some(var);
        }
        let inner = self.closed.iter().rev().find(|(n, _)| n == name).map(|(_, v)| *v)?;
        if self.whole.insert((self.group, name.to_string())) {
            // Numbers of variables change with their scopes: what was learnt begins anew.
            self.vars[self.group].clear();
            self.restart = true;
            self.changed = true;
        }
        Some(inner)
    }

    pub(super) fn visible_var(&self, name: &str) -> Option<VarId> {
        self.scopes.iter().rev().find_map(|s| s.names.get(name)).copied()
    }

    /// Leaves a block.
    pub(super) fn close_scope(&mut self) {
        if let Some(scope) = self.scopes.pop() {
            self.closed.extend(scope.names);
        }
    }

    /// A new variable in the block at `scope`.
    pub(super) fn declare_var(&mut self, name: &str, scope: usize, fixed: Option<Type>, span: Span) -> VarId {
        let id = VarId(self.next_var as u32);
        let list = &mut self.vars[self.group];
        while list.len() <= self.next_var {
            let ty = fixed.clone().unwrap_or(Type::Void);
            list.push(VarState { ty, flexible: true, fixed: fixed.is_some(), assigned: false, span });
        }
        self.next_var += 1;
        self.scopes[scope].names.insert(name.into(), id);
        id
    }

    /// The scope in which an assignment makes a variable: the innermost, or the action's if it is read outside its block.
    pub(super) fn scope_of_new(&self, name: &str) -> usize {
        if self.whole.contains(&(self.group, name.to_string())) { 0 } else { self.scopes.len() - 1 }
    }

    /// The type of a map's key, if the map has keys and it is known.
    pub(super) fn key_type(&self, name: &str) -> Option<Type> {
        self.maps.iter().find(|m| m.name == name)?.key.clone().flatten()
    }

    pub(super) fn var_type(&self, var: VarId) -> Type {
        self.vars[self.group].get(var.0 as usize).map_or(Type::Void, |v| v.ty.clone())
    }

    /// Whether a variable was declared with a type.
    pub(super) fn is_declared(&self, var: VarId) -> bool {
        self.vars[self.group].get(var.0 as usize).is_some_and(|v| v.fixed)
    }

    /// Tells of an integer that a variable of a declared type can't hold, or may not.
    fn narrowed(&mut self, name: &str, declared: &Type, value: &hir::Expr) {
        let (Type::Int(to), Type::Int(from)) = (declared, &value.ty) else { return };
        let Some(n) = value.constant() else {
            if from.bits > to.bits {
                let d = Diagnostic::warning(value.span, format!("a {from} is cut down to the {to} that `${name}` is"));
                self.tell(d.help(format!("a cast says that it is meant: `({to})`")));
            }
            return;
        };
        let n = if from.signed { i128::from(n) } else { i128::from(n as u64) };
        let (low, high) = to.range();
        if !(low..=high).contains(&n) {
            let d = Diagnostic::error(value.span, format!("{n} does not fit into `${name}`, which is a {to}: {low} to {high}"));
            self.tell(d.help(format!("declare it wider, or cast the value: `({to}){n}`")));
        }
    }

    /// Learns of a value that is assigned to a variable.
    pub(super) fn learn_var(&mut self, var: VarId, name: &str, value: &hir::Expr) {
        if let Some(state) = self.vars[self.group].get_mut(var.0 as usize) {
            state.assigned = true;
        }
        if value.ty == Type::Void {
            return;
        }
        let flexible = is_flexible(value);
        let Some(state) = self.vars[self.group].get_mut(var.0 as usize) else { return };
        let old = state.ty.clone();
        let before = state.span;
        let joined = join::assigned(&old, state.flexible, &value.ty, flexible);
        let fixed = state.fixed;
        let kept = if fixed { joined.map(|_| old.clone()) } else { joined };
        match kept {
            Some(new) => {
                let changed = new != old;
                state.flexible &= flexible;
                state.ty = new;
                self.changed |= changed;
                if fixed {
                    self.narrowed(name, &old, value);
                }
            }
            None => self.tell(
                Diagnostic::error(value.span, format!("`${name}` changes its type"))
                    .label(format!("`{}` here", join::shown(&value.ty)))
                    .other(before, format!("`{}` here", join::shown(&old)))
                    .help("a variable has one type: use a second variable"),
            ),
        }
    }
}
