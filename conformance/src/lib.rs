//! Is what beetrace says true? Cases with real events in known numbers, run on this kernel and in virtual machines.

pub mod case;
pub mod collect;
pub mod report;
pub mod runner;
pub mod tools;
pub mod vm;
