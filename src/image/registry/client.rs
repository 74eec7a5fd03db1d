//! The little of HTTP that a pull needs; the only user of reqwest.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{StatusCode, Url};
use serde::Deserialize;

use super::challenge::Challenge;
use super::credentials::Credentials;
use super::error::PullError;
use crate::image::reference::{Remote, is_loopback};
use crate::image::store::Digest;
use crate::text::visible_str;

const CONNECT: Duration = Duration::from_secs(15);
/// Without a byte for so long, the registry is taken for gone.
const SILENCE: Duration = Duration::from_secs(30);
/// As many as browsers follow, about.
const REDIRECTS: usize = 10;
/// A token and what comes with it.
const TOKEN: usize = 256 * 1024;

const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// A connection to one image at one registry.
pub(super) struct Client {
    http: reqwest::Client,
    remote: Remote,
    credentials: Option<Credentials>,
    /// What the registry wants to see, once it has said so.
    authorization: Option<HeaderValue>,
}

/// An answer, to be read piece by piece.
pub(super) struct Response {
    inner: reqwest::Response,
    registry: String,
    what: String,
}

impl Client {
    /// Makes one; nothing is sent yet.
    ///
    /// # Errors
    /// [`PullError::Tls`].
    pub(super) fn new(remote: &Remote, credentials: Option<Credentials>) -> Result<Self, PullError> {
        // Fails where it is there already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("hotcell/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .redirect(Policy::custom(follow));
        if remote.is_loopback() {
            // A proxy is for other machines, and no certificate is looked at.
            http = http.no_proxy().tls_certs_only([]);
        }
        let http = http.build().map_err(|error| PullError::Tls(cause(&error)))?;
        Ok(Self { http, remote: remote.clone(), credentials, authorization: None })
    }

    /// Asks for a manifest by tag or digest.
    pub(super) async fn manifest(&mut self, version: &str) -> Result<Response, PullError> {
        let what = format!("{}:{}", self.remote.repository, visible_str(version));
        self.get(&format!("manifests/{version}"), MANIFESTS, what).await
    }

    /// Asks for a blob.
    pub(super) async fn blob(&mut self, digest: &Digest) -> Result<Response, PullError> {
        self.get(&format!("blobs/{digest}"), "*/*", format!("blob {digest}")).await
    }

    async fn get(&mut self, path: &str, accept: &'static str, what: String) -> Result<Response, PullError> {
        let scheme = if self.remote.is_loopback() { "http" } else { "https" };
        let url = format!("{scheme}://{}/v2/{}/{path}", self.remote.registry, self.remote.repository);
        let url = Url::parse(&url).map_err(|_| PullError::name(&self.remote.registry))?;
        let mut answer = self.send(&url, accept).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            // Once a request: a token may have run out in a long pull.
            let header = answer.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
            if let Some(challenge) = header.and_then(Challenge::parse) {
                self.authorization = Some(self.authorize(challenge, &what).await?);
                answer = self.send(&url, accept).await?;
            }
        }
        self.judged(answer, what)
    }

    async fn send(&self, url: &Url, accept: &'static str) -> Result<reqwest::Response, PullError> {
        let mut request = self.http.get(url.clone()).header(ACCEPT, accept);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        request.send().await.map_err(|error| self.unreachable(&error))
    }

    /// An answer that brings what was asked for.
    fn judged(&self, inner: reqwest::Response, what: String) -> Result<Response, PullError> {
        let registry = self.remote.registry.clone();
        match inner.status() {
            StatusCode::OK => Ok(Response { inner, registry, what }),
            StatusCode::NOT_FOUND => Err(PullError::Missing { registry, what }),
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Err(PullError::Refused { registry, what, status: status.as_u16() })
            }
            status => Err(PullError::Answer { registry, what, answer: status.to_string() }),
        }
    }

    /// What to show the registry, as it asks for it.
    async fn authorize(&self, challenge: Challenge, what: &str) -> Result<HeaderValue, PullError> {
        let refused =
            |status| PullError::Refused { registry: self.remote.registry.clone(), what: what.to_owned(), status };
        let header = match challenge {
            Challenge::Basic => self.credentials.as_ref().ok_or_else(|| refused(401))?.header(),
            Challenge::Bearer { realm, service } => format!("Bearer {}", self.token(&realm, service, refused).await?),
        };
        let mut value = HeaderValue::try_from(header).map_err(|_| refused(401))?;
        value.set_sensitive(true);
        Ok(value)
    }

    async fn token(
        &self,
        realm: &str,
        service: Option<String>,
        refused: impl Fn(u16) -> PullError,
    ) -> Result<String, PullError> {
        #[derive(Deserialize)]
        struct Answer {
            token: Option<String>,
            access_token: Option<String>,
        }
        let odd = |answer: &str| PullError::Answer {
            registry: self.remote.registry.clone(),
            what: "the request for a token".to_owned(),
            answer: answer.to_owned(),
        };
        let mut url = Url::parse(realm).ok().filter(is_private).ok_or_else(|| odd("an address that is not https"))?;
        let scope = format!("repository:{}:pull", self.remote.repository);
        url.query_pairs_mut().extend_pairs(service.map(|service| ("service", service))).append_pair("scope", &scope);
        let mut request = self.http.get(url);
        if let Some(credentials) = &self.credentials {
            request = request.header(AUTHORIZATION, credentials.header());
        }
        let mut answer = request.send().await.map_err(|error| self.unreachable(&error))?;
        if answer.status() != StatusCode::OK {
            return Err(refused(answer.status().as_u16()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.unreachable(&error))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > TOKEN {
                return Err(odd("more than a token"));
            }
        }
        let answer: Answer = serde_json::from_slice(&bytes).map_err(|_| odd("what is no token"))?;
        answer.token.or(answer.access_token).ok_or_else(|| odd("no token"))
    }

    fn unreachable(&self, error: &reqwest::Error) -> PullError {
        PullError::Unreachable { registry: self.remote.registry.clone(), cause: cause(error) }
    }
}

impl Response {
    /// The next piece; none at the end.
    ///
    /// # Errors
    /// [`PullError::Broken`].
    pub(super) async fn chunk(
        &mut self,
    ) -> Result<Option<impl AsRef<[u8]> + std::ops::Deref<Target = [u8]>>, PullError> {
        self.inner.chunk().await.map_err(|error| PullError::Broken {
            registry: self.registry.clone(),
            what: self.what.clone(),
            cause: cause(&error),
        })
    }
}

/// Whether nobody on the way can read along.
fn is_private(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && url.host_str().is_some_and(is_loopback))
}

fn follow(attempt: Attempt) -> reqwest::redirect::Action {
    if attempt.previous().len() > REDIRECTS {
        attempt.error("it sends from one address to the next")
    } else if is_private(attempt.url()) {
        attempt.follow()
    } else {
        attempt.error("it sends to an address that is not https")
    }
}

/// What is at the bottom of an error, safe to show.
fn cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    visible_str(&cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_in_the_clear() {
        for (url, private) in [
            ("https://a.io/token", true),
            ("http://127.0.0.1:5000/token", true),
            ("http://[::1]:5000/", true),
            ("http://a.io/token", false),
            ("http://169.254.169.254/", false),
            ("file:///etc/passwd", false),
        ] {
            assert_eq!(is_private(&Url::parse(url).unwrap()), private, "{url}");
        }
    }
}
