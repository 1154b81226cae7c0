//! Cuts a script into tokens. The text has three languages, each with a mode of its own: at the top level
//! attach points, between `/ /` a predicate, between `{ }` an action.

use super::token::{LexError, Token};
use crate::diag::Diagnostic;
use crate::source::{FileId, Span};
use logos::Logos;

/// A token with its first byte and one past its last, as the parser takes it.
pub type Spanned = (usize, Token, usize);

/// All tokens of a script; what is no token becomes a diagnostic and is left out.
pub fn tokens(file: FileId, text: &str) -> (Vec<Spanned>, Vec<Diagnostic>) {
    let mut lexer = ScriptLexer { file, text, pos: 0, out: Vec::new(), diags: Vec::new() };
    lexer.top_level();
    (lexer.out, lexer.diags)
}

struct ScriptLexer<'a> {
    file: FileId,
    text: &'a str,
    pos: usize,
    out: Vec<Spanned>,
    diags: Vec<Diagnostic>,
}

/// Providers whose attach points hold paths, so that `/` belongs to them.
const WITH_PATHS: &[&str] = &["uprobe", "uretprobe", "u", "ur", "usdt", "U"];

/// Words that begin something at the top level that this version does not have yet.
const NOT_YET: &[(&str, &str)] = &[
    ("struct", "C definitions"),
    ("union", "C definitions"),
    ("enum", "C definitions"),
    ("typedef", "C definitions"),
    ("macro", "macros"),
    ("import", "imports"),
    ("fn", "functions"),
    ("let", "map declarations"),
];

impl<'a> ScriptLexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.pos..]
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }

    /// Skips white space and comments.
    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.pos += rest.len() - trimmed.len();
            if trimmed.starts_with("//") {
                self.pos += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*") {
                match trimmed.find("*/") {
                    Some(end) => self.pos += end + 2,
                    None => {
                        let span = self.span(self.pos, self.pos + 2);
                        self.diags.push(Diagnostic::error(span, LexError::OpenComment.to_string()));
                        self.pos = self.text.len();
                    }
                }
            } else {
                return;
            }
        }
    }

    fn top_level(&mut self) {
        if self.text.starts_with("#!") {
            self.pos = self.text.find('\n').unwrap_or(self.text.len());
        }
        loop {
            self.skip();
            let rest = self.rest();
            let Some(first) = rest.chars().next() else { return };
            let word_len = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let word = &rest[..word_len];
            let after = rest[word_len..].trim_start();
            if word == "config" && after.starts_with('=') {
                self.config();
            } else if first == '#' {
                self.preprocessor_line();
            } else if let Some((_, what)) = NOT_YET.iter().find(|(w, _)| *w == word && !after.starts_with(':')) {
                self.not_yet(what, word_len);
            } else {
                self.attach_points();
            }
        }
    }

    /// `#include` and `#define` lines are accepted where nothing of them is needed: types come from BTF.
    fn preprocessor_line(&mut self) {
        let start = self.pos;
        let len = self.rest().find('\n').unwrap_or(self.rest().len());
        let line = self.rest()[..len].trim_end();
        self.pos += len;
        let span = self.span(start, start + line.len());
        let directive = line[1..].trim_start();
        if directive.starts_with("include") {
            return;
        }
        self.diags.push(
            Diagnostic::error(span, "C preprocessor directives are not supported yet")
                .help("write the value in its place; `#include` lines are skipped, kernel types and constants need none"),
        );
    }

    /// Skips a whole item that this version can't read, so that the rest is still checked.
    fn not_yet(&mut self, what: &str, word_len: usize) {
        let start = self.pos;
        let span = self.span(start, start + word_len);
        self.diags.push(Diagnostic::error(span, format!("{what} are not supported yet")));
        let mut depth = 0usize;
        for (i, c) in self.rest().char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                _ => {}
            }
            let ends_block = c == '}' && depth == 0;
            let semicolon_follows = self.text[start + i + 1..].trim_start().starts_with(';');
            if (c == ';' && depth == 0) || (ends_block && !semicolon_follows) {
                self.pos = start + i + 1;
                return;
            }
        }
        self.pos = self.text.len();
    }

    fn config(&mut self) {
        self.region(|t, depth| *t == Token::RBrace && depth == 0);
        // `config = { }` may be followed by a semicolon.
        self.skip();
        if self.rest().starts_with(';') {
            self.pos += 1;
        }
    }

    /// `attach, attach /predicate/ { action }`
    fn attach_points(&mut self) {
        loop {
            self.skip();
            let start = self.pos;
            let len = attach_len(self.rest());
            if len > 0 {
                self.pos += len;
                self.out.push((start, Token::Attach(self.text[start..self.pos].to_string()), self.pos));
            }
            self.skip();
            let at = self.pos;
            match self.rest().bytes().next() {
                Some(b',') => {
                    self.pos += 1;
                    self.out.push((at, Token::Comma, self.pos));
                }
                Some(b'/') => {
                    self.pos += 1;
                    self.out.push((at, Token::PredOpen, self.pos));
                    self.predicate();
                    return self.action();
                }
                Some(b'{') => return self.action(),
                Some(_) if len > 0 => {
                    // Two words without a comma: let the parser say so.
                }
                Some(_) => {
                    let c = self.rest().chars().next().map_or(1, char::len_utf8);
                    let span = self.span(at, at + c);
                    self.diags.push(
                        Diagnostic::error(span, "this can't start a probe")
                            .help("write `PROBE { ACTION }`, for example `BEGIN { exit(); }`"),
                    );
                    self.pos += c;
                    return;
                }
                None => return,
            }
        }
    }

    fn predicate(&mut self) {
        let text = self.text;
        let start = self.out.len();
        let ended = self.region_until(|token, end, _| *token == Token::Slash && block_follows(&text[end..]));
        if ended {
            if let Some(last) = self.out.last_mut() {
                last.1 = Token::PredClose;
            }
            return;
        }
        let at = self.out.get(start.saturating_sub(1)).map_or(0, |t| t.0);
        self.diags.push(
            Diagnostic::error(self.span(at, at + 1), "this predicate is not closed")
                .help("a predicate stands between two slashes before the block: `/pid == 1/ { ... }`"),
        );
    }

    fn action(&mut self) {
        self.skip();
        if self.rest().starts_with('{') {
            self.region(|t, depth| *t == Token::RBrace && depth == 0);
        }
    }

    fn region(&mut self, mut last: impl FnMut(&Token, usize) -> bool) {
        self.region_until(|t, _, depth| last(t, depth));
    }

    /// Takes tokens up to and with the one for which `last(token, its end, open braces)` holds.
    fn region_until(&mut self, mut last: impl FnMut(&Token, usize, usize) -> bool) -> bool {
        let base = self.pos;
        let mut lex = Token::lexer(self.rest());
        let mut depth = 0usize;
        while let Some(token) = lex.next() {
            let (start, end) = (base + lex.span().start, base + lex.span().end);
            match token {
                Ok(token) => {
                    match token {
                        Token::LBrace => depth += 1,
                        Token::RBrace => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                    let stop = last(&token, end, depth);
                    self.out.push((start, token, end));
                    if stop {
                        self.pos = end;
                        return true;
                    }
                }
                Err(error) => self.lex_error(error, start, end),
            }
        }
        self.pos = self.text.len();
        false
    }

    fn lex_error(&mut self, error: LexError, start: usize, end: usize) {
        let shown = &self.text[start..end];
        let mut d = Diagnostic::error(self.span(start, end), error.to_string());
        match &error {
            LexError::Character if shown.starts_with('\'') => d = d.help("strings stand between double quotes"),
            LexError::Escape(_) => d = d.help("write one of \\n \\t \\r \\\" \\\\ \\xHH \\OOO"),
            _ => {}
        }
        // A broken literal is still a value to the parser: one mistake, one message.
        let stand_in = match error {
            LexError::Number(_) | LexError::Param => Some(Token::Int(0)),
            LexError::OpenString | LexError::Escape(_) => Some(Token::Str(Vec::new())),
            _ => None,
        };
        self.diags.push(d);
        if let Some(token) = stand_in {
            self.out.push((start, token, end));
        }
    }
}

/// Length of the attach point that `rest` starts with: up to white space, a comma, `{`, or (where no path can
/// be) `/`. Quotes and the parentheses of C++ signatures within quotes protect all of these.
fn attach_len(rest: &str) -> usize {
    let provider = rest.split([':', ' ', '{', ',', '/', '\n', '\t']).next().unwrap_or("");
    let paths = WITH_PATHS.contains(&provider);
    let mut quoted = false;
    for (i, c) in rest.char_indices() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '{' | ',' | ';' | '}' => return i,
            '/' if !paths => return i,
            c if c.is_whitespace() => return i,
            _ => {}
        }
    }
    rest.len()
}

/// Whether a block follows at once: then the slash before it closes the predicate.
fn block_follows(rest: &str) -> bool {
    let mut rest = rest.trim_start();
    loop {
        if let Some(r) = rest.strip_prefix("//") {
            rest = r.find('\n').map_or("", |n| &r[n..]).trim_start();
        } else if let Some(r) = rest.strip_prefix("/*") {
            rest = r.find("*/").map_or("", |n| &r[n + 2..]).trim_start();
        } else {
            return rest.starts_with('{');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Token> {
        let (tokens, diags) = tokens(FileId(0), text);
        assert!(diags.is_empty(), "{diags:?}");
        tokens.into_iter().map(|t| t.1).collect()
    }

    #[test]
    fn attach_points_keep_their_slashes_and_predicates_end() {
        let t = kinds("uprobe:/a/b:encoding/json.Marshal /pid/1 == 2/ { }");
        assert_eq!(t[0], Token::Attach("uprobe:/a/b:encoding/json.Marshal".into()));
        assert_eq!(t[1], Token::PredOpen);
        assert_eq!(t[3], Token::Slash);
        assert_eq!(t[7], Token::PredClose);
        let t = kinds("tracepoint:a:b/1/{}");
        assert_eq!(t[0], Token::Attach("tracepoint:a:b".into()));
        assert_eq!(t[1], Token::PredOpen);
    }

    #[test]
    fn several_attach_points_and_comments() {
        let t = kinds("#!/usr/bin/env beetrace\n// c\nBEGIN, /* x */ kprobe:f\n{ @ = 1; } END{}");
        assert_eq!(t[0], Token::Attach("BEGIN".into()));
        assert_eq!(t[1], Token::Comma);
        assert_eq!(t[2], Token::Attach("kprobe:f".into()));
        assert_eq!(t[9], Token::Attach("END".into()));
    }

    #[test]
    fn quotes_protect_in_attach_points() {
        let t = kinds("uprobe:/bin/x:\"ns::f(int, char)\" { }");
        assert_eq!(t[0], Token::Attach("uprobe:/bin/x:\"ns::f(int, char)\"".into()));
    }

    #[test]
    fn an_open_string_is_one_message() {
        let (_, diags) = tokens(FileId(0), "BEGIN { printf(\"abc); }\nEND { }");
        assert_eq!(diags.len(), 1, "{diags:?}");
    }
}
