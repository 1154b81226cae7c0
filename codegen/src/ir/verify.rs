//! Checks a function. It runs between passes in tests and under `-d`, and once before instruction selection.
//!
//! The invariants:
//! 1. There is a block 0; it has one parameter, the context, or up to five; nothing jumps to it.
//! 2. Every block that the entry reaches has a terminator, whose targets exist and get one argument for each parameter.
//! 3. Every value is defined once, by a parameter or an instruction, and its number is below `Function::values`.
//! 4. A definition dominates its uses; within a block it comes first.
//! 5. An instruction has a result if and only if its operation gives one.
//! 6. `Ext` takes 8, 16 or 32 bits, `Bswap` 16, 32 or 64; `AtomicAdd` works on 4 or 8 bytes; `Zero` and `Copy` on a
//!    multiple of 8; a call has at most five arguments, and as many as its helper takes if the helper is known.
//! 7. Slots are multiples of 8 bytes. An address of a slot lies within it or at its end, and an access through such an
//!    address lies within the slot.
//! 8. Maps and global data that are named exist (checked where a [`Module`] is at hand).
//!
//! Unreachable blocks are checked for 2, 3 and 5 to 8 alone.

use super::cfg::Dominators;
use super::{Block, Function, MapRef, Module, Op, Section, Size, Slot, Target, Value};
use std::fmt;

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The function.
    pub function: String,
    /// The block.
    pub block: Block,
    /// What is wrong, with the instruction.
    pub message: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.function, self.block, self.message)
    }
}

impl std::error::Error for Broken {}

/// Checks every function of a module.
pub fn verify_module(module: &Module) -> Result<(), Broken> {
    let all = module.functions.iter().map(|(_, f)| f).chain(&module.subs);
    all.into_iter().try_for_each(|f| Checker::new(f, Some(module)).run())
}

/// Checks one function, without what only its module tells.
pub fn verify(f: &Function) -> Result<(), Broken> {
    Checker::new(f, None).run()
}

/// Where a value is defined: its block, and 0 for a parameter or 1 + the index of the instruction.
type Place = (Block, usize);

struct Checker<'a> {
    f: &'a Function,
    module: Option<&'a Module>,
    places: Vec<Option<Place>>,
    /// The slot and offset of values that are addresses of slots.
    slots: Vec<Option<(Slot, i32)>>,
    block: Block,
}

type Check = Result<(), Broken>;

impl<'a> Checker<'a> {
    fn new(f: &'a Function, module: Option<&'a Module>) -> Self {
        let n = f.values as usize;
        Checker { f, module, places: vec![None; n], slots: vec![None; n], block: Block(0) }
    }

    fn fail(&self, message: impl Into<String>) -> Check {
        Err(Broken { function: self.f.name.clone(), block: self.block, message: message.into() })
    }

    fn run(mut self) -> Check {
        match self.f.blocks.first() {
            Some(entry) if (1..=5).contains(&entry.params.len()) => {}
            _ => return self.fail("the entry must have one parameter, the context, or up to five"),
        }
        if let Some(odd) = self.f.slots.iter().find(|s| *s % 8 != 0) {
            return self.fail(format!("a slot of {odd} bytes"));
        }
        self.targets()?;
        self.definitions()?;
        let dominators = Dominators::new(self.f);
        for b in (0..self.f.blocks.len() as u32).map(Block) {
            self.block = b;
            self.uses(&dominators)?;
            for inst in &self.f.blocks[b.0 as usize].insts {
                self.op(&inst.op)?;
            }
        }
        Ok(())
    }

    /// Invariants 1 and 2.
    fn targets(&mut self) -> Check {
        for (i, block) in self.f.blocks.iter().enumerate() {
            self.block = Block(i as u32);
            let Some(term) = &block.term else {
                return self.fail("no terminator");
            };
            for t in term.targets() {
                self.target(t)?;
            }
        }
        Ok(())
    }

    fn target(&self, t: &Target) -> Check {
        match self.f.blocks.get(t.block.0 as usize) {
            _ if t.block == Block(0) => self.fail("a jump to the entry"),
            None => self.fail(format!("a jump to {}, which does not exist", t.block)),
            Some(b) if b.params.len() != t.args.len() => {
                self.fail(format!("{} takes {} arguments, {} given", t.block, b.params.len(), t.args.len()))
            }
            Some(_) => Ok(()),
        }
    }

    /// Invariants 3 and 5.
    fn definitions(&mut self) -> Check {
        let f = self.f;
        for (i, block) in f.blocks.iter().enumerate() {
            self.block = Block(i as u32);
            for p in &block.params {
                self.define(*p, 0)?;
            }
            for (at, inst) in block.insts.iter().enumerate() {
                if inst.op.has_result() != inst.result.is_some() {
                    return self.fail(format!("`{}`: result missing or too much", inst.op));
                }
                if let Some(v) = inst.result {
                    self.define(v, at + 1)?;
                    if let Op::SlotAddr(slot, offset) = inst.op {
                        self.slots[v.0 as usize] = Some((slot, offset));
                    }
                }
            }
        }
        Ok(())
    }

    fn define(&mut self, v: Value, at: usize) -> Check {
        match self.places.get(v.0 as usize) {
            None => self.fail(format!("{v} is not below the function's {} values", self.f.values)),
            Some(Some(_)) => self.fail(format!("{v} is defined twice")),
            Some(None) => {
                self.places[v.0 as usize] = Some((self.block, at));
                Ok(())
            }
        }
    }

    /// Invariant 4.
    fn uses(&self, dominators: &Dominators) -> Check {
        let block = &self.f.blocks[self.block.0 as usize];
        let mut bad = None;
        let mut check = |v: Value, at: usize| {
            let ok = match self.places.get(v.0 as usize).copied().flatten() {
                None => false,
                _ if !dominators.is_reachable(self.block) => true,
                Some((b, place)) if b == self.block => place <= at,
                Some((b, _)) => dominators.dominates(b, self.block),
            };
            if !ok {
                bad.get_or_insert(v);
            }
        };
        for (at, inst) in block.insts.iter().enumerate() {
            inst.op.for_each_use(|v| check(v, at));
        }
        if let Some(term) = &block.term {
            term.for_each_use(|v| check(v, block.insts.len()));
        }
        match bad {
            Some(v) => self.fail(format!("{v} is used where it is not defined")),
            None => Ok(()),
        }
    }

    /// Invariants 6 to 8.
    fn op(&self, op: &Op) -> Check {
        let ok = match op {
            Op::Ext { bits, .. } => matches!(bits, 8 | 16 | 32),
            Op::Bswap { bits, .. } => matches!(bits, 16 | 32 | 64),
            Op::AtomicAdd { size: Size::B1 | Size::B2, .. } => false,
            Op::Zero { len, .. } | Op::Copy { len, .. } => len % 8 == 0,
            Op::Call { helper, args } => {
                args.len() <= helper.row().map_or(5, |r| usize::from(r.args))
                    && (args.len() == helper.row().map_or(args.len(), |r| usize::from(r.args)) || *helper == super::Helper::TRACE_PRINTK)
            }
            Op::SlotAddr(slot, offset) => self.in_slot(*slot, *offset, 0),
            Op::Map(MapRef(m)) => self.module.is_none_or(|module| (*m as usize) < module.maps.len()),
            Op::Global(section, offset) => self.module.is_none_or(|m| *offset < section_size(m, *section)),
            _ => true,
        };
        if !ok {
            return self.fail(format!("`{op}` is malformed"));
        }
        self.accesses(op)
    }

    fn accesses(&self, op: &Op) -> Check {
        let access = |ptr: &Value, offset: i32, len: u32| match self.slots.get(ptr.0 as usize).copied().flatten() {
            Some((slot, start)) if !self.in_slot(slot, start.saturating_add(offset), len) => self.fail(format!("`{op}` leaves its slot")),
            _ => Ok(()),
        };
        match op {
            Op::Load { size, ptr, offset, .. } | Op::Store { size, ptr, offset, .. } | Op::AtomicAdd { size, ptr, offset, .. } => {
                access(ptr, *offset, size.bytes())
            }
            Op::Zero { ptr, offset, len } => access(ptr, *offset, *len),
            Op::Copy { dst, dst_offset, src, src_offset, len } => {
                access(dst, *dst_offset, *len)?;
                access(src, *src_offset, *len)
            }
            _ => Ok(()),
        }
    }

    fn in_slot(&self, slot: Slot, offset: i32, len: u32) -> bool {
        self.f.slots.get(slot.0 as usize).is_some_and(|size| offset >= 0 && i64::from(offset) + i64::from(len) <= i64::from(*size))
    }
}

fn section_size(module: &Module, section: Section) -> u32 {
    match section {
        Section::Bss => module.bss_size,
        Section::Rodata => module.rodata.len() as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::{parse_function, parse_module};
    use super::*;

    #[track_caller]
    fn rejects(body: &str, what: &str) {
        let broken = verify(&parse_function("f", body).unwrap()).unwrap_err();
        assert!(broken.message.contains(what), "{broken}");
    }

    #[test]
    fn accepts_a_loop() {
        let f = "b0(v0):\n v1 = const 0\n jump b1(v1)\nb1(v2):\n v3 = add v2, v2\n branch ne v3, v0, b1(v3), b2\nb2:\n return v3\n";
        verify(&parse_function("f", f).unwrap()).unwrap();
    }

    #[test]
    fn rejects_what_breaks_an_invariant() {
        rejects("b0:\n", "one parameter");
        rejects("b0(v0):\n jump b0(v0)\n", "jump to the entry");
        rejects("b0(v0):\n jump b7\n", "does not exist");
        rejects("b0(v0):\n jump b1\nb1(v1):\n return v1\n", "takes 1 arguments");
        rejects("b0(v0):\n v0 = const 1\n return v0\n", "defined twice");
        rejects("b0(v0):\n v1 = add v2, v0\n v2 = const 1\n return v1\n", "not defined");
        rejects("b0(v0):\n branch eq v0, v0, b1, b2\nb1:\n v1 = const 1\n jump b2\nb2:\n return v1\n", "not defined");
        rejects("b0(v0):\n atomic_add.2 v0+0, v0\n return v0\n", "malformed");
        rejects("b0(v0):\n zero v0+0, 12\n return v0\n", "malformed");
        rejects("b0(v0):\n v1 = call map_lookup_elem(v0)\n return v0\n", "malformed");
        rejects("slot s0 12\nb0(v0):\n return v0\n", "slot of 12");
        rejects("slot s0 8\nb0(v0):\n v1 = slot s0+16\n return v0\n", "malformed");
        rejects("slot s0 8\nb0(v0):\n v1 = slot s0+4\n store.8 v1+0, v0\n return v0\n", "leaves its slot");
        rejects("b0(v0):\n", "no terminator");
    }

    #[test]
    fn rejects_what_the_module_lacks() {
        let module = parse_module("raw_tp f {\nb0(v0):\n v1 = map m0\n return v1\n}\n").unwrap();
        assert!(verify_module(&module).is_err());
        let module = parse_module("bss 8\nraw_tp f {\nb0(v0):\n v1 = global bss+8\n return v1\n}\n").unwrap();
        assert!(verify_module(&module).is_err());
    }
}
