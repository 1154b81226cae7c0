//! Makes programs: expressions.

use super::grammar::Gen;
use super::tree::{Cmp, E, How, I64, K, Op, Place, S, Ty, U64};

/// Numbers at which things change.
const EDGES: &[i64] = &[
    0,
    1,
    2,
    3,
    7,
    8,
    10,
    63,
    64,
    100,
    127,
    128,
    255,
    256,
    1000,
    32767,
    32768,
    65535,
    65536,
    123_456_789,
    2_147_483_647,
    2_147_483_648,
    4_294_967_295,
    4_294_967_296,
    1 << 40,
    i64::MAX,
];

/// Lengths of texts: around words, around 64 bytes, and long ones.
const LENGTHS: &[usize] = &[0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 40, 63, 64, 65, 100, 127, 200];

impl Gen {
    fn number(&mut self) -> i64 {
        let n = match self.rng.below(4) {
            0 | 1 => self.rng.range(0, 20),
            2 => *self.rng.pick(EDGES),
            _ => (self.rng.word() >> self.rng.range(1, 63)) as i64,
        };
        if self.rng.percent(25) { n.wrapping_neg() } else { n }
    }

    fn text(&mut self) -> String {
        const PIECES: &[&str] = &["a", "b", "ab", "ba", "x", "hello", " ", "0", "\"", "\\", "\t", "é", "-", "z"];
        let most = *self.rng.pick(LENGTHS);
        // Few texts, so that comparisons hold now and then.
        if self.rng.percent(60) {
            return ["", "a", "ab", "abc", "hello", "abcdefgh", "abcdefghi"][self.rng.below(7)].into();
        }
        let mut out = String::new();
        while out.len() < most {
            let piece = *self.rng.pick(PIECES);
            if out.len() + piece.len() <= most {
                out.push_str(piece);
            } else {
                out.push('q');
            }
        }
        out
    }

    /// A number that is known, as a value of a type.
    pub fn constant(&mut self, ty: &Ty) -> E {
        match ty {
            Ty::Bool => E::new(Ty::Bool, K::Bool(self.rng.percent(50))),
            Ty::Int(..) => {
                let n = self.number();
                E::typed(ty, n)
            }
            Ty::Str if self.rng.percent(5) => E::new(Ty::Str, K::Sized("sized".into(), *self.rng.pick(&[6, 8, 16, 64, 100]))),
            Ty::Str => E::new(Ty::Str, K::Str(self.text())),
            Ty::Tuple(m) => E::new(ty.clone(), K::Tuple(m.iter().map(|t| self.constant(t)).collect())),
            Ty::Record(m) => E::new(ty.clone(), K::Record(m.iter().map(|t| self.constant(t)).collect())),
        }
    }

    /// Keys of few values.
    pub fn key_expr(&mut self, ty: &Ty) -> E {
        match ty {
            Ty::Int(_, signed) => match self.rng.below(10) {
                0..4 if *signed => E::lit(self.rng.range(-1, 5)),
                0..6 => E::typed(ty, self.rng.range(0, 5)),
                _ => {
                    let e = self.int(2);
                    let masked = if e.literal().is_some() { e } else { E::bin(Op::And, e, E::lit(3)) };
                    E::cast(ty, masked)
                }
            },
            Ty::Tuple(m) => E::new(ty.clone(), K::Tuple(m.iter().map(|t| self.key_expr(t)).collect())),
            _ => self.expr(ty, 2),
        }
    }

    /// A value of exactly this type, and no literal.
    pub fn expr(&mut self, ty: &Ty, depth: usize) -> E {
        self.budget -= 1;
        if depth == 0 || self.budget < 0 || self.rng.percent(12) {
            return self.leaf(ty);
        }
        if self.rng.percent(18) {
            return self.either(ty, depth);
        }
        match ty {
            Ty::Bool => self.bool(depth),
            Ty::Int(..) => {
                let e = self.int(depth);
                E::cast(ty, e)
            }
            Ty::Str => {
                let n = self.rng.below(100);
                if n < 8 && self.effects && self.maps {
                    let (a, b) = (self.leaf(ty), self.constant(ty));
                    return E::new(Ty::Str, K::Cond(self.bool(depth - 1).boxed(), a.boxed(), b.boxed()));
                }
                self.leaf(ty)
            }
            Ty::Tuple(m) => {
                let list = m.iter().map(|t| self.expr(t, depth - 1)).collect();
                E::new(ty.clone(), K::Tuple(list))
            }
            Ty::Record(m) => {
                let list = m.iter().map(|t| self.expr(t, depth - 1)).collect();
                E::new(ty.clone(), K::Record(list))
            }
        }
    }

    /// One of two values, or one behind statements.
    fn either(&mut self, ty: &Ty, depth: usize) -> E {
        let seen = self.scope.len();
        let k = match self.rng.below(6) {
            0..4 => {
                let c = self.bool(depth - 1);
                K::Cond(c.boxed(), self.expr(ty, depth - 1).boxed(), self.expr(ty, depth - 1).boxed())
            }
            4 => {
                let c = self.bool(depth - 1);
                let (s, a) = self.statements(ty, depth);
                let (t, b) = self.statements(ty, depth);
                K::If(c.boxed(), s, a.boxed(), t, b.boxed())
            }
            _ => {
                let (s, a) = self.statements(ty, depth);
                K::Block(s, a.boxed())
            }
        };
        self.scope.truncate(seen);
        E::new(ty.clone(), k)
    }

    /// Declarations, or anything where side effects are allowed; and a value behind them.
    fn statements(&mut self, ty: &Ty, depth: usize) -> (Vec<S>, E) {
        let seen = self.scope.len();
        let mut list = Vec::new();
        let inner = self.ty(1);
        let e = self.expr(&inner, depth - 1);
        let var = self.new_var(inner, false);
        self.scope.push(var);
        list.push(S::Let(var, How::Let, e));
        if self.effects && self.maps && self.rng.percent(40) {
            let loops = std::mem::replace(&mut self.loops, 2);
            let s = self.stmt(0);
            self.loops = loops;
            if !leaves(&s) {
                list.push(s);
            }
        }
        let v = self.expr(ty, depth - 1);
        self.scope.truncate(seen);
        (list, v)
    }

    fn leaf(&mut self, ty: &Ty) -> E {
        match self.rng.below(10) {
            0..4 => {
                if let Some(var) = self.find(|v| v.ty == *ty) {
                    return E::new(ty.clone(), K::Var(var));
                }
            }
            4..6 => {
                if let Some(map) = self.find_map(|m| m.value == *ty) {
                    return self.get(map);
                }
            }
            6 if !self.params.is_empty() => {
                let fit: Vec<usize> = (0..self.params.len()).filter(|i| self.params[*i] == *ty).collect();
                if !fit.is_empty() {
                    return E::new(ty.clone(), K::Param(*self.rng.pick(&fit)));
                }
            }
            6..8 => {
                if let Some(e) = self.member(ty) {
                    return e;
                }
            }
            _ => {}
        }
        self.constant(ty)
    }

    fn get(&mut self, map: usize) -> E {
        let key = self.key(map).map(E::boxed);
        let m = &self.program.maps[map];
        let e = E::new(m.value.clone(), K::Get(map, key));
        if m.agg.is_some() { E::new(e.ty.clone(), K::Cast(e.boxed())) } else { e }
    }

    /// A member of that type of a tuple that can be seen.
    fn member(&mut self, ty: &Ty) -> Option<E> {
        let var = self.find(|v| has(&v.ty, ty));
        let base = match var {
            Some(v) => E::new(self.program.vars[v].ty.clone(), K::Var(v)),
            None => {
                let map = self.find_map(|m| has(&m.value, ty))?;
                self.get(map)
            }
        };
        let mut e = base;
        while e.ty != *ty {
            let (Ty::Tuple(m) | Ty::Record(m)) = e.ty.clone() else { return None };
            let fit: Vec<usize> = (0..m.len()).filter(|i| m[*i] == *ty || has(&m[*i], ty)).collect();
            let i = *self.rng.pick(&fit);
            e = E::new(m[i].clone(), K::Member(e.boxed(), i));
        }
        Some(e)
    }

    /// An integer of any type.
    pub fn int(&mut self, depth: usize) -> E {
        self.budget -= 1;
        let ty = self.int_ty();
        if depth == 0 || self.budget < 0 {
            return if self.rng.percent(30) { E::lit(self.number()) } else { self.leaf(&ty) };
        }
        for _ in 0..10 {
            if let Some(e) = self.try_int(&ty, depth) {
                return e;
            }
        }
        self.leaf(&ty)
    }

    fn try_int(&mut self, ty: &Ty, depth: usize) -> Option<E> {
        let d = depth - 1;
        Some(match self.rng.below(100) {
            0..30 => {
                let op = *self.rng.pick(&[Op::Add, Op::Add, Op::Sub, Op::Mul, Op::And, Op::Or, Op::Xor]);
                let (a, b) = self.two(d);
                E::bin(op, a, b)
            }
            30..38 => {
                let op = if self.rng.percent(50) { Op::Div } else { Op::Mod };
                let (a, b) = self.two(d);
                let b = if b.literal() == Some(0) { E::lit(5) } else { b };
                if a.literal().is_some() && b.literal().is_some() {
                    return None;
                }
                E::bin(op, a, b)
            }
            38..44 => {
                let op = if self.rng.percent(50) { Op::Shl } else { Op::Shr };
                let a = self.expr(ty, d);
                let b = if self.rng.percent(60) {
                    E::lit(self.rng.range(0, 63))
                } else {
                    let (b, _) = self.two(d);
                    let b = if b.literal().is_some() { E::cast(&I64, b) } else { b };
                    E::bin(Op::And, b, E::lit(63))
                };
                E::bin(op, a, b)
            }
            44..54 => {
                let e = self.int(d);
                E::cast(ty, e)
            }
            54..57 => {
                let a = self.expr(ty, d);
                E::new(if ty.signed() { I64 } else { U64 }, K::Neg(a.boxed()))
            }
            57..60 => {
                let a = self.expr(ty, d);
                E::new(Ty::Int(8, self.rng.percent(50)), K::BitNot(a.boxed()))
            }
            60..64 => {
                let b = self.bool(d);
                E::new(ty.clone(), K::Cast(b.boxed()))
            }
            64..68 => {
                let a = self.expr(&Ty::Str, d);
                if self.rng.percent(60) {
                    return Some(E::new(U64, K::Strlen(a.boxed())));
                }
                let b = self.expr(&Ty::Str, d);
                let n = *self.rng.pick(&[0, 1, 2, 3, 8, 9, 20]);
                E::new(I64, if self.rng.percent(50) { K::Strstr(a.boxed(), b.boxed()) } else { K::Strncmp(a.boxed(), b.boxed(), n) })
            }
            68..71 => {
                let Ty::Int(bits, _) = *ty else { return None };
                let a = self.expr(ty, d);
                // Of a value that is not known to be of a narrower type.
                let a = E::cast(ty, E::bin(Op::Xor, a, E::lit(1)));
                E::new(Ty::Int(bits, false), K::Bswap(a.boxed()))
            }
            71..74 => {
                let Ty::Int(bits, _) = *ty else { return None };
                let a = self.expr(ty, d);
                let a = E::cast(ty, E::bin(Op::Xor, a, E::lit(1)));
                let i = self.rng.below(usize::from(bits / 8));
                E::new(Ty::Int(8, false), K::Byte(a.boxed(), i))
            }
            74..80 if self.effects => {
                let prefix = self.rng.percent(50);
                if self.rng.percent(50) {
                    let var = self.find(|v| matches!(v.ty, Ty::Int(64, _)) && v.name.starts_with('v') && !v.name.ends_with('c'))?;
                    let ty = self.program.vars[var].ty.clone();
                    let by = if ty.signed() && self.rng.percent(50) { -1 } else { 1 };
                    return Some(E::new(ty, K::Inc(Place::Var(var), prefix, by)));
                }
                let map = self.find_map(|m| m.agg.is_none() && matches!(m.value, Ty::Int(64, _)))?;
                let key = self.key(map).map(E::boxed);
                let ty = self.program.maps[map].value.clone();
                let by = if ty.signed() && self.rng.percent(50) { -1 } else { 1 };
                E::new(ty, K::Inc(Place::Map(map, key), prefix, by))
            }
            80..82 => {
                let map = self.find_map(|m| m.key.is_some())?;
                E::new(I64, K::Len(map))
            }
            82..88 if self.calls => self.call(None, d)?,
            88..92 => {
                let other = self.ty(1);
                let e = E::new(Ty::Tuple(vec![ty.clone(), other.clone()]), K::Tuple(vec![self.expr(ty, d), self.expr(&other, d)]));
                E::new(ty.clone(), K::Member(e.boxed(), 0))
            }
            _ => self.leaf(ty),
        })
    }

    /// Two integers, at most one of them a literal.
    fn two(&mut self, depth: usize) -> (E, E) {
        let (a, b) = (self.int(depth), self.int(depth));
        if a.literal().is_some() && b.literal().is_some() {
            let ty = self.int_ty();
            return (E::cast(&ty, a), b);
        }
        (a, b)
    }

    /// A call of a function or a macro with a value of that type; of any integer type if none is given.
    fn call(&mut self, ty: Option<&Ty>, depth: usize) -> Option<E> {
        let fits = |t: &Ty| ty.map_or(t.is_int(), |ty| ty == t);
        let macros = self.rng.percent(50);
        let list = if macros { &self.program.macros } else { &self.program.funs };
        let fit: Vec<usize> = (0..list.len()).filter(|i| fits(&list[*i].value.ty)).collect();
        if fit.is_empty() {
            return None;
        }
        let i = *self.rng.pick(&fit);
        let f = if macros { self.program.macros[i].clone() } else { self.program.funs[i].clone() };
        // An argument of a macro stands wherever it is named.
        let args =
            f.params.iter().map(|(_, t)| if macros { self.pure(|g| g.expr(t, depth.min(1))) } else { self.expr(t, depth) }).collect();
        Some(E::new(f.value.ty, if macros { K::Expand(i, args) } else { K::Call(i, args) }))
    }

    /// A truth.
    pub fn bool(&mut self, depth: usize) -> E {
        self.budget -= 1;
        if depth == 0 || self.budget < 0 {
            return self.leaf(&Ty::Bool);
        }
        for _ in 0..10 {
            if let Some(e) = self.try_bool(depth) {
                return e;
            }
        }
        self.leaf(&Ty::Bool)
    }

    fn try_bool(&mut self, depth: usize) -> Option<E> {
        let d = depth - 1;
        let equal = |g: &mut Self| if g.rng.percent(50) { Cmp::Eq } else { Cmp::Ne };
        Some(match self.rng.below(100) {
            0..40 => {
                let op = *self.rng.pick(&[Cmp::Eq, Cmp::Ne, Cmp::Lt, Cmp::Le, Cmp::Gt, Cmp::Ge]);
                let (a, b) = self.two(d);
                E::compare(op, a, b)
            }
            40..55 => {
                let (op, a, b) = (equal(self), self.long(d), self.long(d));
                E::compare(op, a, b)
            }
            55..60 => {
                let Ty::Tuple(m) = Ty::Tuple(vec![self.ty(1), self.ty(1)]) else { return None };
                let ty = if self.rng.percent(70) { Ty::Tuple(m) } else { Ty::Record(m) };
                let (op, a, b) = (equal(self), self.expr(&ty, d), self.expr(&ty, d));
                E::compare(op, a, b)
            }
            60..68 => {
                let a = self.bool(d);
                E::new(Ty::Bool, K::Not(a.boxed()))
            }
            68..82 => {
                let (a, b) = (self.bool(d), self.bool(d));
                E::new(Ty::Bool, if self.rng.percent(50) { K::AndAlso(a.boxed(), b.boxed()) } else { K::OrElse(a.boxed(), b.boxed()) })
            }
            82..87 => {
                let map = self.find_map(|m| m.key.is_some())?;
                let key = self.key(map)?.boxed();
                E::new(Ty::Bool, if self.effects && self.rng.percent(30) { K::Delete(map, key) } else { K::Has(map, key) })
            }
            87..92 => {
                let (a, b) = (self.long(d), self.expr(&Ty::Str, d));
                E::new(Ty::Bool, K::Strcontains(a.boxed(), b.boxed()))
            }
            92..96 => {
                let a = self.int(d);
                let ty = self.int_ty();
                let a = if a.literal().is_some() { E::cast(&ty, a) } else { a };
                E::new(Ty::Bool, K::Cast(a.boxed()))
            }
            96..98 if self.calls => self.call(Some(&Ty::Bool), d)?,
            _ => self.leaf(&Ty::Bool),
        })
    }

    /// A text that may be two put together; only for comparisons, because what is assigned must not grow with each turn.
    fn long(&mut self, depth: usize) -> E {
        let a = self.expr(&Ty::Str, depth);
        if self.rng.percent(75) {
            return a;
        }
        let b = self.expr(&Ty::Str, depth);
        E::new(Ty::Str, K::Concat(a.boxed(), b.boxed()))
    }
}

/// Whether a type has a member of another type, at any depth.
fn has(ty: &Ty, member: &Ty) -> bool {
    match ty {
        Ty::Tuple(m) | Ty::Record(m) => m.iter().any(|t| t == member || has(t, member)),
        _ => false,
    }
}

/// Whether a statement may leave the list that it stands in.
fn leaves(s: &S) -> bool {
    match s {
        S::Break | S::Continue | S::Return(_) => true,
        S::If(_, a, b) => a.iter().chain(b).any(leaves),
        S::While(_, _, b) | S::Unroll(_, b) | S::Range(_, _, _, b) | S::Block(b) => b.iter().any(leaves),
        _ => false,
    }
}
