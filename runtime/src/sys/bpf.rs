//! Our own page of bpf(2). Layouts are those of `union bpf_attr` in include/uapi/linux/bpf.h.

use aya_obj::generated::{bpf_insn, bpf_map_info};
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

const MAP_CREATE: i64 = 0;
const MAP_LOOKUP_ELEM: i64 = 1;
const MAP_UPDATE_ELEM: i64 = 2;
const MAP_DELETE_ELEM: i64 = 3;
const MAP_GET_NEXT_KEY: i64 = 4;
const PROG_LOAD: i64 = 5;
const PROG_TEST_RUN: i64 = 10;
const OBJ_GET_INFO_BY_FD: i64 = 15;
const RAW_TRACEPOINT_OPEN: i64 = 17;
const OBJ_PIN: i64 = 6;
const BTF_LOAD: i64 = 18;
const LINK_CREATE: i64 = 28;
const ENABLE_STATS: i64 = 32;
const ITER_CREATE: i64 = 33;
const MAP_FREEZE: i64 = 22;

/// `BPF_F_MMAPABLE`
pub const F_MMAPABLE: u32 = 1 << 10;
/// `BPF_F_RDONLY_PROG`
pub const F_RDONLY_PROG: u32 = 1 << 7;
/// `BPF_MAP_TYPE_ARRAY`
pub const MAP_TYPE_ARRAY: u32 = 2;

/// Calls bpf(2) with an attribute block.
pub(super) fn bpf<T>(command: i64, attr: &mut T) -> io::Result<i64> {
    // SAFETY: the kernel reads and writes `size_of::<T>()` bytes of `attr`; pointers in it are made from live borrows.
    let ret = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attr), size_of::<T>()) };
    if ret >= 0 {
        return Ok(ret);
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() == Some(libc::EPERM) && matches!(command, MAP_CREATE | PROG_LOAD) && raise_memlock() {
        return bpf(command, attr);
    }
    Err(error)
}

/// Before 5.11 maps and programs count as locked memory, whose limit is low by default. True if it was raised just now.
fn raise_memlock() -> bool {
    static TRIED: AtomicBool = AtomicBool::new(false);
    let limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: reads the structure.
    !TRIED.swap(true, Ordering::Relaxed) && unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit) } == 0
}

fn new_fd(ret: i64) -> OwnedFd {
    // SAFETY: the kernel just returned this descriptor to us alone.
    unsafe { OwnedFd::from_raw_fd(ret as RawFd) }
}

/// At most 15 bytes of a name with the characters that the kernel takes.
fn object_name(name: &str) -> [u8; 16] {
    let mut out = [0u8; 16];
    let legal = name.bytes().map(|b| if b.is_ascii_alphanumeric() || b == b'_' || b == b'.' { b } else { b'_' });
    for (o, b) in out[..15].iter_mut().zip(legal) {
        *o = b;
    }
    out
}

#[repr(C)]
#[derive(Default)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
    inner_map_fd: u32,
    numa_node: u32,
    map_name: [u8; 16],
}

/// What a map is to be.
#[derive(Clone, Copy, Debug)]
pub struct MapShape<'a> {
    /// Its name; 15 bytes are kept.
    pub name: &'a str,
    /// `BPF_MAP_TYPE_*`
    pub kind: u32,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// Capacity.
    pub max_entries: u32,
    /// `BPF_F_*`
    pub flags: u32,
}

/// Creates a map.
pub fn map_create(shape: &MapShape<'_>) -> io::Result<OwnedFd> {
    let mut attr = MapCreate {
        map_type: shape.kind,
        key_size: shape.key_size,
        value_size: shape.value_size,
        max_entries: shape.max_entries,
        map_flags: shape.flags,
        map_name: object_name(shape.name),
        ..MapCreate::default()
    };
    bpf(MAP_CREATE, &mut attr).map(new_fd)
}

#[repr(C)]
#[derive(Default)]
struct MapElem {
    map_fd: u32,
    pad: u32,
    key: u64,
    value: u64,
    flags: u64,
}

fn elem(fd: BorrowedFd<'_>, key: u64, value: u64) -> MapElem {
    MapElem { map_fd: fd.as_raw_fd() as u32, key, value, ..MapElem::default() }
}

fn addr<T>(slice: &[T]) -> u64 {
    slice.as_ptr() as u64
}

/// Reads the value of a key; false if it is not there. `value` has the size of the value (for every possible CPU).
pub fn map_lookup(fd: BorrowedFd<'_>, key: &[u8], value: &mut [u8]) -> io::Result<bool> {
    let mut attr = elem(fd, addr(key), value.as_mut_ptr() as u64);
    match bpf(MAP_LOOKUP_ELEM, &mut attr) {
        Ok(_) => Ok(true),
        Err(e) if e.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(e) => Err(e),
    }
}

/// Sets the value of a key.
pub fn map_update(fd: BorrowedFd<'_>, key: &[u8], value: &[u8]) -> io::Result<()> {
    bpf(MAP_UPDATE_ELEM, &mut elem(fd, addr(key), addr(value))).map(drop)
}

/// Deletes a key; one that is not there is no error.
pub fn map_delete(fd: BorrowedFd<'_>, key: &[u8]) -> io::Result<()> {
    match bpf(MAP_DELETE_ELEM, &mut elem(fd, addr(key), 0)) {
        Err(e) if e.raw_os_error() != Some(libc::ENOENT) => Err(e),
        _ => Ok(()),
    }
}

/// The key after `key` (`None`: the first); false at the end.
pub fn map_next_key(fd: BorrowedFd<'_>, key: Option<&[u8]>, next: &mut [u8]) -> io::Result<bool> {
    let mut attr = elem(fd, key.map_or(0, addr), next.as_mut_ptr() as u64);
    match bpf(MAP_GET_NEXT_KEY, &mut attr) {
        Ok(_) => Ok(true),
        Err(e) if e.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(e) => Err(e),
    }
}

/// Makes a map unchangeable for user space.
pub fn map_freeze(fd: BorrowedFd<'_>) -> io::Result<()> {
    bpf(MAP_FREEZE, &mut elem(fd, 0, 0)).map(drop)
}

#[repr(C)]
#[derive(Default)]
struct ProgLoad {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
    prog_btf_fd: u32,
    func_info_rec_size: u32,
    func_info: u64,
    func_info_cnt: u32,
    line_info_rec_size: u32,
    line_info: u64,
    line_info_cnt: u32,
    attach_btf_id: u32,
    attach_prog_fd: u32,
    pad: u32,
}

#[repr(C)]
#[derive(Default)]
struct BtfLoad {
    btf: u64,
    log_buf: u64,
    size: u32,
    log_size: u32,
    log_level: u32,
    pad: u32,
}

/// Loads type information.
pub fn btf_load(data: &[u8]) -> io::Result<OwnedFd> {
    let mut attr = BtfLoad { btf: addr(data), size: data.len() as u32, ..BtfLoad::default() };
    bpf(BTF_LOAD, &mut attr).map(new_fd)
}

/// The functions of a program: type information, and `(index of the first instruction, type)` of each.
#[derive(Debug)]
pub struct FunctionInfo {
    /// The type information.
    pub btf: OwnedFd,
    /// `struct bpf_func_info`
    pub info: Vec<[u32; 2]>,
}

/// Loads a program. `attach`: the attach type that it expects and the number of the BTF type that it attaches to, 0 for none. The log is asked for only if `log` has room, because making it costs time.
pub fn prog_load(
    name: &str,
    kind: u32,
    insns: &[bpf_insn],
    license: &CStr,
    functions: Option<&FunctionInfo>,
    attach: (u32, u32),
    log: &mut [u8],
) -> io::Result<OwnedFd> {
    let mut attr = ProgLoad {
        prog_type: kind,
        insn_cnt: insns.len() as u32,
        insns: addr(insns),
        license: license.as_ptr() as u64,
        prog_name: object_name(name),
        ..ProgLoad::default()
    };
    (attr.expected_attach_type, attr.attach_btf_id) = attach;
    if let Some(f) = functions {
        attr.prog_btf_fd = f.btf.as_raw_fd() as u32;
        attr.func_info_rec_size = 8;
        attr.func_info = addr(&f.info);
        attr.func_info_cnt = f.info.len() as u32;
    }
    if !log.is_empty() {
        attr.log_level = 1;
        attr.log_size = log.len() as u32;
        attr.log_buf = log.as_mut_ptr() as u64;
    }
    bpf(PROG_LOAD, &mut attr).map(new_fd)
}

#[repr(C)]
#[derive(Default)]
struct LinkCreate {
    prog_fd: u32,
    target: u32,
    attach_type: u32,
    flags: u32,
    extra: [u64; 4],
}

/// Attaches a program by a link of its own attach type.
pub fn link_create(program: BorrowedFd<'_>, attach_type: u32) -> io::Result<OwnedFd> {
    let mut attr = LinkCreate { prog_fd: program.as_raw_fd() as u32, attach_type, ..LinkCreate::default() };
    bpf(LINK_CREATE, &mut attr).map(new_fd)
}

#[repr(C)]
struct KprobeMulti {
    prog_fd: u32,
    target: u32,
    attach_type: u32,
    flags: u32,
    multi_flags: u32,
    count: u32,
    symbols: u64,
    addresses: u64,
    cookies: u64,
}

/// `BPF_F_KPROBE_MULTI_RETURN`
const KPROBE_MULTI_RETURN: u32 = 1;

/// Kernel functions.
#[derive(Clone, Copy, Debug)]
pub enum Functions<'a> {
    /// By their symbols.
    Names(&'a [&'a CStr]),
    /// By where they begin.
    Addresses(&'a [u64]),
}

/// Attaches a program to many kernel functions by one link. None at all is always refused, with EOPNOTSUPP where the kernel was
/// built without what this needs.
pub fn kprobe_multi(program: BorrowedFd<'_>, attach_type: u32, functions: Functions<'_>, ret: bool) -> io::Result<OwnedFd> {
    let symbols: Vec<u64> = match functions {
        Functions::Names(names) => names.iter().map(|f| f.as_ptr() as u64).collect(),
        Functions::Addresses(_) => Vec::new(),
    };
    let (symbols, addresses, count) = match functions {
        Functions::Names(_) => (symbols.as_ptr() as u64, 0, symbols.len()),
        Functions::Addresses(list) => (0, list.as_ptr() as u64, list.len()),
    };
    let mut attr = KprobeMulti {
        prog_fd: program.as_raw_fd() as u32,
        target: 0,
        attach_type,
        flags: 0,
        multi_flags: if ret { KPROBE_MULTI_RETURN } else { 0 },
        count: count as u32,
        symbols,
        addresses,
        cookies: 0,
    };
    bpf(LINK_CREATE, &mut attr).map(new_fd)
}

#[repr(C)]
struct UprobeMulti {
    prog_fd: u32,
    target: u32,
    attach_type: u32,
    flags: u32,
    path: u64,
    offsets: u64,
    ref_ctr_offsets: u64,
    cookies: u64,
    count: u32,
    multi_flags: u32,
    pid: u32,
    pad: u32,
}

/// `BPF_F_UPROBE_MULTI_RETURN`
const UPROBE_MULTI_RETURN: u32 = 1;

/// Attaches a program at many offsets of a file by one link; with a process id, to that process alone.
pub fn uprobe_multi(
    program: BorrowedFd<'_>,
    attach_type: u32,
    path: &CStr,
    offsets: &[u64],
    ret: bool,
    pid: Option<u32>,
) -> io::Result<OwnedFd> {
    let mut attr = UprobeMulti {
        prog_fd: program.as_raw_fd() as u32,
        target: 0,
        attach_type,
        flags: 0,
        path: path.as_ptr() as u64,
        offsets: offsets.as_ptr() as u64,
        ref_ctr_offsets: 0,
        cookies: 0,
        count: offsets.len() as u32,
        multi_flags: if ret { UPROBE_MULTI_RETURN } else { 0 },
        pid: pid.unwrap_or(0),
        pad: 0,
    };
    bpf(LINK_CREATE, &mut attr).map(new_fd)
}

#[repr(C)]
#[derive(Default)]
struct IterCreate {
    link_fd: u32,
    flags: u32,
}

/// A file that runs an iterator once when it is read to its end.
pub fn iter_create(link: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    bpf(ITER_CREATE, &mut IterCreate { link_fd: link.as_raw_fd() as u32, flags: 0 }).map(new_fd)
}

#[repr(C)]
#[derive(Default)]
struct ObjectPin {
    path: u64,
    fd: u32,
    flags: u32,
}

/// Keeps an object as a file of bpffs.
pub fn pin(fd: BorrowedFd<'_>, path: &CStr) -> io::Result<()> {
    bpf(OBJ_PIN, &mut ObjectPin { path: path.as_ptr() as u64, fd: fd.as_raw_fd() as u32, flags: 0 }).map(drop)
}

#[repr(C)]
#[derive(Default)]
struct RawTracepoint {
    name: u64,
    prog_fd: u32,
    pad: u32,
}

/// Attaches a program to what it was loaded for (`attach_btf_id`): the only way before Linux 5.18, when links learned it.
pub fn trampoline_open(program: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut attr = RawTracepoint { name: 0, prog_fd: program.as_raw_fd() as u32, pad: 0 };
    bpf(RAW_TRACEPOINT_OPEN, &mut attr).map(new_fd)
}

/// Attaches a program to a raw tracepoint.
pub fn raw_tracepoint_open(name: &CStr, program: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut attr = RawTracepoint { name: name.as_ptr() as u64, prog_fd: program.as_raw_fd() as u32, pad: 0 };
    bpf(RAW_TRACEPOINT_OPEN, &mut attr).map(new_fd)
}

#[repr(C)]
#[derive(Default)]
struct TestRun {
    prog_fd: u32,
    retval: u32,
    data_size_in: u32,
    data_size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    ctx_size_in: u32,
    ctx_size_out: u32,
    ctx_in: u64,
    ctx_out: u64,
    flags: u32,
    cpu: u32,
}

/// Runs a raw tracepoint program once, here and now. What it returned.
pub fn test_run(program: BorrowedFd<'_>) -> io::Result<u32> {
    let mut attr = TestRun { prog_fd: program.as_raw_fd() as u32, ..TestRun::default() };
    bpf(PROG_TEST_RUN, &mut attr).map(|_| attr.retval)
}

/// Nanoseconds of one run of a raw tracepoint program, by the kernel's statistics over so many runs.
pub fn test_run_time(program: BorrowedFd<'_>, times: u32) -> Option<u64> {
    let before = runs(program)?;
    let stats = enable_stats().ok()?;
    for _ in 0..times {
        test_run(program).ok()?;
    }
    let after = runs(program)?;
    drop(stats);
    let (nanos, count) = (after.nanos.checked_sub(before.nanos)?, after.count.checked_sub(before.count)?);
    nanos.checked_div(count)
}

#[repr(C)]
#[derive(Default)]
struct EnableStats {
    kind: u32,
}

/// The kernel counts runs and their time while this is open (`BPF_STATS_RUN_TIME`).
pub fn enable_stats() -> io::Result<OwnedFd> {
    bpf(ENABLE_STATS, &mut EnableStats::default()).map(new_fd)
}

/// What the kernel counts of a program's runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    /// Nanoseconds in all of them.
    pub nanos: u64,
    /// How many.
    pub count: u64,
    /// Runs that were left out because the program was running already on that CPU; since 5.12.
    pub missed: u64,
}

/// The runs of a program so far.
pub fn runs(program: BorrowedFd<'_>) -> Option<Runs> {
    use aya_obj::generated::bpf_prog_info;
    // SAFETY: an all-zero `bpf_prog_info` is valid: it holds integers only.
    let mut info: bpf_prog_info = unsafe { std::mem::zeroed() };
    let mut attr =
        GetInfo { fd: program.as_raw_fd() as u32, len: size_of::<bpf_prog_info>() as u32, info: std::ptr::from_mut(&mut info) as u64 };
    bpf(OBJ_GET_INFO_BY_FD, &mut attr).ok()?;
    Some(Runs { nanos: info.run_time_ns, count: info.run_cnt, missed: info.recursion_misses })
}

#[repr(C)]
struct GetInfo {
    fd: u32,
    len: u32,
    info: u64,
}

/// What the kernel says of a map.
pub fn map_info(fd: BorrowedFd<'_>) -> io::Result<bpf_map_info> {
    // SAFETY: an all-zero `bpf_map_info` is valid: it holds integers only.
    let mut info: bpf_map_info = unsafe { std::mem::zeroed() };
    let mut attr = GetInfo { fd: fd.as_raw_fd() as u32, len: size_of::<bpf_map_info>() as u32, info: std::ptr::from_mut(&mut info) as u64 };
    bpf(OBJ_GET_INFO_BY_FD, &mut attr)?;
    Ok(info)
}
