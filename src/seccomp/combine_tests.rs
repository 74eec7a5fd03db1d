//! Combinations, asked call by call whether they keep what they promise.

use proptest::prelude::*;

use super::eval_tests::{calls, profile, seeds};
use super::*;

fn parse(name: &str, text: &str) -> Profile {
    let host = Host { arch: Arch::X86_64, caps: [].into(), kernel: "6.1".parse().unwrap() };
    Profile::parse(name, text, &host).unwrap()
}

/// A profile with these rules, each `names|action|args`.
fn with(name: &str, rules: &[(&str, &str, &str)]) -> Profile {
    let rules: Vec<String> = rules
        .iter()
        .map(|(call, action, args)| format!(r#"{{"names":["{call}"],"action":"SCMP_ACT_{action}","args":[{args}]}}"#))
        .collect();
    parse(name, &format!(r#"{{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{}]}}"#, rules.join(",")))
}

fn arg(index: u8, op: &str, value: u64) -> String {
    format!(r#"{{"index":{index},"op":"SCMP_CMP_{op}","value":{value}}}"#)
}

/// The rules that name a call, as a reader writes them.
fn told(profile: &Profile, call: &str) -> Vec<String> {
    let rules = profile.rules_for(call).into_iter();
    let told = |rule: &Rule| {
        let args = rule
            .args
            .iter()
            .map(|arg| format!("{} {} {:x} {:x}", arg.index, arg.op.oci_name(), arg.value, arg.value_two));
        format!("{} {}", rule.action.oci_name(), args.collect::<Vec<_>>().join(", "))
    };
    rules.map(|(_, rule)| told(rule)).collect()
}

#[test]
fn disjoint_conditions_stay_alternatives() {
    let one = with("one", &[("socket", "ALLOW", &arg(0, "EQ", 1))]);
    let two = with("two", &[("socket", "ALLOW", &arg(0, "EQ", 2))]);
    let both = merge(&one, &two, Arch::X86_64).unwrap();
    assert_eq!(told(&both, "socket"), ["SCMP_ACT_ALLOW 0 SCMP_CMP_EQ 1 0", "SCMP_ACT_ALLOW 0 SCMP_CMP_EQ 2 0"]);
    assert!(intersect(&one, &two, Arch::X86_64).unwrap().rules.is_empty());
    assert_eq!(told(&subtract(&one, &two, Arch::X86_64).unwrap(), "socket"), ["SCMP_ACT_ALLOW 0 SCMP_CMP_EQ 1 0"]);
}

#[test]
fn a_call_that_one_allows_in_full_keeps_no_condition_in_the_union_and_has_the_others_in_the_intersection() {
    let whole = with("whole", &[("socket", "ALLOW", "")]);
    let some = with("some", &[("socket", "ALLOW", &arg(0, "NE", 40))]);
    assert_eq!(told(&merge(&some, &whole, Arch::X86_64).unwrap(), "socket"), ["SCMP_ACT_ALLOW "]);
    assert_eq!(told(&intersect(&whole, &some, Arch::X86_64).unwrap(), "socket"), ["SCMP_ACT_ALLOW 0 SCMP_CMP_NE 28 0"]);
    assert_eq!(told(&subtract(&whole, &some, Arch::X86_64).unwrap(), "socket"), ["SCMP_ACT_ALLOW 0 SCMP_CMP_EQ 28 0"]);
}

#[test]
fn two_conditions_on_one_argument_that_must_both_hold_become_comparisons_under_masks() {
    let low = with("low", &[("read", "ALLOW", &arg(0, "GE", 5))]);
    let high = with("high", &[("read", "ALLOW", &arg(0, "LE", 8))]);
    assert_eq!(
        told(&intersect(&low, &high, Arch::X86_64).unwrap(), "read"),
        [
            "SCMP_ACT_ALLOW 0 SCMP_CMP_EQ 5 0",
            "SCMP_ACT_ALLOW 0 SCMP_CMP_MASKED_EQ fffffffffffffffe 6",
            "SCMP_ACT_ALLOW 0 SCMP_CMP_EQ 8 0",
        ]
    );
}

#[test]
fn what_cannot_be_written_is_refused_by_name() {
    let contested = with("odd", &[("read", "ALLOW", &arg(0, "EQ", 1)), ("read", "LOG", &arg(1, "EQ", 1))]);
    let error = merge(&contested, &contested, Arch::X86_64).unwrap_err().to_string();
    assert!(error.contains("the profile odd has two rules") && error.contains("`read`"), "{error}");
    let from =
        with("from", &[("read", "ALLOW", &format!("{},{}", arg(0, "GE", 0x1357_9bdf_0246_8ace), arg(1, "GE", 3)))]);
    let to = with("to", &[("read", "ALLOW", &format!("{},{}", arg(0, "LE", 0xfdb9_7531_eca8_6421), arg(1, "LE", 9)))]);
    let error = intersect(&from, &to, Arch::X86_64).unwrap_err().to_string();
    assert!(error.contains("`read` needs more than 64 comparisons"), "{error}");
    let mut narrow = with("narrow", &[("read", "ALLOW", &arg(0, "EQ", 1 << 40))]);
    narrow.architectures = vec![Arch::X86_64, Arch::X86];
    let error = merge(&narrow, &narrow, Arch::X86_64).unwrap_err().to_string();
    assert!(error.starts_with("a condition on `read` compares more than 32 bits, which SCMP_ARCH_X86"), "{error}");
}

#[test]
fn a_call_with_two_actions_and_two_ways_into_the_kernel_is_refused() {
    let mut profile = with("p", &[("semget", "LOG", &arg(0, "EQ", 1)), ("semget", "ALLOW", &arg(0, "EQ", 2))]);
    assert!(merge(&profile, &profile, Arch::X86_64).is_ok());
    profile.architectures = vec![Arch::X86_64, Arch::X86];
    let error = merge(&profile, &profile, Arch::X86_64).unwrap_err().to_string();
    assert!(error.starts_with("`semget` meets different actions by its arguments, and through ipc"), "{error}");
}

#[test]
fn conditions_that_do_not_hold_through_socketcall_are_told() {
    let mut profile = with("p", &[("socket", "ALLOW", &arg(0, "EQ", 1))]);
    profile.architectures = vec![Arch::X86_64, Arch::X86];
    let merged = merge(&profile, &profile, Arch::X86_64).unwrap();
    assert!(merged.warnings[0].message.starts_with("socket has conditions that do not hold through socketcall"));
}

#[test]
fn the_shipped_profiles_can_all_be_combined() {
    for (name, text) in shipped() {
        for (other, other_text) in shipped() {
            let (a, b) = (parse(name, text), parse(other, other_text));
            for how in [Combined::Merge, Combined::Intersect, Combined::Subtract] {
                let both = match combine(how, &a, &b, Arch::X86_64) {
                    Ok(both) => both,
                    // What is none of many values cannot be written in few comparisons for equality.
                    Err(CombineError::TooMany { call }) if how == Combined::Subtract => {
                        assert!(matches!(call.as_str(), "ioctl" | "socket"), "{call}");
                        continue;
                    }
                    Err(error) => panic!("{name} {how:?} {other}: {error}"),
                };
                compile(&both, Arch::X86_64).unwrap();
                parse("again", &both.to_oci_text());
            }
            if name == other {
                let changes = diff(&a, &merge(&a, &b, Arch::X86_64).unwrap()).changes;
                assert_eq!(changes, [], "{name}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_call_meets_what_the_combination_promises(a in profile(), b in profile(), seeds in seeds()) {
        let host = Arch::X86_64;
        for how in [Combined::Merge, Combined::Intersect, Combined::Subtract] {
            let Ok(both) = combine(how, &a, &b, host) else { continue };
            let program = compile(&both, host);
            prop_assert!(program.is_ok(), "{:?} {}", program, both.to_oci_json());
            for call in calls(&a, &seeds, &[host]).into_iter().chain(calls(&b, &seeds, &[host])) {
                let (x, y) = (a.decide(host, &call).action, b.decide(host, &call).action);
                let found = both.decide(host, &call).action;
                let right = match how {
                    Combined::Merge => found.permits() == x.permits().max(y.permits()),
                    Combined::Intersect => found.permits() == x.permits().min(y.permits()),
                    Combined::Subtract => found.allows() == (x.allows() && !y.allows()),
                };
                prop_assert!(right, "{how:?} {call:x?}: {x:?} {y:?} {found:?}");
                let compiled = program.as_ref().unwrap().evaluate(&call).unwrap();
                prop_assert_eq!(compiled, found, "{:x?} {}", call, both.to_oci_json());
            }
        }
    }

    #[test]
    fn a_difference_is_told_just_where_some_call_meets_another_action(a in profile(), b in profile(), seeds in seeds()) {
        let host = Arch::X86_64;
        let told = diff(&a, &b);
        prop_assert!(diff(&a, &a).is_empty());
        for call in calls(&a, &seeds, &[host]).into_iter().chain(calls(&b, &seeds, &[host])) {
            let name = syscall_name(call.arch, call.nr).unwrap();
            let differs = a.decide(host, &call).action != b.decide(host, &call).action;
            let said = told.default_action.is_some() || told.changes.iter().any(|change| change.call == name);
            prop_assert!(said || !differs, "{name} {call:x?}");
        }
    }
}
