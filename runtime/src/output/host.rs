//! What printing must know of the machine, each fact looked up once: names of users, paths of control groups, the time of boot.

use std::collections::HashMap;
use std::ffi::CString;
use std::fs;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Bytes that a formatted time may have if the script does not say.
pub(super) const TIME: usize = 256;

/// A hierarchy of control groups.
#[derive(Clone, Debug)]
pub(super) struct Hierarchy {
    /// `unified`, or the name of the directory that it is mounted on.
    pub name: String,
    /// That directory.
    pub root: PathBuf,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Host {
    /// Nanoseconds from the epoch to the boot.
    pub boot: Option<i64>,
    /// Names of users by their id.
    pub users: Option<HashMap<u64, String>>,
    /// Hierarchies of control groups in the order in which they are told.
    pub hierarchies: Option<Vec<Hierarchy>>,
    /// Directories of control groups that were found, by hierarchy and id.
    pub groups: HashMap<(PathBuf, u64), PathBuf>,
    /// System calls that were seen.
    pub calls: super::syscall::Calls,
}

impl Host {
    /// Nanoseconds from the epoch to the boot.
    pub fn boot(&mut self) -> i64 {
        *self.boot.get_or_insert_with(boot)
    }

    /// Nanoseconds from the epoch of a reading of a clock: 0, the time since boot, needs the time of boot; the others count as they are.
    pub fn wall(&mut self, nanos: u64, clock: u8) -> i64 {
        let start = if clock == 0 { self.boot() } else { 0 };
        (nanos as i64).wrapping_add(start)
    }

    /// A user's name; nothing if there is none, as in bpftrace.
    pub fn user(&mut self, id: u64) -> &str {
        let users = self.users.get_or_insert_with(|| users(&fs::read("/etc/passwd").unwrap_or_default()));
        users.get(&id).map_or("", String::as_str)
    }

    /// `unified:/a/b,memory:/` of a control group: its path in every hierarchy that has it and whose name fits the pattern.
    pub fn groups(&mut self, id: u64, pattern: &str) -> String {
        let mounts = || hierarchies(&fs::read_to_string("/proc/mounts").unwrap_or_default());
        let all = self.hierarchies.get_or_insert_with(mounts).clone();
        let mut paths = Vec::new();
        for h in all.iter().filter(|h| pattern.is_empty() || glob_match::glob_match(pattern, &h.name)) {
            if let Some(path) = self.group(&h.root, id) {
                let below = path.strip_prefix(&h.root).unwrap_or(Path::new("")).display();
                paths.push(format!("{}:/{below}", h.name));
            }
        }
        paths.join(",")
    }

    /// The directory of a control group in a hierarchy.
    fn group(&mut self, root: &Path, id: u64) -> Option<PathBuf> {
        let key = (root.to_path_buf(), id);
        // A group may have been removed and another have got its place.
        let known = self.groups.get(&key).filter(|p| fs::metadata(p).is_ok_and(|m| m.ino() == id));
        if let Some(known) = known {
            return Some(known.clone());
        }
        let found = if fs::metadata(root).is_ok_and(|m| m.ino() == id) { Some(root.to_path_buf()) } else { below(root, id) };
        if let Some(found) = &found {
            self.groups.insert(key, found.clone());
        }
        found
    }
}

/// The directory with that inode below `root`.
fn below(root: &Path, inode: u64) -> Option<PathBuf> {
    let mut open = vec![root.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|t| t.is_dir()) {
                continue;
            }
            if entry.ino() == inode {
                return Some(entry.path());
            }
            open.push(entry.path());
        }
    }
    None
}

/// From the text of `/proc/mounts`: those of version 2, then those of version 1 by name. What is mounted again elsewhere (for a
/// container, say) is the same hierarchy.
fn hierarchies(mounts: &str) -> Vec<Hierarchy> {
    let (mut new, mut old): (Vec<Hierarchy>, Vec<Hierarchy>) = (Vec::new(), Vec::new());
    for line in mounts.lines() {
        let mut words = line.split(' ');
        let (Some(kind), Some(root)) = (words.next(), words.next().map(PathBuf::from)) else { continue };
        let name = root.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        match kind {
            "cgroup2" if new.is_empty() => new.push(Hierarchy { name: "unified".into(), root }),
            "cgroup" if old.iter().all(|h| h.name != name) => old.push(Hierarchy { name, root }),
            _ => {}
        }
    }
    old.sort_by(|a, b| a.name.cmp(&b.name));
    new.append(&mut old);
    new
}

/// Names by id from the text of `/etc/passwd`; the first line of an id counts.
fn users(passwd: &[u8]) -> HashMap<u64, String> {
    let mut users = HashMap::new();
    for line in String::from_utf8_lossy(passwd).lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(Ok(id))) = (fields.next(), fields.nth(1).map(str::parse)) {
            users.entry(id).or_insert_with(|| name.to_string());
        }
    }
    users
}

fn boot() -> i64 {
    let now = |clock| {
        let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `t` is a live timespec.
        unsafe { libc::clock_gettime(clock, &mut t) };
        t.tv_sec * 1_000_000_000 + t.tv_nsec
    };
    // The narrowest of a few pairs of readings tells best where in between the other clock was read.
    let pair = |_| {
        let (before, boot, after) = (now(libc::CLOCK_REALTIME), now(libc::CLOCK_BOOTTIME), now(libc::CLOCK_REALTIME));
        (after - before, (before + after) / 2 - boot)
    };
    (0..5).map(pair).min_by_key(|p| p.0).map_or(0, |p| p.1)
}

/// A local time in the format of strftime(3), of less than `limit` bytes; `None` if there is none or the format makes nothing.
pub(super) fn strftime(format: &[u8], seconds: i64, limit: usize) -> Option<Vec<u8>> {
    let format = CString::new(format).ok()?;
    let mut text = vec![0u8; limit];
    // SAFETY: all pointers are to live values of their types; `tm` is plain data for which zeros are a value; strftime writes at
    // most `limit` bytes and says how many, without the NUL.
    let length = unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&seconds, &mut tm).is_null() {
            return None;
        }
        libc::strftime(text.as_mut_ptr().cast(), limit, format.as_ptr(), &tm)
    };
    text.truncate(length);
    (length > 0).then_some(text)
}

/// A moment in a script's format, where `%f`, `%k` and `%l` are its micro-, nano- and milliseconds.
pub(super) fn moment(format: &str, nanos: i64, limit: usize) -> Vec<u8> {
    let (seconds, rest) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
    let format = format.replace("%f", &format!("{:06}", rest / 1000));
    let format = format.replace("%k", &format!("{rest:09}")).replace("%l", &format!("{:03}", rest / 1_000_000));
    let text = if seconds == 0 { None } else { strftime(format.as_bytes(), seconds, limit) };
    text.unwrap_or_else(|| b"(?)".to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_by_id() {
        let all = users(b"root:x:0:0::/root:/bin/sh\nbad line\ntoor:x:0:0::/:/bin/sh\nme:x:1000:1:::\n");
        assert_eq!((all[&0].as_str(), all[&1000].as_str(), all.len()), ("root", "me", 2));
        let mut host = Host { users: Some(all), ..Host::default() };
        assert_eq!(host.user(1000), "me");
        assert_eq!(host.user(5), "");
    }

    #[test]
    fn groups_of_all_hierarchies() {
        let mounts = "sysfs /sys sysfs rw 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\ncgroup2 /sys/fs/cgroup/x cgroup2 rw\n\
                      cgroup /sys/fs/cgroup/blkio cgroup rw 0 0\ncgroup2 /c/x cgroup2 rw\ncgroup /c/blkio cgroup rw\n";
        let all = hierarchies(mounts);
        assert_eq!(all.iter().map(|h| h.name.as_str()).collect::<Vec<_>>(), ["unified", "blkio", "memory"]);
        assert_eq!(all[1].root, Path::new("/sys/fs/cgroup/blkio"));

        let root = std::env::temp_dir().join(format!("beetrace-groups-{}", std::process::id()));
        fs::create_dir_all(root.join("a/b")).unwrap();
        let id = |p: &Path| fs::metadata(p).unwrap().ino();
        let h = |name: &str| Hierarchy { name: name.into(), root: root.clone() };
        let mut host = Host { hierarchies: Some(vec![h("unified"), h("memory")]), ..Host::default() };
        let (b, top) = (id(&root.join("a/b")), id(&root));
        assert_eq!(host.groups(b, "*"), "unified:/a/b,memory:/a/b");
        assert_eq!(host.groups(b, "m*y"), "memory:/a/b");
        assert_eq!(host.groups(top, "unified"), "unified:/");
        assert_eq!(host.groups(0, "*"), "");
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(host.groups(b, "*"), "");
    }

    #[test]
    fn moments() {
        let at = |format: &str, nanos| String::from_utf8(moment(format, nanos, 64)).unwrap();
        assert_eq!(at("%M:%S.%f %k %l", 61_002_003_004), "01:01.002003 002003004 002");
        assert_eq!(at("%Y", 5), "(?)");
        assert_eq!(at("", 61_000_000_000), "(?)");
        assert_eq!(at("%S.%l", -500_000_000), "59.500");
    }

    #[test]
    fn boot_is_before_now() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as i64;
        let boot = Host::default().boot();
        assert!(boot > 1_600_000_000_000_000_000 && boot < now);
    }
}
