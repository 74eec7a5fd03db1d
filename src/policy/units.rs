//! Quantities: sizes, shares of a CPU, times. One spelling for files, flags and screens.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;

use super::ValueError;
use super::raw::quoted;

const SIZES: &str = "a whole number of bytes, or of k, m, g or t (powers of 1024), such as 256m";
const CPUS: &str = "a number of CPUs with at most three decimals, such as 0.5";
const TIMES: &str = "a whole number of ms, s, m or h, such as 10s";

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl Bytes {
    /// So many KiB.
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    /// So many MiB.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// The exact size as engines' flags take it (`256m`, `10000`), which parses back.
    pub fn to_flag(self) -> String {
        let (count, power) = self.largest_unit();
        format!("{count}{}", ["", "k", "m", "g", "t"][power])
    }

    /// The size in the largest unit that leaves no fraction, and that unit's power of 1024.
    fn largest_unit(self) -> (u64, usize) {
        let mut unit = (self.0, 0);
        while unit.0 != 0 && unit.0.is_multiple_of(1024) && unit.1 < 4 {
            unit = (unit.0 / 1024, unit.1 + 1);
        }
        unit
    }
}

/// `256 MiB` where that is exact, `10000 bytes` for a small odd size, else `117.7 MiB`.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
        let (count, power) = self.largest_unit();
        if power > 0 && count < 10_000 || self.0 < 1 << 20 {
            return write!(f, "{count} {}", NAMES[power]);
        }
        let mut power = 2;
        while power < 4 && self.0 >> (10 * (power + 1)) > 0 {
            power += 1;
        }
        let tenths = (u128::from(self.0) * 10) >> (10 * power);
        write!(f, "{}.{} {}", tenths / 10, tenths % 10, NAMES[power])
    }
}

impl FromStr for Bytes {
    type Err = ValueError;

    /// Reads `10000`, `50m`, `256MiB` or `256 MiB`; every unit is a power of 1024, as
    /// the engines have it.
    ///
    /// # Errors
    /// Text that is no size, or a size beyond what the kernel and the engines' 63-bit
    /// numbers hold.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = |what| ValueError::new(format!("{} is {what}", quoted(text)), SIZES);
        let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let shift = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" | "byte" | "bytes" => 0,
            "k" | "kb" | "kib" => 10,
            "m" | "mb" | "mib" => 20,
            "g" | "gb" | "gib" => 30,
            "t" | "tb" | "tib" => 40,
            _ => return Err(wrong("not a size")),
        };
        if digits.is_empty() {
            return Err(wrong("not a size"));
        }
        digits
            .parse::<u64>()
            .ok()
            .and_then(|count| count.checked_mul(1 << shift))
            .filter(|bytes| i64::try_from(*bytes).is_ok())
            .map(Self)
            .ok_or_else(|| wrong("too large"))
    }
}

/// Thousandths of one CPU's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Millicores(pub u32);

/// As engines' flags take it: `0.5`, `2`.
impl fmt::Display for Millicores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 1000, self.0 % 1000);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        write!(f, "{whole}.{}", format!("{rest:03}").trim_end_matches('0'))
    }
}

impl FromStr for Millicores {
    type Err = ValueError;

    /// Reads `0.5`, `.5`, `2`.
    ///
    /// # Errors
    /// Text that is no such number, or one beyond 32 bits of thousandths.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = || ValueError::new(format!("{} is not a number of CPUs", quoted(text)), CPUS);
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(decimals) || decimals.is_empty() || text.is_empty() || decimals.len() > 3 {
            return Err(wrong());
        }
        format!("{whole}{decimals:0<3}").parse().map(Self).map_err(|_| wrong())
    }
}

/// Reads `500ms`, `10s`, `2m`, `1h`.
///
/// # Errors
/// Text that is no such time, or one beyond 64 bits of milliseconds.
pub fn parse_duration(text: &str) -> Result<Duration, ValueError> {
    let wrong = || ValueError::new(format!("{} is not a time", quoted(text)), TIMES);
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?);
    let factor = match unit.trim() {
        "ms" => 1,
        "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    count.checked_mul(factor).map(Duration::from_millis).ok_or_else(wrong)
}

/// Writes a time of whole milliseconds as [`parse_duration`] reads it, in the largest
/// unit that leaves no fraction.
pub fn duration_text(time: Duration) -> String {
    let ms = time.as_millis();
    let (factor, unit) = [(3_600_000, "h"), (60_000, "m"), (1000, "s")]
        .into_iter()
        .find(|(factor, _)| ms > 0 && ms.is_multiple_of(*factor))
        .unwrap_or((1, "ms"));
    format!("{}{unit}", ms / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_every_usual_spelling() {
        for (text, bytes) in [
            ("0", 0),
            ("10000", 10_000),
            ("50m", 52_428_800),
            ("256MiB", 268_435_456),
            ("256 MiB", 268_435_456),
            ("64KB", 65_536),
            ("2g", 2 << 30),
            ("7b", 7),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused_with_the_allowed_spellings() {
        for text in ["", "m", "64x", "-1", "0.5g", "1 2", "ten"] {
            let error = text.parse::<Bytes>().unwrap_err().to_string();
            assert_eq!(error, format!("`{text}` is not a size: allowed: {SIZES}"));
        }
        for text in ["8388608t", "9223372036854775808", "99999999999999999999"] {
            let error = text.parse::<Bytes>().unwrap_err().to_string();
            assert_eq!(error, format!("`{text}` is too large: allowed: {SIZES}"));
        }
    }

    #[test]
    fn sizes_are_shown_exactly_where_short_and_rounded_down_where_not() {
        for (bytes, shown, flag) in [
            (0, "0 bytes", "0"),
            (10_000, "10000 bytes", "10000"),
            (268_435_456, "256 MiB", "256m"),
            (1_073_741_824, "1 GiB", "1g"),
            (123_456_789, "117.7 MiB", "123456789"),
            (5_000_000_000, "4.6 GiB", "5000000000"),
            ((1 << 30) + 1024, "1.0 GiB", "1048577k"),
            (i64::MAX as u64, "8388607.9 TiB", "9223372036854775807"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), shown);
            assert_eq!(Bytes(bytes).to_flag(), flag);
            assert_eq!(flag.parse(), Ok(Bytes(bytes)));
        }
    }

    #[test]
    fn shares_of_a_cpu_round_trip() {
        for (text, milli) in [("0.5", 500), ("1.5", 1500), ("2", 2000), ("0.001", 1), ("0.25", 250), ("0", 0)] {
            assert_eq!(text.parse(), Ok(Millicores(milli)));
            assert_eq!(Millicores(milli).to_string(), text);
        }
        assert_eq!(".5".parse(), Ok(Millicores(500)));
        for text in ["", ".", "1.", "0.0001", "-1", "1e3", "half", "5000000"] {
            assert!(text.parse::<Millicores>().is_err(), "{text}");
        }
    }

    #[test]
    fn times_round_trip() {
        for (text, ms) in
            [("500ms", 500), ("10s", 10_000), ("2m", 120_000), ("1h", 3_600_000), ("1500ms", 1500), ("0ms", 0)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)));
            assert_eq!(duration_text(Duration::from_millis(ms)), text);
        }
        for text in ["", "10", "s", "1.5s", "-1s", "10 days", "18446744073709551615h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
