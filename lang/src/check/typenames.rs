//! Types as written, and what is asked of types: `sizeof`, `offsetof`, `typeinfo`.

use super::{Checker, join};
use crate::ast::{self, TypeNameKind, TypeOrExpr, TypeSuffix};
use crate::diag::{Diagnostic, nearest};
use crate::hir::{Context, Expr, ExprKind};
use crate::source::Span;
use crate::types::{AddrSpace, Int, Type};

/// Bytes of a string or buffer without a size.
const MAX_SIZED: u64 = 1 << 16;

/// The types of the language by name; sized ones take their size from a `[N]` behind them.
fn named(name: &str, size: Option<u32>, default: u32) -> Option<Type> {
    Some(match name {
        "bool" => Type::Bool,
        "void" => Type::Void,
        "string" => Type::Str(size.unwrap_or(default)),
        "buffer" => Type::Buf(size.unwrap_or(default)),
        "inet" => Type::Inet,
        "mac_address" => Type::Mac,
        "username" | "username_t" => Type::Username,
        "timestamp" => Type::Timestamp,
        "ksym_t" => Type::Ksym,
        "usym_t" => Type::Usym,
        "cgroup_path_t" => Type::CgroupPath,
        "char" => Type::Int(Int::I8),
        "short" => Type::Int(Int { bits: 16, signed: true }),
        "int" => Type::Int(Int::I32),
        "long" => Type::I64,
        "unsigned" => Type::Int(Int::U32),
        "size_t" | "uintptr_t" => Type::U64,
        "ssize_t" => Type::I64,
        _ => Type::Int(integer(name)?),
    })
}

/// `int8`, `uint64_t`, `u32`, `__u32`, ...
fn integer(name: &str) -> Option<Int> {
    let plain = name.strip_prefix("__").unwrap_or(name);
    let (word, rest) = match plain {
        p if p.starts_with("uint") => (false, p[4..].trim_end_matches("_t")),
        p if p.starts_with("int") => (true, p[3..].trim_end_matches("_t")),
        p if p.starts_with('u') => (false, &p[1..]),
        p if p.starts_with('s') => (true, &p[1..]),
        _ => return None,
    };
    matches!(rest, "8" | "16" | "32" | "64").then(|| Int { bits: rest.parse().unwrap_or(64), signed: word })
}

impl Checker<'_> {
    /// Pointers that a script makes itself point into this memory.
    pub(super) fn own_space(&self) -> AddrSpace {
        match self.context() {
            Context::Entry { user: true, .. } | Context::Return { user: true } | Context::Usdt(_) => AddrSpace::User,
            _ => AddrSpace::Kernel,
        }
    }

    /// The type that a name means.
    pub(super) fn type_name(&mut self, name: &ast::TypeName) -> Option<Type> {
        let mut suffixes = name.suffixes.as_slice();
        let mut ty = match &name.kind {
            TypeNameKind::Named(n) => {
                let sized = matches!(n.as_str(), "string" | "buffer" | "inet");
                let size = match suffixes.first() {
                    Some(TypeSuffix::Array(size)) if sized => {
                        suffixes = &suffixes[1..];
                        (*size).map(|s| s.min(MAX_SIZED) as u32)
                    }
                    _ => None,
                };
                self.named_type(n, size, name.span)?
            }
            TypeNameKind::Record(n) => self.record_name(n, name.span, suffixes.first() == Some(&TypeSuffix::Pointer))?,
            TypeNameKind::Enum(n) => match self.kernel.enumeration(n) {
                Some((int, _)) => Type::Enum { name: n.clone(), int },
                None => {
                    self.tell(Diagnostic::error(
                        name.span,
                        format!("there is no `enum {n}`, neither in the script nor in the kernel's BTF"),
                    ));
                    return None;
                }
            },
            TypeNameKind::Typeof(x) => self.type_of(x)?,
        };
        let space = self.own_space();
        for s in suffixes {
            ty = match s {
                TypeSuffix::Pointer => Type::ptr(ty, space),
                TypeSuffix::Array(n) => Type::Array { elem: Box::new(ty), len: n.unwrap_or(0).min(u64::from(u32::MAX)) as u32 },
            };
        }
        Some(ty)
    }

    fn named_type(&mut self, name: &str, size: Option<u32>, span: Span) -> Option<Type> {
        let default = self.config.settings.max_strlen;
        if let Some(ty) = named(name, size, default).or_else(|| self.kernel.typedef(name)) {
            return Some(ty);
        }
        // Before 0.9.2 `struct` could be left out.
        if let Some(layout) = self.kernel.record(name) {
            return Some(Type::record(name, layout.size));
        }
        let known = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool", "string", "buffer", "inet"];
        let near = nearest(name, known);
        let d = Diagnostic::error(span, format!("there is no type `{name}`"));
        self.tell(
            d.suggest(&near, "types are int8 to uint64, bool, string[N], buffer[N], `struct NAME`, `enum NAME`, and the kernel's typedefs"),
        );
        None
    }

    /// `struct name`; behind a pointer it may be unknown.
    fn record_name(&mut self, name: &str, span: Span, behind_pointer: bool) -> Option<Type> {
        if let Some(layout) = self.kernel.record(name) {
            return Some(Type::record(name, layout.size));
        }
        if behind_pointer && !self.last {
            return Some(Type::record(name, 0));
        }
        let what = if name.starts_with("union ") { name.to_string() } else { format!("struct {name}") };
        let d = Diagnostic::error(span, format!("there is no `{what}`, neither in the script nor in the kernel's BTF"));
        self.tell(d.help(format!("define it before the first probe: `{what} {{ ... }};`")));
        None
    }

    /// The type of a type or of an expression, which is checked and forgotten.
    pub(super) fn type_of(&mut self, x: &TypeOrExpr) -> Option<Type> {
        match x {
            TypeOrExpr::Type(t) => {
                // A bare name may be a constant or a builtin.
                if let (TypeNameKind::Named(n), true) = (&t.kind, t.suffixes.is_empty())
                    && named(n, None, 0).is_none()
                    && self.kernel.typedef(n).is_none()
                    && self.is_value_name(n)
                {
                    let e = ast::Expr { id: ast::NodeId(0), kind: ast::ExprKind::Ident(n.clone()), span: t.span };
                    return self.type_of_expr(&e);
                }
                self.type_name(t)
            }
            TypeOrExpr::Expr(e) => self.type_of_expr(e),
        }
    }

    fn type_of_expr(&mut self, e: &ast::Expr) -> Option<Type> {
        if let ast::ExprKind::Typeof(inner) = &e.kind {
            return self.type_of(inner);
        }
        // `typeof(@m)` is the type of the map's key, as `typeof(@m[k])` is that of its values.
        if let ast::ExprKind::Map { name, keys: None } = &e.kind
            && let Some(key) = self.key_type(name)
        {
            return Some(key);
        }
        let e = self.expr(e);
        if e.ty == Type::Void { None } else { Some(e.ty) }
    }

    /// `sizeof(x)`
    pub(super) fn sizeof(&mut self, x: &TypeOrExpr, span: Span) -> Expr {
        // The kernel's enumerators are constants of 64 bits.
        let name = match x {
            TypeOrExpr::Type(t) if t.suffixes.is_empty() => match &t.kind {
                TypeNameKind::Named(n) if named(n, None, 0).is_none() && self.kernel.typedef(n).is_none() => Some(n),
                _ => None,
            },
            TypeOrExpr::Expr(ast::Expr { kind: ast::ExprKind::Ident(n), .. }) => Some(n),
            _ => None,
        };
        if name.is_some_and(|n| self.kernel.enumerator(n).is_some()) {
            return Expr::int(8, Type::U64, span);
        }
        match self.type_of(x) {
            Some(ty) => {
                let size = self.pointee_size(&ty);
                Expr::int(i64::from(size), Type::U64, span)
            }
            None => Expr { ty: Type::Void, kind: ExprKind::Error, span },
        }
    }

    /// `offsetof(x, a.b)`
    pub(super) fn offsetof(&mut self, x: &TypeOrExpr, path: &[String], span: Span) -> Expr {
        let Some(mut ty) = self.type_of(x) else { return Expr { ty: Type::Void, kind: ExprKind::Error, span } };
        let mut offset = 0;
        for member in path {
            if let Type::Ptr { to, .. } = ty {
                ty = *to;
            }
            let Type::Record { name, .. } = &ty else {
                let d = Diagnostic::error(span, format!("a {} has no member `{member}`", join::shown(&ty)));
                return self.error(d);
            };
            let Some(field) = self.find_member(name, member, span) else { return Expr { ty: Type::Void, kind: ExprKind::Error, span } };
            offset += field.offset;
            ty = field.ty;
        }
        Expr::int(i64::from(offset), Type::U64, span)
    }

    /// `typeinfo(x)`: a record of constants.
    pub(super) fn typeinfo(&mut self, x: &TypeOrExpr, span: Span) -> Expr {
        let Some(ty) = self.type_of(x) else { return Expr { ty: Type::Void, kind: ExprKind::Error, span } };
        let base = match &ty {
            Type::Int(_) | Type::Enum { .. } => "int",
            Type::Bool => "bool",
            Type::Str(_) => "string",
            Type::Ptr { .. } => "pointer",
            Type::Array { .. } => "array",
            Type::Record { .. } => "c_struct",
            Type::Tuple(_) => "tuple",
            Type::Named(_) => "record",
            Type::Buf(_) => "buffer",
            Type::KStack { .. } => "kstack",
            Type::UStack { .. } => "ustack",
            Type::Inet => "inet",
            Type::Agg(_) => "agg",
            _ => "other",
        };
        let text = |s: &str| Expr { ty: Type::Str(s.len() as u32 + 1), kind: ExprKind::Str(s.as_bytes().to_vec()), span };
        let members =
            [("btf_id", Expr::int(0, Type::Int(Int::U32), span)), ("base_type", text(base)), ("full_type", text(&ty.to_string()))];
        let types = members.iter().map(|(n, e)| ((*n).to_string(), e.ty.clone())).collect();
        Expr { ty: Type::Named(types), kind: ExprKind::Tuple(members.map(|m| m.1).to_vec()), span }
    }

    /// `struct NAME` with its size, 0 if it is not known.
    pub(super) fn record_type(&self, name: &str) -> Type {
        Type::record(name, self.kernel.record(name).map_or(0, |l| l.size))
    }

    /// Bytes of a value of a type as C has it: of what a pointer points to, of `sizeof`.
    pub(super) fn pointee_size(&self, ty: &Type) -> u32 {
        self.size_and_align(ty).0
    }

    fn size_and_align(&self, ty: &Type) -> (u32, u32) {
        match ty {
            Type::Record { name, size: 0 } => (self.kernel.record(name).map_or(0, |l| l.size), 8),
            Type::Array { elem, len } => {
                let (size, align) = self.size_and_align(elem);
                (size * len, align)
            }
            Type::Tuple(members) => self.struct_size(members.iter()),
            Type::Named(members) => self.struct_size(members.iter().map(|m| &m.1)),
            Type::Str(n) => (*n, 1),
            Type::Buf(n) => (n + 4, 4),
            other => {
                let size = other.c_size();
                (size, size.clamp(1, 8))
            }
        }
    }

    fn struct_size<'t>(&self, members: impl Iterator<Item = &'t Type>) -> (u32, u32) {
        let (mut at, mut most) = (0u32, 1u32);
        for m in members {
            let (size, align) = self.size_and_align(m);
            at = at.next_multiple_of(align) + size;
            most = most.max(align);
        }
        (at.next_multiple_of(most), most)
    }
}
