//! What the words of a script are, for those who colour it while it is typed.

use super::Token;
use super::lexer;
use crate::source::FileId;
use crate::{builtins, probes};
use std::ops::Range;

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shade {
    /// An attach point.
    Attach,
    /// A word of the grammar.
    Keyword,
    /// A builtin or a function of the language.
    Builtin,
    /// A map.
    Map,
    /// A variable or a parameter.
    Var,
    /// A number.
    Number,
    /// A string.
    Text,
}

/// Whether a text begins with the name of a probe provider or with an item of the top level; anything else is taken as a statement where
/// both may be written.
pub fn begins_item(text: &str) -> bool {
    let word = text.trim_start().split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or("");
    let items = ["config", "import", "macro", "fn", "struct", "union", "enum", "typedef"];
    items.contains(&word) || text.trim_start().starts_with('#') || probes::find(word).is_some()
}

/// The words of a text that have a shade, in order. What is no token has none.
pub fn shades(text: &str) -> Vec<(Range<usize>, Shade)> {
    let tokens = if begins_item(text) { lexer::tokens(FileId(0), text).0 } else { lexer::statement(FileId(0), text) };
    tokens.into_iter().filter_map(|(start, token, end)| Some((start..end, shade(&token)?))).collect()
}

fn shade(token: &Token) -> Option<Shade> {
    Some(match token {
        Token::Attach(_) => Shade::Attach,
        Token::Map(_) => Shade::Map,
        Token::Var(_) | Token::Param(_) | Token::ParamCount => Shade::Var,
        Token::Int(_) => Shade::Number,
        Token::Str(_) => Shade::Text,
        Token::Ident(name) if builtins::find(name).is_some() => Shade::Builtin,
        Token::Let | Token::If | Token::Else | Token::While | Token::Unroll | Token::For | Token::Return => Shade::Keyword,
        Token::Break | Token::Continue | Token::Sizeof | Token::Offsetof | Token::Typeof | Token::Typeinfo => Shade::Keyword,
        Token::Comptime | Token::Struct | Token::Union | Token::Enum | Token::True | Token::False => Shade::Keyword,
        Token::Config | Token::Import | Token::Macro | Token::Fn => Shade::Keyword,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shaded(text: &str) -> Vec<(&str, Shade)> {
        shades(text).into_iter().map(|(r, s)| (&text[r], s)).collect()
    }

    #[test]
    fn probes_and_statements() {
        let want =
            [("interval:s:1", Shade::Attach), ("if", Shade::Keyword), ("$x", Shade::Var), ("@m", Shade::Map), ("count", Shade::Builtin)];
        assert_eq!(shaded("interval:s:1 { if $x { @m = count(); } }"), want);
        assert_eq!(shaded("print((\"a\", 12, nope"), [("print", Shade::Builtin), ("\"a\"", Shade::Text), ("12", Shade::Number)]);
        assert_eq!(shaded("\"open"), [("\"open", Shade::Text)]);
    }
}
