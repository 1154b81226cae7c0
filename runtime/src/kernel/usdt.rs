//! USDT probes: the notes of type `stapsdt` in a binary
//! (https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation).

use glob_match::glob_match;
use lang::diag::nearest;
use lang::kernel::{KernelError, UsdtArg, UsdtLocation, UsdtPlace, UsdtProbe};
use lang::types::Int;
use object::{Object, ObjectSection, ObjectSymbol};

/// One note, before its addresses are put right.
struct Note<'a> {
    pc: u64,
    base: u64,
    semaphore: u64,
    provider: &'a str,
    name: &'a str,
    args: &'a str,
}

/// The probes of a binary whose namespace and name match.
pub(super) fn find(path: &str, namespace: &str, name: &str) -> Result<Vec<UsdtProbe>, KernelError> {
    let unreadable = |e: String| KernelError::Unavailable(format!("{path} can't be read: {e}"));
    let data = std::fs::read(path).map_err(|e| unreadable(e.to_string()))?;
    let file = object::File::parse(&*data).map_err(|e| unreadable(e.to_string()))?;
    let segments = super::elf::load_segments(&data);
    let section = file.section_by_name(".note.stapsdt");
    let notes = section.as_ref().and_then(|s| s.data().ok()).unwrap_or(&[]);
    let base = file.section_by_name(".stapsdt.base").map_or(0, |s| s.address());
    let mut out: Vec<UsdtProbe> = Vec::new();
    let mut all = Vec::new();
    for note in (Notes { rest: notes }) {
        all.push(note.name);
        if !glob_match(namespace, note.provider) || !glob_match(name, note.name) {
            continue;
        }
        // Prelinking moves code without changing notes.
        let shift = if base != 0 && note.base != 0 { base.wrapping_sub(note.base) } else { 0 };
        let pc = note.pc.wrapping_add(shift);
        let Some(file_offset) = super::elf::file_offset(&segments, pc) else { continue };
        let semaphore = match note.semaphore {
            0 => 0,
            s => super::elf::file_offset(&segments, s.wrapping_add(shift)).unwrap_or(0),
        };
        let args = note.args.split_whitespace().map(|a| argument(a, pc, &file)).collect();
        let location = UsdtLocation { file_offset, semaphore, args };
        match out.iter_mut().find(|p| p.provider == note.provider && p.name == note.name) {
            Some(p) => p.locations.push(location),
            None => {
                out.push(UsdtProbe { path: path.into(), provider: note.provider.into(), name: note.name.into(), locations: vec![location] })
            }
        }
    }
    if out.is_empty() {
        return Err(KernelError::NotFound { near: nearest(name, all) });
    }
    Ok(out)
}

/// The `stapsdt` notes of a section.
struct Notes<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Notes<'a> {
    type Item = Note<'a>;

    fn next(&mut self) -> Option<Note<'a>> {
        const KIND: u32 = 3;
        loop {
            let word = |at: usize| Some(u32::from_le_bytes(self.rest.get(at..at + 4)?.try_into().ok()?));
            let (name_len, len, kind) = (word(0)? as usize, word(4)? as usize, word(8)?);
            let start = 12 + name_len.next_multiple_of(4);
            let name = self.rest.get(12..12 + name_len)?;
            let body = self.rest.get(start..start.checked_add(len)?)?;
            self.rest = self.rest.get((start + len).next_multiple_of(4)..).unwrap_or(&[]);
            if kind != KIND || name != b"stapsdt\0" {
                continue;
            }
            let address = |i: usize| Some(u64::from_le_bytes(body.get(i * 8..i * 8 + 8)?.try_into().ok()?));
            let mut texts = body.get(24..)?.split(|b| *b == 0).map(|t| std::str::from_utf8(t).unwrap_or(""));
            return Some(Note {
                pc: address(0)?,
                base: address(1)?,
                semaphore: address(2)?,
                provider: texts.next()?,
                name: texts.next()?,
                args: texts.next().unwrap_or(""),
            });
        }
    }
}

/// `-4@%eax`, `8@-24(%rbp)`, `4@$5`, `8@(%rax,%rbx,4)`, `4@sym+8(%rip)`.
fn argument(text: &str, pc: u64, file: &object::File<'_>) -> UsdtArg {
    let (size, place) = text.split_once('@').unwrap_or(("8", text));
    let size: i32 = size.trim_end_matches('f').parse().unwrap_or(8);
    let int = Int { bits: (size.unsigned_abs().clamp(1, 8) * 8) as u8, signed: size < 0 };
    UsdtArg { int, place: self::place(place, pc, file).unwrap_or(UsdtPlace::Unknown) }
}

fn place(text: &str, pc: u64, file: &object::File<'_>) -> Option<UsdtPlace> {
    if let Some(n) = text.strip_prefix('$') {
        return Some(UsdtPlace::Constant(number(n)?));
    }
    if let Some(r) = text.strip_prefix('%') {
        let (offset, shift) = register(r)?;
        return Some(UsdtPlace::Register(offset, shift));
    }
    let (before, inside) = text.strip_suffix(')')?.split_once('(')?;
    let mut parts = inside.split(',');
    let base = parts.next()?.trim().strip_prefix('%')?;
    if base == "rip" {
        return Some(UsdtPlace::Relative(symbol(before, pc, file)?));
    }
    let offset = if before.is_empty() { 0 } else { number(before)? };
    let index = match parts.next() {
        Some(i) => {
            let (register, _) = register(i.trim().strip_prefix('%')?)?;
            let scale = parts.next().map_or(Some(1), |s| s.trim().parse().ok())?;
            Some((register, scale))
        }
        None => None,
    };
    Some(UsdtPlace::Memory { base: register(base)?.0, index, offset })
}

/// `sym+8` as bytes from the probe; a number alone is bytes from there already.
fn symbol(text: &str, pc: u64, file: &object::File<'_>) -> Option<i64> {
    if let Some(n) = number(text) {
        return Some(n);
    }
    let at = text[1..].find(['+', '-']).map_or(text.len(), |i| i + 1);
    let (name, rest) = text.split_at(at);
    let address = file.symbols().chain(file.dynamic_symbols()).find(|s| s.name() == Ok(name) && s.address() != 0)?.address();
    let offset = if rest.is_empty() { 0 } else { number(rest.trim_start_matches('+'))? };
    Some((address as i64).wrapping_sub(pc as i64).wrapping_add(offset))
}

fn number(text: &str) -> Option<i64> {
    let (digits, negative) = text.strip_prefix('-').map_or((text, false), |d| (d, true));
    // Sums of numbers (`-8+4`) are written by some compilers.
    if let Some(at) = digits.find(['+', '-']) {
        let (a, b) = digits.split_at(at);
        let a = number(a)?;
        return Some(if negative { -a } else { a }.wrapping_add(number(b.trim_start_matches('+'))?));
    }
    let n = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok()?,
        None => digits.parse::<u64>().ok()?,
    };
    Some(if negative { (n as i64).wrapping_neg() } else { n as i64 })
}

/// A register's offset in x86-64's `struct pt_regs` (arch/x86/include/asm/ptrace.h), and the shift of `%ah` and its like.
fn register(name: &str) -> Option<(u32, u8)> {
    const LEGACY: &[(&str, u32)] =
        &[("ax", 80), ("bx", 40), ("cx", 88), ("dx", 96), ("si", 104), ("di", 112), ("bp", 32), ("sp", 152), ("ip", 128)];
    if let Some(rest) = name.strip_prefix('r')
        && rest.starts_with(|c: char| c.is_ascii_digit())
    {
        let n: u32 = rest.trim_end_matches(['d', 'w', 'b']).parse().ok()?;
        let offset = match n {
            8 => 72,
            9 => 64,
            10 => 56,
            11 => 48,
            12 => 24,
            13 => 16,
            14 => 8,
            15 => 0,
            _ => return None,
        };
        return Some((offset, 0));
    }
    // ah bh ch dh
    if name.len() == 2 && name.ends_with('h') {
        let full = format!("{}x", &name[..1]);
        return LEGACY.iter().find(|r| r.0 == full).map(|r| (r.1, 8));
    }
    // al bl cl dl, sil dil bpl spl
    let plain = match name.strip_suffix('l') {
        Some(l) if l.len() == 1 => format!("{l}x"),
        Some(l) => l.to_string(),
        None => name.trim_start_matches(['r', 'e']).to_string(),
    };
    LEGACY.iter().find(|r| r.0 == plain).map(|r| (r.1, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_of_all_widths() {
        assert_eq!(register("rax"), Some((80, 0)));
        assert_eq!(register("eax"), Some((80, 0)));
        assert_eq!(register("ax"), Some((80, 0)));
        assert_eq!(register("al"), Some((80, 0)));
        assert_eq!(register("ah"), Some((80, 8)));
        assert_eq!(register("dil"), Some((112, 0)));
        assert_eq!(register("r10d"), Some((56, 0)));
        assert_eq!(register("xmm0"), None);
    }

    #[test]
    fn numbers_of_notes() {
        assert_eq!(number("-24"), Some(-24));
        assert_eq!(number("0x10"), Some(16));
        assert_eq!(number("-8+4"), Some(-4));
        assert_eq!(number("sym"), None);
    }
}
