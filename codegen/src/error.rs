//! What can go wrong between the IR and the object.

use crate::ir::verify::Broken;
use std::fmt;

/// Bytes of stack that a BPF program has: `MAX_BPF_STACK` in include/linux/filter.h.
pub const MAX_STACK: u32 = 512;

/// Why no object was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The IR breaks an invariant: a bug in lowering or in a pass.
    Ir(Broken),
    /// The function needs more stack than there is.
    Stack {
        /// The function.
        function: String,
        /// What it needs, bytes; more than [`MAX_STACK`].
        bytes: u32,
    },
    /// A jump is farther than the 16 bits of its offset reach.
    Jump {
        /// The function.
        function: String,
    },
    /// The register allocator gave up, or its checker found its result wrong: a bug.
    Registers {
        /// The function.
        function: String,
        /// What it said.
        message: String,
    },
    /// The ELF writer refused something, such as a name with a NUL.
    Elf(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Ir(broken) => write!(f, "malformed IR: {broken}"),
            Error::Stack { function, bytes } => {
                write!(f, "{function} needs {bytes} bytes of stack; the kernel gives a program {MAX_STACK}")
            }
            Error::Jump { function } => write!(f, "{function} is too long: a jump reaches 32767 instructions"),
            Error::Registers { function, message } => {
                write!(f, "register allocation of {function}: {message}")
            }
            Error::Elf(message) => write!(f, "writing the ELF object: {message}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<Broken> for Error {
    fn from(broken: Broken) -> Self {
        Error::Ir(broken)
    }
}
