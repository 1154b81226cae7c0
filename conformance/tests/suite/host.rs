//! All cases on the kernel that runs here.

use super::endings;
use anyhow::Result;
use conformance::case::Case;
use conformance::report::Report;
use conformance::{collect, packaged, runner, tools};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Runs them; a filter takes those whose name holds it.
pub fn run(beetrace: &Path, testprog: &Path, filter: Option<&str>, report: &mut Report) -> Result<()> {
    if !tools::is_root() {
        report.skip("all cases on this kernel", "they need root");
        return Ok(());
    }
    let dir = std::env::temp_dir().join(format!("beetrace-host-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    cases(beetrace, testprog, &dir, filter, report)?;
    crate::screens::run(beetrace, testprog, &dir, filter, report)?;
    super::beside::run(beetrace, &dir, filter, report)?;
    super::tracers::run(beetrace, testprog, &dir, filter, report)?;
    if filter.is_none() {
        super::beside::every_tool(beetrace, report)?;
        ordinary_user(beetrace, &dir, report)?;
        leaves_nothing(beetrace, report)?;
    }
    endings::run(beetrace, testprog, filter, report)?;
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

fn cases(beetrace: &Path, testprog: &Path, dir: &Path, filter: Option<&str>, report: &mut Report) -> Result<()> {
    let lacking = lacking(beetrace);
    let (packaged, unavailable) = packaged::cases();
    for what in unavailable {
        report.skip("host", &what);
    }
    for case in collect::all()?.into_iter().chain(packaged) {
        if filter.is_some_and(|f| !case.name.contains(f)) {
            continue;
        }
        if let Some(why) = unfit(&case, &lacking) {
            // What can't run here must compile all the same.
            if !case.needs.contains("vm") && !case.needs.contains("variables") {
                let compiled = Case { options: format!("{} --mode codegen", case.options), ..case.clone() };
                let out = runner::on_host(&compiled, beetrace, testprog, dir)?;
                let wrong = if out.exit == case.expect.exit { Vec::new() } else { vec![format!("exit code {}", out.exit)] };
                report.outcome("host, compiled only", &case.name, wrong, &format!("{}\n{}", case.script, out.stderr));
            }
            report.skip(&format!("host: {}", case.name), why);
            continue;
        }
        let out = runner::on_host(&case, beetrace, testprog, dir)?;
        report.ran("host", &case, &out);
    }
    Ok(())
}

fn unfit(case: &Case, lacking: &[&(&'static str, &'static str)]) -> Option<&'static str> {
    if case.needs.contains("vm") {
        return Some("made for the virtual machines");
    }
    lacking.iter().find(|l| case.needs.contains(l.0)).map(|l| l.1)
}

/// What this machine has not, of what cases may need: the kernel is asked by a small program each.
fn lacking(beetrace: &Path) -> Vec<&'static (&'static str, &'static str)> {
    let runs = |options: &[&str], script: &str| {
        let out = Command::new(beetrace).args(["-q", "--unsafe"]).args(options).args(["-e", script]).output();
        out.is_ok_and(|o| o.status.success())
    };
    let has = |what: &str| match what {
        "kprobe" => Path::new("/sys/bus/event_source/devices/kprobe").exists(),
        "fentry" => runs(&["--dry-run"], "fentry:vfs_read { }"),
        "hardware" => runs(&[], "hardware:cycles:1000000 { } interval:ms:10 { exit(); }"),
        "variables" => runs(&["--dry-run"], "BEGIN { print(percpu_kaddr(\"process_counts\")); }"),
        "write_user" => runs(&["--dry-run"], "tracepoint:syscalls:sys_enter_openat { $p = 1; _ = write_user(args.filename, &$p, 1); }"),
        "task_by_id" => runs(&["--dry-run"], "iter:task { print(comm(1)); }"),
        "override" => runs(&["--dry-run"], "kprobe:__x64_sys_getuid { override(1); }"),
        _ => true,
    };
    Case::NEEDS.iter().filter(|n| !has(n.0)).collect()
}

/// As an ordinary user: two lines, exit code 1.
fn ordinary_user(beetrace: &Path, dir: &Path, report: &mut Report) -> Result<()> {
    let copy = dir.join("beetrace-of-nobody");
    std::fs::copy(beetrace, &copy)?;
    let out = Command::new(&copy).args(["-e", "BEGIN { exit(); }"]).uid(65534).gid(65534).current_dir("/").output()?;
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    let mut wrong = Vec::new();
    if out.status.code() != Some(1) {
        wrong.push(format!("exit code {:?}", out.status.code()));
    }
    if text.lines().count() != 2 || !text.contains("root") || !text.contains("CAP_BPF") {
        wrong.push("not the two lines".into());
    }
    report.outcome("host", "an ordinary user is told what is missing", wrong, &text);
    Ok(())
}

/// A script with mistakes attaches nothing, and a run leaves no program behind.
fn leaves_nothing(beetrace: &Path, report: &mut Report) -> Result<()> {
    for (name, script, code) in [
        (
            "a script with five mistakes attaches nothing",
            "BEGIN { $a = nope; @x = 1; @x = \"s\"; foo(); @y = count(1); printf(\"%d\\n\"); }",
            1,
        ),
        ("a run leaves no program behind", "tracepoint:raw_syscalls:sys_enter { @ = count(); } interval:ms:100 { exit(); }", 0),
    ] {
        let out = Command::new(beetrace).args(["-q", "-e", script]).output()?;
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        let mut wrong = Vec::new();
        if out.status.code() != Some(code) {
            wrong.push(format!("exit code {:?}", out.status.code()));
        }
        if code == 1 && text.matches("ERROR:").count() != 5 {
            wrong.push(format!("{} messages instead of five", text.matches("ERROR:").count()));
        }
        // The kernel detaches in its own time, through a child that may still be ending.
        let mut left = Vec::new();
        for _ in 0..50 {
            left = holders(beetrace)?;
            if left.is_empty() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        wrong.extend(left);
        report.outcome("host", name, wrong, &text);
    }
    Ok(())
}

/// Processes of this beetrace that still hold a BPF program.
fn holders(beetrace: &Path) -> Result<Vec<String>> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        if std::fs::read_link(entry.path().join("exe")).ok().as_deref() != Some(beetrace) {
            continue;
        }
        let fds = std::fs::read_dir(entry.path().join("fd")).map(|d| d.flatten().collect::<Vec<_>>()).unwrap_or_default();
        if fds.iter().any(|f| std::fs::read_link(f.path()).is_ok_and(|l| l.to_string_lossy().contains("bpf-prog"))) {
            out.push(format!("process {} still holds a program", entry.file_name().to_string_lossy()));
        }
    }
    Ok(out)
}
