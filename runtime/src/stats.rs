//! `--stats`: what the run of a script's programs cost, by the kernel's own statistics.

use crate::load::Loaded;
use crate::sys::bpf::{self, Runs};
use codegen::manifest::ProgramInfo;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

/// What a probe has cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// Its attach points.
    pub probe: String,
    /// What the kernel counted.
    pub runs: Runs,
    /// Part of one CPU's time since the programs were loaded, 1 being all of it.
    pub share: f64,
}

/// Counting; dropping it ends that.
#[derive(Debug)]
pub struct Counting {
    _on: OwnedFd,
    since: Instant,
}

impl Counting {
    /// Has the kernel count from now on.
    pub fn start() -> std::io::Result<Counting> {
        Ok(Counting { _on: bpf::enable_stats()?, since: Instant::now() })
    }

    /// The costs of all probes, the dearest first. `alone` are programs that were loaded once more, by the number of the first.
    pub fn costs(&self, loaded: &Loaded, alone: &[(usize, OwnedFd)]) -> Vec<Cost> {
        let elapsed = self.since.elapsed().as_nanos().max(1) as f64;
        let mut out = Vec::new();
        for (index, (info, program)) in loaded.manifest.programs.iter().zip(&loaded.programs).enumerate() {
            let others = alone.iter().filter(|a| a.0 == index).map(|a| a.1.as_fd());
            let mut runs = Runs::default();
            for r in others.chain([program.as_fd()]).filter_map(bpf::runs) {
                runs = Runs { nanos: runs.nanos + r.nanos, count: runs.count + r.count, missed: runs.missed + r.missed };
            }
            out.push(Cost { probe: name(info), runs, share: runs.nanos as f64 / elapsed });
        }
        out.sort_by_key(|c| std::cmp::Reverse(c.runs.nanos));
        out
    }
}

/// The attach point, and how many more there are.
fn name(info: &ProgramInfo) -> String {
    let first = info.attach.first().map_or(info.symbol.as_str(), |a| a.name.as_str());
    match info.attach.len() {
        0 | 1 => first.to_string(),
        n => format!("{first} and {} more", n - 1),
    }
}

/// For people.
pub fn table(costs: &[Cost]) -> String {
    let width = costs.iter().map(|c| c.probe.chars().count()).max().unwrap_or(0).max("Probe".len());
    let mut out = format!("\n{:<width$} {:>12} {:>10} {:>9} {:>10}\n", "Probe", "Events", "ns/event", "% of CPU", "Missed");
    for c in costs {
        let each = c.runs.nanos / c.runs.count.max(1);
        out.push_str(&format!("{:<width$} {:>12} {each:>10} {:>9.3} {:>10}\n", c.probe, c.runs.count, c.share * 100.0, c.runs.missed));
    }
    out
}

/// One object.
pub fn json(costs: &[Cost]) -> String {
    let rows = costs.iter().map(|c| {
        serde_json::json!({
            "probe": c.probe,
            "events": c.runs.count,
            "ns": c.runs.nanos,
            "cpu_share": (c.share * 1e6).round() / 1e6,
            "missed": c.runs.missed,
        })
    });
    // In the order of the other lines: the type first.
    format!("{{\"type\": \"stats\", \"data\": {{\"probes\": {}}}}}\n", serde_json::Value::Array(rows.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_as_text_and_json() {
        let runs = Runs { nanos: 4100, count: 100, missed: 3 };
        let costs = [Cost { probe: "tracepoint:a:b".into(), runs, share: 0.0125 }];
        assert_eq!(
            table(&costs),
            "\nProbe                Events   ns/event  % of CPU     Missed\ntracepoint:a:b          100         41     1.250          3\n"
        );
        let json: serde_json::Value = serde_json::from_str(&json(&costs)).unwrap();
        assert_eq!(json["type"], "stats");
        let row = &json["data"]["probes"][0];
        assert_eq!((row["events"].as_u64(), row["ns"].as_u64(), row["missed"].as_u64()), (Some(100), Some(4100), Some(3)));
        assert_eq!((row["probe"].as_str(), row["cpu_share"].as_f64()), (Some("tracepoint:a:b"), Some(0.0125)));
    }
}
