//! Functions of strings and bytes.

use super::ops::typed;
use super::{Checker, join};
use crate::ast;
use crate::builtins::Op;
use crate::diag::Diagnostic;
use crate::features;
use crate::hir::{Expr, ExprKind};
use crate::source::Span;
use crate::types::{Int, Type};

impl Checker<'_> {
    pub(super) fn string_call(&mut self, op: Op, args: &[ast::Expr], span: Span) -> Expr {
        let none = Expr { ty: Type::Void, kind: ExprKind::Error, span };
        match op {
            Op::Buf => self.buf(args, span),
            Op::Strcap => {
                let e = self.operand(&args[0]);
                match &e.ty {
                    Type::Str(n) => Expr::int(i64::from(*n), Type::I64, span),
                    Type::Array { len, .. } => Expr::int(i64::from(*len), Type::I64, span),
                    _ => self.strlen(e, span),
                }
            }
            Op::Strlen => {
                let e = self.operand(&args[0]);
                self.strlen(e, span)
            }
            Op::Strncmp => {
                let Some(n) = self.constant_arg(&args[2], "the number of bytes") else { return none };
                if n < 0 {
                    return self.error(Diagnostic::error(args[2].span, "the number of bytes can't be negative"));
                }
                let (Some(a), Some(b)) = (self.string_arg(&args[0]), self.string_arg(&args[1])) else { return none };
                let n = Expr::int(n, Type::I64, span);
                Expr { ty: Type::I64, kind: ExprKind::Call { op, args: vec![a, b, n] }, span }
            }
            Op::Memcmp => self.memcmp(args, span),
            Op::StrConcat => {
                let (Some(a), Some(b)) = (self.string_arg(&args[0]), self.string_arg(&args[1])) else { return none };
                let size = (a.ty.c_size() + b.ty.c_size() - 1).min(self.config.settings.max_strlen.max(64));
                Expr { ty: Type::Str(size), kind: ExprKind::Call { op, args: vec![a, b] }, span }
            }
            _ => {
                let (Some(a), Some(b)) = (self.string_arg(&args[0]), self.string_arg(&args[1])) else { return none };
                self.wants(&features::SEARCH, span);
                let found = Expr { ty: Type::I64, kind: ExprKind::Call { op: Op::Strstr, args: vec![a, b] }, span };
                if op == Op::Strstr {
                    return found;
                }
                let zero = Expr::int(0, Type::I64, span);
                self.binary(ast::BinOp::Ge, found, zero, span)
            }
        }
    }

    /// An argument that is a string, an array of characters, or the address of a string.
    fn string_arg(&mut self, e: &ast::Expr) -> Option<Expr> {
        let e = self.operand(e);
        self.as_text(e)
    }

    fn as_text(&mut self, e: Expr) -> Option<Expr> {
        let span = e.span;
        let size = self.config.settings.max_strlen;
        match &e.ty {
            Type::Void => None,
            Type::Str(_) => Some(e),
            Type::Array { elem, .. } if elem.int().is_some_and(|i| i.bits == 8) => Some(self.as_string(e)),
            Type::Ptr { to, .. } if to.int().is_some_and(|i| i.bits == 8) => {
                Some(Expr { ty: Type::Str(size), kind: ExprKind::ReadStr { ptr: Box::new(e), limit: None }, span })
            }
            // The address of a variable that holds a string.
            Type::Ptr { to, .. } if matches!(**to, Type::Str(_)) => Some(self.read_through(e, span)),
            other => {
                let d = Diagnostic::error(span, format!("a string is needed, and this is a {}", join::shown(other)));
                self.tell(d.help("strings are literals, `comm`, `str(...)`, arrays of char, and pointers to char"));
                None
            }
        }
    }

    fn strlen(&mut self, e: Expr, span: Span) -> Expr {
        match self.as_text(e) {
            Some(Expr { kind: ExprKind::Str(text), .. }) => typed(text.len() as i64, Type::U64, span),
            Some(s) => Expr { ty: Type::U64, kind: ExprKind::Call { op: Op::Strlen, args: vec![s] }, span },
            None => Expr { ty: Type::Void, kind: ExprKind::Error, span },
        }
    }

    fn buf(&mut self, args: &[ast::Expr], span: Span) -> Expr {
        let none = Expr { ty: Type::Void, kind: ExprKind::Error, span };
        let most = self.config.settings.max_strlen;
        let data = match &args[0].kind {
            // All bytes that are written, also those behind a NUL.
            ast::ExprKind::Str(text) => {
                let ty = Type::Str(text.len() as u32 + 1);
                let kind = ExprKind::Str(text.clone());
                Expr { ty, kind, span: args[0].span }
            }
            _ => self.operand(&args[0]),
        };
        let own = match &data.ty {
            Type::Void => return none,
            Type::Array { .. } => Some(data.ty.c_size()),
            Type::Str(n) => Some(*n),
            t if t.is_scalar() => None,
            other => {
                let d =
                    Diagnostic::error(data.span, format!("`buf` reads from an address or an array, and this is a {}", join::shown(other)));
                return self.error(d);
            }
        };
        let length = match args.get(1) {
            Some(a) => match self.integer_arg(a, "buf") {
                Some((l, _)) => l,
                None => return none,
            },
            None => match own {
                Some(n) => Expr::int(i64::from(n), Type::U64, span),
                None => {
                    let d = Diagnostic::error(span, "the length is missing");
                    return self.error(d.help("only an array has a length of its own: `buf(ADDRESS, LENGTH)`"));
                }
            },
        };
        let room = match length.constant() {
            Some(n) if n < 0 => return self.error(Diagnostic::error(length.span, "a length can't be negative")),
            Some(n) if n > i64::from(most) => {
                let d = Diagnostic::warning(length.span, format!("a buffer has at most {most} bytes; this asks for {n}"));
                self.tell(d.help("raise `max_strlen` in a config block"));
                most
            }
            Some(n) => n as u32,
            None => own.unwrap_or(most).min(most),
        };
        Expr { ty: Type::Buf(room.max(1)), kind: ExprKind::Call { op: Op::Buf, args: vec![data, length] }, span }
    }

    /// `words(data, length, separator)`: bytes as `buf` reads them.
    pub(super) fn words_call(&mut self, args: &[ast::Expr], span: Span) -> Expr {
        let separator = match args.get(2).map(|a| self.literal(a, "the separator")) {
            Some(None) => return Expr { ty: Type::Void, kind: ExprKind::Error, span },
            Some(Some(text)) => String::from_utf8_lossy(&text).into_owned(),
            None => " ".into(),
        };
        let e = self.buf(&args[..2], span);
        let (Type::Buf(room), ExprKind::Call { args, .. }) = (&e.ty, e.kind) else {
            return Expr { ty: Type::Void, kind: ExprKind::Error, span };
        };
        Expr { ty: Type::Words { room: *room, separator }, kind: ExprKind::Call { op: Op::Words, args }, span }
    }

    /// `syscall(bytes, shown)`
    pub(super) fn syscall_call(&mut self, args: &[ast::Expr], span: Span) -> Expr {
        let none = Expr { ty: Type::Void, kind: ExprKind::Error, span };
        let of = |event: &str| {
            self.provider() == "rawtracepoint" && self.current.is_some_and(|g| g.points.iter().all(|p| p.attach.name.ends_with(event)))
        };
        let returned = of(":sys_exit");
        if !returned && !of(":sys_enter") {
            let d = Diagnostic::error(span, format!("`syscall` has no meaning in a {} probe", self.provider()));
            return self.error(d.label("only in rawtracepoint:sys_enter and rawtracepoint:sys_exit"));
        }
        let mut numbers = [64, 32];
        for (number, arg) in numbers.iter_mut().zip(args) {
            match self.constant_arg(arg, "the number of bytes") {
                Some(n) if (0..=4096).contains(&n) => *number = n as u32,
                Some(n) => {
                    let d = Diagnostic::error(arg.span, format!("{n} bytes of an argument can't be kept"));
                    return self.error(d.help("it is a number from 0 to 4096"));
                }
                None => return none,
            }
        }
        // Less would not hold the registers' own room (see the code generator).
        let room = if numbers[0] == 0 { 0 } else { numbers[0].max(16) };
        let ty = Type::Call { room, shown: numbers[1], returned };
        Expr { ty, kind: ExprKind::Call { op: Op::Syscall, args: Vec::new() }, span }
    }

    fn memcmp(&mut self, args: &[ast::Expr], span: Span) -> Expr {
        let none = Expr { ty: Type::Void, kind: ExprKind::Error, span };
        let Some(n) = self.constant_arg(&args[2], "the number of bytes") else { return none };
        let mut sides = Vec::new();
        for a in &args[..2] {
            let e = self.operand(a);
            let size = match &e.ty {
                Type::Void => return none,
                Type::Ptr { to, .. } if !matches!(**to, Type::Void) => {
                    let e = self.read_through(e, a.span);
                    sides.push(e);
                    continue;
                }
                other => self.pointee_size(other),
            };
            if n > i64::from(size) {
                let d = Diagnostic::error(args[2].span, format!("only {size} bytes are there to compare"));
                return self.error(d);
            }
            sides.push(e);
        }
        sides.push(Expr::int(n, Type::U64, span));
        Expr { ty: Type::Int(Int::I32), kind: ExprKind::Call { op: Op::Memcmp, args: sides }, span }
    }
}
