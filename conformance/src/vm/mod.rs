//! Virtual machines with Debian's kernels: one boot runs all cases.

mod boot;
mod cpio;
mod image;
mod kernels;

pub use kernels::SERIES;

use crate::case::{Case, Output};
use anyhow::Result;
use std::path::{Path, PathBuf};

/// Runs cases on the kernel of a series (`6.1`); an output for each that was reached.
pub fn run(series: &str, cases: &[Case], beetrace: &Path, testprog: &Path) -> Result<Vec<Option<Output>>> {
    let cache = cache_dir()?;
    let kernel = kernels::find(series, &cache)?;
    let image = image::write(cases, beetrace, testprog, &cache.join(format!("initramfs-{series}.cpio")))?;
    boot::run(&kernel, &image, cases.len())
}

/// Where kernels and images are kept: `$BEETRACE_RIG_CACHE`, or `rig` in the target folder.
fn cache_dir() -> Result<PathBuf> {
    let dir = match (std::env::var_os("BEETRACE_RIG_CACHE"), std::env::var_os("CARGO_TARGET_DIR")) {
        (Some(d), _) => PathBuf::from(d),
        (None, Some(t)) => PathBuf::from(t).join("rig"),
        (None, None) => crate::collect::crate_dir().join("../target/rig"),
    };
    std::fs::create_dir_all(&dir)?;
    Ok(dir.canonicalize()?)
}
