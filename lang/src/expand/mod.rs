//! Macros: calls are replaced by the bodies of the macros that they name, tree by tree.
//!
//! A macro is hygienic: its variables are its own (renamed with the number of the expansion), maps and outer variables
//! come in as arguments. A name may have several macros; the call's arguments choose: their number, and variables and maps
//! where a parameter wants one. A script's own macro comes before one of the prelude.
//! `#define`s of the preamble are macros too, without the hygiene, as in C.

mod define;
mod substitute;

pub use define::Define;

use crate::ast::{Block, Expr, ExprKind, Item, Macro, MacroParamKind, Program, TypeNameKind, TypeOrExpr};
use crate::diag::{Diagnostic, nearest};
use crate::source::Span;
use crate::walk::Rewrite;
use std::collections::HashMap;
use substitute::Substitution;

/// Macros within macros that are followed.
const MAX_DEPTH: usize = 40;
/// Nodes that expansion may make in all.
const MAX_NODES: usize = 2_000_000;

/// Replaces every call of a macro in the program's probes and functions. `prelude` holds the macros that come with beetrace,
/// `defines` those of the C preamble.
pub fn expand(program: &mut Program, prelude: &[Macro], defines: HashMap<String, Define>) -> Vec<Diagnostic> {
    let mut macros: HashMap<String, Vec<Macro>> = HashMap::new();
    let mut diags = Vec::new();
    for item in &program.items {
        if let Item::Macro(m) = item {
            define_macro(&mut macros, m, &mut diags);
        }
    }
    for m in prelude {
        macros.entry(m.name.clone()).or_default().push(m.clone());
    }
    if macros.is_empty() && defines.is_empty() {
        return diags;
    }
    let mut x = Expander { macros, defines, diags, stack: Vec::new(), count: 0, nodes: 0 };
    for item in &mut program.items {
        match item {
            Item::Probe(p) => {
                if let Some(e) = &mut p.predicate {
                    x.expr(e);
                }
                x.block(&mut p.body);
            }
            Item::Function(f) => x.block(&mut f.body),
            _ => {}
        }
    }
    x.diags
}

/// Adds a macro; tells of one that stands twice.
fn define_macro(macros: &mut HashMap<String, Vec<Macro>>, m: &Macro, diags: &mut Vec<Diagnostic>) {
    for (i, p) in m.params.iter().enumerate() {
        if m.params[..i].iter().any(|q| q.name == p.name && q.kind == p.kind) {
            diags.push(Diagnostic::error(p.span, format!("the macro `{}` has two parameters of this name", m.name)));
            return;
        }
    }
    let list = macros.entry(m.name.clone()).or_default();
    let kinds = |m: &Macro| m.params.iter().map(|p| p.kind).collect::<Vec<_>>();
    if let Some(first) = list.iter().find(|o| kinds(o) == kinds(m)) {
        diags.push(
            Diagnostic::error(m.name_span, format!("there is a macro `{}` with such parameters already", m.name))
                .other(first.name_span, "the first one"),
        );
        return;
    }
    list.push(m.clone());
}

struct Expander {
    macros: HashMap<String, Vec<Macro>>,
    defines: HashMap<String, Define>,
    diags: Vec<Diagnostic>,
    /// Names of the macros being expanded, with whether they are the prelude's.
    stack: Vec<(String, bool)>,
    count: u32,
    nodes: usize,
}

impl Rewrite for Expander {
    fn expr(&mut self, e: &mut Expr) {
        match &mut e.kind {
            ExprKind::Ident(name) => {
                let name = name.clone();
                let span = e.span;
                if let Some(new) = self.constant(&name, span) {
                    *e = new;
                } else if self.has_macro(&name) {
                    self.call(e, &name, Vec::new(), span);
                }
            }
            ExprKind::Call { name, name_span, args } => {
                for a in args.iter_mut() {
                    self.expr(a);
                }
                let (name, name_span) = (name.clone(), *name_span);
                if let Some(d) = self.defines.get(&name).filter(|d| d.params.is_some()).cloned() {
                    let args = std::mem::take(args);
                    match d.instantiate(args, e.span) {
                        Ok(new) => {
                            *e = new;
                            self.nested(&name, false, name_span, e);
                        }
                        Err(d) => {
                            self.diags.push(d);
                            e.kind = ExprKind::Error;
                        }
                    }
                } else if self.has_macro(&name) {
                    let args = args.clone();
                    self.call(e, &name, args, name_span);
                }
            }
            _ => self.children(e),
        }
    }

    fn type_or_expr(&mut self, x: &mut TypeOrExpr) {
        // A bare name in a type's place is a type, unless only a macro has that name.
        match x {
            TypeOrExpr::Type(t) => match &mut t.kind {
                TypeNameKind::Typeof(inner) => self.type_or_expr(inner),
                TypeNameKind::Named(name) if t.suffixes.is_empty() && self.defines.contains_key(name) => {
                    let (name, span) = (name.clone(), t.span);
                    if let Some(new) = self.constant(&name, span) {
                        *x = TypeOrExpr::Expr(new);
                    }
                }
                _ => {}
            },
            TypeOrExpr::Expr(e) => self.expr(e),
        }
    }
}

impl Expander {
    fn has_macro(&self, name: &str) -> bool {
        // Inside a prelude macro its own namesakes of the script are not seen, and a macro never means itself by a bare name
        // with the same parameters: recursion is found by the stack.
        self.macros.contains_key(name)
    }

    /// The value of a `#define` without parameters.
    fn constant(&mut self, name: &str, span: Span) -> Option<Expr> {
        let d = self.defines.get(name).filter(|d| d.params.is_none())?.clone();
        match d.instantiate(Vec::new(), span) {
            Ok(mut new) => {
                self.nested(name, false, span, &mut new);
                Some(new)
            }
            Err(d) => {
                self.diags.push(d);
                None
            }
        }
    }

    /// Expands what an expansion has put in, unless that would go on for ever.
    fn nested(&mut self, name: &str, prelude: bool, span: Span, e: &mut Expr) {
        if self.stack.len() >= MAX_DEPTH {
            self.diags.push(Diagnostic::error(span, format!("the macro `{name}` calls itself")));
            e.kind = ExprKind::Error;
            return;
        }
        self.stack.push((name.to_string(), prelude));
        self.expr(e);
        self.stack.pop();
    }

    /// Replaces the call `e` of a macro.
    fn call(&mut self, e: &mut Expr, name: &str, args: Vec<Expr>, span: Span) {
        let in_prelude = self.stack.last().is_some_and(|(_, p)| *p);
        let list = &self.macros[name];
        let fits = |m: &&Macro| (!in_prelude || m.prelude) && fits(m, &args);
        let Some(chosen) = list.iter().find(fits).cloned() else {
            let own: Vec<&Macro> = list.iter().filter(|m| !m.prelude).collect();
            // A builtin of that name takes other arguments.
            if crate::builtins::find(name).is_some() {
                return;
            }
            self.diags.push(no_macro(name, &args, if own.is_empty() { list.iter().collect() } else { own }, span));
            e.kind = ExprKind::Error;
            return;
        };
        if self.stack.iter().filter(|(n, p)| n == name && *p == chosen.prelude).count() > 8 {
            self.diags.push(Diagnostic::error(chosen.name_span, format!("the macro `{name}` calls itself")).other(span, "used here"));
            e.kind = ExprKind::Error;
            return;
        }
        self.count += 1;
        let mut substitution = Substitution::new(&chosen, args, self.count);
        let mut body: Block = chosen.body.clone();
        substitution.block(&mut body);
        for d in substitution.diags {
            self.diags.push(d.other(span, "used here"));
        }
        self.nodes += substitution.nodes;
        if self.nodes > MAX_NODES {
            self.diags.push(Diagnostic::error(span, "the macros of this script make too much code"));
            e.kind = ExprKind::Error;
            return;
        }
        // The body keeps its own places; as a whole it stands for the call.
        let kind = match (&mut body.value, body.stmts.is_empty()) {
            (Some(value), true) => std::mem::replace(&mut value.kind, ExprKind::Error),
            _ => ExprKind::Block(body),
        };
        e.kind = kind;
        self.nested(name, chosen.prelude, span, e);
    }
}

/// Whether a call's arguments go with a macro's parameters.
fn fits(m: &Macro, args: &[Expr]) -> bool {
    m.params.len() == args.len()
        && m.params.iter().zip(args).all(|(p, a)| match p.kind {
            MacroParamKind::Var => matches!(a.kind, ExprKind::Var(_)),
            MacroParamKind::Map => matches!(a.kind, ExprKind::Map { keys: None, .. }),
            MacroParamKind::Expr => true,
        })
}

fn no_macro(name: &str, args: &[Expr], list: Vec<&Macro>, span: Span) -> Diagnostic {
    let same_number = list.iter().find(|m| m.params.len() == args.len());
    let form = |m: &Macro| {
        let params: Vec<String> =
            m.params.iter().map(|p| if p.kind == MacroParamKind::Var { format!("${}", p.name) } else { p.name.clone() }).collect();
        format!("`{}({})`", m.name, params.join(", "))
    };
    let forms: Vec<String> = list.iter().map(|m| form(m)).collect();
    let Some(m) = same_number else {
        let near = nearest(name, std::iter::empty());
        let d = Diagnostic::error(
            span,
            format!("the macro `{name}` does not take {} argument{}", args.len(), if args.len() == 1 { "" } else { "s" }),
        );
        return d.suggest(&near, &format!("it is {}", forms.join(" or ")));
    };
    let wrong = m.params.iter().zip(args).find(|(p, a)| match p.kind {
        MacroParamKind::Var => !matches!(a.kind, ExprKind::Var(_)),
        MacroParamKind::Map => !matches!(a.kind, ExprKind::Map { keys: None, .. }),
        MacroParamKind::Expr => false,
    });
    let (at, wants) = match wrong {
        Some((p, a)) if p.kind == MacroParamKind::Var => (a.span, "a variable"),
        Some((_, a)) => (a.span, "a map"),
        None => (span, "something else"),
    };
    Diagnostic::error(at, format!("the macro `{name}` wants {wants} here"))
        .other(m.name_span, "it is defined here")
        .help(format!("it is {}", forms.join(" or ")))
}

#[cfg(test)]
mod tests;
