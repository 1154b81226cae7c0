//! File systems that tracing needs and that nobody may have mounted yet.

use std::ffi::CString;
use std::io;
use std::path::{Path, PathBuf};

/// Where tracefs belongs.
const TRACEFS: &str = "/sys/kernel/tracing";
/// Where older systems have it.
const DEBUGFS_TRACING: &str = "/sys/kernel/debug/tracing";

/// Where pins are.
const BPFFS: &str = "/sys/fs/bpf";

/// Mounts bpffs if it is not.
pub fn bpffs() -> io::Result<()> {
    let mounts = std::fs::read_to_string("/proc/self/mounts")?;
    if mounts.lines().any(|l| l.split(' ').nth(1) == Some(BPFFS)) {
        return Ok(());
    }
    let (name, dir) = (CString::new("bpf")?, CString::new(BPFFS)?);
    // SAFETY: all pointers are to strings that live through the call.
    let ret = unsafe { libc::mount(name.as_ptr(), dir.as_ptr(), name.as_ptr(), 0, std::ptr::null()) };
    if ret < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The folder of tracefs, mounted if it was not.
pub fn tracefs() -> io::Result<PathBuf> {
    for dir in [TRACEFS, DEBUGFS_TRACING] {
        if Path::new(dir).join("events").is_dir() {
            return Ok(dir.into());
        }
    }
    let (name, dir) = (CString::new("tracefs")?, CString::new(TRACEFS)?);
    // SAFETY: all pointers are to strings that live through the call.
    let ret = unsafe { libc::mount(name.as_ptr(), dir.as_ptr(), name.as_ptr(), 0, std::ptr::null()) };
    if ret < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(TRACEFS.into())
}
