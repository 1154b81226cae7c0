//! The program as a whole, without the kernel: scripts that nobody writes, and readers that have gone.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Runs a script from standard input.
fn run(script: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_beetrace"))
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(script).unwrap();
    child.wait_with_output().unwrap()
}

/// A script that is refused: exit code 1, and a short message that holds `words`.
fn refused(script: impl AsRef<[u8]>, words: &str) {
    let out = run(script.as_ref());
    let text = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{words}: {text:.2000}");
    assert!(text.contains("ERROR: ") && text.contains(words), "{words}: {text:.2000}");
    assert!(text.len() < 4000, "{words}: {} bytes: {text:.2000}", text.len());
}

#[test]
fn monsters_end_in_a_message() {
    let n = 10_000;
    let (open, close) = ("(".repeat(n), ")".repeat(n));
    refused(format!("BEGIN {{ print({open}1{close}); }}"), "nested more than 200 levels deep");
    refused(format!("BEGIN {{ print({open}"), "nested more than 200 levels deep");
    refused(format!("BEGIN {}{}", "{".repeat(n), "}".repeat(n)), "nested more than 200 levels deep");
    refused(format!("BEGIN {{ print({}1); }}", "!".repeat(n)), "nested more than 200 levels deep");
    refused(format!("BEGIN {{ print({}1); }}", "1 + ".repeat(n)), "more than 1000 operators");
    refused(format!("BEGIN {{ print(\"{}\"); }}", "a".repeat(1 << 20)), "this string has 1048576 bytes");
    refused(format!("BEGIN {{ print(\"{}", "a".repeat(1 << 20)), "no closing quote");
    refused(b"BEGIN { print(\"\xff\xfe\"); }", "byte 15 is no UTF-8");
    refused(b"BEGIN { \0 print(1); }", "this character has no meaning here");
    refused("", "");
}

#[test]
fn a_reader_that_has_gone_is_no_failure_of_ours() {
    for (words, code) in [
        (&["--version"][..], 0),
        (&["--help"], 0),
        (&["--info"], 0),
        (&["help"], 0),
        (&["help", "no-such-name"], 1),
        (&["--no-such-option"], 1),
        (&["-e", "BEGIN { nope(); }"], 1),
        (&["/no/such/script.bt"], 1),
        (&["--fmt", "-"], 0),
    ] {
        // Nobody reads from these pipes: their readers are closed before the program starts.
        let (_, out) = std::io::pipe().unwrap();
        let (_, err) = std::io::pipe().unwrap();
        let status =
            Command::new(env!("CARGO_BIN_EXE_beetrace")).args(words).stdin(Stdio::null()).stdout(out).stderr(err).status().unwrap();
        assert_eq!(status.code(), Some(code), "{words:?}");
    }
}
