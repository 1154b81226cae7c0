//! The manifest: everything the runtime may know of a script besides its ELF object.

pub use lang::action::{Action, MapId};
pub use lang::config::{MissingProbes, Settings};
pub use lang::format::{ArgSpec, Piece};
use lang::kernel::Layout;
pub use lang::probes::{AttachPoint, Named, Period, Target};
use lang::source::Span;
use lang::types::Type;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Name of the ELF section that holds the manifest (JSON) in an object written by `--emit-elf`.
pub const SECTION: &str = ".beetrace";
/// Name of the ring buffer map, present if any probe emits an event.
pub const RING: &str = "ringbuf";
/// Name of the `BPF_MAP_TYPE_STACK_TRACE` map, present if a stack is taken.
pub const STACKS: &str = "stacks";
/// Name of the map of stacks of at most `limit` frames: stacks are told apart by the frames that are kept.
pub fn stacks_map(limit: u16) -> String {
    if limit == 127 { STACKS.into() } else { format!("{STACKS}{limit}") }
}

/// Name of the map of user stacks of at most `limit` frames that are build ids and offsets: `struct bpf_stack_build_id`.
pub fn build_ids_map(limit: u16) -> String {
    format!("build_ids{limit}")
}

/// Name of the per-CPU scratch map: one entry a program, for what does not fit the stack.
pub const SCRATCH: &str = "scratch";
/// Name of the section of global data, and of the map that the linker makes of it.
pub const BSS: &str = ".bss";

/// Offsets in `.bss` of the words that every script has; keyless scalars follow.
pub mod bss {
    /// u64: not 0 when the script has stopped; every program tests it first (`end` programs do not).
    pub const STOP: u32 = 0;
    /// u64: events that found the ring buffer full.
    pub const LOST_EVENTS: u32 = 8;
    /// u64: updates that a full map refused.
    pub const LOST_UPDATES: u32 = 16;
    /// u64: stacks that could not be taken or stored.
    pub const LOST_STACKS: u32 = 24;
    /// u64: `CLOCK_MONOTONIC` ns when the script started; `elapsed` counts from it. Written by the runtime.
    pub const START: u32 = 32;
    /// u64: the pid of the process started by `-c`, 0 without one. Written by the runtime.
    pub const CPID: u32 = 40;
    /// u64: what is to be added to `CLOCK_BOOTTIME` ns for the wall clock. Written by the runtime.
    pub const WALL: u32 = 48;
    /// u64: always 0, which the verifier does not know.
    pub const NOTHING: u32 = 56;
    /// First byte of the script's own variables.
    pub const VARS: u32 = 64;
}

/// A compiled script.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The ELF object (`EM_BPF`, little endian).
    pub elf: Vec<u8>,
    /// What the runtime needs besides.
    pub manifest: Manifest,
}

/// See the module.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// The script's maps, in order of first appearance (they print in the order of their names).
    pub maps: Vec<MapInfo>,
    /// Programs with where they attach, in the script's order.
    pub programs: Vec<ProgramInfo>,
    /// Event records by their number: the first u64 of a ring-buffer record is an index here.
    pub actions: Vec<Action>,
    /// The settings that matter at run time.
    pub settings: Settings,
    /// Layouts of the structures that are printed, by the name in their type.
    pub records: BTreeMap<String, Layout>,
    /// Enumerators of the enumerations that are printed, by the enumeration's name.
    pub enums: BTreeMap<String, Vec<(String, i64)>>,
    /// Texts that values refer to by number: formats of timestamps, patterns of control groups.
    pub strings: Vec<String>,
}

/// One map of the script.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MapInfo {
    /// As written: `@` or `@name`.
    pub name: String,
    /// Name of the BPF map in the ELF (`at_name`); empty for `Storage::Global`.
    pub elf_name: String,
    /// Type of the key; several keys are one tuple; `None` for a map without keys.
    pub key: Option<Type>,
    /// Type of the value.
    pub value: Type,
    /// Where it lives.
    pub storage: Storage,
}

/// Where a map's values live and how a value is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Storage {
    /// In `.bss` at `offset`: a u64 that is 1 once the map was assigned, then the value in its stored layout.
    Global {
        /// Bytes from the start of `.bss`.
        offset: u32,
    },
    /// `BPF_MAP_TYPE_HASH`: key and value in their stored layout.
    Hash,
    /// `BPF_MAP_TYPE_PERCPU_ARRAY` with one entry (`u32` key 0), for a keyless aggregation. The value is one
    /// aggregation value, or all buckets of a histogram as an array of u64. An aggregation that was never
    /// updated is not told apart from one that is zero, but for min/max (`is_set`) and avg/stats (count).
    PerCpuArray,
    /// `BPF_MAP_TYPE_PERCPU_HASH`, for an aggregation with keys. For a histogram the key is followed by one
    /// more u64, the index of the bucket (see `Agg::buckets`), and the value is that bucket's u64.
    PerCpuHash,
}

/// One program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProgramInfo {
    /// The function's symbol in the ELF, unique.
    pub symbol: String,
    /// What the kernel is to be told it is.
    pub kind: ProgramKind,
    /// Where to attach it; several if the same code serves several.
    pub attach: Vec<AttachPoint>,
    /// The attach points as written in the script.
    pub span: Span,
    /// `(index of the first instruction, place in the script)`, ascending: maps a verifier message back.
    pub lines: Vec<(u32, Span)>,
    /// Functions behind the program's own code: `(index of the first instruction, name)`. The kernel wants to be told of them.
    pub functions: Vec<(u32, String)>,
    /// Host metrics that the runtime fills before it fires the program (`lang::metrics`).
    #[serde(default)]
    pub metrics: Vec<String>,
}

/// BPF program type, with the section name that names it (libbpf's names; aya-obj reads these).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ProgramKind {
    /// `BPF_PROG_TYPE_RAW_TRACEPOINT`: raw tracepoints, and what the runtime fires itself (`begin`, `end`, `interval`)
    /// by `BPF_PROG_TEST_RUN`.
    RawTracepoint,
    /// `BPF_PROG_TYPE_TRACEPOINT`
    Tracepoint,
    /// `BPF_PROG_TYPE_KPROBE`: kprobes and uprobes and their return probes.
    Kprobe,
    /// `BPF_PROG_TYPE_PERF_EVENT`
    PerfEvent,
    /// `BPF_PROG_TYPE_TRACING`, an iterator.
    Iter,
    /// `BPF_PROG_TYPE_TRACING` at the entry of a kernel function.
    Fentry,
    /// ... at its return.
    Fexit,
    /// `BPF_PROG_TYPE_TRACING` at a raw tracepoint: the verifier knows the types of its arguments.
    TypedTracepoint,
}
