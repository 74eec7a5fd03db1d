use super::*;
use crate::run::{LimitKind, Outcome, samples};

fn hardened(expose: bool) -> Matrix {
    let absent = [Layer::Apparmor, Layer::Selinux];
    Matrix::new(Policy::shipped("hardened").unwrap(), |layer| absent.contains(&layer), expose)
}

fn ran(status: u8, line: &str) -> Came {
    let mut summary = samples::ended(Outcome::Exited(status));
    summary.stdout.kept = line.as_bytes().to_vec();
    Came::Ran(Box::new(Ran::of(&summary)))
}

/// What came of each combination, by what of it decides.
fn table(expose: bool, came: impl Fn(Combination, &Policy) -> Came) -> Table {
    let matrix = hardened(expose);
    let combinations = matrix.combinations();
    let all = combinations.into_iter().map(|one| match matrix.policy(one) {
        Ok(policy) => (one, came(one, &policy)),
        Err(exposures) => (one, Came::NotRun(exposures)),
    });
    let all = all.collect();
    Table::new(matrix, all)
}

/// Writes below /etc, which the read-only root refuses first, and then the user.
fn write_etc(_: Combination, policy: &Policy) -> Came {
    match (policy.is_on(Layer::Rootfs), policy.is_on(Layer::User)) {
        (true, _) => ran(1, "HELD: [Errno 30] Read-only file system"),
        (false, true) => ran(1, "HELD: [Errno 13] Permission denied"),
        (false, false) => ran(0, "REACHED: wrote"),
    }
}

#[test]
fn a_combination_that_shows_more_of_the_host_than_a_container_is_not_run_unless_asked_for() {
    let not_run = |expose| {
        let matrix = hardened(expose);
        let all = matrix.combinations();
        all.into_iter().filter(|one| matrix.policy(*one).is_err()).map(|one| matrix.name(one)).collect::<Vec<_>>()
    };
    assert_eq!(not_run(false), ["without network", "without ipc", "without env", "without proc-masks"]);
    assert_eq!(not_run(true), [""; 0]);
    let bare = hardened(true).policy(Combination::None).unwrap();
    assert!(!bare.is_on(Layer::Network) && !bare.is_on(Layer::Caps) && !bare.is_on(Layer::User));
}

#[test]
fn a_policy_that_exposes_the_host_by_itself_was_asked_for() {
    let mut policy = Policy::shipped("hardened").unwrap();
    policy.set_on(Layer::Network, false);
    let matrix = Matrix::new(policy, |_| false, false);
    assert!(matrix.policy(Combination::All).is_ok() && matrix.policy(Combination::Without(Layer::Pids)).is_ok());
    assert!(matrix.policy(Combination::Without(Layer::Ipc)).is_err());
}

#[test]
fn the_machine_is_never_without_a_bound_and_a_cell_never_privileged() {
    for expose in [false, true] {
        let matrix = hardened(expose);
        for policy in matrix.combinations().into_iter().filter_map(|one| matrix.policy(one).ok()) {
            assert!(policy.memory.get().unwrap().limit <= Bytes(1 << 30), "{policy:?}");
            assert!(policy.pids.get().unwrap().0 <= 4096 && policy.output.get().unwrap().stdout <= Bytes::mib(1));
            assert!(expose || policy.is_on(Layer::Caps), "{policy:?}");
        }
    }
}

#[test]
fn every_layer_is_taken_away_once_and_alone_once_but_for_those_that_stay() {
    let matrix = hardened(false);
    assert_eq!(matrix.layers.len(), 16);
    assert_eq!(matrix.kept(), [Layer::Network, Layer::Ipc, Layer::Env, Layer::ProcMasks]);
    assert_eq!(matrix.combinations().len(), 2 + 16 + 12);
    assert_eq!(hardened(true).combinations().len(), 2 + 16 + 16);
    let alone = matrix.policy(Combination::Alone(Layer::Rootfs)).unwrap();
    let on: Vec<_> = matrix.layers.iter().filter(|layer| alone.is_on(**layer)).map(|layer| layer.name()).collect();
    assert_eq!(on, ["network", "rootfs", "memory", "pids", "caps", "ipc", "env", "proc-masks", "output"]);
}

#[test]
fn the_layer_that_refuses_is_in_front_and_the_one_that_takes_over_behind() {
    let table = table(false, write_etc);
    assert_eq!(table.with_role(Role::InFront), [Layer::Rootfs]);
    assert_eq!(table.with_role(Role::Behind), [Layer::User]);
    assert_eq!(table.with_role(Role::LoadBearing), []);
    assert_eq!(table.role(Layer::Seccomp), Role::NoPart);
    assert_eq!(table.role(Layer::Network), Role::Unknown);
    let said = table.sentences().join("\n");
    assert!(said.contains("rootfs holds it first; behind stands user."), "{said}");
    assert!(said.contains("4 of 30 not run"), "{said}");
}

#[test]
fn the_one_layer_without_which_it_reaches_is_load_bearing() {
    let table =
        table(
            false,
            |_, policy| if policy.is_on(Layer::Seccomp) { ran(1, "HELD: [Errno 1]") } else { ran(0, "REACHED: a key") },
        );
    assert_eq!(table.with_role(Role::LoadBearing), [Layer::Seccomp]);
    assert_eq!(table.with_role(Role::Behind), []);
    assert_eq!(table.sentences()[0], "seccomp is load-bearing: without it REACHED (0), and not HELD (1).");
}

#[test]
fn what_the_kept_layers_hold_by_themselves_is_told_as_such() {
    let table = table(false, |_, policy| {
        if policy.is_on(Layer::Network) { ran(1, "HELD: [Errno 111] Connection refused") } else { ran(0, "REACHED") }
    });
    assert_eq!(table.layers_matter(), Some(false));
    assert!(table.sentences().iter().any(|line| line.contains("cannot be told without --expose")));
    let exposed = self::table(true, |_, policy| {
        if policy.is_on(Layer::Network) { ran(1, "HELD: [Errno 111] Connection refused") } else { ran(0, "REACHED") }
    });
    assert_eq!(exposed.with_role(Role::LoadBearing), [Layer::Network]);
}

#[test]
fn a_cell_that_could_not_be_made_says_nothing_of_a_layer() {
    let table = table(false, |one, policy| match one {
        Combination::Without(Layer::Rootfs) => {
            let lost = samples::ended(Outcome::NotStarted("no".to_owned()));
            Came::Ran(Box::new(Ran::of(&lost)))
        }
        _ => write_etc(one, policy),
    });
    assert_eq!(table.role(Layer::Rootfs), Role::Unknown);
}

#[test]
fn figures_that_differ_from_run_to_run_are_no_other_line() {
    let [one, other] = [ran(1, "HELD: after 31"), ran(1, "HELD: after 63")].map(|came| came.ran().unwrap().clone());
    assert_eq!(one.first_line_beside(&other), None);
    let [one, other] = [ran(1, "same\nHELD: a"), ran(1, "same\nHELD: b")].map(|came| came.ran().unwrap().clone());
    assert_eq!(one.first_line_beside(&other), Some("HELD: a"));
}

#[test]
fn a_limit_that_is_seen_by_chance_makes_no_layer_one_that_holds_first() {
    let held = |limits: &[LimitKind]| {
        let mut summary = samples::ended(Outcome::Exited(1));
        summary.stdout.kept = b"HELD: EAGAIN".to_vec();
        for limit in limits {
            samples::met(&mut summary, *limit, 1);
        }
        Came::Ran(Box::new(Ran::of(&summary)))
    };
    // The sampler sees so many processes in some runs, and in others they are gone before it looks.
    let table = table(false, |one, policy| match (policy.is_on(Layer::Ulimits), one) {
        (false, _) => ran(0, "REACHED: 1000"),
        (true, Combination::Without(Layer::Cpu)) => held(&[LimitKind::NprocReached]),
        (true, _) => held(&[]),
    });
    assert_eq!(table.role(Layer::Cpu), Role::NoPart);
    assert_eq!(table.with_role(Role::LoadBearing), [Layer::Ulimits]);
    assert_eq!(table.with_role(Role::InFront), []);
}

#[test]
fn a_stopped_run_says_nothing_of_a_layer_and_a_long_one_is_kept_in_part() {
    let table = table(false, |one, policy| match one {
        Combination::Without(Layer::Rootfs) => Came::Stopped,
        _ => write_etc(one, policy),
    });
    assert_eq!(table.role(Layer::Rootfs), Role::Unknown);
    assert!(table.tells_of(Layer::Rootfs) && table.ran(Combination::Without(Layer::Rootfs)).is_none());
    let Came::Ran(ran) = ran(0, &"x".repeat(500).repeat(3).replace("xx", "x\n")) else { panic!() };
    assert!(ran.lines.len() < 1000 && ran.more_lines > 0, "{} {}", ran.lines.len(), ran.more_lines);
    let Came::Ran(long) = self::ran(0, &"y".repeat(1 << 20)) else { panic!() };
    assert!(long.lines[0].len() < 1000 && long.lines[0].ends_with('…'));
}

#[test]
fn a_run_is_kept_with_the_calls_that_were_refused() {
    let mut summary = samples::ended(Outcome::Exited(1));
    samples::denial(&mut summary, 0, "connect", &["3"], 7);
    for id in 1..100 {
        samples::denial(&mut summary, id, "bpf", &[&"x".repeat(1000)], 1);
    }
    let ran = Ran::of(&summary);
    assert_eq!(
        (ran.calls[0].call.as_str(), ran.calls[0].count, ran.calls[0].layer),
        ("connect(3) = EPERM", 7, Layer::Seccomp)
    );
    assert!(ran.calls.len() < 100 && ran.calls.len() + ran.more_calls == 100);
    assert!(ran.calls[1].call.len() < 1000 && ran.calls[1].call.ends_with('…'));
    assert_eq!(ran.stoppers(), ["seccomp: 106 denials"]);
}

#[test]
fn a_limit_that_is_met_only_where_another_is_away_shows_which_of_them_is_in_front() {
    let ended = |limits: &[LimitKind], status| {
        let mut summary = samples::ended(Outcome::Exited(status));
        summary.stdout.kept = if status == 0 { b"REACHED: 1000".to_vec() } else { b"HELD: EAGAIN".to_vec() };
        for limit in limits {
            samples::met(&mut summary, *limit, 1);
        }
        Came::Ran(Box::new(Ran::of(&summary)))
    };
    // A fork bomb: the kernel spares root, so the limit of a user's processes holds with the layer `user` alone.
    let table =
        table(false, |_, policy| match (policy.is_on(Layer::Ulimits), policy.is_on(Layer::User), policy.pids.get()) {
            (true, true, _) => ended(&[], 1),
            (_, _, Some(pids)) if pids.0 == 64 => ended(&[LimitKind::PidsRefused], 1),
            _ => ended(&[], 0),
        });
    assert_eq!(table.with_role(Role::InFront), [Layer::Ulimits, Layer::User]);
    assert_eq!(table.sentences()[0], "ulimits and user hold it first; behind stands pids.");
    assert_eq!(table.with_role(Role::Behind), [Layer::Pids]);
}

#[test]
fn other_runtimes_are_tried_with_all_layers_and_with_none_and_stand_beside_the_cells_own() {
    let runtimes = ["runsc", "crun"].map(|name| Runtime(name.to_owned()));
    let matrix = hardened(false).over("runc".to_owned(), runtimes.to_vec());
    let over: Vec<_> = matrix
        .combinations()
        .into_iter()
        .filter(|one| matches!(one, Combination::Over(_) | Combination::OverAlone(_)))
        .map(|one| (matrix.name(one), matrix.policy(one).unwrap()))
        .collect();
    let named: Vec<_> = over.iter().map(|(name, policy)| (name.as_str(), policy.runtime.get().unwrap())).collect();
    let [gvisor, crun] = &runtimes;
    let expected = [("all over runsc", gvisor), ("runsc alone", gvisor), ("all over crun", crun), ("crun alone", crun)];
    assert_eq!(named, expected);
    assert!(over[0].1.is_on(Layer::Rootfs) && !over[1].1.is_on(Layer::Rootfs) && over[1].1.is_on(Layer::Network));
    let table = Table::new(matrix, Vec::new());
    assert_eq!(table.runtimes().iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["runc", "runsc", "crun"]);

    let alone = hardened(false).over("crun".to_owned(), Vec::new());
    let sentences = Table::new(alone, Vec::new()).sentences();
    assert!(sentences.iter().any(|said| said.contains("no other runtime")), "{sentences:?}");
}
