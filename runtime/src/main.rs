//! The command `beetrace`.

use clap::error::ErrorKind;
use runtime::cli::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args_os().map(|w| w.to_string_lossy().into_owned()).collect();
    let (call, words) = match runtime::tools::resolve(&words) {
        Ok(Some((call, words))) => (Some(call), words),
        Ok(None) => (None, words),
        Err(message) => {
            runtime::say::err(&format!("ERROR: {message}\n"));
            return ExitCode::FAILURE;
        }
    };
    let cli = match Cli::from_words(words) {
        Ok(cli) => Cli { tool: call, ..cli },
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
