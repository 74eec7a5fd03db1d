//! Colours as they are written: `"#7fb8e8"`, `"bright-red"`, `"default"`, `75`.

use ratatui::style::Color;

use crate::diagnose;
use crate::text::visible_str;

/// The terminal's 16 colours, in the order of their numbers.
pub(super) const ANSI: [(&str, Color); 16] = [
    ("black", Color::Black),
    ("red", Color::Red),
    ("green", Color::Green),
    ("yellow", Color::Yellow),
    ("blue", Color::Blue),
    ("magenta", Color::Magenta),
    ("cyan", Color::Cyan),
    ("white", Color::Gray),
    ("bright-black", Color::DarkGray),
    ("bright-red", Color::LightRed),
    ("bright-green", Color::LightGreen),
    ("bright-yellow", Color::LightYellow),
    ("bright-blue", Color::LightBlue),
    ("bright-magenta", Color::LightMagenta),
    ("bright-cyan", Color::LightCyan),
    ("bright-white", Color::White),
];

/// The terminal's own foreground or background.
const DEFAULT: &str = "default";

/// Reads a colour; `palette` are the names that would have been right too.
///
/// # Errors
/// What is wrong with it and what is allowed.
pub(super) fn read<'a>(text: &str, palette: impl Iterator<Item = &'a str>) -> Result<Color, String> {
    if text == DEFAULT {
        return Ok(Color::Reset);
    }
    if let Some((_, colour)) = ANSI.into_iter().find(|(name, _)| *name == text) {
        return Ok(colour);
    }
    let shown = visible_str(text);
    if let Some(digits) = text.strip_prefix('#') {
        return rgb(digits).ok_or_else(|| format!("`{shown}` is not a colour: write six hexadecimal digits: #7fb8e8"));
    }
    let allowed: Vec<_> = palette.chain([DEFAULT]).chain(ANSI.map(|(name, _)| name)).collect();
    Err(format!("`{shown}` is not a colour: {}, #rrggbb, or a number from 0 to 255", diagnose::hint(text, &allowed)))
}

/// Reads the number of a colour among the 256.
///
/// # Errors
/// What is wrong with it.
pub(super) fn numbered(digits: &str, radix: u32) -> Result<Color, String> {
    u8::from_str_radix(digits, radix)
        .map(Color::Indexed)
        .map_err(|_| "a colour's number is one from 0 to 255".to_owned())
}

/// Whether a colour of the palette may have that name.
pub(super) fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    !text.is_empty() && text.chars().all(allowed)
}

fn rgb(digits: &str) -> Option<Color> {
    let is_colour = digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = u32::from_str_radix(digits, 16).ok().filter(|_| is_colour)?;
    let [_, red, green, blue] = number.to_be_bytes();
    Some(Color::Rgb(red, green, blue))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_read_in_each_of_its_forms() {
        let read = |text| read(text, [].into_iter());
        assert_eq!(read("#7Fb8e8"), Ok(Color::Rgb(0x7f, 0xb8, 0xe8)));
        assert_eq!(read("bright-red"), Ok(Color::LightRed));
        assert_eq!(read("default"), Ok(Color::Reset));
        assert_eq!(numbered("75", 10), Ok(Color::Indexed(75)));
        assert_eq!(numbered("ff", 16), Ok(Color::Indexed(255)));
    }

    #[test]
    fn what_is_no_colour_is_told_with_what_would_be() {
        let problem = |text| read(text, ["rose"].into_iter()).unwrap_err();
        for text in ["#12345", "#1234567", "#+12345", "#", "#ééé"] {
            assert!(problem(text).ends_with("is not a colour: write six hexadecimal digits: #7fb8e8"), "{text}");
        }
        assert!(problem("rosse").starts_with("`rosse` is not a colour: did you mean `rose`? allowed: rose, default,"));
        assert!(problem("\u{1b}[2J").starts_with("`\\x1b[2J` is not a colour: allowed:"));
        assert!(numbered("256", 10).is_err());
        assert!(numbered("-1", 10).is_err());
    }
}
