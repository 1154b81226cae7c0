//! Lists of CPUs in /sys.

/// CPUs that are online.
pub fn online() -> Vec<u32> {
    read("/sys/devices/system/cpu/online")
}

/// CPUs that may ever be there: per-CPU maps have a value for each.
pub fn possible() -> usize {
    read("/sys/devices/system/cpu/possible").last().map_or(1, |n| *n as usize + 1)
}

fn read(path: &str) -> Vec<u32> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let list = parse(&text);
    if list.is_empty() { vec![0] } else { list }
}

/// `0-3,5` as numbers.
fn parse(text: &str) -> Vec<u32> {
    let mut out = Vec::new();
    for part in text.trim().split(',') {
        let (a, b) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(a), Ok(b)) = (a.parse::<u32>(), b.parse::<u32>()) {
            out.extend(a..=b);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn lists_and_ranges() {
        assert_eq!(super::parse("0-2,5\n"), [0, 1, 2, 5]);
        assert!(super::parse("").is_empty());
    }
}
