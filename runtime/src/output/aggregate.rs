//! Aggregations: what the CPUs counted, made one.

use super::value::{Show, word};
use lang::types::{Agg, Int};
use std::io::Write as _;

/// An aggregation over all CPUs (histograms apart).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Total {
    /// The count, the sum, the smallest, the greatest, or the average.
    pub value: u64,
    /// How many values were averaged.
    pub count: u64,
    /// Their sum.
    pub sum: u64,
    /// Something was added since the map was created, cleared or zeroed, as far as the values tell.
    pub updated: bool,
}

/// Whether the values are signed.
pub(super) fn signed(agg: Agg) -> bool {
    match agg {
        Agg::Sum(i) | Agg::Min(i) | Agg::Max(i) | Agg::Avg(i) | Agg::Stats(i) => i.signed,
        Agg::TSeries { signed, .. } => signed,
        Agg::Count | Agg::Hist { .. } | Agg::LHist { .. } => false,
    }
}

/// Merges the values of the CPUs.
pub(super) fn total(agg: Agg, cpus: &[impl AsRef<[u8]>]) -> Total {
    let pairs = cpus.iter().map(|c| (word(c.as_ref(), 0), word(c.as_ref(), 8)));
    match agg {
        Agg::Min(int) => extreme(pairs, int, |a, b| a < b),
        Agg::Max(int) => extreme(pairs, int, |a, b| a > b),
        Agg::Avg(int) | Agg::Stats(int) => average(pairs, int),
        Agg::Count | Agg::Sum(_) | Agg::Hist { .. } | Agg::LHist { .. } | Agg::TSeries { .. } => {
            let (mut sum, mut updated) = (0u64, false);
            for (value, _) in pairs {
                sum = sum.wrapping_add(value);
                updated |= value != 0;
            }
            Total { value: sum, count: 0, sum, updated }
        }
    }
}

/// The winner among the CPUs that have a value. `wins` compares numbers wide enough for both signs.
fn extreme(pairs: impl Iterator<Item = (u64, u64)>, int: Int, wins: fn(i128, i128) -> bool) -> Total {
    let wide = |v: u64| if int.signed { i128::from(v as i64) } else { i128::from(v) };
    let mut best = None;
    for (value, is_set) in pairs {
        if is_set != 0 && best.is_none_or(|b| wins(wide(value), wide(b))) {
            best = Some(value);
        }
    }
    Total { value: best.unwrap_or(0), count: 0, sum: 0, updated: best.is_some() }
}

fn average(pairs: impl Iterator<Item = (u64, u64)>, int: Int) -> Total {
    let (mut sum, mut count) = (0u64, 0u64);
    for (s, c) in pairs {
        sum = sum.wrapping_add(s);
        count = count.wrapping_add(c);
    }
    let value = match (count, int.signed) {
        (0, _) => 0,
        (_, true) => (sum as i64).wrapping_div(count as i64) as u64,
        (_, false) => sum / count,
    };
    Total { value, count, sum, updated: count != 0 }
}

impl Show<'_> {
    /// Appends an aggregation; `div` divides a number, of `stats` the average alone.
    pub fn aggregate(&mut self, out: &mut Vec<u8>, agg: Agg, cpus: &[impl AsRef<[u8]>]) {
        let total = total(agg, cpus);
        let div = u64::from(self.div);
        let number = |out: &mut Vec<u8>, value: u64, div: u64| {
            let _ = if signed(agg) { write!(out, "{}", (value as i64).wrapping_div(div as i64)) } else { write!(out, "{}", value / div) };
        };
        if matches!(agg, Agg::Stats(_)) {
            out.extend_from_slice(b"{ .count = ");
            number(out, total.count, 1);
            out.extend_from_slice(b", .average = ");
            number(out, total.value, div);
            out.extend_from_slice(b", .total = ");
            number(out, total.sum, 1);
            out.extend_from_slice(b" }");
        } else {
            number(out, total.value, div);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(words: &[i64]) -> Vec<u8> {
        words.iter().flat_map(|w| w.to_le_bytes()).collect()
    }

    #[test]
    fn extremes_respect_sign_and_unset_cpus() {
        let cpus = [cpu(&[0, 0]), cpu(&[-5, 1]), cpu(&[7, 1])];
        assert_eq!(total(Agg::Min(Int::I64), &cpus).value as i64, -5);
        assert_eq!(total(Agg::Max(Int::I64), &cpus).value, 7);
        assert_eq!(total(Agg::Min(Int::U64), &cpus).value, 7);
        assert_eq!(total(Agg::Max(Int::U64), &cpus).value as i64, -5);
        assert!(!total(Agg::Max(Int::I64), &cpus[..1]).updated);
    }

    #[test]
    fn averages_truncate_toward_zero() {
        let cpus = [cpu(&[-7, 1]), cpu(&[-8, 1])];
        let t = total(Agg::Stats(Int::I64), &cpus);
        assert_eq!((t.value as i64, t.count, t.sum as i64), (-7, 2, -15));
        assert_eq!(total(Agg::Avg(Int::U64), &[cpu(&[11, 2])]).value, 5);
    }
}
