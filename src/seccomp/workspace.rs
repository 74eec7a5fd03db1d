//! A profile while it is being tuned: what it was, what it has become, and each step between.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Action;
use super::combine::add;
use super::diff::{Diff, diff};
use super::meaning::Unclear;
use super::names::{nearest_syscall, resolve};
use super::profile::{ArgCondition, Profile};

/// Steps that can be undone; the oldest go first.
const MOST_STEPS: usize = 1000;

/// One change, with its reason: what a reader of the profile will see as the rule's comment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "edit", rename_all = "kebab-case")]
pub enum Edit {
    /// Let a call be made: always, or also under these conditions, all of which must hold.
    Allow {
        /// The call.
        call: String,
        /// None means always.
        conditions: Vec<ArgCondition>,
        /// Why, such as the specimen's line that needs it.
        reason: String,
    },
    /// Refuse a call, whatever its arguments.
    Deny {
        /// The call.
        call: String,
        /// What it fails with.
        errno: u16,
        /// Why.
        reason: String,
    },
    /// Leave a call to the default action.
    Remove {
        /// The call.
        call: String,
        /// Why.
        reason: String,
    },
}

impl Edit {
    /// The call that it is about.
    pub fn call(&self) -> &str {
        match self {
            Self::Allow { call, .. } | Self::Deny { call, .. } | Self::Remove { call, .. } => call,
        }
    }

    /// Why it was made.
    pub fn reason(&self) -> &str {
        match self {
            Self::Allow { reason, .. } | Self::Deny { reason, .. } | Self::Remove { reason, .. } => reason,
        }
    }
}

/// Why an edit was not made; the profile is as before.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum EditError {
    /// There is no such call.
    #[error("no system call is named {call:?}{}", hint(call))]
    Unknown {
        /// The name.
        call: String,
    },
    /// A condition on an argument that no call has.
    #[error("`{call}` has no argument {index}: choose 0 to 5")]
    Argument {
        /// The call.
        call: String,
        /// The argument.
        index: u8,
    },
    /// The conditions overlap with those of another action.
    #[error("the profile refuses `{call}` under conditions that overlap with these: remove its rules first")]
    Contested {
        /// The call.
        call: String,
    },
}

fn hint(call: &str) -> String {
    nearest_syscall(call).map_or_else(String::new, |near| format!(": did you mean {near:?}?"))
}

/// What was done at once, and the profile before it.
#[derive(Clone, Debug)]
struct Step {
    edits: Vec<Edit>,
    before: Arc<Profile>,
}

/// A profile and its history.
#[derive(Clone, Debug)]
pub struct Workspace {
    base: Arc<Profile>,
    current: Arc<Profile>,
    done: Vec<Step>,
    undone: Vec<Vec<Edit>>,
}

impl Workspace {
    /// Nothing changed yet.
    pub fn new(base: Profile) -> Self {
        let base = Arc::new(base);
        Self { current: Arc::clone(&base), base, done: Vec::new(), undone: Vec::new() }
    }

    /// The same steps on a profile that may be another one by now, and why some could not be made there.
    pub fn replay(base: Profile, steps: Vec<Vec<Edit>>) -> (Self, Vec<EditError>) {
        let mut workspace = Self::new(base);
        let refused = steps.into_iter().filter_map(|edits| workspace.apply(edits).err()).collect();
        (workspace, refused)
    }

    /// As it was at the beginning.
    pub fn base(&self) -> &Profile {
        &self.base
    }

    /// As it is now.
    pub const fn current(&self) -> &Arc<Profile> {
        &self.current
    }

    /// What was done, the oldest first: each step the edits that were made at once.
    pub fn steps(&self) -> impl Iterator<Item = &[Edit]> {
        self.done.iter().map(|step| step.edits.as_slice())
    }

    /// The edits in force, the oldest first.
    pub fn log(&self) -> impl Iterator<Item = &Edit> {
        self.steps().flatten()
    }

    /// What has changed since the beginning.
    pub fn diff(&self) -> Diff {
        diff(&self.base, &self.current)
    }

    /// The profile as a file.
    pub fn to_oci_text(&self) -> String {
        self.current.to_oci_text()
    }

    /// Makes edits as one step, all or none, which can be undone; what was undone before can no longer be redone.
    ///
    /// # Errors
    /// When there is no such call or argument, or a rule would contradict another one.
    pub fn apply(&mut self, edits: Vec<Edit>) -> Result<(), EditError> {
        self.make(edits)?;
        self.undone.clear();
        Ok(())
    }

    /// Takes the last step back, and gives it; `None` where there is none.
    pub fn undo(&mut self) -> Option<Vec<Edit>> {
        let Step { edits, before } = self.done.pop()?;
        self.current = before;
        self.undone.push(edits.clone());
        Some(edits)
    }

    /// Makes the step again that was undone last, and gives it; `None` where there is none.
    pub fn redo(&mut self) -> Option<Vec<Edit>> {
        let edits = self.undone.pop()?;
        // It was made on this very profile before, so it is made again.
        self.make(edits.clone()).ok().map(|()| edits)
    }

    fn make(&mut self, edits: Vec<Edit>) -> Result<(), EditError> {
        let mut after = (*self.current).clone();
        for edit in &edits {
            after = edited(&after, edit)?;
        }
        let before = std::mem::replace(&mut self.current, Arc::new(after));
        if self.done.len() == MOST_STEPS {
            self.done.remove(0);
        }
        self.done.push(Step { edits, before });
        Ok(())
    }
}

fn edited(profile: &Profile, edit: &Edit) -> Result<Profile, EditError> {
    let call = edit.call().to_owned();
    if resolve(&call).is_none() {
        return Err(EditError::Unknown { call });
    }
    let mut after = profile.clone();
    match edit {
        Edit::Allow { conditions, reason, .. } => {
            if let Some(condition) = conditions.iter().find(|condition| condition.index > 5) {
                return Err(EditError::Argument { call, index: condition.index });
            }
            // One rule without conditions decides alone, so it makes way.
            let was_whole = after.says(&call).plain().is_some();
            if conditions.is_empty() || was_whole {
                strike(&mut after, &call);
            }
            put(&mut after, &call, Action::Allow, conditions, reason);
        }
        Edit::Deny { errno, reason, .. } => {
            strike(&mut after, &call);
            put(&mut after, &call, Action::Errno(*errno), &[], reason);
        }
        Edit::Remove { .. } => strike(&mut after, &call),
    }
    if after.pieces(&call).err() == Some(Unclear::Contested) {
        return Err(EditError::Contested { call });
    }
    Ok(after)
}

/// Takes a call out of every rule.
fn strike(profile: &mut Profile, call: &str) {
    for rule in &mut profile.rules {
        rule.names.retain(|name| name != call);
    }
    profile.rules.retain(|rule| !rule.names.is_empty());
}

/// Adds a call to a rule like it or to a new one, but not where the default does the same. Conditions on one argument
/// would be alternatives in one rule; given as such they stay so.
fn put(profile: &mut Profile, call: &str, action: Action, conditions: &[ArgCondition], reason: &str) {
    if action == profile.default_action {
        return;
    }
    let comment = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
    add(&mut profile.rules, call, action, conditions.to_vec(), comment);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::eval_tests::condition;
    use super::super::profile::Op;
    use super::super::{Arch, Host, shipped};
    use super::*;

    fn host() -> Host {
        Host { arch: Arch::X86_64, caps: [].into(), kernel: "6.1".parse().unwrap() }
    }

    fn workspace() -> Workspace {
        let (name, text) = shipped().iter().find(|(name, _)| *name == "python").unwrap();
        Workspace::new(Profile::parse(name, text, &host()).unwrap())
    }

    fn allow(call: &str, reason: &str) -> Edit {
        Edit::Allow { call: call.to_owned(), conditions: Vec::new(), reason: reason.to_owned() }
    }

    #[test]
    fn an_allowed_call_is_in_a_rule_with_its_reason_and_in_the_difference() {
        let mut workspace = workspace();
        workspace.apply(vec![allow("ptrace", "line 12 of x.py")]).unwrap();
        let rule = workspace.current().rules.last().unwrap();
        assert_eq!(
            (rule.names.as_slice(), rule.comment.as_deref()),
            (&["ptrace".to_owned()][..], Some("line 12 of x.py"))
        );
        let diff = workspace.diff();
        assert_eq!(diff.changes.len(), 1);
        assert!(diff.changes[0].opens && diff.changes[0].call == "ptrace");
        assert_eq!(workspace.undo(), Some(vec![allow("ptrace", "line 12 of x.py")]));
        assert_eq!(&**workspace.current(), workspace.base());
        assert!(workspace.redo().is_some() && workspace.redo().is_none());
        assert!(workspace.to_oci_text().contains("line 12 of x.py"));
    }

    #[test]
    fn a_denied_call_is_in_no_other_rule() {
        let mut workspace = workspace();
        workspace.apply(vec![Edit::Deny { call: "ioctl".to_owned(), errno: 25, reason: String::new() }]).unwrap();
        assert_eq!(workspace.current().says("ioctl").plain(), Some(Action::Errno(25)));
        workspace.apply(vec![Edit::Remove { call: "ioctl".to_owned(), reason: String::new() }]).unwrap();
        assert!(workspace.current().says("ioctl").is_default());
        assert_eq!(workspace.log().count(), 2);
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_changes_nothing() {
        let mut workspace = workspace();
        let unknown = workspace.apply(vec![allow("ptrace", ""), allow("opne", "")]).unwrap_err();
        assert_eq!(unknown.to_string(), "no system call is named \"opne\": did you mean \"open\"?");
        let condition = ArgCondition { index: 6, value: 0, value_two: 0, op: Op::Equal };
        let edit = Edit::Allow { call: "ptrace".to_owned(), conditions: vec![condition], reason: String::new() };
        assert!(matches!(workspace.apply(vec![edit]), Err(EditError::Argument { index: 6, .. })));
        assert_eq!(&**workspace.current(), workspace.base(), "all or none");
        assert_eq!(workspace.undo(), None);
    }

    #[test]
    fn edits_made_at_once_are_undone_at_once() {
        let mut workspace = workspace();
        workspace.apply(vec![allow("ptrace", "one"), allow("bpf", "two")]).unwrap();
        assert_eq!((workspace.log().count(), workspace.steps().count()), (2, 1));
        assert_eq!(workspace.undo().map(|edits| edits.len()), Some(2));
        assert_eq!(&**workspace.current(), workspace.base());
    }

    #[test]
    fn steps_are_made_again_on_another_profile_as_far_as_they_can() {
        let (name, text) = shipped().iter().find(|(name, _)| *name == "seed-allowlist").unwrap();
        let base = Profile::parse(name, text, &host()).unwrap();
        let steps = vec![vec![allow("ptrace", "")], vec![allow("no_such", "")], vec![allow("rseq", "")]];
        let (workspace, refused) = Workspace::replay(base, steps);
        assert_eq!((workspace.log().count(), refused.len()), (2, 1));
        assert!(workspace.current().says("rseq").plain() == Some(Action::Allow));
        let kept: Vec<Vec<Edit>> = workspace.steps().map(<[Edit]>::to_vec).collect();
        let json = serde_json::to_string(&kept).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Vec<Edit>>>(&json).unwrap(), kept);
    }

    fn edit() -> impl Strategy<Value = Edit> {
        let call =
            || proptest::sample::select(&["read", "ioctl", "socket", "ptrace", "clone"][..]).prop_map(str::to_owned);
        prop_oneof![
            (call(), proptest::collection::vec(condition(&[Op::Equal, Op::MaskedEqual]), 0..3), "[a-z ]{0,8}")
                .prop_map(|(call, conditions, reason)| Edit::Allow { call, conditions, reason }),
            (call(), 1_u16..200).prop_map(|(call, errno)| Edit::Deny { call, errno, reason: "no".to_owned() }),
            call().prop_map(|call| Edit::Remove { call, reason: String::new() }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn undo_leads_back_step_by_step_and_what_is_saved_means_the_same(edits in proptest::collection::vec(edit(), 0..8)) {
            let mut workspace = workspace();
            let mut stages = vec![workspace.current().clone()];
            for edit in edits {
                if workspace.apply(vec![edit]).is_ok() {
                    stages.push(workspace.current().clone());
                }
            }
            let read = Profile::parse("saved", &workspace.to_oci_text(), &host()).unwrap();
            prop_assert!(diff(workspace.current(), &read).is_empty());
            let last = stages.pop().unwrap();
            for stage in stages.iter().rev() {
                prop_assert!(workspace.undo().is_some());
                prop_assert_eq!(workspace.current(), stage);
            }
            while workspace.redo().is_some() {}
            prop_assert_eq!(workspace.current(), &last);
        }
    }
}
