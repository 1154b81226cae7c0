//! Host metrics: figures of /proc that scripts read by name, as `meminfo.dirty`, or row by row, as `for ($d : diskstats) { ... }`.
//!
//! One row a set: the checker, the runtime that fills them and the reference read it here. The runtime reads the files just before it
//! fires a `begin`, `interval`, `end` or `self` probe, and only those of the sets that the probe names. To the compiler a figure of a
//! single set is a map without keys called `SET.FIELD`, and a plural set is a map `SET` from row numbers to records, with `SET.#` for the
//! number of rows: a name without an `@` is no name of a script's map.

mod devices;
mod processes;
mod system;

use crate::types::Type;

/// Every set.
pub const SETS: &[Set] = &[
    system::LOADAVG,
    system::MEMINFO,
    system::VMSTAT,
    system::CPUSTAT,
    system::CPUS,
    devices::DISKSTATS,
    devices::NETDEVS,
    devices::TCPSTAT,
    processes::PROCESSES,
];

/// A set of figures.
#[derive(Debug)]
pub struct Set {
    /// Its name in scripts.
    pub name: &'static str,
    /// For plural sets: what a row is, and the most rows that there can be.
    pub rows: Option<(&'static str, u32)>,
    /// What it tells.
    pub doc: &'static str,
    /// The files that the figures are from, and their manual.
    pub source: &'static str,
    /// Its figures.
    pub fields: &'static [Field],
    /// A script that runs and ends by itself.
    pub example: &'static str,
}

/// A figure.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub form: Form,
    /// Its unit; empty for numbers of things and for texts.
    pub unit: &'static str,
    /// What it tells.
    pub doc: &'static str,
}

/// What a figure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A whole number.
    Number,
    /// A whole number that may be negative.
    Signed,
    /// A number in hundredths: 152 is 1.52, which `%.2f` prints.
    Hundredths,
    /// Text of less than so many bytes.
    Text(u32),
}

const fn number(name: &'static str, unit: &'static str, doc: &'static str) -> Field {
    Field { name, form: Form::Number, unit, doc }
}

const fn signed(name: &'static str, unit: &'static str, doc: &'static str) -> Field {
    Field { name, form: Form::Signed, unit, doc }
}

const fn hundredths(name: &'static str, unit: &'static str, doc: &'static str) -> Field {
    Field { name, form: Form::Hundredths, unit, doc }
}

const fn text(name: &'static str, bytes: u32, doc: &'static str) -> Field {
    Field { name, form: Form::Text(bytes), unit: "", doc }
}

/// The set of a name.
pub fn find(name: &str) -> Option<&'static Set> {
    SETS.iter().find(|s| s.name == name)
}

impl Field {
    /// The type of its values.
    pub fn ty(&self) -> Type {
        match self.form {
            Form::Number | Form::Hundredths => Type::U64,
            Form::Signed => Type::I64,
            Form::Text(bytes) => Type::Str(bytes),
        }
    }
}

impl Set {
    /// The figure of a name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// The record of all figures.
    pub fn record(&self) -> Type {
        Type::Named(self.fields.iter().map(|f| (f.name.to_string(), f.ty())).collect())
    }

    /// The map that holds the figure of a single set.
    pub fn field_map(&self, field: &str) -> String {
        format!("{}.{field}", self.name)
    }

    /// The map that holds the number of a plural set's rows.
    pub fn count_map(&self) -> String {
        format!("{}.#", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_whole() {
        for (i, set) in SETS.iter().enumerate() {
            assert!(set.example.contains(set.name) && set.doc.ends_with('.') && set.source.contains("/proc/"), "{}", set.name);
            assert!(!SETS[..i].iter().any(|s| s.name == set.name), "{} stands twice", set.name);
            assert!(crate::builtins::find(set.name).is_none(), "{} is a builtin", set.name);
            for (j, f) in set.fields.iter().enumerate() {
                assert!(!f.doc.is_empty() && !set.fields[..j].iter().any(|g| g.name == f.name), "{}.{}", set.name, f.name);
                assert!(f.form != Form::Hundredths || !f.unit.is_empty(), "{}.{}", set.name, f.name);
            }
        }
    }
}
