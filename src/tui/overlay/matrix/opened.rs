//! The run behind a cell of the matrix.

use ratatui::layout::Rect;

use super::MatrixPane;
use crate::drill::matrix::{Came, Combination, Ran, Table};
use crate::policy::Exposure;
use crate::run::words::{counted, time};
use crate::text::visible_str;
use crate::tui::cells::wrap;
use crate::tui::theme::Role;

/// The lines of the run that is selected, for an area.
pub(super) fn lines(pane: &MatrixPane, inner: Rect) -> Vec<(Role, String)> {
    let cells = usize::from(inner.width).saturating_sub(2);
    let mut lines = Lines { cells, all: Vec::new() };
    let combination = pane.selected();
    let table = pane.filled.as_ref().map(|filled| &filled.table);
    lines.add(Role::Accent, &table.map_or_else(String::new, |table| heading(table, combination)));
    if let Some(layer) = pane.layer() {
        lines.add(Role::Muted, layer.stops());
    }
    lines.gap();
    match table.and_then(|table| table.came(combination)) {
        None => lines.add(Role::Muted, "It has not been run yet."),
        Some(Came::Stopped) => lines.add(Role::Muted, "Nobody waited for its end: the matrix was stopped."),
        Some(Came::NotRun(exposures)) => withheld(&mut lines, exposures),
        Some(Came::Ran(ran)) => {
            let all = pane.ran(Combination::All).filter(|_| combination != Combination::All);
            told(&mut lines, ran, all);
        }
    }
    lines.all
}

/// By how many lines it can be scrolled.
pub(super) fn most_scroll(pane: &MatrixPane, inner: Rect) -> u16 {
    let hidden = lines(pane, inner).len().saturating_sub(usize::from(inner.height));
    u16::try_from(hidden).unwrap_or(u16::MAX)
}

/// A combination in words.
pub(super) fn heading(table: &Table, combination: Combination) -> String {
    let runtime = |other| {
        let named = table.matrix().others().find(|(known, _)| *known == other);
        named.map_or_else(String::new, |(_, runtime)| visible_str(&runtime.0))
    };
    match combination {
        Combination::All => "every layer of the policy on".to_owned(),
        Combination::None => "no layer on".to_owned(),
        Combination::Without(layer) => format!("every layer on but {layer}"),
        Combination::Alone(layer) => format!("{layer} alone"),
        Combination::Over(other) => format!("every layer of the policy on, over {}", runtime(other)),
        Combination::OverAlone(other) => format!("no layer on, over {}", runtime(other)),
    }
}

struct Lines {
    cells: usize,
    all: Vec<(Role, String)>,
}

impl Lines {
    fn add(&mut self, role: Role, text: &str) {
        self.all.extend(wrap(text, self.cells).into_iter().map(|line| (role, line)));
    }

    /// Below a heading.
    fn item(&mut self, role: Role, text: &str) {
        let lines = wrap(text, self.cells.saturating_sub(2));
        self.all.extend(lines.into_iter().map(|line| (role, format!("  {line}"))));
    }

    fn gap(&mut self) {
        self.all.push((Role::Text, String::new()));
    }
}

fn withheld(lines: &mut Lines, exposures: &[Exposure]) {
    lines.add(
        Role::Caution,
        "Withheld: it would show more of the host than a container does, and nobody asked for that.",
    );
    for exposure in exposures {
        lines.item(Role::Bad, &format!("• {}", exposure.what));
    }
}

fn told(lines: &mut Lines, ran: &Ran, all: Option<&Ran>) {
    lines.add(Role::Text, &format!("It {} after {}.", ran.outcome, time(ran.took)));
    match all {
        Some(all) if ran.ends_as(all) => lines.add(Role::Muted, "It ends as with every layer on."),
        Some(all) => lines.add(Role::Caution, &format!("With every layer on: {}.", all.short())),
        None => {}
    }
    lines.gap();
    lines.add(Role::Accent, "Refused");
    for refused in &ran.calls {
        let line = refused.line.map_or_else(String::new, |line| format!("  line {line}"));
        lines.item(Role::Text, &format!("{}: {} × {}{line}", refused.layer, refused.count, refused.call));
    }
    if ran.more_calls > 0 {
        lines.item(Role::Muted, &format!("and {} more", counted(ran.more_calls as u64, "kind")));
    }
    for kind in &ran.limits {
        lines.item(Role::Caution, &format!("{}: {}", kind.layer(), kind.what()));
    }
    if ran.calls.is_empty() && ran.limits.is_empty() {
        lines.item(Role::Muted, "nothing was seen to be refused");
    }
    if let Some(unseen) = &ran.unseen {
        lines.item(Role::Caution, &format!("refused calls may be missing: {unseen}"));
    }
    lines.gap();
    lines.add(Role::Accent, "Printed");
    for line in &ran.lines {
        lines.item(Role::Text, line);
    }
    if ran.more_lines > 0 {
        lines.item(Role::Muted, &format!("and {} more", counted(ran.more_lines as u64, "line")));
    }
    if ran.lines.is_empty() {
        lines.item(Role::Muted, "nothing");
    }
}
