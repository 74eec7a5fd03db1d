//! The workbench while a matrix fills, on the embedded engine: keys at 60 a second, each of which moves the selection, and
//! the time until the selection is seen there; beside the same keys in the matrix once it is full.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::measure::{Bench, Failure, row};
use crate::screen::Screen;
use crate::workbench::{leave, peak, percentile, start};

/// Times that the matrix is filled.
const FILLS: usize = 8;

/// A frame at 60 a second.
const FRAME: Duration = Duration::from_nanos(16_666_667);

/// How often the selection is looked for.
const LOOK: Duration = Duration::from_micros(300);

/// Rows that the selection goes down and up again.
const ROWS: usize = 15;

/// Keys that nobody answered after so many more are not waited for.
const MOST_WAITING: usize = 60;

/// The control group of the embedded engine's cells, with what each version of them tells.
const GROUP: [&str; 2] = ["/sys/fs/cgroup/memory/hotcell", "/sys/fs/cgroup/hotcell"];

/// Prints the figures.
pub fn measure(bench: &Bench) -> Result<(), Failure> {
    println!("\nworkbench while a matrix fills, embedded engine, 2 cells at a time, {FILLS} times");
    let specimen = bench.path("write-etc.py");
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/write-etc.py"), &specimen)?;
    let arguments = ["--engine", "embedded", "--policy", "hardened", specimen.to_str().ok_or("a path")?];
    let mut screen = start(bench, &arguments);
    screen.wait_for("READY");
    forget_peak();
    let (mut full, mut filling) = (Vec::new(), Vec::new());
    for fill in 0..FILLS {
        let begun = Instant::now();
        screen.send(if fill == 0 { "#" } else { "r" });
        screen.wait_for(" of 26 · ");
        screen.wait_gone("all in");
        screen.wait_for("▸ all on");
        filling.extend(keys(&mut screen, |screen| !screen.contains(" · all in ")));
        screen.wait_for(" · all in ");
        full.push(begun.elapsed().as_secs_f64());
        home(&mut screen);
    }
    let mut rest = filling.len();
    let idle = keys(&mut screen, |_| {
        rest -= 1;
        rest > 0
    });
    row("the matrix of 26 cells is full", &full, "s", "aim: 5");
    told("key to frame while it fills", &filling);
    told("the same keys once it is full", &idle);
    let pid = screen.child.process_id().ok_or("no process")?;
    row("memory of the workbench, peak", &[peak(pid)?], "MiB", "");
    match cells_peak() {
        Some(most) => row("memory of all cells, peak", &[most], "MiB", "budget: 2 cells, 128 MiB each or 1 GiB"),
        None => println!("  memory of all cells: not told by this kernel"),
    }
    screen.send("\x1b");
    screen.wait_gone("Matrix of");
    leave(screen);
    Ok(())
}

/// The selection in the first row again, without a key on its way.
fn home(screen: &mut Screen) {
    for _ in 0..ROWS {
        screen.send("k");
    }
    screen.wait_for("▸ all on");
}

fn told(what: &str, times: &[f64]) {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let frame = FRAME.as_secs_f64() * 1e3;
    let within = sorted.iter().filter(|time| **time <= frame).count();
    let last = percentile(&sorted);
    row(
        what,
        &sorted,
        "ms",
        &format!("99th percentile {last:.1}; {within} of {} keys within {frame:.1}", sorted.len()),
    );
}

/// Presses keys at 60 a second while `more` says so of the screen, whether the last is answered or not: milliseconds
/// from each key to the frame in which the selection is where it put it, or further on.
fn keys(screen: &mut Screen, mut more: impl FnMut(&str) -> bool) -> Vec<f64> {
    let top = screen.look(selected).expect("the selection is on the screen");
    let (mut shown, mut waiting): (u16, Vec<(u16, Instant)>) = (top, Vec::new());
    let mut times = Vec::new();
    let mut next = Instant::now();
    for key in 0.. {
        if !more(&screen.text()) || waiting.len() > MOST_WAITING {
            break;
        }
        let (down, at) = step(key);
        waiting.push((top + at, Instant::now()));
        screen.send(if down { "j" } else { "k" });
        next += FRAME;
        loop {
            let (seen, now) = (screen.look(selected).unwrap_or(shown), Instant::now());
            // A row that was there before the key answers nothing.
            if seen != shown
                && let Some(last) = waiting.iter().position(|(row, _)| *row == seen)
            {
                times.extend(waiting.drain(..=last).map(|(_, sent)| (now - sent).as_secs_f64() * 1e3));
            }
            shown = seen;
            if now >= next {
                break;
            }
            std::thread::sleep(LOOK.min(next - now));
        }
    }
    // What nobody answered took at least until now.
    times.extend(waiting.iter().map(|(_, sent)| sent.elapsed().as_secs_f64() * 1e3));
    times
}

/// Whether a key goes down, and the row that it comes to, from the first.
fn step(key: usize) -> (bool, u16) {
    let at = key % (2 * ROWS);
    let row = if at < ROWS { at + 1 } else { 2 * ROWS - at - 1 };
    (at < ROWS, u16::try_from(row).unwrap_or_default())
}

/// The row of the screen in which the selection's sign stands.
fn selected(screen: &vt100::Screen) -> Option<u16> {
    (0..screen.size().0.get()).find(|row| screen.cell(*row, 1).is_some_and(|cell| cell.contents() == "▸"))
}

/// From now on a new peak counts, where the kernel can.
fn forget_peak() {
    for group in GROUP {
        let _ = fs::write(format!("{group}/memory.max_usage_in_bytes"), "0");
        let _ = fs::write(format!("{group}/memory.peak"), "0");
    }
}

/// The most memory of all cells together, in MiB.
fn cells_peak() -> Option<f64> {
    let [v1, v2] = GROUP;
    let read = |path: String| fs::read_to_string(path).ok()?.trim().parse::<f64>().ok();
    let bytes = read(format!("{v1}/memory.max_usage_in_bytes")).or_else(|| read(format!("{v2}/memory.peak")))?;
    Some(bytes / f64::from(1 << 20))
}
