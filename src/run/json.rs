//! Runs as JSON: one object a run, or one an event. Both are ASCII only, so
//! that nothing a specimen wrote acts on a terminal that shows them.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::event::{
    CellFacts, Denial, EventKind, Failure, Force, LayerState, Limit, LimitKind, Observation, Outcome, RunEvent, Sample,
};
use super::held::{HeldCall, Settled};
use super::refusal::Refusal;
use super::source::{Frame, Source};
use super::summary::Summary;
use super::used::Used;
use crate::policy::Bytes;

/// The object of a whole run: the seeds' four fields, and all else that is known.
pub fn summary_json(summary: &Summary) -> Value {
    let (outcome, ended) = match &summary.outcome {
        Some((outcome, at)) => (Some(outcome), *at),
        None => (None, Duration::ZERO),
    };
    let cell = summary.cell.as_ref();
    json!({
        "stdout": text(&summary.stdout.kept),
        "stderr": text(&summary.stderr.kept),
        "exit_code": match outcome {
            Some(Outcome::Exited(code)) => Some(i64::from(*code)),
            Some(Outcome::TimedOut) => Some(-1),
            _ => None,
        },
        "timed_out": matches!(outcome, Some(Outcome::TimedOut)),
        "signal": match outcome { Some(Outcome::Signaled(signal)) => Some(*signal), _ => None },
        "oom_killed": summary.met(LimitKind::OomKill),
        "outcome": outcome.map(ToString::to_string),
        "error": match outcome {
            Some(Outcome::NotStarted(reason) | Outcome::CellLost(reason)) => Some(reason),
            _ => None,
        },
        "duration_ms": millis(ended),
        "cpu_ms": summary.last.cpu.map(millis),
        "memory_peak_bytes": bytes(summary.last.memory_peak),
        "pids_peak": summary.last.pids_peak,
        "stdout_bytes": summary.stdout.written,
        "stderr_bytes": summary.stderr.written,
        "truncated": summary.stdout.dropped() + summary.stderr.dropped() > 0,
        "policy": cell.map(|cell| &cell.policy),
        "enforcement": cell.map(|cell| cell.enforcement.name()),
        "layers": cell.map_or_else(Vec::new, |cell| cell.layers.iter().map(layer).collect()),
        "denials_observable": summary.denials_incomplete().is_none(),
        "denials_note": summary.denials_incomplete(),
        "outcomes_observable": summary.outcomes_unseen().is_none(),
        "outcomes_note": summary.outcomes_unseen(),
        "denials": summary.denials.values().map(denial).collect::<Vec<_>>(),
        "failures": summary.failures.values().map(failure).collect::<Vec<_>>(),
        "allowed_calls": summary.allowed,
        "limits": summary.limits.iter().map(|total| limit(total.kind, total.count, total.first)).collect::<Vec<_>>(),
        "warnings": cell.iter().flat_map(|cell| &cell.warnings).chain(&summary.warnings).collect::<Vec<_>>(),
        "specimen": cell.map(specimen),
        "engine": cell.map(|cell| json!({ "kind": cell.engine.name(), "version": cell.engine_version })),
        "runtime": cell.map(|cell| &cell.runtime),
        "image": cell.map(|cell| &cell.image),
    })
}

/// One event, as a line of `jsonl`.
pub fn event_json(event: &RunEvent) -> Value {
    let (name, mut body) = match &event.kind {
        EventKind::Cell(facts) => ("cell", cell_event(facts)),
        EventKind::Started { pid } => ("started", json!({ "pid": pid })),
        EventKind::Output { stream, bytes } => ("output", json!({ "stream": stream.name(), "text": text(bytes) })),
        EventKind::Dropped { stream, bytes } => ("output", json!({ "stream": stream.name(), "dropped_bytes": bytes })),
        EventKind::Denial(refused) => ("denial", denial(refused)),
        EventKind::Failure(failed) => ("failure", failure(failed)),
        EventKind::Used(kind) => ("used", used(kind)),
        EventKind::Would(refused) => ("would", denial(refused)),
        EventKind::Resource(sample) => ("resource", resource(sample)),
        EventKind::Limit(Limit { kind, count, at }) => ("limit", limit(*kind, *count, *at)),
        EventKind::Break(call) => ("break", held_call(call)),
        EventKind::Settled { id, how } => ("settled", json!({ "id": id.0, "how": settled(*how) })),
        EventKind::Unheld { count } => ("unheld", json!({ "count": count })),
        EventKind::Held { held } => ("held", json!({ "held": held })),
        EventKind::Exit { outcome, duration, unseen, warnings } => {
            ("exit", exit(outcome, *duration, unseen.as_deref(), warnings))
        }
    };
    let mut line = json!({ "event": name, "at_ms": millis(event.at) });
    if let (Some(line), Some(body)) = (line.as_object_mut(), body.as_object_mut()) {
        body.remove("at_ms");
        line.append(body);
    }
    line
}

fn cell_event(facts: &CellFacts) -> Value {
    json!({
        "name": facts.name.0,
        "specimen": specimen(facts),
        "policy": facts.policy,
        "engine": { "kind": facts.engine.name(), "version": facts.engine_version },
        "runtime": facts.runtime,
        "image": facts.image,
        "enforcement": facts.enforcement.name(),
        "denials_observable": matches!(facts.denials, Observation::Live),
        "denials_note": not_observable(&facts.denials),
        "outcomes_observable": matches!(facts.outcomes, Observation::Live),
        "outcomes_note": not_observable(&facts.outcomes),
        "layers": facts.layers.iter().map(layer).collect::<Vec<_>>(),
        "warnings": facts.warnings,
    })
}

fn specimen(facts: &CellFacts) -> Value {
    let specimen = &facts.specimen;
    json!({
        "name": specimen.name,
        "language": specimen.language,
        "sha256": specimen.sha256,
        "bytes": specimen.size.0,
    })
}

fn not_observable(denials: &Observation) -> Option<&str> {
    match denials {
        Observation::Live => None,
        Observation::NotObservable(reason) => Some(reason),
    }
}

fn layer(state: &LayerState) -> Value {
    json!({
        "name": state.layer.name(),
        "asked": state.asked,
        "in_force": match state.in_force {
            Force::Yes => json!(true),
            Force::No => json!(false),
            Force::Unverified => json!("unverified"),
        },
        "unavailable": state.unavailable,
        "detail": state.detail,
    })
}

/// A denial, as its event tells it.
pub fn denial(denial: &Denial) -> Value {
    let mut object = json!({
        "id": denial.id.0,
        "layer": denial.layer.name(),
        "evidence": denial.evidence,
        "behind": denial.behind.iter().map(|layer| layer.name()).collect::<Vec<_>>(),
        "known": denial.known.name(),
        "syscall": denial.syscall,
        "args": denial.args,
        "errno": match denial.refusal { Refusal::Errno(_) => Some(denial.refusal.to_string()), Refusal::Kill | Refusal::Rightless | Refusal::Unseen => None },
        "answer": denial.refusal.to_string(),
        "pid": denial.pid,
        "comm": denial.comm,
        "count": denial.count,
        "at_ms": millis(denial.first),
        "located": denial.located,
    });
    add_source(&mut object, denial.source.as_deref());
    object
}

fn failure(failure: &Failure) -> Value {
    json!({ "id": failure.id.0, "syscall": failure.syscall, "known": failure.known, "count": failure.count })
}

fn used(used: &Used) -> Value {
    json!({
        "id": used.id.0,
        "arch": used.arch.oci_name(),
        "syscall": used.syscall,
        "args": used.args,
        "count": used.count,
        "comm": used.comm,
        "source": used.line.as_ref().map(frame),
        "programs": used.programs,
    })
}

fn held_call(call: &HeldCall) -> Value {
    let mut object = json!({
        "id": call.id.0,
        "syscall": call.syscall,
        "args": call.args,
        "registers": call.registers.map(|register| format!("{register:#x}")),
        "answer": call.refusal.to_string(),
        "processes": call.processes.iter().map(|process| json!({ "pid": process.pid, "comm": process.comm })).collect::<Vec<_>>(),
    });
    add_source(&mut object, Some(&call.source));
    object
}

fn settled(how: Settled) -> String {
    match how {
        Settled::Refused(refusal) => refusal.to_string(),
        Settled::Allowed => "allowed".to_owned(),
        Settled::Gone => "gone".to_owned(),
    }
}

/// Where a call came from, as fields of its object.
fn add_source(object: &mut Value, source: Option<&Source>) {
    let line = source.map(|source| source.line.as_ref());
    object["source"] = line.and_then(Result::ok).map_or(Value::Null, frame);
    object["source_note"] = json!(line.and_then(Result::err));
    object["stack"] = source.iter().flat_map(|source| &source.stack).map(frame).collect();
    object["stack_omitted"] = source.map_or(0, |source| source.omitted).into();
    let instruction = source.and_then(|source| source.instruction.as_ref());
    object["instruction"] = json!(instruction.map(|at| json!({ "file": at.file, "offset": at.offset })));
}

fn frame(frame: &Frame) -> Value {
    json!({
        "file": frame.file,
        "line": Some(frame.line).filter(|line| *line > 0),
        "function": frame.function,
    })
}

fn limit(kind: LimitKind, count: u64, at: Duration) -> Value {
    json!({
        "layer": kind.layer().name(),
        "what": kind.what(),
        "evidence": kind.evidence(),
        "count": count,
        "at_ms": millis(at),
    })
}

fn resource(sample: &Sample) -> Value {
    json!({
        "memory_bytes": bytes(sample.memory),
        "memory_peak_bytes": bytes(sample.memory_peak),
        "cpu_ms": sample.cpu.map(millis),
        "throttled_periods": sample.throttled_periods,
        "throttled_ms": sample.throttled.map(millis),
        "pids": sample.pids,
        "pids_peak": sample.pids_peak,
        "read_bytes": bytes(sample.read),
        "written_bytes": bytes(sample.written),
    })
}

fn exit(outcome: &Outcome, duration: Duration, unseen: Option<&str>, warnings: &[String]) -> Value {
    json!({
        "outcome": outcome.to_string(),
        "duration_ms": millis(duration),
        "exit_status": outcome.exit_status(),
        "timed_out": matches!(outcome, Outcome::TimedOut),
        "signal": match outcome { Outcome::Signaled(signal) => Some(*signal), _ => None },
        "denials_note": unseen,
        "warnings": warnings,
    })
}

fn bytes(figure: Option<Bytes>) -> Option<u64> {
    figure.map(|bytes| bytes.0)
}

/// Milliseconds with microseconds behind the point.
#[allow(clippy::cast_precision_loss, reason = "microseconds of a run stay below 2^53")]
fn millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The value on one line, ASCII only.
pub fn to_line(value: &Value) -> String {
    ascii(&value.to_string())
}

/// The value indented, ASCII only.
pub fn to_pretty(value: &Value) -> String {
    ascii(&format!("{value:#}"))
}

/// Beyond ASCII, JSON text has only what stands inside strings, where an
/// escape means the same: RFC 8259, section 7.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() && character != '\u{7f}' {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_text_is_ascii_and_means_the_same() {
        let value = json!({ "a\u{202e}": "\u{1b}[31m \u{7f} \u{9b} \u{1f600} \\" });
        for text in [to_line(&value), to_pretty(&value)] {
            assert!(text.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{text}");
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
    }

    #[test]
    fn a_hold_is_an_event_of_its_own_and_no_part_of_the_sum() {
        let at = Duration::from_micros(1500);
        let event = RunEvent { at, kind: EventKind::Held { held: true } };
        assert_eq!(to_line(&event_json(&event)), r#"{"event":"held","at_ms":1.5,"held":true}"#);
        let mut summary = Summary::default();
        summary.apply(&event);
        assert_eq!(summary, Summary::default());
    }
}
