//! All that the compiler knows of the machine comes through [`Kernel`].
//!
//! The live implementation is in `runtime`; [`crate::fixture::Fixture`] is the twin that reads a text.

use crate::types::{Int, Type};
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

/// A USDT probe of a binary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsdtProbe {
    /// The binary's absolute path.
    pub path: String,
    /// The namespace.
    pub provider: String,
    /// Its name.
    pub name: String,
    /// Every place in the code that it stands at.
    pub locations: Vec<UsdtLocation>,
}

/// A place of a USDT probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsdtLocation {
    /// Offset in the file.
    pub file_offset: u64,
    /// Offset in the file of the word that counts the tracers; 0 if there is none.
    pub semaphore: u64,
    /// Its arguments.
    pub args: Vec<UsdtArg>,
}

/// Where a USDT probe has an argument (the notes' syntax: https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UsdtArg {
    /// How wide it is.
    pub int: Int,
    /// Where.
    pub place: UsdtPlace,
}

/// See [`UsdtArg`]. Registers are offsets in `struct pt_regs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum UsdtPlace {
    /// A constant.
    Constant(i64),
    /// A register, shifted right by so many bits (`%ah`).
    Register(u32, u8),
    /// Memory at `register + index * scale + offset`.
    Memory {
        /// The base.
        base: u32,
        /// The index and its scale.
        index: Option<(u32, u8)>,
        /// Bytes.
        offset: i64,
    },
    /// Memory at so many bytes from the probe's own address.
    Relative(i64),
    /// Of a form that is not known.
    Unknown,
}

/// A variable of a user binary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserVariable {
    /// Its virtual address in the ELF file.
    pub address: u64,
    /// Bytes.
    pub size: u64,
    /// The binary is loaded at an address of the system's choice (PIE, shared library).
    pub relocated: bool,
    /// `(virtual address, bytes in the file, offset in the file)` of what is loaded of the binary.
    #[serde(default)]
    pub segments: Vec<(u64, u64, u64)>,
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
    /// The value of an enumerator from BTF with its type: an `Enum`, or an `Int` if the enumeration has no name.
    fn enumerator(&self, name: &str) -> Option<(i64, Type)>;
    /// The enumerators of `enum NAME` from BTF, in order.
    fn enumeration(&self, name: &str) -> Option<(Int, Vec<(String, i64)>)>;
    /// What a `typedef` of BTF stands for.
    fn typedef(&self, name: &str) -> Option<Type>;
    /// Paths of binaries that match a pattern: of files, or with `*` of what the traced process has mapped.
    fn binaries(&self, _pattern: &str) -> Vec<String> {
        Vec::new()
    }
    /// USDT probes of a binary whose namespace and name match these globs.
    fn usdt(&self, _binary: &str, _namespace: &str, _name: &str) -> Result<Vec<UsdtProbe>, KernelError> {
        Err(KernelError::NotFound { near: Vec::new() })
    }
    /// Kinds of iterators: `task`, `task_file`, ...
    fn iterators(&self) -> Vec<String> {
        Vec::new()
    }
    /// Kernel functions that BTF describes and that match a glob.
    fn described_functions(&self, _pattern: &str) -> Vec<String> {
        Vec::new()
    }
    /// The parameters of a function of a user binary, from its debug information.
    fn user_prototype(&self, _binary: &str, _function: &str) -> Option<Vec<Field>> {
        None
    }
    /// The path of a binary and the offsets in it of a line of its source, from its debug information.
    fn source_line(&self, _binary: &str, _file: &str, _line: u32, _column: Option<u32>) -> Result<(String, Vec<u64>), KernelError> {
        Err(KernelError::NotFound { near: Vec::new() })
    }
    /// Where the instructions begin from a function's start at `start` (an offset in the file) on: bytes from there, up to the first
    /// that is at `until` or beyond. Fewer if something before is no instruction; `None` if the code can't be read.
    fn instructions(&self, _path: &str, _start: u64, _until: u64) -> Option<Vec<u64>> {
        None
    }
    /// Whether a kernel module of this name is loaded or built in.
    fn has_module(&self, _name: &str) -> bool {
        true
    }
    /// The number in BTF of a kernel function that programs may call.
    fn kfunc(&self, _name: &str) -> Option<u32> {
        None
    }
    /// The number in BTF of a variable that each CPU has of its own.
    fn percpu_variable(&self, _name: &str) -> Result<u32, KernelError> {
        Err(KernelError::Unavailable("this machine's variables are not known".into()))
    }
    /// The address of a kernel symbol.
    fn symbol(&self, _name: &str) -> Result<u64, KernelError> {
        Err(KernelError::Unavailable("this machine's symbols are not known".into()))
    }
    /// A variable of a user binary, by the binary's path.
    fn user_variable(&self, _path: &str, _name: &str) -> Result<UserVariable, KernelError> {
        Err(KernelError::Unavailable("binaries can't be read here".into()))
    }
    /// The id of the control group at a path.
    fn cgroup_id(&self, _path: &str) -> Result<u64, KernelError> {
        Err(KernelError::Unavailable("control groups can't be read here".into()))
    }
    /// CPUs that can be online.
    fn cpus(&self) -> u32;
    /// `(major, minor)` of the running kernel.
    fn version(&self) -> (u32, u32);
}
