//! Series of figures, and how they are shown.

use serde_json::{Value, json};

/// What was measured of one thing, in the order of the runs.
#[derive(Clone, Debug, Default)]
pub struct Series(pub Vec<f64>);

impl Series {
    fn sorted(&self) -> Vec<f64> {
        let mut list = self.0.clone();
        list.sort_by(f64::total_cmp);
        list
    }

    /// The value in the middle; NaN of none.
    pub fn median(&self) -> f64 {
        let list = self.sorted();
        match list.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => list[n / 2],
            n => (list[n / 2 - 1] + list[n / 2]) / 2.0,
        }
    }

    /// Least, middle, greatest.
    pub fn spread(&self) -> [f64; 3] {
        let list = self.sorted();
        [list.first().copied().unwrap_or(f64::NAN), self.median(), list.last().copied().unwrap_or(f64::NAN)]
    }

    /// Run by run: ours to theirs, each less a floor.
    pub fn ratio(&self, theirs: &Series, floor: f64) -> Series {
        Series(self.0.iter().zip(&theirs.0).map(|(a, b)| (a - floor).max(0.0) / (b - floor)).collect())
    }

    /// All of them.
    pub fn json(&self) -> Value {
        json!(self.0)
    }
}

/// `median (least-greatest)`, scaled.
pub fn shown(series: &Series, scale: f64, digits: usize) -> String {
    if series.0.is_empty() {
        return "-".into();
    }
    let [least, middle, greatest] = series.spread().map(|x| x * scale);
    format!("{middle:.digits$} ({least:.digits$}-{greatest:.digits$})")
}

/// A table with columns as wide as what is in them.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|t| t.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(t, w)| format!("{t:<w$}", w = *w)).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_ends() {
        assert_eq!(Series(vec![3.0, 1.0, 2.0]).spread(), [1.0, 2.0, 3.0]);
        assert_eq!(Series(vec![4.0, 1.0, 2.0, 3.0]).median(), 2.5);
        assert!(Series::default().median().is_nan());
    }

    #[test]
    fn ratios_are_of_what_is_above_the_floor() {
        let r = Series(vec![80.0, 60.0]).ratio(&Series(vec![90.0, 110.0]), 70.0);
        assert_eq!(r.0, [0.5, 0.0]);
    }

    #[test]
    fn columns_line_up() {
        let rows = vec![vec!["a".to_string(), "bb".into()], vec!["ccc".into(), "d".into()]];
        assert_eq!(table(&rows), "a    bb\nccc  d\n");
    }
}
