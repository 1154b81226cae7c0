//! JSON, against lines that bpftrace 0.27.1 printed.

use super::testing::{Bench, Fake, int, one, text, words};
use crate::sink::{Entry, Losses, Sink};
use codegen::manifest::{Action, MapId, Storage};
use lang::format::Piece;
use lang::kernel::{Field, Layout};
use lang::source::{SourceMap, Span};
use lang::types::{AddrSpace, Agg, Fold, Int, Type};

fn event(b: &mut Bench, action: Action, payload: &[u8]) -> String {
    let line = b.json(|sink, fake| sink.event(&action, payload, fake).unwrap());
    for l in line.lines() {
        serde_json::from_str::<serde_json::Value>(l).unwrap_or_else(|e| panic!("{l}: {e}"));
    }
    line
}

fn at_exit(b: &mut Bench) -> String {
    b.json(|sink, fake| sink.maps(fake).unwrap())
}

/// The data of a printed value.
fn value(b: &mut Bench, ty: Type, bytes: &[u8]) -> String {
    let line = event(b, Action::PrintValue { ty }, bytes);
    line.strip_prefix("{\"type\": \"value\", \"data\": ").and_then(|l| l.strip_suffix("}\n")).expect(&line).to_string()
}

#[test]
fn scalars() {
    let mut b = Bench::default();
    b.manifest.enums.insert("Foo".into(), vec![("A".into(), 2)]);
    assert_eq!(value(&mut b, Type::I64, &int(-5)), "-5");
    assert_eq!(value(&mut b, Type::U64, &int(-1)), r#""18446744073709551615""#);
    assert_eq!(value(&mut b, Type::I64, &int(1 << 53)), "9007199254740992");
    assert_eq!(value(&mut b, Type::I64, &int((1 << 53) + 1)), r#""9007199254740993""#);
    assert_eq!(value(&mut b, Type::I64, &int(i64::MAX)), r#""9223372036854775807""#);
    assert_eq!(value(&mut b, Type::I64, &int(i64::MIN)), "-9223372036854775808");
    assert_eq!(value(&mut b, Type::Bool, &int(1)), "true");
    assert_eq!(value(&mut b, Type::Void, &[]), "null");
    assert_eq!(value(&mut b, Type::Enum { name: "Foo".into(), int: Int::I32 }, &int(2)), "2");
    assert_eq!(value(&mut b, Type::ptr(Type::Void, AddrSpace::Kernel), &int(0x32)), "50");
    assert_eq!(value(&mut b, Type::Buf(8), &words(&[2, 0xff61])), "[97,-1]");
    assert_eq!(value(&mut b, Type::Inet, &words(&[2, 1, 0])), r#""1.0.0.0""#);
    assert_eq!(value(&mut b, Type::Username, &int(0)), r#""root""#);
}

#[test]
fn strings_are_escaped() {
    let mut b = Bench::default();
    let mut print = |s: &[u8]| {
        let mut bytes = s.to_vec();
        bytes.resize(24, 0);
        value(&mut b, Type::Str(24), &bytes)
    };
    assert_eq!(print(b"x y"), r#""x y""#);
    assert_eq!(print(b"a\"\x01\x1f\x7f\xff\xc3\xa9\\"), "\"a\\\"\\u0001\\u001f\x7f\\uffffffff\\uffffffc3\\uffffffa9\\\\\"");
    assert_eq!(print(b"a b \n d\r\te"), r#""a b \n d\r\te""#);
}

#[test]
fn values_of_values() {
    let mut b = Bench::default();
    let inner = Type::Tuple(vec![Type::I64, Type::Bool]);
    let ty = Type::Tuple(vec![Type::I64, Type::Str(4), inner.clone()]);
    assert_eq!(value(&mut b, ty, &[int(1), text("s"), words(&[4, 0])].concat()), r#"[1,"s",[4,false]]"#);
    let named = Type::Named(vec![("a".into(), inner), ("b".into(), Type::Named(vec![("c".into(), Type::Str(2))]))]);
    assert_eq!(value(&mut b, named, &[words(&[1, 1]), text("x")].concat()), r#"{"a": [1,true], "b": {"c": "x"}}"#);
    let field = |name: &str, ty, offset| Field { name: name.into(), spelling: String::new(), ty, offset, bits: None, data_loc: None };
    let list = Type::Array { elem: Box::new(Type::Int(Int::I32)), len: 1 };
    b.manifest.records.insert("Y".into(), Layout { size: 4, fields: vec![field("m", list, 0)] });
    let fields = vec![field("y", Type::record("Y", 4), 0), field("c", Type::Str(4), 4), field("f", Type::Void, 8)];
    b.manifest.records.insert("Foo".into(), Layout { size: 8, fields });
    assert_eq!(value(&mut b, Type::record("Foo", 8), b"\x02\0\0\0abcd"), r#"{"y": {"m": [2]}, "c": "abcd", "f": null}"#);
    assert_eq!(value(&mut b, Type::record("None", 8), &[]), "{}");
}

#[test]
fn events() {
    let mut b = Bench::default();
    let format = lang::format::parse(b"test %d \r \n \t \\ \" bar").unwrap();
    let line = event(&mut b, Action::Printf { format, args: vec![Type::I64] }, &int(5));
    assert_eq!(line, r#"{"type": "printf", "data": "test 5 \r \n \t \\ \" bar"}"#.to_string() + "\n");
    let line = event(&mut b, Action::Time { format: "%%\n".into() }, &[]);
    assert_eq!(line, "{\"type\": \"time\", \"data\": \"%\\n\"}\n");
    assert_eq!(event(&mut b, Action::Exit, &[]), "");
}

#[test]
fn messages() {
    let mut b = Bench::default();
    let mut sources = SourceMap::default();
    let file = sources.add("stdin", "BEGIN {\n\tdelete(@a, 5); }\n");
    b.options.sources = Some(sources);
    let span = Span::new(file, 9, 22);
    let got = b.json(|sink, fake: &mut Fake| {
        sink.attached(2).unwrap();
        let helper = Some("probe_read_user".to_string());
        sink.event(&Action::Warning { what: String::new(), helper, span }, &int(-14), fake).unwrap();
        sink.event(&Action::Warning { what: "Oh.".into(), helper: None, span }, &int(0), fake).unwrap();
        for error in [true, false] {
            let format = vec![Piece::Text(b"m".to_vec())];
            sink.event(&Action::Message { error, format, args: vec![], span }, &[], fake).unwrap();
        }
        sink.lost(Losses { events: 5, updates: 1, stacks: 0 }, Losses { events: 2, ..Losses::default() }).unwrap();
    });
    let want = r#"{"type": "attached_probes", "count": 2, "data": {"probes": 2}}
{"type": "helper_error", "msg": "Bad address", "helper": "probe_read_user", "retcode": -14, "filename": "stdin", "line": 2, "col": 2}
{"type": "runtime_error", "msg": "Oh.", "filename": "stdin", "line": 2, "col": 2}
{"type": "errorf", "msg": "m", "filename": "stdin", "line": 2, "col": 2}
{"type": "warnf", "msg": "m", "filename": "stdin", "line": 2, "col": 2}
{"type": "lost_events", "count": 3, "data": {"events": 3}}
{"type": "lost_updates", "count": 1, "data": {"updates": 1}}
"#;
    assert_eq!(got, want);
    b.options.quiet = true;
    assert_eq!(b.json(|sink, _| sink.attached(1).unwrap()), "");
}

#[test]
fn maps() {
    let mut b = Bench::default();
    b.map("@b", None, Type::I64, Storage::Global { offset: 48 }, one(vec![int(1)]));
    let unset = b.map("@", None, Type::I64, Storage::Global { offset: 64 }, vec![]);
    let sorted = b.hash("@a", Type::I64, Type::I64, &[(int(1), int(3)), (int(2), int(-1))]);
    let keys = Type::Tuple(vec![Type::Str(4), Type::I64]);
    b.hash("@k", keys, Type::Str(2), &[([text("a b"), int(1)].concat(), text("x"))]);
    let named = Type::Named(vec![("a".into(), Type::I64), ("b".into(), Type::Str(4))]);
    b.hash("@n", named, Type::Bool, &[([int(1), text("x y")].concat(), int(1))]);
    b.hash("@p", Type::ptr(Type::Void, AddrSpace::User), Type::I64, &[(int(4), int(1))]);
    b.hash("@empty", Type::I64, Type::I64, &[]);
    let want = r#"{"type": "map", "data": {"@a": {"2": -1, "1": 3}}}
{"type": "map", "data": {"@b": 1}}
{"type": "map", "data": {"@k": {"ab,1": "x"}}}
{"type": "map", "data": {"@n": {"{.a=1,.b=xy}": true}}}
{"type": "map", "data": {"@p": {"0x4": 1}}}
"#;
    assert_eq!(at_exit(&mut b), want);
    let mut print = |map: MapId, args: &[i64]| event(&mut b, Action::PrintMap { map }, &words(args));
    assert_eq!(print(sorted, &[1, 2]), "{\"type\": \"map\", \"data\": {\"@a\": {\"1\": 1}}}\n");
    assert_eq!(print(unset, &[0, 0]), "{\"type\": \"map\", \"data\": {\"@\": 0}}\n");
    let line = event(&mut b, Action::PrintEntry { map: sorted }, &words(&[1, 3]));
    assert_eq!(line, "{\"type\": \"value\", \"data\": 3}\n");
    b.manifest.settings.print_maps_on_exit = false;
    assert_eq!(at_exit(&mut b), "");
}

#[test]
fn aggregations() {
    let mut b = Bench::default();
    let array = Storage::PerCpuArray;
    b.map("@a", None, Type::Agg(Agg::Avg(Int::I64)), array, one(vec![words(&[-7, 1]), words(&[-8, 1])]));
    b.map("@c", None, Type::Agg(Agg::Count), array, one(vec![int(0)]));
    b.map("@m", None, Type::Agg(Agg::Min(Int::I64)), array, one(vec![words(&[-3, 1])]));
    b.map("@s", None, Type::Agg(Agg::Stats(Int::I64)), array, one(vec![words(&[3, 1]), words(&[4, 1])]));
    let unset = b.map("@us", None, Type::Agg(Agg::Stats(Int::I64)), array, one(vec![words(&[0, 0])]));
    let stats = Entry { key: int(1), values: vec![words(&[3, 1])] };
    let keyed = b.map("@sk", Some(Type::I64), Type::Agg(Agg::Stats(Int::I64)), Storage::PerCpuHash, vec![stats]);
    b.map("@se", Some(Type::I64), Type::Agg(Agg::Stats(Int::I64)), Storage::PerCpuHash, vec![]);
    let want = r#"{"type": "stats", "data": {"@a": -7}}
{"type": "map", "data": {"@m": -3}}
{"type": "stats", "data": {"@s": {"count": 2, "average": 3, "total": 7}}}
{"type": "stats", "data": {"@se": {}}}
{"type": "stats", "data": {"@sk": {"1": {"count": 1, "average": 3, "total": 3}}}}
{"type": "stats", "data": {"@us": {}}}
"#;
    assert_eq!(at_exit(&mut b), want);
    let line = event(&mut b, Action::PrintMap { map: unset }, &words(&[0, 0]));
    assert_eq!(line, "{\"type\": \"stats\", \"data\": {\"@us\": {\"count\": 0, \"average\": 0, \"total\": 0}}}\n");
    let line = event(&mut b, Action::PrintEntry { map: keyed }, &int(1));
    assert_eq!(line, "{\"type\": \"value\", \"data\": {\"count\": 1, \"average\": 3, \"total\": 3}}\n");
}

#[test]
fn histograms() {
    let mut b = Bench::default();
    let h = Type::Agg(Agg::Hist { bits: 0 });
    let filled = |n: usize, some: &[usize]| {
        let mut buckets = vec![0i64; n];
        some.iter().for_each(|i| buckets[*i] += 1);
        one(vec![words(&buckets)])
    };
    b.map("@h", None, h.clone(), Storage::PerCpuArray, filled(66, &[0, 1, 2, 4]));
    let l = Type::Agg(Agg::LHist { min: 0, max: 30, step: 10 });
    b.map("@l", None, l, Storage::PerCpuArray, filled(5, &[0, 1, 4]));
    let k = Type::Agg(Agg::LHist { min: 0, max: 102400, step: 1024 });
    b.map("@l2", None, k, Storage::PerCpuArray, filled(102, &[5]));
    b.map("@none", None, h.clone(), Storage::PerCpuArray, filled(66, &[]));
    b.map("@top", None, h.clone(), Storage::PerCpuArray, filled(66, &[55, 65]));
    let part = |key: &str, n: i64, bucket| Entry { key: [int(n), text(key), int(bucket)].concat(), values: vec![int(1)] };
    let keys = Type::Tuple(vec![Type::I64, Type::Str(4)]);
    let zeroed = b.map("@z", None, h.clone(), Storage::PerCpuArray, filled(66, &[3]));
    b.map("@k", Some(keys), h, Storage::PerCpuHash, vec![part("x", 2, 0), part("a b", 1, 3)]);
    let lines = at_exit(&mut b);
    let mut lines = lines.lines();
    let mut next = || lines.next().unwrap();
    let first = r#"{"max": -1, "count": 1},{"min": 0, "max": 0, "count": 1},{"min": 1, "max": 1, "count": 1}"#;
    let rest = r#"{"min": 2, "max": 3, "count": 0},{"min": 4, "max": 7, "count": 1}"#;
    assert_eq!(next(), format!(r#"{{"type": "hist", "data": {{"@h": [{first},{rest}]}}}}"#));
    let want = r#"{"type": "hist", "data": {"@k": {"1,ab": [{"min": 2, "max": 3, "count": 1}], "2,x": [{"max": -1, "count": 1}]}}}"#;
    assert_eq!(next(), want);
    let linear = r#"{"max": -1, "count": 1},{"min": 0, "max": 9, "count": 1},{"min": 10, "max": 19, "count": 0}"#;
    let linear = format!(r#"{linear},{{"min": 20, "max": 29, "count": 0}},{{"min": 30, "count": 1}}"#);
    assert_eq!(next(), format!(r#"{{"type": "hist", "data": {{"@l": [{linear}]}}}}"#));
    assert_eq!(next(), r#"{"type": "hist", "data": {"@l2": [{"min": 4096, "max": 5119, "count": 1}]}}"#);
    let top = next();
    assert!(
        top.starts_with(r#"{"type": "hist", "data": {"@top": [{"min": 9007199254740992, "max": "18014398509481983", "count": 1}"#),
        "{top}"
    );
    assert!(top.ends_with(r#"{"min": 9223372036854775808, "max": "18446744073709551615", "count": 1}]}}"#), "{top}");
    let emptied = b.json(|sink, fake| {
        sink.event(&Action::Zero { map: zeroed }, &[], fake).unwrap();
        fake.maps.insert(zeroed.0, filled(66, &[]));
        sink.event(&Action::PrintMap { map: zeroed }, &words(&[0, 0]), fake).unwrap();
    });
    assert_eq!(emptied, "{\"type\": \"hist\", \"data\": {\"@z\": []}}\n");
}

#[test]
fn time_series() {
    let mut b = Bench::default();
    let ty = Type::Agg(Agg::TSeries { interval: 100_000_000, intervals: 2, fold: Fold::Last, signed: true });
    let cells = |n| vec![words(&[5, 1, n, 0, 0, 0])];
    let one_key = |n| vec![Entry { key: int(7), values: cells(n) }];
    b.map("@e", Some(Type::I64), ty.clone(), Storage::PerCpuHash, one_key(0));
    b.map("@k", Some(Type::I64), ty.clone(), Storage::PerCpuHash, one_key(10));
    b.map("@u", None, ty, Storage::PerCpuArray, one(cells(0)));
    let got = at_exit(&mut b);
    let lines: Vec<&str> = got.lines().collect();
    assert_eq!(lines[0], r#"{"type": "tseries", "data": {"@e": {"7": []}}}"#);
    assert!(lines[1].starts_with(r#"{"type": "tseries", "data": {"@k": {"7": [{"interval_start":"19"#), "{}", lines[1]);
    assert!(lines[1].ends_with(r#"","value":5}]}}}"#) && lines.len() == 2, "{got}");
}
