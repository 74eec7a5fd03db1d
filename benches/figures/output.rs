//! A flood of output: a plain pipe, hotcell, Docker's own attach.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::measure::{Bench, Failure, IMAGE, figures, median, number, row, succeeded};

const ROUNDS: usize = 3;

/// Bytes through hotcell and the pipe.
const BYTES: u64 = 10_000_000_000;

/// Docker's attach is too slow for as many.
const ATTACHED_BYTES: u64 = 500_000_000;

/// How often hotcell's memory is read; the kernel keeps the peak.
const LOOK: Duration = Duration::from_millis(20);

/// What one flood came to.
struct Flood {
    gigabytes_a_second: f64,
    longest_write_ms: f64,
}

impl Flood {
    fn read(bytes: u64, printed: &[u8]) -> Result<Self, Failure> {
        let [seconds, longest_write_ms] = figures(printed)?[..] else {
            return Err("the specimen printed something else".into());
        };
        #[allow(clippy::cast_precision_loss, reason = "a figure with two digits behind the point")]
        Ok(Self { gigabytes_a_second: bytes as f64 / 1e9 / seconds, longest_write_ms })
    }
}

/// Prints the throughput, the longest wait and hotcell's memory.
pub fn measure(bench: &Bench) -> Result<(), Failure> {
    println!("\noutput: {BYTES} bytes a run in blocks of 1 MiB, median of {ROUNDS} runs (least to most)");
    let program = bench.compile("flood.c", "flood", &[format!("BYTES={BYTES}LL")])?;
    let smaller = bench.compile("flood.c", "smaller", &[format!("BYTES={ATTACHED_BYTES}LL")])?;
    let (mut pipe, mut hotcell, mut docker) = (Vec::new(), Vec::new(), Vec::new());
    let mut peak = 0;
    for _ in 0..ROUNDS {
        pipe.push(into_cat(BYTES, &mut Command::new(&program))?);
        let (flood, memory) = supervised(bench, &program)?;
        hotcell.push(flood);
        peak = peak.max(memory);
        docker.push(into_cat(ATTACHED_BYTES, &mut attached(bench, &smaller))?);
    }
    let speeds = |floods: &[Flood]| floods.iter().map(|flood| flood.gigabytes_a_second).collect::<Vec<_>>();
    let longest = |floods: &[Flood]| {
        let longest = floods.iter().map(|flood| flood.longest_write_ms).fold(0.0, f64::max);
        format!("longest write {longest:.1} ms")
    };
    row("specimen | cat >/dev/null, no cell", &speeds(&pipe), "GB/s", &longest(&pipe));
    let more = format!(
        "{}, {:.2} of the pipe, peak memory {:.1} MiB, every byte counted",
        longest(&hotcell),
        median(&speeds(&hotcell)) / median(&speeds(&pipe)),
        f64::from(peak) / 1024.0
    );
    row("hotcell", &speeds(&hotcell), "GB/s", &more);
    row("docker run, no log, | cat", &speeds(&docker), "GB/s", &longest(&docker));
    Ok(())
}

fn into_cat(bytes: u64, writer: &mut Command) -> Result<Flood, Failure> {
    let mut writing = writer.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let pipe = writing.stdout.take().ok_or("no pipe")?;
    let mut cat = Command::new("cat").stdin(pipe).stdout(Stdio::null()).spawn()?;
    let output = writing.wait_with_output()?;
    cat.wait()?;
    Flood::read(bytes, &succeeded(writer, output)?.stderr)
}

fn attached(bench: &Bench, program: &Path) -> Command {
    let mut command = Command::new("docker");
    command.args(["-H", &bench.docker, "run", "--rm", "--network", "none", "--log-driver", "none"]);
    command.arg("-v").arg(format!("{}:/flood:ro", program.display())).args([IMAGE, "/flood"]);
    command
}

/// The flood, and hotcell's peak memory in KiB; an error where a byte was not counted or too many were kept.
fn supervised(bench: &Bench, program: &Path) -> Result<(Flood, u32), Failure> {
    let mut command = bench.hotcell();
    // The summary is small enough to wait in the pipe.
    let mut child = command.arg(program).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        peak = peak_kib(child.id()).unwrap_or(peak);
        thread::sleep(LOOK);
    }
    let output = succeeded(&command, child.wait_with_output()?)?;
    let summary: Value = serde_json::from_slice(&output.stdout)?;
    let (counted, kept) = (number(&summary["stdout_bytes"])?, summary["stdout"].as_str().unwrap_or_default().len());
    if counted != BYTES || kept != 10_000 {
        return Err(format!("hotcell counted {counted} of {BYTES} bytes and kept {kept} of 10000").into());
    }
    let flood = Flood::read(BYTES, summary["stderr"].as_str().unwrap_or_default().as_bytes())?;
    Ok((flood, peak))
}

/// `VmHWM` of `proc_pid_status(5)`; `None` once the process has ended.
fn peak_kib(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse().ok()
}
