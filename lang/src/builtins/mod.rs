//! Builtins and functions, one row each. The checker, the code generator, `--help` and the reference read these rows.

mod rows;

pub use rows::ROWS;

/// What the code generator does for a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is documented by its row")]
pub enum Op {
    Pid,
    Tid,
    Uid,
    Gid,
    Cpu,
    Ncpus,
    Cpid,
    Nsecs,
    Elapsed,
    Rand,
    Curtask,
    Cgroup,
    Jiffies,
    Comm,
    Func,
    Probe,
    Probetype,
    Args,
    Arg,
    Retval,
    Kstack,
    Ustack,
    Str,
    Ksym,
    Usym,
    HasKey,
    Delete,
    Printf,
    Print,
    Clear,
    Zero,
    Time,
    Exit,
    Count,
    Sum,
    Min,
    Max,
    Avg,
    Stats,
    Hist,
    Lhist,
}

/// Where a row may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value by its bare name (`pid`), or called with no arguments.
    Value,
    /// A call that has a value or an effect.
    Function,
    /// A call that is assigned to a map: `@ = count()`.
    MapFunction,
}

/// When it takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// In the kernel, at once.
    Sync,
    /// In user space, when the event arrives there.
    Async,
    /// While the script is compiled.
    CompileTime,
}

/// One builtin or function.
#[derive(Debug)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// Where it may be written.
    pub kind: Kind,
    /// Its forms, separated by newlines.
    pub signature: &'static str,
    /// Fewest and most arguments.
    pub args: (usize, usize),
    /// When it takes effect.
    pub when: When,
    /// Needs `--unsafe`.
    pub is_unsafe: bool,
    /// First kernel that can do it.
    pub since: (u32, u32),
    /// What it is, in one or a few sentences.
    pub doc: &'static str,
    /// A script that runs and ends by itself.
    pub example: &'static str,
    /// What the code generator does.
    pub op: Op,
}

/// The row of a name, the numbered `arg0` to `arg9` included.
pub fn find(name: &str) -> Option<&'static Row> {
    let name = if arg_number(name).is_some() { "argN" } else { name };
    ROWS.iter().find(|r| r.name == name)
}

/// The number in `arg0` to `arg9`.
pub fn arg_number(name: &str) -> Option<u32> {
    let digit = name.strip_prefix("arg")?;
    (digit.len() == 1).then(|| digit.parse().ok()).flatten()
}

/// The names that may stand in an expression, for "did you mean".
pub fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|r| if r.name == "argN" { "arg0" } else { r.name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_whole() {
        for (i, row) in ROWS.iter().enumerate() {
            assert!(!row.doc.is_empty() && !row.example.is_empty() && !row.signature.is_empty(), "{}", row.name);
            assert!(row.args.0 <= row.args.1, "{}", row.name);
            assert!(row.example.contains(row.name.trim_end_matches('N')), "{}", row.name);
            assert!(!ROWS[..i].iter().any(|r| r.name == row.name), "{} stands twice", row.name);
        }
        assert_eq!(find("arg3").map(|r| r.op), Some(Op::Arg));
        assert!(find("arg10").is_none());
    }

    #[test]
    fn every_example_parses() {
        for row in ROWS {
            let mut map = crate::source::SourceMap::default();
            let f = map.add(row.name, row.example);
            let (_, d) = crate::parse(&map, f);
            assert!(d.is_empty(), "{}", crate::diag::render(&d, &map, false));
        }
    }
}
