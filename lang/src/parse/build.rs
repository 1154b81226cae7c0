//! What the grammar's actions need: numbers for expressions, spans, and a place for mistakes.

use super::token::Token;
use crate::ast::{Block, Expr, ExprKind, NodeId, Stmt, StmtKind};
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

    /// `base.name`. Its place begins with the value whose member it is, without the parentheses around that.
    pub fn member(&mut self, start: usize, end: usize, base: Expr, name: String, name_span: Span) -> Expr {
        let from = base.span.start;
        let mut e = self.expr(start, end, ExprKind::Field { base: Box::new(base), name, name_span });
        e.span.start = from;
        e
    }

    /// A block: the expression at its end is its value, also a block or an `if` that needs no semicolon.
    pub fn block(&mut self, start: usize, end: usize, mut stmts: Vec<Stmt>, last: Option<Stmt>) -> Block {
        let span = self.span(start, end);
        let mut value = None;
        match last {
            Some(Stmt { kind: StmtKind::Expr(e), .. }) => value = Some(Box::new(e)),
            Some(stmt) => stmts.push(stmt),
            None => {
                let open = |s: &Stmt| matches!(&s.kind, StmtKind::Expr(e) if matches!(e.kind, ExprKind::Block(_) | ExprKind::If { .. }));
                if let Some(Stmt { kind: StmtKind::Expr(e), .. }) = stmts.pop_if(|s| open(s)) {
                    value = Some(Box::new(e));
                }
            }
        }
        Block { stmts, value, span }
    }

    /// `;` alone.
    pub fn empty_stmt(&mut self, start: usize, end: usize) -> Stmt {
        let span = self.span(start, end);
        let kind = StmtKind::Expr(self.expr(start, end, ExprKind::Block(Block { stmts: Vec::new(), value: None, span })));
        Stmt { kind, span }
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
