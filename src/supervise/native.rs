//! A run that the engine enforces by itself: no shim, no listener, output by
//! attach. What an exported `docker run` does, and the only way into a runtime
//! with a kernel of its own.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::cell::{Cell, Ended, Run, StartError, Stdin};
use super::cgroup::Cgroup;
use super::output::Outbox;
use super::sampler::{INTERVAL, Sampler};
use super::verify::{self, Reading};
use crate::engine::{Attached, EngineError};
use crate::plan;
use crate::run::{EventKind, LayerState, Limit, LimitKind, Outcome, Stream};

/// What is read of the input at a time.
const INPUT_CHUNK: usize = 64 * 1024;

/// Starts the container and watches it to its end.
///
/// # Errors
/// When it could not be started.
pub async fn run(cell: &Cell, run: &Run<'_>, streams: Attached, stdin: Stdin) -> Result<Ended, StartError> {
    let file_name = run.specimen.language.file_name(&run.specimen.name);
    cell.dir.write_specimen(&file_name, &run.specimen.bytes).map_err(StartError::io("writing the specimen"))?;
    cell.site.engine.start(&cell.name).await?;
    run.clock.start();

    let pid = cell.site.engine.inspect(&cell.name).await?.pid;
    let cgroup = pid.and_then(|pid| Cgroup::of(pid).ok());
    run.tell(cell.facts(plan::facts(run.specimen), layers(cell, pid, cgroup.as_ref()))).await;
    run.tell(EventKind::Started { pid: pid.unwrap_or(0) }).await;
    let sampler = cgroup.map(|cgroup| Sampler::new(cgroup.meters(), cell.plan.nproc()));
    Ok(Watch::new(cell, run, sampler).watch(streams, stdin).await)
}

fn layers(cell: &Cell, pid: Option<u32>, cgroup: Option<&Cgroup>) -> Vec<LayerState> {
    let plan = &cell.plan;
    match pid.map(|pid| Reading::of(pid, cgroup)) {
        Some(Ok(reading)) if plan.own_kernel => verify::judge_outside(plan, &reading),
        Some(Ok(reading)) => verify::judge_all(plan, &reading),
        Some(Err(_)) | None => verify::all_unverified(plan, "the specimen ended before it could be read"),
    }
}

struct Watch<'a> {
    cell: &'a Cell,
    run: &'a Run<'a>,
    sampler: Option<Sampler>,
    outboxes: [Outbox; 2],
    warnings: Vec<String>,
}

impl<'a> Watch<'a> {
    fn new(cell: &'a Cell, run: &'a Run<'a>, sampler: Option<Sampler>) -> Self {
        let caps = cell.plan.output_caps();
        let outboxes = [(Stream::Stdout, caps.stdout), (Stream::Stderr, caps.stderr)]
            .map(|(stream, cap)| Outbox::new(stream, cap, run.clock.clone(), run.events.clone()));
        Self { cell, run, sampler, outboxes, warnings: Vec::new() }
    }

    async fn watch(mut self, streams: Attached, stdin: Stdin) -> Ended {
        let Attached { mut output, input } = streams;
        let feeding = tokio::spawn(feed(input, stdin));
        let (cell, mut stop) = (self.cell, self.run.stop.clone());
        let ended = cell.site.engine.wait(&cell.name);
        tokio::pin!(ended);
        let mut samples = interval(INTERVAL);
        samples.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let deadline = cell.plan.deadline().map(|deadline| Instant::now() + deadline);
        let (mut cut, mut code) = (None, None);
        let mut attached = true;
        // The streams end with the container; output is read to its end, then the exit code.
        while attached || code.is_none() {
            tokio::select! {
                part = output.recv(), if attached => match part {
                    Some(Ok((stream, bytes))) => self.outboxes[usize::from(stream == Stream::Stderr)].take(&bytes),
                    Some(Err(error)) => {
                        self.warnings.push(format!("output was lost: {error}"));
                        attached = false;
                    }
                    None => attached = false,
                },
                result = &mut ended, if code.is_none() => code = Some(result),
                _ = samples.tick() => self.sample(),
                () = Run::stopped(&mut stop), if cut.is_none() => {
                    cut = Some(Outcome::Stopped);
                    self.kill().await;
                }
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() && cut.is_none() => {
                    cut = Some(Outcome::TimedOut);
                    self.kill().await;
                }
            }
        }
        feeding.abort();
        let duration = self.run.clock.now();
        self.finish(cut, code, duration).await
    }

    async fn kill(&mut self) {
        if let Err(error) = self.cell.site.engine.kill(&self.cell.name).await {
            self.warnings.push(error.to_string());
        }
    }

    fn sample(&mut self) {
        for event in self.sampler.iter_mut().flat_map(Sampler::read) {
            self.run.mention(event);
        }
        for outbox in &mut self.outboxes {
            outbox.tick();
        }
    }

    async fn finish(self, cut: Option<Outcome>, code: Option<Result<i64, EngineError>>, duration: Duration) -> Ended {
        for outbox in self.outboxes {
            outbox.close().await;
        }
        if cut == Some(Outcome::TimedOut) {
            self.run.tell(EventKind::Limit(Limit { kind: LimitKind::Deadline, count: 1 })).await;
        }
        let killed = self.cell.site.engine.inspect(&self.cell.name).await.is_ok_and(|seen| seen.oom_killed);
        if killed {
            self.run.tell(EventKind::Limit(Limit { kind: LimitKind::OomKill, count: 1 })).await;
        }
        let outcome = match (cut, code) {
            (Some(cut), _) => cut,
            (None, Some(Ok(code))) => from_exit_code(code),
            (None, Some(Err(error))) => Outcome::CellLost(error.to_string()),
            (None, None) => Outcome::CellLost("the engine told no exit code".to_owned()),
        };
        Ended { outcome, duration, warnings: self.warnings }
    }
}

/// An engine tells a signal as 128 + N, which an exit code can be too: it is passed on as it is.
fn from_exit_code(code: i64) -> Outcome {
    u8::try_from(code).map_or_else(|_| Outcome::CellLost(format!("the engine told exit code {code}")), Outcome::Exited)
}

/// Copies the input into the cell; its end, or a cell that reads no more, ends the copy.
async fn feed(mut input: Box<dyn tokio::io::AsyncWrite + Send + Unpin>, stdin: Stdin) {
    if let Stdin::File(file) = stdin {
        let mut file = tokio::io::BufReader::with_capacity(INPUT_CHUNK, tokio::fs::File::from_std(file));
        let _ = tokio::io::copy_buf(&mut file, &mut input).await;
    }
    let _ = input.shutdown().await;
}
