//! From counters to figures.

use super::Host;
use procfs::FromRead;
use std::io;
use std::path::Path;
use std::time::Duration;

/// A figure of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Figure {
    /// A whole number, or one in hundredths.
    Number(u64),
    /// A whole number that may be negative.
    Signed(i64),
    /// A text.
    Text(String),
}

impl Figure {
    /// As the word that a program reads.
    pub fn word(&self) -> u64 {
        match self {
            Figure::Number(n) => *n,
            Figure::Signed(n) => *n as u64,
            Figure::Text(_) => 0,
        }
    }
}

/// A number with a fraction, in hundredths.
pub(super) fn hundredths(x: f64) -> Figure {
    // What is no number (a mean of nothing) is 0, as the tools print it.
    Figure::Number(if x.is_finite() && x > 0.0 { (x * 100.0).round() as u64 } else { 0 })
}

/// An interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// Its length.
    pub seconds: f64,
    /// It began with the machine.
    pub since_boot: bool,
}

impl Span {
    /// Between two samples.
    pub fn between(time: Duration) -> Span {
        // Two samples of the same moment: nothing can have happened, and nothing is divided by 0.
        Span { seconds: time.as_secs_f64().max(1e-6), since_boot: false }
    }

    /// From the start of the machine.
    pub fn since_boot(host: &Host) -> io::Result<Span> {
        let text = text(&host.proc.join("uptime"))?;
        let seconds = text.split_whitespace().next().and_then(|w| w.parse::<f64>().ok()).unwrap_or(1.0);
        Ok(Span { seconds: seconds.max(0.01), since_boot: true })
    }

    /// Events a second, of a counter that only grows (one that was set back counts nothing).
    pub fn rate(self, now: u64, before: u64) -> f64 {
        now.saturating_sub(before) as f64 / self.seconds
    }

    /// The same, in hundredths.
    pub fn per_second(self, now: u64, before: u64) -> Figure {
        hundredths(self.rate(now, before))
    }

    /// The same, to the nearest whole number.
    pub fn whole(self, now: u64, before: u64) -> Figure {
        Figure::Number(self.rate(now, before).round() as u64)
    }
}

/// A file as a reader of the crate `procfs` takes it.
pub(super) fn file<T: FromRead>(path: &Path) -> io::Result<T> {
    T::from_file(path).map_err(|e| io::Error::other(e.to_string()))
}

/// A file's text.
pub(super) fn text(path: &Path) -> io::Result<String> {
    let bytes = std::fs::read(path).map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_counters() {
        let span = Span::between(Duration::from_millis(2000));
        assert_eq!(span.per_second(103, 100), Figure::Number(150));
        assert_eq!(span.whole(103, 100), Figure::Number(2));
        assert_eq!(span.per_second(1, 100), Figure::Number(0));
        assert_eq!(hundredths(f64::NAN), Figure::Number(0));
        assert_eq!(hundredths(12.345), Figure::Number(1235));
        assert_eq!(Figure::Signed(-2).word() as i64, -2);
    }
}
