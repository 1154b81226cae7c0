//! Names: variables, parameters, builtins, constants.

use super::Checker;
use super::join;
use crate::ast;
use crate::builtins::{self, Kind, Op, Row};
use crate::diag::{Diagnostic, nearest};
use crate::dialect::{self, Word};
use crate::features;
use crate::hir::{Context, Expr, ExprKind};
use crate::source::Span;
use crate::types::{AddrSpace, Int, StackMode, Type};
use stdlib::constants;

/// Frames of a stack when no limit is written.
pub(super) const STACK_FRAMES: u16 = 127;

/// The clocks of `nsecs`, by the number that [`Type::Timestamp`] has for them.
pub(super) const CLOCKS: [&str; 4] = ["boot", "monotonic", "tai", "sw_tai"];

/// An integer of the smallest signed type that holds it.
pub(super) fn natural(n: i64, span: Span) -> Expr {
    let bits = [8, 16, 32].into_iter().find(|b| n >= -(1i64 << (b - 1)) && n < 1i64 << (b - 1)).unwrap_or(64);
    Expr::int(n, Type::Int(Int { bits, signed: true }), span)
}

impl Checker<'_> {
    pub(super) fn var(&mut self, name: &str, span: Span) -> Expr {
        match self.find_var(name) {
            Some(var) => Expr { ty: self.var_type(var), kind: ExprKind::Var(var), span },
            // It may have been assigned in the statement that was not understood, which has been told.
            None if self.unread => Expr { ty: Type::Void, kind: ExprKind::Error, span },
            None => {
                let near = nearest(name, self.scopes.iter().flat_map(|s| s.names.keys().map(String::as_str)));
                let near: Vec<String> = near.into_iter().map(|n| format!("${n}")).collect();
                let d = Diagnostic::error(span, format!("`${name}` is used before it is assigned"));
                self.error(d.suggest(&near, &format!("assign it first: `${name} = 0;`")))
            }
        }
    }

    /// `$1`: a number if it is one, else a text; 0 if it is not given.
    pub(super) fn param(&mut self, n: u32, span: Span) -> Expr {
        let text = if n == 0 { Some(self.config.script.clone()) } else { self.config.params.get(n as usize - 1).cloned() };
        let Some(text) = text else { return natural(0, span) };
        let (digits, negative) = text.strip_prefix('-').map_or((text.as_str(), false), |d| (d, true));
        match crate::parse::parse_number(digits) {
            Ok(v) if negative => natural((v as i64).wrapping_neg(), span),
            Ok(v) if v > i64::MAX as u64 => Expr::int(v as i64, Type::U64, span),
            Ok(v) => natural(v as i64, span),
            Err(_) => Expr { ty: Type::Str(text.len() as u32 + 1), kind: ExprKind::Str(text.into_bytes()), span },
        }
    }

    /// Whether a bare name has a value: a builtin, an enumerator, a constant.
    pub(super) fn is_value_name(&self, name: &str) -> bool {
        builtins::find(name).is_some_and(|r| r.kind == Kind::Value)
            || stdlib::constants::constant(name).is_some()
            || self.kernel.enumerator(name).is_some()
    }

    pub(super) fn ident(&mut self, name: &str, span: Span) -> Expr {
        if let Some(row) = builtins::find(name) {
            if row.kind == Kind::Value {
                return self.builtin(row, name, &[], span);
            }
            let d = Diagnostic::error(span, format!("`{name}` is a function"))
                .help(format!("write `{}`", row.signature.lines().next().unwrap_or(name)));
            return self.error(d);
        }
        if name == "NULL" {
            return Expr::int(0, Type::ptr(Type::Void, AddrSpace::Unknown), span);
        }
        if let Some(set) = self.free_for_metrics(name) {
            return self.metrics_record(set, span);
        }
        if let Some((value, ty)) = self.kernel.enumerator(name) {
            return Expr::int(value, ty, span);
        }
        if let Some(value) = constants::lookup_for(name, || self.kernel.version()) {
            // Flags whose bits move between kernels: BTF knows the number of the bit.
            let bit = constants::bit(name).and_then(|bit| self.kernel.enumerator(&bit));
            let value = bit.and_then(|(n, _)| 1_i64.checked_shl(u32::try_from(n).ok()?)).unwrap_or(value);
            return if constants::unsigned(name) { Expr::int(value, Type::U64, span) } else { natural(value, span) };
        }
        let d = Diagnostic::error(span, format!("there is no builtin or constant `{name}`"));
        if let Some(hint) = dialect::hint(Word::Value, name) {
            return self.error(d.help(hint));
        }
        let near = nearest(name, builtins::names().chain(crate::metrics::SETS.iter().map(|s| s.name)).chain(constants::names()));
        let help = format!("variables begin with `$`, maps with `@`; text stands between quotes: \"{name}\"");
        self.error(d.suggest(&near, &help))
    }

    /// A builtin value, also when it is written as a call.
    pub(super) fn builtin(&mut self, row: &'static Row, name: &str, args: &[ast::Expr], span: Span) -> Expr {
        if let Some(d) = self.forbidden_here(row, name, span) {
            return self.error(d);
        }
        let int = |bits: u8, signed: bool| Type::Int(Int { bits, signed });
        let ty = match row.op {
            Op::Pid | Op::Tid if !args.is_empty() => return self.pid_in(row.op, &args[0], span),
            Op::Comm if !args.is_empty() => return self.comm_of(&args[0], span),
            Op::Nsecs if !args.is_empty() => return self.clock(&args[0], span),
            Op::Pid | Op::Tid | Op::Uid | Op::Gid | Op::Cpu | Op::Cpid | Op::Rand | Op::Numaid => int(32, false),
            Op::Usermode => match self.context() {
                Context::PerfEvent => int(8, false),
                // The runtime's own probes and those in a program fire in user mode, all others in the kernel.
                Context::None | Context::Entry { user: true, .. } | Context::Return { user: true } | Context::Usdt(_) => {
                    return Expr::int(1, int(8, false), span);
                }
                _ => return Expr::int(0, int(8, false), span),
            },
            Op::Username => Type::Username,
            Op::HasCpid => Type::Bool,
            Op::Ncpus => return Expr::int(i64::from(self.kernel.cpus()), Type::U64, span),
            Op::DefaultStrLength => return Expr::int(i64::from(self.config.settings.max_strlen), Type::U64, span),
            Op::Curtask => Type::ptr(self.record_type("task_struct"), AddrSpace::Kernel),
            Op::Comm => Type::Str(16),
            Op::Probe => return self.text_of(|p| p.attach.name.clone(), span),
            Op::Probetype => return self.text_of(|p| p.probetype.into(), span),
            Op::Arg => return self.arg(builtins::arg_number(name).unwrap_or(0), span),
            Op::Sarg => {
                let n = builtins::sarg_number(name).unwrap_or(0);
                let index = Expr::int(i64::from(n), Type::U64, span);
                return Expr { ty: Type::U64, kind: ExprKind::Call { op: Op::Sarg, args: vec![index] }, span };
            }
            Op::Args => return self.all_args(span),
            Op::Config => return self.all_settings(span),
            Op::Ctx => return self.ctx(span),
            Op::Kstack | Op::Ustack => return self.stack(row.op, args, span),
            Op::Retval => match self.context() {
                Context::Function { args, returns: Some(ty) } => {
                    let word = Expr { ty: Type::U64, kind: ExprKind::Arg(args.len() as u32), span };
                    let ty = if ty.is_scalar() { ty } else { Type::U64 };
                    return self.coerce(word, &ty);
                }
                _ => Type::U64,
            },
            Op::Func => {
                if matches!(self.context(), Context::Return { .. }) {
                    self.wants(&features::RETURNING, span);
                }
                match self.context() {
                    Context::Entry { user: true, .. } | Context::Return { user: true } => Type::Usym,
                    _ => Type::Ksym,
                }
            }
            _ => Type::U64,
        };
        Expr { ty, kind: ExprKind::Builtin(row.op), span }
    }

    /// The context pointer.
    fn ctx(&mut self, span: Span) -> Expr {
        let ty = match self.context() {
            Context::Iter(record) => Type::ptr(self.record_type(&record), AddrSpace::Ctx),
            _ => Type::ptr(Type::Void, AddrSpace::Kernel),
        };
        Expr { ty, kind: ExprKind::Builtin(Op::Ctx), span }
    }

    /// `args` as a value: a record of all of them.
    fn all_args(&mut self, span: Span) -> Expr {
        let fields = match self.context() {
            Context::Tracepoint(fields)
            | Context::RawTracepoint(fields)
            | Context::Function { args: fields, .. }
            | Context::Entry { args: fields, .. } => fields,
            _ => return Expr { ty: Type::Void, kind: ExprKind::Error, span },
        };
        let mut types = Vec::new();
        let mut members = Vec::new();
        // The first word of a tracepoint's record is not in what a program is given: the kernel has a pointer there.
        let common = matches!(self.context(), Context::Tracepoint(_));
        for f in fields.iter().filter(|f| !(f.name.is_empty() || common && f.name.starts_with("common_")) && f.ty != Type::Void) {
            let row = ast::Expr { id: ast::NodeId(0), kind: ast::ExprKind::Ident("args".into()), span };
            // What can't be read is left out.
            if matches!(self.context(), Context::Entry { .. }) && super::fields::unreadable(f).is_some() {
                continue;
            }
            let e = self.field(&row, &f.name, span, span);
            if e.ty != Type::Void {
                types.push((f.name.clone(), e.ty.clone()));
                members.push(e);
            }
        }
        Expr { ty: Type::Named(types), kind: ExprKind::Tuple(members), span }
    }

    /// `config` as a value.
    fn all_settings(&mut self, span: Span) -> Expr {
        let mut types = Vec::new();
        let mut members = Vec::new();
        for key in crate::config::KEYS {
            let base = ast::Expr { id: ast::NodeId(0), kind: ast::ExprKind::Ident("config".into()), span };
            let e = self.field(&base, key.name, span, span);
            types.push((key.name.to_string(), e.ty.clone()));
            members.push(e);
        }
        Expr { ty: Type::Named(types), kind: ExprKind::Tuple(members), span }
    }

    /// `pid(init)`, `tid(curr_ns)`
    fn pid_in(&mut self, op: Op, arg: &ast::Expr, span: Span) -> Expr {
        let ty = Type::Int(Int::U32);
        match &arg.kind {
            ast::ExprKind::Ident(n) if n == "curr_ns" => Expr { ty, kind: ExprKind::Builtin(op), span },
            ast::ExprKind::Ident(n) if n == "init" => {
                let which = Expr::int(1, Type::U64, span);
                Expr { ty, kind: ExprKind::Call { op, args: vec![which] }, span }
            }
            _ => {
                let d = Diagnostic::error(arg.span, "this is no pid namespace");
                self.error(d.help("it is `curr_ns`, that of beetrace, or `init`, the machine's own"))
            }
        }
    }

    /// `comm(pid)`
    fn comm_of(&mut self, arg: &ast::Expr, span: Span) -> Expr {
        let Some((pid, _)) = self.integer_arg(arg, "comm") else { return Expr { ty: Type::Void, kind: ExprKind::Error, span } };
        // Kinds of programs that the kernel lets call `bpf_task_from_pid` (bpf_prog_type_to_kfunc_hook in kernel/bpf/btf.c).
        let allowed = matches!(self.context(), Context::Iter(_) | Context::Function { .. } | Context::Tracepoint(_) | Context::PerfEvent);
        if !allowed {
            let d = Diagnostic::error(span, format!("`comm(PID)` has no meaning in a {} probe", self.provider()));
            return self.error(d.label("the kernel allows it in fentry, fexit, iter, tracepoint, profile, software and hardware"));
        }
        let (find, release) = (self.kernel.kfunc("bpf_task_from_pid"), self.kernel.kfunc("bpf_task_release"));
        let place = self.kernel.record("task_struct").and_then(|l| l.fields.iter().find(|f| f.name == "comm").map(|f| f.offset));
        let (Some(find), Some(release), Some(place)) = (find, release, place) else {
            let d = Diagnostic::error(span, "this kernel can't look a task up by its id").help("`comm(PID)` needs Linux 6.2");
            return self.error(d);
        };
        let number = |n: u32| Expr::int(i64::from(n), Type::U64, span);
        let args = vec![pid, number(find), number(release), number(place)];
        Expr { ty: Type::Str(16), kind: ExprKind::Call { op: Op::Comm, args }, span }
    }

    /// `nsecs(monotonic)`
    fn clock(&mut self, arg: &ast::Expr, span: Span) -> Expr {
        let clock = match &arg.kind {
            ast::ExprKind::Ident(n) => CLOCKS.iter().position(|c| c == n),
            _ => None,
        };
        match clock {
            Some(0) => Expr { ty: Type::U64, kind: ExprKind::Builtin(Op::Nsecs), span },
            Some(n) => {
                let which = Expr::int(n as i64, Type::U64, span);
                Expr { ty: Type::U64, kind: ExprKind::Call { op: Op::Nsecs, args: vec![which] }, span }
            }
            None => self.error(Diagnostic::error(arg.span, "this is no clock").help("clocks are `boot`, `monotonic`, `tai` and `sw_tai`")),
        }
    }

    fn text_of(&self, f: impl Fn(&crate::probes::Resolved) -> String, span: Span) -> Expr {
        let text = self.current.and_then(|g| g.points.first()).map(f).unwrap_or_default();
        Expr { ty: Type::Str(text.len() as u32 + 1), kind: ExprKind::Str(text.into_bytes()), span }
    }

    pub(super) fn context(&self) -> Context {
        self.current.map_or(Context::None, |g| g.context.clone())
    }

    pub(super) fn provider(&self) -> &'static str {
        self.current.and_then(|g| g.points.first()).map_or("", |p| p.provider)
    }

    /// Why a builtin can't be used in this kind of probe.
    pub(super) fn forbidden_here(&self, row: &Row, name: &str, span: Span) -> Option<Diagnostic> {
        let context = self.context();
        let (allowed, where_) = match row.op {
            Op::Retval => {
                (matches!(context, Context::Return { .. } | Context::Function { returns: Some(_), .. }), "kretprobe, uretprobe and fexit")
            }
            Op::Arg => (
                matches!(context, Context::Entry { .. } | Context::RawTracepoint(_) | Context::Usdt(_)),
                "kprobe, uprobe, usdt and rawtracepoint",
            ),
            Op::Func => (
                matches!(context, Context::Entry { .. } | Context::Return { .. } | Context::Function { .. }),
                "kprobe, kretprobe, uprobe, uretprobe, fentry and fexit",
            ),
            Op::Args => (
                matches!(context, Context::Tracepoint(_) | Context::RawTracepoint(_) | Context::Function { .. })
                    || matches!(&context, Context::Entry { args, .. } if !args.is_empty()),
                "tracepoint, rawtracepoint, fentry and fexit, and in uprobe where debug information is",
            ),
            Op::Sarg => (matches!(context, Context::Entry { .. }), "kprobe and uprobe"),
            Op::Reg => {
                (matches!(context, Context::Entry { .. } | Context::Return { .. } | Context::PerfEvent), "kprobe, uprobe and profile")
            }
            _ => (true, ""),
        };
        if allowed {
            return None;
        }
        let d =
            Diagnostic::error(span, format!("`{name}` has no meaning in a {} probe", self.provider())).label(format!("only in {where_}"));
        Some(match (row.op, &context) {
            (Op::Arg, Context::Tracepoint(_)) => {
                d.help("fields of a tracepoint have names: `args.NAME`; list them with `beetrace -lv PROBE`")
            }
            (Op::Arg, Context::Return { .. }) => {
                d.help("arguments are gone at the return: keep them in a map at the entry, `@arg[tid] = arg0`")
            }
            (Op::Retval, Context::Tracepoint(_)) => d.help("the result of a system call is `args.ret` of its `sys_exit` tracepoint"),
            (Op::Retval, Context::Entry { .. }) => {
                d.help(format!("a function has returned only in a {} probe", self.provider().replace("probe", "retprobe")))
            }
            _ => d,
        })
    }

    fn arg(&mut self, n: u32, span: Span) -> Expr {
        if let Context::Usdt(args) = self.context() {
            return match args.get(n as usize) {
                Some(arg) => Expr { ty: Type::Int(arg.int), kind: ExprKind::Arg(n), span },
                None => {
                    let d = Diagnostic::error(span, format!("there is no `arg{n}` in this probe"));
                    self.error(d.help(format!("it has {} arguments", args.len())))
                }
            };
        }
        let most = match self.context() {
            Context::RawTracepoint(fields) if !fields.is_empty() => fields.len() as u32,
            Context::RawTracepoint(_) => 10,
            _ => 6,
        };
        if n >= most {
            let d = Diagnostic::error(span, format!("there is no `arg{n}` in this probe"));
            return self.error(d.help(format!("`arg0` to `arg{}` can be read", most - 1)));
        }
        Expr { ty: Type::U64, kind: ExprKind::Arg(n), span }
    }

    fn stack(&mut self, op: Op, args: &[ast::Expr], span: Span) -> Expr {
        let mut mode = self.config.stack_mode;
        let mut limit = STACK_FRAMES;
        for a in args {
            if let ast::ExprKind::Ident(name) = &a.kind {
                match StackMode::from_name(name) {
                    Some(m) => mode = m,
                    None => {
                        return self.error(
                            Diagnostic::error(a.span, format!("`{name}` is no stack mode"))
                                .help("modes are `bpftrace`, `perf`, `raw` and `build_id`"),
                        );
                    }
                }
                continue;
            }
            let e = self.expr(a);
            match e.constant() {
                Some(n @ 1..=127) => limit = n as u16,
                _ => return self.error(Diagnostic::error(a.span, "the limit of a stack is a constant from 1 to 127")),
            }
        }
        if op == Op::Kstack && mode == StackMode::BuildId && !args.is_empty() {
            let d = Diagnostic::error(span, "kernel stacks have no build ids");
            return self.error(d.help("`build_id` is for `ustack`; `kstack(raw)` has addresses"));
        }
        let ty = if op == Op::Kstack { Type::KStack { mode, limit } } else { Type::UStack { mode, limit } };
        Expr { ty, kind: ExprKind::Builtin(op), span }
    }

    pub(super) fn inc_dec(&mut self, after: bool, increment: bool, target: &ast::Expr, span: Span) -> Expr {
        let by = if increment { 1 } else { -1 };
        match &target.kind {
            ast::ExprKind::Var(name) => {
                let e = self.var(name, target.span);
                let ExprKind::Var(var) = e.kind else { return e };
                match &e.ty {
                    Type::Int(i) => {
                        // Counting is arithmetic of 64 bits; a variable of a declared type keeps that.
                        let wide = Type::Int(Int { bits: 64, signed: i.signed });
                        if !self.is_declared(var) {
                            let step = Expr { ty: wide.clone(), kind: ExprKind::Error, span };
                            self.learn_var(var, name, &step);
                        }
                        Expr { ty: wide, kind: ExprKind::IncVar { var, by, after }, span }
                    }
                    Type::Void => Expr { ty: e.ty, kind: ExprKind::IncVar { var, by, after }, span },
                    Type::Ptr { to, .. } => {
                        let by = by * i64::from(self.pointee_size(to).max(1));
                        Expr { ty: e.ty, kind: ExprKind::IncVar { var, by, after }, span }
                    }
                    other => {
                        let d = Diagnostic::error(span, format!("a {} can't be counted up or down", join::shown(other)));
                        self.error(d)
                    }
                }
            }
            ast::ExprKind::Map { name, keys } => {
                let (map, key) = self.map_place(name, keys.as_deref(), target.span);
                let one = Expr { ty: Type::I64, kind: ExprKind::Int(1), span };
                // A pointer stays one.
                if !matches!(self.map_state(map).value, Type::Ptr { .. }) {
                    self.learn_value(map, &one);
                }
                let ty = self.map_state(map).value.clone();
                let by = match &ty {
                    Type::Ptr { to, .. } => by * i64::from(self.pointee_size(to).max(1)),
                    _ => by,
                };
                if !matches!(ty, Type::Int(_) | Type::Ptr { .. } | Type::Void) {
                    let d = Diagnostic::error(span, format!("a {} can't be counted up or down", join::shown(&ty)));
                    return self.error(d);
                }
                Expr { ty, kind: ExprKind::IncMap { map, key: key.map(Box::new), by, after }, span }
            }
            _ => self.error(Diagnostic::error(span, "only variables and maps can be counted up or down")),
        }
    }

    /// Member `index` of a tuple.
    pub(super) fn member(&mut self, base: Expr, index: u32, span: Span) -> Expr {
        let types: Vec<Type> = match &base.ty {
            Type::Void => return base,
            Type::Tuple(members) => members.clone(),
            Type::Named(members) => members.iter().map(|m| m.1.clone()).collect(),
            other => {
                let d = Diagnostic::error(span, format!("a {} has no members by number", join::shown(other)));
                return self.error(d);
            }
        };
        let Some(ty) = types.get(index as usize).cloned() else {
            let d = Diagnostic::error(span, format!("this tuple has {} members", types.len()));
            return self.error(if types.is_empty() { d } else { d.help(format!("`.0` to `.{}` can be read", types.len() - 1)) });
        };
        // Of a tuple of constants the member is one too.
        if let ExprKind::Tuple(members) = &base.kind
            && members.iter().all(|m| m.constant().is_some() || matches!(m.kind, ExprKind::Str(_)))
            && matches!(members[index as usize].kind, ExprKind::Int(_) | ExprKind::Str(_))
        {
            return members[index as usize].clone();
        }
        Expr { ty, kind: ExprKind::Member { base: Box::new(base), index }, span }
    }
}
