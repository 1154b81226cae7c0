//! `#define`s: their text becomes a tree where they are used.

use crate::ast::{Expr, ExprKind};
use crate::diag::Diagnostic;
use crate::source::{FileId, Span};
use crate::walk::Rewrite;
use std::collections::HashMap;

/// A `#define` of the C preamble.
#[derive(Clone, Debug)]
pub struct Define {
    /// Its name.
    pub name: String,
    /// Names of its parameters; `None` for one without parentheses.
    pub params: Option<Vec<String>>,
    /// What it stands for.
    pub body: String,
    /// Its place.
    pub span: Span,
}

impl Define {
    /// The expression that it stands for, with all places at `span`.
    pub(super) fn instantiate(&self, args: Vec<Expr>, span: Span) -> Result<Expr, Diagnostic> {
        let params = self.params.as_deref().unwrap_or(&[]);
        if params.len() != args.len() {
            let d = Diagnostic::error(span, format!("`{}` takes {} arguments, not {}", self.name, params.len(), args.len()));
            return Err(d.other(self.span, "it is defined here"));
        }
        let Some(mut e) = crate::parse::parse_expr(FileId(0), &self.body) else {
            return Err(Diagnostic::error(span, format!("`{}` stands for `{}`, which is no expression", self.name, self.body.trim()))
                .other(self.span, "it is defined here"));
        };
        let args: HashMap<&str, Expr> = params.iter().map(String::as_str).zip(args).collect();
        Fill { args, span }.expr(&mut e);
        Ok(e)
    }
}

struct Fill<'a> {
    args: HashMap<&'a str, Expr>,
    span: Span,
}

impl Rewrite for Fill<'_> {
    fn expr(&mut self, e: &mut Expr) {
        if let ExprKind::Ident(name) = &e.kind
            && let Some(arg) = self.args.get(name.as_str())
        {
            *e = arg.clone();
            return;
        }
        e.span = self.span;
        if let ExprKind::Call { name_span, .. } | ExprKind::Field { name_span, .. } = &mut e.kind {
            *name_span = self.span;
        }
        self.children(e);
    }
}
