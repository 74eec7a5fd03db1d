//! A cell for tests: every layer on that an engine can be asked for everywhere.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{CellCaps, CellIo, CellName, CellNetwork, CellSeccomp, CellSpec};
use crate::policy::{Bytes, Millicores};

impl CellSpec {
    /// Under the shim, with limits that are told from each other.
    pub fn sample() -> Self {
        Self {
            name: CellName("hotcell-000000000000".to_owned()),
            labels: BTreeMap::new(),
            image: "host".to_owned(),
            command: vec!["/hotcell/shim".to_owned()],
            env: Vec::new(),
            workdir: PathBuf::from("/sandbox"),
            binds: Vec::new(),
            io: CellIo::Shim,
            runtime: None,
            network: CellNetwork::None,
            read_only: true,
            tmpfs: None,
            memory: Some((Bytes(1000), Bytes(24))),
            cpu: Some(Millicores(500)),
            pids: Some(64),
            disks: Vec::new(),
            caps: CellCaps::Keep(Vec::new()),
            no_new_privs: true,
            seccomp: CellSeccomp::Unconfined,
            apparmor: None,
            selinux: None,
            ulimits: vec![("core".to_owned(), 0, u64::MAX)],
            user: (65534, 65534),
            userns: false,
            private_ipc: true,
            proc_masks: true,
        }
    }
}
