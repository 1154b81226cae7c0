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
const MAX_RECORD: u32 = 64 << 10;

/// Strings that `join` reads at the most.
pub(crate) const JOINED: u32 = 16;

impl Checker<'_> {
    /// A function called for its effect.
    pub(super) fn effect(&mut self, row: &'static Row, args: &[ast::Expr], span: Span) -> Option<StmtKind> {
        match row.op {
            Op::Printf => self.printf(args, span, |format, args| Action::Printf { format, args }),
            Op::Errorf | Op::Warnf => {
                let error = row.op == Op::Errorf;
                self.printf(args, span, |format, args| Action::Message { error, format, args, span })
            }
            Op::Cat => self.printf(args, span, |format, args| Action::Cat { format, args }),
            Op::System => self.printf(args, span, |format, args| Action::System { format, args }),
            Op::Debugf => self.debugf(args, span),
            Op::Join => self.join(args, span),
            Op::Fail => self.fail(args, span),
            Op::Unwatch => {
                let address = self.integer_arg(&args[0], "unwatch")?.0;
                Some(emit(Action::Unwatch, vec![address]))
            }
            Op::Signal | Op::SignalThread | Op::Override => {
                let e = self.call(row.name, span, args, span);
                Some(StmtKind::Expr(e))
            }
            Op::Print => self.print(args, span),
            Op::Report => {
                let map = self.whole_map(&args[0], "report")?;
                let rows = match args.get(1) {
                    Some(a) => {
                        let v = self.integer_arg(a, "report")?.0;
                        self.coerce(v, &Type::U64)
                    }
                    None => Expr::int(0, Type::U64, span),
                };
                self.has_stack(map, args[0].span)?;
                Some(emit(Action::Report { map }, vec![rows]))
            }
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
    pub(super) fn literal(&mut self, e: &ast::Expr, what: &str) -> Option<Vec<u8>> {
        if let ast::ExprKind::Str(text) = &e.kind {
            return Some(text.clone());
        }
        // A parameter, a macro's argument, a setting: anything that is a text by now.
        let value = self.expr(e);
        match value.kind {
            ExprKind::Str(text) => return Some(text),
            _ if value.ty == Type::Void => return None,
            _ => {}
        }
        self.tell(Diagnostic::error(e.span, format!("{what} must be a string literal")).help("write it between quotes: \"...\""));
        None
    }

    fn printf(&mut self, args: &[ast::Expr], span: Span, action: impl FnOnce(Vec<Piece>, Vec<Type>) -> Action) -> Option<StmtKind> {
        let text = self.literal(&args[0], "the format")?;
        let mut values: Vec<Expr> = args[1..].iter().map(|a| self.operand(a)).collect();
        let format = match format::parse(&text) {
            Ok(format) => format,
            Err(why) => {
                let d = Diagnostic::error(args[0].span, why);
                self.tell(d.help(
                    "conversions are %d %i %u %x %X %o %c %s %p, %.2f for hundredths, %r %rx %rh for buffers, %gr for GFP flags, and %% for a percent sign",
                ));
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
        Some(emit(action(format, types), values))
    }

    /// `debugf`: the kernel formats, so its conversions are those of `bpf_trace_printk`.
    fn debugf(&mut self, args: &[ast::Expr], span: Span) -> Option<StmtKind> {
        let text = self.literal(&args[0], "the format")?;
        let StmtKind::Emit { mut values, .. } = self.printf(args, span, |format, args| Action::Printf { format, args })? else {
            return None;
        };
        for v in &values {
            if !v.ty.is_scalar() && !matches!(v.ty, Type::Str(_) | Type::Void) {
                let d = Diagnostic::error(v.span, format!("`debugf` can't print a {}", join::shown(&v.ty)));
                self.tell(d.help("it takes integers, pointers and strings"));
            }
        }
        values.insert(0, Expr { ty: Type::Str(text.len() as u32 + 1), kind: ExprKind::Str(text), span });
        Some(StmtKind::Expr(Expr { ty: Type::U64, kind: ExprKind::Call { op: Op::Debugf, args: values }, span }))
    }

    /// `fail("...", literals)`: the compiler got here.
    fn fail(&mut self, args: &[ast::Expr], span: Span) -> Option<StmtKind> {
        let text = self.literal(&args[0], "the message")?;
        let mut values = Vec::new();
        for a in &args[1..] {
            let e = self.operand(a);
            values.push(match (&e.kind, &e.ty) {
                (_, Type::Void) => return None,
                (ExprKind::Int(n), Type::Bool) => (*n != 0).to_string(),
                (ExprKind::Int(n), _) => n.to_string(),
                (ExprKind::Str(text), _) => String::from_utf8_lossy(text).into_owned(),
                _ => {
                    self.tell(Diagnostic::error(a.span, "the message must be known while the script is compiled"));
                    return None;
                }
            });
        }
        let mut message = String::new();
        let mut next = values.into_iter();
        for piece in format::parse(&text).unwrap_or_default() {
            match piece {
                Piece::Text(t) => message.push_str(&String::from_utf8_lossy(&t)),
                Piece::Arg(_) => message.push_str(&next.next().unwrap_or_default()),
            }
        }
        self.tell(Diagnostic::error(span, message));
        None
    }

    /// `join(args.argv)`
    fn join(&mut self, args: &[ast::Expr], span: Span) -> Option<StmtKind> {
        let list = self.operand(&args[0]);
        let separator = match args.get(1) {
            Some(a) => self.literal(a, "the separator")?,
            None => b" ".to_vec(),
        };
        if !list.ty.is_scalar() && list.ty != Type::Void {
            let d = Diagnostic::error(
                list.span,
                format!("`join` takes the address of an array of strings, and this is a {}", join::shown(&list.ty)),
            );
            self.tell(d);
            return None;
        }
        let size = self.config.settings.max_strlen.min(MAX_RECORD / JOINED - 16);
        let kind = ExprKind::Call { op: Op::Join, args: vec![list] };
        let value = Expr { ty: Type::Array { elem: Box::new(Type::Str(size)), len: JOINED }, kind, span };
        Some(emit(Action::Join { separator, size }, vec![value]))
    }

    fn fits(&mut self, conversion: char, value: &mut Expr) {
        let ok = match (&value.ty, conversion) {
            (Type::Void, _) => true,
            (Type::Buf(_) | Type::Str(_) | Type::Array { .. }, 'r' | 's') => true,
            (t, 'g') if t.is_scalar() => true,
            (Type::Int(_) | Type::Bool | Type::Ptr { .. } | Type::Enum { .. } | Type::Username, c)
                if INTEGER_CONVERSIONS.contains(c) || c == 'p' =>
            {
                true
            }
            (Type::Ptr { to, .. }, 's') if matches!(&**to, Type::Int(i) if i.bits == 8) => {
                let d = Diagnostic::warning(value.span, "this prints an address");
                self.tell(d.help("to print the string there write `str(...)`; for the address itself `%p` says so"));
                true
            }
            (Type::Int(_), 'f') => true,
            (Type::Ksym | Type::Usym, 'p' | 'x') => true,
            (_, 's') => true,
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
            if self.last && !matches!(value.kind, ExprKind::Error | ExprKind::Var(_)) {
                self.tell(Diagnostic::error(args[0].span, "this has no value to print"));
            }
            return Some(StmtKind::Expr(value));
        }
        self.fits_record(std::slice::from_ref(&value), span);
        Some(emit(Action::PrintValue { ty: value.ty.clone() }, vec![value]))
    }

    /// Refuses a map that `report` can make nothing of.
    fn has_stack(&mut self, map: crate::action::MapId, span: Span) -> Option<()> {
        let state = self.map_state(map);
        let stack = |t: &Type| matches!(t, Type::KStack { .. } | Type::UStack { .. });
        let (key, value) = (state.key.clone(), state.value.clone());
        let keyed = key.flatten().as_ref().is_some_and(|k| stack(k) || k.members().into_iter().any(stack));
        let counted = matches!(value, Type::Void | Type::Int(_) | Type::Agg(crate::types::Agg::Count | crate::types::Agg::Sum(_)));
        if self.last && !(keyed && counted) {
            let d = Diagnostic::error(span, "`report` needs a map with a stack in its key and a number as its value");
            self.tell(d.help("such as `@[kstack, comm] = count()`"));
            return None;
        }
        Some(())
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
