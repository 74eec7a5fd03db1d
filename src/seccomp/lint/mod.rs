//! What is wrong with a profile that reads well: holes, rules that mean nothing, and calls that no program does without.
//!
//! `calls.rs` is a table of calls and what to say where they are allowed or refused; `rules.rs` looks at rules and at
//! the profile as a whole.

mod calls;
mod rules;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use super::arch::Arch;
use super::profile::Profile;
use super::starting::lacking;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// A way past the profile's purpose, which may be wanted.
    Warning,
    /// The profile does not do what it says, or no program runs under it.
    Error,
}

impl Severity {
    /// A word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The rules to blame by their places in [`Profile::rules`], where there are some.
    pub rules: Vec<usize>,
    /// The calls that it is about; none where it is about the whole profile.
    pub calls: Vec<String>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

impl Finding {
    fn new(severity: Severity, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity, rules: Vec::new(), calls: Vec::new(), message: message.into(), remedy: remedy.into() }
    }

    fn of_rule(self, at: usize) -> Self {
        Self { rules: vec![at], ..self }
    }

    fn of_calls<S: Into<String>>(self, calls: impl IntoIterator<Item = S>) -> Self {
        Self { calls: calls.into_iter().map(Into::into).collect(), ..self }
    }

    /// As one JSON object; rules are counted from 1.
    pub fn to_json(&self) -> Value {
        json!({
            "severity": self.severity.word(),
            "rules": self.rules.iter().map(|at| at + 1).collect::<Vec<_>>(),
            "calls": self.calls,
            "message": self.message,
            "remedy": self.remedy,
        })
    }
}

/// What an engine's own start misses, where it applies the profile itself.
fn starting(profile: &Profile) -> Option<Finding> {
    let refused: Vec<&str> = lacking(profile, true).into_iter().map(|needed| needed.call).collect();
    let message = format!("an engine with runc may not start a program under it: it refuses {}", refused.join(" "));
    let remedy = "allow them for --native and docker run; hotcell seccomp prove tells what each is for";
    (!refused.is_empty()).then(|| Finding::new(Severity::Note, message, remedy))
}

/// Everything that is wrong with a profile on a kernel of architecture `host`, the worst first.
pub fn lint(profile: &Profile, host: Arch) -> Vec<Finding> {
    let mut findings = calls::findings(profile);
    for found in rules::findings(profile, host) {
        // One thing about many rules for a call is told once.
        let same = |known: &&mut Finding| known.message == found.message && known.calls == found.calls;
        match findings.iter_mut().find(same) {
            Some(known) => known.rules.extend(found.rules),
            None => findings.push(found),
        }
    }
    findings.extend(starting(profile));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}
