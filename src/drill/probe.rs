//! The headers of `fixtures/`: what a probe says of itself, line by line (`fixtures/README.md`).

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

use crate::policy::{Layer, Policy, SettingError};

/// A header that cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the header of {probe}: {problem}")]
pub struct ProbeError {
    /// The file.
    pub probe: String,
    /// What is wrong with it.
    pub problem: String,
}

/// A file of the corpus that is no twin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The file's name.
    pub name: String,
    /// The whole file.
    pub text: String,
    /// What it tries.
    pub tries: String,
    /// MITRE's technique, or `none fits`.
    pub technique: String,
    /// Who refuses it under `hardened`; nobody, where the file is there for something else.
    pub layer: Option<Layer>,
    /// Who would each refuse it if the others were off.
    pub behind: Vec<Layer>,
    /// What is seen when `layer` holds.
    pub evidence: Vec<Evidence>,
    /// With what it reaches what it tries.
    pub succeeds: Succeeds,
    /// What has to be changed in `hardened` for it to be held; nothing where `hardened` is enough.
    pub under: Vec<Change>,
    /// What has to be there for it to be a test.
    pub needs: Option<Need>,
    /// A line to put into the place of the one that begins alike, for whoever has little time.
    pub brief: Option<String>,
}

/// What is seen when the layer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// `EPERM from mount`
    Errno {
        /// The error's name.
        errno: String,
        /// The call's.
        call: String,
    },
    /// `SIGKILL`, or `SIGKILL from getpid` where a call is what it is killed for.
    Killed {
        /// The call's name.
        call: Option<String>,
    },
    /// `limit OOM kill`: a limit that hotcell tells by these words.
    Limit(String),
    /// `deadline`
    Deadline,
    /// `absence`: nothing is refused, it is not there.
    Absence,
}

/// When it reaches what it tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Succeeds {
    /// With these changes to `hardened`.
    With(Vec<Change>),
    /// Whatever the layers are.
    Always,
    /// Never; a note says why.
    Never,
}

/// What has to be there for it to be a test at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// A file that only some kernels have.
    Kernel(PathBuf),
    /// A view of cgroup v1 that reaches the root of a hierarchy.
    CgroupRoot,
    /// A listener on this machine's loopback, whose port it is told.
    TcpListener,
    /// A Unix socket without a file, whose name it is told.
    AbstractListener,
    /// A System V shared memory segment, whose key it is told.
    ShmSegment,
    /// This variable in hotcell's environment.
    Variable(String),
    /// `/usr/local/bin/setuid-probe` in the image.
    SetuidProbe,
    /// `sh` in the image.
    Shell,
    /// A C compiler on this machine.
    Compiler,
    /// A way out, and somebody there.
    Internet,
    /// An `AppArmor` profile, loaded.
    ApparmorProfile,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel(path) => write!(f, "a kernel that has {}", path.display()),
            Self::CgroupRoot => f.write_str("a view of cgroup v1 that reaches the root of a hierarchy"),
            Self::TcpListener => f.write_str("a listener on this machine's loopback; a drill sets one out"),
            Self::AbstractListener => f.write_str("a Unix socket without a file on this machine; a drill sets one out"),
            Self::ShmSegment => f.write_str("a shared memory segment of this machine; a drill sets one out"),
            Self::Variable(name) => write!(f, "the variable {name} in hotcell's environment; a drill sets it"),
            Self::SetuidProbe => f.write_str("/usr/local/bin/setuid-probe in the image"),
            Self::Shell => f.write_str("sh in the image"),
            Self::Compiler => f.write_str("a C compiler on this machine: a drill compiles and runs it"),
            Self::Internet => f.write_str("a way out, and somebody there"),
            Self::ApparmorProfile => f.write_str("the AppArmor profile that its header names, loaded"),
        }
    }
}

/// An option of `hotcell run` that changes one layer of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// `--layer NAME=VALUE`, or `--timeout VALUE`.
    Set(Layer, String),
    /// `--without NAME`
    Off(Layer),
}

impl Change {
    /// The layer that is changed.
    pub fn layer(&self) -> Layer {
        let (Self::Set(layer, _) | Self::Off(layer)) = self;
        *layer
    }

    /// Makes the change.
    ///
    /// # Errors
    /// A value that the layer does not take.
    pub fn apply(&self, policy: &mut Policy) -> Result<(), SettingError> {
        match self {
            Self::Set(layer, value) => policy.set(*layer, value),
            Self::Off(layer) => {
                policy.set_on(*layer, false);
                Ok(())
            }
        }
    }

    /// As it is written on the command line.
    pub fn arguments(&self) -> [String; 2] {
        match self {
            Self::Set(layer, value) => ["--layer".to_owned(), format!("{layer}={value}")],
            Self::Off(layer) => ["--without".to_owned(), layer.to_string()],
        }
    }
}

const KEYS: [&str; 11] =
    ["Tries", "Technique", "Layer", "Behind", "Evidence", "Success", "Succeeds", "Under", "Needs", "Brief", "Note"];

impl Probe {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// Where a line is missing, is there twice or says what cannot be read.
    pub fn parse(name: &str, text: &str) -> Result<Self, ProbeError> {
        Header::read(text)
            .and_then(|header| header.probe(name, text))
            .map_err(|problem| ProbeError { probe: name.to_owned(), problem })
    }

    /// The file of its harmless twin.
    pub fn twin(&self) -> String {
        match self.name.rsplit_once('.') {
            Some((stem, extension)) => format!("{stem}.twin.{extension}"),
            None => format!("{}.twin", self.name),
        }
    }

    /// The layer and those behind it.
    pub fn layers(&self) -> impl Iterator<Item = Layer> {
        self.layer.into_iter().chain(self.behind.iter().copied())
    }

    /// Whether some layer has to hold it: the others are there for what hotcell itself has to bear.
    pub fn is_to_be_held(&self) -> bool {
        self.layer.is_some() || self.succeeds == Succeeds::Never
    }
}

/// The text with another line in the place of the one that begins as `line` does up to its `=`; `None` where no line,
/// or more than one, does.
pub fn with_line(text: &str, line: &str) -> Option<String> {
    let key = line.split_inclusive('=').next()?;
    let is_old = |old: &&str| old.starts_with(key);
    if text.lines().filter(is_old).count() != 1 {
        return None;
    }
    Some(text.lines().map(|old| if is_old(&old) { line } else { old }.to_owned() + "\n").collect())
}

/// The lines of a header by their keys.
struct Header<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Header<'a> {
    fn read(text: &'a str) -> Result<Self, String> {
        let mut lines = BTreeMap::new();
        for line in text.lines().take_while(|line| !line.is_empty()) {
            let said = line.strip_prefix("# ").or_else(|| line.strip_prefix("// "));
            let pair = said.and_then(|said| said.split_once(':')).map(|(key, value)| (key, value.trim()));
            let (key, value) = pair
                .filter(|(key, value)| KEYS.contains(key) && !value.is_empty())
                .ok_or_else(|| format!("`{line}` is no line of it"))?;
            if lines.insert(key, value).is_some() && key != "Note" {
                return Err(format!("it has {key} twice"));
            }
        }
        Ok(Self(lines))
    }

    fn probe(&self, name: &str, text: &str) -> Result<Probe, String> {
        self.required("Success")?;
        Ok(Probe {
            name: name.to_owned(),
            text: text.to_owned(),
            tries: self.required("Tries")?.to_owned(),
            technique: self.required("Technique")?.to_owned(),
            layer: self.list("Layer", layer)?.into_iter().next(),
            behind: self.list("Behind", layer)?,
            evidence: self.list("Evidence", Evidence::parse)?,
            succeeds: match self.required("Succeeds")? {
                "always" => Succeeds::Always,
                "never" => Succeeds::Never,
                said => Succeeds::With(changes(said)?),
            },
            under: self.0.get("Under").map_or(Ok(Vec::new()), |said| changes(said))?,
            needs: self.0.get("Needs").map(|said| Need::parse(said)).transpose()?,
            brief: self.0.get("Brief").map(|line| (*line).to_owned()),
        })
    }

    fn required(&self, key: &str) -> Result<&'a str, String> {
        self.0.get(key).copied().ok_or_else(|| format!("it has no line {key}"))
    }

    fn list<T>(&self, key: &str, item: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
        self.required(key)?.split(", ").filter(|word| *word != "none").map(item).collect()
    }
}

fn layer(word: &str) -> Result<Layer, String> {
    Layer::from_name(word).map_err(|error| error.to_string())
}

fn changes(said: &str) -> Result<Vec<Change>, String> {
    let words: Vec<&str> = said.split(' ').collect();
    let change = |pair: &[&str]| match pair {
        ["--without", name] => Ok(Change::Off(layer(name)?)),
        ["--timeout", value] => Ok(Change::Set(Layer::Timeout, (*value).to_owned())),
        ["--layer", setting] => {
            let (name, value) = setting.split_once('=').ok_or_else(|| format!("`{setting}` has no value"))?;
            Ok(Change::Set(layer(name)?, value.to_owned()))
        }
        other => Err(format!("`{}` changes no layer", other.join(" "))),
    };
    words.chunks(2).map(change).collect()
}

impl Evidence {
    fn parse(said: &str) -> Result<Self, String> {
        Ok(match said.split_once(' ') {
            None if said == "deadline" => Self::Deadline,
            None if said == "absence" => Self::Absence,
            None if said == "SIGKILL" => Self::Killed { call: None },
            Some(("limit", what)) => Self::Limit(what.to_owned()),
            Some((what, rest)) => {
                let call = rest.strip_prefix("from ").ok_or_else(|| format!("`{said}` is no evidence"))?.to_owned();
                if what == "SIGKILL" {
                    return Ok(Self::Killed { call: Some(call) });
                }
                Self::Errno { errno: what.to_owned(), call }
            }
            None => return Err(format!("`{said}` is no evidence")),
        })
    }
}

impl Need {
    fn parse(said: &str) -> Result<Self, String> {
        Ok(match said.split_once(' ').unwrap_or((said, "")) {
            ("kernel", path) => Self::Kernel(PathBuf::from(path)),
            ("cgroup-root", "") => Self::CgroupRoot,
            ("tcp-listener", "PORT") => Self::TcpListener,
            ("abstract-listener", "NAME") => Self::AbstractListener,
            ("shm-segment", "KEY") => Self::ShmSegment,
            ("variable", name) => Self::Variable(name.to_owned()),
            ("apparmor-profile", _) => Self::ApparmorProfile,
            ("setuid-probe", "") => Self::SetuidProbe,
            ("shell", "") => Self::Shell,
            ("compiler", "") => Self::Compiler,
            ("internet", "") => Self::Internet,
            _ => return Err(format!("`{said}` is no need")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::corpus;

    const HEADER: &str = "# Tries: to open it\n# Technique: none fits\n# Layer: seccomp\n# Behind: caps, user\n\
        # Evidence: EPERM from bpf\n# Success: it opens\n# Succeeds: --without seccomp --layer tmpfs=50m,exec\n\nprint(1)\n";

    fn problem(header: &str) -> String {
        Probe::parse("x.py", header).unwrap_err().to_string()
    }

    #[test]
    fn a_header_is_read_line_by_line() {
        let probe = Probe::parse("x.py", HEADER).unwrap();
        assert_eq!(probe.layers().collect::<Vec<_>>(), [Layer::Seccomp, Layer::Caps, Layer::User]);
        assert_eq!(probe.evidence, [Evidence::Errno { errno: "EPERM".to_owned(), call: "bpf".to_owned() }]);
        let changes = [Change::Off(Layer::Seccomp), Change::Set(Layer::Tmpfs, "50m,exec".to_owned())];
        assert_eq!(probe.succeeds, Succeeds::With(changes.to_vec()));
        assert_eq!((probe.twin().as_str(), probe.needs), ("x.twin.py", None));
    }

    #[test]
    fn what_is_wrong_with_a_header_is_said_with_the_files_name() {
        assert_eq!(problem("# Tries: it\n"), "the header of x.py: it has no line Success");
        assert_eq!(problem("# Trys: it\n"), "the header of x.py: `# Trys: it` is no line of it");
        assert_eq!(problem(&format!("# Layer: caps\n{HEADER}")), "the header of x.py: it has Layer twice");
        assert!(problem(&HEADER.replace("seccomp\n", "secomp\n")).contains("did you mean `seccomp`?"));
        assert!(
            problem(&HEADER.replace("--without seccomp", "--image box")).contains("`--image box` changes no layer")
        );
        assert!(problem(&HEADER.replace("EPERM from", "EPERM by")).contains("is no evidence"));
        assert!(problem(&format!("# Needs: luck\n{HEADER}")).contains("`luck` is no need"));
    }

    #[test]
    fn one_line_takes_the_place_of_the_one_that_begins_alike() {
        assert_eq!(with_line("A = 1\nB = 2\n", "B = 3").unwrap(), "A = 1\nB = 3\n");
        assert_eq!(with_line("A = 1\n", "B = 3"), None);
        assert_eq!(with_line("B = 1\nB = 2\n", "B = 3"), None);
    }

    #[test]
    fn every_probe_of_the_corpus_is_read_and_its_options_are_options() {
        let probes = corpus::probes().unwrap();
        assert!(probes.len() >= 40);
        for probe in probes {
            let more = match &probe.succeeds {
                Succeeds::With(changes) => changes.as_slice(),
                Succeeds::Always | Succeeds::Never => &[],
            };
            let mut policy = Policy::shipped("hardened").unwrap();
            for change in probe.under.iter().chain(more) {
                change.apply(&mut policy).unwrap();
            }
            assert!(probe.brief.as_ref().is_none_or(|line| with_line(&probe.text, line).is_some()), "{}", probe.name);
            assert!(corpus::text(&probe.twin()).is_some(), "{} has no twin", probe.name);
        }
    }
}
