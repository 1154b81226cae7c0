//! Actions that user space carries out when their event arrives.

use crate::format::Piece;
use crate::source::Span;
use crate::types::Type;
use serde::{Deserialize, Serialize};

/// Index into a script's list of maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MapId(pub u32);

/// Which values of a format string are packed, asked in order: long strings, of which a record has only the bytes that there are, with
/// the NUL behind them unless they fill their type. They follow all other values.
#[derive(Debug)]
pub struct Packing {
    left: u32,
}

/// Strings up to this many bytes are not worth it.
const SHORT: u32 = 64;
/// Bytes that packed strings of one record may have together: they are put together in per-CPU memory, of which there is not much.
const MOST: u32 = 8192;

impl Packing {
    /// For one list of values.
    pub fn new() -> Packing {
        Packing { left: MOST }
    }

    /// Whether the next value is packed; then the bytes that it has at the most.
    pub fn next(&mut self, ty: &Type) -> Option<u32> {
        let Type::Str(size) = *ty else { return None };
        let fits = size > SHORT && size <= self.left;
        self.left -= if fits { size } else { 0 };
        fits.then_some(size)
    }
}

impl Default for Packing {
    fn default() -> Self {
        Packing::new()
    }
}

impl Action {
    /// Whether the action's values are those of a format string.
    pub fn has_format(&self) -> bool {
        matches!(self, Action::Printf { .. } | Action::Message { .. } | Action::Cat { .. } | Action::System { .. })
    }
}

/// What user space does when an event arrives. A record is a u64 index into the manifest's list of actions, then the values
/// that are named below, each in its stored layout. Values of a format string are told apart by [`Packing`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// `printf`: the values of `args`, those that are not packed before those that are, otherwise in order.
    Printf {
        /// The format string's parts.
        format: Vec<Piece>,
        /// One type for every `Piece::Arg`.
        args: Vec<Type>,
    },
    /// `errorf`, `warnf`: as `printf`, as a message with its place.
    Message {
        /// `ERROR` rather than `WARNING`.
        error: bool,
        /// The format string's parts.
        format: Vec<Piece>,
        /// One type for every `Piece::Arg`.
        args: Vec<Type>,
        /// Where.
        span: Span,
    },
    /// `cat`: prints the file that the format names.
    Cat {
        /// The format string's parts.
        format: Vec<Piece>,
        /// One type for every `Piece::Arg`.
        args: Vec<Type>,
    },
    /// `system`: runs the command that the format makes.
    System {
        /// The format string's parts.
        format: Vec<Piece>,
        /// One type for every `Piece::Arg`.
        args: Vec<Type>,
    },
    /// `join`: strings of `size` bytes each, empty ones at the end; a u64 with their number comes first.
    Join {
        /// What stands between them.
        separator: Vec<u8>,
        /// Bytes of each.
        size: u32,
    },
    /// `skboutput`: not in the ring but in the buffer of packets. Three u64: `CLOCK_BOOTTIME` ns, how many bytes of the packet follow,
    /// and how many of them are left out at the beginning.
    Packet {
        /// The pcap file.
        path: String,
    },
    /// `unwatch`: one u64, the address.
    Unwatch,
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
    /// `report(@map, rows)`: one u64, `rows` (0: all).
    Report {
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
        /// What happened; empty: the system's text for the error says it.
        what: String,
        /// The helper that failed.
        #[serde(default)]
        helper: Option<String>,
        /// Where.
        span: Span,
    },
}
