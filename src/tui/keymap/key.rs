//! One key: as the configuration writes it, as the terminal sends it, as the screen shows it.

use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use unicode_width::UnicodeWidthChar;

use crate::diagnose::nearest;
use crate::text::visible_str;

/// Keys that have a name: as written, their code, as shown.
const NAMED: [(&str, KeyCode, &str); 16] = [
    ("enter", KeyCode::Enter, "Enter"),
    ("esc", KeyCode::Esc, "Esc"),
    ("tab", KeyCode::Tab, "Tab"),
    ("backtab", KeyCode::BackTab, "S-Tab"),
    ("space", KeyCode::Char(' '), "Space"),
    ("backspace", KeyCode::Backspace, "BkSp"),
    ("delete", KeyCode::Delete, "Del"),
    ("insert", KeyCode::Insert, "Ins"),
    ("home", KeyCode::Home, "Home"),
    ("end", KeyCode::End, "End"),
    ("pageup", KeyCode::PageUp, "PgUp"),
    ("pagedown", KeyCode::PageDown, "PgDn"),
    ("up", KeyCode::Up, "↑"),
    ("down", KeyCode::Down, "↓"),
    ("left", KeyCode::Left, "←"),
    ("right", KeyCode::Right, "→"),
];

/// The modifiers: as written before a key, as shown before it.
const MODIFIERS: [(&str, KeyModifiers, &str); 3] =
    [("ctrl-", KeyModifiers::CONTROL, "^"), ("alt-", KeyModifiers::ALT, "M-"), ("shift-", KeyModifiers::SHIFT, "S-")];

/// A key with its modifiers, in the one form that all ways to send it come down to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    code: KeyCode,
    modifiers: KeyModifiers,
}

impl Key {
    /// Shift is in the character's case, and Shift-Tab is a key of its own; with Ctrl, case is not sent.
    fn new(code: KeyCode, modifiers: KeyModifiers) -> Self {
        let unshifted = modifiers - KeyModifiers::SHIFT;
        match code {
            KeyCode::Char(c) if modifiers.contains(KeyModifiers::CONTROL) => {
                Self { code: KeyCode::Char(c.to_ascii_lowercase()), modifiers: unshifted }
            }
            KeyCode::Char(c) if modifiers.contains(KeyModifiers::SHIFT) => {
                let mut upper = c.to_uppercase();
                let single = upper.next().filter(|_| upper.next().is_none());
                Self { code: KeyCode::Char(single.unwrap_or(c)), modifiers: unshifted }
            }
            KeyCode::BackTab => Self { code, modifiers: unshifted },
            KeyCode::Tab if modifiers.contains(KeyModifiers::SHIFT) => {
                Self { code: KeyCode::BackTab, modifiers: unshifted }
            }
            _ => Self { code, modifiers },
        }
    }

    /// The character that it types, if it types one.
    pub fn types(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if self.modifiers.is_empty() && !c.is_control() => Some(c),
            _ => None,
        }
    }

    /// It as shown to the reviewer: `r`, `^P`, `M-b`, `F5`, `↑`.
    pub fn shown(self) -> String {
        let prefix = |(_, modifier, shown): &(_, KeyModifiers, &'static str)| {
            if self.modifiers.contains(*modifier) { *shown } else { "" }
        };
        let prefixes: String = MODIFIERS.iter().map(prefix).collect();
        let named = NAMED.iter().find(|(_, code, _)| *code == self.code);
        let base = match (self.code, named) {
            (_, Some((_, _, shown))) => (*shown).to_owned(),
            (KeyCode::Char(c), None) if self.modifiers.contains(KeyModifiers::CONTROL) => {
                c.to_ascii_uppercase().to_string()
            }
            (KeyCode::Char(c), None) => c.to_string(),
            (KeyCode::F(number), None) => format!("F{number}"),
            (other, None) => other.to_string(),
        };
        prefixes + &base
    }
}

impl From<KeyEvent> for Key {
    fn from(event: KeyEvent) -> Self {
        Self::new(event.code, event.modifiers)
    }
}

impl FromStr for Key {
    type Err = String;

    /// Reads `r`, `P`, `?`, `ctrl-p`, `alt-b`, `f5`, `enter`, `ctrl-left`.
    ///
    /// # Errors
    /// What is wrong with it, and what is allowed.
    fn from_str(text: &str) -> Result<Self, String> {
        let shown = visible_str(text);
        let mut modifiers = KeyModifiers::NONE;
        let mut rest = text;
        while let Some((modifier, behind)) = modifier(rest) {
            modifiers |= modifier;
            rest = behind;
        }
        let code = code(rest).ok_or_else(|| unreadable(&shown, rest))?;
        if let KeyCode::Char(c) = code {
            sendable(c, modifiers).map_err(|problem| format!("`{shown}` {problem}"))?;
        }
        Ok(Self::new(code, modifiers))
    }
}

/// A modifier in front of something, and that.
fn modifier(text: &str) -> Option<(KeyModifiers, &str)> {
    MODIFIERS.iter().find_map(|(written, modifier, _)| {
        let (front, behind) = text.split_at_checked(written.len())?;
        (front.eq_ignore_ascii_case(written) && !behind.is_empty()).then_some((*modifier, behind))
    })
}

fn code(text: &str) -> Option<KeyCode> {
    let mut characters = text.chars();
    if let (Some(only), None) = (characters.next(), characters.next()) {
        let prints = only.width().is_some_and(|cells| cells > 0) && !only.is_whitespace();
        return (prints && only != '\u{fffd}').then_some(KeyCode::Char(only));
    }
    let name = text.to_ascii_lowercase();
    let number = name.strip_prefix('f').and_then(|number| number.parse().ok());
    match number {
        Some(number @ 1..=12) if name == format!("f{number}") => Some(KeyCode::F(number)),
        _ => NAMED.iter().find(|(written, ..)| *written == name).map(|(_, code, _)| *code),
    }
}

/// Terminals send a letter with Ctrl as a control character: that has no case, and some are other keys' own.
fn sendable(character: char, modifiers: KeyModifiers) -> Result<(), String> {
    let ctrl = modifiers.contains(KeyModifiers::CONTROL);
    let other = match character.to_ascii_lowercase() {
        'i' => Some("tab"),
        'm' => Some("enter"),
        '[' => Some("esc"),
        _ => None,
    };
    match other {
        Some(name) if ctrl => Err(format!("cannot be told from `{name}`: use that name")),
        None if ctrl && !character.is_ascii_alphabetic() && character != ' ' => {
            Err("is sent by few terminals: allowed with ctrl-: a letter, `space`, or a key with a name".to_owned())
        }
        _ if modifiers.contains(KeyModifiers::SHIFT) => {
            Err("is no key: write the character that Shift gives, such as `R`".to_owned())
        }
        _ => Ok(()),
    }
}

fn unreadable(shown: &str, base: &str) -> String {
    let names = NAMED.map(|(written, ..)| written);
    let meant = nearest(base, names).map_or_else(String::new, |meant| format!("did you mean `{meant}`? "));
    let names = names.join(", ");
    format!(
        "`{shown}` is no key: {meant}allowed: one character, f1 to f12, {names}; with ctrl-, alt- or shift- in front"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Key {
        text.parse().unwrap()
    }

    fn sent(code: KeyCode, modifiers: KeyModifiers) -> Key {
        KeyEvent::new(code, modifiers).into()
    }

    #[test]
    fn what_the_configuration_writes_is_what_the_terminal_sends() {
        let (none, shift, ctrl, alt) =
            (KeyModifiers::NONE, KeyModifiers::SHIFT, KeyModifiers::CONTROL, KeyModifiers::ALT);
        for (text, code, modifiers) in [
            ("r", KeyCode::Char('r'), none),
            ("P", KeyCode::Char('P'), shift),
            ("P", KeyCode::Char('P'), none),
            ("P", KeyCode::Char('p'), shift),
            ("?", KeyCode::Char('?'), shift),
            ("ä", KeyCode::Char('ä'), none),
            ("ctrl-p", KeyCode::Char('p'), ctrl),
            ("ctrl-P", KeyCode::Char('P'), ctrl | shift),
            ("Ctrl-p", KeyCode::Char('p'), ctrl),
            ("alt-b", KeyCode::Char('b'), alt),
            ("alt-B", KeyCode::Char('B'), alt | shift),
            ("ctrl-alt-x", KeyCode::Char('x'), alt | ctrl),
            ("F5", KeyCode::F(5), none),
            ("shift-f5", KeyCode::F(5), shift),
            ("backtab", KeyCode::BackTab, shift),
            ("shift-tab", KeyCode::BackTab, shift),
            ("shift-tab", KeyCode::Tab, shift),
            ("space", KeyCode::Char(' '), none),
            ("ctrl-space", KeyCode::Char(' '), ctrl),
            ("ctrl-left", KeyCode::Left, ctrl),
            ("alt-backspace", KeyCode::Backspace, alt),
            ("ctrl-h", KeyCode::Char('h'), ctrl),
            ("-", KeyCode::Char('-'), none),
            ("alt--", KeyCode::Char('-'), alt),
            ("+", KeyCode::Char('+'), none),
            ("<", KeyCode::Char('<'), shift),
        ] {
            assert_eq!(read(text), sent(code, modifiers), "{text}");
        }
    }

    #[test]
    fn other_keys_are_not_taken_for_it() {
        let plain = read("q");
        for modifiers in [KeyModifiers::SUPER, KeyModifiers::ALT, KeyModifiers::SHIFT, KeyModifiers::CONTROL] {
            assert_ne!(plain, sent(KeyCode::Char('q'), modifiers));
        }
        assert_ne!(read("alt-b"), read("alt-B"));
        assert_ne!(read("ctrl-h"), read("backspace"));
    }

    #[test]
    fn a_key_is_shown_in_a_few_cells() {
        for (text, shown) in [
            ("r", "r"),
            ("P", "P"),
            ("ctrl-p", "^P"),
            ("alt-b", "M-b"),
            ("f5", "F5"),
            ("enter", "Enter"),
            ("esc", "Esc"),
            ("tab", "Tab"),
            ("backtab", "S-Tab"),
            ("space", "Space"),
            ("ctrl-space", "^Space"),
            ("up", "↑"),
            ("ctrl-left", "^←"),
            ("alt-backspace", "M-BkSp"),
            ("pagedown", "PgDn"),
            ("shift-ctrl-home", "^S-Home"),
        ] {
            assert_eq!(read(text).shown(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_key_is_told_with_what_is() {
        for (text, told) in [
            ("", "`` is no key: allowed: one character, f1 to f12, enter, esc,"),
            ("pgup", "`pgup` is no key: did you mean `pageup`? allowed: one character"),
            ("crtl-p", "`crtl-p` is no key: allowed:"),
            ("ctrl-", "`ctrl-` is no key:"),
            ("f13", "`f13` is no key:"),
            ("f+5", "`f+5` is no key:"),
            ("f05", "`f05` is no key:"),
            ("ab", "`ab` is no key:"),
            (" ", "` ` is no key:"),
            ("\u{1b}", "`\\x1b` is no key:"),
            ("\u{202e}", "`<U+202E>` is no key:"),
            ("shift-r", "`shift-r` is no key: write the character that Shift gives"),
            ("ctrl-i", "`ctrl-i` cannot be told from `tab`"),
            ("ctrl-M", "`ctrl-M` cannot be told from `enter`"),
            ("ctrl-[", "`ctrl-[` cannot be told from `esc`"),
            ("ctrl-/", "`ctrl-/` is sent by few terminals"),
        ] {
            let problem = text.parse::<Key>().unwrap_err();
            assert!(problem.starts_with(told), "{problem}");
        }
    }
}
