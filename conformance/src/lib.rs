//! Is what beetrace says true? Cases with real events in known numbers, run on this kernel and in virtual machines.

pub mod archive;
pub mod bench;
pub mod case;
pub mod collect;
pub mod coverage;
pub mod generate;
pub mod packaged;
pub mod report;
pub mod runner;
pub mod seeds;
pub mod tools;
pub mod vm;
