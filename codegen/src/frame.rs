//! Where the IR's stack slots lie: slots that are never in use at the same time share their bytes.
//!
//! A slot is in use between any two instructions that refer to it: there is a way from one to here and from here to
//! the other. What an instruction does with the slot is not looked at, so this is coarse but hard to get wrong. An
//! address that is stored, or passed to a block, may come back anywhere: its slot is in use everywhere.
//! Slots that nothing refers to get no space.

use crate::ir::cfg::{predecessors, reverse_postorder};
use crate::ir::{Block, Function, Op, Value};

/// The layout of a function's slots.
pub struct Frame {
    /// Offset of each slot from the frame pointer, negative and a multiple of 8.
    pub offsets: Vec<i32>,
    /// Bytes of all slots together.
    pub bytes: u32,
}

/// A set of slots.
#[derive(Clone, PartialEq)]
struct Set(Vec<u64>);

impl Set {
    fn new(slots: usize) -> Set {
        Set(vec![0; slots.div_ceil(64)])
    }

    fn add(&mut self, slot: usize) {
        self.0[slot / 64] |= 1 << (slot % 64);
    }

    fn has(&self, slot: usize) -> bool {
        self.0[slot / 64] >> (slot % 64) & 1 != 0
    }

    fn add_all(&mut self, other: &Set) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }

    fn common(&self, other: &Set) -> Set {
        Set(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|w| *w == 0)
    }
}

/// Lays out the slots of a function.
pub fn layout(f: &Function) -> Frame {
    let references = References::new(f);
    let conflicts = conflicts(f, &references);
    let mut order: Vec<usize> = (0..f.slots.len()).filter(|s| references.all.has(*s)).collect();
    order.sort_by_key(|s| std::cmp::Reverse(f.slots[*s]));
    // Bytes below the frame pointer at which each slot that has its place ends.
    let mut depths: Vec<Option<u32>> = vec![None; f.slots.len()];
    let mut frame = Frame { offsets: vec![0; f.slots.len()], bytes: 0 };
    for s in order {
        let taken = (0..f.slots.len()).filter(|o| conflicts[s].has(*o));
        let mut ranges: Vec<(u32, u32)> = taken.filter_map(|o| depths[o].map(|end| (end - f.slots[o], end))).collect();
        ranges.sort_unstable();
        let mut start = 0u32;
        for (from, to) in ranges {
            if start.saturating_add(f.slots[s]) <= from {
                break;
            }
            start = start.max(to);
        }
        let end = start.saturating_add(f.slots[s]);
        depths[s] = Some(end);
        frame.offsets[s] = i32::try_from(end).map_or(i32::MIN, |e| -e);
        frame.bytes = frame.bytes.max(end);
    }
    frame
}

/// Which slots each instruction refers to.
struct References {
    /// By block; the terminator refers to none that is not in `pinned`.
    insts: Vec<Vec<Set>>,
    /// Slots in use everywhere.
    pinned: Set,
    /// Slots that anything refers to.
    all: Set,
}

impl References {
    fn new(f: &Function) -> References {
        let empty = Set::new(f.slots.len());
        let mut r = References { insts: vec![Vec::new(); f.blocks.len()], pinned: empty.clone(), all: empty.clone() };
        // The slot that a value points into.
        let mut base: Vec<Option<usize>> = vec![None; f.values as usize];
        for b in reverse_postorder(f) {
            for inst in &f.blocks[b.0 as usize].insts {
                let mut set = empty.clone();
                inst.op.for_each_use(|v| {
                    if let Some(slot) = base[v.0 as usize] {
                        set.add(slot);
                    }
                });
                r.all.add_all(&set);
                r.insts[b.0 as usize].push(set);
                r.follow(&inst.op, inst.result, &mut base);
            }
            if let Some(term) = &f.blocks[b.0 as usize].term {
                term.for_each_use(|v| r.pin(base[v.0 as usize]));
            }
        }
        r
    }

    fn pin(&mut self, slot: Option<usize>) {
        if let Some(slot) = slot {
            self.pinned.add(slot);
            self.all.add(slot);
        }
    }

    /// Where the address of a slot goes from here.
    fn follow(&mut self, op: &Op, result: Option<Value>, base: &mut [Option<usize>]) {
        let of = |v: &Value| base[v.0 as usize];
        let to = match op {
            Op::SlotAddr(slot, _) => Some(slot.0 as usize),
            Op::Bin(_, a, b) => {
                if of(a).is_some() && of(b).is_some() {
                    self.pin(of(b));
                }
                of(a).or(of(b))
            }
            Op::Store { value, .. } | Op::AtomicAdd { value, .. } => {
                self.pin(of(value));
                None
            }
            // Whatever this makes of an address, it is none that leads back.
            _ => None,
        };
        if let Some(v) = result {
            base[v.0 as usize] = to;
        }
    }
}

/// For each slot, those in use at some point where it is in use too.
fn conflicts(f: &Function, references: &References) -> Vec<Set> {
    let slots = f.slots.len();
    let before = reached(f, references, true);
    let after = reached(f, references, false);
    let mut conflicts = vec![Set::new(slots); slots];
    let mut meet = |mut live: Set| {
        live.add_all(&references.pinned);
        for s in (0..slots).filter(|s| live.has(*s)) {
            conflicts[s].add_all(&live);
        }
    };
    for (b, insts) in references.insts.iter().enumerate() {
        // What is referred to from each instruction on.
        let mut later = vec![after[b].clone()];
        for set in insts.iter().rev() {
            let mut next = later[later.len() - 1].clone();
            next.add_all(set);
            later.push(next);
        }
        let mut earlier = before[b].clone();
        meet(earlier.common(&later[insts.len()]));
        for (i, set) in insts.iter().enumerate().filter(|(_, s)| !s.is_empty()) {
            earlier.add_all(set);
            meet(earlier.common(&later[insts.len() - i]));
        }
        meet(earlier.common(&later[0]));
    }
    conflicts
}

/// For each block, the slots referred to on some way to its start (`forward`) or from its end.
fn reached(f: &Function, references: &References, forward: bool) -> Vec<Set> {
    let edges: Vec<Vec<Block>> =
        if forward { predecessors(f) } else { (0..f.blocks.len() as u32).map(|b| f.successors(Block(b)).collect()).collect() };
    let mut own = vec![Set::new(f.slots.len()); f.blocks.len()];
    for (set, insts) in own.iter_mut().zip(&references.insts) {
        insts.iter().for_each(|i| set.add_all(i));
    }
    let mut sets = vec![Set::new(f.slots.len()); f.blocks.len()];
    let mut order = reverse_postorder(f);
    if !forward {
        order.reverse();
    }
    loop {
        let mut changed = false;
        for b in &order {
            let mut set = sets[b.0 as usize].clone();
            for e in &edges[b.0 as usize] {
                set.add_all(&sets[e.0 as usize]);
                set.add_all(&own[e.0 as usize]);
            }
            changed |= set != sets[b.0 as usize];
            sets[b.0 as usize] = set;
        }
        if !changed {
            return sets;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text::parse_function;

    fn offsets(body: &str) -> (Vec<i32>, u32) {
        let f = parse_function("f", body).unwrap();
        crate::ir::verify::verify(&f).unwrap();
        let frame = layout(&f);
        (frame.offsets, frame.bytes)
    }

    #[test]
    fn slots_used_one_after_the_other_share() {
        let body = "slot s0 16\nslot s1 32\nslot s2 8\nb0(v0):\n v1 = slot s0+0\n v2 = slot s1+0\n store.8 v1+0, v0\n v3 = load.8 v1+0\n store.8 v2+0, v0\n v4 = load.8 v2+0\n return v4\n";
        assert_eq!(offsets(body), (vec![-16, -32, 0], 32));
    }

    #[test]
    fn slots_used_at_the_same_time_do_not() {
        let body = "slot s0 16\nslot s1 32\nb0(v0):\n v1 = slot s0+0\n v2 = slot s1+0\n store.8 v1+0, v0\n store.8 v2+0, v0\n v3 = load.8 v1+0\n v4 = load.8 v2+0\n return v4\n";
        assert_eq!(offsets(body), (vec![-48, -32], 48));
    }

    #[test]
    fn a_loop_keeps_its_slots_apart() {
        let body = "slot s0 8\nslot s1 8\nb0(v0):\n v1 = slot s0+0\n v2 = slot s1+0\n jump b1\nb1:\n v3 = load.8 v1+0\n store.8 v1+0, v0\n v4 = load.8 v2+0\n store.8 v2+0, v0\n branch ne v3, v4, b1, b2\nb2:\n return v0\n";
        assert_eq!(offsets(body).1, 16);
    }

    #[test]
    fn both_sides_of_a_branch_share() {
        let body = "slot s0 8\nslot s1 8\nb0(v0):\n v1 = slot s0+0\n v2 = slot s1+0\n branch ne v0, v0, b1, b2\nb1:\n store.8 v1+0, v0\n v3 = load.8 v1+0\n return v3\nb2:\n store.8 v2+0, v0\n v4 = load.8 v2+0\n return v4\n";
        assert_eq!(offsets(body).1, 8);
    }

    #[test]
    fn an_address_that_escapes_pins_its_slot() {
        let body = "slot s0 8\nslot s1 8\nb0(v0):\n v1 = slot s0+0\n v2 = slot s1+0\n store.8 v0+0, v1\n store.8 v2+0, v0\n v3 = load.8 v2+0\n return v3\n";
        assert_eq!(offsets(body).1, 16);
        let body = "slot s0 8\nslot s1 8\nb0(v0):\n v1 = slot s0+0\n v2 = slot s1+0\n store.8 v1+0, v0\n jump b1(v1)\nb1(v3):\n store.8 v2+0, v0\n v4 = load.8 v3+0\n return v4\n";
        assert_eq!(offsets(body).1, 16);
    }

    #[test]
    fn an_address_computed_at_run_time_is_followed() {
        let body = "slot s0 16\nslot s1 16\nb0(v0):\n v1 = slot s0+0\n v2 = slot s1+0\n v3 = add v1, v0\n store.8 v2+0, v0\n store.1 v3+0, v0\n v4 = load.8 v2+0\n return v4\n";
        assert_eq!(offsets(body).1, 32);
    }
}
