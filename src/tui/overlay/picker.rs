//! A list to choose from by typing a few letters: the palette, policies, profiles, themes, engines, languages.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::boxed;
use crate::tui::cells::fit;
use crate::tui::command::Command;
use crate::tui::field::{self, Field, FieldView};
use crate::tui::panes::frame;
use crate::tui::theme::{Role, Theme};

/// Rows of the list that are shown at a time.
const ROWS: usize = 16;

/// Cells of the box.
const WIDTH: u16 = 96;

/// What is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picking {
    /// An action.
    Action,
    /// A policy.
    Policy,
    /// A seccomp profile.
    Profile,
    /// A theme.
    Theme,
    /// An engine.
    Engine,
    /// A language.
    Language,
    /// A probe of the corpus.
    Corpus,
    /// What a call fails with: one that is held, or what the profile says of one.
    Errno {
        /// It is held.
        held: bool,
    },
}

impl Picking {
    const fn keys(self) -> &'static str {
        match self {
            Self::Errno { held: true } => "a name, or a number to 4095 · Enter once · Tab from now on · Esc",
            Self::Errno { held: false } => "a name, or a number to 4095 · Enter · Esc",
            Self::Corpus => "type a word · Enter opens the probe · Tab its harmless twin · Esc",
            Self::Action | Self::Policy | Self::Profile | Self::Theme | Self::Engine | Self::Language => "↑↓ Enter Esc",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Action => "Actions",
            Self::Policy => "Policy",
            Self::Profile => "Seccomp profile",
            Self::Theme => "Theme",
            Self::Engine => "Engine",
            Self::Language => "Language",
            Self::Corpus => "Probes of the corpus: what each tries, and the layer that holds it",
            Self::Errno { .. } => "Refuse with",
        }
    }
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What is chosen, as the program knows it.
    pub value: String,
    /// What is shown and matched; safe to show.
    pub label: String,
    /// What it is, in a line; safe to show.
    pub detail: String,
    /// At the right.
    pub note: String,
}

/// A list being chosen from.
#[derive(Clone, Debug)]
pub struct Picker {
    /// What is chosen.
    pub picking: Picking,
    items: Vec<Item>,
    field: Field,
    /// Places in `items`, the best match first.
    matches: Vec<usize>,
    /// A place in `matches`.
    selected: usize,
}

impl Picker {
    /// A list with the row of that value selected.
    pub fn new(picking: Picking, items: Vec<Item>, current: &str) -> Self {
        let selected = items.iter().position(|item| item.value == current).unwrap_or(0);
        Self { picking, matches: (0..items.len()).collect(), items, field: Field::default(), selected }
    }

    /// The row that is selected; `None` where nothing matches.
    pub fn chosen(&self) -> Option<&Item> {
        self.items.get(*self.matches.get(self.selected)?)
    }

    /// What was typed.
    pub fn typed(&self) -> &str {
        self.field.text()
    }

    /// Types a character.
    pub fn type_char(&mut self, character: char) {
        self.field.type_char(character);
        self.find();
    }

    /// Pastes.
    pub fn paste(&mut self, text: &str) {
        self.field.paste(text);
        self.find();
    }

    /// Moves the selection or edits what was typed.
    pub fn command(&mut self, command: Command) {
        let last = self.matches.len().saturating_sub(1);
        match command {
            Command::Up if self.selected == 0 => self.selected = last,
            Command::Up => self.selected -= 1,
            Command::Down if self.selected == last => self.selected = 0,
            Command::Down => self.selected += 1,
            _ => {
                let before = self.field.text().to_owned();
                self.field.command(command);
                if self.field.text() != before {
                    self.find();
                }
            }
        }
    }

    fn find(&mut self) {
        let pattern = Pattern::parse(self.field.text(), CaseMatching::Smart, Normalization::Smart);
        let words: Vec<String> = self.field.text().split_whitespace().map(str::to_lowercase).collect();
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut buffer = Vec::new();
        let mut score = |item: &Item| {
            let name = pattern.score(Utf32Str::new(&item.label, &mut buffer), &mut matcher);
            // Scattered letters find a name; what it does is found by whole parts of words alone, and counts for less.
            let detail = item.detail.to_lowercase();
            let told = words.iter().all(|word| detail.contains(word.as_str())).then_some(1);
            name.map(|score| score.saturating_mul(4)).max(told)
        };
        let mut scored: Vec<(usize, u32)> =
            self.items.iter().enumerate().filter_map(|(at, item)| Some((at, score(item)?))).collect();
        scored.sort_by_key(|(at, score)| (std::cmp::Reverse(*score), *at));
        self.matches = scored.into_iter().map(|(at, _)| at).collect();
        self.selected = 0;
    }
}

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    title: &'static str,
    keys: &'static str,
    field: FieldView,
    rows: Vec<Item>,
    selected: Option<usize>,
    above: usize,
    all: usize,
    matching: usize,
}

/// Makes the view.
pub fn view(picker: &Picker) -> View {
    let first = (picker.selected + 1).saturating_sub(ROWS);
    let rows: Vec<Item> =
        picker.matches.iter().skip(first).take(ROWS).filter_map(|at| picker.items.get(*at)).cloned().collect();
    View {
        title: picker.picking.title(),
        keys: picker.picking.keys(),
        field: picker.field.view(WIDTH - 6),
        selected: (!rows.is_empty()).then_some(picker.selected - first),
        rows,
        above: first,
        all: picker.items.len(),
        matching: picker.matches.len(),
    }
}

/// Draws it.
pub fn render(frame: &mut Frame<'_>, screen: Rect, view: &View, theme: &Theme) {
    let rows = u16::try_from(view.all.clamp(1, ROWS)).unwrap_or(1);
    let foot = format!("{} of {} · {}", view.matching, view.all, view.keys);
    let inner = boxed(frame, screen, (WIDTH, rows + 4), view.title, &foot, theme);
    let mut lines = vec![typed(&view.field, theme), Line::default()];
    if view.rows.is_empty() {
        lines.push(Line::styled("  nothing matches", theme.style(Role::Muted)));
    }
    // Where there is less room than was hoped for, the selected row is still seen.
    let room = usize::from(inner.height.saturating_sub(2)).max(1);
    let skip = view.selected.map_or(0, |selected| (selected + 1).saturating_sub(room));
    let longest = view.rows.iter().map(|item| crate::tui::cells::width(&item.label)).max().unwrap_or(0).min(32);
    for (at, item) in view.rows.iter().enumerate().skip(skip) {
        lines.push(row(item, view.selected == Some(at), longest, usize::from(inner.width), theme));
    }
    if view.above + skip > 0 {
        lines[1] = Line::styled(format!("  … {} above", view.above + skip), theme.style(Role::Muted));
    }
    frame.render_widget(ratatui::text::Text::from(lines), inner);
    if let Some(selected) = view.selected {
        let y = inner.y + u16::try_from(2 + selected - skip).unwrap_or(u16::MAX);
        frame::select(frame.buffer_mut(), Rect { y, height: 1, ..inner }.intersection(inner), theme);
    }
}

/// The line that is typed into.
pub(super) fn typed(view: &FieldView, theme: &Theme) -> Line<'static> {
    let mut line = Line::from(Span::styled(" › ", theme.style(Role::Accent)));
    line.spans.extend(field::line(view, theme).spans);
    line
}

fn row(item: &Item, selected: bool, longest: usize, width: usize, theme: &Theme) -> Line<'static> {
    let sign = if selected { " ▸ " } else { "   " };
    let note = crate::tui::cells::width(&item.note);
    let detail = width.saturating_sub(3 + longest + 2 + note + 2);
    Line::from(vec![
        Span::raw(sign),
        Span::raw(fit(&item.label, longest)),
        Span::styled(format!("  {} ", fit(&item.detail, detail)), theme.style(Role::Muted)),
        Span::styled(item.note.clone(), theme.style(Role::Key)),
        Span::raw(" "),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picker(labels: &[&str]) -> Picker {
        let item = |label: &&str| Item {
            value: (*label).to_owned(),
            label: (*label).to_owned(),
            detail: format!("what {label} does"),
            note: String::new(),
        };
        Picker::new(Picking::Action, labels.iter().map(item).collect(), "")
    }

    fn after(typed: &str) -> Option<String> {
        let mut picker = picker(&["run", "stop", "reset-policy", "save-policy"]);
        typed.chars().for_each(|c| picker.type_char(c));
        picker.chosen().map(|item| item.value.clone())
    }

    #[test]
    fn a_few_letters_in_order_find_an_item_and_others_find_none() {
        assert_eq!(after("").as_deref(), Some("run"));
        assert_eq!(after("svp").as_deref(), Some("save-policy"));
        assert_eq!(after("rstp").as_deref(), Some("reset-policy"));
        assert_eq!(after("zzz"), None);
    }

    #[test]
    fn a_word_of_the_help_line_finds_an_item_too() {
        assert_eq!(after("what stop").as_deref(), Some("stop"));
    }

    #[test]
    fn the_selection_goes_round_and_nothing_is_chosen_from_an_empty_list() {
        let mut all = picker(&["a", "b"]);
        all.command(Command::Up);
        assert_eq!(all.chosen().map(|item| item.value.as_str()), Some("b"));
        all.command(Command::Down);
        assert_eq!(all.chosen().map(|item| item.value.as_str()), Some("a"));
        let mut none = picker(&[]);
        none.command(Command::Down);
        none.command(Command::Up);
        assert_eq!(none.chosen(), None);
    }
}
