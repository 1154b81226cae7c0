//! Functions that change something outside the script: processes, results of kernel functions, files of packets.

use super::{Checker, join};
use crate::ast;
use crate::builtins::{Op, Row};
use crate::diag::Diagnostic;
use crate::hir::{Expr, ExprKind};
use crate::source::Span;
use crate::types::Type;

impl Checker<'_> {
    pub(super) fn unsafe_call(&mut self, row: &'static Row, args: &[ast::Expr], span: Span) -> Expr {
        let none = Expr { ty: Type::Void, kind: ExprKind::Error, span };
        match row.op {
            Op::Signal | Op::SignalThread => {
                let number = match &args[0].kind {
                    ast::ExprKind::Str(text) => {
                        let name = String::from_utf8_lossy(text).into_owned();
                        let full = if name.starts_with("SIG") { name.clone() } else { format!("SIG{name}") };
                        match stdlib::constants::constant(&full) {
                            Some(n) => Expr::int(n, Type::I64, span),
                            None => return self.error(Diagnostic::error(args[0].span, format!("there is no signal `{name}`"))),
                        }
                    }
                    _ => match self.integer_arg(&args[0], row.name) {
                        Some((n, _)) => n,
                        None => return none,
                    },
                };
                if let Some(n) = number.constant().filter(|n| !(1..=64).contains(n)) {
                    return self.error(Diagnostic::error(args[0].span, format!("{n} is no signal; they go from 1 to 64")));
                }
                Expr { ty: Type::I64, kind: ExprKind::Call { op: row.op, args: vec![number] }, span }
            }
            Op::Override => {
                if self.provider() != "kprobe" {
                    let d = Diagnostic::error(span, format!("`override` has no meaning in a {} probe", self.provider()));
                    return self.error(d.label("only in kprobe"));
                }
                let Some((n, _)) = self.integer_arg(&args[0], "override") else { return none };
                Expr { ty: Type::I64, kind: ExprKind::Call { op: row.op, args: vec![n] }, span }
            }
            Op::WriteUser => {
                let (dst, src) = (self.operand(&args[0]), self.operand(&args[1]));
                let Some(n) = self.constant_arg(&args[2], "the length") else { return none };
                let n = Expr::int(n, Type::U64, span);
                Expr { ty: Type::Bool, kind: ExprKind::Call { op: row.op, args: vec![dst, src, n] }, span }
            }
            _ => self.skboutput(row, args, span),
        }
    }

    fn skboutput(&mut self, row: &'static Row, args: &[ast::Expr], span: Span) -> Expr {
        let none = Expr { ty: Type::Void, kind: ExprKind::Error, span };
        let Some(path) = self.literal(&args[0], "the file") else { return none };
        if !matches!(self.provider(), "fentry" | "fexit" | "rawtracepoint") {
            let d = Diagnostic::error(span, format!("`skboutput` has no meaning in a {} probe", self.provider()));
            return self.error(d.label("only in fentry, fexit and rawtracepoint"));
        }
        let skb = self.operand(&args[1]);
        match &skb.ty {
            Type::Void => return none,
            Type::Ptr { to, .. } if matches!(&**to, Type::Record { name, .. } if name.trim_start_matches("struct ") == "sk_buff") => {}
            other => {
                let d =
                    Diagnostic::error(args[1].span, format!("`skboutput` takes a `struct sk_buff *`, and this is {}", join::shown(other)));
                return self.error(d.help("an argument such as `args.skb`"));
            }
        }
        let (Some((length, _)), Some((offset, _))) = (self.integer_arg(&args[2], row.name), self.integer_arg(&args[3], row.name)) else {
            return none;
        };
        let path = Expr { ty: Type::Str(path.len() as u32), kind: ExprKind::Str(path), span: args[0].span };
        Expr { ty: Type::I64, kind: ExprKind::Call { op: row.op, args: vec![path, skb, length, offset] }, span }
    }
}
