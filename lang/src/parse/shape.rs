//! Decides on the tokens what a grammar with one token of look-ahead can't: casts, types where an expression could stand,
//! and which braces and `if`s begin an expression.
//!
//! The rules for casts are the language's: `(name)x` is a cast unless `name` is a builtin that can't be a macro
//! (`pid`, `arg0`, ...); `sizeof(name[4])` is a type.

use super::lexer::Spanned;
use super::token::Token;

/// Names that begin an expression even where a type could stand.
const NEVER_TYPES: &[&str] = &["args", "ctx", "kstack", "nsecs", "pid", "tid", "ustack", "retval", "comm", "cpu", "uid", "gid", "curtask"];

/// Marks the tokens.
pub fn mark(text: &str, tokens: &mut [Spanned]) {
    for i in 0..tokens.len() {
        let before = i.checked_sub(1).map(|b| tokens[b].1.clone());
        if matches!(before, Some(Token::Dot | Token::Arrow)) {
            name_of_member(text, &mut tokens[i]);
            continue;
        }
        match (&tokens[i].1, before) {
            (Token::LParen, Some(Token::Sizeof | Token::Typeof | Token::Offsetof | Token::Typeinfo)) => {
                if let Some(end) = type_end(tokens, i + 1)
                    && matches!(tokens.get(end).map(|t| &t.1), Some(Token::RParen | Token::Comma))
                {
                    tokens[i].1 = Token::TypeOpen;
                }
            }
            (Token::LParen, before) => {
                // The name of a call or of a loop stands before its parenthesis.
                let call = matches!(before, Some(Token::Ident(_) | Token::If | Token::IfExpr | Token::While | Token::For | Token::Unroll));
                if !call && is_cast(tokens, i) {
                    tokens[i].1 = Token::CastOpen;
                }
            }
            (Token::If, before) if before.as_ref().is_some_and(wants_operand) => tokens[i].1 = Token::IfExpr,
            // `config = {` is no value.
            (Token::LBrace, Some(Token::Assign)) if i >= 2 && tokens[i - 2].1 == Token::Config => {}
            (Token::LBrace, before) if before.as_ref().is_some_and(wants_operand) => tokens[i].1 = Token::BlockOpen,
            _ => {}
        }
    }
}

/// Words of the language may be names of members.
fn name_of_member(text: &str, token: &mut Spanned) {
    let word = &text[token.0..token.2];
    if word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        token.1 = Token::Ident(word.to_string());
    }
}

/// `( type )` with something behind it that begins an expression.
fn is_cast(tokens: &[Spanned], open: usize) -> bool {
    if matches!(&tokens.get(open + 1).map(|t| &t.1), Some(Token::Ident(n)) if is_never_type(n)) {
        return false;
    }
    let Some(end) = type_end(tokens, open + 1) else { return false };
    if tokens.get(end).map(|t| &t.1) != Some(&Token::RParen) {
        return false;
    }
    use Token::*;
    let begins = matches!(
        tokens.get(end + 1).map(|t| &t.1),
        Some(
            Ident(_)
                | Var(_)
                | Map(_)
                | Param(_)
                | ParamCount
                | Int(_)
                | Str(_)
                | True
                | False
                | LParen
                | LBrace
                | Minus
                | MinusMinus
                | Bang
                | Tilde
                | Star
                | Amp
                | Sizeof
                | Offsetof
                | Typeof
                | Typeinfo
                | Comptime
                | If
        )
    );
    // `if (x) { }` and its kin never come here; `(x) {` is no cast.
    begins && tokens.get(end + 1).map(|t| &t.1) != Some(&Token::LBrace)
}

/// Whether a name begins an expression even where a type could stand.
pub(crate) fn is_never_type(name: &str) -> bool {
    NEVER_TYPES.contains(&name) || crate::builtins::arg_number(name).is_some() || name.starts_with("sarg")
}

/// The token behind a type that begins at `at`, if one does.
fn type_end(tokens: &[Spanned], at: usize) -> Option<usize> {
    let token = |i: usize| tokens.get(i).map(|t| &t.1);
    let mut end = match token(at)? {
        Token::Struct | Token::Union | Token::Enum => match token(at + 1)? {
            Token::Ident(_) => at + 2,
            _ => return None,
        },
        Token::Typeof => balanced(tokens, at + 1)?,
        Token::Ident(n) if !is_never_type(n) => at + 1,
        _ => return None,
    };
    loop {
        match (token(end), token(end + 1), token(end + 2)) {
            (Some(Token::Star), ..) => end += 1,
            (Some(Token::LBracket), Some(Token::RBracket), _) => end += 2,
            (Some(Token::LBracket), Some(Token::Int(_)), Some(Token::RBracket)) => end += 3,
            _ => return Some(end),
        }
    }
}

/// The token behind the parenthesis that closes the one at `open`.
fn balanced(tokens: &[Spanned], open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (i, t) in tokens.iter().enumerate().skip(open) {
        match t.1 {
            Token::LParen | Token::TypeOpen | Token::CastOpen => depth += 1,
            Token::RParen => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(i + 1);
                }
            }
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Whether an operand must follow: then a brace begins a block with a value, and `if` one of two values.
fn wants_operand(token: &Token) -> bool {
    use Token::*;
    matches!(
        token,
        LParen
            | CastOpen
            | LBracket
            | Comma
            | Question
            | Return
            | Comptime
            | Assign
            | AddAssign
            | SubAssign
            | MulAssign
            | DivAssign
            | ModAssign
            | AndAssign
            | OrAssign
            | XorAssign
            | ShlAssign
            | ShrAssign
            | Plus
            | Minus
            | Star
            | Slash
            | Percent
            | AndAnd
            | OrOr
            | Amp
            | Pipe
            | Caret
            | Tilde
            | Bang
            | Shl
            | Shr
            | EqEq
            | NotEq
            | Le
            | Ge
            | Lt
            | Gt
            | PredOpen
            | Colon
    )
}
