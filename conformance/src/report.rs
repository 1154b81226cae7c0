//! Counts results and says them in the end.

use crate::case::{Case, Output};

/// Results of a suite.
#[derive(Debug, Default)]
pub struct Report {
    passed: usize,
    failed: Vec<String>,
    skipped: Vec<(String, String)>,
}

impl Report {
    /// A case that ran.
    pub fn ran(&mut self, place: &str, case: &Case, out: &Output) {
        if let Some(lack) = case.expect.lacks(out) {
            return self.skip(&format!("{place}: {}", case.name), &lack);
        }
        let wrong = case.expect.check(out);
        self.outcome(place, &case.name, wrong, &format!("{}\n--- stdout\n{}\n--- stderr\n{}", case.script, out.stdout, out.stderr));
    }

    /// A check with what is wrong about it.
    pub fn outcome(&mut self, place: &str, name: &str, wrong: Vec<String>, detail: &str) {
        if wrong.is_empty() {
            self.passed += 1;
            println!("ok      {place}: {name}");
            return;
        }
        println!("FAILED  {place}: {name}\n  {}\n{}", wrong.join("\n  "), indent(detail));
        self.failed.push(format!("{place}: {name}"));
    }

    /// Something that could not be run.
    pub fn skip(&mut self, what: &str, why: &str) {
        self.skipped.push((what.into(), why.into()));
    }

    /// Prints the summary; true if nothing failed.
    pub fn finish(self) -> bool {
        println!();
        for (what, why) in &self.skipped {
            println!("skipped {what}: {why}");
        }
        for name in &self.failed {
            println!("failed  {name}");
        }
        println!("{} passed, {} failed, {} skipped", self.passed, self.failed.len(), self.skipped.len());
        self.failed.is_empty()
    }
}

fn indent(text: &str) -> String {
    text.lines().map(|l| format!("    {l}\n")).collect()
}
