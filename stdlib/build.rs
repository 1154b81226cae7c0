//! Puts every script of `tools/` into the binary, in alphabetical order: a new tool is a new file there and nothing else.

use std::fmt::Write as _;
use std::path::Path;

fn main() {
    let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let dir = Path::new(&root).join("tools");
    println!("cargo:rerun-if-changed={}", dir.display());
    let entries = std::fs::read_dir(&dir).expect("stdlib/tools is there");
    let mut files: Vec<_> = entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "bt")).collect();
    files.sort();
    let mut out = String::from("&[\n");
    for path in files {
        let name = path.file_stem().expect("a file").to_string_lossy().into_owned();
        writeln!(out, "    ({name:?}, include_str!({:?})),", path.display().to_string()).expect("a String takes it");
    }
    out.push_str("]\n");
    let target = Path::new(&std::env::var("OUT_DIR").expect("cargo sets it")).join("tools.rs");
    std::fs::write(target, out).expect("cargo's own folder");
}
