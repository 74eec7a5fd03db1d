//! What the listener saw of calls before they were made or refused, for whoever sees how they end.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::judge::Judge;
use crate::kernel::procfs::Mount;
use crate::run::attribution::{Peer, Place, Use, Want};
use crate::run::{Refusal, Source};
use crate::seccomp::decode::Call;
use crate::seccomp::{Program, SeccompData};

/// Calls of one thread that are remembered, and threads that are.
const MOST_CALLS: usize = 32;
const MOST_THREADS: usize = 1024;

/// A call that was let pass, as it was while its caller stood in it.
#[derive(Clone)]
pub struct Attempt {
    /// The call.
    pub call: Call,
    /// What it asks for.
    pub wants: Vec<(Want, Option<Place>)>,
    /// Whom it wants to speak to.
    pub peer: Peer,
    /// The caller's name.
    pub comm: String,
    /// Where it was made; `None` where that was not looked up.
    pub source: Option<Source>,
}

/// What became of a call at the filter.
pub enum Seen {
    /// It was refused; noted where that is not what the filter says.
    Refused,
    /// It went on.
    Passed(Box<Attempt>),
}

/// The calls of a run's threads, in order.
pub struct Attempts(Mutex<State>);

struct State {
    calls: HashMap<u32, VecDeque<(SeccompData, Seen)>>,
    /// The mounts on which a process opened files to write.
    written: HashMap<u32, Vec<Mount>>,
    /// The policy's own filter, where there is one.
    judge: Option<Judge>,
}

impl Attempts {
    /// None yet, under this filter.
    pub fn new(profile: Option<Program>) -> Self {
        Self(Mutex::new(State { calls: HashMap::new(), written: HashMap::new(), judge: profile.map(Judge::new) }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What a thread that panicked has left is a list all the same.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on another filter is in force.
    pub fn judge_by(&self, profile: Program) {
        self.state().judge = Some(Judge::new(profile));
    }

    /// To be told before the call is answered.
    pub fn note(&self, tid: u32, data: SeccompData, seen: Seen) {
        let calls = &mut self.state().calls;
        if calls.len() >= MOST_THREADS && !calls.contains_key(&tid) {
            calls.clear();
        }
        let of_thread = calls.entry(tid).or_default();
        if of_thread.len() >= MOST_CALLS {
            of_thread.pop_front();
        }
        of_thread.push_back((data, seen));
    }

    /// A process opens what it wants to write.
    pub fn note_written(&self, pid: u32, wants: &[(Want, Option<Place>)]) {
        let is_written = |want: &Want| matches!(want, Want::File(_, Use::Write | Use::Make));
        let places = wants.iter().filter(|(want, _)| is_written(want)).filter_map(|(_, place)| place.as_ref());
        for mount in places.filter_map(|place| place.mount.as_ref()) {
            let written = &mut self.state().written;
            if written.len() >= MOST_THREADS {
                written.clear();
            }
            let of_process = written.entry(pid).or_default();
            if !of_process.iter().any(|known| known.id == mount.id) {
                of_process.push(mount.clone());
            }
        }
    }

    /// The only mount on which a process opened files to write.
    pub fn only_written(&self, pid: u32) -> Option<Mount> {
        match self.state().written.get(&pid)?.as_slice() {
            [mount] => Some(mount.clone()),
            _ => None,
        }
    }

    /// What was seen of a call of a thread that has ended with this errno; earlier ones of it are forgotten. One of which
    /// nothing is remembered was refused where the filter refuses such, with that errno.
    pub fn take(&self, tid: u32, ended: &SeccompData, errno: i32) -> Option<Seen> {
        let mut state = self.state();
        if let Some(calls) = state.calls.get_mut(&tid)
            && let Some(at) = calls.iter().position(|(data, _)| data == ended)
        {
            calls.drain(..at);
            return calls.pop_front().map(|(_, seen)| seen);
        }
        let refusal = state.judge.as_mut()?.refusal(ended)?;
        (refusal == Refusal::Errno(errno)).then_some(Seen::Refused)
    }

    /// The last of these calls that a thread made and that went on.
    pub fn take_last(&self, tid: u32, numbers: &[i32]) -> Option<Box<Attempt>> {
        let mut state = self.state();
        let calls = state.calls.get_mut(&tid)?;
        let at = calls.iter().rposition(|(data, _)| numbers.contains(&data.nr))?;
        calls.drain(..at);
        match calls.pop_front()?.1 {
            Seen::Passed(attempt) => Some(attempt),
            Seen::Refused => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::{Action, Arch};

    fn data(nr: i32, first: u64) -> SeccompData {
        SeccompData {
            nr,
            arch: Arch::native().audit_token().unwrap(),
            instruction_pointer: 9,
            args: [first, 0, 0, 0, 0, 0],
        }
    }

    fn passed(name: &str) -> Seen {
        let call = Call { name: name.to_owned(), args: Vec::new() };
        let peer = Peer::Unknown;
        Seen::Passed(Box::new(Attempt { call, wants: Vec::new(), peer, comm: String::new(), source: None }))
    }

    #[test]
    fn a_call_is_found_by_all_that_the_kernel_tells_of_it_and_those_before_it_are_over() {
        let attempts = Attempts::new(None);
        attempts.note(5, data(1, 1), passed("first"));
        attempts.note(5, data(1, 2), passed("second"));
        attempts.note(5, data(1, 3), Seen::Refused);
        assert!(attempts.take(6, &data(1, 2), 13).is_none());
        assert!(matches!(attempts.take(5, &data(1, 2), 13), Some(Seen::Passed(seen)) if seen.call.name == "second"));
        assert!(attempts.take(5, &data(1, 1), 13).is_none());
        assert!(matches!(attempts.take(5, &data(1, 3), 1), Some(Seen::Refused)));
    }

    #[test]
    fn a_refusal_that_is_forgotten_is_the_filters_by_its_errno() {
        let attempts = Attempts::new(Some(Program::always(Action::Errno(1))));
        assert!(matches!(attempts.take(5, &data(1, 1), 1), Some(Seen::Refused)));
        assert!(attempts.take(5, &data(1, 1), 13).is_none());
        attempts.judge_by(Program::always(Action::Allow));
        assert!(attempts.take(5, &data(1, 1), 1).is_none());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let attempts = Attempts::new(None);
        for tid in 0..5000 {
            attempts.note(tid, data(1, 1), Seen::Refused);
        }
        for first in 0..1000 {
            attempts.note(1, data(1, first), Seen::Refused);
        }
        let state = attempts.state();
        assert!(state.calls.len() <= MOST_THREADS && state.calls[&1].len() == MOST_CALLS);
    }
}
