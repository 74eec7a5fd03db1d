//! What a profile says to a call, read from its rules and not from the BPF program.
//!
//! The meaning is that of runc and crun, which hand the rules to libseccomp one by one:
//!
//! 1. A rule whose action is the default's is left out, whatever its conditions are.
//! 2. A rule without conditions (a comparison under an empty mask is none) decides its calls, whatever other rules say; of several, the first
//!    (`seccomp_rule_add(3)`: the more specific rule is dropped).
//! 3. Else a rule decides whose conditions all hold; two on one argument are alternatives. Rules are a union, so their
//!    order means nothing. Where two that hold have different actions, libseccomp's own order of comparisons decides,
//!    which no manual tells: such a call is [`Decision::contested`], and only the compiled program knows the answer.
//! 4. Else the default action. A call of an ABI that the profile does not cover kills its thread.
//!
//! ABIs of 32 bits compare the lower halves of arguments and of values. On i386 the calls of sockets and of System V
//! IPC also come through `socketcall` and `ipc`, whose first argument says which: libseccomp puts that in the place of
//! a rule's own condition on the first argument.

use super::arch::Arch;
use super::bpf::SeccompData;
use super::names::{numbered_on, syscall_name};
use super::profile::{ArgCondition, Op, Profile, Rule};
use super::{Action, mux};

/// What is done with a call, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What is done.
    pub action: Action,
    /// What decided it.
    pub by: Reason,
    /// Other rules that hold for the call and have another action: which of them all decides is libseccomp's own
    /// matter.
    pub contested: Vec<usize>,
}

/// What decided over a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The rule with this place in [`Profile::rules`].
    Rule(usize),
    /// No rule holds.
    Default,
    /// The profile does not cover the ABI that the call came through.
    Uncovered,
}

impl Reason {
    /// The rule, where one decided.
    pub const fn rule(self) -> Option<usize> {
        match self {
            Self::Rule(at) => Some(at),
            Self::Default | Self::Uncovered => None,
        }
    }
}

impl Op {
    /// Whether `argument` compares so with `value` (`seccomp_rule_add(3)`).
    pub const fn holds(self, argument: u64, value: u64, value_two: u64) -> bool {
        match self {
            Self::NotEqual => argument != value,
            Self::Less => argument < value,
            Self::LessOrEqual => argument <= value,
            Self::Equal => argument == value,
            Self::GreaterOrEqual => argument >= value,
            Self::Greater => argument > value,
            Self::MaskedEqual => argument & value == value_two & value,
        }
    }
}

impl ArgCondition {
    /// Whether the condition holds for these arguments; `narrow` ABIs have arguments of 32 bits.
    pub fn holds(&self, args: &[u64; 6], narrow: bool) -> bool {
        let cut = |value: u64| if narrow { value & u64::from(u32::MAX) } else { value };
        let argument = args.get(usize::from(self.index)).copied().unwrap_or_default();
        self.op.holds(cut(argument), cut(self.value), cut(self.value_two))
    }

    /// Whether this is no condition at all: libseccomp leaves a comparison without a bit in its mask away.
    pub fn is_void(&self, narrow: bool) -> bool {
        let mask = if narrow { self.value & u64::from(u32::MAX) } else { self.value };
        self.op == Op::MaskedEqual && mask == 0
    }
}

impl Rule {
    /// The sets of conditions of which one must hold in full: each condition by itself where two look at the same
    /// argument, else all of them together. A rule without conditions has one set, which is empty.
    pub fn alternatives(&self) -> Vec<&[ArgCondition]> {
        if self.has_alternatives() { self.args.chunks(1).collect() } else { vec![&self.args] }
    }
}

/// Whether a rule holds for a call.
enum Holds {
    Not,
    Here,
    /// And for every other call of that name: no other rule is asked.
    Always,
}

impl Rule {
    fn holds(&self, abi: Arch, name: &str, args: &[u64; 6]) -> Holds {
        let narrow = abi.is_narrow();
        let mut holds = Holds::Not;
        for known in &self.names {
            let direct = known == name;
            let command = mux::command(abi, name, known);
            if !direct && command.is_none_or(|command| command != args[0] & u64::from(u32::MAX)) {
                continue;
            }
            for alternative in self.alternatives() {
                if direct && alternative.iter().all(|arg| arg.is_void(narrow)) {
                    return Holds::Always;
                }
                // The command of a multiplexer stands in the place of the first argument.
                let mut left = alternative.iter().filter(|arg| direct || arg.index != 0);
                if left.all(|arg| arg.holds(args, narrow)) {
                    holds = Holds::Here;
                }
            }
        }
        holds
    }
}

impl Profile {
    /// Whether a filter made of this profile on a kernel of architecture `host` covers calls of `abi`.
    pub fn covers(&self, host: Arch, abi: Arch) -> bool {
        abi == host || (host.runs(abi) && self.architectures.contains(&abi))
    }

    /// What this profile, loaded on a kernel of architecture `host`, does with a call.
    pub fn decide(&self, host: Arch, call: &SeccompData) -> Decision {
        let Some(abi) = Arch::of_call(call.arch, call.nr).filter(|abi| self.covers(host, *abi)) else {
            return Decision { action: Action::KillThread, by: Reason::Uncovered, contested: Vec::new() };
        };
        match syscall_name(call.arch, call.nr) {
            Some(name) => self.decide_name(host, abi, &name, &call.args),
            None => self.by_default(),
        }
    }

    /// [`Self::decide`] for a call that is known by its name and reaches the kernel by its own number.
    pub fn decide_name(&self, host: Arch, abi: Arch, name: &str, args: &[u64; 6]) -> Decision {
        if !numbered_on(name, host, abi) {
            return self.by_default();
        }
        let mut held = Vec::new();
        for (at, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.action != self.default_action) {
            match rule.holds(abi, name, args) {
                Holds::Always => return self.by_rule(at, Vec::new()),
                Holds::Here => held.push(at),
                Holds::Not => {}
            }
        }
        match held.split_first() {
            Some((first, rest)) => {
                let differs = |at: &usize| self.rules[*at].action != self.rules[*first].action;
                self.by_rule(*first, rest.iter().copied().filter(differs).collect())
            }
            None => self.by_default(),
        }
    }

    fn by_rule(&self, at: usize, contested: Vec<usize>) -> Decision {
        Decision { action: self.rules[at].action, by: Reason::Rule(at), contested }
    }

    fn by_default(&self) -> Decision {
        Decision { action: self.default_action, by: Reason::Default, contested: Vec::new() }
    }
}
