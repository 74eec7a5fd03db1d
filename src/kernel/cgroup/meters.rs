//! What a control group's files tell of use and of limits that were met.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use super::Cgroup;
use crate::engine::CgroupVersion;
use crate::kernel::disk::{self, Number};
use crate::policy::Bytes;
use crate::run::Sample;

/// Open files of one control group.
pub struct Meters {
    version: CgroupVersion,
    memory: Option<File>,
    memory_peak: Option<File>,
    memory_hits: Option<File>,
    memory_limit: Option<File>,
    /// v1 charges memory and swap together first: with no swap allowed it is this limit that is met.
    memsw_hits: Option<File>,
    memory_oom: Option<File>,
    cpu: Option<File>,
    throttling: Option<File>,
    pids: Option<File>,
    pids_peak: Option<File>,
    pids_events: Option<File>,
    io: Option<File>,
}

/// How often limits were met, as the kernel counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// `pids.max` refused a fork.
    pub pids: u64,
    /// `memory.max` was met.
    pub memory: u64,
    /// Processes killed for memory.
    pub oom_kills: u64,
    /// Periods cut short by the CPU quota.
    pub throttled: u64,
}

impl Meters {
    /// Reads every figure; `None` where there is none, or no longer.
    pub fn read(&self) -> (Sample, Hits) {
        let v2 = self.version == CgroupVersion::V2;
        let throttling = text(self.throttling.as_ref());
        let throttled_periods = keyed(&throttling, "nr_throttled");
        let io = text(self.io.as_ref());
        let moved = parse_io(&io);
        // A group of version 2 says nothing before its first use of a disk.
        let all = |way: usize| (!io.is_empty()).then(|| Bytes(moved.values().map(|ways| ways[way]).sum()));
        let sample = Sample {
            memory: number(self.memory.as_ref()).map(Bytes),
            memory_peak: number(self.memory_peak.as_ref()).map(Bytes),
            cpu: if v2 {
                keyed(&throttling, "usage_usec").map(Duration::from_micros)
            } else {
                number(self.cpu.as_ref()).map(Duration::from_nanos)
            },
            throttled_periods,
            throttled: if v2 {
                keyed(&throttling, "throttled_usec").map(Duration::from_micros)
            } else {
                keyed(&throttling, "throttled_time").map(Duration::from_nanos)
            },
            pids: number(self.pids.as_ref()),
            pids_peak: number(self.pids_peak.as_ref()),
            read: all(0),
            written: all(1),
        };
        let hits = Hits {
            pids: keyed(&text(self.pids_events.as_ref()), "max").unwrap_or(0),
            memory: if v2 {
                keyed(&text(self.memory_hits.as_ref()), "max").unwrap_or(0)
            } else {
                self.v1_memory_hits(sample.memory_peak)
            },
            oom_kills: keyed(&text(self.memory_oom.as_ref()), "oom_kill").unwrap_or(0),
            throttled: throttled_periods.unwrap_or(0),
        };
        (sample, hits)
    }
}

impl Meters {
    /// Bytes read and written so far, by disk; empty once the group is gone.
    pub fn disks(&self) -> BTreeMap<Number, [u64; 2]> {
        parse_io(&text(self.io.as_ref()))
    }

    /// v1's counts of failed charges. Linux 6.18 was seen to leave them at 0; that the peak is the limit then tells that
    /// it was met at least once.
    fn v1_memory_hits(&self, peak: Option<Bytes>) -> u64 {
        let failed = [&self.memory_hits, &self.memsw_hits].into_iter().filter_map(|file| number(file.as_ref())).sum();
        let met = peak.is_some_and(|peak| number(self.memory_limit.as_ref()).is_some_and(|limit| peak.0 >= limit));
        u64::max(failed, u64::from(met))
    }
}

/// The whole of a small kernel file; empty once its group is gone.
fn text(file: Option<&File>) -> String {
    let mut buffer = [0; 4096];
    let length = file.and_then(|file| file.read_at(&mut buffer, 0).ok()).unwrap_or(0);
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

fn number(file: Option<&File>) -> Option<u64> {
    text(file).trim().parse().ok()
}

/// The number behind a key of a flat keyed file.
fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

/// Bytes read and written, by disk. Version 1 has a line a way (`254:0 Read 4096`), version 2 a line a disk
/// (`254:0 rbytes=4096 wbytes=0 …`).
fn parse_io(text: &str) -> BTreeMap<Number, [u64; 2]> {
    let mut moved: BTreeMap<Number, [u64; 2]> = BTreeMap::new();
    for (disk, rest) in disk::lines(text) {
        let ways = moved.entry(disk).or_default();
        let words: Vec<&str> = rest.split([' ', '=']).collect();
        for (way, names) in [["Read", "rbytes"], ["Write", "wbytes"]].iter().enumerate() {
            let at = words.windows(2).find(|pair| names.contains(&pair[0]));
            ways[way] += at.and_then(|pair| pair[1].parse().ok()).unwrap_or(0);
        }
    }
    moved
}

impl Cgroup {
    /// The peak, from now on where the kernel can start it anew: v1, and v2 from Linux 6.12. What the runtime's own
    /// start took is not the specimen's.
    fn memory_peak(&self) -> Option<File> {
        let name = match self.version {
            CgroupVersion::V1 => "memory.max_usage_in_bytes",
            CgroupVersion::V2 => "memory.peak",
        };
        let path = self.file("memory", name)?;
        match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => {
                // Refused on a kernel that cannot: the peak since the cell was made then stands.
                let _ = file.write_at(b"0", 0);
                Some(file)
            }
            Err(_) => File::open(path).ok(),
        }
    }

    /// Opens the files that tell of use, so that each reading costs one call a file.
    pub fn meters(&self) -> Meters {
        let open = |controller, v1: &str, v2: &str| {
            let name = match self.version {
                CgroupVersion::V1 => v1,
                CgroupVersion::V2 => v2,
            };
            self.file(controller, name).and_then(|path| File::open(path).ok())
        };
        Meters {
            version: self.version,
            memory: open("memory", "memory.usage_in_bytes", "memory.current"),
            memory_peak: self.memory_peak(),
            memory_hits: open("memory", "memory.failcnt", "memory.events"),
            memory_limit: open("memory", "memory.limit_in_bytes", "memory.max"),
            memsw_hits: open("memory", "memory.memsw.failcnt", "memory.events"),
            memory_oom: open("memory", "memory.oom_control", "memory.events"),
            cpu: open("cpuacct", "cpuacct.usage", "cpu.stat"),
            throttling: open("cpu", "cpu.stat", "cpu.stat"),
            pids: open("pids", "pids.current", "pids.current"),
            pids_peak: open("pids", "pids.peak", "pids.peak"),
            pids_events: open("pids", "pids.events", "pids.events"),
            io: open("blkio", "blkio.throttle.io_service_bytes", "io.stat"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_each_disk_are_told_apart() {
        assert_eq!(
            parse_io("8:0 Read 10\n8:0 Write 5\n8:16 Read 1\nTotal 16\n"),
            BTreeMap::from([((8, 0), [10, 5]), ((8, 16), [1, 0])])
        );
        assert_eq!(
            parse_io("8:0 rbytes=10 wbytes=5 rios=1\n8:16 rbytes=1 wbytes=0\n"),
            BTreeMap::from([((8, 0), [10, 5]), ((8, 16), [1, 0])])
        );
    }
}
