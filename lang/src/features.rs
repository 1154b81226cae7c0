//! What older kernels can't do, and since when it can be done.
//!
//! Distributions bring features back to older kernels: the helper's number in the kernel's type information (`enum bpf_func_id` of
//! include/uapi/linux/bpf.h) is what counts, the version only where there is none.

use crate::kernel::Kernel;

/// Something that needs a helper function of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// What it is in a script.
    pub what: &'static str,
    /// The helper, without its `bpf_`; empty if the helper is older than its use, so that the version alone counts.
    pub helper: &'static str,
    /// The first Linux that has it.
    pub since: (u32, u32),
    /// What can be written instead.
    pub instead: &'static str,
}

/// `for ($kv : @m)`
pub const MAP_LOOP: Feature =
    Feature { what: "a loop over a map", helper: "for_each_map_elem", since: (5, 13), instead: "`print(@m)` shows all that is in it" };
/// `for ($d : diskstats)`
pub const METRIC_LOOP: Feature = Feature {
    what: "a loop over host metrics",
    helper: "loop",
    since: (5, 17),
    instead: "what is one record can be read: `cpustat`, `meminfo`, `vmstat`",
};
/// `len(@m)`
pub const MAP_LENGTH: Feature = Feature {
    what: "the number of a map's keys",
    helper: "for_each_map_elem",
    since: (5, 13),
    instead: "count in a variable of its own: `@n++` where a key is new",
};
/// The number of an aggregation that every CPU has its part of.
pub const TOTAL: Feature = Feature {
    what: "the number of an aggregation in an expression",
    helper: "map_lookup_percpu_elem",
    since: (5, 19),
    instead: "`@n++` and `@n += x` are plain numbers, and an aggregation can be printed",
};
/// `strstr` and `strcontains`
pub const SEARCH: Feature =
    Feature { what: "a search in a string", helper: "loop", since: (5, 17), instead: "`strncmp(s, \"prefix\", 6)` compares the beginning" };
/// `func` in a return probe
pub const RETURNING: Feature =
    Feature { what: "`func` in a return probe", helper: "get_func_ip", since: (5, 15), instead: "`probe` is the name of the attach point" };

/// `path` in an iterator: `bpf_d_path_allowed` in kernel/trace/bpf_trace.c.
pub const PATH_OF_ITERATOR: Feature =
    Feature { what: "`path` in an iterator", helper: "", since: (5, 12), instead: "`str(dentry.d_name.name)` is its last part" };
impl Feature {
    /// Whether a kernel has it.
    pub fn is_in(&self, kernel: &dyn Kernel) -> bool {
        kernel.version() >= self.since || !self.helper.is_empty() && kernel.enumerator(&format!("BPF_FUNC_{}", self.helper)).is_some()
    }
}
