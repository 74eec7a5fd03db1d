//! What this machine's kernel has, read from its own files.

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::supervise;

/// This machine, as far as a cell depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Host {
    /// The kernel's release.
    pub kernel: String,
    /// The machine's architecture.
    pub architecture: String,
    /// The Linux security modules at work.
    pub lsm: Lsm,
    /// The version of Landlock's ABI; none where Landlock is off.
    pub landlock_abi: Option<i32>,
    /// What a seccomp filter can answer; empty where the kernel has none.
    pub seccomp_actions: Vec<String>,
    /// The control-group hierarchies.
    pub cgroup: Cgroup,
    /// User namespaces.
    pub user_namespaces: UserNamespaces,
}

/// The Linux security modules at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Lsm {
    /// Their names.
    pub names: Vec<String>,
    /// Whether the kernel listed them itself; else they were found by their traces, and others may be at work.
    pub listed: bool,
}

/// The control-group hierarchies of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Cgroup {
    /// One hierarchy a controller.
    V1,
    /// The unified hierarchy.
    V2,
    /// Controllers in v1, and an empty v2 beside them.
    Hybrid,
    /// Nothing is mounted.
    None,
}

/// User namespaces, as the kernel limits them (`user_namespaces(7)`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct UserNamespaces {
    /// The most that a user may make; none where the kernel has no user namespaces.
    pub max: Option<u64>,
    /// What keeps ordinary users from making or using them.
    pub restricted_by: Vec<&'static str>,
}

impl Host {
    /// Reads this machine.
    pub fn read() -> Self {
        Self::under(Path::new("/"), supervise::kernel().landlock_abi)
    }

    fn under(root: &Path, landlock_abi: Option<i32>) -> Self {
        let uname = rustix::system::uname();
        let actions = text(root, "proc/sys/kernel/seccomp/actions_avail").unwrap_or_default();
        Self {
            kernel: uname.release().to_string_lossy().into_owned(),
            architecture: uname.machine().to_string_lossy().into_owned(),
            lsm: lsm(root, landlock_abi),
            landlock_abi,
            seccomp_actions: actions.split_whitespace().map(str::to_owned).collect(),
            cgroup: cgroup(root),
            user_namespaces: user_namespaces(root),
        }
    }

    /// Whether a supervisor can be asked about a call, and so see it: `seccomp_unotify(2)`.
    pub fn notifies(&self) -> bool {
        self.seccomp_actions.iter().any(|action| action == "user_notif")
    }
}

fn text(root: &Path, path: &str) -> Option<String> {
    fs::read_to_string(root.join(path)).ok().map(|text| text.trim().to_owned())
}

/// The kernel's own list where securityfs is mounted, else what the modules leave elsewhere.
fn lsm(root: &Path, landlock_abi: Option<i32>) -> Lsm {
    if let Some(list) = text(root, "sys/kernel/security/lsm") {
        return Lsm { names: list.split(',').map(str::to_owned).collect(), listed: true };
    }
    let traces = [
        ("landlock", landlock_abi.is_some()),
        ("yama", root.join("proc/sys/kernel/yama").exists()),
        ("apparmor", text(root, "sys/module/apparmor/parameters/enabled").as_deref() == Some("Y")),
        ("selinux", root.join("sys/fs/selinux/enforce").exists()),
    ];
    Lsm {
        names: traces.iter().filter(|(_, found)| *found).map(|(name, _)| (*name).to_owned()).collect(),
        listed: false,
    }
}

/// systemd's layout, which every distribution follows: `cgroup.controllers` at the root is the unified hierarchy.
fn cgroup(root: &Path) -> Cgroup {
    let has = |path: &str| root.join("sys/fs/cgroup").join(path).exists();
    if has("cgroup.controllers") {
        Cgroup::V2
    } else if has("unified/cgroup.controllers") {
        Cgroup::Hybrid
    } else if ["memory", "pids", "cpu"].into_iter().any(has) {
        Cgroup::V1
    } else {
        Cgroup::None
    }
}

fn user_namespaces(root: &Path) -> UserNamespaces {
    let restrictions = [
        ("kernel.unprivileged_userns_clone", "proc/sys/kernel/unprivileged_userns_clone", "0"),
        ("kernel.apparmor_restrict_unprivileged_userns", "proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"),
    ];
    let in_force = restrictions.into_iter().filter(|(_, path, value)| text(root, path).as_deref() == Some(value));
    UserNamespaces {
        max: text(root, "proc/sys/user/max_user_namespaces").and_then(|max| max.parse().ok()),
        restricted_by: in_force.map(|(name, _, _)| name).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> Host {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Host::under(root.path(), Some(6))
    }

    #[test]
    fn the_kernels_own_list_of_security_modules_is_believed() {
        let host = machine(&[("sys/kernel/security/lsm", "lockdown,capability,yama,apparmor\n")]);
        assert_eq!(host.lsm.names, ["lockdown", "capability", "yama", "apparmor"]);
        assert!(host.lsm.listed);
    }

    #[test]
    fn without_that_list_security_modules_are_found_by_their_traces() {
        let host = machine(&[("sys/module/apparmor/parameters/enabled", "Y\n")]);
        assert_eq!(host.lsm, Lsm { names: vec!["landlock".into(), "apparmor".into()], listed: false });
        assert_eq!(machine(&[("sys/module/apparmor/parameters/enabled", "N\n")]).lsm.names, ["landlock"]);
    }

    #[test]
    fn the_three_layouts_of_control_groups_are_told_apart() {
        for (files, expected) in [
            (vec!["sys/fs/cgroup/cgroup.controllers"], Cgroup::V2),
            (vec!["sys/fs/cgroup/memory/tasks", "sys/fs/cgroup/unified/cgroup.controllers"], Cgroup::Hybrid),
            (vec!["sys/fs/cgroup/memory/tasks"], Cgroup::V1),
            (vec![], Cgroup::None),
        ] {
            let files: Vec<_> = files.into_iter().map(|file| (file, "")).collect();
            assert_eq!(machine(&files).cgroup, expected);
        }
    }

    #[test]
    fn what_restricts_user_namespaces_is_named() {
        let host = machine(&[
            ("proc/sys/user/max_user_namespaces", "94137\n"),
            ("proc/sys/kernel/unprivileged_userns_clone", "1\n"),
            ("proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n"),
        ]);
        assert_eq!(
            host.user_namespaces,
            UserNamespaces { max: Some(94137), restricted_by: vec!["kernel.apparmor_restrict_unprivileged_userns"] }
        );
        assert_eq!(machine(&[]).user_namespaces.max, None);
    }

    #[test]
    fn a_kernel_that_cannot_ask_a_supervisor_is_known() {
        let with = |actions| machine(&[("proc/sys/kernel/seccomp/actions_avail", actions)]).notifies();
        assert!(with("kill_process errno user_notif allow\n"));
        assert!(!with("kill errno allow\n"));
    }
}
