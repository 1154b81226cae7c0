//! The typed form of a script: names resolved, types inferred, implicit conversions written out.

use crate::action::{Action, MapId};
use crate::ast::BinOp;
use crate::builtins::Op;
use crate::config::Config;
use crate::kernel::Field;
use crate::probes::AttachPoint;
use crate::source::Span;
use crate::types::{Agg, Type};

/// A checked script.
#[derive(Clone, Debug)]
pub struct Program {
    /// What to compile; one entry per program.
    pub probes: Vec<Probe>,
    /// Maps by [`MapId`].
    pub maps: Vec<Map>,
    /// The settings after the script's own.
    pub config: Config,
}

/// A map.
#[derive(Clone, Debug)]
pub struct Map {
    /// With its `@`.
    pub name: String,
    /// Several keys are one tuple.
    pub key: Option<Type>,
    /// Type of the value.
    pub value: Type,
    /// Where it was first seen.
    pub span: Span,
}

/// One program.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Where it attaches; all have the same context.
    pub attach: Vec<AttachPoint>,
    /// What its context pointer points to.
    pub context: Context,
    /// The predicate, of a type that can be tested.
    pub predicate: Option<Expr>,
    /// The action.
    pub body: Vec<Stmt>,
    /// Types of its variables by [`VarId`].
    pub vars: Vec<Type>,
    /// Its attach points' place in the script.
    pub span: Span,
}

/// A program's context.
#[derive(Clone, Debug, PartialEq)]
pub enum Context {
    /// Nothing in it (fired by the runtime).
    None,
    /// A tracepoint's record with these fields.
    Tracepoint(Vec<Field>),
    /// Arguments as 64-bit words, with their types if BTF knows them.
    RawTracepoint(Vec<Field>),
    /// `struct pt_regs` at the entry of a function; `user`: of the current process's code.
    Entry {
        /// A uprobe.
        user: bool,
    },
    /// `struct pt_regs` at the return of a function.
    Return {
        /// A uretprobe.
        user: bool,
    },
    /// `struct bpf_perf_event_data`
    PerfEvent,
}

/// Index into [`Probe::vars`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VarId(pub u32);

/// A statement.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// What it is.
    pub kind: StmtKind,
    /// Its place.
    pub span: Span,
}

/// What a statement is.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// For its effect.
    Expr(Expr),
    /// `$x = value`; the value has the variable's type.
    SetVar {
        /// The variable.
        var: VarId,
        /// Its new value.
        value: Expr,
    },
    /// `@m[k] = value`
    SetMap {
        /// The map.
        map: MapId,
        /// Has the map's key type.
        key: Option<Expr>,
        /// Has the map's value type.
        value: Expr,
    },
    /// `@m[k] = count()` and its kin.
    Aggregate {
        /// The map.
        map: MapId,
        /// Has the map's key type.
        key: Option<Expr>,
        /// What to do.
        agg: Agg,
        /// The number; none for `count()`.
        value: Option<Expr>,
    },
    /// `if`
    If {
        /// Can be tested.
        condition: Expr,
        /// If it holds.
        then: Vec<Stmt>,
        /// If not.
        otherwise: Vec<Stmt>,
    },
    /// `while`
    While {
        /// Can be tested.
        condition: Expr,
        /// The body.
        body: Vec<Stmt>,
    },
    /// The body so many times.
    Unroll {
        /// 1 to 100.
        count: u32,
        /// The body.
        body: Vec<Stmt>,
    },
    /// Sends an event to user space.
    Emit {
        /// What is done there.
        action: Action,
        /// What it is done with: the values of the record, in order.
        values: Vec<Expr>,
    },
    /// `exit(code)`: sends the event, stops the script, leaves the program.
    Exit {
        /// An integer.
        code: Expr,
    },
    /// `delete(@m, k)` whose result nobody asks for.
    Delete {
        /// The map.
        map: MapId,
        /// Has the map's key type.
        key: Option<Expr>,
    },
    /// Leaves the program.
    Return,
    /// Leaves the innermost loop.
    Break,
    /// Starts the innermost loop's next turn.
    Continue,
}

/// An expression with its type.
#[derive(Clone, Debug)]
pub struct Expr {
    /// Type of its value.
    pub ty: Type,
    /// What it is.
    pub kind: ExprKind,
    /// Its place.
    pub span: Span,
}

/// What an expression is.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// An integer, a boolean (0 or 1), or a constant pointer.
    Int(i64),
    /// Text without its NUL; the type is `Str(len + 1)` or larger.
    Str(Vec<u8>),
    /// A variable.
    Var(VarId),
    /// A map's value; zero, or an empty string, if the key is not there.
    MapGet {
        /// The map, not of an aggregation.
        map: MapId,
        /// Has the map's key type.
        key: Option<Box<Expr>>,
    },
    /// The value of an aggregation over all CPUs, as an integer.
    AggGet {
        /// The map.
        map: MapId,
        /// Has the map's key type.
        key: Option<Box<Expr>>,
        /// Its aggregation.
        agg: Agg,
    },
    /// Whether the map holds the key.
    HasKey {
        /// The map.
        map: MapId,
        /// Has the map's key type.
        key: Option<Box<Expr>>,
    },
    /// Deletes; true if it was there.
    Delete {
        /// The map.
        map: MapId,
        /// Has the map's key type.
        key: Option<Box<Expr>>,
    },
    /// A builtin that needs no arguments (`Op::Pid` ... `Op::Comm`, `Op::Kstack`, `Op::Func`, ...).
    Builtin(Op),
    /// `argN`
    Arg(u32),
    /// A scalar field of the context at an offset; the type says how wide.
    CtxLoad(u32),
    /// The address of a context field.
    CtxAddr(u32),
    /// Bytes of the context as a string or an array of that type.
    CtxBytes(u32),
    /// The address of a `__data_loc` field's data; `relative` to the end of the field itself.
    DataLoc {
        /// Offset of the 32-bit word.
        offset: u32,
        /// `__rel_loc`
        relative: bool,
    },
    /// Reads a scalar of the expression's type through a pointer. `bits`: a bit-field `(first, count)`.
    Read {
        /// The address.
        ptr: Box<Expr>,
        /// The bit-field.
        bits: Option<(u8, u8)>,
    },
    /// Reads a string through a pointer; at most the bytes of the type, and `limit` if given.
    ReadStr {
        /// The address.
        ptr: Box<Expr>,
        /// An integer.
        limit: Option<Box<Expr>>,
    },
    /// Reads bytes of the type's size through a pointer.
    ReadBytes {
        /// The address.
        ptr: Box<Expr>,
    },
    /// Word `index` of a value in memory, as a scalar of the expression's type (an element of an array in memory).
    Element {
        /// An array.
        base: Box<Expr>,
        /// Which.
        index: u32,
    },
    /// A member of a tuple.
    Member {
        /// A tuple.
        base: Box<Expr>,
        /// Which.
        index: u32,
    },
    /// `-x`
    Neg(Box<Expr>),
    /// `~x`
    BitNot(Box<Expr>),
    /// `!x`, of anything that can be tested.
    Not(Box<Expr>),
    /// Arithmetic and comparison of scalars. `signed` selects division, shift and order.
    Binary {
        /// Not `And`, not `Or`.
        op: BinOp,
        /// Left.
        a: Box<Expr>,
        /// Right.
        b: Box<Expr>,
        /// Two's complement order.
        signed: bool,
    },
    /// Equality of strings, arrays or tuples in memory.
    Same {
        /// `!=`
        negate: bool,
        /// Left.
        a: Box<Expr>,
        /// Right.
        b: Box<Expr>,
    },
    /// `a && b`
    And(Box<Expr>, Box<Expr>),
    /// `a || b`
    Or(Box<Expr>, Box<Expr>),
    /// `c ? a : b`; both have the expression's type.
    Ternary(Box<Expr>, Box<Expr>, Box<Expr>),
    /// A scalar made to fit the expression's type.
    Cast(Box<Expr>),
    /// `$x++` and its kin.
    IncVar {
        /// The variable.
        var: VarId,
        /// What is added.
        by: i64,
        /// The value after, not before.
        after: bool,
    },
    /// `@m[k]++` and its kin.
    IncMap {
        /// The map.
        map: MapId,
        /// Has the map's key type.
        key: Option<Box<Expr>>,
        /// What is added.
        by: i64,
        /// The value after, not before.
        after: bool,
    },
    /// Members in order.
    Tuple(Vec<Expr>),
    /// An address and the current process id, to be printed as a symbol.
    Usym(Box<Expr>),
    /// Nothing sensible; only in programs with errors.
    Error,
}

impl Expr {
    /// An integer constant.
    pub fn int(value: i64, ty: Type, span: Span) -> Expr {
        Expr { ty, kind: ExprKind::Int(value), span }
    }

    /// The value, if it is a constant integer.
    pub fn constant(&self) -> Option<i64> {
        match &self.kind {
            ExprKind::Int(n) => Some(*n),
            _ => None,
        }
    }
}
