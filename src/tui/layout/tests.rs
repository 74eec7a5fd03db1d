//! Every screen is divided without gaps, and the mouse finds what it points at.

use proptest::prelude::*;

use super::*;

const THREE: Size = Size { width: 200, height: 60 };
const TWO: Size = Size { width: 120, height: 40 };
const TABS: Size = Size { width: 80, height: 24 };

fn areas(size: Size) -> Areas {
    split(size, &Splits::default())
}

fn split(size: Size, splits: &Splits) -> Areas {
    Areas::new(size, splits, Pane::Specimen, false)
}

fn pane(areas: &Areas, pane: Pane) -> Rect {
    areas.pane(pane).unwrap()
}

/// Each divider of an arrangement, and a place on it.
fn dividers(areas: &Areas) -> Vec<(Divider, Position)> {
    let below = |which: Pane| {
        let area = pane(areas, which);
        Position::new(area.x + area.width / 2, area.bottom())
    };
    let beside = |which: Pane| {
        let area = pane(areas, which);
        Position::new(area.right(), area.y + area.height / 2)
    };
    let mut all = vec![
        (Divider::Denials, below(Pane::Denials)),
        (Divider::Layers, below(Pane::Layers)),
        (Divider::First, beside(Pane::Specimen)),
    ];
    match areas.arrangement {
        Arrangement::Three => all.push((Divider::Second, beside(Pane::Output))),
        _ => all.push((Divider::Specimen, below(Pane::Specimen))),
    }
    all
}

#[test]
fn the_screens_size_chooses_the_arrangement_and_zooming_gives_one_pane_all_of_it() {
    for (width, height, zoomed, expected) in [
        (170, 30, false, Arrangement::Three),
        (169, 30, false, Arrangement::Two),
        (100, 30, false, Arrangement::Two),
        (99, 60, false, Arrangement::Tabs),
        (300, 29, false, Arrangement::Tabs),
        (60, 16, false, Arrangement::Tabs),
        (200, 60, true, Arrangement::Tabs),
        (59, 60, false, Arrangement::TooSmall),
        (200, 15, true, Arrangement::TooSmall),
        (0, 0, false, Arrangement::TooSmall),
    ] {
        let areas = Areas::new(Size::new(width, height), &Splits::default(), Pane::Output, zoomed);
        assert_eq!(areas.arrangement, expected, "{width}x{height}");
    }
}

#[test]
fn a_wide_screen_has_three_columns() {
    let areas = areas(THREE);
    let (specimen, denials, output) =
        (pane(&areas, Pane::Specimen), pane(&areas, Pane::Denials), pane(&areas, Pane::Output));
    let (layers, resources) = (pane(&areas, Pane::Layers), pane(&areas, Pane::Resources));
    assert_eq!(specimen, Rect::new(0, 2, 72, 57));
    assert_eq!((denials.x, denials.width, output.x, output.y), (72, 76, 72, denials.bottom()));
    assert_eq!((layers.x, layers.right(), resources.y), (148, 200, layers.bottom()));
    assert_eq!((areas.header, areas.footer), (Rect::new(0, 0, 200, 2), Rect::new(0, 59, 200, 1)));
    assert_eq!(areas.tabs, None);
}

#[test]
fn a_narrower_screen_has_two_columns() {
    let areas = areas(TWO);
    let column = [Pane::Specimen, Pane::Denials, Pane::Output].map(|each| pane(&areas, each));
    assert!(column.iter().all(|area| (area.x, area.width) == (0, 70)), "{column:?}");
    assert!(column.windows(2).all(|pair| pair[0].bottom() == pair[1].y));
    assert_eq!((pane(&areas, Pane::Layers).x, pane(&areas, Pane::Resources).right()), (70, 120));
}

#[test]
fn a_small_screen_shows_the_focused_pane_below_the_tabs() {
    let areas = Areas::new(TABS, &Splits::default(), Pane::Denials, false);
    assert_eq!(areas.tabs, Some(Rect::new(0, 2, 80, 1)));
    assert_eq!(areas.pane(Pane::Denials), Some(Rect::new(0, 3, 80, 20)));
    assert_eq!(areas.inner(Pane::Denials), Rect::new(1, 4, 78, 18));
    for other in [Pane::Specimen, Pane::Layers, Pane::Output, Pane::Resources] {
        assert_eq!((areas.pane(other), areas.inner(other)), (None, Rect::ZERO));
    }
}

#[test]
fn the_mouse_finds_the_pane_it_points_at_and_none_in_the_header_and_footer() {
    for size in [THREE, TWO] {
        let areas = areas(size);
        for each in Pane::ALL {
            let area = pane(&areas, each);
            assert_eq!(areas.pane_at(area.as_position()), Some(each));
            assert_eq!(areas.pane_at(Position::new(area.right() - 1, area.bottom() - 1)), Some(each));
        }
        for y in [0, 1, size.height - 1, size.height, u16::MAX] {
            assert_eq!(areas.pane_at(Position::new(5, y)), None, "line {y}");
        }
    }
    assert_eq!(areas(Size::new(20, 5)).pane_at(Position::new(5, 3)), None);
}

#[test]
fn both_borders_between_two_panes_are_their_divider() {
    for size in [THREE, TWO] {
        let areas = areas(size);
        for (divider, at) in dividers(&areas) {
            assert_eq!(areas.divider_at(at), Some(divider), "{size}");
            let other = match divider {
                Divider::First | Divider::Second => Position::new(at.x - 1, at.y),
                Divider::Specimen | Divider::Denials | Divider::Layers => Position::new(at.x, at.y - 1),
            };
            assert_eq!(areas.divider_at(other), Some(divider), "{size}");
        }
        let middle = pane(&areas, Pane::Specimen);
        assert_eq!(areas.divider_at(Position::new(middle.width / 2, middle.y + 3)), None);
        assert_eq!(areas.divider_at(Position::new(size.width - 1, 20)), None, "the screen's edge");
        assert_eq!(areas.divider_at(Position::new(5, size.height - 2)), None, "above the footer");
    }
    for size in [TABS, Size::ZERO] {
        let areas = areas(size);
        assert!((0..24).all(|y| areas.divider_at(Position::new(79, y)).is_none()));
    }
}

#[test]
fn a_divider_stays_under_the_pointer_that_draws_it() {
    for size in [THREE, TWO] {
        for (divider, from) in dividers(&areas(size)) {
            for step in -5..=5 {
                let to = match divider {
                    Divider::First | Divider::Second => Position::new(from.x.saturating_add_signed(step), from.y),
                    _ => Position::new(from.x, from.y.saturating_add_signed(step)),
                };
                let moved = areas(size).dragged(&Splits::default(), divider, to);
                assert_eq!(split(size, &moved).divider_at(to), Some(divider), "{divider:?} by {step} of {size}");
            }
        }
    }
}

#[test]
fn a_divider_drawn_beyond_the_edge_leaves_every_pane_its_least() {
    for size in [THREE, TWO, Size::new(100, 30), Size::new(170, 30)] {
        for (divider, _) in dividers(&areas(size)) {
            for to in [Position::ORIGIN, Position::new(u16::MAX, u16::MAX)] {
                let moved = areas(size).dragged(&Splits::default(), divider, to);
                let areas = split(size, &moved);
                for each in Pane::ALL {
                    let inner = areas.inner(each);
                    assert!(inner.width >= 8 && inner.height >= 1, "{divider:?} {each:?} of {size}: {inner}");
                }
            }
        }
    }
}

#[test]
fn a_divider_that_is_gone_since_the_mouse_took_it_moves_nothing() {
    let splits = Splits::default();
    let all = [Divider::First, Divider::Second, Divider::Specimen, Divider::Denials, Divider::Layers];
    for size in [TABS, Size::new(3, 1), Size::ZERO] {
        for divider in all {
            assert_eq!(areas(size).dragged(&splits, divider, Position::new(9, 9)), splits);
        }
    }
    assert_eq!(areas(TWO).dragged(&splits, Divider::Second, Position::new(9, 9)), splits);
    assert_eq!(areas(THREE).dragged(&splits, Divider::Specimen, Position::new(9, 9)), splits);
}

#[test]
fn the_focused_pane_grows_and_shrinks_where_it_has_a_neighbour() {
    for size in [THREE, TWO] {
        for each in Pane::ALL {
            for direction in [Direction::Horizontal, Direction::Vertical] {
                let length = |splits: &Splits| {
                    let area = pane(&split(size, splits), each);
                    if direction == Direction::Horizontal { area.width } else { area.height }
                };
                let splits = Splits::default();
                let change = |step| areas(size).grown(&splits, each, direction, step);
                let alone = size == THREE && each == Pane::Specimen && direction == Direction::Vertical;
                if alone {
                    assert_eq!((change(5), change(-5)), (splits.clone(), splits.clone()));
                } else {
                    assert!(length(&change(5)) > length(&splits), "{each:?} {direction:?} of {size}");
                    assert!(length(&change(-5)) < length(&splits), "{each:?} {direction:?} of {size}");
                }
            }
        }
    }
    let splits = Splits::default();
    assert_eq!(areas(TABS).grown(&splits, Pane::Output, Direction::Vertical, 5), splits, "it has the whole screen");
}

#[test]
fn absurd_shares_are_brought_within_what_leaves_room_for_all() {
    let most = Splits { left: 100, first: 100, second: 100, specimen: 100, denials: 100, layers: u16::MAX };
    assert_eq!(most.bounded(), Splits { left: 90, first: 80, second: 10, specimen: 90, denials: 90, layers: 90 });
    let least = Splits { left: 0, first: 0, second: 0, specimen: 0, denials: 0, layers: 0 };
    assert_eq!(least.bounded(), Splits { left: 10, first: 10, second: 10, specimen: 10, denials: 10, layers: 10 });
    assert_eq!(Splits::default().bounded(), Splits::default());
}

#[test]
fn nothing_is_inside_what_has_no_room_for_a_border() {
    assert_eq!(inside(Rect::ZERO), Rect::ZERO);
    assert!(inside(Rect::new(4, 4, 1, 1)).is_empty());
    assert!(inside(Rect::new(4, 4, 2, 9)).is_empty());
    assert_eq!(inside(Rect::new(4, 4, 3, 3)), Rect::new(5, 5, 1, 1));
}

prop_compose! {
    fn any_splits()(shares in prop::array::uniform6(prop_oneof![0..110_u16, any::<u16>()])) -> Splits {
        let [left, first, second, specimen, denials, layers] = shares;
        Splits { left, first, second, specimen, denials, layers }
    }
}

proptest! {
    #[test]
    fn any_screen_with_any_shares_is_divided_without_gaps_and_overlaps(
        width in prop_oneof![0..320_u16, Just(u16::MAX)],
        height in prop_oneof![0..110_u16, Just(u16::MAX)],
        splits in any_splits(),
        zoomed in any::<bool>(),
    ) {
        let areas = Areas::new(Size::new(width, height), &splits, Pane::Layers, zoomed);
        let parts: Vec<Rect> = Pane::ALL.iter().filter_map(|pane| areas.pane(*pane)).collect();
        let bars = [Some(areas.header), areas.tabs, Some(areas.footer)];
        let whole: u64 = parts.iter().chain(bars.iter().flatten()).map(|area| u64::from(area.area())).sum();
        if areas.arrangement == Arrangement::TooSmall {
            prop_assert!(parts.is_empty());
        } else {
            prop_assert_eq!(whole, u64::from(areas.screen.area()));
        }
        for (at, one) in parts.iter().enumerate() {
            prop_assert_eq!(one.intersection(areas.screen), *one);
            prop_assert!(parts[at + 1..].iter().all(|other| !one.intersects(*other)));
            prop_assert!(one.width >= 3 && one.height >= 3, "{:?}", one);
        }
    }

    #[test]
    fn moving_any_divider_anywhere_on_any_screen_gives_shares_within_bounds(
        (width, height) in (0..320_u16, 0..110_u16),
        splits in any_splits(),
        divider in prop::sample::select(
            vec![Divider::First, Divider::Second, Divider::Specimen, Divider::Denials, Divider::Layers]
        ),
        (x, y) in any::<(u16, u16)>(),
        (pane, step) in (prop::sample::select(Pane::ALL.to_vec()), any::<i16>()),
    ) {
        let areas = Areas::new(Size::new(width, height), &splits, pane, false);
        let moved = areas.dragged(&splits, divider, Position::new(x, y));
        prop_assert_eq!(moved.bounded(), moved);
        for direction in [Direction::Horizontal, Direction::Vertical] {
            let grown = areas.grown(&splits, pane, direction, step);
            prop_assert_eq!(grown.bounded(), grown);
        }
    }
}
