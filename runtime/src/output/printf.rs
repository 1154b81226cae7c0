//! `printf`: the conversions of printf(3) as bpftrace understands them.
//!
//! They are those of a C++ stream rather than of C, and this shows: padding knows no sign and no prefix (`%05d` of -4 is
//! `000-4`, and zeros pad on the right too), precision and the space flag do nothing, and the width of a tuple is that of
//! its first parenthesis, that of a structure of its brace and a space.

use super::value::{Show, slice};
use super::{bytes, gfp, record};
use lang::format::{ArgSpec, Piece};
use lang::types::{Agg, Type};
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
fn convert(out: &mut Vec<u8>, spec: &ArgSpec, ty: &Type, stored: &[u8], show: &mut Show<'_>) {
    let start = out.len();
    let scalar = ty.is_scalar() || matches!(ty, Type::Ksym | Type::Usym);
    match (spec.conversion, spec.form, ty) {
        ('r', Some('x'), Type::Buf(size)) => bytes::all_escaped(out, bytes::buffer(stored, *size)),
        ('r', _, Type::Buf(size)) if spec.form.is_some() => bytes::hex(out, bytes::buffer(stored, *size)),
        ('f', ..) => fixed(out, spec, ty, record::scalar(ty, stored)),
        ('g', ..) if scalar => gfp::flags(out, record::scalar(ty, stored)),
        ('s' | 'r', ..) => {
            show.plus = spec.plus;
            show.value(out, ty, stored);
            show.plus = false;
        }
        _ if scalar => integer(out, spec, record::scalar(ty, stored)),
        _ => show.value(out, ty, stored),
    }
    // A stream's width is that of what it is given first.
    let first = match ty {
        Type::Tuple(_) | Type::Array { .. } => 1,
        Type::Record { .. } | Type::Named(_) | Type::Agg(Agg::Stats(_)) => 2,
        _ => out.len() - start,
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

/// An integer that counts hundredths (or what the precision says), without its padding. This is beetrace's own: bpftrace has no `%f`.
fn fixed(out: &mut Vec<u8>, spec: &ArgSpec, ty: &Type, value: u64) {
    let signed = ty.int().is_some_and(|i| i.signed);
    let negative = signed && (value as i64) < 0;
    let value = if negative { (value as i64).unsigned_abs() } else { value };
    let digits = spec.precision.unwrap_or(2) as usize;
    let unit = 10u64.pow(digits as u32);
    let sign = if negative {
        "-"
    } else if spec.plus {
        "+"
    } else {
        ""
    };
    let _ = write!(out, "{sign}{}.{:0digits$}", value / unit, value % unit);
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
    use crate::output::host::Host;
    use codegen::manifest::Manifest;
    use lang::types::Int;

    fn formatted(format: &str, args: &[Type], payload: &[u8]) -> String {
        let pieces = lang::format::parse(format.as_bytes()).unwrap();
        let mut manifest = Manifest::default();
        manifest.enums.insert("Foo".into(), vec![("A".into(), -1), ("B".into(), 2)]);
        let (mut fake, mut host) = (Fake::default(), Host::default());
        let mut show = Show::new(&manifest, &mut fake, &mut host);
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
    fn hundredths() {
        let got = ints("[%.2f][%7.2f][%-7.2f][%.1f][%.3f][%+.2f][%.2f]", &[152, 5, 100, 99, 1, 7, -5]);
        assert_eq!(got, "[1.52][   0.05][1.00   ][9.9][0.001][+0.07][-0.05]");
        assert_eq!(formatted("%.18f", &[Type::U64], &words(&[-1])), "18.446744073709551615");
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

    #[test]
    fn enumerations_and_flags() {
        let e = Type::Enum { name: "Foo".into(), int: Int::I32 };
        let got = formatted("%s %d %ld %5s|%-5s|%+s|%x|%p|%s", &vec![e.clone(); 9], &words(&[2, 2, -1, 2, 2, -1, 2, 2, 7]));
        assert_eq!(got, "B 2 4294967295     B|B    |A|2|0x2|7");
        assert_eq!(ints("%gr|%20gr|%-5gr|", &[3264, 0x80_0000_0000, 0x10]), "GFP_KERNEL|        0x8000000000|0x10 |");
    }

    #[test]
    fn buffers() {
        let stored = [&words(&[4])[..], b"a\\x\xff....", b"12345678"].concat();
        let got = formatted("%r|%rx|%rh|%s|%20rh|%-20r|", &vec![Type::Buf(10); 6], &stored.repeat(6));
        assert_eq!(got, r"a\x\xff|\x61\x5c\x78\xff|61 5c 78 ff|a\x\xff|         61 5c 78 ff|a\x\xff             |");
        assert_eq!(formatted("%r|%rh", &[Type::Buf(8), Type::Buf(8)], &words(&[0, 1, 99, 2])), r"|02 00 00 00 00 00 00 00");
    }

    #[test]
    fn values_with_names() {
        let inner = Type::Named(vec![("e".into(), Type::Bool)]);
        let pair = Type::Tuple(vec![Type::I64, Type::I64]);
        let v = Type::Named(vec![("a".into(), Type::I64), ("b".into(), Type::Str(2)), ("c".into(), pair), ("d".into(), inner)]);
        let stored = [&words(&[1])[..], b"x\0\0\0\0\0\0\0", &words(&[1, 2, 1])].concat();
        let got = formatted("%10s|%-5s|%+s", &vec![v; 3], &stored.repeat(3));
        let plain = ".a = 1, .b = x, .c = (1, 2), .d = { .e = true } }";
        assert_eq!(got, format!("        {{ {plain}|{{    {plain}|{{ .a = +1, .b = x, .c = (+1, +2), .d = {{ .e = true }} }}"));
    }
}
