//! What people look at: flame graphs.

use anyhow::Result;
use conformance::report::Report;
use std::path::Path;
use std::process::Command;

/// Runs what the filter takes.
pub fn run(beetrace: &Path, testprog: &Path, dir: &Path, filter: Option<&str>, report: &mut Report) -> Result<()> {
    let wanted = |name: &str| filter.is_none_or(|f| name.contains(f));
    let name = "a flame graph gives a hot function its share";
    if wanted(name) {
        let (wrong, text) = flame_graph(beetrace, testprog, dir)?;
        report.outcome("host", name, wrong, &text);
    }
    Ok(())
}

/// Most samples of a busy program are in its hot function, in the folded text as in the picture.
fn flame_graph(beetrace: &Path, testprog: &Path, dir: &Path) -> Result<(Vec<String>, String)> {
    let svg = dir.join("hot.svg");
    let script = "profile:hz:499 /pid == cpid/ { @[comm, ustack, kstack] = count(); } profile:hz:99 { @other = count(); }";
    let command = format!("{} burn 1000", testprog.display());
    let out = Command::new(beetrace).args(["-q", "-f", "folded", "-e", script, "-c", &command, "--flame"]).arg(&svg).output()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let mut wrong = Vec::new();
    let (mut all, mut hot) = (0u64, 0u64);
    for (stack, count) in text.lines().filter(|l| !l.starts_with('@')).filter_map(|l| l.rsplit_once(' ')) {
        let count: u64 = count.parse()?;
        all += count;
        hot += if stack.starts_with("testprog;") && stack.split(';').any(|f| f == "bt_hot") { count } else { 0 };
    }
    if all < 20 || hot * 10 < all * 7 {
        wrong.push(format!("{hot} of {all} samples are in the hot function"));
    }
    let picture = std::fs::read_to_string(&svg)?;
    let shown = picture.split("<title>bt_hot (").nth(1).and_then(|t| t.split(" samples, ").next()).and_then(|n| n.parse::<u64>().ok());
    if shown.is_none_or(|n| n * 10 < all * 7 || n > all) {
        wrong.push(format!("the picture gives the hot function {shown:?} samples"));
    }
    let (opened, closed) = (picture.matches("<g>").count(), picture.matches("</g>").count());
    if opened == 0 || !picture.trim_end().ends_with("</svg>") || closed < opened {
        wrong.push("the picture is not whole".into());
    }
    Ok((wrong, format!("{text}{}", String::from_utf8_lossy(&out.stderr))))
}
