//! `conformance bench`: what tracing costs, beside other tracers in the same run.
//!
//! Runs are interleaved (each script under each tracer, then all once more), because the machine may be busier at one time than at
//! another; what is compared are the ratios of runs that stood side by side.

mod figures;
mod kernel;
mod process;
mod rows;

use anyhow::{Context, Result};
use figures::{Series, shown, table};
pub use process::load;
use process::{Cost, Traced, Tracer};
use rows::{EMPTY, ROWS, Row, STARTS};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// What a run takes.
#[derive(Clone, Debug)]
pub struct Options {
    /// Rounds.
    pub rounds: usize,
    /// Turns of the load in each.
    pub turns: u64,
    /// Scripts whose name holds this.
    pub filter: String,
    /// The beetrace that is measured.
    pub beetrace: PathBuf,
    /// The command line of bpftrace, in words.
    pub bpftrace: Vec<String>,
    /// Where the raw figures go.
    pub json: PathBuf,
}

/// Series of one script under one tracer.
#[derive(Clone, Debug, Default)]
struct Measured {
    nanos: Series,
    instructions: Series,
    slowdown: Series,
    user_per_event: Series,
    memory: Series,
}

impl Measured {
    fn add(&mut self, run: &Traced, bare: Cost, turns: u64) {
        self.nanos.0.push(run.stats.nanos as f64 / run.stats.runs.max(1) as f64);
        self.instructions.0.push(run.stats.instructions as f64);
        // What a turn of the load takes longer, in nanoseconds.
        self.slowdown.0.push((run.load.cpu() - bare.cpu()) * 1e9 / turns as f64);
        // Of the events of both runs of the load.
        self.user_per_event.0.push(run.tracer.cpu().max(0.0) * 1e9 / (2 * run.stats.runs.max(1)) as f64);
        self.memory.0.push(run.memory as f64);
    }

    fn json(&self) -> Value {
        json!({
            "ns_per_event": self.nanos.json(),
            "instructions": self.instructions.json(),
            "slowdown_ns_per_turn": self.slowdown.json(),
            "tracer_cpu_ns_per_event": self.user_per_event.json(),
            "peak_bytes": self.memory.json(),
        })
    }
}

/// Measures, prints the tables, writes the file.
pub fn run(options: &Options) -> Result<()> {
    let tracers = tracers(options);
    let mut report = Map::new();
    report.insert("kernel".into(), json!(std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim()));
    report.insert("binary_bytes".into(), json!(std::fs::metadata(&options.beetrace)?.len()));
    println!("{} is {} bytes", options.beetrace.display(), std::fs::metadata(&options.beetrace)?.len());
    report.insert("scripts".into(), scripts(options, &tracers)?);
    report.insert("starts".into(), starts(options, &tracers)?);
    std::fs::write(&options.json, serde_json::to_string_pretty(&Value::Object(report))?)
        .with_context(|| format!("{} can't be written", options.json.display()))?;
    println!("\nraw figures: {}", options.json.display());
    Ok(())
}

fn tracers(options: &Options) -> Vec<Tracer> {
    let words = |command: &[String], flags: &[&str]| command.iter().cloned().chain(flags.iter().map(|f| f.to_string())).collect();
    let ours = vec![options.beetrace.to_string_lossy().into_owned()];
    let mut out = vec![Tracer { name: "beetrace", words: words(&ours, &["-e"]), tells: true }];
    let found = |program: &str| program.contains('/') && Path::new(program).is_file() || crate::tools::has(program);
    match options.bpftrace.first() {
        Some(first) if found(first) => out.push(Tracer { name: "bpftrace", words: words(&options.bpftrace, &["-e"]), tells: true }),
        _ => println!("there is no bpftrace: give its command line by --bpftrace, or install the package bpftrace"),
    }
    if crate::tools::has("ply") {
        out.push(Tracer { name: "ply", words: vec!["ply".into()], tells: false });
    }
    out
}

/// The script in the language of a tracer.
fn text(tracer: &Tracer, script: &'static str, ply: Option<&'static str>) -> Option<&'static str> {
    if tracer.name == "ply" { ply } else { Some(script) }
}

fn scripts(options: &Options, tracers: &[Tracer]) -> Result<Value> {
    let rows: Vec<&Row> = ROWS.iter().filter(|r| r.name.contains(&options.filter)).collect();
    let mut series = vec![vec![Measured::default(); tracers.len()]; rows.len()];
    let mut floor = Series::default();
    for _ in 0..options.rounds {
        let empty = tracers[0].trace(EMPTY.script, EMPTY.load, options.turns)?;
        floor.0.push(empty.stats.nanos as f64 / empty.stats.runs.max(1) as f64);
        for (row, measured) in rows.iter().zip(&mut series) {
            let bare = row.load.run(options.turns)?;
            for (tracer, measured) in tracers.iter().zip(measured) {
                let Some(script) = text(tracer, row.script, row.ply) else { continue };
                match tracer.trace(script, row.load, options.turns) {
                    Ok(run) => measured.add(&run, bare, options.turns),
                    Err(e) => eprintln!("{}: {}: {e}", tracer.name, row.name),
                }
            }
        }
    }
    println!("\nan empty program: {} ns\n", shown(&floor, 1.0, 0));
    let head = ["script", "tracer", "ns an event", "instructions", "slow-down, ns a turn", "tracer's CPU, ns an event", "peak MiB"];
    let mut lines = vec![head.map(String::from).to_vec()];
    let mut ratios = vec![["script", "above the floor", "goal", "slow-down"].map(String::from).to_vec()];
    let mut json = Map::new();
    json.insert("floor_ns".into(), floor.json());
    for (row, measured) in rows.iter().zip(&series) {
        for (tracer, m) in tracers.iter().zip(measured).filter(|(_, m)| !m.nanos.0.is_empty()) {
            lines.push(vec![
                row.name.into(),
                tracer.name.into(),
                shown(&m.nanos, 1.0, 0),
                format!("{:.0}", m.instructions.median()),
                shown(&m.slowdown, 1.0, 0),
                shown(&m.user_per_event, 1.0, 0),
                format!("{:.1}", m.memory.median() / f64::from(1 << 20)),
            ]);
            json.insert(format!("{}: {}", row.name, tracer.name), m.json());
        }
        if let Some(theirs) = measured.get(1).filter(|_| tracers[1].name == "bpftrace") {
            let nanos = measured[0].nanos.ratio(&theirs.nanos, floor.median());
            let slowdown = measured[0].slowdown.ratio(&theirs.slowdown, 0.0);
            ratios.push(vec![row.name.into(), shown(&nanos, 1.0, 2), format!("{:.2}", row.goal), shown(&slowdown, 1.0, 2)]);
        }
    }
    print!("{}", table(&lines));
    if ratios.len() > 1 {
        print!("\nbeetrace to bpftrace:\n{}", table(&ratios));
    }
    Ok(Value::Object(json))
}

fn starts(options: &Options, tracers: &[Tracer]) -> Result<Value> {
    let rows: Vec<_> = STARTS.iter().filter(|r| r.name.contains(&options.filter)).collect();
    let mut series = vec![vec![<[Series; 2]>::default(); tracers.len()]; rows.len()];
    for _ in 0..options.rounds {
        for (row, measured) in rows.iter().zip(&mut series) {
            for (tracer, [cpu, wall]) in tracers.iter().zip(measured) {
                let Some(script) = text(tracer, row.script, row.ply) else { continue };
                let cost = tracer.start(script)?;
                cpu.0.push(cost.cpu());
                wall.0.push(cost.wall);
            }
        }
    }
    let mut lines = vec![["from start to end", "tracer", "CPU, ms", "wall, ms"].map(String::from).to_vec()];
    let mut json = Map::new();
    for (row, measured) in rows.iter().zip(&series) {
        for (tracer, [cpu, wall]) in tracers.iter().zip(measured).filter(|(_, m)| !m[0].0.is_empty()) {
            lines.push(vec![row.name.into(), tracer.name.into(), shown(cpu, 1e3, 1), shown(wall, 1e3, 1)]);
            json.insert(format!("{}: {}", row.name, tracer.name), json!({ "cpu_s": cpu.json(), "wall_s": wall.json() }));
        }
    }
    if lines.len() > 1 {
        print!("\n{}", table(&lines));
    }
    Ok(Value::Object(json))
}
