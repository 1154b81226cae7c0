//! The way of a script through all stages, and what is said when one of them refuses it.

use crate::attach::Attached;
use crate::caps;
use crate::cli::{Buffering, Cli, Format, Mode};
use crate::files::ScriptFiles;
use crate::kernel::LiveKernel;
use crate::list;
use crate::load::LoadError;
use crate::output::flame::FlameSink;
use crate::output::folded;
use crate::output::json::JsonSink;
use crate::output::live::LiveSink;
use crate::output::stream::{self, OutputOptions};
use crate::output::text::TextSink;
use crate::say;
use crate::script_help;
use crate::session::{self, Options, Session, SessionError};
use crate::sink::Sink;
use crate::tools;
use crate::verifier;
use codegen::manifest::{Artifact, Manifest, MapId};
use lang::ast;
use lang::cdef::WithDefs;
use lang::config::Config;
use lang::diag::{self, Diagnostic, Severity};
use lang::hir;
use lang::kernel::Kernel;
use lang::source::{FileId, SourceMap, Span};
use std::io::{self, IsTerminal, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

/// Why the kernel took no program, as far as it says, and what to write instead.
fn no_program(probe: &str, span: Span, error: &io::Error) -> Diagnostic {
    let trampoline = probe.starts_with("fentry:") || probe.starts_with("fexit:");
    if !trampoline || error.raw_os_error() != Some(libc::EPERM) {
        let copy = error.raw_os_error().map_or_else(|| io::Error::other(error.to_string()), io::Error::from_raw_os_error);
        return Diagnostic::error(span, LoadError::Program { probe: probe.into(), span, error: copy }.to_string());
    }
    let function = probe.rsplit(':').next().unwrap_or(probe);
    let word = function.rsplit('_').find(|w| !w.is_empty()).unwrap_or(function);
    Diagnostic::error(span, format!("this kernel takes no program for `{probe}`: {error}"))
        .label("it allows no fentry and fexit probes: by lockdown, or for want of privileges")
        .help(format!("use a tracepoint or raw tracepoint near it; list them with `beetrace -l 'tracepoint:*:*{word}*'`"))
}

/// A message to the user; the process exits with 1.
struct Failure(String);

impl Failure {
    /// A message that is not about a place in the script.
    fn plain(text: impl Into<String>) -> Failure {
        Failure(format!("ERROR: {}", text.into()))
    }
}

impl From<io::Error> for Failure {
    fn from(e: io::Error) -> Self {
        Failure::plain(e.to_string())
    }
}

/// Runs a command line.
pub fn main(cli: &Cli) -> ExitCode {
    match run(cli) {
        Ok(code) => code,
        Err(Failure(message)) => {
            if !message.is_empty() {
                say::err(&format!("{}\n", message.trim_end()));
            }
            ExitCode::FAILURE
        }
    }
}

/// What needs no script: answers about ourselves, rewriting, a session. Nothing if a script is to be run.
fn without_script(cli: &Cli) -> Result<Option<ExitCode>, Failure> {
    if cli.show_version {
        say::out(&format!("{} v{}\n", called_as(), env!("CARGO_PKG_VERSION")));
        return Ok(Some(ExitCode::SUCCESS));
    }
    if cli.info {
        say::out(&crate::info::report(&LiveKernel::new()));
        return Ok(Some(ExitCode::SUCCESS));
    }
    if let Some(code) = crate::rewrite::run(cli).map_err(Failure)? {
        return Ok(Some(code));
    }
    if let Some(names) = cli.help_names() {
        return Ok(Some(crate::help::print(names)));
    }
    if cli.verb("man") == Some(&[]) {
        say::out(&crate::man::page());
        return Ok(Some(ExitCode::SUCCESS));
    }
    if let Some(shell) = cli.verb("completions") {
        let [shell] = shell else {
            return Err(Failure::plain(format!("`completions` takes a shell: {}", crate::shell::SHELLS.join(", "))));
        };
        say::out(&crate::shell::script(shell).map_err(Failure::plain)?);
        return Ok(Some(ExitCode::SUCCESS));
    }
    if cli.wants_repl() {
        return crate::repl::run(cli).map(Some).map_err(Failure);
    }
    if tools::is_list(cli) {
        say::out(&tools::list());
        return Ok(Some(ExitCode::SUCCESS));
    }
    if let Some(call) = cli.tool.as_ref().filter(|c| c.wanted == tools::Wanted::Source) {
        say::out(call.tool.text);
        return Ok(Some(ExitCode::SUCCESS));
    }
    Ok(None)
}

fn run(cli: &Cli) -> Result<ExitCode, Failure> {
    if let Some(code) = without_script(cli)? {
        return Ok(code);
    }
    if let Some(call) = &cli.tool {
        say::err(&tools::beside(&call.tool).unwrap_or_default());
    }
    let kernel = LiveKernel::of_process(
        cli.pid,
        cli.command.as_deref().and_then(crate::child::program),
        cli.debuginfo.clone(),
        cli.traceable_functions.clone(),
    );
    if cli.list && cli.program.is_none() && cli.tool.is_none() && cli.rest.first().is_none_or(|p| !std::path::Path::new(p).is_file()) {
        return listing(cli, &kernel);
    }
    cli.conflicts().map_err(Failure::plain)?;
    let (name, text, params) = source(cli)?;
    let compile_only = cli.mode == Some(Mode::Codegen) || cli.emit_elf.is_some();
    let is_help = cli.tool.as_ref().is_some_and(|c| c.wanted == tools::Wanted::Help);
    if !compile_only && !cli.list && !is_help {
        caps::check().map_err(Failure::plain)?;
    }
    let mut map = SourceMap::default();
    let file = map.add(name.clone(), text);
    let mut stage = Stage { cli, map, kernel: &kernel };
    let Some((program, tree)) = stage.front(file, name, params)? else { return Ok(ExitCode::SUCCESS) };
    if cli.list {
        drop(tree);
        list::print_attach_points(&program)?;
        return Ok(ExitCode::SUCCESS);
    }
    let layout = if codegen::reads_task(&program) { kernel.record("task_struct") } else { None };
    let task = layout.as_ref().and_then(codegen::Task::of);
    let target = codegen::Target { cpus: kernel.cpus(), kernel: kernel.version(), task };
    if let Some(path) = &cli.emit_elf {
        let elf = codegen::compile_to_elf(&program, &target).map_err(|d| stage.rendered(&d))?;
        std::fs::write(path, elf).map_err(|e| Failure::plain(format!("{} can't be written: {e}", path.display())))?;
        return Ok(ExitCode::SUCCESS);
    }
    let artifact = codegen::compile_with(&program, &target, &mut |name, text| {
        if cli.shows(name) {
            show(name, &text());
        }
    })
    .map_err(|d| stage.rendered(&d))?;
    if compile_only {
        return Ok(ExitCode::SUCCESS);
    }
    stage.load_and_run(artifact)
}

fn listing(cli: &Cli, kernel: &LiveKernel) -> Result<ExitCode, Failure> {
    let pattern = cli.rest.first().map(String::as_str);
    if let Some(name) = pattern.filter(|p| p.ends_with(".bt")) {
        say::err(&format!("WARNING: there is no file '{name}': it is taken as a pattern of probes\n"));
    }
    list::print(kernel, pattern, cli.verbose > 0).map_err(Failure::plain).map(|()| ExitCode::SUCCESS)
}

/// The script's name, its text, and its parameters.
fn source(cli: &Cli) -> Result<(String, String, Vec<String>), Failure> {
    // A `--` may stand between bpftrace's own arguments and the script's.
    let clean = |list: &[String]| list.iter().filter(|p| *p != "--").cloned().collect();
    if let Some(program) = &cli.program {
        return Ok(("stdin".into(), program.clone(), clean(&cli.rest)));
    }
    let Some(first) = cli.rest.first() else {
        return Err(Failure(
            "beetrace needs a script: `beetrace FILE`, or `beetrace -e 'PROGRAM'`.\nFor all options: `beetrace --help`.".into(),
        ));
    };
    if let Some(call) = &cli.tool {
        return Ok((call.tool.name.into(), call.tool.text.into(), clean(&cli.rest[1..])));
    }
    let bytes = if first == "-" {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes)?;
        bytes
    } else {
        std::fs::read(first).map_err(|e| Failure::plain(format!("failed to open file '{first}': {}", plain(&e))))?
    };
    let name = if first == "-" { "stdin".to_string() } else { first.clone() };
    let text = String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        Failure::plain(format!("{name}:{line}: the script is not text: byte {} is no UTF-8", e.utf8_error().valid_up_to()))
    })?;
    Ok((name, text, clean(&cli.rest[1..])))
}

/// Shows a stage. That nobody reads it is no failure.
fn show(stage: &str, text: &str) {
    let _ = writeln!(io::stdout(), "--- {stage}\n{}", text.trim_end());
}

/// The system's text for an error, without the number that Rust adds.
fn plain(e: &io::Error) -> String {
    let text = e.to_string();
    text.split(" (os error").next().unwrap_or_default().to_string()
}

/// The name that we are called by, for scripts that ask `bpftrace` for its version.
fn called_as() -> &'static str {
    let name = std::env::args().next().unwrap_or_default();
    if name.rsplit('/').next() == Some("bpftrace") { "bpftrace" } else { "beetrace" }
}

/// Device and inode of our pid namespace, if it is not the machine's own.
pub(crate) fn pid_namespace() -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    // PROC_PID_INIT_INO of include/linux/proc_ns.h
    const INIT: u64 = 0xefff_fffc;
    let ns = std::fs::metadata("/proc/self/ns/pid").ok()?;
    // The kernel's own encoding of the device, not that of stat(2).
    let (major, minor) = (libc::major(ns.dev()), libc::minor(ns.dev()));
    (ns.ino() != INIT).then_some((u64::from(major) << 20 | u64::from(minor), ns.ino()))
}

/// Positional and named parameters. Named ones, `--name=value` or `--name`, stand behind the double dash, `after` words from
/// the end.
fn split_params(words: Vec<String>, after: usize) -> (Vec<String>, Vec<(String, Option<String>)>) {
    let first = words.len().saturating_sub(after);
    let (mut plain, mut named) = (Vec::new(), Vec::new());
    for (i, word) in words.into_iter().enumerate() {
        match word.strip_prefix("--").filter(|n| i >= first && !n.is_empty()) {
            Some(rest) => match rest.split_once('=') {
                Some((name, value)) => named.push((name.to_string(), Some(value.to_string()))),
                None => named.push((rest.to_string(), None)),
            },
            None => plain.push(word),
        }
    }
    (plain, named)
}

/// Whether a script that has no such parameter of its own is asked for its help.
fn asks_for_help(config: &Config, program: &hir::Program) -> bool {
    config.named.iter().any(|n| n.0 == "help") && !program.options.iter().any(|o| o.name == "help")
}

/// What every stage needs to speak to the user.
struct Stage<'a> {
    cli: &'a Cli,
    map: SourceMap,
    kernel: &'a LiveKernel,
}

impl Stage<'_> {
    fn rendered(&self, list: &[Diagnostic]) -> Failure {
        Failure(self.text_of(list))
    }

    fn text_of(&self, list: &[Diagnostic]) -> String {
        let color = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        diag::render(list, &self.map, color)
    }

    /// Parses and checks. Of a script that is asked for its help nothing is left.
    fn front(&mut self, file: FileId, name: String, params: Vec<String>) -> Result<Option<(hir::Program, ast::Program)>, Failure> {
        let (params, named) = split_params(params, self.cli.behind);
        let mut config = Config { params, named, allow_unsafe: self.cli.allow_unsafe, script: name, ..Config::default() };
        config.check_reads = self.cli.check_reads > 0;
        config.test_mode = self.cli.test || self.cli.mode == Some(Mode::Test);
        config.bench_mode = self.cli.bench || self.cli.mode == Some(Mode::Bench);
        config.time_map = std::env::var("BPFTRACE_DUMMY_TS_MAP").ok();
        config.pid_namespace = pid_namespace();
        if let Some(filter) = &self.cli.probe_filter {
            let bad = |e: regex::Error| Failure::plain(format!("Invalid --probe-filter regex: {e}"));
            config.probe_filter = Some(regex::Regex::new(filter).map_err(bad)?);
        }
        config.set_from_environment(|n| std::env::var(n).ok()).map_err(Failure::plain)?;
        let (tree, mut diags) = lang::parse(&self.map, file);
        if self.cli.shows("ast") {
            show("ast", &format!("{tree:#?}"));
        }
        let syntax_errors = diag::has_errors(&diags);
        let files = ScriptFiles { dirs: &self.cli.include_dirs, first: &self.cli.include };
        let (script, found) = lang::program::assemble(tree, file, &mut self.map, self.kernel, &files);
        let broken = diag::has_errors(&found);
        diags.extend(found);
        if broken {
            return Err(self.rendered(&diags));
        }
        let machine = WithDefs { defs: &script.defs, kernel: self.kernel };
        let (program, found) = lang::check(&script.program, &machine, &config);
        let tree = script.program;
        diags.extend(found);
        diags.retain(|d| d.severity == Severity::Error || !self.cli.no_warnings);
        if self.cli.shows("hir") && !syntax_errors {
            show("hir", &format!("{program:#?}"));
        }
        if asks_for_help(&config, &program) {
            let source = self.map.file(file);
            say::out(&match &self.cli.tool {
                Some(call) => script_help::tool_page(&call.tool, &program.options),
                None => script_help::page(&source.name, &source.text, &program.options),
            });
            return Ok(None);
        }
        if diag::has_errors(&diags) {
            return Err(self.rendered(&diags));
        }
        if !diags.is_empty() {
            say::err(&self.text_of(&diags));
        }
        Ok(Some((program, tree)))
    }

    /// The map of `--flame`; with `-f folded`, that there is one that can be folded.
    fn flame_map(&self, manifest: &Manifest) -> Result<Option<MapId>, Failure> {
        let wanted = self.cli.flame.is_some();
        if !wanted && self.cli.format == Format::Folded && manifest.maps.iter().any(folded::can_fold) {
            return Ok(None);
        }
        if !wanted && self.cli.format != Format::Folded {
            return Ok(None);
        }
        folded::choose(manifest, self.cli.flame_map.as_deref()).map(|m| Some(m).filter(|_| wanted)).map_err(Failure::plain)
    }

    fn load_and_run(&self, artifact: Artifact) -> Result<ExitCode, Failure> {
        let manifest = Arc::new(artifact.manifest.clone());
        let flame = self.flame_map(&manifest)?;
        let options = Options { pid: self.cli.pid, command: self.cli.command.clone(), stats: self.cli.stats };
        let mut session = Session::load(artifact, options).map_err(|e| self.refused(&e))?;
        if self.cli.dry_run {
            return Ok(ExitCode::SUCCESS);
        }
        let writer: Box<dyn Write> = match &self.cli.output {
            None => Box::new(io::stdout()),
            Some(path) => {
                Box::new(std::fs::File::create(path).map_err(|e| Failure::plain(format!("{} can't be written: {e}", path.display())))?)
            }
        };
        let options = OutputOptions {
            quiet: self.cli.quiet || self.cli.tool.is_some(),
            tool: self.cli.tool.is_some(),
            buffering: match self.cli.buffering {
                Buffering::Line => stream::Buffering::Line,
                Buffering::Full => stream::Buffering::Full,
                Buffering::None => stream::Buffering::None,
            },
            sources: Some(self.map.clone()),
            warnings: !self.cli.no_warnings,
            folded: self.cli.format == Format::Folded,
            drawn: flame,
        };
        let flame_manifest = manifest.clone();
        let mut sink: Box<dyn Sink> = match self.cli.format {
            Format::Text if self.cli.live && io::stdin().is_terminal() && io::stdout().is_terminal() => {
                let name = self.map.ids().next().map_or_else(String::new, |f| self.map.file(f).name.clone());
                Box::new(LiveSink::new(manifest, writer, options, name, self.cli.output.is_some()))
            }
            Format::Text | Format::Folded => Box::new(TextSink::new(manifest, writer, options)),
            Format::Json => Box::new(JsonSink::new(manifest, writer, options)),
        };
        if let (Some(path), Some(map)) = (&self.cli.flame, flame) {
            let bad = |e| Failure::plain(format!("{} can't be written: {e}", path.display()));
            sink = Box::new(FlameSink::new(sink, flame_manifest, map, path.clone(), self.cli.quiet).map_err(bad)?);
        }
        let mut attached = Attached::default();
        let result = session.run(&mut *sink, &mut attached);
        drop(sink);
        for missing in attached.missing.drain(..) {
            if !self.cli.no_warnings {
                say::err(&self.text_of(&[Diagnostic::warning(missing.point.span, missing.to_string())]));
            }
        }
        let code = match result {
            Ok(outcome) => outcome.exit_code,
            // The reader of our output has gone (`| head`): that is no failure.
            Err(SessionError::Output(e)) if e.kind() == io::ErrorKind::BrokenPipe => 0,
            Err(e) => {
                let Failure(message) = self.refused(&e);
                say::err(&format!("{}\n", message.trim_end()));
                1
            }
        };
        session::leave(attached, code)
    }

    /// A refusal in the words of the script, with its place where it has one.
    fn refused(&self, error: &SessionError) -> Failure {
        let d = match error {
            SessionError::Load(LoadError::Verifier { probe, span, reason, log }) => {
                if self.cli.shows("verifier") || self.cli.verbose > 0 {
                    say::err(&format!("{log}\n"));
                }
                verifier::explain(probe, *span, reason, log)
            }
            SessionError::Load(LoadError::Program { probe, span, error }) => no_program(probe, *span, error),
            SessionError::Attach(e) => Diagnostic::error(e.point.span, e.to_string()),
            other => return Failure::plain(other.to_string()),
        };
        self.rendered(&[d])
    }
}

#[cfg(test)]
mod no_program_tests {
    use super::*;

    #[test]
    fn a_trampoline_that_is_not_allowed() {
        let text = format!("{:?}", no_program("fentry:vmlinux:vfs_read", Span::default(), &io::Error::from_raw_os_error(libc::EPERM)));
        assert!(text.contains("lockdown") && text.contains("tracepoint:*:*read*"), "{text}");
        let text = format!("{:?}", no_program("iter:task", Span::default(), &io::Error::from_raw_os_error(libc::EPERM)));
        assert!(text.contains("Operation not permitted") && !text.contains("lockdown"), "{text}");
    }
}
