//! The language: text to typed HIR. No I/O happens in this crate; the machine is behind [`kernel::Kernel`].

pub mod ast;
pub mod diag;
pub mod format;
pub mod kernel;
pub mod parse;
pub mod source;
pub mod types;

pub use parse::parse;
