//! What is known of a cell, and of a file in it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::kernel::procfs::Mount;
use crate::policy::{Landlock, Layer};

/// What is known of a cell before its specimen runs: asked for, and read back from the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The layers that the policy has on and that were not read back as missing.
    pub on: BTreeSet<Layer>,
    /// Its mounts.
    pub mounts: Vec<Mount>,
    /// The specimen's user as this machine numbers it, and as the cell does.
    pub user: Id,
    /// Its groups, as this machine numbers them.
    pub groups: Vec<u32>,
    /// The cell's root, as this machine numbers it.
    pub root: u32,
    /// The capabilities that it has.
    pub effective: u64,
    /// Those that any of its processes may ever have.
    pub bounding: u64,
    /// Landlock's rules, where the kernel took them.
    pub landlock: Option<Landlock>,
    /// There is no interface but the cell's own loopback.
    pub cut_off: bool,
    /// Soft limits by their names, but for those that are none.
    pub limits: BTreeMap<&'static str, u64>,
    /// The most processes and threads of the control group.
    pub pids: Option<u64>,
    /// A program's set-user-id bit means nothing.
    pub no_new_privs: bool,
    /// The security module that confines it.
    pub module: Option<Module>,
}

/// A security module that confines a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Its layer.
    pub layer: Layer,
    /// The label that it enforces.
    pub label: String,
    /// Whether the kernel's audit records of what it refuses are read, or why not.
    pub records: Result<(), String>,
}

/// A user on both sides of a user namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Id {
    /// As this machine numbers it.
    pub outside: u32,
    /// As the cell does.
    pub inside: u32,
}

/// A file as a call names it, looked at from outside the cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its path in the cell, as far as it is known; safe to show.
    pub path: String,
    /// The mount that it is on, or would be.
    pub mount: Option<Mount>,
    /// Itself, where it is there.
    pub file: Option<Node>,
    /// The deepest of its directories that is there.
    pub directory: Option<Node>,
}

/// Whom a call wants to speak to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Peer {
    /// The call says no address: it was given before, or cannot be read.
    #[default]
    Unknown,
    /// A host and a port.
    Internet(SocketAddr),
    /// A name server (RFC 1035).
    NameServer {
        /// Its host and port.
        address: SocketAddr,
        /// The name that it is asked for, where the call says it; safe to show.
        name: Option<String>,
    },
    /// A Unix socket that has a name and no file.
    Abstract(Vec<u8>),
    /// Somebody whom no network namespace keeps away: a Unix socket with a file, a netlink.
    Other,
}

impl Peer {
    /// The host and port, where that is what it has.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Internet(address) | Self::NameServer { address, .. } => Some(*address),
            Self::Unknown | Self::Abstract(_) | Self::Other => None,
        }
    }

    /// What it is there for, in words that follow a reason; empty where nothing is known of that.
    pub fn purpose(&self) -> String {
        match self {
            Self::NameServer { name: Some(name), .. } => format!("; it asks a name server (DNS) for {name}"),
            Self::NameServer { name: None, .. } => "; it asks a name server (DNS)".to_owned(),
            Self::Unknown | Self::Internet(_) | Self::Abstract(_) | Self::Other => String::new(),
        }
    }
}

/// Who owns a file and who may what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// `st_mode`.
    pub mode: u32,
    /// Its user, as this machine numbers it.
    pub uid: u32,
    /// Its group, likewise.
    pub gid: u32,
}

impl Facts {
    /// The layer is on.
    pub fn on(&self, layer: Layer) -> bool {
        self.on.contains(&layer)
    }

    /// The capability is among those that the specimen has.
    pub fn has(&self, cap: u8) -> bool {
        self.effective >> cap & 1 == 1
    }

    /// Some process of the cell might have it.
    pub fn leaves(&self, cap: u8) -> bool {
        self.bounding >> cap & 1 == 1
    }

    /// The specimen is not the cell's root.
    pub fn is_ordinary(&self) -> bool {
        self.user.inside != 0
    }

    /// Whether the file's mode lets the specimen do this (bits as of `others`: 4 read, 2 write, 1 run).
    pub fn may(&self, node: Node, bits: u32) -> bool {
        let shift = match () {
            () if node.uid == self.user.outside => 6,
            () if self.groups.contains(&node.gid) => 3,
            () => 0,
        };
        node.mode >> shift & bits == bits
    }
}
