//! The output pane: what a run printed, in the order in which its lines began or the two streams side by side.

mod give;
mod line;
mod pane;
mod search;
mod sheet;

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;

use super::frame::{self, Title};
use super::rows::{self, Row};
use crate::policy::Bytes;
use crate::run::words::{grouped, size, time};
use crate::run::{RunLog, Stream, StreamTotals};
use crate::tui::cells;
use crate::tui::command::Command;
use crate::tui::layout::Pane;
use crate::tui::state::{Phase, RunRecord, State};
use crate::tui::theme::{Role, Theme};

pub use give::saved;
pub use pane::OutputPane;

use line::Content;
use search::Search;
use sheet::{Place, Sheet, halves};

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    focused: bool,
    title: Title,
    blocks: Vec<(Rect, Vec<Row>)>,
}

/// Makes the view of a pane with that inner area.
pub fn view(state: &State, inner: Rect) -> View {
    let focused = state.focus == Pane::Output;
    let moment = state.moment();
    match state.runs.shown() {
        Some(run) => Scene { pane: &state.output, run, moment, focused }.view(inner),
        None => no_run(&state.keymap.shown(Command::Run), focused, inner),
    }
}

/// Draws it.
pub fn render(frame: &mut Frame<'_>, area: Rect, view: &View, theme: &Theme) {
    frame::draw(frame, area, Pane::Output, view.focused, &view.title, theme);
    for (area, rows) in &view.blocks {
        rows::draw(frame.buffer_mut(), *area, rows, |role| theme.style(role));
    }
}

fn no_run(key: &str, focused: bool, inner: Rect) -> View {
    let words = if key.is_empty() { "no run yet".to_owned() } else { format!("no run yet: {key} runs the specimen") };
    View { focused, title: Title::default(), blocks: vec![(inner, vec![Row::of(words, Role::Muted)])] }
}

/// What a view is made of.
struct Scene<'a> {
    pane: &'a OutputPane,
    run: &'a RunRecord,
    /// The moment that is selected elsewhere.
    moment: Option<Duration>,
    focused: bool,
}

/// The line of the selected moment, and what its edge says.
struct Marked {
    number: u64,
    label: String,
}

impl Scene<'_> {
    fn view(&self, inner: Rect) -> View {
        let log = &self.run.log;
        let marked = self.marked(inner);
        let taken = marked.as_ref().map(|marked| (marked.number, cells::width(&marked.label) + 1));
        let sheet = Sheet::new(log, self.pane.modes(), inner, taken);
        let top = self.top(&sheet, marked.as_ref());
        let mut blocks = notes(&sheet);
        if log.lines().is_empty() {
            blocks.push((sheet.areas.body, vec![Row::of(self.nothing(), Role::Muted)]));
        } else if sheet.modes.split {
            for (stream, area) in [Stream::Stdout, Stream::Stderr].into_iter().zip(halves(sheet.areas.body)) {
                blocks.push((area, self.rows(&sheet, stream, top, marked.as_ref())));
            }
        } else {
            blocks.push((sheet.areas.body, self.rows(&sheet, Stream::Stdout, top, marked.as_ref())));
        }
        View { focused: self.focused, title: self.title(&sheet, top, inner.width), blocks }
    }

    fn marked(&self, inner: Rect) -> Option<Marked> {
        let number = self.run.log.line_at(self.moment?)?;
        let label = format!("◂ {}", time(self.run.log.line(number)?.at));
        // In a narrow pane the line's text needs the room more than its time does.
        let narrow = usize::from(inner.width) < 4 * cells::width(&label);
        Some(Marked { number, label: if narrow { "◂".to_owned() } else { label } })
    }

    /// Where the pane is scrolled to. A moment that is selected elsewhere is kept in the middle; with the keys on the
    /// output, the reviewer is where they scrolled to.
    fn top(&self, sheet: &Sheet<'_>, marked: Option<&Marked>) -> Option<Place> {
        let Some(marked) = marked.filter(|_| !self.focused) else { return self.pane.top };
        let column = sheet.log.line(marked.number).and_then(|line| sheet.column(line.stream));
        let above = usize::from(sheet.areas.body.height) / 2;
        Some(sheet.before(column, Place { number: marked.number, row: 0 }, above))
    }

    fn nothing(&self) -> &'static str {
        let summary = &self.run.log.summary;
        match self.run.phase {
            _ if summary.stdout.dropped() + summary.stderr.dropped() > 0 => "no output was kept",
            Phase::Ended => "no output",
            Phase::Starting | Phase::Running | Phase::Held => "no output so far",
        }
    }

    /// The rows in sight of the column in which a stream stands.
    fn rows(&self, sheet: &Sheet<'_>, stream: Stream, top: Option<Place>, marked: Option<&Marked>) -> Vec<Row> {
        let height = usize::from(sheet.areas.body.height);
        let start = sheet.start(stream, top);
        let mut rows = Vec::with_capacity(height);
        for number in sheet.numbers_from(sheet.column(stream), start.number) {
            let mut own = self.rows_of(sheet, number);
            let hidden = if number == start.number { start.row.min(own.len() - 1) } else { 0 };
            if let Some(marked) = marked.filter(|marked| marked.number == number) {
                own[hidden].moment = Some(marked.label.clone());
            }
            rows.extend(own.into_iter().skip(hidden).take(height - rows.len()));
            if rows.len() >= height {
                break;
            }
        }
        rows
    }

    /// The rows of a line: at least one.
    fn rows_of(&self, sheet: &Sheet<'_>, number: u64) -> Vec<Row> {
        let Some(line) = sheet.log.line(number) else { return vec![Row::default()] };
        let (bytes, role, room) = (sheet.log.bytes(line), role(line.stream), sheet.room_of(number));
        let search = self.pane.search.as_ref();
        let matches = search.map(|search| {
            let end = if sheet.modes.wrap { usize::MAX } else { line::offset(bytes, self.pane.left + room) };
            search.matches(sheet.log, line, end)
        });
        let content = Content { bytes, role, matches: matches.as_deref().unwrap_or_default() };
        let texts = if sheet.modes.wrap { content.wrapped(room) } else { vec![content.cut(self.pane.left, room)] };
        let found = search.and_then(Search::current) == Some(number);
        let mut goes_on = sheet.log.goes_on(line);
        let mut rows = Vec::with_capacity(texts.len());
        for text in texts {
            let second = match (found && rows.is_empty(), goes_on) {
                (true, _) => "▸",
                (false, true) => "↪",
                (false, false) => " ",
            };
            let mut row = Row::of(sign(line.stream), role).with(second, Role::Muted);
            row.parts.extend(text.parts);
            rows.push(row);
            goes_on = true;
        }
        rows
    }

    fn title(&self, sheet: &Sheet<'_>, top: Option<Place>, width: u16) -> Title {
        let following = match (top, self.run.phase) {
            (Some(_), _) => format!("held at line {}", grouped(sheet.first_in_sight(top).saturating_add(1))),
            (None, Phase::Ended) => "at the end".to_owned(),
            (None, Phase::Starting | Phase::Running | Phase::Held) => "following".to_owned(),
        };
        let summary = &sheet.log.summary;
        let note = format!("stdout {} · stderr {}", totals(&summary.stdout), totals(&summary.stderr));
        let wrap = if sheet.modes.wrap { "wrap" } else { "no wrap" };
        let split = if sheet.modes.split { "split" } else { "in order" };
        // Beside the note and the pane's own name, with the spaces around them.
        let beside = usize::from(width).saturating_sub(cells::width(&note) + Pane::Output.title().len() + 8);
        let all = format!("{wrap} · {split} · {following}");
        let right = [all, following].into_iter().find(|right| cells::width(right) <= beside).unwrap_or_default();
        let bottom = self.pane.search.as_ref().map(Search::words).unwrap_or_default();
        Title { note, right, bottom: cells::clip(&bottom, usize::from(width).saturating_sub(4)) }
    }
}

/// What tells the streams apart without colours.
fn sign(stream: Stream) -> &'static str {
    match stream {
        Stream::Stdout => " ",
        Stream::Stderr => "!",
    }
}

fn role(stream: Stream) -> Role {
    match stream {
        Stream::Stdout => Role::Stdout,
        Stream::Stderr => Role::Stderr,
    }
}

fn totals(totals: &StreamTotals) -> String {
    match totals.dropped() {
        0 => size(Bytes(totals.written)),
        dropped => format!("{} kept, {} dropped", size(Bytes(totals.kept.len() as u64)), size(Bytes(dropped))),
    }
}

/// What stands above and below the lines.
fn notes(sheet: &Sheet<'_>) -> Vec<(Rect, Vec<Row>)> {
    let areas = &sheet.areas;
    let note = |area: Rect, row: Row| (area, vec![row.clipped(usize::from(area.width))]);
    let mut blocks = vec![
        note(areas.evicted, Row::of(evicted(sheet.log), Role::Muted)),
        note(areas.dropped, Row::of(dropped(sheet.log), Role::Caution)),
    ];
    if sheet.modes.split {
        for (stream, area) in [Stream::Stdout, Stream::Stderr].into_iter().zip(halves(areas.headings)) {
            let lines = match sheet.log.numbers(stream).len() {
                1 => "1 line".to_owned(),
                lines => format!("{} lines", grouped(lines as u64)),
            };
            let heading = Row::of(format!("{} {} ", sign(stream), stream.name()), role(stream));
            blocks.push(note(area, heading.with(&lines, Role::Muted)));
        }
        let left = halves(areas.body)[0];
        let height = areas.headings.height + areas.body.height;
        let width = areas.body.width.min(1);
        let between = Rect { x: left.right(), y: areas.headings.y, width, height };
        blocks.push((between, vec![Row::of("│", Role::Border); usize::from(between.height)]));
    }
    blocks
}

fn evicted(log: &RunLog) -> String {
    format!("… {} earlier lines are not shown (save shows all that was kept)", grouped(log.evicted()))
}

fn dropped(log: &RunLog) -> String {
    let dropped = [Stream::Stdout, Stream::Stderr]
        .map(|stream| (stream.name(), log.summary.stream(stream)))
        .into_iter()
        .filter(|(_, totals)| totals.dropped() > 0);
    let mut more = Vec::new();
    let mut kept = Vec::new();
    for (name, totals) in dropped {
        let were = if more.is_empty() { " more were written" } else { "" };
        more.push(format!("{}{were} to {name}", size(Bytes(totals.dropped()))));
        kept.push(size(Bytes(totals.kept.len() as u64)));
    }
    format!("… {} and dropped (output layer: {} kept)", more.join(", "), kept.join(", "))
}

#[cfg(test)]
mod tests;
