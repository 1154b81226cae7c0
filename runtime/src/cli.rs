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
    #[arg(short = 'l', long = "list")]
    pub list: bool,

    /// Say more
    #[arg(short = 'v', long = "verbose", action = ArgAction::Count)]
    pub verbose: u8,

    /// Say less: no banner
    #[arg(short = 'q', long = "quiet")]
    pub quiet: bool,

    /// Write the output to a file
    #[arg(short = 'o', long = "output", value_name = "FILE")]
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
    #[arg(short = 'd', long = "debug", value_name = "STAGE", value_delimiter = ',')]
    pub debug: Vec<String>,

    /// Warn when a read of memory fails
    #[arg(short = 'k', long = "warnings", action = ArgAction::Count)]
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

    /// Accepted for old scripts: types come from the kernel's BTF
    #[arg(short = 'I', long = "include", value_name = "PATH", hide = true)]
    pub include: Vec<PathBuf>,

    /// Accepted for old scripts: BTF is always used
    #[arg(short = 'b', long = "btf", action = ArgAction::Count, hide = true)]
    pub btf: u8,

    /// The script's file (`-`: standard input), then its parameters $1, $2, ... Flags may stand among them, as with getopt(3); behind
    /// `--` everything is the script's
    #[arg(allow_negative_numbers = true, value_name = "FILE [ARGS]")]
    pub rest: Vec<String>,
}

/// What `-d` shows; `ir:PASS` besides.
const STAGES: &[&str] = &["ast", "hir", "ir", "asm", "verifier", "all"];

impl Cli {
    /// Flags that do not go together, and stages that do not exist.
    pub fn conflicts(&self) -> Result<(), String> {
        if self.command.is_some() && self.pid.is_some() {
            return Err("-c and -p can't be used together: one traces a new process, the other one that runs".into());
        }
        if self.check_reads > 0 && self.no_warnings {
            return Err("-k and --no-warnings can't be used together: one asks for more warnings, the other for none".into());
        }
        if let Some(pid) = self.pid.filter(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists()) {
            return Err(format!("there is no process {pid} (-p)"));
        }
        match self.debug.iter().find(|d| !STAGES.contains(&d.as_str()) && !d.starts_with("ir:")) {
            Some(stage) => Err(format!("there is no stage `{stage}` (-d); stages are {}, and ir:PASS", STAGES.join(", "))),
            None => Ok(()),
        }
    }

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
    fn flags_may_stand_anywhere_before_a_double_dash() {
        let c = Cli::parse_from(["beetrace", "x.bt", "-5", "-q", "word", "--pid", "1"]);
        assert!(c.quiet && c.pid == Some(1) && c.rest == ["x.bt", "-5", "word"]);
        let c = Cli::parse_from(["beetrace", "-q", "x.bt", "a", "--", "-v", "--foo=1"]);
        assert!(c.verbose == 0 && c.rest == ["x.bt", "a", "-v", "--foo=1"]);
        let c = Cli::parse_from(["beetrace", "-e", "BEGIN { }", "a", "b"]);
        assert_eq!(c.rest, ["a", "b"]);
        let c = Cli::parse_from(["beetrace", "-lv", "tracepoint:*"]);
        assert!(c.list && c.verbose == 1);
        let c = Cli::parse_from(["beetrace", "-"]);
        assert_eq!(c.rest, ["-"]);
        assert!(Cli::try_parse_from(["beetrace", "x.bt", "--foo"]).is_err());
    }

    #[test]
    fn what_does_not_go_together() {
        let conflict = |args: &[&str]| Cli::parse_from([&["beetrace"], args].concat()).conflicts();
        assert!(conflict(&["-c", "true", "-p", "1", "x"]).is_err());
        assert!(conflict(&["-k", "--no-warnings", "x"]).is_err());
        assert!(conflict(&["-d", "hir,ir:gvn", "x"]).is_ok());
        assert!(conflict(&["-d", "nope", "x"]).unwrap_err().contains("nope"));
    }
}
