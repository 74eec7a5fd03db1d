//! The shipped themes are legible: contrast by WCAG 2.2, "contrast ratio".

use anstyle::{Ansi256Color, RgbColor};
use anstyle_lossy::palette::VGA;
use anstyle_lossy::xterm_to_rgb;
use ratatui::style::{Color, Modifier, Style};

use super::{Depth, Role, Theme, Token};
use crate::policy::Layer;

/// The roles over which text in other roles' colours stands.
const GROUNDS: [Role; 7] =
    [Role::Text, Role::Selection, Role::Moment, Role::CursorLine, Role::Header, Role::Footer, Role::Overlay];

/// The roles that are fainter by intention, and stand on [`Role::Text`] alone.
const FAINT: [Role; 2] = [Role::Border, Role::LineNumber];

fn luminance(colour: Color) -> f64 {
    let RgbColor(red, green, blue) = match colour {
        Color::Rgb(red, green, blue) => RgbColor(red, green, blue),
        Color::Indexed(index) if index > 15 => xterm_to_rgb(Ansi256Color(index), VGA),
        _ => panic!("{colour} has no luminance of its own"),
    };
    let linear = |channel: u8| match f64::from(channel) / 255.0 {
        low if low <= 0.040_45 => low / 12.92,
        high => ((high + 0.055) / 1.055).powf(2.4),
    };
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}

/// How a style is shown over a ground: foreground and background.
fn shown(style: Style, ground: Style, text: Style) -> (Color, Color) {
    let fg = style.fg.or(ground.fg).or(text.fg).unwrap();
    let bg = style.bg.or(ground.bg).or(text.bg).unwrap();
    (fg, bg)
}

fn ratio((fg, bg): (Color, Color)) -> f64 {
    let (one, other) = (luminance(fg) + 0.05, luminance(bg) + 0.05);
    one.max(other) / one.min(other)
}

/// Every style with its name and the ratio it needs.
fn styles(theme: &Theme, normal: f64, faint: f64) -> Vec<(String, Style, f64, bool)> {
    let roles = Role::ALL.iter().map(|role| {
        let is_faint = FAINT.contains(role);
        let least = if is_faint || *role == Role::Muted { faint } else { normal };
        (format!("{role:?}"), theme.style(*role), least, is_faint)
    });
    let tokens = Token::ALL.iter().map(|token| (format!("{token:?}"), theme.token(*token), normal, false));
    let layers = Layer::ALL.into_iter().map(|layer| (format!("{layer:?}"), theme.layer(layer), normal, false));
    roles.chain(tokens).chain(layers).collect()
}

fn assert_legible(name: &str, normal: f64, faint: f64) {
    for depth in [Depth::Ansi256, Depth::True] {
        let theme = Theme::parse("test", &shipped(name), depth).unwrap();
        let text = theme.ground();
        for (what, style, least, on_text_alone) in styles(&theme, normal, faint) {
            for ground in GROUNDS.into_iter().filter(|ground| !on_text_alone || *ground == Role::Text) {
                let ratio = ratio(shown(style, theme.style(ground), text));
                assert!(ratio >= least, "{name} in {depth:?}: {what} on {ground:?}: {ratio:.2} is less than {least}");
            }
        }
    }
}

fn shipped(name: &str) -> String {
    std::fs::read_to_string(format!("{}/themes/{name}.toml", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn the_ratio_is_that_of_the_recommendation() {
    let (black, white, grey) = (Color::Rgb(0, 0, 0), Color::Rgb(255, 255, 255), Color::Rgb(0x76, 0x76, 0x76));
    assert!((ratio((black, white)) - 21.0).abs() < 0.001);
    assert!((ratio((grey, white)) - 4.54).abs() < 0.01);
}

#[test]
fn dark_is_legible_on_each_of_its_grounds() {
    assert_legible("dark", 4.5, 3.0);
}

#[test]
fn light_is_legible_on_each_of_its_grounds() {
    assert_legible("light", 4.5, 3.0);
}

#[test]
fn high_contrast_has_nothing_fainter_than_seven_to_one() {
    assert_legible("high-contrast", 7.0, 7.0);
}

#[test]
fn what_marks_a_row_differs_from_what_does_not_in_every_theme_and_depth() {
    for name in Theme::shipped_names() {
        for depth in [Depth::None, Depth::Ansi16, Depth::Ansi256, Depth::True] {
            let theme = Theme::parse("test", &shipped(name), depth).unwrap();
            let text = theme.ground();
            let looks = |role| {
                let style = theme.style(role);
                (style.fg.or(text.fg), style.bg.or(text.bg), style.add_modifier)
            };
            let apart = [
                Role::Text,
                Role::Selection,
                Role::Cursor,
                Role::Moment,
                Role::Match,
                Role::Mark,
                Role::Bad,
                Role::BorderFocused,
            ];
            for (at, role) in apart.into_iter().enumerate() {
                for other in &apart[at + 1..] {
                    assert_ne!(looks(role), looks(*other), "{name} in {depth:?}: {role:?} and {other:?}");
                }
            }
        }
    }
}

#[test]
fn nothing_is_written_in_the_colour_of_its_background_in_any_theme_and_depth() {
    for name in Theme::shipped_names() {
        for depth in [Depth::Ansi16, Depth::Ansi256, Depth::True] {
            let theme = Theme::parse("test", &shipped(name), depth).unwrap();
            let text = theme.ground();
            for (what, style, ..) in styles(&theme, 0.0, 0.0) {
                let (fg, bg) = shown(style, text, text);
                assert!(fg != bg || fg == Color::Reset, "{name} in {depth:?}: {what}");
            }
        }
    }
}

#[test]
fn ansi_uses_the_terminals_own_colours_and_its_background() {
    let theme = Theme::parse("test", &shipped("ansi"), Depth::True).unwrap();
    assert_eq!((theme.ground().fg, theme.ground().bg), (Some(Color::Reset), Some(Color::Reset)));
    for (what, style, ..) in styles(&theme, 0.0, 0.0) {
        for colour in [style.fg, style.bg].into_iter().flatten() {
            assert!(!matches!(colour, Color::Rgb(..) | Color::Indexed(_)), "{what}: {colour}");
        }
    }
}

#[test]
fn without_colours_there_is_none_at_all_and_modifiers_stay() {
    let theme = Theme::parse("test", &shipped("dark"), Depth::None).unwrap();
    for (what, style, ..) in styles(&theme, 0.0, 0.0) {
        assert_eq!((style.fg, style.bg), (None, None), "{what}");
    }
    assert!(theme.style(Role::Key).add_modifier.contains(Modifier::BOLD));
    assert!(theme.token(Token::Comment).add_modifier.contains(Modifier::ITALIC));
}
