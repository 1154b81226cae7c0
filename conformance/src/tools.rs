//! Programs that the suites need: beetrace itself, and packages of Debian.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Builds beetrace (a moment, if it is up to date) and returns its path.
pub fn beetrace() -> Result<PathBuf> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let root = crate::collect::crate_dir().join("..");
    let ok = Command::new(cargo)
        .args(["build", "--quiet", "--release", "-p", "runtime", "--bin", "beetrace"])
        .current_dir(&root)
        .status()
        .context("cargo can't be run")?;
    if !ok.success() {
        bail!("beetrace does not build");
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release/beetrace").canonicalize()?)
}

/// Where what was downloaded and built is kept: `$BEETRACE_RIG_CACHE`, or `rig` in the target folder.
pub fn cache_dir() -> Result<PathBuf> {
    let dir = match (std::env::var_os("BEETRACE_RIG_CACHE"), std::env::var_os("CARGO_TARGET_DIR")) {
        (Some(d), _) => PathBuf::from(d),
        (None, Some(t)) => PathBuf::from(t).join("rig"),
        (None, None) => crate::collect::crate_dir().join("../target/rig"),
    };
    std::fs::create_dir_all(&dir)?;
    Ok(dir.canonicalize()?)
}

/// The files of a folder with an extension, in order; none if there is no such folder.
pub fn files(dir: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Ok(Vec::new()) };
    let mut out: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|x| x == extension)).collect();
    out.sort();
    Ok(out)
}

/// The address of a symbol of a program.
pub fn symbol(program: &Path, name: &str) -> Option<u64> {
    use object::{Object, ObjectSymbol};
    let data = std::fs::read(program).ok()?;
    object::File::parse(&*data).ok()?.symbols().find(|s| s.name() == Ok(name)).map(|s| s.address())
}

/// Whether the process is root.
pub fn is_root() -> bool {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Whether a command is on `$PATH`.
pub fn has(command: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':').any(|d| Path::new(d).join(command).is_file())
}

/// Whether packages may be installed: as root, with apt, and not forbidden by BEETRACE_NO_INSTALL=1.
pub fn may_install() -> bool {
    is_root() && has("apt-get") && std::env::var_os("BEETRACE_NO_INSTALL").is_none()
}

/// Installs the packages of commands that are missing; the error says what is missing and why.
pub fn need(commands: &[(&str, &str)]) -> Result<(), String> {
    let missing: Vec<_> = commands.iter().filter(|(c, _)| !has(c)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|(_, p)| *p).collect();
    if !may_install() {
        return Err(format!("{} not installed, and installing is not allowed here", packages.join(", ")));
    }
    update();
    let status = apt(&["install", "-y", "--no-install-recommends"], &packages);
    if !status || commands.iter().any(|(c, _)| !has(c)) {
        return Err(format!("{} can't be installed", packages.join(", ")));
    }
    Ok(())
}

/// Fetches the package lists, once a process; old ones serve if that fails.
pub fn update() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let _ = apt(&["update"], &[]);
    });
}

fn apt(verb: &[&str], packages: &[&str]) -> bool {
    let mut c = Command::new("apt-get");
    c.args(verb).args(packages).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null());
    c.status().is_ok_and(|s| s.success())
}
