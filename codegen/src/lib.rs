//! Typed HIR to BPF: lowering, optimisation, instruction selection, register allocation, ELF. No I/O.

pub mod btf;
pub mod compile;
pub mod copies;
pub mod disasm;
pub mod elf;
pub mod emit;
pub mod error;
pub mod frame;
pub mod insn;
pub mod ir;
pub mod isel;
mod lower;
pub mod manifest;
pub mod opt;
pub mod regalloc;
pub mod vcode;

pub use compile::{Target, Task, compile, compile_to_elf, compile_with, reads_task};
