//! The least profile under which what was seen still runs.

use std::collections::{BTreeMap, BTreeSet};

use super::Action;
use super::arch::Arch;
use super::catalog::{Purpose, about};
use super::combine::add;
use super::profile::{ArgCondition, Op, Profile, Rule};
use super::starting::Needed;

/// EPERM, and ENOSYS for calls that the C library has another way for.
const EPERM: u16 = 1;
const ENOSYS: u16 = 38;

/// More kinds of arguments than this are no pattern: the call is then allowed without conditions.
const MOST_KINDS: usize = 16;

/// A call that a program made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// Through which ABI.
    pub arch: Arch,
    /// The call.
    pub name: String,
    /// Its arguments, those alone of which conditions can be made, as far as they are known.
    pub args: [Option<u64>; 6],
    /// How often.
    pub count: u64,
    /// Where it was seen first, or why it is needed.
    pub reason: String,
}

/// A call of which some arguments are registers with few values: which, and the bits that count.
struct Telling {
    call: &'static str,
    args: &'static [(u8, u64)],
}

/// What the kernel looks at of an `int`.
const INT: u64 = 0xffff_ffff;
/// The `CLONE_NEW` flags of clone(2), but for `CLONE_NEWTIME`, which is clone3's alone.
const NAMESPACES: u64 = 0x7e02_0000;

const TELLING: [Telling; 8] = [
    Telling { call: "socket", args: &[(0, INT), (1, INT)] },
    Telling { call: "socketpair", args: &[(0, INT), (1, INT)] },
    Telling { call: "clone", args: &[(0, NAMESPACES)] },
    Telling { call: "ioctl", args: &[(1, INT)] },
    Telling { call: "prctl", args: &[(0, INT)] },
    Telling { call: "fcntl", args: &[(1, INT)] },
    Telling { call: "personality", args: &[(0, INT)] },
    Telling { call: "arch_prctl", args: &[(0, INT)] },
];

/// The arguments of a call that conditions are made of; the others are left out.
pub fn telling(call: &str, args: [Option<u64>; 6]) -> [Option<u64>; 6] {
    let mut kept = [None; 6];
    let found = TELLING.iter().find(|telling| telling.call == call);
    for (index, mask) in found.into_iter().flat_map(|telling| telling.args) {
        let index = usize::from(*index);
        kept[index] = args[index].map(|arg| arg & mask);
    }
    kept
}

fn is_telling(call: &str) -> bool {
    TELLING.iter().any(|telling| telling.call == call)
}

/// How a profile is made of what was used.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a> {
    /// Calls whose arguments are registers with few values (socket, clone, ioctl, prctl, fcntl and the like) get
    /// conditions, as far as every use's are known.
    pub conditions: bool,
    /// What is allowed beside, used or not: lists with their headings.
    pub beside: &'a [(&'static str, &'static [Needed])],
}

/// Makes an allowlist of what was used and of what is needed beside; all else fails with EPERM.
///
/// Calls are grouped by purpose, and each group's comment says why each is there. `clone3` is never allowed: it fails
/// with ENOSYS, upon which the C library takes `clone`.
pub fn minimize(name: &str, uses: &[Use], shape: Shape<'_>) -> Profile {
    let uses: Vec<Use> = uses.iter().flat_map(|used| [Some(used.clone()), instead(used)]).flatten().collect();
    let calls: BTreeSet<&str> = uses.iter().map(|used| used.name.as_str()).collect();
    let mut rules = Vec::new();
    for (purpose, calls) in by_purpose(&uses) {
        let mut whole = Rule { names: Vec::new(), action: Action::Allow, args: Vec::new(), comment: None };
        let mut reasons = Vec::new();
        for (call, uses) in calls {
            if let Some(kinds) = kinds(call, &uses).filter(|_| shape.conditions) {
                let comment = format!("{}, with these arguments alone", reason(call, &uses));
                for args in kinds {
                    add(&mut rules, call, Action::Allow, args, Some(comment.clone()));
                }
            } else {
                whole.names.push(call.to_owned());
                let any = if is_telling(call) { ", with any arguments" } else { "" };
                reasons.push(format!("{}{any}", reason(call, &uses)));
            }
        }
        let title = purpose.map_or("other calls", Purpose::title);
        whole.comment = Some(format!("{title}: {}", reasons.join("; ")));
        rules.extend((!whole.names.is_empty()).then_some(whole));
    }
    for (title, list) in shape.beside {
        beside(&mut rules, &calls, title, list, shape.conditions);
    }
    rules.push(clone3(&uses));
    let architectures: BTreeSet<Arch> = uses.iter().map(|used| used.arch).collect();
    Profile {
        name: name.to_owned(),
        default_action: Action::Errno(EPERM),
        architectures: architectures.into_iter().collect(),
        flags: Vec::new(),
        rules,
        warnings: Vec::new(),
    }
}

/// What the C library takes in the place of a call that is refused: clone for clone3, without new namespaces.
fn instead(used: &Use) -> Option<Use> {
    let args = telling("clone", [Some(0), None, None, None, None, None]);
    let reason = format!("in the place of clone3, {}", used.reason);
    (used.name == "clone3").then(|| Use { name: "clone".to_owned(), args, reason, ..used.clone() })
}

/// Adds what is needed of a list and not allowed yet.
fn beside(rules: &mut Vec<Rule>, used: &BTreeSet<&str>, title: &str, list: &[Needed], conditions: bool) {
    let is_whole = |rules: &[Rule], call| {
        rules.iter().any(|rule| rule.args.is_empty() && rule.names.iter().any(|name| name == call))
    };
    let missing: Vec<&Needed> = list.iter().filter(|needed| !is_whole(rules, needed.call)).collect();
    let (valued, plain): (Vec<&Needed>, Vec<&Needed>) =
        missing.into_iter().partition(|needed| conditions && !needed.values.is_empty());
    let reason = |needed: &Needed| format!("{}: {}, {}", needed.call, needed.by, needed.why);
    // Used with some arguments, a call has its conditions, which no list widens by chance.
    let plain: Vec<&Needed> = plain.into_iter().filter(|needed| !used.contains(needed.call)).collect();
    if !plain.is_empty() {
        let reasons: Vec<String> = plain.iter().map(|needed| reason(needed)).collect();
        rules.push(Rule {
            names: plain.iter().map(|needed| needed.call.to_owned()).collect(),
            action: Action::Allow,
            args: Vec::new(),
            comment: Some(format!("{title}: {}", reasons.join("; "))),
        });
    }
    for needed in valued {
        let comment = format!("{title}: {}, with these arguments alone", reason(needed));
        for args in needed.values.iter().map(|value| vec![masked(0, INT, *value)]) {
            let is_there = |rule: &Rule| rule.args == args && rule.names.iter().any(|name| name == needed.call);
            if !rules.iter().any(is_there) {
                add(rules, needed.call, Action::Allow, args, Some(comment.clone()));
            }
        }
    }
}

fn clone3(uses: &[Use]) -> Rule {
    let seen = if uses.iter().any(|used| used.name == "clone3") { "used, and " } else { "" };
    Rule {
        names: vec!["clone3".to_owned()],
        action: Action::Errno(ENOSYS),
        args: Vec::new(),
        comment: Some(format!(
            "{seen}refused as if the kernel had no such call: its flags cannot be filtered, and the C library takes clone"
        )),
    }
}

type ByCall<'u> = BTreeMap<&'u str, Vec<&'u Use>>;

/// The calls by purpose; those that nobody described come last.
fn by_purpose(uses: &[Use]) -> Vec<(Option<Purpose>, ByCall<'_>)> {
    let mut groups: BTreeMap<(bool, Option<Purpose>), ByCall<'_>> = BTreeMap::new();
    for used in uses.iter().filter(|used| used.name != "clone3") {
        let purpose = about(&used.name).map(|about| about.purpose);
        groups.entry((purpose.is_none(), purpose)).or_default().entry(&used.name).or_default().push(used);
    }
    groups.into_iter().map(|((_, purpose), calls)| (purpose, calls)).collect()
}

fn reason(call: &str, uses: &[&Use]) -> String {
    let count: u64 = uses.iter().map(|used| used.count).sum();
    let first = uses.first().map_or("", |used| used.reason.as_str());
    let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
    let because = if first.is_empty() { String::new() } else { format!(", {first}") };
    format!("{call}: {times}{because}")
}

/// The conditions that select just the kinds of arguments seen; `None` where they are unknown or many.
fn kinds(call: &str, uses: &[&Use]) -> Option<Vec<Vec<ArgCondition>>> {
    let telling = TELLING.iter().find(|telling| telling.call == call)?;
    let mut kinds = BTreeSet::new();
    for used in uses {
        let kind = telling.args.iter().map(|(index, mask)| Some(used.args[usize::from(*index)]? & mask));
        kinds.insert(kind.collect::<Option<Vec<u64>>>()?);
    }
    let condition = |((index, mask), value): (&(u8, u64), u64)| masked(*index, *mask, value);
    let list = |kind: Vec<u64>| telling.args.iter().zip(kind).map(condition).collect();
    (kinds.len() <= MOST_KINDS).then(|| kinds.into_iter().map(list).collect())
}

fn masked(index: u8, mask: u64, value: u64) -> ArgCondition {
    ArgCondition { index, value: mask, value_two: value, op: Op::MaskedEqual }
}

#[cfg(test)]
mod tests {
    use super::super::lint::{Severity, lint};
    use super::super::starting::{ANY_TIME, LOADING, lacking, starting};
    use super::super::{SeccompData, compile, syscall_number};
    use super::*;

    /// A log's: with conditions.
    const LOGGED: Shape<'_> = Shape { conditions: true, beside: &[("needed", &ANY_TIME), ("to load", &LOADING)] };

    fn used(name: &str, args: &[u64], count: u64) -> Use {
        let mut all = [None; 6];
        for (slot, arg) in all.iter_mut().zip(args) {
            *slot = Some(*arg);
        }
        Use {
            arch: Arch::native(),
            name: name.to_owned(),
            args: telling(name, all),
            count,
            reason: "line 7".to_owned(),
        }
    }

    fn asked(profile: &Profile, name: &str, args: &[u64]) -> Action {
        let mut data = SeccompData {
            nr: syscall_number(name).unwrap(),
            arch: Arch::native().audit_token().unwrap(),
            ..SeccompData::default()
        };
        data.args[..args.len()].copy_from_slice(args);
        compile(profile, Arch::native()).unwrap().evaluate(&data).unwrap()
    }

    #[test]
    fn what_was_seen_is_allowed_with_its_reason_and_nothing_else_is() {
        let uses = [used("write", &[], 3), used("read", &[], 1), used("connect", &[], 1)];
        let profile = minimize("mine", &uses, LOGGED);
        let comments: Vec<_> = profile.rules.iter().filter_map(|rule| rule.comment.as_deref()).collect();
        assert!(comments.contains(&"files: read: once, line 7; write: 3 times, line 7"), "{comments:?}");
        assert!(comments.contains(&"network: connect: once, line 7"), "{comments:?}");
        assert_eq!(asked(&profile, "read", &[]), Action::Allow);
        assert_eq!(asked(&profile, "exit_group", &[]), Action::Allow);
        assert_eq!(asked(&profile, "clone3", &[]), Action::Errno(38));
        assert_eq!(asked(&profile, "openat", &[]), Action::Errno(1));
        let errors: Vec<_> =
            lint(&profile, Arch::native()).into_iter().filter(|finding| finding.severity == Severity::Error).collect();
        assert_eq!(errors, []);
    }

    #[test]
    fn sockets_and_threads_get_the_conditions_that_were_seen() {
        let uses = [used("socket", &[1, 0x80001], 2), used("socket", &[2, 2], 1), used("clone", &[0x3d_0f00], 4)];
        let profile = minimize("mine", &uses, LOGGED);
        assert_eq!(asked(&profile, "socket", &[1, 0x80001]), Action::Allow);
        assert_eq!(asked(&profile, "socket", &[1, 2]), Action::Errno(1), "the family of one, the type of the other");
        assert_eq!(asked(&profile, "socket", &[1 << 32 | 2, 2]), Action::Allow, "as the kernel sees it");
        assert_eq!(asked(&profile, "clone", &[17]), Action::Allow);
        assert_eq!(asked(&profile, "clone", &[0x1000_0011]), Action::Errno(1), "a new user namespace");
        assert_eq!(
            asked(&minimize("mine", &uses, Shape { conditions: false, ..LOGGED }), "socket", &[40, 1]),
            Action::Allow
        );
    }

    #[test]
    fn where_clone3_was_used_clone_makes_threads_and_no_namespaces() {
        let profile = minimize("mine", &[used("clone3", &[0x7f00, 88], 2)], LOGGED);
        assert_eq!(asked(&profile, "clone3", &[]), Action::Errno(38));
        assert_eq!(asked(&profile, "clone", &[0x3d_0f00]), Action::Allow);
        assert_eq!(asked(&profile, "clone", &[0x1000_0011]), Action::Errno(1));
    }

    #[test]
    fn unknown_or_very_many_arguments_leave_a_call_without_conditions() {
        let many: Vec<Use> = (0..20).map(|request| used("ioctl", &[0, request], 1)).collect();
        assert_eq!(asked(&minimize("mine", &many, LOGGED), "ioctl", &[0, 99]), Action::Allow);
        let unknown = [used("socket", &[1], 1)];
        assert_eq!(asked(&minimize("mine", &unknown, LOGGED), "socket", &[9, 9]), Action::Allow);
    }

    #[test]
    fn what_starting_needs_is_there_once_and_no_wider_than_it_is_needed() {
        let uses = [used("write", &[], 3), used("prctl", &[15], 1), used("prctl", &[8], 1)];
        let logged = minimize("mine", &uses, LOGGED);
        assert!(
            lacking(&logged, true).iter().any(|needed| needed.call == "fstatfs"),
            "a log has none of the runtime's"
        );
        for no_new_privs in [true, false] {
            let beside = [("any", ANY_TIME.as_slice()), ("starting", starting(no_new_privs))];
            let profile = minimize("mine", &uses, Shape { conditions: true, beside: &beside });
            assert!(lacking(&profile, no_new_privs).is_empty());
            assert_eq!(lacking(&profile, false).is_empty(), !no_new_privs);
            assert_eq!(asked(&profile, "prctl", &[15]), Action::Allow);
            assert_eq!(asked(&profile, "prctl", &[22]), Action::Errno(1), "PR_SET_SECCOMP");
            assert_eq!(asked(&profile, "prctl", &[24]) == Action::Allow, !no_new_privs, "PR_CAPBSET_DROP");
            assert_eq!(asked(&profile, "openat", &[]), Action::Allow);
            assert_eq!(asked(&profile, "socket", &[]), Action::Errno(1));
            let rules: Vec<_> = profile.rules.iter().map(|rule| (&rule.names, &rule.args)).collect();
            assert!(rules.iter().enumerate().all(|(at, rule)| !rules[..at].contains(rule)), "{rules:?}");
        }
    }
}
