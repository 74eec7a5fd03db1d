//! The first question to an endpoint: who is there?
//!
//! `/_ping` answers it in its headers in under a millisecond. `/version` would too,
//! but Podman starts its runtime, conmon and the package manager for that (290 ms
//! measured), and bollard shows neither the headers of a ping nor the system's error
//! when a socket cannot be opened. So this one request is made by hand.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::engine::{ANSWER_TIMEOUT, Endpoint, EngineError, EngineKind};

/// Longest header block accepted; those of Docker and Podman have about 300 bytes.
const LONGEST_HEAD: usize = 8192;

/// Who answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pong {
    /// The family that really answered.
    pub kind: EngineKind,
    /// The Docker API version it speaks.
    pub api_version: String,
    /// Whether it is not root's, as its socket tells. Podman's compatible API says so only in newer versions.
    pub rootless: bool,
}

/// Asks the endpoint who it is, within [`ANSWER_TIMEOUT`].
///
/// # Errors
/// [`EngineError::NotListening`], [`EngineError::Permission`], [`EngineError::NotAnEngine`],
/// [`EngineError::BadAddress`] or [`EngineError::Timeout`].
pub async fn ping(endpoint: &Endpoint) -> Result<Pong, EngineError> {
    let (head, rootless) = match timeout(ANSWER_TIMEOUT, exchange(endpoint)).await {
        Ok(answer) => answer?,
        Err(_) => {
            return Err(EngineError::Timeout {
                operation: "connect",
                address: endpoint.address.clone(),
                limit: ANSWER_TIMEOUT,
            });
        }
    };
    let pong = read_head(&head).map(|pong| Pong { rootless, ..pong });
    pong.ok_or_else(|| EngineError::NotAnEngine { endpoint: endpoint.clone(), answer: first_line(&head) })
}

/// The answer's head, and whether someone other than root gave it.
async fn exchange(endpoint: &Endpoint) -> Result<(Vec<u8>, bool), EngineError> {
    let lost = |source| refused(endpoint, source);
    if let Some(path) = endpoint.address.strip_prefix("unix://") {
        let stream = UnixStream::connect(path).await.map_err(lost)?;
        let rootless = stream.peer_cred().map_err(lost)?.uid() != 0;
        return Ok((ask(stream).await.map_err(lost)?, rootless));
    }
    let host = tcp_host(endpoint)?;
    let stream = TcpStream::connect(host).await.map_err(lost)?;
    Ok((ask(stream).await.map_err(lost)?, false))
}

/// `HOST:PORT` of an address without TLS.
fn tcp_host(endpoint: &Endpoint) -> Result<&str, EngineError> {
    let address = endpoint.address.as_str();
    let bad = |reason| EngineError::BadAddress { origin: endpoint.origin.clone(), address: address.to_owned(), reason };
    if address.starts_with("ssh://") {
        return Err(bad(
            "ssh is not spoken here: forward the socket with `ssh -L /tmp/engine.sock:/run/docker.sock HOST`",
        ));
    }
    if std::env::var_os("DOCKER_TLS_VERIFY").is_some_and(|value| !value.is_empty()) {
        return Err(bad("DOCKER_TLS_VERIFY is set and TLS is not spoken here: forward the socket with ssh instead"));
    }
    let Some(rest) = address.strip_prefix("tcp://").or_else(|| address.strip_prefix("http://")) else {
        return Err(bad("its scheme is not known"));
    };
    let host = rest.trim_end_matches('/');
    match host.rsplit_once(':') {
        Some((name, port)) if !name.is_empty() && port.parse::<u16>().is_ok() => Ok(host),
        _ => Err(bad("it has no port")),
    }
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<Vec<u8>> {
    stream
        .write_all(b"GET /_ping HTTP/1.1\r\nHost: engine\r\nUser-Agent: hotcell\r\nConnection: close\r\n\r\n")
        .await?;
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while head.len() < LONGEST_HEAD && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            break;
        }
        head.extend_from_slice(&chunk[..count]);
    }
    Ok(head)
}

/// Reads the headers of a good answer; `None` where it is no engine's.
fn read_head(head: &[u8]) -> Option<Pong> {
    let text = std::str::from_utf8(head).ok()?;
    let mut lines = text.split("\r\n");
    let status = lines.next()?;
    if !status.starts_with("HTTP/1.") || status.split(' ').nth(1) != Some("200") {
        return None;
    }
    let mut api_version = None;
    let mut kind = EngineKind::Docker;
    for (name, value) in lines.map_while(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("api-version") {
            api_version = Some(value.trim().to_owned());
        } else if name.eq_ignore_ascii_case("libpod-api-version") {
            kind = EngineKind::Podman;
        }
    }
    Some(Pong { kind, api_version: api_version?, rootless: false })
}

fn first_line(head: &[u8]) -> String {
    let line = head.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    if line.is_empty() {
        return "it closed the connection without an answer".to_owned();
    }
    let end = line.len().min(80);
    format!("it said {:?}", String::from_utf8_lossy(&line[..end]))
}

fn refused(endpoint: &Endpoint, source: io::Error) -> EngineError {
    let endpoint = endpoint.clone();
    if source.kind() == io::ErrorKind::PermissionDenied {
        EngineError::Permission { endpoint, source }
    } else {
        EngineError::NotListening { endpoint, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(address: &str) -> Endpoint {
        Endpoint { kind: EngineKind::Docker, address: address.to_owned(), origin: "DOCKER_HOST".to_owned() }
    }

    #[test]
    fn podman_is_told_from_docker_by_its_own_header() {
        let docker = read_head(b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n\r\nOK");
        assert_eq!(docker, Some(Pong { kind: EngineKind::Docker, api_version: "1.41".to_owned(), rootless: false }));
        let podman = read_head(b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nLibpod-Api-Version: 4.3.1\r\n\r\nOK");
        assert_eq!(podman.map(|pong| pong.kind), Some(EngineKind::Podman));
    }

    #[test]
    fn a_web_server_is_not_an_engine() {
        assert_eq!(read_head(b"HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n"), None);
        assert_eq!(read_head(b"SSH-2.0-OpenSSH_9.2\r\n"), None);
    }

    #[tokio::test]
    async fn an_address_without_a_known_scheme_says_what_to_write() {
        let error = ping(&endpoint("npipe:////./pipe/docker")).await.unwrap_err().to_string();
        assert!(error.contains("from DOCKER_HOST: its scheme is not known; use unix:///PATH"), "{error}");
    }

    #[tokio::test]
    async fn a_missing_socket_says_how_to_start_the_engine() {
        let error = ping(&endpoint("unix:///nonexistent/docker.sock")).await.unwrap_err().to_string();
        assert!(error.contains("No such file or directory"), "{error}");
        assert!(error.contains("systemctl start docker"), "{error}");
    }
}
