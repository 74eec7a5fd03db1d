//! `hotcell seccomp explain`: one call under one profile.

use clap::Args;
use serde_json::json;

use super::super::layout::{self, BOLD, CARE, cell, styled, table};
use super::super::{CliError, Format};
use super::{Conditions, Library, words};
use crate::run::to_pretty;
use crate::seccomp::{Arch, Decision, Profile, Reason, Risk, SeccompData, about, compile, syscall_number};
use crate::text::visible;

/// Arguments of `hotcell seccomp explain`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ExplainArgs {
    /// A profile, by name or path
    profile: String,
    /// A system call
    call: String,
    /// Its arguments, as 0=2 or 1=0x5412; those not given are 0
    #[arg(value_name = "ARG=VALUE")]
    args: Vec<String>,
    /// text for people, json for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    pub conditions: Conditions,
}

const EXAMPLES: &str = "Examples:
  hotcell seccomp explain python ptrace
  hotcell seccomp explain python ioctl 1=0x5412";

/// What there is to tell.
struct Explained {
    profile: Profile,
    call: String,
    args: [u64; 6],
    decision: Decision,
    /// What the compiled filter does, which is what counts.
    compiled: crate::seccomp::Action,
}

/// Tells it.
///
/// # Errors
/// When the profile cannot be read, there is no such call, or an argument is no number.
pub fn explain(library: &Library, arguments: &ExplainArgs) -> Result<u8, CliError> {
    let profile = library.profile(&arguments.profile)?;
    let shown = visible(arguments.call.as_bytes());
    let nr = syscall_number(&arguments.call).ok_or_else(|| {
        CliError::Said(format!("`{shown}` is no system call of this machine's: name one, such as openat"))
    })?;
    let args = read_args(&arguments.args)?;
    let arch = Arch::native();
    let data = SeccompData { nr, arch: arch.audit_token().unwrap_or_default(), args, ..SeccompData::default() };
    let said = |error: &dyn std::fmt::Display| CliError::Said(error.to_string());
    let program = compile(&profile, arch).map_err(|error| said(&error))?;
    let compiled = program.evaluate(&data).map_err(|error| said(&error))?;
    let decision = profile.decide(arch, &data);
    let explained = Explained { profile, call: arguments.call.clone(), args, decision, compiled };
    layout::print(&match arguments.format {
        Format::Text => explained.text(),
        Format::Json => explained.json(),
    })?;
    Ok(0)
}

fn read_args(words: &[String]) -> Result<[u64; 6], CliError> {
    let mut args = [0; 6];
    for word in words {
        let mut read = || {
            let (index, value) = word.split_once('=')?;
            let index: usize = index.strip_prefix("arg").unwrap_or(index).parse().ok()?;
            let value = match value.strip_prefix("0x") {
                Some(hex) => u64::from_str_radix(hex, 16).ok()?,
                None => value.parse().ok()?,
            };
            *args.get_mut(index)? = value;
            Some(())
        };
        read().ok_or_else(|| {
            let word = visible(word.as_bytes());
            CliError::Said(format!(
                "`{word}` is no argument: write its place, from 0 to 5, and its value, such as 1=0x5412"
            ))
        })?;
    }
    Ok(args)
}

impl Explained {
    fn text(&self) -> String {
        let args: Vec<String> = self.args.iter().map(|arg| format!("{arg:#x}")).collect();
        let mut rows = Vec::new();
        if let Some(about) = about(&self.call) {
            rows.push([cell("does"), cell(&about.does)]);
            rows.push([cell("for"), cell(about.purpose.title())]);
            let why = about.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
            let risk = format!("{}{why}", about.risk.word());
            rows.push([cell("risk"), if about.risk == Risk::Low { cell(risk) } else { styled(CARE, risk) }]);
        }
        rows.push([cell("here"), cell(words::action(self.compiled))]);
        rows.push([cell("decided by"), cell(self.decided_by())]);
        let rule = self.decision.by.rule().and_then(|at| self.profile.rules.get(at));
        if let Some(comment) = rule.and_then(|rule| rule.comment.as_deref()).filter(|comment| !comment.is_empty()) {
            rows.push([cell("comment"), cell(visible(comment.as_bytes()))]);
        }
        let says = self.profile.says(&self.call);
        if says.plain().is_none() {
            rows.push([cell("in all"), cell(words::says(&says))]);
        }
        if let Some(warning) = self.warning() {
            rows.push([styled(CARE, "warning"), styled(CARE, warning)]);
        }
        let (name, call) = (visible(self.profile.name.as_bytes()), &self.call);
        format!("{BOLD}{call}({}){BOLD:#} under {name}\n{}", args.join(", "), table(2, &rows))
    }

    fn decided_by(&self) -> String {
        match self.decision.by {
            Reason::Default => "the default action: no rule holds".to_owned(),
            Reason::Uncovered => "the architectures: the profile does not cover this one".to_owned(),
            Reason::Rule(at) => {
                let conditions = self.profile.rules.get(at).map(words::conditions).filter(|text| !text.is_empty());
                conditions.map_or_else(|| format!("rule {}", at + 1), |text| format!("rule {}, if {text}", at + 1))
            }
        }
    }

    /// Where the rules and the program do not say the same.
    fn warning(&self) -> Option<String> {
        if !self.decision.contested.is_empty() {
            let others: Vec<String> = self.decision.contested.iter().map(|at| (at + 1).to_string()).collect();
            let others = others.join(", ");
            return Some(format!(
                "rules {others} hold too, with other actions: what is done here is libseccomp's choice"
            ));
        }
        (self.decision.action != self.compiled).then(|| {
            let meant = words::meaning(self.decision.action);
            format!("by its rules the profile should {meant}: libseccomp compiles them otherwise")
        })
    }

    fn json(&self) -> String {
        let about = about(&self.call).map(|about| {
            json!({
                "does": about.does,
                "purpose": about.purpose.title(),
                "risk": about.risk.word(),
                "why": about.why,
            })
        });
        let object = json!({
            "profile": self.profile.name,
            "call": self.call,
            "args": self.args,
            "action": self.compiled.oci_name(),
            "errno": self.compiled.data(),
            "rule": self.decision.by.rule().map(|at| at + 1),
            "contested": self.decision.contested.iter().map(|at| at + 1).collect::<Vec<_>>(),
            "warning": self.warning(),
            "about": about,
        });
        to_pretty(&object) + "\n"
    }
}
