//! The sink that writes text.

use super::effects;
use super::folded;
use super::host::Host;
use super::maps::{self, Wish};
use super::printf::printf;
use super::stream::{self, OutputOptions, Stream, Zeroed, show};
use super::value::{Show, word};
use crate::sink::{Entry, Losses, Sink, World};
use codegen::manifest::{Action, Manifest, MapId, MapInfo};
use lang::source::{SourceMap, Span};
use lang::types::Type;
use std::io::{self, Write};
use std::sync::Arc;

/// Writes what bpftrace writes: events and maps to one stream, messages about the run to another.
pub struct TextSink {
    manifest: Arc<Manifest>,
    stream: Stream,
    errors: Box<dyn Write>,
    options: OutputOptions,
    zeroed: Zeroed,
    host: Host,
}

impl TextSink {
    /// A sink that writes to `writer`, and messages to the standard error stream.
    pub fn new(manifest: Arc<Manifest>, writer: Box<dyn Write>, options: OutputOptions) -> TextSink {
        let stream = Stream::new(writer, options.buffering);
        TextSink { manifest, stream, errors: Box::new(io::stderr()), options, zeroed: Zeroed::default(), host: Host::default() }
    }

    /// Messages go to `errors` instead.
    pub fn with_errors(mut self, errors: Box<dyn Write>) -> TextSink {
        self.errors = errors;
        self
    }

    /// A message, in its place among the text. Nobody is told if the error stream is closed.
    fn message(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_out()?;
        let _ = self.errors.write_all(text.as_bytes());
        let _ = self.errors.flush();
        Ok(())
    }

    fn print_map(&mut self, id: MapId, payload: &[u8], world: &mut dyn World) -> io::Result<()> {
        let Some(info) = self.manifest.maps.get(id.0 as usize) else { return Ok(()) };
        let entries = world.entries(id)?;
        let mut show = show(&self.manifest, world, &mut self.host, word(payload, 8));
        let wish = Wish { top: word(payload, 0), asked: true, zeroed: self.zeroed.has(id) };
        whole(&mut self.stream.text, &self.options, id, info, entries, wish, &mut show);
        Ok(())
    }

    /// `print(@map[key])` prints the value alone.
    fn print_entry(&mut self, id: MapId, payload: &[u8], world: &mut dyn World) -> io::Result<()> {
        let Some(info) = self.manifest.maps.get(id.0 as usize) else { return Ok(()) };
        let size = info.key.as_ref().map_or(0, Type::stored_size) as usize;
        let (key, value) = payload.split_at(size.min(payload.len()));
        if matches!(info.value, Type::Agg(agg) if agg.is_hist()) {
            let mut entries = world.entries(id)?;
            entries.retain(|e| e.key.starts_with(key));
            let mut show = show(&self.manifest, world, &mut self.host, 1);
            maps::map(&mut self.stream.text, info, entries, Wish::default(), &mut show);
            return Ok(());
        }
        if let Type::Agg(_) = info.value {
            let entries = world.entries(id)?;
            let found = entries.iter().find(|e| e.key == key);
            let mut show = show(&self.manifest, world, &mut self.host, 1);
            maps::entry(&mut self.stream.text, &info.value, found, &mut show);
        } else {
            let mut show = show(&self.manifest, world, &mut self.host, 1);
            show.value(&mut self.stream.text, &info.value, value);
        }
        self.stream.text.push(b'\n');
        Ok(())
    }

    fn told(&mut self, error: bool, what: &str, span: Span, helper: Option<(&str, i64)>) -> io::Result<()> {
        if !self.options.warnings && !error {
            return Ok(());
        }
        let kind = if error { "ERROR" } else { "WARNING" };
        let mut text = String::new();
        let (place, quote) = self.options.sources.as_ref().map_or_else(Default::default, |s| quoted(s, span));
        text.push_str(&format!("{place}{kind}: {what}\n"));
        if let Some((helper, ret)) = helper {
            text.push_str(&format!("Additional Info - helper: {helper}, retcode: {ret}\n"));
        }
        text.push_str(&quote);
        self.message(&text)
    }
}

/// What a warning says: the system's text for the error, without the number that Rust adds, if it says nothing itself.
pub(super) fn said(what: &str, ret: i64) -> String {
    if !what.is_empty() {
        return what.to_string();
    }
    let text = io::Error::from_raw_os_error(ret.unsigned_abs() as i32).to_string();
    text.split(" (os error").next().unwrap_or_default().to_string()
}

/// `stdin:1:8-15: `, and the line with its mark; of a span over several lines, the lines.
fn quoted(sources: &SourceMap, span: Span) -> (String, String) {
    let Some(p) = stream::place(sources, span) else { return Default::default() };
    let ((from, left), (to, right)) = (p.from, p.to);
    if from != to {
        let lines = p.text.lines().skip(from - 1).take(to - from + 1);
        return (format!("{}:{from}-{to}: ", p.name), lines.map(|l| format!("{l}\n")).collect());
    }
    let line = p.text.lines().nth(from - 1).unwrap_or("");
    let mut mark = String::new();
    for (i, b) in line.bytes().enumerate().take(right - 1) {
        let sign = if i < left - 1 { " " } else { "~" };
        mark.push_str(&sign.repeat(if b == b'\t' { 4 } else { 1 }));
    }
    (format!("{}:{from}:{left}-{right}: ", p.name), format!("{}\n{mark}\n", line.replace('\t', "    ")))
}

/// A whole map, as text or as folded stacks.
fn whole(out: &mut Vec<u8>, options: &OutputOptions, id: MapId, info: &MapInfo, entries: Vec<Entry>, wish: Wish, show: &mut Show<'_>) {
    if options.folded && folded::can_fold(info) {
        let folded = folded::fold(info, entries, wish.top, show);
        folded.lines().for_each(|l| out.extend_from_slice(format!("{l}\n").as_bytes()));
        if folded.negative > 0 {
            crate::say::err(&format!("WARNING: {} stacks of {} with negative numbers are left out\n", folded.negative, info.name));
        }
    } else if options.drawn != Some(id) {
        maps::map(out, info, entries, wish, show);
    }
}

impl Sink for TextSink {
    fn attached(&mut self, probes: usize) -> io::Result<()> {
        if self.options.quiet {
            return Ok(());
        }
        self.message(&format!("Attached {probes} probe{}\n", if probes == 1 { "" } else { "s" }))
    }

    fn event(&mut self, action: &Action, payload: &[u8], world: &mut dyn World) -> io::Result<()> {
        match action {
            Action::Printf { format, args } => {
                let mut show = show(&self.manifest, world, &mut self.host, 1);
                printf(&mut self.stream.text, format, args, payload, &mut show);
            }
            Action::Message { error, format, args, span } => {
                let text = {
                    let mut show = show(&self.manifest, world, &mut self.host, 1);
                    effects::formatted(format, args, payload, &mut show)
                };
                self.told(*error, &String::from_utf8_lossy(&text), *span, None)?;
            }
            Action::Cat { format, args } => {
                let path = {
                    let mut show = show(&self.manifest, world, &mut self.host, 1);
                    effects::formatted(format, args, payload, &mut show)
                };
                match effects::cat(&path, self.manifest.settings.max_cat_bytes) {
                    Ok(text) => self.stream.text.extend(text),
                    Err(why) => self.message(&format!("ERROR: {why}\n"))?,
                }
            }
            Action::System { format, args } => {
                let command = {
                    let mut show = show(&self.manifest, world, &mut self.host, 1);
                    effects::formatted(format, args, payload, &mut show)
                };
                self.stream.write_out()?;
                match effects::system(&command) {
                    Ok(text) => self.stream.text.extend(text),
                    Err(why) => self.message(&format!("ERROR: {why}\n"))?,
                }
            }
            Action::Join { separator, size } => {
                self.stream.text.extend(effects::join(payload, *size, separator));
                self.stream.text.push(b'\n');
            }
            Action::Unwatch | Action::Packet { .. } => {}
            Action::PrintValue { ty } => {
                let mut show = show(&self.manifest, world, &mut self.host, 1);
                show.value(&mut self.stream.text, ty, payload);
                self.stream.text.push(b'\n');
            }
            Action::PrintMap { map } => self.print_map(*map, payload, world)?,
            Action::Report { map } => {
                if let Some(info) = self.manifest.maps.get(map.0 as usize) {
                    let entries = world.entries(*map)?;
                    let mut show = show(&self.manifest, world, &mut self.host, 1);
                    super::report::report(&mut self.stream.text, info, &entries, word(payload, 0), &mut show);
                }
            }
            Action::PrintEntry { map } => self.print_entry(*map, payload, world)?,
            Action::Time { format } => stream::local_time(&mut self.stream.text, format),
            Action::Warning { what, helper, span } => {
                let ret = word(payload, 0) as i64;
                self.told(false, &said(what, ret), *span, helper.as_deref().map(|h| (h, ret)))?;
            }
            Action::Zero { map } => self.zeroed.zero(&self.manifest, *map, world)?,
            Action::Clear { map } => self.zeroed.clear(*map),
            Action::Exit => {}
        }
        self.stream.event_done()
    }

    /// Two empty lines tell the run from what follows, whether maps follow or not.
    fn maps(&mut self, world: &mut dyn World) -> io::Result<()> {
        if !self.options.folded && (!self.options.tool || self.manifest.settings.print_maps_on_exit) {
            self.stream.text.extend_from_slice(b"\n\n");
        }
        if self.manifest.settings.print_maps_on_exit {
            for id in stream::by_name(&self.manifest) {
                let entries = world.entries(id)?;
                let mut show = show(&self.manifest, world, &mut self.host, 1);
                let wish = Wish { zeroed: self.zeroed.has(id), ..Wish::default() };
                whole(&mut self.stream.text, &self.options, id, &self.manifest.maps[id.0 as usize], entries, wish, &mut show);
            }
        }
        self.stream.write_out()
    }

    fn lost(&mut self, now: Losses, before: Losses) -> io::Result<()> {
        let kinds = [
            (now.events.saturating_sub(before.events), "event"),
            (now.updates.saturating_sub(before.updates), "map update"),
            (now.stacks.saturating_sub(before.stacks), "stack"),
        ];
        let parts: Vec<String> = kinds
            .iter()
            .filter(|k| k.0 > 0)
            .map(|(n, what)| format!("{n} {what}{}", if *n == 1 && *what != "event" { "" } else { "s" }))
            .collect();
        if parts.is_empty() {
            return Ok(());
        }
        self.message(&format!("Lost {}\n", parts.join(", ")))
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        self.stream.text.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn tested(&mut self, name: &str, passed: bool, nanos: u64) -> io::Result<()> {
        self.text(&crate::modes::verdict(name, passed, u128::from(nanos / 1000)))
    }

    fn benchmarks(&mut self, results: &[crate::modes::Bench]) -> io::Result<()> {
        self.text(&crate::modes::table(results))
    }

    fn costs(&mut self, costs: &[crate::stats::Cost]) -> io::Result<()> {
        self.text(&crate::stats::table(costs))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.batch_done()
    }

    fn mute(&mut self) {
        self.stream.mute();
    }
}
