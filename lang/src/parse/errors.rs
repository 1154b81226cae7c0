//! Turns the parser generator's mistakes into messages about the script.

use super::build::Mistake;
use super::lexer::Spanned;
use super::token::Token;
use crate::diag::Diagnostic;
use crate::source::{FileId, Span};
use lalrpop_util::ParseError;

/// A diagnostic for each mistake, the first on each place.
pub fn shape(file: FileId, tokens: &[Spanned], end: usize, mistakes: Vec<Mistake>) -> Vec<Diagnostic> {
    let mut out: Vec<Diagnostic> = Vec::new();
    for mistake in mistakes {
        let d = one(file, tokens, end, mistake);
        if !out.iter().any(|o| o.span == d.span) {
            out.push(d);
        }
    }
    out
}

/// The message for brackets nested too deep.
pub fn too_deep(file: FileId, tokens: &[Spanned]) -> Option<Diagnostic> {
    let mut depth = 0usize;
    let mut prefixes = 0usize;
    let mut operators = 0usize;
    for (start, token, end) in tokens {
        match token {
            Token::LBrace | Token::BlockOpen | Token::LParen | Token::CastOpen | Token::TypeOpen | Token::LBracket => depth += 1,
            Token::RBrace | Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
            _ => {}
        }
        let prefix = matches!(
            token,
            Token::Minus
                | Token::Bang
                | Token::Tilde
                | Token::Star
                | Token::Amp
                | Token::PlusPlus
                | Token::MinusMinus
                | Token::Question
                | Token::Else
        );
        prefixes = match token {
            Token::Semi => 0,
            _ if prefix => prefixes + 1,
            _ => prefixes,
        };
        operators = match token {
            Token::Semi | Token::LBrace | Token::RBrace => 0,
            _ => operators + usize::from(is_infix(token)),
        };
        if operators > super::MAX_OPERATORS {
            let d =
                Diagnostic::error(Span::new(file, *start, *end), format!("more than {} operators in one statement", super::MAX_OPERATORS));
            return Some(d.help("compute parts of it in statements of their own: `$x = ...;`"));
        }
        if depth > super::MAX_NESTING || prefixes > 4 * super::MAX_NESTING {
            let d = Diagnostic::error(Span::new(file, *start, *end), format!("nested more than {} levels deep", super::MAX_NESTING))
                .help("put parts of the expression in variables: `$x = ...;`");
            return Some(d);
        }
    }
    None
}

/// Operators between two operands, and those behind one: each makes the tree one level deeper.
fn is_infix(token: &Token) -> bool {
    use Token::*;
    matches!(
        token,
        Plus | Minus
            | Star
            | Slash
            | Percent
            | AndAnd
            | OrOr
            | Amp
            | Pipe
            | Caret
            | Shl
            | Shr
            | EqEq
            | NotEq
            | Le
            | Ge
            | Lt
            | Gt
            | Dot
            | Arrow
            | LBracket
            | PlusPlus
            | MinusMinus
    )
}

fn one(file: FileId, tokens: &[Spanned], end: usize, mistake: Mistake) -> Diagnostic {
    match mistake {
        ParseError::UnrecognizedToken { token: (start, token, stop), expected } => unexpected(file, tokens, start, stop, &token, &expected),
        ParseError::UnrecognizedEof { location, expected } => at_end(file, tokens, location.min(end), &expected),
        ParseError::ExtraToken { token: (start, token, stop) } => unexpected(file, tokens, start, stop, &token, &[]),
        ParseError::InvalidToken { location } => Diagnostic::error(Span::new(file, location, location + 1), "this is not understood"),
        ParseError::User { error } => Diagnostic::error(Span::new(file, 0, 0), error),
    }
}

fn unexpected(file: FileId, tokens: &[Spanned], start: usize, stop: usize, token: &Token, expected: &[String]) -> Diagnostic {
    let here = Span::new(file, start, stop);
    let before = tokens.iter().rev().find(|t| t.2 <= start);
    let expects = |what: &str| expected.iter().any(|e| e.trim_matches('"') == what);
    let shown = show(token);
    if let (true, Some((_, _, b))) = (expects(";"), before) {
        let begins = matches!(
            token,
            Token::Ident(_)
                | Token::Var(_)
                | Token::Map(_)
                | Token::If
                | Token::Let
                | Token::While
                | Token::Unroll
                | Token::For
                | Token::Return
                | Token::LBrace
        );
        if begins {
            return Diagnostic::error(Span::new(file, *b, *b), "a semicolon is missing here")
                .label("`;` expected")
                .other(here, "before this");
        }
    }
    match token {
        Token::Attach(_) => Diagnostic::error(here, format!("{shown} stands alone"))
            .help("several attach points are separated by commas, and an action follows: `PROBE, PROBE { ... }`"),
        Token::RBrace if expects(")") => Diagnostic::error(here, "a closing parenthesis is missing before this"),
        Token::LBrace if before.is_none() => {
            Diagnostic::error(here, "this block has no probe").help("write `BEGIN { ... }` or another probe before it")
        }
        Token::Assign => Diagnostic::error(here, "`=` can't stand here").help("`=` assigns to a variable or a map; to compare write `==`"),
        _ if expects(")") && !expects("int") => {
            Diagnostic::error(here, format!("{shown} can't stand here")).label("`)` or an operator expected")
        }
        _ if expects("int") => Diagnostic::error(here, format!("{shown} can't stand here")).label("a value expected"),
        _ => Diagnostic::error(here, format!("{shown} can't stand here")).label(wanted(expected)),
    }
}

fn at_end(file: FileId, tokens: &[Spanned], end: usize, expected: &[String]) -> Diagnostic {
    let mut open: Vec<&Spanned> = Vec::new();
    for t in tokens {
        match t.1 {
            Token::LBrace | Token::BlockOpen | Token::LParen | Token::CastOpen | Token::TypeOpen | Token::LBracket => open.push(t),
            Token::RBrace | Token::RParen | Token::RBracket => {
                open.pop();
            }
            _ => {}
        }
    }
    if let Some((start, token, stop)) = open.last() {
        return Diagnostic::error(Span::new(file, *start, *stop), format!("this {} is never closed", show(token)));
    }
    if let Some((start, Token::Attach(name), stop)) = tokens.last() {
        return Diagnostic::error(Span::new(file, *start, *stop), format!("`{name}` has no action"))
            .help(format!("write what to do: `{name} {{ ... }}`"));
    }
    Diagnostic::error(Span::new(file, end.saturating_sub(1), end), "the script ends here too early").label(wanted(expected))
}

/// A short list of what could stand there instead, or nothing if the list is long.
fn wanted(expected: &[String]) -> String {
    let names: Vec<&str> = expected.iter().map(|e| e.trim_matches('"')).filter(|e| *e != "attach").collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => format!("`{one}` expected"),
        list if list.len() <= 4 => format!("one of `{}` expected", list.join("` `")),
        _ => String::new(),
    }
}

fn show(token: &Token) -> String {
    let text = match token {
        Token::Attach(s) | Token::Ident(s) | Token::Map(s) => s.clone(),
        Token::Var(s) => format!("${s}"),
        Token::Int(n) => n.to_string(),
        Token::Str(_) => return "this string".into(),
        Token::PredOpen | Token::PredClose | Token::Slash => "/".into(),
        Token::LBrace => "{".into(),
        Token::RBrace => "}".into(),
        Token::LParen => "(".into(),
        Token::RParen => ")".into(),
        Token::LBracket => "[".into(),
        Token::RBracket => "]".into(),
        Token::Semi => ";".into(),
        Token::Comma => ",".into(),
        Token::Else => "else".into(),
        Token::If => "if".into(),
        Token::Assign => "=".into(),
        _ => return "this".into(),
    };
    format!("`{text}`")
}
