//! Reads and changes the script's maps from user space.

use crate::load::{Bss, Loaded};
use crate::sink::{Entry, Losses};
use crate::sys::{batch, bpf, cpus};
use codegen::manifest::{MapId, MapInfo, Storage, bss};
use std::io;
use std::os::fd::BorrowedFd;

/// The maps of a loaded script.
pub struct Maps<'a> {
    loaded: &'a Loaded,
    bss: &'a Bss,
    cpus: usize,
}

impl<'a> Maps<'a> {
    /// Of a script with its global data.
    pub fn new(loaded: &'a Loaded, bss: &'a Bss) -> Self {
        Maps { loaded, bss, cpus: cpus::possible() }
    }

    fn info(&self, map: MapId) -> io::Result<&'a MapInfo> {
        self.loaded.manifest.maps.get(map.0 as usize).ok_or_else(|| io::Error::other("an event names a map that is not there"))
    }

    fn fd(&self, info: &MapInfo) -> io::Result<BorrowedFd<'a>> {
        self.loaded.map(&info.elf_name).ok_or_else(|| io::Error::other(format!("the map {} is not loaded", info.elf_name)))
    }

    /// All entries of a map.
    pub fn entries(&self, map: MapId) -> io::Result<Vec<Entry>> {
        let info = self.info(map)?;
        match info.storage {
            Storage::Global { offset } => {
                if self.bss.get(offset) == 0 {
                    return Ok(Vec::new());
                }
                let value = self.bss.bytes(offset + 8, info.value.stored_size());
                Ok(vec![Entry { key: Vec::new(), values: vec![value] }])
            }
            Storage::PerCpuArray => {
                let shape = self.shape(info)?;
                let mut value = vec![0; shape.value_bytes];
                bpf::map_lookup(self.fd(info)?, &0u32.to_ne_bytes(), &mut value)?;
                if value.iter().all(|b| *b == 0) {
                    return Ok(Vec::new());
                }
                Ok(vec![Entry { key: Vec::new(), values: shape.split(&value) }])
            }
            Storage::Hash | Storage::PerCpuHash => self.hash_entries(info),
        }
    }

    fn hash_entries(&self, info: &MapInfo) -> io::Result<Vec<Entry>> {
        let shape = self.shape(info)?;
        let fd = self.fd(info)?;
        let mut out = Vec::new();
        let taken = batch::entries(fd, shape.key_bytes, shape.value_bytes, |key, value| {
            out.push(Entry { key: key.to_vec(), values: shape.split(value) });
        });
        if taken.is_ok() {
            return Ok(out);
        }
        let mut value = vec![0; shape.value_bytes];
        for key in self.keys(info, &shape)? {
            // A key may go between the listing and the look-up.
            if bpf::map_lookup(fd, &key, &mut value)? {
                let values = shape.split(&value);
                out.push(Entry { key, values });
            }
        }
        Ok(out)
    }

    fn keys(&self, info: &MapInfo, shape: &Shape) -> io::Result<Vec<Vec<u8>>> {
        let fd = self.fd(info)?;
        let mut out: Vec<Vec<u8>> = Vec::new();
        let mut next = vec![0; shape.key_bytes];
        // A map that grows while it is walked could lead the walk back to its start; it holds no more than this.
        for _ in 0..shape.capacity {
            if !bpf::map_next_key(fd, out.last().map(Vec::as_slice), &mut next)? {
                break;
            }
            out.push(next.clone());
        }
        Ok(out)
    }

    /// Removes all keys.
    pub fn clear(&self, map: MapId) -> io::Result<()> {
        let info = self.info(map)?;
        match info.storage {
            Storage::Global { offset } => {
                self.bss.clear(offset, 8 + info.value.stored_size());
                Ok(())
            }
            Storage::PerCpuArray => self.zero(map),
            Storage::Hash | Storage::PerCpuHash => {
                let shape = self.shape(info)?;
                self.keys(info, &shape)?.iter().try_for_each(|k| bpf::map_delete(self.fd(info)?, k))
            }
        }
    }

    /// Sets all values to zero.
    pub fn zero(&self, map: MapId) -> io::Result<()> {
        let info = self.info(map)?;
        if let Storage::Global { offset } = info.storage {
            self.bss.clear(offset + 8, info.value.stored_size());
            return Ok(());
        }
        let shape = self.shape(info)?;
        let zeros = vec![0; shape.value_bytes];
        let keys = if info.storage == Storage::PerCpuArray { vec![0u32.to_ne_bytes().to_vec()] } else { self.keys(info, &shape)? };
        keys.iter().try_for_each(|k| bpf::map_update(self.fd(info)?, k, &zeros))
    }

    /// What was lost so far.
    pub fn losses(&self) -> Losses {
        Losses { events: self.bss.get(bss::LOST_EVENTS), updates: self.bss.get(bss::LOST_UPDATES), stacks: self.bss.get(bss::LOST_STACKS) }
    }

    fn shape(&self, info: &MapInfo) -> io::Result<Shape> {
        let kernel = bpf::map_info(self.fd(info)?)?;
        let per_cpu = matches!(info.storage, Storage::PerCpuArray | Storage::PerCpuHash);
        let one = kernel.value_size as usize;
        // The kernel rounds a per-CPU value up to 8 bytes.
        let value_bytes = if per_cpu { one.next_multiple_of(8) * self.cpus } else { one };
        Ok(Shape {
            key_bytes: kernel.key_size as usize,
            value_bytes,
            one: if per_cpu { one.next_multiple_of(8) } else { one },
            capacity: kernel.max_entries,
        })
    }
}

/// Sizes of a map as user space sees it.
struct Shape {
    key_bytes: usize,
    /// Of all CPUs together.
    value_bytes: usize,
    /// Of one CPU.
    one: usize,
    capacity: u32,
}

impl Shape {
    fn split(&self, value: &[u8]) -> Vec<Vec<u8>> {
        value.chunks(self.one.max(1)).map(<[u8]>::to_vec).collect()
    }
}
