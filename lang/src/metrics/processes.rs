//! Processes.

use super::{Set, hundredths, number, signed, text};

pub(super) const PROCESSES: Set = Set {
    name: "processes",
    rows: Some(("a process that used CPU, faulted or did I/O in the interval; the one that used most CPU first", 8192)),
    doc: "What each process did, all its threads together, and its memory. 100% is one CPU. A process that ended in the interval is missing.",
    source: "/proc/PID/stat (proc_pid_stat(5)), /proc/PID/io (proc_pid_io(5))",
    fields: &[
        number("pid", "", "its id"),
        number("ppid", "", "its parent's id"),
        text("comm", 16, "its name"),
        text("state", 8, "R runs, S sleeps, D waits for a disk, Z has ended, T is stopped, I is an idle kernel thread"),
        hundredths("cpu", "%", "of a CPU that it used, in programs and the kernel"),
        hundredths("user", "%", "of a CPU in its program, guests not among them"),
        hundredths("system", "%", "of a CPU in the kernel"),
        hundredths("guest", "%", "of a CPU in guests"),
        number("processor", "", "the CPU that it ran on last"),
        number("cpu_time", "ms", "of CPU since it began"),
        signed("priority", "", "as the kernel shows it: 20 for most, negative for real-time threads"),
        signed("nice", "", "-20 for those that go first to 19"),
        number("threads", "", "its threads"),
        number("size", "KiB", "of its address space"),
        number("resident", "KiB", "of it in memory"),
        hundredths("memory", "%", "of the memory that is resident"),
        hundredths("minor_faults", "/s", "page faults that needed no disk"),
        hundredths("major_faults", "/s", "page faults that read from disk"),
        hundredths("read_kb", "KiB/s", "it caused to be read from disks"),
        hundredths("write_kb", "KiB/s", "it caused to be written to disks"),
        hundredths("cancelled_kb", "KiB/s", "it wrote to files that were gone before they were on disk"),
        number("io_delay", "clock ticks", "it waited for disks in the interval (10 ms each)"),
    ],
    example: "interval:ms:200 { for ($p : processes) { printf(\"%d %s %.2f%%\\n\", $p.pid, $p.comm, $p.cpu); } exit(); }",
};
