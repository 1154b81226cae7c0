//! Actions that user space carries out when their event arrives.

use crate::format::Piece;
use crate::source::Span;
use crate::types::Type;
use serde::{Deserialize, Serialize};

/// Index into a script's list of maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MapId(pub u32);

/// What user space does when an event arrives. A record is a u64 index into the manifest's list of actions, then the values
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
