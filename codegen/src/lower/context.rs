//! What a program's context holds: tracepoint fields, arguments, registers, the stack.

use super::Lower;
use super::mem::Place;
use super::raw::Source;
use crate::ir::{BinOp, Cc, Helper, Size, Value};
use crate::manifest::bss;
use lang::builtins::Op;
use lang::hir::{Context, Expr, ExprKind};
use lang::kernel::{UsdtArg, UsdtPlace};
use lang::types::{StackMode, Type};

/// Offsets in x86-64's `struct pt_regs` (arch/x86/include/asm/ptrace.h) of the first six integer arguments
/// (System V ABI), the return value, and the instruction pointer.
const ARGS: [i32; 6] = [112, 104, 96, 88, 72, 64];
const RETVAL: i32 = 80;
const IP: i32 = 128;

/// `BPF_F_USER_STACK` (include/uapi/linux/bpf.h).
pub(super) const USER_STACK: i64 = 1 << 8;

/// Errors of `bpf_get_stackid` that lose a stack which was there: the bucket is taken, no memory.
const LOST: [i64; 2] = [-17, -12];

impl<'s> Lower<'s, '_> {
    /// The probe is in a program or library, so addresses are the process's.
    pub(super) fn in_user_code(&self) -> bool {
        matches!(self.code.context, Context::Entry { user: true, .. } | Context::Return { user: true } | Context::Usdt(_))
    }

    pub(super) fn arg(&mut self, n: u32) -> Value {
        if let Context::Usdt(args) = &self.code.context {
            let Some(arg) = args.get(n as usize).copied() else { return self.b.iconst(0) };
            return self.usdt_arg(arg);
        }
        let ctx = self.ctx();
        let offset = match self.code.context {
            Context::RawTracepoint(_) | Context::Function { .. } => n as i32 * 8,
            _ => ARGS[(n as usize).min(5)],
        };
        self.b.load(Size::B8, ctx, offset)
    }

    pub(super) fn retval(&mut self) -> Value {
        let ctx = self.ctx();
        self.b.load(Size::B8, ctx, RETVAL)
    }

    /// The address of the probed function. A kprobe's saved instruction pointer is one past its breakpoint.
    pub(super) fn instruction_pointer(&mut self) -> Value {
        let ctx = self.ctx();
        match self.code.context {
            Context::Entry { user: false, .. } => {
                let ip = self.b.load(Size::B8, ctx, IP);
                self.bin_imm(BinOp::Sub, ip, 1)
            }
            Context::Return { .. } => self.b.call(Helper::GET_FUNC_IP, &[ctx]),
            _ => self.b.load(Size::B8, ctx, IP),
        }
    }

    /// A scalar field at an offset of the context.
    pub(super) fn ctx_load(&mut self, offset: u32, ty: &Type) -> Value {
        let ctx = self.ctx();
        let (size, signed) = access(ty);
        if let Some(source) = self.code.raw.as_ref().and_then(|r| r.source(offset)) {
            return self.raw_field(source, size, signed);
        }
        if let Context::Iter(_) = self.code.context {
            return self.iter_member(offset as i32, size, signed);
        }
        if offset.is_multiple_of(size.bytes()) {
            return self.load_as(ctx, offset as i32, size, signed);
        }
        // The verifier takes aligned accesses of a context only.
        let dst = self.temp(8);
        self.zero(dst, 8);
        self.read_ctx(dst, offset, size.bytes());
        let base = self.base(dst);
        self.load_as(base, dst.offset, size, signed)
    }

    /// A scalar field of a tracepoint by its place among the raw arguments.
    fn raw_field(&mut self, source: Source, size: Size, signed: bool) -> Value {
        let ctx = self.ctx();
        let argument = |n: u32| n as i32 * 8;
        let (task, member) = match (source, self.shared.task) {
            (Source::Word(n), _) => {
                let v = self.b.load(Size::B8, ctx, argument(n));
                return self.b.ext(signed, (size.bytes() * 8) as u8, v);
            }
            (Source::Behind(n, offset), _) => {
                let at = self.b.load(Size::B8, ctx, argument(n));
                let at = self.b.add_imm(at, offset);
                return self.read_word(Helper::PROBE_READ_KERNEL, at);
            }
            (Source::Pid(n), Some(task)) => (n, task.pid),
            (Source::Prio(n), Some(task)) => (n, task.prio),
            _ => return self.b.iconst(0),
        };
        let at = self.b.load(Size::B8, ctx, argument(task));
        self.load_as(at, member as i32, size, signed)
    }

    /// The task whose name a string is, and where in the task that is: it can be loaded as two words.
    pub(super) fn name_of_task(&mut self, e: &Expr) -> Option<(Value, i32)> {
        let comm = self.shared.task?.comm as i32;
        let task = match e.kind {
            // Since 5.17 there are zeros behind the end of every name.
            ExprKind::Builtin(Op::Comm) if self.shared.kernel >= (5, 17) => self.b.call(Helper::GET_CURRENT_TASK_BTF, &[]),
            ExprKind::CtxBytes(offset) => {
                let Some(Source::Comm(n)) = self.code.raw.as_ref()?.source(offset) else { return None };
                let ctx = self.ctx();
                self.b.load(Size::B8, ctx, n as i32 * 8)
            }
            _ => return None,
        };
        Some((task, comm))
    }

    /// A member of an iterator's context. At the end of the iteration there is no object any more: the program leaves.
    fn iter_member(&mut self, offset: i32, size: Size, signed: bool) -> Value {
        let ctx = self.ctx();
        let v = self.load_as(ctx, offset, size, signed);
        if size == Size::B8 {
            let (there, gone) = (self.b.block(), self.b.block());
            self.b.branch_nonzero(v, there, gone);
            self.b.seal(gone);
            self.b.switch_to(gone);
            self.leave();
            self.b.seal(there);
            self.b.switch_to(there);
        }
        v
    }

    /// An argument of a USDT probe.
    fn usdt_arg(&mut self, arg: UsdtArg) -> Value {
        let ctx = self.ctx();
        let address = match arg.place {
            UsdtPlace::Constant(n) => {
                let n = self.b.iconst(n);
                return self.b.ext(arg.int.signed, arg.int.bits, n);
            }
            UsdtPlace::Unknown => return self.b.iconst(0),
            UsdtPlace::Register(offset, shift) => {
                let v = self.b.load(Size::B8, ctx, offset as i32);
                let v = if shift > 0 { self.bin_imm(BinOp::LShr, v, i64::from(shift)) } else { v };
                return self.b.ext(arg.int.signed, arg.int.bits, v);
            }
            UsdtPlace::Memory { base, index, offset } => {
                let mut at = self.b.load(Size::B8, ctx, base as i32);
                if let Some((register, scale)) = index {
                    let i = self.b.load(Size::B8, ctx, register as i32);
                    let i = self.bin_imm(BinOp::Mul, i, i64::from(scale));
                    at = self.b.add(at, i);
                }
                self.b.add_imm(at, offset)
            }
            UsdtPlace::Relative(offset) => {
                let ip = self.b.load(Size::B8, ctx, IP);
                self.b.add_imm(ip, offset)
            }
        };
        let temp = self.temp(8);
        self.zero(temp, 8);
        let at = self.address_of(temp);
        let n = self.b.iconst(i64::from(arg.int.bits / 8));
        self.read_memory(Helper::PROBE_READ_USER, at, n, address);
        let base = self.base(temp);
        let size = Size::from_bytes(u32::from(arg.int.bits / 8)).unwrap_or(Size::B8);
        self.load_as(base, temp.offset, size, arg.int.signed)
    }

    pub(super) fn load_as(&mut self, ptr: Value, offset: i32, size: Size, signed: bool) -> Value {
        if signed && size != Size::B8 { self.b.load_signed(size, ptr, offset) } else { self.b.load(size, ptr, offset) }
    }

    fn read_ctx(&mut self, dst: Place, offset: u32, bytes: u32) {
        let at = self.address_of(dst);
        let n = self.b.iconst(i64::from(bytes));
        let ctx = self.ctx();
        let from = self.b.add_imm(ctx, i64::from(offset));
        self.b.call(Helper::PROBE_READ_KERNEL, &[at, n, from]);
    }

    pub(super) fn copy_from_context(&mut self, offset: u32, bytes: u32, dst: Place) {
        self.zero(dst, bytes);
        self.read_ctx(dst, offset, bytes);
    }

    /// The address of a dynamic field's data: the low half of the word at `offset` says where it is.
    pub(super) fn data_loc(&mut self, offset: u32, relative: bool) -> Value {
        let ctx = self.ctx();
        let word = self.b.load(Size::B4, ctx, offset as i32);
        let position = self.bin_imm(BinOp::And, word, 0xffff);
        let position = if relative { self.b.add_imm(position, i64::from(offset) + 4) } else { position };
        self.b.add(ctx, position)
    }

    /// The id of the current stack in its map of stacks, or a negative error.
    pub(super) fn stack_id(&mut self, ty: &Type) -> Value {
        let (limit, flags) = match ty {
            Type::UStack { limit, .. } => (*limit, USER_STACK),
            Type::KStack { limit, .. } => (*limit, 0),
            _ => return self.b.iconst(0),
        };
        let map = match ty {
            Type::UStack { mode: StackMode::BuildId, .. } => self.shared.build_ids(limit),
            _ => self.shared.stacks(limit),
        };
        let ctx = self.ctx();
        let (map, flags) = (self.b.map(map), self.b.iconst(flags));
        let id = self.b.call(Helper::GET_STACKID, &[ctx, map, flags]);
        for error in LOST {
            let error = self.b.iconst(error);
            self.when(Cc::Eq, id, error, |l| l.count_loss(bss::LOST_STACKS));
        }
        id
    }

    /// The current process id.
    pub(super) fn pid(&mut self) -> Value {
        match self.shared.program.config.pid_namespace {
            Some(ns) => self.pid_in(ns, 4),
            None => {
                let v = self.b.call(Helper::GET_CURRENT_PID_TGID, &[]);
                self.bin_imm(BinOp::LShr, v, 32)
            }
        }
    }

    /// The current thread id.
    pub(super) fn tid(&mut self) -> Value {
        match self.shared.program.config.pid_namespace {
            Some(ns) => self.pid_in(ns, 0),
            None => {
                let v = self.b.call(Helper::GET_CURRENT_PID_TGID, &[]);
                self.b.ext(false, 32, v)
            }
        }
    }

    /// A word of `struct bpf_pidns_info` (pid, then tgid) as a namespace sees the current thread.
    fn pid_in(&mut self, (dev, ino): (u64, u64), offset: i32) -> Value {
        const BYTES: u32 = 8;
        let place = self.temp(BYTES);
        self.zero(place, BYTES);
        let at = self.address_of(place);
        let (dev, ino, size) = (self.b.iconst(dev as i64), self.b.iconst(ino as i64), self.b.iconst(i64::from(BYTES)));
        self.b.call(Helper::GET_NS_CURRENT_PID_TGID, &[dev, ino, at, size]);
        let base = self.base(place);
        self.b.load(Size::B4, base, place.offset + offset)
    }
}

/// How a scalar of a type lies in C memory.
pub(super) fn access(ty: &Type) -> (Size, bool) {
    let signed = matches!(ty, Type::Int(i) if i.signed);
    (Size::from_bytes(ty.c_size()).unwrap_or(Size::B8), signed)
}
