//! What an `AppArmor` label says. Several profiles may hold a process at once, as
//! where the runtime that starts it has a profile of its own: `a//&b (mixed)`
//! (security/apparmor/label.c, `aa_label_snxprint`).

use std::collections::BTreeMap;
use std::fs;

/// Every loaded profile and its mode; readable to root alone.
const LOADED: &str = "/sys/kernel/security/apparmor/profiles";

/// The profiles that a process is under, with their modes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Confinement(Vec<(String, Option<String>)>);

impl Confinement {
    /// Reads what a label means; the modes behind a `mixed` one are looked up.
    pub fn of(label: &str) -> Self {
        let loaded =
            if label.ends_with(" (mixed)") { fs::read_to_string(LOADED).unwrap_or_default() } else { String::new() };
        Self::parse(label, &loaded)
    }

    fn parse(label: &str, loaded: &str) -> Self {
        let (names, mode) = split_mode(label).unwrap_or((label, "unconfined"));
        let modes: BTreeMap<&str, &str> = loaded.lines().filter_map(split_mode).collect();
        let mode_of = |name: &str| match mode {
            "mixed" => modes.get(name).map(|mode| (*mode).to_owned()),
            mode => Some(mode.to_owned()),
        };
        Self(names.split("//&").map(|name| (name.to_owned(), mode_of(name))).collect())
    }

    /// Whether a profile that `is_meant` refuses what it does not allow; `None` where its mode is not to be known.
    pub fn enforces(&self, is_meant: impl Fn(&str) -> bool) -> Option<bool> {
        let meant: Vec<Option<&str>> =
            self.0.iter().filter(|(name, _)| is_meant(name)).map(|(_, mode)| mode.as_deref()).collect();
        if meant.contains(&Some("enforce")) {
            return Some(true);
        }
        (!meant.contains(&None)).then_some(false)
    }
}

/// `NAME (MODE)`.
fn split_mode(text: &str) -> Option<(&str, &str)> {
    text.strip_suffix(')')?.rsplit_once(" (")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_counts_only_where_it_enforces() {
        let is_python = |name: &str| name == "hotcell-python";
        let enforces = |label: &str, loaded: &str| Confinement::parse(label, loaded).enforces(is_python);
        assert_eq!(enforces("hotcell-python (enforce)", ""), Some(true));
        assert_eq!(enforces("hotcell-python (complain)", ""), Some(false));
        assert_eq!(enforces("docker-default (enforce)", ""), Some(false));
        assert_eq!(enforces("unconfined", ""), Some(false));
        let loaded = "crun (unconfined)\nhotcell-python (enforce)\n";
        assert_eq!(enforces("crun//&hotcell-python (mixed)", loaded), Some(true));
        assert_eq!(enforces("crun//&hotcell-python (mixed)", ""), None, "without root the mode is not to be known");
    }

    #[test]
    fn a_runtime_s_own_unconfined_profile_holds_nothing() {
        assert_eq!(Confinement::parse("crun (unconfined)", "").enforces(|_| true), Some(false));
    }
}
