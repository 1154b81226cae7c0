use super::*;
use crate::diag::render;
use crate::fixture::Fixture;
use crate::source::FileId;

fn read(text: &str) -> (CDefs, Vec<Diagnostic>, SourceMap) {
    let mut map = SourceMap::default();
    let file = map.add("t.bt", text);
    let chunks = [(text.to_string(), Span::new(file, 0, text.len()))];
    let (defs, diags) = parse(&chunks, &mut map, &Fixture::small(), &NoFiles);
    (defs, diags, map)
}

fn good(text: &str) -> CDefs {
    let (defs, diags, map) = read(text);
    assert!(diags.is_empty(), "{}", render(&diags, &map, false));
    defs
}

fn offsets(defs: &CDefs, name: &str) -> Vec<(String, u32)> {
    defs.records[name].fields.iter().map(|f| (f.name.clone(), f.offset)).collect()
}

#[test]
fn members_have_the_places_of_the_abi() {
    let d = good(
        "struct a { char c; int i; char d; long l; struct { short s; union { int u; char v[3]; }; }; void (*f)(int, char *); int m[2][3]; }",
    );
    let want = [("c", 0), ("i", 4), ("d", 8), ("l", 16), ("s", 24), ("u", 28), ("v", 28), ("f", 32), ("m", 40)];
    assert_eq!(offsets(&d, "a"), want.map(|(n, o)| (n.to_string(), o)));
    assert_eq!(d.records["a"].size, 64);
}

#[test]
fn bit_fields_packing_and_alignment() {
    let d = good(
        "struct b { unsigned a:3; unsigned b:30; unsigned char c:2; unsigned long long d:40; int :0; int e; }; struct p { char a; int b; } __attribute__((packed));",
    );
    let f = |n: &str| d.records["b"].fields.iter().find(|f| f.name == n).unwrap();
    assert_eq!((f("a").offset, f("a").bits), (0, Some((0, 3))));
    assert_eq!((f("b").offset, f("b").bits), (4, Some((0, 30))));
    assert_eq!((f("c").offset, f("c").bits), (7, Some((6, 2))));
    assert_eq!((f("d").offset, f("d").bits), (8, Some((0, 40))));
    assert_eq!(f("e").offset, 16);
    assert_eq!(d.records["p"].size, 5);
}

#[test]
fn macros_conditions_enumerations_and_typedefs() {
    let d = good(
        "#define N 4\n#define TWICE(x) ((x) * 2)\n#ifdef BPFTRACE_HAVE_BTF\nenum e { A = 3, B, C = A + N };\n#else\n#error no\n#endif\n\
         typedef unsigned int u; struct s { u a[TWICE(N)]; enum e e; struct s *next; }",
    );
    assert_eq!(d.enumerators["C"].0, 7);
    assert_eq!(d.records["s"].size, 48);
    assert_eq!(d.macros["TWICE"].params, Some(vec!["x".to_string()]));
    assert!(matches!(d.typedefs["u"], Type::Int(Int::U32)));
}

#[test]
fn what_is_not_understood_is_told_at_its_place() {
    for (text, wants) in [
        ("struct a { foo_t x; };", "no type `foo_t`"),
        ("struct a { int x[y]; };", "no constant"),
        ("struct a { struct b x; };", "only declared"),
        ("#if 1\nstruct a { int x; };", "no `#endif`"),
        ("#include \"nope.h\"\n", "can't be found"),
        ("#include <nope/nope.h>\n", "the file `nope/nope.h` can't be found"),
        ("struct a { int x : 40; };", "bits"),
    ] {
        let (_, diags, _) = read(text);
        assert!(diags.iter().any(|d| d.message.contains(wants)), "{text}: {diags:?}");
    }
    let _ = FileId(0);
}

#[test]
fn headers_of_the_system_need_not_be_there() {
    good("#include <linux/sched.h>\n#include <net/sock.h>\n#include <../fs/mount.h>\n#include <errno.h>\n#include <sys/stat.h>\n");
}

#[test]
fn garbage_ends() {
    for text in [
        "struct {{{{{{",
        "#define A A\nA A",
        "#define X(a) X(a) X(a)\nstruct a { int X(X(X(1))); }",
        "((((((",
        "struct a { int (((((((x; }",
        "\u{0}\u{1}é",
    ] {
        read(text);
    }
    read(&"struct a { ".repeat(5000));
    read(&format!("struct a {{ int {}x; }}", "(*".repeat(5000)));
}
