//! Names as they are in the source.

/// A symbol's name in the source: of Rust without its hash, of C++ with the types of its parameters. Names of C stay as they are.
pub(super) fn demangled(symbol: &str) -> String {
    if let Ok(rust) = rustc_demangle::try_demangle(symbol) {
        return format!("{rust:#}");
    }
    // Without this prefix a name is no function but a type: the demangler would make `unsigned long` of a function `m`.
    let mangled = symbol.starts_with("_Z") || symbol.starts_with("__Z") || symbol.starts_with("_GLOBAL_");
    let cpp = mangled.then(|| cpp_demangle::Symbol::new(symbol).ok()?.demangle().ok()).flatten();
    cpp.unwrap_or_else(|| symbol.to_string())
}

#[cfg(test)]
mod tests {
    use super::demangled;

    #[test]
    fn names_of_three_languages() {
        assert_eq!(demangled("_ZN2bt6paddedEi"), "bt::padded(int)");
        assert_eq!(demangled("_ZN4core3fmt9Formatter9write_str17h0123456789abcdefE"), "core::fmt::Formatter::write_str");
        assert_eq!(demangled("_RNvC6_123foo3bar"), "123foo::bar");
        for c in ["g", "m", "main", "vfs_read", "_Z", "encoding/json.Marshal"] {
            assert_eq!(demangled(c), c);
        }
    }
}
