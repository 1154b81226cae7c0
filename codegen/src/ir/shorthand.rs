//! Short names for single instructions, for those who build IR.

use super::build::Builder;
use super::{BinOp, Cc, Helper, MapRef, Op, Section, Size, Slot, Value};

impl Builder {
    /// A constant.
    pub fn iconst(&mut self, x: i64) -> Value {
        self.ins(Op::Const(x))
    }

    /// `a op b`
    pub fn bin(&mut self, op: BinOp, a: Value, b: Value) -> Value {
        self.ins(Op::Bin(op, a, b))
    }

    /// `a op imm`
    pub fn bin_imm(&mut self, op: BinOp, a: Value, imm: i64) -> Value {
        let imm = self.iconst(imm);
        self.bin(op, a, imm)
    }

    /// `a + b`
    pub fn add(&mut self, a: Value, b: Value) -> Value {
        self.bin(BinOp::Add, a, b)
    }

    /// `a + imm`; `a` itself for 0.
    pub fn add_imm(&mut self, a: Value, imm: i64) -> Value {
        if imm == 0 { a } else { self.bin_imm(BinOp::Add, a, imm) }
    }

    /// `a - b`
    pub fn sub(&mut self, a: Value, b: Value) -> Value {
        self.bin(BinOp::Sub, a, b)
    }

    /// `a * b`
    pub fn mul(&mut self, a: Value, b: Value) -> Value {
        self.bin(BinOp::Mul, a, b)
    }

    /// `a & b`
    pub fn and(&mut self, a: Value, b: Value) -> Value {
        self.bin(BinOp::And, a, b)
    }

    /// `a | b`
    pub fn or(&mut self, a: Value, b: Value) -> Value {
        self.bin(BinOp::Or, a, b)
    }

    /// `a ^ b`
    pub fn xor(&mut self, a: Value, b: Value) -> Value {
        self.bin(BinOp::Xor, a, b)
    }

    /// `a << b`
    pub fn shl(&mut self, a: Value, b: Value) -> Value {
        self.bin(BinOp::Shl, a, b)
    }

    /// `a >> b`, logical.
    pub fn lshr(&mut self, a: Value, b: Value) -> Value {
        self.bin(BinOp::LShr, a, b)
    }

    /// `a >> b`, arithmetic.
    pub fn ashr(&mut self, a: Value, b: Value) -> Value {
        self.bin(BinOp::AShr, a, b)
    }

    /// 1 if `a cc b`, else 0.
    pub fn cmp(&mut self, cc: Cc, a: Value, b: Value) -> Value {
        self.ins(Op::Cmp(cc, a, b))
    }

    /// 1 if `a cc imm`, else 0.
    pub fn cmp_imm(&mut self, cc: Cc, a: Value, imm: i64) -> Value {
        let imm = self.iconst(imm);
        self.cmp(cc, a, imm)
    }

    /// The low `bits` (8, 16, 32; 64 is the value itself) extended to 64.
    pub fn ext(&mut self, signed: bool, bits: u8, value: Value) -> Value {
        if bits >= 64 { value } else { self.ins(Op::Ext { signed, bits, value }) }
    }

    /// The low `bits` (any number below 64), the rest zero.
    pub fn ext_bits(&mut self, value: Value, bits: u32) -> Value {
        self.bin_imm(BinOp::And, value, (1i64 << bits) - 1)
    }

    /// The low `bits` (16, 32, 64) with their bytes in reverse order.
    pub fn bswap(&mut self, bits: u8, value: Value) -> Value {
        self.ins(Op::Bswap { bits, value })
    }

    /// Zero-extended load from `ptr + offset`.
    pub fn load(&mut self, size: Size, ptr: Value, offset: i32) -> Value {
        self.ins(Op::Load { size, signed: false, ptr, offset })
    }

    /// Sign-extended load from `ptr + offset`.
    pub fn load_signed(&mut self, size: Size, ptr: Value, offset: i32) -> Value {
        self.ins(Op::Load { size, signed: true, ptr, offset })
    }

    /// Store to `ptr + offset`.
    pub fn store(&mut self, size: Size, ptr: Value, offset: i32, value: Value) {
        self.eff(Op::Store { size, ptr, offset, value });
    }

    /// `*(ptr + offset) += value`, atomically.
    pub fn atomic_add(&mut self, size: Size, ptr: Value, offset: i32, value: Value) {
        self.eff(Op::AtomicAdd { size, ptr, offset, value });
    }

    /// Zeroes `len` bytes (a multiple of 8) at `ptr + offset`.
    pub fn zero(&mut self, ptr: Value, offset: i32, len: u32) {
        self.eff(Op::Zero { ptr, offset, len });
    }

    /// Copies `len` bytes (a multiple of 8).
    pub fn copy(&mut self, dst: Value, dst_offset: i32, src: Value, src_offset: i32, len: u32) {
        self.eff(Op::Copy { dst, dst_offset, src, src_offset, len });
    }

    /// The address of a slot.
    pub fn slot_addr(&mut self, slot: Slot) -> Value {
        self.ins(Op::SlotAddr(slot, 0))
    }

    /// The address of global data.
    pub fn global(&mut self, section: Section, offset: u32) -> Value {
        self.ins(Op::Global(section, offset))
    }

    /// A map, as helpers take it.
    pub fn map(&mut self, map: MapRef) -> Value {
        self.ins(Op::Map(map))
    }

    /// A call of a kernel function by its number in the kernel's BTF.
    pub fn call_kernel(&mut self, id: u32, args: &[Value]) -> Value {
        self.ins(Op::CallKernel { id, args: args.to_vec() })
    }

    /// A variable of the kernel by its number in the kernel's BTF.
    pub fn kernel_var(&mut self, id: u32) -> Value {
        self.ins(Op::KernelVar(id))
    }

    /// A call of a function of the module.
    pub fn call_sub(&mut self, sub: u32, args: &[Value]) -> Value {
        self.ins(Op::CallSub { sub, args: args.to_vec() })
    }

    /// The address of a function of the module.
    pub fn func_addr(&mut self, sub: u32) -> Value {
        self.ins(Op::FuncAddr(sub))
    }

    /// A helper call.
    pub fn call(&mut self, helper: Helper, args: &[Value]) -> Value {
        self.ins(Op::Call { helper, args: args.to_vec() })
    }
}
