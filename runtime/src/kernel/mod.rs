//! The machine as the compiler sees it: [`Kernel`] answered from /sys, /proc and binaries. Everything is read when it is first asked for.

mod btf;
mod dwarf;
mod elf;
pub mod functions;
mod split;
mod tracefs;
mod usdt;

use btf::Btf;
use glob_match::glob_match;
use lang::diag::nearest;
use lang::kernel::{Field, Function, Kernel, KernelError, Layout, UsdtProbe, UserBinary, UserVariable};
use lang::types::{Int, Type};
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;

/// The machine that beetrace runs on.
#[derive(Default)]
pub struct LiveKernel {
    btf: OnceCell<Option<Btf>>,
    functions: OnceCell<Result<Vec<Function>, String>>,
    /// The process of `-p`: what it has mapped is what `*` means for binaries.
    pid: Option<u32>,
    /// The program that `-c` is about to start.
    started: Option<String>,
    /// `--debuginfo`: where separate debug information is looked for.
    debug_dirs: Vec<PathBuf>,
    /// `--traceable-functions`: the list of functions that kprobes may be put on.
    traceable: Option<PathBuf>,
    /// Debug information of the binaries that a script probes, by path.
    debug: RefCell<Vec<(String, Option<Rc<dwarf::Debug>>)>>,
}

/// The number of a kernel function's type in the kernel's BTF, for programs that attach by it.
pub fn function_type(name: &str) -> Option<u32> {
    Btf::of_kernel()?.function_id(name)
}

/// Whether an address lies in a program that is loaded where its file says.
pub fn holds_fixed(path: &str, address: u64) -> bool {
    elf::holds_fixed(path, address)
}

impl LiveKernel {
    /// Nothing is read yet.
    pub fn new() -> Self {
        LiveKernel::default()
    }

    /// With a process to trace.
    pub fn of_process(pid: Option<u32>, started: Option<String>, debug_dirs: Vec<PathBuf>, traceable: Option<PathBuf>) -> Self {
        LiveKernel { pid, started, debug_dirs, traceable, ..LiveKernel::default() }
    }

    /// The debug information of a binary, read when it is first asked for.
    fn debug(&self, path: &str) -> Option<Rc<dwarf::Debug>> {
        let known = self.debug.borrow().iter().find(|d| d.0 == path).map(|d| d.1.clone());
        match known {
            Some(Some(d)) => Some(d),
            // Seen by `user_binary`, not read yet.
            Some(None) => {
                let read = dwarf::Debug::read(std::path::Path::new(path), &self.debug_dirs).map(Rc::new);
                let mut all = self.debug.borrow_mut();
                match &read {
                    Some(d) => all.iter_mut().filter(|e| e.0 == path).for_each(|e| e.1 = Some(d.clone())),
                    None => all.retain(|e| e.0 != path),
                }
                read
            }
            None => None,
        }
    }

    /// What the first of the probed binaries that can answer says.
    fn ask_debug<T>(&self, ask: impl Fn(&dwarf::Debug) -> Option<T>) -> Option<T> {
        let paths: Vec<String> = self.debug.borrow().iter().map(|d| d.0.clone()).collect();
        paths.iter().find_map(|p| ask(&*self.debug(p)?))
    }

    /// A path as the traced process sees it: in its own mount namespace if that is another one.
    fn in_process(&self, binary: &str) -> String {
        if let (Some(pid), true) = (self.pid, binary.starts_with('/')) {
            let inside = format!("/proc/{pid}/root{binary}");
            let here = std::path::Path::new(binary).exists() && !other_mounts(pid);
            if !here && std::path::Path::new(&inside).exists() {
                return inside;
            }
        }
        binary.to_string()
    }

    fn btf(&self) -> Option<&Btf> {
        self.btf.get_or_init(Btf::of_kernel).as_ref()
    }

    fn all_functions(&self) -> Result<&[Function], KernelError> {
        let list = self.functions.get_or_init(|| functions::read(self.traceable.as_deref()));
        list.as_deref().map_err(|e| KernelError::Unavailable(e.clone()))
    }
}

/// Whether a process sees another tree of files than we do.
fn other_mounts(pid: u32) -> bool {
    let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
    namespace(&pid.to_string()) != namespace("self")
}

/// Files with code that any process has mapped, ourselves aside.
fn all_mapped_binaries() -> Vec<String> {
    let own = std::process::id();
    let dirs = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = dirs.filter_map(|d| d.file_name().to_str()?.parse().ok()).filter(|pid: &u32| *pid != own);
    pids.flat_map(mapped_binaries).collect()
}

/// Files with code that a process has mapped, as we can open them.
fn mapped_binaries(pid: u32) -> Vec<String> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let elsewhere = other_mounts(pid);
    let mut out = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(mode), Some(path)) = (words.nth(1), words.nth(3)) else { continue };
        if !mode.contains('x') || !path.starts_with('/') {
            continue;
        }
        let inside = format!("/proc/{pid}/root{path}");
        let here = !elsewhere && std::path::Path::new(path).exists();
        let path = if here { path.to_string() } else { inside };
        if !out.contains(&path) {
            out.push(path);
        }
    }
    out
}

/// Regular files whose paths match a glob.
fn matching_files(pattern: &str) -> Vec<String> {
    let (dir, _) = pattern.rsplit_once('/').unwrap_or((".", pattern));
    // Only the last part may be a pattern: a walk over the whole file system is nobody's wish.
    let dir = if dir.is_empty() { "/" } else { dir };
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut out: Vec<String> = entries
        .flatten()
        .filter(|e| e.path().is_file())
        .map(|e| {
            if pattern.contains('/') {
                format!("{}/{}", dir.trim_end_matches('/'), e.file_name().to_string_lossy())
            } else {
                e.file_name().to_string_lossy().into_owned()
            }
        })
        .filter(|p| glob_match(pattern, p))
        .collect();
    out.sort();
    out
}

/// Error for a name that is not among `all`.
fn not_found<'a>(name: &str, all: impl IntoIterator<Item = &'a str>) -> KernelError {
    KernelError::NotFound { near: nearest(name, all) }
}

impl Kernel for LiveKernel {
    fn tracepoint(&self, category: &str, event: &str) -> Result<Layout, KernelError> {
        tracefs::format(category, event)
    }

    fn tracepoints(&self, category: &str, event: &str) -> Vec<(String, String)> {
        tracefs::list(category, event)
    }

    fn raw_tracepoint(&self, event: &str) -> Result<Vec<Field>, KernelError> {
        // Every tracepoint is a raw one, by its name without the category; what hooks into it is another question.
        let Some(btf) = self.btf() else { return Ok(Vec::new()) };
        match btf.tracepoint_arguments(event) {
            Some(args) => Ok(args),
            None => {
                let all = self.raw_tracepoints("*");
                if all.iter().any(|n| n == event) {
                    return Ok(Vec::new());
                }
                Err(not_found(event, all.iter().map(String::as_str)))
            }
        }
    }

    fn raw_tracepoints(&self, event: &str) -> Vec<String> {
        let mut out: Vec<String> = match self.btf() {
            Some(btf) => btf.tracepoints(),
            None => tracefs::list("*", "*").into_iter().map(|t| t.1).collect(),
        };
        out.retain(|n| glob_match(event, n));
        out.sort();
        out.dedup();
        out
    }

    fn function(&self, module: Option<&str>, name: &str) -> Result<Function, KernelError> {
        let all = self.all_functions()?;
        let hit = |f: &&Function| f.name == name && module.is_none_or(|m| m == f.module);
        let other_name = || functions::symbols().ok().filter(|_| self.traceable.is_none())?.iter().find(hit).cloned();
        all.iter().find(hit).cloned().or_else(other_name).ok_or_else(|| not_found(name, all.iter().map(|f| f.name.as_str())))
    }

    fn functions(&self, module: Option<&str>, name: &str) -> Result<Vec<Function>, KernelError> {
        let hit = |f: &&Function| glob_match(name, &f.name) && module.is_none_or(|m| glob_match(m, &f.module));
        let mut out: Vec<Function> = self.all_functions()?.iter().filter(hit).cloned().collect();
        out.sort_by(|a, b| (&a.name, &a.module).cmp(&(&b.name, &b.module)));
        Ok(out)
    }

    fn has_module(&self, name: &str) -> bool {
        name == "vmlinux" || std::path::Path::new("/sys/module").join(name).exists()
    }

    fn prototype(&self, function: &str) -> Option<(Vec<Field>, Type)> {
        self.btf()?.prototype(function)
    }

    fn user_binary(&self, binary: &str, symbol: Option<&str>) -> Result<UserBinary, KernelError> {
        let found = elf::find(&self.in_process(binary), symbol)?;
        let mut seen = self.debug.borrow_mut();
        if !seen.iter().any(|d| d.0 == found.path) {
            seen.push((found.path.clone(), None));
        }
        Ok(found)
    }

    fn record(&self, name: &str) -> Option<Layout> {
        self.btf().and_then(|b| b.record(name)).or_else(|| self.ask_debug(|d| d.record(name)))
    }

    fn enumerator(&self, name: &str) -> Option<(i64, Type)> {
        self.btf()?.enumerator(name)
    }

    fn enumeration(&self, name: &str) -> Option<(Int, Vec<(String, i64)>)> {
        self.btf().and_then(|b| b.enumeration(name)).or_else(|| self.ask_debug(|d| d.enumeration(name)))
    }

    fn typedef(&self, name: &str) -> Option<Type> {
        self.btf()?.typedef(name)
    }

    fn binaries(&self, pattern: &str) -> Vec<String> {
        match (pattern, self.pid) {
            ("*", Some(pid)) => mapped_binaries(pid),
            ("*", None) => self.started.iter().cloned().chain(all_mapped_binaries()).collect::<BTreeSet<String>>().into_iter().collect(),
            _ => matching_files(pattern),
        }
    }

    fn usdt(&self, binary: &str, namespace: &str, name: &str) -> Result<Vec<UsdtProbe>, KernelError> {
        let path = elf::locate(&self.in_process(binary)).ok_or_else(|| KernelError::NotFound { near: Vec::new() })?;
        usdt::find(&path.to_string_lossy(), namespace, name)
    }

    fn iterators(&self) -> Vec<String> {
        self.btf().map_or_else(Vec::new, Btf::iterators)
    }

    fn user_prototype(&self, binary: &str, function: &str) -> Option<Vec<Field>> {
        self.debug(binary)?.prototype(function)
    }

    fn source_line(&self, binary: &str, file: &str, line: u32, column: Option<u32>) -> Result<(String, Vec<u64>), KernelError> {
        let found = self.user_binary(binary, None)?;
        let debug = self.debug(&found.path).ok_or_else(|| KernelError::Unavailable("it has no debug information".into()))?;
        let data = std::fs::read(&found.path).map_err(|e| KernelError::Unavailable(e.to_string()))?;
        let segments = elf::load_segments(&data);
        let places: Vec<u64> = debug.lines(file, line, column).into_iter().filter_map(|a| elf::file_offset(&segments, a)).collect();
        if places.is_empty() {
            return Err(KernelError::NotFound { near: Vec::new() });
        }
        Ok((found.path, places))
    }

    fn described_functions(&self, pattern: &str) -> Vec<String> {
        let mut out = self.btf().map_or_else(Vec::new, Btf::functions);
        out.retain(|f| glob_match(pattern, f));
        out
    }

    fn kfunc(&self, name: &str) -> Option<u32> {
        self.btf()?.kfunc(name)
    }

    fn percpu_variable(&self, name: &str) -> Result<u32, KernelError> {
        let btf = self.btf().ok_or_else(|| KernelError::Unavailable("the kernel has no BTF".into()))?;
        let id = btf.percpu(name).ok_or_else(|| KernelError::NotFound { near: Vec::new() })?;
        // The verifier asks the kernel's own table of symbols, which has variables with CONFIG_KALLSYMS_ALL alone.
        match self.symbol(name) {
            Err(KernelError::NotFound { .. }) => Err(KernelError::Unavailable("the kernel's table of symbols has functions only".into())),
            _ => Ok(id),
        }
    }

    fn symbol(&self, name: &str) -> Result<u64, KernelError> {
        let text = std::fs::read_to_string("/proc/kallsyms").map_err(|e| KernelError::Unavailable(e.to_string()))?;
        let mut found = text.lines().filter_map(|l| {
            let mut words = l.split_ascii_whitespace();
            let address = u64::from_str_radix(words.next()?, 16).ok()?;
            (words.nth(1)? == name).then_some(address)
        });
        match found.next() {
            Some(0) => Err(KernelError::Unavailable("the kernel hides its addresses (kernel.kptr_restrict)".into())),
            Some(address) => Ok(address),
            None => Err(not_found(name, text.lines().filter_map(|l| l.split_ascii_whitespace().nth(2)))),
        }
    }

    fn user_variable(&self, path: &str, name: &str) -> Result<UserVariable, KernelError> {
        elf::variable(path, name)
    }

    fn instructions(&self, path: &str, start: u64, until: u64) -> Option<Vec<u64>> {
        elf::instructions(&std::fs::read(path).ok()?, start, until)
    }

    fn cgroup_id(&self, path: &str) -> Result<u64, KernelError> {
        use std::os::unix::fs::MetadataExt;
        // The id of a group is the inode of its directory.
        std::fs::metadata(path)
            .map(|m| m.ino())
            .map_err(|e| KernelError::Unavailable(e.to_string().split(" (os").next().unwrap_or("").into()))
    }

    fn cpus(&self) -> u32 {
        crate::sys::cpus::possible() as u32
    }

    fn version(&self) -> (u32, u32) {
        version()
    }
}

/// Major and minor version of the kernel that runs.
pub fn version() -> (u32, u32) {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut parts = text.split(['.', '-']).map(|p| p.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}
