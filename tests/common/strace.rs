//! strace, as an independent witness of what a cell's processes call.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::within;

/// strace, attached to every process that a cell's shim will have.
pub struct Strace {
    child: Child,
    traces: TempDir,
    shim: i32,
}

impl Strace {
    /// Attached to a shim that waits, with these expressions (`-e`).
    pub fn of(shim: i32, expressions: &[&str]) -> Self {
        let traces = tempfile::tempdir().unwrap();
        let child = Command::new("strace")
            .args(["-f", "-ff", "-q", "-X", "verbose", "-s", "4096"])
            .args(expressions.iter().flat_map(|expression| ["-e", *expression]))
            .arg("-o")
            .arg(traces.path().join("trace"))
            .args(["-p", &shim.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("strace is installed: scripts/setup.sh test");
        within(Duration::from_secs(10), || {
            let status = fs::read_to_string(format!("/proc/{shim}/status")).unwrap();
            let by = status.lines().find_map(|line| line.strip_prefix("TracerPid:")).map(str::trim);
            if by == Some(&child.id().to_string()) { Ok(()) } else { Err(status) }
        });
        Self { child, traces, shim }
    }

    /// The trace of each process but the shim, by its number; told once all that it traces is gone.
    pub fn traces(mut self) -> BTreeMap<u32, String> {
        self.child.wait().unwrap();
        let mut traces = BTreeMap::new();
        for file in fs::read_dir(self.traces.path()).unwrap() {
            let path = file.unwrap().path();
            let pid: i32 = path.extension().unwrap().to_str().unwrap().parse().unwrap();
            if pid != self.shim {
                let trace = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
                traces.insert(pid.cast_unsigned(), trace);
            }
        }
        traces
    }
}
