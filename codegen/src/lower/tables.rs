//! Names by number (errors, signals, system calls): tables in `.rodata`, one row of a fixed size for each number.

use super::Lower;
use super::mem::Place;
use crate::ir::{BinOp, Cc, Helper, Section, Value};
use lang::builtins::Op;
use lang::hir::Expr;

/// Bytes of a row, its NUL included.
const ROW: u32 = 64;

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// Texts of errno values.
    Errors,
    /// Texts of signals.
    Signals,
    /// Names of system calls.
    Syscalls,
}

impl Table {
    fn of(op: Op) -> Table {
        match op {
            Op::Strerror => Table::Errors,
            Op::SignalName => Table::Signals,
            _ => Table::Syscalls,
        }
    }

    fn name(self, n: i64) -> Option<std::borrow::Cow<'static, str>> {
        match self {
            Table::Errors => stdlib::constants::strerror(n).map(Into::into),
            Table::Signals => stdlib::constants::strsignal(n),
            Table::Syscalls => stdlib::constants::syscall_name(n).map(Into::into),
        }
    }

    /// What stands for a number that has none.
    fn otherwise(self) -> &'static [u8] {
        match self {
            Table::Errors => b"Unknown error",
            Table::Signals => b"N/A",
            Table::Syscalls => b"Unknown syscall",
        }
    }

    /// One past the highest number that has a name.
    fn rows(self) -> u32 {
        (0..1024).rev().find(|n| self.name(*n).is_some()).map_or(1, |n| n as u32 + 1)
    }
}

impl<'s> Lower<'s, '_> {
    /// The name of a number into memory.
    pub(super) fn name_into(&mut self, op: Op, number: &'s Expr, dst: Place, bytes: u32) {
        let table = Table::of(op);
        let (start, rows) = (self.table(table), table.rows());
        self.zero(dst, bytes);
        let n = self.scalar(number);
        for (at, part) in table.otherwise().chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            let word = self.b.iconst(i64::from_le_bytes(word));
            self.store_word(dst.at(at as u32 * 8), word);
        }
        let n = if table == Table::Errors { self.magnitude(n) } else { n };
        let most = self.b.iconst(i64::from(rows));
        self.when(Cc::Ult, n, most, |l| {
            let mask = i64::from(rows.next_power_of_two()) - 1;
            let n = l.bin_imm(BinOp::And, n, mask);
            let offset = l.bin_imm(BinOp::Mul, n, i64::from(ROW));
            let table = l.b.global(Section::Rodata, start);
            let row = l.b.add(table, offset);
            let at = l.address_of(dst);
            let size = l.b.iconst(i64::from(ROW.min(bytes)));
            l.b.call(Helper::PROBE_READ_KERNEL_STR, &[at, size, row]);
        });
    }

    /// The number without its sign: what the kernel returns is `-errno`.
    fn magnitude(&mut self, n: Value) -> Value {
        let result = self.b.var();
        let zero = self.b.iconst(0);
        self.either(
            Cc::Slt,
            n,
            zero,
            |l| {
                let zero = l.b.iconst(0);
                let v = l.b.bin(BinOp::Sub, zero, n);
                l.b.def(result, v);
            },
            |l| l.b.def(result, n),
        );
        self.b.get(result)
    }

    /// Where a table begins in `.rodata`, written there at its first use.
    fn table(&mut self, table: Table) -> u32 {
        if let Some((_, at)) = self.shared.tables.iter().find(|(t, _)| *t == table) {
            return *at;
        }
        let at = self.shared.module.rodata.len() as u32;
        // A power of two of rows: the verifier knows the number by its mask.
        for n in 0..table.rows().next_power_of_two() {
            let mut row = match table.name(i64::from(n)) {
                Some(name) => name.as_bytes().to_vec(),
                None => table.otherwise().to_vec(),
            };
            row.resize(ROW as usize, 0);
            self.shared.module.rodata.extend(row);
        }
        self.shared.tables.push((table, at));
        at
    }
}
