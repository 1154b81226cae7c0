//! The tools that trace: each on a program that does known things a known number of times, and `strace --summary` beside strace(1).

use anyhow::Result;
use conformance::report::Report;
use conformance::tools;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Words behind `beetrace` (`TESTPROG` and `DIR` are replaced), and what must be in the output: parts of a line in their order.
const ROWS: &[(&str, &[&str])] = &[
    ("opensnoop TESTPROG opens /etc/hostname 3", &["testprog|/etc/hostname"]),
    ("opensnoop --failed TESTPROG opens /no/such/file 2", &["testprog|-1 No such file or directory|/no/such/file"]),
    ("execsnoop TESTPROG spawn 2", &["testprog|TESTPROG spawn 2", "testprog|TESTPROG nothing"]),
    ("execsnoop --failed env no-such-command", &["no-such-command: No such file or directory"]),
    ("syscount TESTPROG writes 1234", &["write|1234|0"]),
    ("syscount --latency --rows=3 sleep 0.1", &["clock_nanosleep|1|0|1"]),
    ("syscount --by-process TESTPROG writes 1000", &["testprog|10"]),
    ("runqlat TESTPROG sleep 50", &["@wait:", "|@"]),
    ("tcpconnect TESTPROG tcp 10", &["testprog|4|127.0.0.1|127.0.0.1"]),
    ("tcptop TESTPROG tcp 1048576", &["testprog|127.0.0.1|0|1024", "testprog|127.0.0.1|1024|0"]),
    ("memleak TESTPROG leak 7 1000", &["]: 7000", "]: 7"]),
    ("offcpu TESTPROG sleep 200", &["%|2|testprog|[k] "]),
    ("profile TESTPROG burn 500", &["%|testprog|[.] bt_hot"]),
    (
        "strace TESTPROG writes 2",
        &[
            "execve(\"TESTPROG\", [\"TESTPROG\", \"writes\", \"2\"]|= 0",
            "write(1, \"x\", 1)|= 1",
            "exit_group(0)|= ?",
            "+++ exited with 0 +++",
        ],
    ),
    (
        "strace -e trace=openat -T TESTPROG opens /no/such/file 1",
        &["openat(AT_FDCWD, \"/no/such/file\", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or directory) <0."],
    ),
    ("strace -f -tt -e trace=execve TESTPROG spawn 1", &["[pid|execve(\"TESTPROG\", [\"TESTPROG\", \"nothing\"]"]),
];

/// Kernels without what a tool needs: the tool, and a sentence of the refusal.
const LACKS: &[(&str, &str)] = &[("tcptop", "there is no tracepoint `sock:sock_send_length`")];

pub fn run(beetrace: &Path, testprog: &Path, dir: &Path, filter: Option<&str>, report: &mut Report) -> Result<()> {
    let place = |text: &str| text.replace("TESTPROG", &testprog.to_string_lossy()).replace("DIR", &dir.to_string_lossy());
    for (words, parts) in ROWS {
        let name = format!("tool {words}");
        if filter.is_some_and(|f| !name.contains(f)) {
            continue;
        }
        let out = Command::new(beetrace).args(place(words).split(' ')).env_remove("LD_LIBRARY_PATH").output()?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let errors = String::from_utf8_lossy(&out.stderr).into_owned();
        if let Some((tool, _)) = LACKS.iter().find(|(tool, why)| words.starts_with(tool) && errors.contains(why)) {
            report.skip(&format!("host: {name}"), &format!("this kernel has not what {tool} needs"));
            continue;
        }
        // `|` divides parts, unless it is itself a part of flags or of a bar.
        let hit = |wanted: &str| {
            text.lines().any(|l| {
                l.contains(wanted) || {
                    let mut rest = l;
                    wanted.split('|').all(|p| {
                        rest.find(p).is_some_and(|at| {
                            rest = &rest[at + p.len()..];
                            true
                        })
                    })
                }
            })
        };
        let wrong = parts.iter().map(|p| place(p)).filter(|p| !hit(p)).map(|p| format!("no line with `{p}`")).collect();
        report.outcome("host", &name, wrong, &format!("{text}{errors}"));
    }
    disk(beetrace, dir, filter, report)?;
    beside_strace(beetrace, testprog, filter, report)
}

/// Synchronous writes are requests to a disk, unless the folder is in memory.
fn disk(beetrace: &Path, dir: &Path, filter: Option<&str>, report: &mut Report) -> Result<()> {
    let name = "tool biolatency dd";
    if filter.is_some_and(|f| !name.contains(f)) {
        return Ok(());
    }
    let file = dir.join("disk");
    let of = format!("of={}", file.display());
    let dd = ["dd", "if=/dev/zero", &of, "bs=4096", "count=20", "oflag=direct,dsync"];
    let out = Command::new(beetrace).arg("biolatency").args(dd).output()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let errors = String::from_utf8_lossy(&out.stderr).into_owned();
    if errors.contains("Invalid argument") {
        report.skip(&format!("host: {name}"), "the folder for temporary files is on no disk");
        return Ok(());
    }
    let bucket = |l: &str| l.split_once(") ").and_then(|(_, r)| r.split_whitespace().next()?.parse::<u64>().ok());
    let seen: u64 = text.lines().filter_map(bucket).sum();
    let wrong = if seen < 20 { vec![format!("{seen} requests, and there were 20")] } else { Vec::new() };
    report.outcome("host", name, wrong, &format!("{text}{errors}"));
    Ok(())
}

/// Calls and errors by call; strace leaves the column of errors empty where there are none.
fn counts(table: &str) -> BTreeMap<String, (u64, u64)> {
    let row = |l: &str| {
        let words: Vec<&str> = l.split_whitespace().collect();
        let name = words.last()?.to_string();
        let errors = if words.len() == 6 { words[4].parse().ok()? } else { 0 };
        Some((name, (words.get(3)?.parse().ok()?, errors)))
    };
    table.lines().filter_map(row).collect()
}

/// `strace -c` and ours count the same calls of the same program.
fn beside_strace(beetrace: &Path, testprog: &Path, filter: Option<&str>, report: &mut Report) -> Result<()> {
    let name = "tool strace -c beside strace -c";
    if filter.is_some_and(|f| !name.contains(f)) {
        return Ok(());
    }
    if let Err(why) = tools::need(&[("strace", "strace")]) {
        report.skip(&format!("host: {name}"), &why);
        return Ok(());
    }
    let theirs = Command::new("strace").arg("-c").arg(testprog).args(["writes", "1000"]).output()?;
    let ours = Command::new(beetrace).args(["strace", "-c"]).arg(testprog).args(["writes", "1000"]).output()?;
    let (theirs, ours) = (String::from_utf8_lossy(&theirs.stderr).into_owned(), String::from_utf8_lossy(&ours.stdout).into_owned());
    let (a, b) = (counts(&theirs), counts(&ours));
    let mut wrong = Vec::new();
    if a.get("write") != Some(&(1000, 0)) {
        wrong.push("strace counts no 1000 writes".to_string());
    }
    for call in a.keys().chain(b.keys()) {
        if a.get(call) != b.get(call) {
            wrong.push(format!("{call}: strace {:?}, beetrace {:?}", a.get(call), b.get(call)));
        }
    }
    report.outcome("host", name, wrong, &format!("{theirs}\n{ours}"));
    Ok(())
}
