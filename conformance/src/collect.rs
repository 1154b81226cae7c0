//! All cases: the case files, the scripts whose output bpftrace has recorded, and the examples.

use crate::case::{self, Case, Expect};
use crate::tools::files;
use anyhow::{Context, Result};
use lang::probes::Needs;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The folder of this crate.
pub fn crate_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every case, by file and in the order of each file.
pub fn all() -> Result<Vec<Case>> {
    let mut out = Vec::new();
    for path in files(&crate_dir().join("cases"), "case")? {
        let text = std::fs::read_to_string(&path)?;
        let list = case::parse(&text).map_err(anyhow::Error::msg).with_context(|| path.display().to_string())?;
        let stem = stem(&path);
        out.extend(list.into_iter().map(|c| Case { name: format!("{stem}: {}", c.name), ..c }));
    }
    for path in files(&crate_dir().join("oracle"), "bt")? {
        // What is cut in the middle of a character is no UTF-8; what comes out is read the same way.
        let stdout = std::fs::read(path.with_extension("out")).with_context(|| path.display().to_string())?;
        let stdout = String::from_utf8_lossy(&stdout).into_owned();
        let script = std::fs::read_to_string(&path)?;
        let header = |key: &str| header(&script, key);
        out.push(Case {
            name: format!("oracle: {}", stem(&path)),
            params: header("args").join(" "),
            env: header("env").join(" "),
            options: header("flags").join(" "),
            covers: header("covers").iter().flat_map(|l| l.split(';')).map(|e| e.trim().to_string()).collect(),
            expect: Expect { stdout: Some(stdout), exit: header("exit").join("").parse().unwrap_or(0), ..Expect::default() },
            script,
            ..Case::default()
        });
    }
    for path in files(&crate_dir().join("../examples"), "bt")? {
        let script = std::fs::read_to_string(&path)?;
        let params = if script.contains("$1") { "testprog".into() } else { String::new() };
        out.push(Case { name: format!("example: {}", stem(&path)), script, params, options: "--dry-run".into(), ..Case::default() });
    }
    out.extend(reference());
    Ok(out)
}

/// The examples of the reference: each compiles here, and runs where the machine has what it needs.
fn reference() -> Vec<Case> {
    let topics = lang::reference::topics().into_iter();
    let cases = topics.map(|t| {
        let mut needs: BTreeSet<String> = match t.example.needs {
            Needs::Nothing => None,
            Needs::Variables => Some("variables"),
            Needs::Kprobes => Some("kprobe"),
            Needs::Trampolines => Some("fentry"),
            Needs::Counters => Some("hardware"),
        }
        .into_iter()
        .map(str::to_string)
        .collect();
        // Kernels may be built without these.
        if let Some(lack) = Case::NEEDS.iter().find(|n| n.0 == t.name) {
            needs.insert(lack.0.into());
        }
        if t.name == "usdt" {
            needs.insert("host".into());
        }
        Case {
            name: format!("reference: {}", t.name),
            script: t.example.script.to_string(),
            options: t.example.options.to_string(),
            params: t.example.params.to_string(),
            files: t.example.file.map(|(name, text)| (name.to_string(), text.to_string())).into_iter().collect(),
            needs,
            ..Case::default()
        }
    });
    cases.collect()
}

/// What the first lines of an oracle script say of how it is run (see `oracle/cases.sh`).
fn header(script: &str, key: &str) -> Vec<String> {
    let prefix = format!("// {key}: ");
    script.lines().take(8).filter_map(|l| l.strip_prefix(&prefix)).map(str::to_string).collect()
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
