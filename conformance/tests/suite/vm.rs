//! All cases in virtual machines with Debian's kernels.

use anyhow::Result;
use conformance::case::Case;
use conformance::report::Report;
use conformance::{collect, tools, vm};
use std::path::Path;

/// Runs them; a filter takes those whose name holds it.
pub fn run(beetrace: &Path, testprog: &Path, filter: Option<&str>, report: &mut Report) -> Result<()> {
    let all = collect::all()?.into_iter().filter(|c| !c.needs.contains("host"));
    let cases: Vec<Case> = all.filter(|c| filter.is_none_or(|f| c.name.contains(f))).collect();
    let wants = [("qemu-system-x86_64", "qemu-system-x86"), ("busybox", "busybox-static"), ("ldd", "libc-bin")];
    match tools::need(&wants) {
        Err(why) => report.skip("all cases in virtual machines", &why),
        Ok(()) => vm::SERIES.iter().for_each(|series| one(series, &cases, beetrace, testprog, report)),
    }
    Ok(())
}

fn one(series: &str, cases: &[Case], beetrace: &Path, testprog: &Path, report: &mut Report) {
    let place = format!("linux {series}");
    let outputs = match vm::run(series, cases, beetrace, testprog) {
        Ok(outputs) => outputs,
        Err(e) if !tools::may_install() => return report.skip(&place, &format!("{e:#}")),
        Err(e) => return report.outcome(&place, "the machine runs", vec![format!("{e:#}")], ""),
    };
    for (case, out) in cases.iter().zip(outputs) {
        match out {
            Some(out) => report.ran(&place, case, &out),
            None => report.outcome(&place, &case.name, vec!["the machine did not reach this case".into()], ""),
        }
    }
}
