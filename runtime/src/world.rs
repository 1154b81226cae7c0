//! What the output may ask of a running session.

use crate::load::Loaded;
use crate::maps::Maps;
use crate::sink::{Entry, Frame, World};
use crate::symbols::Symbols;
use crate::sys::bpf;
use codegen::manifest::{MapId, build_ids_map, stacks_map};
use std::io;

/// `BPF_STACK_BUILD_ID_VALID` and `BPF_STACK_BUILD_ID_IP` (include/uapi/linux/bpf.h).
const BUILD_ID_VALID: i32 = 1;
const BUILD_ID_IP: i32 = 2;

/// Maps, stacks and symbols of a session.
pub struct Live<'a> {
    /// The script in the kernel.
    pub loaded: &'a Loaded,
    /// Its maps.
    pub maps: Maps<'a>,
    /// Names of addresses.
    pub symbols: Symbols,
}

impl Live<'_> {
    /// Addresses of a stack by its id in the map of stacks with that limit.
    fn addresses(&self, id: i64, limit: u16) -> Vec<u64> {
        let value = self.stack(&stacks_map(limit), id, usize::from(limit) * 8);
        let words = value.chunks_exact(8).map(|c| u64::from_ne_bytes(c.try_into().expect("eight bytes")));
        words.take_while(|a| *a != 0).collect()
    }

    /// A stack as it is in its map; empty if it is not there.
    fn stack(&self, map: &str, id: i64, bytes: usize) -> Vec<u8> {
        let (Ok(id), Some(fd)) = (u32::try_from(id), self.loaded.map(map)) else { return Vec::new() };
        let mut value = vec![0u8; bytes];
        match bpf::map_lookup(fd, &id.to_ne_bytes(), &mut value) {
            Ok(true) => value,
            _ => Vec::new(),
        }
    }
}

impl World for Live<'_> {
    fn entries(&mut self, map: MapId) -> io::Result<Vec<Entry>> {
        self.maps.entries(map)
    }

    fn kernel_stack(&mut self, id: i64, limit: u16) -> Vec<Frame> {
        let list = self.addresses(id, limit);
        self.symbols.kernel(&list)
    }

    fn user_stack(&mut self, id: i64, pid: u32, limit: u16) -> Vec<Frame> {
        let list = self.addresses(id, limit);
        self.symbols.user(pid, &list)
    }

    fn build_ids(&mut self, id: i64, limit: u16) -> Vec<Frame> {
        // struct bpf_stack_build_id { s32 status; u8 build_id[20]; u64 offset_or_ip; }
        let value = self.stack(&build_ids_map(limit), id, usize::from(limit) * 32);
        let frame = |c: &[u8]| {
            let status = i32::from_ne_bytes(c[..4].try_into().expect("four bytes"));
            let place = u64::from_ne_bytes(c[24..32].try_into().expect("eight bytes"));
            let id = || c[4..24].iter().map(|b| format!("{b:02x}")).collect();
            match status {
                BUILD_ID_VALID => Some(Frame { symbol: Some(id()), offset: place, ..Frame::default() }),
                BUILD_ID_IP => Some(Frame { address: place, ..Frame::default() }),
                _ => None,
            }
        };
        value.chunks_exact(32).map_while(frame).collect()
    }

    fn kernel_symbol(&mut self, address: u64) -> Frame {
        self.symbols.kernel(&[address]).pop().unwrap_or_default()
    }

    fn user_symbol(&mut self, address: u64, pid: u32) -> Frame {
        self.symbols.user(pid, &[address]).pop().unwrap_or_default()
    }
}
