//! The command line. Flags are bpftrace's where it has them.

use clap::{ArgAction, Parser, ValueEnum};
use std::path::PathBuf;

/// How output is buffered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Buffering {
    /// After every line.
    #[default]
    Line,
    /// When a buffer is full, and at the end.
    Full,
    /// After every event.
    None,
}

/// What is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

/// How far a script goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Parse, check and compile; load nothing.
    Codegen,
}

/// A tracer for Linux: compiles a script to BPF, runs it, prints what it finds.
#[derive(Debug, Parser)]
#[command(
    version,
    disable_version_flag = true,
    args_override_self = true,
    override_usage = "beetrace [OPTIONS] FILE [ARGS]...\n       beetrace [OPTIONS] -e PROGRAM [ARGS]...\n       beetrace -l[v] [PATTERN]",
    after_help = "Examples:\n  \
      beetrace -e 'tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }'\n  \
      beetrace -e 'tracepoint:syscalls:sys_enter_openat { printf(\"%s %s\\n\", comm, str(args.filename)); }'\n  \
      beetrace -l 'tracepoint:syscalls:*open*'\n\n\
      Config keys can be set by the environment: BPFTRACE_MAX_STRLEN=200 and so on."
)]
pub struct Cli {
    /// Run this program
    #[arg(short = 'e', value_name = "PROGRAM")]
    pub program: Option<String>,

    /// List probes (of a pattern, or of the script); with -v also their arguments
    #[arg(short = 'l')]
    pub list: bool,

    /// Say more
    #[arg(short = 'v', long = "verbose", action = ArgAction::Count)]
    pub verbose: u8,

    /// Say less: no banner
    #[arg(short = 'q', long = "quiet")]
    pub quiet: bool,

    /// Write the output to a file
    #[arg(short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Form of the output
    #[arg(short = 'f', value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,

    /// Buffering of the output
    #[arg(short = 'B', value_enum, default_value_t, value_name = "MODE")]
    pub buffering: Buffering,

    /// Start a command and trace until it ends
    #[arg(short = 'c', long = "cmd", value_name = "COMMAND")]
    pub command: Option<String>,

    /// Trace user code of this process only, and until it ends
    #[arg(short = 'p', long = "pid", value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pub pid: Option<u32>,

    /// Show a stage: ast, hir, ir, ir:PASS, asm, verifier, all (several separated by commas)
    #[arg(short = 'd', value_name = "STAGE", value_delimiter = ',')]
    pub debug: Vec<String>,

    /// Warn when a read of memory fails
    #[arg(short = 'k', action = ArgAction::Count)]
    pub check_reads: u8,

    /// Print no warnings
    #[arg(long = "no-warnings")]
    pub no_warnings: bool,

    /// Allow functions that change the system
    #[arg(long = "unsafe")]
    pub allow_unsafe: bool,

    /// Compile and load, attach nothing
    #[arg(long = "dry-run")]
    pub dry_run: bool,

    /// Stop after a stage
    #[arg(long = "mode", value_enum, value_name = "MODE")]
    pub mode: Option<Mode>,

    /// Write the compiled script as an ELF object and load nothing
    #[arg(long = "emit-elf", value_name = "FILE")]
    pub emit_elf: Option<PathBuf>,

    /// Print the version
    #[arg(short = 'V', long = "version")]
    pub show_version: bool,

    /// The script's file (`-`: standard input), then its parameters $1, $2, ...
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FILE [ARGS]")]
    pub rest: Vec<String>,
}

impl Cli {
    /// Whether a stage is to be shown.
    pub fn shows(&self, stage: &str) -> bool {
        let base = stage.split(':').next().unwrap_or(stage);
        self.debug.iter().any(|d| d == stage || d == "all" && base == stage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_are_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn what_follows_the_script_is_its_own() {
        let c = Cli::parse_from(["beetrace", "-q", "x.bt", "-5", "--foo"]);
        assert!(c.quiet && c.rest == ["x.bt", "-5", "--foo"]);
        let c = Cli::parse_from(["beetrace", "-e", "BEGIN { }", "a", "b"]);
        assert_eq!(c.rest, ["a", "b"]);
        let c = Cli::parse_from(["beetrace", "-lv", "tracepoint:*"]);
        assert!(c.list && c.verbose == 1);
    }
}
