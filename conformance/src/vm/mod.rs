//! Virtual machines with Debian's kernels: one boot runs all cases.

mod boot;
mod cpio;
mod image;
mod kernels;

pub use kernels::series;

use crate::case::{Case, Output};
use anyhow::Result;
use std::path::Path;

/// Runs cases on the kernel of a series (`6.1`); an output for each that was reached.
pub fn run(series: &str, cases: &[Case], beetrace: &Path, testprog: &Path) -> Result<Vec<Option<Output>>> {
    let cache = crate::tools::cache_dir()?;
    let kernel = kernels::find(series, &cache)?;
    let image = image::write(cases, beetrace, testprog, &cache.join(format!("initramfs-{series}.cpio")))?;
    boot::run(&kernel, &image, cases.len())
}
