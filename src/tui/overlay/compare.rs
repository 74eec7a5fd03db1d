//! Two runs side by side: what differs first, then in how much they are the same.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::boxed;
use crate::policy::Layer;
use crate::run::compare::{self, Comparison, Difference, Section, Side, Sign, Value};
use crate::run::words::{counted, grouped};
use crate::tui::cells::{clip, fit, wrap};
use crate::tui::command::Command;
use crate::tui::layout::inside;
use crate::tui::state::{Phase, RunId, RunRecord, Runs};
use crate::tui::theme::{Role, Theme};

/// The most lines that one difference takes.
const TALLEST: usize = 8;

/// Cells of the sign between the values, and a space at each side.
const SIGN: usize = 3;

/// Two runs, and how far the reviewer has scrolled.
#[derive(Clone, Debug)]
pub struct Compare {
    left: RunId,
    right: RunId,
    comparison: Comparison,
    items: Vec<Item>,
    /// One of them was not over when they were compared.
    live: bool,
    /// The first item in sight.
    first: usize,
}

/// A line of the list, or a few that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Heading(Section),
    /// The place of a difference in the comparison.
    Difference(usize),
    Alike,
    Same(Section, usize),
}

impl Compare {
    /// Compares a run with a later one.
    pub fn new(left: &RunRecord, right: &RunRecord) -> Self {
        let comparison = compare::compare(side(left), side(right));
        let live = [left, right].iter().any(|run| run.phase != Phase::Ended);
        Self { left: left.id, right: right.id, items: items(&comparison), comparison, live, first: 0 }
    }

    /// Compares anew, if one of the runs was not over; each event of it may be a reason, so call it once a tick.
    pub fn refresh(&mut self, runs: &Runs) {
        let find = |id| runs.kept.iter().find(|run| run.id == id);
        if let (true, Some(left), Some(right)) = (self.live, find(self.left), find(self.right)) {
            *self = Self { first: self.first, ..Self::new(left, right) };
        }
    }

    /// Does a command of the scope Move on a screen.
    pub fn command(&mut self, command: Command, screen: Rect) {
        let page = usize::from(inside(screen).height).saturating_sub(1).max(1);
        let last = self.last_first(screen);
        let first = self.first.min(last);
        self.first = match command {
            Command::Up => first.saturating_sub(1),
            Command::Down => first + 1,
            Command::PageUp => first.saturating_sub(page),
            Command::PageDown => first + page,
            Command::Top => 0,
            Command::Bottom => last,
            _ => first,
        }
        .min(last);
    }

    /// Scrolls by lines, as the wheel does.
    pub fn scroll(&mut self, rows: i32, screen: Rect) {
        let by = isize::try_from(rows).unwrap_or(isize::MAX);
        self.first = self.first.saturating_add_signed(by).min(self.last_first(screen));
    }

    /// The first item in sight when the end is. Looks at no more items than fit.
    fn last_first(&self, screen: Rect) -> usize {
        let inner = inside(screen);
        let mut room = usize::from(inner.height);
        let mut first = self.items.len();
        while let Some(before) = first.checked_sub(1) {
            let height = self.lines(self.items[before], usize::from(inner.width)).len();
            if height > room {
                break;
            }
            room -= height;
            first = before;
        }
        first.min(self.items.len().saturating_sub(1))
    }

    fn lines(&self, item: Item, cells: usize) -> Vec<Row> {
        match item {
            Item::Heading(section) => vec![self.heading(section, cells)],
            Item::Difference(at) => difference(&self.comparison.differences[at], cells),
            Item::Alike => vec![Row::words("The two runs differ in nothing that is known of them.", Role::Good, cells)],
            Item::Same(section, count) => {
                let text = format!("= {} the same", counted(count as u64, section.one()));
                vec![Row::words(&text, Role::Muted, cells)]
            }
        }
    }

    /// A part's name, and the two runs' above their columns.
    fn heading(&self, section: Section, cells: usize) -> Row {
        let columns = Columns::new(section, cells);
        Row {
            name: fit(section.title(), columns.name),
            look: Look::Heading,
            left: fit(&format!("#{}", self.left.0), columns.value),
            sign: " ".repeat(SIGN),
            sign_role: Role::Muted,
            right: fit(&format!("#{}", self.right.0), columns.value),
        }
    }
}

fn side(run: &RunRecord) -> Side<'_> {
    Side { policy: &run.policy, edits: run.edits, summary: &run.log.summary }
}

fn items(comparison: &Comparison) -> Vec<Item> {
    let mut items = Vec::new();
    let mut part = None;
    for (at, difference) in comparison.differences.iter().enumerate() {
        if part.replace(difference.section) != Some(difference.section) {
            items.push(Item::Heading(difference.section));
        }
        items.push(Item::Difference(at));
    }
    if items.is_empty() {
        items.push(Item::Alike);
    }
    let same = Section::ALL.map(|section| Item::Same(section, comparison.same(section)));
    items.extend(same.into_iter().filter(|item| !matches!(item, Item::Same(_, 0))));
    items
}

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    title: String,
    bottom: String,
    rows: Vec<Row>,
}

/// One line, its columns filled.
#[derive(Clone, Debug)]
struct Row {
    name: String,
    look: Look,
    left: String,
    sign: String,
    sign_role: Role,
    right: String,
}

/// How the name of a line is drawn.
#[derive(Clone, Copy, Debug)]
enum Look {
    Heading,
    Plain(Role),
    Layer(Layer),
}

/// Makes the view of a comparison for a screen.
pub fn view(compare: &Compare, screen: Rect) -> View {
    let inner = inside(screen);
    let (cells, height) = (usize::from(inner.width), usize::from(inner.height));
    let last = compare.last_first(screen);
    let first = compare.first.min(last);
    let mut rows = Vec::new();
    for item in &compare.items[first..] {
        if rows.len() >= height {
            break;
        }
        rows.extend(compare.lines(*item, cells));
    }
    rows.truncate(height);
    let bottom = match last {
        0 => String::new(),
        _ => format!("from line {} of {}", grouped(first as u64 + 1), grouped(compare.items.len() as u64)),
    };
    let live = if compare.live { ", which is not over" } else { "" };
    View { title: format!("Run #{} compared with #{}{live}", compare.left.0, compare.right.0), bottom, rows }
}

/// Draws it over the whole screen.
pub fn render(frame: &mut Frame<'_>, area: Rect, view: &View, theme: &Theme) {
    let inner = boxed::draw(frame, area, &view.title, &view.bottom, theme);
    for (area, row) in inner.rows().zip(&view.rows) {
        frame.render_widget(row.line(theme), area);
    }
}

impl Row {
    fn words(text: &str, role: Role, cells: usize) -> Self {
        let name = format!(" {}", clip(text, cells.saturating_sub(1)));
        Self {
            name,
            look: Look::Plain(role),
            left: String::new(),
            sign: String::new(),
            sign_role: role,
            right: String::new(),
        }
    }

    fn line(&self, theme: &Theme) -> Line<'_> {
        let heading = theme.style(Role::Accent).add_modifier(Modifier::BOLD);
        let (name, value) = match self.look {
            Look::Heading => (heading, heading),
            Look::Plain(role) => (theme.style(role), theme.style(Role::Text)),
            Look::Layer(layer) => (theme.layer(layer), theme.style(Role::Text)),
        };
        Line::from(vec![
            Span::styled(self.name.as_str(), name),
            Span::styled(self.left.as_str(), value),
            Span::styled(self.sign.as_str(), theme.style(self.sign_role)),
            Span::styled(self.right.as_str(), value),
        ])
    }
}

/// Cells of the columns of a part.
#[derive(Clone, Copy)]
struct Columns {
    name: usize,
    value: usize,
}

impl Columns {
    /// A call is long and its counts are short; elsewhere it is the other way round.
    fn new(section: Section, cells: usize) -> Self {
        let both = match section {
            Section::Denials => 2 * 12,
            Section::Run | Section::Layers | Section::Limits | Section::Figures => cells.saturating_sub(SIGN + 22),
        };
        let value = both.min(cells.saturating_sub(SIGN)) / 2;
        Self { name: cells.saturating_sub(2 * value + SIGN), value }
    }
}

/// The lines of a difference: each column broken where it is full.
fn difference(difference: &Difference, cells: usize) -> Vec<Row> {
    let columns = Columns::new(difference.section, cells);
    let name = boxed::cut(&format!(" {}", difference.name), columns.name.saturating_sub(1), TALLEST);
    let (left, right) = (value(&difference.left, columns.value), value(&difference.right, columns.value));
    let height = name.len().max(left.len()).max(right.len());
    let column = |lines: &[String], at: usize, cells| fit(lines.get(at).map_or("", String::as_str), cells);
    let sign = difference.sign();
    let row = |at| Row {
        name: column(&name, at, columns.name),
        look: difference.layer.map_or(Look::Plain(Role::Text), Look::Layer),
        left: column(&left, at, columns.value),
        sign: if at == 0 { format!(" {} ", sign.symbol()) } else { " ".repeat(SIGN) },
        sign_role: sign_role(sign),
        right: column(&right, at, columns.value),
    };
    (0..height).map(row).collect()
}

const fn sign_role(sign: Sign) -> Role {
    match sign {
        Sign::Differs | Sign::Unsure => Role::Caution,
        Sign::Added | Sign::Removed => Role::Accent,
    }
}

fn value(value: &Value, cells: usize) -> Vec<String> {
    match value {
        Value::Is(text) => boxed::cut(text, cells, TALLEST),
        Value::Absent => vec!["–".to_owned()],
        Value::Unknown(why) => wrap(why, cells),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Outcome;
    use crate::run::samples::{cell, denial, ended};
    use crate::tui::panes::denials::samples::{drawn, record, theme};

    fn numbered(id: u32, run: RunRecord) -> RunRecord {
        RunRecord { id: RunId(id), ..run }
    }

    fn two() -> (RunRecord, RunRecord) {
        let mut left = ended(Outcome::Exited(0));
        denial(&mut left, 0, "connect", &["3", "{AF_INET 127.0.0.1:80}"], 2);
        denial(&mut left, 1, "ptrace", &[], 1);
        let mut right = ended(Outcome::Exited(1));
        denial(&mut right, 0, "connect", &["3", "{AF_INET 127.0.0.1:80}"], 1204);
        denial(&mut right, 1, "bpf", &["0"], 1);
        let mut right = record(right);
        right.policy.set(Layer::Memory, "128m").unwrap();
        (numbered(3, record(left)), numbered(4, right))
    }

    fn screen(compare: &Compare, width: u16, height: u16) -> Vec<String> {
        let area = Rect { x: 0, y: 0, width, height };
        let view = view(compare, area);
        drawn(width, height, |frame| render(frame, area, &view, &theme()))
    }

    fn inner(compare: &Compare, width: u16, height: u16) -> Vec<String> {
        let rows = screen(compare, width, height);
        let inside = rows[1..rows.len() - 1].iter();
        inside.map(|row| row.trim_matches('║').trim_end().to_owned()).filter(|row| !row.is_empty()).collect()
    }

    #[test]
    fn differences_stand_side_by_side_and_what_is_the_same_is_counted() {
        let (left, right) = two();
        let compare = Compare::new(&left, &right);
        let rows = screen(&compare, 80, 24);
        assert!(rows[0].starts_with("╔ Run #3 compared with #4 ═"), "{}", rows[0]);
        assert_eq!(
            inner(&compare, 80, 24),
            [
                "Run                    #3                           #4",
                " outcome               ended by itself with 0     ≠ ended by itself with 1",
                " denied                3 calls of 2 kinds         ≠ 1,205 calls of 2 kinds",
                "Layers                 #3                           #4",
                " memory                256m,swap=0                ≠ 128m,swap=0",
                "Denials                                            #3             #4",
                " connect(3, {AF_INET 127.0.0.1:80}) = EPERM        ×2           ≠ ×1,204",
                " ptrace() = EPERM                                  ×1           − –",
                " bpf(0) = EPERM                                    –            + ×1",
                " = 6 facts the same",
                " = 21 layers the same",
                " = 10 figures the same",
            ]
        );
    }

    #[test]
    fn two_runs_that_are_alike_are_said_to_be() {
        let (left, _) = two();
        let rows = inner(&Compare::new(&left, &numbered(4, left.clone())), 80, 24);
        assert_eq!(rows[0], " The two runs differ in nothing that is known of them.");
        assert!(rows.contains(&" = 2 denials the same".to_owned()), "{rows:?}");
    }

    #[test]
    fn a_run_that_is_not_over_is_compared_anew_and_says_so() {
        let (left, right) = two();
        let mut runs = Runs::default();
        runs.kept.extend([left.clone(), numbered(4, record(cell()))]);
        let mut compare = Compare::new(&runs.kept[0], &runs.kept[1]);
        assert!(screen(&compare, 80, 24)[0].contains("compared with #4, which is not over"));
        assert!(inner(&compare, 80, 24).iter().any(|row| row.contains("? not yet")));
        runs.kept[1] = right.clone();
        compare.refresh(&runs);
        assert_eq!(inner(&compare, 80, 24), inner(&Compare::new(&left, &right), 80, 24));
        runs.kept.clear();
        compare.refresh(&runs);
        assert!(!inner(&compare, 80, 24).is_empty(), "what was compared stays though the runs are gone");
    }

    #[test]
    fn thousands_of_differences_are_scrolled_from_end_to_end() {
        let mut flood = ended(Outcome::Exited(0));
        for id in 0..4100 {
            denial(&mut flood, id, "openat", &[&format!("\"/{id}\"")], 1);
        }
        let mut compare = Compare::new(&record(ended(Outcome::Exited(0))), &record(flood));
        let area = Rect { x: 0, y: 0, width: 80, height: 24 };
        compare.command(Command::Bottom, area);
        let end = inner(&compare, 80, 24);
        assert!(
            screen(&compare, 80, 24)[23].ends_with("═ from line 4,085 of 4,106 ╝"),
            "{:?}",
            screen(&compare, 80, 24)[23]
        );
        assert_eq!(end.len(), 22);
        assert_eq!(end.last().unwrap(), " = 10 figures the same");
        compare.command(Command::Down, area);
        assert_eq!(inner(&compare, 80, 24), end);
        compare.command(Command::Up, area);
        assert_ne!(inner(&compare, 80, 24), end);
        compare.command(Command::Top, area);
        compare.command(Command::PageDown, area);
        assert!(inner(&compare, 80, 24)[0].contains("openat(\"/18\")"), "{:?}", inner(&compare, 80, 24)[0]);
        compare.scroll(i32::MIN, area);
        assert!(inner(&compare, 80, 24)[0].starts_with("Run "));
        compare.scroll(i32::MAX, area);
        assert_eq!(inner(&compare, 80, 24), end);
    }

    #[test]
    fn long_and_wide_texts_are_broken_within_their_columns_and_bounded() {
        let mut left = ended(Outcome::NotStarted("reason ".repeat(2000)));
        denial(&mut left, 0, "openat", &["日本語".repeat(2000).as_str()], 1);
        denial(&mut left, 1, "openat", &["x".repeat(120).as_str()], 1);
        let compare = Compare::new(&record(left), &record(ended(Outcome::Exited(0))));
        for width in 60..100 {
            let rows = screen(&compare, width, 40);
            for row in &rows {
                assert_eq!(crate::tui::cells::width(row), usize::from(width), "{row}");
                assert!(row.ends_with(['║', '╗', '╝']), "{row}");
            }
            let wide = rows.iter().filter(|row| row.contains('日')).count();
            assert_eq!(wide, TALLEST, "{rows:#?}");
            let whole: usize = rows.iter().map(|row| row.matches('x').count()).sum();
            assert!(whole >= 120, "a call of some lines is whole");
        }
    }

    #[test]
    fn no_screen_is_too_small() {
        let (left, right) = two();
        let mut compare = Compare::new(&left, &right);
        for width in 1..40 {
            for height in [1, 2, 3, 5] {
                let area = Rect { x: 0, y: 0, width, height };
                compare.command(Command::Bottom, area);
                compare.command(Command::PageUp, area);
                screen(&compare, width, height);
            }
        }
        let view = view(&compare, Rect::ZERO);
        drawn(5, 5, |frame| render(frame, Rect::ZERO, &view, &theme()));
    }
}
