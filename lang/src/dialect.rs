//! What bpftrace has renamed or dropped since 0.9, one row each. The checker takes its hints from here, `beetrace port` its changes.

/// What kind of word a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The first word of an attach point.
    Provider,
    /// A value's bare name.
    Value,
    /// The name of a call.
    Function,
    /// A key of the `config` block.
    ConfigKey,
}

/// A word of older scripts.
#[derive(Debug)]
pub struct Renamed {
    /// What kind of word it is.
    pub word: Word,
    /// What it was.
    pub old: &'static str,
    /// What it is now; empty if there is no need of it any more.
    pub new: &'static str,
    /// The version of bpftrace that changed it.
    pub since: &'static str,
    /// Whether [`new`](Renamed::new) can be put where `old` stands.
    pub exact: bool,
}

const fn row(word: Word, old: &'static str, new: &'static str, since: &'static str) -> Renamed {
    Renamed { word, old, new, since, exact: true }
}

/// Every word.
pub const RENAMED: &[Renamed] = &[
    row(Word::Provider, "BEGIN", "begin", "0.24"),
    row(Word::Provider, "END", "end", "0.24"),
    row(Word::Provider, "kfunc", "fentry", "0.20"),
    row(Word::Provider, "kretfunc", "fexit", "0.20"),
    row(Word::Provider, "asyncwatchpoint", "watchpoint", "0.25"),
    row(Word::Provider, "aw", "watchpoint", "0.25"),
    row(Word::Value, "stack", "kstack", "0.10"),
    row(Word::Function, "stack", "kstack", "0.10"),
    row(Word::Function, "sym", "ksym", "0.10"),
    row(Word::ConfigKey, "strlen", "max_strlen", "0.20"),
    row(Word::ConfigKey, "cat_bytes_max", "max_cat_bytes", "0.20"),
    row(Word::ConfigKey, "map_keys_max", "max_map_keys", "0.20"),
    // The same the other way round: its value turns over.
    Renamed { word: Word::ConfigKey, old: "no_cpp_demangle", new: "cpp_demangle", since: "0.20", exact: false },
    row(Word::ConfigKey, "symbol_source", "", "0.24"),
    row(Word::ConfigKey, "max_type_res_iterations", "", "0.24"),
    row(Word::ConfigKey, "unstable_macro", "", "0.25"),
    row(Word::ConfigKey, "unstable_map_decl", "", "0.25"),
    row(Word::ConfigKey, "unstable_import", "", "0.26"),
    row(Word::ConfigKey, "unstable_addr", "", "0.26"),
];

/// `args` became a structure; it was a pointer.
pub const ARGS_IS_A_STRUCTURE: &str = "0.19";
/// Tracepoint fields of variable length lost their `data_loc_`.
pub const NO_DATA_LOC: &str = "0.12";
/// What such a field's name began with.
pub const DATA_LOC: &str = "data_loc_";
/// `delete` takes a map and a key, and one of each.
pub const DELETE_TAKES_A_KEY: &str = "0.22";
/// A variable belongs to the block that it is assigned in.
pub const BLOCKS_HAVE_VARIABLES: &str = "0.22";
/// `sargN` is gone.
pub const NO_SARG: &str = "0.25";
/// `while` is deprecated.
pub const WHILE_IS_DEPRECATED: &str = "0.25";
/// `exit()` may not stand in a loop.
pub const NO_EXIT_IN_LOOPS: &str = "0.25";

/// What is written now for `sarg0` and its kin (x86-64, where the return address lies below the first argument of the stack).
pub fn stack_argument(n: u32) -> String {
    format!("*(uint64*)(reg(\"sp\") + {})", 8 * (u64::from(n) + 1))
}

/// The row of an older word.
pub fn renamed(word: Word, old: &str) -> Option<&'static Renamed> {
    RENAMED.iter().find(|r| r.word == word && r.old == old)
}

/// What to write for an older word that is not known any more.
pub fn hint(word: Word, old: &str) -> Option<String> {
    let r = renamed(word, old)?;
    Some(match r.new {
        "" => format!("leave it out: bpftrace has not needed it since {}", r.since),
        new if r.exact => format!("it is called `{new}` since bpftrace {}", r.since),
        new => format!("since bpftrace {} there is `{new}`, which says the opposite", r.since),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_words_exist_and_are_not_old() {
        for r in RENAMED {
            assert!(renamed(r.word, r.new).is_none(), "{}", r.new);
            let there = match r.word {
                Word::Provider => crate::probes::find(r.new).is_some(),
                Word::Value | Word::Function => crate::builtins::find(r.new).is_some(),
                Word::ConfigKey => r.new.is_empty() || crate::config::KEYS.iter().any(|k| k.name == r.new),
            };
            assert!(there, "{} -> {}", r.old, r.new);
        }
    }
}
