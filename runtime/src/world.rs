//! What the output may ask of a running session.

use crate::load::Loaded;
use crate::maps::Maps;
use crate::sink::{Entry, Frame, World};
use crate::symbols::Symbols;
use crate::sys::bpf;
use codegen::manifest::{MapId, stacks_map};
use std::io;

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
        let (Ok(id), Some(fd)) = (u32::try_from(id), self.loaded.map(&stacks_map(limit))) else { return Vec::new() };
        let mut value = vec![0u8; usize::from(limit) * 8];
        if !matches!(bpf::map_lookup(fd, &id.to_ne_bytes(), &mut value), Ok(true)) {
            return Vec::new();
        }
        let words = value.chunks_exact(8).map(|c| u64::from_ne_bytes(c.try_into().expect("eight bytes")));
        words.take_while(|a| *a != 0).collect()
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

    fn kernel_symbol(&mut self, address: u64) -> Frame {
        self.symbols.kernel(&[address]).pop().unwrap_or_default()
    }

    fn user_symbol(&mut self, address: u64, pid: u32) -> Frame {
        self.symbols.user(pid, &[address]).pop().unwrap_or_default()
    }
}
