//! Addresses of networks as text.

use super::value::{slice, word};
use std::io::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

/// An IP address: a word with the family, then its bytes. Nothing for a family that is neither.
pub(super) fn inet(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut address = [0u8; 16];
    let raw = slice(bytes, 8, 16);
    address[..raw.len()].copy_from_slice(raw);
    let [a, b, c, d, ..] = address;
    let _ = match word(bytes, 0) as i32 {
        libc::AF_INET => write!(out, "{}", Ipv4Addr::new(a, b, c, d)),
        libc::AF_INET6 => v6(out, address),
        _ => Ok(()),
    };
}

/// As inet_ntop(3) writes it: the last four bytes as an IPv4 address if all before them are zero.
fn v6(out: &mut Vec<u8>, address: [u8; 16]) -> std::io::Result<()> {
    if address[..12].iter().all(|b| *b == 0) && address[12..14] != [0, 0] {
        let [.., a, b, c, d] = address;
        return write!(out, "::{}", Ipv4Addr::new(a, b, c, d));
    }
    write!(out, "{}", Ipv6Addr::from(address))
}

/// Six bytes: `FF:01:02:AB:CD:EF`.
pub(super) fn mac(out: &mut Vec<u8>, bytes: &[u8]) {
    for i in 0..6 {
        let b = bytes.get(i).copied().unwrap_or(0);
        let _ = write!(out, "{}{b:02X}", if i > 0 { ":" } else { "" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(family: u64, address: &[u8]) -> String {
        let mut out = Vec::new();
        inet(&mut out, &[&family.to_le_bytes(), address].concat());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn inet_addresses() {
        assert_eq!(text(2, &[127, 0, 0, 1]), "127.0.0.1");
        assert_eq!(text(7, &[127, 0, 0, 1]), "");
        let v6 = |parts: [u16; 8]| text(10, &parts.iter().flat_map(|p| p.to_be_bytes()).collect::<Vec<u8>>());
        assert_eq!(v6([0, 0, 0, 0, 0, 0, 0x102, 0x304]), "::1.2.3.4");
        assert_eq!(v6([0, 0, 0, 0, 0, 0xffff, 0x102, 0x304]), "::ffff:1.2.3.4");
        assert_eq!(v6([0, 0, 0, 0, 0, 0, 0, 1]), "::1");
        assert_eq!(v6([0; 8]), "::");
        assert_eq!(v6([0xfe80, 0, 0, 0, 0x100, 0, 1, 2]), "fe80::100:0:1:2");
        assert_eq!(v6([1, 0, 2, 3, 4, 5, 6, 7]), "1:0:2:3:4:5:6:7");
    }

    #[test]
    fn mac_addresses() {
        let mut out = Vec::new();
        mac(&mut out, &[0xff, 1, 2, 0xab, 0xcd, 0xef, 0, 0]);
        assert_eq!(out, b"FF:01:02:AB:CD:EF");
    }
}
