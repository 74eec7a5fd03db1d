//! The keeper of cells: one task that has the cell made that waits, gives it to a run, and has it removed. It waits for
//! no engine itself, so every order is done at once.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::batches::{Batch, What};
use super::making::{Coming, Making, remove};
use super::running::{run_in, tell_end};

use crate::config::{Config, host_environment};
use crate::drill::cells::Bench;
use crate::drill::matrix::Scope;
use crate::engine::Capabilities;
use crate::engine::discover::EngineChoice;
use crate::engine::discover::{Surroundings, candidates, first_answering};
use crate::image::store::Store;
use crate::plan::{CellPlan, Request, Watch};
use crate::profile;
use crate::run::Outcome;
use crate::seccomp::{Arch, Profile, compile};
use crate::specimen::Specimen;
use crate::supervise::{self, Cell, Control, Orders, Owner, Site, Steering};
use crate::tui::action::{Action, CellRequest, News};
use crate::tui::overlay::going::BatchId;
use crate::tui::state::{EngineFacts, Planned, RunId, Ticket};

/// How long a cell that is still being made is waited for on the way out; after that it is its reaper's.
const LAST_MAKING: Duration = Duration::from_secs(1);

/// What the keeper is told to do.
pub(super) enum Order {
    /// Look for an engine.
    Connect(EngineChoice),
    /// Have such a cell wait.
    Warm(Ticket, Box<CellRequest>),
    /// Run this in such a cell.
    Run(RunId, Box<CellRequest>, Box<Specimen>),
    /// Kill what runs.
    Stop(RunId),
    /// Hold what runs, or let it go on.
    Hold(RunId, bool),
    /// What becomes of calls of a run.
    Decide(RunId, supervise::Order),
    /// Have calls of a run answered by this profile.
    Judge(RunId, Arc<Profile>),
    /// Fill a matrix of this specimen under such a policy.
    Matrix { id: BatchId, request: Box<CellRequest>, specimen: Box<Specimen>, scope: Scope },
    /// Try the corpus under such a policy.
    Drill { id: BatchId, request: Box<CellRequest> },
    /// Stop a matrix or a drill.
    StopBatch(BatchId),
    /// Remove everything, and say so.
    Close(oneshot::Sender<()>),
}

/// A run under way.
struct Live {
    id: RunId,
    control: watch::Sender<Control>,
    orders: Orders,
    task: JoinHandle<()>,
}

impl Live {
    /// Has it held, let go on or stopped; after a stop nothing counts, even where the run has not looked yet.
    fn turn(&self, control: Control) {
        self.control.send_if_modified(|now| {
            let counts = *now != Control::Stop;
            if counts {
                *now = control;
            }
            counts
        });
    }
}

/// Keeps the cells.
pub(super) struct Keeper {
    config: Arc<Config>,
    inbox: mpsc::Sender<Action>,
    connecting: Option<JoinHandle<Result<Place, String>>>,
    place: Option<Place>,
    warm: Option<(Ticket, Coming)>,
    live: Option<Live>,
    batch: Option<Batch>,
}

/// Where cells are made, and what can be asked for there.
type Place = (Site, Capabilities);

impl Keeper {
    /// A keeper of nothing yet.
    pub(super) fn new(config: Arc<Config>, inbox: mpsc::Sender<Action>) -> Self {
        Self { config, inbox, connecting: None, place: None, warm: None, live: None, batch: None }
    }

    /// Does what is ordered, until the last order.
    pub(super) async fn keep(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        loop {
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(Order::Connect(choice)) => self.connect(choice),
                    Some(Order::Warm(ticket, request)) => self.warm_up(ticket, *request).await,
                    Some(Order::Run(id, request, specimen)) => self.run(id, &request, *specimen).await,
                    Some(Order::Stop(id)) => self.control(id, Control::Stop),
                    Some(Order::Hold(id, held)) => self.control(id, if held { Control::Hold } else { Control::Go }),
                    Some(Order::Decide(id, order)) => self.decide(id, order),
                    Some(Order::Judge(id, profile)) => self.judge(id, &profile).await,
                    Some(Order::Matrix { id, request, specimen, scope }) => {
                        let what = What::Matrix { policy: request.policy, specimen: *specimen, scope };
                        self.batch(id, what, request.profile).await;
                    }
                    Some(Order::Drill { id, request }) => {
                        self.batch(id, What::Drill { policy: request.policy }, request.profile).await;
                    }
                    Some(Order::StopBatch(id)) => {
                        if let Some(batch) = &self.batch {
                            batch.stop(id);
                        }
                    }
                    Some(Order::Close(closed)) => {
                        self.close().await;
                        // Nobody may be waiting any more.
                        let _ = closed.send(());
                        return;
                    }
                    None => return,
                },
                found = found(&mut self.connecting) => self.connected(found).await,
                turn = turn(&mut self.warm) => self.turned(turn).await,
            }
        }
    }

    async fn tell(&self, action: Action) {
        // A workbench that is gone has nothing to be told.
        let _ = self.inbox.send(action).await;
    }

    fn connect(&mut self, choice: EngineChoice) {
        self.place = None;
        if let Some((_, Coming::Ready(cell))) = self.warm.take() {
            remove(cell);
        }
        self.connecting = Some(tokio::spawn(find(Arc::clone(&self.config), choice)));
    }

    async fn connected(&mut self, found: Result<Place, String>) {
        self.connecting = None;
        let told = found.map(|(site, capabilities)| {
            let facts = EngineFacts {
                endpoint: site.engine.endpoint().clone(),
                capabilities: capabilities.clone(),
                image: self.config.image_for(capabilities.kind).to_owned(),
            };
            self.sweep(&site);
            self.place = Some((site, capabilities));
            Box::new(facts)
        });
        self.tell(Action::Connected(told)).await;
    }

    /// Removes what crashed workbenches left; it touches nothing that has an owner.
    fn sweep(&self, site: &Site) {
        let (site, inbox) = (site.clone(), self.inbox.clone());
        tokio::spawn(async move {
            let swept = supervise::sweep(&*site.engine, &site.run_dir, &site.owner).await;
            if !swept.removed.is_empty() {
                let _ = inbox.send(Action::Swept(swept.removed.len())).await;
            }
        });
    }

    fn plan(&self, request: &CellRequest) -> Result<(Site, CellPlan), String> {
        let (site, capabilities) = self.place.as_ref().ok_or("no engine answers")?;
        let policy = &request.policy;
        let filter =
            profile::of(policy, request.profile.as_deref(), &self.config).map_err(|error| error.to_string())?;
        let asked = Request {
            policy: policy.clone(),
            filter,
            watch: Watch::Refusals,
            image: request.image.clone(),
            native: request.native,
            host_env: host_environment(),
        };
        Ok((site.clone(), CellPlan::new(asked, capabilities, &supervise::kernel())))
    }

    /// Begins a matrix or a drill, or says why there can be none.
    async fn batch(&mut self, id: BatchId, what: What, profile: Option<Arc<Profile>>) {
        let Some((site, capabilities)) = self.place.clone() else {
            self.tell(Action::Batch(id, News::Over(Err("no engine answers".to_owned())))).await;
            return;
        };
        let bench = Bench {
            site,
            capabilities,
            kernel: supervise::kernel(),
            config: (*self.config).clone(),
            host_env: host_environment(),
            profile,
        };
        let waiting = self.warm.take().map(|(_, cell)| cell);
        self.batch = Some(Batch::begin(id, what, bench, waiting, self.inbox.clone()));
    }

    async fn warm_up(&mut self, ticket: Ticket, request: CellRequest) {
        if let Err(reason) = self.begin_warming(ticket, request).await {
            self.fail(ticket, reason).await;
        }
    }

    async fn begin_warming(&mut self, ticket: Ticket, request: CellRequest) -> Result<(), String> {
        let (site, plan) = self.plan(&request)?;
        self.tell(Action::Planned(ticket, Box::new(planned(&plan)))).await;
        let specimen = request.specimen.map_or_else(|| self.placeholder(), Ok)?;
        let cell = self.cell_for(site, plan, &specimen);
        let waits = matches!(cell, Coming::Ready(_));
        self.warm = Some((ticket, cell));
        if waits {
            self.tell(Action::Warmed(ticket, Ok(()))).await;
        }
        Ok(())
    }

    /// No cell can be had: one for an earlier request is of no use.
    async fn fail(&mut self, ticket: Ticket, reason: String) {
        if let Some((_, Coming::Ready(cell))) = self.warm.take() {
            remove(cell);
        }
        self.tell(Action::Warmed(ticket, Err(reason))).await;
    }

    /// The cell that such a plan asks for: the one that waits or is being made, else a new one, and the other is void.
    fn cell_for(&mut self, site: Site, plan: CellPlan, specimen: &Specimen) -> Coming {
        let plan = match self.warm.take().map(|(_, cell)| cell) {
            None => plan,
            Some(Coming::Making(mut making)) => match making.adopt(plan, specimen) {
                Ok(()) => return Coming::Making(making),
                Err(plan) => *plan,
            },
            Some(Coming::Ready(cell)) if cell.is_lost() => {
                remove(cell);
                plan
            }
            Some(Coming::Ready(mut cell)) => match cell.adopt(plan, specimen) {
                Ok(()) => return Coming::Ready(cell),
                Err(plan) => {
                    remove(cell);
                    *plan
                }
            },
        };
        Coming::Making(Making::begin(site, plan, specimen.clone()))
    }

    /// What a cell is made for while there is nothing to run.
    fn placeholder(&self) -> Result<Specimen, String> {
        let languages = &self.config.languages;
        let any = languages.names().first().map(|name| (*name).to_owned());
        Specimen::from_bytes("specimen", b"\n".to_vec(), languages, any.as_deref(), self.config.max_size)
            .map_err(|error| error.to_string())
    }

    async fn run(&mut self, id: RunId, request: &CellRequest, specimen: Specimen) {
        let (site, plan) = match self.plan(request) {
            Ok(planned) => planned,
            Err(reason) => {
                tell_end(&self.inbox, id, Outcome::NotStarted(reason)).await;
                return;
            }
        };
        let cell = self.cell_for(site, plan, &specimen);
        let (control, controlled) = watch::channel(Control::Go);
        let (orders, obeyed) = match Orders::new() {
            Ok(orders) => orders,
            Err(error) => {
                tell_end(&self.inbox, id, Outcome::NotStarted(format!("making an eventfd: {error}"))).await;
                return;
            }
        };
        let steering = Steering { control: controlled, orders: obeyed };
        let task = tokio::spawn(run_in(cell, specimen, id, self.inbox.clone(), steering));
        self.live = Some(Live { id, control, orders, task });
    }

    /// Where the run is over, so are its calls.
    fn decide(&self, id: RunId, order: supervise::Order) {
        if let Some(live) = self.live.as_ref().filter(|live| live.id == id) {
            live.orders.give(order);
        }
    }

    /// Where the profile does not compile, the calls are answered as before.
    async fn judge(&self, id: RunId, profile: &Profile) {
        match compile(profile, Arch::native()) {
            Ok(program) => self.decide(id, supervise::Order::Judge(Arc::new(program))),
            Err(error) => self.tell(Action::Told(format!("the run goes on as before: {error}"))).await,
        }
    }

    fn control(&self, id: RunId, control: Control) {
        if let Some(live) = self.live.as_ref().filter(|live| live.id == id) {
            live.turn(control);
        }
    }

    /// The cell that is to wait was made, or one that waited was lost.
    async fn turned(&mut self, turn: Turn) {
        let Some((ticket, cell)) = self.warm.take() else { return };
        match turn {
            Turn::Made(Ok(cell)) => {
                self.warm = Some((ticket, Coming::Ready(*cell)));
                self.tell(Action::Warmed(ticket, Ok(()))).await;
            }
            Turn::Made(Err(reason)) => self.fail(ticket, reason).await,
            Turn::Lost(why) => {
                if let Coming::Ready(cell) = cell {
                    remove(cell);
                }
                self.tell(Action::WarmLost(ticket, why)).await;
            }
        }
    }

    async fn close(&mut self) {
        if let Some(batch) = self.batch.take() {
            batch.end().await;
        }
        if let Some(live) = self.live.take() {
            live.turn(Control::Stop);
            let _ = live.task.await;
        }
        let last = match self.warm.take() {
            None => return,
            Some((_, Coming::Ready(cell))) => Ok(cell),
            Some((_, Coming::Making(mut making))) => match timeout(LAST_MAKING, making.made()).await {
                Ok(made) => made,
                Err(_) => return,
            },
        };
        if let Ok(cell) = last {
            // What the engine cannot remove is the reaper's.
            let _ = cell.discard().await;
        }
    }
}

/// What became of the cell that is to wait.
enum Turn {
    Made(Result<Box<Cell>, String>),
    Lost(String),
}

/// Resolves when the cell that is made is made, or the one that waits is gone; never where there is neither.
async fn turn(warm: &mut Option<(Ticket, Coming)>) -> Turn {
    match warm {
        Some((_, Coming::Making(making))) => Turn::Made(making.made().await.map(Box::new)),
        Some((_, Coming::Ready(cell))) => Turn::Lost(cell.lost().await),
        None => pending().await,
    }
}

/// Resolves when the engine that is looked for is found, or is not; never where none is looked for.
async fn found(connecting: &mut Option<JoinHandle<Result<Place, String>>>) -> Result<Place, String> {
    match connecting {
        Some(found) => found.await.unwrap_or_else(|error| Err(error.to_string())),
        None => pending().await,
    }
}

async fn find(config: Arc<Config>, choice: EngineChoice) -> Result<Place, String> {
    let around = Surroundings::real(config.prepare_run_dir().ok());
    let endpoints = candidates(&choice, &around).map_err(|error| error.to_string())?;
    let (engine, _) =
        first_answering(endpoints, &Store::at(config.dirs.images())).await.map_err(|error| error.to_string())?;
    let capabilities = engine.capabilities().await.map_err(|error| error.to_string())?;
    let site = Site {
        engine,
        engine_version: capabilities.version.clone(),
        run_dir: config.prepare_run_dir().map_err(|error| error.to_string())?,
        owner: Owner::this_process().map_err(|error| format!("reading /proc: {error}"))?,
        program: supervise::OWN_PROGRAM.into(),
    };
    Ok((site, capabilities))
}

fn planned(plan: &CellPlan) -> Planned {
    Planned {
        enforcement: plan.enforcement,
        denials: plan.denials.clone(),
        runtime: plan.runtime.clone(),
        unavailable: plan.unavailable.clone(),
        warnings: plan.warnings.clone(),
    }
}

#[cfg(test)]
mod tests;
