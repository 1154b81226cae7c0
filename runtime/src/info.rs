//! `--info`: what this machine has for tracing.

use crate::sys::mount;
use lang::kernel::Kernel;
use std::fmt::Write as _;
use std::path::Path;

/// A feature, and the enumerator in the kernel's BTF that came with it (include/uapi/linux/bpf.h).
const FEATURES: &[(&str, &str)] = &[
    ("ring_buffer", "BPF_MAP_TYPE_RINGBUF"),
    ("loop", "BPF_FUNC_loop"),
    ("for_each_map_elem", "BPF_FUNC_for_each_map_elem"),
    ("get_func_ip", "BPF_FUNC_get_func_ip"),
    ("attach_cookie", "BPF_FUNC_get_attach_cookie"),
    ("get_tai_ns", "BPF_FUNC_ktime_get_tai_ns"),
    ("jiffies64", "BPF_FUNC_jiffies64"),
    ("d_path", "BPF_FUNC_d_path"),
    ("map_lookup_percpu_elem", "BPF_FUNC_map_lookup_percpu_elem"),
    ("send_signal", "BPF_FUNC_send_signal"),
    ("skboutput", "BPF_FUNC_skb_output"),
];

/// Kinds of programs by attach type, alike.
const ATTACH: &[(&str, &str)] = &[
    ("fentry", "BPF_TRACE_FENTRY"),
    ("iter", "BPF_TRACE_ITER"),
    ("kprobe_multi", "BPF_TRACE_KPROBE_MULTI"),
    ("kprobe_session", "BPF_TRACE_KPROBE_SESSION"),
    ("uprobe_multi", "BPF_TRACE_UPROBE_MULTI"),
];

/// One line a fact, in sections.
pub fn report(kernel: &dyn Kernel) -> String {
    let mut out = String::new();
    let yes = |b: bool| if b { "yes" } else { "no" };
    let read = |path: &str| std::fs::read_to_string(path).map(|t| t.trim().to_string()).unwrap_or_default();
    let pmu = |name: &str| Path::new("/sys/bus/event_source/devices").join(name).exists();
    let (major, minor) = kernel.version();
    let _ = writeln!(
        out,
        "System\n  OS: {} {}\n  Arch: {}",
        read("/proc/sys/kernel/ostype"),
        read("/proc/sys/kernel/osrelease"),
        std::env::consts::ARCH
    );
    let _ = writeln!(
        out,
        "  Kernel: {major}.{minor}\n  CPUs: {}\n\nBuild\n  version: v{}\n  LLVM: not needed\n",
        kernel.cpus(),
        env!("CARGO_PKG_VERSION")
    );
    let has = |name: &str| kernel.enumerator(name).is_some();
    let _ = writeln!(out, "Kernel features");
    let _ = writeln!(out, "  btf: {}", yes(has("BPF_MAP_TYPE_HASH")));
    for (name, enumerator) in FEATURES {
        let _ = writeln!(out, "  {name}: {}", yes(has(enumerator)));
    }
    let lockdown = read("/sys/kernel/security/lockdown");
    let mode = lockdown.split(['[', ']']).nth(1).unwrap_or("none");
    let _ = writeln!(out, "  lockdown: {mode}\n\nProbe types");
    let tracefs = mount::tracefs().is_ok();
    let events = Path::new("/sys/bus/event_source/devices/cpu/events/instructions").exists();
    for (name, there) in [
        ("kprobe", pmu("kprobe")),
        ("uprobe", pmu("uprobe")),
        ("tracepoint", tracefs),
        ("rawtracepoint", true),
        ("software", pmu("software")),
        ("hardware", events),
        ("watchpoint", pmu("breakpoint")),
    ] {
        let _ = writeln!(out, "  {name}: {}", yes(there));
    }
    for (name, enumerator) in ATTACH {
        let _ = writeln!(out, "  {name}: {}", yes(has(enumerator)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_fact() {
        let text = report(&lang::fixture::Fixture::small());
        let facts = text.lines().filter(|l| l.starts_with("  "));
        assert!(facts.clone().count() > FEATURES.len() + ATTACH.len());
        assert!(facts.clone().all(|l| l.contains(": ")), "{text}");
    }
}
