//! What some events do besides printing a value: files are read, commands run, strings joined.

use super::printf::printf;
use super::value::{Show, slice, string};
use codegen::manifest::Piece;
use lang::types::Type;
use std::io::Read;
use std::process::{Command, Stdio};

/// The text that a format makes of its values.
pub(super) fn formatted(format: &[Piece], args: &[Type], payload: &[u8], show: &mut Show<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    printf(&mut out, format, args, payload, show);
    out
}

/// The beginning of a file; the error is a sentence.
pub(super) fn cat(path: &[u8], most: u32) -> Result<Vec<u8>, String> {
    let path = String::from_utf8_lossy(path).into_owned();
    let mut out = Vec::new();
    let file = std::fs::File::open(&path).map_err(|e| format!("failed to open file '{path}' ({})", reason(&e)))?;
    file.take(u64::from(most)).read_to_end(&mut out).map_err(|e| format!("failed to read file '{path}': {}", reason(&e)))?;
    Ok(out)
}

/// An error without Rust's `(os error N)`.
fn reason(e: &std::io::Error) -> String {
    let text = e.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_string()
}

/// What a shell command prints; the error is a sentence.
pub(super) fn system(command: &[u8]) -> Result<Vec<u8>, String> {
    let command = String::from_utf8_lossy(command).into_owned();
    let out = Command::new("/bin/sh").arg("-c").arg(&command).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    out.map(|o| o.stdout).map_err(|e| format!("`{command}` can't be run: {}", reason(&e)))
}

/// The strings of a `join` record, `size` bytes each; one that begins with 0xff is not there.
pub(super) fn join(payload: &[u8], size: u32, separator: &[u8]) -> Vec<u8> {
    let step = size.next_multiple_of(8) as usize;
    let mut out = Vec::new();
    for i in 0..payload.len() / step.max(1) {
        let one = slice(payload, i * step, step);
        if one.first() == Some(&0xff) {
            break;
        }
        if i > 0 {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(string(one, size));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_strings_end_where_none_is() {
        let mut payload = b"ls\0\0\0\0\0\0-l\0\0\0\0\0\0".to_vec();
        payload.extend([0xff; 8]);
        assert_eq!(join(&payload, 8, b" "), b"ls -l");
        assert_eq!(join(&[0xff; 8], 8, b" "), b"");
    }

    #[test]
    fn files_and_commands() {
        assert!(cat(b"/proc/version", 5).is_ok_and(|t| t == b"Linux"));
        assert!(cat(b"/does/not/exist", 5).unwrap_err().contains("No such file"));
        assert_eq!(system(b"echo $((1 + 2))").unwrap(), b"3\n");
    }
}
