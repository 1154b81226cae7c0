//! The programs that are generated: a tree in which every expression carries its type.
//!
//! The types are those that the language gives (bpftrace's documentation): a literal has the smallest signed type that holds it and
//! takes the sign of what it meets; what is computed has 64 bits.

use std::collections::HashMap;

/// A type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ty {
    Bool,
    /// Bits, and whether it is signed.
    Int(u8, bool),
    Str,
    Tuple(Vec<Ty>),
    /// Members are named `f0`, `f1`, ...
    Record(Vec<Ty>),
}

pub const I64: Ty = Ty::Int(64, true);
pub const U64: Ty = Ty::Int(64, false);

impl Ty {
    pub fn is_int(&self) -> bool {
        matches!(self, Ty::Int(..))
    }

    pub fn signed(&self) -> bool {
        matches!(self, Ty::Int(_, true))
    }

    /// What a place of this type holds before anything is stored there.
    pub fn zero(&self) -> Val {
        match self {
            Ty::Bool => Val::Bool(false),
            Ty::Int(..) => Val::Int(0),
            Ty::Str => Val::Str(String::new()),
            Ty::Tuple(m) | Ty::Record(m) => Val::Tuple(m.iter().map(Ty::zero).collect()),
        }
    }

    /// An integer cut down to this type and extended again.
    pub fn fit(&self, n: i64) -> i64 {
        match self {
            Ty::Int(8, true) => i64::from(n as i8),
            Ty::Int(16, true) => i64::from(n as i16),
            Ty::Int(32, true) => i64::from(n as i32),
            Ty::Int(8, false) => i64::from(n as u8),
            Ty::Int(16, false) => i64::from(n as u16),
            Ty::Int(32, false) => i64::from(n as u32),
            _ => n,
        }
    }
}

/// The smallest signed type that holds a number.
pub fn natural(n: i64) -> Ty {
    let bits = [8u8, 16, 32].into_iter().find(|b| n >= -(1 << (b - 1)) && n < 1 << (b - 1));
    Ty::Int(bits.unwrap_or(64), true)
}

/// A value. An integer is extended to 64 bits as its type says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Val {
    Bool(bool),
    Int(i64),
    Str(String),
    Tuple(Vec<Val>),
}

/// Operators on integers with an integer result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    And,
    Or,
    Xor,
    Shl,
    Shr,
}

/// Comparisons; of what is no integer only the first two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cmp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// What a map accumulates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agg {
    Count,
    Sum,
    Min,
    Max,
    Avg,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct E {
    pub ty: Ty,
    pub k: K,
}

/// A place that can be counted up.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    Var(usize),
    Map(usize, Option<Box<E>>),
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum K {
    /// A bare integer literal, of its natural type.
    Lit(i64),
    /// An integer by a cast; it is no literal any more.
    Typed(i64),
    Bool(bool),
    Str(String),
    /// A text with room for so many bytes.
    Sized(String, u32),
    Var(usize),
    /// A parameter of the macro that is being expanded.
    Param(usize),
    Get(usize, Option<Box<E>>),
    Neg(Box<E>),
    /// With a cast to the expression's type, which is not wider than the operand.
    BitNot(Box<E>),
    Not(Box<E>),
    Bin(Op, Box<E>, Box<E>),
    Compare(Cmp, Box<E>, Box<E>),
    AndAlso(Box<E>, Box<E>),
    OrElse(Box<E>, Box<E>),
    Cond(Box<E>, Box<E>, Box<E>),
    /// `if c { ...; a } else { ...; b }`
    If(Box<E>, Vec<S>, Box<E>, Vec<S>, Box<E>),
    Block(Vec<S>, Box<E>),
    Cast(Box<E>),
    Tuple(Vec<E>),
    Record(Vec<E>),
    Member(Box<E>, usize),
    /// Prefix, and by 1 or -1.
    Inc(Place, bool, i64),
    Has(usize, Box<E>),
    Delete(usize, Box<E>),
    Len(usize),
    Strlen(Box<E>),
    Strstr(Box<E>, Box<E>),
    Strcontains(Box<E>, Box<E>),
    Strncmp(Box<E>, Box<E>, u32),
    Concat(Box<E>, Box<E>),
    Bswap(Box<E>),
    /// A byte of an integer that is made an array of bytes.
    Byte(Box<E>, usize),
    Call(usize, Vec<E>),
    Expand(usize, Vec<E>),
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub enum S {
    /// The first value of a variable.
    Let(usize, How, E),
    Set(usize, E),
    SetOp(usize, Op, E),
    MapSet(usize, Option<E>, E),
    MapOp(usize, Option<E>, Op, E),
    Aggregate(usize, Option<E>, Option<E>),
    Inc(Place, bool, i64),
    Delete(usize, E),
    Print(E),
    Printf(Vec<(&'static str, E)>),
    If(E, Vec<S>, Vec<S>),
    /// Variable, number of turns, body.
    While(usize, i64, Vec<S>),
    Unroll(i64, Vec<S>),
    Range(usize, E, E, Vec<S>),
    /// Sums up a map: variable of the entry, map, accumulator, what is added.
    Each(usize, usize, usize, E),
    Break,
    Continue,
    Return(Option<E>),
    Block(Vec<S>),
}

/// How a variable is introduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// `$x = ...`
    Plain,
    /// `let $x = ...`
    Let,
    /// `let $x: int32 = ...`
    Typed,
}

/// A variable.
#[derive(Clone, Debug)]
pub struct Var {
    pub name: String,
    pub ty: Ty,
    /// A counter of a loop, or declared with a narrow type.
    pub fixed: bool,
}

/// A map.
#[derive(Clone, Debug)]
pub struct Map {
    pub key: Option<Ty>,
    pub value: Ty,
    pub agg: Option<Agg>,
}

/// A function of the script, or a macro (whose parameters are expressions).
#[derive(Clone, Debug)]
pub struct Fun {
    /// Variables of a function's parameters; for a macro only the types count.
    pub params: Vec<(usize, Ty)>,
    pub body: Vec<S>,
    pub value: E,
}

/// A program.
#[derive(Clone, Debug)]
pub struct Program {
    pub vars: Vec<Var>,
    pub maps: Vec<Map>,
    pub funs: Vec<Fun>,
    pub macros: Vec<Fun>,
    pub body: Vec<S>,
}

/// Variables of one call.
pub type Frame = HashMap<usize, Val>;

impl E {
    pub fn new(ty: Ty, k: K) -> E {
        E { ty, k }
    }

    pub fn lit(n: i64) -> E {
        E::new(natural(n), K::Lit(n))
    }

    pub fn typed(ty: &Ty, n: i64) -> E {
        E::new(ty.clone(), K::Typed(ty.fit(n)))
    }

    /// The number of a literal.
    pub fn literal(&self) -> Option<i64> {
        if let K::Lit(n) = self.k { Some(n) } else { None }
    }

    /// A literal that takes the other operand's sign.
    fn flexible(&self) -> bool {
        self.literal().is_some_and(|n| n >= 0)
    }

    /// Whether two integers meet as signed numbers.
    pub fn meet_signed(a: &E, b: &E) -> bool {
        match (a.flexible(), b.flexible()) {
            (true, false) => b.ty.signed(),
            (false, true) => a.ty.signed(),
            _ => a.ty.signed() || b.ty.signed(),
        }
    }

    /// `a op b`; not both are literals.
    pub fn bin(op: Op, a: E, b: E) -> E {
        let signed = match op {
            Op::Sub => true,
            Op::Shl | Op::Shr => a.ty.signed(),
            _ => E::meet_signed(&a, &b),
        };
        E::new(Ty::Int(64, signed), K::Bin(op, Box::new(a), Box::new(b)))
    }

    pub fn compare(op: Cmp, a: E, b: E) -> E {
        E::new(Ty::Bool, K::Compare(op, Box::new(a), Box::new(b)))
    }

    pub fn cast(ty: &Ty, e: E) -> E {
        match e.k {
            K::Lit(n) if ty.is_int() => E::typed(ty, n),
            _ if e.ty == *ty => e,
            _ => E::new(ty.clone(), K::Cast(Box::new(e))),
        }
    }

    pub fn boxed(self) -> Box<E> {
        Box::new(self)
    }
}
