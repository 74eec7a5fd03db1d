//! The ids of this machine that a cell's user namespace stands for (`user_namespaces(7)`, `subuid(5)`). Pure.

use serde_json::{Value, json};

/// How many ids a namespace has from 0 at least: all that 16-bit programs know.
pub const COUNT: u32 = 65_536;

/// Where no range is set aside: high enough that no person, service or container range has it.
const HIGH: u32 = 0x7000_0000;

/// Ids on this machine that are nobody's, from 0 in the cell on. It is one range: libcontainer leaves more than one to
/// `newuidmap`, which gives root no more than others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdRange {
    base: u32,
    count: u32,
}

impl IdRange {
    /// One that holds these ids: that set aside for `owner` in a text such as `/etc/subuid`, where it is long enough;
    /// else one high above all.
    pub fn holding(ids: (u32, u32), owner: &str, ranges: &str) -> Self {
        let count = COUNT.max(ids.0.max(ids.1).saturating_add(1));
        let base = range_of(owner, ranges, count).unwrap_or(HIGH);
        Self { base, count: count.min(u32::MAX - base) }
    }

    /// All of an ordinary user's namespace but its root, who is the user itself.
    pub fn below_root() -> Self {
        Self { base: 1, count: COUNT }
    }

    /// What root in the cell is here.
    pub fn root(self) -> u32 {
        self.base
    }

    /// The map, as the runtime specification has it.
    pub fn mappings(self) -> Value {
        json!([{ "containerID": 0, "hostID": self.base, "size": self.count }])
    }
}

/// Where the ids begin that are set aside for `owner` in a text such as `/etc/subuid`: so many at least, in a row.
pub fn range_of(owner: &str, ranges: &str, count: u32) -> Option<u32> {
    ranges.lines().find_map(|line| {
        let (base, length) = line.strip_prefix(owner)?.strip_prefix(':')?.split_once(':')?;
        let (base, length): (u32, u32) = (base.parse().ok()?, length.trim().parse().ok()?);
        (length >= count).then_some(base)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: (u32, u32) = (65_534, 65_534);

    #[test]
    fn a_range_that_is_set_aside_and_long_enough_is_taken() {
        assert_eq!(IdRange::holding(NOBODY, "hotcell", "a:1:65536\nhotcell:500000:65536\n").root(), 500_000);
        assert_eq!(IdRange::holding(NOBODY, "hotcell", "hotcell:500000:1000\n").root(), HIGH);
        assert_eq!(IdRange::holding(NOBODY, "hotcell", "hotcells:500000:65536\n").root(), HIGH);
        assert_eq!(IdRange::holding((100_000, 0), "hotcell", "hotcell:500000:65536\n").root(), HIGH);
    }

    #[test]
    fn a_user_beyond_the_first_65536_is_in_the_range() {
        let size = |ids| IdRange::holding(ids, "hotcell", "").mappings()[0]["size"].as_u64().unwrap();
        assert_eq!(size(NOBODY), 65_536);
        assert_eq!(size((7, 100_000)), 100_001);
    }
}
