//! Typed HIR to BPF: lowering, optimisation, instruction selection, register allocation, ELF. No I/O.

pub mod ir;
pub mod manifest;
pub mod opt;
