//! What is said of each kind of mistake, as it is rendered: `errors/mistakes.txt` holds a script behind each `===`, and below it the
//! messages. `BLESS=1 cargo test --release -p lang --test errors` writes them anew; read what changed.

use lang::cdef::{NoFiles, WithDefs};
use lang::config::Config;
use lang::diag;
use lang::fixture::Fixture;
use lang::source::SourceMap;
use std::path::PathBuf;

/// All that is said of a script.
fn messages(script: &str) -> String {
    let kernel = Fixture::small();
    let mut map = SourceMap::default();
    let file = map.add("t.bt", script);
    let (tree, mut diags) = lang::parse(&map, file);
    let (assembled, found) = lang::program::assemble(tree, file, &mut map, &kernel, &NoFiles);
    let broken = diag::has_errors(&found);
    diags.extend(found);
    if !broken {
        let mut config = Config { params: vec!["5".into()], ..Config::default() };
        config.named = if script.contains("getopt") { vec![("nmae".into(), Some("x".into()))] } else { Vec::new() };
        let machine = WithDefs { defs: &assembled.defs, kernel: &kernel };
        diags.extend(lang::check(&assembled.program, &machine, &config).1);
    }
    let text = diag::render(&diags, &map, false);
    text.lines().map(|l| format!("{}\n", l.trim_end())).collect()
}

#[test]
fn every_kind_of_mistake_has_its_message() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/errors/mistakes.txt");
    let old = std::fs::read_to_string(&path).unwrap();
    let (mut new, mut accepted) = (String::new(), Vec::new());
    for part in old.split("\n=== ").map(|p| p.trim_start_matches("=== ")) {
        let (kind, rest) = part.split_once('\n').unwrap();
        let script = rest.split("\n--- ").next().unwrap().trim_end();
        let said = messages(script);
        if !said.contains("ERROR: ") {
            accepted.push(format!("{kind}: {script}\n{said}"));
        }
        new.push_str(&format!("=== {kind}\n{script}\n--- \n{}\n", said.trim_end()));
    }
    assert!(accepted.is_empty(), "nothing is wrong with\n{}", accepted.join("\n"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &new).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), new, "BLESS=1 cargo test --release -p lang --test errors");
}
