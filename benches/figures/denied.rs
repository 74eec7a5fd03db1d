//! The cost of a refused call: a plain filter, hotcell's listener, strace.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::measure::{Bench, Failure, figures, median, number, row, run};

const ROUNDS: usize = 3;

/// Calls without a pointer, under hotcell and the plain filter.
const CALLS: u64 = 1_000_000;

/// Calls with one: fewer, for time's sake.
const POINTER_CALLS: u64 = 300_000;

/// strace is too slow for as many.
const TRACED_CALLS: u64 = 100_000;

/// One kind of call, compiled for each rival.
struct Rivals {
    plain: PathBuf,
    traced: PathBuf,
    specimen: PathBuf,
}

/// Prints the microseconds of a call, without and with something in the caller's memory to read.
pub fn measure(bench: &Bench) -> Result<(), Failure> {
    println!("\ndenied calls: median of {ROUNDS} runs (least to most)");
    compare(bench, "socket(AF_NETLINK, ...)", 0, CALLS)?;
    compare(bench, "connect(-1, {AF_INET, ...}, 16)", 1, POINTER_CALLS)
}

fn compare(bench: &Bench, call: &str, pointer: u8, calls: u64) -> Result<(), Failure> {
    let compile = |name: &str, calls: u64, filter: u8| {
        let macros = [format!("CALLS={calls}"), format!("POINTER={pointer}"), format!("FILTER={filter}")];
        bench.compile("denied.c", &format!("{name}-{pointer}"), &macros)
    };
    let rivals = Rivals {
        plain: compile("plain", calls, 1)?,
        traced: compile("traced", TRACED_CALLS, 1)?,
        specimen: compile("specimen", calls, 0)?,
    };
    let (mut plain, mut hotcell, mut strace) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        plain.extend(figures(&run(&mut Command::new(&rivals.plain))?.stdout)?);
        hotcell.push(supervised(bench, &rivals.specimen, calls)?);
        let mut traced = Command::new("strace");
        strace.extend(figures(&run(traced.args(["-f", "-o", "/dev/null"]).arg(&rivals.traced))?.stdout)?);
    }
    println!(" {call}, {calls} calls a run");
    row("plain ERRNO filter, nobody told", &plain, "us", "");
    let rate = format!(
        "{:.0} calls a second, every call counted, {:.2} of strace",
        1e6 / median(&hotcell),
        median(&hotcell) / median(&strace)
    );
    row("hotcell", &hotcell, "us", &rate);
    row("strace -f, the same plain filter", &strace, "us", "");
    Ok(())
}

/// Runs the specimen; its microseconds a call, if hotcell counted every one.
fn supervised(bench: &Bench, specimen: &Path, calls: u64) -> Result<f64, Failure> {
    let summary: Value = serde_json::from_slice(&run(bench.hotcell().arg(specimen))?.stdout)?;
    let counts = summary["denials"].as_array().into_iter().flatten().map(|denial| number(&denial["count"]));
    let counted: u64 = counts.sum::<Result<u64, Failure>>()?;
    if counted != calls {
        return Err(format!("hotcell counted {counted} of {calls} refused calls").into());
    }
    let printed = figures(summary["stdout"].as_str().unwrap_or_default().as_bytes())?;
    printed.first().copied().ok_or_else(|| "the specimen printed nothing".into())
}
