//! The tabs, where one pane has the screen: each tells what it would show.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use crate::tui::cells::width;
use crate::tui::layout::Pane;
use crate::tui::state::State;
use crate::tui::theme::{Role, Theme};

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    labels: Vec<(String, bool, Role)>,
}

/// Makes the view.
pub fn view(state: &State) -> View {
    View {
        labels: Pane::ALL
            .into_iter()
            .map(|pane| (label(state, pane), pane == state.focus, role(state, pane)))
            .collect(),
    }
}

fn label(state: &State, pane: Pane) -> String {
    let number = pane as usize + 1;
    let run = state.runs.shown();
    let count = match (pane, run) {
        (Pane::Denials, Some(run)) => match run.log.summary.denied_calls() {
            0 => String::new(),
            calls => format!(" {calls}"),
        },
        (Pane::Output, Some(run)) => match run.log.lines().len() {
            0 => String::new(),
            lines => format!(" {lines}"),
        },
        _ => String::new(),
    };
    format!(" {number} {}{count} ", pane.title())
}

fn role(state: &State, pane: Pane) -> Role {
    let denied = state.runs.shown().is_some_and(|run| run.log.summary.denied_calls() > 0);
    if pane == Pane::Denials && denied { Role::Bad } else { Role::Muted }
}

/// The pane whose tab is at a place.
pub fn at(state: &State, area: Rect, at: Position) -> Option<Pane> {
    if !area.contains(at) {
        return None;
    }
    let mut left = area.x;
    for pane in Pane::ALL {
        let cells = u16::try_from(width(&label(state, pane))).unwrap_or(u16::MAX);
        if (left..left.saturating_add(cells)).contains(&at.x) {
            return Some(pane);
        }
        left = left.saturating_add(cells).saturating_add(1);
    }
    None
}

/// Draws it.
pub fn render(frame: &mut Frame<'_>, area: Rect, view: &View, theme: &Theme) {
    let mut spans = Vec::new();
    for (label, focused, role) in &view.labels {
        let style = theme.style(if *focused { Role::Selection } else { *role });
        spans.push(Span::styled(label.clone(), style));
        spans.push(Span::styled("│", theme.style(Role::Border)));
    }
    spans.pop();
    frame.render_widget(Line::from(spans), area);
}
