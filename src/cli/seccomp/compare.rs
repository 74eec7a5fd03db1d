//! `hotcell seccomp diff`, `merge`, `intersect` and `subtract`: two profiles.

use clap::Args;

use super::super::layout::{self, BOLD, CARE, DIM, GOOD, fill};
use super::super::{CliError, Format, text};
use super::{Conditions, Library, show, words};
use crate::run::to_pretty;
use crate::seccomp::{self, Change, Combined, Diff};
use crate::text::visible;

/// Arguments of `hotcell seccomp diff`.
#[derive(Args, Debug)]
#[command(after_help = DIFF_EXAMPLES)]
pub struct DiffArgs {
    /// A profile, by name or path
    before: String,
    /// Another one
    after: String,
    /// text for people, json for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    pub conditions: Conditions,
}

const DIFF_EXAMPLES: &str = "Examples:
  hotcell seccomp diff docker-default python
  hotcell seccomp diff --format json old.json new.json";

/// Arguments of `hotcell seccomp merge`, `intersect` and `subtract`.
#[derive(Args, Debug)]
#[command(after_help = COMBINE_NOTES)]
pub struct CombineArgs {
    /// A profile, by name or path
    a: String,
    /// Another one
    b: String,
    /// text for people, json for the OCI form that engines take
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    pub conditions: Conditions,
}

const COMBINE_NOTES: &str =
    "Conditions on arguments are kept exactly: alternatives become rules of their own, conditions that
must both hold become one, by comparisons under a mask where there is no other way. What no rules
can say is an error that names the call; nothing is made wider or narrower to fit.

Example:
  hotcell seccomp merge --format json python mine.json > both.json";

/// Tells what differs.
///
/// # Errors
/// When a profile cannot be read.
pub fn diff(library: &Library, arguments: &DiffArgs) -> Result<u8, CliError> {
    let (before, after) = (library.profile(&arguments.before)?, library.profile(&arguments.after)?);
    let diff = seccomp::diff(&before, &after);
    layout::print(&match arguments.format {
        Format::Text => diff_text(&before.name, &after.name, &diff),
        Format::Json => to_pretty(&diff.to_json()) + "\n",
    })?;
    Ok(0)
}

/// Makes one profile of two.
///
/// # Errors
/// When a profile cannot be read, or the result cannot be written as one.
pub fn combine(library: &Library, how: Combined, arguments: &CombineArgs) -> Result<u8, CliError> {
    let (a, b) = (library.profile(&arguments.a)?, library.profile(&arguments.b)?);
    let both = seccomp::combine(how, &a, &b, library.host.arch).map_err(|error| CliError::Said(error.to_string()))?;
    if arguments.format == Format::Json {
        both.warnings.iter().for_each(|warning| text::warn(&warning.message));
    }
    show::tell(library, &both, arguments.format)
}

/// What a change lets happen, as one word.
fn effect(change: &Change) -> &'static str {
    match (change.opens, change.closes) {
        (true, true) => "moves",
        (true, false) => "opens",
        (false, true) => "closes",
        (false, false) => "alters",
    }
}

fn diff_text(before: &str, after: &str, diff: &Diff) -> String {
    let name = |name: &str| visible(name.as_bytes());
    let mut text = format!("{BOLD}{} → {}{BOLD:#}\n", name(before), name(after));
    if diff.is_empty() {
        return text + "  the two do the same\n";
    }
    let default = diff.default_action.map(|(before, after)| {
        format!("  default: {} → {}, for calls not named below\n", words::meaning(before), words::meaning(after))
    });
    text += &default.unwrap_or_default();
    let arches = |list: &[seccomp::Arch]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    text += &lists("architectures", &arches(&diff.architectures.0), &arches(&diff.architectures.1));
    text += &lists("flags", &diff.flags.0, &diff.flags.1);
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for change in &diff.changes {
        let word = effect(change);
        let style = match word {
            "opens" => CARE,
            "closes" => GOOD,
            _ => DIM,
        };
        let moves = format!("{} → {}", words::says(&change.before), words::says(&change.after));
        let heading = format!("{style}{word}{style:#}: {}", fill(&moves, word.len() + 2, 4));
        match groups.iter_mut().find(|(known, _)| *known == heading) {
            Some((_, calls)) => calls.push(&change.call),
            None => groups.push((heading, vec![&change.call])),
        }
    }
    let group = |(heading, calls): (String, Vec<&str>)| format!("\n{heading}\n    {}\n", fill(&calls.join(" "), 4, 4));
    text.extend(groups.into_iter().map(group));
    text
}

fn lists(what: &str, removed: &[String], added: &[String]) -> String {
    let line = |word: &str, list: &[String]| match list {
        [] => String::new(),
        list => format!("  {what} {word}: {}\n", list.join(", ")),
    };
    line("removed", removed) + &line("added", added)
}
