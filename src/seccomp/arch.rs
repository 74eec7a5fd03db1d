//! Architectures, and the host facts that a Docker profile's conditions ask about.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use libseccomp::ScmpArch;

/// A processor architecture (or ABI) that a profile may name.
///
/// The list is that of the OCI runtime specification (config-linux.md, "Seccomp").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each variant is the name of its architecture")]
pub enum Arch {
    X86,
    X86_64,
    X32,
    Arm,
    AArch64,
    Mips,
    Mips64,
    Mips64N32,
    Mipsel,
    Mipsel64,
    Mipsel64N32,
    Ppc,
    Ppc64,
    Ppc64Le,
    S390,
    S390X,
    Parisc,
    Parisc64,
    Riscv64,
    LoongArch64,
    M68k,
    Sh,
    Sheb,
}

/// `AUDIT_ARCH_*` of linux/audit.h, for the ABIs of the machines that hotcell runs on.
const AUDIT_TOKENS: [(Arch, u32); 4] =
    [(Arch::X86, 0x4000_0003), (Arch::X86_64, 0xC000_003E), (Arch::Arm, 0x4000_0028), (Arch::AArch64, 0xC000_00B7)];

/// The bit that marks an x32 call (`__X32_SYSCALL_BIT`, asm/unistd.h).
const X32_BIT: u32 = 0x4000_0000;

impl Arch {
    /// Every architecture, in the order of the OCI specification.
    pub const ALL: [Self; 23] = [
        Self::X86,
        Self::X86_64,
        Self::X32,
        Self::Arm,
        Self::AArch64,
        Self::Mips,
        Self::Mips64,
        Self::Mips64N32,
        Self::Mipsel,
        Self::Mipsel64,
        Self::Mipsel64N32,
        Self::Ppc,
        Self::Ppc64,
        Self::Ppc64Le,
        Self::S390,
        Self::S390X,
        Self::Parisc,
        Self::Parisc64,
        Self::Riscv64,
        Self::LoongArch64,
        Self::M68k,
        Self::Sh,
        Self::Sheb,
    ];

    /// The architecture that this program was built for.
    pub const fn native() -> Self {
        #[cfg(target_arch = "x86_64")]
        return Self::X86_64;
        #[cfg(target_arch = "aarch64")]
        return Self::AArch64;
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        compile_error!("hotcell runs on x86_64 and aarch64");
    }

    /// The name in a profile, such as `SCMP_ARCH_X86_64`.
    pub const fn oci_name(self) -> &'static str {
        match self {
            Self::X86 => "SCMP_ARCH_X86",
            Self::X86_64 => "SCMP_ARCH_X86_64",
            Self::X32 => "SCMP_ARCH_X32",
            Self::Arm => "SCMP_ARCH_ARM",
            Self::AArch64 => "SCMP_ARCH_AARCH64",
            Self::Mips => "SCMP_ARCH_MIPS",
            Self::Mips64 => "SCMP_ARCH_MIPS64",
            Self::Mips64N32 => "SCMP_ARCH_MIPS64N32",
            Self::Mipsel => "SCMP_ARCH_MIPSEL",
            Self::Mipsel64 => "SCMP_ARCH_MIPSEL64",
            Self::Mipsel64N32 => "SCMP_ARCH_MIPSEL64N32",
            Self::Ppc => "SCMP_ARCH_PPC",
            Self::Ppc64 => "SCMP_ARCH_PPC64",
            Self::Ppc64Le => "SCMP_ARCH_PPC64LE",
            Self::S390 => "SCMP_ARCH_S390",
            Self::S390X => "SCMP_ARCH_S390X",
            Self::Parisc => "SCMP_ARCH_PARISC",
            Self::Parisc64 => "SCMP_ARCH_PARISC64",
            Self::Riscv64 => "SCMP_ARCH_RISCV64",
            Self::LoongArch64 => "SCMP_ARCH_LOONGARCH64",
            Self::M68k => "SCMP_ARCH_M68K",
            Self::Sh => "SCMP_ARCH_SH",
            Self::Sheb => "SCMP_ARCH_SHEB",
        }
    }

    /// The architecture of a profile's name for it.
    pub fn from_oci_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|arch| arch.oci_name() == name)
    }

    /// The name in the `arches` condition of Docker's form, such as `amd64`
    /// (moby/profiles, `seccomp/seccomp_linux.go`: `nativeToSeccomp`).
    pub fn docker_name(self) -> String {
        match self {
            Self::X86_64 => "amd64".to_owned(),
            Self::AArch64 => "arm64".to_owned(),
            // Docker's own spelling.
            Self::Mipsel64N32 => "mips3l64n32".to_owned(),
            other => other.oci_name()["SCMP_ARCH_".len()..].to_ascii_lowercase(),
        }
    }

    /// The `AUDIT_ARCH_*` token that `seccomp_data.arch` carries for this ABI, where it has
    /// one of its own: x32 shares that of `x86_64` and sets a bit in the call number.
    pub fn audit_token(self) -> Option<u32> {
        let found = AUDIT_TOKENS.iter().find(|(arch, _)| *arch == self);
        found.map(|(_, token)| *token)
    }

    /// The architecture of an `AUDIT_ARCH_*` token.
    pub fn from_audit_token(token: u32) -> Option<Self> {
        let found = AUDIT_TOKENS.iter().find(|(_, known)| *known == token);
        found.map(|(arch, _)| *arch)
    }

    /// The ABI that a call came through, as `seccomp_data` tells it: x32 has a bit in the call's number. The number −1,
    /// by which a tracer skips a call (seccomp(2)), has no ABI of its own.
    pub fn of_call(token: u32, nr: i32) -> Option<Self> {
        match Self::from_audit_token(token)? {
            Self::X86_64 if nr.cast_unsigned() >= X32_BIT && nr != -1 => Some(Self::X32),
            arch => Some(arch),
        }
    }

    /// Whether arguments have 32 bits: `libseccomp` then compares no more of them.
    pub fn is_narrow(self) -> bool {
        match self {
            Self::X86
            | Self::X32
            | Self::Arm
            | Self::Mips
            | Self::Mips64N32
            | Self::Mipsel
            | Self::Mipsel64N32
            | Self::Ppc
            | Self::S390
            | Self::Parisc
            | Self::M68k
            | Self::Sh
            | Self::Sheb => true,
            Self::X86_64
            | Self::AArch64
            | Self::Mips64
            | Self::Mipsel64
            | Self::Ppc64
            | Self::Ppc64Le
            | Self::S390X
            | Self::Parisc64
            | Self::Riscv64
            | Self::LoongArch64 => false,
        }
    }

    /// Whether a kernel of this architecture runs programs of `abi`.
    pub fn runs(self, abi: Self) -> bool {
        match self {
            Self::X86_64 => matches!(abi, Self::X86_64 | Self::X86 | Self::X32),
            Self::AArch64 => matches!(abi, Self::AArch64 | Self::Arm),
            other => abi == other,
        }
    }

    /// libseccomp's token.
    pub(super) fn scmp(self) -> Result<ScmpArch, libseccomp::error::SeccompError> {
        ScmpArch::from_str(self.oci_name())
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.oci_name())
    }
}

/// A kernel version, as far as a profile's `minKernel` looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelVersion {
    /// The 6 of 6.18.44.
    pub major: u32,
    /// The 18 of 6.18.44.
    pub minor: u32,
}

/// What is wrong with a text that should be a kernel version.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a kernel version: write major.minor, such as 4.8")]
pub struct KernelVersionError(String);

impl FromStr for KernelVersion {
    type Err = KernelVersionError;

    /// Reads `4.8` as well as a whole release name such as `6.18.44-fc-v657`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (major, rest) = text.split_once('.')?;
            let end = rest.find(|c: char| !c.is_ascii_digit());
            let minor = &rest[..end.unwrap_or(rest.len())];
            Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
        };
        parse().ok_or_else(|| KernelVersionError(text.to_owned()))
    }
}

/// What the conditions of a profile in Docker's form are resolved against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The kernel's architecture.
    pub arch: Arch,
    /// The capabilities in the cell's bounding set, such as `CAP_SYS_ADMIN`.
    pub caps: BTreeSet<String>,
    /// The running kernel.
    pub kernel: KernelVersion,
}

impl Host {
    /// This machine, for a cell that keeps `caps`.
    ///
    /// # Errors
    /// When `uname(2)` reports a release that does not begin with two numbers.
    pub fn here(caps: BTreeSet<String>) -> Result<Self, KernelVersionError> {
        let uname = rustix::system::uname();
        Ok(Self { arch: Arch::native(), caps, kernel: uname.release().to_string_lossy().parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_oci_name_reads_back_as_its_architecture() {
        for arch in Arch::ALL {
            assert_eq!(Arch::from_oci_name(arch.oci_name()), Some(arch));
        }
        assert_eq!(Arch::from_oci_name("SCMP_ARCH_Z80"), None);
    }

    #[test]
    fn docker_calls_the_two_common_architectures_by_their_go_names() {
        assert_eq!(Arch::X86_64.docker_name(), "amd64");
        assert_eq!(Arch::AArch64.docker_name(), "arm64");
        assert_eq!(Arch::Ppc64Le.docker_name(), "ppc64le");
    }

    #[test]
    fn kernel_versions_compare_as_numbers_and_not_as_text() {
        let of = |text: &str| text.parse::<KernelVersion>().unwrap();
        assert!(of("4.18.0-553.el8") > of("4.8"));
        assert!(of("6.1") < of("6.18.44-fc-v657"));
        assert!(of("10.0") > of("4.8"));
        assert_eq!(
            "linux".parse::<KernelVersion>().unwrap_err().to_string(),
            r#""linux" is not a kernel version: write major.minor, such as 4.8"#
        );
    }

    #[test]
    fn this_machine_has_a_kernel_and_an_architecture() {
        let host = Host::here(BTreeSet::new()).unwrap();
        assert!(host.kernel >= "3.17".parse().unwrap());
        assert_eq!(host.arch, Arch::native());
    }
}
