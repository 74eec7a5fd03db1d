//! What being watched costs a specimen that makes many calls, of which few are refused.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::measure::{Bench, Failure, figures, median, row, run};

const REPEATS: usize = 5;

/// Rounds of twenty calls; one in a hundred has a refused one beside.
const ROUNDS: u64 = 50_000;

/// strace is too slow for as many.
const TRACED_ROUNDS: u64 = 5_000;

/// Prints the microseconds of a round: with no filter, watched, under the engine's own filter, and under strace.
pub fn measure(bench: &Bench) -> Result<(), Failure> {
    println!("\na round of twenty calls, one in 2000 refused: median of {REPEATS} runs (least to most)");
    let compile = |name: &str, rounds: u64| bench.compile("calls.c", name, &[format!("ROUNDS={rounds}")]);
    let (specimen, traced) = (compile("calls", ROUNDS)?, compile("calls-traced", TRACED_ROUNDS)?);
    let (mut bare, mut watched, mut native, mut strace) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        bare.extend(figures(&run(&mut Command::new(&specimen))?.stdout)?);
        watched.push(in_cell(bench, &specimen, &[])?);
        native.push(in_cell(bench, &specimen, &["--native"])?);
        strace.extend(figures(&run(Command::new("strace").args(["-f", "-o", "/dev/null"]).arg(&traced))?.stdout)?);
    }
    let beside = |own: &[f64]| format!("{:.2} of bare", median(own) / median(&bare));
    row("bare, no filter, every call made", &bare, "us", "");
    row(
        "hotcell, watched",
        &watched,
        "us",
        &format!("{}, {:.2} of native", beside(&watched), median(&watched) / median(&native)),
    );
    row("hotcell --native", &native, "us", &beside(&native));
    row("strace -f, no filter", &strace, "us", &beside(&strace));
    Ok(())
}

/// What the specimen printed in a cell, where every refused call was counted if it was watched.
fn in_cell(bench: &Bench, specimen: &Path, options: &[&str]) -> Result<f64, Failure> {
    let summary: Value = serde_json::from_slice(&run(bench.hotcell().args(options).arg(specimen))?.stdout)?;
    let counted: u64 =
        summary["denials"].as_array().into_iter().flatten().filter_map(|denial| denial["count"].as_u64()).sum();
    let refused = if summary["denials_observable"] == true { ROUNDS / 100 } else { 0 };
    if counted != refused {
        return Err(format!("hotcell counted {counted} refused calls, not {refused}").into());
    }
    let printed = figures(summary["stdout"].as_str().unwrap_or_default().as_bytes())?;
    printed.first().copied().ok_or_else(|| "the specimen printed nothing".into())
}
