//! Output: events and maps become text, as bpftrace 0.27 writes it.
//!
//! - [`text`]: the sink, which owns the stream and its buffering;
//! - `printf`: conversions;
//! - `value`: one value of any type, stacks and symbols;
//! - `aggregate`: the values of all CPUs made one;
//! - `maps`: whole maps, their order and layout;
//! - `hist`: histograms.

mod aggregate;
mod hist;
mod maps;
mod printf;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod text;
mod value;
