//! A Docker daemon of a test's own, to be killed.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;

use super::{Engine, client, pid_of, within};

/// A daemon with a store of its own; what it leaves goes with it.
pub struct Dockerd {
    process: Child,
    directory: TempDir,
}

impl Dockerd {
    /// Starts one that has the image `hotcell-empty`.
    pub fn start() -> Self {
        // Beside the test engines' own: short, for its sockets, and never on a file system that overlayfs refuses.
        let directory = tempfile::tempdir_in(Engine::Docker.socket().parent().unwrap()).unwrap();
        let path = |name: &str| directory.path().join(name);
        let namespace = directory.path().file_name().unwrap().to_string_lossy().replace('.', "t");
        let config = json!({
            "hosts": [format!("unix://{}", path("sock").display())], "pidfile": path("pid"),
            "data-root": path("data"), "exec-root": path("exec"),
            "bridge": "none", "iptables": false, "ip6tables": false,
        });
        fs::write(path("config"), config.to_string()).unwrap();
        let log = File::create(path("log")).unwrap();
        let process = Command::new("dockerd")
            .arg("--config-file")
            .arg(path("config"))
            .args(["--containerd-namespace", &namespace, "--containerd-plugins-namespace", &format!("{namespace}-p")])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("dockerd is installed: scripts/setup.sh test");
        let daemon = Self { process, directory };
        within(Duration::from_secs(30), || {
            let answers = Command::new("docker").args(["-H", &daemon.address(), "info"]).output().unwrap();
            let log = || fs::read_to_string(daemon.directory.path().join("log")).unwrap_or_default();
            answers.status.success().then_some(()).ok_or_else(log)
        });
        let image = daemon.directory.path().join("image.tar");
        Engine::Docker.client(&["save", "--output", image.to_str().unwrap(), "hotcell-empty"]);
        client(&daemon.address(), &["load", "--input", image.to_str().unwrap()]);
        daemon
    }

    pub fn address(&self) -> String {
        format!("unix://{}", self.directory.path().join("sock").display())
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(pid_of(&self.process), signal).unwrap();
    }

    /// The word by which its containers' processes are known: their supervisors and mounts name it.
    pub fn directory(&self) -> PathBuf {
        self.directory.path().to_owned()
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        let _ = kill_process(pid_of(&self.process), Signal::TERM);
        let _ = self.process.wait();
        // A daemon that was killed leaves mounts, and its containers' supervisors.
        let word = self.directory.path().to_string_lossy().into_owned();
        for pid in super::processes(|path| {
            fs::read(path.join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(&word))
        }) {
            let _ = kill_process(rustix::process::Pid::from_raw(pid).unwrap(), Signal::KILL);
        }
        for mount in super::mounts_below(self.directory.path()) {
            let _ = Command::new("umount").arg("--lazy").arg(mount).status();
        }
    }
}
