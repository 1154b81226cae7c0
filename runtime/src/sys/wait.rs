//! Things that a session waits for: timers, signals, processes.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

fn owned(fd: i64) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just returned this descriptor to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// A timer that is readable after every `nanos`.
pub fn timer(nanos: u64) -> io::Result<OwnedFd> {
    // SAFETY: plain integers.
    let fd = owned(i64::from(unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) }))?;
    let t = libc::timespec { tv_sec: (nanos / 1_000_000_000) as libc::time_t, tv_nsec: (nanos % 1_000_000_000) as libc::c_long };
    let spec = libc::itimerspec { it_interval: t, it_value: t };
    // SAFETY: `spec` lives through the call; the old value is not asked for.
    if unsafe { libc::timerfd_settime(fd.as_raw_fd(), 0, &raw const spec, std::ptr::null_mut()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(fd)
}

/// How often a timer ran out since the last call.
pub fn timer_ticks(fd: BorrowedFd<'_>) -> u64 {
    let mut n = [0u8; 8];
    // SAFETY: eight bytes are read into eight bytes.
    let got = unsafe { libc::read(fd.as_raw_fd(), n.as_mut_ptr().cast(), 8) };
    if got == 8 { u64::from_ne_bytes(n) } else { 0 }
}

/// Blocks the signals that end a session or ask it something, and returns a descriptor that reads them.
pub fn signals(list: &[i32]) -> io::Result<OwnedFd> {
    // SAFETY: the set is initialised by sigemptyset before it is used.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for s in list {
            libc::sigaddset(&raw mut set, *s);
        }
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        owned(i64::from(libc::signalfd(-1, &raw const set, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC)))
    }
}

/// The next signal that arrived.
pub fn next_signal(fd: BorrowedFd<'_>) -> Option<i32> {
    // SAFETY: the kernel writes one whole record or nothing.
    unsafe {
        let mut info: libc::signalfd_siginfo = std::mem::zeroed();
        let size = size_of::<libc::signalfd_siginfo>();
        let got = libc::read(fd.as_raw_fd(), (&raw mut info).cast(), size);
        (got == size as isize).then_some(info.ssi_signo as i32)
    }
}

/// A descriptor that is readable when the process has ended.
pub fn process(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: plain integers.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })
}

/// Waits until one of the descriptors is readable; tells which are.
pub fn poll(fds: &[BorrowedFd<'_>], timeout_ms: i32) -> io::Result<Vec<bool>> {
    let mut list: Vec<libc::pollfd> = fds.iter().map(|f| libc::pollfd { fd: f.as_raw_fd(), events: libc::POLLIN, revents: 0 }).collect();
    // SAFETY: the list lives through the call and its length is given.
    let ret = unsafe { libc::poll(list.as_mut_ptr(), list.len() as libc::nfds_t, timeout_ms) };
    if ret < 0 {
        let e = io::Error::last_os_error();
        if e.kind() != io::ErrorKind::Interrupted {
            return Err(e);
        }
        return Ok(vec![false; fds.len()]);
    }
    Ok(list.iter().map(|p| p.revents != 0).collect())
}

/// What is to be added to CLOCK_BOOTTIME for the wall clock, in nanoseconds.
pub fn wall_delta() -> u64 {
    let read = |clock| {
        let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `t` lives through the call.
        unsafe { libc::clock_gettime(clock, &raw mut t) };
        t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
    };
    read(libc::CLOCK_REALTIME).wrapping_sub(read(libc::CLOCK_BOOTTIME))
}

/// Nanoseconds of CLOCK_MONOTONIC.
pub fn monotonic_nanos() -> u64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `t` lives through the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut t) };
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}
