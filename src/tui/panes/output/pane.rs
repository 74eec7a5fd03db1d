//! What the reviewer does with the output: scrolling, searching, copying.

use ratatui::layout::Rect;

use super::give;
use super::line;
use super::search::{Search, Wanted};
use super::sheet::{Modes, Place, Sheet};
use crate::tui::action::Effect;
use crate::tui::command::Command;
use crate::tui::state::RunRecord;

/// Cells that one step to the side moves.
const STEP: usize = 8;

/// What the reviewer does with the output.
#[derive(Clone, Debug, Default)]
pub struct OutputPane {
    /// Long lines are wrapped.
    pub wrap: bool,
    /// The two streams stand side by side.
    pub split: bool,
    /// The place at the top; `None` while the newest is kept in sight.
    pub(super) top: Option<Place>,
    /// Cells of each line that are left of the pane, where lines are cut.
    pub(super) left: usize,
    pub(super) search: Option<Search>,
}

impl OutputPane {
    /// A pane in these modes.
    pub fn new(wrap: bool, split: bool) -> Self {
        Self { wrap, split, ..Self::default() }
    }

    /// Does a command of the scopes Move and Output (all but `Search` and `SaveOutput`) in a pane of that inner area.
    pub fn command(&mut self, command: Command, run: Option<&RunRecord>, inner: Rect) -> Vec<Effect> {
        let page = i64::from(inner.height.saturating_sub(2).max(1));
        match command {
            Command::Wrap => self.wrap = !self.wrap,
            Command::Split => self.split = !self.split,
            Command::Up => self.scroll_by(-1, run, inner),
            Command::Down => self.scroll_by(1, run, inner),
            Command::PageUp => self.scroll_by(-page, run, inner),
            Command::PageDown => self.scroll_by(page, run, inner),
            Command::Top => {
                let sheet = run.map(|run| self.sheet(run, inner)).filter(|sheet| !sheet.fits());
                self.top = sheet.map(|sheet| sheet.first()).or(self.top);
            }
            Command::Bottom => self.top = None,
            Command::Left => self.left = self.left.saturating_sub(STEP),
            Command::Right => self.step_right(run, inner),
            Command::Follow if self.top.is_some() => self.top = None,
            Command::Follow => self.top = run.map(|run| self.sheet(run, inner).newest()),
            Command::NextMatch => self.next_match(true, run, inner),
            Command::PreviousMatch => self.next_match(false, run, inner),
            Command::Copy => return run.map(|run| self.copy(run, inner)).into_iter().collect(),
            _ => {}
        }
        Vec::new()
    }

    /// Searches by a regular expression, and goes to the first line from the top on that matches; gives the number of
    /// lines that match. An empty expression ends the search.
    ///
    /// # Errors
    /// What is wrong with the expression.
    pub fn search(&mut self, pattern: &str, run: Option<&RunRecord>, inner: Rect) -> Result<usize, String> {
        self.search = None;
        if pattern.is_empty() {
            return Ok(0);
        }
        self.search = Some(Search::new(pattern)?);
        let Some(run) = run else { return Ok(0) };
        let from = self.sheet(run, inner).first_in_sight(self.top);
        Ok(self.jump(Wanted::From(from), run, inner))
    }

    /// Scrolls by rows; down, where positive.
    pub fn scroll(&mut self, rows: i32, run: Option<&RunRecord>, inner: Rect) {
        self.scroll_by(rows.into(), run, inner);
    }

    /// Another run is on the screen.
    pub fn reset(&mut self) {
        self.top = None;
        self.left = 0;
        if let Some(search) = &mut self.search {
            search.forget();
        }
    }

    pub(super) fn modes(&self) -> Modes {
        Modes { wrap: self.wrap, split: self.split }
    }

    fn sheet<'a>(&self, run: &'a RunRecord, inner: Rect) -> Sheet<'a> {
        Sheet::new(&run.log, self.modes(), inner, None)
    }

    fn scroll_by(&mut self, rows: i64, run: Option<&RunRecord>, inner: Rect) {
        let Some(run) = run else { return };
        let sheet = self.sheet(run, inner);
        // What is followed is the newest already; and where all is in sight, there is nowhere to go.
        if self.top.is_none() && (rows >= 0 || sheet.fits()) {
            return;
        }
        self.top = Some(sheet.scrolled(self.top.unwrap_or_else(|| sheet.newest()), rows));
    }

    fn step_right(&mut self, run: Option<&RunRecord>, inner: Rect) {
        let Some(run) = run else { return };
        let sheet = self.sheet(run, inner);
        let most = sheet.widest(self.top).saturating_sub(sheet.room());
        self.left = (self.left + STEP).min(most.max(self.left));
    }

    fn next_match(&mut self, forward: bool, run: Option<&RunRecord>, inner: Rect) {
        let (Some(run), Some(search)) = (run, &self.search) else { return };
        let wanted = match (search.current(), forward) {
            (Some(current), true) => Wanted::After(current),
            (Some(current), false) => Wanted::Before(current),
            (None, true) => Wanted::From(self.sheet(run, inner).first_in_sight(self.top)),
            (None, false) => Wanted::Before(self.sheet(run, inner).first_in_sight(self.top)),
        };
        self.jump(wanted, run, inner);
    }

    /// Goes to a line that matches, with some lines before it in sight; gives how many match.
    fn jump(&mut self, wanted: Wanted, run: &RunRecord, inner: Rect) -> usize {
        let Some(search) = &mut self.search else { return 0 };
        let (found, count) = search.jump(&run.log, wanted);
        let Some((number, line)) = found.and_then(|number| Some((number, run.log.line(number)?))) else {
            return count;
        };
        let at = search.first_match(&run.log, line).unwrap_or(0);
        let sheet = self.sheet(run, inner);
        let (column, row) = line::position(run.log.bytes(line), at, sheet.room());
        let place = Place { number, row: if self.wrap { row } else { 0 } };
        let above = usize::from(sheet.areas.body.height) / 3;
        self.top = Some(sheet.before(sheet.column(line.stream), place, above).min(sheet.newest()));
        let sight = self.left + usize::from(self.left > 0)..self.left + sheet.room().saturating_sub(STEP);
        if !self.wrap && !sight.contains(&column) {
            self.left = if column + STEP < sheet.room() { 0 } else { column - sheet.room() / 3 };
        }
        count
    }

    fn copy(&self, run: &RunRecord, inner: Rect) -> Effect {
        Effect::Copy(give::copied(&run.log, self.sheet(run, inner).first_in_sight(self.top)))
    }
}
