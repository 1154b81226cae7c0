//! `--live`: maps redrawn in place on a terminal. What the script prints runs by below them; at the end all of it is printed as ever.

use super::host::Host;
use super::maps::{self, Wish};
use super::stream::{self, OutputOptions, show};
use super::text::TextSink;
use crate::sink::{Entry, Losses, Sink, World};
use codegen::manifest::{Action, Manifest, MapInfo};
use lang::types::{Agg, Type};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph};
use ratatui::{DefaultTerminal, Frame};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the maps are read and drawn.
const PACE: Duration = Duration::from_millis(500);
/// Lines of the script that are kept for the end.
const KEPT: usize = 10_000;
/// Columns of the longest bar, and of a key, at the most.
const BAR: usize = 30;
const KEY: usize = 60;

/// What the script printed.
#[derive(Default)]
struct Printed {
    lines: VecDeque<Vec<u8>>,
    /// Lines that were given up.
    dropped: u64,
}

/// A stream into [`Printed`], or through to the writer when the drawing is over.
#[derive(Clone)]
struct Tee {
    printed: Rc<RefCell<Printed>>,
    through: Rc<RefCell<Option<Box<dyn Write>>>>,
    /// A file gets everything at once.
    file: bool,
}

impl Write for Tee {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(w) = self.through.borrow_mut().as_mut() {
            w.write_all(bytes)?;
            if !self.file {
                return Ok(bytes.len());
            }
        }
        let mut printed = self.printed.borrow_mut();
        for part in bytes.split_inclusive(|b| *b == b'\n') {
            match printed.lines.back_mut().filter(|l| !l.ends_with(b"\n")) {
                Some(open) => open.extend_from_slice(part),
                None => printed.lines.push_back(part.to_vec()),
            }
        }
        while printed.lines.len() > KEPT {
            printed.lines.pop_front();
            printed.dropped += 1;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.through.borrow_mut().as_mut().map_or(Ok(()), |w| w.flush())
    }
}

/// How the maps are shown.
#[derive(Clone, Copy, Debug, Default)]
struct View {
    paused: bool,
    /// By key instead of by value.
    by_key: bool,
    /// The least first.
    reverse: bool,
    /// Lines above the screen.
    scroll: u16,
}

/// See the module.
pub struct LiveSink {
    inner: TextSink,
    manifest: Arc<Manifest>,
    host: Host,
    tee: Tee,
    /// The writer, until the drawing is over.
    writer: Option<Box<dyn Write>>,
    terminal: Option<DefaultTerminal>,
    name: String,
    view: View,
    lines: Vec<Line<'static>>,
    message: String,
    drawn_at: Option<Instant>,
}

impl LiveSink {
    /// Draws the maps of the script of that name; what it prints goes to `writer` at the end, or at once if that is a file.
    pub fn new(manifest: Arc<Manifest>, writer: Box<dyn Write>, options: OutputOptions, name: String, file: bool) -> LiveSink {
        let (now, later) = if file { (Some(writer), None) } else { (None, Some(writer)) };
        let tee = Tee { printed: Rc::default(), through: Rc::new(RefCell::new(now)), file };
        let options = OutputOptions { quiet: true, ..options };
        let inner = TextSink::new(manifest.clone(), Box::new(tee.clone()), options).with_errors(Box::new(tee.clone()));
        LiveSink {
            inner,
            manifest,
            host: Host::default(),
            tee,
            writer: later,
            terminal: None,
            name,
            view: View::default(),
            lines: Vec::new(),
            message: String::new(),
            drawn_at: None,
        }
    }

    /// Gives the terminal back, and what was printed to the writer.
    fn leave_screen(&mut self) -> io::Result<()> {
        if self.terminal.take().is_some() {
            ratatui::try_restore()?;
        }
        self.inner.flush()?;
        let Some(mut writer) = self.writer.take() else { return Ok(()) };
        let printed = std::mem::take(&mut *self.tee.printed.borrow_mut());
        if printed.dropped > 0 {
            crate::say::err(&format!("WARNING: the first {} lines were not kept; -o FILE keeps all\n", printed.dropped));
        }
        for line in printed.lines {
            writer.write_all(&line)?;
        }
        *self.tee.through.borrow_mut() = Some(writer);
        Ok(())
    }

    fn read(&mut self, world: &mut dyn World) -> io::Result<()> {
        let mut lines = Vec::new();
        for id in stream::by_name(&self.manifest) {
            let entries = world.entries(id)?;
            let info = &self.manifest.maps[id.0 as usize];
            let mut show = show(&self.manifest, world, &mut self.host, 1);
            match (&info.key, &info.value) {
                (Some(_), value) if !matches!(value, Type::Agg(agg) if agg.is_hist() || matches!(agg, Agg::TSeries { .. })) => {
                    table(&mut lines, info, entries, self.view, &mut show);
                }
                _ => {
                    let mut text = Vec::new();
                    maps::map(&mut text, info, entries, Wish::default(), &mut show);
                    lines.extend(String::from_utf8_lossy(&text).lines().map(chart_line));
                }
            }
        }
        self.lines = lines;
        Ok(())
    }

    fn draw(&mut self) -> io::Result<()> {
        let terminal = match &mut self.terminal {
            Some(t) => t,
            none => none.insert(ratatui::try_init()?),
        };
        let printed = self.tee.printed.borrow();
        let skip = printed.lines.len().saturating_sub(200);
        let printed: Vec<String> = printed.lines.iter().skip(skip).map(|l| String::from_utf8_lossy(l).trim_end().to_string()).collect();
        terminal.draw(|f| screen(f, &self.name, &self.lines, &printed, self.view, &self.message))?;
        Ok(())
    }

    /// What a key does; true if it ends the run.
    fn key(&mut self, code: KeyCode, control: bool) -> bool {
        if code == KeyCode::Char('w') {
            self.message = self.save();
            return false;
        }
        let view = &mut self.view;
        self.message.clear();
        match code {
            KeyCode::Char('q') | KeyCode::Esc => return true,
            KeyCode::Char('c') if control => return true,
            KeyCode::Char(' ') => view.paused = !view.paused,
            KeyCode::Char('s') => view.by_key = !view.by_key,
            KeyCode::Char('r') => view.reverse = !view.reverse,
            KeyCode::Down => view.scroll = view.scroll.saturating_add(1),
            KeyCode::Up => view.scroll = view.scroll.saturating_sub(1),
            KeyCode::PageDown => view.scroll = view.scroll.saturating_add(20),
            KeyCode::PageUp => view.scroll = view.scroll.saturating_sub(20),
            KeyCode::Home => view.scroll = 0,
            _ => {}
        }
        // There is always a line to be seen.
        view.scroll = view.scroll.min(u16::try_from(self.lines.len().saturating_sub(1)).unwrap_or(u16::MAX));
        false
    }

    /// Writes what is shown to a file of the directory.
    fn save(&self) -> String {
        let mut name = Vec::from(b"beetrace-");
        stream::local_time(&mut name, "%Y%m%d-%H%M%S.txt");
        let name = String::from_utf8_lossy(&name).into_owned();
        let text: String = self.lines.iter().map(|l| format!("{l}\n")).collect();
        match std::fs::write(&name, text) {
            Ok(()) => format!("saved as {name}"),
            Err(e) => format!("{name} can't be written: {e}"),
        }
    }
}

/// The terminal is given back whatever happens.
impl Drop for LiveSink {
    fn drop(&mut self) {
        let _ = self.leave_screen();
    }
}

/// A map with keys as a sorted table with bars.
fn table(lines: &mut Vec<Line<'static>>, info: &MapInfo, entries: Vec<Entry>, view: View, show: &mut super::value::Show<'_>) {
    let Some(key) = &info.key else { return };
    if entries.is_empty() {
        return;
    }
    let order = if view.by_key { Type::Void } else { info.value.clone() };
    let mut ordered = maps::ordered(key, &order, entries, 0);
    // Values are shown from the greatest, keys from the least.
    if view.by_key == view.reverse {
        ordered.reverse();
    }
    let rows: Vec<(String, String)> = ordered
        .iter()
        .map(|e| {
            let (mut name, mut value) = (Vec::new(), Vec::new());
            maps::key_text(&mut name, key, &e.key, show);
            maps::entry(&mut value, &info.value, Some(e), show);
            (one_line(&name), one_line(&value))
        })
        .collect();
    let width = rows.iter().map(|r| r.0.chars().count()).max().unwrap_or(0).min(KEY);
    let wide = rows.iter().map(|r| r.1.chars().count()).max().unwrap_or(0);
    let number = |v: &str| v.parse::<f64>().unwrap_or(0.0);
    let most = rows.iter().map(|r| number(&r.1)).fold(0.0, f64::max);
    lines.push(Line::from(format!("{} ({} keys)", info.name, rows.len())).bold().fg(Color::Yellow));
    for (name, value) in &rows {
        let length = if most > 0.0 { (number(value).max(0.0) / most * BAR as f64) as usize } else { 0 };
        let name: String = name.chars().take(KEY).collect();
        lines.push(Line::from(vec![
            Span::raw(format!("  {name:<width$}  {value:>wide$} ")),
            Span::styled("█".repeat(length), Style::new().fg(Color::Cyan)),
        ]));
    }
    lines.push(Line::default());
}

/// Text of several lines in one.
fn one_line(text: &[u8]) -> String {
    String::from_utf8_lossy(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A line of a histogram with its bar in colour; anything else as it is.
fn chart_line(line: &str) -> Line<'static> {
    let bar =
        line.split_once(" |").filter(|(_, rest)| rest.ends_with('|') && rest.trim_end_matches('|').trim_matches(['@', ' ']).is_empty());
    match bar {
        Some((head, rest)) => {
            let length = rest.matches('@').count();
            Line::from(vec![Span::raw(format!("{head} ")), Span::styled("█".repeat(length), Style::new().fg(Color::Cyan))])
        }
        None if line.starts_with('@') => Line::from(line.to_string()).bold().fg(Color::Yellow),
        None => Line::from(line.to_string()),
    }
}

fn screen(f: &mut Frame<'_>, name: &str, lines: &[Line<'static>], printed: &[String], view: View, message: &str) {
    let below = if printed.is_empty() { 0 } else { (printed.len() as u16 + 1).min(f.area().height / 3) };
    let parts = Layout::vertical([Constraint::Length(1), Constraint::Min(1), Constraint::Length(below), Constraint::Length(1)]);
    let [head, body, text, foot] = parts.areas(f.area());
    let state = if view.paused { "  PAUSED" } else { "" };
    let sorted = if view.by_key { "key" } else { "value" };
    f.render_widget(Paragraph::new(format!("beetrace: {name}  (by {sorted}){state}")).bold().reversed(), head);
    let shown: Vec<Line<'_>> = lines.iter().skip(usize::from(view.scroll)).take(usize::from(body.height)).cloned().collect();
    f.render_widget(Paragraph::new(if lines.is_empty() { vec![Line::from("nothing yet")] } else { shown }), body);
    if below > 0 {
        let skip = printed.len().saturating_sub(usize::from(below - 1));
        let last: Vec<Line<'_>> = printed.iter().skip(skip).map(|l| Line::from(l.as_str())).collect();
        f.render_widget(Paragraph::new(last).block(Block::new().borders(ratatui::widgets::Borders::TOP)), text);
    }
    let keys = "space: pause  s: sort  r: reverse  w: save  arrows: scroll  q: quit";
    f.render_widget(Paragraph::new(if message.is_empty() { keys } else { message }).dim(), foot);
}

impl Sink for LiveSink {
    fn attached(&mut self, probes: usize) -> io::Result<()> {
        self.inner.attached(probes)?;
        self.draw()
    }

    fn event(&mut self, action: &Action, payload: &[u8], world: &mut dyn World) -> io::Result<()> {
        self.inner.event(action, payload, world)
    }

    fn maps(&mut self, world: &mut dyn World) -> io::Result<()> {
        self.leave_screen()?;
        self.inner.maps(world)
    }

    fn lost(&mut self, now: Losses, before: Losses) -> io::Result<()> {
        self.inner.lost(now, before)
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        self.inner.text(text)
    }

    fn benchmarks(&mut self, results: &[crate::modes::Bench]) -> io::Result<()> {
        self.inner.benchmarks(results)
    }

    fn mute(&mut self) {
        self.inner.mute();
    }

    fn tested(&mut self, name: &str, passed: bool, nanos: u64) -> io::Result<()> {
        self.inner.tested(name, passed, nanos)
    }

    fn costs(&mut self, costs: &[crate::stats::Cost]) -> io::Result<()> {
        self.inner.costs(costs)
    }

    fn pace(&self) -> Option<(Duration, BorrowedFd<'_>)> {
        // SAFETY: the standard input stays open as long as the process.
        Some((PACE, unsafe { BorrowedFd::borrow_raw(0) }))
    }

    fn refresh(&mut self, world: &mut dyn World) -> io::Result<bool> {
        let mut touched = self.drawn_at.is_none();
        while event::poll(Duration::ZERO)? {
            touched = true;
            if let Event::Key(key) = event::read()?
                && key.kind == KeyEventKind::Press
                && self.key(key.code, key.modifiers.contains(KeyModifiers::CONTROL))
            {
                return Ok(true);
            }
        }
        let due = self.drawn_at.is_none_or(|at| at.elapsed() >= PACE);
        if (due || touched) && !self.view.paused {
            self.read(world)?;
        }
        if due || touched {
            self.draw()?;
            self.drawn_at = Some(Instant::now());
        }
        Ok(false)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, int, one, text, words};
    use super::*;
    use codegen::manifest::Storage;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn sink(bench: &Bench) -> LiveSink {
        LiveSink::new(Arc::new(bench.manifest.clone()), Box::new(io::sink()), OutputOptions::default(), "x.bt".into(), false)
    }

    fn drawn(sink: &LiveSink, printed: &[String]) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(60, 14)).unwrap();
        terminal.draw(|f| screen(f, &sink.name, &sink.lines, printed, sink.view, &sink.message)).unwrap();
        let buffer = terminal.backend().buffer();
        let row = |y| (0..60).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_string();
        (0..14).map(row).collect()
    }

    #[test]
    fn tables_are_sorted_and_histograms_have_bars() {
        let mut bench = Bench::default();
        let row = |k: &str, n| (text(k), int(n));
        bench.hash("@b", Type::Str(16), Type::I64, &[row("low", 10), row("high", 40), row("mid", 20)]);
        let hist = Type::Agg(Agg::Hist { bits: 0 });
        bench.map("@c", None, hist, Storage::PerCpuArray, one(vec![words(&[0, 0, 2, 1])]));
        bench.map("@a", None, Type::I64, Storage::Hash, one(vec![int(7)]));
        let mut s = sink(&bench);
        s.read(&mut bench.fake).unwrap();
        let rows = drawn(&s, &["said".to_string()]);
        assert_eq!(rows[0], "beetrace: x.bt  (by value)");
        assert_eq!(
            rows[1..6],
            [
                "@a: 7",
                "@b (3 keys)",
                &format!("  high  40 {}", "█".repeat(30)),
                &format!("  mid   20 {}", "█".repeat(15)),
                &format!("  low   10 {}", "█".repeat(7))
            ]
        );
        assert!(rows[8].starts_with("[1]                    2 ███"), "{rows:?}");
        assert_eq!((rows[12].as_str(), &rows[13][..12]), ("said", "space: pause"));

        s.key(KeyCode::Char('s'), false);
        s.read(&mut bench.fake).unwrap();
        assert!(drawn(&s, &[])[3].starts_with("  high") && drawn(&s, &[])[4].starts_with("  low"));
        s.key(KeyCode::Char(' '), false);
        s.key(KeyCode::Down, false);
        assert!(drawn(&s, &[])[0].ends_with("PAUSED") && drawn(&s, &[])[1].starts_with("@b"));
        assert!(s.key(KeyCode::Char('c'), true) && s.key(KeyCode::Char('q'), false) && !s.key(KeyCode::Char('c'), false));
    }

    #[test]
    fn what_was_printed_is_kept_until_the_end() {
        let bench = Bench::default();
        let shared = super::super::testing::Shared::default();
        let mut s =
            LiveSink::new(Arc::new(bench.manifest.clone()), Box::new(shared.clone()), OutputOptions::default(), String::new(), false);
        s.text("a\nb").unwrap();
        s.flush().unwrap();
        assert_eq!(shared.text(), "");
        s.leave_screen().unwrap();
        s.text("c\n").unwrap();
        s.flush().unwrap();
        assert_eq!(shared.text(), "a\nbc\n");
    }
}
