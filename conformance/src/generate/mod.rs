//! Programs made at random, what they must print by an evaluator of its own, and what the kernel makes of them.
//!
//! `tree` is the language of these programs, `grammar` and `exprs` make them from a seed, `eval` works out what they print, `render`
//! writes them as scripts, `run` compares, `shrink` makes failures small.

mod eval;
mod exprs;
mod grammar;
mod render;
mod rng;
mod run;
mod show;
mod shrink;
mod tree;

pub use run::{Failure, Machine, Options, Summary, run, scripts};
