//! Stacks and symbols as text.

use super::value::address;
use crate::sink::Frame;
use lang::types::StackMode;
use std::io::Write as _;

/// Indentation of a frame of a stack.
const INDENT: &str = "        ";

/// A symbol alone, or the address if nothing is known.
pub(super) fn symbol(out: &mut Vec<u8>, frame: &Frame, value: u64) {
    match &frame.symbol {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => address(out, value),
    }
}

/// A stack starts on a new line and ends with one.
pub(super) fn stack(out: &mut Vec<u8>, frames: &[Frame], mode: StackMode, user: bool) {
    out.push(b'\n');
    for frame in frames {
        if frame.address == u64::MAX {
            let _ = writeln!(out, "{INDENT}<unwind failure>");
            break;
        }
        match mode {
            StackMode::Raw if frame.inlined => continue,
            StackMode::BuildId => match &frame.symbol {
                Some(id) => {
                    let _ = write!(out, "{id} {:#x}", frame.offset);
                }
                None => {
                    let _ = write!(out, "{:x}", frame.address);
                }
            },
            StackMode::Raw => {
                let _ = write!(out, "{:x}", frame.address);
            }
            StackMode::Perf => perf_frame(out, frame, user),
            StackMode::Bpftrace => plain_frame(out, frame),
        }
        out.push(b'\n');
    }
}

fn plain_frame(out: &mut Vec<u8>, frame: &Frame) {
    out.extend_from_slice(INDENT.as_bytes());
    let Some(name) = &frame.symbol else { return address(out, frame.address) };
    let _ = if frame.inlined { write!(out, "[inlined] {name}") } else { write!(out, "{name}+{}", frame.offset) };
    if let Some((file, line)) = &frame.source {
        let _ = write!(out, "@{file}:{line}");
    }
}

/// Kernel frames go without their module, as in bpftrace.
fn perf_frame(out: &mut Vec<u8>, frame: &Frame, user: bool) {
    let _ = write!(out, "\t{:x} ", frame.address);
    match &frame.symbol {
        Some(name) if frame.inlined => {
            let _ = write!(out, "{name} (inlined)");
            return;
        }
        Some(name) => {
            let _ = write!(out, "{name}+{}", frame.offset);
        }
        None => address(out, frame.address),
    }
    if user {
        let module = frame.module.as_deref().filter(|_| frame.symbol.is_some());
        let _ = write!(out, " ({})", module.unwrap_or("[unknown]"));
    }
}
