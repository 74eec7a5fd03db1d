//! Reading a profile: the OCI runtime specification's form (config-linux.md, "Seccomp") and
//! Docker's, which is that and more.

use super::action::Action;
use super::arch::{Arch, Host};
use super::docker;
use super::fields::{Fields, Mistake, ProfileError, Source};
use super::json::Node;
use super::names::{Resolved, nearest_syscall, resolve};
use super::profile::{ArgCondition, Op, Profile, Rule, Warning};

/// EPERM: what a refused call fails with where the profile does not say (config-linux.md).
const DEFAULT_ERRNO: u16 = 1;

/// The greatest errno that libseccomp takes: one less than the kernel's own greatest.
const GREATEST_ERRNO: u16 = 4094;

const PROFILE_KEYS: [&str; 8] = [
    "defaultAction",
    "defaultErrnoRet",
    "architectures",
    "archMap",
    "flags",
    "listenerPath",
    "listenerMetadata",
    "syscalls",
];
const RULE_KEYS: [&str; 8] = ["names", "name", "action", "errnoRet", "args", "comment", "includes", "excludes"];
const ARG_KEYS: [&str; 4] = ["index", "value", "valueTwo", "op"];

/// The flags of the OCI runtime specification 1.2.
const FLAGS: [&str; 4] = [
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
];

impl Profile {
    /// Reads a profile, of which `name` is the file or another label for messages, and decides
    /// its conditions for `host`.
    ///
    /// A system call that only the libseccomp in use is too old for is a warning.
    ///
    /// # Errors
    /// The first mistake in the text, with its place.
    pub fn parse(name: &str, text: &str, host: &Host) -> Result<Self, ProfileError> {
        let source = Source { name, text };
        let tree = source.tree()?;
        let fields = source.object(&tree, "the profile", &PROFILE_KEYS)?;
        let mut warnings = Vec::new();
        warn_of_listener(source, &fields, &mut warnings);
        Ok(Self {
            name: name.to_owned(),
            default_action: action(source, &fields, "defaultAction", "defaultErrnoRet")?,
            architectures: architectures(source, &fields, host)?,
            flags: flags(source, &fields)?,
            rules: rules(source, &fields, host, &mut warnings)?,
            warnings,
        })
    }
}

fn warn_of_listener(source: Source<'_>, fields: &Fields<'_, '_>, warnings: &mut Vec<Warning>) {
    for key in ["listenerPath", "listenerMetadata"] {
        if let Some(node) = fields.get(key) {
            warnings.push(Warning {
                place: source.place(node.offset),
                message: format!("{key} is left out: hotcell is the listener itself"),
            });
        }
    }
}

/// The action under `key`, with the errno or message under `data_key`.
fn action(
    source: Source<'_>,
    fields: &Fields<'_, '_>,
    key: &'static str,
    data_key: &'static str,
) -> Result<Action, ProfileError> {
    let node = fields.need(key)?;
    let by_name = |name: &str| Action::from_oci_name(name, DEFAULT_ERRNO);
    let action = source.word(node, "action", &Action::OCI_NAMES, by_name)?;
    let Some(data) = fields.get(data_key) else {
        return Ok(action);
    };
    let (wrap, greatest): (fn(u16) -> Action, u16) = match action {
        Action::Errno(_) => (Action::Errno, GREATEST_ERRNO),
        Action::Trace(_) => (Action::Trace, u16::MAX),
        _ => {
            let action = action.oci_name().to_owned();
            let mistake = Mistake::NoErrno { key: data_key, action };
            return Err(source.error(data.offset, mistake));
        }
    };
    let number = source.number(data, data_key, greatest.into())?;
    Ok(wrap(u16::try_from(number).unwrap_or(greatest)))
}

fn architectures(source: Source<'_>, fields: &Fields<'_, '_>, host: &Host) -> Result<Vec<Arch>, ProfileError> {
    fields.not_both("architectures", "archMap")?;
    let listed = fields.items("architectures")?.iter();
    let listed = listed.map(|node| docker::arch(source, node));
    let mut arches = listed.collect::<Result<Vec<_>, _>>()?;
    arches.extend(docker::arch_map(source, fields.items("archMap")?, host)?);
    Ok(arches)
}

fn flags(source: Source<'_>, fields: &Fields<'_, '_>) -> Result<Vec<String>, ProfileError> {
    let known = |word: &str| FLAGS.contains(&word).then(|| word.to_owned());
    let flags = fields.items("flags")?.iter();
    flags.map(|node| source.word(node, "flag", &FLAGS, known)).collect()
}

/// The rules that hold on this host. Those that do not are read all the same: a mistake in
/// them is a mistake.
fn rules(
    source: Source<'_>,
    fields: &Fields<'_, '_>,
    host: &Host,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Rule>, ProfileError> {
    let mut rules = Vec::new();
    for node in fields.items("syscalls")? {
        let fields = source.object(node, "a rule", &RULE_KEYS)?;
        let mut found = Vec::new();
        let rule = rule(source, &fields, &mut found)?;
        if docker::holds(source, &fields, host)? {
            rules.push(rule);
            warnings.extend(found);
        }
    }
    Ok(rules)
}

fn rule(source: Source<'_>, fields: &Fields<'_, '_>, warnings: &mut Vec<Warning>) -> Result<Rule, ProfileError> {
    let args = fields.items("args")?.iter();
    let args = args.map(|node| argument(source, node));
    let comment = fields.get("comment").map(|node| source.text(node, "comment"));
    let rule = Rule {
        names: names(source, fields, warnings)?,
        action: action(source, fields, "action", "errnoRet")?,
        args: args.collect::<Result<_, _>>()?,
        comment: comment.transpose()?.map(str::to_owned),
    };
    if rule.has_alternatives() {
        warnings.push(Warning {
            place: source.place(fields.offset),
            message: "two conditions on one argument are alternatives, either is enough: \
                      container runtimes read them so"
                .to_owned(),
        });
    }
    Ok(rule)
}

/// The calls of a rule, from `names` or the older `name`.
fn names(
    source: Source<'_>,
    fields: &Fields<'_, '_>,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<String>, ProfileError> {
    fields.not_both("name", "names")?;
    let nodes = match fields.get("name") {
        Some(node) => std::slice::from_ref(node),
        None => source.list(fields.need("names")?, "names")?,
    };
    let mut newer = Vec::new();
    let mut names = Vec::new();
    for node in nodes {
        let name = source.text(node, "a system call's name")?;
        match resolve(name) {
            Some(Resolved::Library(_)) => {}
            Some(Resolved::Newer(_)) => newer.push((name, node)),
            None => return Err(unknown_syscall(source, node, name)),
        }
        names.push(name.to_owned());
    }
    warnings.extend(newer_than_library(source, &newer));
    Ok(names)
}

fn unknown_syscall(source: Source<'_>, node: &Node, name: &str) -> ProfileError {
    let mistake = Mistake::UnknownSyscall { name: name.to_owned(), suggestion: nearest_syscall(name) };
    source.error(node.offset, mistake)
}

fn newer_than_library(source: Source<'_>, newer: &[(&str, &Node)]) -> Option<Warning> {
    let (_, first) = newer.first()?;
    let names: Vec<&str> = newer.iter().map(|(name, _)| *name).collect();
    Some(Warning {
        place: source.place(first.offset),
        message: format!(
            "newer than the libseccomp of this machine, so filtered by number and for {} alone: {}",
            Arch::native(),
            names.join(", ")
        ),
    })
}

fn argument(source: Source<'_>, node: &Node) -> Result<ArgCondition, ProfileError> {
    let fields = source.object(node, "an argument condition", &ARG_KEYS)?;
    let number = |key| match fields.get(key) {
        Some(node) => source.number(node, key, u64::MAX),
        None => Ok(0),
    };
    let index = source.number(fields.need("index")?, "argument index", 5)?;
    let ops = Op::ALL.map(Op::oci_name);
    let by_name = |word: &str| Op::ALL.into_iter().find(|op| op.oci_name() == word);
    fields.need("value")?;
    Ok(ArgCondition {
        index: u8::try_from(index).unwrap_or_default(),
        value: number("value")?,
        value_two: number("valueTwo")?,
        op: source.word(fields.need("op")?, "operator", &ops, by_name)?,
    })
}
