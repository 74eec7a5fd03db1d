//! The denials pane.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::frame::{self, Title};
use crate::run::Denial;
use crate::tui::action::Effect;
use crate::tui::command::Command;
use crate::tui::layout::Pane;
use crate::tui::state::{RunRecord, State};
use crate::tui::theme::Theme;

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    focused: bool,
    title: Title,
}

/// Makes the view of a pane with that inner area.
pub fn view(state: &State, _inner: Rect) -> View {
    View { focused: state.focus == Pane::Denials, title: Title::default() }
}

/// Draws it.
pub fn render(frame: &mut Frame<'_>, area: Rect, view: &View, theme: &Theme) {
    frame::draw(frame, area, Pane::Denials, view.focused, &view.title, theme);
}

/// What the reviewer does with the list.
#[derive(Clone, Debug, Default)]
pub struct DenialsPane;

impl DenialsPane {
    /// The selected denial of a run; `None` while the newest is followed.
    pub fn selected<'a>(&self, _run: &'a RunRecord) -> Option<&'a Denial> {
        None
    }

    /// Does a command of the scopes Move and Denials (all but `Accept`, `Filter` and `GotoLine`) in a pane of that inner
    /// area.
    pub fn command(&mut self, _command: Command, _run: Option<&RunRecord>, _inner: Rect) -> Vec<Effect> {
        Vec::new()
    }

    /// Shows only the denials that match; all where the text is empty.
    pub fn set_filter(&mut self, _filter: String) {}

    /// The filter.
    pub fn filter(&self) -> &str {
        ""
    }

    /// Selects what the mouse pressed, in cells of the inner area.
    pub fn click(&mut self, _column: u16, _row: u16, _run: Option<&RunRecord>, _inner: Rect) {}

    /// Scrolls by rows.
    pub fn scroll(&mut self, _rows: i32, _run: Option<&RunRecord>, _inner: Rect) {}

    /// Another run is on the screen.
    pub fn reset(&mut self) {}
}
