//! The text of a script beside its tree: tokens, comments that are still to be printed, empty lines.

use super::doc::Doc;
use crate::parse::{Spanned, Token};

/// A comment of the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comment {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// It may stand within a line of code: `/* */` on one line.
    pub inline: bool,
}

/// All comments, in order. Between tokens there is nothing else but white space, stray semicolons and the first line's `#!`.
pub fn comments(text: &str, tokens: &[Spanned]) -> Vec<Comment> {
    let mut out = Vec::new();
    let mut pos = if text.starts_with("#!") { text.find('\n').unwrap_or(text.len()) } else { 0 };
    let ends = tokens.iter().map(|t| (t.0, t.2)).chain([(text.len(), text.len())]);
    for (start, end) in ends {
        while pos < start {
            let rest = &text[pos..start];
            if rest.starts_with("//") {
                let len = rest.find('\n').unwrap_or(rest.len());
                out.push(Comment { start: pos, end: pos + rest[..len].trim_end().len(), inline: false });
                pos += len;
            } else if let Some(inside) = rest.strip_prefix("/*") {
                let len = inside.find("*/").map_or(rest.len(), |at| at + 4);
                out.push(Comment { start: pos, end: pos + len, inline: !rest[..len].contains('\n') });
                pos += len;
            } else {
                pos += rest.chars().next().map_or(1, char::len_utf8);
            }
        }
        pos = pos.max(end);
    }
    out
}

/// The text with what is known of it, and the comments that have not been printed.
pub struct Source<'a> {
    /// The whole script.
    pub text: &'a str,
    tokens: &'a [Spanned],
    comments: Vec<Comment>,
    next: usize,
}

impl<'a> Source<'a> {
    /// Nothing is printed yet.
    pub fn new(text: &'a str, tokens: &'a [Spanned]) -> Self {
        Source { text, tokens, comments: comments(text, tokens), next: 0 }
    }

    /// The last token that begins before `at`.
    pub fn token_before(&self, at: usize) -> Option<&'a Spanned> {
        let i = self.tokens.partition_point(|t| t.0 < at);
        i.checked_sub(1).map(|i| &self.tokens[i])
    }

    /// The first token that begins at `at` or behind it.
    pub fn token_from(&self, at: usize) -> Option<&'a Spanned> {
        self.tokens.get(self.tokens.partition_point(|t| t.0 < at))
    }

    /// The tokens within a range of bytes.
    pub fn tokens_in(&self, start: usize, end: usize) -> &'a [Spanned] {
        let from = self.tokens.partition_point(|t| t.0 < start);
        let to = self.tokens.partition_point(|t| t.0 < end);
        &self.tokens[from..to.max(from)]
    }

    /// The text of a token.
    pub fn token_text(&self, t: &Spanned) -> &'a str {
        &self.text[t.0..t.2]
    }

    /// Whether an empty line stands right before `at`.
    pub fn blank_before(&self, at: usize) -> bool {
        let before = &self.text[..at];
        before[before.trim_end().len()..].bytes().filter(|b| *b == b'\n').count() > 1
    }

    /// Whether a comment lies between two places.
    pub fn has_comment(&self, start: usize, end: usize) -> bool {
        self.comments.iter().any(|c| c.start >= start && c.start < end)
    }

    /// Where the last comment before `at` begins, or `at` if there is none.
    pub fn comment_before(&self, at: usize) -> usize {
        let i = self.comments.partition_point(|c| c.start < at);
        i.checked_sub(1).map_or(at, |i| self.comments[i].start)
    }

    /// The next comment that begins before `end`, which then counts as printed.
    pub fn take(&mut self, end: usize) -> Option<Comment> {
        let c = *self.comments.get(self.next)?;
        if c.start >= end {
            return None;
        }
        self.next += 1;
        Some(c)
    }

    /// Comments behind `end` on its line, if no more code follows there but a closing brace; they count as printed.
    pub fn take_behind(&mut self, end: usize) -> Vec<Comment> {
        let mut out = Vec::new();
        while let Some(&c) = self.comments.get(self.next) {
            let between = self.tokens_in(end, c.start).iter().all(|t| matches!(t.1, Token::Semi | Token::Comma));
            if c.start < end || !between || self.text[end..c.start].contains('\n') || self.code_follows(c) {
                break;
            }
            self.next += 1;
            out.push(c);
            if !c.inline {
                break;
            }
        }
        out
    }

    /// Whether code stands behind a comment on its line.
    pub fn code_follows(&self, c: Comment) -> bool {
        match self.token_from(c.end) {
            Some(t) => t.1 != Token::RBrace && !self.text[c.end..t.0].contains('\n'),
            None => false,
        }
    }

    /// A comment as it is printed. The lines of a block of stars are put under each other.
    pub fn comment(&self, c: Comment) -> Doc {
        let text = &self.text[c.start..c.end];
        let mut lines = text.lines().map(str::trim_end);
        let first = lines.next().unwrap_or("").to_string();
        let rest: Vec<&str> = lines.collect();
        if rest.is_empty() {
            return Doc::Trailing(first);
        }
        if rest.iter().all(|l| l.trim_start().starts_with('*')) {
            let mut out = vec![Doc::text(first)];
            for l in rest {
                out.extend([Doc::Hard, Doc::text(format!(" {}", l.trim_start()))]);
            }
            return Doc::Align(Box::new(Doc::Concat(out)));
        }
        Doc::Text(std::iter::once(first.as_str()).chain(rest).collect::<Vec<_>>().join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_found_between_tokens_only() {
        let text = "#!/bin/x // no\n// a\nBEGIN /* b */ { print(\"// no\"); } // c";
        let mut map = crate::source::SourceMap::default();
        let file = map.add("t", text);
        let tokens = crate::parse::tokens(&map, file);
        let found: Vec<&str> = comments(text, &tokens).iter().map(|c| &text[c.start..c.end]).collect();
        assert_eq!(found, ["// a", "/* b */", "// c"]);
    }
}
