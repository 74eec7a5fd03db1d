use std::time::Instant;

use super::lines::{LONGEST, MOST};
use super::thin::{MOST_MARKS, MOST_SAMPLES};
use super::*;
use crate::policy::{Bytes, Layer};
use crate::run::{DenialId, Known, Limit, Refusal};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn write(log: &mut RunLog, at: u64, stream: Stream, bytes: &[u8]) {
    log.apply(&RunEvent { at: ms(at), kind: EventKind::Output { stream, bytes: bytes.to_vec() } });
}

fn meet(log: &mut RunLog, at: u64, kind: LimitKind, count: u64) {
    log.apply(&RunEvent { at: ms(at), kind: EventKind::Limit(Limit { kind, count, at: ms(at) }) });
}

fn read(log: &mut RunLog, at: u64, sample: Sample) {
    log.apply(&RunEvent { at: ms(at), kind: EventKind::Resource(sample) });
}

fn shown(log: &RunLog) -> Vec<(u64, Stream, bool, String)> {
    let line = |line: &OutputLine| {
        let at = u64::try_from(line.at.as_millis()).unwrap();
        (at, line.stream, line.ended, String::from_utf8_lossy(log.bytes(line)).into_owned())
    };
    log.lines().iter().map(line).collect()
}

#[test]
fn a_line_stands_where_its_first_byte_came_and_grows_though_others_have_begun_since() {
    let mut log = RunLog::default();
    write(&mut log, 1, Stream::Stdout, b"one\ntw");
    write(&mut log, 2, Stream::Stderr, b"oops\n\n");
    write(&mut log, 3, Stream::Stdout, b"o\nthree");
    let expected = [
        (1, Stream::Stdout, true, "one".to_owned()),
        (1, Stream::Stdout, true, "two".to_owned()),
        (2, Stream::Stderr, true, "oops".to_owned()),
        (2, Stream::Stderr, true, String::new()),
        (3, Stream::Stdout, false, "three".to_owned()),
    ];
    assert_eq!(shown(&log), expected);
    assert_eq!(log.numbers(Stream::Stdout), &[0, 1, 4]);
    assert_eq!(log.numbers(Stream::Stderr), &[2, 3]);
    assert!(log.lines().iter().all(|line| !log.goes_on(line)));
}

#[test]
fn a_line_of_4_kib_is_whole_and_a_longer_one_goes_on_without_cutting_a_character() {
    let mut log = RunLog::default();
    write(&mut log, 0, Stream::Stdout, &[b"x".repeat(LONGEST), b"\n".to_vec()].concat());
    assert_eq!(log.lines().len(), 1);
    assert!(log.lines()[0].ended);

    let mut log = RunLog::default();
    let text = "日".repeat(3000);
    // As it may come: in pieces of any size.
    for piece in text.as_bytes().chunks(1000) {
        write(&mut log, 0, Stream::Stdout, piece);
    }
    write(&mut log, 0, Stream::Stdout, b"\nnext\n");
    let lines = shown(&log);
    let joined: String = lines[..3].iter().map(|(_, _, _, text)| text.as_str()).collect();
    assert_eq!(joined, text);
    assert_eq!(lines.iter().map(|(_, _, ended, _)| *ended).collect::<Vec<_>>(), [false, false, true, true]);
    let goes_on: Vec<bool> = log.lines().iter().map(|line| log.goes_on(line)).collect();
    assert_eq!(goes_on, [false, true, true, false]);
    assert!(log.lines().iter().all(|line| log.bytes(line).len() <= LONGEST));
}

#[test]
fn the_oldest_lines_are_evicted_and_counted_and_the_others_keep_their_numbers() {
    let mut log = RunLog::default();
    write(&mut log, 0, Stream::Stderr, b"never ended");
    for at in 0..MOST as u64 + 9 {
        write(&mut log, at, Stream::Stdout, b"y\n");
    }
    assert_eq!(log.lines().len(), MOST);
    assert_eq!(log.evicted(), 10);
    assert_eq!(log.line(9), None);
    assert_eq!(log.line(10).map(|line| line.at), Some(ms(9)));
    assert!(log.numbers(Stream::Stderr).is_empty());
    assert_eq!(log.numbers(Stream::Stdout).front(), Some(&10));
    // Its beginning is gone; what comes is the rest of a line.
    write(&mut log, 90_000, Stream::Stderr, b", and more\n");
    let last = log.lines().back().unwrap();
    assert_eq!(log.bytes(last), b", and more");
    assert!(log.goes_on(last));
    assert_eq!(log.summary.stderr.kept, b"never ended, and more\n");
}

#[test]
fn the_line_of_a_moment_is_the_last_that_had_begun_even_where_a_clock_steps_back() {
    let mut log = RunLog::default();
    assert_eq!(log.line_at(ms(5)), None);
    for (at, stream) in [(10, Stream::Stdout), (20, Stream::Stderr), (19, Stream::Stdout), (30, Stream::Stdout)] {
        write(&mut log, at, stream, b"x\n");
    }
    let found: Vec<_> = [9, 10, 15, 20, 29, 99].map(|at| log.line_at(ms(at))).to_vec();
    assert_eq!(found, [None, Some(0), Some(0), Some(2), Some(2), Some(3)]);
}

#[test]
fn readings_are_thinned_out_evenly_and_the_first_and_the_last_are_kept() {
    let mut log = RunLog::default();
    for at in 0..MOST_SAMPLES as u64 * 5 {
        read(&mut log, at, Sample::default());
        let samples = log.samples();
        assert!(samples.len() <= MOST_SAMPLES);
        assert_eq!((samples[0].at, samples[samples.len() - 1].at), (ms(0), ms(at)));
    }
    let steps: Vec<_> = log.samples().windows(2).map(|pair| pair[1].at.abs_diff(pair[0].at)).collect();
    let (last, others) = steps.split_last().unwrap();
    assert!(others.iter().all(|step| *step == ms(8)), "{others:?}");
    assert!(*last <= ms(8));
}

#[test]
fn marks_tell_each_rise_of_a_count_and_lose_no_first_of_a_kind() {
    let mut log = RunLog::default();
    meet(&mut log, 1, LimitKind::OomKill, 1);
    meet(&mut log, 2, LimitKind::OomKill, 1);
    assert_eq!(log.marks(), [LimitMark { at: ms(1), kind: LimitKind::OomKill }]);
    for count in 1..10_000 {
        meet(&mut log, 2 + count, LimitKind::CpuThrottled, count);
        assert!(log.marks().len() <= MOST_MARKS);
    }
    meet(&mut log, 20_000, LimitKind::PidsRefused, 7);
    meet(&mut log, 20_001, LimitKind::Deadline, 1);
    for count in 10_000..20_000 {
        meet(&mut log, 20_000 + count, LimitKind::CpuThrottled, count);
    }
    let firsts = [(LimitKind::OomKill, 1), (LimitKind::CpuThrottled, 3), (LimitKind::PidsRefused, 20_000)];
    for (kind, at) in firsts.into_iter().chain([(LimitKind::Deadline, 20_001)]) {
        assert_eq!(log.marks().iter().find(|mark| mark.kind == kind).map(|mark| mark.at), Some(ms(at)), "{kind:?}");
    }
    assert!(log.marks().is_sorted_by_key(|mark| mark.at));
    assert!(log.marks().len() > MOST_MARKS / 4);
}

#[test]
fn rates_are_known_only_between_two_readings_that_have_the_figure() {
    let at =
        |at, cpu: Option<u64>| TimedSample { at: ms(at), sample: Sample { cpu: cpu.map(ms), ..Sample::default() } };
    assert_eq!(at(150, Some(75)).cpu_since(&at(100, Some(50))), Some(Millicores(500)));
    assert_eq!(at(150, None).cpu_since(&at(100, Some(50))), None);
    assert_eq!(at(100, Some(75)).cpu_since(&at(100, Some(50))), None);
    assert_eq!(at(150, Some(50)).cpu_since(&at(100, Some(75))), Some(Millicores(0)));
    let written = |at, written| TimedSample { at: ms(at), sample: Sample { written, ..Sample::default() } };
    let rate =
        |bytes| written(1100, Some(Bytes(bytes))).rate_since(&written(1000, Some(Bytes(0))), |s| Some(s.written?.0));
    assert_eq!(rate(5000), Some(50_000));
    assert_eq!(rate(u64::MAX), Some(u64::MAX));
}

#[test]
fn a_weight_grows_with_what_is_kept_and_compacting_changes_nothing_that_is_seen() {
    let mut log = RunLog::default();
    let empty = log.weight();
    write(&mut log, 0, Stream::Stdout, &b"line\n".repeat(1000));
    let written = log.weight();
    assert!(written > empty + 5000 + 1000 * size_of::<OutputLine>());
    let denial = Denial {
        id: DenialId(1),
        layer: Layer::Seccomp,
        evidence: String::new(),
        behind: Vec::new(),
        known: Known::Held,
        syscall: "openat".to_owned(),
        args: vec!["x".repeat(10_000)],
        registers: [0; 6],
        refusal: Refusal::Kill,
        pid: 1,
        comm: "python3".to_owned(),
        source: None,
        located: 0,
        count: 1,
        first: ms(0),
    };
    log.apply(&RunEvent { at: ms(1), kind: EventKind::Denial(denial) });
    assert!(log.weight() > written + 10_000);
    read(&mut log, 50, Sample { memory: Some(Bytes(1)), ..Sample::default() });
    let before = (shown(&log), log.samples().to_vec(), log.weight());
    log.compact();
    assert_eq!((shown(&log), log.samples().to_vec()), (before.0, before.1));
    assert!(log.weight() < before.2);
}

#[test]
fn sixteen_mib_of_the_shortest_lines_are_taken_at_once_and_in_bounded_memory() {
    let mut log = RunLog::default();
    let chunk = b"y\n".repeat(32 << 10);
    let event = RunEvent { at: ms(1), kind: EventKind::Output { stream: Stream::Stdout, bytes: chunk } };
    let begun = Instant::now();
    for _ in 0..256 {
        log.apply(&event);
    }
    let taken = begun.elapsed();
    assert_eq!(log.evicted() + MOST as u64, 8 << 20);
    assert_eq!(log.lines().len(), MOST);
    assert!(log.weight() < (16 << 20) * 2 + (8 << 20), "{}", log.weight());
    // A release build is meant; an unoptimised one on a busy machine takes some ten times as long.
    assert!(taken < Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 1 }), "{taken:?}");
}
