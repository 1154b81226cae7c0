//! Load, memory, paging, CPU time.

use super::figures::{Figure, Span, hundredths, text};
use super::{Host, Row};
use procfs::{LoadAverage, Meminfo};
use std::io;

pub(super) fn load(l: &LoadAverage) -> Row {
    // The file has two digits; a float of 32 bits has more than that.
    let average = |x: f32| hundredths(f64::from(x));
    vec![
        ("one", average(l.one)),
        ("five", average(l.five)),
        ("fifteen", average(l.fifteen)),
        ("runnable", Figure::Number(l.cur.into())),
        ("tasks", Figure::Number(l.max.into())),
    ]
}

pub(super) fn memory(m: &Meminfo) -> Row {
    // The crate gives bytes.
    let kib = |n: u64| Figure::Number(n / 1024);
    let available = m.mem_available.unwrap_or(m.mem_free);
    vec![
        ("total", kib(m.mem_total)),
        ("free", kib(m.mem_free)),
        ("available", kib(available)),
        ("used", kib(m.mem_total.saturating_sub(available))),
        ("buffers", kib(m.buffers)),
        ("cached", kib(m.cached)),
        ("reclaimable", kib(m.s_reclaimable.unwrap_or(0))),
        ("slab", kib(m.slab)),
        ("shared", kib(m.shmem.unwrap_or(0))),
        ("active", kib(m.active)),
        ("inactive", kib(m.inactive)),
        ("anonymous", kib(m.anon_pages.unwrap_or(0))),
        ("mapped", kib(m.mapped)),
        ("dirty", kib(m.dirty)),
        ("writeback", kib(m.writeback)),
        ("page_tables", kib(m.page_tables.unwrap_or(0))),
        ("committed", kib(m.committed_as)),
        ("commit_limit", kib(m.commit_limit.unwrap_or(0))),
        ("swap_total", kib(m.swap_total)),
        ("swap_free", kib(m.swap_free)),
        ("swap_used", kib(m.swap_total.saturating_sub(m.swap_free))),
        ("swap_cached", kib(m.swap_cached)),
    ]
}

/// Counters of /proc/stat and /proc/vmstat.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Paging {
    runnable: u64,
    blocked: u64,
    interrupts: u64,
    switches: u64,
    forks: u64,
    /// Pages.
    swap_in: u64,
    swap_out: u64,
    /// KiB.
    blocks_in: u64,
    blocks_out: u64,
    faults: u64,
    major_faults: u64,
    scanned: u64,
    stolen: u64,
    oom_kills: u64,
}

pub(super) fn paging(host: &Host) -> io::Result<Paging> {
    Ok(paging_of(&text(&host.proc.join("stat"))?, &text(&host.proc.join("vmstat"))?))
}

/// Of the texts of /proc/stat and /proc/vmstat.
fn paging_of(stat: &str, vmstat: &str) -> Paging {
    fn word(text: &str, name: &str) -> u64 {
        let line = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|l| l.split_whitespace().next()).and_then(|w| w.parse().ok()).unwrap_or(0)
    }
    let (stat, vm) = (|name| word(stat, name), |name| word(vmstat, name));
    Paging {
        runnable: stat("procs_running"),
        blocked: stat("procs_blocked"),
        interrupts: stat("intr"),
        switches: stat("ctxt"),
        forks: stat("processes"),
        swap_in: vm("pswpin"),
        swap_out: vm("pswpout"),
        blocks_in: vm("pgpgin"),
        blocks_out: vm("pgpgout"),
        faults: vm("pgfault"),
        major_faults: vm("pgmajfault"),
        scanned: vm("pgscan_kswapd") + vm("pgscan_direct"),
        stolen: vm("pgsteal_kswapd") + vm("pgsteal_direct"),
        oom_kills: vm("oom_kill"),
    }
}

pub(super) fn paging_figures(now: &Paging, before: Option<&Paging>, span: Span) -> Row {
    let nothing = Paging::default();
    let b = before.unwrap_or(&nothing);
    let page = super::processes::System::live().page / 1024;
    vec![
        ("runnable", Figure::Number(now.runnable)),
        ("blocked", Figure::Number(now.blocked)),
        ("swap_in", span.whole(now.swap_in * page, b.swap_in * page)),
        ("swap_out", span.whole(now.swap_out * page, b.swap_out * page)),
        ("blocks_in", span.whole(now.blocks_in, b.blocks_in)),
        ("blocks_out", span.whole(now.blocks_out, b.blocks_out)),
        ("interrupts", span.whole(now.interrupts, b.interrupts)),
        ("context_switches", span.whole(now.switches, b.switches)),
        ("forks", span.whole(now.forks, b.forks)),
        ("faults", span.whole(now.faults, b.faults)),
        ("major_faults", span.whole(now.major_faults, b.major_faults)),
        ("pages_scanned", span.whole(now.scanned, b.scanned)),
        ("pages_stolen", span.whole(now.stolen, b.stolen)),
        ("oom_kills", Figure::Number(now.oom_kills.saturating_sub(b.oom_kills))),
    ]
}

/// A line of /proc/stat, in clock ticks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CpuTime {
    /// Its number; none for all CPUs together.
    cpu: Option<u64>,
    /// user nice system idle iowait irq softirq steal guest guest_nice
    ticks: [u64; 10],
}

/// The lines of the CPUs. (The crate's reader does not keep the numbers, which have gaps where CPUs are offline.)
pub(super) fn cpu_times(stat: &str) -> Vec<CpuTime> {
    let line = |l: &str| {
        let mut words = l.strip_prefix("cpu")?.split(' ');
        let cpu = words.next()?.parse().ok();
        let mut ticks = [0; 10];
        for (tick, word) in ticks.iter_mut().zip(words.filter(|w| !w.is_empty())) {
            *tick = word.parse().unwrap_or(0);
        }
        Some(CpuTime { cpu, ticks })
    };
    stat.lines().map_while(line).collect()
}

/// Shares of the time, for all CPUs together (`None`) and for each.
pub(super) fn cpus(now: &[CpuTime], before: &[CpuTime]) -> Vec<(Option<u64>, Row)> {
    let nothing = [0; 10];
    let one = |n: &CpuTime| {
        let b = before.iter().find(|b| b.cpu == n.cpu).map_or(&nothing, |b| &b.ticks);
        // Idle time and time of waiting can go back (proc_stat(5)).
        let d: Vec<u64> = n.ticks.iter().zip(b).map(|(n, b)| n.saturating_sub(*b)).collect();
        let total: u64 = d[..8].iter().sum();
        let share = |ticks: u64| hundredths(100.0 * ticks as f64 / total as f64);
        let idle = if total == 0 { Figure::Number(10_000) } else { share(d[3]) };
        let mut row: Row = n.cpu.map(|c| ("cpu", Figure::Number(c))).into_iter().collect();
        row.extend([
            // Time of guests is within that of users.
            ("user", share(d[0].saturating_sub(d[8]))),
            ("nice", share(d[1].saturating_sub(d[9]))),
            ("system", share(d[2])),
            ("iowait", share(d[4])),
            ("irq", share(d[5])),
            ("softirq", share(d[6])),
            ("steal", share(d[7])),
            ("guest", share(d[8])),
            ("guest_nice", share(d[9])),
            ("idle", idle),
        ]);
        (n.cpu, row)
    };
    now.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use procfs::FromRead;
    use std::time::Duration;

    fn number(row: &Row, name: &str) -> u64 {
        row.iter().find(|f| f.0 == name).unwrap_or_else(|| panic!("no {name}")).1.word()
    }

    #[test]
    fn load_and_memory() {
        let row = load(&LoadAverage::from_read(&b"0.52 1.05 12.30 3/812 4711\n"[..]).unwrap());
        assert_eq!(row.iter().map(|f| f.1.word()).collect::<Vec<_>>(), [52, 105, 1230, 3, 812]);
        let text = "MemTotal: 8000 kB\nMemFree: 1000 kB\nMemAvailable: 5000 kB\nBuffers: 10 kB\nCached: 3000 kB\nSwapCached: 1 kB\nActive: 2 kB\n\
            Inactive: 3 kB\nSwapTotal: 100 kB\nSwapFree: 40 kB\nDirty: 77 kB\nWriteback: 5 kB\nMapped: 6 kB\nSlab: 9 kB\nSReclaimable: 8 kB\n\
            Committed_AS: 1 kB\nVmallocTotal: 1 kB\nVmallocUsed: 1 kB\nVmallocChunk: 0 kB\n";
        let row = memory(&Meminfo::from_read(text.as_bytes()).unwrap());
        assert_eq!((number(&row, "total"), number(&row, "used"), number(&row, "dirty")), (8000, 3000, 77));
        assert_eq!((number(&row, "swap_used"), number(&row, "reclaimable"), number(&row, "commit_limit")), (60, 8, 0));
    }

    #[test]
    fn paging_a_second() {
        let stat = |intr, ctxt| format!("cpu 1 2\nintr {intr} 3 4\nctxt {ctxt}\nbtime 5\nprocesses 10\nprocs_running 3\nprocs_blocked 1\n");
        let before = paging_of(&stat(100, 1000), "pgpgin 10\npgpgout 20\npswpin 1\npswpout 2\npgfault 5\npgmajfault 6\n");
        let now = paging_of(&stat(300, 5000), "pgpgin 30\npgpgout 120\npswpin 3\npswpout 2\npgfault 105\npgmajfault 6\noom_kill 1\n");
        let row = paging_figures(&now, Some(&before), Span::between(Duration::from_secs(2)));
        let wanted = [
            ("runnable", 3),
            ("blocked", 1),
            ("interrupts", 100),
            ("context_switches", 2000),
            ("blocks_in", 10),
            ("blocks_out", 50),
            ("swap_in", 4),
            ("swap_out", 0),
            ("faults", 50),
            ("major_faults", 0),
            ("oom_kills", 1),
        ];
        for (name, n) in wanted {
            assert_eq!(number(&row, name), n, "{name}");
        }
    }

    #[test]
    fn shares_of_cpu_time() {
        let before = cpu_times("cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\ncpu3 10 0 0 90 0 0 0 0 0 0\nintr 1\n");
        let now = cpu_times("cpu  50 10 20 100 10 1 2 7 10 5\ncpu0 50 10 20 100 10 1 2 7 10 5\ncpu3 10 0 0 80 0 0 0 0 0 0\nintr 1\n");
        let rows = cpus(&now, &before);
        assert_eq!(rows.iter().map(|r| r.0).collect::<Vec<_>>(), [None, Some(0), Some(3)]);
        let all = &rows[0].1;
        let shares = ["user", "nice", "system", "iowait", "irq", "softirq", "steal", "guest", "guest_nice", "idle"];
        let got: Vec<u64> = shares.iter().map(|s| number(all, s)).collect();
        assert_eq!(got, [2000, 250, 1000, 500, 50, 100, 350, 500, 250, 5000]);
        assert_eq!(got.iter().sum::<u64>(), 10000);
        assert_eq!(number(&rows[2].1, "idle"), 10000);
        assert_eq!(number(&rows[2].1, "cpu"), 3);
    }
}
