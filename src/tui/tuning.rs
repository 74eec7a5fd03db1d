//! Working profiles: what the reviewer's decisions have made of the policy's seccomp profile.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::cells::clip;
use super::state::{RunId, RunRecord};
use crate::policy::{Layer, Policy};
use crate::run::{Denial, HeldCall, HeldId, Refusal};
use crate::seccomp::{Arch, Edit, Finding, Profile, Workspace, lint};
use crate::text::visible_str;

/// Cells of a reason: it stands as a comment in the profile.
const REASON: usize = 160;

/// Steps by the setting of the layer seccomp that they belong to, as a session remembers them.
pub type Remembered = BTreeMap<String, Vec<Vec<Edit>>>;

/// What decides which profile a policy has: the setting of its layer, and, for conditional rules, its capabilities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    seccomp: String,
    caps: (bool, String),
}

impl Origin {
    /// Of a policy.
    pub fn of(policy: &Policy) -> Self {
        let caps = (policy.is_on(Layer::Caps), policy.setting(Layer::Caps));
        Self { seccomp: policy.setting(Layer::Seccomp), caps }
    }
}

/// A profile with its edits.
#[derive(Clone, Debug)]
pub struct Working {
    /// The profile and its history.
    pub space: Workspace,
    /// Where it was last saved, and as what.
    pub saved: Option<(PathBuf, Arc<Profile>)>,
    /// What is wrong with it as it is now.
    pub findings: Vec<Finding>,
}

impl Working {
    fn new(space: Workspace) -> Self {
        let findings = lint(space.current(), Arch::native());
        Self { space, saved: None, findings }
    }

    /// How many edits are in force.
    pub fn edits(&self) -> usize {
        self.space.log().count()
    }

    /// The file that has it as it is now; without edits, none is needed.
    pub fn file(&self) -> Option<&PathBuf> {
        self.saved.as_ref().filter(|(_, profile)| profile == self.space.current()).map(|(path, _)| path)
    }

    /// The calls that edits refuse, as far as no later edit says otherwise, and with which errno.
    pub fn refused(&self) -> BTreeMap<&str, u16> {
        let mut refused = BTreeMap::new();
        for edit in self.space.log() {
            match edit {
                Edit::Deny { call, errno, .. } => _ = refused.insert(call.as_str(), *errno),
                Edit::Allow { call, .. } | Edit::Remove { call, .. } => _ = refused.remove(call.as_str()),
            }
        }
        refused
    }

    /// To be called after each change.
    pub fn changed(&mut self) {
        self.findings = lint(self.space.current(), Arch::native());
    }
}

/// The working profiles of the session, one for each profile that was chosen.
#[derive(Clone, Debug, Default)]
pub struct Tuning {
    /// What was asked for last.
    pub asked: Option<Origin>,
    /// Why the profile that was asked for last cannot be had; safe to show.
    pub error: Option<String>,
    kept: BTreeMap<String, Working>,
    remembered: Remembered,
}

impl Tuning {
    /// With what the last session remembered.
    pub fn new(remembered: Remembered) -> Self {
        Self { remembered, ..Self::default() }
    }

    /// The working profile of a policy, once it was read.
    pub fn of(&self, policy: &Policy) -> Option<&Working> {
        self.kept.get(&policy.setting(Layer::Seccomp))
    }

    /// The same, to be changed.
    pub fn of_mut(&mut self, policy: &Policy) -> Option<&mut Working> {
        self.kept.get_mut(&policy.setting(Layer::Seccomp))
    }

    /// How many edits the profile of a policy has.
    pub fn edits(&self, policy: &Policy) -> usize {
        self.of(policy).map_or(0, Working::edits)
    }

    /// The profile that a policy's cells get in the place of its own: where it is edited.
    pub fn edited(&self, policy: &Policy) -> Option<Arc<Profile>> {
        let working = self.of(policy).filter(|working| policy.is_on(Layer::Seccomp) && working.edits() > 0);
        working.map(|working| Arc::clone(working.space.current()))
    }

    /// The setting of the layer seccomp, with the number of edits: `python+5`. Safe to show.
    pub fn label(&self, policy: &Policy) -> String {
        let setting = visible_str(&policy.setting(Layer::Seccomp));
        match self.edits(policy) {
            0 => setting,
            edits => format!("{setting}+{edits}"),
        }
    }

    /// A profile was read. Edits that it had, or that the last session remembers, are made again; tells how many could
    /// not be, and the first reason.
    pub fn loaded(&mut self, origin: &Origin, result: Result<Profile, String>) -> Option<String> {
        if self.asked.as_ref() != Some(origin) {
            return None;
        }
        let base = match result {
            Ok(base) => base,
            Err(error) => {
                self.error = Some(error);
                return None;
            }
        };
        self.error = None;
        let setting = &origin.seccomp;
        if self.kept.get(setting).is_some_and(|working| *working.space.base() == base) {
            return None;
        }
        let saved = self.kept.get(setting).and_then(|working| working.saved.clone());
        let steps = match self.kept.get(setting) {
            Some(working) => steps(working),
            None => self.remembered.remove(setting).unwrap_or_default(),
        };
        let (space, refused) = Workspace::replay(base, steps);
        self.kept.insert(setting.clone(), Working { saved, ..Working::new(space) });
        let first = refused.first()?;
        Some(format!("{} of the edits to {} cannot be made again: {first}", refused.len(), visible_str(setting)))
    }

    /// What a session is to remember.
    pub fn remembered(&self) -> Remembered {
        let mut all = self.remembered.clone();
        let edited = self.kept.iter().filter(|(_, working)| working.edits() > 0);
        all.extend(edited.map(|(setting, working)| (setting.clone(), steps(working))));
        all
    }
}

fn steps(working: &Working) -> Vec<Vec<Edit>> {
    working.space.steps().map(<[Edit]>::to_vec).collect()
}

/// A refused call that is decided about.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The run that made it.
    pub run: RunId,
    /// Which of the held calls it is, where it is held.
    pub held: Option<HeldId>,
    /// Its name.
    pub call: String,
    /// Its arguments, decoded.
    pub args: Vec<String>,
    /// The same as the kernel has them.
    pub registers: [u64; 6],
    /// What it was refused with.
    pub refusal: Refusal,
    /// The specimen and its line.
    pub place: String,
}

impl Subject {
    /// A call that is held.
    pub fn of_held(run: &RunRecord, call: &HeldCall) -> Self {
        Self {
            run: run.id,
            held: Some(call.id),
            call: call.syscall.clone(),
            args: call.args.clone(),
            registers: call.registers,
            refusal: call.refusal,
            place: place(run, call.source.specimen_line()),
        }
    }

    /// A call that was refused.
    pub fn of_denial(run: &RunRecord, denial: &Denial) -> Self {
        Self {
            run: run.id,
            held: None,
            call: denial.syscall.clone(),
            args: denial.args.clone(),
            registers: denial.registers,
            refusal: denial.refusal,
            place: place(run, denial.line()),
        }
    }

    /// The call as it reads.
    pub fn text(&self) -> String {
        format!("{}({})", self.call, self.args.join(", "))
    }

    /// Why it is to be decided so from now on.
    pub fn reason(&self) -> String {
        clip(&format!("{}: {}", self.place, self.text()), REASON)
    }
}

fn place(run: &RunRecord, line: Option<u32>) -> String {
    let specimen = visible_str(&run.specimen);
    line.map_or_else(|| specimen.clone(), |line| format!("{specimen} line {line}"))
}
