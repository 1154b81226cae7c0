//! What a script does to itself and to others.

use super::{Kind, Op, Row, When};

pub(super) const ROWS: &[Row] = &[
    Row::new(
        "exit",
        Kind::Function,
        "void exit([int code])",
        (0, 1),
        When::Async,
        Op::Exit,
        "Ends the script: no probe fires any more, `end` runs, maps print, the exit code is `code`.",
        "BEGIN { exit(0); }",
    ),
    Row::new(
        "signal",
        Kind::Function,
        "void signal(const string name)\nvoid signal(uint32 number)",
        (1, 1),
        When::Sync,
        Op::Signal,
        "Sends a signal to the current process.",
        "tracepoint:syscalls:sys_enter_exit_group /pid == cpid/ { signal(\"SIGKILL\"); }",
    )
    .run_with("-c true")
    .needs_unsafe(),
    Row::new(
        "signal_thread",
        Kind::Function,
        "void signal_thread(const string name)\nvoid signal_thread(uint32 number)",
        (1, 1),
        When::Sync,
        Op::SignalThread,
        "Sends a signal to the current thread.",
        "tracepoint:syscalls:sys_enter_exit_group /pid == cpid/ { signal_thread(9); }",
    )
    .run_with("-c true")
    .needs_unsafe(),
    Row::new(
        "override",
        Kind::Function,
        "void override(uint64 value)",
        (1, 1),
        When::Sync,
        Op::Override,
        "The probed function is not run and returns this (kprobe; functions that the kernel allows).",
        "kprobe:__x64_sys_getuid /comm == \"id\"/ { override(1); } interval:ms:100 { exit(); }",
    )
    .needs_unsafe(),
    Row::new(
        "unwatch",
        Kind::Function,
        "void unwatch(void *address)",
        (1, 1),
        When::Async,
        Op::Unwatch,
        "Removes the watchpoint at an address.",
        "BEGIN { unwatch(0x1000); exit(); }",
    ),
];
