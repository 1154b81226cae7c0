//! A script in the one layout: two spaces, a line for every statement, attach point and predicate, lines of some 90 columns.
//!
//! The tree says what is printed; literals, attach points, C and comments are taken from the text as they stand.

pub(crate) mod doc;
mod expr;
mod item;
mod same;
pub(crate) mod source;
mod stmt;

#[cfg(test)]
mod tests;

pub use same::same;

use crate::diag::{Diagnostic, has_errors};
use crate::source::{FileId, SourceMap, Span};
use source::{Comment, Source};

/// The script in standard layout. It parses to the same tree, and formatting it again changes nothing.
///
/// # Errors
/// The messages of the parser if the script is none, about the file [`FileId`] 0. A result that would say something else than
/// the script is an error too: it is a mistake of ours, and the script is better left alone then.
pub fn format(source: &str) -> Result<String, Vec<Diagnostic>> {
    let mut map = SourceMap::default();
    let file = map.add("stdin", source);
    let (tree, diags) = crate::parse(&map, file);
    if has_errors(&diags) {
        return Err(diags);
    }
    let tokens = crate::parse::tokens(&map, file);
    let mut f = Formatter { src: Source::new(source, &tokens), hoisted: Vec::new() };
    let mut text = f.program(&tree).render();
    if !text.is_empty() {
        text.push('\n');
    }
    let again = map.add("formatted", text.as_str());
    let (printed, wrong) = crate::parse(&map, again);
    let lost = source::comments(&text, &crate::parse::tokens(&map, again)).len() != source::comments(source, &tokens).len();
    if has_errors(&wrong) || lost || !same(&tree, source, &printed, &text) {
        let d = Diagnostic::error(Span::new(FileId(0), 0, 0), "this script can't be formatted without changing it")
            .help("this is a mistake of beetrace: please report it with the script");
        return Err(vec![d]);
    }
    Ok(text)
}

/// What is printed and what comments are on their way.
struct Formatter<'a> {
    src: Source<'a>,
    /// Comments from within the statement that is being printed, to stand before it.
    hoisted: Vec<Comment>,
}
