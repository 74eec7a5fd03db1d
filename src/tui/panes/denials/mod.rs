//! The denials pane: every refusal of the run on the screen, by whichever layer.

mod asking;
pub mod lines;
mod rows;
#[cfg(test)]
pub mod samples;
#[cfg(test)]
mod tests;
mod view;

use std::time::Duration;

use ratatui::layout::Rect;

use self::rows::{Filter, Sort};
pub use self::rows::{Row, Selected};
pub use self::view::{View, render, view};
use crate::tui::action::Effect;
use crate::tui::command::Command;
use crate::tui::state::RunRecord;

/// What is copied to the terminal's clipboard at most, in bytes.
const MOST_COPIED: usize = 64 * 1024;

/// What the reviewer does with the list.
#[derive(Clone, Debug, Default)]
pub struct DenialsPane {
    place: Place,
    /// The first row in sight, while neither the newest is followed nor a selection is out of sight.
    offset: usize,
    filter: Filter,
    sort: Sort,
}

/// Where in the list the reviewer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// At the newest; at the top where the order is another one.
    #[default]
    Following,
    /// Where the wheel went.
    Staying,
    /// At a row.
    At(Selected),
}

/// What of the list is in sight.
struct Window<'a> {
    rows: Vec<Row<'a>>,
    /// The first row in sight.
    offset: usize,
    /// Lines for rows.
    height: usize,
    /// Lines above the rows.
    head: usize,
}

impl Window<'_> {
    fn place_of(&self, selected: Selected) -> Option<usize> {
        self.rows.iter().position(|row| row.id() == selected)
    }

    fn last_offset(&self) -> usize {
        self.rows.len().saturating_sub(self.height)
    }
}

impl DenialsPane {
    /// The selected denial of a run; `None` while the newest is followed, and where a limit is selected.
    #[cfg(test)]
    pub fn selected<'a>(&self, run: &'a RunRecord) -> Option<&'a crate::run::Denial> {
        match self.selected_row(run)? {
            Row::Denial(denial) => Some(denial),
            Row::Limit(_) => None,
        }
    }

    /// The selected denial or limit of a run; `None` while the newest is followed, and where the filter hides it.
    pub fn selected_row<'a>(&self, run: &'a RunRecord) -> Option<Row<'a>> {
        let summary = &run.log.summary;
        let Place::At(selected) = self.place else { return None };
        let row = match selected {
            Selected::Denial(id) => Row::Denial(summary.denials.get(&id)?),
            Selected::Limit(kind) => Row::Limit(summary.limits.iter().find(|total| total.kind == kind)?),
        };
        self.filter.passes(run.id, row).then_some(row)
    }

    /// When the selected denial or limit was first met.
    pub fn selected_moment(&self, run: &RunRecord) -> Option<Duration> {
        self.selected_row(run).map(Row::first)
    }

    /// Does a command of the scopes Move and Denials (all but `Accept`, `Filter` and `GotoLine`) in a pane of that inner
    /// area.
    pub fn command(&mut self, command: Command, run: Option<&RunRecord>, inner: Rect) -> Vec<Effect> {
        if command == Command::Sort {
            self.sort = self.sort.next();
            self.offset = 0;
            return Vec::new();
        }
        let Some(run) = run else { return Vec::new() };
        let window = self.window(run, inner);
        let page = isize::try_from(window.height.saturating_sub(1).max(1)).unwrap_or(isize::MAX);
        match command {
            Command::Up => self.step(&window, -1),
            Command::Down => self.step(&window, 1),
            Command::PageUp => self.step(&window, -page),
            Command::PageDown => self.step(&window, page),
            Command::Top => self.select(&window, 0),
            Command::Bottom if self.sort == Sort::Time => self.place = Place::Following,
            Command::Bottom => self.select(&window, window.rows.len().saturating_sub(1)),
            Command::Follow => self.follow(&window),
            Command::Copy => return copied(run, &window).map(Effect::Copy).into_iter().collect(),
            _ => {}
        }
        Vec::new()
    }

    /// Shows only the denials that match; all where the text is empty.
    pub fn set_filter(&mut self, filter: String) {
        self.filter = Filter::new(filter);
    }

    /// The filter.
    pub fn filter(&self) -> &str {
        self.filter.text()
    }

    /// Remembers which denials of the run on the screen the filter lets through, so that no frame has to match them all
    /// again. To be called when there may be new ones, and after the filter was set; without it the list is the same,
    /// and slower.
    pub fn notice(&mut self, run: &RunRecord) {
        self.filter.learn(run);
    }

    /// Selects what the mouse pressed, in cells of the inner area.
    pub fn click(&mut self, _column: u16, row: u16, run: Option<&RunRecord>, inner: Rect) {
        let Some(run) = run else { return };
        let window = self.window(run, inner);
        if let Some(line) = usize::from(row).checked_sub(window.head)
            && line < window.height
            && window.offset + line < window.rows.len()
        {
            self.select(&window, window.offset + line);
        }
    }

    /// Scrolls by rows. A selection is taken along where it would leave the pane; at the end, the newest is followed
    /// again.
    pub fn scroll(&mut self, rows: i32, run: Option<&RunRecord>, inner: Rect) {
        let Some(run) = run else { return };
        let window = self.window(run, inner);
        let last = window.last_offset();
        if last == 0 || rows == 0 {
            return;
        }
        let by = isize::try_from(rows).unwrap_or(isize::MAX);
        self.offset = window.offset.saturating_add_signed(by).min(last);
        match self.place {
            Place::At(selected) => {
                if let Some(at) = window.place_of(selected) {
                    let in_sight = at.clamp(self.offset, self.offset + window.height.max(1) - 1);
                    self.place = Place::At(window.rows[in_sight].id());
                }
            }
            Place::Following | Place::Staying => {
                let at_newest = self.sort == Sort::Time && rows > 0 && self.offset == last;
                self.place = if at_newest { Place::Following } else { Place::Staying };
            }
        }
    }

    /// Another run is on the screen. The filter and the order stay.
    pub fn reset(&mut self) {
        self.place = Place::Following;
        self.offset = 0;
    }

    /// Whether the newest is kept in sight.
    fn is_following(&self) -> bool {
        self.place == Place::Following && self.sort == Sort::Time
    }

    fn step(&mut self, window: &Window<'_>, by: isize) {
        let Some(last) = window.rows.len().checked_sub(1) else { return };
        let selected = match self.place {
            Place::At(selected) => window.place_of(selected),
            Place::Following | Place::Staying => None,
        };
        let target = match selected {
            Some(at) => at.saturating_add_signed(by).min(last),
            // The first step selects what the eye is at.
            None if self.is_following() => last.saturating_add_signed(by.min(-1) + 1),
            None if by > 0 => window.offset,
            None => (window.offset + window.height.max(1) - 1).min(last),
        };
        self.select(window, target);
    }

    fn select(&mut self, window: &Window<'_>, at: usize) {
        if let Some(row) = window.rows.get(at) {
            self.place = Place::At(row.id());
            self.offset = shifted(window.offset, at, window.height);
        }
    }

    /// Follows the newest, in the order of time; or stays where the list is.
    fn follow(&mut self, window: &Window<'_>) {
        if self.is_following() {
            self.place = Place::Staying;
            self.offset = window.offset;
        } else {
            self.place = Place::Following;
            self.sort = Sort::Time;
        }
    }

    fn window<'a>(&self, run: &'a RunRecord, inner: Rect) -> Window<'a> {
        let rows = rows::listed(run, &self.filter, self.sort);
        let head = view::head(run, rows.len(), &self.filter, inner).len();
        let height = usize::from(inner.height).saturating_sub(head);
        let mut window = Window { rows, offset: 0, height, head };
        let last = window.last_offset();
        window.offset = match self.place {
            Place::Following if self.sort == Sort::Time => last,
            Place::Following => 0,
            Place::Staying => self.offset.min(last),
            Place::At(selected) => match window.place_of(selected) {
                Some(at) => shifted(self.offset, at, height).min(last),
                None => self.offset.min(last),
            },
        };
        window
    }
}

/// The listed rows as text, as many as fit.
fn copied(run: &RunRecord, window: &Window<'_>) -> Option<String> {
    // Room for the line that says what was left out.
    let room = MOST_COPIED - 64;
    let mut text = match view::unseen(run) {
        Some(reason) => format!("{reason}\n"),
        None if window.rows.is_empty() => return None,
        None => String::new(),
    };
    for (number, row) in window.rows.iter().enumerate() {
        let line = row.text();
        if text.len() + line.len() + 1 > room {
            return Some(format!("{text}… {} more, too many to copy\n", window.rows.len() - number));
        }
        text.push_str(&line);
        text.push('\n');
    }
    Some(text)
}

/// The first row in sight, moved as little as shows a row.
fn shifted(offset: usize, at: usize, height: usize) -> usize {
    offset.clamp((at + 1).saturating_sub(height.max(1)), at)
}
