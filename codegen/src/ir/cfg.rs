//! The control-flow graph: order of blocks, predecessors, dominators, and the removal of what can't be reached.

use super::{Block, Function, Value};

/// Predecessors of each block, by block number, one entry an edge.
pub fn predecessors(f: &Function) -> Vec<Vec<Block>> {
    let mut preds = vec![Vec::new(); f.blocks.len()];
    for b in (0..f.blocks.len() as u32).map(Block) {
        for s in f.successors(b) {
            preds[s.0 as usize].push(b);
        }
    }
    preds
}

/// The reachable blocks in reverse post-order: a block comes before its successors but for back edges.
/// The `no` side of a branch is walked last, so that it follows its branch where that is possible.
pub fn reverse_postorder(f: &Function) -> Vec<Block> {
    let mut seen = vec![false; f.blocks.len()];
    let mut order = Vec::with_capacity(f.blocks.len());
    // (block, successors not yet walked, the next one last)
    let mut stack: Vec<(Block, Vec<Block>)> = Vec::new();
    if !f.blocks.is_empty() {
        seen[0] = true;
        stack.push((Block(0), walk_order(f, Block(0))));
    }
    while let Some((block, rest)) = stack.last_mut() {
        let block = *block;
        match rest.pop() {
            Some(s) if !seen[s.0 as usize] => {
                seen[s.0 as usize] = true;
                stack.push((s, walk_order(f, s)));
            }
            Some(_) => {}
            None => {
                order.push(block);
                stack.pop();
            }
        }
    }
    order.reverse();
    order
}

/// Successors such that popping from the end gives `yes` first: what is walked last comes first in the order.
fn walk_order(f: &Function, block: Block) -> Vec<Block> {
    let mut s: Vec<Block> = f.successors(block).collect();
    s.reverse();
    s
}

/// The dominator tree (Cooper, Harvey, Kennedy: "A Simple, Fast Dominance Algorithm").
pub struct Dominators {
    /// Immediate dominator by block number; `None` for the entry and for unreachable blocks.
    idom: Vec<Option<Block>>,
    /// Position in the reverse post-order; `None` for unreachable blocks.
    position: Vec<Option<u32>>,
    /// The reachable blocks in reverse post-order.
    pub order: Vec<Block>,
}

impl Dominators {
    /// Computes the tree.
    pub fn new(f: &Function) -> Self {
        let order = reverse_postorder(f);
        let mut position = vec![None; f.blocks.len()];
        for (i, b) in order.iter().enumerate() {
            position[b.0 as usize] = Some(i as u32);
        }
        let preds = predecessors(f);
        let mut tree = Dominators { idom: vec![None; f.blocks.len()], position, order };
        let mut changed = true;
        while changed {
            changed = false;
            for i in 1..tree.order.len() {
                let b = tree.order[i];
                let known = |p: &&Block| **p == Block(0) || tree.idom[p.0 as usize].is_some();
                let new = preds[b.0 as usize].iter().filter(known).copied().reduce(|x, y| tree.meet(x, y));
                if new != tree.idom[b.0 as usize] {
                    tree.idom[b.0 as usize] = new;
                    changed = true;
                }
            }
        }
        tree
    }

    fn meet(&self, mut a: Block, mut b: Block) -> Block {
        while a != b {
            if self.position[a.0 as usize] > self.position[b.0 as usize] {
                a = self.idom[a.0 as usize].unwrap_or(Block(0));
            } else {
                b = self.idom[b.0 as usize].unwrap_or(Block(0));
            }
        }
        a
    }

    /// The immediate dominator; `None` for the entry and for unreachable blocks.
    pub fn idom(&self, b: Block) -> Option<Block> {
        self.idom[b.0 as usize]
    }

    /// Whether the entry reaches `b`.
    pub fn is_reachable(&self, b: Block) -> bool {
        self.position[b.0 as usize].is_some()
    }

    /// Whether every way to `b` goes through `a`. A block dominates itself.
    pub fn dominates(&self, a: Block, mut b: Block) -> bool {
        while self.position[b.0 as usize] > self.position[a.0 as usize] {
            match self.idom[b.0 as usize] {
                Some(up) => b = up,
                None => return false,
            }
        }
        a == b
    }
}

/// Drops the blocks that the entry does not reach and numbers the others in reverse post-order.
pub fn drop_unreachable(f: &mut Function) {
    let order = reverse_postorder(f);
    if order.iter().enumerate().all(|(i, b)| b.0 as usize == i) && order.len() == f.blocks.len() {
        return;
    }
    let mut new_number = vec![Block(0); f.blocks.len()];
    for (i, b) in order.iter().enumerate() {
        new_number[b.0 as usize] = Block(i as u32);
    }
    let mut blocks = Vec::with_capacity(order.len());
    for b in order {
        let mut data = std::mem::take(&mut f.blocks[b.0 as usize]);
        for t in data.term.iter_mut().flat_map(|t| t.targets_mut()) {
            t.block = new_number[t.block.0 as usize];
        }
        blocks.push(data);
    }
    f.blocks = blocks;
}

/// Replaces block parameters that get the same value over every edge (or themselves) by that value, until none is
/// left; says whether there were any. Needs all blocks reachable.
pub fn drop_trivial_params(f: &mut Function) -> bool {
    let mut alias: Vec<Value> = (0..f.values).map(Value).collect();
    let mut dead = vec![false; f.values as usize];
    let mut any = false;
    loop {
        let same = same_arguments(f, &alias);
        let mut changed = false;
        for block in &f.blocks[1..] {
            for p in &block.params {
                if dead[p.0 as usize] {
                    continue;
                }
                if let Incoming::One(v) = same[p.0 as usize] {
                    // Resolved again here: an earlier parameter of this round may have been replaced already.
                    let v = resolve(&alias, v);
                    if v != *p {
                        alias[p.0 as usize] = v;
                        dead[p.0 as usize] = true;
                        changed = true;
                    }
                }
            }
        }
        any |= changed;
        if !changed {
            break;
        }
    }
    if any {
        remove_params(f, &dead);
        f.for_each_use_mut(|v| *v = resolve(&alias, *v));
    }
    any
}

/// Follows replacements to the end.
pub fn resolve(alias: &[Value], mut v: Value) -> Value {
    while alias[v.0 as usize] != v {
        v = alias[v.0 as usize];
    }
    v
}

#[derive(Clone, Copy, PartialEq)]
enum Incoming {
    None,
    One(Value),
    Many,
}

/// What arrives at each parameter, itself left out.
fn same_arguments(f: &Function, alias: &[Value]) -> Vec<Incoming> {
    let mut incoming = vec![Incoming::None; f.values as usize];
    for target in f.blocks.iter().flat_map(|b| &b.term).flat_map(|t| t.targets()) {
        let params = &f.blocks[target.block.0 as usize].params;
        for (p, a) in params.iter().zip(&target.args) {
            let a = resolve(alias, *a);
            let entry = &mut incoming[p.0 as usize];
            *entry = match *entry {
                _ if a == *p => *entry,
                Incoming::None => Incoming::One(a),
                Incoming::One(v) if v == a => *entry,
                _ => Incoming::Many,
            };
        }
    }
    incoming
}

/// Removes the parameters marked in `dead` (by value number) with their arguments.
pub fn remove_params(f: &mut Function, dead: &[bool]) {
    let keep: Vec<Vec<bool>> = f.blocks.iter().map(|b| b.params.iter().map(|p| !dead[p.0 as usize]).collect()).collect();
    for block in &mut f.blocks {
        block.params.retain(|p| !dead[p.0 as usize]);
        for t in block.term.iter_mut().flat_map(|t| t.targets_mut()) {
            let mut keep = keep[t.block.0 as usize].iter();
            t.args.retain(|_| keep.next().copied().unwrap_or(true));
        }
    }
}
