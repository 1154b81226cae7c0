//! `beetrace --fmt FILE` and `beetrace port FILE`: scripts as text, neither checked nor run.

use crate::cli::{Cli, Rewrite};
use lang::diag::{self, Diagnostic};
use lang::source::SourceMap;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;

/// Does what the command line asks for, if it asks for either. A script that does not parse is told as always.
///
/// # Errors
/// What is to be printed: a script or a file that can't be read or written, and the parser's diagnostics.
pub fn run(cli: &Cli) -> Result<Option<ExitCode>, String> {
    let Some((what, file)) = cli.rewrite() else { return Ok(None) };
    let (name, text) = match (&cli.program, file) {
        (Some(program), None) => ("stdin".to_string(), program.clone()),
        (_, Some(file)) => read(file)?,
        (None, None) => return Err("ERROR: a script is missing: `beetrace --fmt FILE`, `beetrace port FILE`".into()),
    };
    let told = |d: Vec<Diagnostic>| {
        let mut map = SourceMap::default();
        map.add(name.clone(), text.clone());
        let color = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        diag::render(&d, &map, color)
    };
    let mut remarks = String::new();
    let new = match what {
        Rewrite::Format => lang::fmt::format(&text).map_err(told)?,
        Rewrite::Port => {
            let ported = lang::port::port(&text).map_err(told)?;
            for r in ported.changes.iter() {
                remarks.push_str(&format!("{name}:{}: {}\n", r.line, r.text));
            }
            if !cli.no_warnings {
                for r in &ported.notes {
                    remarks.push_str(&format!("{name}:{}: note: {}\n", r.line, r.text));
                }
            }
            if ported.changes.is_empty() {
                remarks.push_str(&format!("{name}: nothing to change\n"));
            }
            ported.text
        }
    };
    let target = match (cli.in_place, &cli.output, file) {
        (true, Some(_), _) => return Err("ERROR: --in-place and -o can't be used together: each says where the result goes".into()),
        (true, None, Some(file)) if file != "-" => Some(Path::new(file)),
        (true, ..) => return Err("ERROR: --in-place needs a file: what comes from standard input has no place".into()),
        (false, output, _) => output.as_deref(),
    };
    match target {
        // A file that stays the same keeps its time.
        Some(_) if cli.in_place && new == text => {}
        Some(path) => std::fs::write(path, new).map_err(|e| format!("ERROR: {} can't be written: {e}", path.display()))?,
        None => match io::stdout().write_all(new.as_bytes()) {
            // The reader has gone (`| head`): that is no failure.
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {}
            other => other.map_err(|e| format!("ERROR: {e}"))?,
        },
    }
    crate::say::err(&remarks);
    Ok(Some(ExitCode::SUCCESS))
}

/// The name for messages, and the text.
fn read(file: &str) -> Result<(String, String), String> {
    let mut text = String::new();
    if file == "-" {
        io::stdin().read_to_string(&mut text).map_err(|e| format!("ERROR: standard input can't be read: {e}"))?;
        return Ok(("stdin".into(), text));
    }
    let text = std::fs::read_to_string(file).map_err(|e| format!("ERROR: the script {file} can't be read: {e}"))?;
    Ok((file.to_string(), text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn cli(args: &[&str]) -> Cli {
        Cli::parse_from([&["beetrace"], args].concat())
    }

    #[test]
    fn the_words_that_ask_for_it() {
        assert_eq!(cli(&["--fmt", "x.bt"]).rewrite(), Some((Rewrite::Format, Some("x.bt"))));
        assert_eq!(cli(&["--mode", "format", "x.bt"]).rewrite(), Some((Rewrite::Format, Some("x.bt"))));
        assert_eq!(cli(&["port", "x.bt", "--in-place"]).rewrite(), Some((Rewrite::Port, Some("x.bt"))));
        assert_eq!(cli(&["port"]).rewrite(), Some((Rewrite::Port, None)));
        assert_eq!(cli(&["-e", "begin { }", "port"]).rewrite(), None);
        assert_eq!(cli(&["./port"]).rewrite(), None);
    }

    #[test]
    fn files_are_written_where_they_should_be() {
        let dir = std::env::temp_dir().join(format!("beetrace-rewrite-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (script, out) = (dir.join("a.bt"), dir.join("b.bt"));
        let path = |p: &Path| p.display().to_string();
        std::fs::write(&script, "BEGIN{delete(@a[1])}").unwrap();
        run(&cli(&["--fmt", &path(&script), "-o", &path(&out)])).unwrap();
        assert_eq!(std::fs::read_to_string(&out).unwrap(), "BEGIN\n{\n  delete(@a[1])\n}\n");
        run(&cli(&["port", "--in-place", &path(&script)])).unwrap();
        assert_eq!(std::fs::read_to_string(&script).unwrap(), "begin{delete(@a, 1)}");
        assert!(run(&cli(&["port", "--in-place", "-o", "x", &path(&script)])).unwrap_err().contains("together"));
        std::fs::write(&script, "BEGIN {").unwrap();
        assert!(run(&cli(&["--fmt", "--in-place", &path(&script)])).unwrap_err().contains("never closed"));
        assert_eq!(std::fs::read_to_string(&script).unwrap(), "BEGIN {");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
