//! Dead code: drops instructions and block parameters that no effect depends on.

use crate::ir::cfg::remove_params;
use crate::ir::{Function, Op, Value};

/// Runs the pass.
pub(super) fn run(f: &mut Function) -> bool {
    let live = live_values(f);
    let dead: Vec<bool> = live.iter().map(|l| !l).collect();
    let mut changed = false;
    for block in &mut f.blocks {
        let before = block.insts.len();
        block.insts.retain(|inst| !inst.op.is_removable() || inst.result.is_none_or(|v| live[v.0 as usize]));
        changed |= block.insts.len() != before;
    }
    let mut unused_params = dead;
    // Those of the function are where its caller puts them.
    for p in f.blocks.first().iter().flat_map(|b| &b.params) {
        unused_params[p.0 as usize] = false;
    }
    if f.blocks.iter().flat_map(|b| &b.params).any(|p| unused_params[p.0 as usize]) {
        remove_params(f, &unused_params);
        changed = true;
    }
    changed
}

/// By value number: whether an effect or a terminator's decision depends on the value.
fn live_values(f: &Function) -> Vec<bool> {
    let mut live = vec![false; f.values as usize];
    let mut work: Vec<Value> = Vec::new();
    // What to mark when a value turns out to be live.
    let mut ops: Vec<Option<&Op>> = vec![None; f.values as usize];
    let mut incoming: Vec<Vec<Value>> = vec![Vec::new(); f.values as usize];
    for block in &f.blocks {
        for inst in &block.insts {
            if !inst.op.is_removable() {
                inst.op.for_each_use(|v| work.push(v));
            }
            if let Some(v) = inst.result {
                ops[v.0 as usize] = Some(&inst.op);
            }
        }
        let Some(term) = &block.term else { continue };
        let args: usize = term.targets().map(|t| t.args.len()).sum();
        let mut operands = Vec::new();
        term.for_each_use(|v| operands.push(v));
        // The arguments of targets come last; they are live only if their parameter is.
        operands.truncate(operands.len() - args);
        work.extend(operands);
        for t in term.targets() {
            for (p, a) in f.blocks[t.block.0 as usize].params.iter().zip(&t.args) {
                incoming[p.0 as usize].push(*a);
            }
        }
    }
    while let Some(v) = work.pop() {
        if std::mem::replace(&mut live[v.0 as usize], true) {
            continue;
        }
        if let Some(op) = ops[v.0 as usize] {
            op.for_each_use(|v| work.push(v));
        }
        work.append(&mut incoming[v.0 as usize]);
    }
    live
}
