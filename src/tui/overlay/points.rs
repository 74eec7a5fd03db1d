//! Which refused calls are held: by purpose, by name, by line; and which never are.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Text};

use crate::seccomp::{Purpose, calls_for};
use crate::text::visible_str;
use crate::tui::cells::{clip, wrap};
use crate::tui::command::Command;
use crate::tui::panes::frame;
use crate::tui::state::State;
use crate::tui::theme::{Role, Theme};

/// Cells of the box.
const WIDTH: u16 = 84;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Point {
    /// Whether any call is held.
    On,
    /// A line of the specimen, with the revision that it is of.
    Line(u64, usize),
    /// A call that is held.
    Call(String),
    /// A call that is never held.
    Except(String),
    /// The calls for a purpose.
    Group(Purpose),
}

/// Every row.
pub fn all(state: &State) -> Vec<Point> {
    let points = &state.breaks;
    let mut all = vec![Point::On];
    all.extend(state.marks.iter().map(|(revision, line)| Point::Line(*revision, *line)));
    all.extend(points.calls.iter().cloned().map(Point::Call));
    all.extend(points.except.iter().cloned().map(Point::Except));
    all.extend(Purpose::ALL.map(Point::Group));
    all
}

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    rows: Vec<(Role, String)>,
    selected: usize,
    says: Vec<String>,
    foot: String,
}

/// Makes the view.
pub fn view(state: &State) -> View {
    let cells = usize::from(WIDTH.min(state.size.width)).saturating_sub(4);
    let points = all(state);
    let key = |command| state.keymap.shown(command);
    let (toggle, add, line) = (key(Command::Toggle), key(Command::AddPoint), key(Command::BreakLine));
    View {
        rows: points.iter().map(|point| row(state, point)).map(|(role, text)| (role, clip(&text, cells))).collect(),
        selected: state.point.min(points.len() - 1),
        says: wrap(&says(state), cells),
        foot: format!("{toggle} switches · {add} adds a call · {line} on a line of the specimen · Esc"),
    }
}

fn row(state: &State, point: &Point) -> (Role, String) {
    let tick = |on: bool| if on { "[x]" } else { "[ ]" };
    let points = &state.breaks;
    match point {
        Point::On => {
            (Role::Accent, format!("{} hold refused calls  ({})", tick(points.on), state.keymap.shown(Command::Break)))
        }
        Point::Line(revision, line) => match state.editor.line_now(*revision, *line) {
            Some(now) => {
                let text = state.editor.lines().get(now - 1).map_or_else(String::new, |text| visible_str(text.trim()));
                (Role::Text, format!("[x] line {now}: {text}"))
            }
            None => (Role::Muted, format!("[x] line {line} of a text that is changed: it holds nothing")),
        },
        Point::Call(call) => (Role::Text, format!("[x] call {call}")),
        Point::Except(call) => (Role::Muted, format!("[x] never {call}")),
        Point::Group(purpose) => {
            let calls = calls_for(*purpose).len();
            (Role::Text, format!("{} {} ({calls} calls)", tick(points.groups.contains(purpose)), purpose.title()))
        }
    }
}

/// What is held, in a sentence.
fn says(state: &State) -> String {
    let points = state.breakpoints(state.editor.revision());
    if !points.on {
        return "No call is held: each refused one is answered as the profile says.".to_owned();
    }
    let groups = points.groups.iter().map(|purpose| purpose.title().to_owned());
    let which: Vec<String> = points.calls.iter().cloned().chain(groups).collect();
    let which = if which.is_empty() { "every call".to_owned() } else { format!("of the calls {}", which.join(", ")) };
    let lines: Vec<String> = points.lines.iter().map(ToString::to_string).collect();
    let lines = if lines.is_empty() { String::new() } else { format!(" from line {}", lines.join(", ")) };
    format!("Held: {which} that the profile refuses{lines}; what it allows is never held.")
}

/// Draws it.
pub fn render(frame: &mut Frame<'_>, screen: Rect, view: &View, theme: &Theme) {
    let fixed = view.says.len() + 1;
    let height = u16::try_from(fixed + view.rows.len() + 2).unwrap_or(u16::MAX);
    let inner = super::boxed(frame, screen, (WIDTH, height), "Breakpoints", &view.foot, theme);
    let room = usize::from(inner.height).saturating_sub(fixed).max(1);
    let skip = (view.selected + 1).saturating_sub(room);
    let mut lines: Vec<Line<'static>> =
        view.says.iter().map(|text| Line::styled(format!(" {text}"), theme.style(Role::Muted))).collect();
    lines.push(Line::default());
    for (at, (role, text)) in view.rows.iter().enumerate().skip(skip).take(room) {
        let sign = if at == view.selected { "▸" } else { " " };
        lines.push(Line::styled(format!("{sign} {text}"), theme.style(*role)));
    }
    frame.render_widget(Text::from(lines), inner);
    let y = inner.y + u16::try_from(fixed + view.selected - skip).unwrap_or(u16::MAX);
    frame::select(frame.buffer_mut(), Rect { y, height: 1, ..inner }.intersection(inner), theme);
}
