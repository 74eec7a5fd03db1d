//! The output as text, for the clipboard and for a file.

use crate::policy::Bytes;
use crate::run::words::{grouped, size};
use crate::run::{OutputLine, RunLog, Stream, StreamTotals};
use crate::text::visible_lines;
use crate::tui::state::RunRecord;

/// What a copy takes at most.
const MOST_COPIED: usize = 64 << 10;

/// The lines of both streams in order, as they are shown: all where that is short enough; else from the first line in
/// sight on as many as fit, which the last line says.
pub fn copied(log: &RunLog, first_in_sight: u64) -> String {
    let whole = if log.evicted() == 0 { joined(log, 0, MOST_COPIED).ok() } else { None };
    whole.unwrap_or_else(|| {
        let note = format!(
            "… a part of {} of output; saving gives all that was kept\n",
            size(Bytes(log.summary.stdout.written.saturating_add(log.summary.stderr.written)))
        );
        let (Ok(mut text) | Err(mut text)) = joined(log, first_in_sight, MOST_COPIED - note.len());
        text.push_str(&note);
        text
    })
}

/// Joins the lines from one on; where they take more than `most` bytes, as many as do not.
fn joined(log: &RunLog, from: u64, most: usize) -> Result<String, String> {
    let mut text = String::new();
    for number in from.. {
        let Some(line) = log.line(number) else { break };
        let shown = visible_lines(log.bytes(line));
        let ends = line.ended || !log.line(number + 1).is_some_and(|next| is_rest_of(log, next, line));
        if text.len() + shown.len() + usize::from(ends) > most {
            return Err(text);
        }
        text.push_str(&shown);
        if ends {
            text.push('\n');
        }
    }
    Ok(text)
}

fn is_rest_of(log: &RunLog, line: &OutputLine, before: &OutputLine) -> bool {
    line.stream == before.stream && log.goes_on(line)
}

/// What a file of a run's output holds: all that was kept of each stream in its visible form, under a heading that says
/// how many lines follow, so that no line of the output passes for a heading.
pub fn saved(run: &RunRecord) -> Vec<u8> {
    let mut text = String::new();
    for stream in [Stream::Stdout, Stream::Stderr] {
        let totals = run.log.summary.stream(stream);
        let mut shown = visible_lines(&totals.kept);
        if !shown.is_empty() && !shown.ends_with('\n') {
            shown.push('\n');
        }
        text.push_str(&heading(stream, totals, shown.lines().count()));
        text.push_str(&shown);
    }
    text.into_bytes()
}

fn heading(stream: Stream, totals: &StreamTotals, lines: usize) -> String {
    let name = stream.name();
    let written = grouped(totals.written);
    let kept = match (totals.dropped(), totals.written) {
        (0, 0) => String::new(),
        (0, _) => ", all kept".to_owned(),
        (dropped, _) => {
            format!(", the first {} kept and {} dropped", grouped(totals.kept.len() as u64), grouped(dropped))
        }
    };
    let follow = match lines {
        0 => "nothing follows".to_owned(),
        1 => "1 line follows".to_owned(),
        lines => format!("{} lines follow", grouped(lines as u64)),
    };
    format!("== {name}: {written} bytes written{kept}; {follow} ==\n")
}
