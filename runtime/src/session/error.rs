//! Why a run failed.

use crate::attach::AttachError;
use crate::load::LoadError;
use std::fmt;
use std::io;

/// Why a run failed.
#[derive(Debug)]
pub enum SessionError {
    /// The script could not be loaded.
    Load(LoadError),
    /// A probe could not be attached.
    Attach(AttachError),
    /// The command of `-c` could not be started.
    Command(String),
    /// Something of the system failed.
    System(io::Error),
    /// The output could not be written.
    Output(io::Error),
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionError::Load(e) => e.fmt(f),
            SessionError::Attach(e) => e.fmt(f),
            SessionError::Command(e) => f.write_str(e),
            SessionError::System(e) => write!(f, "the system refuses: {e}"),
            SessionError::Output(e) => write!(f, "the output can't be written: {e}"),
        }
    }
}

impl From<io::Error> for SessionError {
    fn from(e: io::Error) -> Self {
        SessionError::System(e)
    }
}
