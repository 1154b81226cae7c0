//! System calls that no library of ours covers: bpf(2), perf_event_open(2), mount(2), signals and timers.

pub mod batch;
pub mod bpf;
pub mod cpus;
pub mod mount;
pub mod perf;
pub mod records;
pub mod wait;
