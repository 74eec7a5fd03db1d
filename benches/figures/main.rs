//! hotcell's figures beside those of its neighbours, on this machine, in one run.
//!
//! ```text
//! cargo bench                  all of it, under five minutes
//! cargo bench -- denied        one part: calls, denied, embedded, matrix, output, start or workbench
//! ```
//!
//! Rivals take turns within each round, so that a busy machine slows both; read the ratios. Nothing is asserted of
//! a figure: it fails only where it could not measure, or where hotcell lost count.

mod calls;
mod denied;
mod embedded;
mod matrix;
mod measure;
mod output;
#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../../tests/common/screen.rs"]
mod screen;
mod start;
mod workbench;

use std::fs;
use std::process::ExitCode;

use measure::{Bench, Failure};

/// A part's name and what it does.
type Part = (&'static str, fn(&Bench) -> Result<(), Failure>);

const PARTS: [Part; 7] = [
    ("calls", calls::measure),
    ("denied", denied::measure),
    ("embedded", embedded::measure),
    ("matrix", matrix::measure),
    ("output", output::measure),
    ("start", start::measure),
    ("workbench", workbench::measure),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if !words.iter().any(|word| word == "--bench") {
        println!("figures are measured by cargo bench only");
        return ExitCode::SUCCESS;
    }
    let named = |name: &str| words.iter().any(|word| word == name);
    let all = !PARTS.iter().any(|(name, _)| named(name));
    match run(|name| all || named(name)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("could not measure: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(wanted: impl Fn(&str) -> bool) -> Result<(), Failure> {
    let bench = Bench::new()?;
    let cores = std::thread::available_parallelism()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    println!("machine: {cores} cores, Linux {}, load before {}", kernel.trim(), load()?);
    for (name, part) in PARTS {
        if wanted(name) {
            part(&bench)?;
        }
    }
    println!("\nload after {}: above the number of cores, the absolute figures say little", load()?);
    Ok(())
}

/// The load of the last minute: `proc_loadavg(5)`.
fn load() -> Result<String, Failure> {
    Ok(fs::read_to_string("/proc/loadavg")?.split(' ').next().unwrap_or_default().to_owned())
}
