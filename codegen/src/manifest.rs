//! The manifest: everything the runtime may know of a script besides its ELF object.

use lang::source::Span;
use lang::types::Type;
use serde::{Deserialize, Serialize};

/// Name of the ELF section that holds the manifest (JSON) in an object written by `--emit-elf`.
pub const SECTION: &str = ".beetrace";
/// Name of the ring buffer map, present if any probe emits an event.
pub const RING: &str = "ringbuf";
/// Name of the `BPF_MAP_TYPE_STACK_TRACE` map, present if a stack is taken.
pub const STACKS: &str = "stacks";
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
    /// First byte of the script's own variables.
    pub const VARS: u32 = 48;
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
}

/// Config values that the runtime reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// `max_strlen`, bytes.
    pub max_strlen: u32,
    /// `str_trunc_trailer`: what is printed after a string that was cut.
    pub str_trunc_trailer: String,
    /// `print_maps_on_exit`
    pub print_maps_on_exit: bool,
    /// `perf_rb_pages`: size of the ring buffer in pages; 0 for the default by available memory.
    pub ring_pages: u32,
    /// `missing_probes`
    pub missing_probes: MissingProbes,
    /// `license`
    pub license: String,
    /// `cpp_demangle`
    pub cpp_demangle: bool,
    /// `show_debug_info`: source lines in stacks.
    pub show_debug_info: bool,
    /// `log_size`: bytes of the verifier's log.
    pub log_size: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            max_strlen: 1024,
            str_trunc_trailer: "..".into(),
            print_maps_on_exit: true,
            ring_pages: 0,
            missing_probes: MissingProbes::Error,
            license: "GPL".into(),
            cpp_demangle: true,
            show_debug_info: true,
            log_size: 1_000_000,
        }
    }
}

/// What to do about a probe that can't be attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MissingProbes {
    /// Refuse the script.
    #[default]
    Error,
    /// Say so and go on.
    Warn,
    /// Go on.
    Ignore,
}

/// Index into [`Manifest::maps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MapId(pub u32);

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
}

/// One attach point.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AttachPoint {
    /// The fully expanded name, as `probe` prints it: `tracepoint:syscalls:sys_enter_openat`.
    pub name: String,
    /// Where.
    pub target: Target,
    /// Its place in the script.
    pub span: Span,
}

/// What an attach point attaches to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// Fired once by the runtime when everything is attached.
    Begin,
    /// Fired once by the runtime when everything is detached.
    End,
    /// Fired by the runtime's timer.
    Interval {
        /// Nanoseconds between two firings.
        nanos: u64,
    },
    /// `PERF_COUNT_SW_CPU_CLOCK` on every CPU.
    Profile {
        /// How often.
        period: Period,
    },
    /// A tracepoint by its perf event.
    Tracepoint {
        /// Such as `syscalls`.
        category: String,
        /// Such as `sys_enter_openat`.
        event: String,
    },
    /// A raw tracepoint.
    RawTracepoint {
        /// Its name without the category.
        event: String,
    },
    /// A kprobe or kretprobe.
    Kprobe {
        /// The symbol.
        function: String,
        /// Bytes from its start.
        offset: u64,
        /// On return.
        ret: bool,
    },
    /// A uprobe or uretprobe.
    Uprobe {
        /// The binary.
        path: String,
        /// Offset in the file.
        file_offset: u64,
        /// The symbol, if one was named.
        symbol: String,
        /// On return.
        ret: bool,
    },
}

/// How often a profile probe fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Period {
    /// So many times a second.
    Hertz(u64),
    /// Every so many nanoseconds.
    Nanos(u64),
}

/// What user space does when an event arrives. A record is a u64 index into [`Manifest::actions`], then the values
/// that are named below, each in its stored layout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// `printf`: the values of `args`, in order.
    Printf {
        /// The format string's parts.
        format: Vec<Piece>,
        /// One type for every `Piece::Arg`.
        args: Vec<Type>,
    },
    /// `print(value)`: the value.
    PrintValue {
        /// Its type.
        ty: Type,
    },
    /// `print(@map, top, div)`: two u64, `top` (0: all) and `div` (0 counts as 1).
    PrintMap {
        /// The map.
        map: MapId,
    },
    /// `print(@map[key])`: key, then the value that it had, both in stored layout (an aggregation is read by user space).
    PrintEntry {
        /// The map.
        map: MapId,
    },
    /// `clear(@map)`: nothing follows.
    Clear {
        /// The map.
        map: MapId,
    },
    /// `zero(@map)`: nothing follows.
    Zero {
        /// The map.
        map: MapId,
    },
    /// `time(format)`: nothing follows; strftime(3) format, local time.
    Time {
        /// The format.
        format: String,
    },
    /// `exit(code)`: one i64.
    Exit,
    /// A run-time warning that upstream prints too (a failed delete, say): one i64, the helper's return value.
    Warning {
        /// What was called.
        what: String,
        /// Where.
        span: Span,
    },
}

/// Part of a format string.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Piece {
    /// To be printed as it is.
    Text(String),
    /// The next argument.
    Arg(ArgSpec),
}

/// A conversion, as in printf(3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArgSpec {
    /// `-`
    pub left: bool,
    /// `0`
    pub zero: bool,
    /// `+`
    pub plus: bool,
    /// a space
    pub space: bool,
    /// `#`
    pub alt: bool,
    /// Minimum field width.
    pub width: Option<u32>,
    /// Precision.
    pub precision: Option<u32>,
    /// Bits that the length modifier selects: 64 for none, `l`, `ll`, `j`, `z`; 16 for `h`; 8 for `hh`.
    pub bits: u8,
    /// `d i u x X o c s p r` and so on.
    pub conversion: char,
}
