//! The kernel's own figures of BPF programs. Layouts are those of include/uapi/linux/bpf.h.

use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

const PROG_GET_FD_BY_ID: i64 = 13;
const OBJ_GET_INFO_BY_FD: i64 = 15;
const ENABLE_STATS: i64 = 32;

/// What the kernel says of some programs together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    /// Runs, and nanoseconds in them.
    pub runs: u64,
    /// See `runs`.
    pub nanos: u64,
    /// Instructions after the verifier's rewriting.
    pub instructions: u64,
    /// Bytes of machine code.
    pub machine: u64,
}

/// The head of `struct bpf_prog_info`, up to the members that are read here.
#[repr(C)]
#[derive(Clone, Copy)]
struct ProgInfo {
    kind: u32,
    id: u32,
    tag: [u8; 8],
    jited_len: u32,
    xlated_len: u32,
    pointers: [u64; 2],
    load_time: u64,
    uid: u32,
    map_count: u32,
    map_ids: u64,
    name: [u8; 16],
    ifindex: u32,
    gpl: u32,
    netns: [u64; 2],
    ksyms: [u32; 2],
    ksym_pointers: [u64; 2],
    btf: [u32; 2],
    func_info: u64,
    counts: [u32; 2],
    line_info: [u64; 2],
    line_counts: [u32; 4],
    prog_tags: u64,
    run_nanos: u64,
    runs: u64,
}

fn bpf<T>(command: i64, attr: &mut T) -> io::Result<OwnedFd> {
    // SAFETY: the kernel reads and writes `size_of::<T>()` bytes of `attr`, which holds integers.
    let ret = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attr), size_of::<T>()) };
    if ret < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just returned this descriptor to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(ret as i32) })
}

/// Has the kernel count runs and their time while this is open (`BPF_STATS_RUN_TIME`).
pub fn enable() -> Result<OwnedFd> {
    bpf(ENABLE_STATS, &mut 0u32).context("the kernel does not give statistics of BPF programs")
}

fn info(id: u32) -> io::Result<ProgInfo> {
    let program = bpf(PROG_GET_FD_BY_ID, &mut [id, 0, 0])?;
    // SAFETY: all-zero is a valid value of these integers.
    let mut info: ProgInfo = unsafe { std::mem::zeroed() };
    let at = std::ptr::from_mut(&mut info) as u64;
    let mut attr = [u64::from(program.as_raw_fd() as u32) | (size_of::<ProgInfo>() as u64) << 32, at];
    // SAFETY: as in `bpf`; this command returns 0 instead of a descriptor.
    let ret = unsafe { libc::syscall(libc::SYS_bpf, OBJ_GET_INFO_BY_FD, attr.as_mut_ptr(), size_of_val(&attr)) };
    if ret < 0 { Err(io::Error::last_os_error()) } else { Ok(info) }
}

/// The programs that a process holds.
pub fn programs(pid: u32) -> BTreeSet<u32> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fdinfo")) else { return BTreeSet::new() };
    let texts = entries.flatten().filter_map(|e| fs::read_to_string(e.path()).ok());
    texts.filter_map(|t| t.lines().find_map(|l| l.strip_prefix("prog_id:")?.trim().parse().ok())).collect()
}

/// The figures of programs that are there; those of `begin` and the like, which ran at most once, are left out.
pub fn stats(ids: &BTreeSet<u32>) -> Stats {
    let mut out = Stats::default();
    for info in ids.iter().filter_map(|id| info(*id).ok()).filter(|i| i.runs > 1) {
        out.runs += info.runs;
        out.nanos += info.run_nanos;
        out.instructions += u64::from(info.xlated_len) / 8;
        out.machine += u64::from(info.jited_len);
    }
    out
}

/// Whether one of the programs is still loaded.
pub fn alive(ids: &BTreeSet<u32>) -> bool {
    ids.iter().any(|id| info(*id).is_ok())
}
