//! A case: a script, what makes its events, and what must come out.
//!
//! Case files hold several, each begun by `=== NAME`. Then come lines `key: value`; lines that are indented by two spaces go on
//! with the value above. Keys:
//!
//! | key | meaning |
//! |---|---|
//! | `script` | the program |
//! | `options` | options of beetrace |
//! | `params` | positional parameters |
//! | `cmd` | the command of `-c`; `testprog` in it is the path of the test program |
//! | `env` | `NAME=VALUE` for beetrace |
//! | `stdout` | all of the standard output |
//! | `line` | a line of the standard output (any number) |
//! | `has`, `not` | text that is in the standard output, or is not |
//! | `err` | text that is in the standard error |
//! | `exit` | the exit code, 0 if not given |
//! | `needs` | `host`, `vm`, a version of Linux such as `5.13`, or one of [`Case::NEEDS`] |
//! | `file` | a file beside the script: its name, then its lines |
//! | `covers` | entries of bpftrace's reference that it proves (see `coverage`), separated by semicolons |

use std::collections::BTreeSet;

/// One case.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// The program.
    pub script: String,
    /// Options of beetrace.
    pub options: String,
    /// Positional parameters.
    pub params: String,
    /// The command of `-c`.
    pub cmd: Option<String>,
    /// Environment.
    pub env: String,
    /// What must hold of the result.
    pub expect: Expect,
    /// What the machine must have.
    pub needs: BTreeSet<String>,
    /// Files beside the script: name and text.
    pub files: Vec<(String, String)>,
    /// Entries of bpftrace's reference that it proves.
    pub covers: Vec<String>,
}

impl Case {
    /// What not every machine has, and why a case is skipped that needs it.
    pub const NEEDS: &[(&str, &str)] = &[
        ("kprobe", "this kernel has no kprobes"),
        ("fentry", "this kernel takes no trampoline programs"),
        ("hardware", "this machine has no hardware counters"),
        ("variables", "/proc/kallsyms has no variables"),
        ("write_user", "this kernel lets no program write to user memory"),
        ("override", "this kernel has no error injection"),
        ("task_by_id", "this kernel can't look a task up by its id"),
    ];

    /// The first Linux that it can run on, if it needs more than the oldest.
    pub fn since(&self) -> Option<(u32, u32)> {
        self.needs.iter().find_map(|n| version(n))
    }
}

/// `5.13` as a pair.
pub fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// What must hold of a result.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// All of the standard output.
    pub stdout: Option<String>,
    /// Lines of it.
    pub lines: Vec<String>,
    /// Parts of it.
    pub has: Vec<String>,
    /// What must not be in it.
    pub not: Vec<String>,
    /// Parts of the standard error.
    pub err: Vec<String>,
    /// The exit code.
    pub exit: i32,
    /// A refusal will do, if each message is about something that this machine has not (see [`Expect::lacks`]).
    pub may_lack: bool,
}

/// What came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Exit code; 128 and the signal's number if it was killed.
    pub exit: i32,
}

impl Expect {
    /// What the machine has not, if the script was refused for nothing else and may be.
    pub fn lacks(&self, out: &Output) -> Option<String> {
        if out.exit != 1 {
            return None;
        }
        let errors: Vec<&str> = out.stderr.lines().filter_map(|l| l.split_once("ERROR: ").map(|e| e.1)).collect();
        let known = |e: &&str| is_too_old(e) || self.may_lack && LACKS.iter().any(|l| e.contains(l));
        (!errors.is_empty() && errors.iter().all(known)).then(|| errors[0].to_string())
    }

    /// What does not hold, a line each; nothing if all does.
    pub fn check(&self, out: &Output) -> Vec<String> {
        let mut wrong = Vec::new();
        if out.exit != self.exit {
            wrong.push(format!("exit code {} instead of {}", out.exit, self.exit));
        }
        if let Some(want) = &self.stdout
            && body(&out.stdout, want) != want.trim_end()
        {
            wrong.push(format!("the output is not\n{want}"));
        }
        for want in self.lines.iter().filter(|w| !out.stdout.lines().any(|l| l.trim_end() == w.trim_end())) {
            wrong.push(format!("no line `{want}`"));
        }
        for want in self.has.iter().filter(|w| !out.stdout.contains(w.as_str())) {
            wrong.push(format!("nowhere `{want}`"));
        }
        for bad in self.not.iter().filter(|w| out.stdout.contains(w.as_str())) {
            wrong.push(format!("there is `{bad}`"));
        }
        for want in self.err.iter().filter(|w| !out.stderr.contains(w.as_str())) {
            wrong.push(format!("no `{want}` among the errors"));
        }
        wrong
    }
}

/// Whether a message says that the kernel is older than what a script needs: "... needs Linux 5.13; this is 5.10".
fn is_too_old(message: &str) -> bool {
    let versions = message.split_once("needs Linux ").and_then(|(_, rest)| rest.split_once("; this is "));
    versions.and_then(|(need, here)| Some(version(need)? > version(here)?)).unwrap_or(false)
}

/// Parts of the messages about what a kernel or a machine has not.
const LACKS: &[&str] = &[
    "there is no kernel function",
    "no kernel function matches",
    "there is no kernel symbol",
    "there is no function",
    "there is no tracepoint",
    "has no member",
    "has no field",
    "`SKB_DROP_REASON_",
    "no program or library",
];

/// The output without its last newlines and, unless the expectation begins with one, without the empty lines before maps.
fn body<'o>(out: &'o str, want: &str) -> &'o str {
    let out = out.trim_end();
    if want.starts_with('\n') { out } else { out.trim_start_matches('\n') }
}

/// Reads a case file; the error names the line.
pub fn parse(text: &str) -> Result<Vec<Case>, String> {
    let mut out: Vec<Case> = Vec::new();
    let mut pending: Option<(String, String)> = None;
    for (number, line) in text.lines().chain(["=== end"]).enumerate() {
        if let (Some(more), Some((_, value))) = (line.strip_prefix("  "), pending.as_mut()) {
            if !value.is_empty() {
                value.push('\n');
            }
            value.push_str(more);
            continue;
        }
        if let Some((key, value)) = pending.take() {
            let case = out.last_mut().ok_or_else(|| format!("line {number}: a key before the first case"))?;
            set(case, &key, value).map_err(|e| format!("line {number}: {e}"))?;
        }
        if let Some(name) = line.strip_prefix("=== ") {
            out.push(Case { name: name.trim().into(), ..Case::default() });
        } else if !line.is_empty() && !line.starts_with('#') {
            let (key, value) = line.split_once(':').ok_or_else(|| format!("line {}: no `key: value`: {line}", number + 1))?;
            pending = Some((key.into(), value.trim().into()));
        }
    }
    out.pop();
    Ok(out)
}

fn set(case: &mut Case, key: &str, value: String) -> Result<(), String> {
    match key {
        "script" => case.script = value,
        "options" => case.options = value,
        "params" => case.params = value,
        "cmd" => case.cmd = Some(value),
        "env" => case.env = value,
        "stdout" => case.expect.stdout = Some(value),
        "line" => case.expect.lines.push(value),
        "has" => case.expect.has.push(value),
        "not" => case.expect.not.push(value),
        "err" => case.expect.err.push(value),
        "exit" => case.expect.exit = value.parse().map_err(|_| format!("no exit code: {value}"))?,
        "file" => {
            let (name, text) = value.split_once('\n').ok_or("a file is a name and lines")?;
            case.files.push((name.into(), format!("{text}\n")));
        }
        "covers" => case.covers.extend(value.split([';', '\n']).map(|e| e.trim().to_string()).filter(|e| !e.is_empty())),
        "needs" => case.needs.extend(value.split_whitespace().map(str::to_string)),
        _ => return Err(format!("no such key: {key}")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_cases() {
        let c =
            parse("# c\n=== one\nscript: BEGIN {\n    exit();\n  }\nline: @: 1\nexit: 3\n\n=== two\nscript: END { }\nneeds: kprobe vm\n")
                .unwrap();
        assert_eq!(c.len(), 2);
        assert_eq!(c[0].script, "BEGIN {\n  exit();\n}");
        assert_eq!((c[0].expect.exit, c[0].expect.lines.len()), (3, 1));
        assert!(c[1].needs.contains("vm"));
        assert!(parse("=== a\nfoo: 1\n").is_err());
    }

    #[test]
    fn a_kernel_that_is_too_old_is_no_failure() {
        let refused = |stderr: &str| Output { stderr: stderr.into(), exit: 1, ..Output::default() };
        let lacks = |text: &str| Expect::default().lacks(&refused(text)).is_some();
        assert!(lacks("a.bt:1:1-2: ERROR: a loop needs Linux 5.13; this is 5.10\n"));
        assert!(!lacks("a.bt:1:1-2: ERROR: a loop needs Linux 5.13; this is 6.1\n"));
        assert!(!lacks("a.bt:1:1-2: ERROR: a loop needs Linux 5.13; this is 5.10\nERROR: x\n"));
        assert!(!lacks("ERROR: x has no member y\n") && !lacks(""));
    }

    #[test]
    fn what_is_not_as_expected_is_told() {
        let e = Expect { lines: vec!["@: 1".into()], err: vec!["x".into()], exit: 1, ..Expect::default() };
        assert_eq!(e.check(&Output { stdout: "@: 2\n".into(), ..Output::default() }).len(), 3);
        assert!(e.check(&Output { stdout: "@: 1 \n".into(), stderr: "xx".into(), exit: 1 }).is_empty());
    }
}
