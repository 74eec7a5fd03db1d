//! System call names and numbers, by libseccomp and a short list of what it does not know yet.

use std::collections::BTreeSet;

use libseccomp::{ScmpArch, ScmpSyscall};

use super::arch::Arch;
use crate::diagnose::nearest;

/// A system call that some libseccomp in use is too old to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Newer {
    pub name: &'static str,
    number: i32,
    /// The only architecture that has it; `None` where all have it under the same number.
    only: Option<Arch>,
}

impl Newer {
    const fn new(number: i32, name: &'static str) -> Self {
        Self { name, number, only: None }
    }

    const fn only(arch: Arch, number: i32, name: &'static str) -> Self {
        Self { name, number, only: Some(arch) }
    }

    /// The number on `arch`, where it is sure.
    pub fn number_on(&self, arch: Arch) -> Option<i32> {
        let has_it = self.only.is_none_or(|only| only == arch) && arch != Arch::X32;
        has_it.then_some(self.number)
    }
}

/// Calls newer than libseccomp 2.5.4, which Debian 12 has (its tables end with Linux 5.17).
/// Since 424 the numbers are the same everywhere (linux: `scripts/syscall.tbl` and
/// `arch/x86/entry/syscalls/syscall_64.tbl`).
const NEWER: [Newer; 23] = [
    Newer::only(Arch::Riscv64, 258, "riscv_hwprobe"),
    Newer::only(Arch::X86_64, 335, "uretprobe"),
    Newer::only(Arch::X86_64, 336, "uprobe"),
    Newer::new(451, "cachestat"),
    Newer::new(452, "fchmodat2"),
    Newer::new(453, "map_shadow_stack"),
    Newer::new(454, "futex_wake"),
    Newer::new(455, "futex_wait"),
    Newer::new(456, "futex_requeue"),
    Newer::new(457, "statmount"),
    Newer::new(458, "listmount"),
    Newer::new(459, "lsm_get_self_attr"),
    Newer::new(460, "lsm_set_self_attr"),
    Newer::new(461, "lsm_list_modules"),
    Newer::new(462, "mseal"),
    Newer::new(463, "setxattrat"),
    Newer::new(464, "getxattrat"),
    Newer::new(465, "listxattrat"),
    Newer::new(466, "removexattrat"),
    Newer::new(467, "open_tree_attr"),
    Newer::new(468, "file_getattr"),
    Newer::new(469, "file_setattr"),
    Newer::new(470, "listns"),
];

/// How a name resolves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    /// libseccomp knows it (not necessarily on this architecture).
    Library(ScmpSyscall),
    /// libseccomp is too old for it, hotcell is not.
    Newer(&'static Newer),
}

/// Looks a name up; `None` when no architecture has such a call.
pub(super) fn resolve(name: &str) -> Option<Resolved> {
    if let Ok(syscall) = ScmpSyscall::from_name(name) {
        return Some(Resolved::Library(syscall));
    }
    let newer = NEWER.iter().find(|newer| newer.name == name);
    newer.map(Resolved::Newer)
}

/// The name of call `nr` as `seccomp_data` gives it: `arch_token` is `AUDIT_ARCH_*`, and an
/// x32 call has its bit set in `nr`. `None` for a number or an architecture nobody knows.
pub fn syscall_name(arch_token: u32, nr: i32) -> Option<String> {
    let arch = Arch::of_call(arch_token, nr)?;
    let by_library = arch.scmp().and_then(|scmp| ScmpSyscall::from_raw_syscall(nr).get_name_by_arch(scmp));
    by_library.ok().or_else(|| {
        let newer = NEWER.iter().find(|newer| newer.number_on(arch) == Some(nr));
        newer.map(|newer| newer.name.to_owned())
    })
}

/// Whether a filter made on `host` can name the call on `abi`: one that libseccomp does not know is given by its number,
/// and only for the architecture of the kernel.
pub(super) fn numbered_on(name: &str, host: Arch, abi: Arch) -> bool {
    let newer = NEWER.iter().any(|newer| newer.name == name);
    !newer || (abi == host && host == Arch::native()) || matches!(resolve(name), Some(Resolved::Library(_)))
}

/// The number of the call `name` on this machine's own architecture, where it has that call.
pub fn syscall_number(name: &str) -> Option<i32> {
    let number = match resolve(name)? {
        Resolved::Library(syscall) => syscall.as_raw_syscall(),
        Resolved::Newer(newer) => newer.number_on(Arch::native())?,
    };
    // libseccomp gives a call of other architectures alone a negative number.
    (number >= 0).then_some(number)
}

/// Every call of an architecture that libseccomp or hotcell knows, by number.
#[cfg(test)]
pub(super) fn table(arch: Arch) -> Vec<String> {
    let token = arch.audit_token().unwrap();
    (0..600).filter_map(|nr| syscall_name(token, nr)).collect()
}

/// The known system call whose name is most like `name`, if one is like it at all.
pub(super) fn nearest_syscall(name: &str) -> Option<String> {
    let arches = [ScmpArch::X8664, ScmpArch::X86, ScmpArch::Aarch64, ScmpArch::Arm];
    let library = arches.into_iter().flat_map(|arch| {
        // 0 to 500 covers every table; arm has a few private calls above it.
        (0..500).filter_map(move |nr| ScmpSyscall::from_raw_syscall(nr).get_name_by_arch(arch).ok())
    });
    let newer = NEWER.iter().map(|newer| newer.name.to_owned());
    let all: BTreeSet<String> = library.chain(newer).collect();
    nearest(name, all.iter().map(String::as_str)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const X86_64: u32 = 0xC000_003E;

    #[test]
    fn calls_are_named_on_every_abi_of_the_machine() {
        assert_eq!(syscall_name(X86_64, 42).as_deref(), Some("connect"));
        assert_eq!(syscall_name(0x4000_0003, 11).as_deref(), Some("execve"));
        assert_eq!(syscall_name(X86_64, 0x4000_0000 + 520).as_deref(), Some("execve"));
        assert_eq!(syscall_name(0xC000_00B7, 203).as_deref(), Some("connect"));
        assert_eq!(syscall_name(X86_64, 9999), None);
        assert_eq!(syscall_name(0xdead_beef, 1), None);
    }

    #[test]
    fn calls_newer_than_libseccomp_have_names_and_numbers() {
        assert_eq!(syscall_name(X86_64, 462).as_deref(), Some("mseal"));
        assert_eq!(syscall_number("mseal"), Some(462));
        assert_eq!(syscall_number("riscv_hwprobe"), None);
    }

    #[test]
    fn a_call_of_another_architecture_has_no_number_here() {
        assert_eq!(syscall_number("arm_fadvise64_64"), None);
        assert_eq!(syscall_number("no_such_call"), None);
    }

    #[test]
    fn a_mistyped_name_is_mended_only_when_it_is_near() {
        assert_eq!(nearest_syscall("opne").as_deref(), Some("open"));
        assert_eq!(nearest_syscall("execeve").as_deref(), Some("execve"));
        assert_eq!(nearest_syscall("cachstat").as_deref(), Some("cachestat"));
        assert_eq!(nearest_syscall("launch_missiles"), None);
    }
}
