//! From the shim to the specimen: one process that takes on every
//! process-level layer and then becomes the interpreter.
//!
//! ```text
//! shim ──fork──► child ──clone(FILES, PARENT)──► courier
//!                  │ layers, filter                 │ waits for the filter
//!                  │ listener appears in the shared table
//!                  │ (may make no call from here)   │ stops the child,
//!                  │                                │ sends pidfd + listener, ends
//!                  ◄── released by GO ──────────────┘
//!                execve
//! ```
//!
//! Once filtered, the child may have no call left with which to hand its
//! listener over; the courier, made before and sharing its descriptor table,
//! does it. `execve` gives the child a table of its own again.

use core::ffi::{CStr, c_char};
use core::sync::atomic::{AtomicI32, Ordering};

use hotcell_shim::{Failed, MAX_STRINGS, Reader, Rlimit, Stage, tag};

use crate::landlock;
use crate::sys::{self, Errno, Fd, Pid};

/// A memory page that the shim, the child and the courier share.
pub struct Handshake {
    page: &'static Page,
}

#[repr(C)]
struct Page {
    /// [`NOT_YET`], [`NO_FILTER`], or the listener's number in the shared table.
    listener: AtomicI32,
    /// 1 once GO came.
    released: AtomicI32,
    /// The [`Stage`] at which the child failed, 0 for none.
    stage: AtomicI32,
    /// Its errno.
    errno: AtomicI32,
}

const NOT_YET: i32 = -1;
const NO_FILTER: i32 = -2;

impl Handshake {
    pub fn new() -> Result<Self, Errno> {
        let page = sys::shared_page::<Page>()?;
        page.listener.store(NOT_YET, Ordering::Release);
        Ok(Self { page })
    }

    /// Lets the child execute.
    pub fn release(&self) {
        self.page.released.store(1, Ordering::Release);
    }

    /// What kept the child from becoming the specimen.
    pub fn failure(&self) -> Option<Failed> {
        let stage = self.page.stage.load(Ordering::Acquire);
        (stage != 0).then(|| Failed { stage: stage.cast_unsigned(), errno: self.page.errno.load(Ordering::Acquire) })
    }

    fn fail(&self, (stage, errno): (Stage, Errno)) -> ! {
        self.page.errno.store(errno, Ordering::Release);
        self.page.stage.store(stage as i32, Ordering::Release);
        sys::exit(127)
    }
}

/// A read LAUNCH; borrows the packet.
pub struct Plan<'a> {
    no_new_privs: bool,
    pub deadline_ms: u64,
    cwd: &'a CStr,
    argv: Strings,
    env: Strings,
    rlimits: Reader<'a>,
    landlock: Option<landlock::Rules<'a>>,
    filter: &'a [u8],
}

/// A NULL-ended array as `execve` takes it.
struct Strings([*const c_char; MAX_STRINGS + 1]);

impl Strings {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut pointers = [core::ptr::null(); MAX_STRINGS + 1];
        let count = usize::try_from(reader.u32()?).ok()?;
        for slot in pointers[..MAX_STRINGS].get_mut(..count)? {
            *slot = reader.c_string()?.as_ptr();
        }
        Some(Self(pointers))
    }
}

impl<'a> Plan<'a> {
    /// `None` where the packet is malformed.
    pub fn read(reader: &mut Reader<'a>) -> Option<Self> {
        Some(Self {
            no_new_privs: reader.u8()? != 0,
            deadline_ms: reader.u64()?,
            cwd: reader.c_string()?,
            argv: Strings::read(reader)?,
            env: Strings::read(reader)?,
            rlimits: {
                let start = reader.clone();
                for _ in 0..reader.u32()? {
                    read_rlimit(reader)?;
                }
                start
            },
            landlock: match reader.u8()? {
                0 => None,
                _ => Some(landlock::Rules::read(reader)?),
            },
            filter: reader.bytes()?,
        })
    }
}

fn read_rlimit(reader: &mut Reader<'_>) -> Option<Rlimit> {
    Some(Rlimit { resource: reader.u32()?, soft: reader.u64()?, hard: reader.u64()? })
}

/// The specimen's first process.
pub struct Child(Pid);

impl Child {
    pub fn pid(&self) -> Pid {
        self.0
    }

    /// Ends the stop in which the courier left it.
    pub fn resume(&self) {
        sys::kill(self.0, libc::SIGCONT);
    }
}

/// Forks the child; PREPARED is sent by its courier.
pub fn make(plan: &Plan<'_>, stdio: [Fd; 3], socket: Fd, handshake: &Handshake) -> Result<Child, Errno> {
    match sys::fork()? {
        0 => match become_specimen(plan, stdio, socket, handshake) {
            Ok(never) => match never {},
            Err(failure) => handshake.fail(failure),
        },
        pid => Ok(Child(pid)),
    }
}

type Failure = (Stage, Errno);

fn become_specimen(
    plan: &Plan<'_>,
    stdio: [Fd; 3],
    socket: Fd,
    handshake: &Handshake,
) -> Result<core::convert::Infallible, Failure> {
    let at = |stage: Stage| move |errno: Errno| (stage, errno);
    for (wanted, fd) in (0..).zip(stdio) {
        sys::dup_to(fd, wanted).map_err(at(Stage::Fork))?;
    }
    sys::new_session();
    sys::chdir(plan.cwd).map_err(at(Stage::Chdir))?;
    sys::unblock_signals().map_err(at(Stage::Fork))?;

    let this = sys::getpid();
    if sys::clone_sharing_files().map_err(at(Stage::Fork))? == 0 {
        courier(this, socket, handshake);
    }
    set_rlimits(plan).map_err(at(Stage::Rlimit))?;
    if let Some(rules) = &plan.landlock {
        sys::set_no_new_privs().map_err(at(Stage::NoNewPrivs))?;
        rules.enforce().map_err(at(Stage::Landlock))?;
    }
    if plan.no_new_privs {
        sys::set_no_new_privs().map_err(at(Stage::NoNewPrivs))?;
    }
    sys::take_environment(&plan.env.0);
    let mut room = [0; _];
    let found = sys::find(&plan.argv.0, &mut room);
    let listener = match plan.filter {
        [] => NO_FILTER,
        filter => install(filter).map_err(at(Stage::Seccomp))?,
    };
    // From here on the filter may refuse anything: memory only, until execve.
    handshake.page.listener.store(listener, Ordering::Release);
    while handshake.page.released.load(Ordering::Acquire) == 0 {
        core::hint::spin_loop();
    }
    Err((Stage::Exec, sys::execute(found, &plan.argv.0)))
}

fn set_rlimits(plan: &Plan<'_>) -> Result<(), Errno> {
    let mut reader = plan.rlimits.clone();
    for _ in 0..reader.u32().unwrap_or(0) {
        if let Some(limit) = read_rlimit(&mut reader) {
            sys::set_rlimit(limit)?;
        }
    }
    Ok(())
}

/// An unprivileged process may only filter itself under `no_new_privs`
/// (seccomp(2)); where the policy has that layer off and nothing else gives
/// the right, it is set all the same, and layer verification shows it.
fn install(filter: &[u8]) -> Result<Fd, Errno> {
    match sys::install_filter(filter) {
        Err(libc::EACCES) => {
            sys::set_no_new_privs()?;
            sys::install_filter(filter)
        }
        other => other,
    }
}

/// Waits for the filter, stops the child where it stands and sends PREPARED. It stays awake for that: the child, which may
/// not sleep any more, is soon there, and keeps a CPU busy until it is stopped.
fn courier(child: Pid, socket: Fd, handshake: &Handshake) -> ! {
    let listener = loop {
        match handshake.page.listener.load(Ordering::Acquire) {
            NOT_YET if handshake.failure().is_some() => sys::exit(0),
            NOT_YET => sys::step_aside(),
            listener => break listener,
        }
    };
    sys::kill(child, libc::SIGSTOP);
    let sent = sys::open_pidfd(child).and_then(|pidfd| match listener {
        NO_FILTER => sys::send(socket, &[tag::PREPARED], &[pidfd]),
        listener => sys::send(socket, &[tag::PREPARED], &[pidfd, listener]),
    });
    if let Err(errno) = sent {
        handshake.page.errno.store(errno, Ordering::Release);
        handshake.page.stage.store(Stage::Handover as i32, Ordering::Release);
        sys::kill(child, libc::SIGKILL);
    }
    sys::exit(0)
}
