//! `--info`: what this machine has for tracing.

use crate::sys::{bpf, mount};
use aya_obj::generated::bpf_insn;
use lang::kernel::Kernel;
use std::fmt::Write as _;
use std::os::fd::AsFd as _;
use std::path::Path;

/// A feature, and the enumerator in the kernel's BTF that came with it (include/uapi/linux/bpf.h).
const FEATURES: &[(&str, &str)] = &[
    // Loops that the verifier can count, since 5.3, are older than ring buffers, without which no script runs.
    ("Loop support", "BPF_MAP_TYPE_RINGBUF"),
    ("ring_buffer", "BPF_MAP_TYPE_RINGBUF"),
    ("loop", "BPF_FUNC_loop"),
    ("for_each_map_elem", "BPF_FUNC_for_each_map_elem"),
    ("get_func_ip", "BPF_FUNC_get_func_ip"),
    ("attach_cookie", "BPF_FUNC_get_attach_cookie"),
    ("get_ktime_ns", "BPF_FUNC_ktime_get_ns"),
    ("get_tai_ns", "BPF_FUNC_ktime_get_tai_ns"),
    ("probe_read_kernel", "BPF_FUNC_probe_read_kernel"),
    ("jiffies64", "BPF_FUNC_jiffies64"),
    ("map_lookup_percpu_elem", "BPF_FUNC_map_lookup_percpu_elem"),
    ("send_signal", "BPF_FUNC_send_signal"),
    ("skboutput", "BPF_FUNC_skb_output"),
];

/// What is built into beetrace, under the names that scripts look for.
const BUILD: &[(&str, &str)] = &[
    ("LLVM", "not needed"),
    ("libdw (DWARF support)", "yes, by a reader of its own"),
    ("blazesym (advanced symbolization)", "yes"),
    ("dwunwind (DWARF stack unwinding)", "no"),
    ("bcc library path resolution", "yes, by a search of its own"),
];

/// A name, the enumerator that came with it, and whether it can be had.
type Tried = (&'static str, &'static str, fn() -> bool);

/// Kinds of programs by attach type, alike; an enumerator alone does not say that the kernel was built with what they need.
const ATTACH: &[Tried] = &[
    ("fentry", "BPF_TRACE_FENTRY", || attaches(24, "bpf_fentry_test1")),
    ("iter", "BPF_TRACE_ITER", || attaches(28, "bpf_iter_task")),
    ("kprobe_multi", "BPF_TRACE_KPROBE_MULTI", || has_kprobe_links(42)),
    ("kprobe_session", "BPF_TRACE_KPROBE_SESSION", || has_kprobe_links(56)),
    ("uprobe_multi", "BPF_TRACE_UPROBE_MULTI", || pmu("uprobe")),
];

/// A program that does nothing, of a type and for an attach type (both in include/uapi/linux/bpf.h).
fn idle(kind: u32, attach: (u32, u32)) -> Option<std::os::fd::OwnedFd> {
    let insn = |code| bpf_insn { code, _bitfield_align_1: [], _bitfield_1: bpf_insn::new_bitfield_1(0, 0), off: 0, imm: 0 };
    // r0 = 0; exit
    bpf::prog_load("idle", kind, &[insn(0xb7), insn(0x95)], c"GPL", None, attach, &mut []).ok()
}

/// Whether a program can be attached to a function of the kernel by its type (`BPF_PROG_TYPE_TRACING`).
fn attaches(attach_type: u32, function: &str) -> bool {
    let Some(target) = crate::kernel::function_type(function) else { return false };
    idle(26, (attach_type, target)).is_some_and(|p| bpf::link_create(p.as_fd(), attach_type).is_ok())
}

/// Whether kprobes (`BPF_PROG_TYPE_KPROBE`) can be had by links of this type.
fn has_kprobe_links(attach_type: u32) -> bool {
    pmu("kprobe")
        && idle(2, (attach_type, 0)).is_some_and(|p| {
            let none = bpf::kprobe_multi(p.as_fd(), attach_type, bpf::Functions::Names(&[]), false);
            none.is_err_and(|e| e.raw_os_error() == Some(libc::EINVAL))
        })
}

/// Whether the kernel has a source of perf events of this name.
fn pmu(name: &str) -> bool {
    Path::new("/sys/bus/event_source/devices").join(name).exists()
}

/// One line a fact, in sections.
pub fn report(kernel: &dyn Kernel) -> String {
    let mut out = String::new();
    let yes = |b: bool| if b { "yes" } else { "no" };
    let read = |path: &str| std::fs::read_to_string(path).map(|t| t.trim().to_string()).unwrap_or_default();
    let (major, minor) = kernel.version();
    let _ = writeln!(
        out,
        "System\n  OS: {} {}\n  Arch: {}",
        read("/proc/sys/kernel/ostype"),
        read("/proc/sys/kernel/osrelease"),
        std::env::consts::ARCH
    );
    let _ = writeln!(out, "  Kernel: {major}.{minor}\n  CPUs: {}\n\nBuild\n  version: v{}", kernel.cpus(), env!("CARGO_PKG_VERSION"));
    for (name, answer) in BUILD {
        let _ = writeln!(out, "  {name}: {answer}");
    }
    let has = |name: &str| kernel.enumerator(name).is_some();
    let _ = writeln!(out, "\nKernel features");
    let _ = writeln!(out, "  btf: {}", yes(has("BPF_MAP_TYPE_HASH")));
    for (name, enumerator) in FEATURES {
        let _ = writeln!(out, "  {name}: {}", yes(has(enumerator)));
    }
    // `bpf_d_path` may only be called from fentry programs and iterators.
    let attached: Vec<bool> = ATTACH.iter().map(|(_, enumerator, tried)| has(enumerator) && tried()).collect();
    let _ = writeln!(out, "  dpath: {}", yes(has("BPF_FUNC_d_path") && attached[0]));
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
    for ((name, ..), there) in ATTACH.iter().zip(attached) {
        let _ = writeln!(out, "  {name}: {}", yes(there));
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
