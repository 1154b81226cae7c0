//! The thread that traces: it answers what is typed, and between two answers it reads events.

use super::commands::{self, Command};
use super::compile::Setup;
use super::complete::{self, Candidate, MapDoc};
use super::console::Console;
use super::engine::{Engine, Generation, Ready};
use super::entry::{Reading, readings};
use crate::attach::Attached;
use crate::list;
use crate::metrics::Collector;
use crate::output::text::TextSink;
use crate::session::{Run, SessionError, Timer, fire_programs};
use crate::sink::{Sink, World};
use crate::sys::wait;
use codegen::manifest::{MapId, Target, bss};
use lang::types::Type;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::{Receiver, Sender, SyncSender};

/// What is asked of a session.
pub(crate) enum Request {
    /// An entry or a command.
    Line(String),
    /// What the text up to the cursor may become.
    Complete(String),
    /// Stop the output, or let it go on.
    Hush(bool),
    /// Leave.
    Quit,
}

/// The answer.
#[derive(Default)]
pub(crate) struct Reply {
    /// To be printed.
    pub text: String,
    /// Where the word that is completed begins, and what it may become.
    pub completions: (usize, Vec<Candidate>),
    /// The session is over.
    pub quit: bool,
}

/// Requests with the way back of their answers; the descriptor is readable when there is one.
pub(crate) struct Inbox {
    pub requests: Receiver<(Request, Sender<Reply>)>,
    pub bell: OwnedFd,
}

/// Lines of `:list` that are shown.
const LISTED: usize = 200;

/// Longest wait for anything to happen, ms.
const IDLE: i32 = 200;

/// Runs a session until it is left; what is still attached is given back.
pub(crate) fn serve(setup: Setup, inbox: &Inbox, printer: Option<SyncSender<String>>) -> Result<Attached, String> {
    let console = Console::new(printer);
    let mut worker = Worker { engine: Engine::new(setup), console: console.clone(), quit: false, stopped: false };
    let mut running = worker.engine.add(vec![Reading { source: String::new(), once: true }], None)?.generation;
    running
        .start(&mut Run::new(&running.loaded, &running.bss, collector(&running)?).map_err(text)?, &mut running.sink(&console), None)
        .map_err(text)?;
    // The answer that waits for a new generation.
    let mut pending: Option<(Ready, Sender<Reply>)> = None;
    loop {
        let watches = std::mem::take(&mut running.attached.watches);
        let mut run = Run::new(&running.loaded, &running.bss, collector(&running)?).map_err(text)?;
        run.watches = watches;
        let mut sink = running.sink(&console);
        let Some((ready, back)) = pending.take() else {
            pending = worker.run(&running, &mut run, &mut sink, inbox)?;
            if pending.is_none() {
                break;
            }
            running.attached.watches = std::mem::take(&mut run.watches);
            continue;
        };
        // The old programs stop, the new ones begin.
        running.bss.set(bss::STOP, 1);
        run.drain(&mut sink).map_err(text)?;
        sink.flush().map_err(|e| e.to_string())?;
        let Ready { generation, entries, fresh, mut notes } = ready;
        for name in generation.take_over(&running, &mut run) {
            notes.push_str(&format!("{name} begins anew: its type has changed\n"));
        }
        worker.engine.entries = entries;
        worker.stopped = false;
        drop((run, sink));
        let old = std::mem::replace(&mut running, generation);
        // Detaching takes the kernel a while.
        std::thread::spawn(move || drop(old.attached));
        let mut run = Run::new(&running.loaded, &running.bss, collector(&running)?).map_err(text)?;
        let mut sink = running.sink(&console);
        console.begin_answer();
        let started = running.start(&mut run, &mut sink, fresh);
        drop(sink);
        let mut answer = console.end_answer();
        if let Err(e) = started {
            answer.push_str(&format!("ERROR: {e}\n"));
        }
        let _ = back.send(Reply { text: format!("{notes}{answer}"), ..Reply::default() });
    }
    running.bss.set(bss::STOP, 1);
    Ok(running.attached)
}

/// What fills the host's figures for a generation, from now on.
fn collector<'g>(running: &'g Generation) -> Result<Collector<'g>, String> {
    let mut collector = Collector::new(&running.loaded, &running.bss);
    collector.start().map_err(|e| text(e.into()))?;
    Ok(collector)
}

fn text(e: SessionError) -> String {
    format!("ERROR: {e}\n")
}

struct Worker {
    engine: Engine,
    console: Console,
    quit: bool,
    /// A probe called `exit()`, and this was told.
    stopped: bool,
}

impl Worker {
    /// Reads events and answers until something new is to run; nothing when the session is over.
    fn run(
        &mut self,
        running: &Generation,
        run: &mut Run<'_>,
        sink: &mut TextSink,
        inbox: &Inbox,
    ) -> Result<Option<(Ready, Sender<Reply>)>, String> {
        let timers = run.timers().map_err(text)?;
        loop {
            let ready = self.wait(run, &timers, inbox)?;
            run.drain_some(sink).map_err(text)?;
            let due = timers.iter().zip(&ready[1..]).filter(|(_, r)| **r && !run.stopped());
            due.map(|(t, _)| t).collect::<Vec<&Timer>>().into_iter().try_for_each(|t| run.tick(sink, t)).map_err(text)?;
            run.tell_losses(sink, false).map_err(text)?;
            if run.stopped() && !self.stopped {
                self.stopped = true;
                run.drain(sink).map_err(text)?;
                let _ = sink.text("exit() was called: all probes stand still until the next entry\n");
            }
            sink.flush().map_err(|e| e.to_string())?;
            self.console.idle();
            if !ready[0] {
                continue;
            }
            wait::timer_ticks(inbox.bell.as_fd());
            while let Ok((request, back)) = inbox.requests.try_recv() {
                match self.answer(request, running, run, sink)? {
                    Answer::Now(reply) => drop(back.send(reply)),
                    Answer::Later(ready) => {
                        run.tell_losses(sink, true).map_err(text)?;
                        return Ok(Some((*ready, back)));
                    }
                }
                if self.quit {
                    return Ok(None);
                }
            }
        }
    }

    fn wait(&self, run: &Run<'_>, timers: &[Timer], inbox: &Inbox) -> Result<Vec<bool>, String> {
        let mut fds: Vec<BorrowedFd<'_>> = vec![inbox.bell.as_fd()];
        fds.extend(timers.iter().map(|t| t.fd.as_fd()));
        // SAFETY: the ring lives as long as `run`, longer than this list.
        fds.extend(run.ring.as_ref().map(|r| unsafe { BorrowedFd::borrow_raw(r.as_raw_fd()) }));
        wait::poll(&fds, IDLE).map_err(|e| e.to_string())
    }

    fn answer(&mut self, request: Request, running: &Generation, run: &mut Run<'_>, sink: &mut TextSink) -> Result<Answer, String> {
        let reply = |text: String| Ok(Answer::Now(Reply { text, ..Reply::default() }));
        match request {
            Request::Complete(line) => {
                let maps: Vec<MapDoc> = map_docs(running, None);
                let completions = complete::complete(&line, &self.engine.kernel, &maps);
                Ok(Answer::Now(Reply { completions, ..Reply::default() }))
            }
            Request::Hush(on) => {
                let held = self.console.hush(on);
                reply(if held > 0 { format!("({held} lines were not shown)\n") } else { String::new() })
            }
            Request::Quit => self.leave(running, run, sink),
            Request::Line(line) if line.trim().is_empty() => reply(String::new()),
            Request::Line(line) if line.trim_start().starts_with(':') => match commands::parse(&line) {
                Ok((command, rest)) => self.command(command, rest, running, run, sink),
                Err(why) => reply(why),
            },
            Request::Line(line) => Ok(match self.engine.add(readings(&line), Some(running)) {
                Ok(ready) => Answer::Later(Box::new(ready)),
                Err(why) => Answer::Now(Reply { text: why, ..Reply::default() }),
            }),
        }
    }

    fn command(
        &mut self,
        command: Command,
        rest: &str,
        running: &Generation,
        run: &mut Run<'_>,
        sink: &mut TextSink,
    ) -> Result<Answer, String> {
        let made = match command {
            Command::Quit => return self.leave(running, run, sink),
            Command::Help => Ok(commands::help()),
            Command::Maps => Ok(map_docs(running, Some(run)).iter().map(|(name, doc)| format!("{name}{doc}\n")).collect()),
            Command::Probes => Ok(self.entries()),
            Command::Asm => Ok(running.asm.clone()),
            Command::Type => self.engine.type_of(rest),
            Command::Doc => {
                let (text, unknown) = crate::help::pages(&rest.split_whitespace().map(str::to_string).collect::<Vec<_>>());
                Ok(format!("{text}{}", unknown.iter().map(|u| format!("{u}\n")).collect::<String>()))
            }
            Command::List => list::lines(&self.engine.kernel, rest, false).map(shortened).map_err(|e| format!("{e}\n")),
            Command::Save => {
                let script: String = self.engine.entries.iter().map(|e| format!("{}\n", e.source)).collect();
                std::fs::write(rest, script)
                    .map(|()| format!("{} entries in {rest}\n", self.engine.entries.len()))
                    .map_err(|e| format!("{rest} can't be written: {e}\n"))
            }
            Command::Drop | Command::Load => match self.changed(command, rest, running) {
                Ok(ready) => return Ok(Answer::Later(Box::new(ready))),
                Err(why) => Err(why),
            },
        };
        let (Ok(text) | Err(text)) = made;
        Ok(Answer::Now(Reply { text, ..Reply::default() }))
    }

    fn changed(&mut self, command: Command, rest: &str, running: &Generation) -> Result<Ready, String> {
        if command == Command::Drop {
            let id = rest.parse().map_err(|_| format!("`{rest}` is no number: `:probes` lists the entries\n"))?;
            return self.engine.remove(id, Some(running));
        }
        let script = std::fs::read(rest).map_err(|e| format!("{rest} can't be read: {e}\n"))?;
        let source = String::from_utf8_lossy(&script).into_owned();
        self.engine.add(vec![Reading { source, once: false }], Some(running))
    }

    fn entries(&self) -> String {
        let line = |e: &super::entry::Entry| format!("[{}] {}{}\n", e.id, e.source.trim_end(), if e.ran { "  // ran once" } else { "" });
        self.engine.entries.iter().map(line).collect()
    }

    /// Runs `end` probes, as at the end of a script.
    fn leave(&mut self, running: &Generation, run: &mut Run<'_>, sink: &mut TextSink) -> Result<Answer, String> {
        running.bss.set(bss::STOP, 1);
        self.console.begin_answer();
        let mut end = || -> Result<(), SessionError> {
            run.drain(sink)?;
            fire_programs(&running.loaded, &mut run.metrics, |_, t| *t == Target::End)?;
            run.drain(sink)?;
            run.tell_losses(sink, true)
        };
        let ended = end();
        let _ = sink.flush();
        let mut text = self.console.end_answer();
        if let Err(e) = ended {
            text.push_str(&format!("ERROR: {e}\n"));
        }
        self.quit = true;
        Ok(Answer::Now(Reply { text, quit: true, ..Reply::default() }))
    }
}

enum Answer {
    Now(Reply),
    /// When what was asked for runs.
    Later(Box<Ready>),
}

/// Maps by name: what their keys and values are, and how much they hold, if that is asked for.
fn map_docs(running: &Generation, mut run: Option<&mut Run<'_>>) -> Vec<MapDoc> {
    let maps = running.loaded.manifest.maps.iter().enumerate();
    let mut out: Vec<MapDoc> = maps
        .map(|(i, m)| {
            let key = m.key.as_ref().map_or_else(String::new, |k| format!("[{}]", k.to_string().trim_matches(['(', ')'])));
            // A histogram has an entry for each bucket of each key.
            let what = if matches!(m.value, Type::Agg(agg) if agg.is_hist()) { "bucket" } else { "key" };
            let held = run.as_mut().and_then(|r| r.live.entries(MapId(i as u32)).ok()).map(|e| match (e.len(), m.key.is_some()) {
                (1, true) => format!(", 1 {what}"),
                (n, true) => format!(", {n} {what}s"),
                (0, false) => ", not set".into(),
                _ => String::new(),
            });
            (m.name.clone(), format!("{key}: {}{}", m.value, held.unwrap_or_default()))
        })
        .collect();
    out.sort();
    out
}

fn shortened(lines: Vec<String>) -> String {
    let more = lines.len().saturating_sub(LISTED);
    let mut text: String = lines.iter().take(LISTED).map(|l| format!("{l}\n")).collect();
    if more > 0 {
        text.push_str(&format!("... and {more} more\n"));
    }
    text
}
