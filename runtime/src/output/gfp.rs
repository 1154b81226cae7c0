//! `%gr`: the flags of an allocation by the names of the kernel's trace events (include/trace/events/mmflags.h). Names of several
//! bits come first; what they leave over is told bit by bit.

use std::io::Write as _;

const fn bits(list: &[u32]) -> u64 {
    let (mut set, mut i) = (0, 0);
    while i < list.len() {
        set |= 1 << list[i];
        i += 1;
    }
    set
}

/// Names with their bits, in the order in which they are tried. Bits (include/linux/gfp_types.h): 0 DMA, 1 HIGHMEM, 2 DMA32,
/// 3 MOVABLE, 5 HIGH, 6 IO, 7 FS, 10 DIRECT_RECLAIM, 11 KSWAPD_RECLAIM, 13 NOWARN, 18 COMP, 19 NOMEMALLOC, 20 HARDWALL,
/// 22 ACCOUNT, 25 SKIP_KASAN.
const NAMES: &[(u64, &str)] = &[
    (bits(&[1, 3, 6, 7, 10, 13, 18, 19, 20, 25]), "GFP_TRANSHUGE"),
    (bits(&[1, 3, 6, 7, 13, 18, 19, 20, 25]), "GFP_TRANSHUGE_LIGHT"),
    (bits(&[1, 3, 6, 7, 10, 11, 20, 25]), "GFP_HIGHUSER_MOVABLE"),
    (bits(&[1, 6, 7, 10, 11, 20]), "GFP_HIGHUSER"),
    (bits(&[6, 7, 10, 11, 20]), "GFP_USER"),
    (bits(&[6, 7, 10, 11, 22]), "GFP_KERNEL_ACCOUNT"),
    (bits(&[6, 7, 10, 11]), "GFP_KERNEL"),
    (bits(&[6, 10, 11]), "GFP_NOFS"),
    (bits(&[5, 11]), "GFP_ATOMIC"),
    (bits(&[10, 11]), "GFP_NOIO"),
    (bits(&[11, 13]), "GFP_NOWAIT"),
    (bits(&[0]), "GFP_DMA"),
    (bits(&[1]), "__GFP_HIGHMEM"),
    (bits(&[2]), "GFP_DMA32"),
    (bits(&[5]), "__GFP_HIGH"),
    (bits(&[6]), "__GFP_IO"),
    (bits(&[7]), "__GFP_FS"),
    (bits(&[8]), "__GFP_ZERO"),
    (bits(&[10]), "__GFP_DIRECT_RECLAIM"),
    (bits(&[11]), "__GFP_KSWAPD_RECLAIM"),
    (bits(&[12]), "__GFP_WRITE"),
    (bits(&[13]), "__GFP_NOWARN"),
    (bits(&[14]), "__GFP_RETRY_MAYFAIL"),
    (bits(&[15]), "__GFP_NOFAIL"),
    (bits(&[16]), "__GFP_NORETRY"),
    (bits(&[17]), "__GFP_MEMALLOC"),
    (bits(&[18]), "__GFP_COMP"),
    (bits(&[19]), "__GFP_NOMEMALLOC"),
    (bits(&[20]), "__GFP_HARDWALL"),
    (bits(&[21]), "__GFP_THISNODE"),
    (bits(&[22]), "__GFP_ACCOUNT"),
    (bits(&[23]), "__GFP_ZEROTAGS"),
    (bits(&[24]), "__GFP_SKIP_ZERO"),
    (bits(&[25]), "__GFP_SKIP_KASAN"),
    (bits(&[26]), "__GFP_NO_OBJ_EXT"),
];

/// Appends the names of the flags, and what has none as a number.
pub(super) fn flags(out: &mut Vec<u8>, value: u64) {
    if value == 0 {
        out.push(b'0');
        return;
    }
    let start = out.len();
    let mut left = value;
    for (set, name) in NAMES {
        if left & set == *set {
            left &= !set;
            if out.len() > start {
                out.push(b'|');
            }
            out.extend_from_slice(name.as_bytes());
        }
    }
    if left != 0 {
        let _ = write!(out, "{}{left:#x}", if out.len() > start { "|" } else { "" });
    }
}

#[cfg(test)]
mod tests {
    /// Expected texts are the oracle's.
    #[test]
    fn flags() {
        let text = |value: u64| {
            let mut out = Vec::new();
            super::flags(&mut out, value);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(3264), "GFP_KERNEL");
        assert_eq!(text(0), "0");
        assert_eq!(text(0x400cc0), "GFP_KERNEL_ACCOUNT");
        assert_eq!(text(0x80_0000_0000), "0x8000000000");
        assert_eq!(text(0x10), "0x10");
        let all = "GFP_TRANSHUGE|GFP_ATOMIC|GFP_DMA|GFP_DMA32|__GFP_ZERO|__GFP_WRITE|__GFP_RETRY_MAYFAIL|__GFP_NOFAIL|__GFP_NORETRY|\
                   __GFP_MEMALLOC|__GFP_THISNODE|__GFP_ACCOUNT|__GFP_ZEROTAGS|__GFP_SKIP_ZERO|__GFP_NO_OBJ_EXT|0xfffffffff8000210";
        assert_eq!(text(u64::MAX), all);
    }
}
