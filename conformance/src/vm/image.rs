//! The initramfs: beetrace, the test program, their libraries, busybox, and every case.

use super::cpio::Archive;
use crate::case::Case;
use crate::runner;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Commands of busybox that the machine needs.
const APPLETS: &[&str] =
    &["sh", "mount", "mkdir", "cat", "echo", "sleep", "timeout", "base64", "poweroff", "ls", "dd", "head", "env", "true", "sysctl", "ip"];

/// Writes the image and returns its path.
pub fn write(cases: &[Case], beetrace: &Path, testprog: &Path, to: &Path) -> Result<PathBuf> {
    let mut a = Archive::default();
    let mut dirs = BTreeSet::new();
    for d in ["bin", "proc", "sys", "dev", "tmp", "case", "etc", "usr/bin"] {
        folder(&mut a, &mut dirs, d);
    }
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].iter().find(|p| Path::new(p).is_file()).context("busybox is not installed")?;
    a.file("bin/busybox", &std::fs::read(busybox)?);
    for name in APPLETS {
        a.link(&format!("bin/{name}"), "/bin/busybox");
    }
    a.file("bin/beetrace", &std::fs::read(beetrace)?);
    a.file("bin/testprog", &std::fs::read(testprog)?);
    a.file("etc/passwd", b"root:x:0:0:root:/:/bin/sh\n");
    let mut libs = libraries(beetrace)?;
    libs.extend(libraries(testprog)?);
    for lib in libs {
        let dir = lib.parent().unwrap_or(Path::new("/")).to_string_lossy().into_owned();
        folder(&mut a, &mut dirs, &dir);
        a.file(&lib.to_string_lossy(), &std::fs::read(&lib)?);
    }
    for (i, case) in cases.iter().enumerate() {
        a.file(&format!("case/{i}.bt"), runner::script(case, "/bin/testprog", testprog).as_bytes());
        let line = runner::command(case, "/bin/beetrace", "/bin/testprog", &format!("/case/{i}.bt"));
        a.file(&format!("case/{i}.sh"), format!("{line}\n").as_bytes());
    }
    a.file("init", init(cases.len()).as_bytes());
    std::fs::write(to, a.finish())?;
    Ok(to.into())
}

fn folder(a: &mut Archive, known: &mut BTreeSet<String>, path: &str) {
    let mut whole = String::new();
    for part in path.split('/').filter(|p| !p.is_empty()) {
        whole = if whole.is_empty() { part.into() } else { format!("{whole}/{part}") };
        if known.insert(whole.clone()) {
            a.dir(&whole);
        }
    }
}

/// Shared libraries of a binary, the loader included, as ldd(1) finds them.
fn libraries(binary: &Path) -> Result<BTreeSet<PathBuf>> {
    let out = Command::new("ldd").arg(binary).output().context("ldd can't be run")?;
    let text = String::from_utf8_lossy(&out.stdout);
    if text.contains("not found") {
        bail!("a library of {} is missing:\n{text}", binary.display());
    }
    let words = text.split_whitespace().filter(|w| w.starts_with('/'));
    Ok(words.map(PathBuf::from).filter(|p| p.is_file()).collect())
}

/// The first process: mounts what a system has, runs the cases one after the other, and writes what came out to the console in a
/// form that its noise can't spoil.
fn init(cases: usize) -> String {
    format!(
        "#!/bin/sh\n\
         mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp\n\
         export PATH=/bin:/usr/bin\n\
         sysctl -q -w kernel.kptr_restrict=0 kernel.printk='1 1 1 1'\n\
         ip link set lo up\n\
         echo \"@@kernel $(cat /proc/sys/kernel/osrelease)\"\n\
         i=0\n\
         while [ $i -lt {cases} ]; do\n\
           sh /case/$i.sh >/tmp/out 2>/tmp/err </dev/null; code=$?\n\
           echo \"@@case $i $code\"; echo @@out; base64 /tmp/out; echo @@err; base64 /tmp/err; echo @@done\n\
           i=$((i + 1))\n\
         done\n\
         echo @@end\n\
         poweroff -f\n"
    )
}
