//! What attribution rests on, of what was read of a cell.

use std::collections::BTreeMap;

use super::verify::Reading;
use crate::kernel::procfs;
use crate::plan::CellPlan;
use crate::policy::{Layer, NetworkMode};
use crate::run::attribution::{Facts, Id, Module};
use crate::run::{Force, LayerState};

/// The facts of a cell whose specimen stands before its `execve`.
pub fn facts(plan: &CellPlan, reading: &Reading, layers: &[LayerState]) -> Facts {
    let policy = &plan.request.policy;
    let status = &reading.status;
    let outside = status.ids("Uid").get(1).copied().unwrap_or(0);
    let groups = status.field("Groups").unwrap_or_default().split_whitespace().filter_map(|id| id.parse().ok());
    let limits = policy.ulimits.get().into_iter().flat_map(|limits| limits.0.keys());
    let soft = |name: &crate::policy::RlimitName| {
        let (soft, _) = procfs::parse_limit(&reading.limits, procfs::limit_row(*name))?;
        (soft != u64::MAX).then_some((name.name(), soft))
    };
    let landlock = policy.landlock.get().filter(|_| !plan.unavailable.contains_key(&Layer::Landlock));
    let is_on = |state: &&LayerState| state.asked && state.unavailable.is_none() && state.in_force != Force::No;
    Facts {
        on: layers.iter().filter(is_on).map(|state| state.layer).collect(),
        mounts: reading.mounts.clone(),
        user: Id { outside, inside: reading.id_inside(outside) },
        groups: status.ids("Gid").into_iter().chain(groups).collect(),
        root: reading.id_map.iter().find(|(inside, ..)| *inside == 0).map_or(0, |(_, outside, _)| *outside),
        effective: status.capabilities("CapEff").unwrap_or(0),
        bounding: status.capabilities("CapBnd").unwrap_or(u64::MAX),
        landlock: landlock.cloned(),
        cut_off: policy.network.get() == Some(&NetworkMode::None) || reading.interfaces.iter().all(|name| name == "lo"),
        limits: limits.filter_map(soft).collect::<BTreeMap<_, _>>(),
        pids: reading.pids.as_ref().ok().copied().flatten(),
        no_new_privs: status.field("NoNewPrivs") == Some("1"),
        module: module(reading),
    }
}

/// The security module that confines a process by its label: that of `SELinux` is `user:role:type:level`.
fn module(reading: &Reading) -> Option<Module> {
    let label = &reading.label;
    let (layer, confines) = if label.contains(':') {
        (Layer::Selinux, !label.starts_with("unconfined"))
    } else {
        (Layer::Apparmor, reading.confinement.enforces(|_| true) != Some(false))
    };
    confines.then(|| Module { layer, label: label.clone(), records: Ok(()) })
}
