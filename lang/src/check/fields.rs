//! `args.NAME`, members of structures, elements of arrays.

use super::{Checker, join};
use crate::ast;
use crate::builtins::{self, Op};
use crate::diag::{Diagnostic, nearest};
use crate::hir::{Context, Expr, ExprKind};
use crate::kernel::{DataLoc, Field};
use crate::source::Span;
use crate::types::{AddrSpace, Int, Type};

/// A `char` or a byte: arrays of these are strings.
fn is_char(ty: &Type) -> bool {
    matches!(ty, Type::Int(i) if i.bits == 8)
}

impl Checker<'_> {
    pub(super) fn field(&mut self, base: &ast::Expr, name: &str, name_span: Span, span: Span) -> Expr {
        if let ast::ExprKind::Ident(n) = &base.kind
            && let Some(row) = builtins::find(n).filter(|r| r.op == Op::Args)
        {
            return match self.context() {
                Context::Tracepoint(fields) => self.tracepoint_field(&fields, name, name_span, span),
                Context::RawTracepoint(fields) => self.raw_field(&fields, name, name_span, span),
                _ => self.builtin(row, n, &[], base.span),
            };
        }
        let base = self.expr(base);
        let (record, space) = match &base.ty {
            Type::Void => return base,
            Type::Ptr { to, space } => match &**to {
                Type::Record(r) => (r.clone(), *space),
                other => {
                    let d = Diagnostic::error(name_span, format!("a pointer to {} has no members", join::shown(other)));
                    return self.error(d.help(format!("cast it to the structure first: `((struct NAME *)x)->{name}`")));
                }
            },
            other => {
                let d = Diagnostic::error(name_span, format!("a {} has no members", join::shown(other)));
                return self.error(d.help(format!("cast it to a pointer to the structure first: `((struct NAME *)x)->{name}`")));
            }
        };
        let Some(layout) = self.kernel.record(&record) else {
            return self.error(Diagnostic::error(span, format!("the kernel's BTF knows no `struct {record}`")));
        };
        let Some(field) = layout.fields.iter().find(|f| f.name == name) else {
            let near = nearest(name, layout.fields.iter().map(|f| f.name.as_str()));
            return self.error(Diagnostic::error(name_span, format!("`struct {record}` has no member `{name}`")).suggest(&near, ""));
        };
        self.member_at(base, field, space, span)
    }

    /// The member of a structure in memory.
    fn member_at(&mut self, base: Expr, field: &Field, space: AddrSpace, span: Span) -> Expr {
        let offset = Expr::int(i64::from(field.offset), Type::I64, span);
        let bytes = Expr { ty: Type::ptr(Type::Void, space), ..base };
        let kind = ExprKind::Binary { op: ast::BinOp::Add, a: Box::new(bytes), b: Box::new(offset), signed: false };
        let place = Expr { ty: Type::ptr(field.ty.clone(), space), kind, span };
        if let Some(bits) = field.bits {
            return Expr { ty: field.ty.clone(), kind: ExprKind::Read { ptr: Box::new(place), bits: Some(bits) }, span };
        }
        self.read_through(place, span)
    }

    /// What a pointer points to: scalars and strings are read; of a structure the address stays, as the pointer.
    pub(super) fn read_through(&mut self, ptr: Expr, span: Span) -> Expr {
        let Type::Ptr { to, .. } = &ptr.ty else { return ptr };
        match (**to).clone() {
            Type::Record(_) => ptr,
            Type::Array { elem, len } if is_char(&elem) => {
                Expr { ty: Type::Str(len.max(1)), kind: ExprKind::ReadStr { ptr: Box::new(ptr), limit: None }, span }
            }
            ty @ Type::Array { .. } => Expr { ty, kind: ExprKind::ReadBytes { ptr: Box::new(ptr) }, span },
            Type::Void => {
                let d = Diagnostic::error(span, "what this points to has no type");
                self.error(d.help("cast the pointer first: `*(uint64 *)x`"))
            }
            ty => Expr { ty, kind: ExprKind::Read { ptr: Box::new(ptr), bits: None }, span },
        }
    }

    fn find_field<'f>(&mut self, fields: &'f [Field], name: &str, name_span: Span) -> Option<&'f Field> {
        let found = fields.iter().find(|f| f.name == name);
        if found.is_none() {
            let all: Vec<&str> = fields.iter().map(|f| f.name.as_str()).filter(|n| !n.starts_with("common_")).collect();
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
            Type::Record(_) => make(Type::ptr(f.ty.clone(), AddrSpace::Ctx), ExprKind::CtxAddr(f.offset)),
            Type::Void => {
                let d = Diagnostic::error(name_span, format!("field `{name}` is of a kind that can't be read yet"));
                self.error(d)
            }
            ty => make(ty.clone(), ExprKind::CtxLoad(f.offset)),
        }
    }

    fn raw_field(&mut self, fields: &[Field], name: &str, name_span: Span, span: Span) -> Expr {
        let Some(f) = self.find_field(fields, name, name_span) else { return Expr { ty: Type::Void, kind: ExprKind::Error, span } };
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
            (Type::Array { elem, len }, Some(n)) => {
                if n < 0 || n >= i64::from(len) {
                    let d = Diagnostic::error(index.span, format!("this array has {len} elements"));
                    return self.error(d.help(format!("`[0]` to `[{}]` can be read", len.saturating_sub(1))));
                }
                self.element(base, &elem, n as u32, span)
            }
            (Type::Array { .. }, None) => {
                let d = Diagnostic::error(index.span, "the index of an array must be a constant here");
                self.error(d)
            }
            (Type::Ptr { to, .. }, _) => {
                let size = self.pointee_size(&to).max(1);
                let offset = self.scaled(index, size);
                let kind = ExprKind::Binary { op: ast::BinOp::Add, a: Box::new(base.clone()), b: Box::new(offset), signed: false };
                let place = Expr { ty: base.ty, kind, span };
                self.read_through(place, span)
            }
            (other, _) => {
                let d = Diagnostic::error(span, format!("a {} has no elements", join::shown(&other)));
                self.error(d)
            }
        }
    }

    fn element(&mut self, base: Expr, elem: &Type, n: u32, span: Span) -> Expr {
        if let (ExprKind::CtxBytes(offset), true) = (&base.kind, elem.is_scalar()) {
            return Expr { ty: elem.clone(), kind: ExprKind::CtxLoad(offset + n * elem.c_size()), span };
        }
        if elem.is_scalar() {
            return Expr { ty: elem.clone(), kind: ExprKind::Element { base: Box::new(base), index: n }, span };
        }
        let d = Diagnostic::error(span, "only elements that are numbers or pointers can be read yet");
        self.error(d)
    }
}
