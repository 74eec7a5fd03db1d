//! A run that the engine enforces by itself: no shim, no listener, output by
//! attach. What an exported `docker run` does, and the only way into a runtime
//! with a kernel of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::cell::{Cell, StartError, Stdin, started};
use super::control::{Run, stopped};
use super::ended::{Backlog, Ended};
use super::output::Outbox;
use super::sampler::{INTERVAL, Sampler};
use super::verify::{self, Reading};
use crate::engine::{Attached, EngineError};
use crate::kernel::cgroup::Cgroup;
use crate::plan;
use crate::run::{EventKind, LayerState, Limit, LimitKind, Observation, Outcome, RunEvent, Stream};

/// The time between two questions to the engine for the use of a cell; each takes it a while.
const ASK_INTERVAL: Duration = Duration::from_millis(200);

/// How long a kill may take to show.
const KILL_AGAIN: Duration = Duration::from_secs(1);

/// Starts the container and watches it to its end.
///
/// # Errors
/// When it could not be started.
pub async fn run(cell: &Cell, run: &Run<'_>, streams: Attached, stdin: Stdin) -> Result<Ended, StartError> {
    let file_name = run.specimen.language.file_name(&run.specimen.name);
    cell.dir.write_specimen(&file_name, &run.specimen.bytes).map_err(StartError::io("writing the specimen"))?;
    started(&*cell.site.engine, &cell.name).await?;
    run.clock.start();

    // It runs already: what cannot be asked now is unverified, and its end is told by the wait. Another machine's
    // process numbers mean nothing here.
    let pid = cell.site.engine.inspect(&cell.name).await.ok().and_then(|seen| seen.pid).filter(|_| cell.plan.local);
    let cgroup = pid.and_then(|pid| Cgroup::of(pid).ok());
    // Nobody stands between the engine and the specimen who could be followed from before its first call.
    let outcomes = Observation::NotObservable(match &cell.plan.denials {
        Observation::NotObservable(reason) => reason.clone(),
        Observation::Live => "native enforcement: no shim is there to be followed".to_owned(),
    });
    run.tell(cell.facts(plan::facts(run.specimen), layers(cell, pid, cgroup.as_ref()), outcomes)).await;
    run.tell(EventKind::Started { pid: pid.unwrap_or(0) }).await;
    Ok(Watch::new(cell, run, cgroup.filter(Cgroup::is_apart)).watch(streams, stdin).await)
}

fn layers(cell: &Cell, pid: Option<u32>, cgroup: Option<&Cgroup>) -> Vec<LayerState> {
    let plan = &cell.plan;
    match pid.map(|pid| Reading::of(pid, cgroup)) {
        Some(Ok(reading)) if plan.own_kernel => verify::judge_outside(plan, &reading),
        Some(Ok(reading)) => verify::judge_running(plan, &reading),
        None if !plan.local => verify::all_unverified(plan, "the cell's processes are not this machine's to read"),
        Some(Err(_)) | None => verify::all_unverified(plan, "the specimen ended before it could be read"),
    }
}

struct Watch<'a> {
    cell: &'a Cell,
    run: &'a Run<'a>,
    cgroup: Option<Cgroup>,
    sampler: Option<Sampler>,
    outboxes: [Outbox; 2],
    warnings: Vec<String>,
}

impl<'a> Watch<'a> {
    fn new(cell: &'a Cell, run: &'a Run<'a>, cgroup: Option<Cgroup>) -> Self {
        let sampler = cgroup.as_ref().map(|cgroup| Sampler::new(cgroup, cell.plan.nproc()));
        let caps = cell.plan.output_caps();
        let outboxes = [(Stream::Stdout, caps.stdout), (Stream::Stderr, caps.stderr)]
            .map(|(stream, cap)| Outbox::new(stream, cap, run.clock.clone(), run.events.clone()));
        Self { cell, run, cgroup, sampler, outboxes, warnings: Vec::new() }
    }

    async fn watch(mut self, streams: Attached, stdin: Stdin) -> Ended {
        let Attached { mut output, input } = streams;
        let feeding = tokio::spawn(stdin.feed(input));
        let asking = self.sampler.is_none().then(|| tokio::spawn(ask_engine(self.cell, self.run)));
        let (cell, mut control) = (self.cell, self.run.control.clone());
        let ended = cell.site.engine.wait(&cell.name);
        tokio::pin!(ended);
        let mut samples = interval(INTERVAL);
        samples.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut deadline = cell.plan.deadline().map(|deadline| Instant::now() + deadline);
        let (mut cut, mut code) = (None, None);
        // Tried again until the end is seen.
        let mut kill_at = None;
        let mut attached = true;
        // The streams end with the container; output is read to its end, then the exit code.
        while attached || code.is_none() {
            tokio::select! {
                // The end goes first, and a flood of output last.
                biased;
                result = &mut ended, if code.is_none() => code = Some(result),
                () = stopped(&mut control), if cut.is_none() => {
                    cut = Some(Outcome::Stopped);
                    kill_at = Some(Instant::now());
                }
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() && cut.is_none() => {
                    deadline = None;
                    // A workbench that was suspended meanwhile may not have heard of the end yet.
                    if !cell.site.engine.inspect(&cell.name).await.is_ok_and(|seen| !seen.running) {
                        cut = Some(Outcome::TimedOut);
                        kill_at = Some(Instant::now());
                    }
                }
                () = sleep_until(kill_at.unwrap_or_else(Instant::now)), if kill_at.is_some() && code.is_none() => {
                    kill_at = Some(Instant::now() + KILL_AGAIN);
                    // What waits for a slowed disk cannot be killed.
                    drop(self.cgroup.as_ref().map(Cgroup::free_disks));
                    let _ = cell.site.engine.kill(&cell.name).await;
                }
                _ = samples.tick() => self.sample(),
                part = output.recv(), if attached => match part {
                    Some(Ok((stream, bytes))) => self.outboxes[usize::from(stream == Stream::Stderr)].take(&bytes),
                    Some(Err(error)) => {
                        self.warnings.push(format!("output was lost: {error}"));
                        attached = false;
                    }
                    None => attached = false,
                },
            }
        }
        feeding.abort();
        if let Some(asking) = asking {
            asking.abort();
        }
        let duration = self.run.clock.now();
        self.finish(cut, code, duration).await
    }

    fn sample(&mut self) {
        for event in self.sampler.iter_mut().flat_map(|sampler| sampler.read(self.run.clock.now())) {
            self.run.mention(event);
        }
        for outbox in &mut self.outboxes {
            outbox.tick();
        }
    }

    async fn finish(self, cut: Option<Outcome>, code: Option<Result<i64, EngineError>>, duration: Duration) -> Ended {
        let mut events = self.sampler.iter().flat_map(|sampler| sampler.totals(duration)).collect::<Vec<_>>();
        if cut == Some(Outcome::TimedOut) {
            events.push(EventKind::Limit(Limit { kind: LimitKind::Deadline, count: 1, at: duration }));
        }
        let counted = |event: &EventKind| matches!(event, EventKind::Limit(limit) if limit.kind == LimitKind::OomKill);
        let killed = self.cell.site.engine.inspect(&self.cell.name).await.is_ok_and(|seen| seen.oom_killed);
        if killed && !events.iter().any(counted) {
            events.push(EventKind::Limit(Limit { kind: LimitKind::OomKill, count: 1, at: duration }));
        }
        let close = |outbox: Outbox| {
            tokio::spawn(async move {
                outbox.close().await;
                Ok(())
            })
        };
        let backlog = Backlog { events, drains: self.outboxes.map(close).into(), ..Backlog::default() };
        let outcome = match (cut, code) {
            (Some(cut), _) => cut,
            (None, Some(Ok(code))) => from_exit_code(code),
            (None, Some(Err(error))) => Outcome::CellLost(error.to_string()),
            (None, None) => Outcome::CellLost("the engine told no exit code".to_owned()),
        };
        Ended { warnings: self.warnings, backlog, ..Ended::plain(outcome, duration) }
    }
}

/// Tells what the engine says the cell uses, as often as it likes to say it, where the control group is out of reach.
fn ask_engine(cell: &Cell, run: &Run<'_>) -> impl Future<Output = ()> + use<> {
    let (engine, name) = (Arc::clone(&cell.site.engine), cell.name.clone());
    let (clock, events) = (run.clock.clone(), run.events.clone());
    async move {
        loop {
            if let Ok(sample) = engine.usage(&name).await {
                // The next answer makes good what finds no room.
                let _ = events.try_send(RunEvent { at: clock.now(), kind: EventKind::Resource(sample) });
            }
            tokio::time::sleep(ASK_INTERVAL).await;
        }
    }
}

/// An engine tells a signal as 128 + N, which an exit code can be too: it is passed on as it is.
fn from_exit_code(code: i64) -> Outcome {
    u8::try_from(code).map_or_else(|_| Outcome::CellLost(format!("the engine told exit code {code}")), Outcome::Exited)
}
