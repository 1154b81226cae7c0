//! From an artifact to maps and programs in the kernel. aya-obj parses and links; the system calls are our own,
//! because `aya::EbpfLoader` reads all of the kernel's BTF before it does anything.

use crate::sys::bpf::{self, MapShape};
use aya_obj::generated::bpf_insn;
use aya_obj::{EbpfSectionKind, Object};
use codegen::manifest::{Artifact, AttachPoint, BSS, Manifest, Named, ProgramInfo, ProgramKind, Target};
use lang::source::Span;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Why a script could not be loaded.
#[derive(Debug)]
pub enum LoadError {
    /// The object is not what the linker takes: a mistake of beetrace.
    Object(String),
    /// A map could not be created.
    Map {
        /// Its name in the object.
        name: String,
        /// The kernel's answer.
        error: io::Error,
    },
    /// The verifier refused a program.
    Verifier {
        /// The attach point.
        probe: String,
        /// The place in the script of the last instruction that the verifier looked at.
        span: Span,
        /// Its last words.
        reason: String,
        /// All of them.
        log: String,
    },
    /// The kernel refused a program before it was verified.
    Program {
        /// The attach point.
        probe: String,
        /// Its place in the script.
        span: Span,
        /// The kernel's answer.
        error: io::Error,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Object(e) => write!(f, "beetrace made an object that can't be linked, which is its own mistake: {e}"),
            LoadError::Map { name, error } if error.raw_os_error() == Some(libc::E2BIG) => {
                write!(
                    f,
                    "the kernel finds the map `{name}` too large: use fewer or shorter strings in its keys and values, or lower max_map_keys"
                )
            }
            LoadError::Map { name, error } => write!(f, "the kernel can't create the map `{name}`: {error}"),
            LoadError::Verifier { probe, reason, .. } => {
                write!(f, "the kernel's verifier does not accept the program of `{probe}`: {reason}")
            }
            LoadError::Program { probe, error, .. } => write!(f, "the kernel does not take the program of `{probe}`: {error}"),
        }
    }
}

/// A script in the kernel, attached to nothing yet.
#[derive(Debug)]
pub struct Loaded {
    /// The linked object, for programs that must be loaded in another way.
    object: Object,
    /// What the compiler said of it.
    pub manifest: Manifest,
    /// Maps by their names in the object.
    pub maps: HashMap<String, OwnedFd>,
    /// Programs in the manifest's order.
    pub programs: Vec<Program>,
}

/// A program in the kernel.
#[derive(Debug)]
pub struct Program {
    /// Its descriptor.
    pub fd: OwnedFd,
    /// How it is attached to all of its points at once, if it is; it can't be attached in another way then: what helpers it may
    /// call, and how, depends on it.
    pub multi: Option<Multi>,
}

/// Links that attach a program to many places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multi {
    /// To kernel functions: `BPF_TRACE_KPROBE_MULTI` (include/uapi/linux/bpf.h), since 5.18.
    Kprobe,
    /// To places of a binary: `BPF_TRACE_UPROBE_MULTI`, since 6.6.
    Uprobe,
}

impl Multi {
    /// The attach type, of program and link.
    pub fn attach_type(self) -> u32 {
        match self {
            Multi::Kprobe => 42,
            Multi::Uprobe => 48,
        }
    }
}

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Loaded {
    /// A map by its name in the object.
    pub fn map(&self, name: &str) -> Option<BorrowedFd<'_>> {
        self.maps.get(name).map(AsFd::as_fd)
    }

    /// The program of this number once more, to be attached to each of its points by itself.
    pub fn alone(&self, index: usize) -> Result<OwnedFd, LoadError> {
        single(&self.object, &self.manifest.programs[index], &self.manifest)
    }
}

/// Creates the maps, links, and has every program verified.
pub fn load(artifact: Artifact) -> Result<Loaded, LoadError> {
    load_with(artifact, |_, _| None)
}

/// Loads a script some of whose maps there are already: `existing` gives the map of that name, if it may be taken, and it is if it has
/// the shape that is wanted.
pub fn load_with(artifact: Artifact, existing: impl Fn(&Manifest, &str) -> Option<OwnedFd>) -> Result<Loaded, LoadError> {
    let mut object = Object::parse(&artifact.elf).map_err(|e| LoadError::Object(e.to_string()))?;
    let mut maps = HashMap::new();
    for (name, map) in &object.maps {
        let known = existing(&artifact.manifest, name).filter(|fd| has_shape(fd.as_fd(), map));
        let fd = match known {
            Some(fd) => fd,
            None => create(name, map).map_err(|error| LoadError::Map { name: name.clone(), error })?,
        };
        maps.insert(name.clone(), fd);
    }
    let text: HashSet<usize> = object.functions.keys().map(|(section, _)| *section).collect();
    let defs: Vec<_> = object.maps.iter().map(|(n, m)| (n.clone(), m.clone())).collect();
    let fds = defs.iter().filter_map(|(n, m)| Some((n.as_str(), maps.get(n)?.as_raw_fd(), m)));
    object.relocate_maps(fds, &text).map_err(|e| LoadError::Object(e.to_string()))?;
    let manifest = artifact.manifest;
    let programs = manifest.programs.iter().map(|p| program(&object, p, &manifest)).collect::<Result<Vec<_>, _>>()?;
    Ok(Loaded { object, manifest, maps, programs })
}

/// Whether a map is as it would be created.
fn has_shape(fd: BorrowedFd<'_>, map: &aya_obj::Map) -> bool {
    let shape = (map.map_type(), map.key_size(), map.value_size(), map.max_entries(), map.map_flags());
    bpf::map_info(fd).is_ok_and(|i| (i.type_, i.key_size, i.value_size, i.max_entries, i.map_flags) == shape)
}

fn create(name: &str, map: &aya_obj::Map) -> io::Result<OwnedFd> {
    let kind = map.section_kind();
    let data = matches!(kind, EbpfSectionKind::Bss | EbpfSectionKind::Data | EbpfSectionKind::Rodata);
    let mut shape = MapShape {
        name,
        kind: map.map_type(),
        key_size: map.key_size(),
        value_size: map.value_size(),
        max_entries: map.max_entries(),
        flags: map.map_flags(),
    };
    if data {
        shape.kind = bpf::MAP_TYPE_ARRAY;
        shape.flags = if kind == EbpfSectionKind::Rodata { bpf::F_RDONLY_PROG } else { bpf::F_MMAPABLE };
    }
    let fd = bpf::map_create(&shape)?;
    if data && kind == EbpfSectionKind::Rodata {
        let mut value = map.data().to_vec();
        value.resize(shape.value_size as usize, 0);
        bpf::map_update(fd.as_fd(), &0u32.to_ne_bytes(), &value)?;
        bpf::map_freeze(fd.as_fd())?;
    }
    Ok(fd)
}

/// `BPF_PROG_TYPE_*` (include/uapi/linux/bpf.h).
fn program_type(kind: ProgramKind) -> u32 {
    match kind {
        ProgramKind::Kprobe => 2,
        ProgramKind::Tracepoint => 5,
        ProgramKind::PerfEvent => 7,
        ProgramKind::RawTracepoint => 17,
        ProgramKind::Iter | ProgramKind::Fentry | ProgramKind::Fexit | ProgramKind::TypedTracepoint => 26,
    }
}

/// `BPF_TRACE_FENTRY` and its kin (include/uapi/linux/bpf.h).
pub(crate) fn attach_type(kind: ProgramKind) -> u32 {
    match kind {
        ProgramKind::TypedTracepoint => 23,
        ProgramKind::Fentry => 24,
        ProgramKind::Fexit => 25,
        ProgramKind::Iter => 28,
        _ => 0,
    }
}

/// How one link could attach a program to all of its points.
fn multi(info: &ProgramInfo) -> Option<Multi> {
    let of = |p: &AttachPoint| match p.target {
        Target::Uprobe { ret, .. } => Some((Multi::Uprobe, ret)),
        Target::Kprobe { ret, offset: 0, by: Named::Once | Named::Often, .. } => Some((Multi::Kprobe, ret)),
        _ => None,
    };
    let first = info.attach.first().and_then(of)?;
    (info.attach.len() > 1 && info.attach.iter().all(|p| of(p) == Some(first))).then_some(first.0)
}

/// The function of the kernel that a program attaches to by its type.
fn attach_function(info: &ProgramInfo) -> Option<String> {
    match &info.attach.first()?.target {
        Target::Iter { kind, .. } => Some(format!("bpf_iter_{kind}")),
        Target::Fentry { function, .. } => Some(function.clone()),
        Target::RawTracepoint { event } if info.kind == ProgramKind::TypedTracepoint => Some(format!("btf_trace_{event}")),
        _ => None,
    }
}

/// What is needed to load a program: its instructions, and what the kernel must know of its functions.
fn code<'a>(object: &'a Object, info: &ProgramInfo) -> Result<(&'a [bpf_insn], Option<bpf::FunctionInfo>), LoadError> {
    let missing = || LoadError::Object(format!("there is no program {}", info.symbol));
    let program = object.programs.get(&info.symbol).ok_or_else(missing)?;
    let function = object.functions.get(&(program.section_index, program.address)).ok_or_else(missing)?;
    let functions = functions(info).map_err(|e| LoadError::Object(format!("type information: {e}")))?;
    Ok((&function.instructions, functions))
}

fn program(object: &Object, info: &ProgramInfo, manifest: &Manifest) -> Result<Program, LoadError> {
    if let Some(multi) = multi(info) {
        // Kernels that don't know this attach type: each point is then attached by itself.
        let (insns, functions) = code(object, info)?;
        let (kind, attach) = (program_type(info.kind), (multi.attach_type(), 0));
        if let Ok(fd) = bpf::prog_load(&info.symbol, kind, insns, &object.license, functions.as_ref(), attach, &mut [])
            && (multi == Multi::Uprobe || takes_kprobe_multi(fd.as_fd()))
        {
            return Ok(Program { fd, multi: Some(multi) });
        }
    }
    single(object, info, manifest).map(|fd| Program { fd, multi: None })
}

/// Whether the kernel has links to many functions. Older ones don't look at the attach type of a program.
fn takes_kprobe_multi(program: BorrowedFd<'_>) -> bool {
    let refusal = |e: io::Error| e.raw_os_error() == Some(libc::EINVAL);
    crate::kernel::version() >= (5, 18)
        && bpf::kprobe_multi(program, Multi::Kprobe.attach_type(), bpf::Functions::Names(&[]), false).is_err_and(refusal)
}

/// Loads a program to be attached to one point, or to several one after the other.
fn single(object: &Object, info: &ProgramInfo, manifest: &Manifest) -> Result<OwnedFd, LoadError> {
    let (insns, functions) = code(object, info)?;
    let kind = program_type(info.kind);
    let target = attach_function(info).and_then(|f| crate::kernel::function_type(&f)).unwrap_or(0);
    let attach = (attach_type(info.kind), target);
    let error = match bpf::prog_load(&info.symbol, kind, insns, &object.license, functions.as_ref(), attach, &mut []) {
        Ok(fd) => return Ok(fd),
        Err(e) => e,
    };
    // Once more, with a log; a full log says nothing about the program.
    let mut log = vec![0u8; manifest.settings.log_size as usize];
    match bpf::prog_load(&info.symbol, kind, insns, &object.license, functions.as_ref(), attach, &mut log) {
        Ok(fd) => Ok(fd),
        Err(second) => Err(refusal(info, if second.raw_os_error() == Some(libc::ENOSPC) { error } else { second }, &log)),
    }
}

/// What the kernel must know of a program's functions; nothing if it has none but itself.
fn functions(info: &ProgramInfo) -> io::Result<Option<bpf::FunctionInfo>> {
    if info.functions.is_empty() {
        return Ok(None);
    }
    let names: Vec<String> = [info.symbol.clone()].into_iter().chain(info.functions.iter().map(|f| f.1.clone())).collect();
    let btf = bpf::btf_load(&codegen::btf::functions_btf(&names))?;
    let starts = [0].into_iter().chain(info.functions.iter().map(|f| f.0));
    let info = starts.zip(codegen::btf::FIRST_FUNCTION..).map(|(at, id)| [at, id]).collect();
    Ok(Some(bpf::FunctionInfo { btf, info }))
}

fn refusal(info: &ProgramInfo, error: io::Error, log: &[u8]) -> LoadError {
    let probe = info.attach.first().map_or_else(|| info.symbol.clone(), |a| a.name.clone());
    let end = log.iter().position(|b| *b == 0).unwrap_or(log.len());
    let log = String::from_utf8_lossy(&log[..end]).into_owned();
    let reason = log.lines().rev().find(|l| !l.is_empty() && !l.starts_with("processed ") && !l.starts_with("verification time"));
    let Some(reason) = reason.map(str::to_string) else {
        let span = info.attach.first().map_or(info.span, |a| a.span);
        return LoadError::Program { probe, span, error };
    };
    let at = log.lines().rev().find_map(instruction_index).unwrap_or(0);
    let line = info.lines.iter().rev().find(|(first, _)| *first <= at);
    LoadError::Verifier { probe, span: line.map_or(info.span, |l| l.1), reason, log }
}

/// `12: (85) call ...` is about instruction 12.
fn instruction_index(line: &str) -> Option<u32> {
    let (number, rest) = line.split_once(": (")?;
    rest.as_bytes().get(2).filter(|b| **b == b')')?;
    number.trim().parse().ok()
}

/// The script's `.bss`, shared with its programs.
#[derive(Debug)]
pub struct Bss {
    start: *mut u8,
    len: usize,
}

impl Bss {
    /// Maps it. `None` if the object has none.
    pub fn map(loaded: &Loaded) -> io::Result<Option<Bss>> {
        let Some(fd) = loaded.map(BSS) else { return Ok(None) };
        let len = (bpf::map_info(fd)?.value_size as usize).next_multiple_of(4096);
        // SAFETY: a new mapping of a descriptor that is an array map with BPF_F_MMAPABLE.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), len, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, fd.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Some(Bss { start: start.cast(), len }))
    }

    fn word(&self, offset: u32) -> Option<*mut u64> {
        let offset = offset as usize;
        // SAFETY: within the mapping, and every word of `.bss` is aligned.
        (offset + 8 <= self.len && offset.is_multiple_of(8)).then(|| unsafe { self.start.add(offset).cast() })
    }

    /// Reads a word.
    pub fn get(&self, offset: u32) -> u64 {
        // SAFETY: `word` checked the place; programs write it at the same time, hence volatile.
        self.word(offset).map_or(0, |p| unsafe { p.read_volatile() })
    }

    /// Writes a word.
    pub fn set(&self, offset: u32, value: u64) {
        if let Some(p) = self.word(offset) {
            // SAFETY: as in `get`.
            unsafe { p.write_volatile(value) }
        }
    }

    /// Reads `len` bytes, a multiple of 8.
    pub fn bytes(&self, offset: u32, len: u32) -> Vec<u8> {
        (0..len).step_by(8).flat_map(|i| self.get(offset + i).to_ne_bytes()).collect()
    }

    /// Writes zeros over `len` bytes, a multiple of 8.
    pub fn clear(&self, offset: u32, len: u32) {
        for i in (0..len).step_by(8) {
            self.set(offset + i, 0);
        }
    }
}

impl Drop for Bss {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `map` with this length, and nothing points into it any more.
        unsafe { libc::munmap(self.start.cast(), self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::instruction_index;

    #[test]
    fn instructions_of_a_log() {
        assert_eq!(instruction_index("12: (85) call bpf_map_lookup_elem#1"), Some(12));
        assert_eq!(instruction_index("R1 type=ctx expected=fp"), None);
        assert_eq!(instruction_index("from 3 to 7: R0=0"), None);
    }
}
