//! After register allocation: reads through copies, and drops moves that nobody reads any more.
//!
//! Where a value lives over calls, the allocator keeps it in r6 to r9 and moves it to a register of its own for each
//! use between two calls. Reading the long-lived register instead makes most of these moves dead. It also helps the
//! verifier, which sees a bound and its use on one register. A spilled value that is still in a register is not
//! loaded again, for the same two reasons: kernels before 6.8 do not carry what a comparison proves of a register over
//! to the spilled copy.

use crate::vcode::{Base, MInst, Reg, Role, Src, VBlock, VCode};

/// Registers that can hold a copy: r0 to r9.
const REGS: usize = 10;

/// Rewrites code with real registers.
pub fn propagate(code: &mut VCode) {
    let mut preds = vec![Vec::new(); code.blocks.len()];
    for (i, b) in code.blocks.iter().enumerate() {
        b.succs.iter().for_each(|s| preds[*s as usize].push(i));
    }
    let spills_below = -(code.slots as i32);
    let mut ends: Vec<Option<Copies>> = vec![None; code.blocks.len()];
    for i in 0..code.blocks.len() {
        // With one predecessor that was looked at already, what held at its end holds here.
        let mut copies = match preds[i][..] {
            [one] => ends[one].clone().unwrap_or_default(),
            _ => Copies::default(),
        };
        for (inst, _) in &mut code.blocks[i].insts {
            copies.reload(inst, spills_below);
            copies.rewrite(inst);
            copies.spill(inst, spills_below);
        }
        ends[i] = Some(copies);
    }
    drop_dead_moves(code);
}

/// What is known of registers at some point.
#[derive(Clone, Default)]
struct Copies {
    /// For each register, the one that it is a copy of.
    of: [Option<u8>; REGS],
    /// Spills by their offset, and the register that holds the same.
    spilled: Vec<(i16, u8)>,
}

impl Copies {
    fn rewrite(&mut self, inst: &mut MInst) {
        match inst {
            MInst::Mov { src, .. } | MInst::ZeroExt32 { src, .. } => self.read(src),
            // The first operand is overwritten: it stays.
            MInst::Alu { b, .. } => self.read_src(b),
            MInst::Load { base, .. } => self.read_base(base),
            MInst::Store { base, src, .. } => {
                self.read_base(base);
                self.read_src(src);
            }
            MInst::AtomicAdd { base, src, .. } => {
                self.read_base(base);
                self.read(src);
            }
            MInst::Branch { a, b, .. } => {
                self.read(a);
                self.read_src(b);
            }
            // `Set` writes before it reads; the others read registers that are not free to choose, or none.
            _ => {}
        }
        if inst.is_call() {
            (0..=5).for_each(|r| self.kill(r));
        }
        let copy = match inst {
            MInst::Mov { dst, src } if dst != src => Some((*dst, *src)),
            MInst::Mov { .. } => return,
            _ => None,
        };
        inst.for_each_reg(|r, role| {
            if is_def(role) {
                self.kill(r.number());
            }
        });
        if let Some((dst, src)) = copy
            && usize::from(src.number()) < REGS
        {
            self.of[usize::from(dst.number())] = Some(src.number());
        }
    }

    /// Forgets what is known of a register that is written.
    fn kill(&mut self, written: u8) {
        for (r, copy) in self.of.iter_mut().enumerate() {
            if r == usize::from(written) || *copy == Some(written) {
                *copy = None;
            }
        }
        self.spilled.retain(|(_, r)| *r != written);
    }

    /// A load of a spill that is in a register becomes a move.
    fn reload(&self, inst: &mut MInst, spills_below: i32) {
        if let MInst::Load { dst, base: Base::Frame, offset, .. } = inst
            && i32::from(*offset) < spills_below
            && let Some((_, r)) = self.spilled.iter().find(|(at, _)| at == offset)
        {
            *inst = MInst::Mov { dst: *dst, src: Reg::real(*r) };
        }
    }

    /// Notes what is in a spill now. Only the allocator's code touches these, always 8 bytes.
    fn spill(&mut self, inst: &MInst, spills_below: i32) {
        let (offset, r) = match inst {
            MInst::Load { dst, base: Base::Frame, offset, .. } => (*offset, *dst),
            MInst::Store { base: Base::Frame, offset, src: Src::Reg(r), .. } => (*offset, *r),
            _ => return,
        };
        if i32::from(offset) < spills_below {
            self.spilled.retain(|(at, _)| *at != offset);
            self.spilled.push((offset, r.number()));
        }
    }

    fn read(&self, r: &mut Reg) {
        if let Some(Some(original)) = self.of.get(usize::from(r.number())) {
            *r = Reg::real(*original);
        }
    }

    fn read_src(&self, src: &mut Src) {
        if let Src::Reg(r) = src {
            self.read(r);
        }
    }

    fn read_base(&self, base: &mut Base) {
        if let Base::Reg(r) = base {
            self.read(r);
        }
    }
}

fn is_def(role: Role) -> bool {
    !matches!(role, Role::Use | Role::UseFixed(_))
}

/// A set of registers by number.
type Set = u16;

fn drop_dead_moves(code: &mut VCode) {
    let mut live_in: Vec<Set> = vec![0; code.blocks.len()];
    let live_out = |block: &VBlock, live_in: &[Set]| block.succs.iter().fold(0, |set, s| set | live_in[*s as usize]);
    loop {
        let mut changed = false;
        for i in (0..code.blocks.len()).rev() {
            let mut live = live_out(&code.blocks[i], &live_in);
            for (inst, _) in code.blocks[i].insts.iter_mut().rev() {
                // A dead move keeps nothing alive, or chains of them would stay.
                if !is_dead_move(inst, live) {
                    live = before(inst, live);
                }
            }
            changed |= std::mem::replace(&mut live_in[i], live) != live;
        }
        if !changed {
            break;
        }
    }
    for i in 0..code.blocks.len() {
        let mut live = live_out(&code.blocks[i], &live_in);
        let mut kept = Vec::with_capacity(code.blocks[i].insts.len());
        for mut placed in std::mem::take(&mut code.blocks[i].insts).into_iter().rev() {
            if !is_dead_move(&placed.0, live) {
                live = before(&mut placed.0, live);
                kept.push(placed);
            }
        }
        kept.reverse();
        code.blocks[i].insts = kept;
    }
}

fn is_dead_move(inst: &MInst, live_after: Set) -> bool {
    match inst {
        MInst::Mov { dst, src } => dst == src || live_after & bit(*dst) == 0,
        MInst::MovImm { dst, .. } => live_after & bit(*dst) == 0,
        _ => false,
    }
}

/// What is live before an instruction, from what is live after it.
fn before(inst: &mut MInst, mut live: Set) -> Set {
    inst.for_each_reg(|r, role| {
        if is_def(role) {
            live &= !bit(*r);
        }
    });
    if inst.is_call() {
        live &= !0b11_1111;
    }
    inst.for_each_reg(|r, role| {
        if !is_def(role) {
            live |= bit(*r);
        }
    });
    live
}

fn bit(r: Reg) -> Set {
    1 << r.number()
}
