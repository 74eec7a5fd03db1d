//! The output pane.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::frame::{self, Title};
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
    View { focused: state.focus == Pane::Output, title: Title::default() }
}

/// Draws it.
pub fn render(frame: &mut Frame<'_>, area: Rect, view: &View, theme: &Theme) {
    frame::draw(frame, area, Pane::Output, view.focused, &view.title, theme);
}

/// What the reviewer does with the output.
#[derive(Clone, Debug, Default)]
pub struct OutputPane {
    /// Long lines are wrapped.
    pub wrap: bool,
    /// The two streams stand side by side.
    pub split: bool,
}

impl OutputPane {
    /// Does a command of the scopes Move and Output (all but `Search` and `SaveOutput`) in a pane of that inner area.
    pub fn command(&mut self, _command: Command, _run: Option<&RunRecord>, _inner: Rect) -> Vec<Effect> {
        Vec::new()
    }

    /// Searches by a regular expression; gives the number of lines that match.
    ///
    /// # Errors
    /// What is wrong with the expression.
    pub fn search(&mut self, _pattern: &str, _run: Option<&RunRecord>, _inner: Rect) -> Result<usize, String> {
        Ok(0)
    }

    /// Scrolls by rows.
    pub fn scroll(&mut self, _rows: i32, _run: Option<&RunRecord>, _inner: Rect) {}

    /// Another run is on the screen.
    pub fn reset(&mut self) {}
}
