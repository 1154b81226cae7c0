//! Config keys, one row each: the `config` block, the `BPFTRACE_*` environment and the documentation read them here.

use crate::ast::ConfigEntry;
use crate::diag::{Diagnostic, nearest};
use serde::{Deserialize, Serialize};

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
            allow_unsafe: false,
            check_reads: false,
            script: String::new(),
        }
    }
}

/// One key.
pub struct Key {
    /// As written in a `config` block. The environment twin is `BPFTRACE_` and the key in capitals.
    pub name: &'static str,
    /// The default, as text.
    pub default: &'static str,
    /// One line.
    pub doc: &'static str,
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

/// All keys.
pub const KEYS: &[Key] = &[
    Key {
        name: "cache_user_symbols",
        default: "PER_PID",
        doc: "Accepted for old scripts: symbols are always cached for each process.",
        set: |_, v| match v {
            "PER_PID" | "PER_PROGRAM" | "NONE" | "0" | "1" => Ok(()),
            _ => Err("`PER_PID`, `PER_PROGRAM` or `NONE`".into()),
        },
    },
    Key {
        name: "cpp_demangle",
        default: "true",
        doc: "Print C++ and Rust symbols as they are written in the source.",
        set: |c, v| boolean(v).map(|b| c.settings.cpp_demangle = b),
    },
    Key {
        name: "lazy_symbolication",
        default: "false",
        doc: "Accepted for old scripts: symbols are always looked up when they are printed.",
        set: |_, v| boolean(v).map(|_| ()),
    },
    Key {
        name: "license",
        default: "GPL",
        doc: "The licence that the kernel is told; most helpers ask for a GPL-compatible one.",
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
        set: |c, v| number(v, 128, 16 << 20).map(|n| c.settings.log_size = n),
    },
    Key {
        name: "max_bpf_progs",
        default: "1024",
        doc: "Programs that one script may load.",
        set: |c, v| number(v, 1, 1 << 20).map(|n| c.max_programs = n),
    },
    Key {
        name: "max_map_keys",
        default: "4096",
        doc: "Keys that one map may hold.",
        set: |c, v| number(v, 1, 1 << 28).map(|n| c.max_map_keys = n),
    },
    Key {
        name: "max_probes",
        default: "1024",
        doc: "Attach points that one script may have.",
        set: |c, v| number(v, 1, 1 << 20).map(|n| c.max_probes = n),
    },
    Key {
        name: "max_strlen",
        default: "1024",
        doc: "Bytes of a string made by `str()`, the NUL at its end included.",
        set: |c, v| number(v, 1, 16384).map(|n| c.settings.max_strlen = n),
    },
    Key {
        name: "missing_probes",
        default: "error",
        doc: "What to do about a probe that can't be attached: `error`, `warn` or `ignore`.",
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
        set: |c, v| number(v, 8, 256).map(|n| c.on_stack_limit = n),
    },
    Key {
        name: "perf_rb_pages",
        default: "0",
        doc: "Pages of the ring buffer that carries events; 0 chooses by the machine's memory.",
        set: |c, v| number(v, 0, 1 << 20).map(|n| c.settings.ring_pages = n),
    },
    Key {
        name: "print_maps_on_exit",
        default: "true",
        doc: "Print all maps when the script ends.",
        set: |c, v| boolean(v).map(|b| c.settings.print_maps_on_exit = b),
    },
    Key {
        name: "show_debug_info",
        default: "true",
        doc: "Print source file and line in stacks where debug information is.",
        set: |c, v| boolean(v).map(|b| c.settings.show_debug_info = b),
    },
    Key {
        name: "stack_mode",
        default: "bpftrace",
        doc: "How `kstack` and `ustack` print: `bpftrace`, `perf` or `raw`.",
        set: |c, v| {
            c.stack_mode = crate::types::StackMode::from_name(v).ok_or("`bpftrace`, `perf` or `raw`")?;
            Ok(())
        },
    },
    Key {
        name: "str_trunc_trailer",
        default: "..",
        doc: "Printed behind a string that was cut off.",
        set: |c, v| {
            c.settings.str_trunc_trailer = v.to_string();
            Ok(())
        },
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
            }
        }
        Ok(())
    }

    /// Applies a script's `config` block.
    pub fn apply(&mut self, entries: &[ConfigEntry], diags: &mut Vec<Diagnostic>) {
        for entry in entries {
            let lower = entry.key.to_lowercase();
            let name = lower.strip_prefix("bpftrace_").unwrap_or(&lower);
            match KEYS.iter().find(|k| k.name == name) {
                Some(key) => {
                    if let Err(wants) = (key.set)(self, &entry.value) {
                        diags.push(
                            Diagnostic::error(entry.span, format!("`{}` can't be `{}`", entry.key, entry.value))
                                .help(format!("it takes {wants}")),
                        );
                    }
                }
                None => {
                    let near = nearest(name, KEYS.iter().map(|k| k.name));
                    diags.push(Diagnostic::error(entry.span, format!("there is no config key `{}`", entry.key)).suggest(&near, ""));
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
            assert!(!key.doc.is_empty());
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
