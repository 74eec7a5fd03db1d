//! One frame: an owned view of the state, and the drawing of it.
//!
//! ```text
//! ┌ header: specimen │ policy │ engine │ image ───────────────┐
//! │ STATE  what there is to say            elapsed ▕███    ▏  │
//! ├ 1 Specimen ──────────────────┬ 2 Layers ──────────────────┤
//! │ 12 s.connect(addr)           │ [x] network  none    ✓     │
//! ├ 3 Denials ───────────────────┤                            │
//! │ 12 ms ×4 seccomp socket(…)   ├ 5 Resources ───────────────┤
//! ├ 4 Output ────────────────────┤ CPU ▁▂▇█                   │
//! │ ! PermissionError            │ memory ▁▁▂                 │
//! └ footer: keys ────────────────┴────────────────────────────┘
//! ```
//!
//! From 170 columns on, the specimen has a column of its own; below 100×30 the panes are tabs.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Text};
use ratatui::widgets::Block;

use super::layout::{Areas, Arrangement, Pane, SMALLEST};
use super::overlay;
use super::panes::{denials, footer, header, layers, output, resources, specimen, tabs};
use super::state::State;
use super::theme::{Role, Theme};

/// Everything that is drawn in one frame.
#[derive(Clone, Debug)]
pub struct View {
    areas: Areas,
    header: header::View,
    tabs: tabs::View,
    panes: Vec<(Rect, PaneView)>,
    footer: footer::View,
    overlay: Option<overlay::View>,
}

#[derive(Clone, Debug)]
enum PaneView {
    Specimen(specimen::View),
    Layers(layers::View),
    Denials(denials::View),
    Output(output::View),
    Resources(resources::View),
}

impl View {
    /// Makes the view of the state as it is.
    pub fn of(state: &State) -> Self {
        let areas = state.areas();
        let pane = |pane: Pane| {
            let area = areas.pane(pane)?;
            let inner = areas.inner(pane);
            let view = match pane {
                Pane::Specimen => PaneView::Specimen(specimen::view(state, inner)),
                Pane::Layers => PaneView::Layers(layers::view(state, inner)),
                Pane::Denials => PaneView::Denials(denials::view(state, inner)),
                Pane::Output => PaneView::Output(output::view(state, inner)),
                Pane::Resources => PaneView::Resources(resources::view(state, inner)),
            };
            Some((area, view))
        };
        Self {
            header: header::view(state),
            tabs: tabs::view(state),
            panes: Pane::ALL.into_iter().filter_map(pane).collect(),
            footer: footer::view(state),
            overlay: overlay::view(state),
            areas,
        }
    }
}

/// Draws a view.
pub fn render(frame: &mut Frame<'_>, view: &View, theme: &Theme) {
    // A terminal can shrink between the making of a view and its drawing.
    if frame.area() != view.areas.screen {
        return;
    }
    frame.render_widget(Block::new().style(theme.ground()), view.areas.screen);
    if view.areas.arrangement == Arrangement::TooSmall {
        too_small(frame, theme);
        return;
    }
    header::render(frame, view.areas.header, &view.header, theme);
    if let Some(area) = view.areas.tabs {
        tabs::render(frame, area, &view.tabs, theme);
    }
    for (area, pane) in &view.panes {
        match pane {
            PaneView::Specimen(view) => specimen::render(frame, *area, view, theme),
            PaneView::Layers(view) => layers::render(frame, *area, view, theme),
            PaneView::Denials(view) => denials::render(frame, *area, view, theme),
            PaneView::Output(view) => output::render(frame, *area, view, theme),
            PaneView::Resources(view) => resources::render(frame, *area, view, theme),
        }
    }
    footer::render(frame, view.areas.footer, &view.footer, theme);
    if let Some(overlay) = &view.overlay {
        overlay::render(frame, view.areas.screen, overlay, theme);
    }
}

fn too_small(frame: &mut Frame<'_>, theme: &Theme) {
    let area = frame.area();
    let text = Text::from(vec![
        Line::styled("too small for hotcell", theme.style(Role::Caution)),
        Line::raw(format!("{}×{} of {}×{}", area.width, area.height, SMALLEST.width, SMALLEST.height)),
    ]);
    frame.render_widget(text, area);
}
