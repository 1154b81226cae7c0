//! All cases in virtual machines with Debian's kernels.

use anyhow::Result;
use conformance::case::Case;
use conformance::report::Report;
use conformance::{collect, tools, vm};
use std::path::Path;
use std::process::ExitCode;

fn main() -> Result<ExitCode> {
    let mut report = Report::default();
    let beetrace = tools::beetrace()?;
    let testprog = Path::new(env!("CARGO_BIN_EXE_testprog"));
    let cases: Vec<Case> = collect::all()?.into_iter().filter(|c| !c.needs.contains("host")).collect();
    let wants = [("qemu-system-x86_64", "qemu-system-x86"), ("busybox", "busybox-static"), ("ldd", "libc-bin")];
    match tools::need(&wants) {
        Err(why) => report.skip("all cases in virtual machines", &why),
        Ok(()) => {
            for series in vm::SERIES {
                one(series, &cases, &beetrace, testprog, &mut report);
            }
        }
    }
    Ok(if report.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
