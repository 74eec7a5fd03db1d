//! Actions and conditions in words.

use crate::run::Refusal;
use crate::seccomp::{Action, ArgCondition, Op, Rule, Says};

/// What an action comes to, and its name in a profile.
pub fn action(action: Action) -> String {
    format!("{} ({})", meaning(action), action.oci_name())
}

/// What an action comes to.
pub fn meaning(action: Action) -> String {
    match action {
        Action::KillProcess => "kill the process".to_owned(),
        Action::KillThread => "kill the thread".to_owned(),
        Action::Trap => "refuse with SIGSYS".to_owned(),
        Action::Errno(errno) => format!("refuse with {}", Refusal::Errno(errno.into())),
        Action::Notify => "ask a supervisor".to_owned(),
        Action::Trace(message) => format!("tell a tracer {message}"),
        Action::Log => "allow and log".to_owned(),
        Action::Allow => "allow".to_owned(),
    }
}

/// What a profile says of a call: each action with its conditions, then what happens to the others.
pub fn says(says: &Says) -> String {
    if let Some(action) = says.plain() {
        return meaning(action);
    }
    let case =
        |(action, lists): &(Action, Vec<Vec<ArgCondition>>)| format!("{} if {}", meaning(*action), any_of(lists));
    let cases = says.cases.iter().map(case).collect::<Vec<_>>().join(", ");
    format!("{cases}, else {}", meaning(says.otherwise))
}

/// Lists of conditions of which one must hold, with those that compare the same bits taken together.
fn any_of(lists: &[Vec<ArgCondition>]) -> String {
    let compared = |list: &[ArgCondition]| match *list {
        [ArgCondition { index, value, op: Op::MaskedEqual, .. }] => Some((index, Some(value))),
        [ArgCondition { index, op: Op::Equal, .. }] => Some((index, None)),
        _ => None,
    };
    let alike =
        |one: &Vec<ArgCondition>, next: &Vec<ArgCondition>| compared(one).is_some() && compared(one) == compared(next);
    let group = |group: &[Vec<ArgCondition>]| match (group, compared(&group[0])) {
        ([_, _, ..], Some((index, mask))) => {
            let argument = mask.map_or_else(|| format!("arg{index}"), |mask| format!("(arg{index} & {mask:#x})"));
            let value = |arg: &ArgCondition| if mask.is_some() { arg.value_two } else { arg.value };
            let values = group.iter().flatten().map(|arg| format!("{:#x}", value(arg)));
            format!("{argument} is one of {}", values.collect::<Vec<_>>().join(" "))
        }
        _ => group[0].iter().map(condition).collect::<Vec<_>>().join(" and "),
    };
    lists.chunk_by(alike).map(group).collect::<Vec<_>>().join(" or ")
}

/// A rule's conditions, joined as runtimes read them.
pub fn conditions(rule: &Rule) -> String {
    let joint = if rule.has_alternatives() { " or " } else { " and " };
    rule.args.iter().map(condition).collect::<Vec<_>>().join(joint)
}

fn condition(arg: &ArgCondition) -> String {
    let ArgCondition { index, value, value_two, op } = *arg;
    let sign = match op {
        Op::NotEqual => "!=",
        Op::Less => "<",
        Op::LessOrEqual => "<=",
        Op::Equal => "==",
        Op::GreaterOrEqual => ">=",
        Op::Greater => ">",
        Op::MaskedEqual => return format!("(arg{index} & {value:#x}) == {value_two:#x}"),
    };
    format!("arg{index} {sign} {value:#x}")
}
