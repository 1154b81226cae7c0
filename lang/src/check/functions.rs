//! Functions of memory, of names, of the compiler's knowledge; and the script's own.

use super::names::CLOCKS;
use super::ops::typed;
use super::{Checker, join};
use crate::ast;
use crate::builtins::{Op, Row};
use crate::diag::Diagnostic;
use crate::features::{self, Feature};
use crate::hir::{Expr, ExprKind};
use crate::kernel::KernelError;
use crate::probes::Target;
use crate::source::Span;
use crate::types::{AddrSpace, Int, Type};

impl Checker<'_> {
    pub(super) fn memory_call(&mut self, row: &'static Row, args: &[ast::Expr], span: Span) -> Expr {
        let none = Expr { ty: Type::Void, kind: ExprKind::Error, span };
        match row.op {
            Op::Bswap => {
                let Some((n, int)) = self.integer_arg(&args[0], "bswap") else { return none };
                let ty = Type::Int(Int { bits: int.bits, signed: false });
                match n.constant() {
                    Some(v) => typed(swapped(v, int.bits), ty, span),
                    None => Expr { ty, kind: ExprKind::Call { op: Op::Bswap, args: vec![n] }, span },
                }
            }
            Op::Kptr | Op::Uptr => {
                let e = self.operand(&args[0]);
                let space = if row.op == Op::Kptr { AddrSpace::Kernel } else { AddrSpace::User };
                let ty = match &e.ty {
                    Type::Void => return none,
                    Type::Ptr { to, .. } => Type::Ptr { to: to.clone(), space },
                    t if t.is_scalar() => Type::ptr(Type::Void, space),
                    // Of an array or a structure in its place the address is meant.
                    _ => match e.kind {
                        ExprKind::ReadBytes { ptr } => return Expr { ty: Type::ptr(e.ty, space), kind: ExprKind::Relabel(ptr), span },
                        _ => return self.error(Diagnostic::error(span, "a pointer is needed here")),
                    },
                };
                Expr { ty, kind: ExprKind::Relabel(Box::new(e)), span }
            }
            Op::Kaddr => {
                let Some(text) = self.literal(&args[0], "the name of the symbol") else { return none };
                let name = String::from_utf8_lossy(&text).into_owned();
                match self.kernel.symbol(&name) {
                    Ok(address) => Expr::int(address as i64, Type::ptr(Type::U64, AddrSpace::Kernel), span),
                    Err(e) => self.refused(&format!("kernel symbol `{name}`"), e, args[0].span),
                }
            }
            Op::PercpuKaddr => {
                let Some(text) = self.literal(&args[0], "the name of the variable") else { return none };
                let name = String::from_utf8_lossy(&text).into_owned();
                let id = match self.kernel.percpu_variable(&name) {
                    Ok(id) => Expr::int(i64::from(id), Type::U64, span),
                    Err(e) => return self.refused(&format!("per-CPU variable `{name}`"), e, args[0].span),
                };
                let mut list = vec![id];
                if let Some(cpu) = args.get(1) {
                    let Some((cpu, _)) = self.integer_arg(cpu, "percpu_kaddr") else { return none };
                    list.push(cpu);
                }
                Expr { ty: Type::ptr(Type::U64, AddrSpace::Kernel), kind: ExprKind::Call { op: Op::PercpuKaddr, args: list }, span }
            }
            Op::Uaddr => self.uaddr(&args[0], span),
            Op::Reg => {
                if let Some(d) = self.forbidden_here(row, "reg", span) {
                    return self.error(d);
                }
                let Some(text) = self.literal(&args[0], "the name of the register") else { return none };
                let name = String::from_utf8_lossy(&text).into_owned();
                match REGISTERS.iter().find(|r| r.0 == name) {
                    Some((_, offset)) => {
                        let offset = Expr::int(*offset, Type::U64, span);
                        Expr { ty: Type::U64, kind: ExprKind::Call { op: Op::Reg, args: vec![offset] }, span }
                    }
                    None => {
                        let near = crate::diag::nearest(&name, REGISTERS.iter().map(|r| r.0));
                        let d = Diagnostic::error(args[0].span, format!("x86-64 has no register `{name}`"));
                        self.error(d.suggest(&near, "registers are ip sp bp ax bx cx dx si di r8 to r15 flags"))
                    }
                }
            }
            Op::Path => {
                if !matches!(self.provider(), "fentry" | "fexit" | "iter") {
                    let d = Diagnostic::error(span, format!("`path` has no meaning in a {} probe", self.provider()));
                    return self.error(d.label("only in fentry, fexit and iter"));
                }
                if matches!(self.current.and_then(|g| g.points.first()).map(|p| &p.attach.target), Some(Target::Iter { .. })) {
                    self.wants(&features::PATH_OF_ITERATOR, span);
                }
                let e = self.operand(&args[0]);
                let ptr = match (&e.ty, e.kind) {
                    (Type::Void, _) => return none,
                    (Type::Ptr { .. }, kind) => Expr { kind, ty: e.ty, span: e.span },
                    (Type::Record { .. }, ExprKind::ReadBytes { ptr }) => *ptr,
                    _ => return self.error(Diagnostic::error(args[0].span, "`path` takes a `struct path`")),
                };
                let size = match args.get(1) {
                    Some(a) => self.constant_arg(a, "the size").unwrap_or(0).clamp(1, 4096) as u32,
                    None => self.config.settings.max_strlen,
                };
                Expr { ty: Type::Str(size), kind: ExprKind::Call { op: Op::Path, args: vec![ptr] }, span }
            }
            _ => {
                if row.op == Op::SocketCookie {
                    let instead = "the address of the socket tells sockets apart as well";
                    self.wants(&Feature { what: "`socket_cookie`", helper: "", since: row.since, instead }, span);
                }
                let e = self.operand(&args[0]);
                Expr { ty: Type::U64, kind: ExprKind::Call { op: row.op, args: vec![e] }, span }
            }
        }
    }

    fn refused(&mut self, what: &str, error: KernelError, span: Span) -> Expr {
        let d = match error {
            KernelError::NotFound { near } => Diagnostic::error(span, format!("there is no {what}")).suggest(&near, ""),
            KernelError::Unavailable(why) => Diagnostic::error(span, format!("the {what} can't be found: {why}")),
        };
        self.error(d)
    }

    fn uaddr(&mut self, arg: &ast::Expr, span: Span) -> Expr {
        let none = Expr { ty: Type::Void, kind: ExprKind::Error, span };
        let Some(text) = self.literal(arg, "the name of the symbol") else { return none };
        let name = String::from_utf8_lossy(&text).into_owned();
        let points = self.current.map_or(&[][..], |g| &g.points);
        let place = points.first().and_then(|p| match &p.attach.target {
            Target::Uprobe { path, file_offset, .. } | Target::Usdt { path, file_offset, .. } => Some((path.clone(), *file_offset)),
            _ => None,
        });
        let Some((path, file_offset)) = place else {
            let d = Diagnostic::error(span, format!("`uaddr` has no meaning in a {} probe", self.provider()));
            return self.error(d.label("only in uprobe, uretprobe and usdt"));
        };
        match self.kernel.user_variable(&path, &name) {
            Ok(v) => {
                let bits = match v.size {
                    1 => 8,
                    2 => 16,
                    4 => 32,
                    _ => 64,
                };
                let ty = Type::ptr(Type::Int(Int { bits, signed: false }), AddrSpace::User);
                // The probe's own address tells where the binary is.
                let own = v.segments.iter().find(|(_, bytes, offset)| (*offset..offset + bytes).contains(&file_offset));
                if let Some((start, _, offset)) = own
                    && v.relocated
                    && points.len() == 1
                {
                    let distance = v.address.wrapping_sub(file_offset - offset + start);
                    let distance = Expr::int(distance as i64, Type::I64, span);
                    return Expr { ty, kind: ExprKind::Call { op: Op::Uaddr, args: vec![distance] }, span };
                }
                if v.relocated {
                    let d = Diagnostic::warning(span, format!("`{path}` may be loaded at any address; `uaddr` gives that in the file"));
                    self.tell(d);
                }
                Expr::int(v.address as i64, ty, span)
            }
            Err(e) => self.refused(&format!("symbol `{name}` in `{path}`"), e, arg.span),
        }
    }

    pub(super) fn convert_call(&mut self, op: Op, args: &[ast::Expr], span: Span) -> Expr {
        let none = Expr { ty: Type::Void, kind: ExprKind::Error, span };
        match op {
            Op::Ntop => {
                let (family, address) = match args {
                    [a] => (None, a),
                    [f, a, ..] => (Some(f), a),
                    [] => return none,
                };
                let family = family.map(|f| self.integer_arg(f, "ntop"));
                let address = self.operand(address);
                let own = match &address.ty {
                    Type::Void => return none,
                    t if t.is_scalar() => 2,
                    Type::Array { .. } | Type::Str(_) | Type::Record { .. } if address.ty.c_size() == 4 => 2,
                    Type::Array { .. } | Type::Str(_) | Type::Record { .. } if address.ty.c_size() == 16 => 10,
                    other => {
                        let d = Diagnostic::error(address.span, format!("a {} is no IP address", join::shown(other)));
                        return self.error(d.help("it is an integer, an array of 4 bytes, or one of 16"));
                    }
                };
                let family = match family {
                    None => Expr::int(own, Type::U64, span),
                    Some(Some((f, _))) => f,
                    Some(None) => return none,
                };
                Expr { ty: Type::Inet, kind: ExprKind::Call { op, args: vec![family, address] }, span }
            }
            Op::Pton => {
                let Some(text) = self.literal(&args[0], "the address") else { return none };
                let text = String::from_utf8_lossy(&text).into_owned();
                let bytes: Vec<u8> = match text.parse::<std::net::IpAddr>() {
                    Ok(std::net::IpAddr::V4(a)) => a.octets().to_vec(),
                    Ok(std::net::IpAddr::V6(a)) => a.octets().to_vec(),
                    Err(_) => return self.error(Diagnostic::error(args[0].span, format!("`{text}` is no IP address"))),
                };
                let ty = Type::Array { elem: Box::new(Type::Int(Int::U8)), len: bytes.len() as u32 };
                let text = Expr { ty: Type::Str(bytes.len() as u32 + 1), kind: ExprKind::Str(bytes), span };
                Expr { ty, kind: ExprKind::Relabel(Box::new(text)), span }
            }
            Op::Macaddr => {
                let e = self.operand(&args[0]);
                let ok = matches!(&e.ty, Type::Array { .. } | Type::Str(_) if e.ty.c_size() == 6) || e.ty.is_scalar();
                if !ok && e.ty != Type::Void {
                    let d = Diagnostic::error(e.span, format!("a {} is no MAC address", join::shown(&e.ty)));
                    return self.error(d.help("it is an array of 6 bytes, or the address of one"));
                }
                Expr { ty: Type::Mac, kind: ExprKind::Call { op, args: vec![e] }, span }
            }
            Op::Cgroupid => {
                let Some(text) = self.literal(&args[0], "the path") else { return none };
                let path = String::from_utf8_lossy(&text).into_owned();
                match self.kernel.cgroup_id(&path) {
                    Ok(id) => Expr::int(id as i64, Type::U64, span),
                    Err(e) => self.refused(&format!("control group `{path}`"), e, args[0].span),
                }
            }
            Op::CgroupPath => {
                let Some((id, _)) = self.integer_arg(&args[0], "cgroup_path") else { return none };
                let pattern = match args.get(1) {
                    Some(a) => match self.literal(a, "the pattern") {
                        Some(text) => text,
                        None => return none,
                    },
                    None => b"*".to_vec(),
                };
                let pattern = Expr { ty: Type::Str(pattern.len() as u32 + 1), kind: ExprKind::Str(pattern), span };
                Expr { ty: Type::CgroupPath, kind: ExprKind::Call { op, args: vec![id, pattern] }, span }
            }
            _ => {
                let Some(format) = self.literal(&args[0], "the format") else { return none };
                let Some((ns, _)) = self.integer_arg(&args[1], "strftime") else { return none };
                if ns.constant().is_some_and(|n| n < 0) {
                    return self.error(Diagnostic::error(args[1].span, "a time can't be negative"));
                }
                let clock = match &args[1].kind {
                    ast::ExprKind::Call { name, args, .. } if name == "nsecs" => match args.first().map(|a| &a.kind) {
                        Some(ast::ExprKind::Ident(n)) => CLOCKS.iter().position(|c| c == n).unwrap_or(0),
                        _ => 0,
                    },
                    _ => 0,
                };
                let clock = Expr::int(clock as i64, Type::U64, span);
                let format = Expr { ty: Type::Str(format.len() as u32 + 1), kind: ExprKind::Str(format), span };
                Expr { ty: Type::Timestamp, kind: ExprKind::Call { op, args: vec![ns, format, clock] }, span }
            }
        }
    }

    /// `is_str(x)` and its kin: answered by the type.
    pub(super) fn question(&mut self, op: Op, arg: &ast::Expr, span: Span) -> Expr {
        if op == Op::IsLiteral {
            let literal =
                matches!(arg.kind, ast::ExprKind::Int(_) | ast::ExprKind::Str(_) | ast::ExprKind::Bool(_) | ast::ExprKind::Param(_));
            let negative = matches!(&arg.kind, ast::ExprKind::Unary(ast::UnOp::Neg, x) if matches!(x.kind, ast::ExprKind::Int(_)));
            return Expr::int(i64::from(literal || negative), Type::Bool, span);
        }
        let ty = match &arg.kind {
            ast::ExprKind::Typeof(x) => self.type_of(x),
            _ => Some(self.expr(arg).ty),
        };
        let yes = match (op, ty.unwrap_or(Type::Void)) {
            (_, Type::Void) => return Expr { ty: Type::Void, kind: ExprKind::Error, span },
            (Op::IsArray, t) => matches!(t, Type::Array { .. }),
            (Op::IsPtr, t) => matches!(t, Type::Ptr { .. }),
            (Op::IsStr, t) => matches!(t, Type::Str(_)),
            (Op::IsUnsignedInteger, t) => t.int().is_some_and(|i| !i.signed),
            (_, t) => t.int().is_some(),
        };
        Expr::int(i64::from(yes), Type::Bool, span)
    }

    /// `getopt("name", default, "description")`
    pub(super) fn getopt(&mut self, args: &[ast::Expr], span: Span) -> Expr {
        let none = Expr { ty: Type::Void, kind: ExprKind::Error, span };
        let Some(name) = self.literal(&args[0], "the name of the parameter") else { return none };
        let name = String::from_utf8_lossy(&name).into_owned();
        let default = match args.get(1) {
            Some(a) => self.operand(a),
            None => Expr::int(0, Type::Bool, span),
        };
        let doc = match args.get(2) {
            Some(a) => match self.literal(a, "the description") {
                Some(text) => String::from_utf8_lossy(&text).into_owned(),
                None => return none,
            },
            None => String::new(),
        };
        let shown = match (&default.ty, &default.kind) {
            (Type::Void, _) => return none,
            (Type::Bool, ExprKind::Int(n)) => (*n != 0).to_string(),
            (Type::Int(_) | Type::Enum { .. }, ExprKind::Int(n)) => n.to_string(),
            (Type::Str(_), ExprKind::Str(text)) => String::from_utf8_lossy(text).into_owned(),
            _ => {
                let d = Diagnostic::error(default.span, "the default must be a literal: a number, a string, `true` or `false`");
                return self.error(d);
            }
        };
        let option =
            crate::config::ScriptOption { name: name.clone(), default: shown, doc, is_flag: args.len() < 2, ty: default.ty.clone() };
        // It may be asked for many times; one of them says what it is.
        match self.options.iter_mut().find(|o| o.name == name) {
            Some(o) if o.doc.is_empty() => o.doc = option.doc,
            Some(_) => {}
            None if self.last => self.options.push(option),
            None => {}
        }
        let Some(given) = self.config.named.iter().rev().find(|(n, _)| *n == name).map(|(_, v)| v.clone()) else { return default };
        let bad = |what: &str, shown: &str| Diagnostic::error(span, format!("`--{name}` is `{shown}`; it takes {what}"));
        match (&default.ty, given) {
            (Type::Bool, None) => Expr::int(1, Type::Bool, span),
            (Type::Bool, Some(v)) => match v.to_ascii_lowercase().as_str() {
                "1" | "true" => Expr::int(1, Type::Bool, span),
                "0" | "false" => Expr::int(0, Type::Bool, span),
                _ => self.error(bad("`true` or `false`", &v)),
            },
            (_, None) => self.error(Diagnostic::error(span, format!("`--{name}` needs a value: `--{name}=VALUE`"))),
            (Type::Str(_), Some(v)) => Expr { ty: Type::Str(v.len() as u32 + 1), kind: ExprKind::Str(v.into_bytes()), span },
            (_, Some(v)) => {
                let (digits, negative) = v.strip_prefix('-').map_or((v.as_str(), false), |d| (d, true));
                match crate::parse::parse_number(digits) {
                    Ok(n) if negative => Expr::int((n as i64).wrapping_neg(), Type::I64, span),
                    Ok(n) => Expr::int(n as i64, if n > i64::MAX as u64 { Type::U64 } else { Type::I64 }, span),
                    Err(_) => self.error(bad("a number", &v)),
                }
            }
        }
    }

    /// A call of a function of the script.
    pub(super) fn call_function(&mut self, index: usize, args: &[ast::Expr], span: Span) -> Expr {
        let (name, params, returns) = {
            let f = &self.functions[index];
            (f.name.clone(), f.params.clone(), f.returns.clone())
        };
        if let (Some(caller), true) = (self.inside, self.last) {
            self.inner_calls.push((caller, index, span));
        }
        if params.len() != args.len() {
            let d = Diagnostic::error(span, format!("`{name}` takes {} arguments, not {}", params.len(), args.len()));
            return self.error(d);
        }
        let mut list = Vec::new();
        for (a, ty) in args.iter().zip(&params) {
            let e = self.operand(a);
            if e.ty == Type::Void {
                return Expr { ty: returns, kind: ExprKind::Error, span };
            }
            if !e.ty.is_scalar() || !ty.is_scalar() {
                let d = Diagnostic::error(a.span, format!("a {} can't be given to a function", join::shown(&e.ty)));
                return self.error(d.help("functions take integers and pointers; a macro takes everything"));
            }
            list.push(self.coerce(e, ty));
        }
        Expr { ty: returns, kind: ExprKind::CallFn { function: index as u32, args: list }, span }
    }

    /// Tells of functions that call themselves, directly or through others: the stack of a program in the kernel is bounded.
    pub(super) fn recursion(&mut self) {
        let calls = std::mem::take(&mut self.inner_calls);
        for function in 0..self.functions.len() {
            let Some(first) = calls.iter().find(|c| c.0 == function && reaches(&calls, c.1, function)) else { continue };
            let name = &self.functions[function].name;
            let d = Diagnostic::error(first.2, format!("the function `{name}` calls itself"));
            let d = if first.1 == function { d } else { d.label(format!("through `{}`", self.functions[first.1].name)) };
            self.tell(d.help("the kernel has no room for calls without end: use a loop"));
        }
    }

    /// `find(@m, key, $v)`
    pub(super) fn find_call(&mut self, args: &[ast::Expr], span: Span) -> Expr {
        let none = Expr { ty: Type::Void, kind: ExprKind::Error, span };
        let ast::ExprKind::Var(name) = &args[2].kind else {
            let d = Diagnostic::error(args[2].span, "a variable is needed here, which takes the value");
            return self.error(d);
        };
        let Some((map, Some(key))) = self.map_and_key(&args[..2], span) else { return none };
        let var = match self.find_var(name) {
            Some(var) => var,
            None => {
                let scope = self.scope_of_new(name);
                self.declare_var(name, scope, None, args[2].span)
            }
        };
        let value = Expr { ty: self.map_state(map).value.clone(), kind: ExprKind::Error, span };
        let value = self.value_of_agg(value);
        self.learn_var(var, name, &value);
        Expr { ty: Type::Bool, kind: ExprKind::Find { map, key: Box::new(key), var }, span }
    }

    /// `len(@m)`, `len(kstack)`
    pub(super) fn len_call(&mut self, arg: &ast::Expr, span: Span) -> Expr {
        if let ast::ExprKind::Map { name, keys: None } = &arg.kind {
            self.wants(&features::MAP_LENGTH, span);
            let map = self.map(name, arg.span);
            if self.last && self.map_state(map).key == Some(None) {
                let d = Diagnostic::error(arg.span, format!("`{name}` has no keys to count"));
                return self.error(d.label("`len` takes a map with keys").help("write the value itself"));
            }
            let key = Expr::int(i64::from(map.0), Type::U64, span);
            return Expr { ty: Type::I64, kind: ExprKind::Call { op: Op::Len, args: vec![key] }, span };
        }
        let e = self.operand(arg);
        match &e.ty {
            Type::Void | Type::KStack { .. } | Type::UStack { .. } => {
                Expr { ty: Type::I64, kind: ExprKind::Call { op: Op::Len, args: vec![e] }, span }
            }
            other => {
                let d = Diagnostic::error(span, format!("a {} has no length", join::shown(other)));
                self.error(d.help("`len` takes a map or a stack; `strlen` takes a string"))
            }
        }
    }
}

/// Whether a function is another or calls it, directly or through others.
fn reaches(calls: &[(usize, usize, Span)], from: usize, to: usize) -> bool {
    let mut seen = vec![from];
    let mut at = 0;
    while let Some(f) = seen.get(at).copied() {
        if f == to {
            return true;
        }
        for c in calls.iter().filter(|c| c.0 == f) {
            if !seen.contains(&c.1) {
                seen.push(c.1);
            }
        }
        at += 1;
    }
    false
}

fn swapped(n: i64, bits: u8) -> i64 {
    match bits {
        16 => i64::from((n as u16).swap_bytes()),
        32 => i64::from((n as u32).swap_bytes()),
        64 => n.swap_bytes(),
        _ => i64::from(n as u8),
    }
}

/// Registers by name with their offsets in x86-64's `struct pt_regs` (arch/x86/include/asm/ptrace.h).
const REGISTERS: &[(&str, i64)] = &[
    ("r15", 0),
    ("r14", 8),
    ("r13", 16),
    ("r12", 24),
    ("bp", 32),
    ("bx", 40),
    ("r11", 48),
    ("r10", 56),
    ("r9", 64),
    ("r8", 72),
    ("ax", 80),
    ("cx", 88),
    ("dx", 96),
    ("si", 104),
    ("di", 112),
    ("orig_rax", 120),
    ("ip", 128),
    ("pc", 128),
    ("cs", 136),
    ("flags", 144),
    ("sp", 152),
    ("ss", 160),
];
