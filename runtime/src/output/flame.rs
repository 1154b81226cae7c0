//! `--flame`: a map's stacks as a flame graph in a file.

use super::folded::{self, Folded};
use super::host::Host;
use super::stream::show;
use super::value::word;
use crate::sink::{Losses, Sink, World};
use codegen::manifest::{Action, Manifest, MapId};
use inferno::flamegraph::{self, Options};
use lang::types::{Agg, Type};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// A sink in front of another: the map is drawn whenever it prints. The last drawing stays.
pub struct FlameSink {
    inner: Box<dyn Sink>,
    manifest: Arc<Manifest>,
    map: MapId,
    path: PathBuf,
    host: Host,
    /// Something was drawn that is to stay, should the map be empty at the end.
    drawn: bool,
    quiet: bool,
}

impl FlameSink {
    /// Draws `map` into the file at `path`.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn new(inner: Box<dyn Sink>, manifest: Arc<Manifest>, map: MapId, path: PathBuf, quiet: bool) -> io::Result<FlameSink> {
        // What can't be written is told before anything is attached.
        std::fs::OpenOptions::new().create(true).append(true).open(&path)?;
        Ok(FlameSink { inner, manifest, map, path, host: Host::default(), drawn: false, quiet })
    }

    fn draw(&mut self, top: u64, div: u64, at_exit: bool, world: &mut dyn World) -> io::Result<()> {
        let Some(info) = self.manifest.maps.get(self.map.0 as usize) else { return Ok(()) };
        let entries = world.entries(self.map)?;
        let folded = folded::fold(info, entries, top, &mut show(&self.manifest, world, &mut self.host, div));
        if folded.stacks.is_empty() && self.drawn {
            return Ok(());
        }
        let unit = if matches!(info.value, Type::Agg(Agg::Count)) { "samples" } else { "units" };
        let svg = svg(&folded, &info.name, unit)?;
        std::fs::write(&self.path, svg)?;
        self.drawn = !folded.stacks.is_empty();
        if at_exit || self.drawn {
            self.told(&folded, unit);
        }
        Ok(())
    }

    fn told(&self, folded: &Folded, unit: &str) {
        let path = self.path.display();
        if folded.stacks.is_empty() {
            crate::say::err(&format!("WARNING: no stack was taken: the flame graph in {path} is empty\n"));
        } else if !self.quiet {
            let sum: u128 = folded.stacks.values().map(|n| u128::from(*n)).sum();
            crate::say::err(&format!("Flame graph in {path}: {} stacks, {sum} {unit}\n", folded.stacks.len()));
        }
        if folded.negative > 0 {
            crate::say::err(&format!("WARNING: {} stacks with negative numbers are not in {path}\n", folded.negative));
        }
    }
}

/// The drawing; without stacks, one that says so.
fn svg(folded: &Folded, map: &str, unit: &str) -> io::Result<Vec<u8>> {
    let mut options = Options::default();
    options.title = format!("beetrace: {map}");
    options.count_name = unit.into();
    // The same stacks make the same picture.
    options.deterministic = true;
    let lines: Vec<String> = folded.lines().collect();
    let mut out = Vec::new();
    match flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut out) {
        Err(e) if !lines.is_empty() => Err(e),
        _ => Ok(out),
    }
}

impl Sink for FlameSink {
    fn pace(&self) -> Option<(std::time::Duration, std::os::fd::BorrowedFd<'_>)> {
        self.inner.pace()
    }

    fn refresh(&mut self, world: &mut dyn World) -> io::Result<bool> {
        self.inner.refresh(world)
    }

    fn attached(&mut self, probes: usize) -> io::Result<()> {
        self.inner.attached(probes)
    }

    fn event(&mut self, action: &Action, payload: &[u8], world: &mut dyn World) -> io::Result<()> {
        if let Action::PrintMap { map } = action
            && *map == self.map
        {
            self.draw(word(payload, 0), word(payload, 8), false, world)?;
        }
        self.inner.event(action, payload, world)
    }

    fn maps(&mut self, world: &mut dyn World) -> io::Result<()> {
        self.inner.maps(world)?;
        self.inner.flush()?;
        self.draw(0, 1, true, world)
    }

    fn lost(&mut self, now: Losses, before: Losses) -> io::Result<()> {
        self.inner.lost(now, before)
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        self.inner.text(text)
    }

    fn benchmarks(&mut self, results: &[crate::modes::Bench]) -> io::Result<()> {
        self.inner.benchmarks(results)
    }

    fn mute(&mut self) {
        self.inner.mute();
    }

    fn tested(&mut self, name: &str, passed: bool, nanos: u64) -> io::Result<()> {
        self.inner.tested(name, passed, nanos)
    }

    fn costs(&mut self, costs: &[crate::stats::Cost]) -> io::Result<()> {
        self.inner.costs(costs)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(stacks: &[(&str, u64)]) -> Folded {
        Folded { stacks: stacks.iter().map(|(s, n)| (s.to_string(), *n)).collect(), negative: 0 }
    }

    #[test]
    fn the_drawing_has_every_frame_with_its_share() {
        let svg = String::from_utf8(svg(&folded(&[("a;hot<T>", 90), ("a;cold", 10)]), "@x", "samples").unwrap()).unwrap();
        assert!(svg.starts_with("<?xml") && svg.trim_end().ends_with("</svg>"));
        assert!(svg.contains("hot&lt;T&gt; (90 samples, 90.00%)") && svg.contains("cold (10 samples, 10.00%)"), "{svg}");
        assert!(svg.contains("beetrace: @x"));
    }

    #[test]
    fn nothing_is_drawn_as_a_picture_that_says_so() {
        let svg = String::from_utf8(svg(&folded(&[]), "@", "samples").unwrap()).unwrap();
        assert!(svg.contains("ERROR") && svg.trim_end().ends_with("</svg>"), "{svg}");
    }
}
