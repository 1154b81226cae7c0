//! Encoded BPF instructions, as in Documentation/bpf/standardization/instruction-set.rst.
//! Only what kernel 5.10 accepts (ISA v3 and before) is here.

use crate::ir::{BinOp, Cc, Size};

/// One 8-byte instruction slot (`struct bpf_insn`). A wide load takes two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Insn {
    /// Operation.
    pub code: u8,
    /// Destination register.
    pub dst: u8,
    /// Source register, or what kind of wide load this is.
    pub src: u8,
    /// Memory or jump offset; jumps count instruction slots from the next one.
    pub off: i16,
    /// Immediate.
    pub imm: i32,
}

/// Instruction classes, the low three bits of the code.
pub mod class {
    /// Wide loads.
    pub const LD: u8 = 0x00;
    /// Loads from memory.
    pub const LDX: u8 = 0x01;
    /// Stores of an immediate.
    pub const ST: u8 = 0x02;
    /// Stores of a register, and atomic operations.
    pub const STX: u8 = 0x03;
    /// 32-bit arithmetic.
    pub const ALU32: u8 = 0x04;
    /// 64-bit jumps.
    pub const JMP: u8 = 0x05;
    /// 32-bit jumps.
    pub const JMP32: u8 = 0x06;
    /// 64-bit arithmetic.
    pub const ALU64: u8 = 0x07;
}

/// `BPF_X`: the second operand is a register, not the immediate.
pub const X: u8 = 0x08;
/// `BPF_MEM`: plain memory access.
pub const MEM: u8 = 0x60;
/// `BPF_ATOMIC` (`BPF_XADD` before 5.12; an add without fetch is encoded alike).
pub const ATOMIC: u8 = 0xc0;
/// `BPF_LD | BPF_IMM | BPF_DW`
pub const LD_IMM64: u8 = 0x18;
/// `BPF_JA`
pub const JA: u8 = 0x00;
/// `BPF_CALL`
pub const CALL: u8 = 0x80;
/// `BPF_PSEUDO_CALL`: a call of a function of the program, not of a helper.
pub const PSEUDO_CALL: u8 = 1;
/// `BPF_PSEUDO_KFUNC_CALL`: a call of a kernel function by its number in the kernel's BTF.
pub const PSEUDO_KFUNC_CALL: u8 = 2;
/// `BPF_PSEUDO_BTF_ID`: a wide load of the address of a variable by its number in the kernel's BTF.
pub const PSEUDO_BTF_ID: u8 = 3;
/// `BPF_PSEUDO_FUNC`: a wide load of a function's address.
pub const PSEUDO_FUNC: u8 = 4;
/// `BPF_EXIT`
pub const EXIT: u8 = 0x90;
/// `BPF_JSET`
pub const JSET: u8 = 0x40;
/// `BPF_MOV`
pub const MOV: u8 = 0xb0;
/// `BPF_NEG`
pub const NEG: u8 = 0x80;
/// `BPF_END`; with `BPF_TO_BE` (the bit of [`X`]) it swaps bytes on a little-endian machine.
pub const END: u8 = 0xd0;

/// The frame pointer.
pub const R10: u8 = 10;

/// Bits of the code for an arithmetic operation.
pub fn alu_op(op: BinOp) -> u8 {
    match op {
        BinOp::Add => 0x00,
        BinOp::Sub => 0x10,
        BinOp::Mul => 0x20,
        BinOp::UDiv => 0x30,
        BinOp::Or => 0x40,
        BinOp::And => 0x50,
        BinOp::Shl => 0x60,
        BinOp::LShr => 0x70,
        BinOp::UMod => 0x90,
        BinOp::Xor => 0xa0,
        BinOp::AShr => 0xc0,
    }
}

/// Bits of the code for a comparison.
pub fn jump_op(cc: Cc) -> u8 {
    match cc {
        Cc::Eq => 0x10,
        Cc::Ugt => 0x20,
        Cc::Uge => 0x30,
        Cc::Ne => 0x50,
        Cc::Sgt => 0x60,
        Cc::Sge => 0x70,
        Cc::Ult => 0xa0,
        Cc::Ule => 0xb0,
        Cc::Slt => 0xc0,
        Cc::Sle => 0xd0,
    }
}

/// Bits of the code for the size of an access.
pub fn size_bits(size: Size) -> u8 {
    match size {
        Size::B4 => 0x00,
        Size::B2 => 0x08,
        Size::B1 => 0x10,
        Size::B8 => 0x18,
    }
}

impl Insn {
    /// An arithmetic operation on an immediate.
    pub fn alu_imm(code: u8, dst: u8, imm: i32) -> Insn {
        Insn { code, dst, imm, ..Insn::default() }
    }

    /// An arithmetic operation on a register; sets [`X`].
    pub fn alu_reg(code: u8, dst: u8, src: u8) -> Insn {
        Insn { code: code | X, dst, src, ..Insn::default() }
    }

    /// The bytes in the order of memory (little endian).
    pub fn to_bytes(self) -> [u8; 8] {
        let (off, imm) = (self.off.to_le_bytes(), self.imm.to_le_bytes());
        [self.code, self.dst | self.src << 4, off[0], off[1], imm[0], imm[1], imm[2], imm[3]]
    }

    /// The opposite of [`Insn::to_bytes`].
    pub fn from_bytes(b: [u8; 8]) -> Insn {
        Insn {
            code: b[0],
            dst: b[1] & 15,
            src: b[1] >> 4,
            off: i16::from_le_bytes([b[2], b[3]]),
            imm: i32::from_le_bytes([b[4], b[5], b[6], b[7]]),
        }
    }
}
