//! What a policy leaves of the host open to the specimen.

use super::{Layer, NetworkMode, Policy};

/// Something of the host that a specimen reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// The layers whose state opens it.
    pub layers: Vec<Layer>,
    /// What is open, in one sentence.
    pub what: &'static str,
}

impl Policy {
    /// What the off layers, and the network where it is a bridge, leave open, the gravest
    /// first where they act together.
    pub fn exposures(&self) -> Vec<Exposure> {
        let off = |layer| !self.is_on(layer);
        let mut found = Vec::new();
        let mut add = |layers: &[Layer], what| found.push(Exposure { layers: layers.to_vec(), what });
        if off(Layer::User) && off(Layer::Caps) && off(Layer::Userns) {
            add(
                &[Layer::User, Layer::Caps, Layer::Userns],
                "The specimen is root of the host with every capability: mounting a disk or loading a module is an escape.",
            );
        } else if off(Layer::User) && off(Layer::Userns) {
            add(
                &[Layer::User, Layer::Userns],
                "The specimen has the host's user id 0: a file of the host that it reaches, it owns.",
            );
        }
        if off(Layer::Seccomp) {
            add(&[Layer::Seccomp], "Every system call of the host's kernel is within reach.");
        }
        if self.network.get() == Some(&NetworkMode::Bridge) {
            add(&[Layer::Network], "The internet and the host's local network are within reach through the bridge.");
        }
        for layer in Layer::ALL.into_iter().filter(|layer| off(*layer)) {
            if let Some(what) = alone(layer) {
                add(&[layer], what);
            }
        }
        found
    }
}

/// What an off layer opens whatever the others are; `None` where it opens nothing of the
/// host by itself.
const fn alone(layer: Layer) -> Option<&'static str> {
    match layer {
        Layer::Network => Some(
            "The host's own network is the specimen's: its interfaces, and every service that listens on 127.0.0.1.",
        ),
        Layer::Memory => Some("The specimen can take all of the host's memory and swap."),
        Layer::Cpu => Some("The specimen can take all of the host's CPU time."),
        Layer::Pids => Some("A fork bomb can use up the host's process ids."),
        Layer::NoNewPrivs => Some("A set-user-id program in the image can raise the specimen's privileges."),
        Layer::Ipc => Some("Shared memory and message queues of the host's programs can be attached."),
        Layer::Env => Some("The variables of hotcell's own environment are passed on, tokens and keys among them."),
        Layer::ProcMasks => Some(
            "The paths of /proc and /sys that tell of the host, and change it where the specimen is root, are open.",
        ),
        Layer::Timeout => Some("Nothing ends the specimen but its own exit or the reviewer."),
        Layer::Rootfs
        | Layer::Tmpfs
        | Layer::Io
        | Layer::Caps
        | Layer::Seccomp
        | Layer::Apparmor
        | Layer::Selinux
        | Layer::Landlock
        | Layer::Ulimits
        | Layer::User
        | Layer::Userns
        | Layer::Runtime
        | Layer::Output => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposed(policy: &Policy) -> Vec<&'static str> {
        policy.exposures().iter().map(|exposure| exposure.layers[0].name()).collect()
    }

    #[test]
    fn hardened_and_paranoid_expose_nothing_of_the_host() {
        for name in ["hardened", "paranoid"] {
            assert_eq!(Policy::shipped(name).unwrap().exposures(), []);
        }
    }

    #[test]
    fn bare_begins_with_the_gravest_and_names_the_network_and_the_environment() {
        let all = Policy::shipped("bare").unwrap().exposures();
        assert_eq!(all[0].layers, [Layer::User, Layer::Caps, Layer::Userns]);
        assert!(all[0].what.contains("root of the host with every capability"));
        assert!(all.iter().any(|exposure| exposure.what.contains("127.0.0.1")));
        assert!(all.iter().any(|exposure| exposure.what.contains("tokens and keys")));
    }

    #[test]
    fn docker_default_exposes_the_bridge_and_root_but_no_longer_every_capability() {
        let policy = Policy::shipped("docker-default").unwrap();
        assert_eq!(exposed(&policy), ["user", "network", "memory", "cpu", "pids", "no-new-privs", "timeout"]);
    }

    #[test]
    fn a_user_namespace_takes_the_edge_off_root() {
        let mut policy = Policy::shipped("hardened").unwrap();
        policy.set_on(Layer::User, false);
        assert_eq!(exposed(&policy), ["user"]);
        policy.set_on(Layer::Userns, true);
        assert_eq!(exposed(&policy), Vec::<&str>::new());
    }
}
