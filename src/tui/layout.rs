//! Where everything is on the screen. Pure: the same sizes and splits give the same rectangles, for drawing and for
//! finding what the mouse points at.

use ratatui::layout::{Constraint, Direction, Layout, Position, Rect, Size};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// The smallest screen on which the workbench can be used.
pub const SMALLEST: Size = Size { width: 60, height: 16 };

/// From this size, all panes are shown at once.
const ALL_PANES: Size = Size { width: 100, height: 30 };

/// From this width, they stand in three columns.
const THREE_COLUMNS: u16 = 170;

/// A share is never smaller than this, in per cent.
const LEAST_SHARE: u16 = 10;

/// A pane is never lower than this: a border, and a line in it.
const LEAST_HEIGHT: u16 = 3;

/// One of the five panes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pane {
    /// The code.
    Specimen,
    /// What isolates it.
    Layers,
    /// What was refused.
    Denials,
    /// What it printed.
    Output,
    /// What it uses.
    Resources,
}

impl Pane {
    /// Every pane, in the order of their keys.
    pub const ALL: [Self; 5] = [Self::Specimen, Self::Layers, Self::Denials, Self::Output, Self::Resources];

    /// Its title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Specimen => "Specimen",
            Self::Layers => "Layers",
            Self::Denials => "Denials",
            Self::Output => "Output",
            Self::Resources => "Resources",
        }
    }
}

/// A line between panes that can be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Divider {
    /// Right of the first column.
    First,
    /// Right of the second of three columns.
    Second,
    /// Below the specimen, in two columns.
    Specimen,
    /// Below the denials.
    Denials,
    /// Below the layers.
    Layers,
}

/// The panes' shares of the screen, in per cent; what the reviewer moved is kept from session to session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Splits {
    /// The left one of two columns.
    pub left: u16,
    /// The first of three columns.
    pub first: u16,
    /// The second of three columns.
    pub second: u16,
    /// The specimen in its column, where two others are below it.
    pub specimen: u16,
    /// The denials, of what they share with the output.
    pub denials: u16,
    /// The layers, of what they share with the resources.
    pub layers: u16,
}

impl Default for Splits {
    fn default() -> Self {
        Self { left: 58, first: 36, second: 38, specimen: 42, denials: 45, layers: 70 }
    }
}

impl Splits {
    /// Each brought within what leaves room for all: shares may come from a file, or from a screen of another shape.
    #[must_use]
    pub fn bounded(&self) -> Self {
        let within = |share: u16| share.clamp(LEAST_SHARE, 100 - LEAST_SHARE);
        let first = self.first.clamp(LEAST_SHARE, 100 - 2 * LEAST_SHARE);
        Self {
            left: within(self.left),
            first,
            second: self.second.clamp(LEAST_SHARE, 100 - LEAST_SHARE - first),
            specimen: within(self.specimen),
            denials: within(self.denials),
            layers: within(self.layers),
        }
    }
}

/// How the panes are arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrangement {
    /// Three columns: specimen; denials over output; layers over resources.
    Three,
    /// Two columns: specimen, denials, output; layers over resources.
    Two,
    /// One pane, and a tab for each.
    Tabs,
    /// There is no room.
    TooSmall,
}

/// Rectangles on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Areas {
    /// How the panes are arranged.
    pub arrangement: Arrangement,
    /// The whole screen.
    pub screen: Rect,
    /// The top two lines.
    pub header: Rect,
    /// The tabs, where there are any.
    pub tabs: Option<Rect>,
    /// The last line.
    pub footer: Rect,
    panes: [Option<Rect>; 5],
}

impl Areas {
    /// Arranges a screen.
    pub fn new(size: Size, splits: &Splits, focus: Pane, zoomed: bool) -> Self {
        let screen = Rect::from((Position::ORIGIN, size));
        let arrangement = arrange(size, zoomed);
        let tabbed = u16::from(arrangement == Arrangement::Tabs);
        let [header, tabs, body, footer] = Layout::vertical([
            Constraint::Length(2),
            Constraint::Length(tabbed),
            Constraint::Min(0),
            Constraint::Length(1),
        ])
        .areas(screen);
        let mut areas =
            Self { arrangement, screen, header, tabs: (tabbed == 1).then_some(tabs), footer, panes: [None; 5] };
        areas.place(body, &splits.bounded(), focus);
        areas
    }

    fn place(&mut self, body: Rect, splits: &Splits, focus: Pane) {
        match self.arrangement {
            Arrangement::TooSmall => {}
            Arrangement::Tabs => self.put(focus, body),
            Arrangement::Two => {
                let [left, right] = columns(body, part(body.width, splits.left));
                let [specimen, rest] = rows(left, part(left.height, splits.specimen), 2 * LEAST_HEIGHT);
                self.put(Pane::Specimen, specimen);
                self.stack(Pane::Denials, Pane::Output, rest, splits.denials);
                self.stack(Pane::Layers, Pane::Resources, right, splits.layers);
            }
            Arrangement::Three => {
                let [first, rest] = columns(body, part(body.width, splits.first));
                let [second, third] = columns(rest, part(body.width, splits.second));
                self.put(Pane::Specimen, first);
                self.stack(Pane::Denials, Pane::Output, second, splits.denials);
                self.stack(Pane::Layers, Pane::Resources, third, splits.layers);
            }
        }
    }

    fn stack(&mut self, upper: Pane, lower: Pane, area: Rect, share: u16) {
        let [above, below] = rows(area, part(area.height, share), LEAST_HEIGHT);
        self.put(upper, above);
        self.put(lower, below);
    }

    fn put(&mut self, pane: Pane, area: Rect) {
        self.panes[pane as usize] = Some(area);
    }

    /// Where a pane is, its border included; `None` where it is not on the screen.
    pub fn pane(&self, pane: Pane) -> Option<Rect> {
        self.panes[pane as usize]
    }

    /// What is inside a pane's border; empty where it is not on the screen.
    pub fn inner(&self, pane: Pane) -> Rect {
        self.pane(pane).map_or(Rect::ZERO, inside)
    }

    /// The pane at a place.
    pub fn pane_at(&self, at: Position) -> Option<Pane> {
        Pane::ALL.into_iter().find(|pane| self.pane(*pane).is_some_and(|area| area.contains(at)))
    }

    /// The divider at a place: the borders of two neighbours belong to it.
    pub fn divider_at(&self, at: Position) -> Option<Divider> {
        let below = |pane: Pane| self.pane(pane).is_some_and(|area| on_lower_edge(area, at));
        let beside = |pane: Pane| self.pane(pane).is_some_and(|area| on_right_edge(area, at));
        match self.arrangement {
            Arrangement::Tabs | Arrangement::TooSmall => None,
            _ if below(Pane::Denials) => Some(Divider::Denials),
            _ if below(Pane::Layers) => Some(Divider::Layers),
            Arrangement::Two if below(Pane::Specimen) => Some(Divider::Specimen),
            Arrangement::Two => {
                let left = [Pane::Specimen, Pane::Denials, Pane::Output];
                left.into_iter().any(beside).then_some(Divider::First)
            }
            Arrangement::Three if beside(Pane::Specimen) => Some(Divider::First),
            Arrangement::Three => [Pane::Denials, Pane::Output].into_iter().any(beside).then_some(Divider::Second),
        }
    }

    /// The splits after a divider was drawn to a place; the same where it is not on the screen.
    pub fn dragged(&self, splits: &Splits, divider: Divider, to: Position) -> Splits {
        let mut moved = splits.bounded();
        let top = self.header.bottom();
        let height = self.footer.y.saturating_sub(top);
        let across = |from: u16| share(to.x.saturating_sub(from), self.screen.width);
        let down = |upper: Pane, lower: Pane| {
            let (upper, lower) = (self.pane(upper).unwrap_or_default(), self.pane(lower).unwrap_or_default());
            share(to.y.saturating_sub(upper.y), upper.height + lower.height)
        };
        match (self.arrangement, divider) {
            (Arrangement::Two, Divider::First) => moved.left = across(0),
            (Arrangement::Two, Divider::Specimen) => moved.specimen = share(to.y.saturating_sub(top), height),
            (Arrangement::Three, Divider::First) => moved.first = across(0),
            (Arrangement::Three, Divider::Second) => {
                moved.second = across(self.pane(Pane::Denials).unwrap_or_default().x);
            }
            (Arrangement::Two | Arrangement::Three, Divider::Denials) => {
                moved.denials = down(Pane::Denials, Pane::Output);
            }
            (Arrangement::Two | Arrangement::Three, Divider::Layers) => {
                moved.layers = down(Pane::Layers, Pane::Resources);
            }
            (Arrangement::Two, Divider::Second)
            | (Arrangement::Three, Divider::Specimen)
            | (Arrangement::Tabs | Arrangement::TooSmall, _) => {}
        }
        moved.bounded()
    }

    /// The splits after the focused pane grew (or, with negative steps, shrank) by so many per cent; the same where it
    /// has no neighbour on the screen in that direction.
    pub fn grown(&self, splits: &Splits, focus: Pane, direction: Direction, step: i16) -> Splits {
        let mut moved = splits.bounded();
        let less = step.saturating_neg();
        let (share, step) = match (self.arrangement, direction, focus) {
            (Arrangement::Tabs | Arrangement::TooSmall, ..)
            | (Arrangement::Three, Direction::Vertical, Pane::Specimen) => return moved,
            (Arrangement::Two, Direction::Vertical, Pane::Specimen) => (&mut moved.specimen, step),
            (_, Direction::Vertical, Pane::Denials) => (&mut moved.denials, step),
            (_, Direction::Vertical, Pane::Output) => (&mut moved.denials, less),
            (_, Direction::Vertical, Pane::Layers) => (&mut moved.layers, step),
            (_, Direction::Vertical, Pane::Resources) => (&mut moved.layers, less),
            (Arrangement::Three, Direction::Horizontal, Pane::Specimen) => (&mut moved.first, step),
            (Arrangement::Three, Direction::Horizontal, Pane::Denials | Pane::Output) => (&mut moved.second, step),
            (Arrangement::Three, Direction::Horizontal, Pane::Layers | Pane::Resources) => (&mut moved.second, less),
            (Arrangement::Two, Direction::Horizontal, Pane::Layers | Pane::Resources) => (&mut moved.left, less),
            (Arrangement::Two, Direction::Horizontal, _) => (&mut moved.left, step),
        };
        *share = share.saturating_add_signed(step);
        moved.bounded()
    }
}

/// What is inside a border of one cell.
pub fn inside(area: Rect) -> Rect {
    Rect {
        x: area.x + area.width.min(1),
        y: area.y + area.height.min(1),
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(2),
    }
}

fn arrange(size: Size, zoomed: bool) -> Arrangement {
    if size.width < SMALLEST.width || size.height < SMALLEST.height {
        Arrangement::TooSmall
    } else if zoomed || size.width < ALL_PANES.width || size.height < ALL_PANES.height {
        Arrangement::Tabs
    } else if size.width >= THREE_COLUMNS {
        Arrangement::Three
    } else {
        Arrangement::Two
    }
}

fn columns(area: Rect, left: u16) -> [Rect; 2] {
    Layout::horizontal([Constraint::Length(left), Constraint::Fill(1)]).areas(area)
}

/// The upper part keeps room for a pane, and the lower for what stands there.
fn rows(area: Rect, upper: u16, lower_least: u16) -> [Rect; 2] {
    let most = area.height.saturating_sub(lower_least).max(LEAST_HEIGHT);
    Layout::vertical([Constraint::Length(upper.clamp(LEAST_HEIGHT, most)), Constraint::Fill(1)]).areas(area)
}

/// So many per cent of a length.
fn part(whole: u16, share: u16) -> u16 {
    let part = (u32::from(whole) * u32::from(share) + 50) / 100;
    u16::try_from(part).unwrap_or(whole)
}

/// In per cent, rounded so that a divider stays under the pointer that draws it.
fn share(part: u16, whole: u16) -> u16 {
    let whole = u32::from(whole.max(1));
    let share = (u32::from(part) * 100 + whole / 2) / whole;
    u16::try_from(share).unwrap_or(100)
}

fn on_lower_edge(area: Rect, at: Position) -> bool {
    (area.x..area.right()).contains(&at.x) && (at.y == area.bottom() || at.y + 1 == area.bottom())
}

fn on_right_edge(area: Rect, at: Position) -> bool {
    (area.y..area.bottom()).contains(&at.y) && (at.x == area.right() || at.x + 1 == area.right())
}
