//! What perf tells of processes: what they map, that they fork and end (`struct perf_event_mmap_page` and
//! `enum perf_event_type` of include/uapi/linux/perf_event.h).

use super::perf;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

/// Pages of the ring, a power of two; one more page in front says what is in it.
const PAGES: usize = 32;
const PAGE: usize = 4096;
/// `offsetof(struct perf_event_mmap_page, data_head)` and `data_tail`
const HEAD: usize = 1024;
const TAIL: usize = 1032;

const RECORD_EXIT: u32 = 4;
const RECORD_FORK: u32 = 7;
const RECORD_MMAP2: u32 = 10;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A process has mapped code.
    Mapped {
        /// The process.
        pid: u32,
        /// First address, and the one behind the last.
        range: (u64, u64),
        /// Bytes from the start of the file.
        offset: u64,
        /// The inode of the file.
        inode: u64,
        /// The file, `[vdso]`, or `//anon`.
        path: String,
    },
    /// A process has a child, with the same mappings.
    Forked {
        /// The child.
        child: u32,
        /// The parent.
        parent: u32,
    },
    /// A process has ended.
    Ended(u32),
}

/// Records of one CPU.
#[derive(Debug)]
pub struct Ring {
    event: OwnedFd,
    start: *mut u8,
}

impl Ring {
    /// Starts to record.
    pub fn open(cpu: u32) -> io::Result<Ring> {
        let event = perf::processes(cpu, (PAGES * PAGE / 2) as u32)?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping of the event that was just made.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), (PAGES + 1) * PAGE, protection, libc::MAP_SHARED, event.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Ring { event, start: start.cast() })
    }

    /// Readable when the ring is half full.
    pub fn fd(&self) -> BorrowedFd<'_> {
        use std::os::fd::AsFd;
        self.event.as_fd()
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        // SAFETY: both words are in the first page of the mapping, aligned, and shared with the kernel.
        unsafe { AtomicU64::from_ptr(self.start.add(at).cast()) }
    }

    /// Takes all records out.
    pub fn drain(&self, mut each: impl FnMut(Record)) {
        let head = self.word(HEAD).load(Ordering::Acquire);
        let mut tail = self.word(TAIL).load(Ordering::Relaxed);
        while tail + 8 <= head {
            let header = self.bytes(tail, 8);
            let size = u64::from(u16::from_ne_bytes([header[6], header[7]]));
            if size < 8 || tail + size > head {
                break;
            }
            if let Some(record) = parse(&self.bytes(tail, size as usize)) {
                each(record);
            }
            tail += size;
        }
        self.word(TAIL).store(tail, Ordering::Release);
    }

    /// A record may go round the end of the ring.
    fn bytes(&self, from: u64, count: usize) -> Vec<u8> {
        let size = PAGES * PAGE;
        let at = from as usize % size;
        let first = count.min(size - at);
        let mut out = Vec::with_capacity(count);
        for (at, n) in [(at, first), (0, count - first)] {
            // SAFETY: within the data of the mapping; the kernel does not write between tail and head.
            out.extend_from_slice(unsafe { std::slice::from_raw_parts(self.start.add(PAGE + at), n) });
        }
        out
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `open` with this length, and nothing points into it any more.
        unsafe { libc::munmap(self.start.cast(), (PAGES + 1) * PAGE) };
    }
}

fn parse(bytes: &[u8]) -> Option<Record> {
    let word = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let long = |at: usize| Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    match word(0)? {
        RECORD_MMAP2 => {
            let (start, length) = (long(16)?, long(24)?);
            let name = bytes.get(72..)?.split(|b| *b == 0).next().unwrap_or_default();
            Some(Record::Mapped {
                pid: word(8)?,
                range: (start, start.checked_add(length)?),
                offset: long(32)?,
                inode: long(48)?,
                path: String::from_utf8_lossy(name).into_owned(),
            })
        }
        // A new thread has the pid of its parent.
        RECORD_FORK => Some(Record::Forked { child: word(8)?, parent: word(12)? }).filter(|_| word(8) != word(12)),
        // So has a thread that ends before its process: the first one has the pid as its own id.
        RECORD_EXIT => word(8).filter(|pid| word(16) == Some(*pid)).map(Record::Ended),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u32, words: &[u32], name: &[u8]) -> Vec<u8> {
        let mut out = [kind.to_ne_bytes(), [0; 4]].concat();
        out.extend(words.iter().flat_map(|w| w.to_ne_bytes()));
        out.extend(name);
        out
    }

    #[test]
    fn records_of_processes() {
        assert_eq!(parse(&record(RECORD_FORK, &[7, 5, 7, 5], &[])), Some(Record::Forked { child: 7, parent: 5 }));
        assert_eq!(parse(&record(RECORD_FORK, &[5, 5, 8, 5], &[])), None);
        assert_eq!(parse(&record(RECORD_EXIT, &[7, 5, 7, 5], &[])), Some(Record::Ended(7)));
        assert_eq!(parse(&record(RECORD_EXIT, &[7, 5, 8, 5], &[])), None);
        let words = [7, 7, 0x1000, 0, 0x2000, 0, 0x500, 0, 254, 0, 99, 0, 0, 0, 5, 2];
        let want = Record::Mapped { pid: 7, range: (0x1000, 0x3000), offset: 0x500, inode: 99, path: "/bin/x".into() };
        assert_eq!(parse(&record(RECORD_MMAP2, &words, b"/bin/x\0\0")), Some(want));
        assert_eq!(parse(&record(RECORD_MMAP2, &[7], &[])), None);
    }
}
