//! Packages of any of Debian's releases, unpacked and never installed, with package lists of our own: those of the machine stay as
//! they are.

use crate::tools;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The package lists of a release, in a folder where they are for the moment.
pub struct Lists {
    dir: PathBuf,
}

/// Downloads the package that `choose` names and unpacks it into `dir`.
pub fn unpack(release: &str, dir: &Path, choose: impl FnOnce(&Lists) -> Result<String>) -> Result<()> {
    if !tools::may_install() {
        bail!("it is not in {}, and downloading is not allowed here", dir.display());
    }
    let lists = Lists { dir: dir.join("apt") };
    std::fs::create_dir_all(lists.dir.join("lists/partial"))?;
    std::fs::write(lists.sources(), format!("deb {} {release} main\n", archive()?))?;
    lists.run("apt-get", &["update"])?;
    let package = choose(&lists)?;
    lists.run("apt-get", &["download", &package])?;
    let deb = tools::files(&lists.dir, "deb")?.pop().with_context(|| format!("{package} was not downloaded"))?;
    output(Command::new("dpkg").arg("-x").arg(&deb).arg(dir))?;
    std::fs::remove_dir_all(&lists.dir)?;
    Ok(())
}

impl Lists {
    /// The names of packages that a regular expression matches.
    pub fn search(&self, pattern: &str) -> Result<Vec<String>> {
        let text = self.run("apt-cache", &["search", "--names-only", pattern])?;
        Ok(text.lines().filter_map(|l| l.split_whitespace().next()).map(str::to_string).collect())
    }

    fn sources(&self) -> PathBuf {
        self.dir.join("sources.list")
    }

    fn run(&self, command: &str, words: &[&str]) -> Result<String> {
        let mut c = Command::new(command);
        c.arg("-o").arg(format!("Dir::Etc::SourceList={}", self.sources().display()));
        c.args(["-o", "Dir::Etc::SourceParts=-", "-o", "APT::Sandbox::User=root"]);
        c.arg("-o").arg(format!("Dir::State::Lists={}", self.dir.join("lists").display()));
        output(c.args(words).current_dir(&self.dir))
    }
}

/// Where this machine has Debian from.
fn archive() -> Result<String> {
    let targets = || output(Command::new("apt-get").args(["indextargets", "--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages"]));
    let of = |text: String| text.lines().find_map(|l| l.strip_prefix("Debian ")).map(str::to_string);
    if let Some(uri) = of(targets()?) {
        return Ok(uri);
    }
    // A machine that has never fetched its lists does not know them.
    tools::update();
    of(targets()?).context("apt has no archive of Debian")
}

fn output(c: &mut Command) -> Result<String> {
    let out = c.stdin(Stdio::null()).output()?;
    if !out.status.success() {
        bail!("{c:?}: {}", String::from_utf8_lossy(&out.stderr));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}
