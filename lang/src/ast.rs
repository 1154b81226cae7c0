//! The syntax tree. Nothing is resolved here: names are text, types are as written.

use crate::source::Span;
use crate::types::Int;

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
    /// Attach points with their action.
    Probe(Probe),
    /// What could not be parsed; a diagnostic was made for it.
    Error,
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
    /// `if (c) { } else { }`; an `else if` is an `otherwise` block with one statement.
    If {
        /// The condition.
        condition: Expr,
        /// If it holds.
        then: Block,
        /// If not.
        otherwise: Option<Block>,
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
    /// `{ ... }`
    Block(Block),
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
    /// `(type)x`
    Cast(TypeName, Box<Expr>),
    /// `sizeof(type)`
    SizeofType(TypeName),
    /// What could not be parsed.
    Error,
}

/// A type as written.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeName {
    /// What it names.
    pub kind: TypeNameKind,
    /// Number of `*` behind it.
    pub pointers: u32,
    /// Its place.
    pub span: Span,
}

/// The name in a type.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeNameKind {
    /// `int8` ... `uint64`, and the C spellings of those.
    Int(Int),
    /// `bool`
    Bool,
    /// `string`, `string[n]`
    Str(Option<u64>),
    /// `void`
    Void,
    /// `struct name`, or `union name` with that prefix.
    Record(String),
    /// Anything else.
    Named(String),
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

impl Program {
    /// Calls `f` for every expression of a probe, outermost first.
    pub fn walk_probe<'a>(probe: &'a Probe, f: &mut dyn FnMut(&'a Expr)) {
        if let Some(p) = &probe.predicate {
            p.walk(f);
        }
        probe.body.walk(f);
    }
}

impl Block {
    /// Calls `f` for every expression in the block, outermost first.
    pub fn walk<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        for stmt in &self.stmts {
            match &stmt.kind {
                StmtKind::Expr(e) | StmtKind::Discard(e) => e.walk(f),
                StmtKind::Assign { target, value, .. } => {
                    target.walk(f);
                    value.walk(f);
                }
                StmtKind::Let { value, .. } => value.iter().for_each(|e| e.walk(f)),
                StmtKind::If { condition, then, otherwise } => {
                    condition.walk(f);
                    then.walk(f);
                    otherwise.iter().for_each(|b| b.walk(f));
                }
                StmtKind::While { condition, body } => {
                    condition.walk(f);
                    body.walk(f);
                }
                StmtKind::Unroll { count, body } => {
                    count.walk(f);
                    body.walk(f);
                }
                StmtKind::Block(b) => b.walk(f),
                StmtKind::Return(e) => e.iter().for_each(|e| e.walk(f)),
                StmtKind::Break | StmtKind::Continue | StmtKind::Error => {}
            }
        }
    }
}

impl Expr {
    /// Calls `f` for this expression and every one below it, outermost first.
    pub fn walk<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        f(self);
        match &self.kind {
            ExprKind::Map { keys: Some(list), .. } | ExprKind::Tuple(list) | ExprKind::Call { args: list, .. } => {
                list.iter().for_each(|e| e.walk(f));
            }
            ExprKind::Unary(_, e)
            | ExprKind::IncDec { target: e, .. }
            | ExprKind::Field { base: e, .. }
            | ExprKind::TupleField(e, _)
            | ExprKind::Cast(_, e) => e.walk(f),
            ExprKind::Binary(_, a, b) | ExprKind::Index(a, b) => {
                a.walk(f);
                b.walk(f);
            }
            ExprKind::Ternary(a, b, c) => {
                a.walk(f);
                b.walk(f);
                c.walk(f);
            }
            _ => {}
        }
    }
}
