//! Text with places where it may be broken, and its layout in lines of limited width (after Wadler's "A prettier printer").

/// Columns that a line should have at most.
const WIDTH: usize = 90;

/// Columns of an indentation.
const INDENT: usize = 2;

/// A piece of text whose lines are not decided yet.
#[derive(Clone, Debug)]
pub enum Doc {
    /// Text without a choice; what follows a line break within it stands as it is.
    Text(String),
    /// A space, or a new line.
    Line,
    /// A new line.
    Hard,
    /// A comment at the end of a line, whose width does not count.
    Trailing(String),
    /// Lines within are indented once more.
    Nest(Box<Doc>),
    /// Lines within begin where this begins.
    Align(Box<Doc>),
    /// All on one line if it fits; else every [`Doc::Line`] directly in it is a new line.
    Group(Box<Doc>),
    /// A [`Doc::Line`] between any two, broken only where a line is full.
    Fill(Vec<Doc>),
    /// One after the other.
    Concat(Vec<Doc>),
}

impl Doc {
    /// Text without a choice.
    pub fn text(s: impl Into<String>) -> Doc {
        Doc::Text(s.into())
    }

    /// Nothing.
    pub fn nil() -> Doc {
        Doc::Concat(Vec::new())
    }

    /// The first character, if there is any text.
    pub fn first_char(&self) -> Option<char> {
        match self {
            Doc::Text(s) | Doc::Trailing(s) => s.chars().next(),
            Doc::Line | Doc::Hard => None,
            Doc::Nest(d) | Doc::Align(d) | Doc::Group(d) => d.first_char(),
            Doc::Fill(list) | Doc::Concat(list) => list.iter().find_map(Doc::first_char),
        }
    }

    /// The text in lines, without spaces at their ends.
    pub fn render(&self) -> String {
        let mut r = Renderer { out: String::new(), column: 0 };
        r.run(self);
        r.out
    }
}

/// One after the other.
pub fn concat<const N: usize>(parts: [Doc; N]) -> Doc {
    Doc::Concat(Vec::from(parts))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Flat,
    Break,
}

/// Work to be done: a piece, or the rest of a fill whose next item follows a line.
#[derive(Clone, Copy)]
enum Work<'a> {
    Doc(&'a Doc),
    Rest(&'a [Doc]),
}

type Job<'a> = (usize, Mode, Work<'a>);

struct Renderer {
    out: String,
    column: usize,
}

impl Renderer {
    fn put(&mut self, s: &str) {
        self.out.push_str(s);
        self.column = match s.rfind('\n') {
            Some(at) => s[at + 1..].chars().count(),
            None => self.column + s.chars().count(),
        };
    }

    fn new_line(&mut self, indent: usize) {
        self.out.truncate(self.out.trim_end_matches([' ', '\t']).len());
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(' ', indent));
        self.column = indent;
    }

    fn run(&mut self, doc: &Doc) {
        let mut stack: Vec<Job<'_>> = vec![(0, Mode::Break, Work::Doc(doc))];
        while let Some((indent, mode, work)) = stack.pop() {
            match work {
                Work::Rest([]) => {}
                Work::Rest(items) => {
                    let (item, rest) = (&items[0], &items[1..]);
                    stack.push((indent, mode, Work::Rest(rest)));
                    if mode == Mode::Flat || fits(WIDTH as isize - self.column as isize - 1, item, &stack) {
                        self.put(" ");
                        stack.push((indent, Mode::Flat, Work::Doc(item)));
                    } else {
                        self.new_line(indent);
                        let own = if fits(WIDTH as isize - self.column as isize, item, &stack) { Mode::Flat } else { Mode::Break };
                        stack.push((indent, own, Work::Doc(item)));
                    }
                }
                Work::Doc(doc) => self.one(doc, indent, mode, &mut stack),
            }
        }
        self.out.truncate(self.out.trim_end_matches([' ', '\t']).len());
    }

    fn one<'a>(&mut self, doc: &'a Doc, indent: usize, mode: Mode, stack: &mut Vec<Job<'a>>) {
        match doc {
            Doc::Text(s) | Doc::Trailing(s) => self.put(s),
            Doc::Line if mode == Mode::Flat => self.put(" "),
            Doc::Line | Doc::Hard => self.new_line(indent),
            Doc::Nest(d) => stack.push((indent + INDENT, mode, Work::Doc(d))),
            Doc::Align(d) => stack.push((self.column, mode, Work::Doc(d))),
            Doc::Group(d) => {
                let own =
                    if mode == Mode::Flat || fits(WIDTH as isize - self.column as isize, d, stack) { Mode::Flat } else { Mode::Break };
                stack.push((indent, own, Work::Doc(d)));
            }
            Doc::Fill(items) => {
                if let Some((first, rest)) = items.split_first() {
                    stack.push((indent, mode, Work::Rest(rest)));
                    stack.push((indent, mode, Work::Doc(first)));
                }
            }
            Doc::Concat(list) => stack.extend(list.iter().rev().map(|d| (indent, mode, Work::Doc(d)))),
        }
    }
}

/// Whether a piece on one line, and what follows up to the next possible break, has room in so many columns.
fn fits(mut room: isize, doc: &Doc, after: &[Job<'_>]) -> bool {
    let mut stack: Vec<(Mode, Work<'_>)> = vec![(Mode::Flat, Work::Doc(doc))];
    let mut after = after.iter().rev();
    while room >= 0 {
        let Some((mode, work)) = stack.pop().or_else(|| after.next().map(|j| (j.1, j.2))) else { return true };
        let doc = match work {
            Work::Rest([]) => continue,
            Work::Rest(_) if mode == Mode::Break => return true,
            Work::Rest(items) => {
                room -= 1;
                stack.push((mode, Work::Rest(&items[1..])));
                &items[0]
            }
            Work::Doc(doc) => doc,
        };
        match doc {
            Doc::Text(s) => match s.split_once('\n') {
                Some((first, _)) => return room >= first.chars().count() as isize,
                None => room -= s.chars().count() as isize,
            },
            Doc::Trailing(_) | Doc::Hard => return true,
            Doc::Line if mode == Mode::Break => return true,
            Doc::Line => room -= 1,
            // A group that comes later decides for itself, so that its first line is where this may end.
            Doc::Nest(d) | Doc::Align(d) | Doc::Group(d) => stack.push((mode, Work::Doc(d))),
            Doc::Fill(items) => {
                if let Some((first, rest)) = items.split_first() {
                    stack.push((mode, Work::Rest(rest)));
                    stack.push((mode, Work::Doc(first)));
                }
            }
            Doc::Concat(list) => stack.extend(list.iter().rev().map(|d| (mode, Work::Doc(d)))),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(n: usize) -> Vec<Doc> {
        (0..n).map(|_| Doc::text("ten chars,")).collect()
    }

    #[test]
    fn a_fill_breaks_only_where_a_line_is_full() {
        let d = concat([Doc::text("call("), Doc::Align(Box::new(Doc::Fill(words(10)))), Doc::text(");")]);
        let text = d.render();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.lines().nth(1).unwrap().starts_with("     ten"), "{text}");
    }

    #[test]
    fn a_group_breaks_everywhere_or_nowhere() {
        let list = |n| {
            let inner = words(n).into_iter().flat_map(|d| [Doc::Line, d]).collect();
            Doc::Group(Box::new(concat([Doc::text("{"), Doc::Nest(Box::new(Doc::Concat(inner))), Doc::Line, Doc::text("}")])))
        };
        assert_eq!(list(2).render(), "{ ten chars, ten chars, }");
        assert_eq!(list(9).render().lines().count(), 11);
    }
}
