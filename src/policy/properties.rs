//! What holds for every policy, whatever its settings.

use std::path::PathBuf;
use std::time::Duration;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn size(least: u64, most: u64) -> impl Strategy<Value = Bytes> {
    prop_oneof![(least..=most).prop_map(Bytes), (least.div_ceil(1 << 20)..=most >> 20).prop_map(Bytes::mib)]
}

fn paths() -> impl Strategy<Value = Vec<PathBuf>> {
    vec("/[a-z =\"'\\\\é._-]{0,8}[a-z]".prop_map(PathBuf::from), 0..3)
}

fn limit() -> impl Strategy<Value = (u64, u64)> {
    let value = prop_oneof![0..=i64::MAX as u64, Just(u64::MAX)];
    (value.clone(), value).prop_map(|(a, b)| (a.min(b), a.max(b)))
}

fn cap() -> impl Strategy<Value = Cap> {
    select(vec!["CAP_CHOWN", "CAP_NET_RAW", "CAP_SYS_ADMIN", "CAP_BPF"]).prop_map(|name| Cap::from_name(name).unwrap())
}

fn seccomp() -> impl Strategy<Value = SeccompChoice> {
    prop_oneof![
        select(SeccompChoice::SHIPPED.to_vec()).prop_map(|name| SeccompChoice::Shipped(name.to_owned())),
        "/[a-z ,=\"]{0,8}/x\\.json".prop_map(|path| SeccompChoice::File(path.into())),
    ]
}

prop_compose! {
    /// A policy with any settings, each layer on or off.
    fn policy()(
        on in vec(any::<bool>(), Layer::ALL.len()),
        network in select(vec![NetworkMode::None, NetworkMode::Bridge]),
        (tmpfs_size, exec) in (size(4096, i64::MAX as u64), any::<bool>()),
        (limit_, swap) in (size(Memory::LEAST.0, 1 << 61), size(0, 1 << 61)),
        (cpu, pids, io) in (10_u32..=u32::MAX, 2_u32..=4_194_304, size(1 << 18, i64::MAX as u64)),
        keep in btree_set(cap(), 0..4),
        seccomp in seccomp(),
        (read_exec, write, tcp) in (paths(), paths(), any::<bool>()),
        ulimits in btree_map(select(RlimitName::ALL.to_vec()), limit(), 1..5),
        (uid, gid) in (0_u32..=i32::MAX as u32, 0_u32..=i32::MAX as u32),
        (apparmor, selinux, runtime) in ("[a-z][a-z0-9_./-]{0,8}x", "[a-z][a-z0-9_]{0,8}_t", "[a-z0-9][a-z0-9_.-]{0,8}x"),
        (ms, stdout, stderr) in (1_u64..=u64::MAX / 3_600_000, size(0, OutputCaps::MOST.0), size(0, OutputCaps::MOST.0)),
        summary in option::of(".{0,20}"),
    ) -> Policy {
        let mut policy = Policy::blank("any");
        policy.summary = summary.unwrap_or_default();
        policy.network.setting = network;
        policy.tmpfs.setting = Tmpfs { size: tmpfs_size, exec };
        policy.memory.setting = Memory { limit: limit_, swap };
        policy.cpu.setting = Millicores(cpu);
        policy.pids.setting = Pids(pids);
        policy.io.setting = Io { rate: io };
        policy.caps.setting = Caps { keep };
        policy.seccomp.setting = seccomp;
        policy.apparmor.setting = Apparmor(apparmor);
        policy.selinux.setting = Selinux(selinux);
        policy.landlock.setting = Landlock { read_exec, write, tcp };
        policy.ulimits.setting = Ulimits(ulimits);
        policy.user.setting = User { uid, gid };
        policy.runtime.setting = Runtime(runtime);
        policy.timeout.setting = Timeout(Duration::from_millis(ms));
        policy.output.setting = OutputCaps { stdout, stderr };
        for (layer, on) in Layer::ALL.into_iter().zip(on) {
            policy.set_on(layer, on);
        }
        policy
    }
}

proptest! {
    #[test]
    fn every_setting_is_taken_back_as_it_is_written(policy in policy()) {
        let mut copy = Policy::shipped("hardened").unwrap();
        copy.name.clone_from(&policy.name);
        copy.source.clone_from(&policy.source);
        copy.summary.clone_from(&policy.summary);
        for layer in Layer::ALL {
            let text = policy.setting(layer);
            prop_assert_eq!(copy.set(layer, &text), Ok(()), "{}={}", layer, text);
            prop_assert!(copy.is_on(layer), "{}={} switches on", layer, text);
            copy.set_on(layer, policy.is_on(layer));
        }
        prop_assert_eq!(copy, policy);
    }

    #[test]
    fn every_policy_is_read_back_from_its_file(policy in policy()) {
        let text = policy.to_toml();
        let read = Policy::parse("any.toml", &text);
        prop_assert_eq!(read.map_err(|error| format!("{error}\n{text}")), Ok(policy));
    }

    #[test]
    fn no_text_makes_a_parser_panic_or_its_message_unprintable(value in ".{0,30}", file in ".{0,60}") {
        for layer in Layer::ALL {
            if let Err(error) = Policy::blank("").set(layer, &value) {
                prop_assert!(!error.to_string().contains(char::is_control));
            }
        }
        if let Err(error) = Policy::parse("p.toml", &file) {
            prop_assert!(!error.to_string().contains(char::is_control));
        }
    }
}
