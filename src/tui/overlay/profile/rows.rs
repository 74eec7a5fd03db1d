//! The list of calls, by purpose.

use crate::seccomp::{About, Purpose, about, calls_for};
use crate::tui::state::State;

/// A row of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row<'a> {
    /// The heading of a purpose.
    Purpose(Purpose),
    /// The heading of names that this machine does not have.
    Others,
    /// A call.
    Call(&'a str),
}

/// The rows that the search lets through. Headings stand where something is under them.
pub fn listed(state: &State) -> Vec<Row<'_>> {
    let words: Vec<String> = state.profile.search.text().split_whitespace().map(str::to_lowercase).collect();
    let mut rows = Vec::new();
    for purpose in Purpose::ALL {
        let calls = calls_for(purpose).iter().copied().filter(|call| matches(call, &words));
        under(&mut rows, Row::Purpose(purpose), calls);
    }
    let profile = state.tuning.of(&state.bench.policy).map(|working| working.space.current());
    let names = profile.into_iter().flat_map(|profile| &profile.rules).flat_map(|rule| &rule.names);
    let mut others: Vec<&str> =
        names.map(String::as_str).filter(|name| !is_listed(name) && matches(name, &words)).collect();
    others.sort_unstable();
    others.dedup();
    under(&mut rows, Row::Others, others.into_iter());
    rows
}

fn under<'a>(rows: &mut Vec<Row<'a>>, heading: Row<'a>, calls: impl Iterator<Item = &'a str>) {
    let before = rows.len();
    rows.push(heading);
    rows.extend(calls.map(Row::Call));
    if rows.len() == before + 1 {
        rows.truncate(before);
    }
}

fn is_listed(name: &str) -> bool {
    about(name).is_some_and(|about| calls_for(about.purpose).contains(&name))
}

/// Whether each word is in the call's name, its purpose, its sentence or its risk.
fn matches(call: &str, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let told = about(call).map_or_else(String::new, told);
    words.iter().all(|word| call.contains(word.as_str()) || told.contains(word.as_str()))
}

fn told(about: &About) -> String {
    format!("{} {} risk {}", about.purpose.title(), about.does, about.risk.word()).to_lowercase()
}
