//! Loading, attaching, events, maps and output.

pub mod sink;
