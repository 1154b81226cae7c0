//! The C preamble of a script: definitions of structures, enumerations, typedefs and macros, without a C compiler.
//!
//! [`preprocess`] makes tokens of the text: directives are carried out, comments dropped, macros put in. [`declare`] reads the
//! declarations and [`layout`] gives members their places, by the System V ABI for x86-64. Names that the script
//! does not define are the running kernel's (BTF). What is not understood is an error at its place: a wrong offset would be
//! worse than none.

mod constant;
mod declarator;
mod declare;
mod layout;
mod preprocess;
#[cfg(test)]
mod tests;

use crate::diag::Diagnostic;
use crate::expand::Define;
use crate::kernel::{Field, Function, Kernel, KernelError, Layout, UsdtProbe, UserBinary, UserVariable};
use crate::source::{SourceMap, Span};
use crate::types::{Int, Type};
use std::collections::BTreeMap;

/// Where `#include` finds files.
pub trait Files {
    /// The shown name and the text of a file. `system`: named between angle brackets; `from`: the file that includes it.
    fn read(&self, name: &str, system: bool, from: &str) -> Option<(String, String)>;

    /// Files that are included before the script: `--include`.
    fn first(&self) -> &[String] {
        &[]
    }

    /// The files of an `import`, shown name and text of each: one, or those of a directory. The error is a sentence.
    fn import(&self, path: &str, from: &str) -> Result<Vec<(String, String)>, String>;
}

/// No files at all.
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _name: &str, _system: bool, _from: &str) -> Option<(String, String)> {
        None
    }

    fn import(&self, path: &str, _from: &str) -> Result<Vec<(String, String)>, String> {
        Err(format!("the file `{path}` can't be found"))
    }
}

/// What a preamble defines.
#[derive(Clone, Debug, Default)]
pub struct CDefs {
    /// Structures; unions with the prefix `union `.
    pub records: BTreeMap<String, Layout>,
    /// Enumerations: how they are stored, and their enumerators.
    pub enums: BTreeMap<String, (Int, Vec<(String, i64)>)>,
    /// Enumerators: value and type.
    pub enumerators: BTreeMap<String, (i64, Type)>,
    /// Typedefs.
    pub typedefs: BTreeMap<String, Type>,
    /// `#define`s by name.
    pub macros: BTreeMap<String, Define>,
}

impl CDefs {
    /// Whether nothing is defined.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.enums.is_empty() && self.typedefs.is_empty() && self.macros.is_empty()
    }
}

/// Reads the chunks of a preamble, each with its place in the script.
pub fn parse(chunks: &[(String, Span)], map: &mut SourceMap, kernel: &dyn Kernel, files: &dyn Files) -> (CDefs, Vec<Diagnostic>) {
    let mut p = preprocess::Preprocessor::new(files);
    for (text, span) in chunks {
        p.text(text, *span, map);
    }
    let (tokens, macros, mut diags) = p.finish();
    let mut d = declare::Declarations::new(tokens, kernel);
    d.all();
    diags.extend(d.diags);
    let mut defs = d.defs;
    defs.macros = macros;
    (defs, diags)
}

/// A machine with a script's own definitions, which come first.
pub struct WithDefs<'a> {
    /// The definitions.
    pub defs: &'a CDefs,
    /// The machine.
    pub kernel: &'a dyn Kernel,
}

impl Kernel for WithDefs<'_> {
    fn tracepoint(&self, category: &str, event: &str) -> Result<Layout, KernelError> {
        self.kernel.tracepoint(category, event)
    }
    fn tracepoints(&self, category: &str, event: &str) -> Vec<(String, String)> {
        self.kernel.tracepoints(category, event)
    }
    fn raw_tracepoint(&self, event: &str) -> Result<Vec<Field>, KernelError> {
        self.kernel.raw_tracepoint(event)
    }
    fn raw_tracepoints(&self, event: &str) -> Vec<String> {
        self.kernel.raw_tracepoints(event)
    }
    fn function(&self, module: Option<&str>, name: &str) -> Result<Function, KernelError> {
        self.kernel.function(module, name)
    }
    fn functions(&self, module: Option<&str>, name: &str) -> Result<Vec<Function>, KernelError> {
        self.kernel.functions(module, name)
    }
    fn prototype(&self, function: &str) -> Option<(Vec<Field>, Type)> {
        self.kernel.prototype(function)
    }
    fn user_binary(&self, binary: &str, symbol: Option<&str>) -> Result<UserBinary, KernelError> {
        self.kernel.user_binary(binary, symbol)
    }
    fn record(&self, name: &str) -> Option<Layout> {
        self.defs.records.get(name).cloned().or_else(|| self.kernel.record(name))
    }
    fn enumerator(&self, name: &str) -> Option<(i64, Type)> {
        self.defs.enumerators.get(name).cloned().or_else(|| self.kernel.enumerator(name))
    }
    fn enumeration(&self, name: &str) -> Option<(Int, Vec<(String, i64)>)> {
        self.defs.enums.get(name).cloned().or_else(|| self.kernel.enumeration(name))
    }
    fn typedef(&self, name: &str) -> Option<Type> {
        self.defs.typedefs.get(name).cloned().or_else(|| self.kernel.typedef(name))
    }
    fn binaries(&self, pattern: &str) -> Vec<String> {
        self.kernel.binaries(pattern)
    }
    fn usdt(&self, binary: &str, namespace: &str, name: &str) -> Result<Vec<UsdtProbe>, KernelError> {
        self.kernel.usdt(binary, namespace, name)
    }
    fn iterators(&self) -> Vec<String> {
        self.kernel.iterators()
    }
    fn described_functions(&self, pattern: &str) -> Vec<String> {
        self.kernel.described_functions(pattern)
    }
    fn user_prototype(&self, binary: &str, function: &str) -> Option<Vec<Field>> {
        self.kernel.user_prototype(binary, function)
    }
    fn source_line(&self, binary: &str, file: &str, line: u32, column: Option<u32>) -> Result<(String, Vec<u64>), KernelError> {
        self.kernel.source_line(binary, file, line, column)
    }
    fn kfunc(&self, name: &str) -> Option<u32> {
        self.kernel.kfunc(name)
    }
    fn has_module(&self, name: &str) -> bool {
        self.kernel.has_module(name)
    }
    fn percpu_variable(&self, name: &str) -> Result<u32, KernelError> {
        self.kernel.percpu_variable(name)
    }
    fn symbol(&self, name: &str) -> Result<u64, KernelError> {
        self.kernel.symbol(name)
    }
    fn user_variable(&self, path: &str, name: &str) -> Result<UserVariable, KernelError> {
        self.kernel.user_variable(path, name)
    }
    fn instructions(&self, path: &str, start: u64, until: u64) -> Option<Vec<u64>> {
        self.kernel.instructions(path, start, until)
    }
    fn cgroup_id(&self, path: &str) -> Result<u64, KernelError> {
        self.kernel.cgroup_id(path)
    }
    fn cpus(&self) -> u32 {
        self.kernel.cpus()
    }
    fn version(&self) -> (u32, u32) {
        self.kernel.version()
    }
}
