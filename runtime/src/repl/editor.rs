//! The line on the terminal: colours, several lines, history, completion. What is typed goes to the thread that traces.

use super::Line;
use super::entry::is_complete;
use super::worker::Request;
use crate::say;
use lang::parse::{Shade, shades};
use nu_ansi_term::{Color, Style};
use reedline::{
    ColumnarMenu, Completer, CompletionResult, EditCommand, Emacs, ExternalPrinter, FileBackedHistory, Highlighter, KeyCode, KeyModifiers,
    MenuBuilder, Prompt, PromptEditMode, PromptHistorySearch, Reedline, ReedlineEvent, ReedlineMenu, Signal, Span, StyledText, Suggestion,
    ValidationResult, Validator, default_emacs_keybindings,
};
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::mpsc::SyncSender;

/// Prints lines above the prompt.
pub(crate) struct Printer(ExternalPrinter<String>);

impl Printer {
    pub fn sender(&self) -> SyncSender<String> {
        self.0.sender()
    }
}

/// A printer that takes so many lines at once.
pub(crate) fn printer(lines: usize) -> Printer {
    Printer(ExternalPrinter::new(lines))
}

/// Entries of the history that are kept.
const HISTORY: usize = 2000;

/// Reads entries until the session is left.
pub(crate) fn run(line: &Line, printer: Printer, color: bool) -> Result<(), String> {
    let mut keys = default_emacs_keybindings();
    let menu = || vec![ReedlineEvent::Menu("completion".into()), ReedlineEvent::MenuNext];
    keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, ReedlineEvent::UntilFound(menu()));
    keys.add_binding(KeyModifiers::ALT, KeyCode::Enter, ReedlineEvent::Edit(vec![EditCommand::InsertNewline]));
    let menu = ColumnarMenu::default().with_name("completion").with_columns(1);
    let mut editor = Reedline::create()
        .with_completer(Box::new(Words(line.clone())))
        .with_menu(ReedlineMenu::EngineCompleter(Box::new(menu)))
        .with_quick_completions(true)
        .with_partial_completions(true)
        .with_edit_mode(Box::new(Emacs::new(keys)))
        .with_validator(Box::new(Whole))
        .with_highlighter(Box::new(Colors(color)))
        .with_ansi_colors(color)
        .with_external_printer(printer.0);
    if let Some(history) = history() {
        editor = editor.with_history(Box::new(history));
    }
    say::out("beetrace: probes attach as they are typed. `:help` says what else there is.\n");
    let mut hushed = false;
    loop {
        match editor.read_line(&Sign).map_err(|e| e.to_string())? {
            Signal::Success(text) => {
                let held = line.ask(Request::Hush(false));
                hushed = false;
                let reply = line.ask(Request::Line(text));
                say::out(&format!("{}{}", held.text, reply.text));
                if reply.quit {
                    return Ok(());
                }
            }
            // The first stops the output, the next lets it go on.
            Signal::CtrlC => {
                hushed = !hushed;
                let reply = line.ask(Request::Hush(hushed));
                say::out(if hushed { "(output stopped; Ctrl-C or an entry lets it go on)\n" } else { &reply.text });
                if reply.quit {
                    return Ok(());
                }
            }
            Signal::CtrlD => {
                say::out(&line.ask(Request::Quit).text);
                return Ok(());
            }
            _ => {}
        }
    }
}

/// `$XDG_STATE_HOME/beetrace/history`; none if it can't be written.
fn history() -> Option<FileBackedHistory> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let dir = state.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))?.join("beetrace");
    std::fs::create_dir_all(&dir).ok()?;
    FileBackedHistory::with_file(HISTORY, dir.join("history")).ok()
}

struct Sign;

impl Prompt for Sign {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        "beetrace".into()
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        "".into()
    }

    fn render_prompt_indicator(&self, _: PromptEditMode) -> Cow<'_, str> {
        "> ".into()
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        "       .. ".into()
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        format!("(search `{}`) ", search.term).into()
    }
}

struct Whole;

impl Validator for Whole {
    fn validate(&self, line: &str) -> ValidationResult {
        if is_complete(line) { ValidationResult::Complete } else { ValidationResult::Incomplete }
    }
}

struct Words(Line);

impl Completer for Words {
    fn complete(&mut self, line: &str, pos: usize) -> CompletionResult {
        let text = line.get(..pos).unwrap_or(line);
        let (start, found) = self.0.ask(Request::Complete(text.to_string())).completions;
        let suggestion = |c: super::complete::Candidate| Suggestion {
            append_whitespace: false,
            value: c.value,
            description: Some(c.doc).filter(|d| !d.is_empty()),
            span: Span::new(start.min(pos), pos),
            ..Suggestion::default()
        };
        CompletionResult::fresh(found.into_iter().map(suggestion).collect::<Vec<_>>())
    }
}

struct Colors(bool);

impl Highlighter for Colors {
    fn highlight(&self, line: &str, _: usize) -> StyledText {
        let mut out = StyledText::new();
        let mut done = 0;
        let words = if self.0 && !line.trim_start().starts_with(':') { shades(line) } else { Vec::new() };
        for (range, shade) in words {
            let (Some(before), Some(word)) = (line.get(done..range.start), line.get(range.clone())) else { continue };
            out.push((Style::new(), before.to_string()));
            out.push((style(shade), word.to_string()));
            done = range.end;
        }
        out.push((Style::new(), line.get(done..).unwrap_or_default().to_string()));
        out
    }
}

fn style(shade: Shade) -> Style {
    match shade {
        Shade::Attach => Color::Cyan.bold(),
        Shade::Keyword => Color::Purple.normal(),
        Shade::Builtin => Color::Blue.normal(),
        Shade::Map => Color::Yellow.normal(),
        Shade::Var => Color::LightYellow.normal(),
        Shade::Number => Color::LightMagenta.normal(),
        Shade::Text => Color::Green.normal(),
    }
}
