//! Every case on this kernel, then in virtual machines. The last lines say what was skipped and why, and the counts.
//!
//! `cargo test --release -p conformance --test suite -- host FILTER` runs a part: `host`, `vm` or the series of one kernel (`6.1`),
//! and cases whose name holds FILTER.

mod beside;
mod endings;
mod host;
mod screens;
mod tracers;
mod vm;

use anyhow::Result;
use conformance::report::Report;
use conformance::tools;
use std::path::Path;
use std::process::ExitCode;

fn main() -> Result<ExitCode> {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let (part, filter) = match words.split_first() {
        Some((first, rest)) if ["host", "vm"].contains(&first.as_str()) || vm::is_series(first) => (Some(first.as_str()), rest.first()),
        Some((first, _)) => (None, Some(first)),
        None => (None, None),
    };
    let filter = filter.map(String::as_str);
    let mut report = Report::default();
    let beetrace = tools::beetrace()?;
    let testprog = Path::new(env!("CARGO_BIN_EXE_testprog"));
    if part.is_none_or(|p| p == "host") {
        host::run(&beetrace, testprog, filter, &mut report)?;
    }
    if part != Some("host") {
        vm::run(part.filter(|p| vm::is_series(p)), &beetrace, testprog, filter, &mut report)?;
    }
    Ok(if report.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
