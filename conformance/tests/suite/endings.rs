//! How a run ends when somebody else ends it, and whether everything that happened is in the output or told to be lost.

use anyhow::{Context, Result};
use conformance::report::Report;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

type Check = fn(&Path, &Path) -> Result<Vec<String>>;

const CHECKS: &[(&str, Check)] = &[
    ("every event is printed or told to be lost", |b, t| all_or_told(b, t, 0)),
    ("a small ring loses events, and every one is told", |b, t| all_or_told(b, t, 1)),
    ("SIGTERM and SIGHUP end a run as Ctrl-C does", signals),
    ("a reader that has seen enough ends the run, and `end` has its effects", closed_output),
    ("SIGKILL at any moment leaves nothing in the kernel", killed),
];

/// Runs those whose name holds the filter.
pub fn run(beetrace: &Path, testprog: &Path, filter: Option<&str>, report: &mut Report) -> Result<()> {
    for (name, check) in CHECKS.iter().filter(|c| filter.is_none_or(|f| c.0.contains(f))) {
        report.outcome("host", name, check(beetrace, testprog)?, "");
    }
    Ok(())
}

/// 200,000 events through `printf`: lines and losses together are all of them. `pages` is the size of the ring, 0 the usual one.
fn all_or_told(beetrace: &Path, testprog: &Path, pages: u32) -> Result<Vec<String>> {
    const EVENTS: u64 = 200_000;
    let config = if pages == 0 { String::new() } else { format!("config = {{ perf_rb_pages = {pages} }} ") };
    let script = config + r#"tracepoint:syscalls:sys_enter_write /pid == cpid && args.fd == 1/ { printf("event of %s\n", comm); }"#;
    let command = format!("{} writes {EVENTS}", testprog.display());
    let out = Command::new(beetrace).args(["-q", "-e", &script, "-c", &command]).output()?;
    let printed = String::from_utf8_lossy(&out.stdout).lines().filter(|l| *l == "event of testprog").count() as u64;
    let errors = String::from_utf8_lossy(&out.stderr).into_owned();
    let told = |l: &str| l.strip_prefix("Lost ")?.strip_suffix(" events")?.parse::<u64>().ok();
    let lost: u64 = errors.lines().filter_map(told).sum();
    let mut wrong = Vec::new();
    if printed + lost != EVENTS {
        wrong.push(format!("{printed} printed and {lost} lost are not {EVENTS}: {errors}"));
    }
    if pages == 1 && lost == 0 {
        wrong.push("a ring of one page lost nothing".into());
    }
    Ok(wrong)
}

/// A run that waits, with the first line of its output read.
fn started(beetrace: &Path, script: &str) -> Result<(Child, BufReader<std::process::ChildStdout>)> {
    let options = ["-q", "--unsafe", "-e", script];
    let mut child = Command::new(beetrace).args(options).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut out = BufReader::new(child.stdout.take().context("no output")?);
    out.read_line(&mut String::new())?;
    Ok((child, out))
}

fn send(child: &Child, signal: i32) {
    // SAFETY: plain integers; the process is our child and was not waited for.
    unsafe { libc::kill(child.id() as i32, signal) };
}

fn signals(beetrace: &Path, _: &Path) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        let script = r#"begin { @a = 7; printf("begin\n"); } end { printf("end\n"); } interval:s:60 { exit(9); }"#;
        let (mut child, mut out) = started(beetrace, script)?;
        send(&child, signal);
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut out, &mut rest)?;
        let code = child.wait()?.code();
        if code != Some(0) || rest.trim() != "end\n\n\n@a: 7" {
            wrong.push(format!("signal {signal}: exit code {code:?}, {rest:?}"));
        }
    }
    Ok(wrong)
}

fn closed_output(beetrace: &Path, _: &Path) -> Result<Vec<String>> {
    let script = r#"interval:ms:10 { printf("text\n"); } end { system("echo the end was run >&2"); } interval:s:60 { exit(9); }"#;
    let (child, out) = started(beetrace, script)?;
    drop(out);
    let out = child.wait_with_output()?;
    let errors = String::from_utf8_lossy(&out.stderr).into_owned();
    let fine = out.status.code() == Some(0) && errors.trim() == "the end was run";
    Ok(if fine { Vec::new() } else { vec![format!("exit code {:?}, {errors:?}", out.status.code())] })
}

/// Kills runs a while after they were started. Their map has a name of its own, which must be gone then.
fn killed(beetrace: &Path, _: &Path) -> Result<Vec<String>> {
    let mark = format!("kill{}", std::process::id());
    let script = format!(
        "begin {{ @{mark}[1] = 1; }} tracepoint:sched:sched_switch, tracepoint:raw_syscalls:sys_enter {{ @{mark}[tid] = 1; }} \
         uprobe:libc:malloc {{ @{mark}[tid] = 2; }} profile:hz:99 {{ @{mark}[cpu] = 3; }}"
    );
    for after in [0, 5, 10, 20, 50, 100, 200, 400] {
        let mut child = Command::new(beetrace).args(["-q", "-e", &script]).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        std::thread::sleep(Duration::from_millis(after));
        child.kill()?;
        child.wait()?;
    }
    let list = r#"iter:bpf_map { if (ctx.map != 0) { $name = ctx.map->name; printf("%s\n", $name); } }"#;
    // The kernel frees them in its own time.
    let mut left = String::new();
    for _ in 0..50 {
        let out = Command::new(beetrace).args(["-q", "-e", list]).output()?;
        left = String::from_utf8_lossy(&out.stdout).into_owned();
        if !left.contains("ringbuf") && !left.contains(".bss") {
            return Ok(vec![format!("the list of maps is empty: {}", String::from_utf8_lossy(&out.stderr))]);
        }
        if !left.contains(&mark) {
            return Ok(Vec::new());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(vec![format!("maps are left:\n{left}")])
}
