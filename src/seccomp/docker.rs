//! What Docker's form adds to the OCI form: architectures that follow from the kernel's, and
//! rules that hold only under conditions on the host and the container
//! (moby/profiles, `seccomp/seccomp_linux.go`: `setupSeccomp`).

use super::arch::{Arch, Host, KernelVersion};
use super::fields::{Fields, Mistake, ProfileError, Source};
use super::json::Node;

/// The architectures that an `archMap` gives a host; none where it does not name the host's.
pub(super) fn arch_map(source: Source<'_>, entries: &[Node], host: &Host) -> Result<Vec<Arch>, ProfileError> {
    let mut arches = Vec::new();
    for entry in entries {
        let known = ["architecture", "subArchitectures"];
        let fields = source.object(entry, "an entry of archMap", &known)?;
        let main = arch(source, fields.need("architecture")?)?;
        let subs = fields.items("subArchitectures")?.iter();
        let subs = subs.map(|node| arch(source, node));
        let subs = subs.collect::<Result<Vec<_>, _>>()?;
        if main == host.arch && arches.is_empty() {
            arches.push(main);
            arches.extend(subs);
        }
    }
    Ok(arches)
}

/// An architecture by its name in a profile.
pub(super) fn arch(source: Source<'_>, node: &Node) -> Result<Arch, ProfileError> {
    let allowed = Arch::ALL.map(Arch::oci_name);
    source.word(node, "architecture", &allowed, Arch::from_oci_name)
}

/// Whether a rule holds on this host: all of `includes` is so, and nothing of `excludes`.
pub(super) fn holds(source: Source<'_>, rule: &Fields<'_, '_>, host: &Host) -> Result<bool, ProfileError> {
    let included = match rule.get("includes") {
        Some(node) => Conditions::read(source, node, "includes")?.all_so(host),
        None => true,
    };
    let excluded = match rule.get("excludes") {
        Some(node) => Conditions::read(source, node, "excludes")?.any_so(host),
        None => false,
    };
    Ok(included && !excluded)
}

/// The content of an `includes` or an `excludes`.
struct Conditions {
    caps: Vec<String>,
    arches: Vec<String>,
    min_kernel: Option<KernelVersion>,
}

impl Conditions {
    fn read(source: Source<'_>, node: &Node, within: &'static str) -> Result<Self, ProfileError> {
        let fields = source.object(node, within, &["caps", "arches", "minKernel"])?;
        let caps = fields.items("caps")?.iter();
        let arches = fields.items("arches")?.iter();
        let min_kernel = fields.get("minKernel");
        Ok(Self {
            caps: caps.map(|cap| capability(source, cap)).collect::<Result<_, _>>()?,
            arches: arches.map(|arch| docker_arch(source, arch)).collect::<Result<_, _>>()?,
            min_kernel: min_kernel.map(|version| kernel(source, version)).transpose()?,
        })
    }

    /// Every capability held, the architecture listed, the kernel new enough.
    fn all_so(&self, host: &Host) -> bool {
        let arch = self.arches.is_empty() || self.arches.contains(&host.arch.docker_name());
        let caps = self.caps.iter().all(|cap| host.caps.contains(cap));
        let kernel = self.min_kernel.is_none_or(|least| host.kernel >= least);
        arch && caps && kernel
    }

    /// Any capability held, the architecture listed, or the kernel new enough.
    fn any_so(&self, host: &Host) -> bool {
        let arch = self.arches.contains(&host.arch.docker_name());
        let cap = self.caps.iter().any(|cap| host.caps.contains(cap));
        let kernel = self.min_kernel.is_some_and(|least| host.kernel >= least);
        arch || cap || kernel
    }
}

fn capability(source: Source<'_>, node: &Node) -> Result<String, ProfileError> {
    let cap = source.text(node, "capability")?;
    let upper = |rest: &str| rest.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    match cap.strip_prefix("CAP_") {
        Some(rest) if upper(rest) && !rest.is_empty() => Ok(cap.to_owned()),
        _ => Err(source.error(node.offset, Mistake::Capability(cap.to_owned()))),
    }
}

/// Docker compares with its own name of the host's architecture, so any other spelling of it
/// would silently never hold.
fn docker_arch(source: Source<'_>, node: &Node) -> Result<String, ProfileError> {
    let names = Arch::ALL.map(Arch::docker_name);
    let names = names.each_ref().map(String::as_str);
    source.word(node, "architecture", &names, |word| names.contains(&word).then(|| word.to_owned()))
}

fn kernel(source: Source<'_>, node: &Node) -> Result<KernelVersion, ProfileError> {
    let version = source.text(node, "minKernel")?;
    version.parse().map_err(|error| source.error(node.offset, Mistake::Kernel(error)))
}
