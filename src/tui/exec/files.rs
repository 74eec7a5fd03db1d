//! Files read and written for the workbench. Each gives the action that tells what came of it.

use std::fs::{self, DirEntry};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::engine::EngineKind;
use crate::engine::discover::{Surroundings, survey};
use crate::files::{self, FileError};
use crate::policy::Policy;
use crate::profile;
use crate::specimen::Specimen;
use crate::text::{visible, visible_str};
use crate::tui::action::{Action, Listing};
use crate::tui::overlay::picker::Item;
use crate::tui::theme::{Depth, Theme};
use crate::tui::tuning::Origin;

/// Candidates that completion offers at most.
const MOST_CANDIDATES: usize = 10_000;

/// The mode of a new file, less the umask.
const MODE: u32 = 0o666;

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
        Err(FileError::System(error)) if error.kind() == io::ErrorKind::AlreadyExists && !replace => {
            Action::Exists(path, bytes)
        }
        Err(error) => {
            let message = format!("cannot save {}: {error}", visible(path.as_os_str().as_bytes()));
            Action::Saved(path, Err(message))
        }
        Ok(()) => Action::Saved(path, Ok(())),
    }
}

fn write(path: &Path, bytes: &[u8], replace: bool) -> Result<(), FileError> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    if replace { files::replace(path, bytes, MODE) } else { Ok(files::create(path, bytes, MODE)?) }
}

/// What a path that is being typed can become.
pub(super) fn complete(typed: String) -> Action {
    let (directory, start) = match typed.rsplit_once('/') {
        Some((directory, start)) => (format!("{directory}/"), start),
        None => (String::new(), typed.as_str()),
    };
    let entries = fs::read_dir(place(&directory)).into_iter().flatten().flatten();
    let fits = |name: &str| name.starts_with(start) && (start.starts_with('.') || !name.starts_with('.'));
    let named = |entry: DirEntry| Some((entry.file_name().into_string().ok().filter(|name| fits(name))?, entry));
    let mut found: Vec<_> = entries.filter_map(named).collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    // The first and the last stay: what they share all of them do.
    if found.len() > MOST_CANDIDATES {
        found.drain(MOST_CANDIDATES - 1..found.len() - 1);
    }
    let slash = |entry: &DirEntry| if leads_to_a_directory(entry) { "/" } else { "" };
    let candidates = found.iter().map(|(name, entry)| format!("{directory}{name}{}", slash(entry))).collect();
    Action::Completed { typed, candidates }
}

/// The directory says what an entry is, except of a link.
fn leads_to_a_directory(entry: &DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| {
        kind.is_dir() || kind.is_symlink() && fs::metadata(entry.path()).is_ok_and(|found| found.is_dir())
    })
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
        Listing::Engines => engines(config),
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

fn engines(config: &Config) -> Vec<Item> {
    let found = survey(&Surroundings::real(config.prepare_run_dir().ok())).into_iter().flatten();
    found
        .map(|endpoint| Item {
            value: match endpoint.kind {
                EngineKind::Embedded => endpoint.kind.name().to_owned(),
                EngineKind::Docker | EngineKind::Podman => endpoint.address.clone(),
            },
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

/// Reads the seccomp profile of a policy.
pub(super) fn profile(policy: &Policy, config: &Config) -> Action {
    let loaded = profile::load(&policy.seccomp.setting, config, policy);
    let profile = loaded.map(|filter| Box::new(filter.profile)).map_err(|error| error.to_string());
    Action::ProfileLoaded(Origin::of(policy), profile)
}

/// Reads a theme.
pub(super) fn theme(name: String, config: &Config, depth: Depth) -> Action {
    let loaded = Theme::load(&name, &config.dirs.themes(), depth);
    Action::ThemeLoaded(name, loaded.map(Box::new).map_err(|error| error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn candidates(typed: String) -> Vec<String> {
        match complete(typed) {
            Action::Completed { candidates, .. } => candidates,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_name_that_fits_is_a_candidate_wherever_it_stands_in_its_directory() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        for number in 0..300 {
            fs::write(at(&format!("other{number}")), "").unwrap();
        }
        fs::create_dir(at("spam")).unwrap();
        symlink("spam", at("spin")).unwrap();
        fs::write(at("spot.py"), "").unwrap();
        fs::write(at(".spy"), "").unwrap();
        let dir = home.path().to_str().unwrap();
        assert_eq!(candidates(format!("{dir}/sp")), ["spam/", "spin/", "spot.py"].map(|name| format!("{dir}/{name}")));
        assert_eq!(candidates(format!("{dir}/other")).len(), 300);
        assert_eq!(candidates(format!("{dir}/.s")), [format!("{dir}/.spy")]);
        assert_eq!(candidates(format!("{dir}/nowhere/x")), [""; 0]);
    }

    #[test]
    fn of_too_many_candidates_the_first_and_the_last_stay() {
        let home = tempfile::tempdir().unwrap();
        for number in 0..MOST_CANDIDATES {
            fs::write(home.path().join(format!("ab{number:05}")), "").unwrap();
        }
        fs::write(home.path().join("az"), "").unwrap();
        let dir = home.path().to_str().unwrap();
        let found = candidates(format!("{dir}/a"));
        assert_eq!(found.len(), MOST_CANDIDATES);
        assert_eq!(
            (found[0].as_str(), found[MOST_CANDIDATES - 1].as_str()),
            (&*format!("{dir}/ab00000"), &*format!("{dir}/az"))
        );
    }

    #[test]
    fn a_file_is_replaced_only_where_that_is_said_and_keeps_its_mode() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("new/specimen.py");
        assert!(matches!(save(path.clone(), b"one".to_vec(), false), Action::Saved(_, Ok(()))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
        assert!(matches!(save(path.clone(), b"two".to_vec(), false), Action::Exists(..)));
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert!(matches!(save(path.clone(), b"two".to_vec(), true), Action::Saved(_, Ok(()))));
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o750);
    }

    #[test]
    fn what_cannot_be_saved_is_told_with_its_path_and_stays() {
        let home = tempfile::tempdir().unwrap();
        match save(home.path().to_owned(), b"x".to_vec(), true) {
            Action::Saved(_, Err(message)) => {
                assert!(message.ends_with("it is a directory, not a file"), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
}
