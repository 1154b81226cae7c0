//! Makes a failing program smaller while it still fails.

use super::tree::{E, K, Place, Program, S, Ty};

/// Calls `f` for every list of statements.
fn lists(list: &mut Vec<S>, f: &mut dyn FnMut(&mut Vec<S>)) {
    f(list);
    for s in list {
        match s {
            S::If(_, a, b) => {
                lists(a, f);
                lists(b, f);
            }
            S::While(_, _, b) | S::Unroll(_, b) | S::Range(_, _, _, b) | S::Block(b) => lists(b, f),
            _ => {}
        }
        each_stmt(s, &mut |e| match &mut e.k {
            K::Block(b, _) => lists(b, f),
            K::If(_, a, _, b, _) => {
                lists(a, f);
                lists(b, f);
            }
            _ => {}
        });
    }
}

/// Calls `f` for every expression of a statement that is not in a statement within it.
fn each_stmt(s: &mut S, f: &mut dyn FnMut(&mut E)) {
    let key = |key: &mut Option<E>, f: &mut dyn FnMut(&mut E)| {
        if let Some(k) = key {
            each(k, f);
        }
    };
    match s {
        S::Let(_, _, e) | S::Set(_, e) | S::SetOp(_, _, e) | S::Print(e) | S::Delete(_, e) | S::Each(_, _, _, e) => each(e, f),
        S::MapSet(_, k, e) | S::MapOp(_, k, _, e) => {
            key(k, f);
            each(e, f);
        }
        S::Aggregate(_, k, e) => {
            key(k, f);
            key(e, f);
        }
        S::Printf(list) => list.iter_mut().for_each(|(_, e)| each(e, f)),
        S::If(c, ..) => each(c, f),
        S::Range(_, a, b, _) => {
            each(a, f);
            each(b, f);
        }
        S::Return(e) => key(e, f),
        S::Inc(Place::Map(_, Some(k)), ..) => each(k, f),
        S::Inc(..) | S::While(..) | S::Unroll(..) | S::Block(_) | S::Break | S::Continue => {}
    }
}

/// Calls `f` for an expression and those in it; statements of blocks are left out.
fn each(e: &mut E, f: &mut dyn FnMut(&mut E)) {
    f(e);
    for x in children(e) {
        each(x, f);
    }
}

fn children(e: &mut E) -> Vec<&mut E> {
    match &mut e.k {
        K::Get(_, Some(a)) | K::Inc(Place::Map(_, Some(a)), ..) => vec![a],
        K::Neg(a) | K::BitNot(a) | K::Not(a) | K::Cast(a) | K::Member(a, _) | K::Has(_, a) | K::Delete(_, a) | K::Strlen(a) => vec![a],
        K::Bswap(a) | K::Byte(a, _) | K::Block(_, a) => vec![a],
        K::Bin(_, a, b) | K::Compare(_, a, b) | K::AndAlso(a, b) | K::OrElse(a, b) => vec![a, b],
        K::Strstr(a, b) | K::Strcontains(a, b) | K::Strncmp(a, b, _) | K::Concat(a, b) => vec![a, b],
        K::Cond(c, a, b) | K::If(c, _, a, _, b) => vec![c, a, b],
        K::Tuple(m) | K::Record(m) | K::Call(_, m) | K::Expand(_, m) => m.iter_mut().collect(),
        _ => Vec::new(),
    }
}

/// Calls `f` for every list of statements of a program.
fn all_lists(p: &mut Program, f: &mut dyn FnMut(&mut Vec<S>)) {
    lists(&mut p.body, f);
    for fun in p.funs.iter_mut().chain(&mut p.macros) {
        lists(&mut fun.body, f);
        each(&mut fun.value, &mut |e| {
            if let K::Block(b, _) = &mut e.k {
                f(b);
            }
        });
    }
}

/// Calls `f` for every expression of a program.
fn all_exprs(p: &mut Program, f: &mut dyn FnMut(&mut E)) {
    all_lists(p, &mut |list| list.iter_mut().for_each(|s| each_stmt(s, f)));
    p.funs.iter_mut().chain(&mut p.macros).for_each(|m| each(&mut m.value, f));
}

/// The program without some statements of its list number `n`, if it has such.
fn without(p: &Program, n: usize, from: usize, count: usize) -> Option<Program> {
    let mut out = p.clone();
    let (mut at, mut done) = (0, false);
    all_lists(&mut out, &mut |list| {
        if at == n && from < list.len() {
            list.drain(from..(from + count).min(list.len()));
            done = true;
        }
        at += 1;
    });
    done.then_some(out)
}

/// The program with a statement replaced by the statements in it.
fn opened(p: &Program, n: usize, index: usize) -> Option<Program> {
    let mut out = p.clone();
    let (mut at, mut done) = (0, false);
    all_lists(&mut out, &mut |list| {
        if at == n && index < list.len() {
            let inner = match &list[index] {
                S::If(_, a, b) => Some(a.iter().chain(b).cloned().collect::<Vec<_>>()),
                S::While(_, _, b) | S::Unroll(_, b) | S::Block(b) => Some(b.clone()),
                _ => None,
            };
            if let Some(inner) = inner {
                list.splice(index..=index, inner);
                done = true;
            }
        }
        at += 1;
    });
    done.then_some(out)
}

/// The expression number `n` made simpler in the way number `way`.
fn simpler(p: &Program, n: usize, way: usize) -> Option<Program> {
    let mut out = p.clone();
    let (mut at, mut done) = (0, false);
    all_exprs(&mut out, &mut |e| {
        if at == n
            && let Some(new) = replacement(e, way)
        {
            *e = new;
            done = true;
        }
        at += 1;
    });
    done.then_some(out)
}

fn replacement(e: &E, way: usize) -> Option<E> {
    let simple = matches!(e.k, K::Lit(_) | K::Typed(_) | K::Bool(_) | K::Str(_) | K::Var(_) | K::Param(_) | K::Sized(..));
    match way {
        0 if simple => None,
        0 => Some(plain(&e.ty)),
        1 => match &e.k {
            K::Str(s) if s.len() > 1 => Some(E::new(Ty::Str, K::Str("x".into()))),
            K::Typed(n) if !(0..=1).contains(n) => Some(E::typed(&e.ty, 1)),
            K::Lit(n) if *n > 1 => Some(E::lit(1)),
            _ => None,
        },
        _ => {
            let mut copy = e.clone();
            let fit: Vec<E> =
                children(&mut copy).into_iter().map(|c| c.clone()).filter(|c| c.ty == e.ty && c.literal().is_none()).collect();
            fit.get(way - 2).cloned()
        }
    }
}

/// The simplest value of a type.
fn plain(ty: &Ty) -> E {
    let k = match ty {
        Ty::Bool => K::Bool(true),
        Ty::Int(..) => K::Typed(1),
        Ty::Str => K::Str("a".into()),
        Ty::Tuple(m) => K::Tuple(m.iter().map(plain).collect()),
        Ty::Record(m) => K::Record(m.iter().map(plain).collect()),
    };
    E::new(ty.clone(), k)
}

/// Shrinks a program for which `fails` holds, with so many attempts at the most.
pub fn shrink(p: &Program, attempts: usize, fails: &mut dyn FnMut(&Program) -> bool) -> Program {
    let mut best = p.clone();
    let mut left = attempts;
    let mut attempt = |best: &mut Program, make: &dyn Fn(&Program) -> Option<Program>| -> Option<bool> {
        let new = make(best)?;
        if left == 0 {
            return None;
        }
        left -= 1;
        let better = fails(&new);
        if better {
            *best = new;
        }
        Some(better)
    };
    loop {
        let mut progress = false;
        for chunk in [8, 4, 2, 1] {
            let mut count = 0;
            all_lists(&mut best, &mut |_| count += 1);
            for n in (0..count).rev() {
                let mut from = 0;
                while let Some(gone) = attempt(&mut best, &|p| without(p, n, from, chunk)) {
                    progress |= gone;
                    from += usize::from(!gone) * chunk;
                }
            }
        }
        let mut count = 0;
        all_lists(&mut best, &mut |_| count += 1);
        for n in 0..count {
            for index in 0..30 {
                progress |= attempt(&mut best, &|p| opened(p, n, index)).unwrap_or(false);
            }
        }
        let mut n = 0;
        let mut count = usize::MAX;
        while n < count {
            for way in 0..5 {
                progress |= attempt(&mut best, &|p| simpler(p, n, way)).unwrap_or(false);
            }
            n += 1;
            count = 0;
            all_exprs(&mut best, &mut |_| count += 1);
        }
        if !progress {
            break;
        }
    }
    // What nobody calls and no statement names.
    for i in 0..best.funs.len() + best.macros.len() {
        let mut new = best.clone();
        let funs = new.funs.len();
        let f = if i < funs { &mut new.funs[i] } else { &mut new.macros[i - funs] };
        f.body.clear();
        f.value = plain(&f.value.ty);
        attempt(&mut best, &|_| Some(new.clone()));
    }
    best
}
