//! Text to tree.

mod build;
mod errors;
mod lexer;
mod shade;
mod shape;
mod token;

#[allow(clippy::all, unused_imports, missing_docs, unreachable_pub, reason = "generated")]
mod grammar {
    lalrpop_util::lalrpop_mod!(inner, "/grammar.rs");
    pub use inner::*;
}

pub(crate) use lexer::Spanned;
pub use shade::{Shade, begins_item, shades};
pub(crate) use shape::is_never_type;
pub(crate) use token::Token;
pub use token::parse_number;

use crate::ast::{Expr, Item, Program};
use crate::diag::Diagnostic;
use crate::source::{FileId, SourceMap};

/// Deepest nesting of brackets that is taken: the parser and the passes behind it recurse.
pub const MAX_NESTING: usize = 200;

/// Operators of one statement that are taken: `a + b + c` is a tree as deep as it is long.
pub const MAX_OPERATORS: usize = 1000;

/// Parses a file. The tree holds all that could be read, also when there are errors.
pub fn parse(map: &SourceMap, file: FileId) -> (Program, Vec<Diagnostic>) {
    let text = &map.file(file).text;
    let (mut tokens, mut diags) = lexer::tokens(file, text);
    shape::mark(text, &mut tokens);
    if let Some(d) = errors::too_deep(file, &tokens) {
        diags.push(d);
        return (Program { items: vec![Item::Error], nodes: 0 }, diags);
    }
    let mut build = build::Build::new(file);
    let end = text.len();
    let result = grammar::ProgramParser::new().parse(&mut build, tokens.iter().cloned());
    let mut mistakes = std::mem::take(&mut build.mistakes);
    let items = match result {
        Ok(items) => items,
        Err(error) => {
            mistakes.push(error);
            vec![Item::Error]
        }
    };
    diags.extend(errors::shape(file, &tokens, end, mistakes));
    (Program { items, nodes: build.nodes() }, diags)
}

/// The tokens of a file, for those who work on its text. What is no token is left out.
pub(crate) fn tokens(map: &SourceMap, file: FileId) -> Vec<Spanned> {
    lexer::tokens(file, &map.file(file).text).0
}

/// Parses the text of one expression; `None` if it is none.
pub fn parse_expr(file: FileId, text: &str) -> Option<Expr> {
    let mut tokens = lexer::expression(file, text)?;
    shape::mark(text, &mut tokens);
    if errors::too_deep(file, &tokens).is_some() {
        return None;
    }
    let mut build = build::Build::new(file);
    let e = grammar::ExprParser::new().parse(&mut build, tokens).ok()?;
    build.mistakes.is_empty().then_some(e)
}

#[cfg(test)]
mod tests;
