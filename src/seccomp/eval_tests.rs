//! The interpreter of profiles against the program that libseccomp makes of the same profile.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// Calls that profiles put conditions on, those behind i386's multiplexers, and one that libseccomp 2.5 does not know.
pub(super) const CALLS: [&str; 8] = ["read", "socket", "clone", "ioctl", "socketcall", "semget", "mseal", "accept"];

/// The values around which comparisons go wrong: halves alike and unlike, ends, neighbours.
pub(super) fn value() -> impl Strategy<Value = u64> {
    let half = || select(&[0_u64, 1, 2, 3, 5, 0xffff_ffff, 0x8000_0000][..]);
    prop_oneof![4 => half(), 1 => (half(), half()).prop_map(|(high, low)| high << 32 | low)]
}

/// A condition by one of these operators.
pub(super) fn condition(ops: &'static [Op]) -> impl Strategy<Value = ArgCondition> {
    (0_u8..3, value(), value(), select(ops)).prop_map(|(index, value, value_two, op)| {
        let value_two = if op == Op::MaskedEqual { value & value_two } else { value_two };
        ArgCondition { index, value, value_two, op }
    })
}

pub(super) fn action() -> impl Strategy<Value = Action> {
    select(vec![Action::Allow, Action::Allow, Action::Errno(1), Action::Errno(38), Action::Log, Action::KillProcess])
}

fn rule(ops: &'static [Op], most: usize) -> impl Strategy<Value = Rule> {
    let names = proptest::collection::vec(select(&CALLS[..]), 1..3);
    (names, action(), proptest::collection::vec(condition(ops), 0..=most)).prop_map(|(names, action, args)| Rule {
        names: names.into_iter().map(str::to_owned).collect(),
        action,
        args,
        comment: None,
    })
}

/// Rules such that libseccomp 2.5 compiles their union rightly: several for a call compare for equality alone.
///
/// Beyond that it fails (found by this test, 2.5.4): of two LT or LE on one argument whose values differ in their upper
/// halves only one counts, and rules that share a comparison of the four or NE and then part keep it busy for ever, for
/// which reason `compile` refuses them.
fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let equal = proptest::collection::vec(rule(&[Op::Equal, Op::MaskedEqual], 3), 0..6);
    let any = proptest::collection::vec((action(), proptest::collection::vec(condition(&Op::ALL), 0..4)), 5);
    let single = any.prop_map(|rules| {
        let calls = ["read", "socket", "clone", "semget", "mseal"];
        let rule = |(name, (action, mut args)): (&str, (Action, Vec<ArgCondition>))| {
            args.sort_by_key(|arg| arg.index);
            args.dedup_by_key(|arg| arg.index);
            Rule { names: vec![name.to_owned()], action, args, comment: None }
        };
        calls.into_iter().zip(rules).map(rule).collect::<Vec<_>>()
    });
    prop_oneof![equal, single]
}

pub(super) fn profile() -> impl Strategy<Value = Profile> {
    let abis = proptest::collection::vec(select(vec![Arch::X86_64, Arch::X86, Arch::X32, Arch::AArch64]), 0..3);
    (action(), abis, rules()).prop_map(|(default_action, architectures, mut rules)| {
        // A call that needs no condition and that every ABI has: where x32 is covered and no call is such, libseccomp
        // 2.5.4 forgets to load the call's number, and the default action is all there is.
        rules.push(Rule { names: vec!["getpid".to_owned()], action: Action::Trap, args: Vec::new(), comment: None });
        let (flags, warnings) = (Vec::new(), Vec::new());
        Profile { name: "random".to_owned(), default_action, architectures, flags, rules, warnings }
    })
}

/// Calls at and beside every value that the profile compares with, through every ABI.
pub(super) fn calls(profile: &Profile, seeds: &[(usize, [usize; 3])], abis: &[Arch]) -> Vec<SeccompData> {
    let mut values = vec![0, 1, u64::MAX];
    for arg in profile.rules.iter().flat_map(|rule| &rule.args) {
        for value in [arg.value, arg.value_two] {
            values.extend([value, value.wrapping_add(1), value.wrapping_sub(1), value ^ (1 << 32)]);
        }
    }
    let mut calls = Vec::new();
    for (at, picks) in seeds {
        for abi in abis {
            let token = if *abi == Arch::X32 { Arch::X86_64 } else { *abi }.audit_token().unwrap();
            let scmp = abi.scmp().unwrap();
            let name = CALLS[at % CALLS.len()];
            let Some(number) = syscall_number_on(name, scmp) else { continue };
            let mut args = [7_u64; 6];
            for (arg, pick) in args.iter_mut().zip(picks) {
                *arg = values[pick % values.len()];
                // The kernel widens arguments of 32 bits by zeros.
                if *abi == Arch::X86 {
                    *arg &= 0xffff_ffff;
                }
            }
            calls.push(SeccompData { nr: number, arch: token, args, ..SeccompData::default() });
        }
    }
    calls
}

fn syscall_number_on(name: &str, arch: libseccomp::ScmpArch) -> Option<i32> {
    let syscall = libseccomp::ScmpSyscall::from_name_by_arch(name, arch);
    match syscall {
        Ok(syscall) => Some(syscall.as_raw_syscall()).filter(|number| *number >= 0),
        Err(_) => syscall_number(name),
    }
}

pub(super) fn seeds() -> impl Strategy<Value = Vec<(usize, [usize; 3])>> {
    proptest::collection::vec((any::<usize>(), any::<[usize; 3]>()), 12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_profile_means_what_libseccomp_makes_of_it(profile in profile(), seeds in seeds()) {
        // Overlapping rules with different actions may be refused.
        let Ok(program) = compile(&profile, Arch::X86_64) else { return Ok(()) };
        for call in calls(&profile, &seeds, &[Arch::X86_64, Arch::X86, Arch::X32]) {
            let decision = profile.decide(Arch::X86_64, &call);
            let compiled = program.evaluate(&call).unwrap();
            let known: Vec<Action> =
                decision.contested.iter().map(|at| profile.rules[*at].action).chain([decision.action]).collect();
            prop_assert!(known.contains(&compiled), "{call:x?} {decision:?} {compiled:?} {}", profile.to_oci_json());
        }
    }
}
