//! Random programs mean the same as IR, as optimised IR, and as machine code with and without the optimiser.
//!
//! What is compared: the returned value, the calls with their arguments in order, and global data at the end.

mod generate;
mod ir_machine;
mod machine;

use codegen::ir::{Function, verify};
use codegen::{emit, opt};

/// Addresses that programs see. Programs never compute with them, so both machines may place things differently.
pub const CTX: u64 = 0x1_0000;
pub const BSS: u64 = 0x2_0000;
pub const STACK: u64 = 0x3_0000;
/// Bytes of context and of global data.
pub const AREA: usize = 256;

/// What a run did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub result: u64,
    pub calls: Vec<(u32, Vec<u64>)>,
    pub bss: Vec<u8>,
}

/// What a made-up helper answers.
pub fn answer(calls: &[(u32, Vec<u64>)]) -> u64 {
    let (helper, args) = calls.last().unwrap();
    args.iter().fold(u64::from(*helper) << 7 | calls.len() as u64, |h, a| (h.rotate_left(13) ^ a).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Little-endian access to an area; panics outside of it, which fails the test.
pub fn read(area: &[u8], at: u64, bytes: u32) -> u64 {
    let at = at as usize;
    area[at..at + bytes as usize].iter().rev().fold(0, |x, b| x << 8 | u64::from(*b))
}

/// The opposite of [`read`].
pub fn write(area: &mut [u8], at: u64, bytes: u32, value: u64) {
    let at = at as usize;
    area[at..at + bytes as usize].copy_from_slice(&value.to_le_bytes()[..bytes as usize]);
}

/// The context that all programs get.
pub fn context() -> Vec<u8> {
    (0..AREA).map(|i| (i * 73 + 41) as u8).collect()
}

fn check(seed: u64, f: &Function) {
    verify::verify(f).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{f}"));
    let expected = ir_machine::run(f);
    let mut optimized = f.clone();
    opt::optimize_with(&mut optimized, |pass, now| {
        verify::verify(now).unwrap_or_else(|e| panic!("seed {seed} after {pass}: {e}\n{now}"));
        let got = ir_machine::run(now);
        assert_eq!(got, expected, "seed {seed}: {pass} changed the meaning\n{f}\n{now}");
    });
    for f in [f, &optimized] {
        match emit::assemble(f) {
            Ok(code) => assert_eq!(machine::run(&code), expected, "seed {seed}: code differs\n{f}"),
            // Some programs keep too much alive; what counts is that nothing wrong comes out.
            Err(codegen::error::Error::Stack { .. }) => {}
            Err(e) => panic!("seed {seed}: {e}\n{f}"),
        }
    }
}

#[test]
fn random_programs_keep_their_meaning() {
    let count = std::env::var("DIFFERENTIAL").ok().and_then(|n| n.parse().ok()).unwrap_or(400);
    for seed in 0..count {
        check(seed, &generate::program(seed));
    }
}
