//! Expressions whose value is one word.

use super::context::access;
use super::{Home, Lower};
use crate::ir::{BinOp, Cc, Helper, Section, Size, Value};
use crate::manifest::{Action, bss};
use lang::ast::BinOp as AstOp;
use lang::builtins::Op;
use lang::hir::{Expr, ExprKind, VarId};
use lang::types::{Int, Type};

impl<'s> Lower<'s, '_> {
    /// The value of a scalar, extended to 64 bits by its type.
    pub(super) fn scalar(&mut self, e: &'s Expr) -> Value {
        let outer = self.b.span();
        self.b.set_span(Some(e.span));
        let v = self.scalar_inner(e);
        self.b.set_span(outer);
        v
    }

    fn scalar_inner(&mut self, e: &'s Expr) -> Value {
        match &e.kind {
            ExprKind::Int(n) => self.b.iconst(*n),
            ExprKind::Var(v) => self.var(*v),
            ExprKind::MapGet { map, key } => self.map_get(*map, key.as_deref()),
            ExprKind::AggGet { map, key, agg } => self.agg_get(*map, key.as_deref(), *agg),
            ExprKind::HasKey { map, key } => self.has_key(*map, key.as_deref()),
            ExprKind::Delete { map, key } => {
                let ret = self.map_delete(*map, key.as_deref());
                self.b.cmp_imm(Cc::Eq, ret, 0)
            }
            ExprKind::Builtin(op) => self.builtin(*op, &e.ty),
            ExprKind::Arg(n) => self.arg(*n),
            ExprKind::CtxLoad(offset) => self.ctx_load(*offset, &e.ty),
            ExprKind::CtxAddr(offset) => {
                let ctx = self.ctx();
                self.b.add_imm(ctx, i64::from(*offset))
            }
            ExprKind::DataLoc { offset, relative } => self.data_loc(*offset, *relative),
            ExprKind::Read { ptr, bits } => self.read(ptr, *bits, &e.ty),
            ExprKind::Element { base, index } => {
                let place = self.in_memory(base);
                let (size, signed) = access(&e.ty);
                let at = self.base(place);
                self.load_as(at, place.offset + (index * size.bytes()) as i32, size, signed)
            }
            ExprKind::Block(stmts, value) => {
                self.stmts(stmts);
                self.scalar(value)
            }
            ExprKind::Call { op, args } => self.call(*op, args, e),
            ExprKind::CallFn { function, args } => self.call_fn(*function, args),
            ExprKind::Part { base, offset, bits } => self.part(base, *offset, *bits, &e.ty),
            ExprKind::ElementAt { base, index } => self.element_at(base, index, e),
            ExprKind::ElementPtr { array, index, len, size } => self.element_ptr(array, index, *len, *size, e),
            ExprKind::FromBytes(inner) => self.load_bytes(inner, &e.ty),
            ExprKind::Relabel(inner) => self.scalar(inner),
            ExprKind::AddrMap(map) => self.address_of_map(*map),
            ExprKind::AddrVar(var) => self.address_of_var(*var),
            ExprKind::Find { map, key, var } => self.find(*map, key, *var),
            ExprKind::Member { .. } => {
                let place = self.in_memory(e);
                self.load_word(place)
            }
            ExprKind::Neg(a) => {
                let (a, zero) = (self.scalar(a), self.b.iconst(0));
                self.b.sub(zero, a)
            }
            ExprKind::BitNot(a) => {
                let a = self.scalar(a);
                self.bin_imm(BinOp::Xor, a, -1)
            }
            ExprKind::Binary { op, a, b, signed } => self.binary(*op, a, b, *signed, e),
            ExprKind::Not(_) | ExprKind::And(..) | ExprKind::Or(..) | ExprKind::Same { .. } => self.truth(e),
            ExprKind::Ternary(c, a, b) => self.ternary(c, a, b),
            ExprKind::Cast(inner) => {
                let v = self.scalar(inner);
                self.fit(v, &inner.ty, &e.ty)
            }
            ExprKind::IncVar { var, by, after } => {
                let old = self.var(*var);
                let new = self.b.add_imm(old, *by);
                let ty = self.code.vars[var.0 as usize].clone();
                let new = self.fit(new, &Type::I64, &ty);
                self.set_var(*var, new);
                if *after { new } else { old }
            }
            ExprKind::IncMap { map, key, by, after } => self.map_inc(*map, key.as_deref(), *by, *after),
            _ => self.b.iconst(0),
        }
    }

    pub(super) fn var(&mut self, var: VarId) -> Value {
        match self.vars.get(&var) {
            Some(Home::Register(v)) => {
                let v = *v;
                self.b.get(v)
            }
            Some(Home::Memory(place)) => {
                let place = *place;
                self.load_word(place)
            }
            None => self.b.iconst(0),
        }
    }

    pub(super) fn set_var(&mut self, var: VarId, value: Value) {
        self.put_var(var, value);
    }

    fn builtin(&mut self, op: Op, ty: &Type) -> Value {
        match op {
            Op::Pid => self.pid(),
            Op::Tid => self.tid(),
            Op::Uid => self.low_word(Helper::GET_CURRENT_UID_GID),
            Op::Gid => {
                let v = self.b.call(Helper::GET_CURRENT_UID_GID, &[]);
                self.bin_imm(BinOp::LShr, v, 32)
            }
            Op::Cpu => self.low_word(Helper::GET_SMP_PROCESSOR_ID),
            Op::Rand => self.low_word(Helper::GET_PRANDOM_U32),
            Op::Nsecs => self.b.call(Helper::KTIME_GET_BOOT_NS, &[]),
            Op::Elapsed => {
                let now = self.b.call(Helper::KTIME_GET_NS, &[]);
                let start = self.global_word(bss::START);
                self.b.sub(now, start)
            }
            Op::Cpid => self.global_word(bss::CPID),
            Op::Curtask => self.b.call(Helper::GET_CURRENT_TASK, &[]),
            Op::Cgroup => self.b.call(Helper::GET_CURRENT_CGROUP_ID, &[]),
            Op::Jiffies => self.b.call(Helper::JIFFIES64, &[]),
            Op::Username => self.low_word(Helper::GET_CURRENT_UID_GID),
            Op::Numaid => self.low_word(Helper::GET_NUMA_NODE_ID),
            Op::HasCpid => {
                let cpid = self.global_word(bss::CPID);
                self.b.cmp_imm(Cc::Ne, cpid, 0)
            }
            Op::Usermode => self.usermode(),
            Op::Ctx => self.ctx(),
            Op::Retval => self.retval(),
            Op::Func => self.instruction_pointer(),
            Op::Kstack => self.stack_id(ty),
            _ => self.b.iconst(0),
        }
    }

    fn low_word(&mut self, helper: Helper) -> Value {
        let v = self.b.call(helper, &[]);
        self.b.ext(false, 32, v)
    }

    pub(super) fn global_word(&mut self, offset: u32) -> Value {
        let at = self.b.global(Section::Bss, offset);
        self.b.load(Size::B8, at, 0)
    }

    /// Reads a scalar, or a bit-field, through a pointer; 0 if it can't be read.
    fn read(&mut self, ptr: &'s Expr, bits: Option<(u8, u8)>, ty: &Type) -> Value {
        let from = self.scalar(ptr);
        let helper = self.read_helper(&ptr.ty, false);
        let (size, signed) = access(ty);
        let dst = self.temp(8);
        let at = self.address_of(dst);
        let n = self.b.iconst(i64::from(size.bytes()));
        // The helper writes `size` bytes; the stack behind them stays unread.
        self.read_memory(helper, at, n, from);
        let base = self.base(dst);
        let Some((first, count)) = bits else {
            return self.load_as(base, dst.offset, size, signed);
        };
        let unit = self.b.load(size, base, dst.offset);
        let left = self.bin_imm(BinOp::Shl, unit, i64::from(64 - first - count));
        // Without sign, whatever the member's type: so it is in bpftrace.
        self.bin_imm(BinOp::LShr, left, i64::from(64 - count))
    }

    fn ternary(&mut self, c: &'s Expr, a: &'s Expr, b: &'s Expr) -> Value {
        let result = self.b.var();
        let (yes, no, next) = (self.b.block(), self.b.block(), self.b.block());
        self.condition(c, yes, no);
        for (block, e) in [(yes, a), (no, b)] {
            self.b.seal(block);
            self.b.switch_to(block);
            let v = self.scalar(e);
            self.b.def(result, v);
            self.b.jump(next);
        }
        self.b.seal(next);
        self.b.switch_to(next);
        self.b.get(result)
    }

    /// Cuts a value down to an integer type and extends it again, where that changes anything.
    pub(super) fn fit(&mut self, v: Value, from: &Type, to: &Type) -> Value {
        let (Type::Int(to), from) = (to, from) else { return v };
        let fits = |f: &Int| f.bits < to.bits && (!f.signed || to.signed) || f == to;
        match from {
            Type::Int(f) if fits(f) => v,
            Type::Bool => v,
            _ if to.bits == 64 => v,
            _ => self.b.ext(to.signed, to.bits, v),
        }
    }

    fn binary(&mut self, op: AstOp, a: &'s Expr, b: &'s Expr, signed: bool, e: &'s Expr) -> Value {
        if op.is_comparison() {
            let (x, y) = (self.scalar(a), self.scalar(b));
            return self.b.cmp(compare(op, signed), x, y);
        }
        let (x, y) = (self.scalar(a), self.scalar(b));
        match op {
            AstOp::Div | AstOp::Mod => self.divide(op, x, y, b.constant(), signed, e),
            _ => {
                let op = match op {
                    AstOp::Add => BinOp::Add,
                    AstOp::Sub => BinOp::Sub,
                    AstOp::Mul => BinOp::Mul,
                    AstOp::BitAnd => BinOp::And,
                    AstOp::BitOr => BinOp::Or,
                    AstOp::BitXor => BinOp::Xor,
                    AstOp::Shl => BinOp::Shl,
                    _ if signed => BinOp::AShr,
                    _ => BinOp::LShr,
                };
                self.b.bin(op, x, y)
            }
        }
    }

    /// Division; by zero it gives 1 and a warning, as the language has it.
    fn divide(&mut self, op: AstOp, x: Value, y: Value, constant: Option<i64>, signed: bool, e: &'s Expr) -> Value {
        if constant.is_some_and(|c| c != 0) {
            return self.divide_nonzero(op, x, y, signed);
        }
        let result = self.b.var();
        let zero = self.b.iconst(0);
        let span = e.span;
        self.either(
            Cc::Eq,
            y,
            zero,
            |l| {
                let what =
                    "Divide or modulo by 0 detected. This can lead to unexpected results. 1 is being used as the result.".to_string();
                let zero = l.b.iconst(0);
                l.emit_words(Action::Warning { what, helper: None, span }, &[zero]);
                let one = l.b.iconst(1);
                l.b.def(result, one);
            },
            |l| {
                let v = l.divide_nonzero(op, x, y, signed);
                l.b.def(result, v);
            },
        );
        self.b.get(result)
    }

    fn divide_nonzero(&mut self, op: AstOp, x: Value, y: Value, signed: bool) -> Value {
        let op = if op == AstOp::Div { BinOp::UDiv } else { BinOp::UMod };
        if !signed {
            return self.b.bin(op, x, y);
        }
        // Division of the absolute values; the sign is put on afterwards, because BPF has no signed division before 6.6.
        let (sx, sy) = (self.bin_imm(BinOp::AShr, x, 63), self.bin_imm(BinOp::AShr, y, 63));
        let (ax, ay) = (self.absolute(x, sx), self.absolute(y, sy));
        let q = self.b.bin(op, ax, ay);
        let sign = if op == BinOp::UDiv { self.b.xor(sx, sy) } else { sx };
        self.absolute(q, sign)
    }

    /// `v` negated if `sign` is -1, as it is if `sign` is 0.
    fn absolute(&mut self, v: Value, sign: Value) -> Value {
        let x = self.b.xor(v, sign);
        self.b.sub(x, sign)
    }
}

/// The machine's comparison.
pub(super) fn compare(op: AstOp, signed: bool) -> Cc {
    match (op, signed) {
        (AstOp::Eq, _) => Cc::Eq,
        (AstOp::Ne, _) => Cc::Ne,
        (AstOp::Lt, true) => Cc::Slt,
        (AstOp::Lt, false) => Cc::Ult,
        (AstOp::Le, true) => Cc::Sle,
        (AstOp::Le, false) => Cc::Ule,
        (AstOp::Gt, true) => Cc::Sgt,
        (AstOp::Gt, false) => Cc::Ugt,
        (_, true) => Cc::Sge,
        (_, false) => Cc::Uge,
    }
}
