//! What parses can be formatted; the result says the same, and formatting it again changes nothing. What is ported parses too.
#![no_main]

use lang::diag::has_errors;
use lang::source::SourceMap;
use lang::{fmt, port};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut map = SourceMap::default();
    let file = map.add("f.bt", text);
    let (tree, diags) = lang::parse(&map, file);
    let formatted = fmt::format(text);
    if has_errors(&diags) {
        assert!(formatted.is_err(), "what does not parse was formatted");
        return;
    }
    let formatted = formatted.unwrap_or_else(|d| panic!("{}", d[0].message));
    let file = map.add("formatted.bt", formatted.as_str());
    let (again, diags) = lang::parse(&map, file);
    assert!(!has_errors(&diags), "the formatted script does not parse:\n{formatted}");
    assert!(fmt::same(&tree, text, &again, &formatted), "the formatted script says something else:\n{formatted}");
    let twice = fmt::format(&formatted).unwrap_or_else(|d| panic!("{}", d[0].message));
    assert_eq!(formatted, twice, "formatting twice is not the same");
    port::port(text).unwrap_or_else(|d| panic!("{}", d[0].message));
});
