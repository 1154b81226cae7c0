//! Runs encoded BPF as the instruction set document describes it, on registers that are undefined until written and
//! again after calls.

use crate::ir_machine::{arithmetic, call, extend};
use crate::{AREA, BSS, CTX, Outcome, STACK, context, read, write};
use codegen::emit::Code;
use codegen::insn::Insn;
use codegen::ir::{BinOp, Helper};

const STACK_BYTES: u64 = 512;

struct Machine {
    r: [Option<u64>; 11],
    ctx: Vec<u8>,
    stack: Vec<u8>,
    out: Outcome,
}

/// Runs code on the common context.
pub fn run(code: &Code) -> Outcome {
    let mut insns = code.insns.clone();
    // No maps: all relocations are to global data.
    for reloc in &code.relocs {
        insns[reloc.at as usize].imm += BSS as i32;
    }
    let mut m = Machine {
        r: [None; 11],
        ctx: context(),
        stack: vec![0xa5; STACK_BYTES as usize],
        out: Outcome { bss: vec![0; AREA], ..Outcome::default() },
    };
    m.r[1] = Some(CTX);
    m.r[10] = Some(STACK + STACK_BYTES);
    let mut at = 0usize;
    for _ in 0..1_000_000 {
        let i = insns[at];
        match i.code {
            0x95 => {
                m.out.result = m.get(0);
                return m.out;
            }
            0x18 => {
                m.set(i.dst, u64::from(i.imm as u32) | u64::from(insns[at + 1].imm as u32) << 32);
                at += 2;
            }
            _ => at = (at as i64 + 1 + m.step(i)) as usize,
        }
    }
    panic!("no end")
}

impl Machine {
    fn get(&self, r: u8) -> u64 {
        self.r[r as usize].unwrap_or_else(|| panic!("r{r} is read but not defined"))
    }

    fn set(&mut self, r: u8, x: u64) {
        assert!(r < 10, "the frame pointer is written");
        self.r[r as usize] = Some(x);
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

    /// How far to jump.
    fn step(&mut self, i: Insn) -> i64 {
        let bytes = [4, 2, 1, 8][(i.code >> 3 & 3) as usize];
        let plus = |p: u64| p.wrapping_add(i.off as u64);
        match i.code & 7 {
            1 => {
                assert_eq!(i.code & 0xe0, 0x60);
                let x = self.read(plus(self.get(i.src)), bytes);
                self.set(i.dst, x);
            }
            2 => self.write(plus(self.get(i.dst)), bytes, i.imm as u64),
            3 if i.code & 0xe0 == 0xc0 => {
                let at = plus(self.get(i.dst));
                let sum = self.read(at, bytes).wrapping_add(self.get(i.src));
                self.write(at, bytes, sum);
            }
            3 => self.write(plus(self.get(i.dst)), bytes, self.get(i.src)),
            4 | 7 => self.alu(i),
            5 => return self.jump(i),
            class => panic!("class {class}"),
        }
        0
    }

    fn second(&self, i: Insn) -> u64 {
        if i.code & 8 != 0 { self.get(i.src) } else { i.imm as u64 }
    }

    fn alu(&mut self, i: Insn) {
        let op = match i.code & 0xf0 {
            0x00 => BinOp::Add,
            0x10 => BinOp::Sub,
            0x20 => BinOp::Mul,
            0x30 => BinOp::UDiv,
            0x40 => BinOp::Or,
            0x50 => BinOp::And,
            0x60 => BinOp::Shl,
            0x70 => BinOp::LShr,
            0x90 => BinOp::UMod,
            0xa0 => BinOp::Xor,
            0xc0 => BinOp::AShr,
            other => return self.other_alu(i, other),
        };
        assert_eq!(i.code & 7, 7);
        let immediate = i.code & 8 == 0;
        assert!(!(immediate && i.imm == 0 && matches!(op, BinOp::UDiv | BinOp::UMod)), "refused by the verifier");
        let x = arithmetic(op, self.get(i.dst), self.second(i));
        self.set(i.dst, x);
    }

    fn other_alu(&mut self, i: Insn, op: u8) {
        let x = match (op, i.code & 7) {
            (0xb0, 7) => self.second(i),
            (0xb0, _) => extend(false, 32, self.second(i)),
            (0x80, 7) => self.get(i.dst).wrapping_neg(),
            (0xd0, 4) => self.get(i.dst).swap_bytes() >> (64 - i.imm),
            _ => panic!("code {:#x}", i.code),
        };
        self.set(i.dst, x);
    }

    fn jump(&mut self, i: Insn) -> i64 {
        let taken = match i.code & 0xf0 {
            0x00 => true,
            0x80 => {
                self.call(i.imm as u32);
                return 0;
            }
            op => compare(op, self.get(i.dst), self.second(i)),
        };
        if taken { i.off.into() } else { 0 }
    }

    fn call(&mut self, helper: u32) {
        // Made-up helpers say in their number how many arguments they take.
        let count = helper.saturating_sub(9000) as u8;
        let args = (1..=count).map(|r| self.get(r)).collect();
        let x = call(&mut self.out, Helper(helper), args);
        self.r[1..=5].fill(None);
        self.set(0, x);
    }
}

fn compare(op: u8, a: u64, b: u64) -> bool {
    let (sa, sb) = (a as i64, b as i64);
    match op {
        0x10 => a == b,
        0x20 => a > b,
        0x30 => a >= b,
        0x40 => a & b != 0,
        0x50 => a != b,
        0x60 => sa > sb,
        0x70 => sa >= sb,
        0xa0 => a < b,
        0xb0 => a <= b,
        0xc0 => sa < sb,
        0xd0 => sa <= sb,
        _ => panic!("jump {op:#x}"),
    }
}
