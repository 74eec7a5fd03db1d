//! The resources pane: what a run uses, figure by figure, over its whole time.

mod axis;
mod graph;
mod headings;
mod meters;

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;

use super::frame::{self, Title};
use super::rows::{self, Row};
use crate::policy::Policy;
use crate::run::words::time;
use crate::tui::cells;
use crate::tui::layout::Pane;
use crate::tui::state::{Phase, RunRecord, State};
use crate::tui::theme::{Role, Theme};

use axis::Axis;
use graph::{condensed, graph};
use meters::{Meter, Metric, Top};

/// From this height on, a metric has a row for the letters of the limits that were met.
const WITH_LETTERS: usize = 4;

/// The column of the selected moment.
const MOMENT: &str = "┊";

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    focused: bool,
    title: Title,
    inner: Rect,
    rows: Vec<Row>,
}

/// Makes the view of a pane with that inner area.
pub fn view(state: &State, inner: Rect) -> View {
    let focused = state.focus == Pane::Resources;
    let (title, rows) = match state.runs.shown() {
        Some(run) => of_run(run, state.moment(), inner),
        None => (Title::default(), before(&state.bench.policy, inner)),
    };
    View { focused, title, inner, rows }
}

/// Draws it.
pub fn render(frame: &mut Frame<'_>, area: Rect, view: &View, theme: &Theme) {
    frame::draw(frame, area, Pane::Resources, view.focused, &view.title, theme);
    rows::draw(frame.buffer_mut(), view.inner, &view.rows, |role| theme.style(role));
}

/// Before there is a run: its limits.
fn before(policy: &Policy, inner: Rect) -> Vec<Row> {
    let limits = Metric::ALL.map(|metric| Meter::limit(metric, policy).heading);
    let calm = [Row::default(), Row::of("What a run uses is drawn here.", Role::Muted)];
    limits.into_iter().chain(calm).map(|row| row.clipped(inner.width.into())).collect()
}

fn of_run(run: &RunRecord, moment: Option<Duration>, inner: Rect) -> (Title, Vec<Row>) {
    let width = usize::from(inner.width);
    let read = run.log.samples().last().map_or(Duration::ZERO, |last| last.at);
    let ran = run.log.summary.outcome.as_ref().map_or(Duration::ZERO, |(_, ran)| *ran);
    let end = read.max(ran);
    let axis = if run.phase == Phase::Ended { Axis::of_whole(end, width) } else { Axis::growing(end, width) };
    let moment = moment.map(|moment| axis.at(moment.min(end)));
    let mut left = usize::from(inner.height);
    let mut rows = Vec::with_capacity(left);
    for (place, metric) in Metric::ALL.into_iter().enumerate() {
        // What cannot be shared evenly goes to the first.
        let height = left.div_ceil(Metric::ALL.len() - place);
        left -= height;
        rows.extend(block(&Meter::of(metric, run, axis), width, height, moment));
    }
    (title(end, axis), rows)
}

fn title(end: Duration, axis: Axis) -> Title {
    if end == Duration::ZERO {
        return Title::default();
    }
    let long = format!("{}, {} a column", time(end), time(axis.column));
    // Beside the pane's own name, with the spaces around them.
    let beside = axis.width.saturating_sub(Pane::Resources.title().len() + 7);
    let right = [long, time(end)].into_iter().find(|right| cells::width(right) <= beside).unwrap_or_default();
    Title { right, ..Title::default() }
}

/// The rows of a metric: its heading and graph; where there is but one, both on the same.
fn block(meter: &Meter, width: usize, height: usize, moment: Option<usize>) -> Vec<Row> {
    match height {
        0 => Vec::new(),
        1 => vec![in_a_row(meter, width)],
        _ => {
            let with_letters = height >= WITH_LETTERS && !meter.metric.limits().is_empty();
            let mut rows = vec![meter.heading.clone().clipped(width)];
            rows.extend(graph_rows(meter, width, height - 1 - usize::from(with_letters), moment));
            if with_letters {
                rows.push(letters_row(meter, width, moment));
            }
            rows
        }
    }
}

fn in_a_row(meter: &Meter, width: usize) -> Row {
    let small = width / 4;
    let top = meter.top.as_ref().map_or(1, |top| top.value);
    let drawn = graph(&condensed(&meter.values, small), top, small, 1);
    let room = width - small - usize::from(small > 0);
    let mut row = meter.heading.clone().clipped(room);
    row.push(&" ".repeat(width.saturating_sub(small + row.width())), Role::Muted);
    let columns: String = drawn.into_iter().flatten().collect();
    row.with(&columns, meter.metric.role())
}

fn graph_rows(meter: &Meter, width: usize, height: usize, moment: Option<usize>) -> Vec<Row> {
    let top = meter.top.as_ref();
    let drawn = graph(&meter.values, top.map_or(1, |top| top.value), width, height);
    let mut rows = Vec::with_capacity(height);
    for (place, cells) in drawn.into_iter().enumerate() {
        let top = top.filter(|_| place == 0);
        let label = top.and_then(|top| label(top, &cells, moment));
        let behind = width - label.as_ref().map_or(0, |label| cells::width(&label.parts[0].text));
        let mut row = Row::default();
        for (column, cell) in cells.into_iter().enumerate().take(behind) {
            match cell {
                _ if moment == Some(column) => row.push(MOMENT, Role::Moment),
                ' ' if top.is_some_and(|top| top.is_limit) => row.push("┈", Role::GraphLimit),
                ' ' => row.push(" ", Role::Text),
                block => row.push(block.encode_utf8(&mut [0; 4]), meter.metric.role()),
            }
        }
        row.parts.extend(label.into_iter().flat_map(|label| label.parts));
        rows.push(row);
    }
    rows
}

/// What the graph's top stands for, at the right of its first row, where that is free.
fn label(top: &Top, cells: &[char], moment: Option<usize>) -> Option<Row> {
    let text = format!(" {}", top.label);
    let from = cells.len().checked_sub(cells::width(&text))?;
    let free = cells[from..].iter().all(|cell| *cell == ' ') && moment.is_none_or(|column| column < from);
    free.then(|| Row::of(text, if top.is_limit { Role::GraphLimit } else { Role::Muted }))
}

fn letters_row(meter: &Meter, width: usize, moment: Option<usize>) -> Row {
    let mut cells = vec![None; width];
    // The more telling limit comes last, and stands where two share a column.
    for (column, letter, role) in &meter.letters {
        if let Some(cell) = cells.get_mut(*column) {
            *cell = Some((*letter, *role));
        }
    }
    let mut row = Row::default();
    for (column, cell) in cells.into_iter().enumerate() {
        match cell {
            Some((letter, role)) => row.push(letter.encode_utf8(&mut [0; 4]), role),
            None if moment == Some(column) => row.push(MOMENT, Role::Moment),
            None => row.push(" ", Role::Text),
        }
    }
    row
}

#[cfg(test)]
mod tests;
