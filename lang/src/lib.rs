//! The language: text to typed HIR. No I/O happens in this crate; the machine is behind [`kernel::Kernel`].

pub mod action;
pub mod ast;
pub mod builtins;
pub mod cdef;
mod check;
pub mod config;
pub mod diag;
pub mod dialect;
mod excerpt;
pub mod expand;
pub mod features;
pub mod fixture;
pub mod fmt;
pub mod format;
pub mod hir;
pub mod kernel;
pub mod metrics;
mod moved;
pub mod parse;
pub mod port;
pub mod prelude;
pub mod probes;
pub mod program;
pub mod reference;
pub mod source;
pub mod types;
pub mod walk;

pub use check::check;
pub use parse::parse;
