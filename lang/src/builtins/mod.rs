//! Builtins and functions, one row each. The checker, the code generator, `--help` and the reference read these rows.

mod context;
mod control;
mod convert;
mod maps;
mod memory;
mod meta;
mod output;
mod stacks;

use crate::probes::Needs;

/// The rows by family.
pub const FAMILIES: &[(&str, &[Row])] = &[
    ("context", context::ROWS),
    ("memory and strings", memory::ROWS),
    ("conversion", convert::ROWS),
    ("output", output::ROWS),
    ("maps", maps::ROWS),
    ("stacks", stacks::ROWS),
    ("control", control::ROWS),
    ("meta", meta::ROWS),
];

/// Every builtin and function of the language.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    FAMILIES.iter().flat_map(|(_, rows)| rows.iter())
}

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
    Tseries,
    Numaid,
    Usermode,
    Username,
    HasCpid,
    Sarg,
    Ctx,
    Reg,
    Buf,
    Strlen,
    Strcap,
    StrConcat,
    Strncmp,
    Strstr,
    Strcontains,
    Memcmp,
    Bswap,
    Kptr,
    Uptr,
    Kaddr,
    PercpuKaddr,
    Uaddr,
    Path,
    Skboutput,
    SocketCookie,
    Debugf,
    WriteUser,
    DefaultStrLength,
    Ntop,
    Pton,
    Macaddr,
    Cgroupid,
    CgroupPath,
    Strerror,
    SignalName,
    SyscallName,
    Strftime,
    Words,
    Syscall,
    Report,
    Errorf,
    Warnf,
    Fail,
    Cat,
    Join,
    System,
    Find,
    Len,
    IsScalar,
    Signal,
    SignalThread,
    Override,
    Unwatch,
    IsArray,
    IsInteger,
    IsPtr,
    IsStr,
    IsUnsignedInteger,
    IsLiteral,
    Config,
    Getopt,
    KfuncExist,
    KfuncAllowed,
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
    /// Options of beetrace that the example needs, `--unsafe` aside.
    pub options: &'static str,
    /// What of the machine, that not every one has.
    pub needs: Needs,
    /// What the code generator does.
    pub op: Op,
}

impl Row {
    #[allow(clippy::too_many_arguments, reason = "a row of a table")]
    const fn new(
        name: &'static str,
        kind: Kind,
        signature: &'static str,
        args: (usize, usize),
        when: When,
        op: Op,
        doc: &'static str,
        example: &'static str,
    ) -> Row {
        Row { name, kind, signature, args, when, is_unsafe: false, since: (5, 8), doc, example, options: "", needs: Needs::Nothing, op }
    }

    const fn since(mut self, major: u32, minor: u32) -> Row {
        self.since = (major, minor);
        self
    }

    /// It needs the addresses of the kernel's variables.
    const fn needs_variables(mut self) -> Row {
        self.needs = Needs::Variables;
        self
    }

    /// The example needs options.
    const fn run_with(mut self, options: &'static str) -> Row {
        self.options = options;
        self
    }

    const fn needs_unsafe(mut self) -> Row {
        self.is_unsafe = true;
        self
    }
}

/// The row of a name, the numbered `arg0` and `sarg0` included.
pub fn find(name: &str) -> Option<&'static Row> {
    // What bpftrace's own library calls them.
    let name = name.strip_prefix("__builtin_").unwrap_or(name);
    let name = match numbered(name) {
        Some(("arg", _)) => "argN",
        Some(_) => "sargN",
        None => name,
    };
    rows().find(|r| r.name == name)
}

/// `arg` or `sarg` with a number of one or two digits.
fn numbered(name: &str) -> Option<(&'static str, u32)> {
    let (word, digits) = match name.strip_prefix("sarg") {
        Some(d) => ("sarg", d),
        None => ("arg", name.strip_prefix("arg")?),
    };
    if !(1..=2).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((word, digits.parse().ok()?))
}

/// The number in `sarg0` and its kin.
pub fn sarg_number(name: &str) -> Option<u32> {
    numbered(name).filter(|n| n.0 == "sarg").map(|n| n.1)
}

/// The number in `arg0` and its kin.
pub fn arg_number(name: &str) -> Option<u32> {
    numbered(name).filter(|n| n.0 == "arg").map(|n| n.1)
}

/// The names that may stand in an expression, for "did you mean".
pub fn names() -> impl Iterator<Item = &'static str> {
    rows().map(|r| if r.name == "argN" { "arg0" } else { r.name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_whole() {
        let all: Vec<&Row> = rows().collect();
        for (i, row) in all.iter().enumerate() {
            assert!(!row.doc.is_empty() && !row.example.is_empty() && !row.signature.is_empty(), "{}", row.name);
            assert!(row.args.0 <= row.args.1, "{}", row.name);
            assert!(row.example.contains(row.name.trim_end_matches('N')), "{}", row.name);
            assert!(!all[..i].iter().any(|r| r.name == row.name), "{} stands twice", row.name);
        }
        assert_eq!(find("arg3").map(|r| r.op), Some(Op::Arg));
        assert_eq!(arg_number("arg10"), Some(10));
        assert!(find("arg").is_none() && find("argv").is_none());
    }

    #[test]
    fn every_example_parses() {
        for row in rows() {
            let mut map = crate::source::SourceMap::default();
            let f = map.add(row.name, row.example);
            let (_, d) = crate::parse(&map, f);
            assert!(d.is_empty(), "{}", crate::diag::render(&d, &map, false));
        }
    }
}
