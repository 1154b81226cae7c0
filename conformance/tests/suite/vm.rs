//! All cases in virtual machines with Debian's kernels.

use anyhow::Result;
use conformance::case::{Case, Output, version};
use conformance::report::Report;
use conformance::{collect, packaged, tools, vm};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Machines that run at the same time; each keeps one CPU busy.
const AT_ONCE: usize = 2;

/// What a machine says of each case.
type Outputs = Result<Vec<Option<Output>>>;

/// What an emulated machine, or Debian's kernel of a series, has not.
fn lacking(series: &str, need: &str) -> bool {
    // CONFIG_BPF_KPROBE_OVERRIDE is not set; `bpf_task_from_pid` came with 6.2.
    // Per-CPU variables are in the kernel's type information since 5.11 of Debian's builds.
    let old = version(series) < Some((6, 2));
    need == "hardware" || need == "override" || (need == "task_by_id" && old) || (need == "variables" && series == "5.10")
}

/// Whether a word names kernels that are tested.
pub fn is_series(word: &str) -> bool {
    vm::series().any(|s| s == word)
}

/// Runs them, on all kernels or on those of one series; a filter takes those whose name holds it.
pub fn run(series: Option<&str>, beetrace: &Path, testprog: &Path, filter: Option<&str>, report: &mut Report) -> Result<()> {
    let all = collect::all()?.into_iter().chain(packaged::cases().0).filter(|c| !c.needs.contains("host"));
    let cases: Vec<Case> = all.filter(|c| filter.is_none_or(|f| c.name.contains(f))).collect();
    let wants = [("qemu-system-x86_64", "qemu-system-x86"), ("busybox", "busybox-static"), ("ldd", "libc-bin")];
    if let Err(why) = tools::need(&wants) {
        report.skip("all cases in virtual machines", &why);
        return Ok(());
    }
    let wanted: Vec<&str> = vm::series().filter(|s| series.is_none_or(|only| only == *s)).collect();
    let results: Vec<Mutex<Option<Outputs>>> = wanted.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(series) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let at = wanted.iter().position(|s| s == series).unwrap_or_default();
                    let outputs = vm::run(series, &cases, beetrace, testprog);
                    *results[at].lock().unwrap_or_else(PoisonError::into_inner) = Some(outputs);
                }
            });
        }
    });
    for (series, result) in wanted.iter().zip(results) {
        if let Some(outputs) = result.into_inner().unwrap_or_else(PoisonError::into_inner) {
            tell(series, &cases, outputs, report);
        }
    }
    Ok(())
}

fn tell(series: &str, cases: &[Case], outputs: Outputs, report: &mut Report) {
    let place = format!("linux {series}");
    let outputs = match outputs {
        Ok(outputs) => outputs,
        Err(e) if !tools::may_install() => return report.skip(&place, &format!("{e:#}")),
        Err(e) => return report.outcome(&place, "the machine runs", vec![format!("{e:#}")], ""),
    };
    for (case, out) in cases.iter().zip(outputs) {
        if let Some(lack) = Case::NEEDS.iter().find(|n| lacking(series, n.0) && case.needs.contains(n.0)) {
            report.skip(&format!("{place}: {}", case.name), lack.1);
            continue;
        }
        if let Some((major, minor)) = case.since().filter(|since| version(series) < Some(*since)) {
            report.skip(&format!("{place}: {}", case.name), &format!("it needs Linux {major}.{minor}"));
            continue;
        }
        match out {
            Some(out) => report.ran(&place, case, &out),
            None => report.outcome(&place, &case.name, vec!["the machine did not reach this case".into()], ""),
        }
    }
}
