//! What all forms of output share: the stream with its buffering, and what the caller may choose.

use super::host::{self, Host};
use super::maps;
use super::value::Show;
use crate::sink::World;
use codegen::manifest::{Manifest, MapId};
use lang::source::{SourceMap, Span};
use std::collections::HashSet;
use std::io::{self, Write};

/// Text that waits is written out when it is longer than this, whatever the buffering.
const FULL: usize = 64 * 1024;

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
pub struct OutputOptions {
    /// Leaves out the message on attached probes.
    pub quiet: bool,
    /// Two empty lines tell the run from its maps; a tool whose maps are not printed does without.
    pub tool: bool,
    /// Prints the warnings of the script's run.
    pub warnings: bool,
    /// When text is passed on.
    pub buffering: Buffering,
    /// The script, so that warnings can quote it.
    pub sources: Option<SourceMap>,
}

impl Default for OutputOptions {
    fn default() -> Self {
        OutputOptions { quiet: false, tool: false, warnings: true, buffering: Buffering::Line, sources: None }
    }
}

/// A stream and the text that is not written to it yet.
pub(super) struct Stream {
    writer: Box<dyn Write>,
    buffering: Buffering,
    /// Text that waits.
    pub text: Vec<u8>,
}

impl Stream {
    pub fn new(writer: Box<dyn Write>, buffering: Buffering) -> Stream {
        Stream { writer, buffering, text: Vec::with_capacity(8192) }
    }

    /// Passes all text on to the writer, and that to its end.
    pub fn write_out(&mut self) -> io::Result<()> {
        if !self.text.is_empty() {
            let done = self.writer.write_all(&self.text);
            self.text.clear();
            done?;
        }
        self.writer.flush()
    }

    /// An event is done.
    pub fn event_done(&mut self) -> io::Result<()> {
        if self.buffering == Buffering::None || self.text.len() > FULL { self.write_out() } else { Ok(()) }
    }

    /// A batch of events is done.
    pub fn batch_done(&mut self) -> io::Result<()> {
        if self.buffering == Buffering::Full { Ok(()) } else { self.write_out() }
    }
}

/// A run that ends early still shows what it had.
impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.write_out();
    }
}

/// Maps without keys that were zeroed after something had been counted: their values do not tell that they were ever updated.
#[derive(Debug, Default)]
pub(super) struct Zeroed(HashSet<u32>);

impl Zeroed {
    /// The map was zeroed after it was updated.
    pub fn has(&self, id: MapId) -> bool {
        self.0.contains(&id.0)
    }

    /// The map is about to be zeroed.
    pub fn zero(&mut self, manifest: &Manifest, id: MapId, world: &mut dyn World) -> io::Result<()> {
        let Some(info) = manifest.maps.get(id.0 as usize) else { return Ok(()) };
        if info.key.is_none() && maps::updated(info, world.entries(id)?.first()) {
            self.0.insert(id.0);
        }
        Ok(())
    }

    /// The map is about to be cleared.
    pub fn clear(&mut self, id: MapId) {
        self.0.remove(&id.0);
    }
}

/// The script's maps in the order in which they print at the end; those of host metrics are the runtime's.
pub(super) fn by_name(manifest: &Manifest) -> Vec<MapId> {
    let mut order: Vec<MapId> = (0..manifest.maps.len() as u32).map(MapId).collect();
    order.retain(|id| manifest.maps[id.0 as usize].name.starts_with('@'));
    order.sort_by(|a, b| manifest.maps[a.0 as usize].name.cmp(&manifest.maps[b.0 as usize].name));
    order
}

/// Appends the local time in the format of strftime(3).
pub(super) fn local_time(out: &mut Vec<u8>, format: &str) {
    // SAFETY: there is nothing to write the time to but the result.
    let now = unsafe { libc::time(std::ptr::null_mut()) };
    out.extend_from_slice(&host::strftime(format.as_bytes(), now, host::TIME).unwrap_or_default());
}

/// A place in the script: the file's name, and line and column of the start and of the end, from 1 on.
pub(super) struct Place<'a> {
    pub name: &'a str,
    pub text: &'a str,
    pub from: (usize, usize),
    pub to: (usize, usize),
}

/// Where a span lies; `None` if there is no such file.
pub(super) fn place(sources: &SourceMap, span: Span) -> Option<Place<'_>> {
    let file = sources.file(sources.ids().find(|id| *id == span.file)?);
    let bytes = file.text.as_bytes();
    let start = (span.start as usize).min(bytes.len());
    let end = (span.end as usize).clamp(start, bytes.len());
    let at = |at: usize| {
        let begin = bytes[..at].iter().rposition(|b| *b == b'\n').map_or(0, |p| p + 1);
        (bytes[..at].iter().filter(|b| **b == b'\n').count() + 1, at - begin + 1)
    };
    Some(Place { name: &file.name, text: &file.text, from: at(start), to: at(end) })
}

/// The means of printing values.
pub(super) fn show<'a>(manifest: &'a Manifest, world: &'a mut dyn World, host: &'a mut Host, div: u64) -> Show<'a> {
    // Nothing divides by 0.
    Show { div: (div as u32).max(1), ..Show::new(manifest, world, host) }
}
