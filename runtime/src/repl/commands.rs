//! The commands of a session, one row each: what they take and what they do.

use lang::diag::nearest;

/// A command that was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Maps,
    Probes,
    Drop,
    List,
    Doc,
    Type,
    Asm,
    Save,
    Load,
    Help,
    Quit,
}

/// A row.
pub(crate) struct Row {
    /// With its colon.
    pub name: &'static str,
    /// What follows it; empty for nothing, in brackets if it may be left out.
    pub takes: &'static str,
    /// What it does.
    pub doc: &'static str,
    pub command: Command,
}

const fn row(name: &'static str, takes: &'static str, doc: &'static str, command: Command) -> Row {
    Row { name, takes, doc, command }
}

/// Every command.
pub(crate) const ROWS: &[Row] = &[
    row(":probes", "", "the entries of the session with their numbers", Command::Probes),
    row(":drop", "N", "detach entry N and forget it", Command::Drop),
    row(":maps", "", "maps with the types of their keys and values, and how much they hold", Command::Maps),
    row(":list", "PATTERN", "probes that match, such as `tracepoint:syscalls:*open*`", Command::List),
    row(":doc", "[NAME]", "the reference on a name, or all names", Command::Doc),
    row(":type", "[PROBE] EXPR", "the type of an expression, where PROBE fires", Command::Type),
    row(":asm", "", "the instructions of all programs", Command::Asm),
    row(":save", "FILE", "write the session as a script", Command::Save),
    row(":load", "FILE", "take a script as an entry", Command::Load),
    row(":help", "", "these lines", Command::Help),
    row(":quit", "", "run `end` probes and leave (Ctrl-D)", Command::Quit),
];

/// Reads a line that begins with a colon.
pub(crate) fn parse(line: &str) -> Result<(Command, &str), String> {
    let (word, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
    let rest = rest.trim();
    // A beginning that only one command has will do.
    let hits: Vec<&Row> = match ROWS.iter().find(|r| r.name == word) {
        Some(r) => vec![r],
        None => ROWS.iter().filter(|r| r.name.starts_with(word)).collect(),
    };
    let [row] = hits.as_slice() else {
        let near: Vec<String> = match hits.as_slice() {
            [] => nearest(word, ROWS.iter().map(|r| r.name)),
            several => several.iter().map(|r| r.name.to_string()).collect(),
        };
        let hint = if near.is_empty() { "`:help` lists all".into() } else { format!("did you mean {}?", near.join(" or ")) };
        return Err(format!("there is no command `{word}`: {hint}\n"));
    };
    if rest.is_empty() && !row.takes.is_empty() && !row.takes.starts_with('[') || row.takes == "[PROBE] EXPR" && rest.is_empty() {
        return Err(format!("`{}` needs {}\n", row.name, row.takes));
    }
    if row.takes.is_empty() && !rest.is_empty() {
        return Err(format!("`{}` takes nothing\n", row.name));
    }
    Ok((row.command, rest))
}

/// What `:help` says.
pub(crate) fn help() -> String {
    let mut out = String::from(
        "Probes attach when they are typed and stay until they are dropped: interval:s:1 { @n++; }\n\
         Statements run once, and values print: clear(@n)    @n + 1\n\
         Tab completes. Ctrl-C stops what prints; the next entry, or Ctrl-C again, lets it go on.\n\n",
    );
    ROWS.iter().for_each(|r| out.push_str(&format!("  {:<20} {}\n", format!("{} {}", r.name, r.takes), r.doc)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_mistakes() {
        assert_eq!(parse(":drop 3"), Ok((Command::Drop, "3")));
        assert_eq!(parse(":q"), Ok((Command::Quit, "")));
        assert_eq!(parse(":doc"), Ok((Command::Doc, "")));
        assert!(parse(":l x").unwrap_err().contains(":list or :load"));
        assert!(parse(":drop").unwrap_err().contains("needs N"));
        assert!(parse(":type").unwrap_err().contains("needs"));
        assert!(parse(":maps x").unwrap_err().contains("takes nothing"));
        assert!(parse(":nope").unwrap_err().contains("no command"));
        ROWS.iter().for_each(|r| assert!(help().contains(r.doc)));
    }
}
