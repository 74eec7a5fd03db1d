//! Effects done: on tokio's threads and one of our own, never on the one that draws. What comes of them goes to the inbox
//! as actions.

mod batches;
mod files;
mod keeper;
mod making;
mod newest;
mod running;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use self::keeper::{Keeper, Order};
use self::newest::{Put, Take, newest};
use super::action::{Action, Effect, SETTLE};
use super::highlight::Analyser;
use super::theme::Depth;
use crate::config::Config;
use crate::engine::discover::EngineChoice;
use crate::supervise;

/// Actions that may wait for a frame before their senders do.
const INBOX_ROOM: usize = 1024;

/// How long the removal of cells may hold up the end of the workbench; the reapers go on with it.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// What an analysis needs.
struct Text {
    revision: u64,
    lines: Vec<String>,
    language: Option<String>,
}

/// Does effects.
pub struct Exec {
    config: Arc<Config>,
    depth: Depth,
    engine: EngineChoice,
    inbox: mpsc::Sender<Action>,
    orders: mpsc::UnboundedSender<Order>,
    texts: Put<Text>,
}

impl Exec {
    /// Starts what does the effects; the receiver gets what comes of them. Has to be called within a runtime.
    pub fn start(config: Config, depth: Depth) -> (Self, mpsc::Receiver<Action>) {
        let (inbox, received) = mpsc::channel(INBOX_ROOM);
        let (orders, ordered) = mpsc::unbounded_channel();
        let (texts, to_analyse) = newest();
        let config = Arc::new(config);
        tokio::spawn(Keeper::new(Arc::clone(&config), inbox.clone()).keep(ordered));
        analyse_on_a_thread(to_analyse, inbox.clone());
        let engine = config.engine.clone();
        (Self { config, depth, engine, inbox, orders, texts }, received)
    }

    /// Does an effect that needs no terminal.
    pub fn perform(&mut self, effect: Effect) {
        match effect {
            // The loop does these itself.
            Effect::Quit | Effect::Suspend | Effect::Redraw | Effect::Copy(_) => {}
            Effect::Connect => self.order(Order::Connect(self.engine.clone())),
            Effect::ChooseEngine(address) => self.engine = EngineChoice::Address(address),
            Effect::Settle(ticket) => {
                let inbox = self.inbox.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(SETTLE).await;
                    let _ = inbox.send(Action::Settled(ticket)).await;
                });
            }
            Effect::Warm(ticket, request) => self.order(Order::Warm(ticket, request)),
            Effect::Run(id, request, specimen) => self.order(Order::Run(id, request, specimen)),
            Effect::Stop(id) => self.order(Order::Stop(id)),
            Effect::Break(id, points) => self.order(Order::Decide(id, supervise::Order::Break(points))),
            Effect::Answer(id, call, verdict) => {
                self.order(Order::Decide(id, supervise::Order::Answer(call, verdict)));
            }
            Effect::Matrix { id, request, specimen, scope } => {
                self.order(Order::Matrix { id, request, specimen, scope });
            }
            Effect::Drill { id, request } => self.order(Order::Drill { id, request }),
            Effect::StopBatch(id) => self.order(Order::StopBatch(id)),
            Effect::Hold(id, held) => self.order(Order::Hold(id, held)),
            Effect::Analyse { revision, lines, language } => self.texts.put(Text { revision, lines, language }),
            Effect::Open(path) => {
                let config = Arc::clone(&self.config);
                self.blocking(move || files::open(path, &config));
            }
            Effect::Complete(typed) => self.blocking(move || files::complete(typed)),
            Effect::Save { path, bytes, replace } => self.blocking(move || files::save(path, bytes, replace)),
            Effect::List(listing) => {
                let config = Arc::clone(&self.config);
                self.blocking(move || files::list(listing, &config));
            }
            Effect::LoadPolicy(name) => {
                let config = Arc::clone(&self.config);
                self.blocking(move || files::policy(&name, &config));
            }
            Effect::Judge(id, profile) => self.order(Order::Judge(id, profile)),
            Effect::LoadProfile(policy) => {
                let config = Arc::clone(&self.config);
                self.blocking(move || files::profile(&policy, &config));
            }
            Effect::LoadTheme(name) => {
                let (config, depth) = (Arc::clone(&self.config), self.depth);
                self.blocking(move || files::theme(name, &config, depth));
            }
            Effect::Remember(session) => {
                // It is small, and the last one is written on the way out.
                if let Err(error) = session.save(&self.config.dirs.state) {
                    let _ = self.inbox.try_send(Action::Told(format!("the session is not remembered: {error}")));
                }
            }
        }
    }

    /// Kills what runs, removes every cell, and waits for that as long as it is worth.
    pub async fn close(self) {
        let (closed, wait) = oneshot::channel();
        self.order(Order::Close(closed));
        // What is left is the reapers'.
        let _ = tokio::time::timeout(CLOSE_PATIENCE, wait).await;
    }

    fn order(&self, order: Order) {
        // The keeper lives as long as this sender.
        let _ = self.orders.send(order);
    }

    fn blocking(&self, work: impl FnOnce() -> Action + Send + 'static) {
        let inbox = self.inbox.clone();
        tokio::task::spawn_blocking(move || {
            let _ = inbox.blocking_send(work());
        });
    }
}

fn analyse_on_a_thread(texts: Take<Text>, inbox: mpsc::Sender<Action>) {
    std::thread::spawn(move || {
        let mut analyser = Analyser::new();
        while let Some(text) = texts.take() {
            let analysis = analyser.analyse(text.revision, &text.lines, text.language.as_deref());
            if inbox.blocking_send(Action::Analysed(Box::new(analysis))).is_err() {
                return;
            }
        }
    });
}
