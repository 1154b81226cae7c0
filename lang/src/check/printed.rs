//! The structures and enumerations that a script may print: user space needs their layouts and names.

use crate::action::Action;
use crate::hir::{Program, Stmt, StmtKind};
use crate::kernel::Kernel;
use crate::types::{Int, Type};

/// Fills the program's records and enums from the types of its maps and events.
pub(super) fn collect(program: &mut Program, kernel: &dyn Kernel) {
    let mut types: Vec<Type> = Vec::new();
    for m in &program.maps {
        types.extend(m.key.clone());
        types.push(m.value.clone());
    }
    for p in &program.probes {
        of_stmts(&p.body, &mut types);
    }
    for f in &program.functions {
        of_stmts(&f.body, &mut types);
    }
    for ty in types {
        add(program, kernel, &ty);
    }
}

fn of_stmts(list: &[Stmt], out: &mut Vec<Type>) {
    for s in list {
        match &s.kind {
            StmtKind::Emit { action, values } if !matches!(action, Action::Time { .. }) => {
                out.extend(values.iter().map(|v| v.ty.clone()));
            }
            StmtKind::If { then, otherwise, .. } => {
                of_stmts(then, out);
                of_stmts(otherwise, out);
            }
            StmtKind::While { body, .. }
            | StmtKind::Unroll { body, .. }
            | StmtKind::ForRange { body, .. }
            | StmtKind::ForMap { body, .. }
            | StmtKind::Block(body) => of_stmts(body, out),
            // Blocks inside expressions may print too.
            StmtKind::Expr(e) | StmtKind::SetVar { value: e, .. } | StmtKind::SetMap { value: e, .. } => of_expr(e, out),
            _ => {}
        }
    }
}

fn of_expr(e: &crate::hir::Expr, out: &mut Vec<Type>) {
    e.walk(&mut |e| {
        if let crate::hir::ExprKind::Block(stmts, _) = &e.kind {
            of_stmts(stmts, out);
        }
    });
}

fn add(program: &mut Program, kernel: &dyn Kernel, ty: &Type) {
    match ty {
        Type::Record { name, .. } => {
            if program.records.contains_key(name) {
                return;
            }
            let Some(mut layout) = kernel.record(name) else { return };
            for f in &mut layout.fields {
                // Arrays of characters print as strings.
                if let Type::Array { elem, len } = &f.ty
                    && **elem == Type::Int(Int::I8)
                {
                    f.ty = Type::Str((*len).max(1));
                }
            }
            program.records.insert(name.clone(), layout.clone());
            for f in &layout.fields {
                // What pointers lead to is not printed.
                add(program, kernel, &f.ty);
            }
        }
        Type::Enum { name, .. } => {
            if !program.enums.contains_key(name)
                && let Some((_, list)) = kernel.enumeration(name)
            {
                program.enums.insert(name.clone(), list);
            }
        }
        Type::Array { elem, .. } => add(program, kernel, elem),
        Type::Tuple(members) => members.iter().for_each(|m| add(program, kernel, m)),
        Type::Named(members) => members.iter().for_each(|m| add(program, kernel, &m.1)),
        _ => {}
    }
}
