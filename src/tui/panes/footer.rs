//! The last line: the keys that count here, or a message.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::tui::cells::{clip, width};
use crate::tui::command::Command;
use crate::tui::input::scopes;
use crate::tui::layout::Pane;
use crate::tui::overlay::Overlay;
use crate::tui::state::{Phase, State, WarmCell};
use crate::tui::theme::{Role, Theme};

/// Hints at the end that are always shown: help, and how to leave.
const ALWAYS: usize = 2;

/// What is drawn.
#[derive(Clone, Debug)]
pub enum View {
    /// Keys and what they do.
    Keys(Vec<(String, &'static str)>),
    /// A message.
    Notice {
        /// What.
        text: String,
        /// Something went wrong.
        bad: bool,
    },
}

/// Makes the view.
pub fn view(state: &State) -> View {
    match &state.notice {
        Some(notice) => View::Notice { text: notice.text.clone(), bad: notice.bad },
        None => View::Keys(
            commands(state)
                .into_iter()
                .map(|command| (shown(state, command), name(state, command)))
                .filter(|(key, _)| !key.is_empty())
                .collect(),
        ),
    }
}

/// The key that means a command here.
fn shown(state: &State, command: Command) -> String {
    state.keymap.shown_in(command, scopes(state).0)
}

/// What a command is called here: taking what is selected means something else in each pane.
fn name(state: &State, command: Command) -> &'static str {
    match (command, state.focus) {
        (Command::Accept, Pane::Denials) => "detail",
        (Command::Accept, Pane::Layers) if !state.layers.is_editing() => "set",
        (Command::Lesson, _) => "what is it",
        (Command::FocusDenials, _) => "why",
        (Command::Hold, _) if state.runs.live().is_some_and(|run| run.phase == Phase::Held) => "go-on",
        (Command::Back, Pane::Specimen) if state.editing => "stop editing",
        _ => command.info().name,
    }
}

/// What counts where the focus is, the most useful first.
fn commands(state: &State) -> Vec<Command> {
    use Command as C;
    if state.profile.open {
        // The box has its own keys.
        return vec![C::Palette, C::Help, C::Quit];
    }
    if matches!(state.overlay, Some(Overlay::Matrix | Overlay::Drill)) {
        return vec![C::Quit];
    }
    if state.editing {
        return vec![C::Back, C::Undo, C::Redo, C::Indent, C::SaveSpecimen, C::Palette, C::Quit];
    }
    if state.layers.is_editing() {
        return vec![C::Accept, C::Back];
    }
    if state.editor.is_empty() && state.focus == Pane::Specimen && state.runs.live().is_none() {
        return vec![C::Corpus, C::Open, C::Edit, C::Drill, C::Policy, C::NextPane, C::Palette, C::Help, C::Quit];
    }
    let mut commands = match (state.runs.live().map(|run| run.phase), &state.warm) {
        (Some(Phase::Starting), _) => vec![C::Stop],
        (Some(_), _) => vec![C::Stop, C::Hold, C::Break],
        (None, WarmCell::Failed(_)) => vec![C::Reconnect],
        (None, _) if state.runs.kept.is_empty() => vec![C::Run],
        // After a run: why it ended so, what to switch off, and what each layer does.
        (None, _) => {
            let mut next = vec![C::Run, C::FocusDenials, C::FocusLayers, C::Matrix];
            let here = [(Pane::Denials, C::FocusDenials), (Pane::Layers, C::FocusLayers)];
            next.retain(|command| !here.contains(&(state.focus, *command)));
            next
        }
    };
    commands.extend(match state.focus {
        Pane::Specimen => &[C::Edit, C::Open, C::Search, C::NextMark][..],
        Pane::Layers => &[C::Toggle, C::Accept, C::Lesson, C::ResetLayer, C::ProfileView, C::Policy],
        Pane::Denials if state.asked().is_some() => {
            &[C::AllowFrom, C::Allow, C::Deny, C::DenyErrno, C::DenyAlways, C::KillCaller, C::NextHeld, C::Accept]
        }
        Pane::Denials => &[C::Accept, C::AllowFrom, C::Filter, C::Sort, C::Follow, C::Copy],
        Pane::Output => &[C::Search, C::Wrap, C::Split, C::Follow, C::SaveOutput, C::Copy],
        Pane::Resources => &[],
    });
    if state.runs.kept.len() > 1 {
        commands.extend([C::OlderRun, C::NewerRun, C::Compare]);
    }
    commands.extend([C::Policy, C::NextPane, C::Zoom, C::Palette, C::Help, C::Quit]);
    let mut seen = Vec::new();
    commands.retain(|command| {
        let new = !seen.contains(command);
        seen.push(*command);
        new
    });
    commands
}

/// Draws it.
pub fn render(frame: &mut Frame<'_>, area: Rect, view: &View, theme: &Theme) {
    let cells = usize::from(area.width);
    let line = match view {
        View::Notice { text, bad } => {
            let (sign, role) = if *bad { ("✗", Role::Bad) } else { ("·", Role::Accent) };
            Line::styled(format!(" {sign} {}", clip(text, cells.saturating_sub(4))), theme.style(role))
        }
        View::Keys(keys) => hints(keys, cells, theme),
    };
    frame.render_widget(line.style(theme.style(Role::Footer)), area);
}

/// As many hints as there is room for, whole; the last ones, how to learn more and how to leave, always.
fn hints(keys: &[(String, &'static str)], cells: usize, theme: &Theme) -> Line<'static> {
    let taken = |(key, name): &(String, &'static str)| width(key) + name.len() + 3;
    let (first, last) = keys.split_at(keys.len().saturating_sub(ALWAYS));
    let mut left = cells.saturating_sub(last.iter().map(taken).sum());
    let fits = |hint: &&(String, &'static str)| {
        let enough = taken(hint) <= left;
        left = if enough { left - taken(hint) } else { 0 };
        enough
    };
    let mut spans = Vec::new();
    for (key, name) in first.iter().filter(fits).chain(last) {
        spans.push(Span::styled(format!(" {key} "), theme.style(Role::Key)));
        spans.push(Span::styled(format!("{name} "), theme.style(Role::Footer)));
    }
    Line::from(spans)
}
