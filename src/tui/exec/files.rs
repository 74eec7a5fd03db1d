//! Files read and written for the workbench. Each gives the action that tells what came of it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::engine::discover::{Surroundings, survey};
use crate::policy::Policy;
use crate::profile;
use crate::specimen::Specimen;
use crate::text::{visible, visible_str};
use crate::tui::action::{Action, Listing};
use crate::tui::overlay::picker::Item;
use crate::tui::theme::{Depth, Theme};

/// Candidates that completion offers at most.
const MOST_CANDIDATES: usize = 200;

/// Reads a specimen.
pub(super) fn open(path: PathBuf, config: &Config) -> Action {
    let path = std::path::absolute(&path).unwrap_or(path);
    // Its language is told from its text later; any will do for reading it.
    let any = config.languages.names().first().map(|name| (*name).to_owned());
    let read = Specimen::load(&path, &config.languages, any.as_deref(), config.max_size);
    Action::Opened(path, read.map(|specimen| specimen.bytes).map_err(|error| error.to_string()))
}

/// Writes a file; one that exists only where it may be replaced.
pub(super) fn save(path: PathBuf, bytes: Vec<u8>, replace: bool) -> Action {
    match write(&path, &bytes, replace) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !replace => Action::Exists(path, bytes),
        Err(error) => {
            let message = format!("cannot save {}: {error}", visible(path.as_os_str().as_bytes()));
            Action::Saved(path, Err(message))
        }
        Ok(()) => Action::Saved(path, Ok(())),
    }
}

fn write(path: &Path, bytes: &[u8], replace: bool) -> io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    let mut file = OpenOptions::new().write(true).create(true).create_new(!replace).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// What a path that is being typed can become.
pub(super) fn complete(typed: String) -> Action {
    let (directory, start) = match typed.rsplit_once('/') {
        Some((directory, start)) => (format!("{directory}/"), start),
        None => (String::new(), typed.as_str()),
    };
    let entries = fs::read_dir(place(&directory)).into_iter().flatten().flatten();
    let mut candidates: Vec<String> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let hidden = name.starts_with('.') && !start.starts_with('.');
            let slash = if fs::metadata(entry.path()).is_ok_and(|found| found.is_dir()) { "/" } else { "" };
            (name.starts_with(start) && !hidden).then(|| format!("{directory}{name}{slash}"))
        })
        .take(MOST_CANDIDATES)
        .collect();
    candidates.sort();
    Action::Completed { typed, candidates }
}

/// The directory that a typed one means.
fn place(directory: &str) -> PathBuf {
    match directory.strip_prefix("~/").zip(std::env::home_dir()) {
        Some((rest, home)) => home.join(rest),
        None if directory.is_empty() => PathBuf::from("."),
        None => PathBuf::from(directory),
    }
}

/// The names that can be chosen from.
pub(super) fn list(listing: Listing, config: &Config) -> Action {
    let items = match listing {
        Listing::Policies => policies(config),
        Listing::Profiles => profile::names(&config.dirs.seccomp()).iter().map(|name| plain(name)).collect(),
        Listing::Themes => themes(config),
        Listing::Engines => engines(),
    };
    Action::Listed(listing, items)
}

fn plain(name: &str) -> Item {
    Item { value: name.to_owned(), label: visible_str(name), detail: String::new(), note: String::new() }
}

fn themes(config: &Config) -> Vec<Item> {
    let dir = config.dirs.themes();
    let item = |name: String| {
        let detail = match Theme::load(&name, &dir, Depth::True) {
            Ok(theme) => visible_str(theme.summary()),
            Err(error) => error.to_string(),
        };
        Item { detail, ..plain(&name) }
    };
    Theme::names(&dir).into_iter().map(item).collect()
}

fn policies(config: &Config) -> Vec<Item> {
    let dir = config.dirs.policies();
    let item = |name: String| {
        let detail = match Policy::load(&name, &dir) {
            Ok(policy) => visible_str(&policy.summary),
            Err(error) => error.to_string(),
        };
        Item { detail, ..plain(&name) }
    };
    Policy::names(&dir).into_iter().map(item).collect()
}

fn engines() -> Vec<Item> {
    let found = survey(&Surroundings::real()).into_iter().flatten();
    found
        .map(|endpoint| Item {
            value: endpoint.address.clone(),
            label: endpoint.kind.to_string(),
            detail: visible_str(&format!("{} ({})", endpoint.address, endpoint.origin)),
            note: String::new(),
        })
        .collect()
}

/// Reads a policy.
pub(super) fn policy(name: &str, config: &Config) -> Action {
    let loaded = Policy::load(name, &config.dirs.policies());
    Action::PolicyLoaded(loaded.map(Box::new).map_err(|error| error.to_string()))
}

/// Reads a theme.
pub(super) fn theme(name: String, config: &Config, depth: Depth) -> Action {
    let loaded = Theme::load(&name, &config.dirs.themes(), depth);
    Action::ThemeLoaded(name, loaded.map(Box::new).map_err(|error| error.to_string()))
}
