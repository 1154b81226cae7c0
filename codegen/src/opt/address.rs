//! Folds `p + constant` into the offsets of the accesses through it, as far as an instruction's 16 bits reach.
//!
//! For the context this is not a matter of taste: the verifier refuses an access through a context pointer that was
//! added to.

use crate::ir::{BinOp, Function, Op, Value};

/// What a value adds to another: `(base, constant)`.
type Sums = Vec<Option<(Value, i64)>>;

/// Runs the pass.
pub(super) fn run(f: &mut Function) -> bool {
    let sums = sums(f);
    let mut changed = false;
    for inst in f.blocks.iter_mut().flat_map(|b| &mut b.insts) {
        changed |= match &mut inst.op {
            Op::Load { size, ptr, offset, .. } | Op::Store { size, ptr, offset, .. } | Op::AtomicAdd { size, ptr, offset, .. } => {
                fold(&sums, ptr, offset, size.bytes())
            }
            Op::Zero { ptr, offset, len } => fold(&sums, ptr, offset, *len),
            Op::Copy { dst, dst_offset, src, src_offset, len } => fold(&sums, dst, dst_offset, *len) | fold(&sums, src, src_offset, *len),
            _ => false,
        };
    }
    changed
}

fn sums(f: &Function) -> Sums {
    let mut constants = vec![None; f.values as usize];
    for inst in f.blocks.iter().flat_map(|b| &b.insts) {
        if let (Some(v), Op::Const(c)) = (inst.result, &inst.op) {
            constants[v.0 as usize] = Some(*c);
        }
    }
    let mut sums = vec![None; f.values as usize];
    for inst in f.blocks.iter().flat_map(|b| &b.insts) {
        if let (Some(v), Op::Bin(BinOp::Add, base, b)) = (inst.result, &inst.op) {
            sums[v.0 as usize] = constants[b.0 as usize].map(|c| (*base, c));
        }
    }
    sums
}

fn fold(sums: &Sums, ptr: &mut Value, offset: &mut i32, len: u32) -> bool {
    let mut changed = false;
    while let Some((base, c)) = sums[ptr.0 as usize] {
        let Some(sum) = c.checked_add(i64::from(*offset)) else {
            break;
        };
        // The last byte's offset must fit as well, since an area is accessed word by word.
        let fits = i16::try_from(sum).is_ok() && i16::try_from(sum.saturating_add(i64::from(len))).is_ok();
        if !fits {
            break;
        }
        *ptr = base;
        *offset = sum as i32;
        changed = true;
    }
    changed
}
