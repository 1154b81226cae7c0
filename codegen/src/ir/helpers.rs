//! The helper functions that the compiler may call, one row each.
//!
//! Numbers and names are those of `___BPF_FUNC_MAPPER` in include/uapi/linux/bpf.h; the minimum kernel is the release
//! in which the helper appeared (Documentation or the commit that added it).

use super::Helper;

/// What a helper does to the world, as far as passes must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The same answer during the whole run of a program, and nothing else: calls may be shared or dropped.
    Constant,
    /// Changes nothing that a program sees but may answer differently each time: may be dropped, not shared.
    Reads,
    /// Writes memory, changes maps, or sends something.
    Writes,
}

/// A row of [`TABLE`].
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The number.
    pub helper: Helper,
    /// The kernel's name without `bpf_`.
    pub name: &'static str,
    /// How many arguments it takes.
    pub args: u8,
    /// What it does.
    pub effect: Effect,
    /// First kernel release that has it.
    pub since: (u8, u8),
}

macro_rules! helpers {
    ($($constant:ident = $number:literal $name:literal ($args:literal) $effect:ident $major:literal . $minor:literal;)*) => {
        impl Helper {
            $(#[doc = concat!("`bpf_", $name, "`, since kernel ", $major, ".", $minor)]
            pub const $constant: Helper = Helper($number);)*
        }

        /// Every helper known to the compiler, by number.
        pub const TABLE: &[Row] = &[
            $(Row { helper: Helper($number), name: $name, args: $args, effect: Effect::$effect, since: ($major, $minor) },)*
        ];
    };
}

helpers! {
    MAP_LOOKUP_ELEM = 1 "map_lookup_elem" (2) Reads 3 . 19;
    MAP_UPDATE_ELEM = 2 "map_update_elem" (4) Writes 3 . 19;
    MAP_DELETE_ELEM = 3 "map_delete_elem" (2) Writes 3 . 19;
    PROBE_READ = 4 "probe_read" (3) Writes 4 . 1;
    KTIME_GET_NS = 5 "ktime_get_ns" (0) Reads 4 . 1;
    TRACE_PRINTK = 6 "trace_printk" (5) Writes 4 . 1;
    GET_PRANDOM_U32 = 7 "get_prandom_u32" (0) Reads 4 . 1;
    GET_SMP_PROCESSOR_ID = 8 "get_smp_processor_id" (0) Reads 4 . 1;
    GET_CURRENT_PID_TGID = 14 "get_current_pid_tgid" (0) Constant 4 . 2;
    GET_CURRENT_UID_GID = 15 "get_current_uid_gid" (0) Constant 4 . 2;
    GET_CURRENT_COMM = 16 "get_current_comm" (2) Writes 4 . 2;
    PERF_EVENT_OUTPUT = 25 "perf_event_output" (5) Writes 4 . 4;
    GET_STACKID = 27 "get_stackid" (3) Writes 4 . 6;
    GET_CURRENT_TASK = 35 "get_current_task" (0) Constant 4 . 8;
    PROBE_WRITE_USER = 36 "probe_write_user" (3) Writes 4 . 8;
    GET_NUMA_NODE_ID = 42 "get_numa_node_id" (0) Reads 4 . 10;
    PROBE_READ_STR = 45 "probe_read_str" (3) Writes 4 . 11;
    GET_SOCKET_COOKIE = 46 "get_socket_cookie" (1) Writes 4 . 12;
    PERF_EVENT_READ_VALUE = 55 "perf_event_read_value" (4) Writes 4 . 15;
    OVERRIDE_RETURN = 58 "override_return" (2) Writes 4 . 16;
    GET_STACK = 67 "get_stack" (4) Writes 4 . 18;
    GET_CURRENT_CGROUP_ID = 80 "get_current_cgroup_id" (0) Constant 4 . 18;
    STRTOL = 105 "strtol" (4) Writes 5 . 2;
    SEND_SIGNAL = 109 "send_signal" (1) Writes 5 . 3;
    SKB_OUTPUT = 111 "skb_output" (5) Writes 5 . 5;
    PROBE_READ_USER = 112 "probe_read_user" (3) Writes 5 . 5;
    PROBE_READ_KERNEL = 113 "probe_read_kernel" (3) Writes 5 . 5;
    PROBE_READ_USER_STR = 114 "probe_read_user_str" (3) Writes 5 . 5;
    PROBE_READ_KERNEL_STR = 115 "probe_read_kernel_str" (3) Writes 5 . 5;
    SEND_SIGNAL_THREAD = 117 "send_signal_thread" (1) Writes 5 . 5;
    JIFFIES64 = 118 "jiffies64" (0) Reads 5 . 6;
    GET_NS_CURRENT_PID_TGID = 120 "get_ns_current_pid_tgid" (4) Writes 5 . 7;
    KTIME_GET_BOOT_NS = 125 "ktime_get_boot_ns" (0) Reads 5 . 8;
    RINGBUF_OUTPUT = 130 "ringbuf_output" (4) Writes 5 . 8;
    RINGBUF_RESERVE = 131 "ringbuf_reserve" (3) Writes 5 . 8;
    RINGBUF_SUBMIT = 132 "ringbuf_submit" (2) Writes 5 . 8;
    RINGBUF_DISCARD = 133 "ringbuf_discard" (2) Writes 5 . 8;
    RINGBUF_QUERY = 134 "ringbuf_query" (2) Reads 5 . 8;
    GET_TASK_STACK = 141 "get_task_stack" (4) Writes 5 . 9;
    D_PATH = 147 "d_path" (3) Writes 5 . 10;
    PER_CPU_PTR = 153 "per_cpu_ptr" (2) Reads 5 . 10;
    THIS_CPU_PTR = 154 "this_cpu_ptr" (1) Reads 5 . 10;
    GET_CURRENT_TASK_BTF = 158 "get_current_task_btf" (0) Constant 5 . 11;
    KTIME_GET_COARSE_NS = 160 "ktime_get_coarse_ns" (0) Reads 5 . 11;
    FOR_EACH_MAP_ELEM = 164 "for_each_map_elem" (4) Writes 5 . 13;
    SNPRINTF = 165 "snprintf" (5) Writes 5 . 13;
    GET_FUNC_IP = 173 "get_func_ip" (1) Constant 5 . 15;
    GET_ATTACH_COOKIE = 174 "get_attach_cookie" (1) Constant 5 . 15;
    TASK_PT_REGS = 175 "task_pt_regs" (1) Reads 5 . 15;
    LOOP = 181 "loop" (4) Writes 5 . 17;
    STRNCMP = 182 "strncmp" (3) Reads 5 . 17;
    MAP_LOOKUP_PERCPU_ELEM = 195 "map_lookup_percpu_elem" (3) Reads 5 . 19;
    KTIME_GET_TAI_NS = 208 "ktime_get_tai_ns" (0) Reads 6 . 1;
}

impl Helper {
    /// The helper's row, if the compiler knows it.
    pub fn row(self) -> Option<&'static Row> {
        TABLE.binary_search_by_key(&self.0, |r| r.helper.0).ok().map(|i| &TABLE[i])
    }

    /// Its name without `bpf_`, if the compiler knows it.
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|r| r.name)
    }

    /// The helper of that name (without `bpf_`).
    pub fn by_name(name: &str) -> Option<Helper> {
        TABLE.iter().find(|r| r.name == name).map(|r| r.helper)
    }

    /// Whether two calls with the same arguments in one run of a program are one.
    pub fn is_constant(self) -> bool {
        self.row().is_some_and(|r| r.effect == Effect::Constant)
    }

    /// Whether a call whose result is not used may be dropped.
    pub fn is_removable(self) -> bool {
        self.row().is_some_and(|r| r.effect != Effect::Writes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted_and_names_are_unique() {
        assert!(TABLE.windows(2).all(|w| w[0].helper.0 < w[1].helper.0));
        for row in TABLE {
            assert_eq!(Helper::by_name(row.name), Some(row.helper));
            assert!(row.args <= 5);
        }
    }

    #[test]
    fn unknown_helpers_are_never_dropped() {
        assert!(!Helper(9999).is_removable());
        assert!(!Helper::MAP_UPDATE_ELEM.is_removable());
        assert!(Helper::GET_CURRENT_PID_TGID.is_constant());
        assert!(!Helper::KTIME_GET_NS.is_constant());
    }
}
