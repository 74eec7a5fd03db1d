//! Actions and conditions in words.

use super::{Action, ArgCondition, Op, Rule, Says};
use crate::run::Refusal;

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
        _ => all_of(&group[0]),
    };
    lists.chunk_by(alike).map(group).collect::<Vec<_>>().join(" or ")
}

/// Conditions that must all hold.
pub fn all_of(list: &[ArgCondition]) -> String {
    list.iter().map(condition).collect::<Vec<_>>().join(" and ")
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

/// Conditions as they read here, or shorter: `arg0 == 0x1 and (arg1 & 0xff) == 2`, `0=1, 1&0xff=2`. All must hold.
///
/// # Errors
/// With what cannot be read, and how a condition is written.
pub fn read_conditions(text: &str) -> Result<Vec<ArgCondition>, String> {
    let parts: Vec<&str> = text.split(" and ").flat_map(|part| part.split(',')).map(str::trim).collect();
    let mut conditions = Vec::new();
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        conditions.push(read_condition(part).ok_or_else(|| {
            let part = crate::text::visible_str(part);
            format!(
                "`{part}` is no condition: write the argument from 0, a comparison and a number, as 0=1 or 1&0xff=2"
            )
        })?);
    }
    Ok(conditions)
}

fn read_condition(text: &str) -> Option<ArgCondition> {
    const SIGNS: [(&str, Op); 8] = [
        ("!=", Op::NotEqual),
        ("<=", Op::LessOrEqual),
        (">=", Op::GreaterOrEqual),
        ("==", Op::Equal),
        ("<", Op::Less),
        (">", Op::Greater),
        ("=", Op::Equal),
        ("&", Op::MaskedEqual),
    ];
    let text: String =
        text.chars().filter(|character| !character.is_whitespace() && !"()".contains(*character)).collect();
    let text = text.strip_prefix("arg").unwrap_or(&text);
    let (index, rest) = text.split_at_checked(1)?;
    let index = index.parse().ok().filter(|index| *index <= 5)?;
    let (sign, op) = SIGNS.into_iter().find(|(sign, _)| rest.starts_with(sign))?;
    let rest = &rest[sign.len()..];
    if op == Op::MaskedEqual {
        let (mask, value) = rest.split_once('=')?;
        let value_two = read_number(value.strip_prefix('=').unwrap_or(value))?;
        return Some(ArgCondition { index, value: read_number(mask)?, value_two, op });
    }
    Some(ArgCondition { index, value: read_number(rest)?, value_two: 0, op })
}

fn read_number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::eval_tests::condition as any_condition;
    use super::*;

    #[test]
    fn conditions_are_read_in_a_short_form_and_mistakes_are_told() {
        let read = read_conditions("0=1, 1&0xff=2 and arg3 != 0x10").unwrap();
        assert_eq!(all_of(&read), "arg0 == 0x1 and (arg1 & 0xff) == 0x2 and arg3 != 0x10");
        assert!(read_conditions("").unwrap().is_empty());
        for wrong in ["6=1", "0", "0=", "x=1", "0~1", "1&2", "é=1", "0=1 or 1=2"] {
            assert!(read_conditions(wrong).unwrap_err().contains("is no condition"), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(list in proptest::collection::vec(any_condition(&Op::ALL), 0..4)) {
            let read = read_conditions(&all_of(&list)).unwrap();
            prop_assert_eq!(all_of(&read), all_of(&list));
        }

        #[test]
        fn no_text_makes_reading_panic(text in ".{0,24}") {
            let _ = read_conditions(&text);
        }
    }
}
