//! What the grammar's actions need: numbers for expressions, spans, and a place for mistakes.

use super::token::Token;
use crate::ast::{Expr, ExprKind, NodeId, StmtKind};
use crate::source::{FileId, Span};
use lalrpop_util::{ErrorRecovery, ParseError};
use std::marker::PhantomData;

/// A syntax mistake as the parser generator reports it.
pub type Mistake = ParseError<usize, Token, String>;

/// State of one parse.
pub struct Build<'b> {
    file: FileId,
    nodes: u32,
    /// Mistakes from which the parser went on.
    pub mistakes: Vec<Mistake>,
    lifetime: PhantomData<&'b ()>,
}

impl Build<'_> {
    /// For one file.
    pub fn new(file: FileId) -> Self {
        Build { file, nodes: 0, mistakes: Vec::new(), lifetime: PhantomData }
    }

    /// Expressions made so far.
    pub fn nodes(&self) -> u32 {
        self.nodes
    }

    /// The span of bytes `start..end`.
    pub fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }

    /// A new expression.
    pub fn expr(&mut self, start: usize, end: usize, kind: ExprKind) -> Expr {
        let id = NodeId(self.nodes);
        self.nodes += 1;
        Expr { id, kind, span: self.span(start, end) }
    }

    /// `_ = x` is a discard, everything else an assignment.
    pub fn assign(&mut self, target: Expr, value: Expr) -> StmtKind {
        if matches!(&target.kind, ExprKind::Ident(n) if n == "_") {
            return StmtKind::Discard(value);
        }
        StmtKind::Assign { target, op: None, value }
    }

    /// `@map[keys]`, or the element of an array.
    pub fn index(&mut self, start: usize, end: usize, base: Expr, mut keys: Vec<Expr>) -> Result<Expr, Mistake> {
        match base.kind {
            ExprKind::Map { name, keys: None } => Ok(self.expr(start, end, ExprKind::Map { name, keys: Some(keys) })),
            _ if keys.len() == 1 => {
                let index = keys.remove(0);
                Ok(self.expr(start, end, ExprKind::Index(Box::new(base), Box::new(index))))
            }
            _ => Err(ParseError::User { error: "an array has one index".into() }),
        }
    }

    /// Notes a mistake.
    pub fn recovered(&mut self, error: ErrorRecovery<usize, Token, String>) {
        self.mistakes.push(error.error);
    }
}
