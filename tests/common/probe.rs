//! The headers of `fixtures/`: what a probe says of itself, line by line (`fixtures/README.md`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use hotcell::policy::Layer;

use super::Specimen;

/// A file of `fixtures/` that is no twin.
#[derive(Debug)]
pub struct Probe {
    pub name: String,
    pub text: String,
    pub tries: String,
    pub technique: String,
    /// Who refuses it under `hardened`; nobody, where the file is there for something else.
    pub layer: Option<Layer>,
    /// Who would each refuse it if the others were off.
    pub behind: Vec<Layer>,
    pub evidence: Vec<Evidence>,
    pub succeeds: Succeeds,
    /// Options with which, beside `hardened`, it is held; none where `hardened` is enough.
    pub under: Vec<String>,
    pub needs: Option<Need>,
    /// A line to put into the place of the one that begins alike, for whoever has little time.
    pub brief: Option<String>,
}

/// What is seen when the layer holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Evidence {
    /// `EPERM from mount`
    Errno { errno: String, call: String },
    /// `SIGKILL`, or `SIGKILL from getpid` where a call is what it is killed for.
    Killed { call: Option<String> },
    /// `limit OOM kill`: a limit that hotcell tells by these words.
    Limit(String),
    /// `deadline`
    Deadline,
    /// `absence`: nothing is refused, it is not there.
    Absence,
}

/// The options with which, beside `hardened`, it reaches what it tries.
#[derive(Debug, PartialEq, Eq)]
pub enum Succeeds {
    With(Vec<String>),
    Always,
    Never,
}

/// What has to be there for it to be a test at all.
#[derive(Debug, PartialEq, Eq)]
pub enum Need {
    /// A file that only some kernels have.
    Kernel(PathBuf),
    /// A view of cgroup v1 that reaches the root of a hierarchy.
    CgroupRoot,
    TcpListener,
    AbstractListener,
    ShmSegment,
    Variable(String),
    SetuidProbe,
    Shell,
    Compiler,
    Internet,
    ApparmorProfile,
}

const KEYS: [&str; 11] =
    ["Tries", "Technique", "Layer", "Behind", "Evidence", "Success", "Succeeds", "Under", "Needs", "Brief", "Note"];

impl Probe {
    /// Every file of `fixtures/` that is neither a twin nor the README, by name.
    pub fn all() -> Vec<Self> {
        let entries = fs::read_dir(Specimen::fixture("").path).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let names: BTreeSet<_> = names.filter(|name| name != "README.md" && !name.contains(".twin.")).collect();
        names.into_iter().map(Self::read).collect()
    }

    /// # Panics
    /// Where a line is missing, is there twice or says what cannot be read.
    fn read(name: String) -> Self {
        let text = fs::read_to_string(Specimen::fixture(&name).path).unwrap();
        let mut header = BTreeMap::new();
        for line in text.lines().take_while(|line| !line.is_empty()) {
            let said = line.strip_prefix("# ").or_else(|| line.strip_prefix("// "));
            let (key, value) = said.and_then(|said| said.split_once(':')).unwrap_or_else(|| panic!("{name}: {line}"));
            let value = value.trim();
            assert!(KEYS.contains(&key) && !value.is_empty(), "{name}: {line}");
            assert!(header.insert(key, value).is_none() || key == "Note", "{name} has {key} twice");
        }
        let required = |key: &str| *header.get(key).unwrap_or_else(|| panic!("{name} has no line {key}"));
        let list = |key| required(key).split(", ").filter(|item| *item != "none");
        let layer = |word: &str| Layer::from_name(word).unwrap_or_else(|error| panic!("{name}: {error}"));
        let options = |said: &str| said.split(' ').map(str::to_owned).collect::<Vec<_>>();
        required("Success");
        Self {
            tries: required("Tries").to_owned(),
            technique: required("Technique").to_owned(),
            layer: list("Layer").next().map(layer),
            behind: list("Behind").map(layer).collect(),
            evidence: list("Evidence").map(Evidence::read).collect(),
            succeeds: match required("Succeeds") {
                "always" => Succeeds::Always,
                "never" => Succeeds::Never,
                said => Succeeds::With(options(said)),
            },
            under: header.get("Under").map(|said| options(said)).unwrap_or_default(),
            needs: header.get("Needs").map(|said| Need::read(said)),
            brief: header.get("Brief").map(|line| (*line).to_owned()),
            text: text.clone(),
            name,
        }
    }

    pub fn twin(&self) -> String {
        let (stem, extension) = self.name.rsplit_once('.').unwrap();
        format!("{stem}.twin.{extension}")
    }

    /// The layer and those behind it.
    pub fn layers(&self) -> impl Iterator<Item = Layer> {
        self.layer.into_iter().chain(self.behind.iter().copied())
    }

    /// The calls that its comments `# denied: CALL` say the profile refuses, by line.
    pub fn annotations(&self) -> BTreeSet<(u64, String)> {
        super::annotated(&self.text)
    }
}

impl Evidence {
    fn read(said: &str) -> Self {
        match said.split_once(' ') {
            None if said == "deadline" => Self::Deadline,
            None if said == "absence" => Self::Absence,
            None if said == "SIGKILL" => Self::Killed { call: None },
            Some(("limit", what)) => Self::Limit(what.to_owned()),
            Some((what, rest)) => {
                let call = rest.strip_prefix("from ").unwrap_or_else(|| panic!("no evidence: {said}")).to_owned();
                if what == "SIGKILL" {
                    return Self::Killed { call: Some(call) };
                }
                Self::Errno { errno: what.to_owned(), call }
            }
            None => panic!("no evidence: {said}"),
        }
    }
}

impl Need {
    fn read(said: &str) -> Self {
        match said.split_once(' ').unwrap_or((said, "")) {
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
            _ => panic!("no need: {said}"),
        }
    }
}
