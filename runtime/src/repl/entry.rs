//! What was typed: probes that stay, or statements that run once.

use lang::ast::Item;
use lang::parse::begins_item;
use lang::source::SourceMap;

/// Something that was typed and stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its number, for `:drop`.
    pub id: usize,
    /// The text as a part of a script.
    pub source: String,
    /// A statement that ran once; it is kept for the types that it gives to maps.
    pub ran: bool,
}

/// A way to read what was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The text as a part of a script.
    pub source: String,
    /// It runs once.
    pub once: bool,
}

/// The ways in which a text may be meant, the likeliest first; the last one's mistakes are worth telling.
pub(crate) fn readings(text: &str) -> Vec<Reading> {
    let text = text.trim();
    let once = |source: String| Reading { source, once: true };
    let mut out = Vec::new();
    if parses(text) || begins_item(text) {
        return vec![Reading { source: text.into(), once: false }];
    }
    let bare = text.trim_end_matches(';').trim_end();
    if lang::parse::parse_expr(lang::source::FileId(0), bare).is_some() {
        out.push(once(format!("begin {{ print(({bare})); }}")));
    }
    let end = if text.ends_with([';', '}']) { "" } else { ";" };
    out.push(once(format!("begin {{ {text}{end} }}")));
    out
}

fn parses(text: &str) -> bool {
    let mut map = SourceMap::default();
    let file = map.add("entry", text);
    let (tree, diags) = lang::parse(&map, file);
    diags.is_empty() && !tree.items.is_empty() && !tree.items.iter().any(|i| matches!(i, Item::Error))
}

/// Whether a text may be taken as it is, or more lines must follow: brackets are open, or an attach point has no action yet.
pub(crate) fn is_complete(text: &str) -> bool {
    if text.trim_start().starts_with(':') {
        return true;
    }
    let place = Place::at(text);
    if place.open > 0 || place.in_text {
        return false;
    }
    let attach = begins_item(text) && text.contains(':') && !text.contains('{') && !text.trim_start().starts_with('#');
    !attach || text.ends_with('\n')
}

/// Where the end of a text lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Brackets that are open.
    pub open: usize,
    /// Braces that are open.
    pub braces: usize,
    /// In a string or a comment.
    pub in_text: bool,
    /// Where the outermost open brace stands, or where the last one was closed.
    pub brace: usize,
}

impl Place {
    pub fn at(text: &str) -> Place {
        let mut p = Place::default();
        let bytes = text.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            let rest = &text.as_bytes()[i..];
            let skip = match rest[0] {
                b'"' => {
                    let mut end = 1;
                    while end < rest.len() && rest[end] != b'"' {
                        end += if rest[end] == b'\\' { 2 } else { 1 };
                    }
                    (end < rest.len()).then_some(end + 1)
                }
                b'/' if rest.starts_with(b"/*") => rest.windows(2).skip(2).position(|w| w == b"*/").map(|at| at + 4),
                b'/' if rest.starts_with(b"//") => Some(rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())),
                b => {
                    match b {
                        b'{' | b'(' | b'[' => p.open += 1,
                        b'}' | b')' | b']' => p.open = p.open.saturating_sub(1),
                        _ => {}
                    }
                    if b == b'{' {
                        if p.braces == 0 {
                            p.brace = i;
                        }
                        p.braces += 1;
                    } else if b == b'}' {
                        p.braces = p.braces.saturating_sub(1);
                        if p.braces == 0 {
                            p.brace = i + 1;
                        }
                    }
                    Some(1)
                }
            };
            let Some(skip) = skip else {
                p.in_text = true;
                return p;
            };
            i += skip;
        }
        p
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(text: &str) -> Vec<String> {
        readings(text).into_iter().map(|r| r.source).collect()
    }

    #[test]
    fn probes_statements_and_values() {
        assert_eq!(readings("interval:s:1 { }"), [Reading { source: "interval:s:1 { }".into(), once: false }]);
        assert_eq!(sources("interval:s:1 { nope"), ["interval:s:1 { nope"]);
        assert_eq!(sources("@x = 1"), ["begin { @x = 1; }"]);
        assert_eq!(sources("1 + 2"), ["begin { print((1 + 2)); }", "begin { 1 + 2; }"]);
        assert_eq!(sources("print(@x);"), ["begin { print((print(@x))); }", "begin { print(@x); }"]);
        assert_eq!(sources("for ($x : @x) { print($x); }"), ["begin { for ($x : @x) { print($x); } }"]);
        assert_eq!(sources("fn f($a: int64): int64 { return $a; }").len(), 1);
    }

    #[test]
    fn more_lines_follow() {
        for open in ["interval:s:1 {", "print((1,", "printf(\"a", "@x = 1; /* ", "tracepoint:a:b", "BEGIN { \"}\""] {
            assert!(!is_complete(open), "{open}");
        }
        for whole in ["interval:s:1 { }", ":drop 1", "print(1)", "// {", "BEGIN { print(\"{\"); }", "x }", "@x[1"] {
            assert!(is_complete(whole) != (whole == "@x[1"), "{whole}");
        }
    }
}
