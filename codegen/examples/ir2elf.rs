//! Compiles a file in the IR's text form: `ir2elf IN.ir OUT.o` writes the object and prints the listing.

use codegen::{elf, ir, opt};
use std::error::Error;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, input, output] = &args[..] else {
        return Err("usage: ir2elf IN.ir OUT.o".into());
    };
    let mut module = ir::text::parse_module(&std::fs::read_to_string(input)?)?;
    let start = Instant::now();
    for (_, f) in &mut module.functions {
        opt::optimize(f);
    }
    let optimized = start.elapsed();
    let object = elf::write_object(&module, None)?;
    eprintln!("optimised in {optimized:?}, all in {:?}", start.elapsed());
    std::fs::write(output, &object.elf)?;
    print!("{module}\n{}", object.listing());
    Ok(())
}
