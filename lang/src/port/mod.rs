//! A script for an older bpftrace, rewritten to today's spelling. Only the places that change are touched: layout and comments
//! stay as they are.

mod edits;
mod scopes;

#[cfg(test)]
mod tests;

use crate::diag::{Diagnostic, has_errors};
use crate::source::{FileId, SourceMap, Span};
use edits::Edits;

/// A script in today's spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ported {
    /// The text.
    pub text: String,
    /// What was changed, in the order of the lines.
    pub changes: Vec<Remark>,
    /// What a person should look at; nothing was done about it.
    pub notes: Vec<Remark>,
}

/// Something about a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Of the old text, from 1.
    pub line: usize,
    /// One sentence without a stop.
    pub text: String,
}

/// Rewrites a script. Doing it again changes nothing.
///
/// # Errors
/// The messages of the parser if the text is no script, about the file [`FileId`] 0.
pub fn port(source: &str) -> Result<Ported, Vec<Diagnostic>> {
    let mut map = SourceMap::default();
    let file = map.add("stdin", source);
    let (tree, diags) = crate::parse(&map, file);
    if has_errors(&diags) {
        return Err(diags);
    }
    let tokens = crate::parse::tokens(&map, file);
    let mut edits = Edits::new(source, &tokens);
    edits.program(&tree);
    for missing in scopes::missing(&tree, source) {
        edits.declare(&missing);
    }
    let ported = edits.finish(&map, file);
    let again = map.add("ported", ported.text.as_str());
    if has_errors(&crate::parse(&map, again).1) {
        let d = Diagnostic::error(Span::new(FileId(0), 0, 0), "this script can't be rewritten")
            .help("this is a mistake of beetrace: please report it with the script");
        return Err(vec![d]);
    }
    Ok(ported)
}
