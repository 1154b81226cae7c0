//! Time series: what the CPUs kept of each interval made one, and the chart of it.

use super::host::{Host, strftime};
use super::value::{Show, word};
use crate::sink::Entry;
use lang::types::{Agg, Fold};
use std::collections::BTreeMap;
use std::io::Write as _;

/// The clock whose readings the intervals count, as in a timestamp.
const CLOCK: u8 = 3;
/// Columns of the chart, its borders included.
const COLUMNS: usize = 53;
/// Of these, those of the smallest value in the header.
const LEFT: usize = 21;
/// Bytes of a cell: value, meta, epoch plus 1.
const CELL: usize = 24;

/// One chart: the intervals that it shows, the empty ones too.
#[derive(Debug, Default)]
pub(super) struct Series {
    /// Nanoseconds of an interval.
    pub interval: u64,
    /// The values are signed.
    pub signed: bool,
    /// The intervals' numbers and values.
    pub values: Vec<(u64, Option<u64>)>,
}

impl Series {
    /// The chart of one series that no other is shown with.
    pub fn alone(agg: Agg, cpus: &[impl AsRef<[u8]>]) -> Series {
        let values = merged(agg, cpus);
        let last = values.keys().next_back().copied();
        shown(agg, &values, last)
    }
}

/// The charts of a map: all end with the latest interval that any of them has. In the order of their keys' bytes.
pub(super) fn gather(agg: Agg, entries: &[Entry]) -> Vec<(Vec<u8>, Series)> {
    let mut all: Vec<_> = entries.iter().map(|e| (&e.key, merged(agg, &e.values))).collect();
    all.sort_by(|a, b| a.0.cmp(b.0));
    let last = all.iter().filter_map(|(_, values)| values.keys().next_back().copied()).max();
    all.into_iter().map(|(key, values)| (key.clone(), shown(agg, &values, last))).collect()
}

/// What all CPUs together have, by the number of the interval.
fn merged(agg: Agg, cpus: &[impl AsRef<[u8]>]) -> BTreeMap<u64, u64> {
    let Agg::TSeries { fold, signed, .. } = agg else { return BTreeMap::new() };
    let mut cells: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for cell in cpus.iter().flat_map(|c| c.as_ref().chunks_exact(CELL)) {
        let (mut value, meta) = (word(cell, 0), word(cell, 8));
        let Some(epoch) = word(cell, 16).checked_sub(1) else { continue };
        // Only the clock of a test gets there: bpftrace takes a reading at the instant 0 for none.
        if fold == Fold::Last && meta == 0 {
            value = 0;
        }
        let less = |a: u64, b: u64| if signed { (a as i64) < b as i64 } else { a < b };
        let so_far = cells.entry(epoch);
        so_far
            .and_modify(|(v, m)| match fold {
                Fold::Last if meta > *m => (*v, *m) = (value, meta),
                Fold::Min if less(value, *v) => *v = value,
                Fold::Max if less(*v, value) => *v = value,
                Fold::Sum => *v = v.wrapping_add(value),
                Fold::Avg => (*v, *m) = (v.wrapping_add(value), m.wrapping_add(meta)),
                Fold::Last | Fold::Min | Fold::Max => {}
            })
            .or_insert((value, meta));
    }
    let average = |total: u64, count: u64| match count {
        0 => 0,
        n if signed => (total as i64).wrapping_div(n as i64) as u64,
        n => total / n,
    };
    cells.into_iter().map(|(epoch, (v, m))| (epoch, if fold == Fold::Avg { average(v, m) } else { v })).collect()
}

/// From the first interval that has a value, if it is not older than what is kept, to `last`; that one alone if there is none.
fn shown(agg: Agg, values: &BTreeMap<u64, u64>, last: Option<u64>) -> Series {
    let Agg::TSeries { interval, intervals, signed, .. } = agg else { return Series::default() };
    let Some(last) = last else { return Series { interval, signed, values: Vec::new() } };
    let oldest = (last + 1).saturating_sub(u64::from(intervals));
    let first = values.range(oldest..=last).next().map_or(last, |(epoch, _)| *epoch);
    Series { interval, signed, values: (first..=last).map(|epoch| (epoch, values.get(&epoch).copied())).collect() }
}

/// Smallest or greatest, or a value: as wide as both signs need.
type Wide = i128;

impl Series {
    /// A value with its sign.
    pub fn wide(&self, value: u64) -> Wide {
        if self.signed { Wide::from(value as i64) } else { Wide::from(value) }
    }

    /// When an interval began: `2026-11-23 14:46:13.800000000`, in UTC, as bpftrace writes it in JSON.
    pub fn start(&self, epoch: u64, host: &mut Host) -> String {
        let nanos = host.wall(epoch.wrapping_mul(self.interval), CLOCK);
        let (seconds, rest) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
        // SAFETY: `tm` is plain data for which zeros are a value, and both pointers are to live values.
        let tm = unsafe {
            let mut tm: libc::tm = std::mem::zeroed();
            libc::gmtime_r(&seconds, &mut tm);
            tm
        };
        let (year, month) = (tm.tm_year + 1900, tm.tm_mon + 1);
        format!("{year:04}-{month:02}-{:02} {:02}:{:02}:{:02}.{rest:09}", tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec)
    }

    /// The borders of the chart: a single value gets a neighbour on both sides, as far as there are any.
    fn borders(&self) -> Option<(Wide, Wide)> {
        let values = self.values.iter().filter_map(|v| v.1).map(|v| self.wide(v));
        let (min, max) = (values.clone().min()?, values.max()?);
        if min != max {
            return Some((min, max));
        }
        let (least, most) = if self.signed { (i64::MIN.into(), i64::MAX.into()) } else { (0, u64::MAX.into()) };
        Some(((min - 1).max(least), (max + 1).min(most)))
    }

    /// `(name of the unit, digits behind the second)`: by the intervals, which a single one does not tell.
    fn unit(&self) -> (&'static str, usize) {
        match if self.values.len() > 1 { self.interval } else { 0 } {
            1_000_000_000.. => ("", 0),
            1_000_000.. => (".ms", 3),
            1_000.. => (".μs", 6),
            _ => (".ns", 9),
        }
    }
}

/// `a - b` as bpftrace reckons it: in 64 bits.
fn distance(a: Wide, b: Wide) -> f32 {
    (a as u64).wrapping_sub(b as u64) as i64 as f32
}

/// Appends a chart.
pub(super) fn chart(out: &mut Vec<u8>, series: &Series, show: &mut Show<'_>) {
    if series.values.is_empty() {
        out.extend_from_slice(b"<no data>");
        return;
    }
    let borders = series.borders();
    let (min, max) = borders.map_or(("null".into(), "null".into()), |(a, b)| (a.to_string(), b.to_string()));
    let (unit, digits) = series.unit();
    let indent = 8 + if digits > 0 { 1 + digits } else { 0 } + 1;
    let _ = writeln!(out, "{:indent$}{min:LEFT$}{max:>width$}", "", width = COLUMNS - LEFT);
    // The padding counts bytes: a Greek letter has two.
    let title = format!("hh:mm:ss{unit}");
    let _ = writeln!(out, "{title}{:fill$}|{:_<line$}|", "", "", fill = indent - title.len(), line = COLUMNS - 2);
    let zero = borders.filter(|(min, max)| *min < 0 && *max > 0);
    let zero = zero.map_or(0, |(min, max)| (COLUMNS as f32 * distance(min, 0) / distance(min, max)) as usize);
    for (epoch, value) in &series.values {
        label(out, show.host.wall(epoch.wrapping_mul(series.interval), CLOCK), digits);
        let mut line = [b' '; COLUMNS];
        (line[0], line[COLUMNS - 1]) = (b'|', b'|');
        if zero > 0 {
            line[zero.min(COLUMNS - 1)] = b'.';
        }
        if let (Some(value), Some((min, max))) = (value, borders) {
            let value = series.wide(*value);
            let at = (COLUMNS - 1) as f32 * distance(min, value) / distance(min, max);
            line[(at as i32).clamp(0, COLUMNS as i32 - 1) as usize] = b'*';
            out.extend_from_slice(&line);
            let _ = writeln!(out, " {value}");
        } else {
            out.extend_from_slice(&line);
            out.extend_from_slice(b" -\n");
        }
    }
    let _ = writeln!(out, "{:indent$}v{:_<line$}v", "", "", line = COLUMNS - 2);
    let _ = writeln!(out, "{:indent$}{min:LEFT$}{max:>width$}", "", width = COLUMNS - LEFT);
}

/// `hh:mm:ss.123 ` of a moment.
fn label(out: &mut Vec<u8>, nanos: i64, digits: usize) {
    let (seconds, rest) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
    out.extend_from_slice(&strftime(b"%H:%M:%S", seconds, 16).unwrap_or_default());
    if digits > 0 {
        let _ = write!(out, ".{:0digits$}", rest / 10i64.pow(9 - digits as u32));
    }
    out.push(b' ');
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Fake, words};
    use super::*;
    use codegen::manifest::Manifest;

    const MS: u64 = 1_000_000;

    fn agg(interval: u64, intervals: u32, fold: Fold, signed: bool) -> Agg {
        Agg::TSeries { interval, intervals, fold, signed }
    }

    /// A CPU's cells, each at its place.
    fn cpu(intervals: usize, cells: &[[i64; 3]]) -> Vec<u8> {
        let mut all = vec![[0; 3]; intervals];
        cells.iter().for_each(|c| all[c[2] as usize % intervals] = [c[0], c[1], c[2] + 1]);
        words(&all.concat())
    }

    /// A chart, without the hours, minutes and seconds of the labels.
    fn text(series: &Series) -> String {
        let (manifest, mut fake, mut host) = (Manifest::default(), Fake::default(), Host { boot: Some(0), ..Host::default() });
        let mut out = Vec::new();
        chart(&mut out, series, &mut Show::new(&manifest, &mut fake, &mut host));
        let text = String::from_utf8(out).unwrap();
        text.lines().map(|l| if l.starts_with(|c: char| c.is_ascii_digit()) { &l[8..] } else { l }).fold(String::new(), |s, l| s + l + "\n")
    }

    fn of(agg: Agg, cells: &[[i64; 3]]) -> String {
        let Agg::TSeries { intervals, .. } = agg else { panic!() };
        text(&Series::alone(agg, &[cpu(intervals as usize, cells)]))
    }

    // Expected texts are the oracle's.

    #[test]
    fn one_value_sits_in_the_middle() {
        let want = "
                   4                                                   6
hh:mm:ss.ns        |___________________________________________________|
.000000000 |                         *                         | 5
                   v___________________________________________________v
                   4                                                   6
";
        assert_eq!(of(agg(1000 * MS, 3, Fold::Last, true), &[[5, 1, 40]]), want[1..]);
        let at = |value, signed| of(agg(1000 * MS, 3, Fold::Last, signed), &[[value, 1, 40]]);
        assert!(at(0, false).contains("\n.000000000 *                                                   | 0\n"));
        let most = at(-1, false);
        assert!(most.starts_with("                   18446744073709551614             18446744073709551615\n"), "{most}");
        assert!(most.contains("\n.000000000 |                                                   * 18446744073709551615\n"));
    }

    #[test]
    fn gaps_and_the_line_of_zero() {
        let want = "
             -1                                                  1
hh:mm:ss.ms  |___________________________________________________|
.100 *                         .                         | -1
.200 |                         .                         | -
.300 |                         .                         * 1
             v___________________________________________________v
             -1                                                  1
";
        assert_eq!(of(agg(100 * MS, 5, Fold::Last, true), &[[-1, 1, 411], [1, 2, 413]]), want[1..]);
        let want = "
             -42                                                 0
hh:mm:ss.ms  |___________________________________________________|
.600 |   *                                               | -38
.700 *                                                   | -42
.800 |                            *                      | -18
.900 |                                    *              | -12
.000 |                                                   * 0
             v___________________________________________________v
             -42                                                 0
";
        let cells = [[-38, 1, 6], [-42, 1, 7], [-18, 1, 8], [-12, 1, 9], [0, 1, 10]];
        assert_eq!(of(agg(100 * MS, 5, Fold::Sum, true), &cells), want[1..]);
    }

    #[test]
    fn a_zigzag() {
        let cells: Vec<[i64; 3]> = (0..10).map(|i| [if i > 5 { 10 - i } else { i } * 2 - 5, 1, 100 + i]).collect();
        let got = of(agg(100 * MS, 20, Fold::Last, true), &cells);
        let rows: Vec<&str> = got.lines().skip(2).take(10).map(|l| &l[5..]).collect();
        assert_eq!(rows[0], "*                         .                         | -5");
        assert_eq!(rows[1], "|         *               .                         | -3");
        assert_eq!(rows[2], "|                   *     .                         | -1");
        assert_eq!(rows[3], "|                         .    *                    | 1");
        assert_eq!(rows[5], "|                         .                         * 5");
    }

    #[test]
    fn units_of_the_labels() {
        let head = |interval| of(agg(interval, 3, Fold::Last, true), &[[1, 1, 5000], [2, 1, 5001]]).lines().nth(1).unwrap().to_string();
        assert!(head(1000 * MS).starts_with("hh:mm:ss |__"));
        assert!(head(MS).starts_with("hh:mm:ss.ms  |__"));
        assert!(head(1000).starts_with("hh:mm:ss.μs    |__"));
        assert!(head(10).starts_with("hh:mm:ss.ns        |__"));
    }

    #[test]
    fn keys_share_the_last_interval() {
        let a = agg(100 * MS, 3, Fold::Last, false);
        let entry = |key, cells: &[[i64; 3]]| Entry { key: words(&[key]), values: vec![cpu(3, cells), cpu(3, &[])] };
        let all = gather(a, &[entry(2, &[[1, 1, 10], [2, 1, 11]]), entry(1, &[[7, 1, 93], [8, 1, 94], [9, 1, 95]])]);
        assert_eq!(all[0].1.values, [(93, Some(7)), (94, Some(8)), (95, Some(9))]);
        assert_eq!(all[1].1.values, [(95, None)]);
        let want = "
                   null                                             null
hh:mm:ss.ns        |___________________________________________________|
.500000000 |                                                   | -
                   v___________________________________________________v
                   null                                             null
";
        assert_eq!(text(&all[1].1), want[1..]);
        let zeroed = gather(a, &[entry(1, &[])]);
        assert_eq!(text(&zeroed[0].1), "<no data>\n");
    }

    #[test]
    fn the_first_interval_of_all_counts_too() {
        let values = |fold, meta| Series::alone(agg(MS, 3, fold, false), &[cpu(3, &[[5, meta, 0], [6, 1, 1]])]).values;
        assert_eq!(values(Fold::Sum, 1), [(0, Some(5)), (1, Some(6))]);
        assert_eq!(values(Fold::Last, 1), [(0, Some(5)), (1, Some(6))]);
        assert_eq!(values(Fold::Last, 0), [(0, Some(0)), (1, Some(6))]);
    }

    #[test]
    fn cpus_are_merged() {
        let merge = |fold, signed, x: [i64; 2], y: [i64; 2]| {
            let cpus = [cpu(2, &[[x[0], x[1], 7]]), cpu(2, &[[y[0], y[1], 7], [4, 1, 8]])];
            let v = Series::alone(agg(MS, 2, fold, signed), &cpus).values;
            assert_eq!(v[1], (8, Some(4)));
            v[0].1.unwrap() as i64
        };
        assert_eq!(merge(Fold::Last, true, [5, 10], [6, 9]), 5);
        assert_eq!(merge(Fold::Last, true, [5, 10], [6, 11]), 6);
        assert_eq!(merge(Fold::Sum, true, [5, 1], [-6, 1]), -1);
        assert_eq!(merge(Fold::Min, true, [5, 1], [-6, 1]), -6);
        assert_eq!(merge(Fold::Min, false, [5, 1], [-6, 1]), 5);
        assert_eq!(merge(Fold::Max, true, [5, 1], [-6, 1]), 5);
        assert_eq!(merge(Fold::Avg, true, [-7, 1], [-8, 1]), -7);
        assert_eq!(merge(Fold::Avg, false, [7, 1], [8, 2]), 5);
    }
}
