//! Calls that are held for the reviewer to decide.

use std::collections::BTreeSet;

use super::refusal::Refusal;
use super::source::Source;
use crate::seccomp::{Purpose, about};

/// Tells one held call from the others of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HeldId(pub u64);

/// A process and its name, already safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number, in the workbench's pid namespace.
    pub pid: u32,
    /// Its name.
    pub comm: String,
}

/// A call that the profile refuses and that waits in the kernel for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldCall {
    /// Its identity within the run.
    pub id: HeldId,
    /// The call's name; `syscall_N` where no table knows it.
    pub syscall: String,
    /// Its arguments, decoded; already safe to show.
    pub args: Vec<String>,
    /// The same as the kernel has them: these cannot change any more, unlike what they point to.
    pub registers: [u64; 6],
    /// What the profile answers.
    pub refusal: Refusal,
    /// The calling process, then its parent, up to the cell's first.
    pub processes: Vec<Process>,
    /// Where it came from.
    pub source: Source,
}

/// What the reviewer says to one held call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// What the profile answers.
    Deny,
    /// It fails with another errno.
    DenyWith(i32),
    /// The process is killed.
    Kill,
    /// It goes on as if there were no filter. The kernel reads what pointers lead to again: `seccomp_unotify(2)`.
    Allow,
}

/// What became of a held call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It was refused, so.
    Refused(Refusal),
    /// It went on.
    Allowed,
    /// Its process ended, or a signal took it out of the call.
    Gone,
}

/// Which refused calls are held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breakpoints {
    /// Whether any is.
    pub on: bool,
    /// Only these calls and those of `groups`; all, where there are none of either.
    pub calls: BTreeSet<String>,
    /// Only the calls for these purposes and those in `calls`.
    pub groups: BTreeSet<Purpose>,
    /// Only those from these lines of the specimen; from anywhere, where there are none.
    pub lines: BTreeSet<u32>,
    /// Never these calls.
    pub except: BTreeSet<String>,
    /// At most so many a second, for a person answers; any number, where none is given.
    pub a_second: Option<usize>,
}

impl Breakpoints {
    /// Every refused call, for a program that answers at once.
    pub fn all() -> Self {
        Self { on: true, ..Self::default() }
    }

    /// Every refused call, as fast as a person may be asked: a flood of calls must not become one of questions.
    pub fn for_a_person() -> Self {
        Self { a_second: Some(32), ..Self::all() }
    }

    /// Whether a call by this name may be held, wherever it comes from.
    pub fn may_hold(&self, call: &str) -> bool {
        let named =
            || self.calls.contains(call) || about(call).is_some_and(|about| self.groups.contains(&about.purpose));
        let any = self.calls.is_empty() && self.groups.is_empty();
        self.on && !self.except.contains(call) && (any || named())
    }

    /// Whether a call from this line is held, where its name may be.
    pub fn hold_from(&self, line: Option<u32>) -> bool {
        self.lines.is_empty() || line.is_some_and(|line| self.lines.contains(&line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breakpoint_holds_by_name_and_line_and_never_what_is_excepted() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        assert!(!Breakpoints::default().may_hold("socket"));
        assert!(Breakpoints::all().may_hold("socket") && Breakpoints::all().hold_from(None));
        let some = Breakpoints {
            calls: names(&["socket", "connect"]),
            except: names(&["connect"]),
            lines: BTreeSet::from([4]),
            ..Breakpoints::all()
        };
        assert!(some.may_hold("socket") && !some.may_hold("connect") && !some.may_hold("bind"));
        let network = Breakpoints { groups: BTreeSet::from([Purpose::Network]), ..some.clone() };
        assert!(network.may_hold("bind") && network.may_hold("socket") && !network.may_hold("openat"));
        let network = Breakpoints { calls: BTreeSet::new(), ..network };
        assert!(network.may_hold("bind") && !network.may_hold("connect") && !network.may_hold("no_such_call"));
        assert!(some.hold_from(Some(4)) && !some.hold_from(Some(5)) && !some.hold_from(None));
    }
}
