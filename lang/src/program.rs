//! A script made whole: its imports read in, its C preamble understood, its macros replaced.

use crate::ast::{Item, Program};
use crate::cdef::{self, CDefs, Files};
use crate::diag::{Diagnostic, has_errors};
use crate::expand;
use crate::kernel::Kernel;
use crate::prelude;
use crate::source::{FileId, SourceMap, Span};
use std::collections::HashSet;

/// Files that one script may import.
const MAX_IMPORTS: usize = 200;

/// A script ready for the checker.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// Probes, functions, map declarations, settings; no macro is left.
    pub program: Program,
    /// What the C preamble defines: the checker sees it through [`cdef::WithDefs`].
    pub defs: CDefs,
}

/// Makes a parsed script whole.
pub fn assemble(tree: Program, file: FileId, map: &mut SourceMap, kernel: &dyn Kernel, files: &dyn Files) -> (Script, Vec<Diagnostic>) {
    let mut diags = Vec::new();
    let from = map.file(file).name.clone();
    let mut program = Program { nodes: tree.nodes, items: Vec::new() };
    if !files.first().is_empty() {
        // What is no file is one of the system's, which need not be there.
        let line = |f: &String| match f.contains('/') || files.read(f, false, "").is_some() {
            true => format!("#include \"{f}\"\n"),
            false => format!("#include <{f}>\n"),
        };
        let text: String = files.first().iter().map(line).collect();
        let place = map.add("--include", text.clone());
        program.items.push(Item::C { span: Span::new(place, 0, text.len()), text });
    }
    let mut imports = Imports { map, files, seen: HashSet::new(), diags: &mut diags };
    imports.items(tree.items, &from, true, &mut program.items);
    let chunks: Vec<(String, Span)> = program
        .items
        .iter()
        .filter_map(|i| match i {
            Item::C { text, span } => Some((text.clone(), *span)),
            _ => None,
        })
        .collect();
    let (defs, found) = if chunks.is_empty() { (CDefs::default(), Vec::new()) } else { cdef::parse(&chunks, map, kernel, files) };
    diags.extend(found);
    if !has_errors(&diags) {
        let macros = prelude::macros(&program, map);
        diags.extend(expand::expand(&mut program, &macros, defs.macros.clone().into_iter().collect()));
    }
    (Script { program, defs }, diags)
}

struct Imports<'a> {
    map: &'a mut SourceMap,
    files: &'a dyn Files,
    seen: HashSet<String>,
    diags: &'a mut Vec<Diagnostic>,
}

impl Imports<'_> {
    /// Adds items, those of imported files first: what a script depends on comes before it.
    fn items(&mut self, items: Vec<Item>, from: &str, root: bool, out: &mut Vec<Item>) {
        for item in &items {
            if let Item::Import { path, span } = item {
                self.import(path, *span, from, out);
            }
        }
        for item in items {
            match item {
                Item::Import { .. } => {}
                Item::Config(entries) if !root => {
                    let span = entries.first().map(|e| e.span).unwrap_or_default();
                    self.diags.push(Diagnostic::error(span, "an imported script can't have a config block"));
                }
                other => out.push(other),
            }
        }
    }

    fn import(&mut self, path: &str, span: Span, from: &str, out: &mut Vec<Item>) {
        let found = match self.files.import(path, from) {
            Ok(found) => found,
            Err(why) => return self.diags.push(Diagnostic::error(span, why)),
        };
        for (name, text) in found {
            if !self.seen.insert(name.clone()) {
                continue;
            }
            if self.seen.len() > MAX_IMPORTS {
                return self.diags.push(Diagnostic::error(span, "too many files are imported"));
            }
            let file = self.map.add(name.clone(), text.clone());
            if name.ends_with(".h") {
                out.push(Item::C { span: Span::new(file, 0, text.len()), text });
                continue;
            }
            let (tree, found) = crate::parse(self.map, file);
            self.diags.extend(found);
            self.items(tree.items, &name, false, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    struct Two;

    impl Files for Two {
        fn read(&self, _: &str, _: bool, _: &str) -> Option<(String, String)> {
            None
        }
        fn import(&self, path: &str, _: &str) -> Result<Vec<(String, String)>, String> {
            match path {
                "a.bt" => Ok(vec![("a.bt".into(), "import \"b.h\"; macro one { N } BEGIN { }".into())]),
                "b.h" => Ok(vec![("b.h".into(), "#define N 1\nstruct s { int x; };".into())]),
                _ => Err(format!("the file `{path}` can't be found")),
            }
        }
    }

    fn whole(text: &str) -> (Script, Vec<Diagnostic>) {
        let mut map = SourceMap::default();
        let file = map.add("t.bt", text);
        let (tree, _) = crate::parse(&map, file);
        assemble(tree, file, &mut map, &Fixture::small(), &Two)
    }

    #[test]
    fn imports_come_first_and_once() {
        let (s, d) = whole("import \"a.bt\"; import \"a.bt\"; END { print(one); }");
        assert!(d.is_empty(), "{d:?}");
        let probes: Vec<&str> =
            s.program.items.iter().filter_map(|i| if let Item::Probe(p) = i { Some(p.attach[0].text.as_str()) } else { None }).collect();
        assert_eq!(probes, ["BEGIN", "END"]);
        assert_eq!(s.defs.records["s"].size, 4);
    }

    #[test]
    fn what_is_not_there_is_told() {
        let (_, d) = whole("import \"c.bt\"; END { }");
        assert!(d[0].message.contains("can't be found"));
    }
}
