//! `args.NAME`, members of structures, elements of arrays.

use super::{Checker, join};
use crate::ast;
use crate::builtins::{self, Op};
use crate::diag::{Diagnostic, nearest};
use crate::hir::{Context, Expr, ExprKind};
use crate::kernel::{DataLoc, Field};
use crate::source::Span;
use crate::types::{AddrSpace, Int, Type};

/// A `char` (or `int8`): arrays of these are strings. The kernel's `char` is given as `int8` whatever its sign.
fn is_char(ty: &Type) -> bool {
    *ty == Type::Int(Int::I8)
}

/// Why an argument of a function of user space is in no register for integers, if so.
pub(super) fn unreadable(f: &Field) -> Option<&'static str> {
    match &f.ty {
        Type::Record { .. } | Type::Array { .. } => Some("it is a structure passed by value"),
        Type::Void => Some("it is a floating point number, or of another kind that is passed by value outside the registers for integers"),
        _ => None,
    }
}

impl Checker<'_> {
    pub(super) fn field(&mut self, base: &ast::Expr, name: &str, name_span: Span, span: Span) -> Expr {
        let bare = match &base.kind {
            ast::ExprKind::Ident(n) => Some(n),
            ast::ExprKind::Call { name, args, .. } if args.is_empty() => Some(name),
            _ => None,
        };
        if let Some(n) = bare
            && let Some(row) = builtins::find(n)
        {
            match (row.op, self.context()) {
                (Op::Args, Context::Tracepoint(fields)) => return self.tracepoint_field(&fields, name, name_span, span),
                (Op::Args, Context::Entry { args, .. }) if args.is_empty() => return self.builtin(row, n, &[], base.span),
                (
                    Op::Args,
                    Context::RawTracepoint(fields) | Context::Function { args: fields, .. } | Context::Entry { args: fields, .. },
                ) => {
                    return self.raw_field(&fields, name, name_span, span);
                }
                (Op::Args, _) => return self.builtin(row, n, &[], base.span),
                (Op::Config, _) => return self.setting(name, name_span, span),
                _ => {}
            }
        }
        if let Some(set) = self.metrics_named(base) {
            return self.metric(set, name, name_span, span);
        }
        let base = self.expr(base);
        self.field_of(base, name, name_span, span)
    }

    /// `base.name` of a checked base.
    pub(super) fn field_of(&mut self, base: Expr, name: &str, name_span: Span, span: Span) -> Expr {
        let record = match &base.ty {
            Type::Record { name, .. } => Some(name),
            Type::Ptr { to, .. } => {
                if let Type::Record { name, .. } = &**to {
                    Some(name)
                } else {
                    None
                }
            }
            _ => None,
        };
        if let Some(way) = record.and_then(|r| self.way_to(r, name)) {
            return way.split('.').fold(base, |base, part| self.field_of(base, part, name_span, span));
        }
        match base.ty.clone() {
            Type::Void => base,
            Type::Ptr { to, space } => match *to {
                Type::Record { name: record, .. } => {
                    let Some(field) = self.find_member(&record, name, name_span) else {
                        return Expr { ty: Type::Void, kind: ExprKind::Error, span };
                    };
                    self.member_at(base, &field, space, span)
                }
                other => {
                    let d = Diagnostic::error(name_span, format!("a pointer to {} has no members", join::shown(&other)));
                    self.error(d.help(format!("cast it to the structure first: `((struct NAME *)x).{name}`")))
                }
            },
            Type::Record { name: record, .. } => {
                let Some(field) = self.find_member(&record, name, name_span) else {
                    return Expr { ty: Type::Void, kind: ExprKind::Error, span };
                };
                match base.kind {
                    // What is still in its place is read from there.
                    ExprKind::ReadBytes { ptr } => {
                        let space = if let Type::Ptr { space, .. } = ptr.ty { space } else { AddrSpace::Unknown };
                        self.member_at(*ptr, &field, space, span)
                    }
                    _ => self.part(base, &field, span),
                }
            }
            Type::Named(members) => match members.iter().position(|m| m.0 == name) {
                Some(i) => self.member(base, i as u32, span),
                None => {
                    let near = nearest(name, members.iter().map(|m| m.0.as_str()));
                    let all: Vec<&str> = members.iter().map(|m| m.0.as_str()).collect();
                    let d = Diagnostic::error(name_span, format!("this record has no member `{name}`"));
                    self.error(d.suggest(&near, &format!("it has {}", all.join(", "))))
                }
            },
            other => {
                let d = Diagnostic::error(name_span, format!("a {} has no members", join::shown(&other)));
                self.error(d.help(format!("cast it to a pointer to the structure first: `((struct NAME *)x).{name}`")))
            }
        }
    }

    /// The way to a member that moved into another structure, if it is no member here.
    fn way_to(&self, record: &str, name: &str) -> Option<&'static str> {
        let way = crate::moved::other_ways(record, name).find(|w| w.contains('.'))?;
        let has = |n: &str| self.kernel.record(record).is_some_and(|l| l.fields.iter().any(|f| f.name == n));
        (!has(name) && has(way.split('.').next()?)).then_some(way)
    }

    /// A member of a structure by its name, or by the name that it has in this kernel; tells if there is none.
    pub(super) fn find_member(&mut self, record: &str, name: &str, span: Span) -> Option<Field> {
        let what = if record.starts_with("union ") { record.to_string() } else { format!("struct {record}") };
        let Some(layout) = self.kernel.record(record) else {
            self.tell(Diagnostic::error(span, format!("there is no `{what}`, neither in the script nor in the kernel's BTF")));
            return None;
        };
        let by_name = |n: &str| layout.fields.iter().find(|f| f.name == n);
        let other = crate::moved::other_ways(record, name).find_map(by_name);
        if let Some(f) = by_name(name).or(other) {
            return Some(f.clone());
        }
        let near = nearest(name, layout.fields.iter().map(|f| f.name.as_str()));
        let d = Diagnostic::error(span, format!("`{what}` has no member `{name}`"));
        let help = if layout.fields.is_empty() { "its members are not known".into() } else { String::new() };
        self.tell(d.suggest(&near, &help));
        None
    }

    /// The member of a structure in memory.
    fn member_at(&mut self, base: Expr, field: &Field, space: AddrSpace, span: Span) -> Expr {
        let offset = Expr::int(i64::from(field.offset), Type::I64, span);
        let bytes = Expr { ty: Type::ptr(Type::Void, space), ..base };
        let kind = ExprKind::Binary { op: ast::BinOp::Add, a: Box::new(bytes), b: Box::new(offset), signed: false };
        // The members of an iterator's context are loaded from it: the verifier knows what they point to.
        if let (AddrSpace::Ctx, ExprKind::Binary { a, .. }) = (space, &kind)
            && matches!(a.kind, ExprKind::Builtin(Op::Ctx))
            && field.ty.is_scalar()
            && field.bits.is_none()
        {
            let ty = match &field.ty {
                Type::Ptr { to, .. } => Type::Ptr { to: to.clone(), space: AddrSpace::Trusted },
                other => other.clone(),
            };
            return Expr { ty, kind: ExprKind::CtxLoad(field.offset), span };
        }
        // Pointers that are found lead into the same memory as the one that led to them.
        let ty = in_space(&field.ty, space);
        let place = Expr { ty: Type::ptr(ty.clone(), space), kind, span };
        if let Some(bits) = field.bits {
            return Expr { ty, kind: ExprKind::Read { ptr: Box::new(place), bits: Some(bits) }, span };
        }
        self.read_through(place, span)
    }

    /// The member of a structure that a variable or a map holds.
    fn part(&mut self, base: Expr, field: &Field, span: Span) -> Expr {
        let ty = match &field.ty {
            Type::Array { elem, len } if is_char(elem) => Type::Str((*len).max(1)),
            Type::Void => {
                let d = Diagnostic::error(span, "this member is of a kind that can't be read");
                return self.error(d);
            }
            other => other.clone(),
        };
        Expr { ty, kind: ExprKind::Part { base: Box::new(base), offset: field.offset, bits: field.bits }, span }
    }

    /// What a pointer points to.
    pub(super) fn read_through(&mut self, ptr: Expr, span: Span) -> Expr {
        let Type::Ptr { to, space } = &ptr.ty else { return ptr };
        match (**to).clone() {
            // A flexible array: where it begins.
            Type::Array { elem, len: 0 } => {
                let ty = Type::ptr(*elem, *space);
                Expr { ty, kind: ExprKind::Relabel(Box::new(ptr)), span }
            }
            Type::Array { elem, len } if is_char(&elem) => {
                Expr { ty: Type::Str(len.max(1)), kind: ExprKind::ReadStr { ptr: Box::new(ptr), limit: None }, span }
            }
            Type::Record { name, size: 0 } => {
                let ty = self.record_type(&name);
                if ty.c_size() == 0 {
                    let d = Diagnostic::error(span, format!("`{ty}` is only declared: its members and size are not known"));
                    return self.error(d);
                }
                Expr { ty, kind: ExprKind::ReadBytes { ptr: Box::new(ptr) }, span }
            }
            ty @ (Type::Array { .. } | Type::Record { .. }) => Expr { ty, kind: ExprKind::ReadBytes { ptr: Box::new(ptr) }, span },
            Type::Void => {
                let d = Diagnostic::error(span, "what this points to has no type");
                self.error(d.help("cast the pointer first: `*(uint64 *)x`"))
            }
            Type::Str(n) => Expr { ty: Type::Str(n), kind: ExprKind::ReadStr { ptr: Box::new(ptr), limit: None }, span },
            ty if ty.is_scalar() => Expr { ty, kind: ExprKind::Read { ptr: Box::new(ptr), bits: None }, span },
            // The address of a variable that holds anything else.
            ty => Expr { ty, kind: ExprKind::ReadBytes { ptr: Box::new(ptr) }, span },
        }
    }

    fn find_field<'f>(&mut self, fields: &'f [Field], name: &str, name_span: Span) -> Option<&'f Field> {
        let found = fields.iter().find(|f| f.name == name);
        if found.is_none() {
            let all: Vec<&str> = fields.iter().map(|f| f.name.as_str()).filter(|n| !n.is_empty() && !n.starts_with("common_")).collect();
            let near = nearest(name, all.iter().copied());
            let probe = self.current.and_then(|g| g.points.first()).map_or(String::new(), |p| p.attach.name.clone());
            let list = if all.is_empty() {
                "it has none, or this kernel has no BTF to name them; use `arg0` and so on".into()
            } else {
                format!("it has {}", all.join(", "))
            };
            self.tell(Diagnostic::error(name_span, format!("`{probe}` has no field `{name}`")).suggest(&near, &list));
        }
        found
    }

    fn tracepoint_field(&mut self, fields: &[Field], name: &str, name_span: Span, span: Span) -> Expr {
        let Some(f) = self.find_field(fields, name, name_span) else { return Expr { ty: Type::Void, kind: ExprKind::Error, span } };
        let make = |ty: Type, kind: ExprKind| Expr { ty, kind, span };
        if name.starts_with("common_") {
            let d = Diagnostic::error(name_span, format!("the kernel does not let a program read `{name}`"));
            return self.error(d.help("the process is `pid`, the CPU `cpu`"));
        }
        if let Some(from) = f.data_loc {
            let to = match &f.ty {
                Type::Array { elem, .. } | Type::Ptr { to: elem, .. } => (**elem).clone(),
                _ => Type::Int(Int::I8),
            };
            let kind = ExprKind::DataLoc { offset: f.offset, relative: from == DataLoc::Field };
            return make(Type::ptr(to, AddrSpace::Kernel), kind);
        }
        match &f.ty {
            Type::Array { elem, len } if is_char(elem) => make(Type::Str((*len).max(1)), ExprKind::CtxBytes(f.offset)),
            Type::Array { .. } => make(f.ty.clone(), ExprKind::CtxBytes(f.offset)),
            Type::Record { .. } => make(Type::ptr(f.ty.clone(), AddrSpace::Ctx), ExprKind::CtxAddr(f.offset)),
            Type::Void => {
                let d = Diagnostic::error(name_span, format!("field `{name}` is of a kind that can't be read yet"));
                self.error(d)
            }
            ty => make(ty.clone(), ExprKind::CtxLoad(f.offset)),
        }
    }

    fn raw_field(&mut self, fields: &[Field], name: &str, name_span: Span, span: Span) -> Expr {
        let Some(f) = self.find_field(fields, name, name_span) else { return Expr { ty: Type::Void, kind: ExprKind::Error, span } };
        if let (Context::Entry { .. }, Some(why)) = (self.context(), unreadable(f)) {
            let d = Diagnostic::error(span, format!("the argument `{name}` can't be read: {why}"));
            return self.error(d.help("arguments that are integers or pointers can be read"));
        }
        let ty = if f.ty.is_scalar() { f.ty.clone() } else { Type::U64 };
        // Every argument takes a whole word; what is above its type is not defined.
        let word = Expr { ty: Type::U64, kind: ExprKind::Arg(f.offset / 8), span };
        self.coerce(word, &ty)
    }

    /// `base[index]`
    pub(super) fn index(&mut self, base: &ast::Expr, index: &ast::Expr, span: Span) -> Expr {
        let base = self.expr(base);
        let index = self.operand(index);
        match (base.ty.clone(), index.constant()) {
            (Type::Void, _) => base,
            (_, _) if index.ty == Type::Void => index,
            (Type::Tuple(members), Some(n)) if n >= 0 && (n as usize) < members.len() => self.member(base, n as u32, span),
            (Type::Tuple(members), Some(_)) => {
                let d = Diagnostic::error(index.span, format!("this tuple has {} members", members.len()));
                self.error(d)
            }
            (Type::Tuple(_), None) => {
                let d = Diagnostic::error(index.span, "the index of a tuple must be a constant");
                self.error(d)
            }
            (Type::Array { len, .. }, Some(n)) if n < 0 || n >= i64::from(len) => {
                let d = Diagnostic::error(index.span, format!("this array has {len} elements"));
                self.error(d.help(format!("`[0]` to `[{}]` can be read", len.saturating_sub(1))))
            }
            (Type::Array { elem, len }, constant) => match base.kind {
                // Elements of what is still in its place are read from there.
                ExprKind::ReadBytes { ptr } if constant.is_some() || len == 0 => self.element_through(*ptr, &elem, index, span),
                ExprKind::ReadBytes { ptr } => self.element_within(*ptr, len, &elem, index, span),
                _ => match constant {
                    Some(n) => self.element(base, &elem, n as u32, span),
                    None => self.element_at(base, &elem, index, span),
                },
            },
            (Type::Str(len), Some(n)) if n < 0 || n >= i64::from(len) => {
                let d = Diagnostic::error(index.span, format!("this string has room for {len} bytes"));
                self.error(d)
            }
            (Type::Str(len), constant) => {
                let char = Type::Int(Int::I8);
                if let (ExprKind::Str(text), Some(n)) = (&base.kind, constant) {
                    let byte = text.get(n as usize).copied().unwrap_or(0);
                    return Expr::int(i64::from(byte as i8), char, span);
                }
                let ty = Type::Array { elem: Box::new(char.clone()), len };
                let bytes = Expr { ty, kind: ExprKind::Relabel(Box::new(base)), span };
                match constant {
                    Some(n) => self.element(bytes, &char, n as u32, span),
                    None => self.element_at(bytes, &char, index, span),
                }
            }
            (Type::Ptr { to, .. }, _) => self.element_through(base, &to, index, span),
            (other, _) => {
                let d = Diagnostic::error(span, format!("a {} has no elements", join::shown(&other)));
                self.error(d)
            }
        }
    }

    /// Element `index` of what begins at a pointer.
    fn element_through(&mut self, ptr: Expr, elem: &Type, index: Expr, span: Span) -> Expr {
        let space = if let Type::Ptr { space, .. } = ptr.ty { space } else { AddrSpace::Unknown };
        let size = self.pointee_size(elem).max(1);
        let offset = self.scaled(index, size);
        let a = Expr { ty: Type::ptr(Type::Void, space), ..ptr };
        let kind = ExprKind::Binary { op: ast::BinOp::Add, a: Box::new(a), b: Box::new(offset), signed: false };
        let place = Expr { ty: Type::ptr(in_space(elem, space), space), kind, span };
        self.read_through(place, span)
    }

    /// Element `index`, which only the kernel knows, of an array of so many that begins at a pointer.
    fn element_within(&mut self, ptr: Expr, len: u32, elem: &Type, index: Expr, span: Span) -> Expr {
        let space = if let Type::Ptr { space, .. } = ptr.ty { space } else { AddrSpace::Unknown };
        let size = self.pointee_size(elem).max(1);
        let kind = ExprKind::ElementPtr { array: Box::new(ptr), index: Box::new(index), len, size };
        let place = Expr { ty: Type::ptr(in_space(elem, space), space), kind, span };
        self.read_through(place, span)
    }

    fn element(&mut self, base: Expr, elem: &Type, n: u32, span: Span) -> Expr {
        if let (ExprKind::CtxBytes(offset), true) = (&base.kind, elem.is_scalar()) {
            return Expr { ty: elem.clone(), kind: ExprKind::CtxLoad(offset + n * elem.c_size()), span };
        }
        let ty = match elem {
            Type::Array { elem, len } if is_char(elem) => Type::Str((*len).max(1)),
            other => other.clone(),
        };
        let offset = n * self.pointee_size(elem);
        Expr { ty, kind: ExprKind::Part { base: Box::new(base), offset, bits: None }, span }
    }

    fn element_at(&mut self, base: Expr, elem: &Type, index: Expr, span: Span) -> Expr {
        if !elem.is_scalar() {
            let d = Diagnostic::error(index.span, "the index of an array of arrays or structures must be a constant here");
            return self.error(d);
        }
        Expr { ty: elem.clone(), kind: ExprKind::ElementAt { base: Box::new(base), index: Box::new(index) }, span }
    }

    /// `config.NAME`
    fn setting(&mut self, name: &str, name_span: Span, span: Span) -> Expr {
        match self.config.value(name) {
            Some(text) => match text.parse::<i64>() {
                Ok(n) => Expr::int(n, Type::U64, span),
                Err(_) if text == "true" || text == "false" => Expr::int(i64::from(text == "true"), Type::Bool, span),
                Err(_) => Expr { ty: Type::Str(text.len() as u32 + 1), kind: ExprKind::Str(text.into_bytes()), span },
            },
            None => {
                let near = nearest(name, crate::config::KEYS.iter().map(|k| k.name));
                let d = Diagnostic::error(name_span, format!("there is no config key `{name}`"));
                self.error(d.suggest(&near, ""))
            }
        }
    }
}

/// A type found in memory of some kind: its pointers lead into the same memory.
fn in_space(ty: &Type, space: AddrSpace) -> Type {
    let space = if matches!(space, AddrSpace::Ctx | AddrSpace::Trusted) { AddrSpace::Kernel } else { space };
    match ty {
        Type::Ptr { to, .. } => Type::Ptr { to: to.clone(), space },
        Type::Array { elem, len } => Type::Array { elem: Box::new(in_space(elem, space)), len: *len },
        other => other.clone(),
    }
}
