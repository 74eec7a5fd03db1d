//! The edits, the differences and the faults, as lines.

use ratatui::layout::Rect;

use super::Page;
use crate::seccomp::{Change, Edit, Finding, Severity, words};
use crate::text::visible_str;
use crate::tui::cells::wrap;
use crate::tui::state::State;
use crate::tui::theme::Role;
use crate::tui::tuning::Working;

/// The lines of a page.
pub fn lines(state: &State, page: Page, inner: Rect) -> Vec<(Role, String)> {
    let cells = usize::from(inner.width).saturating_sub(2);
    let Some(working) = state.tuning.of(&state.bench.policy) else {
        let why = state.tuning.error.clone().unwrap_or_else(|| "the profile is being read".to_owned());
        return indented(Role::Caution, "", &why, cells);
    };
    match page {
        Page::Calls => Vec::new(),
        Page::Edits => edits(working, cells),
        Page::Differences => differences(working, cells),
        Page::Faults => faults(working, cells),
    }
}

/// A text in lines, the first behind a sign, the others below it.
fn indented(role: Role, sign: &str, text: &str, cells: usize) -> Vec<(Role, String)> {
    let room = cells.saturating_sub(sign.chars().count());
    let lead = |at: usize| if at == 0 { sign.to_owned() } else { " ".repeat(sign.chars().count()) };
    wrap(text, room).into_iter().enumerate().map(|(at, line)| (role, format!("{}{line}", lead(at)))).collect()
}

fn edits(working: &Working, cells: usize) -> Vec<(Role, String)> {
    let mut lines = Vec::new();
    for (at, step) in working.space.steps().enumerate() {
        for (place, edit) in step.iter().enumerate() {
            let number = if place == 0 { format!("{:>3}  ", at + 1) } else { "     ".to_owned() };
            lines.extend(indented(role(edit), &number, &said(edit), cells));
            lines.extend(indented(Role::Muted, "       ", &visible_str(edit.reason()), cells));
        }
    }
    if lines.is_empty() {
        lines.extend(indented(Role::Muted, "", "no edits: it is as it was read", cells));
    }
    lines
}

const fn role(edit: &Edit) -> Role {
    match edit {
        Edit::Allow { .. } => Role::Caution,
        Edit::Deny { .. } | Edit::Remove { .. } => Role::Good,
    }
}

fn said(edit: &Edit) -> String {
    match edit {
        Edit::Allow { call, conditions, .. } if conditions.is_empty() => format!("allow {call}"),
        Edit::Allow { call, conditions, .. } => format!("allow {call} if {}", words::all_of(conditions)),
        Edit::Deny { call, errno, .. } => format!("refuse {call} with {}", crate::run::Refusal::Errno((*errno).into())),
        Edit::Remove { call, .. } => format!("leave {call} to the default action"),
    }
}

fn differences(working: &Working, cells: usize) -> Vec<(Role, String)> {
    let diff = working.space.diff();
    if diff.changes.is_empty() {
        return indented(Role::Muted, "", "the profile does what it did when it was read", cells);
    }
    diff.changes.iter().flat_map(|change| difference(change, cells)).collect()
}

fn difference(change: &Change, cells: usize) -> Vec<(Role, String)> {
    let (sign, role) = match (change.opens, change.closes) {
        (true, true) => (" ± ", Role::Caution),
        (true, false) => (" + ", Role::Caution),
        (false, true) => (" − ", Role::Good),
        (false, false) => (" ≠ ", Role::Text),
    };
    let text = format!("{}: {} → {}", change.call, words::says(&change.before), words::says(&change.after));
    indented(role, sign, &text, cells)
}

fn faults(working: &Working, cells: usize) -> Vec<(Role, String)> {
    if working.findings.is_empty() {
        return indented(Role::Good, "", "nothing is known to be wrong", cells);
    }
    working.findings.iter().flat_map(|finding| fault(finding, cells)).collect()
}

/// What is wrong and what to do, with the calls that it is about.
pub fn fault(finding: &Finding, cells: usize) -> Vec<(Role, String)> {
    let role = match finding.severity {
        Severity::Error => Role::Bad,
        Severity::Warning => Role::Caution,
        Severity::Note => Role::Text,
    };
    let sign = format!("{:>8}  ", finding.severity.word());
    let about = finding.calls.join(" ");
    let about =
        if about.is_empty() || finding.message.contains(&about) { String::new() } else { format!(" ({about})") };
    let mut lines = indented(role, &sign, &visible_str(&format!("{}{about}", finding.message)), cells);
    lines.extend(indented(Role::Muted, "          ", &visible_str(&finding.remedy), cells));
    lines
}
