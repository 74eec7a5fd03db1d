//! The user's own directories.

use std::path::PathBuf;

use etcetera::BaseStrategy;
use etcetera::base_strategy::Xdg;

use super::ConfigError;

/// Where things of the user's live, by the XDG Base Directory Specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirs {
    /// `$XDG_CONFIG_HOME/hotcell`.
    pub config: PathBuf,
    /// `$XDG_DATA_HOME/hotcell`.
    pub data: PathBuf,
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
            data: xdg.data_dir().join("hotcell"),
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

    /// Where the images are that need no engine.
    pub fn images(&self) -> PathBuf {
        self.data.join("images")
    }

    /// Where the user's own themes are.
    pub fn themes(&self) -> PathBuf {
        self.config.join("themes")
    }
}
