//! Config keys, one row each: the `config` block, the `BPFTRACE_*` environment and the documentation read them here.

use crate::ast::ConfigEntry;
use crate::diag::{Diagnostic, nearest};
use crate::dialect::{self, Word};
use serde::{Deserialize, Serialize};

/// `max_strlen` where keys of maps may have 512 bytes only: two strings and something else fit.
const OLD_MAX_STRLEN: u32 = 200;

/// Config values that the runtime reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// `max_strlen`, bytes.
    pub max_strlen: u32,
    /// `str_trunc_trailer`: what is printed after a string that was cut.
    pub str_trunc_trailer: String,
    /// `print_maps_on_exit`
    pub print_maps_on_exit: bool,
    /// `perf_rb_pages`: size of the ring buffer in pages; 0 for the default by available memory.
    pub ring_pages: u32,
    /// `missing_probes`
    pub missing_probes: MissingProbes,
    /// `license`
    pub license: String,
    /// `cpp_demangle`
    pub cpp_demangle: bool,
    /// `show_debug_info`: source lines in stacks.
    pub show_debug_info: bool,
    /// `log_size`: bytes of the verifier's log.
    pub log_size: u32,
    /// `max_cat_bytes`: bytes of a file that `cat` prints.
    pub max_cat_bytes: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            max_strlen: 1024,
            str_trunc_trailer: "..".into(),
            print_maps_on_exit: true,
            ring_pages: 0,
            missing_probes: MissingProbes::Error,
            license: "GPL".into(),
            cpp_demangle: true,
            show_debug_info: true,
            log_size: 1_000_000,
            max_cat_bytes: 10240,
        }
    }
}

/// What to do about a probe that can't be attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MissingProbes {
    /// Refuse the script.
    #[default]
    Error,
    /// Say so and go on.
    Warn,
    /// Go on.
    Ignore,
}

/// Everything that steers a compilation besides the script.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the runtime reads too.
    pub settings: Settings,
    /// `max_map_keys`: keys of a map.
    pub max_map_keys: u32,
    /// `max_probes`: attach points of a script.
    pub max_probes: u32,
    /// `max_bpf_progs`: programs of a script.
    pub max_programs: u32,
    /// `on_stack_limit`: bytes of a value that may lie on the BPF stack.
    pub on_stack_limit: u32,
    /// `stack_mode`
    pub stack_mode: crate::types::StackMode,
    /// Positional parameters, `$1` first.
    pub params: Vec<String>,
    /// Named parameters, `--name=value` or `--name`.
    pub named: Vec<(String, Option<String>)>,
    /// Values of the keys as they were set, for `config.NAME`.
    pub set: Vec<(&'static str, String)>,
    /// A map without keys whose value time series take for the time: for tests that need known times.
    pub time_map: Option<String>,
    /// The pid namespace of beetrace, if it is not the machine's own: device and inode of /proc/self/ns/pid.
    pub pid_namespace: Option<(u64, u64)>,
    /// `--probe-filter`: attach points that match stay.
    pub probe_filter: Option<regex::Regex>,
    /// Unstable features that the script forbids.
    pub unstable: Vec<&'static str>,
    /// `--test`: `test` probes run.
    pub test_mode: bool,
    /// `--bench`: `bench` probes run.
    pub bench_mode: bool,
    /// `--unsafe` was given.
    pub allow_unsafe: bool,
    /// `-k`: tell when a read of memory fails.
    pub check_reads: bool,
    /// The script's name, `$0`.
    pub script: String,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            settings: Settings::default(),
            max_map_keys: 4096,
            max_probes: 1024,
            max_programs: 1024,
            on_stack_limit: 32,
            stack_mode: crate::types::StackMode::Bpftrace,
            params: Vec::new(),
            named: Vec::new(),
            set: Vec::new(),
            unstable: Vec::new(),
            time_map: None,
            pid_namespace: None,
            probe_filter: None,
            test_mode: false,
            bench_mode: false,
            allow_unsafe: false,
            check_reads: false,
            script: String::new(),
        }
    }
}

/// A named parameter that the script asks for with `getopt`.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptOption {
    /// Without its dashes.
    pub name: String,
    /// The default as text.
    pub default: String,
    /// What it is for.
    pub doc: String,
    /// It has no value: given or not.
    pub is_flag: bool,
    /// The type of its default.
    pub ty: crate::types::Type,
}

/// One key.
pub struct Key {
    /// As written in a `config` block. The environment twin is `BPFTRACE_` and the key in capitals.
    pub name: &'static str,
    /// The default, as text.
    pub default: &'static str,
    /// One line.
    pub doc: &'static str,
    /// A script that sets it, runs, and ends by itself.
    pub example: &'static str,
    /// Stores a value, or says what values there are.
    set: fn(&mut Config, &str) -> Result<(), String>,
}

fn number(text: &str, low: u32, high: u32) -> Result<u32, String> {
    match crate::parse::parse_number(text) {
        Ok(n) if (u64::from(low)..=u64::from(high)).contains(&n) => Ok(n as u32),
        _ => Err(format!("a number from {low} to {high}")),
    }
}

fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "true" | "on" => Ok(true),
        "0" | "false" | "off" => Ok(false),
        _ => Err("`true` or `false`".into()),
    }
}

/// A switch of an unstable feature.
fn unstable(c: &mut Config, name: &'static str, v: &str) -> Result<(), String> {
    match v {
        "enable" | "1" | "true" => c.unstable.retain(|n| *n != name),
        "warn" | "0" | "false" => c.unstable.retain(|n| *n != name),
        "error" => c.unstable.push(name),
        _ => return Err("`enable`, `warn` or `error`".into()),
    }
    Ok(())
}

/// All keys.
pub const KEYS: &[Key] = &[
    Key {
        name: "cache_user_symbols",
        default: "PER_PID",
        doc: "Accepted for old scripts: symbols are always cached for each process.",
        example: "config = { cache_user_symbols = PER_PROGRAM } profile:hz:99 { @[ustack(3)] = count(); } interval:ms:100 { exit(); }",
        set: |_, v| match v {
            "PER_PID" | "PER_PROGRAM" | "NONE" | "0" | "1" => Ok(()),
            _ => Err("`PER_PID`, `PER_PROGRAM` or `NONE`".into()),
        },
    },
    Key {
        name: "cpp_demangle",
        default: "true",
        doc: "Print C++ and Rust symbols as they are written in the source.",
        example: "config = { cpp_demangle = false } profile:hz:99 { @[ustack(3)] = count(); } interval:ms:100 { exit(); }",
        set: |c, v| boolean(v).map(|b| c.settings.cpp_demangle = b),
    },
    Key {
        name: "lazy_symbolication",
        default: "false",
        doc: "Accepted for old scripts: symbols are always looked up when they are printed.",
        example: "config = { lazy_symbolication = true } profile:hz:99 { @[ustack(3)] = count(); } interval:ms:100 { exit(); }",
        set: |_, v| boolean(v).map(|_| ()),
    },
    Key {
        name: "license",
        default: "GPL",
        doc: "The licence that the kernel is told; most helpers ask for a GPL-compatible one.",
        example: "config = { license = \"Dual MIT/GPL\" } BEGIN { print(config.license); exit(); }",
        set: |c, v| match v {
            "GPL" | "GPL v2" | "GPL and additional rights" | "Dual BSD/GPL" | "Dual MIT/GPL" | "Dual MPL/GPL" => {
                c.settings.license = v.to_string();
                Ok(())
            }
            _ => Err("`GPL`, `GPL v2`, `GPL and additional rights`, `Dual BSD/GPL`, `Dual MIT/GPL` or `Dual MPL/GPL`".into()),
        },
    },
    Key {
        name: "log_size",
        default: "1000000",
        doc: "Bytes of the verifier's log.",
        example: "config = { log_size = 2000000 } BEGIN { print(config.log_size); exit(); }",
        set: |c, v| number(v, 128, 16 << 20).map(|n| c.settings.log_size = n),
    },
    Key {
        name: "max_bpf_progs",
        default: "1024",
        doc: "Programs that one script may load.",
        example: "config = { max_bpf_progs = 2000 } BEGIN { print(config.max_bpf_progs); exit(); }",
        set: |c, v| number(v, 1, 1 << 20).map(|n| c.max_programs = n),
    },
    Key {
        name: "max_cat_bytes",
        default: "10240",
        doc: "Bytes of a file that `cat` prints.",
        example: "config = { max_cat_bytes = 10 } BEGIN { cat(\"/proc/version\"); exit(); }",
        set: |c, v| number(v, 1, 1 << 30).map(|n| c.settings.max_cat_bytes = n),
    },
    Key {
        name: "max_map_keys",
        default: "4096",
        doc: "Keys that one map may hold.",
        example: "config = { max_map_keys = 100000 } tracepoint:raw_syscalls:sys_enter { @[tid] = count(); } interval:ms:100 { exit(); }",
        set: |c, v| number(v, 1, 1 << 28).map(|n| c.max_map_keys = n),
    },
    Key {
        name: "max_probes",
        default: "1024",
        doc: "Attach points that one script may have.",
        example: "config = { max_probes = 2000 } BEGIN { print(config.max_probes); exit(); }",
        set: |c, v| number(v, 1, 1 << 20).map(|n| c.max_probes = n),
    },
    Key {
        name: "max_strlen",
        default: "1024",
        doc: "Bytes of a string made by `str()`, the NUL at its end included.",
        example: "config = { max_strlen = 200 } BEGIN { print(config.max_strlen); exit(); }",
        set: |c, v| number(v, 1, 16384).map(|n| c.settings.max_strlen = n),
    },
    Key {
        name: "missing_probes",
        default: "error",
        doc: "What to do about a probe that can't be attached: `error`, `warn` or `ignore`.",
        example: "config = { missing_probes = warn } BEGIN { print(config.missing_probes); exit(); }",
        set: |c, v| {
            c.settings.missing_probes = match v {
                "error" => MissingProbes::Error,
                "warn" => MissingProbes::Warn,
                "ignore" => MissingProbes::Ignore,
                _ => return Err("`error`, `warn` or `ignore`".into()),
            };
            Ok(())
        },
    },
    Key {
        name: "on_stack_limit",
        default: "32",
        doc: "Bytes of a value that may lie on the BPF stack; larger ones go to a per-CPU map.",
        example: "config = { on_stack_limit = 16 } BEGIN { @[comm] = comm; exit(); }",
        set: |c, v| number(v, 0, 256).map(|n| c.on_stack_limit = n),
    },
    Key {
        name: "perf_rb_pages",
        default: "0",
        doc: "Pages of the ring buffer that carries events; 0 chooses by the machine's memory.",
        example: "config = { perf_rb_pages = 256 } BEGIN { print(config.perf_rb_pages); exit(); }",
        set: |c, v| number(v, 0, 1 << 20).map(|n| c.settings.ring_pages = n),
    },
    Key {
        name: "print_maps_on_exit",
        default: "true",
        doc: "Print all maps when the script ends.",
        example: "config = { print_maps_on_exit = false } BEGIN { @silent = 1; exit(); }",
        set: |c, v| boolean(v).map(|b| c.settings.print_maps_on_exit = b),
    },
    Key {
        name: "show_debug_info",
        default: "true",
        doc: "Print source file and line in stacks where debug information is.",
        example: "config = { show_debug_info = false } profile:hz:99 { @[ustack(3)] = count(); } interval:ms:100 { exit(); }",
        set: |c, v| boolean(v).map(|b| c.settings.show_debug_info = b),
    },
    Key {
        name: "stack_mode",
        default: "bpftrace",
        doc: "How `kstack` and `ustack` print: `bpftrace`, `perf`, `raw` or `build_id`.",
        example: "config = { stack_mode = perf } profile:hz:99 { @[kstack(3)] = count(); } interval:ms:100 { exit(); }",
        set: |c, v| {
            c.stack_mode = crate::types::StackMode::from_name(v).ok_or("`bpftrace`, `perf` or `raw`")?;
            Ok(())
        },
    },
    Key {
        name: "str_trunc_trailer",
        default: "..",
        doc: "Printed behind a string that was cut off.",
        example: "config = { str_trunc_trailer = \"...\"; max_strlen = 8 } BEGIN { print(str(\"a long string\")); exit(); }",
        set: |c, v| {
            c.settings.str_trunc_trailer = v.to_string();
            Ok(())
        },
    },
    Key {
        name: "unstable_dw_ustack",
        default: "warn",
        doc: "Whether `dw_ustack` may be used: `enable`, `warn` or `error`.",
        example: "config = { unstable_dw_ustack = enable } BEGIN { print(1); exit(); }",
        set: |c, v| unstable(c, "unstable_dw_ustack", v),
    },
    Key {
        name: "unstable_tseries",
        default: "warn",
        doc: "Whether `tseries` may be used: `enable`, `warn` or `error`.",
        example: "config = { unstable_tseries = enable } BEGIN { @ = tseries(5, 1s, 3); exit(); }",
        set: |c, v| unstable(c, "unstable_tseries", v),
    },
    Key {
        name: "unstable_typeinfo",
        default: "warn",
        doc: "Whether `typeinfo` may be used: `enable`, `warn` or `error`.",
        example: "config = { unstable_typeinfo = enable } BEGIN { print(typeinfo(uint8)); exit(); }",
        set: |c, v| unstable(c, "unstable_typeinfo", v),
    },
    Key {
        name: "unstable_map_decl",
        default: "warn",
        doc: "Accepted for older scripts: map declarations are always there.",
        example: "config = { unstable_map_decl = enable } let @m = hash(10); BEGIN { @m[1] = 1; exit(); }",
        set: |c, v| unstable(c, "unstable_map_decl", v),
    },
    Key {
        name: "unstable_import",
        default: "warn",
        doc: "Accepted for older scripts: imports are always there.",
        example: "config = { unstable_import = enable } BEGIN { print(1); exit(); }",
        set: |c, v| unstable(c, "unstable_import", v),
    },
    Key {
        name: "unstable_macro",
        default: "warn",
        doc: "Accepted for older scripts: macros are always there.",
        example: "config = { unstable_macro = enable } macro one() { 1 } BEGIN { print(one()); exit(); }",
        set: |c, v| unstable(c, "unstable_macro", v),
    },
];

impl Key {
    /// The environment variable that sets it.
    pub fn environment(&self) -> String {
        format!("BPFTRACE_{}", self.name.to_uppercase())
    }
}

impl Config {
    /// Sets a key by its environment twin's value; the error is a sentence about the variable.
    pub fn set_from_environment(&mut self, get: impl Fn(&str) -> Option<String>) -> Result<(), String> {
        for key in KEYS {
            let variable = key.environment();
            if let Some(value) = get(&variable) {
                (key.set)(self, &value).map_err(|wants| format!("{variable} is `{value}`; it takes {wants}"))?;
                self.set.push((key.name, value));
            }
        }
        Ok(())
    }

    /// Shortens strings where an old kernel takes no key of a map that is longer than the BPF stack (`htab_map_alloc_check` in
    /// kernel/bpf/hashtab.c before Linux 5.11), unless somebody set their length.
    pub fn fit(&mut self, kernel: (u32, u32)) {
        if kernel < (5, 11) && !self.set.iter().any(|s| s.0 == "max_strlen") {
            self.settings.max_strlen = OLD_MAX_STRLEN;
            self.set.push(("max_strlen", OLD_MAX_STRLEN.to_string()));
        }
    }

    /// The value of a key as text, its default if it was not set.
    pub fn value(&self, name: &str) -> Option<String> {
        let key = KEYS.iter().find(|k| k.name == name)?;
        let set = self.set.iter().rev().find(|s| s.0 == name).map(|s| s.1.clone());
        Some(set.unwrap_or_else(|| key.default.to_string()))
    }

    /// Applies a script's `config` block.
    pub fn apply(&mut self, entries: &[ConfigEntry], diags: &mut Vec<Diagnostic>) {
        for entry in entries {
            let lower = entry.key.to_lowercase();
            let name = lower.strip_prefix("bpftrace_").unwrap_or(&lower);
            match KEYS.iter().find(|k| k.name == name) {
                // The environment comes before the script.
                Some(key) if self.set.iter().any(|s| s.0 == key.name) => {}
                Some(key) => {
                    self.set.push((key.name, entry.value.clone()));
                    if let Err(wants) = (key.set)(self, &entry.value) {
                        diags.push(
                            Diagnostic::error(entry.span, format!("`{}` can't be `{}`", entry.key, entry.value))
                                .help(format!("it takes {wants}")),
                        );
                    }
                }
                None => {
                    let near = nearest(name, KEYS.iter().map(|k| k.name));
                    let d = Diagnostic::error(entry.span, format!("there is no config key `{}`", entry.key));
                    diags.push(match dialect::renamed(Word::ConfigKey, name) {
                        // Older versions took it, and it says nothing now.
                        Some(r) if r.new.is_empty() => continue,
                        Some(r) => d.help(dialect::hint(r.word, r.old).unwrap_or_default()),
                        None => d.suggest(&near, ""),
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_the_default() {
        let start = format!("{:?}", Config::default());
        for key in KEYS {
            let mut c = Config::default();
            (key.set)(&mut c, key.default).unwrap_or_else(|e| panic!("{}: {e}", key.name));
            assert_eq!(format!("{c:?}"), start, "{}", key.name);
            assert!(!key.doc.is_empty() && key.example.contains(key.name), "{}", key.name);
        }
    }

    #[test]
    fn the_environment_sets_and_refuses() {
        let mut c = Config::default();
        c.set_from_environment(|n| (n == "BPFTRACE_MAX_STRLEN").then(|| "64".into())).unwrap();
        assert_eq!(c.settings.max_strlen, 64);
        let e = c.set_from_environment(|n| (n == "BPFTRACE_MAX_STRLEN").then(|| "x".into())).unwrap_err();
        assert!(e.contains("BPFTRACE_MAX_STRLEN"), "{e}");
    }
}
