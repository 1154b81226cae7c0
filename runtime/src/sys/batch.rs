//! Entries of hash maps, many by one call (`BPF_MAP_LOOKUP_BATCH`, since 5.6; layouts of include/uapi/linux/bpf.h).

use super::bpf::bpf;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

const MAP_LOOKUP_BATCH: i64 = 24;
/// Entries of one call, unless they are large.
const ENTRIES: usize = 4096;
/// Bytes of one call's values, about.
const BYTES: usize = 1 << 20;

#[repr(C)]
#[derive(Default)]
struct Batch {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

/// Calls `each` with key and value of every entry. An error comes before the first call of it or never: then the map can be walked key
/// by key.
pub fn entries(fd: BorrowedFd<'_>, key_bytes: usize, value_bytes: usize, mut each: impl FnMut(&[u8], &[u8])) -> io::Result<()> {
    let mut room = ENTRIES.min(BYTES / value_bytes.max(1)).max(64);
    let (mut keys, mut values) = (vec![0u8; room * key_bytes], vec![0u8; room * value_bytes]);
    // Where the next call goes on: of a hash the number of a bucket, of others a key.
    let (mut place, mut next) = (vec![0u8; key_bytes.max(8)], vec![0u8; key_bytes.max(8)]);
    let mut first = true;
    loop {
        let mut attr = Batch {
            in_batch: if first { 0 } else { place.as_ptr() as u64 },
            out_batch: next.as_mut_ptr() as u64,
            keys: keys.as_mut_ptr() as u64,
            values: values.as_mut_ptr() as u64,
            count: room as u32,
            map_fd: fd.as_raw_fd() as u32,
            ..Batch::default()
        };
        let error = bpf(MAP_LOOKUP_BATCH, &mut attr).err();
        let code = error.as_ref().and_then(io::Error::raw_os_error);
        match (error, code) {
            (None, _) | (_, Some(libc::ENOENT)) => {}
            // A bucket holds more than there is room for.
            (_, Some(libc::ENOSPC)) if room < 1 << 20 => {
                room *= 2;
                keys.resize(room * key_bytes, 0);
                values.resize(room * value_bytes, 0);
                continue;
            }
            (Some(e), _) => return if first { Err(e) } else { Ok(()) },
        }
        let count = (attr.count as usize).min(room);
        for (k, v) in keys.chunks(key_bytes.max(1)).zip(values.chunks(value_bytes.max(1))).take(count) {
            each(k, v);
        }
        if code == Some(libc::ENOENT) {
            return Ok(());
        }
        std::mem::swap(&mut place, &mut next);
        first = false;
    }
}
