//! `hotcell config`: what is settled and where it comes from, and whether all of it is right.

mod check;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{CliError, Common, Format, layout};
use crate::config::{Arguments, Config};
use crate::engine::discover::EngineChoice;
use crate::run::to_pretty;
use crate::text::visible;
use crate::tui::{COMMANDS, Info};

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the settled configuration as TOML: every key, its value and where it comes from
    Show(ShowArgs),
    /// Read the configuration, policies, profiles and themes; exit status 1 where one has a mistake
    Check(CheckArgs),
}

/// Arguments of `hotcell config show`.
#[derive(Args, Debug)]
#[command(after_help = SHOW_EXAMPLES)]
pub struct ShowArgs {
    /// text for a configuration file, json for one object
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const SHOW_EXAMPLES: &str = "Examples:
  hotcell config show
  hotcell config show > my.toml     begin a file of your own";

/// Arguments of `hotcell config check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// A configuration file, in place of the one that is in force
    file: Option<PathBuf>,
    /// How to print what was found
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Does it; gives the exit status.
///
/// # Errors
/// When the configuration to show cannot be read, or there is no home directory.
pub fn config(common: &Common, command: &ConfigCommand) -> Result<u8, CliError> {
    match command {
        ConfigCommand::Show(ShowArgs { format }) => {
            let config = common.load(None, None)?;
            layout::print(&match format {
                Format::Text => show_text(&config),
                Format::Json => to_pretty(&show_json(&config)) + "\n",
            })?;
            Ok(0)
        }
        ConfigCommand::Check(CheckArgs { file, format }) => {
            let config = file.clone().or_else(|| common.config.clone());
            let checked = check::check(&Arguments { config, engine: common.engine.clone(), ..Arguments::default() })?;
            layout::print(&match format {
                Format::Text => checked.to_text(),
                Format::Json => to_pretty(&checked.to_json()) + "\n",
            })?;
            Ok(u8::from(!checked.mistakes.is_empty()))
        }
    }
}

/// One key of the configuration.
struct Row {
    /// The table that it is in; empty for the top.
    table: String,
    key: &'static str,
    /// `None` where nothing is set, and nothing need be.
    value: Option<toml::Value>,
    /// What holds then.
    otherwise: &'static str,
}

impl Row {
    fn new(table: &str, key: &'static str, value: impl Into<toml::Value>) -> Self {
        Self { table: table.to_owned(), key, value: Some(value.into()), otherwise: "" }
    }

    fn dotted(&self) -> String {
        if self.table.is_empty() { self.key.to_owned() } else { format!("{}.{}", self.table, self.key) }
    }

    fn origin(&self, config: &Config) -> String {
        config.origins.get(&self.dotted()).map_or_else(|| "default".to_owned(), ToString::to_string)
    }
}

/// Every key, tables in order.
fn rows(config: &Config) -> Vec<Row> {
    let path = config.run_dir.as_ref().map(|path| path.to_string_lossy().into_owned().into());
    let theme = config.tui.theme.clone().map(Into::into);
    let mut rows = vec![
        Row::new("", "engine", engine_text(&config.engine)),
        Row::new("", "image", config.image.as_str()),
        Row::new("", "policy", config.policy.as_str()),
        Row { table: String::new(), key: "run_dir", value: path, otherwise: "the first that is fit: `hotcell doctor`" },
        Row::new("specimen", "max_size", config.max_size.to_flag()),
    ];
    // Read back from a file, each goes before those above it.
    for name in config.languages.names().into_iter().rev() {
        let Some(language) = config.languages.get(name) else { continue };
        let table = format!("languages.{name}");
        rows.push(Row::new(&table, "command", language.command.clone()));
        rows.push(Row::new(&table, "extensions", language.extensions.clone()));
        rows.push(Row::new(&table, "shebangs", language.shebangs.clone()));
    }
    rows.push(Row { table: "tui".to_owned(), key: "theme", value: theme, otherwise: "what fits the terminal" });
    rows.push(Row::new("tui", "mouse", config.tui.mouse));
    let keys = |info: &Info| {
        let configured = config.tui.keys.get(info.name).cloned();
        let keys = configured.unwrap_or_else(|| info.keys.iter().map(|&key| key.to_owned()).collect());
        Row::new("keys", info.name, keys)
    };
    rows.extend(COMMANDS.iter().map(keys));
    rows
}

fn engine_text(engine: &EngineChoice) -> String {
    match engine {
        EngineChoice::Auto => "auto".to_owned(),
        EngineChoice::Kind(kind) => kind.to_string(),
        EngineChoice::Address(address) => address.clone(),
    }
}

/// A configuration file that reads back as this configuration.
fn show_text(config: &Config) -> String {
    let state = if config.file.found { "read" } else { "not there" };
    let mut lines = vec![format!("# {}: {state}\n", visible(config.file.path.as_os_str().as_encoded_bytes()))];
    let rows = rows(config);
    for group in rows.chunk_by(|one, next| one.table == next.table) {
        let table = &group[0].table;
        lines.extend((!table.is_empty()).then(|| format!("\n[{}]\n", header(table))));
        lines.extend(group.iter().map(|row| match &row.value {
            Some(value) => format!("{} = {value}  # {}\n", row.key, row.origin(config)),
            None => format!("# {} is not set: {}\n", row.key, row.otherwise),
        }));
    }
    lines.concat()
}

/// A table's name as TOML writes it: `+` has to be quoted.
fn header(table: &str) -> String {
    let quoted = |part: &str| if part.contains('+') { format!("\"{part}\"") } else { part.to_owned() };
    table.split('.').map(quoted).collect::<Vec<_>>().join(".")
}

fn show_json(config: &Config) -> Value {
    let row = |row: Row| json!({ "key": row.dotted(), "value": row.value, "origin": row.origin(config) });
    json!({
        "file": { "path": config.file.path.to_string_lossy(), "found": config.file.found },
        "settings": rows(config).into_iter().map(row).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A configuration that is read from a file with this text.
    fn read(text: &str) -> (Config, tempfile::TempDir) {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("my.toml");
        std::fs::write(&file, text).unwrap();
        let arguments = Arguments { config: Some(file), ..Arguments::default() };
        (Config::load(&arguments).unwrap(), home)
    }

    #[test]
    fn what_is_shown_reads_back_as_the_same_configuration() {
        for text in [
            "",
            "engine = '/run/x.sock'\nrun_dir = '/srv/hot cell'\npolicy = './my \"own\".toml'\n\
             [specimen]\nmax_size = 1000\n\
             [languages.'c++']\ncommand = ['run', '{}']\nextensions = ['cc', 'py']\n\
             [languages.also]\ncommand = ['also']\nextensions = ['cc']\n\
             [tui]\ntheme = 'light'\nmouse = false\n[keys]\nrun = 'f9'\nquit = []\n",
        ] {
            let (config, _home) = read(text);
            let shown = show_text(&config);
            let (again, _home) = read(&shown);
            assert!(!show_text(&again).contains("# default"), "every key is in the file: {shown}");
            assert_eq!(again.languages, config.languages, "{shown}");
            let values = |config: &Config| -> Vec<_> {
                rows(config).into_iter().map(|row| (row.dotted(), row.value.map(|value| value.to_string()))).collect()
            };
            assert_eq!(values(&again), values(&config), "{shown}");
        }
    }

    #[test]
    fn each_line_says_where_its_value_comes_from() {
        let (config, home) = read("\npolicy = 'bare'\n[keys]\nstop = []\n");
        let text = show_text(&config);
        assert!(text.starts_with(&format!("# {}/my.toml: read\n", home.path().display())), "{text}");
        for line in [
            "policy = \"bare\"  # line 2",
            "image = \"code-sandbox:latest\"  # default",
            "# run_dir is not set: the first that is fit: `hotcell doctor`",
            "stop = []  # line 4",
            "run = [\"r\", \"f5\"]  # default",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}:\n{text}");
        }
    }
}
