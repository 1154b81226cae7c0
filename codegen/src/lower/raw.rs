//! Tracepoints that are attached as raw ones, where what the script reads of them is among the raw arguments.
//!
//! Perf's way to a tracepoint's program copies the record first; the raw way hands over the arguments as they are, for half of the cost
//! or less. A kernel stack taken there begins with other functions, so a program that takes one is left alone.

use crate::compile::Task;
use crate::manifest::{ProgramKind, Target};
use lang::builtins::Op;
use lang::hir::{Context, Expr, ExprKind, Probe, Stmt, StmtKind};
use lang::types::{StackMode, Type};

/// Where a field is among the raw arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Argument `n` itself.
    Word(u32),
    /// A word of memory behind the pointer that argument `n` is.
    Behind(u32, i64),
    /// A member of the `task_struct` that argument `n` points to.
    Pid(u32),
    /// See `Pid`.
    Prio(u32),
    /// See `Pid`.
    Comm(u32),
}

/// A tracepoint: its raw arguments are those of `TP_PROTO` in include/trace/events/CATEGORY.h, its fields those of `TP_fast_assign`.
struct Row {
    category: &'static str,
    events: &'static [&'static str],
    fields: &'static [(&'static str, Source)],
}

/// Offset of `orig_ax` in x86-64's `struct pt_regs` (arch/x86/include/asm/ptrace.h), which is what `syscall_get_nr` reads.
const ORIG_AX: i64 = 120;

const ROWS: &[Row] = &[
    Row { category: "raw_syscalls", events: &["sys_enter"], fields: &[("id", Source::Word(1))] },
    Row { category: "raw_syscalls", events: &["sys_exit"], fields: &[("ret", Source::Word(1)), ("id", Source::Behind(0, ORIG_AX))] },
    Row { category: "irq", events: &["softirq_entry", "softirq_exit", "softirq_raise"], fields: &[("vec", Source::Word(0))] },
    Row { category: "irq", events: &["irq_handler_exit"], fields: &[("irq", Source::Word(0)), ("ret", Source::Word(2))] },
    // The state of the task that leaves is worked out of several things; whoever wants it gets the record.
    Row {
        category: "sched",
        events: &["sched_switch"],
        fields: &[
            ("prev_comm", Source::Comm(1)),
            ("prev_pid", Source::Pid(1)),
            ("prev_prio", Source::Prio(1)),
            ("next_comm", Source::Comm(2)),
            ("next_pid", Source::Pid(2)),
            ("next_prio", Source::Prio(2)),
        ],
    },
    Row {
        category: "sched",
        events: &["sched_wakeup", "sched_wakeup_new", "sched_waking"],
        fields: &[("comm", Source::Comm(0)), ("pid", Source::Pid(0)), ("prio", Source::Prio(0))],
    },
];

/// How a tracepoint's program becomes a raw one.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    event: String,
    /// By the field's offset in the record.
    fields: Vec<(u32, Source)>,
    /// The verifier must know what the arguments point to.
    typed: bool,
}

/// Since when [`Source::Pid`] and its kin are there: links to raw tracepoints with types, and `sched_switch` with the arguments above.
const TYPED_SINCE: (u32, u32) = (6, 1);

impl Raw {
    /// Of a program that can be one.
    pub fn of(probe: &Probe, kernel: (u32, u32), task: Option<Task>) -> Option<Raw> {
        let ([point], Context::Tracepoint(fields)) = (probe.attach.as_slice(), &probe.context) else { return None };
        let Target::Tracepoint { category, event } = &point.target else { return None };
        let row = ROWS.iter().find(|r| r.category == category && r.events.contains(&event.as_str()))?;
        let mut reads = Reads::default();
        probe.predicate.iter().for_each(|p| reads.expr(p));
        reads.stmts(&probe.body);
        let source = |offset: &u32| {
            let field = fields.iter().find(|f| f.offset == *offset)?;
            Some((*offset, row.fields.iter().find(|(name, _)| *name == field.name)?.1))
        };
        let words: Option<Vec<_>> = reads.words.iter().map(source).collect();
        let texts: Option<Vec<_>> = reads.texts.iter().map(source).collect();
        let (words, texts) = (words?, texts?);
        let is_text = |s: &(u32, Source)| matches!(s.1, Source::Comm(_));
        if reads.record || words.iter().any(is_text) || !texts.iter().all(is_text) {
            return None;
        }
        let fields: Vec<_> = words.into_iter().chain(texts).collect();
        let typed = fields.iter().any(|f| !matches!(f.1, Source::Word(_) | Source::Behind(..)));
        let possible = !typed || task.is_some() && kernel >= TYPED_SINCE;
        possible.then(|| Raw { event: event.clone(), fields, typed })
    }

    pub fn kind(&self) -> ProgramKind {
        if self.typed { ProgramKind::TypedTracepoint } else { ProgramKind::RawTracepoint }
    }

    pub fn target(&self) -> Target {
        Target::RawTracepoint { event: self.event.clone() }
    }

    /// Where the field at an offset of the record is.
    pub fn source(&self, offset: u32) -> Option<Source> {
        self.fields.iter().find(|f| f.0 == offset).map(|f| f.1)
    }
}

/// What is read of tasks or could be, so that the layout of `task_struct` is worth reading.
pub fn reads_task(program: &lang::hir::Program) -> bool {
    let mut reads = Reads::default();
    for probe in &program.probes {
        probe.predicate.iter().for_each(|p| reads.expr(p));
        reads.stmts(&probe.body);
        let of_tasks = |t: &Target| matches!(t, Target::Tracepoint { category, .. } if category == "sched");
        if probe.attach.iter().any(|a| of_tasks(&a.target)) && !(reads.words.is_empty() && reads.texts.is_empty()) {
            return true;
        }
    }
    program.functions.iter().for_each(|f| reads.stmts(&f.body));
    reads.comm
}

/// What an action reads of its context.
#[derive(Default)]
struct Reads {
    words: Vec<u32>,
    texts: Vec<u32>,
    /// Something that only the record has, or the context itself.
    record: bool,
    /// The current task's name.
    comm: bool,
}

impl Reads {
    fn expr(&mut self, e: &Expr) {
        e.walk(&mut |e| match &e.kind {
            ExprKind::CtxLoad(offset) => self.words.push(*offset),
            ExprKind::CtxBytes(offset) => self.texts.push(*offset),
            ExprKind::CtxAddr(_) | ExprKind::DataLoc { .. } | ExprKind::Arg(_) => self.record = true,
            ExprKind::Builtin(Op::Comm) => self.comm = true,
            ExprKind::Builtin(Op::Ctx | Op::Kstack | Op::Func | Op::Retval | Op::Usermode) => self.record = true,
            ExprKind::Call { op, args } => {
                let of_context = |a: &Expr| matches!(a.kind, ExprKind::CtxBytes(_));
                let stack = |a: &Expr| matches!(&a.ty, Type::KStack { .. } | Type::UStack { mode: StackMode::BuildId, .. });
                self.record |= args.iter().any(|a| of_context(a) || stack(a)) || matches!(op, Op::Reg | Op::Sarg | Op::Override);
            }
            ExprKind::Block(stmts, _) => self.stmts(stmts),
            _ => {}
        });
    }

    fn stmts(&mut self, list: &[Stmt]) {
        for s in list {
            match &s.kind {
                StmtKind::Expr(e) | StmtKind::SetVar { value: e, .. } | StmtKind::Exit { code: e } | StmtKind::Return(Some(e)) => {
                    self.expr(e)
                }
                StmtKind::SetMap { key, value, .. } => key.iter().chain([value]).for_each(|e| self.expr(e)),
                StmtKind::Aggregate { key, value, .. } => key.iter().chain(value).for_each(|e| self.expr(e)),
                StmtKind::If { condition, then, otherwise } => {
                    self.expr(condition);
                    self.stmts(then);
                    self.stmts(otherwise);
                }
                StmtKind::While { condition, body } => {
                    self.expr(condition);
                    self.stmts(body);
                }
                StmtKind::Unroll { body, .. } | StmtKind::Block(body) | StmtKind::ForMap { body, .. } => self.stmts(body),
                StmtKind::Emit { values, .. } => values.iter().for_each(|e| self.expr(e)),
                StmtKind::Delete { key, .. } => key.iter().for_each(|e| self.expr(e)),
                StmtKind::ForRange { start, end, body, .. } => {
                    self.expr(start);
                    self.expr(end);
                    self.stmts(body);
                }
                StmtKind::Return(None) | StmtKind::Break | StmtKind::Continue => {}
            }
        }
    }
}
