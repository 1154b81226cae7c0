//! What may stand where the cursor is: probes, fields of `args`, builtins, macros, maps, commands. All of it comes from the rows and
//! from the machine.

use super::commands::ROWS;
use super::entry::Place;
use crate::list;
use lang::builtins;
use lang::kernel::Kernel;
use lang::probes::PROVIDERS;

/// Suggestions that are made at the most.
const MOST: usize = 500;

/// A suggestion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// What is written.
    pub value: String,
    /// What it is, in a line.
    pub doc: String,
}

fn candidate(value: impl Into<String>, doc: impl Into<String>) -> Candidate {
    Candidate { value: value.into(), doc: doc.into() }
}

/// A map of the session and what it holds, as text.
pub(crate) type MapDoc = (String, String);

/// Where the word begins that ends at the end of `text`, and what it may become.
pub(crate) fn complete(text: &str, kernel: &dyn Kernel, maps: &[MapDoc]) -> (usize, Vec<Candidate>) {
    let (start, mut found) = if text.trim_start().starts_with(':') { command(text, kernel) } else { script(text, kernel, maps) };
    let word = &text[start..];
    found.retain(|c| c.value.starts_with(word));
    found.truncate(MOST);
    (start, found)
}

fn command(text: &str, kernel: &dyn Kernel) -> (usize, Vec<Candidate>) {
    let lead = text.len() - text.trim_start().len();
    let Some(space) = text.rfind(char::is_whitespace).filter(|s| *s >= lead) else {
        return (lead, ROWS.iter().map(|r| candidate(r.name, r.doc)).collect());
    };
    let start = space + 1;
    let word = &text[start..];
    let found = match text[lead..].split_whitespace().next() {
        Some(":list") => probes(word, kernel),
        Some(":doc") => [names(), providers()].concat(),
        Some(":type") if !text[lead..start].trim_end().contains(' ') => [probes(word, kernel), names()].concat(),
        Some(":type") => names(),
        _ => Vec::new(),
    };
    (start, found)
}

fn script(text: &str, kernel: &dyn Kernel, maps: &[MapDoc]) -> (usize, Vec<Candidate>) {
    let place = Place::at(text);
    if place.in_text {
        return (text.len(), Vec::new());
    }
    let part_of_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '@' | '$' | '.');
    let start = text.rfind(|c| !part_of_word(c)).map_or(0, |at| at + 1);
    let word = &text[start..];
    if place.braces == 0 {
        let from = text[place.brace..].rfind([',', ' ', '\n', '\t', ';']).map_or(place.brace, |at| place.brace + at + 1);
        let attach = &text[from..];
        let first = text[place.brace..from].trim().is_empty();
        if attach.contains(':') {
            return (from, probes(attach, kernel));
        }
        // A statement may stand here too.
        let all = if first { [providers(), names(), map_names(maps)].concat() } else { providers() };
        return (start, all);
    }
    if word.starts_with('@') {
        return (start, map_names(maps));
    }
    if word.starts_with("args.") {
        let begin = text[..place.brace].rfind(['}', ';']).map_or(0, |at| at + 1);
        return (start, fields(text[begin..place.brace].trim(), kernel));
    }
    let mut all = names();
    all.push(candidate("args", "the arguments of the probe: `args.` lists them"));
    (start, all)
}

fn providers() -> Vec<Candidate> {
    let first_line = |t: &str| t.lines().next().unwrap_or_default().to_string();
    PROVIDERS
        .iter()
        .map(|p| candidate(if p.syntax.contains(':') { format!("{}:", p.name) } else { p.name.into() }, first_line(p.doc)))
        .collect()
}

fn names() -> Vec<Candidate> {
    let rows = builtins::rows().map(|r| candidate(r.name, r.signature.lines().next().unwrap_or_default()));
    let macros = stdlib::prelude::FILES.iter().flat_map(|(_, text)| stdlib::prelude::names(text)).map(|n| candidate(n, "macro"));
    let mut all: Vec<Candidate> = rows.chain(macros).collect();
    all.sort_by(|a, b| a.value.cmp(&b.value));
    all.dedup_by(|a, b| a.value == b.value);
    all
}

fn map_names(maps: &[MapDoc]) -> Vec<Candidate> {
    maps.iter().map(|(name, doc)| candidate(name, doc)).collect()
}

/// Probes whose names begin with `word`, up to their next colon: `tracepoint:sys` may become `tracepoint:syscalls:`.
fn probes(word: &str, kernel: &dyn Kernel) -> Vec<Candidate> {
    let Some((provider, rest)) = word.split_once(':') else { return providers() };
    // A path of a binary is not listed.
    if rest.starts_with('/') && !rest.contains(':') {
        return Vec::new();
    }
    let pattern = match provider {
        "tracepoint" | "t" if !rest.contains(':') => format!("{provider}:{rest}*:*"),
        _ => format!("{provider}:{rest}*"),
    };
    let all = list::lines(kernel, &pattern, false).unwrap_or_default();
    let mut out: Vec<Candidate> = Vec::new();
    for name in all {
        // The listing has names for aliases.
        let name = name.split_once(':').map_or(name.clone(), |(_, r)| format!("{provider}:{r}"));
        let Some(tail) = name.get(word.len()..).filter(|_| name.starts_with(word)) else { continue };
        let end = tail.find(':').map_or(name.len(), |at| word.len() + at + 1);
        if out.last().is_none_or(|c| c.value != name[..end]) {
            out.push(candidate(&name[..end], ""));
        }
        if out.len() >= MOST {
            break;
        }
    }
    out
}

/// The fields of `args` in the first of these attach points.
fn fields(attach: &str, kernel: &dyn Kernel) -> Vec<Candidate> {
    let point = attach.split([',', ' ', '\n']).next().unwrap_or_default();
    if point.contains('*') {
        return Vec::new();
    }
    let lines = list::lines(kernel, point, true).unwrap_or_default();
    let declarations = lines.iter().filter_map(|l| l.strip_prefix("    "));
    let name = |d: &str| -> String {
        let plain = d.split('[').next().unwrap_or(d).trim_end();
        plain.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default().to_string()
    };
    declarations.map(|d| candidate(format!("args.{}", name(d)), d)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lang::fixture::Fixture;

    fn values(text: &str) -> Vec<String> {
        let maps = [("@reads".to_string(), "[string[16]] count_t".to_string())];
        complete(text, &Fixture::small(), &maps).1.into_iter().map(|c| c.value).collect()
    }

    #[test]
    fn attach_points_by_parts() {
        assert_eq!(values("inte"), ["interval:"]);
        assert_eq!(values("tracepoint:sysc"), ["tracepoint:syscalls:"]);
        assert!(values("BEGIN { } t:syscalls:sys_enter_o").contains(&"t:syscalls:sys_enter_openat".to_string()));
        assert!(values("begin, tracepoint:syscalls:sys_enter_op").contains(&"tracepoint:syscalls:sys_enter_openat".to_string()));
        assert_eq!(values("interval:m"), ["interval:ms:"]);
    }

    #[test]
    fn fields_builtins_and_maps() {
        let (start, fields) = complete("tracepoint:syscalls:sys_enter_openat { print(args.fi", &Fixture::small(), &[]);
        assert_eq!((start, fields.len(), fields[0].value.as_str()), (45, 1, "args.filename"));
        assert!(fields[0].doc.ends_with(" filename"), "{fields:?}");
        assert_eq!(values("begin { print(@r"), ["@reads"]);
        assert_eq!(values("@r"), ["@reads"]);
        assert!(values("begin { prin").contains(&"printf".to_string()));
        assert!(values("prin").contains(&"print".to_string()));
        assert!(values("begin { print(\"pri").is_empty());
    }

    #[test]
    fn commands_and_what_they_take() {
        assert_eq!(values(":dr"), [":drop"]);
        assert!(values(":doc his").contains(&"hist".to_string()));
        assert_eq!(values(":list tracepoint:sysc"), ["tracepoint:syscalls:"]);
    }
}
