//! The scripts that Debian's packages of bpftrace ship, unpacked from its archive: each compiles and loads wherever its probes are.

use crate::case::{Case, Expect};
use crate::{archive, tools};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// The releases whose packages are taken: an old script dialect and today's.
const RELEASES: &[&str] = &["bookworm", "sid"];

/// One case for each script of each release, and what could not be had.
pub fn cases() -> (Vec<Case>, Vec<String>) {
    let (mut cases, mut lacking) = (Vec::new(), Vec::new());
    for release in RELEASES {
        match scripts(release) {
            Ok(list) => cases.extend(list.iter().filter_map(|path| case(release, path))),
            Err(e) => lacking.push(format!("the scripts of bpftrace in Debian {release}: {e:#}")),
        }
    }
    (cases, lacking)
}

fn case(release: &str, path: &Path) -> Option<Case> {
    let name = path.file_stem()?.to_string_lossy().into_owned();
    let expect = Expect { may_lack: true, ..Expect::default() };
    let options = "--unsafe --no-warnings --dry-run".into();
    Some(Case {
        name: format!("packaged {release}: {name}"),
        script: std::fs::read_to_string(path).ok()?,
        options,
        expect,
        ..Case::default()
    })
}

/// The scripts of a release's package, from the cache or from the archive.
fn scripts(release: &str) -> Result<Vec<PathBuf>> {
    let dir = tools::cache_dir()?.join(format!("bpftrace-{release}"));
    let found = tools::files(&dir.join("usr/sbin"), "bt")?;
    if !found.is_empty() {
        return Ok(found);
    }
    archive::unpack(release, &dir, |_| Ok("bpftrace".into()))?;
    let found = tools::files(&dir.join("usr/sbin"), "bt")?;
    if found.is_empty() {
        bail!("the package has no scripts");
    }
    Ok(found)
}
