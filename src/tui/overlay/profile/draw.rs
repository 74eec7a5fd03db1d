//! The profile as it is drawn.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span, Text};

use super::rows::{self, Row};
use super::{Page, pages};
use crate::policy::Layer;
use crate::run::words::{counted, short_count};
use crate::seccomp::{Action, Arch, Purpose, Reason, Risk, about, calls_for, syscall_number, words};
use crate::text::visible_str;
use crate::tui::cells::{clip, fit, width, wrap};
use crate::tui::command::Command;
use crate::tui::field::{self, FieldView};
use crate::tui::overlay::{boxed, placed};
use crate::tui::panes::frame;
use crate::tui::state::State;
use crate::tui::theme::{Role, Theme};
use crate::tui::tuning::Working;

/// Lines that tell of the selected call.
const DETAIL: u16 = 7;

/// Cells of the columns: sign, call, what the profile says, risk, how often it was refused.
const CALL: usize = 22;
const SAYS: usize = 11;
const RISK: usize = 7;
const SEEN: usize = 7;

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    title: String,
    tabs: Vec<(bool, String)>,
    search: Option<FieldView>,
    rows: Vec<RowView>,
    detail: Vec<(Role, String)>,
    foot: String,
}

/// A line of the list.
#[derive(Clone, Debug)]
struct RowView {
    selected: bool,
    spans: Vec<(Role, String)>,
}

/// Lines of the list in the box.
pub fn list_height(inner: Rect) -> u16 {
    let detail = if inner.height >= 16 { DETAIL + 1 } else { 0 };
    inner.height.saturating_sub(1 + detail)
}

/// Makes the view.
pub fn view(state: &State) -> View {
    let inner = super::inner(state);
    let profile = &state.profile;
    let cells = usize::from(inner.width);
    let (rows, detail) = match profile.page {
        Page::Calls => calls(state, inner),
        page => {
            let lines = pages::lines(state, page, inner);
            let room = usize::from(inner.height).saturating_sub(1);
            let first = profile.at.min(lines.len().saturating_sub(room));
            let row = |(role, text)| RowView { selected: false, spans: vec![(role, format!(" {text}"))] };
            (lines.into_iter().skip(first).take(room).map(row).collect(), Vec::new())
        }
    };
    let searched = profile.typing || !profile.search.text().is_empty();
    let search_cells = u16::try_from(cells / 3).unwrap_or(0);
    View {
        title: format!("Profile {}", state.tuning.label(&state.bench.policy)),
        tabs: Page::ALL.map(|page| (page == profile.page, tab(state, page))).to_vec(),
        search: (profile.page == Page::Calls && searched).then(|| profile.search.view(search_cells)),
        rows,
        detail,
        foot: foot(state, cells),
    }
}

fn tab(state: &State, page: Page) -> String {
    let working = state.tuning.of(&state.bench.policy);
    let count = match page {
        Page::Calls => 0,
        Page::Edits => working.map_or(0, Working::edits),
        Page::Differences => working.map_or(0, |working| working.space.diff().changes.len()),
        Page::Faults => working.map_or(0, |working| working.findings.len()),
    };
    if count == 0 { page.title().to_owned() } else { format!("{} {count}", page.title()) }
}

/// The keys, as many as fit.
fn foot(state: &State, cells: usize) -> String {
    let editing: &[(Command, &str)] = &[
        (Command::Toggle, "allow"),
        (Command::EditDeny, "refuse"),
        (Command::EditCondition, "if"),
        (Command::Filter, "search"),
    ];
    let always: &[(Command, &str)] = &[
        (Command::UndoEdit, "undo"),
        (Command::SaveProfile, "save"),
        (Command::NextPane, "page"),
        (Command::RedoEdit, "redo"),
        (Command::EditDefault, "default"),
        (Command::ResetProfile, "reset"),
    ];
    let first = if state.profile.page == Page::Calls { editing } else { &[] };
    let mut text = String::new();
    for (command, word) in first.iter().chain(always) {
        let hint = format!("{} {word} · ", state.keymap.shown(*command));
        if width(&text) + width(&hint) + 6 <= cells {
            text.push_str(&hint);
        }
    }
    text + "Esc"
}

fn calls(state: &State, inner: Rect) -> (Vec<RowView>, Vec<(Role, String)>) {
    let rows = rows::listed(state);
    let Some(working) = state.tuning.of(&state.bench.policy) else {
        let lines = pages::lines(state, Page::Edits, inner);
        return (lines.into_iter().map(|line| RowView { selected: false, spans: vec![line] }).collect(), Vec::new());
    };
    if rows.is_empty() {
        let spans = vec![(Role::Muted, " no call matches".to_owned())];
        return (vec![RowView { selected: false, spans }], Vec::new());
    }
    let height = usize::from(list_height(inner)).max(1);
    let at = state.profile.at.min(rows.len() - 1);
    // The selection stands in the middle, so that what is around it is seen.
    let first = at.saturating_sub(height / 2).min(rows.len().saturating_sub(height));
    let cells = usize::from(inner.width);
    let shown = rows.iter().enumerate().skip(first).take(height);
    let views = shown.map(|(place, row)| row_view(state, working, *row, place == at, cells)).collect();
    let detail =
        if inner.height >= 16 { detail(state, working, rows[at], cells.saturating_sub(2)) } else { Vec::new() };
    (views, detail)
}

fn row_view(state: &State, working: &Working, row: Row<'_>, selected: bool, cells: usize) -> RowView {
    let sign = if selected { "▸" } else { " " };
    let spans = match row {
        Row::Purpose(purpose) => {
            let text = format!("{sign} {}", purpose.title());
            let (all, allowed) = (calls_for(purpose).len(), allowed(working, purpose));
            vec![(Role::Accent, fit(&text, CALL + 6)), (Role::Muted, format!("{allowed} of {all} allowed"))]
        }
        Row::Others => vec![(Role::Accent, format!("{sign} names that this machine does not have"))],
        Row::Call(call) => call_spans(state, working, call, sign, cells),
    };
    RowView { selected, spans }
}

/// How many calls for a purpose are allowed in some way.
fn allowed(working: &Working, purpose: Purpose) -> usize {
    let is_allowed = |call: &&&str| {
        let says = working.space.current().says(call);
        says.plain().map_or_else(|| says.cases.iter().any(|(action, _)| action.allows()), Action::allows)
    };
    calls_for(purpose).iter().filter(is_allowed).count()
}

fn call_spans(state: &State, working: &Working, call: &str, sign: &str, cells: usize) -> Vec<(Role, String)> {
    let says = working.space.current().says(call);
    let (mark, role, what) = match says.plain() {
        Some(action) if action.allows() => ("✓", Role::Good, "allow".to_owned()),
        Some(Action::Errno(errno)) => ("✗", Role::Muted, crate::run::Refusal::Errno(errno.into()).to_string()),
        Some(_) => ("✗", Role::Muted, "kill".to_owned()),
        None => ("~", Role::Caution, "allow if…".to_owned()),
    };
    let edited = if working.space.log().any(|edit| edit.call() == call) { "*" } else { " " };
    let fault =
        if working.findings.iter().any(|finding| finding.calls.iter().any(|known| known == call)) { "!" } else { " " };
    let about = about(call);
    let risk = about.map_or(Risk::Low, |about| about.risk);
    let risk_role = match risk {
        Risk::Low => Role::Muted,
        Risk::Medium => Role::Caution,
        Risk::High => Role::Bad,
    };
    let risk = about.map_or("", |about| about.risk.word());
    let seen = match refused(state, call) {
        0 => String::new(),
        count => format!("×{}", short_count(count)),
    };
    let rest = cells.saturating_sub(6 + CALL + 1 + SAYS + RISK + SEEN);
    vec![
        (Role::Accent, format!("{sign} ")),
        (role, format!("{mark}{edited}")),
        (Role::Bad, fault.to_owned()),
        (Role::Text, fit(call, CALL) + " "),
        (role, fit(&what, SAYS)),
        (risk_role, fit(risk, RISK)),
        (Role::Caution, fit(&seen, SEEN)),
        (Role::Muted, about.map_or_else(String::new, |about| clip(&about.does, rest))),
    ]
}

/// How often the call was refused in the runs that are kept.
fn refused(state: &State, call: &str) -> u64 {
    let runs = state.runs.kept.iter();
    let denials = runs.flat_map(|run| run.log.summary.denials.values());
    denials.filter(|denial| denial.layer == Layer::Seccomp && denial.syscall == call).map(|denial| denial.count).sum()
}

fn detail(state: &State, working: &Working, row: Row<'_>, cells: usize) -> Vec<(Role, String)> {
    let mut lines = Vec::new();
    let mut add = |role, text: &str| lines.extend(wrap(text, cells).into_iter().map(|line| (role, line)));
    match row {
        Row::Purpose(_) => {
            let key = |command| state.keymap.shown(command);
            add(
                Role::Text,
                &format!("{} allows the calls of low risk that it has, as one edit.", key(Command::EditAllow)),
            );
            add(
                Role::Muted,
                "× counts refusals. What the profile allows is not watched: whether it was used is not known.",
            );
        }
        Row::Others => add(Role::Muted, "They are of other architectures, and mean nothing on this one."),
        Row::Call(call) => {
            if let Some(about) = about(call) {
                let why = about.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
                add(Role::Text, &format!("{call}: {} Risk {}{why}.", about.does, about.risk.word()));
            }
            add(Role::Accent, &decided(working, call));
            add(Role::Muted, &used(state, call));
            for finding in working.findings.iter().filter(|finding| finding.calls.iter().any(|known| known == call)) {
                lines.extend(pages::fault(finding, cells));
            }
        }
    }
    lines.truncate(usize::from(DETAIL));
    lines
}

/// What the profile says of a call, and which rule says so.
fn decided(working: &Working, call: &str) -> String {
    let profile = working.space.current();
    let says = words::says(&profile.says(call));
    let rules = profile.rules.iter().enumerate().filter(|(_, rule)| rule.names.iter().any(|name| name == call));
    let rule = |(at, rule): (usize, &crate::seccomp::Rule)| {
        let comment = rule.comment.as_deref().filter(|comment| !comment.is_empty());
        format!("rule {}{}", at + 1, comment.map_or_else(String::new, |comment| format!(" ({})", visible_str(comment))))
    };
    let by: Vec<String> = rules.map(rule).collect();
    let default = syscall_number(call).is_none()
        || profile.decide_name(Arch::native(), Arch::native(), call, &[0; 6]).by == Reason::Default;
    match by.as_slice() {
        [] => format!("{says}: by the default action"),
        by if default && profile.says(call).is_default() => {
            format!("{says}: by the default action, as {}", by.join(", "))
        }
        by => format!("{says}: by {}", by.join(", ")),
    }
}

/// What is known of its use.
fn used(state: &State, call: &str) -> String {
    match refused(state, call) {
        0 => "no run that is kept was refused it; what is allowed is not watched, so its use is not known".to_owned(),
        count => format!("refused {} in the runs that are kept", counted(count, "time")),
    }
}

/// Draws it over the whole screen but its last line.
pub fn render(frame: &mut Frame<'_>, screen: Rect, view: &View, theme: &Theme) {
    let inner = boxed::draw(frame, placed(screen), &view.title, &view.foot, theme);
    let styled = |(role, text): &(Role, String)| Span::styled(text.clone(), theme.style(*role));
    let mut top = Line::default();
    for (here, tab) in &view.tabs {
        let role = if *here { Role::Selection } else { Role::Muted };
        top.spans.push(Span::styled(format!(" {tab} "), theme.style(role)));
    }
    if let Some(search) = &view.search {
        top.spans.push(Span::styled("  / ", theme.style(Role::Accent)));
        top.spans.extend(field::line(search, theme).spans);
    }
    let mut lines = vec![top];
    lines.extend(view.rows.iter().map(|row| Line::from(row.spans.iter().map(styled).collect::<Vec<_>>())));
    frame.render_widget(Text::from(lines), inner);
    if let Some(at) = view.rows.iter().position(|row| row.selected) {
        let y = inner.y + 1 + u16::try_from(at).unwrap_or(u16::MAX);
        frame::select(frame.buffer_mut(), Rect { y, height: 1, ..inner }.intersection(inner), theme);
    }
    if !view.detail.is_empty() {
        boxed::below(frame, inner, usize::from(DETAIL), &view.detail, theme);
    }
}
