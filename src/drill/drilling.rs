//! The drill: probes under a policy, each in a cell of its own, several at a time.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinError;

use super::cells::{self, Bench, Slot, in_slots};
use super::drilled::Drilled;
use super::judge::{Finding, judge};
use super::probe::{Need, Probe};
use super::scene::{self, Scene};
use super::trial::Trial;
use crate::policy::Policy;
use crate::run::words::one_line;
use crate::run::{Outcome, Summary};
use crate::specimen::Specimen;
use crate::supervise::Control;

/// Tries these probes, `jobs` of them at a time, and tells what came of each as it ends. What they look for on this
/// machine stands until the last is over.
///
/// # Errors
/// A part of it that panicked.
pub async fn drill(
    bench: Arc<Bench>,
    policy: Policy,
    probes: Vec<Probe>,
    jobs: u32,
    control: watch::Receiver<Control>,
    told: mpsc::Sender<Drilled>,
) -> Result<(), JoinError> {
    let scene = Arc::new(Scene::set(&probes));
    let start = |probe: Probe, slot: Slot| {
        let (bench, policy, scene, control) = (bench.clone(), policy.clone(), scene.clone(), control.clone());
        async move { tried(&bench, &policy, &scene, probe, slot, control).await }
    };
    in_slots(probes, jobs, start, told).await
}

/// One probe in a cell of its own.
async fn tried(
    bench: &Bench,
    policy: &Policy,
    scene: &Scene,
    probe: Probe,
    slot: Slot,
    control: watch::Receiver<Control>,
) -> Drilled {
    let began = Instant::now();
    let (changes, came) = match Trial::new(&probe, policy) {
        Err(error) => (Vec::new(), Err(error.to_string())),
        Ok(trial) => {
            let Trial { policy, changes } = trial;
            let came = ran(bench, policy, scene, &probe, slot, control).await;
            (changes, came)
        }
    };
    let finding = match &came {
        Ok(summary) => judge(&probe, summary),
        Err(why) => Finding::Untested(one_line(why)),
    };
    Drilled { probe, changes, finding, summary: came.ok(), took: began.elapsed() }
}

/// The run of a probe, or why it would be no test.
async fn ran(
    bench: &Bench,
    mut policy: Policy,
    scene: &Scene,
    probe: &Probe,
    slot: Slot,
    control: watch::Receiver<Control>,
) -> Result<Summary, String> {
    if *control.borrow() == Control::Stop {
        return Ok(cells::ended(Outcome::Stopped));
    }
    if !bench.capabilities.local
        && matches!(probe.needs, Some(Need::TcpListener | Need::AbstractListener | Need::ShmSegment))
    {
        return Err("the engine is on another machine, where what it looks for cannot be set out".to_owned());
    }
    slot.user_of_its_own(&mut policy);
    let mut plan = bench.plan(policy).map_err(|error| error.to_string())?;
    // A layer that is switched on for this probe alone may be lacking; one of the policy's own may not.
    if let Some(why) = probe.under.iter().find_map(|change| plan.unavailable.get(&change.layer())) {
        return Err(why.clone());
    }
    if let Some(Need::Variable(name)) = &probe.needs {
        plan.request.host_env.insert(name.clone(), "not a secret".to_owned());
    }
    let text = scene.text(probe)?;
    let bytes = if probe.needs == Some(Need::Compiler) {
        let (name, run_dir, owner) = (probe.name.clone(), bench.site.run_dir.clone(), bench.site.owner.clone());
        let compiling = tokio::task::spawn_blocking(move || scene::compile(&name, &text, &run_dir, &owner));
        compiling.await.map_err(|error| error.to_string())??
    } else {
        text.into_bytes()
    };
    let name = if probe.needs == Some(Need::Compiler) { "probe" } else { &probe.name };
    let specimen = Specimen::from_bytes(name, bytes, &bench.config.languages, None, bench.config.max_size);
    let specimen = specimen.map_err(|error| error.to_string())?;
    Ok(cells::run(bench.site.clone(), plan, Arc::new(specimen), control).await)
}
