//! Two profiles made one: what either allows, what both allow, what the first allows and the second does not.
//!
//! The meaning is exact for every call and every value of its arguments on the ABIs that both profiles cover (the
//! kernel's own counts as covered by each). The result covers those and no other, so calls of another ABI are refused,
//! and has the flags that both have. What cannot be written as OCI rules is refused, with the name of the call; nothing
//! is made wider or narrower to fit.

use std::collections::BTreeSet;

use super::arch::Arch;
use super::json::Place;
use super::meaning::Unclear;
use super::profile::{ArgCondition, Op, Profile, Rule, Warning};
use super::sets::{Calls, TooMany};
use super::{Action, mux};

/// EPERM: what a subtracted call fails with where the first profile has no refusal of its own.
const EPERM: u16 = 1;

/// Why two profiles cannot be made one.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum CombineError {
    /// The profile itself leaves open what happens to a call.
    #[error(
        "the profile {profile} has two rules with different actions for one and the same `{call}`, and which of them \
         decides is not defined: make their conditions exclude each other"
    )]
    Contested {
        /// The profile.
        profile: String,
        /// The call.
        call: String,
    },
    /// More rules than the kernel could take.
    #[error(
        "what the profiles together say of `{call}` needs more than {} comparisons: simplify its conditions first",
        super::sets::MOST
    )]
    TooMany {
        /// The call.
        call: String,
    },
    /// An ABI of 32 bits would read a condition otherwise.
    #[error(
        "a condition on `{call}` compares more than 32 bits, which {arch} reads otherwise: take {arch} out of one \
         profile, or the upper half out of the condition"
    )]
    Wide {
        /// The call.
        call: String,
        /// The ABI.
        arch: Arch,
    },
    /// On i386 a call has a second way into the kernel, which knows no condition on the first argument.
    #[error(
        "`{call}` meets different actions by its arguments, and through {multiplexer} on SCMP_ARCH_X86 these cannot be \
         told apart: take SCMP_ARCH_X86 out of one profile"
    )]
    Multiplexed {
        /// The call.
        call: String,
        /// The call that stands for it.
        multiplexer: &'static str,
    },
}

/// How two profiles are made one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combined {
    /// What either allows.
    Merge,
    /// What both allow.
    Intersect,
    /// What the first allows and the second does not.
    Subtract,
}

/// The union: each call meets the more permissive of the two actions; the first profile's where they are alike.
///
/// # Errors
/// See [`CombineError`].
pub fn merge(a: &Profile, b: &Profile, host: Arch) -> Result<Profile, CombineError> {
    combine(Combined::Merge, a, b, host)
}

/// The intersection: each call meets the less permissive of the two actions; the first profile's where they are alike.
///
/// # Errors
/// See [`CombineError`].
pub fn intersect(a: &Profile, b: &Profile, host: Arch) -> Result<Profile, CombineError> {
    combine(Combined::Intersect, a, b, host)
}

/// The difference: what `a` allows or logs and `b` does not. Calls that both allow are refused: by the default action
/// of `a` where that refuses, else with EPERM. Whatever else `a` does stays.
///
/// # Errors
/// See [`CombineError`].
pub fn subtract(a: &Profile, b: &Profile, host: Arch) -> Result<Profile, CombineError> {
    combine(Combined::Subtract, a, b, host)
}

/// The one of two actions that a combination keeps.
fn choose(how: Combined, refusal: Action, a: Action, b: Action) -> Action {
    match how {
        Combined::Merge => {
            if b.permits() > a.permits() {
                b
            } else {
                a
            }
        }
        Combined::Intersect => {
            if b.permits() < a.permits() {
                b
            } else {
                a
            }
        }
        Combined::Subtract => {
            if a.allows() && b.allows() {
                refusal
            } else {
                a
            }
        }
    }
}

/// Makes one profile of two, for a kernel of architecture `host`.
///
/// # Errors
/// See [`CombineError`].
pub fn combine(how: Combined, a: &Profile, b: &Profile, host: Arch) -> Result<Profile, CombineError> {
    let refusal = if a.default_action.refuses() { a.default_action } else { Action::Errno(EPERM) };
    let pick = |x, y| choose(how, refusal, x, y);
    let mut whole = Profile {
        name: format!("{}-{}-{}", stem(&a.name), how.word(), stem(&b.name)),
        default_action: pick(a.default_action, b.default_action),
        architectures: common(a, b, host),
        flags: a.flags.iter().filter(|flag| b.flags.contains(flag)).cloned().collect(),
        rules: Vec::new(),
        warnings: Vec::new(),
    };
    for call in names(a, b) {
        let mut pieces = cross(&pieces(a, call)?, &pieces(b, call)?, pick).map_err(|_| too_many(call))?;
        pieces.retain(|(action, calls)| *action != whole.default_action && !calls.is_empty());
        let alone = pieces.len() == 1;
        if let Some(multiplexer) = mux::multiplexer(call)
            && pieces.len() > 1
            && whole.architectures.contains(&Arch::X86)
        {
            return Err(CombineError::Multiplexed { call: call.to_owned(), multiplexer });
        }
        let comment = comment(a, call).or_else(|| comment(b, call));
        for (action, calls) in pieces {
            for args in calls.conditions(alone).map_err(|_| too_many(call))? {
                add(&mut whole.rules, call, action, args, comment.clone());
            }
        }
        refuse_wide(call, [a, b, &whole])?;
    }
    whole.warnings = open_through_multiplexer(&whole);
    Ok(whole)
}

fn too_many(call: &str) -> CombineError {
    CombineError::TooMany { call: call.to_owned() }
}

fn pieces(profile: &Profile, call: &str) -> Result<Vec<(Action, Calls)>, CombineError> {
    profile.pieces(call).map_err(|why| match why {
        Unclear::Contested => CombineError::Contested { profile: profile.name.clone(), call: call.to_owned() },
        Unclear::TooMany => too_many(call),
    })
}

/// Refuses conditions of more than 32 bits, before and after, where the last profile covers an ABI without them.
fn refuse_wide(call: &str, profiles: [&Profile; 3]) -> Result<(), CombineError> {
    let [.., whole] = profiles;
    let Some(arch) = whole.architectures.iter().copied().find(|arch| arch.is_narrow()) else {
        return Ok(());
    };
    let rules = profiles.into_iter().flat_map(|profile| profile.rules_for(call));
    let wide = rules.flat_map(|(_, rule)| &rule.args).any(is_wide);
    if wide { Err(CombineError::Wide { call: call.to_owned(), arch }) } else { Ok(()) }
}

/// The calls that meet each action when `pick` chooses between what two profiles do. A piece of one profile that has the
/// same outcome throughout is kept as it is and not cut up by the other's.
fn cross(
    left: &[(Action, Calls)],
    right: &[(Action, Calls)],
    pick: impl Fn(Action, Action) -> Action,
) -> Result<Vec<(Action, Calls)>, TooMany> {
    let mut pieces: Vec<(Action, Calls)> = Vec::new();
    let mut add = |action, calls: Calls| match pieces.iter_mut().find(|(known, _)| *known == action) {
        Some((_, known)) => known.add(calls),
        None => pieces.push((action, calls)),
    };
    let row = |x: Action| right.iter().all(|(y, _)| pick(x, *y) == pick(x, right[0].0));
    let column = |y: Action| left.iter().all(|(x, _)| pick(*x, y) == pick(left[0].0, y));
    for (x, of_x) in left.iter().filter(|(x, _)| row(*x)) {
        add(pick(*x, right[0].0), of_x.clone());
    }
    for (y, of_y) in right.iter().filter(|(y, _)| column(*y)) {
        add(pick(left[0].0, *y), of_y.clone());
    }
    for (x, of_x) in left.iter().filter(|(x, _)| !row(*x)) {
        for (y, of_y) in right.iter().filter(|(y, _)| !column(*y)) {
            add(pick(*x, *y), of_x.and(of_y)?);
        }
    }
    Ok(pieces)
}

impl Combined {
    /// The subcommand's name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Intersect => "intersect",
            Self::Subtract => "subtract",
        }
    }
}

/// The ABIs that both cover, in the order of the first.
fn common(a: &Profile, b: &Profile, host: Arch) -> Vec<Arch> {
    let has = |profile: &Profile, arch| arch == host || profile.architectures.contains(&arch);
    let all: Vec<Arch> = [host].into_iter().chain(a.architectures.iter().copied()).collect();
    let mut common = Vec::new();
    for arch in all.into_iter().filter(|arch| has(a, *arch) && has(b, *arch)) {
        if !common.contains(&arch) {
            common.push(arch);
        }
    }
    common
}

/// Every call that a rule names, in the order of the files.
pub(super) fn names<'p>(a: &'p Profile, b: &'p Profile) -> Vec<&'p str> {
    let mut seen = BTreeSet::new();
    let all = a.rules.iter().chain(&b.rules).flat_map(|rule| &rule.names);
    all.map(String::as_str).filter(|name| seen.insert(*name)).collect()
}

/// A profile's name without its directory and extension.
fn stem(name: &str) -> &str {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.strip_suffix(".json").unwrap_or(file)
}

fn comment(profile: &Profile, name: &str) -> Option<String> {
    profile.rules_for(name).first().and_then(|(_, rule)| rule.comment.clone())
}

/// Puts a call into the rule that is like it, or a new one.
pub(super) fn add(rules: &mut Vec<Rule>, name: &str, action: Action, args: Vec<ArgCondition>, comment: Option<String>) {
    let alike = |rule: &&mut Rule| rule.action == action && rule.args == args && rule.comment == comment;
    match rules.iter_mut().find(alike) {
        Some(rule) => rule.names.push(name.to_owned()),
        None => rules.push(Rule { names: vec![name.to_owned()], action, args, comment }),
    }
}

fn is_wide(condition: &ArgCondition) -> bool {
    let compared = match condition.op {
        Op::MaskedEqual => condition.value & condition.value_two,
        _ => condition.value,
    };
    compared > u64::from(u32::MAX)
}

/// Conditions that a call has by its own number and not through `socketcall` or `ipc`.
fn open_through_multiplexer(profile: &Profile) -> Vec<Warning> {
    if !profile.architectures.contains(&Arch::X86) {
        return Vec::new();
    }
    let conditional = profile.rules.iter().filter(|rule| !rule.args.is_empty()).flat_map(|rule| &rule.names);
    let open: BTreeSet<(&str, &str)> =
        conditional.filter_map(|name| Some((name.as_str(), mux::multiplexer(name)?))).collect();
    let warning = |(name, multiplexer): (&str, &str)| Warning {
        place: Place { file: profile.name.clone(), line: 1, column: 1 },
        message: format!("{name} has conditions that do not hold through {multiplexer} on {}", Arch::X86),
    };
    open.into_iter().map(warning).collect()
}
