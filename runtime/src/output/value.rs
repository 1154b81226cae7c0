//! One value of any type as text.

use super::host::{Host, moment};
use super::stack::{stack, symbol};
use super::{bytes, net};
use crate::sink::World;
use codegen::manifest::Manifest;
use lang::types::{Int, StackMode, Type};
use std::io::Write as _;

/// What the printing of a value needs besides the value.
pub(super) struct Show<'a> {
    /// The script's settings, structures, enumerations and texts.
    pub manifest: &'a Manifest,
    /// Stacks and symbols come from here.
    pub world: &'a mut dyn World,
    /// Users, control groups and the time of boot come from here.
    pub host: &'a mut Host,
    /// Integers are divided by this, which is never 0.
    pub div: u32,
    /// Signed integers carry their `+`.
    pub plus: bool,
}

/// The word at byte `at`; `None` if the bytes end before.
pub(super) fn word_at(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..at.checked_add(8)?)?;
    word.try_into().ok().map(u64::from_le_bytes)
}

/// The word at byte `at`, 0 if the bytes end before.
pub(super) fn word(bytes: &[u8], at: usize) -> u64 {
    word_at(bytes, at).unwrap_or(0)
}

/// What lies from byte `at` on, at most `size` bytes.
pub(super) fn slice(bytes: &[u8], at: usize, size: usize) -> &[u8] {
    let rest = bytes.get(at..).unwrap_or(&[]);
    &rest[..size.min(rest.len())]
}

/// The low bits of a stored integer as `int` reads them.
pub(super) fn narrow(value: u64, int: Int) -> u64 {
    match (int.bits, int.signed) {
        (8, true) => value as i8 as u64,
        (16, true) => value as i16 as u64,
        (32, true) => value as i32 as u64,
        (8, false) => u64::from(value as u8),
        (16, false) => u64::from(value as u16),
        (32, false) => u64::from(value as u32),
        _ => value,
    }
}

/// Appends an address: `0x` and its digits, but `0` alone for zero.
pub(super) fn address(out: &mut Vec<u8>, value: u64) {
    let _ = if value == 0 { write!(out, "0") } else { write!(out, "{value:#x}") };
}

/// The bytes of a string: up to its NUL.
pub(super) fn string(bytes: &[u8], size: u32) -> &[u8] {
    let buffer = slice(bytes, 0, size as usize);
    let end = buffer.iter().position(|b| *b == 0).unwrap_or(buffer.len());
    &buffer[..end]
}

impl<'a> Show<'a> {
    /// Values as they are, not divided.
    pub fn new(manifest: &'a Manifest, world: &'a mut dyn World, host: &'a mut Host) -> Show<'a> {
        Show { manifest, world, host, div: 1, plus: false }
    }
}

impl Show<'_> {
    /// Appends the value that is stored in `bytes`. Bytes that are missing count as zero.
    pub fn value(&mut self, out: &mut Vec<u8>, ty: &Type, bytes: &[u8]) {
        match ty {
            Type::Void => out.extend_from_slice(b"null"),
            Type::Bool => out.extend_from_slice(if word(bytes, 0) != 0 { b"true" } else { b"false" }),
            Type::Int(int) => self.integer(out, word(bytes, 0), *int),
            Type::Enum { name, int } => self.enumerator(out, name, *int, word(bytes, 0)),
            Type::Str(size) => self.text(out, bytes, *size),
            Type::Ptr { .. } => {
                let _ = write!(out, "{:#x}", word(bytes, 0));
            }
            Type::Array { elem, len } => self.array(out, elem, *len, bytes),
            Type::Record { name, .. } => self.record(out, name, bytes),
            Type::Named(members) => self.named(out, members, bytes),
            Type::Buf(size) => bytes::escaped(out, bytes::buffer(bytes, *size)),
            Type::Inet => net::inet(out, bytes),
            Type::Mac => net::mac(out, bytes),
            Type::Username => out.extend_from_slice(self.host.user(word(bytes, 0)).as_bytes()),
            Type::Timestamp => self.timestamp(out, bytes),
            Type::CgroupPath => {
                let pattern = self.manifest.strings.get(word(bytes, 8) as usize).map_or("*", String::as_str);
                out.extend_from_slice(self.host.groups(word(bytes, 0), pattern).as_bytes());
            }
            Type::Words { room, separator } => {
                let words = bytes::buffer(bytes, *room);
                let words = words.strip_suffix(&[0]).unwrap_or(words);
                for (i, word) in words.split(|b| *b == 0).enumerate() {
                    if i > 0 {
                        out.extend_from_slice(separator.as_bytes());
                    }
                    out.extend_from_slice(word);
                }
            }
            Type::Call { room, shown, returned } => self.host.calls.print(out, bytes, *room, *shown, *returned),
            Type::Tuple(members) => self.tuple(out, members, bytes),
            Type::KStack { mode, limit } => {
                let frames = word_at(bytes, 0).map(|id| id as i64).filter(|id| *id >= 0);
                let frames = frames.map_or_else(Vec::new, |id| self.world.kernel_stack(id, *limit));
                stack(out, &frames, *mode, false);
            }
            Type::UStack { mode, limit } => {
                let frames = word_at(bytes, 0).map(|id| id as i64).filter(|id| *id >= 0);
                let pid = word(bytes, 8) as u32;
                let frames = frames.map_or_else(Vec::new, |id| match mode {
                    StackMode::BuildId => self.world.build_ids(id, *limit),
                    _ => self.world.user_stack(id, pid, *limit),
                });
                stack(out, &frames, *mode, true);
            }
            Type::Ksym => {
                let frame = self.world.kernel_symbol(word(bytes, 0));
                symbol(out, &frame, word(bytes, 0));
            }
            Type::Usym => {
                let frame = self.world.user_symbol(word(bytes, 0), word(bytes, 8) as u32);
                symbol(out, &frame, word(bytes, 0));
            }
            Type::Agg(agg) => self.aggregate(out, *agg, &[bytes]),
        }
    }

    /// Appends a signed or unsigned integer, divided by `div` in the integer's own width.
    pub fn integer(&mut self, out: &mut Vec<u8>, value: u64, int: Int) {
        let value = narrow(value, int);
        if int.signed {
            let div = narrow(u64::from(self.div), int) as i64;
            self.signed(out, (value as i64).wrapping_div(if div == 0 { 1 } else { div }));
        } else {
            let _ = write!(out, "{}", value / u64::from(self.div));
        }
    }

    /// Appends a signed number.
    pub fn signed(&self, out: &mut Vec<u8>, value: i64) {
        let _ = if self.plus { write!(out, "{value:+}") } else { write!(out, "{value}") };
    }

    /// A string, and the trailer if it is as long as a string of the script may be, or fills its buffer without a NUL: then
    /// there was more of it in all likelihood.
    fn text(&mut self, out: &mut Vec<u8>, bytes: &[u8], size: u32) {
        let text = string(bytes, size);
        out.extend_from_slice(text);
        let length = text.len() as u32;
        // An array of char may be full.
        if length > 0 && size >= self.manifest.settings.max_strlen && length >= self.manifest.settings.max_strlen {
            out.extend_from_slice(self.manifest.settings.str_trunc_trailer.as_bytes());
        }
    }

    fn array(&mut self, out: &mut Vec<u8>, elem: &Type, len: u32, bytes: &[u8]) {
        out.push(b'[');
        let size = elem.c_size() as usize;
        for i in 0..len as usize {
            if i > 0 {
                out.push(b',');
            }
            self.raw(out, elem, slice(bytes, i * size, size));
        }
        out.push(b']');
    }

    /// Two words: the time, and the number of the format with the clock in the low byte.
    fn timestamp(&mut self, out: &mut Vec<u8>, bytes: &[u8]) {
        let (nanos, format) = (word(bytes, 0), word(bytes, 8));
        let format_text = self.manifest.strings.get((format >> 8) as usize).map_or("", String::as_str);
        let nanos = self.host.wall(nanos, format as u8);
        out.extend_from_slice(&moment(format_text, nanos, self.manifest.settings.max_strlen as usize));
    }

    fn tuple(&mut self, out: &mut Vec<u8>, members: &[Type], bytes: &[u8]) {
        out.push(b'(');
        let mut at = 0;
        for (i, ty) in members.iter().enumerate() {
            if i > 0 {
                out.extend_from_slice(b", ");
            }
            let size = ty.stored_size() as usize;
            self.value(out, ty, slice(bytes, at, size));
            at += size;
        }
        out.push(b')');
    }
}
