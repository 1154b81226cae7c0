//! The reference: every name of the language with its forms, what it is, and a script that shows it. The text is that of the rows
//! of builtins, probes and config keys and of the comments in the prelude; what has no row elsewhere has one here. `beetrace help`
//! prints it, `REFERENCE.md` holds all of it, and tests run the examples.

mod expressions;
mod page;
mod statements;
mod topics;
mod types;

pub use page::{index, markdown, page};
pub use topics::topics;

use crate::diag::nearest;
use crate::probes::Needs;
use std::borrow::Cow;

/// What the reference says under one name.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Other names by which it is found.
    pub also: Vec<Cow<'static, str>>,
    /// The family that lists it.
    pub family: Cow<'static, str>,
    /// Its forms, one a line.
    pub forms: Cow<'static, str>,
    /// What it is.
    pub doc: Cow<'static, str>,
    /// Facts from its row: when it takes effect, what it needs.
    pub facts: Vec<String>,
    /// A script that shows it.
    pub example: Example,
}

/// A script that runs and ends by itself.
#[derive(Clone, Debug)]
pub struct Example {
    /// The script.
    pub script: Cow<'static, str>,
    /// Options of beetrace.
    pub options: Cow<'static, str>,
    /// Positional parameters.
    pub params: &'static str,
    /// A file beside the script: name and text.
    pub file: Option<(&'static str, &'static str)>,
    /// What the machine must have.
    pub needs: Needs,
    /// The first kernel that runs it.
    pub since: (u32, u32),
}

/// A row of what is neither builtin nor probe nor config key.
struct Entry {
    name: &'static str,
    also: &'static [&'static str],
    forms: &'static str,
    doc: &'static str,
    example: &'static str,
    params: &'static str,
    file: Option<(&'static str, &'static str)>,
}

const fn entry(name: &'static str, also: &'static [&'static str], forms: &'static str, doc: &'static str, example: &'static str) -> Entry {
    Entry { name, also, forms, doc, example, params: "", file: None }
}

impl Entry {
    const fn with_params(mut self, params: &'static str) -> Entry {
        self.params = params;
        self
    }

    const fn with_file(mut self, name: &'static str, text: &'static str) -> Entry {
        self.file = Some((name, text));
        self
    }
}

/// The topics of a name, or the names that are like it.
pub fn find(name: &str) -> Result<Vec<Topic>, Vec<String>> {
    // `count()`, `greet!`, `args.fd` and `BPFTRACE_MAX_STRLEN` are asked for too.
    let bare = name.trim_end_matches("()").trim_end_matches(':');
    let numbered = crate::builtins::find(bare).map(|r| r.name);
    let key = bare.strip_prefix("BPFTRACE_").map(str::to_lowercase);
    let all = topics();
    let hits = |wanted: &str| -> Vec<Topic> {
        let named: Vec<Topic> = all.iter().filter(|t| t.name == wanted).cloned().collect();
        let also = all.iter().filter(|t| t.name != wanted && t.also.iter().any(|a| a == wanted)).cloned();
        named.into_iter().chain(also).collect()
    };
    for wanted in [Some(bare), numbered, key.as_deref()].into_iter().flatten() {
        let found = hits(wanted);
        if !found.is_empty() {
            return Ok(found);
        }
    }
    let names: Vec<&str> = all.iter().flat_map(|t| t.also.iter().map(AsRef::as_ref).chain([t.name.as_ref()])).collect();
    Err(nearest(bare, names.into_iter().filter(|n| n.len() > 1)))
}
