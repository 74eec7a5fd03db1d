//! What every part needs: programs compiled, commands run, figures in a table.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// Why something could not be measured.
pub type Failure = Box<dyn Error>;

/// hotcell as it was built for this.
pub const HOTCELL: &str = env!("CARGO_BIN_EXE_hotcell");

/// The image that every rival uses.
pub const IMAGE: &str = "code-sandbox:latest";

/// Where the engines are, and room for files.
pub struct Bench {
    /// Docker's address.
    pub docker: String,
    /// Podman's address, where there is one.
    pub podman: Option<String>,
    dir: TempDir,
}

impl Bench {
    /// Takes the test engines' addresses from the environment (`scripts/engines.sh`), else Docker's usual one.
    pub fn new() -> Result<Self, Failure> {
        let docker = std::env::var("HOTCELL_TEST_DOCKER").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
        Ok(Self { docker, podman: std::env::var("HOTCELL_TEST_PODMAN").ok(), dir: TempDir::new()? })
    }

    /// A file's place in the directory that goes when this does.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Compiles `source` of this directory, with these macros, to a static program.
    pub fn compile(&self, source: &str, name: &str, macros: &[String]) -> Result<PathBuf, Failure> {
        let program = self.path(name);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/figures").join(source);
        let defines = macros.iter().map(|text| format!("-D{text}"));
        run(Command::new("cc").args(["-O2", "-static", "-o"]).arg(&program).args(defines).arg(source))?;
        Ok(program)
    }

    /// hotcell on Docker without the CPU quota, which would measure itself; its summary as JSON.
    pub fn hotcell(&self) -> Command {
        let mut command = Command::new(HOTCELL);
        command.args(["run", "--engine", &self.docker, "--image", IMAGE, "--format", "json"]);
        command.args(["--without", "cpu", "--timeout", "120s"]);
        command
    }
}

/// Runs a command to its success.
pub fn run(command: &mut Command) -> Result<Output, Failure> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    succeeded(command, output)
}

/// The output of a command that ended well.
pub fn succeeded(command: &Command, output: Output) -> Result<Output, Failure> {
    if output.status.success() {
        return Ok(output);
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{command:?}: {}: {}", output.status, String::from_utf8_lossy(&said)).into())
}

/// The figures that a program printed.
pub fn figures(text: &[u8]) -> Result<Vec<f64>, Failure> {
    let text = std::str::from_utf8(text)?;
    text.split_whitespace().map(|word| word.parse().map_err(|_| format!("no figure: {text}").into())).collect()
}

/// A number in hotcell's summary.
pub fn number(value: &Value) -> Result<u64, Failure> {
    value.as_u64().ok_or_else(|| format!("not a number: {value}").into())
}

/// The middle figure.
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[length / 2],
        length => f64::midpoint(sorted[length / 2 - 1], sorted[length / 2]),
    }
}

/// Prints a row: what, its median and its least and greatest, and more words.
pub fn row(what: &str, figures: &[f64], unit: &str, more: &str) {
    let least = figures.iter().copied().fold(f64::INFINITY, f64::min);
    let most = figures.iter().copied().fold(0.0, f64::max);
    println!("  {what:<34} {:>9.2} {unit:<5} ({least:.2} to {most:.2})  {more}", median(figures));
}
