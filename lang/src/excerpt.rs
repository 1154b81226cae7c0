//! Long lines in messages: what is near the places that a message is about stays, the rest of the line becomes `…`.

use std::ops::Range;

/// Characters of a line that are always shown whole.
const WHOLE: usize = 200;
/// Bytes that stay on each side of a place in a longer line.
const NEAR: usize = 60;

/// A text without the far parts of its long lines.
pub struct Excerpt {
    /// The text to show.
    pub text: String,
    /// What stays: bytes of the old text, and where they are in the new one.
    kept: Vec<(Range<usize>, usize)>,
}

impl Excerpt {
    /// `text` cut to what is near `places` (bytes of it), or `None` if none of them is in a long line.
    pub fn of(text: &str, places: &[Range<usize>]) -> Option<Excerpt> {
        let touched = |line: &Range<usize>| places.iter().any(|p| p.start <= line.end && p.end >= line.start);
        if !lines(text).any(|l| touched(&l) && text[l].chars().count() > WHOLE) {
            return None;
        }
        let mut out = Excerpt { text: String::new(), kept: Vec::new() };
        for line in lines(text) {
            if text[line.clone()].chars().count() <= WHOLE {
                out.keep(text, line);
            } else {
                out.line(text, line, places);
            }
            out.keep(text, out.end()..(out.end() + 1).min(text.len()));
        }
        Some(out)
    }

    /// Where a place of the old text is in the new one.
    pub fn place(&self, at: usize) -> usize {
        let in_range = |k: &&(Range<usize>, usize)| k.0.start <= at && at <= k.0.end;
        self.kept.iter().find(in_range).map_or(self.text.len(), |(old, new)| new + at - old.start)
    }

    fn end(&self) -> usize {
        self.kept.last().map_or(0, |k| k.0.end)
    }

    /// Takes over a part as it is.
    fn keep(&mut self, text: &str, part: Range<usize>) {
        self.kept.push((part.clone(), self.text.len()));
        self.text.push_str(&text[part]);
    }

    /// Takes over what is near `places` of a long line.
    fn line(&mut self, text: &str, line: Range<usize>, places: &[Range<usize>]) {
        let mut near: Vec<Range<usize>> = places
            .iter()
            .flat_map(|p| [p.start, p.end])
            .filter(|at| line.start <= *at && *at <= line.end)
            .map(|at| boundary(text, at.saturating_sub(NEAR).max(line.start))..boundary(text, (at + NEAR).min(line.end)))
            .collect();
        near.sort_by_key(|r| r.start);
        let mut at = line.start;
        for part in near {
            if part.start > at {
                self.text.push('…');
            }
            let from = part.start.max(at);
            if part.end > from {
                self.keep(text, from..part.end);
                at = part.end;
            }
        }
        if at < line.end {
            self.text.push('…');
            self.keep(text, line.end..line.end);
        }
    }
}

/// The lines, without what ends them.
fn lines(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = 0;
    text.split('\n').map(move |line| {
        let range = at..at + line.len();
        at = range.end + 1;
        range
    })
}

/// The nearest place at or before `at` that a character starts at.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, place: Range<usize>) -> Option<Excerpt> {
        Excerpt::of(text, std::slice::from_ref(&place))
    }

    #[test]
    fn the_far_parts_of_a_long_line_go() {
        let text = format!("first\n{}here{}\nlast", "ä".repeat(500), "b".repeat(500));
        let at = text.find("here").unwrap();
        let short = cut(&text, at..at + 4).unwrap();
        assert_eq!(short.text, format!("first\n…{}here{}…\nlast", "ä".repeat(30), "b".repeat(60)));
        assert_eq!(&short.text[short.place(at)..short.place(at + 4)], "here");
        let last = text.find("last").unwrap();
        assert_eq!(&short.text[short.place(last)..], "last");
    }

    #[test]
    fn a_long_literal_keeps_both_ends() {
        let text = format!("print(\"{}\");", "x".repeat(1 << 20));
        let short = cut(&text, 6..text.len() - 2).unwrap();
        assert_eq!(short.text, format!("print(\"{}…{}\");", "x".repeat(59), "x".repeat(59)));
        assert_eq!(&short.text[short.place(6)..short.place(6) + 1], "\"");
    }

    #[test]
    fn short_lines_stay() {
        assert!(cut("BEGIN { }\n", 0..5).is_none());
        let far = format!("short\n{}\n", "x".repeat(1000));
        assert!(cut(&far, 0..5).is_none());
    }
}
