//! Where everything is on the screen. Pure: the same sizes and splits give the same rectangles, for drawing and for
//! finding what the mouse points at.

use ratatui::layout::{Constraint, Direction, Layout, Position, Rect, Size};
use serde::{Deserialize, Serialize};

/// The smallest screen on which the workbench can be used.
pub const SMALLEST: Size = Size { width: 60, height: 16 };

/// From this size, all panes are shown at once.
const ALL_PANES: Size = Size { width: 100, height: 30 };

/// From this width, they stand in three columns.
const THREE_COLUMNS: u16 = 170;

/// A share is never smaller than this, in per cent.
const LEAST_SHARE: u16 = 10;

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
        Self { left: 58, first: 38, second: 34, specimen: 42, denials: 45, layers: 68 }
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
        areas.place(body, splits, focus);
        areas
    }

    fn place(&mut self, body: Rect, splits: &Splits, focus: Pane) {
        match self.arrangement {
            Arrangement::TooSmall => {}
            Arrangement::Tabs => self.put(focus, body),
            Arrangement::Two => {
                let [left, right] = cut(Direction::Horizontal, body, splits.left);
                let [specimen, rest] = cut(Direction::Vertical, left, splits.specimen);
                self.put(Pane::Specimen, specimen);
                self.stack(Pane::Denials, Pane::Output, rest, splits.denials);
                self.stack(Pane::Layers, Pane::Resources, right, splits.layers);
            }
            Arrangement::Three => {
                let [first, rest] = cut(Direction::Horizontal, body, splits.first);
                let second = u32::from(splits.second) * 100 / u32::from(100 - splits.first.min(99));
                let [second, third] = cut(Direction::Horizontal, rest, u16::try_from(second).unwrap_or(50));
                self.put(Pane::Specimen, first);
                self.stack(Pane::Denials, Pane::Output, second, splits.denials);
                self.stack(Pane::Layers, Pane::Resources, third, splits.layers);
            }
        }
    }

    fn stack(&mut self, upper: Pane, lower: Pane, area: Rect, share: u16) {
        let [above, below] = cut(Direction::Vertical, area, share);
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

    /// The splits after a divider was drawn to a place.
    pub fn dragged(&self, splits: &Splits, divider: Divider, to: Position) -> Splits {
        let mut moved = splits.clone();
        let body = Rect { y: self.header.bottom(), height: self.footer.y - self.header.bottom(), ..self.screen };
        let across = |from: u16| share(to.x.saturating_sub(from), body.width);
        let down = |pane: Pane, other: Pane| match (self.pane(pane), self.pane(other)) {
            (Some(upper), Some(lower)) => share(to.y.saturating_sub(upper.y), upper.height + lower.height),
            _ => 50,
        };
        match divider {
            Divider::First if self.arrangement == Arrangement::Two => moved.left = across(body.x),
            Divider::First => moved.first = across(body.x).min(100 - 2 * LEAST_SHARE),
            Divider::Second => {
                let most = 100 - LEAST_SHARE - moved.first.min(100 - 2 * LEAST_SHARE);
                moved.second = across(self.pane(Pane::Denials).map_or(0, |area| area.x)).min(most);
            }
            Divider::Specimen => moved.specimen = share(to.y.saturating_sub(body.y), body.height),
            Divider::Denials => moved.denials = down(Pane::Denials, Pane::Output),
            Divider::Layers => moved.layers = down(Pane::Layers, Pane::Resources),
        }
        moved
    }

    /// The splits after the focused pane grew (or, with negative steps, shrank) by so many per cent.
    pub fn grown(&self, splits: &Splits, focus: Pane, direction: Direction, step: i16) -> Splits {
        let mut moved = splits.clone();
        let mut change = |share: fn(&mut Splits) -> &mut u16, step: i16| {
            let share = share(&mut moved);
            *share = share.saturating_add_signed(step).clamp(LEAST_SHARE, 100 - LEAST_SHARE);
        };
        let three = self.arrangement == Arrangement::Three;
        match (direction, focus) {
            (Direction::Vertical, Pane::Specimen) => change(|s| &mut s.specimen, step),
            (Direction::Vertical, Pane::Denials) => change(|s| &mut s.denials, step),
            (Direction::Vertical, Pane::Output) => change(|s| &mut s.denials, -step),
            (Direction::Vertical, Pane::Layers) => change(|s| &mut s.layers, step),
            (Direction::Vertical, Pane::Resources) => change(|s| &mut s.layers, -step),
            (Direction::Horizontal, Pane::Specimen) if three => change(|s| &mut s.first, step),
            (Direction::Horizontal, Pane::Denials | Pane::Output) if three => change(|s| &mut s.second, step),
            (Direction::Horizontal, Pane::Layers | Pane::Resources) if three => change(|s| &mut s.second, -step),
            (Direction::Horizontal, Pane::Layers | Pane::Resources) => change(|s| &mut s.left, -step),
            (Direction::Horizontal, _) => change(|s| &mut s.left, step),
        }
        moved
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

fn cut(direction: Direction, area: Rect, share: u16) -> [Rect; 2] {
    let share = share.clamp(LEAST_SHARE, 100 - LEAST_SHARE);
    Layout::new(direction, [Constraint::Percentage(share), Constraint::Fill(1)]).areas(area)
}

fn share(part: u16, whole: u16) -> u16 {
    let share = u32::from(part) * 100 / u32::from(whole.max(1));
    u16::try_from(share).unwrap_or(100).clamp(LEAST_SHARE, 100 - LEAST_SHARE)
}

fn on_lower_edge(area: Rect, at: Position) -> bool {
    (area.x..area.right()).contains(&at.x) && (at.y == area.bottom() || at.y + 1 == area.bottom())
}

fn on_right_edge(area: Rect, at: Position) -> bool {
    (area.y..area.bottom()).contains(&at.y) && (at.x == area.right() || at.x + 1 == area.right())
}
