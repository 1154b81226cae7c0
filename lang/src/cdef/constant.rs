//! Constant integer expressions of C.

use super::preprocess::Token;

/// Parentheses within parentheses.
const MAX_DEPTH: u32 = 64;

/// The value of an expression; `None` if it is none, or if `lookup` does not know a name.
pub(super) fn evaluate(tokens: &[Token], lookup: &mut dyn FnMut(&str) -> Option<i64>) -> Option<i64> {
    let mut e = Evaluator { tokens, at: 0, lookup, depth: 0 };
    let v = e.ternary()?;
    (e.at == tokens.len()).then_some(v)
}

struct Evaluator<'a> {
    tokens: &'a [Token],
    at: usize,
    lookup: &'a mut dyn FnMut(&str) -> Option<i64>,
    depth: u32,
}

/// Binary operators by how tight they bind.
const LEVELS: &[&[&str]] =
    &[&["||"], &["&&"], &["|"], &["^"], &["&"], &["==", "!="], &["<", "<=", ">", ">="], &["<<", ">>"], &["+", "-"], &["*", "/", "%"]];

impl Evaluator<'_> {
    fn peek(&self) -> Option<String> {
        Some(match self.tokens.get(self.at)? {
            Token::Sign(c) => c.to_string(),
            Token::Pair([a, b]) => format!("{}{}", *a as char, *b as char),
            _ => return None,
        })
    }

    fn take(&mut self, sign: &str) -> bool {
        let yes = self.peek().is_some_and(|p| p == sign);
        self.at += usize::from(yes);
        yes
    }

    fn ternary(&mut self) -> Option<i64> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let c = self.binary(0)?;
        let v = if self.take("?") {
            let a = self.ternary()?;
            if !self.take(":") {
                return None;
            }
            let b = self.ternary()?;
            if c != 0 { a } else { b }
        } else {
            c
        };
        self.depth -= 1;
        Some(v)
    }

    fn binary(&mut self, level: usize) -> Option<i64> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(op) = self.peek().filter(|p| operators.contains(&p.as_str())) {
            self.at += 1;
            let right = self.binary(level + 1)?;
            left = match op.as_str() {
                "||" => i64::from(left != 0 || right != 0),
                "&&" => i64::from(left != 0 && right != 0),
                "|" => left | right,
                "^" => left ^ right,
                "&" => left & right,
                "==" => i64::from(left == right),
                "!=" => i64::from(left != right),
                "<" => i64::from(left < right),
                "<=" => i64::from(left <= right),
                ">" => i64::from(left > right),
                ">=" => i64::from(left >= right),
                "<<" => left.wrapping_shl(right as u32),
                ">>" => left.wrapping_shr(right as u32),
                "+" => left.wrapping_add(right),
                "-" => left.wrapping_sub(right),
                "*" => left.wrapping_mul(right),
                "/" => left.checked_div(right)?,
                _ => left.checked_rem(right)?,
            };
        }
        Some(left)
    }

    fn unary(&mut self) -> Option<i64> {
        // Signs in front are few; a chain of them is a loop.
        let mut signs = Vec::new();
        while let Some(s) = self.peek().filter(|p| matches!(p.as_str(), "-" | "+" | "!" | "~")) {
            self.at += 1;
            signs.push(s);
        }
        let mut v = self.primary()?;
        for s in signs.iter().rev() {
            v = match s.as_str() {
                "-" => v.wrapping_neg(),
                "!" => i64::from(v == 0),
                "~" => !v,
                _ => v,
            };
        }
        Some(v)
    }

    fn primary(&mut self) -> Option<i64> {
        if self.take("(") {
            let v = self.ternary()?;
            return self.take(")").then_some(v);
        }
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        match token {
            Token::Number(n) => Some(*n),
            Token::Word(w) => (self.lookup)(w),
            _ => None,
        }
    }
}
