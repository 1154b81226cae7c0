//! Puts programs on their attach points: all of them, or none.

mod kprobe;

use crate::load::{LoadError, Loaded, Multi};
use crate::sys::{bpf, cpus, mount, perf};
use codegen::manifest::{AttachPoint, MissingProbes, Period, ProgramInfo, ProgramKind, Target};
use std::ffi::CString;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Why a probe could not be attached.
#[derive(Debug)]
pub struct AttachError {
    /// The attach point, with its place in the script.
    pub point: Box<AttachPoint>,
    /// What the reason is, a sentence.
    pub reason: String,
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` can't be attached: {}", self.point.name, self.reason)
    }
}

/// What is attached; dropping it detaches.
#[derive(Debug, Default)]
pub struct Attached {
    /// Links and perf events.
    pub fds: Vec<OwnedFd>,
    /// Perf events of watchpoints, with the address of each: `unwatch` closes them.
    pub watches: Vec<(u64, OwnedFd)>,
    /// Programs that were loaded once more, to be attached to each of their points by itself, by the number of the first.
    pub alone: Vec<(usize, OwnedFd)>,
    /// Attach points that were refused and, by `missing_probes`, are only warned of.
    pub missing: Vec<AttachError>,
}

/// Attaches everything that is not fired by the runtime itself.
pub fn attach(loaded: &Loaded, pid: Option<u32>, child: Option<u32>) -> Result<Attached, AttachError> {
    let mut out = Attached::default();
    let mut pmus = Pmus::default();
    // The kernel runs the programs at one place of a binary in the reverse order of their attachment.
    let (user, other): (Vec<_>, Vec<_>) = loaded.manifest.programs.iter().enumerate().partition(|(_, info)| in_binary(info));
    for (index, info) in other.into_iter().chain(user.into_iter().rev()) {
        let program = &loaded.programs[index];
        let mut points: Vec<&AttachPoint> = info.attach.iter().collect();
        let mut alone = None;
        if let Some(kind) = program.multi {
            points = multi(kind, &points, program.as_fd(), pid, &mut out);
            if let Some(first) = points.first() {
                let refused = |e: LoadError| AttachError { point: Box::new((*first).clone()), reason: e.to_string() };
                alone = Some(loaded.alone(index).map_err(refused)?);
            }
        }
        let program = alone.as_ref().map_or(program.as_fd(), AsFd::as_fd);
        if in_binary(info) {
            points.reverse();
        }
        for point in points {
            let pid = if matches!(point.target, Target::Watchpoint { .. }) { pid.or(child) } else { pid };
            match one(point, info.kind, program, pid, &mut pmus) {
                Ok(fds) => match point.target {
                    Target::Watchpoint { address, .. } => out.watches.extend(fds.into_iter().map(|fd| (address, fd))),
                    _ => out.fds.extend(fds),
                },
                Err(reason) => {
                    let error = AttachError { point: Box::new(point.clone()), reason };
                    match loaded.manifest.settings.missing_probes {
                        MissingProbes::Error => return Err(error),
                        MissingProbes::Warn => out.missing.push(error),
                        MissingProbes::Ignore => {}
                    }
                }
            }
        }
        out.alone.extend(alone.map(|fd| (index, fd)));
    }
    Ok(out)
}

fn in_binary(info: &ProgramInfo) -> bool {
    info.attach.first().is_some_and(|p| matches!(p.target, Target::Uprobe { .. } | Target::Usdt { .. }))
}

/// Attaches to many points by few links; those that are left must be attached one by one.
fn multi<'a>(
    kind: Multi,
    points: &[&'a AttachPoint],
    program: BorrowedFd<'_>,
    pid: Option<u32>,
    out: &mut Attached,
) -> Vec<&'a AttachPoint> {
    match kind {
        Multi::Kprobe => kprobe::many(points, program, &mut out.fds),
        Multi::Uprobe => binaries(points, program, pid).map_or_else(
            |_| points.to_vec(),
            |links| {
                out.fds.extend(links);
                Vec::new()
            },
        ),
    }
}

/// One link for all points in a binary.
fn binaries(points: &[&AttachPoint], program: BorrowedFd<'_>, pid: Option<u32>) -> io::Result<Vec<OwnedFd>> {
    let mut binaries: Vec<(&str, Vec<u64>, bool)> = Vec::new();
    for point in points {
        let Target::Uprobe { path, file_offset, ret, .. } = &point.target else { continue };
        match binaries.iter_mut().find(|b| b.0 == path) {
            Some((_, offsets, _)) => offsets.push(*file_offset),
            None => binaries.push((path, vec![*file_offset], *ret)),
        }
    }
    let link = |(path, offsets, ret): &(&str, Vec<u64>, bool)| {
        let path = c_string(path).map_err(io::Error::other)?;
        bpf::uprobe_multi(program, Multi::Uprobe.attach_type(), &path, offsets, *ret, pid)
    };
    binaries.iter().map(link).collect()
}

/// The PMUs of dynamic probes, looked up once.
#[derive(Default)]
struct Pmus {
    kprobe: Option<Option<perf::ProbePmu>>,
    uprobe: Option<Option<perf::ProbePmu>>,
}

fn one(point: &AttachPoint, kind: ProgramKind, program: BorrowedFd<'_>, pid: Option<u32>, pmus: &mut Pmus) -> Result<Vec<OwnedFd>, String> {
    match &point.target {
        Target::Begin | Target::End | Target::Interval { .. } => Ok(Vec::new()),
        Target::Profile { period } => profile(*period, program),
        Target::Tracepoint { category, event } => tracepoint(category, event, program).map(|fd| vec![fd]),
        Target::RawTracepoint { .. } if kind == ProgramKind::TypedTracepoint => {
            typed(kind, program).map(|fd| vec![fd]).map_err(|e| format!("the kernel does not allow it: {e}"))
        }
        Target::RawTracepoint { event } => raw_tracepoint(event, program).map(|fd| vec![fd]),
        Target::Kprobe { function, module, offset, ret, by } => {
            let pmu = pmus.kprobe.get_or_insert_with(|| perf::ProbePmu::find("kprobe"));
            kprobe::one(*pmu, (function, module.as_deref(), *by), *offset, *ret, program)
        }
        Target::Uprobe { path, file_offset, ret, .. } => {
            let pmu = pmus.uprobe.get_or_insert_with(|| perf::ProbePmu::find("uprobe"));
            let pmu = pmu.ok_or("this kernel has no uprobes (it was built without CONFIG_UPROBE_EVENTS)")?;
            let name = c_string(path)?;
            let event = pmu
                .open(perf::Probed { path: &name, offset: *file_offset, semaphore: 0 }, *ret, pid)
                .map_err(|e| uprobe_reason(&e, path))?;
            started(event, program).map(|fd| vec![fd])
        }
        Target::Usdt { path, file_offset, semaphore } => {
            let pmu = pmus.uprobe.get_or_insert_with(|| perf::ProbePmu::find("uprobe"));
            let pmu = pmu.ok_or("this kernel has no uprobes (it was built without CONFIG_UPROBE_EVENTS)")?;
            let name = c_string(path)?;
            let event = pmu
                .open(perf::Probed { path: &name, offset: *file_offset, semaphore: *semaphore }, false, pid)
                .map_err(|e| uprobe_reason(&e, path))?;
            started(event, program).map(|fd| vec![fd])
        }
        Target::Signal { .. } | Target::Test { .. } | Target::Bench { .. } | Target::Iter { .. } => Ok(Vec::new()),
        Target::Fentry { function, ret } => {
            let kind = if *ret { ProgramKind::Fexit } else { ProgramKind::Fentry };
            typed(kind, program).map(|fd| vec![fd]).map_err(|e| format!("the kernel does not allow it on `{function}`: {e}"))
        }
        Target::Perf { kind, config, period } => perf_event(*kind, *config, *period, program, pid),
        Target::Watchpoint { address, length, mode } => watchpoint(*address, *length, *mode, program, pid),
    }
}

/// A program that was loaded for its place: by a link, or as kernels before 5.18 want it.
fn typed(kind: ProgramKind, program: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    match crate::sys::bpf::link_create(program, crate::load::attach_type(kind)) {
        Err(e) if e.raw_os_error() == Some(libc::EINVAL) => crate::sys::bpf::trampoline_open(program),
        link => link,
    }
}

fn c_string(text: &str) -> Result<CString, String> {
    CString::new(text).map_err(|_| "the name holds a NUL byte".to_string())
}

fn started(event: OwnedFd, program: BorrowedFd<'_>) -> Result<OwnedFd, String> {
    perf::run_program(event.as_fd(), program).map_err(|e| format!("the kernel refuses the program there: {e}"))?;
    Ok(event)
}

fn profile(period: Period, program: BorrowedFd<'_>) -> Result<Vec<OwnedFd>, String> {
    let (rate, nanos) = match period {
        Period::Hertz(rate) => (Some(rate), 0),
        Period::Nanos(n) => (None, n),
    };
    let mut out = Vec::new();
    for cpu in cpus::online() {
        let event = match perf::cpu_clock(cpu, rate, nanos) {
            Ok(event) => event,
            // A CPU may go offline between the list and the call.
            Err(e) if e.raw_os_error() == Some(libc::ENODEV) => continue,
            Err(e) if rate.is_some() && e.raw_os_error() == Some(libc::EINVAL) => {
                return Err("the rate is above the kernel's limit; see /proc/sys/kernel/perf_event_max_sample_rate".into());
            }
            Err(e) => return Err(format!("no timer can be had on CPU {cpu}: {e}")),
        };
        out.push(started(event, program)?);
    }
    Ok(out)
}

fn perf_event(kind: u32, config: u64, period: u64, program: BorrowedFd<'_>, pid: Option<u32>) -> Result<Vec<OwnedFd>, String> {
    let reason = |e: io::Error| match e.raw_os_error() {
        Some(libc::ENOENT | libc::EOPNOTSUPP) if kind == 0 => {
            "this machine has no hardware counters (virtual machines often have none); `software` events and `profile` work".to_string()
        }
        _ => format!("the kernel refuses the event: {e}"),
    };
    let mut out = Vec::new();
    let cpus = if pid.is_some() { vec![0] } else { cpus::online() };
    for cpu in cpus {
        let event = match perf::event(kind, config, period, cpu, pid) {
            Ok(event) => event,
            Err(e) if e.raw_os_error() == Some(libc::ENODEV) => continue,
            Err(e) => return Err(reason(e)),
        };
        out.push(started(event, program)?);
    }
    Ok(out)
}

fn watchpoint(address: u64, length: u64, mode: u32, program: BorrowedFd<'_>, pid: Option<u32>) -> Result<Vec<OwnedFd>, String> {
    let reason = |e: io::Error| match e.raw_os_error() {
        Some(libc::ENOSPC) => "all hardware breakpoints are in use".to_string(),
        _ => format!("the kernel refuses the watchpoint: {e}"),
    };
    let mut out = Vec::new();
    match pid {
        Some(pid) => {
            let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).map_err(|e| e.to_string())?;
            for tid in tasks.flatten().filter_map(|t| t.file_name().to_str()?.parse().ok()) {
                let event = perf::watchpoint(address, length, mode, 0, Some(tid)).map_err(reason)?;
                out.push(started(event, program)?);
            }
        }
        None => {
            for cpu in cpus::online() {
                let event = perf::watchpoint(address, length, mode, cpu, None).map_err(reason)?;
                out.push(started(event, program)?);
            }
        }
    }
    Ok(out)
}

fn tracepoint(category: &str, event: &str, program: BorrowedFd<'_>) -> Result<OwnedFd, String> {
    let dir = mount::tracefs().map_err(|e| format!("tracefs can't be mounted: {e}"))?;
    let path = dir.join("events").join(category).join(event).join("id");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{} can't be read: {e}", path.display()))?;
    let id = text.trim().parse().map_err(|_| format!("{} holds no number", path.display()))?;
    let event = perf::tracepoint(id).map_err(|e| format!("the kernel refuses the tracepoint: {e}"))?;
    started(event, program)
}

fn raw_tracepoint(event: &str, program: BorrowedFd<'_>) -> Result<OwnedFd, String> {
    crate::sys::bpf::raw_tracepoint_open(&c_string(event)?, program).map_err(|e| match e.raw_os_error() {
        Some(libc::ENOENT) => "there is no such raw tracepoint; names have no category, such as `sys_enter`".into(),
        Some(libc::EINVAL) => "the action reads more arguments than this tracepoint has".into(),
        _ => format!("the kernel refuses it: {e}"),
    })
}

fn uprobe_reason(e: &io::Error, path: &str) -> String {
    match e.raw_os_error() {
        Some(libc::ENOENT) => format!("there is no file {path}"),
        Some(libc::EINVAL) => {
            "the kernel does not take this offset of the file (is it within the code, at the start of an instruction?)".into()
        }
        Some(libc::ESRCH) => "there is no process with that id".into(),
        _ => format!("the kernel refuses it: {e}"),
    }
}
