//! The machine as a whole: load, memory, paging, CPU time.

use super::{Field, Set, hundredths, number};

pub(super) const LOADAVG: Set = Set {
    name: "loadavg",
    rows: None,
    doc: "The load: how many tasks ran, were ready to run or slept uninterruptibly, on average. Above the number of CPUs tasks wait.",
    source: "/proc/loadavg (proc_loadavg(5))",
    fields: &[
        hundredths("one", "tasks", "over the last minute"),
        hundredths("five", "tasks", "over the last five minutes"),
        hundredths("fifteen", "tasks", "over the last fifteen minutes"),
        number("runnable", "tasks", "that run or are ready to run now"),
        number("tasks", "tasks", "that there are"),
    ],
    example: "begin { printf(\"load %.2f, %d of %d tasks run\\n\", loadavg.one, loadavg.runnable, loadavg.tasks); exit(); }",
};

pub(super) const MEMINFO: Set = Set {
    name: "meminfo",
    rows: None,
    doc: "Memory and what it is used for.",
    source: "/proc/meminfo (proc_meminfo(5))",
    fields: &[
        number("total", "KiB", "that the kernel has"),
        number("free", "KiB", "that nobody uses"),
        number("available", "KiB", "that a program could have without swapping; `free` on kernels before 3.14"),
        number("used", "KiB", "total without available"),
        number("buffers", "KiB", "of block devices in the page cache"),
        number("cached", "KiB", "of files in the page cache"),
        number("reclaimable", "KiB", "of the kernel's own caches that can be given back (SReclaimable)"),
        number("slab", "KiB", "of the kernel's own caches"),
        number("shared", "KiB", "in tmpfs and shared memory"),
        number("active", "KiB", "used lately"),
        number("inactive", "KiB", "that would be taken first"),
        number("anonymous", "KiB", "of processes, behind no file"),
        number("mapped", "KiB", "of files that processes have mapped"),
        number("dirty", "KiB", "that wait to be written to disk"),
        number("writeback", "KiB", "that are being written"),
        number("page_tables", "KiB", "of page tables"),
        number("committed", "KiB", "that were promised to processes (Committed_AS)"),
        number("commit_limit", "KiB", "that can be promised without overcommitting"),
        number("swap_total", "KiB", "of swap space"),
        number("swap_free", "KiB", "of swap space that nobody uses"),
        number("swap_used", "KiB", "of swap space in use"),
        number("swap_cached", "KiB", "that are both in memory and in swap space"),
    ],
    example: "begin { printf(\"%d of %d MiB available, %d KiB dirty\\n\", meminfo.available / 1024, meminfo.total / 1024, meminfo.dirty); exit(); }",
};

pub(super) const VMSTAT: Set = Set {
    name: "vmstat",
    rows: None,
    doc: "Who runs and who waits, and what moves between memory and disk. More runnable tasks than CPUs for long: too few CPUs. Swapping in \
          and out: too little memory.",
    source: "/proc/stat (proc_stat(5)), /proc/vmstat (proc_vmstat(5))",
    fields: &[
        number("runnable", "tasks", "that run or are ready to run now, the script's own among them"),
        number("blocked", "tasks", "that wait for I/O now"),
        number("swap_in", "KiB/s", "read from swap space"),
        number("swap_out", "KiB/s", "written to swap space"),
        number("blocks_in", "KiB/s", "read from disks"),
        number("blocks_out", "KiB/s", "written to disks"),
        number("interrupts", "/s", "interrupts"),
        number("context_switches", "/s", "switches from one task to another"),
        number("forks", "/s", "new tasks"),
        number("faults", "/s", "page faults"),
        number("major_faults", "/s", "page faults that had to read from disk"),
        number("pages_scanned", "/s", "pages looked at in search of memory: not 0, memory is short"),
        number("pages_stolen", "/s", "pages that were taken from their users"),
        number("oom_kills", "", "processes killed for memory, in the interval"),
    ],
    example: "begin { printf(\"%d run, %d wait\\n\", vmstat.runnable, vmstat.blocked); } interval:ms:200 { printf(\"%d switches/s\\n\", vmstat.context_switches); exit(); }",
};

const USER: Field = hundredths("user", "%", "in programs, niced ones and guests not among them");
const NICE: Field = hundredths("nice", "%", "in programs with a low priority");
const SYSTEM: Field = hundredths("system", "%", "in the kernel, interrupts not among them");
const IOWAIT: Field = hundredths("iowait", "%", "idle while a task waited for a disk");
const IRQ: Field = hundredths("irq", "%", "in interrupts");
const SOFTIRQ: Field = hundredths("softirq", "%", "in soft interrupts, most of them of the network");
const STEAL: Field = hundredths("steal", "%", "taken by the hypervisor for somebody else");
const GUEST: Field = hundredths("guest", "%", "in guests");
const GUEST_NICE: Field = hundredths("guest_nice", "%", "in guests with a low priority");
const IDLE: Field = hundredths("idle", "%", "idle, with no task that waited for a disk");

pub(super) const CPUSTAT: Set = Set {
    name: "cpustat",
    rows: None,
    doc: "What the CPUs did, all of them together, in percent of the time; the shares sum up to 100.",
    source: "/proc/stat (proc_stat(5))",
    fields: &[USER, NICE, SYSTEM, IOWAIT, IRQ, SOFTIRQ, STEAL, GUEST, GUEST_NICE, IDLE],
    example: "interval:ms:200 { printf(\"user %.2f%% system %.2f%% idle %.2f%%\\n\", cpustat.user, cpustat.system, cpustat.idle); exit(); }",
};

pub(super) const CPUS: Set = Set {
    name: "cpus",
    rows: Some(("a CPU that is online, by number", 1024)),
    doc: "What each CPU did, in percent of the time.",
    source: "/proc/stat (proc_stat(5))",
    fields: &[number("cpu", "", "its number"), USER, NICE, SYSTEM, IOWAIT, IRQ, SOFTIRQ, STEAL, GUEST, GUEST_NICE, IDLE],
    example: "interval:ms:200 { for ($c : cpus) { printf(\"CPU %d: %.2f%% idle\\n\", $c.cpu, $c.idle); } exit(); }",
};
