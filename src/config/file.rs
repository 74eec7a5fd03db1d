//! The configuration file: TOML, every mistake with its place and what is allowed.

use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::{Config, ConfigError, Key, Origin};
use crate::diagnose::{self, Placed};
use crate::policy::Bytes;
use crate::specimen::Language;
use crate::text::visible;

const KEYS: [&str; 8] = ["engine", "image", "policy", "run_dir", "specimen", "languages", "tui", "keys"];
const SPECIMEN_KEYS: [&str; 1] = ["max_size"];
const LANGUAGE_KEYS: [&str; 3] = ["command", "extensions", "shebangs"];
const TUI_KEYS: [&str; 2] = ["theme", "mouse"];

/// A mistake and the bytes of the file it stands at.
struct Mistake {
    at: Range<usize>,
    problem: String,
}

/// A key of the file, dotted, and where its value is.
struct Entry<'a> {
    key: String,
    value: &'a Spanned<DeValue<'a>>,
}

/// Puts what the file says over `config`, as far as it is right, and gives every mistake in it, from top to bottom.
/// `file` is its name as shown.
pub(super) fn apply(config: &mut Config, file: &str, text: &str) -> Vec<ConfigError> {
    let mut reader = Reader { config, text, mistakes: Vec::new() };
    match DeTable::parse(text) {
        Ok(table) => reader.top(table.get_ref()),
        Err(error) => reader.mistakes.push(Mistake {
            at: error.span().unwrap_or_default(),
            problem: format!("not valid TOML: {}", visible(error.message().as_bytes())),
        }),
    }
    let mut mistakes = reader.mistakes;
    mistakes.sort_by_key(|mistake| mistake.at.start);
    let placed = |mistake: Mistake| Placed::at(file.to_owned(), text, mistake.at.start, mistake.problem).into();
    mistakes.into_iter().map(placed).collect()
}

struct Reader<'c> {
    config: &'c mut Config,
    text: &'c str,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn top(&mut self, table: &DeTable<'_>) {
        for (key, entry) in self.entries("", table, &KEYS) {
            let done = match key {
                "engine" => entry.set(self.config, Key::Engine),
                "image" => entry.set(self.config, Key::Image),
                "policy" => entry.set(self.config, Key::Policy),
                "run_dir" => entry.absolute_path().map(|path| self.config.run_dir = Some(path)),
                "specimen" => entry.table().map(|table| self.specimen(table)),
                "languages" => entry.table().map(|table| self.languages(table)),
                "tui" => entry.table().map(|table| self.tui(table)),
                _ => entry.table().map(|table| self.keys(table)),
            };
            self.note(done);
        }
    }

    /// What was read, or `None` and one more mistake.
    fn note<T>(&mut self, read: Result<T, Mistake>) -> Option<T> {
        read.map_err(|mistake| self.mistakes.push(mistake)).ok()
    }

    /// The entries of a table whose keys are allowed, in the order of the file.
    fn entries<'a>(&mut self, prefix: &str, table: &'a DeTable<'a>, allowed: &[&str]) -> Vec<(&'a str, Entry<'a>)> {
        let mut entries = Vec::new();
        for (key, value) in in_order(table) {
            let name = key_text(key);
            let dotted = format!("{prefix}{}", visible(name.as_bytes()));
            if allowed.contains(&name) {
                entries.push((name, self.entry(dotted, key, value)));
            } else {
                let problem = format!("unknown key `{dotted}`: {}", visible_hint(name, allowed));
                self.mistakes.push(Mistake { at: key.span(), problem });
            }
        }
        entries
    }

    /// An entry, whose place is remembered.
    fn entry<'a, T>(&mut self, key: String, place: &Spanned<T>, value: &'a Spanned<DeValue<'a>>) -> Entry<'a> {
        let (line, column) = diagnose::position(self.text, place.span().start);
        self.config.origins.insert(key.clone(), Origin::File { line, column });
        Entry { key, value }
    }

    fn specimen(&mut self, table: &DeTable<'_>) {
        for (_, entry) in self.entries("specimen.", table, &SPECIMEN_KEYS) {
            if let Some(size) = self.note(entry.size()) {
                self.config.max_size = size;
            }
        }
    }

    fn tui(&mut self, table: &DeTable<'_>) {
        for (key, entry) in self.entries("tui.", table, &TUI_KEYS) {
            let done = match key {
                "theme" => entry.set(self.config, Key::Theme),
                _ => entry.switch().map(|on| self.config.tui.mouse = on),
            };
            self.note(done);
        }
    }

    /// Commands' names and their keys; what they can be is for the keymap to say.
    fn keys(&mut self, table: &DeTable<'_>) {
        for (key, value) in in_order(table) {
            let name = key_text(key);
            let entry = self.entry(format!("keys.{}", visible(name.as_bytes())), key, value);
            if let Some(keys) = self.note(entry.word_or_words()) {
                self.config.tui.keys.insert(name.to_owned(), keys);
            }
        }
    }

    /// Rows of the table of languages, the later before the earlier ones.
    fn languages(&mut self, table: &DeTable<'_>) {
        for (key, value) in in_order(table) {
            if let Some(language) = self.language(key, value) {
                self.config.languages.add(language);
            }
        }
    }

    /// A row. What it leaves out stays as the row of that name had it; a new row needs a command.
    fn language<'a, T: AsRef<str>>(&mut self, key: &Spanned<T>, value: &'a Spanned<DeValue<'a>>) -> Option<Language> {
        let name = key_text(key);
        let shown = visible(name.as_bytes());
        if !is_name(name) {
            let problem = format!("`{shown}` is not a language's name: use letters, digits, `-`, `_` and `+`");
            return self.note(Err(Mistake { at: key.span(), problem }));
        }
        let row = self.entry(format!("languages.{shown}"), key, value);
        let mut language = self.config.languages.get(name).cloned().unwrap_or_else(|| Language {
            name: name.to_owned(),
            command: Vec::new(),
            extensions: Vec::new(),
            shebangs: Vec::new(),
        });
        let before = self.mistakes.len();
        let table = self.note(row.table())?;
        for (key, entry) in self.entries(&format!("{}.", row.key), table, &LANGUAGE_KEYS) {
            let done = entry.words().and_then(|words| {
                match key {
                    "command" => language.command = words,
                    "extensions" => language.extensions = entry.extensions(words)?,
                    _ => language.shebangs = words,
                }
                Ok(())
            });
            self.note(done);
        }
        if language.command.is_empty() && self.mistakes.len() == before {
            let problem = format!("`{}` has no command: add one such as `command = [\"{shown}\"]`", row.key);
            return self.note(Err(Mistake { at: key.span(), problem }));
        }
        Some(language)
    }
}

/// The rows of a table as they stand in the file.
fn in_order<'a>(table: &'a DeTable<'a>) -> Vec<(&'a Spanned<DeString<'a>>, &'a Spanned<DeValue<'a>>)> {
    let mut rows: Vec<_> = table.iter().collect();
    rows.sort_by_key(|(key, _)| key.span().start);
    rows
}

fn key_text<T: AsRef<str>>(key: &Spanned<T>) -> &str {
    key.get_ref().as_ref()
}

fn visible_hint(name: &str, allowed: &[&str]) -> String {
    visible(diagnose::hint(name, allowed).as_bytes())
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_+".contains(c);
    !name.is_empty() && !name.starts_with('-') && name.chars().all(allowed)
}

impl<'a> Entry<'a> {
    fn mistake(&self, problem: impl std::fmt::Display) -> Mistake {
        Mistake { at: self.value.span(), problem: format!("key `{}`: {problem}", self.key) }
    }

    fn wrong_type(&self, wanted: &str) -> Mistake {
        let found = self.value.get_ref().type_str();
        self.mistake(format!("expected {wanted}, found {found}"))
    }

    fn table(&self) -> Result<&'a DeTable<'a>, Mistake> {
        let table = self.value.get_ref().as_table();
        table.ok_or_else(|| self.wrong_type("a table"))
    }

    fn text(&self) -> Result<&'a str, Mistake> {
        let text = self.value.get_ref().as_str();
        text.ok_or_else(|| self.wrong_type("a string"))
    }

    fn switch(&self) -> Result<bool, Mistake> {
        let on = self.value.get_ref().as_bool();
        on.ok_or_else(|| self.wrong_type("true or false"))
    }

    fn set(&self, config: &mut Config, key: Key) -> Result<(), Mistake> {
        let text = self.text()?;
        config.set(key, text).map_err(|problem| self.mistake(problem))
    }

    fn absolute_path(&self) -> Result<PathBuf, Mistake> {
        let path = PathBuf::from(self.text()?);
        if path.is_absolute() {
            Ok(path)
        } else {
            Err(self.mistake("expected an absolute path, such as `/run/hotcell`"))
        }
    }

    /// A size written `"4m"` or as a number of bytes.
    fn size(&self) -> Result<Bytes, Mistake> {
        let text = match self.value.get_ref() {
            DeValue::String(text) => text,
            DeValue::Integer(number) => number.as_str(),
            _ => return Err(self.wrong_type("a size")),
        };
        match text.parse() {
            Ok(Bytes(0)) => Err(self.mistake("a cap of 0 would refuse every specimen")),
            Ok(size) => Ok(size),
            Err(error) => Err(self.mistake(error)),
        }
    }

    /// An array of strings, none of them empty.
    fn words(&self) -> Result<Vec<String>, Mistake> {
        let array = self.value.get_ref().as_array();
        array
            .ok_or_else(|| self.wrong_type("an array of strings"))?
            .iter()
            .map(|item| {
                let item = Entry { key: self.key.clone(), value: item };
                match item.text()? {
                    "" => Err(item.mistake("an empty string means nothing here")),
                    word => Ok(word.to_owned()),
                }
            })
            .collect()
    }

    /// A string for an array of one.
    fn word_or_words(&self) -> Result<Vec<String>, Mistake> {
        match self.value.get_ref() {
            DeValue::String(_) => Ok(vec![self.text()?.to_owned()]),
            DeValue::Array(_) => self.words(),
            _ => Err(self.wrong_type("a string or an array of strings")),
        }
    }

    /// Extensions, with or without their dot. They become part of a file name
    /// in the cell.
    fn extensions(&self, words: Vec<String>) -> Result<Vec<String>, Mistake> {
        words
            .into_iter()
            .map(|word| match word.trim_start_matches('.') {
                extension if is_name(extension) => Ok(extension.to_owned()),
                _ => Err(self
                    .mistake(format!("`{}` is not an extension: write one such as `lua`", visible(word.as_bytes())))),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::tests::blank;
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let mut config = blank(Path::new("/home/x"));
        match apply(&mut config, "config.toml", text).first() {
            Some(mistake) => Err(mistake.to_string()),
            None => Ok(config),
        }
    }

    #[test]
    fn every_key_is_read() {
        let config = read(
            "engine = 'podman'\nimage = 'box:1'\npolicy = 'bare'\nrun_dir = '/srv/hotcell'\n\
             [specimen]\nmax_size = '4m'\n\
             [languages.lua]\ncommand = ['lua', '-W']\nextensions = ['.lua']\nshebangs = ['lua']\n\
             [tui]\ntheme = 'light'\nmouse = false\n\
             [keys]\nrun = 'f9'\nstop = ['x', 'ctrl-x']\nquit = []\n",
        )
        .unwrap();
        assert_eq!((config.tui.theme.as_deref(), config.tui.mouse), (Some("light"), false));
        assert_eq!(config.tui.keys["run"], ["f9"]);
        assert_eq!(config.tui.keys["stop"], ["x", "ctrl-x"]);
        assert!(config.tui.keys["quit"].is_empty());
        assert_eq!(config.max_size, Bytes(4 << 20));
        assert_eq!(config.run_dir, Some(PathBuf::from("/srv/hotcell")));
        let lua = config.languages.recognise("a.lua", b"x").unwrap();
        assert_eq!(lua.argv("/s"), ["lua", "-W", "/s"]);
        assert_eq!(read("specimen.max_size = 500").unwrap().max_size, Bytes(500));
    }

    #[test]
    fn a_row_of_a_known_language_changes_only_what_it_says() {
        let config = read("[languages.python]\ncommand = ['python3.14']\n").unwrap();
        let python = config.languages.recognise("a.py", b"x").unwrap();
        assert_eq!(python.command, ["python3.14"]);
    }

    #[test]
    fn an_unknown_key_is_shown_with_its_place_and_the_allowed_ones() {
        assert_eq!(
            read("engine = 'docker'\n  polcy = 'bare'\n").unwrap_err(),
            "config.toml:2:3: unknown key `polcy`: did you mean `policy`? \
             allowed: engine, image, policy, run_dir, specimen, languages, tui, keys"
        );
        assert_eq!(
            read("[specimen]\nmaxsize = 1").unwrap_err(),
            "config.toml:2:1: unknown key `specimen.maxsize`: did you mean `max_size`? \
             allowed: max_size"
        );
    }

    #[test]
    fn a_wrong_value_is_shown_with_its_place_and_its_key() {
        for (text, expected) in [
            ("image = 5", "config.toml:1:9: key `image`: expected a string, found integer"),
            ("run_dir = 'here'", "config.toml:1:11: key `run_dir`: expected an absolute path"),
            ("[specimen]\nmax_size = '1x'", "config.toml:2:12: key `specimen.max_size`: `1x` is"),
            ("specimen.max_size = 0", "config.toml:1:21: key `specimen.max_size`: a cap of 0"),
            ("engine = 'dokcer'", "config.toml:1:10: key `engine`: `dokcer` is not an engine"),
            ("[languages]\nlua = {}", "config.toml:2:1: `languages.lua` has no command"),
            (
                "[languages.lua]\ncommand = ['lua', 3]",
                "config.toml:2:19: key `languages.lua.command`: expected a string",
            ),
            (
                "[languages.lua]\ncommand = ['a']\nextensions = ['../x']",
                "config.toml:3:14: key `languages.lua.extensions`: `../x` is not an extension",
            ),
            ("tui.theme = ''", "config.toml:1:13: key `tui.theme`: `` is not a theme"),
            ("tui.mouse = 1", "config.toml:1:13: key `tui.mouse`: expected true or false, found integer"),
            ("tui.moose = 1", "config.toml:1:5: unknown key `tui.moose`: did you mean `mouse`? allowed: theme, mouse"),
            ("keys.run = 1", "config.toml:1:12: key `keys.run`: expected a string or an array of strings"),
            ("keys.run = ['a', '']", "config.toml:1:18: key `keys.run`: an empty string"),
            ("keys = 'vi'", "config.toml:1:8: key `keys`: expected a table"),
            ("engine = ", "config.toml:1:10: not valid TOML: "),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn every_mistake_is_told_from_top_to_bottom_and_the_rest_is_read() {
        let mut config = blank(Path::new("/home/x"));
        let text = "policy = 'bare'\nimage = 5\n[specimen]\nmax_size = 0\nsize = 1\n\
                    [languages.lua]\nextensions = ['/']\n[tui]\nmouse = false\nthem = 'x'\n";
        let told: Vec<String> = apply(&mut config, "config.toml", text).iter().map(ToString::to_string).collect();
        let places: Vec<&str> = told.iter().map(|told| told.split(": ").next().unwrap()).collect();
        assert_eq!(
            places,
            ["config.toml:2:9", "config.toml:4:12", "config.toml:5:1", "config.toml:7:14", "config.toml:10:1"]
        );
        assert_eq!((config.policy.as_str(), config.tui.mouse), ("bare", false));
    }

    #[test]
    fn a_later_language_goes_before_an_earlier_one() {
        let rows = [
            "[languages.b]\ncommand = ['b']\nextensions = ['x']\n",
            "[languages.a]\ncommand = ['a']\nextensions = ['x']\n",
        ];
        let first = |text: String| read(&text).unwrap().languages.recognise("f.x", b"x").unwrap().name.clone();
        assert_eq!(first(rows.concat()), "a");
        assert_eq!(first([rows[1], rows[0]].concat()), "b");
    }

    #[test]
    fn the_place_of_each_key_is_remembered() {
        let config = read("policy = 'bare'\n[keys]\n  run = 'f9'\n").unwrap();
        assert_eq!(config.origins.get("policy"), Some(&Origin::File { line: 1, column: 1 }));
        assert_eq!(config.origins.get("keys.run"), Some(&Origin::File { line: 3, column: 3 }));
        assert_eq!(config.origins.get("image"), None);
    }
}
