//! The command line. Flags are bpftrace's where it has them.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, CommandFactory, Parser, ValueEnum};
use std::path::{Path, PathBuf};

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
    /// Run the script's `test` probes.
    Test,
    /// Run the script's `bench` probes.
    Bench,
    /// Print the script formatted.
    Format,
}

/// What is done to a script's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewrite {
    /// `--fmt`: the one layout.
    Format,
    /// `port`: today's spelling.
    Port,
}

/// A tracer for Linux: compiles a script to BPF, runs it, prints what it finds.
#[derive(Debug, Parser)]
#[command(
    version,
    disable_version_flag = true,
    args_override_self = true,
    override_usage = USAGE,
    help_template = "{about}\n\nUSAGE:\n       {usage}\n\n{all-args}{after-help}",
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

    /// Form of the output: text or json
    #[arg(short = 'f', default_value = "text", value_name = "FORMAT", value_parser = format)]
    pub format: Format,

    /// Buffering of the output
    #[arg(short = 'B', value_enum, default_value_t, value_name = "MODE")]
    pub buffering: Buffering,

    /// Start a command and trace until it ends
    #[arg(short = 'c', long = "cmd", value_name = "COMMAND")]
    pub command: Option<String>,

    /// Trace user code of this process only, and until it ends
    #[arg(short = 'p', long = "pid", value_name = "PID", value_parser = pid)]
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

    /// Print the script formatted
    #[arg(long = "fmt")]
    pub fmt: bool,

    /// With --fmt and `port`: write the result back to the script's file
    #[arg(long = "in-place")]
    pub in_place: bool,

    /// What is done with the script
    #[arg(long = "mode", value_enum, value_name = "MODE")]
    pub mode: Option<Mode>,

    /// Run the script's `test` probes
    #[arg(long = "test")]
    pub test: bool,

    /// Run the script's `bench` probes
    #[arg(long = "bench")]
    pub bench: bool,

    /// Write the compiled script as an ELF object and load nothing
    #[arg(long = "emit-elf", value_name = "FILE")]
    pub emit_elf: Option<PathBuf>,

    /// Attach only the probes whose full names match this regular expression
    #[arg(long = "probe-filter", value_name = "REGEX")]
    pub probe_filter: Option<String>,

    /// Accepted for old scripts: semaphores of USDT probes are set by the kernel
    #[arg(long = "usdt-file-activation", hide = true)]
    pub usdt_file_activation: bool,

    /// A directory to look for separate debug information in
    #[arg(long = "debuginfo", value_name = "DIR")]
    pub debuginfo: Vec<PathBuf>,

    /// A file with the names of the kernel functions that can be traced, one a line
    #[arg(long = "traceable-functions", value_name = "FILE")]
    pub traceable_functions: Option<PathBuf>,

    /// Show what this machine has for tracing
    #[arg(long = "info")]
    pub info: bool,

    /// Print the version
    #[arg(short = 'V', long = "version")]
    pub show_version: bool,

    /// A directory to look for `#include` files in
    #[arg(short = 'I', value_name = "DIR")]
    pub include_dirs: Vec<PathBuf>,

    /// Read this C header before the script, as if it began with `#include "FILE"`
    #[arg(long = "include", value_name = "FILE")]
    pub include: Vec<String>,

    /// Accepted for old scripts: BTF is always used
    #[arg(short = 'b', long = "btf", action = ArgAction::Count, hide = true)]
    pub btf: u8,

    /// Accepted for bpftrace's own test suite: there is no such intermediate form
    #[arg(long = "verify-llvm-ir", hide = true)]
    pub verify_llvm_ir: bool,

    /// The script's file (`-`: standard input), then its parameters $1, $2, ... Flags may stand among them, as with getopt(3); behind
    /// `--` everything is the script's
    #[arg(allow_negative_numbers = true, value_name = "FILE [ARGS]")]
    pub rest: Vec<String>,

    /// How many of the last words of `rest` stood behind a `--`: named parameters of the script are among them.
    #[arg(skip)]
    pub behind: usize,

    /// The bundled tool that is called.
    #[arg(skip)]
    pub tool: Option<crate::tools::Call>,
}

/// Whether a word is a flag of beetrace.
pub(crate) fn knows(word: &str) -> bool {
    let (short, long) = (word.strip_prefix('-').and_then(|w| w.chars().next()), word.strip_prefix("--"));
    let command = Cli::command();
    command.get_arguments().any(|a| match long {
        Some(_) => a.get_long() == long,
        None => short.is_some() && a.get_short() == short,
    })
}

/// Whether a word is a flag whose value is the next word.
pub(crate) fn takes_value(word: &str) -> bool {
    let short = word.strip_prefix('-').filter(|w| w.len() == 1).and_then(|w| w.chars().next());
    let long = word.strip_prefix("--");
    let command = Cli::command();
    let hit = |a: &clap::Arg| (short.is_some() && a.get_short() == short) || (long.is_some() && a.get_long() == long);
    command.get_arguments().any(|a| hit(a) && a.get_action().takes_values())
}

/// The largest process id, `PID_MAX_LIMIT` of include/linux/threads.h.
const PID_MAX: u64 = 4 << 20;

fn pid(text: &str) -> Result<u32, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    match text.parse::<u64>() {
        Ok(n) if n > PID_MAX => Err(format!("Pid out of range: {text}")),
        Ok(0) => Err("Pid out of range: 0".into()),
        Ok(n) => Ok(n as u32),
        Err(_) if digits > 0 => Err(format!("Failed to parse pid: invalid trailing bytes: {text}")),
        Err(_) => Err(format!("Failed to parse pid: invalid integer: {text}")),
    }
}

fn format(text: &str) -> Result<Format, String> {
    Format::from_str(text, false).map_err(|_| format!("Invalid output format \"{text}\"\nIt is `text` or `json`."))
}

/// A mistake in the command line, in the form of all other messages, with what may be written.
pub fn mistake(e: &clap::Error) -> String {
    use std::error::Error;
    let rendered = e.to_string();
    let (what, rest) = rendered.split_once("\n\nUsage:").unwrap_or((&rendered, ""));
    let usage = rest.split("\n\nFor more").next().unwrap_or_default();
    match e.source() {
        // A value that one of the functions above refused.
        Some(reason) => format!("ERROR: {reason}\n"),
        None => {
            let usage = if usage.is_empty() { format!(" {USAGE}") } else { usage.to_string() };
            let what = what.trim_start_matches("error: ").trim_end();
            format!(
                "ERROR: {what}\n\nUSAGE:\n   {}\n\nFor all options: `beetrace --help`.\n",
                usage.trim_end().replace("\n       ", "\n    ")
            )
        }
    }
}

const USAGE: &str = "beetrace [OPTIONS] FILE [ARGS]...\n       beetrace [OPTIONS] -e PROGRAM [ARGS]...\n       beetrace -l[v] [PATTERN]\n       beetrace --fmt FILE\n       beetrace port FILE\n       beetrace help [NAME]...\n       beetrace tools\n       beetrace TOOL [OPTIONS] [ARGS]...";

/// What `-d` shows; `ir:PASS` besides.
const STAGES: &[&str] = &["ast", "hir", "ir", "asm", "verifier", "all"];

impl Cli {
    /// Reads a command line. What stands behind a script's file and is no flag of ours is the script's: `FILE --interval=5`,
    /// `FILE --help`.
    ///
    /// # Errors
    /// Mistakes, and requests for help or the version.
    pub fn from_words(words: impl IntoIterator<Item = String>) -> Result<Cli, clap::Error> {
        let mut words: Vec<String> = words.into_iter().collect();
        let mut moved = Vec::new();
        loop {
            let end = words.iter().position(|w| w == "--").unwrap_or(words.len());
            let file = (1..end).find(|i| !takes_value(&words[*i - 1]) && Path::new(&words[*i]).is_file());
            let mut all = words.clone();
            if !moved.is_empty() && end == words.len() {
                all.push("--".into());
            }
            all.splice(all.len().min(end + 1)..all.len().min(end + 1), moved.iter().cloned());
            let behind = all.iter().skip_while(|w| *w != "--").count().saturating_sub(1);
            let e = match Cli::try_parse_from(&all) {
                Ok(cli) => return Ok(Cli { behind, ..cli }),
                Err(e) => e,
            };
            let wrong = match (e.kind(), e.get(ContextKind::InvalidArg)) {
                (ErrorKind::DisplayHelp, _) => "--help",
                (ErrorKind::UnknownArgument, Some(ContextValue::String(arg))) if arg.starts_with("--") => arg,
                _ => return Err(e),
            };
            let is_it = |w: &str| w == wrong || w.split('=').next() == Some(wrong);
            let Some(at) = file.and_then(|f| (f + 1..end).find(|i| is_it(&words[*i]))) else { return Err(e) };
            moved.push(words.remove(at));
        }
    }

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

    /// What is to be done to the text of which script. (A script of that name is `./port`.)
    pub fn rewrite(&self) -> Option<(Rewrite, Option<&str>)> {
        let word = |i: usize| self.rest.get(i).map(String::as_str);
        if self.fmt || self.mode == Some(Mode::Format) {
            return Some((Rewrite::Format, word(0)));
        }
        (word(0) == Some("port") && self.program.is_none()).then(|| (Rewrite::Port, word(1)))
    }

    /// The names that `beetrace help` is asked for. (A script of that name is `./help`.)
    pub fn help_names(&self) -> Option<&[String]> {
        match self.rest.split_first() {
            Some((word, names)) if word == "help" && self.program.is_none() => Some(names),
            _ => None,
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
