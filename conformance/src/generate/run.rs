//! Runs what was generated, many programs a script, and compares what the kernel says with what was worked out.

use super::tree::Program;
use super::{eval, grammar, render, rng::Rng, shrink};
use crate::case::{Case, Output};
use crate::runner;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// Where scripts are run.
pub enum Machine {
    /// This kernel.
    Host {
        /// The command.
        beetrace: PathBuf,
        /// Where scripts are written.
        dir: PathBuf,
    },
    /// A virtual machine with the kernel of a series.
    Vm {
        /// `6.1`
        series: String,
        /// The command.
        beetrace: PathBuf,
        /// The test program, which the image holds.
        testprog: PathBuf,
    },
}

/// What is to be made.
#[derive(Clone, Debug)]
pub struct Options {
    /// Number of programs.
    pub count: usize,
    /// The first program's seed; each further one has the next.
    pub seed: u64,
    /// Programs in one script.
    pub batch: usize,
    /// Failures that are made smaller.
    pub shrink: usize,
}

/// A program with what it must print.
#[derive(Clone)]
struct Test {
    seed: u64,
    program: Program,
    expected: String,
}

/// How a program fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The checker or the code generator refuses it.
    Refused,
    /// The kernel refuses it.
    Verifier,
    /// It prints something else.
    Wrong,
    /// It panics, hangs or is killed.
    Broken,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Summary {
    /// Programs that were run.
    pub programs: usize,
    /// A text for each failure.
    pub failures: Vec<(Failure, String)>,
}

impl Summary {
    /// Failures of a kind.
    pub fn count(&self, kind: Failure) -> usize {
        self.failures.iter().filter(|f| f.0 == kind).count()
    }
}

impl Machine {
    /// The outputs of scripts; one that was not reached is `None`.
    fn run(&self, scripts: &[String]) -> Result<Vec<Option<Output>>> {
        let case = |s: &String| Case { name: "generated".into(), script: s.clone(), options: "--no-warnings".into(), ..Case::default() };
        match self {
            Machine::Host { beetrace, dir } => {
                let one = |s| runner::on_host(&case(s), beetrace, Path::new("testprog"), dir).map(Some);
                scripts.iter().map(one).collect()
            }
            Machine::Vm { series, beetrace, testprog } => {
                let cases: Vec<Case> = scripts.iter().map(case).collect();
                crate::vm::run(series, &cases, beetrace, testprog)
            }
        }
    }
}

/// The program of a seed; one that would run too long or print too much gives way to the next of its line.
fn test(seed: u64) -> Option<Test> {
    let mut line = Rng::new(seed);
    for _ in 0..50 {
        let program = grammar::program(line.word());
        if let Ok(expected) = eval::output(&program) {
            return Some(Test { seed, program, expected });
        }
    }
    None
}

/// One script of several programs, each a `begin` probe that says its number first.
fn script(tests: &[Test]) -> String {
    let mut items = String::from("config = { max_map_keys = 256; print_maps_on_exit = 0; }\n");
    let mut probes = String::new();
    for (i, t) in tests.iter().enumerate() {
        let (own, body) = render::script(&t.program, &format!("p{i}_"));
        items.push_str(&own);
        probes.push_str(&format!("begin {{\n  printf(\"#{i}\\n\");\n{body}}}\n"));
    }
    format!("{items}{probes}begin {{ exit(); }}\n")
}

/// Scripts of one program each.
pub fn scripts(seed: u64, count: u64) -> Vec<String> {
    (0..count).filter_map(|i| test(seed.wrapping_add(i))).map(|t| script(&[t])).collect()
}

/// What a script of these programs must print.
fn expected(tests: &[Test]) -> String {
    tests.iter().enumerate().map(|(i, t)| format!("#{i}\n{}", t.expected)).collect()
}

/// How an output fails, if it does.
fn judge(tests: &[Test], out: Option<&Output>) -> Option<Failure> {
    let Some(out) = out else { return Some(Failure::Broken) };
    if out.exit == 0 && out.stdout.trim_end() == expected(tests).trim_end() {
        return None;
    }
    let says = |what: &str| out.stderr.contains(what);
    Some(match out.exit {
        0 => Failure::Wrong,
        1 if says("panicked") => Failure::Broken,
        1 if says("the kernel") || says("verifier") => Failure::Verifier,
        1 if says("Error") || says("ERROR") => Failure::Refused,
        _ => Failure::Broken,
    })
}

/// Makes programs, runs them, and tells of those that fail.
pub fn run(machine: &Machine, options: &Options, progress: &mut dyn FnMut(&str)) -> Result<Summary> {
    let tests: Vec<Test> = (0..options.count as u64).filter_map(|i| test(options.seed.wrapping_add(i))).collect();
    if tests.len() < options.count {
        bail!("{} seeds give no program", options.count - tests.len());
    }
    let batches: Vec<&[Test]> = tests.chunks(options.batch.max(1)).collect();
    let mut bad: Vec<Test> = Vec::new();
    let mut summary = Summary { programs: tests.len(), ..Summary::default() };
    let together = if matches!(machine, Machine::Vm { .. }) { usize::MAX } else { 1 };
    for group in batches.chunks(together.min(batches.len()).max(1)) {
        let scripts: Vec<String> = group.iter().map(|b| script(b)).collect();
        let outputs = machine.run(&scripts)?;
        for (batch, out) in group.iter().zip(&outputs) {
            if judge(batch, out.as_ref()).is_some() {
                progress(&format!("a script fails: seeds {} to {}", batch[0].seed, batch[batch.len() - 1].seed));
                bad.extend(batch.iter().cloned());
            }
        }
    }
    single(machine, options, &bad, &mut summary, progress)?;
    Ok(summary)
}

/// Runs the programs of scripts that failed each by itself.
fn single(machine: &Machine, options: &Options, bad: &[Test], summary: &mut Summary, progress: &mut dyn FnMut(&str)) -> Result<()> {
    if bad.is_empty() {
        return Ok(());
    }
    let scripts: Vec<String> = bad.iter().map(|t| script(std::slice::from_ref(t))).collect();
    let outputs = machine.run(&scripts)?;
    let mut found = false;
    for (t, out) in bad.iter().zip(outputs) {
        let Some(kind) = judge(std::slice::from_ref(t), out.as_ref()) else { continue };
        found = true;
        let small = if summary.failures.len() < options.shrink { smaller(machine, t, kind) } else { t.clone() };
        let again = machine.run(&[script(std::slice::from_ref(&small))])?;
        let out = again.into_iter().next().flatten().unwrap_or_default();
        let text = format!(
            "seed {}: {kind:?}\n{}--- expected\n{}--- got (exit {})\n{}{}",
            t.seed,
            script(std::slice::from_ref(&small)),
            expected(std::slice::from_ref(&small)),
            out.exit,
            out.stdout,
            out.stderr
        );
        progress(&text);
        summary.failures.push((kind, text));
    }
    if !found {
        let text = format!("programs fail together and not alone: seeds {} to {}", bad[0].seed, bad[bad.len() - 1].seed);
        summary.failures.push((Failure::Wrong, text));
    }
    Ok(())
}

/// The words of the first error, without names and numbers.
fn complaint(stderr: &str) -> String {
    let Some((_, rest)) = stderr.split_once("ERROR: ") else { return String::new() };
    rest.lines().next().unwrap_or("").split('`').step_by(2).collect()
}

/// A smaller program that fails in the same way; only this kernel is fast enough to look for one.
fn smaller(machine: &Machine, t: &Test, kind: Failure) -> Test {
    if matches!(machine, Machine::Vm { .. }) {
        return t.clone();
    }
    let run = |p: &Program| -> Option<(Failure, String)> {
        let expected = eval::output(p).ok()?;
        let t = Test { seed: t.seed, program: p.clone(), expected };
        let out = machine.run(&[script(std::slice::from_ref(&t))]).ok().and_then(|o| o.into_iter().next().flatten());
        Some((judge(std::slice::from_ref(&t), out.as_ref())?, out.map_or(String::new(), |o| complaint(&o.stderr))))
    };
    let said = run(&t.program).map(|f| f.1).unwrap_or_default();
    let mut fails = |p: &Program| run(p).is_some_and(|f| f.0 == kind && (kind == Failure::Wrong || f.1 == said));
    // What is taken out must not make another variable of the same name be meant.
    let mut start = t.program.clone();
    for (i, v) in start.vars.iter_mut().enumerate() {
        v.name = format!("v{i}");
    }
    let start = if fails(&start) { start } else { t.program.clone() };
    let program = shrink::shrink(&start, 3000, &mut fails);
    let expected = eval::output(&program).unwrap_or_default();
    Test { seed: t.seed, program, expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_program_each_time() {
        let (a, b) = (test(7).unwrap(), test(7).unwrap());
        assert_eq!(script(std::slice::from_ref(&a)), script(&[b]));
        assert!(!a.expected.is_empty());
    }

    #[test]
    fn nearly_every_seed_is_of_use() {
        assert!((0..300).all(|s| test(s).is_some()));
    }
}
