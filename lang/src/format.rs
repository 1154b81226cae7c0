//! Format strings of `printf` and its kin, as in printf(3).

use serde::{Deserialize, Serialize};

/// Part of a format string.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Piece {
    /// To be printed as it is; scripts may write any bytes (`\\xff`).
    Text(Vec<u8>),
    /// The next argument.
    Arg(ArgSpec),
}

/// A conversion, as in printf(3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArgSpec {
    /// `-`
    pub left: bool,
    /// `0`
    pub zero: bool,
    /// `+`
    pub plus: bool,
    /// a space
    pub space: bool,
    /// `#`
    pub alt: bool,
    /// Minimum field width.
    pub width: Option<u32>,
    /// Precision.
    pub precision: Option<u32>,
    /// Bits that the length modifier selects: 32 for none, as in C and in bpftrace (`%d` of 5000000000 prints 705032704); 64 for
    /// `l`, `ll`, `j`, `z`, `t`; 16 for `h`; 8 for `hh`. A modifier that is none of these selects nothing.
    pub bits: u8,
    /// `d i u x X o c s p`; `f` for an integer in hundredths, thousandths, ...: with as many digits behind the point as the precision says; `r` for the bytes of a buffer (`%r`, `%rx`, `%rh`); `g` for the flags of an allocation (`%gr`).
    pub conversion: char,
    /// What follows `r`: `x` for `\x61\xff`, `h` for `61 ff`.
    #[serde(default)]
    pub form: Option<char>,
}

/// Conversions that take an integer.
pub const INTEGER_CONVERSIONS: &str = "diuxXoc";

/// Takes a format string apart. A percent sign that begins no conversion is text, as in bpftrace. The error is a sentence about
/// the first conversion that bpftrace knows and refuses.
pub fn parse(text: &[u8]) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = Vec::new();
    let mut rest = text;
    while let Some((c, tail)) = rest.split_first() {
        let mut cursor = Cursor(tail);
        match (*c == b'%').then(|| cursor.conversion()).flatten() {
            None => literal.push(*c),
            Some(spec) => {
                rest = cursor.0;
                let spec = spec?;
                if spec.conversion == '%' {
                    literal.push(b'%');
                    continue;
                }
                if !literal.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Arg(spec));
                continue;
            }
        }
        rest = tail;
    }
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    Ok(pieces)
}

/// What is left of a format string.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    /// Skips one byte if it is `c`.
    fn take(&mut self, c: u8) -> bool {
        let found = self.0.first() == Some(&c);
        if found {
            self.0 = &self.0[1..];
        }
        found
    }

    /// What follows a percent sign; `None` if it is no conversion. Flags have one order; a `*` is read and means nothing.
    fn conversion(&mut self) -> Option<Result<ArgSpec, String>> {
        let (left, plus, space, alt, zero) = (self.take(b'-'), self.take(b'+'), self.take(b' '), self.take(b'#'), self.take(b'0'));
        let width = self.number();
        let precision = if self.take(b'.') { Some(self.number()?) } else { None };
        let end = self.0.iter().position(|c| !b"hlLjzt".contains(c)).unwrap_or(self.0.len());
        let (modifier, tail) = self.0.split_at(end);
        self.0 = tail;
        let bits = match modifier {
            b"hh" => 8,
            b"h" => 16,
            b"l" | b"ll" | b"j" | b"z" | b"t" => 64,
            _ => 32,
        };
        let (c, tail) = self.0.split_first()?;
        self.0 = tail;
        let form = match c {
            b'r' if self.take(b'x') => Some('x'),
            b'r' if self.take(b'h') => Some('h'),
            b'g' if self.take(b'r') => Some('r'),
            _ => None,
        };
        let conversion = char::from(*c);
        match c {
            b'd' | b'i' | b'o' | b'u' | b'x' | b'X' | b'c' | b's' | b'p' | b'r' | b'%' => {}
            b'g' if form.is_some() => {}
            b'f' if precision.flatten().is_some_and(|p| (1..=18).contains(&p)) => {}
            b'f' => {
                let text = "`%f` needs a number of digits behind the point, 1 to 18: `%.2f` prints 152, which counts hundredths, as 1.52";
                return Some(Err(text.into()));
            }
            b'e' | b'E' | b'F' | b'g' | b'G' | b'a' | b'A' | b'n' => {
                return Some(Err(format!("`%{conversion}` can print nothing that a script has")));
            }
            _ => return None,
        }
        let (width, precision) = (width.flatten(), precision.flatten());
        if width.max(precision) > Some(LONGEST) {
            return Some(Err("a width or precision above 4096".into()));
        }
        Some(Ok(ArgSpec { left, zero, plus, space, alt, width, precision, bits, conversion, form }))
    }

    /// A number or a `*`, which stands for none.
    fn number(&mut self) -> Option<Option<u32>> {
        if self.take(b'*') {
            return Some(None);
        }
        let mut n: Option<u32> = None;
        while let Some(d) = self.0.first().filter(|c| c.is_ascii_digit()) {
            self.0 = &self.0[1..];
            n = Some(n.unwrap_or(0).saturating_mul(10).saturating_add(u32::from(d - b'0')));
        }
        n.map(Some)
    }
}

/// The greatest width and precision.
const LONGEST: u32 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_conversions() {
        let p = parse(b"a %-5s|%08llx%%\n").unwrap();
        assert_eq!(p.len(), 5);
        assert_eq!(p[0], Piece::Text(b"a ".to_vec()));
        let Piece::Arg(s) = &p[1] else { panic!("{p:?}") };
        assert!(s.left && s.width == Some(5) && s.conversion == 's');
        let Piece::Arg(x) = &p[3] else { panic!("{p:?}") };
        assert!(x.zero && x.width == Some(8) && x.bits == 64 && x.conversion == 'x');
        assert_eq!(p[4], Piece::Text(b"%\n".to_vec()));
    }

    #[test]
    fn short_modifiers_and_mistakes() {
        let Piece::Arg(s) = &parse(b"%hhu").unwrap()[0] else { panic!() };
        assert_eq!(s.bits, 8);
        let Piece::Arg(s) = &parse(b"%Ld").unwrap()[0] else { panic!() };
        assert_eq!(s.bits, 32);
        assert!(parse(b"%f").unwrap_err().contains("%.2f"));
        assert!(parse(b"%.0f").is_err() && parse(b"%.19f").is_err() && parse(b"%8.2f").is_ok());
        assert!(parse(b"%g").is_err());
        assert!(parse(b"%99999d").is_err());
        assert!(parse(b"%.99999999999s").is_err());
    }

    /// As bpftrace prints them.
    #[test]
    fn what_is_no_conversion_is_text() {
        for text in ["100%", "%y", "%0-5d", "%.s", "%q", "a % b", "%-", "%l"] {
            assert_eq!(parse(text.as_bytes()).unwrap(), [Piece::Text(text.into())], "{text}");
        }
        assert_eq!(parse(b"|%5%|").unwrap(), [Piece::Text(b"|%|".to_vec())]);
        let p = parse(b"%%%d%").unwrap();
        assert!(matches!(&p[..], [Piece::Text(a), Piece::Arg(_), Piece::Text(b)] if a == b"%" && b == b"%"));
        let Piece::Arg(s) = &parse(b"%*.*s").unwrap()[0] else { panic!() };
        assert_eq!((s.width, s.precision, s.conversion), (None, None, 's'));
    }

    #[test]
    fn bytes_and_flags() {
        let forms = |text: &str| -> Vec<(char, Option<char>)> {
            let arg = |p: &Piece| if let Piece::Arg(s) = p { Some((s.conversion, s.form)) } else { None };
            parse(text.as_bytes()).unwrap().iter().filter_map(arg).collect()
        };
        assert_eq!(forms("%r %rx%rh|%20gr|%rr"), [('r', None), ('r', Some('x')), ('r', Some('h')), ('g', Some('r')), ('r', None)]);
    }
}
