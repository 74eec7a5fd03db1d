//! What stands in the border of the specimen pane.

use crate::policy::Bytes;
use crate::run::words::counted;
use crate::text::visible_str;
use crate::tui::cells::{clip, width};
use crate::tui::editor::Editor;
use crate::tui::panes::frame::Title;

/// The word that says that keys type into the specimen, with a space at either side.
pub const EDIT: &str = " EDIT ";

/// The pane's number and name with their spaces, as [`crate::tui::panes::frame::draw`] writes them.
const PANE_NAME: usize = 12;

/// The title for an inner width; from so many lines calls were refused.
pub fn of(editor: &Editor, denied: usize, editing: bool, cells: usize) -> Title {
    let right = right(editor);
    // Each title has a space at either side.
    let room = cells.saturating_sub(PANE_NAME + 1 + width(&right) + 2);
    let kept = if editing { width(EDIT) } else { 0 };
    let bottom = clip(&bottom(editor, denied), cells.saturating_sub(kept + 2));
    Title { note: note(editor, room), right, bottom }
}

fn note(editor: &Editor, room: usize) -> String {
    let state = match editor.read_only() {
        Some(why) => format!(" • read-only: {why}"),
        None if editor.is_changed() => " • edited".to_owned(),
        None => String::new(),
    };
    let name = clip(&visible_str(&editor.name()), room.saturating_sub(width(&state)));
    clip(&format!("{name}{state}"), room)
}

fn right(editor: &Editor) -> String {
    let language = editor.language().or(editor.recognised()).map_or_else(|| "auto".to_owned(), visible_str);
    let newline = if editor.is_crlf() { " · CR LF" } else { "" };
    let size = Bytes(u64::try_from(editor.byte_count()).unwrap_or(u64::MAX));
    format!("{language}{newline} · {size}")
}

fn bottom(editor: &Editor, denied: usize) -> String {
    let (line, column) = editor.position();
    let place = format!("Ln {line}, Col {column}");
    if let Some((_, finding)) = editor.findings(line - 1).next() {
        return format!("{place} · {}: {}", finding.kind.name(), visible_str(&finding.what));
    }
    let matches = match editor.match_count() {
        None => String::new(),
        Some(0) => " · no match".to_owned(),
        Some(1) => " · 1 match".to_owned(),
        Some(count) => format!(" · {count} matches"),
    };
    let denied = match denied {
        0 => String::new(),
        count => format!(" · {} with denials", counted(count as u64, "line")),
    };
    let hidden = match editor.hidden().total {
        0 => String::new(),
        1 => " · 1 hidden character".to_owned(),
        count => format!(" · {count} hidden characters"),
    };
    format!("{place}{matches}{denied}{hidden}")
}
