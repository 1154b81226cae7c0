//! What a program prints, worked out from its tree alone: neither the checker nor the code generator has a part in it.

use super::show;
use super::tree::{Agg, Cmp, E, Frame, Fun, K, Op, Place, Program, S, Ty, Val};
use std::collections::BTreeMap;

/// Why a program is of no use as a test.
#[derive(Debug)]
pub struct Unfit;

/// Statements that a program may run.
const STEPS: usize = 4000;
/// Records that it may send: the ring buffer holds all of them.
const LINES: usize = 40;
/// Keys of a map; `max_map_keys` of the scripts is above it.
const KEYS: usize = 100;

/// How a list of statements ended.
#[derive(Debug, PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
    Return(Option<Val>),
}

/// What an aggregation holds.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    total: i64,
    count: i64,
    min: Option<i64>,
    max: Option<i64>,
}

#[derive(Debug, Default)]
struct Store {
    /// Something has been assigned; before that a map has no type.
    known: bool,
    values: BTreeMap<Val, Val>,
    sums: BTreeMap<Val, Sum>,
}

/// A call of a function, or an expansion of a macro with its arguments and the frame that they belong to.
struct Call<'p> {
    vars: Frame,
    args: &'p [E],
    caller: usize,
}

struct Eval<'p> {
    program: &'p Program,
    maps: Vec<Store>,
    calls: Vec<Call<'p>>,
    /// The frame that is current; arguments of macros are those of an earlier one.
    at: usize,
    steps: usize,
    lines: usize,
    out: String,
}

type Res<T> = Result<T, Unfit>;

/// All that a program prints.
pub fn output(program: &Program) -> Res<String> {
    let main = Call { vars: Frame::new(), args: &[], caller: 0 };
    let maps = program.maps.iter().map(|_| Store::default()).collect();
    let mut e = Eval { program, maps, calls: vec![main], at: 0, steps: 0, lines: 0, out: String::new() };
    e.list(&program.body)?;
    Ok(e.out)
}

/// The key of a map without keys.
fn unit() -> Val {
    Val::Tuple(Vec::new())
}

impl<'p> Eval<'p> {
    fn list(&mut self, list: &'p [S]) -> Res<Flow> {
        for s in list {
            self.steps += 1;
            if self.steps > STEPS {
                return Err(Unfit);
            }
            match self.stmt(s)? {
                Flow::On => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::On)
    }

    fn set(&mut self, var: usize, v: Val) {
        let at = self.at;
        self.calls[at].vars.insert(var, v);
    }

    fn get(&self, var: usize) -> Res<Val> {
        self.calls[self.at].vars.get(&var).cloned().ok_or(Unfit)
    }

    fn stmt(&mut self, s: &'p S) -> Res<Flow> {
        match s {
            S::Let(var, _, e) => {
                let v = self.value(e)?;
                self.set(*var, v);
            }
            S::Set(var, e) => {
                self.get(*var)?;
                let v = self.value(e)?;
                self.set(*var, v);
            }
            S::SetOp(var, op, e) => {
                let old = self.get(*var)?;
                let v = self.value(e)?;
                let ty = &self.program.vars[*var].ty;
                self.set(*var, Val::Int(binary(*op, int(&old), int(&v), ty, &e.ty)));
            }
            S::MapSet(map, key, e) => {
                let key = self.key(key.as_ref())?;
                let v = self.value(e)?;
                self.store(*map, key, v)?;
            }
            S::MapOp(map, key, op, e) => {
                let key = self.key(key.as_ref())?;
                let ty = &self.program.maps[*map].value;
                let v = int(&self.value(e)?);
                let old = self.load(*map, &key)?;
                self.store(*map, key, Val::Int(binary(*op, int(&old), v, ty, &e.ty)))?;
            }
            S::Aggregate(map, key, e) => self.aggregate(*map, key.as_ref(), e.as_ref())?,
            S::Inc(place, _, by) => {
                self.inc(place, *by)?;
            }
            S::Delete(map, key) => {
                let key = self.value(key)?;
                self.delete(*map, &key);
            }
            S::Print(e) => {
                let v = self.value(e)?;
                let mut line = String::new();
                show::value(&mut line, &e.ty, &v);
                self.line(&line)?;
            }
            S::Printf(list) => {
                let mut line = String::new();
                for (i, (conversion, e)) in list.iter().enumerate() {
                    let v = self.value(e)?;
                    line.push_str(if i > 0 { "|" } else { "" });
                    show::conversion(&mut line, conversion, &e.ty, &v);
                }
                self.line(&line)?;
            }
            S::If(c, a, b) => {
                let taken = truth(&self.value(c)?);
                return self.list(if taken { a } else { b });
            }
            S::While(var, n, body) => {
                self.set(*var, Val::Int(0));
                for i in 1..=*n {
                    self.set(*var, Val::Int(i));
                    match self.list(body)? {
                        Flow::Break => break,
                        Flow::Return(v) => return Ok(Flow::Return(v)),
                        _ => {}
                    }
                }
            }
            S::Unroll(n, body) => {
                for _ in 0..*n {
                    match self.list(body)? {
                        Flow::Break => break,
                        Flow::Return(v) => return Ok(Flow::Return(v)),
                        _ => {}
                    }
                }
            }
            S::Range(var, a, b, body) => {
                let (a, b) = (int(&self.value(a)?), int(&self.value(b)?));
                for i in a..b {
                    self.set(*var, Val::Int(i));
                    match self.list(body)? {
                        Flow::Break => break,
                        Flow::Return(v) => return Ok(Flow::Return(v)),
                        _ => {}
                    }
                }
            }
            S::Each(entry, map, sum, e) => self.each(*entry, *map, *sum, e)?,
            S::Break => return Ok(Flow::Break),
            S::Continue => return Ok(Flow::Continue),
            S::Return(e) => {
                let v = e.as_ref().map(|e| self.value(e)).transpose()?;
                return Ok(Flow::Return(v));
            }
            S::Block(list) => return self.list(list),
        }
        Ok(Flow::On)
    }

    fn line(&mut self, text: &str) -> Res<()> {
        self.lines += 1;
        if self.lines > LINES {
            return Err(Unfit);
        }
        self.out.push_str(text);
        self.out.push('\n');
        Ok(())
    }

    fn each(&mut self, entry: usize, map: usize, sum: usize, e: &'p E) -> Res<()> {
        self.get(sum)?;
        let m = &self.maps[map];
        if !m.known {
            return Err(Unfit);
        }
        let mut entries: Vec<(Val, Val)> = m.values.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        let sums: Vec<Val> = m.sums.keys().cloned().collect();
        entries.extend(sums.into_iter().map(|k| (k.clone(), Val::Int(self.summed(map, &k)))));
        for (k, v) in entries {
            self.steps += 1;
            self.set(entry, Val::Tuple(vec![k, v]));
            let old = int(&self.get(sum)?);
            let v = int(&self.value(e)?);
            self.set(sum, Val::Int(old.wrapping_add(v)));
        }
        Ok(())
    }

    fn key(&mut self, key: Option<&'p E>) -> Res<Val> {
        key.map_or(Ok(unit()), |k| self.value(k))
    }

    fn load(&self, map: usize, key: &Val) -> Res<Val> {
        if !self.maps[map].known {
            return Err(Unfit);
        }
        Ok(self.stored(map, key))
    }

    fn stored(&self, map: usize, key: &Val) -> Val {
        if self.program.maps[map].agg.is_some() {
            return Val::Int(self.summed(map, key));
        }
        self.maps[map].values.get(key).cloned().unwrap_or_else(|| self.program.maps[map].value.zero())
    }

    fn summed(&self, map: usize, key: &Val) -> i64 {
        let Some(s) = self.maps[map].sums.get(key) else { return 0 };
        match self.program.maps[map].agg {
            Some(Agg::Count) => s.count,
            Some(Agg::Sum) => s.total,
            Some(Agg::Min) => s.min.unwrap_or(0),
            Some(Agg::Max) => s.max.unwrap_or(0),
            Some(Agg::Avg) if self.program.maps[map].value.signed() => s.total.wrapping_div(s.count),
            _ => (s.total as u64 / s.count as u64) as i64,
        }
    }

    fn store(&mut self, map: usize, key: Val, v: Val) -> Res<()> {
        self.maps[map].known = true;
        self.maps[map].values.insert(key, v);
        if self.maps[map].values.len() > KEYS { Err(Unfit) } else { Ok(()) }
    }

    fn delete(&mut self, map: usize, key: &Val) -> bool {
        let m = &mut self.maps[map];
        m.values.remove(key).is_some() || m.sums.remove(key).is_some()
    }

    fn aggregate(&mut self, map: usize, key: Option<&'p E>, e: Option<&'p E>) -> Res<()> {
        let key = self.key(key)?;
        let n = e.map_or(Ok(0), |e| self.value(e).map(|v| int(&v)))?;
        let signed = self.program.maps[map].value.signed();
        let m = &mut self.maps[map];
        m.known = true;
        let s = m.sums.entry(key).or_default();
        let less = |a: i64, b: i64| if signed { a < b } else { (a as u64) < b as u64 };
        s.total = s.total.wrapping_add(n);
        s.count += 1;
        s.min = Some(s.min.filter(|m| !less(n, *m)).unwrap_or(n));
        s.max = Some(s.max.filter(|m| !less(*m, n)).unwrap_or(n));
        if m.sums.len() > KEYS { Err(Unfit) } else { Ok(()) }
    }

    /// The values before and after.
    fn inc(&mut self, place: &'p Place, by: i64) -> Res<(i64, i64)> {
        Ok(match place {
            Place::Var(var) => {
                let old = int(&self.get(*var)?);
                let new = self.program.vars[*var].ty.fit(old.wrapping_add(by));
                self.set(*var, Val::Int(new));
                (old, new)
            }
            Place::Map(map, key) => {
                let key = self.key(key.as_deref())?;
                let old = int(&self.load(*map, &key)?);
                let new = old.wrapping_add(by);
                self.store(*map, key, Val::Int(new))?;
                (old, new)
            }
        })
    }

    fn text(&mut self, e: &'p E) -> Res<String> {
        match self.value(e)? {
            Val::Str(s) => Ok(s),
            _ => Err(Unfit),
        }
    }

    fn number(&mut self, e: &'p E) -> Res<i64> {
        self.value(e).map(|v| int(&v))
    }

    fn value(&mut self, e: &'p E) -> Res<Val> {
        self.steps += 1;
        let bool = |b: bool| Ok(Val::Bool(b));
        Ok(match &e.k {
            K::Lit(n) | K::Typed(n) => Val::Int(*n),
            K::Bool(b) => Val::Bool(*b),
            K::Str(s) | K::Sized(s, _) => Val::Str(s.clone()),
            K::Var(var) => self.get(*var)?,
            K::Param(i) => self.argument(*i)?,
            K::Get(map, key) => {
                let key = self.key(key.as_deref())?;
                self.load(*map, &key)?
            }
            // Of an unsigned number only the bits of its own width count.
            K::Neg(a) if a.ty.signed() || a.literal().is_some() => Val::Int(self.number(a)?.wrapping_neg()),
            K::Neg(a) => Val::Int(a.ty.fit(self.number(a)?.wrapping_neg())),
            K::BitNot(a) => Val::Int(e.ty.fit(!self.number(a)?)),
            K::Not(a) => Val::Bool(!truth(&self.value(a)?)),
            K::Bin(op, a, b) => {
                let (x, y) = (self.number(a)?, self.number(b)?);
                Val::Int(binary(*op, x, y, &a.ty, &b.ty))
            }
            K::Compare(op, a, b) => {
                let (x, y) = (self.value(a)?, self.value(b)?);
                let order = match (&x, &y) {
                    (Val::Int(x), Val::Int(y)) if !E::meet_signed(a, b) => (*x as u64).cmp(&(*y as u64)),
                    _ => x.cmp(&y),
                };
                Val::Bool(match op {
                    Cmp::Eq => order.is_eq(),
                    Cmp::Ne => order.is_ne(),
                    Cmp::Lt => order.is_lt(),
                    Cmp::Le => order.is_le(),
                    Cmp::Gt => order.is_gt(),
                    Cmp::Ge => order.is_ge(),
                })
            }
            K::AndAlso(a, b) => return bool(truth(&self.value(a)?) && truth(&self.value(b)?)),
            K::OrElse(a, b) => return bool(truth(&self.value(a)?) || truth(&self.value(b)?)),
            K::Cond(c, a, b) => {
                let taken = truth(&self.value(c)?);
                self.value(if taken { a } else { b })?
            }
            K::If(c, s, a, t, b) => {
                let (list, v) = if truth(&self.value(c)?) { (s, a) } else { (t, b) };
                self.list(list)?;
                self.value(v)?
            }
            K::Block(list, v) => {
                self.list(list)?;
                self.value(v)?
            }
            K::Cast(a) => match (self.value(a)?, &e.ty) {
                (Val::Int(n), Ty::Bool) => Val::Bool(n != 0),
                (Val::Bool(b), Ty::Int(..)) => Val::Int(i64::from(b)),
                (Val::Int(n), ty) => Val::Int(ty.fit(n)),
                (v, _) => v,
            },
            K::Tuple(list) | K::Record(list) => Val::Tuple(list.iter().map(|m| self.value(m)).collect::<Res<_>>()?),
            K::Member(a, i) => match self.value(a)? {
                Val::Tuple(mut m) if *i < m.len() => m.swap_remove(*i),
                _ => return Err(Unfit),
            },
            K::Inc(place, prefix, by) => {
                let (old, new) = self.inc(place, *by)?;
                Val::Int(if *prefix { new } else { old })
            }
            K::Has(map, key) => {
                let key = self.value(key)?;
                Val::Bool(self.maps[*map].values.contains_key(&key) || self.maps[*map].sums.contains_key(&key))
            }
            K::Delete(map, key) => {
                let key = self.value(key)?;
                Val::Bool(self.delete(*map, &key))
            }
            K::Len(map) => Val::Int((self.maps[*map].values.len() + self.maps[*map].sums.len()) as i64),
            K::Strlen(a) => Val::Int(self.text(a)?.len() as i64),
            K::Strstr(a, b) => {
                let (a, b) = (self.text(a)?, self.text(b)?);
                Val::Int(a.find(&b).map_or(-1, |i| i as i64))
            }
            K::Strcontains(a, b) => {
                let (a, b) = (self.text(a)?, self.text(b)?);
                Val::Bool(a.contains(&b))
            }
            K::Strncmp(a, b, n) => {
                let (a, b) = (self.text(a)?, self.text(b)?);
                let cut = |s: &str| s.as_bytes()[..s.len().min(*n as usize)].to_vec();
                Val::Int(i64::from(cut(&a) != cut(&b)))
            }
            K::Concat(a, b) => Val::Str(self.text(a)? + &self.text(b)?),
            K::Bswap(a) => {
                let n = self.number(a)?;
                let Ty::Int(bits, _) = a.ty else { return Err(Unfit) };
                Val::Int(((n as u64).swap_bytes() >> (64 - bits)) as i64)
            }
            K::Byte(a, i) => Val::Int((self.number(a)? >> (8 * i)) & 0xff),
            K::Call(f, args) => {
                let args = args.iter().map(|a| self.value(a)).collect::<Res<Vec<_>>>()?;
                let f: &'p Fun = &self.program.funs[*f];
                let vars = f.params.iter().map(|p| p.0).zip(args).collect();
                self.enter(vars, &[], f)?
            }
            K::Expand(m, args) => {
                let m: &'p Fun = &self.program.macros[*m];
                self.enter(Frame::new(), args, m)?
            }
        })
    }

    fn enter(&mut self, vars: Frame, args: &'p [E], f: &'p Fun) -> Res<Val> {
        let caller = self.at;
        self.calls.push(Call { vars, args, caller });
        self.at = self.calls.len() - 1;
        let v = match self.list(&f.body)? {
            Flow::Return(Some(v)) => v,
            _ => self.value(&f.value)?,
        };
        self.calls.pop();
        self.at = caller;
        Ok(v)
    }

    /// An argument of a macro is evaluated each time that it is named, where the call stands.
    fn argument(&mut self, i: usize) -> Res<Val> {
        let here = self.at;
        let e = self.calls[here].args.get(i).ok_or(Unfit)?;
        self.at = self.calls[here].caller;
        let v = self.value(e)?;
        self.at = here;
        Ok(v)
    }
}

fn int(v: &Val) -> i64 {
    match v {
        Val::Int(n) => *n,
        Val::Bool(b) => i64::from(*b),
        _ => 0,
    }
}

fn truth(v: &Val) -> bool {
    int(v) != 0
}

/// `x op y` with 64 bits. A division is by two's complement only if both sides are signed; by zero it gives 1.
fn binary(op: Op, x: i64, y: i64, a: &Ty, b: &Ty) -> i64 {
    let (ux, uy) = (x as u64, y as u64);
    let signed = a.signed() && b.signed();
    match op {
        Op::Add => x.wrapping_add(y),
        Op::Sub => x.wrapping_sub(y),
        Op::Mul => x.wrapping_mul(y),
        Op::Div | Op::Mod if y == 0 => 1,
        Op::Div if signed => x.wrapping_div(y),
        Op::Div => (ux / uy) as i64,
        Op::Mod if signed => x.wrapping_rem(y),
        Op::Mod => (ux % uy) as i64,
        Op::And => x & y,
        Op::Or => x | y,
        Op::Xor => x ^ y,
        Op::Shl => x.wrapping_shl(y as u32),
        Op::Shr if a.signed() => x.wrapping_shr(y as u32),
        Op::Shr => ux.wrapping_shr(y as u32) as i64,
    }
}
