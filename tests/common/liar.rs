//! An engine that says it did what it did not: between hotcell and a real one, it changes
//! the requests to make a cell. What comes out is a real cell with layers missing.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

/// Listens until the test ends.
pub struct Liar {
    directory: TempDir,
}

impl Liar {
    /// Stands before the engine at `socket` and puts each request for a cell through `change`.
    pub fn before(socket: &Path, change: fn(&mut Value)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("sock")).unwrap();
        let socket = socket.to_owned();
        thread::spawn(move || {
            for client in listener.incoming() {
                let engine = UnixStream::connect(&socket).unwrap();
                // A connection that ends in mid-word is the client's or the engine's affair.
                thread::spawn(move || serve(&client.unwrap(), &engine, change));
            }
        });
        Self { directory }
    }

    pub fn address(&self) -> String {
        format!("unix://{}", self.directory.path().join("sock").display())
    }
}

fn serve(client: &UnixStream, engine: &UnixStream, change: fn(&mut Value)) -> io::Result<()> {
    let (mut answers, mut back) = (engine.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut answers, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let mut requests = BufReader::new(client);
    let mut to_engine = engine;
    while let Some((head, length)) = read_head(&mut requests)? {
        let mut body = vec![0; length];
        requests.read_exact(&mut body)?;
        if head.starts_with("POST ") && head.lines().next().is_some_and(|line| line.contains("/containers/create")) {
            let mut asked: Value = serde_json::from_slice(&body)?;
            change(&mut asked);
            body = serde_json::to_vec(&asked)?;
        }
        let others: Vec<&str> = head.lines().filter(|line| !is_length(line) && !line.is_empty()).collect();
        write!(to_engine, "{}\r\nContent-Length: {}\r\n\r\n", others.join("\r\n"), body.len())?;
        to_engine.write_all(&body)?;
    }
    engine.shutdown(Shutdown::Write)
}

fn is_length(line: &str) -> bool {
    line.to_ascii_lowercase().starts_with("content-length:")
}

/// A request's head and the length of its body; `None` where the client has no more.
fn read_head(requests: &mut impl BufRead) -> io::Result<Option<(String, usize)>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if requests.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    let length = head.lines().find(|line| is_length(line)).and_then(|line| line.split(':').nth(1)?.trim().parse().ok());
    Ok(Some((head, length.unwrap_or(0))))
}
