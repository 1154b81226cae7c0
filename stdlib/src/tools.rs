//! The bundled tools: scripts in the language itself, called by their bare names (`beetrace vmstat 1 5`).
//!
//! A tool is one file, `tools/NAME.bt`, and its row is the comment that the file begins with:
//!
//! ```text
//! #!/usr/bin/env beetrace
//! // vmstat: memory, swapping, I/O and CPU time, a line an interval
//! //
//! // What it tells, what to look for. Any number of paragraphs.
//! //
//! // Usage: [INTERVAL=1 [COUNT]]
//! // Short: w=wide
//! // Example: 1 3
//! //   the output of `beetrace vmstat 1 3`,
//! //   each line behind two more spaces
//! ```
//!
//! `Usage` is what stands behind the tool's name; left out: nothing but options. `NAME=VALUE` in it is a parameter with a default, and
//! a parameter whose default is a number takes numbers. `COMMAND` in it: the words from the first that is no option on are a command to
//! run, as with `-c`. `Short` gives letters to `getopt` options. Options themselves are the script's `getopt` calls.

/// Name and text of every tool, in alphabetical order.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/tools.rs"));

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Its name, that of its file.
    pub name: &'static str,
    /// The script.
    pub text: &'static str,
}

/// What a tool's first comment says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// What it tells, in a few words.
    pub summary: String,
    /// All about it.
    pub about: String,
    /// What stands behind its name on the command line.
    pub usage: String,
    /// Short options and the `getopt` options that they are.
    pub short: Vec<(String, String)>,
    /// An example's words behind the tool's name.
    pub example: String,
    /// What it prints.
    pub output: String,
}

/// A parameter of a tool's usage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// As the usage calls it.
    pub name: String,
    /// What it is if it is not given.
    pub default: Option<String>,
}

/// Every tool, in alphabetical order.
pub fn all() -> impl Iterator<Item = Tool> {
    FILES.iter().map(|&(name, text)| Tool { name, text })
}

/// The tool of a name.
pub fn find(name: &str) -> Option<Tool> {
    all().find(|t| t.name == name)
}

impl Tool {
    /// What its first comment says.
    pub fn header(&self) -> Header {
        header(self.text)
    }
}

impl Header {
    /// Whether it takes a command to run.
    pub fn takes_command(&self) -> bool {
        self.usage.contains("COMMAND")
    }

    /// Its parameters, in order.
    pub fn params(&self) -> Vec<Param> {
        let words = self.usage.split(|c: char| c.is_whitespace() || c == '[' || c == ']').filter(|w| !w.is_empty());
        let split = |w: &str| match w.split_once('=') {
            Some((name, default)) => Param { name: name.into(), default: Some(default.into()) },
            None => Param { name: w.into(), default: None },
        };
        if self.takes_command() { Vec::new() } else { words.filter(|w| !w.starts_with("...")).map(split).collect() }
    }
}

/// The first comment of a script of this form.
fn header(text: &str) -> Header {
    let lines = text.lines().skip_while(|l| l.starts_with("#!"));
    let mut lines = lines.map_while(|l| l.strip_prefix("//")).map(|l| l.strip_prefix(' ').unwrap_or(l).trim_end());
    let mut out = Header::default();
    out.summary = lines.next().and_then(|l| l.split_once(": ")).map_or(String::new(), |(_, s)| s.into());
    let (mut about, mut output, mut in_example) = (Vec::new(), Vec::new(), false);
    for line in lines {
        if let Some(rest) = line.strip_prefix("Usage:") {
            out.usage = rest.trim().into();
        } else if let Some(rest) = line.strip_prefix("Short:") {
            out.short.extend(rest.split_whitespace().filter_map(|w| w.split_once('=')).map(|(s, l)| (s.into(), l.into())));
        } else if let Some(rest) = line.strip_prefix("Example:") {
            out.example = rest.trim().into();
            in_example = true;
        } else if in_example {
            output.push(line.strip_prefix("  ").unwrap_or(line));
        } else {
            about.push(line);
        }
    }
    out.about = about.join("\n").trim().into();
    out.output = output.join("\n").trim_end().trim_start_matches('\n').into();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read() {
        let h = header(
            "#!/usr/bin/env beetrace\n// x: does it\n//\n// More.\n//\n// Usage: [INTERVAL=1 [COUNT]]\n// Short: w=wide tt=stamps\n// Example: 1 2\n//    r\n//   10\n\nbegin { }\n// no header\n",
        );
        assert_eq!((h.summary.as_str(), h.about.as_str(), h.usage.as_str()), ("does it", "More.", "[INTERVAL=1 [COUNT]]"));
        assert_eq!(h.short, [("w".into(), "wide".into()), ("tt".into(), "stamps".into())]);
        assert_eq!((h.example.as_str(), h.output.as_str()), ("1 2", " r\n10"));
        let params = h.params();
        assert_eq!(params[0], Param { name: "INTERVAL".into(), default: Some("1".into()) });
        assert_eq!(params[1], Param { name: "COUNT".into(), default: None });
        assert!(!h.takes_command());
        assert!(header("// s: x\n// Usage: [OPTIONS] [COMMAND [ARG]...]\n").takes_command());
    }

    #[test]
    fn every_tool_has_a_whole_header() {
        for tool in all() {
            let h = tool.header();
            let first = tool.text.lines().find(|l| l.starts_with("//")).unwrap_or_default();
            assert!(first.starts_with(&format!("// {}: ", tool.name)), "{}: its first comment is `// {}: SUMMARY`", tool.name, tool.name);
            assert!(tool.text.starts_with("#!/usr/bin/env beetrace\n"), "{}: the first line", tool.name);
            assert!(h.summary.len() > 10 && h.summary.len() <= 80, "{}: the summary", tool.name);
            assert!(!h.about.is_empty() && !h.output.is_empty(), "{}: a paragraph and an example are missing", tool.name);
        }
    }
}
