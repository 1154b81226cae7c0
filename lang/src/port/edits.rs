//! The places of a script that change, and what is put there.

use super::scopes::Missing;
use super::{Ported, Remark};
use crate::ast::{AttachPoint, Block, ConfigEntry, Expr, ExprKind, Item, Program, StmtKind};
use crate::builtins;
use crate::dialect::{self, Word};
use crate::parse::{Spanned, Token};
use crate::source::{FileId, SourceMap};
use std::collections::HashSet;

struct Edit {
    start: usize,
    end: usize,
    text: String,
}

/// What is found so far.
pub struct Edits<'a> {
    text: &'a str,
    tokens: &'a [Spanned],
    list: Vec<Edit>,
    /// By the byte that each is about.
    changes: Vec<(usize, String)>,
    notes: Vec<(usize, String)>,
    /// Names that the script gives a meaning of its own.
    own: HashSet<&'a str>,
}

impl<'a> Edits<'a> {
    /// For a script with its tokens.
    pub fn new(text: &'a str, tokens: &'a [Spanned]) -> Self {
        Edits { text, tokens, list: Vec::new(), changes: Vec::new(), notes: Vec::new(), own: HashSet::new() }
    }

    /// Looks through the whole script.
    pub fn program(&mut self, program: &'a Program) {
        for item in &program.items {
            match item {
                Item::Macro(m) => {
                    self.own.insert(&m.name);
                    self.own.extend(m.params.iter().map(|p| p.name.as_str()));
                }
                Item::Function(f) => {
                    self.own.insert(&f.name);
                }
                _ => {}
            }
        }
        let mut conditional = 0usize;
        for item in &program.items {
            match item {
                Item::Config(entries) => entries.iter().for_each(|e| self.config(e)),
                Item::C { text, span } => {
                    let directive = text.trim_start_matches('#').trim_start();
                    if directive.starts_with("if") {
                        conditional += 1;
                    } else if directive.starts_with("endif") {
                        conditional = conditional.saturating_sub(1);
                    } else if directive.starts_with("include") && text.starts_with('#') && conditional == 0 {
                        let line = text.lines().next().unwrap_or("").trim_end();
                        self.note(
                            span.start as usize,
                            format!("`{line}` is left: where the kernel has BTF, types and constants are there without it"),
                        );
                    }
                }
                Item::Probe(p) => {
                    p.attach.iter().for_each(|a| self.attach(a));
                    p.predicate.iter().for_each(|e| self.exprs(|f| e.walk(f)));
                    self.action(&p.body);
                }
                Item::Macro(m) => self.action(&m.body),
                Item::Function(f) => self.action(&f.body),
                Item::Import { .. } | Item::MapDecl(_) | Item::Error => {}
            }
        }
    }

    /// Puts a declaration where one is missing.
    pub fn declare(&mut self, m: &Missing) {
        let new_line = self.line_start(m.at).unwrap_or(" ");
        self.edit(m.at, m.at, format!("let ${};{new_line}", m.name));
        let since = dialect::BLOCKS_HAVE_VARIABLES;
        let text = format!("`let ${0};` is added: `${0}` is used outside the block that assigns it (since {since})", m.name);
        self.changes.push((m.used, text));
    }

    /// The new text, and what is said of it.
    pub fn finish(mut self, map: &SourceMap, file: FileId) -> Ported {
        self.list.sort_by_key(|e| (e.start, e.end));
        let mut text = String::with_capacity(self.text.len());
        let mut at = 0;
        for e in &self.list {
            // Two changes of one place can't be; the first is it.
            if e.start < at {
                continue;
            }
            text.push_str(&self.text[at..e.start]);
            text.push_str(&e.text);
            at = e.end;
        }
        text.push_str(&self.text[at..]);
        let remarks = |mut list: Vec<(usize, String)>| {
            list.sort_by_key(|r| r.0);
            list.into_iter().map(|(at, text)| Remark { line: map.line_col(file, at as u32).0, text }).collect()
        };
        Ported { text, changes: remarks(self.changes), notes: remarks(self.notes) }
    }

    fn edit(&mut self, start: usize, end: usize, text: impl Into<String>) {
        self.list.push(Edit { start, end, text: text.into() });
    }

    fn note(&mut self, at: usize, text: String) {
        self.notes.push((at, text));
    }

    fn replace(&mut self, start: usize, end: usize, new: &str, since: &str) {
        let old = &self.text[start..end];
        self.changes.push((start, format!("`{old}` is now `{new}` (since {since})")));
        self.edit(start, end, new);
    }

    /// The token before a byte.
    fn before(&self, at: usize) -> Option<&'a Spanned> {
        self.tokens.partition_point(|t| t.0 < at).checked_sub(1).map(|i| &self.tokens[i])
    }

    /// The token at a byte or behind it.
    fn from(&self, at: usize) -> Option<&'a Spanned> {
        self.tokens.get(self.tokens.partition_point(|t| t.0 < at))
    }

    /// What divides a statement from the one before if it is first on its line: the line's end and the indentation.
    fn line_start(&self, at: usize) -> Option<&'a str> {
        let before = &self.text[..at];
        let start = before.trim_end_matches([' ', '\t']).len();
        (before[..start].ends_with('\n')).then(|| &self.text[start - 1..at])
    }

    fn attach(&mut self, a: &AttachPoint) {
        let provider = a.text.split(':').next().unwrap_or("");
        if let Some(r) = dialect::renamed(Word::Provider, provider) {
            let start = a.span.start as usize;
            self.replace(start, start + provider.len(), r.new, r.since);
        }
    }

    fn config(&mut self, e: &ConfigEntry) {
        let (start, end) = (e.span.start as usize, e.span.end as usize);
        let name = e.key.to_lowercase();
        let name = name.strip_prefix("bpftrace_").unwrap_or(&name);
        let Some(r) = dialect::renamed(Word::ConfigKey, name) else { return };
        if !r.exact {
            return self.note(start, format!("`{name}` is left: {}", dialect::hint(Word::ConfigKey, name).unwrap_or_default()));
        }
        if !r.new.is_empty() {
            return self.replace(start, end, r.new, r.since);
        }
        // The key, `=`, the value, and the semicolon if there is one.
        let i = self.tokens.partition_point(|t| t.0 < start);
        let Some(value) = self.tokens.get(i + 2) else { return };
        let stop = self.tokens.get(i + 3).filter(|t| t.1 == Token::Semi).map_or(value.2, |t| t.2);
        let rest = &self.text[stop..];
        let own_line = self.line_start(start).is_some() && rest.trim_start_matches([' ', '\t', '\r']).starts_with('\n');
        let (start_line, stop_line) = match (own_line, self.line_start(start), rest.find('\n')) {
            (true, Some(before), Some(_)) => (start - before.len(), stop + rest.len() - rest.trim_start_matches([' ', '\t', '\r']).len()),
            _ => (start, stop + rest.len() - rest.trim_start_matches([' ', '\t']).len()),
        };
        self.changes.push((start, format!("`{}` is left out: it says nothing (since {})", e.key, r.since)));
        self.edit(start_line, stop_line, "");
    }

    fn exprs(&mut self, walk: impl FnOnce(&mut dyn FnMut(&'a Expr))) {
        let mut list = Vec::new();
        walk(&mut |e| list.push(e));
        for e in list {
            self.expr(e);
        }
    }

    fn action(&mut self, body: &'a Block) {
        self.exprs(|f| body.walk(f));
        self.stmts(body, false);
    }

    /// Looks at statements: calls that may become several, loops.
    fn stmts(&mut self, block: &'a Block, in_loop: bool) {
        for s in &block.stmts {
            match &s.kind {
                StmtKind::Expr(e) => self.call_stmt(e, in_loop),
                StmtKind::While { body, .. } => {
                    let since = dialect::WHILE_IS_DEPRECATED;
                    let text = format!("`while` is left: it is deprecated (since {since}); `for $i : START..END {{ }}` counts");
                    self.note(s.span.start as usize, text);
                    self.stmts(body, true);
                }
                StmtKind::For { body, .. } => self.stmts(body, true),
                StmtKind::Unroll { body, .. } => self.stmts(body, in_loop),
                _ => {}
            }
        }
        if let Some(v) = &block.value {
            self.call_stmt(v, in_loop);
        }
    }

    fn call_stmt(&mut self, e: &'a Expr, in_loop: bool) {
        match &e.kind {
            ExprKind::Call { name, args, .. } if name == "delete" && is_old_delete(args) && args.len() > 1 => self.deletes(e, args),
            ExprKind::Call { name, .. } if name == "exit" && in_loop => {
                let since = dialect::NO_EXIT_IN_LOOPS;
                self.note(e.span.start as usize, format!("`exit()` is left: bpftrace refuses it in a loop (since {since})"));
            }
            ExprKind::Block(b) => self.stmts(b, in_loop),
            ExprKind::If { then, otherwise, .. } => {
                self.stmts(then, in_loop);
                otherwise.iter().for_each(|b| self.stmts(b, in_loop));
            }
            _ => {}
        }
    }

    fn expr(&mut self, e: &'a Expr) {
        let (start, end) = (e.span.start as usize, e.span.end as usize);
        match &e.kind {
            ExprKind::Ident(name) if !self.own.contains(name.as_str()) => {
                if let Some(r) = dialect::renamed(Word::Value, name) {
                    self.replace(start, end, r.new, r.since);
                } else if let Some(n) = builtins::sarg_number(name) {
                    self.sarg(start, end, n);
                }
            }
            ExprKind::Field { base, name, name_span } if matches!(&base.kind, ExprKind::Ident(n) if n == "args") => {
                let at = name_span.start as usize;
                if let Some(arrow) = self.before(at).filter(|t| t.1 == Token::Arrow) {
                    let since = dialect::ARGS_IS_A_STRUCTURE;
                    self.changes.push((start, format!("`args->{name}` is now `args.{name}` (since {since})")));
                    self.edit(arrow.0, arrow.2, ".");
                }
                if let Some(new) = name.strip_prefix(dialect::DATA_LOC) {
                    self.replace(at, name_span.end as usize, new, dialect::NO_DATA_LOC);
                }
            }
            ExprKind::Call { name, name_span, args } if !self.own.contains(name.as_str()) => {
                let (from, to) = (name_span.start as usize, name_span.end as usize);
                match args.as_slice() {
                    [one] if name == "delete" && is_old_delete(args) => {
                        let new = self.keyed(one);
                        let since = dialect::DELETE_TAKES_A_KEY;
                        self.changes.push((start, format!("`{}` is now `delete({new})` (since {since})", &self.text[start..end])));
                    }
                    _ => {
                        if let Some(r) = dialect::renamed(Word::Function, name) {
                            self.replace(from, to, r.new, r.since);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// Makes `@m[k]` two arguments, which are returned: `@m, k`, several keys in parentheses.
    fn keyed(&mut self, e: &Expr) -> String {
        let ExprKind::Map { name, keys: Some(keys) } = &e.kind else { return String::new() };
        let open = e.span.start as usize + name.len();
        let close = e.span.end as usize - 1;
        let Some(bracket) = self.from(open) else { return String::new() };
        let several = keys.len() != 1;
        let space = |text: &str, at_end: bool| {
            let trimmed = if at_end { text.trim_end_matches([' ', '\t']) } else { text.trim_start_matches([' ', '\t']) };
            text.len() - trimmed.len()
        };
        let after = bracket.2 + space(&self.text[bracket.2..close], false);
        let behind = close - if after < close { space(&self.text[after..close], true) } else { 0 };
        let (before, past) = if several { (", (", ")") } else { (", ", "") };
        self.edit(open, after, before);
        self.edit(behind, close + 1, past);
        format!("{name}{before}{}{past}", &self.text[after..behind.max(after)])
    }

    /// `delete(@a[1], @b[2])` as statements of its own for each.
    fn deletes(&mut self, e: &Expr, args: &[Expr]) {
        let new_line = self.line_start(e.span.start as usize).unwrap_or(" ");
        for (i, arg) in args.iter().enumerate() {
            if i > 0 {
                self.edit(args[i - 1].span.end as usize, arg.span.start as usize, format!(");{new_line}delete("));
            }
            self.keyed(arg);
        }
        let text =
            format!("`delete` of {} maps is now one `delete(@map, key)` for each (since {})", args.len(), dialect::DELETE_TAKES_A_KEY);
        self.changes.push((e.span.start as usize, text));
    }

    fn sarg(&mut self, start: usize, end: usize, n: u32) {
        let apart = |t: Option<&Spanned>| {
            use Token::*;
            t.is_none_or(|t| matches!(t.1, LParen | RParen | Comma | Assign | Semi | LBrace | RBrace | RBracket | LBracket))
        };
        let new = dialect::stack_argument(n);
        // `[` behind it would belong to what is read.
        let plain = apart(self.before(start)) && apart(self.from(end)) && self.from(end).is_none_or(|t| t.1 != Token::LBracket);
        let new = if plain { new } else { format!("({new})") };
        self.replace(start, end, &new, dialect::NO_SARG);
    }
}

/// `delete(@m[k])`, `delete(@a[1], @b[2])`, and with three or more arguments also maps without keys.
fn is_old_delete(args: &[Expr]) -> bool {
    let map = |e: &Expr| matches!(e.kind, ExprKind::Map { .. });
    let keyed = |e: &Expr| matches!(e.kind, ExprKind::Map { keys: Some(_), .. });
    match args {
        [one] => keyed(one),
        [first, _] => keyed(first) && args.iter().all(map),
        many => many.len() > 2 && many.iter().all(map),
    }
}
