//! The matrix as it is drawn.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span, Text};

use super::{Filled, MatrixPane, inner, opened};
use crate::drill::cells::JOBS;
use crate::drill::judge::Mark;
use crate::drill::matrix::{Came, Combination, Ran, Role as Part};
use crate::policy::Layer;
use crate::text::visible_str;
use crate::tui::cells::{clip, fit, wrap};
use crate::tui::command::Command;
use crate::tui::overlay::going::{Stage, first_row};
use crate::tui::overlay::{boxed, placed};
use crate::tui::state::State;
use crate::tui::theme::{Role, Theme};

/// Cells of the first columns.
const NAME: usize = 14;
const PART: usize = 14;

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    title: String,
    foot: String,
    top: Vec<(Role, String)>,
    rows: Vec<Row>,
    below: Vec<(Role, String)>,
}

/// A line of the table.
#[derive(Clone, Debug)]
struct Row {
    layer: Option<Layer>,
    sign: &'static str,
    name: String,
    part: (Role, String),
    runs: [Cell; 2],
}

/// What came of a combination.
#[derive(Clone, Debug, Default)]
struct Cell {
    role: Option<Role>,
    text: String,
    selected: bool,
}

/// Lines that tell of the selected cell and of the whole.
fn below_height(inner: Rect) -> usize {
    match inner.height {
        0..12 => 0,
        12..28 => 6,
        _ => 9,
    }
}

/// Rows of the table.
pub(super) fn list_height(inner: Rect) -> usize {
    let below = below_height(inner);
    usize::from(inner.height).saturating_sub(2 + below + usize::from(below > 0))
}

/// Makes the view; `None` where there is no matrix.
pub fn view(state: &State) -> Option<View> {
    let pane = state.matrix.as_ref()?;
    let inner = inner(state.areas().screen);
    let star = if pane.changed { "*" } else { "" };
    let title = format!("Matrix of {} under {}{star}", pane.specimen, visible_str(&pane.policy.name));
    if let Some(scroll) = pane.opened {
        let lines = opened::lines(pane, inner);
        let skip = usize::from(scroll).min(lines.len().saturating_sub(usize::from(inner.height)));
        let shown = lines.into_iter().skip(skip).take(usize::from(inner.height));
        let top = shown.map(|(role, text)| (role, format!(" {text}"))).collect();
        return Some(View { title, foot: "↑↓ · Esc to the matrix".to_owned(), top, rows: vec![], below: vec![] });
    }
    let (done, total) = pane.filled.as_ref().map_or((0, 0), |filled| (filled.ran, filled.order.len()));
    let (role, progress) = pane.batch.progress(done, total, state.now);
    let columns = usize::from(inner.width).saturating_sub(NAME + PART + 4) / 2;
    let head = format!(
        "  {} {} {} {}",
        fit("LAYER", NAME),
        fit("ITS PART", PART),
        fit("WITHOUT IT", columns),
        fit("IT ALONE", columns.saturating_sub(1))
    );
    let rows = pane.filled.as_ref().map_or_else(Vec::new, |filled| rows(pane, filled, list_height(inner)));
    Some(View {
        title,
        foot: foot(state, pane),
        top: vec![(role, format!(" {progress}")), (Role::Muted, head)],
        rows,
        below: below(pane, inner),
    })
}

/// The keys that count.
fn foot(state: &State, pane: &MatrixPane) -> String {
    let key = |command| state.keymap.shown(command);
    let mut hints = vec![format!("{} opens the run", key(Command::Accept)), "↑↓←→".to_owned()];
    if pane.layer().is_some() {
        hints.push(format!("{} the layer", key(Command::Lesson)));
    }
    if pane.batch.is_live() {
        hints.push(format!("{} stops", key(Command::Stop)));
    } else {
        if !pane.exposures().is_empty() {
            hints.push(format!("{} withheld too", key(Command::Expose)));
        }
        if !pane.scope.runtimes {
            hints.push(format!("{} runtimes too", key(Command::Runtimes)));
        }
        hints.push(format!("{} anew", key(Command::Run)));
    }
    hints.push("Esc".to_owned());
    hints.join(" · ")
}

fn rows(pane: &MatrixPane, filled: &Filled, height: usize) -> Vec<Row> {
    let rows = filled.rows();
    let first = first_row(pane.row, height, rows.len());
    let row = |(at, row): (usize, super::Row)| {
        let selected = at == pane.row;
        let part = match row.layer.and_then(|layer| filled.parts.iter().find(|(known, _)| *known == layer)) {
            Some((_, part)) => part_words(*part),
            None if row.combinations[1].is_some() => (Role::Muted, "all · none".to_owned()),
            None => (Role::Muted, String::new()),
        };
        let cell = |at: usize| {
            let Some(combination) = row.combinations[at] else { return Cell::default() };
            let is_selected = selected && (row.combinations[1].is_none() || pane.alone == (at == 1));
            Cell { selected: is_selected, ..cell(filled, &pane.batch.stage, combination) }
        };
        let runs = [cell(0), cell(1)];
        Row { layer: row.layer, sign: if selected { "▸" } else { " " }, name: row.name, part, runs }
    };
    rows.into_iter().enumerate().skip(first).take(height).map(row).collect()
}

fn part_words(part: Option<Part>) -> (Role, String) {
    match part {
        None => (Role::Muted, "…".to_owned()),
        Some(part) => {
            let role = match part {
                Part::LoadBearing | Part::InFront => Role::Good,
                Part::Behind => Role::Accent,
                Part::Unknown => Role::Caution,
                Part::NoPart => Role::Muted,
            };
            (role, part.words().to_owned())
        }
    }
}

/// What came of a combination, in a few words.
fn cell(filled: &Filled, stage: &Stage, combination: Combination) -> Cell {
    let all = filled.table.ran(Combination::All);
    let (role, text) = match (filled.table.came(combination), combination) {
        (Some(Came::Ran(ran)), Combination::Alone(layer)) if filled.table.kept().contains(&layer) => {
            (Role::Muted, format!("as none: {}", ran.short()))
        }
        (Some(Came::Ran(ran)), _) => (outcome_role(ran, all), ran.short()),
        (Some(Came::NotRun(_)), _) => (Role::Caution, "withheld".to_owned()),
        (Some(Came::Stopped), _) => (Role::Muted, "stopped".to_owned()),
        (None, _) => (Role::Muted, waiting(filled, stage, combination).to_owned()),
    };
    Cell { role: Some(role), text, selected: false }
}

/// What reached what it tried, or ends otherwise than with every layer on, stands out.
fn outcome_role(ran: &Ran, all: Option<&Ran>) -> Role {
    match (ran.mark, all) {
        (Some(Mark::Reached), _) => Role::Bad,
        (Some(Mark::Held), _) => Role::Good,
        (Some(Mark::Missing), _) => Role::Caution,
        (None, Some(all)) if !ran.ends_as(all) => Role::Caution,
        (None, _) => Role::Text,
    }
}

/// Cells are begun in order, so many at a time: those that were begun and have not come are running.
fn waiting(filled: &Filled, stage: &Stage, combination: Combination) -> &'static str {
    let begun = filled.done + JOBS as usize;
    let place = filled.order.iter().position(|one| *one == combination);
    match stage {
        Stage::Going if place.is_some_and(|place| place < begun) => "running",
        Stage::Going => "·",
        _ => "not run",
    }
}

/// What is said of the selected cell, and then of the whole.
fn below(pane: &MatrixPane, inner: Rect) -> Vec<(Role, String)> {
    let height = below_height(inner);
    let Some(filled) = pane.filled.as_ref().filter(|_| height > 0) else { return Vec::new() };
    let cells = usize::from(inner.width).saturating_sub(2);
    let combination = pane.selected();
    let mut lines = Vec::new();
    // One cell must not push out what all of it comes to.
    let most = if filled.sentences.is_empty() { height } else { height / 2 };
    let mut add = |role, text: &str| lines.extend(wrap(text, cells).into_iter().map(|line| (role, line)));
    add(Role::Text, &format!("{}: {}", opened::heading(&filled.table, combination), said(pane, filled, combination)));
    let part = pane.layer().and_then(|layer| filled.parts.iter().find(|(known, _)| *known == layer));
    if let Some((layer, Some(part))) = part {
        add(Role::Muted, &format!("{layer}, {}: {}", part.words(), part.meaning()));
    }
    lines.truncate(most);
    for sentence in &filled.sentences {
        lines.extend(wrap(sentence, cells).into_iter().map(|line| (Role::Accent, line)));
    }
    lines.truncate(height);
    lines
}

/// What a run said, and who stopped it, in a line.
fn said(pane: &MatrixPane, filled: &Filled, combination: Combination) -> String {
    match filled.table.came(combination) {
        None => waiting(filled, &pane.batch.stage, combination).replace('·', "not begun"),
        Some(Came::Stopped) => "stopped".to_owned(),
        Some(Came::NotRun(exposures)) => {
            let what: Vec<&str> = exposures.iter().map(|exposure| exposure.what).collect();
            format!("withheld. {}", what.join(" "))
        }
        Some(Came::Ran(ran)) => {
            let line = ran.lines.last().cloned().unwrap_or_else(|| ran.outcome.to_string());
            let stopped = ran.stoppers();
            if stopped.is_empty() { line } else { format!("{} [{}]", clip(&line, 160), stopped.join(", ")) }
        }
    }
}

/// Draws it over the whole screen but its last line.
pub fn render(frame: &mut Frame<'_>, screen: Rect, view: &View, theme: &Theme) {
    let inner = boxed::draw(frame, placed(screen), &view.title, &view.foot, theme);
    let styled = |(role, text): &(Role, String)| Line::styled(text.clone(), theme.style(*role));
    let mut lines: Vec<Line<'static>> = view.top.iter().map(styled).collect();
    let columns = usize::from(inner.width).saturating_sub(NAME + PART + 4) / 2;
    lines.extend(view.rows.iter().map(|row| line(row, columns, theme)));
    frame.render_widget(Text::from(lines), inner);
    if !view.below.is_empty() {
        boxed::below(frame, inner, below_height(inner), &view.below, theme);
    }
}

fn line(row: &Row, columns: usize, theme: &Theme) -> Line<'static> {
    let name = row.layer.map_or_else(|| theme.style(Role::Text), |layer| theme.layer(layer));
    let mut spans = vec![
        Span::raw(format!("{} ", row.sign)),
        Span::styled(fit(&row.name, NAME), name),
        Span::styled(format!(" {}", fit(&row.part.1, PART)), theme.style(row.part.0)),
    ];
    for cell in &row.runs {
        let style = theme.style(if cell.selected { Role::Selection } else { cell.role.unwrap_or(Role::Text) });
        spans.push(Span::raw(" "));
        spans.push(Span::styled(fit(&cell.text, columns.saturating_sub(1)), style));
    }
    Line::from(spans)
}
