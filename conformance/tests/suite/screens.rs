//! What people look at: flame graphs, sessions in a terminal.

use anyhow::Result;
use conformance::report::Report;
use conformance::tools;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Runs what the filter takes.
pub fn run(beetrace: &Path, testprog: &Path, dir: &Path, filter: Option<&str>, report: &mut Report) -> Result<()> {
    let wanted = |name: &str| filter.is_none_or(|f| name.contains(f));
    let name = "a flame graph gives a hot function its share";
    if wanted(name) {
        let (wrong, text) = flame_graph(beetrace, testprog, dir)?;
        report.outcome("host", name, wrong, &text);
    }
    for (name, test) in [
        ("a session on lines", lines as fn(&Path, &Path, &Path) -> Result<_>),
        ("a session in a terminal", terminal),
        ("maps live in a terminal", live),
    ] {
        if !wanted(name) {
            continue;
        }
        if name.ends_with("in a terminal")
            && let Err(why) = tools::need(&[("tmux", "tmux")])
        {
            report.skip(&format!("host: {name}"), &why);
            continue;
        }
        let (wrong, text) = test(beetrace, testprog, dir)?;
        report.outcome("host", name, wrong, &text);
    }
    Ok(())
}

/// What is not among the words of a text.
fn missing(text: &str, words: &[&str]) -> Vec<String> {
    words.iter().filter(|w| !text.contains(**w)).map(|w| format!("nowhere `{w}`")).collect()
}

/// Entries share maps, types and numbers; a mistake does not end the session.
fn lines(beetrace: &Path, testprog: &Path, dir: &Path) -> Result<(Vec<String>, String)> {
    let saved = dir.join("session.bt");
    let probe = format!("uprobe:{}:bt_target", testprog.display());
    let entries = [
        "20 + 22",
        &format!("{probe} {{ @calls[comm] = count(); }}"),
        &format!("{probe} {{ @sum += arg0; }}"),
        "nope(",
        ")",
        &format!("system(\"{} calls 100\")", testprog.display()),
        // The maps go on when a probe is added.
        &format!("{probe} {{ @again[comm] = count(); }}"),
        &format!("system(\"{} calls 10\")", testprog.display()),
        ":type @sum",
        ":type tracepoint:syscalls:sys_enter_openat args.flags",
        ":maps",
        "print((@sum, 7))",
        ":drop 2",
        ":probes",
        &format!(":save {}", saved.display()),
        ":drop 1",
        "@calls",
        "end { printf(\"the end\\n\"); }",
        ":quit",
    ];
    let file = dir.join("session");
    std::fs::write(&file, entries.join("\n"))?;
    let out = Command::new(beetrace).args(["repl", "--unsafe"]).stdin(std::fs::File::open(&file)?).output()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    // 0 to 99, then 0 to 9.
    let words = [
        "42\n",
        "[1] 1 probe attached",
        "no function `nope`",
        "int64\n",
        "int",
        "(4995, 7)",
        "@calls[string[16]]: count_t, 1 key",
        "the end",
    ];
    let mut wrong = missing(&text, &words);
    if !out.status.success() {
        wrong.push(format!("{:?}", out.status));
    }
    let kept = std::fs::read_to_string(&saved)?;
    if !kept.contains("@calls") || kept.contains("@sum") {
        wrong.push(format!("what was saved is {kept}"));
    }
    Ok((wrong, format!("{text}{}", String::from_utf8_lossy(&out.stderr))))
}

/// A terminal of its own, with what is typed in it.
struct Tmux {
    socket: PathBuf,
}

impl Tmux {
    fn run(&self, args: &[&str]) -> Result<String> {
        let out = Command::new("tmux").arg("-S").arg(&self.socket).args(["-f", "/dev/null"]).args(args).output()?;
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    }

    fn start(socket: PathBuf, command: &str) -> Result<Tmux> {
        let t = Tmux { socket };
        // The shell says how it ended: tmux 3.3 at times does not fetch a child's exit code.
        t.run(&["new-session", "-d", "-x", "120", "-y", "50", &format!("{command}; echo \"ended with $?\"")])?;
        // What is left of it stays to be read.
        t.run(&["set-option", "-g", "remain-on-exit", "on"])?;
        Ok(t)
    }

    fn keys(&self, keys: &[&str]) -> Result<()> {
        self.run(&[&["send-keys"], keys].concat()).map(drop)
    }

    fn screen(&self) -> Result<String> {
        self.run(&["capture-pane", "-p", "-S", "-200"])
    }

    /// Waits until the screen shows a text.
    fn until(&self, text: &str) -> Result<Option<String>> {
        for _ in 0..100 {
            if self.screen()?.contains(text) {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(Some(format!("the screen never shows `{text}`")))
    }

    /// Waits until the command has ended, which must be with 0.
    fn ended(&self) -> Result<Option<String>> {
        self.until("ended with 0")
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.run(&["kill-server"]);
    }
}

/// Typed by hand: completion, several lines, output above the prompt, Ctrl-C, history.
fn terminal(beetrace: &Path, _: &Path, dir: &Path) -> Result<(Vec<String>, String)> {
    let command = format!("XDG_STATE_HOME={} {}", dir.display(), beetrace.display());
    let t = Tmux::start(dir.join("tmux"), &command)?;
    let mut wrong = Vec::new();
    let steps: &[(&[&str], &str)] = &[
        (&[], "beetrace>"),
        // A word is completed, an attach point by its parts, a field of args.
        (&["tracepoint:raw_sysc", "Tab"], "tracepoint:raw_syscalls:"),
        (&["sys_enter { @n = count(); @id = hist(args.i", "Tab"], "args.id"),
        (&["); }", "Enter"], "[1] 1 probe attached"),
        // More lines follow an open brace.
        (&["interval:ms:50 {", "Enter"], ".."),
        (&["printf(\"tick %d\\n\", elapsed > 0); }", "Enter"], "[2] 1 probe attached"),
        (&[], "tick 1"),
        (&["C-c"], "output stopped"),
        (&["print(40 + 2)", "Enter"], "42"),
        (&[":drop 2", "Enter"], "lines were not shown"),
        (&["nonsense(", "Enter", ")", "Enter"], "no function `nonsense`"),
        // The history has what was typed.
        (&["Up", "Up", "Up", "Enter"], "42"),
    ];
    for (keys, shown) in steps {
        if !keys.is_empty() {
            t.keys(keys)?;
        }
        wrong.extend(t.until(shown)?);
        // Typing faster than a person would only test the terminal.
        std::thread::sleep(Duration::from_millis(300));
    }
    let screen = t.screen()?;
    t.keys(&["C-d"])?;
    wrong.extend(t.ended()?);
    if std::fs::read_to_string(dir.join("beetrace/history")).unwrap_or_default().lines().count() < 5 {
        wrong.push("there is no history".into());
    }
    Ok((wrong, screen))
}

/// Maps redrawn in place: sorted, paused, and printed as ever at the end.
fn live(beetrace: &Path, _: &Path, dir: &Path) -> Result<(Vec<String>, String)> {
    let script = dir.join("live.bt");
    std::fs::write(
        &script,
        "begin { @m[\"few\"] = 3; @m[\"many\"] = 300; printf(\"said\\n\"); } interval:ms:20 { @h = hist(5); @n = (@n + 1) % 1000; }",
    )?;
    let t = Tmux::start(dir.join("tmux-live"), &format!("{} --live {}", beetrace.display(), script.display()))?;
    let mut wrong = Vec::new();
    wrong.extend(t.until("many  300 ████")?);
    wrong.extend(t.until("[4, 8)")?);
    let screen = t.screen()?;
    wrong.extend(missing(&screen, &["@m (2 keys)", "[4, 8)", "said", "space: pause"]));
    if screen.find("many ") > screen.find("few ") {
        wrong.push("the greatest value is not the first".into());
    }
    t.keys(&["s"])?;
    wrong.extend(t.until("by key")?);
    t.keys(&["Space"])?;
    wrong.extend(t.until("PAUSED")?);
    let paused = t.screen()?;
    std::thread::sleep(Duration::from_millis(1500));
    if t.screen()? != paused {
        wrong.push("it moves though it is paused".into());
    }
    t.keys(&["q"])?;
    wrong.extend(t.until("@m[many]: 300")?);
    wrong.extend(t.ended()?);
    Ok((wrong, format!("{screen}\n{}", t.screen()?)))
}

/// Most samples of a busy program are in its hot function, in the folded text as in the picture.
fn flame_graph(beetrace: &Path, testprog: &Path, dir: &Path) -> Result<(Vec<String>, String)> {
    let svg = dir.join("hot.svg");
    let script = "profile:hz:499 /pid == cpid/ { @[comm, ustack, kstack] = count(); } profile:hz:99 { @other = count(); }";
    let command = format!("{} burn 1000", testprog.display());
    let out = Command::new(beetrace).args(["-q", "-f", "folded", "-e", script, "-c", &command, "--flame"]).arg(&svg).output()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let mut wrong = Vec::new();
    let (mut all, mut hot) = (0u64, 0u64);
    for (stack, count) in text.lines().filter(|l| !l.starts_with('@')).filter_map(|l| l.rsplit_once(' ')) {
        let count: u64 = count.parse()?;
        all += count;
        hot += if stack.starts_with("testprog;") && stack.split(';').any(|f| f == "bt_hot") { count } else { 0 };
    }
    // Not optimised, the function spends most of its time in others, which keep no frame pointer.
    let least = if cfg!(debug_assertions) { 1 } else { 7 };
    if all < 20 || hot * 10 < all * least {
        wrong.push(format!("{hot} of {all} samples are in the hot function"));
    }
    let picture = std::fs::read_to_string(&svg)?;
    let shown = picture.split("<title>bt_hot (").nth(1).and_then(|t| t.split(" samples, ").next()).and_then(|n| n.parse::<u64>().ok());
    if shown.is_none_or(|n| n * 10 < all * least || n > all) {
        wrong.push(format!("the picture gives the hot function {shown:?} samples"));
    }
    let (opened, closed) = (picture.matches("<g>").count(), picture.matches("</g>").count());
    if opened == 0 || !picture.trim_end().ends_with("</svg>") || closed < opened {
        wrong.push("the picture is not whole".into());
    }
    Ok((wrong, format!("{text}{}", String::from_utf8_lossy(&out.stderr))))
}
