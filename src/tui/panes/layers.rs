//! The layers pane: each isolation layer, whether it is on, how it is set, and whether it really holds.
//!
//! ```text
//!   [x] network       none                      ✓ in force
//! ▸ [x] memory      * 128m,swap=0               ≠ next run
//!   [x] apparmor      docker-default            – not here
//! ──────────────────────────────────────────────────────────
//! Kills the specimen when it takes more memory than its share.
//! docker: --memory 128m --memory-swap 128m
//! ```

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span, Text};

use super::frame::{self, Title};
use crate::engine::EngineKind;
use crate::policy::{Equivalent, Layer};
use crate::run::words::counted;
use crate::run::{Force, LayerState};
use crate::text::visible_str;
use crate::tui::cells::{clip, fit, wrap};
use crate::tui::command::Command;
use crate::tui::field::{self, Field, FieldView};
use crate::tui::layout::Pane;
use crate::tui::state::{EngineState, RunRecord, State};
use crate::tui::theme::{Role, Theme};

/// Cells before a row's setting: sign, switch, name, mark.
const BEFORE_SETTING: usize = 21;

/// Cells of a row's state.
const STATE: usize = 12;

/// What the reviewer does with the list.
#[derive(Clone, Debug, Default)]
pub struct LayersPane {
    /// The selected layer's place in [`Layer::ALL`].
    selected: usize,
    editing: Option<Editing>,
}

/// A setting being typed.
#[derive(Clone, Debug)]
struct Editing {
    field: Field,
    error: Option<String>,
}

impl LayersPane {
    /// The selected layer.
    pub fn selected(&self) -> Layer {
        Layer::ALL[self.selected.min(Layer::ALL.len() - 1)]
    }

    /// Selects a layer.
    pub fn select(&mut self, layer: Layer) {
        self.selected = layer as usize;
    }

    /// Whether a setting is being typed.
    pub fn is_editing(&self) -> bool {
        self.editing.is_some()
    }

    /// Begins to type the selected layer's setting.
    pub fn edit(&mut self, setting: &str) {
        self.editing = Some(Editing { field: Field::new(setting), error: None });
    }

    /// What was typed; the typing is over unless [`LayersPane::refuse`] takes it up again.
    pub fn typed(&mut self) -> Option<String> {
        self.editing.take().map(|editing| editing.field.text().to_owned())
    }

    /// What was typed cannot be a setting.
    pub fn refuse(&mut self, typed: &str, error: String) {
        self.editing = Some(Editing { field: Field::new(typed), error: Some(error) });
    }

    /// Types a character.
    pub fn type_char(&mut self, character: char) {
        if let Some(editing) = &mut self.editing {
            editing.field.type_char(character);
            editing.error = None;
        }
    }

    /// Pastes.
    pub fn paste(&mut self, text: &str) {
        if let Some(editing) = &mut self.editing {
            editing.field.paste(text);
            editing.error = None;
        }
    }

    /// Moves the selection, or edits what is being typed.
    pub fn command(&mut self, command: Command) {
        if let Some(editing) = &mut self.editing {
            editing.field.command(command);
            return;
        }
        let last = Layer::ALL.len() - 1;
        self.selected = match command {
            Command::Up => self.selected.saturating_sub(1),
            Command::Down => (self.selected + 1).min(last),
            Command::PageUp | Command::Top => 0,
            Command::PageDown | Command::Bottom => last,
            _ => self.selected,
        };
    }

    /// The layer on a row of the inner area.
    pub fn layer_at(&self, row: u16, inner: Rect) -> Option<Layer> {
        let rows = list_rows(inner);
        let at = usize::from(row);
        (at < rows).then(|| Layer::ALL.get(first_row(self.selected, rows) + at).copied()).flatten()
    }
}

/// Rows of the list in that area: the rest tells of the selected layer.
fn list_rows(inner: Rect) -> usize {
    usize::from(inner.height.saturating_sub(detail_rows(inner)))
}

fn detail_rows(inner: Rect) -> u16 {
    match inner.height {
        0..9 => 0,
        9..25 => 4,
        _ => (inner.height - 21).min(7),
    }
}

fn first_row(selected: usize, rows: usize) -> usize {
    (selected + 1).saturating_sub(rows)
}

/// What a row says of its layer's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Off,
    Asked,
    NextRun,
    InForce,
    NotInForce,
    Unverified,
    Unavailable,
}

impl Standing {
    const fn look(self) -> (Role, &'static str) {
        match self {
            Self::Off => (Role::Muted, "  off"),
            Self::Asked => (Role::Muted, "○ asked"),
            Self::NextRun => (Role::Caution, "≠ next run"),
            Self::InForce => (Role::Good, "✓ in force"),
            Self::NotInForce => (Role::Bad, "✗ NOT held"),
            Self::Unverified => (Role::Caution, "? unverified"),
            Self::Unavailable => (Role::Caution, "– not here"),
        }
    }
}

/// One row.
#[derive(Clone, Debug)]
struct Row {
    layer: Layer,
    on: bool,
    changed: bool,
    setting: String,
    standing: Standing,
}

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    focused: bool,
    title: Title,
    rows: Vec<Row>,
    selected: usize,
    first: usize,
    editing: Option<(FieldView, Option<String>)>,
    detail: Vec<(Role, String)>,
}

/// Makes the view of a pane with that inner area.
pub fn view(state: &State, inner: Rect) -> View {
    let pane = &state.layers;
    let rows = list_rows(inner);
    let first = first_row(pane.selected, rows);
    let cells = usize::from(inner.width).saturating_sub(BEFORE_SETTING + STATE + 1);
    let editing = pane.editing.as_ref().map(|editing| {
        let cells = u16::try_from(cells + STATE).unwrap_or(u16::MAX);
        (editing.field.view(cells), editing.error.clone())
    });
    View {
        focused: state.focus == Pane::Layers,
        title: Title { note: counts(state), right: told(state), bottom: out_of_sight(first, rows) },
        rows: Layer::ALL.iter().skip(first).take(rows).map(|layer| row(state, *layer, cells)).collect(),
        selected: pane.selected,
        first,
        editing,
        detail: detail(state, pane.selected(), inner),
    }
}

/// How many layers are on, and how many of them are known to hold or not to be had.
fn counts(state: &State) -> String {
    let on: Vec<Standing> = Layer::ALL
        .into_iter()
        .filter(|layer| state.bench.policy.is_on(*layer))
        .map(|layer| standing(state, layer))
        .collect();
    let count = |wanted| on.iter().filter(|standing| **standing == wanted).count();
    let told =
        [(Standing::InForce, "in force"), (Standing::NotInForce, "NOT held"), (Standing::Unavailable, "not here")];
    let told = told.into_iter().filter(|(standing, _)| count(*standing) > 0);
    told.fold(format!("{} on", on.len()), |text, (standing, words)| format!("{text} · {} {words}", count(standing)))
}

/// How many layers there are above and below those in sight.
fn out_of_sight(first: usize, rows: usize) -> String {
    let below = Layer::ALL.len().saturating_sub(first + rows);
    match (first, below) {
        (0, 0) => String::new(),
        (0, below) => format!("{below} more ↓"),
        (above, 0) => format!("{above} more ↑"),
        (above, below) => format!("{above} more ↑ · {below} more ↓"),
    }
}

/// Of which moment the states are told.
fn told(state: &State) -> String {
    match state.runs.shown() {
        Some(run) if run.log.summary.cell.is_some() && run.is_like(&state.bench, &state.engine) => {
            format!("as read back in #{}", run.id.0)
        }
        _ => "not yet read back".to_owned(),
    }
}

fn row(state: &State, layer: Layer, cells: usize) -> Row {
    let (policy, base) = (&state.bench.policy, &state.bench.base);
    let on = policy.is_on(layer);
    let edits = if layer == Layer::Seccomp { state.tuning.edits(policy) } else { 0 };
    let mut setting = policy.setting(layer);
    let changed = edits > 0 || on != base.is_on(layer) || setting != base.setting(layer);
    if edits > 0 {
        // The number is seen, however long the name.
        let count = format!("+{edits}");
        setting = clip(&visible_str(&setting), cells.saturating_sub(count.len())) + &count;
    }
    Row {
        layer,
        on,
        changed,
        // A layer without a setting of its own says "on".
        setting: if setting == "on" || setting == "off" { String::new() } else { visible_str(&setting) },
        standing: standing(state, layer),
    }
}

fn standing(state: &State, layer: Layer) -> Standing {
    let policy = &state.bench.policy;
    let on = policy.is_on(layer);
    if let Some(run) = state.runs.shown()
        && let Some(cell) = &run.log.summary.cell
    {
        let edited = layer == Layer::Seccomp && on && other_profile(state, run);
        if run.policy.is_on(layer) != on || (on && run.policy.setting(layer) != policy.setting(layer)) || edited {
            return Standing::NextRun;
        }
        if run.is_like(&state.bench, &state.engine)
            && let Some(read) = cell.layers.iter().find(|read| read.layer == layer)
        {
            return read_back(read);
        }
    }
    match &state.bench.planned {
        _ if !on => Standing::Off,
        Some(planned) if planned.unavailable.contains_key(&layer) => Standing::Unavailable,
        _ => Standing::Asked,
    }
}

/// Whether a run was under another profile than the next one will be.
fn other_profile(state: &State, run: &RunRecord) -> bool {
    let current = state.tuning.of(&state.bench.policy).map(|working| working.space.current());
    run.profile.as_ref().zip(current).is_some_and(|(ran, current)| ran != current)
}

fn read_back(read: &LayerState) -> Standing {
    match (read.asked, &read.unavailable, read.in_force) {
        (false, ..) => Standing::Off,
        (true, Some(_), _) => Standing::Unavailable,
        (true, None, Force::Yes) => Standing::InForce,
        (true, None, Force::No) => Standing::NotInForce,
        (true, None, Force::Unverified) => Standing::Unverified,
    }
}

fn detail(state: &State, layer: Layer, inner: Rect) -> Vec<(Role, String)> {
    let cells = usize::from(inner.width).saturating_sub(1);
    let mut lines = Vec::new();
    let mut add = |role, text: &str| lines.extend(wrap(text, cells).into_iter().map(|line| (role, line)));
    let standing = standing(state, layer);
    let why = why(state, layer);
    // Why something is not as it was asked comes first; what was read of a layer that holds, last.
    if let Some(why) = why.as_ref().filter(|_| standing != Standing::InForce) {
        add(Role::Caution, why);
    }
    add(Role::Text, layer.stops());
    if let (Layer::Seccomp, edits @ 1..) = (layer, state.tuning.edits(&state.bench.policy)) {
        let key = |command| state.keymap.shown(command);
        let (see, undo, save) = (key(Command::ProfileView), key(Command::UndoEdit), key(Command::SaveProfile));
        let edits = counted(edits as u64, "edit");
        add(Role::Accent, &format!("{edits}: {see} shows them, {undo} takes the last back, {save} saves the profile"));
    }
    let (client, equivalent) = equivalent(state, layer);
    let flags: Vec<String> =
        [&equivalent.wrapper, &equivalent.global, &equivalent.flags].into_iter().flatten().cloned().collect();
    if !flags.is_empty() {
        add(Role::Accent, &format!("{client}: {}", visible_str(&flags.join(" "))));
    }
    if let Some(note) = &equivalent.note {
        add(Role::Muted, &format!("{client}: {}", visible_str(note)));
    }
    if let Some(why) = why.filter(|_| standing == Standing::InForce) {
        add(Role::Muted, &format!("read back: {why}"));
    }
    lines.truncate(usize::from(detail_rows(inner).saturating_sub(1)));
    lines
}

/// Why a layer is not simply in force.
fn why(state: &State, layer: Layer) -> Option<String> {
    let planned = state.bench.planned.as_ref().and_then(|planned| planned.unavailable.get(&layer));
    let run = state.runs.shown();
    let cell = run.and_then(|run| run.log.summary.cell.as_ref());
    let read = cell.and_then(|cell| cell.layers.iter().find(|read| read.layer == layer));
    match (standing(state, layer), read, planned) {
        (Standing::Unavailable, Some(LayerState { unavailable: Some(reason), .. }), _)
        | (Standing::Unavailable, _, Some(reason)) => Some(format!("not here: {}", visible_str(reason))),
        (Standing::NotInForce | Standing::Unverified | Standing::InForce, Some(read), _) => {
            Some(visible_str(&read.detail))
        }
        (Standing::NextRun, Some(_), _) => {
            let run = run?;
            let then = if run.policy.is_on(layer) { run.policy.setting(layer) } else { "off".to_owned() };
            Some(format!("#{} ran with: {}", run.id.0, visible_str(&then)))
        }
        _ => None,
    }
}

fn equivalent(state: &State, layer: Layer) -> (&'static str, Equivalent) {
    let kind = match &state.engine {
        EngineState::Up(facts) => facts.capabilities.kind,
        EngineState::Connecting | EngineState::Lost(_) => EngineKind::Docker,
    };
    match kind {
        // The embedded engine has no client: Docker's is the one that most know.
        EngineKind::Docker | EngineKind::Embedded => ("docker", state.bench.policy.docker_flags(layer)),
        EngineKind::Podman => ("podman", state.bench.policy.podman_flags(layer)),
    }
}

/// Draws it.
pub fn render(frame: &mut Frame<'_>, area: Rect, view: &View, theme: &Theme) {
    let inner = frame::draw(frame, area, Pane::Layers, view.focused, &view.title, theme);
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (at, row) in view.rows.iter().enumerate() {
        let selected = view.first + at == view.selected;
        match &view.editing {
            Some((field, _)) if selected => lines.push(edited(row, field, theme)),
            _ => lines.push(line(row, selected, usize::from(inner.width), theme)),
        }
    }
    if detail_rows(inner) > 0 {
        lines.resize(list_rows(inner), Line::default());
        lines.push(Line::styled("─".repeat(usize::from(inner.width)), theme.style(Role::Border)));
        let error = view.editing.as_ref().and_then(|(_, error)| error.as_ref());
        match error {
            Some(error) => {
                let cells = usize::from(inner.width).saturating_sub(3);
                lines.extend(
                    wrap(error, cells)
                        .into_iter()
                        .map(|line| Line::styled(format!("✗ {line}"), theme.style(Role::Bad))),
                );
            }
            None if view.editing.is_some() => {
                let row = view.rows.iter().find(|row| row.layer as usize == view.selected);
                let example = row.map_or_else(String::new, |row| row.layer.default_setting());
                lines.push(Line::styled(format!("such as {example}"), theme.style(Role::Accent)));
                lines.push(Line::styled("Enter takes it, Esc leaves it as it was", theme.style(Role::Muted)));
            }
            None => lines.extend(view.detail.iter().map(|(role, text)| Line::styled(text.clone(), theme.style(*role)))),
        }
    }
    frame.render_widget(Text::from(lines), inner);
    let selected = view.selected.checked_sub(view.first).filter(|row| *row < view.rows.len());
    if let (true, None, Some(row)) = (view.focused, &view.editing, selected) {
        let y = inner.y + u16::try_from(row).unwrap_or(u16::MAX);
        frame::select(frame.buffer_mut(), Rect { y, height: 1, ..inner }.intersection(inner), theme);
    }
}

fn before_setting(row: &Row, selected: bool, theme: &Theme) -> Vec<Span<'static>> {
    let name = if row.on { theme.layer(row.layer).add_modifier(Modifier::BOLD) } else { theme.style(Role::Muted) };
    vec![
        Span::raw(if selected { "▸" } else { " " }),
        Span::styled(if row.on { "[x] " } else { "[ ] " }, theme.style(if row.on { Role::Good } else { Role::Muted })),
        Span::styled(fit(row.layer.name(), 13), name),
        Span::styled(if row.changed { "* " } else { "  " }, theme.style(Role::Caution)),
    ]
}

fn line(row: &Row, selected: bool, cells: usize, theme: &Theme) -> Line<'static> {
    let (role, word) = row.standing.look();
    let setting = cells.saturating_sub(BEFORE_SETTING + STATE);
    let setting_role = if row.on { Role::Text } else { Role::Muted };
    let mut spans = before_setting(row, selected, theme);
    spans.push(Span::styled(fit(&clip(&row.setting, setting), setting), theme.style(setting_role)));
    spans.push(Span::styled(format!(" {}", fit(word, STATE)), theme.style(role)));
    Line::from(spans)
}

fn edited(row: &Row, field: &FieldView, theme: &Theme) -> Line<'static> {
    let mut spans = before_setting(row, true, theme);
    spans.extend(field::line(field, theme).spans);
    Line::from(spans)
}
