//! The command `beetrace`.

use clap::error::ErrorKind;
use runtime::cli::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::from_words(std::env::args_os().map(|w| w.to_string_lossy().into_owned())) {
        Ok(cli) => cli,
        Err(e) => {
            // Help is no mistake; everything else about the command line exits with 1, as bpftrace does.
            let helped = matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            if helped {
                let _ = e.print();
                return ExitCode::SUCCESS;
            }
            runtime::say::err(&runtime::cli::mistake(&e));
            return ExitCode::FAILURE;
        }
    };
    runtime::driver::main(&cli)
}
