//! A layer's page: what it is, what it stops and what it does not, the probe that shows it, the equivalent flag.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Text};

use crate::drill::lesson::{Block, Lesson};
use crate::policy::{Client, Layer};
use crate::text::visible_str;
use crate::tui::cells::wrap;
use crate::tui::command::Command;
use crate::tui::layout::inside;
use crate::tui::state::State;
use crate::tui::theme::{Role, Theme};

/// Cells of the box: a line that is read with ease.
const WIDTH: u16 = 84;

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    title: String,
    lines: Vec<(Role, String)>,
    /// How the probe is loaded; empty where there is none.
    load: String,
    scroll: u16,
}

/// Makes the view of a page, scrolled by so many lines.
pub fn view(state: &State, layer: Layer, scroll: u16) -> View {
    let lesson = Lesson::of(layer);
    let cells = usize::from(WIDTH.min(state.size.width)).saturating_sub(4);
    let mut lines = Vec::new();
    let mut add = |role, indent: &str, text: &str| {
        let broken = wrap(text, cells.saturating_sub(indent.len()));
        lines.extend(broken.into_iter().map(|line| (role, format!(" {indent}{line}"))));
    };
    for block in &lesson.blocks {
        match block {
            Block::Heading(heading) => {
                if *heading == READ_ON {
                    add(Role::Text, "", "");
                    add(Role::Accent, "", "The same by command");
                    flags(state, layer, &mut add);
                }
                add(Role::Text, "", "");
                add(Role::Accent, "", heading);
            }
            Block::Paragraph(text) => add(Role::Text, "", text),
            Block::Item(text) => add(Role::Muted, "  ", text),
        }
    }
    // The page begins with a heading, and the box has a border above it.
    lines.remove(0);
    let key = state.keymap.shown(Command::Accept);
    let load = lesson.probe.map_or_else(String::new, |probe| format!("{key} loads {probe} · "));
    View { title: format!("{layer}: {}", lesson.title), lines, load, scroll }
}

/// Before this heading stands what the clients take.
const READ_ON: &str = "Read on";

/// What docker and podman take for the layer as it is set on the bench.
fn flags(state: &State, layer: Layer, add: &mut impl FnMut(Role, &str, &str)) {
    let mut policy = state.bench.policy.clone();
    policy.set_on(layer, true);
    for client in [Client::Docker, Client::Podman] {
        let equivalent = match client {
            Client::Docker => policy.docker_flags(layer),
            Client::Podman => policy.podman_flags(layer),
        };
        for line in equivalent.lines(client) {
            add(Role::Text, "  ", &visible_str(&line));
        }
    }
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
    let height = u16::try_from(view.lines.len() + 2).unwrap_or(u16::MAX);
    let foot = format!("{}{}", view.load, super::foot(view.scroll, view.lines.len(), screen));
    let inner = super::boxed(frame, screen, (WIDTH, height), &view.title, &foot, theme);
    let room = usize::from(inner.height);
    let skip = usize::from(view.scroll).min(view.lines.len().saturating_sub(room));
    let lines = view.lines.iter().skip(skip).take(room);
    let lines: Vec<Line<'static>> = lines.map(|(role, text)| Line::styled(text.clone(), theme.style(*role))).collect();
    frame.render_widget(Text::from(lines), inner);
}
