//! Whether two trees say the same.

use crate::ast::{Block, Expr, ExprKind, Item, NodeId, Program, Stmt, StmtKind, TypeName, TypeOrExpr};
use crate::source::Span;
use crate::walk::Rewrite;

/// Whether two trees, parsed from the two texts, differ in nothing but places, numbers of nodes, semicolons that say nothing, and
/// white space at the end of C definitions.
pub fn same(a: &Program, a_text: &str, b: &Program, b_text: &str) -> bool {
    essence(a, a_text) == essence(b, b_text)
}

fn essence(program: &Program, text: &str) -> Vec<Item> {
    let mut p = program.items.clone();
    let mut e = Essence { text };
    for item in &mut p {
        match item {
            Item::Config(entries) => entries.iter_mut().for_each(|e| e.span = Span::default()),
            Item::Import { span, .. } => *span = Span::default(),
            Item::C { text, span } => {
                let clean = text.trim_end().trim_end_matches(';').trim_end().to_string();
                *text = clean;
                *span = Span::default();
            }
            Item::MapDecl(m) => m.span = Span::default(),
            Item::Macro(m) => {
                m.name_span = Span::default();
                m.params.iter_mut().for_each(|p| p.span = Span::default());
                e.block(&mut m.body);
            }
            Item::Function(f) => {
                f.name_span = Span::default();
                f.params.iter_mut().for_each(|(_, t)| e.type_name(t));
                e.type_name(&mut f.returns);
                e.block(&mut f.body);
            }
            Item::Probe(p) => {
                p.span = Span::default();
                p.attach.iter_mut().for_each(|a| a.span = Span::default());
                p.predicate.iter_mut().for_each(|x| e.expr(x));
                e.block(&mut p.body);
            }
            Item::Error => {}
        }
    }
    p
}

/// Takes out of a tree what depends on its layout.
struct Essence<'a> {
    text: &'a str,
}

impl Essence<'_> {
    fn is_empty_stmt(&self, e: &Expr) -> bool {
        matches!(e.kind, ExprKind::Block(_)) && self.text.get(e.span.start as usize..e.span.end as usize) == Some(";")
    }
}

impl Rewrite for Essence<'_> {
    fn expr(&mut self, e: &mut Expr) {
        self.children(e);
        e.id = NodeId(0);
        e.span = Span::default();
        match &mut e.kind {
            ExprKind::Call { name_span, .. } | ExprKind::Field { name_span, .. } => *name_span = Span::default(),
            _ => {}
        }
    }

    fn type_name(&mut self, t: &mut TypeName) {
        t.span = Span::default();
        if let crate::ast::TypeNameKind::Typeof(x) = &mut t.kind {
            self.type_or_expr(x);
        }
    }

    fn type_or_expr(&mut self, x: &mut TypeOrExpr) {
        match x {
            TypeOrExpr::Type(t) => self.type_name(t),
            TypeOrExpr::Expr(e) => self.expr(e),
        }
    }

    fn stmt(&mut self, kind: &mut StmtKind) {
        if let StmtKind::For { var_span, .. } = kind {
            *var_span = Span::default();
        }
        self.stmt_children(kind);
    }

    fn block(&mut self, block: &mut Block) {
        let says_nothing = |s: &Stmt| matches!(&s.kind, StmtKind::Expr(e) if self.is_empty_stmt(e));
        block.stmts.retain(|s| !says_nothing(s));
        // A semicolon at the end says something only behind what would be a value without it.
        let compound = |s: &Stmt| matches!(&s.kind, StmtKind::Expr(e) if matches!(e.kind, ExprKind::If { .. } | ExprKind::Block(_)));
        if block.value.as_ref().is_some_and(|v| self.is_empty_stmt(v)) && !block.stmts.last().is_some_and(compound) {
            block.value = None;
        }
        for s in &mut block.stmts {
            self.stmt(&mut s.kind);
            s.span = Span::default();
        }
        if let Some(v) = &mut block.value {
            self.expr(v);
        }
        block.span = Span::default();
    }
}
