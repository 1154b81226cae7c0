//! `printf`: the conversions of printf(3) as bpftrace understands them.
//!
//! They are those of a C++ stream rather than of C, and this shows: padding knows no sign and no prefix (`%05d` of -4 is
//! `000-4`, and zeros pad on the right too), precision and the space flag do nothing, and the width of a tuple is that of
//! its first parenthesis.

use super::value::{Show, slice, word};
use lang::format::{ArgSpec, Piece};
use lang::types::Type;
use std::io::Write as _;

/// Appends a format with its arguments, whose values follow each other in `payload`.
pub(super) fn printf(out: &mut Vec<u8>, format: &[Piece], args: &[Type], payload: &[u8], show: &mut Show<'_>) {
    let mut at = 0;
    let mut args = args.iter();
    for piece in format {
        match piece {
            Piece::Text(text) => out.extend_from_slice(text),
            Piece::Arg(spec) => {
                let Some(ty) = args.next() else { continue };
                let size = ty.stored_size() as usize;
                convert(out, spec, ty, slice(payload, at, size), show);
                at += size;
            }
        }
    }
}

/// Appends one argument, padded to its width.
fn convert(out: &mut Vec<u8>, spec: &ArgSpec, ty: &Type, bytes: &[u8], show: &mut Show<'_>) {
    let start = out.len();
    let scalar = ty.is_scalar() || matches!(ty, Type::Ksym | Type::Usym);
    let first = match spec.conversion {
        's' | 'r' => {
            show.plus = spec.plus;
            show.value(out, ty, bytes);
            show.plus = false;
            if matches!(ty, Type::Tuple(_) | Type::Array { .. }) { 1 } else { out.len() - start }
        }
        _ if !scalar => {
            show.value(out, ty, bytes);
            out.len() - start
        }
        _ => {
            integer(out, spec, word(bytes, 0));
            out.len() - start
        }
    };
    pad(out, spec, start, first);
}

/// Fills up to the width, before the first `first` bytes after `start` or behind them.
fn pad(out: &mut Vec<u8>, spec: &ArgSpec, start: usize, first: usize) {
    let width = spec.width.unwrap_or(0) as usize;
    if first >= width {
        return;
    }
    let at = if spec.left { start + first } else { start };
    let fill = if spec.zero { b'0' } else { b' ' };
    out.splice(at..at, std::iter::repeat_n(fill, width - first));
}

/// An integer without its padding.
fn integer(out: &mut Vec<u8>, spec: &ArgSpec, value: u64) {
    let unsigned = match spec.bits {
        8 => u64::from(value as u8),
        16 => u64::from(value as u16),
        32 => u64::from(value as u32),
        _ => value,
    };
    let signed = match spec.bits {
        8 => i64::from(value as i8),
        16 => i64::from(value as i16),
        32 => i64::from(value as i32),
        _ => value as i64,
    };
    let base = spec.alt && unsigned != 0;
    let _ = match spec.conversion {
        'c' => out.write_all(&[value as u8]),
        'p' if value == 0 => write!(out, "0"),
        'p' => write!(out, "{value:#x}"),
        'u' => write!(out, "{unsigned}"),
        'x' => write!(out, "{}{unsigned:x}", if base { "0x" } else { "" }),
        'X' => write!(out, "{}{unsigned:X}", if base { "0X" } else { "" }),
        'o' => write!(out, "{}{unsigned:o}", if base { "0" } else { "" }),
        _ if spec.plus => write!(out, "{signed:+}"),
        _ => write!(out, "{signed}"),
    };
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Fake, words};
    use super::*;
    use codegen::manifest::Settings;
    use lang::types::Int;

    fn formatted(format: &str, args: &[Type], payload: &[u8]) -> String {
        let pieces = lang::format::parse(format.as_bytes()).unwrap();
        let settings = Settings::default();
        let mut fake = Fake::default();
        let mut show = Show { settings: &settings, world: &mut fake, div: 1, plus: false };
        let mut out = Vec::new();
        printf(&mut out, &pieces, args, payload, &mut show);
        String::from_utf8_lossy(&out).into_owned()
    }

    fn ints(format: &str, values: &[i64]) -> String {
        formatted(format, &vec![Type::I64; values.len()], &words(values))
    }

    // Expected texts are the oracle's.

    #[test]
    fn plain_conversions() {
        let got = ints(
            "[%d][%5d][%-5d][%05d][%+d][% d][%x][%#x][%X][%#X][%o][%#o][%c][%p]",
            &[-5, 42, 42, 42, 42, 42, 255, 255, 255, 255, 8, 8, 65, 4096],
        );
        assert_eq!(got, "[-5][   42][42   ][00042][+42][42][ff][0xff][FF][0XFF][10][010][A][0x1000]");
    }

    #[test]
    fn length_modifiers() {
        let got = ints(
            "[%hhd][%hd][%ld][%lld][%jd][%zd][%hhu][%hu][%u][%lu][%hhx][%x][%lx]",
            &[300, 70000, -1, -1, -1, -1, 300, 70000, -1, -1, -1, -1, -1],
        );
        let want = "[44][4464][-1][-1][-1][-1][44][4464][4294967295][18446744073709551615][ff][ffffffff][ffffffffffffffff]";
        assert_eq!(got, want);
        assert_eq!(ints("[%d][%u][%c]", &[5_000_000_000, -5_000_000_000, 321]), "[705032704][3589934592][A]");
    }

    #[test]
    fn padding_is_a_streams() {
        let got =
            ints("[%+5d][%-+5d][%#010x][%-#10x][%+d][%+u][%+s][%#s][%#d][%#x][%-05d|%05d]", &[3, 3, 255, 255, -3, 3, 3, 3, 3, 0, 4, -4]);
        assert_eq!(got, "[   +3][+3   ][0000000xff][0xff      ][-3][3][+3][3][3][0][40000|000-4]");
        assert_eq!(ints("[%5c][%-5c][%20p][%p]", &[65, 66, 4096, 0]), "[    A][B    ][              0x1000][0]");
    }

    #[test]
    fn strings_and_tuples() {
        let s = Type::Str(4);
        let got = formatted("[%10s][%-10s][%.2s][%010s]", &[s.clone(), s.clone(), s.clone(), s.clone()], &b"abc\0\0\0\0\0".repeat(4));
        assert_eq!(got, "[       abc][abc       ][abc][0000000abc]");
        let pair = Type::Tuple(vec![Type::I64, Type::I64]);
        let got = formatted("[%10s][%-8s]%s", &[pair, Type::Bool, Type::Int(Int::I8)], &words(&[1, 2, 1, -1]));
        assert_eq!(got, "[         (1, 2)][true    ]-1");
    }
}
