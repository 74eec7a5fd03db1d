//! States and events to test with.

mod trials;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Size;

use super::action::{Action, Effect};
use super::command::Command;
use super::highlight::{Analyser, Analysis};
use super::keymap::Keymap;
use super::start;
use super::state::{EngineFacts, Planned, RunId, RunRecord, State, WarmCell};
use super::theme::Depth;
use super::tuning::Origin;
use super::update::update;
use super::view::{View, render};
use crate::config::{Arguments, Config};
use crate::engine::{Capabilities, CellName, Endpoint, EngineKind, Limits};
use crate::kernel::disk::Disk;
use crate::policy::{Bytes, Layer};
use crate::run::{
    CellFacts, Denial, DenialId, Enforcement, EventKind, Force, Frame, HeldCall, HeldId, Instruction, Known,
    LayerState, Limit, LimitKind, Observation, Outcome, Process, Refusal, RunEvent, Sample, Source, SpecimenFacts,
    Stream,
};
use crate::seccomp::{Arch, Host, Profile, shipped};

pub use trials::{drilling, fill, fill_over, filling, tell_batch, tried};

/// The two columns of panes.
pub const STANDARD: Size = Size { width: 120, height: 36 };
/// Tabs.
pub const SMALL: Size = Size { width: 80, height: 24 };
/// Three columns.
pub const WIDE: Size = Size { width: 200, height: 60 };

/// A hostile specimen, with characters that hide.
pub const SPECIMEN: &str = "import socket, os\n\n# harmless \u{202e}txet\u{202c}\ndef main():\n    s = socket.socket()\n    s.connect((\"203.0.113.7\", 443))\n    s.send(b\"\\x1b[31mowned\")\n\nmain()\n";

/// A workbench in which nothing has happened yet.
pub fn empty(size: Size) -> State {
    let config = Config::for_tests();
    let (mut state, _) = start::state(
        &config,
        &super::session::Session::default(),
        &super::Options::default(),
        Keymap::default(),
        Depth::True,
    )
    .unwrap();
    state.size = size;
    state.home = Some("/home/ada".into());
    state.directory = "/work".into();
    read_profile(&mut state);
    state
}

/// Reads the profile that the policy names, as a shipped one.
pub fn read_profile(state: &mut State) {
    act(state, Action::Tick);
    let name = state.bench.policy.setting(Layer::Seccomp);
    let (_, text) = shipped().iter().find(|(shipped, _)| *shipped == name).unwrap();
    let host = Host { arch: Arch::X86_64, caps: [].into(), kernel: "6.1".parse().unwrap() };
    let profile = Profile::parse(&name, text, &host).unwrap();
    let origin = Origin::of(&state.bench.policy);
    act(state, Action::ProfileLoaded(origin, Ok(Box::new(profile))));
}

/// The same with an engine, a specimen, and a cell that waits.
pub fn ready(size: Size) -> State {
    let mut state = empty(size);
    act(&mut state, Action::Opened("/work/exfiltrate.py".into(), Ok(SPECIMEN.into())));
    act(&mut state, Action::Connected(Ok(Box::new(engine()))));
    let analysis = Analysis { revision: state.editor.revision(), ..analysis() };
    act(&mut state, Action::Analysed(Box::new(analysis)));
    warm(&mut state);
    state.notice = None;
    state
}

/// The analysis of [`SPECIMEN`], made once.
fn analysis() -> Analysis {
    static MADE: OnceLock<Analysis> = OnceLock::new();
    let lines: Vec<String> = SPECIMEN.split('\n').map(str::to_owned).collect();
    MADE.get_or_init(|| Analyser::new().analyse(0, &lines, Some("python"))).clone()
}

/// Lets the toggles settle and the cell be made.
pub fn warm(state: &mut State) {
    let WarmCell::Settling(ticket) = state.warm else { panic!("{:?}", state.warm) };
    act(state, Action::Settled(ticket));
    let apparmor = "AppArmor is not enabled in the engine's kernel".to_owned();
    let planned = Planned {
        enforcement: Enforcement::Supervised,
        denials: Observation::Live,
        runtime: "runc".to_owned(),
        unavailable: BTreeMap::from([(Layer::Apparmor, apparmor)]),
        warnings: Vec::new(),
    };
    act(state, Action::Planned(ticket, Box::new(planned)));
    state.now += Duration::from_millis(212);
    act(state, Action::Warmed(ticket, Ok(())));
}

/// The same with a run under way: denials, output, samples.
pub fn running(size: Size) -> State {
    let mut state = ready(size);
    begin(&mut state);
    for (at, event) in events() {
        tell(&mut state, at, event);
    }
    state.now += Duration::from_millis(1200);
    state
}

/// Presses run, and lets the specimen begin.
pub fn begin(state: &mut State) {
    let effects = act(state, Action::Command(Command::Run));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Run(..))), "{effects:?}");
    state.now += Duration::from_millis(31);
    let facts = facts(state);
    tell(state, 0, EventKind::Cell(Box::new(facts)));
    tell(state, 0, EventKind::Started { pid: 4242 });
}

/// The same, held.
pub fn held(size: Size) -> State {
    let mut state = running(size);
    tell(&mut state, 1200, EventKind::Held { held: true });
    state
}

/// The same, over.
pub fn ended(size: Size) -> State {
    let mut state = running(size);
    end(&mut state, Outcome::Exited(1));
    state.notice = None;
    state
}

/// A workbench without an engine.
pub fn lost(size: Size) -> State {
    let mut state = ready(size);
    let reason = "cannot reach docker at unix:///run/docker.sock: No such file or directory; start the daemon";
    act(&mut state, Action::Connected(Err(reason.to_owned())));
    state
}

/// Ends the last run.
pub fn end(state: &mut State, outcome: Outcome) -> Vec<Effect> {
    let duration = Duration::from_millis(1234);
    tell(state, 1234, EventKind::Exit { outcome, duration, unseen: None, warnings: Vec::new() })
}

/// Every state by name.
pub fn all(size: Size) -> Vec<(&'static str, State)> {
    vec![
        ("empty", empty(size)),
        ("ready", ready(size)),
        ("running", running(size)),
        ("held", held(size)),
        ("ended", ended(size)),
        ("engine lost", lost(size)),
    ]
}

/// Applies an action.
pub fn act(state: &mut State, action: Action) -> Vec<Effect> {
    update(state, action)
}

/// Applies a command.
pub fn press(state: &mut State, command: Command) -> Vec<Effect> {
    act(state, Action::Command(command))
}

/// Tells an event of the last run, at so many milliseconds.
pub fn tell(state: &mut State, at: u64, kind: EventKind) -> Vec<Effect> {
    let id = RunId(state.runs.count);
    act(state, Action::Run(id, Box::new(RunEvent { at: Duration::from_millis(at), kind })))
}

/// What happens in the run of the tests.
fn events() -> Vec<(u64, EventKind)> {
    let out = |stream, text: &str| EventKind::Output { stream, bytes: text.as_bytes().to_vec() };
    let mut events = vec![
        (12, out(Stream::Stdout, "starting\n\x1b[31mred\x1b[0m \u{202e}evil\n")),
        (14, EventKind::Denial(from_line(5, denial(0, "socket", &["AF_INET", "SOCK_STREAM", "0"], 1, 14)))),
        (15, EventKind::Denial(from_line(6, denial(1, "connect", &["3", "203.0.113.7:443"], 1, 15)))),
        (16, EventKind::Denial(from_line(6, denial(1, "connect", &["3", "203.0.113.7:443"], 1204, 15)))),
        (20, out(Stream::Stderr, "PermissionError: [Errno 1] Operation not permitted\n")),
        (30, out(Stream::Stdout, "日本語 wide\n")),
    ];
    for step in 0..24_u64 {
        let sample = Sample {
            memory: Some(Bytes((8 + step * 4) << 20)),
            memory_peak: Some(Bytes((8 + step * 4) << 20)),
            cpu: Some(Duration::from_millis(step * 24)),
            throttled_periods: Some(step / 6),
            throttled: Some(Duration::from_millis(step * 3)),
            pids: Some(2 + step % 3),
            pids_peak: Some(4),
            read: Some(Bytes(step * 4096)),
            written: Some(Bytes(0)),
        };
        events.push((step * 50, EventKind::Resource(sample)));
    }
    for (at, kind, count) in [(600, LimitKind::CpuThrottled, 3), (800, LimitKind::PidsRefused, 17)] {
        events.push((at, EventKind::Limit(Limit { kind, count, at: Duration::from_millis(at) })));
    }
    events
}

/// A denial.
pub fn denial(id: u32, syscall: &str, args: &[&str], count: u64, first: u64) -> Denial {
    Denial {
        id: DenialId(id),
        layer: Layer::Seccomp,
        evidence: "the profile python answers so".to_owned(),
        behind: Vec::new(),
        known: Known::Held,
        syscall: syscall.to_owned(),
        args: args.iter().map(ToString::to_string).collect(),
        registers: [0; 6],
        refusal: Refusal::Errno(libc::EPERM),
        pid: 4242,
        comm: "python3".to_owned(),
        source: None,
        located: 0,
        count,
        first: Duration::from_millis(first),
    }
}

/// The same, from a line of [`SPECIMEN`], in `main`.
pub fn from_line(line: u32, denial: Denial) -> Denial {
    let frame =
        |line, function: &str| Frame { file: "/sandbox/script.py".to_owned(), line, function: function.to_owned() };
    let source = Source {
        line: Ok(frame(line, "main")),
        stack: vec![frame(line, "main"), frame(9, "<module>")],
        omitted: 0,
        instruction: Some(Instruction { file: "/usr/lib/x86_64-linux-gnu/libc.so.6".to_owned(), offset: 0x10_9f99 }),
    };
    Denial { source: Some(Arc::new(source)), located: denial.count.min(8), ..denial }
}

/// A call of the fixture's specimen that is held.
pub fn held_call(id: u64, syscall: &str, line: u32) -> HeldCall {
    let denial = from_line(line, denial(0, syscall, &["AF_INET", "SOCK_STREAM", "0"], 1, 0));
    HeldCall {
        id: HeldId(id),
        syscall: syscall.to_owned(),
        args: denial.args.clone(),
        registers: [2, 1, 0, 0, 0, 0],
        refusal: denial.refusal,
        processes: vec![
            Process { pid: 4242, comm: "python3".to_owned() },
            Process { pid: 4240, comm: "shim".to_owned() },
        ],
        source: denial.source.as_deref().unwrap().clone(),
    }
}

/// A run with breakpoints, in which these calls are held.
pub fn asking(calls: &[HeldCall]) -> State {
    asking_at(STANDARD, calls)
}

/// The same on a screen of that size.
pub fn asking_at(size: Size, calls: &[HeldCall]) -> State {
    let mut state = ready(size);
    press(&mut state, Command::Break);
    begin(&mut state);
    for call in calls {
        tell(&mut state, 40, EventKind::Break(Box::new(call.clone())));
    }
    state
}

/// The cell of a run: all in force but what cannot be.
fn facts(state: &State) -> CellFacts {
    let policy = &state.bench.policy;
    let layer = |layer: Layer| {
        let unavailable = (layer == Layer::Apparmor).then(|| "AppArmor is not enabled".to_owned());
        let in_force = match layer {
            Layer::Apparmor => Force::No,
            Layer::Ulimits => Force::Unverified,
            Layer::Cpu if policy.is_on(layer) => Force::No,
            _ => Force::Yes,
        };
        LayerState { layer, asked: policy.is_on(layer), unavailable, in_force, detail: format!("{layer} was read") }
    };
    CellFacts {
        name: CellName("hotcell-0123456789ab".to_owned()),
        specimen: SpecimenFacts {
            name: "exfiltrate.py".to_owned(),
            language: "python".to_owned(),
            sha256: "0".repeat(64),
            size: Bytes(SPECIMEN.len() as u64),
        },
        policy: policy.name.clone(),
        engine: EngineKind::Docker,
        engine_version: "20.10.24".to_owned(),
        runtime: "runc".to_owned(),
        image: state.bench.image.clone(),
        enforcement: Enforcement::Supervised,
        denials: Observation::Live,
        outcomes: Observation::Live,
        layers: Layer::ALL.map(layer).to_vec(),
        warnings: Vec::new(),
    }
}

/// A run of the policy `hardened`.
pub fn record(id: u32) -> RunRecord {
    RunRecord::new(RunId(id), &empty(STANDARD).bench, engine().endpoint)
}

/// What a state's screen shows.
pub fn screen(state: &State) -> String {
    let mut terminal = Terminal::new(TestBackend::new(state.size.width, state.size.height)).unwrap();
    let view = View::of(state);
    terminal.draw(|frame| render(frame, &view, &state.theme)).unwrap();
    terminal.backend().to_string()
}

/// An engine.
pub fn engine() -> EngineFacts {
    EngineFacts {
        endpoint: Endpoint {
            kind: EngineKind::Docker,
            address: "unix:///run/docker.sock".to_owned(),
            origin: "default socket".to_owned(),
        },
        image: "code-sandbox:latest".to_owned(),
        capabilities: Capabilities {
            kind: EngineKind::Docker,
            version: "20.10.24".to_owned(),
            api_version: "1.41".to_owned(),
            runtimes: vec!["runc".to_owned(), "runsc".to_owned()],
            without_seccomp: Vec::new(),
            default_runtime: "runc".to_owned(),
            runtime_choice: true,
            cgroup_version: None,
            limits: Limits { memory: true, swap: true, cpu: true, pids: true, io: true },
            unlimited: None,
            disks: Ok(vec![Disk { node: "/dev/sda".into(), number: (8, 0) }]),
            security: vec!["seccomp".to_owned()],
            rootless: false,
            local: true,
            kernel: "6.18".to_owned(),
            architecture: "x86_64".to_owned(),
            warnings: Vec::new(),
        },
    }
}

/// The configuration of a user who has none.
impl Config {
    /// Nothing of this user's: no file, no variable.
    ///
    /// # Panics
    /// Where this user has no home directory.
    pub fn for_tests() -> Self {
        let arguments = Arguments { config: Some("/dev/null".into()), ..Arguments::default() };
        let mut config = Self::load(&arguments).unwrap();
        config.dirs.config = "/nonexistent/config".into();
        config.dirs.state = "/nonexistent/state".into();
        (config.engine, config.policy) = (crate::engine::discover::EngineChoice::Auto, "hardened".to_owned());
        config
    }
}
