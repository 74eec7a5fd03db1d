//! A run under the shim: every process-level layer applied by it, every
//! refusal seen.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use hotcell_shim::{Exited, Failed, Stage, tag};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::attempts::Attempts;
use super::breaks::Obeyed;
use super::cell::{Cell, StartError, Stdin};
use super::control::{Control, Run, stopped, turned};
use super::denials::Numbers;
use super::ended::{Backlog, Ended};
use super::facts::facts;
use super::link::{FromShim, Link, LinkError, pid_of};
use super::listener::{Listener, Means, Teller};
use super::outcomes::{self, Audit, Outcomes, Scene, Tapping};
use super::output::{Outbox, drain, pipe};
use super::places::Places;
use super::sampler::{INTERVAL, Sampler};
use super::stacks::Stacks;
use super::verify::{self, Reading};
use super::watching::Watching;
use crate::kernel::cgroup::Cgroup;
use crate::plan;
use crate::run::attribution::Facts;
use crate::run::{EventKind, LayerState, Limit, LimitKind, Observation, Outcome, Stream};

/// How long the specimen's process may take to put its layers on.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(20);

/// The shim keeps the deadline; this much later the engine is asked to kill the cell.
const DEADLINE_GRACE: Duration = Duration::from_secs(3);

/// How long the shim may take to kill what the reviewer stopped.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// Launches the specimen and watches it to its end.
///
/// # Errors
/// When it could not be started.
pub async fn run(cell: &Cell, run: &Run<'_>, link: Link, stdin: Stdin, orders: Obeyed) -> Result<Ended, StartError> {
    let file_name = run.specimen.language.file_name(&run.specimen.name);
    cell.dir.write_specimen(&file_name, &run.specimen.bytes).map_err(StartError::io("writing the specimen"))?;

    let caps = cell.plan.output_caps();
    let (stdout, stdout_end) = pipe().map_err(StartError::io("making a pipe"))?;
    let (stderr, stderr_end) = pipe().map_err(StartError::io("making a pipe"))?;
    let stdin = stdin.into_pipe().map_err(StartError::io("making a pipe"))?;
    let argv = plan::argv(run.specimen);
    let launch = cell.plan.launch(argv.clone())?.encode();
    link.send(&launch, &[stdin.as_fd(), stdout_end.as_fd(), stderr_end.as_fd()]).await?;
    drop((stdin, stdout_end, stderr_end));

    let mut control = run.control.clone();
    let (pidfd, listener) = tokio::select! {
        prepared = prepared(&link, cell, &argv) => prepared?,
        () = stopped(&mut control) => return Ok(Ended::plain(Outcome::Stopped, Duration::ZERO)),
    };
    let pid = pid_of(&pidfd).map_err(StartError::io("finding the specimen's process"))?;
    let kill_cell = Arc::new(Notify::new());
    let (held, calls_held) = watch::channel(0);
    let own = plan::path_in_cell(run.specimen);
    // The process stands stopped, one call before its execve: nothing it does can race with the reading.
    let tapping = (cell.plan.request.watch != plan::Watch::Filter).then(|| Tapping::start(pid));
    let cgroup = Cgroup::of(pid);
    let (layers, scene, audit) = look(cell, pid, cgroup.as_ref().ok());
    let scene = Arc::new(scene);
    let (attempts, numbers) = (Arc::new(Attempts::new(cell.plan.judge())), Numbers::default());
    let cgroup = cgroup.ok().filter(Cgroup::is_apart);
    let tap = match tapping {
        Some(tapping) => tapping.made().await,
        None => Err("nobody asked for it: --seccomp-only".to_owned()),
    };
    let outcomes = match tap {
        Ok(tap) => {
            let means = outcomes::Means {
                tap,
                audit,
                attempts: Arc::clone(&attempts),
                scene: Arc::clone(&scene),
                meters: cgroup.as_ref().map(Cgroup::meters),
                specimen: pid,
                teller: Teller { clock: run.clock.clone(), events: run.events.clone() },
                numbers: numbers.clone(),
            };
            Ok(Outcomes::start(means).map_err(StartError::io("starting to watch outcomes"))?)
        }
        Err(reason) => Err(reason),
    };
    let listener = match (listener, cell.plan.judge()) {
        (Some(fd), Some(profile)) => {
            let means = Means {
                profile,
                watching: Watching::new(&cell.plan.request.watch, own.clone()),
                clock: run.clock.clone(),
                events: run.events.clone(),
                kill_cell: Arc::clone(&kill_cell),
                stacks: Stacks::new(cell.site.program.clone(), own),
                orders,
                held,
                scene,
                attempts,
                outcomes: outcomes.is_ok(),
                numbers,
            };
            Some(Listener::start(fd, means).map_err(StartError::io("starting the listener"))?)
        }
        (None, None) => None,
        (Some(_), None) => return Err(LinkError::Protocol("a listener came for no filter").into()),
        (None, Some(_)) => return Err(LinkError::Protocol("the filter's listener did not come").into()),
    };
    let (outcomes, observed) = match outcomes {
        Ok(outcomes) => (Some(outcomes), Observation::Live),
        Err(reason) => (None, Observation::NotObservable(reason)),
    };
    run.tell(cell.facts(plan::facts(run.specimen), layers, observed)).await;

    let drains =
        [(stdout, Stream::Stdout, caps.stdout), (stderr, Stream::Stderr, caps.stderr)].map(|(pipe, stream, cap)| {
            tokio::spawn(drain(pipe, Outbox::new(stream, cap, run.clock.clone(), run.events.clone())))
        });
    run.clock.start();
    link.send_tag(tag::GO).await?;
    run.tell(EventKind::Started { pid }).await;

    let mut watch = Watch::new(cell, run, link, cgroup, kill_cell);
    let end = watch.watch(calls_held).await;
    let backlog = Backlog { events: Vec::new(), listener, outcomes, drains: drains.into() };
    Ok(watch.finish(end, &argv, backlog).await)
}

/// The layers as they are read back, and what attribution rests on.
fn look(cell: &Cell, pid: u32, cgroup: Option<&Cgroup>) -> (Vec<LayerState>, Scene, Option<Audit>) {
    match Reading::of(pid, cgroup) {
        Ok(reading) => {
            let layers = verify::judge_all(&cell.plan, &reading);
            let mut facts = facts(&cell.plan, &reading, &layers);
            let audit = facts
                .module
                .as_mut()
                .and_then(|module| Audit::listen().map_err(|error| module.records = Err(error.to_string())).ok());
            let places = Places::of(pid, facts.mounts.clone()).ok();
            (layers, Scene { facts, places }, audit)
        }
        Err(error) => {
            let layers = verify::all_unverified(&cell.plan, &format!("/proc could not be read: {error}"));
            (layers, Scene { facts: Facts::default(), places: None }, None)
        }
    }
}

async fn prepared(link: &Link, cell: &Cell, argv: &[String]) -> Result<(OwnedFd, Option<OwnedFd>), StartError> {
    match timeout(PREPARE_TIMEOUT, link.receive()).await {
        Ok(Ok(FromShim::Prepared { pidfd, listener })) => Ok((pidfd, listener)),
        Ok(Ok(FromShim::Failed(failed))) => Err(StartError::Specimen(explain(failed, cell, argv))),
        Ok(Ok(_)) => Err(LinkError::Protocol("it did not answer LAUNCH").into()),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(StartError::Slow { what: "putting the layers on" }),
    }
}

/// What the workbench saw last of a running specimen.
enum End {
    Exited(Exited),
    Failed(Failed),
    /// The shim is gone, or speaks nonsense.
    Lost(LinkError),
}

/// A run under way.
struct Watch<'a> {
    cell: &'a Cell,
    run: &'a Run<'a>,
    link: Link,
    cgroup: Option<Cgroup>,
    sampler: Option<Sampler>,
    /// The listener must kill and may not.
    kill_cell: Arc<Notify>,
    cut: Cut,
    /// When the engine is asked to kill the cell, which the shim should have done.
    kill_at: Option<Instant>,
    /// Every process is held.
    held: bool,
    /// A call is.
    call_held: bool,
    /// Since when the deadline's clock stands, for either.
    stands_since: Option<Instant>,
    /// How long it stood before.
    stood_for: Duration,
    /// What the events say of it.
    told_held: bool,
}

impl<'a> Watch<'a> {
    /// Of a specimen that was just let go.
    fn new(cell: &'a Cell, run: &'a Run<'a>, link: Link, cgroup: Option<Cgroup>, kill_cell: Arc<Notify>) -> Self {
        Self {
            cell,
            run,
            link,
            sampler: cgroup.as_ref().map(|cgroup| Sampler::new(cgroup, cell.plan.nproc())),
            cgroup,
            kill_cell,
            cut: Cut::Not,
            kill_at: cell.plan.deadline().map(|deadline| Instant::now() + deadline + DEADLINE_GRACE),
            held: false,
            call_held: false,
            stands_since: None,
            stood_for: Duration::ZERO,
            told_held: false,
        }
    }

    async fn watch(&mut self, mut calls_held: watch::Receiver<usize>) -> End {
        let mut control = self.run.control.clone();
        let mut obeyed = Control::Go;
        let mut samples = interval(INTERVAL);
        samples.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                // The shim's word goes first: a workbench that was suspended meanwhile finds every time over.
                biased;
                said = self.link.receive() => return match said {
                    Ok(FromShim::Exited(exited)) => End::Exited(exited),
                    Ok(FromShim::Failed(failed)) => End::Failed(failed),
                    Ok(_) => End::Lost(LinkError::Protocol("an unexpected packet")),
                    Err(error) => End::Lost(error),
                },
                () = self.kill_cell.notified() => self.order(tag::KILL).await,
                wanted = turned(&mut control, obeyed), if obeyed != Control::Stop => {
                    obeyed = wanted;
                    self.obey(wanted).await;
                }
                Ok(()) = calls_held.changed() => {
                    let held = *calls_held.borrow_and_update() > 0;
                    self.pause(held).await;
                }
                () = sleep_until(self.kill_at.unwrap_or_else(Instant::now)), if self.kill_is_due() => self.kill().await,
                _ = samples.tick() => self.sample(),
            }
        }
    }

    /// A shim that is gone is noticed by the next receive.
    async fn order(&self, tag: u8) {
        drop(self.link.send_tag(tag).await);
    }

    async fn obey(&mut self, wanted: Control) {
        match wanted {
            _ if self.cut != Cut::Not => return,
            Control::Hold => {
                self.held = true;
                self.set_clock();
                self.order(tag::HOLD).await;
            }
            Control::Go => {
                self.held = false;
                self.set_clock();
                self.order(tag::RESUME).await;
            }
            Control::Stop => {
                self.end_holds();
                self.cut = Cut::Stopped;
                self.kill_at = Some(Instant::now() + STOP_GRACE);
                self.order(tag::KILL).await;
            }
        }
        self.tell_held();
    }

    /// A call is held, or none is any more.
    async fn pause(&mut self, held: bool) {
        if self.cut == Cut::Not && held != self.call_held {
            self.call_held = held;
            self.set_clock();
            self.order(if held { tag::PAUSE } else { tag::UNPAUSE }).await;
        }
    }

    /// The deadline is as much later as its clock stood.
    fn set_clock(&mut self) {
        if self.held || self.call_held {
            self.stands_since.get_or_insert_with(Instant::now);
        } else if let Some(since) = self.stands_since.take() {
            let stood = since.elapsed();
            self.stood_for += stood;
            self.kill_at = self.kill_at.map(|at| at + stood);
        }
    }

    fn end_holds(&mut self) {
        (self.held, self.call_held) = (false, false);
        self.set_clock();
    }

    fn kill_is_due(&self) -> bool {
        self.kill_at.is_some() && self.stands_since.is_none()
    }

    /// Tried again until the shim's end is seen.
    async fn kill(&mut self) {
        if self.cut == Cut::Not {
            self.cut = Cut::Deadline;
        }
        self.kill_at = Some(Instant::now() + STOP_GRACE);
        self.free_disks();
        let _ = self.cell.site.engine.kill(&self.cell.name).await;
    }

    /// What waits for a slowed disk cannot be killed. Where the group may not be written, it dies once it is served.
    fn free_disks(&self) {
        drop(self.cgroup.as_ref().map(Cgroup::free_disks));
    }

    fn sample(&mut self) {
        self.tell_held();
        for event in self.sampler.iter_mut().flat_map(|sampler| sampler.read(self.run.clock.now())) {
            self.run.mention(event);
        }
    }

    /// Where there is no room for it, the next sample's turn tells what is then so.
    fn tell_held(&mut self) {
        let held = self.held;
        if held != self.told_held && self.run.mention(EventKind::Held { held }) {
            self.told_held = held;
        }
    }

    /// Takes the last reading, for which the shim waits with its end, and ends the cell: what is still to be told can
    /// wait.
    async fn finish(mut self, end: End, argv: &[String], mut backlog: Backlog) -> Ended {
        self.end_holds();
        let now = self.run.clock.now();
        let duration = match &end {
            End::Exited(exited) => Duration::from_micros(exited.elapsed_us),
            End::Failed(_) | End::Lost(_) => now.saturating_sub(self.stood_for),
        };
        let at = now.min(duration + self.stood_for);
        backlog.events.extend(self.sampler.iter_mut().flat_map(|sampler| sampler.read(at)));
        backlog.events.extend(self.sampler.iter().flat_map(|sampler| sampler.totals(at)));
        self.free_disks();
        let outcome = self.outcome(end, argv).await;
        if outcome == Outcome::TimedOut {
            backlog.events.push(EventKind::Limit(Limit { kind: LimitKind::Deadline, count: 1, at }));
        }
        Ended { backlog, ..Ended::plain(outcome, duration) }
    }

    async fn outcome(&self, end: End, argv: &[String]) -> Outcome {
        match (end, self.cut) {
            (End::Failed(failed), _) => Outcome::NotStarted(explain(failed, self.cell, argv)),
            (End::Exited(exited), cut) => cut.outcome(exited),
            (End::Lost(_), Cut::Deadline) => Outcome::TimedOut,
            (End::Lost(_), Cut::Stopped) => Outcome::Stopped,
            (End::Lost(error), Cut::Not) => Outcome::CellLost(self.cell.why_lost(&error).await),
        }
    }
}

/// Who ended the run early.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    Not,
    Stopped,
    Deadline,
}

impl Cut {
    /// The outcome where the shim lived to tell the end. It keeps the deadline itself: where it did not see it pass,
    /// the specimen had ended before the engine's kill, which a workbench that was suspended orders too late.
    fn outcome(self, exited: Exited) -> Outcome {
        match self {
            _ if exited.timed_out => Outcome::TimedOut,
            Self::Stopped => Outcome::Stopped,
            Self::Not | Self::Deadline => from_wait_status(exited.status),
        }
    }
}

/// wait(2): the low seven bits are the signal, the next byte the exit code.
fn from_wait_status(status: i32) -> Outcome {
    match status & 0x7f {
        0 => Outcome::Exited(u8::try_from(status >> 8 & 0xff).unwrap_or(u8::MAX)),
        signal => Outcome::Signaled(signal),
    }
}

/// Why the specimen did not start, and what to do.
fn explain(failed: Failed, cell: &Cell, argv: &[String]) -> String {
    let reason = io::Error::from_raw_os_error(failed.errno);
    let program = argv.first().map_or("", String::as_str);
    match (Stage::from_number(failed.stage), failed.errno) {
        (Some(Stage::Exec), libc::ENOENT) => format!(
            "image {} has no {program}: choose another with --image, or another interpreter in the config file",
            cell.plan.request.image
        ),
        (Some(Stage::Exec), _) => format!("{program} could not be executed in the cell: {reason}"),
        (Some(Stage::Rlimit), _) => format!("a resource limit of the ulimits layer was refused: {reason}"),
        (Some(Stage::Landlock), _) => format!("the kernel refused the Landlock rules: {reason}; try --without landlock"),
        (Some(Stage::Seccomp), _) => format!("the kernel refused the seccomp filter: {reason}"),
        (Some(Stage::Fork), libc::EAGAIN) => {
            "the specimen's process could not be made: the pids or nproc limit is too low, or user processes elsewhere use it up"
                .to_owned()
        }
        (stage, _) => format!("the shim failed at {stage:?}: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_specimen_that_ended_by_itself_is_never_told_as_timed_out() {
        let exited = |timed_out| Exited { status: 3 << 8, elapsed_us: 0, timed_out };
        assert_eq!(Cut::Deadline.outcome(exited(false)), Outcome::Exited(3));
        assert_eq!(Cut::Not.outcome(exited(false)), Outcome::Exited(3));
        assert_eq!(Cut::Stopped.outcome(exited(false)), Outcome::Stopped);
        for cut in [Cut::Not, Cut::Stopped, Cut::Deadline] {
            assert_eq!(cut.outcome(exited(true)), Outcome::TimedOut);
        }
    }
}
