//! Aggregations: per-CPU values that are added to in place.

use super::Lower;
use super::mem::Place;
use super::plan::hist_capacity;
use crate::ir::{BinOp, Cc, Helper, Size, Value};
use crate::manifest::Storage;
use lang::action::MapId;
use lang::hir::Expr;
use lang::types::{Agg, Fold, Type};

impl<'s> Lower<'s, '_> {
    /// `@m[k] = count()` and its kin.
    pub(super) fn aggregate(&mut self, map: MapId, key: Option<&'s Expr>, agg: Agg, value: Option<&'s Expr>) {
        let n = match value {
            Some(e) => self.scalar(e),
            None => self.b.iconst(1),
        };
        if agg.is_hist() {
            let bucket = self.bucket(agg, n);
            return self.count_bucket(map, key, agg, bucket);
        }
        if let Agg::TSeries { .. } = agg {
            return self.time_series(map, key, agg, n);
        }
        let key = self.key(map, key, 0);
        let ptr = self.lookup(map, key);
        let zero = self.b.iconst(0);
        let array = self.shared.plan.info(map).storage == Storage::PerCpuArray;
        self.either(
            Cc::Ne,
            ptr,
            zero,
            |l| l.add_in_place(ptr, agg, n),
            |l| {
                // An array always has its entry; the verifier does not know.
                if !array {
                    let first = l.temp(16);
                    let one = l.b.iconst(1);
                    l.store_word(first, n);
                    if agg.value_size() == 16 {
                        l.store_word(first.at(8), one);
                    }
                    l.update(map, key, first);
                }
            },
        );
    }

    /// Adds to the cell of the current interval: three words, the value, what belongs to it, and the interval's number plus 1:
    /// 0 is a cell that was never written.
    fn time_series(&mut self, map: MapId, key: Option<&'s Expr>, agg: Agg, n: Value) {
        let Agg::TSeries { interval, intervals, fold, signed } = agg else { return };
        // Intervals begin at whole seconds of the wall clock.
        let boot = self.b.call(Helper::KTIME_GET_BOOT_NS, &[]);
        let at = self.b.global(crate::ir::Section::Bss, crate::manifest::bss::WALL);
        let delta = self.b.load(Size::B8, at, 0);
        let now = match self.shared.time_map() {
            Some(map) => self.map_get(map, None),
            None => self.b.add(boot, delta),
        };
        let step = self.b.iconst(interval as i64);
        let epoch = self.b.bin(BinOp::UDiv, now, step);
        let key = self.key(map, key, 0);
        let found = self.lookup(map, key);
        let zero = self.b.iconst(0);
        let ptr = self.b.var();
        self.b.def(ptr, found);
        self.when(Cc::Eq, found, zero, |l| {
            let bytes = agg.value_size();
            let empty = l.scratch_area(bytes);
            l.zero_all(empty, bytes);
            l.update(map, key, empty);
            let again = l.lookup(map, key);
            l.b.def(ptr, again);
        });
        let ptr = self.b.get(ptr);
        self.when(Cc::Ne, ptr, zero, |l| {
            let count = l.b.iconst(i64::from(intervals));
            let index = l.b.bin(BinOp::UMod, epoch, count);
            let most = l.b.iconst(i64::from(intervals));
            l.when(Cc::Ult, index, most, |l| {
                let offset = l.bin_imm(BinOp::Mul, index, 24);
                let cell = l.b.add(ptr, offset);
                let epoch = l.bin_imm(BinOp::Add, epoch, 1);
                l.fold_into(cell, fold, signed, n, epoch, now);
            });
        });
    }

    fn fold_into(&mut self, cell: Value, fold: Fold, signed: bool, n: Value, epoch: Value, now: Value) {
        let one = self.b.iconst(1);
        let old_epoch = self.b.load(Size::B8, cell, 16);
        let meta = if fold == Fold::Last { now } else { one };
        self.either(
            Cc::Ne,
            old_epoch,
            epoch,
            |l| {
                l.b.store(Size::B8, cell, 0, n);
                l.b.store(Size::B8, cell, 8, meta);
                l.b.store(Size::B8, cell, 16, epoch);
            },
            |l| match fold {
                Fold::Last => {
                    l.b.store(Size::B8, cell, 0, n);
                    l.b.store(Size::B8, cell, 8, meta);
                }
                Fold::Sum => l.add_word(cell, 0, n),
                Fold::Avg => {
                    l.add_word(cell, 0, n);
                    l.add_word(cell, 8, one);
                }
                Fold::Min | Fold::Max => {
                    let cc = match (fold, signed) {
                        (Fold::Min, true) => Cc::Slt,
                        (Fold::Min, false) => Cc::Ult,
                        (_, true) => Cc::Sgt,
                        (_, false) => Cc::Ugt,
                    };
                    let old = l.b.load(Size::B8, cell, 0);
                    l.when(cc, n, old, |l| l.b.store(Size::B8, cell, 0, n));
                }
            },
        );
    }

    /// Zeroes many words: those of global data are zero, and a helper copies them.
    fn zero_all(&mut self, place: Place, bytes: u32) {
        const INLINE: u32 = 256;
        if bytes <= INLINE {
            return self.zero(place, bytes);
        }
        let zeros = self.shared.zeros(bytes);
        let from = self.b.global(crate::ir::Section::Rodata, zeros);
        let at = self.address_of(place);
        let n = self.b.iconst(i64::from(bytes));
        self.b.call(Helper::PROBE_READ_KERNEL, &[at, n, from]);
    }

    /// This CPU's value; no other CPU writes it, so no atomic instruction is needed.
    fn add_in_place(&mut self, ptr: Value, agg: Agg, n: Value) {
        match agg {
            Agg::Count | Agg::Sum(_) => self.add_word(ptr, 0, n),
            Agg::Avg(_) | Agg::Stats(_) => {
                self.add_word(ptr, 0, n);
                let one = self.b.iconst(1);
                self.add_word(ptr, 8, one);
            }
            Agg::Min(int) | Agg::Max(int) => {
                let cc = match (agg, int.signed) {
                    (Agg::Min(_), true) => Cc::Slt,
                    (Agg::Min(_), false) => Cc::Ult,
                    (_, true) => Cc::Sgt,
                    (_, false) => Cc::Ugt,
                };
                self.keep_extreme(ptr, cc, n);
            }
            Agg::Hist { .. } | Agg::LHist { .. } | Agg::TSeries { .. } => {}
        }
    }

    fn add_word(&mut self, ptr: Value, offset: i32, n: Value) {
        let old = self.b.load(Size::B8, ptr, offset);
        let new = self.b.add(old, n);
        self.b.store(Size::B8, ptr, offset, new);
    }

    fn keep_extreme(&mut self, ptr: Value, cc: Cc, n: Value) {
        let set = self.b.load(Size::B8, ptr, 8);
        let (check, store, next) = (self.b.block(), self.b.block(), self.b.block());
        self.b.branch_nonzero(set, check, store);
        self.b.seal(check);
        self.b.switch_to(check);
        let old = self.b.load(Size::B8, ptr, 0);
        self.b.branch(cc, n, old, store, next);
        self.b.seal(store);
        self.b.switch_to(store);
        self.b.store(Size::B8, ptr, 0, n);
        let one = self.b.iconst(1);
        self.b.store(Size::B8, ptr, 8, one);
        self.b.jump(next);
        self.b.seal(next);
        self.b.switch_to(next);
    }

    fn count_bucket(&mut self, map: MapId, key: Option<&'s Expr>, agg: Agg, bucket: Value) {
        let one = self.b.iconst(1);
        let zero = self.b.iconst(0);
        if self.shared.plan.info(map).storage == Storage::PerCpuArray {
            let key = self.key(map, None, 0);
            let ptr = self.lookup(map, key);
            self.when(Cc::Ne, ptr, zero, |l| {
                // A mask bounds the index where the verifier sees it, right before its use.
                let index = l.bin_imm(BinOp::And, bucket, i64::from(hist_capacity(&agg)) - 1);
                let offset = l.bin_imm(BinOp::Shl, index, 3);
                let at = l.b.add(ptr, offset);
                l.add_word(at, 0, one);
            });
            return;
        }
        let size = self.shared.plan.info(map).key.as_ref().map_or(0, Type::stored_size);
        let key = self.key(map, key, 8);
        self.store_word(key.at(size), bucket);
        let ptr = self.lookup(map, key);
        self.either(
            Cc::Ne,
            ptr,
            zero,
            |l| l.add_word(ptr, 0, one),
            |l| {
                let first = l.temp(8);
                l.store_word(first, one);
                l.update(map, key, first);
            },
        );
    }

    /// The index of the bucket of `n` (see `Agg::buckets`).
    fn bucket(&mut self, agg: Agg, n: Value) -> Value {
        let result = self.b.var();
        let zero = self.b.iconst(0);
        match agg {
            Agg::LHist { min, max, step } => {
                let (low, high) = (self.b.iconst(min), self.b.iconst(max));
                self.either(
                    Cc::Slt,
                    n,
                    low,
                    |l| l.b.def(result, zero),
                    |l| {
                        l.either(
                            Cc::Sge,
                            n,
                            high,
                            |l| {
                                let last = l.b.iconst(i64::from(agg.buckets()) - 1);
                                l.b.def(result, last);
                            },
                            |l| {
                                let from = l.b.sub(n, low);
                                let index = l.bin_imm(BinOp::UDiv, from, step);
                                let index = l.b.add_imm(index, 1);
                                l.b.def(result, index);
                            },
                        );
                    },
                );
            }
            Agg::Hist { bits } => {
                self.either(
                    Cc::Slt,
                    n,
                    zero,
                    |l| l.b.def(result, zero),
                    |l| {
                        let index = l.log_bucket(n, u32::from(bits));
                        l.b.def(result, index);
                    },
                );
            }
            _ => self.b.def(result, zero),
        }
        self.b.get(result)
    }

    /// Bucket of a number that is not negative: below `2^bits` its own, then by its highest bit.
    fn log_bucket(&mut self, n: Value, bits: u32) -> Value {
        let result = self.b.var();
        let limit = self.b.iconst(1 << bits);
        self.either(
            Cc::Ult,
            n,
            limit,
            |l| {
                let index = l.b.add_imm(n, 1);
                l.b.def(result, index);
            },
            |l| {
                let top = l.highest_bit(n);
                let shift = l.b.add_imm(top, -i64::from(bits));
                let group = l.bin_imm(BinOp::Shl, shift, i64::from(bits));
                let part = l.b.lshr(n, shift);
                let part = l.bin_imm(BinOp::And, part, (1 << bits) - 1);
                let index = l.b.add(group, part);
                let index = l.b.add_imm(index, 1 + (1 << bits));
                l.b.def(result, index);
            },
        );
        self.b.get(result)
    }

    /// The number of the highest bit that is set, by halving: six comparisons, no loop, no branch.
    fn highest_bit(&mut self, n: Value) -> Value {
        let mut rest = n;
        let mut top = self.b.iconst(0);
        for half in [32, 16, 8, 4, 2, 1] {
            let big = self.b.cmp_imm(Cc::Ugt, rest, (1i64 << half) - 1);
            let shift = self.bin_imm(BinOp::Mul, big, half);
            rest = self.b.lshr(rest, shift);
            top = self.b.add(top, shift);
        }
        top
    }

    /// Sets a keyless aggregation of this script to nothing on this CPU; the runtime's `clear` does all of them.
    pub(super) fn reset_array(&mut self, map: MapId) -> Value {
        let key = self.key(map, None, 0);
        let ptr = self.lookup(map, key);
        let zero = self.b.iconst(0);
        let bytes = match &self.shared.plan.info(map).value {
            Type::Agg(a) if a.is_hist() => hist_capacity(a) * 8,
            v => v.stored_size(),
        };
        self.when(Cc::Ne, ptr, zero, |l| {
            l.zero(Place { base: super::mem::Base::Value(ptr), offset: 0 }, bytes);
        });
        self.b.iconst(0)
    }

    /// Deletes every bucket of a key; 0 if there was one.
    pub(super) fn delete_hist(&mut self, map: MapId, key: Option<&'s Expr>) -> Value {
        let info = self.shared.plan.info(map);
        let size = info.key.as_ref().map_or(0, Type::stored_size);
        let buckets = if let Type::Agg(a) = &info.value { a.buckets() } else { 0 };
        let key = self.key(map, key, 8);
        let (index, result) = (self.b.var(), self.b.var());
        let (zero, missing) = (self.b.iconst(0), self.b.iconst(-2));
        self.b.def(index, zero);
        self.b.def(result, missing);
        self.counted(index, u64::from(buckets), |l, i| {
            l.store_word(key.at(size), i);
            let (map, at) = (l.map_ref(map), l.address_of(key));
            let ret = l.b.call(Helper::MAP_DELETE_ELEM, &[map, at]);
            let zero = l.b.iconst(0);
            l.when(Cc::Eq, ret, zero, |l| l.b.def(result, zero));
        });
        self.b.get(result)
    }

    /// `for i in 0..n`, as a loop that the verifier can count.
    fn counted(&mut self, index: crate::ir::build::Var, n: u64, body: impl FnOnce(&mut Self, Value)) {
        let (head, inside, next) = (self.b.block(), self.b.block(), self.b.block());
        self.b.jump(head);
        self.b.switch_to(head);
        let i = self.b.get(index);
        let end = self.b.iconst(n as i64);
        self.b.branch(Cc::Ult, i, end, inside, next);
        self.b.seal(inside);
        self.b.switch_to(inside);
        body(self, i);
        let more = self.b.add_imm(i, 1);
        self.b.def(index, more);
        self.b.jump(head);
        self.b.seal(head);
        self.b.seal(next);
        self.b.switch_to(next);
    }

    /// The value of an aggregation over all CPUs (needs a kernel of 5.19).
    pub(super) fn agg_get(&mut self, map: MapId, key: Option<&'s Expr>, agg: Agg) -> Value {
        let key = self.key(map, key, 0);
        self.agg_total(map, key, agg)
    }

    /// The value of a key in memory over all CPUs.
    pub(super) fn agg_total(&mut self, map: MapId, key: Place, agg: Agg) -> Value {
        let (index, total, second) = (self.b.var(), self.b.var(), self.b.var());
        let zero = self.b.iconst(0);
        for v in [index, total, second] {
            self.b.def(v, zero);
        }
        let cpus = u64::from(self.shared.cpus);
        self.counted(index, cpus, |l, cpu| {
            let (map, at) = (l.map_ref(map), l.address_of(key));
            let ptr = l.b.call(Helper::MAP_LOOKUP_PERCPU_ELEM, &[map, at, cpu]);
            let zero = l.b.iconst(0);
            l.when(Cc::Ne, ptr, zero, |l| l.merge(ptr, agg, total, second));
        });
        let (sum, count) = (self.b.get(total), self.b.get(second));
        match agg {
            Agg::Avg(int) => self.average(sum, count, int.signed),
            _ => sum,
        }
    }

    fn merge(&mut self, ptr: Value, agg: Agg, total: crate::ir::build::Var, second: crate::ir::build::Var) {
        let value = self.b.load(Size::B8, ptr, 0);
        let old = self.b.get(total);
        match agg {
            Agg::Min(int) | Agg::Max(int) => {
                let set = self.b.load(Size::B8, ptr, 8);
                let zero = self.b.iconst(0);
                let cc = match (agg, int.signed) {
                    (Agg::Min(_), true) => Cc::Slt,
                    (Agg::Min(_), false) => Cc::Ult,
                    (_, true) => Cc::Sgt,
                    (_, false) => Cc::Ugt,
                };
                self.when(Cc::Ne, set, zero, |l| {
                    let seen = l.b.get(second);
                    let better = l.b.cmp(cc, value, old);
                    let first = l.b.cmp_imm(Cc::Eq, seen, 0);
                    let take = l.b.or(better, first);
                    let zero = l.b.iconst(0);
                    l.when(Cc::Ne, take, zero, |l| l.b.def(total, value));
                    let one = l.b.iconst(1);
                    l.b.def(second, one);
                });
            }
            Agg::Avg(_) | Agg::Stats(_) => {
                let sum = self.b.add(old, value);
                self.b.def(total, sum);
                let count = self.b.load(Size::B8, ptr, 8);
                let all = self.b.get(second);
                let all = self.b.add(all, count);
                self.b.def(second, all);
            }
            _ => {
                let sum = self.b.add(old, value);
                self.b.def(total, sum);
            }
        }
    }

    fn average(&mut self, sum: Value, count: Value, signed: bool) -> Value {
        if !signed {
            return self.b.bin(BinOp::UDiv, sum, count);
        }
        let sign = self.bin_imm(BinOp::AShr, sum, 63);
        let x = self.b.xor(sum, sign);
        let x = self.b.sub(x, sign);
        let q = self.b.bin(BinOp::UDiv, x, count);
        let q = self.b.xor(q, sign);
        self.b.sub(q, sign)
    }
}
