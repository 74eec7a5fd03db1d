//! `hotcell seccomp show` and `check`: what a profile says, and whether it is right.

use std::collections::BTreeSet;

use clap::Args;

use super::super::layout::{self, BAD, BOLD, CARE, DIM, GOOD, cell, fill, table};
use super::super::{CliError, Format};
use super::{Conditions, Library};
use crate::plan::Filter;
use crate::policy::{Layer, Policy};
use crate::profile::{self, LoadError, Text};
use crate::run::to_pretty;
use crate::seccomp::words::{action, conditions};
use crate::seccomp::{Host, Profile, ProfileError, Rule, Warning};
use crate::text::visible;

/// Arguments of `hotcell seccomp show`.
#[derive(Args, Debug)]
#[command(after_help = SHOW_EXAMPLES)]
pub struct ShowArgs {
    /// A profile: one of yours or of the binary's by name, or the path of a JSON file
    profile: String,
    /// text for people, json for the OCI form that engines take
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    pub conditions: Conditions,
}

const SHOW_EXAMPLES: &str = "Examples:
  hotcell seccomp show python
  hotcell seccomp show --format json docker-default > profile.json";

/// Arguments of `hotcell seccomp check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Profiles, by path or name
    #[arg(required = true)]
    profiles: Vec<String>,
    #[command(flatten)]
    pub conditions: Conditions,
}

/// Shows a profile.
///
/// # Errors
/// When it cannot be read.
pub fn show(library: &Library, arguments: &ShowArgs) -> Result<u8, CliError> {
    tell(library, &library.profile(&arguments.profile)?, arguments.format)
}

/// Prints a profile in one of its forms.
///
/// # Errors
/// When it cannot be written.
pub fn tell(library: &Library, profile: &Profile, format: Format) -> Result<u8, CliError> {
    layout::print(&match format {
        Format::Text => show_text(profile, &library.host, &library.policy),
        Format::Json => to_pretty(&profile.to_oci_json()) + "\n",
    })?;
    Ok(0)
}

/// Checks profiles; 1 where one has a mistake.
///
/// # Errors
/// When the answer cannot be written.
pub fn check_all(library: &Library, arguments: &CheckArgs) -> Result<u8, CliError> {
    let found = arguments.profiles.iter().map(|name| profile::find(name, &library.user_dir));
    let checks: Vec<Check> = found.map(|found| check(found, &library.host)).collect();
    layout::print(&checks.iter().map(|check| check.text.as_str()).collect::<String>())?;
    Ok(u8::from(checks.iter().any(|check| !check.good)))
}

/// What a check found.
struct Check {
    good: bool,
    text: String,
}

fn check(found: Result<Text, LoadError>, host: &Host) -> Check {
    let filter = found.and_then(|text| profile::filter(&text, host));
    match filter {
        Ok(Filter { profile, program }) => {
            let warning =
                |warning: &Warning| format!("{}: {CARE}warning{CARE:#}: {}\n", warning.place, warning.message);
            let warnings: String = profile.warnings.iter().map(warning).collect();
            let (rules, calls, steps) = (profile.rules.len(), calls(&profile), program.insns().len());
            let good = format!("{GOOD}good{GOOD:#} (rules {rules}, calls {calls}, instructions {steps})");
            Check { good: true, text: format!("{warnings}{}: {good}\n", profile.name) }
        }
        Err(LoadError::Mistake(ProfileError { place, mistake })) => {
            Check { good: false, text: format!("{place}: {BAD}error{BAD:#}: {mistake}\n") }
        }
        Err(error) => Check { good: false, text: format!("{BAD}error{BAD:#}: {error}\n") },
    }
}

/// How many calls the rules name, each counted once.
fn calls(profile: &Profile) -> usize {
    profile.rules.iter().flat_map(|rule| &rule.names).collect::<BTreeSet<_>>().len()
}

fn show_text(profile: &Profile, host: &Host, policy: &Policy) -> String {
    let caps = if policy.caps.on { policy.setting(Layer::Caps) } else { "all".to_owned() };
    let (kernel, caps) = (host.kernel, caps.replace(',', ", "));
    let conditions = format!("{}, Linux {}.{}, capabilities: {caps}", host.arch, kernel.major, kernel.minor);
    let arches: Vec<&str> = profile.architectures.iter().map(|arch| arch.oci_name()).collect();
    let arches = if arches.is_empty() { "the kernel's own".to_owned() } else { arches.join(", ") };
    let mut facts = vec![
        ("default", format!("{}, for every call not named below", action(profile.default_action))),
        ("architectures", arches),
        ("conditions for", conditions),
    ];
    if !profile.flags.is_empty() {
        facts.push(("flags", profile.flags.join(", ")));
    }
    let rows: Vec<_> = facts.into_iter().map(|(name, value)| [cell(name), cell(value)]).collect();
    let mut parts = vec![format!("{BOLD}{}{BOLD:#}\n{}", profile.name, table(2, &rows))];
    for group in profile.rules.chunk_by(|one, next| one.action == next.action) {
        parts.push(format!("\n{BOLD}{}{BOLD:#}\n", action(group[0].action)));
        parts.extend(group.iter().map(rule_text));
    }
    let warning = |warning: &Warning| format!("\n{CARE}warning:{CARE:#} {}\n", fill(&warning.to_string(), 9, 9));
    parts.extend(profile.warnings.iter().map(warning));
    parts.concat()
}

/// The comment, then the calls and the conditions on their arguments.
fn rule_text(rule: &Rule) -> String {
    let comment = rule.comment.as_deref().filter(|comment| !comment.is_empty());
    let comment = comment.map(|comment| format!("  {DIM}# {}{DIM:#}\n", fill(&visible(comment.as_bytes()), 4, 4)));
    let only = if rule.args.is_empty() { "" } else { " if " };
    let calls = format!("{}{only}{}", rule.names.join(" "), conditions(rule));
    format!("{}    {}\n", comment.unwrap_or_default(), fill(&calls, 4, 6))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn host() -> Host {
        profile::host(&Policy::shipped("hardened").unwrap()).unwrap()
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    fn checked(json: &str) -> Check {
        check(Ok(Text { label: "my.json".to_owned(), json: json.to_owned() }), &host())
    }

    #[test]
    fn a_mistake_is_told_as_a_compiler_tells_it() {
        let found = checked("{\n  \"defaultAction\": \"SCMP_ACT_ALOW\"\n}");
        assert!(!found.good);
        let text = plain(&found.text);
        assert!(text.starts_with("my.json:2:20: error: unknown action \"SCMP_ACT_ALOW\": did you mean"), "{text}");
    }

    #[test]
    fn a_good_profile_is_told_with_its_size_and_its_warnings() {
        let found = checked(
            r#"{ "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/x",
                 "syscalls": [{ "names": ["read", "write", "read"], "action": "SCMP_ACT_ERRNO" }] }"#,
        );
        assert!(found.good);
        let text = plain(&found.text);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("my.json:1:54: warning: listenerPath is left out"), "{text}");
        assert!(lines[1].starts_with("my.json: good (rules 1, calls 2, instructions "), "{text}");
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error() {
        let found = check(profile::find("./none.json", Path::new("/nowhere")), &host());
        assert!(!found.good && found.text.contains("./none.json"), "{}", found.text);
    }

    #[test]
    fn a_profile_is_shown_with_its_comments_its_calls_and_their_conditions() {
        let json = r#"{ "defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
            { "comment": "for \u001b[2J all", "names": ["read", "write"], "action": "SCMP_ACT_ALLOW" },
            { "names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [
                { "index": 0, "op": "SCMP_CMP_EQ", "value": 2 },
                { "index": 1, "op": "SCMP_CMP_MASKED_EQ", "value": 15, "valueTwo": 1 }] },
            { "names": ["ptrace"], "action": "SCMP_ACT_KILL_PROCESS" }] }"#;
        let profile = Profile::parse("my.json", json, &host()).unwrap();
        let text = plain(&show_text(&profile, &host(), &Policy::shipped("hardened").unwrap()));
        assert!(text.contains("  default         refuse with EPERM (SCMP_ACT_ERRNO), for every call"), "{text}");
        assert!(text.contains("capabilities: none\n"), "{text}");
        let rules = text.split("\n\n").skip(1).collect::<Vec<_>>();
        assert_eq!(
            rules,
            [
                "allow (SCMP_ACT_ALLOW)\n  # for \\x1b[2J all\n    read write\n    \
                 socket if arg0 == 0x2 and (arg1 & 0xf) == 0x1",
                "kill the process (SCMP_ACT_KILL_PROCESS)\n    ptrace\n",
            ]
        );
    }
}
