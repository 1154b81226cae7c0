//! The whole way of a script, from text to an ELF object, against the fixture kernel.
#![no_main]

use codegen::Target;
use lang::cdef::{NoFiles, WithDefs};
use lang::config::Config;
use lang::diag::{self, has_errors};
use lang::fixture::Fixture;
use lang::source::SourceMap;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static KERNEL: Fixture = Fixture::small();
}

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        KERNEL.with(|kernel| compile(text, kernel));
    }
});

fn compile(text: &str, kernel: &Fixture) {
    let mut map = SourceMap::default();
    let file = map.add("f.bt", text);
    let (tree, mut diags) = lang::parse(&map, file);
    let (script, found) = lang::program::assemble(tree, file, &mut map, kernel, &NoFiles);
    diags.extend(found);
    let config = Config { allow_unsafe: true, params: vec!["7".into(), "word".into()], ..Config::default() };
    let (program, found) = lang::check(&script.program, &WithDefs { defs: &script.defs, kernel }, &config);
    diags.extend(found);
    let _ = diag::render(&diags, &map, false);
    if has_errors(&diags) {
        return;
    }
    if let Err(refused) = codegen::compile(&program, &Target { cpus: 2, kernel: (6, 12), task: None }) {
        let text = diag::render(&refused, &map, false);
        assert!(!text.contains("its own mistake"), "{text}");
    }
}
