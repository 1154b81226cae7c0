//! The whole way from HIR to an ELF object and its manifest.

use crate::elf;
use crate::error::Error;
use crate::ir::verify;
use crate::lower;
pub use crate::lower::reads_task;
use crate::manifest::{Artifact, Manifest};
use crate::opt;
use lang::diag::Diagnostic;
use lang::hir;
use lang::kernel::Layout;

/// The machine that code is made for.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// CPUs that can be online.
    pub cpus: u32,
    /// Major and minor version of the kernel.
    pub kernel: (u32, u32),
    /// What the kernel's BTF says of tasks; asked for only if [`reads_task`] says that it is of use.
    pub task: Option<Task>,
}

/// Offsets of members of the kernel's `task_struct`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// `pid`, an `int`.
    pub pid: u32,
    /// `prio`, an `int`.
    pub prio: u32,
    /// `comm`, 16 characters.
    pub comm: u32,
}

impl Task {
    /// From the layout of `task_struct`.
    pub fn of(layout: &Layout) -> Option<Task> {
        let member = |name: &str, size: u32| layout.fields.iter().find(|f| f.name == name && f.ty.c_size() == size).map(|f| f.offset);
        Some(Task { pid: member("pid", 4)?, prio: member("prio", 4)?, comm: member("comm", 16).filter(|at| at.is_multiple_of(8))? })
    }
}

/// What may be looked at on the way: the stage (`ir`, `ir:PASS`, `asm`) and its text.
pub type Dump<'d> = dyn FnMut(&str, &dyn Fn() -> String) + 'd;

/// Compiles a checked script.
pub fn compile(program: &hir::Program, target: &Target) -> Result<Artifact, Vec<Diagnostic>> {
    compile_with(program, target, &mut |_, _| {})
}

/// Compiles a checked script and shows every stage to `dump`.
pub fn compile_with(program: &hir::Program, target: &Target, dump: &mut Dump<'_>) -> Result<Artifact, Vec<Diagnostic>> {
    let mut lowered = lower::lower(program, target);
    let module = &mut lowered.module;
    for function in module.functions.iter_mut().map(|(_, f)| f).chain(&mut module.subs) {
        let before = function.clone();
        dump("ir", &|| before.to_string());
        opt::optimize_with(function, |pass, f| dump(&format!("ir:{pass}"), &|| f.to_string()));
    }
    if cfg!(debug_assertions) {
        for function in lowered.module.functions.iter().map(|(_, f)| f).chain(&lowered.module.subs) {
            verify::verify(function).map_err(|e| internal(program, &e.to_string()))?;
        }
    }
    let mut manifest = Manifest {
        maps: lowered.maps,
        programs: lowered.programs,
        actions: lowered.actions,
        settings: program.config.settings.clone(),
        records: program.records.clone(),
        enums: program.enums.clone(),
        strings: lowered.strings,
    };
    let object = elf::write_object(&lowered.module, None).map_err(|e| refused(program, &manifest, &e))?;
    dump("asm", &|| object.listing());
    for info in &mut manifest.programs {
        if let Some(p) = object.programs.iter().find(|p| p.symbol == info.symbol) {
            info.lines = p.lines().to_vec();
            info.functions = p.functions.clone();
        }
    }
    Ok(Artifact { elf: object.elf, manifest })
}

/// The ELF object with its manifest inside, as `--emit-elf` writes it.
pub fn compile_to_elf(program: &hir::Program, target: &Target) -> Result<Vec<u8>, Vec<Diagnostic>> {
    let artifact = compile(program, target)?;
    let json = serde_json::to_vec(&artifact.manifest).map_err(|e| internal(program, &e.to_string()))?;
    let mut lowered = lower::lower(program, target);
    let module = &mut lowered.module;
    for function in module.functions.iter_mut().map(|(_, f)| f).chain(&mut module.subs) {
        opt::optimize(function);
    }
    let object = elf::write_object(&lowered.module, Some(&json)).map_err(|e| refused(program, &artifact.manifest, &e))?;
    Ok(object.elf)
}

fn refused(program: &hir::Program, manifest: &Manifest, error: &Error) -> Vec<Diagnostic> {
    let text = error.to_string();
    let span = manifest
        .programs
        .iter()
        .find(|p| text.contains(&p.symbol))
        .map_or_else(|| program.probes.first().map(|p| p.span).unwrap_or_default(), |p| p.span);
    let d = Diagnostic::error(span, format!("this probe can't be compiled: {text}"));
    vec![d.help("make the action smaller: fewer variables and keys at once, or split it over two probes")]
}

fn internal(program: &hir::Program, text: &str) -> Vec<Diagnostic> {
    let span = program.probes.first().map(|p| p.span).unwrap_or_default();
    vec![Diagnostic::error(span, format!("beetrace made wrong code for this script, which is its own mistake: {text}"))]
}
