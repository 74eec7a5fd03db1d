//! The profile, call by call: what each is for and does, its risk, what the profile says of it and by which rule; and
//! the edits, what they have changed, and what is wrong.
//!
//! ```text
//! ╔ Profile seed-allowlist+3 ═════ Calls  Edits 3  Differences 3  Faults 2 ╗
//! ║ network                                        12 of 24 allowed        ║
//! ║▸ ~ socket          allow if …     medium  ×3 refused  Makes a socket.  ║
//! ║────────────────────────────────────────────────────────────────────────║
//! ║ decided by rule 4: x.py line 12: socket(AF_UNIX, SOCK_STREAM, 0)       ║
//! ╚════════════════════════════════════════════════════════════════════════╝
//! ```

mod draw;
mod pages;
mod rows;

use ratatui::layout::Rect;

pub use self::draw::{View, render, view};
use self::rows::Row;
use crate::seccomp::Purpose;
use crate::tui::command::Command;
use crate::tui::field::Field;
use crate::tui::layout::inside;
use crate::tui::state::State;

/// What of the profile is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// Every call.
    #[default]
    Calls,
    /// What was changed, and why.
    Edits,
    /// What that comes to.
    Differences,
    /// What is wrong.
    Faults,
}

impl Page {
    const ALL: [Self; 4] = [Self::Calls, Self::Edits, Self::Differences, Self::Faults];

    const fn title(self) -> &'static str {
        match self {
            Self::Calls => "Calls",
            Self::Edits => "Edits",
            Self::Differences => "Differences",
            Self::Faults => "Faults",
        }
    }

    fn other(self, by: usize) -> Self {
        Self::ALL[(self as usize + by) % Self::ALL.len()]
    }
}

/// What the reviewer does with the profile.
#[derive(Clone, Debug, Default)]
pub struct ProfilePane {
    /// It is open, perhaps under a question that it has asked.
    pub open: bool,
    /// What is shown of it.
    page: Page,
    search: Field,
    typing: bool,
    /// The selected row of the calls, or the first line of another page.
    at: usize,
}

/// What is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selected<'a> {
    /// A call.
    Call(&'a str),
    /// All calls for a purpose.
    Purpose(Purpose),
}

impl ProfilePane {
    /// Whether characters are typed into the search.
    pub fn is_typing(&self) -> bool {
        self.typing
    }

    /// Shows a page.
    pub fn turn_to(&mut self, page: Page) {
        (self.page, self.at, self.typing) = (page, 0, false);
    }

    /// Types a character of the search.
    pub fn type_char(&mut self, character: char) {
        self.search.type_char(character);
        self.at = 0;
    }

    /// Pastes into the search.
    pub fn paste(&mut self, text: &str) {
        self.search.paste(text);
        self.at = 0;
    }

    /// Leaves the search, then drops it; false where there is nothing left to leave.
    pub fn back(&mut self) -> bool {
        if self.typing {
            self.typing = false;
        } else if !self.search.text().is_empty() {
            (self.search, self.at) = (Field::default(), 0);
        } else {
            return false;
        }
        true
    }
}

/// Does a command that changes nothing but what is seen.
pub fn command(state: &mut State, command: Command) {
    if state.profile.typing {
        if command == Command::Accept {
            state.profile.typing = false;
        } else if state.profile.search.command(command) {
            state.profile.at = 0;
        }
        return;
    }
    let (last, rows) = (last(state), page_rows(state));
    let pane = &mut state.profile;
    match command {
        Command::NextPane | Command::Right => pane.turn_to(pane.page.other(1)),
        Command::PreviousPane | Command::Left => pane.turn_to(pane.page.other(Page::ALL.len() - 1)),
        Command::Filter => {
            if pane.page != Page::Calls {
                pane.turn_to(Page::Calls);
            }
            pane.typing = true;
        }
        Command::Up => pane.at = pane.at.min(last).saturating_sub(1),
        Command::Down => pane.at = (pane.at + 1).min(last),
        Command::PageUp => pane.at = pane.at.min(last).saturating_sub(rows),
        Command::PageDown => pane.at = (pane.at + rows).min(last),
        Command::Top => pane.at = 0,
        Command::Bottom => pane.at = last,
        _ => {}
    }
}

/// The row that the selection can go to at most, or the line that can be the first.
fn last(state: &State) -> usize {
    let inner = inner(state);
    match state.profile.page {
        Page::Calls => rows::listed(state).len().saturating_sub(1),
        page => pages::lines(state, page, inner).len().saturating_sub(usize::from(inner.height).saturating_sub(1)),
    }
}

/// What is inside its box.
fn inner(state: &State) -> Rect {
    inside(super::placed(state.areas().screen))
}

fn page_rows(state: &State) -> usize {
    let inner = inner(state);
    usize::from(draw::list_height(inner)).saturating_sub(1).max(1)
}

/// What is selected, where that is a call or a purpose.
pub fn selected(state: &State) -> Option<Selected<'_>> {
    if state.profile.page != Page::Calls {
        return None;
    }
    let rows = rows::listed(state);
    match rows.get(state.profile.at.min(rows.len().saturating_sub(1)))? {
        Row::Call(call) => Some(Selected::Call(call)),
        Row::Purpose(purpose) => Some(Selected::Purpose(*purpose)),
        Row::Others => None,
    }
}
