//! What the embedded engine can give on this machine.

use std::fs;
use std::path::Path;

use rustix::process::{geteuid, getgroups};
use rustix::thread::{CapabilitySet, capability_is_in_bounding_set};

use super::bundle::{Ground, OCI_VERSION};
use super::cgroups;
use super::ids::IdRange;
use super::runtime::{OWN, OWN_VERSION, Runtime};
use super::userns::Outer;
use super::view;
use crate::engine::{Capabilities, CellSpec, EngineKind};
use crate::kernel::disk;
use crate::policy::Apparmor;

/// The user whose subordinate ids are for cells' user namespaces.
const ID_OWNER: &str = "hotcell";

/// Capabilities that gVisor of 2022 does not know and fails at; its kernel has nothing that they would allow.
const GVISOR_REFUSES: CapabilitySet =
    CapabilitySet::PERFMON.union(CapabilitySet::BPF).union(CapabilitySet::CHECKPOINT_RESTORE);

/// Reads them; cells' files are programs of this machine's, or images in this directory.
pub fn read(images: &Path) -> Capabilities {
    let uname = rustix::system::uname();
    let (cgroup_version, limits, unlimited) = cgroups::limits();
    Capabilities {
        kind: EngineKind::Embedded,
        version: OWN_VERSION.to_owned(),
        api_version: OCI_VERSION.to_owned(),
        runtimes: Runtime::all().iter().map(|runtime| runtime.name().to_owned()).collect(),
        without_seccomp: Vec::new(),
        default_runtime: OWN.to_owned(),
        runtime_choice: true,
        cgroup_version,
        limits,
        unlimited,
        disks: disk::holding(&view::programs().chain(images.exists().then(|| images.to_owned())).collect::<Vec<_>>()),
        security: security(),
        rootless: !geteuid().is_root(),
        local: true,
        kernel: uname.release().to_string_lossy().into_owned(),
        architecture: uname.machine().to_string_lossy().into_owned(),
        warnings: Vec::new(),
    }
}

/// In the words that Docker has for them.
fn security() -> Vec<String> {
    let kernel_has = [
        ("seccomp", "/proc/sys/kernel/seccomp"),
        ("apparmor", "/sys/kernel/security/apparmor"),
        ("userns", "/proc/self/ns/user"),
        ("cgroupns", "/proc/self/ns/cgroup"),
    ];
    let has = |(name, path): (&str, &str)| Path::new(path).exists().then(|| name.to_owned());
    kernel_has.into_iter().filter_map(has).collect()
}

/// What the bundle of this cell needs to know.
pub fn ground(spec: &CellSpec, runtime: &Runtime) -> Ground {
    let ranges = fs::read_to_string("/etc/subuid").unwrap_or_default();
    let can_give = |(_, cap): &(&str, CapabilitySet)| matches!(capability_is_in_bounding_set(*cap), Ok(true));
    let takes = |(_, cap): &(&str, CapabilitySet)| !runtime.is_gvisor() || !GVISOR_REFUSES.contains(*cap);
    let capabilities = CapabilitySet::all().iter_names().filter(can_give).filter(takes);
    let outer = (!geteuid().is_root()).then(|| Outer::holding(spec.user));
    let (cgroups, limits, _) = cgroups::limits();
    Ground {
        capabilities: capabilities.map(|(name, _)| format!("CAP_{name}")).collect(),
        cgroups,
        limits,
        ids: match outer {
            Some(_) => IdRange::below_root(),
            None => IdRange::holding(spec.user, ID_OWNER, &ranges),
        },
        outer,
    }
}

/// The AppArmor profiles that this kernel has, a line each: `NAME (MODE)`.
const PROFILES: &str = "/sys/kernel/security/apparmor/profiles";

/// The AppArmor profile for a cell. Docker's own is there only where Docker was started: without it a cell could not be
/// made at all, so it is left out, which the reading of the layers tells.
pub fn apparmor(asked: Option<&str>) -> (Option<String>, Option<String>) {
    match asked {
        Some(Apparmor::ENGINE_DEFAULT) if !is_loaded(&fs::read_to_string(PROFILES).unwrap_or_default()) => {
            let missing = Apparmor::ENGINE_DEFAULT;
            (None, Some(format!("this kernel has no AppArmor profile {missing}: load it, or name one that is loaded")))
        }
        asked => (asked.map(str::to_owned), None),
    }
}

fn is_loaded(profiles: &str) -> bool {
    profiles.lines().any(|line| line.split(" (").next() == Some(Apparmor::ENGINE_DEFAULT))
}

/// What is asked for and cannot be had here, though its layer can.
pub fn shortfalls(spec: &CellSpec, ground: &Ground) -> Vec<String> {
    let mut warnings = Vec::new();
    if ground.outer.as_ref().is_some_and(Outer::is_alone) {
        warnings.push(alone(spec.user.0));
    }
    if spec.memory.is_some() && ground.limits.memory && !ground.limits.swap {
        warnings.push("this kernel does not account for swap: memory alone is limited".to_owned());
    }
    warnings
}

/// What it means that this user has one id only.
fn alone(user: u32) -> String {
    let me = geteuid().as_raw();
    let others = getgroups().is_ok_and(|groups| groups.iter().any(|group| *group != rustix::process::getegid()));
    let groups = if others { " and keeps this user's groups, which the kernel lets nobody leave" } else { "" };
    format!(
        "user: uid {user} of the cell is this user, {me}, to the machine{groups}; for ids of nobody's give this user \
         65536 in /etc/subuid and /etc/subgid, and have newuidmap (package uidmap)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_apparmor_profile_counts_only_where_it_is_loaded() {
        assert!(is_loaded("/usr/bin/man (enforce)\ndocker-default (enforce)\n"));
        assert!(!is_loaded("docker-default-old (enforce)\n"));
        assert_eq!(apparmor(Some("mine")), (Some("mine".to_owned()), None));
        assert_eq!(apparmor(None), (None, None));
    }
}
