//! What the reviewer has settled once: the configuration file, then the
//! environment, then the command line, each over the one before.

mod dirs;
mod file;
mod run_dir;

pub use dirs::Dirs;
pub use run_dir::RunDirError;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::diagnose::Placed;
use crate::engine::EngineKind;
use crate::engine::discover::EngineChoice;
use crate::engine::embedded::HOST_IMAGE;
use crate::image::reference::is_reference;
use crate::policy::Bytes;
use crate::specimen::{DEFAULT_CAP, LanguageTable};
use crate::text::visible;

/// The image a cell is made from where none is named.
pub const DEFAULT_IMAGE: &str = "code-sandbox:latest";
/// The policy in force where none is named.
pub const DEFAULT_POLICY: &str = "hardened";

/// Why there is no configuration to go by.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Neither `HOME` nor the user database names a home directory.
    #[error("cannot find your configuration: {0}; set HOME")]
    NoHome(#[source] etcetera::HomeDirError),
    /// The file was named, or is there, and cannot be read.
    #[error("cannot read the configuration file {}: {source}", visible(path.as_os_str().as_encoded_bytes()))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not TOML, or a key or value in it is wrong.
    #[error(transparent)]
    Mistake(#[from] Placed),
    /// An environment variable or an option has a value that is not allowed.
    #[error("{origin}: {problem}")]
    Value {
        /// The variable or option.
        origin: &'static str,
        /// What is wrong and what is allowed.
        problem: String,
    },
}

/// What the command line says; it goes over everything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// `--config FILE`.
    pub config: Option<PathBuf>,
    /// `--engine NAME`.
    pub engine: Option<String>,
    /// `--image REFERENCE`.
    pub image: Option<String>,
    /// `--policy NAME`.
    pub policy: Option<String>,
}

/// What is settled for the workbench on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TuiConfig {
    /// The theme's name, if the user chose; whether it exists is for the workbench to say.
    pub theme: Option<String>,
    /// The workbench takes the mouse; the terminal's own selection then needs Shift.
    pub mouse: bool,
    /// Commands' names and their keys, in place of the usual ones; what they can be is for the keymap to say.
    pub keys: BTreeMap<String, Vec<String>>,
}

impl Default for TuiConfig {
    fn default() -> Self {
        Self { theme: None, mouse: true, keys: BTreeMap::new() }
    }
}

/// The configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    /// Where it is looked for.
    pub path: PathBuf,
    /// It is there and could be read.
    pub found: bool,
}

/// Where a setting comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The configuration file.
    File {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
    /// An environment variable.
    Variable(&'static str),
    /// An option of the command line.
    Argument(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { line, .. } => write!(f, "line {line}"),
            Self::Variable(name) => write!(f, "${name}"),
            Self::Argument(name) => f.write_str(name),
        }
    }
}

/// Everything that is settled before a run, valid as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The engine that makes cells.
    pub engine: EngineChoice,
    /// The image they are made from.
    pub image: String,
    /// The policy's name or path; whether it exists is for the policy module to say.
    pub policy: String,
    /// The most bytes a specimen may have.
    pub max_size: Bytes,
    /// The languages that can be run.
    pub languages: LanguageTable,
    /// Where cells' sockets go, if the user chose.
    pub run_dir: Option<PathBuf>,
    /// What the workbench on the screen goes by.
    pub tui: TuiConfig,
    /// Where things of the user's live.
    pub dirs: Dirs,
    /// The configuration file.
    pub file: ConfigFile,
    /// Where each setting comes from, by its dotted key; the others are defaults.
    pub origins: BTreeMap<String, Origin>,
}

impl Config {
    /// Reads the configuration file and this process's environment, and puts
    /// the arguments over both.
    ///
    /// # Errors
    ///
    /// When a file that was named is missing, or anything said is not allowed.
    pub fn load(arguments: &Arguments) -> Result<Self, ConfigError> {
        let (config, mistakes) = Self::check(arguments)?;
        match mistakes.into_iter().next() {
            Some(mistake) => Err(mistake),
            None => Ok(config),
        }
    }

    /// [`Config::load`] that goes on after a mistake: what is right, and all that is not.
    ///
    /// # Errors
    ///
    /// When no home directory can be found.
    pub fn check(arguments: &Arguments) -> Result<(Self, Vec<ConfigError>), ConfigError> {
        let mut config = Self::new(Dirs::of_this_user()?);
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let mistakes = config.apply(arguments, &variable);
        Ok((config, mistakes))
    }

    fn new(dirs: Dirs) -> Self {
        Self {
            engine: EngineChoice::Auto,
            image: DEFAULT_IMAGE.to_owned(),
            policy: DEFAULT_POLICY.to_owned(),
            max_size: DEFAULT_CAP,
            languages: LanguageTable::default(),
            run_dir: None,
            tui: TuiConfig::default(),
            file: ConfigFile { path: dirs.config.join("config.toml"), found: false },
            origins: BTreeMap::new(),
            dirs,
        }
    }

    fn apply(&mut self, arguments: &Arguments, variable: &dyn Fn(&str) -> Option<OsString>) -> Vec<ConfigError> {
        let mut mistakes = self.apply_file(arguments, variable);
        mistakes.extend(self.apply_environment(variable));
        mistakes.extend(self.apply_arguments(arguments));
        mistakes
    }

    fn apply_file(&mut self, arguments: &Arguments, variable: &dyn Fn(&str) -> Option<OsString>) -> Vec<ConfigError> {
        let named = arguments.config.clone().or_else(|| variable("HOTCELL_CONFIG").map(PathBuf::from));
        let is_named = named.is_some();
        if let Some(path) = named {
            self.file.path = path;
        }
        let path = self.file.path.clone();
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                self.file.found = true;
                file::apply(self, &shown(&path), &text)
            }
            Err(error) if !is_named && error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => vec![ConfigError::Unreadable { path, source }],
        }
    }

    fn apply_environment(&mut self, variable: &dyn Fn(&str) -> Option<OsString>) -> Vec<ConfigError> {
        let variables = [
            ("HOTCELL_ENGINE", Key::Engine),
            ("HOTCELL_IMAGE", Key::Image),
            ("HOTCELL_POLICY", Key::Policy),
            ("HOTCELL_THEME", Key::Theme),
        ];
        let said = |(name, key)| Some((name, key, variable(name)?.to_string_lossy().into_owned()));
        let said = variables.into_iter().filter_map(said);
        said.filter_map(|(name, key, value)| self.put(key, &value, name, Origin::Variable(name)).err()).collect()
    }

    fn apply_arguments(&mut self, arguments: &Arguments) -> Vec<ConfigError> {
        let options = [
            ("--engine", Key::Engine, &arguments.engine),
            ("--image", Key::Image, &arguments.image),
            ("--policy", Key::Policy, &arguments.policy),
        ];
        let said = options.into_iter().filter_map(|(name, key, value)| Some((name, key, value.as_deref()?)));
        said.filter_map(|(name, key, value)| self.put(key, value, name, Origin::Argument(name)).err()).collect()
    }

    fn put(&mut self, key: Key, value: &str, name: &'static str, origin: Origin) -> Result<(), ConfigError> {
        self.set(key, value).map_err(|problem| ConfigError::Value { origin: name, problem })?;
        self.origins.insert(key.name().to_owned(), origin);
        Ok(())
    }

    /// Sets what more than the file can say; the error tells what is allowed.
    fn set(&mut self, key: Key, value: &str) -> Result<(), String> {
        let refuse = |what: &str| format!("`{}` is {what}", visible(value.as_bytes()));
        match key {
            Key::Engine => {
                self.engine = value.parse().map_err(|allowed: String| refuse(&format!("not an engine: {allowed}")))?;
            }
            Key::Image if !is_reference(value) => {
                return Err(refuse(&format!("not an image reference: write one such as `{DEFAULT_IMAGE}`")));
            }
            Key::Image => value.clone_into(&mut self.image),
            Key::Policy if value.trim().is_empty() => {
                return Err(refuse(&format!("not a policy: write a name such as `{DEFAULT_POLICY}`, or a path")));
            }
            Key::Policy => value.clone_into(&mut self.policy),
            Key::Theme if value.trim().is_empty() => {
                return Err(refuse("not a theme: write a name such as `dark`"));
            }
            Key::Theme => self.tui.theme = Some(value.to_owned()),
        }
        Ok(())
    }

    /// The image that cells of this engine are made from: the one that was named, or the engine's own default.
    pub fn image_for(&self, kind: EngineKind) -> &str {
        let named = self.origins.contains_key(Key::Image.name());
        if kind == EngineKind::Embedded && !named { HOST_IMAGE } else { &self.image }
    }

    /// The directory in which a cell's socket and specimen are put: private to
    /// this user, writable, and not mounted `noexec` (the shim is started from
    /// it). Makes it where it is not there.
    ///
    /// # Errors
    ///
    /// When the directory that the user chose is unfit, or none of the usual
    /// ones is fit; each is named with what is wrong with it.
    pub fn prepare_run_dir(&self) -> Result<PathBuf, RunDirError> {
        match &self.run_dir {
            Some(chosen) => run_dir::first_fit(std::slice::from_ref(chosen)),
            None => run_dir::first_fit(&run_dir::candidates(&self.dirs, rustix::process::getuid())),
        }
    }
}

/// What more than the file can say.
#[derive(Clone, Copy)]
enum Key {
    Engine,
    Image,
    Policy,
    Theme,
}

impl Key {
    /// As in [`Config::origins`].
    const fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Image => "image",
            Self::Policy => "policy",
            Self::Theme => "tui.theme",
        }
    }
}

/// This process's environment, as far as it can cross the engines' JSON: a variable that is not UTF-8 is left out.
pub fn host_environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn shown(path: &Path) -> String {
    visible(path.as_os_str().as_encoded_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn blank(home: &Path) -> Config {
        Config::new(Dirs {
            config: home.join("config"),
            data: home.join("data"),
            state: home.join("state"),
            runtime: None,
        })
    }

    #[test]
    fn without_a_file_the_defaults_hold() {
        let home = tempfile::tempdir().unwrap();
        let mut config = blank(home.path());
        assert!(config.apply(&Arguments::default(), &|_| None).is_empty());
        assert_eq!(config, blank(home.path()));
        assert_eq!(config.policy, "hardened");
        assert_eq!(config.max_size, Bytes(1_048_576));
    }

    #[test]
    fn a_file_that_was_named_must_be_there() {
        let home = tempfile::tempdir().unwrap();
        let named = Arguments { config: Some(home.path().join("mine.toml")), ..Arguments::default() };
        let error = blank(home.path()).apply_file(&named, &|_| None);
        assert!(error[0].to_string().contains("mine.toml: No such file"), "{error:?}");
    }

    #[test]
    fn arguments_go_over_the_environment_and_that_over_the_file() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("config");
        std::fs::create_dir(&dir).unwrap();
        let text = "engine = 'docker'\nimage = 'a'\npolicy = 'bare'\n";
        std::fs::write(dir.join("config.toml"), text).unwrap();
        let arguments = Arguments { policy: Some("paranoid".to_owned()), ..Arguments::default() };
        let environment = |name: &str| match name {
            "HOTCELL_IMAGE" => Some(OsString::from("b")),
            "HOTCELL_POLICY" => Some(OsString::from("docker-default")),
            "HOTCELL_THEME" => Some(OsString::from("light")),
            _ => None,
        };
        let mut config = blank(home.path());
        assert!(config.apply(&arguments, &environment).is_empty());
        assert_eq!(config.engine, EngineChoice::Kind(EngineKind::Docker));
        assert_eq!((config.image.as_str(), config.policy.as_str()), ("b", "paranoid"));
        assert_eq!(config.tui.theme.as_deref(), Some("light"));
        assert!(config.file.found);
        let origins: Vec<String> = config.origins.iter().map(|(key, origin)| format!("{key}: {origin}")).collect();
        assert_eq!(
            origins,
            ["engine: line 1", "image: $HOTCELL_IMAGE", "policy: --policy", "tui.theme: $HOTCELL_THEME"]
        );
    }

    #[test]
    fn a_wrong_variable_is_named_with_what_is_allowed() {
        let mut config = blank(Path::new("/nowhere"));
        let environment = |name: &str| (name == "HOTCELL_ENGINE").then(|| "dokcer".into());
        let error = config.apply_environment(&environment)[0].to_string();
        assert!(error.starts_with("HOTCELL_ENGINE: `dokcer` is not an engine: "), "{error}");
        assert!(error.contains("docker, podman"), "{error}");
    }

    #[test]
    fn an_image_that_would_be_an_option_is_refused() {
        let mut config = blank(Path::new("/nowhere"));
        assert!(config.set(Key::Image, "--privileged").is_err());
        assert!(config.set(Key::Image, "a b").is_err());
        assert!(config.set(Key::Image, "host:5000/a/b@sha256:0123").is_ok());
    }
}
