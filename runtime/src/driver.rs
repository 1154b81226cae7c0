//! The way of a script through all stages, and what is said when one of them refuses it.

use crate::attach::Attached;
use crate::caps;
use crate::cli::{Buffering, Cli, Format, Mode};
use crate::kernel::LiveKernel;
use crate::list;
use crate::load::LoadError;
use crate::output::text::{self, TextOptions, TextSink};
use crate::session::{self, Options, Session, SessionError};
use crate::verifier;
use codegen::manifest::Artifact;
use lang::ast;
use lang::config::Config;
use lang::diag::{self, Diagnostic, Severity};
use lang::hir;
use lang::kernel::Kernel;
use lang::source::{FileId, SourceMap};
use std::io::{self, IsTerminal, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

/// A message to the user; the process exits with 1.
struct Failure(String);

impl From<io::Error> for Failure {
    fn from(e: io::Error) -> Self {
        Failure(e.to_string())
    }
}

/// Runs a command line.
pub fn main(cli: &Cli) -> ExitCode {
    match run(cli) {
        Ok(code) => code,
        Err(Failure(message)) => {
            if !message.is_empty() {
                eprintln!("{}", message.trim_end());
            }
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode, Failure> {
    if cli.show_version {
        println!("beetrace v{}", env!("CARGO_PKG_VERSION"));
        return Ok(ExitCode::SUCCESS);
    }
    let kernel = LiveKernel::new();
    if cli.list && cli.program.is_none() && cli.rest.first().is_none_or(|p| !std::path::Path::new(p).is_file()) {
        return list::print(&kernel, cli.rest.first().map(String::as_str), cli.verbose > 0).map_err(Failure).map(|()| ExitCode::SUCCESS);
    }
    cli.conflicts().map_err(Failure)?;
    let (name, text, params) = source(cli)?;
    let compile_only = cli.mode == Some(Mode::Codegen) || cli.emit_elf.is_some();
    if !compile_only && !cli.list {
        caps::check().map_err(Failure)?;
    }
    let mut map = SourceMap::default();
    let file = map.add(name.clone(), text);
    let stage = Stage { cli, map: &map, kernel: &kernel };
    let (program, tree) = stage.front(file, name, params)?;
    if cli.list {
        drop(tree);
        list::print_attach_points(&program)?;
        return Ok(ExitCode::SUCCESS);
    }
    let target = codegen::Target { cpus: kernel.cpus(), kernel: kernel.version() };
    if let Some(path) = &cli.emit_elf {
        let elf = codegen::compile_to_elf(&program, &target).map_err(|d| stage.rendered(&d))?;
        std::fs::write(path, elf).map_err(|e| Failure(format!("{} can't be written: {e}", path.display())))?;
        return Ok(ExitCode::SUCCESS);
    }
    let artifact = codegen::compile_with(&program, &target, &mut |name, text| {
        if cli.shows(name) {
            println!("--- {name}\n{}", text().trim_end());
        }
    })
    .map_err(|d| stage.rendered(&d))?;
    if compile_only {
        return Ok(ExitCode::SUCCESS);
    }
    stage.load_and_run(artifact)
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
    let bytes = if first == "-" {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes)?;
        bytes
    } else {
        std::fs::read(first).map_err(|e| Failure(format!("the script {first} can't be read: {e}")))?
    };
    let name = if first == "-" { "stdin".to_string() } else { first.clone() };
    let text = String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        Failure(format!("{name}:{line}: the script is not text: byte {} is no UTF-8", e.utf8_error().valid_up_to()))
    })?;
    Ok((name, text, clean(&cli.rest[1..])))
}

/// What every stage needs to speak to the user.
struct Stage<'a> {
    cli: &'a Cli,
    map: &'a SourceMap,
    kernel: &'a LiveKernel,
}

impl Stage<'_> {
    fn rendered(&self, list: &[Diagnostic]) -> Failure {
        Failure(self.text_of(list))
    }

    fn text_of(&self, list: &[Diagnostic]) -> String {
        let color = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        diag::render(list, self.map, color)
    }

    /// Parses and checks.
    fn front(&self, file: FileId, name: String, params: Vec<String>) -> Result<(hir::Program, ast::Program), Failure> {
        let mut config = Config { params, allow_unsafe: self.cli.allow_unsafe, script: name, ..Config::default() };
        config.check_reads = self.cli.check_reads > 0;
        config.set_from_environment(|n| std::env::var(n).ok()).map_err(Failure)?;
        let (tree, mut diags) = lang::parse(self.map, file);
        if self.cli.shows("ast") {
            println!("--- ast\n{tree:#?}");
        }
        let syntax_errors = diag::has_errors(&diags);
        let (program, found) = lang::check(&tree, self.kernel, &config);
        diags.extend(found);
        diags.retain(|d| d.severity == Severity::Error || !self.cli.no_warnings);
        if self.cli.shows("hir") && !syntax_errors {
            println!("--- hir\n{program:#?}");
        }
        if diag::has_errors(&diags) {
            return Err(self.rendered(&diags));
        }
        if !diags.is_empty() {
            eprint!("{}", self.text_of(&diags));
        }
        Ok((program, tree))
    }

    fn load_and_run(&self, artifact: Artifact) -> Result<ExitCode, Failure> {
        if self.cli.format == Format::Json {
            return Err(Failure("`-f json` is not supported yet; the output is text".into()));
        }
        let manifest = Arc::new(artifact.manifest.clone());
        let options = Options { pid: self.cli.pid, command: self.cli.command.clone() };
        let mut session = Session::load(artifact, options).map_err(|e| self.refused(&e))?;
        if self.cli.dry_run {
            return Ok(ExitCode::SUCCESS);
        }
        let writer: Box<dyn Write> = match &self.cli.output {
            None => Box::new(io::stdout()),
            Some(path) => Box::new(std::fs::File::create(path).map_err(|e| Failure(format!("{} can't be written: {e}", path.display())))?),
        };
        let options = TextOptions {
            quiet: self.cli.quiet,
            buffering: match self.cli.buffering {
                Buffering::Line => text::Buffering::Line,
                Buffering::Full => text::Buffering::Full,
                Buffering::None => text::Buffering::None,
            },
            sources: Some(self.map.clone()),
            warnings: !self.cli.no_warnings,
        };
        let mut sink = TextSink::new(manifest, writer, options);
        let mut attached = Attached::default();
        let result = session.run(&mut sink, &mut attached);
        drop(sink);
        for missing in attached.missing.drain(..) {
            if !self.cli.no_warnings {
                eprint!("{}", self.text_of(&[Diagnostic::warning(missing.point.span, missing.to_string())]));
            }
        }
        let code = match result {
            Ok(outcome) => outcome.exit_code,
            // The reader of our output has gone (`| head`): that is no failure.
            Err(SessionError::Output(e)) if e.kind() == io::ErrorKind::BrokenPipe => 0,
            Err(e) => {
                let Failure(message) = self.refused(&e);
                eprintln!("{}", message.trim_end());
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
                    eprintln!("{log}");
                }
                verifier::explain(probe, *span, reason, log)
            }
            SessionError::Attach(e) => Diagnostic::error(e.point.span, e.to_string()),
            other => return Failure(format!("ERROR: {other}")),
        };
        self.rendered(&[d])
    }
}
