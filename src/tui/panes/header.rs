//! The two lines at the top: what is on the bench, and where it stands.
//!
//! ```text
//!  hotcell │ fork_bomb.py · python · edited │ hardened* │ docker 20.10.24 · runc │ code-sandbox:latest
//!  RUNNING  #3 warm cell · first output after 34 ms                    1.2 s of 10 s ▕███▌          ▏
//! ```

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use crate::run::words::time;
use crate::run::{Enforcement, Mood, mood, verdict};
use crate::text::visible_str;
use crate::tui::cells::{clip, fit, width};
use crate::tui::command::Command;
use crate::tui::layout::Pane;
use crate::tui::state::{EngineState, Phase, RunRecord, State, WarmCell};
use crate::tui::theme::{Role, Theme};

/// No cell is made so fast: the one that waited was kept.
const KEPT: Duration = Duration::from_millis(20);

/// Cells of the bar that shows the deadline.
const BAR: u16 = 16;

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    bench: Vec<(Role, String)>,
    badge: (Role, &'static str),
    says: (Role, String),
    /// What stands at the right, the longest first: the first that fits is shown.
    right: Vec<String>,
    /// Of the deadline, how much has passed: 0 to 1.
    passed: Option<f64>,
}

/// Makes the view.
pub fn view(state: &State) -> View {
    let (badge, says) = standing(state);
    let (right, passed) = clock(state);
    View { bench: bench(state), badge, says, right, passed }
}

fn bench(state: &State) -> Vec<(Role, String)> {
    let mut name = visible_str(&state.editor.name());
    if let Some(language) = state.language() {
        name = format!("{name} · {language}");
    }
    if state.editor.is_changed() {
        name.push_str(" · edited");
    }
    let exposed = !state.bench.policy.exposures().is_empty();
    let mut policy = visible_str(&state.bench.policy.name);
    if state.bench.is_changed() {
        policy.push('*');
    }
    if state.tuning.edits(&state.bench.policy) > 0 {
        policy.push_str(" · seccomp ");
        policy.push_str(&state.tuning.label(&state.bench.policy));
    }
    if exposed {
        policy.push_str(" · exposes the host");
    }
    let planned = state.bench.planned.as_ref();
    if state.bench.native || planned.is_some_and(|planned| planned.enforcement == Enforcement::Native) {
        policy.push_str(" · native");
    }
    let engine = match &state.engine {
        EngineState::Connecting => "looking for an engine".to_owned(),
        EngineState::Lost(_) => "no engine".to_owned(),
        EngineState::Up(facts) => {
            let version = &facts.capabilities.version;
            let planned = state.bench.planned.as_ref();
            let runtime = planned.map_or(&facts.capabilities.default_runtime, |planned| &planned.runtime);
            visible_str(&format!("{} {version} · {runtime}", facts.capabilities.kind))
        }
    };
    let engine_role = if matches!(state.engine, EngineState::Lost(_)) { Role::Bad } else { Role::Header };
    vec![
        (Role::Header, name),
        (if exposed { Role::Bad } else { Role::Header }, policy),
        (engine_role, engine),
        (Role::Header, visible_str(&state.bench.image)),
    ]
}

/// The state in a word, and what there is to say of it.
fn standing(state: &State) -> ((Role, &'static str), (Role, String)) {
    match state.runs.shown() {
        Some(run) if run.phase == Phase::Ended => ended(state, run),
        Some(run) => live(state, run),
        None => waiting(state),
    }
}

fn ended(state: &State, run: &RunRecord) -> ((Role, &'static str), (Role, String)) {
    let role = match mood(&run.log.summary) {
        Mood::Clean => Role::Good,
        Mood::Denied | Mood::Unsure => Role::Caution,
        Mood::Broken => Role::Bad,
    };
    if let Some((agrees, said)) = &run.proof {
        let role = if *agrees { Role::Good } else { Role::Bad };
        return ((role, "ENDED"), (role, format!("{} {said}", number(run))));
    }
    ((role, "ENDED"), (role, format!("{} {}", of_which(state, run), verdict(&run.log.summary))))
}

fn live(state: &State, run: &RunRecord) -> ((Role, &'static str), (Role, String)) {
    let how = if run.warm { " in a warm cell" } else { "" };
    let first = run.first_output.map_or_else(String::new, |first| format!(" · first output after {}", millis(first)));
    let swept = if state.sweep == Some(run.id) { " · calls of low risk are allowed as they come" } else { "" };
    let says = format!("{}{how}{swept}{first}", number(run));
    if let waiting @ 1.. = run.log.summary.waiting.len() {
        let key = state.keymap.shown(Command::FocusDenials);
        let calls = if waiting == 1 {
            "a refused call is held".to_owned()
        } else {
            format!("{waiting} refused calls are held")
        };
        let how = match (&run.phase, state.focus) {
            (Phase::Held, _) => format!("all is frozen: {} lets it go on", state.keymap.shown(Command::Hold)),
            (_, Pane::Denials) => "decide below".to_owned(),
            _ => format!("{key} decides"),
        };
        return ((Role::Caution, "BREAK"), (Role::Caution, format!("{calls}: {how} · {says}")));
    }
    match run.phase {
        Phase::Starting => ((Role::Caution, "STARTING"), (Role::Muted, says)),
        Phase::Held => {
            let key = state.keymap.shown(Command::Hold);
            (
                (Role::Caution, "HELD"),
                (Role::Caution, format!("{key} lets it go on · every process was told to stop · {says}")),
            )
        }
        Phase::Running | Phase::Ended => ((Role::Accent, "RUNNING"), (Role::Muted, says)),
    }
}

/// A run that is over, with what it ran under where that is not what is on the bench.
fn of_which(state: &State, run: &RunRecord) -> String {
    let mut text = number(run);
    let current = state.tuning.of(&state.bench.policy).map(|working| working.space.current());
    let other_profile = run.profile.as_ref().zip(current).is_some_and(|(ran, current)| ran != current);
    let other_bench = run.policy != state.bench.policy || run.native != state.bench.native || other_profile;
    if other_bench || state.runs.kept.back().is_some_and(|last| last.id != run.id) {
        let star = if run.changed { "*" } else { "" };
        text = format!("run {} of {} under {}{star}:", run.id.0, run.specimen, visible_str(&run.policy.name));
    } else if run.revision != state.editor.revision() {
        text.push_str(" (the specimen was edited since)");
    }
    text
}

fn number(run: &RunRecord) -> String {
    format!("run {}:", run.id.0)
}

fn waiting(state: &State) -> ((Role, &'static str), (Role, String)) {
    let run = state.keymap.shown(Command::Run);
    match (&state.engine, &state.warm) {
        (EngineState::Connecting, _) => {
            ((Role::Muted, "CONNECTING"), (Role::Muted, "looking for an engine".to_owned()))
        }
        (EngineState::Lost(reason), _) => {
            let key = state.keymap.shown(Command::Reconnect);
            ((Role::Bad, "NO ENGINE"), (Role::Bad, format!("{key} tries again: {reason}")))
        }
        (_, WarmCell::None | WarmCell::Settling(_)) => {
            ((Role::Muted, "IDLE"), (Role::Muted, format!("{run} runs the specimen")))
        }
        (_, WarmCell::Warming(..)) => ((Role::Caution, "WARMING"), (Role::Muted, "a cell is being made".to_owned())),
        (_, WarmCell::Ready(..)) if state.editor.is_empty() => {
            let key = |command| state.keymap.shown(command);
            let (probe, open) = (key(Command::Corpus), key(Command::Open));
            let says = format!("{probe} picks a probe, such as the fork bomb; {open} opens a file; or paste code");
            ((Role::Good, "READY"), (Role::Muted, says))
        }
        (_, WarmCell::Ready(_, took)) => {
            let made = if *took < KEPT { String::new() } else { format!(", made in {}", millis(*took)) };
            let says = format!("a warm cell waits{made}; {run} runs the specimen in it");
            ((Role::Good, "READY"), (Role::Muted, says))
        }
        (_, WarmCell::Failed(reason)) => ((Role::Bad, "NO CELL"), (Role::Bad, reason.clone())),
    }
}

/// What stands at the right of the second line, and the part of the deadline that has passed.
fn clock(state: &State) -> (Vec<String>, Option<f64>) {
    let Some(run) = state.runs.shown() else { return (Vec::new(), None) };
    if run.phase == Phase::Ended {
        let ran = run.log.summary.outcome.as_ref().map_or(Duration::ZERO, |(_, ran)| *ran);
        let first = run
            .first_output
            .map(|first| format!("first output after {} · ran {} · {}", millis(first), time(ran), next(state)));
        let shorter = [format!("ran {} · {}", time(ran), next(state)), next(state)];
        return (first.into_iter().chain(shorter).collect(), None);
    }
    let elapsed = run.elapsed(state.now);
    match run.policy.timeout.get() {
        Some(deadline) => {
            let text = format!("{} of {}", seconds(elapsed), seconds(deadline.0));
            (vec![text], Some((elapsed.as_secs_f64() / deadline.0.as_secs_f64()).clamp(0.0, 1.0)))
        }
        None => (vec![format!("{} · no deadline", seconds(elapsed))], None),
    }
}

/// The cell that the next run will have.
fn next(state: &State) -> String {
    match &state.warm {
        _ if state.runs.live().is_some() => "another run is live".to_owned(),
        WarmCell::Ready(..) => "next cell ready".to_owned(),
        WarmCell::Warming(..) | WarmCell::Settling(_) => "next cell warming".to_owned(),
        WarmCell::Failed(reason) => format!("no next cell: {reason}"),
        WarmCell::None => match &state.engine {
            EngineState::Connecting => "looking for an engine".to_owned(),
            EngineState::Lost(_) => "no engine".to_owned(),
            EngineState::Up(_) => "no cell waits".to_owned(),
        },
    }
}

fn millis(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Draws it.
pub fn render(frame: &mut Frame<'_>, area: Rect, view: &View, theme: &Theme) {
    let cells = usize::from(area.width);
    let lines = vec![first_line(view, cells, theme), second_line(view, cells, theme)];
    frame.render_widget(ratatui::text::Text::from(lines), area);
}

fn first_line(view: &View, cells: usize, theme: &Theme) -> Line<'static> {
    let mut spans = vec![Span::styled(" hotcell ", theme.style(Role::Header).add_modifier(Modifier::BOLD))];
    let mut left = cells.saturating_sub(9);
    for (role, text) in &view.bench {
        let text = clip(text, left.saturating_sub(3));
        if text.is_empty() {
            break;
        }
        left -= (width(&text) + 3).min(left);
        spans.push(Span::styled("│ ", theme.style(Role::Header)));
        spans.push(Span::styled(format!("{text} "), theme.style(Role::Header).patch(theme.style(*role))));
    }
    spans.push(Span::styled(" ".repeat(left), theme.style(Role::Header)));
    Line::from(spans)
}

fn second_line(view: &View, cells: usize, theme: &Theme) -> Line<'static> {
    let badge = format!(" {} ", view.badge.1);
    let room = cells.saturating_sub(width(&badge) + 3);
    let right = right(view, room.saturating_sub(width(&view.says.1)));
    let says = room.saturating_sub(width(&right));
    Line::from(vec![
        Span::styled(badge, theme.style(view.badge.0).add_modifier(Modifier::REVERSED | Modifier::BOLD)),
        Span::styled(format!(" {} ", fit(&view.says.1, says)), theme.style(view.says.0)),
        Span::styled(right, theme.style(Role::Text)),
    ])
}

/// As much of what stands at the right as there is room for. The clock of a run that goes on always stands there.
fn right(view: &View, room: usize) -> String {
    let longest = view.right.first().cloned().unwrap_or_default();
    match view.passed {
        Some(passed) if width(&longest) + usize::from(BAR) + 3 <= room => format!("{longest} {}", bar(passed)),
        Some(_) => longest,
        None => view.right.iter().find(|text| width(text) <= room).cloned().unwrap_or_default(),
    }
}

/// A bar of eighths of a cell.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part between 0 and 1 of a few cells")]
fn bar(passed: f64) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (passed * 8.0 * f64::from(BAR)) as usize;
    let mut text = String::from("▕");
    for cell in 0..usize::from(BAR) {
        let full = eighths.saturating_sub(cell * 8);
        text.push(if full >= 8 { '█' } else { EIGHTHS[full] });
    }
    text.push('▏');
    text
}
