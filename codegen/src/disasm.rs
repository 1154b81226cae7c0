//! Encoded instructions as text, in the notation of the kernel's own disassembler (kernel/bpf/disasm.c), which is that
//! of `bpftool prog dump xlated` and of the verifier's log.

use crate::insn::{self, Insn, class};
use crate::ir::Helper;
use std::fmt::Write;

/// All instructions, one a line with its number. A wide load is one line and two numbers.
pub fn disassemble(insns: &[Insn]) -> String {
    let mut out = String::new();
    let mut at = 0;
    while at < insns.len() {
        let second = insns.get(at + 1).map_or(0, |i| i.imm);
        // Writing to a string can't fail.
        let _ = writeln!(out, "{at:4}: {}", line(insns[at], second, at));
        at += if insns[at].code == insn::LD_IMM64 { 2 } else { 1 };
    }
    out
}

fn line(i: Insn, second: i32, at: usize) -> String {
    match i.code & 7 {
        class::LD => wide(i, second),
        class::LDX => format!("r{} = *({} *)(r{} {:+})", i.dst, size(i.code), i.src, i.off),
        class::ST => format!("*({} *)(r{} {:+}) = {}", size(i.code), i.dst, i.off, i.imm),
        class::STX if i.code & 0xe0 == insn::ATOMIC && i.imm == 0 => {
            format!("lock *({} *)(r{} {:+}) += r{}", size(i.code), i.dst, i.off, i.src)
        }
        class::STX => format!("*({} *)(r{} {:+}) = r{}", size(i.code), i.dst, i.off, i.src),
        class::ALU32 | class::ALU64 => alu(i),
        _ => jump(i, at),
    }
}

fn wide(i: Insn, second: i32) -> String {
    if i.code != insn::LD_IMM64 {
        return unknown(i);
    }
    // The kinds of `BPF_PSEUDO_*` in include/uapi/linux/bpf.h.
    match i.src {
        0 => format!("r{} = {:#x} ll", i.dst, u64::from(second as u32) << 32 | u64::from(i.imm as u32)),
        1 => format!("r{} = map[fd:{}]", i.dst, i.imm),
        2 => format!("r{} = map[fd:{}][0]+{second}", i.dst, i.imm),
        kind => format!("r{} = pseudo {kind} {} {second}", i.dst, i.imm),
    }
}

fn alu(i: Insn) -> String {
    let r = if i.code & 7 == class::ALU32 { 'w' } else { 'r' };
    let op = i.code & 0xf0;
    match op {
        insn::NEG => return format!("{r}{} = -{r}{}", i.dst, i.dst),
        insn::END => {
            let to = if i.code & insn::X == 0 { "le" } else { "be" };
            return format!("r{} = {to}{} r{}", i.dst, i.imm, i.dst);
        }
        _ => {}
    }
    let sign = match op {
        0x00 => "+=",
        0x10 => "-=",
        0x20 => "*=",
        0x30 => "/=",
        0x40 => "|=",
        0x50 => "&=",
        0x60 => "<<=",
        0x70 => ">>=",
        0x90 => "%=",
        0xa0 => "^=",
        insn::MOV => "=",
        0xc0 => "s>>=",
        _ => return unknown(i),
    };
    format!("{r}{} {sign} {}", i.dst, source(i, r))
}

fn jump(i: Insn, at: usize) -> String {
    let r = if i.code & 7 == class::JMP32 { 'w' } else { 'r' };
    let to = at as i64 + 1 + i64::from(i.off);
    let sign = match i.code & 0xf0 {
        insn::JA => return format!("goto {to}"),
        insn::CALL => return format!("call {}#{}", Helper(i.imm as u32), i.imm),
        insn::EXIT => return "exit".into(),
        insn::JSET => "&",
        0x10 => "==",
        0x20 => ">",
        0x30 => ">=",
        0x50 => "!=",
        0x60 => "s>",
        0x70 => "s>=",
        0xa0 => "<",
        0xb0 => "<=",
        0xc0 => "s<",
        0xd0 => "s<=",
        _ => return unknown(i),
    };
    format!("if {r}{} {sign} {} goto {to}", i.dst, source(i, r))
}

fn source(i: Insn, r: char) -> String {
    if i.code & insn::X != 0 { format!("{r}{}", i.src) } else { i.imm.to_string() }
}

fn size(code: u8) -> &'static str {
    match code & 0x18 {
        0x00 => "u32",
        0x08 => "u16",
        0x10 => "u8",
        _ => "u64",
    }
}

fn unknown(i: Insn) -> String {
    format!("unknown {:02x?}", i.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notation() {
        let code = [
            Insn { code: class::LDX | insn::MEM | 0x18, dst: 1, src: 2, off: 8, imm: 0 },
            Insn { code: class::STX | insn::ATOMIC | 0x18, dst: 1, src: 2, off: -8, imm: 0 },
            Insn { code: insn::LD_IMM64, dst: 3, src: 0, off: 0, imm: -1 },
            Insn { imm: 1, ..Insn::default() },
            Insn::alu_reg(class::ALU32 | insn::MOV, 1, 2),
            Insn { code: class::JMP | 0xa0, dst: 1, src: 0, off: 1, imm: 5 },
            Insn { code: class::JMP | insn::CALL, imm: 14, ..Insn::default() },
            Insn::alu_reg(class::ALU32 | insn::END, 4, 0),
            Insn { code: class::JMP | insn::EXIT, ..Insn::default() },
        ];
        let text = "   0: r1 = *(u64 *)(r2 +8)\n   1: lock *(u64 *)(r1 -8) += r2\n   2: r3 = 0x1ffffffff ll\n   4: w1 = w2\n   5: if r1 < 5 goto 7\n   6: call get_current_pid_tgid#14\n   7: r4 = be0 r4\n   8: exit\n";
        assert_eq!(disassemble(&code), text);
        assert!(code.iter().all(|i| Insn::from_bytes(i.to_bytes()) == *i));
    }
}
