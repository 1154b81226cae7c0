//! Declarations: structures, unions, enumerations, typedefs.

use super::CDefs;
use super::layout::{Attributes, CType, Member, place};
use super::preprocess::{Placed, Token};
use crate::diag::Diagnostic;
use crate::kernel::{Kernel, Layout};
use crate::source::Span;
use crate::types::{AddrSpace, Int, Type};

/// Structures and declarators within each other.
const MAX_DEPTH: u32 = 40;

pub(super) struct Declarations<'k> {
    pub(super) tokens: Vec<Placed>,
    pub(super) at: usize,
    pub(super) kernel: &'k dyn Kernel,
    pub defs: CDefs,
    pub diags: Vec<Diagnostic>,
    pub(super) depth: u32,
    anonymous: u32,
}

/// What the words in front of a declarator say.
pub(super) struct Base {
    pub(super) ty: CType,
    typedef: bool,
    /// The layout of a structure without a name that was defined here.
    inline: Option<Layout>,
}

pub(super) type Res<T> = Result<T, Diagnostic>;

impl<'k> Declarations<'k> {
    pub fn new(tokens: Vec<Placed>, kernel: &'k dyn Kernel) -> Self {
        Declarations { tokens, at: 0, kernel, defs: CDefs::default(), diags: Vec::new(), depth: 0, anonymous: 0 }
    }

    /// Reads everything; after a mistake it goes on behind the next semicolon or block.
    pub fn all(&mut self) {
        while self.at < self.tokens.len() {
            let start = self.at;
            if let Err(d) = self.declaration() {
                self.diags.push(d);
                self.depth = 0;
                self.at = self.at.max(start + 1);
                self.recover();
            }
        }
    }

    pub(super) fn recover(&mut self) {
        let mut depth = 0usize;
        while let Some((t, _)) = self.tokens.get(self.at) {
            self.at += 1;
            match t {
                Token::Sign('{') => depth += 1,
                Token::Sign('}') => depth = depth.saturating_sub(1),
                Token::Sign(';') if depth == 0 => return,
                _ => {}
            }
        }
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|t| &t.0)
    }

    pub(super) fn span(&self) -> Span {
        let i = self.at.min(self.tokens.len().saturating_sub(1));
        self.tokens.get(i).map(|t| t.1).unwrap_or_default()
    }

    pub(super) fn sign(&mut self, c: char) -> bool {
        let yes = self.peek() == Some(&Token::Sign(c));
        self.at += usize::from(yes);
        yes
    }

    pub(super) fn word(&mut self, w: &str) -> bool {
        let yes = matches!(self.peek(), Some(Token::Word(x)) if x == w);
        self.at += usize::from(yes);
        yes
    }

    pub(super) fn name(&mut self) -> Option<String> {
        match self.peek() {
            Some(Token::Word(w)) => {
                let w = w.clone();
                self.at += 1;
                Some(w)
            }
            _ => None,
        }
    }

    pub(super) fn expect(&mut self, c: char) -> Res<()> {
        if self.sign(c) { Ok(()) } else { Err(Diagnostic::error(self.span(), format!("`{c}` is missing here in a C definition"))) }
    }

    pub(super) fn deeper(&mut self) -> Res<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Diagnostic::error(self.span(), "this definition is nested too deep"));
        }
        Ok(())
    }

    pub(super) fn declaration(&mut self) -> Res<()> {
        if self.sign(';') {
            return Ok(());
        }
        if self.word("_Static_assert") {
            self.recover();
            return Ok(());
        }
        let base = self.base()?;
        if self.sign(';') {
            return Ok(());
        }
        // `struct foo { ... }` without its semicolon: the end of its chunk, or the next definition.
        if !base.typedef && (self.at >= self.tokens.len() || self.starts_declaration()) {
            return Ok(());
        }
        loop {
            if self.at >= self.tokens.len() {
                return Ok(());
            }
            let at = self.span();
            let (name, ty) = self.declarator(base.ty.clone())?;
            self.attributes()?;
            if base.typedef {
                let Some(name) = name else { return Err(Diagnostic::error(at, "a name is missing in this typedef")) };
                self.defs.typedefs.insert(name, ty.ty);
            }
            // A function's body, or a variable's value, is nobody's business here.
            if self.peek() == Some(&Token::Sign('{')) {
                self.skip_braces();
                return Ok(());
            }
            if self.sign('=') {
                self.recover();
                return Ok(());
            }
            if self.sign(';') {
                return Ok(());
            }
            self.expect(',')?;
        }
    }

    pub(super) fn starts_declaration(&self) -> bool {
        matches!(self.peek(), Some(Token::Word(w)) if matches!(w.as_str(), "struct" | "union" | "enum" | "typedef" | "extern" | "static"))
    }

    pub(super) fn skip_braces(&mut self) {
        let mut depth = 0usize;
        while let Some((t, _)) = self.tokens.get(self.at) {
            self.at += 1;
            match t {
                Token::Sign('{') => depth += 1,
                Token::Sign('}') => {
                    depth -= 1;
                    if depth == 0 {
                        return;
                    }
                }
                _ => {}
            }
        }
    }

    /// `__attribute__((packed, aligned(8)))`, any number of them.
    pub(super) fn attributes(&mut self) -> Res<Attributes> {
        let mut out = Attributes::default();
        while self.word("__attribute__") || self.word("__attribute") {
            let mut depth = 0usize;
            while let Some((t, _)) = self.tokens.get(self.at).cloned() {
                self.at += 1;
                match t {
                    Token::Sign('(') => depth += 1,
                    Token::Sign(')') => {
                        depth = depth.saturating_sub(1);
                        if depth == 0 {
                            break;
                        }
                    }
                    Token::Word(w) if matches!(w.as_str(), "packed" | "__packed__") => out.packed = true,
                    Token::Word(w) if matches!(w.as_str(), "aligned" | "__aligned__") => {
                        out.align = Some(16);
                        if let (Some(Token::Sign('(')), Some((Token::Number(n), _))) = (self.peek(), self.tokens.get(self.at + 1)) {
                            out.align = Some((*n).clamp(1, 1 << 16) as u32);
                        }
                    }
                    _ if depth == 0 => return Err(Diagnostic::error(self.span(), "this attribute is not understood")),
                    _ => {}
                }
            }
        }
        Ok(out)
    }

    /// The words in front of a declarator.
    pub(super) fn base(&mut self) -> Res<Base> {
        let (mut typedef, mut longs, mut signed, mut unsigned) = (false, 0, false, false);
        let mut kind: Option<&'static str> = None;
        let mut found: Option<(CType, Option<Layout>)> = None;
        loop {
            self.attributes()?;
            let span = self.span();
            let Some(Token::Word(w)) = self.peek() else { break };
            let w = w.clone();
            match w.as_str() {
                "typedef" => typedef = true,
                "const" | "volatile" | "restrict" | "__restrict" | "extern" | "static" | "inline" | "__inline" | "register" | "__user"
                | "__kernel" | "__rcu" | "__percpu" | "__iomem" | "_Atomic" | "__volatile__" | "__const" | "__extension__" => {}
                "signed" | "__signed__" => signed = true,
                "unsigned" => unsigned = true,
                "long" => longs += 1,
                "short" => kind = Some("short"),
                "char" => kind = Some("char"),
                "int" if kind.is_none() => kind = Some("int"),
                "int" => {}
                "void" => kind = Some("void"),
                "_Bool" | "bool" if found.is_none() => kind = Some("bool"),
                "float" => kind = Some("float"),
                "double" => kind = Some("double"),
                "struct" | "union" | "enum" => {
                    self.at += 1;
                    found = Some(if w == "enum" { (self.enumeration()?, None) } else { self.record(w == "union", span)? });
                    continue;
                }
                _ if found.is_some() || kind.is_some() || longs > 0 || signed || unsigned => break,
                name => match self.named(name) {
                    Some(ty) => found = Some((ty, None)),
                    None => {
                        let d = Diagnostic::error(span, format!("there is no type `{name}`"));
                        return Err(d.help("it is neither defined before this line nor known to the kernel's BTF"));
                    }
                },
            }
            self.at += 1;
        }
        if let Some((ty, inline)) = found {
            return Ok(Base { ty, typedef, inline });
        }
        let int = |bits: u8| c_int(Int { bits, signed: !unsigned });
        let ty = match kind {
            Some("void") => CType { ty: Type::Void, size: 1, align: 1 },
            Some("bool") => CType { ty: Type::Bool, size: 1, align: 1 },
            Some("char") => int(8),
            Some("short") => int(16),
            Some("float") => opaque(4),
            Some("double") if longs > 0 => opaque(16),
            Some("double") => opaque(8),
            _ if longs > 0 => int(64),
            Some(_) => int(32),
            None if signed || unsigned => int(32),
            None => return Err(Diagnostic::error(self.span(), "a type is expected here in a C definition")),
        };
        Ok(Base { ty, typedef, inline: None })
    }

    pub(super) fn named(&self, name: &str) -> Option<CType> {
        let ty = self.defs.typedefs.get(name).cloned().or_else(|| known(name)).or_else(|| self.kernel.typedef(name))?;
        Some(self.sized(ty))
    }

    pub(super) fn sized(&self, ty: Type) -> CType {
        let (size, align) = match &ty {
            Type::Record { name, size } => {
                let align = self.record_align(name);
                (*size, align)
            }
            Type::Array { elem, len } => {
                let e = self.sized((**elem).clone());
                (e.size.saturating_mul(*len), e.align)
            }
            Type::Void => (1, 1),
            other => (other.c_size(), other.c_size().clamp(1, 8)),
        };
        CType { ty, size, align }
    }

    /// The alignment of a structure by its members.
    pub(super) fn record_align(&self, name: &str) -> u32 {
        let layout = self.defs.records.get(name).cloned().or_else(|| self.kernel.record(name));
        let Some(layout) = layout else { return 8 };
        let most = layout.fields.iter().map(|f| match &f.ty {
            Type::Record { .. } => 8,
            Type::Array { elem, .. } => elem.c_size().clamp(1, 8),
            other => other.c_size().clamp(1, 8),
        });
        let most = most.max().unwrap_or(1);
        // A packed structure is no multiple of it.
        (0..=most.trailing_zeros()).rev().map(|s| 1 << s).find(|a| layout.size.is_multiple_of(*a)).unwrap_or(1)
    }

    pub(super) fn enumeration(&mut self) -> Res<CType> {
        self.attributes()?;
        let name = self.name();
        self.attributes()?;
        if !self.sign('{') {
            let name = name.ok_or_else(|| Diagnostic::error(self.span(), "a name is missing behind `enum`"))?;
            let known = self.defs.enums.get(&name).map(|e| e.0).or_else(|| self.kernel.enumeration(&name).map(|e| e.0));
            let int = known.unwrap_or(Int::U32);
            return Ok(CType { ty: Type::Enum { name, int }, size: u32::from(int.bits / 8), align: u32::from(int.bits / 8) });
        }
        let mut list: Vec<(String, i64)> = Vec::new();
        let mut next = 0i64;
        while !self.sign('}') {
            let span = self.span();
            let Some(member) = self.name() else { return Err(Diagnostic::error(span, "a name is expected in this `enum`")) };
            if self.sign('=') {
                next = self.constant(&[',', '}'], &list)?;
            }
            list.push((member, next));
            next = next.wrapping_add(1);
            if !self.sign(',') && self.peek() != Some(&Token::Sign('}')) {
                return Err(Diagnostic::error(self.span(), "`,` or `}` is expected in this `enum`"));
            }
        }
        let wide = list.iter().any(|(_, n)| *n > i64::from(u32::MAX) || *n < i64::from(i32::MIN));
        let int = Int { bits: if wide { 64 } else { 32 }, signed: list.iter().any(|(_, n)| *n < 0) };
        let ty = match &name {
            Some(n) => Type::Enum { name: n.clone(), int },
            None => {
                // Its enumerators still print by name.
                self.anonymous += 1;
                Type::Enum { name: format!("anon#{}", self.anonymous), int }
            }
        };
        if let Type::Enum { name, .. } = &ty {
            self.defs.enums.insert(name.clone(), (int, list.clone()));
        }
        for (member, n) in list {
            self.defs.enumerators.insert(member, (n, ty.clone()));
        }
        let bytes = u32::from(int.bits / 8);
        Ok(CType { ty, size: bytes, align: bytes })
    }

    pub(super) fn record(&mut self, union: bool, start: Span) -> Res<(CType, Option<Layout>)> {
        let before = self.attributes()?;
        let name = self.name();
        let between = self.attributes()?;
        let prefix = if union { "union " } else { "" };
        if !self.sign('{') {
            let name = name.ok_or_else(|| Diagnostic::error(start, "a name or members are missing here"))?;
            let full = format!("{prefix}{name}");
            let size = self.defs.records.get(&full).map(|l| l.size).or_else(|| self.kernel.record(&full).map(|l| l.size)).unwrap_or(0);
            return Ok((self.sized(Type::record(&full, size)), None));
        }
        self.deeper()?;
        let members = self.members()?;
        self.depth -= 1;
        let behind = self.attributes()?;
        let attributes =
            Attributes { packed: before.packed || between.packed || behind.packed, align: before.align.or(between.align).or(behind.align) };
        let (layout, align) = place(members, union, attributes);
        let inline = name.is_none().then(|| layout.clone());
        let full = match name {
            Some(n) => format!("{prefix}{n}"),
            None => {
                self.anonymous += 1;
                format!("{prefix}anon#c{}", self.anonymous)
            }
        };
        let size = layout.size;
        self.defs.records.insert(full.clone(), layout);
        Ok((CType { ty: Type::record(&full, size), size, align }, inline))
    }

    pub(super) fn members(&mut self) -> Res<Vec<Member>> {
        let mut out = Vec::new();
        while !self.sign('}') {
            if self.at >= self.tokens.len() {
                return Err(Diagnostic::error(self.span(), "this structure is never closed: its `}` is missing"));
            }
            if self.sign(';') {
                continue;
            }
            let base = self.base()?;
            if self.peek() == Some(&Token::Sign(';')) || self.peek() == Some(&Token::Sign('}')) {
                // An anonymous structure or union; a definition with a name alone has no member.
                if let Some(inner) = base.inline {
                    out.push(Member { name: String::new(), ty: base.ty, bits: None, inner: Some(inner), align: None, packed: false });
                }
                self.sign(';');
                continue;
            }
            loop {
                let span = self.span();
                let (name, ty) =
                    if self.peek() == Some(&Token::Sign(':')) { (None, base.ty.clone()) } else { self.declarator(base.ty.clone())? };
                let bits = if self.sign(':') {
                    let n = self.constant(&[',', ';', '}'], &[])?;
                    let most = i64::from(ty.size) * 8;
                    if !(0..=most).contains(&n) {
                        return Err(Diagnostic::error(span, format!("a bit-field of this type has 0 to {most} bits")));
                    }
                    Some(n as u32)
                } else {
                    None
                };
                let attributes = self.attributes()?;
                let unknown = matches!(&ty.ty, Type::Record { size: 0, name } if !self.defs.records.contains_key(name) && self.kernel.record(name).is_none());
                if unknown {
                    let d = Diagnostic::error(span, format!("the size of this member is not known: `{}` is only declared", ty.ty));
                    return Err(d.help("define it before, or make the member a pointer"));
                }
                out.push(Member {
                    name: name.unwrap_or_default(),
                    ty,
                    bits,
                    inner: None,
                    align: attributes.align,
                    packed: attributes.packed,
                });
                if self.sign(',') {
                    continue;
                }
                // The last semicolon may be missing.
                if self.peek() == Some(&Token::Sign('}')) {
                    break;
                }
                self.expect(';')?;
                break;
            }
        }
        Ok(out)
    }
}

pub(super) fn pointer(to: Type) -> CType {
    CType { ty: Type::ptr(to, AddrSpace::Unknown), size: 8, align: 8 }
}

fn c_int(int: Int) -> CType {
    let bytes = u32::from(int.bits / 8);
    CType { ty: Type::Int(int), size: bytes, align: bytes }
}

/// What has a size and no meaning here, such as a floating-point number.
fn opaque(size: u32) -> CType {
    CType { ty: Type::Void, size, align: size }
}

/// Integer types by the names that headers give them.
fn known(name: &str) -> Option<Type> {
    let plain = name.strip_prefix("__").unwrap_or(name);
    let int = |bits: u8, signed: bool| Some(Type::Int(Int { bits, signed }));
    match plain {
        "u8" | "uint8_t" | "uint8" | "u_int8_t" | "uchar" => int(8, false),
        "u16" | "uint16_t" | "uint16" | "be16" | "le16" | "ushort" | "u_short" => int(16, false),
        "u32" | "uint32_t" | "uint32" | "be32" | "le32" | "uint" | "u_int" | "uid_t" | "gid_t" | "dev_t" | "mode_t" => int(32, false),
        "u64" | "uint64_t" | "uint64" | "be64" | "le64" | "size_t" | "uintptr_t" | "ulong" | "u_long" | "ino_t" => int(64, false),
        "s8" | "int8_t" | "int8" => int(8, true),
        "s16" | "int16_t" | "int16" => int(16, true),
        "s32" | "int32_t" | "int32" | "pid_t" => int(32, true),
        "s64" | "int64_t" | "int64" | "ssize_t" | "intptr_t" | "off_t" | "loff_t" | "time_t" | "ptrdiff_t" => int(64, true),
        _ => None,
    }
}
