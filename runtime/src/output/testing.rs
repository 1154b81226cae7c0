//! A session without a kernel.

use crate::sink::{Entry, Frame, World};
use codegen::manifest::MapId;
use std::collections::HashMap;
use std::io;

/// Maps as they were put in; stacks and symbols by a rule.
#[derive(Default)]
pub(super) struct Fake {
    /// What each map holds.
    pub maps: HashMap<u32, Vec<Entry>>,
}

/// Stored words.
pub(super) fn words(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn frame(address: u64, name: &str, offset: u64) -> Frame {
    Frame { address, symbol: Some(name.into()), offset, ..Frame::default() }
}

impl World for Fake {
    fn entries(&mut self, map: MapId) -> io::Result<Vec<Entry>> {
        Ok(self.maps.get(&map.0).cloned().unwrap_or_default())
    }

    fn kernel_stack(&mut self, _: i64, limit: u16) -> Vec<Frame> {
        let inlined = Frame { inlined: true, ..frame(0xffff_ffff_8100_0010, "tiny", 0) };
        let mut frames = vec![inlined, frame(0xffff_ffff_8100_0010, "vfs_read", 16), frame(0xffff_ffff_8100_0020, "ksys_read", 106)];
        frames.truncate(usize::from(limit));
        frames
    }

    fn user_stack(&mut self, _: i64, _: u32, _: u16) -> Vec<Frame> {
        let libc = Frame { module: Some("/usr/lib/libc.so.6".into()), ..frame(0x7fb7_4f71_ae89, "syscall", 25) };
        vec![libc, Frame { address: 0x7fb7_4814_2c08, ..Frame::default() }]
    }

    fn kernel_symbol(&mut self, address: u64) -> Frame {
        Frame { address, symbol: (address > 1).then(|| "vfs_read".into()), ..Frame::default() }
    }

    fn user_symbol(&mut self, address: u64, _: u32) -> Frame {
        Frame { address, ..Frame::default() }
    }
}
