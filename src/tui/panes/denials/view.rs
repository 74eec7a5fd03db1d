//! What the denials pane draws.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::asking;
use super::rows::{self, Filter, Row, Sort};
use super::{DenialsPane, Place, Window};
use crate::policy::Layer;
use crate::run::words::{counted, grouped, moment, one_line, short_count};
use crate::run::{HeldCall, Observation, Outcome};
use crate::text::visible_str;
use crate::tui::cells::{clip, fit, split_at_cells, width, wrap};
use crate::tui::command::Command;
use crate::tui::layout::Pane;
use crate::tui::panes::frame::{self, Title};
use crate::tui::state::{Phase, Planned, RunRecord, State};
use crate::tui::theme::{Role, Theme};

/// Cells of a time and of a layer's name.
const TIME: usize = 9;
const LAYER: usize = 8;

/// From these widths a row has its time, its layer, the specimen's line and its process.
const FOR_TIME: usize = 32;
const FOR_LAYER: usize = 52;
const FOR_LINE: usize = 44;
const FOR_PROCESS: usize = 76;

/// The most cells of a process.
const PROCESS: usize = 24;

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    focused: bool,
    title: Title,
    head: Vec<(String, Role)>,
    rows: Vec<RowView>,
}

/// A row, cut and filled to its columns.
#[derive(Clone, Debug)]
struct RowView {
    selected: bool,
    /// Time and count.
    when: String,
    layer: Layer,
    /// The layer's name; empty where there is no room.
    layer_name: String,
    /// The specimen's line; empty where there is no room, and where no row in sight has one.
    line: String,
    name: String,
    args: String,
    answer: String,
    answer_role: Role,
    /// Behind as many spaces as keep it at the right.
    process: String,
}

/// Makes the view of a pane with that inner area.
pub fn view(state: &State, inner: Rect) -> View {
    let run_key = state.keymap.shown(Command::Run);
    if let Some((run, call)) = state.asked() {
        return View::asking(state, run, call, inner);
    }
    let mut view = View::new(&state.denials, state.runs.shown(), state.focus == Pane::Denials, &run_key, inner);
    if state.runs.shown().is_none()
        && let Some(planned) = &state.bench.planned
    {
        view.head.extend(paragraphs(&foreseen(planned), inner));
        view.head.truncate(usize::from(inner.height));
    }
    view
}

/// What the reviewer should know before anything runs.
fn foreseen(planned: &Planned) -> Vec<String> {
    let unseen = match &planned.denials {
        Observation::Live => None,
        Observation::NotObservable(reason) => Some(format!("denials will not be observable: {}", one_line(reason))),
    };
    unseen.into_iter().chain(planned.warnings.iter().map(|text| warning(text))).collect()
}

fn warning(text: &str) -> String {
    format!("warning: {}", one_line(text))
}

fn paragraphs(texts: &[String], inner: Rect) -> Vec<(String, Role)> {
    texts.iter().flat_map(|text| paragraph(text, Role::Caution, inner)).collect()
}

impl View {
    /// Makes the view while a call is held: what there is to decide, then as many rows as there is room for.
    fn asking(state: &State, run: &RunRecord, call: &HeldCall, inner: Rect) -> Self {
        let waiting = &run.log.summary.waiting;
        let place = waiting.iter().position(|held| held.id == call.id).map_or(1, |at| at + 1);
        let room = (usize::from(inner.width), usize::from(inner.height));
        let mut head = asking::lines(call, place, waiting.len(), room, &state.keymap);
        head.truncate(usize::from(inner.height));
        let taken = u16::try_from(head.len()).unwrap_or(u16::MAX);
        let below = Rect { height: inner.height.saturating_sub(taken), ..inner };
        let rest = Self::new(&state.denials, Some(run), state.focus == Pane::Denials, "", below);
        Self { head, ..rest }
    }

    /// Makes the view of a pane for a run; the key is that which makes one.
    pub(super) fn new(pane: &DenialsPane, run: Option<&RunRecord>, focused: bool, run_key: &str, inner: Rect) -> Self {
        let Some(run) = run else {
            let text = if run_key.is_empty() {
                "no run yet".to_owned()
            } else {
                format!("no run yet: {run_key} runs the specimen")
            };
            let head = paragraph(&text, Role::Muted, inner);
            return Self {
                focused,
                title: Title { bottom: filter_words(pane, None), ..Title::default() },
                head,
                rows: Vec::new(),
            };
        };
        let window = pane.window(run, inner);
        let head = head(run, window.rows.len(), &pane.filter, inner);
        let in_sight = window.rows.iter().skip(window.offset).take(window.height);
        let columns = Columns::new(usize::from(inner.width), in_sight.clone().copied());
        let is_selected = |row: &Row<'_>| pane.place == Place::At(row.id());
        let rows = in_sight.map(|row| columns.row(*row, is_selected(row))).collect();
        Self { focused, title: title(pane, run, &window), head, rows }
    }
}

/// Draws it.
pub fn render(frame: &mut Frame<'_>, area: Rect, view: &View, theme: &Theme) {
    let inner = frame::draw(frame, area, Pane::Denials, view.focused, &view.title, theme);
    let head = view.head.iter().map(|(text, role)| (Line::styled(text.as_str(), theme.style(*role)), false));
    let rows = view.rows.iter().map(|row| (row.line(theme), row.selected));
    for (line_area, (line, selected)) in inner.rows().zip(head.chain(rows)) {
        frame.render_widget(line, line_area);
        if selected {
            frame::select(frame.buffer_mut(), line_area, theme);
        }
    }
}

impl RowView {
    fn line(&self, theme: &Theme) -> Line<'_> {
        let layer = theme.layer(self.layer);
        let (text, muted) = (theme.style(Role::Text), theme.style(Role::Muted));
        Line::from(vec![
            Span::styled(if self.selected { "▸" } else { " " }, theme.style(Role::Accent)),
            Span::styled(self.when.as_str(), muted),
            Span::styled(self.layer_name.as_str(), layer),
            Span::styled(self.line.as_str(), theme.style(Role::LineNumber)),
            Span::styled(self.name.as_str(), text.add_modifier(Modifier::BOLD)),
            Span::styled(self.args.as_str(), text),
            Span::styled(self.answer.as_str(), theme.style(self.answer_role)),
            Span::styled(self.process.as_str(), muted),
        ])
    }
}

/// The cells of a call's arguments in their brackets; more than `most` where that is not enough.
fn args_width(row: Row<'_>, most: usize) -> usize {
    let Row::Denial(denial) = row else { return 0 };
    let mut cells = 2;
    for arg in &denial.args {
        cells += arg.len().min(most + 1) + 2;
        if cells > most {
            break;
        }
    }
    cells
}

/// The columns that rows of one width have.
struct Columns {
    time: bool,
    count: usize,
    layer: bool,
    line: usize,
    call: usize,
    process: usize,
}

impl Columns {
    fn new<'a>(cells: usize, in_sight: impl Iterator<Item = Row<'a>> + Clone) -> Self {
        let (time, layer) = (cells >= FOR_TIME, cells >= FOR_LAYER);
        let count = in_sight.clone().map(|row| width(&count_text(row))).max().unwrap_or(0);
        let gap = |cells: usize| if cells > 0 { cells + 1 } else { 0 };
        let line = in_sight.clone().map(|row| row.line().len()).max().filter(|_| cells >= FOR_LINE).unwrap_or(0);
        let others = 1 + if time { TIME + 1 } else { 0 } + gap(count) + if layer { LAYER + 1 } else { 0 } + gap(line);
        let call = cells.saturating_sub(others);
        let process = in_sight.clone().map(|row| width(&row.process())).max().unwrap_or(0).min(PROCESS);
        // What a call was refused with says more than who made it; but one that is cut either way decides nothing.
        let room = call.saturating_sub(gap(process));
        let wanted = in_sight.map(|row| width(row.name()) + args_width(row, call) + width(&row.answer()) + 1);
        let cut_by_it = wanted.filter(|cells| *cells <= call).any(|cells| cells > room);
        if cells >= FOR_PROCESS && !cut_by_it {
            Self { time, count, layer, line, call: room, process }
        } else {
            Self { time, count, layer, line, call, process: 0 }
        }
    }

    fn row(&self, row: Row<'_>, selected: bool) -> RowView {
        let mut when = if self.time { format!("{:>TIME$} ", clip(&moment(row.first()), TIME)) } else { String::new() };
        if self.count > 0 {
            let count = count_text(row);
            when.push_str(&" ".repeat(self.count.saturating_sub(width(&count))));
            when.push_str(&count);
            when.push(' ');
        }
        let layer_name = if self.layer { format!("{} ", fit(row.layer().name(), LAYER)) } else { String::new() };
        let line = if self.line > 0 { format!("{:>width$} ", row.line(), width = self.line) } else { String::new() };
        let mut name = row.name().to_owned();
        if !self.layer && matches!(row, Row::Limit(_)) {
            name = format!("{}: {name}", row.layer());
        }
        let (name, args, answer, left) = call(row, &name, self.call);
        let answer_role = if row.kills() { Role::Bad } else { Role::Caution };
        let process = self.process_text(row, left);
        RowView { selected, when, layer: row.layer(), layer_name, line, name, args, answer, answer_role, process }
    }

    /// The process at the right, behind what the call has left; its id is never cut.
    fn process_text(&self, row: Row<'_>, left: usize) -> String {
        if self.process == 0 {
            return String::new();
        }
        let process = row.process();
        let (comm, pid) = process.rsplit_once(' ').unwrap_or((&process, ""));
        let comm = clip(comm, self.process.saturating_sub(width(pid) + 1));
        format!("{}{}", " ".repeat(left + 1), fit(&format!("{comm} {pid}"), self.process))
    }
}

fn count_text(row: Row<'_>) -> String {
    if row.count() > 1 { format!("×{}", short_count(row.count())) } else { String::new() }
}

/// The name, the arguments and the answer in so many cells, and the cells that are left. The answer goes last.
fn call(row: Row<'_>, name: &str, cells: usize) -> (String, String, String, usize) {
    let answer = row.answer();
    let answer = if answer.is_empty() { answer } else { clip(&format!(" {answer}"), cells) };
    let room = cells.saturating_sub(width(&answer));
    let name = clip(name, room);
    let args = match row {
        Row::Denial(denial) => args(&denial.args, room.saturating_sub(width(&name))),
        Row::Limit(_) => String::new(),
    };
    let left = room.saturating_sub(width(&name) + width(&args));
    (name, args, answer, left)
}

/// The arguments in brackets, in so many cells. No more of them is looked at than could fit, however long they are.
fn args(args: &[String], cells: usize) -> String {
    // Marks that combine take no cell: they are bounded too.
    let most = 4 * cells;
    let mut text = String::new();
    let parts = args.iter().enumerate().flat_map(|(at, arg)| [if at > 0 { ", " } else { "" }, arg.as_str()]);
    let mut characters = parts.flat_map(str::chars);
    text.extend(characters.by_ref().take(most));
    if characters.next().is_none() && width(&text) + 2 <= cells {
        return format!("({text})");
    }
    if cells < 5 {
        return clip("(…)", cells);
    }
    let cut = split_at_cells(&text, cells - 3);
    format!("({}…)", &text[..cut])
}

/// The lines above the rows: what an empty or incomplete list means. At most half of the pane, where there are rows.
pub(super) fn head(run: &RunRecord, listed: usize, filter: &Filter, inner: Rect) -> Vec<(String, Role)> {
    let mut lines = match unseen(run) {
        Some(reason) => paragraph(&reason, Role::Caution, inner),
        None => none(run).map_or_else(Vec::new, |text| paragraph(text, Role::Muted, inner)),
    };
    let summary = &run.log.summary;
    if let (Some(_), Some(reason)) = (&summary.cell, summary.outcomes_unseen())
        && Some(reason) != summary.denials_incomplete()
    {
        let text = format!("refusals by other layers not observable: {}", one_line(reason));
        lines.extend(paragraph(&text, Role::Caution, inner));
    }
    for failure in summary.failures.values() {
        let text = format!("{} × {}: {}", grouped(failure.count), failure.syscall, one_line(&failure.known));
        lines.extend(paragraph(&text, Role::Muted, inner));
    }
    let warnings = summary.cell.iter().flat_map(|cell| &cell.warnings).chain(&summary.warnings);
    lines.extend(paragraphs(&warnings.map(|text| warning(text)).collect::<Vec<_>>(), inner));
    let all = rows::count(summary);
    if listed == 0 && all > 0 && !filter.is_open() {
        lines.extend(paragraph(&format!("{} hidden by the filter", grouped(all)), Role::Muted, inner));
    }
    if listed > 0 {
        lines.truncate(usize::from(inner.height).div_ceil(2));
    }
    lines
}

/// Why denials may be missing from the list, in words.
pub(super) fn unseen(run: &RunRecord) -> Option<String> {
    let summary = &run.log.summary;
    let reason = one_line(summary.denials_incomplete()?);
    if summary.cell.is_some() {
        let what = match (&summary.unseen, summary.denials.is_empty()) {
            (None, _) => "denials not observable",
            (Some(_), true) => "denials may be missing",
            (Some(_), false) => "more denials may be missing",
        };
        return Some(format!("{what}: {reason}"));
    }
    match &summary.outcome {
        Some((outcome @ Outcome::NotStarted(_), _)) => Some(one_line(&outcome.to_string())),
        Some((outcome, _)) => Some(one_line(&format!("no denials to see: {outcome}; {reason}"))),
        None => None,
    }
}

/// What an empty list of denials means; `None` where it is not empty.
fn none(run: &RunRecord) -> Option<&'static str> {
    let summary = &run.log.summary;
    if !summary.denials.is_empty() {
        return None;
    }
    Some(match &summary.outcome {
        Some((Outcome::NotStarted(_), _)) => "none: the specimen was not started",
        Some((Outcome::CellLost(_), _)) => "none was seen until the cell was lost",
        Some((Outcome::Exited(_) | Outcome::Signaled(_) | Outcome::TimedOut | Outcome::Stopped, _)) => {
            "none: the seccomp filter refused nothing"
        }
        None if run.phase == Phase::Starting || summary.cell.is_none() => "the run starts: no call was made yet",
        None => "none so far: every refusal of the seccomp filter appears here",
    })
}

fn paragraph(text: &str, role: Role, inner: Rect) -> Vec<(String, Role)> {
    if inner.is_empty() {
        return Vec::new();
    }
    let lines = wrap(text, usize::from(inner.width));
    lines.into_iter().take(usize::from(inner.height)).map(|line| (line, role)).collect()
}

fn title(pane: &DenialsPane, run: &RunRecord, window: &Window<'_>) -> Title {
    let summary = &run.log.summary;
    let note = if summary.denials.is_empty() {
        String::new()
    } else {
        let least = if summary.denials_incomplete().is_some() { "at least " } else { "" };
        let kinds = counted(summary.denials.len() as u64, "kind");
        format!("{kinds} · {least}{}", counted(summary.denied_calls(), "call"))
    };
    let mut right = Vec::new();
    if pane.sort != Sort::Time {
        right.push(pane.sort.title());
    }
    if pane.is_following() {
        right.push("following");
    }
    Title { note, right: right.join(" · "), bottom: filter_words(pane, Some((run, window))) }
}

/// The filter and what it lets through; without one, what of a longer list is in sight.
fn filter_words(pane: &DenialsPane, list: Option<(&RunRecord, &Window<'_>)>) -> String {
    let number = |number: usize| grouped(number as u64);
    let words = clip(&visible_str(pane.filter.text()), 40);
    match list {
        None if pane.filter.is_open() => String::new(),
        None => format!("filter: {words}"),
        Some((run, window)) if !pane.filter.is_open() => {
            let all = grouped(rows::count(&run.log.summary));
            format!("filter: {words} · {} of {all}", number(window.rows.len()))
        }
        Some((_, Window { rows, offset, height, .. })) if rows.len() > *height && *height > 0 => {
            format!("{}–{} of {}", number(offset + 1), number(offset + height), number(rows.len()))
        }
        Some(_) => String::new(),
    }
}
