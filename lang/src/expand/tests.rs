use super::*;
use crate::source::SourceMap;

fn expanded(text: &str) -> (Program, Vec<Diagnostic>) {
    let mut map = SourceMap::default();
    let f = map.add("t.bt", text);
    let (mut p, d) = crate::parse(&map, f);
    assert!(d.is_empty(), "{}", crate::diag::render(&d, &map, false));
    let diags = expand(&mut p, &[], HashMap::new());
    (p, diags)
}

fn calls(p: &Program) -> Vec<String> {
    let mut out = Vec::new();
    for item in &p.items {
        if let Item::Probe(p) = item {
            p.walk(&mut |e| match &e.kind {
                ExprKind::Call { name, .. } => out.push(name.clone()),
                ExprKind::Var(name) => out.push(format!("${name}")),
                _ => {}
            });
        }
    }
    out
}

#[test]
fn variables_of_a_macro_are_its_own() {
    let (p, d) = expanded("macro f($a, x) { $b = x; $a += $b; } BEGIN { $b = 1; f($b, $b); }");
    assert!(d.is_empty(), "{d:?}");
    assert_eq!(calls(&p), ["$b", "$b#1", "$b", "$b", "$b#1"]);
}

#[test]
fn nested_bare_and_overloaded() {
    let (p, d) = expanded("macro one { 1 } macro g(x) { x + one } macro g(@m) { @m++; } BEGIN { print(g(2)); g(@y); }");
    assert!(d.is_empty(), "{d:?}");
    assert_eq!(calls(&p), ["print"]);
}

#[test]
fn what_is_wrong_is_told() {
    for (text, wants) in [
        ("macro f() { @x++ } BEGIN { f(); }", "not given"),
        ("macro f($x) { $x++ } BEGIN { f(1 + 1); }", "wants a variable"),
        ("macro f(x) { x } BEGIN { f(1, 2); }", "does not take 2"),
        ("macro f(x) { f(x) } BEGIN { f(1); }", "calls itself"),
        ("macro f(x) { x } macro f(y) { y } BEGIN { f(1); }", "already"),
    ] {
        let (_, d) = expanded(text);
        assert!(d.iter().any(|d| d.message.contains(wants)), "{text}: {d:?}");
    }
}
