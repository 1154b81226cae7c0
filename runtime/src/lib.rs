//! Loading, attaching, events, maps and output; and the machine as the compiler sees it.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod attach;
pub mod caps;
pub mod child;
pub mod cli;
pub mod driver;
pub mod files;
pub mod help;
pub mod info;
pub mod kernel;
pub mod list;
pub mod load;
pub mod mappings;
pub mod maps;
pub mod metrics;
pub mod modes;
pub mod output;
pub mod rewrite;
pub mod say;
mod script_help;
pub mod session;
pub mod sink;
pub mod symbols;
pub mod sys;
pub mod tools;
pub mod verifier;
pub mod world;
