//! What fuzzing starts from: every script that we have, and the language's words.

use crate::collect::{self, crate_dir};
use crate::generate;
use anyhow::Result;
use std::collections::BTreeSet;
use std::path::Path;

/// Generated programs among the seeds.
const GENERATED: u64 = 150;

/// Writes the seeds as files of a directory, and the words as a dictionary of libFuzzer.
pub fn write(dir: &Path, dictionary: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    let mut scripts: Vec<String> = collect::all()?.into_iter().map(|c| c.script).collect();
    for entry in std::fs::read_dir(crate_dir().join("../stdlib/prelude"))? {
        scripts.push(std::fs::read_to_string(entry?.path())?);
    }
    scripts.extend(generate::scripts(1, GENERATED));
    for (i, script) in scripts.iter().enumerate() {
        std::fs::write(dir.join(format!("seed-{i:04}")), script)?;
    }
    std::fs::write(dictionary, words(&scripts))?;
    Ok(())
}

/// Names, numbers and signs of the scripts and of the reference, one a line.
fn words(scripts: &[String]) -> String {
    let mut all: BTreeSet<String> = lang::reference::topics().iter().map(|t| t.name.to_string()).collect();
    for script in scripts {
        let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '@' | '$' | '#');
        let space = |c: char| c.is_whitespace() || !c.is_ascii_graphic();
        all.extend(script.split(|c| !word(c)).map(str::to_string));
        all.extend(script.split(|c| word(c) || space(c)).map(str::to_string));
    }
    all.retain(|w| !w.is_empty() && w.len() <= 16 && w.is_ascii());
    let line = |w: &String| format!("\"{}\"\n", w.replace('\\', "\\\\").replace('"', "\\\""));
    all.iter().map(line).collect()
}
