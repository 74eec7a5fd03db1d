//! A [`CellSpec`] in the words of the Docker API. Pure: what differs between Docker
//! and Podman is decided here and can be tested without either.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig, Mount, MountBindOptions,
    MountBindOptionsPropagationEnum, MountType, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum, ThrottleDevice,
};

use crate::engine::{Bytes, CellCaps, CellIo, CellNetwork, CellSpec, EngineKind};
use crate::kernel::disk::Disk;
use crate::policy::Apparmor;

/// Where Podman mounts a writable tmpfs of its own on a read-only root
/// (podman, `pkg/specgen/generate/storage.go`, `getTmpfsVolumes`; its API cannot switch that off).
const PODMAN_TMPFS: [&str; 3] = ["/run", "/tmp", "/var/tmp"];

/// A mount that takes such a place and holds nothing.
const EMPTY_TMPFS: &str = "ro,nosuid,nodev,noexec,size=4096,notmpcopyup";

/// What an engine must be told beyond the specification.
#[derive(Clone, Copy, Debug)]
pub struct Dialect<'a> {
    /// The family that answers.
    pub kind: EngineKind,
    /// The value of the `seccomp=` option: a profile for Docker, a path for Podman.
    pub seccomp: &'a str,
    /// Capabilities that `ALL` must not ask for.
    pub missing_caps: &'a [String],
    /// Whether the engine's processes live in a user namespace already.
    pub rootless: bool,
}

/// The body of a create request.
pub fn create_body(spec: &CellSpec, dialect: Dialect<'_>) -> ContainerCreateBody {
    let attach = spec.io == CellIo::Attach;
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        entrypoint: Some(spec.command.iter().take(1).cloned().collect()),
        cmd: Some(spec.command.iter().skip(1).cloned().collect()),
        env: Some(spec.env.clone()),
        working_dir: Some(spec.workdir.display().to_string()),
        user: Some(format!("{}:{}", spec.user.0, spec.user.1)),
        labels: Some(spec.labels.clone().into_iter().collect()),
        tty: Some(false),
        attach_stdin: Some(attach),
        attach_stdout: Some(attach),
        attach_stderr: Some(attach),
        open_stdin: Some(attach),
        stdin_once: Some(attach),
        // An image's health check would run its own commands beside the specimen.
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() }),
        // Podman's forced removal waits this long for a process 1 that ignores SIGTERM.
        stop_timeout: Some(0),
        host_config: Some(host_config(spec, dialect)),
        ..ContainerCreateBody::default()
    }
}

fn host_config(spec: &CellSpec, dialect: Dialect<'_>) -> HostConfig {
    let (cap_drop, cap_add) = match &spec.caps {
        CellCaps::Keep(kept) => (vec!["ALL".to_owned()], kept.clone()),
        CellCaps::All => (dialect.missing_caps.to_vec(), vec!["ALL".to_owned()]),
    };
    let unmasked = (dialect.kind == EngineKind::Docker && !spec.proc_masks).then(Vec::new);
    HostConfig {
        // Docker 20.10 was seen to keep a nameless "Removal In Progress" where its own removal met ours.
        auto_remove: Some(false),
        // Our own program is process 1, whatever the daemon's `init` setting says.
        init: Some(false),
        restart_policy: Some(RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None }),
        // Output must never fill the host's disk through a log driver.
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        mounts: Some(mounts(spec)),
        runtime: spec.runtime.clone(),
        network_mode: Some(
            match spec.network {
                CellNetwork::None => "none",
                CellNetwork::Bridge => "bridge",
                CellNetwork::Host => "host",
            }
            .to_owned(),
        ),
        readonly_rootfs: Some(spec.read_only),
        tmpfs: Some(tmpfs(spec, dialect.kind)),
        memory: spec.memory.map(|(limit, _)| signed(limit.0)),
        memory_swap: spec.memory.map(|(limit, swap)| signed(limit.0.saturating_add(swap.0))),
        nano_cpus: spec.cpu.map(|cpu| i64::from(cpu.0) * 1_000_000),
        pids_limit: spec.pids.map(i64::from),
        blkio_device_read_bps: throttles(spec),
        blkio_device_write_bps: throttles(spec),
        ulimits: Some(ulimits(spec)),
        cap_drop: Some(cap_drop),
        cap_add: Some(cap_add),
        security_opt: Some(security_options(spec, dialect)),
        masked_paths: unmasked.clone(),
        readonly_paths: unmasked,
        ipc_mode: Some(if spec.private_ipc { "private" } else { "host" }.to_owned()),
        userns_mode: userns_mode(spec.userns, dialect).map(str::to_owned),
        ..HostConfig::default()
    }
}

/// Binds as mounts, not as `HOST:CELL` strings: a host path may hold a colon, and a
/// missing one is an error instead of a new directory.
fn mounts(spec: &CellSpec) -> Vec<Mount> {
    let bind = |bind: &crate::engine::Bind| Mount {
        typ: Some(MountType::BIND),
        source: Some(bind.host.display().to_string()),
        target: Some(bind.cell.display().to_string()),
        read_only: Some(true),
        bind_options: Some(MountBindOptions {
            propagation: Some(MountBindOptionsPropagationEnum::RPRIVATE),
            ..MountBindOptions::default()
        }),
        ..Mount::default()
    };
    spec.binds.iter().map(bind).collect()
}

fn tmpfs(spec: &CellSpec, kind: EngineKind) -> HashMap<String, String> {
    let mut map = HashMap::new();
    if kind == EngineKind::Podman && spec.read_only {
        map.extend(PODMAN_TMPFS.map(|place| (place.to_owned(), EMPTY_TMPFS.to_owned())));
    }
    if let Some(options) = &spec.tmpfs {
        map.insert("/tmp".to_owned(), options.clone());
    }
    map
}

/// One way of every disk.
fn throttles(spec: &CellSpec) -> Option<Vec<ThrottleDevice>> {
    let throttle = |(disk, rate): &(Disk, Bytes)| ThrottleDevice {
        path: Some(disk.node.display().to_string()),
        rate: Some(signed(rate.0)),
    };
    (!spec.disks.is_empty()).then(|| spec.disks.iter().map(throttle).collect())
}

fn ulimits(spec: &CellSpec) -> Vec<ResourcesUlimits> {
    let limit = |(name, soft, hard): &(String, u64, u64)| ResourcesUlimits {
        name: Some(name.clone()),
        soft: Some(signed(*soft)),
        hard: Some(signed(*hard)),
    };
    spec.ulimits.iter().map(limit).collect()
}

fn security_options(spec: &CellSpec, dialect: Dialect<'_>) -> Vec<String> {
    let mut options = vec![
        format!("seccomp={}", dialect.seccomp),
        match &spec.selinux {
            Some(label) => format!("label=type:{label}"),
            None => "label=disable".to_owned(),
        },
    ];
    match (dialect.kind, spec.apparmor.as_deref()) {
        // Podman loads its own counterpart, `containers-default-VERSION`, where none is named.
        (EngineKind::Podman, Some(Apparmor::ENGINE_DEFAULT)) => {}
        (_, profile) => options.push(format!("apparmor={}", profile.unwrap_or("unconfined"))),
    }
    if spec.no_new_privs {
        options.push("no-new-privileges".to_owned());
    }
    if dialect.kind == EngineKind::Podman && !spec.proc_masks {
        options.push("unmask=ALL".to_owned());
    }
    options
}

/// Docker has a user namespace for every cell or for none (`userns-remap`), and a cell
/// can only leave it. Podman makes one on request, and rootless it always has one.
fn userns_mode(asked: bool, dialect: Dialect<'_>) -> Option<&'static str> {
    match (dialect.kind, asked) {
        (_, false) => Some("host"),
        (EngineKind::Podman, true) if !dialect.rootless => Some("auto"),
        (_, true) => None,
    }
}

/// The API's integers are signed; beyond their range a limit means "as much as there is".
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::engine::Bind;

    fn spec() -> CellSpec {
        CellSpec {
            command: vec!["/hotcell/shim".to_owned(), "--".to_owned()],
            binds: vec![Bind { host: PathBuf::from("/srv/a:b"), cell: PathBuf::from("/hotcell") }],
            tmpfs: Some("rw,noexec,size=1024".to_owned()),
            caps: CellCaps::Keep(Vec::new()),
            userns: true,
            ..CellSpec::sample()
        }
    }

    fn host(spec: &CellSpec, kind: EngineKind, rootless: bool) -> HostConfig {
        let dialect = Dialect { kind, seccomp: "unconfined", missing_caps: &[], rootless };
        create_body(spec, dialect).host_config.unwrap()
    }

    #[test]
    fn the_whole_command_replaces_the_image_s_entry_point() {
        let dialect = Dialect { kind: EngineKind::Docker, seccomp: "{}", missing_caps: &[], rootless: false };
        let body = create_body(&spec(), dialect);
        assert_eq!(body.entrypoint, Some(vec!["/hotcell/shim".to_owned()]));
        assert_eq!(body.cmd, Some(vec!["--".to_owned()]));
        assert_eq!(body.host_config.unwrap().security_opt.unwrap()[0], "seccomp={}");
    }

    #[test]
    fn limits_are_in_the_api_s_units() {
        let host = host(&spec(), EngineKind::Docker, false);
        assert_eq!((host.memory, host.memory_swap), (Some(1000), Some(1024)), "swap counts beyond memory");
        assert_eq!(host.nano_cpus, Some(500_000_000));
        let core = &host.ulimits.unwrap()[0];
        assert_eq!((core.soft, core.hard), (Some(0), Some(i64::MAX)));
    }

    #[test]
    fn each_disk_is_limited_both_ways_by_its_node() {
        let limited = |disks| {
            let host = host(&CellSpec { disks, ..spec() }, EngineKind::Docker, false);
            assert_eq!(host.blkio_device_read_bps, host.blkio_device_write_bps);
            host.blkio_device_read_bps
        };
        let disk = Disk { node: PathBuf::from("/dev/sda"), number: (8, 0) };
        let throttle = ThrottleDevice { path: Some("/dev/sda".to_owned()), rate: Some(4096) };
        assert_eq!(limited(vec![(disk, Bytes(4096))]), Some(vec![throttle]));
        assert_eq!(limited(Vec::new()), None);
    }

    #[test]
    fn podman_s_own_tmpfs_on_a_read_only_root_are_covered_but_for_the_one_asked_for() {
        let tmpfs = host(&spec(), EngineKind::Podman, false).tmpfs.unwrap();
        assert_eq!(tmpfs["/tmp"], "rw,noexec,size=1024");
        assert!(tmpfs["/run"].starts_with("ro,") && tmpfs["/var/tmp"].starts_with("ro,"));
        assert_eq!(host(&spec(), EngineKind::Docker, false).tmpfs.unwrap().len(), 1);
    }

    #[test]
    fn each_engine_unmasks_proc_in_its_own_way_and_only_when_asked() {
        let mut spec = spec();
        assert_eq!(host(&spec, EngineKind::Docker, false).masked_paths, None);
        spec.proc_masks = false;
        assert_eq!(host(&spec, EngineKind::Docker, false).masked_paths, Some(Vec::new()));
        let options = host(&spec, EngineKind::Podman, false).security_opt.unwrap();
        assert!(options.contains(&"unmask=ALL".to_owned()));
    }

    #[test]
    fn podman_is_left_to_its_own_counterpart_of_docker_s_apparmor_profile() {
        let of = |profile: Option<&str>, kind| {
            let spec = CellSpec { apparmor: profile.map(str::to_owned), ..spec() };
            let options = host(&spec, kind, false).security_opt.unwrap();
            options.into_iter().find(|option| option.starts_with("apparmor="))
        };
        assert_eq!(of(Some("docker-default"), EngineKind::Podman), None);
        assert_eq!(of(Some("mine"), EngineKind::Podman).as_deref(), Some("apparmor=mine"));
        assert_eq!(of(None, EngineKind::Podman).as_deref(), Some("apparmor=unconfined"));
        assert_eq!(of(Some("docker-default"), EngineKind::Docker).as_deref(), Some("apparmor=docker-default"));
    }

    #[test]
    fn a_user_namespace_is_asked_for_where_there_is_a_choice() {
        let mut spec = spec();
        let mode = |spec: &CellSpec, kind, rootless| host(spec, kind, rootless).userns_mode;
        assert_eq!(mode(&spec, EngineKind::Docker, false), None, "the daemon decides");
        assert_eq!(mode(&spec, EngineKind::Podman, false).as_deref(), Some("auto"));
        assert_eq!(mode(&spec, EngineKind::Podman, true), None, "it has one already");
        spec.userns = false;
        assert_eq!(mode(&spec, EngineKind::Docker, false).as_deref(), Some("host"));
    }

    #[test]
    fn a_bind_is_read_only_private_and_keeps_a_colon_in_its_path() {
        let mount = host(&spec(), EngineKind::Docker, false).mounts.unwrap().remove(0);
        assert_eq!(mount.source.as_deref(), Some("/srv/a:b"));
        assert_eq!(mount.read_only, Some(true));
        assert_eq!(mount.bind_options.unwrap().propagation, Some(MountBindOptionsPropagationEnum::RPRIVATE));
    }
}
