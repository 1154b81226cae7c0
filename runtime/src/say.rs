//! Words on standard output and standard error that no sink carries.
//!
//! `println!` and `eprintln!` panic when the reader has gone (`2>&1 | head`); what is said here is not said then, and
//! the exit code stays that of the run. The lints `print_stdout` and `print_stderr` keep it the only way.

use std::io::{self, Write};

/// `text` as it is, on standard output.
pub fn out(text: &str) {
    let mut stream = io::stdout().lock();
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}

/// `text` as it is, on standard error.
pub fn err(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
