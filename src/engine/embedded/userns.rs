//! The user namespace in which an ordinary user makes cells (`user_namespaces(7)`): there the kernel lets it mount,
//! enter namespaces and have ids of its own. The monitor enters it, and hotcell, which stays outside, says which ids it
//! stands for.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use libcontainer::namespaces::Namespaces;
use libcontainer::oci_spec::runtime::{LinuxNamespaceBuilder, LinuxNamespaceType};
use rustix::process::{getegid, geteuid};
use serde::{Deserialize, Serialize};

use super::channel;
use super::ids::{COUNT, range_of};
use super::runtime::PLACES;

/// Switches of the kernel that keep ordinary users from making user namespaces, the value that does, and the one that
/// lets them: `namespaces(7)`, Debian's and Ubuntu's kernels.
const SWITCHES: [(&str, &str, &str); 3] = [
    ("user.max_user_namespaces", "0", "10000"),
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
];

/// Ids that are the same ones here and there, from a first one on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Extent {
    inside: u32,
    outside: u32,
    count: u32,
}

/// What the ids of an ordinary user's namespace stand for on this machine. Either root there is the user itself and all
/// others are from the ranges that are set aside for it, or there is no range: then there is one id, which is the
/// user's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outer {
    users: Vec<Extent>,
    groups: Vec<Extent>,
}

impl Outer {
    /// For a cell of this user and group; reads what is set aside.
    pub fn holding(cell: (u32, u32)) -> Self {
        let me = (geteuid().as_raw(), getegid().as_raw());
        let name = fs::read_to_string("/etc/passwd").ok().and_then(|users| name_of(me.0, &users));
        let owners: Vec<String> = name.into_iter().chain([me.0.to_string()]).collect();
        let range = |file: &str| {
            let ranges = fs::read_to_string(file).unwrap_or_default();
            owners.iter().find_map(|owner| range_of(owner, &ranges, COUNT))
        };
        let helpers = ["newuidmap", "newgidmap"].map(helper).iter().all(Option::is_some);
        let ranges = range("/etc/subuid").zip(range("/etc/subgid")).filter(|_| helpers);
        Self::of(cell, me, ranges)
    }

    /// The same for whoever is `me`, with ranges of users and groups that begin there.
    pub fn of(cell: (u32, u32), me: (u32, u32), ranges: Option<(u32, u32)>) -> Self {
        let one = |inside, outside| Extent { inside, outside, count: 1 };
        match ranges.filter(|_| cell.0.max(cell.1) <= COUNT) {
            Some((users, groups)) => {
                let others = |outside| Extent { inside: 1, outside, count: COUNT };
                Self { users: vec![one(0, me.0), others(users)], groups: vec![one(0, me.1), others(groups)] }
            }
            None => Self { users: vec![one(cell.0, me.0)], groups: vec![one(cell.1, me.1)] },
        }
    }

    /// There is one id, so whoever is in the cell is this user to the machine.
    pub fn is_alone(&self) -> bool {
        self.users.len() == 1
    }

    /// Tells the kernel, of the namespace that a process of this user is in. Ranges are for `newuidmap(1)` to give; a
    /// single id everybody may map to its own, once supplementary groups are given up or kept for good.
    ///
    /// # Errors
    /// What the kernel or the helper said.
    pub fn write(&self, pid: u32) -> io::Result<()> {
        if !self.is_alone() {
            return map("newuidmap", pid, &self.users).and_then(|()| map("newgidmap", pid, &self.groups));
        }
        let line = |extents: &[Extent]| extents.iter().map(|one| words(one).join(" ")).collect::<String>();
        let write = |file: &str, text: String| fs::write(format!("/proc/{pid}/{file}"), text);
        write("setgroups", "deny".to_owned())?;
        write("gid_map", line(&self.groups))?;
        write("uid_map", line(&self.users))
    }
}

fn words(extent: &Extent) -> [String; 3] {
    [extent.inside, extent.outside, extent.count].map(|number| number.to_string())
}

fn map(name: &str, pid: u32, extents: &[Extent]) -> io::Result<()> {
    let program = helper(name).ok_or_else(|| io::Error::other(format!("there is no {name}")))?;
    let output = Command::new(program).arg(pid.to_string()).args(extents.iter().flat_map(words)).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

fn helper(name: &str) -> Option<PathBuf> {
    PLACES.split(':').map(|place| Path::new(place).join(name)).find(|program| program.is_file())
}

/// The name of a user in a text such as `/etc/passwd`.
fn name_of(uid: u32, users: &str) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// Why an ordinary user can have no user namespace here; `None` where nothing is known against it.
pub fn refusal() -> Option<String> {
    let read = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    // A program that AppArmor has a profile for may be let.
    let confined = read("/proc/self/attr/apparmor/current").is_some_and(|label| label != "unconfined");
    refused(|switch| {
        let value = read(&format!("/proc/sys/{}", switch.replace('.', "/")))?;
        (!confined || !switch.contains("apparmor")).then_some(value)
    })
}

fn refused(value: impl Fn(&str) -> Option<String>) -> Option<String> {
    let (switch, refuses, lets) =
        SWITCHES.into_iter().find(|(switch, refuses, _)| value(switch).as_deref() == Some(refuses))?;
    Some(format!("{switch} is {refuses}; let them with `sysctl -w {switch}={lets}`"))
}

/// Enters a user namespace; hotcell, at the other end of the socket, tells the kernel the ids. The calling process must
/// have one thread only.
///
/// # Errors
/// What the system said, or that hotcell is gone or could not map the ids.
pub fn enter(socket: &OwnedFd, outer: &Outer) -> io::Result<()> {
    unshare(LinuxNamespaceType::User)?;
    channel::ask(socket)?;
    if outer.is_alone() {
        // The kernel lets nobody leave groups here (CVE-2014-8989): the specimen's ids are this user's in any case.
        return Ok(());
    }
    Ok(rustix::thread::set_thread_groups(&[])?)
}

/// Enters a new namespace.
///
/// # Errors
/// What the system said.
pub fn unshare(kind: LinuxNamespaceType) -> io::Result<()> {
    let namespace = LinuxNamespaceBuilder::default().typ(kind).build().map_err(io::Error::other)?;
    let namespaces = Namespaces::try_from(Some(&vec![namespace])).map_err(io::Error::other)?;
    namespaces.apply_namespaces(|_| true).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_ranges_root_is_the_user_and_all_others_are_nobodys() {
        let outer = Outer::of((65_534, 65_534), (1000, 100), Some((200_000, 300_000)));
        assert!(!outer.is_alone());
        assert_eq!(outer.users.iter().map(words).collect::<Vec<_>>(), [["0", "1000", "1"], ["1", "200000", "65536"]]);
        assert_eq!(outer.groups.iter().map(words).collect::<Vec<_>>(), [["0", "100", "1"], ["1", "300000", "65536"]]);
    }

    #[test]
    fn without_ranges_or_beyond_them_the_cells_user_is_this_one() {
        for (cell, ranges) in [((65_534, 65_533), None), ((100_000, 7), Some((200_000, 300_000)))] {
            let outer = Outer::of(cell, (1000, 100), ranges);
            assert!(outer.is_alone());
            assert_eq!(outer.users, [Extent { inside: cell.0, outside: 1000, count: 1 }]);
            assert_eq!(outer.groups, [Extent { inside: cell.1, outside: 100, count: 1 }]);
        }
    }

    #[test]
    fn a_switch_that_is_off_is_named_with_its_remedy() {
        let off = |name: &'static str, value: &'static str| {
            move |switch: &str| Some(if switch == name { value } else { "77" }.to_owned())
        };
        let told = refused(off("user.max_user_namespaces", "0")).unwrap();
        assert_eq!(told, "user.max_user_namespaces is 0; let them with `sysctl -w user.max_user_namespaces=10000`");
        assert!(refused(off("kernel.apparmor_restrict_unprivileged_userns", "1")).is_some());
        assert!(refused(off("kernel.apparmor_restrict_unprivileged_userns", "0")).is_none());
        assert!(refused(|_| None).is_none());
    }

    #[test]
    fn a_user_is_known_by_name() {
        let users = "root:x:0:0:root:/root:/bin/sh\nada:x:1000:100::/home/ada:/bin/sh\n";
        assert_eq!(name_of(1000, users).as_deref(), Some("ada"));
        assert_eq!(name_of(1001, users), None);
    }
}
