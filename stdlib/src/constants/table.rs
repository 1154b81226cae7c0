//! All groups as one hash table, which the compiler builds. It holds no pointers, so that the loader has nothing to relocate
//! at start, and its pages are read only when a name is looked up.

use super::GROUPS;

const COUNT: usize = {
    let (mut n, mut g) = (0, 0);
    while g < GROUPS.len() {
        n += GROUPS[g].len();
        g += 1;
    }
    n
};

/// Bytes of all names together.
const BYTES: usize = {
    let (mut n, mut g) = (0, 0);
    while g < GROUPS.len() {
        let mut i = 0;
        while i < GROUPS[g].len() {
            n += GROUPS[g][i].0.len();
            i += 1;
        }
        g += 1;
    }
    n
};

/// At most half of the slots are taken.
const SLOTS: usize = (COUNT * 2).next_power_of_two();

struct Table {
    /// The names, one after the other.
    names: [u8; BYTES],
    /// Where each name ends.
    ends: [u32; COUNT],
    values: [i64; COUNT],
    /// By hash: 1 and the number of a name, or 0. A taken slot sends to the next.
    slots: [u16; SLOTS],
}

static TABLE: Table = build();

const fn build() -> Table {
    assert!(COUNT < u16::MAX as usize);
    let mut t = Table { names: [0; BYTES], ends: [0; COUNT], values: [0; COUNT], slots: [0; SLOTS] };
    let (mut n, mut end, mut g) = (0, 0, 0);
    while g < GROUPS.len() {
        let mut i = 0;
        while i < GROUPS[g].len() {
            let name = GROUPS[g][i].0.as_bytes();
            let mut b = 0;
            while b < name.len() {
                t.names[end] = name[b];
                end += 1;
                b += 1;
            }
            t.ends[n] = end as u32;
            t.values[n] = GROUPS[g][i].1;
            let mut slot = hash(name) % SLOTS;
            while t.slots[slot] != 0 {
                slot = (slot + 1) % SLOTS;
            }
            n += 1;
            t.slots[slot] = n as u16;
            i += 1;
        }
        g += 1;
    }
    t
}

/// FNV-1a.
const fn hash(name: &[u8]) -> usize {
    let (mut h, mut i) = (0x811c_9dc5_u32, 0);
    while i < name.len() {
        h = (h ^ name[i] as u32).wrapping_mul(0x0100_0193);
        i += 1;
    }
    h as usize
}

fn name(n: usize) -> &'static [u8] {
    let start = if n == 0 { 0 } else { TABLE.ends[n - 1] as usize };
    &TABLE.names[start..TABLE.ends[n] as usize]
}

/// The value that stands by a name.
pub fn find(wanted: &str) -> Option<i64> {
    let mut slot = hash(wanted.as_bytes()) % SLOTS;
    loop {
        let n = usize::from(TABLE.slots[slot]).checked_sub(1)?;
        if name(n) == wanted.as_bytes() {
            return Some(TABLE.values[n]);
        }
        slot = (slot + 1) % SLOTS;
    }
}

/// All names, in the order of the groups.
pub fn names() -> impl Iterator<Item = &'static str> {
    (0..COUNT).filter_map(|n| std::str::from_utf8(name(n)).ok())
}
