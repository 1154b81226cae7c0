//! The sink that writes JSON, one object a line, in bpftrace's schema: `{"type": "printf", "data": "text"}`.

use super::effects;
use super::host::Host;
use super::maps::{self, Wish};
use super::printf::printf;
use super::stream::{self, OutputOptions, Stream, Zeroed, show};
use super::value::{Show, word};
use super::{hist, json_value, tseries};
use crate::sink::{Entry, Losses, Sink, World};
use codegen::manifest::{Action, Manifest, MapId, MapInfo};
use lang::source::Span;
use lang::types::{Agg, Type};
use std::io::{self, Write};
use std::sync::Arc;

/// Writes events, maps and messages to one stream.
pub struct JsonSink {
    manifest: Arc<Manifest>,
    stream: Stream,
    options: OutputOptions,
    zeroed: Zeroed,
    host: Host,
}

impl JsonSink {
    /// A sink that writes to `writer`.
    pub fn new(manifest: Arc<Manifest>, writer: Box<dyn Write>, options: OutputOptions) -> JsonSink {
        let stream = Stream::new(writer, options.buffering);
        JsonSink { manifest, stream, options, zeroed: Zeroed::default(), host: Host::default() }
    }

    /// A whole line: `{"type": KIND, "data": ...}`.
    fn line(&mut self, kind: &str, world: &mut dyn World, data: impl FnOnce(&mut Show<'_>, &mut Vec<u8>)) {
        let out = &mut self.stream.text;
        open(out, kind);
        data(&mut show(&self.manifest, world, &mut self.host, 1), out);
        out.extend_from_slice(b"}\n");
    }

    fn print_map(&mut self, id: MapId, wish: Wish, div: u64, world: &mut dyn World) -> io::Result<()> {
        let Some(info) = self.manifest.maps.get(id.0 as usize) else { return Ok(()) };
        let entries = world.entries(id)?;
        let wish = Wish { zeroed: self.zeroed.has(id), ..wish };
        let mut show = show(&self.manifest, world, &mut self.host, div);
        map(&mut self.stream.text, info, entries, wish, &mut show);
        Ok(())
    }

    fn print_entry(&mut self, id: MapId, payload: &[u8], world: &mut dyn World) -> io::Result<()> {
        let manifest = self.manifest.clone();
        let Some(info) = manifest.maps.get(id.0 as usize) else { return Ok(()) };
        let size = info.key.as_ref().map_or(0, Type::stored_size) as usize;
        let (key, value) = payload.split_at(size.min(payload.len()));
        let mut entries = if let Type::Agg(_) = info.value { world.entries(id)? } else { Vec::new() };
        if matches!(info.value, Type::Agg(agg) if agg.is_hist()) {
            entries.retain(|e| e.key.starts_with(key));
            map(&mut self.stream.text, info, entries, Wish::default(), &mut show(&manifest, world, &mut self.host, 1));
            return Ok(());
        }
        self.line("value", world, |show, out| match info.value {
            Type::Agg(agg) => show.json_aggregate(out, agg, entries.iter().find(|e| e.key == key).map_or(&[], |e| &e.values)),
            _ => show.json(out, &info.value, value),
        });
        Ok(())
    }

    /// A message of the run with its place; `kind` is its type unless a helper's failure is told.
    fn warning(&mut self, kind: &str, what: &str, span: Span, helper: Option<(&str, i64)>) {
        let out = &mut self.stream.text;
        let mut text = |name: &str, value: &str| {
            let _ = write!(out, "{}\"{name}\": ", if name == "type" { "{" } else { ", " });
            json_value::text(out, value.as_bytes());
        };
        match helper {
            None => {
                text("type", kind);
                text("msg", what);
            }
            Some((helper, ret)) => {
                text("type", "helper_error");
                text("msg", &super::text::said(what, ret));
                text("helper", helper);
                let _ = write!(out, ", \"retcode\": {ret}");
            }
        }
        if let Some(p) = self.options.sources.as_ref().and_then(|s| stream::place(s, span)) {
            let _ = write!(out, ", \"filename\": ");
            json_value::text(out, p.name.as_bytes());
            let _ = write!(out, ", \"line\": {}, \"col\": {}", p.from.0, p.from.1);
        }
        out.extend_from_slice(b"}\n");
    }
}

/// Appends the beginning of a line.
fn open(out: &mut Vec<u8>, kind: &str) {
    let _ = write!(out, "{{\"type\": \"{kind}\", \"data\": ");
}

/// Appends the beginning of a map's line.
fn open_map(out: &mut Vec<u8>, kind: &str, info: &MapInfo) {
    open(out, kind);
    out.push(b'{');
    json_value::text(out, info.name.as_bytes());
    out.extend_from_slice(b": ");
}

/// Appends a map's line; a map that has nothing to show has none, but averages without a value are an empty object.
fn map(out: &mut Vec<u8>, info: &MapInfo, entries: Vec<Entry>, wish: Wish, show: &mut Show<'_>) {
    let agg = if let Type::Agg(agg) = info.value { Some(agg) } else { None };
    let kind = match agg {
        Some(Agg::Hist { .. } | Agg::LHist { .. }) => "hist",
        Some(Agg::TSeries { .. }) => "tseries",
        Some(Agg::Avg(_) | Agg::Stats(_)) => "stats",
        _ => "map",
    };
    let start = out.len();
    open_map(out, kind, info);
    let any = match (&info.key, agg) {
        (Some(key), Some(agg)) if agg.is_hist() => {
            let all = maps::ordered_histograms(agg, key, entries, wish.top);
            by_key(out, key, &all, show, |show, out, counts| hist::json(out, agg, counts, show.div))
        }
        (None, Some(agg)) if agg.is_hist() => {
            let counts = entries.first().map_or_else(Vec::new, |e| maps::keyless_counts(agg, e));
            hist::json(out, agg, &counts, show.div);
            wish.zeroed || counts.iter().any(|c| *c > 0)
        }
        (Some(key), Some(agg @ Agg::TSeries { .. })) => {
            by_key(out, key, &tseries::gather(agg, &entries), show, |show, out, series| show.json_series(out, series))
        }
        (Some(key), _) => {
            let all: Vec<_> = maps::ordered(key, &info.value, entries, wish.top).into_iter().map(|e| (e.key, e.values)).collect();
            by_key(out, key, &all, show, |show, out, values| scalar(out, &info.value, values, show)) || kind == "stats"
        }
        (None, _) => {
            let is_there = wish.zeroed || maps::updated(info, entries.first());
            if !is_there && kind == "stats" && !wish.asked {
                out.extend_from_slice(b"{}");
            } else {
                scalar(out, &info.value, entries.first().map_or(&[], |e| &e.values), show);
            }
            is_there || kind == "stats" || wish.asked && kind != "tseries"
        }
    };
    if any {
        out.extend_from_slice(b"}}\n");
    } else {
        out.truncate(start);
    }
}

/// A value that is no histogram.
fn scalar(out: &mut Vec<u8>, ty: &Type, values: &[Vec<u8>], show: &mut Show<'_>) {
    match ty {
        Type::Agg(agg) => show.json_aggregate(out, *agg, values),
        ty => show.json(out, ty, values.first().map_or(&[], Vec::as_slice)),
    }
}

/// Appends an object; false if it is empty.
fn by_key<T>(
    out: &mut Vec<u8>,
    key: &Type,
    all: &[(Vec<u8>, T)],
    show: &mut Show<'_>,
    value: impl Fn(&mut Show<'_>, &mut Vec<u8>, &T),
) -> bool {
    out.push(b'{');
    for (i, (k, v)) in all.iter().enumerate() {
        if i > 0 {
            out.extend_from_slice(b", ");
        }
        show.json_key(out, key, k);
        out.extend_from_slice(b": ");
        value(show, out, v);
    }
    out.push(b'}');
    !all.is_empty()
}

impl Sink for JsonSink {
    fn attached(&mut self, probes: usize) -> io::Result<()> {
        if self.options.quiet {
            return Ok(());
        }
        writeln!(self.stream.text, "{{\"type\": \"attached_probes\", \"count\": {probes}, \"data\": {{\"probes\": {probes}}}}}")?;
        self.stream.write_out()
    }

    fn event(&mut self, action: &Action, payload: &[u8], world: &mut dyn World) -> io::Result<()> {
        match action {
            Action::Printf { format, args } => self.line("printf", world, |show, out| {
                show.json_text(out, |show, out| printf(out, format, args, payload, show));
            }),
            Action::Message { error, format, args, span } => {
                let text = effects::formatted(format, args, payload, &mut show(&self.manifest, world, &mut self.host, 1));
                self.warning(if *error { "errorf" } else { "warnf" }, &String::from_utf8_lossy(&text), *span, None);
            }
            Action::Cat { format, args } => {
                let path = effects::formatted(format, args, payload, &mut show(&self.manifest, world, &mut self.host, 1));
                match effects::cat(&path, self.manifest.settings.max_cat_bytes) {
                    Ok(text) => self.line("cat", world, |show, out| show.json_text(out, |_, out| out.extend(text))),
                    Err(why) => crate::say::err(&format!("ERROR: {why}\n")),
                }
            }
            Action::System { format, args } => {
                let command = effects::formatted(format, args, payload, &mut show(&self.manifest, world, &mut self.host, 1));
                match effects::system(&command) {
                    Ok(text) => self.line("syscall", world, |show, out| show.json_text(out, |_, out| out.extend(text))),
                    Err(why) => crate::say::err(&format!("ERROR: {why}\n")),
                }
            }
            Action::Join { separator, size } => {
                let text = effects::join(payload, *size, separator);
                self.line("join", world, |show, out| show.json_text(out, |_, out| out.extend(text)));
            }
            Action::Unwatch | Action::Packet { .. } => {}
            Action::PrintValue { ty } => self.line("value", world, |show, out| show.json(out, ty, payload)),
            Action::PrintMap { map } => {
                let wish = Wish { top: word(payload, 0), asked: true, zeroed: false };
                self.print_map(*map, wish, word(payload, 8), world)?;
            }
            Action::Report { map } => {
                let Some(info) = self.manifest.maps.get(map.0 as usize).cloned() else { return Ok(()) };
                let entries = world.entries(*map)?;
                self.line("report", world, |show, out| {
                    show.json_text(out, |show, out| super::report::report(out, &info, &entries, word(payload, 0), show));
                });
            }
            Action::PrintEntry { map } => self.print_entry(*map, payload, world)?,
            Action::Time { format } => self.line("time", world, |show, out| {
                show.json_text(out, |_, out| stream::local_time(out, format));
            }),
            Action::Warning { what, helper, span } => {
                let helper = helper.as_deref().map(|h| (h, word(payload, 0) as i64));
                self.warning("runtime_error", what, *span, helper);
            }
            Action::Zero { map } => self.zeroed.zero(&self.manifest, *map, world)?,
            Action::Clear { map } => self.zeroed.clear(*map),
            Action::Exit => {}
        }
        self.stream.event_done()
    }

    fn maps(&mut self, world: &mut dyn World) -> io::Result<()> {
        if self.manifest.settings.print_maps_on_exit {
            for id in stream::by_name(&self.manifest) {
                self.print_map(id, Wish::default(), 1, world)?;
            }
        }
        self.stream.write_out()
    }

    /// Losses that bpftrace does not tell have the form of those that it does.
    fn lost(&mut self, now: Losses, before: Losses) -> io::Result<()> {
        let kinds = [
            (now.events.saturating_sub(before.events), "events"),
            (now.updates.saturating_sub(before.updates), "updates"),
            (now.stacks.saturating_sub(before.stacks), "stacks"),
        ];
        for (n, what) in kinds.into_iter().filter(|k| k.0 > 0) {
            writeln!(self.stream.text, "{{\"type\": \"lost_{what}\", \"count\": {n}, \"data\": {{\"{what}\": {n}}}}}")?;
        }
        self.stream.write_out()
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        open(&mut self.stream.text, "text");
        json_value::text(&mut self.stream.text, text.as_bytes());
        self.stream.text.extend_from_slice(b"}\n");
        Ok(())
    }

    fn tested(&mut self, name: &str, passed: bool, nanos: u64) -> io::Result<()> {
        self.stream.text.extend_from_slice(crate::modes::json_verdict(name, passed, nanos).as_bytes());
        Ok(())
    }

    fn benchmarks(&mut self, results: &[crate::modes::Bench]) -> io::Result<()> {
        for b in results {
            self.stream.text.extend_from_slice(crate::modes::json(b).as_bytes());
        }
        Ok(())
    }

    fn costs(&mut self, costs: &[crate::stats::Cost]) -> io::Result<()> {
        self.stream.text.extend_from_slice(crate::stats::json(costs).as_bytes());
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.batch_done()
    }

    fn mute(&mut self) {
        self.stream.mute();
    }
}
