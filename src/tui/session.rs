//! What is remembered from one session to the next.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::layout::Splits;
use super::tuning::Remembered;
use crate::files::{self, FileError};
use crate::policy::{Bytes, Layer, Policy};
use crate::text::{visible, visible_str};

/// The file in the state directory.
const FILE: &str = "session.json";

/// A file that is longer was not written here.
const LONGEST: Bytes = Bytes::mib(1);

/// How many paths are remembered.
const RECENT: usize = 20;

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Session {
    /// The policy's [`Policy::source`].
    pub policy: Option<String>,
    /// The settings that differ from it: layer and setting, in the form of `--layer`, `off,` in front where it is off.
    pub changes: Vec<(String, String)>,
    /// The edits to seccomp profiles.
    pub profiles: Remembered,
    /// The theme's name.
    pub theme: Option<String>,
    /// The panes' shares.
    pub splits: Splits,
    /// Long lines of output are wrapped.
    pub wrap: bool,
    /// The two streams stand side by side.
    pub split_output: bool,
    /// Paths opened before, the last first.
    pub recent: Vec<PathBuf>,
}

impl Session {
    /// What was remembered in this state directory; where that cannot be read, a new session and why, safe to show.
    pub fn load(state_dir: &Path) -> (Self, Option<String>) {
        let path = state_dir.join(FILE);
        let shown = visible(path.as_os_str().as_encoded_bytes());
        let anew =
            |why: &str| (Self::default(), Some(format!("begun anew: cannot read the last session, {shown}: {why}")));
        let text = match read(&path) {
            Ok(Some(text)) => text,
            Ok(None) => return (Self::default(), None),
            Err(error) => return anew(&error.to_string()),
        };
        match serde_json::from_slice::<Self>(&text) {
            Ok(mut session) => {
                session.recent.truncate(RECENT);
                session.splits = session.splits.bounded();
                (session, None)
            }
            Err(error) => anew(&visible_str(&error.to_string())),
        }
    }

    /// Remembers it in this state directory, for its owner alone. Another instance sees the old file or the new one,
    /// never half of one. A path that is not UTF-8 is not remembered.
    ///
    /// # Errors
    /// When the directory cannot be made or the file not written; the message names it.
    pub fn save(&self, state_dir: &Path) -> io::Result<()> {
        let mut kept = self.clone();
        kept.recent.retain(|path| path.to_str().is_some());
        kept.recent.truncate(RECENT);
        write(state_dir, &serde_json::to_vec_pretty(&kept)?).map_err(|error| {
            let path = visible(state_dir.join(FILE).as_os_str().as_encoded_bytes());
            io::Error::new(error.kind(), format!("cannot remember the session in {path}: {error}"))
        })
    }

    /// What of a policy differs from the one it was made from, for [`Session::changes`].
    pub fn changes_of(policy: &Policy, base: &Policy) -> Vec<(String, String)> {
        let change = |layer: Layer| {
            let (on, setting) = (policy.is_on(layer), policy.setting(layer));
            let value = match (on, setting == base.setting(layer)) {
                (_, true) if on == base.is_on(layer) => return None,
                (true, true) => "on".to_owned(),
                (false, true) => "off".to_owned(),
                (true, false) => setting,
                (false, false) => format!("off,{setting}"),
            };
            Some((layer.name().to_owned(), value))
        };
        Layer::ALL.into_iter().filter_map(change).collect()
    }

    /// A policy with the remembered changes made again; those that mean nothing any more are left out.
    pub fn apply(&self, base: Policy) -> Policy {
        let mut policy = base;
        for (name, value) in &self.changes {
            if let Ok(layer) = Layer::from_name(name) {
                // A setting that is refused leaves the layer as it is.
                let _ = policy.set(layer, value);
            }
        }
        policy
    }
}

/// Puts a path before the others, once, and forgets the oldest of too many.
pub fn remember(recent: &mut Vec<PathBuf>, path: PathBuf) {
    recent.retain(|other| *other != path);
    recent.insert(0, path);
    recent.truncate(RECENT);
}

/// A file's bytes; `None` where there is no file.
fn read(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match files::read(path, LONGEST) {
        Err(FileError::System(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

fn write(dir: &Path, bytes: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    Ok(files::replace(&dir.join(FILE), bytes, 0o600)?)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::PermissionsExt;

    use proptest::prelude::*;

    use super::*;
    use crate::seccomp::Edit;

    fn any_session() -> Session {
        Session {
            policy: Some("mine".to_owned()),
            changes: vec![("memory".to_owned(), "off,64m,swap=0".to_owned())],
            profiles: Remembered::from([(
                "python".to_owned(),
                vec![vec![Edit::Remove { call: "ptrace".to_owned(), reason: "by hand".to_owned() }]],
            )]),
            theme: Some("light".to_owned()),
            splits: Splits { left: 40, ..Splits::default() },
            wrap: true,
            split_output: true,
            recent: vec!["/a".into(), "/b \u{202e}".into()],
        }
    }

    /// What is loaded where the file has these bytes.
    fn loaded(bytes: &[u8]) -> (Session, Option<String>) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), bytes).unwrap();
        Session::load(dir.path())
    }

    #[test]
    fn a_session_is_loaded_as_it_was_saved_and_again_over_an_older_one() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("state/hotcell");
        assert_eq!(Session::load(&dir), (Session::default(), None), "there is none yet");
        any_session().save(&dir).unwrap();
        assert_eq!(Session::load(&dir), (any_session(), None));
        Session::default().save(&dir).unwrap();
        assert_eq!(Session::load(&dir), (Session::default(), None));
        let files: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(files, [FILE], "nothing half written stays");
    }

    #[test]
    fn only_its_owner_can_read_it() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("hotcell");
        any_session().save(&dir).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&dir), mode(&dir.join(FILE))), (0o700, 0o600));
    }

    #[test]
    fn what_cannot_be_written_is_told_with_its_path() {
        let error = any_session().save(Path::new("/proc/nowhere")).unwrap_err().to_string();
        assert!(error.starts_with("cannot remember the session in /proc/nowhere/session.json: "), "{error}");
    }

    #[test]
    fn a_damaged_file_gives_a_new_session_and_a_message() {
        let deep = "[".repeat(100_000);
        for text in ["", "{", "5", "nul\u{1b}[2J", r#"{"recent": 5}"#, r#"{"splits": {"left": -1}}"#, deep.as_str()] {
            let (session, message) = loaded(text.as_bytes());
            assert_eq!(session, Session::default());
            let message = message.unwrap();
            assert!(message.starts_with("begun anew: cannot read the last session, /"), "{message}");
            assert!(!message.contains(char::is_control), "{message}");
        }
        assert!(loaded(b"\xff\xfe").1.is_some());
        assert!(loaded(&vec![b' '; 2 << 20]).1.unwrap().ends_with("it is larger than 1 MiB, the most that is read"));
    }

    #[test]
    fn something_else_in_the_files_place_is_no_reason_to_wait_or_to_fail() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(FILE)).unwrap();
        assert!(Session::load(dir.path()).1.unwrap().ends_with("it is a directory, not a file"));
    }

    #[test]
    fn unknown_fields_are_ignored_and_absurd_shares_brought_within_bounds() {
        let (session, message) = loaded(br#"{"later": [1], "wrap": true, "splits": {"left": 0, "first": 65535}}"#);
        assert_eq!(message, None);
        assert!(session.wrap);
        assert_eq!((session.splits.left, session.splits.first), (10, 80));
        assert_eq!(session.splits.specimen, Splits::default().specimen);
    }

    #[test]
    fn the_last_paths_are_kept_each_once_and_those_that_json_cannot_hold_are_not() {
        let mut recent = Vec::new();
        for number in 0..30 {
            remember(&mut recent, PathBuf::from(format!("/{number}")));
        }
        remember(&mut recent, PathBuf::from("/25"));
        assert_eq!(recent.len(), RECENT);
        assert_eq!(recent[..3], ["/25", "/29", "/28"].map(PathBuf::from));
        recent.insert(0, PathBuf::from(OsStr::from_bytes(b"/\xff")));
        let dir = tempfile::tempdir().unwrap();
        Session { recent, ..Session::default() }.save(dir.path()).unwrap();
        let (session, _) = Session::load(dir.path());
        assert_eq!((session.recent.len(), session.recent[0].as_path()), (RECENT, Path::new("/25")));
    }

    #[test]
    fn only_what_differs_is_remembered_in_the_form_of_the_command_line() {
        let base = Policy::shipped("hardened").unwrap();
        let mut policy = base.clone();
        assert_eq!(Session::changes_of(&policy, &base), []);
        policy.set_on(Layer::Network, false);
        policy.set(Layer::Memory, "64m").unwrap();
        policy.set(Layer::Pids, "off,16").unwrap();
        policy.set_on(Layer::Landlock, true);
        let changes = Session::changes_of(&policy, &base);
        let expected = [("network", "off"), ("memory", "64m,swap=0"), ("pids", "off,16"), ("landlock", "on")];
        assert_eq!(changes, expected.map(|(layer, value)| (layer.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_change_that_means_nothing_any_more_is_left_out() {
        let base = Policy::shipped("hardened").unwrap();
        let row = |layer: &str, value: &str| (layer.to_owned(), value.to_owned());
        let changes = vec![row("teleport", "on"), row("memory", "1"), row("pids", "\u{1b}"), row("cpu", "off")];
        let policy = Session { changes, ..Session::default() }.apply(base.clone());
        let mut expected = base;
        expected.set_on(Layer::Cpu, false);
        assert_eq!(policy, expected);
    }

    /// Another setting of a layer, where it has one.
    const OTHERS: [(Layer, &str); 14] = [
        (Layer::Network, "bridge"),
        (Layer::Tmpfs, "64m,exec"),
        (Layer::Memory, "64m,swap=32m"),
        (Layer::Cpu, "1.25"),
        (Layer::Pids, "7"),
        (Layer::Caps, "CAP_CHOWN,CAP_NET_RAW"),
        (Layer::Seccomp, "./my profile, \"odd\".json"),
        (Layer::Apparmor, "mine"),
        (Layer::Landlock, "read_exec=/usr,write=/tmp:/var/tmp,tcp=off"),
        (Layer::Ulimits, "nofile=128,nproc=64:128"),
        (Layer::User, "0:0"),
        (Layer::Runtime, "crun"),
        (Layer::Timeout, "1500ms"),
        (Layer::Output, "10k,2k"),
    ];

    proptest! {
        #[test]
        fn toggled_layers_come_back_as_they_were(
            base in prop::sample::select(Policy::shipped_names().to_vec()),
            switched in prop::collection::vec(any::<bool>(), Layer::ALL.len()),
            set in prop::collection::vec(any::<bool>(), OTHERS.len()),
        ) {
            let base = Policy::shipped(base).unwrap();
            let mut policy = base.clone();
            for ((layer, value), _) in OTHERS.iter().zip(set).filter(|(_, set)| *set) {
                policy.set(*layer, value).unwrap();
            }
            for (layer, on) in Layer::ALL.into_iter().zip(switched) {
                policy.set_on(layer, on);
            }
            let session = Session { changes: Session::changes_of(&policy, &base), ..Session::default() };
            let dir = tempfile::tempdir().unwrap();
            session.save(dir.path()).unwrap();
            prop_assert_eq!(Session::load(dir.path()).0.apply(base), policy);
        }

        #[test]
        fn no_bytes_make_loading_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let (session, message) = loaded(&bytes);
            prop_assert!(message.is_some() || session.recent.len() <= RECENT);
        }
    }
}
