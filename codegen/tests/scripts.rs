//! Whole scripts against the fixture kernel: they compile, their IR keeps its invariants after every pass, and the code of a
//! few canonical ones is compared with a golden listing, so that a change which adds instructions shows in review.
//!
//! `BLESS=1 cargo test -p codegen --test scripts` writes the listings anew.

use codegen::ir::verify;
use codegen::manifest::{Artifact, Storage};
use codegen::{Target, Task, compile, compile_to_elf, compile_with};
use lang::config::Config;
use lang::diag;
use lang::fixture::Fixture;
use lang::hir;
use lang::source::SourceMap;

const TARGET: Target = Target { cpus: 2, kernel: (6, 12), task: Some(Task { pid: 1512, prio: 108, comm: 2016 }) };

fn check(text: &str) -> hir::Program {
    let mut map = SourceMap::default();
    let file = map.add("t.bt", text);
    let (tree, mut diags) = lang::parse(&map, file);
    let (program, found) = lang::check(&tree, &Fixture::small(), &Config::default());
    diags.extend(found);
    assert!(!diag::has_errors(&diags), "{}", diag::render(&diags, &map, false));
    program
}

fn compiled(text: &str) -> Artifact {
    compile(&check(text), &TARGET).unwrap_or_else(|d| panic!("{text}: {d:?}"))
}

#[test]
fn canonical_scripts_have_these_instructions() {
    for (name, text) in [
        ("increment", "tracepoint:raw_syscalls:sys_enter { @++; }"),
        ("count", "tracepoint:raw_syscalls:sys_enter { @ = count(); }"),
        ("count-by-comm", "tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }"),
        ("predicate-on-comm", "tracepoint:raw_syscalls:sys_enter /comm == \"dd\"/ { @++; }"),
        ("count-by-stack", "tracepoint:raw_syscalls:sys_enter { @[kstack] = count(); }"),
        (
            "latency",
            "tracepoint:raw_syscalls:sys_enter { @s[tid] = nsecs; }\n\
          tracepoint:raw_syscalls:sys_exit /@s[tid]/ { @ns[comm] = hist(nsecs - @s[tid]); delete(@s, tid); }",
        ),
        ("count-opens", "tracepoint:syscalls:sys_enter_openat { @[comm, str(args.filename)] = count(); }"),
        ("switches", "tracepoint:sched:sched_switch { @[args.prev_comm, args.next_pid] = count(); }"),
        ("switches-by-state", "tracepoint:sched:sched_switch { @[args.prev_state] = count(); }"),
        ("histogram", "kretprobe:vfs_read { @ = hist(retval); }"),
        ("printf-open", "tracepoint:syscalls:sys_enter_openat { printf(\"%d %s %s\\n\", pid, comm, str(args.filename)); }"),
    ] {
        let mut listing = String::new();
        let result = compile_with(&check(text), &TARGET, &mut |stage, text| {
            if stage == "asm" {
                listing = text();
            }
        });
        assert!(result.is_ok(), "{name}");
        let budget = budget(&listing);
        let path = format!("{}/tests/scripts/{name}.asm", env!("CARGO_MANIFEST_DIR"));
        let whole = format!("; {text}\n; {budget} instructions\n{}\n", listing.trim_end());
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &whole).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(whole, golden, "{name}: BLESS=1 writes the listing anew");
    }
}

/// Instructions of all programs of a listing. One that loads 64 bits counts twice, as it does for the kernel.
fn budget(listing: &str) -> u32 {
    let index = |line: &str| line.trim_start().split_once(": ")?.0.parse::<u32>().ok();
    let wide = |line: &str| u32::from(line.ends_with(" ll"));
    let mut last: Vec<u32> = Vec::new();
    for line in listing.lines() {
        match (index(line), last.last_mut()) {
            (Some(0), _) | (Some(_), None) => last.push(1 + wide(line)),
            (Some(i), Some(end)) => *end = i + 1 + wide(line),
            _ => {}
        }
    }
    last.iter().sum()
}

#[test]
fn every_pass_keeps_the_invariants_on_whole_scripts() {
    for text in SCRIPTS {
        let program = check(text);
        let mut stages = 0;
        let result = compile_with(&program, &TARGET, &mut |stage, text| {
            if stage.starts_with("ir") {
                stages += 1;
                let f = codegen::ir::text::parse_function("f", &text());
                let f = f.unwrap_or_else(|e| panic!("{stage}: {e:?}"));
                verify::verify(&f).unwrap_or_else(|e| panic!("{stage}: {e}"));
            }
        });
        assert!(result.is_ok() && stages > 0, "{text}");
    }
}

#[test]
fn maps_live_where_they_should() {
    let a = compiled("BEGIN { @a = 1; @b[1] = 2; @c = count(); @d[comm] = sum(1); @e = \"text\"; }");
    let storage: Vec<Storage> = a.manifest.maps.iter().map(|m| m.storage).collect();
    assert!(matches!(storage[0], Storage::Global { .. }) && matches!(storage[4], Storage::Global { .. }));
    assert_eq!(storage[1..4], [Storage::Hash, Storage::PerCpuArray, Storage::PerCpuHash]);
}

#[test]
fn an_object_for_others_holds_its_manifest() {
    let program = check("BEGIN { printf(\"x\\n\"); exit(); }");
    let elf = compile_to_elf(&program, &TARGET).unwrap();
    let text = String::from_utf8_lossy(&elf);
    assert!(text.contains(codegen::manifest::SECTION) && text.contains("Printf"));
}

#[test]
fn places_in_the_script_are_kept() {
    let a = compiled("BEGIN { @a = 1; printf(\"%d\\n\", @a); }");
    assert!(a.manifest.programs[0].lines.len() > 2);
}

const SCRIPTS: &[&str] = &[
    "tracepoint:sched:sched_switch /args.prev_comm == \"x\" && args.next_pid != 3/ { @[args.next_comm] = sum(args.prev_prio); }",
    "tracepoint:raw_syscalls:sys_exit { @[args.id, args.ret] = count(); printf(\"%s %s %d\\n\", str(args.ret), comm, str(args.id, 3) == \"x\"); }",
    "BEGIN { @x[1, \"a\", comm] = 5; if (@x[1, \"a\", \"b\"] > 3 && pid != 4 || tid == 2) { exit(3); } }",
    "tracepoint:sched:sched_switch { @[args.prev_comm, args.next_comm] = count(); @t[args.prev_pid] = nsecs; }",
    "tracepoint:sched:sched_process_exec { printf(\"%s %d\\n\", str(args.filename), args.pid); }",
    "kprobe:vfs_read { @[kstack, ustack(perf, 3), func] = hist(arg2, 3); } kretprobe:vfs_read { @r = stats((int32)retval); }",
    "uprobe:/bin/app:main { $s = str(arg0); if ($s == \"x\" || $s != str(arg1)) { @[$s]++; --@y; } delete(@, $s); }",
    "profile:hz:99 { @l[cpu] = lhist(rand % 100, 0, 100, 10); @a = avg(cpu); @m = min(-5); @M = max(nsecs); }",
    "interval:s:1 { $i = 0; while ($i < 10) { $i++; if ($i == 5) { continue; } @s += $i; } print(@s, 3, 2); clear(@s); zero(@s); time(); }",
    "BEGIN { $t = (1, \"abc\", nsecs); @t[$t.0] = $t; print($t); print(@t[1]); @c = count(); if (@c > 1) { print(@c); } }",
    "kprobe:vfs_read { $p = (struct task_struct *)arg0; printf(\"%d %s %p\\n\", $p->real_parent->tgid, $p->comm, $p); }",
    "BEGIN { @q = pid / cpu + -7 / uid % 3; @s = 1 << cpu >> 2; @n = !pid; @b = ~pid; @z = pid > 1 ? \"yes\" : \"no\"; }",
];
