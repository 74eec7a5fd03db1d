//! Answers to refused calls that were written down before the run: `hotcell run --on-denial FILE`.
//!
//! ```json
//! { "answers": [
//!     { "call": "socket", "args": { "0": 1 }, "verdict": "allow" },
//!     { "call": "mount", "line": 12, "verdict": "kill" },
//!     { "call": "connect", "verdict": "deny", "errno": "ECONNREFUSED" }
//! ] }
//! ```
//!
//! The first that matches counts; a call that none matches is answered as the profile says.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::held::{HeldCall, Verdict};
use super::refusal::errno_number;

/// The answers of a file, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers(Vec<Answer>);

/// Why a file of answers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AnswersError {
    /// It is no JSON of that form.
    #[error(
        "not a file of answers: {0}; it is {{\"answers\": [{{\"call\": NAME, \"verdict\": \"allow\", \"deny\" or \"kill\"}}]}}"
    )]
    Form(#[from] serde_json::Error),
    /// An answer is none.
    #[error("answer {number}: {problem}")]
    Answer {
        /// Which, from 1.
        number: usize,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    call: String,
    /// Registers by number, and what they must hold.
    args: BTreeMap<usize, u64>,
    line: Option<u32>,
    verdict: Verdict,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    answers: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    call: String,
    #[serde(default)]
    args: BTreeMap<String, u64>,
    line: Option<u32>,
    verdict: Word,
    errno: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Word {
    Allow,
    Deny,
    Kill,
}

impl Answers {
    /// Reads them.
    ///
    /// # Errors
    /// With the answer that is none, by its number, or the place in the text that is no JSON.
    pub fn parse(text: &str) -> Result<Self, AnswersError> {
        let file: File = serde_json::from_str(text)?;
        let answers = (1..)
            .zip(file.answers)
            .map(|(number, written)| written.read().map_err(|problem| AnswersError::Answer { number, problem }));
        answers.collect::<Result<_, _>>().map(Self)
    }

    /// The same answer to every call.
    pub fn always(verdict: Verdict) -> Self {
        Self(vec![Answer { call: "*".to_owned(), args: BTreeMap::new(), line: None, verdict }])
    }

    /// What is said to a call.
    pub fn verdict(&self, call: &HeldCall) -> Verdict {
        self.0.iter().find(|answer| answer.matches(call)).map_or(Verdict::Deny, |answer| answer.verdict)
    }
}

impl Answer {
    fn matches(&self, call: &HeldCall) -> bool {
        (self.call == "*" || self.call == call.syscall)
            && self.args.iter().all(|(index, value)| call.registers[*index] == *value)
            && self.line.is_none_or(|line| call.source.specimen_line() == Some(line))
    }
}

impl Written {
    fn read(self) -> Result<Answer, String> {
        let register = |name: &String| name.parse().ok().filter(|index| *index < 6);
        let args = self.args.iter().map(|(name, value)| match register(name) {
            Some(index) => Ok((index, *value)),
            None => Err(format!("`{name}` is no argument: they are 0 to 5")),
        });
        let verdict = match (self.verdict, &self.errno) {
            (Word::Deny, Some(name)) => Verdict::DenyWith(
                errno_number(name)
                    .ok_or_else(|| format!("`{name}` is no errno that is known: EPERM, EACCES and others are"))?,
            ),
            (Word::Deny, None) => Verdict::Deny,
            (_, Some(_)) => return Err("`errno` goes with the verdict `deny` alone".to_owned()),
            (Word::Allow, None) => Verdict::Allow,
            (Word::Kill, None) => Verdict::Kill,
        };
        Ok(Answer { args: args.collect::<Result<_, _>>()?, call: self.call, line: self.line, verdict })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{HeldId, Refusal, Source};

    fn call(syscall: &str, first: u64) -> HeldCall {
        HeldCall {
            id: HeldId(1),
            syscall: syscall.to_owned(),
            args: Vec::new(),
            registers: [first, 0, 0, 0, 0, 0],
            refusal: Refusal::Errno(libc::EPERM),
            processes: Vec::new(),
            source: Source::unknown(""),
        }
    }

    #[test]
    fn the_first_answer_that_matches_counts_and_else_the_profile_does() {
        let text = r#"{ "answers": [
            { "call": "socket", "args": { "0": 1 }, "verdict": "allow" },
            { "call": "socket", "verdict": "deny", "errno": "EAFNOSUPPORT" },
            { "call": "mount", "line": 3, "verdict": "kill" }
        ] }"#;
        let answers = Answers::parse(text).unwrap();
        assert_eq!(answers.verdict(&call("socket", 1)), Verdict::Allow);
        assert_eq!(answers.verdict(&call("socket", 2)), Verdict::DenyWith(libc::EAFNOSUPPORT));
        assert_eq!(answers.verdict(&call("mount", 0)), Verdict::Deny, "the line is not known");
        assert_eq!(answers.verdict(&call("bind", 0)), Verdict::Deny);
        assert_eq!(Answers::always(Verdict::Kill).verdict(&call("bind", 0)), Verdict::Kill);
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let said = |text: &str| Answers::parse(text).unwrap_err().to_string();
        assert!(said("[]").contains("not a file of answers"));
        let one = |answer: &str| said(&format!(r#"{{ "answers": [{answer}] }}"#));
        assert!(one(r#"{ "call": "x", "verdict": "shrug" }"#).contains("`shrug`"));
        assert!(
            one(r#"{ "call": "x", "verdict": "deny", "errno": "EWHAT" }"#).contains("answer 1: `EWHAT` is no errno")
        );
        assert!(one(r#"{ "call": "x", "verdict": "allow", "args": { "6": 1 } }"#).contains("`6` is no argument"));
        assert!(one(r#"{ "call": "x", "verdict": "allow", "errno": "EPERM" }"#).contains("`deny` alone"));
    }
}
