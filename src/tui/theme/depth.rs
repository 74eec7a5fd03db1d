//! How many colours the terminal has, and the nearest of them.

use std::ffi::OsString;

use anstyle::{Ansi256Color, AnsiColor, RgbColor};
use anstyle_lossy::palette::VGA;
use anstyle_lossy::{rgb_to_ansi, rgb_to_xterm, xterm_to_ansi};
use ratatui::style::Color;

use super::colour::ANSI;

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// None, or none are wanted.
    None,
    /// The 16 that its user has chosen.
    Ansi16,
    /// 256.
    Ansi256,
    /// 24 bits.
    True,
}

/// Values of `TERM` that mean 24 bits, and that come along where `COLORTERM` does not: over ssh.
const TRUE_COLOUR: [&str; 6] = ["alacritty", "contour", "foot", "wezterm", "xterm-ghostty", "xterm-kitty"];

impl Depth {
    /// What the environment says of the terminal: `NO_COLOR` (<https://no-color.org>), `COLORTERM` and `TERM`. A
    /// terminal that says nothing is taken to have the 16.
    ///
    /// GNU screen hands on the `COLORTERM` of the terminal around it and then does not understand its colours, so
    /// there `COLORTERM` does not count. tmux understands them all and makes of them what the terminal around it
    /// can show.
    pub fn detect(env: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        let text = |name: &str| set(name).map(|value| value.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        let (term, colorterm) = (text("TERM"), text("COLORTERM"));
        let is_screen = term.split(['.', '-']).next() == Some("screen") && set("TMUX").is_none();
        let says_true = matches!(colorterm.as_str(), "truecolor" | "24bit") && !is_screen;
        if set("NO_COLOR").is_some() || is_monochrome(&term) {
            Self::None
        } else if says_true || term.ends_with("-direct") || TRUE_COLOUR.contains(&term.as_str()) {
            Self::True
        } else if term.contains("256color") {
            Self::Ansi256
        } else {
            Self::Ansi16
        }
    }

    /// The nearest colour that there is; `None` where there is none at all. Which colours the 16 are is up to the
    /// terminal: for the nearest of them they are taken to be those of VGA.
    pub(super) fn nearest(self, colour: Color) -> Option<Color> {
        Some(match (self, colour) {
            (Self::None, _) => return None,
            (Self::Ansi256, Color::Rgb(r, g, b)) => Color::Indexed(rgb_to_xterm(RgbColor(r, g, b)).index()),
            (Self::Ansi16, Color::Rgb(r, g, b)) => named(rgb_to_ansi(RgbColor(r, g, b), VGA)),
            (Self::Ansi16, Color::Indexed(index)) => named(xterm_to_ansi(Ansi256Color(index), VGA)),
            _ => colour,
        })
    }
}

/// Terminals without colours: `dumb`, DEC's, and variants of others that end so in terminfo.
fn is_monochrome(term: &str) -> bool {
    let dec = term.strip_prefix("vt").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    term == "dumb" || dec || term.ends_with("-mono") || term.ends_with("-m")
}

fn named(colour: AnsiColor) -> Color {
    ANSI[usize::from(Ansi256Color::from_ansi(colour).index()) % ANSI.len()].1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(env: &[(&str, &str)]) -> Depth {
        Depth::detect(&|name| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into()))
    }

    #[test]
    fn the_environment_tells_how_many_colours_there_are() {
        for (env, depth) in [
            (&[][..], Depth::Ansi16),
            (&[("TERM", "linux")], Depth::Ansi16),
            (&[("TERM", "xterm")], Depth::Ansi16),
            (&[("TERM", "xterm-256color")], Depth::Ansi256),
            (&[("TERM", "putty-256color")], Depth::Ansi256),
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")], Depth::True),
            (&[("TERM", "xterm"), ("COLORTERM", "24bit")], Depth::True),
            (&[("TERM", "xterm"), ("COLORTERM", "yes")], Depth::Ansi16),
            (&[("TERM", "xterm-direct")], Depth::True),
            (&[("TERM", "xterm-kitty")], Depth::True),
            (&[("TERM", "dumb")], Depth::None),
            (&[("TERM", "dumb"), ("COLORTERM", "truecolor")], Depth::None),
            (&[("TERM", "vt220")], Depth::None),
            (&[("TERM", "vte-256color")], Depth::Ansi256),
            (&[("TERM", "xterm-mono")], Depth::None),
        ] {
            assert_eq!(detect(env), depth, "{env:?}");
        }
    }

    #[test]
    fn no_color_counts_only_where_it_says_something() {
        assert_eq!(detect(&[("NO_COLOR", "1"), ("COLORTERM", "truecolor")]), Depth::None);
        assert_eq!(detect(&[("NO_COLOR", ""), ("COLORTERM", "truecolor")]), Depth::True);
    }

    #[test]
    fn within_gnu_screen_colorterm_is_of_another_terminal_and_within_tmux_it_is_not() {
        let colorterm = ("COLORTERM", "truecolor");
        assert_eq!(detect(&[("TERM", "screen"), colorterm]), Depth::Ansi16);
        assert_eq!(detect(&[("TERM", "screen.xterm-256color"), colorterm]), Depth::Ansi256);
        assert_eq!(detect(&[("TERM", "screen-256color"), colorterm]), Depth::Ansi256);
        assert_eq!(detect(&[("TERM", "screen-256color"), ("TMUX", "/tmp/t,1,0"), colorterm]), Depth::True);
        assert_eq!(detect(&[("TERM", "tmux-256color"), ("TMUX", "/tmp/t,1,0")]), Depth::Ansi256);
    }

    #[test]
    fn a_colour_becomes_the_nearest_that_there_is() {
        let orange = Color::Rgb(0xff, 0xaf, 0x00);
        assert_eq!(Depth::True.nearest(orange), Some(orange));
        assert_eq!(Depth::Ansi256.nearest(orange), Some(Color::Indexed(214)));
        assert_eq!(Depth::Ansi16.nearest(Color::Rgb(250, 90, 90)), Some(Color::LightRed));
        assert_eq!(Depth::Ansi16.nearest(Color::Indexed(255)), Some(Color::White));
        assert_eq!(Depth::Ansi16.nearest(Color::Reset), Some(Color::Reset));
        assert_eq!(Depth::None.nearest(Color::Red), None);
    }
}
