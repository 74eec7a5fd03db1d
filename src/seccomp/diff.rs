//! What differs between two profiles, by what they do and not by how they are written.

use serde_json::{Value, json};

use super::Action;
use super::arch::Arch;
use super::combine::names;
use super::meaning::Says;
use super::profile::{Profile, arg_json};

/// How a call's treatment differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The first profile leaves the call to its default.
    Added,
    /// The second profile leaves the call to its default.
    Removed,
    /// Both have rules for it.
    Changed,
}

impl Difference {
    /// A word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// A call that the two profiles do not treat alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The call.
    pub call: String,
    /// In which way.
    pub difference: Difference,
    /// What the first profile says.
    pub before: Says,
    /// What the second says.
    pub after: Says,
    /// Some such call is made under the second profile and not under the first.
    pub opens: bool,
    /// Some such call is made under the first profile and not under the second.
    pub closes: bool,
}

/// What differs between two profiles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// Both default actions, where they differ: it is what happens to every call that neither profile names.
    pub default_action: Option<(Action, Action)>,
    /// Architectures that the first or the second alone lists.
    pub architectures: (Vec<Arch>, Vec<Arch>),
    /// Flags that the first or the second alone has.
    pub flags: (Vec<String>, Vec<String>),
    /// The calls, by name.
    pub changes: Vec<Change>,
}

impl Diff {
    /// Whether the profiles do the same.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// As one JSON object.
    pub fn to_json(&self) -> Value {
        let default = self.default_action.map(|(before, after)| json!([action_json(before), action_json(after)]));
        let arches = |list: &[Arch]| list.iter().map(|arch| arch.oci_name()).collect::<Vec<_>>();
        let change = |change: &Change| {
            json!({
                "call": change.call,
                "difference": change.difference.word(),
                "before": says_json(&change.before),
                "after": says_json(&change.after),
                "opens": change.opens,
                "closes": change.closes,
            })
        };
        json!({
            "same": self.is_empty(),
            "default_action": default,
            "architectures": { "removed": arches(&self.architectures.0), "added": arches(&self.architectures.1) },
            "flags": { "removed": self.flags.0, "added": self.flags.1 },
            "calls": self.changes.iter().map(change).collect::<Vec<_>>(),
        })
    }
}

/// Compares two profiles.
///
/// Calls that neither names differ where the default actions do, which is told once and not call by call. Where sets of
/// arguments cannot be compared (rules that contradict each other, very many comparisons), rules that are written
/// differently count as different.
pub fn diff(a: &Profile, b: &Profile) -> Diff {
    let mut changes: Vec<Change> = names(a, b).into_iter().filter_map(|name| change(a, b, name)).collect();
    changes.sort_by(|one, other| one.call.cmp(&other.call));
    Diff {
        default_action: (a.default_action != b.default_action).then_some((a.default_action, b.default_action)),
        architectures: (only(&a.architectures, &b.architectures), only(&b.architectures, &a.architectures)),
        flags: (only(&a.flags, &b.flags), only(&b.flags, &a.flags)),
        changes,
    }
}

fn only<T: Clone + PartialEq>(here: &[T], there: &[T]) -> Vec<T> {
    here.iter().filter(|item| !there.contains(item)).cloned().collect()
}

fn change(a: &Profile, b: &Profile, name: &str) -> Option<Change> {
    let (before, after) = (a.says(name), b.says(name));
    if before.is_default() && after.is_default() {
        return None;
    }
    let moves = match (a.pieces(name), b.pieces(name)) {
        (Ok(left), Ok(right)) => {
            let pairs = left.iter().flat_map(|x| right.iter().map(move |y| (x, y)));
            // Too many sets to intersect are taken for calls that exist.
            let met = pairs.filter(|((_, of_x), (_, of_y))| of_x.and(of_y).map_or(true, |both| !both.is_empty()));
            met.map(|((x, _), (y, _))| (*x, *y)).filter(|(x, y)| x != y).collect()
        }
        _ if before == after => Vec::new(),
        _ => vec![(Action::Allow, a.default_action), (a.default_action, Action::Allow)],
    };
    let opens = moves.iter().any(|(x, y)| !x.allows() && y.allows());
    let closes = moves.iter().any(|(x, y)| x.allows() && !y.allows());
    let difference = match (before.is_default(), after.is_default()) {
        (true, _) => Difference::Added,
        (_, true) => Difference::Removed,
        _ => Difference::Changed,
    };
    (!moves.is_empty()).then(|| Change { call: name.to_owned(), difference, before, after, opens, closes })
}

/// An action with its errno or message.
pub(super) fn action_json(action: Action) -> Value {
    match action.data() {
        Some(data) => json!({ "action": action.oci_name(), "errno": data }),
        None => json!({ "action": action.oci_name() }),
    }
}

fn says_json(says: &Says) -> Value {
    let case = |(action, lists): &(Action, Vec<Vec<_>>)| {
        let mut case = action_json(*action);
        let lists: Vec<Vec<Value>> = lists.iter().map(|list| list.iter().map(arg_json).collect()).collect();
        case["if_any"] = json!(lists);
        case
    };
    json!({ "cases": says.cases.iter().map(case).collect::<Vec<_>>(), "otherwise": action_json(says.otherwise) })
}
