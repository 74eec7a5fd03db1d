//! Layers are proven, not assumed: each is read back from the kernel. What is
//! read ([`Reading`]) is kept apart from what it means ([`judge`]), which is
//! pure. Nothing holds because a flag was passed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use super::apparmor::Confinement;
use crate::kernel::cgroup::Cgroup;
use crate::kernel::disk::{self, Disk, Number, Rates};
use crate::kernel::procfs::{self, Mount, Status};
use crate::plan::CellPlan;
use crate::policy::{Bytes, Layer, Millicores, NetworkMode, Policy};
use crate::run::{Enforcement, Force, LayerState};

/// What the kernel says of one process of a cell.
#[derive(Debug)]
pub struct Reading {
    pub(super) status: Status,
    pub(super) mounts: Vec<Mount>,
    pub(super) limits: String,
    /// Whether the process is in another namespace than this one, by kind; `None` where it could not be read.
    apart: BTreeMap<&'static str, Option<bool>>,
    /// The LSM label; empty where there is none.
    pub(super) label: String,
    pub(super) confinement: Confinement,
    pub(super) interfaces: Vec<String>,
    /// Which of the paths that engines mask this kernel has.
    proc_paths: Vec<&'static str>,
    /// The user that hotcell itself runs as.
    own_user: u32,
    /// Lines of `uid_map`: inside, outside, count.
    pub(super) id_map: Vec<(u32, u32, u32)>,
    memory: Result<Option<Bytes>, String>,
    swap: Result<Option<Bytes>, String>,
    cpu: Result<Option<Millicores>, String>,
    pub(super) pids: Result<Option<u64>, String>,
    disks: Result<BTreeMap<Number, Rates>, String>,
}

impl Reading {
    /// Reads a process of the cell and its control group.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn of(pid: u32, cgroup: Option<&Cgroup>) -> io::Result<Self> {
        let apart = ["net", "ipc", "user"].map(|kind| (kind, is_apart(pid, kind)));
        let cgroup = cgroup.ok_or_else(|| "its control group is not visible here".to_owned());
        let limit = |read: &dyn Fn(&Cgroup) -> io::Result<Option<u64>>| {
            read(cgroup.clone()?).map_err(|error| error.to_string())
        };
        let bytes = |bytes: Option<Bytes>| bytes.map(|bytes| bytes.0);
        let label = read_label(pid);
        Ok(Self {
            status: Status::read(pid)?,
            mounts: procfs::mounts(pid)?,
            limits: fs::read_to_string(format!("/proc/{pid}/limits"))?,
            apart: BTreeMap::from(apart),
            confinement: Confinement::of(&label),
            label,
            interfaces: read_interfaces(pid),
            proc_paths: MASKED.into_iter().chain(READ_ONLY).filter(|path| Path::new(path).exists()).collect(),
            own_user: rustix::process::geteuid().as_raw(),
            id_map: read_id_map(pid),
            memory: limit(&|cgroup| cgroup.memory_limit().map(bytes)).map(|limit| limit.map(Bytes)),
            swap: limit(&|cgroup| cgroup.swap_limit().map(bytes)).map(|limit| limit.map(Bytes)),
            cpu: limit(&|cgroup| Ok(cgroup.cpu_limit()?.map(|share| u64::from(share.0))))
                .map(|limit| limit.map(|share| Millicores(u32::try_from(share).unwrap_or(u32::MAX)))),
            pids: limit(&|cgroup| cgroup.pids_limit()),
            disks: cgroup.and_then(|cgroup| cgroup.disk_rates().map_err(|error| error.to_string())),
        })
    }

    /// The specimen is an ordinary user who runs hotcell, whatever the cell calls it.
    fn is_own_user(&self) -> bool {
        self.own_user != 0 && self.status.ids("Uid").contains(&self.own_user)
    }

    /// An id of this user namespace as the cell sees it.
    pub(super) fn id_inside(&self, outer: u32) -> u32 {
        self.id_map
            .iter()
            .find(|(_, base, count)| outer.checked_sub(*base).is_some_and(|offset| offset < *count))
            .map_or(outer, |(inside, base, _)| inside + (outer - base))
    }
}

fn is_apart(pid: u32, kind: &str) -> Option<bool> {
    let theirs = procfs::namespace(pid, kind).ok()?;
    // hotcell may itself be in a namespace of its own: the host's is process 1's, where that may be read.
    let ours = procfs::namespace(1, kind).or_else(|_| procfs::namespace(std::process::id(), kind)).ok()?;
    Some(theirs != ours)
}

/// The LSM label; empty where no LSM gives one.
fn read_label(pid: u32) -> String {
    ["attr/apparmor/current", "attr/current"]
        .iter()
        .find_map(|file| fs::read_to_string(format!("/proc/{pid}/{file}")).ok())
        .map_or_else(String::new, |label| label.trim_end_matches(['\n', '\0']).to_owned())
}

fn read_interfaces(pid: u32) -> Vec<String> {
    let table = fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap_or_default();
    table.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect()
}

/// `INSIDE OUTSIDE COUNT` lines: `user_namespaces(7)`.
fn read_id_map(pid: u32) -> Vec<(u32, u32, u32)> {
    let map = fs::read_to_string(format!("/proc/{pid}/uid_map")).unwrap_or_default();
    map.lines()
        .filter_map(|line| {
            let mut numbers = line.split_whitespace().map(|number| number.parse().ok());
            Some((numbers.next()??, numbers.next()??, numbers.next()??))
        })
        .collect()
}

type Verdict = (Force, String);

fn yes(detail: impl Into<String>) -> Verdict {
    (Force::Yes, detail.into())
}

fn no(detail: impl Into<String>) -> Verdict {
    (Force::No, detail.into())
}

fn unverified(detail: impl Into<String>) -> Verdict {
    (Force::Unverified, detail.into())
}

fn holds(held: bool, detail: impl Into<String>) -> Verdict {
    if held { yes(detail) } else { no(detail) }
}

/// Every layer's state in a cell that this kernel runs.
pub fn judge_all(plan: &CellPlan, reading: &Reading) -> Vec<LayerState> {
    states(plan, |layer| judge(layer, plan, reading))
}

/// Every layer's state in a cell whose specimen runs already: what a process can do to itself, it may have done since,
/// and whether the engine did it cannot be told.
pub fn judge_running(plan: &CellPlan, reading: &Reading) -> Vec<LayerState> {
    states(plan, |layer| match (layer, judge(layer, plan, reading)) {
        (
            Layer::Seccomp | Layer::NoNewPrivs | Layer::Caps | Layer::Ulimits | Layer::User | Layer::Landlock,
            (Force::Yes, detail),
        ) => unverified(format!("{detail}: read while the specimen ran, which could have done it")),
        (_, verdict) => verdict,
    })
}

/// Every layer's state where nothing of the cell can be read, and why.
pub fn all_unverified(plan: &CellPlan, reason: &str) -> Vec<LayerState> {
    states(plan, |layer| match layer {
        Layer::Timeout | Layer::Output | Layer::Env => own_doing(layer, plan),
        _ => unverified(reason),
    })
}

/// A cell whose runtime has a kernel of its own: what this kernel limits from outside is read, the rest is not.
pub fn judge_outside(plan: &CellPlan, reading: &Reading) -> Vec<LayerState> {
    let reason = format!("{} enforces it in a kernel of its own, which cannot be read from here", plan.runtime);
    states(plan, |layer| match layer {
        Layer::Memory | Layer::Cpu | Layer::Pids | Layer::Io | Layer::Timeout | Layer::Output | Layer::Env => {
            judge(layer, plan, reading)
        }
        _ => unverified(reason.clone()),
    })
}

fn states(plan: &CellPlan, mut judge: impl FnMut(Layer) -> Verdict) -> Vec<LayerState> {
    Layer::ALL
        .into_iter()
        .map(|layer| {
            let (in_force, detail) = judge(layer);
            let unavailable = plan.unavailable.get(&layer).cloned();
            LayerState { layer, asked: plan.request.policy.is_on(layer), unavailable, in_force, detail }
        })
        .collect()
}

/// One layer, from what was read.
fn judge(layer: Layer, plan: &CellPlan, reading: &Reading) -> Verdict {
    let policy = &plan.request.policy;
    match layer {
        Layer::Network => network(policy, reading),
        Layer::Rootfs => rootfs(policy, reading),
        Layer::Tmpfs => tmpfs(policy, reading),
        Layer::Memory => memory(policy, reading),
        Layer::Cpu => match (&reading.cpu, policy.cpu.get()) {
            (Err(reason), _) => unverified(reason.clone()),
            (Ok(None), _) => no("no quota"),
            (Ok(Some(share)), asked) => {
                holds(asked.is_none_or(|asked| share.0.abs_diff(asked.0) <= 1), format!("{share} CPUs"))
            }
        },
        Layer::Pids => match (&reading.pids, policy.pids.get()) {
            (Err(reason), _) => unverified(reason.clone()),
            (Ok(None), _) => no("no limit"),
            (Ok(Some(most)), asked) => {
                holds(asked.is_none_or(|asked| *most <= u64::from(asked.0)), format!("{most} processes and threads"))
            }
        },
        Layer::Io => io(plan, reading),
        Layer::Caps => caps(policy, reading),
        Layer::NoNewPrivs => no_new_privs(plan, reading),
        Layer::Seccomp => match (reading.status.field("Seccomp"), reading.status.field("Seccomp_filters")) {
            (None, _) => unverified("the kernel does not tell"),
            (Some("2"), _) if plan.enforcement == Enforcement::Supervised && reaches_past_the_filter(reading) => {
                yes("filter mode; but the capabilities that the specimen keeps reach past any filter: see caps")
            }
            (Some("2"), count) => yes(format!("filter mode, {} filter(s)", count.unwrap_or("some"))),
            (Some(_), _) => no("no filter"),
        },
        Layer::Apparmor => apparmor(policy, reading),
        Layer::Selinux => selinux(policy, reading),
        Layer::Landlock => landlock(plan),
        Layer::Ulimits => ulimits(policy, reading),
        Layer::User => user(plan, reading),
        Layer::Userns => apart(reading, "user", "user namespace"),
        Layer::Ipc => apart(reading, "ipc", "IPC namespace"),
        Layer::ProcMasks => proc_masks(reading),
        Layer::Runtime => runtime(plan),
        Layer::Env | Layer::Timeout | Layer::Output => own_doing(layer, plan),
    }
}

fn io(plan: &CellPlan, reading: &Reading) -> Verdict {
    let rates = match &reading.disks {
        Err(reason) => return unverified(reason.clone()),
        Ok(rates) if rates.is_empty() => return no("no disk's rate is limited"),
        Ok(rates) => rates,
    };
    let root = procfs::mount_at(&reading.mounts, "/");
    if let Some(root) = root.filter(|root| root.kind.starts_with("fuse")) {
        return no(format!("its files come through {}, a process that the limit does not hold", root.kind));
    }
    // Where an overlay keeps what is written tells where its files are.
    let upper = root.filter(|root| root.kind == "overlay").and_then(|root| root.value("upperdir"));
    let cells_own = upper.and_then(|upper| disk::holding(&[upper]).ok()).unwrap_or_default();
    let disks: Vec<&Disk> =
        plan.disks.iter().chain(cells_own.iter().filter(|disk| !plan.disks.contains(disk))).collect();
    if disks.is_empty() {
        return no("not on any disk that the cell's files are known to lie on");
    }
    let asked = plan.request.policy.io.get();
    let is_met = |rate: Option<Bytes>| rate.is_some_and(|rate| asked.is_none_or(|asked| rate <= asked.rate));
    let is_slow = |disk: &Disk| rates.get(&disk.number).is_some_and(|rates| is_met(rates.read) && is_met(rates.write));
    match disks.iter().find(|disk| !is_slow(disk)) {
        Some(disk) => no(format!("{} is not limited so", disk.node.display())),
        None => yes(disks.iter().map(|disk| told(disk, rates[&disk.number])).collect::<Vec<_>>().join(", ")),
    }
}

/// `20 MiB/s from and to /dev/sda`.
fn told(disk: &Disk, rates: Rates) -> String {
    let rate = |rate: Option<Bytes>| rate.map_or("no limit".to_owned(), |rate| format!("{rate}/s"));
    let (read, write, disk) = (rate(rates.read), rate(rates.write), disk.node.display());
    if read == write { format!("{read} from and to {disk}") } else { format!("{read} from and {write} to {disk}") }
}

/// Capabilities with which a process takes over one that has no filter, such as the shim, or the kernel itself:
/// `CAP_SYS_MODULE`, `CAP_SYS_RAWIO`, `CAP_SYS_PTRACE`, `CAP_SYS_ADMIN`, `CAP_BPF` (capabilities(7)).
const BEYOND_FILTERS: u64 = 1 << 16 | 1 << 17 | 1 << 19 | 1 << 21 | 1 << 39;

/// What an unprivileged user may never get back does not count: it needs root, or a set it holds now.
fn reaches_past_the_filter(reading: &Reading) -> bool {
    let held = ["CapPrm", "CapEff", "CapInh", "CapAmb"].map(|name| reading.status.capabilities(name).unwrap_or(0));
    held.into_iter().fold(0, |all, set| all | set) & BEYOND_FILTERS != 0
}

/// Layers that hotcell itself carries out: what it does is what holds.
fn own_doing(layer: Layer, plan: &CellPlan) -> Verdict {
    let policy = &plan.request.policy;
    match layer {
        Layer::Env if policy.env.on => yes(format!("{} variables, none of the host's", plan.env().len())),
        Layer::Env => no("the host's environment is passed in"),
        Layer::Timeout => match (plan.deadline(), plan.enforcement) {
            (None, _) => no("no deadline"),
            (Some(time), Enforcement::Supervised) => yes(format!("{time:?}, kept by the shim and by hotcell")),
            (Some(time), Enforcement::Native) => yes(format!("{time:?}, kept by hotcell")),
        },
        _ if policy.output.on => {
            let caps = plan.output_caps();
            yes(format!("{} of stdout and {} of stderr are kept", caps.stdout, caps.stderr))
        }
        _ => no(format!("{} of each stream are kept", plan.output_caps().stdout)),
    }
}

fn network(policy: &Policy, reading: &Reading) -> Verdict {
    let others: Vec<&str> = reading.interfaces.iter().map(String::as_str).filter(|name| *name != "lo").collect();
    match (reading.apart["net"], policy.network.get()) {
        (None, _) => unverified("the network namespace could not be read"),
        (Some(false), _) => no("the host's own network namespace"),
        (Some(true), Some(NetworkMode::None)) if others.is_empty() => yes("own namespace, loopback only"),
        // Devices that the kernel puts into every new namespace carry no traffic unless set up: judged by what is up.
        (Some(true), Some(NetworkMode::None)) => holds(
            others.iter().all(|name| FALLBACK_DEVICES.contains(name)),
            format!("own namespace with {}", others.join(", ")),
        ),
        (Some(true), _) => yes(format!("own namespace with {}", others.join(", "))),
    }
}

/// Tunnel devices that the kernel itself makes in a new network namespace, down
/// (`net.core.fb_tunnels_only_for_init_net`).
const FALLBACK_DEVICES: [&str; 9] =
    ["tunl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "sit0", "ip6tnl0", "ip6gre0"];

fn rootfs(policy: &Policy, reading: &Reading) -> Verdict {
    let Some(root) = procfs::mount_at(&reading.mounts, "/") else {
        return unverified("no root mount is listed");
    };
    if !root.options.iter().any(|option| option == "ro") {
        return no("the root file system is writable");
    }
    // Who made the cell's own file systems may write to them.
    let root_user = reading.status.ids("Uid").contains(&0) || reading.is_own_user();
    // /tmp is the tmpfs layer's; what else can be written to disk or memory belongs to this layer's claim.
    let writable: Vec<&str> = reading
        .mounts
        .iter()
        .filter(|mount| mount.options.iter().any(|option| option == "rw") && is_storage(mount, root_user))
        .map(|mount| mount.point.as_str())
        .filter(|point| !(policy.tmpfs.on && *point == "/tmp"))
        .collect();
    yes(match writable[..] {
        [] => "read-only".to_owned(),
        _ => format!("read-only; writable: {}", writable.join(", ")),
    })
}

/// Whether files can be kept on it: not the kernel's own views, nor what masks a file of theirs. `/dev` is a tmpfs that
/// only root may write.
fn is_storage(mount: &Mount, root_user: bool) -> bool {
    let kernel_view = ["/proc", "/sys", "/dev"]
        .iter()
        .any(|view| mount.point.strip_prefix(view).is_some_and(|below| below.is_empty() || below.starts_with('/')));
    !kernel_view || mount.point == "/dev/shm" || (root_user && mount.point == "/dev")
}

fn tmpfs(policy: &Policy, reading: &Reading) -> Verdict {
    let Some(mount) = procfs::mount_at(&reading.mounts, "/tmp").filter(|mount| mount.kind == "tmpfs") else {
        return no("/tmp is no tmpfs");
    };
    let size = mount.value("size").and_then(parse_kib);
    let noexec = mount.has("noexec");
    let detail = format!(
        "{}{}{}{}",
        size.map_or_else(|| "no size limit".to_owned(), |size| size.to_string()),
        if noexec { ", noexec" } else { "" },
        if mount.has("nosuid") { ", nosuid" } else { "" },
        if mount.has("nodev") { ", nodev" } else { "" },
    );
    let held = policy.tmpfs.get().is_none_or(|asked| {
        size.is_some_and(|size| size <= asked.size)
            && (asked.exec || noexec)
            && mount.has("nosuid")
            && mount.has("nodev")
    });
    holds(held, detail)
}

/// tmpfs shows its size as `size=51200k` (mm/shmem.c).
fn parse_kib(text: &str) -> Option<Bytes> {
    Some(Bytes(text.strip_suffix('k')?.parse::<u64>().ok()? * 1024))
}

fn memory(policy: &Policy, reading: &Reading) -> Verdict {
    let limit = match &reading.memory {
        Err(reason) => return unverified(reason.clone()),
        Ok(None) => return no("no limit"),
        Ok(Some(limit)) => *limit,
    };
    let Some(asked) = policy.memory.get() else {
        return yes(limit.to_string());
    };
    match &reading.swap {
        _ if limit > asked.limit => no(format!("{limit}, more than asked")),
        Ok(Some(swap)) if *swap <= asked.swap => yes(format!("{limit}, swap {swap}")),
        Ok(Some(swap)) => no(format!("{limit}, but swap {swap}")),
        _ if no_swap_on_host() => yes(format!("{limit}; this host has no swap")),
        Ok(None) => no(format!("{limit}, but swap without limit")),
        Err(_) => no(format!("{limit}, but the kernel does not account for swap")),
    }
}

fn no_swap_on_host() -> bool {
    fs::read_to_string("/proc/swaps").is_ok_and(|swaps| swaps.lines().count() <= 1)
}

fn caps(policy: &Policy, reading: &Reading) -> Verdict {
    let sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
    let Some(held) =
        sets.map(|name| reading.status.capabilities(name)).into_iter().try_fold(0, |all, set| Some(all | set?))
    else {
        return unverified("the kernel does not tell");
    };
    let allowed = policy.caps.get().map_or(0, |caps| caps.keep.iter().fold(0, |set, cap| set | 1_u64 << cap.number()));
    let detail = match held {
        0 => "none in any set".to_owned(),
        set => format!("{} capabilities in reach ({set:#x})", set.count_ones()),
    };
    holds(held & !allowed == 0, detail)
}

fn no_new_privs(plan: &CellPlan, reading: &Reading) -> Verdict {
    match reading.status.field("NoNewPrivs") {
        Some("1") if !plan.request.policy.no_new_privs.on => {
            yes("set all the same: an unprivileged process may not filter itself without it")
        }
        Some("1") => yes("set"),
        Some(_) => no("not set"),
        None => unverified("the kernel does not tell"),
    }
}

fn apparmor(policy: &Policy, reading: &Reading) -> Verdict {
    let label = &reading.label;
    if label.is_empty() || label.contains(':') {
        return no("no AppArmor label");
    }
    let is_meant = |profile: &str| policy.apparmor.get().is_none_or(|asked| asked.is_met_by(profile));
    match reading.confinement.enforces(is_meant) {
        Some(enforced) => holds(enforced, label.clone()),
        None => unverified(format!("{label}: the mode of each is for root to read")),
    }
}

/// A label is `user:role:type:level`.
fn selinux(policy: &Policy, reading: &Reading) -> Verdict {
    let Some(kind) = reading.label.split(':').nth(2) else {
        return no("no SELinux label");
    };
    holds(policy.selinux.get().is_none_or(|asked| asked.0 == kind), reading.label.clone())
}

fn landlock(plan: &CellPlan) -> Verdict {
    let policy = &plan.request.policy;
    if !policy.landlock.on || plan.unavailable.contains_key(&Layer::Landlock) {
        return no("no rule set");
    }
    // A refused rule set would have ended the launch.
    unverified("the kernel took the rule set, and has no way to read one back")
}

fn ulimits(policy: &Policy, reading: &Reading) -> Verdict {
    let Some(asked) = policy.ulimits.get() else {
        return no("the engine's own");
    };
    let mut parts = Vec::new();
    let mut held = true;
    for (name, wanted) in &asked.0 {
        let found = procfs::parse_limit(&reading.limits, procfs::limit_row(*name));
        held &= found.is_some_and(|(soft, hard)| soft <= wanted.0 && hard <= wanted.1);
        let shown = found.map_or_else(|| "?".to_owned(), |(soft, hard)| format!("{}:{}", limit(soft), limit(hard)));
        parts.push(format!("{} {shown}", name.name()));
    }
    holds(held, parts.join(", "))
}

fn limit(value: u64) -> String {
    if value == u64::MAX { "unlimited".to_owned() } else { value.to_string() }
}

fn user(plan: &CellPlan, reading: &Reading) -> Verdict {
    let asked = plan.user();
    let ids = |name| reading.status.ids(name).into_iter().map(|id| reading.id_inside(id)).collect::<Vec<_>>();
    let (users, groups) = (ids("Uid"), ids("Gid"));
    let groups_beside = reading.status.field("Groups").unwrap_or_default();
    let root = users.contains(&0);
    let as_asked = users.iter().all(|uid| *uid == asked.uid) && groups.iter().all(|gid| *gid == asked.gid);
    let detail = format!(
        "uid {}, gid {}{}{}",
        users.first().map_or_else(|| "?".to_owned(), ToString::to_string),
        groups.first().map_or_else(|| "?".to_owned(), ToString::to_string),
        if groups_beside.is_empty() { String::new() } else { format!(", groups {groups_beside}") },
        if reading.is_own_user() { "; to the machine it is whoever runs hotcell" } else { "" },
    );
    holds(as_asked && !users.is_empty() && (plan.request.policy.user.on || !root), detail)
}

fn apart(reading: &Reading, kind: &str, words: &str) -> Verdict {
    match reading.apart[kind] {
        Some(true) => yes(format!("own {words}")),
        Some(false) => no(format!("the host's {words}")),
        None => unverified(format!("the {words} could not be read")),
    }
}

/// The paths that both engines mask: the OCI default set has more, these are in every version of it.
const MASKED: [&str; 3] = ["/proc/kcore", "/proc/keys", "/proc/timer_list"];
/// The paths that both engines make read-only.
const READ_ONLY: [&str; 2] = ["/proc/sys", "/proc/sysrq-trigger"];

fn proc_masks(reading: &Reading) -> Verdict {
    let is_masked = |path: &str| procfs::mount_at(&reading.mounts, path).is_some();
    let is_read_only = |path: &str| {
        procfs::mount_at(&reading.mounts, path).is_some_and(|mount| mount.options.iter().any(|option| option == "ro"))
    };
    // What this kernel does not have needs no mask.
    let here = |paths: &[&'static str]| -> Vec<&'static str> {
        paths.iter().copied().filter(|path| reading.proc_paths.contains(path)).collect()
    };
    let (masked, read_only) = (here(&MASKED), here(&READ_ONLY));
    let open: Vec<&str> = masked
        .iter()
        .filter(|path| !is_masked(path))
        .chain(read_only.iter().filter(|path| !is_read_only(path)))
        .copied()
        .collect();
    match open[..] {
        [] => yes(format!("masked: {}; read-only: {}", masked.join(", "), read_only.join(", "))),
        _ => no(format!("open: {}", open.join(", "))),
    }
}

fn runtime(plan: &CellPlan) -> Verdict {
    match plan.request.policy.runtime.get() {
        None => no(format!("the engine's default, {}", plan.runtime)),
        Some(asked) if asked.0 == plan.runtime => {
            unverified(format!("the engine was asked for {}; no kernel file names a runtime", plan.runtime))
        }
        Some(_) => no(format!("{} instead", plan.runtime)),
    }
}
