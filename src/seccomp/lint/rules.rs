//! Rules that do not do what they seem to, and what holds for the profile as a whole.

use std::collections::BTreeSet;

use super::super::arch::Arch;
use super::super::decode::{Register, register};
use super::super::meaning::Unclear;
use super::super::names::{Resolved, resolve};
use super::super::profile::{ArgCondition, Op, Profile, Rule};
use super::super::sets::Block;
use super::super::{Action, mux};
use super::{Finding, Severity};

/// The greatest errno that the kernel returns (`MAX_ERRNO`, linux/err.h).
const MAX_ERRNO: u16 = 4095;

/// A look at one rule; the place is its own.
type Look = fn(&Profile, usize, &Rule) -> Vec<Finding>;

const LOOKS: [Look; 7] = [useless, void_conditions, shadowed, pointers, upper_halves, multiplexed, odd_action];

pub fn findings(profile: &Profile, host: Arch) -> Vec<Finding> {
    let mut findings = whole(profile, host);
    for (at, rule) in profile.rules.iter().enumerate() {
        findings.extend(LOOKS.iter().flat_map(|look| look(profile, at, rule)).map(|finding| finding.of_rule(at)));
    }
    findings.extend(unions(profile));
    findings
}

fn whole(profile: &Profile, host: Arch) -> Vec<Finding> {
    let mut findings = Vec::new();
    if profile.default_action.allows() {
        findings.push(Finding::new(
            Severity::Warning,
            "what no rule names is made: a list of refusals misses every call that it does not know",
            "make the default SCMP_ACT_ERRNO and list what is needed",
        ));
    }
    findings.extend(odd(profile.default_action, "the default action"));
    let others: Vec<Arch> = profile.architectures.iter().copied().filter(|arch| host.runs(*arch)).collect();
    if others.contains(&Arch::X32) {
        findings.push(Finding::new(
            Severity::Note,
            "SCMP_ARCH_X32 is listed: its calls have numbers of their own (0x40000000 and up), and few kernels have it",
            "take it out of the architectures",
        ));
    }
    if others.iter().any(|arch| arch.is_narrow()) && others.contains(&host) {
        findings.push(Finding::new(
            Severity::Note,
            "32-bit programs are covered too: conditions compare the lower 32 bits there, and pairs of registers hold \
             64-bit arguments, at other places",
            "take the 32-bit architectures out where no 32-bit program is to run",
        ));
    }
    let newer: BTreeSet<&str> =
        named(profile).filter(|name| matches!(resolve(name), Some(Resolved::Newer(_)))).collect();
    if !newer.is_empty() {
        let message =
            "the libseccomp of this machine does not know them: other runtimes here leave them to the default";
        findings.push(Finding::new(Severity::Note, message, "update libseccomp").of_calls(newer));
    }
    let unknown: BTreeSet<&str> = named(profile).filter(|name| resolve(name).is_none()).collect();
    if !unknown.is_empty() {
        let message = "no architecture has a call of that name";
        findings.push(Finding::new(Severity::Error, message, "correct the name").of_calls(unknown));
    }
    findings
}

fn named(profile: &Profile) -> impl Iterator<Item = &str> {
    profile.rules.iter().flat_map(|rule| &rule.names).map(String::as_str)
}

/// A rule that libseccomp never gets.
fn useless(profile: &Profile, _: usize, rule: &Rule) -> Vec<Finding> {
    if rule.action != profile.default_action {
        return Vec::new();
    }
    let message = if rule.args.is_empty() {
        "the rule says what the default says"
    } else {
        "the rule has the default's action, and is left out: where another rule allows the call, this one refuses nothing"
    };
    let severity = if rule.args.is_empty() { Severity::Note } else { Severity::Warning };
    vec![Finding::new(severity, message, "remove the rule").of_calls(&rule.names)]
}

/// Conditions that always or never hold.
fn void_conditions(_: &Profile, _: usize, rule: &Rule) -> Vec<Finding> {
    let mut findings = Vec::new();
    let never = |list: &&[ArgCondition]| Block::of(*list).is_none() || list.iter().any(bits_outside);
    if rule.alternatives().iter().any(never) {
        let message = "its conditions can never hold";
        findings.push(Finding::new(Severity::Error, message, "correct them").of_calls(&rule.names));
    }
    if !rule.args.is_empty() && rule.is_whole() {
        let message = "a comparison under the mask 0 holds for every value";
        findings.push(
            Finding::new(Severity::Error, message, "write the mask as value, the bits as valueTwo")
                .of_calls(&rule.names),
        );
    }
    findings
}

/// Bits to compare with that the mask takes away: libseccomp drops them, so the rule is not what was written.
fn bits_outside(condition: &ArgCondition) -> bool {
    condition.op == Op::MaskedEqual && condition.value_two & !condition.value != 0
}

/// Rules that another one makes idle.
fn shadowed(profile: &Profile, at: usize, rule: &Rule) -> Vec<Finding> {
    let mut findings = Vec::new();
    if rule.action == profile.default_action {
        return findings;
    }
    for name in &rule.names {
        let twin = profile.rules[..at]
            .iter()
            .position(|other| other.action == rule.action && other.args == rule.args && other.names.contains(name));
        let whole = |(other_at, other): (usize, &Rule)| {
            let earlier = other_at < at || !rule.is_whole();
            other_at != at
                && other.action != profile.default_action
                && other.is_whole()
                && other.names.contains(name)
                && earlier
        };
        let by = profile.rules.iter().enumerate().position(whole);
        let finding = match (twin, by) {
            (Some(twin), _) => {
                Finding::new(Severity::Note, format!("rule {} says the same already", twin + 1), "remove one")
            }
            (None, Some(by)) => {
                let same = profile.rules[by].action == rule.action;
                let severity = if same { Severity::Note } else { Severity::Error };
                let message = format!("never looked at: rule {} decides the call whatever its arguments are", by + 1);
                Finding::new(severity, message, "remove one of the two, or give the other conditions")
            }
            (None, None) => continue,
        };
        findings.push(finding.of_calls([name]));
    }
    findings
}

/// A pointer's value says nothing about what it points at.
fn pointers(_: &Profile, _: usize, rule: &Rule) -> Vec<Finding> {
    let points = |name: &&String| {
        // Whether there is one at all can be asked.
        let null = |condition: &ArgCondition| condition.value == 0 && matches!(condition.op, Op::Equal | Op::NotEqual);
        rule.args.iter().any(|arg| register(name, arg.index) == Register::Address && !null(arg))
    };
    let calls: Vec<&String> = rule.names.iter().filter(points).collect();
    let message = "compares an address, which the program chooses, and not what lies there";
    let finding = || Finding::new(Severity::Error, message, "remove the condition, or the call");
    if calls.is_empty() { Vec::new() } else { vec![finding().of_calls(calls)] }
}

/// Of an `int` the kernel looks at 32 bits; a comparison looks at 64, and the program sets the upper ones as it likes.
fn upper_halves(_: &Profile, _: usize, rule: &Rule) -> Vec<Finding> {
    let slips = |condition: &ArgCondition| match condition.op {
        Op::NotEqual | Op::Greater | Op::GreaterOrEqual => rule.action.allows(),
        Op::Equal | Op::Less | Op::LessOrEqual => !rule.action.allows(),
        Op::MaskedEqual => !rule.action.allows() && condition.value > u64::from(u32::MAX),
    };
    let passes = |name: &&String| rule.args.iter().any(|arg| slips(arg) && register(name, arg.index) == Register::Half);
    let calls: Vec<&String> = rule.names.iter().filter(passes).collect();
    let message = "the kernel looks at 32 bits of the argument and the condition at 64: with an upper bit set, the refused \
                   value passes";
    let remedy = "compare by SCMP_CMP_MASKED_EQ under the mask 0xffffffff, listing what is allowed";
    let finding = || Finding::new(Severity::Error, message, remedy);
    if calls.is_empty() { Vec::new() } else { vec![finding().of_calls(calls)] }
}

/// Conditions that do not hold through i386's multiplexers.
fn multiplexed(profile: &Profile, _: usize, rule: &Rule) -> Vec<Finding> {
    if rule.args.is_empty() || !rule.action.allows() || !profile.architectures.contains(&Arch::X86) {
        return Vec::new();
    }
    let calls: Vec<&String> = rule.names.iter().filter(|name| mux::multiplexer(name).is_some()).collect();
    let message = "32-bit programs make it through socketcall or ipc, where its arguments lie in memory: the conditions do \
                   not hold there";
    let finding = || Finding::new(Severity::Warning, message, "take SCMP_ARCH_X86 out of the architectures");
    if calls.is_empty() { Vec::new() } else { vec![finding().of_calls(calls)] }
}

fn odd_action(_: &Profile, _: usize, rule: &Rule) -> Vec<Finding> {
    odd(rule.action, "the action").into_iter().map(|finding| finding.of_calls(&rule.names)).collect()
}

fn odd(action: Action, whose: &str) -> Option<Finding> {
    let (severity, message, remedy) = match action {
        Action::KillThread => {
            (Severity::Warning, "kills one thread and leaves the others waiting for it", "use SCMP_ACT_KILL_PROCESS")
        }
        Action::Errno(errno) if errno == 0 || errno >= MAX_ERRNO => (
            Severity::Error,
            "is an errno that no call has: 0 tells the program that the call was made",
            "use 1, EPERM",
        ),
        Action::Trace(_) => {
            (Severity::Warning, "asks a tracer, and a cell has none: the call fails with ENOSYS", "use SCMP_ACT_ERRNO")
        }
        Action::Notify => {
            (Severity::Warning, "asks a supervisor, which only a runtime with a listener has", "use SCMP_ACT_ERRNO")
        }
        Action::Log => {
            (Severity::Note, "lets the call go on, and only writes it to the host's audit log", "use SCMP_ACT_ALLOW")
        }
        Action::Errno(_) | Action::Allow | Action::KillProcess | Action::Trap => return None,
    };
    Some(Finding::new(severity, format!("{whose} {message}"), remedy))
}

/// Several rules for one call that contradict each other, or that libseccomp 2.5 does not join rightly.
fn unions(profile: &Profile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in named(profile).collect::<BTreeSet<_>>() {
        let rules = profile.rules_for(name);
        if profile.pieces(name).err() == Some(Unclear::Contested) {
            let places: Vec<String> = rules.iter().map(|(at, _)| (at + 1).to_string()).collect();
            let message = format!(
                "the rules {} hold for the same arguments and have different actions: which decides is not defined",
                places.join(", ")
            );
            findings.push(
                Finding::new(Severity::Error, message, "make their conditions exclude each other").of_calls([name]),
            );
        }
        let conditions: Vec<&ArgCondition> = rules.iter().flat_map(|(_, rule)| &rule.args).collect();
        let lists: usize = rules.iter().map(|(_, rule)| rule.alternatives().len()).sum();
        let upper = |op: &[Op]| {
            conditions
                .iter()
                .filter(|arg| op.contains(&arg.op))
                .map(|arg| arg.value >> 32)
                .collect::<BTreeSet<_>>()
                .len()
        };
        let indexes: BTreeSet<u8> = conditions.iter().map(|arg| arg.index).collect();
        let unequal = conditions.iter().any(|arg| !matches!(arg.op, Op::Equal | Op::MaskedEqual));
        if lists > 1 && (upper(&[Op::Less, Op::LessOrEqual]) > 1 || (unequal && indexes.len() > 1)) {
            let message = "several rules for the call compare by more than equality: libseccomp 2.5 compiles some such rules \
                           wrongly, and with others never ends";
            let remedy = "compare by SCMP_CMP_EQ and SCMP_CMP_MASKED_EQ alone, or in one rule";
            findings.push(Finding::new(Severity::Warning, message, remedy).of_calls([name]));
        }
    }
    findings
}
