//! The lines at the top of the denials pane while a call is held: what it is, where it comes from and what can be said.

use crate::run::words::one_line;
use crate::run::{HeldCall, Process, Refusal};
use crate::tui::cells::{clip, width, wrap};
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

/// What is drawn of a held call in a pane of that width and height; `place` of `count` that are held.
pub fn lines(
    call: &HeldCall,
    place: usize,
    count: usize,
    (cells, height): (usize, usize),
    keymap: &Keymap,
) -> Vec<(String, Role)> {
    let keys = keys(keymap, cells);
    let mut lines =
        vec![(clip(&format!("HELD {place} of {count} · {}", processes(&call.processes)), cells), Role::Caution)];
    let spoken = format!("{}({})", call.syscall, call.args.join(", "));
    // The keys stay in sight, however long the call is.
    let room = height.saturating_sub(keys.len() + 2).clamp(1, CALL_LINES);
    lines.extend(first_lines(&spoken, cells, room).into_iter().map(|line| (line, Role::Accent)));
    let says = format!("the profile says {} · {}", answer(call.refusal), origin(call));
    lines.push((clip(&says, cells), Role::Text));
    lines.extend(keys.into_iter().map(|line| (line, Role::Good)));
    lines
}

/// A text in a few lines; `…` says that it goes on.
fn first_lines(text: &str, cells: usize, most: usize) -> Vec<String> {
    let mut lines = wrap(text, cells);
    if lines.len() > most {
        lines.truncate(most);
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
        Refusal::Kill => "kill".to_owned(),
        Refusal::Errno(_) | Refusal::Rightless | Refusal::Unseen => refusal.to_string(),
    }
}

/// The answers with their keys, none of them broken over two lines.
fn keys(keymap: &Keymap, cells: usize) -> Vec<String> {
    let bound = ANSWERS.iter().map(|(command, word)| (keymap.shown(*command), word));
    let mut lines: Vec<String> = Vec::new();
    for (key, word) in bound.filter(|(key, _)| !key.is_empty()) {
        let answer = format!("{key} {word}");
        match lines.last_mut() {
            Some(line) if width(line) + 3 + width(&answer) <= cells => {
                line.push_str(" · ");
                line.push_str(&answer);
            }
            _ => lines.push(clip(&answer, cells)),
        }
    }
    lines
}
