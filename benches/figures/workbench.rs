//! The workbench in a real pseudo-terminal of 200×60: first frame, key to frame under a flood, idle CPU, memory, and
//! from the key to the specimen's first output beside `docker run`.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use portable_pty::CommandBuilder;

use crate::measure::{Bench, Failure, HOTCELL, IMAGE, median, row};
use crate::screen::Screen;
use crate::start::{docker_run, profile};

/// Starts whose first frame is timed.
const STARTS: usize = 20;

/// Keys that are timed under the flood.
const KEYS: usize = 200;

/// Runs that are timed in each way.
const PAIRS: usize = 15;

/// How long the idle workbench is watched.
const IDLE: Duration = Duration::from_secs(10);

/// The size that is measured.
const SIZE: (u16, u16) = (200, 60);

/// Prints the figures.
pub fn measure(bench: &Bench) -> Result<(), Failure> {
    println!("\nworkbench at {}×{}", SIZE.0, SIZE.1);
    first_frame(bench)?;
    idle(bench)?;
    flood(bench)?;
    key_to_output(bench)
}

fn command(bench: &Bench, arguments: &[&str]) -> CommandBuilder {
    let mut command = CommandBuilder::new(HOTCELL);
    command.args(arguments);
    let home = bench.path("home");
    command.env("XDG_CONFIG_HOME", &home);
    command.env("XDG_STATE_HOME", &home);
    command.env("TERM", "xterm-256color");
    command.env("COLORTERM", "truecolor");
    command
}

/// Opens the workbench with these arguments.
pub fn start(bench: &Bench, arguments: &[&str]) -> Screen {
    Screen::start(command(bench, arguments), SIZE.0, SIZE.1)
}

/// Opens it on Docker.
fn open(bench: &Bench, arguments: &[&str]) -> Screen {
    start(bench, &[&["--engine", &bench.docker, "--image", IMAGE], arguments].concat())
}

/// Leaves it.
pub fn leave(mut screen: Screen) {
    screen.send("q");
    screen.ended();
}

/// From the start of the process to the first whole frame.
fn first_frame(bench: &Bench) -> Result<(), Failure> {
    let script = bench.path("first.py");
    fs::write(&script, "print(1)\n")?;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        let screen = open(bench, &[path(&script)?]);
        // The footer is the last thing of a frame.
        screen.wait_for("5 Resources");
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        screen.wait_for("READY");
        leave(screen);
    }
    row("first frame after the start", &times, "ms", "aim: 30");
    Ok(())
}

/// CPU time of a workbench in which nothing happens.
fn idle(bench: &Bench) -> Result<(), Failure> {
    let script = bench.path("first.py");
    let screen = open(bench, &[path(&script)?]);
    screen.wait_for("READY");
    std::thread::sleep(Duration::from_secs(2));
    let pid = screen.child.process_id().ok_or("no process")?;
    let before = cpu_time(pid)?;
    std::thread::sleep(IDLE);
    let used = cpu_time(pid)? - before;
    row("CPU while idle", &[100.0 * used / IDLE.as_secs_f64()], "%", "aim: under 0.5");
    leave(screen);
    Ok(())
}

/// Key to frame, denied calls a second and memory while a specimen floods both output and denials.
fn flood(bench: &Bench) -> Result<(), Failure> {
    let program = bench.compile("flood_both.c", "flood_both", &[])?;
    let screen = &mut open(bench, &["--policy", "hardened", path(&program)?]);
    screen.wait_for("READY");
    // Neither the CPU quota nor the deadline is to end or slow the flood; both are asked about.
    screen.send("2jjjj ");
    screen.wait_for("exposes the host");
    screen.send("y");
    screen.wait_for("[ ] cpu");
    screen.send("Gk ");
    screen.wait_for("exposes the host");
    screen.send("y");
    screen.wait_for("[ ] timeout");
    screen.wait_for("READY");
    screen.send("r");
    screen.wait_for("RUNNING");
    screen.wait_for("keyctl");
    std::thread::sleep(Duration::from_secs(1));
    let denied_before = denied(screen)?;
    let begun = Instant::now();
    let mut times = keys(screen);
    let rate = (denied(screen)? - denied_before) / begun.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    row("key to frame under the flood", &times, "ms", &format!("99th percentile {:.1} (aim: 16)", percentile(&times)));
    row("denied calls under the flood", &[rate / 1e3], "k/s", "");
    let pid = screen.child.process_id().ok_or("no process")?;
    screen.send("x");
    screen.wait_for("ENDED");
    row("memory after the flood", &[resident(pid)?], "MiB", &format!("peak {:.1} (aim: 80)", peak(pid)?));
    screen.send("q");
    screen.ended();
    Ok(())
}

/// Opens and closes the help, which no event of the run draws, and times each frame. A screen is looked at every 5 ms
/// otherwise; here as often as it can be.
fn keys(screen: &mut Screen) -> Vec<f64> {
    let mut times = Vec::new();
    for key in 0..KEYS {
        let shown = key % 2 == 0;
        let begun = Instant::now();
        screen.send(if shown { "?" } else { "\x1b" });
        while screen.look(|screen| screen.rows(0, SIZE.0).any(|row| row.contains(" Help "))) != shown {
            std::thread::sleep(Duration::from_micros(200));
        }
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(Duration::from_millis(20));
    }
    times
}

/// What 99 of 100 stay below.
pub fn percentile(sorted: &[f64]) -> f64 {
    sorted[(sorted.len() * 99 / 100).min(sorted.len() - 1)]
}

/// The number of denied calls on the screen: `1 kind · 12,345 calls`.
fn denied(screen: &Screen) -> Result<f64, Failure> {
    let text = screen.until("the number of denied calls", |text| text.contains(" calls"));
    let before = text.split(" calls").next().unwrap_or_default();
    let digits: String =
        before.chars().rev().take_while(|c| c.is_ascii_digit() || *c == ',').filter(|c| *c != ',').collect();
    digits.chars().rev().collect::<String>().parse().map_err(|_| format!("no number of calls: {text}").into())
}

/// From the key to the first byte of output on the screen, from a warm cell, beside the whole of `docker run` up to its
/// first byte.
fn key_to_output(bench: &Bench) -> Result<(), Failure> {
    let script = bench.path("hello.py");
    fs::write(&script, "print('first' + '-' + 'byte', flush=True)\n")?;
    let profile = profile(bench)?;
    let mut screen = open(bench, &["--policy", "hardened", path(&script)?]);
    let (mut ours, mut told, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    screen.wait_for("READY");
    for _ in 0..PAIRS {
        let begun = Instant::now();
        screen.send("r");
        screen.wait_for("first-byte");
        ours.push(begun.elapsed().as_secs_f64() * 1e3);
        let text = screen.wait_for("first output after");
        told.extend(
            text.split("first output after ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok()),
        );
        screen.wait_for("next cell ready");
        // A new and empty run list: the next wait must not see this run's output.
        leave(screen);
        theirs.push(first_byte(&mut docker_run(&bench.docker, &script, &profile)?)?);
        screen = open(bench, &["--policy", "hardened", path(&script)?]);
        screen.wait_for("READY");
    }
    leave(screen);
    row("docker run, to its first byte", &theirs, "ms", "");
    let ratio = median(&ours) / median(&theirs);
    row("warm cell, key to byte on screen", &ours, "ms", &format!("{ratio:.2} of docker run (aim: a third)"));
    row("warm cell, as the header tells it", &told, "ms", "aim: 40 where docker run takes 185");
    Ok(())
}

fn first_byte(command: &mut Command) -> Result<f64, Failure> {
    use std::io::Read;
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut byte = [0];
    child.stdout.take().ok_or("no pipe")?.read_exact(&mut byte)?;
    let time = begun.elapsed().as_secs_f64() * 1e3;
    child.wait()?;
    Ok(time)
}

fn path(path: &std::path::Path) -> Result<&str, Failure> {
    path.to_str().ok_or_else(|| "a path that is not UTF-8".into())
}

/// Seconds of CPU time of a process: `proc_pid_stat(5)`, fields 14 and 15, in ticks of 10 ms.
fn cpu_time(pid: u32) -> Result<f64, Failure> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((ticks(11) + ticks(12)) / 100.0)
}

fn resident(pid: u32) -> Result<f64, Failure> {
    memory(pid, "VmRSS:")
}

/// The most memory that a process ever had, in MiB.
pub fn peak(pid: u32) -> Result<f64, Failure> {
    memory(pid, "VmHWM:")
}

/// A figure of `/proc/PID/status`, in MiB.
fn memory(pid: u32, name: &str) -> Result<f64, Failure> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with(name)).ok_or("no such figure")?;
    let kib: f64 = line.split_whitespace().nth(1).ok_or("no figure")?.parse()?;
    Ok(kib / 1024.0)
}
