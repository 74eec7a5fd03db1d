//! `hotcell seccomp learn`: the least profile for what a specimen is seen to use, or what another profile would refuse
//! it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::super::layout::{self, BAD, BOLD, DIM, GOOD, fill};
use super::super::once::{CellArgs, Prepared, Station, shown};
use super::super::{CliError, Common, Format, block_on, text};
use super::{Library, ShapeArgs, show};
use crate::files;
use crate::plan::{CellPlan, Watch};
use crate::policy::Layer;
use crate::profile::LoadError;
use crate::run::{Denial, Learned, Observation, Outcome, RunEvent, Summary, denial_json, to_pretty, words};
use crate::seccomp::{self, Arch, Profile, compile, diff, merge};
use crate::supervise::Obeyed;
use crate::text::visible;

/// Runs to learn from, where nothing is said: a call that only some of them make is in.
const RUNS: u32 = 3;

/// Arguments of `hotcell seccomp learn`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct LearnArgs {
    #[command(flatten)]
    pub cell: CellArgs,
    /// How often to run it [default: 3; with --candidate 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: Option<u32>,
    /// Write the profile to a file; one that is there already gets what it lacks
    #[arg(long, value_name = "FILE", conflicts_with = "candidate")]
    into: Option<PathBuf>,
    /// Keep the policy's profile in force, and tell what this one would refuse; exit status 1 where it would
    #[arg(long, value_name = "PROFILE")]
    candidate: Option<String>,
    /// The profile in force with --candidate, where it is not the policy's
    #[arg(long, value_name = "PROFILE", requires = "candidate")]
    seccomp: Option<String>,
    /// The profile's name
    #[arg(long, default_value = "learned")]
    name: String,
    #[command(flatten)]
    shape: ShapeArgs,
    /// text for people, json for programs: the profile in the OCI form; with --into and --candidate a report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const EXAMPLES: &str =
    "While it learns, the seccomp layer lets every call pass and hotcell writes it down; all other layers
hold. So learn from code that you would run without that layer, or use --candidate, which keeps it.
Runs show what a program did, not what it may do: learn from its tests and its errors too (--into).

Examples:
  hotcell seccomp learn --format json x.py > mine.json
  hotcell seccomp learn --into mine.json x.py
  hotcell seccomp learn --candidate mine.json x.py
  hotcell seccomp prove mine.json x.py";

/// Learns.
///
/// # Errors
/// When a profile cannot be read or written, or nothing could be run.
pub fn learn(common: &Common, library: &Library, arguments: &LearnArgs) -> Result<u8, CliError> {
    let mut prepared = Prepared::new(common, &arguments.cell, arguments.seccomp.as_deref())?;
    let candidate = arguments.candidate.as_deref().map(|name| library.profile(name)).transpose()?;
    if let Some(profile) = &candidate {
        prepared.request.watch = Watch::Candidate(compile(profile, Arch::native()).map_err(LoadError::from)?);
    } else {
        prepared.request.watch = Watch::Uses;
        prepared.request.policy.set_on(Layer::Seccomp, false);
        prepared.request.filter = None;
    }
    // What is there already is read, and what could not be written is refused, before anything runs.
    let earlier = arguments.into.as_deref().map(|path| earlier(library, path)).transpose()?.flatten();
    if let Some(path) = &arguments.into {
        files::check_replaceable(path).map_err(|error| {
            let name = shown(path);
            CliError::Said(format!(
                "the profile {name} could not be written: {error}; nothing was run: name a file in a directory that is there and \
                 that you may write to"
            ))
        })?;
    }
    let runs = arguments.runs.unwrap_or(if candidate.is_some() { 1 } else { RUNS });
    let Some(summaries) = block_on(run(&prepared, runs))? else { return Ok(Outcome::Stopped.exit_status()) };
    if let Some(candidate) = candidate {
        return tell_candidate(&candidate, &summaries, arguments.format);
    }
    let learned = profile_of(&summaries, arguments, &prepared);
    match &arguments.into {
        Some(path) => put_into(path, earlier.as_ref(), learned, arguments.format),
        None => show::tell(library, &learned, arguments.format),
    }
}

/// The profile that is to be added to; `None` where there is no such file.
fn earlier(library: &Library, path: &Path) -> Result<Option<Profile>, CliError> {
    // A file, and never a profile of that name.
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if path.exists() { library.profile(&path.to_string_lossy()).map(Some) } else { Ok(None) }
}

/// Runs it so often; `None` where it was stopped.
async fn run(prepared: &Prepared, runs: u32) -> Result<Option<Vec<Summary>>, CliError> {
    let station = prepared.station().await?;
    let plan = station.plan(prepared, prepared.request.clone());
    if let Observation::NotObservable(reason) = &plan.denials {
        return Err(CliError::Said(format!("calls cannot be recorded here: {reason}")));
    }
    text::before(&plan.request.policy, &prepared.specimen);
    let mut summaries = Vec::new();
    for at in 1..=runs {
        let Some(summary) = one(&station, prepared, plan.clone()).await? else { return Ok(None) };
        let Some((outcome, duration)) = &summary.outcome else { return Ok(None) };
        match outcome {
            Outcome::Stopped => return Ok(None),
            Outcome::NotStarted(reason) | Outcome::CellLost(reason) => return Err(CliError::Said(reason.clone())),
            Outcome::Exited(_) | Outcome::Signaled(_) | Outcome::TimedOut => {}
        }
        text::aside(&format!("run {at} of {runs}: {outcome} after {}", words::time(*duration)));
        if *outcome != Outcome::Exited(0) {
            text::warn("what fails does not use what it would have used: hotcell run shows what it printed");
        }
        if let Some(reason) = &summary.unseen {
            text::warn(&format!("run {at} is not known as a whole: {reason}"));
        }
        summaries.push(summary);
    }
    station.leave().await;
    Ok(Some(summaries))
}

/// One run, folded; `None` where it was stopped before its cell stood.
///
/// # Errors
/// When the cell could not be made.
pub async fn one(station: &Station, prepared: &Prepared, plan: CellPlan) -> Result<Option<Summary>, CliError> {
    let fold = |mut events: mpsc::Receiver<RunEvent>| {
        let mut summary = Summary::default();
        while let Some(event) = events.blocking_recv() {
            summary.apply(&event);
        }
        summary
    };
    Ok(station.run(prepared, plan, Obeyed::nobody(), fold).await?.1)
}

fn profile_of(summaries: &[Summary], arguments: &LearnArgs, prepared: &Prepared) -> Profile {
    let mut learned = Learned::default();
    for summary in summaries {
        learned.add(summary);
    }
    arguments.shape.profile(&arguments.name, &learned.uses(), &prepared.request.policy, &[])
}

/// Writes a profile, with what is there already, and tells what is new.
fn put_into(path: &Path, earlier: Option<&Profile>, learned: Profile, format: Format) -> Result<u8, CliError> {
    let (profile, new): (Profile, Vec<String>) = match earlier {
        None => {
            let allowing = learned.rules.iter().filter(|rule| rule.action.allows());
            let all: BTreeSet<String> = allowing.flat_map(|rule| rule.names.clone()).collect();
            (learned, all.into_iter().collect())
        }
        Some(earlier) => {
            let learned = Profile { default_action: earlier.default_action, ..learned };
            let said = |error: seccomp::CombineError| CliError::Said(error.to_string());
            let mut both = merge(earlier, &learned, Arch::native()).map_err(said)?;
            both.name.clone_from(&earlier.name);
            let changes = diff(earlier, &both).changes;
            (both, changes.into_iter().filter(|change| change.opens).map(|change| change.call).collect())
        }
    };
    let text = to_pretty(&profile.to_oci_json()) + "\n";
    let name = shown(path);
    let written = files::replace(path, text.as_bytes(), 0o644);
    written.map_err(|error| CliError::Said(format!("writing the profile {name}: {error}")))?;
    layout::print(&match format {
        Format::Json => to_pretty(&json!({ "profile": name, "new": new, "made": earlier.is_none() })) + "\n",
        Format::Text if new.is_empty() => format!("{BOLD}{name}{BOLD:#}: nothing new\n"),
        Format::Text => {
            let what = if earlier.is_none() { "made, with" } else { "new in it" };
            let count = words::counted(new.len() as u64, "call");
            format!("{BOLD}{name}{BOLD:#}: {what} {count}\n    {}\n", fill(&new.join(" "), 4, 4))
        }
    })?;
    Ok(0)
}

/// Tells what a candidate would refuse; 1 where that is anything.
fn tell_candidate(candidate: &Profile, summaries: &[Summary], format: Format) -> Result<u8, CliError> {
    let would: Vec<&Denial> = summaries.iter().flat_map(|summary| summary.would.values()).collect();
    let denied: Vec<&Denial> = summaries
        .iter()
        .flat_map(|summary| summary.denials.values())
        .filter(|denial| denial.layer == Layer::Seccomp)
        .collect();
    let name = visible(candidate.name.as_bytes());
    layout::print(&match format {
        Format::Json => {
            let all = |list: &[&Denial]| list.iter().map(|denial| denial_json(denial)).collect::<Vec<Value>>();
            let report = json!({
                "candidate": candidate.name,
                "runs": summaries.len(),
                "would_refuse": all(&would),
                "refused": all(&denied),
            });
            to_pretty(&report) + "\n"
        }
        Format::Text if would.is_empty() => {
            format!("{BOLD}{name}{BOLD:#} {GOOD}would refuse nothing{GOOD:#}\n{}", in_force(&denied))
        }
        Format::Text => {
            let calls: u64 = would.iter().map(|denial| denial.count).sum();
            let head = format!("{BOLD}{name}{BOLD:#} {BAD}would refuse {}{BAD:#}\n", words::counted(calls, "call"));
            head + &refused(&would) + &in_force(&denied)
        }
    })?;
    Ok(u8::from(!would.is_empty()))
}

/// What the profile in force refused meanwhile.
fn in_force(denied: &[&Denial]) -> String {
    if denied.is_empty() {
        return String::new();
    }
    format!("{DIM}refused by the profile in force:{DIM:#}\n{}", refused(denied))
}

/// Calls that are alike but for their arguments and their process, as one line with the first one's arguments.
fn refused(denials: &[&Denial]) -> String {
    let mut groups: Vec<(&Denial, u64, usize)> = Vec::new();
    for denial in denials {
        let alike = |(first, ..): &&mut (&Denial, u64, usize)| {
            (&first.syscall, first.refusal, first.line()) == (&denial.syscall, denial.refusal, denial.line())
        };
        match groups.iter_mut().find(alike) {
            Some((_, count, kinds)) => (*count, *kinds) = (*count + denial.count, *kinds + 1),
            None => groups.push((denial, denial.count, 1)),
        }
    }
    groups.into_iter().map(|(first, count, kinds)| group(first, count, kinds)).collect()
}

fn group(first: &Denial, count: u64, kinds: usize) -> String {
    let frame = first.source.as_ref().and_then(|source| source.line.as_ref().ok());
    let line = frame.map_or_else(String::new, |frame| format!("line {} in {}, ", frame.line, frame.function));
    let others = if kinds > 1 { " and the like" } else { "" };
    let call = format!("{}({}) = {}{others}", first.syscall, first.args.join(", "), first.refusal);
    let (call, by) = (fill(&call, 11, 11), fill(&format!("{line}{}", first.comm), 11, 11));
    format!("  {count:>6} × {call}\n           {DIM}{by}{DIM:#}\n")
}
