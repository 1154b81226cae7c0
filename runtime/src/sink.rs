//! The seam between the session (which reads the kernel) and the output (which makes text of it).

use codegen::manifest::{Action, MapId};
use std::io;

/// One entry of a map as the kernel holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key's bytes; empty for a map without keys.
    pub key: Vec<u8>,
    /// The value's bytes: one element, or one for every possible CPU of a per-CPU map.
    pub values: Vec<Vec<u8>>,
}

/// One line of a symbolised stack (an inlined function is a frame of its own).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The instruction's address.
    pub address: u64,
    /// The function, demangled if asked for; `None` if nothing is known.
    pub symbol: Option<String>,
    /// Bytes from the function's start.
    pub offset: u64,
    /// The kernel module or the file name of the binary.
    pub module: Option<String>,
    /// Source file and line.
    pub source: Option<(String, u32)>,
    /// The function was inlined into the next frame.
    pub inlined: bool,
}

/// What the output may ask of the running session.
pub trait World {
    /// All entries of a map; none for a `Storage::Global` that was never assigned.
    fn entries(&mut self, map: MapId) -> io::Result<Vec<Entry>>;
    /// The frames of a kernel stack by its id, innermost first, at most `limit`.
    fn kernel_stack(&mut self, id: i64, limit: u16) -> Vec<Frame>;
    /// The frames of a user stack that was taken as build ids: the id as the symbol, the offset in that file; an address alone where
    /// the file has no id.
    fn build_ids(&mut self, _id: i64, _limit: u16) -> Vec<Frame> {
        Vec::new()
    }
    /// The frames of a user stack of process `pid`.
    fn user_stack(&mut self, id: i64, pid: u32, limit: u16) -> Vec<Frame>;
    /// The symbol at a kernel address.
    fn kernel_symbol(&mut self, address: u64) -> Frame;
    /// The symbol at an address of process `pid`.
    fn user_symbol(&mut self, address: u64, pid: u32) -> Frame;
}

/// What was lost so far. All counts are totals since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Events that found the ring buffer full.
    pub events: u64,
    /// Map updates refused because the map was full.
    pub updates: u64,
    /// Stacks that could not be taken or stored.
    pub stacks: u64,
}

/// Where a session's events go.
pub trait Sink {
    /// Everything is attached: so many attach points.
    fn attached(&mut self, probes: usize) -> io::Result<()>;
    /// An event that prints. `payload` is what follows the action's number. `Clear` and `Zero` are
    /// carried out by the session after the sink has heard of them; `Exit` is the session's own.
    fn event(&mut self, action: &Action, payload: &[u8], world: &mut dyn World) -> io::Result<()>;
    /// End of the run, to be called whether `print_maps_on_exit` is set or not: prints every map that has something in it if it is.
    fn maps(&mut self, world: &mut dyn World) -> io::Result<()>;
    /// Something was lost since the last call; called at most once a second and at the end.
    fn lost(&mut self, now: Losses, before: Losses) -> io::Result<()>;
    /// Text of the runtime's own, among that of the script.
    fn text(&mut self, text: &str) -> io::Result<()>;
    /// A `test` probe has run for so many nanoseconds.
    fn tested(&mut self, name: &str, passed: bool, nanos: u64) -> io::Result<()>;

    /// The results of benchmarks.
    fn benchmarks(&mut self, results: &[crate::modes::Bench]) -> io::Result<()>;
    /// What the probes have cost.
    fn costs(&mut self, costs: &[crate::stats::Cost]) -> io::Result<()>;
    /// How often [`Sink::refresh`] is to be called at least, and a descriptor to wait for besides; nothing if never.
    fn pace(&self) -> Option<(std::time::Duration, std::os::fd::BorrowedFd<'_>)> {
        None
    }
    /// Time has passed, or the descriptor is readable. True if the user wants the end.
    fn refresh(&mut self, _world: &mut dyn World) -> io::Result<bool> {
        Ok(false)
    }
    /// A batch of events is done: flush if the buffering mode asks for it.
    fn flush(&mut self) -> io::Result<()>;
    /// The output can't be written any more: events have their effects, but print nothing.
    fn mute(&mut self);
}
