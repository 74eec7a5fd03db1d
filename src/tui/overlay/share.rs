//! The equivalent `docker run` and `podman run`.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Text};

use super::boxed;
use crate::engine::EngineKind;
use crate::plan::argv;
use crate::policy::{Client, Layer, Policy, SeccompChoice};
use crate::text::visible_str;
use crate::tui::cells::{split_at_cells, wrap};
use crate::tui::command::Command;
use crate::tui::layout::inside;
use crate::tui::state::{EngineState, State};
use crate::tui::theme::{Role, Theme};

/// Cells of the box.
const WIDTH: u16 = 110;

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    lines: Vec<(Role, String)>,
    scroll: u16,
    foot: String,
}

/// The client of the engine at hand.
pub fn client(state: &State) -> Client {
    match &state.engine {
        EngineState::Up(facts) if facts.capabilities.kind == EngineKind::Podman => Client::Podman,
        EngineState::Up(_) | EngineState::Connecting | EngineState::Lost(_) => Client::Docker,
    }
}

/// The command of the engine at hand as a script, to be saved.
pub fn script(state: &State) -> String {
    format!("#!/bin/sh\n# {MOUNT}\nexec {}\n", command(state, client(state)))
}

/// The command for a client, as one line for a shell.
pub fn command(state: &State, client: Client) -> String {
    let argv = state.specimen().map_or_else(|_| vec!["python3".to_owned(), "-".to_owned()], |it| argv(&it));
    saved_policy(state).command(client, &state.bench.image, &argv)
}

/// Whether the profile has edits that are in no file: a command cannot name it then.
pub fn is_unsaved(state: &State) -> bool {
    let edited = state.tuning.edited(&state.bench.policy).is_some();
    edited && state.tuning.of(&state.bench.policy).is_some_and(|working| working.file().is_none())
}

/// The policy on the bench, with the file of its profile where that was edited and saved.
pub fn saved_policy(state: &State) -> Policy {
    let mut policy = state.bench.policy.clone();
    let working = state.tuning.of(&policy).filter(|working| working.edits() > 0);
    if let Some(path) = working.and_then(|working| working.file()) {
        policy.seccomp.setting = SeccompChoice::File(path.clone());
    }
    policy
}

/// Makes the view.
pub fn view(state: &State, scroll: u16) -> View {
    let cells = usize::from(WIDTH.min(state.size.width)).saturating_sub(6);
    let mut lines = Vec::new();
    if is_unsaved(state) {
        let (save, label) = (state.keymap.shown(Command::SaveProfile), state.tuning.label(&state.bench.policy));
        let text =
            format!("The edits of {label} are in no file: {save} saves the profile, and the command names that.");
        lines.extend(wrap(&text, cells).into_iter().map(|line| (Role::Caution, line)));
        lines.push((Role::Overlay, String::new()));
    }
    for client in [Client::Docker, Client::Podman] {
        lines.push((Role::Accent, client.name().to_owned()));
        lines.extend(broken(&command(state, client), cells).into_iter().map(|line| (Role::Overlay, line)));
        lines.push((Role::Overlay, String::new()));
    }
    lines.push((Role::Accent, "what it leaves out".to_owned()));
    lines.push((Role::Muted, MOUNT.to_owned()));
    let policy = saved_policy(state);
    for layer in Layer::ALL {
        let flags = policy.docker_flags(layer);
        if let Some(note) = flags.note {
            lines.extend(
                wrap(&format!("{layer}: {}", visible_str(&note)), cells).into_iter().map(|line| (Role::Muted, line)),
            );
        }
    }
    let (copy, save) = (state.keymap.shown(Command::Copy), state.keymap.shown(Command::SaveOutput));
    View { lines, scroll, foot: format!("{copy} copies, {save} saves the {} command", client(state).name()) }
}

const MOUNT: &str = "the specimen itself: mount it read-only with -v FILE:/sandbox/FILE:ro";

/// A long command broken before its flags, each line but the last continued by a backslash.
fn broken(command: &str, cells: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for part in command.split(" --") {
        let first = lines.len() == 1 && lines[0].is_empty();
        let part = if first { part.to_owned() } else { format!("--{part}") };
        let last = lines.len() - 1;
        if first {
            lines[last] = part;
        } else if lines[last].len() + part.len() + 3 <= cells {
            lines[last] = format!("{} {part}", lines[last]);
        } else {
            lines[last].push_str(" \\");
            lines.push(format!("  {part}"));
        }
    }
    lines.into_iter().flat_map(|line| cut(&line, cells)).collect()
}

fn cut(mut line: &str, cells: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    while !line.is_empty() {
        let at = split_at_cells(line, cells.max(1));
        pieces.push(line[..at].to_owned());
        line = &line[at..];
    }
    pieces
}

impl View {
    /// By how many lines it can be scrolled on a screen.
    pub fn most_scroll(&self, screen: Rect) -> u16 {
        let hidden = self.lines.len().saturating_sub(usize::from(inside(screen).height));
        u16::try_from(hidden).unwrap_or(u16::MAX)
    }
}

/// Draws it.
pub fn render(frame: &mut Frame<'_>, screen: Rect, view: &View, theme: &Theme) {
    let height = u16::try_from(view.lines.len()).unwrap_or(u16::MAX).saturating_add(2);
    let foot = format!("{} · {}", view.foot, super::foot(view.scroll, view.lines.len(), screen));
    let inner = boxed(frame, screen, (WIDTH, height), "The same cell by command", &foot, theme);
    let room = usize::from(inner.height);
    let skip = usize::from(view.scroll).min(view.lines.len().saturating_sub(room));
    let line = |(role, text): &(Role, String)| Line::styled(format!(" {text}"), theme.style(*role));
    frame.render_widget(Text::from(view.lines.iter().skip(skip).take(room).map(line).collect::<Vec<_>>()), inner);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_broken_before_its_flags_and_loses_nothing() {
        let command = "docker run --rm --network none --read-only --memory 256m image python3 /sandbox/a.py";
        let lines = broken(command, 60);
        assert!(lines.len() > 1 && lines.iter().all(|line| line.chars().count() <= 62), "{lines:?}");
        let words: Vec<&str> =
            lines.iter().flat_map(|line| line.split_whitespace()).filter(|word| *word != "\\").collect();
        assert_eq!(words, command.split_whitespace().collect::<Vec<_>>());
    }
}
