//! `for` loops. Their bodies are functions that the kernel calls back (`bpf_loop`, `bpf_for_each_map_elem`).
//!
//! A body reaches the program around it through the *area*, memory on the program's stack whose address is handed on to
//! every body. It begins with four words: the context pointer, the base of the scratch memory, whether a body
//! has left the program, and with what value. Behind them are the variables that are used both inside and outside of a body.

use super::loop_plan::{AREA_HEAD, Plan};
use super::mem::{Base, Pad, Place};
use super::{Area, Exits, Home, Lower, in_register};
use crate::ir::build::Builder;
use crate::ir::{Cc, Helper, Size, Value};
use crate::manifest::{Action, Storage, bss};
use lang::action::MapId;
use lang::hir::{Expr, MAX_ROUNDS, Stmt, VarId};
use lang::types::Type;

/// Offsets in the area.
pub(super) const CTX: i32 = 0;
const SCRATCH: i32 = 8;
const LEFT: i32 = 16;
const VALUE: i32 = 24;
const _: () = assert!(VALUE as u32 + 8 == AREA_HEAD);

/// Whether the kernel has `bpf_loop`, since 5.17. Where it has not, ranges are loops of the program itself.
pub(super) fn has_loop(kernel: (u32, u32)) -> bool {
    kernel >= (5, 17)
}

impl<'s> Lower<'s, '_> {
    /// Makes the area, if the action has loops.
    pub(super) fn area_for(&mut self, plan: &Plan) {
        if plan.area == 0 {
            return;
        }
        let slot = self.b.slot(plan.area);
        self.slot_bytes += plan.area;
        self.area = Some(Area::Slot(slot));
        let area = self.area_base();
        let ctx = self.b.ctx();
        self.b.store(Size::B8, area, CTX, ctx);
        match self.scratch_base {
            Some(base) => self.b.store(Size::B8, area, SCRATCH, base),
            None => self.b.zero(area, SCRATCH, 8),
        }
        self.b.zero(area, LEFT, 16);
    }

    pub(super) fn area_base(&mut self) -> Value {
        match self.area {
            Some(Area::Slot(slot)) => self.b.slot_addr(slot),
            Some(Area::Pointer(p)) => p,
            None => self.b.iconst(0),
        }
    }

    /// Ends the program with a value; a body tells the program around it.
    pub(super) fn leave_with(&mut self, value: Value) {
        if self.depth == 0 {
            return self.b.ret(value);
        }
        let area = self.area_base();
        let one = self.b.iconst(1);
        self.b.store(Size::B8, area, LEFT, one);
        self.b.store(Size::B8, area, VALUE, value);
        self.b.ret(one);
    }

    /// After a loop: leaves too, if its body has left.
    fn after_loop(&mut self) {
        let area = self.area_base();
        let left = self.b.load(Size::B8, area, LEFT);
        let zero = self.b.iconst(0);
        self.when(Cc::Ne, left, zero, |l| {
            if l.depth == 0 {
                let area = l.area_base();
                let value = l.b.load(Size::B8, area, VALUE);
                l.b.ret(value);
            } else {
                let one = l.b.iconst(1);
                l.b.ret(one);
            }
            // What follows the jump of `when` is dead.
        });
    }

    /// Lowers a body as a function of so many parameters, the last of which is the area. The number of the function.
    pub(super) fn body(&mut self, params: u32, body: &'s [Stmt], code: impl FnOnce(&mut Self)) -> u32 {
        let vars: Vec<VarId> = self.bodies_vars(body);
        let name = format!("body{}_{}", self.index, self.bodies);
        self.bodies += 1;
        let outer = std::mem::replace(&mut self.b, Builder::with_params(&name, params));
        let area = self.b.param(params as usize - 1);
        let state = (
            self.area.replace(Area::Pointer(area)),
            self.scratch_base.take(),
            std::mem::take(&mut self.free_slots),
            std::mem::take(&mut self.taken),
            std::mem::replace(&mut self.slot_bytes, 0),
            std::mem::take(&mut self.loops),
            self.vars.clone(),
        );
        self.b.set_span(outer.span());
        self.depth += 1;
        if self.has_scratch {
            self.scratch_base = Some(self.b.load(Size::B8, area, SCRATCH));
        }
        // Registers of the program do not reach here.
        self.vars.retain(|_, home| matches!(home, Home::Memory(p) if matches!(p.base, Base::Area | Base::Scratch)));
        for var in vars {
            let ty = self.code.vars[var.0 as usize].clone();
            let home = if in_register(&ty) && !self.is_addressed(var) {
                Home::Register(self.b.var())
            } else {
                let place = self.permanent(ty.stored_size());
                self.zero(place, ty.stored_size());
                Home::Memory(place)
            };
            self.vars.insert(var, home);
        }
        self.loops.push(Exits::Body);
        code(self);
        let zero = self.b.iconst(0);
        self.b.ret(zero);
        self.depth -= 1;
        let inner = std::mem::replace(&mut self.b, outer);
        (self.area, self.scratch_base, self.free_slots, self.taken, self.slot_bytes, self.loops, self.vars) = state;
        self.shared.module.subs.push(inner.finish());
        self.shared.module.subs.len() as u32 - 1
    }

    pub(super) fn for_range(&mut self, var: VarId, start: &'s Expr, end: &'s Expr, body: &'s [Stmt]) {
        let (first, last) = (self.scalar(start), self.scalar(end));
        if !has_loop(self.shared.kernel) {
            return self.plain_range(var, first, last, body);
        }
        // Where a body counts from must be where it can read it.
        let from = self.permanent_in_area_or_scratch();
        self.store_word(from, first);
        let sub = self.body(2, body, |l| {
            let index = l.b.param(0);
            let from = l.load_word(from);
            let index = l.b.ext(false, 32, index);
            let value = l.b.add(from, index);
            l.set_var(var, value);
            l.stmts(body);
        });
        let turns = self.turns(first, last);
        self.call_loop(turns, sub, body);
    }

    /// The body so many times, as a function: what is too much to be written out.
    pub(super) fn turns_of(&mut self, count: u32, body: &'s [Stmt]) {
        let sub = self.body(2, body, |l| l.stmts(body));
        let turns = self.b.iconst(i64::from(count));
        self.call_loop(turns, sub, body);
    }

    fn call_loop(&mut self, turns: Value, sub: u32, body: &'s [Stmt]) {
        self.forget(body);
        let callback = self.b.func_addr(sub);
        let zero = self.b.iconst(0);
        // A body that the verifier knows to run no time it takes for dead, and then misses it.
        self.when(Cc::Ne, turns, zero, |l| {
            let area = l.area_base();
            let flags = l.b.iconst(0);
            l.b.call(Helper::LOOP, &[turns, callback, area, flags]);
            l.after_loop();
        });
    }

    /// Makes the verifier forget what it knows of numbers that a body changes. It walks through a body until nothing new
    /// comes of it: a sum whose first value it knows would be new each time.
    fn forget(&mut self, body: &[Stmt]) {
        let id = body.as_ptr();
        let mut written: Vec<VarId> = self.loop_bodies.iter().filter(|b| b.id == id).flat_map(|b| b.written.clone()).collect();
        written.sort_by_key(|v| v.0);
        written.dedup();
        for var in written {
            let Some(Home::Memory(place)) = self.vars.get(&var).copied() else { continue };
            if matches!(place.base, Base::Area) {
                let ty = self.code.vars[var.0 as usize].clone();
                self.forget_numbers(place, &ty);
            }
        }
    }

    fn forget_numbers(&mut self, place: Place, ty: &Type) {
        match ty {
            Type::Int(_) | Type::Bool => {
                let nothing = self.global_word(bss::NOTHING);
                let value = self.load_word(place);
                let unknown = self.b.add(value, nothing);
                self.store_word(place, unknown);
            }
            _ => {
                let mut at = 0;
                for m in ty.members() {
                    self.forget_numbers(place.at(at), m);
                    at += m.stored_size();
                }
            }
        }
    }

    /// `last - first`, from 0 to what the kernel allows; it is told when that is less.
    fn turns(&mut self, first: Value, last: Value) -> Value {
        let result = self.b.var();
        let n = self.b.sub(last, first);
        let most = self.b.iconst(MAX_ROUNDS);
        let span = self.b.span().unwrap_or_default();
        self.either(
            Cc::Sgt,
            last,
            first,
            |l| {
                let cut = |l: &mut Self| {
                    let what = format!("The loop has more rounds than the kernel allows: only the first {MAX_ROUNDS} are run.");
                    let zero = l.b.iconst(0);
                    l.emit_words(Action::Warning { what, helper: None, span }, &[zero]);
                    l.b.def(result, most);
                };
                l.either(Cc::Ugt, n, most, cut, |l| l.b.def(result, n));
            },
            |l| {
                let zero = l.b.iconst(0);
                l.b.def(result, zero);
            },
        );
        self.b.get(result)
    }

    /// A word that bodies reach.
    fn permanent_in_area_or_scratch(&mut self) -> Place {
        self.permanent_in_scratch(8)
    }

    /// A loop in the program itself, which the verifier walks turn by turn.
    fn plain_range(&mut self, var: VarId, first: Value, last: Value, body: &'s [Stmt]) {
        if !self.vars.contains_key(&var) {
            for v in self.bodies_vars(body) {
                let ty = self.code.vars[v.0 as usize].clone();
                let home = if in_register(&ty) && !self.is_addressed(v) {
                    Home::Register(self.b.var())
                } else {
                    Home::Memory(self.permanent(ty.stored_size()))
                };
                self.vars.insert(v, home);
            }
        }
        let index = self.b.var();
        self.b.def(index, first);
        let (head, inside, next, end) = (self.b.block(), self.b.block(), self.b.block(), self.b.block());
        self.b.jump(head);
        self.b.switch_to(head);
        let i = self.b.get(index);
        self.b.branch(Cc::Slt, i, last, inside, end);
        self.b.seal(inside);
        self.b.switch_to(inside);
        self.set_var(var, i);
        self.loops.push(Exits::Blocks(end, next));
        self.stmts(body);
        self.loops.pop();
        self.b.jump(next);
        self.b.seal(next);
        self.b.switch_to(next);
        let i = self.b.get(index);
        let more = self.b.add_imm(i, 1);
        self.b.def(index, more);
        self.b.jump(head);
        self.b.seal(head);
        self.b.seal(end);
        self.b.switch_to(end);
    }

    pub(super) fn for_map(&mut self, map: MapId, var: VarId, body: &'s [Stmt]) {
        let info = self.shared.plan.info(map).clone();
        let Some(key) = info.key.clone() else { return };
        let sub = self.body(4, body, |l| {
            let (k, v) = (l.b.param(1), l.b.param(2));
            if let Some(Home::Memory(place)) = l.vars.get(&var).copied() {
                let bytes = key.stored_size();
                l.copy(place, Place { base: Base::Value(k), offset: 0 }, bytes);
                l.map_value_into(map, k, v, &key, place.at(bytes));
            }
            l.stmts(body);
        });
        self.forget(body);
        let map = self.map_ref(map);
        let callback = self.b.func_addr(sub);
        let area = self.area_base();
        let flags = self.b.iconst(0);
        self.b.call(Helper::FOR_EACH_MAP_ELEM, &[map, callback, area, flags]);
        self.after_loop();
    }

    /// The value of an entry that the kernel hands to a body.
    fn map_value_into(&mut self, map: MapId, key: Value, value: Value, key_ty: &Type, dst: Place) {
        let info = self.shared.plan.info(map).clone();
        match (&info.value, info.storage) {
            (Type::Agg(agg), Storage::PerCpuHash) => {
                // The value is that of one CPU; the sum is made from all.
                let at = self.temp(key_ty.stored_size());
                self.copy(at, Place { base: Base::Value(key), offset: 0 }, key_ty.stored_size());
                let total = self.agg_total(map, at, *agg);
                self.store_word(dst, total);
            }
            (ty, _) => self.copy(dst, Place { base: Base::Value(value), offset: 0 }, ty.stored_size()),
        }
    }

    /// Number of a map's keys.
    pub(super) fn map_len(&mut self, map: MapId) -> Value {
        let name = format!("count{}_{}", self.index, self.bodies);
        self.bodies += 1;
        let mut b = Builder::with_params(&name, 4);
        let zero = b.iconst(0);
        b.ret(zero);
        self.shared.module.subs.push(b.finish());
        let sub = self.shared.module.subs.len() as u32 - 1;
        let map = self.map_ref(map);
        let callback = self.b.func_addr(sub);
        let (nothing, flags) = (self.b.iconst(0), self.b.iconst(0));
        self.b.call(Helper::FOR_EACH_MAP_ELEM, &[map, callback, nothing, flags])
    }

    fn bodies_vars(&self, body: &[Stmt]) -> Vec<VarId> {
        self.loop_bodies.iter().find(|b| b.id == body.as_ptr()).map_or_else(Vec::new, |b| b.own.clone())
    }

    pub(super) fn is_addressed(&self, var: VarId) -> bool {
        self.addressed.get(var.0 as usize).copied().unwrap_or(false)
    }

    /// A place as the address that a body can compute too: scratch memory alone.
    pub(super) fn held_in_scratch(&mut self, e: &'s Expr, ty: &Type) -> Place {
        let place = self.permanent_in_scratch(ty.stored_size() + 8);
        self.store(e, ty, place, Pad::Zero);
        place
    }
}
