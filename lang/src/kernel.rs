//! All that the compiler knows of the machine comes through [`Kernel`].
//!
//! The live implementation is in `runtime`; [`crate::fixture::Fixture`] is the twin that reads a text.

use crate::types::Type;
use serde::{Deserialize, Serialize};

/// A field of a structure, of a tracepoint's record, or an argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name; empty for an anonymous member.
    pub name: String,
    /// The declaration as the kernel has it (`const char * filename`), for listings; empty if it is not known.
    #[serde(default)]
    pub spelling: String,
    /// Its type. Types that beetrace has no use for are `Type::Void`.
    pub ty: Type,
    /// Bytes from the start of the record. For arguments: 8 times the position.
    pub offset: u32,
    /// `(first bit, bits)` within the unit at `offset`, if it is a bit-field.
    pub bits: Option<(u8, u8)>,
    /// A tracepoint's `__data_loc`/`__rel_loc` field: a 32-bit word at `offset` whose low half is the
    /// position and high half the length of the data (kernel: include/trace/stages).
    pub data_loc: Option<DataLoc>,
}

/// Where a dynamic tracepoint field's position is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataLoc {
    /// From the start of the record (`__data_loc`).
    Record,
    /// From the end of the field itself (`__rel_loc`).
    Field,
}

/// A structure's layout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Bytes in all.
    pub size: u32,
    /// Members in order, anonymous structures and unions flattened into their parent.
    pub fields: Vec<Field>,
}

/// A kernel function that a kprobe can be put on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Function {
    /// `vmlinux` or the module's name.
    pub module: String,
    /// Its symbol.
    pub name: String,
}

/// A function in a user binary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSymbol {
    /// The symbol as it stands in the symbol table (mangled).
    pub name: String,
    /// Offset of its first byte in the *file*, which is what the kernel's uprobes take.
    pub file_offset: u64,
    /// Its virtual address in the ELF file.
    pub address: u64,
    /// Bytes.
    pub size: u64,
}

/// A user binary that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserBinary {
    /// Absolute path.
    pub path: String,
    /// The functions that were asked for.
    pub symbols: Vec<UserSymbol>,
}

/// Why the machine could not answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KernelError {
    /// There is no such thing here; with the nearest names that exist.
    NotFound {
        /// Names to suggest, best first.
        near: Vec<String>,
    },
    /// It can't be read or used here, and why (a whole sentence, no full stop).
    Unavailable(String),
}

/// The machine, as far as a compiler must know it. All look-ups are lazy.
pub trait Kernel {
    /// The layout of a tracepoint's record, from tracefs `events/CATEGORY/EVENT/format`, the common fields included.
    fn tracepoint(&self, category: &str, event: &str) -> Result<Layout, KernelError>;
    /// Names `category:event` that match both glob patterns.
    fn tracepoints(&self, category: &str, event: &str) -> Vec<(String, String)>;
    /// The arguments of a raw tracepoint, from BTF (`btf_trace_NAME`) without its first, the data pointer.
    /// An empty list where there is no BTF.
    fn raw_tracepoint(&self, event: &str) -> Result<Vec<Field>, KernelError>;
    /// Raw tracepoints that match a glob.
    fn raw_tracepoints(&self, event: &str) -> Vec<String>;
    /// Whether `name` can be probed; the module it is in.
    fn function(&self, module: Option<&str>, name: &str) -> Result<Function, KernelError>;
    /// Kernel functions that match a glob (`module` too).
    fn functions(&self, module: Option<&str>, name: &str) -> Result<Vec<Function>, KernelError>;
    /// Parameters and the return type of a kernel function, from BTF.
    fn prototype(&self, function: &str) -> Option<(Vec<Field>, Type)>;
    /// Finds a binary by absolute path, by name on `$PATH`, or a shared library by its short name (`libc`), and in
    /// it the functions that match the glob `symbol` (`None`: no symbol is wanted).
    fn user_binary(&self, binary: &str, symbol: Option<&str>) -> Result<UserBinary, KernelError>;
    /// The layout of a `struct NAME` (or `union NAME`, with that prefix) from BTF.
    fn record(&self, name: &str) -> Option<Layout>;
    /// The value of an enumerator from BTF.
    fn enumerator(&self, name: &str) -> Option<i64>;
    /// CPUs that can be online.
    fn cpus(&self) -> u32;
    /// `(major, minor)` of the running kernel.
    fn version(&self) -> (u32, u32);
}
