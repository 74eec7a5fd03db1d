//! The lines at the top of the denials pane while a call is held: what it is, where it comes from and what can be said.

use crate::run::words::one_line;
use crate::run::{HeldCall, Process, Refusal};
use crate::tui::cells::{clip, wrap};
use crate::tui::command::Command;
use crate::tui::keymap::Keymap;
use crate::tui::theme::Role;

/// The answers, in the order in which they are offered.
const ANSWERS: [(Command, &str); 8] = [
    (Command::AllowFrom, "allow from now on…"),
    (Command::Allow, "allow once"),
    (Command::Deny, "deny"),
    (Command::DenyErrno, "deny with…"),
    (Command::DenyAlways, "stop asking"),
    (Command::KillCaller, "kill"),
    (Command::NextHeld, "next"),
    (Command::Hold, "freeze all"),
];

/// Lines of a call with its arguments; all of it stands in the detail.
const CALL_LINES: usize = 3;

/// What is drawn of a held call in so many cells; `place` of `count` that are held.
pub fn lines(call: &HeldCall, place: usize, count: usize, cells: usize, keymap: &Keymap) -> Vec<(String, Role)> {
    let mut lines =
        vec![(clip(&format!("HELD {place} of {count} · {}", processes(&call.processes)), cells), Role::Caution)];
    let spoken = format!("{}({})", call.syscall, call.args.join(", "));
    lines.extend(first_lines(&spoken, cells).into_iter().map(|line| (line, Role::Accent)));
    lines.push((clip(&origin(call), cells), Role::Text));
    lines.push((clip(&format!("the profile says {}", answer(call.refusal)), cells), Role::Muted));
    lines.extend(wrap(&keys(keymap), cells).into_iter().map(|line| (line, Role::Good)));
    lines
}

/// A text in a few lines; `…` says that it goes on.
fn first_lines(text: &str, cells: usize) -> Vec<String> {
    let mut lines = wrap(text, cells);
    if lines.len() > CALL_LINES {
        lines.truncate(CALL_LINES);
        if let Some(last) = lines.last_mut() {
            *last = clip(&format!("{last} …"), cells);
        }
    }
    lines
}

/// The calling process and those it comes from.
fn processes(processes: &[Process]) -> String {
    let each = processes.iter().map(|process| format!("{} {}", process.comm, process.pid));
    each.collect::<Vec<_>>().join(" ← ")
}

fn origin(call: &HeldCall) -> String {
    match &call.source.line {
        Ok(frame) => format!("line {} in {}", frame.line, frame.function),
        Err(reason) => format!("line not known: {}", one_line(reason)),
    }
}

fn answer(refusal: Refusal) -> String {
    match refusal {
        Refusal::Errno(_) => refusal.to_string(),
        Refusal::Kill => "kill".to_owned(),
    }
}

fn keys(keymap: &Keymap) -> String {
    let bound = ANSWERS.iter().map(|(command, word)| (keymap.shown(*command), word));
    let shown = bound.filter(|(key, _)| !key.is_empty()).map(|(key, word)| format!("{key} {word}"));
    shown.collect::<Vec<_>>().join(" · ")
}
