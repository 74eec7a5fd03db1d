//! A matrix in words: for people, for programs, and as tables.

use std::fmt::Write;

use serde_json::{Value, json};

use super::Report;
use crate::cli::layout::{BOLD, CARE, Cell, GOOD, cell, fill, styled, table};
use crate::drill::judge::Mark;
use crate::drill::matrix::{Came, Combination, Ran, Role, names};
use crate::policy::Layer;
use crate::run::to_pretty;
use crate::run::words::{counted, time};
use crate::text::visible_str;

/// For a screen of 80 columns.
pub fn text(report: &Report) -> String {
    let came = |combination| cell(short(report, combination));
    let head = ["LAYER", "PART", "WITHOUT IT", "ALONE"].map(|title| styled(BOLD, title));
    let mut rows = vec![head];
    rows.push([cell("all"), cell(""), came(Combination::All), cell("")]);
    rows.push([cell("none"), cell(""), came(Combination::None), cell("")]);
    rows.extend(report.table.layers().iter().map(|layer| {
        [
            cell(layer.name()),
            part(report.table.role(*layer)),
            came(Combination::Without(*layer)),
            came(Combination::Alone(*layer)),
        ]
    }));
    let mut text = table(0, &rows);
    let runtimes = report.table.runtimes();
    if !runtimes.is_empty() {
        let head = ["RUNTIME", "ALL LAYERS", "NONE"].map(|title| styled(BOLD, title));
        let row = |(name, [all, none]): (&str, [Combination; 2])| [cell(visible_str(name)), came(all), came(none)];
        text.push('\n');
        text.push_str(&table(0, &std::iter::once(head).chain(runtimes.into_iter().map(row)).collect::<Vec<_>>()));
    }
    let different = different(report);
    if !different.is_empty() {
        let _ = writeln!(text, "\n{BOLD}What it said, and who stopped it{BOLD:#}");
        for (said, combinations) in different {
            let _ = writeln!(text, "  {}\n      {}", fill(&said, 2, 4), fill(&combinations, 6, 6));
        }
    }
    text.push('\n');
    for sentence in report.table.sentences().into_iter().chain([closing(report)]) {
        let _ = writeln!(text, "{}", fill(&sentence, 0, 2));
    }
    text
}

fn part(role: Role) -> Cell {
    match role {
        Role::LoadBearing | Role::InFront => styled(GOOD, role.words()),
        Role::Unknown => styled(CARE, role.words()),
        Role::Behind | Role::NoPart => cell(role.words()),
    }
}

/// The outcome of a combination in a few words.
fn short(report: &Report, combination: Combination) -> String {
    match (report.table.came(combination), combination) {
        (Some(Came::Ran(ran)), Combination::Alone(layer)) if report.table.kept().contains(&layer) => {
            format!("as none: {}", ran.short())
        }
        (Some(Came::Ran(ran)), _) => ran.short(),
        (Some(Came::NotRun(_)) | None, _) => "not run".to_owned(),
        (Some(Came::Stopped), _) => "stopped".to_owned(),
    }
}

/// What `all` came to, and whatever came to something else or said so otherwise: each with its combinations.
fn different(report: &Report) -> Vec<(String, String)> {
    let Some(all) = report.table.ran(Combination::All) else { return Vec::new() };
    let mut groups: Vec<(String, Vec<String>)> =
        vec![(said(all, all.lines.first().map(String::as_str)), vec![report.table.matrix().name(Combination::All)])];
    for combination in report.table.matrix().combinations().into_iter().skip(1) {
        let said = match report.table.came(combination) {
            Some(Came::Ran(ran)) => {
                let line = ran.first_line_beside(all);
                (line.is_some() || !ran.ends_as(all)).then(|| said(ran, line))
            }
            Some(Came::NotRun(exposures)) => {
                let what: Vec<&str> = exposures.iter().map(|exposure| exposure.what).collect();
                Some(format!("not run (--expose): {}", what.join(" ")))
            }
            Some(Came::Stopped) | None => None,
        };
        let Some(said) = said else { continue };
        let name = report.table.matrix().name(combination);
        match groups.iter_mut().find(|(known, _)| *known == said) {
            Some((_, combinations)) => combinations.push(name),
            None => groups.push((said, vec![name])),
        }
    }
    groups.into_iter().map(|(said, combinations)| (said, combinations.join(", "))).collect()
}

fn said(ran: &Ran, line: Option<&str>) -> String {
    let line = match (line, &ran.outcome) {
        (Some(line), _) => line.to_owned(),
        (None, outcome) => outcome.to_string(),
    };
    let stopped = ran.stoppers();
    if stopped.is_empty() { line } else { format!("{line} [{}]", stopped.join(", ")) }
}

fn closing(report: &Report) -> String {
    let kept = report.table.kept();
    let kept =
        if kept.is_empty() { String::new() } else { format!("; {} never away in `none` and `alone`", names(&kept)) };
    format!(
        "{} under {} at {}: {} in {}{kept}.",
        report.specimen,
        report.policy,
        report.engine,
        counted(report.cells as u64, "cell"),
        time(report.took)
    )
}

/// Tables in Markdown, and what they come to.
pub fn markdown(report: &Report) -> String {
    let mut text = String::from("| layer | part | without it | alone |\n| --- | --- | --- | --- |\n");
    for (name, combination) in [("all", Combination::All), ("none", Combination::None)] {
        let _ = writeln!(text, "| {name} | | {} | |", short(report, combination));
    }
    for layer in report.table.layers() {
        let [without, alone] = [Combination::Without(*layer), Combination::Alone(*layer)].map(|one| short(report, one));
        let role = report.table.role(*layer);
        let part = if role == Role::LoadBearing { format!("**{}**", role.words()) } else { role.words().to_owned() };
        let _ = writeln!(text, "| {layer} | {part} | {without} | {alone} |");
    }
    let runtimes = report.table.runtimes();
    if !runtimes.is_empty() {
        text.push_str("\n| runtime | all layers | none |\n| --- | --- | --- |\n");
        for (name, combinations) in runtimes {
            let [all, none] = combinations.map(|one| short(report, one));
            let _ = writeln!(text, "| {} | {all} | {none} |", crate::cli::layout::markdown(&visible_str(name)));
        }
    }
    text.push_str("\n| what it said, and who stopped it | under |\n| --- | --- |\n");
    for (said, combinations) in different(report) {
        let _ = writeln!(text, "| {} | {combinations} |", crate::cli::layout::markdown(&said));
    }
    text.push('\n');
    for sentence in report.table.sentences().into_iter().chain([closing(report)]) {
        let _ = writeln!(text, "- {}", crate::cli::layout::markdown(&sentence));
    }
    text
}

/// One object.
pub fn json(report: &Report) -> String {
    let table = &report.table;
    let layer = |layer: &Layer| {
        json!({
            "name": layer,
            "part": table.role(*layer).words(),
            "kept": table.kept().contains(layer),
            "without": came(report, Combination::Without(*layer)),
            "alone": came(report, Combination::Alone(*layer)),
        })
    };
    let runtime = |(name, combinations): (&str, [Combination; 2])| {
        let [all, none] = combinations.map(|one| came(report, one));
        json!({ "name": name, "all": all, "none": none })
    };
    let object = json!({
        "specimen": report.specimen,
        "policy": report.policy,
        "engine": report.engine,
        "cells": report.cells,
        "duration_ms": u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
        "stopped": report.stopped,
        "all": came(report, Combination::All),
        "none": came(report, Combination::None),
        "layers": table.layers().iter().map(layer).collect::<Vec<_>>(),
        "runtimes": table.runtimes().into_iter().map(runtime).collect::<Vec<_>>(),
        "load_bearing": table.with_role(Role::LoadBearing),
        "in_front": table.with_role(Role::InFront),
        "behind": table.with_role(Role::Behind),
        "kept": table.kept(),
        "said": table.sentences(),
    });
    to_pretty(&object) + "\n"
}

fn came(report: &Report, combination: Combination) -> Value {
    match report.table.came(combination) {
        None | Some(Came::Stopped) => Value::Null,
        Some(Came::NotRun(exposures)) => json!({
            "run": false,
            "exposes": exposures.iter().map(|exposure| exposure.what).collect::<Vec<_>>(),
        }),
        Some(Came::Ran(ran)) => {
            let line = report.table.ran(Combination::All).and_then(|all| ran.first_line_beside(all));
            json!({
                "run": true,
                "outcome": ran.outcome.to_string(),
                "exit_status": ran.outcome.exit_status(),
                "mark": ran.mark.map(Mark::word),
                "line": ran.lines.first(),
                "different_line": line,
                "denials": ran.denials.iter().map(|(layer, count)| json!({ "layer": layer, "count": count })).collect::<Vec<_>>(),
                "limits": ran.limits.iter().map(|kind| json!({ "layer": kind.layer(), "what": kind.what() })).collect::<Vec<_>>(),
            })
        }
    }
}
