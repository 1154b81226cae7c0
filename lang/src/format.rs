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
    /// `l`, `ll`, `j`, `z`, `t`; 16 for `h`; 8 for `hh`.
    pub bits: u8,
    /// `d i u x X o c s p r` and so on.
    pub conversion: char,
}

/// Conversions that take an integer.
pub const INTEGER_CONVERSIONS: &str = "diuxXoc";

/// Takes a format string apart. The error is a sentence about the first bad conversion.
pub fn parse(text: &[u8]) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = Vec::new();
    // Conversions are ASCII; a byte of anything else is no conversion, whatever it is part of.
    let mut rest = text.iter().map(|b| char::from(*b)).peekable();
    while let Some(c) = rest.next() {
        if c != '%' {
            literal.push(c as u8);
            continue;
        }
        if rest.peek() == Some(&'%') {
            rest.next();
            literal.push(b'%');
            continue;
        }
        let spec = conversion(&mut rest)?;
        if !literal.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut literal)));
        }
        pieces.push(Piece::Arg(spec));
    }
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    Ok(pieces)
}

fn conversion(rest: &mut std::iter::Peekable<impl Iterator<Item = char>>) -> Result<ArgSpec, String> {
    let mut spec = ArgSpec {
        left: false,
        zero: false,
        plus: false,
        space: false,
        alt: false,
        width: None,
        precision: None,
        bits: 32,
        conversion: 'd',
    };
    while let Some(c) = rest.peek() {
        match c {
            '-' => spec.left = true,
            '0' => spec.zero = true,
            '+' => spec.plus = true,
            ' ' => spec.space = true,
            '#' => spec.alt = true,
            _ => break,
        }
        rest.next();
    }
    spec.width = number(rest)?;
    if rest.peek() == Some(&'.') {
        rest.next();
        spec.precision = Some(number(rest)?.unwrap_or(0));
    }
    while let Some(c @ ('h' | 'l' | 'j' | 'z' | 't' | 'q' | 'L')) = rest.peek().copied() {
        rest.next();
        spec.bits = match (c, spec.bits) {
            ('h', 32) => 16,
            ('h', _) => 8,
            _ => 64,
        };
    }
    match rest.next() {
        Some(c) if INTEGER_CONVERSIONS.contains(c) || "spr".contains(c) => {
            spec.conversion = c;
            Ok(spec)
        }
        Some(c) => Err(format!("`%{}` is no conversion", c.escape_default())),
        None => Err("the format ends in the middle of a conversion".into()),
    }
}

fn number(rest: &mut std::iter::Peekable<impl Iterator<Item = char>>) -> Result<Option<u32>, String> {
    let mut n: Option<u32> = None;
    while let Some(d) = rest.peek().and_then(|c| c.to_digit(10)) {
        rest.next();
        n = Some(n.unwrap_or(0) * 10 + d);
        if n > Some(4096) {
            return Err("a width or precision above 4096".into());
        }
    }
    Ok(n)
}

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
        assert!(parse(b"100%").is_err());
        assert!(parse(b"%y").is_err());
        assert!(parse(b"%99999d").is_err());
    }
}
