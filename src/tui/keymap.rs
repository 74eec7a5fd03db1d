//! Which key does what.

use std::collections::BTreeMap;

use crossterm::event::KeyEvent;

use super::command::{Command, Scope};

/// Keys and their commands, scope by scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap;

impl Default for Keymap {
    fn default() -> Self {
        Self
    }
}

impl Keymap {
    /// The defaults, with what the configuration says over them: command names and their keys.
    ///
    /// # Errors
    /// A key that cannot be read, or one that two commands of one scope would share.
    pub fn with(_changes: &BTreeMap<String, Vec<String>>) -> Result<Self, String> {
        Ok(Self)
    }

    /// What a key does, in the scopes of what has the focus, innermost first.
    pub fn command(&self, _key: KeyEvent, _scopes: &[Scope]) -> Option<Command> {
        None
    }

    /// The key that is shown for a command: `^R`, `F5`, `space`; empty where it has none.
    pub fn shown(&self, _command: Command) -> String {
        String::new()
    }

    /// Every key of a command, as shown.
    pub fn all_shown(&self, _command: Command) -> Vec<String> {
        Vec::new()
    }
}
