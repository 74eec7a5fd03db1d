//! Figures and reasons of a run in words: one spelling for every part of the screen.

use std::time::Duration;

use crate::policy::Bytes;
use crate::text::visible_lines;

/// A whole number with a comma at every third digit: `1,204`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count in at most nine cells: whole below ten millions, then as `12.3M`, rounded down.
pub fn short_count(number: u64) -> String {
    if number < 10_000_000 {
        return grouped(number);
    }
    let mut unit = 0;
    let mut tenths = number / 100_000;
    while tenths >= 10_000 {
        tenths /= 1000;
        unit += 1;
    }
    format!("{}.{}{}", tenths / 10, tenths % 10, ["M", "G", "T", "P", "E"][unit])
}

/// A number of bytes: to the byte while that can be read (`12,345 B`), then rounded down (`117.7 MiB`).
pub fn size(bytes: Bytes) -> String {
    if bytes < Bytes::mib(1) { format!("{} B", grouped(bytes.0)) } else { bytes.to_string() }
}

/// How many of something: `1 call`, `1,204 calls`, `2 processes`.
pub fn counted(number: u64, what: &str) -> String {
    let ending = match number {
        1 => "",
        _ if what.ends_with("ss") => "es",
        _ => "s",
    };
    format!("{} {what}{ending}", grouped(number))
}

/// A time that something took: `12.3 ms`, `4.56 s`.
pub fn time(time: Duration) -> String {
    // What would be rounded to a full second is one.
    if time < Duration::from_micros(999_950) { millis(time) } else { format!("{:.2} s", time.as_secs_f64()) }
}

/// A moment of a run, in at most nine cells for all of less than three hours: `12.3 ms`, `4567.8 ms`, `73.21 s`.
pub fn moment(at: Duration) -> String {
    if at < Duration::from_micros(9_999_950) { millis(at) } else { format!("{:.2} s", at.as_secs_f64()) }
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// What the engine or the kernel said, as one line that is safe to show. What is marked in it already stays as it is.
pub fn one_line(text: &str) -> String {
    visible_lines(text.as_bytes()).replace(['\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_a_comma_at_every_third_digit() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn a_count_of_any_size_takes_at_most_nine_cells() {
        for (number, text) in [
            (1204, "1,204"),
            (9_999_999, "9,999,999"),
            (10_000_000, "10.0M"),
            (999_999_999, "999.9M"),
            (1_000_000_000, "1.0G"),
            (u64::MAX, "18.4E"),
        ] {
            assert_eq!(short_count(number), text);
            assert!(text.len() <= 9);
        }
    }

    #[test]
    fn moments_of_ordinary_runs_take_at_most_nine_cells() {
        for (us, text) in [
            (0, "0.0 ms"),
            (12_340, "12.3 ms"),
            (9_999_900, "9999.9 ms"),
            (9_999_960, "10.00 s"),
            (7_200_000_000, "7200.00 s"),
        ] {
            assert_eq!(moment(Duration::from_micros(us)), text);
            assert!(text.len() <= 9);
        }
        assert!(moment(Duration::MAX).ends_with(" s"));
    }

    #[test]
    fn times_are_in_milliseconds_below_a_second() {
        let shown = [0, 12_345, 999_949, 999_950, 61_500_000].map(|us| time(Duration::from_micros(us)));
        assert_eq!(shown, ["0.0 ms", "12.3 ms", "999.9 ms", "1.00 s", "61.50 s"]);
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
    fn one_is_singular() {
        assert_eq!(counted(1, "call"), "1 call");
        assert_eq!(counted(0, "call"), "0 calls");
        assert_eq!(counted(1204, "call"), "1,204 calls");
        assert_eq!([1, 2].map(|many| counted(many, "process")), ["1 process", "2 processes"]);
    }

    #[test]
    fn a_reason_becomes_one_line_that_cannot_act_on_a_terminal_and_is_marked_once() {
        let once = one_line("no\tsuch\nfile \u{1b}[31m\u{202e} C:\\x");
        assert_eq!(once, "no such file \\x1b[31m<U+202E> C:\\x");
        assert_eq!(one_line(&once), once);
    }
}
