use super::*;
use crate::ast::{BinOp, ExprKind, Item, StmtKind};

fn parse_ok(text: &str) -> Program {
    let mut map = SourceMap::default();
    let f = map.add("t.bt", text);
    let (p, d) = parse(&map, f);
    assert!(d.is_empty(), "{}", crate::diag::render(&d, &map, false));
    p
}

fn errors(text: &str) -> String {
    let mut map = SourceMap::default();
    let f = map.add("t.bt", text);
    let (_, d) = parse(&map, f);
    crate::diag::render(&d, &map, false)
}

fn first_value(text: &str) -> ExprKind {
    let p = parse_ok(&format!("BEGIN {{ $x = {text}; }}"));
    let Item::Probe(probe) = &p.items[0] else { panic!() };
    let StmtKind::Assign { value, .. } = &probe.body.stmts[0].kind else { panic!() };
    value.kind.clone()
}

#[test]
fn precedence_is_that_of_c() {
    let ExprKind::Binary(BinOp::Add, _, right) = first_value("1 + 2 * 3") else { panic!() };
    assert!(matches!(right.kind, ExprKind::Binary(BinOp::Mul, ..)));
    assert!(matches!(first_value("1 | 2 == 2"), ExprKind::Binary(BinOp::BitOr, ..)));
    assert!(matches!(first_value("a ? b : c ? d : e"), ExprKind::Ternary(..)));
}

#[test]
fn casts_calls_fields_and_tuples() {
    assert!(matches!(first_value("(uint8)5"), ExprKind::Cast(..)));
    assert!(matches!(first_value("(comm)"), ExprKind::Ident(_)));
    assert!(matches!(first_value("((struct task_struct *)curtask)->pid"), ExprKind::Field { .. }));
    assert!(matches!(first_value("(1, \"a\")"), ExprKind::Tuple(_)));
    assert!(matches!(first_value("args.filename"), ExprKind::Field { .. }));
    assert!(matches!(first_value("@a[1, comm]"), ExprKind::Map { keys: Some(_), .. }));
}

#[test]
fn statements_of_every_kind() {
    let p = parse_ok(
        "config = { max_map_keys = 10; missing_probes = \"warn\" }\n\
         BEGIN, END /pid == 1/ { @a[1]++; if (1) { $x = 2 } else if $x == 3 { return; } else { ++@b } while ($x < 3) { $x++; }\n\
         unroll(3) { @c += 1; } let $y: int8 = 3; delete(@a[1]); _ = 5; { clear(@a); }; printf(\"%d\\n\", 1) }",
    );
    assert_eq!(p.items.len(), 2);
}

#[test]
fn every_statement_with_a_mistake_is_told() {
    let text = errors("BEGIN { $x = ; $y = 1; printf(\"a\" 1); $z = 2 $w = 3; }\nEND { @ = )1; }");
    assert_eq!(text.matches("ERROR:").count(), 4, "{text}");
    assert!(text.contains("a semicolon is missing"), "{text}");
}

#[test]
fn what_is_open_is_pointed_at() {
    assert!(errors("BEGIN { printf(\"x\"; }").contains("ERROR:"));
    let text = errors("BEGIN { if (1) { $x = 1; }");
    assert!(text.contains("never closed") && text.contains("t.bt:1:7"), "{text}");
    assert!(errors("BEGIN").contains("has no action"));
    assert!(errors("kprobe:f kprobe:g { }").contains("commas"));
}

#[test]
fn deep_nesting_is_refused_quickly() {
    let text = format!("BEGIN {{ $x = {}1{}; }}", "(".repeat(10_000), ")".repeat(10_000));
    assert!(errors(&text).contains("nested more than"));
}

#[test]
fn a_chain_of_operators_has_an_end() {
    let chain = |n: usize| format!("BEGIN {{ $x = 1{}; }}", " + 1".repeat(n));
    parse_ok(&chain(900));
    assert!(errors(&chain(100_000)).contains("more than 1000 operators"));
    assert!(errors(&format!("BEGIN {{ $x = $x{}; }}", ".a".repeat(50_000))).contains("operators"));
}
