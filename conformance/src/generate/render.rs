//! A program as the text of a script.

use super::tree::{Agg, Cmp, E, How, K, Op, Place, Program, S, Ty};
use std::fmt::Write;

/// The items in front of the probe (functions and macros) and the probe's body. Names of maps, functions and macros begin with
/// `prefix`.
pub fn script(program: &Program, prefix: &str) -> (String, String) {
    let r = Render { program, prefix };
    let mut items = String::new();
    for (i, f) in program.funs.iter().enumerate() {
        let params: Vec<String> = f.params.iter().map(|(v, t)| format!("${}: {}", program.vars[*v].name, type_name(t))).collect();
        let (body, value) = (r.list(&f.body), r.expr(&f.value));
        let _ = writeln!(items, "fn {prefix}f{i}({}): {} {{ {body}return {value}; }}", params.join(", "), type_name(&f.value.ty));
    }
    for (i, m) in program.macros.iter().enumerate() {
        let params: Vec<String> = (0..m.params.len()).map(|p| format!("p{p}")).collect();
        let _ = writeln!(items, "macro {prefix}m{i}({}) {{ {}{} }}", params.join(", "), r.list(&m.body), r.expr(&m.value));
    }
    let lines: Vec<String> = program.body.iter().map(|s| format!("  {}\n", r.stmt(s).trim_end())).collect();
    (items, lines.concat())
}

fn type_name(ty: &Ty) -> String {
    match ty {
        Ty::Bool => "bool".into(),
        Ty::Int(bits, signed) => format!("{}int{bits}", if *signed { "" } else { "u" }),
        _ => "string".into(),
    }
}

fn text(s: &str) -> String {
    let mut out = String::from("\"");
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out + "\""
}

fn symbol(op: Op) -> &'static str {
    match op {
        Op::Add => "+",
        Op::Sub => "-",
        Op::Mul => "*",
        Op::Div => "/",
        Op::Mod => "%",
        Op::And => "&",
        Op::Or => "|",
        Op::Xor => "^",
        Op::Shl => "<<",
        Op::Shr => ">>",
    }
}

fn compare(op: Cmp) -> &'static str {
    match op {
        Cmp::Eq => "==",
        Cmp::Ne => "!=",
        Cmp::Lt => "<",
        Cmp::Le => "<=",
        Cmp::Gt => ">",
        Cmp::Ge => ">=",
    }
}

struct Render<'p> {
    program: &'p Program,
    prefix: &'p str,
}

impl Render<'_> {
    fn list(&self, list: &[S]) -> String {
        list.iter().map(|s| self.stmt(s)).collect()
    }

    fn block(&self, list: &[S]) -> String {
        format!("{{ {}}}", self.list(list))
    }

    fn var(&self, v: usize) -> String {
        format!("${}", self.program.vars[v].name)
    }

    /// A map with its key; several keys stand without the tuple's parentheses.
    fn map(&self, m: usize, key: Option<&E>) -> String {
        match key {
            None => format!("@{}{m}", self.prefix),
            Some(E { k: K::Tuple(list), .. }) => format!("@{}{m}[{}]", self.prefix, self.exprs(list)),
            Some(k) => format!("@{}{m}[{}]", self.prefix, self.expr(k)),
        }
    }

    fn exprs(&self, list: &[E]) -> String {
        list.iter().map(|e| self.expr(e)).collect::<Vec<_>>().join(", ")
    }

    fn place(&self, p: &Place) -> String {
        match p {
            Place::Var(v) => self.var(*v),
            Place::Map(m, key) => self.map(*m, key.as_deref()),
        }
    }

    fn stmt(&self, s: &S) -> String {
        let inc = |by: &i64| if *by > 0 { "++" } else { "--" };
        match s {
            S::Let(v, How::Plain, e) | S::Set(v, e) => format!("{} = {}; ", self.var(*v), self.expr(e)),
            S::Let(v, How::Let, e) => format!("let {} = {}; ", self.var(*v), self.expr(e)),
            S::Let(v, How::Typed, e) => format!("let {}: {} = {}; ", self.var(*v), type_name(&self.program.vars[*v].ty), self.expr(e)),
            S::SetOp(v, op, e) => format!("{} {}= {}; ", self.var(*v), symbol(*op), self.expr(e)),
            S::MapSet(m, key, e) => format!("{} = {}; ", self.map(*m, key.as_ref()), self.expr(e)),
            S::MapOp(m, key, op, e) => format!("{} {}= {}; ", self.map(*m, key.as_ref()), symbol(*op), self.expr(e)),
            S::Aggregate(m, key, e) => {
                let name = match self.program.maps[*m].agg {
                    Some(Agg::Sum) => "sum",
                    Some(Agg::Min) => "min",
                    Some(Agg::Max) => "max",
                    Some(Agg::Avg) => "avg",
                    _ => "count",
                };
                let arg = e.as_ref().map_or(String::new(), |e| self.expr(e));
                format!("{} = {name}({arg}); ", self.map(*m, key.as_ref()))
            }
            S::Inc(p, true, by) => format!("{}{}; ", inc(by), self.place(p)),
            S::Inc(p, false, by) => format!("{}{}; ", self.place(p), inc(by)),
            S::Delete(m, key) => format!("delete({}, {}); ", self.map(*m, None), self.expr(key)),
            S::Print(e) => format!("print({}); ", self.expr(e)),
            S::Printf(list) => {
                let format: Vec<String> = list.iter().map(|(c, _)| format!("%{c}")).collect();
                let args: String = list.iter().map(|(_, e)| format!(", {}", self.expr(e))).collect();
                format!("printf(\"{}\\n\"{args}); ", format.join("|"))
            }
            S::If(c, a, b) if b.is_empty() => format!("if {} {} ", self.paren(c), self.block(a)),
            S::If(c, a, b) => format!("if {} {} else {} ", self.paren(c), self.block(a), self.block(b)),
            S::While(v, n, body) => {
                let v = self.var(*v);
                format!("{v} = 0; while ({v} < {n}) {{ {v}++; {}}} ", self.list(body))
            }
            S::Unroll(n, body) => format!("unroll ({n}) {} ", self.block(body)),
            S::Range(v, a, b, body) => format!("for ({} : {}..{}) {} ", self.var(*v), self.end(a), self.end(b), self.block(body)),
            S::Each(v, m, sum, e) => {
                format!("for ({} : {}) {{ {} += {}; }} ", self.var(*v), self.map(*m, None), self.var(*sum), self.expr(e))
            }
            S::Break => "break; ".into(),
            S::Continue => "continue; ".into(),
            S::Return(None) => "return; ".into(),
            S::Return(Some(e)) => format!("return {}; ", self.expr(e)),
            S::Block(list) => format!("{} ", self.block(list)),
        }
    }

    /// One end of a range.
    fn end(&self, e: &E) -> String {
        match e.k {
            K::Lit(n) if n >= 0 => n.to_string(),
            _ => self.paren(e),
        }
    }

    fn paren(&self, e: &E) -> String {
        let text = self.expr(e);
        if text.starts_with('(') && matches!(e.k, K::Bin(..) | K::Compare(..) | K::AndAlso(..) | K::OrElse(..) | K::Cond(..)) {
            return text;
        }
        format!("({text})")
    }

    fn expr(&self, e: &E) -> String {
        let two = |name: &str, a: &E, b: &E| format!("{name}({}, {})", self.expr(a), self.expr(b));
        match &e.k {
            K::Lit(n) => n.to_string(),
            K::Typed(n) => self.typed(&e.ty, *n),
            K::Bool(b) => b.to_string(),
            K::Str(s) => text(s),
            K::Sized(s, n) => format!("(string[{n}]){}", text(s)),
            K::Var(v) => self.var(*v),
            K::Param(i) => format!("p{i}"),
            K::Get(m, key) => self.map(*m, key.as_deref()),
            K::Neg(a) => format!("(-{})", self.paren(a)),
            K::BitNot(a) => format!("(({})~{})", type_name(&e.ty), self.paren(a)),
            K::Not(a) => format!("(!{})", self.paren(a)),
            K::Bin(op, a, b) => format!("({} {} {})", self.expr(a), symbol(*op), self.expr(b)),
            K::Compare(op, a, b) => format!("({} {} {})", self.expr(a), compare(*op), self.expr(b)),
            K::AndAlso(a, b) => format!("({} && {})", self.expr(a), self.expr(b)),
            K::OrElse(a, b) => format!("({} || {})", self.expr(a), self.expr(b)),
            K::Cond(c, a, b) => format!("({} ? {} : {})", self.expr(c), self.expr(a), self.expr(b)),
            K::If(c, s, a, t, b) => {
                let side = |s: &[S], v: &E| format!("{{ {}{} }}", self.list(s), self.expr(v));
                // An `if` alone is no operand: a block holds it.
                format!("{{ if {} {} else {} }}", self.paren(c), side(s, a), side(t, b))
            }
            K::Block(list, v) => format!("{{ {}{} }}", self.list(list), self.expr(v)),
            K::Cast(a) => format!("(({}){})", type_name(&e.ty), self.paren(a)),
            K::Tuple(list) => format!("({})", self.exprs(list)),
            K::Record(list) => {
                let members: Vec<String> = list.iter().enumerate().map(|(i, m)| format!("f{i}={}", self.expr(m))).collect();
                format!("({})", members.join(", "))
            }
            K::Member(a, i) => {
                let name = if matches!(a.ty, Ty::Record(_)) { format!("f{i}") } else { i.to_string() };
                format!("{}.{name}", self.expr(a))
            }
            K::Inc(p, true, by) => format!("({}{})", if *by > 0 { "++" } else { "--" }, self.place(p)),
            K::Inc(p, false, by) => format!("({}{})", self.place(p), if *by > 0 { "++" } else { "--" }),
            K::Has(m, key) => format!("has_key({}, {})", self.map(*m, None), self.expr(key)),
            K::Delete(m, key) => format!("delete({}, {})", self.map(*m, None), self.expr(key)),
            K::Len(m) => format!("len({})", self.map(*m, None)),
            K::Strlen(a) => format!("strlen({})", self.expr(a)),
            K::Strstr(a, b) => two("strstr", a, b),
            K::Strcontains(a, b) => two("strcontains", a, b),
            K::Strncmp(a, b, n) => format!("strncmp({}, {}, {n})", self.expr(a), self.expr(b)),
            K::Concat(a, b) => two("str_concat", a, b),
            K::Bswap(a) => format!("bswap({})", self.expr(a)),
            K::Byte(a, i) => {
                let Ty::Int(bits, _) = a.ty else { return String::new() };
                format!("((uint8[{}]){})[{i}]", bits / 8, self.paren(a))
            }
            K::Call(f, args) => format!("{}f{f}({})", self.prefix, self.exprs(args)),
            K::Expand(m, args) => format!("{}m{m}({})", self.prefix, self.exprs(args)),
        }
    }

    /// A number with a cast, which makes it no literal.
    fn typed(&self, ty: &Ty, n: i64) -> String {
        let digits = match n {
            _ if !ty.signed() => (n as u64).to_string(),
            i64::MIN => "0x8000000000000000".into(),
            n => n.to_string(),
        };
        format!("({}){digits}", type_name(ty))
    }
}
