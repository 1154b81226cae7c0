//! Stacks.

use super::{Kind, Op, Row, When};

pub(super) const ROWS: &[Row] = &[
    Row::new(
        "kstack",
        Kind::Value,
        "kstack_t kstack\nkstack_t kstack([mode, ] [limit])",
        (0, 2),
        When::Sync,
        Op::Kstack,
        "The kernel stack; the mode is `bpftrace`, `perf` or `raw`, the limit a number of frames.",
        "profile:hz:99 { @[kstack(5)] = count(); } interval:ms:200 { exit(); }",
    ),
    Row::new(
        "ustack",
        Kind::Value,
        "ustack_t ustack\nustack_t ustack([mode, ] [limit])",
        (0, 2),
        When::Sync,
        Op::Ustack,
        "The user stack of the current thread, by frame pointers.",
        "profile:hz:99 { @[ustack(perf, 5)] = count(); } interval:ms:200 { exit(); }",
    ),
];
