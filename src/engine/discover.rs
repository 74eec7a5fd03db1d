//! Where engines may be found. Choosing candidates is pure, over a
//! [`Surroundings`] that a test can invent; only [`first_answering`] connects.
//!
//! An address that someone named (`DOCKER_HOST`, `CONTAINER_HOST`, a Docker context,
//! `--engine ADDRESS`) is never fallen away from: who points hotcell at a throw-away
//! machine must not find hostile code run on this one because that machine is down.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::error::Failed;
use super::{Endpoint, Engine, EngineError, EngineKind, embedded};
use crate::image::store::Store;

/// The value of `--engine`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EngineChoice {
    /// Whatever is named by the environment, else the first that answers.
    #[default]
    Auto,
    /// An engine of this family.
    Kind(EngineKind),
    /// Exactly this address.
    Address(String),
}

impl FromStr for EngineChoice {
    type Err = String;

    /// Reads `auto`, `docker`, `podman`, `embedded`, or an address (`unix:///PATH`, `tcp://HOST:PORT`, `/PATH`).
    ///
    /// # Errors
    /// A sentence that lists what is allowed.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(kind) = EngineKind::ALL.into_iter().find(|kind| kind.name() == text) {
            return Ok(Self::Kind(kind));
        }
        match text {
            "auto" => Ok(Self::Auto),
            path if path.starts_with('/') => Ok(Self::Address(format!("unix://{path}"))),
            address if address.contains("://") => Ok(Self::Address(address.to_owned())),
            _ => Err("use auto, docker, podman, embedded, or an address such as unix:///run/docker.sock".to_owned()),
        }
    }
}

/// What discovery may look at.
pub struct Surroundings<'a> {
    /// The environment.
    pub vars: BTreeMap<String, String>,
    /// The real user id, for `/run/user/UID` where `XDG_RUNTIME_DIR` is unset.
    pub uid: u32,
    /// Reads a whole text file.
    pub read: &'a (dyn Fn(&Path) -> io::Result<String> + Sync),
    /// Resolves links, so that one socket with two names counts once.
    pub resolve: &'a (dyn Fn(&Path) -> Option<PathBuf> + Sync),
    /// The directory for what belongs to cells, where there is a fit one: the embedded engine's cells live below it.
    pub run_dir: Option<PathBuf>,
}

impl Surroundings<'static> {
    /// Those of this process, with this run directory.
    pub fn real(run_dir: Option<PathBuf>) -> Self {
        Self {
            vars: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
            uid: rustix::process::getuid().as_raw(),
            read: &|path| std::fs::read_to_string(path),
            resolve: &|path| std::fs::canonicalize(path).ok(),
            run_dir,
        }
    }
}

impl Surroundings<'_> {
    /// A variable that is set and not empty.
    fn var(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn runtime_dir(&self) -> String {
        self.var("XDG_RUNTIME_DIR").map_or_else(|| format!("/run/user/{}", self.uid), str::to_owned)
    }

    /// The embedded engine, which is there wherever its cells can be put.
    fn embedded(&self, origin: &str) -> Option<Endpoint> {
        self.run_dir.as_deref().map(|run_dir| embedded::endpoint(run_dir, origin))
    }

    /// The Docker client's directory: `$DOCKER_CONFIG`, else `~/.docker`.
    pub(crate) fn docker_dir(&self) -> Option<PathBuf> {
        self.var("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| self.var("HOME").map(|home| Path::new(home).join(".docker")))
    }
}

/// Endpoints to try for a choice, in order: those named, or else the well-known sockets.
///
/// # Errors
/// [`EngineError::ContextUnknown`] and [`EngineError::ClientFile`] where the Docker
/// client's configuration names a context that cannot be read.
pub fn candidates(choice: &EngineChoice, around: &Surroundings<'_>) -> Result<Vec<Endpoint>, EngineError> {
    let (docker, podman) = match choice {
        EngineChoice::Auto => (true, true),
        EngineChoice::Kind(EngineKind::Embedded) => return Ok(around.embedded("--engine").into_iter().collect()),
        EngineChoice::Kind(kind) => (*kind == EngineKind::Docker, *kind == EngineKind::Podman),
        EngineChoice::Address(address) => {
            return Ok(vec![endpoint(kind_of(address), address, "--engine")]);
        }
    };
    let mut named = Vec::new();
    if docker {
        named.extend(docker_named(around)?);
    }
    if podman {
        named.extend(podman_named(around));
    }
    if !named.is_empty() {
        return Ok(named);
    }
    let mut sockets = default_sockets(around);
    sockets.retain(|socket| match socket.kind {
        EngineKind::Docker => docker,
        EngineKind::Podman => podman,
        EngineKind::Embedded => false,
    });
    if *choice == EngineChoice::Auto {
        sockets.extend(around.embedded("no daemon answers"));
    }
    Ok(sockets)
}

/// Every endpoint this machine might have, for `hotcell doctor`: those named and all
/// the well-known sockets, each once, and the embedded engine; a name that cannot be followed is an `Err`.
pub fn survey(around: &Surroundings<'_>) -> Vec<Result<Endpoint, EngineError>> {
    let docker = docker_named(around).transpose();
    let named = docker.into_iter().chain(podman_named(around).map(Ok));
    let mut seen = Vec::new();
    named
        .chain(default_sockets(around).into_iter().map(Ok))
        .chain(around.embedded("built in").map(Ok))
        .filter(|found| {
            let Ok(endpoint) = found else { return true };
            let place = place_of(&endpoint.address, around);
            let new = !seen.contains(&place);
            seen.push(place);
            new
        })
        .collect()
}

/// Connects to each candidate in turn and stops at the first that answers. Those that
/// failed before it come along, with their reasons.
///
/// # Errors
/// The candidate's own error where there is just one, else [`EngineError::NoEngine`].
pub async fn first_answering(
    candidates: Vec<Endpoint>,
    images: &Store,
) -> Result<(Arc<dyn Engine>, Vec<Failed>), EngineError> {
    let mut failed = Vec::new();
    for endpoint in candidates {
        match super::connect(&endpoint, images.clone()).await {
            Ok(engine) => return Ok((engine, failed)),
            Err(error) => failed.push(Failed { endpoint, error }),
        }
    }
    if failed.len() == 1 {
        return Err(failed.remove(0).error);
    }
    Err(EngineError::NoEngine { tried: failed })
}

/// `DOCKER_HOST`, which overrides every context, or else the current context.
fn docker_named(around: &Surroundings<'_>) -> Result<Option<Endpoint>, EngineError> {
    if let Some(address) = around.var("DOCKER_HOST") {
        return Ok(Some(endpoint(EngineKind::Docker, address, "DOCKER_HOST")));
    }
    docker_context(around)
}

fn podman_named(around: &Surroundings<'_>) -> Option<Endpoint> {
    let address = around.var("CONTAINER_HOST")?;
    Some(endpoint(EngineKind::Podman, address, "CONTAINER_HOST"))
}

/// The current Docker context, unless it is the default one.
fn docker_context(around: &Surroundings<'_>) -> Result<Option<Endpoint>, EngineError> {
    let Some(directory) = around.docker_dir() else { return Ok(None) };
    let (name, origin) = match around.var("DOCKER_CONTEXT") {
        Some(name) => (name.to_owned(), "DOCKER_CONTEXT".to_owned()),
        None => match current_context(around, &directory.join("config.json"))? {
            Some(name) => (name, directory.join("config.json").display().to_string()),
            None => return Ok(None),
        },
    };
    if name == "default" {
        return Ok(None);
    }
    let file = directory.join("contexts/meta").join(hex(&Sha256::digest(name.as_bytes()))).join("meta.json");
    let text = match (around.read)(&file) {
        Ok(text) => text,
        Err(source) => return Err(EngineError::ContextUnknown { name, origin, file, source }),
    };
    let meta: ContextMeta = parse(&file, &text)?;
    Ok(Some(endpoint(
        kind_of(&meta.endpoints.docker.host),
        &meta.endpoints.docker.host,
        &format!("docker context \"{name}\""),
    )))
}

/// `currentContext` of the client's configuration; a missing file is no context.
fn current_context(around: &Surroundings<'_>, file: &Path) -> Result<Option<String>, EngineError> {
    match (around.read)(file) {
        Ok(text) => Ok(parse::<ClientConfig>(file, &text)?.current_context.filter(|name| !name.is_empty())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(EngineError::ClientFile { file: file.to_owned(), source: source.into() }),
    }
}

fn parse<'a, T: Deserialize<'a>>(file: &Path, text: &'a str) -> Result<T, EngineError> {
    serde_json::from_str(text)
        .map_err(|source| EngineError::ClientFile { file: file.to_owned(), source: source.into() })
}

/// The part of `~/.docker/config.json` that matters here.
#[derive(Deserialize)]
struct ClientConfig {
    #[serde(rename = "currentContext")]
    current_context: Option<String>,
}

/// The part of a context's `meta.json` that matters here (docker/cli, `cli/context/store`).
#[derive(Deserialize)]
struct ContextMeta {
    #[serde(rename = "Endpoints")]
    endpoints: ContextEndpoints,
}

#[derive(Deserialize)]
struct ContextEndpoints {
    docker: ContextEndpoint,
}

#[derive(Deserialize)]
struct ContextEndpoint {
    #[serde(rename = "Host")]
    host: String,
}

/// The sockets that Docker and Podman make when left alone: those of root, then the user's own.
fn default_sockets(around: &Surroundings<'_>) -> Vec<Endpoint> {
    let user = around.runtime_dir();
    let mut paths = vec![
        (EngineKind::Docker, "/run/docker.sock".to_owned()),
        (EngineKind::Docker, "/var/run/docker.sock".to_owned()),
        (EngineKind::Podman, "/run/podman/podman.sock".to_owned()),
        (EngineKind::Docker, format!("{user}/docker.sock")),
        (EngineKind::Podman, format!("{user}/podman/podman.sock")),
    ];
    if let Some(home) = around.var("HOME") {
        paths.push((EngineKind::Docker, format!("{home}/.docker/run/docker.sock")));
    }
    let mut sockets: Vec<Endpoint> = Vec::new();
    for (kind, path) in paths {
        let address = format!("unix://{path}");
        let place = place_of(&address, around);
        if sockets.iter().all(|known| place_of(&known.address, around) != place) {
            sockets.push(endpoint(kind, &address, "default socket"));
        }
    }
    sockets
}

/// What an address comes down to once links are followed.
fn place_of(address: &str, around: &Surroundings<'_>) -> PathBuf {
    match address.strip_prefix("unix://") {
        Some(path) => (around.resolve)(Path::new(path)).unwrap_or_else(|| PathBuf::from(path)),
        None => PathBuf::from(address),
    }
}

fn endpoint(kind: EngineKind, address: &str, origin: &str) -> Endpoint {
    Endpoint { kind, address: address.to_owned(), origin: origin.to_owned() }
}

/// The family to expect at an address; connecting finds out the truth.
fn kind_of(address: &str) -> EngineKind {
    if address.contains("podman") { EngineKind::Podman } else { EngineKind::Docker }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "/home/ada/.docker/config.json";
    /// `printf remote | sha256sum`
    const REMOTE: &str =
        "/home/ada/.docker/contexts/meta/b71199ebd070b36beab7317920c2c2f1d777df8d05e5527d8458fda57cb17a7a/meta.json";
    const META: &str = r#"{"Name":"remote","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://10.0.0.9:2375","SkipTLSVerify":false}}}"#;

    type Files = &'static [(&'static str, &'static str)];

    fn with<T>(vars: &[(&str, &str)], files: Files, then: impl FnOnce(&Surroundings<'_>) -> T) -> T {
        let read = move |path: &Path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == path);
            found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| io::Error::from_raw_os_error(2))
        };
        // `/var/run` is a link to `/run`, as everywhere today.
        let resolve = |path: &Path| path.strip_prefix("/var").ok().map(|rest| Path::new("/").join(rest));
        let mut all = BTreeMap::from([("HOME".to_owned(), "/home/ada".to_owned())]);
        all.extend(vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        then(&Surroundings { vars: all, uid: 1000, read: &read, resolve: &resolve, run_dir: None })
    }

    fn addresses(choice: &str, vars: &[(&str, &str)], files: Files) -> Vec<String> {
        let choice = choice.parse().unwrap();
        let found = with(vars, files, |around| candidates(&choice, around)).unwrap();
        found.into_iter().map(|endpoint| endpoint.address).collect()
    }

    #[test]
    fn with_nothing_named_the_well_known_sockets_are_tried_in_order_each_once() {
        assert_eq!(
            addresses("auto", &[], &[]),
            [
                "unix:///run/docker.sock",
                "unix:///run/podman/podman.sock",
                "unix:///run/user/1000/docker.sock",
                "unix:///run/user/1000/podman/podman.sock",
                "unix:///home/ada/.docker/run/docker.sock",
            ]
        );
    }

    #[test]
    fn a_family_is_looked_for_in_its_own_sockets_only() {
        assert_eq!(
            addresses("podman", &[("XDG_RUNTIME_DIR", "/tmp/run")], &[]),
            ["unix:///run/podman/podman.sock", "unix:///tmp/run/podman/podman.sock"]
        );
    }

    #[test]
    fn a_named_engine_is_never_fallen_away_from() {
        let vars = [("DOCKER_HOST", "tcp://10.0.0.9:2375")];
        assert_eq!(addresses("auto", &vars, &[]), ["tcp://10.0.0.9:2375"]);
        let both = [("DOCKER_HOST", "unix:///a"), ("CONTAINER_HOST", "unix:///b")];
        assert_eq!(addresses("auto", &both, &[]), ["unix:///a", "unix:///b"]);
        assert_eq!(addresses("podman", &both, &[]), ["unix:///b"]);
        assert_eq!(addresses("/run/my.sock", &both, &[]), ["unix:///run/my.sock"]);
    }

    fn with_a_run_directory(choice: &str, vars: &[(&str, &str)]) -> Vec<String> {
        let choice = choice.parse().unwrap();
        let found = with(vars, &[], |around| {
            let around = Surroundings {
                vars: around.vars.clone(),
                uid: around.uid,
                read: around.read,
                resolve: around.resolve,
                run_dir: Some(PathBuf::from("/run/hotcell")),
            };
            candidates(&choice, &around)
        });
        found.unwrap().into_iter().map(|endpoint| endpoint.address).collect()
    }

    #[test]
    fn the_embedded_engine_is_the_last_resort_and_only_where_nothing_is_named() {
        assert_eq!(with_a_run_directory("auto", &[]).last().unwrap(), "/run/hotcell/embedded");
        assert_eq!(with_a_run_directory("embedded", &[("DOCKER_HOST", "unix:///a")]), ["/run/hotcell/embedded"]);
        assert_eq!(with_a_run_directory("auto", &[("DOCKER_HOST", "unix:///a")]), ["unix:///a"]);
        assert!(with_a_run_directory("docker", &[]).iter().all(|address| address.starts_with("unix://")));
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        assert_eq!(addresses("docker", &[("DOCKER_HOST", "")], &[])[0], "unix:///run/docker.sock");
    }

    #[test]
    fn the_current_docker_context_is_followed_and_named() {
        let files: Files = &[(CONFIG, r#"{"auths":{},"currentContext":"remote"}"#), (REMOTE, META)];
        let found = with(&[], files, |around| candidates(&EngineChoice::Auto, around)).unwrap();
        assert_eq!(found[0].address, "tcp://10.0.0.9:2375");
        assert_eq!(found[0].origin, "docker context \"remote\"");
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn docker_host_overrides_the_context_and_docker_context_the_file() {
        let files: Files = &[(CONFIG, r#"{"currentContext":"other"}"#), (REMOTE, META)];
        assert_eq!(addresses("docker", &[("DOCKER_CONTEXT", "remote")], files), ["tcp://10.0.0.9:2375"]);
        assert_eq!(addresses("docker", &[("DOCKER_HOST", "unix:///a")], files), ["unix:///a"]);
    }

    #[test]
    fn the_default_context_means_the_well_known_sockets() {
        assert_eq!(addresses("docker", &[("DOCKER_CONTEXT", "default")], &[])[0], "unix:///run/docker.sock");
    }

    #[test]
    fn an_unknown_context_says_who_named_it_and_where_it_was_looked_for() {
        let error = with(&[("DOCKER_CONTEXT", "remote")], &[], |around| candidates(&EngineChoice::Auto, around));
        let text = error.unwrap_err().to_string();
        assert!(text.starts_with("docker context remote (from DOCKER_CONTEXT) is not known: cannot read"), "{text}");
        assert!(text.contains("docker context ls"), "{text}");
    }

    #[test]
    fn a_broken_client_file_is_named() {
        let error = with(&[], &[(CONFIG, "{")], |around| candidates(&EngineChoice::Auto, around));
        let text = error.unwrap_err().to_string();
        assert!(text.contains(CONFIG) && text.contains("line 1"), "{text}");
    }

    #[test]
    fn a_survey_lists_named_and_well_known_endpoints_each_once_and_keeps_faults() {
        let vars = [("DOCKER_HOST", "unix:///var/run/docker.sock")];
        let found = with(&vars, &[], survey);
        let addresses: Vec<_> = found.iter().flatten().map(|endpoint| endpoint.address.as_str()).collect();
        assert_eq!(addresses[..2], ["unix:///var/run/docker.sock", "unix:///run/podman/podman.sock"]);
        assert_eq!(addresses.len(), 5);
        let faulty = with(&[("DOCKER_CONTEXT", "gone")], &[], survey);
        assert!(faulty[0].is_err());
        assert_eq!(faulty.len(), 6);
    }

    #[test]
    fn an_engine_choice_lists_what_is_allowed() {
        assert_eq!("dokcer".parse::<EngineChoice>().unwrap_err().split(',').next(), Some("use auto"));
    }
}
