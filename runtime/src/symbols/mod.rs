//! Addresses to names: of the kernel by the kernel itself, of processes by blazesym. What is looked up is remembered for as long as
//! the session lasts.

mod demangle;
mod ended;
mod mappings;
mod names;

use crate::sink::Frame;
use blazesym::symbolize::source::{Elf, Kernel, Process, Source};
use blazesym::symbolize::{Input, Symbolized, Symbolizer};
use blazesym::{MaybeDefault, Pid};
use demangle::demangled;
use ended::Ended;
use mappings::Place;
use names::KernelNames;
use std::collections::{HashMap, HashSet};
use std::os::fd::BorrowedFd;
use std::path::Path;

/// Symbols of the kernel and of processes.
pub struct Symbols {
    symbolizer: Option<Symbolizer>,
    demangle: bool,
    debug_info: bool,
    /// Asked for with the first kernel address; `Some(None)` where the kernel can't do that.
    names: Option<Option<KernelNames>>,
    kernel: HashMap<u64, Vec<Frame>>,
    user: HashMap<(u32, u64), Vec<Frame>>,
    /// What processes had mapped that have ended.
    ended: Ended,
    /// Those that are about to end or have ended.
    gone: HashSet<u32>,
    /// Probed programs, for addresses in processes that ended before anybody could ask what they had mapped.
    probed: Vec<String>,
}

impl Symbols {
    /// Nothing is read before the first look-up.
    pub fn new(demangle: bool, debug_info: bool, probed: Vec<String>) -> Self {
        Symbols {
            symbolizer: None,
            demangle,
            debug_info,
            names: None,
            kernel: HashMap::new(),
            user: HashMap::new(),
            ended: Ended::default(),
            gone: HashSet::new(),
            probed,
        }
    }

    fn symbolizer(&mut self) -> &Symbolizer {
        let debug_info = self.debug_info;
        self.symbolizer.get_or_insert_with(|| {
            // Its own demangling takes the names of short C functions for types.
            Symbolizer::builder().enable_demangling(false).enable_code_info(debug_info).enable_inlined_fns(debug_info).build()
        })
    }

    /// Frames of kernel addresses, innermost first.
    pub fn kernel(&mut self, addresses: &[u64]) -> Vec<Frame> {
        let new: Vec<u64> = addresses.iter().copied().filter(|a| !self.kernel.contains_key(a)).collect();
        if !new.is_empty() {
            let found = self.kernel_frames(&new);
            self.kernel.extend(new.into_iter().zip(found));
        }
        addresses.iter().flat_map(|a| self.kernel.get(a).cloned().unwrap_or_default()).collect()
    }

    fn kernel_frames(&mut self, addresses: &[u64]) -> Vec<Vec<Frame>> {
        let named = self.names.get_or_insert_with(KernelNames::new).as_ref();
        if let Some(Ok(found)) = named.map(|n| addresses.iter().map(|a| n.frame(*a).map(|f| vec![f])).collect()) {
            return found;
        }
        // The names of the running kernel are what is asked for; a vmlinux file is seldom there and slow to read.
        let kernel = Kernel { vmlinux: MaybeDefault::None, ..Kernel::default() };
        self.look_up(&Source::Kernel(kernel), addresses)
    }

    /// From now on, what processes map is kept: of all, or of one.
    pub fn watch(&mut self, only: Option<u32>) {
        self.ended.watch(only);
    }

    /// Descriptors that are readable when [`Symbols::take_in`] is due.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.ended.fds()
    }

    /// Takes in what processes have mapped.
    pub fn take_in(&mut self) {
        self.ended.drain();
    }

    /// Frames of addresses in a process.
    pub fn user(&mut self, pid: u32, addresses: &[u64]) -> Vec<Frame> {
        let new: Vec<u64> = addresses.iter().copied().filter(|a| !self.user.contains_key(&(pid, *a))).collect();
        if !new.is_empty() {
            let found = self.user_frames(pid, &new);
            self.user.extend(new.into_iter().map(|a| (pid, a)).zip(found));
        }
        addresses.iter().flat_map(|a| self.user.get(&(pid, *a)).cloned().unwrap_or_default()).collect()
    }

    fn user_frames(&mut self, pid: u32, addresses: &[u64]) -> Vec<Vec<Frame>> {
        if !self.gone.contains(&pid) {
            let mut process = Process::new(Pid::from(pid));
            process.debug_syms = self.debug_info;
            let found = self.look_up(&Source::Process(process), addresses);
            if found.iter().flatten().any(|f| f.symbol.is_some()) || !is_gone(pid) {
                return found;
            }
            self.gone.insert(pid);
        }
        self.ended.drain();
        let unknown = |a: &u64| vec![Frame { address: *a, ..Frame::default() }];
        addresses.iter().map(|a| self.of_ended(pid, *a).or_else(|| self.at_fixed_address(*a)).unwrap_or_else(|| unknown(a))).collect()
    }

    /// A process is about to end: its addresses can be looked up afterwards by what it has mapped.
    pub fn keep(&mut self, pid: u32) {
        self.ended.keep(pid);
        self.gone.insert(pid);
    }

    /// Frames of an address in a process that has ended.
    fn of_ended(&mut self, pid: u32, address: u64) -> Option<Vec<Frame>> {
        match self.ended.mappings(pid)?.place(address)? {
            Place::File { path, name, offset } => {
                let mut found = self.in_file(&path, &Input::FileOffset(&[offset]), address)?;
                found.iter_mut().filter(|f| f.symbol.is_some()).for_each(|f| f.module = Some(name.to_string()));
                Some(found)
            }
            // It is the same for all processes.
            Place::Vdso(offset) => {
                let own = mappings::own_vdso()? + offset;
                let found = self.look_up(&Source::Process(Process::new(Pid::Slf)), &[own]).pop()?;
                Some(found.into_iter().map(|f| Frame { address, ..f }).collect())
            }
            Place::Memory => {
                let map = self.ended.perf_map(pid)?;
                let (name, offset) = map.function(address)?;
                Some(vec![Frame { address, symbol: Some(name.to_string()), offset, ..Frame::default() }])
            }
        }
    }

    /// Frames of a place in a file, of its symbols alone if its debug information can't be read.
    fn in_file(&mut self, path: &Path, place: &Input<&[u64]>, address: u64) -> Option<Vec<Frame>> {
        let demangle = self.demangle;
        let choices: &[bool] = if self.debug_info { &[true, false] } else { &[false] };
        choices.iter().find_map(|debug_syms| {
            let mut elf = Elf::new(path);
            elf.debug_syms = *debug_syms;
            let found = self.symbolizer().symbolize(&Source::Elf(elf), *place).ok()?;
            found.first().map(|s| frames(s, address, demangle))
        })
    }

    /// Frames of an address in a probed program that is loaded where its file says.
    fn at_fixed_address(&mut self, address: u64) -> Option<Vec<Frame>> {
        let path = self.probed.iter().find(|p| crate::kernel::holds_fixed(p, address))?.clone();
        self.in_file(Path::new(&path), &Input::VirtOffset(&[address]), address)
    }

    fn look_up(&mut self, source: &Source<'_>, addresses: &[u64]) -> Vec<Vec<Frame>> {
        let unknown = |a: &u64| vec![Frame { address: *a, ..Frame::default() }];
        let demangle = self.demangle;
        match self.symbolizer().symbolize(source, Input::AbsAddr(addresses)) {
            Ok(list) => list.iter().zip(addresses).map(|(s, a)| frames(s, *a, demangle)).collect(),
            // One file that can't be read makes the whole list fail: the addresses in other files have names all the same.
            Err(_) if addresses.len() > 1 => addresses.iter().flat_map(|a| self.look_up(source, &[*a])).collect(),
            // Debug information that can't be read (compressed in a way we don't know, say) leaves the table of symbols.
            Err(_) => match source {
                Source::Process(process) if process.debug_syms => {
                    let plain = Process { debug_syms: false, ..process.clone() };
                    self.look_up(&Source::Process(plain), addresses)
                }
                // A process that is gone, most often.
                _ => addresses.iter().map(unknown).collect(),
            },
        }
    }
}

/// Whether a process has ended, reaped or not: its memory is gone.
fn is_gone(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/maps")).map_or(true, |maps| maps.is_empty())
}

/// The function at an address, behind those that were inlined into it.
fn frames(found: &Symbolized<'_>, address: u64, demangle: bool) -> Vec<Frame> {
    let name = |symbol: &str| Some(if demangle { demangled(symbol) } else { symbol.to_string() });
    let Symbolized::Sym(sym) = found else { return vec![Frame { address, ..Frame::default() }] };
    let module = sym.module.as_ref().map(|m| m.to_string_lossy().into_owned());
    let place = |c: &blazesym::symbolize::CodeInfo<'_>| (c.to_path().to_string_lossy().into_owned(), c.line.unwrap_or(0));
    let mut out: Vec<Frame> = sym
        .inlined
        .iter()
        .rev()
        .map(|i| Frame {
            address,
            symbol: name(&i.name),
            offset: sym.offset as u64,
            module: module.clone(),
            source: i.code_info.as_ref().map(place),
            inlined: true,
        })
        .collect();
    out.push(Frame {
        address,
        symbol: name(&sym.name),
        offset: sym.offset as u64,
        module,
        source: sym.code_info.as_deref().map(place),
        inlined: false,
    });
    out
}
