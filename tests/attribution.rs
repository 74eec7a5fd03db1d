//! Which layer refused: for every probe of the corpus that a layer refuses with an errno, what its header says, what
//! strace saw from outside the cell, and what hotcell tells agree; and with the layer off, it is not told of. Real engines,
//! real kernel; `scripts/with-engines.sh` starts them.

mod common;

use std::collections::BTreeMap;
use std::fs;

use common::cells::{Bench, c};
use common::host::{self, Segment};
use common::strace::Strace;
use common::{Engine, Hotcell, Specimen as File, on_every_engine};
use hotcell::drill::corpus;
use hotcell::drill::probe::{Change, Evidence, Need, Probe, with_line};
use hotcell::policy::{Layer, Policy};
use hotcell::run::{Denial, EventKind, Observation, Summary};
use hotcell::specimen::{DEFAULT_CAP, LanguageTable, Specimen};
use hotcell::supervise::Control;

/// The errnos by which what strace saw and what was told are compared as a whole: each is a refusal wherever it comes.
const REFUSALS: [&str; 6] = ["EPERM", "EACCES", "EROFS", "EMFILE", "ENOSPC", "ENETUNREACH"];

/// A call and the errno that it failed with.
type Failed = (String, String);

/// What is looked for: who refused which call with what.
struct Expected {
    /// One of these.
    layers: Vec<Layer>,
    call: String,
    errno: Option<String>,
}

/// What came of a run.
struct Seen {
    summary: Summary,
    /// What strace saw fail, and how often.
    failed: BTreeMap<Failed, u64>,
}

impl Seen {
    /// What was told of these: denials by whatever layer, and failures by none.
    fn told(&self) -> BTreeMap<Failed, u64> {
        let mut told = BTreeMap::new();
        for denial in self.summary.denials.values() {
            *told.entry((denial.syscall.clone(), denial.refusal.to_string())).or_default() += denial.count;
        }
        for failure in self.summary.failures.values() {
            let errno = failure.known.split([':', ',']).next().unwrap().to_owned();
            *told.entry((failure.syscall.clone(), errno)).or_default() += failure.count;
        }
        told
    }

    fn denial(&self, expected: &Expected) -> Option<&Denial> {
        self.summary.denials.values().find(|denial| {
            denial.syscall == expected.call
                && expected.layers.contains(&denial.layer)
                && expected.errno.as_ref().is_none_or(|errno| *errno == denial.refusal.to_string())
        })
    }
}

/// The calls in a trace that failed, from the first program on where the shim began it.
fn failed(trace: &str, by_shim: bool) -> Vec<Failed> {
    let executed = |line: &&str| !(line.starts_with("execve(") && line.ends_with(" = 0"));
    let lines = trace.lines().skip_while(|line| by_shim && executed(line));
    lines
        .filter_map(|line| {
            let (call, errno) = (line.split_once('(')?.0, line.rsplit_once(" = -1 ")?.1.split(' ').next()?);
            // Its result is that of the call that a signal interrupted.
            (call != "rt_sigreturn").then(|| (call.to_owned(), errno.to_owned()))
        })
        .collect()
}

/// An engine, and what of this machine's the probes look for.
struct Scene {
    bench: Bench,
    port: u16,
    name: String,
    segment: Segment,
}

impl Scene {
    fn specimen(&self, probe: &Probe) -> Specimen {
        if probe.needs == Some(Need::Compiler) {
            return c(&fs::read_to_string(File::fixture(&probe.name).path).unwrap());
        }
        let line = match (&probe.brief, &probe.needs) {
            (Some(line), _) => Some(line.clone()),
            (None, Some(Need::TcpListener)) => Some(format!("PORT = {}", self.port)),
            (None, Some(Need::AbstractListener)) => Some(format!("NAME = {:?}", self.name)),
            (None, Some(Need::ShmSegment)) => Some(format!("KEY = {}", self.segment.key)),
            (None, _) => None,
        };
        let text = line.map_or_else(|| probe.text.clone(), |line| with_line(&probe.text, &line).unwrap());
        let table = LanguageTable::default();
        Specimen::from_bytes(&probe.name, text.into_bytes(), &table, None, DEFAULT_CAP).unwrap()
    }

    fn run(&self, probe: &Probe, changes: &[Change]) -> Seen {
        let mut policy: Policy = self.bench.policy(&[(Layer::Timeout, "60s")]);
        for change in probe.under.iter().chain(changes) {
            change.apply(&mut policy).unwrap();
        }
        let specimen = self.specimen(probe);
        let cell = self.bench.cell(self.bench.plan(policy), &specimen);
        let witness = Strace::of(self.bench.shim(), &[]);
        let (_, _, events) = self.bench.start(cell, specimen, Control::Go).end();
        let (mut summary, mut first) = (Summary::default(), 0);
        for event in &events {
            summary.apply(event);
            if let EventKind::Started { pid } = event.kind {
                first = pid;
            }
        }
        let mut seen = BTreeMap::new();
        for (pid, trace) in witness.traces() {
            for one in failed(&trace, pid == first) {
                *seen.entry(one).or_default() += 1;
            }
        }
        Seen { summary, failed: seen }
    }
}

/// The errno and the call of a header; none where it is no call that fails.
fn named(probe: &Probe) -> Option<(String, String)> {
    probe.evidence.iter().find_map(|evidence| match evidence {
        Evidence::Errno { errno, call } => Some((errno.clone(), call.clone())),
        _ => None,
    })
}

/// No such call failed by itself with an errno that tells of a refusal: it did not wait for its end, or had none to wait
/// for, as where a name is not resolved, or failed as it does anywhere where nobody listens.
fn has_no_answer(seen: &Seen, call: &str) -> bool {
    !seen.failed.keys().any(|(name, errno)| name == call && REFUSALS.contains(&errno.as_str()))
}

fn every_refusal_is_told_with_the_layer_that_did_it(engine: Engine) {
    let bench = Bench::at(engine);
    let scene = Scene { bench, port: host::greeter(), name: host::abstract_greeter(), segment: Segment::make() };
    let (mut right, mut backed, mut wrong, mut agreed, mut missed, mut invented) = (0, 0, Vec::new(), 0, 0, 0);
    for probe in corpus::probes().unwrap() {
        let (Some(layer), Some((errno, call))) = (probe.layer, named(&probe)) else { continue };
        // It takes an image or a kernel that is not here; their own tests look at them.
        let not_here = match &probe.needs {
            Some(Need::Shell | Need::SetuidProbe | Need::ApparmorProfile | Need::CgroupRoot) => true,
            Some(Need::Kernel(path)) => !path.exists(),
            _ => false,
        };
        if not_here {
            continue;
        }
        let mut trials = vec![(Vec::new(), Expected { layers: vec![layer], call: call.clone(), errno: Some(errno) })];
        // Who stands behind the filter shows once that is off, with an errno of its own.
        if layer == Layer::Seccomp && !probe.behind.is_empty() && !matches!(probe.behind[..], [Layer::Ipc]) {
            let expected = Expected { layers: probe.behind.clone(), call, errno: None };
            trials.push((vec![Change::Off(Layer::Seccomp)], expected));
        }
        for (changes, expected) in trials {
            let seen = scene.run(&probe, &changes);
            let what = format!("{} {changes:?}", probe.name);
            let stood = seen.summary.cell.as_ref().unwrap();
            assert_eq!(stood.outcomes, Observation::Live, "{what}");
            let lost = seen.summary.warnings.iter().any(|warning| warning.contains("found no room"));
            assert!(!lost, "{what}: {:?}", seen.summary.warnings);
            match seen.denial(&expected) {
                Some(denial) => {
                    let failed = (denial.syscall.clone(), denial.refusal.to_string());
                    if seen.failed.contains_key(&failed) {
                        right += 1;
                    } else {
                        wrong.push(format!("{what}: strace saw no {failed:?} but {:?}", seen.failed));
                    }
                    // A header tells of all that the probe does, and a denial of one call.
                    let limited = probe.evidence.iter().any(|evidence| matches!(evidence, Evidence::Limit(_)));
                    if !limited && !denial.behind.iter().all(|layer| probe.behind.contains(layer)) {
                        wrong.push(format!("{what}: behind it {:?}, and the header has others", denial.behind));
                    }
                    backed += u64::from(!probe.behind.is_empty() && !denial.behind.is_empty());
                }
                // Whom it called is read after the call where no filter asks about it, and may be gone by then: nothing is
                // said of it then, for a port where nobody listens refuses everywhere. Or the call does not wait for its end.
                None if !changes.is_empty() && has_no_answer(&seen, &expected.call) => {
                    println!("{what}: that nobody was there could not be known");
                }
                None => wrong.push(format!(
                    "{what}: {} by {:?} is not told: {:#?} {:#?}; strace saw {:?}",
                    expected.call, expected.layers, seen.summary.denials, seen.summary.failures, seen.failed
                )),
            }
            let told = seen.told();
            let is_refusal = |(_, errno): &&Failed| REFUSALS.contains(&errno.as_str());
            for failed in
                told.keys().chain(seen.failed.keys()).filter(is_refusal).collect::<std::collections::BTreeSet<_>>()
            {
                let [told, saw] = [&told, &seen.failed].map(|counts| counts.get(failed).copied().unwrap_or(0));
                agreed += told.min(saw);
                missed += saw.saturating_sub(told);
                invented += told.saturating_sub(saw);
                if told != saw {
                    wrong.push(format!("{what}: {failed:?}: told {told} times, seen {saw} times"));
                }
            }
        }
    }
    let percent = |of: u64| {
        let hundredths = agreed * 10_000 / (agreed + of);
        format!("{}.{:02} %", hundredths / 100, hundredths % 100)
    };
    println!(
        "{engine:?}: {right} runs whose header, strace and hotcell name the same refusal, {backed} with who stands behind; of \
         {agreed} refused calls told and seen: recall {}, precision {}",
        percent(missed),
        percent(invented)
    );
    assert!(right >= 40 && backed >= 20 && wrong.is_empty(), "{wrong:#?}");
}

fn with_the_layer_off_it_is_not_told_of(engine: Engine) {
    let bench = Bench::at(engine);
    let scene = Scene { bench, port: host::greeter(), name: host::abstract_greeter(), segment: Segment::make() };
    let probes = corpus::probes().unwrap();
    for name in
        ["write-etc.py", "tmpfs-exec.py", "tmpfs-fill.py", "nofile.py", "user.py", "caps-chown.py", "proc-sys.py"]
    {
        let probe = probes.iter().find(|probe| probe.name == name).unwrap();
        let hotcell::drill::probe::Succeeds::With(changes) = &probe.succeeds else { panic!("{name}") };
        let (_, call) = named(probe).unwrap();
        let seen = scene.run(probe, changes);
        let told: Vec<_> = seen.summary.denials.values().filter(|denial| denial.syscall == call).collect();
        assert!(told.is_empty(), "{name}: {told:#?}");
    }
}

fn whoever_asks_for_seccomp_only_is_told_of_seccomp_only(engine: Engine) {
    let specimen = File::python(
        "import socket\nfor what in (lambda: open('/etc/x', 'w'), lambda: socket.socket(16)):\n try: what()\n except OSError as e: print(e.errno)",
    );
    let layers = |arguments: &[&str]| {
        let report = Hotcell::hardened(engine).with(arguments).report(&specimen);
        assert_eq!(report.stdout(), "30\n1\n", "{report}");
        let denials = report.json["denials"].as_array().unwrap();
        let layers: Vec<String> = denials.iter().map(|denial| denial["layer"].as_str().unwrap().to_owned()).collect();
        (layers, report.json["outcomes_note"].as_str().map(str::to_owned))
    };
    let (mut both, note) = layers(&[]);
    both.sort();
    assert_eq!((both, note), (vec!["rootfs".to_owned(), "seccomp".to_owned()], None));
    let (only, note) = layers(&["--seccomp-only"]);
    assert_eq!(only, ["seccomp"]);
    assert!(note.is_some_and(|note| note.contains("--seccomp-only")));
}

fn a_name_that_the_network_keeps_from_a_specimen_is_told_as_a_lookup(engine: Engine) {
    let specimen = File::python(
        r#"
import socket
print("nameserver" in open("/etc/resolv.conf").read())
try:
    socket.getaddrinfo("example.com", 80)
except socket.gaierror as error:
    print(error.errno)
question = bytes([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]) + b"\x07example\x03org\0" + bytes([0, 1, 0, 1])
try:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(question, ("203.0.113.53", 53))
except OSError as error:
    print(error.errno)
"#,
    );
    let run = |seccomp: &[&str]| {
        let report = Hotcell::hardened(engine).with(seccomp).report(&specimen);
        let told = |call: &str, words: &str| {
            let denials = report.json["denials"].as_array().unwrap();
            let is_it = |denial: &&serde_json::Value| {
                denial["syscall"] == call && denial["evidence"].as_str().unwrap().ends_with(words)
            };
            let layer = |denial: &serde_json::Value| denial["layer"].as_str().unwrap().to_owned();
            denials.iter().filter(is_it).map(layer).collect::<Vec<_>>()
        };
        let of_name = told("sendto", "; it asks a name server (DNS) for example.org");
        (report.stdout().to_owned(), told("connect", "; it asks a name server (DNS)"), of_name)
    };
    // Where nothing names a server, as in Podman's cells, the C library asks the cell's own loopback: no call fails.
    let named = engine != Engine::Podman;
    let of = |layer: &str| vec![layer.to_owned()];
    let (said, connect, sendto) = run(&["--layer", "seccomp=docker-default"]);
    assert_eq!(said, if named { "True\n-3\n101\n" } else { "False\n-3\n101\n" });
    assert_eq!((connect, sendto), (if named { of("network") } else { Vec::new() }, of("network")));
    let (said, connect, sendto) = run(&[]);
    assert!(said.ends_with("-3\n1\n"), "{said}");
    assert_eq!((connect, sendto), (of("seccomp"), of("seccomp")));
}

on_every_engine!(
    every_refusal_is_told_with_the_layer_that_did_it,
    with_the_layer_off_it_is_not_told_of,
    whoever_asks_for_seccomp_only_is_told_of_seccomp_only,
    a_name_that_the_network_keeps_from_a_specimen_is_told_as_a_lookup,
);
