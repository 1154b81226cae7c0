//! Probes that come in pairs: what begins and what ends. Used to say which half of a measurement is missing.

/// `(first, second)` of tracepoints, without their category.
const TRACEPOINTS: &[(&str, &str)] = &[
    ("block_rq_issue", "block_rq_complete"),
    ("block_bio_queue", "block_bio_complete"),
    ("irq_handler_entry", "irq_handler_exit"),
    ("softirq_entry", "softirq_exit"),
    ("sched_wakeup", "sched_switch"),
    ("workqueue_execute_start", "workqueue_execute_end"),
    ("mm_vmscan_direct_reclaim_begin", "mm_vmscan_direct_reclaim_end"),
    ("sys_enter", "sys_exit"),
];

/// The attach point whose probe should have come before `name`: `tracepoint:block:block_rq_issue` for
/// `tracepoint:block:block_rq_complete`, the kprobe of a kretprobe, and so on.
pub fn first_half(name: &str) -> Option<String> {
    for (ret, entry) in [("kretprobe:", "kprobe:"), ("uretprobe:", "uprobe:")] {
        if let Some(rest) = name.strip_prefix(ret) {
            return Some(format!("{entry}{rest}"));
        }
    }
    let (category, event) = name.rsplit_once(':')?;
    if let Some(call) = event.strip_prefix("sys_exit_") {
        return Some(format!("{category}:sys_enter_{call}"));
    }
    let pair = TRACEPOINTS.iter().find(|(_, second)| *second == event)?;
    Some(format!("{category}:{}", pair.0))
}

#[cfg(test)]
mod tests {
    use super::first_half;

    #[test]
    fn halves() {
        assert_eq!(first_half("tracepoint:block:block_rq_complete").as_deref(), Some("tracepoint:block:block_rq_issue"));
        assert_eq!(first_half("tracepoint:syscalls:sys_exit_read").as_deref(), Some("tracepoint:syscalls:sys_enter_read"));
        assert_eq!(first_half("kretprobe:vfs_read").as_deref(), Some("kprobe:vfs_read"));
        assert_eq!(first_half("kprobe:vfs_read"), None);
    }
}
