//! The syntax tree. Nothing is resolved here: names are text, types are as written.

use crate::source::Span;

/// Number of an expression; side tables of the checker are keyed by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// A whole script.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// Everything at the top level, in order.
    pub items: Vec<Item>,
    /// One past the highest [`NodeId`].
    pub nodes: u32,
}

/// Something at the top level.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// `config = { key = value; ... }`
    Config(Vec<ConfigEntry>),
    /// `import "path"`
    Import {
        /// As written.
        path: String,
        /// Its place.
        span: Span,
    },
    /// A preprocessor line or a definition in C, to be read by [`crate::cdef`].
    C {
        /// The text.
        text: String,
        /// Its place.
        span: Span,
    },
    /// `let @m = hash(100);`
    MapDecl(MapDecl),
    /// `macro name(params) { ... }`
    Macro(Macro),
    /// `fn name($a: int64): int64 { ... }`
    Function(Function),
    /// Attach points with their action.
    Probe(Probe),
    /// What could not be parsed; a diagnostic was made for it.
    Error,
}

/// `let @m = hash(100);`
#[derive(Clone, Debug, PartialEq)]
pub struct MapDecl {
    /// With its `@`.
    pub name: String,
    /// `hash`, `lruhash`, ...
    pub kind: String,
    /// Entries.
    pub size: u64,
    /// Its place.
    pub span: Span,
}

/// `macro name($var, @map, expression) { ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Macro {
    /// Its name.
    pub name: String,
    /// Place of the name.
    pub name_span: Span,
    /// What it takes.
    pub params: Vec<MacroParam>,
    /// What it stands for.
    pub body: Block,
    /// It comes with beetrace; a script may define its own.
    pub prelude: bool,
}

/// A parameter of a macro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MacroParam {
    /// What it takes.
    pub kind: MacroParamKind,
    /// Name, with `@` for maps, without `$` for variables.
    pub name: String,
    /// Its place.
    pub span: Span,
}

/// What a parameter of a macro takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacroParamKind {
    /// `$x`: a variable, which the macro may change.
    Var,
    /// `@m`: a map.
    Map,
    /// `x`: an expression or a type, put in at each use.
    Expr,
}

/// A function of the script.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Place of the name.
    pub name_span: Span,
    /// Parameters, without `$`.
    pub params: Vec<(String, TypeName)>,
    /// What it returns.
    pub returns: TypeName,
    /// The body.
    pub body: Block,
}

/// `key = value`
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigEntry {
    /// The key as written.
    pub key: String,
    /// The value as text (strings without their quotes).
    pub value: String,
    /// Place of the key.
    pub span: Span,
}

/// `attach points /predicate/ { ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// At least one.
    pub attach: Vec<AttachPoint>,
    /// The predicate.
    pub predicate: Option<Expr>,
    /// The action block.
    pub body: Block,
    /// From the first attach point to the closing brace.
    pub span: Span,
}

/// An attach point as it stands in the script, quotes included.
#[derive(Clone, Debug, PartialEq)]
pub struct AttachPoint {
    /// Its text.
    pub text: String,
    /// Its place.
    pub span: Span,
}

/// `{ ... }`, with a value if the last thing in it is an expression without a semicolon.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The statements.
    pub stmts: Vec<Stmt>,
    /// The expression at the end without a semicolon. Where the block is a statement it is one more of them.
    pub value: Option<Box<Expr>>,
    /// Braces included.
    pub span: Span,
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Stmt {
    /// What it is.
    pub kind: StmtKind,
    /// Its place.
    pub span: Span,
}

/// What a statement is.
#[derive(Clone, Debug, PartialEq)]
pub enum StmtKind {
    /// An expression for its effect.
    Expr(Expr),
    /// `target = value`, or `target op= value`.
    Assign {
        /// A variable or a map.
        target: Expr,
        /// The operator of a compound assignment.
        op: Option<BinOp>,
        /// The right-hand side.
        value: Expr,
    },
    /// `let $x`, `let $x = value`, `let $x: type = value`.
    Let {
        /// Name without `$`.
        name: String,
        /// The type, if written.
        ty: Option<TypeName>,
        /// The first value.
        value: Option<Expr>,
    },
    /// `while (c) { }`
    While {
        /// The condition.
        condition: Expr,
        /// The body.
        body: Block,
    },
    /// `unroll (n) { }`
    Unroll {
        /// How often.
        count: Expr,
        /// The body.
        body: Block,
    },
    /// `for ($x : source) { }`
    For {
        /// Name without `$`.
        var: String,
        /// Its place.
        var_span: Span,
        /// What is gone through.
        source: ForSource,
        /// The body.
        body: Block,
    },
    /// `return`, with a value in functions.
    Return(Option<Expr>),
    /// `break`
    Break,
    /// `continue`
    Continue,
    /// `_ = value`
    Discard(Expr),
    /// What could not be parsed; a diagnostic was made for it.
    Error,
}

/// What a `for` goes through.
#[derive(Clone, Debug, PartialEq)]
pub enum ForSource {
    /// The entries of a map; an expression that must be one.
    Map(Expr),
    /// `a..b`
    Range(Expr, Expr),
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// Its number.
    pub id: NodeId,
    /// What it is.
    pub kind: ExprKind,
    /// Its place.
    pub span: Span,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// An integer literal; above `i64::MAX` it is an `uint64`.
    Int(u64),
    /// `true`, `false`
    Bool(bool),
    /// A string literal, escapes resolved. Any bytes.
    Str(Vec<u8>),
    /// A builtin's or a constant's name.
    Ident(String),
    /// `$name`, without the `$`.
    Var(String),
    /// `@name` or `@name[keys]`, the name with its `@`.
    Map {
        /// With `@`.
        name: String,
        /// `None`: no brackets.
        keys: Option<Vec<Expr>>,
    },
    /// `$1`: a positional parameter, from 1.
    Param(u32),
    /// `$#`
    ParamCount,
    /// `name(args)`
    Call {
        /// The function's name.
        name: String,
        /// Place of the name.
        name_span: Span,
        /// Arguments.
        args: Vec<Expr>,
    },
    /// `-x !x ~x *x &x`
    Unary(UnOp, Box<Expr>),
    /// `a op b`
    Binary(BinOp, Box<Expr>, Box<Expr>),
    /// `c ? a : b`
    Ternary(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `++x`, `x++`, `--x`, `x--`
    IncDec {
        /// `++x` rather than `x++`.
        prefix: bool,
        /// `++` rather than `--`.
        increment: bool,
        /// A variable or a map.
        target: Box<Expr>,
    },
    /// `base.name`, `base->name`
    Field {
        /// The structure or the pointer to it.
        base: Box<Expr>,
        /// The member.
        name: String,
        /// Place of the member's name.
        name_span: Span,
    },
    /// `base.0`
    TupleField(Box<Expr>, u32),
    /// `base[index]`
    Index(Box<Expr>, Box<Expr>),
    /// `(a, b)`
    Tuple(Vec<Expr>),
    /// `(a=1, b=2)`
    Record(Vec<(String, Expr)>),
    /// `(type)x`
    Cast(TypeName, Box<Expr>),
    /// `sizeof(x)`
    Sizeof(Box<TypeOrExpr>),
    /// `offsetof(x, a.b)`
    Offsetof(Box<TypeOrExpr>, Vec<String>),
    /// `typeof(x)` where a macro is given a type.
    Typeof(Box<TypeOrExpr>),
    /// `typeinfo(x)`
    Typeinfo(Box<TypeOrExpr>),
    /// `comptime x`
    Comptime(Box<Expr>),
    /// `{ ...; value }`
    Block(Block),
    /// `if c { } else { }`; an `else if` is an `otherwise` block whose value is the next `if`.
    If {
        /// The condition.
        condition: Box<Expr>,
        /// If it holds.
        then: Block,
        /// If not.
        otherwise: Option<Block>,
    },
    /// What could not be parsed.
    Error,
}

/// A type or an expression whose type is meant.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeOrExpr {
    /// A type.
    Type(TypeName),
    /// An expression, which is not evaluated.
    Expr(Expr),
}

/// A type as written.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeName {
    /// What it names.
    pub kind: TypeNameKind,
    /// `*` and `[n]` behind it, in order.
    pub suffixes: Vec<TypeSuffix>,
    /// Its place.
    pub span: Span,
}

/// What follows the name of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeSuffix {
    /// `*`
    Pointer,
    /// `[n]`, `[]`
    Array(Option<u64>),
}

/// The name in a type.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeNameKind {
    /// `int32`, `string`, `pid_t`.
    Named(String),
    /// `struct name`, or `union name` with that prefix.
    Record(String),
    /// `enum name`
    Enum(String),
    /// `typeof(x)`
    Typeof(Box<TypeOrExpr>),
}

/// A prefix operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnOp {
    /// `-`
    Neg,
    /// `!`
    Not,
    /// `~`
    BitNot,
    /// `*`
    Deref,
    /// `&`
    AddrOf,
}

/// An infix operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the operations")]
pub enum BinOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    BitAnd,
    BitOr,
    BitXor,
    Shl,
    Shr,
    And,
    Or,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl BinOp {
    /// As written.
    pub fn symbol(self) -> &'static str {
        match self {
            BinOp::Add => "+",
            BinOp::Sub => "-",
            BinOp::Mul => "*",
            BinOp::Div => "/",
            BinOp::Mod => "%",
            BinOp::BitAnd => "&",
            BinOp::BitOr => "|",
            BinOp::BitXor => "^",
            BinOp::Shl => "<<",
            BinOp::Shr => ">>",
            BinOp::And => "&&",
            BinOp::Or => "||",
            BinOp::Eq => "==",
            BinOp::Ne => "!=",
            BinOp::Lt => "<",
            BinOp::Le => "<=",
            BinOp::Gt => ">",
            BinOp::Ge => ">=",
        }
    }

    /// `== != < <= > >=`
    pub fn is_comparison(self) -> bool {
        matches!(self, BinOp::Eq | BinOp::Ne | BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge)
    }
}
