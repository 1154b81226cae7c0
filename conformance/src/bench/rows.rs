//! What is measured: the canonical scripts, each with the load that it is run under.

/// What is traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// `dd bs=1` from /dev/zero to /dev/null: two short system calls a byte.
    Dd,
    /// A file that is opened again and again.
    Opens,
    /// Two processes that wake each other through pipes.
    Switches,
}

/// A script that runs while the load does.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its name in the table.
    pub name: &'static str,
    /// The script.
    pub script: &'static str,
    /// The same in ply's language, if it can be said there.
    pub ply: Option<&'static str>,
    /// What it traces.
    pub load: Load,
    /// What is above the floor is to be at most this part of bpftrace's.
    pub goal: f64,
}

/// The program that does nothing: what the kernel's statistics count for it is the floor of all other rows.
pub const EMPTY: Row = Row { name: "empty", script: "tracepoint:raw_syscalls:sys_enter { }", ply: None, load: Load::Dd, goal: f64::NAN };

/// The canonical scripts.
pub const ROWS: &[Row] = &[
    Row { name: "increment", script: "tracepoint:raw_syscalls:sys_enter { @++; }", ply: None, load: Load::Dd, goal: 0.1 },
    Row {
        name: "count",
        script: "tracepoint:raw_syscalls:sys_enter { @ = count(); }",
        ply: Some("tracepoint:raw_syscalls/sys_enter { @ = count(); }"),
        load: Load::Dd,
        goal: 0.5,
    },
    Row {
        name: "count by comm",
        script: "tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }",
        ply: Some("tracepoint:raw_syscalls/sys_enter { @[comm] = count(); }"),
        load: Load::Dd,
        goal: 0.5,
    },
    Row {
        name: "if comm is dd",
        script: "tracepoint:raw_syscalls:sys_enter /comm == \"dd\"/ { @++; }",
        ply: None,
        load: Load::Dd,
        goal: 0.15,
    },
    Row {
        name: "count by kernel stack",
        script: "tracepoint:raw_syscalls:sys_enter { @[kstack] = count(); }",
        ply: Some("tracepoint:raw_syscalls/sys_enter { @[stack] = count(); }"),
        load: Load::Dd,
        goal: 0.75,
    },
    Row {
        name: "latency histogram",
        script: "tracepoint:raw_syscalls:sys_enter { @s[tid] = nsecs; } \
                 tracepoint:raw_syscalls:sys_exit /@s[tid]/ { @ns[comm] = hist(nsecs - @s[tid]); delete(@s, tid); }",
        ply: None,
        load: Load::Dd,
        goal: 0.6,
    },
    Row {
        name: "print opens",
        script: "tracepoint:syscalls:sys_enter_openat { printf(\"%d %s %s\\n\", pid, comm, str(args.filename)); }",
        ply: Some("tracepoint:syscalls/sys_enter_openat { printf(\"%d %s %s\\n\", pid, comm, str(data->filename)); }"),
        load: Load::Opens,
        goal: 0.25,
    },
    Row {
        name: "count opens by file",
        script: "tracepoint:syscalls:sys_enter_openat { @[comm, str(args.filename)] = count(); }",
        ply: Some("tracepoint:syscalls/sys_enter_openat { @[comm, str(data->filename)] = count(); }"),
        load: Load::Opens,
        goal: 0.5,
    },
    Row {
        name: "off-CPU time",
        script: "tracepoint:sched:sched_switch { @s[args.prev_pid] = nsecs; \
                 if (@s[args.next_pid]) { @us[args.next_comm] = sum((nsecs - @s[args.next_pid]) / 1000); } }",
        ply: None,
        load: Load::Switches,
        goal: 0.6,
    },
];

/// A script that ends by itself: what it costs from start to end.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// Its name in the table.
    pub name: &'static str,
    /// The script.
    pub script: &'static str,
    /// The same in ply's language.
    pub ply: Option<&'static str>,
}

/// Scripts that end by themselves.
pub const STARTS: &[Start] = &[
    Start { name: "begin and exit", script: "BEGIN { exit(); }", ply: Some("BEGIN { exit(0); }") },
    Start {
        name: "one tracepoint",
        script: "BEGIN { exit(); } tracepoint:raw_syscalls:sys_enter { @ = count(); }",
        ply: Some("BEGIN { exit(0); } tracepoint:raw_syscalls/sys_enter { @ = count(); }"),
    },
    Start {
        name: "print 100,000 keys",
        script: "config = { max_map_keys = 100000 } BEGIN { for ($i : 0..100000) { @[$i] = $i; } exit(); }",
        ply: None,
    },
];
