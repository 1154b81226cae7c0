//! Functions of the language whose result is one word.

use super::mem::{Base, Place};
use super::{Home, Lower};
use crate::ir::build::Var;
use crate::ir::{BinOp, Cc, Helper, Size, Value};
use crate::manifest::Action;
use lang::action::MapId;
use lang::builtins::Op;
use lang::hir::{Expr, ExprKind, VarId};
use lang::types::{AddrSpace, Type};

/// Offset of the stack pointer in x86-64's `struct pt_regs` (arch/x86/include/asm/ptrace.h).
const SP: i32 = 152;
/// ... and of the code segment, whose two low bits are 3 in user mode.
const CS: i32 = 136;
/// Frames that `len` of a stack counts.
const FRAME: u32 = 8;

/// `BPF_F_CURRENT_CPU`, and the largest length that fits `BPF_F_CTXLEN_MASK` (include/uapi/linux/bpf.h).
const CURRENT_CPU: i64 = 0xffff_ffff;
const MAX_PACKET: i64 = 0xf_ffff;

impl<'s> Lower<'s, '_> {
    pub(super) fn call(&mut self, op: Op, args: &'s [Expr], e: &'s Expr) -> Value {
        match op {
            Op::Pid => {
                let v = self.b.call(Helper::GET_CURRENT_PID_TGID, &[]);
                self.bin_imm(BinOp::LShr, v, 32)
            }
            Op::Tid => {
                let v = self.b.call(Helper::GET_CURRENT_PID_TGID, &[]);
                self.b.ext(false, 32, v)
            }
            Op::Nsecs => match args[0].constant() {
                Some(1) => self.b.call(Helper::KTIME_GET_NS, &[]),
                _ if self.shared.kernel >= (6, 1) => self.b.call(Helper::KTIME_GET_TAI_NS, &[]),
                _ => self.b.call(Helper::KTIME_GET_BOOT_NS, &[]),
            },
            Op::Sarg => {
                let n = args[0].constant().unwrap_or(0);
                let ctx = self.ctx();
                let sp = self.b.load(Size::B8, ctx, SP);
                let from = self.b.add_imm(sp, 8 * (n + 1));
                let helper = if self.in_user_code() { Helper::PROBE_READ_USER } else { Helper::PROBE_READ_KERNEL };
                self.read_word(helper, from)
            }
            Op::Reg => {
                let offset = args[0].constant().unwrap_or(0);
                let ctx = self.ctx();
                self.b.load(Size::B8, ctx, offset as i32)
            }
            Op::Bswap => {
                let v = self.scalar(&args[0]);
                match e.ty.int().map_or(64, |i| i.bits) {
                    // The result is unsigned; the operand need not be.
                    8 => self.b.ext(false, 8, v),
                    bits => self.b.bswap(bits, v),
                }
            }
            Op::Strlen => self.strlen(&args[0]),
            Op::Strncmp => self.strncmp(&args[0], &args[1], args[2].constant().unwrap_or(0)),
            Op::Memcmp => self.memcmp(&args[0], &args[1], args[2].constant().unwrap_or(0)),
            Op::Strstr => self.strstr(&args[0], &args[1]),
            Op::Len => match args[0].ty {
                Type::KStack { .. } | Type::UStack { .. } => self.stack_len(&args[0].ty),
                _ => self.map_len(MapId(args[0].constant().unwrap_or(0) as u32)),
            },
            Op::SocketCookie => {
                self.wants_types = true;
                let v = self.scalar(&args[0]);
                self.b.call(Helper::GET_SOCKET_COOKIE, &[v])
            }
            Op::PercpuKaddr => self.percpu_address(args),
            Op::Uaddr => {
                let at = self.instruction_pointer();
                self.b.add_imm(at, args[0].constant().unwrap_or(0))
            }
            Op::Debugf => self.debugf(args),
            Op::Signal | Op::SignalThread => {
                let v = self.scalar(&args[0]);
                let helper = if op == Op::Signal { Helper::SEND_SIGNAL } else { Helper::SEND_SIGNAL_THREAD };
                self.b.call(helper, &[v])
            }
            Op::Override => {
                let v = self.scalar(&args[0]);
                let ctx = self.ctx();
                self.b.call(Helper::OVERRIDE_RETURN, &[ctx, v])
            }
            Op::Skboutput => self.packet(args),
            Op::WriteUser => self.write_user(&args[0], &args[1], args[2].constant().unwrap_or(0)),
            _ => self.b.iconst(0),
        }
    }

    /// The address of a CPU's copy of a variable; 0 if there is no such CPU.
    fn percpu_address(&mut self, args: &'s [Expr]) -> Value {
        let var = self.b.kernel_var(args[0].constant().unwrap_or(0) as u32);
        let at = match args.get(1) {
            None => self.b.call(Helper::THIS_CPU_PTR, &[var]),
            Some(cpu) => {
                let cpu = self.scalar(cpu);
                self.b.call(Helper::PER_CPU_PTR, &[var, cpu])
            }
        };
        // A pointer of the verifier's becomes a number by its way through a map's value: it may be 0, and calculated with.
        let place = self.scratch_area(8);
        self.store_word(place, at);
        self.load_word(place)
    }

    /// `skboutput`: what user space must know of the packet, behind which the helper puts its bytes.
    fn packet(&mut self, args: &'s [Expr]) -> Value {
        let ExprKind::Str(path) = &args[0].kind else { return self.b.iconst(0) };
        self.wants_types = true;
        let (length, offset) = (self.scalar(&args[2]), self.scalar(&args[3]));
        let skb = self.scalar(&args[1]);
        let number = self.shared.action(Action::Packet { path: String::from_utf8_lossy(path).into_owned() });
        let number = self.b.iconst(number);
        let now = self.b.call(Helper::KTIME_GET_BOOT_NS, &[]);
        let length = self.bin_imm(BinOp::And, length, MAX_PACKET);
        let place = self.temp(32);
        for (i, word) in [number, now, length, offset].into_iter().enumerate() {
            self.store_word(place.at(i as u32 * 8), word);
        }
        let packets = self.shared.packets();
        let packets = self.b.map(packets);
        let flags = self.bin_imm(BinOp::Shl, length, 32);
        let flags = self.bin_imm(BinOp::Or, flags, CURRENT_CPU);
        let at = self.address_of(place);
        let bytes = self.b.iconst(32);
        self.b.call(Helper::SKB_OUTPUT, &[skb, packets, flags, at, bytes])
    }

    /// `debugf`: the format with its NUL, then up to three words.
    fn debugf(&mut self, args: &'s [Expr]) -> Value {
        let ExprKind::Str(text) = &args[0].kind else { return self.b.iconst(0) };
        let mut words = Vec::new();
        for a in &args[1..] {
            words.push(match a.ty {
                Type::Str(_) => {
                    let place = self.in_memory(a);
                    self.address_of(place)
                }
                _ => self.scalar(a),
            });
        }
        let at = self.shared.module.rodata.len() as u32;
        let bytes = text.len() as u32 + 1;
        self.shared.module.rodata.extend(text);
        self.shared.module.rodata.resize((at + bytes.next_multiple_of(8)) as usize, 0);
        let mut list = vec![self.b.global(crate::ir::Section::Rodata, at), self.b.iconst(i64::from(bytes))];
        list.extend(words);
        self.b.call(Helper::TRACE_PRINTK, &list)
    }

    /// A call of a function of the script.
    pub(super) fn call_fn(&mut self, function: u32, args: &'s [Expr]) -> Value {
        let mut values: Vec<Value> = args.iter().map(|a| self.scalar(a)).collect();
        if values.is_empty() {
            // A function has one parameter at least.
            values.push(self.b.iconst(0));
        }
        self.b.call_sub(function, &values)
    }

    /// Reads eight bytes.
    pub(super) fn read_word(&mut self, helper: Helper, from: Value) -> Value {
        let dst = self.temp(8);
        let at = self.address_of(dst);
        let n = self.b.iconst(8);
        self.read_memory(helper, at, n, from);
        self.load_word(dst)
    }

    /// 1 if the CPU was in user mode.
    pub(super) fn usermode(&mut self) -> Value {
        let ctx = self.ctx();
        let cs = self.b.load(Size::B8, ctx, CS);
        let ring = self.bin_imm(BinOp::And, cs, 3);
        self.b.cmp_imm(Cc::Eq, ring, 3)
    }

    /// Number of frames of the current stack.
    fn stack_len(&mut self, ty: &Type) -> Value {
        let (limit, flags) = match ty {
            Type::UStack { limit, .. } => (*limit, super::context::USER_STACK),
            Type::KStack { limit, .. } => (*limit, 0),
            _ => return self.b.iconst(0),
        };
        let bytes = u32::from(limit) * FRAME;
        let dst = self.scratch_area(bytes);
        let at = self.address_of(dst);
        let ctx = self.ctx();
        let (size, flags) = (self.b.iconst(i64::from(bytes)), self.b.iconst(flags));
        let got = self.b.call(Helper::GET_STACK, &[ctx, at, size, flags]);
        let result = self.b.var();
        let zero = self.b.iconst(0);
        self.either(
            Cc::Sgt,
            got,
            zero,
            |l| {
                let n = l.bin_imm(BinOp::LShr, got, 3);
                l.b.def(result, n);
            },
            |l| {
                let zero = l.b.iconst(0);
                l.b.def(result, zero);
            },
        );
        self.b.get(result)
    }

    fn write_user(&mut self, dst: &'s Expr, src: &'s Expr, n: i64) -> Value {
        let to = self.scalar(dst);
        let from = match &src.kind {
            ExprKind::AddrVar(v) => match self.vars.get(v) {
                Some(Home::Memory(place)) => {
                    let place = *place;
                    self.address_of(place)
                }
                _ => self.b.iconst(0),
            },
            _ if super::in_register(&src.ty) => {
                // Bytes at an address are fetched first.
                let temp = self.scratch_area(n.clamp(1, 4096) as u32);
                let at = self.address_of(temp);
                let address = self.scalar(src);
                let size = self.b.iconst(n);
                self.b.call(Helper::PROBE_READ_KERNEL, &[at, size, address]);
                self.address_of(temp)
            }
            _ => {
                let place = self.in_memory(src);
                self.address_of(place)
            }
        };
        let size = self.b.iconst(n);
        let ret = self.b.call(Helper::PROBE_WRITE_USER, &[to, from, size]);
        self.b.cmp_imm(Cc::Eq, ret, 0)
    }

    /// `find(@m, k, $v)`
    pub(super) fn find(&mut self, map: MapId, key: &'s Expr, var: VarId) -> Value {
        let info = self.shared.plan.info(map).clone();
        let place = self.key(map, Some(key), 0);
        let ptr = self.lookup(map, place);
        let result = self.b.var();
        let zero = self.b.iconst(0);
        let ty = self.code.vars[var.0 as usize].clone();
        self.either(
            Cc::Ne,
            ptr,
            zero,
            |l| {
                match (&info.value, l.vars.get(&var).copied()) {
                    (Type::Agg(agg), _) => {
                        let v = l.agg_total(map, place, *agg);
                        l.put_var(var, v);
                    }
                    (_, Some(Home::Memory(dst))) if !super::in_register(&ty) => {
                        let bytes = info.value.stored_size().min(ty.stored_size());
                        l.copy(dst, Place { base: Base::Value(ptr), offset: 0 }, bytes);
                    }
                    _ => {
                        let v = l.b.load(Size::B8, ptr, 0);
                        l.put_var(var, v);
                    }
                }
                let one = l.b.iconst(1);
                l.b.def(result, one);
            },
            |l| {
                let zero = l.b.iconst(0);
                l.b.def(result, zero);
            },
        );
        self.b.get(result)
    }

    /// Sets a variable of one word, wherever it lives.
    pub(super) fn put_var(&mut self, var: VarId, value: Value) {
        match self.vars.get(&var).copied() {
            Some(Home::Register(v)) => self.b.def(v, value),
            Some(Home::Memory(place)) => self.store_word(place, value),
            None => {}
        }
    }

    /// A scalar that is part of a value in memory laid out as in C.
    pub(super) fn part(&mut self, base: &'s Expr, offset: u32, bits: Option<(u8, u8)>, ty: &Type) -> Value {
        let (size, signed) = super::context::access(ty);
        let place = self.in_memory(base).at(offset);
        let aligned = (place.offset as u32).is_multiple_of(size.bytes());
        let place = if aligned {
            place
        } else {
            // The verifier takes aligned accesses to the stack only.
            let temp = self.temp(8);
            self.copy_bytes(temp, place, size.bytes());
            temp
        };
        let at = self.base(place);
        let Some((first, count)) = bits else {
            return self.load_as(at, place.offset, size, signed);
        };
        let unit = self.b.load(size, at, place.offset);
        let left = self.bin_imm(BinOp::Shl, unit, i64::from(64 - first - count));
        self.bin_imm(BinOp::LShr, left, i64::from(64 - count))
    }

    /// An element by a computed index; 0 outside.
    pub(super) fn element_at(&mut self, base: &'s Expr, index: &'s Expr, e: &'s Expr) -> Value {
        let Type::Array { len, .. } = base.ty else { return self.b.iconst(0) };
        let (size, signed) = super::context::access(&e.ty);
        // Its address must be one that takes a variable offset.
        let place = self.held_in_scratch(base, &base.ty.clone());
        let i = self.scalar(index);
        let result = self.b.var();
        let most = self.b.iconst(i64::from(len));
        self.either(
            Cc::Ult,
            i,
            most,
            |l| {
                let mask = i64::from(len.next_power_of_two()) - 1;
                let i = l.bin_imm(BinOp::And, i, mask);
                let offset = l.bin_imm(BinOp::Mul, i, i64::from(size.bytes()));
                let at = l.address_of(place);
                let at = l.b.add(at, offset);
                let temp = l.temp(8);
                let dst = l.address_of(temp);
                let n = l.b.iconst(i64::from(size.bytes()));
                l.b.call(Helper::PROBE_READ_KERNEL, &[dst, n, at]);
                let base = l.base(temp);
                let v = l.load_as(base, temp.offset, size, signed);
                l.b.def(result, v);
            },
            |l| l.out_of_bounds(result, e),
        );
        self.b.get(result)
    }

    /// The address of an element by a computed index; 0 outside.
    pub(super) fn element_ptr(&mut self, array: &'s Expr, index: &'s Expr, len: u32, size: u32, e: &'s Expr) -> Value {
        let at = self.scalar(array);
        let i = self.scalar(index);
        let result = self.b.var();
        let most = self.b.iconst(i64::from(len));
        self.either(
            Cc::Ult,
            i,
            most,
            |l| {
                let offset = l.bin_imm(BinOp::Mul, i, i64::from(size));
                let v = l.b.add(at, offset);
                l.b.def(result, v);
            },
            |l| l.out_of_bounds(result, e),
        );
        self.b.get(result)
    }

    fn out_of_bounds(&mut self, result: Var, e: &'s Expr) {
        let what = "Array access out of bounds. This can lead to unexpected results.".to_string();
        let zero = self.b.iconst(0);
        self.emit_words(Action::Warning { what, helper: None, span: e.span }, &[zero]);
        self.b.def(result, zero);
    }

    /// An integer from the bytes of an array.
    pub(super) fn load_bytes(&mut self, inner: &'s Expr, ty: &Type) -> Value {
        let place = self.in_memory(inner);
        let (size, signed) = super::context::access(ty);
        let at = self.base(place);
        self.load_as(at, place.offset, size, signed)
    }

    /// The address of a variable.
    pub(super) fn address_of_var(&mut self, var: VarId) -> Value {
        match self.vars.get(&var).copied() {
            Some(Home::Memory(place)) => self.address_of(place),
            _ => self.b.iconst(0),
        }
    }

    /// Copies any number of bytes.
    pub(super) fn copy_bytes(&mut self, dst: Place, src: Place, bytes: u32) {
        let (d, s) = (self.address_of(dst), self.address_of(src));
        let n = self.b.iconst(i64::from(bytes));
        self.b.call(Helper::PROBE_READ_KERNEL, &[d, n, s]);
    }

    /// The address space that a value's address has when it is read again.
    pub(super) fn space_of(e: &'s Expr) -> AddrSpace {
        match &e.ty {
            Type::Ptr { space, .. } => *space,
            _ => AddrSpace::Unknown,
        }
    }
}
