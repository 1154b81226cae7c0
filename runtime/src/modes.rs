//! `--test` and `--bench`: the script's own tests and benchmarks are run instead of its probes.

use crate::load::Loaded;
use crate::sys::bpf;
use codegen::manifest::Target;
use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

/// A benchmark's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bench {
    /// Its name.
    pub name: String,
    /// Nanoseconds of a run, on average.
    pub average: u64,
    /// Runs that were measured.
    pub runs: u64,
}

/// Least time that a measurement takes, ns.
const MEASURED: u64 = 20_000_000;
/// Most runs of a benchmark.
const MOST_RUNS: u64 = 1 << 22;

/// The programs of one kind of probe with their names, in the script's order.
pub fn named<'a>(loaded: &'a Loaded, name: impl Fn(&Target) -> Option<&String> + 'a) -> impl Iterator<Item = (usize, String)> + 'a {
    loaded.manifest.programs.iter().enumerate().flat_map(move |(i, p)| {
        let names: Vec<(usize, String)> = p.attach.iter().filter_map(|a| name(&a.target).map(|n| (i, n.clone()))).collect();
        names
    })
}

/// Runs a benchmark more and more often, until it has taken long enough.
pub fn bench(loaded: &Loaded, program: usize, name: String) -> io::Result<Bench> {
    let program = loaded.programs[program].as_fd();
    let mut runs = 1000;
    loop {
        let start = Instant::now();
        for _ in 0..runs {
            bpf::test_run(program)?;
        }
        let nanos = start.elapsed().as_nanos() as u64;
        if nanos >= MEASURED || runs >= MOST_RUNS {
            // The kernel's own measure leaves out the system calls.
            let average = bpf::test_run_time(program, (runs as u32).min(100_000)).unwrap_or(nanos / runs);
            return Ok(Bench { name, average, runs });
        }
        runs *= 4;
    }
}

/// The table of results as bpftrace prints it.
pub fn table(results: &[Bench]) -> String {
    let mut out = format!("{:<40} {:<14} {}\n{}\n", "Benchmark", "Time(ns)", "Iterations", "-".repeat(66));
    for b in results {
        out.push_str(&format!("{:<40} {:<14} {}\n", b.name, b.average, b.runs));
    }
    out
}

/// One result as JSON.
pub fn json(b: &Bench) -> String {
    let name = serde_json::to_string(&b.name).unwrap_or_default();
    format!("{{\"type\": \"benchmark_result\", \"data\": {{{name}: {{\"average\": {}, \"iters\": {}}}}}}}\n", b.average, b.runs)
}

/// A test's line.
pub fn verdict(name: &str, passed: bool, micros: u128) -> String {
    format!("[{}] {name} ({micros} us)\n", if passed { "  PASSED  " } else { "  FAILED  " })
}

/// The same as JSON. What the test printed stands in lines of its own before it.
pub fn json_verdict(name: &str, passed: bool, nanos: u64) -> String {
    let name = serde_json::to_string(name).unwrap_or_default();
    format!("{{\"type\": \"test_result\", \"data\": {{{name}: {{\"duration\": {nanos}, \"passed\": {passed}, \"output\": \"\"}}}}}}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_as_text_and_json() {
        let b = Bench { name: "a".into(), average: 41, runs: 4000 };
        assert!(table(std::slice::from_ref(&b)).ends_with("a                                        41             4000\n"));
        assert_eq!(json(&b), "{\"type\": \"benchmark_result\", \"data\": {\"a\": {\"average\": 41, \"iters\": 4000}}}\n");
    }

    #[test]
    fn a_test_as_json() {
        let want = "{\"type\": \"test_result\", \"data\": {\"a\": {\"duration\": 7, \"passed\": true, \"output\": \"\"}}}\n";
        assert_eq!(json_verdict("a", true, 7), want);
    }
}
