//! What loops need of an action's variables: which a body shares with the program around it, and where they live then.

use super::loops::has_loop;
use lang::hir::{Expr, ExprKind, Stmt, StmtKind, VarId};
use lang::types::Type;

/// Bytes at the beginning of the area that are not variables (see `loops`).
pub(super) const AREA_HEAD: u32 = 32;
/// Bytes of shared variables that the area holds; the rest is in scratch memory.
const AREA_VARS: u32 = 96;
/// Expressions and statements that an `unroll` is written out to. What is more becomes a function that the kernel calls: the
/// verifier walks through it once, not through each of its turns on each way that the turns before left.
const WRITTEN_OUT: u64 = 256;

/// Where a variable must live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// In a register or in memory of the program.
    Own,
    /// In the one body that uses it.
    Body,
    /// Where all can reach it: in the area at an offset, or in scratch memory.
    Shared(Option<u32>),
}

/// What is known of the loops of an action.
pub(super) struct Plan {
    pub homes: Vec<Where>,
    /// Variables whose address is taken.
    pub addressed: Vec<bool>,
    /// Bodies within bodies, at most.
    pub depth: u32,
    /// Bytes of the area; 0 if none is needed.
    pub area: u32,
    /// Every body.
    pub bodies: Vec<Body>,
    /// Bodies of `unroll` that are called instead of written out.
    pub rolled: Vec<*const Stmt>,
}

/// What is known of a body.
#[derive(Clone, Debug)]
pub(super) struct Body {
    /// The place of its statements in memory.
    pub id: *const Stmt,
    /// Variables that only it uses.
    pub own: Vec<VarId>,
    /// Variables that it, or a body in it, may write.
    pub written: Vec<VarId>,
}

/// How often each of `n` variables stands in a list.
fn uses(list: &[Stmt], n: usize) -> Vec<u32> {
    let mut scan = Scan::of(n, Vec::new());
    scan.stmts(list, std::ptr::null());
    scan.uses
}

/// Variables whose uses, so many in all, are in the list of statements that begins with an assignment.
fn assigned_first(list: &[Stmt], all: &[u32], out: &mut Vec<VarId>) {
    for (i, s) in list.iter().enumerate() {
        match &s.kind {
            StmtKind::SetVar { var, .. } if uses(&list[i..], all.len())[var.0 as usize] == all[var.0 as usize] => out.push(*var),
            StmtKind::If { then, otherwise, .. } => {
                assigned_first(then, all, out);
                assigned_first(otherwise, all, out);
            }
            StmtKind::While { body, .. } | StmtKind::Unroll { body, .. } | StmtKind::Block(body) => assigned_first(body, all, out),
            _ => {}
        }
    }
}

struct Scan {
    /// How often each variable was seen.
    uses: Vec<u32>,
    /// The body that a variable was seen in; `Some(None)`: in several.
    seen: Vec<Option<Option<*const Stmt>>>,
    addressed: Vec<bool>,
    depth: u32,
    deepest: u32,
    bodies: Vec<Body>,
    /// Numbers of the bodies around what is looked at.
    around: Vec<usize>,
    rolled: Vec<*const Stmt>,
}

/// Looks through an action with variables of these types.
pub(super) fn plan(predicate: Option<&Expr>, body: &[Stmt], types: &[Type], kernel: (u32, u32)) -> Plan {
    let n = types.len();
    let mut rolled = Vec::new();
    if has_loop(kernel) {
        weight(body, &mut rolled);
    }
    let mut scan = Scan::of(n, rolled);
    let main: *const Stmt = std::ptr::null();
    if let Some(p) = predicate {
        scan.expr(p, main);
    }
    scan.stmts(body, main);
    let mut used = AREA_HEAD;
    let mut bodies = scan.bodies;
    let mut homes = Vec::with_capacity(n);
    for (i, seen) in scan.seen.iter().enumerate() {
        homes.push(match seen {
            None => Where::Own,
            Some(Some(b)) if b.is_null() => Where::Own,
            Some(Some(b)) => {
                if let Some(entry) = bodies.iter_mut().find(|e| e.id == *b) {
                    entry.own.push(VarId(i as u32));
                }
                Where::Body
            }
            Some(None) => {
                let bytes = types[i].stored_size().next_multiple_of(8).max(8);
                if used + bytes <= AREA_HEAD + AREA_VARS {
                    used += bytes;
                    Where::Shared(Some(used - bytes))
                } else {
                    Where::Shared(None)
                }
            }
        });
    }
    let area = if scan.deepest > 0 { used } else { 0 };
    Plan { homes, addressed: scan.addressed, depth: scan.deepest, area, bodies, rolled: scan.rolled }
}

impl Scan {
    fn of(n: usize, rolled: Vec<*const Stmt>) -> Scan {
        Scan {
            uses: vec![0; n],
            seen: vec![None; n],
            addressed: vec![false; n],
            depth: 0,
            deepest: 0,
            bodies: Vec::new(),
            around: Vec::new(),
            rolled,
        }
    }

    fn saw(&mut self, var: VarId, body: *const Stmt) {
        let Some(seen) = self.seen.get_mut(var.0 as usize) else { return };
        self.uses[var.0 as usize] += 1;
        *seen = match *seen {
            None => Some(Some(body)),
            Some(Some(b)) if b == body => Some(Some(b)),
            _ => Some(None),
        };
    }

    fn stmts(&mut self, list: &[Stmt], body: *const Stmt) {
        for s in list {
            self.stmt(s, body);
        }
    }

    fn inner(&mut self, list: &[Stmt], var: Option<VarId>) {
        let id = list.as_ptr();
        self.around.push(self.bodies.len());
        self.bodies.push(Body { id, own: Vec::new(), written: Vec::new() });
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        if let Some(var) = var {
            self.saw(var, id);
        }
        self.stmts(list, id);
        self.depth -= 1;
        self.around.pop();
    }

    /// The body of an `unroll` that is called. A variable that a turn may read as the turn before left it is kept outside.
    fn turns(&mut self, list: &[Stmt]) {
        let id = list.as_ptr();
        self.inner(list, None);
        let mut fresh = Vec::new();
        assigned_first(list, &uses(list, self.seen.len()), &mut fresh);
        for (i, seen) in self.seen.iter_mut().enumerate() {
            if *seen == Some(Some(id)) && !fresh.contains(&VarId(i as u32)) {
                *seen = Some(None);
            }
        }
    }

    fn writes(&mut self, var: VarId) {
        for b in &self.around {
            self.bodies[*b].written.push(var);
        }
    }

    fn stmt(&mut self, s: &Stmt, body: *const Stmt) {
        match &s.kind {
            StmtKind::Expr(e) | StmtKind::Exit { code: e } | StmtKind::Return(Some(e)) => self.expr(e, body),
            StmtKind::SetVar { var, value } => {
                self.saw(*var, body);
                self.writes(*var);
                self.expr(value, body);
            }
            StmtKind::SetMap { key, value, .. } => {
                key.iter().for_each(|k| self.expr(k, body));
                self.expr(value, body);
            }
            StmtKind::Aggregate { key, value, .. } => key.iter().chain(value).for_each(|e| self.expr(e, body)),
            StmtKind::If { condition, then, otherwise } => {
                self.expr(condition, body);
                self.stmts(then, body);
                self.stmts(otherwise, body);
            }
            StmtKind::While { condition, body: list } => {
                self.expr(condition, body);
                self.stmts(list, body);
            }
            StmtKind::Unroll { body: list, .. } if self.rolled.contains(&list.as_ptr()) => self.turns(list),
            StmtKind::Unroll { body: list, .. } | StmtKind::Block(list) => self.stmts(list, body),
            StmtKind::Emit { values, .. } => values.iter().for_each(|e| self.expr(e, body)),
            StmtKind::Delete { key, .. } => key.iter().for_each(|k| self.expr(k, body)),
            StmtKind::ForRange { var, start, end, body: list } => {
                self.expr(start, body);
                self.expr(end, body);
                self.inner(list, Some(*var));
            }
            StmtKind::ForMap { var, body: list, .. } => self.inner(list, Some(*var)),
            StmtKind::Return(None) | StmtKind::Break | StmtKind::Continue => {}
        }
    }

    fn expr(&mut self, e: &Expr, body: *const Stmt) {
        e.walk(&mut |e| match &e.kind {
            ExprKind::Var(v) => self.saw(*v, body),
            ExprKind::IncVar { var: v, .. } | ExprKind::Find { var: v, .. } => {
                self.saw(*v, body);
                self.writes(*v);
            }
            ExprKind::AddrVar(v) => {
                self.saw(*v, body);
                self.writes(*v);
                if let Some(a) = self.addressed.get_mut(v.0 as usize) {
                    *a = true;
                }
            }
            ExprKind::Block(stmts, _) => self.stmts(stmts, body),
            // Its search is a loop whose body is a function.
            ExprKind::Call { op: lang::builtins::Op::Strstr, .. } => self.deepest = self.deepest.max(self.depth + 1),
            _ => {}
        });
    }
}

/// How much code a list is, in expressions and statements; finds the bodies of `unroll` that are too much to be written out.
fn weight(list: &[Stmt], rolled: &mut Vec<*const Stmt>) -> u64 {
    list.iter().map(|s| 1 + weight_below(s, rolled)).sum()
}

fn weight_below(s: &Stmt, rolled: &mut Vec<*const Stmt>) -> u64 {
    let mut of = |e: &Expr| {
        let mut n = 0;
        e.walk(&mut |e| {
            n += 1;
            if let ExprKind::Block(stmts, _) = &e.kind {
                n += weight(stmts, rolled);
            }
        });
        n
    };
    match &s.kind {
        StmtKind::Expr(e) | StmtKind::Exit { code: e } | StmtKind::Return(Some(e)) | StmtKind::SetVar { value: e, .. } => of(e),
        StmtKind::SetMap { key, value, .. } => key.iter().chain([value]).map(of).sum(),
        StmtKind::Aggregate { key, value, .. } => key.iter().chain(value).map(of).sum(),
        StmtKind::Emit { values, .. } => values.iter().map(of).sum(),
        StmtKind::Delete { key, .. } => key.iter().map(of).sum(),
        StmtKind::If { condition, then, otherwise } => of(condition) + weight(then, rolled) + weight(otherwise, rolled),
        StmtKind::While { condition, body } => of(condition) + weight(body, rolled),
        StmtKind::ForRange { start, end, body, .. } => of(start) + of(end) + weight(body, rolled),
        StmtKind::ForMap { body, .. } | StmtKind::Block(body) => weight(body, rolled),
        StmtKind::Unroll { count, body } => {
            let turn = weight(body, rolled);
            let all = turn.saturating_mul(u64::from(*count));
            if all <= WRITTEN_OUT || *count < 3 {
                return all;
            }
            rolled.push(body.as_ptr());
            turn
        }
        StmtKind::Return(None) | StmtKind::Break | StmtKind::Continue => 0,
    }
}
