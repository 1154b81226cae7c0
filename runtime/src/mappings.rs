//! What a process has mapped: /proc/PID/maps (proc_pid_maps(5)), kept beyond its end.

use std::path::PathBuf;

/// The file mappings of a process that hold code.
#[derive(Clone, Debug, Default)]
pub struct Mappings {
    list: Vec<Mapping>,
}

#[derive(Clone, Debug)]
struct Mapping {
    start: u64,
    end: u64,
    offset: u64,
    path: PathBuf,
}

impl Mappings {
    /// Of a process that is still there.
    pub fn of(pid: u32) -> Option<Mappings> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
        let list: Vec<Mapping> = text.lines().filter_map(parse).collect();
        (!list.is_empty()).then_some(Mappings { list })
    }

    /// The file and the offset in it that an address is.
    pub fn file_offset(&self, address: u64) -> Option<(PathBuf, u64)> {
        let m = self.list.iter().find(|m| address >= m.start && address < m.end)?;
        Some((m.path.clone(), address - m.start + m.offset))
    }
}

/// `55d4826f0000-55d482708000 r-xp 00018000 fe:00 1234 /path`
fn parse(line: &str) -> Option<Mapping> {
    let mut words = line.splitn(6, ' ');
    let (start, end) = words.next()?.split_once('-')?;
    let flags = words.next()?;
    let offset = u64::from_str_radix(words.next()?, 16).ok()?;
    let path = words.nth(2)?.trim_start();
    if !flags.contains('x') || !path.starts_with('/') {
        return None;
    }
    Some(Mapping { start: u64::from_str_radix(start, 16).ok()?, end: u64::from_str_radix(end, 16).ok()?, offset, path: path.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_maps() {
        let m = parse("55d4826f0000-55d482708000 r-xp 00018000 fe:00 1234                       /usr/bin/a b").unwrap();
        assert_eq!((m.start, m.offset, m.path.to_str()), (0x55d4_826f_0000, 0x18000, Some("/usr/bin/a b")));
        assert!(parse("7ffe00000000-7ffe00001000 r-xp 00000000 00:00 0                          [vdso]").is_none());
        assert!(parse("55d4826f0000-55d482708000 rw-p 00018000 fe:00 1234 /x").is_none());
    }

    #[test]
    fn our_own_code_is_mapped_from_our_binary() {
        let here = our_own_code_is_mapped_from_our_binary as *const () as u64;
        let (path, _) = Mappings::of(std::process::id()).unwrap().file_offset(here).unwrap();
        assert_eq!(path, std::env::current_exe().unwrap().canonicalize().unwrap());
    }
}
