//! What each layer can be set to: one type a setting, with its one parser and the text
//! that the parser takes back.

use std::path::PathBuf;
use std::time::Duration;

use super::error::ValueError;
use super::raw::{Raw, quoted, suggest, switch};
use super::units::{Bytes, Millicores, duration_text, parse_duration};

/// A setting that is kept while its layer is off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toggle<T> {
    /// Whether the layer is on.
    pub on: bool,
    /// What it is set to, or would be.
    pub setting: T,
}

impl<T> Toggle<T> {
    /// An off layer that would have this setting.
    pub const fn off(setting: T) -> Self {
        Self { on: false, setting }
    }

    /// The setting, where the layer is on.
    pub fn get(&self) -> Option<&T> {
        self.on.then_some(&self.setting)
    }
}

/// A type that a layer can be set to.
pub(super) trait Setting: Sized {
    /// Reads a setting; parts that are not given stay as in `base`.
    ///
    /// # Errors
    /// A value outside what the type allows.
    fn parse(raw: &Raw, base: &Self) -> Result<Self, ValueError>;
    /// The whole setting as `parse` reads it.
    fn text(&self) -> String;
}

/// Layers that are only on or off.
impl Setting for () {
    fn parse(raw: &Raw, (): &Self) -> Result<Self, ValueError> {
        let problem = match raw {
            Raw::Text(text) => format!("{} is not a switch", quoted(text)),
            Raw::Fields(_) => "a list or table is not a switch".to_owned(),
        };
        Err(ValueError::new(problem, "on, off (true, false in a policy file)"))
    }

    fn text(&self) -> String {
        "on".to_owned()
    }
}

/// The network of a cell. With the layer off it is the host's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkMode {
    /// Loopback alone.
    None,
    /// The engine's default bridge.
    Bridge,
}

impl Setting for NetworkMode {
    fn parse(raw: &Raw, _: &Self) -> Result<Self, ValueError> {
        const ALLOWED: &str = "none, bridge, off (the host's own network)";
        match raw.one(ALLOWED)? {
            "none" => Ok(Self::None),
            "bridge" => Ok(Self::Bridge),
            other => Err(ValueError::new(
                format!("{} is no network{}", quoted(other), suggest(other, ["none", "bridge"])),
                ALLOWED,
            )),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::None => "none",
            Self::Bridge => "bridge",
        }
        .to_owned()
    }
}

/// A file system in memory, mounted on `/tmp`; always `nosuid,nodev`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tmpfs {
    /// Its size.
    pub size: Bytes,
    /// Whether files on it can be executed.
    pub exec: bool,
}

impl Setting for Tmpfs {
    fn parse(raw: &Raw, base: &Self) -> Result<Self, ValueError> {
        let parts = raw.parts(',', &["size", "exec"])?;
        Ok(Self {
            size: parts.read("size", base.size, |text| bytes_within(text, Bytes::kib(4), Bytes(i64::MAX as u64)))?,
            exec: parts.read("exec", base.exec, switch)?,
        })
    }

    fn text(&self) -> String {
        format!("{},exec={}", self.size.to_flag(), on_off(self.exec))
    }
}

/// Memory, page cache included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The most that the cell may hold.
    pub limit: Bytes,
    /// Swap beyond that; 0 for none.
    pub swap: Bytes,
}

impl Memory {
    /// The least that Docker accepts (`docker run --help`, moby `daemon_unix.go`: 6 MiB).
    pub const LEAST: Bytes = Bytes::mib(6);
}

impl Setting for Memory {
    fn parse(raw: &Raw, base: &Self) -> Result<Self, ValueError> {
        // Halved, so that limit and swap together still fit the engines' 63 bits.
        let most = Bytes(i64::MAX as u64 / 2);
        let parts = raw.parts(',', &["limit", "swap"])?;
        Ok(Self {
            limit: parts.read("limit", base.limit, |text| bytes_within(text, Self::LEAST, most))?,
            swap: parts.read("swap", base.swap, |text| bytes_within(text, Bytes(0), most))?,
        })
    }

    fn text(&self) -> String {
        format!("{},swap={}", self.limit.to_flag(), self.swap.to_flag())
    }
}

/// A share of CPU time, as a CFS quota.
impl Setting for Millicores {
    fn parse(raw: &Raw, _: &Self) -> Result<Self, ValueError> {
        const ALLOWED: &str = "a number of CPUs from 0.01, such as 0.5";
        let text = raw.one(ALLOWED)?;
        let share: Self = text.parse()?;
        // The kernel's shortest quota is 1 ms of Docker's 100 ms period (sched-bwc.rst).
        if share < Self(10) {
            return Err(ValueError::new(format!("{} is too small", quoted(text)), ALLOWED));
        }
        Ok(share)
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

/// The most processes and threads in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pids(pub u32);

impl Setting for Pids {
    fn parse(raw: &Raw, _: &Self) -> Result<Self, ValueError> {
        // The shim is one and the specimen another; 2^22 is PID_MAX_LIMIT (proc_sys_kernel(5)).
        const ALLOWED: &str = "a whole number from 2 to 4194304";
        let text = raw.one(ALLOWED)?;
        number(text)
            .filter(|count| (2..=4_194_304).contains(count))
            .and_then(|count| u32::try_from(count).ok())
            .map(Self)
            .ok_or_else(|| ValueError::new(format!("{} is no number of processes", quoted(text)), ALLOWED))
    }

    fn text(&self) -> String {
        self.0.to_string()
    }
}

/// How fast a cell may use each disk that its files lie on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Io {
    /// Most bytes read in a second, and most written.
    pub rate: Bytes,
}

impl Setting for Io {
    fn parse(raw: &Raw, _: &Self) -> Result<Self, ValueError> {
        // With less, what a cell needs to start would take minutes where it is in no cache.
        let text = raw.one("a size from 256k, such as 20m: so many bytes a second")?;
        bytes_within(text, Bytes::kib(256), Bytes(i64::MAX as u64)).map(|rate| Self { rate })
    }

    fn text(&self) -> String {
        self.rate.to_flag()
    }
}

/// The seccomp profile of a specimen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeccompChoice {
    /// A profile in the binary, by name.
    Shipped(String),
    /// A file in the OCI or Docker form. A policy file's relative path is read from that file's directory.
    File(PathBuf),
}

impl SeccompChoice {
    /// The names of the profiles in the binary.
    pub const SHIPPED: [&str; 3] = ["docker-default", "python", "seed-allowlist"];
}

impl Setting for SeccompChoice {
    fn parse(raw: &Raw, _: &Self) -> Result<Self, ValueError> {
        const ALLOWED: &str =
            "docker-default, python, seed-allowlist, or the path of a JSON file, such as ./profile.json";
        let text = raw.one(ALLOWED)?;
        if Self::SHIPPED.contains(&text) {
            Ok(Self::Shipped(text.to_owned()))
        } else if text.contains('/') || text.to_ascii_lowercase().ends_with(".json") {
            Ok(Self::File(PathBuf::from(text)))
        } else {
            Err(ValueError::new(
                format!("{} is no seccomp profile{}", quoted(text), suggest(text, Self::SHIPPED)),
                ALLOWED,
            ))
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Shipped(name) => name.clone(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// The name of a loaded `AppArmor` profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apparmor(pub String);

impl Apparmor {
    /// The profile that Docker loads by itself, and that stands for the engine's own elsewhere.
    pub const ENGINE_DEFAULT: &str = "docker-default";

    /// Whether a profile in force is the one meant. Podman's own is `containers-default-VERSION`
    /// (containers/common, `pkg/apparmor`).
    pub fn is_met_by(&self, profile: &str) -> bool {
        profile == self.0 || (self.0 == Self::ENGINE_DEFAULT && profile.starts_with("containers-default-"))
    }
}

impl Setting for Apparmor {
    fn parse(raw: &Raw, _: &Self) -> Result<Self, ValueError> {
        const ALLOWED: &str = "the name of a loaded profile, such as docker-default; off for unconfined";
        let text = raw.one(ALLOWED)?;
        if text == "unconfined" {
            return Err(ValueError::new("`unconfined` is no profile", ALLOWED));
        }
        label(text, "-_./", ALLOWED).map(Self)
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

/// The `SELinux` type of the cell's processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selinux(pub String);

impl Setting for Selinux {
    fn parse(raw: &Raw, _: &Self) -> Result<Self, ValueError> {
        const ALLOWED: &str = "a process type, such as container_t";
        label(raw.one(ALLOWED)?, "_", ALLOWED).map(Self)
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

/// A user and group id in the cell. With the layer off they are root's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// The user id.
    pub uid: u32,
    /// The group id; there are no supplementary groups.
    pub gid: u32,
}

impl Setting for User {
    fn parse(raw: &Raw, _: &Self) -> Result<Self, ValueError> {
        // The engines refuse ids above 31 bits (moby/sys user: `maxID`).
        const ALLOWED: &str = "UID:GID, each from 0 to 2147483647, such as 65534:65534";
        let parts = raw.parts(':', &["uid", "gid"])?;
        let id = |name| {
            let field = parts.field(name).ok_or_else(|| ValueError::new(format!("the {name} is missing"), ALLOWED))?;
            field.read(|text| {
                let id = number(text).and_then(|id| u32::try_from(id).ok()).filter(|id| i32::try_from(*id).is_ok());
                id.ok_or_else(|| ValueError::new(format!("{} is no {name}", quoted(text)), ALLOWED))
            })
        };
        Ok(Self { uid: id("uid")?, gid: id("gid")? })
    }

    fn text(&self) -> String {
        format!("{}:{}", self.uid, self.gid)
    }
}

/// The name of an OCI runtime that the engine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime(pub String);

impl Setting for Runtime {
    fn parse(raw: &Raw, _: &Self) -> Result<Self, ValueError> {
        const ALLOWED: &str = "the name of a registered runtime, such as runsc";
        label(raw.one(ALLOWED)?, "-_.", ALLOWED).map(Self)
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

/// How long a specimen may run. With the layer off there is no deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout(pub Duration);

impl Setting for Timeout {
    fn parse(raw: &Raw, _: &Self) -> Result<Self, ValueError> {
        const ALLOWED: &str = "a time from 1ms, such as 10s";
        let text = raw.one(ALLOWED)?;
        let time = parse_duration(text)?;
        if time.is_zero() {
            return Err(ValueError::new(format!("{} is no time at all", quoted(text)), ALLOWED));
        }
        Ok(Self(time))
    }

    fn text(&self) -> String {
        duration_text(self.0)
    }
}

/// How much output is kept, from its beginning; the rest is counted and dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputCaps {
    /// Of standard output.
    pub stdout: Bytes,
    /// Of standard error.
    pub stderr: Bytes,
}

impl OutputCaps {
    /// The most that is kept of one stream, also where the layer is off, since
    /// everything kept must be bounded.
    pub const MOST: Bytes = Bytes::mib(16);
}

impl Setting for OutputCaps {
    fn parse(raw: &Raw, base: &Self) -> Result<Self, ValueError> {
        let parts = raw.parts(',', &["stdout", "stderr"])?;
        let size = |text: &str| bytes_within(text, Bytes(0), Self::MOST);
        Ok(Self { stdout: parts.read("stdout", base.stdout, size)?, stderr: parts.read("stderr", base.stderr, size)? })
    }

    fn text(&self) -> String {
        format!("{},{}", self.stdout.to_flag(), self.stderr.to_flag())
    }
}

pub(super) fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// A whole number of decimal digits and nothing else.
pub(super) fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn bytes_within(text: &str, least: Bytes, most: Bytes) -> Result<Bytes, ValueError> {
    let size: Bytes = text.parse()?;
    if (least..=most).contains(&size) {
        return Ok(size);
    }
    let extreme = if size < least { "small" } else { "large" };
    Err(ValueError::new(
        format!("{} is too {extreme}", quoted(text)),
        format!("a size from {} to {}", least.to_flag(), most.to_flag()),
    ))
}

/// A name of letters, digits and `marks`, which can stand in a flag without harm.
fn label(text: &str, marks: &str, allowed: &str) -> Result<String, ValueError> {
    let good = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c));
    if good {
        Ok(text.to_owned())
    } else {
        Err(ValueError::new(format!("{} is not such a name", quoted(text)), allowed))
    }
}
