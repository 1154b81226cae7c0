//! Kernel functions that a kprobe can be put on.

use crate::sys::mount;
use lang::kernel::Function;

/// From tracefs, which knows exactly; where lockdown or the build hides that list, all of the kernel's code symbols.
pub(super) fn read() -> Result<Vec<Function>, String> {
    let exact = mount::tracefs().ok().and_then(|d| std::fs::read_to_string(d.join("available_filter_functions")).ok());
    if let Some(text) = exact.filter(|t| !t.is_empty()) {
        return Ok(text.lines().map(|l| function(l.split(' ').next().unwrap_or(l), l)).collect());
    }
    let text =
        std::fs::read_to_string("/proc/kallsyms").map_err(|e| format!("the kernel's functions can't be listed: /proc/kallsyms: {e}"))?;
    Ok(text.lines().filter_map(symbol).collect())
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
