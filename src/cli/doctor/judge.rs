//! What an engine on this host gives of each layer and runtime. Pure.

use serde::Serialize;

use super::host::Host;
use crate::engine::Capabilities;
use crate::plan::{CellPlan, Filter, Kernel, Request, Watch};
use crate::policy::{Layer, Policy, Runtime};
use crate::run::Observation;

/// A layer at an engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct LayerReport {
    /// Which.
    pub name: Layer,
    /// Whether it can be had.
    pub available: bool,
    /// Why not, or what is lacking all the same.
    pub detail: Option<String>,
}

/// A runtime of an engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct RuntimeReport {
    /// Its name.
    pub name: String,
    /// Whether it makes the cells where none is named.
    pub default: bool,
    /// Whether the `runtime` layer can choose it.
    pub available: bool,
    /// Whether refused calls can be seen under it.
    pub denials_observable: bool,
    /// Why it cannot be had, or why denials cannot be seen.
    pub detail: Option<String>,
}

/// Judges for one kernel and filter.
pub(super) struct Judge<'a> {
    /// This machine.
    pub host: &'a Host,
    /// The filter of an ordinary run.
    pub filter: &'a Filter,
}

impl Judge<'_> {
    /// Every layer, each judged under the engine's default runtime.
    pub fn layers(&self, engine: &Capabilities) -> Vec<LayerReport> {
        let plan = self.plan(engine, None);
        let runtime = self.plan(engine, Some(Policy::blank("").runtime.setting.0));
        let report = |layer: Layer| {
            let plan = if layer == Layer::Runtime { &runtime } else { &plan };
            let why_not = plan.unavailable.get(&layer).cloned();
            LayerReport {
                name: layer,
                available: why_not.is_none(),
                detail: why_not.or_else(|| lack(plan, engine, layer)),
            }
        };
        Layer::ALL.map(report).to_vec()
    }

    /// Every runtime that the engine has registered.
    pub fn runtimes(&self, engine: &Capabilities) -> Vec<RuntimeReport> {
        engine.runtimes.iter().map(|name| self.runtime(engine, name)).collect()
    }

    fn runtime(&self, engine: &Capabilities, name: &str) -> RuntimeReport {
        let plan = self.plan(engine, Some(name.to_owned()));
        let why_not = plan.unavailable.get(&Layer::Runtime).cloned();
        let blind = match plan.denials {
            Observation::NotObservable(reason) => Some(reason),
            Observation::Live if !self.host.notifies() => {
                Some("this kernel's seccomp cannot ask a supervisor: Linux 5.0 can".to_owned())
            }
            Observation::Live => None,
        };
        RuntimeReport {
            name: name.to_owned(),
            default: name == engine.default_runtime,
            available: why_not.is_none(),
            denials_observable: why_not.is_none() && blind.is_none(),
            detail: why_not.or(blind),
        }
    }

    /// A cell with every layer on, and a runtime where one is asked for.
    fn plan(&self, engine: &Capabilities, runtime: Option<String>) -> CellPlan {
        let mut policy = Policy::blank("doctor");
        for layer in Layer::ALL {
            policy.set_on(layer, true);
        }
        policy.runtime.on = runtime.is_some();
        if let Some(name) = runtime {
            policy.runtime.setting = Runtime(name);
        }
        let request = Request {
            policy,
            filter: Some(self.filter.clone()),
            watch: Watch::Refusals,
            image: String::new(),
            native: false,
            host_env: std::collections::BTreeMap::new(),
        };
        CellPlan::new(request, engine, &Kernel { landlock_abi: self.host.landlock_abi })
    }
}

/// What a layer that can be had does not do here.
fn lack(plan: &CellPlan, engine: &Capabilities, layer: Layer) -> Option<String> {
    if layer == Layer::Memory && !engine.limits.swap {
        return Some("without a limit on swap: the engine's host does not account for it".to_owned());
    }
    let about = format!("{layer}: ");
    plan.warnings.iter().find_map(|warning| warning.strip_prefix(&about).map(str::to_owned))
}
