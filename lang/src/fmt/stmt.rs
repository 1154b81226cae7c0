//! Statements, blocks, and where their comments go.
//!
//! A comment on a line of its own stays before what follows it; one behind a statement stays behind it. One within a statement
//! stays where it is if it is a `/* */` on one line; otherwise it moves to a line of its own before the statement.

use super::Formatter;
use super::doc::{Doc, concat};
use super::expr::tight;
use super::source::Comment;
use crate::ast::{Block, Expr, ExprKind, ForSource, Stmt, StmtKind};
use crate::parse::Token;

/// Lines of a block or of the script, each with whether an empty line stands before it.
#[derive(Default)]
pub(super) struct Lines {
    list: Vec<(bool, Doc)>,
}

impl Lines {
    pub(super) fn push(&mut self, blank: bool, doc: Doc) {
        self.list.push((blank, doc));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Puts an empty line before the line with that number.
    pub(super) fn set_blank(&mut self, at: usize) {
        if let Some(line) = self.list.get_mut(at) {
            line.0 = true;
        }
    }

    /// All lines, without an empty one at the beginning.
    pub(super) fn doc(self) -> Doc {
        let mut out = Vec::new();
        for (i, (blank, doc)) in self.list.into_iter().enumerate() {
            if i > 0 {
                out.push(Doc::Hard);
                out.extend(blank.then_some(Doc::Hard));
            }
            out.push(doc);
        }
        Doc::Concat(out)
    }
}

/// Whether an expression is written like a statement of its own, without a semicolon.
fn is_compound(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::If { .. } | ExprKind::Block(_))
}

impl Formatter<'_> {
    /// The place of a block's opening brace; its span begins somewhere between that and what follows.
    pub(super) fn brace(&self, block: &Block) -> usize {
        self.src.token_before(block.span.start as usize + 1).map_or(block.span.start as usize, |t| t.0)
    }

    /// `;` alone.
    fn is_empty_stmt(&self, e: &Expr) -> bool {
        matches!(e.kind, ExprKind::Block(_)) && self.src.text[e.span.start as usize..e.span.end as usize] == *";"
    }

    /// Prints the comments before `at` as lines; one that stands on the same line as what follows is returned to go before that.
    pub(super) fn comments_before(&mut self, at: usize, lines: &mut Lines) -> Doc {
        while let Some(c) = self.src.take(at) {
            let next = self.src.token_from(c.end).map_or(at, |t| t.0);
            if c.inline && next == at && self.src.code_follows(c) && !self.src.has_comment(c.end, at) {
                return concat([self.src.comment(c), Doc::text(" ")]);
            }
            lines.push(self.src.blank_before(c.start), self.src.comment(c));
        }
        Doc::nil()
    }

    /// What stands behind `end` on its line.
    pub(super) fn comments_behind(&mut self, end: usize) -> Doc {
        let list = self.src.take_behind(end);
        Doc::Concat(list.into_iter().map(|c| concat([Doc::text(" "), self.src.comment(c)])).collect())
    }

    /// One line of a block: the comments before it, those that could not stay within, the thing itself, what stands behind.
    pub(super) fn line(&mut self, start: usize, end: usize, lines: &mut Lines, print: impl FnOnce(&mut Self) -> Doc) {
        let before = self.comments_before(start, lines);
        let outer = std::mem::take(&mut self.hoisted);
        let doc = print(self);
        while let Some(c) = self.src.take(end) {
            self.hoisted.push(c);
        }
        let hoisted: Vec<Comment> = std::mem::replace(&mut self.hoisted, outer);
        let mut blank = self.src.blank_before(start);
        if before.first_char().is_some() {
            // The empty line is before the comment.
            blank = self.src.blank_before(self.src.comment_before(start));
        }
        for c in hoisted {
            lines.push(std::mem::take(&mut blank), self.src.comment(c));
        }
        let behind = self.comments_behind(end);
        lines.push(blank, concat([before, doc, behind]));
    }

    /// A block in braces, the comments before its opening brace included.
    pub(super) fn braces(&mut self, block: &Block) -> Doc {
        let (open, close) = (self.brace(block), block.span.end as usize - 1);
        let mut gap = Vec::new();
        while let Some(c) = self.src.take(open) {
            gap.push(c);
        }
        let mut behind = self.src.take_behind(open + 1);
        if behind.is_empty() && gap.len() == 1 {
            behind = std::mem::take(&mut gap);
        }
        let behind = Doc::Concat(behind.into_iter().map(|c| concat([Doc::text(" "), self.src.comment(c)])).collect());
        let mut lines = Lines::default();
        for c in gap {
            lines.push(self.src.blank_before(c.start), self.src.comment(c));
        }
        self.block_lines(block, close, &mut lines);
        if lines.is_empty() {
            return match behind.first_char() {
                None => Doc::text("{}"),
                Some(_) => concat([Doc::text("{"), behind, Doc::Hard, Doc::text("}")]),
            };
        }
        let inner = Doc::Nest(Box::new(concat([Doc::Hard, lines.doc()])));
        concat([Doc::text("{"), behind, inner, Doc::Hard, Doc::text("}")])
    }

    fn block_lines(&mut self, block: &Block, close: usize, lines: &mut Lines) {
        let empty_end = block.value.as_ref().is_some_and(|v| self.is_empty_stmt(v));
        let last = block.stmts.iter().rposition(|s| !matches!(&s.kind, StmtKind::Expr(e) if self.is_empty_stmt(e)));
        for (i, s) in block.stmts.iter().enumerate() {
            if matches!(&s.kind, StmtKind::Expr(e) if self.is_empty_stmt(e)) {
                continue;
            }
            // A semicolon behind a last `if` says that it is no value.
            let closed = empty_end && Some(i) == last && matches!(&s.kind, StmtKind::Expr(e) if is_compound(e));
            self.line(s.span.start as usize, s.span.end as usize, lines, |me| {
                let doc = me.stmt(s);
                if closed { concat([doc, Doc::text(";")]) } else { doc }
            });
        }
        if let Some(v) = block.value.as_ref().filter(|_| !empty_end) {
            self.line(v.span.start as usize, v.span.end as usize, lines, |me| me.compound(v).unwrap_or_else(|| me.expr(v, tight::VALUE)));
        }
        self.comments_before(close, lines);
    }

    /// `if` and blocks that are statements.
    fn compound(&mut self, e: &Expr) -> Option<Doc> {
        match &e.kind {
            ExprKind::If { .. } => Some(self.conditional(e, false)),
            ExprKind::Block(b) => Some(self.braces(b)),
            _ => None,
        }
    }

    /// A statement with its semicolon.
    fn stmt(&mut self, s: &Stmt) -> Doc {
        let simple = match &s.kind {
            StmtKind::Expr(e) => match self.compound(e) {
                Some(doc) => return doc,
                None => self.expr(e, tight::VALUE),
            },
            StmtKind::Assign { target, op, value } => {
                let target = self.expr(target, tight::UNARY);
                let value = self.expr(value, tight::VALUE);
                concat([target, Doc::text(format!(" {}= ", op.map_or("", |o| o.symbol()))), value])
            }
            StmtKind::Let { name, ty, value } => {
                let mut out = vec![Doc::text(format!("let ${name}"))];
                if let Some(ty) = ty {
                    out.extend([Doc::text(" : "), self.type_name(ty)]);
                }
                if let Some(value) = value {
                    out.extend([Doc::text(" = "), self.expr(value, tight::VALUE)]);
                }
                Doc::Concat(out)
            }
            StmtKind::While { condition, body } => {
                let condition = self.condition(condition);
                return concat([Doc::text("while "), condition, Doc::text(" "), self.braces(body)]);
            }
            StmtKind::Unroll { count, body } => {
                let count = self.expr(count, tight::VALUE);
                return concat([Doc::text("unroll ("), count, Doc::text(") "), self.braces(body)]);
            }
            StmtKind::For { var, source, body, .. } => {
                let source = match source {
                    ForSource::Map(m) => self.expr(m, tight::OPERATORS),
                    ForSource::Range(a, b) => concat([self.range_end(a), Doc::text(".."), self.range_end(b)]),
                };
                return concat([Doc::text(format!("for ${var} : ")), source, Doc::text(" "), self.braces(body)]);
            }
            StmtKind::Return(None) => Doc::text("return"),
            StmtKind::Return(Some(e)) => concat([Doc::text("return "), self.expr(e, tight::VALUE)]),
            StmtKind::Break => Doc::text("break"),
            StmtKind::Continue => Doc::text("continue"),
            StmtKind::Discard(e) => concat([Doc::text("_ = "), self.expr(e, tight::VALUE)]),
            StmtKind::Error => Doc::text(&self.src.text[s.span.start as usize..s.span.end as usize]),
        };
        concat([simple, Doc::text(";")])
    }

    /// An end of a range: in parentheses, as bpftrace wants it, unless it is a literal or a name.
    fn range_end(&mut self, e: &Expr) -> Doc {
        match e.kind {
            ExprKind::Int(_) | ExprKind::Var(_) | ExprKind::Ident(_) | ExprKind::Param(_) => self.expr(e, tight::VALUE),
            _ => concat([Doc::text("("), self.expr(e, tight::VALUE), Doc::text(")")]),
        }
    }

    /// What `if` and `while` test; `comptime` stands before the parentheses.
    fn condition(&mut self, e: &Expr) -> Doc {
        match &e.kind {
            ExprKind::Comptime(inner) => {
                let inner = match inner.kind {
                    ExprKind::Binary(..) | ExprKind::Ternary(..) | ExprKind::Block(_) | ExprKind::If { .. } => self.condition(inner),
                    _ => self.expr(inner, tight::UNARY),
                };
                concat([Doc::text("comptime "), inner])
            }
            _ => concat([Doc::text("("), Doc::Align(Box::new(self.expr(e, tight::VALUE))), Doc::text(")")]),
        }
    }

    /// `if` with all that hangs on it; as a value on one line, if it is short.
    pub(super) fn conditional(&mut self, e: &Expr, value: bool) -> Doc {
        let ExprKind::If { condition, then, otherwise } = &e.kind else { return Doc::nil() };
        if value
            && let Some(other) = otherwise
            && self.is_short(then)
            && self.is_short(other)
            && !self.src.has_comment(condition.span.end as usize, e.span.end as usize)
        {
            let before = self.inline_before(e.span.start as usize);
            let condition = self.condition(condition);
            let (then, other) = (self.short(then), self.short(other));
            return Doc::Group(Box::new(concat([before, Doc::text("if "), condition, Doc::text(" "), then, Doc::text(" else "), other])));
        }
        let mut out = vec![self.inline_before(e.span.start as usize)];
        let mut next = e;
        while let ExprKind::If { condition, then, otherwise } = &next.kind {
            out.extend([Doc::text("if "), self.condition(condition), Doc::text(" "), self.braces(then)]);
            let Some(other) = otherwise else { break };
            out.push(Doc::text(" else "));
            // `else if` is a block without braces.
            match &other.value {
                Some(chain) if matches!(chain.kind, ExprKind::If { .. }) && self.is_chain(chain) => next = chain,
                _ => {
                    out.push(self.braces(other));
                    break;
                }
            }
        }
        Doc::Concat(out)
    }

    fn is_chain(&self, e: &Expr) -> bool {
        self.src.token_before(e.span.start as usize).is_some_and(|t| t.1 == Token::Else)
    }
}
