//! How a probe is tried under a policy. Pure.

use super::probe::{Change, Evidence, Probe};
use crate::policy::{Layer, Policy, SettingError};

/// The deadline of a probe that is to meet it; it has a line for whoever has little time.
const SHORT: &str = "1s";

/// That of all others: the layers are looked at, and not this machine's speed.
const LONG: &str = "60s";

/// A policy as a probe is tried under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// The policy.
    pub policy: Policy,
    /// How it differs from the one that is drilled, but for a deadline that nothing is to meet.
    pub changes: Vec<Change>,
}

impl Trial {
    /// The drilled policy with what the probe asks for beside it.
    ///
    /// # Errors
    /// A setting that the header has and a layer does not take.
    pub fn new(probe: &Probe, drilled: &Policy) -> Result<Self, SettingError> {
        let mut policy = drilled.clone();
        let mut changes = probe.under.clone();
        if probe.evidence == [Evidence::Deadline] {
            changes.extend(drilled.is_on(Layer::Timeout).then(|| Change::Set(Layer::Timeout, SHORT.to_owned())));
        } else {
            policy.set(Layer::Timeout, LONG)?;
        }
        for change in &changes {
            change.apply(&mut policy)?;
        }
        // It is no change where the policy says so already.
        changes.retain(|change| match change {
            Change::Set(layer, _) => !drilled.is_on(*layer) || drilled.setting(*layer) != policy.setting(*layer),
            Change::Off(layer) => drilled.is_on(*layer),
        });
        Ok(Self { policy, changes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::corpus;

    fn trial(name: &str, drilled: &str) -> Trial {
        let probe = corpus::probes().unwrap().into_iter().find(|probe| probe.name == name).unwrap();
        Trial::new(&probe, &Policy::shipped(drilled).unwrap()).unwrap()
    }

    #[test]
    fn an_ordinary_probe_is_tried_under_the_policy_as_it_is_with_time_enough() {
        let trial = trial("network.py", "hardened");
        assert_eq!(trial.changes, []);
        let mut hardened = Policy::shipped("hardened").unwrap();
        hardened.set(Layer::Timeout, "60s").unwrap();
        assert_eq!(trial.policy, hardened);
        assert!(self::trial("network.py", "bare").policy.is_on(Layer::Timeout), "nothing may stand for ever");
    }

    #[test]
    fn a_probe_of_a_layer_that_the_policy_leaves_off_switches_it_on_and_says_so() {
        let trial = trial("userns.py", "hardened");
        assert_eq!(trial.changes, [Change::Set(Layer::Userns, "on".to_owned())]);
        assert!(trial.policy.is_on(Layer::Userns));
        assert_eq!(self::trial("userns.py", "paranoid").changes, []);
    }

    #[test]
    fn the_deadline_is_short_for_its_own_probes_where_it_is_on() {
        assert_eq!(trial("deadline.py", "hardened").changes, [Change::Set(Layer::Timeout, "1s".to_owned())]);
        let bare = trial("deadline.py", "bare");
        assert!(bare.changes.is_empty() && !bare.policy.is_on(Layer::Timeout));
    }
}
