//! Kernels from Debian's archive, downloaded and unpacked, never installed.

use crate::archive;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// The series that are tested, and the releases that have them.
const KERNELS: &[(&str, &str)] = &[("5.10", "bullseye"), ("6.1", "bookworm"), ("6.12", "trixie"), ("7.2", "sid")];

/// The series that are tested.
pub fn series() -> impl Iterator<Item = &'static str> {
    KERNELS.iter().map(|k| k.0)
}

/// The kernel image of a series, from the cache or from the archive.
pub fn find(series: &str, cache: &Path) -> Result<PathBuf> {
    let (_, release) = KERNELS.iter().find(|k| k.0 == series).with_context(|| format!("no release is known to have Linux {series}"))?;
    let dir = cache.join(format!("linux-{series}"));
    if let Some(found) = image_in(&dir) {
        return Ok(found);
    }
    archive::unpack(release, &dir, |lists| {
        // Newer packages have the image apart from the modules, in `linux-binary`.
        let found = lists.search(&format!("^linux-(image|binary)-{series}[.][0-9].*-cloud-amd64$"))?;
        newest(found).with_context(|| format!("Debian {release} has no cloud kernel {series}"))
    })?;
    image_in(&dir).with_context(|| format!("there is no vmlinuz in the package of {series}"))
}

fn image_in(dir: &Path) -> Option<PathBuf> {
    let modules = std::fs::read_dir(dir.join("usr/lib/modules")).into_iter().flatten().flatten().map(|e| e.path());
    let folders = [dir.join("boot")].into_iter().chain(modules);
    let mut files = folders.flat_map(|d| std::fs::read_dir(d).into_iter().flatten().flatten()).map(|e| e.path());
    files.find(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("vmlinuz")))
}

/// The package of the newest version, of two of one version that with the image itself.
fn newest(mut names: Vec<String>) -> Option<String> {
    names.sort_by_key(|n| (numbers(n), n.starts_with("linux-binary")));
    names.pop()
}

/// The numbers in a name, to be compared as a version.
fn numbers(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn versions_are_compared_by_number() {
        assert!(super::numbers("linux-image-6.12.117+deb12") > super::numbers("linux-image-6.12.99+deb12"));
        let names = ["linux-binary-7.2.13", "linux-image-7.2.13", "linux-image-7.2.9"].map(String::from);
        assert_eq!(super::newest(names.to_vec()).unwrap(), "linux-binary-7.2.13");
    }
}
