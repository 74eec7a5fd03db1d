//! The loop: what happened becomes an action, the action changes the state, its effects are done, the state is drawn.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crossterm::event::Event;
use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::action::{Action, Effect};
use super::exec::Exec;
use super::keymap::Keymap;
use super::session::Session;
use super::state::{Phase, RunId, State};
use super::terminal::{self, Terminal};
use super::theme::{Depth, ThemeError};
use super::update::{self, update};
use super::view::{View, render};
use super::{input, start};
use crate::config::Config;
use crate::policy::PolicyError;

/// The least time between two frames that nobody pressed a key for: 60 a second.
const FRAME: Duration = Duration::from_millis(16);

/// The least time between two frames at all.
const KEY_FRAME: Duration = Duration::from_millis(4);

/// How often the clock on the screen goes on.
const TICK: Duration = Duration::from_millis(100);

/// How long what happened is taken in before the next frame, however much there is.
const BUDGET: Duration = Duration::from_millis(4);

/// How long a suspension waits until the run is held.
const HOLD_PATIENCE: Duration = Duration::from_secs(1);

/// Keys that may wait.
const KEY_ROOM: usize = 256;

/// Why the workbench cannot be opened, or ended early.
#[derive(Debug, Error)]
pub enum TuiError {
    /// The terminal.
    #[error("{doing}: {source}")]
    Terminal {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The keys of the configuration.
    #[error("the configuration file, table `keys`: {0}")]
    Keys(String),
    /// The theme.
    #[error(transparent)]
    Theme(#[from] ThemeError),
    /// The policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

impl TuiError {
    fn terminal(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Terminal { doing, source }
    }
}

/// What the command line says to the workbench.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The specimen to open.
    pub file: Option<PathBuf>,
    /// The policy was named, so the last session's is not taken up.
    pub policy_named: bool,
}

/// Opens the workbench and gives hotcell's exit status once it is left.
///
/// # Errors
/// Where there is no terminal, or the configuration is not valid.
pub fn open(config: Config, options: &Options) -> Result<u8, TuiError> {
    let keymap = Keymap::with(&config.tui.keys).map_err(TuiError::Keys)?;
    let depth = Depth::detect(&|name| std::env::var_os(name));
    let (session, damaged) = Session::load(&config.dirs.state);
    let (mut state, mut effects) = start::state(&config, &session, options, keymap, depth)?;
    if let Some(damaged) = damaged {
        effects.extend(update(&mut state, Action::Told(damaged)));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(TuiError::terminal("starting the runtime"))?;
    // Before the terminal is taken: a signal would leave it as it is then.
    let signals = {
        let _within = runtime.enter();
        Signals::listen().map_err(TuiError::terminal("listening for signals"))?
    };
    let terminal = Terminal::enter(config.tui.mouse).map_err(TuiError::terminal("opening the workbench"))?;
    state.size = terminal.size().map_err(TuiError::terminal("asking the terminal for its size"))?;
    let status = runtime.block_on(App::new(terminal, state).run(config, depth, effects, signals));
    // What still blocks in a thread of the runtime (a stuck file system) is not waited for.
    runtime.shutdown_background();
    status
}

/// The workbench while it is open.
struct App {
    terminal: Terminal,
    state: State,
    opened: Instant,
    drawn: Option<Instant>,
    dirty: bool,
    /// A key was pressed since the last frame.
    pressed: bool,
    /// A suspension that waits until the run is held.
    suspending: Option<Suspending>,
}

/// A suspension that waits until the run is held, so that nobody has to answer its calls, but no longer than until then.
#[derive(Clone, Copy)]
struct Suspending {
    run: RunId,
    until: Instant,
}

/// What a suspension means for the run under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meanwhile {
    /// Nothing: there is none, or it is held.
    Nothing,
    /// It has to be held first.
    Hold(RunId),
    /// It needs the workbench awake, and why.
    Refused(&'static str),
}

impl Meanwhile {
    fn of(state: &State) -> Self {
        if state.batch().is_some() {
            return Self::Refused("a matrix or a drill goes on: stop it first, or let it end");
        }
        let Some(run) = state.runs.live() else { return Self::Nothing };
        let supervised = run.log.summary.cell.as_ref().is_none_or(|cell| cell.enforcement.is_supervised());
        match run.phase {
            Phase::Starting => Self::Refused("a run begins: suspend once it does, or stop it first"),
            _ if !supervised => Self::Refused(
                "under native enforcement a run cannot be held, and hotcell keeps its deadline: stop it first",
            ),
            Phase::Running => Self::Hold(run.id),
            Phase::Held | Phase::Ended => Self::Nothing,
        }
    }
}

/// How an action leaves the workbench.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Stay,
    Leave,
}

impl App {
    fn new(terminal: Terminal, state: State) -> Self {
        Self { terminal, state, opened: Instant::now(), drawn: None, dirty: true, pressed: false, suspending: None }
    }

    async fn run(
        mut self,
        config: Config,
        depth: Depth,
        effects: Vec<Effect>,
        signals: Signals,
    ) -> Result<u8, TuiError> {
        // The first frame waits for nothing.
        self.draw()?;
        let (mut exec, mut inbox) = Exec::start(config, depth);
        let left = self.turns(&mut exec, &mut inbox, effects, signals).await;
        // Whatever it was left for, the session is remembered and the cells are removed.
        exec.perform(Effect::Remember(Box::new(update::session(&self.state))));
        // Nobody takes anything in any more, so nobody is to wait for that.
        drop(inbox);
        // The terminal stays ours until the cells are gone: what is typed by now would be read here, not by the shell.
        update::leaving(&mut self.state);
        // It may be gone.
        let _ = self.draw();
        exec.close().await;
        left.map(|()| 0)
    }

    /// Does what happens, until the workbench is left.
    async fn turns(
        &mut self,
        exec: &mut Exec,
        inbox: &mut mpsc::Receiver<Action>,
        effects: Vec<Effect>,
        mut signals: Signals,
    ) -> Result<(), TuiError> {
        let (keys_in, mut keys) = mpsc::channel(KEY_ROOM);
        terminal::spawn_reader(move |event| keys_in.blocking_send(event).is_ok())
            .map_err(TuiError::terminal("reading the terminal"))?;
        let mut flow = self.perform(exec, effects)?;
        while flow == Flow::Stay {
            let wake = self.wake();
            flow = tokio::select! {
                biased;
                () = signals.next() => self.act(exec, Action::Terminate)?,
                error = terminal::panicked() => return Err(TuiError::terminal("drawing")(error)),
                event = keys.recv() => match event {
                    Some(event) => self.key(exec, event)?,
                    // The terminal is gone.
                    None => Flow::Leave,
                },
                action = inbox.recv() => match action {
                    Some(action) => self.take_in(exec, action, inbox, &keys)?,
                    None => Flow::Leave,
                },
                () = sleep_until(wake) => {
                    self.dirty = true;
                    Flow::Stay
                }
            };
            if flow == Flow::Stay && self.may_suspend() {
                flow = self.suspend(exec)?;
            }
            if flow == Flow::Stay && self.dirty && Instant::now() >= self.due() {
                // However much happens, the clock goes on.
                flow = self.act(exec, Action::Tick)?;
                self.draw()?;
            }
        }
        Ok(())
    }

    /// Takes in what has happened, until a key waits or it has taken long enough.
    fn take_in(
        &mut self,
        exec: &mut Exec,
        first: Action,
        inbox: &mut mpsc::Receiver<Action>,
        keys: &mpsc::Receiver<Event>,
    ) -> Result<Flow, TuiError> {
        let begun = Instant::now();
        let mut flow = self.act(exec, first)?;
        while flow == Flow::Stay && keys.is_empty() && begun.elapsed() < BUDGET {
            match inbox.try_recv() {
                Ok(action) => flow = self.act(exec, action)?,
                Err(_) => break,
            }
        }
        Ok(flow)
    }

    fn key(&mut self, exec: &mut Exec, event: Event) -> Result<Flow, TuiError> {
        self.pressed = true;
        match input::action(&self.state, event) {
            Some(action) => self.act(exec, action),
            None => Ok(Flow::Stay),
        }
    }

    fn act(&mut self, exec: &mut Exec, action: Action) -> Result<Flow, TuiError> {
        self.state.now = self.opened.elapsed();
        self.dirty = true;
        let effects = update(&mut self.state, action);
        self.perform(exec, effects)
    }

    fn perform(&mut self, exec: &mut Exec, effects: Vec<Effect>) -> Result<Flow, TuiError> {
        for effect in effects {
            match effect {
                Effect::Quit => return Ok(Flow::Leave),
                Effect::Suspend => return self.prepare_suspension(exec),
                Effect::Redraw => self.terminal.clear().map_err(TuiError::terminal("clearing the terminal"))?,
                Effect::Copy(text) => terminal::copy(&text).map_err(TuiError::terminal("writing to the terminal"))?,
                effect => exec.perform(effect),
            }
        }
        Ok(Flow::Stay)
    }

    fn prepare_suspension(&mut self, exec: &mut Exec) -> Result<Flow, TuiError> {
        match Meanwhile::of(&self.state) {
            Meanwhile::Nothing => self.suspend(exec),
            Meanwhile::Hold(run) => {
                exec.perform(Effect::Hold(run, true));
                self.suspending = Some(Suspending { run, until: Instant::now() + HOLD_PATIENCE });
                Ok(Flow::Stay)
            }
            Meanwhile::Refused(why) => self.act(exec, Action::Told(why.to_owned())),
        }
    }

    fn may_suspend(&self) -> bool {
        self.suspending.is_some_and(|suspending| {
            Meanwhile::of(&self.state) == Meanwhile::Nothing || Instant::now() >= suspending.until
        })
    }

    fn suspend(&mut self, exec: &mut Exec) -> Result<Flow, TuiError> {
        self.terminal.suspend().map_err(TuiError::terminal("giving the terminal back"))?;
        if let Some(Suspending { run, .. }) = self.suspending.take() {
            exec.perform(Effect::Hold(run, false));
        }
        let size = self.terminal.size().map_err(TuiError::terminal("asking the terminal for its size"))?;
        self.act(exec, Action::Resize(size))
    }

    /// When the next frame may be drawn.
    fn due(&self) -> Instant {
        let gap = if self.pressed { KEY_FRAME } else { FRAME };
        self.drawn.map_or_else(Instant::now, |drawn| drawn + gap)
    }

    /// When to wake up though nothing happens: for the frame that is due, the clock of a run, the end of a message.
    fn wake(&self) -> Instant {
        let now = Instant::now();
        if self.dirty {
            return self.due();
        }
        let running = self.state.runs.live().is_some_and(|run| matches!(run.phase, Phase::Starting | Phase::Running));
        let clock = (running || self.state.batch().is_some()).then_some(now + TICK);
        let notice = self.state.notice.as_ref().map(|notice| self.opened + notice.until);
        let suspension = self.suspending.map(|suspending| suspending.until);
        // An hour stands for never.
        clock.into_iter().chain(notice).chain(suspension).min().unwrap_or(now + Duration::from_hours(1))
    }

    fn draw(&mut self) -> Result<(), TuiError> {
        let view = View::of(&self.state);
        let theme = &self.state.theme;
        self.terminal.draw(|frame| render(frame, &view, theme)).map_err(TuiError::terminal("drawing"))?;
        self.drawn = Some(Instant::now());
        (self.dirty, self.pressed) = (false, false);
        Ok(())
    }
}

/// The signals that ask a workbench to end.
struct Signals([Signal; 4]);

impl Signals {
    fn listen() -> io::Result<Self> {
        let [terminate, hangup, interrupt, quit] =
            [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt(), SignalKind::quit()].map(signal);
        Ok(Self([terminate?, hangup?, interrupt?, quit?]))
    }

    /// Resolves at the next one.
    async fn next(&mut self) {
        let [terminate, hangup, interrupt, quit] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = interrupt.recv() => {}
            _ = quit.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Size;

    use crate::run::{Enforcement, Outcome};
    use crate::tui::fixture;

    const SIZE: Size = fixture::STANDARD;

    #[test]
    fn a_suspension_holds_what_runs_unless_nothing_moves_anyway() {
        let running = fixture::running(SIZE);
        assert_eq!(Meanwhile::of(&running), Meanwhile::Hold(RunId(1)));
        for state in [fixture::ready(SIZE), fixture::held(SIZE), fixture::ended(SIZE)] {
            assert_eq!(Meanwhile::of(&state), Meanwhile::Nothing);
        }
    }

    #[test]
    fn a_run_that_cannot_be_held_refuses_the_suspension_until_it_is_over() {
        let refused = |state: &State| matches!(Meanwhile::of(state), Meanwhile::Refused(_));
        let mut begun = fixture::ready(SIZE);
        fixture::press(&mut begun, crate::tui::command::Command::Run);
        assert!(refused(&begun));
        let mut native = fixture::running(SIZE);
        let run = native.runs.kept.back_mut().unwrap();
        run.log.summary.cell.as_mut().unwrap().enforcement = Enforcement::Native;
        assert!(refused(&native));
        fixture::end(&mut native, Outcome::Exited(0));
        assert_eq!(Meanwhile::of(&native), Meanwhile::Nothing);
    }
}
