//! The resources pane.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::frame::{self, Title};
use crate::tui::layout::Pane;
use crate::tui::state::State;
use crate::tui::theme::Theme;

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    focused: bool,
    title: Title,
}

/// Makes the view of a pane with that inner area.
pub fn view(state: &State, _inner: Rect) -> View {
    View { focused: state.focus == Pane::Resources, title: Title::default() }
}

/// Draws it.
pub fn render(frame: &mut Frame<'_>, area: Rect, view: &View, theme: &Theme) {
    frame::draw(frame, area, Pane::Resources, view.focused, &view.title, theme);
}
