//! The report for people.

use super::host::{Cgroup, Host};
use super::judge::{LayerReport, RuntimeReport};
use super::{EngineReport, Report, Silent};
use crate::cli::image;
use crate::cli::layout::{BAD, BOLD, CARE, Cell, DIM, GOOD, cell, fill, styled, table};
use crate::engine::embedded::HOST_IMAGE;
use crate::engine::{CgroupVersion, EngineError, EngineKind};
use crate::text::{visible, visible_str};

/// The whole report: the host, each engine, the silent endpoints, and what it comes to.
pub(super) fn report(report: &Report) -> String {
    let mut parts = vec![host(report)];
    parts.extend(report.engines.iter().map(engine));
    if !report.silent.is_empty() {
        let brief = !report.engines.is_empty();
        let rows = report.silent.iter().map(|way| silent(way, brief)).collect::<String>();
        parts.push(format!("{BOLD}No engine answers at{BOLD:#}\n{rows}"));
    }
    parts.push(conclusion(report) + "\n");
    parts.join("\n")
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

fn engine(engine: &EngineReport) -> String {
    let able = &engine.capabilities;
    let title = visible_str(&format!("{} {}", able.kind, able.version));
    let place = visible_str(&format!("{} ({})", engine.endpoint.address, engine.endpoint.origin));
    let image = match &engine.image {
        Some(image) if able.kind == EngineKind::Embedded && image.reference == HOST_IMAGE => {
            styled(GOOD, format!("{HOST_IMAGE}: this machine's own programs, read-only"))
        }
        Some(image) => styled(GOOD, format!("{}, {}", visible_str(&image.reference), image.size)),
        None => styled(BAD, image::missing(&engine.wanted)),
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

/// In brief, a socket that is not there needs no advice.
fn silent(silent: &Silent, brief: bool) -> String {
    let said = match &silent.error {
        EngineError::NotListening { endpoint, source } if brief => {
            format!("{} ({}): {source}", visible_str(&endpoint.address), visible_str(&endpoint.origin))
        }
        // The error names its address itself, and is safe to show.
        error => error.to_string(),
    };
    format!("  {DIM}{}{DIM:#}\n", fill(&said, 2, 4))
}

fn conclusion(report: &Report) -> String {
    let with_image: Vec<&str> = report
        .engines
        .iter()
        .filter(|engine| engine.image.is_some())
        .map(|engine| engine.capabilities.kind.name())
        .collect();
    if report.run_dir.is_err() {
        format!("{BAD}Nothing can run:{BAD:#} there is no run directory.")
    } else if report.engines.is_empty() {
        format!("{BAD}Nothing can run:{BAD:#} no engine answers.")
    } else if with_image.is_empty() {
        let missing = image::missing(&report.image) + ".";
        format!("{CARE}Nearly ready:{CARE:#} {}", fill(&missing, 14, 0))
    } else {
        format!("{GOOD}Ready:{GOOD:#} `hotcell run FILE` runs specimens with {}.", with_image.join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use super::super::host::{Lsm, UserNamespaces};
    use super::super::{Judge, ordinary_filter};
    use super::*;
    use crate::engine::{Capabilities, Endpoint, Limits};

    fn this_host(landlock_abi: Option<i32>, actions: &str) -> Host {
        Host {
            kernel: "6.1.0".to_owned(),
            architecture: "x86_64".to_owned(),
            lsm: Lsm { names: vec!["yama".to_owned()], listed: true },
            landlock_abi,
            seccomp_actions: actions.split_whitespace().map(str::to_owned).collect(),
            cgroup: Cgroup::V2,
            user_namespaces: UserNamespaces { max: Some(100), restricted_by: vec!["kernel.x"] },
        }
    }

    fn podman() -> Capabilities {
        Capabilities {
            kind: EngineKind::Podman,
            version: "4.3\u{1b}[2J".to_owned(),
            api_version: "1.41".to_owned(),
            runtimes: vec!["crun".to_owned(), "runsc".to_owned()],
            without_seccomp: Vec::new(),
            default_runtime: "crun".to_owned(),
            runtime_choice: false,
            cgroup_version: Some(CgroupVersion::V2),
            limits: Limits { memory: true, swap: false, cpu: false, pids: true, io: true },
            unlimited: None,
            disks: Err("/var/lib/docker lies on no disk of its own".to_owned()),
            security: vec!["apparmor".to_owned()],
            rootless: true,
            local: true,
            kernel: "6.1.0".to_owned(),
            architecture: "x86_64".to_owned(),
            warnings: vec!["no swap".to_owned()],
        }
    }

    fn endpoint(address: &str) -> Endpoint {
        Endpoint { kind: EngineKind::Podman, address: address.to_owned(), origin: "default socket".to_owned() }
    }

    fn silent_at(address: &str) -> Silent {
        let source = io::Error::from_raw_os_error(2);
        let error = EngineError::NotListening { endpoint: endpoint(address), source };
        Silent { endpoint: Some(endpoint(address)), error }
    }

    fn told(host: Host, capabilities: Option<Capabilities>) -> String {
        let filter = ordinary_filter().unwrap();
        let judge = Judge { host: &host, filter: &filter };
        let engines = capabilities.into_iter().map(|capabilities| EngineReport {
            endpoint: endpoint("unix:///p.sock"),
            wanted: "code-sandbox:latest".to_owned(),
            image: None,
            layers: judge.layers(&capabilities),
            runtimes: judge.runtimes(&capabilities),
            capabilities,
        });
        let engines = engines.collect();
        let silent = vec![silent_at("unix:///none.sock")];
        let run_dir = Ok(PathBuf::from("/run/hotcell"));
        let report = Report { host, run_dir, image: "code-sandbox:latest".to_owned(), engines, silent };
        anstream::adapter::strip_str(&super::report(&report)).to_string()
    }

    #[test]
    fn each_layer_that_cannot_be_had_says_why() {
        let text = told(this_host(None, "errno user_notif"), Some(podman()));
        for line in [
            "  network       yes",
            "  memory        yes   without a limit on swap: the engine's host does not",
            "  cpu           no    the engine's host has no CFS quota",
            "  apparmor      no    only root may put an AppArmor profile on a cell, and the",
            "  selinux       no    SELinux is not enabled in the engine",
            "  landlock      no    Landlock is not enabled in this kernel",
            "  userns        yes",
            "  runtime       no    podman's API takes no runtime; it uses crun",
            "  crun (default)  yes   yes",
            "  runsc           no    no            podman's API takes no runtime; it uses",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line:?} is missing:\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80 && line == line.trim_end()), "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn a_landlock_without_tcp_is_told_though_it_can_be_had() {
        let text = told(this_host(Some(3), "errno user_notif"), Some(podman()));
        assert!(text.contains("  Landlock         ABI 3: files, and TCP only from 4\n"), "{text}");
        assert!(text.contains("  landlock      yes   this kernel's ABI is 3; it guards files"), "{text}");
    }

    #[test]
    fn a_kernel_without_user_notification_shows_no_denials() {
        let text = told(this_host(Some(7), "errno"), Some(podman()));
        assert!(text.contains("denials cannot be seen"), "{text}");
        assert!(text.contains("  crun (default)  yes   no            this kernel's seccomp cannot ask"), "{text}");
    }

    #[test]
    fn a_missing_image_and_a_missing_engine_are_told_with_what_to_do() {
        let text = told(this_host(Some(7), "errno user_notif"), Some(podman()));
        assert!(text.contains("  unix:///none.sock (default socket): No such file or directory"), "{text}");
        assert!(text.contains("Nearly ready: code-sandbox:latest is missing: make it with `hotcell image"), "{text}");
        let text = told(this_host(Some(7), "errno user_notif"), None);
        assert!(text.contains("`systemctl start docker`"), "{text}");
        assert!(text.ends_with("Nothing can run: no engine answers.\n"), "{text}");
    }
}
