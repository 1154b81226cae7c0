//! Constant folding and algebra on single instructions.
//!
//! Constants stand on the right of commutative operations and comparisons afterwards. Replacing an instruction keeps
//! its value number, or makes the number an alias of another.

use crate::ir::cfg::{resolve, reverse_postorder};
use crate::ir::{BinOp, Cc, Function, Inst, Op, Term, Value};

/// Runs the pass.
pub(super) fn run(f: &mut Function) -> bool {
    let mut folder = Folder {
        defs: vec![None; f.values as usize],
        alias: (0..f.values).map(Value).collect(),
        new_insts: Vec::new(),
        values: f.values,
        changed: false,
    };
    for b in reverse_postorder(f) {
        let block = &mut f.blocks[b.0 as usize];
        let mut insts = Vec::with_capacity(block.insts.len());
        for mut inst in std::mem::take(&mut block.insts) {
            folder.inst(&mut inst);
            insts.append(&mut folder.new_insts);
            insts.push(inst);
        }
        if let Some(term) = &mut block.term {
            folder.term(term);
            insts.append(&mut folder.new_insts);
        }
        block.insts = insts;
    }
    f.values = folder.values;
    let alias = folder.alias;
    f.for_each_use_mut(|v| *v = resolve(&alias, *v));
    folder.changed
}

/// What an instruction becomes.
enum To {
    Op(Op),
    Value(Value),
}

struct Folder {
    /// The pure operation or load that defines a value.
    defs: Vec<Option<Op>>,
    alias: Vec<Value>,
    /// Constants that the instruction at hand needs before it.
    new_insts: Vec<Inst>,
    values: u32,
    changed: bool,
}

impl Folder {
    fn inst(&mut self, inst: &mut Inst) {
        inst.op.for_each_use_mut(|v| *v = resolve(&self.alias, *v));
        let Some(result) = inst.result else { return };
        // Each rewrite makes the operation simpler, so this ends.
        while let Some(to) = self.simplify(&inst.op) {
            self.changed = true;
            match to {
                To::Op(op) => inst.op = op,
                To::Value(v) => {
                    self.alias[result.0 as usize] = v;
                    return;
                }
            }
        }
        self.defs[result.0 as usize] = Some(inst.op.clone());
    }

    fn term(&mut self, term: &mut Term) {
        term.for_each_use_mut(|v| *v = resolve(&self.alias, *v));
        let Term::Branch { cc, a, b, yes, no } = term else {
            return;
        };
        if self.constant(*a).is_some() && self.constant(*b).is_none() {
            std::mem::swap(a, b);
            *cc = cc.swapped();
            self.changed = true;
        }
        // `if (x < y) != 0` is `if x < y`.
        while let (Cc::Eq | Cc::Ne, Some(0)) = (*cc, self.constant(*b)) {
            let Some(Op::Cmp(inner, x, y)) = self.def(*a).cloned() else {
                break;
            };
            if *cc == Cc::Eq {
                std::mem::swap(yes, no);
            }
            (*cc, *a, *b) = (inner, x, y);
            self.changed = true;
        }
    }

    fn def(&self, v: Value) -> Option<&Op> {
        self.defs.get(v.0 as usize)?.as_ref()
    }

    fn constant(&self, v: Value) -> Option<i64> {
        match self.def(v) {
            Some(Op::Const(c)) => Some(*c),
            _ => None,
        }
    }

    /// A constant as an operand of the instruction at hand.
    fn new_constant(&mut self, c: i64) -> Value {
        let v = Value(self.values);
        self.values += 1;
        self.defs.push(Some(Op::Const(c)));
        self.alias.push(v);
        self.new_insts.push(Inst { result: Some(v), op: Op::Const(c), span: None });
        v
    }

    fn simplify(&mut self, op: &Op) -> Option<To> {
        match *op {
            Op::Bin(bin, a, b) => self.bin(bin, a, b),
            Op::Cmp(cc, a, b) => self.cmp(cc, a, b),
            Op::Ext { signed, bits, value } => self.ext(signed, bits, value),
            Op::Bswap { bits, value } => {
                let c = self.constant(value)?;
                Some(To::Op(Op::Const(c.swap_bytes().unsigned_shr(64 - u32::from(bits)))))
            }
            _ => None,
        }
    }

    fn bin(&mut self, op: BinOp, a: Value, b: Value) -> Option<To> {
        match (self.constant(a), self.constant(b)) {
            (Some(x), Some(y)) => return Some(To::Op(Op::Const(eval_bin(op, x, y)))),
            (Some(_), None) if op.is_commutative() => return Some(To::Op(Op::Bin(op, b, a))),
            (_, Some(y)) => return self.bin_const(op, a, y),
            _ => {}
        }
        match op {
            BinOp::Sub | BinOp::Xor if a == b => Some(To::Op(Op::Const(0))),
            BinOp::And | BinOp::Or if a == b => Some(To::Value(a)),
            _ => None,
        }
    }

    /// `a op y` with a constant `y`.
    fn bin_const(&mut self, op: BinOp, a: Value, y: i64) -> Option<To> {
        match (op, y) {
            (BinOp::Add | BinOp::Sub | BinOp::Or | BinOp::Xor, 0)
            | (BinOp::Shl | BinOp::LShr | BinOp::AShr, 0)
            | (BinOp::Mul | BinOp::UDiv, 1)
            | (BinOp::UMod, 0)
            | (BinOp::And, -1) => return Some(To::Value(a)),
            (BinOp::Mul | BinOp::And | BinOp::UDiv, 0) | (BinOp::UMod, 1) => {
                return Some(To::Op(Op::Const(0)));
            }
            (BinOp::Or, -1) => return Some(To::Op(Op::Const(-1))),
            _ => {}
        }
        if let Some(to) = self.power_of_two(op, a, y) {
            return Some(to);
        }
        match (op, self.def(a)?.clone()) {
            (BinOp::Sub, _) if y != i64::MIN => self.with_constant(BinOp::Add, a, -y),
            (BinOp::Add, Op::SlotAddr(slot, offset)) => {
                let sum = i32::try_from(y).ok().and_then(|y| offset.checked_add(y))?;
                Some(To::Op(Op::SlotAddr(slot, sum)))
            }
            (BinOp::Add, Op::Global(section, offset)) => {
                let sum = u32::try_from(i64::from(offset).checked_add(y)?).ok()?;
                Some(To::Op(Op::Global(section, sum)))
            }
            (BinOp::Add | BinOp::And | BinOp::Or | BinOp::Xor | BinOp::Mul, Op::Bin(inner, x, z)) if inner == op => {
                let z = self.constant(z)?;
                self.with_constant(op, x, eval_bin(op, z, y))
            }
            (BinOp::Shl | BinOp::LShr, Op::Bin(inner, x, z)) if inner == op => {
                let sum = self.constant(z)?.checked_add(y).filter(|s| (0..64).contains(s))?;
                self.with_constant(op, x, sum)
            }
            _ => None,
        }
    }

    /// Multiplication, division and remainder by powers of two.
    fn power_of_two(&mut self, op: BinOp, a: Value, y: i64) -> Option<To> {
        let y = y as u64;
        if !y.is_power_of_two() || y == 1 {
            return None;
        }
        let shift = i64::from(y.trailing_zeros());
        match op {
            BinOp::Mul => self.with_constant(BinOp::Shl, a, shift),
            BinOp::UDiv => self.with_constant(BinOp::LShr, a, shift),
            BinOp::UMod => self.with_constant(BinOp::And, a, (y - 1) as i64),
            _ => None,
        }
    }

    fn with_constant(&mut self, op: BinOp, a: Value, y: i64) -> Option<To> {
        let y = self.new_constant(y);
        Some(To::Op(Op::Bin(op, a, y)))
    }

    fn cmp(&mut self, cc: Cc, a: Value, b: Value) -> Option<To> {
        let constants = (self.constant(a), self.constant(b));
        match constants {
            (Some(x), Some(y)) => return Some(To::Op(Op::Const(eval_cmp(cc, x, y).into()))),
            (Some(_), None) => return Some(To::Op(Op::Cmp(cc.swapped(), b, a))),
            _ if a == b => return Some(To::Op(Op::Const(eval_cmp(cc, 0, 0).into()))),
            _ => {}
        }
        match (cc, constants.1?) {
            (Cc::Ult, 0) => Some(To::Op(Op::Const(0))),
            (Cc::Uge, 0) => Some(To::Op(Op::Const(1))),
            (Cc::Eq, 0) | (Cc::Ne, 1) => match *self.def(a)? {
                Op::Cmp(inner, x, y) => Some(To::Op(Op::Cmp(inner.inverted(), x, y))),
                _ => None,
            },
            (Cc::Ne, 0) | (Cc::Eq, 1) => match *self.def(a)? {
                Op::Cmp(..) => Some(To::Value(a)),
                _ => None,
            },
            _ => None,
        }
    }

    fn ext(&mut self, signed: bool, bits: u8, value: Value) -> Option<To> {
        match *self.def(value)? {
            Op::Const(c) => return Some(To::Op(Op::Const(eval_ext(signed, bits, c)))),
            // The outer one reads only what the inner one leaves alone.
            Op::Ext { bits: inner, value, .. } if inner >= bits => {
                return Some(To::Op(Op::Ext { signed, bits, value }));
            }
            Op::Ext { signed: true, bits: inner, .. } if signed && inner <= bits => return Some(To::Value(value)),
            Op::Load { size, signed: true, .. } if signed && size.bytes() * 8 <= u32::from(bits) => {
                return Some(To::Value(value));
            }
            _ => {}
        }
        // The sign bit is known to be 0 only if there is one bit more than is used.
        let width = self.width(value, 4);
        (width + u32::from(signed) <= u32::from(bits)).then_some(To::Value(value))
    }

    /// So many low bits hold all that may be set in `v`.
    fn width(&self, v: Value, depth: u32) -> u32 {
        let Some(op) = self.def(v).filter(|_| depth > 0) else {
            return 64;
        };
        match *op {
            Op::Const(c) => 64 - c.leading_zeros(),
            Op::Cmp(..) => 1,
            Op::Load { size, signed: false, .. } => size.bytes() * 8,
            Op::Ext { signed: false, bits, value } => u32::from(bits).min(self.width(value, depth - 1)),
            Op::Bin(BinOp::And, a, b) => self.width(a, depth - 1).min(self.width(b, depth - 1)),
            Op::Bin(BinOp::Or | BinOp::Xor, a, b) => self.width(a, depth - 1).max(self.width(b, depth - 1)),
            Op::Bin(BinOp::UDiv | BinOp::UMod, a, _) => self.width(a, depth - 1),
            Op::Bin(BinOp::LShr, a, b) => {
                let by = self.constant(b).map_or(0, |c| (c & 63) as u32);
                self.width(a, depth - 1).saturating_sub(by)
            }
            _ => 64,
        }
    }
}

/// Logical shift right of a signed word.
trait UnsignedShr {
    fn unsigned_shr(self, by: u32) -> i64;
}

impl UnsignedShr for i64 {
    fn unsigned_shr(self, by: u32) -> i64 {
        ((self as u64) >> by) as i64
    }
}

impl BinOp {
    /// Whether the operands may be swapped.
    pub fn is_commutative(self) -> bool {
        matches!(self, BinOp::Add | BinOp::Mul | BinOp::And | BinOp::Or | BinOp::Xor)
    }
}

impl Cc {
    /// The comparison that holds where this one does not.
    pub fn inverted(self) -> Cc {
        match self {
            Cc::Eq => Cc::Ne,
            Cc::Ne => Cc::Eq,
            Cc::Ult => Cc::Uge,
            Cc::Uge => Cc::Ult,
            Cc::Ule => Cc::Ugt,
            Cc::Ugt => Cc::Ule,
            Cc::Slt => Cc::Sge,
            Cc::Sge => Cc::Slt,
            Cc::Sle => Cc::Sgt,
            Cc::Sgt => Cc::Sle,
        }
    }

    /// The comparison that says the same with its operands swapped.
    pub fn swapped(self) -> Cc {
        match self {
            Cc::Eq | Cc::Ne => self,
            Cc::Ult => Cc::Ugt,
            Cc::Ugt => Cc::Ult,
            Cc::Ule => Cc::Uge,
            Cc::Uge => Cc::Ule,
            Cc::Slt => Cc::Sgt,
            Cc::Sgt => Cc::Slt,
            Cc::Sle => Cc::Sge,
            Cc::Sge => Cc::Sle,
        }
    }
}

/// What the machine computes; shifts use the low six bits of their amount.
pub(crate) fn eval_bin(op: BinOp, a: i64, b: i64) -> i64 {
    let (ua, ub) = (a as u64, b as u64);
    match op {
        BinOp::Add => a.wrapping_add(b),
        BinOp::Sub => a.wrapping_sub(b),
        BinOp::Mul => a.wrapping_mul(b),
        BinOp::UDiv => ua.checked_div(ub).unwrap_or(0) as i64,
        BinOp::UMod => ua.checked_rem(ub).unwrap_or(ua) as i64,
        BinOp::And => a & b,
        BinOp::Or => a | b,
        BinOp::Xor => a ^ b,
        BinOp::Shl => a.wrapping_shl(b as u32),
        BinOp::LShr => ua.wrapping_shr(b as u32) as i64,
        BinOp::AShr => a.wrapping_shr(b as u32),
    }
}

/// Whether the comparison holds.
pub(crate) fn eval_cmp(cc: Cc, a: i64, b: i64) -> bool {
    let (ua, ub) = (a as u64, b as u64);
    match cc {
        Cc::Eq => a == b,
        Cc::Ne => a != b,
        Cc::Ult => ua < ub,
        Cc::Ule => ua <= ub,
        Cc::Ugt => ua > ub,
        Cc::Uge => ua >= ub,
        Cc::Slt => a < b,
        Cc::Sle => a <= b,
        Cc::Sgt => a > b,
        Cc::Sge => a >= b,
    }
}

fn eval_ext(signed: bool, bits: u8, c: i64) -> i64 {
    match (signed, bits) {
        (true, 8) => i64::from(c as i8),
        (true, 16) => i64::from(c as i16),
        (true, 32) => i64::from(c as i32),
        (false, 8) => i64::from(c as u8),
        (false, 16) => i64::from(c as u16),
        (false, 32) => i64::from(c as u32),
        _ => c,
    }
}
