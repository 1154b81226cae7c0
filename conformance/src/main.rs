//! `conformance generate`: many generated programs, each result compared with one that was worked out.
//!
//! `conformance bench`: what tracing costs, beside bpftrace and ply in the same run.
//!
//! `conformance seeds` writes what fuzzing starts from (see `fuzz/README.md`).
//!
//! ```text
//! cargo run --release -p conformance -- generate --count 5000 --seed 1 [--vm 6.1] [--batch 20] [--beetrace PATH]
//! cargo run --release -p conformance -- bench [--bpftrace 'chroot DIR bpftrace'] [--rounds 5] [--json FILE]
//! ```

use anyhow::{Context, Result, bail};
use conformance::generate::{Failure, Machine, Options, run};
use conformance::{bench, seeds, tools};
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> Result<ExitCode> {
    let mut words = std::env::args().skip(1);
    match words.next().as_deref() {
        Some("generate") => generate(words),
        Some("bench") => bench(words),
        // What `bench` traces.
        Some("load") => {
            let (name, turns) = words.next().zip(words.next()).context("usage: conformance load NAME TURNS")?;
            bench::load(&name, turns.parse()?).map(|()| ExitCode::SUCCESS)
        }
        Some("seeds") => {
            let (dir, dictionary) = words.next().zip(words.next()).context("usage: conformance seeds DIRECTORY DICTIONARY")?;
            seeds::write(dir.as_ref(), dictionary.as_ref()).map(|()| ExitCode::SUCCESS)
        }
        _ => bail!(
            "usage: conformance generate [--count N] [--seed N] [--batch N] [--shrink N] [--vm SERIES] [--beetrace PATH]\n       \
             conformance bench [--rounds N] [--turns N] [--filter NAME] [--beetrace PATH] [--bpftrace COMMAND] [--json FILE]"
        ),
    }
}

fn bench(mut words: impl Iterator<Item = String>) -> Result<ExitCode> {
    let mut options = bench::Options {
        rounds: 5,
        turns: 200_000,
        filter: String::new(),
        beetrace: PathBuf::new(),
        bpftrace: vec!["bpftrace".into()],
        json: "bench.json".into(),
    };
    while let Some(word) = words.next() {
        let value = words.next().with_context(|| format!("{word} takes a value"))?;
        let number = || value.parse::<u64>().with_context(|| format!("{word} takes a number"));
        match word.as_str() {
            "--rounds" => options.rounds = number()? as usize,
            "--turns" => options.turns = number()?,
            "--filter" => options.filter = value,
            "--beetrace" => options.beetrace = PathBuf::from(value),
            "--bpftrace" => options.bpftrace = value.split_whitespace().map(str::to_string).collect(),
            "--json" => options.json = PathBuf::from(value),
            _ => bail!("there is no option {word}"),
        }
    }
    if options.beetrace.as_os_str().is_empty() {
        options.beetrace = tools::beetrace()?;
    }
    bench::run(&options).map(|()| ExitCode::SUCCESS)
}

fn generate(mut words: impl Iterator<Item = String>) -> Result<ExitCode> {
    let mut options = Options { count: 5000, seed: 1, batch: 20, shrink: 5 };
    let (mut series, mut beetrace) = (None, None);
    while let Some(word) = words.next() {
        let value = words.next().with_context(|| format!("{word} takes a value"))?;
        let number = || value.parse::<u64>().with_context(|| format!("{word} takes a number"));
        match word.as_str() {
            "--count" => options.count = number()? as usize,
            "--seed" => options.seed = number()?,
            "--batch" => options.batch = number()? as usize,
            "--shrink" => options.shrink = number()? as usize,
            "--vm" => series = Some(value),
            "--beetrace" => beetrace = Some(PathBuf::from(value)),
            _ => bail!("there is no option {word}"),
        }
    }
    let beetrace = match beetrace {
        Some(path) => path,
        None => tools::beetrace()?,
    };
    let dir = std::env::temp_dir().join(format!("beetrace-generate-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let machine = match series {
        None => Machine::Host { beetrace, dir: dir.clone() },
        Some(series) => Machine::Vm { series, testprog: beetrace.clone(), beetrace },
    };
    let summary = run(&machine, &options, &mut |text| println!("{text}\n"))?;
    std::fs::remove_dir_all(&dir)?;
    let of = |kind| summary.count(kind);
    println!(
        "{} programs, {} failures: {} refused by beetrace, {} refused by the verifier, {} wrong, {} broken",
        summary.programs,
        summary.failures.len(),
        of(Failure::Refused),
        of(Failure::Verifier),
        of(Failure::Wrong),
        of(Failure::Broken)
    );
    Ok(if summary.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
