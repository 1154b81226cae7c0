//! The types of values, and how each is laid out in maps and event records.
//!
//! One layout rule serves map keys, map values and ring-buffer records: **every stored value takes a
//! multiple of 8 bytes and starts at a multiple of 8; integers, booleans and pointers are widened
//! to 64 bits** (sign- or zero-extended by their type). Strings and arrays are raw bytes, padded
//! with zeros to the next multiple of 8. A tuple is the concatenation of its members.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Width and signedness of an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Int {
    /// 8, 16, 32 or 64.
    pub bits: u8,
    /// Two's complement if true.
    pub signed: bool,
}

impl Int {
    /// `int64`
    pub const I64: Int = Int { bits: 64, signed: true };
    /// `uint64`
    pub const U64: Int = Int { bits: 64, signed: false };
    /// `int32`
    pub const I32: Int = Int { bits: 32, signed: true };
    /// `uint32`
    pub const U32: Int = Int { bits: 32, signed: false };
    /// `uint8`
    pub const U8: Int = Int { bits: 8, signed: false };
    /// `int8`
    pub const I8: Int = Int { bits: 8, signed: true };

    /// The smallest and the largest value.
    pub fn range(self) -> (i128, i128) {
        let half = 1i128 << (self.bits - 1);
        if self.signed { (-half, half - 1) } else { (0, 2 * half - 1) }
    }
}

impl fmt::Display for Int {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}int{}", if self.signed { "" } else { "u" }, self.bits)
    }
}

/// Whose memory a pointer points into; it selects the read helper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AddrSpace {
    /// Kernel memory, read by `bpf_probe_read_kernel`.
    Kernel,
    /// Memory of the current process, read by `bpf_probe_read_user`.
    User,
    /// Kernel memory that the verifier knows the type of; loaded directly.
    Trusted,
    /// The program's context; loaded directly at constant offsets.
    Ctx,
    /// Not known: a user address on x86-64 is told from a kernel address by its value.
    Unknown,
}

/// How a stack is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum StackMode {
    /// `symbol+offset`
    #[default]
    Bpftrace,
    /// `address symbol+offset (module)`
    Perf,
    /// `address`
    Raw,
    /// `build-id+file offset`; user stacks alone.
    BuildId,
}

impl StackMode {
    /// The mode of that name.
    pub fn from_name(name: &str) -> Option<StackMode> {
        Some(match name {
            "bpftrace" => StackMode::Bpftrace,
            "perf" => StackMode::Perf,
            "raw" => StackMode::Raw,
            "build_id" => StackMode::BuildId,
            _ => return None,
        })
    }
}

/// A map value that is accumulated rather than assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Agg {
    /// `count()`: one u64 per CPU.
    Count,
    /// `sum(n)`: one 64-bit integer per CPU.
    Sum(Int),
    /// `min(n)`: `{ value, is_set }` per CPU, two 64-bit words.
    Min(Int),
    /// `max(n)`: `{ value, is_set }` per CPU, two 64-bit words.
    Max(Int),
    /// `avg(n)`: `{ total, count }` per CPU, two 64-bit words.
    Avg(Int),
    /// `stats(n)`: `{ total, count }` per CPU, two 64-bit words.
    Stats(Int),
    /// `hist(n, bits)`: log2 buckets, each split in `2^bits`; one u64 a bucket.
    Hist {
        /// 0 to 5.
        bits: u8,
    },
    /// `lhist(n, min, max, step)`: bucket 0 is below `min`, then `(max-min)/step` buckets
    /// (rounded up), then one for `max` and above; one u64 a bucket.
    LHist {
        /// Lower bound of the first regular bucket.
        min: i64,
        /// Upper bound (exclusive) of the last regular bucket.
        max: i64,
        /// Width of a bucket.
        step: i64,
    },
    /// `tseries(n, interval, intervals, agg)`: a ring of intervals per CPU, each `{ value, meta, epoch }`, three 64-bit words.
    TSeries {
        /// Nanoseconds of an interval.
        interval: u64,
        /// Number of intervals kept.
        intervals: u32,
        /// How values of one interval are put together.
        fold: Fold,
        /// The values are signed.
        signed: bool,
    },
}

/// How a time series puts together the values of one interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fold {
    /// The last one counts.
    Last,
    /// Their average: total and number.
    Avg,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// Their sum.
    Sum,
}

impl Agg {
    /// Number of buckets of a histogram; 0 for everything else.
    ///
    /// `hist`: bucket 0 holds negative values; then, with `b = bits`, the values below `2^b` have
    /// one bucket each (1 to 2^b); then each power of two from `2^b` to `2^63` is split
    /// in `2^b` buckets.
    pub fn buckets(&self) -> u32 {
        match *self {
            Agg::Hist { bits } => 1 + (1 << bits) + (64 - u32::from(bits)) * (1 << bits),
            Agg::LHist { min, max, step } => {
                let step = i128::from(step.max(1));
                let n = (i128::from(max) - i128::from(min)).max(0);
                ((n + step - 1) / step + 2).min(i128::from(u32::MAX)) as u32
            }
            _ => 0,
        }
    }

    /// Bytes of one per-CPU value; for a histogram, of one bucket.
    pub fn value_size(&self) -> u32 {
        match self {
            Agg::Count | Agg::Sum(_) | Agg::Hist { .. } | Agg::LHist { .. } => 8,
            Agg::Min(_) | Agg::Max(_) | Agg::Avg(_) | Agg::Stats(_) => 16,
            Agg::TSeries { intervals, .. } => intervals * 24,
        }
    }

    /// True for `hist` and `lhist`.
    pub fn is_hist(&self) -> bool {
        matches!(self, Agg::Hist { .. } | Agg::LHist { .. })
    }
}

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Type {
    /// No value.
    Void,
    /// `true` or `false`.
    Bool,
    /// An integer.
    Int(Int),
    /// An enumeration: an integer that prints by the name of its value.
    Enum {
        /// Name of the enumeration, without `enum`.
        name: String,
        /// How it is stored.
        int: Int,
    },
    /// A string in a buffer of so many bytes, the NUL included; what follows the NUL is zero.
    Str(u32),
    /// An address.
    Ptr {
        /// What it points to.
        to: Box<Type>,
        /// Whose memory.
        space: AddrSpace,
    },
    /// `len` elements one after the other (each `c_size` bytes: raw memory, not the stored layout).
    Array {
        /// Type of an element.
        elem: Box<Type>,
        /// Number of elements.
        len: u32,
    },
    /// A `struct` or `union`, laid out by the script's own C definitions or the kernel's BTF. As a value it is its bytes.
    Record {
        /// `task_struct`; `union foo`; for one without a name `anon#` and the number of its BTF type.
        name: String,
        /// Bytes; 0 if it is only declared.
        size: u32,
    },
    /// Bytes of any kind: a word with their number, then room for so many.
    Buf(u32),
    /// Several values.
    Tuple(Vec<Type>),
    /// Several values with names: `(a=1, b="x")`.
    Named(Vec<(String, Type)>),
    /// A kernel stack: one word, the id in the map of stacks (negative: an errno, the stack was lost).
    KStack {
        /// How to print it.
        mode: StackMode,
        /// Frames kept at the most.
        limit: u16,
    },
    /// A user stack: two words, the id as for `KStack` and the process id (tgid).
    UStack {
        /// How to print it.
        mode: StackMode,
        /// Frames kept at the most.
        limit: u16,
    },
    /// A kernel address that prints as a symbol: one word.
    Ksym,
    /// A user address that prints as a symbol: two words, the address and the process id.
    Usym,
    /// An IP address: a word with the family (2 or 10), then 16 bytes of which IPv4 takes four.
    Inet,
    /// A MAC address: six bytes, padded to a word.
    Mac,
    /// A user id that prints as the user's name.
    Username,
    /// A time to be formatted when it prints: two words, nanoseconds and the number of the format in the
    /// manifest's strings, shifted left by 8, with the clock in the low byte.
    Timestamp,
    /// A control group's id that prints as its path: two words, the id and the number of the pattern in the manifest's strings.
    CgroupPath,
    /// Strings that follow each other, each with its NUL, as [`Type::Buf`] has its bytes; they print with a text between them.
    Words {
        /// Room for so many bytes.
        room: u32,
        /// What stands between them.
        separator: String,
    },
    /// A system call that prints as `strace` does: [`call::REGISTERS`] of it, then for each piece of memory a word with its length
    /// (negative: it could not be read) and its bytes.
    Call {
        /// Room for so many bytes a piece; none if 0.
        room: u32,
        /// Bytes of data (not of a path) that print.
        shown: u32,
        /// It has returned.
        returned: bool,
    },
    /// An accumulating map value.
    Agg(Agg),
}

/// What is stored of a system call.
pub mod call {
    /// Bytes of x86-64's `struct pt_regs` from `r10` to `orig_ax` (arch/x86/include/asm/ptrace.h).
    pub const REGISTERS: u32 = 72;
    /// Where `r10` is in it.
    pub const FROM: u32 = 56;
    /// Places of the six arguments: di, si, dx, r10, r8, r9.
    pub const ARGS: [u32; 6] = [56, 48, 40, 0, 16, 8];
    /// Place of the number.
    pub const NUMBER: u32 = 64;
    /// Place of the result: where `cx` is, which says nothing of a call.
    pub const RESULT: u32 = 32;
    /// Pieces of memory.
    pub const PIECES: u32 = 3;
}

impl Type {
    /// `int64`
    pub const I64: Type = Type::Int(Int::I64);
    /// `uint64`
    pub const U64: Type = Type::Int(Int::U64);

    /// A pointer to `to` in `space`.
    pub fn ptr(to: Type, space: AddrSpace) -> Type {
        Type::Ptr { to: Box::new(to), space }
    }

    /// Integers, booleans and pointers: what fits a register and can be tested for zero.
    pub fn is_scalar(&self) -> bool {
        matches!(self, Type::Int(_) | Type::Bool | Type::Enum { .. } | Type::Ptr { .. })
    }

    /// `struct NAME` of so many bytes.
    pub fn record(name: &str, size: u32) -> Type {
        Type::Record { name: name.into(), size }
    }

    /// The integer type of an integer or an enumeration.
    pub fn int(&self) -> Option<Int> {
        match self {
            Type::Int(i) | Type::Enum { int: i, .. } => Some(*i),
            _ => None,
        }
    }

    /// The types of a tuple's or a record's members; none of anything else.
    pub fn members(&self) -> Vec<&Type> {
        match self {
            Type::Tuple(members) => members.iter().collect(),
            Type::Named(members) => members.iter().map(|m| &m.1).collect(),
            _ => Vec::new(),
        }
    }

    /// Bytes in a map or an event record (see the module's layout rule). For an aggregation, of
    /// one CPU's value (of one bucket, for histograms).
    pub fn stored_size(&self) -> u32 {
        match self {
            Type::Void => 0,
            Type::Bool | Type::Int(_) | Type::Enum { .. } | Type::Ptr { .. } | Type::KStack { .. } | Type::Ksym => 8,
            Type::Mac | Type::Username => 8,
            Type::UStack { .. } | Type::Usym | Type::Timestamp | Type::CgroupPath => 16,
            Type::Inet => 24,
            Type::Buf(n) | Type::Words { room: n, .. } => 8 + n.next_multiple_of(8),
            Type::Call { room: 0, .. } => call::REGISTERS,
            Type::Call { room, .. } => call::REGISTERS + call::PIECES * (8 + room.next_multiple_of(8)),
            Type::Str(n) => n.next_multiple_of(8),
            Type::Array { elem, len } => (elem.c_size() * len).next_multiple_of(8),
            Type::Record { size, .. } => size.next_multiple_of(8),
            Type::Tuple(members) => members.iter().map(Type::stored_size).sum(),
            Type::Named(members) => members.iter().map(|m| m.1.stored_size()).sum(),
            Type::Agg(agg) => agg.value_size(),
        }
    }

    /// Bytes in C memory, as in a kernel structure.
    pub fn c_size(&self) -> u32 {
        match self {
            Type::Bool => 1,
            Type::Int(i) | Type::Enum { int: i, .. } => u32::from(i.bits / 8),
            Type::Ptr { .. } => 8,
            Type::Str(n) => *n,
            Type::Record { size, .. } => *size,
            Type::Mac => 6,
            Type::Array { elem, len } => elem.c_size() * len,
            other => other.stored_size(),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Void => write!(f, "void"),
            Type::Bool => write!(f, "bool"),
            Type::Int(i) => write!(f, "{i}"),
            Type::Str(n) => write!(f, "string[{n}]"),
            Type::Ptr { to, .. } => write!(f, "{to} *"),
            Type::Array { elem, len } => write!(f, "{elem}[{len}]"),
            Type::Record { name, .. } if name.starts_with("union ") => write!(f, "{name}"),
            Type::Record { name, .. } => write!(f, "struct {name}"),
            Type::Enum { name, .. } => write!(f, "enum {name}"),
            Type::Buf(n) => write!(f, "buffer[{n}]"),
            Type::Named(members) => {
                write!(f, "(")?;
                for (i, (name, m)) in members.iter().enumerate() {
                    write!(f, "{}{name}={m}", if i > 0 { "," } else { "" })?;
                }
                write!(f, ")")
            }
            Type::Inet => write!(f, "inet"),
            Type::Mac => write!(f, "mac_address"),
            Type::Username => write!(f, "username"),
            Type::Timestamp => write!(f, "timestamp"),
            Type::CgroupPath => write!(f, "cgroup_path_t"),
            Type::Words { .. } => write!(f, "words_t"),
            Type::Call { .. } => write!(f, "syscall_t"),
            Type::Tuple(members) => {
                write!(f, "(")?;
                for (i, m) in members.iter().enumerate() {
                    write!(f, "{}{m}", if i > 0 { "," } else { "" })?;
                }
                write!(f, ")")
            }
            Type::KStack { .. } => write!(f, "kstack"),
            Type::UStack { .. } => write!(f, "ustack"),
            Type::Ksym => write!(f, "ksym_t"),
            Type::Usym => write!(f, "usym_t"),
            Type::Agg(agg) => f.write_str(match agg {
                Agg::Count => "count_t",
                Agg::Sum(_) => "sum_t",
                Agg::Min(_) => "min_t",
                Agg::Max(_) => "max_t",
                Agg::Avg(_) => "avg_t",
                Agg::Stats(_) => "stats_t",
                Agg::Hist { .. } => "hist_t",
                Agg::LHist { .. } => "lhist_t",
                Agg::TSeries { .. } => "tseries_t",
            }),
        }
    }
}
