//! Which plans share a cell.

use std::collections::BTreeSet;

use super::*;
use crate::engine::Limits;
use crate::policy::Place;
use crate::seccomp::{Arch, Host, SeccompData, compile};

fn sda() -> Disk {
    Disk { node: "/dev/sda".into(), number: (8, 0) }
}

/// An engine that has everything.
fn engine() -> Capabilities {
    Capabilities {
        kind: EngineKind::Docker,
        version: "27.0".to_owned(),
        api_version: "1.46".to_owned(),
        runtimes: vec!["runc".to_owned(), "crun".to_owned()],
        without_seccomp: Vec::new(),
        default_runtime: "runc".to_owned(),
        runtime_choice: true,
        cgroup_version: None,
        limits: Limits { memory: true, swap: true, cpu: true, pids: true, io: true },
        unlimited: None,
        disks: Ok(vec![sda()]),
        security: ["apparmor", "selinux", "userns"].map(str::to_owned).to_vec(),
        rootless: false,
        local: true,
        kernel: "6.12".to_owned(),
        architecture: "x86_64".to_owned(),
        warnings: Vec::new(),
    }
}

/// Every layer on.
fn full() -> Policy {
    let mut policy = Policy::shipped("hardened").unwrap();
    for layer in Layer::ALL {
        policy.set_on(layer, true);
    }
    policy.set(Layer::Runtime, "crun").unwrap();
    policy
}

fn plan(policy: Policy, native: bool) -> CellPlan {
    let filter = policy.seccomp.on.then(|| {
        let json = r#"{"defaultAction": "SCMP_ACT_ERRNO"}"#;
        let host = Host::here(BTreeSet::new()).unwrap();
        let profile = Profile::parse("test", json, &host).unwrap();
        let program = compile(&profile, Arch::native()).unwrap();
        Filter { profile, program }
    });
    let host_env = BTreeMap::from([("TOKEN".to_owned(), "secret".to_owned())]);
    let request = Request { policy, filter, watch: Watch::Refusals, image: "image".to_owned(), native, host_env };
    CellPlan::new(request, &engine(), &Kernel { landlock_abi: Some(6) })
}

#[test]
fn a_runtime_that_leaves_profiles_out_has_no_seccomp_layer_and_the_flag_is_named() {
    let runtimes = ["runc", "crun", "runsc"].map(str::to_owned).to_vec();
    let engine = Capabilities { runtimes, without_seccomp: vec!["runsc".to_owned()], ..engine() };
    let why_not = |runtime| {
        let mut policy = full();
        policy.set(Layer::Runtime, runtime).unwrap();
        let request = plan(policy, false).request;
        CellPlan::new(request, &engine, &Kernel::default()).unavailable.remove(&Layer::Seccomp)
    };
    assert_eq!(why_not("crun"), None);
    assert!(why_not("runsc").is_some_and(|reason| reason.contains("--oci-seccomp")));
}

#[test]
fn the_embedded_engine_cuts_a_cell_off_where_a_bridge_was_asked_for_and_says_so() {
    let mut policy = Policy::shipped("hardened").unwrap();
    policy.set(Layer::Network, "bridge").unwrap();
    let request = plan(policy, false).request;
    let embedded = Capabilities { kind: EngineKind::Embedded, ..engine() };
    let plan = CellPlan::new(request, &embedded, &Kernel::default());
    assert!(plan.unavailable[&Layer::Network].contains("no bridge"));
    let name = CellName("hotcell-0123456789ab".to_owned());
    let place = CellPlace { name: &name, owner: "owner", cell_dir: "/run/cell".into(), sandbox: "/run/box".into() };
    assert_eq!(plan.spec(&place, None).network, CellNetwork::None);
}

#[test]
fn the_io_layer_limits_the_disks_that_the_engine_has_and_says_why_where_there_are_none() {
    let name = CellName("hotcell-0123456789ab".to_owned());
    let place = CellPlace { name: &name, owner: "owner", cell_dir: "/run/cell".into(), sandbox: "/run/box".into() };
    let mut policy = Policy::shipped("hardened").unwrap();
    policy.set(Layer::Io, "4m").unwrap();
    let on = |engine: &Capabilities| CellPlan::new(plan(policy.clone(), false).request, engine, &Kernel::default());
    let plan = on(&engine());
    assert_eq!(plan.spec(&place, None).disks, [(sda(), Bytes::mib(4))]);
    let two = on(&Capabilities { disks: Ok(vec![sda(), Disk { number: (8, 16), ..sda() }]), ..engine() });
    assert_eq!(two.spec(&place, None).disks.len(), 2);
    let limits = Limits { io: false, ..engine().limits };
    let diskless = Capabilities { disks: Err("none".to_owned()), ..engine() };
    for (engine, reason) in [(diskless, "none"), (Capabilities { limits, ..engine() }, "no io controller")] {
        let plan = on(&engine);
        assert!(plan.unavailable[&Layer::Io].contains(reason), "{reason}");
        assert_eq!(plan.spec(&place, None).disks, []);
    }
}

/// Whether a cell that was made under `made` stays warm under `next`.
fn fits(made: &CellPlan, next: &CellPlan, argv: [&str; 2]) -> bool {
    let name = CellName("hotcell-0123456789ab".to_owned());
    let place = CellPlace { name: &name, owner: "owner", cell_dir: "/run/cell".into(), sandbox: "/run/box".into() };
    let [made_for, next_for] = argv.map(|path| vec!["python3".to_owned(), path.to_owned()]);
    next.fits(made, &made.spec(&place, Some(made_for)), &place, next_for)
}

/// The layers that can be toggled without losing a cell.
fn kept_warm(native: bool) -> Vec<Layer> {
    let made = plan(full(), native);
    let toggled = |layer: &Layer| {
        let mut policy = full();
        policy.set_on(*layer, false);
        let next = plan(policy, native);
        let (there, back) = (fits(&made, &next, ["a", "a"]), fits(&next, &made, ["a", "a"]));
        assert_eq!(there, back, "{layer} on and off");
        there
    };
    Layer::ALL.into_iter().filter(toggled).collect()
}

#[test]
fn a_cell_stays_warm_under_the_layers_that_are_put_on_at_the_launch() {
    let at_the_launch = [Layer::Seccomp, Layer::Landlock, Layer::Ulimits, Layer::Env, Layer::Timeout, Layer::Output];
    assert_eq!(kept_warm(false), at_the_launch);
    let by_the_engine = |layer: &Layer| layer.enforced_at() == Place::Engine;
    assert!(Layer::ALL.iter().all(|layer| by_the_engine(layer) != at_the_launch.contains(layer)));
}

#[test]
fn under_native_enforcement_it_stays_warm_under_what_hotcell_itself_does() {
    // Landlock cannot be had there, so it changes nothing.
    assert_eq!(kept_warm(true), [Layer::Landlock, Layer::Timeout, Layer::Output]);
}

#[test]
fn another_setting_counts_as_much_as_another_switch() {
    let made = plan(full(), false);
    for (layer, setting, warm) in [
        (Layer::Memory, "64m", false),
        (Layer::User, "1000:1000", false),
        (Layer::Runtime, "runc", false),
        (Layer::Timeout, "1s", true),
        (Layer::Ulimits, "nofile=16", true),
        (Layer::Landlock, "off", true),
    ] {
        let mut policy = full();
        policy.set(layer, setting).unwrap();
        assert_eq!(fits(&made, &plan(policy, false), ["a", "a"]), warm, "{layer}={setting}");
    }
}

#[test]
fn a_name_alone_makes_no_other_cell_but_enforcement_and_image_do() {
    let made = plan(full(), false);
    let renamed = plan(Policy { name: "other".to_owned(), ..full() }, false);
    assert!(fits(&made, &renamed, ["a", "a"]));
    assert!(!fits(&made, &plan(full(), true), ["a", "a"]));
    let mut elsewhere = plan(full(), false);
    elsewhere.request.image = "another".to_owned();
    assert!(!fits(&made, &elsewhere, ["a", "a"]));
}

#[test]
fn another_command_line_needs_another_cell_only_where_the_engine_starts_it() {
    let (shim, native) = (plan(full(), false), plan(full(), true));
    assert!(fits(&shim, &shim, ["a", "b"]));
    assert!(fits(&native, &native, ["a", "a"]) && !fits(&native, &native, ["a", "b"]));
}

#[test]
fn only_a_cell_with_a_shim_can_be_held() {
    assert!(plan(full(), false).can_hold());
    assert!(!plan(full(), true).can_hold());
}

#[test]
fn where_calls_are_watched_every_one_is_asked_about_and_the_profile_still_answers() {
    let plan = plan(Policy::shipped("hardened").unwrap(), false);
    let seed = plan.judge().unwrap();
    let launched = |plan: &CellPlan| Program::from_bytes(&plan.launch(vec!["x".to_owned()]).unwrap().filter).unwrap();
    let asked_beside = launched(&plan);
    let of = |name: &str, args: [u64; 6]| {
        let (nr, arch) = (syscall_number(name).unwrap(), Arch::native().audit_token().unwrap());
        SeccompData { nr, arch, args, ..SeccompData::default() }
    };
    let flags = |flags: i32| [0, 0, flags.cast_unsigned().into(), 0, 0, 0];
    for asked in [
        of("openat", flags(libc::O_WRONLY)),
        of("openat", flags(libc::O_RDONLY | libc::O_CREAT)),
        of("unlink", [0; 6]),
        of("execve", [0; 6]),
    ] {
        assert_eq!(asked_beside.evaluate(&asked), Ok(Action::Notify), "{asked:?}");
    }
    for other in [of("openat", flags(libc::O_RDONLY | libc::O_CLOEXEC)), of("getpid", [0; 6]), of("mount", [0; 6])] {
        assert_eq!(asked_beside.evaluate(&other), seed.supervised().evaluate(&other), "{other:?}");
    }
    let asked = |watch| CellPlan { request: Request { watch, ..plan.request.clone() }, ..plan.clone() };
    assert_eq!(launched(&asked(Watch::Filter)), seed.supervised());
    for watch in [Watch::Uses, Watch::Candidate(Program::always(Action::Allow))] {
        let watched = asked(watch);
        assert_eq!(launched(&watched), Program::always(Action::Notify));
        assert_eq!(watched.judge().as_ref(), Some(&seed), "the policy's profile is in force");
    }
    let mut bare = asked(Watch::Uses);
    bare.request.filter = None;
    assert_eq!(bare.judge(), Some(Program::always(Action::Allow)));
}
