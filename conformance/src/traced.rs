//! Code whose lines a case names: `uprobe:testprog@traced.rs:10`. Keep the numbers.

use std::hint::black_box;

/// Called a known number of times.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn bt_lines(n: u64) -> u64 {
    let doubled = black_box(n) * 2;
    black_box(doubled) + 1
}
