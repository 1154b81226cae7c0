//! A machine in a text: [`Kernel`] answered from a JSON file, for tests and for bug reports.

use crate::diag::nearest;
use crate::kernel::{Field, Function, Kernel, KernelError, Layout, UserBinary};
use crate::types::Type;
use glob_match::glob_match;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything a script may ask of a machine. Maps are keyed by what was asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Fixture {
    /// By `category:event`.
    pub tracepoints: BTreeMap<String, Layout>,
    /// By the event's name.
    pub raw_tracepoints: BTreeMap<String, Vec<Field>>,
    /// Traceable functions.
    pub functions: Vec<Function>,
    /// Parameters and return type by function.
    pub prototypes: BTreeMap<String, (Vec<Field>, Type)>,
    /// By the name that a script gives.
    pub binaries: BTreeMap<String, UserBinary>,
    /// By name, unions with their prefix.
    pub records: BTreeMap<String, Layout>,
    /// Values of enumerators.
    pub enumerators: BTreeMap<String, i64>,
    /// CPUs.
    pub cpus: u32,
    /// Major and minor version.
    pub version: (u32, u32),
}

impl Fixture {
    /// Reads a fixture.
    pub fn from_json(text: &str) -> Result<Fixture, String> {
        serde_json::from_str(text).map_err(|e| e.to_string())
    }

    /// The machine of most tests: two tracepoints, two functions, one binary.
    pub fn small() -> Fixture {
        Fixture::from_json(include_str!("fixture_small.json")).expect("the file in the source is right")
    }
}

fn not_found<'a>(name: &str, all: impl IntoIterator<Item = &'a str>) -> KernelError {
    KernelError::NotFound { near: nearest(name, all) }
}

impl Kernel for Fixture {
    fn tracepoint(&self, category: &str, event: &str) -> Result<Layout, KernelError> {
        let name = format!("{category}:{event}");
        self.tracepoints.get(&name).cloned().ok_or_else(|| not_found(&name, self.tracepoints.keys().map(String::as_str)))
    }

    fn tracepoints(&self, category: &str, event: &str) -> Vec<(String, String)> {
        let split = self.tracepoints.keys().filter_map(|k| k.split_once(':'));
        split.filter(|(c, e)| glob_match(category, c) && glob_match(event, e)).map(|(c, e)| (c.into(), e.into())).collect()
    }

    fn raw_tracepoint(&self, event: &str) -> Result<Vec<Field>, KernelError> {
        self.raw_tracepoints.get(event).cloned().ok_or_else(|| not_found(event, self.raw_tracepoints.keys().map(String::as_str)))
    }

    fn raw_tracepoints(&self, event: &str) -> Vec<String> {
        self.raw_tracepoints.keys().filter(|k| glob_match(event, k)).cloned().collect()
    }

    fn function(&self, module: Option<&str>, name: &str) -> Result<Function, KernelError> {
        let hit = self.functions.iter().find(|f| f.name == name && module.is_none_or(|m| m == f.module));
        hit.cloned().ok_or_else(|| not_found(name, self.functions.iter().map(|f| f.name.as_str())))
    }

    fn functions(&self, module: Option<&str>, name: &str) -> Result<Vec<Function>, KernelError> {
        let hit = |f: &&Function| glob_match(name, &f.name) && module.is_none_or(|m| glob_match(m, &f.module));
        Ok(self.functions.iter().filter(hit).cloned().collect())
    }

    fn prototype(&self, function: &str) -> Option<(Vec<Field>, Type)> {
        self.prototypes.get(function).cloned()
    }

    fn user_binary(&self, binary: &str, symbol: Option<&str>) -> Result<UserBinary, KernelError> {
        let found = self.binaries.get(binary).ok_or_else(|| not_found(binary, self.binaries.keys().map(String::as_str)))?;
        let pattern = symbol.unwrap_or("");
        let symbols: Vec<_> = found.symbols.iter().filter(|s| s.name == pattern || glob_match(pattern, &s.name)).cloned().collect();
        if symbol.is_some() && symbols.is_empty() {
            return Err(not_found(pattern, found.symbols.iter().map(|s| s.name.as_str())));
        }
        Ok(UserBinary { path: found.path.clone(), symbols })
    }

    fn record(&self, name: &str) -> Option<Layout> {
        self.records.get(name).cloned()
    }

    fn enumerator(&self, name: &str) -> Option<i64> {
        self.enumerators.get(name).copied()
    }

    fn cpus(&self) -> u32 {
        self.cpus
    }

    fn version(&self) -> (u32, u32) {
        self.version
    }
}
