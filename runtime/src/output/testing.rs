//! A session without a kernel.

use super::host::Host;
use super::json::JsonSink;
use super::stream::OutputOptions;
use super::text::TextSink;
use super::value::Show;
use crate::sink::{Entry, Frame, Sink, World};
use codegen::manifest::{Action, Manifest, MapId, MapInfo, Storage};
use lang::types::Type;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;

/// Maps as they were put in; stacks and symbols by a rule.
#[derive(Default)]
pub(super) struct Fake {
    /// What each map holds.
    pub maps: HashMap<u32, Vec<Entry>>,
}

/// Stored words.
pub(super) fn words(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// A value as text.
pub(super) fn shown(manifest: &Manifest, ty: &Type, bytes: &[u8]) -> String {
    let (mut fake, mut host) = (Fake::default(), Host { boot: Some(0), ..Host::default() });
    let mut out = Vec::new();
    Show::new(manifest, &mut fake, &mut host).value(&mut out, ty, bytes);
    String::from_utf8_lossy(&out).into_owned()
}

fn frame(address: u64, name: &str, offset: u64) -> Frame {
    Frame { address, symbol: Some(name.into()), offset, ..Frame::default() }
}

impl World for Fake {
    fn entries(&mut self, map: MapId) -> io::Result<Vec<Entry>> {
        Ok(self.maps.get(&map.0).cloned().unwrap_or_default())
    }

    fn kernel_stack(&mut self, _: i64, limit: u16) -> Vec<Frame> {
        let inlined = Frame { inlined: true, ..frame(0xffff_ffff_8100_0010, "tiny", 0) };
        let mut frames = vec![inlined, frame(0xffff_ffff_8100_0010, "vfs_read", 16), frame(0xffff_ffff_8100_0020, "ksys_read", 106)];
        frames.truncate(usize::from(limit));
        frames
    }

    fn user_stack(&mut self, _: i64, _: u32, _: u16) -> Vec<Frame> {
        let libc = Frame { module: Some("/usr/lib/libc.so.6".into()), ..frame(0x7fb7_4f71_ae89, "syscall", 25) };
        vec![libc, Frame { address: 0x7fb7_4814_2c08, ..Frame::default() }]
    }

    fn kernel_symbol(&mut self, address: u64) -> Frame {
        Frame { address, symbol: (address > 1).then(|| "vfs_read".into()), ..Frame::default() }
    }

    fn user_symbol(&mut self, address: u64, _: u32) -> Frame {
        Frame { address, ..Frame::default() }
    }
}

/// A stream that keeps what is written to it.
#[derive(Clone, Default)]
pub(super) struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.borrow()).into_owned()
    }
}

/// Maps with what they hold, and a sink over them.
#[derive(Default)]
pub(super) struct Bench {
    pub manifest: Manifest,
    pub fake: Fake,
    pub options: OutputOptions,
    pub errors: Shared,
}

impl Bench {
    /// What a sink for JSON writes.
    pub fn json(&mut self, work: impl FnOnce(&mut JsonSink, &mut Fake)) -> String {
        let out = Shared::default();
        let mut sink = JsonSink::new(Arc::new(self.manifest.clone()), Box::new(out.clone()), self.options.clone());
        work(&mut sink, &mut self.fake);
        sink.flush().unwrap();
        out.text()
    }

    pub fn map(&mut self, name: &str, key: Option<Type>, value: Type, storage: Storage, entries: Vec<Entry>) -> MapId {
        let id = self.manifest.maps.len() as u32;
        self.manifest.maps.push(MapInfo { name: name.into(), elf_name: String::new(), key, value, storage });
        self.fake.maps.insert(id, entries);
        MapId(id)
    }

    pub fn hash(&mut self, name: &str, key: Type, value: Type, entries: &[(Vec<u8>, Vec<u8>)]) -> MapId {
        let entries = entries.iter().map(|(k, v)| Entry { key: k.clone(), values: vec![v.clone()] }).collect();
        self.map(name, Some(key), value, Storage::Hash, entries)
    }

    pub fn run(&mut self, work: impl FnOnce(&mut TextSink, &mut Fake)) -> String {
        let out = Shared::default();
        let manifest = Arc::new(self.manifest.clone());
        let sink = TextSink::new(manifest, Box::new(out.clone()), self.options.clone());
        let mut sink = sink.with_errors(Box::new(self.errors.clone()));
        work(&mut sink, &mut self.fake);
        sink.flush().unwrap();
        out.text()
    }

    pub fn event(&mut self, action: Action, payload: &[u8]) -> String {
        self.run(|sink, fake| sink.event(&action, payload, fake).unwrap())
    }

    pub fn at_exit(&mut self) -> String {
        self.run(|sink, fake| sink.maps(fake).unwrap())
    }
}

pub(super) fn int(n: i64) -> Vec<u8> {
    words(&[n])
}

/// A string padded to a multiple of 8.
pub(super) fn text(s: &str) -> Vec<u8> {
    let mut bytes = s.as_bytes().to_vec();
    bytes.resize(s.len() / 8 * 8 + 8, 0);
    bytes
}

pub(super) fn one(values: Vec<Vec<u8>>) -> Vec<Entry> {
    vec![Entry { key: vec![], values }]
}
