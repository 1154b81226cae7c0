//! The reference is whole, its examples hold, and the file in the repository is what the rows say.

use lang::cdef::{Files, WithDefs};
use lang::config::Config;
use lang::diag::{has_errors, render};
use lang::fixture::Fixture;
use lang::program::assemble;
use lang::reference::{self, Topic};
use lang::source::SourceMap;
use std::path::Path;

/// The file beside an example's script.
struct Beside(Option<(&'static str, &'static str)>);

impl Files for Beside {
    fn read(&self, _: &str, _: bool, _: &str) -> Option<(String, String)> {
        None
    }

    fn import(&self, path: &str, _: &str) -> Result<Vec<(String, String)>, String> {
        let found = self.0.filter(|f| f.0 == path).ok_or_else(|| format!("there is no {path}"))?;
        Ok(vec![(found.0.into(), found.1.into())])
    }
}

/// What is said of a topic's example on the machine of the fixture, if it is refused there.
fn refusal(topic: &Topic) -> Option<String> {
    let mut map = SourceMap::default();
    let file = map.add(topic.name.to_string(), topic.example.script.to_string());
    let (tree, mut diags) = lang::parse(&map, file);
    let kernel = Fixture::small();
    let (script, found) = assemble(tree, file, &mut map, &kernel, &Beside(topic.example.file));
    diags.extend(found);
    if !has_errors(&diags) {
        let params = topic.example.params.split_whitespace().map(str::to_string).collect();
        let options: Vec<&str> = topic.example.options.split(' ').collect();
        let (test_mode, bench_mode) = (options.contains(&"--test"), options.contains(&"--bench"));
        let config = Config { params, allow_unsafe: options.contains(&"--unsafe"), test_mode, bench_mode, ..Config::default() };
        diags.extend(lang::check(&script.program, &WithDefs { defs: &script.defs, kernel: &kernel }, &config).1);
    }
    has_errors(&diags).then(|| render(&diags, &map, false))
}

#[test]
fn every_example_checks() {
    let all = reference::topics();
    let wrong: Vec<String> = all.iter().filter_map(refusal).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_topic_is_whole() {
    let all = reference::topics();
    assert!(all.len() > 150, "{}", all.len());
    for t in &all {
        assert!(!t.doc.is_empty() && !t.forms.is_empty() && !t.example.script.is_empty(), "{}", t.name);
        assert!(t.doc.ends_with(['.', ')', '`']), "{}: {}", t.name, t.doc);
        let page = reference::page(t);
        assert!(page.contains("beetrace ") && page.lines().all(|l| l.len() < 400), "{page}");
        assert_eq!(reference::find(&t.name).unwrap()[0].name, t.name);
    }
    let index = reference::index();
    for t in &all {
        assert!(index.contains(t.name.as_ref()), "{}", t.name);
    }
}

#[test]
fn every_keyword_is_a_topic() {
    let words = "let if else while unroll for return break continue sizeof offsetof typeof typeinfo comptime struct union enum true \
                 false config import macro fn";
    for word in words.split_whitespace().chain(["$1", "$#", "@", "+=", "BEGIN", "k", "arg3", "uint16", "ppid", "max_strlen"]) {
        assert!(reference::find(word).is_ok(), "{word}");
    }
    assert_eq!(reference::find("BPFTRACE_MAX_STRLEN").unwrap()[0].name, "max_strlen");
    assert_eq!(reference::find("cuont").unwrap_err()[0], "count");
}

#[test]
fn the_file_is_what_the_rows_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("REFERENCE.md");
    let text = reference::markdown();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let file = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(file == text, "lang/REFERENCE.md is old: BLESS=1 cargo test --release -p lang --test reference");
}
