//! What the tests of the real program share: the engines, a specimen, a run of hotcell and
//! what it told. A missing engine fails, loudly, and says what to do.

#![allow(dead_code, unused_imports, unused_macros, reason = "each test file uses its own part of this")]

pub mod cells;
pub mod dockerd;
pub mod host;
pub mod liar;
pub mod screen;
pub mod strace;
pub mod user;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use hotcell::drill::probe::with_line;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// No run in these tests takes longer, however slow the machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// Makes each test once an engine: `docker::NAME`, `podman::NAME` and `embedded::NAME`; those behind `daemons:` on the
/// first two alone, and those behind `embedded:` on the last alone.
macro_rules! on_every_engine {
    (
        $($test:ident),* $(,)?
        $(; daemons: $($daemons:ident),* $(,)?)?
        $(; embedded: $($embedded:ident),* $(,)?)?
    ) => {
        mod docker {
            $(#[test] fn $test() { super::$test(crate::common::Engine::Docker); })*
            $($(#[test] fn $daemons() { super::$daemons(crate::common::Engine::Docker); })*)?
        }
        mod podman {
            $(#[test] fn $test() { super::$test(crate::common::Engine::Podman); })*
            $($(#[test] fn $daemons() { super::$daemons(crate::common::Engine::Podman); })*)?
        }
        mod embedded {
            $(#[test] fn $test() { super::$test(crate::common::Engine::Embedded); })*
            $($(#[test] fn $embedded() { super::$embedded(crate::common::Engine::Embedded); })*)?
        }
    };
}
pub(crate) use on_every_engine;

/// The engines that `scripts/engines.sh` starts, and the one that hotcell brings along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Docker,
    Podman,
    Embedded,
    /// The embedded one, with runc to make the cells.
    EmbeddedRunc,
}

impl Engine {
    /// Where it listens, as `--engine` takes it.
    pub fn address(self) -> String {
        let variable = match self {
            Self::Docker => "HOTCELL_TEST_DOCKER",
            Self::Podman => "HOTCELL_TEST_PODMAN",
            Self::Embedded | Self::EmbeddedRunc => return "embedded".to_owned(),
        };
        std::env::var(variable).unwrap_or_else(|_| {
            panic!("{variable} is not set: these tests need real engines; run scripts/with-engines.sh cargo test")
        })
    }

    /// Needs no daemon.
    pub fn is_embedded(self) -> bool {
        matches!(self, Self::Embedded | Self::EmbeddedRunc)
    }

    /// The image that its cells are made from where none is named.
    pub fn image(self) -> &'static str {
        if self.is_embedded() { "host" } else { "code-sandbox:latest" }
    }

    /// How to get an image that is missing.
    pub fn image_remedy(self) -> &'static str {
        if self.is_embedded() { "hotcell image import" } else { "hotcell image build" }
    }

    /// What to tell hotcell beside the address.
    fn arguments(self) -> &'static [&'static str] {
        if self == Self::EmbeddedRunc { &["--layer", "runtime=runc"] } else { &[] }
    }

    /// The path of its socket.
    pub fn socket(self) -> PathBuf {
        PathBuf::from(self.address().strip_prefix("unix://").expect("the test engines listen on a Unix socket"))
    }

    /// Docker's client speaks to both.
    pub fn client(self, arguments: &[&str]) -> String {
        client(&self.address(), arguments)
    }
}

/// Docker's client at an address: what it printed.
pub fn client(address: &str, arguments: &[&str]) -> String {
    let mut command = Command::new("docker");
    command.arg("-H").arg(address).args(arguments).env("DOCKER_CONTEXT", "");
    let output = command.output().expect("the docker client is installed: scripts/setup.sh test");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A file to run.
pub struct Specimen {
    /// Keeps the file while it is needed.
    directory: Option<TempDir>,
    pub path: PathBuf,
}

impl Specimen {
    /// One of `fixtures/`, as it is.
    pub fn fixture(name: &str) -> Self {
        Self { directory: None, path: Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name) }
    }

    /// One of `fixtures/` with another line in the place of the one that begins as `line` does up to its `=`.
    pub fn fixture_with(name: &str, line: &str) -> Self {
        let text = fs::read_to_string(Self::fixture(name).path).unwrap();
        let text = with_line(&text, line).unwrap_or_else(|| panic!("{name} has one line that begins as `{line}`"));
        Self::file(name, text.as_bytes())
    }

    /// Python.
    pub fn python(code: &str) -> Self {
        Self::file("specimen.py", code.as_bytes())
    }

    /// Any file.
    pub fn file(name: &str, bytes: &[u8]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        fs::write(&path, bytes).unwrap();
        Self { directory: Some(directory), path }
    }

    /// A static executable, from C.
    pub fn c(code: &str) -> Self {
        Self::compiled(code, &[])
    }

    /// An executable that makes one system call: it ends, with this code.
    pub fn that_only_ends(code: u8) -> Self {
        let number = libc::SYS_exit_group;
        #[cfg(target_arch = "x86_64")]
        let call = format!("mov ${number}, %eax; mov ${code}, %edi; syscall");
        #[cfg(target_arch = "aarch64")]
        let call = format!("mov x8, #{number}; mov x0, #{code}; svc #0");
        Self::compiled(&format!("void _start(void) {{ __asm__ volatile(\"{call}\"); }}"), &["-nostdlib"])
    }

    fn compiled(code: &str, flags: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (source, path) = (directory.path().join("specimen.c"), directory.path().join("specimen"));
        fs::write(&source, code).unwrap();
        let mut gcc = Command::new("gcc");
        gcc.args(["-static", "-Os", "-s"]).args(flags).arg("-o").arg(&path).arg(&source);
        assert!(gcc.status().expect("gcc is installed: scripts/setup.sh test").success(), "{code}");
        Self { directory: Some(directory), path }
    }
}

/// What the comments of a Python specimen say is refused, by line: `# denied: CALL`, or several.
pub fn annotated(code: &str) -> BTreeSet<(u64, String)> {
    let said = (1..).zip(code.lines()).filter_map(|(number, line)| Some((number, line.split_once("  # denied: ")?.1)));
    said.flat_map(|(number, calls)| calls.split(' ').map(move |call| (number, call.to_owned()))).collect()
}

/// A uid that no other run has: `RLIMIT_NPROC` counts per uid across the host, and what a specimen leaves behind is
/// found by it.
pub fn own_uid() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    100_000 + std::process::id() % 10_000 * 1000 + NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A hotcell command under construction.
pub struct Hotcell {
    engine: String,
    pub command: Command,
}

impl Hotcell {
    /// `hotcell run` at an address, deaf to the settings of whoever runs the tests.
    pub fn at(address: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hotcell"));
        command.args(["run", "--engine", address]).stdin(Stdio::null());
        for variable in
            ["HOTCELL_CONFIG", "HOTCELL_ENGINE", "HOTCELL_IMAGE", "HOTCELL_POLICY", "HOTCELL_THEME", "XDG_RUNTIME_DIR"]
        {
            command.env_remove(variable);
        }
        command.env("XDG_CONFIG_HOME", "/nonexistent");
        Self { engine: address.to_owned(), command }
    }

    /// By a command of the test's own that runs hotcell.
    pub fn by(engine: &str, command: Command) -> Self {
        Self { engine: engine.to_owned(), command }
    }

    /// Under the default policy, but as a user of its own.
    pub fn hardened(engine: Engine) -> Self {
        let user = own_uid();
        Self::at(&engine.address()).with(engine.arguments()).with(&["--layer", &format!("user={user}:{user}")])
    }

    /// With no layer on but a deadline.
    pub fn bare(engine: Engine) -> Self {
        Self::at(&engine.address()).with(&["--policy", "bare", "--layer", "timeout=60s"]).with(engine.arguments())
    }

    /// More arguments.
    pub fn with<S: AsRef<OsStr>>(mut self, arguments: &[S]) -> Self {
        self.command.args(arguments);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn stdin(mut self, file: fs::File) -> Self {
        self.command.stdin(file);
        self
    }

    /// Runs to the end and tells as text.
    pub fn text(self, specimen: &Specimen) -> Told {
        self.with(&[&specimen.path]).told()
    }

    /// Runs to the end; the events.
    pub fn events(self, specimen: &Specimen) -> (Told, Vec<Value>) {
        let told = self.with(&["--format", "jsonl"]).text(specimen);
        let events = told.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        (told, events)
    }

    /// Runs to the end; the report.
    pub fn report(self, specimen: &Specimen) -> Report {
        let told = self.with(&["--format", "json"]).text(specimen);
        let json = serde_json::from_str(&told.stdout).unwrap_or_else(|error| panic!("{told}\nno JSON: {error}"));
        Report { json, told }
    }

    /// Runs to the end with the arguments as they are.
    pub fn told(mut self) -> Told {
        let what = format!("hotcell {:?}", self.command.get_args().collect::<Vec<_>>());
        let child = self.start();
        let output = finish(child, &what);
        Told {
            engine: self.engine,
            what,
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("what hotcell prints is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("what hotcell prints is UTF-8"),
        }
    }

    /// Starts it.
    pub fn start(&mut self) -> Child {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

/// Waits for a program's end; one that hangs is killed and fails the test.
pub fn finish(child: Child, what: &str) -> Output {
    let pid = pid_of(&child);
    let (ended, end) = mpsc::channel();
    thread::spawn(move || ended.send(child.wait_with_output()));
    let Ok(output) = end.recv_timeout(PATIENCE) else {
        let _ = kill_process(pid, Signal::KILL);
        panic!("{what} has not ended after {PATIENCE:?}");
    };
    output.unwrap()
}

pub fn pid_of(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// What a run printed and its exit status (-1: killed by a signal).
pub struct Told {
    engine: String,
    what: String,
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { engine, what, status, stdout, stderr } = self;
        write!(f, "at {engine}: {what}\nexit status {status}\nstdout:\n{stdout}\nstderr:\n{stderr}")
    }
}

/// The object of `--format json`.
pub struct Report {
    pub json: Value,
    pub told: Told,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.told.fmt(f)
    }
}

impl Report {
    pub fn status(&self) -> i32 {
        self.told.status
    }

    pub fn stdout(&self) -> &str {
        self.json["stdout"].as_str().unwrap_or_else(|| panic!("{self}"))
    }

    pub fn duration_ms(&self) -> f64 {
        self.json["duration_ms"].as_f64().unwrap_or_else(|| panic!("{self}"))
    }

    pub fn layer(&self, name: &str) -> &Value {
        let layers = self.json["layers"].as_array().unwrap_or_else(|| panic!("{self}"));
        layers.iter().find(|layer| layer["name"] == name).unwrap_or_else(|| panic!("no layer {name}: {self}"))
    }

    /// The layer is told as asked for (or not) and as holding (or not).
    #[track_caller]
    pub fn tells_layer(&self, name: &str, asked: bool, in_force: impl Into<Value>) -> &Self {
        let layer = self.layer(name);
        assert!(layer["asked"] == asked && layer["in_force"] == in_force.into(), "{layer}, of {self}");
        self
    }

    pub fn denials(&self) -> &[Value] {
        self.json["denials"].as_array().unwrap_or_else(|| panic!("{self}"))
    }

    /// The denials of one call.
    pub fn denials_of(&self, syscall: &str) -> Vec<&Value> {
        self.denials().iter().filter(|denial| denial["syscall"] == syscall).collect()
    }

    /// A limit that was met, by its words.
    pub fn limit(&self, what: &str) -> Option<&Value> {
        let limits = self.json["limits"].as_array().unwrap_or_else(|| panic!("{self}"));
        limits.iter().find(|limit| limit["what"] == what)
    }

    #[track_caller]
    pub fn met(&self, layer: &str, what: &str) -> &Self {
        let limit = self.limit(what).unwrap_or_else(|| panic!("no limit `{what}`: {self}"));
        assert_eq!(limit["layer"], layer, "{self}");
        assert!(limit["count"].as_u64().unwrap() >= 1 && limit["at_ms"].as_f64().unwrap() >= 0.0, "{limit}");
        self
    }

    /// The specimen did what it tried.
    #[track_caller]
    pub fn reached(&self) -> &Self {
        assert!(self.status() == 0 && self.json["exit_code"] == 0, "not reached: {self}");
        assert!(self.stdout().contains("REACHED"), "not reached: {self}");
        self
    }

    /// The specimen was refused.
    #[track_caller]
    pub fn held(&self) -> &Self {
        assert!(self.status() == 1 && self.json["exit_code"] == 1, "not held: {self}");
        assert!(self.stdout().contains("HELD"), "not held: {self}");
        self
    }
}

/// Waits until something is so; gives how long it took.
#[track_caller]
pub fn within(limit: Duration, mut check: impl FnMut() -> Result<(), String>) -> Duration {
    let start = Instant::now();
    loop {
        match check() {
            Ok(()) => return start.elapsed(),
            Err(still) if start.elapsed() > limit => panic!("after {limit:?}: {still}"),
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Processes of this machine for which `wanted` holds, given their directory in `/proc`.
pub fn processes(wanted: impl Fn(&Path) -> bool) -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())));
    pids.filter(|(_, path)| wanted(path)).map(|(pid, _)| pid).collect()
}

/// Living processes of a user; those that wait to be reaped do not count.
pub fn processes_of(uid: u32) -> Vec<i32> {
    processes(|path| {
        let status = fs::read_to_string(path.join("status")).unwrap_or_default();
        let field =
            |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("").trim().to_owned();
        field("Uid:").split_whitespace().next() == Some(&uid.to_string()) && !field("State:").starts_with('Z')
    })
}

/// The directories of cells below a run directory, the embedded engine's own among them.
pub fn cell_directories(run_dir: &Path) -> Vec<PathBuf> {
    let below = |directory: &Path| {
        fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let embedded = run_dir.join("embedded");
    let mut all = below(run_dir);
    // The shim that all cells share is no cell's.
    all.retain(|path| *path != embedded && *path != run_dir.join("shim"));
    all.extend(below(&embedded));
    all
}

/// Where something is mounted at or below a directory, deepest first: `proc_pid_mountinfo(5)`.
pub fn mounts_below(directory: &Path) -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    let mut mounts: Vec<_> =
        points.filter(|point| Path::new(point).starts_with(directory)).map(str::to_owned).collect();
    mounts.reverse();
    mounts
}
