//! Variables that an older bpftrace let one use outside the block that assigns them.
//!
//! There a variable belonged to the whole action; now it belongs to the block of its first assignment. One that is used where it
//! is not known any more must be declared in a block around all its uses.

use crate::ast::{Block, Expr, ExprKind, ForSource, Item, MacroParamKind, Program, StmtKind};
use std::collections::{HashMap, HashSet};

/// A declaration that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The variable, without `$`.
    pub name: String,
    /// First byte of the statement before which it is to stand.
    pub at: usize,
    /// First byte of the use that needs it.
    pub used: usize,
}

/// All that are missing, in the order of their places.
pub fn missing(program: &Program, text: &str) -> Vec<Missing> {
    let mut out = Vec::new();
    for item in &program.items {
        let (params, body): (Vec<&str>, &Block) = match item {
            Item::Probe(p) => (Vec::new(), &p.body),
            Item::Function(f) => (f.params.iter().map(|p| p.0.as_str()).collect(), &f.body),
            Item::Macro(m) => (m.params.iter().filter(|p| p.kind == MacroParamKind::Var).map(|p| p.name.as_str()).collect(), &m.body),
            _ => continue,
        };
        let mut uses = Uses { text, scopes: Vec::new(), list: Vec::new() };
        let root = uses.scope(None);
        uses.list.extend(params.into_iter().map(|name| Use { name, kind: UseKind::Declare, scope: root, at: 0 }));
        uses.block(body, root);
        uses.missing(&mut out);
    }
    out.sort_by_key(|m| m.at);
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum UseKind {
    Declare,
    Assign,
    Read,
}

struct Use<'a> {
    name: &'a str,
    kind: UseKind,
    scope: usize,
    at: usize,
}

/// A block that variables can belong to.
struct Scope {
    parent: Option<usize>,
    /// Where its statements begin and end.
    stmts: Vec<(usize, usize)>,
}

/// Every use of a variable in an action, in the order of the text.
struct Uses<'a> {
    text: &'a str,
    scopes: Vec<Scope>,
    list: Vec<Use<'a>>,
}

impl<'a> Uses<'a> {
    fn scope(&mut self, parent: Option<usize>) -> usize {
        self.scopes.push(Scope { parent, stmts: Vec::new() });
        self.scopes.len() - 1
    }

    fn used(&mut self, name: &'a str, kind: UseKind, scope: usize, at: u32) {
        self.list.push(Use { name, kind, scope, at: at as usize });
    }

    fn block(&mut self, block: &'a Block, scope: usize) {
        for s in &block.stmts {
            self.scopes[scope].stmts.push((s.span.start as usize, s.span.end as usize));
            let at = s.span.start;
            match &s.kind {
                StmtKind::Expr(e) | StmtKind::Discard(e) | StmtKind::Return(Some(e)) => self.expr(e, scope),
                StmtKind::Assign { target, op, value } => {
                    self.expr(value, scope);
                    match &target.kind {
                        ExprKind::Var(name) if op.is_none() => self.used(name, UseKind::Assign, scope, target.span.start),
                        _ => self.expr(target, scope),
                    }
                }
                StmtKind::Let { name, value, .. } => {
                    value.iter().for_each(|v| self.expr(v, scope));
                    self.used(name, UseKind::Declare, scope, at);
                }
                StmtKind::While { condition: e, body } | StmtKind::Unroll { count: e, body } => {
                    self.expr(e, scope);
                    self.inner(body, scope);
                }
                StmtKind::For { var, source, body, .. } => {
                    match source {
                        ForSource::Map(m) => self.expr(m, scope),
                        ForSource::Range(a, b) => {
                            self.expr(a, scope);
                            self.expr(b, scope);
                        }
                    }
                    let own = self.scope(Some(scope));
                    self.used(var, UseKind::Declare, own, at);
                    self.block(body, own);
                }
                StmtKind::Return(None) | StmtKind::Break | StmtKind::Continue | StmtKind::Error => {}
            }
        }
        if let Some(v) = &block.value {
            self.scopes[scope].stmts.push((v.span.start as usize, v.span.end as usize));
            self.expr(v, scope);
        }
    }

    fn inner(&mut self, block: &'a Block, scope: usize) {
        // `else if` is a block without braces, in which nothing can be declared.
        if let Some(v) = &block.value
            && v.span.start == block.span.start
            && self.text[block.span.start as usize..].starts_with("if")
        {
            return self.expr(v, scope);
        }
        let own = self.scope(Some(scope));
        self.block(block, own);
    }

    fn expr(&mut self, e: &'a Expr, scope: usize) {
        match &e.kind {
            ExprKind::Var(name) => self.used(name, UseKind::Read, scope, e.span.start),
            ExprKind::Block(b) => self.inner(b, scope),
            ExprKind::If { condition, then, otherwise } => {
                self.expr(condition, scope);
                self.inner(then, scope);
                otherwise.iter().for_each(|b| self.inner(b, scope));
            }
            ExprKind::Map { keys: Some(list), .. } | ExprKind::Tuple(list) | ExprKind::Call { args: list, .. } => {
                list.iter().for_each(|x| self.expr(x, scope));
            }
            ExprKind::Record(list) => list.iter().for_each(|(_, x)| self.expr(x, scope)),
            ExprKind::Unary(_, x)
            | ExprKind::IncDec { target: x, .. }
            | ExprKind::Field { base: x, .. }
            | ExprKind::TupleField(x, _)
            | ExprKind::Comptime(x)
            | ExprKind::Cast(_, x) => self.expr(x, scope),
            ExprKind::Binary(_, a, b) | ExprKind::Index(a, b) => {
                self.expr(a, scope);
                self.expr(b, scope);
            }
            ExprKind::Ternary(a, b, c) => {
                self.expr(a, scope);
                self.expr(b, scope);
                self.expr(c, scope);
            }
            // Types are not evaluated, and older scripts name no variables in them.
            _ => {}
        }
    }

    /// A scope and those around it, innermost first.
    fn around(&self, scope: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(scope), |s| self.scopes[*s].parent)
    }

    fn common(&self, a: usize, b: usize) -> usize {
        let of_a: Vec<usize> = self.around(a).collect();
        self.around(b).find(|s| of_a.contains(s)).unwrap_or(0)
    }

    fn missing(&self, out: &mut Vec<Missing>) {
        let mut lets: HashSet<(usize, &str)> = HashSet::new();
        while let Some((name, scope, used)) = self.unknown(&lets) {
            lets.insert((scope, name));
            let stmts = &self.scopes[scope].stmts;
            let first = self.list.iter().filter(|u| u.name == name && self.around(u.scope).any(|s| s == scope)).map(|u| u.at).min();
            let holds = |s: &&(usize, usize)| first.is_some_and(|at| s.0 <= at && at < s.1);
            if let Some((at, _)) = stmts.iter().find(holds) {
                out.push(Missing { name: name.to_string(), at: *at, used });
            }
        }
    }

    /// The first use of a variable that was assigned in a block that has ended, the block in which it should have been declared,
    /// and the place of the use.
    fn unknown(&self, lets: &HashSet<(usize, &'a str)>) -> Option<(&'a str, usize, usize)> {
        let mut known: HashSet<(usize, &str)> = lets.clone();
        let mut born: HashMap<&str, usize> = HashMap::new();
        for u in &self.list {
            let found = self.around(u.scope).any(|s| known.contains(&(s, u.name)));
            match u.kind {
                UseKind::Declare => {
                    known.insert((u.scope, u.name));
                }
                UseKind::Assign if !found => {
                    known.insert((u.scope, u.name));
                    born.insert(u.name, u.scope);
                }
                UseKind::Read if !found => {
                    let Some(&from) = born.get(u.name) else { continue };
                    // One variable for all of the action, as it was, unless the script declares others of that name.
                    let declared = self.list.iter().any(|o| o.name == u.name && o.kind == UseKind::Declare);
                    let mine = |o: &&Use<'_>| o.name == u.name && !declared;
                    let scope = self.list.iter().filter(mine).fold(self.common(from, u.scope), |s, o| self.common(s, o.scope));
                    return (!lets.contains(&(scope, u.name))).then_some((u.name, scope, u.at));
                }
                _ => {}
            }
        }
        None
    }
}
