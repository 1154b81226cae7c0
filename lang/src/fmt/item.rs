//! What stands at the top level.

use super::Formatter;
use super::doc::{Doc, concat};
use super::expr::tight;
use super::stmt::Lines;
use crate::ast::{ConfigEntry, Function, Item, Macro, MacroParamKind, Probe, Program};
use crate::parse::Token;
use crate::source::Span;

impl Formatter<'_> {
    /// The whole script.
    pub(super) fn program(&mut self, program: &Program) -> Doc {
        let mut lines = Lines::default();
        let text = self.src.text;
        if text.starts_with("#!") {
            lines.push(false, Doc::text(text.lines().next().unwrap_or("").trim_end()));
        }
        let mut at = 0;
        let mut after_big = false;
        for item in &program.items {
            let (start, end) = self.extent(item, at);
            let first = lines.len();
            let big = matches!(item, Item::Probe(_) | Item::Macro(_) | Item::Function(_) | Item::Config(_));
            self.line(start, end, &mut lines, |me| me.item(item, start));
            // What stands right under `#!` stays there.
            let under = first == 1 && text.starts_with("#!");
            if big && !under || after_big {
                lines.set_blank(first);
            }
            after_big = big;
            at = end;
        }
        let first = lines.len();
        self.comments_before(text.len(), &mut lines);
        if after_big {
            lines.set_blank(first);
        }
        lines.doc()
    }

    /// First byte of an item and one past its last; it stands behind `at`.
    fn extent(&self, item: &Item, at: usize) -> (usize, usize) {
        let word_before = |s: Span| self.src.token_before(s.start as usize).map_or(s.start as usize, |t| t.0);
        let whole = |s: Span| (s.start as usize, s.end as usize);
        match item {
            Item::Config(_) => {
                let start = self.src.token_from(at).map_or(at, |t| t.0);
                let behind = self.src.tokens_in(start, self.src.text.len());
                let end = behind.iter().find(|t| t.1 == Token::RBrace).map_or(start, |t| t.2);
                (start, end)
            }
            Item::Import { span, .. } => whole(*span),
            Item::C { text, span } => (span.start as usize, span.start as usize + text.trim_end().len()),
            Item::MapDecl(m) => (m.span.start as usize, m.span.end as usize),
            Item::Macro(m) => (word_before(m.name_span), m.body.span.end as usize),
            Item::Function(f) => (word_before(f.name_span), f.body.span.end as usize),
            Item::Probe(p) => whole(p.span),
            Item::Error => (at, at),
        }
    }

    fn item(&mut self, item: &Item, start: usize) -> Doc {
        match item {
            Item::Config(entries) => self.config(entries, start),
            Item::Import { span, .. } => {
                let path = self.src.tokens_in(span.start as usize, span.end as usize).iter().find(|t| matches!(t.1, Token::Str(_)));
                Doc::text(format!("import {};", path.map_or("", |t| self.src.token_text(t))))
            }
            Item::C { text, span } => {
                // A semicolon that is divided from the definition is not in its text.
                let apart = self.src.text[span.end as usize..].trim_start().starts_with(';') && !text.starts_with('#');
                Doc::text(format!("{}{}", text.trim_end(), if apart { ";" } else { "" }))
            }
            Item::MapDecl(m) => {
                let size = self.src.tokens_in(m.span.start as usize, m.span.end as usize).iter().find(|t| matches!(t.1, Token::Int(_)));
                Doc::text(format!("let {} = {}({});", m.name, m.kind, size.map_or("", |t| self.src.token_text(t))))
            }
            Item::Macro(m) => self.macro_def(m),
            Item::Function(f) => self.function(f),
            Item::Probe(p) => self.probe(p),
            Item::Error => Doc::nil(),
        }
    }

    fn config(&mut self, entries: &[ConfigEntry], start: usize) -> Doc {
        let behind = self.src.tokens_in(start, self.src.text.len());
        let brace = |kind: &Token| behind.iter().find(|t| t.1 == *kind).map_or(start, |t| t.0);
        let (open, close) = (brace(&Token::LBrace), brace(&Token::RBrace));
        let mut lines = Lines::default();
        let mut first = self.src.take_behind(open + 1);
        if first.is_empty() {
            first.extend(self.src.take(open));
        }
        let first = Doc::Concat(first.into_iter().map(|c| concat([Doc::text(" "), self.src.comment(c)])).collect());
        for e in entries {
            let assign = self.src.token_from(e.span.end as usize).map_or(close, |t| t.2);
            let Some(value) = self.src.token_from(assign) else { continue };
            let text = format!("{} = {};", e.key, self.src.token_text(value));
            self.line(e.span.start as usize, value.2, &mut lines, |_| Doc::text(text));
        }
        self.comments_before(close, &mut lines);
        if lines.is_empty() && first.first_char().is_none() {
            return Doc::text("config = {}");
        }
        let inner = if lines.is_empty() { Doc::nil() } else { Doc::Nest(Box::new(concat([Doc::Hard, lines.doc()]))) };
        concat([Doc::text("config = {"), first, inner, Doc::Hard, Doc::text("}")])
    }

    /// The head of a macro or a function, and its block on the next line.
    fn headed(&mut self, head: Doc, body: &crate::ast::Block) -> Doc {
        let mut lines = Lines::default();
        lines.push(false, head);
        self.gap(body, &mut lines);
        concat([lines.doc(), Doc::Hard, self.braces(body)])
    }

    /// The comments before a block, as lines.
    fn gap(&mut self, body: &crate::ast::Block, lines: &mut Lines) {
        let open = self.brace(body);
        while let Some(c) = self.src.take(open) {
            lines.push(self.src.blank_before(c.start), self.src.comment(c));
        }
    }

    fn macro_def(&mut self, m: &Macro) -> Doc {
        let brackets = self.src.token_from(m.name_span.end as usize).is_some_and(|t| t.1 == Token::LParen);
        let mut items = Vec::new();
        for (i, p) in m.params.iter().enumerate() {
            let before = self.inline_before(p.span.start as usize);
            let sigil = if p.kind == MacroParamKind::Var { "$" } else { "" };
            items.push(concat([before, Doc::text(format!("{sigil}{}{}", p.name, if i + 1 < m.params.len() { "," } else { "" }))]));
        }
        let mut head = vec![Doc::text(format!("macro {}", m.name))];
        if brackets {
            head.extend([Doc::text("("), Doc::Align(Box::new(Doc::Fill(items))), Doc::text(")")]);
        }
        self.headed(Doc::Concat(head), &m.body)
    }

    fn function(&mut self, f: &Function) -> Doc {
        let mut items = Vec::new();
        for (i, (name, ty)) in f.params.iter().enumerate() {
            let ty = self.type_name(ty);
            items.push(concat([Doc::text(format!("${name} : ")), ty, Doc::text(if i + 1 < f.params.len() { "," } else { "" })]));
        }
        let head = concat([
            Doc::text(format!("fn {}(", f.name)),
            Doc::Align(Box::new(Doc::Fill(items))),
            Doc::text(") : "),
            self.type_name(&f.returns),
        ]);
        self.headed(head, &f.body)
    }

    fn probe(&mut self, p: &Probe) -> Doc {
        let mut lines = Lines::default();
        for (i, a) in p.attach.iter().enumerate() {
            let comma = if i + 1 < p.attach.len() { "," } else { "" };
            let before = self.comments_before(a.span.start as usize, &mut lines);
            let doc = Doc::text(format!("{}{comma}", a.text));
            let behind = self.comments_behind(a.span.end as usize);
            lines.push(false, concat([before, doc, behind]));
        }
        if let Some(pred) = &p.predicate {
            let open = self.src.token_before(pred.span.start as usize + 1);
            let slash = |t: Option<&crate::parse::Spanned>, kind: Token| t.filter(|t| t.1 == kind).map(|t| (t.0, t.2));
            // Parentheses may stand between the slashes and the expression.
            let last = p.attach.last().map_or(0, |a| a.span.end as usize);
            let within = self.src.tokens_in(last, self.brace(&p.body));
            let start = within.iter().find_map(|t| slash(Some(t), Token::PredOpen)).or(slash(open, Token::PredOpen));
            let end = within.iter().rev().find_map(|t| slash(Some(t), Token::PredClose));
            let (start, end) = (start.map_or(last, |s| s.0), end.map_or(pred.span.end as usize, |e| e.1));
            self.line(start, end, &mut lines, |me| {
                let doc = Doc::Align(Box::new(me.expr(pred, tight::VALUE)));
                // `//` and `/*` would begin a comment.
                let space = if matches!(doc.first_char(), Some('*' | '/')) { " " } else { "" };
                concat([Doc::text(format!("/{space}")), doc, Doc::text("/")])
            });
        }
        self.gap(&p.body, &mut lines);
        concat([lines.doc(), Doc::Hard, self.braces(&p.body)])
    }
}
