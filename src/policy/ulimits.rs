//! Resource limits of processes, setrlimit(2).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use super::error::ValueError;
use super::raw::{Field, Raw, quoted, suggest};
use super::settings::{Setting, number};
use super::units::Bytes;

/// A resource of setrlimit(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "named as in setrlimit(2)")]
pub enum RlimitName {
    As,
    Core,
    Cpu,
    Data,
    Fsize,
    Locks,
    Memlock,
    Msgqueue,
    Nice,
    Nofile,
    Nproc,
    Rss,
    Rtprio,
    Rttime,
    Sigpending,
    Stack,
}

impl RlimitName {
    /// Every resource.
    pub const ALL: [Self; 16] = [
        Self::As,
        Self::Core,
        Self::Cpu,
        Self::Data,
        Self::Fsize,
        Self::Locks,
        Self::Memlock,
        Self::Msgqueue,
        Self::Nice,
        Self::Nofile,
        Self::Nproc,
        Self::Rss,
        Self::Rtprio,
        Self::Rttime,
        Self::Sigpending,
        Self::Stack,
    ];

    /// The engines' name: `RLIMIT_NOFILE` is `nofile`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::As => "as",
            Self::Core => "core",
            Self::Cpu => "cpu",
            Self::Data => "data",
            Self::Fsize => "fsize",
            Self::Locks => "locks",
            Self::Memlock => "memlock",
            Self::Msgqueue => "msgqueue",
            Self::Nice => "nice",
            Self::Nofile => "nofile",
            Self::Nproc => "nproc",
            Self::Rss => "rss",
            Self::Rtprio => "rtprio",
            Self::Rttime => "rttime",
            Self::Sigpending => "sigpending",
            Self::Stack => "stack",
        }
    }

    /// The number of the resource in setrlimit(2) on x86 and ARM
    /// (include/uapi/asm-generic/resource.h).
    pub const fn number(self) -> u32 {
        match self {
            Self::Cpu => 0,
            Self::Fsize => 1,
            Self::Data => 2,
            Self::Stack => 3,
            Self::Core => 4,
            Self::Rss => 5,
            Self::Nproc => 6,
            Self::Nofile => 7,
            Self::Memlock => 8,
            Self::As => 9,
            Self::Locks => 10,
            Self::Sigpending => 11,
            Self::Msgqueue => 12,
            Self::Nice => 13,
            Self::Rtprio => 14,
            Self::Rttime => 15,
        }
    }

    /// Whether it is a number of bytes, so that `1m` is a value too.
    const fn in_bytes(self) -> bool {
        match self {
            Self::As
            | Self::Core
            | Self::Data
            | Self::Fsize
            | Self::Memlock
            | Self::Msgqueue
            | Self::Rss
            | Self::Stack => true,
            Self::Cpu
            | Self::Locks
            | Self::Nice
            | Self::Nofile
            | Self::Nproc
            | Self::Rtprio
            | Self::Rttime
            | Self::Sigpending => false,
        }
    }

    fn from_name(name: &str) -> Result<Self, ValueError> {
        Self::ALL.into_iter().find(|limit| limit.name() == name).ok_or_else(|| {
            let problem = format!("{} is no limit{}", quoted(name), suggest(name, Self::ALL.map(Self::name)));
            ValueError::new(problem, Self::ALL.map(Self::name).join(", "))
        })
    }
}

impl fmt::Display for RlimitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for RlimitName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Limits, each `(soft, hard)` in the units of setrlimit(2): bytes, seconds or a count.
/// `u64::MAX` is no limit (`RLIM_INFINITY`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ulimits(pub BTreeMap<RlimitName, (u64, u64)>);

impl Setting for Ulimits {
    /// The whole set: a limit not named is not limited.
    fn parse(raw: &Raw, _: &Self) -> Result<Self, ValueError> {
        let mut limits = BTreeMap::new();
        for field in raw.fields(',', ALLOWED)? {
            let (name, pair) = field.place(read_limit(&field))?;
            if limits.insert(name, pair).is_some() {
                return field.place(Err(ValueError::new(format!("`{name}` is given twice"), "each limit once")));
            }
        }
        if limits.is_empty() {
            return Err(ValueError::new("no limit is named", ALLOWED));
        }
        Ok(Self(limits))
    }

    fn text(&self) -> String {
        let limit = |(name, (soft, hard)): (&RlimitName, &(u64, u64))| match (value_text(*soft), value_text(*hard)) {
            (soft, hard) if soft == hard => format!("{name}={soft}"),
            (soft, hard) => format!("{name}={soft}:{hard}"),
        };
        self.0.iter().map(limit).collect::<Vec<_>>().join(",")
    }
}

const ALLOWED: &str = "NAME=SOFT:HARD or NAME=BOTH, each a whole number or unlimited, such as nofile=64";

fn read_limit(field: &Field) -> Result<(RlimitName, (u64, u64)), ValueError> {
    let key = field.key.as_ref().ok_or_else(|| ValueError::new("a value has no name", ALLOWED))?;
    let name = RlimitName::from_name(key)?;
    let values = field.value.parts().into_iter().map(|text| read_value(name, text)).collect::<Result<Vec<_>, _>>()?;
    let (soft, hard) = match values[..] {
        [both] => (both, both),
        [soft, hard] => (soft, hard),
        _ => return Err(ValueError::new(format!("`{name}` has {} values", values.len()), ALLOWED)),
    };
    if soft > hard {
        return Err(ValueError::new(format!("`{name}` has a soft limit above its hard limit"), ALLOWED));
    }
    Ok((name, (soft, hard)))
}

fn read_value(name: RlimitName, text: &str) -> Result<u64, ValueError> {
    if matches!(text, "unlimited" | "-1") {
        return Ok(u64::MAX);
    }
    if name.in_bytes() {
        return text.parse().map(|Bytes(value)| value);
    }
    // The engines carry limits as signed 64-bit numbers.
    let value = number(text).filter(|value| i64::try_from(*value).is_ok());
    value.ok_or_else(|| ValueError::new(format!("{} is no limit's value", quoted(text)), ALLOWED))
}

fn value_text(value: u64) -> String {
    if value == u64::MAX { "unlimited".to_owned() } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Ulimits, String> {
        Ulimits::parse(&Raw::Text(text.to_owned()), &Ulimits::default()).map_err(|error| error.problem)
    }

    #[test]
    fn every_limit_is_read_by_its_name() {
        for name in RlimitName::ALL {
            assert_eq!(read(&format!("{name}=1:2")), Ok(Ulimits([(name, (1, 2))].into())));
        }
    }

    #[test]
    fn limits_in_bytes_take_units_and_the_others_do_not() {
        assert_eq!(read("fsize=1m:unlimited"), Ok(Ulimits([(RlimitName::Fsize, (1 << 20, u64::MAX))].into())));
        assert_eq!(read("nofile=1k"), Err("`1k` is no limit's value".to_owned()));
    }

    #[test]
    fn a_limit_given_twice_or_without_a_name_is_refused() {
        assert_eq!(read("nofile=1,nofile=2"), Err("`nofile` is given twice".to_owned()));
        assert_eq!(read("64"), Err("a value has no name".to_owned()));
        assert_eq!(read("nofile="), Err("`nofile` has 0 values".to_owned()));
    }

    #[test]
    fn the_numbers_are_the_kernels() {
        let mut numbers: Vec<_> = RlimitName::ALL.map(RlimitName::number).to_vec();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..16).collect::<Vec<_>>());
        assert_eq!((RlimitName::Nofile.number(), RlimitName::Nproc.number()), (7, 6));
    }
}
