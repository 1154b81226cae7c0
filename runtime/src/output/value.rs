//! One value of any type as text.

use crate::sink::{Frame, World};
use codegen::manifest::Settings;
use lang::types::{Int, StackMode, Type};
use std::io::Write as _;

/// Indentation of a frame of a stack.
const INDENT: &str = "        ";

/// What the printing of a value needs besides the value.
pub(super) struct Show<'a> {
    /// The script's settings.
    pub settings: &'a Settings,
    /// Stacks and symbols come from here.
    pub world: &'a mut dyn World,
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

impl Show<'_> {
    /// Appends the value that is stored in `bytes`. Bytes that are missing count as zero.
    pub fn value(&mut self, out: &mut Vec<u8>, ty: &Type, bytes: &[u8]) {
        match ty {
            Type::Void => out.extend_from_slice(b"null"),
            Type::Bool => out.extend_from_slice(if word(bytes, 0) != 0 { b"true" } else { b"false" }),
            Type::Int(int) => self.integer(out, word(bytes, 0), *int),
            Type::Str(size) => self.text(out, bytes, *size),
            Type::Ptr { .. } => {
                let _ = write!(out, "{:#x}", word(bytes, 0));
            }
            Type::Array { elem, len } => self.array(out, elem, *len, bytes),
            Type::Record(_) => out.extend_from_slice(b"{}"),
            Type::Tuple(members) => self.tuple(out, members, bytes),
            Type::KStack { mode, limit } => {
                let frames = word_at(bytes, 0).map(|id| id as i64).filter(|id| *id >= 0);
                let frames = frames.map_or_else(Vec::new, |id| self.world.kernel_stack(id, *limit));
                stack(out, &frames, *mode, false);
            }
            Type::UStack { mode, limit } => {
                let frames = word_at(bytes, 0).map(|id| id as i64).filter(|id| *id >= 0);
                let pid = word(bytes, 8) as u32;
                let frames = frames.map_or_else(Vec::new, |id| self.world.user_stack(id, pid, *limit));
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
        if length > 0 && (length == size || size > self.settings.max_strlen && length >= self.settings.max_strlen) {
            out.extend_from_slice(self.settings.str_trunc_trailer.as_bytes());
        }
    }

    fn array(&mut self, out: &mut Vec<u8>, elem: &Type, len: u32, bytes: &[u8]) {
        out.push(b'[');
        let size = elem.c_size() as usize;
        for i in 0..len as usize {
            if i > 0 {
                out.push(b',');
            }
            let raw = slice(bytes, i * size, size);
            match elem {
                Type::Bool | Type::Int(_) => {
                    let mut stored = [0; 8];
                    let n = raw.len().min(8);
                    stored[..n].copy_from_slice(&raw[..n]);
                    self.value(out, elem, &stored);
                }
                _ => self.value(out, elem, raw),
            }
        }
        out.push(b']');
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

/// A symbol alone, or the address if nothing is known.
fn symbol(out: &mut Vec<u8>, frame: &Frame, value: u64) {
    match &frame.symbol {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => address(out, value),
    }
}

/// A stack starts on a new line and ends with one.
fn stack(out: &mut Vec<u8>, frames: &[Frame], mode: StackMode, user: bool) {
    out.push(b'\n');
    for frame in frames {
        if frame.address == u64::MAX {
            let _ = writeln!(out, "{INDENT}<unwind failure>");
            break;
        }
        match mode {
            StackMode::Raw if frame.inlined => continue,
            StackMode::Raw => {
                let _ = write!(out, "{:x}", frame.address);
            }
            StackMode::Perf => perf_frame(out, frame, user),
            StackMode::Bpftrace => plain_frame(out, frame),
        }
        out.push(b'\n');
    }
}

fn plain_frame(out: &mut Vec<u8>, frame: &Frame) {
    out.extend_from_slice(INDENT.as_bytes());
    let Some(name) = &frame.symbol else { return address(out, frame.address) };
    let _ = if frame.inlined { write!(out, "[inlined] {name}") } else { write!(out, "{name}+{}", frame.offset) };
    if let Some((file, line)) = &frame.source {
        let _ = write!(out, "@{file}:{line}");
    }
}

/// Kernel frames go without their module, as in bpftrace.
fn perf_frame(out: &mut Vec<u8>, frame: &Frame, user: bool) {
    let _ = write!(out, "\t{:x} ", frame.address);
    match &frame.symbol {
        Some(name) if frame.inlined => {
            let _ = write!(out, "{name} (inlined)");
            return;
        }
        Some(name) => {
            let _ = write!(out, "{name}+{}", frame.offset);
        }
        None => address(out, frame.address),
    }
    if user {
        let module = frame.module.as_deref().filter(|_| frame.symbol.is_some());
        let _ = write!(out, " ({})", module.unwrap_or("[unknown]"));
    }
}
