//! Reading and writing profiles: what a user sees.

use proptest::prelude::*;

use super::*;

fn host() -> Host {
    Host {
        arch: Arch::X86_64,
        caps: ["CAP_CHOWN".to_owned(), "CAP_KILL".to_owned()].into(),
        kernel: "5.10".parse().unwrap(),
    }
}

fn parse(text: &str) -> Result<Profile, ProfileError> {
    Profile::parse("p.json", text, &host())
}

fn mistake(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

/// A profile whose only rule has these members besides its name and action.
fn with_rule(members: &str) -> String {
    format!(
        r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
{{"names": ["read"], "action": "SCMP_ACT_ALLOW"{members}}}]}}"#
    )
}

/// How many rules are left when the only one has these members.
fn rules_left(members: &str) -> usize {
    parse(&with_rule(members)).unwrap().rules.len()
}

#[test]
fn bad_json_is_told_with_its_place() {
    assert_eq!(mistake("{\n  \"defaultAction\": \"SCMP_ACT_ALLOW\",\n}"), "p.json:3:1: not JSON: trailing comma");
    assert_eq!(mistake("// a comment\n{}"), "p.json:1:1: not JSON: expected value");
}

#[test]
fn an_unknown_key_is_told_with_the_one_that_was_meant() {
    assert_eq!(
        mistake(&with_rule(r#", "arg": []"#)),
        "p.json:2:49: unknown key \"arg\" in a rule: did you mean \"args\"? \
         (allowed: names, name, action, errnoRet, args, comment, includes, excludes)"
    );
    assert!(
        mistake(r#"{"defaultActoin": ""}"#)
            .starts_with("p.json:1:2: unknown key \"defaultActoin\" in the profile: did you mean \"defaultAction\"?")
    );
}

#[test]
fn an_unknown_system_call_is_told_with_the_nearest_name() {
    let text = |name: &str| {
        format!(
            "{{\"defaultAction\":\"SCMP_ACT_ALLOW\",\n\"syscalls\":[{{\"names\":[\"read\",\"{name}\"],\"action\":\"SCMP_ACT_KILL\"}}]}}"
        )
    };
    assert_eq!(mistake(&text("opne")), "p.json:2:30: unknown system call \"opne\": did you mean \"open\"?");
    assert_eq!(
        mistake(&text("launch_missiles")),
        "p.json:2:30: unknown system call \"launch_missiles\": no architecture has it, remove it"
    );
    assert!(mistake(&text("\\u001b[31m")).contains(r"\u{1b}[31m"));
}

#[test]
fn words_outside_their_list_are_told_with_the_list() {
    assert_eq!(
        mistake(r#"{"defaultAction": "SCMP_ACT_DENY"}"#),
        "p.json:1:19: unknown action \"SCMP_ACT_DENY\": allowed: SCMP_ACT_ALLOW, SCMP_ACT_ERRNO, \
         SCMP_ACT_KILL, SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_THREAD, SCMP_ACT_LOG, \
         SCMP_ACT_NOTIFY, SCMP_ACT_TRACE, SCMP_ACT_TRAP"
    );
    let op = mistake(&with_rule(r#", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EG"}]"#));
    assert!(op.starts_with("p.json:2:89: unknown operator \"SCMP_CMP_EG\": did you mean \"SCMP_CMP_"), "{op}");
    let arch = mistake(r#"{"defaultAction": "SCMP_ACT_LOG", "architectures": ["SCMP_ARCH_X8664"]}"#);
    assert!(
        arch.contains("1:53: unknown architecture \"SCMP_ARCH_X8664\": did you mean \"SCMP_ARCH_X86_64\"?"),
        "{arch}"
    );
    let flag = mistake(r#"{"defaultAction": "SCMP_ACT_LOG", "flags": ["LOG"]}"#);
    assert!(flag.contains("1:45: unknown flag \"LOG\": allowed: SECCOMP_FILTER_FLAG_TSYNC"), "{flag}");
}

#[test]
fn numbers_out_of_range_are_told_with_the_range() {
    let arg = |arg: &str| mistake(&with_rule(&format!(", \"args\": [{{{arg}}}]")));
    assert_eq!(
        arg(r#""index": 6, "value": 1, "op": "SCMP_CMP_EQ""#),
        "p.json:2:68: argument index 6 is out of range: write 0 to 5"
    );
    assert_eq!(
        arg(r#""index": 0, "value": -1, "op": "SCMP_CMP_EQ""#),
        "p.json:2:80: value is a negative, fractional or too great number: \
         write a whole number from 0 up, without quotes"
    );
    assert_eq!(
        arg(r#""index": 0, "op": "SCMP_CMP_EQ""#),
        "p.json:2:58: an argument condition has no \"value\": add it"
    );
    assert_eq!(
        mistake(r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 4095}"#),
        "p.json:1:56: defaultErrnoRet 4095 is out of range: write 0 to 4094"
    );
}

#[test]
fn contradictions_are_mistakes() {
    assert_eq!(
        mistake(&with_rule(r#", "name": "write""#)),
        "p.json:2:11: both \"name\" and \"names\" are given: keep one"
    );
    assert_eq!(
        mistake(&with_rule(r#", "action": "SCMP_ACT_LOG""#)),
        "p.json:2:49: \"action\" is given twice: remove one"
    );
    assert_eq!(
        mistake(&with_rule(r#", "errnoRet": 1"#)),
        "p.json:2:61: \"errnoRet\" has no meaning with SCMP_ACT_ALLOW: \
         use SCMP_ACT_ERRNO or SCMP_ACT_TRACE, or remove it"
    );
    assert_eq!(
        mistake(
            r#"{"defaultAction": "SCMP_ACT_LOG", "architectures": ["SCMP_ARCH_X86"],
"archMap": [{"architecture": "SCMP_ARCH_X86_64"}]}"#
        ),
        "p.json:2:12: both \"architectures\" and \"archMap\" are given: keep one"
    );
    assert_eq!(mistake("[]"), "p.json:1:1: the profile is a list: write an object");
    assert_eq!(mistake("{}"), "p.json:1:1: the profile has no \"defaultAction\": add it");
}

#[test]
fn a_condition_that_could_never_hold_is_a_mistake() {
    assert_eq!(
        mistake(&with_rule(r#", "includes": {"caps": ["SYS_ADMIN"]}"#)),
        "p.json:2:71: \"SYS_ADMIN\" is not a capability: write it as CAP_SYS_ADMIN is written"
    );
    let arch = mistake(&with_rule(r#", "excludes": {"arches": ["x86_64"]}"#));
    assert!(arch.starts_with("p.json:2:73: unknown architecture \"x86_64\": "), "{arch}");
    assert_eq!(
        mistake(&with_rule(r#", "includes": {"minKernel": "four"}"#)),
        "p.json:2:75: \"four\" is not a kernel version: write major.minor, such as 4.8"
    );
}

#[test]
fn a_rule_holds_when_all_its_includes_are_so() {
    assert_eq!(rules_left(r#", "includes": {"caps": ["CAP_KILL", "CAP_CHOWN"]}"#), 1);
    assert_eq!(rules_left(r#", "includes": {"caps": ["CAP_KILL", "CAP_BPF"]}"#), 0);
    assert_eq!(rules_left(r#", "includes": {"arches": ["arm64", "amd64"]}"#), 1);
    assert_eq!(rules_left(r#", "includes": {"arches": ["arm64"]}"#), 0);
    assert_eq!(rules_left(r#", "includes": {"minKernel": "5.10"}"#), 1);
    assert_eq!(rules_left(r#", "includes": {"minKernel": "5.11"}"#), 0);
    assert_eq!(rules_left(r#", "includes": {}, "excludes": {}"#), 1);
}

#[test]
fn a_rule_does_not_hold_when_any_of_its_excludes_is_so() {
    assert_eq!(rules_left(r#", "excludes": {"caps": ["CAP_BPF", "CAP_KILL"]}"#), 0);
    assert_eq!(rules_left(r#", "excludes": {"caps": ["CAP_BPF"]}"#), 1);
    assert_eq!(rules_left(r#", "excludes": {"arches": ["amd64"]}"#), 0);
    assert_eq!(rules_left(r#", "excludes": {"arches": ["s390x"]}"#), 1);
    assert_eq!(rules_left(r#", "excludes": {"minKernel": "5.4"}"#), 0);
    assert_eq!(rules_left(r#", "excludes": {"minKernel": "6.0"}"#), 1);
}

#[test]
fn the_older_spellings_of_docker_are_read() {
    let profile = parse(
        r#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": [], "archMap": [
            {"architecture": "SCMP_ARCH_S390X", "subArchitectures": ["SCMP_ARCH_S390"]},
            {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
          "syscalls": [{"name": "read", "action": "SCMP_ACT_ALLOW", "args": null, "comment": ""}]}"#,
    )
    .unwrap();
    assert_eq!(profile.architectures, [Arch::X86_64, Arch::X86]);
    assert_eq!(profile.rules[0].names, ["read"]);
    assert_eq!(profile.default_action, Action::Errno(1));
}

#[test]
fn what_is_written_reads_back_as_the_same_profile() {
    for (name, text) in shipped() {
        let first = Profile::parse(name, text, &host()).unwrap();
        let again = Profile::parse(name, &first.to_oci_text(), &host()).unwrap();
        assert_eq!(again.to_oci_json(), first.to_oci_json());
        assert_eq!(
            (again.default_action, again.architectures, again.rules),
            (first.default_action, first.architectures, first.rules)
        );
    }
}

#[test]
fn the_oci_form_holds_actions_errnos_and_arguments() {
    let text = r#"{"defaultAction":"SCMP_ACT_TRACE","defaultErrnoRet":9,"flags":["SECCOMP_FILTER_FLAG_LOG"],
        "syscalls":[{"name":"socket","action":"SCMP_ACT_ERRNO","errnoRet":97,"comment":"why",
        "args":[{"index":1,"value":15,"valueTwo":3,"op":"SCMP_CMP_MASKED_EQ"}]}]}"#;
    let expected = serde_json::json!({
        "defaultAction": "SCMP_ACT_TRACE",
        "defaultErrnoRet": 9,
        "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "syscalls": [{
            "names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 97, "comment": "why",
            "args": [{"index": 1, "value": 15, "valueTwo": 3, "op": "SCMP_CMP_MASKED_EQ"}],
        }],
    });
    assert_eq!(parse(text).unwrap().to_oci_json(), expected);
}

#[test]
fn a_profile_tells_what_it_cannot_do_here() {
    let profile = parse(
        r#"{"defaultAction": "SCMP_ACT_ERRNO", "listenerPath": "/run/s",
"syscalls": [{"names": ["read", "mseal"], "action": "SCMP_ACT_ALLOW"}]}"#,
    )
    .unwrap();
    let warnings: Vec<_> = profile.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings[0], "p.json:1:53: listenerPath is left out: hotcell is the listener itself");
    // A newer libseccomp knows the call, and then nothing is to be said.
    if let Some(newer) = warnings.get(1) {
        assert!(newer.starts_with("p.json:2:33: newer than the libseccomp"), "{newer}");
        assert!(newer.ends_with("alone: mseal"), "{newer}");
    }
}

#[test]
fn two_conditions_on_one_argument_are_alternatives_as_in_runc() {
    let profile = parse(&with_rule(
        r#", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"},
                      {"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}]"#,
    ))
    .unwrap();
    assert!(profile.warnings[0].message.contains("either is enough"));
    assert_eq!(judge(&profile, &[1]), Action::Allow);
    assert_eq!(judge(&profile, &[2]), Action::Allow);
    assert_eq!(judge(&profile, &[3]), Action::Errno(1));
}

#[test]
fn conditions_on_different_arguments_must_all_hold() {
    let profile = parse(&with_rule(
        r#", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_GE"},
                      {"index": 2, "value": 9, "op": "SCMP_CMP_NE"}]"#,
    ))
    .unwrap();
    assert_eq!(judge(&profile, &[1, 0, 8]), Action::Allow);
    assert_eq!(judge(&profile, &[1, 0, 9]), Action::Errno(1));
    assert_eq!(judge(&profile, &[0, 0, 8]), Action::Errno(1));
}

#[test]
fn rules_that_libseccomp_never_finishes_are_refused() {
    let rule = |index: u8, op: &str| {
        format!(
            r#"{{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [
                {{"index": 0, "value": 7, "op": "SCMP_CMP_{op}"}}, {{"index": {index}, "value": 5, "op": "SCMP_CMP_EQ"}}]}}"#
        )
    };
    let two = |one: String, other: String| {
        let profile =
            parse(&format!(r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{one}, {other}]}}"#)).unwrap();
        compile(&profile, Arch::native()).map_err(|error| error.to_string())
    };
    for op in ["NE", "LT", "LE", "GT", "GE"] {
        let error = two(rule(1, op), rule(2, op)).unwrap_err();
        assert!(error.contains("rules for `read`") && error.contains("never finishes"), "{error}");
        assert!(two(rule(1, op), rule(1, op)).is_ok());
    }
    assert!(two(rule(1, "EQ"), rule(2, "EQ")).is_ok());
}

#[test]
fn a_profile_that_was_not_parsed_may_still_name_no_call() {
    let mut profile = parse(&with_rule("")).unwrap();
    profile.rules[0].names.push("nonsense".to_owned());
    let error = compile(&profile, Arch::native()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the profile p.json names the system call \"nonsense\", which does not exist: correct it"
    );
}

/// What a profile says to a `read` with these arguments.
fn judge(profile: &Profile, args: &[u64]) -> Action {
    let mut data = SeccompData {
        nr: syscall_number("read").unwrap(),
        arch: Arch::native().audit_token().unwrap(),
        ..SeccompData::default()
    };
    data.args[..args.len()].copy_from_slice(args);
    compile(profile, Arch::native()).unwrap().evaluate(&data).unwrap()
}

/// What the manual page `seccomp_rule_add(3)` says about a condition.
fn by_the_manual(op: Op, argument: u64, value: u64, value_two: u64) -> bool {
    match op {
        Op::NotEqual => argument != value,
        Op::Less => argument < value,
        Op::LessOrEqual => argument <= value,
        Op::Equal => argument == value,
        Op::GreaterOrEqual => argument >= value,
        Op::Greater => argument > value,
        Op::MaskedEqual => argument & value == value_two & value,
    }
}

/// Numbers whose halves are often equal to those of others, where 64-bit comparisons go wrong.
fn word() -> impl Strategy<Value = u64> {
    let half = prop_oneof![Just(0), Just(1), Just(u32::MAX), Just(0x5412), any::<u32>()];
    (half.clone(), half).prop_map(|(high, low)| u64::from(high) << 32 | u64::from(low))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_compiled_condition_compares_as_the_manual_says(
        op in proptest::sample::select(Op::ALL.to_vec()),
        index in 0_u8..6,
        value in word(),
        value_two in word(),
        argument in word(),
    ) {
        let value_two = value_two & value;
        let mut profile = parse(&with_rule("")).unwrap();
        profile.rules[0].args = vec![ArgCondition { index, value, value_two, op }];
        let mut args = [7; 6];
        args[usize::from(index)] = argument;
        let allowed = judge(&profile, &args) == Action::Allow;
        prop_assert_eq!(allowed, by_the_manual(op, argument, value, value_two));
    }

    #[test]
    fn no_damage_to_a_profile_does_more_than_name_a_place(
        which in 0_usize..3,
        at in any::<proptest::sample::Index>(),
        length in 0_usize..20,
        put in prop_oneof![Just(String::new()), "[\\[\\]{}\",:0-9a-z\\\\ ]{0,4}", "\\PC{0,3}"],
    ) {
        let (name, text) = shipped()[which];
        let mut damaged: Vec<char> = text.chars().collect();
        let from = at.index(damaged.len());
        let to = (from + length).min(damaged.len());
        damaged.splice(from..to, put.chars());
        let damaged: String = damaged.into_iter().collect();
        if let Err(error) = Profile::parse(name, &damaged, &host()) {
            let lines = damaged.matches('\n').count() + 1;
            prop_assert!((1..=lines).contains(&error.place.line), "{error}");
        }
    }

    #[test]
    fn no_json_at_all_does_more_than_name_a_place(value in json_value(), within in 0_usize..3) {
        let text = match within {
            0 => value.to_string(),
            1 => serde_json::json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": value }).to_string(),
            _ => serde_json::json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [value] }).to_string(),
        };
        match parse(&text) {
            Ok(profile) => prop_assert!(compile(&profile, Arch::X86_64).is_ok()),
            Err(error) => prop_assert!(error.to_string().starts_with("p.json:1:"), "{error}"),
        }
    }
}

/// Any JSON, of which keys and words are often those of profiles.
fn json_value() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let words = proptest::sample::select(&["SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW", "read", "socket", "SCMP_CMP_EQ"][..]);
    let words = prop_oneof![4 => words.prop_map(str::to_owned), 1 => "\\PC{0,4}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0_u64..8).prop_map(Value::from),
        words.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let word = proptest::sample::select(
            &["names", "action", "args", "index", "value", "op", "errnoRet", "includes", "caps", "comment"][..],
        );
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((word, inner), 0..5)
                .prop_map(|members| members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}
