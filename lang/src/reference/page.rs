//! Topics as text for a terminal, and all of them as Markdown.

use super::{Example, Topic, topics};
use std::fmt::Write as _;

/// Width of a line of text.
const WIDTH: usize = 100;

/// The page of one topic.
pub fn page(t: &Topic) -> String {
    let mut out = format!("{} ({})\n\n", t.name, t.family);
    for form in t.forms.lines() {
        let _ = writeln!(out, "  {form}");
    }
    let _ = write!(out, "\n{}", wrapped(&t.doc, ""));
    if !t.facts.is_empty() {
        out.push_str(&wrapped(&sentence(&t.facts), ""));
    }
    out.push_str("\nExample:\n");
    if let Some((name, text)) = t.example.file {
        let _ = writeln!(out, "  # {name}: {text}");
    }
    let _ = writeln!(out, "  {}", command(&t.example).replace('\n', "\n  "));
    out
}

/// All names, by family.
pub fn index() -> String {
    let all = topics();
    let mut out = String::from("beetrace help NAME tells what a name means and shows a script that uses it.\n");
    for (family, names) in families(&all) {
        let names: Vec<String> = names.iter().map(|t| t.name.replace(' ', "\u{a0}")).collect();
        let _ = write!(out, "\n{family}:\n{}", wrapped(&names.join(", "), "  ").replace('\u{a0}', " "));
    }
    out
}

/// The whole reference.
pub fn markdown() -> String {
    let all = topics();
    let mut out = String::from(
        "# Reference\n\n\
         Every name of the language. Made from the tables in the source: `BLESS=1 cargo test --release -p lang --test reference`\n\
         writes it anew. `beetrace help NAME` prints one entry.\n",
    );
    for (family, list) in families(&all) {
        let _ = write!(out, "\n## {}\n", capital(family));
        for t in list {
            let _ = write!(out, "\n### {}\n\n```\n{}\n```\n\n{}", t.name, t.forms, t.doc);
            if !t.facts.is_empty() {
                let _ = write!(out, " {}", sentence(&t.facts));
            }
            if !t.also.is_empty() && t.family != "probes" {
                let also: Vec<String> = t.also.iter().map(|a| format!("`{a}`")).collect();
                let _ = write!(out, "\n\nSee also {}.", also.join(", "));
            }
            out.push_str("\n\n```sh\n");
            if let Some((name, text)) = t.example.file {
                let _ = writeln!(out, "# {name}: {text}");
            }
            let _ = writeln!(out, "{}\n```", command(&t.example));
        }
    }
    out
}

/// The shell command that runs an example.
fn command(e: &Example) -> String {
    let mut out = String::from("beetrace ");
    if !e.options.is_empty() {
        let _ = write!(out, "{} ", e.options);
    }
    let _ = write!(out, "-e '{}'", e.script.replace('\'', "'\\''"));
    if !e.params.is_empty() {
        let _ = write!(out, " {}", e.params);
    }
    out
}

/// Topics by family, in their order.
fn families(all: &[Topic]) -> Vec<(&str, Vec<&Topic>)> {
    let mut out: Vec<(&str, Vec<&Topic>)> = Vec::new();
    for t in all {
        match out.last_mut() {
            Some((family, list)) if *family == t.family => list.push(t),
            _ => out.push((&t.family, vec![t])),
        }
    }
    out
}

/// `A; b; c.`
fn sentence(facts: &[String]) -> String {
    format!("{}.", capital(&facts.join("; ")))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |c| c.to_uppercase().chain(chars).collect())
}

/// Text in lines, each behind an indent.
fn wrapped(text: &str, indent: &str) -> String {
    let mut out = String::new();
    let mut line = String::from(indent);
    for word in text.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDTH && line.trim() != "" {
            let _ = writeln!(out, "{}", line.trim_end());
            line = String::from(indent);
        }
        line.push_str(word);
        line.push(' ');
    }
    let _ = writeln!(out, "{}", line.trim_end());
    out
}
