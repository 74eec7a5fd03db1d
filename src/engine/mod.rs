//! What makes cells. An [`Engine`] turns a [`CellSpec`] into an isolated
//! environment and reports honestly what it could not give.
//!
//! `docker` and `podman` share one client ([`docker`]), the sole user of
//! bollard; [`embedded`] makes cells itself. Nothing here decides policy: that is [`crate::plan`]'s work.

pub mod discover;
pub mod docker;
pub mod embedded;
mod error;
#[cfg(test)]
mod samples;

pub use error::EngineError;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Serialize, Serializer};
use tokio::sync::mpsc;

use crate::image::store::Store;
use crate::kernel::disk::Disk;
use crate::policy::{Bytes, Millicores};
use crate::run::{Sample, Stream};

/// Which family of engine answers at an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// Docker Engine (moby).
    Docker,
    /// Podman's Docker-compatible API.
    Podman,
    /// hotcell itself, without a daemon.
    Embedded,
}

impl EngineKind {
    /// Every family.
    pub const ALL: [Self; 3] = [Self::Docker, Self::Podman, Self::Embedded];

    /// The name used on the command line and in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Embedded => "embedded",
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where an engine listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// The family expected there.
    pub kind: EngineKind,
    /// The address, in `DOCKER_HOST` form (`unix:///run/docker.sock`); of the embedded engine, the directory of its cells.
    pub address: String,
    /// Who named it: `DOCKER_HOST`, `docker context "x"`, `default socket`.
    pub origin: String,
}

/// The version of the control-group hierarchy an engine uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CgroupVersion {
    /// Separate controllers under `/sys/fs/cgroup/NAME`.
    V1,
    /// The unified hierarchy.
    V2,
}

/// What an engine said it can do, read once per connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// The family that really answered.
    pub kind: EngineKind,
    /// The engine's version, such as `20.10.24+dfsg1`.
    pub version: String,
    /// The API version, such as `1.41`.
    pub api_version: String,
    /// Registered OCI runtimes, by name.
    pub runtimes: Vec<String>,
    /// Those of them that leave out the seccomp profile that they are given.
    pub without_seccomp: Vec<String>,
    /// The runtime used where none is named.
    pub default_runtime: String,
    /// Whether a runtime other than the default can be asked for.
    pub runtime_choice: bool,
    /// The control-group version, where the engine told it.
    pub cgroup_version: Option<CgroupVersion>,
    /// Controllers the engine can limit with; a missing one drops its layer.
    pub limits: Limits,
    /// Why there is not every one of them, where the engine knows.
    pub unlimited: Option<String>,
    /// The disks that its cells' files lie on, or why none is known.
    #[serde(serialize_with = "known")]
    pub disks: Result<Vec<Disk>, String>,
    /// Security options the engine announces: `seccomp`, `apparmor`, `selinux`, `userns`, `rootless`, `cgroupns`.
    pub security: Vec<String>,
    /// Whether the engine runs without root.
    pub rootless: bool,
    /// Whether the engine's processes run on this kernel (local socket, same boot).
    pub local: bool,
    /// Kernel release and architecture of the engine's host.
    pub kernel: String,
    /// The engine host's architecture, such as `x86_64`.
    pub architecture: String,
    /// Warnings that the engine prints about its own host.
    pub warnings: Vec<String>,
}

/// What is known; the reason for nothing stands with the layer that goes without.
fn known<S: Serializer>(disks: &Result<Vec<Disk>, String>, serializer: S) -> Result<S::Ok, S::Error> {
    disks.as_deref().unwrap_or_default().serialize(serializer)
}

/// Which limits the engine's host can enforce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "one answer per controller")]
pub struct Limits {
    /// `memory.max` or its v1 name.
    pub memory: bool,
    /// A bound on swap.
    pub swap: bool,
    /// A CFS quota.
    pub cpu: bool,
    /// `pids.max`.
    pub pids: bool,
    /// Rates of reading and writing on a disk: `io.max` or its v1 names.
    pub io: bool,
}

/// A cell's name at its engine: `hotcell-` and 12 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct CellName(pub String);

impl CellName {
    /// What every cell's name begins with.
    pub const PREFIX: &str = "hotcell-";
}

impl fmt::Display for CellName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A host directory seen inside the cell, always read-only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    /// The directory on the host.
    pub host: PathBuf,
    /// Where the cell sees it.
    pub cell: PathBuf,
}

/// The network a cell lives in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellNetwork {
    /// A namespace with nothing but loopback.
    None,
    /// The engine's default bridge.
    Bridge,
    /// The host's own namespace.
    Host,
}

/// The seccomp filter the engine itself installs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CellSeccomp {
    /// No filter (the shim installs the specimen's own, or the layer is off).
    Unconfined,
    /// This profile, OCI JSON, enforced by the engine's runtime.
    Profile(String),
}

/// The capabilities a cell starts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CellCaps {
    /// Everything dropped but these (`CAP_…` names).
    Keep(Vec<String>),
    /// Every capability there is.
    All,
}

/// How a cell's standard streams and lifetime are arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellIo {
    /// The shim carries output over its own socket; the engine attaches nothing.
    Shim,
    /// The engine carries output by attach.
    Attach,
}

/// One cell, as asked of an engine. Everything is explicit: an engine adds no default of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "one switch per layer that has no setting")]
pub struct CellSpec {
    /// The name to give it.
    pub name: CellName,
    /// Labels put on it (`hotcell.owner` tells whose it is).
    pub labels: BTreeMap<String, String>,
    /// The image reference.
    pub image: String,
    /// The whole command, entry point included.
    pub command: Vec<String>,
    /// The whole environment, `NAME=value`.
    pub env: Vec<String>,
    /// The working directory.
    pub workdir: PathBuf,
    /// Host directories seen inside, read-only.
    pub binds: Vec<Bind>,
    /// Streams and lifetime.
    pub io: CellIo,
    /// The runtime to ask for; `None` for the engine's default.
    pub runtime: Option<String>,
    /// The network.
    pub network: CellNetwork,
    /// Whether the root file system is read-only.
    pub read_only: bool,
    /// Options of the tmpfs on `/tmp`, such as `rw,nosuid,nodev,noexec,size=52428800`; `None` for no tmpfs.
    pub tmpfs: Option<String>,
    /// Memory limit and swap beyond it.
    pub memory: Option<(Bytes, Bytes)>,
    /// CPU quota.
    pub cpu: Option<Millicores>,
    /// Most processes and threads.
    pub pids: Option<u32>,
    /// Most bytes a second that are read from each of these disks, and as many that are written to it.
    pub disks: Vec<(Disk, Bytes)>,
    /// Capabilities.
    pub caps: CellCaps,
    /// `no_new_privs` set by the runtime.
    pub no_new_privs: bool,
    /// The engine's own filter.
    pub seccomp: CellSeccomp,
    /// AppArmor profile name; `None` for `unconfined`.
    pub apparmor: Option<String>,
    /// SELinux process type; `None` for `label=disable`.
    pub selinux: Option<String>,
    /// Resource limits (`nofile`, soft, hard) set by the engine.
    pub ulimits: Vec<(String, u64, u64)>,
    /// `uid:gid`.
    pub user: (u32, u32),
    /// Whether to ask for a user namespace where the engine gives a choice.
    pub userns: bool,
    /// Whether IPC objects are private.
    pub private_ipc: bool,
    /// Whether `/proc` and `/sys` paths are masked.
    pub proc_masks: bool,
}

/// What the engine answered to a create.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Created {
    /// The engine's identifier.
    pub id: String,
    /// Limits and options it said it dropped.
    pub warnings: Vec<String>,
}

/// A cell as the engine sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// Process 1 of the cell in the host's pid namespace, while it runs.
    pub pid: Option<u32>,
    /// Whether it runs.
    pub running: bool,
    /// Its exit code once ended.
    pub exit_code: Option<i64>,
    /// Whether the engine saw the memory limit kill it.
    pub oom_killed: bool,
}

/// A cell some hotcell made, found by its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedCell {
    /// Its name at the engine.
    pub name: CellName,
    /// The value of its `hotcell.owner` label.
    pub owner: String,
}

/// An image in the engine's store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImageSummary {
    /// `code-sandbox:latest`, or the digest where untagged.
    pub reference: String,
    /// The engine's identifier.
    pub id: String,
    /// Size on disk.
    pub size: Bytes,
    /// Seconds since the epoch at which it was made.
    pub created: i64,
}

/// Output carried by the engine, in order, until the cell ends; a broken stream is an `Err` and the last item.
pub type AttachedOutput = mpsc::Receiver<Result<(Stream, Vec<u8>), EngineError>>;

/// The standard streams of a cell without a shim.
pub struct Attached {
    /// What it writes.
    pub output: AttachedOutput,
    /// What it reads; dropped to close it.
    pub input: Box<dyn tokio::io::AsyncWrite + Send + Sync + Unpin>,
}

/// An engine that makes cells.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Where it listens.
    fn endpoint(&self) -> &Endpoint;
    /// What it can do; asked once, then remembered.
    async fn capabilities(&self) -> Result<Capabilities, EngineError>;
    /// Makes a cell without starting it.
    async fn create(&self, spec: &CellSpec) -> Result<Created, EngineError>;
    /// Attaches to a created cell that has [`CellIo::Attach`]; call before `start`.
    async fn attach(&self, cell: &CellName) -> Result<Attached, EngineError>;
    /// Starts a created cell.
    async fn start(&self, cell: &CellName) -> Result<(), EngineError>;
    /// Waits for a started cell's end and gives its exit code.
    async fn wait(&self, cell: &CellName) -> Result<i64, EngineError>;
    /// What the engine knows of a cell.
    async fn inspect(&self, cell: &CellName) -> Result<Inspected, EngineError>;
    /// What a running cell uses, as the engine tells it: slower and coarser than its control group, for where that is
    /// not on this machine.
    async fn usage(&self, cell: &CellName) -> Result<Sample, EngineError>;
    /// Sends SIGKILL to process 1. A cell that has ended or is gone is not an error.
    async fn kill(&self, cell: &CellName) -> Result<(), EngineError>;
    /// Kills and removes a cell, and returns once it is gone. One that is gone, or going, is not an error.
    async fn remove(&self, cell: &CellName) -> Result<(), EngineError>;
    /// Every cell that carries hotcell's label, running or not.
    async fn owned_cells(&self) -> Result<Vec<OwnedCell>, EngineError>;
    /// Images in the store.
    async fn images(&self) -> Result<Vec<ImageSummary>, EngineError>;
    /// Loads a `docker save` archive.
    async fn load_image(&self, archive: &Path) -> Result<(), EngineError>;
    /// Builds an image from a tar of a build context with a `Dockerfile` at its root; progress goes out line by line.
    async fn build_image(&self, context: Vec<u8>, tag: &str, progress: mpsc::Sender<String>)
    -> Result<(), EngineError>;
}

/// The engine at an endpoint; `images` are those that the embedded one has beside the machine's own view.
///
/// # Errors
/// When none answers there.
pub async fn connect(endpoint: &Endpoint, images: Store) -> Result<Arc<dyn Engine>, EngineError> {
    Ok(match endpoint.kind {
        EngineKind::Embedded => Arc::new(embedded::EmbeddedEngine::connect(endpoint, images)?),
        EngineKind::Docker | EngineKind::Podman => Arc::new(docker::DockerEngine::connect(endpoint).await?),
    })
}

/// How long an engine may take to answer a question that needs no work.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The label that marks a cell as ours and names its owner.
pub const OWNER_LABEL: &str = "hotcell.owner";
