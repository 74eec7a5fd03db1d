//! The sandbox image from Debian's packages. mmdebstrap unpacks them without
//! installing (no package runs a script, nothing "essential" comes along), trims the
//! result and streams it out as the layer. Works as root, and as an ordinary user
//! where `newuidmap` gives a user namespace.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{ChildStderr, Command};
use tokio::sync::mpsc;

use super::archive;
use super::{ImageError, TRIM, io_error};
use crate::policy::Bytes;

/// What the seeds' image installs, by Debian's names.
const PACKAGES: &str = "python3,python3-requests,python3-numpy,python3-pandas";

/// How many of mmdebstrap's last lines an error shows.
const LOG_LINES: usize = 12;

/// Where the packages come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packages {
    /// Debian's release, by name (`bookworm`); none means this machine's, or `stable`.
    pub suite: Option<String>,
    /// The mirror's URL; none means Debian's own.
    pub mirror: Option<String>,
}

impl Packages {
    /// The release that will be used.
    pub fn suite(&self) -> String {
        self.suite
            .clone()
            .or_else(|| own_release(&fs::read_to_string("/etc/os-release").ok()?))
            .unwrap_or_else(|| "stable".to_owned())
    }
}

/// A finished image, to be loaded by an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// The `docker save` archive.
    pub path: PathBuf,
    /// The size of the image's one layer, unpacked.
    pub size: Bytes,
}

/// Makes the sandbox image in `work_dir`, which needs about 300 MB; each step goes to
/// `progress` as a line that is safe for a terminal.
///
/// # Errors
/// mmdebstrap missing or failing, with the end of its log; a file that cannot be written.
pub async fn debian_archive(
    packages: &Packages,
    work_dir: &Path,
    progress: &mpsc::Sender<String>,
) -> Result<Archive, ImageError> {
    let (layer, path) = (work_dir.join("layer.tar"), work_dir.join("code-sandbox.tar"));
    let mut file = File::create(&layer).map_err(io_error("create", &layer))?;
    file.write_all(dev_directory().as_bytes()).map_err(io_error("write", &layer))?;
    unpack(packages, file, progress).await?;

    tell(progress, "writing the image archive").await;
    let size = Bytes(fs::metadata(&layer).map_err(io_error("read", &layer))?.len());
    let (from, to) = (layer.clone(), path.clone());
    tokio::task::spawn_blocking(move || archive::write(&from, &to))
        .await
        .map_err(|stopped| io_error("write", &path)(stopped.into()))??;
    fs::remove_file(&layer).map_err(io_error("remove", &layer))?;
    Ok(Archive { path, size })
}

/// Runs mmdebstrap, appending the trimmed root to `layer`.
async fn unpack(packages: &Packages, layer: File, progress: &mpsc::Sender<String>) -> Result<(), ImageError> {
    let suite = packages.suite();
    let mut command = Command::new("mmdebstrap");
    command
        .args(["--variant=extract", "--format=tar", "--include", PACKAGES])
        // Devices are the engine's to make, and what a clean-up removes is trimmed away.
        .args(["--skip=output/dev,output/mknod,cleanup"])
        .arg(r#"--setup-hook=mkdir -p "$1/proc" "$1/sys""#)
        .arg(r#"--extract-hook=sh -c "$HOTCELL_TRIM" trim.sh "$1""#)
        .args([suite.as_str(), "-"])
        .args(&packages.mirror)
        .env("HOTCELL_TRIM", TRIM)
        .env("SOURCE_DATE_EPOCH", archive::EPOCH.to_string())
        .stdin(Stdio::null())
        .stdout(layer)
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => ImageError::NoMmdebstrap,
        _ => ImageError::Run(source),
    })?;
    let log = match child.stderr.take() {
        Some(stderr) => follow(stderr, progress).await,
        None => String::new(),
    };
    let status = child.wait().await.map_err(ImageError::Run)?;
    if status.success() { Ok(()) } else { Err(ImageError::Packages { suite, status, log }) }
}

/// Reads mmdebstrap's log to its end, telling each step; returns the last lines.
async fn follow(stderr: ChildStderr, progress: &mpsc::Sender<String>) -> String {
    let mut last = VecDeque::with_capacity(LOG_LINES);
    let mut lines = BufReader::new(stderr).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if let Some(step) = step(&line) {
            tell(progress, step).await;
        }
        if last.len() == LOG_LINES {
            last.pop_front();
        }
        last.push_back(line);
    }
    Vec::from(last).join("\n")
}

/// What a line of mmdebstrap's log means to who waits for it; most mean nothing.
fn step(line: &str) -> Option<&'static str> {
    [
        ("I: running apt-get update", "reading Debian's package lists"),
        ("I: downloading packages", "downloading packages"),
        ("I: extracting archives", "unpacking packages"),
        ("I: running --extract-hook", "trimming, byte-compiling and trying the result"),
        ("I: creating tarball", "packing the layer"),
    ]
    .into_iter()
    .find_map(|(start, step)| line.starts_with(start).then_some(step))
}

/// A listener that has gone does not stop the build.
async fn tell(progress: &mpsc::Sender<String>, step: &str) {
    let _ = progress.send(step.to_owned()).await;
}

/// mmdebstrap leaves `/dev` out with its devices: the mount point, as a tar member to
/// stand before the others.
fn dev_directory() -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Directory);
    // A path this short always fits a header.
    let _ = header.set_path("dev/");
    header.set_mode(0o755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(archive::EPOCH);
    header.set_size(0);
    header.set_cksum();
    header
}

/// The code name in an os-release(5) text, if it is Debian's.
fn own_release(os_release: &str) -> Option<String> {
    let field = |name: &str| {
        os_release
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(|value| value.trim_matches('"'))
    };
    if field("ID")? == "debian" { field("VERSION_CODENAME").map(str::to_owned) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_this_machines_on_debian_and_stable_elsewhere() {
        assert_eq!(own_release("NAME=x\nVERSION_CODENAME=trixie\nID=debian\n"), Some("trixie".to_owned()));
        assert_eq!(own_release("ID=\"debian\"\nVERSION_CODENAME=\"sid\"\n"), Some("sid".to_owned()));
        assert_eq!(own_release("ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n"), None);
    }

    #[test]
    fn only_the_lines_that_say_what_takes_time_are_told() {
        assert_eq!(step("I: downloading packages with apt..."), Some("downloading packages"));
        assert_eq!(step("I: automatically chosen mode: root"), None);
        assert_eq!(step("E: setup failed"), None);
    }

    #[test]
    fn the_mount_point_for_devices_can_stand_before_another_tar() {
        let mut rest = tar::Builder::new(Vec::new());
        archive::append_bytes(&mut rest, "./etc/passwd", b"root").unwrap();
        let joined = [dev_directory().as_bytes().as_slice(), &rest.into_inner().unwrap()].concat();
        let names: Vec<_> = tar::Archive::new(&joined[..])
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(names, ["dev/", "etc/passwd"]);
    }
}
