//! Somebody at the workbench.

use std::path::Path;

use portable_pty::CommandBuilder;
use tempfile::TempDir;

use super::Engine;
use super::screen::Screen;

/// A user without settings of their own.
pub struct User {
    pub home: TempDir,
}

impl User {
    pub fn new() -> Self {
        // Short: the path of a cell's socket has to fit into an address.
        Self { home: tempfile::tempdir_in("/var/tmp").unwrap() }
    }

    pub fn environment(&self, command: &mut CommandBuilder) {
        for (name, _) in std::env::vars() {
            if name.starts_with("HOTCELL_") || name.starts_with("XDG_") || name == "NO_COLOR" || name == "COLORTERM" {
                command.env_remove(name);
            }
        }
        command.env("HOME", self.home.path());
        command.env("XDG_RUNTIME_DIR", self.home.path());
        command.env("TERM", "xterm-256color");
        command.env("COLORTERM", "truecolor");
        command.cwd(self.home.path());
    }

    pub fn command(&self, arguments: &[&str]) -> CommandBuilder {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_hotcell"));
        self.environment(&mut command);
        command.args(arguments);
        command
    }

    /// Opens the workbench on a specimen, and waits until a cell waits.
    pub fn open(&self, engine: Engine, specimen: &Path, columns: u16, rows: u16) -> Screen {
        let (address, specimen) = (engine.address(), specimen.to_str().unwrap());
        let screen = Screen::start(self.command(&["--engine", &address, specimen]), columns, rows);
        screen.wait_for("READY");
        screen
    }
}
