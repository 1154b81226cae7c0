//! Whole maps: the order of their entries and the lines they make.

use super::aggregate::{self, total};
use super::hist::hist;
use super::tseries::{self, Series};
use super::value::{Show, narrow, slice, string, word};
use crate::sink::Entry;
use codegen::manifest::{MapInfo, Storage};
use lang::types::{Agg, Type};
use std::cmp::Ordering;
use std::collections::HashMap;

/// How a map is to be printed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wish {
    /// The last so many entries in their order; 0 for all.
    pub top: u64,
    /// By `print(@map)`, which shows a scalar that was never assigned as zero; at exit such a map is left out.
    pub asked: bool,
    /// `zero(@map)` made it what it is: it was assigned, though its values may not show it.
    pub zeroed: bool,
}

/// Appends a map's entries.
pub(super) fn map(out: &mut Vec<u8>, info: &MapInfo, entries: Vec<Entry>, wish: Wish, show: &mut Show<'_>) {
    match &info.value {
        Type::Agg(agg) if agg.is_hist() => histograms(out, info, *agg, entries, wish, show),
        Type::Agg(agg @ Agg::TSeries { .. }) => time_series(out, info, *agg, &entries, wish, show),
        _ if info.key.is_none() => scalar(out, info, entries.first(), wish, show),
        _ => keyed(out, info, entries, wish.top, show),
    }
}

/// True if the entry of a map without keys was assigned or updated, as far as its values tell.
pub(super) fn updated(info: &MapInfo, found: Option<&Entry>) -> bool {
    found.is_some_and(|e| match (&info.value, info.storage) {
        // The one entry of a per-CPU array is always there.
        (Type::Agg(agg), _) if agg.is_hist() => keyless_counts(*agg, e).iter().any(|c| *c > 0),
        (Type::Agg(agg @ Agg::TSeries { .. }), _) => !Series::alone(*agg, &e.values).values.is_empty(),
        (Type::Agg(agg), Storage::PerCpuArray) => total(*agg, &e.values).updated,
        _ => true,
    })
}

/// Appends the value of one entry, without its key, as `print(@map[key])` does. A missing entry is zero.
pub(super) fn entry(out: &mut Vec<u8>, ty: &Type, entry: Option<&Entry>, show: &mut Show<'_>) {
    let values = entry.map_or(&[][..], |e| &e.values);
    match ty {
        Type::Agg(agg @ Agg::TSeries { .. }) => tseries::chart(out, &Series::alone(*agg, values), show),
        Type::Agg(agg) if !agg.is_hist() => show.aggregate(out, *agg, values),
        _ => show.value(out, ty, values.first().map_or(&[], Vec::as_slice)),
    }
}

fn scalar(out: &mut Vec<u8>, info: &MapInfo, found: Option<&Entry>, wish: Wish, show: &mut Show<'_>) {
    if !wish.asked && !wish.zeroed && !updated(info, found) {
        return;
    }
    out.extend_from_slice(info.name.as_bytes());
    out.extend_from_slice(b": ");
    entry(out, &info.value, found, show);
    out.push(b'\n');
}

/// The last `top` entries in their order; all if it is 0.
pub(super) fn ordered(key: &Type, value: &Type, mut entries: Vec<Entry>, top: u64) -> Vec<Entry> {
    entries.sort_by(|a, b| by_key(key, &a.key, &b.key));
    sort_by_value(value, &mut entries);
    last(entries, top)
}

fn keyed(out: &mut Vec<u8>, info: &MapInfo, entries: Vec<Entry>, top: u64, show: &mut Show<'_>) {
    let Some(key) = &info.key else { return };
    for e in &ordered(key, &info.value, entries, top) {
        name(out, info, key, &e.key, show);
        out.extend_from_slice(b"]: ");
        entry(out, &info.value, Some(e), show);
        out.push(b'\n');
    }
}

fn histograms(out: &mut Vec<u8>, info: &MapInfo, agg: Agg, entries: Vec<Entry>, wish: Wish, show: &mut Show<'_>) {
    let div = show.div;
    let Some(key) = &info.key else {
        let counts = entries.first().map_or_else(Vec::new, |e| keyless_counts(agg, e));
        if wish.zeroed || counts.iter().any(|c| *c > 0) {
            out.extend_from_slice(info.name.as_bytes());
            out.extend_from_slice(b":\n");
            hist(out, agg, &counts, div);
            out.push(b'\n');
        }
        return;
    };
    for (k, counts) in &ordered_histograms(agg, key, entries, wish.top) {
        name(out, info, key, k, show);
        out.extend_from_slice(b"]:\n");
        hist(out, agg, counts, div);
        out.push(b'\n');
    }
}

/// The last `top` histograms by the sum of their counts; all if it is 0.
pub(super) fn ordered_histograms(agg: Agg, key: &Type, entries: Vec<Entry>, top: u64) -> Vec<(Vec<u8>, Vec<u64>)> {
    let mut all: Vec<(Vec<u8>, Vec<u64>)> = by_histogram(agg, key, entries).into_iter().collect();
    all.sort_by(|a, b| by_key(key, &a.0, &b.0));
    all.sort_by_key(|(_, counts)| counts.iter().fold(0u64, |sum, c| sum.wrapping_add(*c)));
    last(all, top)
}

/// Charts come in the order of the keys' bytes, all of them, and show the same intervals.
fn time_series(out: &mut Vec<u8>, info: &MapInfo, agg: Agg, entries: &[Entry], wish: Wish, show: &mut Show<'_>) {
    let all = tseries::gather(agg, entries);
    let Some(key) = &info.key else {
        let Some((_, series)) = all.first().filter(|(_, s)| wish.zeroed || !s.values.is_empty()) else { return };
        out.extend_from_slice(info.name.as_bytes());
        out.extend_from_slice(b":\n");
        tseries::chart(out, series, show);
        out.push(b'\n');
        return;
    };
    for (k, series) in &all {
        name(out, info, key, k, show);
        out.extend_from_slice(b"]:\n");
        tseries::chart(out, series, show);
        out.push(b'\n');
    }
}

/// `@name[key`.
fn name(out: &mut Vec<u8>, info: &MapInfo, ty: &Type, key: &[u8], show: &mut Show<'_>) {
    out.extend_from_slice(info.name.as_bytes());
    out.push(b'[');
    key_text(out, ty, key, show);
}

/// A key without the parentheses of several keys (and without those of a string that looks like it).
pub(super) fn key_text(out: &mut Vec<u8>, ty: &Type, key: &[u8], show: &mut Show<'_>) {
    let start = out.len();
    let div = std::mem::replace(&mut show.div, 1);
    show.value(out, ty, key);
    show.div = div;
    if out.len() >= start + 2 && out[start] == b'(' && out.last() == Some(&b')') {
        out.pop();
        out.remove(start);
    }
}

/// The buckets of a histogram without keys: each CPU has all of them.
pub(super) fn keyless_counts(agg: Agg, entry: &Entry) -> Vec<u64> {
    let bucket = |i: usize| entry.values.iter().fold(0u64, |sum, cpu| sum.wrapping_add(word(cpu, i * 8)));
    (0..agg.buckets() as usize).map(bucket).collect()
}

/// Gathers the buckets of each key: the bucket's number is the last word of an entry's key.
fn by_histogram(agg: Agg, key: &Type, entries: Vec<Entry>) -> HashMap<Vec<u8>, Vec<u64>> {
    let buckets = agg.buckets() as usize;
    let size = key.stored_size() as usize;
    let mut all: HashMap<Vec<u8>, Vec<u64>> = HashMap::new();
    for e in entries {
        let mut k = e.key;
        let bucket = word(&k, size) as usize;
        k.truncate(size);
        let counts = all.entry(k).or_insert_with(|| vec![0; buckets]);
        if let Some(count) = counts.get_mut(bucket) {
            *count = e.values.iter().fold(*count, |sum, cpu| sum.wrapping_add(word(cpu, 0)));
        }
    }
    all
}

/// The last `top` elements; all if it is 0.
fn last<T>(mut all: Vec<T>, top: u64) -> Vec<T> {
    let skip = if top == 0 { 0 } else { all.len().saturating_sub(usize::try_from(top).unwrap_or(usize::MAX)) };
    all.split_off(skip)
}

/// Numbers sort by value (`min` and `max` as if unsigned, `avg` and `stats` by the average); everything else stays in the
/// order of the keys, which is also the order among equals.
fn sort_by_value(ty: &Type, entries: &mut [Entry]) {
    let first = |e: &Entry| e.values.first().map_or(0, |v| word(v, 0));
    match ty {
        Type::Int(int) | Type::Enum { int, .. } if int.signed => entries.sort_by_key(|e| first(e) as i64),
        Type::Int(_) | Type::Enum { .. } => entries.sort_by_key(first),
        Type::Agg(agg @ (Agg::Min(_) | Agg::Max(_))) => entries.sort_by_key(|e| total(*agg, &e.values).value),
        Type::Agg(agg) if aggregate::signed(*agg) => entries.sort_by_key(|e| total(*agg, &e.values).value as i64),
        Type::Agg(agg) => entries.sort_by_key(|e| total(*agg, &e.values).value),
        _ => {}
    }
}

/// Integers compare as signed, strings byte by byte, tuples member by member. bpftrace leaves the rest in the order of the
/// kernel's hash, which is none; here it is the order of the bytes.
fn by_key(ty: &Type, a: &[u8], b: &[u8]) -> Ordering {
    match ty {
        Type::Int(int) | Type::Enum { int, .. } => {
            let signed = lang::types::Int { signed: true, ..*int };
            (narrow(word(a, 0), signed) as i64).cmp(&(narrow(word(b, 0), signed) as i64))
        }
        Type::Str(size) => string(a, *size).cmp(string(b, *size)),
        Type::Tuple(members) => by_members(members.iter(), a, b),
        Type::Named(members) => by_members(members.iter().map(|m| &m.1), a, b),
        Type::Bool | Type::Ptr { .. } | Type::Ksym | Type::Usym => (word(a, 0), word(a, 8)).cmp(&(word(b, 0), word(b, 8))),
        _ => a.cmp(b),
    }
}

fn by_members<'a>(members: impl Iterator<Item = &'a Type>, a: &[u8], b: &[u8]) -> Ordering {
    let mut at = 0;
    for m in members {
        let size = m.stored_size() as usize;
        let order = by_key(m, slice(a, at, size), slice(b, at, size));
        if order != Ordering::Equal {
            return order;
        }
        at += size;
    }
    Ordering::Equal
}
