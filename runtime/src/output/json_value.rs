//! One value of any type in JSON, as bpftrace writes it.
//!
//! Enumerators and pointers are their numbers. A number that a double can't hold exactly is a string. A byte above 127 in a
//! string is `\uffffff` and its two digits (bpftrace's sign extension, which JSON reads as `\uffff` and text).

use super::aggregate::{signed, total};
use super::record::{field_bytes, is_text, number as enumeration};
use super::tseries::Series;
use super::value::{Show, slice, string, word};
use super::{bytes, maps};
use lang::types::{Agg, Type};
use std::io::Write as _;

/// Appends a number, as a string if a double would change it.
pub(super) fn number(out: &mut Vec<u8>, value: i128) {
    let exact = value as f64 as i128 == value;
    let _ = if exact { write!(out, "{value}") } else { write!(out, "\"{value}\"") };
}

/// Appends a string, whatever its bytes are.
pub(super) fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let start = out.len();
    out.extend_from_slice(bytes);
    close(out, start);
}

/// Ends a string whose bytes begin at `start`: those that JSON does not take as they are get their escapes.
fn close(out: &mut Vec<u8>, start: usize) {
    let plain = |b: &u8| matches!(b, b' '..=b'\x7f') && !matches!(b, b'"' | b'\\');
    if let Some(first) = out[start..].iter().position(|b| !plain(b)) {
        for b in out.split_off(start + first) {
            match b {
                b'"' | b'\\' => out.extend_from_slice(&[b'\\', b]),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                0x80.. => {
                    let _ = write!(out, "\\uffffff{b:02x}");
                }
                b if plain(&b) => out.push(b),
                b => {
                    let _ = write!(out, "\\u{b:04x}");
                }
            }
        }
    }
    out.push(b'"');
}

/// Appends what stands before the `i`th of several.
fn separate(out: &mut Vec<u8>, i: usize, separator: &[u8]) {
    if i > 0 {
        out.extend_from_slice(separator);
    }
}

impl Show<'_> {
    /// Appends text that `write` makes as a string.
    pub fn json_text(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Self, &mut Vec<u8>)) {
        out.push(b'"');
        let start = out.len();
        write(self, out);
        close(out, start);
    }

    /// Appends the value that is stored in `bytes`. Bytes that are missing count as zero.
    pub fn json(&mut self, out: &mut Vec<u8>, ty: &Type, stored: &[u8]) {
        match ty {
            Type::Void | Type::Bool => self.value(out, ty, stored),
            Type::Int(_) => self.json_number(out, |show, out| show.value(out, ty, stored)),
            Type::Enum { int, .. } => number(out, enumeration(word(stored, 0), *int).into()),
            Type::Ptr { .. } => number(out, word(stored, 0).into()),
            Type::Array { elem, len } => {
                let size = elem.c_size() as usize;
                self.json_list(out, *len as usize, |show, out, i| show.json_raw(out, elem, slice(stored, i * size, size)));
            }
            Type::Buf(size) => {
                let bytes = bytes::buffer(stored, *size);
                self.json_list(out, bytes.len(), |_, out, i| number(out, (bytes[i] as i8).into()));
            }
            Type::Tuple(members) => {
                let mut at = 0;
                self.json_list(out, members.len(), |show, out, i| {
                    let size = members[i].stored_size() as usize;
                    show.json(out, &members[i], slice(stored, at, size));
                    at += size;
                });
            }
            Type::Named(members) => {
                let mut at = 0;
                self.json_object(out, members.iter().map(|(name, ty)| (name.as_str(), ty)), |show, out, ty| {
                    let size = ty.stored_size() as usize;
                    show.json(out, ty, slice(stored, at, size));
                    at += size;
                });
            }
            Type::Record { name, .. } => self.json_record(out, name, stored),
            Type::Agg(agg) => self.json_aggregate(out, *agg, &[stored]),
            _ => self.json_text(out, |show, out| show.value(out, ty, stored)),
        }
    }

    /// A number that `write` makes as text.
    fn json_number(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Self, &mut Vec<u8>)) {
        let start = out.len();
        write(self, out);
        // Whatever has 15 digits is exact.
        if out.len() - start > 15
            && let Some(value) = std::str::from_utf8(&out[start..]).ok().and_then(|t| t.parse().ok())
        {
            out.truncate(start);
            number(out, value);
        }
    }

    fn json_list(&mut self, out: &mut Vec<u8>, len: usize, mut element: impl FnMut(&mut Self, &mut Vec<u8>, usize)) {
        out.push(b'[');
        for i in 0..len {
            separate(out, i, b",");
            element(self, out, i);
        }
        out.push(b']');
    }

    fn json_object<'a, T>(
        &mut self,
        out: &mut Vec<u8>,
        members: impl Iterator<Item = (&'a str, T)>,
        mut member: impl FnMut(&mut Self, &mut Vec<u8>, T),
    ) {
        out.push(b'{');
        for (i, (name, value)) in members.enumerate() {
            separate(out, i, b", ");
            text(out, name.as_bytes());
            out.extend_from_slice(b": ");
            member(self, out, value);
        }
        out.push(b'}');
    }

    /// A value as it lies in C memory.
    fn json_raw(&mut self, out: &mut Vec<u8>, ty: &Type, raw: &[u8]) {
        match ty {
            Type::Str(size) => text(out, string(raw, *size)),
            _ if ty.is_scalar() => self.json(out, ty, &super::record::widened(ty, raw)),
            _ => self.json(out, ty, raw),
        }
    }

    fn json_record(&mut self, out: &mut Vec<u8>, name: &str, bytes: &[u8]) {
        let manifest = self.manifest;
        let fields = manifest.records.get(name).map_or(&[][..], |l| &l.fields);
        self.json_object(out, fields.iter().map(|f| (f.name.as_str(), f)), |show, out, field| {
            let mut wide = [0; 8];
            let raw = field_bytes(field, bytes, &mut wide);
            match &field.ty {
                _ if is_text(field) => text(out, string(raw, field.ty.c_size())),
                Type::Str(size) => text(out, string(raw, *size)),
                ty => show.json(out, ty, raw),
            }
        });
    }

    /// Appends an aggregation of all CPUs; histograms are elsewhere.
    pub fn json_aggregate(&mut self, out: &mut Vec<u8>, agg: Agg, cpus: &[impl AsRef<[u8]>]) {
        if let Agg::TSeries { .. } = agg {
            return self.json_series(out, &Series::alone(agg, cpus));
        }
        let wide = |value: u64| if signed(agg) { i128::from(value as i64) } else { i128::from(value) };
        let total = total(agg, cpus);
        let value = wide(total.value) / i128::from(self.div);
        if let Agg::Stats(_) = agg {
            let members = [("count", wide(total.count)), ("average", value), ("total", wide(total.sum))];
            self.json_object(out, members.into_iter(), |_, out, n| number(out, n));
        } else {
            number(out, value);
        }
    }

    /// The intervals that have a value.
    pub fn json_series(&mut self, out: &mut Vec<u8>, series: &Series) {
        out.push(b'[');
        let values = series.values.iter().filter_map(|(epoch, value)| Some((*epoch, (*value)?)));
        for (i, (epoch, value)) in values.enumerate() {
            separate(out, i, b",");
            let _ = write!(out, "{{\"interval_start\":\"{}\",\"value\":{}}}", series.start(epoch, self.host), series.wide(value));
        }
        out.push(b']');
    }

    /// Appends a key: always a string, without spaces.
    pub fn json_key(&mut self, out: &mut Vec<u8>, ty: &Type, key: &[u8]) {
        self.json_text(out, |show, out| {
            let start = out.len();
            maps::key_text(out, ty, key, show);
            let text = out.split_off(start);
            out.extend(text.into_iter().filter(|b| *b != b' '));
        });
    }
}
