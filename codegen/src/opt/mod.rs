//! The optimiser: a readable list of passes over the IR.
//!
//! The kernel's verifier is the machine that the result must run on, so the passes are conservative on purpose:
//! - loads are never moved, shared or made earlier (a load stays behind its guard);
//! - a computation whose operands are compared anywhere is shared within its block alone (see [`gvn`]), for the
//!   verifier ties a bound to the very value that was compared;
//! - no pass introduces a block parameter, so none makes a pointer of two origins;
//! - masks (`and`) are kept even where they change nothing, since they may be there for the verifier.

use crate::ir::Function;

mod address;
mod dce;
mod flow;
mod fold;
mod gvn;

/// A pass: changes the function and says whether it did.
pub type Pass = fn(&mut Function) -> bool;

/// All passes by name.
pub const PASSES: &[(&str, Pass)] = &[
    // Block parameters that are always the same value.
    ("params", params),
    // Empty blocks, straight lines, branches that are decided.
    ("flow", flow::run),
    // Constants and algebra.
    ("fold", fold::run),
    // Equal computations become one; what costs nothing to compute again moves to the entry.
    ("gvn", gvn::run),
    // Additions into the offsets of loads and stores.
    ("address", address::run),
    // What nobody reads.
    ("dce", dce::run),
];

/// The passes are repeated until nothing changes, but no more often than this: each round finds what the one before
/// has laid bare, and scripts settle in two or three.
const ROUNDS: usize = 8;

/// Optimises a function.
pub fn optimize(f: &mut Function) {
    optimize_with(f, |_, _| {});
}

/// Optimises a function and shows it to `after` when a pass has changed it, with the name of the pass.
pub fn optimize_with(f: &mut Function, mut after: impl FnMut(&str, &Function)) {
    for _ in 0..ROUNDS {
        let mut changed = false;
        for (name, pass) in PASSES {
            if pass(f) {
                changed = true;
                after(name, f);
            }
        }
        if !changed {
            break;
        }
    }
}

/// Runs one pass by its name; `None` if there is no such pass.
pub fn run_pass(name: &str, f: &mut Function) -> Option<bool> {
    PASSES.iter().find(|(n, _)| *n == name).map(|(_, pass)| pass(f))
}

fn params(f: &mut Function) -> bool {
    let blocks = f.blocks.len();
    crate::ir::cfg::drop_unreachable(f);
    crate::ir::cfg::drop_trivial_params(f) | (f.blocks.len() != blocks)
}
