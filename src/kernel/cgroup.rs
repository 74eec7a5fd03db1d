//! A cell's control group: where its files are, what they say now and which
//! limits hold. Version 1 (Documentation/admin-guide/cgroup-v1) and 2
//! (Documentation/admin-guide/cgroup-v2.rst).

mod meters;

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub use self::meters::{Hits, Meters};
use super::disk::{self, Number, Rates};
use super::procfs::{self, Mount};
use crate::engine::{CgroupVersion, Limits};
use crate::policy::{Bytes, Millicores};

const CONTROLLERS: [&str; 6] = ["memory", "cpu", "cpuacct", "pids", "blkio", "devices"];

/// Those of version 1 that limit nothing here: a cell has a group in them so as to see no further than that, for at
/// the top of each hierarchy stands a file that names a program for the kernel to start (`release_agent`).
const OTHERS: [&str; 8] = ["cpuset", "freezer", "net_cls", "net_prio", "perf_event", "hugetlb", "rdma", "misc"];

/// A value that a v1 limit file shows for "no limit" is this or more: `PAGE_COUNTER_MAX` in bytes.
const V1_UNLIMITED: u64 = i64::MAX.cast_unsigned() / 4096 * 4096;

/// The control groups of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    version: CgroupVersion,
    /// Directory and mount point by controller; one entry, `""`, on v2.
    places: HashMap<&'static str, Place>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    directory: PathBuf,
    mount: PathBuf,
}

impl Cgroup {
    /// The control groups of a running process.
    ///
    /// # Errors
    /// When the process is gone, or no control group file system is mounted here.
    pub fn of(pid: u32) -> io::Result<Self> {
        let membership = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
        Self::locate(&membership, hierarchies())
            .ok_or_else(|| io::Error::other(format!("no control group of process {pid} is mounted here")))
    }

    /// Whether they are others than this process's: then what they tell is the cell's alone.
    pub fn is_apart(&self) -> bool {
        Self::of(std::process::id()).is_ok_and(|own| own != *self)
    }

    /// The control groups at a path below each hierarchy's mount.
    ///
    /// # Errors
    /// When no control group file system is mounted here.
    pub fn at(path: &str) -> io::Result<Self> {
        let mounts = hierarchies();
        // As `/proc/PID/cgroup` would tell of a process in them.
        let line = |mount: &Mount| format!("0:{}:{path}\n", mount.super_options.join(","));
        let controllers = mounts.iter().filter(|mount| mount.kind == "cgroup").map(line);
        let membership: String = controllers.chain([format!("0::{path}\n")]).collect();
        Self::locate(&membership, mounts)
            .ok_or_else(|| io::Error::other("no control group file system is mounted here"))
    }

    /// From `/proc/PID/cgroup` and this process's own mounts.
    fn locate(membership: &str, mounts: &[Mount]) -> Option<Self> {
        let mut places = HashMap::new();
        let mut unified = None;
        for line in membership.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
            if controllers.is_empty() {
                unified = mounts.iter().find(|mount| mount.kind == "cgroup2").map(|mount| Place::new(mount, path));
            }
            let is_here = |name: &&str| controllers.split(',').any(|have| have == *name);
            let mount = |name: &str| mounts.iter().find(|mount| mount.kind == "cgroup" && mount.has(name));
            for name in CONTROLLERS.into_iter().filter(is_here) {
                places.insert(name, Place::new(mount(name)?, path));
            }
            for name in OTHERS.into_iter().filter(is_here) {
                places.extend(mount(name).map(|mount| (name, Place::new(mount, path))));
            }
        }
        if !places.is_empty() {
            return Some(Self { version: CgroupVersion::V1, places });
        }
        Some(Self { version: CgroupVersion::V2, places: HashMap::from([("", unified?)]) })
    }

    /// The version in use.
    pub fn version(&self) -> CgroupVersion {
        self.version
    }

    /// The directory of the one group that it is on version 2.
    pub fn unified(&self) -> Option<&Path> {
        let place = (self.version == CgroupVersion::V2).then(|| self.place("")).flatten()?;
        Some(&place.directory)
    }

    /// Makes them, and on version 2 has the groups above give their controllers.
    ///
    /// # Errors
    /// What the system said.
    pub fn make(&self) -> io::Result<()> {
        for Place { directory, mount } in self.places.values() {
            if self.version == CgroupVersion::V2 {
                share_controllers(directory, mount)?;
            }
            fs::create_dir_all(directory)?;
        }
        self.places.get("cpuset").map_or(Ok(()), |Place { directory, mount }| inherit_cpus(directory, mount))
    }

    /// The files by which a process of one thread puts itself into them: by writing 0. On version 1 it is the one that
    /// takes a thread alone, for which the kernel need not wait until every CPU has passed through its scheduler, some
    /// 10 ms (`cgroup_procs_write_start`, kernel/cgroup/cgroup.c).
    ///
    /// # Errors
    /// What the system said.
    pub fn doors(&self) -> io::Result<Vec<File>> {
        let name = match self.version {
            CgroupVersion::V1 => "tasks",
            CgroupVersion::V2 => "cgroup.procs",
        };
        let mut directories: Vec<&PathBuf> = self.places.values().map(|place| &place.directory).collect();
        // Controllers may share a hierarchy.
        directories.sort();
        directories.dedup();
        directories.into_iter().map(|directory| OpenOptions::new().write(true).open(directory.join(name))).collect()
    }

    /// A file of theirs, to be written.
    ///
    /// # Errors
    /// What the system said, with the file, or that its controller is not mounted here.
    pub fn open(&self, controller: &str, name: &str) -> io::Result<File> {
        let path = self.file(controller, name).ok_or_else(|| io::Error::other(format!("{name} is nowhere")))?;
        let said = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        OpenOptions::new().write(true).open(&path).map_err(said)
    }

    fn place(&self, controller: &str) -> Option<&Place> {
        match self.version {
            CgroupVersion::V1 => self.places.get(controller),
            CgroupVersion::V2 => self.places.get(""),
        }
    }

    fn file(&self, controller: &str, name: &str) -> Option<PathBuf> {
        Some(self.place(controller)?.directory.join(name))
    }

    /// The memory limit that holds; `None` for none.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn memory_limit(&self) -> io::Result<Option<Bytes>> {
        Ok(self.tightest("memory", "memory.limit_in_bytes", "memory.max", parse_limit)?.map(Bytes))
    }

    /// Swap that may be used beyond memory; `None` for no limit.
    ///
    /// # Errors
    /// When the kernel does not account for swap.
    pub fn swap_limit(&self) -> io::Result<Option<Bytes>> {
        let limit = self.tightest("memory", "memory.memsw.limit_in_bytes", "memory.swap.max", parse_limit)?;
        Ok(match (self.version, limit) {
            (CgroupVersion::V1, Some(both)) => {
                Some(Bytes(both.saturating_sub(self.memory_limit()?.map_or(both, |memory| memory.0))))
            }
            (_, limit) => limit.map(Bytes),
        })
    }

    /// The process limit that holds; `None` for none.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn pids_limit(&self) -> io::Result<Option<u64>> {
        self.tightest("pids", "pids.max", "pids.max", parse_limit)
    }

    /// The CPU quota that holds; `None` for none.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn cpu_limit(&self) -> io::Result<Option<Millicores>> {
        let millicores = |quota: u64, period: u64| quota * 1000 / period.max(1);
        let tightest = match self.version {
            CgroupVersion::V2 => self.tightest("cpu", "", "cpu.max", |text| {
                let (quota, period) = text.trim().split_once(' ')?;
                Some(millicores(quota.parse().ok()?, period.parse().ok()?))
            })?,
            CgroupVersion::V1 => {
                let period = self.file("cpu", "cpu.cfs_period_us").map(fs::read_to_string).transpose()?;
                let period = period.and_then(|text| text.trim().parse().ok()).unwrap_or(100_000);
                // A quota of -1 does not parse as unsigned: no limit.
                self.tightest("cpu", "cpu.cfs_quota_us", "", |text| {
                    Some(millicores(text.trim().parse().ok()?, period))
                })?
            }
        };
        Ok(tightest.map(|limit| Millicores(u32::try_from(limit).unwrap_or(u32::MAX))))
    }

    /// How fast this group may use each disk that it has a limit for.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn disk_rates(&self) -> io::Result<BTreeMap<Number, Rates>> {
        let read = |name: &str| {
            let path =
                self.file("blkio", name).ok_or_else(|| io::Error::other("no blkio controller is mounted here"))?;
            fs::read_to_string(path).map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))
        };
        match self.version {
            CgroupVersion::V1 => {
                let [reading, writing] = disk::V1_RATES.map(read);
                Ok(disk::rates_v1(&reading?, &writing?))
            }
            CgroupVersion::V2 => Ok(disk::rates_v2(&read("io.max")?)),
        }
    }

    /// Lets this group use every disk as fast as that goes. A process that waits for one cannot be killed until it is
    /// served: with SIGKILL alone the rate would decide when it dies.
    ///
    /// # Errors
    /// When the files cannot be read or written.
    pub fn free_disks(&self) -> io::Result<()> {
        for (major, minor) in self.disk_rates()?.into_keys() {
            match self.version {
                CgroupVersion::V1 => {
                    for name in disk::V1_RATES {
                        self.open("blkio", name)?.write_all(format!("{major}:{minor} 0").as_bytes())?;
                    }
                }
                CgroupVersion::V2 => {
                    self.open("io", "io.max")?.write_all(format!("{major}:{minor} rbps=max wbps=max").as_bytes())?;
                }
            }
        }
        Ok(())
    }

    /// The least limit on the way from the group up to the mount: any ancestor's limit holds too.
    fn tightest(
        &self,
        controller: &str,
        v1: &str,
        v2: &str,
        parse: impl Fn(&str) -> Option<u64>,
    ) -> io::Result<Option<u64>> {
        let name = match self.version {
            CgroupVersion::V1 => v1,
            CgroupVersion::V2 => v2,
        };
        let place = self
            .place(controller)
            .ok_or_else(|| io::Error::other(format!("the {controller} controller is not mounted here")))?;
        let mut least = parse(&fs::read_to_string(place.directory.join(name))?);
        for ancestor in place.directory.ancestors().skip(1).take_while(|path| path.starts_with(&place.mount)) {
            if let Ok(text) = fs::read_to_string(ancestor.join(name)) {
                least = [least, parse(&text)].into_iter().flatten().min();
            }
        }
        Ok(least)
    }
}

/// The mounts of control groups that this process sees. They are read once: a machine keeps them as it began.
pub fn hierarchies() -> &'static [Mount] {
    static MOUNTS: OnceLock<Vec<Mount>> = OnceLock::new();
    MOUNTS.get_or_init(|| {
        let mut mounts = procfs::mounts(std::process::id()).unwrap_or_default();
        mounts.retain(|mount| mount.kind == "cgroup" || mount.kind == "cgroup2");
        mounts
    })
}

/// Has every group from a mount down to the one above `directory` give its controllers to those below.
fn share_controllers(directory: &Path, mount: &Path) -> io::Result<()> {
    let above: Vec<&Path> = directory.ancestors().skip(1).take_while(|path| path.starts_with(mount)).collect();
    for group in above.into_iter().rev() {
        fs::create_dir_all(group)?;
        let have = fs::read_to_string(group.join("cgroup.controllers"))?;
        for controller in have.split_whitespace() {
            // A limit that needs one that is not given tells so when it is set.
            let _ = fs::write(group.join("cgroup.subtree_control"), format!("+{controller}"));
        }
    }
    Ok(())
}

/// Gives every group from a mount down to `directory` the CPUs and memory nodes of the one above it, where it has none
/// yet: nobody can be in a cpuset without any.
fn inherit_cpus(directory: &Path, mount: &Path) -> io::Result<()> {
    let below: Vec<&Path> = directory.ancestors().take_while(|path| *path != mount).collect();
    for group in below.into_iter().rev() {
        for file in ["cpuset.cpus", "cpuset.mems"] {
            if fs::read_to_string(group.join(file))?.trim().is_empty() {
                fs::write(group.join(file), fs::read_to_string(group.join("..").join(file))?)?;
            }
        }
    }
    Ok(())
}

/// The directories of a path in every hierarchy that is mounted here, whether they exist or not.
pub fn directories(path: &str) -> Vec<PathBuf> {
    hierarchies().iter().map(|mount| Place::new(mount, path).directory).collect()
}

/// Has the kernel get ready, in the background, to move processes between groups. The first move waits until every CPU
/// has passed through the scheduler, some 10 ms, and those that follow at once do not (`cgroup_threadgroup_rwsem`,
/// kernel/cgroup/cgroup.c): so a move of this process to where it is goes ahead.
pub fn expect_moves() {
    std::thread::spawn(|| {
        let own = Cgroup::of(std::process::id()).ok();
        let file = own.and_then(|own| own.file("pids", "cgroup.procs"));
        // Where it may not be written, nothing is lost but time.
        let _ = file.and_then(|file| OpenOptions::new().write(true).open(file).ok()?.write_at(b"0", 0).ok());
    });
}

/// The version in use here; `None` where no control group file system is mounted.
pub fn version() -> Option<CgroupVersion> {
    Cgroup::at("/").ok().map(|root| root.version)
}

/// The version in use here, and which limits there are; `None` where no control group file system is mounted.
pub fn limits() -> Option<(CgroupVersion, Limits)> {
    let root = Cgroup::at("/").ok()?;
    let limits = match root.version {
        CgroupVersion::V1 => {
            let has = |controller: &str, name: &str| root.file(controller, name).is_some_and(|file| file.exists());
            Limits {
                memory: has("memory", "memory.limit_in_bytes"),
                swap: has("memory", "memory.memsw.limit_in_bytes"),
                cpu: has("cpu", "cpu.cfs_quota_us"),
                pids: has("pids", ""),
                io: has("blkio", disk::V1_RATES[0]),
            }
        }
        CgroupVersion::V2 => {
            let file = root.file("", "cgroup.controllers")?;
            let controllers = fs::read_to_string(file).unwrap_or_default();
            let has = |name: &str| controllers.split_whitespace().any(|have| have == name);
            Limits { memory: has("memory"), swap: has("memory"), cpu: has("cpu"), pids: has("pids"), io: has("io") }
        }
    };
    Some((root.version, limits))
}

impl Place {
    /// A path in `/proc/PID/cgroup` is relative to the mount's root, which is `/` but in a container.
    fn new(mount: &Mount, path: &str) -> Self {
        let below = Path::new(path).strip_prefix(&mount.root).unwrap_or(Path::new(path));
        let mount = PathBuf::from(&mount.point);
        let below = below.strip_prefix("/").unwrap_or(below);
        Self { directory: mount.join(below), mount }
    }
}

/// A limit file's number; `max`, `-1` and v1's huge number are none.
fn parse_limit(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|limit| *limit < V1_UNLIMITED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(kind: &str, point: &str, options: &str) -> Mount {
        Mount {
            id: 1,
            root: "/".to_owned(),
            point: point.to_owned(),
            options: vec!["rw".to_owned()],
            kind: kind.to_owned(),
            source: kind.to_owned(),
            super_options: options.split(',').map(str::to_owned).collect(),
        }
    }

    #[test]
    fn a_hybrid_host_is_version_1_with_a_directory_a_controller() {
        let mounts = [
            mount("cgroup", "/sys/fs/cgroup/cpu,cpuacct", "rw,cpu,cpuacct"),
            mount("cgroup", "/sys/fs/cgroup/memory", "rw,memory"),
            mount("cgroup2", "/sys/fs/cgroup/unified", "rw"),
        ];
        let cgroup = Cgroup::locate("4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n0::/\n", &mounts).unwrap();
        assert_eq!(cgroup.version, CgroupVersion::V1);
        assert_eq!(
            cgroup.file("cpuacct", "cpuacct.usage").unwrap(),
            Path::new("/sys/fs/cgroup/cpu,cpuacct/docker/x/cpuacct.usage")
        );
    }

    #[test]
    fn a_unified_host_is_version_2_with_one_directory() {
        let mounts = [mount("cgroup2", "/sys/fs/cgroup", "rw")];
        let cgroup = Cgroup::locate("0::/system.slice/x.scope\n", &mounts).unwrap();
        assert_eq!(
            cgroup.file("memory", "memory.max").unwrap(),
            Path::new("/sys/fs/cgroup/system.slice/x.scope/memory.max")
        );
    }

    #[test]
    fn no_limit_is_told_apart_from_a_great_one() {
        assert_eq!(parse_limit("max\n"), None);
        assert_eq!(parse_limit("9223372036854771712\n"), None);
        assert_eq!(parse_limit("268435456\n"), Some(268_435_456));
    }
}
