//! The typed form of a script: names resolved, types inferred, implicit conversions written out.

mod walk;

use crate::action::{Action, MapId};
use crate::ast::BinOp;
use crate::builtins::Op;
use crate::config::{Config, ScriptOption};
use crate::kernel::{Field, Layout, UsdtArg};
use crate::probes::AttachPoint;
use crate::source::Span;
use crate::types::{Agg, Type};
use std::collections::BTreeMap;

/// A checked script.
#[derive(Clone, Debug)]
pub struct Program {
    /// What to compile; one entry per program.
    pub probes: Vec<Probe>,
    /// Maps by [`MapId`].
    pub maps: Vec<Map>,
    /// The settings after the script's own.
    pub config: Config,
    /// Functions of the script.
    pub functions: Vec<Function>,
    /// Layouts of the structures that may be printed.
    pub records: BTreeMap<String, Layout>,
    /// Enumerators of the enumerations that may be printed.
    pub enums: BTreeMap<String, Vec<(String, i64)>>,
    /// Named parameters that the script asks for.
    pub options: Vec<ScriptOption>,
}

/// A function of the script.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Its parameters are the first variables.
    pub params: u32,
    /// What it returns: a scalar, or `Void`.
    pub returns: Type,
    /// Types of its variables.
    pub vars: Vec<Type>,
    /// The body.
    pub body: Vec<Stmt>,
    /// Place of its name.
    pub span: Span,
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
    /// What `let @m = kind(n)` says.
    pub declared: Option<(MapKind, u32)>,
}

/// The kinds of maps that a script may declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapKind {
    /// `hash`
    Hash,
    /// `lruhash`
    LruHash,
    /// `percpuhash`
    PerCpuHash,
    /// `percpulruhash`
    PerCpuLruHash,
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
    /// Host metrics that it reads, by their names.
    pub metrics: Vec<String>,
    /// Its attach points' place in the script.
    pub span: Span,
}

/// Most rounds of a loop over a range: `BPF_MAX_LOOPS` (include/linux/bpf.h).
pub const MAX_ROUNDS: i64 = 8 << 20;

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
        /// Its arguments, if they are used and debug information describes them.
        args: Vec<Field>,
    },
    /// `struct pt_regs` at the return of a function.
    Return {
        /// A uretprobe.
        user: bool,
    },
    /// `struct bpf_perf_event_data`
    PerfEvent,
    /// `struct pt_regs` at a USDT probe, with the places of its arguments.
    Usdt(Vec<UsdtArg>),
    /// The context of an iterator, a structure of this name.
    Iter(String),
    /// Arguments of a kernel function as 64-bit words; behind them what it returned.
    Function {
        /// The arguments.
        args: Vec<Field>,
        /// At its return: the type.
        returns: Option<Type>,
    },
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
    /// Leaves the program (or the function) with a value, 0 without one.
    Return(Option<Expr>),
    /// Statements in a row.
    Block(Vec<Stmt>),
    /// `for ($i : start..end)`
    ForRange {
        /// The variable, set before each turn.
        var: VarId,
        /// First value.
        start: Expr,
        /// One past the last.
        end: Expr,
        /// The body.
        body: Vec<Stmt>,
    },
    /// `for ($kv : @map)`: the variable is the tuple (key, value).
    ForMap {
        /// The map, which has keys.
        map: MapId,
        /// The variable, set before each turn.
        var: VarId,
        /// The body.
        body: Vec<Stmt>,
    },
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
    /// Statements, then a value.
    Block(Vec<Stmt>, Box<Expr>),
    /// A function of the language whose work is done in the kernel, by its row.
    Call {
        /// Which.
        op: Op,
        /// Its arguments, as its lowering wants them.
        args: Vec<Expr>,
    },
    /// A call of a function of the script.
    CallFn {
        /// Index into [`Program::functions`].
        function: u32,
        /// Scalars.
        args: Vec<Expr>,
    },
    /// Part of a value that lies in memory as in C: `offset` bytes from its start. `bits`: a bit-field `(first, count)`.
    Part {
        /// A structure or an array.
        base: Box<Expr>,
        /// Bytes.
        offset: u32,
        /// The bit-field.
        bits: Option<(u8, u8)>,
    },
    /// An element of an array in memory by an index that is computed; 0 outside the array.
    ElementAt {
        /// An array.
        base: Box<Expr>,
        /// An integer.
        index: Box<Expr>,
    },
    /// The address of an element of an array that is somewhere else, by a computed index; 0 outside the array, which is told.
    ElementPtr {
        /// The address of the array.
        array: Box<Expr>,
        /// An integer.
        index: Box<Expr>,
        /// Elements.
        len: u32,
        /// Bytes of one.
        size: u32,
    },
    /// The bytes of an integer as an array.
    ToBytes(Box<Expr>),
    /// An integer from the bytes of an array.
    FromBytes(Box<Expr>),
    /// The same bytes under another type of the same layout.
    Relabel(Box<Expr>),
    /// The address of a variable, which therefore lives in memory.
    AddrVar(VarId),
    /// The address of a map.
    AddrMap(MapId),
    /// Whether the map holds the key; if so the variable takes the value.
    Find {
        /// The map.
        map: MapId,
        /// Has the map's key type.
        key: Box<Expr>,
        /// Has the map's value type.
        var: VarId,
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
