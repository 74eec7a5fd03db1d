//! What `docker run` and `podman run` take for a policy.

use super::{Layer, NetworkMode, Policy, RlimitName, SeccompChoice};

/// A command that makes containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// `docker`.
    Docker,
    /// `podman`.
    Podman,
}

impl Client {
    /// The command's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

/// The nearest that a client's command line has to a layer's state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Equivalent {
    /// Words before the client's name.
    pub wrapper: Vec<String>,
    /// Words between the client's name and `run`.
    pub global: Vec<String>,
    /// Words after `run`.
    pub flags: Vec<String>,
    /// What the flags leave out, or why there are none.
    pub note: Option<String>,
}

impl Equivalent {
    fn flags<const N: usize>(words: [&str; N]) -> Self {
        Self { flags: words.map(str::to_owned).to_vec(), ..Self::default() }
    }

    fn security(option: &str) -> Self {
        Self::flags(["--security-opt", option])
    }

    fn note(note: &str) -> Self {
        Self::default().but(note)
    }

    /// What a client takes, and what is to be said of that, a line each, raw.
    pub fn lines(&self, client: Client) -> Vec<String> {
        let words: Vec<&str> =
            [&self.wrapper, &self.global, &self.flags].into_iter().flatten().map(String::as_str).collect();
        let words = (!words.is_empty()).then(|| words.join(" "));
        words.iter().chain(&self.note).map(|line| format!("{}: {line}", client.name())).collect()
    }

    fn but(mut self, note: &str) -> Self {
        self.note = Some(note.to_owned());
        self
    }
}

impl Policy {
    /// What `docker run` takes for a layer as it is, on or off.
    pub fn docker_flags(&self, layer: Layer) -> Equivalent {
        self.equivalent(Client::Docker, layer)
    }

    /// What `podman run` takes for a layer as it is, on or off.
    pub fn podman_flags(&self, layer: Layer) -> Equivalent {
        self.equivalent(Client::Podman, layer)
    }

    /// The whole command, quoted for a POSIX shell (for bash where a word holds control
    /// or non-ASCII characters), that runs `argv` in `image` under this policy.
    pub fn command(&self, client: Client, image: &str, argv: &[String]) -> String {
        let parts = Layer::ALL.map(|layer| self.equivalent(client, layer));
        let each = |words: fn(&Equivalent) -> &Vec<String>| parts.iter().flat_map(words).cloned().collect::<Vec<_>>();
        let mut words = each(|part| &part.wrapper);
        words.push(client.name().to_owned());
        words.extend(each(|part| &part.global));
        words.extend(["run".to_owned(), "--rm".to_owned()]);
        words.extend(each(|part| &part.flags));
        words.push(image.to_owned());
        words.extend_from_slice(argv);
        words.iter().map(|word| shell_quote(word)).collect::<Vec<_>>().join(" ")
    }

    fn equivalent(&self, client: Client, layer: Layer) -> Equivalent {
        if self.is_on(layer) { self.when_on(client, layer) } else { when_off(client, layer) }
    }

    fn when_on(&self, client: Client, layer: Layer) -> Equivalent {
        match layer {
            Layer::Network => Equivalent::flags([
                "--network",
                match self.network.setting {
                    NetworkMode::None => "none",
                    NetworkMode::Bridge => "bridge",
                },
            ]),
            Layer::Rootfs => match client {
                Client::Docker => Equivalent::flags(["--read-only"]),
                Client::Podman => Equivalent::flags(["--read-only", "--read-only-tmpfs=false"]),
            },
            Layer::Tmpfs => {
                let tmpfs = self.tmpfs.setting;
                Equivalent::flags([
                    "--tmpfs",
                    &format!("/tmp:size={},{}", tmpfs.size.to_flag(), if tmpfs.exec { "exec" } else { "noexec" }),
                ])
            }
            Layer::Memory => self.memory_flags(),
            Layer::Cpu => Equivalent::flags(["--cpus", &self.cpu.setting.to_string()]),
            Layer::Pids => Equivalent::flags(["--pids-limit", &self.pids.setting.0.to_string()]),
            Layer::Io => {
                let rate = self.io.setting.rate.to_flag();
                Equivalent::note(&format!(
                    "--device-read-bps DISK:{rate} --device-write-bps DISK:{rate}, where DISK holds the engine's files"
                ))
            }
            Layer::Caps => self.caps_flags(),
            Layer::NoNewPrivs => Equivalent::security("no-new-privileges"),
            Layer::Seccomp => self.seccomp_flags(client),
            Layer::Apparmor if client == Client::Podman && self.apparmor.setting.0 == "docker-default" => {
                Equivalent::note(
                    "podman applies its own default profile, containers-default, where the host has AppArmor",
                )
            }
            Layer::Apparmor => Equivalent::security(&format!("apparmor={}", self.apparmor.setting.0)),
            Layer::Selinux => Equivalent::security(&format!("label=type:{}", self.selinux.setting.0)),
            Layer::Landlock => Equivalent::note("no flag: hotcell's shim applies the Landlock rules"),
            Layer::Ulimits => self.ulimit_flags(),
            Layer::User => Equivalent::flags(["--user", &self.setting(Layer::User)]),
            Layer::Userns => match client {
                Client::Docker => Equivalent::note("no flag: start dockerd with --userns-remap"),
                Client::Podman => Equivalent::flags(["--userns", "auto"])
                    .but("needs subordinate ids of the user `containers` where podman runs as root"),
            },
            Layer::Ipc => Equivalent::flags(["--ipc", "private"]),
            Layer::Env => match client {
                Client::Docker => Equivalent::note("no flag: docker passes none of the host's variables"),
                Client::Podman => Equivalent::flags(["--http-proxy=false"]),
            },
            Layer::ProcMasks => Equivalent::note("no flag: masked paths are the default"),
            Layer::Runtime => self.runtime_flags(client),
            Layer::Timeout => self.timeout_flags(client),
            Layer::Output => Equivalent::note(&format!(
                "no flag: keep {} of stdout and {} of stderr with `head -c`",
                self.output.setting.stdout, self.output.setting.stderr
            )),
        }
    }

    fn memory_flags(&self) -> Equivalent {
        let memory = self.memory.setting;
        let total = super::Bytes(memory.limit.0.saturating_add(memory.swap.0));
        Equivalent::flags(["--memory", &memory.limit.to_flag(), "--memory-swap", &total.to_flag()])
    }

    fn caps_flags(&self) -> Equivalent {
        let mut all = Equivalent::flags(["--cap-drop", "ALL"]);
        for cap in &self.caps.setting.keep {
            all.flags.extend(["--cap-add".to_owned(), cap.name().to_owned()]);
        }
        all
    }

    fn seccomp_flags(&self, client: Client) -> Equivalent {
        match &self.seccomp.setting {
            SeccompChoice::Shipped(name) if name == "docker-default" && client == Client::Docker => {
                Equivalent::note("no flag: docker applies the default profile it was built with")
            }
            SeccompChoice::Shipped(name) => Equivalent::security(&format!("seccomp={name}.json")).but(&format!(
                "write the file first: hotcell seccomp show --format json --policy {} {name} > {name}.json",
                shell_quote(&self.source)
            )),
            SeccompChoice::File(path) => Equivalent::security(&format!("seccomp={}", path.display())),
        }
    }

    fn ulimit_flags(&self) -> Equivalent {
        let value = |limit: u64| if limit == u64::MAX { "-1".to_owned() } else { limit.to_string() };
        let mut all = Equivalent::default();
        for (name, (soft, hard)) in &self.ulimits.setting.0 {
            // Both clients share go-units, which knows no RLIMIT_AS.
            if *name == RlimitName::As {
                all = all.but("the clients know no `as` limit: only hotcell's shim sets it");
            } else {
                all.flags.extend(["--ulimit".to_owned(), format!("{name}={}:{}", value(*soft), value(*hard))]);
            }
        }
        all
    }

    fn runtime_flags(&self, client: Client) -> Equivalent {
        let words = vec!["--runtime".to_owned(), self.runtime.setting.0.clone()];
        match client {
            Client::Docker => Equivalent { flags: words, ..Equivalent::default() },
            Client::Podman => Equivalent { global: words, ..Equivalent::default() },
        }
    }

    fn timeout_flags(&self, client: Client) -> Equivalent {
        let time = self.timeout.setting.0;
        match client {
            Client::Docker => Equivalent {
                wrapper: vec!["timeout".to_owned(), time.as_secs_f64().to_string()],
                ..Equivalent::note(
                    "the client passes SIGTERM on and waits, and process 1 of a container ignores that unless it asks for it: end it with `docker kill`",
                )
            },
            Client::Podman => {
                let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
                Equivalent::flags(["--timeout", &seconds.to_string()])
            }
        }
    }
}

fn when_off(client: Client, layer: Layer) -> Equivalent {
    match (layer, client) {
        (Layer::Network, _) => Equivalent::flags(["--network", "host"]),
        (Layer::Caps, _) => Equivalent::flags(["--cap-add", "ALL"])
            .but("fails where the engine lacks a capability itself: list those it has instead"),
        (Layer::Seccomp, _) => Equivalent::security("seccomp=unconfined"),
        (Layer::Apparmor, _) => Equivalent::security("apparmor=unconfined"),
        (Layer::Selinux, _) => Equivalent::security("label=disable"),
        (Layer::User, _) => Equivalent::flags(["--user", "0:0"]),
        (Layer::Ipc, _) => Equivalent::flags(["--ipc", "host"]),
        (Layer::ProcMasks, Client::Docker) => Equivalent::security("systempaths=unconfined"),
        (Layer::ProcMasks, Client::Podman) => Equivalent::security("unmask=ALL"),
        (Layer::Pids, Client::Podman) => Equivalent::flags(["--pids-limit", "-1"]),
        (Layer::Env, Client::Docker) => {
            Equivalent::note("no flag for the whole environment: add `--env NAME` for each variable")
        }
        (Layer::Env, Client::Podman) => Equivalent::flags(["--env-host"]),
        (Layer::Userns, Client::Docker) => {
            Equivalent::note("no flag: a daemon with --userns-remap still gives a user namespace")
        }
        (Layer::Userns, Client::Podman) => Equivalent::note("no flag: rootless podman always gives a user namespace"),
        (
            Layer::Rootfs
            | Layer::Tmpfs
            | Layer::Memory
            | Layer::Cpu
            | Layer::Pids
            | Layer::Io
            | Layer::NoNewPrivs
            | Layer::Landlock
            | Layer::Ulimits
            | Layer::Runtime
            | Layer::Timeout
            | Layer::Output,
            _,
        ) => Equivalent::default(),
    }
}

/// One word for a shell. Control and non-ASCII characters become bash's `$'\ooo'`, so
/// that the command can be shown on a terminal.
fn shell_quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else if word.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        format!("'{}'", word.replace('\'', r"'\''"))
    } else {
        let escape = |byte: u8| match byte {
            b'\'' | b'\\' => format!("\\{}", char::from(byte)),
            b' ' => " ".to_owned(),
            _ if byte.is_ascii_graphic() => char::from(byte).to_string(),
            _ => format!("\\{byte:03o}"),
        };
        format!("$'{}'", word.bytes().map(escape).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(policy: &Policy, client: Client) -> String {
        policy.command(client, "code-sandbox:latest", &["python".to_owned(), "/sandbox/user_script.py".to_owned()])
    }

    #[test]
    fn hardened_gives_the_seeds_command_and_what_the_seeds_left_to_the_image_and_the_defaults() {
        let command = words(&Policy::shipped("hardened").unwrap(), Client::Docker);
        assert_eq!(
            command,
            "timeout 10 docker run --rm --network none --read-only --tmpfs /tmp:size=50m,noexec --memory 256m --memory-swap 256m --cpus 0.5 \
             --pids-limit 64 --cap-drop ALL --security-opt no-new-privileges --security-opt seccomp=python.json \
             --security-opt apparmor=docker-default --security-opt label=type:container_t --ulimit nofile=64:64 --ulimit nproc=32:32 \
             --user 65534:65534 --ipc private code-sandbox:latest python /sandbox/user_script.py"
        );
    }

    #[test]
    fn podman_gets_its_own_spellings() {
        let mut policy = Policy::shipped("hardened").unwrap();
        policy.set(Layer::Runtime, "crun").unwrap();
        policy.set(Layer::Timeout, "1500ms").unwrap();
        assert_eq!(
            words(&policy, Client::Podman),
            "podman --runtime crun run --rm --network none --read-only --read-only-tmpfs=false --tmpfs /tmp:size=50m,noexec --memory 256m \
             --memory-swap 256m --cpus 0.5 --pids-limit 64 --cap-drop ALL --security-opt no-new-privileges --security-opt seccomp=python.json \
             --security-opt label=type:container_t --ulimit nofile=64:64 --ulimit nproc=32:32 --user 65534:65534 --ipc private \
             --http-proxy=false --timeout 2 code-sandbox:latest python /sandbox/user_script.py"
        );
    }

    #[test]
    fn bare_switches_off_what_the_clients_have_on_by_default() {
        let bare = Policy::shipped("bare").unwrap();
        assert_eq!(
            words(&bare, Client::Docker),
            "docker run --rm --network host --cap-add ALL --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
             --security-opt label=disable --user 0:0 --ipc host --security-opt systempaths=unconfined code-sandbox:latest python \
             /sandbox/user_script.py"
        );
        assert_eq!(
            words(&bare, Client::Podman),
            "podman run --rm --network host --pids-limit -1 --cap-add ALL --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
             --security-opt label=disable --user 0:0 --ipc host --env-host --security-opt unmask=ALL code-sandbox:latest python \
             /sandbox/user_script.py"
        );
    }

    #[test]
    fn a_layer_that_is_on_has_flags_or_says_why_not() {
        let mut policy = Policy::shipped("paranoid").unwrap();
        policy.set(Layer::Ulimits, "as=1g").unwrap();
        for layer in Layer::ALL {
            for part in [policy.docker_flags(layer), policy.podman_flags(layer)] {
                assert!(part.note.is_some() || !part.flags.is_empty() || !part.global.is_empty(), "{layer}");
            }
        }
    }

    #[test]
    fn a_command_in_a_note_is_quoted_as_any_other() {
        let mut policy = Policy::shipped("hardened").unwrap();
        policy.source = "/home/me/x; rm -rf ~ \u{1b}.toml".to_owned();
        let note = policy.docker_flags(Layer::Seccomp).note.unwrap();
        assert!(note.contains(r"--policy $'/home/me/x; rm -rf ~ \033.toml' python > python.json"), "{note}");
    }

    #[test]
    fn a_word_reaches_the_shell_as_it_is_and_the_terminal_without_control_characters() {
        for word in ["", "plain", "two words", "it's", "$(id)", "a\nb", "\u{202e}x'\\", "\x1b[2Jé!"] {
            let quoted = shell_quote(word);
            assert!(quoted.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{quoted}");
            let output =
                std::process::Command::new("bash").args(["-c", &format!("printf %s {quoted}")]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), word);
        }
    }
}
