//! Generates the parser from `src/parse/grammar.lalrpop`.

fn main() {
    lalrpop::Configuration::new()
        .emit_rerun_directives(true)
        .process_dir("src/parse")
        .expect("src/parse/grammar.lalrpop is a valid grammar");
}
