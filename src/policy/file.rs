//! Policy files: TOML, one key a layer. A mistake is told with its file, line and column.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{PolicyError, ValueError};
use super::lower::{raw, string};
use super::raw::{quoted, suggest};
use super::{Bytes, Layer, Policy, SeccompChoice, slot};
use crate::files;
use crate::text::visible_str;

/// The policies in the binary: name and text.
const SHIPPED: [(&str, &str); 4] = [
    ("bare", include_str!("../../profiles/bare.toml")),
    ("docker-default", include_str!("../../profiles/docker-default.toml")),
    ("hardened", include_str!("../../profiles/hardened.toml")),
    ("paranoid", include_str!("../../profiles/paranoid.toml")),
];

/// The most that is read of a file.
const LONGEST: Bytes = Bytes::mib(1);

impl Policy {
    /// The policy of that name in the binary.
    pub fn shipped(name: &str) -> Option<Self> {
        let (name, text) = SHIPPED.into_iter().find(|(shipped, _)| *shipped == name)?;
        Self::parse(&format!("{name}.toml"), text).ok()
    }

    /// The names of the policies in the binary, from the loosest to the strictest.
    pub fn shipped_names() -> [&'static str; 4] {
        SHIPPED.map(|(name, _)| name)
    }

    /// Every name that [`Policy::load`] knows: those in the binary, then the user's own.
    pub fn names(user_dir: &Path) -> Vec<String> {
        files::names(&Self::shipped_names(), user_dir, "toml")
    }

    /// Reads a policy file's text; `extends` finds the policies in the binary alone.
    /// A relative path of a profile stays as it is.
    /// The policy has the name of `file`, without directory and extension.
    ///
    /// # Errors
    /// [`PolicyError::Syntax`] or [`PolicyError::Mistake`], with the place.
    pub fn parse(file: &str, text: &str) -> Result<Self, PolicyError> {
        Library { user_dir: None, opened: Vec::new() }.parse(file, Path::new(""), text)
    }

    /// The policy of that name, the user's own before one in the binary; or of that
    /// file, where the argument has a `/` or ends in `.toml`. A user's policy may extend
    /// the shipped one whose name it has.
    ///
    /// # Errors
    /// A name that is not known, a file that cannot be read, or a mistake in it.
    pub fn load(name_or_path: &str, user_dir: &Path) -> Result<Self, PolicyError> {
        let library = Library { user_dir: Some(user_dir), opened: Vec::new() };
        if name_or_path.contains('/')
            || Path::new(name_or_path).extension().is_some_and(|extension| extension == "toml")
        {
            let path = Path::new(name_or_path);
            let mut policy = library.read(path)?;
            policy.source = path_text(&absolute(path));
            return Ok(policy);
        }
        library.named(name_or_path)?.ok_or_else(|| PolicyError::Unknown(library.unknown(name_or_path)))
    }

    /// The policy as a file that reads back as this policy, off layers' settings included.
    pub fn to_toml(&self) -> String {
        let string = |text: &str| toml::Value::from(text).to_string();
        let value = |layer: Layer| match (self.is_on(layer), self.setting(layer)) {
            (true, setting) if setting == "on" => "true".to_owned(),
            (true, setting) => string(&setting),
            (false, setting) if setting == layer.default_setting() => "false".to_owned(),
            (false, setting) => string(&format!("off,{setting}")),
        };
        let layers = Layer::ALL.map(|layer| format!("{layer} = {}\n", value(layer)));
        format!("summary = {}\n\n{}", string(&self.summary), layers.concat())
    }
}

/// Where `extends` looks, and the users' policies that are being read already.
struct Library<'a> {
    user_dir: Option<&'a Path>,
    opened: Vec<String>,
}

impl Library<'_> {
    /// The policy of that name, if there is one that is not being read already.
    fn named(&self, name: &str) -> Result<Option<Policy>, PolicyError> {
        let own = self.user_dir.map(|dir| dir.join(format!("{name}.toml"))).filter(|path| path.is_file());
        match own {
            Some(path) if !self.opened.iter().any(|opened| opened == name) => {
                let opened = self.opened.iter().cloned().chain([name.to_owned()]).collect();
                Library { user_dir: self.user_dir, opened }.read(&path).map(Some)
            }
            _ => Ok(Policy::shipped(name)),
        }
    }

    fn read(&self, path: &Path) -> Result<Policy, PolicyError> {
        let text = files::read_text(path, LONGEST)
            .map_err(|source| PolicyError::Unreadable { path: path.to_owned(), source })?;
        self.parse(&path_text(path), absolute(path).parent().unwrap_or(Path::new("")), &text)
    }

    /// `file` is its name as shown; paths in it begin at `dir`.
    fn parse(&self, file: &str, dir: &Path, text: &str) -> Result<Policy, PolicyError> {
        let table = DeTable::parse(text).map_err(|error| {
            let (line, column) = place(text, error.span().map_or(0, |span| span.start));
            PolicyError::Syntax { file: visible_str(file), line, column, message: visible_str(error.message()) }
        })?;
        let mut keys: Vec<_> = table.get_ref().iter().collect();
        keys.sort_by_key(|(key, _)| (key.get_ref() != "extends", key.span().start));
        let mut policy = Policy::blank("");
        for (key, value) in keys {
            let mistake = |why: ValueError| {
                let (line, column) = place(text, why.span.clone().unwrap_or(value.span()).start);
                PolicyError::Mistake {
                    file: visible_str(file),
                    line,
                    column,
                    key: visible_str(key.get_ref()),
                    why: Box::new(why),
                }
            };
            match key.get_ref().as_ref() {
                "extends" => {
                    let name = string(value).map_err(mistake)?;
                    policy = self.named(name)?.ok_or_else(|| mistake(self.unknown(name)))?;
                }
                "summary" => string(value).map_err(mistake)?.clone_into(&mut policy.summary),
                name => set_layer(&mut policy, name, &key.span(), value, dir).map_err(mistake)?,
            }
        }
        policy.name = Path::new(file).file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        policy.source.clone_from(&policy.name);
        Ok(policy)
    }

    fn unknown(&self, name: &str) -> ValueError {
        let names = self.user_dir.map_or_else(|| Policy::shipped_names().map(str::to_owned).to_vec(), Policy::names);
        if self.opened.iter().any(|opened| opened == name) {
            return ValueError::new(
                format!("{} extends itself: {} -> {name}", quoted(name), self.opened.join(" -> ")),
                "a policy that does not lead back here",
            );
        }
        let problem = format!("{} is no policy{}", quoted(name), suggest(name, names.iter().map(String::as_str)));
        ValueError::new(problem, format!("{}, or the path of a TOML file", visible_str(&names.join(", "))))
    }
}

/// Applies one key of a file.
fn set_layer(
    policy: &mut Policy,
    name: &str,
    key: &Range<usize>,
    value: &Spanned<DeValue<'_>>,
    dir: &Path,
) -> Result<(), ValueError> {
    let layer = Layer::from_name(name).map_err(|_| {
        let names = Layer::ALL.map(Layer::name).into_iter().chain(["extends", "summary"]);
        ValueError::new(
            format!("no such layer{}", suggest(name, names)),
            format!("{}, extends, summary", Layer::names()),
        )
        .at(Some(key))
    })?;
    let inherited = policy.seccomp.setting.clone();
    slot::apply(policy.slot_mut(layer), &raw(value)?)?;
    if let SeccompChoice::File(path) = &mut policy.seccomp.setting
        && inherited != SeccompChoice::File(path.clone())
    {
        *path = dir.join(&*path);
    }
    Ok(())
}

/// The path from the root; as it is where the working directory is gone.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Line and column, from 1, of a byte of `text`; the column in characters.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::policy::{Bytes, Cap, Memory};

    #[test]
    fn every_shipped_file_parses_and_has_a_summary() {
        for (name, text) in SHIPPED {
            let policy = Policy::parse(&format!("{name}.toml"), text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((policy.name.as_str(), policy.summary.is_empty()), (name, false));
            assert_eq!(Policy::shipped(name), Some(policy));
        }
        assert_eq!(Policy::shipped("hardend"), None);
    }

    fn layers_on(policy: &Policy) -> Vec<String> {
        let on = Layer::ALL.into_iter().filter(|layer| policy.is_on(*layer));
        on.map(|layer| format!("{layer}={}", policy.setting(layer))).collect()
    }

    #[test]
    fn hardened_is_the_seeds_command_figure_by_figure() {
        let expected = [
            "network=none",
            "rootfs=on",
            "tmpfs=50m,exec=off",
            "memory=256m,swap=0",
            "cpu=0.5",
            "pids=64",
            "caps=none",
            "no-new-privs=on",
            "seccomp=python",
            "apparmor=docker-default",
            "selinux=container_t",
            "ulimits=nofile=64,nproc=32",
            "user=65534:65534",
            "ipc=on",
            "env=on",
            "proc-masks=on",
            "timeout=10s",
            "output=10000,2000",
        ];
        assert_eq!(layers_on(&Policy::shipped("hardened").unwrap()), expected);
    }

    #[test]
    fn docker_default_is_plain_docker_run() {
        let policy = Policy::shipped("docker-default").unwrap();
        assert_eq!(policy.caps.setting.keep.len(), 14);
        assert!(!policy.caps.setting.keep.contains(&Cap::from_name("CAP_SYS_ADMIN").unwrap()));
        let names: Vec<_> = Layer::ALL.into_iter().filter(|layer| policy.is_on(*layer)).map(Layer::name).collect();
        assert_eq!(names, ["network", "caps", "seccomp", "apparmor", "selinux", "ipc", "env", "proc-masks"]);
        assert_eq!(
            (policy.setting(Layer::Network), policy.setting(Layer::Seccomp)),
            ("bridge".into(), "docker-default".into())
        );
    }

    #[test]
    fn bare_has_no_layer_on_and_each_ready_to_be() {
        let policy = Policy::shipped("bare").unwrap();
        assert_eq!(layers_on(&policy), Vec::<String>::new());
        assert_eq!(policy.setting(Layer::Memory), "256m,swap=0");
    }

    #[test]
    fn paranoid_has_all_that_hardened_has_and_more() {
        let (hardened, paranoid) = (Policy::shipped("hardened").unwrap(), Policy::shipped("paranoid").unwrap());
        assert!(Layer::ALL.into_iter().all(|layer| paranoid.is_on(layer)));
        assert_eq!(paranoid.memory.setting, Memory { limit: Bytes::mib(128), swap: Bytes(0) });
        assert!(!paranoid.tmpfs.setting.exec && paranoid.tmpfs.setting.size < hardened.tmpfs.setting.size);
        assert!(paranoid.cpu.setting < hardened.cpu.setting && paranoid.pids.setting.0 <= hardened.pids.setting.0);
    }

    #[test]
    fn a_mistake_is_told_with_its_place_and_what_is_allowed() {
        for (text, message) in [
            (
                "cpu = 1\nmemry = \"1g\"",
                "my.toml:2:1: key `memry`: no such layer (did you mean `memory`?): allowed: network, rootfs, tmpfs, memory, cpu, pids, io, caps, no-new-privs, seccomp, apparmor, selinux, landlock, ulimits, user, userns, ipc, env, proc-masks, runtime, timeout, output, extends, summary",
            ),
            (
                "memory = \"64x\"",
                "my.toml:1:10: key `memory`: `64x` is not a size: allowed: a whole number of bytes, or of k, m, g or t (powers of 1024), such as 256m",
            ),
            (
                "memory = { limit = \"1m\" }",
                "my.toml:1:20: key `memory`: `1m` is too small: allowed: a size from 6m to 4611686018427387903",
            ),
            (
                "[memory]\nlimit = \"7m\"\nswop = 0",
                "my.toml:3:1: key `memory`: `swop` is no part of it (did you mean `swap`?): allowed: limit, swap",
            ),
            (
                "# é\ncaps = [\"CAP_CHOWN\", \"é\", \"CAP_CHOW\"]",
                "my.toml:2:22: key `caps`: `é` is no capability: allowed: none, or names of capabilities(7), such as CAP_NET_BIND_SERVICE",
            ),
            (
                "rootfs = \"yes\"",
                "my.toml:1:10: key `rootfs`: `yes` is not a switch: allowed: on, off (true, false in a policy file)",
            ),
            (
                "network = [\"none\"]",
                "my.toml:1:12: key `network`: a list or table is not a single value: allowed: none, bridge, off (the host's own network)",
            ),
            (
                "pids = -3",
                "my.toml:1:8: key `pids`: `-3` is no number of processes: allowed: a whole number from 2 to 4194304",
            ),
            (
                "pids = 0x40",
                "my.toml:1:8: key `pids`: a number that is not decimal has no place here: allowed: a text, a decimal number, or true or false",
            ),
            (
                "timeout = 1979-05-27",
                "my.toml:1:11: key `timeout`: a date has no place here: allowed: a text, a decimal number, or true or false",
            ),
            (
                "ulimits = { nofile = [64, 128, 256] }",
                "my.toml:1:22: key `ulimits`: `nofile` has 3 values: allowed: NAME=SOFT:HARD or NAME=BOTH, each a whole number or unlimited, such as nofile=64",
            ),
            (
                "ulimits = { nofiles = 1 }",
                "my.toml:1:23: key `ulimits`: `nofiles` is no limit (did you mean `nofile`?): allowed: as, core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack",
            ),
            (
                "landlock = { write = [\"/a:/b\"] }",
                "my.toml:1:22: key `landlock`: `/a:/b` is not such a path: allowed: absolute paths without comma and colon",
            ),
            (
                "tmpfs = { size = [\"1m\"] }",
                "my.toml:1:18: key `tmpfs`: a list is not a single value: allowed: a single value",
            ),
            ("summary = 3", "my.toml:1:11: key `summary`: a whole number has no place here: allowed: a text in quotes"),
            (
                "extends = \"hardend\"",
                "my.toml:1:11: key `extends`: `hardend` is no policy (did you mean `hardened`?): allowed: bare, docker-default, hardened, paranoid, or the path of a TOML file",
            ),
            (
                "\"\\u001b[2J\" = 1",
                "my.toml:1:1: key `\\x1b[2J`: no such layer: allowed: network, rootfs, tmpfs, memory, cpu, pids, io, caps, no-new-privs, seccomp, apparmor, selinux, landlock, ulimits, user, userns, ipc, env, proc-masks, runtime, timeout, output, extends, summary",
            ),
        ] {
            assert_eq!(Policy::parse("my.toml", text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn text_that_is_not_toml_is_told_with_its_place() {
        let error = Policy::parse("my.toml", "cpu = 1\ncpu = 2\n").unwrap_err().to_string();
        assert_eq!(error, "my.toml:2:1: not valid TOML: duplicate key");
        let error = Policy::parse("my.toml", "cpu 1").unwrap_err().to_string();
        assert!(error.starts_with("my.toml:1:"), "{error}");
    }

    #[test]
    fn a_users_policy_builds_upon_another_wherever_extends_stands() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("team.toml", "network = \"bridge\"\nextends = \"hardened\"\ntmpfs = { exec = true }");
        write("profile.toml", "extends = \"team\"\nseccomp = \"off,mine.json\"");
        write("mine.toml", "extends = \"profile\"\nmemory = false\nseccomp = true");
        write("hardened.toml", "extends = \"hardened\"\npids = 99");

        let mine = Policy::load("mine", dir.path()).unwrap();
        assert_eq!(
            (mine.name.as_str(), mine.is_on(Layer::Memory), mine.setting(Layer::Network)),
            ("mine", false, "bridge".into())
        );
        assert_eq!((mine.setting(Layer::Tmpfs), mine.setting(Layer::Pids)), ("50m,exec=on".into(), "99".into()));
        assert_eq!(mine.seccomp.setting, SeccompChoice::File(dir.path().join("mine.json")));
        let by_path = Policy::load(dir.path().join("mine.toml").to_str().unwrap(), Path::new("/nowhere")).unwrap_err();
        assert!(by_path.to_string().contains("`profile` is no policy"), "{by_path}");
        assert_eq!(
            Policy::names(dir.path()),
            ["bare", "docker-default", "hardened", "paranoid", "mine", "profile", "team"]
        );
    }

    #[test]
    fn policies_that_extend_each_other_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.toml"), "extends = \"b\"").unwrap();
        fs::write(dir.path().join("b.toml"), "extends = \"a\"").unwrap();
        let error = Policy::load("a", dir.path()).unwrap_err().to_string();
        assert!(error.ends_with("b.toml:1:11: key `extends`: `a` extends itself: a -> b -> a: allowed: a policy that does not lead back here"), "{error}");
    }

    #[test]
    fn an_unknown_name_is_answered_with_every_name_and_a_missing_file_with_its_path() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("mine.toml"), "").unwrap();
        assert_eq!(
            Policy::load("mime", dir.path()).unwrap_err().to_string(),
            "`mime` is no policy (did you mean `mine`?): allowed: bare, docker-default, hardened, paranoid, mine, or the path of a TOML file"
        );
        assert_eq!(
            Policy::load("./no.toml", dir.path()).unwrap_err().to_string(),
            "cannot read policy file ./no.toml: No such file or directory (os error 2): name a readable TOML file or one of `hotcell policy list`"
        );
    }

    #[test]
    fn what_is_no_file_of_reasonable_size_is_refused_at_once_and_named_safely() {
        let dir = tempfile::tempdir().unwrap();
        let refused = |path: &Path| Policy::load(path.to_str().unwrap(), dir.path()).unwrap_err().to_string();
        let pipe = dir.path().join("p\u{1b}ipe.toml");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        assert!(refused(&pipe).contains("/p\\x1bipe.toml: it is a pipe, not a file: name a"), "{}", refused(&pipe));
        assert!(refused(Path::new("/dev/zero")).contains("it is a device, not a file"));
        let large = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        large.as_file().set_len((1 << 20) + 1).unwrap();
        assert!(refused(large.path()).contains("it is larger than 1 MiB"));
    }

    #[test]
    fn a_policy_knows_what_it_is_loaded_by_again() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("mine.toml"), "extends = \"hardened\"").unwrap();
        let source = |name: &str| Policy::load(name, dir.path()).unwrap().source;
        assert_eq!((source("mine"), source("hardened")), ("mine".to_owned(), "hardened".to_owned()));
        let path = dir.path().join("mine.toml").to_str().unwrap().to_owned();
        assert_eq!(source(&path), path);
        let here = std::env::current_dir().unwrap();
        assert_eq!(source("profiles/bare.toml"), here.join("profiles/bare.toml").to_str().unwrap());
    }

    #[test]
    fn a_profile_beside_a_policy_is_the_same_file_from_any_directory() {
        let dir = tempfile::tempdir_in(".").unwrap();
        let relative = Path::new(".").join(dir.path().file_name().unwrap()).join("mine.toml");
        fs::write(&relative, "seccomp = \"./mine.json\"").unwrap();
        let policy = Policy::load(relative.to_str().unwrap(), Path::new("/nowhere")).unwrap();
        let SeccompChoice::File(path) = policy.seccomp.setting else { panic!("{policy:?}") };
        let here = std::env::current_dir().unwrap();
        assert_eq!(path, here.join(dir.path().file_name().unwrap()).join("mine.json"));
    }
}
