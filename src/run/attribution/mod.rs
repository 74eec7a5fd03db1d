//! Who refused a call that failed, from what is known of the call and of its cell. Pure.
//!
//! ```text
//! call, arguments ─► wants ─► holders ◄─ Facts        what each layer would do, for itself
//!                               │
//! errno, lacking capabilities, ─┴─► By                who did, on what it rests, and who stands behind
//! audit record
//! ```
//!
//! Nothing is claimed that the errno, the capabilities that the kernel looked for and the cell as it was read back do not
//! bear out: what fits no layer is [`Answer::Unknown`], and what would fail on any machine is [`Answer::NoLayer`].

mod audit;
mod facts;
mod holders;
#[cfg(test)]
mod tests;
mod wants;

pub use audit::{AuditRecord, Fit};
pub use facts::{Facts, Id, Module, Node, Peer, Place};
pub use wants::{PathAt, PeerAt, Use, Want, asked_about, wants};

use self::holders::{Ground, Holder, holders, right};
use super::refusal::Refusal;
use crate::policy::Layer;

/// A call, and what it was about.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// What it asked for, with the file of each that is one.
    pub wants: &'a [(Want, Option<Place>)],
    /// Whom it wanted to speak to.
    pub peer: &'a Peer,
    /// In the machine's own network somebody listens there.
    pub peer_outside: bool,
}

/// A call that failed.
#[derive(Clone, Debug)]
pub struct Failed<'a> {
    /// What it was about.
    pub subject: Subject<'a>,
    /// With what.
    pub errno: i32,
    /// The capabilities but `CAP_SYS_ADMIN` that the kernel looked for in it and did not find; `None` where it does not
    /// tell.
    pub lacking: Option<&'a [u8]>,
    /// The cell's control group counted a fork that it refused.
    pub fork_counted: bool,
    /// What a security module told of it.
    pub record: Option<&'a AuditRecord>,
}

/// Who refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct By {
    /// The layer.
    pub layer: Layer,
    /// On what that rests, in words.
    pub evidence: String,
    /// The layers that would each have refused it too.
    pub behind: Vec<Layer>,
}

/// What can be said of a call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A layer refused it.
    By(By),
    /// It is nothing that layers do.
    NoLayer,
    /// Somebody refused it, and what is known of whom.
    Unknown(String),
}

/// The errnos of refusals, whatever the call.
const REFUSALS: [i32; 14] = [
    libc::EPERM,
    libc::ENOMEM,
    libc::EACCES,
    libc::ENFILE,
    libc::EMFILE,
    libc::EFBIG,
    libc::ENOSPC,
    libc::EROFS,
    libc::EADDRNOTAVAIL,
    libc::ENETDOWN,
    libc::ENETUNREACH,
    libc::ECONNREFUSED,
    libc::EHOSTUNREACH,
    libc::EDQUOT,
];

/// The capabilities that pass over a file's mode.
const MODE: [u8; 2] = [wants::DAC_OVERRIDE, wants::DAC_READ_SEARCH];

/// Calls of which EAGAIN is a refusal, and not a word to come again.
const MAKING_TASKS: [&str; 6] = ["clone", "clone3", "fork", "vfork", "execve", "execveat"];

/// The ends of calls that are looked at, as filters of the kernel's.
pub struct Ends {
    /// Those to be heard of at once, before the caller's memory has another use: most refusals, and programs that were run
    /// (their file's owner may have lent no rights).
    pub prompt: String,
    /// Those that can wait. Profiles refuse with EPERM, and a flood of it is the listener's to tell.
    pub patient: String,
}

/// The ends that are looked at; `number` gives a call's.
pub fn ends(number: impl Fn(&str) -> Option<i32>) -> Ends {
    let one = |errno: &i32| format!("ret == -{errno}");
    let again = MAKING_TASKS.iter().filter_map(|call| number(call));
    let again = again.map(|nr| format!("(ret == -{} && id == {nr})", libc::EAGAIN));
    let run = ["execve", "execveat"].into_iter().filter_map(&number).map(|nr| format!("(ret == 0 && id == {nr})"));
    let prompt = REFUSALS.iter().filter(|errno| **errno != libc::EPERM).map(one);
    Ends { prompt: prompt.chain(again).chain(run).collect::<Vec<_>>().join(" || "), patient: one(&libc::EPERM) }
}

/// Who refused a call.
pub fn attribute(failed: &Failed<'_>, facts: &Facts) -> Answer {
    let mut all = holders(&failed.subject, facts);
    if let Some(record) = failed.record {
        let evidence = format!("{}: {record}", Refusal::Errno(failed.errno));
        return Answer::By(By { layer: record.layer, evidence, behind: behind(&all, record.layer) });
    }
    let fits = |holder: &&Holder| holder.errnos.contains(&failed.errno);
    let foreseen = all.iter().filter(fits).any(|holder| holder.ground == Ground::Right);
    if let (libc::EPERM | libc::EACCES, Some(caps @ [_, ..]), false) = (failed.errno, failed.lacking, foreseen) {
        all.extend(by_lacking(failed, caps, facts));
    }
    let of = |ground: Ground| all.iter().filter(fits).find(|holder| holder.ground == ground);
    let found = match failed.errno {
        libc::EPERM | libc::EACCES => match (of(Ground::Mount), failed.lacking) {
            (Some(holder), _) => Some(holder.clone()),
            (None, _) if fails_anywhere(failed, facts) => return Answer::NoLayer,
            // Settings of the kernel know their owner's mode and no capability: `test_perm`, fs/proc/proc_sysctl.c.
            (None, Some([])) if is_setting(failed) || is_for_the_admin(failed) => of(Ground::Right).cloned(),
            (None, Some([])) => of(Ground::Rule).cloned(),
            (None, Some(_)) => of(Ground::Right).cloned(),
            (None, None) => of(Ground::Right).or_else(|| of(Ground::Rule)).cloned(),
        },
        libc::EAGAIN if failed.fork_counted => all.iter().find(|holder| holder.layer == Layer::Pids).cloned(),
        libc::EAGAIN => all.iter().find(|holder| holder.layer == Layer::Ulimits).cloned(),
        _ => all.iter().find(fits).cloned(),
    };
    match found {
        Some(holder) => Answer::By(By {
            layer: holder.layer,
            evidence: format!("{}: {}", Refusal::Errno(failed.errno), holder.why),
            behind: behind(&all, holder.layer),
        }),
        None => nobody(failed, facts),
    }
}

/// The layers that would refuse a call that the filter refuses.
pub fn behind_the_filter(subject: &Subject<'_>, facts: &Facts) -> Vec<Layer> {
    behind(&holders(subject, facts), Layer::Seccomp)
}

/// Who is expected to refuse a call that goes on, of which the outcome cannot be seen.
pub fn expected(subject: &Subject<'_>, facts: &Facts) -> Option<By> {
    let all = holders(subject, facts);
    let first = all.iter().find(|holder| holder.ground != Ground::Limit && !holder.errnos.is_empty())?;
    let evidence = format!("an attempt, whose outcome was not seen: {}", first.why);
    Some(By { layer: first.layer, evidence, behind: behind(&all, first.layer) })
}

/// Who kept a program from the rights of its file's owner, which it asks for by its mode.
pub fn kept_from_rights(place: &Place, facts: &Facts) -> Option<By> {
    let file = place.file?;
    let owner = (file.mode & libc::S_ISUID != 0 && file.uid != facts.user.outside).then_some(file.uid);
    let owner = owner.map(|uid| if uid == facts.root { "root".to_owned() } else { format!("user {uid}") })?;
    let nosuid = place.mount.as_ref().is_some_and(|mount| mount.options.iter().any(|option| option == "nosuid"));
    let tmpfs = place.mount.as_ref().is_some_and(|mount| mount.kind == "tmpfs");
    let seccomp = facts.on(Layer::Seccomp) && facts.is_ordinary();
    let (layer, why) = match () {
        () if facts.no_new_privs && facts.on(Layer::NoNewPrivs) => {
            (Layer::NoNewPrivs, "no_new_privs is set".to_owned())
        }
        () if facts.no_new_privs && seccomp => {
            (Layer::Seccomp, "no_new_privs is set, which the kernel asks of a user's filter".to_owned())
        }
        () if nosuid && tmpfs && facts.on(Layer::Tmpfs) => {
            (Layer::Tmpfs, format!("{} is mounted nosuid", place.mount.as_ref()?.point))
        }
        () => return None,
    };
    let evidence = format!("it is set-user-id {owner}, and ran as user {}: {why}", facts.user.inside);
    let behind = if layer == Layer::NoNewPrivs && seccomp { vec![Layer::Seccomp] } else { Vec::new() };
    Some(By { layer, evidence, behind })
}

/// Of that one the kernel does not tell: it looks for it too often.
fn is_for_the_admin(failed: &Failed<'_>) -> bool {
    let is_one = |want: &Want| matches!(want, Want::Right(caps) if caps.contains(&wants::SYS_ADMIN));
    failed.subject.wants.iter().any(|(want, _)| is_one(want))
}

fn is_setting(failed: &Failed<'_>) -> bool {
    let is_one = |place: &Place| place.path.starts_with("/proc/sys/");
    failed.subject.wants.iter().any(|(_, place)| place.as_ref().is_some_and(is_one))
}

/// Who took the capabilities that the kernel looked for, where the call does not tell what they were for.
fn by_lacking(failed: &Failed<'_>, caps: &[u8], facts: &Facts) -> Vec<Holder> {
    let of_file = failed.subject.wants.iter().any(|(want, _)| matches!(want, Want::File(..) | Want::Open(..)));
    if caps.iter().all(|cap| MODE.contains(cap) || *cap == wants::FOWNER) {
        let owner = holders::by_mode(facts);
        return owner.map_or_else(|| right(caps, facts), |owner| vec![owner]);
    }
    let mut holders = right(caps, facts);
    if of_file && caps.iter().all(|cap| *cap == wants::SYS_PTRACE) {
        // Another user's process: root's own, whom the capabilities keep from it too.
        holders.reverse();
    }
    holders
}

/// Limits are not known to be met by what another layer refuses.
fn behind(all: &[Holder], front: Layer) -> Vec<Layer> {
    let mut layers = Vec::new();
    for holder in all.iter().filter(|holder| holder.ground != Ground::Limit && holder.layer != front) {
        if !layers.contains(&holder.layer) {
            layers.push(holder.layer);
        }
    }
    layers
}

/// Its own file's mode keeps the specimen out, or a program is none to anybody.
fn fails_anywhere(failed: &Failed<'_>, facts: &Facts) -> bool {
    let by_mode = failed.lacking.is_none_or(|caps| !caps.is_empty() && caps.iter().all(|cap| MODE.contains(cap)));
    failed.subject.wants.iter().any(|(want, place)| {
        let (Want::File(_, how) | Want::Open(_, how), Some(place)) = (want, place) else { return false };
        let own = holders::refusing_mode(*how, place, facts).is_some_and(|node| node.uid == facts.user.outside);
        let no_program = *how == Use::Run && place.file.is_some_and(|file| file.mode & 0o111 == 0);
        no_program || (by_mode && own)
    })
}

/// Whether what was read of a call after it fits the errno: a file that is not there, in a directory that may be passed,
/// fails with another one.
pub fn is_consistent(wants: &[(Want, Option<Place>)], errno: i32, facts: &Facts) -> bool {
    let fits = |(want, place): &(Want, Option<Place>)| match (want, place) {
        (Want::File(_, Use::Read | Use::Run | Use::Write | Use::Owner), Some(place)) => {
            place.file.is_some() || place.directory.is_none_or(|directory| !facts.may(directory, 1))
        }
        (Want::File(..), None) => false,
        _ => true,
    };
    !matches!(errno, libc::EPERM | libc::EACCES | libc::EROFS) || wants.iter().all(fits)
}

/// No layer fits.
fn nobody(failed: &Failed<'_>, facts: &Facts) -> Answer {
    let told = Refusal::Errno(failed.errno);
    match failed.errno {
        libc::EPERM | libc::EACCES => match failed.lacking {
            _ if let Some(module) = &facts.module => Answer::Unknown(format!("{told}: {}", perhaps(module))),
            Some([]) if failed.subject.wants.is_empty() => Answer::NoLayer,
            Some([]) => Answer::Unknown(format!("{told}, and no capability was looked for")),
            Some(_) | None => {
                Answer::Unknown(format!("{told}: a right is lacking, and no layer is known to have taken it"))
            }
        },
        libc::EROFS => Answer::Unknown(format!("{told}: mounted so, and by no layer that is on")),
        libc::EAGAIN | libc::ENFILE | libc::EDQUOT => Answer::Unknown(format!("{told}: a limit that is no layer's")),
        _ => Answer::NoLayer,
    }
}

/// What is to be said of a security module that left no record of a call that nobody else is known to have refused.
fn perhaps(module: &Module) -> String {
    let who = format!("perhaps {}, which enforces {}", audit::module_name(module.layer), module.label);
    match &module.records {
        Ok(()) => format!("{who}: it told of nothing, but not every rule tells, and a flood loses records"),
        Err(why) => format!("{who}: {why}"),
    }
}
