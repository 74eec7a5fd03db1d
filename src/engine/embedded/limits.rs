//! A cell's limits as the files of its control groups have them (Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst).
//! Pure.

use serde::{Deserialize, Serialize};

use super::bundle::{CPU_PERIOD, Ground};
use super::devices;
use crate::engine::{Bytes, CellSpec, CgroupVersion};
use crate::kernel::disk::{self, Disk};

/// What is written to one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Whose file it is.
    pub controller: String,
    /// The file.
    pub file: String,
    /// What is written.
    pub text: String,
}

impl Limit {
    fn new(controller: &str, file: &str, text: impl Into<String>) -> Self {
        Self { controller: controller.to_owned(), file: file.to_owned(), text: text.into() }
    }
}

/// Those of a cell, in the order in which they are to be written.
pub fn of(spec: &CellSpec, ground: &Ground) -> Vec<Limit> {
    let Some(version) = ground.cgroups else { return Vec::new() };
    let mut limits = Vec::new();
    if let Some((limit, swap)) = spec.memory.filter(|_| ground.limits.memory) {
        let swap = Some(swap).filter(|_| ground.limits.swap);
        match version {
            CgroupVersion::V1 => {
                limits.push(Limit::new("memory", "memory.limit_in_bytes", limit.0.to_string()));
                let both = |swap: u64| {
                    Limit::new("memory", "memory.memsw.limit_in_bytes", limit.0.saturating_add(swap).to_string())
                };
                limits.extend(swap.map(|swap| both(swap.0)));
            }
            CgroupVersion::V2 => {
                limits.push(Limit::new("memory", "memory.max", limit.0.to_string()));
                limits.extend(swap.map(|swap| Limit::new("memory", "memory.swap.max", swap.0.to_string())));
            }
        }
    }
    if let Some(share) = spec.cpu.filter(|_| ground.limits.cpu) {
        let quota = u64::from(share.0) * CPU_PERIOD / 1000;
        match version {
            CgroupVersion::V1 => {
                limits.push(Limit::new("cpu", "cpu.cfs_period_us", CPU_PERIOD.to_string()));
                limits.push(Limit::new("cpu", "cpu.cfs_quota_us", quota.to_string()));
            }
            CgroupVersion::V2 => limits.push(Limit::new("cpu", "cpu.max", format!("{quota} {CPU_PERIOD}"))),
        }
    }
    if let Some(most) = spec.pids.filter(|_| ground.limits.pids) {
        limits.push(Limit::new("pids", "pids.max", most.to_string()));
    }
    for (disk, rate) in spec.disks.iter().filter(|_| ground.limits.io) {
        let (Disk { number: (major, minor), .. }, Bytes(rate)) = (disk, rate);
        match version {
            CgroupVersion::V1 => {
                limits.extend(disk::V1_RATES.map(|file| Limit::new("blkio", file, format!("{major}:{minor} {rate}"))));
            }
            CgroupVersion::V2 => {
                limits.push(Limit::new("io", "io.max", format!("{major}:{minor} rbps={rate} wbps={rate}")));
            }
        }
    }
    if version == CgroupVersion::V1 {
        limits.extend(devices::written().into_iter().map(|(file, text)| Limit::new("devices", file, text)));
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Limits;
    use crate::engine::embedded::ids::IdRange;

    fn written(cgroups: CgroupVersion, limits: Limits) -> Vec<String> {
        of_cell(&CellSpec::sample(), cgroups, limits)
    }

    fn of_cell(spec: &CellSpec, cgroups: CgroupVersion, limits: Limits) -> Vec<String> {
        let ids = IdRange::holding((0, 0), "hotcell", "");
        let ground = Ground { capabilities: Vec::new(), cgroups: Some(cgroups), limits, ids, outer: None };
        of(spec, &ground).iter().map(|limit| format!("{}={}", limit.file, limit.text)).collect()
    }

    const ALL: Limits = Limits { memory: true, swap: true, cpu: true, pids: true, io: true };

    #[test]
    fn limits_are_in_the_files_of_the_version() {
        let v1 = written(CgroupVersion::V1, ALL);
        assert_eq!(
            v1[..7],
            [
                "memory.limit_in_bytes=1000",
                "memory.memsw.limit_in_bytes=1024",
                "cpu.cfs_period_us=100000",
                "cpu.cfs_quota_us=50000",
                "pids.max=64",
                "devices.deny=a *:* rwm",
                "devices.allow=c *:* m",
            ],
            "swap counts beyond memory, and what is refused comes before what is not"
        );
        assert!(v1.contains(&"devices.allow=c 1:3 rwm".to_owned()));
        assert!(v1.contains(&"devices.allow=c 136:* rwm".to_owned()));
        let v2 = ["memory.max=1000", "memory.swap.max=24", "cpu.max=50000 100000", "pids.max=64"];
        assert_eq!(written(CgroupVersion::V2, ALL), v2);
    }

    #[test]
    fn each_disk_has_its_rate_in_the_files_of_the_version() {
        let disk = |minor| (Disk { node: format!("/dev/vd{minor}").into(), number: (254, minor) }, Bytes(4096));
        let spec =
            CellSpec { memory: None, cpu: None, pids: None, disks: vec![disk(0), disk(16)], ..CellSpec::sample() };
        let v2 = ["io.max=254:0 rbps=4096 wbps=4096", "io.max=254:16 rbps=4096 wbps=4096"];
        assert_eq!(of_cell(&spec, CgroupVersion::V2, ALL), v2);
        let v1 = of_cell(&spec, CgroupVersion::V1, ALL);
        assert_eq!(
            v1[..2],
            ["blkio.throttle.read_bps_device=254:0 4096", "blkio.throttle.write_bps_device=254:0 4096"]
        );
        assert_eq!(of_cell(&spec, CgroupVersion::V2, Limits { io: false, ..ALL }), [] as [&str; 0]);
    }

    #[test]
    fn what_the_machine_cannot_limit_is_not_asked_for() {
        let none = Limits { memory: false, swap: false, cpu: false, pids: false, io: false };
        assert_eq!(written(CgroupVersion::V2, none), [] as [&str; 0]);
        let no_swap = written(CgroupVersion::V1, Limits { swap: false, ..ALL });
        assert!(!no_swap.iter().any(|limit| limit.contains("memsw")));
    }
}
