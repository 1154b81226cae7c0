//! Diagnostics: what is wrong with a script, where, and what to write instead.

use crate::excerpt::Excerpt;
use crate::source::{FileId, SourceMap, Span};
use ariadne::{Color, Config, IndexType, Label, Report, ReportKind};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The script runs.
    Warning,
    /// The script does not run.
    Error,
}

/// One message about the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, one line.
    pub message: String,
    /// The place.
    pub span: Span,
    /// What is written under the place; empty for just a mark.
    pub label: String,
    /// Other places that matter, with what to say of each.
    pub others: Vec<(Span, String)>,
    /// What to write instead.
    pub help: Option<String>,
    /// It is about a pattern that nothing matches: no mistake if the probe has other attach points.
    pub is_empty_pattern: bool,
}

/// `an` where a name that is put into a message begins with a vowel: `a int8` is what the templates make.
fn with_articles(mut text: String) -> String {
    for word in ["int", "array", "enum", "inet", "iter", "address", "end probe"] {
        let wrong = format!("a {word}");
        if text.starts_with(&wrong) {
            text.insert(1, 'n');
        }
        text = text.replace(&format!(" {wrong}"), &format!(" an {word}"));
    }
    text
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Error,
            message: with_articles(message.into()),
            span,
            label: String::new(),
            others: Vec::new(),
            help: None,
            is_empty_pattern: false,
        }
    }

    /// An error about a pattern of attach points that nothing matches.
    pub fn empty_pattern(span: Span, message: impl Into<String>) -> Self {
        Diagnostic { is_empty_pattern: true, ..Diagnostic::error(span, message) }
    }

    /// A warning at `span`.
    pub fn warning(span: Span, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(span, message) }
    }

    /// Adds the text under the mark.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.label = text.into();
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn other(mut self, span: Span, text: impl Into<String>) -> Self {
        self.others.push((span, text.into()));
        self
    }

    /// Adds the remedy.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Adds the remedy "did you mean" from a list of names, best first, or `otherwise` if it is empty.
    #[must_use]
    pub fn suggest(self, near: &[String], otherwise: &str) -> Self {
        match near {
            [] if otherwise.is_empty() => self,
            [] => self.help(otherwise),
            [one] => self.help(format!("did you mean `{one}`?")),
            many => {
                let list: Vec<String> = many.iter().take(3).map(|n| format!("`{n}`")).collect();
                self.help(format!("did you mean one of {}?", list.join(", ")))
            }
        }
    }
}

/// True if any of them is an error.
pub fn has_errors(list: &[Diagnostic]) -> bool {
    list.iter().any(|d| d.severity == Severity::Error)
}

/// Renders diagnostics for a person, in the order of their places, with `^^^` under each.
pub fn render(list: &[Diagnostic], map: &SourceMap, color: bool) -> String {
    let mut sorted: Vec<&Diagnostic> = list.iter().collect();
    sorted.sort_by_key(|d| (d.span.file, d.span.start, d.span.end));
    let mut out = Vec::new();
    for d in sorted {
        render_one(d, map, color, &mut out);
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn render_one(d: &Diagnostic, map: &SourceMap, color: bool, out: &mut Vec<u8>) {
    // About the script as a whole.
    if d.span == Span::default() {
        let word = match d.severity {
            // A sentence of bpftrace's own, which test rigs wait for.
            _ if d.message.starts_with(|c: char| c.is_ascii_uppercase()) => "",
            Severity::Error => "ERROR: ",
            Severity::Warning => "WARNING: ",
        };
        out.extend_from_slice(format!("{word}{}\n", d.message).as_bytes());
        if let Some(help) = &d.help {
            out.extend_from_slice(format!("Help: {help}\n").as_bytes());
        }
        return;
    }
    let (word, tint) = match d.severity {
        Severity::Error => ("ERROR", Color::Red),
        Severity::Warning => ("WARNING", Color::Yellow),
    };
    // The first line can be searched for, and is that of messages while the script runs.
    let kind = match map.place(d.span) {
        Some(at) => format!("{at}: {word}"),
        None => word.to_string(),
    };
    let kind = ReportKind::Custom(&kind, tint);
    let range = |s: Span| {
        let end = (s.end as usize).min(map.file(s.file).text.len());
        (s.start as usize).min(end)..end
    };
    let spans: Vec<Span> = std::iter::once(d.span).chain(d.others.iter().map(|o| o.0)).collect();
    let excerpt = |file: FileId| {
        let places: Vec<_> = spans.iter().filter(|s| s.file == file).map(|s| range(*s)).collect();
        Excerpt::of(&map.file(file).text, &places)
    };
    let excerpts: Vec<Option<Excerpt>> = map.ids().map(excerpt).collect();
    let place = |s: Span| {
        let r = range(s);
        let shown = excerpts[s.file.0 as usize].as_ref().map_or(r.clone(), |e| e.place(r.start)..e.place(r.end));
        (map.file(s.file).name.clone(), shown)
    };
    let mut report = Report::build(kind, place(d.span))
        .with_config(Config::default().with_color(color).with_index_type(IndexType::Byte))
        .with_message(&d.message)
        .with_label(Label::new(place(d.span)).with_message(&d.label).with_color(tint));
    for (span, text) in &d.others {
        report = report.with_label(Label::new(place(*span)).with_message(text).with_color(Color::Cyan));
    }
    if let Some(help) = &d.help {
        report = report.with_help(help);
    }
    let shown = |id: FileId| excerpts[id.0 as usize].as_ref().map_or(map.file(id).text.as_str(), |e| &e.text);
    let sources: Vec<(String, &str)> = map.ids().map(|id| (map.file(id).name.clone(), shown(id))).collect();
    let mut cache = ariadne::sources(sources);
    // Writing to a Vec cannot fail.
    let mut text = Vec::new();
    let _ = report.finish().write(&mut cache, &mut text);
    if let Some(short) = &excerpts[d.span.file.0 as usize] {
        text = with_column_of_script(&text, d.span, map, &short.text[..short.place(range(d.span).start)]);
    }
    if color {
        out.append(&mut text);
    } else {
        // The library colours a kind of our own also where it was told not to.
        out.extend(uncoloured(&text));
    }
}

/// A rendered excerpt with the column that the script has, not the excerpt, whose text before the place is `before`.
fn with_column_of_script(rendered: &[u8], place: Span, map: &SourceMap, before: &str) -> Vec<u8> {
    let name = &map.file(place.file).name;
    let (line, column) = map.line_col(place.file, place.start);
    let shown = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    let wrong = format!(" {name}:{line}:{shown} ");
    String::from_utf8_lossy(rendered).replacen(&wrong, &format!(" {name}:{line}:{column} "), 1).into_bytes()
}

/// A text without its `ESC [ ... m` sequences.
fn uncoloured(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(2).position(|w| w == b"\x1b[") {
        out.extend_from_slice(&rest[..at]);
        let end = rest[at..].iter().position(|b| *b == b'm').map_or(rest.len(), |n| at + n + 1);
        rest = &rest[end..];
    }
    out.extend_from_slice(rest);
    out
}

/// The names in `all` nearest to `name` (edit distance), best first, at most three.
pub fn nearest<'a>(name: &str, all: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let limit = (name.chars().count() / 3).max(1) + usize::from(name.len() > 3);
    let mut found: Vec<(usize, &str)> = all
        .into_iter()
        .filter(|c| c.len().abs_diff(name.len()) <= limit)
        .map(|c| (distance(name, c), c))
        .filter(|(d, _)| *d <= limit)
        .collect();
    found.sort();
    found.dedup();
    let best = found.first().map_or(0, |f| f.0);
    found.into_iter().filter(|f| f.0 <= best + 1).take(3).map(|(_, c)| c.to_string()).collect()
}

/// Edits (insert, delete, replace, swap neighbours) between two names, letter case ignored.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = usize::from(a[i - 1] != b[j - 1]);
                let mut best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + change);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_a_slip_and_nothing_far() {
        let names = ["count", "comm", "cpu", "kstack", "printf"];
        assert_eq!(nearest("cuont", names), ["count"]);
        assert_eq!(nearest("print", names), ["printf"]);
        assert!(nearest("zebra", names).is_empty());
    }

    #[test]
    fn the_mark_stands_under_the_place() {
        let mut map = SourceMap::default();
        let f = map.add("s.bt", "BEGIN { $x = foo; }");
        let d = Diagnostic::error(Span::new(f, 13, 16), "there is no builtin `foo`").label("not known").help("write something else");
        let text = render(&[d], &map, false);
        assert!(text.contains("ERROR: there is no builtin `foo`"), "{text}");
        assert!(text.contains("s.bt:1:14"), "{text}");
        assert!(text.contains("not known") && text.contains("Help: write something else"), "{text}");
    }
    #[test]
    fn a_long_line_is_cut_and_keeps_its_column() {
        let mut map = SourceMap::default();
        let f = map.add("s.bt", format!("{}nope(); {}", " ".repeat(5000), "x".repeat(5000)));
        let text = render(&[Diagnostic::error(Span::new(f, 5000, 5004), "what").label("here")], &map, false);
        assert!(text.contains("s.bt:1:5001-5005: ERROR: what") && text.contains("[ s.bt:1:5001 ]"), "{text}");
        assert!(text.lines().all(|l| l.chars().count() < 250), "{text}");
    }
}
