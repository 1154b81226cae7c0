//! Global value numbering: of equal pure computations, the one that dominates stays.
//!
//! Leaves (constants, addresses of slots and global data, maps) move to the entry, since instruction selection emits
//! them again at each use anyway; blocks that held nothing else are then empty, which `flow` likes. Helper calls that
//! answer the same during a whole run (`get_current_pid_tgid`) count as pure but stay where they are.
//!
//! The verifier ties what a comparison proves to the compared register and its copies, not to values computed from it
//! before. So a computation that depends on a value that some branch compares is shared only within its own block,
//! where no comparison can lie between the two.

use crate::ir::cfg::{Dominators, resolve};
use crate::ir::{Block, Function, Inst, Op, Term, Value};
use std::collections::HashMap;

/// Runs the pass.
pub(super) fn run(f: &mut Function) -> bool {
    let hoisted = hoist_leaves(f);
    share(f) | hoisted
}

fn is_leaf(op: &Op) -> bool {
    matches!(op, Op::Const(_) | Op::SlotAddr(..) | Op::Map(_) | Op::Global(..) | Op::FuncAddr(_) | Op::KernelVar(_))
}

/// Moves leaves to the start of the entry, each once. Says whether something moved or was merged.
fn hoist_leaves(f: &mut Function) -> bool {
    let mut first: HashMap<Op, Value> = HashMap::new();
    let mut leaves: Vec<Inst> = Vec::new();
    let mut alias: Vec<Value> = (0..f.values).map(Value).collect();
    let mut changed = false;
    let entry_prefix = f.blocks[0].insts.iter().take_while(|i| is_leaf(&i.op)).count();
    for (b, block) in f.blocks.iter_mut().enumerate() {
        for (at, inst) in std::mem::take(&mut block.insts).into_iter().enumerate() {
            let Some(v) = inst.result.filter(|_| is_leaf(&inst.op)) else {
                block.insts.push(inst);
                continue;
            };
            match first.get(&inst.op) {
                Some(known) => {
                    alias[v.0 as usize] = *known;
                    changed = true;
                }
                None => {
                    changed |= b != 0 || at >= entry_prefix;
                    first.insert(inst.op.clone(), v);
                    leaves.push(Inst { span: None, ..inst });
                }
            }
        }
    }
    f.blocks[0].insts.splice(0..0, leaves);
    f.for_each_use_mut(|v| *v = alias[v.0 as usize]);
    changed
}

/// Where an operation was seen first.
struct Seen {
    value: Value,
    block: Block,
}

/// Replaces computations by equal ones that dominate them.
fn share(f: &mut Function) -> bool {
    let dominators = Dominators::new(f);
    let guarded = guarded(f);
    let mut alias: Vec<Value> = (0..f.values).map(Value).collect();
    let mut table: HashMap<Op, Vec<Seen>> = HashMap::new();
    let mut changed = false;
    // In reverse post-order a dominator comes before what it dominates.
    for b in dominators.order.clone() {
        for inst in &mut f.blocks[b.0 as usize].insts {
            inst.op.for_each_use_mut(|v| *v = resolve(&alias, *v));
            let Some(v) = inst.result else { continue };
            if is_leaf(&inst.op) || !is_shareable(&inst.op) {
                continue;
            }
            let local = is_guarded(&inst.op, &guarded);
            let seen = table.entry(inst.op.clone()).or_default();
            let equal = seen.iter().find(|s| s.block == b || (!local && dominators.dominates(s.block, b)));
            match equal {
                Some(s) => {
                    alias[v.0 as usize] = s.value;
                    changed = true;
                }
                None => seen.push(Seen { value: v, block: b }),
            }
        }
    }
    if changed {
        f.for_each_use_mut(|v| *v = resolve(&alias, *v));
        // The replaced calls have no reader any more; `dce` drops them with the rest.
    }
    changed
}

fn is_shareable(op: &Op) -> bool {
    match op {
        Op::Call { helper, .. } => helper.is_constant(),
        other => other.is_pure(),
    }
}

fn is_guarded(op: &Op, guarded: &[bool]) -> bool {
    let mut any = false;
    op.for_each_use(|v| any |= guarded[v.0 as usize]);
    any
}

/// By value number: whether a branch compares the value, or a value that it is computed from.
fn guarded(f: &Function) -> Vec<bool> {
    let mut guarded = vec![false; f.values as usize];
    for block in &f.blocks {
        if let Some(Term::Branch { a, b, .. }) = &block.term {
            guarded[a.0 as usize] = true;
            guarded[b.0 as usize] = true;
        }
    }
    // Leaves prove nothing about anything else.
    for inst in f.blocks.iter().flat_map(|b| &b.insts) {
        if let Some(v) = inst.result.filter(|_| is_leaf(&inst.op)) {
            guarded[v.0 as usize] = false;
        }
    }
    loop {
        let mut changed = false;
        for inst in f.blocks.iter().flat_map(|b| &b.insts) {
            if let Some(v) = inst.result
                && inst.op.is_pure()
                && !guarded[v.0 as usize]
                && is_guarded(&inst.op, &guarded)
            {
                guarded[v.0 as usize] = true;
                changed = true;
            }
        }
        if !changed {
            return guarded;
        }
    }
}
