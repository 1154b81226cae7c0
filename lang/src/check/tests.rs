use super::*;
use crate::diag::{has_errors, render};
use crate::fixture::Fixture;
use crate::source::SourceMap;
use crate::types::{Agg, Int, Type};

fn run(text: &str) -> (hir::Program, String, bool) {
    let mut map = SourceMap::default();
    let f = map.add("t.bt", text);
    let (ast, d) = crate::parse(&map, f);
    assert!(d.is_empty(), "{}", render(&d, &map, false));
    let config = Config { params: vec!["7".into(), "abc".into()], ..Config::default() };
    let (p, d) = check(&ast, &Fixture::small(), &config);
    (p, render(&d, &map, false), has_errors(&d))
}

fn ok(text: &str) -> hir::Program {
    let (p, d, bad) = run(text);
    assert!(!bad, "{d}");
    p
}

fn wrong(text: &str, wants: &[&str]) {
    let (_, d, bad) = run(text);
    assert!(bad, "accepted: {text}");
    for w in wants {
        assert!(d.contains(w), "no `{w}` in\n{d}");
    }
}

fn map_types(text: &str) -> Vec<(Option<Type>, Type)> {
    ok(text).maps.into_iter().map(|m| (m.key, m.value)).collect()
}

#[test]
fn types_of_maps_are_inferred_across_probes() {
    let m = map_types("BEGIN { @b = @a; } END { @a = comm; @c[pid, comm] = count(); @d = 1; @d = nsecs; }");
    assert_eq!(m[0].1, Type::Str(16));
    assert_eq!(m[1].1, Type::Str(16));
    assert_eq!(m[2], (Some(Type::Tuple(vec![Type::Int(Int::U32), Type::Str(16)])), Type::Agg(Agg::Count)));
    assert_eq!(m[3].1, Type::U64);
}

#[test]
fn strings_grow_to_the_longest() {
    let m = map_types("BEGIN { @[\"a\"] = 1; @[\"abcdef\"] = 2; @x = \"hi\"; @x = \"hello\"; }");
    assert_eq!(m[0].0, Some(Type::Str(7)));
    assert_eq!(m[1].1, Type::Str(6));
}

#[test]
fn subtraction_is_signed_and_unsigned_stays() {
    let m = map_types("BEGIN { @a = nsecs - 1; @b = nsecs + 1; @c = -1; @d = 1 == 2; @e = ~5; }");
    let t: Vec<Type> = m.into_iter().map(|x| x.1).collect();
    assert_eq!(t, [Type::I64, Type::U64, Type::Int(Int::I8), Type::Bool, Type::U64]);
}

#[test]
fn constants_of_headers() {
    let m = map_types("BEGIN { @a = ULLONG_MAX; @b = -ENOENT; @c = PF_KTHREAD; @d = __NR_openat; }");
    let t: Vec<Type> = m.into_iter().map(|x| x.1).collect();
    assert_eq!(t, [Type::U64, Type::Int(Int::I8), Type::Int(Int::I32), Type::Int(Int { bits: 16, signed: true })]);
    wrong("BEGIN { @ = ENOENTT; }", &["no builtin or constant `ENOENTT`", "ENOENT"]);
}

#[test]
fn a_flag_whose_bit_btf_knows_and_one_of_an_old_kernel() {
    let mut kernel = Fixture::small();
    kernel.enumerations.insert("req_flag_bits".into(), (Int::U32, vec![("__REQ_SYNC".into(), 40)]));
    kernel.version = (5, 10);
    let mut map = SourceMap::default();
    let file = map.add("t.bt", "BEGIN { @a = REQ_SYNC; @b = REQ_META; @c = TASK_TRACED; }");
    let (p, d) = check(&crate::parse(&map, file).0, &kernel, &Config::default());
    assert!(!has_errors(&d), "{}", render(&d, &map, false));
    let text = format!("{p:?}");
    for value in [1_i64 << 40, 1 << 12, 0x108] {
        assert!(text.contains(&format!("Int({value})")), "no {value} in {text}");
    }
}

#[test]
fn tracepoint_fields_of_every_kind() {
    ok(
        "tracepoint:sched:sched_switch { @[args.prev_comm, args->next_pid] = count(); if (args.prev_state == TASK_INTERRUPTIBLE) { @n++; } }",
    );
    ok("tracepoint:sched:sched_process_exec { printf(\"%s\\n\", str(args.filename)); }");
    ok("tracepoint:raw_syscalls:sys_enter { @[args.args[1]] = count(); }");
    ok("rawtracepoint:sys_enter { @[arg1, args.id] = count(); }");
    wrong("tracepoint:sched:sched_switch { print(args.prev_com); }", &["has no field `prev_com`", "did you mean `prev_comm`"]);
    wrong("tracepoint:raw_syscalls:sys_enter { print(args.args[6]); }", &["6 elements"]);
}

#[test]
fn attach_points_with_one_context_share_a_program() {
    assert_eq!(ok("kprobe:vfs_* { @ = count(); }").probes.len(), 1);
    assert_eq!(ok("kprobe:vfs_* { @[probe] = count(); }").probes.len(), 2);
    assert_eq!(ok("kprobe:vfs_read, uprobe:/bin/app:encoding/json.Marshal { @ = count(); }").probes.len(), 2);
    assert_eq!(ok("kprobe:vfs_*,kprobe:tcp_connect { @ = count(); }").probes[0].attach.len(), 3);
}

#[test]
fn a_map_that_is_never_assigned_is_a_warning_that_names_the_missing_half() {
    let (_, d, bad) = run("kretprobe:vfs_read { @lat = hist(nsecs - @start[tid]); }");
    assert!(!bad, "{d}");
    assert!(d.contains("`@start` is never assigned") && d.contains("kprobe:vfs_read { @start[KEY] = nsecs; }"), "{d}");
}

#[test]
fn five_mistakes_are_five_messages() {
    let (_, d, bad) = run("BEGIN { $a = nope; printf(\"%d %d\\n\", 1); @x = 1; @x = \"s\"; foo(); @y = count(1); }");
    assert!(bad);
    assert_eq!(d.matches("ERROR:").count(), 5, "{d}");
}

#[test]
fn a_probe_that_is_missing_is_told_once() {
    let (_, d, bad) = run("kprobe:vfs_reed { @name[tid] = comm; } BEGIN /@name[tid] != \"x\"/ { print(@name[tid]); }");
    assert!(bad);
    assert_eq!(d.matches("ERROR:").count(), 1, "{d}");
    // A pattern that nothing matches is no mistake beside another attach point.
    let (_, d, bad) = run("kprobe:nope*, kprobe:vfs_read { @ = count(); }");
    assert!(!bad && d.contains("WARNING: no kernel function matches `nope*`"), "{d}");
}

#[test]
fn mistakes_of_each_kind() {
    wrong("BEGIN { print($x); }", &["used before it is assigned"]);
    wrong("BEGIN { @a[1] = 1; @a = 2; }", &["has keys elsewhere"]);
    wrong("BEGIN { @a[1] = 1; @a[\"x\"] = 2; }", &["changes its type", "`int8` here", "`string` here"]);
    wrong("BEGIN { $x = 1; $x = \"a\"; }", &["`$x` changes its type"]);
    wrong("BEGIN { print(arg0); }", &["has no meaning in a begin probe"]);
    wrong("kprobe:vfs_read { print(retval); }", &["kretprobe"]);
    wrong("kprobe:vfs_reed { }", &["there is no kernel function `vfs_reed`", "did you mean `vfs_read`"]);
    wrong("kprob:vfs_read { }", &["there is no probe type `kprob`", "`kprobe`"]);
    wrong("uprobe:/bin/app:mian { }", &["`main`"]);
    wrong("uprobe:/bin/app:main+5 { }", &["middle of an instruction", "`main+4` and `main+8`"]);
    ok("uprobe:/bin/app:main+8 { }");
    wrong("BEGIN { $x = count(); }", &["can only be assigned to a map"]);
    wrong("BEGIN { @ = lhist(1, 0, 10, 0); }", &["step"]);
    wrong("BEGIN { break; }", &["in no loop"]);
    wrong("BEGIN { printf(\"%s\", curtask + \"a\"); }", &["does not go with"]);
    wrong("BEGIN { if (comm) { } }", &["neither true nor false"]);
    wrong("BEGIN { @ = 1 / 0; }", &["divides by zero"]);
    wrong("interval:s:0 { }", &["is not how an interval probe is written"]);
    wrong("tracepoint:syscalls:sys_enter_opnat { }", &["sys_enter_openat"]);
    wrong("BEGIN { cuont(); }", &["there is no function `cuont`", "`count`"]);
    wrong("BEGIN { printf(\"%d\", comm); }", &["`%d` can't print a string"]);
    wrong("config = { max_map_key = 1 } BEGIN { }", &["did you mean `max_map_keys`"]);
}

#[test]
fn parameters_are_numbers_or_text() {
    ok("BEGIN { @ = $1; printf(\"%s %d\\n\", str($2), $#); @b = $9; }");
    assert_eq!(map_types("BEGIN { @ = $2; }")[0].1, Type::Str(4));
}

#[test]
fn older_spellings_work() {
    ok("tracepoint:sched:sched_switch { @s[args->prev_pid] = nsecs; delete(@s[args->prev_pid]); delete(@s, args->next_pid); }");
    ok("BEGIN { if (1) { $x = 5; } print($x); }");
    ok("BEGIN { @[1, 2] = 3; delete(@, (1, 2)); }");
}

#[test]
fn structures_are_read_through_pointers() {
    ok("kprobe:vfs_read { $t = (struct task_struct *)arg0; printf(\"%d %s\\n\", $t->real_parent->pid, $t->comm); }");
    wrong("kprobe:vfs_read { $t = (struct task_struct *)arg0; print($t->pidd); }", &["has no member `pidd`", "`pid`"]);
}

#[test]
fn host_metrics_are_maps_of_the_runtime() {
    let p = ok(
        "begin { print(meminfo.dirty); } interval:s:1 { for ($d : diskstats) { printf(\"%s %.2f\\n\", $d.name, $d.util); } } end { print(loadavg); }",
    );
    let names: Vec<&str> = p.maps.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names[..3], ["meminfo.dirty", "diskstats.#", "diskstats"]);
    assert!(names[3..].iter().all(|n| n.starts_with("loadavg.")));
    let wanted: Vec<&[String]> = p.probes.iter().map(|p| p.metrics.as_slice()).collect();
    assert_eq!(wanted, [["meminfo"], ["diskstats"], ["loadavg"]]);
    assert_eq!(map_types("begin { @n = len(cpus); @l = loadavg.one; $l = loadavg; @x = $l.five; }")[1].1, Type::U64);
}

#[test]
fn host_metrics_are_read_where_beetrace_fires() {
    let only = ["only in begin, interval, end and self", "the kernel fires this probe"];
    wrong("kprobe:vfs_read { print(meminfo.dirty); }", &[&["`meminfo` has no figures in a kprobe probe"], &only[..]].concat());
    wrong("tracepoint:raw_syscalls:sys_enter { for ($c : cpus) { } }", &only);
    wrong("begin, kprobe:vfs_read { print(loadavg.one); }", &["`loadavg` has no figures in a"]);
    wrong("fn f(): int64 { return loadavg.one; } begin { print(f()); }", &["`loadavg` can't be read in a function"]);
    wrong("begin { print(meminfo.drty); }", &["`meminfo` has no figure `drty`", "`dirty`"]);
    wrong("begin { print(memnfo.dirty); }", &["did you mean `meminfo`?"]);
    wrong("begin { print(diskstats.reads); }", &["has many rows", "for ($x : diskstats)"]);
    wrong("begin { print(diskstats); }", &["has many rows"]);
    wrong("begin { for ($x : meminfo) { } }", &["is one record", "`meminfo.total`"]);
    wrong("begin { for ($d : diskstats) { print($d.nme); } }", &["`name`"]);
    wrong("begin { printf(\"%f\", 1); }", &["`%.2f` prints 152"]);
    wrong("begin { printf(\"%.2f\", \"x\"); }", &["`%f` can't print a"]);
}

#[test]
fn functions_do_not_call_themselves() {
    wrong("fn f($x : int64) : int64 { return f($x - 1); } BEGIN { print(f(1)); }", &["the function `f` calls itself"]);
    let two = "fn f($x : int64) : int64 { return g($x); } fn g($x : int64) : int64 { return f($x); } BEGIN { print(f(1)); }";
    wrong(two, &["the function `f` calls itself", "through `g`", "the function `g` calls itself"]);
    ok("fn f($x : int64) : int64 { return g($x); } fn g($x : int64) : int64 { return $x; } BEGIN { print(f(g(1))); }");
}

#[test]
fn literals_that_overflow_are_told() {
    for text in ["1 << 64", "1 << -1", "18446744073709551615 + 1", "0 - 9223372036854775807 - 2", "9223372036854775807 * 3"] {
        wrong(&format!("BEGIN {{ print({text}); }}"), &["overflows 64 bits"]);
    }
    ok("BEGIN { print(1 << 63); print(0x7fffffffffffffff + 1); print((uint64)1 << 64); print(0 - 9223372036854775807 - 1); }");
}

#[test]
fn loops_longer_than_the_kernel_allows_are_told() {
    wrong("BEGIN { for ($i : 0..8388609) { @ = $i; } }", &["at most 8388608 rounds", "8388609 rounds"]);
    ok("BEGIN { for ($i : 1..8388609) { @ = $i; } }");
}

#[test]
fn path_is_for_functions_and_iterators() {
    let want = ["`path` has no meaning in a tracepoint probe", "only in fentry, fexit and iter"];
    wrong("tracepoint:syscalls:sys_enter_openat { path(0); }", &want);
}

#[test]
fn one_mistake_is_told_once() {
    let (_, d, _) = run("BEGIN { $a = (uint8[4])\"abcd\"; print($a); }");
    assert_eq!(d.matches("ERROR:").count(), 1, "{d}");
    let mut map = SourceMap::default();
    let f = map.add("t.bt", "BEGIN { $s = \"a\" \"b\"; print($s); } END { print($t); }");
    let (ast, told) = crate::parse(&map, f);
    let (_, more) = check(&ast, &Fixture::small(), &Config::default());
    assert_eq!(told.len(), 1);
    let more = render(&more, &map, false);
    assert!(!more.contains("`$s`") && more.contains("`$t` is used before"), "{more}");
}

#[test]
fn counting_in_a_declared_variable_is_no_cut() {
    let (_, d, bad) = run("BEGIN { let $a : uint8 = 1; $a++; --$a; print($a); }");
    assert!(!bad && d.is_empty(), "{d}");
    let (_, d, _) = run("BEGIN { let $a : uint8 = 1; $a = nsecs; print($a); }");
    assert!(d.contains("is cut down to the uint8"), "{d}");
}

#[test]
fn series_of_one_map_have_the_same_arguments() {
    wrong("BEGIN { @ = tseries(1, 1s, 5); @ = tseries(1, 2s, 5); }", &["the arguments of `tseries` differ for `@`"]);
    ok("BEGIN { @ = tseries(1, 1s, 5); @ = tseries(2, 1s, 5); }");
}
