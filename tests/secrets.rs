//! What a cell sees of the machine that it runs on: nothing that is not meant for it. Secrets are planted where people
//! and programs keep theirs, and looked for from inside. Real engines, real kernel.

mod common;

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use common::{Engine, Hotcell, Specimen, on_every_engine};

/// Secrets of this machine, for as long as the test lasts.
struct Planted {
    marker: String,
    places: Vec<PathBuf>,
    /// A process that was started with one.
    bearer: Child,
}

impl Planted {
    fn everywhere() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let marker = format!("hotcell-secret-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut places = Vec::new();
        for directory in ["/root", "/home", "/etc", "/var/tmp", "/tmp", "/run", "/opt", "/srv", "/mnt", "/var/lib"] {
            let place = Path::new(directory).join(&marker);
            fs::create_dir(&place).unwrap();
            fs::write(place.join("credentials"), &marker).unwrap();
            UnixListener::bind(place.join("daemon.sock")).unwrap();
            places.push(place);
        }
        let bearer = Command::new("sleep").arg("600").env("SECRET", &marker).stdin(Stdio::null()).spawn().unwrap();
        Self { marker, places, bearer }
    }

    fn probe(&self) -> Specimen {
        Specimen::fixture_with("secrets.py", &format!("MARKER = \"{}\"", self.marker))
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        for place in &self.places {
            let _ = fs::remove_dir_all(place);
        }
        let _ = self.bearer.kill();
        let _ = self.bearer.wait();
    }
}

/// The probe itself: only reads, so that it may run outside a cell, where it must find all of it.
#[test]
fn on_the_machine_itself_the_probe_finds_every_secret() {
    let planted = Planted::everywhere();
    let probe = planted.probe();
    let output = Command::new("/usr/bin/python3").arg("-I").arg(&probe.path).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}");
    for place in &planted.places {
        for file in ["credentials", "daemon.sock"] {
            assert!(told.contains(place.join(file).to_str().unwrap()), "not found: {}", place.display());
        }
    }
    assert!(told.contains(&format!("/proc/{}/environ", planted.bearer.id())), "not found: the bearer's environment");
}

fn no_secret_of_the_machine_is_seen_by_an_ordinary_user_or_by_root(engine: Engine) {
    let planted = Planted::everywhere();
    let probe = planted.probe();
    // A neighbour that has one, too.
    let neighbour = Specimen::python(&format!(
        "SECRET = '{}'\nimport time\nprint('up', flush=True)\ntime.sleep(20)\n",
        planted.marker
    ));
    let mut beside = Hotcell::hardened(engine).with(&["--timeout", "30s"]).with(&[&neighbour.path]);
    let mut beside = beside.start();
    thread::sleep(Duration::from_secs(1));
    let more = ["--timeout", "60s", "--without", "cpu"];
    let hardened = || Hotcell::hardened(engine).with(&more).env("SECRET", &planted.marker);
    hardened().report(&probe).held();
    hardened().with(&["--without", "user"]).report(&probe).held();
    // Also with a root that can be written, and where the kernel's files are open.
    hardened().with(&["--without", "user", "--without", "rootfs", "--without", "proc-masks"]).report(&probe).held();
    hardened().with(&["--native"]).report(&probe).held();
    assert!(beside.try_wait().unwrap().is_none(), "the neighbour was there all the time");
    beside.kill().unwrap();
    beside.wait().unwrap();
}

fn of_etc_nothing_is_seen_but_what_interpreters_need(engine: Engine) {
    let code = "import os\nprint(sorted(os.listdir('/etc')), sorted(os.listdir('/')), os.path.exists('/etc/shadow'))\n\
                for path, _, files in os.walk('/etc/ssl'): print(path, [f for f in files if f.endswith('.key')])\n";
    let report = Hotcell::hardened(engine).report(&Specimen::python(code));
    let lines: Vec<&str> = report.stdout().lines().collect();
    let allowed = [
        "alternatives",
        "group",
        "hosts",
        "ld.so.cache",
        "ld.so.conf",
        "ld.so.conf.d",
        "localtime",
        "nsswitch.conf",
        "passwd",
        "pki",
        "resolv.conf",
        "ssl",
        "timezone",
    ];
    let listed = lines[0].split(']').next().unwrap();
    for name in listed.split('\'').skip(1).step_by(2) {
        assert!(allowed.contains(&name), "{name}: {report}");
    }
    assert!(lines[0].ends_with("False"), "{report}");
    assert!(!lines[0].contains("'home'") && !lines[0].contains("'boot'"), "{report}");
    assert!(lines.iter().skip(1).all(|line| line.ends_with("[]")), "no private key: {report}");
    let asked = Hotcell::hardened(engine).report(&Specimen::python("print(open('/etc/resolv.conf').read(), end='')"));
    assert_eq!(asked.stdout(), "nameserver 192.0.2.53\n", "not whom this machine asks: {asked}");
    let users =
        Hotcell::hardened(engine).report(&Specimen::python("import pwd\nprint([u.pw_name for u in pwd.getpwall()])"));
    assert_eq!(users.stdout(), "['root', 'nobody', 'cell']\n", "{users}");
}

on_every_engine!(
    no_secret_of_the_machine_is_seen_by_an_ordinary_user_or_by_root;
    embedded: of_etc_nothing_is_seen_but_what_interpreters_need,
);
