//! `beetrace man`: the manual page, made of the flags, the commands and the rows of the reference.

use crate::cli::{Cli, VERBS};
use clap::CommandFactory;
use lang::reference::{self, Topic};

/// The page in the man macros of troff.
pub fn page() -> String {
    let mut command = Cli::command();
    command.build();
    let mut out = format!(".TH BEETRACE 8 \"\" \"beetrace {}\" \"System Administration\"\n", env!("CARGO_PKG_VERSION"));
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    section(&mut out, "NAME");
    out.push_str(&format!("beetrace \\- {}\n", escaped(about.trim_end_matches('.'))));
    section(&mut out, "SYNOPSIS");
    for line in crate::cli::USAGE.lines() {
        out.push_str(&format!("{}\n.br\n", escaped(line.trim())));
    }
    section(&mut out, "COMMANDS");
    for v in VERBS {
        item(&mut out, format!("{} {}", v.name, v.takes).trim(), v.doc);
    }
    section(&mut out, "OPTIONS");
    for arg in command.get_arguments().filter(|a| !a.is_hide_set()) {
        let flags = [arg.get_short().map(|c| format!("-{c}")), arg.get_long().map(|l| format!("--{l}"))];
        let value = if arg.get_action().takes_values() { arg.get_value_names().unwrap_or_default().join(" ") } else { String::new() };
        let head = format!("{} {value}", flags.into_iter().flatten().collect::<Vec<_>>().join(", "));
        item(&mut out, head.trim(), &arg.get_help().map(ToString::to_string).unwrap_or_default());
    }
    section(&mut out, "EXIT STATUS");
    paragraph(
        &mut out,
        "0, or what the script gave to exit(); 1 if the command line or the script has a mistake, or the kernel refuses it.",
    );
    let mut family = String::new();
    for topic in reference::topics() {
        if family != topic.family {
            family = topic.family.to_string();
            section(&mut out, &format!("LANGUAGE: {}", family.to_uppercase()));
        }
        describe(&mut out, &topic);
    }
    out
}

fn describe(out: &mut String, t: &Topic) {
    out.push_str(&format!(".SS \"{}\"\n", quoted(&t.name)));
    block(out, &t.forms);
    paragraph(out, &t.doc);
    if !t.facts.is_empty() {
        paragraph(out, &format!("({})", t.facts.join("; ")));
    }
    if !t.example.script.is_empty() {
        block(out, &t.example.script);
    }
}

fn section(out: &mut String, name: &str) {
    out.push_str(&format!(".SH \"{}\"\n", quoted(name)));
}

fn item(out: &mut String, head: &str, text: &str) {
    out.push_str(&format!(".TP\n\\fB{}\\fR\n{}\n", escaped(head), escaped(text)));
}

fn paragraph(out: &mut String, text: &str) {
    out.push_str(&format!(".PP\n{}\n", escaped(text)));
}

/// Lines as they are.
fn block(out: &mut String, text: &str) {
    out.push_str(&format!(".PP\n.RS 4\n.nf\n{}\n.fi\n.RE\n", escaped(text)));
}

/// Text in an argument of a macro.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\e").replace('"', "\\(dq").replace('-', "\\-")
}

/// Text whose characters mean nothing to troff.
fn escaped(text: &str) -> String {
    let plain = text.replace('\\', "\\e").replace('-', "\\-").replace('`', "\\(ga").replace('^', "\\(ha").replace('~', "\\(ti");
    let line = |l: &str| if l.starts_with(['.', '\'']) { format!("\\&{l}") } else { l.to_string() };
    plain.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_commands_and_the_language_are_in_it() {
        let page = page();
        for word in
            ["\\fB\\-e PROGRAM\\fR", "\\-\\-flame FILE [@MAP]", "\\fBrepl\\fR", ".SS \"hist\"", ".SS \"tracepoint\"", ".SS \"max_strlen\""]
        {
            assert!(page.contains(word), "{word}");
        }
        // No line of text may look like a request that it is not.
        let known = [".TH", ".SH", ".SS", ".TP", ".PP", ".RS", ".RE", ".nf", ".fi", ".br"];
        for line in page.lines().filter(|l| l.starts_with(['.', '\''])) {
            assert!(known.iter().any(|k| line.starts_with(k)), "{line}");
        }
    }

    #[test]
    fn what_troff_would_read_is_escaped() {
        assert_eq!(escaped(".x\n'y\n-`\\n"), "\\&.x\n\\&'y\n\\-\\(ga\\en");
    }
}
