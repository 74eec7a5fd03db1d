//! Frames as they are drawn: by size, state and theme; and the colours that mean something, cell by cell.

use std::fmt::Write;
use std::path::Path;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect, Size};
use ratatui::style::{Color, Modifier, Style};

use super::command::Command;
use super::fixture::{self, SMALL, STANDARD, WIDE, press, tell};
use super::layout::Pane;
use super::state::State;
use super::theme::{Depth, Role, Theme};
use super::view::{View, render};
use crate::policy::Layer;
use crate::run::EventKind;

/// The shipped themes.
const THEMES: [&str; 4] = ["dark", "light", "high-contrast", "ansi"];

fn draw(state: &State) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(state.size.width, state.size.height)).unwrap();
    let view = View::of(state);
    terminal.draw(|frame| render(frame, &view, &state.theme)).unwrap();
    terminal.backend().buffer().clone()
}

fn rows(buffer: &Buffer, area: Rect) -> Vec<String> {
    let row = |y| {
        let mut text = String::new();
        let mut x = area.x;
        while x < area.right() {
            let symbol = buffer[(x, y)].symbol();
            text.push_str(symbol);
            x += u16::try_from(super::cells::width(symbol).max(1)).unwrap();
        }
        text.trim_end().to_owned()
    };
    (area.y..area.bottom()).map(row).collect()
}

fn text(buffer: &Buffer) -> String {
    rows(buffer, buffer.area).join("\n")
}

/// Where a text begins on the screen, at or after a row.
fn find(buffer: &Buffer, wanted: &str) -> Position {
    for y in 0..buffer.area.height {
        for x in 0..buffer.area.width {
            let mut at = x;
            let matches = wanted.chars().all(|character| {
                let same = at < buffer.area.width && buffer[(at, y)].symbol() == character.to_string();
                at += 1;
                same
            });
            if matches {
                return Position { x, y };
            }
        }
    }
    panic!("{wanted} is not on the screen:\n{}", text(buffer))
}

fn style_at(buffer: &Buffer, wanted: &str) -> Style {
    buffer[find(buffer, wanted)].style()
}

fn themed(mut state: State, name: &str, depth: Depth) -> State {
    state.theme = Theme::load(name, Path::new("/nonexistent"), depth).unwrap();
    state
}

/// Each style of a frame as a letter, with a legend: what text alone does not show.
fn styles(buffer: &Buffer) -> String {
    let mut known: Vec<Style> = Vec::new();
    let mut grid = String::new();
    for y in 0..buffer.area.height {
        for x in 0..buffer.area.width {
            let style = buffer[(x, y)].style();
            let at = known.iter().position(|known| *known == style).unwrap_or_else(|| {
                known.push(style);
                known.len() - 1
            });
            let letters = ('a'..='z').chain('A'..='Z').chain('0'..='9');
            grid.push(letters.clone().nth(at).unwrap_or('?'));
        }
        grid.push('\n');
    }
    for (style, letter) in known.iter().zip(('a'..='z').chain('A'..='Z').chain('0'..='9')) {
        let _ = writeln!(
            grid,
            "{letter}: {} on {} {:?}",
            style.fg.unwrap_or_default(),
            style.bg.unwrap_or_default(),
            style.add_modifier
        );
    }
    grid
}

#[test]
fn every_state_at_every_size() {
    for (size_name, size) in [("80x24", SMALL), ("120x36", STANDARD), ("200x60", WIDE)] {
        for (name, state) in fixture::all(size) {
            insta::assert_snapshot!(format!("{size_name} {name}"), text(&draw(&state)));
        }
    }
}

#[test]
fn every_pane_alone() {
    for pane in Pane::ALL {
        let mut state = fixture::ended(SMALL);
        state.focus = pane;
        insta::assert_snapshot!(format!("pane {}", pane.title()), text(&draw(&state)));
    }
}

#[test]
fn every_overlay() {
    for (command, focus) in [
        (Command::Help, Pane::Specimen),
        (Command::Palette, Pane::Specimen),
        (Command::Open, Pane::Specimen),
        (Command::ShowCommand, Pane::Specimen),
        (Command::Filter, Pane::Denials),
        (Command::Toggle, Pane::Layers),
    ] {
        let mut state = fixture::ended(STANDARD);
        state.focus = focus;
        press(&mut state, command);
        insta::assert_snapshot!(format!("overlay {command}"), text(&draw(&state)));
    }
    let mut state = fixture::ended(STANDARD);
    state.focus = Pane::Denials;
    press(&mut state, Command::Top);
    press(&mut state, Command::Accept);
    insta::assert_snapshot!("overlay detail", text(&draw(&state)));
    press(&mut state, Command::Back);
    fixture::warm(&mut state);
    state.bench.policy.set_on(Layer::Rootfs, false);
    fixture::begin(&mut state);
    fixture::end(&mut state, crate::run::Outcome::Exited(0));
    press(&mut state, Command::Compare);
    insta::assert_snapshot!("overlay compare", text(&draw(&state)));
}

#[test]
fn the_tuning_bench_at_every_size() {
    for (size_name, size) in [("80x24", SMALL), ("120x36", STANDARD), ("200x60", WIDE)] {
        let mut state = fixture::asking_at(size, &[fixture::held_call(1, "socket", 5)]);
        insta::assert_snapshot!(format!("{size_name} break"), text(&draw(&state)));
        press(&mut state, Command::AllowFrom);
        insta::assert_snapshot!(format!("{size_name} allow"), text(&draw(&state)));
        press(&mut state, Command::Accept);
        press(&mut state, Command::ProfileView);
        for page in ["calls", "edits", "differences", "faults"] {
            insta::assert_snapshot!(format!("{size_name} profile {page}"), text(&draw(&state)));
            press(&mut state, Command::NextPane);
        }
        press(&mut state, Command::Back);
        press(&mut state, Command::Breakpoints);
        insta::assert_snapshot!(format!("{size_name} breakpoints"), text(&draw(&state)));
        press(&mut state, Command::Back);
        press(&mut state, Command::DenyErrno);
        insta::assert_snapshot!(format!("{size_name} errno"), text(&draw(&state)));
    }
}

#[test]
fn the_trials_at_both_usual_sizes() {
    for (size_name, size) in [("80x24", SMALL), ("120x36", STANDARD)] {
        let snap = |name: &str, state: &State| {
            insta::assert_snapshot!(format!("{size_name} {name}"), text(&draw(state)));
        };
        let mut state = fixture::filling(size, 9);
        state.now += std::time::Duration::from_millis(1400);
        snap("matrix being filled", &state);
        fixture::fill(&mut state);
        for _ in 0..3 {
            press(&mut state, Command::Down);
        }
        snap("matrix", &state);
        press(&mut state, Command::Accept);
        snap("matrix opened", &state);
        press(&mut state, Command::Back);
        press(&mut state, Command::Up);
        press(&mut state, Command::Accept);
        snap("matrix withheld", &state);
        let mut state = fixture::filling(size, 0);
        fixture::fill_over(&mut state, "runsc");
        press(&mut state, Command::Bottom);
        snap("matrix over runtimes", &state);
        let mut state = fixture::drilling(size);
        snap("drill under way", &state);
        fixture::tell_batch(&mut state, super::action::News::Over(Ok(())));
        snap("drill over", &state);
        let mut state = fixture::ready(size);
        state.focus = Pane::Layers;
        press(&mut state, Command::Lesson);
        snap("lesson", &state);
        press(&mut state, Command::Back);
        press(&mut state, Command::Corpus);
        snap("corpus", &state);
    }
}

#[test]
fn what_reached_and_what_holds_have_the_colours_of_that_in_every_theme() {
    for theme in THEMES {
        let mut state = themed(fixture::filling(STANDARD, 9), theme, Depth::True);
        fixture::fill(&mut state);
        let buffer = draw(&state);
        let colour = |role| state.theme.style(role).fg;
        assert_eq!(style_at(&buffer, "REACHED (0)").fg, colour(Role::Bad), "{theme}");
        assert_eq!(style_at(&buffer, "withheld").fg, colour(Role::Caution), "{theme}");
        assert_eq!(style_at(&buffer, "in front").fg, colour(Role::Good), "{theme}");
        let state = themed(fixture::drilling(STANDARD), theme, Depth::True);
        let buffer = draw(&state);
        assert_eq!(style_at(&buffer, "not tested").fg, state.theme.style(Role::Caution).fg, "{theme}");
        assert_eq!(style_at(&buffer, "1 NOT contained").fg, state.theme.style(Role::Bad).fg, "{theme}");
    }
}

#[test]
fn every_theme_in_its_colours() {
    for theme in THEMES {
        for (name, state) in fixture::all(STANDARD) {
            let state = themed(state, theme, Depth::True);
            insta::assert_snapshot!(format!("theme {theme} {name}"), styles(&draw(&state)));
        }
    }
    let state = themed(fixture::running(STANDARD), "dark", Depth::None);
    insta::assert_snapshot!("theme without colours", styles(&draw(&state)));
}

#[test]
fn what_is_wrong_has_the_colour_of_what_is_wrong_in_every_theme() {
    for theme in THEMES {
        let state = themed(fixture::running(WIDE), theme, Depth::True);
        let buffer = draw(&state);
        let colour = |role| state.theme.style(role).fg;
        assert_eq!(style_at(&buffer, "✗ NOT held").fg, colour(Role::Bad), "{theme}");
        assert_eq!(style_at(&buffer, "✓ in force").fg, colour(Role::Good), "{theme}");
        assert_eq!(style_at(&buffer, "? unverified").fg, colour(Role::Caution), "{theme}");
        assert_eq!(style_at(&buffer, "<U+202E>").fg, colour(Role::Mark), "{theme}");
        let apart = [Role::Bad, Role::Good, Role::Text].map(|role| state.theme.style(role).fg);
        assert!(apart[0] != apart[1] && apart[1] != apart[2] && apart[0] != apart[2], "{theme}: {apart:?}");
        assert_eq!(style_at(&buffer, "seccomp  ").fg, state.theme.layer(Layer::Seccomp).fg, "{theme}");
    }
}

#[test]
fn an_exposing_policy_is_red_in_the_header_and_says_so_in_words() {
    for theme in THEMES {
        let mut state = themed(fixture::ready(STANDARD), theme, Depth::True);
        let calm = draw(&state);
        assert_ne!(style_at(&calm, "hardened").fg, state.theme.style(Role::Bad).fg, "{theme}");
        state.bench.policy.set_on(Layer::Network, false);
        let buffer = draw(&state);
        assert_eq!(style_at(&buffer, "exposes the host").fg, state.theme.style(Role::Bad).fg, "{theme}");
    }
}

#[test]
fn the_state_of_the_cell_is_a_word_in_its_colour() {
    let says = |state: &State, word: &str, role: Role| {
        let style = style_at(&draw(state), word);
        assert_eq!(style.fg, state.theme.style(role).fg, "{word}");
        assert!(style.add_modifier.contains(Modifier::REVERSED), "{word}");
    };
    says(&fixture::ready(STANDARD), "READY", Role::Good);
    says(&fixture::running(STANDARD), "RUNNING", Role::Accent);
    says(&fixture::held(STANDARD), "HELD", Role::Caution);
    says(&fixture::lost(STANDARD), "NO ENGINE", Role::Bad);
}

#[test]
fn without_colours_there_are_none_and_the_focus_and_selection_are_still_seen() {
    for (name, state) in fixture::all(STANDARD) {
        let mut state = themed(state, "dark", Depth::None);
        state.focus = Pane::Layers;
        let buffer = draw(&state);
        for cell in buffer.content() {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{name}");
        }
        let selected = find(&buffer, "▸[x]");
        assert!(!buffer[selected].modifier.is_empty(), "{name}: the selection has a look of its own");
        assert!(text(&buffer).contains("╔ 2 Layers"), "{name}: the focus is a double border\n{}", text(&buffer));
    }
}

#[test]
fn hostile_text_is_a_mark_wherever_it_stands() {
    let mut state = fixture::ready(WIDE);
    let evil = "e\u{1b}[2J\u{202e}\u{200b}\u{7}vil";
    state.editor = super::editor::Editor::load(format!("/tmp/{evil}.py").into(), evil.as_bytes().to_vec());
    fixture::begin(&mut state);
    let output = EventKind::Output { stream: crate::run::Stream::Stderr, bytes: format!("{evil}\n").into_bytes() };
    tell(&mut state, 1, output);
    let outcome = crate::run::Outcome::NotStarted(crate::text::visible_str(evil));
    fixture::end(&mut state, outcome);
    let text = text(&draw(&state));
    for character in ['\u{1b}', '\u{202e}', '\u{200b}', '\u{7}'] {
        assert!(!text.contains(character), "{character:?}:\n{text}");
    }
    assert!(text.matches("\\x1b[2J<U+202E><U+200B>\\x07vil").count() >= 4, "{text}");
}

#[test]
fn any_size_is_drawn_and_a_small_one_says_what_is_needed() {
    for width in (1..=210).step_by(7) {
        for height in (1..=62).step_by(5) {
            for (name, mut state) in [("ended", fixture::ended(SMALL)), ("empty", fixture::empty(SMALL))] {
                state.size = Size::new(width, height);
                let shown = text(&draw(&state));
                if width >= 60 && height >= 16 {
                    assert!(shown.contains("hotcell"), "{name} {width}x{height}:\n{shown}");
                } else if width >= 21 && height >= 2 {
                    assert!(shown.contains("60×16"), "{name} {width}x{height}:\n{shown}");
                }
            }
        }
    }
}

#[test]
fn tabs_hold_every_pane_and_say_how_much_is_in_them() {
    let mut state = fixture::ended(SMALL);
    let shown = text(&draw(&state));
    for pane in Pane::ALL {
        assert!(shown.contains(pane.title()), "{shown}");
    }
    assert!(shown.contains("3 Denials 1205"), "{shown}");
    state.focus = Pane::Denials;
    assert!(text(&draw(&state)).contains("203.0.113.7:443"));
}
