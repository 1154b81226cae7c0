//! The sink as a whole, against texts that bpftrace 0.27.1 printed.

use super::stream::{Buffering, OutputOptions};
use super::testing::{Bench, Fake, Shared, int, one, text, words};
use super::text::TextSink;
use crate::sink::{Entry, Losses, Sink};
use codegen::manifest::{Action, Storage};
use lang::source::{SourceMap, Span};
use lang::types::{Agg, Int, StackMode, Type};
use std::io::{self, Write};
use std::sync::Arc;

#[test]
fn values() {
    let mut b = Bench::default();
    let mut print = |ty: Type, bytes: &[u8]| b.event(Action::PrintValue { ty }, bytes);
    assert_eq!(print(Type::I64, &int(-1)), "-1\n");
    assert_eq!(print(Type::U64, &int(-1)), "18446744073709551615\n");
    assert_eq!(print(Type::Bool, &int(1)), "true\n");
    assert_eq!(print(Type::Int(Int::U8), &int(255)), "255\n");
    assert_eq!(print(Type::Str(8), b"h\xff\0\0\0\0\0\0"), "h\u{fffd}\n");
    let nested = Type::Tuple(vec![Type::I64, Type::Str(2), Type::Tuple(vec![Type::Bool, Type::I64])]);
    assert_eq!(print(nested, &[int(1), text("a"), words(&[0, 3])].concat()), "(1, a, (false, 3))\n");
    let array = Type::Array { elem: Box::new(Type::Int(Int::I8)), len: 3 };
    assert_eq!(print(array, &[1, 0xff, 3, 0, 0, 0, 0, 0]), "[1,-1,3]\n");
    // a record that is too short prints zeros rather than nothing
    assert_eq!(print(Type::I64, &[]), "0\n");
}

#[test]
fn a_string_that_fills_the_greatest_buffer_was_cut() {
    let mut b = Bench::default();
    b.manifest.settings.max_strlen = 8;
    let mut print = |ty: Type, bytes: &[u8]| b.event(Action::PrintValue { ty }, bytes);
    assert_eq!(print(Type::Str(9), b"/etc/ld.\0\0\0\0\0\0\0\0"), "/etc/ld...\n");
    assert_eq!(print(Type::Str(9), b"/etc/ld\0\0\0\0\0\0\0\0\0"), "/etc/ld\n");
    assert_eq!(print(Type::Str(5), b"/etc\0\0\0\0"), "/etc\n");
}

#[test]
fn stacks() {
    let mut b = Bench::default();
    let mut print = |ty: Type| b.event(Action::PrintValue { ty }, &words(&[1, 2]));
    let k = |mode| Type::KStack { mode, limit: 9 };
    let u = |mode| Type::UStack { mode, limit: 9 };
    let (i, t) = ("        ", "\t");
    assert_eq!(print(k(StackMode::Bpftrace)), format!("\n{i}[inlined] tiny\n{i}vfs_read+16\n{i}ksys_read+106\n\n"));
    assert_eq!(
        print(k(StackMode::Perf)),
        format!("\n{t}ffffffff81000010 tiny (inlined)\n{t}ffffffff81000010 vfs_read+16\n{t}ffffffff81000020 ksys_read+106\n\n")
    );
    assert_eq!(print(k(StackMode::Raw)), "\nffffffff81000010\nffffffff81000020\n\n");
    assert_eq!(print(u(StackMode::Bpftrace)), format!("\n{i}syscall+25\n{i}0x7fb748142c08\n\n"));
    assert_eq!(
        print(u(StackMode::Perf)),
        format!("\n{t}7fb74f71ae89 syscall+25 (/usr/lib/libc.so.6)\n{t}7fb748142c08 0x7fb748142c08 ([unknown])\n\n")
    );
    assert_eq!(print(Type::Ksym), "0x1\n");
    let lost = b.event(Action::PrintValue { ty: k(StackMode::Bpftrace) }, &words(&[-17]));
    assert_eq!(lost, "\n\n");
}

#[test]
fn maps_come_by_name_and_entries_by_value() {
    let mut b = Bench::default();
    b.map("@b", None, Type::I64, Storage::Global { offset: 48 }, one(vec![int(1)]));
    b.map("@", None, Type::I64, Storage::Global { offset: 64 }, vec![]);
    b.hash("@a", Type::I64, Type::I64, &[(int(1), int(3)), (int(2), int(-1))]);
    b.hash("@s", Type::Str(2), Type::Str(2), &[(text("b"), text("x")), (text("a"), text("y"))]);
    let keys = Type::Tuple(vec![Type::I64, Type::Str(2)]);
    let key = |n, s: &str| [int(n), text(s)].concat();
    b.hash("@t", keys, Type::Bool, &[(key(1, "b"), int(1)), (key(1, "a"), int(0)), (key(-1, "c"), int(1))]);
    b.hash("@p", Type::Str(4), Type::I64, &[(text("(x)"), int(1))]);
    let want = "\n\n@a[2]: -1\n@a[1]: 3\n@b: 1\n@p[x]: 1\n@s[a]: y\n@s[b]: x\n@t[-1, c]: true\n@t[1, a]: false\n@t[1, b]: true\n";
    assert_eq!(b.at_exit(), want);
    b.manifest.settings.print_maps_on_exit = false;
    assert_eq!(b.at_exit(), "\n\n");
}

#[test]
fn stacks_as_keys_and_values() {
    let mut b = Bench::default();
    let stack = Type::KStack { mode: StackMode::Bpftrace, limit: 1 };
    b.hash("@", stack.clone(), Type::I64, &[(int(7), int(1))]);
    b.hash("@b", Type::Tuple(vec![stack.clone(), Type::I64]), Type::I64, &[(words(&[7, 1]), int(2))]);
    b.hash("@c", Type::I64, stack, &[(int(1), int(7))]);
    let s = "\n        [inlined] tiny\n";
    assert_eq!(b.at_exit(), format!("\n\n@[{s}]: 1\n@b[{s}, 1]: 2\n@c[1]: {s}\n"));
}

#[test]
fn print_of_a_map_takes_the_last_and_divides() {
    let mut b = Bench::default();
    let m = b.hash("@b", Type::I64, Type::I64, &[(int(1), int(3)), (int(2), int(-5))]);
    let mut print = |top, div| b.event(Action::PrintMap { map: m }, &words(&[top, div]));
    assert_eq!(print(0, 0), "@b[2]: -5\n@b[1]: 3\n");
    assert_eq!(print(1, 0), "@b[1]: 3\n");
    assert_eq!(print(0, 2), "@b[2]: -2\n@b[1]: 1\n");
}

#[test]
fn what_was_never_assigned_prints_zero_when_asked_for() {
    let mut b = Bench::default();
    let global = Storage::Global { offset: 48 };
    let s = b.map("@a", None, Type::Str(2), global, vec![]);
    let t = b.map("@t", None, Type::Tuple(vec![Type::I64, Type::I64]), global, vec![]);
    let c = b.map("@c", None, Type::Agg(Agg::Count), Storage::PerCpuArray, one(vec![int(0), int(0)]));
    let st = b.map("@s", None, Type::Agg(Agg::Stats(Int::I64)), Storage::PerCpuArray, one(vec![words(&[0, 0])]));
    let buckets = vec![vec![0; 8 * 72]; 2];
    let h = b.map("@h", None, Type::Agg(Agg::Hist { bits: 0 }), Storage::PerCpuArray, one(buckets));
    let mut print = |map| b.event(Action::PrintMap { map }, &words(&[0, 0]));
    assert_eq!(print(s), "@a: \n");
    assert_eq!(print(t), "@t: (0, 0)\n");
    assert_eq!(print(c), "@c: 0\n");
    assert_eq!(print(st), "@s: { .count = 0, .average = 0, .total = 0 }\n");
    assert_eq!(print(h), "");
    assert_eq!(b.at_exit(), "\n\n");
}

#[test]
fn entries_print_their_value_alone() {
    let mut b = Bench::default();
    let plain = b.hash("@b", Type::I64, Type::I64, &[]);
    let counts = vec![Entry { key: int(1), values: vec![int(2), int(3)] }];
    let agg = b.map("@c", Some(Type::I64), Type::Agg(Agg::Count), Storage::PerCpuHash, counts);
    assert_eq!(b.event(Action::PrintEntry { map: plain }, &words(&[1, 3])), "3\n");
    assert_eq!(b.event(Action::PrintEntry { map: agg }, &int(1)), "5\n");
    assert_eq!(b.event(Action::PrintEntry { map: agg }, &int(9)), "0\n");
    // A histogram's entries are its buckets: the key, then the bucket's number.
    let buckets = [(1, 3), (2, 4)].map(|(key, bucket)| Entry { key: words(&[key, bucket]), values: vec![int(5)] });
    let hist = b.map("@h", Some(Type::I64), Type::Agg(Agg::Hist { bits: 0 }), Storage::PerCpuHash, buckets.to_vec());
    let text = b.event(Action::PrintEntry { map: hist }, &int(2));
    assert!(text.starts_with("@h[2]:\n") && text.matches('[').count() == 2 && text.contains(" 5 |"), "{text}");
    let json = b.json(|sink, fake| sink.event(&Action::PrintEntry { map: hist }, &int(2), fake).unwrap());
    assert!(json.starts_with("{\"type\": \"hist\", \"data\": {\"@h\": {\"2\": [") && !json.contains("\"1\""), "{json}");
}

#[test]
fn aggregations_are_merged_over_cpus() {
    let mut b = Bench::default();
    let two = |x: &[i64], y: &[i64]| vec![words(x), words(y)];
    let array = Storage::PerCpuArray;
    b.map("@a", None, Type::Agg(Agg::Avg(Int::I64)), array, one(two(&[-7, 1], &[-8, 1])));
    b.map("@m", None, Type::Agg(Agg::Max(Int::I64)), array, one(two(&[0, 0], &[-4, 1])));
    b.map("@s", None, Type::Agg(Agg::Stats(Int::I64)), array, one(two(&[3, 1], &[4, 1])));
    let min = |k, v| Entry { key: int(k), values: vec![words(&[v, 1])] };
    b.map("@n", Some(Type::I64), Type::Agg(Agg::Min(Int::I64)), Storage::PerCpuHash, vec![min(1, -5), min(2, 5), min(3, 0)]);
    // `min` and `max` sort as if unsigned
    let want = "\n\n@a: -7\n@m: -4\n@n[3]: 0\n@n[2]: 5\n@n[1]: -5\n@s: { .count = 2, .average = 3, .total = 7 }\n";
    assert_eq!(b.at_exit(), want);
}

#[test]
fn histograms_with_and_without_keys() {
    let mut b = Bench::default();
    let mut buckets = vec![0i64; 72];
    buckets[4] = 2;
    buckets[70] = 9; // padding beyond the last bucket
    let h = Type::Agg(Agg::Hist { bits: 0 });
    b.map("@h", None, h.clone(), Storage::PerCpuArray, one(vec![words(&buckets), words(&buckets)]));
    let part = |key, bucket, n| Entry { key: words(&[key, bucket]), values: vec![int(n), int(0)] };
    let map = b.map("@k", Some(Type::I64), h, Storage::PerCpuHash, vec![part(2, 5, 1), part(1, 4, 1), part(2, 4, 1)]);
    let bar = "@".repeat(52);
    let k2 = format!("@k[2]:\n[4, 8)                 1 |{bar}|\n[8, 16)                1 |{bar}|\n\n");
    let want = format!("\n\n@h:\n[4, 8)                 4 |{bar}|\n\n@k[1]:\n[4, 8)                 1 |{bar}|\n\n{k2}");
    assert_eq!(b.at_exit(), want);
    assert_eq!(b.event(Action::PrintMap { map }, &words(&[1, 0])), k2);
}

#[test]
fn messages() {
    let mut b = Bench::default();
    let mut sources = SourceMap::default();
    let file = sources.add("stdin", "BEGIN {\n\tdelete(@a, 5); }\n");
    b.options.sources = Some(sources);
    let span = Span::new(file, 9, 22);
    b.run(|sink, fake| {
        sink.attached(1).unwrap();
        sink.attached(2).unwrap();
        sink.event(&Action::Warning { what: "No such key.".into(), helper: Some("map_delete_elem".into()), span }, &int(-2), fake).unwrap();
        sink.lost(Losses { events: 5, updates: 1, stacks: 0 }, Losses { events: 2, ..Losses::default() }).unwrap();
        sink.lost(Losses::default(), Losses::default()).unwrap();
    });
    let want = "Attached 1 probe\nAttached 2 probes\nstdin:2:2-15: WARNING: No such key.\nAdditional Info - helper: map_delete_elem, retcode: -2\n    \
                delete(@a, 5); }\n    ~~~~~~~~~~~~~\nLost 3 events, 1 map update\n";
    assert_eq!(b.errors.text(), want);
    b.options.quiet = true;
    b.errors = Shared::default();
    b.run(|sink, _| sink.attached(1).unwrap());
    assert_eq!(b.errors.text(), "");
}

#[test]
fn a_closed_stream_is_an_error_and_buffering_decides_when() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let action = Action::PrintValue { ty: Type::I64 };
    for (buffering, fails_at) in [(Buffering::None, 0), (Buffering::Line, 1), (Buffering::Full, 2)] {
        let options = OutputOptions { buffering, ..OutputOptions::default() };
        let mut sink = TextSink::new(Arc::default(), Box::new(Closed), options);
        let mut fake = Fake::default();
        let steps = [sink.event(&action, &int(1), &mut fake), sink.flush(), sink.maps(&mut fake)];
        assert_eq!(steps.iter().position(|s| s.is_err()), Some(fails_at), "{buffering:?}");
    }
}

#[test]
fn time_is_local_and_formatted() {
    let got = Bench::default().event(Action::Time { format: "%Y|%%|%H:%M\n".into() }, &[]);
    assert!(got.starts_with("20") && got.contains("|%|") && got.ends_with('\n') && got.len() == 13, "{got:?}");
}

#[test]
fn zeroed_maps_print_as_zero() {
    let mut b = Bench::default();
    let h = Type::Agg(Agg::Hist { bits: 0 });
    let used = b.map("@c", None, Type::Agg(Agg::Count), Storage::PerCpuArray, one(vec![int(2)]));
    let hist = b.map("@h", None, h, Storage::PerCpuArray, one(vec![words(&[0, 1])]));
    let unused = b.map("@u", None, Type::Agg(Agg::Count), Storage::PerCpuArray, one(vec![int(0)]));
    let got = b.run(|sink, fake| {
        for map in [used, hist, unused] {
            sink.event(&Action::Zero { map }, &[], fake).unwrap();
        }
        fake.maps.insert(used.0, one(vec![int(0)]));
        fake.maps.insert(hist.0, one(vec![words(&[0, 0])]));
        sink.maps(fake).unwrap();
        sink.event(&Action::Clear { map: used }, &[], fake).unwrap();
        sink.maps(fake).unwrap();
    });
    assert_eq!(got, "\n\n@c: 0\n@h:\n\n\n\n@h:\n\n");
}

#[test]
fn enumerations_as_keys_and_values() {
    let mut b = Bench::default();
    b.manifest.enums.insert("Foo".into(), vec![("A".into(), -1), ("B".into(), 2)]);
    let foo = Type::Enum { name: "Foo".into(), int: Int::I32 };
    b.hash("@", foo.clone(), Type::I64, &[(int(2), int(2)), (int(-1), int(1))]);
    b.hash("@v", Type::I64, foo.clone(), &[(int(2), int(-1)), (int(1), int(2))]);
    b.hash("@x", Type::Tuple(vec![foo.clone(), Type::I64]), foo.clone(), &[(words(&[2, 1]), int(2))]);
    b.hash("@y", foo, Type::Str(2), &[(int(2), text("a")), (int(-1), text("b"))]);
    assert_eq!(b.at_exit(), "\n\n@[A]: 1\n@[B]: 2\n@v[2]: A\n@v[1]: B\n@x[B, 1]: B\n@y[A]: b\n@y[B]: a\n");
}

#[test]
fn values_with_names_as_keys() {
    let mut b = Bench::default();
    let ty = Type::Named(vec![("a".into(), Type::I64), ("b".into(), Type::Str(2))]);
    let key = |a, s: &str| [int(a), text(s)].concat();
    b.hash("@j", ty, Type::Str(2), &[(key(2, "x"), text("a")), (key(1, "z"), text("a")), (key(1, "y"), text("a"))]);
    assert_eq!(b.at_exit(), "\n\n@j[{ .a = 1, .b = y }]: a\n@j[{ .a = 1, .b = z }]: a\n@j[{ .a = 2, .b = x }]: a\n");
}

#[test]
fn addresses_users_and_times() {
    let mut b = Bench::default();
    b.manifest.strings = vec!["*".into(), "%Y.%f".into()];
    let mut print = |ty: Type, bytes: &[u8]| b.event(Action::PrintValue { ty }, bytes);
    assert_eq!(print(Type::Inet, &words(&[2, 0x0100_007f, 0])), "127.0.0.1\n");
    assert_eq!(print(Type::Mac, &words(&[0x0000_efcd_ab02_01ff])), "FF:01:02:AB:CD:EF\n");
    assert_eq!(print(Type::Username, &int(0)), "root\n");
    assert_eq!(print(Type::Buf(4), &words(&[2, 0xff61])), "a\\xff\n");
    // with clock 2 the nanoseconds count from the epoch; `%f` is their microseconds
    assert_eq!(print(Type::Timestamp, &words(&[1_000_000_000_123_456_789, 1 << 8 | 2])), "2001.123456\n");
    assert_eq!(print(Type::CgroupPath, &words(&[0, 0])), "\n");
    assert!(print(Type::Timestamp, &words(&[0, 1 << 8])).starts_with("20"));
}

#[test]
fn time_series() {
    let mut b = Bench::default();
    let ty = Type::Agg(Agg::TSeries { interval: 1_000_000_000, intervals: 2, fold: lang::types::Fold::Last, signed: true });
    let cells = |n| vec![words(&[5, 1, n, 0, 0, 0]), vec![0; 48]];
    let map = b.map("@", None, ty.clone(), Storage::PerCpuArray, one(cells(0)));
    assert_eq!(b.at_exit(), "\n\n");
    assert_eq!(b.event(Action::PrintMap { map }, &words(&[0, 0])), "");
    b.fake.maps.insert(map.0, one(cells(10)));
    let chart = b.at_exit();
    assert!(chart.starts_with("\n\n@:\n                   4  ") && chart.ends_with("  6\n\n"), "{chart}");
    let key = Entry { key: int(7), values: cells(0) };
    let keyed = b.map("@k", Some(Type::I64), ty, Storage::PerCpuHash, vec![key]);
    assert_eq!(b.event(Action::PrintMap { map: keyed }, &words(&[0, 0])), "@k[7]:\n<no data>\n");
}
