//! `beetrace repl`: a session in which probes are typed, attach at once and stay; maps live as long as the session.
//!
//! - [`entry`]: what was typed, and how it may be meant;
//! - [`compile`]: all entries as one script;
//! - [`engine`]: from there to programs that take over from those before them;
//! - [`worker`]: the thread that traces and answers;
//! - [`commands`]: `:drop` and its like;
//! - [`complete`]: what may stand at the cursor;
//! - [`console`]: where output goes;
//! - [`editor`]: the line on the terminal.

mod commands;
mod compile;
mod complete;
mod console;
mod editor;
mod engine;
mod entry;
mod worker;

use crate::cli::Cli;
use crate::say;
use crate::session;
use compile::Setup;
use std::io::{BufRead, IsTerminal};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use worker::{Inbox, Reply, Request};

/// Lines that the terminal takes at once.
const LINES: usize = 500;

/// The way to the thread that traces.
#[derive(Clone)]
pub(crate) struct Line {
    requests: Sender<(Request, Sender<Reply>)>,
    bell: Arc<OwnedFd>,
}

impl Line {
    /// Asks and waits. If the session has ended by itself, the answer says no more than that it is over.
    pub fn ask(&self, request: Request) -> Reply {
        let (back, answer) = channel();
        let sent = self.requests.send((request, back)).is_ok();
        // SAFETY: eight bytes are written from eight bytes.
        let rung = unsafe { libc::write(self.bell.as_raw_fd(), 1u64.to_ne_bytes().as_ptr().cast(), 8) } == 8;
        let reply = if sent && rung { answer.recv().ok() } else { None };
        reply.unwrap_or(Reply { quit: true, ..Reply::default() })
    }
}

/// Runs a session on the terminal, or on the lines of the standard input.
pub(crate) fn run(cli: &Cli) -> Result<ExitCode, String> {
    cli.conflicts().map_err(|e| format!("ERROR: {e}"))?;
    if cli.command.is_some() {
        return Err("ERROR: `beetrace repl` starts no command (-c): start it from another terminal, or trace a process with -p".into());
    }
    crate::caps::check().map_err(|e| format!("ERROR: {e}"))?;
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let setup = Setup {
        pid: cli.pid,
        allow_unsafe: cli.allow_unsafe,
        include_dirs: cli.include_dirs.clone(),
        include: cli.include.clone(),
        color: terminal && std::env::var_os("NO_COLOR").is_none(),
    };
    let color = setup.color;
    let (send, requests) = channel();
    // SAFETY: plain integers; a descriptor that is not negative is ours alone.
    let bell = unsafe {
        let fd = libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC);
        if fd < 0 {
            return Err(format!("ERROR: {}", std::io::Error::last_os_error()));
        }
        OwnedFd::from_raw_fd(fd)
    };
    let line = Line { requests: send, bell: Arc::new(bell.try_clone().map_err(|e| format!("ERROR: {e}"))?) };
    let inbox = Inbox { requests, bell };
    let printer = terminal.then(|| editor::printer(LINES));
    let lines = printer.as_ref().map(editor::Printer::sender);
    let worker = std::thread::spawn(move || worker::serve(setup, &inbox, lines));
    match printer {
        Some(printer) => editor::run(&line, printer, color).map_err(|e| format!("ERROR: the terminal can't be used: {e}"))?,
        None => from_lines(&line),
    }
    line.ask(Request::Quit);
    match worker.join() {
        Ok(Ok(attached)) => session::leave(attached, 0),
        Ok(Err(why)) => Err(why),
        Err(_) => Err("ERROR: the session broke off, which is a mistake of beetrace".into()),
    }
}

/// Entries from the standard input, each ended as on the terminal.
fn from_lines(line: &Line) {
    let mut text = String::new();
    for one in std::io::stdin().lock().lines() {
        let Ok(one) = one else { break };
        text.push_str(&one);
        // An empty line ends what is not complete.
        if !entry::is_complete(&text) && !one.is_empty() {
            text.push('\n');
            continue;
        }
        let reply = line.ask(Request::Line(std::mem::take(&mut text)));
        say::out(&reply.text);
        if reply.quit {
            return;
        }
    }
    if !text.is_empty() {
        say::out(&line.ask(Request::Line(text)).text);
    }
    say::out(&line.ask(Request::Quit).text);
}
