//! Any bytes: the lexer and the parser end, and what they say can be shown.
#![no_main]

use lang::diag;
use lang::source::SourceMap;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let mut map = SourceMap::default();
    let file = map.add("f.bt", text.as_ref());
    let (_, diags) = lang::parse(&map, file);
    let _ = diag::render(&diags, &map, false);
});
