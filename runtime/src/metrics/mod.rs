//! Host metrics at run time: files of /proc are read just before a probe is fired that names figures of theirs, and the figures go to
//! the memory and maps that the program reads (`lang::metrics` has the rows).
//!
//! Figures per second and shares of time are those of the interval that ends with the firing: it began when the same probe was fired
//! last, and for its first time when the script started. In `begin` it is the time since boot.

mod devices;
mod figures;
mod processes;
mod system;

use crate::load::{Bss, Loaded};
use crate::sys::bpf;
use codegen::manifest::{MapInfo, Storage, Target, bss};
use figures::{Figure, Span};
use lang::metrics::{self, Form, Set};
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

/// Where the files are.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    proc: PathBuf,
    sys: PathBuf,
}

impl Default for Host {
    fn default() -> Self {
        Host { proc: "/proc".into(), sys: "/sys".into() }
    }
}

/// What the files of a set said at a time.
#[derive(Debug)]
enum Counters {
    Load(procfs::LoadAverage),
    Memory(Box<procfs::Meminfo>),
    Paging(system::Paging),
    Cpus(Vec<system::CpuTime>),
    Disks(Vec<procfs::DiskStat>),
    Interfaces(Vec<procfs::net::DeviceStatus>),
    Tcp(devices::Tcp),
    Processes(HashMap<i32, processes::Process>),
}

/// A row of figures, by their names.
type Row = Vec<(&'static str, Figure)>;

/// Reads the files of a set.
fn read(set: &Set, host: &Host) -> io::Result<Counters> {
    Ok(match set.name {
        "loadavg" => Counters::Load(figures::file(&host.proc.join("loadavg"))?),
        "meminfo" => Counters::Memory(Box::new(figures::file(&host.proc.join("meminfo"))?)),
        "vmstat" => Counters::Paging(system::paging(host)?),
        "cpustat" | "cpus" => Counters::Cpus(system::cpu_times(&figures::text(&host.proc.join("stat"))?)),
        "diskstats" => Counters::Disks(devices::disks(host)?),
        "netdevs" => Counters::Interfaces(devices::interfaces(host)?),
        "tcpstat" => Counters::Tcp(devices::tcp(host)?),
        "processes" => Counters::Processes(processes::all(host)?),
        other => return Err(io::Error::other(format!("nothing reads the host metrics `{other}`"))),
    })
}

/// The figures of a set: what was counted up to now, and from when on.
fn rows(set: &Set, now: &Counters, before: Option<&Counters>, span: Span) -> Vec<Row> {
    match (now, before) {
        (Counters::Load(l), _) => vec![system::load(l)],
        (Counters::Memory(m), _) => vec![system::memory(m)],
        (Counters::Paging(n), b) => {
            vec![system::paging_figures(n, b.and_then(|b| if let Counters::Paging(p) = b { Some(p) } else { None }), span)]
        }
        (Counters::Cpus(n), b) => {
            let before: &[_] = if let Some(Counters::Cpus(b)) = b { b } else { &[] };
            system::cpus(n, before).into_iter().filter(|r| r.0.is_some() == set.rows.is_some()).map(|r| r.1).collect()
        }
        (Counters::Disks(n), b) => devices::disk_figures(n, if let Some(Counters::Disks(b)) = b { b } else { &[] }, span),
        (Counters::Interfaces(n), b) => devices::interface_figures(n, if let Some(Counters::Interfaces(b)) = b { b } else { &[] }, span),
        (Counters::Tcp(n), b) => vec![devices::tcp_figures(n, b.and_then(|b| if let Counters::Tcp(t) = b { Some(t) } else { None }), span)],
        (Counters::Processes(n), b) => processes::figures(
            n,
            b.and_then(|b| if let Counters::Processes(p) = b { Some(p) } else { None }),
            span,
            &processes::System::live(),
        ),
    }
}

/// Counters with their time.
#[derive(Clone)]
struct Sample {
    at: Instant,
    counters: Rc<Counters>,
}

/// Fills what the programs of a script read.
pub struct Collector<'a> {
    loaded: &'a Loaded,
    bss: &'a Bss,
    host: Host,
    /// By program: its sets.
    wanted: Vec<Vec<&'static Set>>,
    /// The last sample by program and set.
    last: HashMap<(usize, &'static str), Sample>,
}

impl<'a> Collector<'a> {
    /// For a script; reads nothing yet.
    pub fn new(loaded: &'a Loaded, bss: &'a Bss) -> Collector<'a> {
        let sets = |names: &[String]| names.iter().filter_map(|n| metrics::find(n)).collect();
        let wanted = loaded.manifest.programs.iter().map(|p| sets(&p.metrics)).collect();
        Collector { loaded, bss, host: Host::default(), wanted, last: HashMap::new() }
    }

    /// The script starts: the first intervals of its probes begin.
    ///
    /// # Errors
    /// A file that can't be read.
    pub fn start(&mut self) -> io::Result<()> {
        let mut samples: HashMap<&'static str, Sample> = HashMap::new();
        for (program, info) in self.loaded.manifest.programs.iter().enumerate() {
            if info.attach.iter().all(|a| a.target == Target::Begin) {
                continue;
            }
            for set in self.wanted[program].clone() {
                let sample = match samples.get(set.name) {
                    Some(s) => s.clone(),
                    None => self.sample(set)?,
                };
                samples.insert(set.name, sample.clone());
                self.last.insert((program, set.name), sample);
            }
        }
        Ok(())
    }

    /// The program is about to be fired.
    ///
    /// # Errors
    /// A file that can't be read, a map that can't be written.
    pub fn fill(&mut self, program: usize) -> io::Result<()> {
        for set in self.wanted[program].clone() {
            let now = self.sample(set)?;
            let before = self.last.insert((program, set.name), now.clone());
            let span = match &before {
                Some(b) => Span::between(now.at.duration_since(b.at)),
                None => Span::since_boot(&self.host)?,
            };
            let rows = rows(set, &now.counters, before.as_ref().map(|b| &*b.counters), span);
            match set.rows {
                None => self.put_record(set, rows.first().map_or(&[], Vec::as_slice)),
                Some((_, most)) => self.put_rows(set, &rows, most)?,
            }
        }
        Ok(())
    }

    fn sample(&self, set: &'static Set) -> io::Result<Sample> {
        let told = |e: io::Error| io::Error::new(e.kind(), format!("the host metrics `{}` can't be read: {e}", set.name));
        Ok(Sample { counters: Rc::new(read(set, &self.host).map_err(told)?), at: Instant::now() })
    }

    fn map(&self, name: &str) -> Option<&'a MapInfo> {
        self.loaded.manifest.maps.iter().find(|m| m.name == name)
    }

    fn put_word(&self, map: &str, value: u64) {
        if let Some(MapInfo { storage: Storage::Global { offset }, .. }) = self.map(map) {
            self.bss.set(*offset, 1);
            self.bss.set(offset + 8, value);
        }
    }

    fn put_record(&self, set: &Set, row: &[(&'static str, Figure)]) {
        for (name, figure) in row {
            self.put_word(&set.field_map(name), figure.word());
        }
    }

    fn put_rows(&self, set: &Set, rows: &[Row], most: u32) -> io::Result<()> {
        let kept = rows.len().min(most as usize);
        // What has no place is a loss like any other.
        let lost = (rows.len() - kept) as u64;
        self.bss.set(bss::LOST_UPDATES, self.bss.get(bss::LOST_UPDATES) + lost);
        if let Some(fd) = self.map(set.name).and_then(|m| self.loaded.map(&m.elf_name)) {
            for (number, row) in rows[..kept].iter().enumerate() {
                bpf::map_update(fd, &(number as u64).to_ne_bytes(), &stored(set, row))?;
            }
        }
        self.put_word(&set.count_map(), kept as u64);
        Ok(())
    }
}

/// A row as the record that the program reads (see `lang::types` for the layout).
fn stored(set: &Set, row: &[(&'static str, Figure)]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in set.fields {
        let figure = row.iter().find(|f| f.0 == field.name).map(|f| &f.1);
        match (field.form, figure) {
            (Form::Text(size), figure) => {
                let text = if let Some(Figure::Text(t)) = figure { t.as_bytes() } else { &[] };
                let end = out.len() + (size as usize).next_multiple_of(8);
                out.extend_from_slice(&text[..text.len().min(size as usize - 1)]);
                out.resize(end, 0);
            }
            (_, figure) => out.extend(figure.map_or(0, Figure::word).to_ne_bytes()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every set is read from this machine's files, and the reader knows every figure of the row and no other.
    #[test]
    fn readers_and_rows_agree() {
        let host = Host::default();
        for set in metrics::SETS {
            let now = read(set, &host).unwrap();
            let rows = rows(set, &now, None, Span::since_boot(&host).unwrap());
            if rows.is_empty() {
                continue;
            }
            let names: Vec<&str> = rows[0].iter().map(|f| f.0).collect();
            let fields: Vec<&str> = set.fields.iter().map(|f| f.name).collect();
            assert_eq!(names, fields, "{}", set.name);
            for ((name, figure), field) in rows[0].iter().zip(set.fields) {
                assert_eq!(matches!(figure, Figure::Text(_)), matches!(field.form, Form::Text(_)), "{}.{name}", set.name);
            }
            assert_eq!(stored(set, &rows[0]).len() as u32, set.record().stored_size());
        }
    }

    #[test]
    fn texts_are_cut_and_padded() {
        let set = metrics::find("netdevs").unwrap();
        let bytes = stored(set, &[("name", Figure::Text("a-name-that-is-too-long".into())), ("rx_packets", Figure::Number(7))]);
        assert_eq!(&bytes[..16], b"a-name-that-is-\0");
        assert_eq!(bytes[16..24], 7u64.to_ne_bytes());
    }
}
