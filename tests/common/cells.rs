//! Cells and runs by the library, as the workbench has them: made ahead, held, stopped, looked at meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hotcell::engine::docker::DockerEngine;
use hotcell::engine::embedded::{self, EmbeddedEngine};
use hotcell::engine::{Capabilities, Endpoint, Engine as AnyEngine, EngineKind};
use hotcell::image::store::Store;
use hotcell::plan::{CellPlan, Filter, Request, Watch};
use hotcell::policy::{Layer, Policy};
use hotcell::run::{CellFacts, EventKind, HeldCall, Outcome, RunEvent, Stream, Summary};
use hotcell::seccomp::{Arch, Host, Profile, compile, shipped};
use hotcell::specimen::{DEFAULT_CAP, LanguageTable, Specimen};
use hotcell::supervise::{Cell, Control, Orders, Owner, Site, Stdin, Steering, kernel};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::{Engine, cell_directories, own_uid, processes_of, within};

/// No event and no end in these tests takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Python of the default language table.
pub fn python(code: &str) -> Specimen {
    Specimen::from_bytes("specimen.py", code.as_bytes().to_vec(), &LanguageTable::default(), None, DEFAULT_CAP).unwrap()
}

/// A static executable, from C.
pub fn c(code: &str) -> Specimen {
    let file = super::Specimen::c(code);
    Specimen::load(&file.path, &LanguageTable::default(), None, DEFAULT_CAP).unwrap()
}

/// Where cells are made in a test: an engine, a user and a run directory of its own.
pub struct Bench {
    pub runtime: Runtime,
    pub engine: Engine,
    pub uid: u32,
    site: Site,
    capabilities: Capabilities,
    /// Keeps the cells' directories while they are needed.
    directory: TempDir,
}

impl Bench {
    pub fn at(engine: Engine) -> Self {
        let runtime = Runtime::new().unwrap();
        let directory = tempfile::tempdir_in("/var/tmp").unwrap();
        let (made, capabilities) = runtime.block_on(async {
            let made = connect(engine, directory.path()).await;
            let capabilities = made.capabilities().await.unwrap();
            (made, capabilities)
        });
        let site = Site {
            engine: made,
            engine_version: capabilities.version.clone(),
            run_dir: directory.path().to_owned(),
            owner: Owner::this_process().unwrap(),
            program: PathBuf::from(env!("CARGO_BIN_EXE_hotcell")),
        };
        Self { runtime, engine, uid: own_uid(), site, capabilities, directory }
    }

    /// The default policy as a user of its own, with these settings.
    pub fn policy(&self, settings: &[(Layer, &str)]) -> Policy {
        let mut policy = Policy::shipped("hardened").unwrap();
        policy.set(Layer::User, &format!("{0}:{0}", self.uid)).unwrap();
        for (layer, setting) in settings {
            policy.set(*layer, setting).unwrap();
        }
        policy
    }

    pub fn plan(&self, policy: Policy) -> CellPlan {
        self.planned(policy, false)
    }

    pub fn native(&self, policy: Policy) -> CellPlan {
        self.planned(policy, true)
    }

    fn planned(&self, policy: Policy, native: bool) -> CellPlan {
        let filter = policy.seccomp.get().map(|_| filter("python"));
        self.planned_under(policy, native, filter)
    }

    /// With this filter in the place of the policy's.
    pub fn plan_under(&self, policy: Policy, profile: Profile) -> CellPlan {
        self.planned_under(policy, false, Some(compiled(profile)))
    }

    fn planned_under(&self, policy: Policy, native: bool, filter: Option<Filter>) -> CellPlan {
        let image = self.engine.image().to_owned();
        let request = Request { policy, filter, watch: Watch::Refusals, image, native, host_env: BTreeMap::new() };
        CellPlan::new(request, &self.capabilities, &kernel())
    }

    pub fn cell(&self, plan: CellPlan, specimen: &Specimen) -> Cell {
        self.runtime.block_on(Cell::make(self.site.clone(), plan, specimen)).unwrap()
    }

    /// The first process of the only cell of this bench, which waits for its specimen: whoever it runs as.
    pub fn shim(&self) -> i32 {
        let directory = self.directory.path().file_name().unwrap().to_str().unwrap();
        let in_cell = |path: &Path| fs::read_to_string(path.join("mountinfo")).is_ok_and(|all| all.contains(directory));
        let is_shim = |path: &Path| fs::read(path.join("cmdline")).is_ok_and(|line| line.starts_with(b"/hotcell/shim"));
        match super::processes(|path| is_shim(path) && in_cell(path))[..] {
            [shim] => shim,
            ref others => panic!("one shim was to wait: {others:?}"),
        }
    }

    /// Runs it in the background.
    pub fn start(&self, cell: Cell, specimen: Specimen, control: Control) -> Live {
        let (control, wanted) = watch::channel(control);
        let (sender, mut events) = mpsc::channel(4096);
        let seen: Arc<Mutex<Vec<RunEvent>>> = Arc::default();
        let kept = Arc::clone(&seen);
        self.runtime.spawn(async move {
            while let Some(event) = events.recv().await {
                kept.lock().unwrap().push(event);
            }
        });
        let (orders, obeyed) = Orders::new().unwrap();
        let steering = Steering { control: wanted, orders: obeyed };
        let run = self.runtime.spawn(async move { cell.run(&specimen, Stdin::Empty, sender, steering).await });
        Live { control, orders, run, seen, uid: self.uid }
    }

    /// Makes a cell for it and runs it there.
    pub fn run(&self, settings: &[(Layer, &str)], specimen: Specimen) -> Live {
        let cell = self.cell(self.plan(self.policy(settings)), &specimen);
        self.start(cell, specimen, Control::Go)
    }

    /// Nothing is left of any run here, at most two seconds from now.
    #[track_caller]
    pub fn is_clean(&self) {
        within(Duration::from_secs(2), || {
            let (processes, directories) = (processes_of(self.uid), cell_directories(self.directory.path()));
            if processes.is_empty() && directories.is_empty() {
                return Ok(());
            }
            Err(format!("left: processes {processes:?}, directories {directories:?}"))
        });
    }
}

async fn connect(engine: Engine, run_dir: &Path) -> Arc<dyn AnyEngine> {
    let kind = match engine {
        Engine::Docker => EngineKind::Docker,
        Engine::Podman => EngineKind::Podman,
        Engine::Embedded | Engine::EmbeddedRunc => {
            let program = Path::new(env!("CARGO_BIN_EXE_hotcell"));
            return Arc::new(
                EmbeddedEngine::with_program(&embedded::endpoint(run_dir, "test"), Store::nowhere(), program).unwrap(),
            );
        }
    };
    let endpoint = Endpoint { kind, address: engine.address(), origin: "test".to_owned() };
    Arc::new(DockerEngine::connect(&endpoint).await.unwrap())
}

/// A shipped profile, compiled.
pub fn filter(name: &str) -> Filter {
    let (_, text) = shipped().iter().find(|(known, _)| *known == name).unwrap();
    compiled(Profile::parse(name, text, &Host::here(BTreeSet::new()).unwrap()).unwrap())
}

fn compiled(profile: Profile) -> Filter {
    let program = compile(&profile, Arch::native()).unwrap();
    Filter { profile, program }
}

/// A run under way.
pub struct Live {
    pub control: watch::Sender<Control>,
    pub orders: Orders,
    run: JoinHandle<Outcome>,
    seen: Arc<Mutex<Vec<RunEvent>>>,
    uid: u32,
}

impl Live {
    /// Everything told so far.
    pub fn events(&self) -> Vec<RunEvent> {
        self.seen.lock().unwrap().clone()
    }

    /// What it printed so far.
    pub fn output(&self) -> String {
        let mut bytes = Vec::new();
        for event in self.events() {
            if let EventKind::Output { stream: Stream::Stdout, bytes: more } = event.kind {
                bytes.extend(more);
            }
        }
        String::from_utf8(bytes).unwrap()
    }

    /// What was told of its being held.
    pub fn held(&self) -> Vec<bool> {
        let held = |event: RunEvent| if let EventKind::Held { held } = event.kind { Some(held) } else { None };
        self.events().into_iter().filter_map(held).collect()
    }

    /// The calls that are held now.
    pub fn held_calls(&self) -> Vec<HeldCall> {
        let mut summary = Summary::default();
        self.events().iter().for_each(|event| summary.apply(event));
        summary.waiting
    }

    /// Waits until so many calls are held.
    #[track_caller]
    pub fn until_calls_are_held(&self, count: usize) -> Vec<HeldCall> {
        self.until("calls held", |run| run.held_calls().len() == count);
        self.held_calls()
    }

    pub fn facts(&self) -> CellFacts {
        let cell = |event| if let EventKind::Cell(facts) = event { Some(*facts) } else { None };
        self.events().into_iter().find_map(|event| cell(event.kind)).expect("a cell was told of")
    }

    #[track_caller]
    pub fn until(&self, what: &str, check: impl Fn(&Self) -> bool) {
        within(PATIENCE, || if check(self) { Ok(()) } else { Err(format!("not yet {what}: {:?}", self.events())) });
    }

    /// Waits until it has printed something more.
    #[track_caller]
    pub fn until_it_prints(&self) {
        let before = self.output().len();
        self.until("printing", |run| run.output().len() > before);
    }

    /// Holds it and waits until that is told.
    #[track_caller]
    pub fn hold(&self) {
        self.control.send(Control::Hold).unwrap();
        self.until("held", |run| run.held().last() == Some(&true));
    }

    /// Lets it go on and waits until that is told.
    #[track_caller]
    pub fn go(&self) {
        self.control.send(Control::Go).unwrap();
        self.until("going on", |run| run.held().last() == Some(&false));
    }

    /// Its processes but the shim, which is number 1 in the cell: their numbers and states (`proc_pid_status(5)`).
    pub fn processes(&self) -> Vec<(i32, char)> {
        let read = |pid: i32| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let shim = field("NSpid:")?.split_whitespace().next_back() == Some("1");
            (!shim).then_some((pid, field("State:")?.chars().next()?))
        };
        processes_of(self.uid).into_iter().filter_map(read).collect()
    }

    /// Every process is stopped, at most a second from now, and stays so with nobody joining for a third of another.
    #[track_caller]
    pub fn stands_still(&self) {
        let stopped = |processes: &[(i32, char)]| processes.iter().all(|(_, state)| *state == 'T');
        within(Duration::from_secs(10), || {
            let processes = self.processes();
            if !processes.is_empty() && stopped(&processes) { Ok(()) } else { Err(format!("{processes:?}")) }
        });
        let before = self.processes();
        let end = Instant::now() + Duration::from_millis(300);
        while Instant::now() < end {
            let now = self.processes();
            assert!(stopped(&now) && now == before, "{before:?} became {now:?}");
        }
    }

    pub fn is_over(&self) -> bool {
        self.run.is_finished()
    }

    /// Ends its workbench in mid-run, as a kill would: what it holds of the cell is closed.
    pub fn abandon(self) {
        self.run.abort();
    }

    /// Waits for its end: how, how long it ran, and all that was told.
    pub fn end(self) -> (Outcome, Duration, Vec<RunEvent>) {
        self.until("over", Self::is_over);
        self.until("told to the end", |run| {
            matches!(run.events().last(), Some(RunEvent { kind: EventKind::Exit { .. }, .. }))
        });
        let events = self.events();
        match &events.last().unwrap().kind {
            EventKind::Exit { outcome, duration, .. } => (outcome.clone(), *duration, events),
            other => panic!("{other:?} came last"),
        }
    }
}
