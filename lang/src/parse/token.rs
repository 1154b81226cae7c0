//! Tokens of an action block, by logos. Attach points and blocks of C are cut out by [`super::lexer`].

use logos::{Lexer, Logos};
use std::fmt;

/// A token. Text that carries a value is decoded here.
#[derive(Clone, Debug, PartialEq, Logos)]
#[logos(skip r"[ \t\r\n\f]+")]
#[logos(skip(r"//[^\n]*", allow_greedy = true))]
#[logos(skip r"/\*([^*]|\*+[^*/])*\*+/")]
#[logos(error = LexError)]
#[allow(missing_docs, reason = "the names are the tokens")]
pub enum Token {
    // Made by the lexer's modes, never by logos.
    Attach(String),
    C(String),
    PredOpen,
    PredClose,
    // Made by the disambiguation, see `super::shape`.
    CastOpen,
    TypeOpen,
    IfExpr,
    BlockOpen,

    #[token("let")]
    Let,
    #[token("if")]
    If,
    #[token("else")]
    Else,
    #[token("while")]
    While,
    #[token("unroll")]
    Unroll,
    #[token("for")]
    For,
    #[token("return")]
    Return,
    #[token("break")]
    Break,
    #[token("continue")]
    Continue,
    #[token("sizeof")]
    Sizeof,
    #[token("offsetof")]
    Offsetof,
    #[token("typeof")]
    Typeof,
    #[token("typeinfo")]
    Typeinfo,
    #[token("comptime")]
    Comptime,
    #[token("struct")]
    Struct,
    #[token("union")]
    Union,
    #[token("enum")]
    Enum,
    #[token("true")]
    True,
    #[token("false")]
    False,
    // Words at the top level only; elsewhere they are names.
    Config,
    Import,
    Macro,
    Fn,

    #[regex(r"[A-Za-z_][A-Za-z0-9_]*", |l| l.slice().to_string())]
    Ident(String),
    #[regex(r"\$[A-Za-z_][A-Za-z0-9_]*", |l| l.slice()[1..].to_string())]
    Var(String),
    #[regex(r"@[A-Za-z_][A-Za-z0-9_]*", |l| l.slice().to_string())]
    #[token("@", |l| l.slice().to_string())]
    Map(String),
    #[regex(r"\$[0-9]+", |l| l.slice()[1..].parse().map_err(|_| LexError::Param))]
    Param(u32),
    #[token("$#")]
    ParamCount,
    #[regex(r"[0-9][0-9A-Za-z_]*", number)]
    Int(u64),
    #[token("\"", string)]
    Str(Vec<u8>),

    #[token("{")]
    LBrace,
    #[token("}")]
    RBrace,
    #[token("(")]
    LParen,
    #[token(")")]
    RParen,
    #[token("[")]
    LBracket,
    #[token("]")]
    RBracket,
    #[token(";")]
    Semi,
    #[token(":")]
    Colon,
    #[token(",")]
    Comma,
    #[token("..")]
    DotDot,
    #[token(".")]
    Dot,
    #[token("->")]
    Arrow,
    #[token("?")]
    Question,
    #[token("=")]
    Assign,
    #[token("+=")]
    AddAssign,
    #[token("-=")]
    SubAssign,
    #[token("*=")]
    MulAssign,
    #[token("/=")]
    DivAssign,
    #[token("%=")]
    ModAssign,
    #[token("&=")]
    AndAssign,
    #[token("|=")]
    OrAssign,
    #[token("^=")]
    XorAssign,
    #[token("<<=")]
    ShlAssign,
    #[token(">>=")]
    ShrAssign,
    #[token("++")]
    PlusPlus,
    #[token("--")]
    MinusMinus,
    #[token("+")]
    Plus,
    #[token("-")]
    Minus,
    #[token("*")]
    Star,
    #[token("/")]
    Slash,
    #[token("%")]
    Percent,
    #[token("&&")]
    AndAnd,
    #[token("||")]
    OrOr,
    #[token("&")]
    Amp,
    #[token("|")]
    Pipe,
    #[token("^")]
    Caret,
    #[token("~")]
    Tilde,
    #[token("!")]
    Bang,
    #[token("<<")]
    Shl,
    #[token(">>")]
    Shr,
    #[token("==")]
    EqEq,
    #[token("!=")]
    NotEq,
    #[token("<=")]
    Le,
    #[token(">=")]
    Ge,
    #[token("<")]
    Lt,
    #[token(">")]
    Gt,
}

/// Why text is no token.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum LexError {
    /// A character that starts no token.
    #[default]
    Character,
    /// A string without its closing quote.
    OpenString,
    /// A comment without its end.
    OpenComment,
    /// An escape that does not exist; its text.
    Escape(String),
    /// A number that is none; why.
    Number(String),
    /// A positional parameter's number that is too large.
    Param,
}

impl fmt::Display for LexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LexError::Character => write!(f, "this character has no meaning here"),
            LexError::OpenString => write!(f, "this string has no closing quote"),
            LexError::OpenComment => write!(f, "this comment is not closed: `*/` is missing"),
            LexError::Escape(e) => write!(f, "`{e}` is no escape in a string"),
            LexError::Number(why) => write!(f, "{why}"),
            LexError::Param => write!(f, "a positional parameter with so high a number can't be"),
        }
    }
}

/// Integers: decimal, octal, hexadecimal, `1e6`, `_` between digits, C suffixes, durations.
fn number(lex: &mut Lexer<'_, Token>) -> Result<u64, LexError> {
    parse_number(lex.slice())
}

/// Reads an integer literal; the error says what is wrong with it.
pub fn parse_number(text: &str) -> Result<u64, LexError> {
    let bad = || LexError::Number(format!("`{text}` is no number"));
    let big = || LexError::Number(format!("`{text}` does not fit 64 bits"));
    let clean: String = text.chars().filter(|c| *c != '_').collect();
    if let Some(hex) = clean.strip_prefix("0x").or_else(|| clean.strip_prefix("0X")) {
        let end = hex.trim_end_matches(['u', 'U', 'l', 'L']);
        if end.is_empty() || !end.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(bad());
        }
        return u64::from_str_radix(end, 16).map_err(|_| big());
    }
    let digits = clean.len() - clean.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (mantissa, suffix) = clean.split_at(digits);
    if let Some(exp) = suffix.strip_prefix(['e', 'E']) {
        let exp: u32 = exp.parse().map_err(|_| bad())?;
        let m: u64 = mantissa.parse().map_err(|_| big())?;
        return 10u64.checked_pow(exp).and_then(|p| p.checked_mul(m)).ok_or_else(big);
    }
    let octal = mantissa.len() > 1 && mantissa.starts_with('0');
    let base = if octal { 8 } else { 10 };
    let n = u64::from_str_radix(mantissa, base).map_err(|_| if octal && mantissa.contains(['8', '9']) { bad() } else { big() })?;
    let scale: u64 = match suffix {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        s if matches!(s.to_ascii_lowercase().as_str(), "" | "u" | "l" | "ul" | "lu" | "ll" | "ull" | "llu") => 1,
        _ => return Err(bad()),
    };
    n.checked_mul(scale).ok_or_else(big)
}

/// The rest of a string literal after its opening quote.
fn string(lex: &mut Lexer<'_, Token>) -> Result<Vec<u8>, LexError> {
    let rest = lex.remainder().as_bytes();
    let mut out = Vec::new();
    let mut i = 0;
    let mut wrong: Option<LexError> = None;
    while i < rest.len() {
        match rest[i] {
            b'"' => {
                lex.bump(i + 1);
                return wrong.map_or(Ok(out), Err);
            }
            b'\\' => {
                let (bytes, used) = escape(&rest[i + 1..]);
                match bytes {
                    Some(b) => out.push(b),
                    None => {
                        let shown = String::from_utf8_lossy(&rest[i..(i + 1 + used.max(1)).min(rest.len())]).into_owned();
                        wrong.get_or_insert(LexError::Escape(shown));
                    }
                }
                i += 1 + used;
            }
            b => {
                out.push(b);
                i += 1;
            }
        }
    }
    // The rest of the line belongs to the mistake; going on after it finds the others.
    let mut stop = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
    while !lex.remainder().is_char_boundary(stop) {
        stop += 1;
    }
    lex.bump(stop);
    Err(LexError::OpenString)
}

/// The byte of an escape and how many bytes it takes after the backslash.
fn escape(rest: &[u8]) -> (Option<u8>, usize) {
    let simple = |b| (Some(b), 1);
    match rest.first() {
        Some(b'n') => simple(b'\n'),
        Some(b't') => simple(b'\t'),
        Some(b'r') => simple(b'\r'),
        Some(b'"') => simple(b'"'),
        Some(b'\\') => simple(b'\\'),
        Some(b'x') => {
            let n = rest[1..].iter().take(2).take_while(|b| b.is_ascii_hexdigit()).count();
            let text = std::str::from_utf8(&rest[1..1 + n]).unwrap_or("");
            (u8::from_str_radix(text, 16).ok(), 1 + n)
        }
        Some(b'0'..=b'7') => {
            let n = rest.iter().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
            let text = std::str::from_utf8(&rest[..n]).unwrap_or("");
            (u8::from_str_radix(text, 8).ok(), n)
        }
        Some(_) => (None, 1),
        None => (None, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lex(text: &str) -> Vec<Result<Token, LexError>> {
        Token::lexer(text).collect()
    }

    #[test]
    fn numbers_of_every_form() {
        for (text, want) in [
            ("10", 10),
            ("0x1F", 31),
            ("017", 15),
            ("1e6", 1_000_000),
            ("1_000", 1000),
            ("5UL", 5),
            ("3us", 3_000),
            ("1m", 60_000_000_000),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_number(text), Ok(want), "{text}");
        }
        for text in ["18446744073709551616", "09", "1x", "0x", "1e40"] {
            assert!(parse_number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn strings_and_escapes() {
        assert_eq!(lex(r#""a\n\x41\101\"→""#), [Ok(Token::Str("a\nAA\"→".into()))]);
        assert_eq!(lex(r#""a\qb""#), [Err(LexError::Escape("\\q".into()))]);
        assert_eq!(lex("\"abc"), [Err(LexError::OpenString)]);
    }

    #[test]
    fn words_maps_and_parameters() {
        assert_eq!(
            lex("@ @a $x $1 $# int32 uint8_t integer /* c */ x"),
            [
                Ok(Token::Map("@".into())),
                Ok(Token::Map("@a".into())),
                Ok(Token::Var("x".into())),
                Ok(Token::Param(1)),
                Ok(Token::ParamCount),
                Ok(Token::Ident("int32".into())),
                Ok(Token::Ident("uint8_t".into())),
                Ok(Token::Ident("integer".into())),
                Ok(Token::Ident("x".into())),
            ]
        );
    }
}
