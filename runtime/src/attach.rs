//! Puts programs on their attach points: all of them, or none.

use crate::load::Loaded;
use crate::sys::{cpus, mount, perf};
use codegen::manifest::{AttachPoint, MissingProbes, Period, Target};
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
    /// Attach points that were refused and, by `missing_probes`, are only warned of.
    pub missing: Vec<AttachError>,
}

/// Attaches everything that is not fired by the runtime itself.
pub fn attach(loaded: &Loaded, pid: Option<u32>) -> Result<Attached, AttachError> {
    let mut out = Attached::default();
    let mut pmus = Pmus::default();
    for (info, program) in loaded.manifest.programs.iter().zip(&loaded.programs) {
        for point in &info.attach {
            match one(point, program.as_fd(), pid, &mut pmus) {
                Ok(fds) => out.fds.extend(fds),
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
    }
    Ok(out)
}

/// The PMUs of dynamic probes, looked up once.
#[derive(Default)]
struct Pmus {
    kprobe: Option<Option<perf::ProbePmu>>,
    uprobe: Option<Option<perf::ProbePmu>>,
}

fn one(point: &AttachPoint, program: BorrowedFd<'_>, pid: Option<u32>, pmus: &mut Pmus) -> Result<Vec<OwnedFd>, String> {
    match &point.target {
        Target::Begin | Target::End | Target::Interval { .. } => Ok(Vec::new()),
        Target::Profile { period } => profile(*period, program),
        Target::Tracepoint { category, event } => tracepoint(category, event, program).map(|fd| vec![fd]),
        Target::RawTracepoint { event } => raw_tracepoint(event, program).map(|fd| vec![fd]),
        Target::Kprobe { function, offset, ret } => {
            let pmu = pmus.kprobe.get_or_insert_with(|| perf::ProbePmu::find("kprobe"));
            let pmu =
                pmu.ok_or("this kernel has no kprobes (it was built without CONFIG_KPROBE_EVENTS); look for a tracepoint with `-l`")?;
            let name = c_string(function)?;
            let event = pmu.open(&name, *offset, *ret, None).map_err(|e| kprobe_reason(&e, function))?;
            started(event, program).map(|fd| vec![fd])
        }
        Target::Uprobe { path, file_offset, ret, .. } => {
            let pmu = pmus.uprobe.get_or_insert_with(|| perf::ProbePmu::find("uprobe"));
            let pmu = pmu.ok_or("this kernel has no uprobes (it was built without CONFIG_UPROBE_EVENTS)")?;
            let name = c_string(path)?;
            let event = pmu.open(&name, *file_offset, *ret, pid).map_err(|e| uprobe_reason(&e, path))?;
            started(event, program).map(|fd| vec![fd])
        }
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

fn kprobe_reason(e: &io::Error, function: &str) -> String {
    match e.raw_os_error() {
        Some(libc::ENOENT) => format!("the kernel has no function `{function}`, or it was inlined"),
        Some(libc::EINVAL) => format!("the kernel does not allow a kprobe on `{function}`, or not at this offset"),
        Some(libc::EADDRNOTAVAIL) => format!("`{function}` is ambiguous: several functions have that name"),
        Some(libc::EILSEQ) => "the offset lies within an instruction".into(),
        _ => format!("the kernel refuses it: {e}"),
    }
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
