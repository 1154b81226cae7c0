//! Maps that are assigned: in global data, or in a hash.

use super::Lower;
use super::mem::{Base, Pad, Place};
use crate::ir::{Cc, Helper, Section, Size, Value};
use crate::manifest::{Storage, bss};
use lang::action::MapId;
use lang::hir::Expr;
use lang::types::Type;

/// Flags of `bpf_map_update_elem` (include/uapi/linux/bpf.h).
pub(super) const BPF_ANY: i64 = 0;
const BPF_NOEXIST: i64 = 1;
/// What a delete returns if the key is not there.
const ENOENT: i64 = -2;

impl<'s> Lower<'s, '_> {
    fn storage(&self, map: MapId) -> Storage {
        self.shared.plan.info(map).storage
    }

    fn value_type(&self, map: MapId) -> Type {
        self.shared.plan.info(map).value.clone()
    }

    /// The map as helpers take it.
    pub(super) fn map_ref(&mut self, map: MapId) -> Value {
        match self.shared.plan.refs[map.0 as usize] {
            Some(r) => self.b.map(r),
            None => self.b.iconst(0),
        }
    }

    /// The address of a map, or of its value where that is all there is.
    pub(super) fn address_of_map(&mut self, map: MapId) -> Value {
        match self.storage(map) {
            Storage::Global { offset } => {
                let place = self.global(offset + 8);
                self.address_of(place)
            }
            _ => self.map_ref(map),
        }
    }

    /// The key in memory, with `extra` bytes free behind it.
    pub(super) fn key(&mut self, map: MapId, key: Option<&'s Expr>, extra: u32) -> Place {
        let Some(e) = key else {
            let place = self.temp(8);
            self.zero(place, 8);
            return place;
        };
        let ty = self.shared.plan.info(map).key.clone().unwrap_or(e.ty.clone());
        let place = self.temp(ty.stored_size() + extra);
        self.store(e, &ty, place, Pad::Zero);
        place
    }

    /// The address of the value of a key, 0 if it is not there.
    pub(super) fn lookup(&mut self, map: MapId, key: Place) -> Value {
        let (map, key) = (self.map_ref(map), self.address_of(key));
        self.b.call(Helper::MAP_LOOKUP_ELEM, &[map, key])
    }

    /// Updates; a refusal is counted.
    pub(super) fn update(&mut self, map: MapId, key: Place, value: Place) {
        let ret = self.try_update(map, key, value, BPF_ANY);
        self.when_negative(ret, |l| l.lost_update(map));
    }

    /// A full map: each lost update is counted, the first is told at once.
    fn lost_update(&mut self, map: MapId) {
        let at = self.b.global(Section::Bss, bss::LOST_UPDATES);
        let before = self.b.load(Size::B8, at, 0);
        self.count_loss(bss::LOST_UPDATES);
        let zero = self.b.iconst(0);
        let name = self.shared.plan.info(map).name.clone();
        let span = self.b.span().unwrap_or_default();
        self.when(Cc::Eq, before, zero, |l| {
            let what = format!(
                "Map full; can't update element. Try increasing max_map_keys config or manually setting the max entries in a map declaration e.g. `let {name} = hash(5000)`"
            );
            let zero = l.b.iconst(0);
            l.emit_words(crate::manifest::Action::Warning { what, helper: None, span }, &[zero]);
        });
    }

    /// `-k`: a value of a key that is not there was asked for.
    fn missing_key(&mut self) {
        if self.shared.program.config.check_reads {
            let what = "Can't lookup map element because it does not exist.".to_string();
            let span = self.b.span().unwrap_or_default();
            let zero = self.b.iconst(0);
            let helper = Some("map_lookup_elem".to_string());
            self.emit_words(crate::manifest::Action::Warning { what, helper, span }, &[zero]);
        }
    }

    fn try_update(&mut self, map: MapId, key: Place, value: Place, flags: i64) -> Value {
        let (map, key, value) = (self.map_ref(map), self.address_of(key), self.address_of(value));
        let flags = self.b.iconst(flags);
        let ret = self.b.call(Helper::MAP_UPDATE_ELEM, &[map, key, value, flags]);
        self.error_code(ret)
    }

    /// The result of a map operation. The verifier calls the map's own function instead of the helper, and that returns an
    /// `int` before 6.4: the upper half of the register means nothing.
    fn error_code(&mut self, ret: Value) -> Value {
        self.b.ext(true, 32, ret)
    }

    fn global(&mut self, offset: u32) -> Place {
        Place { base: Base::Value(self.b.global(Section::Bss, offset)), offset: 0 }
    }

    /// The word of a map; 0 if the key is not there.
    pub(super) fn map_get(&mut self, map: MapId, key: Option<&'s Expr>) -> Value {
        if let Storage::Global { offset } = self.storage(map) {
            let place = self.global(offset + 8);
            return self.load_word(place);
        }
        let key = self.key(map, key, 0);
        let ptr = self.lookup(map, key);
        let result = self.b.var();
        let zero = self.b.iconst(0);
        self.either(
            Cc::Ne,
            ptr,
            zero,
            |l| {
                let v = l.b.load(Size::B8, ptr, 0);
                l.b.def(result, v);
            },
            |l| {
                l.missing_key();
                let v = l.b.iconst(0);
                l.b.def(result, v);
            },
        );
        self.b.get(result)
    }

    /// The value of a map, `own` bytes, into a place of `whole` bytes.
    pub(super) fn map_get_into(&mut self, map: MapId, key: Option<&'s Expr>, dst: Place, own: u32, whole: u32, pad: Pad) {
        if let Storage::Global { offset } = self.storage(map) {
            let src = self.global(offset + 8);
            self.copy(dst, src, own);
            self.pad_behind(dst, own, whole, pad);
            return;
        }
        let key = self.key(map, key, 0);
        let ptr = self.lookup(map, key);
        let zero = self.b.iconst(0);
        self.either(
            Cc::Ne,
            ptr,
            zero,
            |l| {
                l.copy(dst, Place { base: Base::Value(ptr), offset: 0 }, own);
                l.pad_behind(dst, own, whole, pad);
            },
            |l| l.zero(dst, if pad == Pad::Zero { whole } else { 8 }),
        );
    }

    fn pad_behind(&mut self, dst: Place, own: u32, whole: u32, pad: Pad) {
        if pad == Pad::Zero && whole > own {
            self.zero(dst.at(own), whole - own);
        }
    }

    /// `@m[k] = value`
    pub(super) fn map_set(&mut self, map: MapId, key: Option<&'s Expr>, value: &'s Expr) {
        let ty = self.value_type(map);
        if let Storage::Global { offset } = self.storage(map) {
            // Into a temporary first: the value may be read from the same map.
            if super::in_register(&ty) {
                let v = self.scalar(value);
                let place = self.global(offset);
                self.store_word(place.at(8), v);
            } else {
                let temp = self.temp(ty.stored_size());
                self.store(value, &ty, temp, Pad::Zero);
                let place = self.global(offset);
                self.copy(place.at(8), temp, ty.stored_size());
            }
            self.mark_assigned(offset);
            return;
        }
        let temp = self.temp(ty.stored_size());
        self.store(value, &ty, temp, Pad::Zero);
        let key = self.key(map, key, 0);
        self.update(map, key, temp);
    }

    fn mark_assigned(&mut self, offset: u32) {
        let place = self.global(offset);
        let one = self.b.iconst(1);
        self.store_word(place, one);
    }

    /// `@m[k] += by`, exact on any number of CPUs; the value is that of this CPU's own reading.
    pub(super) fn map_inc(&mut self, map: MapId, key: Option<&'s Expr>, by: i64, after: bool) -> Value {
        if let Storage::Global { offset } = self.storage(map) {
            let place = self.global(offset);
            let old = self.load_word(place.at(8));
            let base = self.base(place);
            let step = self.b.iconst(by);
            self.b.atomic_add(Size::B8, base, 8, step);
            self.mark_assigned(offset);
            return if after { self.b.add_imm(old, by) } else { old };
        }
        let key = self.key(map, key, 0);
        let result = self.b.var();
        let ptr = self.lookup(map, key);
        let zero = self.b.iconst(0);
        self.either(
            Cc::Ne,
            ptr,
            zero,
            |l| {
                let old = l.add_at(ptr, by);
                l.b.def(result, old);
            },
            |l| {
                l.first_value(map, key, by);
                let v = l.b.iconst(0);
                l.b.def(result, v);
            },
        );
        let old = self.b.get(result);
        if after { self.b.add_imm(old, by) } else { old }
    }

    fn add_at(&mut self, ptr: Value, by: i64) -> Value {
        let old = self.b.load(Size::B8, ptr, 0);
        let step = self.b.iconst(by);
        self.b.atomic_add(Size::B8, ptr, 0, step);
        old
    }

    /// The key was not there: it is made, unless another CPU was faster; then its value is added to.
    fn first_value(&mut self, map: MapId, key: Place, by: i64) {
        let value = self.temp(8);
        let v = self.b.iconst(by);
        self.store_word(value, v);
        let ret = self.try_update(map, key, value, BPF_NOEXIST);
        self.when_negative(ret, |l| {
            let ptr = l.lookup(map, key);
            let zero = l.b.iconst(0);
            l.either(
                Cc::Ne,
                ptr,
                zero,
                |l| {
                    l.add_at(ptr, by);
                },
                |l| l.lost_update(map),
            );
        });
    }

    /// Whether a map holds a key.
    pub(super) fn has_key(&mut self, map: MapId, key: Option<&'s Expr>) -> Value {
        if let Storage::Global { offset } = self.storage(map) {
            let place = self.global(offset);
            return self.load_word(place);
        }
        let key = self.key(map, key, 0);
        let ptr = self.lookup(map, key);
        let result = self.b.var();
        let zero = self.b.iconst(0);
        // A pointer must not leak into the answer.
        let set = |n: i64| {
            move |l: &mut Self| {
                let v = l.b.iconst(n);
                l.b.def(result, v);
            }
        };
        self.either(Cc::Ne, ptr, zero, set(1), set(0));
        self.b.get(result)
    }

    /// Deletes; the result is 0 if the key was there.
    pub(super) fn map_delete(&mut self, map: MapId, key: Option<&'s Expr>) -> Value {
        match self.storage(map) {
            Storage::Global { offset } => {
                let place = self.global(offset);
                let was = self.load_word(place);
                let bytes = 8 + self.value_type(map).stored_size();
                self.zero(place, bytes);
                let minus = self.b.add_imm(was, -1);
                // 1 becomes 0, 0 becomes an error.
                let two = self.b.iconst(-ENOENT);
                self.b.mul(minus, two)
            }
            Storage::PerCpuArray => self.reset_array(map),
            Storage::PerCpuHash if self.is_hist(map) => self.delete_hist(map, key),
            _ => {
                let key = self.key(map, key, 0);
                let (map, key) = (self.map_ref(map), self.address_of(key));
                let ret = self.b.call(Helper::MAP_DELETE_ELEM, &[map, key]);
                self.error_code(ret)
            }
        }
    }

    pub(super) fn is_hist(&self, map: MapId) -> bool {
        matches!(&self.shared.plan.info(map).value, Type::Agg(a) if a.is_hist())
    }
}
