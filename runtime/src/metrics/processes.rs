//! Processes that did something.

use super::figures::{Figure, Span, hundredths};
use super::{Host, Row};
use procfs::FromRead;
use procfs::process::{Io, Stat};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::io;

/// What /proc says of a process.
#[derive(Clone, Debug)]
pub(super) struct Process {
    stat: Stat,
    /// Bytes read from disks, written, and written to files that were gone before; 0 where it may not be known.
    io: [u64; 3],
}

/// Units of the system.
#[derive(Clone, Copy, Debug)]
pub(super) struct System {
    /// Clock ticks a second.
    pub ticks: f64,
    /// Bytes of a page.
    pub page: u64,
    /// Bytes of memory.
    pub memory: u64,
}

impl System {
    /// This one.
    pub fn live() -> System {
        // SAFETY: takes a number and cannot fail for these.
        let of = |name| unsafe { libc::sysconf(name) }.max(1) as u64;
        let page = of(libc::_SC_PAGESIZE);
        System { ticks: of(libc::_SC_CLK_TCK) as f64, page, memory: of(libc::_SC_PHYS_PAGES) * page }
    }
}

/// Every process. One that ends while it is read is left out.
pub(super) fn all(host: &Host) -> io::Result<HashMap<i32, Process>> {
    let mut out = HashMap::new();
    for entry in std::fs::read_dir(&host.proc)?.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
        let dir = entry.path();
        let Ok(stat) = std::fs::read(dir.join("stat")) else { continue };
        let Ok(stat) = Stat::from_read(&*stat) else { continue };
        let io = std::fs::read(dir.join("io")).ok().and_then(|t| Io::from_read(&*t).ok());
        let io = io.map_or([0; 3], |i| [i.read_bytes, i.write_bytes, i.cancelled_write_bytes]);
        out.insert(pid, Process { stat, io });
    }
    Ok(out)
}

/// Processes that did anything in the interval, the busiest first.
pub(super) fn figures(now: &HashMap<i32, Process>, before: Option<&HashMap<i32, Process>>, span: Span, system: &System) -> Vec<Row> {
    let mut rows: Vec<(u64, i32, Row)> = Vec::new();
    for (pid, n) in now {
        // Another process may have got the number.
        let b = before.and_then(|b| b.get(pid)).filter(|b| b.stat.starttime == n.stat.starttime);
        let old = |of: fn(&Process) -> u64| b.map_or(0, of);
        let d = |of: fn(&Process) -> u64| of(n).saturating_sub(old(of));
        let (user, kernel) = (d(|p| p.stat.utime), d(|p| p.stat.stime));
        let guest = d(|p| p.stat.guest_time.unwrap_or(0));
        let (minor, major) = (d(|p| p.stat.minflt), d(|p| p.stat.majflt));
        let (read, written, cancelled) = (d(|p| p.io[0]), d(|p| p.io[1]), d(|p| p.io[2]));
        if user + kernel + minor + major + read + written == 0 {
            continue;
        }
        // Since boot means: since the process began.
        let age = (span.seconds - n.stat.starttime as f64 / system.ticks).max(1.0 / system.ticks);
        let seconds = if span.since_boot { age } else { span.seconds };
        let share = |ticks: u64| hundredths(100.0 * ticks as f64 / system.ticks / seconds);
        let rate = |n: u64| hundredths(n as f64 / seconds);
        let kb = |bytes: u64| hundredths(bytes as f64 / 1024.0 / seconds);
        let cpu = user + kernel;
        let s = &n.stat;
        let resident = s.rss * system.page;
        let row = vec![
            ("pid", Figure::Number(s.pid as u64)),
            ("ppid", Figure::Number(s.ppid as u64)),
            ("comm", Figure::Text(s.comm.clone())),
            ("state", Figure::Text(s.state.to_string())),
            ("cpu", share(cpu)),
            ("user", share(user.saturating_sub(guest))),
            ("system", share(kernel)),
            ("guest", share(guest)),
            ("processor", Figure::Number(s.processor.unwrap_or(0) as u64)),
            ("cpu_time", Figure::Number(((s.utime + s.stime) as f64 / system.ticks * 1000.0) as u64)),
            ("priority", Figure::Signed(s.priority)),
            ("nice", Figure::Signed(s.nice)),
            ("threads", Figure::Number(s.num_threads.max(0) as u64)),
            ("size", Figure::Number(s.vsize / 1024)),
            ("resident", Figure::Number(resident / 1024)),
            ("memory", hundredths(100.0 * resident as f64 / system.memory as f64)),
            ("minor_faults", rate(minor)),
            ("major_faults", rate(major)),
            ("read_kb", kb(read)),
            ("write_kb", kb(written)),
            ("cancelled_kb", kb(cancelled)),
            ("io_delay", Figure::Number(d(|p| p.stat.delayacct_blkio_ticks.unwrap_or(0)))),
        ];
        rows.push((row[4].1.word(), *pid, row));
    }
    rows.sort_by_key(|(cpu, pid, _)| (Reverse(*cpu), *pid));
    rows.into_iter().map(|r| r.2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SYSTEM: System = System { ticks: 100.0, page: 4096, memory: 4096 * 1000 };

    fn process(pid: i32, comm: &str, ticks: (u64, u64), start: u64, io: [u64; 3]) -> (i32, Process) {
        let text = format!(
            "{pid} ({comm}) S 1 {pid} 0 0 -1 0 7 0 3 0 {} {} 0 0 20 -5 4 0 {start} 10240 10 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 6 0 0 0 0 0 0 0 0 0 0\n",
            ticks.0, ticks.1
        );
        (pid, Process { stat: Stat::from_read(text.as_bytes()).unwrap(), io })
    }

    fn number(row: &Row, name: &str) -> i64 {
        row.iter().find(|f| f.0 == name).unwrap_or_else(|| panic!("no {name}")).1.word() as i64
    }

    #[test]
    fn the_busiest_come_first_and_idle_ones_not_at_all() {
        let before = HashMap::from([
            process(1, "init", (10, 10), 0, [0; 3]),
            process(2, "idle", (5, 5), 0, [0; 3]),
            process(3, "a) b", (100, 0), 5, [1024, 0, 0]),
            process(4, "old", (900, 0), 5, [0; 3]),
        ]);
        let now = HashMap::from([
            process(1, "init", (12, 10), 0, [0; 3]),
            process(2, "idle", (5, 5), 0, [0; 3]),
            process(3, "a) b", (200, 50), 5, [5120, 2048, 0]),
            process(4, "new", (1, 0), 99, [0; 3]),
        ]);
        let rows = figures(&now, Some(&before), Span::between(Duration::from_secs(2)), &SYSTEM);
        let pids: Vec<i64> = rows.iter().map(|r| number(r, "pid")).collect();
        assert_eq!(pids, [3, 1, 4]);
        let busy = &rows[0];
        assert_eq!(busy[2].1, Figure::Text("a) b".into()));
        assert_eq!((number(busy, "cpu"), number(busy, "user"), number(busy, "system")), (75_00, 50_00, 25_00));
        assert_eq!((number(busy, "read_kb"), number(busy, "write_kb")), (2_00, 1_00));
        assert_eq!((number(busy, "resident"), number(busy, "memory"), number(busy, "nice")), (40, 1_00, -5));
        assert_eq!(number(busy, "cpu_time"), 2500);
        // What was counted under the same number before was somebody else's.
        assert_eq!(number(&rows[2], "cpu"), 50);
    }

    #[test]
    fn since_boot_is_since_the_process_began() {
        let now = HashMap::from([process(9, "x", (300, 100), 1000, [0; 3])]);
        let rows = figures(&now, None, Span { seconds: 18.0, since_boot: true }, &SYSTEM);
        assert_eq!(number(&rows[0], "cpu"), 50_00);
    }
}
