//! What engines answer, in hotcell's words. Pure.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use bollard::models::{
    ContainerBlkioStatEntry, ContainerInspectResponse, ContainerStatsResponse, ImageSummary as ApiImage, Runtime,
    SystemInfo, SystemInfoCgroupVersionEnum,
};

use super::ping::Pong;
use crate::engine::{Bytes, Capabilities, CgroupVersion, EngineKind, ImageSummary, Inspected, Limits};
use crate::kernel::{cgroup, disk};
use crate::run::Sample;

/// This machine, as far as it serves to recognise it in an engine's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThisHost {
    /// `uname -r`.
    pub kernel: String,
    /// `uname -n`.
    pub name: String,
    /// `MemTotal`, in bytes.
    pub memory: u64,
    /// The user `containers` has ranges of ids, from which rootful Podman makes user namespaces (`subuid(5)`).
    pub container_ids: bool,
    /// Its control groups limit the rates of disks.
    pub limits_io: bool,
}

impl ThisHost {
    /// Reads it from the kernel.
    pub fn read() -> Self {
        let uname = rustix::system::uname();
        let info = rustix::system::sysinfo();
        Self {
            kernel: uname.release().to_string_lossy().into_owned(),
            name: uname.nodename().to_string_lossy().into_owned(),
            memory: info.totalram.saturating_mul(u64::from(info.mem_unit)),
            limits_io: cgroup::limits().is_some_and(|(_, limits)| limits.io),
            container_ids: ["/etc/subuid", "/etc/subgid"].into_iter().all(has_container_range),
        }
    }

    /// Whether an engine that is reached through a Unix socket runs here. The kernel
    /// release alone would take a twin machine behind a forwarded socket for this one,
    /// and the host name differs where either side is in a container, in which case
    /// neither its paths nor its process numbers are ours.
    fn is(&self, info: &SystemInfo) -> bool {
        info.kernel_version.as_deref() == Some(&self.kernel)
            && info.name.as_deref() == Some(&self.name)
            && info.mem_total.and_then(|total| u64::try_from(total).ok()) == Some(self.memory)
    }
}

fn has_container_range(file: &str) -> bool {
    std::fs::read_to_string(file).is_ok_and(|ranges| ranges.lines().any(|line| line.starts_with("containers:")))
}

/// Reads `/info`.
pub fn capabilities(pong: &Pong, address: &str, info: &SystemInfo, host: &ThisHost) -> Capabilities {
    let mut security = security_names(info.security_options.as_deref().unwrap_or_default());
    let local = address.starts_with("unix://") && host.is(info);
    if pong.kind == EngineKind::Podman && local && host.container_ids {
        security.push("userns".to_owned());
    }
    let rootless = pong.rootless || security.iter().any(|name| name == "rootless");
    let disks = match (local, rootless, &info.docker_root_dir) {
        _ if info.driver.as_deref().is_some_and(|driver| driver.starts_with("fuse")) => {
            Err("the engine's storage driver reads through a process of its own (FUSE), which no cell limits"
                .to_owned())
        }
        (true, false, Some(root)) => disk::holding(&[root]),
        (true, true, _) => Err("hotcell limits disks through engines of root only".to_owned()),
        _ => Err("the engine is not known to run on this machine: neither are its disks".to_owned()),
    };
    let default_runtime = info.default_runtime.clone().unwrap_or_default();
    let registered: BTreeMap<&String, &Runtime> = info.runtimes.iter().flatten().collect();
    let (runtimes, without_seccomp) = match pong.kind {
        EngineKind::Docker => {
            let without = registered.iter().filter(|(_, runtime)| is_without_seccomp(runtime));
            let without = without.map(|(name, _)| (*name).clone()).collect();
            (registered.keys().copied().cloned().collect(), without)
        }
        // Podman lists every runtime it has heard of, installed or not, and its API takes none.
        EngineKind::Podman | EngineKind::Embedded => (vec![default_runtime.clone()], Vec::new()),
    };
    Capabilities {
        kind: pong.kind,
        version: info.server_version.clone().unwrap_or_default(),
        api_version: pong.api_version.clone(),
        runtimes,
        without_seccomp,
        default_runtime,
        runtime_choice: pong.kind == EngineKind::Docker,
        cgroup_version: match info.cgroup_version {
            Some(SystemInfoCgroupVersionEnum::_1) => Some(CgroupVersion::V1),
            Some(SystemInfoCgroupVersionEnum::_2) => Some(CgroupVersion::V2),
            Some(SystemInfoCgroupVersionEnum::EMPTY) | None => None,
        },
        unlimited: None,
        disks,
        limits: Limits {
            memory: info.memory_limit == Some(true),
            swap: info.swap_limit == Some(true),
            cpu: info.cpu_cfs_quota == Some(true) && info.cpu_cfs_period == Some(true),
            pids: info.pids_limit == Some(true),
            io: host.limits_io && local && !rootless,
        },
        rootless,
        security,
        local,
        kernel: info.kernel_version.clone().unwrap_or_default(),
        architecture: architecture(info.architecture.as_deref().unwrap_or_default()),
        warnings: info.warnings.clone().unwrap_or_default(),
    }
}

/// gVisor, which applies a profile only where it is told to.
fn is_without_seccomp(runtime: &Runtime) -> bool {
    let program = runtime.path.as_deref().and_then(|path| Path::new(path).file_name());
    let mut arguments = runtime.runtime_args.iter().flatten();
    program == Some(OsStr::new("runsc"))
        && !arguments.any(|argument| matches!(argument.trim_start_matches('-'), "oci-seccomp" | "oci-seccomp=true"))
}

/// Reads `/containers/NAME/stats`. Docker leaves the peak out on cgroup v2, and answers for a container that has ended
/// meanwhile as if it had used no CPU at all: that tells nothing.
pub fn usage(stats: &ContainerStatsResponse) -> Sample {
    let memory = stats.memory_stats.as_ref();
    let cpu = stats.cpu_stats.as_ref();
    let used = cpu.and_then(|cpu| cpu.cpu_usage.as_ref()?.total_usage);
    if used == Some(0) {
        return Sample::default();
    }
    let throttling = cpu.and_then(|cpu| cpu.throttling_data.as_ref());
    let blocks = stats.blkio_stats.as_ref().and_then(|blocks| blocks.io_service_bytes_recursive.as_deref());
    let moved = |way: &str| {
        let ours =
            |entry: &&ContainerBlkioStatEntry| entry.op.as_deref().is_some_and(|op| op.eq_ignore_ascii_case(way));
        blocks.map(|entries| Bytes(entries.iter().filter(ours).filter_map(|entry| entry.value).sum()))
    };
    Sample {
        memory: memory.and_then(|memory| memory.usage).map(Bytes),
        memory_peak: memory.and_then(|memory| memory.max_usage).filter(|peak| *peak > 0).map(Bytes),
        cpu: used.map(Duration::from_nanos),
        throttled_periods: throttling.and_then(|throttling| throttling.throttled_periods),
        throttled: throttling.and_then(|throttling| throttling.throttled_time).map(Duration::from_nanos),
        pids: stats.pids_stats.as_ref().and_then(|pids| pids.current),
        pids_peak: None,
        read: moved("read"),
        written: moved("write"),
    }
}

/// `name=seccomp,profile=default` is `seccomp`; engines before 1.11 said just `seccomp`.
fn security_names(options: &[String]) -> Vec<String> {
    let name = |option: &String| {
        let mut fields = option.split(',');
        let named = fields.clone().find_map(|field| field.strip_prefix("name="));
        named.or_else(|| fields.next()).unwrap_or_default().to_owned()
    };
    options.iter().map(name).collect()
}

/// Podman speaks Go's names, Docker the kernel's.
fn architecture(name: &str) -> String {
    match name {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        other => other,
    }
    .to_owned()
}

/// Reads a container's state.
pub fn inspected(answer: &ContainerInspectResponse) -> Inspected {
    let state = answer.state.clone().unwrap_or_default();
    let running = state.running == Some(true);
    let ended = !running && state.finished_at.as_deref().is_some_and(|at| !at.starts_with("0001-"));
    Inspected {
        pid: state.pid.filter(|_| running).and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0),
        running,
        exit_code: if ended { state.exit_code } else { None },
        oom_killed: state.oom_killed == Some(true),
    }
}

/// One line per tag; an image without a tag goes by its digest or identifier.
pub fn images(answer: Vec<ApiImage>) -> Vec<ImageSummary> {
    let mut images: Vec<ImageSummary> = answer.into_iter().flat_map(|image| summaries(&image)).collect();
    images.sort_by(|a, b| a.reference.cmp(&b.reference));
    images
}

fn summaries(image: &ApiImage) -> Vec<ImageSummary> {
    let summary = |reference: &str| ImageSummary {
        reference: reference.to_owned(),
        id: image.id.clone(),
        size: Bytes(u64::try_from(image.size).unwrap_or(0)),
        created: image.created,
    };
    let tags: Vec<&String> = image.repo_tags.iter().filter(|tag| !tag.starts_with("<none>")).collect();
    if tags.is_empty() {
        let digest = image.repo_digests.iter().find(|digest| !digest.starts_with("<none>"));
        return vec![summary(digest.unwrap_or(&image.id))];
    }
    tags.into_iter().map(|tag| summary(tag)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> ThisHost {
        ThisHost {
            kernel: "6.1.0".to_owned(),
            name: "lab".to_owned(),
            memory: 1 << 30,
            container_ids: false,
            limits_io: true,
        }
    }

    fn info() -> SystemInfo {
        serde_json::from_value(serde_json::json!({
            "KernelVersion": "6.1.0", "Name": "lab", "MemTotal": 1 << 30, "Architecture": "amd64",
            "ServerVersion": "4.3.1", "CgroupVersion": "2", "MemoryLimit": true, "CpuCfsPeriod": true,
            "CpuCfsQuota": false, "PidsLimit": true, "DefaultRuntime": "crun",
            "Runtimes": {"runc": {"path": "runc"}, "crun": {"path": "crun"}},
            "SecurityOptions": ["name=seccomp,profile=default", "name=rootless"],
        }))
        .unwrap()
    }

    fn told(kind: EngineKind, address: &str, info: &SystemInfo) -> Capabilities {
        capabilities(&Pong { kind, api_version: "1.41".to_owned(), rootless: false }, address, info, &here())
    }

    #[test]
    fn disks_are_known_of_an_engine_of_root_on_this_machine_that_reads_them_itself() {
        let root = SystemInfo { docker_root_dir: Some("/proc".to_owned()), security_options: None, ..info() };
        let told = |address, info: SystemInfo| told(EngineKind::Docker, address, &info).disks.unwrap_err();
        assert_eq!(told("unix:///run/docker.sock", root.clone()), "/proc lies on no disk of its own");
        assert!(told("tcp://lab:2376", root.clone()).contains("not known to run"));
        assert!(told("unix:///run/docker.sock", info()).contains("of root only"));
        let fuse = SystemInfo { driver: Some("fuse-overlayfs".to_owned()), ..root };
        assert!(told("unix:///run/docker.sock", fuse).contains("FUSE"));
    }

    #[test]
    fn rootful_podman_makes_user_namespaces_only_from_the_ranges_of_containers() {
        for container_ids in [false, true] {
            let host = ThisHost { container_ids, ..here() };
            let pong = Pong { kind: EngineKind::Podman, api_version: "1.41".to_owned(), rootless: false };
            let told = capabilities(&pong, "unix:///run/podman.sock", &info(), &host);
            assert_eq!(told.security.iter().any(|name| name == "userns"), container_ids, "{told:?}");
        }
    }

    #[test]
    fn an_engine_s_info_is_read_into_capabilities() {
        let told = told(EngineKind::Docker, "unix:///run/docker.sock", &info());
        assert_eq!(told.runtimes, ["crun", "runc"]);
        assert_eq!(told.security, ["seccomp", "rootless"]);
        assert_eq!(told.cgroup_version, Some(CgroupVersion::V2));
        assert_eq!(told.architecture, "x86_64");
        assert!(told.rootless && told.limits.memory && told.limits.pids);
        assert!(!told.limits.cpu && !told.limits.swap, "what is not said to work does not");
    }

    #[test]
    fn what_is_told_of_a_container_that_has_ended_is_nothing() {
        let stats = |used: u64| {
            let throttling = serde_json::json!({"periods": 0, "throttled_periods": 0, "throttled_time": 0});
            let cpu = serde_json::json!({"cpu_usage": {"total_usage": used}, "throttling_data": throttling});
            serde_json::from_value(serde_json::json!({"cpu_stats": cpu, "memory_stats": {}, "pids_stats": {}})).unwrap()
        };
        assert_eq!(usage(&stats(0)), Sample::default());
        assert_eq!(usage(&stats(7)).cpu, Some(Duration::from_nanos(7)));
    }

    #[test]
    fn gvisor_applies_a_profile_only_where_it_is_registered_with_that_flag() {
        let info: SystemInfo = serde_json::from_value(serde_json::json!({
            "Runtimes": {
                "deaf": {"path": "/usr/local/bin/runsc", "runtimeArgs": ["--network=none"]},
                "gvisor": {"path": "runsc", "runtimeArgs": ["--oci-seccomp"]},
                "off": {"path": "runsc", "runtimeArgs": ["--oci-seccomp=false"]},
                "runc": {"path": "runc"},
                "runsc": {"path": "/usr/bin/runsc", "runtimeArgs": ["-oci-seccomp=true"]},
            },
        }))
        .unwrap();
        let told = told(EngineKind::Docker, "unix:///run/docker.sock", &info);
        assert_eq!(told.runtimes, ["deaf", "gvisor", "off", "runc", "runsc"]);
        assert_eq!(told.without_seccomp, ["deaf", "off"]);
    }

    #[test]
    fn podman_offers_the_one_runtime_of_its_service() {
        let told = told(EngineKind::Podman, "unix:///run/podman/podman.sock", &info());
        assert_eq!(told.runtimes, ["crun"]);
        assert!(!told.runtime_choice);
    }

    #[test]
    fn only_a_socket_of_this_very_machine_is_local() {
        assert!(told(EngineKind::Docker, "unix:///run/docker.sock", &info()).local);
        assert!(!told(EngineKind::Docker, "tcp://127.0.0.1:2375", &info()).local);
        let in_a_container = SystemInfo { name: Some("other".to_owned()), ..info() };
        assert!(!told(EngineKind::Docker, "unix:///run/docker.sock", &in_a_container).local);
        let twin = SystemInfo { mem_total: Some(1 << 31), ..info() };
        assert!(!told(EngineKind::Docker, "unix:///tmp/forwarded.sock", &twin).local);
    }

    #[test]
    fn an_image_is_listed_once_a_tag_and_by_its_identifier_without_any() {
        let image = |id: &str, tags: &[&str]| ApiImage {
            id: id.to_owned(),
            repo_tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            size: 7,
            ..ApiImage::default()
        };
        let listed = images(vec![image("sha256:b", &["<none>:<none>"]), image("sha256:a", &["x:2", "x:1"])]);
        let references: Vec<_> = listed.iter().map(|image| image.reference.as_str()).collect();
        assert_eq!(references, ["sha256:b", "x:1", "x:2"]);
    }
}
