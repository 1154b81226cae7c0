//! The prelude: macros that come with beetrace, parsed only if a script names one of them.

use crate::ast::{ExprKind, Item, Macro, Program};
use crate::source::SourceMap;
use std::collections::HashSet;

/// The macros of the prelude, if the program names one that it does not define itself. Their texts join the source map.
pub fn macros(program: &Program, map: &mut SourceMap) -> Vec<Macro> {
    let mut used: HashSet<&str> = HashSet::new();
    for item in &program.items {
        let note = |e: &'_ crate::ast::Expr| -> Option<String> {
            match &e.kind {
                ExprKind::Ident(name) | ExprKind::Call { name, .. } => Some(name.clone()),
                _ => None,
            }
        };
        let mut see = |e: &crate::ast::Expr| {
            if let Some(name) = note(e)
                && let Some(known) = known(&name)
            {
                used.insert(known);
            }
        };
        match item {
            Item::Probe(p) => p.walk(&mut see),
            Item::Function(f) => f.body.walk(&mut see),
            Item::Macro(m) => m.body.walk(&mut see),
            _ => {}
        }
    }
    if used.is_empty() {
        return Vec::new();
    }
    let mut out = Vec::new();
    for (name, text) in stdlib::prelude::FILES {
        let file = map.add(*name, *text);
        let (parsed, _) = crate::parse(map, file);
        out.extend(parsed.items.into_iter().filter_map(|i| match i {
            Item::Macro(m) => Some(Macro { prelude: true, ..m }),
            _ => None,
        }));
    }
    out
}

/// The prelude's own copy of a name, if it has a macro of that name.
fn known(name: &str) -> Option<&'static str> {
    stdlib::prelude::FILES.iter().flat_map(|(_, text)| stdlib::prelude::names(text)).find(|n| *n == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::render;

    #[test]
    fn the_prelude_parses() {
        for (name, text) in stdlib::prelude::FILES {
            let mut map = SourceMap::default();
            let file = map.add(*name, *text);
            let (program, diags) = crate::parse(&map, file);
            assert!(diags.is_empty(), "{}", render(&diags, &map, false));
            assert!(program.items.iter().all(|i| matches!(i, Item::Macro(_))));
        }
    }

    #[test]
    fn it_is_read_only_when_it_is_named() {
        let mut map = SourceMap::default();
        let file = map.add("t", "BEGIN { print(pid); }");
        let (program, _) = crate::parse(&map, file);
        assert!(macros(&program, &mut map).is_empty());
        let file = map.add("u", "BEGIN { print(ppid); }");
        let (program, _) = crate::parse(&map, file);
        assert!(macros(&program, &mut map).iter().any(|m| m.name == "ppid"));
    }
}
