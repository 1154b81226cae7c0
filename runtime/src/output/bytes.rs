//! Buffers as text.

use super::value::{slice, word};
use std::io::Write as _;

/// The bytes of a stored buffer: the word in front says how many they are.
pub(super) fn buffer(bytes: &[u8], size: u32) -> &[u8] {
    slice(bytes, 8, word(bytes, 0).min(u64::from(size)) as usize)
}

/// `%r`: text, with `\xff` for what is none.
pub(super) fn escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    for b in bytes {
        if matches!(b, b' '..=b'~') {
            out.push(*b);
        } else {
            let _ = write!(out, "\\x{b:02x}");
        }
    }
}

/// `%rx`: `\x61\xff`.
pub(super) fn all_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    for b in bytes {
        let _ = write!(out, "\\x{b:02x}");
    }
}

/// `%rh`: `61 ff`.
pub(super) fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for (i, b) in bytes.iter().enumerate() {
        let _ = write!(out, "{}{b:02x}", if i > 0 { " " } else { "" });
    }
}
