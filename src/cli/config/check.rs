//! Every mistake in the configuration file and in the user's own policies, profiles and themes.

use std::path::Path;

use serde_json::{Value, json};

use super::super::CliError;
use super::super::layout::{BAD, GOOD};
use crate::config::{Arguments, Config, ConfigError, DEFAULT_POLICY, Origin};
use crate::diagnose::Placed;
use crate::files;
use crate::policy::{Policy, PolicyError};
use crate::profile::{self, LoadError};
use crate::seccomp::{Host, ProfileError};
use crate::text::{visible, visible_str};
use crate::tui::{Depth, Keymap, Theme, ThemeError};

/// What was looked at, and what is wrong with it.
pub(super) struct Checked {
    /// The configuration file, where there is one.
    file: Option<String>,
    policies: usize,
    profiles: usize,
    themes: usize,
    /// Every mistake, once.
    pub mistakes: Vec<Mistake>,
}

/// Something wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// `FILE:LINE:COLUMN`, a file or a variable, safe to show; empty where the message says it.
    place: String,
    message: String,
}

impl Mistake {
    fn at(file: &str, line: usize, column: usize, message: String) -> Self {
        Self { place: format!("{file}:{line}:{column}"), message }
    }
}

impl From<ConfigError> for Mistake {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Mistake(Placed { file, line, column, problem }) => Self::at(&file, line, column, problem),
            ConfigError::Value { origin, problem } => Self { place: origin.to_owned(), message: problem },
            other => Self { place: String::new(), message: other.to_string() },
        }
    }
}

impl From<PolicyError> for Mistake {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Mistake { file, line, column, key, why } => {
                Self::at(&file, line, column, format!("key `{key}`: {why}"))
            }
            PolicyError::Syntax { file, line, column, message } => {
                Self::at(&file, line, column, format!("not valid TOML: {message}"))
            }
            other => Self { place: String::new(), message: other.to_string() },
        }
    }
}

impl From<ThemeError> for Mistake {
    fn from(error: ThemeError) -> Self {
        match error {
            ThemeError::Mistake(Placed { file, line, column, problem }) => Self::at(&file, line, column, problem),
            other => Self { place: String::new(), message: other.to_string() },
        }
    }
}

impl From<LoadError> for Mistake {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Mistake(ProfileError { place, mistake }) => {
                Self { place: place.to_string(), message: mistake.to_string() }
            }
            other => Self { place: String::new(), message: other.to_string() },
        }
    }
}

/// Reads everything.
///
/// # Errors
/// When there is no home directory to look in.
pub(super) fn check(arguments: &Arguments) -> Result<Checked, CliError> {
    let (config, mistakes) = Config::check(arguments)?;
    let file = config.file.found.then(|| shown(&config.file.path));
    let mut checked = Checked { file, policies: 0, profiles: 0, themes: 0, mistakes: Vec::new() };
    for mistake in mistakes {
        checked.note(mistake);
    }
    checked.keys(&config);
    checked.theme(&config);
    let policy = checked.policy(&config);
    let policies = files::with_extension(&config.dirs.policies(), "toml");
    checked.policies = policies.len();
    for path in policies {
        checked.policy_file(&path, &config);
    }
    let profiles = files::with_extension(&config.dirs.seccomp(), "json");
    checked.profiles = profiles.len();
    match profile::host(&policy) {
        Ok(host) => profiles.iter().for_each(|path| checked.profile_file(path, &host)),
        Err(error) => checked.note(error),
    }
    let themes = files::with_extension(&config.dirs.themes(), "toml");
    checked.themes = themes.len();
    for path in themes {
        checked.theme_file(&path, &config);
    }
    Ok(checked)
}

impl Checked {
    fn note(&mut self, mistake: impl Into<Mistake>) {
        let mistake = mistake.into();
        if !self.mistakes.contains(&mistake) {
            self.mistakes.push(mistake);
        }
    }

    fn keys(&mut self, config: &Config) {
        for mistake in Keymap::mistakes(&config.tui.keys) {
            let place = place(config, &format!("keys.{}", visible_str(&mistake.name)));
            self.note(Mistake { place, message: mistake.to_string() });
        }
    }

    /// The theme in force, where one is named.
    fn theme(&mut self, config: &Config) {
        let Some(name) = &config.tui.theme else { return };
        match Theme::load(name, &config.dirs.themes(), Depth::True) {
            Err(error @ ThemeError::Unknown { .. }) => {
                self.note(Mistake { place: place(config, "tui.theme"), message: format!("key `tui.theme`: {error}") });
            }
            Err(error) => self.note(error),
            Ok(_) => {}
        }
    }

    fn theme_file(&mut self, path: &Path, config: &Config) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        match Theme::load(&name, &config.dirs.themes(), Depth::True) {
            Err(error @ ThemeError::Unknown { .. }) => {
                self.note(Mistake { place: shown(path), message: error.to_string() });
            }
            Err(error) => self.note(error),
            Ok(_) => {}
        }
    }

    /// The policy in force, by whose capabilities profiles are read; the usual one where that is not to be had.
    fn policy(&mut self, config: &Config) -> Policy {
        match Policy::load(&config.policy, &config.dirs.policies()) {
            Ok(policy) => {
                self.policy_profile(&policy, config, || place(config, "policy"));
                return policy;
            }
            Err(error @ (PolicyError::Mistake { .. } | PolicyError::Syntax { .. })) => self.note(error),
            Err(error) => {
                self.note(Mistake { place: place(config, "policy"), message: format!("key `policy`: {error}") });
            }
        }
        Policy::shipped(DEFAULT_POLICY).unwrap_or_else(|| Policy::blank(""))
    }

    fn policy_file(&mut self, path: &Path, config: &Config) {
        match Policy::load(&path.to_string_lossy(), &config.dirs.policies()) {
            Ok(policy) => self.policy_profile(&policy, config, || shown(path)),
            Err(error) => self.note(error),
        }
    }

    /// The profile that a policy names.
    fn policy_profile(&mut self, policy: &Policy, config: &Config, place: impl FnOnce() -> String) {
        let Some(choice) = policy.seccomp.get() else { return };
        match profile::load(choice, config, policy) {
            Ok(_) => {}
            Err(error @ LoadError::Mistake(_)) => self.note(error),
            Err(error) => self.note(Mistake { place: place(), message: format!("key `seccomp`: {error}") }),
        }
    }

    fn profile_file(&mut self, path: &Path, host: &Host) {
        let found = profile::find(&path.to_string_lossy(), Path::new(""));
        match found.and_then(|text| profile::filter(&text, host)) {
            Ok(_) => {}
            Err(error @ LoadError::Compile(_)) => {
                self.note(Mistake { place: shown(path), message: error.to_string() });
            }
            Err(error) => self.note(error),
        }
    }

    pub(super) fn to_text(&self) -> String {
        if self.mistakes.is_empty() {
            let file = self.file.as_deref().unwrap_or("no configuration file");
            let Self { policies, profiles, themes, .. } = self;
            return format!(
                "{GOOD}ok{GOOD:#} ({file}; own policies {policies}, own seccomp profiles {profiles}, own themes {themes})\n"
            );
        }
        let line = |Mistake { place, message }: &Mistake| {
            let colon = if place.is_empty() { "" } else { ": " };
            format!("{place}{colon}{BAD}error{BAD:#}: {message}\n")
        };
        self.mistakes.iter().map(line).collect()
    }

    pub(super) fn to_json(&self) -> Value {
        let mistake = |Mistake { place, message }: &Mistake| json!({ "place": place, "message": message });
        json!({
            "ok": self.mistakes.is_empty(),
            "file": self.file,
            "policies": self.policies,
            "profiles": self.profiles,
            "themes": self.themes,
            "mistakes": self.mistakes.iter().map(mistake).collect::<Vec<_>>(),
        })
    }
}

/// Where a setting comes from, as a place.
fn place(config: &Config, key: &str) -> String {
    match config.origins.get(key) {
        Some(Origin::File { line, column }) => format!("{}:{line}:{column}", shown(&config.file.path)),
        Some(Origin::Variable(name) | Origin::Argument(name)) => (*name).to_owned(),
        None => String::new(),
    }
}

fn shown(path: &Path) -> String {
    visible(path.as_os_str().as_encoded_bytes())
}
