//! Text to tokens: comments, directives, macros.

use super::Files;
use super::constant::evaluate;
use crate::diag::Diagnostic;
use crate::expand::Define;
use crate::source::{SourceMap, Span};
use std::collections::BTreeMap;

/// A token of C.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(String),
    Number(i64),
    /// A string or a character that no declaration has a use for.
    Text,
    Sign(char),
    /// `<<` and its like.
    Pair([u8; 2]),
}

/// A token with its place.
pub(super) type Placed = (Token, Span);

/// Files within files.
const MAX_INCLUDES: usize = 40;
/// Macros within macros.
const MAX_DEPTH: usize = 32;
/// Tokens of a preamble in all.
const MAX_TOKENS: usize = 1 << 20;

/// Macros that are always defined.
const PREDEFINED: &[(&str, &str)] =
    &[("BPFTRACE_HAVE_BTF", "1"), ("__x86_64__", "1"), ("__BPF_TRACING__", "1"), ("__KERNEL__", "1"), ("__LP64__", "1"), ("NULL", "0")];

/// State of an `#if`.
struct Condition {
    /// Its lines count.
    active: bool,
    /// A branch was taken already.
    taken: bool,
    /// The lines around it count.
    outer: bool,
    span: Span,
}

pub(super) struct Preprocessor<'f> {
    files: &'f dyn Files,
    macros: BTreeMap<String, Define>,
    conditions: Vec<Condition>,
    out: Vec<Placed>,
    diags: Vec<Diagnostic>,
    includes: usize,
    file: String,
}

/// Directories of the headers of the kernel (its include/, include/uapi/ and arch/*/include/), of its sources that scripts
/// reach into, of libc and of bpftrace's own surroundings.
const HEADER_DIRECTORIES: &str = "\
    acpi arpa asm asm-generic bcc bits block bpf clocksource crypto cxl drivers drm dt-bindings fs gnu hyperv include \
    io_uring kernel keys kunit kvm linux math-emu media memory misc mm mtd net netax25 netinet netipx netpacket nfs pcmcia \
    protocols ras rdma regulator rpc rv scsi security soc sound sys target trace uapi ufs vdso video virt xen";

/// Whether a header between angle brackets can be one that a machine has; where it has no directory nobody can tell.
fn may_be_of_the_system(name: &str) -> bool {
    let Some((directory, _)) = name.trim_start_matches("../").split_once('/') else { return true };
    directory.is_empty() || HEADER_DIRECTORIES.split(' ').any(|d| d == directory)
}

impl<'f> Preprocessor<'f> {
    pub fn new(files: &'f dyn Files) -> Self {
        let macros = PREDEFINED.iter().map(|(n, b)| {
            let d = Define { name: (*n).into(), params: None, body: (*b).into(), span: Span::default() };
            ((*n).to_string(), d)
        });
        let macros = macros.collect();
        Preprocessor { files, macros, conditions: Vec::new(), out: Vec::new(), diags: Vec::new(), includes: 0, file: String::new() }
    }

    pub fn finish(mut self) -> (Vec<Placed>, BTreeMap<String, Define>, Vec<Diagnostic>) {
        for c in std::mem::take(&mut self.conditions) {
            self.diags.push(Diagnostic::error(c.span, "this `#if` has no `#endif`"));
        }
        // What is always there is no definition of the script.
        self.macros.retain(|n, _| !PREDEFINED.iter().any(|(p, _)| p == n));
        (self.out, self.macros, self.diags)
    }

    fn active(&self) -> bool {
        self.conditions.last().is_none_or(|c| c.active)
    }

    /// A text whose first byte is at the start of `span`.
    pub fn text(&mut self, text: &str, span: Span, map: &mut SourceMap) {
        let clean = without_comments(text);
        let mut at = 0;
        let mut pending: Vec<Placed> = Vec::new();
        while at < clean.len() {
            let end = clean[at..].find('\n').map_or(clean.len(), |n| at + n + 1);
            let line = &clean[at..end];
            if line.trim_start().starts_with('#') {
                let mut last = end;
                let mut whole = line.to_string();
                while whole.trim_end_matches(['\n', '\r']).ends_with('\\') && last < clean.len() {
                    let next = clean[last..].find('\n').map_or(clean.len(), |n| last + n + 1);
                    whole.push_str(&clean[last..next]);
                    last = next;
                }
                self.emit(std::mem::take(&mut pending));
                let begin = at + line.len() - line.trim_start().len();
                let place = sub_span(span, begin, at + whole.trim_end().len());
                self.directive(&whole.replace("\\\n", " ").replace("\\\r\n", " "), place, map);
                at = last;
                continue;
            }
            if self.active() {
                self.lex(line, at, span, &mut pending);
            }
            at = end;
        }
        self.emit(pending);
    }

    /// Adds tokens, macros put in.
    fn emit(&mut self, tokens: Vec<Placed>) {
        if self.out.len() + tokens.len() > MAX_TOKENS {
            return;
        }
        let expanded = self.expanded(&tokens, 0, &mut Vec::new());
        self.out.extend(expanded);
    }

    fn lex(&mut self, line: &str, at: usize, span: Span, out: &mut Vec<Placed>) {
        let mut rest = line;
        while let Some(c) = rest.chars().next() {
            let start = at + line.len() - rest.len();
            if c.is_whitespace() {
                rest = &rest[c.len_utf8()..];
                continue;
            }
            let (token, len) = match token(rest) {
                Some(t) => t,
                None => {
                    let place = sub_span(span, start, start + c.len_utf8());
                    self.diags.push(Diagnostic::error(place, "this has no meaning in a C definition"));
                    rest = &rest[c.len_utf8()..];
                    continue;
                }
            };
            out.push((token, sub_span(span, start, start + len)));
            rest = &rest[len..];
        }
    }

    fn directive(&mut self, line: &str, span: Span, map: &mut SourceMap) {
        let body = line.trim_start().trim_start_matches('#').trim();
        let end = body.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(body.len());
        let (word, rest) = (&body[..end], body[end..].trim());
        match word {
            "if" | "ifdef" | "ifndef" => {
                let outer = self.active();
                let holds = outer
                    && match word {
                        "ifdef" => self.macros.contains_key(rest),
                        "ifndef" => !self.macros.contains_key(rest),
                        _ => self.condition(rest, span),
                    };
                self.conditions.push(Condition { active: holds, taken: holds, outer, span });
            }
            "elif" | "else" => {
                let holds = word == "else" || self.conditions.last().is_some_and(|c| c.outer && !c.taken) && self.condition(rest, span);
                match self.conditions.last_mut() {
                    Some(c) => {
                        c.active = c.outer && !c.taken && holds;
                        c.taken |= c.active;
                    }
                    None => self.diags.push(Diagnostic::error(span, format!("`#{word}` without an `#if`"))),
                }
            }
            "endif" => {
                if self.conditions.pop().is_none() {
                    self.diags.push(Diagnostic::error(span, "`#endif` without an `#if`"));
                }
            }
            _ if !self.active() => {}
            "define" => self.define(rest, span),
            "undef" => {
                self.macros.remove(rest);
            }
            "include" => self.include(rest, span, map),
            "error" => self.diags.push(Diagnostic::error(span, format!("#error {rest}"))),
            "pragma" | "line" | "warning" | "" => {}
            other => self.diags.push(Diagnostic::error(span, format!("there is no preprocessor directive `#{other}`"))),
        }
    }

    fn define(&mut self, rest: &str, span: Span) {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let name = &rest[..end];
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            self.diags.push(Diagnostic::error(span, "a name is missing behind `#define`"));
            return;
        }
        let behind = &rest[end..];
        let (params, body) = match behind.strip_prefix('(').and_then(|r| r.split_once(')')) {
            Some((list, body)) => {
                let params = list.split(',').map(|p| p.trim().to_string()).filter(|p| !p.is_empty()).collect();
                (Some(params), body)
            }
            None => (None, behind),
        };
        self.macros.insert(name.into(), Define { name: name.into(), params, body: body.trim().into(), span });
    }

    fn include(&mut self, rest: &str, span: Span, map: &mut SourceMap) {
        let (name, system) = match rest.chars().next() {
            Some('<') => (rest[1..].split('>').next().unwrap_or(""), true),
            Some('"') => (rest[1..].split('"').next().unwrap_or(""), false),
            _ => {
                self.diags.push(Diagnostic::error(span, "a file name is missing behind `#include`").help("write `#include \"file.h\"`"));
                return;
            }
        };
        let Some((shown, text)) = self.files.read(name, system, &self.file) else {
            // The kernel's headers need not be there: types come from BTF, constants from a table.
            if !system || !may_be_of_the_system(name) {
                self.diags.push(
                    Diagnostic::error(span, format!("the file `{name}` can't be found")).help("`-I DIRECTORY` says where to look for it"),
                );
            }
            return;
        };
        self.includes += 1;
        if self.includes > MAX_INCLUDES {
            self.diags.push(Diagnostic::error(span, "too many files are included"));
            return;
        }
        let file = map.add(shown.clone(), text.clone());
        let outer = std::mem::replace(&mut self.file, shown);
        self.text(&text, Span::new(file, 0, text.len()), map);
        self.file = outer;
    }

    /// The value of an `#if`'s expression; unknown names are 0.
    fn condition(&mut self, text: &str, span: Span) -> bool {
        let mut tokens = Vec::new();
        self.lex(text, 0, span, &mut tokens);
        let mut plain: Vec<Placed> = Vec::new();
        let mut i = 0;
        while i < tokens.len() {
            if tokens[i].0 == Token::Word("defined".into()) {
                let open = tokens.get(i + 1).is_some_and(|t| t.0 == Token::Sign('('));
                let at = if open { i + 2 } else { i + 1 };
                if let Some((Token::Word(name), _)) = tokens.get(at) {
                    plain.push((Token::Number(i64::from(self.macros.contains_key(name))), span));
                }
                i = at + if open { 2 } else { 1 };
                continue;
            }
            plain.push(tokens[i].clone());
            i += 1;
        }
        let expanded = self.expanded(&plain, 0, &mut Vec::new());
        let mut lookup = |_: &str| Some(0);
        match evaluate(&expanded.iter().map(|t| t.0.clone()).collect::<Vec<_>>(), &mut lookup) {
            Some(n) => n != 0,
            None => {
                self.diags.push(Diagnostic::error(span, "this condition is not understood"));
                false
            }
        }
    }

    /// Tokens with macros put in; all of them at the place of the outermost use.
    fn expanded(&mut self, tokens: &[Placed], depth: usize, open: &mut Vec<String>) -> Vec<Placed> {
        let mut out = Vec::new();
        let mut i = 0;
        while i < tokens.len() {
            let (token, span) = &tokens[i];
            i += 1;
            let found = match token {
                Token::Word(name) if depth < MAX_DEPTH && !open.contains(name) => self.macros.get(name).cloned(),
                _ => None,
            };
            let Some(define) = found else {
                out.push((token.clone(), *span));
                continue;
            };
            let mut body: Vec<Placed> = Vec::new();
            self.lex(&define.body.clone(), 0, *span, &mut body);
            body.iter_mut().for_each(|t| t.1 = *span);
            if let Some(params) = &define.params {
                let Some((args, next)) = arguments(tokens, i) else {
                    out.push((token.clone(), *span));
                    continue;
                };
                i = next;
                body = body
                    .into_iter()
                    .flat_map(|t| match &t.0 {
                        Token::Word(w) => match params.iter().position(|p| p == w) {
                            Some(n) => args.get(n).cloned().unwrap_or_default(),
                            None => vec![t],
                        },
                        _ => vec![t],
                    })
                    .collect();
            }
            if out.len() + body.len() > MAX_TOKENS {
                return out;
            }
            open.push(define.name.clone());
            out.extend(self.expanded(&body, depth + 1, open));
            open.pop();
        }
        out
    }
}

/// The arguments of a macro's call whose parenthesis is at `at`, and the token behind it.
fn arguments(tokens: &[Placed], at: usize) -> Option<(Vec<Vec<Placed>>, usize)> {
    if tokens.get(at)?.0 != Token::Sign('(') {
        return None;
    }
    let mut args = vec![Vec::new()];
    let mut depth = 0usize;
    for (i, t) in tokens.iter().enumerate().skip(at + 1) {
        match t.0 {
            Token::Sign(')') if depth == 0 => return Some((args, i + 1)),
            Token::Sign(',') if depth == 0 => {
                args.push(Vec::new());
                continue;
            }
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth -= 1,
            _ => {}
        }
        args.last_mut()?.push(t.clone());
    }
    None
}

fn sub_span(span: Span, start: usize, end: usize) -> Span {
    let base = span.start as usize;
    let most = span.end as usize;
    Span::new(span.file, (base + start).min(most), (base + end).min(most))
}

/// The first token of a text and its length.
fn token(text: &str) -> Option<(Token, usize)> {
    let bytes = text.as_bytes();
    let first = text.chars().next()?;
    if first.is_ascii_alphabetic() || first == '_' || first == '$' {
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '$')).unwrap_or(text.len());
        return Some((Token::Word(text[..end].into()), end));
    }
    if first.is_ascii_digit() {
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_')).unwrap_or(text.len());
        let number = crate::parse::parse_number(&text[..end]).ok();
        return Some((number.map_or(Token::Text, |n| Token::Number(n as i64)), end));
    }
    if first == '"' || first == '\'' {
        let mut escaped = false;
        for (i, c) in text.char_indices().skip(1) {
            match c {
                '\\' if !escaped => escaped = true,
                c if c == first && !escaped => {
                    let character = (first == '\'' && i == 2).then(|| i64::from(bytes[1]));
                    return Some((character.map_or(Token::Text, Token::Number), i + 1));
                }
                '\n' => break,
                _ => escaped = false,
            }
        }
        return None;
    }
    if let [a, b, ..] = bytes
        && matches!(&[*a, *b], b"<<" | b">>" | b"&&" | b"||" | b"==" | b"!=" | b"<=" | b">=" | b"##")
    {
        return Some((Token::Pair([*a, *b]), 2));
    }
    "{}()[];:,*=+-/%&|^~!<>?.#".contains(first).then_some((Token::Sign(first), 1))
}

/// The text with blanks in the place of comments, so that places stay.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut quote: Option<char> = None;
    while let Some(c) = rest.chars().next() {
        if quote.is_none() && rest.starts_with("//") {
            let end = rest.find('\n').unwrap_or(rest.len());
            out.extend(std::iter::repeat_n(' ', end));
            rest = &rest[end..];
            continue;
        }
        if quote.is_none() && rest.starts_with("/*") {
            let end = rest[2..].find("*/").map_or(rest.len(), |n| n + 4);
            out.extend(rest[..end].bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
            rest = &rest[end..];
            continue;
        }
        match quote {
            Some(q) if c == q || c == '\n' => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            _ => {}
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}
