//! Where each map of the script lives.

use super::map_type;
use crate::ir::{MapDef, MapRef};
use crate::manifest::{MapInfo, Storage, bss};
use lang::action::MapId;
use lang::hir::{self, MapKind};
use lang::types::{Agg, Type};

/// Entries take memory when they are made (include/uapi/linux/bpf.h).
const BPF_F_NO_PREALLOC: u32 = 1;

/// Storage of all maps.
pub(super) struct Plan {
    /// For the manifest, by [`MapId`].
    pub info: Vec<MapInfo>,
    /// BPF maps to create.
    pub maps: Vec<MapDef>,
    /// Which BPF map a map of the script is; `None` for global data.
    pub refs: Vec<Option<MapRef>>,
    /// Bytes of `.bss`.
    pub bss_size: u32,
}

/// Entries of the value of a keyless histogram: a power of two, so that an index can be masked.
pub(super) fn hist_capacity(agg: &Agg) -> u32 {
    agg.buckets().next_power_of_two()
}

pub(super) fn plan(program: &hir::Program) -> Plan {
    let mut plan = Plan { info: Vec::new(), maps: Vec::new(), refs: Vec::new(), bss_size: bss::VARS };
    for (i, map) in program.maps.iter().enumerate() {
        let storage = storage(map, plan.bss_size);
        let elf_name = if matches!(storage, Storage::Global { .. }) { String::new() } else { elf_name(i, &map.name) };
        match storage {
            Storage::Global { .. } => {
                plan.bss_size += 8 + map.value.stored_size();
                plan.refs.push(None);
            }
            _ => {
                plan.refs.push(Some(MapRef(plan.maps.len() as u32)));
                plan.maps.push(definition(map, storage, &elf_name, program.config.max_map_keys));
            }
        }
        plan.info.push(MapInfo { name: map.name.clone(), elf_name, key: map.key.clone(), value: map.value.clone(), storage });
    }
    plan
}

fn storage(map: &hir::Map, bss: u32) -> Storage {
    match (&map.key, &map.value) {
        (None, Type::Agg(_)) => Storage::PerCpuArray,
        (Some(_), Type::Agg(_)) => Storage::PerCpuHash,
        (None, _) => Storage::Global { offset: bss },
        (Some(_), _) => Storage::Hash,
    }
}

fn definition(map: &hir::Map, storage: Storage, name: &str, max_keys: u32) -> MapDef {
    let key = map.key.as_ref().map_or(4, Type::stored_size);
    let hist = matches!(&map.value, Type::Agg(a) if a.is_hist());
    let (declared, max_keys) = map.declared.map_or((None, max_keys), |(kind, n)| (Some(kind), n));
    // Values that are not aggregated have one copy, whatever was declared: their readers see one value.
    let lru = matches!(declared, Some(MapKind::LruHash | MapKind::PerCpuLruHash));
    let (per_cpu, plain) = if lru { (map_type::LRU_PERCPU_HASH, map_type::LRU_HASH) } else { (map_type::PERCPU_HASH, map_type::HASH) };
    let (kind, key_size, value_size, max_entries) = match (storage, &map.value) {
        (Storage::PerCpuArray, Type::Agg(a)) if hist => (map_type::PERCPU_ARRAY, 4, hist_capacity(a) * 8, 1),
        (Storage::PerCpuArray, v) => (map_type::PERCPU_ARRAY, 4, v.stored_size(), 1),
        (Storage::PerCpuHash, v) => (per_cpu, key + if hist { 8 } else { 0 }, v.stored_size(), max_keys),
        (_, v) => (plain, key, v.stored_size(), max_keys),
    };
    // Tables of host metrics are mostly much smaller than they may grow.
    let flags = if map.name.starts_with('@') { 0 } else { BPF_F_NO_PREALLOC };
    MapDef { name: name.into(), kind, key_size, value_size, max_entries, flags }
}

/// A symbol for a map: unique, and readable in `bpftool map`.
fn elf_name(index: usize, name: &str) -> String {
    let rest = name.trim_start_matches('@');
    if rest.is_empty() { format!("m{index}") } else { format!("m{index}_{rest}") }
}

impl Plan {
    pub fn info(&self, map: MapId) -> &MapInfo {
        &self.info[map.0 as usize]
    }
}
