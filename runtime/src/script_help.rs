//! `FILE --help`, `TOOL --help`: what a script says of itself, from its first comment and its `getopt` calls.

use lang::config::ScriptOption;
use lang::types::Type;
use stdlib::tools::{Header, Tool};

/// The page for a script of this name and text.
pub fn page(name: &str, text: &str, options: &[ScriptOption]) -> String {
    let mut out = format!("USAGE:\n    beetrace {name} [ARGS]...{}\n", if options.is_empty() { "" } else { " -- [PARAMETERS]..." });
    let about = comment(text);
    if !about.is_empty() {
        out.push_str(&format!("\n{about}\n"));
    }
    if options.is_empty() {
        out.push_str("\nThe script has no named parameters.\n");
        return out;
    }
    out.push_str("\nPARAMETERS:\n");
    out.push_str(&table(options, options.iter().map(head).collect()));
    out
}

/// The page of a bundled tool.
pub fn tool_page(tool: &Tool, options: &[ScriptOption]) -> String {
    let (name, header) = (tool.name, tool.header());
    let words = format!("{}{}", if options.is_empty() { "" } else { " [OPTIONS]" }, if header.usage.is_empty() { "" } else { " " });
    let mut out = format!("{name}: {}\n\nUSAGE:\n    beetrace {name}{words}{}\n\n{}\n", header.summary, header.usage, header.about);
    out.push_str("\nOPTIONS:\n");
    let mut heads: Vec<String> = options.iter().map(|o| short(&header, o)).collect();
    let mut rows = options.to_vec();
    for (name, doc) in [("help", "print this page"), ("source", "print the script, to be copied and changed")] {
        rows.push(ScriptOption { name: name.into(), default: String::new(), doc: doc.into(), is_flag: true, ty: Type::Bool });
        heads.push(format!("--{name}"));
    }
    out.push_str(&table(&rows, heads));
    out.push_str("    and those of beetrace: -o FILE, -f json, -p PID, ... (`beetrace --help`)\n");
    let example = format!("beetrace {name} {}", header.example);
    out.push_str(&format!("\nEXAMPLE:\n    # {}\n", example.trim_end()));
    for line in header.output.lines() {
        out.push_str(format!("    {line}").trim_end());
        out.push('\n');
    }
    out
}

/// An option with its letter, if it has one.
fn short(header: &Header, option: &ScriptOption) -> String {
    let letters = header.short.iter().filter(|(_, long)| *long == option.name).map(|(s, _)| format!("-{s}, "));
    letters.collect::<String>() + &head(option)
}

/// Options in columns, with their defaults.
fn table(options: &[ScriptOption], heads: Vec<String>) -> String {
    let mut out = String::new();
    let wide = heads.iter().map(String::len).max().unwrap_or(0);
    for (head, option) in heads.iter().zip(options) {
        let default = match (&option.ty, option.is_flag) {
            (_, true) => String::new(),
            (Type::Bool, _) if option.default == "false" => String::new(),
            (Type::Str(_), _) => format!("[default: \"{}\"]", option.default),
            _ => format!("[default: {}]", option.default),
        };
        let line = format!("    {head:wide$}  {} {default}", option.doc);
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn head(o: &ScriptOption) -> String {
    let value = match &o.ty {
        _ if o.is_flag => "",
        Type::Bool if o.default == "false" => "",
        Type::Bool => "=true|false",
        Type::Str(_) => "=TEXT",
        _ => "=N",
    };
    format!("--{}{value}", o.name)
}

/// The first comment of a script, without its marks.
fn comment(text: &str) -> String {
    let text = if text.starts_with("#!") { text.split_once('\n').map_or("", |(_, rest)| rest) } else { text };
    let text = text.trim_start();
    let lines: Vec<&str> = if let Some(rest) = text.strip_prefix("/*") {
        let inside = rest.split("*/").next().unwrap_or_default();
        inside.lines().map(|l| l.trim_start().trim_start_matches('*')).map(|l| l.strip_prefix(' ').unwrap_or(l).trim_end()).collect()
    } else {
        let slashes = text.lines().map(|l| l.trim_start().strip_prefix("//"));
        slashes.map_while(|l| l).map(|l| l.strip_prefix(' ').unwrap_or(l).trim_end()).collect()
    };
    lines.join("\n").trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(name: &str, default: &str, ty: Type, is_flag: bool) -> ScriptOption {
        ScriptOption { name: name.into(), default: default.into(), doc: format!("the {name}"), is_flag, ty }
    }

    #[test]
    fn parameters_stand_in_columns_with_their_defaults() {
        let options = [option("n", "3", Type::I64, false), option("all", "", Type::Bool, true), option("who", "me", Type::Str(3), false)];
        let text = page("x.bt", "#!/usr/bin/env beetrace\n// Counts.\n//   beetrace x.bt\nbegin { }", &options);
        assert_eq!(
            text,
            "USAGE:\n    beetrace x.bt [ARGS]... -- [PARAMETERS]...\n\nCounts.\n  beetrace x.bt\n\nPARAMETERS:\n    --n=N       the n [default: 3]\n    --all       the all\n    --who=TEXT  the who [default: \"me\"]\n"
        );
    }

    #[test]
    fn a_block_comment_loses_its_stars() {
        assert_eq!(comment("/*\n * a\n *\n * b\n */\nbegin {}"), "a\n\nb");
        assert_eq!(comment("begin { } // x"), "");
    }
}
