//! Source text: files, byte spans, and line/column look-up.

use serde::{Deserialize, Serialize};

/// Index of a file in a [`SourceMap`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileId(pub u32);

/// A half-open range of bytes in one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// Whether all of another place lies within this one.
    pub fn contains(self, other: Span) -> bool {
        self.file == other.file && self.start <= other.start && other.end <= self.end
    }

    /// A span of `file` from `start` to `end` (bytes).
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        Span { file, start: start as u32, end: end as u32 }
    }

    /// The smallest span that covers both.
    pub fn to(self, other: Span) -> Span {
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// One file of source text.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// The name to show in messages: a path, or `stdin`.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// Every file of one compilation.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// Adds a file and returns its id.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        self.files.push(SourceFile { name: name.into(), text: text.into() });
        FileId(self.files.len() as u32 - 1)
    }

    /// The file `id`.
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// All ids, in the order of their addition.
    pub fn ids(&self) -> impl Iterator<Item = FileId> {
        (0..self.files.len() as u32).map(FileId)
    }

    /// The text under `span`.
    pub fn text(&self, span: Span) -> &str {
        self.file(span.file).text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// Where a span lies: `FILE:LINE:COLUMN-COLUMN`, the second column being the one behind it, or `FILE:LINE-LINE` if it goes over
    /// several lines. `None` for the place of nothing.
    pub fn place(&self, span: Span) -> Option<String> {
        if span == Span::default() || self.files.len() <= span.file.0 as usize {
            return None;
        }
        let (from, to) = (self.line_col(span.file, span.start), self.line_col(span.file, span.end));
        let name = &self.file(span.file).name;
        Some(if from.0 == to.0 { format!("{name}:{}:{}-{}", from.0, from.1, to.1) } else { format!("{name}:{}-{}", from.0, to.0) })
    }

    /// Line and column (both from 1, the column in characters) of the byte `at`.
    pub fn line_col(&self, file: FileId, at: u32) -> (usize, usize) {
        let text = &self.file(file).text;
        let mut at = (at as usize).min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &text[..at];
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |p| p + 1);
        (line, before[start..].chars().count() + 1)
    }
}
