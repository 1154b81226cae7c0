//! The machine as the compiler sees it: [`Kernel`] answered from /sys, /proc and binaries. Everything is read when it is first asked for.

mod btf;
mod elf;
mod functions;
mod tracefs;

use btf::Btf;
use glob_match::glob_match;
use lang::diag::nearest;
use lang::kernel::{Field, Function, Kernel, KernelError, Layout, UserBinary};
use lang::types::Type;
use std::cell::OnceCell;

/// The machine that beetrace runs on.
#[derive(Default)]
pub struct LiveKernel {
    btf: OnceCell<Option<Btf>>,
    functions: OnceCell<Result<Vec<Function>, String>>,
}

impl LiveKernel {
    /// Nothing is read yet.
    pub fn new() -> Self {
        LiveKernel::default()
    }

    fn btf(&self) -> Option<&Btf> {
        self.btf.get_or_init(Btf::of_kernel).as_ref()
    }

    fn all_functions(&self) -> Result<&[Function], KernelError> {
        let list = self.functions.get_or_init(functions::read);
        list.as_deref().map_err(|e| KernelError::Unavailable(e.clone()))
    }
}

/// Error for a name that is not among `all`.
fn not_found<'a>(name: &str, all: impl IntoIterator<Item = &'a str>) -> KernelError {
    KernelError::NotFound { near: nearest(name, all) }
}

impl Kernel for LiveKernel {
    fn tracepoint(&self, category: &str, event: &str) -> Result<Layout, KernelError> {
        tracefs::format(category, event)
    }

    fn tracepoints(&self, category: &str, event: &str) -> Vec<(String, String)> {
        tracefs::list(category, event)
    }

    fn raw_tracepoint(&self, event: &str) -> Result<Vec<Field>, KernelError> {
        // Every tracepoint is a raw one, by its name without the category; what hooks into it is another question.
        let Some(btf) = self.btf() else { return Ok(Vec::new()) };
        match btf.tracepoint_arguments(event) {
            Some(args) => Ok(args),
            None => {
                let all = self.raw_tracepoints("*");
                if all.iter().any(|n| n == event) {
                    return Ok(Vec::new());
                }
                Err(not_found(event, all.iter().map(String::as_str)))
            }
        }
    }

    fn raw_tracepoints(&self, event: &str) -> Vec<String> {
        let mut out: Vec<String> = match self.btf() {
            Some(btf) => btf.tracepoints(),
            None => tracefs::list("*", "*").into_iter().map(|t| t.1).collect(),
        };
        out.retain(|n| glob_match(event, n));
        out.sort();
        out.dedup();
        out
    }

    fn function(&self, module: Option<&str>, name: &str) -> Result<Function, KernelError> {
        let all = self.all_functions()?;
        let hit = all.iter().find(|f| f.name == name && module.is_none_or(|m| m == f.module));
        hit.cloned().ok_or_else(|| not_found(name, all.iter().map(|f| f.name.as_str())))
    }

    fn functions(&self, module: Option<&str>, name: &str) -> Result<Vec<Function>, KernelError> {
        let hit = |f: &&Function| glob_match(name, &f.name) && module.is_none_or(|m| glob_match(m, &f.module));
        let mut out: Vec<Function> = self.all_functions()?.iter().filter(hit).cloned().collect();
        out.sort();
        out.dedup();
        Ok(out)
    }

    fn prototype(&self, function: &str) -> Option<(Vec<Field>, Type)> {
        self.btf()?.prototype(function)
    }

    fn user_binary(&self, binary: &str, symbol: Option<&str>) -> Result<UserBinary, KernelError> {
        elf::find(binary, symbol)
    }

    fn record(&self, name: &str) -> Option<Layout> {
        self.btf()?.record(name)
    }

    fn enumerator(&self, name: &str) -> Option<i64> {
        self.btf()?.enumerator(name)
    }

    fn cpus(&self) -> u32 {
        crate::sys::cpus::possible() as u32
    }

    fn version(&self) -> (u32, u32) {
        let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let mut parts = text.split(['.', '-']).map(|p| p.parse().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    }
}
