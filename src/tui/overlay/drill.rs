//! The drill: every probe of the corpus against the engine and the policy on the bench, as the results arrive.
//!
//! ```text
//! ╔ Drill of hardened at docker 20.10.24 ══════════════════════════════════╗
//! ║ ████████████░░░░░░░░░░░░ 34 of 74 · 12.3 s · 2 cells at a time         ║
//! ║ 30 contained: 22 seen, (8) by their word · 0 NOT contained · 4 untest… ║
//! ║   PROBE               CAME TO         BY          EVIDENCE             ║
//! ║ ▸ fork-bomb.py        contained       ulimits     RLIMIT_NPROC reached ║
//! ║────────────────────────────────────────────────────────────────────────║
//! ║ It tries to make 1000 processes …                                      ║
//! ╚═══════════════════════════════ Enter loads the probe · x stops · Esc ══╝
//! ```

use std::fmt::Write;
use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span, Text};

use super::going::{Batch, BatchId, Stage, first_row};
use super::{boxed, placed};
use crate::drill::cells::JOBS;
use crate::drill::drilled::{Counts, Drilled};
use crate::drill::judge::{By, Finding};
use crate::drill::probe::Probe;
use crate::policy::Layer;
use crate::run::words::time;
use crate::text::visible_str;
use crate::tui::cells::{clip, fit, wrap};
use crate::tui::command::Command;
use crate::tui::layout::inside;
use crate::tui::panes::frame;
use crate::tui::state::{EngineState, State};
use crate::tui::theme::{Role, Theme};

/// Cells of the columns: probe, verdict, layer.
const NAME: usize = 20;
const VERDICT: usize = 14;
const BY: usize = 15;

/// What hotcell saw of one probe at most.
const MOST_EVIDENCE: usize = 12;

/// What came of a probe, as far as it is kept.
#[derive(Clone, Debug)]
pub struct Tried {
    /// Which.
    pub name: String,
    finding: Finding,
    by: String,
    evidence: String,
    took: Duration,
}

impl Tried {
    /// Takes from a probe's trial what is shown.
    pub fn of(drilled: Drilled) -> Self {
        let (by, evidence) = (drilled.by(), drilled.evidence());
        let mut finding = drilled.finding;
        if let Finding::Contained(contained) = &mut finding {
            contained.evidence.truncate(MOST_EVIDENCE);
        }
        Self { name: drilled.probe.name, finding, by, evidence, took: drilled.took }
    }
}

/// A drill of the session, and what the reviewer does with it.
#[derive(Clone, Debug)]
pub struct DrillPane {
    /// Its cells.
    pub batch: Batch,
    /// The policy's name, safe to show, with a star where it was changed.
    policy: String,
    /// The engine, safe to show.
    engine: String,
    /// In the order in which they are begun.
    rows: Vec<Row>,
    done: usize,
    selected: usize,
    /// The reviewer has moved the selection: it follows no longer what arrives.
    moved: bool,
}

#[derive(Clone, Debug)]
struct Row {
    probe: Probe,
    tried: Option<Tried>,
}

impl DrillPane {
    /// One that begins now.
    pub fn new(id: BatchId, state: &State, probes: Vec<Probe>) -> Self {
        let star = if state.bench.is_changed() { "*" } else { "" };
        let engine = match &state.engine {
            EngineState::Up(facts) => format!("{} {}", facts.capabilities.kind, facts.capabilities.version),
            EngineState::Connecting | EngineState::Lost(_) => String::new(),
        };
        Self {
            batch: Batch::new(id, state.now),
            policy: visible_str(&state.bench.policy.name) + star,
            engine: visible_str(&engine),
            rows: probes.into_iter().map(|probe| Row { probe, tried: None }).collect(),
            done: 0,
            selected: 0,
            moved: false,
        }
    }

    /// Something has come.
    pub fn came(&mut self, tried: Tried) {
        let Some(at) = self.rows.iter().position(|row| row.probe.name == tried.name) else { return };
        // What was not waited for is not what has come last.
        let is_over = tried.finding != Finding::Stopped;
        self.rows[at].tried = Some(tried);
        self.done += usize::from(is_over);
        if is_over && !self.moved {
            self.selected = at;
        }
    }

    /// It is over: what was not contained is what is looked for.
    pub fn over(&mut self) {
        let reached =
            |row: &Row| matches!(row.tried.as_ref().map(|tried| &tried.finding), Some(Finding::NotContained(_)));
        if let Some(at) = self.rows.iter().position(reached).filter(|_| !self.moved) {
            self.selected = at;
        }
    }

    /// The probe that is selected.
    pub fn probe(&self) -> Option<&Probe> {
        self.rows.get(self.selected).map(|row| &row.probe)
    }

    /// The layer that holds it, or is to.
    pub fn layer(&self) -> Option<Layer> {
        let row = self.rows.get(self.selected)?;
        let by = match row.tried.as_ref().map(|tried| &tried.finding) {
            Some(Finding::Contained(contained)) => contained.by.layer(),
            _ => None,
        };
        by.or(row.probe.layer)
    }

    /// Moves the selection.
    pub fn command(&mut self, command: Command, screen: Rect) {
        let page = list_height(inside(placed(screen))).max(1);
        let last = self.rows.len().saturating_sub(1);
        self.moved = true;
        self.selected = match command {
            Command::Up => self.selected.saturating_sub(1),
            Command::Down => (self.selected + 1).min(last),
            Command::PageUp => self.selected.saturating_sub(page),
            Command::PageDown => (self.selected + page).min(last),
            Command::Top => 0,
            Command::Bottom => last,
            _ => self.selected,
        };
    }

    fn counts(&self) -> Counts {
        Counts::of(self.rows.iter().filter_map(|row| Some(&row.tried.as_ref()?.finding)))
    }
}

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    title: String,
    foot: String,
    top: Vec<(Role, String)>,
    rows: Vec<RowView>,
    below: Vec<(Role, String)>,
}

#[derive(Clone, Debug)]
struct RowView {
    selected: bool,
    spans: Vec<(Role, String)>,
}

/// Lines that tell of the selected probe.
fn below_height(inner: Rect) -> usize {
    match inner.height {
        0..12 => 0,
        12..28 => 5,
        _ => 8,
    }
}

fn list_height(inner: Rect) -> usize {
    let below = below_height(inner);
    usize::from(inner.height).saturating_sub(3 + below + usize::from(below > 0))
}

/// Makes the view; `None` where there is no drill.
pub fn view(state: &State) -> Option<View> {
    let pane = state.drill.as_ref()?;
    let inner = inside(placed(state.areas().screen));
    let cells = usize::from(inner.width);
    let (role, progress) = pane.batch.progress(pane.done, pane.rows.len(), state.now);
    let head = format!("  {} {} {} EVIDENCE", fit("PROBE", NAME), fit("CAME TO", VERDICT), fit("BY", BY));
    let height = list_height(inner);
    let first = first_row(pane.selected, height, pane.rows.len());
    let rows = pane.rows.iter().enumerate().skip(first).take(height);
    Some(View {
        title: format!("Drill of {} at {}", pane.policy, pane.engine),
        foot: foot(state, pane),
        top: vec![(role, format!(" {progress}")), totals(pane), (Role::Muted, head)],
        rows: rows.map(|(at, row)| row_view(pane, at, row, cells)).collect(),
        below: below(pane, inner),
    })
}

fn foot(state: &State, pane: &DrillPane) -> String {
    let key = |command| state.keymap.shown(command);
    let end = if pane.batch.is_live() {
        format!("{} stops", key(Command::Stop))
    } else {
        format!("{} anew", key(Command::Run))
    };
    let (load, lesson) = (key(Command::Accept), key(Command::Lesson));
    format!("{load} loads the probe · {lesson} its layer · {end} · Esc")
}

fn totals(pane: &DrillPane) -> (Role, String) {
    let Counts { seen, said, not_contained, untested, stopped } = pane.counts();
    let role = match (not_contained, untested + stopped) {
        (1.., _) => Role::Bad,
        (0, 1..) => Role::Caution,
        (0, 0) => Role::Good,
    };
    let mut text = format!(
        " {} contained: {seen} seen, ({said}) by their word · {not_contained} NOT contained · {untested} untested",
        seen + said
    );
    if stopped > 0 {
        let _ = write!(text, " · {stopped} stopped");
    }
    (role, text)
}

fn row_view(pane: &DrillPane, at: usize, row: &Row, cells: usize) -> RowView {
    let selected = at == pane.selected;
    let sign = if selected { "▸" } else { " " };
    let (role, verdict) = match &row.tried {
        Some(tried) => verdict(&tried.finding),
        None if pane.batch.stage == Stage::Going && is_begun(pane, at) => (Role::Accent, "running"),
        None if pane.batch.is_live() => (Role::Muted, "·"),
        None => (Role::Muted, "not run"),
    };
    let (by, evidence) = row.tried.as_ref().map_or(("", ""), |tried| (tried.by.as_str(), tried.evidence.as_str()));
    let rest = cells.saturating_sub(2 + NAME + 1 + VERDICT + 1 + BY + 1);
    let spans = vec![
        (Role::Text, format!("{sign} {} ", fit(&row.probe.name, NAME))),
        (role, format!("{} ", fit(verdict, VERDICT))),
        (Role::Accent, format!("{} ", fit(by, BY))),
        (Role::Muted, clip(evidence, rest)),
    ];
    RowView { selected, spans }
}

/// Probes are begun in order, so many at a time.
fn is_begun(pane: &DrillPane, at: usize) -> bool {
    at < pane.done + JOBS as usize
}

fn verdict(finding: &Finding) -> (Role, &'static str) {
    match finding {
        Finding::Contained(_) => (Role::Good, "contained"),
        Finding::NotContained(_) => (Role::Bad, "NOT CONTAINED"),
        Finding::Untested(_) => (Role::Caution, "not tested"),
        Finding::Stopped => (Role::Caution, "stopped"),
    }
}

fn below(pane: &DrillPane, inner: Rect) -> Vec<(Role, String)> {
    let height = below_height(inner);
    let Some(row) = pane.rows.get(pane.selected).filter(|_| height > 0) else { return Vec::new() };
    let cells = usize::from(inner.width).saturating_sub(2);
    let mut lines = Vec::new();
    let mut add = |role, text: &str| lines.extend(wrap(text, cells).into_iter().map(|line| (role, line)));
    add(Role::Text, &format!("{} tries {}", row.probe.name, row.probe.tries));
    if let Some(tried) = &row.tried {
        let (role, verdict) = verdict(&tried.finding);
        let by = match &tried.finding {
            Finding::Contained(contained) => by_whom(contained.by),
            _ => String::new(),
        };
        add(role, &format!("{verdict}{by}, after {}: {}", time(tried.took), tried.evidence));
    }
    if let Some(layer) = row.probe.layer {
        let behind: Vec<&str> = row.probe.behind.iter().map(|layer| layer.name()).collect();
        let behind = if behind.is_empty() { String::new() } else { format!("; behind it: {}", behind.join(", ")) };
        add(Role::Muted, &format!("its header: {layer} is to hold it{behind} · {}", row.probe.technique));
    }
    lines.truncate(height);
    lines
}

fn by_whom(by: By) -> String {
    match by {
        By::Seen(layer) => format!(" by {layer}, which was seen to"),
        By::Header(layer) => format!(" by {layer}, as its header says"),
        By::Unknown => " by a layer that is not known".to_owned(),
        By::Nobody => ": what it looks for is not there".to_owned(),
    }
}

/// Draws it over the whole screen but its last line.
pub fn render(frame: &mut Frame<'_>, screen: Rect, view: &View, theme: &Theme) {
    let inner = boxed::draw(frame, placed(screen), &view.title, &view.foot, theme);
    let mut lines: Vec<Line<'static>> =
        view.top.iter().map(|(role, text)| Line::styled(text.clone(), theme.style(*role))).collect();
    let styled = |(role, text): &(Role, String)| Span::styled(text.clone(), theme.style(*role));
    lines.extend(view.rows.iter().map(|row| Line::from(row.spans.iter().map(styled).collect::<Vec<_>>())));
    frame.render_widget(Text::from(lines), inner);
    if let Some(at) = view.rows.iter().position(|row| row.selected) {
        let y = inner.y + u16::try_from(view.top.len() + at).unwrap_or(u16::MAX);
        frame::select(frame.buffer_mut(), Rect { y, height: 1, ..inner }.intersection(inner), theme);
    }
    if !view.below.is_empty() {
        boxed::below(frame, inner, below_height(inner), &view.below, theme);
    }
}
