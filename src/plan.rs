//! Specimen, policy and what the engine can do, turned into a cell to ask for
//! and a specimen to launch in it. Pure.

use std::collections::BTreeMap;
use std::ffi::{CString, NulError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hotcell_shim::Rlimit;
use hotcell_shim::host::{Landlock, Launch};

use crate::engine::{
    Bind, Capabilities, CellCaps, CellIo, CellName, CellNetwork, CellSeccomp, CellSpec, EngineKind, OWNER_LABEL,
};
use crate::kernel::disk::Disk;
use crate::policy::{Bytes, Layer, NetworkMode, OutputCaps, Policy, User};
use crate::run::{Enforcement, Observation, SpecimenFacts, attribution};
use crate::seccomp::{Action, Arch, Asked, Profile, Program, syscall_number};
use crate::specimen::Specimen;

/// Where the cell sees the specimen.
pub const SANDBOX: &str = "/sandbox";

/// The only variables of a clean environment. Output is unbuffered, so that it is seen as it is written and a killed
/// specimen loses none.
const CLEAN_ENV: [(&str, &str); 4] = [
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("HOME", "/tmp"),
    ("LANG", "C.UTF-8"),
    ("PYTHONUNBUFFERED", "1"),
];

/// A profile and the program it compiles to.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// As written.
    pub profile: Profile,
    /// As the kernel would run it.
    pub program: Program,
}

/// What is written down of calls, beside refusals.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Watch {
    /// Nothing.
    #[default]
    Refusals,
    /// Nothing, and only what the filter refuses is looked at: not how other calls end.
    Filter,
    /// Every call.
    Uses,
    /// What this program would refuse, were it in the place of the policy's; the policy's stays in force.
    Candidate(Program),
}

/// What this machine's kernel has for the shim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kernel {
    /// The Landlock ABI's version; `None` where Landlock is off.
    pub landlock_abi: Option<i32>,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The layers.
    pub policy: Policy,
    /// The compiled profile of the `seccomp` layer, where that is on.
    pub filter: Option<Filter>,
    /// What is written down of calls, in a supervised run.
    pub watch: Watch,
    /// The image reference.
    pub image: String,
    /// The engine enforces the profile itself.
    pub native: bool,
    /// The host's environment, which the cell gets only with the `env` layer off.
    pub host_env: BTreeMap<String, String>,
}

/// A cell as it will be asked for, before it has a name.
#[derive(Clone, Debug)]
pub struct CellPlan {
    /// What was asked.
    pub request: Request,
    /// Who enforces the process-level layers.
    pub enforcement: Enforcement,
    /// Whether denials can be seen.
    pub denials: Observation,
    /// The runtime that makes the cell.
    pub runtime: String,
    /// That runtime has a kernel of its own: only the limits around it can be read from this one.
    pub own_kernel: bool,
    /// The cell's processes are this kernel's, by the numbers the engine tells.
    pub local: bool,
    /// Layers that cannot be had here, and why.
    pub unavailable: BTreeMap<Layer, String>,
    /// The disks that the layer `io` limits.
    pub disks: Vec<Disk>,
    /// What the reviewer should know before it runs.
    pub warnings: Vec<String>,
    runtime_asked: bool,
}

/// A name, and the host directories that go with it.
#[derive(Clone, Debug)]
pub struct CellPlace<'a> {
    /// The cell's name.
    pub name: &'a CellName,
    /// The owner's token.
    pub owner: &'a str,
    /// Seen as [`hotcell_shim::CELL_DIR`].
    pub cell_dir: PathBuf,
    /// Seen as [`SANDBOX`].
    pub sandbox: PathBuf,
}

impl CellPlan {
    /// Decides how the request is met by this engine on this kernel.
    pub fn new(request: Request, engine: &Capabilities, kernel: &Kernel) -> Self {
        let (runtime, no_runtime) = choose_runtime(&request.policy, engine);
        let shim_barrier = shim_barrier(&runtime, engine);
        let own_kernel = has_own_kernel(&runtime);
        let native = request.native || shim_barrier.is_some();
        let enforcement = if native { Enforcement::Native } else { Enforcement::Supervised };
        let denials = match (&shim_barrier, enforcement) {
            (Some(reason), _) => Observation::NotObservable(reason.clone()),
            (None, Enforcement::Native) => Observation::NotObservable(
                "native enforcement: the engine's filter refuses in the kernel and tells nobody".to_owned(),
            ),
            (None, Enforcement::Supervised)
                if request.filter.is_none() && matches!(request.watch, Watch::Refusals | Watch::Filter) =>
            {
                Observation::NotObservable("the seccomp layer is off: no call is filtered, so none is seen".to_owned())
            }
            (None, Enforcement::Supervised) => Observation::Live,
        };
        let mut unavailable = unavailable(engine, kernel, enforcement);
        unavailable.extend(beyond_the_embedded(&request.policy, engine, own_kernel));
        unavailable.extend(engine.without_seccomp.contains(&runtime).then(|| {
            let reason = format!(
                "{runtime} leaves profiles out: add \"--oci-seccomp\" to its \"runtimeArgs\" in the engine's daemon.json"
            );
            (Layer::Seccomp, reason)
        }));
        let runtime_asked = request.policy.runtime.on && no_runtime.is_none();
        unavailable.extend(no_runtime.map(|reason| (Layer::Runtime, reason)));
        let warnings = landlock_shortfall(&request.policy, kernel)
            .into_iter()
            .chain(beyond_the_filter(&request, enforcement))
            .collect();
        Self {
            request,
            enforcement,
            denials,
            runtime,
            own_kernel,
            local: engine.local,
            unavailable,
            disks: engine.disks.clone().unwrap_or_default(),
            warnings,
            runtime_asked,
        }
    }

    /// The layer's setting holds only if it is asked for and can be had.
    fn wants(&self, layer: Layer) -> bool {
        self.request.policy.is_on(layer) && !self.unavailable.contains_key(&layer)
    }

    /// The user of the specimen.
    pub fn user(&self) -> User {
        self.request.policy.user.get().copied().unwrap_or(User { uid: 0, gid: 0 })
    }

    /// How long the specimen may run.
    pub fn deadline(&self) -> Option<Duration> {
        self.request.policy.timeout.get().map(|timeout| timeout.0)
    }

    /// How much output is kept.
    pub fn output_caps(&self) -> OutputCaps {
        let most = OutputCaps { stdout: OutputCaps::MOST, stderr: OutputCaps::MOST };
        self.request.policy.output.get().copied().unwrap_or(most)
    }

    /// The soft limit on processes of the specimen's user, where this kernel keeps it.
    pub fn nproc(&self) -> Option<u64> {
        if self.own_kernel {
            return None;
        }
        let limits = self.request.policy.ulimits.get()?;
        limits.0.iter().find(|(name, _)| name.name() == "nproc").map(|(_, (soft, _))| *soft)
    }

    /// What the layer `io` limits, and to how many bytes a second each way.
    fn disk_rates(&self) -> Vec<(Disk, Bytes)> {
        let io = self.request.policy.io.get().filter(|_| self.wants(Layer::Io));
        io.iter().flat_map(|io| self.disks.iter().map(|disk| (disk.clone(), io.rate))).collect()
    }

    /// The environment of the specimen.
    pub fn env(&self) -> Vec<String> {
        let mut env: BTreeMap<String, String> =
            if self.request.policy.env.on { BTreeMap::new() } else { self.request.host_env.clone() };
        env.extend(CLEAN_ENV.map(|(name, value)| (name.to_owned(), value.to_owned())));
        env.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    /// Whether a run can be held: only the shim can stop every process of a cell and the deadline's clock.
    pub fn can_hold(&self) -> bool {
        self.enforcement == Enforcement::Supervised
    }

    /// Whether the cell at this place, made as `spec` after `made`, is the one that this plan would make: then the two
    /// differ in the launch alone. `argv` is the specimen's.
    pub fn fits(&self, made: &Self, spec: &CellSpec, place: &CellPlace<'_>, argv: Vec<String>) -> bool {
        self.enforcement == made.enforcement && self.runtime == made.runtime && self.spec(place, Some(argv)) == *spec
    }

    /// The cell to ask the engine for. `argv` is the specimen's, which a cell without a shim starts itself.
    pub fn spec(&self, place: &CellPlace<'_>, argv: Option<Vec<String>>) -> CellSpec {
        let policy = &self.request.policy;
        let native = self.enforcement == Enforcement::Native;
        let mut binds = vec![Bind { host: place.sandbox.clone(), cell: PathBuf::from(SANDBOX) }];
        if !native {
            binds.push(Bind { host: place.cell_dir.clone(), cell: PathBuf::from(hotcell_shim::CELL_DIR) });
        }
        let shim = vec![format!("{}/shim", hotcell_shim::CELL_DIR)];
        let user = self.user();
        CellSpec {
            name: place.name.clone(),
            labels: BTreeMap::from([(OWNER_LABEL.to_owned(), place.owner.to_owned())]),
            image: self.request.image.clone(),
            command: if native { argv.unwrap_or_default() } else { shim },
            env: if native { self.env() } else { Vec::new() },
            workdir: PathBuf::from(SANDBOX),
            binds,
            io: if native { CellIo::Attach } else { CellIo::Shim },
            runtime: self.runtime_asked.then(|| self.runtime.clone()),
            network: match policy.network.get() {
                Some(NetworkMode::None) => CellNetwork::None,
                // Without a bridge the cell is cut off, rather than on the machine's own network.
                Some(NetworkMode::Bridge) if self.unavailable.contains_key(&Layer::Network) => CellNetwork::None,
                Some(NetworkMode::Bridge) => CellNetwork::Bridge,
                None => CellNetwork::Host,
            },
            read_only: policy.rootfs.on,
            tmpfs: policy.tmpfs.get().map(|tmpfs| {
                let exec = if tmpfs.exec { "exec" } else { "noexec" };
                format!("rw,nosuid,nodev,{exec},size={},mode=1777", tmpfs.size.0)
            }),
            memory: policy.memory.get().map(|memory| (memory.limit, memory.swap)),
            cpu: policy.cpu.get().copied(),
            pids: policy.pids.get().map(|pids| pids.0),
            disks: self.disk_rates(),
            caps: match policy.caps.get() {
                Some(caps) => CellCaps::Keep(caps.keep.iter().map(ToString::to_string).collect()),
                None => CellCaps::All,
            },
            no_new_privs: policy.no_new_privs.on,
            seccomp: match &self.request.filter {
                Some(filter) if native => CellSeccomp::Profile(filter.profile.to_oci_json().to_string()),
                _ => CellSeccomp::Unconfined,
            },
            apparmor: policy.apparmor.get().filter(|_| self.wants(Layer::Apparmor)).map(|profile| profile.0.clone()),
            selinux: policy.selinux.get().filter(|_| self.wants(Layer::Selinux)).map(|label| label.0.clone()),
            ulimits: if native { self.ulimits() } else { Vec::new() },
            user: (user.uid, user.gid),
            userns: self.wants(Layer::Userns),
            private_ipc: policy.ipc.on,
            proc_masks: policy.proc_masks.on,
        }
    }

    fn ulimits(&self) -> Vec<(String, u64, u64)> {
        let limits = self.request.policy.ulimits.get();
        limits
            .iter()
            .flat_map(|limits| limits.0.iter().map(|(name, (soft, hard))| (name.name().to_owned(), *soft, *hard)))
            .collect()
    }

    /// What answers the calls that the listener is asked about; `None` where there is no filter.
    pub fn judge(&self) -> Option<Program> {
        let filter = self.request.filter.as_ref().map(|filter| filter.program.clone());
        match self.request.watch {
            Watch::Refusals | Watch::Filter => filter,
            Watch::Uses | Watch::Candidate(_) => Some(filter.unwrap_or_else(|| Program::always(Action::Allow))),
        }
    }

    /// The filter that asks the listener: about what the policy's refuses and what other layers may refuse, or about every
    /// call, where those are watched.
    fn listened(&self) -> Option<Program> {
        match self.request.watch {
            Watch::Refusals => self.request.filter.as_ref().map(|filter| asking(&filter.program.supervised())),
            Watch::Filter => self.request.filter.as_ref().map(|filter| filter.program.supervised()),
            Watch::Uses | Watch::Candidate(_) => Some(Program::always(Action::Notify)),
        }
    }

    /// What the shim is told.
    ///
    /// # Errors
    /// When an argument or a variable holds a NUL byte.
    pub fn launch(&self, argv: Vec<String>) -> Result<Launch, NulError> {
        let policy = &self.request.policy;
        let strings = |strings: Vec<String>| strings.into_iter().map(CString::new).collect::<Result<Vec<_>, _>>();
        let paths = |paths: &[PathBuf]| {
            paths.iter().map(|path| CString::new(path.as_os_str().as_encoded_bytes())).collect::<Result<Vec<_>, _>>()
        };
        let landlock = match policy.landlock.get().filter(|_| self.wants(Layer::Landlock)) {
            Some(rules) => {
                Some(Landlock { read_exec: paths(&rules.read_exec)?, write: paths(&rules.write)?, tcp: rules.tcp })
            }
            None => None,
        };
        Ok(Launch {
            no_new_privs: policy.no_new_privs.on,
            // A deadline under a millisecond must not become "none".
            deadline_ms: self.deadline().map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)),
            cwd: CString::new(SANDBOX)?,
            argv: strings(argv)?,
            env: strings(self.env())?,
            rlimits: policy.ulimits.get().map_or_else(Vec::new, |limits| {
                let rlimit = |(name, (soft, hard)): (&crate::policy::RlimitName, &(u64, u64))| Rlimit {
                    resource: name.number(),
                    soft: *soft,
                    hard: *hard,
                };
                limits.0.iter().map(rlimit).collect()
            }),
            landlock,
            filter: self.listened().map_or_else(Vec::new, |program| program.to_bytes()),
        })
    }
}

/// Asked about what another layer may refuse, too.
fn asking(filter: &Program) -> Program {
    let asked = |(call, bits): (&str, Option<(u32, u32)>)| Some(Asked { nr: syscall_number(call)?, bits });
    let asked: Vec<_> = attribution::asked_about().into_iter().filter_map(asked).collect();
    Arch::native().audit_token().map_or_else(|| filter.clone(), |arch| filter.asking(arch, &asked))
}

/// The specimen's command line inside the cell.
pub fn argv(specimen: &Specimen) -> Vec<String> {
    specimen.language.argv(&path_in_cell(specimen))
}

/// The specimen's file inside the cell.
pub fn path_in_cell(specimen: &Specimen) -> String {
    Path::new(SANDBOX).join(specimen.language.file_name(&specimen.name)).to_string_lossy().into_owned()
}

/// What reports say of the specimen.
pub fn facts(specimen: &Specimen) -> SpecimenFacts {
    SpecimenFacts {
        name: specimen.name.clone(),
        language: specimen.language.name.clone(),
        sha256: specimen.sha256.to_string(),
        size: crate::policy::Bytes(specimen.bytes.len() as u64),
    }
}

/// The runtime to use, and why it is not the one asked for.
fn choose_runtime(policy: &Policy, engine: &Capabilities) -> (String, Option<String>) {
    let default = engine.default_runtime.clone();
    let Some(asked) = policy.runtime.get() else { return (default, None) };
    if asked.0 == default {
        return (default, None);
    }
    let reason = if !engine.runtime_choice {
        format!("{}'s API takes no runtime; it uses {default}", engine.kind)
    } else if !engine.runtimes.contains(&asked.0) {
        format!("{} has no runtime {} (it has {})", engine.kind, asked.0, engine.runtimes.join(", "))
    } else {
        return (asked.0.clone(), None);
    };
    (default, Some(reason))
}

/// gVisor and Kata run a kernel of their own, through which neither the shim's socket nor a listener passes.
fn has_own_kernel(runtime: &str) -> bool {
    ["runsc", "gvisor", "kata"].iter().any(|name| runtime.contains(name))
}

/// Why the shim cannot supervise in this cell.
fn shim_barrier(runtime: &str, engine: &Capabilities) -> Option<String> {
    if !engine.local {
        return Some(format!("{} runs on another machine: its cells cannot reach this one's listener", engine.kind));
    }
    has_own_kernel(runtime)
        .then(|| format!("not observable on {runtime}: the specimen's calls never reach this kernel"))
}

/// Root with every capability can take over the shim, which has no filter, or the kernel: it may do unseen what the
/// filter refuses it.
fn beyond_the_filter(request: &Request, enforcement: Enforcement) -> Option<String> {
    let policy = &request.policy;
    let supervised = enforcement == Enforcement::Supervised && request.filter.is_some();
    let root = policy.user.get().is_none_or(|user| user.uid == 0);
    (supervised && root && !policy.caps.on).then(|| {
        "seccomp: root with every capability can act through processes that have no filter, unseen: keep the user or \
         the caps layer on"
            .to_owned()
    })
}

/// Refusing TCP came with ABI 4 (Linux 6.7): landlock(7).
fn landlock_shortfall(policy: &Policy, kernel: &Kernel) -> Option<String> {
    let rules = policy.landlock.get()?;
    let abi = kernel.landlock_abi.filter(|abi| *abi < 4 && rules.tcp)?;
    Some(format!("landlock: this kernel's ABI is {abi}; it guards files, and TCP only from 4"))
}

/// What the embedded engine has not, of the settings that are asked for.
fn beyond_the_embedded(policy: &Policy, engine: &Capabilities, own_kernel: bool) -> Vec<(Layer, String)> {
    if engine.kind != EngineKind::Embedded {
        return Vec::new();
    }
    let bridge = policy.network.get() == Some(&NetworkMode::Bridge);
    let no_bridge = "the embedded engine makes no bridge: the cell has no network at all; docker and podman have one";
    let no_userns = "a runtime with a kernel of its own puts that into a user namespace of its own";
    [(bridge, Layer::Network, no_bridge), (own_kernel, Layer::Userns, no_userns)]
        .into_iter()
        .filter(|(lacks, ..)| *lacks)
        .map(|(_, layer, reason)| (layer, reason.to_owned()))
        .collect()
}

fn unavailable(engine: &Capabilities, kernel: &Kernel, enforcement: Enforcement) -> BTreeMap<Layer, String> {
    let has = |option: &str| engine.security.iter().any(|have| have == option);
    let mut reasons = BTreeMap::new();
    let mut unless = |available: bool, layer, reason: &str| {
        if !available {
            reasons.insert(layer, reason.to_owned());
        }
    };
    let unlimited = |host_lacks| engine.unlimited.as_deref().unwrap_or(host_lacks);
    unless(engine.limits.memory, Layer::Memory, unlimited("the engine's host has no memory controller"));
    unless(engine.limits.cpu, Layer::Cpu, unlimited("the engine's host has no CFS quota"));
    unless(engine.limits.pids, Layer::Pids, unlimited("the engine's host has no pids controller"));
    match &engine.disks {
        Ok(_) => unless(engine.limits.io, Layer::Io, unlimited("the engine's host has no io controller for hotcell")),
        Err(reason) => unless(false, Layer::Io, reason),
    }
    let no_apparmor = if engine.rootless {
        // Podman announces the kernel's AppArmor here too, and then refuses every profile.
        "only root may put an AppArmor profile on a cell, and the engine runs without"
    } else {
        "AppArmor is not enabled in the engine's kernel"
    };
    unless(has("apparmor") && !engine.rootless, Layer::Apparmor, no_apparmor);
    unless(has("selinux"), Layer::Selinux, "SELinux is not enabled in the engine");
    let no_userns = match engine.kind {
        EngineKind::Docker => "the Docker daemon runs without userns-remap",
        EngineKind::Podman => "the user `containers` has no range of ids in /etc/subuid and /etc/subgid",
        EngineKind::Embedded => "this kernel has no user namespaces",
    };
    unless(engine.rootless || has("userns"), Layer::Userns, no_userns);
    match enforcement {
        Enforcement::Native => unless(false, Layer::Landlock, "only the shim can apply it, and there is none here"),
        Enforcement::Supervised => {
            unless(kernel.landlock_abi.is_some(), Layer::Landlock, "Landlock is not enabled in this kernel");
        }
    }
    reasons
}

#[cfg(test)]
mod tests;
