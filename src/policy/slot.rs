//! A policy's layers by name: switched, set and written without knowing their types.

use super::error::{SettingError, ValueError};
use super::raw::Raw;
use super::settings::{Setting, Toggle};
use super::{Layer, Policy};

/// One layer of a policy, whatever its setting's type.
pub(super) trait Slot {
    fn is_on(&self) -> bool;
    fn switch(&mut self, on: bool);
    /// Reads a setting and keeps it; the switch stays.
    fn assign(&mut self, raw: &Raw) -> Result<(), ValueError>;
    fn text(&self) -> String;
}

impl<T: Setting> Slot for Toggle<T> {
    fn is_on(&self) -> bool {
        self.on
    }

    fn switch(&mut self, on: bool) {
        self.on = on;
    }

    fn assign(&mut self, raw: &Raw) -> Result<(), ValueError> {
        self.setting = T::parse(raw, &self.setting)?;
        Ok(())
    }

    fn text(&self) -> String {
        self.setting.text()
    }
}

/// Takes a setting as written: `on`, `off`, a setting (which switches the layer on), or
/// `off,SETTING` (which leaves it off).
///
/// # Errors
/// A setting that its type refuses; then nothing has changed.
pub(super) fn apply(slot: &mut dyn Slot, raw: &Raw) -> Result<(), ValueError> {
    let Raw::Text(text) = raw else {
        slot.assign(raw)?;
        slot.switch(true);
        return Ok(());
    };
    match (text.as_str(), text.strip_prefix("off,")) {
        ("on", _) => slot.switch(true),
        ("off", _) => slot.switch(false),
        (_, Some(setting)) => {
            slot.assign(&Raw::Text(setting.trim().to_owned()))?;
            slot.switch(false);
        }
        (_, None) => {
            slot.assign(raw)?;
            slot.switch(true);
        }
    }
    Ok(())
}

impl Policy {
    /// Whether a layer is on.
    pub fn is_on(&self, layer: Layer) -> bool {
        self.slot(layer).is_on()
    }

    /// Switches a layer; its setting stays.
    pub fn set_on(&mut self, layer: Layer, on: bool) {
        self.slot_mut(layer).switch(on);
    }

    /// Sets a layer from the value of `--layer NAME=VALUE` and switches it on.
    ///
    /// `on` and `off` only switch, `off,VALUE` sets and leaves it off. Parts that VALUE
    /// does not name stay (`swap=64m`); lists (`caps`, `ulimits`) are replaced whole.
    ///
    /// # Errors
    /// A value that the layer does not take; then nothing has changed.
    pub fn set(&mut self, layer: Layer, value: &str) -> Result<(), SettingError> {
        apply(self.slot_mut(layer), &Raw::Text(value.trim().to_owned())).map_err(|why| SettingError { layer, why })
    }

    /// A layer's setting as [`Policy::set`] takes it, also where the layer is off;
    /// `on` for a layer that has none.
    pub fn setting(&self, layer: Layer) -> String {
        self.slot(layer).text()
    }

    fn slot(&self, layer: Layer) -> &dyn Slot {
        match layer {
            Layer::Network => &self.network,
            Layer::Rootfs => &self.rootfs,
            Layer::Tmpfs => &self.tmpfs,
            Layer::Memory => &self.memory,
            Layer::Cpu => &self.cpu,
            Layer::Pids => &self.pids,
            Layer::Io => &self.io,
            Layer::Caps => &self.caps,
            Layer::NoNewPrivs => &self.no_new_privs,
            Layer::Seccomp => &self.seccomp,
            Layer::Apparmor => &self.apparmor,
            Layer::Selinux => &self.selinux,
            Layer::Landlock => &self.landlock,
            Layer::Ulimits => &self.ulimits,
            Layer::User => &self.user,
            Layer::Userns => &self.userns,
            Layer::Ipc => &self.ipc,
            Layer::Env => &self.env,
            Layer::ProcMasks => &self.proc_masks,
            Layer::Runtime => &self.runtime,
            Layer::Timeout => &self.timeout,
            Layer::Output => &self.output,
        }
    }

    pub(super) fn slot_mut(&mut self, layer: Layer) -> &mut dyn Slot {
        match layer {
            Layer::Network => &mut self.network,
            Layer::Rootfs => &mut self.rootfs,
            Layer::Tmpfs => &mut self.tmpfs,
            Layer::Memory => &mut self.memory,
            Layer::Cpu => &mut self.cpu,
            Layer::Pids => &mut self.pids,
            Layer::Io => &mut self.io,
            Layer::Caps => &mut self.caps,
            Layer::NoNewPrivs => &mut self.no_new_privs,
            Layer::Seccomp => &mut self.seccomp,
            Layer::Apparmor => &mut self.apparmor,
            Layer::Selinux => &mut self.selinux,
            Layer::Landlock => &mut self.landlock,
            Layer::Ulimits => &mut self.ulimits,
            Layer::User => &mut self.user,
            Layer::Userns => &mut self.userns,
            Layer::Ipc => &mut self.ipc,
            Layer::Env => &mut self.env,
            Layer::ProcMasks => &mut self.proc_masks,
            Layer::Runtime => &mut self.runtime,
            Layer::Timeout => &mut self.timeout,
            Layer::Output => &mut self.output,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(layer: &str, value: &str) -> String {
        let layer = Layer::from_name(layer).unwrap();
        let mut policy = Policy::shipped("hardened").unwrap();
        policy.set(layer, value).unwrap();
        assert!(policy.is_on(layer));
        policy.setting(layer)
    }

    #[test]
    fn the_command_lines_forms_are_taken() {
        for (layer, value, setting) in [
            ("memory", "128m", "128m,swap=0"),
            ("memory", "128m,swap=64m", "128m,swap=64m"),
            ("memory", "swap=64m", "256m,swap=64m"),
            ("tmpfs", "64m,exec", "64m,exec=on"),
            ("tmpfs", "exec", "50m,exec=on"),
            ("ulimits", "nofile=128,nproc=64:128", "nofile=128,nproc=64:128"),
            ("ulimits", "core=0,memlock=-1", "core=0,memlock=unlimited"),
            ("caps", "CAP_NET_RAW,CAP_CHOWN", "CAP_CHOWN,CAP_NET_RAW"),
            ("caps", "net_raw", "CAP_NET_RAW"),
            ("caps", "none", "none"),
            ("caps", "drop-all", "none"),
            ("network", "bridge", "bridge"),
            ("rootfs", "on", "on"),
            ("cpu", "1.5", "1.5"),
            ("user", "1000:1000", "1000:1000"),
            ("timeout", "2s", "2s"),
            ("output", "10k,2k", "10k,2k"),
            ("output", "stderr=1m", "10000,1m"),
            ("seccomp", "./my profile.json", "./my profile.json"),
            ("landlock", "tcp=off,write=/tmp:/var/tmp,read_exec=/usr", "read_exec=/usr,write=/tmp:/var/tmp,tcp=off"),
        ] {
            assert_eq!(after(layer, value), setting, "{layer}={value}");
        }
        assert!(after("landlock", "tcp").ends_with(",tcp=on"));
    }

    #[test]
    fn off_and_on_keep_the_setting() {
        let mut policy = Policy::shipped("hardened").unwrap();
        policy.set(Layer::Memory, "off,128m").unwrap();
        assert!(!policy.is_on(Layer::Memory));
        assert_eq!(policy.memory.get(), None);
        policy.set(Layer::Memory, "on").unwrap();
        assert_eq!(policy.setting(Layer::Memory), "128m,swap=0");
        policy.set(Layer::Memory, "off").unwrap();
        assert!(!policy.is_on(Layer::Memory));
    }

    #[test]
    fn a_refused_value_changes_nothing_and_says_what_is_allowed() {
        let hardened = Policy::shipped("hardened").unwrap();
        for (layer, value, message) in [
            (Layer::Memory, "5m", "layer `memory`: `5m` is too small: allowed: a size from 6m to 4611686018427387903"),
            (
                Layer::Memory,
                "limt=7m",
                "layer `memory`: `limt` is no part of it (did you mean `limit`?): allowed: limit, swap",
            ),
            (Layer::Memory, "7m,8m,9m", "layer `memory`: too many values: allowed: limit, swap"),
            (Layer::Memory, "7m,limit=8m", "layer `memory`: `limit` is given twice: allowed: limit, swap"),
            (Layer::Memory, "", "layer `memory`: no value is given: allowed: limit, swap"),
            (Layer::Cpu, "0", "layer `cpu`: `0` is too small: allowed: a number of CPUs from 0.01, such as 0.5"),
            (
                Layer::Pids,
                "1",
                "layer `pids`: `1` is no number of processes: allowed: a whole number from 2 to 4194304",
            ),
            (
                Layer::Rootfs,
                "yes",
                "layer `rootfs`: `yes` is not a switch: allowed: on, off (true, false in a policy file)",
            ),
            (
                Layer::Network,
                "brige",
                "layer `network`: `brige` is no network (did you mean `bridge`?): allowed: none, bridge, off (the host's own network)",
            ),
            (
                Layer::User,
                "1000",
                "layer `user`: the gid is missing: allowed: UID:GID, each from 0 to 2147483647, such as 65534:65534",
            ),
            (
                Layer::User,
                "1:4294967295",
                "layer `user`: `4294967295` is no gid: allowed: UID:GID, each from 0 to 2147483647, such as 65534:65534",
            ),
            (
                Layer::Caps,
                "CAP_SYS_ADMN",
                "layer `caps`: `CAP_SYS_ADMN` is no capability (did you mean `CAP_SYS_ADMIN`?): allowed: none, or names of capabilities(7), such as CAP_NET_BIND_SERVICE",
            ),
            (
                Layer::Ulimits,
                "nofile=9:8",
                "layer `ulimits`: `nofile` has a soft limit above its hard limit: allowed: NAME=SOFT:HARD or NAME=BOTH, each a whole number or unlimited, such as nofile=64",
            ),
            (
                Layer::Seccomp,
                "pyton",
                "layer `seccomp`: `pyton` is no seccomp profile (did you mean `python`?): allowed: docker-default, python, seed-allowlist, or the path of a JSON file, such as ./profile.json",
            ),
            (Layer::Timeout, "0s", "layer `timeout`: `0s` is no time at all: allowed: a time from 1ms, such as 10s"),
            (
                Layer::Apparmor,
                "unconfined",
                "layer `apparmor`: `unconfined` is no profile: allowed: the name of a loaded profile, such as docker-default; off for unconfined",
            ),
            (
                Layer::Runtime,
                "runsc --debug",
                "layer `runtime`: `runsc --debug` is not such a name: allowed: the name of a registered runtime, such as runsc",
            ),
            (
                Layer::Landlock,
                "write=tmp",
                "layer `landlock`: `tmp` is not such a path: allowed: absolute paths without comma and colon",
            ),
            (Layer::Output, "17m", "layer `output`: `17m` is too large: allowed: a size from 0 to 16m"),
        ] {
            let mut policy = hardened.clone();
            assert_eq!(policy.set(layer, value).unwrap_err().to_string(), message);
            assert_eq!(policy, hardened);
        }
    }
}
