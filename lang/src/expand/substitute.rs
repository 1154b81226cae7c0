//! Puts arguments in the place of a macro's parameters, and gives its variables names of their own.

use crate::ast::{Expr, ExprKind, ForSource, Macro, MacroParamKind, StmtKind, TypeName, TypeNameKind, TypeOrExpr, TypeSuffix};
use crate::diag::Diagnostic;
use crate::walk::Rewrite;
use std::collections::{HashMap, HashSet};

/// One expansion of a macro.
pub(super) struct Substitution<'m> {
    of: &'m Macro,
    vars: HashMap<String, String>,
    maps: HashMap<String, String>,
    exprs: HashMap<String, Expr>,
    /// Variables that the macro assigns or declares itself.
    own: HashSet<String>,
    number: u32,
    pub diags: Vec<Diagnostic>,
    pub nodes: usize,
}

impl<'m> Substitution<'m> {
    pub fn new(of: &'m Macro, args: Vec<Expr>, number: u32) -> Self {
        let mut s = Substitution {
            of,
            vars: HashMap::new(),
            maps: HashMap::new(),
            exprs: HashMap::new(),
            own: HashSet::new(),
            number,
            diags: Vec::new(),
            nodes: 0,
        };
        for (p, a) in of.params.iter().zip(args) {
            match (p.kind, a.kind) {
                (MacroParamKind::Var, ExprKind::Var(name)) => {
                    s.vars.insert(p.name.clone(), name);
                }
                (MacroParamKind::Map, ExprKind::Map { name, .. }) => {
                    s.maps.insert(p.name.clone(), name);
                }
                (_, kind) => {
                    s.exprs.insert(p.name.clone(), Expr { kind, ..a });
                }
            }
        }
        s
    }

    /// The name of a variable after the expansion.
    fn var(&mut self, name: &mut String) {
        match self.vars.get(name) {
            Some(outer) => outer.clone_into(name),
            None => {
                *name = format!("{name}#{}", self.number);
                self.own.insert(name.clone());
            }
        }
    }

    fn map(&mut self, name: &mut String, span: crate::source::Span) {
        match self.maps.get(name) {
            Some(outer) => outer.clone_into(name),
            None => self.diags.push(
                Diagnostic::error(span, format!("the macro `{}` uses the map `{name}`, which it is not given", self.of.name))
                    .help(format!("make it a parameter: `macro {}({name})`", self.of.name)),
            ),
        }
    }
}

impl Rewrite for Substitution<'_> {
    fn expr(&mut self, e: &mut Expr) {
        self.nodes += 1;
        let span = e.span;
        match &mut e.kind {
            ExprKind::Ident(name) => {
                if let Some(arg) = self.exprs.get(name) {
                    *e = arg.clone();
                }
            }
            ExprKind::Var(name) => self.var(name),
            ExprKind::Map { name, keys } => {
                self.map(name, span);
                for k in keys.iter_mut().flatten() {
                    self.expr(k);
                }
            }
            ExprKind::Index(base, index) => {
                self.expr(base);
                self.expr(index);
                // `m[k]`, where `m` was given a map.
                if let ExprKind::Map { name, keys: None } = &base.kind {
                    let keys = vec![(**index).clone()];
                    e.kind = ExprKind::Map { name: name.clone(), keys: Some(keys) };
                }
            }
            ExprKind::Offsetof(x, path) => {
                self.type_or_expr(x);
                // The member may be a parameter.
                if let Some(Expr { kind: ExprKind::Ident(member), .. }) = path.first().and_then(|p| self.exprs.get(p)) {
                    path[0] = member.clone();
                }
            }
            ExprKind::Field { base, name, .. } => {
                self.expr(base);
                if let Some(Expr { kind: ExprKind::Ident(member), .. }) = self.exprs.get(name) {
                    *name = member.clone();
                }
            }
            _ => self.children(e),
        }
    }

    fn stmt(&mut self, kind: &mut StmtKind) {
        match kind {
            StmtKind::Let { name, ty, value } => {
                value.iter_mut().for_each(|v| self.expr(v));
                ty.iter_mut().for_each(|t| self.type_name(t));
                self.var(name);
            }
            StmtKind::For { var, source, body, .. } => {
                match source {
                    ForSource::Map(m) => self.expr(m),
                    ForSource::Range(a, b) => {
                        self.expr(a);
                        self.expr(b);
                    }
                }
                self.var(var);
                self.block(body);
            }
            _ => self.stmt_children(kind),
        }
    }

    fn type_name(&mut self, t: &mut TypeName) {
        match &mut t.kind {
            TypeNameKind::Typeof(x) => self.type_or_expr(x),
            TypeNameKind::Named(name) => {
                let Some(arg) = self.exprs.get(name) else { return };
                let inner = match &arg.kind {
                    ExprKind::Typeof(inner) => (**inner).clone(),
                    // A bare name given to a parameter that is used as a type.
                    ExprKind::Ident(n) => {
                        let kind = TypeNameKind::Named(n.clone());
                        TypeOrExpr::Type(TypeName { kind, suffixes: Vec::new(), span: arg.span })
                    }
                    _ => TypeOrExpr::Expr(arg.clone()),
                };
                match inner {
                    TypeOrExpr::Type(inner) => {
                        t.kind = inner.kind;
                        let behind: Vec<TypeSuffix> = inner.suffixes.into_iter().chain(t.suffixes.iter().copied()).collect();
                        t.suffixes = behind;
                    }
                    expr => t.kind = TypeNameKind::Typeof(Box::new(expr)),
                }
            }
            TypeNameKind::Record(_) | TypeNameKind::Enum(_) => {}
        }
    }

    fn type_or_expr(&mut self, x: &mut TypeOrExpr) {
        match x {
            TypeOrExpr::Expr(e) => self.expr(e),
            TypeOrExpr::Type(t) => {
                // `sizeof(x)` of an expression that was given to `x`.
                if let (TypeNameKind::Named(name), true) = (&t.kind, t.suffixes.is_empty())
                    && let Some(arg) = self.exprs.get(name)
                {
                    *x = match &arg.kind {
                        ExprKind::Typeof(inner) => (**inner).clone(),
                        _ => TypeOrExpr::Expr(arg.clone()),
                    };
                    return;
                }
                self.type_name(t);
            }
        }
    }
}
