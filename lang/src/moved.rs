//! Members of the kernel's structures that have another name or another place in other versions: a script may have either.

/// A member that moved.
#[derive(Debug)]
pub struct Moved {
    /// The structure.
    pub record: &'static str,
    /// Its name before.
    pub old: &'static str,
    /// Where it is since: a member, or a way through members.
    pub new: &'static str,
}

const fn row(record: &'static str, old: &'static str, new: &'static str) -> Moved {
    Moved { record, old, new }
}

/// Every one, with the version of Linux and the commit that moved it.
pub const MOVED: &[Moved] = &[
    // 5.5, cf25e24db61c
    row("task_struct", "real_start_time", "start_boottime"),
    // 5.14, 2f064a59a11f
    row("task_struct", "state", "__state"),
    // 5.16, bcf9033e5449
    row("task_struct", "cpu", "thread_info.cpu"),
    // 5.12, 309dca309fc3
    row("bio", "bi_disk", "bi_bdev.bd_disk"),
    // 5.16, f3fa33acca9f
    row("request", "rq_disk", "q.disk"),
    // 6.7, 077c212f0344; in 6.11 they became pairs of integers
    row("inode", "i_atime", "__i_atime"),
    row("inode", "i_mtime", "__i_mtime"),
    row("inode", "i_ctime", "__i_ctime"),
    // 6.14, 736c55a02c47
    row("cfs_rq", "nr_running", "nr_queued"),
    // 6.15, 633488947ef6
    row("kernfs_node", "parent", "__parent"),
];

/// The other ways to a member, by either of its names.
pub fn other_ways(record: &str, name: &str) -> impl Iterator<Item = &'static str> {
    MOVED.iter().filter(move |m| m.record == record).filter_map(move |m| match () {
        () if m.old == name => Some(m.new),
        () if m.new == name => Some(m.old),
        () => None,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_names_lead_to_each_other() {
        assert_eq!(super::other_ways("task_struct", "state").collect::<Vec<_>>(), ["__state"]);
        assert_eq!(super::other_ways("task_struct", "__state").collect::<Vec<_>>(), ["state"]);
        assert_eq!(super::other_ways("bio", "state").count(), 0);
    }
}
