//! The rows of the list: which refusals there are, which of them the filter lets through, and in which order.

use std::collections::HashMap;
use std::time::Duration;

use crate::policy::{Bytes, Layer};
use crate::run::words::{grouped, moment};
use crate::run::{Denial, DenialId, LimitKind, LimitTotal, Refusal, Summary};
use crate::tui::state::{RunId, RunRecord};

/// Which refusal; its counts may change and it stays the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Selected {
    /// A refused call.
    Denial(DenialId),
    /// A limit that was met.
    Limit(LimitKind),
}

/// One refusal of a run.
#[derive(Clone, Copy, Debug)]
pub enum Row<'a> {
    /// A refused call.
    Denial(&'a Denial),
    /// A limit that was met.
    Limit(&'a LimitTotal),
}

impl<'a> Row<'a> {
    /// Which it is.
    pub fn id(self) -> Selected {
        match self {
            Self::Denial(denial) => Selected::Denial(denial.id),
            Self::Limit(total) => Selected::Limit(total.kind),
        }
    }

    /// When it was first refused.
    pub fn first(self) -> Duration {
        match self {
            Self::Denial(denial) => denial.first,
            Self::Limit(total) => total.first,
        }
    }

    /// The layer that refused.
    pub fn layer(self) -> Layer {
        match self {
            Self::Denial(denial) => denial.layer,
            Self::Limit(total) => total.kind.layer(),
        }
    }

    /// The call, or what the limit did.
    pub fn name(self) -> &'a str {
        match self {
            Self::Denial(denial) => &denial.syscall,
            Self::Limit(total) => total.kind.what(),
        }
    }

    /// How often.
    pub fn count(self) -> u64 {
        match self {
            Self::Denial(denial) => denial.count,
            // What is counted there is bytes, of one cut.
            Self::Limit(LimitTotal { kind: LimitKind::OutputCut(_), .. }) => 1,
            Self::Limit(total) => total.count,
        }
    }

    /// How it was answered, or what came of it: `= EPERM`, `killed`, `by 4 KiB`; empty where the name says it all.
    pub fn answer(self) -> String {
        match self {
            Self::Denial(Denial { refusal: refusal @ Refusal::Errno(_), .. }) => format!("= {refusal}"),
            Self::Denial(denial) => denial.refusal.to_string(),
            Self::Limit(LimitTotal { kind: LimitKind::OutputCut(_), count, .. }) => format!("by {}", Bytes(*count)),
            Self::Limit(_) => String::new(),
        }
    }

    /// Whether it ended something.
    pub fn kills(self) -> bool {
        match self {
            Self::Denial(denial) => denial.refusal == Refusal::Kill,
            Self::Limit(total) => matches!(total.kind, LimitKind::OomKill | LimitKind::Deadline),
        }
    }

    /// The process, name and id; empty where it is no one process's.
    pub fn process(self) -> String {
        match self {
            Self::Denial(Denial { comm, pid, .. }) if *pid != 0 => format!("{comm} {pid}"),
            Self::Denial(_) | Self::Limit(_) => String::new(),
        }
    }

    /// The specimen's line that made the call: `L12`; empty where it is not known.
    pub fn line(self) -> String {
        match self {
            Self::Denial(denial) => denial.line().map_or_else(String::new, |line| format!("L{line}")),
            Self::Limit(_) => String::new(),
        }
    }

    /// All of it, on one line.
    pub fn text(self) -> String {
        let args = match self {
            Self::Denial(denial) => format!("({})", denial.args.join(", ")),
            Self::Limit(_) => String::new(),
        };
        let mut text = format!("{:>9}  {:8} {}{args}", moment(self.first()), self.layer(), self.name());
        let count = if self.count() > 1 { format!("×{}", grouped(self.count())) } else { String::new() };
        for part in [self.answer(), count, self.line(), self.process()].iter().filter(|part| !part.is_empty()) {
            text.push(' ');
            text.push_str(part);
        }
        text
    }

    /// Whether a text, in lower case, stands in one of its parts, in whatever case.
    fn has(self, word: &str) -> bool {
        let named = contains(self.layer().name(), word) || contains(self.name(), word);
        named
            || match self {
                Self::Denial(denial) => {
                    denial.args.iter().any(|arg| contains(arg, word))
                        || contains(&denial.refusal.to_string(), word)
                        || contains(&denial.comm, word)
                        || contains(&self.line(), word)
                        || contains(&denial.pid.to_string(), word)
                }
                Self::Limit(_) => false,
            }
    }
}

/// Whether a text has a word, which is in lower case; the text's case does not matter.
fn contains(text: &str, word: &str) -> bool {
    if !word.is_ascii() {
        return text.to_lowercase().contains(word);
    }
    let (text, word) = (text.as_bytes(), word.as_bytes());
    let Some((first, rest)) = word.split_first() else { return true };
    let starts = text.len().saturating_sub(rest.len());
    text[..starts].iter().enumerate().any(|(at, byte)| {
        byte.to_ascii_lowercase() == *first && text[at + 1..at + word.len()].eq_ignore_ascii_case(rest)
    })
}

/// Words of which each must match, or, with `!` in front, must not.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    text: String,
    wanted: Vec<String>,
    unwanted: Vec<String>,
    /// Which denials of a run it lets through, as far as is known: only their counts change.
    known: HashMap<DenialId, bool>,
    known_of: RunId,
}

impl Filter {
    /// Reads what was typed.
    pub fn new(text: String) -> Self {
        let words = || text.split_whitespace().map(str::to_lowercase);
        let wanted = words().filter(|word| !word.starts_with('!')).collect();
        let unwanted = words()
            .filter_map(|word| word.strip_prefix('!').map(str::to_owned))
            // A `!` that waits for its word must not hide everything.
            .filter(|word| !word.is_empty())
            .collect();
        Self { text, wanted, unwanted, ..Self::default() }
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it lets everything through.
    pub fn is_open(&self) -> bool {
        self.wanted.is_empty() && self.unwanted.is_empty()
    }

    /// Remembers which denials of a run it lets through.
    pub fn learn(&mut self, run: &RunRecord) {
        if self.known_of != run.id {
            self.known.clear();
            self.known_of = run.id;
        }
        if self.is_open() {
            return;
        }
        for denial in run.log.summary.denials.values() {
            if !self.known.contains_key(&denial.id) {
                let passes = self.matches(Row::Denial(denial));
                self.known.insert(denial.id, passes);
            }
        }
    }

    /// Whether it lets a row of a run through.
    pub fn passes(&self, run: RunId, row: Row<'_>) -> bool {
        let known = || match row {
            Row::Denial(denial) if run == self.known_of => self.known.get(&denial.id).copied(),
            Row::Denial(_) | Row::Limit(_) => None,
        };
        self.is_open() || known().unwrap_or_else(|| self.matches(row))
    }

    fn matches(&self, row: Row<'_>) -> bool {
        self.wanted.iter().all(|word| row.has(word)) && !self.unwanted.iter().any(|word| row.has(word))
    }
}

/// The order of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The newest last.
    #[default]
    Time,
    /// The most frequent first.
    Count,
    /// By the call's name.
    Call,
}

impl Sort {
    /// The order that comes after it.
    pub const fn next(self) -> Self {
        match self {
            Self::Time => Self::Count,
            Self::Count => Self::Call,
            Self::Call => Self::Time,
        }
    }

    /// Its words in the pane's title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Time => "by time",
            Self::Count => "by count",
            Self::Call => "by call",
        }
    }
}

/// How many rows there are without a filter.
pub fn count(summary: &Summary) -> u64 {
    (summary.denials.len() + summary.limits.len()) as u64
}

/// The rows of a run that a filter lets through, in order.
pub fn listed<'a>(run: &'a RunRecord, filter: &Filter, sort: Sort) -> Vec<Row<'a>> {
    let summary = &run.log.summary;
    let all = summary.denials.values().map(Row::Denial).chain(summary.limits.iter().map(Row::Limit));
    let mut rows: Vec<_> = all.filter(|row| filter.passes(run.id, *row)).collect();
    // Each sort is stable, and what comes in is almost in time's order.
    rows.sort_by_key(|row| row.first());
    match sort {
        Sort::Time => {}
        Sort::Count => rows.sort_by_key(|row| std::cmp::Reverse(row.count())),
        Sort::Call => rows.sort_by_key(|row| row.name()),
    }
    rows
}
