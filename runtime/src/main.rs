//! The command `beetrace`.

use clap::Parser;
use clap::error::ErrorKind;
use runtime::cli::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Help is no mistake; everything else about the command line exits with 1, as bpftrace does.
            let helped = matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            let _ = e.print();
            return if helped { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
    };
    runtime::driver::main(&cli)
}
