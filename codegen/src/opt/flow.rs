//! Control flow: decided branches, empty blocks, straight lines, and branches on a parameter that is constant over
//! some edge (what `&&` and `||` lower to).

use super::fold::eval_cmp;
use crate::ir::cfg::{drop_unreachable, predecessors};
use crate::ir::{Block, Cc, Function, Op, Target, Term, Value};

/// Runs the pass.
pub(super) fn run(f: &mut Function) -> bool {
    let mut any = false;
    loop {
        let constants = constants(f);
        let changed = decide(f, &constants) | thread(f, &constants);
        let blocks = f.blocks.len();
        drop_unreachable(f);
        let changed = changed | merge(f) | (f.blocks.len() != blocks);
        if !changed {
            return any;
        }
        any = true;
    }
}

/// Constants by value number.
fn constants(f: &Function) -> Vec<Option<i64>> {
    let mut constants = vec![None; f.values as usize];
    for inst in f.blocks.iter().flat_map(|b| &b.insts) {
        if let (Some(v), Op::Const(c)) = (inst.result, &inst.op) {
            constants[v.0 as usize] = Some(*c);
        }
    }
    constants
}

/// Branches on constants, and branches whose sides are the same, become jumps.
fn decide(f: &mut Function, constants: &[Option<i64>]) -> bool {
    let mut changed = false;
    for block in &mut f.blocks {
        let Some(Term::Branch { cc, a, b, yes, no }) = &block.term else {
            continue;
        };
        let taken = if yes == no { Some(true) } else { known(constants, *cc, *a, *b) };
        if let Some(taken) = taken {
            let target = if taken { yes.clone() } else { no.clone() };
            block.term = Some(Term::Jump(target));
            changed = true;
        }
    }
    changed
}

fn known(constants: &[Option<i64>], cc: Cc, a: Value, b: Value) -> Option<bool> {
    Some(eval_cmp(cc, constants[a.0 as usize]?, constants[b.0 as usize]?))
}

/// Edges into a block that does nothing go where it goes.
fn thread(f: &mut Function, constants: &[Option<i64>]) -> bool {
    let uses = f.use_counts();
    let mut changed = false;
    for from in 0..f.blocks.len() {
        let Some(mut term) = f.blocks[from].term.take() else {
            continue;
        };
        for t in term.targets_mut() {
            // Bounded: a loop of empty blocks has no end.
            for _ in 0..8 {
                match through(f, constants, &uses, t) {
                    Some(next) if next != *t => {
                        *t = next;
                        changed = true;
                    }
                    _ => break,
                }
            }
        }
        f.blocks[from].term = Some(term);
    }
    changed
}

/// Where a jump to `t` ends up if the block there does nothing and decides nothing that is not known.
fn through(f: &Function, constants: &[Option<i64>], uses: &[u32], t: &Target) -> Option<Target> {
    let block = &f.blocks[t.block.0 as usize];
    if !block.insts.is_empty() {
        return None;
    }
    let term = block.term.as_ref()?;
    // A parameter that is read elsewhere must go on being defined here.
    let mut own_uses: Vec<(Value, u32)> = block.params.iter().map(|p| (*p, 0)).collect();
    term.for_each_use(|v| own_uses.iter_mut().filter(|(p, _)| *p == v).for_each(|(_, n)| *n += 1));
    if own_uses.iter().any(|(p, n)| uses[p.0 as usize] != *n) {
        return None;
    }
    let argument = |v: Value| match block.params.iter().position(|p| *p == v) {
        Some(i) => t.args[i],
        None => v,
    };
    let next = match term {
        Term::Jump(next) => next,
        Term::Branch { cc, a, b, yes, no } => {
            if known(constants, *cc, argument(*a), argument(*b))? {
                yes
            } else {
                no
            }
        }
        Term::Return(_) => return None,
    };
    Some(Target { block: next.block, args: next.args.iter().map(|a| argument(*a)).collect() })
}

/// A block that is the only one to jump to another absorbs it.
fn merge(f: &mut Function) -> bool {
    let preds = predecessors(f);
    let mut alias: Vec<Value> = (0..f.values).map(Value).collect();
    let mut changed = false;
    for b in 0..f.blocks.len() {
        while let Some(Term::Jump(t)) = &f.blocks[b].term {
            let next = t.block;
            if next == Block(0) || next.0 as usize == b || preds[next.0 as usize].len() != 1 {
                break;
            }
            let args = t.args.clone();
            let data = std::mem::take(&mut f.blocks[next.0 as usize]);
            for (p, a) in data.params.iter().zip(args) {
                alias[p.0 as usize] = a;
            }
            f.blocks[b].insts.extend(data.insts);
            f.blocks[b].term = data.term;
            changed = true;
        }
    }
    if changed {
        drop_unreachable(f);
        f.for_each_use_mut(|v| *v = crate::ir::cfg::resolve(&alias, *v));
    }
    changed
}
