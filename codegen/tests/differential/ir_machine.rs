//! Runs IR, straight from the description of its operations.

use crate::{AREA, BSS, CTX, Outcome, STACK, answer, context, read, write};
use codegen::ir::{BinOp, Cc, Function, Helper, Op, Section, Target, Term, Value};

struct Run<'a> {
    f: &'a Function,
    values: Vec<Option<u64>>,
    ctx: Vec<u8>,
    stack: Vec<u8>,
    out: Outcome,
}

/// Runs a function on the common context.
pub fn run(f: &Function) -> Outcome {
    let stack = f.slots.iter().sum::<u32>() as usize;
    let mut run = Run {
        f,
        values: vec![None; f.values as usize],
        ctx: context(),
        stack: vec![0; stack],
        out: Outcome { bss: vec![0; AREA], ..Outcome::default() },
    };
    let mut at = Target { block: codegen::ir::Block(0), args: vec![] };
    run.values[f.blocks[0].params[0].0 as usize] = Some(CTX);
    for _ in 0..1_000_000 {
        match run.block(&at) {
            Ok(next) => at = next,
            Err(result) => {
                run.out.result = result;
                return run.out;
            }
        }
    }
    panic!("no end\n{f}")
}

impl Run<'_> {
    fn get(&self, v: Value) -> u64 {
        self.values[v.0 as usize].expect("a value that is not defined")
    }

    /// The next block, or the result.
    fn block(&mut self, t: &Target) -> Result<Target, u64> {
        let block = &self.f.blocks[t.block.0 as usize];
        let args: Vec<u64> = t.args.iter().map(|a| self.get(*a)).collect();
        for (p, a) in block.params.iter().zip(args) {
            self.values[p.0 as usize] = Some(a);
        }
        for inst in &block.insts {
            let x = self.op(&inst.op);
            if let Some(v) = inst.result {
                self.values[v.0 as usize] = Some(x);
            }
        }
        match block.term.as_ref().expect("a terminator") {
            Term::Jump(t) => Ok(t.clone()),
            Term::Branch { cc, a, b, yes, no } => Ok(if compare(*cc, self.get(*a), self.get(*b)) { yes.clone() } else { no.clone() }),
            Term::Return(v) => Err(self.get(*v)),
        }
    }

    fn area(&mut self, at: u64) -> (&mut Vec<u8>, u64) {
        match at {
            STACK.. => (&mut self.stack, at - STACK),
            BSS.. => (&mut self.out.bss, at - BSS),
            _ => (&mut self.ctx, at - CTX),
        }
    }

    fn read(&mut self, at: u64, bytes: u32) -> u64 {
        let (area, at) = self.area(at);
        read(area, at, bytes)
    }

    fn write(&mut self, at: u64, bytes: u32, x: u64) {
        let (area, at) = self.area(at);
        write(area, at, bytes, x);
    }

    fn op(&mut self, op: &Op) -> u64 {
        let plus = |p: u64, offset: i32| p.wrapping_add(offset as u64);
        match op {
            Op::Const(c) => *c as u64,
            Op::Bin(op, a, b) => arithmetic(*op, self.get(*a), self.get(*b)),
            Op::Ext { signed, bits, value } => extend(*signed, *bits, self.get(*value)),
            Op::Bswap { bits, value } => self.get(*value).swap_bytes() >> (64 - u32::from(*bits)),
            Op::Cmp(cc, a, b) => compare(*cc, self.get(*a), self.get(*b)).into(),
            Op::SlotAddr(slot, offset) => {
                let below: u32 = self.f.slots[..slot.0 as usize].iter().sum();
                plus(STACK + u64::from(below), *offset)
            }
            Op::Map(_) => panic!("no maps here"),
            Op::Global(Section::Bss, offset) => BSS + u64::from(*offset),
            Op::Global(..) | Op::CallSub { .. } | Op::CallKernel { .. } | Op::KernelVar(_) | Op::FuncAddr(_) => {
                panic!("no constants and functions here")
            }
            Op::Load { size, signed, ptr, offset } => {
                let x = self.read(plus(self.get(*ptr), *offset), size.bytes());
                extend(*signed, (size.bytes() * 8) as u8, x)
            }
            Op::Store { size, ptr, offset, value } => {
                self.write(plus(self.get(*ptr), *offset), size.bytes(), self.get(*value));
                0
            }
            Op::AtomicAdd { size, ptr, offset, value } => {
                let at = plus(self.get(*ptr), *offset);
                let sum = self.read(at, size.bytes()).wrapping_add(self.get(*value));
                self.write(at, size.bytes(), sum);
                0
            }
            Op::Zero { ptr, offset, len } => {
                let at = plus(self.get(*ptr), *offset);
                (0..u64::from(*len)).for_each(|i| self.write(at + i, 1, 0));
                0
            }
            Op::Copy { dst, dst_offset, src, src_offset, len } => {
                let (to, from) = (plus(self.get(*dst), *dst_offset), plus(self.get(*src), *src_offset));
                for i in 0..u64::from(*len) {
                    let x = self.read(from + i, 1);
                    self.write(to + i, 1, x);
                }
                0
            }
            Op::Call { helper, args } => {
                let args: Vec<u64> = args.iter().map(|a| self.get(*a)).collect();
                call(&mut self.out, *helper, args)
            }
        }
    }
}

/// Real helpers have fixed answers and leave no trace, for they may be shared and dropped.
pub fn call(out: &mut Outcome, helper: Helper, args: Vec<u64>) -> u64 {
    if helper.0 < 9000 {
        return u64::from(helper.0) * 1_000_003;
    }
    out.calls.push((helper.0, args));
    answer(&out.calls)
}

pub fn extend(signed: bool, bits: u8, x: u64) -> u64 {
    let by = 64 - u32::from(bits);
    if signed { ((x << by) as i64 >> by) as u64 } else { x << by >> by }
}

pub fn arithmetic(op: BinOp, a: u64, b: u64) -> u64 {
    match op {
        BinOp::Add => a.wrapping_add(b),
        BinOp::Sub => a.wrapping_sub(b),
        BinOp::Mul => a.wrapping_mul(b),
        BinOp::UDiv if b == 0 => 0,
        BinOp::UDiv => a / b,
        BinOp::UMod if b == 0 => a,
        BinOp::UMod => a % b,
        BinOp::And => a & b,
        BinOp::Or => a | b,
        BinOp::Xor => a ^ b,
        BinOp::Shl => a << (b & 63),
        BinOp::LShr => a >> (b & 63),
        BinOp::AShr => ((a as i64) >> (b & 63)) as u64,
    }
}

fn compare(cc: Cc, a: u64, b: u64) -> bool {
    match cc {
        Cc::Eq => a == b,
        Cc::Ne => a != b,
        Cc::Ult => a < b,
        Cc::Ule => a <= b,
        Cc::Ugt => a > b,
        Cc::Uge => a >= b,
        Cc::Slt => (a as i64) < b as i64,
        Cc::Sle => a as i64 <= b as i64,
        Cc::Sgt => a as i64 > b as i64,
        Cc::Sge => a as i64 >= b as i64,
    }
}
