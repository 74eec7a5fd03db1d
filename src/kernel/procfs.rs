//! What `/proc` says of a process: proc(5). The parsers are pure and take
//! text; the readers beside them are thin.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::ops::Range;
use std::path::PathBuf;

use crate::policy::RlimitName;
use crate::text::visible;

/// Reads a file of the kernel's, which tells no length, at once: the standard library begins with a few bytes.
fn read(path: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(8192);
    fs::File::open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A process's name, safe to show; empty where it is gone.
pub fn comm(tid: u32) -> String {
    let name = fs::read(format!("/proc/{tid}/comm")).unwrap_or_default();
    visible(name.strip_suffix(b"\n").unwrap_or(&name))
}

/// The process that a thread belongs to.
pub fn process_of_thread(tid: u32) -> Option<u32> {
    Status::read(tid).ok()?.number("Tgid")
}

/// `/proc/PID/status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status(BTreeMap<String, String>);

impl Status {
    /// Reads it.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn read(pid: u32) -> io::Result<Self> {
        // The name in it may be any bytes.
        Ok(Self::parse(&String::from_utf8_lossy(&read(&format!("/proc/{pid}/status"))?)))
    }

    /// Parses it.
    pub fn parse(text: &str) -> Self {
        Self(
            text.lines()
                .filter_map(|line| line.split_once(':'))
                .map(|(key, value)| (key.to_owned(), value.trim().to_owned()))
                .collect(),
        )
    }

    /// A field's text.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A field that is one decimal number.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.field(name)?.parse().ok()
    }

    /// The real, effective, saved and file-system ids of `Uid` or `Gid`.
    pub fn ids(&self, name: &str) -> Vec<u32> {
        self.field(name).unwrap_or_default().split_whitespace().filter_map(|id| id.parse().ok()).collect()
    }

    /// The number of the thread in the innermost pid namespace that it is in: the last of `NSpid`.
    pub fn innermost_pid(&self) -> Option<u32> {
        self.field("NSpid")?.split_whitespace().next_back()?.parse().ok()
    }

    /// A capability set such as `CapEff`.
    pub fn capabilities(&self, name: &str) -> Option<u64> {
        u64::from_str_radix(self.field(name)?, 16).ok()
    }
}

/// One line of `/proc/PID/mountinfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Its number, as statx(2) gives it for a file.
    pub id: u64,
    /// The mount's root within its file system.
    pub root: String,
    /// Where it is mounted.
    pub point: String,
    /// Options of this mount.
    pub options: Vec<String>,
    /// The file system's type.
    pub kind: String,
    /// What it is mounted from, such as `/dev/sda1`.
    pub source: String,
    /// Options of the file system.
    pub super_options: Vec<String>,
}

impl Mount {
    /// Whether either set of options has it.
    pub fn has(&self, option: &str) -> bool {
        self.options.iter().chain(&self.super_options).any(|have| have == option)
    }

    /// The value of an option such as `size=…`.
    pub fn value(&self, option: &str) -> Option<&str> {
        self.options.iter().chain(&self.super_options).find_map(|have| have.strip_prefix(option)?.strip_prefix('='))
    }
}

/// Reads the mounts of a process; later lines lie on top of earlier ones.
///
/// # Errors
/// When the process is gone.
pub fn mounts(pid: u32) -> io::Result<Vec<Mount>> {
    Ok(parse_mounts(&String::from_utf8_lossy(&read(&format!("/proc/{pid}/mountinfo"))?)))
}

/// Parses a mountinfo: `ID PARENT MAJ:MIN ROOT POINT OPTIONS [TAG…] - TYPE SOURCE SUPER`.
pub fn parse_mounts(text: &str) -> Vec<Mount> {
    text.lines().filter_map(parse_mount).collect()
}

fn parse_mount(line: &str) -> Option<Mount> {
    let (mount, system) = line.split_once(" - ")?;
    let id = mount.split(' ').next()?.parse().ok()?;
    let mut mount = mount.split(' ').skip(3);
    let mut system = system.split(' ');
    let options = |text: &str| text.split(',').map(str::to_owned).collect();
    Some(Mount {
        id,
        root: unescape(mount.next()?),
        point: unescape(mount.next()?),
        options: options(mount.next()?),
        kind: system.next()?.to_owned(),
        source: unescape(system.next()?),
        super_options: options(system.next()?),
    })
}

/// Blanks and backslashes stand as octal escapes in mountinfo.
fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}

/// The topmost mount at exactly this path.
pub fn mount_at<'a>(mounts: &'a [Mount], point: &str) -> Option<&'a Mount> {
    mounts.iter().rev().find(|mount| mount.point == point)
}

/// Soft and hard values of a row of `/proc/PID/limits`; `u64::MAX` for unlimited.
pub fn parse_limit(text: &str, row: &str) -> Option<(u64, u64)> {
    let rest = text.lines().find_map(|line| line.strip_prefix(row))?;
    let mut values = rest.split_whitespace().map(|value| match value {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    });
    Some((values.next()??, values.next()??))
}

/// The row of `/proc/PID/limits` that shows a limit (fs/proc/base.c, `lnames`).
pub fn limit_row(name: RlimitName) -> &'static str {
    match name {
        RlimitName::As => "Max address space",
        RlimitName::Core => "Max core file size",
        RlimitName::Cpu => "Max cpu time",
        RlimitName::Data => "Max data size",
        RlimitName::Fsize => "Max file size",
        RlimitName::Locks => "Max file locks",
        RlimitName::Memlock => "Max locked memory",
        RlimitName::Msgqueue => "Max msgqueue size",
        RlimitName::Nice => "Max nice priority",
        RlimitName::Nofile => "Max open files",
        RlimitName::Nproc => "Max processes",
        RlimitName::Rss => "Max resident set",
        RlimitName::Rtprio => "Max realtime priority",
        RlimitName::Rttime => "Max realtime timeout",
        RlimitName::Sigpending => "Max pending signals",
        RlimitName::Stack => "Max stack size",
    }
}

/// The identity of a namespace of a process: `net:[4026531840]`.
///
/// # Errors
/// When the process is gone or may not be looked into.
pub fn namespace(pid: u32, kind: &str) -> io::Result<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/{kind}"))
}

/// The time at which a process started, in clock ticks since boot: field 22 of `/proc/PID/stat`.
pub fn start_time(pid: u32) -> Option<u64> {
    let stat = read(&format!("/proc/{pid}/stat")).ok()?;
    parse_start_time(&String::from_utf8_lossy(&stat))
}

/// Where the kernel put this process's arguments and, right behind them, its environment: fields 48 to 51 of
/// `/proc/self/stat`.
pub fn own_command_line() -> Option<Range<usize>> {
    let bytes = read("/proc/self/stat").ok()?;
    let stat = String::from_utf8_lossy(&bytes);
    // The name may have blanks; behind it the third field comes.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(48 - 3).map(|field| field.trim().parse().ok());
    let (arguments, behind, environment, end): (usize, usize, usize, usize) =
        (fields.next()??, fields.next()??, fields.next()??, fields.next()??);
    (arguments > 0 && behind == environment).then_some(arguments..end)
}

/// Tells a program image of a process from what an `execve` made of it later, and from another process of its number:
/// start of the process, start of its stack (fields 22 and 28 of `/proc/PID/stat`) and its executable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    started: String,
    stack: String,
    executable: PathBuf,
}

impl Image {
    /// Reads it.
    ///
    /// # Errors
    /// When the process is gone or may not be looked into.
    pub fn of(pid: u32) -> io::Result<Self> {
        let stat = fs::read(format!("/proc/{pid}/stat"))?;
        let stat = String::from_utf8_lossy(&stat);
        let field = |number: usize| stat_field(&stat, number).unwrap_or_default().to_owned();
        Ok(Self { started: field(22), stack: field(28), executable: fs::read_link(format!("/proc/{pid}/exe"))? })
    }
}

/// The file that is mapped at an address of a process, and the offset in it; in memory that is no file's, the address.
///
/// # Errors
/// When the process may not be looked into, or nothing is mapped there.
pub fn mapped_at(pid: u32, address: u64) -> io::Result<(String, u64)> {
    let maps = String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/maps"))?).into_owned();
    find_mapping(&maps, address).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
}

/// A line of maps: `START-END PERMS OFFSET DEVICE INODE  NAME`.
fn find_mapping(maps: &str, address: u64) -> Option<(String, u64)> {
    maps.lines().find_map(|line| {
        let mut fields = line.splitn(6, ' ');
        let (start, end) = fields.next()?.split_once('-')?;
        let hex = |text: &str| u64::from_str_radix(text, 16).ok();
        let (start, end) = (hex(start)?, hex(end)?);
        if !(start..end).contains(&address) {
            return None;
        }
        let offset = hex(fields.nth(1)?)?;
        Some(match fields.nth(2).map(str::trim_start).unwrap_or_default() {
            "" => ("anonymous memory".to_owned(), address),
            name => (name.to_owned(), address - start + offset),
        })
    })
}

/// Whether a process has an executable or a library in use whose name is Python's.
pub fn maps_python(pid: u32) -> bool {
    let executable = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    let is_python = |name: &str| name.rsplit('/').next().is_some_and(|name| name.contains("python"));
    is_python(&executable.to_string_lossy())
        || fs::read(format!("/proc/{pid}/maps")).is_ok_and(|maps| {
            String::from_utf8_lossy(&maps).lines().any(|line| line.contains(" r-xp ") && is_python(line))
        })
}

fn parse_start_time(stat: &str) -> Option<u64> {
    stat_field(stat, 22)?.parse().ok()
}

/// A field of `/proc/PID/stat` behind the name, the second, which stands in parentheses. It may hold blanks and
/// parentheses itself, and ends at the last one.
fn stat_field(stat: &str, number: usize) -> Option<&str> {
    stat.rsplit_once(") ")?.1.split(' ').nth(number.checked_sub(3)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mountinfo_line_with_tags_and_escapes_is_read() {
        let mounts = parse_mounts(
            "36 35 98:0 /mnt1 /mnt\\0402 rw,noexec master:1 shared:2 - tmpfs some\\040where rw,size=51200k,mode=1777\n",
        );
        assert_eq!((mounts[0].id, mounts[0].point.as_str()), (36, "/mnt 2"));
        assert_eq!((mounts[0].kind.as_str(), mounts[0].source.as_str()), ("tmpfs", "some where"));
        assert!(mounts[0].has("noexec"));
        assert_eq!(mounts[0].value("size"), Some("51200k"));
    }

    #[test]
    fn a_limit_row_is_read_by_its_name() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max open files            64                   unlimited            files     \n";
        assert_eq!(parse_limit(text, "Max open files"), Some((64, u64::MAX)));
        assert_eq!(parse_limit(text, "Max processes"), None);
    }

    #[test]
    fn an_address_is_found_in_its_file_or_in_none() {
        let maps = "55d0a0000000-55d0a0200000 r-xp 00001000 08:01 42                         /usr/bin/py thon (deleted)\n\
                    7f0000000000-7f0000001000 r-xp 00000000 00:00 0 \n";
        assert_eq!(find_mapping(maps, 0x55d0_a000_0010), Some(("/usr/bin/py thon (deleted)".to_owned(), 0x1010)));
        assert_eq!(find_mapping(maps, 0x7f00_0000_0008), Some(("anonymous memory".to_owned(), 0x7f00_0000_0008)));
        assert_eq!(find_mapping(maps, 0x55d0_a020_0000), None);
    }

    #[test]
    fn a_process_name_cannot_forge_its_start_time() {
        let stat = "7 (x) R 1 (y)) S 1 7 7 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 4242 0";
        assert_eq!(parse_start_time(stat), Some(4242));
    }
}
