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

/// The tokens of a single expression; `None` if some text is no token.
pub fn expression(file: FileId, text: &str) -> Option<Vec<Spanned>> {
    let mut lexer = ScriptLexer { file, text, pos: 0, out: Vec::new(), diags: Vec::new() };
    lexer.region(|_, _| false);
    lexer.diags.is_empty().then_some(lexer.out)
}

/// The tokens of a statement, without what is none.
pub fn statement(file: FileId, text: &str) -> Vec<Spanned> {
    let mut lexer = ScriptLexer { file, text, pos: 0, out: Vec::new(), diags: Vec::new() };
    lexer.region(|_, _| false);
    lexer.out
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
            let name_follows = after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            match word {
                "config" if after.starts_with('=') => self.config(),
                "import" if after.starts_with('"') => self.item(Token::Import, word_len, false),
                "macro" if name_follows => self.item(Token::Macro, word_len, true),
                "fn" if name_follows => self.item(Token::Fn, word_len, true),
                "let" if after.starts_with('@') => self.item(Token::Let, word_len, false),
                "struct" | "union" | "enum" | "typedef" | "extern" | "static" if is_c(&rest[word_len..]) => self.c_definition(word),
                _ if rest.starts_with("#!") => self.late_shebang(),
                _ if first == '#' => self.preprocessor_line(),
                // `name = probe`: the name means nothing yet.
                _ if word_len > 0 && after.starts_with('=') => self.pos += rest.len() - after.len() + 1,
                // A semicolon behind an item is nothing.
                _ if first == ';' => self.pos += 1,
                _ => self.attach_points(),
            }
        }
    }

    /// Formatted it could become the first line, and then mean something.
    fn late_shebang(&mut self) {
        let end = self.rest().find('\n').map_or(self.text.len(), |at| self.pos + at);
        let d = Diagnostic::error(self.span(self.pos, end), "`#!` can stand at the very beginning of a script only");
        self.diags.push(d.help("take the empty lines and the spaces in front of it away"));
        self.pos = end;
    }

    /// A preprocessor line, with the lines that a backslash joins to it.
    fn preprocessor_line(&mut self) {
        let start = self.pos;
        let mut len = 0;
        for line in self.rest().split_inclusive('\n') {
            len += line.len();
            if !line.trim_end_matches(['\n', '\r']).ends_with('\\') {
                break;
            }
        }
        self.c_text(start, start + len);
    }

    fn c_text(&mut self, start: usize, end: usize) {
        self.pos = end;
        self.out.push((start, Token::C(self.text[start..end].to_string()), end));
    }

    /// `struct name { ... }`, whose semicolon may be missing, or any other declaration up to its semicolon.
    fn c_definition(&mut self, word: &str) {
        let start = self.pos;
        let rest = self.rest();
        let mut depth = 0usize;
        let mut end = rest.len();
        for (i, c) in code_chars(rest) {
            match c {
                '{' => depth += 1,
                '}' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 && word != "typedef" && !declarators_follow(&rest[i + 1..]) {
                        end = i + 1;
                        break;
                    }
                }
                ';' if depth == 0 => {
                    end = i + 1;
                    break;
                }
                _ => {}
            }
        }
        if end == rest.len() && depth > 0 {
            let span = self.span(start, start + word.len());
            self.diags.push(Diagnostic::error(span, format!("this `{word}` is never closed")).help("its `}` is missing"));
            self.pos = self.text.len();
            return;
        }
        self.pos = start + end;
        // Attributes behind the brace, with or without a semicolon.
        loop {
            let before = self.pos;
            self.skip();
            let Some(rest) = self.rest().strip_prefix("__attribute__") else {
                self.pos = before;
                break;
            };
            let mut depth = 0usize;
            let closed = code_chars(rest).find_map(|(i, c)| match c {
                '(' => {
                    depth += 1;
                    None
                }
                ')' => {
                    depth = depth.saturating_sub(1);
                    (depth == 0).then_some(i + 1)
                }
                _ => None,
            });
            self.pos += "__attribute__".len() + closed.unwrap_or(0);
            if closed.is_none() {
                break;
            }
        }
        self.c_text(start, self.pos);
        self.skip();
        if self.rest().starts_with(';') {
            self.pos += 1;
        }
    }

    /// A word and what belongs to it: a block, or everything up to a semicolon.
    fn item(&mut self, token: Token, word_len: usize, block: bool) {
        let start = self.pos;
        self.pos += word_len;
        self.out.push((start, token, self.pos));
        if block {
            self.region(|t, depth| *t == Token::RBrace && depth == 0);
            return;
        }
        // The semicolon may be missing: the closing parenthesis or the text ends it then.
        self.region(|t, _| matches!(t, Token::RParen | Token::Str(_) | Token::Semi));
        self.skip();
        if self.rest().starts_with(';') {
            self.pos += 1;
        }
    }

    fn config(&mut self) {
        let start = self.pos;
        self.pos += "config".len();
        self.out.push((start, Token::Config, self.pos));
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
    let iterator = matches!(provider, "iter" | "it");
    let mut quoted = false;
    for (i, c) in rest.char_indices() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '{' | ',' | ';' | '}' => return i,
            // `iter:task:/sys/fs/bpf/NAME`: a pin, whose slashes follow the second colon.
            '/' if iterator && rest[..i].matches(':').count() == 2 => {}
            '/' if !paths => return i,
            c if c.is_whitespace() => return i,
            _ => {}
        }
    }
    rest.len()
}

/// Whether `struct` and its like begin a definition in C and not an attach point.
fn is_c(rest: &str) -> bool {
    rest.starts_with(|c: char| c.is_whitespace() || c == '{')
}

/// The characters of a C text that are neither in comments nor in quotes, with their places.
fn code_chars(text: &str) -> impl Iterator<Item = (usize, char)> {
    let bytes = text.as_bytes();
    let mut skip_to = 0;
    text.char_indices().filter(move |(i, c)| {
        let i = *i;
        if i < skip_to {
            return false;
        }
        let rest = &bytes[i..];
        let find = |needle: &[u8]| memchr::memmem::find(&rest[1..], needle).map_or(text.len(), |at| i + 1 + at + needle.len());
        match c {
            '/' if rest.starts_with(b"//") => skip_to = find(b"\n"),
            '/' if rest.starts_with(b"/*") => skip_to = find(b"*/"),
            '"' => skip_to = find(b"\""),
            _ => return true,
        }
        false
    })
}

/// Whether what stands behind the closing brace of a C definition belongs to it: attributes, declarators, a semicolon.
fn declarators_follow(rest: &str) -> bool {
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_*, []".contains(c))).unwrap_or(rest.len());
    rest[end..].starts_with(';') && !rest[..end].contains('\n')
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
