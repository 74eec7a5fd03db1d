//! What a profile does with one call, by its arguments: for each action the calls that meet it, without overlap.

use super::Action;
use super::profile::{ArgCondition, Profile, Rule};
use super::sets::{Block, Calls, TooMany};

/// What a profile says of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Says {
    /// Actions other than the default, each with the conditions under which it is taken: one list of them must hold in
    /// full. An empty list is no condition.
    pub cases: Vec<(Action, Vec<Vec<ArgCondition>>)>,
    /// What happens to the others.
    pub otherwise: Action,
}

impl Says {
    /// Whether the call is left to the default action.
    pub fn is_default(&self) -> bool {
        self.cases.is_empty()
    }

    /// The action, where arguments do not matter.
    pub fn plain(&self) -> Option<Action> {
        match self.cases.as_slice() {
            [] => Some(self.otherwise),
            [(action, conditions)] if conditions.iter().any(Vec::is_empty) => Some(*action),
            _ => None,
        }
    }
}

/// Why sets cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unclear {
    /// Two rules with different actions hold for the same call.
    Contested,
    /// More comparisons than are reasonable.
    TooMany,
}

impl From<TooMany> for Unclear {
    fn from(TooMany: TooMany) -> Self {
        Self::TooMany
    }
}

impl Profile {
    /// The rules that decide about a call, as libseccomp gets them (`eval.rs`): those with the default's action are left
    /// out, and a rule without conditions stands alone.
    pub(super) fn rules_for(&self, name: &str) -> Vec<(usize, &Rule)> {
        let names = |rule: &Rule| rule.action != self.default_action && rule.names.iter().any(|known| known == name);
        let found: Vec<_> = self.rules.iter().enumerate().filter(|(_, rule)| names(rule)).collect();
        match found.iter().find(|(_, rule)| rule.is_whole()) {
            Some(whole) => vec![*whole],
            None => found,
        }
    }

    /// What the profile says of a call, as it is written.
    pub fn says(&self, name: &str) -> Says {
        let mut cases: Vec<(Action, Vec<Vec<ArgCondition>>)> = Vec::new();
        for (_, rule) in self.rules_for(name) {
            let at = cases.iter().position(|(action, _)| *action == rule.action).unwrap_or_else(|| {
                cases.push((rule.action, Vec::new()));
                cases.len() - 1
            });
            let conditions = if rule.is_whole() { vec![Vec::new()] } else { rule.alternative_lists() };
            cases[at].1.extend(conditions);
        }
        Says { cases, otherwise: self.default_action }
    }

    /// For each action the calls `name` that meet it; together they are all calls of that name, and none is in two.
    pub(super) fn pieces(&self, name: &str) -> Result<Vec<(Action, Calls)>, Unclear> {
        let says = self.says(name);
        let mut pieces: Vec<(Action, Calls)> = Vec::new();
        let mut rest = Calls::all();
        for (action, lists) in says.cases {
            let calls: Calls = lists.iter().filter_map(Block::of).collect();
            for list in &lists {
                rest = rest.and(&Calls::not(list))?;
            }
            for (_, other) in &pieces {
                if !other.and(&calls)?.is_empty() {
                    return Err(Unclear::Contested);
                }
            }
            pieces.push((action, calls));
        }
        pieces.push((says.otherwise, rest));
        pieces.retain(|(_, calls)| !calls.is_empty());
        Ok(pieces)
    }
}

impl Rule {
    /// Whether some alternative is no condition at all.
    pub(super) fn is_whole(&self) -> bool {
        self.alternatives().iter().any(|list| list.iter().all(|condition| condition.is_void(false)))
    }

    fn alternative_lists(&self) -> Vec<Vec<ArgCondition>> {
        self.alternatives().into_iter().map(<[ArgCondition]>::to_vec).collect()
    }
}
