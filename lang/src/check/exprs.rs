//! Expressions.

use super::{Checker, join};
use crate::action::MapId;
use crate::ast::{self, TypeNameKind};
use crate::builtins::{self, Kind, Op, Row};
use crate::diag::{Diagnostic, nearest};
use crate::hir::{Context, Expr, ExprKind};
use crate::source::Span;
use crate::types::{AddrSpace, Int, StackMode, Type};

/// Frames of a stack when no limit is written.
pub(super) const STACK_FRAMES: u16 = 127;

impl Checker<'_> {
    /// Checks an expression.
    pub(super) fn expr(&mut self, e: &ast::Expr) -> Expr {
        let span = e.span;
        let make = |ty: Type, kind: ExprKind| Expr { ty, kind, span };
        match &e.kind {
            ast::ExprKind::Int(n) => make(if *n > i64::MAX as u64 { Type::U64 } else { Type::I64 }, ExprKind::Int(*n as i64)),
            ast::ExprKind::Bool(b) => make(Type::Bool, ExprKind::Int(i64::from(*b))),
            ast::ExprKind::Str(text) => self.string(text, span),
            ast::ExprKind::Ident(name) => self.ident(name, span),
            ast::ExprKind::Var(name) => self.var(name, span),
            ast::ExprKind::Map { name, keys } => self.map_get(name, keys.as_deref(), span),
            ast::ExprKind::Param(n) => self.param(*n, span),
            ast::ExprKind::ParamCount => make(Type::I64, ExprKind::Int(self.config.params.len() as i64)),
            ast::ExprKind::Call { name, name_span, args } => self.call(name, *name_span, args, span),
            ast::ExprKind::Unary(op, x) => self.unary(*op, x, span),
            ast::ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.expr(a), self.expr(b));
                self.binary(*op, a, b, span)
            }
            ast::ExprKind::Ternary(c, a, b) => self.ternary(c, a, b, span),
            ast::ExprKind::IncDec { prefix, increment, target } => self.inc_dec(*prefix, *increment, target, span),
            ast::ExprKind::Field { base, name, name_span } => self.field(base, name, *name_span, span),
            ast::ExprKind::TupleField(base, index) => self.member(base, *index, span),
            ast::ExprKind::Index(base, index) => self.index(base, index, span),
            ast::ExprKind::Tuple(list) => {
                let members: Vec<Expr> = list.iter().map(|m| self.operand(m)).collect();
                if members.iter().any(|m| m.ty == Type::Void) {
                    return make(Type::Void, ExprKind::Error);
                }
                make(Type::Tuple(members.iter().map(|m| m.ty.clone()).collect()), ExprKind::Tuple(members))
            }
            ast::ExprKind::Cast(ty, x) => self.cast(ty, x, span),
            ast::ExprKind::SizeofType(ty) => {
                let size = self.type_name(ty).map_or(0, |t| self.pointee_size(&t));
                make(Type::U64, ExprKind::Int(i64::from(size)))
            }
            ast::ExprKind::Error => make(Type::Void, ExprKind::Error),
        }
    }

    /// An expression whose value is needed: an aggregation gives its number, no value is a mistake.
    pub(super) fn operand(&mut self, e: &ast::Expr) -> Expr {
        let e = self.expr(e);
        self.value_of_agg(e)
    }

    pub(super) fn error(&mut self, d: Diagnostic) -> Expr {
        let span = d.span;
        self.tell(d);
        Expr { ty: Type::Void, kind: ExprKind::Error, span }
    }

    fn string(&mut self, text: &[u8], span: Span) -> Expr {
        if text.len() >= 16384 {
            return self.error(Diagnostic::error(span, format!("this string has {} bytes; 16383 are the most", text.len())));
        }
        let end = text.iter().position(|b| *b == 0).unwrap_or(text.len());
        Expr { ty: Type::Str(text.len() as u32 + 1), kind: ExprKind::Str(text[..end].to_vec()), span }
    }

    fn var(&mut self, name: &str, span: Span) -> Expr {
        match self.find_var(name) {
            Some(var) => Expr { ty: self.var_type(var), kind: ExprKind::Var(var), span },
            None => {
                let near = nearest(name, self.scopes.iter().flat_map(|s| s.keys().map(String::as_str)));
                let near: Vec<String> = near.into_iter().map(|n| format!("${n}")).collect();
                let d = Diagnostic::error(span, format!("`${name}` is used before it is assigned"));
                self.error(d.suggest(&near, &format!("assign it first: `${name} = 0;`")))
            }
        }
    }

    /// A map with its key, checked and learnt.
    pub(super) fn map_place(&mut self, name: &str, keys: Option<&[ast::Expr]>, span: Span) -> (MapId, Option<Expr>) {
        let map = self.map(name, span);
        let key = keys.map(|list| self.key(list, span));
        self.learn_key(map, key.as_ref(), span);
        let known = self.map_state(map).key.clone().flatten();
        let key = match (key, known) {
            (Some(k), Some(ty)) => Some(self.coerce(k, &ty)),
            (k, _) => k,
        };
        (map, key)
    }

    /// One key, or several as a tuple.
    pub(super) fn key(&mut self, list: &[ast::Expr], span: Span) -> Expr {
        let keys = list.iter().map(|k| {
            let e = self.operand(k);
            self.keyable(e)
        });
        let mut members: Vec<Expr> = keys.collect();
        match members.len() {
            0 => self.error(Diagnostic::error(span, "a key is missing between the brackets")),
            1 => members.remove(0),
            _ if members.iter().any(|m| m.ty == Type::Void) => Expr { ty: Type::Void, kind: ExprKind::Error, span },
            _ => {
                let span = members[0].span.to(members[members.len() - 1].span);
                Expr { ty: Type::Tuple(members.iter().map(|m| m.ty.clone()).collect()), kind: ExprKind::Tuple(members), span }
            }
        }
    }

    /// Literals of all sizes give one key type.
    fn keyable(&mut self, e: Expr) -> Expr {
        match &e.ty {
            Type::Agg(_) | Type::Record(_) => {
                let d = Diagnostic::error(e.span, format!("a {} can't be a key", join::shown(&e.ty)));
                self.error(d)
            }
            _ => e,
        }
    }

    fn map_get(&mut self, name: &str, keys: Option<&[ast::Expr]>, span: Span) -> Expr {
        let (map, key) = self.map_place(name, keys, span);
        let ty = self.map_state(map).value.clone();
        Expr { ty, kind: ExprKind::MapGet { map, key: key.map(Box::new) }, span }
    }

    fn param(&mut self, n: u32, span: Span) -> Expr {
        let text = if n == 0 { Some(self.config.script.clone()) } else { self.config.params.get(n as usize - 1).cloned() };
        let Some(text) = text else { return Expr::int(0, Type::I64, span) };
        let (digits, negative) = text.strip_prefix('-').map_or((text.as_str(), false), |d| (d, true));
        match crate::parse::parse_number(digits) {
            Ok(v) if negative => Expr::int((v as i64).wrapping_neg(), Type::I64, span),
            Ok(v) => Expr::int(v as i64, if v > i64::MAX as u64 { Type::U64 } else { Type::I64 }, span),
            Err(_) => self.error(
                Diagnostic::error(span, format!("`${n}` is `{text}`, which is no number"))
                    .help(format!("to use it as text write `str(${n})`")),
            ),
        }
    }

    fn ident(&mut self, name: &str, span: Span) -> Expr {
        if let Some(row) = builtins::find(name) {
            if row.kind == Kind::Value {
                return self.builtin(row, name, &[], span);
            }
            let d = Diagnostic::error(span, format!("`{name}` is a function"))
                .help(format!("write `{}`", row.signature.lines().next().unwrap_or(name)));
            return self.error(d);
        }
        if let Some(value) = stdlib::constants::constant(name).or_else(|| self.kernel.enumerator(name)) {
            return Expr::int(value, Type::I64, span);
        }
        let near = nearest(name, builtins::names().chain(stdlib::constants::CONSTANTS.iter().map(|c| c.0)));
        let d = Diagnostic::error(span, format!("there is no builtin or constant `{name}`"));
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
            Op::Pid | Op::Tid | Op::Uid | Op::Gid | Op::Cpu | Op::Cpid | Op::Rand => int(32, false),
            Op::Ncpus => return Expr::int(i64::from(self.kernel.cpus()), Type::U64, span),
            Op::Curtask => Type::ptr(Type::Record("task_struct".into()), AddrSpace::Kernel),
            Op::Comm => Type::Str(16),
            Op::Probe => return self.text_of(|p| p.attach.name.clone(), span),
            Op::Probetype => return self.text_of(|p| p.probetype.into(), span),
            Op::Arg => return self.arg(builtins::arg_number(name).unwrap_or(0), span),
            Op::Args => {
                let d = Diagnostic::error(span, "`args` is not a value by itself");
                return self.error(d.help("name a field: `args.NAME`"));
            }
            Op::Kstack | Op::Ustack => return self.stack(row.op, args, span),
            Op::Func => match self.context() {
                Context::Entry { user: true } | Context::Return { user: true } => Type::Usym,
                _ => Type::Ksym,
            },
            _ => Type::U64,
        };
        Expr { ty, kind: ExprKind::Builtin(row.op), span }
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
    fn forbidden_here(&self, row: &Row, name: &str, span: Span) -> Option<Diagnostic> {
        let context = self.context();
        let (allowed, where_) = match row.op {
            Op::Retval => (matches!(context, Context::Return { .. }), "kretprobe and uretprobe"),
            Op::Arg => (matches!(context, Context::Entry { .. } | Context::RawTracepoint(_)), "kprobe, uprobe and rawtracepoint"),
            Op::Func => (matches!(context, Context::Entry { .. } | Context::Return { .. }), "kprobe, kretprobe, uprobe and uretprobe"),
            Op::Args => (matches!(context, Context::Tracepoint(_) | Context::RawTracepoint(_)), "tracepoint and rawtracepoint"),
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
                            Diagnostic::error(a.span, format!("`{name}` is no stack mode")).help("modes are `bpftrace`, `perf` and `raw`"),
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
        let ty = if op == Op::Kstack { Type::KStack { mode, limit } } else { Type::UStack { mode, limit } };
        Expr { ty, kind: ExprKind::Builtin(op), span }
    }

    fn inc_dec(&mut self, after: bool, increment: bool, target: &ast::Expr, span: Span) -> Expr {
        let by = if increment { 1 } else { -1 };
        match &target.kind {
            ast::ExprKind::Var(name) => {
                let e = self.var(name, target.span);
                let ExprKind::Var(var) = e.kind else { return e };
                match &e.ty {
                    Type::Int(_) | Type::Void => Expr { ty: e.ty, kind: ExprKind::IncVar { var, by, after }, span },
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
                let one = Expr::int(by, Type::I64, span);
                self.learn_value(map, &one);
                let ty = self.map_state(map).value.clone();
                Expr { ty, kind: ExprKind::IncMap { map, key: key.map(Box::new), by, after }, span }
            }
            _ => self.error(Diagnostic::error(span, "only variables and maps can be counted up or down")),
        }
    }

    fn member(&mut self, base: &ast::Expr, index: u32, span: Span) -> Expr {
        let base = self.expr(base);
        match &base.ty {
            Type::Void => base,
            Type::Tuple(members) => match members.get(index as usize) {
                Some(ty) => Expr { ty: ty.clone(), kind: ExprKind::Member { base: Box::new(base), index }, span },
                None => {
                    let d = Diagnostic::error(span, format!("this tuple has {} members", members.len()));
                    self.error(d.help(format!("`.0` to `.{}` can be read", members.len() - 1)))
                }
            },
            other => {
                let d = Diagnostic::error(span, format!("a {} has no members by number", join::shown(other)));
                self.error(d)
            }
        }
    }

    /// The type that a name means.
    pub(super) fn type_name(&mut self, name: &ast::TypeName) -> Option<Type> {
        let base = match &name.kind {
            TypeNameKind::Int(i) => Type::Int(*i),
            TypeNameKind::Bool => Type::Bool,
            TypeNameKind::Str(n) => Type::Str(n.map_or(self.config.settings.max_strlen, |n| n.min(16384) as u32)),
            TypeNameKind::Void => Type::Void,
            TypeNameKind::Record(n) | TypeNameKind::Named(n) => {
                if self.last && self.kernel.record(n).is_none() {
                    let d = Diagnostic::error(name.span, format!("the kernel's BTF knows no `struct {n}`"));
                    self.tell(d);
                    return None;
                }
                Type::Record(n.clone())
            }
        };
        let mut ty = base;
        let space = match self.context() {
            Context::Entry { user: true } | Context::Return { user: true } => AddrSpace::User,
            _ => AddrSpace::Kernel,
        };
        for _ in 0..name.pointers {
            ty = Type::ptr(ty, space);
        }
        Some(ty)
    }

    /// Bytes of what a pointer points to.
    pub(super) fn pointee_size(&self, ty: &Type) -> u32 {
        match ty {
            Type::Record(name) => self.kernel.record(name).map_or(0, |l| l.size),
            Type::Array { elem, len } => self.pointee_size(elem) * len,
            other => other.c_size(),
        }
    }
}
