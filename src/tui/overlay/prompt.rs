//! A line to type: a path, a pattern, a filter, a name.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Text};

use super::boxed;
use super::picker::typed;
use crate::text::visible_str;
use crate::tui::cells::clip;
use crate::tui::command::Command;
use crate::tui::field::{Field, FieldView};
use crate::tui::layout::Pane;
use crate::tui::state::State;
use crate::tui::theme::{Role, Theme};

/// Candidates that are shown at a time.
const ROWS: usize = 12;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// The path of a specimen.
    Open,
    /// Where to save the specimen.
    SaveSpecimen,
    /// Where to save the output.
    SaveOutput,
    /// Where to save the equivalent command.
    SaveCommand,
    /// Conditions on a call's arguments.
    Conditions,
    /// The name of a call to hold.
    Breakpoint,
    /// Where to save the profile.
    SaveProfile,
    /// The name of a new policy.
    SavePolicy,
    /// A regular expression to search a pane for.
    Search(Pane),
    /// Words that denials must have.
    Filter,
}

impl Asking {
    const fn title(self) -> &'static str {
        match self {
            Self::Open => "Open a specimen",
            Self::SaveSpecimen => "Save the specimen as",
            Self::SaveOutput => "Save the output as",
            Self::SaveCommand => "Save the command as",
            Self::Conditions => "Allow the call only if",
            Self::Breakpoint => "Hold the call named",
            Self::SaveProfile => "Save the seccomp profile as (OCI JSON)",
            Self::SavePolicy => "Save the policy as (a name)",
            Self::Search(Pane::Output) => "Search the output",
            Self::Search(_) => "Search the specimen",
            Self::Filter => "Filter denials",
        }
    }

    const fn foot(self) -> &'static str {
        match self {
            Self::Open => "Tab completes · ↑↓ recent · ^O the corpus: fork bomb and others · Enter · Esc",
            Self::SaveSpecimen | Self::SaveOutput | Self::SaveCommand | Self::SaveProfile => {
                "Tab completes · Enter · Esc"
            }
            Self::SavePolicy | Self::Breakpoint => "Enter · Esc",
            Self::Conditions => "argument from 0, comparison, number: 0=1, 1&0xff=2 · all must hold · Enter · Esc",
            Self::Search(_) => "a regular expression · Enter · Esc",
            Self::Filter => "words, !word excludes · empty shows all · Enter · Esc",
        }
    }

    /// Whether a path is typed, which Tab completes.
    pub const fn is_path(self) -> bool {
        matches!(self, Self::Open | Self::SaveSpecimen | Self::SaveOutput | Self::SaveCommand | Self::SaveProfile)
    }
}

/// A line being typed.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// What is asked for.
    pub asking: Asking,
    /// What was typed.
    pub field: Field,
    /// What is wrong with it.
    pub error: Option<String>,
    /// What it can become; raw.
    pub candidates: Vec<String>,
    /// Which of them was last taken.
    pub chosen: Option<usize>,
}

impl Prompt {
    /// A prompt with a first text.
    pub fn new(asking: Asking, text: &str, candidates: Vec<String>) -> Self {
        Self { asking, field: Field::new(text), error: None, candidates, chosen: None }
    }

    /// Types a character.
    pub fn type_char(&mut self, character: char) {
        self.field.type_char(character);
        self.error = None;
    }

    /// Pastes.
    pub fn paste(&mut self, text: &str) {
        self.field.paste(text);
        self.error = None;
    }

    /// Moves through the candidates, or edits what was typed.
    pub fn command(&mut self, command: Command) {
        let count = self.candidates.len();
        let next = match (command, self.chosen) {
            (Command::Up | Command::Down, _) if count == 0 => return,
            (Command::Down, None) => 0,
            (Command::Down, Some(at)) => (at + 1) % count,
            (Command::Up, None) => count - 1,
            (Command::Up, Some(at)) => (at + count - 1) % count,
            _ => {
                self.error = None;
                self.field.command(command);
                return;
            }
        };
        self.chosen = Some(next);
        let candidate = self.candidates[next].clone();
        self.field.set(&candidate);
    }

    /// Takes what a path can become: the part that all have in common is typed.
    pub fn completed(&mut self, typed: &str, candidates: Vec<String>) {
        if self.field.text() != typed {
            return;
        }
        let common = common_start(&candidates);
        if common.len() > typed.len() {
            self.field.set(&common);
        }
        if candidates.is_empty() {
            self.error = Some("nothing there begins like that".to_owned());
        }
        self.candidates = candidates;
        self.chosen = None;
    }
}

fn common_start(candidates: &[String]) -> String {
    let Some((first, rest)) = candidates.split_first() else { return String::new() };
    let mut common = first.as_str();
    for candidate in rest {
        let same = common.char_indices().zip(candidate.chars()).find(|((_, a), b)| a != b);
        let end = same.map_or(common.len().min(candidate.len()), |((at, _), _)| at);
        common = &common[..end];
    }
    common.to_owned()
}

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    asking: Asking,
    field: FieldView,
    error: Option<String>,
    candidates: Vec<String>,
    chosen: Option<usize>,
    hidden: usize,
}

/// Makes the view.
pub fn view(prompt: &Prompt, state: &State) -> View {
    let first = prompt.chosen.map_or(0, |at| (at + 1).saturating_sub(ROWS));
    let candidates: Vec<String> =
        prompt.candidates.iter().skip(first).take(ROWS).map(|candidate| visible_str(candidate)).collect();
    View {
        asking: prompt.asking,
        field: prompt.field.view(state.size.width.saturating_sub(6)),
        error: prompt.error.clone(),
        hidden: prompt.candidates.len() - candidates.len(),
        candidates,
        chosen: prompt.chosen.map(|at| at - first),
    }
}

/// Draws it at the bottom of the screen, over the footer's neighbour.
pub fn render(frame: &mut Frame<'_>, screen: Rect, view: &View, theme: &Theme) {
    let extra = u16::from(view.error.is_some()) + u16::from(view.hidden > 0);
    let wanted = 3 + u16::try_from(view.candidates.len()).unwrap_or(0) + extra;
    let height = wanted.min(screen.height.saturating_sub(1));
    let area = Rect { y: screen.bottom().saturating_sub(height + 1), height, ..screen };
    let inner = boxed::draw(frame, area, view.asking.title(), view.asking.foot(), theme);
    let width = usize::from(inner.width.saturating_sub(3));
    let mut lines = vec![typed(&view.field, theme)];
    if let Some(error) = &view.error {
        lines.push(Line::styled(format!(" ✗ {}", clip(error, width)), theme.style(Role::Bad)));
    }
    for (at, candidate) in view.candidates.iter().enumerate() {
        let (sign, role) = if view.chosen == Some(at) { ("▸", Role::Selection) } else { (" ", Role::Overlay) };
        lines.push(Line::styled(format!(" {sign} {}", clip(candidate, width)), theme.style(role)));
    }
    if view.hidden > 0 {
        lines.push(Line::styled(format!("   … {} more", view.hidden), theme.style(Role::Muted)));
    }
    frame.render_widget(Text::from(lines), inner);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(all: &[&str]) -> Vec<String> {
        all.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn completion_types_what_all_candidates_share() {
        let mut prompt = Prompt::new(Asking::Open, "fix", Vec::new());
        prompt.completed("fix", strings(&["fixtures/fork.py", "fixtures/forky.py"]));
        assert_eq!(prompt.field.text(), "fixtures/fork");
        prompt.completed("stale", strings(&["stale/x"]));
        assert_eq!(prompt.field.text(), "fixtures/fork", "an answer that comes too late is not taken");
        prompt.completed("fixtures/fork", Vec::new());
        assert!(prompt.error.is_some());
    }

    #[test]
    fn a_common_start_never_cuts_a_character() {
        assert_eq!(common_start(&strings(&["aé1", "aé2"])), "aé");
        assert_eq!(common_start(&strings(&["aé", "aè"])), "a");
        assert_eq!(common_start(&strings(&["日", "日本"])), "日");
    }

    #[test]
    fn up_and_down_go_through_the_candidates() {
        let mut prompt = Prompt::new(Asking::Open, "", strings(&["a.py", "b.py"]));
        prompt.command(Command::Down);
        assert_eq!(prompt.field.text(), "a.py");
        prompt.command(Command::Up);
        assert_eq!(prompt.field.text(), "b.py");
    }
}
