//! The report for people.

use super::host::{Cgroup, Host};
use super::judge::{LayerReport, RuntimeReport};
use super::{EngineReport, Report, Silent};
use crate::cli::image;
use crate::cli::layout::{BAD, BOLD, CARE, Cell, DIM, GOOD, cell, fill, styled, table};
use crate::engine::CgroupVersion;
use crate::text::{visible, visible_str};

/// The whole report: the host, each engine, the silent endpoints, and what it comes to.
pub(super) fn report(report: &Report) -> String {
    let mut text = host(report);
    for engine in &report.engines {
        text.push_str(&format!("\n{}", self::engine(engine, report)));
    }
    if !report.silent.is_empty() {
        let rows = report.silent.iter().map(silent).collect::<String>();
        text.push_str(&format!("\n{BOLD}No engine answers at{BOLD:#}\n{rows}"));
    }
    format!("{text}\n{}\n", conclusion(report))
}

fn host(report: &Report) -> String {
    let Host { kernel, architecture, lsm, landlock_abi, user_namespaces, cgroup, .. } = &report.host;
    let modules = match (lsm.names.is_empty(), lsm.listed) {
        (_, true) => lsm.names.join(", "),
        (true, false) => "none found; /sys/kernel/security/lsm is not there to list them".to_owned(),
        (false, false) => {
            format!("{} by their traces; /sys/kernel/security/lsm is not there to list them", lsm.names.join(", "))
        }
    };
    let landlock = match landlock_abi {
        Some(abi @ ..4) => styled(CARE, format!("ABI {abi}: files, and TCP only from 4")),
        Some(abi) => cell(format!("ABI {abi}: files and TCP")),
        None => styled(CARE, "not enabled"),
    };
    let seccomp = match (report.host.seccomp_actions.is_empty(), report.host.notifies()) {
        (true, _) => styled(BAD, "no filters"),
        (false, true) => cell("filters, and user notification, by which denials are seen"),
        (false, false) => styled(CARE, "filters without user notification: denials cannot be seen"),
    };
    let cgroup = match cgroup {
        Cgroup::V1 => "v1",
        Cgroup::V2 => "v2",
        Cgroup::Hybrid => "hybrid: controllers in v1, v2 empty beside them",
        Cgroup::None => "none mounted",
    };
    let most = user_namespaces.max.map_or_else(|| "none".to_owned(), |max| format!("at most {max} a user"));
    let restricted = user_namespaces.restricted_by.iter().map(|name| format!(", restricted by {name}"));
    let run_dir = match &report.run_dir {
        Ok(path) => cell(visible(path.as_os_str().as_encoded_bytes())),
        Err(error) => styled(BAD, error.to_string()),
    };
    let rows = [
        [cell("kernel"), cell(visible_str(&format!("Linux {kernel} on {architecture}")))],
        [cell("LSMs"), cell(visible_str(&modules))],
        [cell("Landlock"), landlock],
        [cell("seccomp"), seccomp],
        [cell("cgroups"), cell(cgroup)],
        [cell("user namespaces"), cell(most + &restricted.collect::<String>())],
        [cell("run directory"), run_dir],
    ];
    format!("{BOLD}This host{BOLD:#}\n{}", table(2, &rows))
}

fn engine(engine: &EngineReport, report: &Report) -> String {
    let able = &engine.capabilities;
    let title = visible_str(&format!("{} {}", able.kind, able.version));
    let place = visible_str(&format!("{} ({})", engine.endpoint.address, engine.endpoint.origin));
    let image = match &engine.image {
        Some(image) => styled(GOOD, format!("{}, {}", visible_str(&image.reference), image.size)),
        None => styled(BAD, image::missing(&report.image)),
    };
    let cgroups = match able.cgroup_version {
        Some(CgroupVersion::V1) => "v1",
        Some(CgroupVersion::V2) => "v2",
        None => "not told",
    };
    let root = if able.rootless { "no" } else { "yes" };
    let kernel = if able.local { "this host's".to_owned() } else { format!("{}, another machine's", able.kernel) };
    let mut rows = vec![
        [cell("image"), image],
        [cell("API"), cell(visible_str(&able.api_version))],
        [cell("kernel"), cell(visible_str(&kernel))],
        [cell("cgroups"), cell(cgroups)],
        [cell("runs as root"), cell(root)],
    ];
    rows.extend(able.warnings.iter().map(|warning| [styled(CARE, "warning"), cell(visible_str(warning))]));
    format!(
        "{BOLD}{title}{BOLD:#} at {place}\n{}\n{}\n{}",
        table(2, &rows),
        layers(&engine.layers),
        runtimes(&engine.runtimes)
    )
}

fn layers(layers: &[LayerReport]) -> String {
    let row = |layer: &LayerReport| {
        let detail = cell(visible_str(layer.detail.as_deref().unwrap_or_default()));
        [cell(layer.name.name()), yes_or_no(layer.available), detail]
    };
    let head = ["LAYER", "HERE", ""].map(|title| styled(BOLD, title));
    table(2, &std::iter::once(head).chain(layers.iter().map(row)).collect::<Vec<_>>())
}

fn runtimes(runtimes: &[RuntimeReport]) -> String {
    let row = |runtime: &RuntimeReport| {
        let name = visible_str(&runtime.name);
        let name = if runtime.default { format!("{name} (default)") } else { name };
        let detail = cell(visible_str(runtime.detail.as_deref().unwrap_or_default()));
        [cell(name), yes_or_no(runtime.available), yes_or_no(runtime.denials_observable), detail]
    };
    let head = ["RUNTIME", "HERE", "DENIALS SEEN", ""].map(|title| styled(BOLD, title));
    table(2, &std::iter::once(head).chain(runtimes.iter().map(row)).collect::<Vec<_>>())
}

fn yes_or_no(yes: bool) -> Cell {
    if yes { styled(GOOD, "yes") } else { styled(CARE, "no") }
}

fn silent(silent: &Silent) -> String {
    // The error names its address itself, and is safe to show.
    format!("  {DIM}{}{DIM:#}\n", fill(&silent.error.to_string(), 2, 4))
}

fn conclusion(report: &Report) -> String {
    let with_image: Vec<&str> =
        report.engines.iter().filter(|engine| engine.image.is_some()).map(|engine| engine.capabilities.kind.name()).collect();
    if report.run_dir.is_err() {
        format!("{BAD}Nothing can run:{BAD:#} there is no run directory.")
    } else if report.engines.is_empty() {
        format!("{BAD}Nothing can run:{BAD:#} no engine answers.")
    } else if with_image.is_empty() {
        let missing = image::missing(&report.image);
        format!("{CARE}Nearly ready:{CARE:#} {}.", fill(&missing, 14, 0))
    } else {
        format!("{GOOD}Ready:{GOOD:#} `hotcell run FILE` runs specimens with {}.", with_image.join(" and "))
    }
}
