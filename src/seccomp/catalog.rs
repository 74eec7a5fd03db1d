//! What each system call is for, what it does and what is risky in it: `profiles/calls.toml`, which is part of the
//! program.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::Deserialize;

const TEXT: &str = include_str!("../../profiles/calls.toml");

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Descriptors and what they hold.
    Files,
    /// Paths and metadata.
    Directories,
    /// Mappings and what the kernel does with them.
    Memory,
    /// Processes, threads and their scheduling.
    Processes,
    /// Signals.
    Signals,
    /// Users, groups and capabilities.
    Identity,
    /// Sockets.
    Network,
    /// System V and POSIX interprocess communication.
    Ipc,
    /// Clocks, timers and sleep.
    Time,
    /// Waiting for several things.
    Events,
    /// Namespaces and mounts.
    Namespaces,
    /// Looking into other processes and the kernel.
    Tracing,
    /// The kernel's keyrings.
    Keys,
    /// Kernel modules and the start of the machine.
    Boot,
    /// `io_uring` and the older asynchronous I/O.
    AsyncIo,
    /// Hardware and administration.
    Hardware,
    /// What a process may put on itself.
    Sandboxing,
    /// Facts about the system, and calls that never were.
    System,
}

impl Purpose {
    /// Every purpose, in the order in which they are listed.
    pub const ALL: [Self; 18] = [
        Self::Files,
        Self::Directories,
        Self::Memory,
        Self::Processes,
        Self::Signals,
        Self::Identity,
        Self::Network,
        Self::Ipc,
        Self::Time,
        Self::Events,
        Self::Namespaces,
        Self::Tracing,
        Self::Keys,
        Self::Boot,
        Self::AsyncIo,
        Self::Hardware,
        Self::Sandboxing,
        Self::System,
    ];

    /// A heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Directories => "directories and metadata",
            Self::Memory => "memory",
            Self::Processes => "processes and threads",
            Self::Signals => "signals",
            Self::Identity => "users, groups and capabilities",
            Self::Network => "network",
            Self::Ipc => "interprocess communication",
            Self::Time => "time",
            Self::Events => "waiting for events",
            Self::Namespaces => "namespaces and mounts",
            Self::Tracing => "tracing and debugging",
            Self::Keys => "keys",
            Self::Boot => "kernel modules and boot",
            Self::AsyncIo => "asynchronous I/O",
            Self::Hardware => "hardware and administration",
            Self::Sandboxing => "sandboxing",
            Self::System => "the system and the rest",
        }
    }
}

/// What may come of letting untrusted code make a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// It works on what the process has already.
    Low,
    /// It widens the reach, or much kernel code lies behind it.
    Medium,
    /// A known way out, or power over others.
    High,
}

impl Risk {
    /// A word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What is known of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// What it is for.
    pub purpose: Purpose,
    /// What it does, in one sentence.
    pub does: String,
    /// What may come of it.
    pub risk: Risk,
    /// Why, where the risk is not low.
    pub why: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Harmless(String),
    #[serde(rename_all = "lowercase")]
    Risky {
        does: String,
        risk: Risk,
        why: String,
    },
}

static CATALOG: LazyLock<HashMap<String, About>> = LazyLock::new(|| {
    // A test reads the text; what could not be read would only leave calls undescribed.
    let groups: BTreeMap<Purpose, BTreeMap<String, Entry>> = toml::from_str(TEXT).unwrap_or_default();
    let about = |purpose, entry| match entry {
        Entry::Harmless(does) => About { purpose, does, risk: Risk::Low, why: None },
        Entry::Risky { does, risk, why } => About { purpose, does, risk, why: Some(why) },
    };
    let calls = groups.into_iter().flat_map(|(purpose, calls)| calls.into_iter().map(move |call| (purpose, call)));
    calls.map(|(purpose, (name, entry))| (name, about(purpose, entry))).collect()
});

/// What is known of a call; a call of a 32-bit ABI is what the one without its suffix is.
pub fn about(call: &str) -> Option<&'static About> {
    let bare = || ["_time64", "64", "32"].into_iter().find_map(|suffix| CATALOG.get(call.strip_suffix(suffix)?));
    CATALOG.get(call).or_else(bare)
}

static BY_PURPOSE: LazyLock<BTreeMap<Purpose, Vec<&'static str>>> = LazyLock::new(|| {
    let mut groups: BTreeMap<Purpose, Vec<&str>> = BTreeMap::new();
    for (name, about) in CATALOG.iter() {
        groups.entry(about.purpose).or_default().push(name);
    }
    for names in groups.values_mut() {
        names.sort_unstable();
    }
    groups
});

/// The calls for a purpose, by name.
pub fn calls_for(purpose: Purpose) -> &'static [&'static str] {
    BY_PURPOSE.get(&purpose).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{Arch, names};
    use super::*;

    #[test]
    fn every_call_of_the_table_is_described_once_and_no_other() {
        let groups: BTreeMap<Purpose, BTreeMap<String, Entry>> = toml::from_str(TEXT).unwrap();
        let described: Vec<&String> = groups.values().flat_map(BTreeMap::keys).collect();
        let distinct: BTreeSet<&str> = described.iter().map(|name| name.as_str()).collect();
        assert_eq!(described.len(), distinct.len(), "a call is described twice");
        let table = names::table(Arch::X86_64);
        let table: BTreeSet<&str> = table.iter().map(String::as_str).collect();
        let missing: Vec<_> = table.difference(&distinct).collect();
        let unknown: Vec<_> = distinct.difference(&table).collect();
        assert!(missing.is_empty() && unknown.is_empty(), "missing {missing:?}, unknown {unknown:?}");
        assert!(table.len() > 380, "{}", table.len());
    }

    #[test]
    fn every_call_is_listed_under_one_purpose_of_the_list() {
        let listed: Vec<&str> = Purpose::ALL.into_iter().flat_map(calls_for).copied().collect();
        let distinct: BTreeSet<&str> = listed.iter().copied().collect();
        assert_eq!((listed.len(), distinct.len()), (CATALOG.len(), CATALOG.len()));
        assert!(calls_for(Purpose::Network).contains(&"socket"));
    }

    #[test]
    fn sentences_are_sentences_and_risks_have_reasons() {
        for (call, about) in CATALOG.iter() {
            assert!(about.does.ends_with('.') && !about.does.starts_with(char::is_lowercase), "{call}: {}", about.does);
            assert_eq!(about.why.is_some(), about.risk > Risk::Low, "{call}");
            assert!(about.why.as_ref().is_none_or(|why| !why.ends_with('.')), "{call}");
        }
    }

    #[test]
    fn a_call_of_a_narrow_abi_is_known_by_its_other_name() {
        assert_eq!(about("fcntl64").unwrap().purpose, Purpose::Files);
        assert_eq!(about("futex_time64").unwrap().purpose, Purpose::Processes);
        assert_eq!(about("no_such_call"), None);
        assert_eq!(about("clone3").unwrap().risk, Risk::High);
    }
}
