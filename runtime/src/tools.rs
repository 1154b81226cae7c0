//! `beetrace NAME [options]`: the bundled tools. The words behind a tool's name are the tool's own options and parameters; what it does
//! not declare is an option of beetrace.
//!
//! A bare name of a tool is always the tool, whatever files there are in the current directory: a script of that name is `./NAME`.
//! A tracer runs as root, and a directory that others write to must not say what `beetrace top` is.

use crate::cli::{self, Cli};
use lang::ast::{Expr, ExprKind, Item};
use lang::source::SourceMap;
use std::path::Path;
use stdlib::tools::{self, Header, Tool};

/// What is wanted of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// To run.
    Run,
    /// `--help`
    Help,
    /// `--source`
    Source,
}

/// The call of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which.
    pub tool: Tool,
    /// What of it.
    pub wanted: Wanted,
}

/// A `getopt` option of a script, as far as the command line must know it.
#[derive(Debug, PartialEq)]
struct Opt {
    name: String,
    takes_value: bool,
}

/// The list of `beetrace tools`.
pub fn list() -> String {
    let rows: Vec<(Tool, Header)> = tools::all().map(|t| (t, t.header())).collect();
    let wide = rows.iter().map(|(t, _)| t.name.len()).max().unwrap_or(0);
    let mut out =
        String::from("beetrace NAME runs a tool, beetrace NAME --help explains it, beetrace NAME --source prints its script.\n\n");
    for (tool, header) in rows {
        out.push_str(&format!("  {:wide$}  {}\n", tool.name, header.summary));
    }
    out
}

/// A warning, if a file here has the tool's name.
pub fn beside(tool: &Tool) -> Option<String> {
    let name = tool.name;
    Path::new(name).is_file().then(|| format!("WARNING: `{name}` is the bundled tool; the file of that name here is `./{name}`\n"))
}

/// If the command line calls a tool: which, and the words that say the same with the script's parameters where they belong.
///
/// # Errors
/// What is wrong with the words behind the tool's name.
pub fn resolve(words: &[String]) -> Result<Option<(Call, Vec<String>)>, String> {
    let Some(at) = (1..words.len()).find(|i| !is_option(&words[*i]) && !cli::takes_value(&words[*i - 1])) else { return Ok(None) };
    let program = |w: &String| w.starts_with("-e") || w == "--fmt" || w == "-l" || w == "-lv" || w == "--list";
    let Some(tool) = tools::find(&words[at]).filter(|_| !words[..at].iter().any(program)) else { return Ok(None) };
    let mut parser =
        Words { tool, header: tool.header(), options: options(tool.text), ours: Vec::new(), named: Vec::new(), plain: Vec::new() };
    let wanted = parser.read(&words[at + 1..])?;
    // A command becomes an option of ours.
    let plain = if wanted == Wanted::Run { parser.params()? } else { parser.defaults() };
    let mut out = words[..at].to_vec();
    out.append(&mut parser.ours);
    out.push(tool.name.into());
    out.push("--".into());
    if wanted == Wanted::Help {
        out.push("--help".into());
    }
    out.append(&mut parser.named);
    out.extend(plain);
    Ok(Some((Call { tool, wanted }, out)))
}

fn is_option(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-') && !word[1..].starts_with(|c: char| c.is_ascii_digit())
}

/// The `getopt` calls of a script.
fn options(text: &str) -> Vec<Opt> {
    let mut map = SourceMap::default();
    let file = map.add("tool", text);
    let (program, _) = lang::parse(&map, file);
    let mut out: Vec<Opt> = Vec::new();
    let mut seen = |e: &Expr| {
        let ExprKind::Call { name, args, .. } = &e.kind else { return };
        let Some(ExprKind::Str(option)) = args.first().filter(|_| name == "getopt").map(|a| &a.kind) else { return };
        let takes_value = args.get(1).is_some_and(|d| !matches!(d.kind, ExprKind::Bool(_)));
        out.push(Opt { name: String::from_utf8_lossy(option).into_owned(), takes_value });
    };
    for item in &program.items {
        match item {
            Item::Probe(p) => p.walk(&mut seen),
            Item::Macro(m) => m.body.walk(&mut seen),
            Item::Function(f) => f.body.walk(&mut seen),
            _ => {}
        }
    }
    out
}

/// The words behind a tool's name, sorted out.
struct Words {
    tool: Tool,
    header: Header,
    options: Vec<Opt>,
    /// Options of beetrace.
    ours: Vec<String>,
    /// `--name=value` of the script.
    named: Vec<String>,
    /// What is no option.
    plain: Vec<String>,
}

impl Words {
    fn read(&mut self, words: &[String]) -> Result<Wanted, String> {
        let mut wanted = Wanted::Run;
        let mut i = 0;
        while let Some(word) = words.get(i) {
            i += 1;
            let next = words.get(i);
            if word == "--" {
                self.plain.extend_from_slice(&words[i..]);
                break;
            } else if !is_option(word) {
                self.plain.push(word.clone());
                if self.header.takes_command() {
                    self.plain.extend_from_slice(&words[i..]);
                    break;
                }
            } else if word == "--help" || (word == "-h" && self.short("h").is_none()) {
                wanted = Wanted::Help;
            } else if word == "--source" {
                wanted = Wanted::Source;
            } else if self.option(word, next)? {
                i += 1;
            }
        }
        Ok(wanted)
    }

    /// Takes an option; true if the next word is its value.
    fn option(&mut self, word: &str, next: Option<&String>) -> Result<bool, String> {
        let (head, value) = word.split_once('=').map_or((word, None), |(h, v)| (h, Some(v)));
        let own = match head.strip_prefix("--") {
            Some(name) => self.options.iter().any(|o| o.name == name).then(|| name.to_string()),
            None => self.short(&head[1..]),
        };
        if let Some(name) = own {
            return self.named_option(word, &name, value, next);
        }
        // Several letters behind one dash.
        if !word.starts_with("--") && word.len() > 2 {
            let letters: Option<Vec<String>> =
                word[1..].chars().map(|c| self.short(&c.to_string()).filter(|n| !self.takes_value(n))).collect();
            if let Some(letters) = letters {
                self.named.extend(letters.into_iter().map(|n| format!("--{n}")));
                return Ok(false);
            }
            // The value may follow its letter at once, as with getopt(3).
            let (letter, rest) = word[1..].split_at(word[1..].chars().next().map_or(0, char::len_utf8));
            if let Some(name) = self.short(letter).filter(|n| self.takes_value(n)) {
                return self.named_option(word, &name, Some(rest), None);
            }
        }
        if !cli::knows(head) {
            return Err(self.no_such(head));
        }
        self.ours.push(word.into());
        let takes = value.is_none() && cli::takes_value(head);
        if takes {
            self.ours.extend(next.cloned());
        }
        Ok(takes && next.is_some())
    }

    fn named_option(&mut self, word: &str, name: &str, value: Option<&str>, next: Option<&String>) -> Result<bool, String> {
        if !self.takes_value(name) {
            self.named.push(value.map_or_else(|| format!("--{name}"), |v| format!("--{name}={v}")));
            return Ok(false);
        }
        let Some(given) = value.or(next.map(String::as_str)) else {
            return Err(format!("`{word}` of `{}` needs a value", self.tool.name));
        };
        // `-e trace=open`, where `-e` is `--trace`.
        let bare = given.strip_prefix(name).and_then(|v| v.strip_prefix('=')).unwrap_or(given);
        self.named.push(format!("--{name}={bare}"));
        Ok(value.is_none())
    }

    fn short(&self, letters: &str) -> Option<String> {
        self.header.short.iter().find(|(s, _)| s == letters).map(|(_, l)| l.clone())
    }

    fn takes_value(&self, name: &str) -> bool {
        self.options.iter().any(|o| o.name == name && o.takes_value)
    }

    fn no_such(&self, option: &str) -> String {
        let mut names: Vec<String> = Vec::new();
        for o in &self.options {
            let name = format!("--{}", o.name);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let has = if names.is_empty() { "it has none of its own".into() } else { format!("it has {}", names.join(", ")) };
        format!("the tool `{}` has no option `{option}`: {has}; `beetrace {} --help` tells more", self.tool.name, self.tool.name)
    }

    /// The defaults of parameters that nobody gave.
    fn defaults(&self) -> Vec<String> {
        let params = self.header.params();
        params[self.plain.len().min(params.len())..].iter().map_while(|p| p.default.clone()).collect()
    }

    /// Parameters, or the command, as beetrace takes them.
    fn params(&mut self) -> Result<Vec<String>, String> {
        if self.header.takes_command() {
            if !self.plain.is_empty() {
                let command: Vec<String> = self.plain.iter().map(|w| quoted(w)).collect();
                self.ours.extend(["-c".to_string(), command.join(" ")]);
            }
            return Ok(Vec::new());
        }
        let params = self.header.params();
        if let Some(word) = self.plain.get(params.len()) {
            let usage = if self.header.usage.is_empty() { "options alone" } else { &self.header.usage };
            return Err(format!("the tool `{}` takes {usage}: `{word}` is too much", self.tool.name));
        }
        for (param, word) in params.iter().zip(&self.plain) {
            let wants_number =
                param.default.as_ref().is_some_and(|d| d.parse::<u64>().is_ok()) || param.name == "COUNT" || param.name == "PID";
            if wants_number && word.parse::<u64>().is_err() {
                return Err(format!("{} of `{}` is a whole number, not `{word}`", param.name, self.tool.name));
            }
            if param.name == "INTERVAL" && word.parse() == Ok(0u64) {
                return Err(format!("INTERVAL of `{}` is a number of seconds, 1 or more", self.tool.name));
            }
        }
        let mut out = self.plain.clone();
        out.extend(self.defaults());
        Ok(out)
    }
}

/// A word for the shell-like splitting of `-c`.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// Whether the command line asks for the list of tools. (A script of that name is `./tools`.)
pub fn is_list(cli: &Cli) -> bool {
    cli.program.is_none() && cli.rest.len() == 1 && cli.rest[0] == "tools"
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "// t: x\n// Usage: [INTERVAL=1 [COUNT]]\n// Short: w=wide T=times e=trace\n\
        begin { if (getopt(\"wide\") || getopt(\"times\", false, \"d\")) { print(getopt(\"trace\", \"all\")); } }";

    /// What is ours, what is the tool's by name, and its parameters.
    type Parts = (Vec<String>, Vec<String>, Vec<String>);

    fn read(text: &'static str, words: &[&str]) -> Result<Parts, String> {
        let tool = Tool { name: "t", text };
        let mut w = Words { tool, header: tool.header(), options: options(text), ours: vec![], named: vec![], plain: vec![] };
        w.read(&words.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let params = w.params()?;
        Ok((w.ours, w.named, params))
    }

    /// Every bundled script parses, stands in the one layout, and asks for what its header calls short.
    #[test]
    fn bundled_scripts_are_in_order() {
        for tool in tools::all() {
            let formatted = lang::fmt::format(tool.text).map_err(|d| d.len()).unwrap_or_else(|n| panic!("{}: {n} mistakes", tool.name));
            assert!(formatted == tool.text, "stdlib/tools/{0}.bt: `beetrace --fmt --in-place stdlib/tools/{0}.bt`", tool.name);
            let options = options(tool.text);
            for (letter, long) in tool.header().short {
                assert!(options.iter().any(|o| o.name == long), "{}: -{letter} is --{long}, which the script does not ask for", tool.name);
            }
        }
    }

    #[test]
    fn words_find_their_place() {
        let own = |words: &[&str]| read(TEXT, words).unwrap();
        assert_eq!(own(&[]).2, ["1"]);
        assert_eq!(own(&["5"]).2, ["5"]);
        assert_eq!(own(&["5", "3"]).2, ["5", "3"]);
        assert_eq!(own(&["-wT", "2"]).1, ["--wide", "--times"]);
        assert_eq!(own(&["-e", "trace=open,close"]).1, ["--trace=open,close"]);
        assert_eq!(own(&["-eopen"]).1, ["--trace=open"]);
        assert_eq!(own(&["--trace", "read"]).1, ["--trace=read"]);
        let (ours, named, params) = own(&["-p", "7", "--times=false", "-q", "3"]);
        assert_eq!((ours, named, params), (vec!["-p".into(), "7".into(), "-q".into()], vec!["--times=false".into()], vec!["3".into()]));
    }

    #[test]
    fn mistakes_are_told() {
        let wrong = |words: &[&str]| read(TEXT, words).unwrap_err();
        assert!(wrong(&["--foo"]).contains("no option `--foo`: it has --wide, --times, --trace"));
        assert!(wrong(&["x"]).contains("INTERVAL of `t` is a whole number, not `x`"));
        assert!(wrong(&["0"]).contains("1 or more"));
        assert!(wrong(&["1", "2", "3"]).contains("`3` is too much"));
        assert!(wrong(&["--trace"]).contains("needs a value"));
    }

    #[test]
    fn a_command_is_one_argument() {
        const TRACER: &str = "// t: x\n// Usage: [COMMAND [ARG]...]\n// Short: c=summary\nbegin { print(getopt(\"summary\")); }";
        let (ours, named, params) = read(TRACER, &["-c", "ls", "-l", "a b"]).unwrap();
        assert_eq!((ours, named), (vec!["-c".to_string(), "ls -l 'a b'".into()], vec!["--summary".to_string()]));
        assert!(params.is_empty());
    }
}
