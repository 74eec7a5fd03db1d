//! Names of images, as engines and registries write them:
//! `[registry[:port]/]repository[:tag][@digest]`.

/// The longest reference: a repository of 255 characters (the distribution specification), a tag of 128, a digest.
const LONGEST: usize = 512;

/// Whether this can be an image reference: who is asked for it judges the rest.
pub fn is_reference(value: &str) -> bool {
    value.len() <= LONGEST
        && value.starts_with(|c: char| c.is_ascii_alphanumeric())
        && value.chars().all(|c| c.is_ascii_alphanumeric() || "._-:/@".contains(c))
}

/// The one form of a reference that engines resolve alike: Podman writes `localhost/` before a local one, Docker's own
/// registry is implied, and so is the tag `latest`.
pub fn canonical(reference: &str) -> String {
    let local = reference.strip_prefix("localhost/").unwrap_or(reference);
    let short = local.strip_prefix("docker.io/").unwrap_or(local);
    let short = short.strip_prefix("library/").unwrap_or(short);
    let name = short.rsplit('/').next().unwrap_or(short);
    if name.contains([':', '@']) { short.to_owned() } else { format!("{short}:latest") }
}

/// Where an image is at a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Host, and port where one is given.
    pub registry: String,
    /// The image's path there.
    pub repository: String,
    /// The tag, or the digest, which goes before it.
    pub version: String,
}

impl Remote {
    /// The registry that a name without one means, as Docker has it.
    pub(super) const DOCKER: &str = "registry-1.docker.io";

    /// Takes a reference apart; none where it is not one.
    pub fn parse(reference: &str) -> Option<Self> {
        if !is_reference(reference) {
            return None;
        }
        let (name, digest) = match reference.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (reference, None),
        };
        let (registry, path) = match name.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
            _ => ("docker.io", name),
        };
        let (repository, tag) = path.split_once(':').unwrap_or((path, "latest"));
        let parts_are_named =
            |text: &str| text.split('/').all(|part| part.starts_with(|c: char| c.is_ascii_alphanumeric()));
        if !parts_are_named(repository) || tag.is_empty() || tag.contains([':', '/']) {
            return None;
        }
        let is_docker = registry == "docker.io";
        let official = is_docker && !repository.contains('/');
        Some(Self {
            registry: if is_docker { Self::DOCKER } else { registry }.to_owned(),
            repository: if official { format!("library/{repository}") } else { repository.to_owned() },
            version: digest.unwrap_or(tag).to_owned(),
        })
    }

    /// Whether the registry is on this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(host(&self.registry))
    }
}

/// The host of `host[:port]`.
fn host(registry: &str) -> &str {
    registry.rsplit_once(':').map_or(registry, |(host, _)| host)
}

/// Whether a host, by name or address, is this machine.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_compared_as_engines_resolve_them() {
        for (one, other, same) in [
            ("docker.io/library/debian:12", "debian:12", true),
            ("localhost/a:1", "a:1", true),
            ("host:5000/a", "host:5000/a:latest", true),
            ("debian:12", "debian", false),
            ("a@sha256:0", "a", false),
        ] {
            assert_eq!(canonical(one) == canonical(other), same, "{one} {other}");
        }
    }

    #[test]
    fn a_reference_names_registry_repository_and_version() {
        for (reference, parts) in [
            ("debian", ("registry-1.docker.io", "library/debian", "latest")),
            ("docker.io/me/tool:2", ("registry-1.docker.io", "me/tool", "2")),
            ("localhost:5000/a/b", ("localhost:5000", "a/b", "latest")),
            ("localhost/a:1", ("localhost", "a", "1")),
            ("ghcr.io/a/b:1@sha256:0", ("ghcr.io", "a/b", "sha256:0")),
        ] {
            let remote = Remote::parse(reference).unwrap();
            let found = (remote.registry.as_str(), remote.repository.as_str(), remote.version.as_str());
            assert_eq!(found, parts, "{reference}");
        }
    }

    #[test]
    fn what_would_be_another_path_at_the_registry_is_no_reference() {
        for reference in ["", "-x", "a b", "host.io/", "host.io/../../etc", "a//b", "a:", "a:b:c", "a/b:c/d", "a?b"] {
            assert_eq!(Remote::parse(reference), None, "{reference}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (reference, local) in [
            ("localhost:5000/a", true),
            ("127.0.0.1:5000/a", true),
            ("127.9.9.9/a", true),
            ("localhost.evil.org/a", false),
            ("127.0.0.1.evil.org/a", false),
            ("debian", false),
        ] {
            assert_eq!(Remote::parse(reference).unwrap().is_loopback(), local, "{reference}");
        }
    }
}
