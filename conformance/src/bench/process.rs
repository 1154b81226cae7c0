//! Processes that are measured: the tracers, and what they trace.

use super::kernel::{self, Stats};
use super::rows::Load;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A tracer by its command line.
#[derive(Clone, Debug)]
pub struct Tracer {
    /// Its name in the table.
    pub name: &'static str,
    /// Words before the script.
    pub words: Vec<String>,
    /// It says when it is attached.
    pub tells: bool,
}

/// What a process took from start to end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Seconds by the clock.
    pub wall: f64,
    /// Seconds of CPU time of its own, and in the kernel.
    pub user: f64,
    /// See `user`.
    pub system: f64,
}

impl Cost {
    /// Seconds of CPU time.
    pub fn cpu(&self) -> f64 {
        self.user + self.system
    }
}

/// A run of a tracer while a load ran.
#[derive(Clone, Copy, Debug)]
pub struct Traced {
    /// The kernel's figures.
    pub stats: Stats,
    /// What the load took; it runs once more to be counted.
    pub load: Cost,
    /// What the tracer took from being attached until it was stopped.
    pub tracer: Cost,
    /// The largest memory of the tracer, in bytes.
    pub memory: u64,
}

/// Waits for a process and says what it took.
fn wait(child: &Child, start: Instant) -> Result<Cost> {
    let (mut status, mut usage) = (0, std::mem::MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: both are written by the kernel; the child is ours and was not waited for.
    let usage = unsafe {
        if libc::wait4(child.id() as i32, &raw mut status, 0, usage.as_mut_ptr()) < 0 {
            bail!("a process can't be waited for: {}", std::io::Error::last_os_error());
        }
        usage.assume_init()
    };
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    Ok(Cost { wall: start.elapsed().as_secs_f64(), user: seconds(usage.ru_utime), system: seconds(usage.ru_stime) })
}

/// Runs a command to its end, its output thrown away.
fn complete(command: &mut Command) -> Result<Cost> {
    let start = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    wait(&child.with_context(|| format!("{command:?} can't be run"))?, start)
}

impl Load {
    /// Runs it once, so many turns.
    pub fn run(self, turns: u64) -> Result<Cost> {
        let own = std::env::current_exe()?;
        match self {
            Load::Dd => complete(Command::new("dd").args(["if=/dev/zero", "of=/dev/null", "bs=1", &format!("count={turns}")])),
            Load::Opens => complete(Command::new(own).args(["load", "opens", &turns.to_string()])),
            Load::Switches => complete(Command::new(own).args(["load", "switches", &turns.to_string()])),
        }
    }
}

impl Tracer {
    fn command(&self, script: &str) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).arg(script).env("__BPFTRACE_NOTIFY_PROBES_ATTACHED", "1").stdin(Stdio::null());
        command
    }

    /// Runs a script that ends by itself.
    pub fn start(&self, script: &str) -> Result<Cost> {
        complete(&mut self.command(script))
    }

    /// Runs a script while a load runs.
    pub fn trace(&self, script: &str, load: Load, turns: u64) -> Result<Traced> {
        let start = Instant::now();
        let mut child = self.command(script).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut output = BufReader::new(child.stdout.take().context("no pipe")?);
        if self.tells {
            let mut line = String::new();
            while !line.contains("__BPFTRACE_NOTIFY_PROBES_ATTACHED") {
                line.clear();
                if output.read_line(&mut line)? == 0 {
                    bail!("{} does not run `{script}`", self.name);
                }
            }
        } else {
            std::thread::sleep(Duration::from_millis(500));
        }
        let reader = std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        let programs = kernel::programs(child.id());
        let before = so_far(child.id());
        // Counting costs time itself, so the load is timed without it.
        let timed = load.run(turns)?;
        let counting: OwnedFd = kernel::enable()?;
        load.run(turns)?;
        let stats = kernel::stats(&programs);
        drop(counting);
        let memory = peak(child.id());
        // SAFETY: a signal to a child of ours that was not waited for.
        unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
        let whole = wait(&child, start)?;
        let _ = reader.join();
        // What is detached behind the tracer's back would slow down the next run.
        let patience = Instant::now();
        while kernel::alive(&programs) && patience.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let tracer = Cost { wall: whole.wall, user: whole.user - before.user, system: whole.system - before.system };
        Ok(Traced { stats, load: timed, tracer, memory })
    }
}

/// The CPU time of a process so far, from `/proc/PID/stat` (proc(5)); it counts in ticks.
fn so_far(pid: u32) -> Cost {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // SAFETY: takes and returns integers.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64;
    // Fields 14 and 15; the name, field 2, may hold anything.
    let fields: Vec<f64> = text.rsplit(") ").next().unwrap_or_default().split(' ').map(|f| f.parse().unwrap_or(0.0)).collect();
    let field = |n: usize| fields.get(n - 3).copied().unwrap_or(0.0) / ticks;
    Cost { wall: 0.0, user: field(14), system: field(15) }
}

/// The largest memory that a process had, in bytes: `VmHWM` of `/proc/PID/status`.
fn peak(pid: u32) -> u64 {
    let mut text = String::new();
    let read = File::open(format!("/proc/{pid}/status")).and_then(|mut f| f.read_to_string(&mut text));
    let kib = text.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    read.ok().and(kib).unwrap_or(0) * 1024
}

/// The loads that this program is itself: `load NAME TURNS`.
pub fn load(name: &str, turns: u64) -> Result<()> {
    match name {
        "opens" => (0..turns).for_each(|_| drop(File::open("/proc/self/status"))),
        "switches" => switches(turns)?,
        _ => bail!("there is no load {name}"),
    }
    Ok(())
}

/// Two processes on one CPU that hand a byte to and fro.
fn switches(turns: u64) -> Result<()> {
    let (mut there, mut back) = ([0; 2], [0; 2]);
    let mut byte = [0u8];
    // SAFETY: descriptors of our own, a buffer of one byte; the child only reads, writes and ends.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(0, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
        if libc::pipe(there.as_mut_ptr()) != 0 || libc::pipe(back.as_mut_ptr()) != 0 {
            bail!("no pipe can be had");
        }
        let child = libc::fork();
        let (from, to) = if child == 0 { (there[0], back[1]) } else { (back[0], there[1]) };
        for _ in 0..turns {
            if child == 0 {
                libc::read(from, byte.as_mut_ptr().cast(), 1);
            }
            libc::write(to, byte.as_ptr().cast(), 1);
            if child != 0 {
                libc::read(from, byte.as_mut_ptr().cast(), 1);
            }
        }
        if child == 0 {
            libc::_exit(0);
        }
        libc::waitpid(child, std::ptr::null_mut(), 0);
    }
    Ok(())
}
