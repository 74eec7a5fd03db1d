//! A theme as it is written, and what becomes of it where there are fewer colours.

use std::collections::BTreeMap;

use ratatui::style::{Color, Modifier, Style};

use super::depth::Depth;
use super::role::{Family, Role, Token};
use super::{Looks, Theme};

/// Colours by name.
pub(super) type Palette = BTreeMap<String, Color>;

/// A theme as it is written: its styles name colours of its palette, which a theme that extends it may change.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub summary: String,
    pub palette: Palette,
    pub ui: Vec<Option<Written>>,
    pub syntax: Vec<Option<Written>>,
    pub layers: Vec<Option<Written>>,
}

/// A style as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub fg: Option<Paint>,
    pub bg: Option<Paint>,
    pub modifiers: Modifier,
}

/// A colour as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    /// Of the palette.
    Named(String),
    /// Itself.
    Colour(Color),
}

/// What is most confused without colours, and what tells it apart where there are none. No two are alike.
const WITHOUT_COLOURS: [(Role, Modifier); 7] = [
    (Role::Selection, Modifier::REVERSED.union(Modifier::BOLD)),
    (Role::Cursor, Modifier::REVERSED),
    (Role::Moment, Modifier::REVERSED.union(Modifier::DIM)),
    (Role::Mark, Modifier::REVERSED.union(Modifier::UNDERLINED)),
    (Role::Match, Modifier::UNDERLINED),
    (Role::Bad, Modifier::UNDERLINED.union(Modifier::BOLD)),
    (Role::BorderFocused, Modifier::BOLD),
];

impl Draft {
    /// Nothing written yet.
    pub fn blank() -> Self {
        Self {
            summary: String::new(),
            palette: Palette::new(),
            ui: vec![None; Role::ALL.len()],
            syntax: vec![None; Token::ALL.len()],
            layers: vec![None; Family::ALL.len()],
        }
    }

    /// The theme in so many colours. What is not written has no look of its own.
    pub fn finish(&self, depth: Depth) -> Theme {
        let mut ui: Looks<{ Role::ALL.len() }> = self.looks(&self.ui, depth);
        let mut syntax = self.looks(&self.syntax, depth);
        let mut layers = self.looks(&self.layers, depth);
        let text = ui[Role::Text as usize];
        if depth != Depth::True {
            for style in ui.iter_mut().chain(&mut syntax).chain(&mut layers) {
                keep_legible(style, text);
            }
            keep_apart(&mut ui, depth);
        }
        Theme { summary: self.summary.clone(), ui, syntax, layers }
    }

    fn looks<const N: usize>(&self, written: &[Option<Written>], depth: Depth) -> Looks<N> {
        let look = |written: &Option<Written>| written.as_ref().map_or_else(Style::new, |it| self.style(it, depth));
        std::array::from_fn(|at| written.get(at).map_or_else(Style::new, look))
    }

    fn style(&self, written: &Written, depth: Depth) -> Style {
        let colour = |paint: &Paint| match paint {
            Paint::Named(name) => self.palette.get(name).copied(),
            Paint::Colour(colour) => Some(*colour),
        };
        let nearest = |paint: &Option<Paint>| paint.as_ref().and_then(colour).and_then(|it| depth.nearest(it));
        Style { fg: nearest(&written.fg), bg: nearest(&written.bg), ..Style::new() }.add_modifier(written.modifiers)
    }
}

/// Two colours that differed may have the same nearest one: then the text's stands in.
fn keep_legible(style: &mut Style, text: Style) {
    let (fg, bg) = shown(*style, text);
    if fg == bg && fg != Some(Color::Reset) {
        style.fg = text.fg;
        if shown(*style, text).1 == text.fg {
            style.bg = text.bg;
        }
    }
}

/// What looks like text now, and did not before, gets what tells it apart without colours; without any, all do.
fn keep_apart(ui: &mut Looks<{ Role::ALL.len() }>, depth: Depth) {
    let text = ui[Role::Text as usize];
    for (role, modifiers) in WITHOUT_COLOURS {
        let style = &mut ui[role as usize];
        if depth == Depth::None {
            *style = Style::new().add_modifier(modifiers);
        } else if shown(*style, text) == (text.fg, text.bg) {
            *style = style.add_modifier(modifiers);
        }
    }
}

/// The colours that a style has on the screen.
fn shown(style: Style, text: Style) -> (Option<Color>, Option<Color>) {
    (style.fg.or(text.fg), style.bg.or(text.bg))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(text: Written, selection: Written) -> Draft {
        let mut draft = Draft::blank();
        draft.ui[Role::Text as usize] = Some(text);
        draft.ui[Role::Selection as usize] = Some(selection);
        draft
    }

    fn on(fg: Color, bg: Color) -> Written {
        Written { fg: Some(Paint::Colour(fg)), bg: Some(Paint::Colour(bg)), modifiers: Modifier::empty() }
    }

    #[test]
    fn what_fewer_colours_would_hide_is_told_apart_by_other_means() {
        let dark = Color::Rgb(10, 10, 10);
        let text = on(Color::Rgb(255, 255, 255), dark);
        let selection = Written { bg: Some(Paint::Colour(Color::Rgb(12, 12, 12))), ..Written::default() };
        let draft = draft(text, selection);
        let reversed = |depth| draft.finish(depth).style(Role::Selection).add_modifier.contains(Modifier::REVERSED);
        assert!(!reversed(Depth::True));
        assert!(reversed(Depth::Ansi16));
        assert!(reversed(Depth::None));
    }

    #[test]
    fn text_never_takes_the_colour_of_its_background() {
        let (white, dark) = (Color::Rgb(255, 255, 255), Color::Rgb(10, 10, 10));
        let faint = draft(on(white, dark), on(Color::Rgb(20, 20, 20), dark)).finish(Depth::Ansi16);
        assert_eq!(faint.style(Role::Selection).fg, Some(Color::White));
        let bright = draft(on(white, dark), on(Color::Rgb(250, 250, 250), white)).finish(Depth::Ansi16);
        assert_eq!(
            (bright.style(Role::Selection).fg, bright.style(Role::Selection).bg),
            (Some(Color::White), Some(Color::Black))
        );
    }

    #[test]
    fn without_colours_no_two_of_what_must_be_told_apart_are_alike() {
        let theme = Draft::blank().finish(Depth::None);
        let mut looks: Vec<_> =
            WITHOUT_COLOURS.iter().map(|(role, _)| theme.style(*role).add_modifier.bits()).collect();
        looks.push(theme.style(Role::Text).add_modifier.bits());
        looks.sort_unstable();
        looks.dedup();
        assert_eq!(looks.len(), WITHOUT_COLOURS.len() + 1);
    }
}
