//! Which layers would refuse what a call asks for, each for itself and as if the others were not there: what the kernel
//! does, foreseen from what is known of the cell.

use super::Subject;
use super::facts::{Facts, Node, Peer, Place};
use super::wants::{self, Use, Want};
use crate::policy::{Cap, Layer};
use crate::run::words::counted;

/// A layer that would refuse it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Which.
    pub layer: Layer,
    /// With what the kernel answers then.
    pub errnos: &'static [i32],
    /// What it rests on.
    pub ground: Ground,
    /// Why, in words.
    pub why: String,
}

/// On what a refusal rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// A right that the specimen has not: the kernel looks for a capability before it refuses.
    Right,
    /// How something is mounted.
    Mount,
    /// A rule of Landlock's.
    Rule,
    /// The network that is there.
    Network,
    /// A limit, which may not be met.
    Limit,
}

const RIGHTS: &[i32] = &[libc::EPERM, libc::EACCES];
const UNREACHABLE: &[i32] = &[libc::ENETUNREACH, libc::EHOSTUNREACH, libc::EADDRNOTAVAIL];
const NOBODY: &[i32] = &[libc::ECONNREFUSED];

/// Those that would refuse one of the things that a call asks for, in the order in which the kernel asks.
pub fn holders(subject: &Subject<'_>, facts: &Facts) -> Vec<Holder> {
    let mut all: Vec<Holder> = Vec::new();
    for (want, place) in subject.wants {
        for holder in of(*want, place.as_ref(), facts, subject) {
            if !all.iter().any(|known| known.layer == holder.layer && known.errnos == holder.errnos) {
                all.push(holder);
            }
        }
    }
    all
}

fn of(want: Want, place: Option<&Place>, facts: &Facts, subject: &Subject<'_>) -> Vec<Holder> {
    match want {
        Want::File(_, how) | Want::Open(_, how) => place.map_or_else(Vec::new, |place| of_file(how, place, facts)),
        Want::Root => user(facts, "to be root takes root, or CAP_SETUID").into_iter().collect(),
        Want::Right(caps) => right(caps, facts),
        Want::Task => tasks(facts),
        Want::Descriptor => {
            limit(facts, "nofile", &[libc::EMFILE], |most| format!("RLIMIT_NOFILE allows descriptors below {most}"))
        }
        Want::Memory => ["as", "data"]
            .into_iter()
            .flat_map(|name| {
                let why = |most| format!("RLIMIT_{} allows {}", name.to_uppercase(), counted(most, "byte"));
                limit(facts, name, &[libc::ENOMEM], why)
            })
            .collect(),
        Want::Peer(_) => peer(facts, subject),
        Want::Port => tcp(facts),
        Want::SharedIpc => ipc(facts),
    }
}

/// The capabilities of this set that the specimen lacks, and who took them: the `caps` layer where no process of the cell
/// may ever have it, and the `user` layer where root would.
pub fn right(caps: &[u8], facts: &Facts) -> Vec<Holder> {
    if caps.iter().any(|cap| facts.has(*cap)) {
        return Vec::new();
    }
    let names = names(caps);
    let mut holders = Vec::new();
    if facts.on(Layer::Caps) && !caps.iter().any(|cap| facts.leaves(*cap)) {
        let why = format!("{names} is lacking: no process of the cell may have it");
        holders.push(Holder { layer: Layer::Caps, errnos: RIGHTS, ground: Ground::Right, why });
    }
    holders.extend(user(facts, &format!("{names} is lacking, which root alone has by itself")));
    if holders.is_empty() && facts.on(Layer::Userns) {
        let why = format!("{names} counts for nothing outside the cell's own user namespace");
        holders.push(Holder { layer: Layer::Userns, errnos: RIGHTS, ground: Ground::Right, why });
    }
    holders
}

/// The names of capabilities, of which one is enough.
fn names(caps: &[u8]) -> String {
    let name = |number: &u8| Cap::all().find(|cap| cap.number() == *number).map_or("a capability", Cap::name);
    caps.iter().map(name).collect::<Vec<_>>().join(" or ")
}

/// A file's owner or mode keeps the specimen out, and which file it is, is not known.
pub fn by_mode(facts: &Facts) -> Option<Holder> {
    user(facts, "some file's owner or mode, which root may pass over, keeps it out")
}

fn user(facts: &Facts, why: &str) -> Option<Holder> {
    let ordinary = facts.on(Layer::User) && facts.is_ordinary();
    let why = format!("{why}; the user is {}", facts.user.inside);
    ordinary.then_some(Holder { layer: Layer::User, errnos: RIGHTS, ground: Ground::Right, why })
}

fn of_file(how: Use, place: &Place, facts: &Facts) -> Vec<Holder> {
    let mut holders = of_process(place, facts);
    holders.extend(of_mode(how, place, facts));
    holders.extend(of_mount(how, place, facts));
    holders.extend(of_rules(how, place, facts));
    holders.extend(of_size(how, place, facts));
    holders
}

/// What `/proc/PID` shows only to who may trace the process: `proc(5)`, `ptrace(2)`.
const OF_TRACERS: [&str; 13] =
    ["environ", "mem", "root", "cwd", "exe", "fd", "fdinfo", "maps", "map_files", "auxv", "stack", "syscall", "smaps"];

fn of_process(place: &Place, facts: &Facts) -> Vec<Holder> {
    let in_process = |path: &str| {
        let mut parts = path.strip_prefix("/proc/")?.split('/');
        let number = parts.next()?.bytes().all(|byte| byte.is_ascii_digit());
        Some(number && parts.next().is_some_and(|part| OF_TRACERS.contains(&part)))
    };
    if in_process(&place.path) != Some(true) || facts.has(wants::SYS_PTRACE) {
        return Vec::new();
    }
    let why = "another user's process, or one that may not be looked into, takes CAP_SYS_PTRACE".to_owned();
    let caps = facts.on(Layer::Caps) && !facts.leaves(wants::SYS_PTRACE);
    let caps = caps.then(|| Holder { layer: Layer::Caps, errnos: RIGHTS, ground: Ground::Right, why: why.clone() });
    user(facts, &why).into_iter().chain(caps).collect()
}

/// The file or directory whose owner or mode does not let the specimen do this.
pub fn refusing_mode(how: Use, place: &Place, facts: &Facts) -> Option<Node> {
    let (node, bits) = match (how, place.file) {
        (Use::Code, _) => return None,
        (Use::Owner, Some(file)) => return (file.uid != facts.user.outside).then_some(file),
        (Use::Read, Some(file)) => (file, 4),
        (Use::Write | Use::Make | Use::Grow, Some(file)) => (file, 2),
        (Use::Run, Some(file)) => (file, 1),
        (Use::Name, _) | (Use::Make, None) => (place.directory?, 3),
        // Nothing is there: some directory on the way could not be passed.
        (_, None) => (place.directory?, 1),
    };
    (!facts.may(node, bits)).then_some(node)
}

/// Who owns it, and its mode: what root may, as its owner or by a capability.
fn of_mode(how: Use, place: &Place, facts: &Facts) -> Vec<Holder> {
    let over = if how == Use::Owner { wants::FOWNER } else { wants::DAC_OVERRIDE };
    let refusing = refusing_mode(how, place, facts).filter(|node| node.uid != facts.user.outside);
    let Some(node) = refusing.filter(|_| !facts.has(over)) else { return Vec::new() };
    let mut holders: Vec<Holder> = user(facts, &owned(node, facts)).into_iter().collect();
    let root_may = node.uid == facts.root;
    if !root_may && facts.on(Layer::Caps) && !facts.leaves(over) {
        let why = format!("{}; {} is lacking", owned(node, facts), names(&[over]));
        holders.push(Holder { layer: Layer::Caps, errnos: RIGHTS, ground: Ground::Right, why });
    }
    holders
}

fn owned(node: Node, facts: &Facts) -> String {
    let owner = if node.uid == facts.root { "root's".to_owned() } else { format!("user {}'s", node.uid) };
    format!("it is {owner}, mode {:04o}", node.mode & 0o7777)
}

fn of_mount(how: Use, place: &Place, facts: &Facts) -> Vec<Holder> {
    let Some(mount) = &place.mount else { return Vec::new() };
    let has = |option: &str| mount.options.iter().any(|have| have == option);
    let below = |point: &str| mount.point == point || mount.point.starts_with(&format!("{point}/"));
    let changes = matches!(how, Use::Write | Use::Make | Use::Name | Use::Owner | Use::Grow);
    let holder = |layer, errnos, why| {
        facts.on(layer).then_some(Holder { layer, errnos, ground: Ground::Mount, why }).into_iter().collect()
    };
    if changes && mount.has("ro") {
        let layer = if below("/proc") || below("/sys") { Layer::ProcMasks } else { Layer::Rootfs };
        return holder(layer, &[libc::EROFS], format!("{} is mounted read-only", mount.point));
    }
    if how == Use::Run && has("noexec") && mount.kind == "tmpfs" {
        return holder(Layer::Tmpfs, &[libc::EACCES], format!("{} is mounted noexec", mount.point));
    }
    if how == Use::Code && has("noexec") && mount.kind == "tmpfs" {
        return holder(Layer::Tmpfs, &[libc::EPERM, libc::EACCES], format!("{} is mounted noexec", mount.point));
    }
    Vec::new()
}

/// Landlock opens paths and all below them, and refuses the rest: landlock(7).
fn of_rules(how: Use, place: &Place, facts: &Facts) -> Vec<Holder> {
    let Some(rules) = &facts.landlock else { return Vec::new() };
    let below =
        |paths: &[std::path::PathBuf]| paths.iter().any(|open| std::path::Path::new(&place.path).starts_with(open));
    let (open, what) = match how {
        Use::Read => (below(&rules.read_exec) || below(&rules.write), "read"),
        Use::Run => (below(&rules.read_exec), "run"),
        Use::Write | Use::Make | Use::Name => (below(&rules.write), "written"),
        // Neither is among what it rules: an open descriptor stays open, and owners are not its matter.
        Use::Owner | Use::Code | Use::Grow => (true, ""),
    };
    let why = format!("no rule of Landlock's opens {} to be {what}", place.path);
    let holder = Holder { layer: Layer::Landlock, errnos: &[libc::EACCES], ground: Ground::Rule, why };
    if open { Vec::new() } else { vec![holder] }
}

fn of_size(how: Use, place: &Place, facts: &Facts) -> Vec<Holder> {
    if !matches!(how, Use::Grow | Use::Make | Use::Name) {
        return Vec::new();
    }
    let mut holders = if how == Use::Grow {
        limit(facts, "fsize", &[libc::EFBIG], |most| format!("RLIMIT_FSIZE allows files of {}", counted(most, "byte")))
    } else {
        Vec::new()
    };
    let mount = place.mount.as_ref().filter(|mount| mount.kind == "tmpfs" && mount.point == "/tmp");
    if let Some(size) = mount.and_then(|mount| mount.value("size")).filter(|_| facts.on(Layer::Tmpfs)) {
        let why = format!("/tmp is a tmpfs of {size}");
        holders.push(Holder { layer: Layer::Tmpfs, errnos: &[libc::ENOSPC], ground: Ground::Limit, why });
    }
    holders
}

fn limit(facts: &Facts, name: &str, errnos: &'static [i32], why: impl Fn(u64) -> String) -> Vec<Holder> {
    let most = facts.limits.get(name).filter(|_| facts.on(Layer::Ulimits));
    most.map(|most| Holder { layer: Layer::Ulimits, errnos, ground: Ground::Limit, why: why(*most) })
        .into_iter()
        .collect()
}

fn tasks(facts: &Facts) -> Vec<Holder> {
    const AGAIN: &[i32] = &[libc::EAGAIN];
    // The kernel does not count those of root, or of who may pass limits over.
    let is_counted = facts.is_ordinary() && !facts.has(wants::SYS_RESOURCE) && !facts.has(wants::SYS_ADMIN);
    let nproc =
        limit(facts, "nproc", AGAIN, |most| format!("RLIMIT_NPROC allows the user {}", counted(most, "process")));
    let pids = facts.pids.filter(|_| facts.on(Layer::Pids)).map(|most| {
        let why = format!("pids.max allows the cell {most} processes and threads");
        Holder { layer: Layer::Pids, errnos: AGAIN, ground: Ground::Limit, why }
    });
    nproc.into_iter().filter(|_| is_counted).chain(pids).collect()
}

fn peer(facts: &Facts, subject: &Subject<'_>) -> Vec<Holder> {
    let mut holders = match subject.peer {
        Peer::Internet(_) | Peer::NameServer { .. } => tcp(facts),
        Peer::Unknown | Peer::Abstract(_) | Peer::Other => Vec::new(),
    };
    let far = match subject.peer {
        Peer::Internet(address) | Peer::NameServer { address, .. } => !address.ip().is_loopback(),
        Peer::Unknown => true,
        Peer::Abstract(_) | Peer::Other => false,
    };
    if facts.on(Layer::Network) && facts.cut_off {
        let network = |errnos, why: &str| {
            let why = format!("{why}{}", subject.peer.purpose());
            Holder { layer: Layer::Network, errnos, ground: Ground::Network, why }
        };
        if far {
            holders.push(network(UNREACHABLE, "the cell's network has its own loopback and nothing else"));
        }
        if subject.peer_outside {
            holders.push(network(NOBODY, "the machine has somebody there, and the cell's own network nobody"));
        }
    }
    holders
}

fn tcp(facts: &Facts) -> Vec<Holder> {
    let why = "Landlock's rules let nobody connect or bind by TCP".to_owned();
    let rules = facts.landlock.as_ref().filter(|rules| rules.tcp);
    let holder = Holder { layer: Layer::Landlock, errnos: &[libc::EACCES], ground: Ground::Rule, why };
    rules.map(|_| holder).into_iter().collect()
}

fn ipc(facts: &Facts) -> Vec<Holder> {
    let why = "the cell has an IPC namespace of its own".to_owned();
    let holder = Holder { layer: Layer::Ipc, errnos: &[], ground: Ground::Network, why };
    facts.on(Layer::Ipc).then_some(holder).into_iter().collect()
}
