//! The text of an audit record: a stamp, and words of which many are `key=value`. Pure, and of any text.

use std::time::Duration;

use crate::text::visible;

/// The keys whose values come from whoever is audited: quoted, or in hexadecimal digits where they hold a space, a quote
/// or what is not ASCII (`audit_log_n_untrustedstring`, kernel/audit.c).
const UNTRUSTED: [&str; 4] = ["name", "path", "comm", "profile"];

/// When a record was made, and what stands behind that: `audit(SECONDS.MILLISECONDS:SERIAL):`. The time is that since the
/// epoch, as of the kernel's last tick (`ktime_get_coarse_real_ts64`).
pub fn stamped(text: &str) -> Option<(Duration, &str)> {
    let (stamp, rest) = text.strip_prefix("audit(")?.split_once("):")?;
    let (time, _) = stamp.split_once(':')?;
    let (seconds, thousandths) = time.split_once('.')?;
    let thousandths = thousandths.parse().ok().filter(|part: &u64| *part < 1000)?;
    Some((Duration::from_secs(seconds.parse().ok()?) + Duration::from_millis(thousandths), rest))
}

/// The fields of a record.
pub struct Fields<'a>(Vec<Field<'a>>);

struct Field<'a> {
    key: &'a str,
    value: &'a str,
    quoted: bool,
}

impl<'a> Fields<'a> {
    /// Takes a text apart; words that are no fields are left out.
    pub fn of(mut text: &'a str) -> Self {
        let mut fields = Vec::new();
        while let Some(at) = text.find(['=', ' ']) {
            let (key, rest) = text.split_at(at);
            let rest = &rest[1..];
            if text.as_bytes()[at] == b' ' {
                text = rest;
                continue;
            }
            let inside = rest.strip_prefix('"');
            let (value, after) = match inside {
                Some(inside) => inside.split_once('"').unwrap_or((inside, "")),
                None => rest.split_once(' ').unwrap_or((rest, "")),
            };
            fields.push(Field { key, value, quoted: inside.is_some() });
            text = after;
        }
        Self(fields)
    }

    fn field(&self, key: &str) -> Option<&Field<'a>> {
        self.0.iter().find(|field| field.key == key)
    }

    /// A value as it stands there, its quotes aside.
    pub fn word(&self, key: &str) -> Option<&'a str> {
        self.field(key).map(|field| field.value)
    }

    /// A decimal number.
    pub fn number<N: std::str::FromStr>(&self, key: &str) -> Option<N> {
        self.word(key)?.parse().ok()
    }

    /// A value that may be in hexadecimal digits; safe to show.
    pub fn text(&self, key: &str) -> Option<String> {
        let field = self.field(key)?;
        let coded = (!field.quoted && UNTRUSTED.contains(&key)).then(|| decoded(field.value)).flatten();
        Some(coded.map_or_else(|| visible(field.value.as_bytes()), |bytes| visible(&bytes)))
    }
}

fn decoded(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bare_quoted_or_in_hexadecimal_digits() {
        let fields =
            Fields::of(r#" x  info="two words" name=2F6120622F comm="a" error=-13 profile="2F" path=(null) end"#);
        assert_eq!(fields.text("info").unwrap(), "two words");
        assert_eq!(fields.text("name").unwrap(), "/a b/");
        assert_eq!(fields.text("profile").unwrap(), "2F", "what is quoted is meant as it stands");
        assert_eq!(fields.text("path").unwrap(), "(null)");
        assert_eq!((fields.number("error"), fields.word("end")), (Some(-13), None));
    }

    #[test]
    fn a_stamp_is_a_time_since_the_epoch() {
        let (at, rest) = stamped("audit(1700000000.123:45): avc:").unwrap();
        assert_eq!((at, rest), (Duration::from_millis(1_700_000_000_123), " avc:"));
        for bad in ["", "audit(1.1000:1):", "audit(1:1):", "audit(x.1:1):", "audit(1.1:1)", "audit(-1.1:1):"] {
            assert!(stamped(bad).is_none(), "{bad}");
        }
    }
}
