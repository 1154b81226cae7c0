//! Makes programs: statements. What they are made of is in `exprs.rs`.

use super::rng::Rng;
use super::tree::{Agg, E, Fun, How, I64, K, Map, Op, Place, Program, S, Ty, U64, Var};

/// A program in the making.
pub(super) struct Gen {
    pub rng: Rng,
    pub program: Program,
    /// Variables that can be seen.
    pub scope: Vec<usize>,
    /// Types of the parameters of the macro that is being made.
    pub params: Vec<Ty>,
    /// Side effects are allowed in expressions.
    pub effects: bool,
    /// Functions and macros can be called.
    pub calls: bool,
    /// Maps may be used.
    pub maps: bool,
    /// Loops around this place.
    pub loops: usize,
    /// Nodes that may still be made, roughly.
    pub budget: i64,
}

/// The program of a seed.
pub fn program(seed: u64) -> Program {
    let mut rng = Rng::new(seed);
    rng.word();
    let empty = Program { vars: Vec::new(), maps: Vec::new(), funs: Vec::new(), macros: Vec::new(), body: Vec::new() };
    let budget = rng.range(30, 260);
    let (effects, maps) = (true, false);
    let mut g = Gen { rng, program: empty, scope: Vec::new(), params: Vec::new(), effects, calls: false, maps, loops: 0, budget };
    for _ in 0..g.rng.below(3) {
        g.fun();
    }
    for _ in 0..g.rng.below(3) {
        g.expanded();
    }
    for _ in 0..g.rng.below(5) {
        g.map();
    }
    g.scope.clear();
    (g.calls, g.maps) = (true, true);
    let mut body: Vec<S> = (0..g.program.maps.len()).map(|m| g.first(m)).collect();
    while g.budget > 0 && body.len() < 25 {
        let s = g.stmt(3);
        body.push(s);
    }
    g.last_words(&mut body);
    g.program.body = body;
    g.program
}

impl Gen {
    pub fn int_ty(&mut self) -> Ty {
        if self.rng.percent(35) {
            return if self.rng.percent(70) { I64 } else { U64 };
        }
        Ty::Int(*self.rng.pick(&[8, 16, 32, 64]), self.rng.percent(55))
    }

    pub fn ty(&mut self, depth: usize) -> Ty {
        match self.rng.below(100) {
            0..55 => self.int_ty(),
            55..63 => Ty::Bool,
            63..80 => Ty::Str,
            _ if depth == 0 => self.int_ty(),
            n => {
                let len = if self.rng.percent(3) { self.rng.range(5, 20) } else { self.rng.range(2, 4) };
                let members = (0..len).map(|_| self.ty(depth - 1)).collect();
                if n < 93 { Ty::Tuple(members) } else { Ty::Record(members) }
            }
        }
    }

    fn key_ty(&mut self) -> Ty {
        match self.rng.below(10) {
            0..5 => self.int_ty(),
            5..7 => Ty::Str,
            7 => Ty::Bool,
            _ => {
                let len = self.rng.range(2, 3);
                Ty::Tuple((0..len).map(|_| if self.rng.percent(60) { self.int_ty() } else { Ty::Str }).collect())
            }
        }
    }

    fn map(&mut self) {
        let key = self.rng.percent(65).then(|| self.key_ty());
        let agg = self.rng.percent(30).then(|| *self.rng.pick(&[Agg::Count, Agg::Sum, Agg::Min, Agg::Max, Agg::Avg]));
        let value = match agg {
            Some(Agg::Count) => U64,
            Some(_) => Ty::Int(64, self.rng.percent(60)),
            None => self.ty(2),
        };
        self.program.maps.push(Map { key, value, agg });
    }

    /// A new variable. Its name is that of other variables in blocks beside this one.
    pub fn new_var(&mut self, ty: Ty, fixed: bool) -> usize {
        let name = format!("v{}", self.scope.len());
        self.program.vars.push(Var { name, ty, fixed });
        self.program.vars.len() - 1
    }

    fn fun(&mut self) {
        self.scope.clear();
        let mut params = Vec::new();
        for i in 0..self.rng.below(4) {
            let ty = if self.rng.percent(12) { Ty::Bool } else { self.int_ty() };
            self.program.vars.push(Var { name: format!("a{i}"), ty: ty.clone(), fixed: true });
            let var = self.program.vars.len() - 1;
            self.scope.push(var);
            params.push((var, ty));
        }
        let returns = if self.rng.percent(15) { Ty::Bool } else { self.int_ty() };
        self.effects = false;
        let mut body = Vec::new();
        for _ in 0..self.rng.below(4) {
            body.push(self.stmt(1));
        }
        if self.rng.percent(30) {
            let (c, v) = (self.bool(2), self.expr(&returns, 2));
            body.push(S::If(c, vec![S::Return(Some(v))], Vec::new()));
        }
        let value = self.expr(&returns, 2);
        self.effects = true;
        self.program.funs.push(Fun { params, body, value });
    }

    fn expanded(&mut self) {
        self.scope.clear();
        let params: Vec<Ty> = (0..self.rng.below(4)).map(|_| self.ty(1)).collect();
        self.params.clone_from(&params);
        self.effects = false;
        let mut body = Vec::new();
        for _ in 0..self.rng.below(3) {
            let ty = self.ty(1);
            let e = self.expr(&ty, 2);
            let var = self.new_var(ty, false);
            self.scope.push(var);
            body.push(S::Let(var, How::Let, e));
        }
        let returns = self.ty(1);
        let value = self.expr(&returns, 2);
        self.effects = true;
        self.params.clear();
        self.program.macros.push(Fun { params: params.into_iter().map(|t| (0, t)).collect(), body, value });
    }

    /// A block with a scope of its own.
    pub fn block(&mut self, depth: usize, most: usize) -> Vec<S> {
        let seen = self.scope.len();
        let mut list = Vec::new();
        for _ in 0..1 + self.rng.below(most) {
            list.push(self.stmt(depth));
        }
        self.scope.truncate(seen);
        list
    }

    /// A variable that can be seen and that `f` takes.
    pub fn find(&mut self, f: impl Fn(&Var) -> bool) -> Option<usize> {
        let fit: Vec<usize> = self.scope.iter().copied().filter(|v| f(&self.program.vars[*v])).collect();
        if fit.is_empty() { None } else { Some(*self.rng.pick(&fit)) }
    }

    /// A map that `f` takes.
    pub fn find_map(&mut self, f: impl Fn(&Map) -> bool) -> Option<usize> {
        if !self.maps {
            return None;
        }
        let fit: Vec<usize> = (0..self.program.maps.len()).filter(|m| f(&self.program.maps[*m])).collect();
        if fit.is_empty() { None } else { Some(*self.rng.pick(&fit)) }
    }

    /// Without side effects: the order of evaluation is nobody's business.
    pub fn pure<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.effects, false);
        let out = f(self);
        self.effects = before;
        out
    }

    /// A key of a map.
    pub fn key(&mut self, map: usize) -> Option<E> {
        let ty = self.program.maps[map].key.clone()?;
        Some(self.pure(|g| g.key_expr(&ty)))
    }

    fn declare(&mut self, depth: usize) -> S {
        let ty = self.ty(2);
        let mut how = *self.rng.pick(&[How::Plain, How::Let, How::Let, How::Typed]);
        if how == How::Typed && !ty.is_int() && ty != Ty::Bool {
            how = How::Let;
        }
        let e = self.expr(&ty, depth);
        let fixed = how == How::Typed && !matches!(ty, Ty::Int(64, _));
        let var = self.new_var(ty, fixed);
        self.scope.push(var);
        S::Let(var, how, e)
    }

    pub fn stmt(&mut self, depth: usize) -> S {
        self.budget -= 3;
        for _ in 0..20 {
            if let Some(s) = self.try_stmt(depth) {
                return s;
            }
        }
        self.declare(depth.min(2))
    }

    fn try_stmt(&mut self, depth: usize) -> Option<S> {
        let inside = self.budget > 0 && depth > 0;
        match self.rng.below(100) {
            0..18 => Some(self.declare(depth + 1)),
            18..28 => {
                let var = self.find(|v| v.name.starts_with('v') && !v.name.ends_with('c'))?;
                let ty = self.program.vars[var].ty.clone();
                Some(S::Set(var, self.expr(&ty, depth + 1)))
            }
            28..35 => {
                let var = self.find(|v| matches!(v.ty, Ty::Int(64, _)) && v.name.starts_with('v') && !v.name.ends_with('c'))?;
                if self.rng.percent(30) {
                    let by = if self.program.vars[var].ty.signed() && self.rng.percent(50) { -1 } else { 1 };
                    return Some(S::Inc(Place::Var(var), self.rng.percent(50), by));
                }
                let (op, e) = self.op_assign(&self.program.vars[var].ty.clone());
                Some(S::SetOp(var, op, e))
            }
            35..49 => self.map_stmt(),
            49..53 => {
                let map = self.find_map(|m| m.key.is_some())?;
                let key = self.key(map)?;
                Some(S::Delete(map, key))
            }
            53..68 if self.maps => Some(self.print(depth)),
            68..78 if inside => {
                let c = self.bool(depth);
                let a = self.block(depth - 1, 3);
                let b = if self.rng.percent(50) { self.block(depth - 1, 3) } else { Vec::new() };
                Some(S::If(c, a, b))
            }
            78..86 if inside && self.loops < 2 => self.loop_stmt(depth),
            86..89 if self.loops > 0 => {
                let c = self.bool(1);
                let s = if self.rng.percent(50) { S::Break } else { S::Continue };
                Some(S::If(c, vec![s], Vec::new()))
            }
            89..91 if inside => Some(S::Block(self.block(depth - 1, 3))),
            91 if self.maps && self.loops < 2 => {
                let c = self.bool(2);
                Some(S::If(c, vec![S::Return(None)], Vec::new()))
            }
            92..96 if self.loops == 0 => self.each(),
            96..98 => {
                let var = self.find(|v| v.fixed && v.ty.is_int() && v.name.starts_with('v') && !v.name.ends_with('c'))?;
                Some(S::Inc(Place::Var(var), false, if self.rng.percent(50) { 1 } else { -1 }))
            }
            _ => None,
        }
    }

    /// An operator and an operand whose result has the type of the place.
    fn op_assign(&mut self, ty: &Ty) -> (Op, E) {
        let ops = [Op::Add, Op::Mul, Op::And, Op::Or, Op::Xor, Op::Shl, Op::Shr, Op::Div, Op::Mod, Op::Sub];
        let op = *self.rng.pick(if ty.signed() { &ops } else { &ops[..9] });
        let e = self.pure(|g| match op {
            Op::Shl | Op::Shr => E::lit(g.rng.range(0, 63)),
            _ if ty.signed() => g.int(2),
            _ => {
                let narrow = Ty::Int(*g.rng.pick(&[8, 16, 32, 64]), false);
                g.expr(&narrow, 2)
            }
        });
        let zero = matches!(op, Op::Div | Op::Mod) && e.literal() == Some(0);
        (op, if zero { E::lit(3) } else { e })
    }

    /// The first assignment to a map, without which it has no type of its own.
    fn first(&mut self, map: usize) -> S {
        let key = self.program.maps[map].key.clone().map(|ty| self.constant(&ty));
        let m = &self.program.maps[map];
        let (ty, agg) = (m.value.clone(), m.agg);
        let e = self.constant(&ty);
        match agg {
            Some(Agg::Count) => S::Aggregate(map, key, None),
            Some(_) => S::Aggregate(map, key, Some(e)),
            None => S::MapSet(map, key, e),
        }
    }

    fn map_stmt(&mut self) -> Option<S> {
        let map = self.find_map(|_| true)?;
        let key = self.key(map);
        let m = self.program.maps[map].clone();
        match m.agg {
            Some(Agg::Count) => return Some(S::Aggregate(map, key, None)),
            Some(Agg::Avg) => {
                // Far from where the total would wrap.
                let narrow = Ty::Int(16, m.value.signed());
                let e = self.pure(|g| g.expr(&narrow, 2));
                return Some(S::Aggregate(map, key, Some(E::cast(&m.value, e))));
            }
            Some(_) => {
                let e = self.pure(|g| g.expr(&m.value, 2));
                return Some(S::Aggregate(map, key, Some(e)));
            }
            None => {}
        }
        if let Ty::Int(64, signed) = m.value
            && self.rng.percent(50)
        {
            if self.rng.percent(50) {
                let by = if signed && self.rng.percent(40) { -1 } else { 1 };
                return Some(S::Inc(Place::Map(map, key.map(E::boxed)), self.rng.percent(50), by));
            }
            let (op, e) = self.op_assign(&m.value);
            return Some(S::MapOp(map, key, op, e));
        }
        let e = self.pure(|g| g.expr(&m.value, 3));
        Some(S::MapSet(map, key, e))
    }

    fn loop_stmt(&mut self, depth: usize) -> Option<S> {
        let seen = self.scope.len();
        self.loops += 1;
        let most = if self.loops > 1 { 4 } else { 9 };
        let n = self.rng.range(1, most);
        let counter = |g: &mut Self| {
            let var = g.new_var(I64, true);
            g.program.vars[var].name.push('c');
            g.scope.push(var);
            var
        };
        let s = match self.rng.below(3) {
            0 => {
                let var = counter(self);
                S::While(var, n, self.block(depth - 1, 3))
            }
            1 => {
                let a = self.rng.range(-2, 3);
                let (a, b) = match self.find(|v| v.ty == I64) {
                    // An end that is not known to the compiler.
                    Some(v) if self.rng.percent(40) => {
                        let v = E::new(I64, K::Var(v));
                        (E::lit(a), E::bin(Op::And, v, E::lit(7)))
                    }
                    _ => (E::lit(a), E::lit(a + n)),
                };
                let var = counter(self);
                S::Range(var, a, b, self.block(depth - 1, 3))
            }
            _ => S::Unroll(n, self.block(depth - 1, 2)),
        };
        self.loops -= 1;
        // The counter of a `while` can be seen after it; nobody looks.
        self.scope.truncate(seen);
        Some(s)
    }

    fn each(&mut self) -> Option<S> {
        let sum = self.find(|v| v.ty == I64 && v.name.starts_with('v') && !v.fixed)?;
        let map = self.find_map(|m| m.key.is_some())?;
        let m = self.program.maps[map].clone();
        let ty = Ty::Tuple(vec![m.key?, m.value]);
        let scope = self.scope.clone();
        let entry = self.new_var(ty, true);
        self.program.vars[entry].name.push('c');
        self.scope.retain(|v| *v != sum);
        self.scope.push(entry);
        let e = self.pure(|g| {
            g.calls = false;
            let e = g.int(3);
            g.calls = true;
            e
        });
        self.scope = scope;
        Some(S::Each(entry, map, sum, E::cast(&I64, e)))
    }

    fn print(&mut self, depth: usize) -> S {
        if self.rng.percent(70) {
            let ty = self.ty(2);
            let free = ty.is_int() && self.rng.percent(60);
            let e = if free { self.int(depth + 1) } else { self.expr(&ty, depth + 1) };
            // A map without keys prints with its name.
            return S::Print(match e.k {
                K::Get(_, None) => E::new(Ty::Tuple(vec![e.ty.clone(), Ty::Bool]), K::Tuple(vec![e, E::new(Ty::Bool, K::Bool(true))])),
                _ => e,
            });
        }
        let mut list = Vec::new();
        for _ in 0..1 + self.rng.below(4) {
            let ty = self.ty(1);
            let e = self.expr(&ty, depth);
            list.push(match ty {
                Ty::Int(64, true) => (*self.rng.pick(&["lld", "ld", "10ld", "-6lld"]), e),
                Ty::Int(64, false) => (*self.rng.pick(&["llu", "lu", "lx", "12lu"]), e),
                Ty::Int(_, true) => ("d", E::cast(&I64, e)),
                Ty::Int(..) => (*self.rng.pick(&["u", "x"]), e),
                Ty::Str => (*self.rng.pick(&["s", "s", "10s", "-12s"]), e),
                _ => ("s", e),
            });
        }
        S::Printf(list)
    }

    /// Prints what variables and maps hold in the end.
    fn last_words(&mut self, body: &mut Vec<S>) {
        for v in self.scope.clone().into_iter().take(12) {
            body.push(S::Print(E::new(self.program.vars[v].ty.clone(), K::Var(v))));
        }
        for m in 0..self.program.maps.len() {
            if self.program.maps[m].key.is_some() {
                body.push(S::Print(E::new(I64, K::Len(m))));
            }
            let key = self.key(m).map(E::boxed);
            let e = E::new(self.program.maps[m].value.clone(), K::Get(m, key));
            body.push(S::Print(E::new(Ty::Tuple(vec![e.ty.clone(), Ty::Bool]), K::Tuple(vec![e, E::new(Ty::Bool, K::Bool(true))]))));
        }
    }
}
