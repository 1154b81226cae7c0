//! The macros that come with beetrace, written in its own language.

/// Files of the prelude: name and text.
pub const FILES: &[(&str, &str)] = &[
    ("prelude/checks.bt", include_str!("../prelude/checks.bt")),
    ("prelude/pointers.bt", include_str!("../prelude/pointers.bt")),
    ("prelude/tables.bt", include_str!("../prelude/tables.bt")),
    ("prelude/tasks.bt", include_str!("../prelude/tasks.bt")),
];

/// Names of the macros of a prelude text, a name for each definition.
pub fn names(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|l| {
        let rest = l.strip_prefix("macro ")?;
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        Some(&rest[..end])
    })
}

/// The comment in front of a macro's first definition, its slashes removed.
pub fn doc(text: &str, name: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|l| {
        l.strip_prefix("macro ")
            .is_some_and(|r| r.starts_with(name) && !r[name.len()..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
    })?;
    let comment: Vec<&str> = lines[..at].iter().rev().map_while(|l| l.strip_prefix("//")).collect();
    Some(comment.into_iter().rev().map(|l| l.strip_prefix(' ').unwrap_or(l)).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_macro_is_documented() {
        for (_, text) in FILES {
            for name in names(text) {
                let doc = doc(text, name).unwrap_or_default();
                assert!(doc.contains('{') && doc.contains(name), "{name}: {doc}");
            }
        }
    }
}
