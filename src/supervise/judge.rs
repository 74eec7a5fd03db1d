//! What a held call is, and what a profile says to it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;

use super::ffi::{Notification, NotifyFd, ProcessMemory};
use crate::run::Refusal;
use crate::seccomp::decode::{Call, Memory, RawCall, decode};
use crate::seccomp::{Action, Program, SeccompData, syscall_name};

/// Answers as a profile says.
pub(super) struct Judge {
    profile: Program,
    /// The call judged last: a flood is one call again and again, and a profile has hundreds of instructions.
    last: Option<(SeccompData, Option<Refusal>)>,
}

impl Judge {
    /// Of the policy's own program, not the supervised one.
    pub fn new(profile: Program) -> Self {
        Self { profile, last: None }
    }

    /// What the profile says to a call; `None` where it allows it.
    pub fn refusal(&mut self, data: &SeccompData) -> Option<Refusal> {
        if let Some((last, refusal)) = &self.last
            && last == data
        {
            return *refusal;
        }
        let refusal = judge(&self.profile, data);
        self.last = Some((*data, refusal));
        refusal
    }
}

fn judge(profile: &Program, data: &SeccompData) -> Option<Refusal> {
    match profile.evaluate(data) {
        Ok(Action::Allow | Action::Log) => None,
        Ok(Action::Errno(errno)) => Some(Refusal::Errno(i32::from(errno))),
        // A SIGSYS sent from here could be ignored, or hit another thread, which the kernel's own cannot.
        Ok(Action::KillProcess | Action::KillThread | Action::Trap) => Some(Refusal::Kill),
        // As without a tracer, or a listener: seccomp(2).
        Ok(Action::Notify | Action::Trace(_)) => Some(Refusal::Errno(libc::ENOSYS)),
        // Programs are checked when they are made; whatever this is, it is not "allow".
        Err(_) => Some(Refusal::Errno(libc::EPERM)),
    }
}

/// Call names by architecture and number.
#[derive(Default)]
pub(super) struct Names(HashMap<(u32, i32), String>);

impl Names {
    /// The name of a call; `None` for a number that no table knows, which is the specimen's choice and not remembered.
    pub fn of(&mut self, data: &SeccompData) -> Option<&str> {
        match self.0.entry((data.arch, data.nr)) {
            Entry::Occupied(known) => Some(known.into_mut()),
            Entry::Vacant(entry) => Some(entry.insert(syscall_name(data.arch, data.nr)?)),
        }
    }

    /// The call with what its arguments lead to. A caller that died or was interrupted has tried all the same; only its
    /// memory is no longer to be trusted.
    pub fn decode(&mut self, notify: &NotifyFd, notification: &Notification) -> Call {
        let call = self.read(notification, &mut ProcessMemory::of(notification.tid));
        if notify.still_held(notification) { call } else { self.read(notification, &mut Gone) }
    }

    fn read(&mut self, notification: &Notification, memory: &mut dyn Memory) -> Call {
        let data = &notification.data;
        let raw = RawCall { arch: data.arch, nr: data.nr, args: data.args };
        match self.of(data) {
            Some(name) => decode(name, &raw, memory),
            None => decode(&format!("syscall_{}", data.nr), &raw, memory),
        }
    }
}

/// The memory of a caller that is no longer there.
pub(super) struct Gone;

impl Memory for Gone {
    fn read(&mut self, _: u64, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::from_raw_os_error(libc::ESRCH))
    }
}
