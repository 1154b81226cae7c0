//! Golden tests in `filetests/*.ir`: text IR in, what a stage makes of it out.
//!
//! A file holds cases. A case is a line `## STAGE: what it shows`, a module in text form, a line `#=`, and what is
//! expected. Stages: the name of a pass, `opt` (all passes), `isel`, `regalloc`, `copies`,
//! `asm` (these four without passes),
//! and `compile` (passes, then `asm`). `BLESS=1 cargo test -p codegen --test filetests` writes what came out.

use codegen::disasm::disassemble;
use codegen::ir::text::parse_module;
use codegen::ir::{Function, verify};
use codegen::{copies, emit, isel, opt, regalloc};
use std::fmt::Write;
use std::path::{Path, PathBuf};

struct Case {
    title: String,
    input: String,
    expected: String,
}

fn cases(text: &str) -> Vec<Case> {
    let parts = text.split("\n## ").map(|c| c.strip_prefix("## ").unwrap_or(c));
    parts
        .map(|c| {
            let (title, rest) = c.split_once('\n').unwrap_or((c, ""));
            let (input, expected) = rest.split_once("#=\n").unwrap_or((rest, ""));
            Case { title: title.into(), input: input.into(), expected: expected.trim_end().into() }
        })
        .collect()
}

fn run(stage: &str, input: &str) -> Result<String, String> {
    let mut module = parse_module(input).map_err(|e| e.to_string())?;
    verify::verify_module(&module).map_err(|e| e.to_string())?;
    let mut out = String::new();
    for (_, f) in &mut module.functions {
        match output(stage, f) {
            Ok(text) => out.push_str(&text),
            Err(message) => writeln!(out, "error: {message}").unwrap(),
        }
    }
    Ok(out.trim_end().to_string())
}

fn output(stage: &str, f: &mut Function) -> Result<String, String> {
    let broken = |pass: &str, f: &Function| verify::verify(f).map_err(|e| format!("after {pass}: {e}\n{f}"));
    if stage == "opt" || stage == "compile" {
        let mut result = Ok(());
        opt::optimize_with(f, |pass, f| result = result.clone().and(broken(pass, f)));
        result?;
    }
    let text = |e: codegen::error::Error| e.to_string();
    match stage {
        "opt" => Ok(f.to_string()),
        "isel" => Ok(isel::select(f).map_err(text)?.to_string()),
        "regalloc" => Ok(isel::select(f).and_then(regalloc::allocate).map_err(text)?.to_string()),
        "copies" => {
            let mut code = isel::select(f).and_then(regalloc::allocate).map_err(text)?;
            copies::propagate(&mut code);
            Ok(code.to_string())
        }
        "asm" | "compile" => Ok(disassemble(&emit::assemble(f).map_err(text)?.insns)),
        pass => {
            opt::run_pass(pass, f).ok_or(format!("no stage {pass}"))?;
            broken(pass, f)?;
            Ok(f.to_string())
        }
    }
}

fn check(path: &Path, bless: bool) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut failures = Vec::new();
    let mut blessed = Vec::new();
    for case in cases(&text) {
        let stage = case.title.split(':').next().unwrap_or_default();
        let got = run(stage, &case.input).unwrap_or_else(|e| format!("error: {e}"));
        if got != case.expected {
            failures.push(format!("{}: {}\n--- expected\n{}\n--- got\n{got}\n", path.display(), case.title, case.expected));
        }
        blessed.push(format!("## {}\n{}#=\n{got}\n", case.title, case.input));
    }
    if bless {
        std::fs::write(path, blessed.join("\n")).unwrap();
        return Vec::new();
    }
    failures
}

#[test]
fn filetests() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("filetests");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "ir"));
    paths.sort();
    assert!(!paths.is_empty());
    let bless = std::env::var_os("BLESS").is_some();
    let failures: Vec<String> = paths.iter().flat_map(|p| check(p, bless)).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
