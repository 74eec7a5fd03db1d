//! `hotcell seccomp lint` and `minimize`: what is wrong with a profile, and a new one from a log.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::super::layout::{self, BAD, BOLD, CARE, DIM, GOOD, fill};
use super::super::{CliError, Format, text};
use super::{Conditions, Library, ShapeArgs, show};
use crate::files;
use crate::policy::Bytes;
use crate::run::to_pretty;
use crate::seccomp::import::{Import, audit, strace};
use crate::seccomp::{self, Finding, Profile, Severity};
use crate::text::visible;

/// The most that is read of a log.
const LONGEST_LOG: Bytes = Bytes::mib(256);

/// Bad lines that are named; the rest are counted.
const MOST_NAMED: usize = 10;

/// Arguments of `hotcell seccomp lint`.
#[derive(Args, Debug)]
pub struct LintArgs {
    /// A profile, by name or path
    profile: String,
    /// text for people, json for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    pub conditions: Conditions,
}

/// Arguments of `hotcell seccomp minimize`.
#[derive(Args, Debug)]
#[command(after_help = MINIMIZE_EXAMPLES)]
pub struct MinimizeArgs {
    /// What wrote the logs
    #[arg(long, value_enum)]
    from: Source,
    /// Logs
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The profile's name
    #[arg(long, default_value = "minimal")]
    name: String,
    #[command(flatten)]
    shape: ShapeArgs,
    /// text for people, json for the OCI form that engines take
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    pub conditions: Conditions,
}

const MINIMIZE_EXAMPLES: &str = "A log shows what a program did, not what it may do: log its tests and its errors too.
Arguments become conditions where the log has them as numbers: strace -X raw, audit's SYSCALL.
An engine that applies the profile itself (--native, docker run) starts the program with calls of its
own under the filter, which no log of the program shows: these few are added (--starting).

Examples:
  strace -f -X raw -o log python3 x.py
  hotcell seccomp minimize --from strace --format json log > mine.json
  hotcell seccomp minimize --from audit /var/log/audit/audit.log";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Source {
    /// strace -f -o FILE
    Strace,
    /// The audit daemon's SECCOMP and SYSCALL records
    Audit,
}

/// Tells what is wrong with a profile; 1 where something is an error.
///
/// # Errors
/// When the profile cannot be read.
pub fn lint(library: &Library, arguments: &LintArgs) -> Result<u8, CliError> {
    let profile = library.profile(&arguments.profile)?;
    let findings = seccomp::lint(&profile, library.host.arch);
    let errors = findings.iter().any(|finding| finding.severity == Severity::Error);
    layout::print(&match arguments.format {
        Format::Text => lint_text(&profile, &findings),
        Format::Json => {
            let all: Vec<_> = findings.iter().map(Finding::to_json).collect();
            to_pretty(&json!({ "profile": profile.name, "good": !errors, "findings": all })) + "\n"
        }
    })?;
    Ok(u8::from(errors))
}

fn lint_text(profile: &Profile, findings: &[Finding]) -> String {
    let name = format!("{BOLD}{}{BOLD:#}\n", visible(profile.name.as_bytes()));
    if findings.is_empty() {
        return format!("{name}  {GOOD}nothing to say{GOOD:#}\n");
    }
    let all: String = findings.iter().map(finding_text).collect();
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings, notes) = (count(Severity::Error), count(Severity::Warning), count(Severity::Note));
    format!("{name}{all}\nerrors {errors}, warnings {warnings}, notes {notes}\n")
}

fn finding_text(finding: &Finding) -> String {
    let style = match finding.severity {
        Severity::Error => BAD,
        Severity::Warning => CARE,
        Severity::Note => DIM,
    };
    let rules = finding.rules.chunk_by(|one, next| one + 1 == *next).map(|run| match run {
        [first, .., last] => format!("{}–{}", first + 1, last + 1),
        run => run.iter().map(|at| (at + 1).to_string()).collect(),
    });
    let rules: Vec<String> = rules.collect();
    let word = if finding.rules.len() > 1 { "rules" } else { "rule" };
    let rule = (!rules.is_empty()).then(|| format!("{word} {}", rules.join(" ")));
    let calls = (!finding.calls.is_empty()).then(|| finding.calls.join(" "));
    let place: Vec<String> = rule.into_iter().chain(calls).collect();
    let place = if place.is_empty() { "the profile".to_owned() } else { place.join(", ") };
    let word = finding.severity.word();
    let place = fill(&place, word.len() + 1, 4);
    let (message, remedy) = (fill(&finding.message, 4, 4), fill(&finding.remedy, 6, 6));
    format!("\n{style}{word}{style:#} {place}\n    {message}\n    {DIM}→ {remedy}{DIM:#}\n")
}

/// Makes a profile from logs.
///
/// # Errors
/// When a log cannot be read or has no call.
pub fn minimize(library: &Library, arguments: &MinimizeArgs) -> Result<u8, CliError> {
    let mut uses = Vec::new();
    for path in &arguments.files {
        let name = visible(path.as_os_str().as_encoded_bytes());
        let log = read_log(path, &name)?;
        let import = match arguments.from {
            Source::Strace => strace(&name, &log),
            Source::Audit => audit(&name, &log),
        };
        tell_bad(&name, &import);
        uses.extend(import.uses);
    }
    if uses.is_empty() {
        let said = "the logs tell no call: is --from right, and was strace told to write to a file (-o)?";
        return Err(CliError::Said(said.to_owned()));
    }
    let loading = [("what a program does first", seccomp::LOADING.as_slice())];
    let profile = arguments.shape.profile(&arguments.name, &uses, &library.policy, &loading);
    show::tell(library, &profile, arguments.format)
}

fn read_log(path: &Path, name: &str) -> Result<String, CliError> {
    let bytes = files::read(path, LONGEST_LOG);
    let bytes =
        bytes.map_err(|error| CliError::Said(format!("reading the log {name}: {error}: name a readable file")))?;
    // A specimen's strings may hold any bytes; calls are ASCII.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn tell_bad(name: &str, import: &Import) {
    for bad in import.bad.iter().take(MOST_NAMED) {
        text::warn(&format!("{name}:{}: {}: the line is left out", bad.line, bad.why));
    }
    let more = import.bad_lines.saturating_sub(MOST_NAMED);
    if more > 0 {
        text::warn(&format!("{name}: {more} more lines are left out"));
    }
}
