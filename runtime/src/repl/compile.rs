//! The session's entries as one script: what the parts say of each other's maps is checked as if they stood in one file.

use super::entry::Entry;
use crate::files::ScriptFiles;
use crate::kernel::LiveKernel;
use codegen::manifest::{Artifact, Manifest, MapInfo, Storage};
use lang::ast;
use lang::cdef::WithDefs;
use lang::config::Config;
use lang::diag;
use lang::hir;
use lang::kernel::Kernel;
use lang::source::SourceMap;
use lang::types::{Agg, Type};
use std::path::PathBuf;

/// What the command line says of a session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    /// `-p`
    pub pid: Option<u32>,
    /// `--unsafe`
    pub allow_unsafe: bool,
    /// `-I`
    pub include_dirs: Vec<PathBuf>,
    /// `--include`
    pub include: Vec<String>,
    /// Messages are coloured.
    pub color: bool,
}

/// A checked session.
pub(crate) struct Checked {
    pub program: hir::Program,
    pub sources: SourceMap,
    /// Warnings, rendered.
    pub warnings: String,
}

/// Checks the entries together. The number of an entry's file is its place in the list.
pub(crate) fn check(entries: &[Entry], kernel: &LiveKernel, setup: &Setup) -> Result<Checked, String> {
    let mut map = SourceMap::default();
    let ids: Vec<_> = entries.iter().map(|e| map.add(format!("[{}]", e.id), e.source.clone())).collect();
    // A script has a probe; a session may have none yet.
    let base = map.add("[0]", "begin { }");
    let mut whole = ast::Program::default();
    let mut diags = Vec::new();
    for id in ids.iter().copied().chain([base]) {
        let (tree, found) = lang::parse(&map, id);
        diags.extend(found);
        whole.items.extend(tree.items);
        whole.nodes += tree.nodes;
    }
    let mut config = Config { allow_unsafe: setup.allow_unsafe, script: "repl".into(), ..Config::default() };
    config.pid_namespace = crate::driver::pid_namespace();
    config.set_from_environment(|n| std::env::var(n).ok())?;
    let render = |diags: &[diag::Diagnostic], map: &SourceMap| diag::render(diags, map, setup.color);
    if diag::has_errors(&diags) {
        return Err(render(&diags, &map));
    }
    let files = ScriptFiles { dirs: &setup.include_dirs, first: &setup.include };
    let (script, found) = lang::program::assemble(whole, base, &mut map, kernel, &files);
    diags.extend(found);
    if diag::has_errors(&diags) {
        return Err(render(&diags, &map));
    }
    let (program, found) = lang::check(&script.program, &WithDefs { defs: &script.defs, kernel }, &config);
    diags.extend(found);
    if diag::has_errors(&diags) {
        return Err(render(&diags, &map));
    }
    // Of older entries the user was warned when they were typed.
    let newest = ids.last().copied().unwrap_or(base);
    diags.retain(|d| d.span.file >= newest);
    let warnings = render(&diags, &map);
    Ok(Checked { program, sources: map, warnings })
}

/// Compiles what was checked, and shows the instructions to `asm`.
pub(crate) fn compile(checked: &Checked, kernel: &LiveKernel, setup: &Setup, asm: &mut String) -> Result<Artifact, String> {
    let target = codegen::Target { cpus: kernel.cpus(), kernel: kernel.version(), task: None };
    let mut dump = |stage: &str, text: &dyn Fn() -> String| {
        if stage == "asm" {
            asm.push_str(&text());
        }
    };
    codegen::compile_with(&checked.program, &target, &mut dump).map_err(|d| diag::render(&d, &checked.sources, setup.color))
}

/// Whether the contents of one map can be those of another: they are stored alike and mean the same.
pub(crate) fn same_contents(old: (&Manifest, &MapInfo), new: (&Manifest, &MapInfo)) -> bool {
    let ((old_script, old), (new_script, new)) = (old, new);
    let storage = match (old.storage, new.storage) {
        (Storage::Global { .. }, Storage::Global { .. }) => true,
        (a, b) => a == b,
    };
    let keys = match (&old.key, &new.key) {
        (None, None) => true,
        (Some(a), Some(b)) => same_type(a, b),
        _ => false,
    };
    // Values may hold numbers of texts of the script.
    let texts = !names_text(&old.value) && !old.key.as_ref().is_some_and(names_text) || new_script.strings.starts_with(&old_script.strings);
    old.name == new.name && storage && keys && texts && same_type(&old.value, &new.value)
}

/// Integers are stored as 64 bits, whatever their width.
fn same_type(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Int(_), Type::Int(_)) => true,
        (Type::Tuple(a), Type::Tuple(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_type(a, b)),
        (Type::Agg(Agg::Sum(a)), Type::Agg(Agg::Sum(b)))
        | (Type::Agg(Agg::Min(a)), Type::Agg(Agg::Min(b)))
        | (Type::Agg(Agg::Max(a)), Type::Agg(Agg::Max(b)))
        | (Type::Agg(Agg::Avg(a)), Type::Agg(Agg::Avg(b)))
        | (Type::Agg(Agg::Stats(a)), Type::Agg(Agg::Stats(b))) => a.signed == b.signed,
        _ => a == b,
    }
}

fn names_text(ty: &Type) -> bool {
    matches!(ty, Type::Timestamp | Type::CgroupPath) || ty.members().into_iter().any(names_text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lang::types::Int;

    fn info(key: Option<Type>, value: Type, storage: Storage) -> MapInfo {
        MapInfo { name: "@x".into(), elf_name: "at_x".into(), key, value, storage }
    }

    #[test]
    fn what_is_carried_over() {
        let (one, mut two) = (Manifest::default(), Manifest::default());
        let same = |a: &MapInfo, b: &MapInfo, two: &Manifest| same_contents((&one, a), (two, b));
        let small = info(Some(Type::Int(Int::I8)), Type::Int(Int::U8), Storage::Hash);
        let wide = info(Some(Type::I64), Type::I64, Storage::Hash);
        assert!(same(&small, &wide, &two));
        assert!(!same(&small, &info(Some(Type::Str(16)), Type::I64, Storage::Hash), &two));
        assert!(!same(&small, &info(None, Type::I64, Storage::Global { offset: 64 }), &two));
        let global = |offset| info(None, Type::I64, Storage::Global { offset });
        assert!(same(&global(64), &global(128), &two));
        let time = info(Some(Type::Timestamp), Type::I64, Storage::Hash);
        assert!(same(&time, &time, &two));
        two.strings = vec!["%H".into()];
        let old = Manifest { strings: vec!["%M".into()], ..Manifest::default() };
        assert!(!same_contents((&old, &time), (&two, &time)));
    }
}
