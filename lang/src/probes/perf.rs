//! `software`, `hardware` and `watchpoint`: events of the kernel's perf subsystem (perf_event_open(2)).

use super::{Needs, Provider, Request, Resolved, Target};
use crate::diag::{Diagnostic, nearest};
use crate::hir::Context;

pub(super) const SOFTWARE: Provider = Provider {
    name: "software",
    aliases: &["s"],
    probetype: "software",
    syntax: "software:EVENT:\nsoftware:EVENT:COUNT",
    doc: "Fires at every COUNTth software event of the kernel: page faults, context switches, and so on.",
    example: "software:faults:100 { @[comm] = count(); } interval:ms:200 { exit(); }",
    options: "",
    needs: Needs::Nothing,
    expand: |r| expand(r, SOFTWARE_EVENTS, 1),
};

pub(super) const HARDWARE: Provider = Provider {
    name: "hardware",
    aliases: &["h"],
    probetype: "hardware",
    syntax: "hardware:EVENT:\nhardware:EVENT:COUNT",
    doc: "Fires at every COUNTth event that the processor counts: cycles, instructions, cache misses, and so on.",
    example: "hardware:cache-misses:1000000 { @[comm] = count(); } interval:ms:200 { exit(); }",
    options: "",
    needs: Needs::Counters,
    expand: |r| expand(r, HARDWARE_EVENTS, 0),
};

pub(super) const WATCHPOINT: Provider = Provider {
    name: "watchpoint",
    aliases: &["w"],
    probetype: "watchpoint",
    syntax: "watchpoint:ADDRESS:LENGTH:MODE",
    doc: "Fires when memory is read (`r`), written (`w`) or executed (`x`): with -c or -p that of the process, else the kernel's.",
    example: "watchpoint:0x10000000:8:rw { @ = count(); } interval:ms:200 { exit(); }",
    options: "",
    needs: Needs::Nothing,
    expand: watchpoint,
};

/// An event: names, its number in include/uapi/linux/perf_event.h, and the count when none is written.
pub struct Event {
    /// The first is the kernel's; the others are short for it.
    pub names: &'static [&'static str],
    /// `PERF_COUNT_SW_*` or `PERF_COUNT_HW_*`
    pub number: u64,
    /// Events between two firings.
    pub count: u64,
}

const fn event(names: &'static [&'static str], number: u64, count: u64) -> Event {
    Event { names, number, count }
}

/// `PERF_COUNT_SW_*`
pub const SOFTWARE_EVENTS: &[Event] = &[
    event(&["cpu-clock", "cpu"], 0, 1_000_000),
    event(&["task-clock"], 1, 1_000_000),
    event(&["page-faults", "faults"], 2, 100),
    event(&["context-switches", "cs"], 3, 1000),
    event(&["cpu-migrations"], 4, 1),
    event(&["minor-faults"], 5, 100),
    event(&["major-faults"], 6, 1),
    event(&["alignment-faults"], 7, 1),
    event(&["emulation-faults"], 8, 1),
    event(&["dummy"], 9, 1),
    event(&["bpf-output"], 10, 1),
];

/// `PERF_COUNT_HW_*`
pub const HARDWARE_EVENTS: &[Event] = &[
    event(&["cpu-cycles", "cycles"], 0, 1_000_000),
    event(&["instructions"], 1, 1_000_000),
    event(&["cache-references"], 2, 1_000_000),
    event(&["cache-misses"], 3, 1_000_000),
    event(&["branch-instructions", "branches"], 4, 100_000),
    event(&["branch-misses"], 5, 100_000),
    event(&["bus-cycles"], 6, 100_000),
    event(&["frontend-stalls"], 7, 1_000_000),
    event(&["backend-stalls"], 8, 1_000_000),
    event(&["ref-cycles"], 9, 1_000_000),
];

fn expand(r: &Request<'_>, events: &[Event], kind: u32) -> Result<Vec<Resolved>, Diagnostic> {
    let (name, count) = match r.parts.as_slice() {
        [name] => (name, ""),
        [name, count] => (name, count.as_str()),
        _ => return Err(r.bad_syntax()),
    };
    let Some(found) = events.iter().find(|e| e.names.contains(&name.as_str())) else {
        let near = nearest(name, events.iter().flat_map(|e| e.names.iter().copied()));
        let d = Diagnostic::error(r.span, format!("there is no {} event `{name}`", r.provider.name));
        return Err(d.suggest(&near, ""));
    };
    let count = match count {
        "" => found.count,
        text => crate::parse::parse_number(text).ok().filter(|n| *n > 0).ok_or_else(|| r.bad_syntax())?,
    };
    let full = format!("{}:{name}:{count}", r.provider.name);
    Ok(vec![r.resolved(full, Target::Perf { kind, config: found.number, period: count }, Context::PerfEvent)])
}

fn watchpoint(r: &Request<'_>) -> Result<Vec<Resolved>, Diagnostic> {
    let [address, length, mode] = r.parts.as_slice() else { return Err(r.bad_syntax()) };
    let (Ok(address_n), Ok(length_n)) = (crate::parse::parse_number(address), crate::parse::parse_number(length)) else {
        return Err(r.bad_syntax());
    };
    if !matches!(length_n, 1 | 2 | 4 | 8) {
        return Err(Diagnostic::error(r.span, "a watchpoint is 1, 2, 4 or 8 bytes long"));
    }
    // HW_BREAKPOINT_R, _W, _X of include/uapi/linux/hw_breakpoint.h
    let mut bits = 0;
    for c in mode.chars() {
        bits |= match c {
            'r' => 1,
            'w' => 2,
            'x' => 4,
            _ => {
                return Err(Diagnostic::error(r.span, format!("`{c}` is no mode of a watchpoint")).help("modes are `r`, `w`, `rw` and `x`"));
            }
        };
    }
    if bits == 1 {
        return Err(Diagnostic::error(r.span, "x86-64 can't watch reads alone").help("write `rw`"));
    }
    if bits == 0 || bits & 4 != 0 && bits != 4 {
        return Err(Diagnostic::error(r.span, "these modes don't go together").help("modes are `w`, `rw` and `x`"));
    }
    let name = format!("watchpoint:{address}:{length}:{mode}");
    let target = Target::Watchpoint { address: address_n, length: length_n, mode: bits };
    Ok(vec![r.resolved(name, target, Context::PerfEvent)])
}
