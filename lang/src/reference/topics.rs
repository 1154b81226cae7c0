//! Topics out of rows.

use super::{Entry, Example, Topic, expressions, statements, types};
use crate::ast::Item;
use crate::builtins::{self, Kind, Row, When};
use crate::config::{KEYS, Key};
use crate::metrics::{self, Form, Set};
use crate::probes::{self, Needs, PROVIDERS, Provider};
use crate::source::SourceMap;
use std::borrow::Cow;

/// Everything there is, by family.
pub fn topics() -> Vec<Topic> {
    let mut out = Vec::new();
    out.extend(statements::STATEMENTS.iter().map(|e| from_entry(e, "statements")));
    out.extend(expressions::EXPRESSIONS.iter().map(|e| from_entry(e, "expressions")));
    out.extend(types::TYPES.iter().map(|e| from_entry(e, "types")));
    out.extend(PROVIDERS.iter().map(|p| from_provider(p)));
    for (family, rows) in builtins::FAMILIES {
        out.extend(rows.iter().map(|r| from_row(r, family)));
    }
    out.extend(stdlib::prelude::FILES.iter().flat_map(|(_, text)| macros(text)));
    out.extend(metrics::SETS.iter().map(from_set));
    out.extend(KEYS.iter().map(from_key));
    for topic in &mut out {
        topic.example.needs = topic.example.needs.max(needs_of(&topic.example.script));
    }
    out
}

fn example(script: impl Into<Cow<'static, str>>, options: impl Into<Cow<'static, str>>) -> Example {
    Example { script: script.into(), options: options.into(), params: "", file: None, needs: Needs::Nothing, since: (5, 8) }
}

/// What the probes of a script need.
fn needs_of(script: &str) -> Needs {
    let mut map = SourceMap::default();
    let file = map.add("example", script);
    let (program, _) = crate::parse(&map, file);
    let points = program.items.iter().filter_map(|i| if let Item::Probe(p) = i { Some(&p.attach) } else { None }).flatten();
    let provider = |text: &str| probes::find(text.split(':').next().unwrap_or(""));
    points.filter_map(|a| provider(&a.text)).map(|p| p.needs).max().unwrap_or(Needs::Nothing)
}

fn from_entry(e: &'static Entry, family: &'static str) -> Topic {
    Topic {
        name: e.name.into(),
        also: e.also.iter().map(|a| Cow::from(*a)).collect(),
        family: family.into(),
        forms: e.forms.into(),
        doc: e.doc.into(),
        facts: Vec::new(),
        example: Example { params: e.params, file: e.file, ..example(e.example, "") },
    }
}

fn from_provider(p: &'static Provider) -> Topic {
    let mut facts = Vec::new();
    if !p.aliases.is_empty() {
        facts.push(format!("also written {}", listed(p.aliases)));
    }
    match p.needs {
        Needs::Nothing | Needs::Variables => {}
        Needs::Kprobes => facts.push("needs a kernel with kprobes".into()),
        Needs::Trampolines => facts.push("needs a kernel with BTF and BPF trampolines".into()),
        Needs::Counters => facts.push("needs a processor whose counters are to be had".into()),
    }
    Topic {
        name: p.name.into(),
        also: p.aliases.iter().map(|a| Cow::from(*a)).collect(),
        family: "probes".into(),
        forms: p.syntax.into(),
        doc: p.doc.into(),
        facts,
        example: example(p.example, p.options),
    }
}

const VARIABLES: &str = "needs the addresses of the kernel's variables in /proc/kallsyms";

fn from_row(r: &'static Row, family: &str) -> Topic {
    let mut facts = Vec::new();
    facts.push(
        match r.when {
            When::Sync => "takes effect in the kernel, at once",
            When::Async => "takes effect in beetrace, when the event arrives",
            When::CompileTime => "known to the compiler",
        }
        .to_string(),
    );
    if r.kind == Kind::MapFunction {
        facts.push("assigned to a map".into());
    }
    if r.is_unsafe {
        facts.push("needs `--unsafe`".into());
    }
    if r.since > (5, 8) {
        facts.push(format!("needs Linux {}.{}", r.since.0, r.since.1));
    }
    if r.needs == Needs::Variables {
        facts.push(VARIABLES.into());
    }
    let options = match (r.is_unsafe, r.options) {
        (false, options) => Cow::from(options),
        (true, options) => format!("--unsafe {options}").trim_end().to_string().into(),
    };
    Topic {
        name: r.name.into(),
        also: Vec::new(),
        family: format!("functions: {family}").into(),
        forms: r.signature.into(),
        doc: r.doc.into(),
        facts,
        example: Example { since: r.since, needs: r.needs, ..example(r.example, options) },
    }
}

fn from_key(k: &'static Key) -> Topic {
    Topic {
        name: k.name.into(),
        also: Vec::new(),
        family: "config keys".into(),
        forms: format!("config = {{ {} = value }}\n{}=value", k.name, k.environment()).into(),
        doc: k.doc.into(),
        facts: vec![format!("default `{}`", k.default)],
        example: example(k.example, ""),
    }
}

fn from_set(s: &'static Set) -> Topic {
    let wide = s.fields.iter().map(|f| f.name.len()).max().unwrap_or(0);
    let before = if s.rows.is_some() { "$x." } else { "" };
    let prefix = if s.rows.is_some() { String::new() } else { format!("{}.", s.name) };
    let mut forms = if s.rows.is_some() { format!("for ($x : {0}) {{ ... }}\nlen({0})\n", s.name) } else { String::new() };
    for f in s.fields {
        let unit = match f.form {
            Form::Hundredths => format!("{} * 100: ", f.unit),
            Form::Text(_) => "text: ".into(),
            _ if f.unit.is_empty() => String::new(),
            _ => format!("{}: ", f.unit),
        };
        forms.push_str(&format!("{before}{prefix}{:wide$}  {unit}{}\n", f.name, f.doc));
    }
    let mut doc = s.doc.to_string();
    if let Some((row, most)) = s.rows {
        doc.push_str(&format!(" A row is {row}; {most} at the most."));
    }
    if s.fields.iter().any(|f| f.form == Form::Hundredths) {
        doc.push_str(" What is in hundredths (`* 100`) is printed by `%.2f`.");
    }
    let mut facts = vec![format!("from {}", s.source), "in begin, interval, end and self probes, read just before they fire".to_string()];
    if s.fields.iter().any(|f| ["%", "/s", "KiB/s"].contains(&f.unit)) {
        facts.push(
            "figures a second and percentages are those of the time since the same probe fired last, at first since the script started; \
             in begin since boot"
                .into(),
        );
    }
    if s.rows.is_some() {
        facts.push("needs Linux 5.17".into());
    }
    facts.push("a macro or definition of that name in the script goes before it".into());
    Topic {
        name: s.name.into(),
        also: Vec::new(),
        family: "host metrics".into(),
        forms: forms.trim_end().to_string().into(),
        doc: doc.into(),
        facts,
        example: Example { since: if s.rows.is_some() { (5, 17) } else { (5, 8) }, ..example(s.example, "") },
    }
}

/// The macros of a prelude file; the comment in front of each says what it is, and its indented lines are the example.
fn macros(text: &'static str) -> Vec<Topic> {
    let mut names: Vec<&str> = stdlib::prelude::names(text).collect();
    names.dedup();
    let one = |name: &'static str| {
        let comment = stdlib::prelude::doc(text, name).unwrap_or_default();
        let (needs, lines): (Vec<&str>, Vec<&str>) = comment.lines().partition(|l| l.starts_with("Needs: "));
        let (script, doc): (Vec<&str>, Vec<&str>) = lines.into_iter().partition(|l| l.starts_with("  "));
        let mut facts = vec!["a macro of the prelude".to_string()];
        let mut example = example(script.iter().map(|l| l.trim_start()).collect::<Vec<_>>().join("\n"), "");
        if needs == ["Needs: variables"] {
            facts.push(VARIABLES.into());
            example.needs = Needs::Variables;
        }
        let head = |l: &'static str| l.strip_prefix("macro ").filter(|l| l.split('(').next() == Some(name));
        let forms: Vec<&str> = text.lines().filter_map(head).map(|l| l.trim_end_matches(" {")).collect();
        Topic {
            name: name.into(),
            also: Vec::new(),
            family: "macros".into(),
            forms: forms.join("\n").into(),
            doc: doc.join(" ").into(),
            facts,
            example,
        }
    };
    names.into_iter().map(one).collect()
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
}
