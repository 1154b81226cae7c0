//! Disks, network interfaces, TCP.

use super::figures::{Figure, Span, file, hundredths, text};
use super::{Host, Row};
use procfs::net::{DeviceStatus, InterfaceDeviceStatus};
use procfs::{DiskStat, DiskStats};
use std::io;

/// Bytes of a sector of /proc/diskstats, whatever the disk's own are (`SECTOR_SIZE` of include/linux/blk_types.h), as part of a KiB.
const SECTOR_KIB: f64 = 0.5;

/// The whole disks that have done anything.
pub(super) fn disks(host: &Host) -> io::Result<Vec<DiskStat>> {
    let DiskStats(mut all) = file(&host.proc.join("diskstats"))?;
    let block = host.sys.join("class/block");
    all.retain(|d| d.reads + d.writes + d.discards.unwrap_or(0) > 0 && !block.join(d.name.replace('/', "!")).join("partition").exists());
    Ok(all)
}

pub(super) fn disk_figures(now: &[DiskStat], before: &[DiskStat], span: Span) -> Vec<Row> {
    let one = |n: &DiskStat| {
        let b = before.iter().find(|b| b.name == n.name);
        // What was counted in the interval, of a counter.
        let d = |of: fn(&DiskStat) -> u64| of(n).saturating_sub(b.map_or(0, of)) as f64;
        let (reads, merged, read, reading) = (d(|x| x.reads), d(|x| x.merged), d(|x| x.sectors_read), d(|x| x.time_reading));
        let (writes, wmerged, written, writing) =
            (d(|x| x.writes), d(|x| x.writes_merged), d(|x| x.sectors_written), d(|x| x.time_writing));
        let (discards, discarded) = (d(|x| x.discards.unwrap_or(0)), d(|x| x.sectors_discarded.unwrap_or(0)));
        let (flushes, flushing) = (d(|x| x.flushes.unwrap_or(0)), d(|x| x.time_flushing.unwrap_or(0)));
        let rate = |x: f64| hundredths(x / span.seconds);
        let millis = span.seconds * 1000.0;
        vec![
            ("name", Figure::Text(n.name.clone())),
            ("reads", rate(reads)),
            ("read_kb", rate(read * SECTOR_KIB)),
            ("reads_merged", rate(merged)),
            ("reads_merged_percent", hundredths(100.0 * merged / (merged + reads))),
            ("read_await", hundredths(reading / reads)),
            ("read_size", hundredths(read * SECTOR_KIB / reads)),
            ("writes", rate(writes)),
            ("write_kb", rate(written * SECTOR_KIB)),
            ("writes_merged", rate(wmerged)),
            ("writes_merged_percent", hundredths(100.0 * wmerged / (wmerged + writes))),
            ("write_await", hundredths(writing / writes)),
            ("write_size", hundredths(written * SECTOR_KIB / writes)),
            ("discards", rate(discards)),
            ("discard_kb", rate(discarded * SECTOR_KIB)),
            ("flushes", rate(flushes)),
            ("flush_await", hundredths(flushing / flushes)),
            ("queue", hundredths(d(|x| x.weighted_time_in_progress) / millis)),
            ("util", hundredths((100.0 * d(|x| x.time_in_progress) / millis).min(100.0))),
            ("in_flight", Figure::Number(n.in_progress)),
        ]
    };
    now.iter().map(one).collect()
}

/// The interfaces, by name.
pub(super) fn interfaces(host: &Host) -> io::Result<Vec<DeviceStatus>> {
    let InterfaceDeviceStatus(all) = file(&host.proc.join("self/net/dev"))?;
    let mut all: Vec<DeviceStatus> = all.into_values().collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

pub(super) fn interface_figures(now: &[DeviceStatus], before: &[DeviceStatus], span: Span) -> Vec<Row> {
    let one = |n: &DeviceStatus| {
        let b = before.iter().find(|b| b.name == n.name);
        let rate = |of: fn(&DeviceStatus) -> u64| span.per_second(of(n), b.map_or(0, of));
        let kb = |of: fn(&DeviceStatus) -> u64| hundredths(span.rate(of(n), b.map_or(0, of)) / 1024.0);
        vec![
            ("name", Figure::Text(n.name.clone())),
            ("rx_packets", rate(|x| x.recv_packets)),
            ("rx_kb", kb(|x| x.recv_bytes)),
            ("rx_errors", rate(|x| x.recv_errs)),
            ("rx_dropped", rate(|x| x.recv_drop)),
            ("rx_multicast", rate(|x| x.recv_multicast)),
            ("tx_packets", rate(|x| x.sent_packets)),
            ("tx_kb", kb(|x| x.sent_bytes)),
            ("tx_errors", rate(|x| x.sent_errs)),
            ("tx_dropped", rate(|x| x.sent_drop)),
            ("collisions", rate(|x| x.sent_colls)),
        ]
    };
    now.iter().map(one).collect()
}

/// Counters of TCP: active, passive, failed, resets, in, out, retransmitted, bad, sent resets; and the connections that there are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tcp {
    counters: [u64; 9],
    established: u64,
}

pub(super) fn tcp(host: &Host) -> io::Result<Tcp> {
    let path = host.proc.join("self/net/snmp");
    tcp_of(&text(&path)?).ok_or_else(|| io::Error::other(format!("{} has no counters of TCP", path.display())))
}

/// The two lines of TCP, names above values (proc(5)). A reader of our own: that of `procfs` 0.18 can't read the
/// file of Linux 7.2.
fn tcp_of(text: &str) -> Option<Tcp> {
    let mut lines = text.lines().filter_map(|l| l.strip_prefix("Tcp: ")).map(str::split_whitespace);
    let (names, values) = (lines.next()?, lines.next()?);
    let all: Vec<(&str, &str)> = names.zip(values).collect();
    let value = |name: &str| all.iter().find(|f| f.0 == name)?.1.parse().ok();
    let counters = [
        value("ActiveOpens")?,
        value("PassiveOpens")?,
        value("AttemptFails")?,
        value("EstabResets")?,
        value("InSegs")?,
        value("OutSegs")?,
        value("RetransSegs")?,
        value("InErrs")?,
        value("OutRsts")?,
    ];
    Some(Tcp { counters, established: value("CurrEstab")? })
}

pub(super) fn tcp_figures(now: &Tcp, before: Option<&Tcp>, span: Span) -> Row {
    let names = ["active", "passive", "failed", "resets", "in_segments", "out_segments", "retransmitted", "in_errors", "out_resets"];
    let before = before.map_or([0; 9], |b| b.counters);
    let rates = names.into_iter().zip(now.counters).zip(before).map(|((name, n), b)| (name, span.per_second(n, b)));
    rates.chain([("established", Figure::Number(now.established))]).collect()
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
    fn figures_of_disks() {
        let read = |text: &str| DiskStats::from_read(text.as_bytes()).unwrap().0;
        let before = read("   8       0 sda 100 10 1000 50 200 20 4000 400 0 300 450 0 0 0 0 5 10\n");
        let now =
            read("   8       0 sda 300 10 9000 450 300 120 12000 1400 2 1300 2450 0 0 0 0 7 20\n   8      16 sdb 4 0 8 4 0 0 0 0 0 1 4\n");
        let rows = disk_figures(&now, &before, Span::between(Duration::from_secs(2)));
        let sda = &rows[0];
        assert_eq!(sda[0].1, Figure::Text("sda".into()));
        let wanted = [
            ("reads", 10_000),
            ("read_kb", 200_000),
            ("reads_merged_percent", 0),
            ("read_await", 2_00),
            ("read_size", 20_00),
            ("writes", 50_00),
            ("write_kb", 200_000),
            ("writes_merged", 50_00),
            ("writes_merged_percent", 50_00),
            ("write_await", 10_00),
            ("write_size", 40_00),
            ("flushes", 1_00),
            ("flush_await", 5_00),
            ("queue", 1_00),
            ("util", 50_00),
            ("in_flight", 2),
        ];
        for (name, n) in wanted {
            assert_eq!(number(sda, name), n, "{name}");
        }
        // A disk that came in the interval; means of nothing are 0.
        assert_eq!((number(&rows[1], "reads"), number(&rows[1], "write_await"), number(&rows[1], "util")), (2_00, 0, 5));
    }

    #[test]
    fn partitions_and_idle_disks_are_left_out() {
        let dir = std::env::temp_dir().join(format!("beetrace-disks-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("sys/class/block/sda1")).unwrap();
        std::fs::write(dir.join("sys/class/block/sda1/partition"), "1\n").unwrap();
        let text = "8 0 sda 3 0 8 4 0 0 0 0 0 1 4\n8 1 sda1 3 0 8 4 0 0 0 0 0 1 4\n7 0 loop0 0 0 0 0 0 0 0 0 0 0 0\n";
        std::fs::write(dir.join("diskstats"), text).unwrap();
        let names: Vec<String> = disks(&Host { proc: dir.clone(), sys: dir.join("sys") }).unwrap().into_iter().map(|d| d.name).collect();
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(names, ["sda"]);
    }

    #[test]
    fn figures_of_interfaces() {
        let head = "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n";
        let read = |text: &str| -> Vec<DeviceStatus> {
            InterfaceDeviceStatus::from_read(format!("{head}{text}").as_bytes()).unwrap().0.into_values().collect()
        };
        let before = read("  eth0: 1024 10 0 1 0 0 0 3 0 0 0 0 0 0 0 0\n");
        let now = read("  eth0: 5120 30 0 2 0 0 0 3 20480 8 0 0 0 4 0 0\n");
        let row = &interface_figures(&now, &before, Span::between(Duration::from_secs(2)))[0];
        let got: Vec<u64> = row[1..].iter().map(|f| f.1.word()).collect();
        assert_eq!(got, [10_00, 2_00, 0, 50, 0, 4_00, 10_00, 0, 0, 2_00]);
    }

    #[test]
    fn counters_of_tcp() {
        let text = "Ip: Forwarding New\nIp: 1 2\nTcp: RtoAlgorithm ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs \
                    RetransSegs InErrs OutRsts InCsumErrors Newer\nTcp: 1 174 13 3 33 5 22614 15024 7 2 48 0 9\nMptcp: A\nMptcp: 1\n";
        let want = Tcp { counters: [174, 13, 3, 33, 22614, 15024, 7, 2, 48], established: 5 };
        assert_eq!(tcp_of(text), Some(want));
        assert_eq!(tcp_of("Tcp: ActiveOpens\nTcp: 1\n"), None);
    }

    #[test]
    fn figures_of_tcp() {
        let now = Tcp { counters: [30, 4, 0, 0, 500, 600, 7, 0, 1], established: 12 };
        let before = Tcp { counters: [10, 4, 0, 0, 300, 500, 5, 0, 0], established: 9 };
        let row = tcp_figures(&now, Some(&before), Span::between(Duration::from_secs(10)));
        assert_eq!((number(&row, "active"), number(&row, "in_segments"), number(&row, "retransmitted")), (2_00, 20_00, 20));
        assert_eq!((number(&row, "passive"), number(&row, "out_resets"), number(&row, "established")), (0, 10, 12));
    }
}
