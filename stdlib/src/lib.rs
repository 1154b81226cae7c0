//! Data that ships with beetrace: tables of constants and of probe pairs, the prelude, the tools. No code of the compiler.

pub mod calls;
pub mod constants;
pub mod pairs;
pub mod prelude;
pub mod tools;
