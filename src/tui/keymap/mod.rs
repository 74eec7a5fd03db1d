//! Which key does what.

mod key;
#[cfg(test)]
mod tests;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use crossterm::event::KeyEvent;

use super::command::{COMMANDS, Command, Info, Scope};
use crate::diagnose;
use crate::text::visible_str;
use key::Key;

/// Keys and their commands, scope by scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap {
    commands: HashMap<(Scope, Key), Command>,
    /// Each command's keys, the one that is shown first.
    keys: BTreeMap<Command, Vec<Key>>,
}

/// A mistake in the configuration's `[keys]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyMistake {
    /// The key of that table, raw.
    pub name: String,
    /// What is wrong and what is allowed, safe to show.
    pub problem: String,
}

impl fmt::Display for KeyMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key `keys.{}`: {}", visible_str(&self.name), self.problem)
    }
}

impl Default for Keymap {
    fn default() -> Self {
        build(&BTreeMap::new()).0
    }
}

impl Keymap {
    /// The defaults, with what the configuration says over them: command names and their keys.
    ///
    /// # Errors
    /// Every mistake, in one text: see [`Keymap::mistakes`].
    pub fn with(changes: &BTreeMap<String, Vec<String>>) -> Result<Self, String> {
        let (keymap, mistakes) = build(changes);
        if mistakes.is_empty() {
            return Ok(keymap);
        }
        Err(mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }

    /// What is wrong with the configuration's keys: a name that no command has, a key that cannot be read, one that
    /// two commands of one scope would share, or one that would be typed wherever its command applies.
    pub fn mistakes(changes: &BTreeMap<String, Vec<String>>) -> Vec<KeyMistake> {
        build(changes).1
    }

    /// What a key does, in the scopes of what has the focus, innermost first. Where one of them takes text, a key that
    /// types a character does nothing else: see [`types`].
    pub fn command(&self, key: KeyEvent, scopes: &[Scope]) -> Option<Command> {
        let key = Key::from(key);
        if key.types().is_some() && scopes.iter().copied().any(takes_text) {
            return None;
        }
        scopes.iter().find_map(|scope| self.commands.get(&(*scope, key)).copied())
    }

    /// The key that is shown for a command: `^R`, `F5`, `Space`; empty where it has none.
    pub fn shown(&self, command: Command) -> String {
        self.keys.get(&command).and_then(|keys| keys.first()).map_or_else(String::new, |key| key.shown())
    }

    /// The same where these scopes have the focus, innermost first: the first of its keys that means it there.
    pub fn shown_in(&self, command: Command, scopes: &[Scope]) -> String {
        let means = |key: &Key| scopes.iter().find_map(|scope| self.commands.get(&(*scope, *key))) == Some(&command);
        let keys = self.keys.get(&command).into_iter().flatten();
        keys.into_iter().find(|key| means(key)).map_or_else(String::new, |key| key.shown())
    }

    /// Every key of a command, as shown.
    pub fn all_shown(&self, command: Command) -> Vec<String> {
        self.keys.get(&command).into_iter().flatten().map(|key| key.shown()).collect()
    }
}

/// The character that a key types: without Ctrl and Alt.
pub fn types(key: KeyEvent) -> Option<char> {
    Key::from(key).types()
}

const fn takes_text(scope: Scope) -> bool {
    matches!(scope, Scope::Edit | Scope::Field)
}

fn build(changes: &BTreeMap<String, Vec<String>>) -> (Keymap, Vec<KeyMistake>) {
    let mut builder =
        Builder { changes, keymap: Keymap { commands: HashMap::new(), keys: BTreeMap::new() }, mistakes: Vec::new() };
    for name in changes.keys().filter(|name| Command::from_name(name).is_none()) {
        let names: Vec<&str> = COMMANDS.iter().map(|info| info.name).collect();
        let hint = visible_str(&diagnose::hint(name, &names));
        builder.mistake(name, format!("no command has that name: {hint}"));
    }
    for info in COMMANDS {
        builder.add(info);
    }
    (builder.keymap, builder.mistakes)
}

struct Builder<'a> {
    changes: &'a BTreeMap<String, Vec<String>>,
    keymap: Keymap,
    mistakes: Vec<KeyMistake>,
}

impl Builder<'_> {
    fn add(&mut self, info: &Info) {
        let written: Vec<&str> = match self.changes.get(info.name) {
            Some(keys) => keys.iter().map(String::as_str).collect(),
            None => info.keys.to_vec(),
        };
        let mut keys = Vec::new();
        for text in written {
            match text.parse::<Key>() {
                Ok(key) if keys.contains(&key) => {}
                Ok(key) => {
                    self.bind(info, key, text);
                    keys.push(key);
                }
                Err(problem) => self.mistake(info.name, problem),
            }
        }
        self.keymap.keys.insert(info.command, keys);
    }

    /// Binds a key in every scope of a command in which it is not typed instead.
    fn bind(&mut self, info: &Info, key: Key, text: &str) {
        let typed = key.types().is_some();
        let mut scopes = info.scopes.iter().filter(|scope| !(typed && takes_text(**scope))).peekable();
        if scopes.peek().is_none() {
            let problem = format!("`{text}` would be typed: use a key with ctrl- or alt-, or one that has a name");
            self.mistake(info.name, problem);
        }
        let mut taken = None;
        for scope in scopes {
            match self.keymap.commands.entry((*scope, key)) {
                Entry::Vacant(free) => _ = free.insert(info.command),
                Entry::Occupied(other) => taken = Some((*other.get(), *scope)),
            }
        }
        if let Some((other, scope)) = taken {
            self.share(info.command, other, scope, text);
        }
    }

    fn share(&mut self, command: Command, other: Command, scope: Scope, text: &str) {
        // The mistake is where somebody wrote something.
        let (ours, theirs) =
            if self.changes.contains_key(command.info().name) { (command, other) } else { (other, command) };
        let problem = format!(
            "`{}` is the key of `{theirs}` too ({}): give one of them another, or [] for none",
            visible_str(text),
            scope.title()
        );
        self.mistake(ours.info().name, problem);
    }

    fn mistake(&mut self, name: &str, problem: String) {
        self.mistakes.push(KeyMistake { name: name.to_owned(), problem });
    }
}
