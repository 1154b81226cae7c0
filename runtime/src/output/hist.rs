//! Histograms as text. The buckets are those of [`Agg::buckets`].

use super::json_value;
use lang::types::Agg;
use std::io::Write as _;

/// Columns of the longest bar.
const BAR: usize = 52;

/// A border between two buckets.
struct Label {
    text: String,
    /// The number, if it is shown as such: two buckets' borders that are neighbours make `[5]` of `[5, 6)`.
    plain: Option<i64>,
    /// The number.
    number: i128,
}

/// A bucket that is shown.
struct Bucket {
    below: Option<Label>,
    above: Option<Label>,
    count: u64,
}

/// From the first bucket that holds something to the last. None if all are empty. Counts are divided by `div`.
fn shown(agg: Agg, counts: &[u64], div: u32) -> Vec<Bucket> {
    let mut counts = &counts[..counts.len().min(agg.buckets() as usize)];
    let merged;
    if let Agg::LHist { min, max, step } = agg
        && (i128::from(max) - i128::from(min)) % i128::from(step.max(1)) != 0
    {
        merged = merge_uneven_end(counts);
        counts = &merged;
    }
    // `div` is without effect on linear histograms.
    let div = if matches!(agg, Agg::Hist { .. }) { u64::from(div.max(1)) } else { 1 };
    let Some(first) = counts.iter().position(|c| *c > 0) else { return Vec::new() };
    let last = counts.iter().rposition(|c| *c > 0).unwrap_or(first);
    let bucket = |i: usize| Bucket { below: i.checked_sub(1).and_then(|i| upper(agg, i)), above: upper(agg, i), count: counts[i] / div };
    (first..=last).map(bucket).collect()
}

/// Appends the lines of a histogram.
pub(super) fn hist(out: &mut Vec<u8>, agg: Agg, counts: &[u64], div: u32) {
    let buckets = shown(agg, counts, div);
    let most = buckets.iter().map(|b| b.count).max().unwrap_or(0);
    for Bucket { below, above, count } in buckets {
        let header = header(below.as_ref(), above.as_ref());
        // Single precision, as in bpftrace: the lengths of bars of great counts depend on it.
        let bar = if most == 0 { 0 } else { (count as f32 / most as f32 * BAR as f32) as usize };
        let _ = writeln!(out, "{header:<16}{count:>8} |{:<BAR$}|", &BARS[..bar.min(BAR)]);
    }
}

/// Appends a histogram in JSON: a list of buckets, whose borders both belong to them.
pub(super) fn json(out: &mut Vec<u8>, agg: Agg, counts: &[u64], div: u32) {
    out.push(b'[');
    for (i, Bucket { below, above, count }) in shown(agg, counts, div).into_iter().enumerate() {
        out.extend_from_slice(if i > 0 { b",{" } else { b"{" });
        for (name, border) in [("min", below.map(|b| b.number)), ("max", above.map(|a| a.number - 1))] {
            let Some(border) = border else { continue };
            let _ = write!(out, "\"{name}\": ");
            json_value::number(out, border);
            out.extend_from_slice(b", ");
        }
        let _ = write!(out, "\"count\": {count}}}");
    }
    out.push(b']');
}

/// A bar of the full length.
const BARS: &str = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@";

/// bpftrace has no bucket of its own for the remainder if `step` does not divide the range: it counts with what is above.
fn merge_uneven_end(counts: &[u64]) -> Vec<u64> {
    let mut counts = counts.to_vec();
    if counts.len() > 2
        && let Some(above) = counts.pop()
        && let Some(last) = counts.last_mut()
    {
        *last += above;
    }
    counts
}

fn header(below: Option<&Label>, above: Option<&Label>) -> String {
    match (below, above) {
        (None, Some(a)) => format!("(..., {})", a.text),
        (Some(b), None) => format!("[{}, ...)", b.text),
        (Some(b), Some(a)) if b.plain.is_some_and(|n| n.checked_add(1) == a.plain) => format!("[{}]", b.text),
        (Some(b), Some(a)) => format!("[{}, {})", b.text, a.text),
        (None, None) => "(...)".into(),
    }
}

/// The upper border of bucket `i`; `None` if it has none.
fn upper(agg: Agg, i: usize) -> Option<Label> {
    match agg {
        Agg::LHist { min, max, step } => {
            let border = i128::from(min) + i as i128 * i128::from(step);
            (border <= i128::from(max)).then(|| linear(border as i64, step))
        }
        Agg::Hist { bits } => Some(log2(i as u64, u32::from(bits))),
        _ => None,
    }
}

/// The small buckets hold one value each, so that the number of the bucket is its upper border.
fn log2(i: u64, bits: u32) -> Label {
    if i <= 2 << bits {
        return Label { text: i.to_string(), plain: Some(i as i64), number: i.into() };
    }
    let part = i & ((1 << bits) - 1);
    let power = (i >> bits) - 1;
    let (decade, rest) = (power / 10, power % 10);
    let number = i128::from((1u64 << bits) + part) << power;
    let mut text = ((1u64 << rest) * ((1 << bits) + part)).to_string();
    if let Some(unit) = decade.checked_sub(1).and_then(|d| "KMGTPE".chars().nth(d as usize)) {
        text.push(unit);
    }
    Label { text, plain: None, number }
}

fn linear(border: i64, step: i64) -> Label {
    const K: i64 = 1024;
    const M: i64 = K * K;
    if step % K != 0 {
        return Label { text: border.to_string(), plain: Some(border), number: border.into() };
    }
    let text = match border {
        0 => "0".into(),
        n if n % M == 0 => format!("{}M", n / M),
        n if n % K == 0 => format!("{}K", n / K),
        n => n.to_string(),
    };
    Label { text, plain: None, number: border.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The headers of the buckets that hold something.
    fn headers(agg: Agg, filled: &[usize]) -> Vec<String> {
        let mut counts = vec![0; agg.buckets() as usize];
        filled.iter().for_each(|i| counts[*i] = 1);
        let mut out = Vec::new();
        hist(&mut out, agg, &counts, 1);
        let text = String::from_utf8(out).unwrap();
        text.lines().filter(|l| l.contains('@')).map(|l| l[..16].trim_end().to_string()).collect()
    }

    #[test]
    fn log2_labels() {
        let h = Agg::Hist { bits: 0 };
        assert_eq!(headers(h, &[0, 1, 2, 3, 4]), ["(..., 0)", "[0]", "[1]", "[2, 4)", "[4, 8)"]);
        assert_eq!(headers(h, &[12, 22, 42, 65]), ["[1K, 2K)", "[1M, 2M)", "[1T, 2T)", "[8E, 16E)"]);
        // 3, 9, -1 with two bits; 5000 and 6000 with two; 17 with one
        let h2 = Agg::Hist { bits: 2 };
        assert_eq!(headers(h2, &[0, 4, 9]), ["(..., 0)", "[3]", "[8, 10)"]);
        assert_eq!(headers(h2, &[45, 46]), ["[4K, 5K)", "[5K, 6K)"]);
        assert_eq!(headers(Agg::Hist { bits: 1 }, &[9]), ["[16, 24)"]);
    }

    #[test]
    fn linear_labels() {
        let l = Agg::LHist { min: 0, max: 100, step: 10 };
        assert_eq!(headers(l, &[0, 6, 11]), ["(..., 0)", "[50, 60)", "[100, ...)"]);
        assert_eq!(headers(l, &[11]), ["[100, ...)"]);
        assert_eq!(headers(Agg::LHist { min: 0, max: 10, step: 1 }, &[6, 7]), ["[5]", "[6]"]);
        let m = Agg::LHist { min: 0, max: 1 << 20, step: 2048 };
        assert_eq!(headers(m, &[1, 2, 512]), ["[0, 2K)", "[2K, 4K)", "[1022K, 1M)"]);
        // the remainder counts with what is above
        assert_eq!(headers(Agg::LHist { min: 0, max: 95, step: 10 }, &[10, 11]), ["[90, ...)"]);
    }

    #[test]
    fn bars_and_division() {
        let mut out = Vec::new();
        hist(&mut out, Agg::Hist { bits: 0 }, &[0, 0, 1, 0, 4, 0], 2);
        let want =
            format!("[1]                    0 |{0:52}|\n[2, 4)                 0 |{0:52}|\n[4, 8)                 2 |{1}|\n", "", BARS);
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}
