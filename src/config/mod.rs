//! What the reviewer has settled once: the configuration file, then the
//! environment, then the command line, each over the one before.

mod file;
mod run_dir;

pub use run_dir::RunDirError;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use etcetera::base_strategy::Xdg;

use crate::engine::discover::EngineChoice;
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
    #[error("{file}:{line}:{column}: {problem}")]
    Mistake {
        /// The file, made safe to print.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// The key, what is wrong with it and what is allowed.
        problem: String,
    },
    /// An environment variable or an option has a value that is not allowed.
    #[error("{origin}: {problem}")]
    Value {
        /// The variable or option.
        origin: &'static str,
        /// What is wrong and what is allowed.
        problem: String,
    },
}

/// Where things of the user's live, by the XDG Base Directory Specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirs {
    /// `$XDG_CONFIG_HOME/hotcell`.
    pub config: PathBuf,
    /// `$XDG_STATE_HOME/hotcell`.
    pub state: PathBuf,
    /// `$XDG_RUNTIME_DIR/hotcell`, where there is one.
    pub runtime: Option<PathBuf>,
}

impl Dirs {
    /// Those of the user who runs this.
    ///
    /// # Errors
    ///
    /// When no home directory can be found.
    pub fn of_this_user() -> Result<Self, ConfigError> {
        let xdg = Xdg::new().map_err(ConfigError::NoHome)?;
        let state = xdg.state_dir();
        Ok(Self {
            config: xdg.config_dir().join("hotcell"),
            state: state.unwrap_or_else(|| xdg.data_dir()).join("hotcell"),
            runtime: xdg.runtime_dir().map(|dir| dir.join("hotcell")),
        })
    }

    /// Where the user's own policy files are.
    pub fn policies(&self) -> PathBuf {
        self.config.join("policies")
    }

    /// Where the user's own seccomp profiles are.
    pub fn seccomp(&self) -> PathBuf {
        self.config.join("seccomp")
    }
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
    /// Where things of the user's live.
    pub dirs: Dirs,
}

impl Config {
    /// Reads the configuration file and this process's environment, and puts
    /// the arguments over both.
    ///
    /// # Errors
    ///
    /// When a file that was named is missing, or anything said is not allowed.
    pub fn load(arguments: &Arguments) -> Result<Self, ConfigError> {
        let mut config = Self::new(Dirs::of_this_user()?);
        let variable = |name: &str| std::env::var_os(name);
        config.apply_file(arguments, &variable)?;
        config.apply_environment(&variable)?;
        config.apply_arguments(arguments)?;
        Ok(config)
    }

    fn new(dirs: Dirs) -> Self {
        Self {
            engine: EngineChoice::Auto,
            image: DEFAULT_IMAGE.to_owned(),
            policy: DEFAULT_POLICY.to_owned(),
            max_size: DEFAULT_CAP,
            languages: LanguageTable::default(),
            run_dir: None,
            dirs,
        }
    }

    fn apply_file(
        &mut self,
        arguments: &Arguments,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<(), ConfigError> {
        let named = arguments.config.clone().or_else(|| {
            let value = variable("HOTCELL_CONFIG").filter(|value| !value.is_empty());
            value.map(PathBuf::from)
        });
        let path = named.clone().unwrap_or_else(|| self.dirs.config.join("config.toml"));
        match std::fs::read_to_string(&path) {
            Ok(text) => file::apply(self, &shown(&path), &text),
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(ConfigError::Unreadable { path, source }),
        }
    }

    fn apply_environment(&mut self, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<(), ConfigError> {
        for (origin, key) in
            [("HOTCELL_ENGINE", Key::Engine), ("HOTCELL_IMAGE", Key::Image), ("HOTCELL_POLICY", Key::Policy)]
        {
            if let Some(value) = variable(origin).filter(|value| !value.is_empty()) {
                self.set(key, &value.to_string_lossy()).map_err(|problem| ConfigError::Value { origin, problem })?;
            }
        }
        Ok(())
    }

    fn apply_arguments(&mut self, arguments: &Arguments) -> Result<(), ConfigError> {
        for (origin, key, value) in [
            ("--engine", Key::Engine, &arguments.engine),
            ("--image", Key::Image, &arguments.image),
            ("--policy", Key::Policy, &arguments.policy),
        ] {
            if let Some(value) = value {
                self.set(key, value).map_err(|problem| ConfigError::Value { origin, problem })?;
            }
        }
        Ok(())
    }

    /// Sets what all three sources can say; the error tells what is allowed.
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
        }
        Ok(())
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

/// What the file, the environment and the command line can all say.
#[derive(Clone, Copy)]
enum Key {
    Engine,
    Image,
    Policy,
}

/// Whether this can be an image reference: an engine judges the rest of it.
fn is_reference(value: &str) -> bool {
    value.starts_with(|c: char| c.is_ascii_alphanumeric())
        && value.chars().all(|c| c.is_ascii_alphanumeric() || "._-:/@".contains(c))
}

fn shown(path: &Path) -> String {
    visible(path.as_os_str().as_encoded_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::EngineKind;

    pub(super) fn blank(home: &Path) -> Config {
        Config::new(Dirs { config: home.join("config"), state: home.join("state"), runtime: None })
    }

    #[test]
    fn without_a_file_the_defaults_hold() {
        let home = tempfile::tempdir().unwrap();
        let mut config = blank(home.path());
        config.apply_file(&Arguments::default(), &|_| None).unwrap();
        assert_eq!(config, blank(home.path()));
        assert_eq!(config.policy, "hardened");
        assert_eq!(config.max_size, Bytes(1_048_576));
    }

    #[test]
    fn a_file_that_was_named_must_be_there() {
        let home = tempfile::tempdir().unwrap();
        let named = Arguments { config: Some(home.path().join("mine.toml")), ..Arguments::default() };
        let error = blank(home.path()).apply_file(&named, &|_| None);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("mine.toml: No such file"), "{error}");
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
            _ => None,
        };
        let mut config = blank(home.path());
        config.apply_file(&arguments, &environment).unwrap();
        config.apply_environment(&environment).unwrap();
        config.apply_arguments(&arguments).unwrap();
        assert_eq!(config.engine, EngineChoice::Kind(EngineKind::Docker));
        assert_eq!((config.image.as_str(), config.policy.as_str()), ("b", "paranoid"));
    }

    #[test]
    fn a_wrong_variable_is_named_with_what_is_allowed() {
        let mut config = blank(Path::new("/nowhere"));
        let environment = |name: &str| (name == "HOTCELL_ENGINE").then(|| "dokcer".into());
        let error = config.apply_environment(&environment).unwrap_err().to_string();
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
