//! HIR to IR.
//!
//! A scalar is an SSA value, kept extended to 64 bits by its type. Everything else (strings, tuples, arrays, stacks)
//! lives in memory in its stored layout and is evaluated straight into the place where it is wanted
//! ([`mem`]): a map key's buffer, an event's record, a variable's area.

mod agg;
mod bytes;
mod calls;
mod cond;
mod context;
mod event;
mod loop_plan;
mod loops;
mod maps;
mod mem;
mod plan;
mod raw;
mod scalar;
mod shared;
mod stmt;
mod strings;
mod syscall;
mod tables;

use crate::compile::{Target, Task};
use crate::ir::build::{Builder, Var};
use crate::ir::{BinOp, Cc, Function, MapDef, MapRef, Module, Section, Size, Slot, Value};
use crate::manifest::{self, Action, ProgramInfo, ProgramKind, Target as AttachTarget, bss};
use lang::hir::{self, VarId};
use lang::types::Type;
use mem::Place;
use plan::Plan;
pub use raw::reads_task;
use std::collections::HashMap;

/// What lowering makes of a script: the module, and the parts of the manifest that are found on the way.
pub(crate) struct Lowered {
    pub module: Module,
    pub programs: Vec<ProgramInfo>,
    pub actions: Vec<Action>,
    pub maps: Vec<manifest::MapInfo>,
    pub strings: Vec<String>,
}

/// Lowers a script for a machine.
pub(crate) fn lower(program: &hir::Program, target: &Target) -> Lowered {
    let mut shared = Shared {
        program,
        cpus: target.cpus,
        kernel: target.kernel,
        task: target.task,
        plan: plan::plan(program),
        module: Module::default(),
        actions: Vec::new(),
        scratch: 0,
        strings: Vec::new(),
        tables: Vec::new(),
        calls: None,
        zeros: None,
    };
    shared.module.license = program.config.settings.license.clone();
    shared.module.maps = shared.plan.maps.clone();
    shared.module.bss_size = shared.plan.bss_size;
    // Functions of the script come first: their numbers are those of the HIR.
    shared.module.subs = vec![Function::default(); program.functions.len()];
    for index in 0..program.functions.len() {
        let function = shared.function(index);
        shared.module.subs[index] = function;
    }
    let mut programs = Vec::new();
    for (index, probe) in program.probes.iter().enumerate() {
        let raw = raw::Raw::of(probe, shared.kernel, shared.task);
        let mut attach = probe.attach.clone();
        if let Some(raw) = &raw {
            attach.iter_mut().for_each(|a| a.target = raw.target());
        }
        let (kind, function) = shared.probe(index, probe, raw);
        programs.push(ProgramInfo {
            symbol: function.name.clone(),
            kind,
            attach,
            span: probe.span,
            lines: Vec::new(),
            functions: Vec::new(),
            metrics: probe.metrics.clone(),
        });
        shared.module.functions.push((kind, function));
    }
    shared.finish_system_maps();
    Lowered { module: shared.module, programs, actions: shared.actions, maps: shared.plan.info, strings: shared.strings }
}

/// What all programs share.
struct Shared<'a> {
    program: &'a hir::Program,
    cpus: u32,
    /// Major and minor version of the kernel that the code is for.
    kernel: (u32, u32),
    /// The layout of its tasks.
    task: Option<Task>,
    plan: Plan,
    module: Module,
    actions: Vec<Action>,
    /// Bytes of the scratch map's values.
    scratch: u32,
    /// Texts that values refer to by number.
    strings: Vec<String>,
    /// Tables of names in `.rodata` and where they begin.
    tables: Vec<(tables::Table, u32)>,
    /// Where in `.rodata` it says what memory each system call is about.
    calls: Option<u32>,
    /// Where zeros are in `.rodata`, and how many.
    zeros: Option<(u32, u32)>,
}

/// `BPF_MAP_TYPE_*` (include/uapi/linux/bpf.h).
pub(crate) mod map_type {
    pub const HASH: u32 = 1;
    pub const PERF_EVENT_ARRAY: u32 = 4;
    pub const PERCPU_HASH: u32 = 5;
    pub const PERCPU_ARRAY: u32 = 6;
    pub const STACK_TRACE: u32 = 7;
    pub const LRU_HASH: u32 = 9;
    pub const LRU_PERCPU_HASH: u32 = 10;
    pub const RINGBUF: u32 = 27;
}

/// Stacks that are kept; each takes 8 bytes a frame.
const MAX_STACKS: u32 = 16384;
/// Bytes of a `struct bpf_stack_build_id`, and `BPF_F_STACK_BUILD_ID` (include/uapi/linux/bpf.h).
const BUILD_ID_BYTES: u32 = 32;
const STACK_BUILD_ID: u32 = 1 << 5;
/// Pages of the ring buffer for scripts that print from hot probes, and for those that don't.
const RING_PAGES: (u32, u32) = (1024, 64);
/// The ring buffer is given in bytes; this is the page size of x86-64.
const PAGE: u32 = 4096;

impl Shared<'_> {
    fn probe(&mut self, index: usize, probe: &hir::Probe, raw: Option<raw::Raw>) -> (ProgramKind, Function) {
        let kind = raw.as_ref().map_or_else(|| program_kind(probe), raw::Raw::kind);
        let name = symbol(index, probe);
        // Whether scratch memory is needed is known only at the end; its look-up stands at the beginning.
        let subs = self.module.subs.len();
        let code = Code { context: probe.context.clone(), raw, attach: &probe.attach, vars: &probe.vars, span: probe.span };
        let mut first = Lower::new(self, index, code.clone(), Builder::new(&name), false);
        first.run(probe.predicate.as_ref(), &probe.body);
        let kind = match kind {
            ProgramKind::RawTracepoint if first.wants_types => ProgramKind::TypedTracepoint,
            other => other,
        };
        if !first.wants_scratch {
            return (kind, first.b.finish());
        }
        self.module.subs.truncate(subs);
        let mut second = Lower::new(self, index, code, Builder::new(&name), true);
        second.run(probe.predicate.as_ref(), &probe.body);
        let used = second.scratch_top;
        let function = second.b.finish();
        self.scratch = self.scratch.max(used);
        (kind, function)
    }

    /// A function of the script.
    fn function(&mut self, index: usize) -> Function {
        let function: &hir::Function = &self.program.functions[index];
        let name = format!("fn_{}", function.name);
        let entry = self.program.probes.len() + index;
        let code = Code { context: hir::Context::None, raw: None, attach: &[], vars: &function.vars, span: function.span };
        let subs = self.module.subs.len();
        let builder = || Builder::with_params(&name, function.params);
        let mut first = Lower::new(self, entry, code.clone(), builder(), false);
        first.run_function(function);
        if !first.wants_scratch {
            return first.b.finish();
        }
        self.module.subs.truncate(subs);
        let mut second = Lower::new(self, entry, code, builder(), true);
        second.run_function(function);
        let used = second.scratch_top;
        let out = second.b.finish();
        self.scratch = self.scratch.max(used);
        out
    }
}

fn fired_by_runtime(target: &AttachTarget) -> bool {
    matches!(
        target,
        AttachTarget::Begin
            | AttachTarget::End
            | AttachTarget::Interval { .. }
            | AttachTarget::Signal { .. }
            | AttachTarget::Test { .. }
            | AttachTarget::Bench { .. }
    )
}

fn program_kind(probe: &hir::Probe) -> ProgramKind {
    match probe.context {
        hir::Context::None | hir::Context::RawTracepoint(_) => ProgramKind::RawTracepoint,
        hir::Context::Tracepoint(_) => ProgramKind::Tracepoint,
        hir::Context::Entry { .. } | hir::Context::Return { .. } => ProgramKind::Kprobe,
        hir::Context::PerfEvent => ProgramKind::PerfEvent,
        hir::Context::Usdt(_) => ProgramKind::Kprobe,
        hir::Context::Iter(_) => ProgramKind::Iter,
        hir::Context::Function { returns: None, .. } => ProgramKind::Fentry,
        hir::Context::Function { .. } => ProgramKind::Fexit,
    }
}

/// A symbol that is unique and tells a person which probe it is; the kernel shows its first 15 bytes.
fn symbol(index: usize, probe: &hir::Probe) -> String {
    let name = probe.attach.first().map_or("probe", |a| a.name.as_str());
    let last = name.rsplit(':').next().unwrap_or(name);
    let clean: String = last.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(40).collect();
    format!("p{index}_{clean}")
}

/// What is lowered: an action, or a function of the script.
#[derive(Clone)]
struct Code<'s> {
    context: hir::Context,
    /// Its fields are those of a raw tracepoint's arguments.
    raw: Option<raw::Raw>,
    attach: &'s [manifest::AttachPoint],
    vars: &'s [Type],
    span: lang::source::Span,
}

/// State of one program.
struct Lower<'s, 'a> {
    shared: &'s mut Shared<'a>,
    code: Code<'s>,
    index: usize,
    b: Builder,
    vars: HashMap<VarId, Home>,
    /// Scratch memory may be used: its base, once looked up.
    has_scratch: bool,
    scratch_base: Option<Value>,
    scratch_top: u32,
    scratch_now: u32,
    wants_scratch: bool,
    /// Whether the verifier must know the types of a raw tracepoint's arguments.
    wants_types: bool,
    /// Slots that are free again, by size.
    free_slots: Vec<(u32, Slot)>,
    /// Slots taken by the current statement.
    taken: Vec<(u32, Slot)>,
    slot_bytes: u32,
    /// Stack bytes that temporaries of one function may take.
    slot_budget: u32,
    /// Innermost last: where `break` and `continue` go.
    loops: Vec<Exits>,
    /// What the bodies of loops share with the program around them, see [`loops`].
    area: Option<Area>,
    /// Loop bodies around the code that is being lowered, as functions of their own.
    depth: u32,
    /// Number of the next loop body's symbol.
    bodies: u32,
    /// What is known of each loop body.
    loop_bodies: Vec<loop_plan::Body>,
    /// Bodies of `unroll` that are called instead of written out.
    rolled: Vec<*const hir::Stmt>,
    /// Variables whose address is taken.
    addressed: Vec<bool>,
}

/// Where `break` and `continue` go.
#[derive(Clone, Copy)]
enum Exits {
    /// To the block after the loop, and to that of its next turn.
    Blocks(crate::ir::Block, crate::ir::Block),
    /// Out of the function that is the loop's body: with 1, and with 0.
    Body,
}

/// Memory on the stack of the program that loop bodies reach too.
#[derive(Clone, Copy)]
enum Area {
    /// In the program itself.
    Slot(Slot),
    /// In a body: its address is a parameter.
    Pointer(Value),
}

/// Where a variable lives.
#[derive(Clone, Copy)]
enum Home {
    Register(Var),
    Memory(Place),
}

impl<'s, 'a> Lower<'s, 'a> {
    fn new(shared: &'s mut Shared<'a>, index: usize, code: Code<'s>, b: Builder, has_scratch: bool) -> Self {
        Lower {
            shared,
            code,
            index,
            b,
            vars: HashMap::new(),
            has_scratch,
            scratch_base: None,
            scratch_top: 0,
            scratch_now: 0,
            wants_scratch: false,
            wants_types: false,
            free_slots: Vec::new(),
            taken: Vec::new(),
            slot_bytes: 0,
            slot_budget: mem::SLOT_BUDGET,
            loops: Vec::new(),
            area: None,
            depth: 0,
            bodies: 0,
            loop_bodies: Vec::new(),
            rolled: Vec::new(),
            addressed: Vec::new(),
        }
    }

    fn run(&mut self, predicate: Option<&'s hir::Expr>, body: &'s [hir::Stmt]) {
        self.b.set_span(Some(self.code.span));
        self.stop_check();
        if self.has_scratch {
            self.find_scratch();
        }
        self.homes(predicate, body);
        if let Some(p) = predicate {
            let (yes, no) = (self.b.block(), self.b.block());
            self.condition(p, yes, no);
            self.b.seal(no);
            self.b.switch_to(no);
            self.leave();
            self.b.seal(yes);
            self.b.switch_to(yes);
        }
        self.stmts(body);
        self.leave();
    }

    fn run_function(&mut self, function: &'s hir::Function) {
        self.b.set_span(Some(self.code.span));
        if self.has_scratch {
            self.find_scratch();
        }
        self.homes(None, &function.body);
        for i in 0..function.params {
            let value = self.b.param(i as usize);
            self.set_var(VarId(i), value);
        }
        self.stmts(&function.body);
        self.leave();
    }

    /// Ends the program, or the function.
    fn leave(&mut self) {
        let zero = self.b.iconst(0);
        self.leave_with(zero);
    }

    /// The context pointer.
    fn ctx(&mut self) -> Value {
        match self.area {
            Some(Area::Pointer(area)) => self.b.load(Size::B8, area, loops::CTX),
            _ => self.b.ctx(),
        }
    }

    /// A script that has stopped does nothing any more, but for its `end` probes, and an iterator goes to its own end: scripts
    /// say `exit()` in one to be done after it, not after its first object.
    fn stop_check(&mut self) {
        if self.code.attach.iter().any(|a| matches!(a.target, AttachTarget::End | AttachTarget::Iter { .. })) {
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
        self.slot_bytes += 8;
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
    fn homes(&mut self, predicate: Option<&hir::Expr>, body: &[hir::Stmt]) {
        let mut sure = Vec::new();
        stmt::surely_assigned(body, &mut sure);
        let plan = loop_plan::plan(predicate, body, self.code.vars, self.shared.kernel);
        self.slot_budget = mem::SLOT_BUDGET / (plan.depth + 1);
        self.area_for(&plan);
        let vars = self.code.vars;
        for (i, ty) in vars.iter().enumerate() {
            let var = VarId(i as u32);
            let home = match plan.homes[i] {
                // Made by the body itself.
                loop_plan::Where::Body => continue,
                loop_plan::Where::Own if in_register(ty) && !plan.addressed[i] => Home::Register(self.b.var()),
                loop_plan::Where::Own => {
                    let place = self.permanent(ty.stored_size());
                    if !sure.contains(&var) {
                        self.zero(place, ty.stored_size());
                    }
                    Home::Memory(place)
                }
                loop_plan::Where::Shared(offset) => {
                    let place = match offset {
                        Some(offset) => Place { base: mem::Base::Area, offset: offset as i32 },
                        None => self.permanent_in_scratch(ty.stored_size()),
                    };
                    self.zero(place, ty.stored_size());
                    Home::Memory(place)
                }
            };
            self.vars.insert(var, home);
        }
        self.loop_bodies = plan.bodies;
        self.rolled = plan.rolled;
        self.addressed = plan.addressed;
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
    ty.is_scalar() || matches!(ty, Type::KStack { .. } | Type::Ksym | Type::Username | Type::Void)
}
