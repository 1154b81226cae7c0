//! The tools beside those that they stand for, on the same load at the same time: figures must agree within the tolerance of the row.

use anyhow::Result;
use conformance::report::Report;
use conformance::tools;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A comparison: both commands run at the same time, two seconds long.
struct Row {
    name: &'static str,
    /// Words behind `beetrace`.
    ours: &'static [&'static str],
    theirs: &'static [&'static str],
    package: &'static str,
    /// Words of the line that is compared, from its last such line; `{pid}` is the process that burns CPU.
    line: [&'static str; 2],
    /// A figure's name, its places in the two lines (from the place of the line's word on), and what it may be off: so many units,
    /// or so many percent of the other, whichever is more.
    figures: &'static [(&'static str, usize, usize, f64, f64)],
}

/// CPU shares are those of two seconds that need not begin together, hence points of percent.
const ROWS: &[Row] = &[
    Row {
        name: "free",
        ours: &["free"],
        theirs: &["free"],
        package: "procps",
        line: ["Mem:", "Mem:"],
        figures: &[
            ("total", 1, 1, 0.0, 0.0),
            ("used", 2, 2, 100_000.0, 10.0),
            ("free", 3, 3, 100_000.0, 10.0),
            ("buff/cache", 5, 5, 100_000.0, 10.0),
            ("available", 6, 6, 100_000.0, 10.0),
        ],
    },
    Row {
        name: "vmstat",
        ours: &["vmstat", "2", "2"],
        theirs: &["vmstat", "2", "2"],
        package: "procps",
        line: ["", ""],
        figures: &[
            ("swap", 2, 2, 10_000.0, 10.0),
            ("free", 3, 3, 200_000.0, 15.0),
            ("buff", 4, 4, 50_000.0, 15.0),
            ("cache", 5, 5, 200_000.0, 15.0),
            ("bo", 9, 9, 20_000.0, 50.0),
            ("intr", 10, 10, 2000.0, 60.0),
            ("ctxsw", 11, 11, 3000.0, 60.0),
            ("us", 12, 12, 25.0, 0.0),
            ("sy", 13, 13, 25.0, 0.0),
            ("id", 14, 14, 25.0, 0.0),
        ],
    },
    Row {
        name: "mpstat",
        ours: &["mpstat", "-P", "ALL", "2", "1"],
        theirs: &["mpstat", "-P", "ALL", "2", "1"],
        package: "sysstat",
        line: ["all", "all"],
        figures: &[("%usr", 1, 1, 25.0, 0.0), ("%sys", 3, 3, 25.0, 0.0), ("%iowait", 4, 4, 25.0, 0.0), ("%idle", 10, 10, 25.0, 0.0)],
    },
    Row {
        name: "iostat",
        ours: &["iostat", "-y", "2", "1"],
        theirs: &["iostat", "-dxyk", "2", "1"],
        package: "sysstat",
        line: ["{disk}", "{disk}"],
        figures: &[("r/s", 1, 1, 200.0, 60.0), ("w/s", 7, 7, 200.0, 60.0), ("wkB/s", 8, 8, 20_000.0, 60.0), ("%util", 18, 22, 40.0, 0.0)],
    },
    Row {
        name: "pidstat",
        ours: &["pidstat", "2", "1"],
        theirs: &["pidstat", "2", "1"],
        package: "sysstat",
        line: ["{pid}", "{pid}"],
        figures: &[("%usr", 1, 1, 30.0, 0.0), ("%CPU", 4, 5, 30.0, 0.0)],
    },
];

/// Runs the comparisons whose name holds the filter, and every tool once.
pub fn run(beetrace: &Path, dir: &Path, filter: Option<&str>, report: &mut Report) -> Result<()> {
    for row in ROWS {
        let name = format!("{} beside {}", row.name, row.theirs[0]);
        if filter.is_some_and(|f| !name.contains(f)) {
            continue;
        }
        match tools::need(&[(row.theirs[0], row.package)]) {
            Err(why) => report.skip(&format!("host: {name}"), &why),
            Ok(()) => compare(row, &name, beetrace, dir, report)?,
        }
    }
    Ok(())
}

/// Processes that keep a CPU and a disk busy, until they are dropped.
struct Load(Vec<Child>);

impl Load {
    fn start(dir: &Path) -> Result<Load> {
        let file = dir.join("load");
        let writes = format!("while :; do dd if=/dev/zero of={} bs=1M count=8 conv=fsync 2>/dev/null; done", file.display());
        let shell = |script: &str| Command::new("sh").args(["-c", script]).stdout(Stdio::null()).spawn();
        Ok(Load(vec![shell("while :; do :; done")?, shell(&writes)?]))
    }

    fn pid(&self) -> u32 {
        self.0[0].id()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn compare(row: &Row, name: &str, beetrace: &Path, dir: &Path, report: &mut Report) -> Result<()> {
    let load = Load::start(dir)?;
    // The load has begun when both look.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let run = |c: &mut Command| c.env("LC_ALL", "C").env("S_TIME_FORMAT", "ISO").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let ours = run(Command::new(beetrace).args(row.ours))?;
    let theirs = run(Command::new(row.theirs[0]).args(&row.theirs[1..]))?;
    let (ours, theirs) = (ours.wait_with_output()?, theirs.wait_with_output()?);
    let text = |o: &std::process::Output| String::from_utf8_lossy(&[o.stdout.clone(), o.stderr.clone()].concat()).into_owned();
    let (ours, theirs) = (text(&ours), text(&theirs));
    let Some(disk) = disk(&theirs).or((row.name != "iostat").then(String::new)) else {
        report.skip(&format!("host: {name}"), "this machine has no disk");
        return Ok(());
    };
    let pid = load.pid().to_string();
    let word = |w: &str| w.replace("{pid}", &pid).replace("{disk}", &disk);
    let lines = (words(&ours, &word(row.line[0])), words(&theirs, &word(row.line[1])));
    let mut wrong = Vec::new();
    match lines {
        (Some(a), Some(b)) => {
            for &(figure, i, j, units, percent) in row.figures {
                let number = |l: &[String], at: usize| l.get(at).and_then(|w| w.parse::<f64>().ok());
                match (number(&a, i), number(&b, j)) {
                    (Some(x), Some(y)) if (x - y).abs() <= units.max(percent / 100.0 * y) => {}
                    (x, y) => wrong.push(format!("{figure}: {x:?} here, {y:?} there")),
                }
            }
        }
        (a, b) => wrong.push(format!("a line is missing: {a:?} here, {b:?} there")),
    }
    report.outcome("host", name, wrong, &format!("{ours}\n{theirs}"));
    Ok(())
}

/// The busiest disk of iostat's report: the one that most is written to.
fn disk(text: &str) -> Option<String> {
    let rows = text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>()).filter(|w| w.len() > 20 && w[0] != "Device");
    let written = |w: &Vec<&str>| w[8].parse::<f64>().unwrap_or(0.0) as u64;
    rows.max_by_key(written).map(|w| w[0].to_string())
}

/// The words of the last line that has a word, from there on, without the marks of trouble; of the last line at all for none.
fn words(text: &str, word: &str) -> Option<Vec<String>> {
    // A mark may stand where two columns meet.
    let text = text.replace('!', " ");
    let lines = text.lines().map(|l| l.split_whitespace().map(str::to_string).collect::<Vec<_>>()).filter(|w| !w.is_empty());
    let from = |w: Vec<String>| {
        let at = if word.is_empty() { Some(0) } else { w.iter().position(|x| x == word) };
        at.map(|at| w[at..].to_vec())
    };
    lines.rev().find_map(from)
}

/// Each bundled tool explains itself and shows its script, and those with an interval run once.
pub fn every_tool(beetrace: &Path, report: &mut Report) -> Result<()> {
    let run = |words: &[&str]| Command::new(beetrace).args(words).output();
    let list = String::from_utf8_lossy(&run(&["tools"])?.stdout).into_owned();
    for name in list.lines().filter_map(|l| l.strip_prefix("  ")?.split_whitespace().next()) {
        let mut wrong = Vec::new();
        let help = run(&[name, "--help"])?;
        let page = String::from_utf8_lossy(&help.stdout).into_owned();
        for part in ["USAGE:", "OPTIONS:", "EXAMPLE:", &format!("beetrace {name}")] {
            if !page.contains(part) {
                wrong.push(format!("no `{part}` in its help"));
            }
        }
        let source = run(&[name, "--source"])?;
        if !source.stdout.starts_with(b"#!/usr/bin/env beetrace") {
            wrong.push("no script".into());
        }
        if page.contains("[INTERVAL=1 [COUNT]]") {
            let once = run(&[name, "1", "1"])?;
            if !once.status.success() || once.stdout.is_empty() {
                wrong.push(format!("`{name} 1 1`: {}, {}", once.status, String::from_utf8_lossy(&once.stderr)));
            }
        }
        report.outcome(
            "host",
            &format!("the tool {name} explains itself"),
            wrong,
            &format!("{page}{}", String::from_utf8_lossy(&help.stderr)),
        );
    }
    Ok(())
}
