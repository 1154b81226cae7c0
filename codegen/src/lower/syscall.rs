//! A system call as a value: its registers, and the memory that its arguments lead to. A table in `.rodata` says of each call which
//! memory that is; it is made of `stdlib::calls`.

use super::Lower;
use super::mem::Place;
use crate::ir::build::Var;
use crate::ir::{BinOp, Cc, Helper, Section, Size, Value};
use lang::types::{Type, call};
use stdlib::calls::{Length, NUMBERS, PIECES};

/// Bytes of a row: a word of 32 bits for each piece.
const ROW: u32 = 16;
/// Kinds of length. (A word of 0 is no piece.)
const TEXT: u32 = 1;
const FIXED: u32 = 2;
const TIMES: u32 = 3;
/// Places that a row may name: words of the registers.
const PLACES: i64 = 0x78;

impl Lower<'_, '_> {
    /// The call that enters or returns into memory.
    pub(super) fn syscall(&mut self, ty: &Type, dst: Place) {
        let Type::Call { room, returned, .. } = *ty else { return };
        let ctx = self.ctx();
        let regs = self.b.load(Size::B8, ctx, 0);
        let from = self.b.add_imm(regs, i64::from(call::FROM));
        let (at, n) = (self.address_of(dst), self.b.iconst(i64::from(call::REGISTERS)));
        self.b.call(Helper::PROBE_READ_KERNEL, &[at, n, from]);
        let result = if returned { self.b.load(Size::B8, ctx, 8) } else { self.b.iconst(0) };
        self.store_word(dst.at(call::RESULT), result);
        if room == 0 {
            return;
        }
        let number = self.load_word(dst.at(call::NUMBER));
        let most = self.b.iconst(i64::from(NUMBERS));
        let start = self.calls();
        self.when(Cc::Ult, number, most, |l| {
            let number = l.bin_imm(BinOp::And, number, i64::from(NUMBERS) - 1);
            let offset = l.bin_imm(BinOp::Mul, number, i64::from(ROW));
            let table = l.b.global(Section::Rodata, start);
            let row = l.b.add(table, offset);
            for i in 0..call::PIECES {
                let piece = l.b.load(Size::B4, row, i as i32 * 4);
                let zero = l.b.iconst(0);
                l.when(Cc::Ne, piece, zero, |l| l.piece(piece, dst, dst.at(call::REGISTERS + i * (8 + room.next_multiple_of(8))), room));
            }
        });
    }

    /// Reads a piece of memory: where it is and how long says a word of the table.
    fn piece(&mut self, piece: Value, regs: Place, dst: Place, room: u32) {
        let from = self.register(regs, piece, 0);
        let kind = self.bin_imm(BinOp::LShr, piece, 8);
        let kind = self.bin_imm(BinOp::And, kind, 0xff);
        let read = self.b.var();
        let text = self.b.iconst(i64::from(TEXT));
        self.either(
            Cc::Eq,
            kind,
            text,
            |l| {
                let (at, n) = (l.address_of(dst.at(8)), l.b.iconst(i64::from(room)));
                let ret = l.b.call(Helper::PROBE_READ_USER_STR, &[at, n, from]);
                l.b.def(read, ret);
            },
            |l| l.bytes(piece, kind, from, regs, dst, room, read),
        );
        let read = self.b.get(read);
        self.store_word(dst, read);
    }

    #[allow(clippy::too_many_arguments, reason = "what a piece is made of")]
    fn bytes(&mut self, piece: Value, kind: Value, from: Value, regs: Place, dst: Place, room: u32, read: Var) {
        let factor = self.bin_imm(BinOp::LShr, piece, 24);
        let length = self.b.var();
        let fixed = self.b.iconst(i64::from(FIXED));
        self.either(
            Cc::Eq,
            kind,
            fixed,
            |l| l.b.def(length, factor),
            |l| {
                let n = l.register(regs, piece, 16);
                let zero = l.b.iconst(0);
                l.either(
                    Cc::Sgt,
                    n,
                    zero,
                    |l| {
                        let n = l.b.mul(n, factor);
                        l.b.def(length, n);
                    },
                    |l| {
                        let zero = l.b.iconst(0);
                        l.b.def(length, zero);
                    },
                );
            },
        );
        let length = self.b.get(length);
        let n = self.at_most(length, room);
        let at = self.address_of(dst.at(8));
        let ret = self.b.call(Helper::PROBE_READ_USER, &[at, n, from]);
        let zero = self.b.iconst(0);
        self.either(Cc::Slt, ret, zero, |l| l.b.def(read, ret), |l| l.b.def(read, n));
    }

    /// The register whose place stands in a row's word at a bit.
    fn register(&mut self, regs: Place, piece: Value, bit: i64) -> Value {
        let place = if bit == 0 { piece } else { self.bin_imm(BinOp::LShr, piece, bit) };
        let place = self.bin_imm(BinOp::And, place, PLACES);
        let at = self.address_of(regs);
        let at = self.b.add(at, place);
        self.b.load(Size::B8, at, 0)
    }

    /// Where the table begins in `.rodata`, written there at its first use.
    fn calls(&mut self) -> u32 {
        if let Some(at) = self.shared.calls {
            return at;
        }
        let at = self.shared.module.rodata.len() as u32;
        for number in 0..NUMBERS {
            let memory = stdlib::calls::call(i64::from(number)).map(|c| c.memory()).unwrap_or_default();
            let mut row: Vec<u8> = memory.iter().take(PIECES).flat_map(|m| word(m.arg, m.length).to_le_bytes()).collect();
            row.resize(ROW as usize, 0);
            self.shared.module.rodata.extend(row);
        }
        self.shared.calls = Some(at);
        at
    }
}

/// A row's word: from its low byte the place of the address, the kind of length, the place of a number, a number of bytes.
fn word(arg: u8, length: Length) -> u32 {
    let place = |arg: u8| call::ARGS[usize::from(arg)];
    let (kind, number, bytes) = match length {
        Length::Text => (TEXT, 0, 0),
        Length::Fixed(n) => (FIXED, 0, n),
        Length::Arg(n, size) => (TIMES, place(n), size),
        Length::Result(size) => (TIMES, call::RESULT, size),
    };
    place(arg) | kind << 8 | number << 16 | u32::from(bytes) << 24
}
