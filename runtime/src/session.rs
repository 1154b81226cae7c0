//! A run of a script: attached, its events carried to the sink, and brought to its end.

mod error;

pub use error::SessionError;

use crate::attach::{self, Attached};
use crate::child::Child;
use crate::facts;
use crate::load::{self, Bss, Loaded};
use crate::maps::Maps;
use crate::metrics::Collector;
use crate::modes;
use crate::packets::Packets;
use crate::sink::{Losses, Sink};
use crate::stats::{Cost, Counting};
use crate::symbols::Symbols;
use crate::sys::{bpf, wait};
use crate::watch::{Found, Watch};
use crate::world::Live;
use aya::maps::{Map, MapData, RingBuf};
use codegen::manifest::{Action, Artifact, ProgramInfo, RING, Target, bss};
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
    /// `--stats`: the costs of the probes are printed at the end.
    pub stats: bool,
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

/// How long events are read before anything else is looked at.
const TURN: Duration = Duration::from_millis(50);

/// How long a user who pressed Ctrl-C waits for what `system` and `cat` still have to do.
const PATIENCE: Duration = Duration::from_millis(1000);

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
        let counting = if self.options.stats { Some(Counting::start()?) } else { None };
        let signals = wait::signals(&[libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGUSR1, libc::SIGCHLD])?;
        let mut child = match &self.options.command {
            Some(c) => Some(Child::spawn(c).map_err(SessionError::Command)?),
            None => None,
        };
        if let Some(c) = child.as_ref().filter(|_| facts::names_user_code(&self.loaded.manifest)) {
            c.watch_end();
        }
        self.bss.set(bss::AWAKE, 1);
        self.bss.set(bss::START, wait::monotonic_nanos());
        self.bss.set(bss::WALL, wait::wall_delta());
        self.bss.set(bss::CPID, child.as_ref().map_or(0, |c| u64::from(c.pid)));
        let packets = Packets::open(&self.loaded, wait::wall_delta()).map_err(SessionError::Output)?;
        let mut metrics = Collector::new(&self.loaded, &self.bss);
        fire(&self.loaded, &mut metrics, |t| *t == Target::Begin)?;
        metrics.start()?;
        if self.bss.get(bss::STOP) == 0 {
            let child = child.as_ref().map(|c| c.pid);
            *attached = attach::attach(&self.loaded, self.options.pid, child).map_err(SessionError::Attach)?;
        }
        let mut run = Run::new(&self.loaded, &self.bss, metrics)?;
        if facts::names_user_code(&self.loaded.manifest) {
            run.live.symbols.watch(self.options.pid);
        }
        run.watches = std::mem::take(&mut attached.watches);
        run.packets = packets;
        let points = facts::points(&self.loaded.manifest);
        sink.attached(points - attached.missing.len()).map_err(SessionError::Output)?;
        // Test rigs wait for this line before they start what is to be traced.
        if std::env::var_os("__BPFTRACE_NOTIFY_PROBES_ATTACHED").is_some() {
            sink.flush().map_err(SessionError::Output)?;
            crate::say::out("__BPFTRACE_NOTIFY_PROBES_ATTACHED\n");
        }
        let result = run.until_the_end(sink, &signals, child.as_mut(), self.options.pid);
        attached.fds.extend(run.watches.drain(..).map(|w| w.1));
        self.bss.set(bss::STOP, 1);
        let mut unwritten = None;
        // When the output can't be written any more, `end` still runs and has its effects; nothing is printed.
        let mut step = |result, sink: &mut dyn Sink| match result {
            Err(SessionError::Output(e)) => {
                sink.mute();
                unwritten.get_or_insert(e);
                Ok(())
            }
            other => other,
        };
        step(result, sink)?;
        step(run.drain(sink), sink)?;
        fire(&self.loaded, &mut run.metrics, |t| *t == Target::End)?;
        step(run.drain(sink), sink)?;
        let costs = counting.map(|c| c.costs(&self.loaded, &attached.alone));
        match unwritten {
            Some(e) => {
                run.tell_losses(sink, true)?;
                Err(SessionError::Output(e))
            }
            None => run.finish(sink, costs.as_deref()),
        }
    }
}

/// Runs the programs of the runtime's own probes.
fn fire(loaded: &Loaded, metrics: &mut Collector<'_>, which: impl Fn(&Target) -> bool) -> Result<(), SessionError> {
    fire_programs(loaded, metrics, |_, t| which(t))
}

/// As [`fire`], of some programs only.
pub(crate) fn fire_programs(
    loaded: &Loaded,
    metrics: &mut Collector<'_>,
    which: impl Fn(&ProgramInfo, &Target) -> bool,
) -> Result<(), SessionError> {
    for (number, (info, program)) in loaded.manifest.programs.iter().zip(&loaded.programs).enumerate() {
        for _ in info.attach.iter().filter(|a| which(info, &a.target)) {
            metrics.fill(number)?;
            bpf::test_run(program.as_fd())?;
        }
    }
    Ok(())
}

/// State of the event loop.
pub(crate) struct Run<'a> {
    loaded: &'a Loaded,
    bss: &'a Bss,
    pub(crate) ring: Option<RingBuf<MapData>>,
    pub(crate) packets: Option<Packets>,
    ring_bytes: usize,
    pub(crate) live: Live<'a>,
    pub(crate) metrics: Collector<'a>,
    exit: Option<i32>,
    /// Watchpoints that are still on.
    pub(crate) watches: Vec<(u64, OwnedFd)>,
    /// A test of the script failed.
    failed: bool,
    told: Losses,
    told_at: Instant,
    /// When the user has asked for the end: commands and files after this time are not run and read any more.
    hurry: Option<Instant>,
    /// Events that were given up for that, and packets that found their buffer full.
    skipped: u64,
}

/// A timer with the index of its program.
pub(crate) struct Timer {
    pub(crate) fd: OwnedFd,
    program: usize,
}

impl<'a> Run<'a> {
    pub(crate) fn new(loaded: &'a Loaded, bss: &'a Bss, metrics: Collector<'a>) -> Result<Self, SessionError> {
        let mut ring_bytes = 0;
        let ring = match loaded.maps.get(RING) {
            None => None,
            Some(fd) => {
                ring_bytes = bpf::map_info(fd.as_fd())?.max_entries as usize;
                let data = MapData::from_fd(fd.try_clone()?).map_err(io::Error::other)?;
                Some(RingBuf::try_from(Map::RingBuf(data)).map_err(io::Error::other)?)
            }
        };
        let settings = &loaded.manifest.settings;
        let symbols = Symbols::new(settings.cpp_demangle, settings.show_debug_info, facts::probed(&loaded.manifest));
        let live = Live { loaded, maps: Maps::new(loaded, bss), symbols };
        Ok(Run {
            loaded,
            bss,
            ring,
            packets: None,
            ring_bytes,
            live,
            metrics,
            exit: None,
            watches: Vec::new(),
            failed: false,
            told: Losses::default(),
            told_at: Instant::now(),
            hurry: None,
            skipped: 0,
        })
    }

    pub(crate) fn stopped(&self) -> bool {
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
        self.iterate(sink, |_| true)?;
        self.measure(sink)?;
        if watched.is_none() && self.nothing_to_wait_for() {
            return Ok(());
        }
        let ring_fd = self.ring.as_ref().map(|r| r.as_raw_fd());
        let mut watch = Watch::Looking;
        while !self.stopped() {
            let mut fds: Vec<BorrowedFd<'_>> = vec![signals.as_fd()];
            fds.extend(watched.iter().map(AsFd::as_fd));
            let first_timer = fds.len();
            fds.extend(timers.iter().map(|t| t.fd.as_fd()));
            // Nothing needs to be done for these but what is done before each wait.
            fds.extend(self.live.symbols.fds());
            // SAFETY: the ring lives as long as `self`, longer than this list.
            fds.extend(ring_fd.filter(|_| watch == Watch::Waiting).map(|fd| unsafe { BorrowedFd::borrow_raw(fd) }));
            fds.extend(self.packets.iter().flat_map(Packets::fds));
            let pace = sink.pace();
            fds.extend(pace.iter().map(|p| p.1));
            let longest = pace.map_or(watch.patience(), |p| p.0.min(watch.patience()));
            let ready = wait::poll(&fds, longest.as_millis() as i32)?;
            self.live.symbols.take_in();
            let ended = watched.is_some() && ready[1];
            watch = watch.next(self.drain_some(sink)?);
            self.bss.set(bss::AWAKE, u64::from(watch.is_awake()));
            if ready[0] && self.signal(sink, signals, child.as_deref_mut())? || ended {
                break;
            }
            for (timer, _) in timers.iter().zip(&ready[first_timer..]).filter(|(_, r)| **r) {
                self.tick(sink, timer)?;
            }
            self.tell_losses(sink, false)?;
            if sink.refresh(&mut self.live).map_err(SessionError::Output)? {
                break;
            }
        }
        Ok(())
    }

    /// A script of `begin` and `end` probes alone is done when its events are.
    fn nothing_to_wait_for(&self) -> bool {
        let mut points = self.loaded.manifest.programs.iter().flat_map(|p| &p.attach);
        points.all(|p| matches!(p.target, Target::Begin | Target::End | Target::Iter { .. } | Target::Test { .. } | Target::Bench { .. }))
    }

    /// Runs the iterators, each once over all its objects.
    pub(crate) fn iterate(&mut self, sink: &mut dyn Sink, wanted: impl Fn(&ProgramInfo) -> bool) -> Result<(), SessionError> {
        use std::io::Read;
        for (info, program) in self.loaded.manifest.programs.iter().zip(&self.loaded.programs) {
            let Some(Target::Iter { pin, .. }) = info.attach.first().map(|a| &a.target) else { continue };
            if self.stopped() || !wanted(info) {
                continue;
            }
            let link = bpf::link_create(program.as_fd(), crate::load::attach_type(info.kind))?;
            if let Some(pin) = pin {
                let path = if pin.starts_with('/') { pin.clone() } else { format!("/sys/fs/bpf/{pin}") };
                crate::sys::mount::bpffs()?;
                let name = std::ffi::CString::new(path.clone()).map_err(io::Error::other)?;
                bpf::pin(link.as_fd(), &name)?;
                sink.flush().map_err(SessionError::Output)?;
                crate::say::out(&format!("Program pinned to {path}\n"));
                continue;
            }
            let mut file = std::fs::File::from(bpf::iter_create(link.as_fd())?);
            let mut buffer = [0u8; 4096];
            while file.read(&mut buffer)? > 0 {
                self.drain(sink)?;
            }
            self.drain(sink)?;
        }
        Ok(())
    }

    /// Runs the script's tests and benchmarks, which are there only if the mode asks for them.
    fn measure(&mut self, sink: &mut dyn Sink) -> Result<(), SessionError> {
        let tests: Vec<(usize, String)> =
            modes::named(self.loaded, |t| if let Target::Test { name } = t { Some(name) } else { None }).collect();
        for (program, name) in tests {
            let start = Instant::now();
            let ret = bpf::test_run(self.loaded.programs[program].as_fd())?;
            self.drain(sink)?;
            let passed = ret == 0 && self.exit.unwrap_or(0) == 0;
            sink.tested(&name, passed, start.elapsed().as_nanos() as u64).map_err(SessionError::Output)?;
            if !passed {
                self.failed = true;
            }
        }
        let benches: Vec<(usize, String)> =
            modes::named(self.loaded, |t| if let Target::Bench { name } = t { Some(name) } else { None }).collect();
        let mut results = Vec::new();
        for (program, name) in benches {
            results.push(modes::bench(self.loaded, program, name)?);
            self.drain(sink)?;
        }
        if !results.is_empty() {
            sink.benchmarks(&results).map_err(SessionError::Output)?;
        }
        Ok(())
    }

    pub(crate) fn timers(&self) -> Result<Vec<Timer>, SessionError> {
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
    pub(crate) fn tick(&mut self, sink: &mut dyn Sink, timer: &Timer) -> Result<(), SessionError> {
        if wait::timer_ticks(timer.fd.as_fd()) > 0 && !self.stopped() {
            self.metrics.fill(timer.program)?;
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
            } else if signal == libc::SIGUSR1 && self.has_signal_probe() {
                fire(self.loaded, &mut self.metrics, |t| matches!(t, Target::Signal { .. }))?;
                self.drain(sink)?;
            } else if signal == libc::SIGUSR1 {
                sink.maps(&mut self.live).map_err(SessionError::Output)?;
                sink.flush().map_err(SessionError::Output)?;
            } else {
                self.hurry = Some(Instant::now() + PATIENCE);
                ends = true;
            }
        }
        Ok(ends)
    }

    fn has_signal_probe(&self) -> bool {
        self.loaded.manifest.programs.iter().flat_map(|p| &p.attach).any(|a| matches!(a.target, Target::Signal { .. }))
    }

    /// Takes all events out of the ring. Where programs are still running that need not end: see [`Run::drain_some`].
    pub(crate) fn drain(&mut self, sink: &mut dyn Sink) -> Result<(), SessionError> {
        self.drain_until(sink, None).map(drop)
    }

    /// Takes events out of the ring for a while: timers and Ctrl-C come in between.
    pub(crate) fn drain_some(&mut self, sink: &mut dyn Sink) -> Result<Found, SessionError> {
        self.drain_until(sink, Some(Instant::now() + TURN))
    }

    fn drain_until(&mut self, sink: &mut dyn Sink, until: Option<Instant>) -> Result<Found, SessionError> {
        if let Some(packets) = self.packets.as_mut() {
            self.skipped += packets.drain().map_err(SessionError::Output)?;
        }
        let Some(ring) = self.ring.as_mut() else { return Ok(Found::Nothing) };
        let mut bytes = 0usize;
        let mut cut_short = false;
        let mut count = 0u32;
        while let Some(record) = ring.next() {
            bytes += record.len();
            let Some((number, payload)) = record.split_first_chunk::<8>() else { continue };
            let number = u64::from_ne_bytes(*number) as usize;
            let Some(action) = self.loaded.manifest.actions.get(number) else { continue };
            let slow = matches!(action, Action::System { .. } | Action::Cat { .. });
            if slow && self.hurry.is_some_and(|at| Instant::now() > at) {
                self.skipped += 1;
                continue;
            }
            match action {
                Action::Clear { map } => {
                    sink.event(action, payload, &mut self.live).map_err(SessionError::Output)?;
                    self.live.maps.clear(*map)?;
                }
                Action::Zero { map } => {
                    sink.event(action, payload, &mut self.live).map_err(SessionError::Output)?;
                    self.live.maps.zero(*map)?;
                }
                Action::Unwatch => {
                    let address = payload.first_chunk::<8>().map(|a| u64::from_ne_bytes(*a));
                    self.watches.retain(|w| Some(w.0) != address);
                }
                Action::Exit => {
                    let code = payload.first_chunk::<8>().map_or(0, |c| i64::from_ne_bytes(*c));
                    self.exit.get_or_insert(code as i32);
                }
                _ => sink.event(action, payload, &mut self.live).map_err(SessionError::Output)?,
            }
            count += 1;
            if (slow || count.is_multiple_of(256)) && until.is_some_and(|at| Instant::now() > at) {
                cut_short = true;
                break;
            }
        }
        if bytes == 0 {
            return Ok(Found::Nothing);
        }
        sink.flush().map_err(SessionError::Output)?;
        Ok(if cut_short || bytes > self.ring_bytes / 8 { Found::Much } else { Found::Some })
    }

    pub(crate) fn tell_losses(&mut self, sink: &mut dyn Sink, at_end: bool) -> Result<(), SessionError> {
        if !at_end && self.told_at.elapsed() < LOSS_INTERVAL {
            return Ok(());
        }
        let mut now = self.live.maps.losses();
        now.events += self.skipped;
        if now != self.told {
            sink.lost(now, self.told).map_err(SessionError::Output)?;
            self.told = now;
        }
        self.told_at = Instant::now();
        Ok(())
    }

    fn finish(&mut self, sink: &mut dyn Sink, costs: Option<&[Cost]>) -> Result<Outcome, SessionError> {
        sink.maps(&mut self.live).map_err(SessionError::Output)?;
        self.tell_losses(sink, true)?;
        if let Some(costs) = costs {
            sink.costs(costs).map_err(SessionError::Output)?;
        }
        sink.flush().map_err(SessionError::Output)?;
        Ok(Outcome { exit_code: self.exit.unwrap_or(i32::from(self.failed)) })
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
