use super::*;
use crate::policy::{Bytes, Layer};
use crate::run::{EventKind, Limit, LimitKind, Sample};
use crate::tui::panes::rows::testing::{end, happen, look, run, screen};

fn read(run: &mut RunRecord, at: u64, sample: Sample) {
    happen(run, at, EventKind::Resource(sample));
}

fn meet(run: &mut RunRecord, at: u64, kind: LimitKind, count: u64) {
    happen(run, at, EventKind::Limit(Limit { kind, count, at: Duration::from_millis(at) }));
}

/// A run that has used half of a CPU, growing memory and processes for so many readings, 50 ms apart.
fn busy(readings: u64) -> RunRecord {
    let mut run = run();
    for number in 1..=readings {
        let sample = Sample {
            memory: Some(Bytes::mib(4 * number)),
            memory_peak: Some(Bytes::mib(4 * number + 1)),
            cpu: Some(Duration::from_millis(25 * number)),
            throttled_periods: Some(number / 4),
            throttled: Some(Duration::from_millis(number)),
            pids: Some(number),
            pids_peak: Some(number + 2),
            read: Some(Bytes(0)),
            written: Some(Bytes(number * 512)),
        };
        read(&mut run, 50 * number, sample);
    }
    run
}

fn shown(run: &RunRecord, moment: Option<u64>, width: u16, height: u16) -> Vec<String> {
    let area = Rect::new(0, 0, width, height);
    let (_, rows) = of_run(run, moment.map(Duration::from_millis), area);
    assert!(rows.len() <= usize::from(height));
    screen(area, &rows).1
}

#[test]
fn a_run_that_goes_on_shows_each_figure_against_its_limit_over_its_whole_time() {
    let run = busy(16);
    let screen = shown(&run, None, 60, 16);
    let graph = [
        "CPU 50 % of 50 % · 400.0 ms used",
        "┈┈██████████████████████████████┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈ 50 %",
        "  ██████████████████████████████",
        "       T       T       T       T",
    ];
    assert_eq!(screen[..4], graph);
    assert_eq!(screen[4], "memory 64 MiB of 256 MiB · peak 65 MiB");
    assert!(screen[5].ends_with("┈ 256 MiB"), "{}", screen[5]);
    assert_eq!(screen[8], "processes 16 of 64 · peak 18");
    assert_eq!(screen[12], "I/O read 0 B/s, written 10,240 B/s · 0 B and 8,192 B in all");
    assert!(screen[13].ends_with(" 16,384 B/s"), "{}", screen[13]);
    let (title, _) = of_run(&run, None, Rect::new(0, 0, 60, 16));
    assert_eq!(title.right, "800.0 ms, 25.0 ms a column");
}

#[test]
fn a_run_that_is_over_shows_averages_peaks_and_totals() {
    let mut run = busy(16);
    end(&mut run, 800);
    let screen = shown(&run, None, 60, 8);
    assert_eq!(screen[0], "CPU 50 % on average of 50 % · 400.0 ms used");
    assert_eq!(screen[1].trim_start_matches('┈').chars().count(), 57);
    assert_eq!(screen[2], "memory 65 MiB at most of 256 MiB");
    assert_eq!(screen[4], "processes 18 at most of 64");
    assert_eq!(screen[6], "I/O read 0 B, written 8,192 B");
}

#[test]
fn a_limit_that_was_met_is_marked_by_a_letter_that_the_heading_tells() {
    let mut run = busy(16);
    meet(&mut run, 400, LimitKind::MemoryMax, 1200);
    meet(&mut run, 400, LimitKind::OomKill, 1);
    meet(&mut run, 200, LimitKind::PidsRefused, 3);
    meet(&mut run, 500, LimitKind::CpuThrottled, 12);
    meet(&mut run, 800, LimitKind::Deadline, 1);
    let area = Rect::new(0, 0, 80, 20);
    let (buffer, screen) = screen(area, &of_run(&run, None, area).1);
    assert_eq!(screen[0], "CPU 50 % of 50 % · D deadline · T throttled 12× 16.0 ms · 400.0 ms used");
    assert_eq!(screen[5], "memory 64 MiB of 256 MiB · O OOM kill · M maximum hit 1,200× · peak 65 MiB");
    assert_eq!(screen[10], "processes 16 of 64 · P fork refused 3× · peak 18");
    // 12.5 ms a column: 400 ms is the end of the 32nd.
    assert_eq!(screen[9], format!("{:31}O", ""));
    assert_eq!(screen[14], format!("{:15}P", ""));
    assert_eq!(screen[4].find('D'), Some(63));
    assert_eq!(buffer[(31, 9)].style().bg, look(Role::Bad).bg);
    assert_eq!(buffer[(15, 4)].symbol(), "T");
    assert_eq!(buffer[(15, 4)].style().bg, look(Role::Caution).bg);
}

#[test]
fn what_the_kernel_does_not_tell_is_unknown_and_never_nothing() {
    let mut run = run();
    read(&mut run, 50, Sample::default());
    read(&mut run, 100, Sample::default());
    let screen = shown(&run, None, 60, 8);
    assert_eq!(screen[0], "CPU unknown · limit 50 %");
    assert_eq!(screen[2], "memory unknown · limit 256 MiB");
    assert_eq!(screen[4], "processes unknown · limit 64");
    assert_eq!(screen[6], "I/O read unknown, written unknown · unknown and unknown in …");
    assert!([1, 3, 5, 7].iter().all(|row| screen[*row].is_empty()));
}

#[test]
fn a_figure_that_is_missing_for_a_while_leaves_a_gap_and_a_dying_cell_keeps_its_last() {
    let mut run = run();
    let pids = |pids| Sample { pids, ..Sample::default() };
    for (at, count) in [(50, Some(60)), (100, None), (150, Some(60)), (200, None)] {
        read(&mut run, at, pids(count));
    }
    let screen = shown(&run, None, 32, 8);
    assert_eq!(screen[4], "processes 60 of 64 · peak 60");
    assert_eq!(screen[5], "▇▇▇▇▇▇▇▇┈┈┈┈┈┈┈┈▇▇▇▇▇▇▇▇┈┈┈┈┈ 64");
}

#[test]
fn without_a_limit_the_graph_has_a_round_top_and_the_heading_says_so() {
    let mut run = busy(16);
    for layer in [Layer::Cpu, Layer::Memory, Layer::Pids] {
        run.policy.set_on(layer, false);
    }
    let screen = shown(&run, None, 60, 16);
    assert_eq!(screen[0], "CPU 50 % · no limit · 400.0 ms used");
    assert_eq!(screen[4], "memory 64 MiB · no limit · peak 65 MiB");
    assert_eq!(screen[8], "processes 16 · no limit · peak 18");
    assert!(screen[9].ends_with(" 20"), "{}", screen[9]);
    assert!(!screen.iter().any(|row| row.contains('┈')));
}

#[test]
fn a_use_far_below_its_limit_can_still_be_read() {
    let mut run = run();
    read(&mut run, 50, Sample { memory: Some(Bytes::mib(3)), ..Sample::default() });
    let screen = shown(&run, None, 40, 16);
    assert_eq!(screen[4], "memory 3 MiB of 256 MiB · peak 3 MiB");
    assert!(screen[5].starts_with("▄▄▄"), "{}", screen[5]);
    assert!(screen[5].ends_with(" 4 MiB"), "{}", screen[5]);
}

#[test]
fn the_selected_moment_is_marked_in_every_graph() {
    let run = busy(16);
    let area = Rect::new(0, 0, 60, 16);
    let (buffer, _) = screen(area, &of_run(&run, Some(Duration::from_millis(110)), area).1);
    for y in [1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15] {
        assert_eq!(buffer[(4, y)].symbol(), "┊", "{y}");
        assert_eq!(buffer[(4, y)].style().bg, look(Role::Moment).bg, "{y}");
    }
    // One that no reading tells of yet is the last.
    assert_eq!(shown(&run, Some(9999), 60, 16)[1].chars().nth(31), Some('┊'));
}

#[test]
fn in_eight_rows_all_four_have_a_graph_and_in_four_it_stands_beside_the_words() {
    let run = busy(16);
    let screen = shown(&run, None, 60, 8);
    assert!([0, 2, 4, 6].iter().zip(Metric::ALL).all(|(row, metric)| screen[*row].starts_with(metric.name())));
    assert!(screen[5].starts_with("▁▁▁▁"), "{}", screen[5]);
    let screen = shown(&run, None, 60, 4);
    assert_eq!(screen[0].trim_end(), format!("{:45}{}", "CPU 50 % of 50 % · 400.0 ms used", "█".repeat(11)).trim_end());
    assert!(screen.iter().zip(Metric::ALL).all(|(row, metric)| row.starts_with(metric.name())));
    let screen = shown(&run, None, 60, 11);
    assert!([0, 3, 6, 9].iter().zip(Metric::ALL).all(|(row, metric)| screen[*row].starts_with(metric.name())));
}

#[test]
fn before_a_run_its_limits_are_told_and_before_a_reading_that_there_is_none() {
    let run_record = run();
    let area = Rect::new(0, 0, 40, 8);
    let expected = [
        "CPU limit 50 %",
        "memory limit 256 MiB",
        "processes limit 64",
        "I/O no limit",
        "",
        "What a run uses is drawn here.",
        "",
        "",
    ];
    assert_eq!(screen(area, &before(&run_record.policy, area)).1, expected);
    assert_eq!(shown(&run_record, Some(5), 40, 8)[0], "CPU no reading yet · limit 50 %");
    let mut over = run();
    end(&mut over, 5);
    assert_eq!(shown(&over, None, 40, 8)[6], "I/O was not read · no limit");
}

#[test]
fn a_pane_of_any_size_and_any_figures_can_be_drawn() {
    let mut huge = busy(3);
    let most = Sample {
        memory: Some(Bytes(u64::MAX)),
        memory_peak: Some(Bytes(u64::MAX)),
        cpu: Some(Duration::MAX),
        throttled_periods: Some(u64::MAX),
        throttled: Some(Duration::MAX),
        pids: Some(u64::MAX),
        pids_peak: Some(u64::MAX),
        read: Some(Bytes(u64::MAX)),
        written: Some(Bytes(u64::MAX)),
    };
    read(&mut huge, 1_000_000_000, most);
    for run in [&huge, &busy(5000), &run()] {
        for width in [0, 1, 2, 5, 60, 500] {
            for height in [0, 1, 2, 3, 4, 5, 9, 33, 100] {
                assert_eq!(shown(run, Some(7), width, height).len(), usize::from(height));
            }
        }
    }
}
