//! Constants that C headers define by `#define` and the kernel's BTF therefore lacks; values of x86-64.
//!
//! One file per subject. What BTF has comes first: the checker asks it before this table. The values are those of kernel
//! 6.19; they have been compared with 5.10, 6.1 and 6.12, and what differs is in [`VERSIONED`]. What moved at an unknown
//! version is left out, so that the script's author hears of it: most of `LOOKUP_*` (include/linux/namei.h), `DCACHE_*`
//! (by 6.18 an enumeration, and so in BTF), `HZ` (the kernel's configuration).

mod block;
mod calls;
mod devices;
mod errno;
mod files;
mod io;
mod ioctl;
mod limits;
mod memory;
mod mounts;
mod net;
mod process;
mod signals;
mod sockets;
mod syscalls;
mod table;
#[cfg(test)]
mod tests;

pub use errno::{errno_name, strerror};
pub use signals::{signal_name, strsignal};
pub use syscalls::syscall_name;

/// Every group of names; no name is in two.
const GROUPS: &[&[(&str, i64)]] = &[
    errno::ERRNO,
    signals::SIGNALS,
    sockets::SOCKETS,
    net::NET,
    devices::DEVICES,
    files::FILES,
    mounts::MOUNTS,
    memory::MEMORY,
    process::PROCESS,
    calls::CALLS,
    io::IO,
    block::BLOCK,
    ioctl::IOCTL,
    limits::LIMITS,
    syscalls::SYSCALLS,
];

/// What a name meant before a kernel version: `(name, version, value)`. Of one name the oldest version comes first.
const VERSIONED: &[(&str, (u32, u32), i64)] = &[
    // include/linux/gfp.h: `__GFP_ATOMIC` went, and GFP_NOWAIT got `__GFP_NOWARN`.
    ("GFP_ATOMIC", (6, 3), 0xa20),
    ("GFP_NOWAIT", (6, 8), 0x800),
    // include/linux/mmzone.h: the number of orders became the highest order; since 6.8 it is MAX_PAGE_ORDER.
    ("MAX_ORDER", (6, 4), 11),
    // include/linux/sched.h: TASK_WAKEKILL is no longer in it.
    ("TASK_TRACED", (5, 19), 0x108),
    // include/linux/fs.h.
    ("FMODE_NONOTIFY", (6, 10), 0x4000000),
    // include/linux/kallsyms.h.
    ("KSYM_NAME_LEN", (6, 1), 128),
];

/// The value of a constant, on the newest kernel.
pub fn lookup(name: &str) -> Option<i64> {
    // `SYS_read` is C libraries' name of `__NR_read`.
    let call = name.strip_prefix("SYS_").map(|call| format!("__NR_{call}"));
    table::find(name).or_else(|| table::find(&call?)).or_else(|| Some(limits::UNSIGNED.iter().find(|c| c.0 == name)?.1 as i64))
}

/// [`lookup`] by its first name.
pub fn constant(name: &str) -> Option<i64> {
    lookup(name)
}

/// The value of a constant on a kernel, whose `(major, minor)` is asked only if it matters.
pub fn lookup_for(name: &str, version: impl Fn() -> (u32, u32)) -> Option<i64> {
    match VERSIONED.iter().find(|row| row.0 == name && version() < row.1) {
        Some(row) => Some(row.2),
        None => lookup(name),
    }
}

/// Whether a constant's value is an unsigned number of 64 bits of 2^63 or more.
pub fn unsigned(name: &str) -> bool {
    limits::UNSIGNED.iter().any(|c| c.0 == name)
}

/// The enumerator that holds the number of a flag's one bit. Where BTF has it, the flag is the bit of that number, whatever
/// [`lookup`] says: such flags move between kernels.
pub fn bit(name: &str) -> Option<String> {
    if let Some(flag) = name.strip_prefix("__GFP_") {
        return Some(format!("___GFP_{flag}_BIT"));
    }
    if let Some(flag) = name.strip_prefix("VM_") {
        return Some(format!("VMA_{flag}_BIT"));
    }
    (name.starts_with("REQ_") || name.starts_with("RQF_")).then(|| format!("__{name}"))
}

/// All names, to find one like another.
pub fn names() -> impl Iterator<Item = &'static str> {
    table::names().chain(limits::UNSIGNED.iter().map(|c| c.0))
}
