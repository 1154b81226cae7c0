//! `-l`: probes that exist here.

use lang::hir;
use lang::kernel::{Field, Kernel};
use std::io::{self, Write};

/// Prints probes that match a pattern such as `tracepoint:syscalls:*open*`; with their arguments if asked.
pub fn print(kernel: &dyn Kernel, pattern: Option<&str>, verbose: bool) -> Result<(), String> {
    let pattern = pattern.unwrap_or("*");
    let mut parts = pattern.splitn(2, ':');
    let provider = parts.next().unwrap_or("*");
    let rest = parts.next();
    let wanted = |name: &str, aliases: &[&str]| glob_match::glob_match(provider, name) || aliases.contains(&provider);
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut known = false;
    let mut any = false;
    let mut line = |text: String, args: &[Field]| -> io::Result<()> {
        any = true;
        writeln!(out, "{text}")?;
        for f in args.iter().filter(|f| verbose && !f.name.starts_with("common_")) {
            match f.spelling.as_str() {
                "" => writeln!(out, "    {} {}", f.ty, f.name)?,
                declaration => writeln!(out, "    {declaration}")?,
            }
        }
        Ok(())
    };
    let result = (|| -> io::Result<()> {
        if wanted("tracepoint", &["t"]) {
            known = true;
            let (category, event) = two(rest);
            for (c, e) in kernel.tracepoints(category, event) {
                let fields = if verbose { kernel.tracepoint(&c, &e).map(|l| l.fields).unwrap_or_default() } else { Vec::new() };
                line(format!("tracepoint:{c}:{e}"), &fields)?;
            }
        }
        if wanted("rawtracepoint", &["rt"]) {
            known = true;
            for e in kernel.raw_tracepoints(rest.unwrap_or("*")) {
                let fields = if verbose { kernel.raw_tracepoint(&e).unwrap_or_default() } else { Vec::new() };
                line(format!("rawtracepoint:{e}"), &fields)?;
            }
        }
        if provider != "*" && (wanted("kprobe", &["k"]) || wanted("kretprobe", &["kr"])) {
            known = true;
            let name = if provider.contains('r') && provider.starts_with("kr") { "kretprobe" } else { "kprobe" };
            for f in kernel.functions(None, rest.unwrap_or("*")).unwrap_or_default() {
                line(format!("{name}:{}", f.name), &[])?;
            }
        }
        if (wanted("uprobe", &["u"]) || wanted("uretprobe", &["ur"])) && provider != "*" {
            known = true;
            let (binary, symbol) = two(rest);
            if let Ok(found) = kernel.user_binary(binary, Some(symbol)) {
                for s in found.symbols {
                    line(format!("{}:{}:{}", if provider.starts_with("ur") { "uretprobe" } else { "uprobe" }, found.path, s.name), &[])?;
                }
            }
        }
        Ok(())
    })();
    match result {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => return Err(e.to_string()),
        _ => {}
    }
    if !known {
        return Err(format!("`{provider}` probes can't be listed; list tracepoint, rawtracepoint, kprobe or uprobe:BINARY"));
    }
    if !any {
        return Err(format!("no probe matches `{pattern}`"));
    }
    Ok(())
}

/// `a:b` as two patterns; what is missing matches everything.
fn two(rest: Option<&str>) -> (&str, &str) {
    match rest.map(|r| r.split_once(':')) {
        Some(Some((a, b))) => (a, b),
        Some(None) => (rest.unwrap_or("*"), "*"),
        None => ("*", "*"),
    }
}

/// The attach points of a script.
pub fn print_attach_points(program: &hir::Program) {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for point in program.probes.iter().flat_map(|p| &p.attach) {
        if writeln!(out, "{}", point.name).is_err() {
            return;
        }
    }
}
