use super::*;
use crate::policy::Bytes;

fn spec() -> CellSpec {
    CellSpec {
        tmpfs: Some("rw,nosuid,nodev,noexec,size=1024,mode=1777".to_owned()),
        caps: CellCaps::Keep(vec!["CAP_CHOWN".to_owned()]),
        ..CellSpec::sample()
    }
}

fn ground() -> Ground {
    let capabilities = ["CAP_CHOWN", "CAP_KILL"].map(str::to_owned).to_vec();
    let limits = Limits { memory: true, swap: true, cpu: true, pids: true, io: true };
    let cgroups = Some(CgroupVersion::V1);
    Ground {
        capabilities,
        cgroups,
        limits,
        ids: IdRange::holding((0, 0), "hotcell", "hotcell:500000:65536"),
        outer: None,
    }
}

fn written(spec: &CellSpec) -> Value {
    config(spec, &ground()).unwrap()
}

fn kinds(config: &Value) -> Vec<&str> {
    config["linux"]["namespaces"].as_array().unwrap().iter().map(|one| one["type"].as_str().unwrap()).collect()
}

fn mounted<'a>(config: &'a Value, at: &str) -> Option<&'a Value> {
    config["mounts"].as_array().unwrap().iter().find(|mount| mount["destination"] == at)
}

#[test]
fn every_namespace_is_the_cells_own_but_those_that_are_switched_off() {
    assert_eq!(kinds(&written(&spec())), ["pid", "mount", "uts", "cgroup", "ipc", "network"]);
    let open = CellSpec { network: CellNetwork::Host, private_ipc: false, userns: true, ..spec() };
    assert_eq!(kinds(&written(&open)), ["pid", "mount", "uts", "cgroup", "user"]);
}

#[test]
fn a_user_namespace_mounts_only_what_it_owns_and_has_ids_of_nobody() {
    let open = CellSpec { network: CellNetwork::Host, private_ipc: false, userns: true, ..spec() };
    let config = written(&open);
    assert!(mounted(&config, "/sys").is_none() && mounted(&config, "/dev/mqueue").is_none());
    assert_eq!(config["linux"]["uidMappings"][0]["hostID"], 500_000);
    assert!(mounted(&written(&spec()), "/sys").is_some());
}

#[test]
fn a_process_has_a_path_and_keeps_its_own() {
    let env = |env: &[&str]| {
        let env = env.iter().map(|variable| (*variable).to_owned()).collect();
        written(&CellSpec { env, ..spec() })["process"]["env"].clone()
    };
    assert_eq!(env(&["HOME=/tmp"]), json!(["HOME=/tmp", "PATH=/usr/bin:/bin"]));
    assert_eq!(env(&["PATH=/opt", "HOME=/tmp"]), json!(["PATH=/opt", "HOME=/tmp"]));
}

#[test]
fn limits_are_in_the_specifications_units() {
    let resources = written(&spec())["linux"]["resources"].clone();
    assert_eq!(resources["memory"], json!({ "limit": 1000, "swap": 1024 }), "swap counts beyond memory");
    assert_eq!(resources["cpu"], json!({ "quota": 50_000, "period": 100_000 }));
    assert_eq!(resources["pids"], json!({ "limit": 64 }));
    assert!(resources["blockIO"].is_null());
    let disk = Disk { node: "/dev/sda".into(), number: (8, 0) };
    let resources = written(&CellSpec { disks: vec![(disk, Bytes(4096))], ..spec() })["linux"]["resources"].clone();
    let throttle = json!([{ "major": 8, "minor": 0, "rate": 4096 }]);
    let both = json!({ "throttleReadBpsDevice": throttle, "throttleWriteBpsDevice": throttle });
    assert_eq!(resources["blockIO"], both);
    let limits = Limits { swap: false, ..ground().limits };
    let ground = Ground { limits, ..ground() };
    assert!(config(&spec(), &ground).unwrap()["linux"]["resources"]["memory"]["swap"].is_null());
}

#[test]
fn on_cgroup_v2_swap_is_limited_by_its_own_file() {
    let ground = Ground { cgroups: Some(CgroupVersion::V2), ..ground() };
    let none = CellSpec { memory: Some((Bytes(1000), Bytes(0))), ..spec() };
    let resources = config(&none, &ground).unwrap()["linux"]["resources"].clone();
    assert_eq!(
        (&resources["memory"], &resources["unified"]),
        (&json!({ "limit": 1000 }), &json!({ "memory.swap.max": "0" }))
    );
}

/// What stands where an ordinary user makes the cell.
#[test]
fn an_ordinary_user_s_cell_is_in_the_outer_namespace_unless_it_can_have_its_own() {
    let alone = Ground { outer: Some(Outer::of((7, 8), (1000, 100), None)), ids: IdRange::below_root(), ..ground() };
    let ranged = Ground { outer: Some(Outer::of((7, 8), (1000, 100), Some((1, 1)))), ..alone.clone() };
    let asked = CellSpec { userns: true, user: (7, 8), network: CellNetwork::Host, private_ipc: false, ..spec() };
    let kinds = |ground: &Ground| kinds(&config(&asked, ground).unwrap()).contains(&"user");
    assert!(!kinds(&alone) && kinds(&ranged));
    assert_eq!((alone.owner(&asked), ranged.owner(&asked)), ((7, 8), (1, 1)));
    let plain = CellSpec { userns: false, ..asked };
    assert_eq!((alone.owner(&plain), ranged.owner(&plain)), ((7, 8), (0, 0)));
    for ground in [alone, ranged] {
        let config = config(&plain, &ground).unwrap();
        assert!(mounted(&config, "/sys").is_none() && mounted(&config, "/dev/mqueue").is_none());
    }
}

#[test]
fn limits_that_cannot_be_had_are_not_asked_for() {
    let none = Limits { memory: false, swap: false, cpu: false, pids: false, io: false };
    let resources = config(&spec(), &Ground { limits: none, ..ground() }).unwrap()["linux"]["resources"].clone();
    assert_eq!(resources.as_object().unwrap().keys().collect::<Vec<_>>(), ["devices"]);
}

#[test]
fn capabilities_are_those_kept_or_all_there_are_and_never_inherited() {
    let caps = |caps| written(&CellSpec { caps, ..spec() })["process"]["capabilities"].clone();
    let kept = caps(CellCaps::Keep(vec!["CAP_CHOWN".to_owned()]));
    assert_eq!(kept["bounding"], json!(["CAP_CHOWN"]));
    assert!(kept["inheritable"].is_null() && kept["ambient"].is_null());
    assert_eq!(caps(CellCaps::All)["effective"], json!(["CAP_CHOWN", "CAP_KILL"]));
}

#[test]
fn what_is_off_is_not_there() {
    let off = CellSpec { no_new_privs: false, proc_masks: false, tmpfs: None, memory: None, ..spec() };
    let config = written(&off);
    assert!(config["process"]["noNewPrivileges"].is_null() && config["linux"]["maskedPaths"].is_null());
    assert!(mounted(&config, "/tmp").is_none() && config["linux"]["resources"]["memory"].is_null());
    assert!(config["linux"]["seccomp"].is_null());
}

#[test]
fn a_profile_goes_into_the_bundle_and_labels_do_too() {
    let profile = r#"{"defaultAction":"SCMP_ACT_ERRNO"}"#;
    let seccomp = CellSeccomp::Profile(profile.to_owned());
    let config = written(&CellSpec { seccomp, apparmor: Some("mine".to_owned()), ..spec() });
    assert_eq!(config["linux"]["seccomp"]["defaultAction"], "SCMP_ACT_ERRNO");
    assert_eq!(config["process"]["apparmorProfile"], "mine");
    let broken = CellSpec { seccomp: CellSeccomp::Profile("{".to_owned()), ..spec() };
    assert!(super::config(&broken, &ground()).is_err());
}

#[test]
fn unlimited_stays_unlimited() {
    let config = written(&spec());
    assert_eq!(config["process"]["rlimits"][0], json!({ "type": "RLIMIT_CORE", "soft": 0, "hard": u64::MAX }));
}
