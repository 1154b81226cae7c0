//! Maps with stacks in their keys as folded stacks, the text that flame graphs are drawn from: `frame;frame;frame count`, the outermost
//! frame first.

use super::aggregate::{signed, total};
use super::maps;
use super::value::{Show, narrow, slice, word};
use crate::sink::{Entry, Frame};
use codegen::manifest::{Manifest, MapId, MapInfo};
use lang::types::{Agg, StackMode, Type};
use std::collections::BTreeMap;

/// What stands for a frame without a name.
const UNKNOWN: &str = "[unknown]";

/// Folded stacks of a map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Folded {
    /// Numbers by stack; entries whose stacks read the same are one.
    pub stacks: BTreeMap<String, u64>,
    /// Entries that are left out because their number is negative.
    pub negative: u64,
}

impl Folded {
    /// `frame;frame count` in lines.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.stacks.iter().map(|(stack, n)| format!("{stack} {n}"))
    }
}

fn holds_stack(ty: &Type) -> bool {
    matches!(ty, Type::KStack { .. } | Type::UStack { .. }) || ty.members().into_iter().any(holds_stack)
}

/// Whether a map can be folded: a stack is in its key, and its value is a number that adds up.
pub fn can_fold(info: &MapInfo) -> bool {
    let adds_up = matches!(info.value, Type::Int(_) | Type::Agg(Agg::Count | Agg::Sum(_)));
    adds_up && info.key.as_ref().is_some_and(holds_stack)
}

/// The map of a flame graph: the one of that name, or the only one that can be folded.
///
/// # Errors
/// A sentence: there is none, or there are several.
pub fn choose(manifest: &Manifest, name: Option<&str>) -> Result<MapId, String> {
    let able: Vec<usize> = (0..manifest.maps.len()).filter(|i| can_fold(&manifest.maps[*i])).collect();
    let listed = || able.iter().map(|i| format!("`{}`", manifest.maps[*i].name)).collect::<Vec<_>>().join(", ");
    let id = |i: usize| MapId(i as u32);
    match (name, able.as_slice()) {
        (_, []) => {
            Err("no map of the script can be drawn as a flame graph: that takes a stack in the map's key and a count(), a sum() or an \
             integer as its value, as in `profile:hz:99 { @[comm, ustack, kstack] = count(); }`"
                .into())
        }
        (Some(name), _) => match able.iter().find(|i| manifest.maps[**i].name == name) {
            Some(i) => Ok(id(*i)),
            None => Err(format!("the script has no map `{name}` with stacks that can be drawn; it has {}", listed())),
        },
        (None, [one]) => Ok(id(*one)),
        (None, several) => Err(format!(
            "the script has several maps with stacks ({}): say which one is to be drawn, as in `--flame FILE {}`",
            listed(),
            manifest.maps[several[0]].name
        )),
    }
}

/// Folds a map. The last `top` entries in the order in which maps print; all if it is 0. Numbers are divided by the `div` of `show`.
pub(super) fn fold(info: &MapInfo, entries: Vec<Entry>, top: u64, show: &mut Show<'_>) -> Folded {
    let mut out = Folded::default();
    let Some(key) = &info.key else { return out };
    let div = i128::from(std::mem::replace(&mut show.div, 1).max(1));
    for e in maps::ordered(key, &info.value, entries, top) {
        match u64::try_from(number(&info.value, &e) / div) {
            Ok(0) => {}
            Ok(n) => *out.stacks.entry(stack(key, &e.key, show)).or_default() += n,
            Err(_) => out.negative += 1,
        }
    }
    out
}

/// The number of an entry.
fn number(ty: &Type, entry: &Entry) -> i128 {
    let (value, is_signed) = match ty {
        Type::Agg(agg) => (total(*agg, &entry.values).value, signed(*agg)),
        Type::Int(int) => (entry.values.first().map_or(0, |v| narrow(word(v, 0), *int)), int.signed),
        _ => (0, false),
    };
    if is_signed { i128::from(value as i64) } else { i128::from(value) }
}

/// The frames of a key: what is no stack, then user code, then the kernel.
#[derive(Default)]
struct Parts {
    base: Vec<String>,
    user: Vec<String>,
    kernel: Vec<String>,
}

fn stack(key: &Type, bytes: &[u8], show: &mut Show<'_>) -> String {
    let mut parts = Parts::default();
    parts.add(key, bytes, show);
    let all: Vec<String> = parts.base.into_iter().chain(parts.user).chain(parts.kernel).collect();
    if all.is_empty() { "[no stack]".into() } else { all.join(";") }
}

impl Parts {
    fn add(&mut self, ty: &Type, bytes: &[u8], show: &mut Show<'_>) {
        let id = Some(word(bytes, 0) as i64).filter(|id| *id >= 0);
        match ty {
            Type::Tuple(_) | Type::Named(_) => {
                let mut at = 0;
                for member in ty.members() {
                    let size = member.stored_size() as usize;
                    self.add(member, slice(bytes, at, size), show);
                    at += size;
                }
            }
            Type::KStack { limit, .. } => {
                let frames = id.map_or_else(Vec::new, |id| show.world.kernel_stack(id, *limit));
                self.kernel.extend(names(&frames));
            }
            Type::UStack { mode, limit } => {
                let pid = word(bytes, 8) as u32;
                let frames = id.map_or_else(Vec::new, |id| match mode {
                    StackMode::BuildId => show.world.build_ids(id, *limit),
                    _ => show.world.user_stack(id, pid, *limit),
                });
                self.user.extend(names(&frames));
            }
            _ => {
                let mut text = Vec::new();
                show.value(&mut text, ty, bytes);
                self.base.push(clean(&String::from_utf8_lossy(&text)));
            }
        }
    }
}

/// Names of frames, the outermost first.
fn names(frames: &[Frame]) -> Vec<String> {
    let known = frames.iter().take_while(|f| f.address != u64::MAX);
    let mut out: Vec<String> = known.map(|f| f.symbol.as_deref().map_or_else(|| UNKNOWN.into(), clean)).collect();
    out.reverse();
    out
}

/// A name without what has a meaning in the format: the separator, the end of the line.
fn clean(name: &str) -> String {
    if name.is_empty() { UNKNOWN.into() } else { name.replace(';', ":").replace(['\n', '\r'], " ") }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, int, text, words};
    use super::*;
    use lang::types::Int;

    fn kstack() -> Type {
        Type::KStack { mode: StackMode::Bpftrace, limit: 127 }
    }

    fn ustack() -> Type {
        Type::UStack { mode: StackMode::Perf, limit: 127 }
    }

    fn folded(bench: &mut Bench) -> String {
        bench.options.folded = true;
        bench.at_exit()
    }

    #[test]
    fn user_code_lies_below_the_kernel_and_other_keys_below_both() {
        let mut bench = Bench::default();
        let key = Type::Tuple(vec![kstack(), Type::Str(16), ustack(), Type::I64]);
        let bytes = [words(&[1]), text("a;b comm"), words(&[2, 77]), words(&[5])].concat();
        bench.hash("@", key, Type::U64, &[(bytes, int(3))]);
        assert_eq!(folded(&mut bench), "a:b comm;5;[unknown];syscall;ksys_read;vfs_read;tiny 3\n");
    }

    #[test]
    fn entries_that_read_the_same_are_one_and_shares_are_kept() {
        let mut bench = Bench::default();
        let entry = |id: i64, comm: &str, n: i64| ([words(&[id]), text(comm)].concat(), int(n));
        let key = Type::Tuple(vec![kstack(), Type::Str(16)]);
        // A stack that was lost, one that is empty, none at all, and a negative number.
        let all = [entry(1, "hot", 80), entry(2, "hot", 10), entry(-14, "cold", 10), entry(3, "none", 0), entry(4, "less", -1)];
        bench.hash("@", key, Type::I64, &all);
        assert_eq!(folded(&mut bench), "cold 10\nhot;ksys_read;vfs_read;tiny 90\n");
    }

    #[test]
    fn other_maps_print_as_text() {
        let mut bench = Bench::default();
        bench.hash("@a", Type::I64, Type::I64, &[(int(1), int(2))]);
        bench.hash("@b", kstack(), Type::I64, &[(int(-1), int(2))]);
        bench.hash("@c", kstack(), Type::Agg(Agg::Avg(Int::I64)), &[(int(-1), words(&[2, 1]))]);
        assert_eq!(folded(&mut bench), "@a[1]: 2\n[no stack] 2\n@c[\n]: 2\n");
    }

    #[test]
    fn which_map_is_drawn() {
        let mut bench = Bench::default();
        bench.hash("@plain", Type::I64, Type::I64, &[]);
        assert!(choose(&bench.manifest, None).unwrap_err().contains("no map of the script"));
        let b = bench.hash("@b", Type::Tuple(vec![Type::I64, kstack()]), Type::Agg(Agg::Count), &[]);
        assert_eq!(choose(&bench.manifest, None), Ok(b));
        let c = bench.hash("@c", ustack(), Type::Agg(Agg::Sum(Int::I64)), &[]);
        assert!(choose(&bench.manifest, None).unwrap_err().contains("(`@b`, `@c`)"));
        assert_eq!(choose(&bench.manifest, Some("@c")), Ok(c));
        assert!(choose(&bench.manifest, Some("@plain")).unwrap_err().contains("no map `@plain`"));
    }
}
