//! A run of a script: attached, its events carried to the sink, and brought to its end.

use crate::attach::{self, AttachError, Attached};
use crate::child::Child;
use crate::load::{self, Bss, LoadError, Loaded};
use crate::maps::Maps;
use crate::sink::{Losses, Sink};
use crate::symbols::Symbols;
use crate::sys::{bpf, wait};
use crate::world::Live;
use aya::maps::{Map, MapData, RingBuf};
use codegen::manifest::{Action, Artifact, Manifest, RING, Target, bss};
use lang::types::Type;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// What a run takes besides its script.
#[derive(Debug, Default)]
pub struct Options {
    /// `-p`: uprobes fire in this process only, and the run ends with it.
    pub pid: Option<u32>,
    /// `-c`: a command to start when all is attached; the run ends with it.
    pub command: Option<String>,
}

/// Why a run failed.
#[derive(Debug)]
pub enum SessionError {
    /// The script could not be loaded.
    Load(LoadError),
    /// A probe could not be attached.
    Attach(AttachError),
    /// The command of `-c` could not be started.
    Command(String),
    /// Something of the system failed.
    System(io::Error),
    /// The output could not be written.
    Output(io::Error),
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionError::Load(e) => e.fmt(f),
            SessionError::Attach(e) => e.fmt(f),
            SessionError::Command(e) => f.write_str(e),
            SessionError::System(e) => write!(f, "the system refuses: {e}"),
            SessionError::Output(e) => write!(f, "the output can't be written: {e}"),
        }
    }
}

impl From<io::Error> for SessionError {
    fn from(e: io::Error) -> Self {
        SessionError::System(e)
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What `exit(code)` said, or 0.
    pub exit_code: i32,
}

/// A loaded script, not attached yet.
#[derive(Debug)]
pub struct Session {
    loaded: Loaded,
    bss: Bss,
    options: Options,
}

/// How often losses are told while a script runs.
const LOSS_INTERVAL: Duration = Duration::from_secs(1);

impl Session {
    /// Loads a script: the verifier has accepted all of it afterwards.
    pub fn load(artifact: Artifact, options: Options) -> Result<Session, SessionError> {
        let loaded = load::load(artifact).map_err(SessionError::Load)?;
        let bss = Bss::map(&loaded)?.ok_or_else(|| io::Error::other("the object has no .bss"))?;
        Ok(Session { loaded, bss, options })
    }

    /// Attaches, runs to the end, prints. What is attached is left in `attached`, because detaching takes time that is
    /// not the user's: see [`leave`].
    pub fn run(&mut self, sink: &mut dyn Sink, attached: &mut Attached) -> Result<Outcome, SessionError> {
        let signals = wait::signals(&[libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGUSR1, libc::SIGCHLD])?;
        let mut child = match &self.options.command {
            Some(c) => Some(Child::spawn(c).map_err(SessionError::Command)?),
            None => None,
        };
        if let Some(c) = child.as_ref().filter(|_| names_user_code(&self.loaded.manifest)) {
            c.watch_end();
        }
        self.bss.set(bss::START, wait::monotonic_nanos());
        self.bss.set(bss::CPID, child.as_ref().map_or(0, |c| u64::from(c.pid)));
        fire(&self.loaded, |t| *t == Target::Begin)?;
        if self.bss.get(bss::STOP) == 0 {
            *attached = attach::attach(&self.loaded, self.options.pid).map_err(SessionError::Attach)?;
        }
        let mut run = Run::new(&self.loaded, &self.bss)?;
        let points: usize = self.loaded.manifest.programs.iter().map(|p| p.attach.len()).sum();
        sink.attached(points - attached.missing.len()).map_err(SessionError::Output)?;
        let result = run.until_the_end(sink, &signals, child.as_mut(), self.options.pid);
        self.bss.set(bss::STOP, 1);
        if let Err(SessionError::Output(e)) = result {
            // Nobody reads any more: `end` still runs, nothing is printed.
            fire(&self.loaded, |t| *t == Target::End)?;
            return Err(SessionError::Output(e));
        }
        result?;
        run.drain(sink)?;
        fire(&self.loaded, |t| *t == Target::End)?;
        run.drain(sink)?;
        run.finish(sink)
    }
}

/// Runs the programs of the runtime's own probes.
fn fire(loaded: &Loaded, which: impl Fn(&Target) -> bool) -> Result<(), SessionError> {
    for (info, program) in loaded.manifest.programs.iter().zip(&loaded.programs) {
        for _ in info.attach.iter().filter(|a| which(&a.target)) {
            bpf::test_run(program.as_fd())?;
        }
    }
    Ok(())
}

/// Whether the script prints names of user code, for which what a process has mapped must be known.
fn names_user_code(manifest: &Manifest) -> bool {
    fn is_user(ty: &Type) -> bool {
        match ty {
            Type::UStack { .. } | Type::Usym => true,
            Type::Tuple(members) => members.iter().any(is_user),
            _ => false,
        }
    }
    let in_maps = manifest.maps.iter().any(|m| is_user(&m.value) || m.key.as_ref().is_some_and(is_user));
    in_maps
        || manifest.actions.iter().any(|a| match a {
            Action::Printf { args, .. } => args.iter().any(is_user),
            Action::PrintValue { ty } => is_user(ty),
            _ => false,
        })
}

/// State of the event loop.
struct Run<'a> {
    loaded: &'a Loaded,
    bss: &'a Bss,
    ring: Option<RingBuf<MapData>>,
    live: Live<'a>,
    exit: Option<i32>,
    told: Losses,
    told_at: Instant,
}

/// A timer with the index of its program.
struct Timer {
    fd: OwnedFd,
    program: usize,
}

impl<'a> Run<'a> {
    fn new(loaded: &'a Loaded, bss: &'a Bss) -> Result<Self, SessionError> {
        let ring = match loaded.maps.get(RING) {
            None => None,
            Some(fd) => {
                let data = MapData::from_fd(fd.try_clone()?).map_err(io::Error::other)?;
                Some(RingBuf::try_from(Map::RingBuf(data)).map_err(io::Error::other)?)
            }
        };
        let settings = &loaded.manifest.settings;
        let symbols = Symbols::new(settings.cpp_demangle, settings.show_debug_info);
        let live = Live { loaded, maps: Maps::new(loaded, bss), symbols };
        Ok(Run { loaded, bss, ring, live, exit: None, told: Losses::default(), told_at: Instant::now() })
    }

    fn stopped(&self) -> bool {
        self.exit.is_some() || self.bss.get(bss::STOP) != 0
    }

    fn until_the_end(
        &mut self,
        sink: &mut dyn Sink,
        signals: &OwnedFd,
        mut child: Option<&mut Child>,
        pid: Option<u32>,
    ) -> Result<(), SessionError> {
        let timers = self.timers()?;
        let watched = match (&child, pid) {
            (Some(c), _) => Some(wait::process(c.pid)?),
            (None, Some(pid)) => Some(wait::process(pid)?),
            (None, None) => None,
        };
        if let Some(c) = child.as_mut() {
            c.release();
        }
        self.drain(sink)?;
        if watched.is_none() && self.nothing_to_wait_for() {
            return Ok(());
        }
        let ring_fd = self.ring.as_ref().map(|r| r.as_raw_fd());
        while !self.stopped() {
            let mut fds: Vec<BorrowedFd<'_>> = vec![signals.as_fd()];
            fds.extend(watched.iter().map(AsFd::as_fd));
            let first_timer = fds.len();
            fds.extend(timers.iter().map(|t| t.fd.as_fd()));
            // SAFETY: the ring lives as long as `self`, longer than this list.
            fds.extend(ring_fd.map(|fd| unsafe { BorrowedFd::borrow_raw(fd) }));
            let ready = wait::poll(&fds, LOSS_INTERVAL.as_millis() as i32)?;
            let ended = watched.is_some() && ready[1];
            self.drain(sink)?;
            if ready[0] && self.signal(sink, signals, child.as_deref_mut())? || ended {
                break;
            }
            for (timer, _) in timers.iter().zip(&ready[first_timer..]).filter(|(_, r)| **r) {
                self.tick(sink, timer)?;
            }
            self.tell_losses(sink, false)?;
        }
        Ok(())
    }

    /// A script of `begin` and `end` probes alone is done when its events are.
    fn nothing_to_wait_for(&self) -> bool {
        let mut points = self.loaded.manifest.programs.iter().flat_map(|p| &p.attach);
        points.all(|p| matches!(p.target, Target::Begin | Target::End))
    }

    fn timers(&self) -> Result<Vec<Timer>, SessionError> {
        let mut out = Vec::new();
        for (program, info) in self.loaded.manifest.programs.iter().enumerate() {
            for point in &info.attach {
                if let Target::Interval { nanos } = point.target {
                    out.push(Timer { fd: wait::timer(nanos)?, program });
                }
            }
        }
        Ok(out)
    }

    /// An interval has passed; its program runs once, however often the timer ran out while we were busy.
    fn tick(&mut self, sink: &mut dyn Sink, timer: &Timer) -> Result<(), SessionError> {
        if wait::timer_ticks(timer.fd.as_fd()) > 0 && !self.stopped() {
            bpf::test_run(self.loaded.programs[timer.program].as_fd())?;
            self.drain(sink)?;
        }
        Ok(())
    }

    /// Handles the signals that arrived; true if one of them ends the run.
    fn signal(&mut self, sink: &mut dyn Sink, signals: &OwnedFd, mut child: Option<&mut Child>) -> Result<bool, SessionError> {
        let mut ends = false;
        while let Some(signal) = wait::next_signal(signals.as_fd()) {
            if signal == libc::SIGCHLD {
                if let Some(c) = child.as_deref_mut() {
                    c.handle_stops(|pid| self.live.symbols.keep(pid));
                }
            } else if signal == libc::SIGUSR1 {
                sink.maps(&mut self.live).map_err(SessionError::Output)?;
                sink.flush().map_err(SessionError::Output)?;
            } else {
                ends = true;
            }
        }
        Ok(ends)
    }

    /// Takes all events out of the ring.
    fn drain(&mut self, sink: &mut dyn Sink) -> Result<(), SessionError> {
        let Some(ring) = self.ring.as_mut() else { return Ok(()) };
        let mut any = false;
        while let Some(record) = ring.next() {
            any = true;
            let Some((number, payload)) = record.split_first_chunk::<8>() else { continue };
            let number = u64::from_ne_bytes(*number) as usize;
            let Some(action) = self.loaded.manifest.actions.get(number) else { continue };
            match action {
                Action::Clear { map } => {
                    sink.event(action, payload, &mut self.live).map_err(SessionError::Output)?;
                    self.live.maps.clear(*map)?;
                }
                Action::Zero { map } => {
                    sink.event(action, payload, &mut self.live).map_err(SessionError::Output)?;
                    self.live.maps.zero(*map)?;
                }
                Action::Exit => {
                    let code = payload.first_chunk::<8>().map_or(0, |c| i64::from_ne_bytes(*c));
                    self.exit.get_or_insert(code as i32);
                }
                _ => sink.event(action, payload, &mut self.live).map_err(SessionError::Output)?,
            }
        }
        if any {
            sink.flush().map_err(SessionError::Output)?;
        }
        Ok(())
    }

    fn tell_losses(&mut self, sink: &mut dyn Sink, at_end: bool) -> Result<(), SessionError> {
        if !at_end && self.told_at.elapsed() < LOSS_INTERVAL {
            return Ok(());
        }
        let now = self.live.maps.losses();
        if now != self.told {
            sink.lost(now, self.told).map_err(SessionError::Output)?;
            self.told = now;
        }
        self.told_at = Instant::now();
        Ok(())
    }

    fn finish(&mut self, sink: &mut dyn Sink) -> Result<Outcome, SessionError> {
        sink.maps(&mut self.live).map_err(SessionError::Output)?;
        self.tell_losses(sink, true)?;
        sink.flush().map_err(SessionError::Output)?;
        Ok(Outcome { exit_code: self.exit.unwrap_or(0) })
    }
}

/// Ends the process and leaves the attachments to a child that nobody waits for: the kernel takes tens of
/// milliseconds to detach each, and the shell gets its prompt before that. The programs do nothing any more (`STOP`).
pub fn leave(attached: Attached, code: i32) -> ! {
    if attached.fds.is_empty() {
        std::process::exit(code);
    }
    // SAFETY: this process has one thread; the child only closes descriptors and ends, which detaches.
    unsafe {
        if libc::fork() == 0 {
            libc::setsid();
            for fd in 0..3 {
                libc::close(fd);
            }
            drop(attached);
            libc::_exit(0);
        }
        libc::_exit(code)
    }
}
