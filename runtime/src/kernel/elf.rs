//! Programs and libraries of user space, and the functions in them.

use glob_match::glob_match;
use lang::diag::nearest;
use lang::kernel::{KernelError, UserBinary, UserSymbol, UserVariable};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Object, ObjectSymbol, SymbolKind, elf};
use std::path::{Path, PathBuf};

/// Where libraries are, besides what /etc/ld.so.cache names.
const LIBRARY_DIRS: &[&str] =
    &["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"];
const CACHE: &str = "/etc/ld.so.cache";

/// Finds a binary, and in it the functions whose name is `symbol` or matches it as a glob.
pub(super) fn find(binary: &str, symbol: Option<&str>) -> Result<UserBinary, KernelError> {
    let path = locate(binary).ok_or_else(|| KernelError::NotFound { near: Vec::new() })?;
    let shown = path.to_string_lossy().into_owned();
    let file = std::fs::File::open(&path).map_err(|e| KernelError::Unavailable(format!("{shown} can't be read: {e}")))?;
    // SAFETY: the mapping is read only; a file that shrinks meanwhile ends the process, as with any mapped binary.
    let data = unsafe { memmap2::Mmap::map(&file) }.map_err(|e| KernelError::Unavailable(format!("{shown} can't be read: {e}")))?;
    let Some(wanted) = symbol else { return Ok(UserBinary { path: shown, symbols: Vec::new() }) };
    let not_elf = |e: object::Error| KernelError::Unavailable(format!("{shown} is no ELF file: {e}"));
    let parsed = object::File::parse(&*data).map_err(not_elf)?;
    let segments = load_segments(&data);
    let all: Vec<_> = parsed
        .symbols()
        .chain(parsed.dynamic_symbols())
        .filter(|s| s.is_definition() && s.kind() == SymbolKind::Text && s.address() != 0)
        .filter_map(|s| Some((s.name().ok()?.to_string(), s.address(), s.size())))
        .collect();
    let mut symbols: Vec<UserSymbol> = Vec::new();
    if let Some(wanted) = wanted.strip_prefix("cpp:") {
        for (name, address, size) in all.iter().filter(|a| is_cpp(&a.0, wanted)) {
            if let Some(file_offset) = file_offset(&segments, *address).filter(|_| !symbols.iter().any(|s| s.address == *address)) {
                symbols.push(UserSymbol { name: bare(name).into(), file_offset, address: *address, size: *size });
            }
        }
        return if symbols.is_empty() { Err(KernelError::NotFound { near: Vec::new() }) } else { Ok(UserBinary { path: shown, symbols }) };
    }
    let exact = all.iter().any(|(n, ..)| bare(n) == wanted);
    for (name, address, size) in &all {
        let hit = if exact { bare(name) == wanted } else { glob_match(wanted, bare(name)) };
        let known = symbols.iter().any(|s| s.address == *address && (exact || s.name == bare(name)));
        if hit
            && !known
            && let Some(file_offset) = file_offset(&segments, *address)
        {
            symbols.push(UserSymbol { name: bare(name).into(), file_offset, address: *address, size: *size });
        }
    }
    if symbols.is_empty() {
        return Err(KernelError::NotFound { near: nearest(wanted, all.iter().map(|a| bare(&a.0))) });
    }
    symbols.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(UserBinary { path: shown, symbols })
}

/// Whether a symbol is a function of C++ by its name in the source, with its parameters or (all overloads) without.
fn is_cpp(symbol: &str, wanted: &str) -> bool {
    let function = wanted.split('(').next().unwrap_or(wanted);
    // Most symbols are told apart without taking them to pieces.
    let last = function.rsplit("::").next().unwrap_or(function);
    if !symbol.starts_with("_Z") || !(symbol.contains(last) || last.starts_with(|c: char| "~o".contains(c)) || is_glob(wanted)) {
        return false;
    }
    let Ok(parsed) = cpp_demangle::Symbol::new(symbol) else { return false };
    let Ok(full) = parsed.demangle() else { return false };
    let hit = |name: &str| if is_glob(wanted) { glob_match(wanted, name) } else { name == wanted };
    let short = full.split('(').next().unwrap_or(&full).rsplit(' ').next().unwrap_or(&full);
    hit(&full) || hit(short)
}

fn is_glob(name: &str) -> bool {
    name.contains(['*', '?'])
}

/// A variable of a binary.
pub(super) fn variable(path: &str, name: &str) -> Result<UserVariable, KernelError> {
    let unreadable = |e: String| KernelError::Unavailable(format!("{path} can't be read: {e}"));
    let data = std::fs::read(path).map_err(|e| unreadable(e.to_string()))?;
    let parsed = object::File::parse(&*data).map_err(|e| unreadable(e.to_string()))?;
    let relocated = matches!(parsed.kind(), object::ObjectKind::Dynamic);
    let all = || parsed.symbols().chain(parsed.dynamic_symbols()).filter(|s| s.is_definition());
    let named = |s: &object::Symbol<'_, '_>| s.name().is_ok_and(|n| bare(n) == name);
    match all().find(named) {
        Some(s) => Ok(UserVariable { address: s.address(), size: s.size(), relocated, segments: load_segments(&data) }),
        None => {
            let names: Vec<String> = all().filter_map(|s| Some(bare(s.name().ok()?).to_string())).collect();
            Err(KernelError::NotFound { near: nearest(name, names.iter().map(String::as_str)) })
        }
    }
}

/// Where instructions begin, in bytes from `start`, up to the first at `until` or beyond; fewer if something is no instruction.
pub(super) fn instructions(data: &[u8], start: u64, until: u64) -> Option<Vec<u64>> {
    let bits = if *data.get(4)? == elf::ELFCLASS32 { 32 } else { 64 };
    let code = data.get(usize::try_from(start).ok()?..)?;
    let mut decoder = iced_x86::Decoder::new(bits, code, iced_x86::DecoderOptions::NONE);
    let mut out = vec![0];
    while decoder.position() < usize::try_from(until).ok()? {
        if !decoder.can_decode() || decoder.decode().is_invalid() {
            break;
        }
        out.push(decoder.position() as u64);
    }
    Some(out)
}

/// Whether a program is loaded where its file says (no PIE), and an address lies within it.
pub(super) fn holds_fixed(path: &str, address: u64) -> bool {
    let Ok(data) = std::fs::read(path) else { return false };
    let fixed = object::File::parse(&*data).is_ok_and(|f| f.kind() == object::ObjectKind::Executable);
    fixed && load_segments(&data).iter().any(|(start, len, _)| address >= *start && address - start < *len)
}

/// A symbol without its version (`malloc@@GLIBC_2.2.5`).
fn bare(name: &str) -> &str {
    name.split('@').next().filter(|n| !n.is_empty()).unwrap_or(name)
}

/// `(virtual address, bytes in the file, offset in the file)` of each loaded segment.
pub(super) fn load_segments(data: &[u8]) -> Vec<(u64, u64, u64)> {
    let Ok(header) = elf::FileHeader64::<object::Endianness>::parse(data) else { return Vec::new() };
    let Ok(endian) = header.endian() else { return Vec::new() };
    let Ok(headers) = header.program_headers(endian, data) else { return Vec::new() };
    headers
        .iter()
        .filter(|p| p.p_type(endian) == elf::PT_LOAD)
        .map(|p| (p.p_vaddr(endian), p.p_filesz(endian), p.p_offset(endian)))
        .collect()
}

pub(super) fn file_offset(segments: &[(u64, u64, u64)], address: u64) -> Option<u64> {
    let (start, _, offset) = segments.iter().find(|(start, len, _)| address >= *start && address - start < *len)?;
    Some(address - start + offset)
}

/// The file that a script means: a path, a command on `$PATH`, or a library by its name with or without `lib` and `.so`.
pub(super) fn locate(binary: &str) -> Option<PathBuf> {
    if binary.contains('/') {
        // The link `/proc/PID/root` leads into another tree of files: its target, as text, means another file.
        if binary.starts_with("/proc/") && binary.contains("/root/") {
            let path = PathBuf::from(binary);
            return path.is_file().then_some(path);
        }
        let path = std::fs::canonicalize(binary).ok()?;
        return path.is_file().then_some(path);
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let on_path = path.split(':').map(|d| Path::new(d).join(binary)).find(|p| p.is_file());
    let found = on_path.or_else(|| library(binary))?;
    std::fs::canonicalize(&found).ok().or(Some(found))
}

fn library(name: &str) -> Option<PathBuf> {
    let full = |file: &str| file == name || file.strip_prefix("lib").is_some_and(|f| f == name);
    let matches = |file: &str| {
        let stem = file.split(".so").next().unwrap_or(file);
        file.contains(".so") && (full(file) || full(stem))
    };
    from_cache(&matches).or_else(|| {
        LIBRARY_DIRS.iter().find_map(|dir| {
            let entries = std::fs::read_dir(dir).ok()?;
            let mut hits: Vec<PathBuf> =
                entries.flatten().filter(|e| matches(&e.file_name().to_string_lossy())).map(|e| e.path()).filter(|p| p.is_file()).collect();
            hits.sort();
            hits.into_iter().next()
        })
    })
}

/// The loader's cache is a table of strings; every path in it is one, which is all that is needed here.
fn from_cache(matches: &dyn Fn(&str) -> bool) -> Option<PathBuf> {
    let data = std::fs::read(CACHE).ok()?;
    data.split(|b| *b == 0).filter(|s| s.first() == Some(&b'/')).find_map(|s| {
        let path = std::str::from_utf8(s).ok()?;
        (matches(path.rsplit('/').next()?) && is_elf64(path)).then(|| path.into())
    })
}

/// Libraries of other widths stand in the cache too.
fn is_elf64(path: &str) -> bool {
    use std::io::Read;
    let mut head = [0u8; 5];
    std::fs::File::open(path).and_then(|mut f| f.read_exact(&mut head)).is_ok() && head == [0x7f, b'E', b'L', b'F', 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libc_by_its_short_name() {
        let found = find("libc", Some("malloc")).unwrap();
        assert!(found.path.contains("libc"), "{}", found.path);
        assert_eq!(found.symbols.len(), 1);
        let error = find("libc", Some("mallocc")).unwrap_err();
        assert!(matches!(&error, KernelError::NotFound { near } if near.iter().any(|n| n == "malloc")), "{error:?}");
    }

    #[test]
    fn what_is_not_there() {
        assert!(find("/no/such/file", None).is_err());
        assert!(matches!(find("/etc/passwd", Some("x")), Err(KernelError::Unavailable(_))));
    }

    #[test]
    fn instructions_of_every_length() {
        let mut data = vec![0; 16];
        data[4] = 2;
        // endbr64; push %rbp; mov %rsp,%rbp; sub $0x10,%rsp; and what is no instruction of 64 bits.
        data.extend([0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x10, 0x06, 0x90]);
        assert_eq!(instructions(&data, 16, 6).unwrap(), [0, 4, 5, 8]);
        assert_eq!(instructions(&data, 16, 8).unwrap(), [0, 4, 5, 8]);
        assert_eq!(instructions(&data, 16, 13).unwrap(), [0, 4, 5, 8, 12]);
        assert_eq!(instructions(&data, 99, 1), None);
    }
}
