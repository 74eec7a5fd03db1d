//! Theme files: TOML, every mistake with its place and what is allowed.

use std::fmt::Display;
use std::ops::Range;

use ratatui::style::{Color, Modifier};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ThemeError;
use super::colour;
use super::draft::{Draft, Paint, Palette, Written};
use super::role::{Family, Role, Token};
use crate::diagnose::{self, Placed};
use crate::text::visible_str;

const KEYS: [&str; 6] = ["summary", "extends", "palette", "ui", "syntax", "layers"];
const STYLE_KEYS: [&str; 7] = ["fg", "bg", "bold", "dim", "italic", "underline", "reverse"];

/// A theme file: its name as shown, and its text.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

/// A key of the file, dotted and safe to print, and its value.
struct Entry<'a> {
    name: &'a str,
    shown: String,
    key: Range<usize>,
    value: &'a Spanned<DeValue<'a>>,
}

/// Reads a theme file; `base` finds the theme that it extends, or says why there is none.
pub(super) fn read(
    source: Source<'_>,
    base: impl FnOnce(&str) -> Result<Result<Draft, String>, ThemeError>,
) -> Result<Draft, ThemeError> {
    let root = DeTable::parse(source.text).map_err(|error| {
        let problem = format!("not valid TOML: {}", visible_str(error.message()));
        source.mistake(error.span().unwrap_or_default(), problem)
    })?;
    let entries = source.entries("", root.get_ref(), Some(&KEYS))?;
    let entry = |name: &str| entries.iter().find(|entry| entry.name == name);
    let mut draft = match entry("extends") {
        Some(entry) => base(source.string(entry)?)?.map_err(|problem| source.wrong(entry, problem))?,
        None => Draft::blank(),
    };
    match entry("summary") {
        Some(entry) => source.string(entry)?.clone_into(&mut draft.summary),
        None if entry("extends").is_none() => {
            return Err(source.mistake(0..0, "missing key `summary`: write what the theme is like, in a line"));
        }
        None => {}
    }
    if let Some(entry) = entry("palette") {
        source.palette(entry, &mut draft.palette)?;
    }
    let Draft { palette, ui, syntax, layers, .. } = &mut draft;
    for (name, keys, styles) in
        [("ui", Role::NAMES, ui), ("syntax", Token::NAMES, syntax), ("layers", Family::NAMES, layers)]
    {
        source.section(entry(name), palette, keys, styles)?;
        source.complete(entry(name), name, keys, styles)?;
    }
    Ok(draft)
}

impl Source<'_> {
    fn mistake(self, at: Range<usize>, problem: impl Display) -> ThemeError {
        Placed::at(visible_str(self.file), self.text, at.start, problem.to_string()).into()
    }

    /// A mistake in an entry's value.
    fn wrong(self, entry: &Entry<'_>, problem: impl Display) -> ThemeError {
        self.mistake(entry.value.span(), format!("key `{}`: {problem}", entry.shown))
    }

    fn wrong_type(self, entry: &Entry<'_>, wanted: &str) -> ThemeError {
        self.wrong(entry, format!("expected {wanted}, found {}", entry.value.get_ref().type_str()))
    }

    /// The entries of a table in the order of the file, each of an allowed name where that is limited.
    fn entries<'t>(
        self,
        prefix: &str,
        table: &'t DeTable<'t>,
        allowed: Option<&[&str]>,
    ) -> Result<Vec<Entry<'t>>, ThemeError> {
        let entry = |(key, value): (&'t Spanned<_>, _)| {
            let name: &'t str = text_of(key);
            Entry { name, shown: format!("{prefix}{}", visible_str(name)), key: key.span(), value }
        };
        let mut entries: Vec<_> = table.iter().map(entry).collect();
        entries.sort_by_key(|entry| entry.key.start);
        let unknown = entries.iter().find_map(|entry| {
            let allowed = allowed.filter(|allowed| !allowed.contains(&entry.name))?;
            let hint = diagnose::hint(entry.name, allowed);
            Some(self.mistake(entry.key.clone(), format!("unknown key `{}`: {hint}", entry.shown)))
        });
        unknown.map_or(Ok(entries), Err)
    }

    fn string<'t>(self, entry: &Entry<'t>) -> Result<&'t str, ThemeError> {
        entry.value.get_ref().as_str().ok_or_else(|| self.wrong_type(entry, "a string"))
    }

    fn table<'t>(self, entry: &Entry<'t>, allowed: Option<&[&str]>) -> Result<Vec<Entry<'t>>, ThemeError> {
        let table = entry.value.get_ref().as_table().ok_or_else(|| self.wrong_type(entry, "a table"))?;
        self.entries(&format!("{}.", entry.shown), table, allowed)
    }

    fn palette(self, entry: &Entry<'_>, palette: &mut Palette) -> Result<(), ThemeError> {
        for entry in self.table(entry, None)? {
            if !colour::is_name(entry.name) {
                let problem = format!("key `{}`: a colour's name is made of letters, digits, `-` and `_`", entry.shown);
                return Err(self.mistake(entry.key, problem));
            }
            let colour = self.colour(&entry, None, "a colour")?;
            palette.insert(entry.name.to_owned(), colour);
        }
        Ok(())
    }

    /// Reads the styles of a section over those of the theme that is extended.
    fn section(
        self,
        section: Option<&Entry<'_>>,
        palette: &Palette,
        keys: &[&str],
        styles: &mut [Option<Written>],
    ) -> Result<(), ThemeError> {
        for entry in section.map_or(Ok(Vec::new()), |section| self.table(section, Some(keys)))? {
            let style = self.style(&entry, palette)?;
            if let Some(at) = keys.iter().position(|key| *key == entry.name) {
                styles[at] = Some(style);
            }
        }
        Ok(())
    }

    /// Refuses a section in which a style is missing.
    fn complete(
        self,
        section: Option<&Entry<'_>>,
        name: &str,
        keys: &[&str],
        styles: &[Option<Written>],
    ) -> Result<(), ThemeError> {
        let missing = keys.iter().zip(styles).filter(|(_, style)| style.is_none());
        let missing: Vec<_> = missing.map(|(key, _)| format!("`{name}.{key}`")).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let problem = format!(
            "missing {}: a theme has every style, or says which one it extends, such as `extends = \"dark\"`",
            missing.join(", ")
        );
        Err(self.mistake(section.map_or(0..0, |section| section.key.clone()), problem))
    }

    fn style(self, entry: &Entry<'_>, palette: &Palette) -> Result<Written, ThemeError> {
        if !entry.value.get_ref().is_table() {
            let fg = self.paint(entry, palette, "a colour or a table such as `{ fg = \"red\", bold = true }`")?;
            return Ok(Written { fg: Some(fg), ..Written::default() });
        }
        let mut style = Written::default();
        for entry in self.table(entry, Some(&STYLE_KEYS))? {
            let modifier = match entry.name {
                "fg" => {
                    style.fg = Some(self.paint(&entry, palette, "a colour")?);
                    continue;
                }
                "bg" => {
                    style.bg = Some(self.paint(&entry, palette, "a colour")?);
                    continue;
                }
                "bold" => Modifier::BOLD,
                "dim" => Modifier::DIM,
                "italic" => Modifier::ITALIC,
                "underline" => Modifier::UNDERLINED,
                _ => Modifier::REVERSED,
            };
            let on = entry.value.get_ref().as_bool().ok_or_else(|| self.wrong_type(&entry, "true or false"))?;
            style.modifiers.set(modifier, on);
        }
        Ok(style)
    }

    /// A colour that may be one of the palette.
    fn paint(self, entry: &Entry<'_>, palette: &Palette, wanted: &str) -> Result<Paint, ThemeError> {
        match entry.value.get_ref().as_str().filter(|name| palette.contains_key(*name)) {
            Some(name) => Ok(Paint::Named(name.to_owned())),
            None => self.colour(entry, Some(palette), wanted).map(Paint::Colour),
        }
    }

    /// A colour itself; the palette's names are allowed too where there is one.
    fn colour(self, entry: &Entry<'_>, palette: Option<&Palette>, wanted: &str) -> Result<Color, ThemeError> {
        let read = match entry.value.get_ref() {
            DeValue::String(text) => {
                colour::read(text, palette.into_iter().flat_map(Palette::keys).map(String::as_str))
            }
            DeValue::Integer(number) => colour::numbered(number.as_str(), number.radix()),
            _ => return Err(self.wrong_type(entry, wanted)),
        };
        read.map_err(|problem| self.wrong(entry, problem))
    }
}

fn text_of<T: AsRef<str>>(key: &Spanned<T>) -> &str {
    key.get_ref().as_ref()
}
