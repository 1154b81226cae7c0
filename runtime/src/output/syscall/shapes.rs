//! Structures that system calls take and fill, as strace(1) shortens them.

use super::super::value::word;
use super::{Calls, quoted};
use std::io::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use stdlib::calls::Shape;

/// Families of addresses (include/linux/socket.h).
const UNIX: u16 = 1;
const INET: u16 = 2;
const INET6: u16 = 10;

fn half(data: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([data.get(at).copied().unwrap_or(0), data.get(at + 1).copied().unwrap_or(0)])
}

fn int(data: &[u8], at: usize) -> u32 {
    u32::from(half(data, at)) | u32::from(half(data, at + 2)) << 16
}

impl Calls {
    pub(super) fn shape(&mut self, out: &mut Vec<u8>, call: &str, shape: Shape, data: &[u8]) {
        if data.len() < usize::from(shape.size()) {
            out.extend_from_slice(b"...");
            return;
        }
        let _ = match shape {
            Shape::Timespec => write!(out, "{{tv_sec={}, tv_nsec={}}}", word(data, 0) as i64, word(data, 8)),
            Shape::Timeval => write!(out, "{{tv_sec={}, tv_usec={}}}", word(data, 0) as i64, word(data, 8)),
            Shape::Int if call == "wait4" => {
                wait_status(out, int(data, 0));
                Ok(())
            }
            Shape::Int => write!(out, "[{}]", int(data, 0) as i32),
            Shape::IntPair => write!(out, "[{}, {}]", int(data, 0) as i32, int(data, 4) as i32),
            Shape::Iovec => write!(out, "{{iov_base={:#x}, iov_len={}}}", word(data, 0), word(data, 8)),
            Shape::Winsize => {
                let n = |at| half(data, at);
                write!(out, "{{ws_row={}, ws_col={}, ws_xpixel={}, ws_ypixel={}}}", n(0), n(2), n(4), n(6))
            }
            Shape::Rlimit => {
                let limit = |at| match word(data, at) {
                    u64::MAX => "RLIM64_INFINITY".to_string(),
                    n if n % 1024 == 0 && n > 0 => format!("{}*1024", n / 1024),
                    n => n.to_string(),
                };
                write!(out, "{{rlim_cur={}, rlim_max={}}}", limit(0), limit(8))
            }
            Shape::Sigset => {
                signals(out, word(data, 0));
                Ok(())
            }
            Shape::Pollfd => {
                let _ = write!(out, "{{fd={}, events=", int(data, 0) as i32);
                self.flags(out, "poll", u64::from(half(data, 4)));
                if half(data, 6) != 0 {
                    out.extend_from_slice(b", revents=");
                    self.flags(out, "poll", u64::from(half(data, 6)));
                }
                write!(out, "}}")
            }
            Shape::EpollEvent => {
                out.extend_from_slice(b"{events=");
                self.flags(out, "epoll", u64::from(int(data, 0)));
                write!(out, ", data={:#x}}}", u64::from(int(data, 4)) | u64::from(int(data, 8)) << 32)
            }
            Shape::Stat => {
                // struct stat of x86-64 (arch/x86/include/uapi/asm/stat.h).
                let mode = int(data, 24);
                out.extend_from_slice(b"{st_mode=");
                self.one(out, "filetype", u64::from(mode & 0o170000));
                let _ = write!(out, "|0{:o}, ", mode & 0o7777);
                // Devices have no size but a number.
                if matches!(mode & 0o170000, 0o020000 | 0o060000) {
                    let dev = word(data, 40);
                    let (major, minor) = (dev >> 8 & 0xfff, dev & 0xff | dev >> 12 & 0xfff00);
                    write!(out, "st_rdev=makedev({major:#x}, {minor:#x}), ...}}")
                } else {
                    write!(out, "st_size={}, ...}}", word(data, 48) as i64)
                }
            }
        };
    }

    pub(super) fn address(&mut self, out: &mut Vec<u8>, data: &[u8]) {
        let family = half(data, 0);
        out.extend_from_slice(b"{sa_family=");
        self.one(out, "family", u64::from(family));
        let port = u16::from_be(half(data, 2));
        let _ = match family {
            INET if data.len() >= 8 => {
                let ip = Ipv4Addr::from(u32::from_be(int(data, 4)));
                write!(out, ", sin_port=htons({port}), sin_addr=inet_addr(\"{ip}\")")
            }
            INET6 if data.len() >= 24 => {
                let mut octets = [0; 16];
                octets.copy_from_slice(&data[8..24]);
                let ip = Ipv6Addr::from(octets);
                write!(out, ", sin6_port=htons({port}), inet_pton(AF_INET6, \"{ip}\", &sin6_addr)")
            }
            UNIX if data.len() > 2 => {
                let path = &data[2..];
                // A name that begins with NUL is in the kernel alone, and not ended by one.
                let (mark, name) = if path[0] == 0 { (&b"@"[..], &path[1..]) } else { (&b""[..], path) };
                let end = if mark.is_empty() { name.iter().position(|b| *b == 0).unwrap_or(name.len()) } else { name.len() };
                out.extend_from_slice(b", sun_path=");
                out.extend_from_slice(mark);
                quoted(out, &name[..end]);
                Ok(())
            }
            _ => write!(out, ", ..."),
        };
        out.push(b'}');
    }
}

/// `[HUP INT]`, or `~[]` and what is missing if most are in it.
pub(super) fn signals(out: &mut Vec<u8>, set: u64) {
    let few = if set.count_ones() > 32 { !set } else { set };
    if few != set {
        out.push(b'~');
    }
    out.push(b'[');
    let mut first = true;
    for n in (1..=64i64).filter(|n| few >> (n - 1) & 1 == 1) {
        if !std::mem::take(&mut first) {
            out.push(b' ');
        }
        match stdlib::constants::signal_name(n) {
            Some(name) => out.extend_from_slice(name.trim_start_matches("SIG").as_bytes()),
            None => drop(write!(out, "RT_{}", n - 32)),
        }
    }
    out.push(b']');
}

/// What wait(2) tells of a child.
fn wait_status(out: &mut Vec<u8>, status: u32) {
    let signal = |n: u32| stdlib::constants::signal_name(i64::from(n)).map_or_else(|| n.to_string(), Into::into);
    let _ = match status & 0x7f {
        0 => write!(out, "[{{WIFEXITED(s) && WEXITSTATUS(s) == {}}}]", status >> 8 & 0xff),
        0x7f => write!(out, "[{{WIFSTOPPED(s) && WSTOPSIG(s) == {}}}]", signal(status >> 8 & 0xff)),
        n => write!(out, "[{{WIFSIGNALED(s) && WTERMSIG(s) == {}}}]", signal(n)),
    };
}
