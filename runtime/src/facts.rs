//! What a manifest says of its script as a whole.

use codegen::manifest::{Action, Manifest, Target};
use lang::types::{StackMode, Type};

/// Attach points; the places of one USDT probe are one.
pub(crate) fn points(manifest: &Manifest) -> usize {
    let mut usdt: Vec<(&str, lang::source::Span)> = Vec::new();
    let mut count = 0;
    for a in manifest.programs.iter().flat_map(|p| &p.attach) {
        let same = (a.name.as_str(), a.span);
        if matches!(a.target, Target::Usdt { .. }) {
            if usdt.contains(&same) {
                continue;
            }
            usdt.push(same);
        }
        count += 1;
    }
    count
}

/// Whether the script prints names of user code, for which what a process has mapped must be known.
pub fn names_user_code(manifest: &Manifest) -> bool {
    fn is_user(ty: &Type) -> bool {
        match ty {
            Type::UStack { mode, .. } => matches!(mode, StackMode::Bpftrace | StackMode::Perf),
            Type::Usym => true,
            Type::Tuple(members) => members.iter().any(is_user),
            _ => false,
        }
    }
    let in_maps = manifest.maps.iter().any(|m| is_user(&m.value) || m.key.as_ref().is_some_and(is_user));
    in_maps
        || manifest.actions.iter().any(|a| match a {
            Action::Printf { args, .. } => args.iter().any(is_user),
            Action::PrintValue { ty } => is_user(ty),
            _ => false,
        })
}

/// The programs and libraries that the script probes.
pub fn probed(manifest: &Manifest) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for point in manifest.programs.iter().flat_map(|p| &p.attach) {
        if let Target::Uprobe { path, .. } | Target::Usdt { path, .. } = &point.target
            && !out.contains(path)
        {
            out.push(path.clone());
        }
    }
    out
}
