//! What is written down of calls whatever becomes of them: all of them, to learn what a specimen uses, or those that a
//! candidate for its profile would refuse. The listener's own; nothing here changes an answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::denials::{Caller, Denials, Refused};
use super::ffi::{Notification, NotifyFd};
use super::judge::{Judge, Names};
use super::stacks::Stacks;
use super::untold::Untold;
use crate::kernel::procfs;
use crate::plan::Watch;
use crate::policy::Layer;
use crate::run::{EventKind, Known, UseId, Used};
use crate::seccomp::{Arch, telling};

/// Kinds of arguments of one call that are kept apart; those beyond are one kind, whose arguments are not known.
const MOST_KINDS: usize = 64;

/// Readings of the line of one kind; the first that finds a line of the specimen is the last.
const MOST_READINGS: u32 = 8;

/// Programs that are named.
const MOST_PROGRAMS: usize = 8;

/// What is watched.
pub(super) enum Watching {
    /// Refusals alone, which the listener tells.
    Refusals,
    /// Every call.
    Uses(Box<Uses>),
    /// What another profile would refuse.
    Candidate(Box<Candidate>),
}

/// What is at hand while a call is held.
pub(super) struct Notified<'a> {
    pub notify: &'a NotifyFd,
    pub notification: &'a Notification,
    pub names: &'a mut Names,
    pub stacks: &'a mut Stacks,
    /// The caller's process.
    pub pid: u32,
    /// The run's time.
    pub at: Duration,
}

impl Watching {
    /// As the plan wants it; `own` is the specimen's file in the cell.
    pub fn new(watch: &Watch, own: String) -> Self {
        match watch {
            Watch::Refusals | Watch::Filter => Self::Refusals,
            Watch::Uses => Self::Uses(Box::new(Uses::of(own))),
            Watch::Candidate(profile) => {
                Self::Candidate(Box::new(Candidate { judge: Judge::new(profile.clone()), would: Denials::default() }))
            }
        }
    }

    /// Writes down a call that is held; true where there is something new to tell.
    pub fn see(&mut self, scene: Notified<'_>) -> bool {
        match self {
            Self::Refusals => false,
            Self::Uses(uses) => uses.see(scene),
            Self::Candidate(candidate) => candidate.see(scene),
        }
    }

    /// Whether nothing waits to be told.
    pub fn is_flushed(&self) -> bool {
        match self {
            Self::Refusals => true,
            Self::Uses(uses) => uses.untold.is_empty(),
            Self::Candidate(candidate) => candidate.would.is_flushed(),
        }
    }

    /// Hands what changed to `send`, until it refuses one; the rest stays changed.
    pub fn flush(&mut self, mut send: impl FnMut(EventKind) -> bool) {
        match self {
            Self::Refusals => {}
            Self::Uses(uses) => uses.flush(|used| send(EventKind::Used(Arc::new(used)))),
            Self::Candidate(candidate) => candidate.would.flush(|denial| send(EventKind::Would(denial))),
        }
    }
}

/// Another profile, and what it would refuse.
pub(super) struct Candidate {
    judge: Judge,
    would: Denials,
}

impl Candidate {
    fn see(&mut self, scene: Notified<'_>) -> bool {
        let Notified { notify, notification, names, stacks, pid, at } = scene;
        let Some(refusal) = self.judge.refusal(&notification.data) else { return false };
        let (tid, instruction) = (notification.tid, notification.data.instruction_pointer);
        let (call, before) = (names.decode(notify, notification), self.would.len());
        let ask = || Caller {
            registers: notification.data.args,
            comm: procfs::comm(tid),
            source: Some(stacks.source(pid, tid, instruction)),
            evidence: "the candidate profile refuses it".to_owned(),
            behind: Vec::new(),
            known: Known::Held,
        };
        self.would.count(Refused { pid, call, refusal, layer: Layer::Seccomp }, 1, at, ask);
        self.would.len() > before
    }
}

/// A call by its number, and its telling arguments.
type Kind = (Arch, i32, [Option<u64>; 6]);

/// The calls that were used, by kind, and which kinds changed since they were told.
pub(super) struct Uses {
    kinds: HashMap<Kind, usize>,
    /// How many kinds a call has.
    of_call: HashMap<(Arch, i32), usize>,
    all: Vec<Used>,
    /// How often the line of a kind was looked for; as long as `all`.
    readings: Vec<u32>,
    untold: Untold,
    /// The specimen's file in the cell.
    own: String,
    /// It was opened, or executed. Until then an interpreter starts, which has no line to ask for.
    begun: bool,
}

impl Uses {
    fn of(own: String) -> Self {
        Self {
            kinds: HashMap::new(),
            of_call: HashMap::new(),
            all: Vec::new(),
            readings: Vec::new(),
            untold: Untold::default(),
            own,
            begun: false,
        }
    }

    fn see(&mut self, scene: Notified<'_>) -> bool {
        let Notified { notify, notification, names, stacks, pid, at } = scene;
        let data = &notification.data;
        // What has no name cannot stand in a profile, and the kernel has no such call.
        let (Some(arch), Some(name)) = (Arch::of_call(data.arch, data.nr), names.of(data)) else { return false };
        let executes = matches!(name, "execve" | "execveat");
        let opens = matches!(name, "open" | "openat" | "openat2");
        let (index, new) = self.count((arch, data.nr), name, data.args, at);
        if new {
            self.all[index].comm = procfs::comm(notification.tid);
        }
        if executes || (opens && !self.begun) {
            let call = names.decode(notify, notification);
            self.note_path(index, executes, &call.args);
        }
        if self.begun && self.all[index].line.is_none() && self.readings[index] < MOST_READINGS {
            self.readings[index] += 1;
            let source = stacks.source(pid, notification.tid, data.instruction_pointer);
            self.all[index].line = source.line.ok();
        }
        new
    }

    /// Counts one call; gives its kind, and whether that is new.
    fn count(&mut self, call: (Arch, i32), name: &str, args: [u64; 6], at: Duration) -> (usize, bool) {
        let mut kind = (call.0, call.1, telling(name, args.map(Some)));
        let kinds = self.of_call.entry(call).or_default();
        if *kinds >= MOST_KINDS && !self.kinds.contains_key(&kind) {
            // The specimen chooses numbers; they must not make more and more kinds.
            kind.2 = [None; 6];
        }
        let known = self.kinds.get(&kind).copied();
        let index = known.unwrap_or_else(|| {
            *kinds += 1;
            self.all.push(Used {
                // Bounded by the calls there are and MOST_KINDS.
                id: UseId(u32::try_from(self.all.len()).unwrap_or(u32::MAX)),
                arch: call.0,
                syscall: name.to_owned(),
                args: kind.2,
                count: 0,
                comm: String::new(),
                line: None,
                programs: Vec::new(),
                first: at,
            });
            self.readings.push(0);
            self.kinds.insert(kind, self.all.len() - 1);
            self.all.len() - 1
        });
        self.all[index].count += 1;
        self.untold.mark(index);
        (index, known.is_none())
    }

    /// Takes the path among decoded arguments: a program that is executed, or perhaps the specimen's file.
    fn note_path(&mut self, index: usize, executes: bool, args: &[String]) {
        let Some(path) = args.iter().find_map(|arg| arg.strip_prefix('"')?.strip_suffix('"')) else { return };
        self.begun |= path == self.own;
        let programs = &mut self.all[index].programs;
        if executes && programs.len() < MOST_PROGRAMS && !programs.iter().any(|known| known == path) {
            programs.push(path.to_owned());
        }
    }

    fn flush(&mut self, mut send: impl FnMut(Used) -> bool) {
        let all = &self.all;
        self.untold.flush(|index| send(all[index].clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts a call; one number a name is enough here.
    fn count(uses: &mut Uses, name: &str, args: [u64; 6]) -> usize {
        let number = i32::from(name.as_bytes()[0]);
        uses.count((Arch::native(), number), name, args, Duration::ZERO).0
    }

    fn told(uses: &mut Uses) -> Vec<(String, Option<u64>, u64)> {
        let mut all = Vec::new();
        uses.flush(|used| {
            all.push((used.syscall, used.args[0], used.count));
            true
        });
        all
    }

    #[test]
    fn calls_are_counted_by_kind_and_told_when_they_change() {
        let mut uses = Uses::of("/sandbox/a.py".to_owned());
        for (name, first) in [("read", 3), ("read", 4), ("socket", 1), ("socket", 2), ("socket", 1)] {
            count(&mut uses, name, [first, 0, 0, 0, 0, 0]);
        }
        let kinds =
            [("read".to_owned(), None, 2), ("socket".to_owned(), Some(1), 2), ("socket".to_owned(), Some(2), 1)];
        assert_eq!(told(&mut uses), kinds);
        assert_eq!(told(&mut uses), []);
        count(&mut uses, "read", [0; 6]);
        assert_eq!(told(&mut uses), [("read".to_owned(), None, 3)]);
    }

    #[test]
    fn a_flood_of_arguments_is_bounded_and_every_call_is_counted() {
        let mut uses = Uses::of(String::new());
        for family in 0..1000 {
            count(&mut uses, "socket", [family, 1, 0, 0, 0, 0]);
        }
        let kinds = told(&mut uses);
        assert_eq!(kinds.len(), MOST_KINDS + 1);
        assert_eq!(kinds.iter().map(|(.., count)| count).sum::<u64>(), 1000);
        assert_eq!(kinds.last().unwrap().1, None);
    }

    #[test]
    fn lines_are_asked_for_once_the_specimen_is_opened() {
        let mut uses = Uses::of("/sandbox/a.py".to_owned());
        let index = count(&mut uses, "openat", [0; 6]);
        uses.note_path(index, false, &["AT_FDCWD".to_owned(), "\"/etc/ld.so.cache\"".to_owned()]);
        assert!(!uses.begun);
        uses.note_path(index, false, &["AT_FDCWD".to_owned(), "\"/sandbox/a.py\"".to_owned()]);
        assert!(uses.begun && uses.all[index].programs.is_empty());
    }
}
