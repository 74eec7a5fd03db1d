//! A drill in words: for people, for programs, for continuous integration, and as a table.

use std::fmt::Write;

use serde_json::{Value, json};

use super::told::Report;
use crate::cli::layout::{BAD, BOLD, CARE, Cell, DIM, GOOD, cell, fill, markdown as markdown_text, styled, table};
use crate::drill::drilled::{Counts, Drilled};
use crate::drill::judge::Finding;
use crate::drill::probe::Change;
use crate::run::to_pretty;
use crate::run::words::{counted, time};

/// For a screen of 80 columns.
pub fn text(report: &Report) -> String {
    let head = ["PROBE", "VERDICT", "BY", "EVIDENCE"].map(|title| styled(BOLD, title));
    let rows: Vec<_> = std::iter::once(head).chain(report.probes.iter().map(row)).collect();
    format!("{}\n{}", table(0, &rows), closing(report))
}

fn row(drilled: &Drilled) -> [Cell; 4] {
    let verdict = match &drilled.finding {
        Finding::Contained(_) => styled(GOOD, "contained"),
        Finding::NotContained(_) => styled(BAD, "NOT CONTAINED"),
        Finding::Untested(_) => styled(CARE, "NOT TESTED"),
        Finding::Stopped => styled(CARE, "stopped"),
    };
    [cell(drilled.probe.name.clone()), verdict, cell(drilled.by()), cell(drilled.evidence())]
}

fn closing(report: &Report) -> String {
    let Counts { seen, said, not_contained, untested, stopped } = report.counts();
    let place = format!(
        "{} {} with {}, {}, policy {}, Linux {}: {} in {}",
        report.engine.0,
        report.engine.1,
        report.runtime,
        report.image,
        report.policy,
        report.kernel,
        counted(report.probes.len() as u64, "probe"),
        time(report.took)
    );
    let mut lines = vec![fill(&place, 0, 2)];
    let contained = format!(
        "{} contained: {seen} with evidence of hotcell's own, {said} by the probe's own word and the header's (the layer in parentheses)",
        seen + said
    );
    lines.push(format!("{GOOD}{}{GOOD:#}", fill(&contained, 0, 2)));
    let style = if not_contained > 0 { BAD } else { DIM };
    lines.push(format!("{style}{not_contained} NOT contained{style:#}"));
    if untested > 0 {
        let line = format!("{untested} COULD NOT BE TESTED, of which this says nothing");
        lines.push(format!("{CARE}{line}{CARE:#}"));
    }
    if stopped > 0 {
        lines.push(format!("{CARE}{stopped} not run to their end: stopped{CARE:#}"));
    }
    if let Some(why) = &report.not_observed {
        lines.push(fill(&format!("denials could not be seen: {why}"), 0, 2));
    }
    lines.join("\n") + "\n"
}

/// A table in Markdown, and what it adds up to.
pub fn markdown(report: &Report) -> String {
    let mut text = String::from("| probe | tries | verdict | by | evidence |\n| --- | --- | --- | --- | --- |\n");
    for drilled in &report.probes {
        let verdict = match &drilled.finding {
            Finding::Contained(_) => "contained",
            Finding::NotContained(_) => "**NOT CONTAINED**",
            Finding::Untested(_) => "**not tested**",
            Finding::Stopped => "**stopped**",
        };
        let row = [
            "`".to_owned() + &drilled.probe.name + "`",
            markdown_text(&drilled.probe.tries),
            verdict.to_owned(),
            drilled.by(),
            markdown_text(&drilled.evidence()),
        ];
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    let closing = anstream::adapter::strip_str(&closing(report)).to_string();
    // A line that goes on is indented.
    let closing = closing.replace("\n  ", " ");
    text.push('\n');
    for line in closing.lines() {
        let _ = writeln!(text, "- {}", markdown_text(line));
    }
    text
}

/// One object.
pub fn json(report: &Report) -> String {
    let Counts { seen, said, not_contained, untested, stopped } = report.counts();
    let object = json!({
        "engine": { "kind": report.engine.0, "version": report.engine.1 },
        "runtime": report.runtime,
        "image": report.image,
        "kernel": report.kernel,
        "policy": report.policy,
        "denials_note": report.not_observed,
        "contained": seen + said,
        "contained_seen": seen,
        "not_contained": not_contained,
        "not_tested": untested,
        "stopped": stopped,
        "exit_status": report.exit_status(),
        "duration_ms": millis(report.took),
        "probes": report.probes.iter().map(probe).collect::<Vec<_>>(),
    });
    to_pretty(&object) + "\n"
}

fn probe(drilled: &Drilled) -> Value {
    let probe = &drilled.probe;
    let contained = match &drilled.finding {
        Finding::Contained(contained) => Some(contained),
        _ => None,
    };
    json!({
        "name": probe.name,
        "tries": probe.tries,
        "technique": probe.technique,
        "verdict": verdict(&drilled.finding),
        "layer": contained.and_then(|contained| contained.by.layer()),
        "rests_on": contained.map(|contained| contained.by.rests_on()),
        "evidence": contained.map_or_else(Vec::new, |contained| contained.evidence.iter().map(|seen| json!({
            "kind": seen.kind(),
            "layer": seen.layer(),
            "what": seen.to_string(),
        })).collect::<Vec<_>>()),
        "said": match &drilled.finding {
            Finding::Contained(contained) => contained.said.as_ref(),
            Finding::NotContained(line) => Some(line),
            Finding::Untested(_) | Finding::Stopped => None,
        },
        "reason": match &drilled.finding { Finding::Untested(why) => Some(why), _ => None },
        "header": { "layer": probe.layer, "behind": probe.behind },
        "changes": drilled.changes.iter().flat_map(Change::arguments).collect::<Vec<_>>(),
        "outcome": drilled.summary.as_ref().and_then(|summary| Some(summary.outcome.as_ref()?.0.to_string())),
        "duration_ms": millis(drilled.took),
    })
}

fn verdict(finding: &Finding) -> &'static str {
    match finding {
        Finding::Contained(_) => "contained",
        Finding::NotContained(_) => "not contained",
        Finding::Untested(_) => "not tested",
        Finding::Stopped => "stopped",
    }
}

#[allow(clippy::cast_precision_loss, reason = "microseconds of a drill stay below 2^53")]
fn millis(time: std::time::Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

/// The form that continuous integration reads: a test case a probe, failed where it is not contained, skipped where it
/// could not be tested.
pub fn junit(report: &Report) -> String {
    let Counts { not_contained, untested, stopped, .. } = report.counts();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let name =
        xml_text(&format!("hotcell drill: {} with {}, policy {}", report.engine.0, report.runtime, report.policy));
    let counts = format!(
        "tests=\"{}\" failures=\"{not_contained}\" errors=\"0\" skipped=\"{}\" time=\"{:.3}\"",
        report.probes.len(),
        untested + stopped,
        report.took.as_secs_f64()
    );
    let _ = writeln!(xml, "<testsuites {counts}>\n  <testsuite name=\"{name}\" {counts}>");
    for drilled in &report.probes {
        let class = drilled.probe.layer.map_or("none", crate::policy::Layer::name);
        let _ = writeln!(
            xml,
            "    <testcase classname=\"hotcell.drill.{class}\" name=\"{}\" time=\"{:.3}\">",
            xml_text(&drilled.probe.name),
            drilled.took.as_secs_f64()
        );
        let said = xml_text(&drilled.evidence());
        let _ = match &drilled.finding {
            Finding::Contained(_) => {
                writeln!(xml, "      <system-out>{}: {said}</system-out>", xml_text(&drilled.by()))
            }
            Finding::NotContained(_) => writeln!(xml, "      <failure message=\"not contained: {said}\"/>"),
            Finding::Untested(_) | Finding::Stopped => writeln!(xml, "      <skipped message=\"{said}\"/>"),
        };
        xml.push_str("    </testcase>\n");
    }
    xml + "  </testsuite>\n</testsuites>\n"
}

/// Text as it may stand in an element and in an attribute; what XML 1.0 has no place for is replaced.
fn xml_text(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, character| {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'.. => out.push(character),
            _ => out.push('\u{fffd}'),
        }
        out
    })
}
