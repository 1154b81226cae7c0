//! `beetrace help [NAME]...`: the reference, on the terminal.

use crate::say;
use lang::reference::{find, index, page};
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Prints the pages of names, or all names; 1 if one of them is unknown.
pub fn print(names: &[String]) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    let mut text = if names.is_empty() { index() } else { String::new() };
    for name in names {
        let tool = stdlib::tools::find(name).map(|t| format!("{name} (tool)\n\n  {}: `beetrace {name} --help`\n", t.header().summary));
        match find(name) {
            Err(_) if tool.is_some() => text.push_str(&tool.unwrap_or_default()),
            Ok(topics) => {
                let pages: Vec<String> = topics.iter().map(page).collect();
                text.push_str(if text.is_empty() { "" } else { "\n" });
                text.push_str(&pages.join("\n"));
                if let Some(tool) = tool {
                    text.push_str(&format!("\n{tool}"));
                }
            }
            Err(near) => {
                code = ExitCode::FAILURE;
                let hint = near.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(" or ");
                let hint = if near.is_empty() { "`beetrace help` lists all names".into() } else { format!("did you mean {hint}?") };
                say::err(&format!("there is no `{name}` in the reference: {hint}\n"));
            }
        }
    }
    match std::io::stdout().write_all(text.as_bytes()) {
        // The reader may have seen enough (`| head`).
        Err(e) if e.kind() != ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => code,
    }
}
