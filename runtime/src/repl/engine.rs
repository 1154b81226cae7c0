//! The traced side of a session: entries are compiled together, loaded, attached, and take over from what ran before.
//!
//! With every entry the whole session is compiled anew, so that types agree as in one script. The new programs take the maps of the old
//! ones (in the kernel, so that nothing is copied) where key and value are still stored alike; maps without keys are copied at the
//! moment of the change. The new programs are attached before the old ones stop, but do nothing until then: no event is seen
//! twice, and those of the short time between the stop of the one and the start of the other are missed.

use super::compile::{self, Setup, same_contents};
use super::console::Console;
use super::entry::{Entry, Reading};
use crate::attach::{self, Attached};
use crate::facts::points;
use crate::kernel::LiveKernel;
use crate::load::{self, Bss, LoadError, Loaded};
use crate::output::stream::OutputOptions;
use crate::output::text::TextSink;
use crate::session::{Run, SessionError, fire_programs};
use crate::sink::{Sink, World};
use crate::sys::wait;
use crate::verifier;
use codegen::manifest::{BSS, Manifest, MapId, ProgramInfo, RING, SCRATCH, Storage, Target, bss};
use lang::diag::{self, Diagnostic};
use lang::source::SourceMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// What runs.
pub(crate) struct Generation {
    pub loaded: Loaded,
    pub bss: Bss,
    pub attached: Attached,
    sources: SourceMap,
    manifest: Arc<Manifest>,
    /// Its instructions.
    pub asm: String,
}

impl Generation {
    /// Where its events go.
    pub fn sink(&self, console: &Console) -> TextSink {
        let options = OutputOptions { quiet: true, sources: Some(self.sources.clone()), ..OutputOptions::default() };
        TextSink::new(self.manifest.clone(), Box::new(console.clone()), options).with_errors(Box::new(console.clone()))
    }

    fn info(&self, name: &str) -> Option<(MapId, &codegen::manifest::MapInfo)> {
        let at = self.manifest.maps.iter().position(|m| m.name == name)?;
        Some((MapId(at as u32), &self.manifest.maps[at]))
    }

    /// The map that programs of another script of the session may use as theirs.
    fn shared(&self, script: &Manifest, name: &str) -> Option<OwnedFd> {
        if [RING, SCRATCH, BSS].contains(&name) {
            return None;
        }
        if let Some(new) = script.maps.iter().find(|m| m.elf_name == name) {
            let (_, old) = self.info(&new.name)?;
            if !same_contents((&self.manifest, old), (script, new)) {
                return None;
            }
        } else if !name.starts_with("stacks") && !name.starts_with("build_ids") {
            return None;
        }
        self.loaded.map(name)?.try_clone_to_owned().ok()
    }

    /// Takes over from `old`, which has stopped. The names of maps whose contents are lost.
    pub fn take_over(&self, old: &Generation, run: &mut Run<'_>) -> Vec<String> {
        let mut lost = Vec::new();
        for (i, info) in old.manifest.maps.iter().enumerate() {
            let Some((_, new)) = self.info(&info.name) else { continue };
            if !same_contents((&old.manifest, info), (&self.manifest, new)) {
                if run.live.entries(MapId(i as u32)).is_ok_and(|e| !e.is_empty()) {
                    lost.push(info.name.clone());
                }
            } else if let (Storage::Global { offset: from }, Storage::Global { offset: to }) = (info.storage, new.storage) {
                for at in (0..8 + info.value.stored_size()).step_by(8) {
                    self.bss.set(to + at, old.bss.get(from + at));
                }
            }
        }
        for word in [bss::START, bss::WALL] {
            self.bss.set(word, old.bss.get(word));
        }
        lost
    }

    /// Runs what the entry of that number runs at once: `begin` probes and iterators.
    pub fn start(&self, run: &mut Run<'_>, sink: &mut dyn Sink, fresh: Option<usize>) -> Result<(), SessionError> {
        let is_fresh = |p: &ProgramInfo| fresh.is_some_and(|f| p.span.file.0 as usize == f);
        self.bss.set(bss::STOP, 0);
        fire_programs(&self.loaded, &mut run.metrics, |p, t| is_fresh(p) && *t == Target::Begin)?;
        run.drain(sink)?;
        run.iterate(sink, is_fresh)?;
        run.drain(sink)
    }
}

/// The entries of a session and how they become programs.
pub(crate) struct Engine {
    pub kernel: LiveKernel,
    pub setup: Setup,
    pub entries: Vec<Entry>,
    pub next: usize,
}

/// A generation that is loaded and attached, and waits for the moment to take over.
pub(crate) struct Ready {
    pub generation: Generation,
    /// What the entries are then.
    pub entries: Vec<Entry>,
    /// The place of the new entry among the files.
    pub fresh: Option<usize>,
    /// What is to be said.
    pub notes: String,
}

impl Engine {
    pub fn new(setup: Setup) -> Engine {
        let kernel = LiveKernel::of_process(setup.pid, None, Vec::new(), None);
        Engine { kernel, setup, entries: Vec::new(), next: 1 }
    }

    /// Adds what was typed: the first reading that compiles, or the last one's mistakes.
    pub fn add(&mut self, readings: Vec<Reading>, current: Option<&Generation>) -> Result<Ready, String> {
        let id = self.next;
        let mut refusal = String::new();
        for reading in readings {
            let entry = Entry { id, source: reading.source, ran: reading.once };
            let mut all = self.entries.clone();
            all.push(entry);
            match self.prepare(&all, current) {
                Ok((generation, mut notes)) => {
                    let fresh = Some(all.len() - 1);
                    if reading.once && !self.gives_types(&all) {
                        all.pop();
                    } else {
                        self.next += 1;
                        let what = if reading.once {
                            "kept: a map has its type from here".into()
                        } else {
                            attached_points(&generation, all.len() - 1)
                        };
                        notes.push_str(&format!("[{id}] {what}\n"));
                    }
                    return Ok(Ready { generation, entries: all, fresh, notes });
                }
                Err(why) => refusal = why,
            }
        }
        Err(refusal)
    }

    /// Goes on without an entry.
    pub fn remove(&mut self, id: usize, current: Option<&Generation>) -> Result<Ready, String> {
        let mut all = self.entries.clone();
        let before = all.len();
        all.retain(|e| e.id != id);
        if all.len() == before {
            return Err(format!("there is no entry {id}: `:probes` lists them\n"));
        }
        let (generation, notes) = self.prepare(&all, current)?;
        Ok(Ready { generation, entries: all, fresh: None, notes })
    }

    /// Whether the last entry, which has run, makes a map what it is: no other entry does.
    fn gives_types(&self, all: &[Entry]) -> bool {
        let maps = |entries: &[Entry]| {
            let checked = compile::check(entries, &self.kernel, &self.setup).ok()?;
            Some(checked.program.maps.into_iter().map(|m| (m.name, m.key, m.value)).collect::<Vec<_>>())
        };
        let (with, without) = (maps(all).unwrap_or_default(), maps(&all[..all.len() - 1]).unwrap_or_default());
        // A map that is only read has no type of its own.
        with.iter().any(|m| m.2 != lang::types::Type::Void && !without.contains(m))
    }

    fn prepare(&self, entries: &[Entry], current: Option<&Generation>) -> Result<(Generation, String), String> {
        let checked = compile::check(entries, &self.kernel, &self.setup)?;
        let mut asm = String::new();
        let artifact = compile::compile(&checked, &self.kernel, &self.setup, &mut asm)?;
        let manifest = Arc::new(artifact.manifest.clone());
        let shared = |script: &Manifest, name: &str| current?.shared(script, name);
        let refused = |d: Diagnostic| diag::render(&[d], &checked.sources, self.setup.color);
        let loaded = load::load_with(artifact, shared).map_err(|e| match e {
            LoadError::Verifier { probe, span, reason, log } => refused(verifier::explain(&probe, span, &reason, &log)),
            other => format!("ERROR: {other}\n"),
        })?;
        let plain = |e: std::io::Error| format!("ERROR: {e}\n");
        let bss = Bss::map(&loaded).map_err(plain)?.ok_or("ERROR: the object has no .bss\n")?;
        bss.set(bss::STOP, 1);
        bss.set(bss::START, wait::monotonic_nanos());
        bss.set(bss::WALL, wait::wall_delta());
        let mut attached =
            attach::attach(&loaded, self.setup.pid, None).map_err(|e| refused(Diagnostic::error(e.point.span, e.to_string())))?;
        let mut notes = checked.warnings;
        for missing in attached.missing.drain(..) {
            notes.push_str(&diag::render(
                &[Diagnostic::warning(missing.point.span, missing.to_string())],
                &checked.sources,
                self.setup.color,
            ));
        }
        Ok((Generation { loaded, bss, attached, sources: checked.sources, manifest, asm }, notes))
    }

    /// The type of an expression, in a probe if one is named.
    pub fn type_of(&self, text: &str) -> Result<String, String> {
        let (probe, expr) = match text.split_once(' ') {
            Some((p, e)) if p.contains(':') && lang::parse::begins_item(p) => (p, e),
            _ => ("begin", text),
        };
        let mut all = self.entries.clone();
        all.push(Entry { id: self.next, source: format!("{probe} {{ $it = ({expr}); }}"), ran: true });
        let checked = compile::check(&all, &self.kernel, &self.setup)?;
        let ty = checked.program.probes.iter().rfind(|p| p.span.file.0 as usize == all.len() - 1).and_then(|p| p.vars.last());
        ty.map(|t| format!("{t}\n")).ok_or_else(|| "this has no type\n".into())
    }
}

/// `2 probes attached`, of an entry.
fn attached_points(generation: &Generation, file: usize) -> String {
    let mine = |p: &&ProgramInfo| p.span.file.0 as usize == file;
    let programs = generation.manifest.programs.iter().filter(mine).cloned().collect();
    let n = points(&Manifest { programs, ..Manifest::default() });
    match n {
        0 => "nothing to attach".into(),
        1 => "1 probe attached".into(),
        n => format!("{n} probes attached"),
    }
}
