//! The configuration file: TOML, every mistake with its place and what is allowed.

use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Config, ConfigError, Key};
use crate::diagnose;
use crate::policy::Bytes;
use crate::specimen::Language;
use crate::text::visible;

const KEYS: [&str; 6] = ["engine", "image", "policy", "run_dir", "specimen", "languages"];
const SPECIMEN_KEYS: [&str; 1] = ["max_size"];
const LANGUAGE_KEYS: [&str; 3] = ["command", "extensions", "shebangs"];

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

/// Puts what the file says over `config`. `file` is its name as shown.
pub(super) fn apply(config: &mut Config, file: &str, text: &str) -> Result<(), ConfigError> {
    let parsed = DeTable::parse(text).map_err(|error| Mistake {
        at: error.span().unwrap_or_default(),
        problem: format!("not valid TOML: {}", visible(error.message().as_bytes())),
    });
    parsed.and_then(|table| apply_table(config, table.get_ref())).map_err(|mistake| {
        let (line, column) = diagnose::position(text, mistake.at.start);
        ConfigError::Mistake { file: file.to_owned(), line, column, problem: mistake.problem }
    })
}

fn apply_table(config: &mut Config, table: &DeTable<'_>) -> Result<(), Mistake> {
    for (key, entry) in entries("", table, &KEYS)? {
        match key {
            "engine" => entry.set(config, Key::Engine)?,
            "image" => entry.set(config, Key::Image)?,
            "policy" => entry.set(config, Key::Policy)?,
            "run_dir" => config.run_dir = Some(entry.absolute_path()?),
            "specimen" => {
                for (_, entry) in entries("specimen.", entry.table()?, &SPECIMEN_KEYS)? {
                    config.max_size = entry.size()?;
                }
            }
            _ => apply_languages(config, entry.table()?)?,
        }
    }
    Ok(())
}

/// The entries of a table, all of whose keys must be allowed.
fn entries<'a>(prefix: &str, table: &'a DeTable<'a>, allowed: &[&str]) -> Result<Vec<(&'a str, Entry<'a>)>, Mistake> {
    let entry = |(key, value): (&'a Spanned<_>, _)| {
        let name: &'a str = key_text(key);
        let dotted = format!("{prefix}{}", visible(name.as_bytes()));
        if allowed.contains(&name) {
            return Ok((name, Entry { key: dotted, value }));
        }
        Err(Mistake { at: key.span(), problem: format!("unknown key `{dotted}`: {}", diagnose::hint(name, allowed)) })
    };
    table.iter().map(entry).collect()
}

fn key_text<T: AsRef<str>>(key: &Spanned<T>) -> &str {
    key.get_ref().as_ref()
}

/// Rows of the table of languages. What a row leaves out stays as the row of
/// that name had it; a new row needs a command.
fn apply_languages(config: &mut Config, table: &DeTable<'_>) -> Result<(), Mistake> {
    for (key, value) in table {
        let name = key_text(key);
        let shown = visible(name.as_bytes());
        if !is_name(name) {
            return Err(Mistake {
                at: key.span(),
                problem: format!("`{shown}` is not a language's name: use letters, digits, `-`, `_` and `+`"),
            });
        }
        let row = Entry { key: format!("languages.{shown}"), value };
        let known = config.languages.get(name).cloned();
        let mut language = known.unwrap_or_else(|| Language {
            name: name.to_owned(),
            command: Vec::new(),
            extensions: Vec::new(),
            shebangs: Vec::new(),
        });
        for (key, entry) in entries(&format!("{}.", row.key), row.table()?, &LANGUAGE_KEYS)? {
            let words = entry.words()?;
            match key {
                "command" => language.command = words,
                "extensions" => language.extensions = entry.extensions(words)?,
                _ => language.shebangs = words,
            }
        }
        if language.command.is_empty() {
            return Err(Mistake {
                at: key.span(),
                problem: format!("`{}` has no command: add one such as `command = [\"{shown}\"]`", row.key),
            });
        }
        config.languages.add(language);
    }
    Ok(())
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
        apply(&mut config, "config.toml", text).map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn every_key_is_read() {
        let config = read(
            "engine = 'podman'\nimage = 'box:1'\npolicy = 'bare'\nrun_dir = '/srv/hotcell'\n\
             [specimen]\nmax_size = '4m'\n\
             [languages.lua]\ncommand = ['lua', '-W']\nextensions = ['.lua']\nshebangs = ['lua']\n",
        )
        .unwrap();
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
             allowed: engine, image, policy, run_dir, specimen, languages"
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
            ("engine = ", "config.toml:1:10: not valid TOML: "),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
