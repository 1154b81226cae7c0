//! The language: text to typed HIR. No I/O happens in this crate; the machine is behind [`kernel::Kernel`].

pub mod kernel;
pub mod source;
pub mod types;
