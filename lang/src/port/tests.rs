use super::*;
use crate::config::Config;
use crate::diag::render;
use crate::fixture::Fixture;

fn ported(text: &str) -> Ported {
    let p = port(text).unwrap_or_else(|d| {
        let mut map = SourceMap::default();
        map.add("t.bt", text);
        panic!("{text}\n{}", render(&d, &map, false))
    });
    let again = port(&p.text).unwrap();
    assert_eq!((again.text.as_str(), again.changes), (p.text.as_str(), Vec::new()), "porting again changes it");
    p
}

/// What becomes of a text, and how many changes that are.
fn becomes(text: &str, want: &str, changes: usize) {
    let p = ported(text);
    assert_eq!(p.text, want);
    assert_eq!(p.changes.len(), changes, "{:?}", p.changes);
}

fn in_action(text: &str, want: &str, changes: usize) {
    becomes(&format!("begin {{ {text} }}"), &format!("begin {{ {want} }}"), changes);
}

#[test]
fn attach_points() {
    becomes(
        "BEGIN{ } // BEGIN\nkfunc:vfs_read, kretfunc:vmlinux:vfs_read /* kfunc: */ { }\nEND { printf(\"END\"); }",
        "begin{ } // BEGIN\nfentry:vfs_read, fexit:vmlinux:vfs_read /* kfunc: */ { }\nend { printf(\"END\"); }",
        4,
    );
    assert_eq!(ported("begin { }\nkfunc:f { }").changes, [Remark { line: 2, text: "`kfunc` is now `fentry` (since 0.20)".into() }]);
}

#[test]
fn args_and_names() {
    in_action("print(args->pid + args -> data_loc_name);", "print(args.pid + args . name);", 3);
    in_action("$a = $args->pid; print($a->args);", "$a = $args->pid; print($a->args);", 0);
    in_action("@[stack, sym(arg0), $x->stack] = count();", "@[kstack, ksym(arg0), $x->stack] = count();", 2);
    becomes("macro stack(x) { x } begin { print(stack(1)); }", "macro stack(x) { x } begin { print(stack(1)); }", 0);
}

#[test]
fn arguments_on_the_stack() {
    in_action("print(sarg0);", "print(*(uint64*)(reg(\"sp\") + 8));", 1);
    in_action("@x[sarg1] = $a/sarg2;", "@x[*(uint64*)(reg(\"sp\") + 16)] = $a/(*(uint64*)(reg(\"sp\") + 24));", 2);
}

#[test]
fn deletes() {
    in_action("delete(@a[1]);", "delete(@a, 1);", 1);
    in_action("delete(@a [ args->x , 2 ]);", "delete(@a, (args.x , 2));", 2);
    in_action("delete(@a[(1, 2)]); delete(@b); delete(@c, 1);", "delete(@a, (1, 2)); delete(@b); delete(@c, 1);", 1);
    in_action("delete(@a[1], @b[2, 3]);", "delete(@a, 1); delete(@b, (2, 3));", 1);
    becomes(
        "begin {\n  delete(@a[tid],\n    @b, @c[sarg0]); // all\n}",
        "begin {\n  delete(@a, tid);\n  delete(@b);\n  delete(@c, *(uint64*)(reg(\"sp\") + 8)); // all\n}",
        2,
    );
}

#[test]
fn settings() {
    becomes("config = { strlen = 5; symbol_source = \"dwarf\" }", "config = { max_strlen = 5; }", 2);
    becomes("config = {\n  unstable_macro = enable;\n  max_strlen = 5;\n}", "config = {\n  max_strlen = 5;\n}", 1);
    assert_eq!(ported("config = { no_cpp_demangle = 1 }").notes.len(), 1);
}

#[test]
fn variables_belong_to_blocks() {
    becomes(
        "begin {\n  if (pid) {\n    $x = 1;\n  }\n  print($x);\n}",
        "begin {\n  let $x;\n  if (pid) {\n    $x = 1;\n  }\n  print($x);\n}",
        1,
    );
    in_action("if (1) { $x = 1 } else if (2) { $x = 2 } print($x);", "let $x; if (1) { $x = 1 } else if (2) { $x = 2 } print($x);", 1);
    in_action("if (1) { $x = 1; print($x) } else { $x = 2; print($x) }", "if (1) { $x = 1; print($x) } else { $x = 2; print($x) }", 0);
    in_action("$x = 0; if (1) { $x = 1; } print($x);", "$x = 0; if (1) { $x = 1; } print($x);", 0);
    in_action("while (1) { if (1) { $x = 1; } if ($x) { break; } }", "while (1) { let $x; if (1) { $x = 1; } if ($x) { break; } }", 1);
    in_action("let $x; if (1) { $x = 1; } print($x);", "let $x; if (1) { $x = 1; } print($x);", 0);
    in_action(
        "if (1) { unroll (2) { $y = 1; } $x = $y; } print($x);",
        "let $x; if (1) { let $y; unroll (2) { $y = 1; } $x = $y; } print($x);",
        2,
    );
    in_action("unroll (2) { if (1) { $a = 1; } print($a); }", "unroll (2) { let $a; if (1) { $a = 1; } print($a); }", 1);
    in_action("for ($k : @m) { $v = $k; } print($v);", "let $v; for ($k : @m) { $v = $k; } print($v);", 1);
    assert_eq!(ported("begin {\nif (1) {\n$x = 1;\n}\nprint($x); }").changes[0].line, 5);
}

#[test]
fn what_is_only_told() {
    let notes = |text| ported(text).notes.into_iter().map(|n| (n.line, n.text)).collect::<Vec<_>>();
    let n = notes("#ifndef BPFTRACE_HAVE_BTF\n#include <a.h>\n#endif\n#include <linux/sched.h>\nbegin { while (1) { exit(); } }");
    assert_eq!(n.len(), 3, "{n:?}");
    assert!(n[0].0 == 4 && n[0].1.contains("#include <linux/sched.h>"), "{n:?}");
    assert!(notes("begin { exit(); }").is_empty());
}

#[test]
fn the_result_passes_the_checker() {
    for text in [
        "BEGIN { if (1) { $x = \"a\"; } print($x); }",
        "tracepoint:sched:sched_switch { @s[args->prev_pid] = nsecs; delete(@s[args->prev_pid]); }",
        "uprobe:/bin/app:main { @[sarg0] = count(); delete(@[1]); @a[stack] = 1; }",
        "kprobe:vfs_read { print(sarg1); @[sym(arg0)] = count(); }",
        "config = { unstable_addr = enable; cat_bytes_max = 100; } BEGIN { @a[1, 2] = 1; @b[1] = 1; delete(@a[1, 2], @b[1]); }",
    ] {
        let mut map = SourceMap::default();
        let file = map.add("t", ported(text).text);
        let (tree, _) = crate::parse(&map, file);
        let (_, d) = crate::check(&tree, &Fixture::small(), &Config::default());
        assert!(d.is_empty(), "{}", render(&d, &map, false));
    }
}

#[test]
fn every_script_that_we_have() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for dir in ["conformance/oracle", "examples", "stdlib/prelude", "stdlib/tools"] {
        for entry in std::fs::read_dir(root.join(dir)).into_iter().flatten().flatten() {
            let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
            if entry.path().extension().is_some_and(|e| e == "bt") && port(&text).is_ok() {
                ported(&text);
            }
        }
    }
}

#[test]
fn words_that_are_gone_are_hinted_at() {
    for (text, want) in [
        ("aw:0x10:8:w { }", "`watchpoint`"),
        ("begin { print(stack); }", "`kstack`"),
        ("begin { print(sym(1)); }", "`ksym`"),
        ("config = { strlen = 1 } begin { }", "`max_strlen`"),
    ] {
        let mut map = SourceMap::default();
        let file = map.add("t", text);
        let (tree, _) = crate::parse(&map, file);
        let (_, d) = crate::check(&tree, &Fixture::small(), &Config::default());
        assert!(render(&d, &map, false).contains(want), "{}", render(&d, &map, false));
    }
}
