//! Kernel functions that a kprobe can be put on.

use crate::sys::mount;
use lang::kernel::Function;
use std::collections::HashMap;
use std::path::Path;

/// From the file of `--traceable-functions`, or from tracefs, which knows exactly; where lockdown or the build hides that
/// list, all of the kernel's code symbols.
pub(super) fn read(given: Option<&Path>) -> Result<Vec<Function>, String> {
    if let Some(path) = given {
        let text = std::fs::read_to_string(path).map_err(|e| format!("the list of functions {} can't be read: {e}", path.display()))?;
        return Ok(text.lines().filter(|l| !l.is_empty()).map(|l| function(l.split(' ').next().unwrap_or(l), l)).collect());
    }
    let exact = mount::tracefs().ok().and_then(|d| std::fs::read_to_string(d.join("available_filter_functions")).ok());
    if let Some(text) = exact.filter(|t| !t.is_empty()) {
        return Ok(text.lines().map(|l| function(l.split(' ').next().unwrap_or(l), l)).collect());
    }
    symbols()
}

/// The kernel's code symbols. Of several names of one function (`__x64_sys_getuid`, `__do_sys_getuid`) the list of tracefs has one,
/// this one has all.
pub(super) fn symbols() -> Result<Vec<Function>, String> {
    let text =
        std::fs::read_to_string("/proc/kallsyms").map_err(|e| format!("the kernel's functions can't be listed: /proc/kallsyms: {e}"))?;
    Ok(text.lines().filter_map(symbol).collect())
}

/// Where functions of these names begin: of any module, or of the one that is given with the name.
pub fn addresses(wanted: &[(&str, Option<&str>)]) -> std::io::Result<Vec<Vec<u64>>> {
    let mut out = vec![Vec::new(); wanted.len()];
    let mut index: HashMap<&str, Vec<usize>> = HashMap::new();
    for (i, (name, _)) in wanted.iter().enumerate() {
        index.entry(name).or_default().push(i);
    }
    for line in std::fs::read_to_string("/proc/kallsyms")?.lines() {
        let Some(f) = symbol(line) else { continue };
        let Some(address) = line.split(' ').next().and_then(|a| u64::from_str_radix(a, 16).ok()).filter(|a| *a != 0) else { continue };
        for i in index.get(f.name.as_str()).into_iter().flatten() {
            if wanted[*i].1.is_none_or(|m| m == f.module) {
                out[*i].push(address);
            }
        }
    }
    Ok(out)
}

/// `ffffffff81000000 T _stext`, `ffffffffc0000000 t init_module\t[name]`
fn symbol(line: &str) -> Option<Function> {
    let mut words = line.split_whitespace();
    let kind = words.nth(1)?;
    let name = words.next()?;
    matches!(kind, "t" | "T" | "w" | "W").then(|| function(name, line))
}

fn function(name: &str, line: &str) -> Function {
    let module = line.rsplit_once('[').and_then(|(_, m)| m.trim_end().strip_suffix(']')).unwrap_or("vmlinux");
    Function { module: module.into(), name: name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_kallsyms() {
        assert_eq!(symbol("ffffffff81000000 T vfs_read"), Some(Function { module: "vmlinux".into(), name: "vfs_read".into() }));
        assert_eq!(symbol("ffffffffc0000000 t f\t[ext4]").unwrap().module, "ext4");
        assert_eq!(symbol("ffffffff81000000 D jiffies"), None);
    }
}
