//! Processes that may end before their addresses are looked up: what they had mapped is kept.

use super::mappings::{Mapping, Mappings, PerfMap};
use crate::sys::cpus;
use crate::sys::records::{Record, Ring};
use std::collections::{HashMap, VecDeque};
use std::os::fd::BorrowedFd;
use std::rc::Rc;

/// Ended processes that are remembered; the oldest are forgotten.
const MOST: usize = 20_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Ended {
    rings: Vec<Ring>,
    mapped: HashMap<u32, Rc<Mappings>>,
    order: VecDeque<u32>,
    perf_maps: HashMap<u32, Option<Rc<PerfMap>>>,
}

impl Ended {
    /// Records what processes map from now on, and what they have mapped already: all of them, or one. Where perf can't be used,
    /// ended processes have no names.
    pub fn watch(&mut self, only: Option<u32>) {
        let open = || cpus::online().into_iter().map(Ring::open).collect::<Result<Vec<_>, _>>();
        if only.is_none() {
            let Ok(rings) = open() else { return };
            self.rings = rings;
        }
        let all = || std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
        for pid in only.map_or_else(|| all().collect(), |pid| vec![pid]) {
            if let Some(mappings) = Mappings::of(pid) {
                self.mapped.entry(pid).or_insert_with(|| Rc::new(mappings));
            }
        }
    }

    /// What becomes readable when [`Ended::drain`] is due.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.rings.iter().map(Ring::fd)
    }

    /// Takes in what was recorded.
    pub fn drain(&mut self) {
        let rings = std::mem::take(&mut self.rings);
        for ring in &rings {
            ring.drain(|r| self.record(r));
        }
        self.rings = rings;
    }

    fn record(&mut self, record: Record) {
        match record {
            Record::Mapped { pid, range, offset, inode, path } => {
                Rc::make_mut(self.mapped.entry(pid).or_default()).add(Mapping::new(range, offset, inode, &path));
            }
            Record::Forked { child, parent } => {
                // The records of two CPUs are not in order: the child may have mapped something already.
                if let Some(of_parent) = self.mapped.get(&parent).cloned() {
                    let own = self.mapped.insert(child, of_parent.clone());
                    if let Some(own) = own {
                        self.mapped.insert(child, Rc::new(of_parent.followed_by(&own)));
                    }
                }
            }
            Record::Ended(pid) => {
                self.order.push_back(pid);
                if self.order.len() > MOST
                    && let Some(oldest) = self.order.pop_front()
                {
                    self.mapped.remove(&oldest);
                    self.perf_maps.remove(&oldest);
                }
            }
        }
    }

    /// A process is about to end: its files are opened, and what it wrote of its own code is read.
    pub fn keep(&mut self, pid: u32) {
        if let Some(mappings) = Mappings::with_files(pid) {
            self.mapped.insert(pid, Rc::new(mappings));
            self.perf_maps.insert(pid, PerfMap::of(pid).map(Rc::new));
        }
    }

    /// What a process had mapped.
    pub fn mappings(&self, pid: u32) -> Option<Rc<Mappings>> {
        self.mapped.get(&pid).cloned()
    }

    /// The functions that a process had made itself.
    pub fn perf_map(&mut self, pid: u32) -> Option<Rc<PerfMap>> {
        self.perf_maps.entry(pid).or_insert_with(|| PerfMap::of(pid).map(Rc::new)).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symbols::mappings::Place;

    fn mapped(pid: u32, start: u64) -> Record {
        Record::Mapped { pid, range: (start, start + 0x1000), offset: 0, inode: 0, path: "//anon".into() }
    }

    #[test]
    fn children_have_what_their_parents_had() {
        let mut e = Ended::default();
        let forked = Record::Forked { child: 6, parent: 5 };
        for r in [mapped(5, 0x1000), mapped(6, 0x8000), forked, mapped(5, 0x5000), Record::Ended(5), Record::Ended(6)] {
            e.record(r);
        }
        let has = |pid, address| e.mappings(pid).unwrap().place(address) == Some(Place::Memory);
        assert!(has(5, 0x1000) && has(5, 0x5000) && has(6, 0x1000) && has(6, 0x8000));
        assert!(!has(6, 0x5000));
    }

    #[test]
    fn only_so_many_are_remembered() {
        let mut e = Ended::default();
        for pid in 1..=MOST as u32 + 5 {
            e.record(mapped(pid, 0x1000));
            e.record(Record::Ended(pid));
        }
        assert_eq!(e.mapped.len(), MOST);
        assert!(e.mappings(5).is_none() && e.mappings(6).is_some());
    }
}
