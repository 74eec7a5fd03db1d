//! Turning a profile into the BPF program that the kernel runs, by libseccomp.

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
