//! A case as a shell command, the same on the host and in a virtual machine; and its run on the host.

use crate::case::{Case, Output};
use crate::tools;
use anyhow::Result;
use std::path::Path;
use std::process::{Command, Stdio};

/// Seconds that a case may take; emulation without hardware help is slow.
const SECONDS: u32 = 60;

/// The command line that runs a case, its script being in `script`.
pub fn command(case: &Case, beetrace: &str, testprog: &str, script: &str) -> String {
    let quoted = |t: &str| format!("'{}'", t.replace('\'', "'\\''"));
    let dir = script.rsplit_once('/').map_or(".", |s| s.0);
    let mut line = String::new();
    for (name, text) in &case.files {
        let folder = name.rsplit_once('/').map_or(String::new(), |s| format!("mkdir -p {dir}/{}; ", s.0));
        line.push_str(&format!("{folder}printf %s {} >{dir}/{name}; ", quoted(text)));
    }
    let options = case.options.replace("DIR/", &format!("{dir}/"));
    line.push_str(&format!("{} timeout -s KILL {SECONDS} {beetrace} -q {options}", case.env));
    if let Some(cmd) = &case.cmd {
        line.push_str(&format!(" -c {}", quoted(&cmd.replace("testprog", testprog))));
    }
    line.push_str(&format!(" {script} {}", case.params.replace("testprog", testprog)));
    line
}

/// The script with the path of the test program in it, and for `ADDRESS(NAME)` the address of that symbol of `file`, which is the test
/// program as it is here.
pub fn script(case: &Case, testprog: &str, file: &Path) -> String {
    let mut text = case.script.replace(":testprog:", &format!(":{testprog}:")).replace(":testprog@", &format!(":{testprog}@"));
    while let Some((before, rest)) = text.split_once("ADDRESS(") {
        let (name, after) = rest.split_once(')').unwrap_or((rest, ""));
        let address = tools::symbol(file, name).unwrap_or_default();
        text = format!("{before}{address:#x}{after}");
    }
    text
}

/// Runs a case here.
pub fn on_host(case: &Case, beetrace: &Path, testprog: &Path, dir: &Path) -> Result<Output> {
    let file = dir.join("case.bt");
    std::fs::write(&file, script(case, &testprog.to_string_lossy(), testprog))?;
    let line = command(case, &beetrace.to_string_lossy(), &testprog.to_string_lossy(), &file.to_string_lossy());
    let out = Command::new("sh").arg("-c").arg(line).current_dir(dir).stdin(Stdio::null()).output()?;
    Ok(Output {
        stdout: String::from_utf8_lossy(&out.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
        exit: out.status.code().unwrap_or(128),
    })
}
