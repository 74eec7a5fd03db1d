//! Seccomp profiles by name or path: found, read, and compiled for this machine.

use std::collections::BTreeSet;
use std::path::Path;

use thiserror::Error;

use crate::config::Config;
use crate::diagnose;
use crate::files::{self, FileError};
use crate::plan::Filter;
use crate::policy::{Bytes, Cap, Policy, SeccompChoice};
use crate::seccomp::{Arch, CompileError, Host, KernelVersionError, Profile, ProfileError, compile, shipped};
use crate::text::visible;

/// The most that is read of a file.
const LONGEST: Bytes = Bytes::mib(4);

/// Why a profile cannot be had.
#[derive(Debug, Error)]
pub enum LoadError {
    /// No profile has that name.
    #[error("`{name}` is no seccomp profile: {hint}, or the path of a JSON file")]
    Unknown {
        /// The name, safe to show.
        name: String,
        /// The nearest name, and all of them.
        hint: String,
    },
    /// The file cannot be read.
    #[error("reading the seccomp profile {path}: {source}: name a readable JSON file, or a profile such as python")]
    Unreadable {
        /// The file, safe to show.
        path: String,
        /// What is wrong with it.
        source: FileError,
    },
    /// It has a mistake.
    #[error(transparent)]
    Mistake(#[from] ProfileError),
    /// It does not compile.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// This kernel's release cannot be read.
    #[error(transparent)]
    Kernel(#[from] KernelVersionError),
}

/// A profile as it was found, not yet read.
#[derive(Debug)]
pub struct Text {
    /// Its name or path, safe to show.
    pub label: String,
    /// Its JSON.
    pub json: String,
}

/// The filter that a policy asks for: of its own profile, or of the one that takes its place where that is edited; none
/// where the layer is off.
///
/// # Errors
/// A profile that cannot be had or does not compile.
pub fn of(policy: &Policy, edited: Option<&Profile>, config: &Config) -> Result<Option<Filter>, LoadError> {
    let filter = |choice| match edited {
        Some(profile) => Ok(Filter { profile: profile.clone(), program: compile(profile, Arch::native())? }),
        None => load(choice, config, policy),
    };
    policy.seccomp.get().map(filter).transpose()
}

/// The profile of a policy's `seccomp` layer, compiled for this kernel. The capabilities that the policy keeps decide
/// the conditional rules of Docker's profiles.
///
/// # Errors
/// A profile that is not there, cannot be read, has a mistake or does not compile.
pub fn load(choice: &SeccompChoice, config: &Config, policy: &Policy) -> Result<Filter, LoadError> {
    let text = match choice {
        SeccompChoice::Shipped(name) => find(name, &config.dirs.seccomp())?,
        SeccompChoice::File(path) => read(path)?,
    };
    filter(&text, &host(policy)?)
}

/// A profile by what the reviewer calls it: one of the user's own (`NAME.json` in `user_dir`), one in the binary, else
/// a path.
///
/// # Errors
/// A name that no profile has, or a file that cannot be read.
pub fn find(name: &str, user_dir: &Path) -> Result<Text, LoadError> {
    let is_path = name.contains('/') || Path::new(name).extension().is_some_and(|extension| extension == "json");
    if is_path {
        return read(Path::new(name));
    }
    let own = user_dir.join(format!("{name}.json"));
    if own.is_file() {
        return read(&own);
    }
    match shipped().iter().find(|(shipped, _)| *shipped == name) {
        Some((label, json)) => Ok(Text { label: (*label).to_owned(), json: (*json).to_owned() }),
        None => Err(unknown(name, user_dir)),
    }
}

fn unknown(name: &str, user_dir: &Path) -> LoadError {
    let names = names(user_dir);
    let allowed: Vec<&str> = names.iter().map(String::as_str).collect();
    let shown = visible(name.as_bytes());
    let hint = visible(diagnose::hint(name, &allowed).as_bytes());
    LoadError::Unknown { name: shown, hint }
}

/// Every name that [`find`] knows: those in the binary, then the user's own.
pub fn names(user_dir: &Path) -> Vec<String> {
    let shipped: Vec<&str> = shipped().iter().map(|(name, _)| *name).collect();
    files::names(&shipped, user_dir, "json")
}

/// Makes a profile's path that was typed mean the same file from any directory.
pub fn absolute_seccomp(policy: &mut Policy) {
    if let SeccompChoice::File(path) = &mut policy.seccomp.setting
        && let Ok(absolute) = std::path::absolute(&*path)
    {
        *path = absolute;
    }
}

fn read(path: &Path) -> Result<Text, LoadError> {
    let label = visible(path.as_os_str().as_encoded_bytes());
    match files::read_text(path, LONGEST) {
        Ok(json) => Ok(Text { label, json }),
        Err(source) => Err(LoadError::Unreadable { path: label, source }),
    }
}

/// Reads and compiles a profile for a host.
///
/// # Errors
/// A mistake in the profile, with its place, or a profile that libseccomp refuses.
pub fn filter(text: &Text, host: &Host) -> Result<Filter, LoadError> {
    let profile = Profile::parse(&text.label, &text.json, host)?;
    let program = compile(&profile, Arch::native())?;
    Ok(Filter { profile, program })
}

/// This machine, for a cell with the capabilities that a policy keeps: all of them where that layer is off.
///
/// # Errors
/// When the kernel's release cannot be read as a version.
pub fn host(policy: &Policy) -> Result<Host, LoadError> {
    let caps: BTreeSet<String> = match policy.caps.get() {
        Some(caps) => caps.keep.iter().map(ToString::to_string).collect(),
        None => Cap::all().map(|cap| cap.to_string()).collect(),
    };
    Ok(Host::here(caps)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Layer;

    #[test]
    fn a_users_own_profile_goes_before_the_shipped_one_of_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let shipped = find("python", dir.path()).unwrap();
        assert_eq!(shipped.label, "python");
        std::fs::write(dir.path().join("python.json"), "{}").unwrap();
        let own = find("python", dir.path()).unwrap();
        assert_eq!((own.json.as_str(), own.label.ends_with("/python.json")), ("{}", true));
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest_and_with_all_the_users_own_included() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("mine.json"), "{}").unwrap();
        let error = find("pyton\u{1b}", dir.path()).unwrap_err().to_string();
        assert_eq!(
            error,
            "`pyton\\x1b` is no seccomp profile: did you mean `python`? allowed: docker-default, python, \
             seed-allowlist, mine, or the path of a JSON file"
        );
    }

    #[test]
    fn a_missing_file_is_told_with_its_path() {
        let error = find("./no\u{202e}.json", Path::new("/nowhere")).unwrap_err().to_string();
        assert!(error.starts_with("reading the seccomp profile ./no<U+202E>.json: No such file"), "{error}");
    }

    #[test]
    fn what_is_no_file_of_reasonable_size_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe.json");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        let refused = |path: &Path| read(path).unwrap_err().to_string();
        assert!(
            refused(&pipe).ends_with(
                "/pipe.json: it is a pipe, not a file: name a readable JSON file, or a profile such as python"
            )
        );
        assert!(refused(Path::new("/dev/zero")).contains("it is a device"));
        let large = tempfile::NamedTempFile::new().unwrap();
        large.as_file().set_len((4 << 20) + 1).unwrap();
        assert!(refused(large.path()).contains("it is larger than 4 MiB"));
    }

    #[test]
    fn a_profiles_path_is_made_absolute_and_a_name_stays() {
        let mut policy = Policy::shipped("hardened").unwrap();
        absolute_seccomp(&mut policy);
        assert_eq!(policy.setting(Layer::Seccomp), "python");
        policy.set(Layer::Seccomp, "off,./mine.json").unwrap();
        absolute_seccomp(&mut policy);
        let here = std::env::current_dir().unwrap();
        assert_eq!(policy.seccomp.setting, SeccompChoice::File(here.join("mine.json")));
        assert!(!policy.seccomp.on);
    }

    #[test]
    fn dockers_conditions_follow_the_policys_capabilities() {
        let text = find("docker-default", Path::new("/nowhere")).unwrap();
        let allows_chroot = |policy: &str| {
            let policy = Policy::shipped(policy).unwrap();
            let filter = filter(&text, &host(&policy).unwrap()).unwrap();
            filter.profile.rules.iter().any(|rule| rule.names.iter().any(|name| name == "chroot"))
        };
        assert!(!allows_chroot("hardened"), "no capability is kept");
        assert!(allows_chroot("docker-default"), "CAP_SYS_CHROOT is kept");
        assert!(allows_chroot("bare"), "every capability is kept");
    }
}
