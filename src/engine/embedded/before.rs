//! What of a bundle the monitor does itself before libcontainer does the rest: the namespaces that need no process of
//! their own, and the file systems that need no pid namespace. libcontainer takes dozens of calls for each of them, the
//! monitor a few, and some of it can be done before the cell is known ([`SOON`]).

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use libcontainer::oci_spec::runtime::LinuxNamespaceType;
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string,
    fsmount, fsopen, move_mount,
};
use serde::Deserialize;
use serde_json::Value;

use super::loopback;
use super::root::{RootError, fault, stand};
use super::userns::unshare;

/// The namespaces that the monitor enters in libcontainer's place.
pub const SOON: [LinuxNamespaceType; 3] =
    [LinuxNamespaceType::Uts, LinuxNamespaceType::Ipc, LinuxNamespaceType::Network];

/// Enters a new namespace of a kind, in which a network has its loopback on, as OCI runtimes leave it.
///
/// # Errors
/// What the system said.
pub fn enter(kind: LinuxNamespaceType) -> io::Result<()> {
    unshare(kind)?;
    if kind == LinuxNamespaceType::Network {
        // Who may make namespaces and not set interfaces makes cells all the same: they are kept apart no less.
        drop(loopback::up());
    }
    Ok(())
}

/// The only file system that shows the pid namespace of whoever mounts it.
const PROC: &str = "proc";

/// The monitor's share of a bundle.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Before {
    spaces: Vec<LinuxNamespaceType>,
    hostname: Option<String>,
    mounts: Vec<Mount>,
}

/// One of a bundle's mounts (runtime-spec, `config.md`, "Mounts").
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Mount {
    destination: PathBuf,
    #[serde(rename = "type")]
    kind: String,
    options: Vec<String>,
}

impl Before {
    /// Takes the monitor's share out of a `config.json`. A user namespace of the cell's own has to own all of it: then
    /// there is none.
    pub fn take(config: &mut Value) -> Self {
        let Some(Value::Array(namespaces)) = config.pointer_mut("/linux/namespaces") else { return Self::default() };
        // By the specification's names: the library shows others.
        let is = |namespace: &Value, kind| {
            LinuxNamespaceType::deserialize(&namespace["type"]).is_ok_and(|named| named == kind)
        };
        if namespaces.iter().any(|namespace| is(namespace, LinuxNamespaceType::User)) {
            return Self::default();
        }
        let spaces: Vec<_> = SOON.into_iter().filter(|kind| namespaces.iter().any(|space| is(space, *kind))).collect();
        namespaces.retain(|namespace| !spaces.iter().any(|kind| is(namespace, *kind)));
        let mut mounts = Vec::new();
        if let Some(Value::Array(all)) = config.get_mut("mounts") {
            all.retain(|mount| match Mount::deserialize(mount) {
                Ok(mount) if mount.kind != PROC => {
                    mounts.push(mount);
                    false
                }
                _ => true,
            });
        }
        let hostname = config.as_object_mut().and_then(|config| config.remove("hostname"));
        Self { spaces, hostname: hostname.and_then(|name| Some(name.as_str()?.to_owned())), mounts }
    }

    /// Every namespace that can be entered before the cell is known is one of the cell's.
    pub fn is_usual(&self) -> bool {
        self.spaces == SOON
    }

    /// Enters the namespaces, unless that is done, and names the machine that the cell is to see.
    ///
    /// # Errors
    /// What the system said.
    pub fn enter(&self, is_in: bool) -> io::Result<()> {
        if !is_in {
            self.spaces.iter().try_for_each(|kind| enter(*kind))?;
        }
        // Only in a namespace of the cell's own: the machine keeps its name.
        match &self.hostname {
            Some(name) if self.spaces.contains(&LinuxNamespaceType::Uts) => {
                Ok(rustix::system::sethostname(name.as_bytes())?)
            }
            _ => Ok(()),
        }
    }

    /// Mounts the file systems below the root that is being assembled.
    ///
    /// # Errors
    /// What was tried, where, and what the system said.
    pub fn mount(&self, root: &Path) -> Result<(), RootError> {
        self.mounts.iter().try_for_each(|mount| {
            let at = place(root, mount).map_err(fault("making a place for", &mount.destination))?;
            mount.attach(&at).map_err(fault("mounting", &mount.destination))
        })
    }
}

/// The directory for a mount. A link of an image's on the way leads no further than the image; what shows the kernel is
/// where it is expected, or nowhere.
fn place(root: &Path, mount: &Mount) -> io::Result<OwnedFd> {
    let links = if mount.kind == "sysfs" { ResolveFlags::NO_SYMLINKS } else { ResolveFlags::NO_MAGICLINKS };
    let held = rustix::fs::open(root, OFlags::PATH | OFlags::CLOEXEC | OFlags::DIRECTORY, Mode::empty())?;
    let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::DIRECTORY;
    match openat2(&held, &mount.destination, flags, Mode::empty(), ResolveFlags::IN_ROOT | links) {
        Err(Errno::NOENT) => stand(root, &mount.destination, false),
        found => Ok(found?),
    }
}

impl Mount {
    fn attach(&self, at: &OwnedFd) -> rustix::io::Result<()> {
        let context = fsopen(self.kind.as_str(), FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(&context, "source", self.kind.as_str())?;
        let mut attributes = MountAttrFlags::empty();
        for option in &self.options {
            match (option.as_str(), option.split_once('=')) {
                ("ro", _) => attributes |= MountAttrFlags::MOUNT_ATTR_RDONLY,
                ("nosuid", _) => attributes |= MountAttrFlags::MOUNT_ATTR_NOSUID,
                ("nodev", _) => attributes |= MountAttrFlags::MOUNT_ATTR_NODEV,
                ("noexec", _) => attributes |= MountAttrFlags::MOUNT_ATTR_NOEXEC,
                ("strictatime", _) => attributes |= MountAttrFlags::MOUNT_ATTR_STRICTATIME,
                // As they are where nothing else is said.
                ("rw" | "exec", _) => {}
                (_, Some((key, value))) => fsconfig_set_string(&context, key, value)?,
                // An option that is not known here is the file system's own, or its error.
                (flag, None) => fsconfig_set_flag(&context, flag)?,
            }
        }
        fsconfig_create(&context)?;
        let mounted = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        move_mount(&mounted, "", at, "", flags)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(kinds: &[&str]) -> Value {
        let namespaces: Vec<Value> = kinds.iter().map(|kind| json!({ "type": kind })).collect();
        let mount =
            |at: &str, kind: &str| json!({ "destination": at, "type": kind, "source": kind, "options": ["ro"] });
        json!({
            "hostname": "cell",
            "mounts": [mount("/proc", "proc"), mount("/dev", "tmpfs"), mount("/sys", "sysfs")],
            "linux": { "namespaces": namespaces },
        })
    }

    #[test]
    fn libcontainer_keeps_what_needs_the_pid_namespace_and_a_mount_namespace() {
        let mut config = config(&["pid", "mount", "uts", "cgroup", "ipc", "network"]);
        let before = Before::take(&mut config);
        assert!(before.is_usual());
        assert_eq!(before.hostname.as_deref(), Some("cell"));
        let kinds: Vec<&str> = before.mounts.iter().map(|mount| mount.kind.as_str()).collect();
        assert_eq!(kinds, ["tmpfs", "sysfs"]);
        assert_eq!(
            config["linux"]["namespaces"],
            json!([{ "type": "pid" }, { "type": "mount" }, { "type": "cgroup" }])
        );
        assert_eq!(config["mounts"].as_array().unwrap().len(), 1);
        assert_eq!(config["mounts"][0]["type"], "proc");
        assert_eq!(config.get("hostname"), None);
    }

    #[test]
    fn a_namespace_that_the_cell_does_not_get_is_not_entered() {
        let before = Before::take(&mut config(&["pid", "mount", "uts"]));
        assert_eq!(before.spaces, [LinuxNamespaceType::Uts]);
        assert!(!before.is_usual());
    }

    #[test]
    fn a_user_namespace_of_the_cells_own_gets_it_all() {
        let mut with_users = config(&["pid", "mount", "uts", "ipc", "network", "user"]);
        let whole = with_users.clone();
        assert_eq!(Before::take(&mut with_users), Before::default());
        assert_eq!(with_users, whole);
    }
}
