//! A machine in a text: [`Kernel`] answered from a JSON file, for tests and for bug reports.

use crate::diag::nearest;
use crate::kernel::{Field, Function, Kernel, KernelError, Layout, UsdtProbe, UserBinary, UserVariable};
use crate::types::{Int, Type};
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
    /// Enumerations by name, with their width.
    pub enumerations: BTreeMap<String, (Int, Vec<(String, i64)>)>,
    /// What typedefs stand for.
    pub typedefs: BTreeMap<String, Type>,
    /// Kinds of iterators.
    pub iterators: Vec<String>,
    /// Addresses of kernel symbols.
    pub symbols: BTreeMap<String, u64>,
    /// Functions of the kernel that programs may call.
    pub kfuncs: Vec<String>,
    /// Variables of which each CPU has its own.
    #[serde(default)]
    pub percpu_variables: Vec<String>,
    /// Ids of control groups by path.
    pub cgroups: BTreeMap<String, u64>,
    /// Variables of user binaries.
    pub variables: BTreeMap<String, UserVariable>,
    /// USDT probes by binary.
    pub usdt: BTreeMap<String, Vec<UsdtProbe>>,
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

    fn enumerator(&self, name: &str) -> Option<(i64, Type)> {
        self.enumerations.iter().find_map(|(e, (int, list))| {
            let value = list.iter().find(|v| v.0 == name)?.1;
            Some((value, Type::Enum { name: e.clone(), int: *int }))
        })
    }

    fn enumeration(&self, name: &str) -> Option<(Int, Vec<(String, i64)>)> {
        self.enumerations.get(name).cloned()
    }

    fn typedef(&self, name: &str) -> Option<Type> {
        self.typedefs.get(name).cloned()
    }

    fn iterators(&self) -> Vec<String> {
        self.iterators.clone()
    }

    fn symbol(&self, name: &str) -> Result<u64, KernelError> {
        self.symbols.get(name).copied().ok_or_else(|| not_found(name, self.symbols.keys().map(String::as_str)))
    }

    fn kfunc(&self, name: &str) -> Option<u32> {
        self.kfuncs.iter().position(|f| f == name).map(|i| 1 + i as u32)
    }

    fn percpu_variable(&self, name: &str) -> Result<u32, KernelError> {
        let at = self.percpu_variables.iter().position(|v| v == name);
        at.map(|i| 1000 + i as u32).ok_or_else(|| not_found(name, self.percpu_variables.iter().map(String::as_str)))
    }

    fn cgroup_id(&self, path: &str) -> Result<u64, KernelError> {
        self.cgroups.get(path).copied().ok_or_else(|| not_found(path, self.cgroups.keys().map(String::as_str)))
    }

    fn user_variable(&self, _path: &str, name: &str) -> Result<UserVariable, KernelError> {
        self.variables.get(name).cloned().ok_or_else(|| not_found(name, self.variables.keys().map(String::as_str)))
    }

    fn usdt(&self, binary: &str, namespace: &str, name: &str) -> Result<Vec<UsdtProbe>, KernelError> {
        let all = self.usdt.get(binary).map(Vec::as_slice).unwrap_or_default();
        let hit = |p: &&UsdtProbe| glob_match(namespace, &p.provider) && glob_match(name, &p.name);
        let found: Vec<UsdtProbe> = all.iter().filter(hit).cloned().collect();
        if found.is_empty() { Err(not_found(name, all.iter().map(|p| p.name.as_str()))) } else { Ok(found) }
    }

    /// Every instruction takes four bytes.
    fn instructions(&self, _path: &str, _start: u64, until: u64) -> Option<Vec<u64>> {
        Some((0..=until.div_ceil(4)).map(|n| n * 4).collect())
    }

    fn cpus(&self) -> u32 {
        self.cpus
    }

    fn version(&self) -> (u32, u32) {
        self.version
    }
}
