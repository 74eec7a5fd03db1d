//! The engines for real: every field of a cell's specification is read back from the
//! kernel, on Docker and on Podman. A missing engine or image fails, loudly.
//!
//! `HOTCELL_TEST_DOCKER` and `HOTCELL_TEST_PODMAN` name the engines, `HOTCELL_TEST_IMAGE`
//! an image with `/usr/bin/python3` that Docker has (Podman gets it from there).

#[path = "engine/daemons.rs"]
mod daemons;
#[path = "engine/embedded.rs"]
mod embedded_only;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use hotcell::engine::discover::{EngineChoice, Surroundings, candidates, first_answering};
use hotcell::engine::docker::DockerEngine;
use hotcell::engine::embedded::{self, EmbeddedEngine, HOST_IMAGE};
use hotcell::engine::{
    Bind, CellCaps, CellIo, CellName, CellNetwork, CellSeccomp, CellSpec, Endpoint, Engine, EngineError, EngineKind,
    OWNER_LABEL,
};
use hotcell::image::store::Store;
use hotcell::policy::{Bytes, Millicores};
use hotcell::run::Stream;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Mutex;

use daemons::{an_engine_lost_in_mid_run_is_an_error_everywhere, an_image_is_built_from_a_context};
use embedded_only::{
    a_cell_leaves_no_group_no_mount_and_no_directory, another_process_removes_a_cell_that_is_being_made,
    no_cell_can_write_to_the_program_that_made_it,
};

/// Prints what the kernel says of the process that runs it.
const PROBE: &str = r#"
import json, os, resource
status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
mounts = [line.split() for line in open("/proc/self/mountinfo")]
def can(path):
    try:
        open(path, "w").close(); os.unlink(path); return True
    except OSError as error: return error.strerror
def cgroup(controller, name):
    for base in ("/sys/fs/cgroup/" + controller, "/sys/fs/cgroup"):
        try: return open(base + "/" + name).read().strip()
        except OSError: pass
print(json.dumps({
    "status": status, "cwd": os.getcwd(), "env": dict(os.environ), "pid": os.getpid(),
    "nofile": resource.getrlimit(resource.RLIMIT_NOFILE),
    "nproc": resource.getrlimit(resource.RLIMIT_NPROC),
    "mounts": {m[4]: m[5] for m in mounts}, "supers": {m[4]: m[-1] for m in mounts},
    "namespaces": {n: os.readlink("/proc/self/ns/" + n) for n in os.listdir("/proc/self/ns")},
    "interfaces": [line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line],
    "write": {place: can(place + "/hotcell-probe") for place in ("/tmp", "/run", "/var/tmp", "/sandbox", "/etc", "/dev", "/bound")},
    "bound": os.listdir("/bound") if os.path.exists("/bound") else None,
    "memory": cgroup("memory", "memory.limit_in_bytes") or cgroup("", "memory.max"),
    "memsw": cgroup("memory", "memory.memsw.limit_in_bytes") or cgroup("", "memory.swap.max"),
    "quota": cgroup("cpu", "cpu.cfs_quota_us") or cgroup("", "cpu.max"),
    "pids": cgroup("pids", "pids.max"),
    "proc": {m[4]: m[5] for m in mounts if m[4].startswith("/proc/") or m[4].startswith("/sys/")},
}))
"#;

/// The image that cells of an engine are made from.
fn image(kind: EngineKind) -> String {
    if kind == EngineKind::Embedded {
        return HOST_IMAGE.to_owned();
    }
    std::env::var("HOTCELL_TEST_IMAGE").unwrap_or_else(|_| "code-sandbox:latest".to_owned())
}

/// Where the embedded engine's cells live in these tests.
static RUN_DIR: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir_in("/var/tmp").unwrap());

fn address(kind: EngineKind) -> String {
    let (variable, default) = match kind {
        EngineKind::Docker => ("HOTCELL_TEST_DOCKER", "unix:///var/run/docker.sock"),
        EngineKind::Podman => ("HOTCELL_TEST_PODMAN", "unix:///run/podman/podman.sock"),
        EngineKind::Embedded => return embedded::endpoint(RUN_DIR.path(), "test").address,
    };
    std::env::var(variable).unwrap_or_else(|_| default.to_owned())
}

fn endpoint(kind: EngineKind) -> Endpoint {
    Endpoint { kind, address: address(kind), origin: "test".to_owned() }
}

/// Held by whoever looks into the image store or changes it: Podman fails to list images
/// while one goes.
static STORE: Mutex<()> = Mutex::const_new(());

/// The engine, with the image in its store.
async fn engine(kind: EngineKind) -> Arc<dyn Engine> {
    if kind == EngineKind::Embedded {
        let program = Path::new(env!("CARGO_BIN_EXE_hotcell"));
        return Arc::new(EmbeddedEngine::with_program(&endpoint(kind), Store::nowhere(), program).unwrap());
    }
    let engine = DockerEngine::connect(&endpoint(kind)).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
    assert_eq!(engine.endpoint().kind, kind, "another engine answers at {}", engine.endpoint().address);
    let _store = STORE.lock().await;
    let wanted = image(kind);
    let has = |reference: &str| reference == wanted || reference.ends_with(&format!("/{wanted}"));
    if !engine.images().await.unwrap().iter().any(|image| has(&image.reference)) {
        assert_eq!(kind, EngineKind::Podman, "docker has no image {wanted}: make it with `hotcell image build`");
        let directory = tempfile::tempdir().unwrap();
        let archive = directory.path().join("image.tar");
        let saved = Command::new("docker").args(["save", &wanted, "-o"]).arg(&archive).status().unwrap();
        assert!(saved.success(), "docker has no image {wanted}: make it with `hotcell image build`");
        engine.load_image(&archive).await.unwrap();
    }
    Arc::new(engine)
}

fn name() -> CellName {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let id = u64::from(std::process::id()) << 16 | u64::from(NEXT.fetch_add(1, Ordering::Relaxed));
    CellName(format!("hotcell-{id:012x}"))
}

/// The seeds' full command, with output by attach.
fn hardened(kind: EngineKind, script: &str) -> CellSpec {
    CellSpec {
        name: name(),
        labels: BTreeMap::from([(OWNER_LABEL.to_owned(), format!("test-{}", std::process::id()))]),
        image: image(kind),
        command: ["/usr/bin/python3", "-I", "-c", script].map(str::to_owned).to_vec(),
        env: vec!["SPECIMEN=yes".to_owned()],
        workdir: PathBuf::from("/sandbox"),
        binds: Vec::new(),
        io: CellIo::Attach,
        runtime: None,
        network: CellNetwork::None,
        read_only: true,
        tmpfs: Some("rw,nosuid,nodev,noexec,size=52428800".to_owned()),
        memory: Some((Bytes(256 << 20), Bytes(0))),
        cpu: Some(Millicores(500)),
        pids: Some(64),
        disks: Vec::new(),
        caps: CellCaps::Keep(Vec::new()),
        no_new_privs: true,
        seccomp: CellSeccomp::Unconfined,
        apparmor: None,
        selinux: None,
        ulimits: vec![("nofile".to_owned(), 64, 64), ("nproc".to_owned(), 32, 32)],
        user: (65534, 65534),
        userns: false,
        private_ipc: true,
        proc_masks: true,
    }
}

/// Every layer off.
fn bare(kind: EngineKind, script: &str) -> CellSpec {
    CellSpec {
        network: CellNetwork::Host,
        read_only: false,
        tmpfs: None,
        memory: None,
        cpu: None,
        pids: None,
        caps: CellCaps::All,
        no_new_privs: false,
        ulimits: vec![("nofile".to_owned(), 1024, 1024), ("nproc".to_owned(), 4096, 4096)],
        user: (0, 0),
        private_ipc: false,
        proc_masks: false,
        ..hardened(kind, script)
    }
}

struct Ended {
    stdout: Vec<u8>,
    stderr: String,
    code: i64,
}

impl Ended {
    fn probed(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|_| panic!("the probe failed: {}", self.stderr))
    }
}

/// Runs an attached cell to its end and removes it.
async fn run(engine: &dyn Engine, spec: &CellSpec, input: &[u8]) -> Ended {
    let created = engine.create(spec).await.unwrap_or_else(|error| panic!("{error}"));
    if spec.caps != CellCaps::All {
        assert_eq!(created.warnings, Vec::<String>::new());
    }
    let mut attached = engine.attach(&spec.name).await.unwrap();
    if let Err(error) = engine.start(&spec.name).await {
        engine.remove(&spec.name).await.unwrap();
        panic!("{error}");
    }
    attached.input.write_all(input).await.unwrap();
    drop(attached.input);
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while let Some(item) = attached.output.recv().await {
        match item.unwrap() {
            (Stream::Stdout, bytes) => stdout.extend(bytes),
            (Stream::Stderr, bytes) => stderr.extend(bytes),
        }
    }
    let code = engine.wait(&spec.name).await.unwrap();
    engine.remove(&spec.name).await.unwrap();
    Ended { stdout, stderr: String::from_utf8_lossy(&stderr).into_owned(), code }
}

async fn hardening_reaches_the_kernel(kind: EngineKind) {
    let engine = engine(kind).await;
    let bound = tempfile::tempdir().unwrap();
    std::fs::write(bound.path().join("a:b,c"), "").unwrap();
    let mut spec = hardened(kind, PROBE);
    spec.binds = vec![Bind { host: bound.path().to_owned(), cell: PathBuf::from("/bound") }];
    let seen = run(&*engine, &spec, b"").await.probed();

    assert_eq!(seen["status"]["Uid"], "65534\t65534\t65534\t65534");
    assert_eq!(seen["status"]["Gid"], "65534\t65534\t65534\t65534");
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(seen["status"][set], "0000000000000000", "{set}");
    }
    assert_eq!(seen["status"]["NoNewPrivs"], "1");
    assert_eq!(seen["status"]["Seccomp"], "0", "unconfined was asked for");
    assert_eq!(seen["pid"], 1);
    assert_eq!(seen["cwd"], "/sandbox");
    assert_eq!(seen["env"]["SPECIMEN"], "yes");
    assert_eq!(seen["nofile"], serde_json::json!([64, 64]));
    assert_eq!(seen["nproc"], serde_json::json!([32, 32]));
    assert_eq!(seen["interfaces"], serde_json::json!(["lo"]));
    assert_eq!(seen["write"]["/tmp"], true);
    for place in ["/run", "/sandbox", "/etc", "/bound"] {
        assert_eq!(seen["write"][place], "Read-only file system", "{place}: {}", seen["mounts"]);
    }
    assert_ne!(seen["write"]["/var/tmp"], true);
    assert_ne!(seen["write"]["/dev"], true);
    assert_eq!(seen["bound"], serde_json::json!(["a:b,c"]));
    let tmp = seen["mounts"]["/tmp"].as_str().unwrap();
    for option in ["rw", "nosuid", "nodev", "noexec"] {
        assert!(tmp.split(',').any(|set| set == option), "/tmp is {tmp}");
    }
    assert!(seen["supers"]["/tmp"].as_str().unwrap().contains("size=51200k"), "{}", seen["supers"]["/tmp"]);
    // The embedded engine shows a cell no control groups; tests/layers.rs reads them from outside.
    if kind != EngineKind::Embedded {
        limits_are_seen(&seen);
    }
    assert!(seen["proc"]["/proc/timer_list"].is_string(), "masked: {}", seen["proc"]);
    assert!(seen["proc"]["/proc/sys"].as_str().unwrap().starts_with("ro"));
    assert_ne!(seen["namespaces"]["ipc"], host_namespace("ipc"));
    assert_ne!(seen["namespaces"]["net"], host_namespace("net"));
}

fn limits_are_seen(seen: &Value) {
    assert_eq!(seen["memory"], "268435456");
    assert!(["268435456", "0"].contains(&seen["memsw"].as_str().unwrap()), "no swap: {}", seen["memsw"]);
    assert!(["50000", "50000 100000"].contains(&seen["quota"].as_str().unwrap()), "{}", seen["quota"]);
    assert_eq!(seen["pids"], "64");
}

async fn switching_off_reaches_the_kernel(kind: EngineKind) {
    let engine = engine(kind).await;
    let seen = run(&*engine, &bare(kind, PROBE), b"").await.probed();
    assert_eq!(seen["status"]["Uid"], "0\t0\t0\t0");
    assert_eq!(seen["status"]["NoNewPrivs"], "0");
    assert_eq!(seen["status"]["Seccomp"], "0");
    let ours = std::fs::read_to_string("/proc/self/status").unwrap();
    let bounding = ours.lines().find_map(|line| line.strip_prefix("CapBnd:\t")).unwrap();
    // Docker 20.10 knows the 38 capabilities up to CAP_AUDIT_READ.
    let known = |mask: &str| u64::from_str_radix(mask, 16).unwrap() & 0x3f_ffff_ffff;
    assert_eq!(known(seen["status"]["CapEff"].as_str().unwrap()), known(bounding), "all capabilities there are");
    for place in ["/tmp", "/run", "/sandbox", "/etc"] {
        assert_eq!(seen["write"][place], true, "{place}");
    }
    let masks: Vec<_> = seen["proc"].as_object().unwrap().keys().filter(|path| path.starts_with("/proc/")).collect();
    assert!(masks.is_empty(), "still masked: {masks:?}");
    assert_eq!(seen["namespaces"]["ipc"], host_namespace("ipc"));
    assert_eq!(seen["namespaces"]["net"], host_namespace("net"));
    assert_eq!(seen["namespaces"]["user"], host_namespace("user"));
    assert!(!["64", "268435456"].contains(&seen["pids"].as_str().unwrap_or("max")));
    assert_ne!(seen["quota"], "50000");
}

fn host_namespace(name: &str) -> String {
    std::fs::read_link(format!("/proc/self/ns/{name}")).unwrap().display().to_string()
}

async fn kept_capabilities_are_the_only_ones(kind: EngineKind) {
    let engine = engine(kind).await;
    let mut spec = hardened(kind, PROBE);
    spec.caps = CellCaps::Keep(vec!["CAP_SYS_PTRACE".to_owned()]);
    spec.user = (0, 0);
    let seen = run(&*engine, &spec, b"").await.probed();
    assert_eq!(seen["status"]["CapEff"], "0000000000080000");
    assert_eq!(seen["status"]["CapBnd"], "0000000000080000");
}

async fn an_attached_cell_gets_its_input_to_the_end_and_gives_both_streams(kind: EngineKind) {
    let engine = engine(kind).await;
    let script = "import sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(data[::-1]); sys.stderr.write(str(len(data))); sys.exit(7)";
    let input: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
    let ended = run(&*engine, &hardened(kind, script), &input).await;
    assert_eq!(ended.stdout, input.iter().rev().copied().collect::<Vec<_>>());
    assert_eq!(ended.stderr, "300000");
    assert_eq!(ended.code, 7, "a failing specimen is not an error");
}

async fn the_engine_enforces_a_profile_of_its_own(kind: EngineKind) {
    let engine = engine(kind).await;
    let profile = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["socket"],"action":"SCMP_ACT_ERRNO","errnoRet":13}]}"#;
    let mut spec = hardened(kind, "import socket; socket.socket()");
    spec.seccomp = CellSeccomp::Profile(profile.to_owned());
    let ended = run(&*engine, &spec, b"").await;
    assert!(ended.stderr.contains("PermissionError: [Errno 13]"), "{}", ended.stderr);
    assert!(!std::env::temp_dir().join(format!("{}-seccomp", spec.name)).exists(), "the profile is removed");
    spec.name = name();
    spec.seccomp = CellSeccomp::Unconfined;
    assert_eq!(run(&*engine, &spec, b"").await.code, 0, "without it the same specimen succeeds");
}

async fn faults_say_what_to_do(kind: EngineKind) {
    let engine = engine(kind).await;
    let mut spec = hardened(kind, "");
    "no-such-image:latest".clone_into(&mut spec.image);
    let error = engine.create(&spec).await.unwrap_err().to_string();
    let remedy = if kind == EngineKind::Embedded { "hotcell image import" } else { "hotcell image build" };
    assert!(error.contains("no image no-such-image:latest") && error.contains(remedy), "{error}");

    let mut spec = hardened(kind, "");
    spec.runtime = Some("no-such-runtime".to_owned());
    let error = engine.create(&spec).await.unwrap_err();
    assert!(matches!(error, EngineError::RuntimeUnknown { .. }), "{error}");
    assert!(error.to_string().contains("offers") && error.to_string().contains("runc"), "{error}");

    let gone = name();
    assert!(matches!(engine.start(&gone).await, Err(EngineError::CellGone { .. })));
    assert!(matches!(engine.inspect(&gone).await, Err(EngineError::CellGone { .. })));
    assert!(matches!(engine.wait(&gone).await, Err(EngineError::CellGone { .. })));
    assert!(matches!(engine.attach(&gone).await, Err(EngineError::CellGone { .. })));
    engine.kill(&gone).await.unwrap();
    engine.remove(&gone).await.unwrap();

    let mut spec = hardened(kind, "");
    spec.command = vec!["/no/such/program".to_owned()];
    engine.create(&spec).await.unwrap();
    let error = engine.start(&spec.name).await.unwrap_err().to_string();
    engine.remove(&spec.name).await.unwrap();
    assert!(error.starts_with(&format!("start cell {}: ", spec.name)) && error.contains("/no/such/program"), "{error}");
}

async fn a_cell_that_ignores_signals_is_killed_and_removed_at_once(kind: EngineKind) {
    let engine = engine(kind).await;
    let spec =
        hardened(kind, "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; time.sleep(60)");
    engine.create(&spec).await.unwrap();
    engine.start(&spec.name).await.unwrap();
    let seen = engine.inspect(&spec.name).await.unwrap();
    assert!(seen.running);
    let cmdline = format!("/proc/{}/cmdline", seen.pid.unwrap());
    let since = Instant::now();
    // Podman answers while its runtime is still about to exec.
    while !std::fs::read_to_string(&cmdline).unwrap().starts_with("/usr/bin/python3") {
        assert!(since.elapsed() < Duration::from_secs(5), "process {} is not the cell's", seen.pid.unwrap());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let owned = engine.owned_cells().await.unwrap();
    let ours = owned.iter().find(|cell| cell.name == spec.name).map(|cell| cell.owner.clone());
    assert_eq!(ours, Some(format!("test-{}", std::process::id())));

    let since = Instant::now();
    let (first, second) = tokio::join!(engine.remove(&spec.name), engine.remove(&spec.name));
    first.unwrap();
    second.unwrap();
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    assert!(matches!(engine.inspect(&spec.name).await, Err(EngineError::CellGone { .. })));
}

async fn an_ended_cell_keeps_its_state_until_removed(kind: EngineKind) {
    let engine = engine(kind).await;
    let mut spec = hardened(kind, "x = bytearray(200 << 20)");
    spec.memory = Some((Bytes(32 << 20), Bytes(0)));
    engine.create(&spec).await.unwrap();
    let before = engine.inspect(&spec.name).await.unwrap();
    assert_eq!((before.running, before.pid, before.exit_code), (false, None, None));
    engine.start(&spec.name).await.unwrap();
    assert_eq!(engine.wait(&spec.name).await.unwrap(), 137);
    let after = engine.inspect(&spec.name).await.unwrap();
    engine.kill(&spec.name).await.unwrap();
    engine.remove(&spec.name).await.unwrap();
    assert_eq!((after.running, after.pid, after.exit_code), (false, None, Some(137)));
    // Podman 4.3 with cgroup v1 does not see it: the sampler does.
    assert!(after.oom_killed || kind == EngineKind::Podman);
}

async fn a_removed_cell_with_a_shim_leaves_nothing(kind: EngineKind) {
    let engine = engine(kind).await;
    let mut spec = hardened(kind, "import time; time.sleep(0.5)");
    spec.io = CellIo::Shim;
    engine.create(&spec).await.unwrap();
    engine.start(&spec.name).await.unwrap();
    assert_eq!(engine.wait(&spec.name).await.unwrap(), 0);
    engine.remove(&spec.name).await.unwrap();
    assert!(matches!(engine.wait(&spec.name).await, Err(EngineError::CellGone { .. })));
    assert!(engine.owned_cells().await.unwrap().iter().all(|cell| cell.name != spec.name));
}

async fn capabilities_tell_what_answers(kind: EngineKind) {
    let engine = engine(kind).await;
    let told = engine.capabilities().await.unwrap();
    assert_eq!(told.kind, kind);
    assert!(told.local, "{told:?}");
    assert!(!told.version.is_empty() && !told.api_version.is_empty() && !told.kernel.is_empty());
    assert_eq!(told.architecture, std::env::consts::ARCH);
    assert!(told.runtimes.contains(&told.default_runtime), "{:?}", told.runtimes);
    assert!(told.security.contains(&"seccomp".to_owned()), "{:?}", told.security);
    assert_eq!(told.runtime_choice, kind != EngineKind::Podman);
    assert!(told.limits.memory && told.limits.pids && told.limits.cpu);
}

#[tokio::test]
async fn discovery_passes_over_a_dead_socket_and_says_why() {
    let choice: EngineChoice = address(EngineKind::Docker).parse().unwrap();
    let mut tried =
        candidates(&EngineChoice::Address("unix:///nonexistent.sock".to_owned()), &Surroundings::real(None)).unwrap();
    tried.extend(candidates(&choice, &Surroundings::real(None)).unwrap());
    let (found, failed) = first_answering(tried.clone(), &Store::nowhere()).await.unwrap();
    assert_eq!(found.endpoint().kind, EngineKind::Docker);
    assert!(failed[0].error.to_string().contains("unix:///nonexistent.sock"));
    tried[1].address = "unix:///nonexistent2.sock".to_owned();
    let error = first_answering(tried, &Store::nowhere()).await.err().unwrap().to_string();
    assert!(
        error.contains("tried unix:///nonexistent.sock (No such file") && error.contains("nonexistent2"),
        "{error}"
    );
}

/// Each test once an engine; those behind `daemons:` not on the embedded one, those behind `embedded:` on it alone.
macro_rules! on_every_engine {
    ($($test:ident),* $(,)?; daemons: $($daemons:ident),* $(,)?; embedded: $($embedded:ident),* $(,)?) => {
        mod docker {
            $(#[tokio::test] async fn $test() { super::$test(super::EngineKind::Docker).await; })*
            $(#[tokio::test] async fn $daemons() { super::$daemons(super::EngineKind::Docker).await; })*
        }
        mod podman {
            $(#[tokio::test] async fn $test() { super::$test(super::EngineKind::Podman).await; })*
            $(#[tokio::test] async fn $daemons() { super::$daemons(super::EngineKind::Podman).await; })*
        }
        mod embedded_engine {
            $(#[tokio::test] async fn $test() { super::$test(super::EngineKind::Embedded).await; })*
            $(#[tokio::test] async fn $embedded() { super::$embedded(super::EngineKind::Embedded).await; })*
        }
    };
}

on_every_engine!(
    capabilities_tell_what_answers,
    hardening_reaches_the_kernel,
    switching_off_reaches_the_kernel,
    kept_capabilities_are_the_only_ones,
    an_attached_cell_gets_its_input_to_the_end_and_gives_both_streams,
    the_engine_enforces_a_profile_of_its_own,
    faults_say_what_to_do,
    a_cell_that_ignores_signals_is_killed_and_removed_at_once,
    an_ended_cell_keeps_its_state_until_removed,
    a_removed_cell_with_a_shim_leaves_nothing;
    daemons: an_engine_lost_in_mid_run_is_an_error_everywhere, an_image_is_built_from_a_context;
    embedded: a_cell_leaves_no_group_no_mount_and_no_directory,
    another_process_removes_a_cell_that_is_being_made,
    no_cell_can_write_to_the_program_that_made_it,
);
