//! Calls that have a value.

use super::{Checker, join};
use crate::action::MapId;
use crate::ast;
use crate::builtins::{self, Kind, Op, Row};
use crate::diag::{Diagnostic, nearest};
use crate::dialect::{self, Word};
use crate::hir::{Expr, ExprKind};
use crate::source::Span;
use crate::types::{Int, Type};

impl Checker<'_> {
    /// The row of a called name with its arguments counted; tells what is wrong.
    pub(super) fn called(&mut self, name: &str, name_span: Span, args: &[ast::Expr], span: Span) -> Option<&'static Row> {
        if self.functions.iter().any(|f| f.name == name) {
            return None;
        }
        let Some(row) = builtins::find(name) else {
            let near = nearest(name, builtins::rows().filter(|r| r.kind != Kind::Value).map(|r| r.name));
            let d = Diagnostic::error(name_span, format!("there is no function `{name}`"));
            self.tell(match dialect::hint(Word::Function, name) {
                Some(hint) => d.help(hint),
                None => d.suggest(&near, "`beetrace help` lists the functions"),
            });
            return None;
        };
        if row.is_unsafe && !self.config.allow_unsafe {
            self.tell(Diagnostic::error(name_span, format!("`{name}` can change the system")).help("allow it with `--unsafe`"));
            return None;
        }
        let (low, high) = row.args;
        if args.len() < low || args.len() > high {
            let wants = match (low, high) {
                (0, 0) => "no arguments".into(),
                (1, 1) => "one argument".into(),
                (a, b) if a == b => format!("{a} arguments"),
                (a, 64) => format!("at least {a}"),
                (a, b) => format!("{a} to {b} arguments"),
            };
            let forms: Vec<String> = row.signature.lines().map(|l| format!("`{l}`")).collect();
            let d = Diagnostic::error(span, format!("`{name}` takes {wants}, not {}", args.len()));
            self.tell(d.help(format!("it is {}", forms.join(" or "))));
            return None;
        }
        Some(row)
    }

    /// A call in an expression.
    pub(super) fn call(&mut self, name: &str, name_span: Span, args: &[ast::Expr], span: Span) -> Expr {
        let none = Expr { ty: Type::Void, kind: ExprKind::Error, span };
        if let Some(index) = self.functions.iter().position(|f| f.name == name) {
            return self.call_function(index, args, span);
        }
        let Some(row) = self.called(name, name_span, args, span) else { return none };
        match (row.kind, row.op) {
            (Kind::Value, _) => self.builtin(row, name, args, span),
            (Kind::MapFunction, _) => {
                let d = Diagnostic::error(span, format!("`{name}()` can only be assigned to a map"));
                self.error(d.help(format!("write `@ = {name}(...);` or `@[KEY] = {name}(...);`")))
            }
            (_, Op::Str) => self.str_call(args, span),
            (_, Op::Ksym | Op::Usym) => self.symbol(row.op, &args[0], span),
            (_, Op::Delete) => match self.map_and_key(args, span) {
                Some((map, key)) => Expr { ty: Type::Bool, kind: ExprKind::Delete { map, key: key.map(Box::new) }, span },
                None => none,
            },
            (_, Op::HasKey) => match self.map_and_key(args, span) {
                Some((map, key)) => Expr { ty: Type::Bool, kind: ExprKind::HasKey { map, key: key.map(Box::new) }, span },
                None => none,
            },
            (_, Op::Find) => self.find_call(args, span),
            (_, Op::Len) => match self.metrics_named(&args[0]).and_then(|set| self.metrics_len(set, span)) {
                Some(n) => n,
                None => self.len_call(&args[0], span),
            },
            (_, Op::IsScalar) => match &args[0].kind {
                ast::ExprKind::Map { name, keys: None } => {
                    let scalar = self.key_type(name).is_none();
                    Expr::int(i64::from(scalar), Type::Bool, span)
                }
                _ => self.error(Diagnostic::error(args[0].span, "a map is needed here")),
            },
            (_, Op::Buf | Op::Strlen | Op::Strcap | Op::StrConcat | Op::Strncmp | Op::Strstr | Op::Strcontains | Op::Memcmp) => {
                self.string_call(row.op, args, span)
            }
            (_, Op::Bswap | Op::Kptr | Op::Uptr | Op::Kaddr | Op::PercpuKaddr | Op::Uaddr | Op::Path | Op::Reg | Op::SocketCookie) => {
                self.memory_call(row, args, span)
            }
            (_, Op::WriteUser | Op::Skboutput | Op::Signal | Op::SignalThread | Op::Override) => self.unsafe_call(row, args, span),
            (_, Op::Ntop | Op::Pton | Op::Macaddr | Op::Cgroupid | Op::CgroupPath | Op::Strftime) => self.convert_call(row.op, args, span),
            (_, Op::Words) => self.words_call(args, span),
            (_, Op::Syscall) => self.syscall_call(args, span),
            (_, Op::Strerror | Op::SignalName | Op::SyscallName) => {
                let Some((n, _)) = self.integer_arg(&args[0], name) else { return none };
                Expr { ty: Type::Str(64), kind: ExprKind::Call { op: row.op, args: vec![n] }, span }
            }
            (_, Op::IsArray | Op::IsInteger | Op::IsPtr | Op::IsStr | Op::IsUnsignedInteger | Op::IsLiteral) => {
                self.question(row.op, &args[0], span)
            }
            (_, Op::Getopt) => self.getopt(args, span),
            (_, Op::KfuncExist | Op::KfuncAllowed) => match self.literal(&args[0], "the name of a kfunc") {
                Some(text) => {
                    let name = String::from_utf8_lossy(&text).into_owned();
                    let there = self.kernel.kfunc(&name).is_some() && (row.op == Op::KfuncExist || self.provider() != "begin");
                    Expr::int(i64::from(there), Type::Bool, span)
                }
                None => none,
            },
            _ => {
                let d = Diagnostic::error(span, format!("`{name}()` has no value")).help("write it as a statement of its own");
                self.error(d)
            }
        }
    }

    fn str_call(&mut self, args: &[ast::Expr], span: Span) -> Expr {
        if let Some((n, skip)) = param_text(&args[0]) {
            let text = match n {
                0 => self.config.script.clone(),
                n => self.config.params.get(n as usize - 1).cloned().unwrap_or_default(),
            };
            let mut text = text.into_bytes();
            if skip > text.len() {
                let d = Diagnostic::error(args[0].span, format!("`${n}` has only {} bytes", text.len()));
                return self.error(d);
            }
            text.drain(..skip);
            if let Some(limit) = args.get(1) {
                let limit = self.constant_arg(limit, "the length of a parameter").unwrap_or(0);
                text.truncate(usize::try_from(limit).unwrap_or(0));
            }
            let most = self.config.settings.max_strlen;
            if text.len() > most as usize {
                let d = Diagnostic::error(args[0].span, format!("`${n}` has {} bytes; strings have at most {most}", text.len()));
                return self.error(d.help("raise `max_strlen` in a config block, or give a length: `str($1, 64)`"));
            }
            return Expr { ty: Type::Str(text.len() as u32 + 1), kind: ExprKind::Str(text), span };
        }
        let e = self.operand(&args[0]);
        let limit = args.get(1).map(|a| self.operand(a));
        let most = self.config.settings.max_strlen;
        // `max_strlen` bytes of text, and the NUL.
        let whole = most + 1;
        let (size, limit) = match limit {
            None => (whole, None),
            Some(l) => match (l.constant(), &l.ty) {
                (Some(n), _) if n > i64::from(most) => {
                    let d = Diagnostic::warning(l.span, format!("strings have at most {most} bytes; this asks for {n}"));
                    self.tell(d.help("raise `max_strlen` in a config block"));
                    (whole, None)
                }
                (Some(n), _) if n < 0 => return self.error(Diagnostic::error(l.span, "a length can't be negative")),
                (Some(0), _) => (1, None),
                (Some(n), _) => (n as u32, None),
                (None, Type::Int(_)) => (whole, Some(Box::new(l))),
                (None, Type::Void) => (whole, None),
                (None, other) => {
                    let d = Diagnostic::error(l.span, format!("the length is a {}, not an integer", join::shown(other)));
                    return self.error(d);
                }
            },
        };
        match &e.ty {
            Type::Void => e,
            Type::Str(n) if size < *n => self.coerce(e, &Type::Str(size)),
            Type::Str(_) => e,
            Type::Array { elem, .. } if elem.int().is_some_and(|i| i.bits == 8) => self.as_string(e),
            Type::Int(_) | Type::Ptr { .. } | Type::Enum { .. } => {
                Expr { ty: Type::Str(size), kind: ExprKind::ReadStr { ptr: Box::new(e), limit }, span }
            }
            other => {
                let d = Diagnostic::error(e.span, format!("`str` reads from an address, and this is a {}", join::shown(other)));
                self.error(d)
            }
        }
    }

    fn symbol(&mut self, op: Op, arg: &ast::Expr, span: Span) -> Expr {
        let e = self.operand(arg);
        match (&e.ty, op) {
            (Type::Void, _) => e,
            (t, Op::Ksym) if t.is_scalar() => Expr { ty: Type::Ksym, kind: ExprKind::Cast(Box::new(e)), span },
            (t, _) if t.is_scalar() => Expr { ty: Type::Usym, kind: ExprKind::Usym(Box::new(e)), span },
            (t, _) => {
                let d = Diagnostic::error(e.span, format!("an address is needed, and this is a {}", join::shown(t)));
                self.error(d)
            }
        }
    }

    /// `(@m[k])`, `(@m, k)` or `(@m)`: the map and the key.
    pub(super) fn map_and_key(&mut self, args: &[ast::Expr], span: Span) -> Option<(MapId, Option<Expr>)> {
        let ast::ExprKind::Map { name, keys } = &args[0].kind else {
            self.tell(Diagnostic::error(args[0].span, "a map is needed here").help("write `delete(@m, KEY)`, or `delete(@m[KEY])`"));
            return None;
        };
        match (keys, args.get(1)) {
            (None, Some(key)) => {
                let list: &[ast::Expr] = match &key.kind {
                    ast::ExprKind::Tuple(list) => list,
                    _ => std::slice::from_ref(key),
                };
                Some(self.map_place(name, Some(list), args[0].span))
            }
            (Some(_), Some(second)) => {
                self.tell(Diagnostic::error(second.span, "the key is already written between the brackets"));
                None
            }
            (keys, None) => Some(self.map_place(name, keys.as_deref(), span)),
        }
    }

    /// A map by its bare name, for `print`, `clear` and `zero`.
    pub(super) fn whole_map(&mut self, e: &ast::Expr, function: &str) -> Option<MapId> {
        match &e.kind {
            ast::ExprKind::Map { name, keys: None } => Some(self.map(name, e.span)),
            ast::ExprKind::Map { name, .. } => {
                let d = Diagnostic::error(e.span, format!("`{function}` takes a whole map")).help(format!("write `{function}({name})`"));
                self.tell(d);
                None
            }
            _ => {
                self.tell(Diagnostic::error(e.span, format!("`{function}` takes a map")).help(format!("write `{function}(@NAME)`")));
                None
            }
        }
    }

    /// An argument that must be a constant integer.
    pub(super) fn constant_arg(&mut self, e: &ast::Expr, what: &str) -> Option<i64> {
        let v = self.operand(e);
        if v.constant().is_none() && v.ty != Type::Void {
            self.tell(Diagnostic::error(e.span, format!("{what} must be a constant integer")));
        }
        v.constant()
    }

    /// An argument that must be an integer.
    pub(super) fn integer_arg(&mut self, e: &ast::Expr, function: &str) -> Option<(Expr, Int)> {
        let v = self.operand(e);
        match &v.ty {
            Type::Int(i) | Type::Enum { int: i, .. } => {
                let int = *i;
                Some((v, int))
            }
            Type::Bool | Type::Ptr { .. } => {
                let v = self.coerce(v, &Type::U64);
                Some((v, Int::U64))
            }
            Type::Void => None,
            other => {
                let d = Diagnostic::error(v.span, format!("`{function}` takes an integer, and this is a {}", join::shown(other)));
                self.tell(d);
                None
            }
        }
    }
}

/// `$1` or `$1 + 2`: the parameter, and the bytes that are left out.
fn param_text(e: &ast::Expr) -> Option<(u32, usize)> {
    match &e.kind {
        ast::ExprKind::Param(n) => Some((*n, 0)),
        ast::ExprKind::Binary(ast::BinOp::Add, a, b) => match (&a.kind, &b.kind) {
            (ast::ExprKind::Param(n), ast::ExprKind::Int(skip)) | (ast::ExprKind::Int(skip), ast::ExprKind::Param(n)) => {
                Some((*n, usize::try_from(*skip).ok()?))
            }
            _ => None,
        },
        _ => None,
    }
}
