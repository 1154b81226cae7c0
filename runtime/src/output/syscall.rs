//! System calls as strace(1) prints them.

mod shapes;

use super::value::{slice, word};
use lang::types::call;
use std::collections::HashMap;
use std::io::Write as _;
use stdlib::calls::{self, Call, Kind, Names};
use stdlib::constants::{errno_name, strerror, syscall_name};

/// Column of the result.
const RESULT_COLUMN: usize = 40;
/// Results of -1 to -4095 are errors (include/linux/err.h).
const MAX_ERRNO: i64 = 4095;
/// Results that only the kernel sees; the call begins anew or becomes EINTR (include/linux/errno.h).
const RESTARTS: &[(i64, &str, &str)] = &[
    (512, "ERESTARTSYS", "To be restarted if SA_RESTART is set"),
    (513, "ERESTARTNOINTR", "To be restarted"),
    (514, "ERESTARTNOHAND", "To be restarted if no handler"),
    (516, "ERESTART_RESTARTBLOCK", "Interrupted by signal"),
];

/// What is known of calls, filled as they are seen.
#[derive(Debug, Default)]
pub(super) struct Calls {
    known: HashMap<i64, Call>,
    sets: HashMap<&'static str, Names>,
}

/// A call as it is stored.
struct Seen<'a> {
    bytes: &'a [u8],
    room: usize,
    /// Bytes of data that print.
    shown: usize,
    result: Option<i64>,
}

impl Seen<'_> {
    fn arg(&self, i: usize) -> u64 {
        call::ARGS.get(i).map_or(0, |at| word(self.bytes, *at as usize))
    }

    /// What was read of a piece of memory; nothing if it could not be.
    fn piece(&self, i: usize) -> Option<&[u8]> {
        if self.room == 0 {
            return None;
        }
        let at = call::REGISTERS as usize + i * (8 + self.room.next_multiple_of(8));
        let length = usize::try_from(word(self.bytes, at) as i64).ok()?;
        Some(slice(self.bytes, at + 8, length.min(self.room)))
    }
}

impl Calls {
    /// Appends the call that `bytes` are.
    pub fn print(&mut self, out: &mut Vec<u8>, bytes: &[u8], room: u32, shown: u32, returned: bool) {
        let number = word(bytes, call::NUMBER as usize) as i64;
        let result = returned.then(|| word(bytes, call::RESULT as usize) as i64);
        let known = self.known.entry(number).or_insert_with(|| calls::call(number).unwrap_or_else(|| from_format(number))).clone();
        let seen = Seen { bytes, room: room as usize, shown: shown as usize, result };
        let start = out.len();
        match known.name {
            "" => {
                let _ = write!(out, "syscall_{number}");
            }
            name => out.extend_from_slice(name.as_bytes()),
        }
        out.push(b'(');
        let mut piece = 0;
        let memory = known.memory();
        for (i, kind) in known.args.iter().enumerate() {
            if self.left_out(&known, i, &seen) {
                break;
            }
            if i > 0 {
                out.extend_from_slice(b", ");
            }
            let data = match memory.get(piece) {
                Some(m) if usize::from(m.arg) == i => {
                    piece += 1;
                    Some(seen.piece(piece - 1))
                }
                _ => None,
            };
            self.argument(out, known.name, *kind, i, &seen, data.flatten());
        }
        let Some(result) = result else { return };
        out.push(b')');
        while out.len() - start < RESULT_COLUMN - 1 {
            out.push(b' ');
        }
        out.extend_from_slice(b" = ");
        print_result(out, known.result, result);
    }

    /// The mode of an open that creates nothing, and what else is not looked at.
    fn left_out(&self, known: &Call, i: usize, seen: &Seen<'_>) -> bool {
        // O_CREAT, and the bit of O_TMPFILE that is its own (include/uapi/asm-generic/fcntl.h).
        const CREATES: u64 = 0o100 | 0o20000000;
        // F_GETFD, F_GETFL, F_GETOWN, F_GETPIPE_SZ, F_GET_SEALS (include/uapi/linux/fcntl.h).
        const WITHOUT: [u64; 5] = [1, 3, 9, 1032, 1034];
        match (known.name, i) {
            ("open", 2) => seen.arg(1) & CREATES == 0,
            ("openat", 3) => seen.arg(2) & CREATES == 0,
            ("fcntl", 2) => WITHOUT.contains(&seen.arg(1)),
            // FUTEX_WAKE takes three.
            ("futex", 3) => matches!(seen.arg(1) & 0x7f, 1 | 7),
            ("futex", 4) => matches!(seen.arg(1) & 0x7f, 0 | 1 | 7 | 6),
            ("futex", 5) => matches!(seen.arg(1) & 0x7f, 0 | 10),
            ("mremap", 4) => seen.arg(3) & 2 == 0,
            _ => false,
        }
    }

    fn argument(&mut self, out: &mut Vec<u8>, name: &str, kind: Kind, i: usize, seen: &Seen<'_>, data: Option<&[u8]>) {
        let value = seen.arg(i);
        let failed = seen.result.is_none_or(|r| r < 0);
        let _ = match kind {
            Kind::Int => write!(out, "{}", value as i32),
            Kind::Uint => write!(out, "{}", value as u32),
            Kind::Long => write!(out, "{}", value as i64),
            Kind::Size | Kind::Never => write!(out, "{value}"),
            Kind::Hex if value == 0 => write!(out, "0"),
            Kind::Hex => write!(out, "{value:#x}"),
            Kind::Mode => write!(out, "0{:o}", value as u32),
            Kind::Dir if value as i32 == -100 => write!(out, "AT_FDCWD"),
            Kind::Dir => write!(out, "{}", value as i32),
            Kind::Signal => match stdlib::constants::signal_name(value as i32 as i64) {
                Some(name) => write!(out, "{name}"),
                None => write!(out, "{}", value as i32),
            },
            Kind::Flags(set) => {
                self.flags(out, set, value);
                Ok(())
            }
            Kind::One(set) => {
                self.one(out, set, value);
                Ok(())
            }
            _ if value == 0 => write!(out, "NULL"),
            Kind::Out | Kind::Filled(_) | Kind::FilledMany(_) if failed => write!(out, "{value:#x}"),
            _ => match data {
                None => write!(out, "{value:#x}"),
                Some(data) => {
                    self.memory(out, name, kind, seen, data);
                    Ok(())
                }
            },
        };
    }

    fn memory(&mut self, out: &mut Vec<u8>, name: &str, kind: Kind, seen: &Seen<'_>, data: &[u8]) {
        match kind {
            Kind::Text => {
                // The NUL that ends it is missing if there was no room for more.
                let text = data.strip_suffix(&[0]).unwrap_or(data);
                quoted(out, text);
                if data.len() >= seen.room {
                    out.extend_from_slice(b"...");
                }
            }
            Kind::In(_) | Kind::Out => {
                let whole = match kind {
                    Kind::In(n) => seen.arg(usize::from(n)),
                    _ => seen.result.map_or(0, |r| r as u64),
                };
                let shown = slice(data, 0, seen.shown);
                quoted(out, shown);
                if whole > shown.len() as u64 {
                    out.extend_from_slice(b"...");
                }
            }
            Kind::Address(_) => self.address(out, data),
            Kind::Struct(s) | Kind::Filled(s) => self.shape(out, name, s, data),
            Kind::Structs(s, _) | Kind::FilledMany(s) => {
                let whole = match kind {
                    Kind::Structs(_, n) => seen.arg(usize::from(n)),
                    _ => seen.result.map_or(0, |r| r as u64),
                };
                out.push(b'[');
                let mut count = 0;
                for one in data.chunks_exact(usize::from(s.size())) {
                    if count > 0 {
                        out.extend_from_slice(b", ");
                    }
                    self.shape(out, name, s, one);
                    count += 1;
                }
                if count < whole {
                    out.extend_from_slice(if count > 0 { b", ..." } else { b"..." });
                }
                out.push(b']');
            }
            _ => {}
        }
    }

    fn names(&mut self, set: &'static str) -> &Names {
        self.sets.entry(set).or_insert_with(|| calls::names_of(set).unwrap_or_default())
    }

    /// The name of a value; the value itself if it has none.
    fn one(&mut self, out: &mut Vec<u8>, set: &'static str, value: u64) {
        let value = u64::from(value as u32);
        match self.names(set).iter().find(|n| n.1 == value) {
            Some((name, _)) => out.extend_from_slice(name.as_bytes()),
            None => {
                let _ = write!(out, "{value:#x}");
            }
        }
    }

    fn flags(&mut self, out: &mut Vec<u8>, set: &'static str, value: u64) {
        let start = out.len();
        let value = u64::from(value as u32);
        // Some have a number in their low bits, and some a name for none.
        let mut left = match set {
            "open" => {
                if value & 3 == 0 {
                    out.extend_from_slice(b"O_RDONLY");
                }
                // O_LARGEFILE, which every program of 64 bits has without asking.
                value & !0o100000
            }
            "socktype" if value & 0xf != 0 => {
                self.one(out, "sockkind", value & 0xf);
                value & !0xf
            }
            "futex" => {
                self.one(out, "futexop", value & 0x7f);
                return self.futex_flags(out, value);
            }
            _ => value,
        };
        for (name, bits) in self.names(set) {
            if *bits != 0 && left & bits == *bits {
                left &= !bits;
                separate(out, start);
                out.extend_from_slice(name.as_bytes());
            }
        }
        // The signal that tells the parent, in the low byte.
        if set == "clone" && left & 0xff != 0 {
            separate(out, start);
            match stdlib::constants::signal_name((left & 0xff) as i64) {
                Some(name) => out.extend_from_slice(name.as_bytes()),
                None => drop(write!(out, "{}", left & 0xff)),
            }
            left &= !0xff;
        }
        if left != 0 || out.len() == start {
            separate(out, start);
            let none = match set {
                "prot" => "PROT_NONE",
                "access" => "F_OK",
                _ => "0",
            };
            let _ = if left == 0 { write!(out, "{none}") } else { write!(out, "{left:#x}") };
        }
    }

    /// `FUTEX_WAIT_PRIVATE` is one word for a call and a flag.
    fn futex_flags(&mut self, out: &mut Vec<u8>, value: u64) {
        if value & 0x80 != 0 {
            out.extend_from_slice(b"_PRIVATE");
        }
        if value & 0x100 != 0 {
            out.extend_from_slice(b"|FUTEX_CLOCK_REALTIME");
        }
    }
}

fn separate(out: &mut Vec<u8>, start: usize) {
    if out.len() > start {
        out.push(b'|');
    }
}

fn print_result(out: &mut Vec<u8>, kind: Kind, result: i64) {
    if let Some((_, name, text)) = RESTARTS.iter().find(|r| r.0 == -result) {
        let _ = write!(out, "? {name} ({text})");
        return;
    }
    let _ = match kind {
        Kind::Never => write!(out, "?"),
        _ if (-MAX_ERRNO..0).contains(&result) => match (errno_name(-result), strerror(-result)) {
            (Some(name), Some(text)) => write!(out, "-1 {name} ({text})"),
            _ => write!(out, "-1 (errno {})", -result),
        },
        Kind::Hex => write!(out, "{result:#x}"),
        Kind::Mode => write!(out, "0{result:o}"),
        _ => write!(out, "{result}"),
    };
}

/// Bytes between quotes: what C escapes with a letter, everything else that does not print in octal.
fn quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for (i, b) in bytes.iter().enumerate() {
        let letter = match b {
            b'\n' => b'n',
            b'\t' => b't',
            b'\r' => b'r',
            0x0b => b'v',
            0x0c => b'f',
            b'"' | b'\\' => *b,
            b' '..=b'~' => {
                out.push(*b);
                continue;
            }
            _ => {
                // All three digits only where one follows.
                let digit = bytes.get(i + 1).is_some_and(u8::is_ascii_digit);
                let _ = if digit { write!(out, "\\{b:03o}") } else { write!(out, "\\{b:o}") };
                continue;
            }
        };
        out.extend([b'\\', letter]);
    }
    out.push(b'"');
}

/// A call that the table has not: by the fields of its tracepoint.
fn from_format(number: i64) -> Call {
    let name = syscall_name(number).unwrap_or("");
    let path = format!("/sys/kernel/tracing/events/syscalls/sys_enter_{name}/format");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    Call { name, args: fields(&text), result: Kind::Long }
}

/// Kinds of the fields of a system call's format, behind the number.
fn fields(format: &str) -> Vec<Kind> {
    let all = format.lines().filter_map(|l| l.trim().strip_prefix("field:")?.split(';').next());
    let args = all.skip_while(|f| !f.ends_with("__syscall_nr")).skip(1);
    let kind = |field: &str| match field.rsplit_once(' ').map_or("", |f| f.0) {
        t if t.contains('*') => Kind::Ptr,
        "int" | "pid_t" | "key_t" => Kind::Int,
        "unsigned int" | "u32" | "uid_t" | "gid_t" => Kind::Uint,
        "umode_t" => Kind::Mode,
        "long" | "loff_t" | "off_t" => Kind::Long,
        "size_t" => Kind::Size,
        _ => Kind::Hex,
    };
    args.take(call::ARGS.len()).map(kind).collect()
}

#[cfg(test)]
mod tests;
