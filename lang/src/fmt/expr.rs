//! Expressions and types.

use super::Formatter;
use super::doc::{Doc, concat};
use crate::ast::{BinOp, Block, Expr, ExprKind, TypeName, TypeNameKind, TypeOrExpr, TypeSuffix, UnOp};
use crate::parse::{Token, is_never_type};
use crate::source::Span;

/// How tightly an expression holds together; an operand that holds less tightly than its place wants needs parentheses.
pub(super) mod tight {
    /// Anything that may stand alone.
    pub const VALUE: u8 = 0;
    /// Anything but `? :`, blocks and `if`.
    pub const OPERATORS: u8 = 2;
    /// A prefix operator with its operand.
    pub const UNARY: u8 = 12;
    /// A name, a literal, and what is written behind these.
    pub const POSTFIX: u8 = 13;
}

fn strength(op: BinOp) -> u8 {
    match op {
        BinOp::Or => 2,
        BinOp::And => 3,
        BinOp::BitOr => 4,
        BinOp::BitXor => 5,
        BinOp::BitAnd => 6,
        BinOp::Eq | BinOp::Ne => 7,
        BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge => 8,
        BinOp::Shl | BinOp::Shr => 9,
        BinOp::Add | BinOp::Sub => 10,
        BinOp::Mul | BinOp::Div | BinOp::Mod => 11,
    }
}

fn tightness(e: &Expr) -> u8 {
    match &e.kind {
        ExprKind::Block(_) | ExprKind::If { .. } => tight::VALUE,
        ExprKind::Ternary(..) => 1,
        ExprKind::Binary(op, ..) => strength(*op),
        ExprKind::Unary(..) | ExprKind::Cast(..) | ExprKind::Comptime(_) | ExprKind::IncDec { prefix: true, .. } => tight::UNARY,
        _ => tight::POSTFIX,
    }
}

impl Formatter<'_> {
    /// The text of a leaf, behind the comments that stand before it.
    fn leaf(&mut self, span: Span) -> Doc {
        let before = self.inline_before(span.start as usize);
        let text = &self.src.text[span.start as usize..span.end as usize];
        concat([before, Doc::text(text)])
    }

    /// The comments before `at` that may stand within a line; all others wait for the statement.
    pub(super) fn inline_before(&mut self, at: usize) -> Doc {
        let mut out = Vec::new();
        while let Some(c) = self.src.take(at) {
            if c.inline {
                out.push(Doc::text(format!("{} ", &self.src.text[c.start..c.end])));
            } else {
                self.hoisted.push(c);
            }
        }
        Doc::Concat(out)
    }

    /// The same, behind the last thing within brackets.
    fn inline_behind(&mut self, at: usize) -> Doc {
        let mut out = Vec::new();
        while let Some(c) = self.src.take(at) {
            if c.inline {
                out.push(Doc::text(format!(" {}", &self.src.text[c.start..c.end])));
            } else {
                self.hoisted.push(c);
            }
        }
        Doc::Concat(out)
    }

    /// An expression where one of at least that tightness is wanted.
    pub(super) fn expr(&mut self, e: &Expr, wanted: u8) -> Doc {
        let doc = self.bare(e);
        if tightness(e) < wanted { concat([Doc::text("("), Doc::Align(Box::new(doc)), Doc::text(")")]) } else { doc }
    }

    /// An expression without parentheses around it.
    fn bare(&mut self, e: &Expr) -> Doc {
        let end = e.span.end as usize;
        match &e.kind {
            ExprKind::Int(_) | ExprKind::Bool(_) | ExprKind::Str(_) | ExprKind::Ident(_) => self.leaf(e.span),
            ExprKind::Var(_) | ExprKind::Param(_) | ExprKind::ParamCount | ExprKind::Map { keys: None, .. } => self.leaf(e.span),
            ExprKind::Map { name, keys: Some(keys) } => {
                let before = self.inline_before(e.span.start as usize);
                let keys = self.list(keys, end - 1);
                concat([before, Doc::text(format!("{name}[")), keys, Doc::text("]")])
            }
            ExprKind::Call { name, name_span, args } => {
                let before = self.inline_before(e.span.start as usize);
                let bang = self.src.token_from(name_span.end as usize).is_some_and(|t| t.1 == Token::Bang);
                let args = self.list(args, end - 1);
                concat([before, Doc::text(format!("{name}{}(", if bang { "!" } else { "" })), args, Doc::text(")")])
            }
            ExprKind::Unary(op, x) => {
                let before = self.inline_before(e.span.start as usize);
                let sign = match op {
                    UnOp::Neg => "-",
                    UnOp::Not => "!",
                    UnOp::BitNot => "~",
                    UnOp::Deref => "*",
                    UnOp::AddrOf => "&",
                };
                // `--` and `&&` are operators of their own.
                let clash = match &x.kind {
                    ExprKind::Unary(inner, _) => inner == op && matches!(op, UnOp::Neg | UnOp::AddrOf),
                    ExprKind::IncDec { prefix: true, increment: false, .. } => *op == UnOp::Neg,
                    _ => false,
                };
                let x = self.expr(x, if clash { tight::POSTFIX } else { tight::UNARY });
                concat([before, Doc::text(sign), x])
            }
            ExprKind::IncDec { prefix, increment, target } => {
                let sign = Doc::text(if *increment { "++" } else { "--" });
                let before = self.inline_before(e.span.start as usize);
                if *prefix {
                    let target = self.expr(target, tight::UNARY);
                    return concat([before, sign, target]);
                }
                let target = self.expr(target, tight::POSTFIX);
                concat([before, target, sign])
            }
            ExprKind::Binary(op, ..) => self.chain(e, strength(*op)),
            ExprKind::Ternary(c, a, b) => {
                let same = c.id == a.id;
                let c = self.operand(c, tight::OPERATORS);
                let a =
                    if same { Doc::text("?:") } else { concat([Doc::text("? "), self.expr(a, tight::VALUE), Doc::Line, Doc::text(":")]) };
                let b = self.expr(b, tight::VALUE);
                Doc::Group(Box::new(Doc::Align(Box::new(concat([c, Doc::Line, a, Doc::text(" "), b])))))
            }
            ExprKind::Field { base, name, name_span } => {
                let base = self.expr(base, tight::POSTFIX);
                let arrow = self.src.token_before(name_span.start as usize).is_some_and(|t| t.1 == Token::Arrow);
                concat([base, Doc::text(format!("{}{name}", if arrow { "->" } else { "." }))])
            }
            ExprKind::TupleField(base, n) => {
                let base = self.expr(base, tight::POSTFIX);
                concat([base, Doc::text(format!(".{n}"))])
            }
            ExprKind::Index(base, index) => {
                let base = self.expr(base, tight::POSTFIX);
                let index = self.list(std::slice::from_ref(&**index), end - 1);
                concat([base, Doc::text("["), index, Doc::text("]")])
            }
            ExprKind::Tuple(list) => {
                let before = self.inline_before(e.span.start as usize);
                let inner = self.list(list, end - 1);
                concat([before, Doc::text("("), inner, Doc::text(if list.len() == 1 { ",)" } else { ")" })])
            }
            ExprKind::Record(list) => {
                let before = self.inline_before(e.span.start as usize);
                let items = list.iter().map(|(name, x)| concat([Doc::text(format!("{name}=")), self.expr(x, tight::VALUE)])).collect();
                let inner = self.separated(items, end - 1);
                concat([before, Doc::text("("), inner, Doc::text(")")])
            }
            ExprKind::Cast(ty, x) => {
                let before = self.inline_before(e.span.start as usize);
                let ty = self.type_name(ty);
                // Behind `(name)` a `++` would belong to the name.
                let plus = matches!(x.kind, ExprKind::IncDec { prefix: true, increment: true, .. });
                let x = self.expr(x, if plus { tight::POSTFIX } else { tight::UNARY });
                concat([before, Doc::text("("), ty, Doc::text(")"), x])
            }
            ExprKind::Sizeof(x) => self.of_type("sizeof(", x, e.span, None),
            ExprKind::Typeof(x) => self.of_type("typeof(", x, e.span, None),
            ExprKind::Typeinfo(x) => self.of_type("typeinfo(", x, e.span, None),
            ExprKind::Offsetof(x, path) => self.of_type("offsetof(", x, e.span, Some(format!(", {}", path.join(".")))),
            ExprKind::Comptime(x) => {
                let before = self.inline_before(e.span.start as usize);
                concat([before, Doc::text("comptime "), self.expr(x, tight::UNARY)])
            }
            ExprKind::Block(block) => self.value_block(block),
            ExprKind::If { .. } => self.conditional(e, true),
            ExprKind::Error => self.leaf(e.span),
        }
    }

    /// Operators of equal strength, one after the other: a line may end behind each.
    fn chain(&mut self, e: &Expr, level: u8) -> Doc {
        let mut links: Vec<(BinOp, &Expr)> = Vec::new();
        let mut first = e;
        while let ExprKind::Binary(op, a, b) = &first.kind
            && strength(*op) == level
            && (std::ptr::eq(first, e) || !self.parenthesised(first))
        {
            links.push((*op, b));
            first = a;
        }
        links.reverse();
        let mut items = Vec::new();
        let mut before = self.operand(first, level);
        for (op, x) in links {
            items.push(concat([before, Doc::text(format!(" {}", op.symbol()))]));
            before = self.operand(x, level + 1);
        }
        items.push(before);
        Doc::Align(Box::new(Doc::Fill(items)))
    }

    /// An operand of an operator. Parentheses that need not be stay where they make operators among operators plain to a reader.
    fn operand(&mut self, e: &Expr, wanted: u8) -> Doc {
        let kept = matches!(e.kind, ExprKind::Binary(..)) && self.parenthesised(e);
        self.expr(e, if kept { tight::POSTFIX } else { wanted })
    }

    fn parenthesised(&self, e: &Expr) -> bool {
        let open = self.src.token_before(e.span.start as usize);
        let close = self.src.token_from(e.span.end as usize);
        open.is_some_and(|t| t.1 == Token::LParen) && close.is_some_and(|t| t.1 == Token::RParen)
    }

    /// What stands between brackets that close at `end`, separated by commas.
    fn list(&mut self, list: &[Expr], end: usize) -> Doc {
        let items = list.iter().map(|x| self.expr(x, tight::VALUE)).collect();
        self.separated(items, end)
    }

    fn separated(&mut self, mut items: Vec<Doc>, end: usize) -> Doc {
        if items.is_empty() {
            let mut only = self.inline_behind(end);
            if let Doc::Concat(list) = &mut only
                && let Some(Doc::Text(first)) = list.first_mut()
            {
                first.remove(0);
            }
            return only;
        }
        let last = items.len() - 1;
        for (i, item) in items.iter_mut().enumerate() {
            let doc = std::mem::replace(item, Doc::nil());
            *item = if i < last { concat([doc, Doc::text(",")]) } else { concat([doc, self.inline_behind(end)]) };
        }
        Doc::Align(Box::new(Doc::Fill(items)))
    }

    fn of_type(&mut self, open: &str, x: &TypeOrExpr, span: Span, rest: Option<String>) -> Doc {
        let before = self.inline_before(span.start as usize);
        let x = self.type_or_expr(x);
        let behind = self.inline_behind(span.end as usize - 1);
        concat([before, Doc::text(open), x, Doc::text(rest.unwrap_or_default()), behind, Doc::text(")")])
    }

    fn type_or_expr(&mut self, x: &TypeOrExpr) -> Doc {
        match x {
            TypeOrExpr::Type(t) => self.type_name(t),
            // What could be read as a type is none within parentheses.
            TypeOrExpr::Expr(e) if looks_like_type(e) => concat([Doc::text("("), self.expr(e, tight::VALUE), Doc::text(")")]),
            TypeOrExpr::Expr(e) => self.expr(e, tight::VALUE),
        }
    }

    /// A type, the sizes of its arrays as written.
    pub(super) fn type_name(&mut self, t: &TypeName) -> Doc {
        let before = self.inline_before(t.span.start as usize);
        let name = match &t.kind {
            TypeNameKind::Named(n) => Doc::text(n),
            TypeNameKind::Record(n) if n.starts_with("union ") => Doc::text(n),
            TypeNameKind::Record(n) => Doc::text(format!("struct {n}")),
            TypeNameKind::Enum(n) => Doc::text(format!("enum {n}")),
            TypeNameKind::Typeof(x) => concat([Doc::text("typeof("), self.type_or_expr(x), Doc::text(")")]),
        };
        let sized = t.suffixes.iter().filter(|s| matches!(s, TypeSuffix::Array(Some(_)))).count();
        let numbers = self.src.tokens_in(t.span.start as usize, t.span.end as usize).iter().filter(|t| matches!(t.1, Token::Int(_)));
        let mut sizes: Vec<&str> = numbers.rev().take(sized).map(|t| self.src.token_text(t)).collect();
        let mut suffixes = String::new();
        for s in &t.suffixes {
            match s {
                TypeSuffix::Pointer => suffixes.push('*'),
                TypeSuffix::Array(None) => suffixes.push_str("[]"),
                TypeSuffix::Array(Some(n)) => match sizes.pop() {
                    Some(text) => suffixes.push_str(&format!("[{text}]")),
                    None => suffixes.push_str(&format!("[{n}]")),
                },
            }
        }
        concat([before, name, Doc::text(suffixes)])
    }

    /// A block as a value: on one line if it is nothing but a value.
    fn value_block(&mut self, block: &Block) -> Doc {
        if !self.is_short(block) {
            return self.braces(block);
        }
        let open = self.inline_before(block.span.start as usize);
        let inner = self.short(block);
        Doc::Group(Box::new(concat([open, inner])))
    }

    /// Whether a block is a value alone, without comments.
    pub(super) fn is_short(&self, block: &Block) -> bool {
        block.stmts.is_empty()
            && block.value.as_ref().is_some_and(|v| !matches!(v.kind, ExprKind::If { .. } | ExprKind::Block(_)))
            && !self.src.has_comment(self.brace(block), block.span.end as usize)
    }

    /// A short block; its lines break with the group that it is in.
    pub(super) fn short(&mut self, block: &Block) -> Doc {
        let Some(value) = &block.value else { return Doc::text("{}") };
        let value = self.expr(value, tight::VALUE);
        concat([Doc::text("{"), Doc::Nest(Box::new(concat([Doc::Line, value]))), Doc::Line, Doc::text("}")])
    }
}

/// Whether an expression alone between parentheses would be read as a type.
fn looks_like_type(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Ident(n) => !is_never_type(n),
        ExprKind::Index(base, i) => matches!(i.kind, ExprKind::Int(_)) && looks_like_type(base),
        _ => false,
    }
}
