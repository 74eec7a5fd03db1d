//! Credentials that `docker login` has left in `config.json`, under `auths`. Helpers that keep them elsewhere are
//! programs, and none is run.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::Deserialize;

use super::PullError;
use crate::files::{self, FileError};
use crate::image::reference::Remote;
use crate::policy::Bytes;

/// The most that `config.json` holds.
const MOST: Bytes = Bytes::mib(1);
/// The name that `docker login` has for Docker's own registry.
const DOCKER: &str = "https://index.docker.io/v1/";

/// User and password for a registry, in base64, as they are sent. Nothing prints them.
#[derive(Clone)]
pub struct Credentials(String);

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
}

#[derive(Deserialize)]
struct Auth {
    auth: Option<String>,
}

impl Credentials {
    /// Those for a registry in the Docker client's file; none where it has none, or is not there.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn of(remote: &Remote, config_json: &Path) -> Result<Option<Self>, PullError> {
        let bad = |problem: String| PullError::Credentials { path: config_json.to_owned(), problem };
        match files::read(config_json, MOST) {
            Err(FileError::System(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(bad(error.to_string())),
            Ok(bytes) => {
                // serde's message could quote a password: where it is wrong is enough.
                let wrong = |error: serde_json::Error| bad(format!("line {}, column {}", error.line(), error.column()));
                Ok(serde_json::from_slice::<File>(&bytes).map_err(wrong)?.for_registry(&remote.registry))
            }
        }
    }

    /// The header that shows them.
    pub(super) fn header(&self) -> String {
        format!("Basic {}", self.0)
    }
}

impl File {
    fn for_registry(self, registry: &str) -> Option<Credentials> {
        let is_ours = |key: &str| {
            let host = key.trim_start_matches("https://").trim_start_matches("http://");
            host.split('/').next() == Some(registry) || (key == DOCKER && registry == Remote::DOCKER)
        };
        let auth = self.auths.into_iter().find(|(key, auth)| is_ours(key) && auth.auth.is_some())?.1.auth?;
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        (!auth.is_empty() && auth.bytes().all(is_base64)).then_some(Credentials(auth))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_those_of_the_registry_and_of_no_other() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("config.json");
        let of = |reference: &str| {
            Credentials::of(&Remote::parse(reference).unwrap(), &path).map(|found| found.map(|found| found.header()))
        };
        assert_eq!(of("debian").unwrap(), None);
        let text = r#"{ "auths": { "https://index.docker.io/v1/": { "auth": "YTpi" }, "ghcr.io": { "auth": "Yzpk" },
            "https://reg.io/v2/": { "auth": "ZTpm" }, "kept.io": {}, "odd.io": { "auth": "x\r\nHost: y" } } }"#;
        std::fs::write(&path, text).unwrap();
        for (reference, header) in [
            ("debian", Some("Basic YTpi")),
            ("ghcr.io/a/b", Some("Basic Yzpk")),
            ("reg.io/a", Some("Basic ZTpm")),
            ("kept.io/a", None),
            ("odd.io/a", None),
            ("notghcr.io/a", None),
        ] {
            assert_eq!(of(reference).unwrap().as_deref(), header, "{reference}");
        }
        std::fs::write(&path, "{ \"auths\": { \"a\": \"secret\" } }").unwrap();
        let error = of("debian").unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("docker login") && !error.contains("secret"), "{error}");
    }
}
