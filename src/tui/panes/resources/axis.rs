//! A run's time as columns. Pure.

use std::time::Duration;

use crate::run::TimedSample;

/// A column never stands for less: a fraction of the time between two readings.
const SHORTEST: Duration = Duration::from_nanos(1_562_500);

/// The columns of a whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// What a column stands for.
    pub column: Duration,
    /// How many there are.
    pub width: usize,
}

impl Axis {
    /// The columns of a run that is over: as many as there are.
    pub fn of_whole(end: Duration, width: usize) -> Self {
        // Rounded up, so that the end has a column too.
        let column = (end / columns(width)).saturating_add(Duration::from_nanos(1));
        Self { column: column.max(SHORTEST), width }
    }

    /// The columns of a run that has come to `end` and goes on: what a column stands for is doubled each time there is no
    /// more room, so that in between nothing that is drawn moves.
    pub fn growing(end: Duration, width: usize) -> Self {
        let columns = columns(width);
        let mut column = SHORTEST;
        while column.saturating_mul(columns) < end {
            column = column.saturating_mul(2);
        }
        Self { column, width }
    }

    /// The column of what had happened at a moment: a column ends with its last moment and begins behind that of the one
    /// before.
    pub fn at(&self, moment: Duration) -> usize {
        let columns = nanos(moment).div_ceil(nanos(self.column));
        usize::try_from(columns).unwrap_or(usize::MAX).clamp(1, self.width.max(1)) - 1
    }

    /// What each column shows of a figure: the largest of the readings within it. A reading stands for the time since
    /// the one before.
    pub fn spread(
        &self,
        samples: &[TimedSample],
        figure: impl Fn(Option<&TimedSample>, &TimedSample) -> Option<u64>,
    ) -> Vec<Option<u64>> {
        let mut columns = Vec::new();
        let mut earlier: Option<&TimedSample> = None;
        for sample in samples {
            let value = figure(earlier, sample);
            let from = earlier.map_or(Duration::ZERO, |earlier| earlier.at);
            let last = self.at(sample.at);
            let first = self.at(from.saturating_add(Duration::from_nanos(1))).min(last);
            if columns.len() <= last {
                columns.resize(last + 1, None);
            }
            columns[first..=last].iter_mut().for_each(|column| *column = value.max(*column));
            earlier = Some(sample);
        }
        columns.truncate(self.width);
        columns
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn columns(width: usize) -> u32 {
    u32::try_from(width).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Sample;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn pids(readings: &[(u64, Option<u64>)], axis: Axis) -> Vec<Option<u64>> {
        let sample = |(at, pids): &(u64, Option<u64>)| TimedSample {
            at: ms(*at),
            sample: Sample { pids: *pids, ..Sample::default() },
        };
        let samples: Vec<_> = readings.iter().map(sample).collect();
        axis.spread(&samples, |_, now| now.sample.pids)
    }

    #[test]
    fn a_run_that_goes_on_takes_more_than_half_of_the_columns_and_one_that_is_over_all() {
        for end in [100, 333, 1000, 10_000, 3_600_000] {
            let axis = Axis::growing(ms(end), 50);
            assert!((24..50).contains(&axis.at(ms(end))), "{end}: {axis:?}");
            assert_eq!(Axis::of_whole(ms(end), 50).at(ms(end)), 49);
        }
        assert_eq!(Axis::growing(ms(5000), 100).column, ms(50));
        assert_eq!(Axis::growing(ms(5001), 100).column, ms(100));
        assert_eq!(Axis::of_whole(ms(3), 50).at(ms(3)), 1);
    }

    #[test]
    fn a_reading_stands_for_the_time_since_the_one_before_and_the_largest_of_a_column_is_seen() {
        let fine = Axis { column: ms(25), width: 10 };
        let readings = [(50, Some(1)), (100, Some(5)), (150, None), (200, Some(2))];
        assert_eq!(pids(&readings, fine), [Some(1), Some(1), Some(5), Some(5), None, None, Some(2), Some(2)]);
        let coarse = Axis { column: ms(100), width: 10 };
        assert_eq!(pids(&readings, coarse), [Some(5), Some(2)]);
    }

    #[test]
    fn a_moment_is_in_the_column_of_the_reading_that_tells_of_it() {
        let axis = Axis { column: ms(50), width: 4 };
        assert_eq!([0, 1, 50, 51, 100, 200, 9999].map(|at| axis.at(ms(at))), [0, 0, 0, 1, 1, 3, 3]);
    }

    #[test]
    fn there_may_be_no_columns_and_no_end_of_time() {
        for new in [Axis::growing, Axis::of_whole] {
            let axis = new(Duration::MAX, 0);
            assert_eq!(axis.at(Duration::MAX), 0);
            assert_eq!(pids(&[(1, Some(1))], axis), []);
            assert_eq!(pids(&[], new(Duration::ZERO, 9)), []);
        }
    }
}
