//! The disks of this machine, as control groups limit them: whole ones, by number (Documentation/admin-guide/
//! cgroup-v2.rst, `io.max`; block/blk-cgroup.c, `blkg_conf_open_bdev`).

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{major, minor};
use serde::Serialize;

use super::procfs;
use crate::policy::Bytes;

/// A device's number: major and minor.
pub type Number = (u32, u32);

/// The files of version 1 that limit how many bytes are read from a disk in a second, and how many are written to it.
pub const V1_RATES: [&str; 2] = ["blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device"];

/// A whole disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Disk {
    /// Its device node, such as `/dev/sda`.
    pub node: PathBuf,
    /// Its number.
    pub number: Number,
}

/// Most bytes in a second; `None` for as many as the disk can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Read from it.
    pub read: Option<Bytes>,
    /// Written to it.
    pub write: Option<Bytes>,
}

/// The disks that [`V1_RATES`] limit: `254:0 1048576`.
pub fn rates_v1(reading: &str, writing: &str) -> BTreeMap<Number, Rates> {
    let mut rates: BTreeMap<Number, Rates> = BTreeMap::new();
    for (disk, rate) in lines(reading) {
        rates.entry(disk).or_default().read = rate.parse().ok().map(Bytes);
    }
    for (disk, rate) in lines(writing) {
        rates.entry(disk).or_default().write = rate.parse().ok().map(Bytes);
    }
    rates
}

/// The disks that `io.max` limits: `254:0 rbps=1048576 wbps=max riops=max wiops=max`.
pub fn rates_v2(text: &str) -> BTreeMap<Number, Rates> {
    let value = |rest: &str, key: &str| {
        let rate = rest.split(' ').find_map(|field| field.strip_prefix(key)?.strip_prefix('='))?;
        rate.parse().ok().map(Bytes)
    };
    let rates = |rest| Rates { read: value(rest, "rbps"), write: value(rest, "wbps") };
    lines(text).map(|(disk, rest)| (disk, rates(rest))).collect()
}

/// Each line's disk, and what is said of it.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (Number, &str)> {
    text.lines().filter_map(|line| line.split_once(' ')).filter_map(|(disk, rest)| Some((number(disk)?, rest)))
}

/// The disks that hold these paths, each once.
///
/// # Errors
/// Where one lies on none that could be limited.
pub fn holding<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<Disk>, String> {
    let mut disks: Vec<Disk> = Vec::new();
    for path in paths {
        let disk = under(path.as_ref())?;
        if !disks.contains(&disk) {
            disks.push(disk);
        }
    }
    Ok(disks)
}

/// The disk that a path lies on.
fn under(path: &Path) -> Result<Disk, String> {
    let said = |what: &str| format!("{} lies on {what}", path.display());
    let device = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?.dev();
    // A number that belongs to no driver, as btrfs has one too: its disk is what it is mounted from.
    let device = if major(device) == 0 { source(path).ok_or_else(|| said("no disk of its own"))? } else { device };
    whole(device).ok_or_else(|| said("a disk that /sys does not tell of"))
}

/// The device that a path's file system is mounted from.
fn source(path: &Path) -> Option<u64> {
    let path = path.canonicalize().ok()?;
    let mounts = procfs::mounts(std::process::id()).ok()?;
    let mount = mounts.iter().filter(|mount| path.starts_with(&mount.point)).max_by_key(|mount| mount.point.len())?;
    let source = Path::new(&mount.source);
    let node = fs::metadata(source).ok().filter(|node| source.is_absolute() && node.file_type().is_block_device())?;
    Some(node.rdev())
}

/// The disk of this number, or the one that it is a partition of.
fn whole(device: u64) -> Option<Disk> {
    let mut place = fs::canonicalize(format!("/sys/dev/block/{}:{}", major(device), minor(device))).ok()?;
    if place.join("partition").exists() {
        place.pop();
    }
    let number = number(&fs::read_to_string(place.join("dev")).ok()?)?;
    // A name that holds a slash is written with `!` there (`kobject_set_name_vargs`, lib/kobject.c).
    let name = place.file_name()?.to_str()?.replace('!', "/");
    Some(Disk { node: Path::new("/dev").join(name), number })
}

/// `254:0`.
fn number(text: &str) -> Option<Number> {
    let (major, minor) = text.trim().split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_on_no_disk_says_so() {
        assert_eq!(under(Path::new("/proc")), Err("/proc lies on no disk of its own".to_owned()));
        assert!(under(Path::new("/nowhere")).unwrap_err().starts_with("/nowhere: "));
    }

    #[test]
    fn rates_are_read_by_disk_from_either_version() {
        let both = Rates { read: Some(Bytes(4096)), write: Some(Bytes(8192)) };
        let reading = Rates { write: None, ..both };
        assert_eq!(
            rates_v1("254:0 4096\n8:16 4096\n", "254:0 8192\n"),
            BTreeMap::from([((254, 0), both), ((8, 16), reading)])
        );
        assert_eq!(
            rates_v2("254:0 rbps=4096 wbps=8192 riops=max wiops=max\n8:16 rbps=4096 wbps=max riops=7 wiops=max\n"),
            BTreeMap::from([((254, 0), both), ((8, 16), reading)])
        );
        assert_eq!(rates_v2(""), BTreeMap::new());
    }

    #[test]
    fn a_partition_is_limited_with_its_whole_disk() {
        let partition = |place: &Path| place.join("partition").exists();
        let blocks = fs::read_dir("/sys/dev/block").unwrap().filter_map(|entry| Some(entry.ok()?.path()));
        for block in blocks {
            let (major, minor) = number(block.file_name().unwrap().to_str().unwrap()).unwrap();
            let disk = whole(rustix::fs::makedev(major, minor)).unwrap();
            let place = block.canonicalize().unwrap();
            let expected = if partition(&place) { place.parent().unwrap() } else { &place };
            assert_eq!(disk.node.file_name(), expected.file_name(), "{}", block.display());
        }
    }
}
