//! A case as a shell command, the same on the host and in a virtual machine; and its run on the host.

use crate::case::{Case, Output};
use anyhow::Result;
use std::path::Path;
use std::process::{Command, Stdio};

/// Seconds that a case may take; emulation without hardware help is slow.
const SECONDS: u32 = 60;

/// The command line that runs a case, its script being in `script`.
pub fn command(case: &Case, beetrace: &str, testprog: &str, script: &str) -> String {
    let quoted = |t: &str| format!("'{}'", t.replace('\'', "'\\''"));
    let mut line = format!("{} timeout -s KILL {SECONDS} {beetrace} -q {}", case.env, case.options);
    if let Some(cmd) = &case.cmd {
        line.push_str(&format!(" -c {}", quoted(&cmd.replace("testprog", testprog))));
    }
    line.push_str(&format!(" {script} {}", case.params.replace("testprog", testprog)));
    line
}

/// The script with the path of the test program in it.
pub fn script(case: &Case, testprog: &str) -> String {
    case.script.replace(":testprog:", &format!(":{testprog}:"))
}

/// Runs a case here.
pub fn on_host(case: &Case, beetrace: &Path, testprog: &Path, dir: &Path) -> Result<Output> {
    let testprog = testprog.to_string_lossy();
    let file = dir.join("case.bt");
    std::fs::write(&file, script(case, &testprog))?;
    let line = command(case, &beetrace.to_string_lossy(), &testprog, &file.to_string_lossy());
    let out = Command::new("sh").arg("-c").arg(line).current_dir(dir).stdin(Stdio::null()).output()?;
    Ok(Output {
        stdout: String::from_utf8_lossy(&out.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
        exit: out.status.code().unwrap_or(128),
    })
}
