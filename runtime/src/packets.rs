//! Packets that `skboutput` takes: perf buffers, one a CPU, whose contents go to pcap files.

use crate::load::Loaded;
use crate::sys::cpus;
use aya::maps::perf::{PerfEvent, PerfEventArray, PerfEventArrayBuffer};
use aya::maps::{Map, MapData};
use codegen::manifest::{Action, PACKETS};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::{AsFd, BorrowedFd};

/// Pages of a CPU's buffer if `perf_rb_pages` does not say: a megabyte.
const PAGES: usize = 256;

/// The head of a file, see pcap-savefile(5): times in nanoseconds, version 2.4, any length, `LINKTYPE_RAW` (the offset of `skboutput`
/// leaves out what stands before the IP header).
const FILE_HEADER: [u32; 6] = [0xa1b2_3c4d, 4 << 16 | 2, 0, 0, 262_144, 101];

/// The buffers and the files.
pub struct Packets {
    buffers: Vec<PerfEventArrayBuffer<MapData>>,
    /// By the action's number.
    files: HashMap<usize, BufWriter<File>>,
    /// What makes a time since boot one of the wall clock.
    wall: u64,
}

impl Packets {
    /// Makes the buffers and the files, if the script writes packets. `wall` is what is to be added to `CLOCK_BOOTTIME`.
    pub fn open(loaded: &Loaded, wall: u64) -> io::Result<Option<Packets>> {
        let Some(fd) = loaded.maps.get(PACKETS) else { return Ok(None) };
        let data = MapData::from_fd(fd.try_clone()?).map_err(io::Error::other)?;
        let mut array = PerfEventArray::try_from(Map::PerfEventArray(data)).map_err(io::Error::other)?;
        let pages = match loaded.manifest.settings.ring_pages {
            0 => PAGES,
            n => n.next_power_of_two() as usize,
        };
        let buffers: Result<Vec<_>, _> = cpus::online().into_iter().map(|cpu| array.open(cpu, Some(pages))).collect();
        let mut files = HashMap::new();
        for (number, action) in loaded.manifest.actions.iter().enumerate() {
            if let Action::Packet { path } = action {
                let file = File::create(path).map_err(|e| io::Error::new(e.kind(), format!("the file of packets `{path}`: {e}")))?;
                let mut file = BufWriter::new(file);
                file.write_all(&FILE_HEADER.map(u32::to_le_bytes).concat())?;
                files.insert(number, file);
            }
        }
        Ok(Some(Packets { buffers: buffers.map_err(io::Error::other)?, files, wall }))
    }

    /// Descriptors that are readable when packets have come.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.buffers.iter().map(AsFd::as_fd)
    }

    /// Writes what has come; how many packets were lost because a buffer was full.
    pub fn drain(&mut self) -> io::Result<u64> {
        let (mut lost, mut result) = (0, Ok(()));
        let (files, wall) = (&mut self.files, self.wall);
        for buffer in self.buffers.iter_mut().filter(|b| b.readable()) {
            buffer.for_each(|event| match event {
                PerfEvent::Sample { head, tail } => {
                    let record = [head, tail].concat();
                    if let Err(e) = write(files, wall, &record) {
                        result = Err(e);
                    }
                }
                PerfEvent::Lost { count } => lost += count,
            });
        }
        result?;
        files.values_mut().try_for_each(Write::flush)?;
        Ok(lost)
    }
}

/// Writes one packet: the number of its action, its time, length and offset, its bytes, and what pads the record.
fn write(files: &mut HashMap<usize, BufWriter<File>>, wall: u64, record: &[u8]) -> io::Result<()> {
    let word = |i: usize| record.get(i * 8..i * 8 + 8).and_then(|b| b.try_into().ok()).map(u64::from_ne_bytes);
    let (Some(number), Some(time), Some(length), Some(offset)) = (word(0), word(1), word(2), word(3)) else { return Ok(()) };
    let Some(file) = files.get_mut(&(number as usize)) else { return Ok(()) };
    let bytes = record.get(32..).unwrap_or_default();
    let bytes = &bytes[..bytes.len().min(length as usize)];
    let bytes = bytes.get(offset as usize..).unwrap_or_default();
    let time = time.wrapping_add(wall);
    let length = bytes.len() as u32;
    let header = [(time / 1_000_000_000) as u32, (time % 1_000_000_000) as u32, length, length];
    file.write_all(&header.map(u32::to_le_bytes).concat())?;
    file.write_all(bytes)
}
