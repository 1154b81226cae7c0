//! What a process has mapped: /proc/PID/maps (proc_pid_maps(5)), kept beyond its end.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Mappings of one process beyond this are not kept.
const MOST: usize = 4096;

/// The mappings of a process that hold code.
#[derive(Clone, Debug, Default)]
pub(super) struct Mappings {
    list: Vec<Mapping>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Mapping {
    /// First address.
    pub start: u64,
    /// Address behind the last.
    pub end: u64,
    /// Where in the file it begins.
    pub offset: u64,
    /// The file's inode.
    pub inode: u64,
    /// The file as the process sees it, `[vdso]`, or no path for memory without a file.
    pub path: Rc<str>,
    /// The file itself, if it was opened while the process was there.
    file: Option<Rc<File>>,
}

/// What is at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A file.
    File {
        /// A path by which it can be read.
        path: PathBuf,
        /// Its name for the process.
        name: Rc<str>,
        /// Where in it.
        offset: u64,
    },
    /// The code that the kernel gives every process, at this offset.
    Vdso(u64),
    /// Memory without a file: code that the process has made.
    Memory,
}

impl Mappings {
    /// Of a process that is still there.
    pub fn of(pid: u32) -> Option<Mappings> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
        let list: Vec<Mapping> = text.lines().filter_map(parse).collect();
        (!list.is_empty()).then_some(Mappings { list })
    }

    /// The same, with every file opened: it may be in a mount namespace that ends with the process, or be deleted.
    pub fn with_files(pid: u32) -> Option<Mappings> {
        let mut all = Mappings::of(pid)?;
        for m in all.list.iter_mut().filter(|m| m.path.starts_with('/')) {
            m.file = File::open(format!("/proc/{pid}/map_files/{:x}-{:x}", m.start, m.end)).ok().map(Rc::new);
        }
        Some(all)
    }

    /// Adds one that is newer than the others.
    pub fn add(&mut self, mapping: Mapping) {
        if self.list.len() < MOST {
            self.list.push(mapping);
        }
    }

    /// Both, the others being newer.
    pub fn followed_by(&self, newer: &Mappings) -> Mappings {
        Mappings { list: self.list.iter().chain(&newer.list).cloned().collect() }
    }

    /// What is at an address.
    pub fn place(&self, address: u64) -> Option<Place> {
        let m = self.list.iter().rev().find(|m| address >= m.start && address < m.end)?;
        if &*m.path == "[vdso]" {
            return Some(Place::Vdso(address - m.start));
        }
        if !m.path.starts_with('/') || m.path.starts_with("//") {
            return Some(Place::Memory);
        }
        let path = match &m.file {
            Some(file) => format!("/proc/self/fd/{}", file.as_raw_fd()).into(),
            None => PathBuf::from(&*m.path),
        };
        // The path may mean another file here, or by now.
        let same = std::fs::metadata(&path).is_ok_and(|f| f.ino() == m.inode);
        same.then(|| Place::File { path, name: m.path.clone(), offset: address - m.start + m.offset })
    }
}

impl Mapping {
    /// Of what the kernel tells of it.
    pub fn new((start, end): (u64, u64), offset: u64, inode: u64, path: &str) -> Mapping {
        Mapping { start, end, offset, inode, path: path.into(), file: None }
    }
}

/// Where the kernel's own code is mapped in this process.
pub(super) fn own_vdso() -> Option<u64> {
    Mappings::of(std::process::id())?.list.iter().find(|m| &*m.path == "[vdso]").map(|m| m.start)
}

/// Functions that a process has made at run time and written of into a file for perf(1): `ADDRESS SIZE NAME`, in hexadecimal
/// (tools/perf/Documentation/jit-interface.txt).
#[derive(Clone, Debug, Default)]
pub(super) struct PerfMap {
    functions: Vec<(u64, u64, String)>,
}

impl PerfMap {
    /// Of a process, wherever its `/tmp` is, by its id in its own pid namespace.
    pub fn of(pid: u32) -> Option<PerfMap> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let inner = status.lines().find_map(|l| l.strip_prefix("NSpid:")?.split_whitespace().last()?.parse().ok()).unwrap_or(pid);
        let paths = [format!("/proc/{pid}/root/tmp/perf-{inner}.map"), format!("/tmp/perf-{pid}.map")];
        paths.iter().find_map(|p| PerfMap::read(Path::new(p)))
    }

    fn read(path: &Path) -> Option<PerfMap> {
        let text = std::fs::read(path).ok()?;
        Some(PerfMap { functions: String::from_utf8_lossy(&text).lines().filter_map(function).collect() })
    }

    /// The function at an address, and how far into it: the newest, if memory was used again.
    pub fn function(&self, address: u64) -> Option<(&str, u64)> {
        let found = self.functions.iter().rev().find(|f| address >= f.0 && address - f.0 < f.1)?;
        Some((&found.2, address - found.0))
    }
}

fn function(line: &str) -> Option<(u64, u64, String)> {
    let mut words = line.splitn(3, ' ');
    let mut number = || u64::from_str_radix(words.next()?.trim_start_matches("0x"), 16).ok();
    Some((number()?, number()?, words.next()?.trim_end().to_string()))
}

/// `55d4826f0000-55d482708000 r-xp 00018000 fe:00 1234 /path`
fn parse(line: &str) -> Option<Mapping> {
    let mut words = line.splitn(6, ' ');
    let (start, end) = words.next()?.split_once('-')?;
    let flags = words.next()?;
    let offset = u64::from_str_radix(words.next()?, 16).ok()?;
    let inode = words.nth(1)?.parse().ok()?;
    let path = words.next().unwrap_or_default().trim_start();
    if !flags.contains('x') {
        return None;
    }
    let range = (u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?);
    Some(Mapping::new(range, offset, inode, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_maps() {
        let m = parse("55d4826f0000-55d482708000 r-xp 00018000 fe:00 1234                       /usr/bin/a b").unwrap();
        assert_eq!((m.start, m.offset, m.inode, &*m.path), (0x55d4_826f_0000, 0x18000, 1234, "/usr/bin/a b"));
        assert_eq!(&*parse("7ffe00000000-7ffe00001000 r-xp 00000000 00:00 0                          [vdso]").unwrap().path, "[vdso]");
        assert_eq!(&*parse("7ffe00000000-7ffe00001000 rwxp 00000000 00:00 0 ").unwrap().path, "");
        assert!(parse("55d4826f0000-55d482708000 rw-p 00018000 fe:00 1234 /x").is_none());
    }

    #[test]
    fn our_own_code_is_mapped_from_our_binary() {
        let here = our_own_code_is_mapped_from_our_binary as *const () as u64;
        let exe = std::env::current_exe().unwrap().canonicalize().unwrap();
        for (mappings, opened) in [(Mappings::of(std::process::id()), false), (Mappings::with_files(std::process::id()), true)] {
            let Some(Place::File { path, name, .. }) = mappings.unwrap().place(here) else { panic!("no file") };
            assert_eq!(Path::new(&*name), exe);
            assert_eq!(path.starts_with("/proc"), opened, "{path:?}");
        }
    }

    #[test]
    fn the_newest_mapping_counts_and_a_path_must_still_be_that_file() {
        let mut m = Mappings::default();
        let exe = std::env::current_exe().unwrap();
        let inode = std::fs::metadata(&exe).unwrap().ino();
        m.add(Mapping::new((0x1000, 0x3000), 0, inode + 1, exe.to_str().unwrap()));
        m.add(Mapping::new((0x2000, 0x3000), 0x500, inode, exe.to_str().unwrap()));
        m.add(Mapping::new((0x5000, 0x6000), 0, 0, "//anon"));
        m.add(Mapping::new((0x7000, 0x8000), 0, 0, "[vdso]"));
        assert_eq!(m.place(0x1800), None);
        assert!(matches!(m.place(0x2001), Some(Place::File { offset: 0x501, .. })));
        assert_eq!(m.place(0x5800), Some(Place::Memory));
        assert_eq!(m.place(0x7004), Some(Place::Vdso(4)));
        assert_eq!(m.place(0x9000), None);
    }

    #[test]
    fn perf_maps_give_the_newest_function() {
        let functions = ["1000 20 old one", "0x1010 0x10 LazyCompile:*hot /x.js:1", "no line", "zz 1 x"];
        let map = PerfMap { functions: functions.iter().filter_map(|l| function(l)).collect() };
        assert_eq!(map.function(0x1004), Some(("old one", 4)));
        assert_eq!(map.function(0x101f), Some(("LazyCompile:*hot /x.js:1", 15)));
        assert_eq!(map.function(0x1020), None);
    }
}
