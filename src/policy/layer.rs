//! The isolation layers: their names, what each stops and who enforces it.

use std::fmt;

use serde::{Serialize, Serializer};

use super::Policy;
use super::error::{UnknownLayer, ValueError};
use super::raw::{quoted, suggest};

/// One isolation mechanism that can be on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "`stops` says what each is")]
pub enum Layer {
    Network,
    Rootfs,
    Tmpfs,
    Memory,
    Cpu,
    Pids,
    Io,
    Caps,
    NoNewPrivs,
    Seccomp,
    Apparmor,
    Selinux,
    Landlock,
    Ulimits,
    User,
    Userns,
    Ipc,
    Env,
    ProcMasks,
    Runtime,
    Timeout,
    Output,
}

/// Who enforces a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The engine, when it makes the cell.
    Engine,
    /// The shim inside the cell, when it starts the specimen.
    Shim,
    /// The shim; the engine where the policy is enforced natively.
    ShimOrEngine,
    /// hotcell itself, outside the cell.
    Workbench,
}

impl Layer {
    /// Every layer, in the order in which they are shown.
    pub const ALL: [Self; 22] = [
        Self::Network,
        Self::Rootfs,
        Self::Tmpfs,
        Self::Memory,
        Self::Cpu,
        Self::Pids,
        Self::Io,
        Self::Caps,
        Self::NoNewPrivs,
        Self::Seccomp,
        Self::Apparmor,
        Self::Selinux,
        Self::Landlock,
        Self::Ulimits,
        Self::User,
        Self::Userns,
        Self::Ipc,
        Self::Env,
        Self::ProcMasks,
        Self::Runtime,
        Self::Timeout,
        Self::Output,
    ];

    /// Its name on the command line, in policy files and in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Rootfs => "rootfs",
            Self::Tmpfs => "tmpfs",
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Pids => "pids",
            Self::Io => "io",
            Self::Caps => "caps",
            Self::NoNewPrivs => "no-new-privs",
            Self::Seccomp => "seccomp",
            Self::Apparmor => "apparmor",
            Self::Selinux => "selinux",
            Self::Landlock => "landlock",
            Self::Ulimits => "ulimits",
            Self::User => "user",
            Self::Userns => "userns",
            Self::Ipc => "ipc",
            Self::Env => "env",
            Self::ProcMasks => "proc-masks",
            Self::Runtime => "runtime",
            Self::Timeout => "timeout",
            Self::Output => "output",
        }
    }

    /// The layer of that name.
    ///
    /// # Errors
    /// A name that no layer has: the message lists them all, and the nearest.
    pub fn from_name(name: &str) -> Result<Self, UnknownLayer> {
        Self::ALL.into_iter().find(|layer| layer.name() == name).ok_or_else(|| {
            let problem = format!("{} is no layer{}", quoted(name), suggest(name, Self::ALL.map(Self::name)));
            UnknownLayer(ValueError::new(problem, Self::names()))
        })
    }

    /// Every name, separated by commas.
    pub(super) fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// What it stops, in one sentence.
    pub const fn stops(self) -> &'static str {
        match self {
            Self::Network => {
                "Keeps the specimen from reaching any network, so nothing is sent out and nothing is fetched."
            }
            Self::Rootfs => {
                "Makes the root file system read-only, so programs and configuration in the cell cannot be changed."
            }
            Self::Tmpfs => {
                "Gives a small private /tmp in memory, so scratch files can neither fill a disk nor, without exec, be run."
            }
            Self::Memory => "Kills the specimen when it takes more memory than its share, before the host runs out.",
            Self::Cpu => "Caps the share of CPU time, so a busy loop does not starve the host.",
            Self::Pids => "Caps processes and threads, so a fork bomb ends with an error instead of a dead host.",
            Self::Io => "Caps how fast the disks are read and written, so a scan of them does not starve the host.",
            Self::Caps => {
                "Takes away root's special powers, so even user 0 in the cell cannot mount, trace or change owners."
            }
            Self::NoNewPrivs => "Keeps set-user-id programs and file capabilities from raising privileges.",
            Self::Seccomp => {
                "Refuses system calls that the profile does not allow, which closes most ways into the kernel."
            }
            Self::Apparmor => "Refuses files, mounts and capabilities that the AppArmor profile does not grant.",
            Self::Selinux => "Confines the specimen to what its SELinux type may touch.",
            Self::Landlock => {
                "Refuses files outside the listed directories, and TCP where asked, whatever user the specimen is."
            }
            Self::Ulimits => "Caps each process's open files, processes of its user, file sizes and the like.",
            Self::User => {
                "Runs the specimen as an unprivileged user, so that root's files and processes are out of its reach."
            }
            Self::Userns => {
                "Maps the cell's user ids to unprivileged ones of the host, so root in the cell is nobody outside."
            }
            Self::Ipc => {
                "Gives private System V IPC and POSIX message queues, so other programs' shared memory cannot be attached."
            }
            Self::Env => "Withholds the host's environment variables, where tokens and keys often are.",
            Self::ProcMasks => {
                "Hides or write-protects the paths of /proc and /sys that tell of the host or change it."
            }
            Self::Runtime => {
                "Runs the cell under another OCI runtime, such as gVisor's runsc with a kernel of its own."
            }
            Self::Timeout => "Kills everything in the cell once the deadline has passed.",
            Self::Output => {
                "Keeps only the first bytes of stdout and stderr, so a print loop fills neither memory nor disk."
            }
        }
    }

    /// What it is set to where nothing else is said, as `--layer` takes it.
    pub fn default_setting(self) -> String {
        Policy::blank("").setting(self)
    }

    /// Who enforces it.
    pub const fn enforced_at(self) -> Place {
        match self {
            Self::Network
            | Self::Rootfs
            | Self::Tmpfs
            | Self::Memory
            | Self::Cpu
            | Self::Pids
            | Self::Io
            | Self::Caps
            | Self::NoNewPrivs
            | Self::Apparmor
            | Self::Selinux
            | Self::User
            | Self::Userns
            | Self::Ipc
            | Self::ProcMasks
            | Self::Runtime => Place::Engine,
            Self::Landlock | Self::Timeout | Self::Env => Place::Shim,
            Self::Seccomp | Self::Ulimits => Place::ShimOrEngine,
            Self::Output => Place::Workbench,
        }
    }

    /// What it needs of the host and the engine, and lacks where it is unavailable.
    pub const fn needs(self) -> &'static str {
        match self {
            Self::Network | Self::Rootfs | Self::Tmpfs | Self::Caps | Self::Ipc | Self::User => {
                "nothing beyond what every engine has"
            }
            Self::NoNewPrivs => "Linux 3.5",
            Self::Memory => "the memory cgroup controller, and swap accounting for the swap limit",
            Self::Cpu => "the cpu cgroup controller with CFS quotas",
            Self::Pids => "the pids cgroup controller",
            Self::Io => {
                "the io (v1: blkio) cgroup controller for the engine, and cells' files on a disk of this machine"
            }
            Self::Seccomp => "a kernel with seccomp filters, and Linux 5.5 to see denials as they happen",
            Self::Apparmor => "AppArmor enabled in the kernel, and the profile loaded",
            Self::Selinux => "SELinux enabled in the kernel and in the engine",
            Self::Landlock => "Landlock enabled in the kernel: Linux 5.13 for files, 6.7 for TCP",
            Self::Ulimits => "hard limits of the engine that are no lower",
            Self::Userns => "a rootless engine, a daemon started with userns-remap, or Podman with subordinate ids",
            Self::Env => "nothing: the specimen's environment is always written afresh",
            Self::ProcMasks => "an engine that lets its masked paths be chosen; Podman's API always masks them",
            Self::Runtime => "the runtime registered with the engine; Podman's API does not let it be chosen",
            Self::Timeout | Self::Output => "nothing: hotcell does it itself",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Layer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layer_is_found_by_its_name_and_says_what_it_stops_in_one_sentence() {
        for layer in Layer::ALL {
            assert_eq!(Layer::from_name(layer.name()), Ok(layer));
            assert!(layer.stops().ends_with('.') && layer.stops().matches(". ").count() == 0, "{layer}");
        }
    }

    #[test]
    fn the_list_is_in_the_order_of_the_variants_without_gaps() {
        assert!(Layer::ALL.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(Layer::ALL.len(), Layer::Output as usize + 1);
    }

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest_and_with_all() {
        assert_eq!(
            Layer::from_name("memry").unwrap_err().to_string(),
            "`memry` is no layer (did you mean `memory`?): allowed: network, rootfs, tmpfs, memory, cpu, pids, io, caps, no-new-privs, seccomp, apparmor, selinux, landlock, ulimits, user, userns, ipc, env, proc-masks, runtime, timeout, output"
        );
        assert!(
            Layer::from_name("kitchen\x1b[31m")
                .unwrap_err()
                .to_string()
                .starts_with("`kitchen\\x1b[31m` is no layer: allowed: ")
        );
    }
}
