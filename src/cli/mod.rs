//! The command line: one file a subcommand. Arguments are parsed here and
//! nowhere else; each subcommand gives back hotcell's exit status.

mod bench;
mod config;
mod doctor;
mod drill;
mod engine;
mod error;
mod image;
mod layers;
mod layout;
mod lesson;
mod matrix;
mod once;
mod pages;
mod policy;
mod run;
mod seccomp;
mod signals;
mod text;
mod workbench;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use error::CliError;

use crate::config::{Arguments, Config};
use crate::engine::embedded;
use crate::{spare, supervise};

/// hotcell could not do what was asked: the exit status of `docker run` for the same.
const COULD_NOT: u8 = 125;

/// Run untrusted code in a hardened cell, and watch what each layer does.
///
/// Without a subcommand the workbench opens: code, layers, denials, output and resources on one screen.
#[derive(Debug, Parser)]
#[command(name = "hotcell", version, about, max_term_width = 100, after_help = EXAMPLES)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    workbench: workbench::WorkbenchArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "Examples:
  hotcell suspicious.py                           open it in the workbench
  hotcell run suspicious.py                       the default policy, `hardened`
  hotcell run --without network suspicious.py     one layer off
  hotcell run --layer memory=64m --format json -  from standard input, as JSON
  hotcell drill                                   which layer holds what on this host
  hotcell matrix suspicious.py                    which layers it takes to hold it
  hotcell layers pids                             what a layer is, stops and does not
  hotcell doctor                                  what this host can give
  hotcell image build                             make the sandbox image

Files:
  config.toml, policies/*.toml and seccomp/*.json in $XDG_CONFIG_HOME/hotcell";

/// Options of every subcommand.
#[derive(Args, Clone, Debug)]
pub struct Common {
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "Configuration file [default: $XDG_CONFIG_HOME/hotcell/config.toml, or $HOTCELL_CONFIG]"
    )]
    config: Option<PathBuf>,
    #[arg(
        long,
        global = true,
        value_name = "ENGINE",
        help = "auto, docker, podman, embedded, or an address such as unix:///run/docker.sock [default: auto, or $HOTCELL_ENGINE]"
    )]
    engine: Option<String>,
}

impl Common {
    /// The settled configuration.
    ///
    /// # Errors
    /// When a file, a variable or an argument is not valid.
    fn load(&self, image: Option<String>, policy: Option<String>) -> Result<Config, CliError> {
        let arguments = Arguments { config: self.config.clone(), engine: self.engine.clone(), image, policy };
        Ok(Config::load(&arguments)?)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a specimen to its end and tell what was denied, used and printed
    Run(run::RunArgs),
    /// Try every probe of the corpus against this host and tell which layer held each
    Drill(drill::DrillArgs),
    /// Run a specimen with each layer away and each alone, and tell which are load-bearing
    Matrix(matrix::MatrixArgs),
    /// Tell what each layer is, what it stops and what not, and which probe shows it
    Layers(lesson::LessonArgs),
    /// Tell which engines and layers this host can give, and why not
    Doctor(doctor::DoctorArgs),
    /// Make, take in, list or remove images
    #[command(subcommand)]
    Image(image::ImageCommand),
    /// List or show policies
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Show, check, compare and make seccomp profiles
    #[command(subcommand)]
    Seccomp(seccomp::SeccompCommand),
    /// Show or check the configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Print completions for a shell
    Completions(pages::CompletionsArgs),
    /// Print the manual page, in roff
    Man,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// Parses the arguments and does what they ask.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(status) = as_helper(&arguments) {
        return status;
    }
    if let Some(status) = as_monitor(&arguments) {
        return status;
    }
    if may_make_a_cell(&arguments) {
        spare::make(serve, embedded::prepare);
    }
    let status = parsed(&arguments);
    spare::dismiss();
    status
}

/// A run makes one cell, and for its sake the spare; not so where a daemon makes it. What is not foreseen here costs
/// time and nothing else.
fn may_make_a_cell(arguments: &[OsString]) -> bool {
    let daemon = |word: &OsString| word == "docker" || word == "podman";
    arguments.get(1).is_some_and(|word| word == "run") && !arguments.iter().any(daemon)
}

/// Does what the spare was asked to.
fn serve(words: &[String]) -> i32 {
    let words: Vec<OsString> =
        std::iter::once("hotcell").chain(words.iter().map(String::as_str)).map(OsString::from).collect();
    let status = as_helper(&words).or_else(|| as_monitor(&words));
    i32::from(status != Some(ExitCode::SUCCESS))
}

fn parsed(arguments: &[OsString]) -> ExitCode {
    match Cli::try_parse_from(arguments) {
        Ok(cli) => dispatch(cli),
        Err(error) => {
            // Nothing better can be done where even this cannot be printed.
            let _ = error.print();
            // A specimen may well exit with clap's 2; a run that never was says so.
            let running = arguments.get(1).is_some_and(|word| word == "run" || word == "matrix");
            ExitCode::from(if running && error.use_stderr() {
                COULD_NOT
            } else {
                u8::try_from(error.exit_code()).unwrap_or(2)
            })
        }
    }
}

fn dispatch(cli: Cli) -> ExitCode {
    let Cli { common, workbench, command } = cli;
    let Some(command) = command else {
        return finish(workbench::workbench(&common, &workbench), 1);
    };
    let (result, failure) = match command {
        Command::Run(arguments) => (run::run(&common, &arguments), COULD_NOT),
        Command::Drill(arguments) => (drill::drill(&common, &arguments), drill::COULD_NOT),
        Command::Matrix(arguments) => (matrix::matrix(&common, &arguments), COULD_NOT),
        Command::Layers(arguments) => (lesson::layers(&common, &arguments), 1),
        Command::Doctor(arguments) => (doctor::doctor(&common, &arguments), 1),
        Command::Image(command) => (image::image(&common, &command), 1),
        Command::Policy(command) => (policy::policy(&common, &command), 1),
        Command::Seccomp(command) => (seccomp::seccomp(&common, &command), 1),
        Command::Config(command) => (config::config(&common, &command), 1),
        Command::Completions(arguments) => (pages::completions(&arguments), 1),
        Command::Man => (pages::man(), 1),
    };
    finish(result, failure)
}

fn finish(result: Result<u8, CliError>, failure: u8) -> ExitCode {
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            anstream::eprintln!("{}", text::failure(&error));
            ExitCode::from(failure)
        }
    }
}

/// Reapers, stack readers and the anchor are hotcell under other names, outside the documented commands.
fn as_helper(arguments: &[OsString]) -> Option<ExitCode> {
    let words: Option<Vec<String>> = arguments.iter().skip(1).map(|word| word.clone().into_string().ok()).collect();
    let words = words?;
    let (first, rest) = words.split_first()?;
    let done = match first.as_str() {
        supervise::REAPER_SUBCOMMAND => {
            supervise::parse_reaper(rest).is_some_and(|remains| supervise::reap(&remains).is_ok())
        }
        supervise::STACKS_SUBCOMMAND => {
            supervise::parse_stacks(rest).is_some_and(|(pid, own)| supervise::serve_stacks(pid, own).is_ok())
        }
        supervise::ANCHOR_SUBCOMMAND => {
            // Signals meant for the workbench's terminal are not for it.
            let _ = rustix::process::setsid();
            supervise::serve_anchor(std::io::stdin());
            true
        }
        _ => return None,
    };
    Some(if done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Nor is a cell's monitor. It must be the first thing that this process does: libcontainer needs it to have one thread.
fn as_monitor(arguments: &[OsString]) -> Option<ExitCode> {
    let [_, first, directory] = arguments else { return None };
    (first == embedded::MONITOR_SUBCOMMAND).then(|| embedded::monitor(Path::new(directory)))
}

/// A runtime for the engine's client; one thread is enough, since whatever blocks has a thread of its own.
///
/// # Errors
/// When the system is out of descriptors.
fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| CliError::Io { doing: "starting the runtime", source })
}

/// Does work that talks to an engine; what then still blocks in a thread (a stuck input file) is not waited for.
fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = runtime()?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    done
}
