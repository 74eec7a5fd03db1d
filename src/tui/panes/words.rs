//! Figures as words.

use std::time::Duration;

use crate::policy::Bytes;

/// A number with its thousands set apart: `12,345`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A number of bytes: to the byte while that can be read (`12,345 B`), then rounded down (`117.7 MiB`).
pub fn size(bytes: Bytes) -> String {
    if bytes < Bytes::mib(1) { format!("{} B", count(bytes.0)) } else { bytes.to_string() }
}

/// A time: `12.3 ms`, `4.56 s`.
pub fn time(time: Duration) -> String {
    // What would be rounded to a full second is one.
    if time < Duration::from_micros(999_950) {
        format!("{:.1} ms", time.as_secs_f64() * 1000.0)
    } else {
        format!("{:.2} s", time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let shown: Vec<_> = [0, 7, 999, 1000, 12_345, 999_999, 1_000_000, u64::MAX].map(count).to_vec();
        assert_eq!(shown, ["0", "7", "999", "1,000", "12,345", "999,999", "1,000,000", "18,446,744,073,709,551,615"]);
    }

    #[test]
    fn sizes_are_exact_below_a_mib_and_short_above() {
        for (bytes, shown) in
            [(0, "0 B"), (10_000, "10,000 B"), (1 << 20, "1 MiB"), (123_456_789, "117.7 MiB"), (5 << 30, "5 GiB")]
        {
            assert_eq!(size(Bytes(bytes)), shown);
        }
    }

    #[test]
    fn times_are_in_milliseconds_below_a_second() {
        let shown = [0, 12_345, 999_949, 999_950, 61_500_000].map(|us| time(Duration::from_micros(us)));
        assert_eq!(shown, ["0.0 ms", "12.3 ms", "999.9 ms", "1.00 s", "61.50 s"]);
    }
}
