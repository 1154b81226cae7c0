//! perf_event_open(2): tracepoints, kprobes, uprobes and the CPU clock, each with a BPF program on it.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// `struct perf_event_attr` up to `config2` (`PERF_ATTR_SIZE_VER1`, include/uapi/linux/perf_event.h).
#[repr(C)]
#[derive(Default)]
struct Attr {
    kind: u32,
    size: u32,
    config: u64,
    sample: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    bp_type: u32,
    config1: u64,
    config2: u64,
}

const TYPE_SOFTWARE: u32 = 1;
const TYPE_TRACEPOINT: u32 = 2;
const TYPE_BREAKPOINT: u32 = 5;
const SW_CPU_CLOCK: u64 = 0;
/// The bit `freq` of the flags: `sample` is a rate, not a period.
const FLAG_FREQ: u64 = 1 << 10;
const SW_DUMMY: u64 = 9;
/// The bits `mmap`, `task`, `watermark` and `mmap2`.
const FLAG_MMAP: u64 = 1 << 8;
const FLAG_TASK: u64 = 1 << 13;
const FLAG_WATERMARK: u64 = 1 << 14;
const FLAG_MMAP2: u64 = 1 << 23;
/// The bit `inherit`: children and threads are counted too.
const FLAG_INHERIT: u64 = 1 << 1;
const FLAG_FD_CLOEXEC: u64 = 1 << 3;
/// `PERF_EVENT_IOC_ENABLE` and `PERF_EVENT_IOC_SET_BPF`.
const IOC_ENABLE: u64 = 0x2400;
const IOC_SET_BPF: u64 = 0x4004_2408;

fn open(attr: &mut Attr, pid: i32, cpu: i32) -> io::Result<OwnedFd> {
    attr.size = size_of::<Attr>() as u32;
    // SAFETY: `attr` lives through the call and says its own size.
    let ret = unsafe { libc::syscall(libc::SYS_perf_event_open, std::ptr::from_ref(attr), pid, cpu, -1, FLAG_FD_CLOEXEC) };
    if ret < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just returned this descriptor to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(ret as RawFd) })
}

/// Puts a program on an event and starts it.
pub fn run_program(event: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    for (request, arg) in [(IOC_SET_BPF, program.as_raw_fd()), (IOC_ENABLE, 0)] {
        // SAFETY: both requests take an integer.
        if unsafe { libc::ioctl(event.as_raw_fd(), request, arg) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// A tracepoint by its number in tracefs. One event on one CPU serves the programs of all.
pub fn tracepoint(id: u64) -> io::Result<OwnedFd> {
    open(&mut Attr { kind: TYPE_TRACEPOINT, config: id, sample: 1, ..Attr::default() }, -1, 0)
}

/// The CPU clock of one CPU: `rate` times a second, or every `nanos`.
pub fn cpu_clock(cpu: u32, rate: Option<u64>, nanos: u64) -> io::Result<OwnedFd> {
    let mut attr = Attr { kind: TYPE_SOFTWARE, config: SW_CPU_CLOCK, sample: rate.unwrap_or(nanos), ..Attr::default() };
    if rate.is_some() {
        attr.flags |= FLAG_FREQ;
    }
    open(&mut attr, -1, cpu as i32)
}

/// An event of perf, every `period`th: on a CPU, or (`pid`) in a process with its threads to come.
pub fn event(kind: u32, config: u64, period: u64, cpu: u32, pid: Option<u32>) -> io::Result<OwnedFd> {
    let mut attr = Attr { kind, config, sample: period, ..Attr::default() };
    match pid {
        Some(pid) => {
            attr.flags |= FLAG_INHERIT;
            open(&mut attr, pid as i32, -1)
        }
        None => open(&mut attr, -1, cpu as i32),
    }
}

/// A hardware breakpoint: on a CPU, or in a thread and those that it starts.
pub fn watchpoint(address: u64, length: u64, mode: u32, cpu: u32, tid: Option<u32>) -> io::Result<OwnedFd> {
    let mut attr =
        Attr { kind: TYPE_BREAKPOINT, sample: 1, bp_type: mode, config1: address, config2: length, wakeup_events: 1, ..Attr::default() };
    if mode == 4 {
        // HW_BREAKPOINT_X wants the length of a long.
        attr.config2 = 8;
    }
    match tid {
        Some(tid) => {
            attr.flags |= FLAG_INHERIT;
            open(&mut attr, tid as i32, -1)
        }
        None => open(&mut attr, -1, cpu as i32),
    }
}

/// An event that never happens, but tells of what processes on a CPU map, that they fork and end; readable at so many bytes.
pub fn processes(cpu: u32, watermark: u32) -> io::Result<OwnedFd> {
    let flags = FLAG_MMAP | FLAG_TASK | FLAG_WATERMARK | FLAG_MMAP2;
    open(&mut Attr { kind: TYPE_SOFTWARE, config: SW_DUMMY, flags, wakeup_events: watermark, ..Attr::default() }, -1, cpu as i32)
}

/// A dynamic probe's perf PMU: its type and the config bit for return probes.
#[derive(Clone, Copy, Debug)]
pub struct ProbePmu {
    kind: u32,
    ret_bit: u32,
}

impl ProbePmu {
    /// `kprobe` or `uprobe`; `None` if the kernel has none (no CONFIG_KPROBE_EVENTS, CONFIG_UPROBE_EVENTS).
    pub fn find(name: &str) -> Option<ProbePmu> {
        let dir = format!("/sys/bus/event_source/devices/{name}");
        let kind = std::fs::read_to_string(format!("{dir}/type")).ok()?.trim().parse().ok()?;
        let format = std::fs::read_to_string(format!("{dir}/format/retprobe")).unwrap_or_default();
        let ret_bit = format.trim().strip_prefix("config:").and_then(|b| b.parse().ok()).unwrap_or(0);
        Some(ProbePmu { kind, ret_bit })
    }

    /// A probe on a named place; of one process if `pid` is given.
    pub fn open(self, what: Probed<'_>, ret: bool, pid: Option<u32>) -> io::Result<OwnedFd> {
        let config = self.config(ret) | what.semaphore << 32;
        let mut attr = Attr { kind: self.kind, config, config1: what.path.as_ptr() as u64, config2: what.offset, ..Attr::default() };
        match pid {
            Some(pid) => open(&mut attr, pid as i32, -1),
            None => open(&mut attr, -1, 0),
        }
    }

    /// A kprobe on an address.
    pub fn open_at(self, address: u64, ret: bool) -> io::Result<OwnedFd> {
        open(&mut Attr { kind: self.kind, config: self.config(ret), config2: address, ..Attr::default() }, -1, 0)
    }

    fn config(self, ret: bool) -> u64 {
        if ret { 1 << self.ret_bit } else { 0 }
    }
}

/// What a dynamic probe is put on.
#[derive(Clone, Copy, Debug)]
pub struct Probed<'a> {
    /// A function's name, or a binary's path.
    pub path: &'a CStr,
    /// Bytes from there.
    pub offset: u64,
    /// Where in the file a word is that counts the tracers, 0 for none (bits 32 and up of the config,
    /// `PERF_UPROBE_REF_CTR_OFFSET_SHIFT` of kernel/events/core.c).
    pub semaphore: u64,
}
