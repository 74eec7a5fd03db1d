//! The calls that a specimen used, where all of them are recorded, and what several runs add up to.

use std::collections::BTreeMap;
use std::time::Duration;

use super::source::Frame;
use super::summary::Summary;
use super::words::counted;
use crate::seccomp::{Arch, Use};

/// Tells one kind of used calls from the others of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UseId(pub u32);

/// A kind of calls that was used: those of one name whose telling arguments are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// Its identity within the run.
    pub id: UseId,
    /// Through which ABI.
    pub arch: Arch,
    /// The call's name.
    pub syscall: String,
    /// Its arguments, those alone of which conditions can be made.
    pub args: [Option<u64>; 6],
    /// How often so far.
    pub count: u64,
    /// The process that made the first one, already safe to show.
    pub comm: String,
    /// The first line of the specimen that was seen to make it.
    pub line: Option<Frame>,
    /// What was executed by it, already safe to show.
    pub programs: Vec<String>,
    /// When first.
    pub first: Duration,
}

/// What the runs of a specimen used, together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    runs: u32,
    tallies: BTreeMap<(String, Arch, [Option<u64>; 6]), Tally>,
}

/// One kind of calls, over several runs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tally {
    /// In how many runs.
    runs: u32,
    count: u64,
    comm: String,
    line: Option<Frame>,
    programs: Vec<String>,
}

impl Learned {
    /// Adds a run.
    pub fn add(&mut self, run: &Summary) {
        self.runs += 1;
        for used in run.used.values() {
            let new = Tally {
                runs: 0,
                count: 0,
                comm: used.comm.clone(),
                line: used.line.clone(),
                programs: used.programs.clone(),
            };
            let tally = self.tallies.entry((used.syscall.clone(), used.arch, used.args)).or_insert(new);
            tally.runs += 1;
            tally.count = tally.count.saturating_add(used.count);
            tally.line = tally.line.take().or_else(|| used.line.clone());
        }
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.tallies.is_empty()
    }

    /// How many runs were added.
    pub fn runs(&self) -> u32 {
        self.runs
    }

    /// Every kind of calls with its reason, as a profile is made of them.
    pub fn uses(&self) -> Vec<Use> {
        let used = |((name, arch, args), tally): (&(String, Arch, [Option<u64>; 6]), &Tally)| Use {
            arch: *arch,
            name: name.clone(),
            args: *args,
            count: tally.count,
            reason: tally.reason(self.runs),
        };
        self.tallies.iter().map(used).collect()
    }
}

impl Tally {
    /// Where it was seen first, and in which runs, where not in all.
    fn reason(&self, runs: u32) -> String {
        let place = match &self.line {
            Some(frame) => format!("line {} in {}", frame.line, frame.function),
            None => format!("by {}", self.comm),
        };
        let programs = match self.programs.as_slice() {
            [] => String::new(),
            programs => format!(", of {}", programs.join(" ")),
        };
        let some = if self.runs == runs {
            String::new()
        } else {
            format!(", in {} of {}", self.runs, counted(runs.into(), "run"))
        };
        format!("first {place}{programs}{some}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(id: u32, syscall: &str, count: u64, line: Option<u32>) -> Used {
        let frame = |line| Frame { file: "/sandbox/a.py".to_owned(), line, function: "f".to_owned() };
        Used {
            id: UseId(id),
            arch: Arch::native(),
            syscall: syscall.to_owned(),
            args: [None; 6],
            count,
            comm: "python3".to_owned(),
            line: line.map(frame),
            programs: Vec::new(),
            first: Duration::ZERO,
        }
    }

    fn run(uses: Vec<Used>) -> Summary {
        Summary { used: uses.into_iter().map(|used| (used.id, used)).collect(), ..Summary::default() }
    }

    #[test]
    fn runs_add_up_and_a_call_that_not_all_made_says_so() {
        let mut learned = Learned::default();
        learned.add(&run(vec![used(0, "read", 3, None), used(1, "futex", 1, None)]));
        learned.add(&run(vec![used(0, "read", 4, Some(7))]));
        let uses: Vec<_> = learned.uses().into_iter().map(|used| (used.name, used.count, used.reason)).collect();
        assert_eq!(
            uses,
            [
                ("futex".to_owned(), 1, "first by python3, in 1 of 2 runs".to_owned()),
                ("read".to_owned(), 7, "first line 7 in f".to_owned()),
            ]
        );
    }
}
