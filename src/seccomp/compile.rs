//! Turning a profile into the BPF program that the kernel runs, by libseccomp.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek};

use libseccomp::error::SeccompError;
use libseccomp::{ScmpAction, ScmpArgCompare, ScmpCompareOp, ScmpFilterContext, ScmpSyscall};
use rustix::fs::{MemfdFlags, memfd_create};

use super::action::Action;
use super::arch::Arch;
use super::bpf::{BpfError, Program};
use super::names::{Resolved, resolve};
use super::profile::{ArgCondition, Op, Profile, Rule};

/// Why a profile could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// libseccomp refused a step that concerns no single rule.
    #[error("libseccomp could not {doing} for the profile {profile}")]
    Library {
        /// The profile's name.
        profile: String,
        /// What was asked of it.
        doing: &'static str,
        /// What it said.
        source: SeccompError,
    },
    /// libseccomp refused a rule.
    #[error("libseccomp refused {action} for the call {syscall} in the profile {profile}")]
    Rule {
        /// The profile's name.
        profile: String,
        /// The call.
        syscall: String,
        /// The rule's action.
        action: &'static str,
        /// What it said.
        source: SeccompError,
    },
    /// A name that no architecture knows; a parsed profile has none.
    #[error("the profile {profile} names the system call {syscall:?}, which does not exist: correct it")]
    UnknownSyscall {
        /// The profile's name.
        profile: String,
        /// The name.
        syscall: String,
    },
    /// libseccomp would be busy with these rules for ever (2.5.4, measured).
    #[error(
        "the profile {profile} has rules for `{syscall}` that share a comparison ({op}) and go on differently, which \
         libseccomp never finishes: write it as SCMP_CMP_EQ or SCMP_CMP_MASKED_EQ"
    )]
    Endless {
        /// The profile's name.
        profile: String,
        /// The call.
        syscall: String,
        /// How they compare.
        op: &'static str,
    },
    /// The program could not be taken from libseccomp.
    #[error("could not read the compiled filter of the profile {profile} from memory")]
    Export {
        /// The profile's name.
        profile: String,
        /// What the system said.
        source: io::Error,
    },
    /// The program is not one that the kernel or hotcell takes.
    #[error("the compiled filter of the profile {profile} cannot be used")]
    Program {
        /// The profile's name.
        profile: String,
        /// What is wrong.
        source: BpfError,
    },
}

/// Compiles a profile for a kernel of architecture `arch`.
///
/// As runc does it: `arch` itself is always covered, the profile's architectures are too as far
/// as such a kernel runs them (calls of any other ABI kill their thread), and a rule whose
/// action is the default's is left out.
///
/// # Errors
/// When libseccomp refuses the profile, or the program is longer than the kernel takes.
pub fn compile(profile: &Profile, arch: Arch) -> Result<Program, CompileError> {
    refuse_endless(profile)?;
    let others: Vec<Arch> =
        profile.architectures.iter().copied().filter(|other| *other != arch && arch.runs(*other)).collect();
    // Two contexts, for a call that libseccomp has no name for can be given by its number, but
    // only where no other architecture's number would have to be found from it.
    let mut filter = context(profile, &[arch], Some(arch).filter(|it| *it == Arch::native()))?;
    if !others.is_empty() {
        let doing = library(profile, "join the architectures");
        let rest = context(profile, &others, None)?;
        filter.merge(rest).map_err(doing)?;
    }
    let bytes = export(profile, &filter)?;
    Program::from_bytes(&bytes).map_err(|source| CompileError::Program { profile: profile.name.clone(), source })
}

/// Refuses rules that libseccomp would never finish.
fn refuse_endless(profile: &Profile) -> Result<(), CompileError> {
    let mut calls: BTreeMap<&str, Vec<Vec<ArgCondition>>> = BTreeMap::new();
    for rule in profile.rules.iter().filter(|rule| rule.action != profile.default_action && !rule.args.is_empty()) {
        for name in &rule.names {
            let lists = rule.alternatives().into_iter().map(|list| {
                let mut list = list.to_vec();
                list.sort_by_key(|condition| condition.index);
                list
            });
            calls.entry(name).or_default().extend(lists);
        }
    }
    for (syscall, lists) in calls {
        let mut pairs =
            lists.iter().enumerate().flat_map(|(at, one)| lists[at + 1..].iter().map(move |other| (one, other)));
        if let Some(op) = pairs.find_map(|(one, other)| endless(one, other)) {
            let (profile, syscall) = (profile.name.clone(), syscall.to_owned());
            return Err(CompileError::Endless { profile, syscall, op: op.oci_name() });
        }
    }
    Ok(())
}

/// A comparison for anything but equality that both lists have, where they do not go on alike. That one value each of
/// the same argument comes next, with the same upper half, is known to work.
fn endless(one: &[ArgCondition], other: &[ArgCondition]) -> Option<Op> {
    let is_equality = |condition: &ArgCondition| matches!(condition.op, Op::Equal | Op::MaskedEqual);
    let parts = |shared: &&ArgCondition| {
        let rest = |list: &[ArgCondition]| -> Vec<ArgCondition> {
            list.iter().filter(|condition| condition.index > shared.index).copied().collect()
        };
        let harmless = match (rest(one).as_slice(), rest(other).as_slice()) {
            ([], _) | (_, []) => true,
            ([x], [y]) if x.index == y.index && x.value >> 32 == y.value >> 32 => is_equality(x) && is_equality(y),
            (here, there) => here == there,
        };
        !is_equality(shared) && other.contains(shared) && !harmless
    };
    one.iter().find(parts).map(|shared| shared.op)
}

fn library(profile: &Profile, doing: &'static str) -> impl Fn(SeccompError) -> CompileError {
    move |source| CompileError::Library { profile: profile.name.clone(), doing, source }
}

/// The profile for some architectures; calls that libseccomp does not know are given by their
/// number on `numbered`, or left to the default action.
fn context(profile: &Profile, arches: &[Arch], numbered: Option<Arch>) -> Result<ScmpFilterContext, CompileError> {
    let doing = library(profile, "choose the architectures");
    let mut filter = ScmpFilterContext::new(scmp_action(profile.default_action)).map_err(&doing)?;
    for arch in arches {
        let added = arch.scmp().and_then(|scmp| filter.add_arch(scmp).map(|_| ()));
        added.map_err(&doing)?;
    }
    if !arches.contains(&Arch::native()) {
        let native = Arch::native().scmp();
        let removed = native.and_then(|scmp| filter.remove_arch(scmp).map(|_| ()));
        removed.map_err(&doing)?;
    }
    for rule in &profile.rules {
        if rule.action != profile.default_action {
            add_rule(profile, &mut filter, rule, numbered)?;
        }
    }
    Ok(filter)
}

fn add_rule(
    profile: &Profile,
    filter: &mut ScmpFilterContext,
    rule: &Rule,
    numbered: Option<Arch>,
) -> Result<(), CompileError> {
    let conditions: Vec<ScmpArgCompare> = rule.args.iter().map(condition).collect();
    let alternatives: Vec<&[ScmpArgCompare]> =
        if rule.has_alternatives() { conditions.chunks(1).collect() } else { vec![&conditions] };
    for name in &rule.names {
        let syscall = match resolve(name) {
            Some(Resolved::Library(syscall)) => syscall,
            Some(Resolved::Newer(newer)) => match numbered.and_then(|arch| newer.number_on(arch)) {
                Some(number) => ScmpSyscall::from_raw_syscall(number),
                None => continue,
            },
            None => {
                return Err(CompileError::UnknownSyscall { profile: profile.name.clone(), syscall: name.clone() });
            }
        };
        for conditions in &alternatives {
            let added = filter.add_rule_conditional(scmp_action(rule.action), syscall, conditions);
            added.map_err(|source| CompileError::Rule {
                profile: profile.name.clone(),
                syscall: name.clone(),
                action: rule.action.oci_name(),
                source,
            })?;
        }
    }
    Ok(())
}

fn condition(arg: &ArgCondition) -> ScmpArgCompare {
    let (op, datum) = match arg.op {
        Op::NotEqual => (ScmpCompareOp::NotEqual, arg.value),
        Op::Less => (ScmpCompareOp::Less, arg.value),
        Op::LessOrEqual => (ScmpCompareOp::LessOrEqual, arg.value),
        Op::Equal => (ScmpCompareOp::Equal, arg.value),
        Op::GreaterOrEqual => (ScmpCompareOp::GreaterEqual, arg.value),
        Op::Greater => (ScmpCompareOp::Greater, arg.value),
        Op::MaskedEqual => (ScmpCompareOp::MaskedEqual(arg.value), arg.value_two),
    };
    ScmpArgCompare::new(arg.index.into(), op, datum)
}

fn scmp_action(action: Action) -> ScmpAction {
    match action {
        Action::KillProcess => ScmpAction::KillProcess,
        Action::KillThread => ScmpAction::KillThread,
        Action::Trap => ScmpAction::Trap,
        Action::Errno(errno) => ScmpAction::Errno(errno.into()),
        Action::Notify => ScmpAction::Notify,
        Action::Trace(message) => ScmpAction::Trace(message),
        Action::Log => ScmpAction::Log,
        Action::Allow => ScmpAction::Allow,
    }
}

/// The program's bytes, by way of a file in memory: libseccomp before 2.6 writes only to files.
fn export(profile: &Profile, filter: &ScmpFilterContext) -> Result<Vec<u8>, CompileError> {
    let io_error = |source: io::Error| CompileError::Export { profile: profile.name.clone(), source };
    let memory = memfd_create("hotcell-filter", MemfdFlags::CLOEXEC);
    let mut file = File::from(memory.map_err(|errno| io_error(errno.into()))?);
    filter.export_bpf(&file).map_err(library(profile, "write the program"))?;
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map_err(io_error)?;
    Ok(bytes)
}
