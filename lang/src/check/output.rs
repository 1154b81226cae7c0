//! Statements that send an event to user space, and `delete`.

use super::{Checker, join};
use crate::action::Action;
use crate::ast;
use crate::builtins::{Op, Row};
use crate::diag::Diagnostic;
use crate::format::{self, INTEGER_CONVERSIONS, Piece};
use crate::hir::{Expr, ExprKind, StmtKind};
use crate::source::Span;
use crate::types::Type;

/// Bytes of an event record, its number included; the ring buffer and the scratch map carry it whole.
const MAX_RECORD: u32 = 16 << 10;

impl Checker<'_> {
    /// A function called for its effect.
    pub(super) fn effect(&mut self, row: &'static Row, args: &[ast::Expr], span: Span) -> Option<StmtKind> {
        match row.op {
            Op::Printf => self.printf(args, span),
            Op::Print => self.print(args, span),
            Op::Clear => Some(emit(Action::Clear { map: self.whole_map(&args[0], "clear")? }, vec![])),
            Op::Zero => Some(emit(Action::Zero { map: self.whole_map(&args[0], "zero")? }, vec![])),
            Op::Time => {
                let format = match args.first() {
                    None => "%H:%M:%S\n".into(),
                    Some(a) => String::from_utf8_lossy(&self.literal(a, "the format")?).into_owned(),
                };
                Some(emit(Action::Time { format }, vec![]))
            }
            Op::Exit => {
                let code = match args.first() {
                    None => Expr::int(0, Type::I64, span),
                    Some(a) => self.integer_arg(a, "exit")?.0,
                };
                Some(StmtKind::Exit { code })
            }
            Op::Delete => {
                let (map, key) = self.map_and_key(args, span)?;
                Some(StmtKind::Delete { map, key })
            }
            _ => {
                let e = self.call(row.name, span, args, span);
                if e.ty != Type::Void {
                    let d = Diagnostic::warning(span, "this value is not used").help("assign it, or print it with `print()`");
                    self.tell(d);
                }
                Some(StmtKind::Expr(e))
            }
        }
    }

    /// A string literal's text.
    fn literal(&mut self, e: &ast::Expr, what: &str) -> Option<Vec<u8>> {
        if let ast::ExprKind::Str(text) = &e.kind {
            return Some(text.clone());
        }
        self.tell(Diagnostic::error(e.span, format!("{what} must be a string literal")).help("write it between quotes: \"...\""));
        None
    }

    fn printf(&mut self, args: &[ast::Expr], span: Span) -> Option<StmtKind> {
        let text = self.literal(&args[0], "the format")?;
        let mut values: Vec<Expr> = args[1..].iter().map(|a| self.operand(a)).collect();
        let format = match format::parse(&text) {
            Ok(format) => format,
            Err(why) => {
                let d = Diagnostic::error(args[0].span, why);
                self.tell(d.help("conversions are %d %i %u %x %X %o %c %s %p %r, and %% for a percent sign"));
                return None;
            }
        };
        let specs: Vec<_> = format.iter().filter_map(|p| if let Piece::Arg(a) = p { Some(a.clone()) } else { None }).collect();
        if specs.len() != values.len() {
            let d = Diagnostic::error(span, format!("the format has {} and there {}", conversions(specs.len()), arguments(values.len())));
            self.tell(d.label("they must agree"));
            return None;
        }
        for (spec, value) in specs.iter().zip(&mut values) {
            self.fits(spec.conversion, value);
        }
        self.fits_record(&values, span);
        let types = values.iter().map(|v| v.ty.clone()).collect();
        Some(emit(Action::Printf { format, args: types }, values))
    }

    fn fits(&mut self, conversion: char, value: &mut Expr) {
        let ok = match (&value.ty, conversion) {
            (Type::Void, _) => true,
            (Type::Int(_) | Type::Bool | Type::Ptr { .. }, c) if INTEGER_CONVERSIONS.contains(c) || c == 'p' => true,
            (Type::Ptr { to, .. }, 's') if matches!(&**to, Type::Int(i) if i.bits == 8) => {
                let d = Diagnostic::warning(value.span, "this prints an address");
                self.tell(d.help("to print the string there write `str(...)`; for the address itself `%p` says so"));
                true
            }
            (Type::Ksym | Type::Usym, 'p' | 'x') => true,
            (_, 's') => true,
            (Type::Array { .. } | Type::Str(_), 'r') => true,
            _ => false,
        };
        if ok {
            return;
        }
        let d = Diagnostic::error(value.span, format!("`%{conversion}` can't print a {}", join::shown(&value.ty)));
        self.tell(if conversion == 's' { d } else { d.help("`%s` prints it") });
    }

    fn print(&mut self, args: &[ast::Expr], span: Span) -> Option<StmtKind> {
        if let ast::ExprKind::Map { name, keys } = &args[0].kind {
            return match keys {
                None => {
                    let map = self.map(name, args[0].span);
                    let mut values = Vec::new();
                    for (i, default) in [(1, 0), (2, 0)] {
                        values.push(match args.get(i) {
                            Some(a) => {
                                let v = self.integer_arg(a, "print")?.0;
                                self.coerce(v, &Type::U64)
                            }
                            None => Expr::int(default, Type::U64, span),
                        });
                    }
                    Some(emit(Action::PrintMap { map }, values))
                }
                Some(keys) => {
                    let (map, key) = self.map_place(name, Some(keys), args[0].span);
                    self.one_argument(args)?;
                    let ty = self.map_state(map).value.clone();
                    let key = key?;
                    let mut values = vec![key.clone()];
                    if !matches!(ty, Type::Agg(_)) {
                        values.push(Expr { ty, kind: ExprKind::MapGet { map, key: Some(Box::new(key)) }, span: args[0].span });
                    }
                    self.fits_record(&values, span);
                    Some(emit(Action::PrintEntry { map }, values))
                }
            };
        }
        self.one_argument(args)?;
        let value = self.expr(&args[0]);
        if value.ty == Type::Void {
            return Some(StmtKind::Expr(value));
        }
        self.fits_record(std::slice::from_ref(&value), span);
        Some(emit(Action::PrintValue { ty: value.ty.clone() }, vec![value]))
    }

    fn one_argument(&mut self, args: &[ast::Expr]) -> Option<()> {
        if let Some(extra) = args.get(1) {
            let d = Diagnostic::error(extra.span, "only a whole map is printed with a number of entries");
            self.tell(d.help("write `print(@m, 5)`"));
            return None;
        }
        Some(())
    }

    /// Refuses what no record can carry.
    fn fits_record(&mut self, values: &[Expr], span: Span) {
        let bytes: u32 = 8 + values.iter().map(|v| v.ty.stored_size()).sum::<u32>();
        if bytes > MAX_RECORD {
            let d = Diagnostic::error(span, format!("this event would take {bytes} bytes; {MAX_RECORD} are the most"));
            self.tell(d.help("print fewer strings at once, or lower `max_strlen` in a config block"));
        }
    }
}

fn emit(action: Action, values: Vec<Expr>) -> StmtKind {
    StmtKind::Emit { action, values }
}

fn conversions(n: usize) -> String {
    match n {
        0 => "no conversions".into(),
        1 => "one conversion".into(),
        n => format!("{n} conversions"),
    }
}

fn arguments(n: usize) -> String {
    match n {
        0 => "are no arguments for it".into(),
        1 => "is one argument for it".into(),
        n => format!("are {n} arguments for it"),
    }
}
