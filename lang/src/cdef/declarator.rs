//! Declarators (`*name[3]`, `(*name)(int)`) and the constants in them.

use super::constant::evaluate;
use super::declare::{Declarations, Res, pointer};
use super::layout::CType;
use super::preprocess::Token;
use crate::diag::Diagnostic;
use crate::types::Type;

impl Declarations<'_> {
    /// `* const name[4]`, `(*name)(int)`: the name and the whole type.
    pub(super) fn declarator(&mut self, base: CType) -> Res<(Option<String>, CType)> {
        self.deeper()?;
        let mut ty = base;
        loop {
            self.attributes()?;
            if self.sign('*') {
                ty = pointer(ty.ty);
            } else if !["const", "volatile", "restrict", "__restrict", "__user", "__rcu", "__percpu", "__kernel", "__iomem"]
                .iter()
                .any(|w| self.word(w))
            {
                break;
            }
        }
        // A declarator in parentheses is read after what stands behind it.
        let nested = if self.peek() == Some(&Token::Sign('(')) && matches!(self.tokens.get(self.at + 1), Some((Token::Sign('*' | '('), _)))
        {
            let start = self.at + 1;
            self.skip_parentheses()?;
            Some(start)
        } else {
            None
        };
        let name = if nested.is_none() { self.name() } else { None };
        self.attributes()?;
        let mut lengths: Vec<u32> = Vec::new();
        loop {
            if self.sign('[') {
                let n = if self.peek() == Some(&Token::Sign(']')) { 0 } else { self.constant(&[']'], &[])? };
                if !(0..=1 << 28).contains(&n) {
                    return Err(Diagnostic::error(self.span(), "an array of this length can't be"));
                }
                self.expect(']')?;
                lengths.push(n as u32);
            } else if self.peek() == Some(&Token::Sign('(')) {
                self.skip_parentheses()?;
                // A function: what points to it points to nothing in particular.
                ty = CType { ty: Type::Void, size: 1, align: 1 };
            } else {
                break;
            }
        }
        for n in lengths.into_iter().rev() {
            let size = ty.size.checked_mul(n).ok_or_else(|| Diagnostic::error(self.span(), "an array of this length can't be"))?;
            ty = CType { ty: Type::Array { elem: Box::new(ty.ty), len: n }, size, align: ty.align };
        }
        self.depth -= 1;
        if let Some(start) = nested {
            let end = std::mem::replace(&mut self.at, start);
            let inner = self.declarator(ty)?;
            self.at = end;
            return Ok(inner);
        }
        Ok((name, ty))
    }

    pub(super) fn skip_parentheses(&mut self) -> Res<()> {
        let start = self.span();
        let mut depth = 0usize;
        while let Some((t, _)) = self.tokens.get(self.at) {
            self.at += 1;
            match t {
                Token::Sign('(') => depth += 1,
                Token::Sign(')') => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        Err(Diagnostic::error(start, "this parenthesis is never closed"))
    }

    /// A constant expression up to one of these signs. `list`: enumerators of the `enum` that is being read.
    pub(super) fn constant(&mut self, ends: &[char], list: &[(String, i64)]) -> Res<i64> {
        let (start, span) = (self.at, self.span());
        let mut depth = 0usize;
        while let Some(t) = self.peek() {
            match t {
                Token::Sign(c) if depth == 0 && ends.contains(c) => break,
                Token::Sign('(' | '[') => depth += 1,
                Token::Sign(')' | ']') => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
        }
        let mut tokens: Vec<Token> = Vec::new();
        let mut i = start;
        while i < self.at {
            // `sizeof(type)`
            if self.tokens[i].0 == Token::Word("sizeof".into()) && self.tokens.get(i + 1).is_some_and(|t| t.0 == Token::Sign('(')) {
                let end = std::mem::replace(&mut self.at, i + 2);
                let base = self.base()?;
                let (_, ty) = if self.peek() == Some(&Token::Sign(')')) { (None, base.ty) } else { self.declarator(base.ty)? };
                self.expect(')')?;
                tokens.push(Token::Number(i64::from(ty.size)));
                i = std::mem::replace(&mut self.at, end);
                continue;
            }
            tokens.push(self.tokens[i].0.clone());
            i += 1;
        }
        let mut lookup = |name: &str| {
            let own = list.iter().rev().find(|(n, _)| n == name).map(|(_, v)| *v);
            own.or_else(|| self.defs.enumerators.get(name).map(|e| e.0))
                .or_else(|| stdlib::constants::lookup(name))
                .or_else(|| self.kernel.enumerator(name).map(|e| e.0))
        };
        evaluate(&tokens, &mut lookup).ok_or_else(|| {
            Diagnostic::error(span, "this is no constant that is known here")
                .help("numbers, enumerators, `#define`d constants and `sizeof` are")
        })
    }
}
