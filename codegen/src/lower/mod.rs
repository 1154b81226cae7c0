//! HIR to IR.
//!
//! A scalar is an SSA value, kept extended to 64 bits by its type. Everything else (strings, tuples, arrays, stacks)
//! lives in memory in its stored layout and is evaluated straight into the place where it is wanted
//! ([`mem`]): a map key's buffer, an event's record, a variable's area.

mod agg;
mod cond;
mod context;
mod event;
mod maps;
mod mem;
mod plan;
mod scalar;
mod stmt;

use crate::ir::build::{Builder, Var};
use crate::ir::{BinOp, Cc, Function, MapDef, MapRef, Module, Section, Size, Slot, Value};
use crate::manifest::{self, Action, ProgramInfo, ProgramKind, Target as AttachTarget, bss};
use lang::hir::{self, VarId};
use lang::types::Type;
use mem::Place;
use plan::Plan;
use std::collections::HashMap;

/// What lowering makes of a script: the module, and the parts of the manifest that are found on the way.
pub(crate) struct Lowered {
    pub module: Module,
    pub programs: Vec<ProgramInfo>,
    pub actions: Vec<Action>,
    pub maps: Vec<manifest::MapInfo>,
}

/// Lowers a script for a machine with so many CPUs.
pub(crate) fn lower(program: &hir::Program, cpus: u32) -> Lowered {
    let mut shared = Shared { program, cpus, plan: plan::plan(program), module: Module::default(), actions: Vec::new(), scratch: 0 };
    shared.module.license = program.config.settings.license.clone();
    shared.module.maps = shared.plan.maps.clone();
    shared.module.bss_size = shared.plan.bss_size;
    let mut programs = Vec::new();
    for (index, probe) in program.probes.iter().enumerate() {
        let (kind, function) = shared.probe(index, probe);
        programs.push(ProgramInfo {
            symbol: function.name.clone(),
            kind,
            attach: probe.attach.clone(),
            span: probe.span,
            lines: Vec::new(),
        });
        shared.module.functions.push((kind, function));
    }
    shared.finish_system_maps();
    Lowered { module: shared.module, programs, actions: shared.actions, maps: shared.plan.info }
}

/// What all programs share.
struct Shared<'a> {
    program: &'a hir::Program,
    cpus: u32,
    plan: Plan,
    module: Module,
    actions: Vec<Action>,
    /// Bytes of the scratch map's values.
    scratch: u32,
}

/// `BPF_MAP_TYPE_*` (include/uapi/linux/bpf.h).
pub(crate) mod map_type {
    pub const HASH: u32 = 1;
    pub const PERCPU_HASH: u32 = 5;
    pub const PERCPU_ARRAY: u32 = 6;
    pub const STACK_TRACE: u32 = 7;
    pub const RINGBUF: u32 = 27;
}

/// Stacks that are kept; each takes 8 bytes a frame.
const MAX_STACKS: u32 = 16384;
/// Pages of the ring buffer for scripts that print from hot probes, and for those that don't.
const RING_PAGES: (u32, u32) = (1024, 64);
/// The ring buffer is given in bytes; this is the page size of x86-64.
const PAGE: u32 = 4096;

impl Shared<'_> {
    fn probe(&mut self, index: usize, probe: &hir::Probe) -> (ProgramKind, Function) {
        let kind = program_kind(probe);
        let name = symbol(index, probe);
        // Whether scratch memory is needed is known only at the end; its look-up stands at the beginning.
        let mut first = Lower::new(self, index, probe, &name, false);
        first.run();
        if !first.wants_scratch {
            return (kind, first.b.finish());
        }
        let mut second = Lower::new(self, index, probe, &name, true);
        second.run();
        let used = second.scratch_top;
        let function = second.b.finish();
        self.scratch = self.scratch.max(used);
        (kind, function)
    }

    /// The index of a system map, made at its first use.
    fn system_map(&mut self, name: &str, def: impl FnOnce() -> MapDef) -> MapRef {
        let at = self.module.maps.iter().position(|m| m.name == name).unwrap_or_else(|| {
            self.module.maps.push(def());
            self.module.maps.len() - 1
        });
        MapRef(at as u32)
    }

    fn ring(&mut self) -> MapRef {
        let hot = self.program.probes.iter().any(|p| p.attach.iter().any(|a| !fired_by_runtime(&a.target)));
        let pages = match self.program.config.settings.ring_pages {
            0 => {
                if hot {
                    RING_PAGES.0
                } else {
                    RING_PAGES.1
                }
            }
            n => n.next_power_of_two(),
        };
        self.system_map(manifest::RING, || MapDef {
            name: manifest::RING.into(),
            kind: map_type::RINGBUF,
            key_size: 0,
            value_size: 0,
            max_entries: pages * PAGE,
            flags: 0,
        })
    }

    fn stacks(&mut self, limit: u16) -> MapRef {
        let name = manifest::stacks_map(limit);
        self.system_map(&name, || MapDef {
            name: name.clone(),
            kind: map_type::STACK_TRACE,
            key_size: 4,
            value_size: u32::from(limit) * 8,
            max_entries: MAX_STACKS,
            flags: 0,
        })
    }

    fn scratch(&mut self) -> MapRef {
        let entries = self.program.probes.len() as u32;
        self.system_map(manifest::SCRATCH, || MapDef {
            name: manifest::SCRATCH.into(),
            kind: map_type::PERCPU_ARRAY,
            key_size: 4,
            value_size: 8,
            max_entries: entries,
            flags: 0,
        })
    }

    fn finish_system_maps(&mut self) {
        let bytes = self.scratch.max(8);
        if let Some(m) = self.module.maps.iter_mut().find(|m| m.name == manifest::SCRATCH) {
            m.value_size = bytes;
        }
    }

    /// The number of an action, shared by equal ones.
    fn action(&mut self, action: Action) -> i64 {
        let at = self.actions.iter().position(|a| *a == action).unwrap_or_else(|| {
            self.actions.push(action);
            self.actions.len() - 1
        });
        at as i64
    }
}

fn fired_by_runtime(target: &AttachTarget) -> bool {
    matches!(target, AttachTarget::Begin | AttachTarget::End | AttachTarget::Interval { .. })
}

fn program_kind(probe: &hir::Probe) -> ProgramKind {
    match probe.context {
        hir::Context::None | hir::Context::RawTracepoint(_) => ProgramKind::RawTracepoint,
        hir::Context::Tracepoint(_) => ProgramKind::Tracepoint,
        hir::Context::Entry { .. } | hir::Context::Return { .. } => ProgramKind::Kprobe,
        hir::Context::PerfEvent => ProgramKind::PerfEvent,
    }
}

/// A symbol that is unique and tells a person which probe it is; the kernel shows its first 15 bytes.
fn symbol(index: usize, probe: &hir::Probe) -> String {
    let name = probe.attach.first().map_or("probe", |a| a.name.as_str());
    let last = name.rsplit(':').next().unwrap_or(name);
    let clean: String = last.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(40).collect();
    format!("p{index}_{clean}")
}

/// State of one program.
struct Lower<'s, 'a> {
    shared: &'s mut Shared<'a>,
    probe: &'s hir::Probe,
    index: usize,
    b: Builder,
    vars: HashMap<VarId, Home>,
    /// Scratch memory may be used: its base, once looked up.
    has_scratch: bool,
    scratch_base: Option<Value>,
    scratch_top: u32,
    scratch_now: u32,
    wants_scratch: bool,
    /// Slots that are free again, by size.
    free_slots: Vec<(u32, Slot)>,
    /// Slots taken by the current statement.
    taken: Vec<(u32, Slot)>,
    slot_bytes: u32,
    /// Innermost last: where `break` and `continue` go.
    loops: Vec<(crate::ir::Block, crate::ir::Block)>,
}

/// Where a variable lives.
#[derive(Clone, Copy)]
enum Home {
    Register(Var),
    Memory(Place),
}

impl<'s, 'a> Lower<'s, 'a> {
    fn new(shared: &'s mut Shared<'a>, index: usize, probe: &'s hir::Probe, name: &str, has_scratch: bool) -> Self {
        Lower {
            shared,
            probe,
            index,
            b: Builder::new(name),
            vars: HashMap::new(),
            has_scratch,
            scratch_base: None,
            scratch_top: 0,
            scratch_now: 0,
            wants_scratch: false,
            free_slots: Vec::new(),
            taken: Vec::new(),
            slot_bytes: 0,
            loops: Vec::new(),
        }
    }

    fn run(&mut self) {
        let probe = self.probe;
        self.b.set_span(Some(probe.span));
        self.stop_check();
        if self.has_scratch {
            self.find_scratch();
        }
        self.homes();
        if let Some(p) = &probe.predicate {
            let (yes, no) = (self.b.block(), self.b.block());
            self.condition(p, yes, no);
            self.b.seal(no);
            self.b.switch_to(no);
            self.leave();
            self.b.seal(yes);
            self.b.switch_to(yes);
        }
        self.stmts(&probe.body);
        self.leave();
    }

    /// Ends the program.
    fn leave(&mut self) {
        let zero = self.b.iconst(0);
        self.b.ret(zero);
    }

    /// A script that has stopped does nothing any more, but for its `end` probes.
    fn stop_check(&mut self) {
        if self.probe.attach.iter().any(|a| a.target == AttachTarget::End) {
            return;
        }
        let at = self.b.global(Section::Bss, bss::STOP);
        let stop = self.b.load(Size::B8, at, 0);
        let (go, out) = (self.b.block(), self.b.block());
        self.b.branch_nonzero(stop, out, go);
        self.b.seal(out);
        self.b.seal(go);
        self.b.switch_to(out);
        self.leave();
        self.b.switch_to(go);
    }

    fn find_scratch(&mut self) {
        let map = self.shared.scratch();
        let key = self.b.slot(8);
        let key = self.b.slot_addr(key);
        let entry = self.b.iconst(self.index as i64);
        self.b.store(Size::B8, key, 0, entry);
        let map = self.b.map(map);
        let base = self.b.call(crate::ir::Helper::MAP_LOOKUP_ELEM, &[map, key]);
        let (go, out) = (self.b.block(), self.b.block());
        self.b.branch_nonzero(base, go, out);
        self.b.seal(out);
        self.b.seal(go);
        self.b.switch_to(out);
        self.leave();
        self.b.switch_to(go);
        self.scratch_base = Some(base);
    }

    /// Gives each variable a register or memory. Memory that some path may read before it is written is zeroed.
    fn homes(&mut self) {
        let mut sure = Vec::new();
        stmt::surely_assigned(&self.probe.body, &mut sure);
        for (i, ty) in self.probe.vars.iter().enumerate() {
            let var = VarId(i as u32);
            let home = if in_register(ty) {
                Home::Register(self.b.var())
            } else {
                let place = self.permanent(ty.stored_size());
                if !sure.contains(&var) {
                    self.zero(place, ty.stored_size());
                }
                Home::Memory(place)
            };
            self.vars.insert(var, home);
        }
    }

    /// Adds one to a counter of losses in global data.
    fn count_loss(&mut self, offset: u32) {
        let at = self.b.global(Section::Bss, offset);
        let one = self.b.iconst(1);
        self.b.atomic_add(Size::B8, at, 0, one);
    }

    /// Runs `body` if `a cc b`.
    fn when(&mut self, cc: Cc, a: Value, b: Value, body: impl FnOnce(&mut Self)) {
        let (yes, next) = (self.b.block(), self.b.block());
        self.b.branch(cc, a, b, yes, next);
        self.b.seal(yes);
        self.b.switch_to(yes);
        body(self);
        self.b.jump(next);
        self.b.seal(next);
        self.b.switch_to(next);
    }

    /// Runs `body` if `a` is negative.
    fn when_negative(&mut self, a: Value, body: impl FnOnce(&mut Self)) {
        let zero = self.b.iconst(0);
        self.when(Cc::Slt, a, zero, body);
    }

    /// Runs one of two bodies.
    fn either(&mut self, cc: Cc, a: Value, b: Value, yes: impl FnOnce(&mut Self), no: impl FnOnce(&mut Self)) {
        let (y, n, next) = (self.b.block(), self.b.block(), self.b.block());
        self.b.branch(cc, a, b, y, n);
        self.b.seal(y);
        self.b.switch_to(y);
        yes(self);
        self.b.jump(next);
        self.b.seal(n);
        self.b.switch_to(n);
        no(self);
        self.b.jump(next);
        self.b.seal(next);
        self.b.switch_to(next);
    }

    fn bin_imm(&mut self, op: BinOp, a: Value, imm: i64) -> Value {
        self.b.bin_imm(op, a, imm)
    }
}

/// Types whose values are one word.
fn in_register(ty: &Type) -> bool {
    ty.is_scalar() || matches!(ty, Type::KStack { .. } | Type::Ksym | Type::Void)
}
