//! What stands over the panes: one at a time, closed by Esc.

pub mod allow;
mod boxed;
pub mod compare;
pub mod confirm;
pub mod detail;
pub mod drill;
pub mod going;
pub mod help;
pub mod lesson;
pub mod matrix;
pub mod picker;
pub mod points;
pub mod profile;
pub mod prompt;
pub mod share;

use ratatui::Frame;
use ratatui::layout::Rect;

use self::allow::Allow;
use self::compare::Compare;
use self::confirm::Confirm;
use self::going::Trial;
use self::picker::Picker;
use self::prompt::Prompt;
use super::layout::inside;
use super::state::State;
use super::theme::Theme;
use crate::policy::Layer;

/// A box over the panes.
#[derive(Clone, Debug)]
pub enum Overlay {
    /// Every key.
    Help {
        /// Lines scrolled past.
        scroll: u16,
    },
    /// A list to choose from.
    Picker(Picker),
    /// A line to type.
    Prompt(Prompt),
    /// A question.
    Confirm(Confirm),
    /// Everything known of the selected denial.
    Detail {
        /// Lines scrolled past.
        scroll: u16,
    },
    /// Two runs beside each other.
    Compare(Box<Compare>),
    /// What to do with a refused call from now on.
    Allow(Box<Allow>),
    /// The profile, call by call.
    Profile,
    /// Which refused calls are held.
    Points,
    /// The equivalent commands.
    Share {
        /// Lines scrolled past.
        scroll: u16,
    },
    /// The specimen under each combination of layers.
    Matrix,
    /// The corpus against the engine and the policy.
    Drill,
    /// A layer's page.
    Lesson {
        /// Which layer's.
        layer: Layer,
        /// Lines scrolled past.
        scroll: u16,
        /// What it was opened from, and goes back to.
        from: Option<Box<Overlay>>,
    },
}

impl Overlay {
    /// How far it is scrolled, where it can be.
    fn scroll_mut(&mut self) -> Option<&mut u16> {
        match self {
            Self::Help { scroll } | Self::Detail { scroll } | Self::Share { scroll } | Self::Lesson { scroll, .. } => {
                Some(scroll)
            }
            Self::Compare(_)
            | Self::Picker(_)
            | Self::Prompt(_)
            | Self::Confirm(_)
            | Self::Allow(_)
            | Self::Profile
            | Self::Points
            | Self::Matrix
            | Self::Drill => None,
        }
    }
}

/// Scrolls the overlay by so many lines, if it can be scrolled, and no further than its end.
pub fn scroll(state: &mut State, lines: i32) {
    let screen = state.areas().screen;
    let top = match view(state) {
        Some(View::Over(_, top)) => Some(*top),
        view => view,
    };
    let most = match top {
        Some(View::Help(view)) => view.most_scroll(screen),
        Some(View::Detail(view)) => view.most_scroll(screen),
        Some(View::Share(view)) => view.most_scroll(screen),
        Some(View::Lesson(view)) => view.most_scroll(screen),
        _ => return,
    };
    if let Some(scroll) = state.overlay.as_mut().and_then(Overlay::scroll_mut) {
        let moved = i32::from(*scroll).saturating_add(lines).clamp(0, i32::from(most));
        *scroll = u16::try_from(moved).unwrap_or(most);
    }
}

/// What is drawn of an overlay.
#[derive(Clone, Debug)]
pub enum View {
    /// [`Overlay::Help`].
    Help(help::View),
    /// [`Overlay::Picker`].
    Picker(picker::View),
    /// [`Overlay::Prompt`].
    Prompt(prompt::View),
    /// [`Overlay::Confirm`].
    Confirm(confirm::View),
    /// [`Overlay::Detail`].
    Detail(detail::View),
    /// [`Overlay::Compare`].
    Compare(compare::View),
    /// [`Overlay::Allow`].
    Allow(allow::View),
    /// [`Overlay::Profile`].
    Profile(profile::View),
    /// [`Overlay::Points`].
    Points(points::View),
    /// [`Overlay::Share`].
    Share(share::View),
    /// [`Overlay::Matrix`].
    Matrix(matrix::View),
    /// [`Overlay::Drill`].
    Drill(drill::View),
    /// [`Overlay::Lesson`].
    Lesson(lesson::View),
    /// One over another, which it goes back to.
    Over(Box<View>, Box<View>),
}

/// Makes the view of the overlay, where there is one.
pub fn view(state: &State) -> Option<View> {
    let overlay = state.overlay.as_ref()?;
    let view = view_of(state, overlay)?;
    Some(match under(state, overlay) {
        Some(under) => View::Over(Box::new(under), Box::new(view)),
        None => view,
    })
}

/// What is seen around a question about the matrix or the drill, and around a page that was opened from there.
fn under(state: &State, overlay: &Overlay) -> Option<View> {
    match overlay {
        Overlay::Confirm(Confirm::StopBatch(Trial::Matrix) | Confirm::ExposeMatrix { .. }) => {
            matrix::view(state).map(View::Matrix)
        }
        Overlay::Confirm(Confirm::StopBatch(Trial::Drill)) => drill::view(state).map(View::Drill),
        Overlay::Lesson { from: Some(from), .. } => view_of(state, from),
        _ => None,
    }
}

fn view_of(state: &State, overlay: &Overlay) -> Option<View> {
    Some(match overlay {
        Overlay::Help { scroll } => View::Help(help::view(state, *scroll)),
        Overlay::Picker(picker) => View::Picker(picker::view(picker)),
        Overlay::Prompt(prompt) => View::Prompt(prompt::view(prompt, state)),
        Overlay::Confirm(confirm) => View::Confirm(confirm::view(confirm)),
        Overlay::Detail { scroll } => View::Detail(detail::view(state, *scroll)?),
        Overlay::Compare(compare) => View::Compare(compare::view(compare, state.areas().screen)),
        Overlay::Allow(allow) => View::Allow(allow::view(allow, state)),
        Overlay::Profile => View::Profile(profile::view(state)),
        Overlay::Points => View::Points(points::view(state)),
        Overlay::Share { scroll } => View::Share(share::view(state, *scroll)),
        Overlay::Matrix => View::Matrix(matrix::view(state)?),
        Overlay::Drill => View::Drill(drill::view(state)?),
        Overlay::Lesson { layer, scroll, .. } => View::Lesson(lesson::view(state, *layer, *scroll)),
    })
}

/// Draws it.
pub fn render(frame: &mut Frame<'_>, screen: Rect, view: &View, theme: &Theme) {
    match view {
        View::Help(view) => help::render(frame, screen, view, theme),
        View::Picker(view) => picker::render(frame, screen, view, theme),
        View::Prompt(view) => prompt::render(frame, screen, view, theme),
        View::Confirm(view) => confirm::render(frame, screen, view, theme),
        View::Detail(view) => detail::render(frame, screen, view, theme),
        View::Compare(view) => compare::render(frame, screen, view, theme),
        View::Allow(view) => allow::render(frame, screen, view, theme),
        View::Profile(view) => profile::render(frame, screen, view, theme),
        View::Points(view) => points::render(frame, screen, view, theme),
        View::Share(view) => share::render(frame, screen, view, theme),
        View::Matrix(view) => matrix::render(frame, screen, view, theme),
        View::Drill(view) => drill::render(frame, screen, view, theme),
        View::Lesson(view) => lesson::render(frame, screen, view, theme),
        View::Over(under, top) => {
            render(frame, screen, under, theme);
            render(frame, screen, top, theme);
        }
    }
}

/// All of the screen but the last line, where what came of a key is told.
fn placed(screen: Rect) -> Rect {
    Rect { height: screen.height.saturating_sub(1), ..screen }
}

/// What of a list of lines is in sight on a screen, and how to see the rest and leave.
fn foot(scroll: u16, lines: usize, screen: Rect) -> String {
    let room = usize::from(inside(screen).height);
    if lines <= room {
        return "Esc".to_owned();
    }
    let first = usize::from(scroll).min(lines - room);
    format!("lines {}–{} of {lines} · ↑↓ · Esc", first + 1, first + room)
}

/// Draws a box of that size in the middle of the screen, or as much of it as there is room for; gives what is inside.
pub fn boxed(frame: &mut Frame<'_>, screen: Rect, size: (u16, u16), title: &str, foot: &str, theme: &Theme) -> Rect {
    let (width, height) = (size.0.min(screen.width), size.1.min(screen.height));
    let area =
        Rect { x: screen.x + (screen.width - width) / 2, y: screen.y + (screen.height - height) / 2, width, height };
    boxed::draw(frame, area, title, foot, theme)
}
