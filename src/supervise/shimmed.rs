//! A run under the shim: every process-level layer applied by it, every
//! refusal seen.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use hotcell_shim::{Exited, Failed, Stage, tag};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::cell::{Cell, Ended, Run, StartError, Stdin};
use super::cgroup::Cgroup;
use super::link::{FromShim, Link, LinkError, pid_of};
use super::listener::Listener;
use super::output::{Outbox, drain, pipe};
use super::sampler::{INTERVAL, Sampler};
use super::verify::{self, Reading};
use crate::plan;
use crate::run::{EventKind, LayerState, Limit, LimitKind, Outcome, Stream};

/// How long the specimen's process may take to put its layers on.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(20);

/// The shim keeps the deadline; this much later the engine is asked to kill the cell.
const DEADLINE_GRACE: Duration = Duration::from_secs(3);

/// How long the pipes may take to end once every process of the cell is dead.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// A run under way.
struct Watch<'a> {
    cell: &'a Cell,
    run: &'a Run<'a>,
    link: Link,
    sampler: Option<Sampler>,
    listener: Option<Listener>,
    drains: [JoinHandle<io::Result<()>>; 2],
}

/// Launches the specimen and watches it to its end.
///
/// # Errors
/// When it could not be started.
pub async fn run(cell: &Cell, run: &Run<'_>, link: Link, stdin: Stdin) -> Result<Ended, StartError> {
    let file_name = run.specimen.language.file_name(&run.specimen.name);
    cell.dir.write_specimen(&file_name, &run.specimen.bytes).map_err(StartError::io("writing the specimen"))?;

    let caps = cell.plan.output_caps();
    let (stdout, stdout_end) = pipe().map_err(StartError::io("making a pipe"))?;
    let (stderr, stderr_end) = pipe().map_err(StartError::io("making a pipe"))?;
    let stdin = stdin.into_fd().map_err(StartError::io("opening the specimen's input"))?;
    let argv = plan::argv(run.specimen);
    let launch = cell.plan.launch(argv.clone())?.encode();
    link.send(&launch, &[stdin.as_fd(), stdout_end.as_fd(), stderr_end.as_fd()]).await?;
    drop((stdin, stdout_end, stderr_end));

    let (pidfd, listener) = prepared(&link, cell, &argv).await?;
    let pid = pid_of(&pidfd).map_err(StartError::io("finding the specimen's process"))?;
    let listener = match (listener, &cell.plan.request.filter) {
        (Some(fd), Some(filter)) => Some(
            Listener::start(fd, filter.program.clone(), run.clock.clone(), run.events.clone())
                .map_err(StartError::io("starting the listener"))?,
        ),
        _ => None,
    };
    // The process stands stopped, one call before its execve: nothing it does can race with the reading.
    let cgroup = Cgroup::of(pid);
    run.tell(cell.facts(plan::facts(run.specimen), layers(cell, pid, cgroup.as_ref().ok()))).await;

    let drains =
        [(stdout, Stream::Stdout, caps.stdout), (stderr, Stream::Stderr, caps.stderr)].map(|(pipe, stream, cap)| {
            tokio::spawn(drain(pipe, Outbox::new(stream, cap, run.clock.clone(), run.events.clone())))
        });
    let sampler = cgroup.ok().map(|cgroup| Sampler::new(cgroup.meters(), cell.plan.nproc()));
    run.clock.start();
    link.send_tag(tag::GO).await?;
    run.tell(EventKind::Started { pid }).await;

    let mut watch = Watch { cell, run, link, sampler, listener, drains };
    let end = watch.watch().await;
    Ok(watch.finish(end, &argv).await)
}

fn layers(cell: &Cell, pid: u32, cgroup: Option<&Cgroup>) -> Vec<LayerState> {
    match Reading::of(pid, cgroup) {
        Ok(reading) => verify::judge_all(&cell.plan, &reading),
        Err(error) => verify::all_unverified(&cell.plan, &format!("/proc could not be read: {error}")),
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

impl Watch<'_> {
    async fn watch(&mut self) -> (End, Cut) {
        let mut cut = Cut::Not;
        let mut stop = self.run.stop.clone();
        let mut samples = interval(INTERVAL);
        samples.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let deadline = self.cell.plan.deadline().map(|deadline| Instant::now() + deadline + DEADLINE_GRACE);
        loop {
            tokio::select! {
                said = self.link.receive() => return (match said {
                    Ok(FromShim::Exited(exited)) => End::Exited(exited),
                    Ok(FromShim::Failed(failed)) => End::Failed(failed),
                    Ok(_) => End::Lost(LinkError::Protocol("an unexpected packet")),
                    Err(error) => End::Lost(error),
                }, cut),
                _ = samples.tick() => self.sample(),
                () = Run::stopped(&mut stop), if cut == Cut::Not => {
                    cut = Cut::Stopped;
                    // A shim that is gone is noticed by the next receive.
                    let _ = self.link.send_tag(tag::KILL).await;
                }
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() && cut != Cut::Deadline => {
                    cut = Cut::Deadline;
                    let _ = self.cell.site.engine.kill(&self.cell.name).await;
                }
            }
        }
    }

    fn sample(&mut self) {
        for event in self.sampler.iter_mut().flat_map(Sampler::read) {
            self.run.mention(event);
        }
    }

    /// Collects what is still on its way. The shim waits for the socket's end, so the control group is still there.
    async fn finish(mut self, (end, cut): (End, Cut), argv: &[String]) -> Ended {
        let mut warnings = Vec::new();
        for event in self.sampler.iter_mut().flat_map(Sampler::read) {
            self.run.tell(event).await;
        }
        if let Some(listener) = self.listener.take() {
            match tokio::task::spawn_blocking(|| listener.finish()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    warnings.push(format!("the listener ended early, later refusals are not listed: {error}"));
                }
                Err(error) => warnings.push(format!("the listener was lost: {error}")),
            }
        }
        let duration = match &end {
            End::Exited(exited) => Duration::from_micros(exited.elapsed_us),
            End::Failed(_) | End::Lost(_) => self.run.clock.now(),
        };
        let outcome = self.outcome(end, cut, argv).await;
        if outcome == Outcome::TimedOut {
            self.run.tell(EventKind::Limit(Limit { kind: LimitKind::Deadline, count: 1 })).await;
        }
        // Its end of file ends the shim, which holds no pipe, but whatever a lost shim left may.
        drop(self.link);
        for drain in &mut self.drains {
            match timeout(DRAIN_TIMEOUT, &mut *drain).await {
                Ok(Ok(Ok(()))) => {}
                Ok(Ok(Err(error))) => warnings.push(format!("output was lost: {error}")),
                Ok(Err(error)) => warnings.push(format!("output was lost: {error}")),
                Err(_) => {
                    drain.abort();
                    warnings.push("output was cut: the pipe was still open after the cell's end".to_owned());
                }
            }
        }
        Ended { outcome, duration, warnings }
    }

    async fn outcome(&self, end: End, cut: Cut, argv: &[String]) -> Outcome {
        match (end, cut) {
            (End::Failed(failed), _) => Outcome::NotStarted(explain(failed, self.cell, argv)),
            (End::Exited(exited), _) if exited.timed_out => Outcome::TimedOut,
            (_, Cut::Deadline) => Outcome::TimedOut,
            (End::Exited(_) | End::Lost(_), Cut::Stopped) => Outcome::Stopped,
            (End::Exited(exited), Cut::Not) => from_wait_status(exited.status),
            (End::Lost(error), Cut::Not) => Outcome::CellLost(self.why_lost(&error).await),
        }
    }

    async fn why_lost(&self, error: &LinkError) -> String {
        match self.cell.site.engine.inspect(&self.cell.name).await {
            Err(engine) => format!("{error}; {engine}"),
            Ok(seen) if seen.oom_killed => format!("{error}: the memory limit killed it"),
            Ok(seen) if seen.running => format!("{error}, though its container still runs"),
            Ok(_) => format!("{error}: something outside ended its container"),
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
