//! Kernels from Debian's archive, downloaded and unpacked, never installed.

use crate::tools;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The series that are tested.
pub const SERIES: &[&str] = &["6.1", "6.12"];

/// The kernel image of a series, from the cache or from the archive.
pub fn find(series: &str, cache: &Path) -> Result<PathBuf> {
    let dir = cache.join(format!("linux-{series}"));
    if let Some(found) = image_in(&dir) {
        return Ok(found);
    }
    if !tools::may_install() {
        bail!("there is no kernel {series} in {}, and downloading one is not allowed here", dir.display());
    }
    tools::update();
    let package = newest(series)?;
    std::fs::create_dir_all(&dir)?;
    run(Command::new("apt-get").arg("download").arg(&package).current_dir(&dir), &package)?;
    let deb = std::fs::read_dir(&dir)?.flatten().map(|e| e.path()).find(|p| p.extension().is_some_and(|x| x == "deb"));
    let deb = deb.with_context(|| format!("{package} was not downloaded"))?;
    run(Command::new("dpkg").arg("-x").arg(&deb).arg(&dir), "unpacking the kernel")?;
    std::fs::remove_file(deb)?;
    image_in(&dir).with_context(|| format!("there is no vmlinuz in {package}"))
}

fn image_in(dir: &Path) -> Option<PathBuf> {
    let boot = std::fs::read_dir(dir.join("boot")).ok()?;
    boot.flatten().map(|e| e.path()).find(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("vmlinuz")))
}

/// The newest signed cloud kernel of a series that apt knows.
fn newest(series: &str) -> Result<String> {
    let out = Command::new("apt-cache").args(["search", "--names-only", "^linux-image-[0-9].*-cloud-amd64$"]).output()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let prefix = format!("linux-image-{series}.");
    let mut found: Vec<(Vec<u64>, String)> = text
        .lines()
        .filter_map(|l| l.split_whitespace().next())
        .filter(|n| n.starts_with(&prefix))
        .map(|n| (numbers(n), n.to_string()))
        .collect();
    found.sort();
    found.pop().map(|f| f.1).with_context(|| format!("apt knows no cloud kernel {series}"))
}

/// The numbers in a name, to be compared as a version.
fn numbers(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect()
}

fn run(command: &mut Command, what: &str) -> Result<()> {
    let out = command.output()?;
    if !out.status.success() {
        bail!("{what}: {}", String::from_utf8_lossy(&out.stderr));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn versions_are_compared_by_number() {
        assert!(super::numbers("linux-image-6.12.117+deb12") > super::numbers("linux-image-6.12.99+deb12"));
    }
}
