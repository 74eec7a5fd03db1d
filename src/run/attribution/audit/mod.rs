//! Refusals of security modules as the kernel's audit tells them. Pure.
//!
//! ```text
//! audit(1795298338.531:105): apparmor="DENIED" operation="open" class="file" profile="hotcell-python"
//!     name="/etc/passwd" pid=492 comm="python3" requested_mask="r" denied_mask="r" fsuid=0 ouid=0
//! audit(1644242078.475:706): avc:  denied  { read } for  pid=3831 comm="date" path="/bin/busybox" dev="vda1" ino=265811
//!     scontext=system_u:system_r:container_t:s0 tcontext=unconfined_u:object_r:var_lib_t:s0 tclass=file permissive=0
//! ```
//!
//! The first is of `AppArmor` (security/apparmor/audit.c and the `OP_` names in its include/audit.h), the second of
//! `SELinux` (security/selinux/avc.c, the classes in its include/classmap.h); both end in `security/lsm_audit.c`.

mod fields;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use self::fields::{Fields, stamped};
use super::facts::Place;
use super::wants::{self, Use, Want};
use crate::policy::{Cap, Layer};
use crate::text::visible;

const MOUNTS: &[&str] =
    &["mount", "umount2", "pivot_root", "move_mount", "fsmount", "fsconfig", "fsopen", "open_tree", "mount_setattr"];
const SIGNALS: &[&str] = &["kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"];
const TRACES: &[&str] =
    &["ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "get_robust_list", "process_madvise"];
const SOCKETS: &[&str] = &[
    "socket",
    "socketpair",
    "bind",
    "connect",
    "listen",
    "accept",
    "accept4",
    "sendto",
    "sendmsg",
    "sendmmsg",
    "recvfrom",
    "recvmsg",
    "recvmmsg",
    "read",
    "readv",
    "write",
    "writev",
    "sendfile",
    "getsockname",
    "getpeername",
    "getsockopt",
    "setsockopt",
    "shutdown",
    "ioctl",
];
const QUEUES: &[&str] = &["mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_notify", "mq_getsetattr"];
const NAMESPACES: &[&str] = &["clone", "clone3", "unshare"];
const TASKS: &[&str] = &["clone", "clone3", "fork", "vfork"];
const LIMITS: &[&str] = &["setrlimit", "prlimit64"];
const CODE: &[&str] = &["mmap", "mprotect", "pkey_mprotect", "mremap", "brk"];

/// What a module refused.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Matter {
    /// One of these things with a file.
    File(&'static [Use], At),
    /// A capability, by its number.
    Capability(u8),
    /// To look into another process: by a call for that, or by what `/proc` shows of it.
    Trace,
    /// Something that only these calls ask for.
    Calls(&'static [&'static str]),
}

/// Which file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum At {
    /// That of this path in the cell.
    Path(String),
    /// One of this name, wherever.
    Name(String),
    /// The record does not say.
    Unnamed,
}

/// Whether a record is of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// It is of another one.
    No,
    /// It is of such a call, and which file either is about is not known.
    Kind,
    /// It is of one that asks for just this.
    Exact,
}

/// A refusal, as a security module told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// The module's layer.
    pub layer: Layer,
    /// The process, as the machine's first pid namespace numbers it.
    pub pid: u32,
    /// When, since the epoch: up to a tick of the kernel's (10 ms) too early.
    pub at: Duration,
    matter: Matter,
    /// With what the call fails; `None` where that is up to the call.
    errno: Option<i32>,
    told: String,
}

impl fmt::Display for AuditRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}'s record: {}", module_name(self.layer), self.told)
    }
}

/// The name of a security module by its layer.
pub fn module_name(layer: Layer) -> &'static str {
    if layer == Layer::Selinux { "SELinux" } else { "AppArmor" }
}

impl AuditRecord {
    /// Reads the text of a record; nothing where it tells no refusal, or one of a kind that is not known here.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.trim_end_matches(['\n', '\0']);
        let (at, text) = stamped(text)?;
        let fields = Fields::of(text);
        let (layer, matter, told) = match text.split_once("avc:  denied  {") {
            // Of SELinux before 3.17, the records do not say whether it only warns; the call's end does.
            Some((_, rest)) if fields.word("permissive") != Some("1") => {
                let permissions = rest.split_once('}')?.0.trim();
                (Layer::Selinux, of_class(&fields, permissions)?, selinux_told(&fields, permissions))
            }
            None if fields.word("apparmor") == Some("DENIED") => {
                (Layer::Apparmor, of_operation(&fields)?, apparmor_told(&fields))
            }
            Some(_) | None => return None,
        };
        let errno = match matter {
            Matter::Capability(_) | Matter::Trace => None,
            Matter::File(..) | Matter::Calls(_) => {
                Some(fields.number("error").map_or(libc::EACCES, i32::saturating_neg))
            }
        };
        Some(Self { layer, pid: fields.number("pid")?, at, matter, errno, told })
    }

    /// Whether it is of a call of its process that failed so and asks for this.
    pub fn fit(&self, call: &str, errno: i32, wants: &[(Want, Option<Place>)]) -> Fit {
        if self.errno.is_some_and(|own| own != errno) {
            return Fit::No;
        }
        let exact = |is_it: bool| if is_it { Fit::Exact } else { Fit::No };
        let files = || {
            wants.iter().filter_map(|(want, place)| match want {
                Want::File(_, how) | Want::Open(_, how) => Some((*how, place.as_ref())),
                _ => None,
            })
        };
        match &self.matter {
            Matter::File(uses, at) => {
                let such = files().filter(|(how, _)| uses.contains(how));
                such.map(|(_, place)| at.fit(place)).max().unwrap_or(Fit::No)
            }
            Matter::Calls(calls) => exact(calls.contains(&call)),
            Matter::Trace => {
                let of_process = |place: &Place| place.path.starts_with("/proc/");
                exact(TRACES.contains(&call) || files().any(|(_, place)| place.is_some_and(of_process)))
            }
            Matter::Capability(cap) => {
                let asks = |(want, _): &(Want, Option<Place>)| matches!(want, Want::Right(caps) if caps.contains(cap));
                let in_the_way = match errno {
                    libc::EACCES => super::MODE.contains(cap),
                    _ => *cap == wants::FOWNER,
                };
                let perhaps = in_the_way && files().next().is_some();
                exact(wants.iter().any(asks)).max(if perhaps { Fit::Kind } else { Fit::No })
            }
        }
    }
}

impl At {
    fn fit(&self, place: Option<&Place>) -> Fit {
        let Some(place) = place else { return Fit::Kind };
        let is_it = match self {
            Self::Path(path) => path.trim_end_matches('/') == place.path.trim_end_matches('/'),
            Self::Name(name) => place.path.split('/').any(|part| part == name),
            Self::Unnamed => return Fit::Kind,
        };
        if is_it { Fit::Exact } else { Fit::No }
    }
}

fn of_operation(fields: &Fields<'_>) -> Option<Matter> {
    if fields.word("family").is_some() {
        return Some(Matter::Calls(SOCKETS));
    }
    if fields.word("class") == Some("posix_mqueue") {
        return Some(Matter::Calls(QUEUES));
    }
    Some(match fields.word("operation")? {
        "capable" => Matter::Capability(fields.number("capability")?),
        "ptrace" => Matter::Trace,
        "signal" => Matter::Calls(SIGNALS),
        "mount" | "umount" | "pivotroot" => Matter::Calls(MOUNTS),
        "userns_create" => Matter::Calls(NAMESPACES),
        "setrlimit" => Matter::Calls(LIMITS),
        // By the path of a Unix socket, which has no `family=`.
        "bind" | "connect" | "sendmsg" => Matter::Calls(SOCKETS),
        operation => Matter::File(uses_of(operation)?, fields.text("name").map_or(At::Unnamed, At::Path)),
    })
}

/// What an operation of `AppArmor`'s does with a file.
fn uses_of(operation: &str) -> Option<&'static [Use]> {
    Some(match operation {
        "open" => &[Use::Read, Use::Write, Use::Make],
        "getattr" => &[Use::Read],
        "truncate" => &[Use::Write, Use::Make],
        "mknod" => &[Use::Make, Use::Name],
        "mkdir" | "rmdir" | "unlink" | "link" | "symlink" | "rename_src" | "rename_dest" => &[Use::Name],
        "chmod" | "chown" => &[Use::Owner],
        "exec" => &[Use::Run],
        "file_mmap" | "file_mprotect" => &[Use::Code],
        "file_perm" | "file_lock" | "file_receive" => &[Use::Grow],
        _ => return None,
    })
}

/// What a permission of `SELinux`'s lets be done with a file.
fn uses_by(permission: &str) -> &'static [Use] {
    match permission {
        "getattr" => &[Use::Read],
        "setattr" => &[Use::Owner, Use::Write],
        "execute" | "execute_no_trans" | "entrypoint" | "execmod" | "map" => &[Use::Run, Use::Code],
        "create" | "add_name" | "remove_name" | "unlink" | "link" | "rename" | "rmdir" | "reparent" => {
            &[Use::Name, Use::Make]
        }
        "read" | "write" | "append" | "open" => &[Use::Read, Use::Write, Use::Make, Use::Run, Use::Code, Use::Grow],
        // To pass through a directory is part of all.
        _ => &[Use::Read, Use::Write, Use::Make, Use::Name, Use::Owner, Use::Run, Use::Code, Use::Grow],
    }
}

fn of_class(fields: &Fields<'_>, permissions: &str) -> Option<Matter> {
    let path = || fields.text("path").map(At::Path);
    let named = || path().or_else(|| fields.text("name").map(At::Name)).unwrap_or(At::Unnamed);
    let first = permissions.split(' ').next()?;
    Some(match fields.word("tclass")? {
        "file" | "dir" | "lnk_file" | "chr_file" | "blk_file" | "sock_file" | "fifo_file" => {
            Matter::File(uses_by(first), named())
        }
        "capability" | "capability2" | "cap_userns" | "cap2_userns" => Matter::Capability(fields.number("capability")?),
        "filesystem" => Matter::Calls(MOUNTS),
        "user_namespace" => Matter::Calls(NAMESPACES),
        "memprotect" => Matter::Calls(CODE),
        "bpf" => Matter::Calls(&["bpf"]),
        "perf_event" => Matter::Calls(&["perf_event_open"]),
        "process" => match first {
            "ptrace" => Matter::Trace,
            "sigchld" | "sigkill" | "sigstop" | "signull" | "signal" => Matter::Calls(SIGNALS),
            "fork" => Matter::Calls(TASKS),
            "setrlimit" | "getrlimit" => Matter::Calls(LIMITS),
            "execmem" | "execstack" | "execheap" => Matter::Calls(CODE),
            _ => return None,
        },
        class if class == "socket" || class.ends_with("_socket") => Matter::Calls(SOCKETS),
        _ => return None,
    })
}

fn apparmor_told(fields: &Fields<'_>) -> String {
    let keys = [
        ("profile ", "profile"),
        ("", "operation"),
        ("name ", "name"),
        ("capability ", "capname"),
        ("family ", "family"),
        ("type ", "sock_type"),
        ("signal ", "signal"),
        ("peer ", "peer"),
        ("denied ", "denied_mask"),
    ];
    listed(fields, &keys)
}

fn selinux_told(fields: &Fields<'_>, permissions: &str) -> String {
    let keys = [("", "path"), ("name ", "name"), ("class ", "tclass"), ("from ", "scontext"), ("to ", "tcontext")];
    let capability = fields.number("capability").and_then(|number: u8| Cap::all().find(|cap| cap.number() == number));
    let capability = capability.map_or_else(String::new, |cap| format!(", {cap}"));
    format!("denied {}{capability}, {}", visible(permissions.as_bytes()), listed(fields, &keys))
}

fn listed(fields: &Fields<'_>, keys: &[(&str, &str)]) -> String {
    let told = keys.iter().filter_map(|(word, key)| Some(format!("{word}{}", fields.text(key)?)));
    told.collect::<Vec<_>>().join(", ")
}
