//! Loading, attaching, events, maps and output; and the machine as the compiler sees it.

pub mod attach;
pub mod caps;
pub mod child;
pub mod cli;
pub mod driver;
pub mod kernel;
pub mod list;
pub mod load;
pub mod mappings;
pub mod maps;
pub mod output;
pub mod session;
pub mod sink;
pub mod symbols;
pub mod sys;
pub mod verifier;
pub mod world;
