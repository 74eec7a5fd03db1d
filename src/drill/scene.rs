//! What of this machine's the probes look for, set out for as long as a drill lasts.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::process::Command;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::task::JoinHandle;

use super::probe::{Need, Probe, with_line};
use crate::run::words::one_line;
use crate::supervise::Owner;

/// What a listener says to whoever comes.
const GREETING: &[u8] = b"hello";

/// Listeners and a shared memory segment; gone once this is dropped.
#[derive(Default)]
pub struct Scene {
    /// What a probe is told of each, as a line of its own, or why it is not to be had.
    lines: Vec<(Need, Result<String, String>)>,
    greeters: Vec<JoinHandle<()>>,
    segment: Option<Segment>,
}

impl Scene {
    /// Sets out what these probes need. Has to be called where tokio runs.
    pub fn set<'a>(probes: impl IntoIterator<Item = &'a Probe>) -> Self {
        let mut scene = Self::default();
        for need in probes.into_iter().filter_map(|probe| probe.needs.as_ref()) {
            if scene.line(need).is_some() {
                continue;
            }
            let line = match need {
                Need::TcpListener => scene.greet_on_loopback().map(|port| format!("PORT = {port}")),
                Need::AbstractListener => scene.greet_by_name().map(|name| format!("NAME = {name:?}")),
                Need::ShmSegment => Segment::make().map(|segment| {
                    let line = format!("KEY = {}", segment.key);
                    scene.segment = Some(segment);
                    line
                }),
                _ => continue,
            };
            scene.lines.push((need.clone(), line));
        }
        scene
    }

    fn line(&self, need: &Need) -> Option<&Result<String, String>> {
        self.lines.iter().find(|(known, _)| known == need).map(|(_, line)| line)
    }

    fn greet_on_loopback(&mut self) -> Result<u16, String> {
        let listen = || {
            let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
            listener.set_nonblocking(true)?;
            Ok((listener.local_addr()?.port(), tokio::net::TcpListener::from_std(listener)?))
        };
        let (port, listener) =
            listen().map_err(|error: io::Error| format!("listening on this machine's loopback: {error}"))?;
        self.greeters.push(tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                greet(client).await;
            }
        }));
        Ok(port)
    }

    fn greet_by_name(&mut self) -> Result<String, String> {
        let name = format!("hotcell-drill-{}", std::process::id());
        let listen = || {
            let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
            listener.set_nonblocking(true)?;
            tokio::net::UnixListener::from_std(listener)
        };
        let listener = listen().map_err(|error| format!("listening on the abstract socket {name}: {error}"))?;
        self.greeters.push(tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                greet(client).await;
            }
        }));
        Ok(name)
    }

    /// The probe's text with what it has to know of this machine, and with its line for whoever has little time.
    ///
    /// # Errors
    /// Why what it needs is not to be had.
    pub fn text(&self, probe: &Probe) -> Result<String, String> {
        let line = match probe.needs.as_ref().and_then(|need| self.line(need)) {
            Some(line) => Some(line.clone()?),
            None => probe.brief.clone(),
        };
        match line {
            None => Ok(probe.text.clone()),
            Some(line) => with_line(&probe.text, &line).ok_or_else(|| format!("{} has no line for {line}", probe.name)),
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for greeter in &self.greeters {
            greeter.abort();
        }
    }
}

async fn greet(mut client: impl AsyncWrite + Unpin) {
    // A probe that is gone already needs no greeting.
    let _ = client.write_all(GREETING).await;
}

/// A System V shared memory segment of this machine.
pub struct Segment {
    id: String,
    /// By which a program finds it.
    pub key: String,
}

impl Segment {
    /// Makes one, by `ipcmk(1)`.
    ///
    /// # Errors
    /// Why there is none.
    pub fn make() -> Result<Self, String> {
        let said = told(Command::new("ipcmk").args(["--shmem", "4096"]))?;
        let id = said.rsplit(' ').next().unwrap_or_default().trim().to_owned();
        // `key shmid ...`: proc_sysvipc(5).
        let table = fs::read_to_string("/proc/sysvipc/shm").map_err(|error| format!("/proc/sysvipc/shm: {error}"))?;
        let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let row = rows.find(|row| row.get(1) == Some(&id.as_str()));
        let key = row.map(|row| row[0].to_owned());
        let segment = Self { id, key: key.clone().unwrap_or_default() };
        key.map(|_| segment).ok_or_else(|| "the new shared memory segment is not in /proc/sysvipc/shm".to_owned())
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        let _ = Command::new("ipcrm").args(["--shmem-id", &self.id]).output();
    }
}

/// Compiles a probe in C to a static program, in a directory of the run directory that is gone afterwards.
///
/// # Errors
/// Why there is none.
pub fn compile(name: &str, text: &str, run_dir: &Path, owner: &Owner) -> Result<Vec<u8>, String> {
    let directory = run_dir.join(format!("drill-{}-{name}", std::process::id()));
    let made = || {
        DirBuilder::new().mode(0o700).create(&directory)?;
        // Whose it is: should this process be killed, the next one sweeps it up.
        fs::write(directory.join("owner"), owner.to_string())?;
        fs::write(directory.join("probe.c"), text)
    };
    let program = directory.join("probe");
    let compiled = made().map_err(|error| format!("{}: {error}", directory.display())).and_then(|()| {
        let mut compiler = Command::new("gcc");
        compiler.args(["-static", "-Os", "-s", "-o"]).arg(&program).arg(directory.join("probe.c"));
        told(&mut compiler).map_err(|error| format!("no C compiler: {error}"))?;
        fs::read(&program).map_err(|error| format!("{}: {error}", program.display()))
    });
    let _ = fs::remove_dir_all(&directory);
    compiled
}

/// What a command printed.
fn told(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().display().to_string();
    match command.output() {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(format!("{name}: {}", one_line(said.lines().next().unwrap_or("it failed without a word"))))
        }
        Err(error) => Err(format!("{name}: {error}")),
    }
}
