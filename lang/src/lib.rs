//! The language: text to typed HIR. No I/O happens in this crate; the machine is behind [`kernel::Kernel`].

pub mod action;
pub mod ast;
pub mod builtins;
mod check;
pub mod config;
pub mod diag;
pub mod fixture;
pub mod format;
pub mod hir;
pub mod kernel;
pub mod parse;
pub mod probes;
pub mod source;
pub mod types;

pub use check::check;
pub use parse::parse;
