//! The keeper of cells: one task that makes the cell that waits, gives it to a run, and removes it. Orders are done one
//! after the other, so no two cells are ever made at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::config::{Config, host_environment};
use crate::engine::discover::EngineChoice;
use crate::engine::discover::{Surroundings, candidates, first_answering};
use crate::engine::{Capabilities, Engine};
use crate::plan::{CellPlan, Request};
use crate::profile;
use crate::run::{EventKind, Outcome, RunEvent};
use crate::specimen::Specimen;
use crate::supervise::{self, Cell, Control, Owner, Site, Stdin};
use crate::tui::action::{Action, CellRequest};
use crate::tui::state::{EngineFacts, Planned, RunId, Ticket};

/// Events of a run that may wait for the inbox before the specimen's output does.
const EVENT_ROOM: usize = 4096;

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
    /// Remove everything, and say so.
    Close(oneshot::Sender<()>),
}

impl Order {
    /// A cell that an earlier order asked for is of no use after this one.
    fn takes_the_cell(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Warm(..) | Self::Run(..) | Self::Close(_) => true,
            Self::Stop(_) | Self::Hold(..) => false,
        }
    }
}

/// A run under way.
struct Live {
    id: RunId,
    control: watch::Sender<Control>,
    task: JoinHandle<()>,
}

/// Keeps the cells.
pub(super) struct Keeper {
    config: Arc<Config>,
    inbox: mpsc::Sender<Action>,
    place: Option<(Site, Capabilities)>,
    warm: Option<(Ticket, Cell)>,
    live: Option<Live>,
}

impl Keeper {
    /// A keeper of nothing yet.
    pub(super) fn new(config: Arc<Config>, inbox: mpsc::Sender<Action>) -> Self {
        Self { config, inbox, place: None, warm: None, live: None }
    }

    /// Does what is ordered, until the last order.
    pub(super) async fn keep(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut waiting = VecDeque::new();
        loop {
            if waiting.is_empty() {
                tokio::select! {
                    order = orders.recv() => match order {
                        Some(order) => waiting.push_back(order),
                        None => return,
                    },
                    why = lost(&mut self.warm) => self.drop_lost(why).await,
                }
            }
            while let Ok(order) = orders.try_recv() {
                waiting.push_back(order);
            }
            match waiting.pop_front() {
                None => {}
                Some(Order::Connect(choice)) => self.connect(&choice).await,
                Some(Order::Warm(..)) if waiting.iter().any(Order::takes_the_cell) => {}
                Some(Order::Warm(ticket, request)) => self.warm_up(ticket, *request).await,
                Some(Order::Run(id, request, specimen)) => self.run(id, *request, *specimen).await,
                Some(Order::Stop(id)) => self.control(id, Control::Stop),
                Some(Order::Hold(id, held)) => self.control(id, if held { Control::Hold } else { Control::Go }),
                Some(Order::Close(closed)) => {
                    self.close().await;
                    // Nobody may be waiting any more.
                    let _ = closed.send(());
                    return;
                }
            }
        }
    }

    async fn tell(&self, action: Action) {
        // A workbench that is gone has nothing to be told.
        let _ = self.inbox.send(action).await;
    }

    async fn connect(&mut self, choice: &EngineChoice) {
        self.discard().await;
        let found = self.find(choice).await;
        let told = match found {
            Ok((site, capabilities)) => {
                let facts =
                    EngineFacts { endpoint: site.engine.endpoint().clone(), capabilities: capabilities.clone() };
                self.sweep(&site);
                self.place = Some((site, capabilities));
                Ok(Box::new(facts))
            }
            Err(reason) => {
                self.place = None;
                Err(reason)
            }
        };
        self.tell(Action::Connected(told)).await;
    }

    async fn find(&self, choice: &EngineChoice) -> Result<(Site, Capabilities), String> {
        let endpoints = candidates(choice, &Surroundings::real()).map_err(|error| error.to_string())?;
        let (engine, _) = first_answering(endpoints).await.map_err(|error| error.to_string())?;
        let capabilities = engine.capabilities().await.map_err(|error| error.to_string())?;
        let site = Site {
            engine: Arc::new(engine),
            engine_version: capabilities.version.clone(),
            run_dir: self.config.prepare_run_dir().map_err(|error| error.to_string())?,
            owner: Owner::this_process().map_err(|error| format!("reading /proc: {error}"))?,
            reaper: supervise::OWN_PROGRAM.into(),
        };
        Ok((site, capabilities))
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
        let load = |choice| profile::load(choice, &self.config, policy);
        let filter = policy.seccomp.get().map(load).transpose().map_err(|error| error.to_string())?;
        let asked = Request {
            policy: policy.clone(),
            filter,
            image: request.image.clone(),
            native: request.native,
            host_env: host_environment(),
        };
        Ok((site.clone(), CellPlan::new(asked, capabilities, &supervise::kernel())))
    }

    async fn warm_up(&mut self, ticket: Ticket, request: CellRequest) {
        let made = self.warm_cell(ticket, &request).await;
        if made.is_err() {
            self.discard().await;
        }
        self.tell(Action::Warmed(ticket, made)).await;
    }

    async fn warm_cell(&mut self, ticket: Ticket, request: &CellRequest) -> Result<(), String> {
        let (site, plan) = self.plan(request)?;
        self.tell(Action::Planned(ticket, Box::new(planned(&plan)))).await;
        let placeholder;
        let specimen = if let Some(specimen) = &request.specimen {
            specimen
        } else {
            placeholder = self.placeholder()?;
            &placeholder
        };
        let plan = match self.warm.take() {
            None => plan,
            Some((_, mut cell)) => match cell.adopt(plan, specimen) {
                Ok(()) => {
                    self.warm = Some((ticket, cell));
                    return Ok(());
                }
                Err(plan) => {
                    remove(cell);
                    *plan
                }
            },
        };
        let cell = Cell::make(site, plan, specimen).await.map_err(|error| error.to_string())?;
        self.warm = Some((ticket, cell));
        Ok(())
    }

    /// What a cell is made for while there is nothing to run.
    fn placeholder(&self) -> Result<Specimen, String> {
        let languages = &self.config.languages;
        let any = languages.names().first().map(|name| (*name).to_owned());
        Specimen::from_bytes("specimen", b"\n".to_vec(), languages, any.as_deref(), self.config.max_size)
            .map_err(|error| error.to_string())
    }

    async fn run(&mut self, id: RunId, request: CellRequest, specimen: Specimen) {
        let (site, plan) = match self.plan(&request) {
            Ok(planned) => planned,
            Err(reason) => {
                not_started(&self.inbox, id, reason).await;
                return;
            }
        };
        let warm = match self.warm.take() {
            None => Err(Box::new(plan)),
            Some((_, mut cell)) => match cell.adopt(plan, &specimen) {
                Ok(()) => Ok(cell),
                Err(plan) => {
                    remove(cell);
                    Err(plan)
                }
            },
        };
        let (control, controlled) = watch::channel(Control::Go);
        let task = tokio::spawn(run_in(warm, site, specimen, id, self.inbox.clone(), controlled));
        self.live = Some(Live { id, control, task });
    }

    fn control(&self, id: RunId, control: Control) {
        if let Some(live) = self.live.as_ref().filter(|live| live.id == id) {
            // A run that is over needs no control.
            let _ = live.control.send(control);
        }
    }

    async fn drop_lost(&mut self, why: String) {
        if let Some((ticket, cell)) = self.warm.take() {
            remove(cell);
            self.tell(Action::WarmLost(ticket, why)).await;
        }
    }

    async fn discard(&mut self) {
        if let Some((_, cell)) = self.warm.take() {
            // What the engine cannot remove is the reaper's.
            let _ = cell.discard().await;
        }
    }

    async fn close(&mut self) {
        if let Some(live) = self.live.take() {
            let _ = live.control.send(Control::Stop);
            let _ = live.task.await;
        }
        self.discard().await;
    }
}

/// Removes a cell that nobody needs, without anybody waiting for it.
fn remove(cell: Cell) {
    tokio::spawn(async move {
        // What the engine cannot remove is the reaper's.
        let _ = cell.discard().await;
    });
}

/// Resolves when the cell that waits is gone; never where none waits.
async fn lost(warm: &mut Option<(Ticket, Cell)>) -> String {
    match warm {
        Some((_, cell)) => cell.lost().await,
        None => std::future::pending().await,
    }
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

/// Runs the specimen to its end, in the cell that waited or in a new one.
async fn run_in(
    warm: Result<Cell, Box<CellPlan>>,
    site: Site,
    specimen: Specimen,
    id: RunId,
    inbox: mpsc::Sender<Action>,
    control: watch::Receiver<Control>,
) {
    let cell = match warm {
        Ok(cell) => cell,
        Err(plan) => {
            let mut stopped = control.clone();
            let made = tokio::select! {
                made = Cell::make(site, *plan, &specimen) => made.map_err(|error| error.to_string()),
                // What was made of it is the reaper's.
                _ = stopped.wait_for(|control| *control == Control::Stop) => Err("stopped by the reviewer".to_owned()),
            };
            match made {
                Ok(cell) => cell,
                Err(reason) => {
                    not_started(&inbox, id, reason).await;
                    return;
                }
            }
        }
    };
    let (events, mut received) = mpsc::channel(EVENT_ROOM);
    let telling = async {
        while let Some(event) = received.recv().await {
            if inbox.send(Action::Run(id, Box::new(event))).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(cell.run(&specimen, Stdin::Empty, events, control), telling);
}

async fn not_started(inbox: &mpsc::Sender<Action>, id: RunId, reason: String) {
    let outcome = Outcome::NotStarted(reason);
    let (duration, unseen, warnings) = (std::time::Duration::ZERO, None, Vec::new());
    let event = RunEvent { at: duration, kind: EventKind::Exit { outcome, duration, unseen, warnings } };
    let _ = inbox.send(Action::Run(id, Box::new(event))).await;
}
