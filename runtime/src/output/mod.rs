//! Output: events and maps become text, as bpftrace 0.27 writes it.
//!
//! - [`text`], [`json`]: the sinks;
//! - [`stream`]: what they share, the stream and its buffering;
//! - `printf`: conversions;
//! - `value`: one value of any type; with it `record` (structures, enumerations), `stack` (stacks, symbols), `bytes`, `net`, `gfp`;
//! - `host`: what these must know of the machine: users, control groups, the time;
//! - `aggregate`: the values of all CPUs made one;
//! - `maps`: whole maps, their order and layout;
//! - [`folded`], [`flame`]: stacks for flame graphs, and the graphs;
//! - [`live`]: maps redrawn in place on a terminal;
//! - `hist`, `tseries`: histograms and time series;
//! - `report`: the functions on top of the stacks of a map;
//! - `syscall`: system calls with their arguments.

mod aggregate;
mod bytes;
mod effects;
pub mod flame;
pub mod folded;
mod gfp;
mod hist;
mod host;
pub mod json;
#[cfg(test)]
mod json_tests;
mod json_value;
pub mod live;
mod maps;
mod net;
mod printf;
mod record;
mod report;
mod stack;
pub mod stream;
mod syscall;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod text;
mod tseries;
mod value;
