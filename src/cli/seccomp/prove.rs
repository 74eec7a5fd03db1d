//! `hotcell seccomp prove`: whether a profile does the same under the engine's own enforcement as under hotcell's eyes.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::super::layout::{self, BAD, BOLD, CARE, Cell, DIM, GOOD, cell, fill, table};
use super::super::once::{CellArgs, Prepared, shown};
use super::super::{CliError, Common, Format, block_on, text};
use super::learn::one;
use crate::plan::CellPlan;
use crate::policy::Layer;
use crate::run::{
    Disagreement, Observation, Outcome, Stream, Summary, disagreements, end, same_output, summary_json, to_pretty,
    words,
};
use crate::seccomp::{Needed, lacking};
use crate::text::visible;

/// Arguments of `hotcell seccomp prove`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ProveArgs {
    /// A profile, by name or path
    profile: String,
    #[command(flatten)]
    cell: CellArgs,
    /// text for people, json for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const EXAMPLES: &str =
    "Two runs under the same profile are compared, one under hotcell's eyes and one under the engine's own
enforcement, as an exported `docker run` has it: how they end and what they print. Where they print
something else, a second supervised run shows whether that says anything.

Exit status: 0 where they agree, 1 where not.

Examples:
  hotcell seccomp prove mine.json x.py
  hotcell seccomp prove --engine docker mine.json x.py";

/// What came of it.
struct Proof {
    supervised: Summary,
    native: Summary,
    disagreements: Vec<Disagreement>,
    /// What starting needs and the profile refuses.
    lacking: Vec<&'static Needed>,
    /// The command that makes a profile with it.
    remedy: String,
}

/// Proves a profile; 1 where the two runs disagree.
///
/// # Errors
/// When the profile or the specimen cannot be read, or there is no supervised run to compare with.
pub fn prove(common: &Common, arguments: &ProveArgs) -> Result<u8, CliError> {
    let prepared = Prepared::new(common, &arguments.cell, Some(&arguments.profile))?;
    let file = arguments.cell.file.as_deref().map_or_else(|| "FILE".to_owned(), shown);
    let path = if Path::new(&arguments.profile).is_file() { arguments.profile.as_str() } else { "new.json" };
    let remedy = format!("hotcell seccomp learn --into {} {file}", visible(path.as_bytes()));
    let Some(proof) = block_on(compare(&prepared, remedy))? else { return Ok(Outcome::Stopped.exit_status()) };
    layout::print(&match arguments.format {
        Format::Text => proof.text(&visible(arguments.profile.as_bytes())),
        Format::Json => to_pretty(&proof.json(&arguments.profile)) + "\n",
    })?;
    Ok(u8::from(!proof.disagreements.is_empty()))
}

/// The runs; `None` where they were stopped.
async fn compare(prepared: &Prepared, remedy: String) -> Result<Option<Proof>, CliError> {
    let Some(filter) = &prepared.request.filter else {
        let said = "the seccomp layer is off, so there is nothing to prove: leave out --without seccomp";
        return Err(CliError::Said(said.to_owned()));
    };
    let lacking = lacking(&filter.profile, prepared.request.policy.no_new_privs.on);
    let station = prepared.station().await?;
    let plan = |native| {
        let mut request = prepared.request.clone();
        request.native = native;
        station.plan(prepared, request)
    };
    let supervised: CellPlan = plan(false);
    if let Observation::NotObservable(reason) = &supervised.denials {
        return Err(CliError::Said(format!("there is no supervised run to compare with: {reason}")));
    }
    text::before(&supervised.request.policy, &prepared.specimen);
    let Some(first) = one(&station, prepared, supervised.clone()).await? else { return Ok(None) };
    if let Some((Outcome::NotStarted(reason) | Outcome::CellLost(reason), _)) = &first.outcome {
        return Err(CliError::Said(reason.clone()));
    }
    let native = match one(&station, prepared, plan(true)).await {
        Ok(Some(native)) => native,
        Ok(None) => return Ok(None),
        // An engine that cannot even make such a cell has given its answer.
        Err(CliError::Start(error)) => {
            let outcome = Outcome::NotStarted(error.to_string());
            Summary { outcome: Some((outcome, Duration::ZERO)), ..Summary::default() }
        }
        Err(error) => return Err(error),
    };
    let again = if same_output(&first, &native) { None } else { one(&station, prepared, supervised).await? };
    station.leave().await;
    let stopped = |run: &Summary| matches!(run.outcome, Some((Outcome::Stopped, _)));
    if [Some(&first), Some(&native), again.as_ref()].into_iter().flatten().any(stopped) {
        return Ok(None);
    }
    let disagreements = disagreements(&first, &native, again.as_ref());
    Ok(Some(Proof { supervised: first, native, disagreements, lacking, remedy }))
}

impl Proof {
    /// The native run never came to the program, and the profile lacks what a runtime needs for that.
    fn lacks_the_start(&self) -> bool {
        !self.lacking.is_empty() && self.disagreements.iter().any(|it| it.what == "end")
    }

    fn json(&self, profile: &str) -> serde_json::Value {
        let disagreement =
            |it: &Disagreement| json!({ "what": it.what, "supervised": it.supervised, "native": it.native });
        let needed = |needed: &&Needed| json!({ "call": needed.call, "by": needed.by, "why": needed.why });
        json!({
            "profile": profile,
            "agree": self.disagreements.is_empty(),
            "disagreements": self.disagreements.iter().map(disagreement).collect::<Vec<_>>(),
            "starting_lacks": self.lacking.iter().map(needed).collect::<Vec<_>>(),
            "supervised": summary_json(&self.supervised),
            "native": summary_json(&self.native),
        })
    }

    fn text(&self, profile: &str) -> String {
        let agree = self.disagreements.is_empty();
        let verdict = if agree {
            format!("{GOOD}does the same supervised and native{GOOD:#}")
        } else {
            format!("{BAD}does not do the same supervised and native{BAD:#}")
        };
        let disagreement = |Disagreement { what, supervised, native }: &Disagreement| {
            let rows = [("supervised", supervised), ("native", native)].map(|(name, said)| [cell(name), cell(said)]);
            format!("\n{CARE}{what}{CARE:#}\n{}", table(2, &rows))
        };
        let disagreements: String = self.disagreements.iter().map(disagreement).collect();
        format!(
            "{BOLD}{profile}{BOLD:#} {verdict}\n{}{disagreements}{}",
            table(2, &self.facts(agree)),
            self.lacking_text()
        )
    }

    /// What the supervised run came to; its end and its output where they are the native one's too.
    fn facts(&self, agree: bool) -> Vec<[Cell; 2]> {
        let run = &self.supervised;
        let [out, err] = [Stream::Stdout, Stream::Stderr].map(|stream| run.stream(stream).written);
        let output = format!("stdout {}, stderr {}", words::counted(out, "byte"), words::counted(err, "byte"));
        let seen = match run.denied_by().get(&Layer::Seccomp).copied().unwrap_or(0) {
            0 => "none".to_owned(),
            calls => words::counted(calls, "call"),
        };
        let denied = format!("{seen}, seen in the supervised run; a native one cannot tell");
        let both = [("end", end(run)), ("output", output)].into_iter().filter(|_| agree);
        both.chain([("denied", denied)]).map(|(name, said)| [cell(name), cell(said)]).collect()
    }

    fn lacking_text(&self) -> String {
        if self.lacking.is_empty() {
            return String::new();
        }
        let head = if self.lacks_the_start() {
            "The profile refuses calls with which an engine starts the program:"
        } else {
            "This engine did not miss them, but others need, when they start the program:"
        };
        let remedy = format!("{} allows them", self.remedy);
        let row = |needed: &&Needed| [cell(needed.call), cell(format!("{}: {}", needed.by, needed.why))];
        let rows: Vec<_> = self.lacking.iter().map(row).collect();
        format!("\n{CARE}{head}{CARE:#}\n{}  {DIM}→ {}{DIM:#}\n", table(2, &rows), fill(&remedy, 4, 4))
    }
}
