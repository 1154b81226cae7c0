//! Many values over many calls: what the stack of 512 bytes is to suffice for.

use codegen::disasm::disassemble;
use codegen::emit::assemble;
use codegen::ir::build::Builder;
use codegen::ir::{BinOp, Helper, Size};

/// `values` loads, then `calls` calls, then one sum of all of them.
fn pressure(values: i32, calls: i32) -> codegen::emit::Code {
    let mut b = Builder::new("pressure");
    let ctx = b.ctx();
    let mut live: Vec<_> = (0..values).map(|i| b.load(Size::B8, ctx, 8 * i)).collect();
    for _ in 0..calls {
        live.push(b.call(Helper::KTIME_GET_NS, &[]));
    }
    let zero = b.iconst(0);
    let sum = live.into_iter().fold(zero, |sum, v| b.bin(BinOp::Add, sum, v));
    b.ret(sum);
    assemble(&b.finish()).unwrap()
}

#[test]
fn four_values_over_four_calls_need_no_stack() {
    // Three results and four values are more than r6 to r9 hold, but only three of the calls have others after them.
    assert!(pressure(4, 1).frame == 0);
    assert!(pressure(4, 4).frame <= 24, "{}", disassemble(&pressure(4, 4).insns));
}

#[test]
fn forty_values_over_twenty_calls_fit() {
    let frame = pressure(40, 20).frame;
    assert!(frame <= 8 * 56, "{frame}");
}
