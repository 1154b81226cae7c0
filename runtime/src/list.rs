//! `-l`: probes that exist here.

use glob_match::glob_match;
use lang::hir;
use lang::kernel::{Field, Kernel, KernelError};
use lang::probes::perf::{Event, HARDWARE_EVENTS, SOFTWARE_EVENTS};
use lang::probes::{AttachPoint, PROVIDERS, Target};
use std::io::{self, Write};

/// Prints probes that match a pattern such as `tracepoint:syscalls:*open*`; with their arguments if asked.
pub fn print(kernel: &dyn Kernel, pattern: Option<&str>, verbose: bool) -> Result<(), String> {
    let lines = lines(kernel, pattern.unwrap_or("*"), verbose)?;
    write_lines(lines.iter().map(String::as_str)).map_err(|e| e.to_string())
}

/// The attach points of a script that are found in the machine (not `begin` and `end`).
pub fn print_attach_points(program: &hir::Program) -> io::Result<()> {
    let points = program.probes.iter().flat_map(|p| &p.attach);
    let names: Vec<String> = points.filter(|p| !matches!(p.target, Target::Begin | Target::End)).map(shown).collect();
    write_lines(names.iter().map(String::as_str))
}

/// An attach point as the listing of its provider has it: how often it fires is not part of that.
fn shown(point: &AttachPoint) -> String {
    match point.target {
        Target::Interval { .. } | Target::Profile { .. } | Target::Perf { .. } => point.name.split_inclusive(':').take(2).collect(),
        _ => point.name.clone(),
    }
}

/// A reader that has seen enough (`| head`) is no failure.
fn write_lines<'a>(lines: impl Iterator<Item = &'a str>) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let all = || -> io::Result<()> {
        for line in lines {
            writeln!(out, "{line}")?;
        }
        out.flush()
    };
    all().or_else(|e| if e.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(e) })
}

/// One pattern, taken apart.
struct Search<'a> {
    kernel: &'a dyn Kernel,
    verbose: bool,
    /// Name, alias or glob of providers.
    provider: &'a str,
    /// What follows the provider.
    rest: Option<&'a str>,
    found: Vec<String>,
}

/// The lines of a listing; `pattern` may be several separated by commas.
pub(crate) fn lines(kernel: &dyn Kernel, pattern: &str, verbose: bool) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for one in pattern.split(',').map(str::trim) {
        if let Some(mut found) = Search::types(kernel, one) {
            all.append(&mut found);
            continue;
        }
        let (provider, rest) = match one.split_once(':') {
            Some((provider, rest)) => (provider, Some(rest)),
            // A word that is no provider is looked for among the names of all.
            None if !is_provider(one) => ("*", Some(one)),
            None => (one, None),
        };
        let mut search = Search { kernel, verbose, provider, rest, found: Vec::new() };
        search.run()?;
        if search.found.is_empty() {
            return Err(format!("no probe matches `{one}`"));
        }
        all.append(&mut search.found);
    }
    Ok(all)
}

fn is_provider(word: &str) -> bool {
    matches!(word, "*" | "") || PROVIDERS.iter().any(|p| p.name == word || p.aliases.contains(&word))
}

impl Search<'_> {
    fn run(&mut self) -> Result<(), String> {
        let known = PROVIDERS.iter().filter(|p| self.wants(p.name, p.aliases)).map(|p| p.name).collect::<Vec<_>>();
        if known.is_empty() {
            return Err(format!("there are no `{}` probes; types are {}", self.provider, names()));
        }
        for name in known {
            match name {
                "interval" | "profile" => self.timers(name),
                "tracepoint" => self.tracepoints(),
                "rawtracepoint" => self.raw_tracepoints(),
                // The return probes of all functions are asked for by name only.
                "kretprobe" if !self.named() => {}
                "kprobe" | "kretprobe" => self.functions(name)?,
                "uprobe" | "uretprobe" => self.user(name)?,
                "usdt" => self.usdt()?,
                "software" => self.events(name, SOFTWARE_EVENTS),
                "hardware" => self.events(name, HARDWARE_EVENTS),
                "iter" => self.iterators(),
                "fexit" if !self.named() => {}
                "fentry" | "fexit" => self.described(name),
                // `begin` and `end` are always there: nothing to find.
                _ => {}
            }
        }
        Ok(())
    }

    fn wants(&self, name: &str, aliases: &[&str]) -> bool {
        self.provider.is_empty() || glob_match(self.provider, name) || aliases.contains(&self.provider)
    }

    /// A provider by its own name, not by a glob.
    fn named(&self) -> bool {
        !self.provider.is_empty() && !self.provider.contains(['*', '?'])
    }

    /// `a:b` as two patterns. One alone is the category of a named provider, and the event of all.
    fn two(&self) -> (&str, &str) {
        match (self.rest, self.rest.and_then(|r| r.split_once(':'))) {
            (_, Some(both)) => both,
            (Some(one), None) if self.named() => (one, "*"),
            (Some(one), None) => ("*", one),
            (None, None) => ("*", "*"),
        }
    }

    fn timers(&mut self, name: &str) {
        let rest = self.rest.unwrap_or("*");
        let units = ["hz", "ms", "s", "us"].into_iter().filter(|u| glob_match(rest.trim_end_matches(':'), u));
        self.found.extend(units.map(|u| format!("{name}:{u}:")));
    }

    fn tracepoints(&mut self) {
        let (category, event) = self.two();
        let mut names = self.kernel.tracepoints(category, event);
        names.sort();
        for (c, e) in names {
            let fields = if self.verbose { self.kernel.tracepoint(&c, &e).map(|l| l.fields).unwrap_or_default() } else { Vec::new() };
            self.add(format!("tracepoint:{c}:{e}"), &fields);
        }
    }

    fn raw_tracepoints(&mut self) {
        let mut names = self.kernel.raw_tracepoints(self.two().1);
        if let (true, Some(rest)) = (self.named(), self.rest) {
            names = self.kernel.raw_tracepoints(rest);
        }
        names.sort();
        for e in names {
            let fields = if self.verbose { self.kernel.raw_tracepoint(&e).unwrap_or_default() } else { Vec::new() };
            self.add(format!("rawtracepoint:{e}"), &fields);
        }
    }

    fn functions(&mut self, name: &str) -> Result<(), String> {
        let (module, function) = match self.rest.and_then(|r| r.split_once(':')) {
            Some((module, function)) => (Some(module), function),
            None => (None, self.rest.unwrap_or("*")),
        };
        match self.kernel.functions(module, function) {
            Ok(mut list) => {
                list.sort();
                list.dedup();
                for f in list {
                    let args = if self.verbose { self.kernel.prototype(&f.name).map(|p| p.0).unwrap_or_default() } else { Vec::new() };
                    self.add(format!("{name}:{}", f.name), &args);
                }
                Ok(())
            }
            Err(KernelError::Unavailable(why)) if self.named() => Err(why),
            Err(_) => Ok(()),
        }
    }

    /// Binaries are searched by name, or by what the process of `-p` has mapped: there is no list of all.
    fn user(&mut self, name: &str) -> Result<(), String> {
        // The return probes of all functions are asked for by name only.
        if name == "uretprobe" && !self.named() {
            return Ok(());
        }
        let rest = self.rest.unwrap_or("*");
        let (binary, symbol) = rest.split_once(':').unwrap_or((rest, "*"));
        for (path, written) in self.binaries(binary) {
            match self.kernel.user_binary(&path, Some(symbol)) {
                Ok(found) => {
                    for s in &found.symbols {
                        let args =
                            if self.verbose { self.kernel.user_prototype(&found.path, &s.name).unwrap_or_default() } else { Vec::new() };
                        self.add(format!("{name}:{}:{}", written.as_deref().unwrap_or(&found.path), s.name), &args);
                    }
                }
                Err(KernelError::Unavailable(why)) if self.named() && !binary.contains('*') => return Err(why),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// The binaries that a pattern means, each with the spelling that its probes are shown under.
    fn binaries(&self, binary: &str) -> Vec<(String, Option<String>)> {
        if binary.contains('*') || binary.is_empty() {
            let all = self.kernel.binaries(if binary.is_empty() { "*" } else { binary });
            return all.into_iter().map(|p| (p.clone(), Some(p))).collect();
        }
        // A word that is no path is looked up on $PATH and among the libraries, if a user probe is asked for.
        if !self.named() && !binary.contains('/') {
            return Vec::new();
        }
        vec![(binary.to_string(), binary.contains('/').then(|| binary.to_string()))]
    }

    fn usdt(&mut self) -> Result<(), String> {
        let rest = self.rest.unwrap_or("*");
        let mut parts = rest.split(':');
        let binary = parts.next().unwrap_or("*");
        let (namespace, name) = match (parts.next(), parts.next()) {
            (Some(n), None) => ("*", n),
            (Some(n), Some(p)) => (if n.is_empty() { "*" } else { n }, p),
            _ => ("*", "*"),
        };
        for (path, written) in self.binaries(binary) {
            for p in self.kernel.usdt(&path, namespace, name).unwrap_or_default() {
                self.add(format!("usdt:{}:{}:{}", written.as_deref().unwrap_or(&p.path), p.provider, p.name), &[]);
            }
        }
        Ok(())
    }

    fn events(&mut self, provider: &str, events: &[Event]) {
        let pattern = self.rest.unwrap_or("*").trim_end_matches(':');
        let mut names: Vec<&str> = events.iter().flat_map(|e| e.names.iter().copied()).filter(|n| glob_match(pattern, n)).collect();
        names.sort_unstable();
        self.found.extend(names.into_iter().map(|n| format!("{provider}:{n}:")));
    }

    fn iterators(&mut self) {
        let pattern = self.rest.unwrap_or("*");
        for kind in self.kernel.iterators().into_iter().filter(|k| glob_match(pattern, k)) {
            let fields = if self.verbose {
                self.kernel.record(&format!("bpf_iter__{kind}")).map(|l| l.fields).unwrap_or_default()
            } else {
                Vec::new()
            };
            self.add(format!("iter:{kind}"), &fields);
        }
    }

    /// Functions that BTF describes.
    fn described(&mut self, provider: &str) {
        let rest = self.rest.unwrap_or("*");
        let (module, function) = rest.split_once(':').unwrap_or(("*", rest));
        if !glob_match(module, "vmlinux") {
            return;
        }
        for f in self.kernel.described_functions(function) {
            let args = if self.verbose { self.kernel.prototype(&f).map(|p| p.0).unwrap_or_default() } else { Vec::new() };
            self.add(format!("{provider}:vmlinux:{f}"), &args);
        }
    }

    /// `struct task_struct`, `enum bpf_map_type`, with patterns: their definitions.
    fn types(kernel: &dyn Kernel, pattern: &str) -> Option<Vec<String>> {
        let (kind, name) = pattern.split_once(' ')?;
        let name = name.trim();
        match kind {
            "struct" | "union" => {
                let full = if kind == "union" { format!("union {name}") } else { name.to_string() };
                let layout = kernel.record(&full)?;
                let mut out = vec![format!("vmlinux: {kind} {name} {{")];
                out.extend(layout.fields.iter().map(|f| match f.bits {
                    Some((_, n)) => format!("    {} {} : {n};", f.ty, f.name),
                    None => format!("    {} {};", f.ty, f.name),
                }));
                out.push("};".into());
                Some(out)
            }
            "enum" => {
                let (_, list) = kernel.enumeration(name)?;
                let mut out = vec![format!("vmlinux: enum {name} {{")];
                out.extend(list.iter().map(|(n, v)| format!("    {n} = {v},")));
                out.push("};".into());
                Some(out)
            }
            _ => None,
        }
    }

    fn add(&mut self, name: String, args: &[Field]) {
        self.found.push(name);
        for f in args.iter().filter(|f| self.verbose && !f.name.starts_with("common_")) {
            self.found.push(match f.spelling.as_str() {
                "" => format!("    {} {}", f.ty, f.name),
                declaration => format!("    {declaration}"),
            });
        }
    }
}

fn names() -> String {
    PROVIDERS.iter().map(|p| p.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use lang::fixture::Fixture;

    fn listed(pattern: &str) -> Vec<String> {
        lines(&Fixture::small(), pattern, false).unwrap_or_else(|e| vec![e])
    }

    #[test]
    fn by_provider_alias_and_glob() {
        assert_eq!(listed("tracepoint:syscalls:*openat"), ["tracepoint:syscalls:sys_enter_openat"]);
        assert_eq!(listed("t:syscalls:*openat"), listed("tracepoint:syscalls:*openat"));
        assert_eq!(listed("interval:*"), ["interval:hz:", "interval:ms:", "interval:s:", "interval:us:"]);
        assert!(listed("*").contains(&"tracepoint:syscalls:sys_enter_openat".to_string()));
    }

    #[test]
    fn a_word_is_looked_for_everywhere() {
        assert_eq!(listed("*enter_openat"), ["tracepoint:syscalls:sys_enter_openat"]);
        assert_eq!(listed("*enter_openat,interval:hz"), ["tracepoint:syscalls:sys_enter_openat", "interval:hz:"]);
    }

    #[test]
    fn arguments_without_the_common_ones() {
        let all = lines(&Fixture::small(), "t:syscalls:sys_enter_openat", true).unwrap();
        assert!(all.iter().any(|l| l.starts_with("    ") && l.ends_with("filename")), "{all:?}");
        assert!(!all.iter().any(|l| l.contains("common_")), "{all:?}");
    }

    #[test]
    fn what_is_not_there_is_said() {
        assert_eq!(listed("tracepoint:nope:*"), ["no probe matches `tracepoint:nope:*`"]);
        assert!(listed("nope:x")[0].starts_with("there are no `nope` probes; types are begin, end, "));
    }
}
