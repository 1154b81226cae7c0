//! Disks, network interfaces, TCP.

use super::{Set, hundredths, number, text};

pub(super) const DISKSTATS: Set = Set {
    name: "diskstats",
    rows: Some(("a block device that has done anything since boot, partitions not among them", 1024)),
    doc: "What each disk did, as iostat -dx tells it. A disk that is busy all the time, or whose requests take 20 ms and more, is slow for \
          those who wait for it.",
    source: "/proc/diskstats (proc_diskstats(5), Documentation/admin-guide/iostats.rst)",
    fields: &[
        text("name", 32, "the device, as in /dev"),
        hundredths("reads", "/s", "read requests completed"),
        hundredths("read_kb", "KiB/s", "read"),
        hundredths("reads_merged", "/s", "reads that were merged into one that waited"),
        hundredths("reads_merged_percent", "%", "of the reads were merged"),
        hundredths("read_await", "ms", "from a read's issue to its completion, on average"),
        hundredths("read_size", "KiB", "of a read, on average"),
        hundredths("writes", "/s", "write requests completed"),
        hundredths("write_kb", "KiB/s", "written"),
        hundredths("writes_merged", "/s", "writes that were merged into one that waited"),
        hundredths("writes_merged_percent", "%", "of the writes were merged"),
        hundredths("write_await", "ms", "from a write's issue to its completion, on average"),
        hundredths("write_size", "KiB", "of a write, on average"),
        hundredths("discards", "/s", "discard requests completed"),
        hundredths("discard_kb", "KiB/s", "discarded"),
        hundredths("flushes", "/s", "flush requests completed"),
        hundredths("flush_await", "ms", "of a flush, on average"),
        hundredths("queue", "requests", "in the queue and at work, on average (iostat's aqu-sz)"),
        hundredths("util", "%", "of the time with a request at work"),
        number("in_flight", "requests", "at work now"),
    ],
    example: "interval:ms:200 { for ($d : diskstats) { printf(\"%s %.2f reads/s %.2f%% busy\\n\", $d.name, $d.reads, $d.util); } exit(); }",
};

pub(super) const NETDEVS: Set = Set {
    name: "netdevs",
    rows: Some(("a network interface, by name", 1024)),
    doc: "What went through each network interface of the script's network namespace. Errors and drops should be 0.",
    source: "/proc/net/dev (proc_pid_net(5))",
    fields: &[
        text("name", 16, "the interface"),
        hundredths("rx_packets", "/s", "packets received"),
        hundredths("rx_kb", "KiB/s", "received"),
        hundredths("rx_errors", "/s", "bad packets received"),
        hundredths("rx_dropped", "/s", "packets received and dropped"),
        hundredths("rx_multicast", "/s", "multicast packets received"),
        hundredths("tx_packets", "/s", "packets sent"),
        hundredths("tx_kb", "KiB/s", "sent"),
        hundredths("tx_errors", "/s", "packets that could not be sent"),
        hundredths("tx_dropped", "/s", "packets dropped before they were sent"),
        hundredths("collisions", "/s", "collisions"),
    ],
    example: "interval:ms:200 { for ($n : netdevs) { printf(\"%s %.2f KiB/s in, %.2f KiB/s out\\n\", $n.name, $n.rx_kb, $n.tx_kb); } exit(); }",
};

pub(super) const TCPSTAT: Set = Set {
    name: "tcpstat",
    rows: None,
    doc: "TCP in the script's network namespace. Segments that are sent again say that packets get lost.",
    source: "/proc/net/snmp (proc_pid_net(5), RFC 1213)",
    fields: &[
        hundredths("active", "/s", "connections that were opened from here (ActiveOpens)"),
        hundredths("passive", "/s", "connections that were accepted (PassiveOpens)"),
        hundredths("failed", "/s", "attempts to connect that failed (AttemptFails)"),
        hundredths("resets", "/s", "established connections that were reset (EstabResets)"),
        hundredths("in_segments", "/s", "segments received"),
        hundredths("out_segments", "/s", "segments sent, without those sent again"),
        hundredths("retransmitted", "/s", "segments sent again"),
        hundredths("in_errors", "/s", "bad segments received"),
        hundredths("out_resets", "/s", "segments sent with RST"),
        number("established", "connections", "that there are now"),
    ],
    example: "begin { printf(\"%d connections\\n\", tcpstat.established); exit(); }",
};
