//! The corpus in `fixtures/`. Every probe has a header that a machine reads and a harmless twin; and on every engine
//! it is held by the layer that the header names, by each of those behind it alone, and by none with all of them off.

mod common;

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use common::host::{self, Segment};
use common::{Engine, Hotcell, Report, Specimen, annotated, on_every_engine};
use hotcell::drill::corpus;
use hotcell::drill::probe::{Change, Evidence, Need, Probe, Succeeds};
use hotcell::policy::Layer;
use serde_json::{Value, json};

/// A probe is read in one look.
const MOST_LINES: usize = 80;

/// How many are run at a time.
const WORKERS: usize = 2;

#[test]
fn every_probe_says_what_it_tries_who_holds_it_and_when_it_succeeds_and_has_a_twin() {
    let probes = corpus::probes().unwrap();
    assert!(probes.iter().filter(|probe| probe.layer.is_some() && probe.under.is_empty()).count() >= 40);
    let readme = fs::read_to_string(Specimen::fixture("README.md").path).unwrap();
    for probe in &probes {
        let name = &probe.name;
        assert!(probe.text.lines().count() <= MOST_LINES, "{name} is too long");
        assert!(technique_is_well_formed(&probe.technique), "{name}: {}", probe.technique);
        assert_eq!(probe.layers().count(), probe.layers().collect::<HashSet<_>>().len(), "{name}");
        assert_eq!(probe.layer.is_none(), probe.evidence.is_empty(), "{name}: a layer that holds shows evidence");
        assert!(probe.layer.is_some() || probe.behind.is_empty(), "{name}");
        let twin = fs::read_to_string(Specimen::fixture(&probe.twin()).path);
        let twin = twin.unwrap_or_else(|error| panic!("{}: {error}", probe.twin()));
        assert!(twin.lines().next().unwrap().contains(&format!("Harmless twin of {name}: ")), "{}", probe.twin());
        let layer = probe.layer.map_or("none", Layer::name);
        let row = format!("| `{name}` | {} | {} | {layer} |", probe.tries, probe.technique);
        assert!(readme.lines().any(|line| line == row), "fixtures/README.md lacks the row:\n{row}");
    }
    let rows = readme.lines().filter(|line| line.starts_with("| `") && line.split('|').count() == 6).count();
    assert_eq!(rows, probes.len(), "fixtures/README.md has a row a probe");
}

/// `none fits`, or `ATT&CK T1234.567 Name`, several separated by commas.
fn technique_is_well_formed(said: &str) -> bool {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let id = |id: &str| match id.strip_prefix('T').map(|number| number.split_once('.').unwrap_or((number, "000"))) {
        Some((technique, part)) => digits(technique, 4) && digits(part, 3),
        None => false,
    };
    let one = |one: &str| one.split_once(' ').is_some_and(|(number, name)| id(number) && !name.is_empty());
    said == "none fits" || said.strip_prefix("ATT&CK ").is_some_and(|all| all.split(", ").all(one))
}

fn each_probe_is_held_by_the_layers_it_names_and_by_no_other_and_its_twin_by_none(engine: Engine) {
    let scene = Scene::set(engine);
    let probes = corpus::probes().unwrap();
    let queue = Mutex::new(probes.iter());
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(probe) = next(&queue) {
                    let proof = AssertUnwindSafe(|| {
                        scene.prove_twin(probe);
                        // The others are not for a layer to hold, and have tests of their own.
                        if probe.is_to_be_held() {
                            scene.prove(probe);
                        }
                    });
                    if catch_unwind(proof).is_err() {
                        failed.lock().unwrap().push(probe.name.as_str());
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "at {engine:?}, each told above: {failed:?}");
}

fn next<T>(queue: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    queue.lock().unwrap().next()
}

/// An engine, and what of this machine's the probes look for.
struct Scene {
    engine: Engine,
    port: u16,
    name: String,
    segment: Segment,
}

impl Scene {
    fn set(engine: Engine) -> Self {
        Self { engine, port: host::greeter(), name: host::abstract_greeter(), segment: Segment::make() }
    }

    /// A probe or its twin, ready to run.
    fn specimen(&self, probe: &Probe, file: &str) -> Specimen {
        if probe.needs == Some(Need::Compiler) {
            return Specimen::c(&fs::read_to_string(Specimen::fixture(file).path).unwrap());
        }
        let line = match (&probe.brief, &probe.needs) {
            (_, _) if file != probe.name => return Specimen::fixture(file),
            (Some(line), _) => line.clone(),
            (None, Some(Need::TcpListener)) => format!("PORT = {}", self.port),
            (None, Some(Need::AbstractListener)) => format!("NAME = {:?}", self.name),
            (None, Some(Need::ShmSegment)) => format!("KEY = {}", self.segment.key),
            (None, _) => return Specimen::fixture(file),
        };
        Specimen::fixture_with(file, &line)
    }

    /// A run under `hardened` with these options.
    fn run<S: AsRef<OsStr>>(&self, probe: &Probe, options: &[S]) -> Hotcell {
        let mut run = Hotcell::hardened(self.engine).with(options);
        // The layers are what is looked at, not this machine's speed.
        if probe.layer != Some(Layer::Timeout) && !options.iter().any(|option| option.as_ref() == "--timeout") {
            run = run.with(&["--timeout", "60s"]);
        }
        if let Some(Need::Variable(name)) = &probe.needs {
            run = run.env(name, "not a secret");
        }
        // The engines' image has neither a shell nor a set-user-id program.
        if matches!(probe.needs, Some(Need::Shell | Need::SetuidProbe)) && !self.engine.is_embedded() {
            run = run.with(&["--image", "hotcell-probe"]);
        }
        run
    }

    /// The twin reaches what it may, and nothing is refused to it.
    fn prove_twin(&self, probe: &Probe) {
        let report = self.run::<&str>(probe, &[]).report(&self.specimen(probe, &probe.twin()));
        report.reached();
        let is_harmless = |denial: &Value| match denial["syscall"].as_str().unwrap() {
            // The profile answers ENOSYS, at which the C library takes clone instead.
            "clone3" => denial["errno"] == "ENOSYS",
            // Busybox sets the ids that it has already.
            "setuid" | "setgid" => probe.needs == Some(Need::Shell),
            _ => false,
        };
        assert!(report.denials().iter().all(is_harmless), "{report}");
    }

    fn prove(&self, probe: &Probe) {
        let specimen = self.specimen(probe, &probe.name);
        let run = |options: &[String]| self.run(probe, options).report(&specimen);
        let mut under = arguments(&probe.under);
        if probe.evidence == [Evidence::Deadline] {
            under.extend(["--timeout", "1s"].map(str::to_owned));
        }
        let held = run(&under);
        // A layer of the policy's own may not be lacking; one that is asked for beside it may.
        let is_lacking = held.json["error"].as_str().is_some_and(|error| error.contains("cannot be had"))
            || probe.layers().any(|layer| !held.layer(layer.name())["unavailable"].is_null());
        if !probe.under.is_empty() && is_lacking {
            eprintln!("{} at {:?}: its layer is not to be had here", probe.name, self.engine);
        } else if self.cannot_be_tried(probe) {
            missing(&held);
        } else if probe.layer == Some(Layer::Cpu) && held.status() == 2 && held.limit("CPU throttled").is_none() {
            eprintln!("{} at {:?}: this machine is too busy to come to the limit", probe.name, self.engine);
        } else {
            contained(probe, &held);
            told_by_line(probe, &held);
            for layer in &probe.behind {
                self.alone(probe, *layer, run);
            }
        }
        let reached = match &probe.succeeds {
            Succeeds::With(_) if probe.needs == Some(Need::Internet) => return,
            Succeeds::With(changes) => run(&arguments(changes)),
            Succeeds::Never => {
                run(&without(probe.layers())).held();
                return;
            }
            Succeeds::Always => held,
        };
        // Where the engine's files come through another process, nothing of this one's reads a disk.
        if self.lacks(probe) || (is_lacking && probe.layer == Some(Layer::Io)) {
            missing(&reached);
        } else if probe.layer == Some(Layer::Cpu) && reached.status() != 0 && reached.limit("CPU throttled").is_none() {
            eprintln!("{} at {:?}: this machine is too busy to tell that nothing stops it", probe.name, self.engine);
        } else if probe.layer == Some(Layer::Output) {
            assert!(reached.status() == 0 && reached.json["truncated"] == false, "{reached}");
        } else {
            reached.reached();
        }
    }

    /// With every other layer off that would hold it, this one does.
    fn alone(&self, probe: &Probe, layer: Layer, run: impl Fn(&[String]) -> Report) {
        let others: Vec<_> = probe.layers().filter(|other| *other != layer).collect();
        // Podman gives a user all capabilities where none are dropped.
        if layer == Layer::User && self.engine == Engine::Podman && others.contains(&Layer::Caps) {
            return;
        }
        let report = run(&without(others.into_iter()));
        if matches!(probe.needs, Some(Need::Kernel(_))) && self.lacks(probe) {
            missing(&report);
        } else {
            report.held();
        }
    }

    /// What it tries is not to be had here, with no layer on.
    fn lacks(&self, probe: &Probe) -> bool {
        match &probe.needs {
            Some(Need::Kernel(path)) => !path.exists(),
            Some(Need::CgroupRoot) => self.engine.is_embedded() || self.cannot_be_tried(probe),
            _ => self.cannot_be_tried(probe),
        }
    }

    /// The probe finds out before it tries.
    fn cannot_be_tried(&self, probe: &Probe) -> bool {
        match &probe.needs {
            Some(Need::CgroupRoot) => !Path::new("/sys/fs/cgroup/cpuset").exists(),
            Some(Need::SetuidProbe) => self.engine.is_embedded(),
            _ => false,
        }
    }
}

/// `--without` each of them.
fn without(layers: impl Iterator<Item = Layer>) -> Vec<String> {
    arguments(&layers.map(Change::Off).collect::<Vec<_>>())
}

fn arguments(changes: &[Change]) -> Vec<String> {
    changes.iter().flat_map(Change::arguments).collect()
}

#[track_caller]
fn missing(report: &Report) {
    assert!(report.status() == 2 && report.stdout().contains("MISSING: "), "not missing: {report}");
}

/// It was held, and the evidence is there.
#[track_caller]
fn contained(probe: &Probe, report: &Report) {
    let is_limited = probe.evidence.iter().any(|evidence| matches!(evidence, Evidence::Limit(_)));
    let is_killed = |evidence: &Evidence| matches!(evidence, Evidence::Killed { .. } | Evidence::Deadline);
    match probe.layer {
        _ if probe.evidence.iter().any(is_killed) => assert!(!report.stdout().contains("REACHED"), "{report}"),
        // Who prints too much is not refused, and who gets little of a CPU may not know why: the limit tells.
        Some(Layer::Output | Layer::Cpu) => {}
        _ => {
            report.held();
        }
    }
    for evidence in &probe.evidence {
        match evidence {
            Evidence::Errno { errno, call } if probe.layer == Some(Layer::Seccomp) => {
                assert!(report.denials_of(call).iter().any(|denial| denial["errno"] == **errno), "{call}: {report}");
            }
            Evidence::Errno { errno, .. } => {
                assert!(is_limited || report.stdout().contains(words_of(errno)), "{errno}: {report}");
            }
            Evidence::Killed { call } => {
                assert_eq!((report.status(), &report.json["signal"]), (137, &json!(9)), "{report}");
                assert!(call.iter().all(|call| !report.denials_of(call).is_empty()), "{report}");
            }
            Evidence::Limit(what) => {
                report.met(probe.layer.unwrap().name(), what);
            }
            Evidence::Deadline => {
                assert_eq!((report.status(), &report.json["timed_out"]), (124, &json!(true)), "{report}");
            }
            // What is not there is not refused: neither by the filter nor by the layer that the header names.
            Evidence::Absence => {
                let by_it = |denial: &&Value| {
                    let named = probe.layer.is_some_and(|layer| denial["layer"] == layer.name());
                    denial["layer"] == "seccomp" || (named && !denial["errno"].is_null())
                };
                let refused = report.denials().iter().find(by_it);
                assert!(refused.is_none(), "{report}");
            }
        }
    }
}

/// What the system says for an error.
fn words_of(errno: &str) -> &'static str {
    match errno {
        "EPERM" => "Operation not permitted",
        "EACCES" => "Permission denied",
        "EROFS" => "Read-only file system",
        "ENOSPC" => "No space left on device",
        "EMFILE" => "Too many open files",
        "EAGAIN" => "Resource temporarily unavailable",
        other => panic!("what does the system say for {other}?"),
    }
}

/// The lines told for the denials of a Python probe are those that its comments name, and all of them.
#[track_caller]
fn told_by_line(probe: &Probe, report: &Report) {
    let place = |denial: &Value| {
        let call = denial["syscall"].as_str().unwrap().to_owned();
        Some((denial["source"]["line"].as_u64()?, call))
    };
    let told: BTreeSet<_> = report.denials().iter().filter_map(place).collect();
    assert_eq!(told, annotated(&probe.text), "{report}");
}

on_every_engine!(each_probe_is_held_by_the_layers_it_names_and_by_no_other_and_its_twin_by_none,);
