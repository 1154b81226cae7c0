//! Where the output of a session goes while lines are typed: into the answer to an entry, above the prompt, or straight to the
//! standard output.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::mpsc::{SyncSender, TrySendError};

/// Lines that wait for the terminal; older ones are given up for newer ones.
const WAITING: usize = 10_000;

#[derive(Default)]
struct State {
    /// The answer that is being made.
    answer: Option<Vec<u8>>,
    /// Lines above the prompt of the terminal; without one everything goes to the standard output.
    printer: Option<SyncSender<String>>,
    waiting: VecDeque<String>,
    /// A line that has no end yet.
    line: Vec<u8>,
    hushed: bool,
    /// Lines that were not shown.
    held: u64,
}

/// A stream that all parts of a session write to.
#[derive(Clone, Default)]
pub(crate) struct Console(Rc<RefCell<State>>);

impl Console {
    pub fn new(printer: Option<SyncSender<String>>) -> Console {
        Console(Rc::new(RefCell::new(State { printer, ..State::default() })))
    }

    /// What is written from now on belongs to an answer.
    pub fn begin_answer(&self) {
        let mut state = self.0.borrow_mut();
        state.end_line();
        state.answer = Some(Vec::new());
    }

    /// The answer.
    pub fn end_answer(&self) -> String {
        let mut state = self.0.borrow_mut();
        let line = std::mem::take(&mut state.line);
        let mut text = state.answer.take().unwrap_or_default();
        text.extend(line);
        if !text.is_empty() && !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Stops the output (of what runs, not of answers), or lets it go on; how many lines were not shown since it was stopped.
    pub fn hush(&self, on: bool) -> u64 {
        let mut state = self.0.borrow_mut();
        state.hushed = on;
        if on {
            state.held += state.waiting.len() as u64;
            state.waiting.clear();
            return 0;
        }
        std::mem::take(&mut state.held)
    }

    /// Passes on what waits for the terminal, and an unfinished line if nothing came to finish it.
    pub fn idle(&self) {
        let mut state = self.0.borrow_mut();
        if state.answer.is_none() {
            state.end_line();
        }
        state.pump();
    }
}

impl State {
    fn end_line(&mut self) {
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.emit(&line);
        }
    }

    fn emit(&mut self, line: &[u8]) {
        if let Some(answer) = &mut self.answer {
            answer.extend_from_slice(line);
            answer.push(b'\n');
        } else if self.hushed {
            self.held += 1;
        } else if self.printer.is_some() {
            self.waiting.push_back(String::from_utf8_lossy(line).into_owned());
            if self.waiting.len() > WAITING {
                self.waiting.pop_front();
                self.held += 1;
            }
        } else {
            crate::say::out(&format!("{}\n", String::from_utf8_lossy(line)));
        }
    }

    fn pump(&mut self) {
        let Some(printer) = &self.printer else { return };
        if self.held > 0 && !self.hushed {
            let text = format!("({} lines were not shown)", self.held);
            if printer.try_send(text).is_ok() {
                self.held = 0;
            }
        }
        while let Some(line) = self.waiting.pop_front() {
            if let Err(TrySendError::Full(line)) = printer.try_send(line) {
                self.waiting.push_front(line);
                break;
            }
        }
    }
}

impl Write for Console {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.borrow_mut();
        for part in bytes.split_inclusive(|b| *b == b'\n') {
            state.line.extend_from_slice(part.strip_suffix(b"\n").unwrap_or(part));
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut state.line);
                state.emit(&line);
            }
        }
        state.pump();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    #[test]
    fn answers_and_lines_above_the_prompt() {
        let (send, lines) = sync_channel(2);
        let mut c = Console::new(Some(send));
        c.write_all(b"a\nb").unwrap();
        c.begin_answer();
        c.write_all(b"in\nan answer").unwrap();
        assert_eq!(c.end_answer(), "in\nan answer\n");
        c.write_all(b"c\nd\n").unwrap();
        // The terminal takes two lines; the others wait.
        assert_eq!(lines.try_iter().collect::<Vec<_>>(), ["a", "b"]);
        c.idle();
        assert_eq!(lines.try_iter().collect::<Vec<_>>(), ["c", "d"]);
    }

    #[test]
    fn what_is_not_shown_is_counted() {
        let (send, lines) = sync_channel(9);
        let mut c = Console::new(Some(send));
        c.hush(true);
        c.write_all(b"a\nb\n").unwrap();
        c.begin_answer();
        c.write_all(b"x\n").unwrap();
        assert_eq!(c.end_answer(), "x\n");
        assert_eq!((c.hush(false), lines.try_iter().count()), (2, 0));
    }
}
