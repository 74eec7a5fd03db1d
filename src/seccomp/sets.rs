//! Sets of argument values, exactly: what conditions select, and its intersection, complement and way back to
//! conditions.
//!
//! A [`Values`] is a set of 64-bit numbers: an interval, bits that are fixed, and numbers that are left out. A
//! [`Block`] has one for each argument, a [`Calls`] is a union of blocks that need not be disjoint.

use std::collections::{BTreeMap, BTreeSet};

use super::profile::{ArgCondition, Op};

/// The most blocks or comparisons for one call: with hundreds libseccomp takes minutes.
pub(super) const MOST: usize = 64;

/// The set needs more than [`MOST`] comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany;

/// Numbers whose bits under the first are the second.
type Cube = (u64, u64);

/// How many cubes are looked at before a set counts as one that may have a member.
const PATIENCE: usize = 4096;

/// Values of one argument: from `low` to `high`, within one cube, and in none of some others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Values {
    low: u64,
    high: u64,
    within: Cube,
    without: BTreeSet<Cube>,
}

impl Values {
    const fn all() -> Self {
        Self { low: 0, high: u64::MAX, within: (0, 0), without: BTreeSet::new() }
    }

    /// The values for which a condition holds; `None` where there is none.
    fn of(condition: &ArgCondition) -> Option<Self> {
        let ArgCondition { value, value_two, op, .. } = *condition;
        let all = Self::all();
        Some(match op {
            Op::NotEqual => Self { without: [(u64::MAX, value)].into(), ..all },
            Op::Less => Self { high: value.checked_sub(1)?, ..all },
            Op::LessOrEqual => Self { high: value, ..all },
            Op::Equal => Self { low: value, high: value, ..all },
            Op::GreaterOrEqual => Self { low: value, ..all },
            Op::Greater => Self { low: value.checked_add(1)?, ..all },
            Op::MaskedEqual => Self { within: (value, value & value_two), ..all },
        })
    }

    /// The values for which a condition does not hold.
    fn not(condition: &ArgCondition) -> Option<Self> {
        let ArgCondition { value, value_two, op, .. } = *condition;
        let op = match op {
            Op::NotEqual => Op::Equal,
            Op::Less => Op::GreaterOrEqual,
            Op::LessOrEqual => Op::Greater,
            Op::Equal => Op::NotEqual,
            Op::GreaterOrEqual => Op::Less,
            Op::Greater => Op::LessOrEqual,
            Op::MaskedEqual if value == 0 => return None,
            Op::MaskedEqual => return Some(Self { without: [(value, value & value_two)].into(), ..Self::all() }),
        };
        Self::of(&ArgCondition { op, ..*condition })
    }

    fn and(&self, other: &Self) -> Option<Self> {
        let joined = Self {
            low: self.low.max(other.low),
            high: self.high.min(other.high),
            within: meet(self.within, other.within)?,
            without: self.without.union(&other.without).copied().collect(),
        };
        let mut left = PATIENCE;
        let found = joined.walk(joined.within, &mut left, &mut |_| false);
        (!found || left == 0).then_some(joined)
    }

    /// Tells `found` cubes that together are the part of this set within `cube`, until it says no; false if it did.
    /// `left` counts the cubes looked at down to nothing, where the walk ends.
    fn walk(&self, cube: Cube, left: &mut usize, found: &mut impl FnMut(Cube) -> bool) -> bool {
        let (mask, bits) = cube;
        *left = left.saturating_sub(1);
        let (first, last) = (bits, bits | !mask);
        if *left == 0
            || last < self.low
            || first > self.high
            || least_with(mask, bits, self.low).is_none_or(|least| least > self.high)
        {
            return true;
        }
        let free = |(other, _): &Cube| other & !mask;
        let nearest = self
            .without
            .iter()
            .filter(|other| meet(cube, **other).is_some())
            .min_by_key(|other| free(other).count_ones());
        let split = match nearest {
            Some(other) if free(other) == 0 => return true,
            Some(other) => 1 << free(other).ilog2(),
            None if self.low <= first && last <= self.high => return found(cube),
            None => 1 << (!mask).ilog2(),
        };
        [bits, bits | split].into_iter().all(|bits| self.walk((mask | split, bits), left, found))
    }

    /// The one condition that selects just these values; `Ok(None)` where all values are selected.
    fn single(&self, index: u8) -> Result<Option<ArgCondition>, TooMany> {
        let condition = |op, value, value_two| Some(ArgCondition { index, value, value_two, op });
        let (mask, bits) = self.within;
        let first = least_with(mask, bits, self.low).ok_or(TooMany)?;
        // Turned upside down, the greatest is the least.
        let last = !least_with(mask, !bits & mask, !self.high).ok_or(TooMany)?;
        // What cannot be in the set anyway need not be left out.
        let may_be = |cube: &&Cube| {
            meet(self.within, **cube)
                .is_some_and(|(mask, bits)| least_with(mask, bits, self.low).is_some_and(|least| least <= self.high))
        };
        let without: Vec<Cube> = self.without.iter().filter(may_be).copied().collect();
        let whole = first == bits && last == bits | !mask;
        match *without.as_slice() {
            [] if first == last => Ok(condition(Op::Equal, first, 0)),
            [] if mask != 0 && whole => Ok(condition(Op::MaskedEqual, mask, bits)),
            [] if mask == 0 => match (first, last) {
                (0, u64::MAX) => Ok(None),
                (0, last) => Ok(condition(Op::LessOrEqual, last, 0)),
                (first, u64::MAX) => Ok(condition(Op::GreaterOrEqual, first, 0)),
                _ => Err(TooMany),
            },
            [(u64::MAX, one)] if mask == 0 && whole => Ok(condition(Op::NotEqual, one, 0)),
            _ => Err(TooMany),
        }
    }

    /// Comparisons for equality under a mask whose union is just these values.
    fn masks(&self) -> Result<Vec<Cube>, TooMany> {
        let (mut found, mut left) = (Vec::new(), PATIENCE);
        let finished = self.walk(self.within, &mut left, &mut |cube| {
            found.push(cube);
            found.len() <= MOST
        });
        if finished && left > 0 { Ok(found) } else { Err(TooMany) }
    }
}

/// What is in both cubes.
fn meet((mask, bits): Cube, (other_mask, other_bits): Cube) -> Option<Cube> {
    ((bits ^ other_bits) & mask & other_mask == 0).then_some((mask | other_mask, bits | other_bits))
}

/// The least number from `from` up whose bits under `mask` are `bits`.
fn least_with(mask: u64, bits: u64, from: u64) -> Option<u64> {
    let wrong = (from ^ bits) & mask;
    if wrong == 0 {
        return Some(from);
    }
    let top = wrong.ilog2();
    let below = (1_u64 << top) - 1;
    if bits >> top & 1 == 1 {
        // The bit is to be set: what is below it may be as small as can be.
        return Some(from & !(below | 1 << top) | 1 << top | bits & below);
    }
    // The bit is to be clear: some free bit above it that is clear must be set.
    let free = !mask & !from & !(below | 1 << top);
    let carry = free & free.wrapping_neg();
    let low = carry.wrapping_sub(1);
    (carry != 0).then_some(from & !low | carry | bits & low)
}

/// Calls by their arguments: a set for each that is looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Block(BTreeMap<u8, Values>);

impl Block {
    /// The calls for which all conditions hold; `None` where they contradict each other.
    pub fn of<'c>(conditions: impl IntoIterator<Item = &'c ArgCondition>) -> Option<Self> {
        let mut block = Self::default();
        for condition in conditions {
            block = block.with(condition.index, &Values::of(condition)?)?;
        }
        Some(block)
    }

    fn with(&self, index: u8, values: &Values) -> Option<Self> {
        let mut block = self.0.clone();
        let before = block.get(&index).cloned().unwrap_or(Values::all());
        block.insert(index, before.and(values)?);
        Some(Self(block))
    }

    pub fn and(&self, other: &Self) -> Option<Self> {
        other.0.iter().try_fold(self.clone(), |block, (index, values)| block.with(*index, values))
    }

    /// One condition for each argument.
    fn single(&self) -> Result<Vec<ArgCondition>, TooMany> {
        let conditions = self.0.iter().map(|(index, values)| values.single(*index));
        Ok(conditions.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// Conditions for equality alone; their union is the block.
    fn masks(&self) -> Result<Vec<Vec<ArgCondition>>, TooMany> {
        let mut found = vec![Vec::new()];
        for (index, values) in &self.0 {
            let masks = values.masks()?;
            let both = found.iter().flat_map(|before| masks.iter().map(move |mask| (before, mask)));
            let both = both.map(|(before, (mask, bits))| {
                let (op, value, value_two) = match *mask {
                    u64::MAX => (Op::Equal, *bits, 0),
                    mask => (Op::MaskedEqual, mask, *bits),
                };
                let here = (*mask != 0).then_some(ArgCondition { index: *index, value, value_two, op });
                before.iter().copied().chain(here).collect()
            });
            found = both.take(MOST + 1).collect();
        }
        if found.len() > MOST { Err(TooMany) } else { Ok(found) }
    }
}

/// A union of blocks.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Calls(Vec<Block>);

impl FromIterator<Block> for Calls {
    fn from_iter<I: IntoIterator<Item = Block>>(blocks: I) -> Self {
        let mut calls = Self::default();
        blocks.into_iter().for_each(|block| calls.push(block));
        calls
    }
}

impl Calls {
    /// Every call.
    pub fn all() -> Self {
        Self(vec![Block::default()])
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn push(&mut self, block: Block) {
        if !self.0.contains(&block) {
            self.0.push(block);
        }
    }

    /// Adds blocks, but for those that lie plainly within one that is there.
    pub fn add(&mut self, other: Self) {
        let within = |one: &Block, other: &Block| one.and(other).as_ref() == Some(one);
        for block in other.0 {
            if !self.0.iter().any(|known| within(&block, known)) {
                self.0.retain(|known| !within(known, &block));
                self.0.push(block);
            }
        }
    }

    pub fn and(&self, other: &Self) -> Result<Self, TooMany> {
        let mut both = Self::default();
        for one in &self.0 {
            for other in &other.0 {
                one.and(other).into_iter().for_each(|block| both.push(block));
                if both.0.len() > MOST {
                    return Err(TooMany);
                }
            }
        }
        Ok(both)
    }

    /// The calls for which not all of these conditions hold.
    pub fn not(conditions: &[ArgCondition]) -> Self {
        let block = |condition: &ArgCondition| Some(Block([(condition.index, Values::not(condition)?)].into()));
        conditions.iter().filter_map(block).collect()
    }

    /// Conditions for these calls, one list a rule; their order does not matter.
    ///
    /// A single rule is the only one for its call where it is `alone`; several compare for equality
    /// and nothing else, for unions of other comparisons are what libseccomp 2.5 compiles wrongly (`eval_tests.rs`).
    pub fn conditions(&self, alone: bool) -> Result<Vec<Vec<ArgCondition>>, TooMany> {
        if let [block] = self.0.as_slice()
            && (alone || block.0.is_empty())
            && let Ok(conditions) = block.single()
        {
            return Ok(vec![conditions]);
        }
        let mut found: Vec<Vec<ArgCondition>> = Vec::new();
        for block in &self.0 {
            for conditions in block.masks()? {
                if conditions.is_empty() {
                    return Ok(vec![conditions]);
                }
                if !found.contains(&conditions) {
                    found.push(conditions);
                }
            }
            if found.len() > MOST {
                return Err(TooMany);
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::eval_tests::{condition, value};
    use super::*;

    fn hold(conditions: &[ArgCondition], args: &[u64; 6]) -> bool {
        conditions.iter().all(|condition| condition.holds(args, false))
    }

    /// Arguments at and beside the conditions' values.
    fn near(conditions: &[ArgCondition], picks: &[(usize, u64); 3]) -> [u64; 6] {
        let mut args = [0; 6];
        for (arg, (pick, offset)) in args.iter_mut().zip(picks) {
            let value = conditions.get(pick % (conditions.len() + 1)).map_or(0, |condition| condition.value);
            *arg = value.wrapping_add(*offset).wrapping_sub(1);
        }
        args
    }

    #[test]
    fn a_range_becomes_aligned_blocks() {
        let range = Values { low: 5, high: 8, ..Values::all() };
        let exactly = u64::MAX;
        assert_eq!(range.masks().unwrap(), [(exactly, 5), (exactly - 1, 6), (exactly, 8)]);
        assert_eq!(range.single(0), Err(TooMany));
        assert_eq!(Values::all().masks().unwrap(), [(0, 0)]);
    }

    #[test]
    fn the_least_number_under_a_mask_is_found() {
        assert_eq!(least_with(0xf0, 0x20, 0), Some(0x20));
        assert_eq!(least_with(0xf0, 0x20, 0x25), Some(0x25));
        assert_eq!(least_with(0xf0, 0x20, 0x30), Some(0x120));
        assert_eq!(least_with(u64::MAX, 7, 8), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn sets_hold_just_the_calls_that_the_conditions_do(
            one in proptest::collection::vec(condition(&Op::ALL), 0..4),
            other in proptest::collection::vec(condition(&Op::ALL), 0..3),
            picks in proptest::collection::vec(any::<[(usize, u8); 3]>(), 8),
            far in value(),
        ) {
            let all: Vec<ArgCondition> = one.iter().chain(&other).copied().collect();
            let positive: Calls = Block::of(&one).into_iter().collect();
            let without = positive.and(&Calls::not(&other));
            let Ok(conditions) = without.and_then(|calls| calls.conditions(true)) else { return Ok(()) };
            for pick in picks {
                let mut args = near(&all, &pick.map(|(at, offset)| (at, u64::from(offset % 3))));
                for args in [args, { args[0] = far; args }] {
                    let expected = hold(&one, &args) && !hold(&other, &args);
                    let found = conditions.iter().any(|conditions| hold(conditions, &args));
                    prop_assert_eq!(found, expected, "{:x?} {:x?}", args, conditions);
                }
            }
        }
    }
}
