//! Every key, from the table of commands.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span, Text};

use super::boxed;
use crate::tui::cells::{fit, width};
use crate::tui::command::{COMMANDS, Scope};
use crate::tui::layout::inside;
use crate::tui::state::State;
use crate::tui::theme::{Role, Theme};

/// Cells of the box.
const WIDTH: u16 = 150;

/// A line of the help.
#[derive(Clone, Debug)]
enum Row {
    Gap,
    Heading(&'static str),
    Entry { keys: String, name: &'static str, help: &'static str },
    Legend { sign: &'static str, what: &'static str },
}

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    rows: Vec<Row>,
    scroll: u16,
}

/// The signs that are not explained where they stand.
const LEGEND: [(&str, &str); 11] = [
    ("✓", "the layer is in force: read back from the kernel, or done by hotcell itself"),
    ("✗", "asked for and not in force"),
    ("?", "asked for; could not be read back"),
    ("–", "cannot be had here; the detail line says why"),
    ("○", "will be asked for in the next run; nothing has been read back yet"),
    ("≠", "differs from the run on the screen: it applies to the next one"),
    ("*", "differs from the policy as it was loaded"),
    ("▲", "a specimen's line with a hidden character"),
    ("◆", "a specimen's line at which refused calls are held"),
    ("◂ ┊", "the moment of the selected denial, in the output and in the graphs"),
    ("\\x1b <U+202E>", "a character of the specimen that is shown and not obeyed"),
];

/// Makes the view.
pub fn view(state: &State, scroll: u16) -> View {
    let mut rows = Vec::new();
    for scope in Scope::ALL {
        rows.extend((!rows.is_empty()).then_some(Row::Gap));
        rows.push(Row::Heading(scope.title()));
        for info in COMMANDS.iter().filter(|info| info.scopes.contains(&scope)) {
            let keys = state.keymap.all_shown(info.command).join(" ");
            rows.push(Row::Entry { keys, name: info.name, help: info.help });
        }
    }
    rows.extend([Row::Gap, Row::Heading("Signs")]);
    rows.extend(LEGEND.iter().map(|(sign, what)| Row::Legend { sign, what }));
    View { rows, scroll }
}

impl View {
    /// By how many lines it can be scrolled on a screen.
    pub fn most_scroll(&self, screen: Rect) -> u16 {
        let hidden = self.rows.len().saturating_sub(usize::from(inside(screen).height));
        u16::try_from(hidden).unwrap_or(u16::MAX)
    }
}

/// Draws it.
pub fn render(frame: &mut Frame<'_>, screen: Rect, view: &View, theme: &Theme) {
    let inner =
        boxed(frame, screen, (WIDTH, u16::MAX), "Help", &super::foot(view.scroll, view.rows.len(), screen), theme);
    let room = usize::from(inner.height);
    let skip = usize::from(view.scroll).min(view.rows.len().saturating_sub(room));
    let lines: Vec<Line<'static>> =
        view.rows.iter().skip(skip).take(room).map(|row| line(row, usize::from(inner.width), theme)).collect();
    frame.render_widget(Text::from(lines), inner);
}

fn line(row: &Row, cells: usize, theme: &Theme) -> Line<'static> {
    match row {
        Row::Gap => Line::default(),
        Row::Heading(title) => Line::styled(format!(" {title}"), theme.style(Role::Accent)),
        Row::Entry { keys, name, help } => {
            let mut spans = vec![
                Span::styled(format!("   {}", fit(keys, 14)), theme.style(Role::Key)),
                Span::raw(format!(" {} ", fit(name, 15))),
            ];
            let used: usize = spans.iter().map(|span| width(&span.content)).sum();
            spans.push(Span::styled(fit(help, cells.saturating_sub(used)), theme.style(Role::Muted)));
            Line::from(spans)
        }
        Row::Legend { sign, what } => Line::from(vec![
            Span::styled(format!("   {}", fit(sign, 14)), theme.style(Role::Key)),
            Span::styled(format!(" {}", fit(what, cells.saturating_sub(18))), theme.style(Role::Muted)),
        ]),
    }
}
