//! What all programs of a script share: its strings, its actions by number, and the maps that are not the script's own.

use super::*;

impl Shared<'_> {
    /// The map that stands for the clock of time series, in tests.
    pub(super) fn time_map(&self) -> Option<lang::action::MapId> {
        let name = self.program.config.time_map.as_ref()?;
        let at = self.program.maps.iter().position(|m| m.name == *name && m.key.is_none())?;
        Some(lang::action::MapId(at as u32))
    }

    /// Where so many zero bytes are in `.rodata`.
    pub(super) fn zeros(&mut self, bytes: u32) -> u32 {
        if let Some((at, have)) = self.zeros
            && have >= bytes
        {
            return at;
        }
        let at = self.module.rodata.len() as u32;
        self.module.rodata.resize((at + bytes) as usize, 0);
        self.zeros = Some((at, bytes));
        at
    }

    /// The number of a text that values refer to.
    pub(super) fn string(&mut self, text: &str) -> i64 {
        let at = self.strings.iter().position(|s| s == text).unwrap_or_else(|| {
            self.strings.push(text.to_string());
            self.strings.len() - 1
        });
        at as i64
    }

    /// The index of a system map, made at its first use.
    pub(super) fn system_map(&mut self, name: &str, def: impl FnOnce() -> MapDef) -> MapRef {
        let at = self.module.maps.iter().position(|m| m.name == name).unwrap_or_else(|| {
            self.module.maps.push(def());
            self.module.maps.len() - 1
        });
        MapRef(at as u32)
    }

    pub(super) fn ring(&mut self) -> MapRef {
        let hot = self.program.probes.iter().any(|p| p.attach.iter().any(|a| !fired_by_runtime(&a.target)));
        let pages = match self.program.config.settings.ring_pages {
            0 => {
                if hot {
                    RING_PAGES.0
                } else {
                    RING_PAGES.1
                }
            }
            n => n.next_power_of_two(),
        };
        self.system_map(manifest::RING, || MapDef {
            name: manifest::RING.into(),
            kind: map_type::RINGBUF,
            key_size: 0,
            value_size: 0,
            max_entries: pages * PAGE,
            flags: 0,
        })
    }

    /// Where packets go: the helper that takes them knows only perf buffers, one a CPU.
    pub(super) fn packets(&mut self) -> MapRef {
        let cpus = self.cpus;
        self.system_map(manifest::PACKETS, || MapDef {
            name: manifest::PACKETS.into(),
            kind: map_type::PERF_EVENT_ARRAY,
            key_size: 4,
            value_size: 4,
            max_entries: cpus,
            flags: 0,
        })
    }

    pub(super) fn stacks(&mut self, limit: u16) -> MapRef {
        let name = manifest::stacks_map(limit);
        self.system_map(&name, || MapDef {
            name: name.clone(),
            kind: map_type::STACK_TRACE,
            key_size: 4,
            value_size: u32::from(limit) * 8,
            max_entries: MAX_STACKS,
            flags: 0,
        })
    }

    pub(super) fn build_ids(&mut self, limit: u16) -> MapRef {
        let name = manifest::build_ids_map(limit);
        self.system_map(&name, || MapDef {
            name: name.clone(),
            kind: map_type::STACK_TRACE,
            key_size: 4,
            value_size: u32::from(limit) * BUILD_ID_BYTES,
            max_entries: MAX_STACKS,
            flags: STACK_BUILD_ID,
        })
    }

    pub(super) fn scratch(&mut self) -> MapRef {
        let entries = (self.program.probes.len() + self.program.functions.len()) as u32;
        self.system_map(manifest::SCRATCH, || MapDef {
            name: manifest::SCRATCH.into(),
            kind: map_type::PERCPU_ARRAY,
            key_size: 4,
            value_size: 8,
            max_entries: entries,
            flags: 0,
        })
    }

    pub(super) fn finish_system_maps(&mut self) {
        let bytes = self.scratch.max(8);
        if let Some(m) = self.module.maps.iter_mut().find(|m| m.name == manifest::SCRATCH) {
            m.value_size = bytes;
        }
    }

    /// The number of an action, shared by equal ones.
    pub(super) fn action(&mut self, action: Action) -> i64 {
        let at = self.actions.iter().position(|a| *a == action).unwrap_or_else(|| {
            self.actions.push(action);
            self.actions.len() - 1
        });
        at as i64
    }
}
