//! The table of what bpftrace's two reference documents list and the case that proves each entry (`COVERAGE.md`).

use crate::case::Case;
use std::collections::{BTreeMap, BTreeSet};

/// The entries, a line each: `[DOCUMENT]`, `SECTION / ITEM`, or `- SECTION / ITEM: why it is left out`.
const ENTRIES: &str = include_str!("../coverage/entries.txt");

/// One line of the table.
#[derive(Debug)]
struct Entry {
    document: &'static str,
    name: &'static str,
    left_out: Option<&'static str>,
}

fn entries() -> Vec<Entry> {
    let mut document = "";
    let mut out = Vec::new();
    for line in ENTRIES.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            document = name;
        } else if let Some((name, why)) = line.strip_prefix("- ").and_then(|l| l.rsplit_once(": ")) {
            out.push(Entry { document, name, left_out: Some(why) });
        } else {
            out.push(Entry { document, name: line, left_out: None });
        }
    }
    out
}

/// The table as Markdown.
pub fn table(cases: &[Case]) -> String {
    let mut by_entry: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for case in cases {
        for entry in &case.covers {
            by_entry.entry(entry).or_default().push(&case.name);
        }
    }
    let mut out = String::from(
        "# What is proved of bpftrace's reference\n\n\
         Made from `coverage/entries.txt` and the `covers` lines of the cases; `BLESS=1 cargo test --release -p conformance --lib` writes it anew.\n\
         Each case runs on this machine's kernel or, where that lacks something, on those of the virtual machines.\n",
    );
    let mut document = "";
    for e in entries() {
        if e.document != document {
            document = e.document;
            out.push_str(&format!("\n## {document}\n\n| entry | proved by |\n|---|---|\n"));
        }
        let proof = match e.left_out {
            Some(why) => format!("left out: {why}"),
            None => by_entry.get(e.name).map_or(String::new(), |l| l.join("; ")),
        };
        out.push_str(&format!("| {} | {} |\n", escaped(e.name), escaped(&proof)));
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}

/// What is wrong: entries without a case, names of no entry, entries that stand twice.
pub fn gaps(cases: &[Case]) -> Vec<String> {
    let all = entries();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    let covered: BTreeSet<&str> = cases.iter().flat_map(|c| &c.covers).map(String::as_str).collect();
    for e in &all {
        // The same item may stand in both documents, once in each.
        if !seen.insert((e.document, e.name)) {
            wrong.push(format!("`{}` stands twice", e.name));
        }
        if e.left_out.is_none() && !covered.contains(e.name) {
            wrong.push(format!("no case covers `{}`", e.name));
        }
    }
    for case in cases {
        for name in case.covers.iter().filter(|n| !all.iter().any(|e| e.name == n.as_str())) {
            wrong.push(format!("`{}` covers `{name}`, which is no entry", case.name));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_has_a_case_and_the_table_is_current() {
        let cases = crate::collect::all().unwrap();
        let gaps = gaps(&cases);
        assert!(gaps.is_empty(), "{}", gaps.join("\n"));
        let path = crate::collect::crate_dir().join("COVERAGE.md");
        let text = table(&cases);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert!(
            std::fs::read_to_string(&path).is_ok_and(|t| t == text),
            "COVERAGE.md is old: BLESS=1 cargo test --release -p conformance --lib"
        );
    }
}
