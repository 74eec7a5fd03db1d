//! Docker and Podman, through the Docker API. The sole user of bollard.

mod answers;
mod attach;
mod body;
mod fault;
mod image;
mod ping;
mod seccomp_file;

use std::path::Path;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bollard::Docker;
use bollard::errors::Error as Api;
use bollard::models::{ContainerCreateResponse, ContainerInspectResponse};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, KillContainerOptionsBuilder, ListContainersOptionsBuilder,
    ListImagesOptions, RemoveContainerOptionsBuilder, StartContainerOptions, StatsOptionsBuilder,
    WaitContainerOptionsBuilder,
};
use futures_util::StreamExt;
use rustix::thread::{CapabilitySet, capability_is_in_bounding_set};
use tokio::sync::{OnceCell, mpsc};

use self::answers::ThisHost;
use self::body::Dialect;
use self::fault::Question;
use self::ping::Pong;
use self::seccomp_file::SeccompFile;
use super::{
    Attached, Capabilities, CellCaps, CellName, CellSeccomp, CellSpec, Created, Endpoint, Engine, EngineError,
    EngineKind, ImageSummary, Inspected, OWNER_LABEL, OwnedCell,
};
use crate::run::Sample;

/// How long an engine may take to make, start or remove a cell.
const WORK_TIMEOUT: Duration = Duration::from_mins(1);

/// How long a cell may be "being removed" before that is an error.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(20);

/// How often to look whether a cell is gone.
const REMOVAL_POLL: Duration = Duration::from_millis(20);

/// How long a wait, a load or a build may take: whoever asks sets the deadline.
const NO_TIMEOUT: Duration = Duration::from_secs(u32::MAX as u64);

/// A connected Docker or Podman engine.
pub struct DockerEngine {
    endpoint: Endpoint,
    pong: Pong,
    docker: Docker,
    patient: Docker,
    capabilities: OnceCell<Capabilities>,
}

impl DockerEngine {
    /// Asks the endpoint who it is and keeps the address; each request opens its own connection.
    ///
    /// # Errors
    /// As [`EngineError`] tells: nothing listens, permission denied, not an engine, bad
    /// address, or no answer within [`super::ANSWER_TIMEOUT`].
    pub async fn connect(endpoint: &Endpoint) -> Result<Self, EngineError> {
        let pong = ping::ping(endpoint).await?;
        let endpoint = Endpoint { kind: pong.kind, ..endpoint.clone() };
        let question = Question { endpoint: &endpoint, operation: "connect", subject: &endpoint.address };
        let docker = Docker::connect_with_host(&endpoint.address).map_err(|error| question.fault(error))?;
        Ok(Self {
            patient: docker.clone().with_timeout(NO_TIMEOUT),
            docker: docker.with_timeout(WORK_TIMEOUT),
            endpoint,
            pong,
            capabilities: OnceCell::new(),
        })
    }

    fn question<'a>(&'a self, operation: &'static str, subject: &'a str) -> Question<'a> {
        Question { endpoint: &self.endpoint, operation, subject }
    }

    async fn ask_capabilities(&self) -> Result<Capabilities, EngineError> {
        let question = self.question("ask the capabilities of", &self.endpoint.address);
        let info = self.docker.info().await.map_err(|error| question.fault(error))?;
        Ok(answers::capabilities(&self.pong, &self.endpoint.address, &info, &ThisHost::read()))
    }

    /// What has to be known before a create. Docker is asked nothing unless it must be:
    /// each question costs time.
    async fn facts(&self, spec: &CellSpec) -> Result<Facts, EngineError> {
        match self.endpoint.kind {
            EngineKind::Podman => self.podman_facts(spec).await,
            EngineKind::Docker if spec.caps == CellCaps::All && self.capabilities().await?.local => {
                Ok(Facts::without(missing_capabilities()))
            }
            EngineKind::Docker | EngineKind::Embedded => Ok(Facts::default()),
        }
    }

    /// Podman drops what it cannot do without a word, so it is asked beforehand.
    async fn podman_facts(&self, spec: &CellSpec) -> Result<Facts, EngineError> {
        let capabilities = self.capabilities().await?;
        if let Some(runtime) = spec.runtime.as_ref().filter(|name| **name != capabilities.default_runtime) {
            return Err(self.runtime_unknown(runtime, capabilities.runtimes));
        }
        let mut warnings = Vec::new();
        if capabilities.rootless && !spec.ulimits.is_empty() {
            warnings.push("rootless podman's API drops ulimits".to_owned());
        }
        Ok(Facts { rootless: capabilities.rootless, missing_caps: Vec::new(), warnings })
    }

    fn runtime_unknown(&self, runtime: &str, registered: Vec<String>) -> EngineError {
        EngineError::RuntimeUnknown { runtime: runtime.to_owned(), registered, endpoint: self.endpoint.clone() }
    }

    async fn send_create(
        &self,
        spec: &CellSpec,
        seccomp: &str,
        facts: &Facts,
    ) -> Result<ContainerCreateResponse, EngineError> {
        let options = CreateContainerOptionsBuilder::default().name(&spec.name.0).build();
        let Facts { rootless, missing_caps, .. } = facts;
        let dialect = Dialect { kind: self.endpoint.kind, seccomp, rootless: *rootless, missing_caps };
        let body = body::create_body(spec, dialect);
        match self.docker.create_container(Some(options), body).await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.create_fault(spec, error).await),
        }
    }

    async fn create_fault(&self, spec: &CellSpec, error: Api) -> EngineError {
        if let Api::DockerResponseServerError { status_code, message: said } = &error {
            let message = said.to_ascii_lowercase();
            if spec.userns && message.contains("enough available ids") {
                return EngineError::NoUserNamespace { message: said.clone() };
            }
            if *status_code == 404 && message.contains("image") {
                return EngineError::ImageMissing { image: spec.image.clone() };
            }
            if let (Some(runtime), true) = (&spec.runtime, message.contains("unknown") && message.contains("runtime"))
                && let Ok(capabilities) = self.capabilities().await
            {
                return self.runtime_unknown(runtime, capabilities.runtimes);
            }
        }
        self.question("create cell", &spec.name.0).fault(error)
    }
}

/// Inspects a cell.
async fn look(docker: &Docker, cell: &CellName) -> Result<ContainerInspectResponse, Api> {
    past_stopped(|| docker.inspect_container(&cell.0, None::<InspectContainerOptions>)).await
}

/// Asks again while some cell is `stopped`: Podman's passing state between a cell's end
/// and its cleaning up, for which the Docker API has no word and which bollard cannot read.
async fn past_stopped<T, Answer>(ask: impl Fn() -> Answer + Send) -> Result<T, Api>
where
    T: Send,
    Answer: Future<Output = Result<T, Api>> + Send,
{
    let since = Instant::now();
    loop {
        match ask().await {
            Err(Api::JsonDataError { message, .. })
                if message.contains("`stopped`") && since.elapsed() < REMOVAL_TIMEOUT =>
            {
                tokio::time::sleep(REMOVAL_POLL).await;
            }
            answer => return answer,
        }
    }
}

/// What must be known of an engine before a create.
#[derive(Default)]
struct Facts {
    rootless: bool,
    missing_caps: Vec<String>,
    warnings: Vec<String>,
}

impl Facts {
    fn without(missing_caps: Vec<String>) -> Self {
        let warning = |cap: &String| format!("this host has no CAP_{cap} to give");
        let warnings = missing_caps.iter().map(warning).collect();
        Self { missing_caps, warnings, ..Self::default() }
    }
}

/// Capabilities that this kernel has and this machine lacks, as where it is itself a
/// container. Docker would ask for them with `ALL`, and its runtime fail (`unable to apply caps`).
fn missing_capabilities() -> Vec<String> {
    let is_missing = |(_, cap): &(_, CapabilitySet)| matches!(capability_is_in_bounding_set(*cap), Ok(false));
    CapabilitySet::all().iter_names().filter(is_missing).map(|(name, _)| name.to_owned()).collect()
}

#[async_trait]
impl Engine for DockerEngine {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    async fn capabilities(&self) -> Result<Capabilities, EngineError> {
        self.capabilities.get_or_try_init(|| self.ask_capabilities()).await.cloned()
    }

    async fn create(&self, spec: &CellSpec) -> Result<Created, EngineError> {
        let facts = self.facts(spec).await?;
        let answer = match (&spec.seccomp, self.endpoint.kind) {
            (CellSeccomp::Unconfined, _) => self.send_create(spec, "unconfined", &facts).await?,
            (CellSeccomp::Profile(profile), EngineKind::Docker | EngineKind::Embedded) => {
                self.send_create(spec, profile, &facts).await?
            }
            (CellSeccomp::Profile(profile), EngineKind::Podman) => {
                let file = SeccompFile::write(&spec.name, profile)?;
                self.send_create(spec, &file.path().display().to_string(), &facts).await?
            }
        };
        let mut warnings = facts.warnings;
        warnings.extend(answer.warnings);
        Ok(Created { id: answer.id, warnings })
    }

    async fn attach(&self, cell: &CellName) -> Result<Attached, EngineError> {
        attach::attach(self.docker.clone(), self.endpoint.clone(), cell).await
    }

    async fn start(&self, cell: &CellName) -> Result<(), EngineError> {
        let started = self.docker.start_container(&cell.0, None::<StartContainerOptions>).await;
        started.map_err(|error| self.question("start cell", &cell.0).cell_fault(cell, error))
    }

    async fn wait(&self, cell: &CellName) -> Result<i64, EngineError> {
        let question = self.question("wait for cell", &cell.0);
        // `next-exit` would wait for ever for a cell that has ended already.
        let options = WaitContainerOptionsBuilder::default().condition("not-running").build();
        let answer = Box::pin(self.patient.wait_container(&cell.0, Some(options))).next().await;
        match answer {
            // Podman looks four times a second and says -1 when the cell was removed in between.
            Some(Ok(ended)) if ended.status_code < 0 => {
                Err(EngineError::CellGone { operation: question.operation, cell: cell.clone() })
            }
            Some(Ok(ended)) => Ok(ended.status_code),
            Some(Err(Api::DockerContainerWaitError { error, code })) if error.is_empty() => Ok(code),
            Some(Err(error)) => Err(question.cell_fault(cell, error)),
            None => Err(question.gone(None)),
        }
    }

    async fn inspect(&self, cell: &CellName) -> Result<Inspected, EngineError> {
        match look(&self.docker, cell).await {
            Ok(answer) => Ok(answers::inspected(&answer)),
            Err(error) => Err(self.question("inspect cell", &cell.0).cell_fault(cell, error)),
        }
    }

    async fn usage(&self, cell: &CellName) -> Result<Sample, EngineError> {
        let options = StatsOptionsBuilder::default().stream(false).one_shot(true).build();
        let question = self.question("ask for the use of cell", &cell.0);
        match self.docker.stats(&cell.0, Some(options)).next().await {
            Some(Ok(stats)) => Ok(answers::usage(&stats)),
            Some(Err(error)) => Err(question.cell_fault(cell, error)),
            None => Err(question.gone(None)),
        }
    }

    async fn kill(&self, cell: &CellName) -> Result<(), EngineError> {
        let options = KillContainerOptionsBuilder::default().signal("SIGKILL").build();
        match self.docker.kill_container(&cell.0, Some(options)).await {
            Err(error) if !fault::has_ended(&error) => Err(self.question("kill cell", &cell.0).fault(error)),
            _ => Ok(()),
        }
    }

    async fn remove(&self, cell: &CellName) -> Result<(), EngineError> {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        let since = Instant::now();
        loop {
            match self.docker.remove_container(&cell.0, Some(options.clone())).await {
                Ok(()) => return Ok(()),
                Err(error) if fault::status(&error) == Some(404) => return Ok(()),
                Err(error) if fault::is_on_its_way(&error) && since.elapsed() < REMOVAL_TIMEOUT => {
                    tokio::time::sleep(REMOVAL_POLL).await;
                }
                Err(error) => return Err(self.question("remove cell", &cell.0).fault(error)),
            }
        }
    }

    async fn owned_cells(&self) -> Result<Vec<OwnedCell>, EngineError> {
        let filters = std::collections::HashMap::from([("label", vec![OWNER_LABEL])]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let listed = past_stopped(|| self.docker.list_containers(Some(options.clone()))).await;
        let listed = listed.map_err(|error| self.question("list cells of", &self.endpoint.address).fault(error))?;
        let owned = listed.into_iter().filter_map(|container| {
            let name = container.names?.into_iter().next()?;
            let owner = container.labels?.remove(OWNER_LABEL)?;
            Some(OwnedCell { name: CellName(name.trim_start_matches('/').to_owned()), owner })
        });
        Ok(owned.collect())
    }

    async fn images(&self) -> Result<Vec<ImageSummary>, EngineError> {
        let listed = self.docker.list_images(None::<ListImagesOptions>).await;
        let question = self.question("list images of", &self.endpoint.address);
        listed.map(answers::images).map_err(|error| question.fault(error))
    }

    async fn load_image(&self, archive: &Path) -> Result<(), EngineError> {
        image::load(&self.patient, &self.endpoint, archive).await
    }

    async fn build_image(
        &self,
        context: Vec<u8>,
        tag: &str,
        progress: mpsc::Sender<String>,
    ) -> Result<(), EngineError> {
        image::build(&self.patient, &self.endpoint, context, tag, progress).await
    }
}
