//! The sink that writes text.

use super::maps::{self, Wish};
use super::printf::printf;
use super::value::{Show, word};
use crate::sink::{Losses, Sink, World};
use codegen::manifest::{Action, Manifest, MapId};
use lang::source::{SourceMap, Span};
use lang::types::Type;
use std::collections::HashSet;
use std::ffi::CString;
use std::io::{self, Write};
use std::sync::Arc;

/// Text that waits is written out when it is longer than this, whatever the buffering.
const FULL: usize = 64 * 1024;
/// Bytes that a formatted time may have.
const TIME: usize = 256;

/// When text is passed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Buffering {
    /// After every batch of events, so that every line is seen soon.
    #[default]
    Line,
    /// When there is much of it, and at the end.
    Full,
    /// After every event.
    None,
}

/// What the caller may choose.
#[derive(Clone, Debug)]
pub struct TextOptions {
    /// Leaves out the message on attached probes.
    pub quiet: bool,
    /// Prints the warnings of the script's run.
    pub warnings: bool,
    /// When text is passed on.
    pub buffering: Buffering,
    /// The script, so that warnings can quote it.
    pub sources: Option<SourceMap>,
}

impl Default for TextOptions {
    fn default() -> Self {
        TextOptions { quiet: false, warnings: true, buffering: Buffering::Line, sources: None }
    }
}

/// Writes what bpftrace writes: events and maps to one stream, messages about the run to another.
pub struct TextSink {
    manifest: Arc<Manifest>,
    writer: Box<dyn Write>,
    errors: Box<dyn Write>,
    options: TextOptions,
    /// Text that is not written yet.
    text: Vec<u8>,
    /// Maps without keys that were zeroed after something had been counted.
    zeroed: HashSet<u32>,
}

impl TextSink {
    /// A sink that writes to `writer`, and messages to the standard error stream.
    pub fn new(manifest: Arc<Manifest>, writer: Box<dyn Write>, options: TextOptions) -> TextSink {
        TextSink { manifest, writer, errors: Box::new(io::stderr()), options, text: Vec::with_capacity(8192), zeroed: HashSet::new() }
    }

    /// Messages go to `errors` instead.
    pub fn with_errors(mut self, errors: Box<dyn Write>) -> TextSink {
        self.errors = errors;
        self
    }

    /// Passes all text on to the writer, and that to its end.
    fn write_out(&mut self) -> io::Result<()> {
        if !self.text.is_empty() {
            let done = self.writer.write_all(&self.text);
            self.text.clear();
            done?;
        }
        self.writer.flush()
    }

    /// A message, in its place among the text. Nobody is told if the error stream is closed.
    fn message(&mut self, text: &str) -> io::Result<()> {
        self.write_out()?;
        let _ = self.errors.write_all(text.as_bytes());
        let _ = self.errors.flush();
        Ok(())
    }

    fn print_map(&mut self, id: MapId, payload: &[u8], world: &mut dyn World) -> io::Result<()> {
        let Some(info) = self.manifest.maps.get(id.0 as usize) else { return Ok(()) };
        let entries = world.entries(id)?;
        // Nothing divides by 0.
        let div = (word(payload, 8) as u32).max(1);
        let mut show = Show { settings: &self.manifest.settings, world, div, plus: false };
        let wish = Wish { top: word(payload, 0), asked: true, zeroed: self.zeroed.contains(&id.0) };
        maps::map(&mut self.text, info, entries, wish, &mut show);
        Ok(())
    }

    /// `print(@map[key])` prints the value alone.
    fn print_entry(&mut self, id: MapId, payload: &[u8], world: &mut dyn World) -> io::Result<()> {
        let Some(info) = self.manifest.maps.get(id.0 as usize) else { return Ok(()) };
        let size = info.key.as_ref().map_or(0, Type::stored_size) as usize;
        let (key, value) = payload.split_at(size.min(payload.len()));
        if let Type::Agg(_) = info.value {
            let entries = world.entries(id)?;
            let found = entries.iter().find(|e| e.key == key);
            let mut show = Show { settings: &self.manifest.settings, world, div: 1, plus: false };
            maps::entry(&mut self.text, &info.value, found, &mut show);
        } else {
            let mut show = Show { settings: &self.manifest.settings, world, div: 1, plus: false };
            show.value(&mut self.text, &info.value, value);
        }
        self.text.push(b'\n');
        Ok(())
    }

    /// Remembers that the map holds something now: once it is zero, its values do not tell.
    fn will_be_zeroed(&mut self, id: MapId, world: &mut dyn World) -> io::Result<()> {
        let Some(info) = self.manifest.maps.get(id.0 as usize) else { return Ok(()) };
        if info.key.is_none() && maps::updated(info, world.entries(id)?.first()) {
            self.zeroed.insert(id.0);
        }
        Ok(())
    }

    fn warning(&mut self, what: &str, span: Span, ret: i64) -> io::Result<()> {
        if !self.options.warnings {
            return Ok(());
        }
        let mut text = String::new();
        let (place, quote) = self.options.sources.as_ref().map_or_else(Default::default, |s| quoted(s, span));
        text.push_str(&format!("{place}WARNING: {what}\n"));
        if ret != 0 {
            text.push_str(&format!("Additional Info - retcode: {ret}\n"));
        }
        text.push_str(&quote);
        self.message(&text)
    }
}

/// `stdin:1:8-15: `, and the line with its mark; of a span over several lines, the lines.
fn quoted(sources: &SourceMap, span: Span) -> (String, String) {
    let Some(id) = sources.ids().find(|id| *id == span.file) else { return Default::default() };
    let file = sources.file(id);
    let bytes = file.text.as_bytes();
    let start = (span.start as usize).min(bytes.len());
    let end = (span.end as usize).clamp(start, bytes.len());
    let line_of = |at: usize| bytes[..at].iter().filter(|b| **b == b'\n').count() + 1;
    let (from, to) = (line_of(start), line_of(end));
    if from != to {
        let lines = file.text.lines().skip(from - 1).take(to - from + 1);
        return (format!("{}:{from}-{to}: ", file.name), lines.map(|l| format!("{l}\n")).collect());
    }
    let begin = bytes[..start].iter().rposition(|b| *b == b'\n').map_or(0, |p| p + 1);
    let (left, right) = (start - begin, end - begin);
    let line = file.text.lines().nth(from - 1).unwrap_or("");
    let mut mark = String::new();
    for (i, b) in line.bytes().enumerate().take(right) {
        let sign = if i < left { " " } else { "~" };
        mark.push_str(&sign.repeat(if b == b'\t' { 4 } else { 1 }));
    }
    let place = format!("{}:{from}:{}-{}: ", file.name, left + 1, right + 1);
    (place, format!("{}\n{mark}\n", line.replace('\t', "    ")))
}

/// Appends the local time in the format of strftime(3).
fn local_time(out: &mut Vec<u8>, format: &str) {
    let Ok(format) = CString::new(format) else { return };
    let mut text = [0u8; TIME];
    // SAFETY: all pointers are to live values of their types; `tm` is plain data for which zeros are a value; strftime writes at
    // most `TIME` bytes and says how many, without the NUL.
    let length = unsafe {
        let now = libc::time(std::ptr::null_mut());
        let mut tm: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&now, &mut tm).is_null() {
            return;
        }
        libc::strftime(text.as_mut_ptr().cast(), TIME, format.as_ptr(), &tm)
    };
    out.extend_from_slice(&text[..length.min(TIME)]);
}

/// A run that ends early still shows what it had.
impl Drop for TextSink {
    fn drop(&mut self) {
        let _ = self.write_out();
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
                let mut show = Show { settings: &self.manifest.settings, world, div: 1, plus: false };
                printf(&mut self.text, format, args, payload, &mut show);
            }
            Action::PrintValue { ty } => {
                let mut show = Show { settings: &self.manifest.settings, world, div: 1, plus: false };
                show.value(&mut self.text, ty, payload);
                self.text.push(b'\n');
            }
            Action::PrintMap { map } => self.print_map(*map, payload, world)?,
            Action::PrintEntry { map } => self.print_entry(*map, payload, world)?,
            Action::Time { format } => local_time(&mut self.text, format),
            Action::Warning { what, span } => self.warning(what, *span, word(payload, 0) as i64)?,
            Action::Zero { map } => self.will_be_zeroed(*map, world)?,
            Action::Clear { map } => {
                self.zeroed.remove(&map.0);
            }
            Action::Exit => {}
        }
        if self.options.buffering == Buffering::None || self.text.len() > FULL {
            self.write_out()?;
        }
        Ok(())
    }

    /// Two empty lines tell the run from what follows, whether maps follow or not.
    fn maps(&mut self, world: &mut dyn World) -> io::Result<()> {
        self.text.extend_from_slice(b"\n\n");
        if self.manifest.settings.print_maps_on_exit {
            let mut order: Vec<usize> = (0..self.manifest.maps.len()).collect();
            order.sort_by(|a, b| self.manifest.maps[*a].name.cmp(&self.manifest.maps[*b].name));
            for i in order {
                let entries = world.entries(MapId(i as u32))?;
                let mut show = Show { settings: &self.manifest.settings, world, div: 1, plus: false };
                let wish = Wish { zeroed: self.zeroed.contains(&(i as u32)), ..Wish::default() };
                maps::map(&mut self.text, &self.manifest.maps[i], entries, wish, &mut show);
            }
        }
        self.write_out()
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

    fn flush(&mut self) -> io::Result<()> {
        if self.options.buffering == Buffering::Full { Ok(()) } else { self.write_out() }
    }
}
