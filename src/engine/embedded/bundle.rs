//! A [`CellSpec`] in the words of the OCI runtime specification
//! (opencontainers/runtime-spec, `config.md` and `config-linux.md`). Pure. What is bound into the cell is not here: the
//! root is assembled with it ([`super::root`]) before any runtime sees it, so that every runtime gets the same one.

use serde_json::{Map, Value, json};

use super::devices;
use super::ids::IdRange;
use super::userns::Outer;
use crate::engine::{CellCaps, CellNetwork, CellSeccomp, CellSpec, CgroupVersion, Limits};
use crate::kernel::disk::Disk;
use crate::policy::Bytes;

/// The version of the specification that is written.
pub const OCI_VERSION: &str = "1.0.2";

/// The file of a bundle that says everything else.
pub const CONFIG: &str = "config.json";

/// The directory of a bundle's root file system.
pub const ROOTFS: &str = "rootfs";

/// The control group above all cells' own, in every hierarchy.
pub const CGROUP_PARENT: &str = "/hotcell";

/// The length of a CFS period in microseconds, the kernel's default.
pub const CPU_PERIOD: u64 = 100_000;

/// The paths that Docker hides (moby, `oci/defaults.go`), for they tell of the whole machine.
const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// The paths that Docker makes read-only.
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// What a bundle needs to know of this machine.
#[derive(Clone, Debug)]
pub struct Ground {
    /// Capabilities that can be given here, as `CAP_…`.
    pub capabilities: Vec<String>,
    /// The version of the control groups.
    pub cgroups: Option<CgroupVersion>,
    /// The limits that can be given here.
    pub limits: Limits,
    /// The ids that a user namespace of the cell's own gets.
    pub ids: IdRange,
    /// The user namespace of an ordinary user, around all of it.
    pub outer: Option<Outer>,
}

impl Ground {
    /// The cell gets a user namespace of its own. Where there is one id only, the outer one is as good: the cell's could
    /// not tell its user from root.
    pub fn has_own_userns(&self, spec: &CellSpec) -> bool {
        spec.userns && self.outer.as_ref().is_none_or(|outer| !outer.is_alone())
    }

    /// A user namespace may mount some file systems only where it owns the namespaces that they show.
    fn is_in_userns(&self, spec: &CellSpec) -> bool {
        spec.userns || self.outer.is_some()
    }

    /// Whose the cell's root is: user and group, outside a user namespace of the cell's own.
    pub fn owner(&self, spec: &CellSpec) -> (u32, u32) {
        match &self.outer {
            _ if self.has_own_userns(spec) => (self.ids.root(), self.ids.root()),
            Some(outer) if outer.is_alone() => spec.user,
            _ => (0, 0),
        }
    }
}

/// The control group of a cell, below each hierarchy's mount.
pub fn cgroup_path(spec_name: &str) -> String {
    format!("{CGROUP_PARENT}/{spec_name}")
}

/// The bundle's `config.json`.
///
/// # Errors
/// When the profile is no JSON.
pub fn config(spec: &CellSpec, ground: &Ground) -> Result<Value, serde_json::Error> {
    Ok(json!({
        "ociVersion": OCI_VERSION,
        "hostname": spec.name.0,
        "root": { "path": ROOTFS, "readonly": spec.read_only },
        "process": process(spec, ground),
        "mounts": mounts(spec, ground),
        "linux": linux(spec, ground)?,
    }))
}

fn process(spec: &CellSpec, ground: &Ground) -> Value {
    let caps = match &spec.caps {
        CellCaps::Keep(kept) => kept,
        CellCaps::All => &ground.capabilities,
    };
    let rlimits: Vec<Value> = spec.ulimits.iter().map(rlimit).collect();
    let mut process = object(json!({
        "terminal": false,
        "user": { "uid": spec.user.0, "gid": spec.user.1 },
        "args": spec.command,
        "env": env(spec),
        "cwd": spec.workdir,
        "capabilities": { "bounding": caps, "effective": caps, "permitted": caps },
        "rlimits": rlimits,
    }));
    // libcontainer takes a `false` for a reason to load the filter only once the capabilities that it needs are gone.
    if spec.no_new_privs {
        process.insert("noNewPrivileges".to_owned(), json!(true));
    }
    process.extend(spec.apparmor.iter().map(|profile| ("apparmorProfile".to_owned(), json!(profile))));
    let label = |kind| json!(format!("system_u:system_r:{kind}:s0"));
    process.extend(spec.selinux.iter().map(|kind| ("selinuxLabel".to_owned(), label(kind))));
    Value::Object(process)
}

/// youki starts no process without a `PATH`; the shim gives the specimen its own.
fn env(spec: &CellSpec) -> Vec<String> {
    let path =
        (!spec.env.iter().any(|variable| variable.starts_with("PATH="))).then(|| "PATH=/usr/bin:/bin".to_owned());
    spec.env.iter().cloned().chain(path).collect()
}

fn rlimit((name, soft, hard): &(String, u64, u64)) -> Value {
    json!({ "type": format!("RLIMIT_{}", name.to_uppercase()), "soft": soft, "hard": hard })
}

/// The kernel's own file systems, and `/tmp`.
fn mounts(spec: &CellSpec, ground: &Ground) -> Vec<Value> {
    let mount = |at: &str, kind: &str, options: &[&str]| json!({ "destination": at, "type": kind, "source": kind, "options": options });
    let mut mounts = vec![
        mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
        mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
    ];
    let in_userns = ground.is_in_userns(spec);
    if spec.private_ipc || !in_userns {
        mounts.push(mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]));
    }
    if spec.network != CellNetwork::Host || !in_userns {
        mounts.push(mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]));
    }
    if let Some(options) = &spec.tmpfs {
        mounts.push(mount("/tmp", "tmpfs", &options.split(',').collect::<Vec<_>>()));
    }
    mounts
}

fn linux(spec: &CellSpec, ground: &Ground) -> Result<Value, serde_json::Error> {
    let mut linux = object(json!({
        "cgroupsPath": cgroup_path(&spec.name.0),
        "namespaces": namespaces(spec, ground),
        "resources": resources(spec, ground),
    }));
    if ground.has_own_userns(spec) {
        linux.insert("uidMappings".to_owned(), ground.ids.mappings());
        linux.insert("gidMappings".to_owned(), ground.ids.mappings());
    }
    if spec.proc_masks {
        linux.insert("maskedPaths".to_owned(), json!(MASKED));
        linux.insert("readonlyPaths".to_owned(), json!(READ_ONLY));
    }
    if let CellSeccomp::Profile(profile) = &spec.seccomp {
        linux.insert("seccomp".to_owned(), serde_json::from_str(profile)?);
    }
    Ok(Value::Object(linux))
}

fn namespaces(spec: &CellSpec, ground: &Ground) -> Vec<Value> {
    let kinds = [
        ("pid", true),
        ("mount", true),
        ("uts", true),
        ("cgroup", true),
        ("ipc", spec.private_ipc),
        ("network", spec.network != CellNetwork::Host),
        ("user", ground.has_own_userns(spec)),
    ];
    kinds.into_iter().filter(|(_, wanted)| *wanted).map(|(kind, _)| json!({ "type": kind })).collect()
}

fn resources(spec: &CellSpec, ground: &Ground) -> Value {
    let mut resources = object(json!({ "devices": devices::rules() }));
    if let Some((limit, swap)) = spec.memory.filter(|_| ground.limits.memory) {
        let mut memory = object(json!({ "limit": signed(limit.0) }));
        if ground.limits.swap && ground.cgroups == Some(CgroupVersion::V2) {
            // libcontainer takes no swap at all for "no limit" in the other form.
            resources.insert("unified".to_owned(), json!({ "memory.swap.max": swap.0.to_string() }));
        } else if ground.limits.swap {
            memory.insert("swap".to_owned(), json!(signed(limit.0.saturating_add(swap.0))));
        }
        resources.insert("memory".to_owned(), Value::Object(memory));
    }
    if let Some(share) = spec.cpu.filter(|_| ground.limits.cpu) {
        let quota = u64::from(share.0) * CPU_PERIOD / 1000;
        resources.insert("cpu".to_owned(), json!({ "quota": quota, "period": CPU_PERIOD }));
    }
    resources
        .extend(spec.pids.filter(|_| ground.limits.pids).map(|most| ("pids".to_owned(), json!({ "limit": most }))));
    if !spec.disks.is_empty() && ground.limits.io {
        let throttle = |(Disk { number: (major, minor), .. }, rate): &(Disk, Bytes)| json!({ "major": major, "minor": minor, "rate": rate.0 });
        let throttles: Vec<Value> = spec.disks.iter().map(throttle).collect();
        let both = json!({ "throttleReadBpsDevice": throttles, "throttleWriteBpsDevice": throttles });
        resources.insert("blockIO".to_owned(), both);
    }
    Value::Object(resources)
}

/// The specification's integers are signed; beyond their range a limit means "as much as there is".
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The members of an object that was written out.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests;
