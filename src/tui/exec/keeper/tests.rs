//! The keeper with an engine that takes its time.

use std::path::Path;
use std::sync::Mutex;

use async_trait::async_trait;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use super::*;
use crate::engine::{
    Attached, CellName, CellSpec, Created, Endpoint, Engine, EngineError, ImageSummary, Inspected, OwnedCell,
};
use crate::policy::{Layer, Policy};
use crate::run::{EventKind, Sample, Stream};
use crate::tui::exec::running::EVENT_ROOM;
use crate::tui::fixture;

/// No test takes longer, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// An engine whose cells run nothing.
struct Slow {
    endpoint: Endpoint,
    /// A create for each permit.
    creates: Semaphore,
    asked: Mutex<usize>,
    removed: Mutex<usize>,
    /// Pieces of output that each cell writes at once.
    output: usize,
    /// How much later than the end of a cell the news of it comes.
    lag: Duration,
}

impl Slow {
    fn new() -> Self {
        let endpoint = fixture::engine().endpoint;
        let (creates, asked, removed) = (Semaphore::new(0), Mutex::default(), Mutex::default());
        Self { endpoint, creates, asked, removed, output: 0, lag: Duration::ZERO }
    }

    async fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !done(self) {
            assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
            sleep(Duration::from_millis(2)).await;
        }
    }

    fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }

    fn removed(&self) -> usize {
        *self.removed.lock().unwrap()
    }
}

#[async_trait]
impl Engine for Slow {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    async fn capabilities(&self) -> Result<Capabilities, EngineError> {
        Ok(fixture::engine().capabilities)
    }

    async fn create(&self, _: &CellSpec) -> Result<Created, EngineError> {
        *self.asked.lock().unwrap() += 1;
        self.creates.acquire().await.unwrap().forget();
        Ok(Created::default())
    }

    async fn attach(&self, _: &CellName) -> Result<Attached, EngineError> {
        let (written, output) = mpsc::channel(self.output.max(1));
        for _ in 0..self.output {
            written.try_send(Ok((Stream::Stdout, b"x".to_vec()))).unwrap();
        }
        Ok(Attached { output, input: Box::new(tokio::io::sink()) })
    }

    async fn start(&self, _: &CellName) -> Result<(), EngineError> {
        Ok(())
    }

    async fn wait(&self, _: &CellName) -> Result<i64, EngineError> {
        sleep(self.lag).await;
        Ok(0)
    }

    async fn inspect(&self, _: &CellName) -> Result<Inspected, EngineError> {
        Ok(Inspected { pid: None, running: false, exit_code: Some(0), oom_killed: false })
    }

    async fn usage(&self, _: &CellName) -> Result<Sample, EngineError> {
        Ok(Sample::default())
    }

    async fn kill(&self, _: &CellName) -> Result<(), EngineError> {
        Ok(())
    }

    async fn remove(&self, _: &CellName) -> Result<(), EngineError> {
        *self.removed.lock().unwrap() += 1;
        Ok(())
    }

    async fn owned_cells(&self) -> Result<Vec<OwnedCell>, EngineError> {
        Ok(Vec::new())
    }

    async fn images(&self) -> Result<Vec<ImageSummary>, EngineError> {
        Ok(Vec::new())
    }

    async fn load_image(&self, _: &Path) -> Result<(), EngineError> {
        Ok(())
    }

    async fn build_image(&self, _: Vec<u8>, _: &str, _: mpsc::Sender<String>) -> Result<(), EngineError> {
        Ok(())
    }
}

/// A keeper at work.
struct Bench {
    engine: Arc<Slow>,
    orders: mpsc::UnboundedSender<Order>,
    inbox: mpsc::Receiver<Action>,
    keeping: JoinHandle<()>,
    _run_dir: TempDir,
}

impl Bench {
    fn at(engine: Slow) -> Self {
        let (engine, run_dir) = (Arc::new(engine), tempfile::tempdir().unwrap());
        let capabilities = fixture::engine().capabilities;
        let site = Site {
            engine: Arc::<Slow>::clone(&engine),
            engine_version: capabilities.version.clone(),
            run_dir: run_dir.path().to_owned(),
            owner: Owner::this_process().unwrap(),
            program: "/bin/true".into(),
        };
        let (told, inbox) = mpsc::channel(64);
        let (orders, ordered) = mpsc::unbounded_channel();
        let mut keeper = Keeper::new(Arc::new(Config::for_tests()), told);
        keeper.place = Some((site, capabilities));
        let keeping = tokio::spawn(keeper.keep(ordered));
        Self { engine, orders, inbox, keeping, _run_dir: run_dir }
    }

    fn order(&self, order: Order) {
        assert!(self.orders.send(order).is_ok());
    }

    fn warm(&self, ticket: u32, request: CellRequest) {
        self.order(Order::Warm(Ticket(ticket), Box::new(request)));
    }

    fn run(&self, id: u32, request: CellRequest) {
        self.order(Order::Run(RunId(id), Box::new(request), Box::new(specimen())));
    }

    async fn told<T>(&mut self, what: &str, pick: impl Fn(Action) -> Option<T>) -> T {
        let told = async {
            loop {
                let action = self.inbox.recv().await.expect("the keeper lives");
                if let Some(picked) = pick(action) {
                    return picked;
                }
            }
        };
        timeout(PATIENCE, told).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
    }

    async fn outcome(&mut self) -> Outcome {
        self.told("the end of the run", |action| match action {
            Action::Run(_, event) => match event.kind {
                EventKind::Exit { outcome, .. } => Some(outcome),
                _ => None,
            },
            _ => None,
        })
        .await
    }

    async fn warmed(&mut self, ticket: u32) -> Result<(), String> {
        self.told("the warm cell", |action| match action {
            Action::Warmed(Ticket(of), result) if of == ticket => Some(result),
            _ => None,
        })
        .await
    }
}

fn specimen() -> Specimen {
    let languages = Config::for_tests().languages;
    Specimen::from_bytes("a.py", b"\n".to_vec(), &languages, None, crate::policy::Bytes(64)).unwrap()
}

/// A cell without a shim, with that much memory.
fn request(memory: &str) -> CellRequest {
    let mut policy = Policy::shipped("hardened").unwrap();
    policy.set_on(Layer::Seccomp, false);
    policy.set(Layer::Memory, memory).unwrap();
    CellRequest { policy, image: "image".to_owned(), profile: None, native: true, specimen: Some(specimen()) }
}

#[tokio::test]
async fn a_run_is_stopped_while_its_cell_is_made_and_no_cell_is_left() {
    let mut bench = Bench::at(Slow::new());
    bench.warm(1, request("64m"));
    bench.run(1, request("32m"));
    bench.order(Order::Stop(RunId(1)));
    assert_eq!(bench.outcome().await, Outcome::Stopped);
    bench.engine.until("both creates", |engine| engine.asked() == 2).await;
    bench.engine.creates.add_permits(2);
    bench.engine.until("both removals", |engine| engine.removed() == 2).await;
}

#[tokio::test]
async fn a_run_takes_the_cell_that_is_being_made_for_it() {
    let mut bench = Bench::at(Slow::new());
    bench.warm(1, request("64m"));
    bench.warm(2, request("64m"));
    bench.run(1, request("64m"));
    bench.engine.creates.add_permits(3);
    assert_eq!(bench.outcome().await, Outcome::Exited(0));
    assert_eq!((bench.engine.asked(), bench.engine.removed()), (1, 1));
}

#[tokio::test]
async fn a_later_request_does_not_wait_for_the_cell_of_an_earlier_one() {
    let mut bench = Bench::at(Slow::new());
    bench.warm(1, request("64m"));
    bench.engine.until("the first create", |engine| engine.asked() == 1).await;
    bench.warm(2, request("32m"));
    bench.engine.until("the second create", |engine| engine.asked() == 2).await;
    bench.engine.creates.add_permits(2);
    assert_eq!(bench.warmed(2).await, Ok(()));
    bench.engine.until("the removal of the first", |engine| engine.removed() == 1).await;
    bench.run(1, request("32m"));
    assert_eq!(bench.outcome().await, Outcome::Exited(0));
    assert_eq!((bench.engine.asked(), bench.engine.removed()), (2, 2));
}

#[tokio::test]
async fn closing_waits_a_moment_for_the_last_cell_and_not_for_an_engine_that_is_stuck() {
    for (creates, removed) in [(1, 1), (0, 0)] {
        let bench = Bench::at(Slow::new());
        bench.warm(1, request("64m"));
        bench.engine.until("the create", |engine| engine.asked() == 1).await;
        let (closed, wait) = oneshot::channel();
        bench.order(Order::Close(closed));
        bench.engine.creates.add_permits(creates);
        let begun = Instant::now();
        wait.await.unwrap();
        assert!(begun.elapsed() < 3 * LAST_MAKING, "{:?}", begun.elapsed());
        assert_eq!(bench.engine.removed(), removed);
        bench.keeping.await.unwrap();
    }
}

#[tokio::test]
async fn a_run_never_waits_for_a_workbench_that_takes_nothing_in_any_more() {
    let Bench { engine, orders, inbox, keeping, _run_dir } =
        Bench::at(Slow { output: 2 * EVENT_ROOM, creates: Semaphore::new(1), ..Slow::new() });
    assert!(orders.send(Order::Run(RunId(1), Box::new(request("64m")), Box::new(specimen()))).is_ok());
    engine.until("the flood has nowhere to go", |_| inbox.len() == 64).await;
    drop(inbox);
    let (closed, wait) = oneshot::channel();
    assert!(orders.send(Order::Close(closed)).is_ok());
    timeout(PATIENCE, wait).await.expect("it closes").unwrap();
    keeping.await.unwrap();
    assert_eq!(engine.removed(), 1);
}

#[tokio::test]
async fn an_end_before_the_deadline_counts_though_the_news_of_it_comes_after_it() {
    let mut bench = Bench::at(Slow { lag: Duration::from_millis(400), creates: Semaphore::new(1), ..Slow::new() });
    let mut request = request("64m");
    request.policy.set(Layer::Timeout, "100ms").unwrap();
    bench.run(1, request);
    assert_eq!(bench.outcome().await, Outcome::Exited(0));
}

#[tokio::test]
async fn nothing_that_is_ordered_after_a_stop_takes_it_back() {
    let (control, seen) = watch::channel(Control::Go);
    let (orders, _) = Orders::new().unwrap();
    let live = Live { id: RunId(1), control, orders, task: tokio::spawn(async {}) };
    live.turn(Control::Hold);
    assert_eq!(*seen.borrow(), Control::Hold);
    for control in [Control::Stop, Control::Hold, Control::Go] {
        live.turn(control);
        assert_eq!(*seen.borrow(), Control::Stop);
    }
}

#[tokio::test]
async fn an_engine_that_is_looked_for_holds_nothing_up() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("sock");
    // It takes the question and answers nothing.
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let bench = Bench::at(Slow::new());
    bench.order(Order::Connect(EngineChoice::Address(format!("unix://{}", socket.display()))));
    let (closed, wait) = oneshot::channel();
    bench.order(Order::Close(closed));
    let begun = Instant::now();
    wait.await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}
