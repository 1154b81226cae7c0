//! Probe providers, one constant in one file each: names, syntax, what an attach point expands to, its context, documentation.

mod fentry;
mod iter;
mod kprobe;
pub mod perf;
mod runtime;
mod special;
mod timer;
mod tracepoint;
mod uprobe;
mod usdt;

use crate::ast;
use crate::diag::{Diagnostic, nearest};
use crate::dialect::{self, Word};
use crate::hir::Context;
use crate::kernel::{Kernel, KernelError};
use crate::source::Span;
use serde::{Deserialize, Serialize};

/// One attach point.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AttachPoint {
    /// The fully expanded name, as `probe` prints it: `tracepoint:syscalls:sys_enter_openat`.
    pub name: String,
    /// Where.
    pub target: Target,
    /// Its place in the script.
    pub span: Span,
}

/// How the kernel is told of the function of a kprobe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Named {
    /// By its symbol.
    Once,
    /// Several functions have the symbol: by the address of each.
    Often,
    /// By an address that the script gives.
    Address(u64),
}

/// What an attach point attaches to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// Fired once by the runtime when everything is attached.
    Begin,
    /// Fired once by the runtime when everything is detached.
    End,
    /// Fired by the runtime's timer.
    Interval {
        /// Nanoseconds between two firings.
        nanos: u64,
    },
    /// `PERF_COUNT_SW_CPU_CLOCK` on every CPU.
    Profile {
        /// How often.
        period: Period,
    },
    /// A tracepoint by its perf event.
    Tracepoint {
        /// Such as `syscalls`.
        category: String,
        /// Such as `sys_enter_openat`.
        event: String,
    },
    /// A raw tracepoint.
    RawTracepoint {
        /// Its name without the category.
        event: String,
    },
    /// A kprobe or kretprobe.
    Kprobe {
        /// The symbol; empty for an address alone.
        function: String,
        /// The module whose function is meant; any, and the kernel itself, without one.
        module: Option<String>,
        /// Bytes from its start.
        offset: u64,
        /// On return.
        ret: bool,
        /// How the kernel is told of it.
        by: Named,
    },
    /// A uprobe or uretprobe.
    Uprobe {
        /// The binary.
        path: String,
        /// Offset in the file.
        file_offset: u64,
        /// The symbol, if one was named.
        symbol: String,
        /// On return.
        ret: bool,
    },
    /// A location of a USDT probe.
    Usdt {
        /// The binary.
        path: String,
        /// Offset in the file.
        file_offset: u64,
        /// Offset in the file of the word that counts the tracers; 0 if there is none.
        semaphore: u64,
    },
    /// A kernel function by a trampoline.
    Fentry {
        /// The function.
        function: String,
        /// On return.
        ret: bool,
    },
    /// An iterator over kernel objects, run once.
    Iter {
        /// `task`, `task_file`, ...
        kind: String,
        /// Name or path of its pin.
        pin: Option<String>,
    },
    /// An event of perf: on every CPU, or of the process of `-p`.
    Perf {
        /// `PERF_TYPE_*`
        kind: u32,
        /// Its number.
        config: u64,
        /// Events between two firings.
        period: u64,
    },
    /// A hardware breakpoint.
    Watchpoint {
        /// Where.
        address: u64,
        /// Bytes.
        length: u64,
        /// `HW_BREAKPOINT_*` bits.
        mode: u32,
    },
    /// Fired by the runtime when the signal comes.
    Signal {
        /// Its name.
        signal: String,
    },
    /// Run by `--test`.
    Test {
        /// Its name.
        name: String,
    },
    /// Run by `--bench`.
    Bench {
        /// Its name.
        name: String,
    },
}

/// How often a profile probe fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Period {
    /// So many times a second.
    Hertz(u64),
    /// Every so many nanoseconds.
    Nanos(u64),
}

/// What not every machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// Every kernel will do.
    Nothing,
    /// The addresses of the kernel's variables in /proc/kallsyms.
    Variables,
    /// A kernel with kprobes.
    Kprobes,
    /// A kernel with BPF trampolines.
    Trampolines,
    /// A processor whose counters are to be had; virtual machines often have none.
    Counters,
}

/// A kind of probe.
pub struct Provider {
    /// Its name, as `probe` prints it.
    pub name: &'static str,
    /// Other spellings.
    pub aliases: &'static [&'static str],
    /// What `probetype` says.
    pub probetype: &'static str,
    /// The forms of its attach points, one a line.
    pub syntax: &'static str,
    /// What it is, in a sentence or two.
    pub doc: &'static str,
    /// A script that runs and ends by itself.
    pub example: &'static str,
    /// Options of beetrace that the example needs.
    pub options: &'static str,
    /// What the machine must have.
    pub needs: Needs,
    /// Resolves an attach point.
    expand: fn(&Request<'_>) -> Result<Vec<Resolved>, Diagnostic>,
}

/// Every provider.
pub const PROVIDERS: &[&Provider] = &[
    &special::BEGIN,
    &special::END,
    &timer::INTERVAL,
    &timer::PROFILE,
    &tracepoint::TRACEPOINT,
    &tracepoint::RAW_TRACEPOINT,
    &kprobe::KPROBE,
    &kprobe::KRETPROBE,
    &uprobe::UPROBE,
    &uprobe::URETPROBE,
    &usdt::USDT,
    &fentry::FENTRY,
    &fentry::FEXIT,
    &iter::ITER,
    &perf::SOFTWARE,
    &perf::HARDWARE,
    &perf::WATCHPOINT,
    &runtime::SELF,
    &runtime::TEST,
    &runtime::BENCH,
];

/// An attach point that was found, with the context of its program.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// Where it attaches.
    pub attach: AttachPoint,
    /// Its provider.
    pub provider: &'static str,
    /// What `probetype` says.
    pub probetype: &'static str,
    /// What its context pointer points to.
    pub context: Context,
}

/// What a provider is asked.
pub(crate) struct Request<'a> {
    /// The provider.
    provider: &'static Provider,
    /// The parts after the provider's name, quotes removed.
    parts: Vec<String>,
    /// The attach point as written.
    text: &'a str,
    /// Its place.
    span: Span,
    /// The machine.
    kernel: &'a dyn Kernel,
    /// Whether the action uses `args`, so that field layouts are needed.
    uses_args: bool,
    /// `--unsafe`
    allow_unsafe: bool,
}

impl Request<'_> {
    fn resolved(&self, name: String, target: Target, context: Context) -> Resolved {
        Resolved {
            attach: AttachPoint { name, target, span: self.span },
            provider: self.provider.name,
            probetype: self.provider.probetype,
            context,
        }
    }

    fn bad_syntax(&self) -> Diagnostic {
        let forms: Vec<String> = self.provider.syntax.lines().map(|l| format!("`{l}`")).collect();
        Diagnostic::error(self.span, format!("`{}` is not how a {} probe is written", self.text, self.provider.name))
            .help(format!("write {}", forms.join(" or ")))
    }

    /// The message for something that the machine could not find or read.
    fn refused(&self, what: &str, error: KernelError) -> Diagnostic {
        match error {
            KernelError::NotFound { near } => Diagnostic::error(self.span, format!("there is no {what} here")).suggest(&near, ""),
            KernelError::Unavailable(why) => Diagnostic::error(self.span, format!("{what} can't be used: {why}")),
        }
    }
}

/// Resolves one attach point of the script.
pub fn resolve(ap: &ast::AttachPoint, kernel: &dyn Kernel, uses_args: bool, allow_unsafe: bool) -> Result<Vec<Resolved>, Diagnostic> {
    let parts = split(&ap.text);
    let name = parts[0].as_str();
    let Some(provider) = find(name) else {
        if let Some(hint) = dialect::hint(Word::Provider, name) {
            return Err(Diagnostic::error(ap.span, format!("`{name}` is no probe type any more")).help(hint));
        }
        let near = nearest(name, PROVIDERS.iter().flat_map(|p| p.aliases.iter().copied().chain([p.name])).filter(|n| n.len() > 2));
        return Err(Diagnostic::error(ap.span, format!("there is no probe type `{name}`"))
            .suggest(&near, &format!("probe types are {}", PROVIDERS.iter().map(|p| p.name).collect::<Vec<_>>().join(", "))));
    };
    let request = Request { provider, parts: parts[1..].to_vec(), text: &ap.text, span: ap.span, kernel, uses_args, allow_unsafe };
    (provider.expand)(&request)
}

/// The provider of that name.
pub fn find(name: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|p| p.name == name || p.aliases.contains(&name)).copied()
}

/// Takes an attach point apart at its colons; quotes protect them and are removed. Within quotes a backslash makes the next
/// character an ordinary one.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quoted => parts.last_mut().expect("never empty").extend(chars.next()),
            '"' => quoted = !quoted,
            ':' if !quoted => parts.push(String::new()),
            c => parts.last_mut().expect("never empty").push(c),
        }
    }
    parts
}

/// The binaries that a script means: all that match a pattern of paths, or with `*` or nothing all that the process of `-p` has
/// mapped, or any process without one. A single name stays as it is.
fn binaries(r: &Request<'_>, binary: &str) -> Result<Vec<String>, Diagnostic> {
    if !binary.is_empty() && !is_glob(binary) {
        return Ok(vec![binary.to_string()]);
    }
    let found = r.kernel.binaries(if binary.is_empty() { "*" } else { binary });
    if found.is_empty() {
        let d = Diagnostic::empty_pattern(r.span, format!("no program or library matches `{binary}`"));
        return Err(if binary.contains('/') {
            d
        } else {
            d.help("`*` means what the process of `-p PID` has mapped, and without `-p` what any process has")
        });
    }
    Ok(found)
}

/// Whether a name is a pattern.
fn is_glob(name: &str) -> bool {
    name.contains(['*', '?']) || name.contains('[') && name.contains(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_documented() {
        let mut all: Vec<&str> = Vec::new();
        for p in PROVIDERS {
            all.push(p.name);
            all.extend(p.aliases);
            assert!(!p.doc.is_empty() && !p.syntax.is_empty() && !p.example.is_empty(), "{}", p.name);
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn quotes_protect_colons() {
        assert_eq!(split("uprobe:/bin/x:\"ns::f\""), ["uprobe", "/bin/x", "ns::f"]);
    }
}
