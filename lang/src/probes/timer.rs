//! `interval` and `profile`.

use super::{Needs, Period, Provider, Request, Target};
use crate::diag::Diagnostic;
use crate::hir::Context;

pub(super) const INTERVAL: Provider = Provider {
    name: "interval",
    aliases: &["i"],
    probetype: "interval",
    syntax: "interval:s:COUNT\ninterval:ms:COUNT\ninterval:us:COUNT\ninterval:hz:RATE\ninterval:1s",
    doc: "Fires at a fixed interval, on one CPU.",
    example: "interval:ms:100 { printf(\"tick\\n\"); exit(); }",
    options: "",
    needs: Needs::Nothing,
    expand: |r| {
        let (name, period) = period(r)?;
        let nanos = match period {
            Period::Hertz(rate) => 1_000_000_000 / rate,
            Period::Nanos(n) => n,
        };
        Ok(vec![r.resolved(name, Target::Interval { nanos }, Context::None)])
    },
};

pub(super) const PROFILE: Provider = Provider {
    name: "profile",
    aliases: &["p"],
    probetype: "profile",
    syntax: "profile:hz:RATE\nprofile:s:COUNT\nprofile:ms:COUNT\nprofile:us:COUNT\nprofile:10ms",
    doc: "Fires on every CPU at a fixed rate, to sample what runs there.",
    example: "profile:hz:99 { @[comm] = count(); } interval:ms:300 { exit(); }",
    options: "",
    needs: Needs::Nothing,
    expand: |r| {
        let (name, period) = period(r)?;
        Ok(vec![r.resolved(name, Target::Profile { period }, Context::PerfEvent)])
    },
};

/// The expanded name and the period of `UNIT:COUNT`, of a number of nanoseconds, or of a duration such as `1s`.
fn period(r: &Request<'_>) -> Result<(String, Period), Diagnostic> {
    let number = |text: &str| crate::parse::parse_number(text).ok().filter(|n| *n > 0).ok_or_else(|| r.bad_syntax());
    let provider = r.provider.name;
    match r.parts.as_slice() {
        [plain] => {
            let nanos = number(plain)?;
            if nanos < 1000 {
                return Err(Diagnostic::error(r.span, "an interval shorter than a microsecond can't be kept").help("write at least `1us`"));
            }
            Ok((format!("{provider}:us:{}", nanos / 1000), Period::Nanos(nanos)))
        }
        [unit, count] => {
            let n = number(count)?;
            let nanos = |scale: u64| n.checked_mul(scale).map(Period::Nanos).ok_or_else(|| r.bad_syntax());
            let period = match unit.as_str() {
                "hz" if n <= 1_000_000 => Period::Hertz(n),
                "hz" => return Err(Diagnostic::error(r.span, "no timer fires more than a million times a second")),
                "s" => nanos(1_000_000_000)?,
                "ms" => nanos(1_000_000)?,
                "us" => nanos(1_000)?,
                _ => {
                    return Err(
                        Diagnostic::error(r.span, format!("`{unit}` is no unit of time")).help("units are `s`, `ms`, `us` and `hz`")
                    );
                }
            };
            Ok((format!("{provider}:{unit}:{n}"), period))
        }
        _ => Err(r.bad_syntax()),
    }
}
