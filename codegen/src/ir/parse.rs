//! Reads the text form; see [`super::text`] for what it looks like.

use super::text::{BIN_OPS, CCS, KINDS};
use super::{Block, BlockData, Cc, Function, Helper, Inst, MapDef, MapRef, Module, Op, Section, Size, Slot, Target, Term, Value};
use std::fmt;
use std::str::FromStr;

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Its line, from 1.
    pub line: usize,
    /// What was expected or found.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for ParseError {}

type Result<T> = std::result::Result<T, ParseError>;

/// Reads a whole module.
pub fn parse_module(text: &str) -> Result<Module> {
    let mut p = Parser::new(text);
    let mut module = Module::default();
    while p.next_line() {
        let word = p.word()?;
        match word {
            "license" => module.license = p.string()?,
            "bss" => module.bss_size = p.number()?,
            "rodata" => module.rodata = p.hex()?,
            "map" => module.maps.push(p.map()?),
            _ => match KINDS.iter().find(|(name, _)| *name == word) {
                Some((_, kind)) => {
                    let name = p.word()?.to_string();
                    p.expect("{")?;
                    p.end()?;
                    let mut f = p.body(Some("}"))?;
                    f.name = name;
                    module.functions.push((*kind, f));
                }
                None => return p.fail(format!("unknown: {word}")),
            },
        }
        p.end()?;
    }
    Ok(module)
}

/// Reads the body of a function, as `Function`'s `Display` writes it.
pub fn parse_function(name: &str, text: &str) -> Result<Function> {
    let mut f = Parser::new(text).body(None)?;
    f.name = name.to_string();
    Ok(f)
}

/// Walks the lines of a text, and the words of the current line.
struct Parser<'a> {
    lines: std::str::Lines<'a>,
    number: usize,
    /// What is left of the line.
    rest: &'a str,
    /// One past the highest value of the function.
    values: u32,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Parser { lines: text.lines(), number: 0, rest: "", values: 0 }
    }

    /// Goes to the next line that is not empty.
    fn next_line(&mut self) -> bool {
        for line in self.lines.by_ref() {
            self.number += 1;
            self.rest = line.split('#').next().unwrap_or("").trim();
            if !self.rest.is_empty() {
                return true;
            }
        }
        false
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T> {
        Err(ParseError { line: self.number, message: message.into() })
    }

    /// The next run of letters, digits and `_ . $ @`.
    fn word(&mut self) -> Result<&'a str> {
        let is_end = |c: char| !(c.is_alphanumeric() || "_.$@".contains(c));
        let end = self.rest.find(is_end).unwrap_or(self.rest.len());
        if end == 0 {
            return self.fail(format!("a word expected at `{}`", self.rest));
        }
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        Ok(word)
    }

    fn eat(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, text: &str) -> Result<()> {
        if self.eat(text) { Ok(()) } else { self.fail(format!("`{text}` expected at `{}`", self.rest)) }
    }

    fn end(&mut self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { self.fail(format!("end of line expected at `{}`", self.rest)) }
    }

    /// A decimal number with an optional sign.
    fn number<T: FromStr>(&mut self) -> Result<T> {
        let sign = usize::from(self.rest.starts_with(['-', '+']));
        let digits = &self.rest[sign..];
        let len = sign + digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let text = &self.rest[..len];
        match text.strip_prefix('+').unwrap_or(text).parse() {
            Ok(n) => {
                self.rest = self.rest[len..].trim_start();
                Ok(n)
            }
            Err(_) => self.fail(format!("a number expected at `{}`", self.rest)),
        }
    }

    /// A letter and a number: `v1`, `b2`, `s3`.
    fn id(&mut self, letter: &str) -> Result<u32> {
        if !self.rest.starts_with(letter) {
            return self.fail(format!("`{letter}` and a number expected at `{}`", self.rest));
        }
        self.rest = &self.rest[letter.len()..];
        self.number()
    }

    fn value(&mut self) -> Result<Value> {
        let v = self.id("v")?;
        if v >= 1 << 24 {
            return self.fail(format!("value number {v} is too large"));
        }
        self.values = self.values.max(v + 1);
        Ok(Value(v))
    }

    /// `(v1, v2)`, or nothing.
    fn list(&mut self) -> Result<Vec<Value>> {
        let mut values = Vec::new();
        if self.eat("(") && !self.eat(")") {
            loop {
                values.push(self.value()?);
                if self.eat(")") {
                    break;
                }
                self.expect(",")?;
            }
        }
        Ok(values)
    }

    /// `v1+8`
    fn address(&mut self) -> Result<(Value, i32)> {
        Ok((self.value()?, self.number()?))
    }

    fn comma_value(&mut self) -> Result<Value> {
        self.expect(",")?;
        self.value()
    }

    fn target(&mut self) -> Result<Target> {
        Ok(Target { block: Block(self.id("b")?), args: self.list()? })
    }

    fn string(&mut self) -> Result<String> {
        // Written by `{:?}`; licenses hold nothing that needs more than this.
        match self.rest.strip_prefix('"').and_then(|r| r.strip_suffix('"')) {
            Some(s) => {
                self.rest = "";
                Ok(s.to_string())
            }
            None => self.fail("a string expected"),
        }
    }

    fn hex(&mut self) -> Result<Vec<u8>> {
        let word = self.word()?;
        let pair = |i: usize| word.get(i..i + 2).and_then(|p| u8::from_str_radix(p, 16).ok());
        match (0..word.len()).step_by(2).map(pair).collect() {
            Some(bytes) => Ok(bytes),
            None => self.fail("hexadecimal bytes expected"),
        }
    }

    fn map(&mut self) -> Result<MapDef> {
        let name = self.word()?.to_string();
        let mut field = |name: &str| -> Result<u32> {
            self.expect(name)?;
            self.number()
        };
        Ok(MapDef {
            name,
            kind: field("kind")?,
            key_size: field("key")?,
            value_size: field("value")?,
            max_entries: field("entries")?,
            flags: field("flags")?,
        })
    }

    /// Slots and blocks up to a line `end`, or to the end of the text.
    fn body(&mut self, end: Option<&str>) -> Result<Function> {
        let mut f = Function::default();
        self.values = 0;
        loop {
            if !self.next_line() {
                match end {
                    Some(end) => return self.fail(format!("`{end}` expected")),
                    None => break,
                }
            }
            if end.is_some_and(|e| self.eat(e)) {
                break;
            }
            self.line(&mut f)?;
            self.end()?;
        }
        f.values = self.values;
        Ok(f)
    }

    fn line(&mut self, f: &mut Function) -> Result<()> {
        if let Some(rest) = self.rest.strip_prefix("slot s") {
            self.rest = rest;
            if self.number::<usize>()? != f.slots.len() {
                return self.fail(format!("s{} expected", f.slots.len()));
            }
            f.slots.push(self.number()?);
            return Ok(());
        }
        if self.rest.ends_with(':') {
            if self.id("b")? as usize != f.blocks.len() {
                return self.fail(format!("b{} expected", f.blocks.len()));
            }
            f.blocks.push(BlockData { params: self.list()?, ..BlockData::default() });
            return self.expect(":");
        }
        if f.blocks.last().is_none_or(|b| b.term.is_some()) {
            return self.fail("a block expected");
        }
        let term = self.term()?;
        let inst = if term.is_none() { Some(self.inst()?) } else { None };
        if let Some(block) = f.blocks.last_mut() {
            block.term = term;
            block.insts.extend(inst);
        }
        Ok(())
    }

    fn term(&mut self) -> Result<Option<Term>> {
        Ok(Some(if self.eat("jump ") {
            Term::Jump(self.target()?)
        } else if self.eat("return ") {
            Term::Return(self.value()?)
        } else if self.eat("branch ") {
            let word = self.word()?;
            let cc = self.cc(word)?;
            let (a, b) = (self.value()?, self.comma_value()?);
            self.expect(",")?;
            let yes = self.target()?;
            self.expect(",")?;
            Term::Branch { cc, a, b, yes, no: self.target()? }
        } else {
            return Ok(None);
        }))
    }

    fn cc(&self, word: &str) -> Result<Cc> {
        match CCS.iter().find(|(name, _)| *name == word) {
            Some((_, cc)) => Ok(*cc),
            None => self.fail(format!("unknown comparison {word}")),
        }
    }

    fn inst(&mut self) -> Result<Inst> {
        let result = if self.rest.starts_with('v') {
            let v = self.value()?;
            self.expect("=")?;
            Some(v)
        } else {
            None
        };
        let word = self.word()?;
        let (name, suffix) = word.split_once('.').unwrap_or((word, ""));
        let op = self.op(name, suffix)?;
        if op.has_result() != result.is_some() {
            return self.fail(format!("{word} with a result it does not have, or without the one that it has"));
        }
        Ok(Inst { result, op, span: None })
    }

    fn op(&mut self, name: &str, suffix: &str) -> Result<Op> {
        if let Some((_, op)) = BIN_OPS.iter().find(|(n, _)| *n == name) {
            return Ok(Op::Bin(*op, self.value()?, self.comma_value()?));
        }
        if let Some((_, cc)) = CCS.iter().find(|(n, _)| *n == name) {
            return Ok(Op::Cmp(*cc, self.value()?, self.comma_value()?));
        }
        Ok(match name {
            "const" => Op::Const(self.number()?),
            "zext" | "sext" => Op::Ext { signed: name == "sext", bits: self.bits(suffix)?, value: self.value()? },
            "bswap" => Op::Bswap { bits: self.bits(suffix)?, value: self.value()? },
            "slot" => Op::SlotAddr(Slot(self.id("s")?), self.number()?),
            "map" => Op::Map(MapRef(self.id("m")?)),
            "global" => self.global()?,
            "call" => Op::Call { helper: self.helper()?, args: self.list()? },
            _ => return self.memory_op(name, suffix),
        })
    }

    fn memory_op(&mut self, name: &str, suffix: &str) -> Result<Op> {
        Ok(match name {
            "load" => {
                let (signed, bytes) = suffix.strip_prefix('s').map_or((false, suffix), |b| (true, b));
                let size = self.size(bytes)?;
                let (ptr, offset) = self.address()?;
                Op::Load { size, signed, ptr, offset }
            }
            "store" | "atomic_add" => {
                let size = self.size(suffix)?;
                let (ptr, offset) = self.address()?;
                let value = self.comma_value()?;
                match name {
                    "store" => Op::Store { size, ptr, offset, value },
                    _ => Op::AtomicAdd { size, ptr, offset, value },
                }
            }
            "zero" => {
                let (ptr, offset) = self.address()?;
                self.expect(",")?;
                Op::Zero { ptr, offset, len: self.number()? }
            }
            "copy" => {
                let (dst, dst_offset) = self.address()?;
                self.expect(",")?;
                let (src, src_offset) = self.address()?;
                self.expect(",")?;
                Op::Copy { dst, dst_offset, src, src_offset, len: self.number()? }
            }
            _ => return self.fail(format!("unknown instruction {name}")),
        })
    }

    fn global(&mut self) -> Result<Op> {
        let section = match self.word()? {
            "bss" => Section::Bss,
            "rodata" => Section::Rodata,
            other => return self.fail(format!("unknown section {other}")),
        };
        Ok(Op::Global(section, self.number()?))
    }

    fn helper(&mut self) -> Result<Helper> {
        let word = self.word()?;
        let by_number = || word.strip_prefix("helper_").and_then(|n| n.parse().ok()).map(Helper);
        match Helper::by_name(word).or_else(by_number) {
            Some(h) => Ok(h),
            None => self.fail(format!("unknown helper {word}")),
        }
    }

    fn bits(&self, suffix: &str) -> Result<u8> {
        match suffix.parse() {
            Ok(bits @ (8 | 16 | 32 | 64)) => Ok(bits),
            _ => self.fail(format!("`{suffix}` is no number of bits")),
        }
    }

    fn size(&self, suffix: &str) -> Result<Size> {
        match suffix.parse().ok().and_then(Size::from_bytes) {
            Some(size) => Ok(size),
            None => self.fail(format!("`{suffix}` is no size")),
        }
    }
}
