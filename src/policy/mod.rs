//! Policies: which isolation layers are on, and how each is set. Pure.
//!
//! A [`Policy`] comes from a file of `profiles/` or of the user ([`Policy::load`]), and
//! is changed layer by layer as the reviewer toggles ([`Policy::set`]).

mod caps;
mod error;
mod exposure;
mod file;
mod flags;
mod landlock;
mod layer;
mod lower;
mod raw;
mod settings;
mod slot;
mod ulimits;
mod units;

pub use caps::{Cap, Caps};
pub use error::{PolicyError, SettingError, UnknownLayer, ValueError};
pub use exposure::Exposure;
pub use flags::{Client, Equivalent};
pub use landlock::Landlock;
pub use layer::{Layer, Place};
pub use settings::{
    Apparmor, Io, Memory, NetworkMode, OutputCaps, Pids, Runtime, SeccompChoice, Selinux, Timeout, Tmpfs, Toggle, User,
};
pub use ulimits::{RlimitName, Ulimits};
pub use units::{Bytes, Millicores, duration_text, parse_duration};

use std::time::Duration;

/// A named set of layers, each on or off, with its setting either way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name: the file's, without `.toml`.
    pub name: String,
    /// What [`Policy::load`] finds it by again from any directory: its name, or its file's absolute path.
    pub source: String,
    /// One sentence on what it is for.
    pub summary: String,
    /// What the cell reaches; off: the host's own network.
    pub network: Toggle<NetworkMode>,
    /// A read-only root file system.
    pub rootfs: Toggle<()>,
    /// The `/tmp`; off: whatever the root file system has there.
    pub tmpfs: Toggle<Tmpfs>,
    /// The memory limit.
    pub memory: Toggle<Memory>,
    /// The share of CPU time.
    pub cpu: Toggle<Millicores>,
    /// The most processes and threads.
    pub pids: Toggle<Pids>,
    /// The rates of disks.
    pub io: Toggle<Io>,
    /// Capabilities; off: all of them.
    pub caps: Toggle<Caps>,
    /// `no_new_privs`.
    pub no_new_privs: Toggle<()>,
    /// The system call filter.
    pub seccomp: Toggle<SeccompChoice>,
    /// The `AppArmor` profile; off: unconfined.
    pub apparmor: Toggle<Apparmor>,
    /// The `SELinux` type; off: no label.
    pub selinux: Toggle<Selinux>,
    /// Landlock rules.
    pub landlock: Toggle<Landlock>,
    /// Resource limits of processes.
    pub ulimits: Toggle<Ulimits>,
    /// User and group; off: root.
    pub user: Toggle<User>,
    /// A user namespace.
    pub userns: Toggle<()>,
    /// Private IPC objects; off: the host's.
    pub ipc: Toggle<()>,
    /// An environment without the host's variables.
    pub env: Toggle<()>,
    /// Masked and read-only `/proc` and `/sys` paths.
    pub proc_masks: Toggle<()>,
    /// The OCI runtime; off: the engine's default.
    pub runtime: Toggle<Runtime>,
    /// The deadline; off: none.
    pub timeout: Toggle<Timeout>,
    /// How much output is kept; off: [`OutputCaps::MOST`] of each stream.
    pub output: Toggle<OutputCaps>,
}

impl Policy {
    /// No layer on, each with the setting it has when switched on. Every policy file
    /// that extends no other starts from this.
    pub fn blank(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            source: name.to_owned(),
            summary: String::new(),
            network: Toggle::off(NetworkMode::None),
            rootfs: Toggle::off(()),
            tmpfs: Toggle::off(Tmpfs { size: Bytes::mib(50), exec: false }),
            memory: Toggle::off(Memory { limit: Bytes::mib(256), swap: Bytes(0) }),
            cpu: Toggle::off(Millicores(500)),
            pids: Toggle::off(Pids(64)),
            io: Toggle::off(Io { rate: Bytes::mib(20) }),
            caps: Toggle::off(Caps::default()),
            no_new_privs: Toggle::off(()),
            seccomp: Toggle::off(SeccompChoice::Shipped("python".to_owned())),
            apparmor: Toggle::off(Apparmor("docker-default".to_owned())),
            selinux: Toggle::off(Selinux("container_t".to_owned())),
            landlock: Toggle::off(Landlock {
                read_exec: ["/bin", "/dev", "/etc", "/lib", "/lib64", "/proc", "/sandbox", "/usr"]
                    .map(Into::into)
                    .to_vec(),
                write: ["/dev/null", "/tmp"].map(Into::into).to_vec(),
                tcp: true,
            }),
            ulimits: Toggle::off(Ulimits([(RlimitName::Nofile, (64, 64)), (RlimitName::Nproc, (32, 32))].into())),
            user: Toggle::off(User { uid: 65534, gid: 65534 }),
            userns: Toggle::off(()),
            ipc: Toggle::off(()),
            env: Toggle::off(()),
            proc_masks: Toggle::off(()),
            runtime: Toggle::off(Runtime("runsc".to_owned())),
            timeout: Toggle::off(Timeout(Duration::from_secs(10))),
            output: Toggle::off(OutputCaps { stdout: Bytes(10_000), stderr: Bytes(2_000) }),
        }
    }
}

#[cfg(test)]
mod properties;
