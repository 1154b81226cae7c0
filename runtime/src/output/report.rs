//! `report(@map)`: which functions are on top of the stacks of a map, as `perf report` tells it.

use super::aggregate::total;
use super::value::{Show, slice, string, word};
use crate::sink::{Entry, Frame};
use codegen::manifest::MapInfo;
use lang::types::Type;
use std::collections::BTreeMap;
use std::io::Write as _;

/// The function on top, and what else the key says.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    words: Vec<String>,
    kernel: bool,
    symbol: String,
}

/// Appends the functions with their shares, the largest first; at most `rows` of them, all if it is 0.
pub(super) fn report(out: &mut Vec<u8>, info: &MapInfo, entries: &[Entry], rows: u64, show: &mut Show<'_>) {
    let Some(key) = &info.key else { return };
    let parts = match key {
        Type::Tuple(_) | Type::Named(_) => key.members(),
        one => vec![one],
    };
    let mut lines: BTreeMap<Line, u64> = BTreeMap::new();
    let mut all = 0u64;
    for e in entries {
        let n = number(&info.value, e);
        all = all.saturating_add(n);
        *lines.entry(line(&parts, &e.key, show)).or_default() += n;
    }
    let mut lines: Vec<(Line, u64)> = lines.into_iter().filter(|l| l.1 > 0).collect();
    lines.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let rows = if rows == 0 { lines.len() } else { lines.len().min(usize::try_from(rows).unwrap_or(usize::MAX)) };
    let wide = |i: usize| lines[..rows].iter().map(|l| l.0.words.get(i).map_or(0, String::len)).max().unwrap_or(0).max(8);
    let columns: Vec<usize> = (0..lines.first().map_or(0, |l| l.0.words.len())).map(wide).collect();
    for (line, n) in &lines[..rows] {
        let _ = write!(out, "{:8.2}% {n:>12}", *n as f64 * 100.0 / all as f64);
        for (word, wide) in line.words.iter().zip(&columns) {
            let _ = write!(out, "  {word:wide$}");
        }
        let _ = writeln!(out, "  [{}] {}", if line.kernel { 'k' } else { '.' }, line.symbol);
    }
    if rows < lines.len() {
        let rest: u64 = lines[rows..].iter().map(|l| l.1).sum();
        let _ = writeln!(out, "{:8.2}% {rest:>12}  in {} more", rest as f64 * 100.0 / all as f64, lines.len() - rows);
    }
}

fn number(ty: &Type, e: &Entry) -> u64 {
    match ty {
        Type::Agg(agg) => total(*agg, &e.values).value,
        _ => e.values.first().map_or(0, |v| word(v, 0)),
    }
}

/// What of a key is printed: its strings and numbers, and of its stacks the innermost function that was called (what was inlined into
/// it counts as its own, as in `perf report`): of the kernel's if it has one.
fn line(parts: &[&Type], key: &[u8], show: &mut Show<'_>) -> Line {
    let mut line = Line { words: Vec::new(), kernel: false, symbol: String::new() };
    let mut at = 0;
    for ty in parts {
        let stored = slice(key, at, ty.stored_size() as usize);
        at += ty.stored_size() as usize;
        let id = word(stored, 0) as i64;
        match ty {
            Type::KStack { limit, .. } if id >= 0 => {
                if let Some(top) = show.world.kernel_stack(id, *limit).iter().find(|f| !is_way(f)) {
                    line.kernel = true;
                    line.symbol = named(top);
                }
            }
            Type::UStack { limit, .. } if id >= 0 && !line.kernel => {
                if let Some(top) = show.world.user_stack(id, word(stored, 8) as u32, *limit).iter().find(|f| !f.inlined) {
                    line.symbol = named(top);
                }
            }
            Type::KStack { .. } | Type::UStack { .. } => {}
            Type::Str(size) => line.words.push(String::from_utf8_lossy(string(stored, *size)).into_owned()),
            other => {
                let mut text = Vec::new();
                show.value(&mut text, other, stored);
                line.words.push(String::from_utf8_lossy(&text).into_owned());
            }
        }
    }
    if line.symbol.is_empty() {
        line.symbol = "[unknown]".into();
    }
    line
}

/// Functions on the way to where a stack was taken: the program that took it and what calls it, and the scheduler, which says only that
/// the thread waits.
fn is_way(frame: &Frame) -> bool {
    let Some(name) = frame.symbol.as_deref() else { return false };
    let tracer = ["bpf_prog_", "bpf_trace_run", "__bpf_trace_", "__traceiter_", "bpf_trampoline_"];
    tracer.iter().any(|t| name.starts_with(t)) || matches!(name, "__schedule" | "schedule" | "preempt_schedule_common")
}

/// The name of a function; where there is none, the file it is in.
fn named(frame: &Frame) -> String {
    match (&frame.symbol, &frame.module) {
        (Some(name), _) => name.clone(),
        (None, Some(module)) => format!("[{module}]"),
        (None, None) => format!("{:#x}", frame.address),
    }
}

#[cfg(test)]
mod tests {
    use super::super::host::Host;
    use super::super::testing::{Fake, words};
    use super::*;
    use codegen::manifest::{Manifest, Storage};
    use lang::types::StackMode;

    #[test]
    fn shares_by_what_is_printed() {
        let manifest = Manifest::default();
        let (mut fake, mut host) = (Fake::default(), Host::default());
        let mut show = Show::new(&manifest, &mut fake, &mut host);
        let key = Type::Tuple(vec![Type::KStack { mode: StackMode::Bpftrace, limit: 127 }, Type::Str(8)]);
        let info = MapInfo { name: "@".into(), key: Some(key), value: Type::U64, elf_name: String::new(), storage: Storage::Hash };
        let entry = |comm: &[u8; 8], n: i64| Entry { key: [&words(&[-14])[..], comm].concat(), values: vec![words(&[n])] };
        let mut out = Vec::new();
        report(&mut out, &info, &[entry(b"a\0\0\0\0\0\0\0", 1), entry(b"b\0\0\0\0\0\0\0", 3)], 0, &mut show);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "   75.00%            3  b         [.] [unknown]\n   25.00%            1  a         [.] [unknown]\n"
        );
        let mut out = Vec::new();
        report(&mut out, &info, &[entry(b"a\0\0\0\0\0\0\0", 1), entry(b"b\0\0\0\0\0\0\0", 3)], 1, &mut show);
        assert!(String::from_utf8(out).unwrap().ends_with("   25.00%            1  in 1 more\n"));
    }
}
