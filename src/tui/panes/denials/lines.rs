//! The specimen's lines that the denials came from.

use std::collections::BTreeSet;

use super::rows::Row;
use crate::run::Denial;
use crate::tui::editor::Editor;
use crate::tui::state::RunRecord;

/// Lines (from 1) of the text as it is now from which calls were refused in a run of it.
pub fn denied(run: &RunRecord, editor: &Editor) -> BTreeSet<usize> {
    let lines: BTreeSet<u32> = run.log.summary.denials.values().filter_map(Denial::line).collect();
    lines.into_iter().filter_map(|line| now(run, editor, line)).collect()
}

/// The line (from 1) of the text as it is now from which a row's call was refused.
///
/// # Errors
/// Why it cannot be gone to.
pub fn of_row(run: &RunRecord, editor: &Editor, row: Row<'_>) -> Result<usize, String> {
    let Row::Denial(denial) = row else { return Err("a limit is no one line's".to_owned()) };
    let Some(source) = &denial.source else {
        return Err("these calls came from more lines than are kept apart".to_owned());
    };
    let frame = source.line.as_ref().map_err(|reason| format!("the line is not known: {reason}"))?;
    now(run, editor, frame.line)
        .ok_or_else(|| format!("line {} of what ran has been changed or replaced since", frame.line))
}

/// Where a line (from 1) of what ran is now, if it is still there.
pub fn now(run: &RunRecord, editor: &Editor, line: u32) -> Option<usize> {
    let line = usize::try_from(line).ok()?;
    editor.line_now(run.revision, line).filter(|line| *line <= editor.lines().len())
}
